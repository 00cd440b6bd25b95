//! What the tests of every engine ask: of a served database, of an engine, and of the service through its HTTP API.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use dialektai::audit::Record;
use dialektai::engine::{Engine, EngineError, Introspected, Rows};
use dialektai::http::{App, router};
use dialektai::policy::settings::Settings;
use dialektai::service::{self, Failure, NotServed, Served};
use http_body_util::BodyExt;
use serde_json::json;
use serde_json::value::RawValue;
use tower::ServiceExt;

/// The rows of a query of nobody in particular; a panic for anything but an answer or an engine's error.
pub(crate) async fn run(served: &Served, text: &str) -> Result<Rows, EngineError> {
    let principal = service::identify(&served.database.settings, None, None, None).unwrap();
    match service::query(served, &principal, text, Record::begin("test")).await {
        Ok((_, rows)) => Ok(rows),
        Err(Failure::Engine(error) | Failure::NotServed(NotServed::Unreachable(error))) => {
            Err(error)
        }
        Err(other) => panic!("{other}: {text}"),
    }
}

pub(crate) async fn introspect(settings: &str) -> Result<Introspected, EngineError> {
    let settings = Settings::parse(settings).unwrap();
    let engine = Engine::open(&settings, Path::new(".")).await?;
    engine.introspect().await
}

pub(crate) struct Http {
    pub(crate) app: Arc<App>,
    pub(crate) key: String,
}

impl Http {
    /// Status and fields of what a query gets.
    pub(crate) async fn query(&self, text: &str) -> (StatusCode, BTreeMap<String, Box<RawValue>>) {
        let body = json!({"database_id": "shop", "query": text}).to_string();
        let request = Request::post("/api/v1/query").header("X-API-Key", &self.key);
        let request = request.body(Body::from(body)).unwrap();
        let response = router(Arc::clone(&self.app)).oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    /// Status and code of what a query gets.
    pub(crate) async fn code(&self, text: &str) -> (u16, String) {
        let (status, fields) = self.query(text).await;
        let code = fields.get("code").map_or("", |code| code.get()).trim_matches('"');
        (status.as_u16(), code.to_owned())
    }
    /// An added function runs, one that is gone and one that was never added have their codes: of the functions that
    /// [`added_functions`] adds.
    pub(crate) async fn asks_added(&self, schema: &str, query: &str, rows: &str) {
        let (status, fields) = self.query(query).await;
        assert_eq!(status.as_u16(), 200, "{fields:?}");
        assert_eq!(fields["rows"].get(), rows);
        let gone = self.code(&format!("SELECT {schema}.gone(i) AS q FROM n")).await;
        assert_eq!(gone, (422, "query_failed".to_owned()));
        let unknown = self.code(&format!("SELECT {schema}.never(i) AS q FROM n")).await;
        assert_eq!(unknown, (422, "unknown_function".to_owned()));
    }
}

/// The lines of a `database.toml` that add a function which the database has, and one that it has no more.
pub(crate) fn added_functions(schema: &str) -> String {
    format!(
        r#"
rows = 100
[[functions]]
name = "{schema}.fiscal_quarter"
arguments = [1, 2]
returns = "text"
total = true
reason = "reads no table"
[[functions]]
name = "{schema}.gone"
arguments = 1
reason = "was dropped since"
"#
    )
}
