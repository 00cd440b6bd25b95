//! `dialektai guard`: what would run.

use std::path::Path;

use serde::Serialize;

use super::{Format, QueryArgs, batch, load, output};
use crate::audit::Record;
use crate::guard::mongo::MongoCommand;
use crate::guard::sql::SelectSql;
use crate::http::wire::{self, Bind};
use crate::policy::settings::EngineKind;
use crate::service;
use batch::Work;
use output::Failed;

#[derive(Serialize)]
struct GuardedLine<'a> {
    outcome: &'static str,
    text: &'a str,
    binds: Vec<Bind>,
    readable: &'a str,
    dialect: &'static str,
    policy_version: &'a str,
}

pub(super) async fn run(policies: &Path, args: QueryArgs) -> Result<(), Failed> {
    let (database, _) = load(policies, &args.caller.database)?;
    let Some(text) = args.query else {
        return batch::run(Work::Guard(&database), &args.caller).await;
    };
    let (tenant, scope) = (args.caller.tenant.as_deref(), args.caller.scope.as_deref());
    let principal = service::identify(&database.settings, tenant, scope)?;
    if database.settings.engine == EngineKind::Mongodb {
        let command =
            service::guard_only_mongo(&database, &principal, &text, Record::begin("cli"))?;
        return show(command.query(), database.version(), args.caller.format);
    }
    let query = service::guard_only(&database, &principal, &text, Record::begin("cli"))?;
    let query = query.query();
    match args.caller.format {
        Format::Text => output::line(&as_text(query)),
        Format::Json => output::json(&GuardedLine {
            outcome: "guarded",
            text: query.text(),
            binds: wire::binds(query.binds()),
            readable: query.readable(),
            dialect: query.dialect().name(),
            policy_version: database.version(),
        }),
    }
}

/// A command: its values are in its text.
fn show(command: &MongoCommand, policy_version: &str, format: Format) -> Result<(), Failed> {
    match format {
        Format::Text => {
            output::line(&format!("{}\n// runs as:\n//   {}", command.readable(), command.text()))
        }
        Format::Json => output::json(&GuardedLine {
            outcome: "guarded",
            text: command.text(),
            binds: Vec::new(),
            readable: command.readable(),
            dialect: EngineKind::Mongodb.name(),
            policy_version,
        }),
    }
}

/// The readable form, then what the database is sent, as comments.
fn as_text(query: &SelectSql) -> String {
    let mut text = format!("{}\n-- runs as:", query.readable());
    for line in query.text().lines() {
        text.push_str("\n--   ");
        text.push_str(line);
    }
    if !query.binds().is_empty() {
        text.push_str("\n-- with:");
        for (index, bind) in wire::binds(query.binds()).iter().enumerate() {
            let shown = serde_json::to_string(bind).unwrap_or_default();
            text.push_str("\n--   ");
            text.push_str(&(index + 1).to_string());
            text.push_str(": ");
            text.push_str(&shown);
        }
    }
    text
}
