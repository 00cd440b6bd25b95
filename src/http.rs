//! The HTTP API: requests become principals and texts, answers and errors become JSON.

mod access;
mod body;
mod error;
mod handlers;
mod listen;
mod metrics;
pub(crate) mod wire;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::service::Service;
use crate::store::Store;
use error::ApiError;
pub use listen::serve;

/// What every handler needs.
pub struct App {
    /// The databases.
    pub service: Service,
    /// The keys.
    pub store: Store,
}

/// Names one request in its answer and in the audit log.
#[derive(Clone)]
struct RequestId(String);

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The routes.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(handlers::health))
        .route("/metrics", get(handlers::metrics))
        .route("/api/v1/databases", get(handlers::databases))
        .route("/api/v1/chat/message", post(handlers::message))
        .route("/api/v1/query", post(handlers::query))
        .route("/api/v1/guard", post(handlers::guard))
        .fallback(|| async { ApiError::NOT_FOUND })
        .method_not_allowed_fallback(|| async { ApiError::METHOD_NOT_ALLOWED })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(identified))
        .with_state(app)
}

/// A bug in one request is an error of that request. Its text stays in the process.
fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::INTERNAL.into_response()
}

/// Gives the request an id and writes the body of an error, which carries it.
async fn identified(mut request: Request, next: Next) -> Response {
    let id = uuid::Uuid::now_v7().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        // It stands for the empty body that the error had until now.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(error.to_json(&id));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}
