//! What a collection's validator promises of its documents: the part of `$jsonSchema` that says which fields there are.
//! <https://www.mongodb.com/docs/manual/reference/operator/query/jsonSchema/>

use std::collections::{BTreeMap, BTreeSet};

use bson::{Bson, Document};

use super::kind::Kind;
use crate::catalog::{MAX_PATH, is_field};

/// What is promised of a value.
#[derive(Debug, Default)]
pub(super) struct Promise {
    /// The types that it may have; none where nothing is said.
    pub(super) kinds: BTreeSet<Kind>,
    /// Of an array, what is promised of each element.
    pub(super) items: Option<Box<Promise>>,
    /// Of a document, its fields.
    pub(super) fields: BTreeMap<String, Promise>,
    /// Of a document, the fields that it must have.
    pub(super) required: BTreeSet<String>,
}

/// Reads the options of a collection, as `listCollections` gives them. `None` where nothing is promised: there is no
/// schema, or it is not upheld for every write.
pub(super) fn promise(options: &Document) -> Option<Promise> {
    let text = |key: &str| options.get_str(key).ok();
    let strict = text("validationLevel").is_none_or(|level| level == "strict");
    let refuses = text("validationAction").is_none_or(|action| action.starts_with("error"));
    if !strict || !refuses {
        return None;
    }
    let validator = options.get_document("validator").ok()?;
    let schema = schema(validator)?;
    Some(read(schema, 0))
}

/// The schema, by itself or beside other conditions: it holds in any case.
fn schema(validator: &Document) -> Option<&Document> {
    if let Ok(schema) = validator.get_document("$jsonSchema") {
        return Some(schema);
    }
    let conditions = validator.get_array("$and").ok()?;
    conditions.iter().filter_map(Bson::as_document).find_map(schema)
}

fn read(schema: &Document, depth: usize) -> Promise {
    let mut promise = Promise::default();
    // `bsonType` names types of BSON, `type` those of JSON.
    for key in ["bsonType", "type"] {
        match schema.get(key) {
            Some(Bson::String(name)) => promise.kinds.extend(Kind::named(name)),
            Some(Bson::Array(names)) => {
                let names = names.iter().filter_map(Bson::as_str);
                promise.kinds.extend(names.flat_map(Kind::named));
            }
            Some(_) | None => {}
        }
    }
    if depth >= MAX_PATH {
        return promise;
    }
    if let Ok(items) = schema.get_document("items") {
        promise.items = Some(Box::new(read(items, depth)));
    }
    if let Ok(properties) = schema.get_document("properties") {
        let fields = properties.iter().filter(|(name, _)| is_field(name));
        promise.fields = fields
            .filter_map(|(name, value)| Some((name.clone(), read(value.as_document()?, depth + 1))))
            .collect();
    }
    if let Ok(required) = schema.get_array("required") {
        promise.required = required.iter().filter_map(Bson::as_str).map(str::to_owned).collect();
    }
    promise
}
