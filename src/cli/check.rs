//! `dialektai check`: what is amiss, for people and for CI.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::output::{self, Failed};
use super::{Format, diagnostic, folder, role};
use crate::check::{self, Finding, Severity};
use crate::engine::EngineError;
use crate::identity::DatabaseId;
use crate::policy::Database;
use crate::policy::place::Position;
use crate::service;

#[derive(Args)]
pub(super) struct CheckArgs {
    /// The folder's name; without one, every folder.
    #[arg(value_name = "DATABASE")]
    database: Option<DatabaseId>,
    /// How the findings are written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// Looks at the folders only, and at no live database.
    #[arg(long)]
    offline: bool,
    /// Makes warnings count as errors for the exit code.
    #[arg(long, visible_alias = "deny-warnings")]
    strict: bool,
    /// Prints what makes a role that may only read what the policies of the database permit, and checks nothing.
    #[arg(long, requires = "database", conflicts_with_all = ["strict", "format", "offline"])]
    role: bool,
}

/// What became of one database.
struct Checked {
    id: String,
    policy_version: Option<String>,
    status: Status,
    /// Whether the live database was looked at.
    live: Live,
    findings: Vec<Finding>,
}

/// What became of the part that needs the live database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Live {
    Checked,
    Unreachable,
    /// Nobody asked for it, or the folder does not load.
    Skipped,
}

impl Live {
    fn name(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Unreachable => "unreachable",
            Self::Skipped => "skipped",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Ok,
    Error,
    Unreachable,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Unreachable => "unreachable",
        }
    }
}

pub(super) async fn run(policies: &Path, args: CheckArgs) -> Result<(), Failed> {
    if args.role
        && let Some(id) = &args.database
    {
        return role::run(policies, id).await;
    }
    let folders = match &args.database {
        Some(id) => BTreeMap::from([(id.to_string(), folder(policies, id)?)]),
        None => all(policies)?,
    };
    let mut checked = Vec::new();
    for (id, folder) in folders {
        checked.push(one(id, &folder, args.offline).await);
    }
    match args.format {
        Format::Text => output::line(&as_text(&checked, diagnostic::in_colour()))?,
        Format::Json => output::json(&Document::from(checked.as_slice()))?,
    }
    verdict(&checked, args.strict)
}

/// Every folder with a `database.toml`, whatever its name.
pub(super) fn all(policies: &Path) -> Result<BTreeMap<String, PathBuf>, Failed> {
    let shown = policies.display();
    let unreadable = |error| {
        Failed::new("no_policies", format!("cannot read `{}`: {error}", policies.display()))
    };
    let mut folders = BTreeMap::new();
    for entry in std::fs::read_dir(policies).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join("database.toml").is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            folders.insert(name, path);
        }
    }
    if folders.is_empty() {
        let message = format!("no folder in `{shown}` has a `database.toml`");
        return Err(Failed::new("no_databases", message));
    }
    Ok(folders)
}

async fn one(id: String, folder: &Path, offline: bool) -> Checked {
    let database = match Database::load(folder) {
        Ok(database) => database,
        Err(error) => {
            let findings = check::folder(&error);
            let (status, live) = (Status::Error, Live::Skipped);
            return Checked { id, policy_version: None, status, live, findings };
        }
    };
    let policy_version = Some(database.version().to_owned());
    if offline {
        let mut findings = check::settings(&database.settings);
        findings.extend(check::idle(&database));
        let (status, live) = (Status::Ok, Live::Skipped);
        return Checked { id, policy_version, status, live, findings };
    }
    let (status, live, findings) = match service::look(&database, folder).await {
        Ok((engine, mut findings)) => {
            findings.extend(service::census(&database, &engine).await);
            findings.extend(check::idle(&database));
            let status = if check::has_errors(&findings) { Status::Error } else { Status::Ok };
            (status, Live::Checked, findings)
        }
        Err(error) => {
            let mut findings = vec![check::unreachable(error)];
            findings.extend(check::settings(&database.settings));
            findings.extend(check::idle(&database));
            (unreachable(error), Live::Unreachable, findings)
        }
    };
    Checked { id, policy_version, status, live, findings }
}

/// An address that cannot be used is the folder's fault, not the network's.
fn unreachable(error: EngineError) -> Status {
    match error {
        EngineError::Url(_) | EngineError::MaskKey(_) | EngineError::Unsupported(_) => {
            Status::Error
        }
        EngineError::Unavailable
        | EngineError::Login
        | EngineError::Tls
        | EngineError::Full
        | EngineError::Busy
        | EngineError::Failed
        | EngineError::Timeout
        | EngineError::Memory => Status::Unreachable,
    }
}

/// An error outweighs a database that could not be looked at.
fn verdict(checked: &[Checked], strict: bool) -> Result<(), Failed> {
    let with = |status| checked.iter().filter(|one| one.status == status).count();
    let (errors, warnings) = (count(checked, Severity::Error), count(checked, Severity::Warning));
    if with(Status::Error) > 0 {
        return Err(Failed::new("check_failed", number(errors, "error")));
    }
    if strict && warnings > 0 {
        return Err(Failed::new(
            "check_failed",
            format!("{}, which count", number(warnings, "warning")),
        ));
    }
    match with(Status::Unreachable) {
        0 => Ok(()),
        unreachable => {
            let databases = number(unreachable, "database");
            Err(Failed::unreachable(format!("{databases} could not be looked at")))
        }
    }
}

fn count(checked: &[Checked], severity: Severity) -> usize {
    let findings = checked.iter().flat_map(|one| &one.findings);
    findings.filter(|finding| finding.severity() == severity).count()
}

fn number(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A line or two for each finding, or its place in a file, then a line about all.
fn as_text(checked: &[Checked], colour: bool) -> String {
    let mut text = String::new();
    for one in checked {
        let left_out = match (one.live, one.status) {
            (Live::Skipped, Status::Ok) => " (offline: the live database was not looked at)",
            (Live::Checked | Live::Unreachable | Live::Skipped, _) => "",
        };
        text.push_str(&format!("{}: {}{left_out}\n", one.id, one.status.name()));
        let mut before: &[String] = &[];
        for finding in &one.findings {
            if let Some(drawn) = diagnostic::drawn(finding, colour) {
                for line in drawn.lines() {
                    text.push_str(format!("  {line}").trim_end());
                    text.push('\n');
                }
                text.push('\n');
                continue;
            }
            text.push_str(&format!("  {finding}\n"));
            if let Some(hint) = finding.matter.hint() {
                text.push_str(&format!("    hint: {hint}\n"));
            }
            let statements = finding.matter.statements();
            // All that a role may do is answered by the same statements.
            if statements != before {
                for statement in statements {
                    text.push_str(&format!("      {statement}\n"));
                }
            }
            before = statements;
        }
    }
    let errors = number(count(checked, Severity::Error), "error");
    let warnings = number(count(checked, Severity::Warning), "warning");
    text.push_str(&format!("{}: {errors}, {warnings}", number(checked.len(), "database")));
    if count(checked, Severity::Note) > 0 {
        text.push_str(&format!(", {}", number(count(checked, Severity::Note), "note")));
    }
    text
}

/// `--format json`: one document, always every key.
#[derive(Serialize)]
struct Document<'a> {
    databases: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    status: &'static str,
    live: &'static str,
    policy_version: Option<&'a str>,
    findings: Vec<FindingEntry<'a>>,
}

#[derive(Serialize)]
struct FindingEntry<'a> {
    severity: &'static str,
    code: &'static str,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    end: Option<End>,
    policy: Option<&'a str>,
    relation: Option<String>,
    /// The relation's column.
    relation_column: Option<&'a str>,
    message: String,
    hint: Option<String>,
    statements: &'a [String],
}

/// The first character after the place.
#[derive(Serialize)]
struct End {
    line: usize,
    column: usize,
}

impl<'a> From<&'a [Checked]> for Document<'a> {
    fn from(checked: &'a [Checked]) -> Self {
        let databases = checked.iter().map(|one| Entry {
            id: &one.id,
            status: one.status.name(),
            live: one.live.name(),
            policy_version: one.policy_version.as_deref(),
            findings: one.findings.iter().map(FindingEntry::from).collect(),
        });
        Self { databases: databases.collect() }
    }
}

impl<'a> From<&'a Finding> for FindingEntry<'a> {
    fn from(finding: &'a Finding) -> Self {
        let problem = finding.problem();
        let (start, end) = diagnostic::place(problem);
        Self {
            severity: finding.severity().name(),
            code: finding.matter.code(),
            file: problem.map(|problem| problem.file.as_str()),
            line: start.map(|start| start.line),
            column: start.map(|start| start.column),
            end: end.map(|Position { line, column }| End { line, column }),
            policy: problem.and_then(|problem| problem.policy.as_deref()),
            relation: finding.relation.as_ref().map(ToString::to_string),
            relation_column: finding.column.as_ref().map(crate::catalog::ColumnName::as_str),
            message: finding.matter.to_string(),
            hint: finding.matter.hint().map(std::borrow::Cow::into_owned),
            statements: finding.matter.statements(),
        }
    }
}
