//! Running on MariaDB.
#![expect(clippy::disallowed_methods, reason = "an oracle runs what the service never would")]

use dialektai::guard::sql::Bind;
use dialektai::predicate::Value;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Column as _, Row as _, SqlSafeStr as _, TypeInfo as _, ValueRef as _};

use super::bound;
use crate::world::{DEMO_SCHEMA, Outcome};

/// Variables of the session, and what the last statement left.
pub(super) const SESSION: &str = "\
    SELECT 'variable', variable_name, variable_value FROM information_schema.user_variables \
    UNION ALL SELECT 'insert id', last_insert_id(), NULL \
    UNION ALL SELECT variable_name, variable_value, NULL FROM information_schema.session_variables \
        WHERE variable_name IN ('SQL_MODE', 'AUTOCOMMIT', 'INSERT_ID', 'IDENTITY', 'TX_READ_ONLY') \
    ORDER BY 1, 2, 3";

pub(super) async fn execute(connection: &mut MySqlConnection, sql: &str) {
    let result =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).execute(connection).await;
    result.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// Runs a prepared statement.
pub(super) async fn run(connection: &mut MySqlConnection, sql: &str, binds: &[Bind]) -> Outcome {
    let mut prepared = sqlx::query(AssertSqlSafe(sql.to_owned()).into_sql_str()).persistent(false);
    for bind in binds {
        prepared = match bound(bind) {
            Value::Long(value) | Value::Datetime(value) => prepared.bind(value),
            Value::String(value) => prepared.bind(value),
            Value::Bool(value) => prepared.bind(value),
        };
    }
    let rows = prepared.fetch_all(connection).await.map_err(|error| error.to_string())?;
    Ok(rows
        .iter()
        .map(|row| row.columns().iter().map(|column| shown(row, column.ordinal())).collect())
        .collect())
}

/// Runs statements as text, which some cannot do without; rows as the server writes them.
pub(super) async fn run_text(connection: &mut MySqlConnection, sql: &str) -> Outcome {
    let rows =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).fetch_all(connection).await;
    let rows = rows.map_err(|error| error.to_string())?;
    let value = |row: &MySqlRow, index: usize| {
        if row.try_get_raw(index).unwrap().is_null() {
            return "NULL".to_owned();
        }
        let bytes: Vec<u8> = row.get_unchecked(index);
        format!("{:?}", String::from_utf8_lossy(&bytes))
    };
    Ok(rows.iter().map(|row| (0..row.len()).map(|index| value(row, index)).collect()).collect())
}

/// The warnings of the last statement, each once: how often one is raised is the plan's choice.
pub(super) async fn warnings(connection: &mut MySqlConnection, schema: &str) -> Vec<String> {
    let rows = sqlx::raw_sql("SHOW WARNINGS").fetch_all(connection).await.unwrap();
    let mut warnings: Vec<String> = rows
        .iter()
        .map(|row| {
            let code: u32 = row.get_unchecked(1);
            let text: String = row.get_unchecked(2);
            let text = text.replace(schema, DEMO_SCHEMA);
            // Rows are counted in the order of the plan.
            format!("{code} {}", text.split(" at row ").next().unwrap())
        })
        .collect();
    warnings.sort();
    warnings.dedup();
    warnings
}

/// A value in the binary protocol: its type, and its bytes.
fn shown(row: &MySqlRow, index: usize) -> String {
    let raw = row.try_get_raw(index).unwrap();
    if raw.is_null() {
        return "NULL".to_owned();
    }
    let class = raw.type_info().name().to_owned();
    let bytes: Vec<u8> = row.get_unchecked(index);
    if class.contains("INT") || class == "BOOLEAN" {
        let mut wide = [if !class.contains("UNSIGNED") && bytes.last().is_some_and(|b| b & 128 != 0)
        {
            255
        } else {
            0
        }; 16];
        wide[..bytes.len()].copy_from_slice(&bytes);
        return i128::from_le_bytes(wide).to_string();
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{text:?}"),
        Ok(text) => format!("{class} {text:?}"),
        Err(error) => format!("{class} {:?}", error.as_bytes()),
    }
}
