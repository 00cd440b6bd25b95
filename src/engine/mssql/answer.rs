//! Runs a guarded query and reads its answer.

use futures_util::TryStreamExt;
use tiberius::error::Error;
use tiberius::{ColumnType, Query, QueryItem, ResultMetadata, Row};

use super::connection::Connection;
use super::failure;
use super::values::{self, CodePages};
use crate::engine::pool::{Gathered, Job, RawRows};
use crate::engine::{AnswerColumn, Cell, EngineError};
use crate::predicate::Value;

/// Runs a job's query and reads rows until they end or no more fit.
pub(super) async fn read(
    connection: &mut Connection,
    job: &Job,
    pages: CodePages,
) -> Result<RawRows<AnswerColumn>, Interrupted> {
    let mut stream = statement(job).query(connection).await?;
    let mut columns: Option<Vec<(AnswerColumn, ColumnType)>> = None;
    let mut gathered = Gathered::new(job.limits);
    while let Some(item) = stream.try_next().await? {
        match (item, &columns) {
            (QueryItem::Metadata(metadata), None) => columns = Some(describe(&metadata)),
            (QueryItem::Row(row), Some(columns)) => {
                if !gathered.push(cells(&row, columns, pages)?) {
                    break;
                }
            }
            // A second statement would begin here, and a row without columns is nonsense.
            (QueryItem::Metadata(_), Some(_)) | (QueryItem::Row(_), None) => {
                tracing::error!("the answer is not that of one query");
                return Err(Interrupted::Engine(EngineError::Failed));
            }
        }
    }
    let columns = columns.ok_or_else(|| {
        tracing::error!("the answer has no columns");
        Interrupted::Engine(EngineError::Failed)
    })?;
    Ok(gathered.into_rows(columns.into_iter().map(|(column, _)| column).collect()))
}

/// Two ways for a query to end early.
pub(super) enum Interrupted {
    /// The driver or the server says so.
    Driver(Error),
    /// We say so.
    Engine(EngineError),
}

impl From<Error> for Interrupted {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

impl From<EngineError> for Interrupted {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl Interrupted {
    /// Whether the server has ended its answer: then there is nothing left to stop.
    pub(super) fn by_the_server(&self) -> bool {
        matches!(self, Self::Driver(Error::Server(_)))
    }

    /// The code of it.
    pub(super) fn code(&self) -> EngineError {
        match self {
            Self::Driver(error) => failure::of_statement(error),
            Self::Engine(error) => *error,
        }
    }
}

/// The only place where text that is not a constant becomes a statement: `sp_executesql` with typed parameters
/// `@P1`, `@P2` and so on.
// INVARIANT (isolation): the text is that of a `Guarded` query; see `Engine::run`.
fn statement(job: &Job) -> Query<'_> {
    let mut query = Query::new(job.text.as_str());
    for bind in &job.binds {
        match bind {
            // A datetime is compared in milliseconds, as a bigint.
            Value::Long(number) | Value::Datetime(number) => query.bind(*number),
            Value::String(text) => query.bind(text.as_str()),
            Value::Bool(truth) => query.bind(*truth),
        }
    }
    query
}

fn describe(metadata: &ResultMetadata) -> Vec<(AnswerColumn, ColumnType)> {
    let column = |column: &tiberius::Column| {
        let (name, kind) = (column.name().to_owned(), column.column_type());
        (AnswerColumn { name, type_name: values::type_name(kind).into() }, kind)
    };
    metadata.columns().iter().map(column).collect()
}

fn cells(
    row: &Row,
    columns: &[(AnswerColumn, ColumnType)],
    pages: CodePages,
) -> Result<Vec<Cell>, EngineError> {
    let cells = row.cells().zip(columns);
    let cells = cells.map(|((_, data), (_, kind))| values::cell(*kind, pages, data));
    cells.collect::<Option<_>>().ok_or_else(|| {
        tracing::debug!("a value cannot be told exactly");
        EngineError::Failed
    })
}
