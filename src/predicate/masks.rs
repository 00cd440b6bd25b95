//! The columns of which a principal sees some values masked.

use std::collections::BTreeMap;

use crate::catalog::{ColumnName, RelationName};

use super::kept::Kept;
use super::{Predicate, PredicateSet, Row, RowFilter};

/// What a masked column shows in place of its value, the strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mask {
    /// NULL.
    Null,
    /// Of a text, its HMAC-SHA-256 under the database's mask key, as 64 lower-case hexadecimal digits: which values are equal,
    /// and not a character of them. So it is stricter than [`Mask::Last4`], though that tells less of who is equal.
    Hash,
    /// The last four characters of a text of at least [`Mask::SHORTEST`] characters; NULL in place of any other value.
    Last4,
}

impl Mask {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Null, Self::Hash, Self::Last4];

    /// The fewest characters of a text of which [`Mask::Last4`] shows some: half of it stays hidden at least.
    pub const SHORTEST: usize = 8;

    /// The word that policies use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Hash => "hash",
            Self::Last4 => "last4",
        }
    }
}

/// How one column is masked: what it shows on each of the rows that its principal may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// The rows on which it shows its value; never all.
    pub clear: RowFilter,
    /// On other rows the first of these that applies, the strictest first.
    pub stricter: Vec<(Predicate, Mask)>,
    /// On all others.
    pub otherwise: Mask,
}

impl Masked {
    /// Of the rows that permits without a mask grant, and those that permits with one grant. `None` where the value shows
    /// on every row, or where no permit masks it.
    pub(crate) fn of(clear: RowFilter, masks: BTreeMap<Mask, RowFilter>) -> Option<Self> {
        if clear == RowFilter::AllRows {
            return None;
        }
        let mut stricter = Vec::new();
        let mut otherwise = None;
        for (mask, filter) in masks {
            match filter {
                RowFilter::NoRows => {}
                // No row is left for what is less strict.
                RowFilter::AllRows => {
                    otherwise = Some(mask);
                    break;
                }
                RowFilter::Where(predicate) => stricter.push((predicate, mask)),
            }
        }
        // A row that may be seen, that is not clear and that nothing stricter masks is one of the last permit's.
        let otherwise = otherwise.or_else(|| stricter.pop().map(|(_, mask)| mask))?;
        Some(Self { clear, stricter, otherwise })
    }

    /// What a row shows in place of the column's value; `None` where it shows the value. The law that the emitted text must
    /// follow.
    pub fn on(&self, row: &Row) -> Option<Mask> {
        if self.clear.keeps(row) {
            return None;
        }
        let stricter = self.stricter.iter().find(|(rows, _)| rows.evaluate(row) == Some(true));
        Some(stricter.map_or(self.otherwise, |(_, mask)| *mask))
    }
}

/// The masked columns of each relation that has some.
pub(super) type Masks = BTreeMap<RelationName, BTreeMap<ColumnName, Masked>>;

impl PredicateSet {
    /// Masks columns of a relation.
    pub(crate) fn mask(&mut self, relation: RelationName, columns: BTreeMap<ColumnName, Masked>) {
        if !columns.is_empty() {
            self.columns.masks.insert(relation, columns);
            // It was made of other filters.
            self.kept = Kept::default();
        }
    }

    /// The masked columns of a relation, where there are some.
    pub fn masks_of(&self, relation: &RelationName) -> Option<&BTreeMap<ColumnName, Masked>> {
        self.columns.masks.get(relation)
    }

    /// How a column is masked, where it is.
    pub fn mask_of(&self, relation: &RelationName, column: &ColumnName) -> Option<&Masked> {
        self.masks_of(relation)?.get(column)
    }

    /// Whether what a query over the relation sees depends on its columns: some are hidden, on all rows or on some, or
    /// masked.
    pub fn changes_columns(&self, relation: &RelationName) -> bool {
        self.columns.hidden.contains_key(relation)
            || self.columns.masks.contains_key(relation)
            || self.columns.touched.contains_key(relation)
    }
}
