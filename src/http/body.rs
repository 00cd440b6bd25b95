//! Bodies: read whole, bounded in size and time, whatever their content type says.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::error::ApiError;
use super::wire::Asking;

/// Bytes of a body.
const MAX_BYTES: usize = 256 * 1024;

/// How long a body may take to arrive.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Reads a body of a known form. The content type is not looked at: the vendor's own examples send none.
pub(super) async fn read<T: Asking + DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced
        .and_then(|length| length.parse::<u64>().ok())
        .is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > MAX_BYTES))
    {
        return Err(ApiError::TOO_LARGE);
    }
    let bytes = tokio::time::timeout(MAX_TIME, collect(body));
    let bytes = bytes.await.map_err(|_| ApiError::BODY_TIMEOUT)??;
    serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        // The parser's words can quote the body, which may hold anything.
        Category::Data => ApiError::invalid_request(T::FIELDS),
        Category::Io | Category::Syntax | Category::Eof => ApiError::INVALID_JSON,
    })
}

async fn collect(body: Body) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::BODY_INCOMPLETE)?;
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(ApiError::TOO_LARGE);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
