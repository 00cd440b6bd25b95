//! Documents that are looked up by their `_id`.

use bson::oid::ObjectId;
use bson::{Bson, Document, Uuid, doc};
use serde_json::json;
use tempfile::TempDir;

use super::{document, explain};
use crate::servers::mongodb::{Server, insert};

const CATALOG: &str = r#"default_schema = "app"

[[relation]]
name = "projects"
primary_key = ["_id"]
columns = [
    { name = "_id", type = "objectid", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
    { name = "tags", type = "text", nullable = true, array = true },
    { name = "address", type = "document", nullable = true },
    { name = "address.city", type = "text", nullable = true },
    { name = "address.at", type = "document", nullable = true },
    { name = "address.at.since", type = "timestamptz", nullable = false },
    { name = "settings", type = "json", nullable = true },
]

[[relation]]
name = "people"
primary_key = ["_id"]
columns = [
    { name = "_id", type = "uuid", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
]

[[relation]]
name = "names"
primary_key = ["_id"]
columns = [
    { name = "_id", type = "text", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
]

[[relation]]
name = "counts"
primary_key = ["_id"]
columns = [
    { name = "_id", type = "integer", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
]
"#;

const POLICIES: &str = r#"@id("tenant")
permit (principal, action == Action::"read", resource)
when { resource.customer_id == principal.tenant };

@id("public")
permit (principal, action == Action::"read", resource is projects)
when { resource has tags && resource.tags.contains("public") };

@id("oslo")
permit (principal, action == Action::"read", resource is projects)
when { resource has address.city && resource.address.city == "Oslo" };

@id("old")
forbid (principal, action == Action::"read", resource is projects)
when { resource has address.at && resource.address.at.since < datetime("2000-01-01") };
"#;

fn id(last: char) -> String {
    format!("64b7f0c2a1d3e4f50617280{last}")
}

fn project(last: char, rest: Document) -> Document {
    let mut document = doc! { "_id": ObjectId::parse_str(id(last)).unwrap(), "customer_id": 7 };
    document.extend(rest);
    document
}

const PERSON: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

async fn site() -> Option<(Server, TempDir)> {
    let server = Server::start(&[]).await?;
    let database = server.database("app").await;
    let since = |year: i32| bson::DateTime::builder().year(year).month(1).day(1).build().unwrap();
    let at = |year: i32| doc! { "city": "Oslo", "at": { "since": since(year) } };
    let projects = [
        project('1', doc! { "customer_id": 82 }),
        project('2', doc! {}),
        project('3', doc! { "tags": ["a", "public", "a"] }),
        project('4', doc! { "address": { "city": "Oslo" } }),
        project('5', doc! { "address": at(1999) }),
        project(
            '6',
            doc! { "customer_id": 82.0, "tags": [], "address": at(2001), "settings": { "a": [1] } },
        ),
        project('7', doc! { "customer_id": 82_i64, "address": { "city": Bson::Null } }),
        // Nothing of the kind that the catalog says.
        project('8', doc! { "customer_id": "82" }),
        project('9', doc! { "tags": [ObjectId::parse_str(id('9')).unwrap()] }),
        project('a', doc! { "address": [{ "city": "Oslo" }] }),
    ];
    insert(&database, "projects", &projects).await;
    let person: Uuid = Uuid::parse_str(PERSON).unwrap();
    insert(&database, "people", &[doc! { "_id": person, "customer_id": 82 }]).await;
    let names = [
        doc! { "_id": "$x", "customer_id": 82 },
        doc! { "_id": "{\"$gt\": \"\"}", "customer_id": 7 },
        doc! { "_id": id('1'), "customer_id": 82 },
    ];
    insert(&database, "names", &names).await;
    let counts = [
        doc! { "_id": 1, "customer_id": 82 },
        doc! { "_id": 2.0, "customer_id": 7 },
        doc! { "_id": i64::MAX, "customer_id": 82 },
    ];
    insert(&database, "counts", &counts).await;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("policies/acme");
    std::fs::create_dir_all(&place).unwrap();
    let settings = format!(
        "engine = \"mongodb\"\nurl = \"{}\"\ntenant_filter_column = \"customer_id\"\n",
        server.url("app")
    );
    for (name, text) in
        [("database.toml", settings.as_str()), ("catalog.toml", CATALOG), ("a.cedar", POLICIES)]
    {
        std::fs::write(place.join(name), text).unwrap();
    }
    Some((server, folder))
}

#[tokio::test]
async fn a_document_is_decided_with_its_reason() {
    let Some((_server, folder)) = site().await else { return };
    let mut cases = vec![
        ("people", PERSON.to_owned(), true, true, vec!["tenant"]),
        ("people", PERSON.to_uppercase(), true, true, vec!["tenant"]),
        ("people", PERSON.replace('6', "7"), false, false, vec![]),
        ("names", "$x".to_owned(), true, true, vec!["tenant"]),
        ("names", "{\"$gt\": \"\"}".to_owned(), true, false, vec![]),
        ("names", id('1'), true, true, vec!["tenant"]),
        ("names", id('2'), false, false, vec![]),
        ("counts", "1".to_owned(), true, true, vec!["tenant"]),
        ("counts", "2".to_owned(), true, false, vec![]),
        ("counts", "3".to_owned(), false, false, vec![]),
        ("counts", i64::MAX.to_string(), true, true, vec!["tenant"]),
    ];
    for (last, found, deciding, visible) in [
        ('1', true, vec!["tenant"], true),
        ('2', true, vec![], false),
        ('3', true, vec!["public"], true),
        ('4', true, vec!["oslo"], true),
        ('5', true, vec!["old"], false),
        ('6', true, vec!["oslo", "tenant"], true),
        ('7', true, vec!["tenant"], true),
        ('f', false, vec![], false),
    ] {
        cases.push(("projects", id(last), found, visible, deciding));
    }
    for (relation, key, found, visible, deciding) in cases {
        let row = &document(&folder, &[relation, "--row", &key])["row"];
        assert_eq!(
            (&row["found"], &row["visible"], &row["deciding"], &row["failed"]),
            (&json!(found), &json!(visible), &json!(deciding), &json!([])),
            "{relation} {key}"
        );
    }
    let (_, output, _) = explain(&folder, &["projects", "--row", &id('4')]);
    assert!(output.ends_with("say the same\n") && !output.contains("row Oslo"), "{output}");
}

/// What is no row of the catalog's is told apart from what is hidden.
#[tokio::test]
async fn a_document_of_another_kind_is_not_decided() {
    let Some((_server, folder)) = site().await else { return };
    for (last, column) in [('8', "customer_id"), ('9', "tags"), ('a', "address")] {
        let (exit, _, errors) = explain(&folder, &["projects", "--row", &id(last)]);
        let told = format!("the row has something else in `{column}` than `catalog.toml` says");
        assert!(exit == 1 && errors.contains("error[row_unreadable]"), "{last}: {errors}");
        assert!(errors.contains(&told), "{last}: {errors}");
    }
    for (relation, key) in
        [("projects", "1"), ("people", "x"), ("counts", "x"), ("names", "[1, 2]")]
    {
        let (exit, _, errors) = explain(&folder, &[relation, "--row", key]);
        assert!(exit == 1 && errors.contains("error[row_key]"), "{relation} {key}: {errors}");
    }
}
