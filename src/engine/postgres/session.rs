//! What a session is set to: everything that changes how a text is read or what is visible, set and then verified.
//!
//! A role or a database may have other defaults (`ALTER ROLE .. SET`), so nothing is taken for granted.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::failure;
use crate::engine::EngineError;

/// The oldest server that is spoken to, as `server_version_num` has it.
const OLDEST: u32 = 120_000;

/// Names, values as SET takes them, and values as SHOW prints them
/// (<https://www.postgresql.org/docs/current/runtime-config.html>).
const SETTINGS: [(&str, &str, &str); 20] = [
    // Functions, operators and types are the server's own (rule B17). Relations are printed with their schema; without
    // `pg_temp` here a temporary relation would come first.
    ("search_path", "pg_catalog, pg_temp", "pg_catalog, pg_temp"),
    // How literals are read.
    ("standard_conforming_strings", "on", "on"),
    ("backslash_quote", "safe_encoding", "safe_encoding"),
    ("client_encoding", "'UTF8'", "UTF8"),
    ("array_nulls", "on", "on"),
    ("DateStyle", "'ISO, YMD'", "ISO, YMD"),
    ("TimeZone", "'UTC'", "UTC"),
    // `x = NULL` stays NULL.
    ("transform_null_equals", "off", "off"),
    // A query that row-level security would change fails otherwise.
    ("row_security", "on", "on"),
    ("default_transaction_read_only", "on", "on"),
    // An index scan that returns some of the rows only.
    ("gin_fuzzy_search_limit", "0", "0"),
    // How values are written: without loss.
    ("IntervalStyle", "iso_8601", "iso_8601"),
    ("extra_float_digits", "1", "1"),
    ("bytea_output", "hex", "hex"),
    ("xmlbinary", "base64", "base64"),
    ("xmloption", "content", "content"),
    ("quote_all_identifiers", "off", "off"),
    // Notices quote values and are dropped.
    ("client_min_messages", "error", "error"),
    // A cursor is planned as if it were read to its end.
    ("cursor_tuple_fraction", "1", "1"),
    ("default_transaction_deferrable", "off", "off"),
];

/// Sets all of it and verifies it.
///
/// `milliseconds` is the time for one statement.
pub(super) async fn establish(
    connection: &mut PgConnection,
    milliseconds: u64,
) -> Result<(), EngineError> {
    let version = connection.server_version_num().unwrap_or(0);
    if version < OLDEST {
        tracing::error!(version, "PostgreSQL 12 or newer is needed");
        return Err(EngineError::Unavailable);
    }
    let times = times(milliseconds, version);
    let mut settings: Vec<(&str, &str, &str)> = SETTINGS.to_vec();
    settings.extend(times.iter().map(|(name, set, shown)| (*name, set.as_str(), shown.as_str())));

    let text: Vec<String> =
        settings.iter().map(|(name, value, _)| format!("SET {name} = {value}")).collect();
    simple(connection, text.join("; ")).await.map_err(|error| failure::of_query(&error))?;
    if version >= 140_000 {
        // The server looks whether its client is still there while it works. Not every platform can.
        let looks = simple(connection, "SET client_connection_check_interval = 1000".to_owned());
        drop(looks.await);
    }

    // INVARIANT (isolation): SHOW is no function, so nothing that a session may have been set up with answers for it.
    let text: Vec<String> = settings.iter().map(|(name, ..)| format!("SHOW {name}")).collect();
    let shown = rows(connection, text.join("; ")).await;
    let shown = shown.map_err(|error| failure::of_query(&error))?;
    let same = shown.len() == settings.len()
        && shown.iter().zip(&settings).all(|(row, (_, _, expected))| {
            row.try_get::<String, _>(0).is_ok_and(|value| value == *expected)
        });
    if !same {
        tracing::error!("a session could not be set up as it must be");
        return Err(EngineError::Unavailable);
    }
    Ok(())
}

/// The time limits: names, values as SET takes them, values as SHOW prints them.
fn times(milliseconds: u64, version: u32) -> Vec<(&'static str, String, String)> {
    let limit = |name: &'static str, more: u64| {
        let most = u64::from(i32::MAX.unsigned_abs());
        let milliseconds = milliseconds.saturating_add(more).min(most);
        (name, milliseconds.to_string(), duration(milliseconds))
    };
    // Between two statements of a transaction the engine does nothing, so a longer pause means that it is gone.
    let mut times = vec![
        limit("statement_timeout", 0),
        limit("lock_timeout", 0),
        limit("idle_in_transaction_session_timeout", 10_000),
    ];
    if version >= 170_000 {
        times.push(limit("transaction_timeout", 10_000));
    }
    times
}

/// A duration as SHOW prints it: in the largest unit that divides it
/// (<https://www.postgresql.org/docs/current/config-setting.html>).
fn duration(milliseconds: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let unit = UNITS.iter().find(|(length, _)| milliseconds.is_multiple_of(*length));
    match unit {
        Some((length, name)) => format!("{}{name}", milliseconds / length),
        None => format!("{milliseconds}ms"),
    }
}

/// Runs constant statements.
#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
pub(super) async fn simple(connection: &mut PgConnection, text: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.map(drop)
}

/// Runs constant statements and gives the rows of all.
#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
pub(super) async fn rows(
    connection: &mut PgConnection,
    text: String,
) -> Result<Vec<sqlx::postgres::PgRow>, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_the_largest_unit() {
        for (milliseconds, shown) in
            [(1, "1ms"), (5_000, "5s"), (90_000, "90s"), (90_500, "90500ms"), (3_600_000, "1h")]
        {
            assert_eq!(duration(milliseconds), shown);
        }
    }
}
