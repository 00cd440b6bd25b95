//! Errors: what went wrong, as status, text and code. Never a tenant, a policy, a path or a driver's words.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::audit::Outcome;
use crate::engine::EngineError;
use crate::service::{Denial, Failure};
use crate::store::StoreError;

/// An error on its way out. The middleware writes its body, which names the request.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
}

impl ApiError {
    pub(super) const NOT_FOUND: Self =
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address");
    pub(super) const METHOD_NOT_ALLOWED: Self = Self::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this address does not take this method",
    );
    pub(super) const INTERNAL: Self =
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "the request failed");
    pub(super) const NO_KEY: Self = Self::hinted(
        StatusCode::UNAUTHORIZED,
        "missing_api_key",
        "an API key is required",
        "send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`",
    );
    pub(super) const INVALID_KEY: Self =
        Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", "the API key is not valid");
    pub(super) const AMBIGUOUS_KEY: Self = Self::hinted(
        StatusCode::BAD_REQUEST,
        "ambiguous_api_key",
        "the request carries more than one API key",
        "send one key, in one header",
    );
    pub(super) const TOO_LARGE: Self = Self::hinted(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "the body is too large",
        "a body has at most 262144 bytes",
    );
    pub(super) const BODY_TIMEOUT: Self =
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body did not arrive in time");
    pub(super) const BODY_INCOMPLETE: Self =
        Self::new(StatusCode::BAD_REQUEST, "body_incomplete", "the body ended early");
    pub(super) const INVALID_JSON: Self =
        Self::new(StatusCode::BAD_REQUEST, "invalid_json", "the body is not JSON in UTF-8");
    pub(super) const INVALID_MESSAGE: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "invalid_message",
        "`message` must be 1 to 4000 characters, without control characters",
    );
    pub(super) const INVALID_CONVERSATION: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "invalid_conversation_id",
        "`conversation_id` must be one that an answer gave",
    );
    pub(super) const UNKNOWN_DATABASE: Self =
        Self::new(StatusCode::NOT_FOUND, "unknown_database", "there is no such database");
    pub(super) const UNAVAILABLE: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "database_unavailable",
        "the database is not available",
    );

    const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message: Cow::Borrowed(message), hint: None }
    }

    const fn hinted(
        status: StatusCode,
        code: &'static str,
        message: &'static str,
        hint: &'static str,
    ) -> Self {
        Self { status, code, message: Cow::Borrowed(message), hint: Some(Cow::Borrowed(hint)) }
    }

    /// A body that is JSON and not what this address takes.
    pub(super) const fn invalid_request(fields: &'static str) -> Self {
        Self::hinted(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the body is not a request of this kind",
            fields,
        )
    }

    /// How the audit log calls it.
    pub(super) fn outcome(&self) -> Outcome {
        let code = self.code;
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Denied { code },
            _ => Outcome::Failed { code },
        }
    }

    /// The body.
    pub(super) fn to_json(&self, request_id: &str) -> Vec<u8> {
        let body = ErrorBody {
            error: &self.message,
            code: self.code,
            hint: self.hint.as_deref(),
            request_id,
        };
        // Strings alone always serialize.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    request_id: &'a str,
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        let status = match denial {
            Denial::TenantRequired | Denial::InvalidTenant(_) | Denial::ScopingNotEnabled => {
                StatusCode::FORBIDDEN
            }
            Denial::InvalidScope | Denial::InvalidClaims(_) => StatusCode::BAD_REQUEST,
        };
        Self { status, code: denial.code(), message: denial.to_string().into(), hint: None }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let code = failure.code();
        match failure {
            Failure::NotServed(reason) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self { status, code, message: reason.to_string().into(), hint: None }
            }
            Failure::Refused(refusal) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self { status, code, message: refusal.message, hint: Some(refusal.hint) }
            }
            Failure::Engine(error) => {
                let status = match error {
                    EngineError::Unavailable
                    | EngineError::MaskKey(_)
                    | EngineError::Url(_)
                    | EngineError::Unsupported(_) => return Self::UNAVAILABLE,
                    EngineError::Busy
                    | EngineError::Login
                    | EngineError::Tls
                    | EngineError::Full => StatusCode::SERVICE_UNAVAILABLE,
                    EngineError::Failed | EngineError::Memory => StatusCode::UNPROCESSABLE_ENTITY,
                    EngineError::Timeout => StatusCode::GATEWAY_TIMEOUT,
                };
                Self { status, code, message: error.to_string().into(), hint: None }
            }
            Failure::Policy(_) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self { status, code, message: failure.to_string().into(), hint: None }
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(_: StoreError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            "keys cannot be checked now",
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}
