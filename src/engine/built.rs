//! A SQLite database made of a few rows, in a folder that goes away with the engine: for tests of policies.

use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};
use tempfile::TempDir;

use super::{Cell, EngineError};
use crate::catalog::{
    Catalog, Column, ColumnName, ColumnType, Relation, RelationKind, RelationName,
};

/// The database's file name in its folder.
pub(super) const FILE: &str = "demo.sqlite";

/// Rows of one relation, each with a value for every column of the catalog, in its order.
pub type TableRows<'a> = (&'a RelationName, &'a [Vec<Cell>]);

/// A new folder for a database.
pub(super) fn folder() -> Result<TempDir, EngineError> {
    tempfile::Builder::new().prefix("dialektai-demo-").tempdir().map_err(|error| {
        tracing::error!(%error, "no temporary folder for a database");
        EngineError::Unavailable
    })
}

/// Builds a table for every relation of a catalog in SQLite's own schema, with these rows in them.
///
/// # Errors
///
/// [`EngineError::Failed`] for rows that the catalog's keys and NOT NULL columns do not allow.
pub(super) async fn build(
    catalog: &Catalog,
    rows: &[TableRows<'_>],
) -> Result<TempDir, EngineError> {
    let folder = folder()?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join(FILE))
        .create_if_missing(true)
        .foreign_keys(false)
        .disable_statement_logging();
    fill(&options, catalog, rows).await.map_err(|error| {
        tracing::debug!(%error, "the rows do not fit into tables");
        EngineError::Failed
    })?;
    Ok(folder)
}

#[expect(clippy::disallowed_methods, reason = "the engine builds its own tables")]
async fn fill(
    options: &SqliteConnectOptions,
    catalog: &Catalog,
    rows: &[TableRows<'_>],
) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    for relation in &catalog.relations {
        let text = table(relation);
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await?;
    }
    for (name, rows) in rows {
        for row in *rows {
            insert(&mut connection, name, row).await?;
        }
    }
    sqlx::Connection::close(connection).await
}

#[expect(clippy::disallowed_methods, reason = "the engine fills its own tables")]
async fn insert(
    connection: &mut SqliteConnection,
    name: &RelationName,
    row: &[Cell],
) -> Result<(), sqlx::Error> {
    let places = vec!["?"; row.len()].join(", ");
    let text = format!("INSERT INTO {} VALUES ({places})", quoted(&name.name));
    let mut query = sqlx::query(AssertSqlSafe(text));
    for cell in row {
        query = bind(query, cell);
    }
    query.execute(connection).await?;
    Ok(())
}

type Insert<'q> = sqlx::query::Query<'q, sqlx::Sqlite, SqliteArguments>;

fn bind<'q>(query: Insert<'q>, cell: &Cell) -> Insert<'q> {
    match cell {
        // SQLite has none of the last two, so nobody gives them.
        Cell::Null | Cell::Array(_) | Cell::Document(_) => query.bind(None::<i64>),
        Cell::Bool(truth) => query.bind(i64::from(*truth)),
        Cell::Integer(number) => query.bind(*number),
        Cell::Unsigned(number) => query.bind(number.to_string()),
        Cell::Real(number) => query.bind(*number),
        Cell::Text(text) | Cell::Decimal(text) | Cell::Json(text) => query.bind(text.clone()),
        Cell::Bytes(bytes) => query.bind(bytes.clone()),
    }
}

/// A relation as a table; a view becomes one, too.
fn table(relation: &Relation) -> String {
    let mut parts: Vec<String> = relation.columns.iter().map(column).collect();
    let key = |words: &str, columns: &[ColumnName]| {
        let columns: Vec<String> = columns.iter().map(|name| quoted(name.as_str())).collect();
        format!("{words} ({})", columns.join(", "))
    };
    if relation.kind == RelationKind::Table {
        if !relation.primary_key.is_empty() {
            parts.push(key("PRIMARY KEY", &relation.primary_key));
        }
        parts.extend(relation.unique.iter().map(|columns| key("UNIQUE", columns)));
    }
    format!("CREATE TABLE {} ({})", quoted(&relation.name.name), parts.join(", "))
}

fn column(column: &Column) -> String {
    // The affinity of what `sqlite_type` takes for this type.
    let declared = match column.column_type {
        ColumnType::Integer => "INTEGER",
        ColumnType::Float => "REAL",
        ColumnType::Decimal => "NUMERIC",
        ColumnType::Boolean => "BOOLEAN",
        ColumnType::Text | ColumnType::ObjectId => "TEXT",
        ColumnType::Date => "DATE",
        ColumnType::Timestamp | ColumnType::Timestamptz => "TIMESTAMP",
        ColumnType::Time => "TIME",
        ColumnType::Interval => "INTERVAL",
        ColumnType::Uuid => "UUID",
        ColumnType::Json | ColumnType::Document => "JSON",
        ColumnType::Bytes | ColumnType::Other => "",
    };
    let collation = match column.collation.as_deref() {
        Some("NOCASE") => " COLLATE NOCASE",
        Some("RTRIM") => " COLLATE RTRIM",
        Some(_) | None => "",
    };
    let null = if column.nullable { "" } else { " NOT NULL" };
    format!("{} {declared}{collation}{null}", quoted(column.name.as_str()))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
