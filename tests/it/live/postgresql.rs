//! Running on PostgreSQL.
#![expect(clippy::disallowed_methods, reason = "an oracle runs what the service never would")]

use dialektai::guard::sql::{Bind, SelectSql};
use dialektai::predicate::Value;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _, ValueRef as _};

use super::bound;
use crate::world::Outcome;

/// Settings, sequences, locks, prepared statements, cursors, temporary relations, and whether anything was written.
pub(super) const SESSION: &str = "\
    SELECT 'set', name, setting FROM pg_settings WHERE source = 'session' \
    UNION ALL SELECT 'sequence', sequencename, CAST(last_value AS TEXT) FROM pg_sequences \
    UNION ALL SELECT 'lock', locktype, mode FROM pg_locks \
        WHERE pid = pg_backend_pid() AND locktype IN ('advisory', 'transactionid') \
    UNION ALL SELECT 'prepared', name, statement FROM pg_prepared_statements WHERE from_sql \
    UNION ALL SELECT 'cursor', name, statement FROM pg_cursors WHERE name <> '' \
    UNION ALL SELECT 'temporary', relname, relkind::text FROM pg_class WHERE relpersistence = 't' \
    UNION ALL SELECT 'written', CAST(pg_current_xact_id_if_assigned() AS TEXT), NULL \
    ORDER BY 1, 2, 3";

pub(crate) async fn execute(connection: &mut PgConnection, sql: &str) {
    let result =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).execute(connection).await;
    result.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// Rows as the server writes them in text.
pub(crate) async fn run(connection: &mut PgConnection, sql: &str) -> Outcome {
    let rows =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).fetch_all(connection).await;
    let rows = rows.map_err(|error| error.to_string())?;
    let value = |row: &PgRow, index: usize| {
        let raw = row.try_get_raw(index).unwrap();
        if raw.is_null() { "NULL".to_owned() } else { format!("{:?}", raw.as_str().unwrap()) }
    };
    Ok(rows.iter().map(|row| (0..row.len()).map(|index| value(row, index)).collect()).collect())
}

/// Runs a guarded query as a prepared statement; the binds are literals of `EXECUTE`, outside of its text.
pub(super) async fn run_guarded(connection: &mut PgConnection, query: &SelectSql) -> Outcome {
    let (types, values): (Vec<&str>, Vec<String>) = query.binds().iter().map(bind).unzip();
    let (types, values) = if types.is_empty() {
        (String::new(), String::new())
    } else {
        (format!("({})", types.join(", ")), format!("({})", values.join(", ")))
    };
    let text = query.text();
    let outcome = run(
        connection,
        &format!("PREPARE guarded{types} AS {text}; EXECUTE guarded{values}; DEALLOCATE guarded"),
    )
    .await;
    if outcome.is_err() {
        execute(connection, "DEALLOCATE ALL").await;
    }
    outcome
}

fn bind(bind: &Bind) -> (&'static str, String) {
    match &bound(bind) {
        Value::Long(value) => ("bigint", format!("'{value}'")),
        Value::String(value) => ("text", format!("'{}'", value.replace('\'', "''"))),
        Value::Bool(value) => ("boolean", value.to_string()),
        Value::Datetime(value) => ("timestamptz", format!("to_timestamp({value} / 1000.0)")),
    }
}
