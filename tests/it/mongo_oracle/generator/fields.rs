//! What can be named at a place in a pipeline.

use std::collections::BTreeMap;

use bson::{Bson, Document};
use dialektai::catalog::{Catalog, ColumnType, Relation};

use crate::mongo_oracle::seed::Seed;

/// What a field holds, where it holds what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Text,
    Flag,
    Instant,
    /// An array of scalars.
    Values,
    /// An array of documents.
    Documents,
    Document,
    /// Anything.
    Any,
}

/// A field at a path, and values to compare it with: of everybody's documents.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) path: String,
    pub(super) kind: Kind,
    /// Whether every document has a value of the kind, so that arithmetic does not fail.
    pub(super) sound: bool,
    pub(super) samples: Vec<Bson>,
}

/// What the documents of a place are like.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) fields: Vec<Field>,
    /// Whether `_id` is another in each document, so that ordering by it leaves no ties.
    pub(super) keyed: bool,
}

impl Shape {
    pub(super) fn of_kind(&self, kinds: &[Kind]) -> Vec<&Field> {
        self.fields.iter().filter(|field| kinds.contains(&field.kind)).collect()
    }

    pub(super) fn add(&mut self, path: &str, kind: Kind, samples: Vec<Bson>) {
        self.remove(path);
        self.fields.push(Field { path: path.to_owned(), kind, sound: false, samples });
    }

    pub(super) fn remove(&mut self, path: &str) {
        let below = format!("{path}.");
        self.fields.retain(|field| field.path != path && !field.path.starts_with(&below));
    }
}

/// The collections that a principal may read.
pub(super) fn tables(catalog: &Catalog, seed: &Seed, names: &[&str]) -> BTreeMap<String, Shape> {
    let relations = catalog.relations.iter();
    relations
        .filter(|relation| names.contains(&relation.name.name.as_str()))
        .map(|relation| (relation.name.name.clone(), shape(relation, seed)))
        .collect()
}

fn shape(relation: &Relation, seed: &Seed) -> Shape {
    // Values of other types stand in these; see the seed.
    let odd = ["budget", "assigned_to", "due_on", "email", "note", "customer_id"];
    let fields = relation.columns.iter().map(|column| {
        let path = column.name.as_str();
        let kind = match (column.column_type, column.array) {
            (ColumnType::Document, true) => Kind::Documents,
            (ColumnType::Document, false) => Kind::Document,
            (_, true) => Kind::Values,
            (ColumnType::Integer | ColumnType::Float | ColumnType::Decimal, false) => Kind::Number,
            (ColumnType::Text, false) => Kind::Text,
            (ColumnType::Boolean, false) => Kind::Flag,
            (ColumnType::Timestamptz, false) => Kind::Instant,
            (_, false) => Kind::Any,
        };
        let stored = seed[&relation.name.name].iter();
        // The guard reads no text as a number that is none.
        let number = |value: &Bson| !matches!(value, Bson::Double(number) if number.is_nan());
        let samples = stored.flat_map(|stored| at(&stored.document, path)).filter(number).collect();
        let sound = !odd.contains(&path) && !path.contains('.');
        Field { path: path.to_owned(), kind, sound, samples }
    });
    Shape { fields: fields.collect(), keyed: true }
}

/// The scalars at a path.
fn at(document: &Document, path: &str) -> Vec<Bson> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(f, r)| (f, Some(r)));
    match (document.get(first), rest) {
        (Some(Bson::Document(inner)), Some(rest)) => at(inner, rest),
        (Some(Bson::Array(items)), Some(rest)) => {
            items.iter().filter_map(Bson::as_document).flat_map(|item| at(item, rest)).collect()
        }
        (Some(Bson::Array(items)), None) => {
            let scalar = |item: &&Bson| !matches!(item, Bson::Array(_) | Bson::Document(_));
            items.iter().filter(scalar).cloned().collect()
        }
        (Some(Bson::Document(_)) | None, None) | (_, Some(_)) => Vec::new(),
        (Some(value), None) => vec![value.clone()],
    }
}
