//! Policies in files: one folder a database, loaded and validated as a whole, evaluated partially for a principal.
//!
//! [`Database::load`] reads `database.toml`, `catalog.toml` and every `*.cedar` file of a folder, and refuses the
//! folder if any of it cannot be upheld exactly. [`Database::predicates_for`] gives the row filters of one principal.

pub mod settings;
pub mod schema;
pub mod generate;

use std::path::Path;
use std::sync::Arc;

use crate::catalog::{Catalog, RelationName};
use crate::identity::{DatabaseId, Principal};
use crate::predicate::{PredicateSet, Row};
use settings::Settings;

/// One database, loaded from its folder: settings, catalog and policies that fit each other.
pub struct Database {
    /// The folder's name.
    pub id: DatabaseId,
    /// `database.toml`.
    pub settings: Settings,
    /// `catalog.toml`.
    pub catalog: Catalog,
}

/// The texts of a folder, by file name; what [`Database::load`] reads and tests build by hand.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The text of `database.toml`.
    pub settings: String,
    /// The text of `catalog.toml`.
    pub catalog: String,
    /// File name and text of every `*.cedar`, in the order of the names.
    pub policies: Vec<(String, String)>,
}

impl Database {
    /// Reads and checks a folder. Its name is the database id.
    pub fn load(_folder: &Path) -> Result<Self, LoadError> {
        unimplemented!()
    }

    /// Checks texts that are already read.
    pub fn from_sources(_id: DatabaseId, _sources: &Sources) -> Result<Self, LoadError> {
        unimplemented!()
    }

    /// A hash of settings, catalog and policies: names exactly what decided an answer.
    pub fn version(&self) -> &str {
        unimplemented!()
    }

    /// The row filters of one principal for the action `read`; cached by principal.
    pub fn predicates_for(&self, _principal: &Principal) -> Result<Arc<PredicateSet>, Unsupported> {
        unimplemented!()
    }

    /// Cedar's own verdict on one row: the oracle that filters are tested against. `key` is the row's primary key as
    /// text, the id of its entity.
    pub fn is_authorized(
        &self,
        _principal: &Principal,
        _relation: &RelationName,
        _key: &str,
        _row: &Row,
    ) -> bool {
        unimplemented!()
    }

    /// Whether a scope id filters rows here; otherwise it is only recorded.
    pub fn scope_filters(&self) -> bool {
        unimplemented!()
    }
}

/// Why a folder is not served; every problem found, not only the first.
#[derive(Debug, thiserror::Error)]
#[error("")]
pub struct LoadError;

/// Lowering's answer to a residual that it cannot express exactly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy `{policy}` uses {construct}, which cannot be expressed exactly as a filter")]
pub struct Unsupported {
    /// The policy's `@id`.
    pub policy: String,
    /// What it uses.
    pub construct: String,
}
