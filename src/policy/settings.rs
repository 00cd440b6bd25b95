//! `database.toml`: what the operator sets for one database.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::functions::{self, FunctionProblem, RawFunction};
use super::schema::is_identifier;
use crate::catalog::{AddedFunction, TomlError};
use crate::identity::{ClaimType, TenantIdType};

/// A database system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// SQLite, embedded.
    Sqlite,
    /// PostgreSQL.
    Postgresql,
    /// MySQL or MariaDB.
    Mysql,
    /// Microsoft SQL Server.
    Sqlserver,
    /// MongoDB.
    Mongodb,
}

impl EngineKind {
    /// The word that `database.toml` and answers use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgresql => "postgresql",
            Self::Mysql => "mysql",
            Self::Sqlserver => "sqlserver",
            Self::Mongodb => "mongodb",
        }
    }
}

/// Bounds on one query's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Rows of one answer; further rows are dropped and the answer says `truncated`.
    pub rows: usize,
    /// Bytes of one answer's values; as `rows`.
    pub bytes: usize,
    /// Time for one query, after which it is stopped and fails.
    pub milliseconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 1_000, bytes: 4 * 1024 * 1024, milliseconds: 5_000 }
    }
}

impl Limits {
    /// The time for one query.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }
}

/// The text of a `database.toml`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The database system.
    pub engine: EngineKind,
    /// Where it is: `sqlite:PATH`, a server's URL, or `env:NAME` for the variable that holds it.
    pub url: String,
    /// `env:NAME`, the variable that holds the secret of [`Mask::Hash`](crate::predicate::Mask::Hash).
    pub mask_key: Option<String>,
    /// Whether every request must name a tenant.
    pub requires_organization_scoping: bool,
    /// The column that holds the tenant; present exactly when scoping is required.
    pub tenant_filter_column: Option<String>,
    /// How tenants are named.
    pub tenant_id_type: TenantIdType,
    /// The column that holds the scope.
    pub scope_filter_column: Option<String>,
    /// Relations that every tenant reads alike, by name; with their schema where it is not the default one.
    pub shared_relations: Vec<String>,
    /// Relations whose rows have no scope: a caller with one reads them as a caller without.
    pub unscoped_relations: Vec<String>,
    /// By relation, the column that holds the tenant where it is not `tenant_filter_column`; that of a related row by its
    /// path, `task.customer_id`.
    pub tenant_columns: BTreeMap<String, String>,
    /// What else may be known of a caller: attributes of the principal, each of them optional.
    pub claims: BTreeMap<String, ClaimType>,
    /// By relation, the column that holds the scope where it is not `scope_filter_column`.
    pub scope_columns: BTreeMap<String, String>,
    /// Bounds on one answer.
    pub limits: Limits,
    /// Functions of the database's own that queries may call.
    pub functions: Vec<AddedFunction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    engine: EngineKind,
    url: String,
    mask_key: Option<String>,
    // Absent means required: forgetting the line must not open the database.
    #[serde(default = "required")]
    requires_organization_scoping: bool,
    tenant_filter_column: Option<String>,
    #[serde(default)]
    tenant_id_type: TenantIdType,
    scope_filter_column: Option<String>,
    #[serde(default)]
    shared_relations: Vec<String>,
    #[serde(default)]
    unscoped_relations: Vec<String>,
    #[serde(default)]
    tenant_columns: BTreeMap<String, String>,
    #[serde(default)]
    claims: BTreeMap<String, ClaimType>,
    #[serde(default)]
    scope_columns: BTreeMap<String, String>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    functions: Vec<RawFunction>,
}

fn required() -> bool {
    true
}

impl Settings {
    /// Reads the text of a `database.toml`. Of several errors, the first is told.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        Self::read(text).map_err(|errors| {
            let first = errors.into_iter().next();
            first.unwrap_or_else(|| SettingsError::Toml(TomlError::default()))
        })
    }

    /// As [`Self::parse`], with every error.
    pub(super) fn read(text: &str) -> Result<Self, Vec<SettingsError>> {
        let raw: RawSettings = toml::from_str(text)
            .map_err(|error| vec![SettingsError::Toml(TomlError::from(&error))])?;
        let mut errors = Vec::new();
        if raw.requires_organization_scoping && raw.tenant_filter_column.is_none() {
            errors.push(SettingsError::NoTenantColumn);
        }
        if !raw.requires_organization_scoping && raw.tenant_filter_column.is_some() {
            errors.push(SettingsError::TenantColumnUnused);
        }
        let columns = [&raw.tenant_filter_column, &raw.scope_filter_column];
        if columns.into_iter().flatten().any(String::is_empty) {
            errors.push(SettingsError::EmptyColumn);
        }
        let variable = |key: &str| key.strip_prefix("env:").is_some_and(|name| !name.is_empty());
        if raw.mask_key.as_deref().is_some_and(|key| !variable(key)) {
            errors.push(SettingsError::MaskKey);
        }
        let Limits { rows, bytes, milliseconds } = raw.limits;
        if rows == 0 || bytes == 0 || milliseconds == 0 {
            errors.push(SettingsError::ZeroLimit);
        }
        errors.extend(check_claims(&raw.claims).err());
        let functions = functions::check(raw.functions, raw.engine).unwrap_or_else(|error| {
            let (name, problem) = error;
            errors.push(SettingsError::Function { name, problem });
            Vec::new()
        });
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            engine: raw.engine,
            url: raw.url,
            mask_key: raw.mask_key,
            requires_organization_scoping: raw.requires_organization_scoping,
            tenant_filter_column: raw.tenant_filter_column,
            tenant_id_type: raw.tenant_id_type,
            scope_filter_column: raw.scope_filter_column,
            shared_relations: raw.shared_relations,
            unscoped_relations: raw.unscoped_relations,
            tenant_columns: raw.tenant_columns,
            claims: raw.claims,
            scope_columns: raw.scope_columns,
            limits: raw.limits,
            functions,
        })
    }
}

/// The most claims that a database may declare.
const MAX_CLAIMS: usize = 32;

/// That each claim can be an attribute of the principal beside those that it has anyway.
fn check_claims(claims: &BTreeMap<String, ClaimType>) -> Result<(), SettingsError> {
    let unusable = |name: &&String| {
        name.len() > 64 || !is_identifier(name) || ["tenant", "scope"].contains(&name.as_str())
    };
    match claims.keys().find(unusable) {
        Some(name) => Err(SettingsError::ClaimName(name.clone())),
        None if claims.len() > MAX_CLAIMS => Err(SettingsError::TooManyClaims),
        None => Ok(()),
    }
}

/// A `database.toml` that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML, or not of the file's form.
    #[error("cannot read the settings: {0}")]
    Toml(TomlError),
    /// Scoping is on and nothing says by which column.
    #[error("`requires_organization_scoping` is on, so `tenant_filter_column` must name a column")]
    NoTenantColumn,
    /// Scoping is off, so the column would silently not filter.
    #[error(
        "`tenant_filter_column` has no effect while `requires_organization_scoping` is off: remove one of them"
    )]
    TenantColumnUnused,
    /// A column named "".
    #[error("`tenant_filter_column` and `scope_filter_column` must not be empty")]
    EmptyColumn,
    /// A secret in the file, or nothing. What was written there is not told.
    #[error("`mask_key` must be `env:NAME`, and the secret in that environment variable")]
    MaskKey,
    /// A claim that cannot be written in a policy as `principal.name`, or that the principal has already.
    #[error(
        "`[claims]`: `{0}` must be an identifier of Cedar's of up to 64 letters, digits and `_`, other than `tenant` and `scope`"
    )]
    ClaimName(String),
    /// More claims than a caller could name.
    #[error("`[claims]` declares more than {MAX_CLAIMS} claims")]
    TooManyClaims,
    /// A limit of nothing would refuse every answer.
    #[error("`limits` must be greater than zero")]
    ZeroLimit,
    /// An entry of `[[functions]]` that cannot be upheld.
    #[error("the function `{name}`: {problem}")]
    Function {
        /// As it is written.
        name: String,
        /// What is wrong with it.
        problem: FunctionProblem,
    },
}
