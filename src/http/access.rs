//! Who asks: the key, and the headers that name tenant and scope.

use axum::http::{HeaderMap, HeaderValue, header};

use super::App;
use super::error::ApiError;

const X_API_KEY: &str = "x-api-key";
const X_TENANT_ID: &str = "x-tenant-id";
const X_SCOPE_ID: &str = "x-scope-id";
const X_CLAIMS: &str = "x-claims";

/// The id of the caller's key.
pub(super) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<String, ApiError> {
    let secret = secret(headers)?;
    app.store.verify_key(secret).await?.ok_or(ApiError::INVALID_KEY)
}

/// The key itself. Both headers may carry it; they must agree.
fn secret(headers: &HeaderMap) -> Result<&str, ApiError> {
    let authorization = single(headers, header::AUTHORIZATION.as_str())?;
    let api_key = single(headers, X_API_KEY)?;
    let bearer = authorization.map(bearer);
    let api_key = api_key.map(|value| value.to_str().ok());
    let secret = match (bearer, api_key) {
        (None, None) => return Err(ApiError::NO_KEY),
        (Some(left), Some(right)) if left != right => return Err(ApiError::AMBIGUOUS_KEY),
        (Some(secret), _) | (None, Some(secret)) => secret,
    };
    secret.ok_or(ApiError::INVALID_KEY)
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(ApiError::AMBIGUOUS_KEY) } else { Ok(first) }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// The tenant as the caller names it. Two headers, or bytes that are not ASCII, are the empty text: no tenant id.
pub(super) fn tenant(headers: &HeaderMap) -> Option<&str> {
    text(headers, X_TENANT_ID, |value| value.to_str().ok())
}

/// The scope as the caller names it. Names of people are not always ASCII, so this is read as UTF-8.
pub(super) fn scope(headers: &HeaderMap) -> Option<&str> {
    text(headers, X_SCOPE_ID, |value| std::str::from_utf8(value.as_bytes()).ok())
}

/// The claims as the caller names them, as UTF-8.
pub(super) fn claims(headers: &HeaderMap) -> Option<&str> {
    text(headers, X_CLAIMS, |value| std::str::from_utf8(value.as_bytes()).ok())
}

fn text<'a>(
    headers: &'a HeaderMap,
    name: &str,
    read: impl Fn(&'a HeaderValue) -> Option<&'a str>,
) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { Some("") } else { Some(read(first).unwrap_or_default()) }
}
