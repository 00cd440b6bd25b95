//! The answer to a guarded command: sent, read to its end or to the limits, and made rows.

use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use bson::{Bson, Document};
use mongodb::Cursor;
use mongodb::error::Error;
use tokio::time::Instant;

use super::client::Client;
use super::command::{Bounds, bounded};
use super::table::{self, Table};
use super::{failure, value};
use crate::engine::{EngineError, Rows};
use crate::guard::mongo::{CommandKind, MongoCommand, Reply};
use crate::policy::settings::Limits;

/// The most documents in one reply of the server. Replies have at most 16 MiB whatever they hold.
const BATCH: usize = 1_024;

/// The field of a count, and the name of its column.
const COUNT: &str = "n";

/// One command on its way.
pub(super) struct Job {
    pub(super) command: MongoCommand,
    /// What its answer may weigh.
    pub(super) limits: Limits,
    /// When it must be done.
    pub(super) deadline: Instant,
}

/// Runs a command and reads its answer.
pub(super) async fn read(client: &Client, job: &Job) -> Result<Rows, EngineError> {
    match (job.command.reply(), job.command.kind()) {
        (Reply::Documents, _) => documents(client, job).await,
        (Reply::Count, CommandKind::Count) => {
            let reply = reply(client, job).await?;
            counted(number(reply.get(COUNT)), job.limits)
        }
        (Reply::Count, CommandKind::Aggregate | CommandKind::Find | CommandKind::Distinct) => {
            let mut cursor = cursor(client, job).await?;
            let some = cursor.advance().await.map_err(|error| client.failure(&error))?;
            let count = if some {
                let document = Document::try_from(cursor.current())
                    .map_err(|error| value::malformed(&error))?;
                number(document.get(COUNT))
            } else {
                // No document reaches the count, so there is none.
                Some(0)
            };
            counted(count, job.limits)
        }
        (Reply::Values, _) => {
            let reply = reply(client, job).await?.to_vec().and_then(RawDocumentBuf::from_bytes);
            values(&reply.map_err(|error| value::malformed(&error))?, job)
        }
    }
}

async fn documents(client: &Client, job: &Job) -> Result<Rows, EngineError> {
    let mut cursor = cursor(client, job).await?;
    let mut table = Table::new(job.limits);
    while cursor.advance().await.map_err(|error| client.failure(&error))? {
        if !table.push(cursor.current())? {
            // What is left of the server's cursor is killed as this one is dropped.
            break;
        }
    }
    Ok(table.into_rows())
}

fn counted(count: Option<i64>, limits: Limits) -> Result<Rows, EngineError> {
    let count = count.ok_or(EngineError::Failed)?;
    table::of_values(COUNT, [RawBsonRef::Int64(count)], limits)
}

fn values(reply: &RawDocument, job: &Job) -> Result<Rows, EngineError> {
    let array = reply.get_array("values").map_err(|_| EngineError::Failed)?;
    let key = job.command.command().get_str("key").map_err(|_| EngineError::Failed)?;
    let values: Result<Vec<RawBsonRef<'_>>, _> = array.into_iter().collect();
    table::of_values(key, values.map_err(|error| value::malformed(&error))?, job.limits)
}

/// A count as servers write it: of any type of number.
fn number(value: Option<&Bson>) -> Option<i64> {
    match value? {
        Bson::Int32(number) => Some((*number).into()),
        Bson::Int64(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "a whole number, well within 64 bits")]
        Bson::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Some(*number as i64)
        }
        _ => None,
    }
}

async fn cursor(client: &Client, job: &Job) -> Result<Cursor<Document>, EngineError> {
    sent(client, job, |command| client.cursor(command, job.batch())).await
}

async fn reply(client: &Client, job: &Job) -> Result<Document, EngineError> {
    sent(client, job, |command| client.reply(command)).await
}

/// Sends a command, and once more where the first connection turned out to be gone: a server was restarted, or is the
/// primary no more. Nothing has been read by then, and reading changes nothing.
async fn sent<T, F: Future<Output = Result<T, Error>>>(
    client: &Client,
    job: &Job,
    send: impl Fn(RawDocumentBuf) -> F,
) -> Result<T, EngineError> {
    let outcome = match send(job.bounded()?).await {
        Err(error) if failure::may_pass(&error) => {
            tracing::debug!(%error, "a connection was lost");
            send(job.bounded()?).await
        }
        outcome => outcome,
    };
    outcome.map_err(|error| client.failure(&error))
}

impl Job {
    /// The command with what is left of its time.
    fn bounded(&self) -> Result<RawDocumentBuf, EngineError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let milliseconds = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        bounded(self.command.command(), Bounds { milliseconds, batch: self.batch() })
    }

    /// One more than an answer holds shows that there are more.
    fn batch(&self) -> u32 {
        u32::try_from(self.limits.rows.saturating_add(1).min(BATCH)).unwrap_or(u32::MAX)
    }
}
