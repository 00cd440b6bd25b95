//! Databases: open one, look at what it holds, run a [`Guarded`] query on it, bounded and read-only.
//!
//! Nothing outside this module and `store` holds a driver handle. Driver texts are logged here and go no further:
//! they quote values.

mod built;
pub mod declared;
mod demo;
mod inspected;
mod mask_key;
mod mongodb;
mod mssql;
mod mysql;
mod pool;
mod postgres;
mod sqlite;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::catalog::{Catalog, Column, Relation};
use crate::guard::mongo::MongoCommand;
use crate::guard::sql::SelectSql;
use crate::guard::{Guarded, GuardedQuery};
use crate::policy::settings::{EngineKind, Limits, Settings};
pub use built::TableRows;
use demo::Demo;
pub use inspected::{Census, Introspected, Misfit, Power, Role};
use mask_key::MaskKey;
pub use mongodb::create_role;

/// An open database.
pub enum Engine {
    /// SQLite, embedded.
    Sqlite(Box<sqlite::Sqlite>),
    /// PostgreSQL.
    Postgres(postgres::Postgres),
    /// MySQL and MariaDB.
    Mysql(mysql::Mysql),
    /// SQL Server.
    Mssql(mssql::Mssql),
    /// MongoDB.
    Mongodb(Box<mongodb::Mongodb>),
}

/// One value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A truth value, of engines that have them.
    Bool(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// An integer beyond those with a sign.
    Unsigned(u64),
    /// A floating point number, infinities included.
    Real(f64),
    /// An exact decimal with its scale, or `NaN`, `Infinity`, `-Infinity`.
    Decimal(String),
    /// Text; also dates and times in ISO 8601, and whatever has no other form here.
    Text(String),
    /// Bytes, and text that is not UTF-8.
    Bytes(Vec<u8>),
    /// A JSON text as the database writes it.
    Json(String),
    /// An array, of arrays where it has several dimensions.
    Array(Vec<Cell>),
    /// A document of MongoDB: its fields in its own order.
    Document(Vec<(String, Cell)>),
}

impl Cell {
    /// Roughly what the value weighs in an answer.
    fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Unsigned(_) | Self::Real(_) => 8,
            Self::Text(text) | Self::Decimal(text) | Self::Json(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Array(cells) => cells.iter().map(Self::bytes).sum::<usize>() + 8,
            Self::Document(fields) => {
                fields.iter().map(|(name, cell)| name.len() + cell.bytes()).sum::<usize>() + 8
            }
        }
    }

    /// What a column is called whose first value this is.
    fn type_name(&self) -> Option<&'static str> {
        match self {
            Self::Null => None,
            Self::Bool(_) => Some("boolean"),
            Self::Integer(_) | Self::Unsigned(_) => Some("integer"),
            Self::Real(_) => Some("float"),
            Self::Decimal(_) => Some("decimal"),
            Self::Text(_) => Some("text"),
            Self::Bytes(_) => Some("bytes"),
            Self::Json(_) => Some("json"),
            Self::Array(_) => Some("array"),
            Self::Document(_) => Some("document"),
        }
    }
}

/// One column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerColumn {
    /// As the query names it.
    pub name: String,
    /// The catalog's word for the type where it has one, otherwise the database's own; `unknown` without either.
    pub type_name: Cow<'static, str>,
}

/// What a query gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// In the order of the query.
    pub columns: Vec<AnswerColumn>,
    /// As many cells in each as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// Whether rows were dropped because a limit was reached.
    pub truncated: bool,
}

/// Why a database did not answer. Carries no text of the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The database cannot be opened, or its connection was lost.
    #[error("the database is not available")]
    Unavailable,
    /// The settings name no usable place.
    #[error("the `url` in `database.toml` is not usable: {0}")]
    Url(&'static str),
    /// The settings name no usable secret to mask with.
    #[error("the `mask_key` in `database.toml` is not usable: {0}")]
    MaskKey(&'static str),
    /// An engine that this build does not run.
    #[error("queries do not run on `{}` databases yet", .0.name())]
    Unsupported(EngineKind),
    /// The server did not accept the login.
    #[error("the database did not accept the login")]
    Login,
    /// The server and the settings do not agree on encryption.
    #[error("no encrypted connection to the database could be agreed on")]
    Tls,
    /// The server ran out of room, on disk or in a temporary table.
    #[error("the database has no room left")]
    Full,
    /// All connections were taken for as long as a query may run.
    #[error("the database is busy")]
    Busy,
    /// The database refused or failed the query: an overflow, malformed JSON.
    #[error("the database could not run the query")]
    Failed,
    /// The query ran into its time limit.
    #[error("the query took too long and was stopped")]
    Timeout,
    /// The query needed more memory than one may.
    #[error("the query needed too much memory and was stopped")]
    Memory,
}

impl EngineError {
    /// The code as it is sent.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unavailable | Self::Url(_) | Self::Unsupported(_) => "database_unavailable",
            Self::MaskKey(_) => "mask_key_unusable",
            Self::Login => "database_login_failed",
            Self::Tls => "database_tls_failed",
            Self::Full => "database_full",
            Self::Busy => "database_busy",
            Self::Failed => "query_failed",
            Self::Timeout => "query_timeout",
            Self::Memory => "query_out_of_memory",
        }
    }
}

impl Engine {
    /// Opens the database that a folder's settings name; `folder` is what relative paths start from.
    pub async fn open(settings: &Settings, folder: &Path) -> Result<Self, EngineError> {
        match settings.engine {
            EngineKind::Sqlite => {
                let place = Place::of(settings, folder)?;
                Ok(Self::Sqlite(Box::new(sqlite::Sqlite::open(place, settings.limits).await?)))
            }
            EngineKind::Postgresql => Ok(Self::Postgres(postgres::Postgres::open(settings)?)),
            EngineKind::Mysql => Ok(Self::Mysql(mysql::Mysql::open(settings)?)),
            EngineKind::Sqlserver => Ok(Self::Mssql(mssql::Mssql::open(settings)?)),
            EngineKind::Mongodb => {
                Ok(Self::Mongodb(Box::new(mongodb::Mongodb::open(settings).await?)))
            }
        }
    }

    /// A SQLite database of its own, made of the relations of a catalog and these rows of them. It goes away with the
    /// engine.
    ///
    /// # Errors
    ///
    /// [`EngineError::Failed`] for rows that the catalog's keys and NOT NULL columns do not allow.
    pub async fn of_rows(
        catalog: &Catalog,
        rows: &[TableRows<'_>],
        limits: Limits,
    ) -> Result<Self, EngineError> {
        let place = Place::Built(built::build(catalog, rows).await?);
        Ok(Self::Sqlite(Box::new(sqlite::Sqlite::open(place, limits).await?)))
    }

    /// Runs a guarded query within the limits of the settings. The catalog names the types of plain columns.
    // INVARIANT (isolation): the only ways to run a query take the guard's proof.
    pub async fn answer(
        &self,
        query: &GuardedQuery,
        catalog: &Catalog,
    ) -> Result<Rows, EngineError> {
        match query {
            GuardedQuery::Sql(select) => self.run(select, catalog).await,
            GuardedQuery::Mongo(command) => self.command(command).await,
        }
    }

    /// Runs a guarded query of SQL.
    pub async fn run(
        &self,
        query: &Guarded<SelectSql>,
        catalog: &Catalog,
    ) -> Result<Rows, EngineError> {
        let select = query.query();
        match self {
            Self::Sqlite(sqlite) => {
                let binds = MaskKey::none().values(select.binds())?;
                sqlite.run(select.text(), &binds, catalog).await
            }
            Self::Postgres(postgres) => postgres.run(select, catalog).await,
            Self::Mysql(mysql) => mysql.run(select, catalog).await,
            Self::Mssql(mssql) => mssql.run(select, catalog).await,
            // No query of SQL is guarded for it.
            Self::Mongodb(_) => Err(EngineError::Failed),
        }
    }

    /// Runs a guarded command.
    pub async fn command(&self, command: &Guarded<MongoCommand>) -> Result<Rows, EngineError> {
        match self {
            Self::Mongodb(mongodb) => mongodb.run(command.query()).await,
            // No command is guarded for them.
            Self::Sqlite(_) | Self::Postgres(_) | Self::Mysql(_) | Self::Mssql(_) => {
                Err(EngineError::Failed)
            }
        }
    }

    /// Why queries cannot be masked as the settings say, where they cannot.
    pub fn mask_key_problem(&self) -> Option<EngineError> {
        match self {
            Self::Sqlite(_) | Self::Mongodb(_) => None,
            Self::Postgres(postgres) => postgres.mask_key.problem(),
            Self::Mysql(mysql) => mysql.mask_key.problem(),
            Self::Mssql(mssql) => mssql.mask_key.problem(),
        }
    }

    /// Reads what the database holds.
    pub async fn introspect(&self) -> Result<Introspected, EngineError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.introspect().await,
            Self::Postgres(postgres) => postgres.introspect().await,
            Self::Mysql(mysql) => mysql.introspect().await,
            Self::Mssql(mssql) => mssql.introspect().await,
            Self::Mongodb(mongodb) => mongodb.introspect().await,
        }
    }
}

impl Engine {
    /// Counts the documents of a collection that do not have what the catalog says in these columns. `None` where the
    /// database itself sees to it that every row has.
    ///
    /// # Errors
    ///
    /// [`EngineError::Timeout`] where there are too many to count.
    pub async fn census(
        &self,
        relation: &Relation,
        columns: &[&Column],
    ) -> Result<Option<Census>, EngineError> {
        match self {
            Self::Sqlite(_) | Self::Postgres(_) | Self::Mysql(_) | Self::Mssql(_) => Ok(None),
            Self::Mongodb(mongodb) => mongodb.census(relation, columns).await.map(Some),
        }
    }
}

/// The address of a database: as it is written, or from the environment variable that `env:NAME` names.
fn url(settings: &Settings) -> Result<Cow<'_, str>, EngineError> {
    match settings.url.strip_prefix("env:") {
        Some(variable) => std::env::var(variable)
            .map(Cow::Owned)
            .map_err(|_| EngineError::Url("the environment variable is not set")),
        None => Ok(Cow::Borrowed(settings.url.as_str())),
    }
}

/// Where a SQLite database is.
enum Place {
    /// A file that must exist.
    File(PathBuf),
    /// An example database, built anew.
    Demo(Demo),
    /// A database that was built into this folder.
    Built(TempDir),
}

impl Place {
    fn of(settings: &Settings, folder: &Path) -> Result<Self, EngineError> {
        let url = url(settings)?;
        if let Some(name) = url.strip_prefix("demo:") {
            let demo = Demo::named(name).ok_or(EngineError::Url("there is no demo of this name"));
            return demo.map(Self::Demo);
        }
        let path = url
            .strip_prefix("sqlite:")
            .ok_or(EngineError::Url("it must be `sqlite:PATH`, `env:NAME` or `demo:NAME`"))?;
        // `sqlite:///srv/a.db` is the same place as `sqlite:/srv/a.db`; `sqlite://a.db` the same as `sqlite:a.db`.
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') {
            return Err(EngineError::Url("it names no file"));
        }
        // Absolute, so that SQLite cannot take it for a `file:` URI with options.
        std::path::absolute(folder.join(path))
            .map(Self::File)
            .map_err(|_| EngineError::Url("it names no file"))
    }
}
