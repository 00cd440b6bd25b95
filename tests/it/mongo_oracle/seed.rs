//! The demo's rows as documents: one seed for all engines, and what only documents can be.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use bson::{Bson, DateTime, Decimal128, Document, doc};
use dialektai::catalog::{ColumnName, ColumnType, Relation};
use dialektai::identity::Principal;
use dialektai::policy::{Database, Sources};
use dialektai::predicate::{Row, Value};

use crate::world::{self, Indexes};

/// The demo database as it would be on MongoDB: its own catalog, the demo's own rules.
pub(crate) fn database() -> Database {
    let read = |path: &str| std::fs::read_to_string(world::root().join(path)).unwrap();
    let settings = read("policies/demo/database.toml").replace("\"sqlite\"", "\"mongodb\"");
    let catalog = read("fixtures/mongo/demo/catalog.toml");
    let policies = ["shared.cedar", "tenant.cedar"]
        .map(|name| (name.to_owned(), read(&format!("policies/demo/{name}"))))
        .to_vec();
    let settings = settings.replace("\"demo:\"", "\"env:MONGODB_URL\"");
    Database::from_sources("demo".parse().unwrap(), &Sources { settings, catalog, policies })
        .unwrap()
}

/// One document of a collection.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Its key in the SQL engines, or `extra ..`.
    pub(crate) key: String,
    pub(crate) document: Document,
    /// What policies read of it; `None` where it cannot be an entity, since it breaks what the catalog says.
    pub(crate) row: Option<Row>,
}

/// The documents of each collection.
pub(crate) type Seed = BTreeMap<String, Vec<Stored>>;

/// Which documents there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awkward {
    /// The rows of the SQL engines and nothing else.
    No,
    /// With tenant keys, scopes and values that break what the catalog says.
    Yes,
}

/// The seed, read from SQLite.
pub(crate) async fn seed(database: &Database, awkward: Awkward) -> Seed {
    let mut sqlite = world::shared(Indexes::Tenant).await;
    let sql = world::demo();
    let mut seed = Seed::new();
    for relation in &database.catalog.relations {
        let name = relation.name.name.as_str();
        let table = sql.catalog.relations.iter().find(|table| table.name.name == name).unwrap();
        let key = table.primary_key[0].as_str();
        let mut stored = Vec::new();
        for (number, (_, key_text, row)) in
            world::entities(&mut sqlite, table).await.into_iter().enumerate()
        {
            let mut document = Document::new();
            for (place, column) in table.columns.iter().enumerate() {
                let own = column.name.as_str();
                let path = if own == "id" { "_id" } else { own };
                let value = match (row.get(&column.name), column.cedar()) {
                    (Some(value), _) => Some(stored_value(value, number + place)),
                    (None, Some(_)) => None,
                    (None, None) => {
                        let sql = format!("SELECT {own} FROM {name} WHERE {key} = '{key_text}'");
                        let found = world::run_text(&mut sqlite, &sql).await.unwrap();
                        number_of(&found[0][0], column.column_type)
                    }
                };
                match value {
                    Some(value) => {
                        document.insert(path, value);
                    }
                    // What is NULL there is missing here, or null.
                    None if (number + place) % 2 == 0 => {
                        document.insert(path, Bson::Null);
                    }
                    None => {}
                }
            }
            if name == "countries" {
                let mut keyed = doc! { "_id": key_text.clone() };
                keyed.extend(document);
                document = keyed;
            }
            add_fields(name, number, &mut document);
            let mut own = Row::new();
            for column in row.keys() {
                let path = if column.as_str() == "id" { "_id" } else { column.as_str() };
                own.insert(ColumnName::new(path), row.get(column).unwrap().clone());
            }
            if name == "countries" {
                own.insert(ColumnName::new("_id"), Value::String(key_text.clone()));
            }
            stored.push(Stored { key: key_text, document, row: Some(own) });
        }
        if awkward == Awkward::Yes && name != "comments" && name != "countries" {
            add_awkward(name, &mut stored);
        }
        seed.insert(name.to_owned(), stored);
    }
    seed
}

/// One value of policies as a document holds it. Whole numbers are one number, whatever their type.
pub(crate) fn stored_value(value: &Value, turn: usize) -> Bson {
    match value {
        Value::Long(number) => match (turn % 4, i32::try_from(*number)) {
            (0, Ok(small)) => Bson::Double(f64::from(small)),
            (1, Ok(small)) => Bson::Int32(small),
            (2, Ok(small)) => Bson::Decimal128(Decimal128::from_str(&small.to_string()).unwrap()),
            _ => Bson::Int64(*number),
        },
        Value::String(text) => Bson::String(text.clone()),
        Value::Bool(flag) => Bson::Boolean(*flag),
        Value::Datetime(milliseconds) => Bson::DateTime(DateTime::from_millis(*milliseconds)),
    }
}

/// A number that policies do not read, as SQLite shows it.
fn number_of(shown: &str, column_type: ColumnType) -> Option<Bson> {
    match (shown, column_type) {
        ("NULL", _) => None,
        (shown, ColumnType::Decimal) => {
            Some(Bson::Decimal128(Decimal128::from_str(shown).unwrap()))
        }
        (shown, _) => Some(Bson::Double(shown.parse().unwrap())),
    }
}

/// Fields that the catalog lists beside the columns of the SQL engines, and fields that it does not list, at the top and
/// inside of documents.
fn add_fields(name: &str, number: usize, document: &mut Document) {
    let hidden = format!("hidden {name} {number}");
    match name {
        "projects" => {
            match number % 5 {
                0 => document.insert("tags", vec!["red", "green"]),
                1 => document.insert("tags", Vec::<Bson>::new()),
                2 => document.insert("tags", vec!["green", "blue", "red"]),
                3 => document.insert("tags", Bson::Null),
                _ => None,
            };
            match number % 4 {
                0 => document
                    .insert("address", doc! { "zip": "1010", "secret": &hidden, "city": "Wien" }),
                1 => document.insert("address", doc! { "city": "Graz", "zip": Bson::Null }),
                2 => document.insert("address", doc! { "secret": &hidden }),
                _ => None,
            };
            match number % 3 {
                0 => document.insert("meta", doc! { "a": { "b": [1, 2, { "c": "x" }] } }),
                1 => document.insert("meta", vec![Bson::Int32(5), Bson::Null]),
                _ => None,
            };
        }
        "tasks" => {
            let step = |name: &str, done: bool| {
                doc! { "name": name, "secret": &hidden, "done": done }
            };
            match number % 3 {
                0 => document.insert("steps", vec![step("plan", true), step("do", false)]),
                1 => document.insert("steps", Vec::<Bson>::new()),
                _ => None,
            };
        }
        "users" => {
            // Some of those whom a user leads belong to another tenant.
            let next = i64::try_from(number).unwrap() + 2;
            document.insert("leads", vec![next, next % 19 + 1, 1]);
        }
        _ => {}
    }
    document.insert("secret", hidden);
}

/// Documents with a tenant key that is none, and documents of customer 82 with values of other types.
fn add_awkward(name: &str, stored: &mut Vec<Stored>) {
    let base = stored[0].clone();
    let keys = [
        None,
        Some(Bson::Null),
        Some(Bson::String("82".to_owned())),
        Some(vec![Bson::Int32(82)].into()),
        Some(vec![Bson::Int32(82), Bson::Int32(7)].into()),
        Some(vec![Bson::Array(vec![Bson::Int32(82)])].into()),
        Some(doc! { "id": 82 }.into()),
        Some(Bson::Array(Vec::new())),
        Some(Bson::Double(82.5)),
        Some(Bson::Double(f64::NAN)),
        Some(Bson::Boolean(true)),
    ];
    for (number, tenant) in (9_000_i32..).zip(keys) {
        let mut document = base.document.clone();
        document.insert("_id", number);
        match tenant {
            Some(tenant) => document.insert("customer_id", tenant),
            None => document.remove("customer_id"),
        };
        let key = format!("extra {number}");
        stored.push(Stored { key, document, row: None });
    }
    let odd: Vec<(&str, Bson)> = match name {
        "projects" => vec![
            ("budget", "12".into()),
            ("budget", vec![Bson::Int32(1), Bson::Int32(45_000)].into()),
            ("budget", Bson::Double(f64::NAN)),
            ("tags", "red".into()),
            ("tags", vec![Bson::Int32(1), Bson::Null, vec![Bson::from("red")].into()].into()),
            ("meta", "plain".into()),
        ],
        "tasks" => vec![
            ("assigned_to", vec![Bson::from("user-john-456")].into()),
            ("assigned_to", Bson::Null),
            ("assigned_to", 5.into()),
            ("assigned_to", doc! { "is": "user-john-456" }.into()),
            ("due_on", "2024-02-01".into()),
        ],
        "users" => vec![("email", vec![Bson::from("a"), Bson::from("b")].into())],
        _ => vec![("note", doc! { "$odd": 1 }.into()), ("note", Bson::Boolean(false))],
    };
    for (number, (column, value)) in (9_500_i32..).zip(odd) {
        let mut document = base.document.clone();
        let whole = base.row.as_ref().unwrap();
        // Of another type than the catalog says is as not there.
        let rest = whole.keys().filter(|own| own.as_str() != column);
        let mut row: Row = rest.map(|own| (own.clone(), whole.get(own).unwrap().clone())).collect();
        document.insert("_id", number);
        document.insert("customer_id", 82_i64);
        document.insert(column, value);
        row.insert(ColumnName::new("_id"), Value::Long(number.into()));
        row.insert(ColumnName::new("customer_id"), Value::Long(82));
        stored.push(Stored { key: format!("extra {number}"), document, row: Some(row) });
    }
}

impl Stored {
    /// Cedar's own verdict.
    pub(crate) fn is_permitted(
        &self,
        database: &Database,
        principal: &Principal,
        relation: &Relation,
    ) -> bool {
        let judged = |row| database.is_authorized(principal, &relation.name, &self.key, row);
        self.row.as_ref().is_some_and(judged)
    }
}

/// A document with its listed fields only.
pub(crate) fn cut(document: &Document, relation: &Relation) -> Document {
    within(document, relation, "")
}

fn within(document: &Document, relation: &Relation, inside: &str) -> Document {
    let mut kept = Document::new();
    for (key, value) in document {
        let path = format!("{inside}{key}");
        let column = relation.column(&ColumnName::new(path.as_str()));
        let Some(column) = column else { continue };
        let value = match (column.column_type, value) {
            (ColumnType::Document, Bson::Document(inner)) => {
                within(inner, relation, &format!("{path}.")).into()
            }
            (ColumnType::Document, Bson::Array(items)) => {
                let documents = items.iter().filter_map(Bson::as_document);
                let cut = |item| Bson::from(within(item, relation, &format!("{path}.")));
                Bson::Array(documents.map(cut).collect())
            }
            // Of a document whose fields are listed one by one nothing else can be kept.
            (ColumnType::Document, _) => continue,
            (_, value) => value.clone(),
        };
        kept.insert(key, value);
    }
    kept
}

/// `D|p`: the documents and fields that a principal may read.
pub(crate) fn own(seed: &Seed, database: &Database, principal: &Principal) -> Seed {
    let mut own = Seed::new();
    for relation in &database.catalog.relations {
        let permitted = seed[&relation.name.name]
            .iter()
            .filter(|stored| stored.is_permitted(database, principal, relation));
        let cut = permitted
            .map(|stored| Stored { document: cut(&stored.document, relation), ..stored.clone() });
        own.insert(relation.name.name.clone(), cut.collect());
    }
    own
}
