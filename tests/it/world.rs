//! The demo database as the oracles see it: shared by all tenants, and cut down to what one principal may read.
#![expect(clippy::disallowed_methods, reason = "an oracle runs what the service never would")]

use std::path::Path;

use dialektai::catalog::{CedarType, Relation};
use dialektai::guard::sql::{Bind, Dialect, SelectSql};
use dialektai::identity::{Principal, TenantId};
use dialektai::policy::Database;
use dialektai::predicate::{Row, Value};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Row as _, SqlSafeStr as _, TypeInfo as _,
    ValueRef as _,
};

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn demo() -> Database {
    Database::load(&root().join("policies/demo")).unwrap()
}

pub(crate) fn principal(tenant: i64, scope: Option<&str>) -> Principal {
    let scope = scope.map(|scope| scope.parse().unwrap());
    Principal::new(Some(TenantId::Integer(tenant)), scope)
}

/// Every query of `fixtures/sql/<dialect>/ok`, in the order of the names.
pub(crate) fn fixture_queries(dialect: &str) -> Vec<String> {
    let folder = root().join("fixtures/sql").join(dialect).join("ok");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Callers that differ in what they may read: the documented tenant with and without a scope, its neighbours, and a
/// tenant that does not exist.
pub(crate) fn principals() -> Vec<Principal> {
    vec![
        principal(82, None),
        principal(82, Some("user-john-456")),
        principal(7, None),
        principal(99, None),
        principal(9_007_199_254_740_993, None),
        principal(5_309, Some("nobody")),
        principal(1, None),
    ]
}

/// Which indexes the planner finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Indexes {
    /// Those of the schema, which start with the tenant column: foreign rows are hardly ever looked at.
    Tenant,
    /// One on every other column, and none on the tenant: the engine looks at the query's own conditions first.
    Hostile,
    /// The same, and what compares tenants passes for dear, where a planner asks for prices.
    Costly,
}

impl Indexes {
    /// Those that make a difference on an engine, the most hostile last.
    pub(crate) fn of(dialect: Dialect) -> &'static [Self] {
        match dialect {
            Dialect::Postgresql => &[Self::Tenant, Self::Hostile, Self::Costly],
            Dialect::Sqlite | Dialect::Mysql | Dialect::Mssql => &[Self::Tenant, Self::Hostile],
        }
    }
}

/// The schema of the demo's relations in MySQL's catalog.
pub(crate) const DEMO_SCHEMA: &str = "demo";

/// A fresh copy of the shared database, in memory.
pub(crate) async fn shared(indexes: Indexes) -> SqliteConnection {
    let mut connection = empty().await;
    for file in ["schema.sql", "seed.sql"] {
        let text = std::fs::read_to_string(root().join("fixtures/demo").join(file)).unwrap();
        execute(&mut connection, &text).await;
    }
    if indexes != Indexes::Tenant {
        let own = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
        for row in run_text(&mut connection, own).await.unwrap() {
            let name = row[0].trim_start_matches("TEXT ").trim_matches('"');
            execute(&mut connection, &format!("DROP INDEX {name}")).await;
        }
        for relation in demo().catalog.relations {
            for column in
                relation.columns.iter().filter(|column| column.name.as_str() != "customer_id")
            {
                let (table, column) = (&relation.name.name, column.name.as_str());
                execute(
                    &mut connection,
                    &format!("CREATE INDEX {table}_{column} ON {table} ({column})"),
                )
                .await;
            }
        }
    }
    connection
}

/// Every row of a relation as policies see it: rowid, primary key as text, attributes.
pub(crate) async fn entities(
    connection: &mut SqliteConnection,
    relation: &Relation,
) -> Vec<(i64, String, Row)> {
    let key = relation.primary_key.first().map_or("rowid", |key| key.as_str());
    let sql = format!("SELECT rowid, CAST({key} AS TEXT), * FROM {}", relation.name.name);
    let rows =
        sqlx::raw_sql(AssertSqlSafe(sql).into_sql_str()).fetch_all(connection).await.unwrap();
    rows.iter()
        .map(|row| {
            let mut attributes = Row::new();
            for (index, column) in relation.columns.iter().enumerate() {
                let raw = row.try_get_raw(index + 2).unwrap();
                if raw.is_null() {
                    continue;
                }
                let value = match column.cedar() {
                    None => continue,
                    Some(CedarType::Long) => Value::Long(row.get_unchecked(index + 2)),
                    Some(CedarType::String) => Value::String(row.get_unchecked(index + 2)),
                    Some(CedarType::Bool) => {
                        Value::Bool(row.get_unchecked::<i64, _>(index + 2) == 1)
                    }
                    Some(CedarType::Datetime) => {
                        Value::Datetime(milliseconds(&row.get_unchecked::<String, _>(index + 2)))
                    }
                };
                attributes.insert(column.name.clone(), value);
            }
            (row.get_unchecked(0), row.get_unchecked(1), attributes)
        })
        .collect()
}

/// Milliseconds since 1970 of `YYYY-MM-DD[ HH:MM:SS[.fff]]`, by counting days one year after another.
fn milliseconds(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| {
        text.get(range).map_or(0, |part| part.parse::<i64>().unwrap())
    };
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let mut days = day - 1;
    for earlier in 1..month {
        days += match earlier {
            2 => 28 + i64::from(leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
    }
    days += if year >= 1970 {
        (1970..year).map(|year| 365 + i64::from(leap(year))).sum()
    } else {
        -(year..1970).map(|year| 365 + i64::from(leap(year))).sum::<i64>()
    };
    let seconds = (number(11..13) * 60 + number(14..16)) * 60 + number(17..19);
    (days * 86_400 + seconds) * 1_000 + number(20..23)
}

/// The day of an instant as `YYYY-MM-DD`, and its time; `None` outside the years that SQLite's dates have.
pub(crate) fn civil(milliseconds: i64) -> Option<(String, String)> {
    let (mut days, rest) =
        (milliseconds.div_euclid(86_400_000), milliseconds.rem_euclid(86_400_000));
    let length =
        |year: i64| if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 { 366 } else { 365 };
    if !(-700_000..2_900_000).contains(&days) {
        return None;
    }
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += length(year);
    }
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let mut month = 1;
    loop {
        let long = match month {
            2 => length(year) - 337,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if days < long {
            break;
        }
        days -= long;
        month += 1;
    }
    let (seconds, fraction) = (rest / 1_000, rest % 1_000);
    let time = format!(
        "{:02}:{:02}:{:02}.{fraction:03}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    );
    Some((format!("{year:04}-{month:02}-{:02}", days + 1), time))
}

/// An empty database in memory.
pub(crate) async fn empty() -> SqliteConnection {
    SqliteConnectOptions::new().in_memory(true).foreign_keys(false).connect().await.unwrap()
}

pub(crate) async fn execute(connection: &mut SqliteConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).execute(connection).await.unwrap();
}

/// A query's rows, each value with its storage class; or that it failed.
pub(crate) type Outcome = Result<Vec<Vec<String>>, String>;

/// Runs text as it is.
pub(crate) async fn run_text(connection: &mut SqliteConnection, sql: &str) -> Outcome {
    let rows =
        sqlx::query(AssertSqlSafe(sql.to_owned()).into_sql_str()).fetch_all(connection).await;
    outcome(rows)
}

/// The value of a bind, which is no half of a key: those are in `masks` alone.
pub(crate) fn value(bind: &Bind) -> &Value {
    match bind {
        Bind::Value(value) => value,
        Bind::MaskKey(half) => panic!("{} stands for no value", half.shown()),
    }
}

/// Runs a guarded query with its binds.
pub(crate) async fn run_guarded(connection: &mut SqliteConnection, query: &SelectSql) -> Outcome {
    let mut prepared = sqlx::query(AssertSqlSafe(query.text().to_owned()).into_sql_str());
    for bind in query.binds() {
        prepared = match value(bind) {
            Value::Long(value) | Value::Datetime(value) => prepared.bind(*value),
            Value::String(value) => prepared.bind(value.clone()),
            Value::Bool(value) => prepared.bind(*value),
        };
    }
    outcome(prepared.fetch_all(connection).await)
}

fn outcome(rows: Result<Vec<SqliteRow>, sqlx::Error>) -> Outcome {
    let rows = rows.map_err(|error| error.to_string())?;
    Ok(rows
        .iter()
        .map(|row| row.columns().iter().map(|column| shown(row, column.ordinal())).collect())
        .collect())
}

fn shown(row: &SqliteRow, index: usize) -> String {
    let raw = row.try_get_raw(index).unwrap();
    if raw.is_null() {
        return "NULL".to_owned();
    }
    let class = raw.type_info().name().to_owned();
    match class.as_str() {
        "INTEGER" | "BOOLEAN" => format!("{}", row.get_unchecked::<i64, _>(index)),
        "REAL" => format!("{:?}", row.get_unchecked::<f64, _>(index)),
        "BLOB" => format!("x{:?}", row.get_unchecked::<Vec<u8>, _>(index)),
        _ => format!("{class} {:?}", row.get_unchecked::<String, _>(index)),
    }
}

/// Each dialect of SQL, the engine's name in settings, and the schema that is its default.
pub(crate) fn dialects() -> [(Dialect, &'static str, &'static str); 4] {
    [
        (Dialect::Sqlite, "sqlite", "main"),
        (Dialect::Postgresql, "postgresql", "public"),
        (Dialect::Mysql, "mysql", "demo"),
        (Dialect::Mssql, "sqlserver", "dbo"),
    ]
}
