//! What a database holds, from `information_schema`: a user sees there what it may read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use super::session::{Flavour, Session, fetch_all, one, text_at};
use super::{failure, keys, privileges, types};
use crate::catalog::{
    Catalog, Column, ColumnName, ColumnType, Relation, RelationKind, RelationName, Remarks,
    entity_type_for,
};
use crate::engine::inspected::give_entity_types;
use crate::engine::{EngineError, Introspected};

/// Reads the database that the options name, each statement in at most `limit`.
pub(super) async fn read(
    options: &MySqlConnectOptions,
    limit: Duration,
) -> Result<Introspected, EngineError> {
    let opened = tokio::time::timeout(limit, Session::open(options, limit)).await;
    let mut session = opened.map_err(|_| EngineError::Unavailable)??;
    let flavour = session.flavour;
    let read = look(session.wire()?, flavour).await.map_err(|error| failure::of_query(&error));
    session.close().await;
    read
}

async fn look(wire: &mut MySqlConnection, flavour: Flavour) -> Result<Introspected, sqlx::Error> {
    let schema = one(wire, "SELECT DATABASE()").await?;
    let mut notes = Vec::new();
    if one(wire, "SELECT @@lower_case_table_names").await? != "0" {
        notes.push(
            "the server folds the names of tables (`lower_case_table_names`): write them as they are listed"
                .to_owned(),
        );
    }
    let kinds = kinds(wire, &mut notes).await?;
    let mut columns = columns(wire, &mut notes).await?;
    let mut relations = Vec::new();
    for (table, kind) in kinds {
        if kind == RelationKind::View && !can_be_read(wire, &table).await? {
            notes.push(format!("view `{table}` is left out: it cannot be read"));
            continue;
        }
        let mut columns = columns.remove(&table).unwrap_or_default();
        if columns.is_empty() {
            notes.push(match kind {
                RelationKind::Table => format!("`{table}` is left out: it has no columns"),
                // MariaDB lists the columns of one that calls a function only to who may call it, too.
                RelationKind::View => format!(
                    "view `{table}` is left out: its columns are not shown; one that calls a function needs \
                     `EXECUTE` on it"
                ),
            });
            continue;
        }
        match kind {
            RelationKind::Table if flavour == Flavour::Mariadb => {
                find_json(wire, &table, &mut columns).await?;
            }
            RelationKind::Table => {}
            RelationKind::View => columns.iter_mut().for_each(|column| column.nullable = true),
        }
        let name = RelationName { schema: schema.clone(), name: table };
        relations.push(Relation {
            entity_type: entity_type_for(&name, &schema),
            name,
            kind,
            columns,
            primary_key: Vec::new(),
            unique: Vec::new(),
            foreign_keys: Vec::new(),
        });
    }
    let indexes = keys::read(wire, &mut relations, &mut notes).await?;
    give_entity_types(&mut relations);
    let role = privileges::read(wire, &schema, &relations).await?;
    let catalog = Catalog { default_schema: schema, relations, functions: Arc::default() };
    Ok(Introspected { catalog, notes, indexes, role: Some(role), remarks: Remarks::default() })
}

/// Tables and views by name. Partitions are no relations here, and a versioned table shows its current rows.
async fn kinds(
    wire: &mut MySqlConnection,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, RelationKind>, sqlx::Error> {
    let text = "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
                ORDER BY TABLE_NAME";
    let mut kinds = BTreeMap::new();
    for row in fetch_all(wire, text).await? {
        let name = required(&row, 0)?;
        match required(&row, 1)?.as_str() {
            "BASE TABLE" | "SYSTEM VERSIONED" => kinds.insert(name, RelationKind::Table),
            "VIEW" => kinds.insert(name, RelationKind::View),
            other => {
                notes.push(format!("`{name}` is left out: it is a {}", other.to_ascii_lowercase()));
                None
            }
        };
    }
    Ok(kinds)
}

/// Whether a view still fits what is beneath it. Preparing a statement runs none of it.
async fn can_be_read(wire: &mut MySqlConnection, view: &str) -> Result<bool, sqlx::Error> {
    let text = AssertSqlSafe(format!("SELECT * FROM {}", quoted(view))).into_sql_str();
    match wire.prepare(text).await {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The columns of every table and view, in their order.
async fn columns(
    wire: &mut MySqlConnection,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Vec<Column>>, sqlx::Error> {
    let text = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLLATION_NAME, EXTRA \
                FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
                ORDER BY TABLE_NAME, ORDINAL_POSITION";
    let mut columns: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in fetch_all(wire, text).await? {
        let (table, name, declared) = (required(&row, 0)?, required(&row, 1)?, required(&row, 2)?);
        if required(&row, 5)?.to_ascii_uppercase().contains("INVISIBLE") {
            notes.push(format!("column `{name}` of `{table}` is left out: `*` does not give it"));
            continue;
        }
        // The driver cannot read its values, not even those of the columns beside it.
        if declared.to_ascii_lowercase().starts_with("vector") {
            notes.push(format!("column `{name}` of `{table}` is left out: it is a vector"));
            continue;
        }
        columns.entry(table).or_default().push(Column {
            name: ColumnName::new(name),
            column_type: types::column_type(&declared),
            declared,
            nullable: required(&row, 3)? != "NO",
            collation: text_at(&row, 4)?.filter(|collation| !types::is_exact(collation)),
            array: false,
        });
    }
    Ok(columns)
}

/// Tells the columns that MariaDB was given as JSON: text with the check that its documentation names
/// (<https://mariadb.com/kb/en/json-data-type/>). `CHECK_CONSTRAINTS` lists them only to who may read all tables.
async fn find_json(
    wire: &mut MySqlConnection,
    table: &str,
    columns: &mut [Column],
) -> Result<(), sqlx::Error> {
    if columns.iter().all(|column| column.declared != "longtext") {
        return Ok(());
    }
    let rows = fetch_all(wire, format!("SHOW CREATE TABLE {}", quoted(table))).await?;
    let statement = rows.first().map(|row| required(row, 1)).transpose()?.unwrap_or_default();
    for column in columns.iter_mut().filter(|column| column.declared == "longtext") {
        let name = quoted(column.name.as_str());
        let (begins, check) =
            (format!("  {name} longtext"), format!(" CHECK (json_valid({name}))"));
        let of_column = statement.lines().find(|line| line.starts_with(&begins));
        if of_column.is_some_and(|line| line.trim_end_matches(',').ends_with(&check)) {
            column.column_type = ColumnType::Json;
        }
    }
    Ok(())
}

/// A name as SQL takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A value that is never NULL.
pub(super) fn required(row: &MySqlRow, index: usize) -> Result<String, sqlx::Error> {
    Ok(text_at(row, index)?.unwrap_or_default())
}
