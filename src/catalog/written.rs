//! A `catalog.toml` as it is written: what it says, where it says so, and everything that is wrong with it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::{
    Catalog, CatalogError, Column, ColumnName, ForeignKey, PRINCIPAL_TYPE, Relation, RelationKind,
    RelationName, entity_type_for,
};

/// What the TOML parser says, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TomlError {
    /// The sentence.
    pub message: String,
    /// The bytes of the text that it is about.
    pub bytes: Option<Range<usize>>,
}

impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<&toml::de::Error> for TomlError {
    fn from(error: &toml::de::Error) -> Self {
        Self { message: error.message().to_owned(), bytes: error.span() }
    }
}

/// An error and the bytes of the text that it is about.
pub(crate) struct Misplaced {
    pub(crate) error: CatalogError,
    pub(crate) bytes: Option<Range<usize>>,
}

/// A catalog, and where its parts are in the text.
pub(crate) struct Written {
    pub(crate) catalog: Catalog,
    relations: HashMap<RelationName, Range<usize>>,
    columns: HashMap<(RelationName, ColumnName), Range<usize>>,
}

impl Written {
    /// The name of a relation.
    pub(crate) fn relation(&self, relation: &RelationName) -> Option<Range<usize>> {
        self.relations.get(relation).cloned()
    }

    /// The entry of a column, or the relation's name where there is no such column.
    pub(crate) fn column(
        &self,
        relation: &RelationName,
        column: &ColumnName,
    ) -> Option<Range<usize>> {
        let entry = self.columns.get(&(relation.clone(), column.clone())).cloned();
        entry.or_else(|| self.relation(relation))
    }
}

/// Reads the text of a `catalog.toml`.
pub(crate) fn read(text: &str) -> Result<Written, Vec<Misplaced>> {
    let raw: RawCatalog = toml::from_str(text).map_err(|error| {
        let error = TomlError::from(&error);
        vec![Misplaced { bytes: error.bytes.clone(), error: CatalogError::Toml(error) }]
    })?;
    let default_schema = raw.default_schema;
    let catalog = Catalog { relations: Vec::new(), default_schema, functions: Arc::default() };
    let mut written = Written { catalog, relations: HashMap::new(), columns: HashMap::new() };
    let mut errors = Vec::new();
    let mut entity_types = BTreeSet::from([PRINCIPAL_TYPE.to_owned()]);
    for relation in raw.relation {
        let bytes = relation.name.span();
        let name = relation.qualified(&written.catalog.default_schema);
        relation.check(&name, &mut errors);
        for column in &relation.columns {
            let place = (name.clone(), column.get_ref().name.clone());
            written.columns.insert(place, column.span());
        }
        let mut report = |error| errors.push(Misplaced { error, bytes: Some(bytes.clone()) });
        let relation = relation.resolve(name.clone(), &written.catalog.default_schema);
        if written.relations.insert(name.clone(), bytes.clone()).is_some() {
            report(CatalogError::DuplicateRelation(name));
        } else if !entity_types.insert(relation.entity_type.clone()) {
            let entity_type = relation.entity_type.clone();
            report(CatalogError::DuplicateEntityType { relation: name, entity_type });
        }
        written.catalog.relations.push(relation);
    }
    if errors.is_empty() { Ok(written) } else { Err(errors) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalog {
    default_schema: String,
    #[serde(default)]
    relation: Vec<RawRelation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRelation {
    name: Spanned<String>,
    schema: Option<String>,
    #[serde(default)]
    kind: RelationKind,
    entity_type: Option<String>,
    columns: Vec<Spanned<Column>>,
    #[serde(default)]
    primary_key: Vec<ColumnName>,
    #[serde(default)]
    unique: Vec<Vec<ColumnName>>,
    #[serde(default)]
    foreign_keys: Vec<ForeignKey>,
}

impl RawRelation {
    fn qualified(&self, default_schema: &str) -> RelationName {
        let schema = self.schema.clone().unwrap_or_else(|| default_schema.to_owned());
        RelationName { schema, name: self.name.get_ref().clone() }
    }

    fn check(&self, name: &RelationName, errors: &mut Vec<Misplaced>) {
        let mut report = |error, bytes| errors.push(Misplaced { error, bytes: Some(bytes) });
        let relation = || name.clone();
        let mut columns = BTreeSet::new();
        for column in &self.columns {
            let own = &column.get_ref().name;
            if !columns.insert(own) {
                let error =
                    CatalogError::DuplicateColumn { relation: relation(), column: own.clone() };
                report(error, column.span());
            }
        }
        if columns.is_empty() {
            report(CatalogError::NoColumns(relation()), self.name.span());
            return;
        }
        let foreign = self.foreign_keys.iter().flat_map(|key| &key.columns);
        for column in self.primary_key.iter().chain(self.unique.iter().flatten()).chain(foreign) {
            if !columns.contains(column) {
                let (relation, column) = (relation(), column.clone());
                report(CatalogError::UnknownKeyColumn { relation, column }, self.name.span());
            }
        }
    }

    fn resolve(self, name: RelationName, default_schema: &str) -> Relation {
        let entity_type =
            self.entity_type.unwrap_or_else(|| entity_type_for(&name, default_schema));
        Relation {
            entity_type,
            kind: self.kind,
            columns: self.columns.into_iter().map(Spanned::into_inner).collect(),
            primary_key: self.primary_key,
            unique: self.unique,
            foreign_keys: self.foreign_keys,
            name,
        }
    }
}
