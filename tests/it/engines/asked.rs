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
    let principal = service::identify(&served.database.settings, None, None).unwrap();
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
}
