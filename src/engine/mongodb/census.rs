//! How many documents of a collection do not have what the catalog says.

use std::time::Duration;

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, doc};
use tokio::time::timeout;

use super::client::Client;
use crate::catalog::{Column, ColumnType, Relation, ancestors};
use crate::engine::pool::GRACE;
use crate::engine::{Census, EngineError, Misfit};

/// How long the documents of one collection may be counted.
const COUNT: Duration = Duration::from_secs(10);

/// Answers of the server that are read: one for each combination of what columns have.
const COMBINATIONS: usize = 10_000;

/// What the server says of a value that is as it should be, of an array with elements that are not, and of a value in a
/// document that is not there. No type has such a name.
const FITS: &str = "+";
const ELEMENTS: &str = "+elements";
const ABOVE: &str = "+above";

/// Reads every document once.
pub(super) async fn take(
    client: &Client,
    relation: &Relation,
    columns: &[&Column],
) -> Result<Census, EngineError> {
    let command = doc! {
        "aggregate": &relation.name.name,
        "pipeline": [{ "$group": { "_id": kinds(columns), "n": { "$sum": 1_i64 } } }],
        "cursor": {},
        "maxTimeMS": i32::try_from(COUNT.as_millis()).unwrap_or(i32::MAX),
        "allowDiskUse": false,
    };
    // A server that does not answer at all says nothing of its deadline.
    let found = timeout(COUNT + GRACE, client.list(command, COMBINATIONS)).await;
    let found = found.map_err(|_| EngineError::Timeout)?;
    let found: Vec<RawDocumentBuf> = found.map_err(|error| client.failure(&error))?;
    let mut census = Census::default();
    for combination in found {
        let combination = Document::try_from(&*combination).map_err(|_| EngineError::Failed)?;
        let documents = combination.get("n").and_then(count).ok_or(EngineError::Failed)?;
        let kinds = combination.get_array("_id").map_err(|_| EngineError::Failed)?;
        census.documents += documents;
        for (column, kind) in columns.iter().zip(kinds) {
            let misfit = match kind.as_str().ok_or(EngineError::Failed)? {
                FITS | ABOVE => continue,
                ELEMENTS => Misfit::Elements,
                "missing" | "undefined" => Misfit::Missing,
                "null" => Misfit::Null,
                "array" => Misfit::Array,
                name => Misfit::Type(name.to_owned()),
            };
            *census.misfits.entry((column.name.clone(), misfit)).or_default() += documents;
        }
    }
    Ok(census)
}

fn count(value: &Bson) -> Option<u64> {
    match value {
        Bson::Int32(count) => u64::try_from(*count).ok(),
        Bson::Int64(count) => u64::try_from(*count).ok(),
        _ => None,
    }
}

/// What each column has, as one value to group by.
fn kinds(columns: &[&Column]) -> Vec<Bson> {
    columns.iter().map(|column| Bson::Document(kind(column))).collect()
}

fn kind(column: &Column) -> Document {
    let value = format!("${}", column.name);
    let own = doc! { "$type": &value };
    let types = types(column.column_type);
    let mut branches = Vec::new();
    for above in ancestors(column.name.as_str()) {
        let document = doc! { "$type": format!("${above}") };
        branches.push(doc! { "case": { "$ne": [document, "object"] }, "then": ABOVE });
    }
    if column.array {
        let elements = doc! { "$map": { "input": &value, "as": "e", "in": { "$type": "$$e" } } };
        let numbers = (column.column_type == ColumnType::Integer).then_some(["double", "decimal"]);
        let types: Vec<&str> = types.into_iter().chain(numbers.into_iter().flatten()).collect();
        let then = doc! { "$cond": [{ "$setIsSubset": [elements, types] }, FITS, ELEMENTS] };
        branches.push(doc! { "case": { "$eq": [own.clone(), "array"] }, "then": then });
    } else {
        branches.push(doc! { "case": { "$in": [own.clone(), types] }, "then": FITS });
        if column.column_type == ColumnType::Integer {
            // Numbers are compared by value, so one without a fraction is an integer.
            let whole = doc! { "$eq": [{ "$trunc": &value }, &value] };
            let then = doc! { "$cond": [whole, FITS, own.clone()] };
            let case = doc! { "$in": [own.clone(), ["double", "decimal"]] };
            branches.push(doc! { "case": case, "then": then });
        }
    }
    doc! { "$switch": { "branches": branches, "default": own } }
}

/// The types that a value of the column may have, as `$type` names them.
fn types(column_type: ColumnType) -> Vec<&'static str> {
    match column_type {
        ColumnType::Integer => vec!["int", "long"],
        ColumnType::Float | ColumnType::Decimal => vec!["int", "long", "double", "decimal"],
        ColumnType::Boolean => vec!["bool"],
        ColumnType::Text => vec!["string"],
        ColumnType::Timestamptz | ColumnType::Timestamp | ColumnType::Date => vec!["date"],
        ColumnType::Uuid | ColumnType::Bytes => vec!["binData"],
        ColumnType::ObjectId => vec!["objectId"],
        ColumnType::Document | ColumnType::Json => vec!["object"],
        ColumnType::Time | ColumnType::Interval | ColumnType::Other => Vec::new(),
    }
}
