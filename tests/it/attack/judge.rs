//! One input against three databases that differ only in what the caller may not read.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialektai::catalog::Catalog;
use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::guard::{Guarded, Refusal, RefusalCode};
use dialektai::identity::Principal;
use dialektai::policy::Database;
use dialektai::predicate::PredicateSet;

use crate::commute::plans;
use crate::commute::secrets::Secrets;
use crate::live::copies::{Permitted, Servers, pinned};
use crate::live::{Live, Observed};
use crate::tally::sorted;
use crate::world::{Indexes, Outcome};

/// How long the guard may take for one input, in a debug build on a busy machine.
const GUARD_LIMIT: Duration = Duration::from_secs(5);

/// How many accepted inputs share one look at what the session keeps.
const SESSION_EVERY: usize = 25;

/// Relations that get a column which is not in the catalog.
const WITH_HIDDEN_COLUMN: [&str; 3] = ["users", "projects", "tasks"];

/// Words whose result depends on the order in which an engine comes by its rows.
const ORDERED: [&str; 9] = [
    "LIMIT",
    "OFFSET",
    "FETCH",
    " OVER ",
    "_AGG",
    "GROUP_CONCAT",
    "DISTINCT ON",
    "ROW_NUMBER",
    "GROUP_ARRAY",
];

/// Words whose result is another a moment later.
const CLOCKS: [&str; 7] = ["NOW", "CURRENT_", "CURDATE", "CURTIME", "LOCALTIME", "UTC_", "SYSDATE"];

/// What became of one input.
pub(super) enum Verdict {
    Refused(RefusalCode),
    /// All three databases gave the same.
    Same(Outcome),
    /// They did not, as the clock or the plans of the caller's own rows explain.
    Ordered,
    /// A database took too long.
    TimedOut,
    /// The server is gone.
    Gone(String),
    Found(Finding),
}

/// What must not be.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) what: String,
    pub(super) guarded: String,
}

/// A caller, and the three databases.
pub(super) struct Judge {
    dialect: Dialect,
    principal: Principal,
    catalog: Catalog,
    filters: Arc<PredicateSet>,
    shared: Live,
    /// Every row that the caller may not read is another.
    paired: Live,
    /// Only what the caller may read.
    own: Live,
    secrets: Secrets,
    session: [Vec<Vec<String>>; 3],
    accepted: usize,
    pub(super) slowest: Duration,
}

impl Judge {
    pub(super) async fn new(
        servers: &Servers,
        database: &Database,
        principal: Principal,
        indexes: Indexes,
        dialect: Dialect,
    ) -> Self {
        let permitted = Permitted::of(database, &principal).await;
        let mut shared = servers.copy(indexes).await;
        pinned(&mut shared).await;
        let mut paired = servers.other_secrets(&permitted, indexes).await;
        let mut own = servers.own(&permitted, indexes).await;
        for (live, whose) in [(&mut shared, "shared"), (&mut paired, "paired"), (&mut own, "own")] {
            hide(live, whose).await;
        }
        let secrets = Secrets::of(database, &mut shared, &mut own).await;
        let mut judge = Self {
            dialect,
            catalog: database.catalog.clone(),
            filters: database.predicates_for(&principal).unwrap(),
            principal,
            shared,
            paired,
            own,
            secrets,
            session: Default::default(),
            accepted: 0,
            slowest: Duration::ZERO,
        };
        judge.plan(0).await;
        judge
    }

    pub(super) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Has all databases plan in another way.
    pub(super) async fn plan(&mut self, number: usize) {
        let plans = plans::of(self.dialect);
        for live in [&mut self.shared, &mut self.paired, &mut self.own] {
            choose(live, plans[number % plans.len()]).await;
        }
        self.session = self.sessions().await;
    }

    async fn sessions(&mut self) -> [Vec<Vec<String>>; 3] {
        [self.shared.session().await, self.paired.session().await, self.own.session().await]
    }

    /// Guards the input and asks all three.
    pub(super) async fn judge(&mut self, input: &str) -> Verdict {
        let guarded = match self.guard(input) {
            Ok(Ok(guarded)) => guarded,
            Ok(Err(refusal)) => return Verdict::Refused(refusal.code),
            Err(what) => return Verdict::Found(Finding { what, guarded: String::new() }),
        };
        let query = guarded.query();
        let found = |what: String| {
            let guarded = format!("{} with {:?}", query.text(), query.binds());
            Verdict::Found(Finding { what, guarded })
        };
        let shared = asked(&mut self.shared, query).await;
        let paired = asked(&mut self.paired, query).await;
        let own = asked(&mut self.own, query).await;
        for side in [&shared, &paired, &own] {
            match failure(side) {
                Some(Failure::TooSlow) => return Verdict::TimedOut,
                Some(Failure::Gone(error)) => return Verdict::Gone(error),
                None => {}
            }
        }
        if let Some(secret) = self.quoted(&shared, &own, input) {
            return found(format!("`{secret}` was seen"));
        }
        self.accepted += 1;
        if self.accepted.is_multiple_of(SESSION_EVERY) && self.sessions().await != self.session {
            return found(format!("one of the last {SESSION_EVERY} queries left something behind"));
        }
        let same = [&paired, &own].iter().all(|side| alike(&side.outcome, &shared.outcome));
        if same {
            return Verdict::Same(shared.outcome);
        }
        let upper = input.to_uppercase();
        let clock = CLOCKS.iter().any(|word| upper.contains(word));
        if clock && as_many([&shared.outcome, &paired.outcome, &own.outcome]) {
            return Verdict::Ordered;
        }
        if self.explained(query, [&shared.outcome, &paired.outcome], &upper).await {
            return Verdict::Ordered;
        }
        found(format!(
            "not the same\n  shared: {}\n  paired: {}\n  own:    {}",
            short(&shared.outcome),
            short(&paired.outcome),
            short(&own.outcome)
        ))
    }

    /// Guards the input, and says what is wrong with that.
    fn guard(&mut self, input: &str) -> Result<Result<Guarded<SelectSql>, Refusal>, String> {
        let started = Instant::now();
        let guard = || guard_sql(input, self.dialect, &self.catalog, &self.filters);
        let outcome = catch_unwind(AssertUnwindSafe(guard)).map_err(|panic| panicked(&*panic))?;
        let took = started.elapsed();
        self.slowest = self.slowest.max(took);
        if took > GUARD_LIMIT {
            return Err(format!("the guard took {took:?}"));
        }
        match outcome {
            // One part of the guard caught another.
            Err(refusal) if refusal.code == RefusalCode::Unverified => {
                Err(format!("{refusal}: the rewriter and the verifier disagree"))
            }
            outcome => Ok(outcome),
        }
    }

    /// A value that only foreign rows or hidden columns hold, in anything that the caller gets to see.
    fn quoted(&self, shared: &Observed, own: &Observed, input: &str) -> Option<String> {
        let mut texts: Vec<&String> =
            shared.warnings.iter().filter(|warning| !own.warnings.contains(warning)).collect();
        match &shared.outcome {
            Err(error) if own.outcome.as_ref().err() != Some(error) => texts.push(error),
            Err(_) => {}
            Ok(rows) => {
                let known: Vec<&String> = own.outcome.iter().flatten().flatten().collect();
                texts.extend(
                    rows.iter().flatten().filter(|cell| {
                        cell.chars().any(char::is_alphabetic) && !known.contains(cell)
                    }),
                );
            }
        }
        texts.iter().find_map(|text| self.secrets.quoted(text, input)).map(str::to_owned)
    }

    /// What the caller's own rows alone give under each plan.
    async fn alone(&mut self, query: &SelectSql) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for plan in plans::of(self.dialect) {
            choose(&mut self.own, plan).await;
            outcomes.push(self.own.run_guarded(query).await.outcome);
        }
        outcomes
    }

    /// Whether the caller's own rows alone give each of these, under one plan or another; or may, in another order.
    async fn explained(&mut self, query: &SelectSql, seen: [&Outcome; 2], upper: &str) -> bool {
        if self.dialect == Dialect::Sqlite {
            // One plan, the same for all three.
            return false;
        }
        let mut alone = self.alone(query).await;
        if self.dialect == Dialect::Mysql {
            // The smaller of two tables is read first, and which that is depends on how large they are with foreign rows.
            plans::size_as(&mut self.own, Some(&self.shared)).await;
            alone.extend(self.alone(query).await);
            plans::size_as(&mut self.own, None).await;
        }
        self.plan(0).await;
        let ordered = ORDERED.iter().any(|word| upper.contains(word));
        seen.iter().all(|seen| {
            alone
                .iter()
                .any(|alone| alike(alone, seen) || (ordered && alone.is_ok() == seen.is_ok()))
        })
    }
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the guard panics: {}", text.unwrap_or_default())
}

fn alike(left: &Outcome, right: &Outcome) -> bool {
    sorted(left) == sorted(right)
}

/// Whether all gave rows, and the same number of them.
fn as_many(outcomes: [&Outcome; 3]) -> bool {
    let [first, second, third] = outcomes.map(|outcome| outcome.as_ref().ok().map(Vec::len));
    first.is_some() && first == second && second == third
}

fn short(outcome: &Outcome) -> String {
    format!("{outcome:?}").chars().take(600).collect()
}

/// How long one statement may take.
fn limit(dialect: Dialect) -> Duration {
    let milliseconds = if dialect == Dialect::Sqlite { 300 } else { 1_000 };
    Duration::from_millis(milliseconds)
}

async fn choose(live: &mut Live, plan: &str) {
    plans::choose(live, plan).await;
    live.bound(limit(live.dialect())).await;
}

async fn asked(live: &mut Live, query: &SelectSql) -> Observed {
    if live.dialect() == Dialect::Sqlite {
        live.bound(limit(Dialect::Sqlite)).await;
    }
    live.run_guarded(query).await
}

enum Failure {
    TooSlow,
    Gone(String),
}

fn failure(observed: &Observed) -> Option<Failure> {
    const SLOW: [&str; 3] = ["interrupted", "statement timeout", "max_statement_time"];
    const GONE: [&str; 4] =
        ["error communicating with", "got 0 bytes", "server has gone away", "Broken pipe"];
    let Err(error) = &observed.outcome else { return None };
    if SLOW.iter().any(|text| error.contains(text)) {
        return Some(Failure::TooSlow);
    }
    GONE.iter().any(|text| error.contains(text)).then(|| Failure::Gone(error.clone()))
}

/// Gives some relations a column that the catalog does not know, whose values are secret even in the caller's own rows.
async fn hide(live: &mut Live, whose: &str) {
    for relation in WITH_HIDDEN_COLUMN {
        live.execute(&format!("ALTER TABLE {relation} ADD COLUMN password VARCHAR(60)")).await;
        let value = match live.dialect() {
            Dialect::Mysql => format!("concat('{whose}-password-', id)"),
            Dialect::Sqlite | Dialect::Postgresql => format!("'{whose}-password-' || id"),
            Dialect::Mssql => panic!("no SQL Server runs here"),
        };
        live.execute(&format!("UPDATE {relation} SET password = {value}")).await;
    }
}
