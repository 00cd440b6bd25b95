//! The pipeline: principal -> filters -> (question -> proposal) -> guard -> engine -> audit -> reply.

mod claims;
mod databases;
mod gate;
mod served;
mod watch;

use crate::audit::{Outcome, Record};
use crate::engine::{Cell, EngineError, Rows};
use crate::guard::mongo::guard_mongo;
use crate::guard::sql::{Dialect, guard_sql};
use crate::guard::{GuardedQuery, Language, Refusal};
use crate::identity::{Principal, ScopeId, TenantId, TenantIdType};
use crate::policy::settings::{EngineKind, Settings};
use crate::policy::{Database, Unsupported};
use crate::predicate::PredicateSet;
use crate::question::{self, Readable, Understanding};
pub use claims::InvalidClaims;
pub use databases::{Databases, Readings, Service, Standing};
pub use gate::{census, look};
pub use served::{NotServed, Served};

/// Why a caller is not told anything. The texts are the vendor's, to the letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No tenant where one is required.
    #[error("X-Tenant-Id header is required when organization scoping is enabled.")]
    TenantRequired,
    /// Not a tenant id of this database.
    #[error("Invalid X-Tenant-Id format. Must be {}.", .0.describe())]
    InvalidTenant(TenantIdType),
    /// A tenant where there are none.
    #[error("Organization scoping is not enabled for this database.")]
    ScopingNotEnabled,
    /// Not a scope id.
    #[error("Invalid X-Scope-Id format. Must be 1 to 256 printable characters.")]
    InvalidScope,
    /// Not the claims of a caller of this database.
    #[error("Invalid X-Claims. {0}")]
    InvalidClaims(InvalidClaims),
}

impl Denial {
    /// The code as it is sent.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TenantRequired => "tenant_required",
            Self::InvalidTenant(_) => "invalid_tenant_id",
            Self::ScopingNotEnabled => "scoping_not_enabled",
            Self::InvalidScope => "invalid_scope_id",
            Self::InvalidClaims(_) => "invalid_claims",
        }
    }
}

/// Reads who asks; `claims` is a JSON object. Whatever is malformed before it is text (two headers, bytes) is given as the
/// empty text, which is no id of any type and no object.
pub fn identify(
    settings: &Settings,
    tenant: Option<&str>,
    scope: Option<&str>,
    claims: Option<&str>,
) -> Result<Principal, Denial> {
    let tenant = match (settings.requires_organization_scoping, tenant) {
        (true, None) => return Err(Denial::TenantRequired),
        (true, Some(text)) => {
            let id_type = settings.tenant_id_type;
            let tenant = TenantId::parse(text, id_type);
            Some(tenant.map_err(|_| Denial::InvalidTenant(id_type))?)
        }
        (false, None) => None,
        (false, Some(_)) => return Err(Denial::ScopingNotEnabled),
    };
    let scope = scope.map(str::parse::<ScopeId>).transpose().map_err(|_| Denial::InvalidScope)?;
    let claims = claims.map(|text| claims::read(text, &settings.claims)).transpose();
    let claims = claims.map_err(Denial::InvalidClaims)?.unwrap_or_default();
    Ok(Principal::new(tenant, scope).with_claims(claims))
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database is not served, or not yet.
    #[error(transparent)]
    NotServed(#[from] NotServed),
    /// The guard refused the query.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The database did not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A policy cannot be applied to this caller.
    #[error("the policies of this database cannot be applied to this caller")]
    Policy(#[source] Unsupported),
}

impl Failure {
    /// The code as it is sent.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotServed(reason) => reason.code(),
            Self::Refused(refusal) => refusal.code.as_str(),
            Self::Engine(error) => error.code(),
            Self::Policy(_) => "policy_unsupported",
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refusal) => Outcome::Refused { code: refusal.code.as_str() },
            Self::NotServed(_) | Self::Engine(_) | Self::Policy(_) => {
                Outcome::Failed { code: self.code() }
            }
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unsupported> for Failure {
    fn from(unsupported: Unsupported) -> Self {
        tracing::error!(%unsupported, "a policy cannot be applied to a caller");
        Self::Policy(unsupported)
    }
}

/// What a question gave.
pub enum Answer {
    /// Rows, and a sentence about them.
    Rows {
        /// The sentence.
        text: String,
        /// What ran.
        query: Box<GuardedQuery>,
        /// What it gave.
        rows: Rows,
    },
    /// Nothing ran.
    NotUnderstood {
        /// Questions that would be understood.
        suggestions: Vec<String>,
    },
}

/// Answers a question: the whole pipeline.
// INVARIANT (audit): the record is closed before anything is returned, so before rows leave the process.
// INVARIANT (checked): an engine is had from `Served::checked` only, so nothing runs on a database that has not passed
// the check of this very version of its policies.
pub async fn answer(
    served: &Served,
    principal: &Principal,
    question: &str,
    mut record: Record,
) -> Result<Answer, Failure> {
    record.question = Some(question.to_owned());
    let database = &served.database;
    begin(database, principal, &mut record);
    let result = async {
        let checked = served.checked().await?;
        let filters = database.predicates_for(principal)?;
        let tenant_column = database.settings.tenant_filter_column.as_deref();
        let visible = filters.visible(&database.catalog);
        let readable = Readable { catalog: &visible, filters: &filters, tenant_column };
        let language = language(database.settings.engine);
        let proposal = match question::propose(question, language, &readable) {
            Understanding::Query(proposal) => proposal,
            Understanding::NotUnderstood { suggestions } => {
                return Ok(Answer::NotUnderstood { suggestions });
            }
        };
        let query = guard(database, &filters, &proposal.text, &mut record)?;
        let rows = checked.run(&query).await?;
        let text = question::answer_text(
            &proposal.summary,
            &summarize(&rows, only_cell(&rows).as_deref()),
        );
        Ok(Answer::Rows { text, query: Box::new(query), rows })
    };
    let result: Result<Answer, Failure> = result.await;
    record.close(match &result {
        Ok(Answer::Rows { rows, .. }) => Outcome::Answered { rows: rows.rows.len() },
        Ok(Answer::NotUnderstood { .. }) => Outcome::NotUnderstood,
        Err(failure) => failure.outcome(),
    });
    result
}

/// Guards a query and runs it: the pipeline without a question.
// INVARIANT (audit, checked): as in `answer`.
pub async fn query(
    served: &Served,
    principal: &Principal,
    text: &str,
    mut record: Record,
) -> Result<(GuardedQuery, Rows), Failure> {
    let database = &served.database;
    begin(database, principal, &mut record);
    let result = async {
        let checked = served.checked().await?;
        let filters = database.predicates_for(principal)?;
        let query = guard(database, &filters, text, &mut record)?;
        let rows = checked.run(&query).await?;
        Ok((query, rows))
    };
    let result: Result<_, Failure> = result.await;
    record.close(match &result {
        Ok((_, rows)) => Outcome::Answered { rows: rows.rows.len() },
        Err(failure) => failure.outcome(),
    });
    result
}

/// Guards a query for somebody who will run it: of a database that is served.
// INVARIANT (audit, checked): as in `answer`.
pub async fn guard_served(
    served: &Served,
    principal: &Principal,
    text: &str,
    mut record: Record,
) -> Result<GuardedQuery, Failure> {
    match served.checked().await {
        Ok(_) => guard_only(&served.database, principal, text, record),
        Err(reason) => {
            begin(&served.database, principal, &mut record);
            let failure = Failure::from(reason);
            record.close(failure.outcome());
            Err(failure)
        }
    }
}

/// Guards a query by the folder alone; no live database is needed and none is looked at.
pub fn guard_only(
    database: &Database,
    principal: &Principal,
    text: &str,
    mut record: Record,
) -> Result<GuardedQuery, Failure> {
    begin(database, principal, &mut record);
    let filters = database.predicates_for(principal).map_err(Failure::from);
    let result = filters.and_then(|filters| guard(database, &filters, text, &mut record));
    record.close(match &result {
        Ok(_) => Outcome::Guarded,
        Err(failure) => failure.outcome(),
    });
    result
}

fn begin(database: &Database, principal: &Principal, record: &mut Record) {
    record.principal = Some(principal.clone());
    record.database = Some(database.id.clone());
    record.policy_version = Some(database.version().to_owned());
}

fn guard(
    database: &Database,
    filters: &PredicateSet,
    text: &str,
    record: &mut Record,
) -> Result<GuardedQuery, Failure> {
    record.query_before = Some(text.to_owned());
    let catalog = &database.catalog;
    let query = match language(database.settings.engine) {
        Language::Sql(dialect) => guard_sql(text, dialect, catalog, filters)?.into(),
        Language::Mongo => guard_mongo(text, catalog, filters)?.into(),
    };
    record.query_after = Some(GuardedQuery::text(&query).to_owned());
    Ok(query)
}

/// What an engine's queries are written in.
pub fn language(engine: EngineKind) -> Language {
    match engine {
        EngineKind::Sqlite => Language::Sql(Dialect::Sqlite),
        EngineKind::Postgresql => Language::Sql(Dialect::Postgresql),
        EngineKind::Mysql => Language::Sql(Dialect::Mysql),
        EngineKind::Sqlserver => Language::Sql(Dialect::Mssql),
        EngineKind::Mongodb => Language::Mongo,
    }
}

/// The cell of a result of one row and one column, as it is shown in a sentence.
fn only_cell(rows: &Rows) -> Option<String> {
    let [row] = rows.rows.as_slice() else { return None };
    let [cell] = row.as_slice() else { return None };
    match cell {
        Cell::Null | Cell::Array(_) | Cell::Document(_) => None,
        Cell::Bool(truth) => Some(truth.to_string()),
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Unsigned(number) => Some(number.to_string()),
        Cell::Real(number) => Some(number.to_string()),
        Cell::Decimal(text) | Cell::Text(text) | Cell::Json(text) => Some(text.clone()),
        Cell::Bytes(bytes) => Some(format!("{} bytes", bytes.len())),
    }
}

fn summarize<'a>(rows: &Rows, only: Option<&'a str>) -> question::Outcome<'a> {
    let truncated = rows.truncated;
    question::Outcome { rows: rows.rows.len(), truncated, only }
}
