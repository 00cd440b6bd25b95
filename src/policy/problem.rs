//! Why a folder is not served: every problem in it, each with its place and what to change.

use std::fmt;

use crate::catalog::{CatalogError, ColumnName, RelationName};
use crate::identity::{InvalidDatabaseId, TenantIdType};

use super::check::Construct;
use super::place::Place;
use super::settings::SettingsError;
use super::source::MAX_POLICY_BYTES;

/// Why a folder is not served; every problem found, not only the first. Displayed as one line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    problems: Vec<Problem>,
}

impl LoadError {
    /// `problems` must not be empty; they are put in the order of files and lines.
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        let key =
            |problem: &Problem| (problem.file.clone(), problem.place.as_ref().map(Place::start));
        problems.sort_by_cached_key(key);
        Self { problems }
    }

    /// The problems, in the order of files and lines; at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// One problem, in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's path, as the folder was named.
    pub file: String,
    /// Where in the file, where it is known.
    pub place: Option<Place>,
    /// The policy's `@id`, where the problem is in a policy that has one.
    pub policy: Option<String>,
    /// What is wrong.
    pub reason: Reason,
    /// What to change, where Cedar says it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem somewhere in a file.
    pub(super) fn in_file(file: impl Into<String>, reason: Reason) -> Self {
        Self { file: file.into(), place: None, policy: None, reason, help: None }
    }

    /// A problem in this place.
    pub(super) fn at(place: Place, reason: Reason) -> Self {
        let file = place.path().to_owned();
        Self { file, place: Some(place), policy: None, reason, help: None }
    }

    /// The line, from 1, where it is known.
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.start().line)
    }

    /// What to change, where that is known.
    pub fn hint(&self) -> Option<String> {
        self.reason.hint().or_else(|| self.help.clone())
    }

    /// The file, with line and column where they are known.
    pub fn location(&self) -> String {
        self.place.as_ref().map_or_else(|| self.file.clone(), Place::to_string)
    }

    /// The problem as one line, without its place in the files and without its hint.
    pub fn sentence(&self) -> String {
        // A reason that quotes a parser may have line breaks.
        let reason = self.reason.to_string();
        let reason = reason.split_whitespace().collect::<Vec<&str>>().join(" ");
        match &self.policy {
            Some(policy) => format!("policy `{policy}`: {reason}"),
            None => reason,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location(), self.sentence())?;
        match self.hint() {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// What is wrong in a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The folder's name cannot be a database id.
    #[error(transparent)]
    DatabaseId(InvalidDatabaseId),
    /// The folder or a file of it cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// `database.toml` is not valid.
    #[error(transparent)]
    Settings(SettingsError),
    /// `catalog.toml` is not valid.
    #[error(transparent)]
    Catalog(CatalogError),
    /// The catalog lists nothing, so there is nothing to read.
    #[error("the catalog lists no relations")]
    NoRelations,
    /// An entity type that Cedar does not take as a name.
    #[error("relation `{relation}` has entity type `{entity_type}`, which Cedar does not allow")]
    EntityType {
        /// The relation.
        relation: RelationName,
        /// The name that it was given.
        entity_type: String,
    },
    /// Cedar refuses the schema derived from the catalog.
    #[error("the schema derived from the catalog is not valid: {0}")]
    Schema(String),
    /// A filter column that no relation has.
    #[error("no relation has the column `{column}` that `{setting}` names")]
    FilterColumnMissing {
        /// `tenant_filter_column` or `scope_filter_column`.
        setting: &'static str,
        /// The column.
        column: String,
    },
    /// A filter column whose type cannot equal the ids it is compared with.
    #[error(
        "`{setting}` names column `{column}`, which has type `{found}` in relation `{relation}` and cannot hold {ids}"
    )]
    FilterColumnType {
        /// `tenant_filter_column` or `scope_filter_column`.
        setting: &'static str,
        /// The relation.
        relation: RelationName,
        /// The column.
        column: ColumnName,
        /// The column's type.
        found: &'static str,
        /// What it would have to hold.
        ids: String,
    },
    /// A setting says of a relation what cannot be.
    #[error("`{setting}` names `{relation}`, {why}")]
    Declaration {
        /// `shared_relations`, `unscoped_relations`, `tenant_columns` or `scope_columns`.
        setting: &'static str,
        /// As it is written there.
        relation: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A scope column is set and nothing filters by it.
    #[error("`scope_filter_column` is set, but no policy reads `principal.scope`")]
    ScopeUnused,
    /// A policy so long that reading it could exhaust the stack.
    #[error("a policy is longer than {MAX_POLICY_BYTES} bytes")]
    TooLong,
    /// Not Cedar.
    #[error("{0}")]
    Syntax(String),
    /// A policy without `@id`.
    #[error("a policy has no `@id`")]
    MissingId,
    /// Two policies of one `@id`.
    #[error("the `@id` is taken by the policy at {first}")]
    DuplicateId {
        /// File and line of the first policy.
        first: String,
    },
    /// A policy with slots.
    #[error("a template is not a policy: nothing links it")]
    Template,
    /// Cedar's strict validation against the derived schema.
    #[error("{0}")]
    Invalid(String),
    /// A column that may be NULL, read where `has` does not say that it is there.
    #[error("{0}")]
    Unguarded(String),
    /// What a caller may lack, its scope or a claim, read where `has` does not say that it is there.
    #[error("{0}")]
    UnguardedClaim(String),
    /// A policy that no row of any relation can satisfy.
    #[error("no row of any relation can satisfy the policy")]
    Impossible,
    /// Text that does not read as it is evaluated.
    #[error("{0}")]
    Deceptive(String),
    /// A column of `context.columns` that no relation has which the policy applies to.
    #[error(
        "`context.columns` is asked for `{column}`, which no relation has that the policy applies to"
    )]
    NoSuchColumn {
        /// The name.
        column: ColumnName,
        /// A column that reads alike.
        near: Option<ColumnName>,
    },
    /// An annotation that takes part in what a policy grants, and cannot be upheld.
    #[error("the policy has `@{name}`, {why}")]
    Annotation {
        /// As it is written.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A permit that masks by `hash` where nothing says with which key.
    #[error("the policy masks with `hash`, which needs a key")]
    NoMaskKey,
    /// A policy whose condition is true of no row, whoever asks.
    #[error("the policy is satisfied by no row of any relation, whoever asks")]
    Dead,
    /// A permit that could be left out.
    #[error("the permit `{by}` permits every row that this one does")]
    Shadowed {
        /// The wider permit's `@id`.
        by: String,
    },
    /// A permit whose mask another permit makes nothing.
    #[error("the permit `{by}` permits every row that this one does, and masks nothing")]
    MaskVoid {
        /// The other permit's `@id`.
        by: String,
    },
    /// A forbid that could be left out.
    #[error("no policy permits a row that the forbid could apply to")]
    Unmatched,
    /// A construct that has no exact filter.
    #[error("`{shown}` {construct}, which cannot be expressed exactly as a filter")]
    Inexpressible {
        /// The construct as Cedar prints it.
        shown: String,
        /// What it is.
        construct: Construct,
    },
}

impl Reason {
    /// Whether the folder is served all the same.
    pub fn is_warning(&self) -> bool {
        match self {
            Self::Dead | Self::Shadowed { .. } | Self::MaskVoid { .. } | Self::Unmatched => true,
            Self::DatabaseId(_)
            | Self::Unreadable(_)
            | Self::Settings(_)
            | Self::Catalog(_)
            | Self::NoRelations
            | Self::EntityType { .. }
            | Self::Schema(_)
            | Self::FilterColumnMissing { .. }
            | Self::FilterColumnType { .. }
            | Self::Declaration { .. }
            | Self::ScopeUnused
            | Self::TooLong
            | Self::Syntax(_)
            | Self::MissingId
            | Self::DuplicateId { .. }
            | Self::Template
            | Self::Invalid(_)
            | Self::Unguarded(_)
            | Self::UnguardedClaim(_)
            | Self::Impossible
            | Self::Deceptive(_)
            | Self::NoSuchColumn { .. }
            | Self::Annotation { .. }
            | Self::NoMaskKey
            | Self::Inexpressible { .. } => false,
        }
    }

    /// A name that does not change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DatabaseId(_) => "invalid_database_id",
            Self::Unreadable(_) => "unreadable",
            Self::Settings(_) => "invalid_settings",
            Self::Catalog(_) => "invalid_catalog",
            Self::NoRelations => "no_relations",
            Self::EntityType { .. } => "invalid_entity_type",
            Self::Schema(_) => "invalid_schema",
            Self::FilterColumnMissing { setting, .. } => match *setting {
                "tenant_filter_column" => "tenant_column_missing",
                _ => "scope_column_missing",
            },
            Self::FilterColumnType { setting, .. } => match *setting {
                "tenant_filter_column" => "tenant_column_type",
                _ => "scope_column_type",
            },
            Self::Declaration { .. } => "relation_declaration",
            Self::ScopeUnused => "scope_unused",
            Self::TooLong => "policy_too_long",
            Self::Syntax(_) => "policy_syntax",
            Self::MissingId => "policy_without_id",
            Self::DuplicateId { .. } => "policy_id_taken",
            Self::Template => "policy_template",
            Self::Invalid(_) => "policy_invalid",
            Self::Unguarded(_) | Self::UnguardedClaim(_) => "policy_unguarded_null",
            Self::Impossible => "policy_impossible",
            Self::Deceptive(_) => "policy_deceptive",
            Self::NoSuchColumn { .. } => "policy_unknown_column",
            Self::Annotation { .. } => "policy_annotation",
            Self::NoMaskKey => "mask_key_missing",
            Self::Dead => "policy_dead",
            Self::Shadowed { .. } => "policy_shadowed",
            Self::MaskVoid { .. } => "policy_mask_void",
            Self::Unmatched => "policy_unmatched",
            Self::Inexpressible { .. } => "policy_inexpressible",
        }
    }

    /// What to change, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::DatabaseId(_)
            | Self::Unreadable(_)
            | Self::Settings(_)
            | Self::Catalog(_)
            | Self::Schema(_)
            | Self::Syntax(_)
            | Self::Invalid(_) => None,
            Self::Declaration { .. } => {
                Some("a relation is named as in catalog.toml, `schema.name` outside of the default schema".to_owned())
            }
            Self::NoRelations => Some("run `dialektai pull`".to_owned()),
            Self::EntityType { .. } => {
                Some("set `entity_type` to ASCII letters, digits and `_`".to_owned())
            }
            Self::FilterColumnMissing { .. } => {
                Some("the name is compared in the database's own spelling".to_owned())
            }
            Self::FilterColumnType { setting, .. } => Some(match *setting {
                "tenant_filter_column" => {
                    format!("`tenant_id_type` is one of {}", tenant_id_types())
                }
                _ => "scopes are strings".to_owned(),
            }),
            Self::ScopeUnused => Some(
                "add a `forbid` that compares `principal.scope`, or remove the setting".to_owned(),
            ),
            Self::TooLong => Some("write several policies, or one `contains` for many `==`".to_owned()),
            Self::MissingId => Some("write `@id(\"a-unique-name\")` before it".to_owned()),
            Self::DuplicateId { .. } => Some("give each policy a name of its own".to_owned()),
            Self::Template => Some("write `principal` and `resource` without slots".to_owned()),
            Self::Unguarded(_) => Some(
                "a NULL is an absent attribute: write `resource has c && ..` or `if resource has c then .. else ..`"
                    .to_owned(),
            ),
            Self::UnguardedClaim(_) => Some(
                "a caller may be without it: write `principal has c && ..` or `if principal has c then .. else ..`"
                    .to_owned(),
            ),
            Self::Impossible => Some(
                "a name may be misspelt: `has` is false of a column that does not exist"
                    .to_owned(),
            ),
            Self::Deceptive(_) => Some("write the characters as `\\u{..}` escapes".to_owned()),
            Self::NoSuchColumn { near: Some(near), .. } => Some(format!("write `{near}`")),
            Self::NoSuchColumn { near: None, .. } => {
                Some("columns are written as in catalog.toml".to_owned())
            }
            Self::Annotation { .. } => {
                Some("a permit masks by `@mask(\"null\") @columns(\"a, b\")`".to_owned())
            }
            Self::NoMaskKey => Some(
                "write `mask_key = \"env:NAME\"` in `database.toml`: the name of the environment variable that holds it"
                    .to_owned(),
            ),
            Self::Dead => Some("correct its condition, or remove it".to_owned()),
            Self::Shadowed { by } => Some(format!("remove it, or narrow `{by}`")),
            Self::MaskVoid { by } => Some(format!("permits add up: narrow `{by}`, or mask there too")),
            Self::Unmatched => {
                Some("nothing is permitted without a permit: remove it, or add the permit".to_owned())
            }
            Self::Inexpressible { construct, .. } => Some(construct.hint().to_owned()),
        }
    }
}

fn tenant_id_types() -> String {
    let names = [TenantIdType::Integer, TenantIdType::Uuid, TenantIdType::String]
        .map(|id_type| format!("`{}`", id_type.name()));
    names.join(", ")
}
