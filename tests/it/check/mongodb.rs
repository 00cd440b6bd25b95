//! `pull`, then `check`, on MongoDB: what is listed of a sample, what documents are counted, and that the role that is
//! proposed is enough.

use std::path::PathBuf;

use bson::{Document, doc};
use mongodb::Database;
use serde_json::Value as Json;
use tempfile::TempDir;

use super::{edit, snapshot};
use crate::cli::run;
use crate::servers::mongodb::{Server, insert};

const SETTINGS: &str = "engine = \"mongodb\"\ntenant_filter_column = \"customer_id\"\n";

struct Site {
    server: Server,
    folder: TempDir,
}

impl Site {
    async fn new(settings: &[&str]) -> Option<Self> {
        let server = Server::start(settings).await?;
        let folder = tempfile::tempdir().unwrap();
        let site = Self { server, folder };
        std::fs::create_dir_all(site.database()).unwrap();
        site.write_settings(&site.server.url("app"));
        Some(site)
    }

    fn write_settings(&self, url: &str) {
        let text = format!("url = \"{url}\"\n{SETTINGS}");
        std::fs::write(self.database().join("database.toml"), text).unwrap();
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("policies/app")
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.database().join(name)).unwrap()
    }

    fn pull(&self) -> String {
        let (exit, output, errors) = run(self.folder.path(), &["pull", "app"]);
        assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
        output
    }

    /// The exit code and a line for each finding.
    fn check(&self) -> (i32, Vec<String>) {
        let (exit, output, errors) = run(self.folder.path(), &["check", "app", "--format", "json"]);
        let document: Json = serde_json::from_str(&output)
            .unwrap_or_else(|error| panic!("{error}: {output}{errors}"));
        let findings = document["databases"][0]["findings"].as_array().unwrap();
        let text = |finding: &Json, key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        let line = |finding: &Json| {
            let [severity, code, relation, column, message] =
                ["severity", "code", "relation", "relation_column", "message"]
                    .map(|key| text(finding, key));
            format!("{severity} {code} {relation} {column}: {message}")
        };
        (exit, findings.iter().map(line).collect())
    }
}

async fn fill(database: &Database) {
    let schema = doc! {
        "bsonType": "object",
        "required": ["customer_id", "name"],
        "properties": {
            "customer_id": { "bsonType": "int" },
            "name": { "bsonType": "string" },
            "tags": { "bsonType": "array", "items": { "bsonType": "string" } },
        },
    };
    let create = |command: Document| crate::servers::mongodb::run(database, command);
    create(doc! { "create": "projects", "validator": { "$jsonSchema": schema } }).await;
    create(doc! { "create": "open", "viewOn": "projects", "pipeline": [] }).await;
    create(doc! { "create": "points", "timeseries": { "timeField": "at" } }).await;
    create(doc! { "create": "later" }).await;
    insert(
        database,
        "projects",
        &[
            doc! { "_id": 1, "customer_id": 82, "name": "one", "tags": ["a", "b"] },
            doc! { "_id": 2, "customer_id": 82, "name": "two", "address": { "city": "x", "geo": [1.5, 2.5] } },
            doc! { "_id": 3, "customer_id": 7, "name": "three", "tags": [], "steps": [{ "n": 1 }, { "n": 2 }] },
        ],
    )
    .await;
    insert(
        database,
        "tasks",
        &[
            doc! { "_id": 1, "customer_id": 82, "owner": "ann", "size": 1, "by": { "2024": 1 } },
            doc! { "_id": 2, "customer_id": 7.0, "owner": 5, "size": 1.5 },
        ],
    )
    .await;
    create(doc! { "createIndexes": "projects", "indexes": [
        { "key": { "customer_id": 1, "name": 1 }, "name": "tenant" },
    ] })
    .await;
    create(doc! { "createIndexes": "tasks", "indexes": [
        { "key": { "customer_id": 1 }, "name": "some", "partialFilterExpression": { "size": 1 } },
    ] })
    .await;
}

#[tokio::test]
async fn mongodb_is_pulled_and_checked() {
    let Some(site) = Site::new(&[]).await else { return };
    let database = site.server.database("app").await;
    fill(&database).await;
    let output = site.pull();
    let output = output.replace(&site.database().display().to_string(), "policies/app");
    snapshot("mongodb_pull", &format!("{output}\n{}", site.read("catalog.toml")));
    snapshot("mongodb_schema", &site.read("schema.cedarschema"));
    let (exit, findings) = site.check();
    assert_eq!(
        (exit, findings.as_slice()),
        (
            0,
            [
                "warning tenant_index_missing app.tasks customer_id: no index starts with the tenant column",
                "warning role_superuser - -: the role `nobody` may do everything on the server",
                "note relations_denied - -: no policy permits rows of `app.later`",
            ]
            .map(str::to_owned)
            .as_slice()
        )
    );

    // What documents are afterwards, and a collection and fields that nobody listed.
    insert(
        &database,
        "tasks",
        &[
            doc! { "_id": 3 },
            doc! { "_id": 4 },
            doc! { "_id": 5, "customer_id": null },
            doc! { "_id": 6, "customer_id": [82, 7] },
            doc! { "_id": 7, "customer_id": "82" },
            doc! { "_id": 8, "customer_id": 82.5, "surprise": 1 },
        ],
    )
    .await;
    insert(&database, "invoices", &[doc! { "_id": 1 }]).await;
    let (exit, mut findings) = site.check();
    assert_eq!(exit, 0);
    findings.retain(|finding| !finding.contains("role_") && !finding.contains("_index_"));
    assert_eq!(
        findings,
        [
            "warning column_new app.tasks surprise: the column is not in `catalog.toml`, so it does not exist for queries",
            "warning relation_new app.invoices -: the relation is not in `catalog.toml`, so it does not exist for queries",
            "warning documents_missing app.tasks customer_id: 2 of 8 documents lack the field",
            "warning documents_null app.tasks customer_id: 1 of 8 documents have null in it",
            "warning documents_array app.tasks customer_id: 1 of 8 documents have an array in it, and `catalog.toml` says `integer`",
            "warning documents_type app.tasks customer_id: 1 of 8 documents have a value of BSON type `double` in it, and `catalog.toml` says `integer`",
            "warning documents_type app.tasks customer_id: 1 of 8 documents have a value of BSON type `string` in it, and `catalog.toml` says `integer`",
            "note relations_denied - -: no policy permits rows of `app.later`",
        ]
    );
    // Nobody may read `later`, so nobody misses it.
    for (gone, expected) in [("later", 0), ("projects", 1)] {
        database.collection::<Document>(gone).drop().await.unwrap();
        let (exit, findings) = site.check();
        assert_eq!(exit, expected, "{findings:?}");
        let error = findings[0].starts_with("error relation_gone app.projects");
        assert_eq!(error, expected == 1, "{findings:?}");
    }
}

/// Fields that a rule reads besides the tenant: arrays, their elements, and what is in documents.
#[tokio::test]
async fn mongodb_documents_are_counted_for_what_rules_read() {
    let Some(site) = Site::new(&[]).await else { return };
    let database = site.server.database("app").await;
    let some = |rest: Document| {
        let mut document = doc! { "customer_id": 82, "readers": [1], "a": { "b": "x" } };
        document.extend(rest);
        document
    };
    insert(
        &database,
        "c",
        &[
            some(doc! { "_id": 1 }),
            some(doc! { "_id": 2, "readers": [1, "2"] }),
            some(doc! { "_id": 3, "readers": 1, "unread": 7 }),
            some(doc! { "_id": 4, "a": {} }),
            some(doc! { "_id": 5, "a": [{ "b": "x" }] }),
            some(doc! { "_id": 6, "a": { "b": ["x"] } }),
            doc! { "_id": 7, "customer_id": 82 },
        ],
    )
    .await;
    let catalog = "default_schema = \"app\"\n[[relation]]\nname = \"c\"\ncolumns = [\n\
        { name = \"customer_id\", type = \"integer\", nullable = false },\n\
        { name = \"readers\", type = \"integer\", nullable = true, array = true },\n\
        { name = \"a\", type = \"document\", nullable = true },\n\
        { name = \"a.b\", type = \"text\", nullable = false },\n\
        { name = \"unread\", type = \"text\", nullable = true },\n]\n";
    std::fs::write(site.database().join("catalog.toml"), catalog).unwrap();
    let rule = "@id(\"a\") permit (principal, action == Action::\"read\", resource is c) when {\n\
        resource.customer_id == principal.tenant && resource has readers && resource.readers.contains(1)\n\
        && resource has a.b && resource.a.b == \"x\" };\n";
    std::fs::write(site.database().join("a.cedar"), rule).unwrap();
    let (exit, mut findings) = site.check();
    assert_eq!(exit, 0, "{findings:?}");
    findings.retain(|finding| finding.contains("documents_"));
    assert_eq!(
        findings,
        [
            "warning documents_array app.c a: 1 of 7 documents have an array in it, and `catalog.toml` says `document`",
            "warning documents_missing app.c a.b: 1 of 7 documents lack the field",
            "warning documents_array app.c a.b: 1 of 7 documents have an array in it, and `catalog.toml` says `text`",
            "warning documents_elements app.c readers: 1 of 7 documents have other elements in its array, and `catalog.toml` says an array of `integer`",
            "warning documents_type app.c readers: 1 of 7 documents have a value of BSON type `int` in it, and `catalog.toml` says an array of `integer`",
        ]
    );
}

#[tokio::test]
async fn mongodb_catalogs_keep_what_their_author_says() {
    let Some(site) = Site::new(&[]).await else { return };
    let database = site.server.database("app").await;
    let document = doc! { "_id": 1, "customer_id": 82, "kind": 5, "secret": "x", "name": "a" };
    insert(&database, "c", &[document, doc! { "_id": 2, "customer_id": 82, "kind": "x" }]).await;
    site.pull();
    let catalog = site.database().join("catalog.toml");
    edit(&catalog, "name = \"kind\", type = \"other\"", "name = \"kind\", type = \"text\"");
    let text = site.read("catalog.toml");
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("secret")).collect();
    assert_eq!(kept.len() + 1, text.lines().count());
    std::fs::write(&catalog, kept.join("\n")).unwrap();
    insert(&database, "c", &[doc! { "_id": 3, "customer_id": 82, "later": true }]).await;
    let output = site.pull();
    let output = output.replace(&site.database().display().to_string(), "policies/app");
    let pulled = site.read("catalog.toml");
    snapshot("mongodb_pull_again", &format!("{output}\n{pulled}"));
    let schema = site.read("schema.cedarschema");
    assert!(!schema.contains("secret") && !schema.contains("later"), "{schema}");
    // A third pull has nothing to say.
    site.pull();
    assert_eq!(site.read("catalog.toml"), pulled);
}

/// The role that is printed reads what the policies permit, and may do no more; `pull` and `check` do with it.
#[tokio::test]
async fn mongodb_roles_may_only_read() {
    let Some(mut site) = Site::new(&["--sync-on-commit"]).await else { return };
    let database = site.server.database("app").await;
    fill(&database).await;
    site.pull();
    let (exit, output, errors) = run(site.folder.path(), &["check", "--role", "app"]);
    assert_eq!((exit, errors.as_str()), (0, ""));
    // `later` has no tenant, so no rule permits it.
    snapshot("mongodb_role", &output);
    let role: Json = serde_json::from_str(&output).unwrap();
    let role = bson::serialize_to_document(&role).unwrap();
    crate::servers::mongodb::run(&database, role).await;
    let user = doc! { "createUser": "reader", "pwd": "p", "roles": ["dialektai_reader"] };
    crate::servers::mongodb::run(&database, user).await;
    let user = doc! { "createUser": "writer", "pwd": "p", "roles": ["readWrite", "dbAdmin"] };
    crate::servers::mongodb::run(&database, user).await;
    site.server.kill();
    site.server.restart(&["--auth"]).await;
    let url = |user: &str| {
        let port = site.server.port;
        format!("mongodb://{user}:p@127.0.0.1:{port}/app?directConnection=true&authSource=app")
    };
    site.write_settings(&url("reader"));
    let (exit, findings) = site.check();
    assert_eq!(exit, 0);
    assert_eq!(
        findings,
        [
            "warning password_in_url - -: `url` in `database.toml` holds a password",
            "note tenant_index_unseen app.projects customer_id: the role may not list indexes, so nobody looked for one on the tenant column",
            "note tenant_index_unseen app.tasks customer_id: the role may not list indexes, so nobody looked for one on the tenant column",
            "note relations_denied - -: no policy permits rows of `app.later`",
        ]
    );
    let output = site.pull();
    assert!(output.contains("validators are not seen"), "{output}");
    assert!(!site.read("catalog.toml").contains("later"));
    site.write_settings(&url("writer"));
    let (_, mut findings) = site.check();
    findings.retain(|finding| finding.contains("role_"));
    assert_eq!(
        findings,
        [
            "warning role_creates - -: the role `writer` may create objects",
            "warning role_writes - -: the role `writer` may change rows of app.later, app.projects, app.tasks",
        ]
    );
}
