//! One row of the live database, decided three times.
//!
//! The row is read as the operator whose database it is: by the guard, under filters that let every row through. Only this
//! command does so; nothing of it is printed but its key and the decision.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use serde::Serialize;
use serde_json::Value as Json;

use super::from;
use crate::catalog::{CedarType, Column, ColumnName, Relation};
use crate::check;
use crate::cli::output::Failed;
use crate::engine::{Cell, Engine};
use crate::guard::sql::{Dialect, guard_sql};
use crate::guard::{Language, RefusalCode};
use crate::identity::Principal;
use crate::policy::Database;
use crate::predicate::{Parent, PredicateSet, Row, RowFilter, Value};
use crate::service::{self, Failure, NotServed};
use crate::suite::instant;

/// Foreign keys are followed so far: rows may name each other in a circle.
const MAX_HOPS: usize = 8;

/// Who looks, and where.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) database: &'a Database,
    pub(super) principal: &'a Principal,
    pub(super) filters: &'a PredicateSet,
}

/// What was decided.
#[derive(Serialize)]
pub(super) struct RowEntry {
    pub(super) key: String,
    /// Whether there is such a row.
    pub(super) found: bool,
    pub(super) visible: bool,
    /// The policies that decided.
    pub(super) deciding: Vec<String>,
    /// The policies that failed on it.
    pub(super) failed: Vec<String>,
}

/// A column and what it must equal, as text of a query.
type Condition<'a> = (&'a ColumnName, String);

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
        let dialect = match service::language(self.database.settings.engine) {
            Language::Sql(dialect) => dialect,
            Language::Mongo => {
                let message = "a document is not looked up yet: write it into a test, which `dialektai test` decides";
                return Err(Failed::new("row_unsupported", message));
            }
        };
        let conditions = conditions(relation, key, dialect)?;
        let (engine, findings) = service::look(self.database, folder).await?;
        if check::has_errors(&findings) {
            return Err(NotServed::CheckFailed.into());
        }
        let reader = Reader { database: self.database, engine: &engine, dialect };
        let found = reader.row(relation, &conditions).await?;
        let seen = self.seen(&engine, dialect, relation, &conditions).await?;
        let Some((own, row)) = found else {
            if seen {
                return Err(disagree("there is no such row", "hidden", "visible"));
            }
            let (key, none) = (key.to_owned(), Vec::new);
            return Ok(RowEntry {
                key,
                found: false,
                visible: false,
                deciding: none(),
                failed: none(),
            });
        };
        let row = reader.with_parents(relation, row).await?;
        let verdict = self.database.verdict(self.principal, &relation.name, &own, &row, &[]);
        let verdict = verdict.ok_or_else(|| {
            Failed::new(
                "row_unreadable",
                "the row is not as `catalog.toml` says: Cedar cannot be asked",
            )
        })?;
        let kept = self.filters.filter_for(&relation.name).keeps(&row);
        if [kept, seen] != [verdict.allowed; 2] {
            return Err(disagree(word(verdict.allowed), word(kept), word(seen)));
        }
        let (deciding, failed) = (verdict.deciding, verdict.failed);
        Ok(RowEntry { key: own, found: true, visible: seen, deciding, failed })
    }

    /// Whether the database shows the row to the caller.
    async fn seen(
        self,
        engine: &Engine,
        dialect: Dialect,
        relation: &Relation,
        conditions: &[Condition<'_>],
    ) -> Result<bool, Failed> {
        let catalog = &self.database.catalog;
        let text = query(self.database, relation, dialect, &[], conditions);
        match guard_sql(&text, dialect, catalog, self.filters) {
            Ok(query) => Ok(!engine.run(&query, catalog).await?.rows.is_empty()),
            Err(refusal) if refusal.code == RefusalCode::UnknownRelation => Ok(false),
            Err(refusal) => Err(Failure::from(refusal).into()),
        }
    }
}

fn word(visible: bool) -> &'static str {
    if visible { "visible" } else { "hidden" }
}

fn disagree(cedar: &str, filter: &str, database: &str) -> Failed {
    let message = format!(
        "POLICIES AND FILTER DISAGREE about this row: Cedar says {cedar}, the filter says {filter}, the database with \
         the filter says {database}; unless the row has just changed, stop serving the database and report this"
    );
    Failed::new("filter_disagrees", message)
}

/// Reads rows as the operator.
struct Reader<'a> {
    database: &'a Database,
    engine: &'a Engine,
    dialect: Dialect,
}

impl Reader<'_> {
    /// The only row that meets the conditions, with its primary key as text.
    async fn row(
        &self,
        relation: &Relation,
        conditions: &[Condition<'_>],
    ) -> Result<Option<(String, Row)>, Failed> {
        let catalog = &self.database.catalog;
        let every: PredicateSet = catalog
            .relations
            .iter()
            .map(|relation| (relation.name.clone(), RowFilter::AllRows))
            .collect();
        let attributes: Vec<&Column> =
            relation.columns.iter().filter(|column| column.cedar().is_some()).collect();
        let text = query(self.database, relation, self.dialect, &attributes, conditions);
        let query = guard_sql(&text, self.dialect, catalog, &every).map_err(Failure::from)?;
        let rows = self.engine.run(&query, catalog).await?.rows;
        let cells = match rows.as_slice() {
            [] => return Ok(None),
            [cells] => cells,
            _ => return Err(Failed::new("row_ambiguous", "several rows have this key")),
        };
        let mut row = Row::new();
        for (column, cell) in attributes.iter().zip(cells) {
            let Some(cedar) = column.cedar().filter(|_| *cell != Cell::Null) else { continue };
            let value = value(cedar, cell).ok_or_else(|| {
                let message = format!(
                    "the row has something else in `{}` than `catalog.toml` says",
                    column.name
                );
                Failed::new("row_unreadable", message)
            })?;
            row.insert(column.name.clone(), value);
        }
        let parts = relation.primary_key.iter().map(|column| row.get(column).map(plain));
        let key = parts.collect::<Option<Vec<String>>>().unwrap_or_default().join(",");
        Ok(Some((key, row)))
    }

    /// The row with those that its foreign keys name, and so on, as far as policies may follow them.
    async fn with_parents(&self, relation: &Relation, row: Row) -> Result<Row, Failed> {
        let mut chain: Vec<Known<'_>> =
            vec![Known { relation, row, key: String::new(), child: None }];
        let mut waiting = VecDeque::from([(0, 0)]);
        while let Some((at, depth)) = waiting.pop_front() {
            let Some(Known { relation, row, .. }) = chain.get(at) else { continue };
            let links: Vec<_> = self
                .database
                .hops_from(relation)
                .filter_map(|(hop, parent)| {
                    Some((hop.clone(), parent, row.get(&hop.column)?.clone()))
                })
                .collect();
            for (hop, parent, value) in links.into_iter().filter(|_| depth < MAX_HOPS) {
                let condition = (&hop.key, literal(&value, self.dialect)?);
                if let Some((key, row)) = self.row(parent, &[condition]).await? {
                    waiting.push_back((chain.len(), depth + 1));
                    chain.push(Known { relation: parent, row, key, child: Some((at, hop.name)) });
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

/// A row that was read, and whose parent it is.
struct Known<'a> {
    relation: &'a Relation,
    row: Row,
    key: String,
    child: Option<(usize, String)>,
}

fn query(
    database: &Database,
    relation: &Relation,
    dialect: Dialect,
    columns: &[&Column],
    conditions: &[Condition<'_>],
) -> String {
    let columns = columns.iter().map(|column| dialect.quoted(column.name.as_str()));
    let columns: Vec<String> = columns.collect();
    let columns = if columns.is_empty() { "1".to_owned() } else { columns.join(", ") };
    let conditions = conditions
        .iter()
        .map(|(column, literal)| format!("{} = {literal}", dialect.quoted(column.as_str())));
    let conditions: Vec<String> = conditions.collect();
    let name = from(&database.catalog, relation, dialect);
    format!("SELECT {columns} FROM {name} WHERE {}", conditions.join(" AND "))
}

/// What the parts of the primary key must equal.
fn conditions<'r>(
    relation: &'r Relation,
    key: &str,
    dialect: Dialect,
) -> Result<Vec<Condition<'r>>, Failed> {
    let refuse = |message: String| Failed::new("row_key", message);
    let columns = &relation.primary_key;
    let parts = match serde_json::from_str::<Vec<Json>>(key) {
        Ok(parts) => parts
            .iter()
            .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
            .collect(),
        Err(_) if columns.len() == 1 => vec![key.to_owned()],
        Err(_) => key.split(',').map(str::to_owned).collect::<Vec<String>>(),
    };
    if columns.is_empty() || parts.len() != columns.len() {
        let names: BTreeSet<&str> = columns.iter().map(ColumnName::as_str).collect();
        let names: Vec<&str> = names.into_iter().collect();
        return Err(refuse(format!(
            "the primary key of `{}` is ({})",
            relation.name,
            names.join(", ")
        )));
    }
    let conditions = columns.iter().zip(parts).map(|(name, part)| {
        let cedar = relation.column(name).and_then(Column::cedar);
        let value = match cedar {
            Some(CedarType::Long) => part
                .parse()
                .map(Value::Long)
                .map_err(|_| refuse(format!("`{name}` is an integer")))?,
            Some(CedarType::String) => Value::String(part),
            Some(CedarType::Bool | CedarType::Datetime) | None => {
                return Err(refuse(format!("rows are not looked up by a column like `{name}`")));
            }
        };
        Ok((name, literal(&value, dialect)?))
    });
    conditions.collect()
}

/// The value as text of a query, which the guard reads like any other.
fn literal(value: &Value, dialect: Dialect) -> Result<String, Failed> {
    match value {
        Value::Long(number) => Ok(number.to_string()),
        // MariaDB's reading of a backslash depends on a mode.
        Value::String(text) if dialect == Dialect::Mysql && text.contains('\\') => {
            Err(Failed::new("row_key", "keys with a backslash are not looked up on MySQL"))
        }
        Value::String(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
        Value::Bool(_) | Value::Datetime(_) => {
            Err(Failed::new("row_key", "rows are looked up by integers and strings"))
        }
    }
}

/// A cell as policies see it.
fn value(cedar: CedarType, cell: &Cell) -> Option<Value> {
    match (cedar, cell) {
        (CedarType::Long, Cell::Integer(number)) => Some(Value::Long(*number)),
        (CedarType::Long, Cell::Unsigned(number)) => i64::try_from(*number).ok().map(Value::Long),
        (CedarType::Bool, Cell::Bool(truth)) => Some(Value::Bool(*truth)),
        // Engines without truth values have integers for them.
        (CedarType::Bool, Cell::Integer(number @ (0 | 1))) => Some(Value::Bool(*number == 1)),
        (CedarType::String, Cell::Text(text)) => Some(Value::String(text.clone())),
        (CedarType::Datetime, Cell::Text(text)) => {
            instant(&text.replacen(' ', "T", 1).parse().ok()?).map(Value::Datetime)
        }
        (CedarType::Long | CedarType::Bool | CedarType::String | CedarType::Datetime, _) => None,
    }
}

/// A part of a key, as tests write it.
fn plain(value: &Value) -> String {
    match value {
        Value::Long(number) | Value::Datetime(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
    }
}
