//! `dialektai explain`: which policies decide, and what they let through.

mod print;
mod relation;
mod row;

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::output::{self, Failed};
use super::{CallerArgs, Format, load};
use crate::audit::Record;
use crate::catalog::{Catalog, Relation};
use crate::guard::mongo::guard_mongo;
use crate::guard::sql::{Dialect, guard_sql};
use crate::guard::{GuardedQuery, Language, Refusal};
use crate::http::wire::{self, Bind};
use crate::identity::{Claims, ScopeId};
use crate::policy::Database;
use crate::predicate::PredicateSet;
use crate::service::{self, Failure};

#[derive(Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    pub(super) caller: CallerArgs,
    /// A relation by its name in `catalog.toml`, or a query.
    #[arg(value_name = "RELATION|QUERY")]
    what: String,
    /// Looks a row of the relation up in the live database by its primary key, and tells whether the caller may read it. A
    /// key of several columns is `82,2`, or a JSON array. The row's values are not shown.
    #[arg(long, value_name = "KEY")]
    row: Option<String>,
}

/// `--format json`: one document, always every key.
#[derive(Serialize)]
struct Document<'a> {
    database: &'a str,
    policy_version: &'a str,
    tenant: Option<String>,
    scope: Option<&'a str>,
    claims: &'a Claims,
    query: Option<QueryEntry>,
    relations: Vec<relation::RelationEntry>,
    row: Option<row::RowEntry>,
}

#[derive(Serialize)]
struct QueryEntry {
    dialect: &'static str,
    readable: String,
    text: String,
    binds: Vec<Bind>,
}

pub(super) async fn run(policies: &Path, args: ExplainArgs) -> Result<(), Failed> {
    let ExplainArgs { caller, what, row } = args;
    let (database, folder) = load(policies, &caller.database)?;
    let principal = caller.identify(&database.settings)?;
    let filters = database.predicates_for(&principal).map_err(Failure::from)?;
    let (query, relations) = match named(&database.catalog, &what) {
        Some(relation) => (None, vec![relation]),
        None if is_query(&what) => {
            let query = service::guard_only(&database, &principal, &what, Record::begin("cli"))?;
            let read = read_by(&query, &database.catalog, &filters).map_err(Failure::from)?;
            (Some(QueryEntry::from(&query)), read)
        }
        None => {
            let message = format!("`catalog.toml` has no relation `{what}`, and it is no query");
            return Err(Failed::new("unknown_relation", message));
        }
    };
    let asked = match (&row, query.is_none(), relations.as_slice()) {
        (None, ..) => None,
        (Some(key), true, [relation]) => {
            let look = row::Look { database: &database, principal: &principal, filters: &filters };
            Some(look.up(&folder, relation, key).await?)
        }
        (Some(_), ..) => {
            return Err(Failed::new("row_of_a_query", "`--row` needs a relation, and not a query"));
        }
    };
    let mut entries = Vec::new();
    for relation in relations {
        let asked =
            relation::Asked { database: &database, principal: &principal, filters: &filters };
        entries.push(asked.entry(relation).map_err(Failure::from)?);
    }
    let document = Document {
        database: database.id.as_str(),
        policy_version: database.version(),
        tenant: principal.tenant.as_ref().map(ToString::to_string),
        scope: principal.scope.as_ref().map(ScopeId::as_str),
        claims: &principal.claims,
        query,
        relations: entries,
        row: asked,
    };
    match caller.format {
        Format::Text => output::line(&print::text(&document)),
        Format::Json => output::json(&document),
    }
}

/// The relation that is called so, with or without its schema.
fn named<'c>(catalog: &'c Catalog, what: &str) -> Option<&'c Relation> {
    catalog.relations.iter().find(|relation| {
        let own = relation.name.schema == catalog.default_schema && relation.name.name == what;
        own || relation.name.to_string() == what
    })
}

/// No name of a relation is taken for one: the word after a mistake in a name should be about the name.
fn is_query(what: &str) -> bool {
    what.contains(|c: char| c.is_whitespace() || matches!(c, '(' | '{'))
}

fn read_by<'c>(
    query: &GuardedQuery,
    catalog: &'c Catalog,
    filters: &PredicateSet,
) -> Result<Vec<&'c Relation>, Refusal> {
    let names: BTreeSet<_> = match query {
        GuardedQuery::Sql(select) => {
            let read = select.query().explain(catalog, filters)?;
            read.into_iter().map(|read| read.relation.clone()).collect()
        }
        GuardedQuery::Mongo(command) => {
            let read = command.query().explain(catalog, filters)?;
            read.into_iter().map(|read| read.relation).collect()
        }
    };
    Ok(names.iter().filter_map(|name| catalog.relation(name)).collect())
}

impl From<&GuardedQuery> for QueryEntry {
    fn from(query: &GuardedQuery) -> Self {
        Self {
            dialect: query.language().dialect(),
            readable: query.readable().to_owned(),
            text: query.text().to_owned(),
            binds: wire::binds(query.binds()),
        }
    }
}

/// The relation as a query names it.
fn from(catalog: &Catalog, relation: &Relation, dialect: Dialect) -> String {
    let name = dialect.quoted(&relation.name.name);
    if relation.name.schema == catalog.default_schema {
        return name;
    }
    format!("{}.{name}", dialect.quoted(&relation.name.schema))
}

/// A query in the language of the database.
fn guarded(
    database: &Database,
    filters: &PredicateSet,
    text: &str,
) -> Result<GuardedQuery, Refusal> {
    guarded_as(service::language(database.settings.engine), database, filters, text)
}

fn guarded_as(
    language: Language,
    database: &Database,
    filters: &PredicateSet,
    text: &str,
) -> Result<GuardedQuery, Refusal> {
    let catalog = &database.catalog;
    match language {
        Language::Sql(dialect) => {
            guard_sql(text, dialect, catalog, filters).map(GuardedQuery::from)
        }
        Language::Mongo => guard_mongo(text, catalog, filters).map(GuardedQuery::from),
    }
}
