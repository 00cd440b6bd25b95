//! SQL Server: one query a connection, in a transaction that is never committed.
//!
//! SQL Server has no read-only transaction. What stands between a query and a write is the guard, which prints nothing
//! but a SELECT; the login, which need not have more than SELECT (`check` says what it has beyond that); and the
//! transaction around the query, which is rolled back whatever happens.
//!
//! A session is reset by a bit in the header of the next request (`RESETCONNECTION`), which the driver does not set, and
//! `sp_reset_connection` cannot be called by name. So no connection serves twice: nothing that one principal's query
//! might leave behind meets another's, at the price of a login for each query.

mod address;
mod answer;
mod calendar;
mod connection;
mod failure;
mod introspect;
mod session;
mod values;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::mask_key::MaskKey;
use super::pool::{Job, Pool, RawRows, Server};
use super::{AnswerColumn, EngineError, Introspected, Rows};
use crate::catalog::Catalog;
use crate::guard::sql::SelectSql;
use crate::policy::settings::{Limits, Settings};
use address::Address;
use connection::Connection;
use session::Session;
use values::CodePages;

/// Time for reading a whole catalog.
const INTROSPECTION: Duration = Duration::from_mins(1);

/// A SQL Server server. Connections are made when they are needed.
pub struct Mssql {
    pool: Pool<Login>,
    pub(super) mask_key: MaskKey,
}

impl Mssql {
    /// Reads where the server is; does not connect.
    pub(super) fn open(settings: &Settings) -> Result<Self, EngineError> {
        let address = Address::parse(&super::url(settings)?)?;
        Ok(Self {
            pool: Pool::new(Login {
                address,
                limits: settings.limits,
                has_utf8: AtomicBool::new(false),
            }),
            mask_key: MaskKey::of(settings),
        })
    }

    /// Runs a guarded query.
    pub(super) async fn run(
        &self,
        query: &SelectSql,
        catalog: &Catalog,
    ) -> Result<Rows, EngineError> {
        let login = self.pool.server();
        login.learn(catalog);
        self.pool.run(Job::new(query, login.limits, &self.mask_key)?).await.map(Rows::from)
    }

    /// Reads what the database holds.
    pub(super) async fn introspect(&self) -> Result<Introspected, EngineError> {
        let login = self.pool.server();
        let read = async {
            let mut opened = login.connect().await?;
            introspect::read(&mut opened.connection).await
        };
        timeout(INTROSPECTION, read).await.unwrap_or(Err(EngineError::Timeout))
    }
}

/// How sessions of one database are opened.
struct Login {
    address: Address,
    limits: Limits,
    /// Whether a catalog that this database was asked with has a text of a `_UTF8` collation.
    has_utf8: AtomicBool,
}

/// A connection and what its session turned out to be.
struct Opened {
    connection: Connection,
    session: Session,
    /// Whether the server has ended an answer with an error, so that nothing runs there.
    ended: bool,
}

impl Login {
    fn learn(&self, catalog: &Catalog) {
        let columns = catalog.relations.iter().flat_map(|relation| &relation.columns);
        let mut collations = columns.filter_map(|column| column.collation.as_deref());
        if collations.any(|name| CodePages::of_collation(name) == CodePages::MaybeUtf8) {
            self.has_utf8.store(true, Ordering::Relaxed);
        }
    }

    fn pages(&self, session: Session) -> CodePages {
        if self.has_utf8.load(Ordering::Relaxed) { CodePages::MaybeUtf8 } else { session.pages }
    }
}

impl Server for Login {
    type Connection = Opened;
    type Column = AnswerColumn;

    async fn connect(&self) -> Result<Opened, EngineError> {
        let mut connection = connection::open(&self.address).await?;
        let database = self.address.database.as_deref();
        let session = session::prepare(&mut connection, self.limits, database).await?;
        Ok(Opened { connection, session, ended: false })
    }

    async fn begin(&self, opened: &mut Opened) -> Result<(), EngineError> {
        let begun = connection::rows(&mut opened.connection, "BEGIN TRANSACTION").await;
        begun.map(drop).map_err(|error| failure::of_statement(&error))
    }

    async fn run(
        &self,
        opened: &mut Opened,
        job: &Job,
    ) -> Result<RawRows<AnswerColumn>, EngineError> {
        let pages = self.pages(opened.session);
        let answer = answer::read(&mut opened.connection, job, pages).await;
        answer.map_err(|interrupted| {
            opened.ended = interrupted.by_the_server();
            interrupted.code()
        })
    }

    /// Sends an attention and waits until the server has acknowledged it.
    /// <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/dc28579f-49b1-4a78-9c5f-63fbda002d2e>
    async fn stop(&self, opened: &mut Opened) -> Result<(), EngineError> {
        if opened.ended {
            return Ok(());
        }
        let stopped = opened.connection.cancel_query().await;
        stopped.map_err(|error| failure::of_statement(&error))
    }

    /// Never succeeds, so that the pool drops the connection: the server then rolls back and forgets the session.
    // INVARIANT (isolation): no session serves two queries.
    async fn reset(&self, _opened: &mut Opened) -> Result<(), EngineError> {
        Err(EngineError::Unavailable)
    }
}
