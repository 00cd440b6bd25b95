//! One connection to a copy of the demo database, on whichever engine: runs texts and guarded queries, and tells what
//! they leave behind.

pub(crate) mod copies;
mod mariadb;
mod notices;
pub(crate) mod postgresql;

use std::time::{Duration, Instant};

use dialektai::guard::sql::{Bind, Dialect, KeyHalf, SelectSql};
use dialektai::predicate::Value;
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use crate::world::{self, DEMO_SCHEMA, Outcome};

/// A connection.
pub(crate) enum Live {
    Sqlite(SqliteConnection),
    Postgresql(PgConnection),
    /// A schema is a database there, so copies on one server have schemas of other names than the catalog's.
    Mariadb(MySqlConnection, String),
}

/// The mask key here, in place of an engine's: as long as a block, so that its halves are easily had.
pub(crate) const MASK_KEY: [u8; 64] =
    *b"a secret that is as long as one block of the hash, and no longer";

/// What an engine binds.
fn bound(bind: &Bind) -> Value {
    let pad = match bind {
        Bind::Value(value) => return value.clone(),
        Bind::MaskKey(KeyHalf::Inner) => 0x36,
        Bind::MaskKey(KeyHalf::Outer) => 0x5c,
    };
    Value::String(MASK_KEY.map(|byte| format!("{:02x}", byte ^ pad)).concat())
}

/// What a guarded query gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) outcome: Outcome,
    /// Warnings and notices, each once, in the order of their text.
    pub(crate) warnings: Vec<String>,
}

impl Live {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgresql(_) => Dialect::Postgresql,
            Self::Mariadb(..) => Dialect::Mysql,
        }
    }

    /// Runs statements that must succeed.
    pub(crate) async fn execute(&mut self, sql: &str) {
        match self {
            Self::Sqlite(connection) => world::execute(connection, sql).await,
            Self::Postgresql(connection) => postgresql::execute(connection, sql).await,
            Self::Mariadb(connection, schema) => {
                mariadb::execute(connection, &renamed(sql, schema)).await;
            }
        }
    }

    /// Runs a query as it is.
    pub(crate) async fn run(&mut self, sql: &str) -> Outcome {
        match self {
            Self::Sqlite(connection) => world::run_text(connection, sql).await,
            Self::Postgresql(connection) => postgresql::run(connection, sql).await,
            Self::Mariadb(connection, schema) => {
                let outcome = mariadb::run(connection, &renamed(sql, schema), &[]).await;
                outcome.map_err(|error| error.replace(schema.as_str(), DEMO_SCHEMA))
            }
        }
    }

    /// Runs a guarded query with its binds.
    pub(crate) async fn run_guarded(&mut self, query: &SelectSql) -> Observed {
        match self {
            Self::Sqlite(connection) => {
                let outcome = world::run_guarded(connection, query).await;
                Observed { outcome, warnings: Vec::new() }
            }
            Self::Postgresql(connection) => {
                let (outcome, warnings) =
                    notices::during(postgresql::run_guarded(connection, query)).await;
                Observed { outcome, warnings }
            }
            Self::Mariadb(connection, schema) => {
                let text = renamed(query.text(), schema);
                let outcome = mariadb::run(connection, &text, query.binds()).await;
                let outcome = outcome.map_err(|error| error.replace(schema.as_str(), DEMO_SCHEMA));
                let warnings = mariadb::warnings(connection, schema).await;
                Observed { outcome, warnings }
            }
        }
    }

    /// Runs statements as they are, and tells what the engine said beside.
    pub(crate) async fn observe(&mut self, sql: &str) -> Observed {
        match self {
            Self::Sqlite(_) => Observed { outcome: self.run(sql).await, warnings: Vec::new() },
            Self::Postgresql(connection) => {
                let (outcome, warnings) = notices::during(postgresql::run(connection, sql)).await;
                Observed { outcome, warnings }
            }
            Self::Mariadb(connection, schema) => {
                let outcome = mariadb::run_text(connection, &renamed(sql, schema)).await;
                let warnings = mariadb::warnings(connection, schema).await;
                Observed { outcome, warnings }
            }
        }
    }

    /// Stops what takes too long: on SQLite until this is asked again, on a server each statement for itself.
    pub(crate) async fn bound(&mut self, limit: Duration) {
        let milliseconds = limit.as_millis();
        match self {
            Self::Sqlite(connection) => {
                let deadline = Instant::now() + limit;
                let mut handle = connection.lock_handle().await.unwrap();
                handle.set_progress_handler(10_000, move || Instant::now() < deadline);
            }
            Self::Postgresql(_) => {
                self.execute(&format!("SET statement_timeout = {milliseconds}")).await;
            }
            Self::Mariadb(..) => {
                self.execute(&format!("SET max_statement_time = {milliseconds} / 1000")).await;
            }
        }
    }

    /// What a later query of the same connection could find of an earlier one.
    pub(crate) async fn session(&mut self) -> Vec<Vec<String>> {
        let probe = match self {
            Self::Sqlite(_) => {
                "SELECT changes(), total_changes(), last_insert_rowid(), \
                 (SELECT count(*) FROM sqlite_temp_schema)"
            }
            Self::Postgresql(_) => postgresql::SESSION,
            Self::Mariadb(..) => mariadb::SESSION,
        };
        self.run(probe).await.unwrap()
    }
}

/// A text about the demo's schema as one about its copy of another name.
fn renamed(sql: &str, schema: &str) -> String {
    sql.replace(&format!("`{DEMO_SCHEMA}`."), &format!("{schema}."))
        .replace(&format!("{DEMO_SCHEMA}."), &format!("{schema}."))
}
