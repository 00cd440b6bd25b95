//! Which columns are seen, as the catalog lists them.

use bson::raw::{RawBsonRef, RawDocument};
use bson::{Bson, Document};

use super::Verified;
use crate::catalog::{ColumnType, Relation};

/// Whether a path leads to something that may be seen whole. Positions in arrays are no names.
pub(super) fn listed(path: &str, relation: &Relation) -> Verified<()> {
    let digits = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let names = path.split('.').enumerate().filter(|(at, name)| *at == 0 || !digits(name));
    let path = names.map(|(_, name)| name).collect::<Vec<_>>().join(".");
    let seen = relation.columns.iter().any(|column| {
        let name = column.name.as_str();
        let below = path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        match column.column_type {
            ColumnType::Document => false,
            ColumnType::Json | ColumnType::Other => path == name || below,
            _ => path == name,
        }
    });
    seen.then_some(())
}

pub(super) fn listed_paths(sort: Option<RawBsonRef<'_>>, relation: &Relation) -> Verified<()> {
    let Some(sort) = sort else { return Some(()) };
    for key in sort.as_document()? {
        let (path, direction) = key.ok()?;
        listed(path.as_str(), relation)?;
        matches!(direction, RawBsonRef::Int32(_) | RawBsonRef::Int64(_) | RawBsonRef::Double(_))
            .then_some(())?;
    }
    Some(())
}

/// The projection of a `find`: listed columns and nothing else.
pub(super) fn chosen(projection: &RawDocument, relation: &Relation) -> Verified<()> {
    let mut kept = 0;
    let mut id = None;
    for field in projection {
        let (path, value) = field.ok()?;
        let value = match value {
            RawBsonRef::Int32(value) => value != 0,
            RawBsonRef::Int64(value) => value != 0,
            RawBsonRef::Double(value) => value != 0.0,
            RawBsonRef::Boolean(value) => value,
            _ => return None,
        };
        if path.as_str() == "_id" {
            id = Some(value);
        }
        if value {
            listed(path.as_str(), relation)?;
            kept += 1;
        } else {
            (path.as_str() == "_id").then_some(())?;
        }
    }
    // What is not dropped comes along.
    if id != Some(false) {
        let nested = |name: &str| name.starts_with("_id.");
        let nested = relation.columns.iter().any(|column| nested(column.name.as_str()));
        (nested || listed("_id", relation).is_some()).then_some(())?;
    }
    (kept > 0).then_some(())
}

/// The projection at a source: every listed column and nothing else, and what was added on the way.
pub(super) fn all(relation: &Relation, added: Option<&str>) -> Document {
    let mut expected = Document::new();
    let shown = relation.columns.iter().filter(|column| column.column_type != ColumnType::Document);
    for column in shown {
        expected.insert(column.name.as_str(), 1);
    }
    let id = |name: &str| name == "_id" || name.starts_with("_id.");
    if !relation.columns.iter().any(|column| id(column.name.as_str())) {
        expected.insert("_id", 0);
    }
    if let Some(added) = added {
        expected.insert(added, 1);
    }
    expected
}

/// `{found: {$map: ..}}`: of each document that was found the listed columns, and the field of its depth.
pub(super) fn cut_to_columns(found: &str, relation: &Relation, depth: Option<&str>) -> Bson {
    let columns = relation.columns.iter().map(|column| column.name.as_str());
    let names: Vec<Bson> = columns.chain(depth).map(Bson::from).collect();
    let one =
        |key: &str, value: Bson| Bson::Document(Document::from_iter([(key.to_owned(), value)]));
    let several = |fields: [(&str, Bson); 3]| {
        Bson::Document(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    };
    let listed = one("$in", vec!["$$field.k".into(), one("$literal", names.into())].into());
    let fields = several([
        ("input", one("$objectToArray", "$$row".into())),
        ("as", "field".into()),
        ("cond", listed),
    ]);
    let row = one("$arrayToObject", one("$filter", fields));
    let rows = several([("input", format!("${found}").into()), ("as", "row".into()), ("in", row)]);
    one(found, one("$map", rows))
}
