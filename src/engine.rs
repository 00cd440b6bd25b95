//! Databases: open one, look at what it holds, run a [`Guarded`] query on it, bounded and read-only.
//!
//! Nothing outside this module and `store` holds a driver handle. Driver texts are logged here and go no further:
//! they quote values.

pub mod declared;
mod demo;
mod sqlite;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::catalog::Catalog;
use crate::guard::Guarded;
use crate::guard::sql::SelectSql;
use crate::policy::settings::{EngineKind, Settings};

/// An open database.
pub enum Engine {
    /// SQLite, embedded.
    Sqlite(sqlite::Sqlite),
}

/// One value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A floating point number, infinities included.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes, and text that is not UTF-8.
    Bytes(Vec<u8>),
}

impl Cell {
    /// Roughly what the value weighs in an answer.
    fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Integer(_) | Self::Real(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// What a column is called whose first value this is.
    fn type_name(&self) -> Option<&'static str> {
        match self {
            Self::Null => None,
            Self::Integer(_) => Some("integer"),
            Self::Real(_) => Some("float"),
            Self::Text(_) => Some("text"),
            Self::Bytes(_) => Some("bytes"),
        }
    }
}

/// One column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerColumn {
    /// As the query names it.
    pub name: String,
    /// The catalog's word for a plain column, otherwise that of the first value; `unknown` without either.
    pub type_name: &'static str,
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

/// What a live database holds, for `pull`.
#[derive(Debug)]
pub struct Introspected {
    /// Its relations.
    pub catalog: Catalog,
    /// What was left out, in words for the operator.
    pub notes: Vec<String>,
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
    /// An engine that this build does not run.
    #[error("queries do not run on `{}` databases yet", .0.name())]
    Unsupported(EngineKind),
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
                Ok(Self::Sqlite(sqlite::Sqlite::open(place, settings.limits).await?))
            }
            kind @ (EngineKind::Postgresql
            | EngineKind::Mysql
            | EngineKind::Sqlserver
            | EngineKind::Mongodb) => Err(EngineError::Unsupported(kind)),
        }
    }

    /// Runs a guarded query within the limits of the settings. The catalog names the types of plain columns.
    // INVARIANT (isolation): the only way to run a query takes the guard's proof.
    pub async fn run(
        &self,
        query: &Guarded<SelectSql>,
        catalog: &Catalog,
    ) -> Result<Rows, EngineError> {
        let select = query.query();
        match self {
            Self::Sqlite(sqlite) => sqlite.run(select.text(), select.binds(), catalog).await,
        }
    }

    /// Reads what the database holds.
    pub async fn introspect(&self) -> Result<Introspected, EngineError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.introspect().await,
        }
    }
}

/// Where a database is.
enum Place {
    /// A file that must exist.
    File(PathBuf),
    /// The demo database, built anew.
    Demo,
}

impl Place {
    fn of(settings: &Settings, folder: &Path) -> Result<Self, EngineError> {
        let url = match settings.url.strip_prefix("env:") {
            Some(variable) => std::env::var(variable)
                .map(Cow::Owned)
                .map_err(|_| EngineError::Url("the environment variable is not set"))?,
            None => Cow::Borrowed(settings.url.as_str()),
        };
        if url == "demo:" {
            return Ok(Self::Demo);
        }
        let path = url
            .strip_prefix("sqlite:")
            .ok_or(EngineError::Url("it must be `sqlite:PATH`, `env:NAME` or `demo:`"))?;
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
