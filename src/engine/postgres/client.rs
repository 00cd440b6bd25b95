//! How a connection is opened, stopped and made fit for the next principal.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Row};
use tokio::time::timeout;

use super::{cursor, failure, session};
use crate::engine::pool::{Job, RawRows, Server};
use crate::engine::{AnswerColumn, EngineError};

/// How long a query that nobody waits for may take to end by itself before it is stopped.
const PATIENCE: Duration = Duration::from_millis(50);

/// What connections are opened with.
pub(super) struct Client {
    pub(super) options: PgConnectOptions,
    /// The time for one statement.
    pub(super) milliseconds: u64,
}

/// One connection.
pub(super) struct Link {
    pub(super) connection: PgConnection,
    /// The server's process for it.
    backend: i32,
}

impl Client {
    /// Opens a connection whose session is as it must be.
    pub(super) async fn open(&self) -> Result<PgConnection, EngineError> {
        let mut connection = self.bare().await?;
        session::establish(&mut connection, self.milliseconds).await?;
        Ok(connection)
    }

    /// A connection as the server gives it.
    async fn bare(&self) -> Result<PgConnection, EngineError> {
        self.options.connect().await.map_err(|error| failure::of_connect(&error))
    }
}

impl Server for Client {
    type Connection = Link;
    type Column = AnswerColumn;

    async fn connect(&self) -> Result<Link, EngineError> {
        let mut connection = self.open().await?;
        let rows = session::rows(&mut connection, "SELECT pg_backend_pid()::text".to_owned()).await;
        let rows = rows.map_err(|error| failure::of_query(&error))?;
        let backend = rows.first().and_then(|row| row.try_get::<String, _>(0).ok()?.parse().ok());
        let backend = backend.ok_or(EngineError::Unavailable)?;
        Ok(Link { connection, backend })
    }

    async fn begin(&self, link: &mut Link) -> Result<(), EngineError> {
        let text = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned();
        let begun = session::simple(&mut link.connection, text).await;
        begun.map_err(|error| failure::of_query(&error))
    }

    async fn run(&self, link: &mut Link, job: &Job) -> Result<RawRows<AnswerColumn>, EngineError> {
        cursor::run(&mut link.connection, job).await
    }

    async fn stop(&self, link: &mut Link) -> Result<(), EngineError> {
        if let Ok(ended) = timeout(PATIENCE, ready(&mut link.connection)).await {
            return ended;
        }
        // The driver sends no cancel requests, so another connection asks. `true` means that the signal was sent,
        // which is before the next statement of that connection: it cannot hit a later one.
        let mut other = self.bare().await?;
        let text = format!("SELECT pg_catalog.pg_cancel_backend({})", link.backend);
        let asked = session::simple(&mut other, text).await;
        drop(other.close().await);
        asked.map_err(|error| failure::of_query(&error))?;
        ready(&mut link.connection).await
    }

    async fn reset(&self, link: &mut Link) -> Result<(), EngineError> {
        for text in ["ROLLBACK", "DISCARD ALL"] {
            let done = session::simple(&mut link.connection, text.to_owned()).await;
            done.map_err(|error| failure::of_query(&error))?;
        }
        session::establish(&mut link.connection, self.milliseconds).await
    }
}

/// Reads what the server still sends, up to where it waits for the next statement. The error of a statement that was
/// stopped comes on the way.
async fn ready(connection: &mut PgConnection) -> Result<(), EngineError> {
    loop {
        match connection.ping().await {
            Ok(()) => return Ok(()),
            Err(error) if error.as_database_error().is_some() => {
                let failure = failure::of_query(&error);
                if failure == EngineError::Unavailable {
                    return Err(failure);
                }
            }
            Err(error) => return Err(failure::of_query(&error)),
        }
    }
}
