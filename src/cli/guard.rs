//! `dialektai guard`: what would run.

use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::{Format, QueryArgs, batch, load, output};
use crate::audit::Record;
use crate::guard::mongo;
use crate::guard::sql::{Explained, Hazard};
use crate::guard::{GuardedQuery, Language};
use crate::http::wire::{self, Bind};
use crate::service::{self, Failure};
use batch::Work;
use output::Failed;

#[derive(Args)]
pub(super) struct GuardArgs {
    #[command(flatten)]
    pub(super) query: QueryArgs,
    /// Also tells, for each relation that the query reads, its filter, whether it is fenced off from the query's own
    /// expressions, and which of these may fail.
    #[arg(long, conflicts_with = "batch")]
    explain: bool,
}

#[derive(Serialize)]
struct GuardedLine<'a> {
    outcome: &'static str,
    text: &'a str,
    binds: Vec<Bind>,
    readable: &'a str,
    dialect: &'static str,
    policy_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    relations: Option<Vec<Occurrence<'a>>>,
}

/// What a query reads.
enum Reads<'a> {
    Sql(Vec<Explained<'a>>),
    Mongo(Vec<mongo::Explained>),
}

impl<'a> Reads<'a> {
    fn occurrences(self) -> Vec<Occurrence<'a>> {
        match self {
            Self::Sql(explained) => explained.into_iter().map(Occurrence::from).collect(),
            Self::Mongo(explained) => explained.into_iter().map(Occurrence::from).collect(),
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Sql(explained) => explained.iter().map(ToString::to_string).collect(),
            Self::Mongo(explained) => explained.iter().map(ToString::to_string).collect(),
        }
    }
}

/// One occurrence of a relation, explained.
#[derive(Serialize)]
struct Occurrence<'a> {
    relation: String,
    /// In SQL, the name that the query knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    /// On MongoDB, the place in the command that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    filter: Option<String>,
    fenced: bool,
    hazards: Vec<Reason<'a>>,
}

/// An expression that may fail on a row.
#[derive(Serialize)]
struct Reason<'a> {
    expression: Option<&'a str>,
    rule: &'static str,
    over: &'a [String],
}

pub(super) async fn run(policies: &Path, args: GuardArgs) -> Result<(), Failed> {
    let GuardArgs { query: QueryArgs { caller, batch: _, query }, explain } = args;
    let (database, _) = load(policies, &caller.database)?;
    let Some(text) = query else {
        return batch::run(Work::Guard(&database), &caller).await;
    };
    let principal = caller.identify(&database.settings)?;
    let query = service::guard_only(&database, &principal, &text, Record::begin("cli"))?;
    let filters = database.predicates_for(&principal).map_err(Failure::from)?;
    let (catalog, filters) = (&database.catalog, &*filters);
    let explained = match &query {
        _ if !explain => None,
        GuardedQuery::Sql(select) => Some(select.query().explain(catalog, filters).map(Reads::Sql)),
        GuardedQuery::Mongo(command) => {
            Some(command.query().explain(catalog, filters).map(Reads::Mongo))
        }
    };
    let explained = explained.transpose().map_err(Failure::from)?;
    match caller.format {
        Format::Text => output::line(&as_text(&query, explained.as_ref())),
        Format::Json => output::json(&GuardedLine {
            outcome: "guarded",
            text: query.text(),
            binds: wire::binds(query.binds()),
            readable: query.readable(),
            dialect: query.language().dialect(),
            policy_version: database.version(),
            relations: explained.map(Reads::occurrences),
        }),
    }
}

impl<'a> From<Explained<'a>> for Occurrence<'a> {
    fn from(explained: Explained<'a>) -> Self {
        let Explained { relation, alias, filter, fenced, hazards } = explained;
        let hazards = hazards.into_iter().map(Reason::from).collect();
        let (alias, place) = (Some(alias), None);
        Self { relation: relation.to_string(), alias, place, filter, fenced, hazards }
    }
}

impl From<mongo::Explained> for Occurrence<'_> {
    fn from(explained: mongo::Explained) -> Self {
        let mongo::Explained { relation, place, filter, fence } = explained;
        let reason = fence.map(|rule| Reason { expression: None, rule, over: &[] });
        Self {
            relation: relation.to_string(),
            alias: None,
            place: Some(place),
            filter,
            fenced: fence.is_some(),
            hazards: reason.into_iter().collect(),
        }
    }
}

impl<'a> From<&'a Hazard> for Reason<'a> {
    fn from(Hazard { expression, rule, over }: &'a Hazard) -> Self {
        Self { expression: expression.as_deref(), rule, over }
    }
}

/// The readable form, then what the database is sent, as comments, and what it reads.
fn as_text(query: &GuardedQuery, explained: Option<&Reads<'_>>) -> String {
    let sign = match query.language() {
        Language::Sql(_) => "--",
        Language::Mongo => "//",
    };
    let comment = |text: &mut String, lines: &str| {
        for line in lines.lines() {
            text.push_str(&format!("\n{sign}   {line}"));
        }
    };
    let mut text = format!("{}\n{sign} runs as:", query.readable());
    comment(&mut text, query.text());
    if !query.binds().is_empty() {
        text.push_str(&format!("\n{sign} with:"));
        for (index, bind) in wire::binds(query.binds()).iter().enumerate() {
            let shown = serde_json::to_string(bind).unwrap_or_default();
            comment(&mut text, &format!("{}: {shown}", index + 1));
        }
    }
    if let Some(explained) = explained {
        text.push_str(&format!("\n{sign} reads:"));
        for line in explained.lines() {
            comment(&mut text, &line);
        }
    }
    text
}
