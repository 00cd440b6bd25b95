//! The rows as documents, on a server of MongoDB's protocol.

use std::collections::BTreeSet;

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, Uuid};
use dialektai::catalog::{Catalog, ColumnType, RelationName};
use dialektai::guard::RefusalCode;
use dialektai::guard::mongo::guard_mongo;
use dialektai::predicate::{PredicateSet, Row, RowFilter, Value};
use mongodb::Database;

use crate::mongo_oracle::answer;
use crate::mongo_oracle::seed::stored_value;
use crate::servers::mongodb::{Server, insert};

/// The collection `facts`.
pub(super) struct Documents {
    database: Database,
    catalog: Catalog,
    _server: Server,
}

fn facts() -> RelationName {
    RelationName { schema: "main".to_owned(), name: "facts".to_owned() }
}

impl Documents {
    /// The collection, and the keys of its rows. Every instant of 64 bits is one of BSON's.
    pub(super) async fn start(
        rows: &[(&'static str, String, Row)],
    ) -> Option<(Self, BTreeSet<String>)> {
        let server = Server::start(&[]).await?;
        let database = server.database("stored").await;
        let catalog = ["\"timestamp\"", "\"date\""].into_iter().fold(
            include_str!("../../../fixtures/policies/catalog.toml").to_owned(),
            |text, own| text.replace(&format!("type = {own}"), "type = \"timestamptz\""),
        );
        let catalog = Catalog::parse(&catalog).unwrap();
        let relation = catalog.relation(&facts()).unwrap();
        let mut documents = Vec::new();
        let mut keys = BTreeSet::new();
        for (_, key, row) in rows.iter().filter(|(of, ..)| *of == "facts") {
            let turn = keys.len();
            let mut document = Document::new();
            for (place, column) in relation.columns.iter().enumerate() {
                match row.get(&column.name) {
                    Some(value) => {
                        let value = stored(value, column.column_type, turn + place);
                        document.insert(column.name.as_str(), value);
                    }
                    // What is not there is missing, or null.
                    None if (turn + place) % 2 == 0 => {
                        document.insert(column.name.as_str(), Bson::Null);
                    }
                    None => {}
                }
            }
            documents.push(document);
            keys.insert(key.clone());
        }
        insert(&database, "facts", &documents).await;
        Some((Self { database, catalog, _server: server }, keys))
    }

    /// The keys that the guarded query gives.
    pub(super) async fn visible(&self, filter: &RowFilter) -> BTreeSet<String> {
        let filters: PredicateSet = [(facts(), filter.clone())].into_iter().collect();
        let query = "db.facts.find({}, {id: 1, _id: 0})";
        let guarded = match guard_mongo(query, &self.catalog, &filters) {
            Ok(guarded) => guarded,
            // Nothing is visible, so the collection does not exist.
            Err(refusal) if refusal.code == RefusalCode::UnknownRelation => return BTreeSet::new(),
            Err(refusal) => panic!("{refusal}: {filters:?}"),
        };
        let found = answer::guarded(&self.database, guarded.query()).await;
        let found = found.unwrap_or_else(|error| panic!("{error:?}: {}", guarded.query().text()));
        found.iter().map(|own| answer::key(&own.as_document().unwrap()["id"])).collect()
    }
}

/// A value as BSON: whole numbers in whichever type holds them.
fn stored(value: &Value, column_type: ColumnType, turn: usize) -> Bson {
    match (value, column_type) {
        (Value::String(text), ColumnType::Uuid) => {
            let bytes = Uuid::parse_str(text).unwrap().bytes().to_vec();
            Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes })
        }
        (value, _) => stored_value(value, turn),
    }
}
