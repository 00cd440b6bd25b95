//! A service over hand-made policy folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, request};
use dialektai::engine::Engine;
use dialektai::http::{App, router};
use dialektai::policy::generate::tenant_cedar;
use dialektai::policy::settings::Settings;
use dialektai::service::Service;
use dialektai::store::Store;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tower::ServiceExt;

pub(super) const MESSAGE: &str = "/api/v1/chat/message";
pub(super) const QUERY: &str = "/api/v1/query";

const TASKS: &str = "
    CREATE TABLE tasks (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, title TEXT NOT NULL, assigned_to TEXT);
    INSERT INTO tasks VALUES (1, 82, 'one', 'ann'), (2, 82, 'two', 'o''neil'), (3, 7, 'three', 'ann');
";
const NAMED: &str = "
    CREATE TABLE tasks (id INTEGER PRIMARY KEY, customer_id TEXT NOT NULL, title TEXT NOT NULL);
    INSERT INTO tasks VALUES (1, 'zo e', 'named'), (2, 'other', 'foreign');
";

/// Everything one test needs.
pub(crate) struct Case {
    pub(crate) app: Arc<App>,
    pub(crate) key: String,
    folder: TempDir,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(crate) json: Json,
}

impl Case {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policies = folder.path().join("policies");
        let scoped = "tenant_filter_column = \"customer_id\"\n";
        let scope = format!("{scoped}scope_filter_column = \"assigned_to\"\n");
        database(&policies, "acme", &scope, TASKS).await;
        database(&policies, "uuids", &format!("{scoped}tenant_id_type = \"uuid\"\n"), NAMED).await;
        database(&policies, "names", &format!("{scoped}tenant_id_type = \"string\"\n"), NAMED)
            .await;
        database(&policies, "open", "requires_organization_scoping = false\n", TASKS).await;
        database(&policies, "gone", scoped, TASKS).await;
        std::fs::remove_file(policies.join("gone/data.sqlite")).unwrap();
        database(&policies, "drifted", scoped, TASKS).await;
        let catalog = policies.join("drifted/catalog.toml");
        let text = std::fs::read_to_string(&catalog).unwrap();
        std::fs::write(
            &catalog,
            text.replace("\"TEXT\", nullable = false", "\"TEXT\", nullable = true"),
        )
        .unwrap();
        std::fs::create_dir(policies.join("broken")).unwrap();
        std::fs::write(policies.join("broken/database.toml"), "engine = 1").unwrap();
        Self::of(folder).await
    }

    /// The service over the folder `policies` of another.
    pub(crate) async fn of(folder: TempDir) -> Self {
        let policies = folder.path().join("policies");
        let store = Store::open(&folder.path().join("store.sqlite")).await.unwrap();
        let key = store.create_key("test").await.unwrap().secret;
        let service = Service::load(&policies).await.unwrap();
        Self { app: Arc::new(App { service, store }), key, folder }
    }

    /// The service anew over the same folder.
    pub(super) async fn again(self) -> Self {
        Self::of(self.folder).await
    }

    /// The folder of one database.
    pub(crate) fn database(&self, id: &str) -> PathBuf {
        self.folder.path().join("policies").join(id)
    }

    /// Asks for the titles of tenant 82's tasks.
    pub(crate) async fn titles(&self, database: &str) -> Reply {
        let request = self.request(QUERY).header("X-Tenant-Id", "82");
        self.send(request, &body_for(QUERY, database)).await
    }

    /// The entry of one database in the list of all.
    pub(crate) async fn entry(&self, id: &str) -> Json {
        let list = self.send(self.get("/api/v1/databases"), "").await;
        let entries = list.json["databases"].as_array().unwrap();
        entries.iter().find(|entry| entry["id"] == id).cloned().unwrap_or_default()
    }

    /// A POST with the key.
    pub(super) fn request(&self, path: &str) -> request::Builder {
        bare(path).header("X-API-Key", &self.key)
    }

    /// A GET with the key.
    pub(super) fn get(&self, path: &str) -> request::Builder {
        bare_get(path).header("X-API-Key", &self.key)
    }

    pub(super) async fn send(&self, request: request::Builder, body: &str) -> Reply {
        self.send_bytes(request, Body::from(body.to_owned())).await
    }

    /// Sends a request and checks what holds for every reply.
    pub(super) async fn send_bytes(&self, request: request::Builder, body: Body) -> Reply {
        let request: Request<Body> = request.body(body).unwrap();
        let response = router(Arc::clone(&self.app)).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(parts.headers["content-type"], "application/json");
        if let Some(length) = parts.headers.get("content-length") {
            assert_eq!(length.to_str().unwrap(), bytes.len().to_string());
        }
        let json: Json = serde_json::from_slice(&bytes).expect("every body is JSON");
        if !parts.status.is_success() {
            let id = parts.headers["x-request-id"].to_str().unwrap();
            assert_eq!(json["request_id"], id);
            assert!(json["error"].is_string() && json["code"].is_string(), "{json}");
            let text = json.to_string();
            assert!(!text.contains(&self.key) && !text.contains("customer_id"), "{text}");
        }
        Reply { status: parts.status, headers: parts.headers, json }
    }
}

/// A request without a key; a GET where the address takes nothing else.
pub(super) fn bare(path: &str) -> request::Builder {
    if path == "/api/v1/databases" { bare_get(path) } else { Request::post(path) }
}

pub(super) fn bare_get(path: &str) -> request::Builder {
    Request::get(path)
}

/// A body that is fine for an address.
pub(super) fn body_for(path: &str, database: &str) -> String {
    if path == MESSAGE {
        json!({"message": "Show all tasks", "database_id": database}).to_string()
    } else {
        json!({"query": "SELECT title FROM tasks", "database_id": database}).to_string()
    }
}

/// A reply without what differs from run to run.
pub(super) fn redacted(mut json: Json) -> Json {
    match &mut json {
        Json::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                let id = ["conversation_id", "message_id", "request_id", "policy_version"];
                if id.contains(&name.as_str()) && value.is_string() {
                    *value = json!(format!("[{name}]"));
                } else {
                    *value = redacted(value.take());
                }
            }
        }
        Json::Array(items) => {
            for item in items {
                *item = redacted(item.take());
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
    json
}

/// Makes a folder as `pull` would, with its database beside it.
#[expect(clippy::disallowed_methods, reason = "a database for this test")]
pub(crate) async fn database(policies: &Path, id: &str, settings: &str, script: &'static str) {
    let folder = policies.join(id);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("data.sqlite");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(script).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let settings = format!("engine = \"sqlite\"\nurl = \"sqlite:data.sqlite\"\n{settings}");
    std::fs::write(folder.join("database.toml"), &settings).unwrap();
    let settings = Settings::parse(&settings).unwrap();
    let catalog =
        Engine::open(&settings, &folder).await.unwrap().introspect().await.unwrap().catalog;
    std::fs::write(folder.join("catalog.toml"), catalog.to_toml()).unwrap();
    std::fs::write(folder.join("tenant.cedar"), tenant_cedar(&settings, &catalog)).unwrap();
}
