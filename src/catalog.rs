//! What one database holds: relations, columns, types, nullability, collation and keys.
//!
//! Written by `dialektai pull` as `catalog.toml`, read by everything else. What is not in the catalog does not
//! exist: the guard refuses it, and no policy can permit it.

mod added;
mod documents;
mod remarks;
mod types;
mod write;
mod written;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use added::AddedFunction;
#[cfg(feature = "server")]
pub(crate) use documents::{MAX_PATH, is_collection, is_field};
pub(crate) use documents::{ancestors, check as check_documents};
pub use remarks::Remarks;
#[cfg(feature = "server")]
pub(crate) use remarks::keep_documents;
pub use types::{CedarType, ColumnType};
pub use written::TomlError;
pub(crate) use written::{Misplaced, Written, read};

/// The name of a column, in the database's own spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColumnName(String);

impl ColumnName {
    /// A name in the database's own spelling.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text, unquoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a relation: its schema and its own name, in the database's own spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationName {
    /// `main` on SQLite, `public` and others on PostgreSQL.
    pub schema: String,
    /// The name inside the schema.
    pub name: String,
}

impl fmt::Display for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// In the database's own spelling.
    pub name: ColumnName,
    /// What the guard takes it for.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// The type as the database declares it, for readers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub declared: String,
    /// Whether it may hold NULL: exactly the optional attributes of the Cedar schema.
    pub nullable: bool,
    /// A collation under which unequal strings may compare equal, on PostgreSQL any but the database's own; absent where
    /// comparison is byte by byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// Whether it holds an array of such values; on MongoDB only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub array: bool,
}

impl Column {
    /// The Cedar type that stands for the column in the derived schema; `None` for arrays, and for what is kept out of
    /// policies.
    pub fn cedar(&self) -> Option<CedarType> {
        if self.array { None } else { self.column_type.cedar() }
    }

    /// Of an array that is a set in the derived schema, the Cedar type of its elements.
    pub fn elements(&self) -> Option<CedarType> {
        if self.array { self.column_type.cedar() } else { None }
    }

    /// Whether it is a document whose fields are columns.
    pub fn is_document(&self) -> bool {
        self.column_type == ColumnType::Document && !self.array
    }

    /// Whether policies can ask for the column: it is an attribute of the derived schema.
    pub fn is_attribute(&self) -> bool {
        self.column_type.cedar().is_some() || self.is_document()
    }
}

/// A foreign key: `columns` of this relation name one row of `references`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    /// The referring columns.
    pub columns: Vec<ColumnName>,
    /// The relation referred to, `schema.name` where it is not in the default schema.
    pub references: String,
    /// The columns referred to, in the same order.
    pub referenced_columns: Vec<ColumnName>,
    /// The attribute that leads to the row referred to, where its author named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the database upholds the key for every row: whoever is not sure leaves it out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enforced: bool,
}

/// What kind of relation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelationKind {
    /// A table.
    #[default]
    Table,
    /// A view: it has rules of its own, since the rules of the tables beneath do not reach it.
    View,
}

impl RelationKind {
    /// The word that `catalog.toml` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
        }
    }
}

/// One table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Schema and name.
    pub name: RelationName,
    /// Table or view.
    pub kind: RelationKind,
    /// The entity type that stands for it in policies.
    pub entity_type: String,
    /// In the order of the table, which is the order of `SELECT *`.
    pub columns: Vec<Column>,
    /// Empty where there is none.
    pub primary_key: Vec<ColumnName>,
    /// Further unique keys.
    pub unique: Vec<Vec<ColumnName>>,
    /// To other relations.
    pub foreign_keys: Vec<ForeignKey>,
}

impl Relation {
    /// The column of exactly this name.
    pub fn column(&self, name: &ColumnName) -> Option<&Column> {
        self.columns.iter().find(|column| &column.name == name)
    }
}

/// All relations of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// The schema of unqualified names: `main`, `public`.
    pub default_schema: String,
    /// In the order of the file.
    pub relations: Vec<Relation>,
    /// What `database.toml` adds to the functions that a query may call; never of `catalog.toml`.
    pub functions: Arc<[AddedFunction]>,
}

/// The entity type of callers in the derived Cedar schema; no relation may take it.
pub const PRINCIPAL_TYPE: &str = "Principal";

impl Catalog {
    /// Reads the text of a `catalog.toml`. Of several errors, the first is told.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let first = |errors: Vec<Misplaced>| errors.into_iter().next().map(|found| found.error);
        read(text).map(|written| written.catalog).map_err(|errors| {
            first(errors).unwrap_or_else(|| CatalogError::Toml(TomlError::default()))
        })
    }

    /// The relation of exactly this name.
    pub fn relation(&self, name: &RelationName) -> Option<&Relation> {
        self.relations.iter().find(|relation| &relation.name == name)
    }
}

/// The entity type that stands for a relation: its name where Cedar allows that name, otherwise the nearest
/// identifier. Relations of other schemas are prefixed, so that `sales.orders` is `sales_orders`.
pub fn entity_type_for(name: &RelationName, default_schema: &str) -> String {
    const RESERVED: [&str; 21] = [
        "true",
        "false",
        "if",
        "then",
        "else",
        "in",
        "is",
        "like",
        "has",
        "__cedar",
        "Action",
        "Bool",
        "Boolean",
        "Entity",
        "Extension",
        "Long",
        "Record",
        "Set",
        "String",
        "datetime",
        PRINCIPAL_TYPE,
    ];
    let mut text = if name.schema == default_schema {
        name.name.clone()
    } else {
        format!("{}_{}", name.schema, name.name)
    };
    text = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if text.starts_with(|c: char| c.is_ascii_digit()) || RESERVED.contains(&text.as_str()) {
        text.insert(0, '_');
    }
    text
}

/// A `catalog.toml` that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Not TOML, or not of the catalog's form.
    #[error("cannot read the catalog: {0}")]
    Toml(TomlError),
    /// Two entries of one name.
    #[error("relation `{0}` is listed twice")]
    DuplicateRelation(RelationName),
    /// Two columns of one name, which no query could tell apart.
    #[error("relation `{relation}` lists column `{column}` twice")]
    DuplicateColumn {
        /// The relation.
        relation: RelationName,
        /// The column.
        column: ColumnName,
    },
    /// A relation without columns.
    #[error("relation `{0}` has no columns")]
    NoColumns(RelationName),
    /// A key names a column that is not listed.
    #[error("a key of relation `{relation}` names column `{column}`, which is not listed")]
    UnknownKeyColumn {
        /// The relation.
        relation: RelationName,
        /// The column.
        column: ColumnName,
    },
    /// A column or relation that a database of this engine cannot have, or that the guard cannot filter there.
    #[error("relation `{relation}` {why}")]
    NotOfEngine {
        /// The relation.
        relation: RelationName,
        /// What is wrong with it.
        why: String,
    },
    /// Two relations would share an entity type.
    #[error(
        "relation `{relation}` has entity type `{entity_type}`, which is taken: give it an `entity_type` of its own"
    )]
    DuplicateEntityType {
        /// The relation.
        relation: RelationName,
        /// The type.
        entity_type: String,
    },
}

#[cfg(test)]
mod tests;
