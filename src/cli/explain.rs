//! `dialektai explain`: which policies decide, and what they let through.

mod print;
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
use crate::identity::ScopeId;
use crate::policy::{Applied, Database, Residual};
use crate::predicate::{PredicateSet, RowFilter};
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
    query: Option<QueryEntry>,
    relations: Vec<RelationEntry>,
    row: Option<row::RowEntry>,
}

#[derive(Serialize)]
struct QueryEntry {
    dialect: &'static str,
    readable: String,
    text: String,
    binds: Vec<Bind>,
}

#[derive(Serialize)]
struct RelationEntry {
    relation: String,
    /// `all`, `none` or `some`.
    rows: &'static str,
    /// As the database's own engine writes it; where `rows` is `some`.
    filter: Option<String>,
    hidden_columns: Vec<String>,
    masked_columns: Vec<String>,
    policies: Vec<PolicyEntry>,
    emitted: Vec<Emitted>,
}

#[derive(Serialize)]
struct PolicyEntry {
    id: String,
    effect: &'static str,
    /// File, line and column.
    place: Option<String>,
    /// `every row`, `no row`, `fails` or `condition`.
    residual: &'static str,
    condition: Option<String>,
}

/// All rows that the caller may read, in one dialect.
#[derive(Serialize)]
struct Emitted {
    dialect: &'static str,
    text: Option<String>,
    refused: Option<String>,
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
        let applied = database.applied(&principal, relation).map_err(Failure::from)?;
        entries.push(entry(&database, &filters, relation, applied.unwrap_or_default()));
    }
    let document = Document {
        database: database.id.as_str(),
        policy_version: database.version(),
        tenant: principal.tenant.as_ref().map(ToString::to_string),
        scope: principal.scope.as_ref().map(ScopeId::as_str),
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

fn entry(
    database: &Database,
    filters: &PredicateSet,
    relation: &Relation,
    applied: Vec<Applied>,
) -> RelationEntry {
    let filter = filters.filter_for(&relation.name);
    let names = |columns: &mut dyn Iterator<Item = String>| columns.collect::<Vec<String>>();
    let hidden = filters.hidden_of(&relation.name).into_iter().flatten();
    let masked = filters.masks_of(&relation.name).into_iter().flatten();
    let own = service::language(database.settings.engine);
    RelationEntry {
        relation: relation.name.to_string(),
        rows: match filter {
            RowFilter::AllRows => "all",
            RowFilter::NoRows => "none",
            RowFilter::Where(_) => "some",
        },
        filter: match filter {
            RowFilter::AllRows | RowFilter::NoRows => None,
            RowFilter::Where(_) => written(database, filters, relation, own),
        },
        hidden_columns: names(&mut hidden.map(ToString::to_string)),
        masked_columns: names(&mut masked.map(|(column, _)| column.to_string())),
        policies: applied.into_iter().map(PolicyEntry::from).collect(),
        emitted: match filter {
            RowFilter::NoRows => Vec::new(),
            RowFilter::AllRows | RowFilter::Where(_) => emitted(database, filters, relation, own),
        },
    }
}

impl From<Applied> for PolicyEntry {
    fn from(applied: Applied) -> Self {
        let Applied { policy, effect, place, residual } = applied;
        let (residual, condition) = match residual {
            Residual::Every => ("every row", None),
            Residual::None => ("no row", None),
            Residual::Fails => ("fails", None),
            Residual::Where(condition) => ("condition", Some(condition)),
        };
        let place = place.map(|place| place.to_string());
        Self { id: policy, effect, place, residual, condition }
    }
}

/// Every row of the relation, guarded.
fn all_rows(
    database: &Database,
    filters: &PredicateSet,
    relation: &Relation,
    language: Language,
) -> Result<GuardedQuery, Refusal> {
    let catalog = &database.catalog;
    match language {
        Language::Sql(dialect) => {
            let text = format!("SELECT * FROM {}", from(catalog, relation, dialect));
            guard_sql(&text, dialect, catalog, filters).map(GuardedQuery::from)
        }
        Language::Mongo => {
            let text = serde_json::json!({"find": relation.name.name, "filter": {}}).to_string();
            guard_mongo(&text, catalog, filters).map(GuardedQuery::from)
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

/// The filter with its values written out.
fn written(
    database: &Database,
    filters: &PredicateSet,
    relation: &Relation,
    language: Language,
) -> Option<String> {
    match all_rows(database, filters, relation, language).ok()? {
        GuardedQuery::Sql(select) => {
            let read = select.query().explain(&database.catalog, filters).ok()?;
            read.into_iter().next()?.filter
        }
        GuardedQuery::Mongo(command) => {
            let read = command.query().explain(&database.catalog, filters).ok()?;
            read.into_iter().next()?.filter
        }
    }
}

/// The database's own dialect first; those of SQL for any database of SQL.
fn emitted(
    database: &Database,
    filters: &PredicateSet,
    relation: &Relation,
    own: Language,
) -> Vec<Emitted> {
    let mut languages = vec![own];
    if let Language::Sql(own) = own {
        let others = Dialect::ALL.into_iter().filter(|dialect| *dialect != own);
        languages.extend(others.map(Language::Sql));
    }
    let emit = |language: Language| {
        let dialect = language.dialect();
        match all_rows(database, filters, relation, language) {
            Ok(query) => {
                Emitted { dialect, text: Some(query.readable().to_owned()), refused: None }
            }
            Err(refusal) => {
                Emitted { dialect, text: None, refused: Some(refusal.message.into_owned()) }
            }
        }
    };
    languages.into_iter().map(emit).collect()
}
