//! What the service remembers: API keys, as digests. One SQLite file, made and upgraded by this code.

mod keys;

use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

pub use keys::{ApiKey, NewKey};

/// The form of the file that this code reads and writes, kept in `user_version`.
const VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE api_key (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        prefix TEXT NOT NULL,
        digest BLOB NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        revoked_at TEXT
    ) STRICT;
    PRAGMA user_version = 1;
";

/// The store.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
}

/// Why the store did not answer. Carries no text of the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened, read or written.
    #[error("the store is not available")]
    Unavailable,
    /// It was written by a later version of this program.
    #[error("the store was written by a later version of dialektai")]
    TooNew,
    /// The system gave no random bytes.
    #[error("no random bytes for a key")]
    NoRandomness,
    /// No key of that id.
    #[error("there is no such key")]
    UnknownKey,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "the store reported an error");
        Self::Unavailable
    }
}

impl Store {
    /// Opens the store, and makes it where there is none.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        // Absolute, so that SQLite cannot take it for a `file:` URI with options.
        let path = std::path::absolute(path).map_err(|_| StoreError::Unavailable)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(Duration::from_secs(5))
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await?;
        let store = Self { pool };
        store.upgrade().await?;
        Ok(store)
    }

    #[expect(clippy::disallowed_methods, reason = "the store is where state is kept")]
    async fn upgrade(&self) -> Result<(), StoreError> {
        // Immediate: two processes that start together must not both find an empty file.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let version: i64 =
            sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
        match version {
            0 => {
                sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
            }
            VERSION => {}
            _ => return Err(StoreError::TooNew),
        }
        Ok(transaction.commit().await?)
    }
}
