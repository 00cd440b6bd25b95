//! One database as it is served: its policies, and the gate before its engine.

use std::path::Path;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::gate::Gate;
use crate::engine::{Engine, EngineError, Rows};
use crate::guard::GuardedQuery;
use crate::policy::Database;

/// How much later than the engine's own limit a query that had to wait for a check is given up.
const GRACE: std::time::Duration = std::time::Duration::from_secs(1);

/// Why a database is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotServed {
    /// Its folder does not load.
    #[error("the database is not served: its policies are not valid")]
    InvalidPolicies,
    /// It has not been looked at, because it does not answer.
    #[error(transparent)]
    Unreachable(EngineError),
    /// It was looked at, and does not fit its policies.
    #[error("the database is not served: it did not pass its check")]
    CheckFailed,
}

impl NotServed {
    /// Every word that [`Self::problem`] has.
    pub const PROBLEMS: [&'static str; 3] = ["invalid_policies", "unreachable", "check_failed"];

    /// What is amiss, for a list of databases.
    pub fn problem(self) -> &'static str {
        match self {
            Self::InvalidPolicies => "invalid_policies",
            Self::Unreachable(_) => "unreachable",
            Self::CheckFailed => "check_failed",
        }
    }

    /// The code as it is sent to whoever asks.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidPolicies | Self::CheckFailed => "database_refused",
            Self::Unreachable(error) => match error {
                EngineError::Login | EngineError::Tls | EngineError::Full | EngineError::Busy => {
                    error.code()
                }
                EngineError::Unavailable
                | EngineError::MaskKey(_)
                | EngineError::Url(_)
                | EngineError::Unsupported(_)
                | EngineError::Failed
                | EngineError::Timeout
                | EngineError::Memory => EngineError::Unavailable.code(),
            },
        }
    }
}

/// A database with its policies. Its engine is had through a check only.
pub struct Served {
    /// What decides.
    pub database: Arc<Database>,
    gate: Arc<Gate>,
}

impl Served {
    /// A loaded folder's database, which nobody has looked at yet.
    pub(super) fn new(database: Database, folder: &Path) -> Self {
        let database = Arc::new(database);
        let gate = Gate::new(Arc::clone(&database), folder.to_owned());
        Self { database, gate: Arc::new(gate) }
    }

    /// Opens and checks the database of a loaded folder; [`Self::problem`] says how that went.
    pub async fn open(database: Database, folder: &Path) -> Self {
        let served = Self::new(database, folder);
        served.check().await;
        served
    }

    /// Looks at the database again, or for the first time, and waits for it: at most half a minute.
    pub(super) async fn check(&self) {
        self.gate.check().await;
    }

    /// Why nothing runs, where nothing does. Looks again where that is due, and does not wait for it.
    pub fn problem(&self) -> Option<NotServed> {
        self.gate.problem()
    }

    /// The codes of what the last check found wrong, where nothing runs.
    pub(super) fn codes(&self) -> Vec<&'static str> {
        self.gate.codes()
    }

    /// The engine, for one query, once the check has passed: waits for a check under way no longer than a query may
    /// take.
    pub(super) async fn checked(&self) -> Result<Checked<'_>, NotServed> {
        let deadline = Instant::now() + self.database.settings.limits.timeout();
        let engine = self.gate.pass(deadline).await?;
        Ok(Checked { database: &self.database, engine, deadline })
    }
}

/// A database whose check has passed.
pub(super) struct Checked<'a> {
    database: &'a Database,
    engine: Arc<Engine>,
    deadline: Instant,
}

impl Checked<'_> {
    /// Runs a guarded query. The time that was spent on waiting for the check is gone.
    pub(super) async fn run(&self, query: &GuardedQuery) -> Result<Rows, EngineError> {
        let rows = self.engine.answer(query, &self.database.catalog);
        timeout_at(self.deadline + GRACE, rows).await.unwrap_or(Err(EngineError::Timeout))
    }
}
