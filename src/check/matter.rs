//! Everything that a check can find: its code, what it means, and what to change.

use std::borrow::Cow;

use super::Severity;
use crate::catalog::{Column, ColumnName, ColumnType, RelationKind};
use crate::engine::{EngineError, Misfit, Power};
use crate::policy::Problem;
use crate::policy::problem::Reason;

/// What is amiss.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Matter {
    /// The folder does not load.
    #[error("{}", .0.sentence())]
    Folder(Box<Problem>),
    /// A secret stands in a file that is meant for version control.
    #[error("`url` in `database.toml` holds a password")]
    PasswordInUrl,
    /// Functions that no list holds, and that the guard knows by the operator's word only.
    #[error("queries may call {}, added in `database.toml`", .names.join(", "))]
    AddedFunctions {
        /// By schema and name; a promise to be total stands with it.
        names: Vec<String>,
    },
    /// Relations of which nobody may read a row.
    #[error("no policy permits rows of {}", .relations.join(", "))]
    Denied {
        /// Their names.
        relations: Vec<String>,
    },
    /// The database did not answer, or its address cannot be used.
    #[error(transparent)]
    Unreachable(EngineError),
    /// Unqualified names mean another schema.
    #[error("the default schema is `{live}`, and `catalog.toml` says `{listed}`")]
    DefaultSchema {
        /// In `catalog.toml`.
        listed: String,
        /// In the database.
        live: String,
    },
    /// A listed relation is not there.
    #[error("the relation is not in the database")]
    RelationGone,
    /// A relation is there and not listed.
    #[error("the relation is not in `catalog.toml`, so it does not exist for queries")]
    RelationNew,
    /// A table became a view, or the other way.
    #[error("the relation is a {}, and `catalog.toml` says {}", live.name(), listed.name())]
    Kind {
        /// In `catalog.toml`.
        listed: RelationKind,
        /// In the database.
        live: RelationKind,
    },
    /// A listed column is not there.
    #[error("the column is not in the database")]
    ColumnGone,
    /// A column is there and not listed.
    #[error("the column is not in `catalog.toml`, so it does not exist for queries")]
    ColumnNew,
    /// A column changed its type.
    #[error("the column has type `{}`, and `catalog.toml` says `{}`", live.name(), listed.name())]
    ColumnType {
        /// In `catalog.toml`.
        listed: ColumnType,
        /// In the database.
        live: ColumnType,
    },
    /// A column is declared otherwise, and of the same type for policies.
    #[error("the column is declared `{live}`, and `catalog.toml` says {}", declared(listed))]
    DeclaredType {
        /// In `catalog.toml`.
        listed: String,
        /// In the database.
        live: String,
        /// Whether filters are written by it: more than a length has changed, on an engine whose texts differ by it.
        relied_on: bool,
    },
    /// A column that could hold NULL cannot any more, or the other way: the attribute is then required, not optional.
    #[error("{}", nullability(*nullable))]
    Nullability {
        /// Whether the database's column may hold NULL.
        nullable: bool,
        /// Whether policies can read the column.
        attribute: bool,
    },
    /// Strings of a column are compared otherwise.
    #[error(
        "the column is compared {}, and `catalog.toml` says {}",
        collated(live.as_ref()),
        collated(listed.as_ref())
    )]
    Collation {
        /// In `catalog.toml`; none compares byte by byte.
        listed: Option<String>,
        /// In the database.
        live: Option<String>,
    },
    /// The columns stand in another order, which is the order of `*`.
    #[error("the columns stand in another order than in `catalog.toml`, which is that of `*`")]
    ColumnOrder,
    /// Rows have other names.
    #[error("the primary key is {}, and `catalog.toml` says {}", key(live), key(listed))]
    PrimaryKey {
        /// In `catalog.toml`.
        listed: Vec<ColumnName>,
        /// In the database.
        live: Vec<ColumnName>,
    },
    /// The unique keys differ.
    #[error("the unique keys differ from those in `catalog.toml`")]
    UniqueKeys,
    /// The foreign keys differ.
    #[error("the foreign keys differ from those in `catalog.toml`")]
    ForeignKeys,
    /// The live column that a setting names is nowhere, or cannot hold the ids.
    #[error("in the database, {0}")]
    FilterColumn(Box<Reason>),
    /// UUIDs in a column that keeps any spelling of them.
    #[error(
        "tenants are UUIDs and the column is text: only the lower-case form with hyphens matches"
    )]
    UuidAsText,
    /// Each query of a tenant reads the rows of all.
    #[error("no index starts with the tenant column")]
    NoIndex {
        /// The statement that makes one.
        statement: String,
    },
    /// Rules look rows up by this column, and each look reads all of them.
    #[error("no index begins with the column, by which rules find related rows")]
    NoKeyIndex {
        /// The statement that makes one.
        statement: String,
    },
    /// Whether there is an index on the tenant column cannot be seen.
    #[error("the role may not list indexes, so nobody looked for one on the tenant column")]
    IndexesUnseen,
    /// Documents do not have what the catalog says of a field that filters read.
    #[error("{count} of {documents} documents {}", misfit.describe(listed))]
    Documents {
        /// How many.
        count: u64,
        /// Of how many.
        documents: u64,
        /// What they have instead.
        misfit: Misfit,
        /// The column, as `catalog.toml` has it.
        listed: Box<Column>,
    },
    /// Counting took too long, or the role may not read all of it.
    #[error("the documents that filters leave out could not be counted")]
    NotCounted,
    /// The role may do more than read.
    #[error("the role `{role}` {}", power.describe())]
    Role {
        /// The role's name.
        role: String,
        /// What it may do.
        power: Power,
        /// Statements that make a role which may do no more than it must.
        grants: Vec<String>,
    },
}

impl Matter {
    /// A name that does not change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Folder(problem) => problem.reason.code(),
            Self::PasswordInUrl => "password_in_url",
            Self::Unreachable(error) => match error {
                EngineError::Url(_) => "unusable_url",
                EngineError::Unsupported(_) => "unsupported_engine",
                EngineError::Unavailable
                | EngineError::MaskKey(_)
                | EngineError::Login
                | EngineError::Tls
                | EngineError::Full
                | EngineError::Busy
                | EngineError::Failed
                | EngineError::Timeout
                | EngineError::Memory => error.code(),
            },
            Self::AddedFunctions { .. } => "added_functions",
            Self::Denied { .. } => "relations_denied",
            Self::DefaultSchema { .. } => "default_schema_changed",
            Self::RelationGone => "relation_gone",
            Self::RelationNew => "relation_new",
            Self::Kind { .. } => "kind_changed",
            Self::ColumnGone => "column_gone",
            Self::ColumnNew => "column_new",
            Self::ColumnType { .. } => "type_changed",
            Self::DeclaredType { .. } => "declared_type_changed",
            Self::Nullability { .. } => "nullability_changed",
            Self::Collation { .. } => "collation_changed",
            Self::ColumnOrder => "column_order_changed",
            Self::PrimaryKey { .. } => "primary_key_changed",
            Self::UniqueKeys => "unique_keys_changed",
            Self::ForeignKeys => "foreign_keys_changed",
            Self::FilterColumn(reason) => reason.code(),
            Self::UuidAsText => "tenant_uuid_as_text",
            Self::NoIndex { .. } => "tenant_index_missing",
            Self::NoKeyIndex { .. } => "key_index_missing",
            Self::IndexesUnseen => "tenant_index_unseen",
            Self::Documents { misfit, .. } => match misfit {
                Misfit::Missing => "documents_missing",
                Misfit::Null => "documents_null",
                Misfit::Array => "documents_array",
                Misfit::Elements => "documents_elements",
                Misfit::Type(_) => "documents_type",
            },
            Self::NotCounted => "documents_not_counted",
            Self::Role { power, .. } => match power {
                Power::Superuser => "role_superuser",
                Power::BypassRowSecurity => "role_bypasses_row_security",
                Power::Files => "role_files",
                Power::Grants => "role_grants",
                Power::Creates => "role_creates",
                Power::ReadsElsewhere => "role_reads_elsewhere",
                Power::Writes(_) => "role_writes",
            },
        }
    }

    /// An error where policies or the guard rely on what is amiss.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Folder(problem) if problem.reason.is_warning() => Severity::Warning,
            Self::Folder(_)
            | Self::Unreachable(_)
            | Self::DefaultSchema { .. }
            | Self::RelationGone
            | Self::ColumnGone
            | Self::ColumnType { .. }
            | Self::DeclaredType { relied_on: true, .. }
            | Self::Nullability { attribute: true, .. }
            | Self::Collation { .. }
            | Self::PrimaryKey { .. }
            | Self::FilterColumn(_) => Severity::Error,
            Self::AddedFunctions { .. }
            | Self::Denied { .. }
            | Self::IndexesUnseen
            | Self::NotCounted => Severity::Note,
            Self::PasswordInUrl
            | Self::RelationNew
            | Self::Kind { .. }
            | Self::ColumnNew
            | Self::DeclaredType { relied_on: false, .. }
            | Self::Nullability { attribute: false, .. }
            | Self::ColumnOrder
            | Self::UniqueKeys
            | Self::ForeignKeys
            | Self::UuidAsText
            | Self::NoIndex { .. }
            | Self::NoKeyIndex { .. }
            | Self::Documents { .. }
            | Self::Role { .. } => Severity::Warning,
        }
    }

    /// What to change, where that is known.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        const PULL: &str =
            "run `dialektai pull` and read what it changes, or change the database back";
        Some(match self {
            Self::Folder(problem) => return problem.hint().map(Cow::Owned),
            Self::PasswordInUrl => {
                "write `url = \"env:NAME\"`, put the URL into that environment variable, and change the password if the file was shared".into()
            }
            Self::Unreachable(error) => return unreachable_hint(*error).map(Cow::Borrowed),
            Self::AddedFunctions { .. } => {
                "the guard does not look into them: they must read no table, or give every tenant the rows of all; see `docs/security.md`".into()
            }
            Self::DefaultSchema { .. } => {
                "`url` may name another database than the one that was pulled; otherwise run `dialektai pull`".into()
            }
            Self::Denied { .. } => {
                "permit what is to be read; what no policy mentions is denied".into()
            }
            Self::RelationGone => {
                "run `dialektai pull`; if the relation is there, the role may not read it".into()
            }
            Self::RelationNew | Self::ColumnNew => {
                "run `dialektai pull` to let policies decide about it".into()
            }
            Self::Kind { .. } => {
                "run `dialektai pull`; a view has rules of its own, those of the tables beneath do not reach it".into()
            }
            Self::Nullability { nullable: true, .. } => {
                "run `dialektai pull`, and ask `resource has c` before `resource.c` in policies".into()
            }
            Self::ColumnGone
            | Self::ColumnType { .. }
            | Self::DeclaredType { .. }
            | Self::Nullability { nullable: false, .. }
            | Self::Collation { .. }
            | Self::ColumnOrder
            | Self::PrimaryKey { .. }
            | Self::UniqueKeys
            | Self::ForeignKeys => PULL.into(),
            Self::FilterColumn(reason) => return reason.hint().map(Cow::Owned),
            Self::UuidAsText => "give the column the type for UUIDs of its engine".into(),
            Self::NoIndex { .. } | Self::NoKeyIndex { .. } => "create one".into(),
            Self::IndexesUnseen => "look for it as one who may `listIndexes`".into(),
            Self::Documents { .. } => {
                "correct the documents, or say in `catalog.toml` what they have; until then filters leave them out".into()
            }
            Self::NotCounted => "where there are too many for the time, ask a copy of the data".into(),
            Self::Role { .. } => "use a role that may only read".into(),
        })
    }

    /// Statements for the operator to run, after reading them.
    pub fn statements(&self) -> &[String] {
        match self {
            Self::NoIndex { statement } | Self::NoKeyIndex { statement } => {
                std::slice::from_ref(statement)
            }
            Self::Role { grants, .. } => grants,
            Self::Folder(_)
            | Self::PasswordInUrl
            | Self::AddedFunctions { .. }
            | Self::Denied { .. }
            | Self::Unreachable(_)
            | Self::DefaultSchema { .. }
            | Self::RelationGone
            | Self::RelationNew
            | Self::Kind { .. }
            | Self::ColumnGone
            | Self::ColumnNew
            | Self::ColumnType { .. }
            | Self::DeclaredType { .. }
            | Self::Nullability { .. }
            | Self::Collation { .. }
            | Self::ColumnOrder
            | Self::PrimaryKey { .. }
            | Self::UniqueKeys
            | Self::ForeignKeys
            | Self::FilterColumn(_)
            | Self::UuidAsText
            | Self::IndexesUnseen
            | Self::Documents { .. }
            | Self::NotCounted => &[],
        }
    }
}

fn unreachable_hint(error: EngineError) -> Option<&'static str> {
    match error {
        EngineError::Unavailable | EngineError::Timeout => {
            Some("look at `url`, at the network and at the server's log")
        }
        EngineError::Url(_) => Some("look at `url` in `database.toml`"),
        EngineError::MaskKey(_) => Some(
            "put a secret of 32 bytes or more into the environment variable that `mask_key` names",
        ),
        EngineError::Unsupported(_) => None,
        EngineError::Login => Some("look at user, password and database of `url`"),
        EngineError::Tls => Some("look at what `url` and the server say about encryption"),
        EngineError::Full => Some("free room on the server, or allow it more connections"),
        EngineError::Busy => Some("try again when fewer queries run"),
        EngineError::Failed | EngineError::Memory => {
            Some("the role must be able to read the server's own catalogue; see the log")
        }
    }
}

impl Misfit {
    /// What the documents do, beside what the catalog says.
    fn describe(&self, listed: &Column) -> String {
        let array = if listed.array { "an array of " } else { "" };
        let listed = format!("and `catalog.toml` says {array}`{}`", listed.column_type.name());
        match self {
            Self::Missing => "lack the field".to_owned(),
            Self::Null => "have null in it".to_owned(),
            Self::Array => format!("have an array in it, {listed}"),
            Self::Elements => format!("have other elements in its array, {listed}"),
            Self::Type(name) => format!("have a value of BSON type `{name}` in it, {listed}"),
        }
    }
}

fn declared(listed: &str) -> String {
    if listed.is_empty() { "nothing".to_owned() } else { format!("`{listed}`") }
}

fn nullability(nullable: bool) -> &'static str {
    if nullable {
        "the column may hold NULL, and `catalog.toml` says that it may not"
    } else {
        "the column may not hold NULL, and `catalog.toml` says that it may"
    }
}

fn collated(collation: Option<&String>) -> String {
    match collation {
        Some(name) => format!("under `{name}`"),
        None => "byte by byte".to_owned(),
    }
}

fn key(columns: &[ColumnName]) -> String {
    if columns.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    names.join(", ")
}
