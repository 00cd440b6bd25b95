//! Why a fence is placed: what may fail, over which relations, and how that reads.

use std::collections::BTreeSet;
use std::fmt;

use super::Dialect;
use super::emit::{Emit, Values};
use super::print;
use super::tree::Name;
use crate::catalog::{Catalog, ColumnName, RelationName};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{PredicateSet, RowFilter};

/// The most hazards that are kept to be shown. All of them count.
const MAX_LISTED: usize = 16;

/// An expression that may fail on a row, standing where an engine may evaluate it before the filters; or one that an
/// engine would not look at if it merged the table into the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hazard {
    /// The expression, as the guard's printer writes it, nested queries left out; absent where no one expression is
    /// to blame.
    pub expression: Option<String>,
    /// Why it may fail.
    pub rule: &'static str,
    /// The names of the tables and subqueries of the FROM clause that it stands over.
    pub over: Vec<String>,
}

/// The hazards of one query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hazards {
    first: Option<&'static str>,
    /// Whether anything may fail before the filters.
    early: bool,
    /// The occurrences that are not to be merged into the query around them.
    mixed: BTreeSet<usize>,
    listed: Vec<Hazard>,
}

impl Hazards {
    /// Notes that something may fail. `hazards` are the expressions, where they are known.
    pub(super) fn add(&mut self, rule: &'static str, hazards: Vec<Hazard>) {
        self.early = true;
        self.list(rule, hazards);
    }

    /// Notes that an occurrence of a relation must not be merged into the query around it, and why.
    pub(super) fn keep_apart(&mut self, occurrence: usize, hazard: Hazard) {
        self.mixed.insert(occurrence);
        self.list(hazard.rule, vec![hazard]);
    }

    /// Whether an occurrence must not be merged into the query around it, whether or not it is filtered.
    pub(super) fn keeps_apart(&self, occurrence: usize) -> bool {
        self.mixed.contains(&occurrence)
    }

    fn list(&mut self, rule: &'static str, hazards: Vec<Hazard>) {
        self.first = self.first.or(Some(rule));
        let unknown = || Hazard { expression: None, rule, over: Vec::new() };
        let hazards = if hazards.is_empty() { vec![unknown()] } else { hazards };
        for hazard in hazards {
            if self.listed.len() < MAX_LISTED && !self.listed.contains(&hazard) {
                self.listed.push(hazard);
            }
        }
    }

    /// The rule of the hazard that was found first.
    pub(super) fn first(&self) -> Option<&'static str> {
        self.first
    }

    /// Whether the filtered relations of the query are fenced.
    // INVARIANT (isolation): all of them or none. Derived tables, CTEs and subqueries in conditions are merged into the
    // query around them, conditions move down into all of these, and values move between the tables of a FROM clause
    // (constant tables and equal columns on MariaDB), so whatever stands anywhere may be evaluated on a row of any.
    pub(super) fn any(&self) -> bool {
        self.early
    }
}

/// One place where the rewritten query reads a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) relation: RelationName,
    pub(super) alias: String,
    /// The columns that are listed, where that decides which rows are there.
    pub(super) touched: Vec<ColumnName>,
    pub(super) fenced: bool,
}

/// One occurrence of a relation, told to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained<'a> {
    /// The relation.
    pub relation: &'a RelationName,
    /// The name that the query knows it by.
    pub alias: &'a str,
    /// Its filter, with values written out; absent where every row may be read.
    pub filter: Option<String>,
    /// Whether it is fenced.
    pub fenced: bool,
    /// What may fail over it: why it is fenced, or would be if it had a filter.
    pub hazards: Vec<&'a Hazard>,
}

impl super::SelectSql {
    /// What the query reads, in the order of the tree, with the filter and the fence of each occurrence.
    ///
    /// # Errors
    ///
    /// `catalog` and `filters` are not those that the query was guarded with.
    pub fn explain(
        &self,
        catalog: &Catalog,
        filters: &PredicateSet,
    ) -> Result<Vec<Explained<'_>>, Refusal> {
        let explained = self.reads.iter().map(|read| {
            Ok(Explained {
                relation: &read.relation,
                alias: &read.alias,
                filter: written(&read.relation, &read.touched, self.dialect, catalog, filters)?,
                fenced: read.fenced,
                hazards: self.hazards.listed.iter().collect(),
            })
        });
        explained.collect()
    }
}

/// A relation's filter with its values written out.
fn written(
    name: &RelationName,
    touched: &[ColumnName],
    dialect: Dialect,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> Result<Option<String>, Refusal> {
    let other =
        || Refusal::new(RefusalCode::RoundTrip, "a relation is of another catalog", "report this");
    let relation = catalog.relation(name).ok_or_else(other)?;
    match &*filters.filter_touching(name, touched) {
        RowFilter::AllRows => Ok(None),
        RowFilter::NoRows => Err(other()),
        RowFilter::Where(predicate) => {
            let own = Name::new(relation.name.name.as_str());
            let mut emit = Emit {
                dialect,
                catalog,
                relation,
                qualifier: predicate.follows_keys().then_some(&own),
                above: &[],
                values: Values::Written,
            };
            print::expression(&emit.predicate(predicate)?, dialect).map(|text| Some(text.text))
        }
    }
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(expression) = &self.expression {
            write!(f, "{expression}: ")?;
        }
        f.write_str(self.rule)?;
        if !self.over.is_empty() {
            write!(f, " (over {})", self.over.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { relation, alias, filter, fenced, hazards } = self;
        write!(f, "{relation} AS {alias}: ")?;
        match (filter, fenced) {
            (None, _) => return f.write_str("every row may be read"),
            (Some(filter), false) => return write!(f, "filtered by {filter}, no fence"),
            (Some(filter), true) => write!(f, "filtered by {filter}, fenced off from")?,
        }
        for hazard in hazards {
            write!(f, "\n  {hazard}")?;
        }
        Ok(())
    }
}
