//! What is amiss between a folder, the live database that it describes, and the role that reads it.
//!
//! Comparison only: what is compared has been read by `policy` and `engine`. A finding holds names of the schema and
//! words of the folder, never a value of a row, a password or a driver's text.

mod documents;
mod drift;
mod filters;
mod matter;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::catalog::{Column, ColumnName, Relation, RelationName};
use crate::engine::{Census, EngineError, Introspected};
use crate::policy::settings::Settings;
use crate::policy::{Database, Idle, LoadError, Problem};
pub use matter::Matter;

/// What a finding means for the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The database is not served.
    Error,
    /// It is served, and somebody should look.
    Warning,
    /// It is as the operator wants it, and weighs enough to be said each time.
    Note,
}

impl Severity {
    /// The word as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that is amiss, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The relation, where it is about one.
    pub relation: Option<RelationName>,
    /// The column, where it is about one.
    pub column: Option<ColumnName>,
    /// What is amiss.
    pub matter: Matter,
}

impl Finding {
    fn of_database(matter: Matter) -> Self {
        Self { relation: None, column: None, matter }
    }

    fn of_relation(relation: &RelationName, matter: Matter) -> Self {
        Self { relation: Some(relation.clone()), column: None, matter }
    }

    fn of_column(relation: &RelationName, column: &ColumnName, matter: Matter) -> Self {
        Self { relation: Some(relation.clone()), column: Some(column.clone()), matter }
    }

    /// Whether the database may be served all the same.
    pub fn severity(&self) -> Severity {
        self.matter.severity()
    }

    /// The problem in the folder's files, where it is one.
    pub fn problem(&self) -> Option<&Problem> {
        if let Matter::Folder(problem) = &self.matter { Some(problem) } else { None }
    }

    /// The relation, with the column where there is one; or the file, with the line; `None` where it is the database.
    pub fn place(&self) -> Option<String> {
        match (&self.relation, &self.column) {
            (Some(relation), Some(column)) => Some(format!("{relation}.{column}")),
            (Some(relation), None) => Some(relation.to_string()),
            (None, _) => self.problem().map(Problem::location),
        }
    }
}

/// The finding as one line, without its hint.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] ", self.severity().name(), self.matter.code())?;
        if let Some(place) = self.place() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.matter)
    }
}

/// Whether a database with these findings is refused.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity() == Severity::Error)
}

/// Every problem of a folder that does not load.
pub fn folder(error: &LoadError) -> Vec<Finding> {
    let problems = error.problems().iter();
    problems
        .map(|problem| Finding::of_database(Matter::Folder(Box::new(problem.clone()))))
        .collect()
}

/// What can be said without the live database.
pub fn settings(settings: &Settings) -> Vec<Finding> {
    settings::check(settings)
}

/// Policies that could be left out, and relations that nobody may read.
pub fn idle(database: &Database) -> Vec<Finding> {
    let Idle { policies, denied } = database.idle();
    let idle = policies.into_iter().map(|problem| Matter::Folder(Box::new(problem)));
    let relations: Vec<String> = denied.iter().map(|name| format!("`{name}`")).collect();
    let denied = (!relations.is_empty()).then_some(Matter::Denied { relations });
    idle.chain(denied).map(Finding::of_database).collect()
}

/// That the live database could not be looked at.
pub fn unreachable(error: EngineError) -> Finding {
    Finding::of_database(Matter::Unreachable(error))
}

/// The columns of a relation whose documents are to be counted, where every document may have what it likes.
pub fn counted<'a>(database: &'a Database, relation: &'a Relation) -> Vec<&'a Column> {
    documents::counted(database, relation)
}

/// What counting the documents of a relation says about the folder.
pub fn census(
    settings: &Settings,
    relation: &Relation,
    census: Result<Census, EngineError>,
) -> Vec<Finding> {
    documents::check(settings, relation, census)
}

/// What the live database says about the folder: errors first, otherwise in the order of the catalog.
pub fn live(database: &Database, live: &Introspected) -> Vec<Finding> {
    let mut findings = drift::check(database.settings.engine, &database.catalog, &live.catalog);
    findings.retain(|finding| !documents::is_unseen(database, finding));
    findings.extend(filters::check(&database.settings, &database.catalog, live));
    findings.extend(filters::keys(database, live));
    if let Some(role) = &live.role {
        findings.extend(role.powers.iter().map(|power| {
            Finding::of_database(Matter::Role {
                role: role.name.clone(),
                power: power.clone(),
                grants: role.grants.clone(),
            })
        }));
    }
    findings.sort_by_key(Finding::severity);
    findings
}
