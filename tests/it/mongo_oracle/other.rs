//! Other secrets: the same seed, in which everything is another that a principal may not read.

use bson::{Bson, DateTime, Document};
use dialektai::catalog::{ColumnName, ColumnType, Relation};
use dialektai::identity::Principal;
use dialektai::policy::Database;

use super::seed::{Seed, Stored};

/// Documents of others change, go and come: other values, first and last in every order, and of other types. Of the
/// principal's own documents the fields change that the catalog does not list.
pub(crate) fn other_secrets(seed: &Seed, database: &Database, principal: &Principal) -> Seed {
    let mut other = Seed::new();
    for relation in &database.catalog.relations {
        let mut stored = Vec::new();
        for (number, own) in seed[&relation.name.name].iter().enumerate() {
            if own.is_permitted(database, principal, relation) {
                let document = rehidden(&own.document, relation, "");
                stored.push(Stored { document, ..own.clone() });
                continue;
            }
            // Whose a document is stays as it is, so that it stays another's.
            if number % 3 != 0 {
                stored.push(Stored { document: changed(&own.document, number), ..own.clone() });
            }
            if number % 2 == 0 {
                let mut document = changed(&own.document, number + 1);
                document.insert("_id", format!("new {number}"));
                stored.push(Stored { document, ..own.clone() });
            }
        }
        other.insert(relation.name.name.clone(), stored);
    }
    other
}

fn changed(document: &Document, turn: usize) -> Document {
    let kept = ["_id", "customer_id", "assigned_to"];
    let value = |(place, (key, value)): (usize, (&String, &Bson))| {
        let other =
            if kept.contains(&key.as_str()) { value.clone() } else { another(value, turn + place) };
        (key.clone(), other)
    };
    document.iter().enumerate().map(value).collect()
}

/// Another value, mostly of the same type.
pub(super) fn another(value: &Bson, turn: usize) -> Bson {
    match (turn % 5, value) {
        (4, _) => Bson::Array(vec![value.clone(), Bson::Int32(1)]),
        (0, Bson::String(_)) => Bson::String(String::new()),
        (_, Bson::String(text)) => Bson::String(format!("zz {}", text.to_uppercase())),
        (0, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) => Bson::Int64(i64::MAX),
        (1, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) => Bson::Double(-1e300),
        (_, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) => Bson::Int32(7),
        (_, Bson::Boolean(flag)) => Bson::Boolean(!flag),
        (0, Bson::DateTime(_)) => Bson::DateTime(DateTime::from_millis(0)),
        (_, Bson::DateTime(date)) => {
            Bson::DateTime(DateTime::from_millis(date.timestamp_millis() + 86_400_000))
        }
        (0, _) => Bson::Null,
        (_, _) => Bson::String("zz".to_owned()),
    }
}

/// A document whose listed fields are the same ones, and no other.
fn rehidden(document: &Document, relation: &Relation, inside: &str) -> Document {
    let mut other = Document::new();
    for (key, value) in document {
        let path = format!("{inside}{key}");
        let within = |inner: &Document| rehidden(inner, relation, &format!("{path}."));
        let listed = relation.column(&ColumnName::new(path.as_str()));
        let value = match (listed.map(|column| column.column_type), value) {
            (None, _) => Bson::Int32(7),
            (Some(ColumnType::Document), Bson::Document(inner)) => within(inner).into(),
            (Some(ColumnType::Document), Bson::Array(items)) => {
                let documents = items.iter().filter_map(Bson::as_document);
                Bson::Array(documents.map(|item| within(item).into()).collect())
            }
            (Some(_), value) => value.clone(),
        };
        other.insert(key, value);
    }
    // Before and after everything else.
    if inside.is_empty() {
        other.insert("another_secret", "hidden too");
    }
    other
}
