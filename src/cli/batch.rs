//! `--batch`: one JSON object a line in, one a line out, in order, whatever becomes of each.

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{CallerArgs, output};
use crate::audit::Record;
use crate::guard::GuardedQuery;
use crate::http::wire::{self, Bind, Column, JsonCell, Table};
use crate::policy::Database;
use crate::service::{self, Served};
use output::Failed;

/// A line of input, without its id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    query: String,
    tenant: Option<Json>,
    scope: Option<String>,
    claims: Option<Json>,
}

/// A line of output: always every key.
#[derive(Serialize)]
struct Told {
    id: Json,
    outcome: &'static str,
    text: Option<String>,
    binds: Option<Vec<Bind>>,
    readable: Option<String>,
    columns: Option<Vec<Column>>,
    rows: Option<Vec<Vec<JsonCell>>>,
    truncated: Option<bool>,
    code: Option<&'static str>,
    message: Option<String>,
}

/// What is done with each query.
pub(super) enum Work<'a> {
    /// It is guarded.
    Guard(&'a Database),
    /// It is guarded and run.
    Run(&'a Served),
}

/// Answers every line of standard input.
pub(super) async fn run(work: Work<'_>, defaults: &CallerArgs) -> Result<(), Failed> {
    let mut input = io::BufReader::new(io::stdin());
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let mut told = Told::nothing();
        if let Err(failed) = answer(&line, &work, defaults, &mut told).await {
            told.outcome = failed.outcome();
            told.code = Some(failed.code());
            told.message = Some(failed.message().to_owned());
        }
        output::json(&told)?;
    }
}

async fn answer(
    line: &[u8],
    work: &Work<'_>,
    defaults: &CallerArgs,
    told: &mut Told,
) -> Result<(), Failed> {
    let bad = || {
        Failed::new(
            "bad_request",
            "the line is not an object with `id`, `query`, `tenant`, `scope` and `claims`",
        )
    };
    let mut object: serde_json::Map<String, Json> =
        serde_json::from_slice(line).map_err(|_| bad())?;
    // The id first, so that a line that is wrong otherwise can be told apart.
    told.id = object.remove("id").unwrap_or_default();
    let asked: Asked = serde_json::from_value(Json::Object(object)).map_err(|_| bad())?;
    let tenant = match asked.tenant {
        None | Some(Json::Null) => defaults.tenant.clone(),
        Some(Json::String(text)) => Some(text),
        Some(Json::Number(number)) => Some(number.to_string()),
        Some(Json::Bool(_) | Json::Array(_) | Json::Object(_)) => return Err(bad()),
    };
    let scope = asked.scope.as_deref().or(defaults.scope.as_deref());
    let claims = asked.claims.map(|claims| claims.to_string()).or_else(|| defaults.claims.clone());
    let settings = match work {
        Work::Guard(database) => &database.settings,
        Work::Run(served) => &served.database.settings,
    };
    let principal = service::identify(settings, tenant.as_deref(), scope, claims.as_deref())?;
    let record = Record::begin("cli");
    match work {
        Work::Guard(database) => {
            told.show(&service::guard_only(database, &principal, &asked.query, record)?);
        }
        Work::Run(served) => {
            let (query, rows) = service::query(served, &principal, &asked.query, record).await?;
            told.show(&query);
            let table = Table::from(rows);
            told.columns = Some(table.columns);
            told.rows = Some(table.rows);
            told.truncated = Some(table.truncated);
        }
    }
    told.outcome = "guarded";
    Ok(())
}

impl Told {
    fn nothing() -> Self {
        Self {
            id: Json::Null,
            outcome: "failed",
            text: None,
            binds: None,
            readable: None,
            columns: None,
            rows: None,
            truncated: None,
            code: None,
            message: None,
        }
    }

    fn show(&mut self, query: &GuardedQuery) {
        self.text = Some(query.text().to_owned());
        self.binds = Some(wire::binds(query.binds()));
        self.readable = Some(query.readable().to_owned());
    }
}
