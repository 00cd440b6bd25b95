//! PostgreSQL.

use super::{EngineError, Introspected, Rows};
use crate::catalog::Catalog;
use crate::guard::sql::SelectSql;
use crate::policy::settings::Settings;

/// A PostgreSQL server. Connections are made when they are needed.
pub struct Postgres {}

impl Postgres {
    /// Reads where the server is; does not connect.
    pub(super) fn open(settings: &Settings) -> Result<Self, EngineError> {
        Err(EngineError::Unsupported(settings.engine))
    }

    /// Runs a guarded query.
    #[expect(clippy::unused_async, reason = "filled in next")]
    pub(super) async fn run(
        &self,
        _query: &SelectSql,
        _catalog: &Catalog,
    ) -> Result<Rows, EngineError> {
        Err(EngineError::Unavailable)
    }

    /// Reads what the database holds.
    #[expect(clippy::unused_async, reason = "filled in next")]
    pub(super) async fn introspect(&self) -> Result<Introspected, EngineError> {
        Err(EngineError::Unavailable)
    }
}
