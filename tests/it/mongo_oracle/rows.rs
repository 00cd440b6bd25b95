//! Filters on documents against Cedar's own verdict, one document after another: the demo's rules with tenant keys that
//! are none, and rules over nested fields and arrays.

use std::collections::BTreeSet;

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, doc, oid::ObjectId};
use dialektai::catalog::{ColumnName, RelationName};
use dialektai::guard::RefusalCode;
use dialektai::guard::mongo::guard_mongo;
use dialektai::identity::Principal;
use dialektai::policy::{Database, Sources};
use dialektai::predicate::{Row, Value};

use super::answer;
use super::seed::{Awkward, seed};
use crate::servers::mongodb::{Server, insert};
use crate::world;

/// The `_id`s that a guarded query of everything gives.
async fn visible(
    database: &mongodb::Database,
    policies: &Database,
    principal: &Principal,
    collection: &str,
    query: &str,
) -> BTreeSet<String> {
    let filters = policies.predicates_for(principal).unwrap();
    let guarded = match guard_mongo(query, &policies.catalog, &filters) {
        Ok(guarded) => guarded,
        Err(refusal) if refusal.code == RefusalCode::UnknownRelation => return BTreeSet::new(),
        Err(refusal) => panic!("{collection}: {refusal}"),
    };
    let found = answer::guarded(database, guarded.query()).await.unwrap();
    let ids: Vec<_> =
        found.iter().map(|own| answer::key(&own.as_document().unwrap()["_id"])).collect();
    let set: BTreeSet<_> = ids.iter().cloned().collect();
    assert_eq!(set.len(), ids.len(), "a document twice");
    set
}

#[tokio::test]
async fn documents_are_seen_as_cedar_says() {
    let Some(server) = Server::start(&[]).await else { return };
    let policies = super::seed::database();
    let stored = seed(&policies, Awkward::Yes).await;
    let database = server.database("shared").await;
    answer::fill(&database, &stored).await;
    let (mut seen, mut all) = (0, 0);
    for principal in world::principals() {
        for relation in &policies.catalog.relations {
            let name = relation.name.name.as_str();
            let expected: BTreeSet<String> = stored[name]
                .iter()
                .filter(|own| own.is_permitted(&policies, &principal, relation))
                .map(|own| answer::key(&own.document["_id"]))
                .collect();
            for query in [
                format!("db.{name}.find({{}}, {{_id: 1}})"),
                format!("db.{name}.aggregate([{{$project: {{_id: 1}}}}])"),
                // Behind a fence.
                format!("db.{name}.find({{$expr: {{$eq: [1, {{$abs: 1}}]}}}})"),
            ] {
                let actual = visible(&database, &policies, &principal, name, &query).await;
                assert_eq!(actual, expected, "{principal:?} {query}");
            }
            seen += expected.len();
            all += stored[name].len();
        }
    }
    assert!(seen > 100 && seen < all / 2, "{seen} of {all}");
}

pub(super) const CATALOG: &str = r#"
default_schema = "app"
[[relation]]
name = "things"
primary_key = ["_id"]
columns = [
    { name = "_id", type = "integer", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
    { name = "label", type = "text", nullable = true },
    { name = "n", type = "integer", nullable = true },
    { name = "m", type = "integer", nullable = true },
    { name = "ref", type = "objectid", nullable = true },
    { name = "token", type = "uuid", nullable = true },
    { name = "at", type = "timestamptz", nullable = true },
    { name = "tags", type = "text", nullable = true, array = true },
    { name = "levels", type = "integer", nullable = true, array = true },
    { name = "address", type = "document", nullable = true },
    { name = "address.city", type = "text", nullable = true },
    { name = "address.geo", type = "document", nullable = true },
    { name = "address.geo.level", type = "integer", nullable = true },
]
"#;

/// Conditions, each tried in a permit and in a forbid.
pub(super) const CONDITIONS: &[&str] = &[
    "resource has n && resource.n == 5",
    "resource has n && resource.n != 5",
    "resource has n && resource.n < 5",
    "resource has n && !(resource.n < 5)",
    "!(resource has n)",
    "resource has n && [5, 7].contains(resource.n)",
    "resource has n && ![5, 7].contains(resource.n)",
    "resource has n && resource has m && resource.n == resource.m",
    "resource has n && resource has m && resource.n != resource.m",
    "resource has n && resource has m && resource.n > resource.m",
    "resource has ref && resource.ref == \"507f1f77bcf86cd799439011\"",
    "resource has ref && resource.ref != \"507f1f77bcf86cd799439011\"",
    "resource has token && resource.token == \"6f9619ff-8b86-d011-b42d-00cf4fc964ff\"",
    "resource has at && resource.at > datetime(\"2025-01-01\")",
    "resource has at && !(resource.at > datetime(\"2025-01-01\"))",
    "resource has address.city && resource.address.city == \"Wien\"",
    "resource has address.city && resource.address.city != \"Wien\"",
    "resource has address.city && resource.address.city like \"W*\"",
    "resource has address.city && !(resource.address.city like \"*i*\")",
    "!(resource has address.city)",
    "resource has address && !(resource.address has city)",
    "!(resource has address)",
    "resource has address.geo.level && resource.address.geo.level >= 2",
    "!(resource has address.geo.level && resource.address.geo.level >= 2)",
    "resource has tags && resource.tags.contains(\"red\")",
    "resource has tags && !resource.tags.contains(\"red\")",
    "resource has tags && resource.tags.containsAny([\"red\", \"blue\"])",
    "resource has tags && resource.tags.containsAll([\"red\", \"blue\"])",
    "resource has tags && !resource.tags.containsAll([\"red\", \"blue\"])",
    "resource has tags && resource.tags.isEmpty()",
    "resource has tags && !resource.tags.isEmpty()",
    "!(resource has tags)",
    "resource has levels && resource.levels.contains(principal.tenant)",
    "resource has levels && [1, 2, 82].containsAll(resource.levels)",
    "resource has levels && ![1, 2].containsAll(resource.levels)",
];

/// What a document holds in a field, and what a row then has. What breaks what the catalog says is as not there.
struct Case {
    field: &'static str,
    value: Option<Bson>,
    row: Vec<(&'static str, Cell)>,
    breaks: bool,
}

enum Cell {
    One(Value),
    Set(Vec<Value>),
}

fn cases() -> Vec<Case> {
    let long = |number| Cell::One(Value::Long(number));
    let text = |text: &str| Cell::One(Value::String(text.to_owned()));
    let texts = |texts: &[&str]| {
        Cell::Set(texts.iter().map(|text| Value::String((*text).to_owned())).collect())
    };
    let longs = |numbers: &[i64]| Cell::Set(numbers.iter().copied().map(Value::Long).collect());
    let there = |path| (path, Cell::One(Value::Bool(true)));
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |field, value, row| cases.push(Case { field, value, row, breaks: false });
    for (value, number) in [
        (Bson::Int32(5), 5),
        (Bson::Int64(5), 5),
        (Bson::Double(5.0), 5),
        (Bson::Decimal128("5.0".parse().unwrap()), 5),
        (Bson::Int64(7), 7),
        (Bson::Double(-3.0), -3),
        (Bson::Int64(i64::MAX), i64::MAX),
    ] {
        add("n", Some(value), vec![("n", long(number))]);
    }
    for id in ["507f1f77bcf86cd799439011", "507f1f77bcf86cd799439012"] {
        let oid = Bson::ObjectId(ObjectId::parse_str(id).unwrap());
        add("ref", Some(oid), vec![("ref", text(id))]);
    }
    let uuid = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
    let bytes = bson::Uuid::parse_str(uuid).unwrap().bytes().to_vec();
    let binary = Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes });
    add("token", Some(binary), vec![("token", text(uuid))]);
    for instant in [1_735_689_600_000, 1_735_689_600_001, 0, -1] {
        let date = Bson::DateTime(DateTime::from_millis(instant));
        add("at", Some(date), vec![("at", Cell::One(Value::Datetime(instant)))]);
    }
    for tags in [&["red"][..], &[], &["blue", "red", "red"], &["green"], &["RED"]] {
        let array: Vec<Bson> = tags.iter().map(|tag| Bson::from(*tag)).collect();
        add("tags", Some(array.into()), vec![("tags", texts(tags))]);
    }
    for levels in [&[82][..], &[], &[1, 2], &[1, 3]] {
        let array: Vec<Bson> = levels.iter().map(|level| Bson::Int64(*level)).collect();
        add("levels", Some(array.into()), vec![("levels", longs(levels))]);
    }
    for city in ["Wien", "wien", "Graz", ""] {
        let row = vec![there("address"), ("address.city", text(city))];
        add("address", Some(doc! { "city": city }.into()), row);
    }
    add("address", Some(doc! {}.into()), vec![there("address")]);
    for level in [1, 3] {
        let row = vec![there("address"), there("address.geo"), ("address.geo.level", long(level))];
        add("address", Some(doc! { "geo": { "level": level } }.into()), row);
    }
    for field in ["n", "ref", "token", "at", "tags", "levels", "address"] {
        add(field, Some(Bson::Null), Vec::new());
        add(field, None, Vec::new());
    }
    for (field, value) in [
        ("n", Bson::from("5")),
        ("n", vec![Bson::Int32(5)].into()),
        ("n", vec![Bson::Int32(4), Bson::Int32(7)].into()),
        ("n", Bson::Boolean(true)),
        ("n", doc! { "n": 5 }.into()),
        ("ref", Bson::from("507f1f77bcf86cd799439011")),
        ("token", Bson::from("6f9619ff-8b86-d011-b42d-00cf4fc964ff")),
        ("at", Bson::Int64(1_900_000_000_000)),
        ("at", Bson::from("2030-01-01")),
        ("tags", Bson::from("red")),
        ("tags", vec![Bson::from("red"), Bson::Int32(1)].into()),
        ("tags", vec![Bson::from("red"), Bson::Null].into()),
        ("tags", vec![Bson::Array(vec![Bson::from("red")])].into()),
        ("tags", doc! { "0": "red" }.into()),
        ("levels", vec![Bson::Int32(82), Bson::from("82")].into()),
        ("address", Bson::from("Wien")),
        ("address", vec![Bson::from(doc! { "city": "Wien" })].into()),
    ] {
        cases.push(Case { field, value: Some(value), row: Vec::new(), breaks: true });
    }
    for inner in [
        doc! { "city": ["Wien"] },
        doc! { "city": { "x": "Wien" } },
        doc! { "geo": [{ "level": 3 }] },
    ] {
        let row = vec![("address", Cell::One(Value::Bool(true)))];
        cases.push(Case { field: "address", value: Some(inner.into()), row, breaks: true });
    }
    cases
}

/// The documents, with `m` beside every `n`, and the row of each. A field that breaks what the catalog says is judged as
/// not there, and the flag says so.
pub(super) fn documents() -> Vec<(Document, Row, bool)> {
    let document = |(id, Case { field, value, row, breaks }): (i64, Case)| {
        let mut document = doc! { "_id": id, "customer_id": 82, "m": 5 };
        if let Some(value) = value {
            document.insert(field, value);
        }
        let mut own: Row = [("_id", id), ("customer_id", 82), ("m", 5)]
            .into_iter()
            .map(|(column, value)| (ColumnName::new(column), Value::Long(value)))
            .collect();
        for (column, cell) in row {
            match cell {
                Cell::One(value) => own.insert(ColumnName::new(column), value),
                Cell::Set(values) => own.insert_set(ColumnName::new(column), values),
            }
        }
        (document, own, breaks)
    };
    (1..).zip(cases()).map(document).collect()
}

#[tokio::test]
async fn nested_fields_and_arrays_are_seen_as_cedar_says() {
    let Some(server) = Server::start(&[]).await else { return };
    let database = server.database("rows").await;
    let documents = documents();
    let stored: Vec<Document> = documents.iter().map(|(own, ..)| own.clone()).collect();
    insert(&database, "things", &stored).await;
    let settings = "engine = \"mongodb\"\nurl = \"env:URL\"\nrequires_organization_scoping = true\n\
                    tenant_filter_column = \"customer_id\"\n";
    let relation = RelationName { schema: "app".to_owned(), name: "things".to_owned() };
    let caller = world::principal(82, None);
    let mut degenerate = Vec::new();
    for condition in CONDITIONS {
        for forbids in [false, true] {
            let rule = if forbids {
                format!(
                    "@id(\"open\") permit (principal, action, resource);\n\
                     @id(\"f\") forbid (principal, action, resource) when {{ {condition} }};"
                )
            } else {
                format!("@id(\"p\") permit (principal, action, resource) when {{ {condition} }};")
            };
            let sources = Sources {
                settings: settings.to_owned(),
                catalog: CATALOG.to_owned(),
                policies: vec![("case.cedar".to_owned(), rule.clone())],
            };
            let policies = Database::from_sources("rows".parse().unwrap(), &sources)
                .unwrap_or_else(|error| panic!("{error}\n{rule}"));
            let query = "db.things.find({}, {_id: 1})";
            let seen = visible(&database, &policies, &caller, "things", query).await;
            for (document, row, breaks) in &documents {
                let key = answer::key(&document["_id"]);
                let permitted = policies.is_authorized(&caller, &relation, &key, row);
                // What breaks the catalog may be seen less, and never more.
                let fits = if *breaks {
                    !seen.contains(&key) || permitted
                } else {
                    seen.contains(&key) == permitted
                };
                assert!(
                    fits,
                    "{rule}\n{document}: seen: {}, permitted: {permitted}",
                    seen.contains(&key)
                );
            }
            if seen.is_empty() || seen.len() == documents.len() {
                degenerate.push(rule);
            }
        }
    }
    assert!(degenerate.is_empty(), "see nothing or everything:\n{}", degenerate.join("\n"));
}
