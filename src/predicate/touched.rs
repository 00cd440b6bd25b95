//! The columns that are hidden on some rows: a query that touches one reads the other rows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::catalog::{ColumnName, RelationName};

use super::kept::Kept;
use super::{PredicateSet, RowFilter};

/// For columns of each relation that has such, the rows that touching one leaves.
pub(super) type Touched = BTreeMap<RelationName, BTreeMap<ColumnName, RowFilter>>;

impl PredicateSet {
    /// Leaves to queries that touch a column these rows of those that others see.
    pub(crate) fn leave(
        &mut self,
        relation: RelationName,
        columns: BTreeMap<ColumnName, RowFilter>,
    ) {
        if !columns.is_empty() {
            self.columns.touched.insert(relation, columns);
            // It was made of other filters.
            self.kept = Kept::default();
        }
    }

    /// The columns of a relation that are hidden on some rows, each with the rows that touching it leaves.
    pub fn touched_of(&self, relation: &RelationName) -> Option<&BTreeMap<ColumnName, RowFilter>> {
        self.columns.touched.get(relation)
    }

    /// The filter for an occurrence of a relation that touches these columns.
    // INVARIANT (no widening): each column takes rows away, so touching more never shows more.
    pub fn filter_touching<'c>(
        &self,
        relation: &RelationName,
        columns: impl IntoIterator<Item = &'c ColumnName>,
    ) -> Cow<'_, RowFilter> {
        let filter = self.filter_for(relation);
        let Some(touched) = self.touched_of(relation) else { return Cow::Borrowed(filter) };
        let left = columns.into_iter().filter_map(|column| touched.get(column));
        Cow::Owned(left.fold(filter.clone(), |filter, left| filter.and(left.clone())))
    }
}
