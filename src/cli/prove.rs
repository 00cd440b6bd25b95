//! `dialektai prove`: what a solver says of the policies, for people and for CI. Needs no live database.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::example::{self, ExampleEntry, number};
use super::output::{self, Failed};
use super::{Format, check, load};
use crate::catalog::ColumnName;
use crate::identity::{Claims, DatabaseId, Principal};
use crate::policy::Database;
use crate::prove::{self, Answer, Claim, Example, Finding};
use crate::service;

#[derive(Args)]
pub(super) struct ProveArgs {
    /// The folders' names; without one, every folder.
    #[arg(value_name = "DATABASE")]
    databases: Vec<DatabaseId>,
    /// How the answers are written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// Fails unless everything is proved.
    #[arg(long)]
    require: bool,
    /// Also proves of callers' filters that they keep the rows that the policies allow: of this caller, or of some that
    /// stand for others.
    #[arg(long)]
    certificates: bool,
    /// The tenant whose filters are proved.
    #[arg(long, value_name = "TENANT", requires = "certificates")]
    tenant: Option<String>,
    /// The scope inside the tenant.
    #[arg(long, value_name = "SCOPE", requires = "certificates")]
    scope: Option<String>,
    /// The seconds that the solver has for each question.
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
}

struct Proved<'a> {
    database: &'a Database,
    findings: Vec<Finding>,
}

pub(super) fn run(policies: &Path, args: ProveArgs) -> Result<(), Failed> {
    let ids = if args.databases.is_empty() { every(policies)? } else { args.databases };
    let loaded: Result<Vec<Database>, Failed> =
        ids.iter().map(|id| load(policies, id).map(|(database, _)| database)).collect();
    let loaded = loaded?;
    let databases: Vec<&Database> = loaded.iter().collect();
    let limit = Duration::from_secs(args.timeout);
    let mut findings = prove::prove(&databases, limit)?;
    if args.certificates {
        for (database, findings) in databases.iter().zip(&mut findings) {
            let (tenant, scope) = (args.tenant.as_deref(), args.scope.as_deref());
            let principals = if tenant.is_none() && scope.is_none() {
                prove::representatives(database)
            } else {
                vec![service::identify(&database.settings, tenant, scope, None)?]
            };
            findings.extend(prove::certify(database, &principals, limit)?);
        }
    }
    let proved: Vec<Proved> = databases
        .into_iter()
        .zip(findings)
        .map(|(database, findings)| Proved { database, findings })
        .collect();
    match args.format {
        Format::Text => output::line(&as_text(&proved))?,
        Format::Json => output::json(&Document::from(proved.as_slice()))?,
    }
    verdict(&proved, args.require)
}

fn every(policies: &Path) -> Result<Vec<DatabaseId>, Failed> {
    let folders = check::all(policies)?;
    let parsed = folders.into_keys().map(|name| {
        name.parse()
            .map_err(|_| Failed::new("invalid_policies", format!("`{name}` is no database id")))
    });
    parsed.collect()
}

fn verdict(proved: &[Proved<'_>], require: bool) -> Result<(), Failed> {
    let with = |word| {
        proved.iter().flat_map(|one| &one.findings).filter(|found| word_of(found) == word).count()
    };
    let (leaks, failing, hidden, open) =
        (with("LEAK"), with("MAY FAIL"), with("NOT SHARED"), with("NOT PROVED"));
    let filters = with("WRONG FILTER");
    if filters > 0 {
        return Err(Failed::new("wrong_filter", number(filters, "filter")));
    }
    if leaks > 0 {
        return Err(Failed::new("leak", number(leaks, "relation")));
    }
    if failing > 0 || (require && hidden > 0) {
        return Err(Failed::new("refuted", number(failing + hidden, "claim")));
    }
    if require && open > 0 {
        return Err(Failed::not_proved(number(open, "claim")));
    }
    Ok(())
}

/// The answer in a word or two.
fn word_of(finding: &Finding) -> &'static str {
    match (&finding.answer, &finding.claim) {
        (Answer::Proved, _) => "PROVED",
        (Answer::NotProved(_), _) => "NOT PROVED",
        (Answer::Refuted(_), Claim::Isolated) => "LEAK",
        (Answer::Refuted(_), Claim::NeverFails(_)) => "MAY FAIL",
        (Answer::Refuted(_), Claim::Shared) => "NOT SHARED",
        (Answer::Refuted(_), Claim::Filter { .. } | Claim::Column { .. }) => "WRONG FILTER",
    }
}

fn claimed(claim: &Claim) -> String {
    match claim {
        Claim::Isolated => "whatever a caller reads is its own".to_owned(),
        Claim::NeverFails(policy) => format!("policy `{policy}` never fails"),
        Claim::Shared => "every caller reads every row".to_owned(),
        Claim::Filter { principal, touched } => {
            let columns: Vec<String> = touched.iter().map(|column| format!("`{column}`")).collect();
            let touching = match columns.as_slice() {
                [] => String::new(),
                columns => format!(", touching {},", columns.join(" and ")),
            };
            let caller = example::named(principal);
            format!("the filter of {caller}{touching} keeps the rows that the policies allow")
        }
        Claim::Column { principal, column } => {
            let caller = example::named(principal);
            format!("`{column}` shows {caller} its values and masks as the policies say")
        }
    }
}

fn hint(finding: &Finding) -> Option<&'static str> {
    match (&finding.answer, &finding.claim) {
        (Answer::Refuted(_), Claim::Isolated) if finding.undeclared => Some(
            "if it is meant for every tenant, name it in `shared_relations`; if another column holds the tenant, in `[tenant_columns]`",
        ),
        (Answer::Refuted(_), Claim::Filter { .. } | Claim::Column { .. }) => Some(
            "the filter says otherwise of this row: that is a defect of dialektai, not of the policies",
        ),
        (Answer::Refuted(_), Claim::NeverFails(_)) => {
            Some("a permit that fails permits nothing, a forbid that fails denies")
        }
        (Answer::Refuted(_), Claim::Isolated | Claim::Shared)
        | (
            Answer::Proved | Answer::NotProved(_),
            Claim::Isolated
            | Claim::NeverFails(_)
            | Claim::Shared
            | Claim::Filter { .. }
            | Claim::Column { .. },
        ) => None,
    }
}

fn as_text(proved: &[Proved<'_>]) -> String {
    let mut text = String::new();
    for Proved { database, findings } in proved {
        text.push_str(&format!("{}\n", database.id));
        for finding in findings {
            // Of these there are many, and they are counted below.
            let counted = match finding.claim {
                Claim::NeverFails(_) | Claim::Filter { .. } | Claim::Column { .. } => true,
                Claim::Isolated | Claim::Shared => false,
            };
            if counted && matches!(finding.answer, Answer::Proved) {
                continue;
            }
            let (word, claim) = (word_of(finding), claimed(&finding.claim));
            text.push_str(&format!("  {word} {}: {claim}", finding.relation));
            match &finding.answer {
                Answer::Proved => text.push('\n'),
                Answer::NotProved(reason) => text.push_str(&format!("; {reason}\n")),
                Answer::Refuted(example) => text.push_str(&format!("\n{}", shown(example))),
            }
            if let Some(hint) = hint(finding) {
                text.push_str(&format!("    hint: {hint}\n"));
            }
        }
    }
    let words = ["PROVED", "LEAK", "MAY FAIL", "NOT SHARED", "WRONG FILTER", "NOT PROVED"];
    let words = words.into_iter().filter(|word| certified(proved) || *word != "WRONG FILTER");
    let words: Vec<&str> = words.collect();
    let found = proved.iter().flat_map(|one| &one.findings).map(word_of);
    text.push_str(&example::counts(&words, &found.collect::<Vec<_>>()));
    text
}

/// Whether filters were looked at.
fn certified(proved: &[Proved<'_>]) -> bool {
    let mut all = proved.iter().flat_map(|one| &one.findings);
    all.any(|finding| matches!(finding.claim, Claim::Filter { .. } | Claim::Column { .. }))
}

fn shown(example: &Example) -> String {
    let verdict = example.verdict.clone().unwrap_or_default();
    let read = if verdict.allowed { "may read" } else { "may not read" };
    format!(
        "    caller: {}\n    {read} {}\n{}{}",
        example::caller(example),
        example::row(example),
        example::by("decided by", &verdict.deciding),
        example::by("failed", &verdict.failed),
    )
}

/// `--format json`: one document, always every key.
#[derive(Serialize)]
struct Document<'a> {
    databases: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    policy_version: &'a str,
    findings: Vec<FindingEntry>,
}

#[derive(Serialize)]
struct FindingEntry {
    relation: String,
    claim: &'static str,
    policy: Option<String>,
    /// Whose masks it is about.
    column: Option<String>,
    /// Of a filter, or of masks.
    caller: Option<CallerEntry>,
    answer: &'static str,
    reason: Option<String>,
    example: Option<ExampleEntry>,
    hint: Option<&'static str>,
}

/// Whose filter it is, for a query that touches these columns.
#[derive(Serialize)]
struct CallerEntry {
    tenant: Option<String>,
    scope: Option<String>,
    claims: Claims,
    touched: Vec<String>,
}

impl CallerEntry {
    fn new(principal: &Principal, touched: &[ColumnName]) -> Self {
        Self {
            tenant: principal.tenant.as_ref().map(ToString::to_string),
            scope: principal.scope.as_ref().map(|scope| scope.as_str().to_owned()),
            claims: principal.claims.clone(),
            touched: touched.iter().map(ToString::to_string).collect(),
        }
    }
}

impl<'a> From<&'a [Proved<'a>]> for Document<'a> {
    fn from(proved: &'a [Proved<'a>]) -> Self {
        let databases = proved.iter().map(|Proved { database, findings }| Entry {
            id: database.id.as_str(),
            policy_version: database.version(),
            findings: findings.iter().map(FindingEntry::from).collect(),
        });
        Self { databases: databases.collect() }
    }
}

impl From<&Finding> for FindingEntry {
    fn from(finding: &Finding) -> Self {
        let (claim, policy) = match &finding.claim {
            Claim::Isolated => ("isolated", None),
            Claim::NeverFails(policy) => ("never_fails", Some(policy.clone())),
            Claim::Shared => ("shared", None),
            Claim::Filter { .. } => ("filter", None),
            Claim::Column { .. } => ("column", None),
        };
        let (caller, column) = match &finding.claim {
            Claim::Filter { principal, touched } => {
                (Some(CallerEntry::new(principal, touched)), None)
            }
            Claim::Column { principal, column } => {
                let touched = std::slice::from_ref(column);
                (Some(CallerEntry::new(principal, touched)), Some(column.to_string()))
            }
            Claim::Isolated | Claim::NeverFails(_) | Claim::Shared => (None, None),
        };
        let (answer, reason, example) = match &finding.answer {
            Answer::Proved => ("proved", None, None),
            Answer::NotProved(reason) => ("not_proved", Some(reason.to_string()), None),
            Answer::Refuted(example) => ("refuted", None, Some(ExampleEntry::from(&**example))),
        };
        let relation = finding.relation.to_string();
        let hint = hint(finding);
        Self { relation, claim, policy, column, caller, answer, reason, example, hint }
    }
}
