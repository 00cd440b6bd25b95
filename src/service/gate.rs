//! The gate before an engine: closed until a check of this version of the policies has passed.
//!
//! A database that is down, or does not fit, is looked at again by itself: whoever asks for it starts the next check
//! when one is due, and everybody else waits for that same check. Between checks there is a pause that grows, in which
//! requests are turned away at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::served::NotServed;
use crate::check::{self, Finding, Severity};
use crate::engine::{Engine, EngineError};
use crate::policy::Database;

/// How long one look at a database may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after the first check that did not pass; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause: how long a database may be back before anybody notices.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Opens a database and compares it with its folder; the findings hold no error where it may be served.
pub async fn look(
    database: &Database,
    folder: &Path,
) -> Result<(Engine, Vec<Finding>), EngineError> {
    let look = async {
        let engine = Engine::open(&database.settings, folder).await?;
        let findings = compare(database, &engine).await?;
        Ok((engine, findings))
    };
    timeout(CHECK_TIMEOUT, look).await.unwrap_or(Err(EngineError::Timeout))
}

async fn compare(database: &Database, engine: &Engine) -> Result<Vec<Finding>, EngineError> {
    let live = engine.introspect().await?;
    let mut findings = check::settings(&database.settings);
    findings.extend(engine.mask_key_problem().map(check::unreachable));
    findings.extend(check::live(database, &live));
    Ok(findings)
}

/// Counts the documents that filters leave out because they do not have what the folder says. Too slow to be done before
/// each start, and nothing that a query could tell: for an operator who asks.
pub async fn census(database: &Database, engine: &Engine) -> Vec<Finding> {
    let mut findings = Vec::new();
    for relation in &database.catalog.relations {
        let columns = check::counted(database, relation);
        if columns.is_empty() {
            continue;
        }
        let counted = engine.census(relation, &columns).await;
        if let Some(counted) = counted.transpose() {
            findings.extend(check::census(&database.settings, relation, counted));
        }
    }
    findings
}

/// See the module.
pub(super) struct Gate {
    database: Arc<Database>,
    folder: PathBuf,
    state: watch::Sender<State>,
}

/// Whether queries run.
// INVARIANT (checked): only a check that found no error makes `Open`.
#[derive(Clone)]
enum State {
    Closed(Closed),
    Checking { before: Closed },
    Open { engine: Arc<Engine>, findings: Arc<[Finding]> },
}

/// Why queries do not run, and when to look again.
#[derive(Clone)]
struct Closed {
    reason: NotServed,
    findings: Arc<[Finding]>,
    due: Instant,
    pause: Duration,
}

impl Gate {
    pub(super) fn new(database: Arc<Database>, folder: PathBuf) -> Self {
        let closed = Closed {
            reason: NotServed::Unreachable(EngineError::Unavailable),
            findings: Arc::default(),
            due: Instant::now(),
            pause: FIRST_PAUSE,
        };
        Self { database, folder, state: watch::Sender::new(State::Closed(closed)) }
    }

    /// Why nothing runs, where nothing does; starts a check that is due.
    pub(super) fn problem(self: &Arc<Self>) -> Option<NotServed> {
        self.start_if_due();
        match &*self.state.borrow() {
            State::Closed(closed) | State::Checking { before: closed } => Some(closed.reason),
            State::Open { .. } => None,
        }
    }

    /// The codes of the errors for which nothing runs.
    pub(super) fn codes(&self) -> Vec<&'static str> {
        match &*self.state.borrow() {
            State::Closed(closed) | State::Checking { before: closed } => closed
                .findings
                .iter()
                .filter(|finding| finding.severity() == Severity::Error)
                .map(|finding| finding.matter.code())
                .collect(),
            State::Open { .. } => Vec::new(),
        }
    }

    /// The engine, once a check has passed; waits until `deadline` for one that is under way.
    pub(super) async fn pass(
        self: &Arc<Self>,
        deadline: Instant,
    ) -> Result<Arc<Engine>, NotServed> {
        self.start_if_due();
        let mut states = self.state.subscribe();
        let settled = states.wait_for(|state| !matches!(state, State::Checking { .. }));
        let unavailable = NotServed::Unreachable(EngineError::Unavailable);
        match timeout_at(deadline, settled).await {
            Ok(Ok(state)) => match &*state {
                State::Open { engine, .. } => Ok(Arc::clone(engine)),
                State::Closed(closed) | State::Checking { before: closed } => Err(closed.reason),
            },
            Ok(Err(_)) | Err(_) => Err(unavailable),
        }
    }

    /// Looks now, whatever was found before, and waits for it.
    pub(super) async fn check(self: &Arc<Self>) {
        let open = match &*self.state.borrow() {
            State::Open { engine, findings } => Some((Arc::clone(engine), Arc::clone(findings))),
            State::Closed(_) | State::Checking { .. } => None,
        };
        if let Some((engine, before)) = open {
            return self.check_again(&engine, &before).await;
        }
        self.state.send_if_modified(|state| {
            if let State::Closed(closed) = state {
                closed.due = Instant::now();
                closed.pause = FIRST_PAUSE;
            }
            false
        });
        // How it ends is in the state.
        drop(self.pass(Instant::now() + CHECK_TIMEOUT + FIRST_PAUSE).await);
    }

    /// A database that was served is refused if it does not fit any more; if it does not answer, that is nothing new to
    /// its queries.
    async fn check_again(&self, engine: &Arc<Engine>, before: &Arc<[Finding]>) {
        let compared = timeout(CHECK_TIMEOUT, compare(&self.database, engine)).await;
        match compared.unwrap_or(Err(EngineError::Timeout)) {
            Ok(findings) => self.settle(Arc::clone(engine), findings, before, FIRST_PAUSE),
            Err(error) => {
                let (database, code) = (&self.database.id, error.code());
                tracing::warn!(target: TARGET, %database, code, "the database could not be checked");
            }
        }
    }

    /// Starts a check where one is due and nobody has started it.
    fn start_if_due(self: &Arc<Self>) {
        let mut started = None;
        self.state.send_if_modified(|state| {
            let State::Closed(closed) = state else { return false };
            if closed.due > Instant::now() {
                return false;
            }
            started = Some(closed.clone());
            *state = State::Checking { before: closed.clone() };
            true
        });
        let Some(before) = started else { return };
        let gate = Arc::clone(self);
        // In a task of its own: whoever started it may leave. One more around it, so that even a bug in it leaves the
        // gate closed and not waiting for ever.
        tokio::spawn(async move {
            let (database, folder) = (Arc::clone(&gate.database), gate.folder.clone());
            let looked = tokio::spawn(async move { look(&database, &folder).await }).await;
            match looked.unwrap_or(Err(EngineError::Failed)) {
                Ok((engine, findings)) => {
                    gate.settle(Arc::new(engine), findings, &before.findings, before.pause);
                }
                Err(error) => {
                    let reason = NotServed::Unreachable(error);
                    let findings = vec![check::unreachable(error)];
                    gate.close(reason, findings, &before.findings, before.pause);
                }
            }
        });
    }

    fn settle(
        &self,
        engine: Arc<Engine>,
        findings: Vec<Finding>,
        before: &[Finding],
        pause: Duration,
    ) {
        if check::has_errors(&findings) {
            // The engine goes with it: what it has open may not be what is looked at next.
            self.close(NotServed::CheckFailed, findings, before, pause);
        } else {
            self.report(&findings, before);
            let open = State::Open { engine, findings: findings.into() };
            if !matches!(self.state.send_replace(open), State::Open { .. }) {
                let (database, policy_version) = (&self.database.id, self.database.version());
                tracing::info!(target: TARGET, %database, policy_version, "the database is served");
            }
        }
    }

    fn close(
        &self,
        reason: NotServed,
        findings: Vec<Finding>,
        before: &[Finding],
        pause: Duration,
    ) {
        self.report(&findings, before);
        let due = Instant::now() + pause;
        let pause = (pause * 2).min(LONGEST_PAUSE);
        let closed = Closed { reason, findings: findings.into(), due, pause };
        self.state.send_replace(State::Closed(closed));
    }

    /// Writes one event for each finding, unless the same was said last time.
    fn report(&self, findings: &[Finding], before: &[Finding]) {
        if findings != before {
            report(self.database.id.as_str(), Some(self.database.version()), findings);
        }
    }
}

/// The `target` of every event of a check.
const TARGET: &str = "dialektai::check";

/// The log of a check: one event for each finding.
pub(super) fn report(database: &str, policy_version: Option<&str>, findings: &[Finding]) {
    for finding in findings {
        let code = finding.matter.code();
        let place = finding.place();
        let hint = finding.matter.hint();
        let message = finding.matter.to_string();
        match finding.severity() {
            Severity::Error => tracing::error!(
                target: TARGET,
                database,
                policy_version,
                code,
                place,
                hint = hint.as_deref(),
                "{message}"
            ),
            Severity::Note => tracing::info!(
                target: TARGET,
                database,
                policy_version,
                code,
                place,
                hint = hint.as_deref(),
                "{message}"
            ),
            Severity::Warning => tracing::warn!(
                target: TARGET,
                database,
                policy_version,
                code,
                place,
                hint = hint.as_deref(),
                "{message}"
            ),
        }
    }
}
