//! Which columns of each relation occurrence a query names, so that its derived table lists those and no more.
//!
//! A shorter list is quicker to print, to read back and for the database to plan, and asks for fewer privileges. What
//! goes is named by nobody, so every name that is left means what it meant.

use super::Dialect;
use super::scope::{Binding, Scope};
use super::tree::Name;

/// For each occurrence, in the order they were found, whether each column of its relation is named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Used(Vec<Vec<bool>>);

impl Used {
    /// Adds an occurrence of a relation with so many columns, none of which is named yet, and gives its number.
    pub(super) fn occurrence(&mut self, columns: usize) -> usize {
        self.0.push(vec![false; columns]);
        self.0.len() - 1
    }

    /// Marks what a resolved name of `scope` names: `table.column`, or a `column` alone, which is in several tables
    /// where a join merged them.
    pub(super) fn name(&mut self, scope: &Scope, parts: &[Name], dialect: Dialect) {
        let Some((name, table)) = parts.split_last() else { return };
        for binding in &scope.bindings {
            let meant = table.last().is_none_or(|table| {
                binding
                    .name
                    .as_ref()
                    .is_some_and(|own| dialect.same_table(own.as_str(), table.as_str()))
            });
            let Some(marks) = self.of(binding).filter(|_| meant) else { continue };
            for (column, mark) in binding.columns.iter().zip(marks) {
                *mark |= column
                    .name
                    .as_ref()
                    .is_some_and(|own| dialect.same_name(own.as_str(), name.as_str()));
            }
        }
    }

    /// Marks every column of `bindings`: what `*` does, and whatever counts columns by their place.
    pub(super) fn all<'b>(&mut self, bindings: impl IntoIterator<Item = &'b Binding>) {
        for binding in bindings {
            if let Some(marks) = self.of(binding) {
                marks.fill(true);
            }
        }
    }

    /// Whether a query names any column of an occurrence.
    pub(super) fn any(&self, occurrence: usize) -> bool {
        self.0.get(occurrence).is_none_or(|marks| marks.contains(&true))
    }

    fn of(&mut self, binding: &Binding) -> Option<&mut Vec<bool>> {
        self.0.get_mut(binding.base.as_ref()?.occurrence)
    }

    /// Whether the derived table of an occurrence lists the column at `index`. It has one column at least, the first.
    // INVARIANT (round trip): an occurrence that is not known lists all.
    pub(super) fn lists(&self, occurrence: usize, index: usize) -> bool {
        let Some(marks) = self.0.get(occurrence) else { return true };
        marks.get(index).copied().unwrap_or(true) || (index == 0 && !marks.contains(&true))
    }
}
