//! One function for each address.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use super::error::ApiError;
use super::wire::{
    Asking, DatabaseEntry, DatabasesReply, GuardReply, MessageReply, MessageRequest, Query,
    QueryReply, QueryRequest, Table,
};
use super::{App, RequestId, access, body, metrics};
use crate::audit::Record;
use crate::identity::Principal;
use crate::service::{self, Answer, Failure, NotServed, Served, Standing};

/// A body that is written already, so that JSON of the database keeps every digit.
type Reply = Result<([(HeaderName, HeaderValue); 1], Vec<u8>), ApiError>;

/// Characters of a question.
const MAX_MESSAGE_CHARS: usize = 4_000;

const NOT_UNDERSTOOD: &str =
    "The question was not understood. The suggestions are questions that would be.";

pub(super) async fn health() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

pub(super) async fn message(State(app): State<Arc<App>>, request: Request) -> Reply {
    let Admitted { served, principal, body, record } =
        admit::<MessageRequest>(&app, request, |body| {
            check_message(&body.message)?;
            body.conversation_id.as_deref().map_or(Ok(()), check_conversation)
        })
        .await?;
    let answer = service::answer(&served, &principal, &body.message, record).await?;
    let (answer, query, table, suggestions) = match answer {
        Answer::Rows { text, query, rows } => {
            (text, Some(Query::from(query.as_ref())), Table::from(rows), Vec::new())
        }
        Answer::NotUnderstood { suggestions } => {
            (NOT_UNDERSTOOD.to_owned(), None, Table::default(), suggestions)
        }
    };
    reply(&MessageReply {
        conversation_id: body.conversation_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
        message_id: Uuid::new_v4().to_string(),
        answer,
        query,
        table,
        suggestions,
        policy_version: served.database.version(),
    })
}

pub(super) async fn query(State(app): State<Arc<App>>, request: Request) -> Reply {
    let Admitted { served, principal, body, record } =
        admit::<QueryRequest>(&app, request, |_| Ok(())).await?;
    let (query, rows) = service::query(&served, &principal, &body.query, record).await?;
    reply(&QueryReply {
        query: Query::from(&query),
        table: Table::from(rows),
        policy_version: served.database.version(),
    })
}

pub(super) async fn guard(State(app): State<Arc<App>>, request: Request) -> Reply {
    let Admitted { served, principal, body, record } =
        admit::<QueryRequest>(&app, request, |_| Ok(())).await?;
    let query = service::guard_served(&served, &principal, &body.query, record).await?;
    reply(&GuardReply { query: Query::from(&query), policy_version: served.database.version() })
}

pub(super) async fn databases(State(app): State<Arc<App>>, request: Request) -> Reply {
    keyed(&app, request).await?;
    let databases = app.service.databases();
    let entries = databases.list().map(entry);
    reply(&DatabasesReply { databases: entries.collect() })
}

pub(super) async fn metrics(State(app): State<Arc<App>>, request: Request) -> Reply {
    keyed(&app, request).await?;
    let text = metrics::text(&app.service).map_err(|_| ApiError::INTERNAL)?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text.into_bytes()))
}

/// That the caller has a key. Whoever has none is in the audit log.
async fn keyed(app: &App, request: Request) -> Result<(), ApiError> {
    let (parts, _) = request.into_parts();
    let key = access::authenticate(app, &parts.headers).await;
    key.map(drop).inspect_err(|error| Record::begin(request_id(&parts)).close(error.outcome()))
}

fn entry(standing: Standing<'_>) -> DatabaseEntry<'_> {
    let Standing { id, served, runs, problem, codes } = standing;
    let database = served.map(|served| &*served.database);
    let settings = database.map(|database| &database.settings);
    DatabaseEntry {
        id: id.as_str(),
        status: if runs { "ok" } else { "error" },
        problem: problem.map(NotServed::problem),
        codes,
        engine: settings.map(|settings| settings.engine.name()),
        requires_organization_scoping: settings.map(|s| s.requires_organization_scoping),
        tenant_id_type: settings.map(|settings| settings.tenant_id_type.name()),
        tenant_filter_column: settings.and_then(|s| s.tenant_filter_column.as_deref()),
        scope: database.map(|d| if d.scope_filters() { "filters" } else { "recorded" }),
        policy_version: database.map(crate::policy::Database::version),
    }
}

/// A request whose caller is known.
struct Admitted<B> {
    served: Arc<Served>,
    principal: Principal,
    body: B,
    record: Record,
}

/// Everything before the pipeline. Whoever is turned away here is in the audit log too.
async fn admit<B: Asking + DeserializeOwned>(
    app: &App,
    request: Request,
    check: impl Fn(&B) -> Result<(), ApiError>,
) -> Result<Admitted<B>, ApiError> {
    let (parts, incoming) = request.into_parts();
    let mut record = Record::begin(request_id(&parts));
    match steps(app, &parts, incoming, &mut record, check).await {
        Ok((served, principal, body)) => Ok(Admitted { served, principal, body, record }),
        Err(error) => {
            record.close(error.outcome());
            Err(error)
        }
    }
}

/// The order is part of the API: key, body, database, tenant, scope and claims. Nothing is said about a database to whoever
/// has no key.
async fn steps<B: Asking + DeserializeOwned>(
    app: &App,
    parts: &Parts,
    incoming: Body,
    record: &mut Record,
    check: impl Fn(&B) -> Result<(), ApiError>,
) -> Result<(Arc<Served>, Principal, B), ApiError> {
    record.key_id = Some(access::authenticate(app, &parts.headers).await?);
    let body: B = body::read(&parts.headers, incoming).await?;
    check(&body)?;
    let found = app.service.find(body.database_id()).ok_or(ApiError::UNKNOWN_DATABASE)?;
    record.database = body.database_id().parse().ok();
    let served = found.map_err(Failure::from)?;
    let (tenant, scope) = (access::tenant(&parts.headers), access::scope(&parts.headers));
    let principal = service::identify(
        &served.database.settings,
        tenant,
        scope,
        access::claims(&parts.headers),
    )?;
    Ok((served, principal, body))
}

fn check_message(message: &str) -> Result<(), ApiError> {
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    let chars = message.chars().count();
    if message.trim().is_empty() || chars > MAX_MESSAGE_CHARS || message.contains(control) {
        return Err(ApiError::INVALID_MESSAGE);
    }
    Ok(())
}

fn check_conversation(id: &str) -> Result<(), ApiError> {
    match Uuid::try_parse(id) {
        Ok(uuid) if uuid.hyphenated().to_string() == id => Ok(()),
        _ => Err(ApiError::INVALID_CONVERSATION),
    }
}

fn request_id(parts: &Parts) -> String {
    parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}

fn reply(body: &impl serde::Serialize) -> Reply {
    let body = serde_json::to_vec(body).map_err(|_| ApiError::INTERNAL)?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body))
}
