//! Reading rows as the operator.

use std::collections::VecDeque;

use super::key::{self, Condition};
use super::{cell, document};
use crate::catalog::{Column, Relation};
use crate::cli::explain;
use crate::cli::output::Failed;
use crate::engine::{Cell, Engine};
use crate::guard::Language;
use crate::policy::Database;
use crate::predicate::{Parent, PredicateSet, Row, RowFilter};
use crate::service::{self, Failure};
use crate::suite::MAX_HOPS;

/// Reads rows as the operator.
pub(super) struct Reader<'a> {
    database: &'a Database,
    pub(super) language: Language,
    /// Filters that let every row through.
    every: PredicateSet,
}

/// A row that was read, and whose parent it is.
struct Known<'a> {
    relation: &'a Relation,
    row: Row,
    key: String,
    child: Option<(usize, String)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        let relations = database.catalog.relations.iter();
        Self {
            database,
            language: service::language(database.settings.engine),
            every: relations.map(|of| (of.name.clone(), RowFilter::AllRows)).collect(),
        }
    }

    /// The only row that meets the conditions, with its primary key as text.
    pub(super) async fn row(
        &self,
        engine: &Engine,
        relation: &Relation,
        conditions: &[Condition<'_>],
    ) -> Result<Option<(String, Row)>, Failed> {
        let database = self.database;
        let readable = |column: &&Column| match self.language {
            Language::Sql(_) => column.cedar().is_some(),
            Language::Mongo => column.is_attribute(),
        };
        let columns: Vec<&Column> = relation.columns.iter().filter(readable).collect();
        let text = match self.language {
            Language::Sql(dialect) => {
                key::select(database, dialect, relation, &columns, conditions)?
            }
            Language::Mongo => document::aggregate(relation, &columns, conditions)?,
        };
        let query = explain::guarded(database, &self.every, &text).map_err(Failure::from)?;
        let answer = engine.answer(&query, &database.catalog).await?;
        let cells = match answer.rows.as_slice() {
            [] => return Ok(None),
            [cells] => cells,
            _ => return Err(Failed::new("row_ambiguous", "several rows have this key")),
        };
        let row = match self.language {
            Language::Sql(_) => of_cells(&columns, cells),
            Language::Mongo => document::row(&columns, &answer, cells),
        };
        let row = row.map_err(|column| {
            let name = &column.name;
            let message =
                format!("the row has something else in `{name}` than `catalog.toml` says");
            Failed::new("row_unreadable", message)
        })?;
        let parts = relation.primary_key.iter().map(|column| row.get(column).map(cell::plain));
        let key = parts.collect::<Option<Vec<String>>>().unwrap_or_default().join(",");
        Ok(Some((key, row)))
    }

    /// The row with those that its foreign keys name, and so on, as far as policies may follow them.
    pub(super) async fn with_parents(
        &self,
        engine: &Engine,
        relation: &Relation,
        row: Row,
    ) -> Result<Row, Failed> {
        let mut chain: Vec<Known<'_>> =
            vec![Known { relation, row, key: String::new(), child: None }];
        let mut waiting = VecDeque::from([(0, 0)]);
        while let Some((at, depth)) = waiting.pop_front() {
            let Some(Known { relation, row, .. }) = chain.get(at) else { continue };
            let links: Vec<_> = self
                .database
                .hops_from(relation)
                .filter_map(|(hop, parent)| {
                    let key = parent.column(&hop.key)?;
                    Some((hop.name.clone(), parent, (key, row.get(&hop.column)?.clone())))
                })
                .collect();
            for (name, parent, condition) in links.into_iter().filter(|_| depth < MAX_HOPS) {
                if let Some((key, row)) = self.row(engine, parent, &[condition]).await? {
                    waiting.push_back((chain.len(), depth + 1));
                    chain.push(Known { relation: parent, row, key, child: Some((at, name)) });
                }
            }
        }
        // Parents come after their children: from the end on, each is whole before it is put into its child.
        while let Some(Known { row, key, child, .. }) = chain.pop() {
            let Some((at, name)) = child else { return Ok(row) };
            if let Some(child) = chain.get_mut(at) {
                child.row.insert_parent(name, Parent { key, row });
            }
        }
        Err(Failed::new("internal_error", "a row without a beginning"))
    }
}

/// A row of SQL, or the column that it has something else in than the catalog says.
fn of_cells<'c>(columns: &[&'c Column], cells: &[Cell]) -> Result<Row, &'c Column> {
    let mut row = Row::new();
    for (column, cell) in columns.iter().zip(cells).filter(|(_, cell)| **cell != Cell::Null) {
        let value = column.cedar().and_then(|cedar| cell::value(cedar, cell));
        row.insert(column.name.clone(), value.ok_or(*column)?);
    }
    Ok(row)
}
