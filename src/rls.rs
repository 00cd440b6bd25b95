//! Native row-level security: the policies once more, as the database itself can enforce them.
//!
//! A second line for other clients of the same database, and for whoever wants two. A policy that looks at the principal
//! in a way that has no exact form there is refused, and its relation shows no row.

mod postgresql;
mod sqlserver;

use crate::catalog::{Relation, RelationKind};
use crate::guard::sql::native::{Read, Setting};
use crate::policy::Database;
use crate::policy::settings::EngineKind;
use crate::policy::symbolic::{Attribute, Form, SymbolicRule};

/// A script to review and run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The whole of it.
    pub text: String,
    /// Why a relation shows no row that some policy permits; each also stands in the script.
    pub refused: Vec<String>,
}

/// A database without native row-level security.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{}` databases have no row-level security of their own", .0.name())]
pub struct NoNative(pub EngineKind);

/// The script that makes native policies of a database's own.
///
/// # Errors
///
/// An engine that has no row-level security.
pub fn script(database: &Database) -> Result<Script, NoNative> {
    match database.settings.engine {
        EngineKind::Postgresql => Ok(postgresql::script(database)),
        EngineKind::Sqlserver => Ok(sqlserver::script(database)),
        kind @ (EngineKind::Sqlite | EngineKind::Mysql | EngineKind::Mongodb) => {
            Err(NoNative(kind))
        }
    }
}

/// The settings that stand for the principal, by their names on PostgreSQL or SQL Server.
fn settings(database: &Database, names: [&'static str; 2]) -> Vec<Setting> {
    let [tenant, scope] = names;
    let setting = |symbol: crate::policy::symbolic::Symbol| Setting {
        name: match symbol.attribute {
            Attribute::Tenant => tenant,
            Attribute::Scope => scope,
        },
        read: match symbol.form {
            Form::Integer => Read::Integer,
            Form::Text => Read::Text,
            Form::Uuid => Read::Uuid,
        },
        column: symbol.column.name,
        constant: symbol.constant,
    };
    database.symbols().into_iter().map(setting).collect()
}

/// What the rules say of one relation.
enum Rules {
    /// As they are; none where no row is visible.
    Exact(Vec<SymbolicRule>),
    /// Not expressed, for this reason.
    Refused(String),
}

fn rules(database: &Database, relation: &Relation) -> Rules {
    match (relation.kind, database.symbolic_rules(relation)) {
        (RelationKind::View, Ok(rules)) if !rules.is_empty() => Rules::Refused(
            "it is a view, which native policies do not reach: revoke SELECT on it".to_owned(),
        ),
        (RelationKind::View | RelationKind::Table, Ok(rules)) => Rules::Exact(rules),
        (RelationKind::View | RelationKind::Table, Err(error)) => Rules::Refused(error.to_string()),
    }
}

/// A text that stays on the line of its comment.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
