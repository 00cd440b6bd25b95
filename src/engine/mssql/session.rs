//! The session: everything in it that changes what a text means or what an answer holds is set, and read back.
//!
//! What is read back any login may see: `@@` functions, and its own row of `sys.dm_exec_sessions`
//! (<https://learn.microsoft.com/sql/relational-databases/system-dynamic-management-views/sys-dm-exec-sessions-transact-sql>).
//! `ROWCOUNT` and `FMTONLY` can be set and not read; no session begins with them. Under either, what is read back would
//! not be the one row that it must be.

use tiberius::Row;

use super::connection::{Connection, rows};
use super::failure;
use super::values::CodePages;
use crate::engine::EngineError;
use crate::guard::sql::MSSQL_SESSION;
use crate::policy::settings::Limits;

/// Bits of `@@OPTIONS` that [`MSSQL_SESSION`] asks for, because texts are printed for
/// (<https://learn.microsoft.com/sql/database-engine/configure-windows/configure-the-user-options-server-configuration-option>).
const OPTIONS_ON: i32 = ANSI_WARNINGS
    | ANSI_PADDING
    | ANSI_NULLS
    | ARITHABORT
    | QUOTED_IDENTIFIER
    | NOCOUNT
    | CONCAT_NULL_YIELDS_NULL
    | XACT_ABORT;
/// Bits that must not be set.
const OPTIONS_OFF: i32 = IMPLICIT_TRANSACTIONS | ARITHIGNORE | NUMERIC_ROUNDABORT;

const IMPLICIT_TRANSACTIONS: i32 = 0x2;
const ANSI_WARNINGS: i32 = 0x8;
const ANSI_PADDING: i32 = 0x10;
const ANSI_NULLS: i32 = 0x20;
const ARITHABORT: i32 = 0x40;
const ARITHIGNORE: i32 = 0x80;
const QUOTED_IDENTIFIER: i32 = 0x100;
const NOCOUNT: i32 = 0x200;
const CONCAT_NULL_YIELDS_NULL: i32 = 0x1000;
const NUMERIC_ROUNDABORT: i32 = 0x2000;
const XACT_ABORT: i32 = 0x4000;

/// `transaction_isolation_level` of a session.
const READ_COMMITTED: i16 = 2;
const SNAPSHOT: i16 = 5;

/// Sets a session up: what texts are printed for, then what an engine wants. A database that allows snapshots gives
/// one, so that a query reads one moment; elsewhere each row is read as last committed.
fn setting_up(lock_timeout: i32, text_size: i32) -> String {
    format!(
        "{}; SET ARITHIGNORE OFF; \
         SET LOCK_TIMEOUT {lock_timeout}; SET TEXTSIZE {text_size}; SET DEADLOCK_PRIORITY LOW; \
         IF (SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()) = 1 \
         SET TRANSACTION ISOLATION LEVEL SNAPSHOT ELSE SET TRANSACTION ISOLATION LEVEL READ COMMITTED;",
        MSSQL_SESSION.join("; ")
    )
}

/// Reads back what was set.
const READING_BACK: &str = "SELECT @@OPTIONS, @@LANGUAGE, CAST(@@DATEFIRST AS int), @@LOCK_TIMEOUT, @@TEXTSIZE, \
     @@TRANCOUNT, own.date_format, own.transaction_isolation_level, DB_NAME(), \
     CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS nvarchar(128)) \
     FROM sys.dm_exec_sessions AS own WHERE own.session_id = @@SPID";

/// What a session turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    /// How literals of the database's own collation are read.
    pub(super) pages: CodePages,
}

/// Sets a new connection's session up and reads it back.
///
/// # Errors
///
/// `Unavailable` where the session is not what was asked for, whatever the reason.
pub(super) async fn prepare(
    connection: &mut Connection,
    limits: Limits,
    database: Option<&str>,
) -> Result<Session, EngineError> {
    let lock_timeout = i32::try_from(limits.milliseconds).unwrap_or(i32::MAX);
    let text_size = text_size(limits.bytes);
    let failed = |error: tiberius::error::Error| match failure::of_statement(&error) {
        EngineError::Failed => EngineError::Unavailable,
        told => told,
    };
    rows(connection, &setting_up(lock_timeout, text_size)).await.map_err(failed)?;
    let read = rows(connection, READING_BACK).await.map_err(failed)?;
    let Some(row) = read.first().filter(|_| read.len() == 1) else {
        tracing::error!("the session cannot see itself");
        return Err(EngineError::Unavailable);
    };
    let told = Told::of(row).ok_or_else(|| {
        tracing::error!("the session's own settings cannot be read");
        EngineError::Unavailable
    })?;
    match told.first_deviation(lock_timeout, text_size, database) {
        None => Ok(Session { pages: CodePages::of_collation(&told.collation) }),
        Some(setting) => {
            tracing::error!(setting, "the session has a setting that was not asked for");
            Err(EngineError::Unavailable)
        }
    }
}

/// How many bytes of a long value are sent. One that is cut is heavier than a whole answer may be, so that its row is
/// dropped and the answer says so: characters of two bytes weigh at least one here.
fn text_size(bytes: usize) -> i32 {
    bytes.saturating_add(1).saturating_mul(2).try_into().unwrap_or(i32::MAX)
}

/// What a session says of itself.
struct Told {
    options: i32,
    language: String,
    date_first: i32,
    lock_timeout: i32,
    text_size: i32,
    transactions: i32,
    date_format: String,
    isolation: i16,
    database: String,
    collation: String,
}

impl Told {
    fn of(row: &Row) -> Option<Self> {
        let text = |index: usize| row.try_get::<&str, _>(index).ok()?.map(str::to_owned);
        let number = |index: usize| row.try_get::<i32, _>(index).ok()?;
        Some(Self {
            options: number(0)?,
            language: text(1)?,
            date_first: number(2)?,
            lock_timeout: number(3)?,
            text_size: number(4)?,
            transactions: number(5)?,
            date_format: text(6)?,
            isolation: row.try_get(7).ok()??,
            database: text(8)?,
            collation: text(9)?,
        })
    }

    /// The first setting that is not as it was asked for.
    fn first_deviation(
        &self,
        lock: i32,
        size: i32,
        database: Option<&str>,
    ) -> Option<&'static str> {
        let names_alike = |wanted: &str| wanted.to_lowercase() == self.database.to_lowercase();
        [
            (self.options & OPTIONS_ON == OPTIONS_ON, "options that are on"),
            (self.options & OPTIONS_OFF == 0, "options that are off"),
            (self.language == "us_english", "LANGUAGE"),
            (self.date_format == "mdy", "DATEFORMAT"),
            (self.date_first == 7, "DATEFIRST"),
            (self.lock_timeout == lock, "LOCK_TIMEOUT"),
            (self.text_size == size, "TEXTSIZE"),
            (self.transactions == 0, "a transaction"),
            (matches!(self.isolation, READ_COMMITTED | SNAPSHOT), "TRANSACTION ISOLATION LEVEL"),
            (database.is_none_or(names_alike), "the database"),
        ]
        .into_iter()
        .find_map(|(as_asked, setting)| (!as_asked).then_some(setting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What texts are printed for is what is read back: a statement that joins the list must be thought about here.
    #[test]
    fn every_setting_that_texts_are_printed_for_is_read_back() {
        for statement in MSSQL_SESSION {
            let (setting, value) = statement.strip_prefix("SET ").unwrap().split_once(' ').unwrap();
            let bit = match setting {
                "ANSI_NULLS" => ANSI_NULLS,
                "QUOTED_IDENTIFIER" => QUOTED_IDENTIFIER,
                "ANSI_PADDING" => ANSI_PADDING,
                "ANSI_WARNINGS" => ANSI_WARNINGS,
                "CONCAT_NULL_YIELDS_NULL" => CONCAT_NULL_YIELDS_NULL,
                "ARITHABORT" => ARITHABORT,
                "NUMERIC_ROUNDABORT" => NUMERIC_ROUNDABORT,
                "XACT_ABORT" => XACT_ABORT,
                "IMPLICIT_TRANSACTIONS" => IMPLICIT_TRANSACTIONS,
                "NOCOUNT" => NOCOUNT,
                // Compared by value in `first_deviation`; the size of texts is ours to make smaller.
                "LANGUAGE" | "DATEFORMAT" | "DATEFIRST" | "TEXTSIZE" | "ROWCOUNT" | "FMTONLY" => {
                    continue;
                }
                other => panic!("{other} is not read back"),
            };
            let expected = if value == "ON" { OPTIONS_ON } else { OPTIONS_OFF };
            assert_eq!(expected & bit, bit, "{statement}");
        }
        assert!(MSSQL_SESSION.contains(&"SET LANGUAGE us_english"));
        assert!(MSSQL_SESSION.contains(&"SET DATEFORMAT mdy"));
        assert!(MSSQL_SESSION.contains(&"SET DATEFIRST 7"));
    }

    #[test]
    fn a_cut_value_is_heavier_than_an_answer() {
        for bytes in [1, 99, 4 * 1024 * 1024] {
            let characters = usize::try_from(text_size(bytes)).unwrap() / 2;
            assert!(characters > bytes, "{bytes}");
        }
        assert_eq!(text_size(usize::MAX), i32::MAX);
    }
}
