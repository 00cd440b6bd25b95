//! The columns that do not exist for a principal, and the catalog as a principal knows it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, ColumnName, RelationName};

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
                relation.columns.retain(|column| !hidden.contains(&column.name));
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
