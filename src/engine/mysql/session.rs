//! A connection as the guard's text assumes it: everything that changes how a text is read, or what its functions
//! give, is set when the connection is opened, and verified.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Decode, Row};

use super::failure;
use crate::engine::EngineError;
use crate::guard::sql::MYSQL_SQL_MODE;

/// Whose server it is: they call some variables differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    Mariadb,
    Mysql,
}

/// A variable of the session, and the value that it must have, as the server shows it.
#[derive(Debug)]
struct Setting {
    name: &'static str,
    value: Cow<'static, str>,
    /// Numbers are set without quotes.
    quoted: bool,
}

/// What both servers have. Each of these is the operator's to change for a whole server, and `init_connect` can change
/// it for a connection.
/// <https://mariadb.com/kb/en/server-system-variables/>, <https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html>
const WORDS: [(&str, &str); 7] = [
    ("sql_mode", MYSQL_SQL_MODE),
    ("character_set_client", "utf8mb4"),
    ("character_set_results", "utf8mb4"),
    // Sets `character_set_connection` too.
    ("collation_connection", "utf8mb4_general_ci"),
    ("time_zone", "+00:00"),
    ("lc_time_names", "en_US"),
    ("completion_type", "NO_CHAIN"),
];

/// As [`WORDS`].
const NUMBERS: [(&str, &str); 11] = [
    ("autocommit", "1"),
    ("sql_auto_is_null", "0"),
    ("sql_big_selects", "1"),
    ("sql_safe_updates", "0"),
    ("sql_select_limit", "18446744073709551615"),
    ("default_week_format", "0"),
    ("div_precision_increment", "4"),
    ("group_concat_max_len", "1048576"),
    ("max_sort_length", "1024"),
    // Well above what a pool keeps a connection idle for, and the server's own end to one that was forgotten.
    ("wait_timeout", "600"),
    ("net_write_timeout", "60"),
];

fn settings(flavour: Flavour, limit: Duration) -> Vec<Setting> {
    let constant = |quoted| {
        move |(name, value): (&'static str, &'static str)| Setting {
            name,
            value: value.into(),
            quoted,
        }
    };
    let mut settings: Vec<Setting> = WORDS.into_iter().map(constant(true)).collect();
    settings.extend(NUMBERS.into_iter().map(constant(false)));
    let seconds = limit.as_secs() + 1;
    settings.push(Setting {
        name: "lock_wait_timeout",
        value: seconds.to_string().into(),
        quoted: false,
    });
    let flavoured: &[(&str, &str)] = match flavour {
        Flavour::Mariadb => {
            let limit = Setting {
                name: "max_statement_time",
                value: format!("{:.6}", limit.as_secs_f64()).into(),
                quoted: false,
            };
            settings.push(limit);
            settings.extend(
                [("tx_isolation", "REPEATABLE-READ"), ("old_mode", "")]
                    .into_iter()
                    .map(constant(true)),
            );
            // A recursion that reaches its limit ends with a warning, that is, with a wrong answer.
            &[
                ("tx_read_only", "1"),
                ("max_recursive_iterations", "4294967295"),
                ("standard_compliant_cte", "1"),
            ]
        }
        Flavour::Mysql => {
            let limit = Setting {
                name: "max_execution_time",
                value: limit.as_millis().to_string().into(),
                quoted: false,
            };
            settings.push(limit);
            settings.extend(
                [("transaction_isolation", "REPEATABLE-READ")].into_iter().map(constant(true)),
            );
            &[("transaction_read_only", "1")]
        }
    };
    settings.extend(flavoured.iter().copied().map(constant(false)));
    settings
}

/// An open connection that is as it must be.
pub(super) struct Session {
    /// Gone once it is closed.
    wire: Option<MySqlConnection>,
    pub(super) flavour: Flavour,
    /// The server's number for the connection.
    pub(super) id: u64,
    /// Where the server sees this end: with the number, what tells this connection from one of another server that
    /// answers at the same address.
    pub(super) seen_at: String,
    /// Whether the server has answered everything that it was asked.
    pub(super) settled: bool,
}

impl Session {
    /// Opens a connection whose statements are stopped by the server after `limit`.
    pub(super) async fn open(
        options: &MySqlConnectOptions,
        limit: Duration,
    ) -> Result<Self, EngineError> {
        let mut wire = bare(options).await?;
        let prepared = prepare(&mut wire, options, limit).await;
        let (flavour, id, seen_at) = prepared.map_err(|problem| match problem {
            Unfit::Driver(error) => match failure::of_query(&error) {
                // A variable that the server does not have.
                EngineError::Failed => {
                    tracing::error!("the database does not take the settings of a connection");
                    EngineError::Unavailable
                }
                failure => failure,
            },
            Unfit::Setting(name) => {
                tracing::error!(name, "the database does not keep a setting of a connection");
                EngineError::Unavailable
            }
        })?;
        Ok(Self { wire: Some(wire), flavour, id, seen_at, settled: true })
    }

    /// The driver's connection.
    pub(super) fn wire(&mut self) -> Result<&mut MySqlConnection, EngineError> {
        self.wire.as_mut().ok_or(EngineError::Unavailable)
    }

    /// Hangs up without a word.
    pub(super) fn hang_up(&mut self) {
        self.wire = None;
    }

    /// Takes leave of the server.
    pub(super) async fn close(&mut self) {
        if let Some(wire) = self.wire.take() {
            drop(wire.close().await);
        }
    }
}

/// A connection as the server gives it.
pub(super) async fn bare(options: &MySqlConnectOptions) -> Result<MySqlConnection, EngineError> {
    options.connect().await.map_err(|error| failure::of_connect(&error))
}

/// Why a connection is not used.
enum Unfit {
    Driver(sqlx::Error),
    /// The variable that has another value than the one that was set.
    Setting(&'static str),
}

impl From<sqlx::Error> for Unfit {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

// INVARIANT (isolation): a text is read by the server as the guard read it, or the connection is not used.
async fn prepare(
    wire: &mut MySqlConnection,
    options: &MySqlConnectOptions,
    limit: Duration,
) -> Result<(Flavour, u64, String), Unfit> {
    let version = one(wire, "SELECT VERSION()").await?;
    let flavour = if version.contains("MariaDB") { Flavour::Mariadb } else { Flavour::Mysql };
    let settings = settings(flavour, limit);
    let assignments: Vec<String> = settings
        .iter()
        .map(|setting| {
            let quote = if setting.quoted { "'" } else { "" };
            format!("{} = {quote}{}{quote}", setting.name, setting.value)
        })
        .collect();
    execute(wire, format!("SET {}, timestamp = DEFAULT", assignments.join(", "))).await?;
    let names: Vec<String> =
        settings.iter().map(|setting| format!("@@SESSION.{}", setting.name)).collect();
    let text = format!(
        "SELECT {}, @@SESSION.character_set_connection, DATABASE(), CONNECTION_ID(), \
         (SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID())",
        names.join(", ")
    );
    let row = fetch_one(wire, text).await?;
    for (index, setting) in settings.iter().enumerate() {
        if !shows(setting, &text_at(&row, index)?.unwrap_or_default()) {
            return Err(Unfit::Setting(setting.name));
        }
    }
    let further = |offset: usize| text_at(&row, settings.len() + offset);
    if further(0)?.as_deref() != Some("utf8mb4") {
        return Err(Unfit::Setting("character_set_connection"));
    }
    // Unqualified names are read in it. Servers that fold names show it folded.
    let database = further(1)?.unwrap_or_default();
    let wanted = options.get_database().unwrap_or_default();
    if database != wanted && database != wanted.to_lowercase() {
        return Err(Unfit::Setting("database"));
    }
    let id = further(2)?.and_then(|id| id.parse().ok()).ok_or(Unfit::Setting("connection_id"))?;
    Ok((flavour, id, further(3)?.unwrap_or_default()))
}

/// Whether a variable has its value. Modes are a set, which the server writes in an order of its own.
fn shows(setting: &Setting, shown: &str) -> bool {
    let modes = |text: &str| {
        let mut modes: Vec<String> = text.split(',').map(str::to_owned).collect();
        modes.sort_unstable();
        modes
    };
    match setting.name {
        "sql_mode" => modes(shown) == modes(&setting.value),
        _ => shown == setting.value,
    }
}

/// Runs a statement of the engine's own.
#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
pub(super) async fn execute(
    wire: &mut MySqlConnection,
    text: impl Into<String>,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(text.into())).execute(wire).await.map(drop)
}

/// The rows of a query of the engine's own, whose values all arrive as text.
#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
pub(super) async fn fetch_all(
    wire: &mut MySqlConnection,
    text: impl Into<String>,
) -> Result<Vec<MySqlRow>, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(text.into())).fetch_all(wire).await
}

async fn fetch_one(
    wire: &mut MySqlConnection,
    text: impl Into<String>,
) -> Result<MySqlRow, sqlx::Error> {
    fetch_all(wire, text).await?.pop().ok_or(sqlx::Error::RowNotFound)
}

/// The one value of a query of the engine's own.
pub(super) async fn one(
    wire: &mut MySqlConnection,
    text: impl Into<String>,
) -> Result<String, sqlx::Error> {
    let row = fetch_one(wire, text).await?;
    Ok(text_at(&row, 0)?.unwrap_or_default())
}

/// A value that arrived as text, whatever its type: servers differ in the types of their own tables.
pub(super) fn text_at(row: &MySqlRow, index: usize) -> Result<Option<String>, sqlx::Error> {
    let value = row.try_get_raw(index)?;
    // Only NULL has no bytes.
    let Ok(bytes) = <&[u8] as Decode<sqlx::MySql>>::decode(value) else { return Ok(None) };
    let text = std::str::from_utf8(bytes).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Some(text.to_owned()))
}
