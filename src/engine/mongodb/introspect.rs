//! What a MongoDB database holds: its collections, what their validators promise, and what a sample of them has.
//!
//! A sample is bounded in documents, bytes and time. It proves nothing: see [`columns`] for what is made of it.

mod columns;
mod kind;
mod role;
mod sample;
mod validator;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};
use tokio::time::Instant;

use super::client::Client;
use crate::catalog::{
    Catalog, ColumnName, Relation, RelationKind, RelationName, Remarks, entity_type_for,
    is_collection,
};
use crate::engine::inspected::give_entity_types;
use crate::engine::{EngineError, Introspected};
pub(in crate::engine) use role::create_role;
use sample::Seen;
use validator::Promise;

/// Documents in the sample of one collection.
const SAMPLE: u32 = 1_000;

/// Bytes of the sample of one collection, after which no further document is read.
const SAMPLE_BYTES: usize = 8 * 1024 * 1024;

/// Documents in one reply of the sample, so that not many more bytes are sent than read.
const SAMPLE_BATCH: u32 = 50;

/// How long one command of this module may take.
const COMMAND_MS: i32 = 5_000;

/// How long all samples together may take; a collection that comes after that is listed by its validator alone.
const SAMPLES: Duration = Duration::from_secs(15);

/// Collections that are listed at most.
const COLLECTIONS: usize = 10_000;

/// `Unauthorized`.
const UNAUTHORIZED: i32 = 13;

/// `NamespaceNotFound`: a collection that was dropped meanwhile.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// A collection as `listCollections` tells of it.
struct Listed {
    name: String,
    promise: Option<Promise>,
}

/// Reads every collection that the role may read.
pub(super) async fn read(client: &Client) -> Result<Introspected, EngineError> {
    look(client).await.map_err(|error| client.failure(&error))
}

async fn look(client: &Client) -> Result<Introspected, Error> {
    let default_schema = client.database().to_owned();
    let mut notes = Vec::new();
    let mut remarks = Remarks::default();
    let mut relations = Vec::new();
    let mut indexes = BTreeMap::new();
    let until = Instant::now() + SAMPLES;
    for Listed { name, promise } in collections(client, &mut notes).await? {
        let seen = if Instant::now() < until {
            match sample(client, &name).await {
                Err(error) if number(&error) == Some(UNAUTHORIZED) => {
                    notes.push(format!("`{name}` is left out: the role may not read it"));
                    continue;
                }
                seen => seen?,
            }
        } else {
            notes.push(format!("`{name}` was not sampled: others took too long"));
            Seen::default()
        };
        if seen.open {
            notes.push(format!(
                "fields of `{name}` are left out: there are too many, or their names cannot be paths"
            ));
        }
        let name = RelationName { schema: default_schema.clone(), name };
        match read_indexes(client, &name.name).await {
            Ok(found) => drop(indexes.insert(name.clone(), found)),
            Err(error) if number(&error) == Some(UNAUTHORIZED) => {
                notes.push(format!(
                    "the indexes of `{name}` are not seen: the role may not list them"
                ));
            }
            Err(error) => return Err(error),
        }
        relations.push(Relation {
            entity_type: entity_type_for(&name, &default_schema),
            kind: RelationKind::Table,
            columns: columns::columns(&name, &seen, promise.as_ref(), &mut remarks),
            primary_key: vec![ColumnName::new("_id")],
            unique: Vec::new(),
            foreign_keys: Vec::new(),
            name,
        });
    }
    give_entity_types(&mut relations);
    let status = client.ask(doc! { "connectionStatus": 1, "showPrivileges": true }).await?;
    let role = role::read(&status, &default_schema, &relations);
    let catalog = Catalog { default_schema, relations, functions: Arc::default() };
    Ok(Introspected { catalog, notes, indexes, role: Some(role), remarks })
}

/// The collections that are read, by name. Says of the others why not.
async fn collections(client: &Client, notes: &mut Vec<String>) -> Result<Vec<Listed>, Error> {
    let all = doc! { "listCollections": 1, "maxTimeMS": COMMAND_MS };
    let found = match client.list(all, COLLECTIONS).await {
        // Who may not list may ask for the names of what it may read.
        Err(error) if number(&error) == Some(UNAUTHORIZED) => {
            notes.push(
                "validators are not seen: the role may not list collections with their options"
                    .to_owned(),
            );
            let own = doc! {
                "listCollections": 1, "nameOnly": true, "authorizedCollections": true,
                "maxTimeMS": COMMAND_MS,
            };
            client.list(own, COLLECTIONS).await?
        }
        found => found?,
    };
    let mut listed = Vec::new();
    for found in found {
        let found = Document::try_from(&*found)?;
        let Ok(name) = found.get_str("name").map(str::to_owned) else { continue };
        if name.starts_with("system.") {
            continue;
        }
        let why = match found.get_str("type") {
            // Its pipeline runs before any filter, and may have changed what the filter looks at.
            Ok("view") => Some("it is a view, whose own pipeline runs before any filter"),
            Ok("timeseries") => Some("it is a time series, which is a view of buckets"),
            Ok(_) | Err(_) if !is_collection(&name) => Some("MongoDB keeps its name for itself"),
            Ok(_) | Err(_) => None,
        };
        if let Some(why) = why {
            notes.push(format!("`{name}` is left out: {why}"));
            continue;
        }
        let promise = found.get_document("options").ok().and_then(validator::promise);
        listed.push(Listed { name, promise });
    }
    listed.sort_by(|left, right| left.name.cmp(&right.name));
    notes.sort();
    Ok(listed)
}

async fn sample(client: &Client, name: &str) -> Result<Seen, Error> {
    let command = doc! {
        "aggregate": name,
        "pipeline": [{ "$sample": { "size": SAMPLE } }],
        "cursor": { "batchSize": SAMPLE_BATCH },
        "maxTimeMS": COMMAND_MS,
    };
    let command = command.to_vec().and_then(RawDocumentBuf::from_bytes)?;
    let mut cursor = client.cursor(command, SAMPLE_BATCH).await?;
    let mut seen = Seen::default();
    let mut bytes = 0;
    while bytes < SAMPLE_BYTES && cursor.advance().await? {
        let document = cursor.current();
        bytes += document.as_bytes().len();
        seen.add(document, 0);
    }
    Ok(seen)
}

/// The indexes that serve any equality on their first field: not those over some documents only, nor those whose order
/// is that of another collation.
async fn read_indexes(client: &Client, name: &str) -> Result<Vec<Vec<ColumnName>>, Error> {
    let found =
        client.list(doc! { "listIndexes": name, "maxTimeMS": COMMAND_MS }, COLLECTIONS).await;
    let found = match found {
        Err(error) if number(&error) == Some(NAMESPACE_NOT_FOUND) => return Ok(Vec::new()),
        found => found?,
    };
    let mut indexes = Vec::new();
    for index in found {
        let index = Document::try_from(&*index)?;
        let serves = !index.contains_key("partialFilterExpression")
            && !index.get_bool("hidden").unwrap_or(false)
            && index.get_document("collation").is_err();
        let Ok(key) = index.get_document("key") else { continue };
        if serves {
            let columns = key
                .iter()
                .take_while(|(_, order)| is_ordered(order))
                .map(|(path, _)| ColumnName::new(path));
            indexes.push(columns.collect());
        }
    }
    Ok(indexes)
}

/// Ascending, descending, or hashed, which serves equality.
fn is_ordered(order: &Bson) -> bool {
    match order {
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) => true,
        order => order.as_str() == Some("hashed"),
    }
}

fn number(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
