//! MySQL and MariaDB: every query in a read-only transaction, on a verified connection of its own.

mod address;
mod client;
mod failure;
mod introspect;
mod keys;
mod privileges;
mod session;
#[cfg(test)]
mod tests;
mod types;
mod values;

use std::time::Duration;

use super::mask_key::MaskKey;
use super::pool::{Job, Pool};
use super::{EngineError, Introspected, Rows, url};
use crate::catalog::Catalog;
use crate::guard::sql::SelectSql;
use crate::policy::settings::{Limits, Settings};
use client::Client;

/// Time for each statement that looks at what the database holds.
const LOOK: Duration = Duration::from_mins(1);

/// A MySQL or MariaDB server. Connections are made when they are needed.
pub struct Mysql {
    pool: Pool<Client>,
    limits: Limits,
    pub(super) mask_key: MaskKey,
}

impl Mysql {
    /// Reads where the server is; does not connect.
    pub(super) fn open(settings: &Settings) -> Result<Self, EngineError> {
        let options = address::read(&url(settings)?)?;
        let limits = settings.limits;
        let pool = Pool::new(Client { options, limit: limits.timeout() });
        Ok(Self { pool, limits, mask_key: MaskKey::of(settings) })
    }

    /// Runs a guarded query.
    pub(super) async fn run(
        &self,
        query: &SelectSql,
        catalog: &Catalog,
    ) -> Result<Rows, EngineError> {
        self.run_job(Job::new(query, self.limits, &self.mask_key)?, catalog).await
    }

    async fn run_job(&self, job: Job, catalog: &Catalog) -> Result<Rows, EngineError> {
        let raw = self.pool.run(job).await?;
        Ok(values::into_rows(raw, catalog))
    }

    /// Reads what the database holds.
    pub(super) async fn introspect(&self) -> Result<Introspected, EngineError> {
        introspect::read(&self.pool.server().options, LOOK).await
    }
}
