//! The HTTP API over a MongoDB database: the same requests and the same answers.

use std::path::Path;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, JavaScriptCodeWithScope, Regex, Timestamp, doc};
use dialektai::engine::Engine;
use dialektai::policy::generate::tenant_cedar;
use dialektai::policy::settings::Settings;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::case::{Case, MESSAGE, QUERY, Reply, redacted};
use crate::servers::mongodb::{Server, insert};

const GUARD: &str = "/api/v1/guard";

/// Writes `policies/app`, as `pull` would, for the database `app` of a server.
async fn folder(server: &Server, settings: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("policies/app");
    std::fs::create_dir_all(&place).unwrap();
    let settings = format!("engine = \"mongodb\"\nurl = \"{}\"\n{settings}", server.url("app"));
    std::fs::write(place.join("database.toml"), &settings).unwrap();
    let settings = Settings::parse(&settings).unwrap();
    let engine = Engine::open(&settings, Path::new(".")).await.unwrap();
    let catalog = engine.introspect().await.unwrap().catalog;
    std::fs::write(place.join("catalog.toml"), catalog.to_toml()).unwrap();
    std::fs::write(place.join("tenant.cedar"), tenant_cedar(&settings, &catalog)).unwrap();
    folder
}

/// Projects and tasks of two tenants, one of which has secrets.
async fn fill(server: &Server) {
    let app = server.database("app").await;
    let project = |id: i32, tenant: i64, name: &str| {
        doc! { "_id": id, "customer_id": tenant, "name": name, "budget": f64::from(id) / 2.0 }
    };
    let projects = [
        project(1, 82, "one"),
        project(2, 82, "two"),
        project(0, 7, "secret of a neighbour"),
        project(4, 7, "four"),
    ];
    insert(&app, "projects", &projects).await;
    let task = |id: i32, tenant: i64, title: &str, of: &str| {
        doc! { "_id": id, "customer_id": tenant, "title": title, "assigned_to": of, "project_id": 1 }
    };
    let tasks = [
        task(1, 82, "first", "user-john-456"),
        task(2, 82, "second", "ann"),
        task(3, 7, "secret of a neighbour", "user-john-456"),
    ];
    insert(&app, "tasks", &tasks).await;
}

const SCOPED: &str =
    "tenant_filter_column = \"customer_id\"\nscope_filter_column = \"assigned_to\"\n";

/// A service over both collections, and the server.
async fn case(limits: &str) -> Option<(Case, Server)> {
    let server = Server::start(&["--sync-on-commit"]).await?;
    fill(&server).await;
    let folder = folder(&server, &format!("{SCOPED}[limits]\n{limits}\n")).await;
    Some((Case::of(folder).await, server))
}

async fn ask(case: &Case, path: &str, scope: Option<&str>, text: &str) -> Reply {
    let mut request = case.request(path).header("X-Tenant-Id", "82");
    if let Some(scope) = scope {
        request = request.header("X-Scope-Id", scope);
    }
    let key = if path == MESSAGE { "message" } else { "query" };
    case.send(request, &json!({"database_id": "app", key: text}).to_string()).await
}

#[tokio::test]
async fn the_documented_queries_answer_from_mongodb() {
    let Some((case, _server)) = case("").await else { return };
    let john = Some("user-john-456");
    for (scope, query, readable, rows) in [
        (
            None,
            "db.projects.find({})",
            "db.projects.find({ customer_id: 82 })",
            json!([[1, 82, "one", 0.5], [2, 82, "two", 1.0]]),
        ),
        (
            john,
            "db.tasks.find()",
            "db.tasks.find({\n  customer_id: 82,\n  assigned_to: 'user-john-456'\n})",
            json!([[1, 82, "first", "user-john-456", 1]]),
        ),
    ] {
        let guarded = ask(&case, GUARD, scope, query).await;
        assert_eq!(guarded.status, StatusCode::OK, "{}", guarded.json);
        assert_eq!(guarded.json["query"]["readable"], readable);
        assert!(guarded.json.get("rows").is_none());
        let answered = ask(&case, QUERY, scope, query).await;
        assert_eq!(answered.status, StatusCode::OK, "{}", answered.json);
        assert_eq!(answered.json["query"], guarded.json["query"]);
        assert_eq!(answered.json["rows"], rows, "{query}");
        assert_eq!(answered.json["query"]["language"], "mongodb");
    }
}

/// The vendor's two messages, as its page sends them and with the queries that it prints.
#[tokio::test]
async fn the_documented_messages_are_answered_from_mongodb() {
    let Some((case, _server)) = case("").await else { return };
    let john = Some("user-john-456");
    for (scope, message, readable, ids) in [
        (None, "Show all projects", "db.projects.find({ customer_id: 82 })", json!([1, 2])),
        (
            john,
            "Show my tasks",
            "db.tasks.find({\n  customer_id: 82,\n  assigned_to: 'user-john-456'\n})",
            json!([1]),
        ),
    ] {
        let reply = ask(&case, MESSAGE, scope, message).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.json);
        assert_eq!(reply.json["query"]["readable"], readable);
        let rows = reply.json["rows"].as_array().unwrap();
        assert_eq!(json!(rows.iter().map(|row| &row[0]).collect::<Vec<_>>()), ids, "{message}");
        assert!(reply.json["answer"].as_str().is_some_and(|answer| !answer.is_empty()));
    }
    let counted = ask(&case, MESSAGE, None, "How many projects are there?").await;
    assert_eq!(counted.json["rows"], json!([[2]]), "{}", counted.json);
    let unknown = ask(&case, MESSAGE, None, "Wherefore art thou").await;
    assert_eq!((unknown.status.as_u16(), &unknown.json["query"]), (200, &Json::Null));
    assert!(!unknown.json["suggestions"].as_array().unwrap().is_empty());
    for suggestion in unknown.json["suggestions"].as_array().unwrap() {
        let reply = ask(&case, MESSAGE, None, suggestion.as_str().unwrap()).await;
        assert!(reply.json["query"].is_object(), "{suggestion}: {}", reply.json);
    }
}

#[tokio::test]
async fn bodies_are_those_of_the_other_engines() {
    let Some((case, _server)) = case("").await else { return };
    let list = case.send(case.get("/api/v1/databases"), "").await;
    let mut shown = vec![("databases", list)];
    let joined = "db.projects.aggregate([{ $lookup: { from: 'tasks', localField: '_id', foreignField: 'project_id', as: 't' } }])";
    for (name, path, text) in [
        ("message", MESSAGE, "Show all projects"),
        ("query", QUERY, "db.projects.find({}, { name: 1 }).sort({ name: -1 })"),
        ("count", QUERY, r#"{"count": "projects", "query": {}}"#),
        ("distinct", QUERY, "db.tasks.distinct('assigned_to')"),
        ("joined", QUERY, joined),
        ("guard", GUARD, "db.projects.countDocuments()"),
        ("refused_collection", QUERY, "db.system.users.find()"),
        ("refused_stage", QUERY, "db.projects.aggregate([{ $out: 'x' }])"),
        ("refused_sql", QUERY, "SELECT * FROM projects"),
        // One project of the caller's own fails, and one of a neighbour.
        (
            "failed",
            QUERY,
            "db.projects.find({ $expr: { $gt: [{ $divide: [1, { $subtract: ['$_id', 1] }] }, 0] } })",
        ),
        (
            "not_failed",
            QUERY,
            "db.projects.find({ $expr: { $gt: [{ $divide: [1, '$_id'] }, 0.6] } }, { name: 1 })",
        ),
    ] {
        shown.push((name, ask(&case, path, None, text).await));
    }
    for (name, reply) in shown {
        assert!(!reply.json.to_string().contains("secret"), "{name}: {}", reply.json);
        let text = serde_json::to_string_pretty(&redacted(reply.json)).unwrap();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/http"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let name = format!("mongodb_{name}");
        settings.bind(|| insta::assert_snapshot!(name, format!("{}\n{text}", reply.status)));
    }
}

#[tokio::test]
async fn tenants_are_read_as_documented() {
    let Some((case, _server)) = case("").await else { return };
    for path in [MESSAGE, QUERY, GUARD] {
        let key = if path == MESSAGE { "message" } else { "query" };
        let body = json!({"database_id": "app", key: "db.projects.find()"}).to_string();
        let none = case.send(case.request(path), &body).await;
        assert_eq!(
            (none.status.as_u16(), &none.json["error"]),
            (403, &json!("X-Tenant-Id header is required when organization scoping is enabled."))
        );
        for wrong in ["invalid", "8.2e1", "{\"$ne\": null}", "$customer_id"] {
            let reply = case.send(case.request(path).header("X-Tenant-Id", wrong), &body).await;
            assert_eq!(
                (reply.status.as_u16(), &reply.json["error"]),
                (403, &json!("Invalid X-Tenant-Id format. Must be a positive integer."))
            );
        }
    }
    // A tenant that has nothing gets nothing, and a scope is a value whatever it says.
    let request = case.request(QUERY).header("X-Tenant-Id", "9999");
    let body = json!({"database_id": "app", "query": "db.projects.find()"}).to_string();
    assert_eq!(case.send(request, &body).await.json["rows"], json!([]));
    for scope in ["$assigned_to", "{\"$ne\": null}", "' || '1' == '1"] {
        let reply = ask(&case, QUERY, Some(scope), "db.tasks.find()").await;
        assert_eq!((reply.status.as_u16(), &reply.json["rows"]), (200, &json!([])), "{scope}");
    }
}

#[tokio::test]
async fn limits_are_kept_and_said() {
    let Some((case, server)) = case("rows = 3\nmilliseconds = 700").await else { return };
    let many: Vec<Document> = (100..2_100_i32)
        .map(|id| doc! { "_id": id, "customer_id": 82_i64, "name": "many", "budget": 1.0 })
        .collect();
    insert(&server.database("app").await, "projects", &many).await;
    let reply = ask(&case, QUERY, None, "db.projects.find()").await;
    assert_eq!(
        (&reply.json["row_count"], &reply.json["truncated"]),
        (&json!(3), &json!(true)),
        "{}",
        reply.json
    );
    let runaway = "db.projects.find({ $expr: { $lt: [{ $reduce: { input: { $range: [0, 100000] }, initialValue: 0, \
                   in: { $add: ['$$value', '$$this'] } } }, 0] } })";
    let started = Instant::now();
    let reply = ask(&case, QUERY, None, runaway).await;
    assert_eq!((reply.status.as_u16(), &reply.json["code"]), (504, &json!("query_timeout")));
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_server_that_comes_back_is_served_again() {
    let Some((case, mut server)) = case("").await else { return };
    let code = async |case: &Case| {
        let reply = ask(case, QUERY, None, "db.projects.find()").await;
        (reply.status.as_u16(), reply.json["code"].as_str().unwrap_or("").to_owned())
    };
    assert_eq!(code(&case).await, (200, String::new()));
    server.kill();
    assert_eq!(code(&case).await, (503, "database_unavailable".to_owned()));
    server.restart(&["--sync-on-commit"]).await;
    assert_eq!(code(&case).await, (200, String::new()));
}

/// What `docs/values.md` says, as a snapshot: a value each in a collection of its own.
#[tokio::test]
async fn every_type_arrives_without_loss() {
    let Some(server) = Server::start(&[]).await else { return };
    let app = server.database("app").await;
    let values = values();
    for (number, (_, value)) in values.iter().enumerate() {
        insert(&app, &format!("v{number}"), &[doc! { "_id": 1, "v": value.clone() }]).await;
    }
    let folder = folder(&server, "requires_organization_scoping = false\n").await;
    let case = Case::of(folder).await;
    let mut all = String::new();
    for (number, (name, _)) in values.iter().enumerate() {
        let query = format!("db.v{number}.find({{}}, {{ v: 1, _id: 0 }})");
        let body = json!({"database_id": "app", "query": query}).to_string();
        let reply = case.send(case.request(QUERY), &body).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.json);
        let told = |json: &Json| serde_json::to_string(json).unwrap();
        let (column, value) = (&reply.json["columns"][0], &reply.json["rows"][0][0]);
        let column = column["type"].as_str().unwrap_or("-");
        all.push_str(&format!("{name}\n    {column}: {}\n", told(value)));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/values"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("mongodb", all));
}

fn values() -> Vec<(&'static str, Bson)> {
    let bytes = |subtype: BinarySubtype| Binary { subtype, bytes: (0..16).collect() };
    let date = |milliseconds: i64| bson::DateTime::from_millis(milliseconds);
    let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
    let code = JavaScriptCodeWithScope { code: "f()".to_owned(), scope: doc! { "x": 1 } };
    vec![
        ("bool", true.into()),
        ("int", i32::MIN.into()),
        ("long", i64::MAX.into()),
        ("long", i64::MIN.into()),
        ("double", 0.1.into()),
        ("double, whole", 3.0.into()),
        ("double, negative zero", (-0.0).into()),
        ("double, not a number", f64::NAN.into()),
        ("double, infinite", f64::NEG_INFINITY.into()),
        ("decimal", decimal("1.10")),
        ("decimal, 34 digits", decimal("1234567890.123456789012345678901234")),
        ("decimal, exponent", decimal("1E+3")),
        ("decimal, tiny", decimal("1E-6176")),
        ("decimal, not a number", decimal("NaN")),
        ("decimal, infinite", decimal("-Infinity")),
        ("string", "\u{1}é\"\\\u{1F600}".into()),
        ("objectId", bson::oid::ObjectId::parse_str("507F1F77BCF86CD799439011").unwrap().into()),
        ("date", date(1_709_210_096_789).into()),
        ("date, before 1970", date(-1).into()),
        ("date, year 10000", date(253_402_300_800_000).into()),
        ("date, before the year 0", date(-62_198_755_200_000).into()),
        ("binData, generic", bytes(BinarySubtype::Generic).into()),
        ("binData, UUID", bytes(BinarySubtype::Uuid).into()),
        ("binData, old UUID", bytes(BinarySubtype::UuidOld).into()),
        ("binData, user defined", bytes(BinarySubtype::UserDefined(0x80)).into()),
        ("array", vec![Bson::Int32(1), Bson::Null, vec![Bson::Boolean(true)].into()].into()),
        ("object", doc! { "b": date(0), "a": decimal("2.50"), "c": { "d": 1_i64 } }.into()),
        (
            "regex",
            Regex { pattern: "^a/b".try_into().unwrap(), options: "im".try_into().unwrap() }.into(),
        ),
        ("timestamp", Timestamp { time: 1_709_210_096, increment: 7 }.into()),
        ("minKey", Bson::MinKey),
        ("maxKey", Bson::MaxKey),
        ("javascript", Bson::JavaScriptCode("f()".to_owned())),
        ("javascript with scope", code.into()),
        ("symbol", Bson::Symbol("s".to_owned())),
        ("null", Bson::Null),
    ]
}
