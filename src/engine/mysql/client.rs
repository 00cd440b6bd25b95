//! How a connection is opened, used once, stopped and replaced.
//!
//! The driver does not speak `COM_RESET_CONNECTION`, and no statement takes back all that a session can hold (user
//! variables, temporary tables, locks). So a connection serves one query: what the pool keeps idle is a connection that
//! was opened and verified and has not been used.

use std::time::Duration;

use futures_util::StreamExt;
use sqlx::mysql::{MySql, MySqlArguments, MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, Connection, Either, Executor, Row, SqlSafeStr, Statement};
use tokio::time::sleep;

use super::failure;
use super::session::{self, Session};
use super::values::{self, Described};
use crate::engine::EngineError;
use crate::engine::pool::{Gathered, Job, RawRows, Server};
use crate::predicate::Value;

/// Between two looks at whether the server has stopped.
const LOOK: Duration = Duration::from_millis(10);

/// What connections are opened with.
pub(super) struct Client {
    pub(super) options: MySqlConnectOptions,
    /// The time for one statement.
    pub(super) limit: Duration,
}

impl Server for Client {
    type Connection = Session;
    type Column = Described;

    async fn connect(&self) -> Result<Session, EngineError> {
        Session::open(&self.options, self.limit).await
    }

    async fn begin(&self, session: &mut Session) -> Result<(), EngineError> {
        let begun = session::execute(session.wire()?, "START TRANSACTION READ ONLY").await;
        begun.map_err(|error| failure::of_query(&error))
    }

    async fn run(
        &self,
        session: &mut Session,
        job: &Job,
    ) -> Result<RawRows<Described>, EngineError> {
        if !is_query(&job.text) {
            tracing::error!("the engine was given something else than a query");
            return Err(EngineError::Failed);
        }
        // If this is dropped on the way, the server is still at work.
        session.settled = false;
        let outcome = collect(session.wire()?, job).await;
        session.settled = match &outcome {
            Ok(raw) => !raw.truncated,
            Err(sqlx::Error::Database(_)) => true,
            Err(_) => false,
        };
        outcome.map_err(|error| failure::of_query(&error))
    }

    async fn stop(&self, session: &mut Session) -> Result<(), EngineError> {
        if session.settled {
            return Ok(());
        }
        session.hang_up();
        let mut other = session::bare(&self.options).await?;
        let stopped = kill(&mut other, session).await;
        drop(other.close().await);
        stopped.map_err(|error| failure::of_query(&error))
    }

    // INVARIANT (isolation): what one principal's query leaves behind goes with its connection.
    async fn reset(&self, session: &mut Session) -> Result<(), EngineError> {
        session.close().await;
        let mut next = self.connect().await?;
        let gone = until_gone(next.wire()?, session).await;
        gone.map_err(|error| failure::of_query(&error))?;
        *session = next;
        Ok(())
    }
}

/// Returns when the server has seen that a connection took its leave: until then it holds its locks.
async fn until_gone(wire: &mut MySqlConnection, session: &Session) -> Result<(), sqlx::Error> {
    let there = format!(
        "SELECT count(*) FROM information_schema.PROCESSLIST WHERE ID = {} AND HOST = '{}'",
        session.id,
        session.seen_at.replace('\'', "''")
    );
    while session::one(wire, there.as_str()).await? != "0" {
        sleep(LOOK).await;
    }
    Ok(())
}

/// `ER_NO_SUCH_THREAD`: the connection has ended.
const NO_SUCH_THREAD: u16 = 1094;

/// `ER_KILL_DENIED_ERROR`: while a routine or view runs with its definer's rights, the connection is the definer's.
const KILL_DENIED: u16 = 1095;

/// Ends the connection of a session at the server, and returns when it is gone.
///
/// A server looks at whether its client is there only when it writes, so hanging up stops nothing that computes. The
/// number alone could be another connection's: behind a balancer, or after a restart.
async fn kill(other: &mut MySqlConnection, session: &Session) -> Result<(), sqlx::Error> {
    let id = session.id;
    loop {
        let there = format!("SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = {id}");
        // Not listed: it has ended, or it is its definer's for now.
        let listed = session::fetch_all(other, there).await?;
        let seen_at = listed.first().map(|row| session::text_at(row, 0)).transpose()?.flatten();
        if seen_at.is_some_and(|seen_at| seen_at != session.seen_at) {
            return Ok(());
        }
        match session::execute(other, format!("KILL CONNECTION {id}")).await {
            Ok(()) => {}
            Err(error) => match failure::number(&error) {
                Some(NO_SUCH_THREAD) => return Ok(()),
                Some(KILL_DENIED) => {}
                _ => return Err(error),
            },
        }
        sleep(LOOK).await;
    }
}

/// Whether the text begins like a query. Only one statement can be prepared at a time, and the transaction only reads.
fn is_query(text: &str) -> bool {
    let start = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '(');
    let word: String = start.chars().take_while(char::is_ascii_alphabetic).collect();
    ["SELECT", "WITH", "VALUES"].iter().any(|start| word.eq_ignore_ascii_case(start))
}

async fn collect(wire: &mut MySqlConnection, job: &Job) -> Result<RawRows<Described>, sqlx::Error> {
    let mut described = None;
    let mut gathered = Gathered::new(job.limits);
    {
        let mut stream = (&mut *wire).fetch_many(statement(job));
        while let Some(item) = stream.next().await {
            let Either::Right(row) = item? else { continue };
            let columns = described.get_or_insert_with(|| Described::of(row.columns()));
            if !gathered.push(values::cells(&row, columns)?) {
                break;
            }
        }
    }
    let described = if let Some(described) = described {
        described
    } else {
        // No row came, and only rows carry their columns. The statement is still prepared.
        let text = AssertSqlSafe(job.text.as_str()).into_sql_str();
        Described::of(wire.prepare(text).await?.columns())
    };
    Ok(gathered.into_rows(described))
}

/// The only place where text that is not the engine's own becomes a statement.
// INVARIANT (isolation): the text is that of a `Guarded` query; see `Engine::run`.
#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
fn statement(job: &Job) -> sqlx::query::Query<'_, MySql, MySqlArguments> {
    let mut query = sqlx::query(AssertSqlSafe(job.text.as_str()));
    for bind in &job.binds {
        query = match bind {
            Value::Long(number) | Value::Datetime(number) => query.bind(*number),
            Value::String(text) => query.bind(text.clone()),
            Value::Bool(truth) => query.bind(*truth),
        };
    }
    query
}

#[cfg(test)]
mod tests {
    use super::is_query;

    #[test]
    fn only_queries_begin_like_one() {
        for text in
            ["SELECT 1", " (SELECT 1)", "with x AS (SELECT 1) SELECT * FROM x", "VALUES (1)"]
        {
            assert!(is_query(text), "{text}");
        }
        for text in ["", "SET sql_mode = ''", "CALL p()", "INSERT INTO t VALUES (1)", "SELECTED"] {
            assert!(!is_query(text), "{text}");
        }
    }
}
