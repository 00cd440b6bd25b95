//! PostgreSQL: every query in a read-only transaction of its own, on a connection whose session was verified.

mod address;
mod array;
mod client;
mod columns;
mod cursor;
mod failure;
mod instant;
mod introspect;
mod session;
mod types;
mod value;

use super::mask_key::MaskKey;
use super::pool::{Job, Pool};
use super::{EngineError, Introspected, Rows, url};
use crate::catalog::Catalog;
use crate::guard::sql::SelectSql;
use crate::policy::settings::{Limits, Settings};
use client::Client;

/// Time for each statement that looks at what the database holds, in milliseconds.
const LOOK: u64 = 60_000;

/// A PostgreSQL server. Connections are made when they are needed.
pub struct Postgres {
    pool: Pool<Client>,
    limits: Limits,
    pub(super) mask_key: MaskKey,
}

impl Postgres {
    /// Reads where the server is; does not connect.
    pub(super) fn open(settings: &Settings) -> Result<Self, EngineError> {
        let options = address::read(&url(settings)?)?;
        let limits = settings.limits;
        let pool = Pool::new(Client { options, milliseconds: limits.milliseconds });
        Ok(Self { pool, limits, mask_key: MaskKey::of(settings) })
    }

    /// Runs a guarded query. Answers bring their types along, so the catalog is not asked.
    pub(super) async fn run(
        &self,
        query: &SelectSql,
        _catalog: &Catalog,
    ) -> Result<Rows, EngineError> {
        self.pool.run(Job::new(query, self.limits, &self.mask_key)?).await.map(Rows::from)
    }

    /// Reads what the database holds.
    pub(super) async fn introspect(&self) -> Result<Introspected, EngineError> {
        let options = self.pool.server().options.clone();
        introspect::read(&Client { options, milliseconds: LOOK }).await
    }
}
