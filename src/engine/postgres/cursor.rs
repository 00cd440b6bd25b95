//! One query: a cursor is declared for it, and its rows are fetched in batches of text.
//!
//! A cursor, because the server reads only as much as is asked for, `DECLARE` takes nothing but a query that does not
//! write (a second lock on the guard's door), and rows can be had as text whatever their types are: the binary form of
//! `money` lacks its scale, some types have none, and the driver describes no statement with a multirange in it. The
//! price is that the server plans no parallel workers.

use futures_util::TryStreamExt;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Executor, Postgres, SqlSafeStr, Statement};

use super::columns::Columns;
use super::instant::Instant;
use super::{failure, session};
use crate::engine::pool::{Gathered, Job, RawRows};
use crate::engine::{AnswerColumn, EngineError};
use crate::predicate::Value;

/// Rows of the first batch, which is held until the types of its columns are known.
const FIRST: usize = 16;

/// Rows of every further batch.
const BATCH: usize = 256;

/// Runs a query in the transaction that is open.
pub(super) async fn run(
    connection: &mut PgConnection,
    job: &Job,
) -> Result<RawRows<AnswerColumn>, EngineError> {
    let text = format!("DECLARE answer NO SCROLL CURSOR WITHOUT HOLD FOR {}", job.text);
    declare(connection, text, job).await?;
    let mut gathered = Gathered::new(job.limits);
    // One more than fits shows that there are more.
    let wanted = |most: usize, gathered: &Gathered| {
        most.min(job.limits.rows.saturating_add(1).saturating_sub(gathered.len()))
    };
    let asked = wanted(FIRST, &gathered);
    let first = session::rows(connection, fetch(asked)).await;
    let first = first.map_err(|error| failure::of_query(&error))?;
    let Some(row) = first.first() else {
        let columns = described(connection, job).await?;
        return Ok(gathered.into_rows(columns.answer()));
    };
    let columns = Columns::of(connection, sqlx::Row::columns(row)).await;
    let columns = columns.map_err(|error| failure::of_query(&error))?;
    let mut more = first.len() == asked;
    for row in &first {
        more &= gathered.push(columns.cells(row)?);
        if gathered.is_full() {
            break;
        }
    }
    while more {
        let asked = wanted(BATCH, &gathered);
        more = batch(connection, asked, &columns, &mut gathered).await?;
    }
    Ok(gathered.into_rows(columns.answer()))
}

/// Fetches one batch; says whether there may be another.
#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
async fn batch(
    connection: &mut PgConnection,
    asked: usize,
    columns: &Columns,
    gathered: &mut Gathered,
) -> Result<bool, EngineError> {
    let mut stream = sqlx::raw_sql(AssertSqlSafe(fetch(asked))).fetch(connection);
    let mut arrived = 0;
    while let Some(row) = next(&mut stream).await? {
        arrived += 1;
        if !gathered.push(columns.cells(&row)?) {
            return Ok(false);
        }
    }
    Ok(arrived == asked)
}

async fn next(
    stream: &mut (impl futures_util::Stream<Item = Result<PgRow, sqlx::Error>> + Unpin),
) -> Result<Option<PgRow>, EngineError> {
    stream.try_next().await.map_err(|error| failure::of_query(&error))
}

fn fetch(rows: usize) -> String {
    format!("FETCH FORWARD {rows} FROM answer")
}

/// The columns of an answer without rows.
async fn described(connection: &mut PgConnection, job: &Job) -> Result<Columns, EngineError> {
    let text = AssertSqlSafe("FETCH 0 FROM answer").into_sql_str();
    match (&mut *connection).prepare(text).await {
        Ok(statement) => {
            let columns = Columns::of(connection, statement.columns()).await;
            return columns.map_err(|error| failure::of_query(&error));
        }
        Err(error @ (sqlx::Error::Database(_) | sqlx::Error::Io(_))) => {
            return Err(failure::of_query(&error));
        }
        // The driver looks up types that it does not know, and fails on a multirange.
        Err(error) => tracing::debug!(%error, "the driver cannot describe the answer"),
    }
    // A row of NULLs carries its columns. The snapshot is the same, so the query still gives no row.
    let text = format!(
        "DECLARE described NO SCROLL CURSOR WITHOUT HOLD FOR \
         SELECT answer.* FROM (SELECT 1) AS one LEFT JOIN ({}) AS answer ON true",
        job.text
    );
    declare(connection, text, job).await?;
    let rows = session::rows(connection, "FETCH FORWARD 1 FROM described".to_owned()).await;
    let rows = rows.map_err(|error| failure::of_query(&error))?;
    let row = rows.first().ok_or(EngineError::Failed)?;
    let columns = Columns::of(connection, sqlx::Row::columns(row)).await;
    columns.map_err(|error| failure::of_query(&error))
}

async fn declare(
    connection: &mut PgConnection,
    text: String,
    job: &Job,
) -> Result<(), EngineError> {
    let statement = statement(text, &job.binds)?;
    statement.execute(connection).await.map_err(|error| failure::of_query(&error))?;
    Ok(())
}

/// The only place where a guarded text becomes a statement.
// INVARIANT (isolation): the text is that of a `Guarded` query; see `Engine::run`.
#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
fn statement(
    text: String,
    binds: &[Value],
) -> Result<Query<'static, Postgres, PgArguments>, EngineError> {
    let mut query = sqlx::query(AssertSqlSafe(text)).persistent(false);
    for bind in binds {
        query = match bind {
            Value::Long(number) => query.bind(*number),
            Value::String(text) => query.bind(text.clone()),
            Value::Bool(truth) => query.bind(*truth),
            // An instant that PostgreSQL does not have cannot be compared with those that it has.
            Value::Datetime(milliseconds) => {
                query.bind(Instant::new(*milliseconds).ok_or(EngineError::Failed)?)
            }
        };
    }
    Ok(query)
}
