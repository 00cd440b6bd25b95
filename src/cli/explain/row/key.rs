//! The key of a row, and the queries that ask for it.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use crate::catalog::{CedarType, Column, ColumnName, ColumnType, Relation};
use crate::cli::explain::from;
use crate::cli::output::Failed;
use crate::guard::Language;
use crate::guard::sql::Dialect;
use crate::policy::Database;
use crate::predicate::Value;

/// A column and what it must equal.
pub(super) type Condition<'r> = (&'r Column, Value);

/// What the parts of the primary key must equal.
pub(super) fn conditions<'r>(
    relation: &'r Relation,
    key: &str,
) -> Result<Vec<Condition<'r>>, Failed> {
    let names = &relation.primary_key;
    let parts = match serde_json::from_str::<Vec<Json>>(key) {
        Ok(parts) => parts
            .iter()
            .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
            .collect(),
        Err(_) if names.len() == 1 => vec![key.to_owned()],
        Err(_) => key.split(',').map(str::to_owned).collect::<Vec<String>>(),
    };
    let columns: Vec<&Column> = names.iter().filter_map(|name| relation.column(name)).collect();
    if columns.is_empty() || parts.len() != columns.len() {
        let names: BTreeSet<&str> = names.iter().map(ColumnName::as_str).collect();
        let names: Vec<&str> = names.into_iter().collect();
        return Err(refuse(format!(
            "the primary key of `{}` is ({})",
            relation.name,
            names.join(", ")
        )));
    }
    let conditions = columns.into_iter().zip(parts).map(|(column, part)| {
        let value = value(column, part)?;
        Ok((column, value))
    });
    conditions.collect()
}

fn value(column: &Column, part: String) -> Result<Value, Failed> {
    let name = &column.name;
    match column.cedar() {
        Some(CedarType::Long) => {
            part.parse().map(Value::Long).map_err(|_| refuse(format!("`{name}` is an integer")))
        }
        Some(CedarType::String) => Ok(Value::String(part)),
        Some(CedarType::Bool | CedarType::Datetime) | None => {
            Err(refuse(format!("rows are not looked up by a column like `{name}`")))
        }
    }
}

/// The query that gives something where there is such a row, and touches no other column.
pub(super) fn asked(
    database: &Database,
    language: Language,
    relation: &Relation,
    conditions: &[Condition<'_>],
) -> Result<String, Failed> {
    match language {
        Language::Sql(dialect) => select(database, dialect, relation, &[], conditions),
        Language::Mongo => {
            let count = json!({"count": relation.name.name, "query": matching(conditions)?});
            Ok(count.to_string())
        }
    }
}

/// These columns of the rows that meet the conditions; `1` where they are none.
pub(super) fn select(
    database: &Database,
    dialect: Dialect,
    relation: &Relation,
    columns: &[&Column],
    conditions: &[Condition<'_>],
) -> Result<String, Failed> {
    let columns = columns.iter().map(|column| dialect.quoted(column.name.as_str()));
    let columns: Vec<String> = columns.collect();
    let columns = if columns.is_empty() { "1".to_owned() } else { columns.join(", ") };
    let conditions = conditions.iter().map(|(column, value)| {
        Ok(format!("{} = {}", dialect.quoted(column.name.as_str()), literal(value, dialect)?))
    });
    let conditions = conditions.collect::<Result<Vec<String>, Failed>>()?;
    let name = from(&database.catalog, relation, dialect);
    Ok(format!("SELECT {columns} FROM {name} WHERE {}", conditions.join(" AND ")))
}

/// The value as text of a query, which the guard reads like any other.
fn literal(value: &Value, dialect: Dialect) -> Result<String, Failed> {
    match value {
        Value::Long(number) => Ok(number.to_string()),
        // MariaDB's reading of a backslash depends on a mode.
        Value::String(text) if dialect == Dialect::Mysql && text.contains('\\') => {
            Err(refuse("keys with a backslash are not looked up on MySQL"))
        }
        Value::String(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
        Value::Bool(_) | Value::Datetime(_) => {
            Err(refuse("rows are looked up by integers and strings"))
        }
    }
}

/// The conditions of a command, in extended JSON.
pub(super) fn matching(conditions: &[Condition<'_>]) -> Result<Json, Failed> {
    let mut all = Map::new();
    for (column, value) in conditions {
        all.insert(column.name.to_string(), extended(column, value)?);
    }
    Ok(Json::Object(all))
}

/// The value as the type that the column has: an ObjectId is no string of its digits.
fn extended(column: &Column, value: &Value) -> Result<Json, Failed> {
    let name = &column.name;
    match (value, column.column_type) {
        (Value::Long(number), _) => Ok(json!({"$numberLong": number.to_string()})),
        (Value::String(text), ColumnType::ObjectId) => {
            let hexadecimal = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let id = hexadecimal.then(|| json!({"$oid": text.to_ascii_lowercase()}));
            id.ok_or_else(|| refuse(format!("`{name}` is an ObjectId of 24 hexadecimal digits")))
        }
        (Value::String(text), ColumnType::Uuid) => {
            let id = uuid::Uuid::try_parse(text).ok();
            let id = id.map(|id| json!({"$uuid": id.hyphenated().to_string()}));
            id.ok_or_else(|| refuse(format!("`{name}` is a UUID")))
        }
        (Value::String(text), _) => Ok(json!({"$eq": text})),
        (Value::Bool(_) | Value::Datetime(_), _) => {
            Err(refuse("rows are looked up by integers and strings"))
        }
    }
}

fn refuse(message: impl Into<String>) -> Failed {
    Failed::new("row_key", message)
}
