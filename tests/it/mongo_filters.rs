//! Filters as MongoDB is asked for them: rules over arrays of values, pinned, whose rows are in `mongo_oracle`; and
//! patterns, asked of a server.

use bson::{Document, doc};
use dialektai::catalog::{ColumnName, RelationName};
use dialektai::guard::mongo::guard_mongo;
use dialektai::policy::{Database, Sources};
use dialektai::predicate::{Row, Value};

use crate::servers::mongodb::{Server, all, insert};
use crate::world;

/// Every form that a set has in a rule.
const CONDITIONS: [&str; 16] = [
    "resource has labels",
    "!(resource has labels)",
    "resource has labels && resource.labels.contains(\"a\")",
    "resource has labels && !resource.labels.contains(\"a\")",
    "resource has labels && resource.labels.containsAny([\"a\", \"b\"])",
    "resource has labels && !resource.labels.containsAny([\"a\", \"b\"])",
    "resource has labels && resource.labels.containsAll([\"a\", \"b\"])",
    "resource has labels && !resource.labels.containsAll([\"a\", \"b\"])",
    "resource has labels && [\"a\", \"b\"].containsAll(resource.labels)",
    "resource has labels && ![\"a\", \"b\"].containsAll(resource.labels)",
    "resource has labels && resource.labels == [\"a\"]",
    "resource has labels && resource.labels.isEmpty()",
    "resource has labels && !resource.labels.isEmpty()",
    "resource has readers && [7, principal.tenant].containsAny(resource.readers)",
    "resource has review.by && resource.review.by.contains(\"507f1f77bcf86cd799439011\")",
    "resource has review.days && !resource.review.days.contains(datetime(\"2025-01-01\"))",
];

/// The example's folder with another rule.
fn library(condition: &str) -> Database {
    let folder = world::root().join("fixtures/documents/library");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let rule = format!("@id(\"a\") permit (principal, action, resource) when {{ {condition} }};");
    let sources = Sources {
        settings: read("database.toml"),
        catalog: read("catalog.toml"),
        policies: vec![("a.cedar".to_owned(), rule)],
    };
    Database::from_sources("library".parse().unwrap(), &sources)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn guarded(database: &Database, query: &str) -> (String, String) {
    let filters = database.predicates_for(&world::principal(82, None)).unwrap();
    let guarded = guard_mongo(query, &database.catalog, &filters).unwrap();
    let command: serde_json::Value = serde_json::from_str(guarded.query().text()).unwrap();
    (guarded.query().readable().to_owned(), command["filter"].to_string())
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(world::root().join("snapshots/predicates/mongodb"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn sets_are_emitted_as_pinned() {
    let mut text = String::new();
    for condition in CONDITIONS {
        let database = library(condition);
        let (readable, filter) = guarded(&database, "db.papers.find({})");
        text.push_str(&format!("{condition}\n{readable}\n{filter}\n\n"));
    }
    snapshot("sets", &text);
}

/// The example: papers that are shared, and drafts that are not.
#[test]
fn shared_documents_are_their_readers() {
    let database = Database::load(&world::root().join("fixtures/documents/library"))
        .unwrap_or_else(|error| panic!("{error}"));
    let (readable, filter) = guarded(&database, "db.papers.find({ title: 'x' })");
    snapshot("shared", &format!("{readable}\n{filter}\n"));
}

/// A pattern matches what Cedar says, line breaks and long texts that nearly match included.
#[tokio::test]
async fn patterns_are_matched_as_cedar_says() {
    let Some(server) = Server::start(&[]).await else { return };
    let database = server.database("library").await;
    let nearly = "ab".repeat(20_000);
    let texts =
        ["", "a", "ab", "xaybz", "a\nb", "b\n", "a.b", "a%b", "éa\u{1f511}b", "AB", &nearly];
    let owner = doc! { "tenant": 82 };
    let documents: Vec<Document> = (0..)
        .zip(texts)
        .map(|(id, text)| doc! { "_id": id, "owner": &owner, "title": text })
        .collect();
    insert(&database, "papers", &documents).await;
    // Regular expressions equal themselves, and are no texts.
    let stored = ["\\Aa\\z", "\\A.*\\z"].map(|pattern| {
        let pattern = bson::raw::CString::try_from(pattern).unwrap();
        let options = bson::raw::CString::try_from("s").unwrap();
        doc! { "owner": &owner, "title": bson::Regex { pattern, options } }
    });
    insert(&database, "papers", &stored).await;
    let relation = RelationName { schema: "library".to_owned(), name: "papers".to_owned() };
    let caller = world::principal(82, None);
    let mut kept = 0;
    for pattern in [
        "",
        "*",
        "a",
        "a*",
        "*b",
        "*a*",
        "a*b",
        "*a*b",
        "*a*b*",
        "a.*",
        "*\\n*",
        "*a*b*c",
        "*a*a*a*c*",
    ] {
        for not in ["", "!"] {
            let policies = library(&format!("{not}(resource.title like \"{pattern}\")"));
            let filters = policies.predicates_for(&caller).unwrap();
            let command = guard_mongo("db.papers.find({}, {_id: 1})", &policies.catalog, &filters);
            let command = Document::try_from(&**command.unwrap().query().command()).unwrap();
            let found = all(&database, &command).await.unwrap();
            let mut found: Vec<i64> =
                found.iter().map(|own| own["_id"].as_i32().unwrap().into()).collect();
            found.sort_unstable();
            let permitted = |(_, text): &(i64, &str)| {
                let id = Value::String("507f1f77bcf86cd799439011".to_owned());
                let title = Value::String((*text).to_owned());
                let mut row = Row::from(
                    [("_id", id), ("owner", Value::Bool(true)), ("title", title)]
                        .map(|(name, value)| (ColumnName::new(name), value)),
                );
                row.insert(ColumnName::new("owner.tenant"), Value::Long(82));
                policies.is_authorized(&caller, &relation, "k", &row)
            };
            let expected: Vec<i64> = (0..).zip(texts).filter(permitted).map(|(id, _)| id).collect();
            assert_eq!(found, expected, "{not} {pattern:?}");
            kept += expected.len();
        }
    }
    assert_eq!(kept, 13 * texts.len(), "a pattern or its negation, and never both");
}
