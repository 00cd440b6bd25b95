//! One row as policies see it.

use std::collections::{BTreeMap, BTreeSet};

use super::Value;
use crate::catalog::ColumnName;

/// The values of one row that policies can read, by column; a column that is NULL is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    values: BTreeMap<ColumnName, Value>,
    /// The elements of arrays, in which neither order nor number matters.
    sets: BTreeMap<ColumnName, BTreeSet<Value>>,
    /// The rows that its foreign keys name, by the names of the attributes.
    parents: BTreeMap<String, Parent>,
}

/// A related row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its primary key as text, the id of its entity.
    pub key: String,
    /// Its values, and its own parents as far as policies go.
    pub row: Row,
}

impl Row {
    /// A row in which every column is NULL.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a column a value.
    pub fn insert(&mut self, column: ColumnName, value: Value) {
        self.values.insert(column, value);
    }

    /// Gives an array its elements.
    pub fn insert_set(&mut self, column: ColumnName, elements: impl IntoIterator<Item = Value>) {
        self.sets.insert(column, elements.into_iter().collect());
    }

    /// Gives the row a parent. One that is not given is missing.
    pub fn insert_parent(&mut self, name: impl Into<String>, parent: Parent) {
        self.parents.insert(name.into(), parent);
    }

    /// The row that the key of this name leads to.
    pub fn parent(&self, name: &str) -> Option<&Parent> {
        self.parents.get(name)
    }

    /// The related rows, by the names of their attributes.
    pub fn parents(&self) -> impl Iterator<Item = (&str, &Parent)> {
        self.parents.iter().map(|(name, parent)| (name.as_str(), parent))
    }

    /// The value of a column that is no array.
    pub fn get(&self, column: &ColumnName) -> Option<&Value> {
        self.values.get(column)
    }

    /// The elements of an array.
    pub fn set(&self, column: &ColumnName) -> Option<&BTreeSet<Value>> {
        self.sets.get(column)
    }

    /// Whether a column is there: it is not NULL.
    pub fn contains_key(&self, column: &ColumnName) -> bool {
        self.values.contains_key(column) || self.sets.contains_key(column)
    }

    /// The columns that are there.
    pub fn keys(&self) -> impl Iterator<Item = &ColumnName> {
        self.values.keys().chain(self.sets.keys())
    }
}

impl FromIterator<(ColumnName, Value)> for Row {
    fn from_iter<I: IntoIterator<Item = (ColumnName, Value)>>(values: I) -> Self {
        Self { values: values.into_iter().collect(), ..Self::default() }
    }
}

impl<const N: usize> From<[(ColumnName, Value); N]> for Row {
    fn from(values: [(ColumnName, Value); N]) -> Self {
        values.into_iter().collect()
    }
}
