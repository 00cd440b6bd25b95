//! One row of the live database, decided three times.
//!
//! The row is read as the operator whose database it is: by the guard, under filters that let every row through. Only this
//! command does so; nothing of it is printed but its key and the decision.

mod cell;
mod document;
mod key;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::catalog::{ColumnName, Relation};
use crate::check;
use crate::cli::output::Failed;
use crate::engine::{Cell, Engine};
use crate::guard::RefusalCode;
use crate::identity::Principal;
use crate::policy::{Database, Verdict};
use crate::predicate::{Mask, PredicateSet, Row, RowFilter};
use crate::service::{self, Failure, NotServed};
use crate::suite::word;
use read::Reader;

/// Who looks, and where.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) database: &'a Database,
    pub(super) principal: &'a Principal,
    pub(super) filters: &'a PredicateSet,
}

/// What was decided.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct RowEntry {
    pub(super) key: String,
    /// Whether there is such a row.
    pub(super) found: bool,
    /// To a query that touches no column.
    pub(super) visible: bool,
    /// The policies that decided.
    pub(super) deciding: Vec<String>,
    /// The policies that failed on it.
    pub(super) failed: Vec<String>,
    /// The columns that a visible row does not have: a query that touches one does not read it.
    pub(super) hidden_columns: Vec<String>,
    /// The columns of a visible row that show a mask, and which.
    pub(super) masked_columns: BTreeMap<String, &'static str>,
}

impl Look<'_> {
    /// Looks a row up by its primary key.
    // INVARIANT (isolation): Cedar's own evaluator, the filter's law and the database with the filter in its query decide
    // apart from each other, and a difference is an error: nobody is told that a row is hidden which a query shows.
    pub(super) async fn up(
        self,
        folder: &Path,
        relation: &Relation,
        key: &str,
    ) -> Result<RowEntry, Failed> {
        let conditions = key::conditions(relation, key)?;
        let reader = Reader::new(self.database);
        // What cannot be written is refused before anything is opened.
        let asked = key::asked(self.database, reader.language, relation, &conditions)?;
        let (engine, findings) = service::look(self.database, folder).await?;
        if check::has_errors(&findings) {
            return Err(NotServed::CheckFailed.into());
        }
        let found = reader.row(&engine, relation, &conditions).await?;
        let by_key = self.filter(relation, &relation.primary_key);
        let seen = self.seen(&engine, relation, &asked, &by_key).await?;
        let Some((own, row)) = found else {
            if seen {
                return Err(disagree("there is no such row", "hidden", Some("visible")));
            }
            return Ok(RowEntry { key: key.to_owned(), ..RowEntry::default() });
        };
        let row = reader.with_parents(&engine, relation, row).await?;
        // The query that asks for the key touches it, and a rule may hide that.
        let verdict = self.verdict(relation, &own, &row, &relation.primary_key)?;
        agreed(verdict.allowed, by_key.keeps(&row), Some(seen))?;
        self.entry(relation, own, &row)
    }

    /// What to tell of a row, once the database has been asked.
    fn entry(self, relation: &Relation, key: String, row: &Row) -> Result<RowEntry, Failed> {
        let Verdict { allowed, deciding, failed } = self.verdict(relation, &key, row, &[])?;
        let visible = agreed(allowed, self.filter(relation, &[]).keeps(row), None)?;
        let mut entry =
            RowEntry { key, found: true, visible, deciding, failed, ..RowEntry::default() };
        if !visible {
            return Ok(entry);
        }
        for column in relation.columns.iter().map(|column| &column.name) {
            let touched = std::slice::from_ref(column);
            let verdict = self.verdict(relation, &entry.key, row, touched)?;
            if !agreed(verdict.allowed, self.filter(relation, touched).keeps(row), None)? {
                entry.hidden_columns.push(column.to_string());
            } else if let Some(mask) = self.mask(relation, column, row) {
                entry.masked_columns.insert(column.to_string(), mask.name());
            }
        }
        Ok(entry)
    }

    /// The rows that a query reads which touches these columns; none, where one of them does not exist.
    fn filter(self, relation: &Relation, touched: &[ColumnName]) -> RowFilter {
        let hidden = self.filters.hidden_of(&relation.name);
        if touched.iter().any(|column| hidden.is_some_and(|hidden| hidden.contains(column))) {
            return RowFilter::NoRows;
        }
        self.filters.filter_touching(&relation.name, touched).into_owned()
    }

    /// Cedar's own.
    fn verdict(
        self,
        relation: &Relation,
        key: &str,
        row: &Row,
        touched: &[ColumnName],
    ) -> Result<Verdict, Failed> {
        let verdict = self.database.verdict(self.principal, &relation.name, key, row, touched);
        verdict.ok_or_else(|| {
            let message = "the row is not as `catalog.toml` says: Cedar cannot be asked";
            Failed::new("row_unreadable", message)
        })
    }

    /// What a column of a visible row shows in place of its value.
    fn mask(self, relation: &Relation, column: &ColumnName, row: &Row) -> Option<Mask> {
        let masked = self.filters.mask_of(&relation.name, column)?;
        if masked.clear.keeps(row) {
            return None;
        }
        let mut stricter = masked.stricter.iter();
        let first = stricter.find(|(rows, _)| rows.evaluate(row) == Some(true));
        Some(first.map_or(masked.otherwise, |(_, mask)| *mask))
    }

    /// Whether the database shows the row to the caller who asks for its key; `by_key` are the rows that such a query reads.
    async fn seen(
        self,
        engine: &Engine,
        relation: &Relation,
        asked: &str,
        by_key: &RowFilter,
    ) -> Result<bool, Failed> {
        let catalog = &self.database.catalog;
        let masks = self.filters.masks_of(&relation.name);
        let masked = |column: &ColumnName| masks.is_some_and(|masks| masks.contains_key(column));
        // A condition on a masked key would compare the mask: the rows are the same without.
        let unmasked: Option<PredicateSet> = relation
            .primary_key
            .iter()
            .any(masked)
            .then(|| [(relation.name.clone(), by_key.clone())].into_iter().collect());
        let filters = unmasked.as_ref().unwrap_or(self.filters);
        let query = match super::guarded(self.database, filters, asked) {
            Ok(query) => query,
            Err(refusal) if refusal.code == RefusalCode::UnknownRelation => return Ok(false),
            // A key that is hidden on every row.
            Err(refusal)
                if refusal.code == RefusalCode::UnknownColumn && *by_key == RowFilter::NoRows =>
            {
                return Ok(false);
            }
            Err(refusal) => return Err(Failure::from(refusal).into()),
        };
        let rows = engine.answer(&query, catalog).await?.rows;
        // A count of MongoDB's is a row whatever it counts.
        Ok(rows.iter().any(|row| *row != [Cell::Integer(0)]))
    }
}

/// What all say of a row; the database where it was asked.
fn agreed(cedar: bool, filter: bool, database: Option<bool>) -> Result<bool, Failed> {
    if filter == cedar && database.is_none_or(|database| database == cedar) {
        return Ok(cedar);
    }
    Err(disagree(word(cedar), word(filter), database.map(word)))
}

fn disagree(cedar: &str, filter: &str, database: Option<&str>) -> Failed {
    let database = database
        .map(|database| format!(", the database with the filter says {database}"))
        .unwrap_or_default();
    let message = format!(
        "POLICIES AND FILTER DISAGREE about this row: Cedar says {cedar}, the filter says {filter}{database}; unless the \
         row has just changed, stop serving the database and report this"
    );
    Failed::new("filter_disagrees", message)
}
