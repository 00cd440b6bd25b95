//! SQLite: opened read-only, and stopped by force when a limit is reached.
//!
//! A query runs in a task of its own that owns a connection and one of [`CONNECTIONS`] permits. Whoever waits for it
//! may leave at any moment (time limit, client gone): the task is then told to stop, and the permit comes back only
//! when SQLite has really let go, so that abandoned queries cannot pile up.

mod admit;
mod introspect;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use sqlx::sqlite::{SqliteColumn, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column, ColumnOrigin, ConnectOptions, Connection, Decode, Either, Executor, Row,
    Statement, TypeInfo, ValueRef,
};
use tempfile::TempDir;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::built::FILE;
use super::{AnswerColumn, Cell, EngineError, Introspected, Place, Rows};
use crate::catalog::{Catalog, ColumnName, RelationName};
use crate::policy::settings::Limits;
use crate::predicate::Value;

/// Queries that run at the same time; further ones wait.
const CONNECTIONS: usize = 8;

/// Memory of SQLite in this process, in bytes: all databases together, the store included.
const HARD_HEAP_LIMIT: &str = "536870912";

/// Steps of SQLite's virtual machine between two looks at the clock: well under a millisecond.
const STEPS_PER_LOOK: i32 = 2_000;

/// How much later than SQLite's own deadline the waiting side gives up: single steps can be long.
const GRACE: Duration = Duration::from_millis(250);

/// An open SQLite database.
pub struct Sqlite {
    options: SqliteConnectOptions,
    limits: Limits,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<SqliteConnection>>>,
    // Held for its drop: what was built goes away with its engine.
    _built: Option<TempDir>,
}

impl Sqlite {
    /// Opens a file, which must exist, and proves it by opening one connection.
    pub(super) async fn open(place: Place, limits: Limits) -> Result<Self, EngineError> {
        let built = |folder: TempDir| (folder.path().join(FILE), Some(folder));
        let (path, folder) = match place {
            Place::File(path) => (path, None),
            Place::Demo(demo) => built(demo.build().await?),
            Place::Built(folder) => built(folder),
        };
        if !path.is_file() {
            tracing::error!(path = %path.display(), "there is no such database file");
            return Err(EngineError::Unavailable);
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .create_if_missing(false)
            .busy_timeout(Duration::from_secs(1))
            .statement_cache_capacity(0)
            .row_buffer_size(4)
            .pragma("query_only", "ON")
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            .pragma("temp_store", "MEMORY")
            .pragma("mmap_size", "0")
            .pragma("hard_heap_limit", HARD_HEAP_LIMIT)
            .disable_statement_logging();
        let sqlite = Self {
            options,
            limits,
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Arc::default(),
            _built: folder,
        };
        let mut connection = connect(&sqlite.options).await?;
        // The pragmas above do not touch the file: only a read shows that it is a database.
        prove(&mut connection).await.map_err(|error| classify(&error))?;
        keep(&sqlite.idle, connection);
        Ok(sqlite)
    }

    /// Runs the text of a guarded query.
    pub(super) async fn run(
        &self,
        text: &str,
        binds: &[Value],
        catalog: &Catalog,
    ) -> Result<Rows, EngineError> {
        if !admit::is_one_query(text) {
            tracing::error!("the engine was given something else than one query");
            return Err(EngineError::Failed);
        }
        let deadline = Instant::now() + self.limits.timeout();
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned());
        let permit = permit.await.map_err(|_| EngineError::Busy)?.map_err(|_| EngineError::Busy)?;
        let stop = Arc::new(AtomicBool::new(false));
        let _stop_when_left = StopOnDrop(Arc::clone(&stop));
        let job = Job {
            text: text.to_owned(),
            binds: binds.to_vec(),
            limits: self.limits,
            deadline,
            stop,
        };
        let (options, idle) = (self.options.clone(), Arc::clone(&self.idle));
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let reused = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connected = match reused {
                Some(connection) => Ok(connection),
                None => connect(&options).await,
            };
            match connected {
                Ok(mut connection) => {
                    let outcome = job.run(&mut connection).await;
                    job.stop.store(true, Ordering::Relaxed);
                    // Nobody may be waiting any more, which is no error.
                    drop(sender.send(outcome));
                    // Answered only once SQLite has let go; a connection that broke is dropped.
                    if connection.ping().await.is_ok() {
                        keep(&idle, connection);
                    }
                }
                Err(error) => drop(sender.send(Err(error))),
            }
            drop(permit);
        });
        match timeout_at(deadline + GRACE, receiver).await {
            Ok(Ok(outcome)) => outcome.map(|raw| raw.into_rows(catalog)),
            Ok(Err(_)) => Err(EngineError::Unavailable),
            Err(_) => Err(EngineError::Timeout),
        }
    }

    /// Reads the schema.
    pub(super) async fn introspect(&self) -> Result<Introspected, EngineError> {
        let mut connection = connect(&self.options).await?;
        // The file may have been replaced, and queries must run on the one that is looked at: open connections keep
        // the one that they opened.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        introspect::read(&mut connection).await.map_err(|error| classify(&error))
    }
}

/// Tells the running query that nobody waits for it any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn keep(idle: &Mutex<Vec<SqliteConnection>>, connection: SqliteConnection) {
    idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
}

async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, EngineError> {
    options.connect().await.map_err(|error| {
        tracing::error!(%error, "the database cannot be opened");
        EngineError::Unavailable
    })
}

#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
async fn prove(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("SELECT count(*) FROM sqlite_schema").execute(connection).await?;
    Ok(())
}

/// One query on its way, owned so that it survives whoever asked.
struct Job {
    text: String,
    binds: Vec<Value>,
    limits: Limits,
    deadline: Instant,
    stop: Arc<AtomicBool>,
}

/// Rows with what the driver knows about their columns; the catalog is not needed to make them.
struct RawRows {
    columns: Vec<(String, ColumnOrigin)>,
    rows: Vec<Vec<Cell>>,
    truncated: bool,
}

impl Job {
    async fn run(&self, connection: &mut SqliteConnection) -> Result<RawRows, EngineError> {
        self.collect(connection).await.map_err(|error| match error {
            Interrupted::Driver(error) => classify(&error),
            Interrupted::Engine(error) => error,
        })
    }

    async fn collect(&self, connection: &mut SqliteConnection) -> Result<RawRows, Interrupted> {
        let (stop, deadline) = (Arc::clone(&self.stop), self.deadline);
        connection.lock_handle().await?.set_progress_handler(STEPS_PER_LOOK, move || {
            !stop.load(Ordering::Relaxed) && Instant::now() < deadline
        });
        let mut columns = None;
        let (mut rows, mut bytes, mut truncated) = (Vec::new(), 0_usize, false);
        {
            let mut stream = (&mut *connection).fetch_many(self.statement());
            let mut finished = false;
            while let Some(item) = stream.next().await {
                let row = match item? {
                    // A second statement would begin here.
                    _ if finished => return Err(Interrupted::Engine(EngineError::Failed)),
                    Either::Left(_) => {
                        finished = true;
                        continue;
                    }
                    Either::Right(row) => row,
                };
                columns.get_or_insert_with(|| describe(row.columns()));
                let cells = cells(&row)?;
                bytes = bytes.saturating_add(cells.iter().map(Cell::bytes).sum());
                if rows.len() >= self.limits.rows || bytes > self.limits.bytes {
                    truncated = true;
                    break;
                }
                rows.push(cells);
            }
            if !finished && !truncated {
                // The driver's thread died, which it does when a row does not fit into the heap limit. What came
                // before must not pass for the whole answer.
                tracing::error!("the driver stopped in the middle of an answer");
                return Err(Interrupted::Engine(EngineError::Memory));
            }
        }
        let columns = if let Some(columns) = columns {
            columns
        } else {
            // No row came, and only rows carry their columns.
            let text = AssertSqlSafe(self.text.as_str());
            describe(connection.prepare(sqlx::SqlSafeStr::into_sql_str(text)).await?.columns())
        };
        Ok(RawRows { columns, rows, truncated })
    }

    /// The only place where text that is not a constant becomes a statement.
    // INVARIANT (isolation): the text is that of a `Guarded` query; see `Engine::run`.
    #[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
    fn statement(&self) -> sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
        let mut query = sqlx::query(AssertSqlSafe(self.text.as_str())).persistent(false);
        for bind in &self.binds {
            query = match bind {
                Value::Long(number) | Value::Datetime(number) => query.bind(*number),
                Value::String(text) => query.bind(text.clone()),
                Value::Bool(truth) => query.bind(i64::from(*truth)),
            };
        }
        query
    }
}

/// Two ways for a query to end early.
enum Interrupted {
    Driver(sqlx::Error),
    Engine(EngineError),
}

impl From<sqlx::Error> for Interrupted {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

fn describe(columns: &[SqliteColumn]) -> Vec<(String, ColumnOrigin)> {
    columns.iter().map(|column| (column.name().to_owned(), column.origin())).collect()
}

fn cells(row: &SqliteRow) -> Result<Vec<Cell>, sqlx::Error> {
    (0..row.columns().len()).map(|index| cell(row, index)).collect()
}

fn cell(row: &SqliteRow, index: usize) -> Result<Cell, sqlx::Error> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    // For a value that is not NULL, the driver reports its own type and not the column's.
    let type_info = value.type_info().into_owned();
    let decoded = match type_info.name() {
        "INTEGER" => <i64 as Decode<sqlx::Sqlite>>::decode(value).map(Cell::Integer),
        "REAL" => <f64 as Decode<sqlx::Sqlite>>::decode(value).map(Cell::Real),
        "TEXT" => <Vec<u8> as Decode<sqlx::Sqlite>>::decode(value).map(|bytes| {
            match String::from_utf8(bytes) {
                Ok(text) => Cell::Text(text),
                Err(error) => Cell::Bytes(error.into_bytes()),
            }
        }),
        _ => <Vec<u8> as Decode<sqlx::Sqlite>>::decode(value).map(Cell::Bytes),
    };
    decoded.map_err(sqlx::Error::Decode)
}

impl RawRows {
    fn into_rows(self, catalog: &Catalog) -> Rows {
        let rows = self.rows;
        let columns = self.columns.into_iter().enumerate().map(|(index, (name, origin))| {
            let first = || rows.iter().find_map(|row| row.get(index)?.type_name());
            let type_name = declared_type(&origin, catalog).or_else(first).unwrap_or("unknown");
            AnswerColumn { name, type_name: type_name.into() }
        });
        Rows { columns: columns.collect(), rows, truncated: self.truncated }
    }
}

/// The catalog's type of a column that the query passes through unchanged.
fn declared_type(origin: &ColumnOrigin, catalog: &Catalog) -> Option<&'static str> {
    let ColumnOrigin::Table(column) = origin else { return None };
    let schema = catalog.default_schema.clone();
    let relation = catalog.relation(&RelationName { schema, name: column.table.to_string() })?;
    Some(relation.column(&ColumnName::new(&*column.name))?.column_type.name())
}

/// The driver's errors by SQLite's primary result code. The text is logged at debug level only: it can quote values.
fn classify(error: &sqlx::Error) -> EngineError {
    tracing::debug!(%error, "the database reported an error");
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let Some(code) = code.and_then(|code| code.parse::<u32>().ok()) else {
        return EngineError::Unavailable;
    };
    match code & 0xff {
        // SQLITE_BUSY, SQLITE_LOCKED
        5 | 6 => EngineError::Busy,
        // SQLITE_NOMEM, SQLITE_TOOBIG
        7 | 18 => EngineError::Memory,
        // SQLITE_INTERRUPT: only the progress handler interrupts
        9 => EngineError::Timeout,
        // SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_NOTADB
        10 | 11 | 14 | 26 => EngineError::Unavailable,
        _ => EngineError::Failed,
    }
}
