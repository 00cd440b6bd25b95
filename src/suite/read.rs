//! The TOML of a file of tests -> a [`Suite`], or everything that is wrong with it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Table, Value as Toml};

use super::{Expected, Suite, SuiteError, Test};
use crate::catalog::{Catalog, CedarType, Column, ColumnName, Relation, RelationName};
use crate::policy::Database;
use crate::predicate::{Hop, Parent, Row, Value};

/// Foreign keys are followed so far: rows may name each other in a circle.
const MAX_HOPS: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSuite {
    #[serde(default)]
    rows: BTreeMap<String, Vec<Spanned<Table>>>,
    #[serde(default)]
    test: Vec<Spanned<RawTest>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTest {
    name: String,
    tenant: Option<Toml>,
    scope: Option<String>,
    relation: Option<String>,
    visible: Option<Vec<Toml>>,
    hidden: Option<Vec<Toml>>,
    query: Option<String>,
    refused: Option<String>,
    rewritten: Option<String>,
}

type Keyed = BTreeMap<RelationName, Vec<(String, Row)>>;

impl Suite {
    /// Reads the text of a file of tests. Rows are typed by the catalog.
    pub fn parse(text: &str, database: &Database) -> Result<Self, Vec<SuiteError>> {
        let raw: RawSuite = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_at(text, span.start));
            vec![SuiteError { line, message: error.message().to_owned() }]
        })?;
        let mut errors = Vec::new();
        let mut rows = Keyed::new();
        for (name, tables) in &raw.rows {
            for table in tables {
                let line = line_at(text, table.span().start);
                match keyed_row(&database.catalog, name, table.get_ref()) {
                    Ok((relation, key, row)) => {
                        let rows = rows.entry(relation).or_default();
                        if rows.iter().any(|(other, _)| *other == key) {
                            let message = format!("`rows.{name}` has the key `{key}` twice");
                            errors.push(SuiteError { line: Some(line), message });
                        }
                        rows.push((key, row));
                    }
                    Err(message) => errors.push(SuiteError { line: Some(line), message }),
                }
            }
        }
        let rows = with_parents(database, &rows);
        let mut tests: Vec<Test> = Vec::new();
        for raw in raw.test {
            let line = line_at(text, raw.span().start);
            match test(raw.into_inner(), line, &database.catalog, &rows) {
                Ok(read) if tests.iter().any(|other| other.name == read.name) => {
                    let message = format!("the name `{}` is taken by another test", read.name);
                    errors.push(SuiteError { line: Some(line), message });
                }
                Ok(read) => tests.push(read),
                Err(message) => errors.push(SuiteError { line: Some(line), message }),
            }
        }
        if errors.is_empty() { Ok(Self { tests, rows }) } else { Err(errors) }
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// A relation as tests name it: `schema.name` where it is not in the default schema.
fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Relation, String> {
    let default = &catalog.default_schema;
    let named = |relation: &&Relation| {
        relation.name.to_string() == name
            || (&relation.name.schema == default && relation.name.name == name)
    };
    catalog
        .relations
        .iter()
        .find(named)
        .ok_or_else(|| format!("there is no relation `{name}` in the catalog"))
}

fn key_column(relation: &Relation) -> Result<&ColumnName, String> {
    let [key] = relation.primary_key.as_slice() else {
        let name = &relation.name.name;
        return Err(format!(
            "`{name}` has no primary key of one column, so its rows have no names"
        ));
    };
    Ok(key)
}

fn keyed_row(
    catalog: &Catalog,
    name: &str,
    table: &Table,
) -> Result<(RelationName, String, Row), String> {
    let relation = find(catalog, name)?;
    let key = key_column(relation)?;
    let key = table.get(key.as_str()).ok_or(format!("a row of `{name}` lacks its key `{key}`"))?;
    let mut row = Row::new();
    for (column, value) in table {
        let column = relation
            .column(&ColumnName::new(column))
            .ok_or_else(|| format!("`{name}` has no column `{column}`"))?;
        insert(&mut row, column, value).map_err(|why| format!("`{name}.{}` {why}", column.name))?;
    }
    let missing = relation.columns.iter().find(|column| {
        let given = table.contains_key(column.name.as_str());
        !column.nullable && column.is_attribute() && !given
    });
    match missing {
        Some(column) => {
            Err(format!("a row of `{name}` lacks `{}`, which is NOT NULL", column.name))
        }
        None => Ok((relation.name.clone(), text_of(key)?, row)),
    }
}

fn insert(row: &mut Row, column: &Column, value: &Toml) -> Result<(), String> {
    if column.is_document() {
        return Err("is a document, which tests cannot give yet".to_owned());
    }
    if let Some(element) = column.elements() {
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

/// Milliseconds since 1970 of a date, at midnight UTC, or of a date and time, in UTC where it has no zone.
fn instant(at: &toml::value::Datetime) -> Option<i64> {
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
fn text_of(value: &Toml) -> Result<String, String> {
    match value {
        Toml::Integer(number) => Ok(number.to_string()),
        Toml::String(text) => Ok(text.clone()),
        Toml::Float(_) | Toml::Boolean(_) | Toml::Datetime(_) | Toml::Array(_) | Toml::Table(_) => {
            Err("keys and tenants are integers or strings".to_owned())
        }
    }
}

/// The rows with those that their foreign keys name, as far as policies follow them.
fn with_parents(database: &Database, rows: &Keyed) -> Keyed {
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

fn test(raw: RawTest, line: usize, catalog: &Catalog, rows: &Keyed) -> Result<Test, String> {
    let RawTest { name, tenant, scope, relation, visible, hidden, query, refused, rewritten } = raw;
    let expected = match (relation, query, refused, rewritten) {
        (Some(relation), None, None, None) => {
            let relation = find(catalog, &relation)?;
            let keys: Vec<&str> =
                rows.get(&relation.name).into_iter().flatten().map(|(key, _)| &**key).collect();
            let visible = seen(&keys, visible.as_deref(), hidden.as_deref())?;
            Expected::Rows { relation: relation.name.clone(), visible }
        }
        (None, Some(query), Some(code), None) if visible.is_none() && hidden.is_none() => {
            Expected::Refused { query, code }
        }
        (None, Some(query), None, Some(text)) if visible.is_none() && hidden.is_none() => {
            Expected::Rewritten { query, text }
        }
        _ => {
            return Err(format!(
                "`{name}` must have either `relation` with `visible` or `hidden`, or `query` with \
                 `refused` or `rewritten`"
            ));
        }
    };
    let tenant = tenant.as_ref().map(text_of).transpose()?;
    Ok(Test { name, line, tenant, scope, expected })
}

/// The keys of the rows that must be seen. Either list says all; two must leave no row out.
fn seen(
    keys: &[&str],
    visible: Option<&[Toml]>,
    hidden: Option<&[Toml]>,
) -> Result<Vec<String>, String> {
    let listed = |list: &[Toml]| -> Result<Vec<String>, String> {
        let list: Vec<String> = list.iter().map(text_of).collect::<Result<_, _>>()?;
        match list.iter().find(|key| !keys.contains(&key.as_str())) {
            Some(key) => Err(format!("there is no row `{key}` among the rows of the relation")),
            None => Ok(list),
        }
    };
    let visible = visible.map(listed).transpose()?;
    let hidden = hidden.map(listed).transpose()?;
    match (visible, hidden) {
        (Some(visible), None) => Ok(visible),
        (None, Some(hidden)) => {
            let rest = keys.iter().filter(|key| !hidden.iter().any(|other| other == *key));
            Ok(rest.map(|key| (*key).to_owned()).collect())
        }
        (Some(visible), Some(hidden)) => {
            let count = |key: &str| {
                visible.iter().chain(&hidden).filter(|other| other.as_str() == key).count()
            };
            match keys.iter().find(|key| count(key) != 1) {
                Some(key) => Err(format!("row `{key}` must be in `visible` or in `hidden`, once")),
                None => Ok(visible),
            }
        }
        (None, None) => Err("`relation` needs `visible` or `hidden`".to_owned()),
    }
}
