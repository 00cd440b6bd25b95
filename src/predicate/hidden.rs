//! The columns that do not exist for a principal, and the catalog as a principal knows it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Column, ColumnName, ColumnType, Relation, RelationName, ancestors};

use super::PredicateSet;
use super::kept::Kept;
use super::masks::Masks;
use super::touched::Touched;

/// The hidden columns of each relation that has some.
pub(super) type Hidden = BTreeMap<RelationName, BTreeSet<ColumnName>>;

/// What a principal sees of columns otherwise than their values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Columns {
    pub(super) hidden: Hidden,
    pub(super) masks: Masks,
    pub(super) touched: Touched,
}

impl PredicateSet {
    /// Hides columns of a relation, beside those that are hidden already.
    pub(crate) fn hide(&mut self, relation: RelationName, columns: BTreeSet<ColumnName>) {
        if !columns.is_empty() {
            self.columns.hidden.entry(relation).or_default().extend(columns);
            // It was made of other filters.
            self.kept = Kept::default();
        }
    }

    /// The columns of a relation that do not exist for this principal, where there are some.
    pub fn hidden_of(&self, relation: &RelationName) -> Option<&BTreeSet<ColumnName>> {
        self.columns.hidden.get(relation)
    }

    /// Whether any column is hidden, on all rows or on some, or masked.
    pub fn hides(&self) -> bool {
        !self.columns.hidden.is_empty()
            || !self.columns.masks.is_empty()
            || !self.columns.touched.is_empty()
    }

    /// The catalog as this principal may know it: every relation, without its hidden columns. A masked column may be NULL
    /// and is no part of a key. For the names of queries, never for filters, which may read what is hidden.
    pub fn visible<'c>(&self, catalog: &'c Catalog) -> Cow<'c, Catalog> {
        if !self.hides() {
            return Cow::Borrowed(catalog);
        }
        let mut visible = catalog.clone();
        for relation in &mut visible.relations {
            if let Some(hidden) = self.columns.hidden.get(&relation.name) {
                let gone = gone(relation, hidden);
                relation.columns.retain(|column| !gone.contains(&column.name));
            }
            let Some(masks) = self.columns.masks.get(&relation.name) else { continue };
            for column in &mut relation.columns {
                column.nullable |= masks.contains_key(&column.name);
            }
            let masked = |key: &[ColumnName]| key.iter().any(|column| masks.contains_key(column));
            if masked(&relation.primary_key) {
                relation.primary_key.clear();
            }
            relation.unique.retain(|key| !masked(key));
            relation.foreign_keys.retain(|key| !masked(&key.columns));
        }
        Cow::Owned(visible)
    }
}

/// Every column that is gone with the hidden ones: what is in a hidden document, and a document of whose fields none is
/// left.
pub(crate) fn gone(relation: &Relation, hidden: &BTreeSet<ColumnName>) -> BTreeSet<ColumnName> {
    // Only a document has anything inside: on SQL a name is a name, dots and all.
    let is_document = |column: &&Column| column.column_type == ColumnType::Document;
    let inside = |path: &Column, document: &Column| {
        ancestors(path.name.as_str()).any(|above| above == document.name.as_str())
    };
    let documents = || relation.columns.iter().filter(is_document);
    let hidden_above = |column: &Column| {
        documents().any(|above| hidden.contains(&above.name) && inside(column, above))
    };
    let of_its_own = |column: &&Column| hidden.contains(&column.name) || hidden_above(column);
    let mut gone: BTreeSet<ColumnName> =
        relation.columns.iter().filter(of_its_own).map(|column| column.name.clone()).collect();
    let emptied: Vec<ColumnName> = documents()
        .filter(|document| {
            let own = relation.columns.iter().filter(|column| !is_document(column));
            let mut own = own.filter(|column| inside(column, document)).peekable();
            own.peek().is_some() && own.all(|column| gone.contains(&column.name))
        })
        .map(|document| document.name.clone())
        .collect();
    gone.extend(emptied);
    gone
}
