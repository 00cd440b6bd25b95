//! Rows in TOML, typed by the catalog: as policies see them and as an engine holds them.

use toml::{Table, Value as Toml};

use super::Keyed;
use crate::catalog::{CedarType, Column, ColumnName, ColumnType, Relation, RelationName};
use crate::engine::Cell;
use crate::policy::Database;
use crate::predicate::{Hop, Parent, Row, Value};

/// Foreign keys are followed so far: rows may name each other in a circle.
pub(crate) const MAX_HOPS: usize = 8;

/// One row of a file.
pub(super) struct Read {
    /// Its primary key.
    pub(super) key: String,
    /// For policies.
    pub(super) row: Row,
    /// For an engine; what is not given is NULL.
    pub(super) cells: Vec<Cell>,
}

/// Reads a row, the `place`-th of its relation. A column that policies can read must be there unless it may be NULL.
pub(super) fn read_row(
    relation: &Relation,
    name: &str,
    place: usize,
    table: &Table,
) -> Result<Read, String> {
    let key = key(relation, name, place, table)?;
    let mut given = Table::new();
    flatten(relation, name, "", table, &mut given)?;
    let wrong = |column: &Column, why| format!("`{name}.{}` {why}", column.name);
    let mut row = Row::new();
    let mut cells = Vec::new();
    for column in &relation.columns {
        let Some(value) = given.get(column.name.as_str()) else {
            if is_required(relation, column, &given) {
                return Err(format!(
                    "a row of `{name}` lacks `{}`, which is NOT NULL",
                    column.name
                ));
            }
            cells.push(Cell::Null);
            continue;
        };
        insert(&mut row, column, value).map_err(|why| wrong(column, why))?;
        cells.push(cell(column, value).map_err(|why| wrong(column, why))?);
    }
    Ok(Read { key, row, cells })
}

/// Whether policies can read the column and it is never NULL. A field is there whenever its document is.
fn is_required(relation: &Relation, column: &Column, given: &Table) -> bool {
    let above = column.name.as_str().rsplit_once('.').map(|(above, _)| above);
    let within = above
        .filter(|above| relation.column(&ColumnName::new(*above)).is_some_and(Column::is_document));
    let expected = within.is_none_or(|document| given.contains_key(document));
    !column.nullable && column.is_attribute() && expected
}

/// What tests call a row: its primary key, with commas between the parts; its place where there is no key.
fn key(relation: &Relation, name: &str, place: usize, table: &Table) -> Result<String, String> {
    if relation.primary_key.is_empty() {
        return Ok(place.to_string());
    }
    let parts = relation.primary_key.iter().map(|column| {
        let part = table.get(column.as_str());
        text_of(part.ok_or(format!("a row of `{name}` lacks its key `{column}`"))?)
    });
    Ok(parts.collect::<Result<Vec<_>, String>>()?.join(","))
}

/// The values by column: the fields of a document are columns of their own, `address.city`.
fn flatten(
    relation: &Relation,
    name: &str,
    inside: &str,
    table: &Table,
    given: &mut Table,
) -> Result<(), String> {
    for (field, value) in table {
        let path = format!("{inside}{field}");
        let column = relation
            .column(&ColumnName::new(&path))
            .ok_or_else(|| format!("`{name}` has no column `{path}`"))?;
        if column.is_document() {
            let Toml::Table(fields) = value else {
                return Err(format!("`{name}.{path}` must be a table: it is a document"));
            };
            flatten(relation, name, &format!("{path}."), fields, given)?;
        }
        given.insert(path, value.clone());
    }
    Ok(())
}

fn insert(row: &mut Row, column: &Column, value: &Toml) -> Result<(), String> {
    if column.is_document() {
        // It is there; what it holds are columns of their own.
        row.insert(column.name.clone(), Value::Bool(true));
    } else if let Some(element) = column.elements() {
        let Toml::Array(values) = value else { return Err("must be an array".to_owned()) };
        let values: Result<Vec<_>, _> = values.iter().map(|value| typed(element, value)).collect();
        row.insert_set(column.name.clone(), values?);
    } else if let Some(cedar) = column.cedar() {
        row.insert(column.name.clone(), typed(cedar, value)?);
    }
    // Policies do not see the others.
    Ok(())
}

fn typed(cedar: CedarType, value: &Toml) -> Result<Value, String> {
    match (cedar, value) {
        (CedarType::Long, Toml::Integer(number)) => Ok(Value::Long(*number)),
        (CedarType::String, Toml::String(text)) => Ok(Value::String(text.clone())),
        (CedarType::Bool, Toml::Boolean(truth)) => Ok(Value::Bool(*truth)),
        (CedarType::Datetime, Toml::Datetime(at)) => instant(at)
            .map(Value::Datetime)
            .ok_or_else(|| "must be a date, or a date and a time".to_owned()),
        (CedarType::Long, _) => Err("must be an integer".to_owned()),
        (CedarType::String, _) => Err("must be a string".to_owned()),
        (CedarType::Bool, _) => Err("must be true or false".to_owned()),
        (CedarType::Datetime, _) => Err("must be a date, without quotes".to_owned()),
    }
}

/// The value as SQLite holds it; documents and arrays are of MongoDB, whose commands do not run on rows of a file.
fn cell(column: &Column, value: &Toml) -> Result<Cell, String> {
    if column.array || column.is_document() {
        return Ok(Cell::Null);
    }
    let wrong = |what: &str| Err(format!("must be {what}"));
    match (column.column_type, value) {
        (ColumnType::Boolean, Toml::Boolean(truth)) => Ok(Cell::Integer(i64::from(*truth))),
        (ColumnType::Boolean, _) => wrong("true or false"),
        (ColumnType::Date, Toml::Datetime(at)) if at.time.is_none() => {
            Ok(Cell::Text(at.to_string()))
        }
        (ColumnType::Date, _) => wrong("a date without a time"),
        (ColumnType::Timestamp | ColumnType::Timestamptz, Toml::Datetime(at)) => stamp(at),
        (ColumnType::Timestamp | ColumnType::Timestamptz, _) => wrong("a date and a time"),
        (ColumnType::Bytes, _) => wrong("left out: tests cannot give bytes"),
        (_, Toml::Integer(number)) => Ok(Cell::Integer(*number)),
        (ColumnType::Integer, _) => wrong("an integer"),
        (_, Toml::Float(number)) => Ok(Cell::Real(*number)),
        (ColumnType::Float, _) => wrong("a number"),
        (_, Toml::String(text)) => Ok(Cell::Text(text.clone())),
        (_, Toml::Datetime(at)) => Ok(Cell::Text(at.to_string())),
        (_, Toml::Boolean(_) | Toml::Array(_) | Toml::Table(_)) => wrong("a number or a string"),
    }
}

/// A time in UTC as SQLite writes it.
fn stamp(at: &toml::value::Datetime) -> Result<Cell, String> {
    let Some(date) = at.date else { return Err("must be a date and a time".to_owned()) };
    if matches!(at.offset, Some(toml::value::Offset::Custom { minutes }) if minutes != 0) {
        return Err("must be in UTC".to_owned());
    }
    let text = match at.time {
        None => format!("{date} 00:00:00"),
        Some(time) => {
            let milliseconds = time.nanosecond / 1_000_000;
            let fraction =
                if milliseconds == 0 { String::new() } else { format!(".{milliseconds:03}") };
            format!("{date} {:02}:{:02}:{:02}{fraction}", time.hour, time.minute, time.second)
        }
    };
    Ok(Cell::Text(text))
}

/// Milliseconds since 1970 of a date, at midnight UTC, or of a date and time, in UTC where it has no zone.
pub(crate) fn instant(at: &toml::value::Datetime) -> Option<i64> {
    let date = at.date?;
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    // Years that begin in March: the leap day is their last.
    let year = i64::from(date.year) - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365 * year + leaps + day_of_year - 719_468;
    let time = at.time.map_or(0, |time| {
        let (hour, minute) = (i64::from(time.hour), i64::from(time.minute));
        let second = i64::from(time.second);
        let nanosecond = i64::from(time.nanosecond);
        ((hour * 60 + minute) * 60 + second) * 1_000 + nanosecond / 1_000_000
    });
    let minutes_east = match at.offset {
        Some(toml::value::Offset::Custom { minutes }) => i64::from(minutes),
        Some(toml::value::Offset::Z) | None => 0,
    };
    Some(days * 86_400_000 + time - minutes_east * 60_000)
}

/// A key or a tenant as text.
pub(super) fn text_of(value: &Toml) -> Result<String, String> {
    match value {
        Toml::Integer(number) => Ok(number.to_string()),
        Toml::String(text) => Ok(text.clone()),
        Toml::Float(_) | Toml::Boolean(_) | Toml::Datetime(_) | Toml::Array(_) | Toml::Table(_) => {
            Err("keys and tenants are integers or strings".to_owned())
        }
    }
}

/// The rows with those that their foreign keys name, as far as policies follow them.
pub(super) fn with_parents(database: &Database, rows: &Keyed) -> Keyed {
    let hops: Vec<Hop> = database.keys_followed().into_iter().collect();
    let linked = |(relation, of): (&RelationName, &Vec<(String, Row)>)| {
        let linked = of.iter().map(|(key, row)| {
            (key.clone(), linked(database, &hops, rows, relation, row, MAX_HOPS))
        });
        (relation.clone(), linked.collect())
    };
    rows.iter().map(linked).collect()
}

fn linked(
    database: &Database,
    hops: &[Hop],
    rows: &Keyed,
    relation: &RelationName,
    row: &Row,
    depth: usize,
) -> Row {
    let mut result = row.clone();
    let Some(own) = database.catalog.relation(relation).filter(|_| depth > 0) else {
        return result;
    };
    for hop in hops {
        let keyed = own.foreign_keys.iter().any(|key| {
            key.columns == [hop.column.clone()] && key.referenced_columns == [hop.key.clone()]
        });
        let Some(value) = row.get(&hop.column).filter(|_| keyed) else { continue };
        let parents = rows.get(&hop.parent).into_iter().flatten();
        let parent = parents.into_iter().find(|(_, parent)| parent.get(&hop.key) == Some(value));
        if let Some((key, parent)) = parent {
            let row = linked(database, hops, rows, &hop.parent, parent, depth - 1);
            result.insert_parent(hop.name.clone(), Parent { key: key.clone(), row });
        }
    }
    result
}
