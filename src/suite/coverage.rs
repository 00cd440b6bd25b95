//! What the tests of a folder have exercised, and what not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::catalog::{Catalog, ColumnName, RelationName};
use crate::identity::{ClaimValue, Principal, TenantId};
use crate::policy::{Database, Verdict};
use crate::predicate::{Hop, PatternElement, Predicate, Quantifier, Row, RowFilter, Value};

/// Something that a test can exercise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A policy, by its `@id`: it decided about a row.
    Rule(String),
    /// A relation that some policy permits: somebody asked for it.
    Relation(String),
    /// A column that policies read: a row had a value there.
    Column(String),
    /// A condition of a filter, as it is for the callers of the tests.
    Branch {
        /// The relation that is filtered.
        relation: String,
        /// The condition, where the caller's own values are called by their names.
        condition: String,
        /// Whether a row met it, or did not.
        holds: bool,
    },
}

/// What kinds of items there are, in the order of reports.
pub const KINDS: [&str; 4] = ["rules", "relations", "columns", "branches"];

impl Item {
    /// One of [`KINDS`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rule(_) => "rules",
            Self::Relation(_) => "relations",
            Self::Column(_) => "columns",
            Self::Branch { .. } => "branches",
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(id) => write!(f, "rule `{id}` decided about no row"),
            Self::Relation(name) => write!(f, "relation `{name}`: nobody asked for it"),
            Self::Column(name) => write!(f, "column `{name}`: no row had a value there"),
            Self::Branch { relation, condition, holds } => {
                let holds = if *holds { "meets" } else { "fails" };
                write!(f, "`{relation}`: no row {holds} `{condition}`")
            }
        }
    }
}

/// What there is to exercise in one folder, and whether it was.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    items: BTreeMap<Item, bool>,
    /// The foreign keys that rules follow.
    hops: BTreeSet<Hop>,
}

impl Coverage {
    /// Nothing is exercised yet. Conditions come in as callers do, since filters are made for a caller.
    pub fn of(database: &Database) -> Self {
        let mut coverage = Self { hops: database.keys_followed(), ..Self::default() };
        for id in database.policy_ids() {
            coverage.note(Item::Rule(id), false);
        }
        for relation in &database.catalog.relations {
            if database.is_permitted(relation) {
                let name = name_of(&database.catalog, &relation.name);
                coverage.note(Item::Relation(name), false);
            }
        }
        for (relation, column) in database.all_columns_read() {
            coverage.note(column_of(&database.catalog, &relation, &column), false);
        }
        coverage
    }

    /// Every item, with whether it was exercised.
    pub fn items(&self) -> impl Iterator<Item = (&Item, bool)> {
        self.items.iter().map(|(item, exercised)| (item, *exercised))
    }

    /// How many items of a kind were exercised, and how many there are.
    pub fn count(&self, kind: &str) -> (usize, usize) {
        let of_kind = self.items().filter(|(item, _)| item.kind() == kind);
        of_kind.fold((0, 0), |(done, all), (_, exercised)| (done + usize::from(exercised), all + 1))
    }

    /// Of all items, those that were exercised, in whole percent and never rounded up.
    pub fn percent(&self) -> usize {
        let done = self.items.values().filter(|exercised| **exercised).count();
        (done * 100).checked_div(self.items.len()).unwrap_or(100)
    }

    fn note(&mut self, item: Item, exercised: bool) {
        *self.items.entry(item).or_default() |= exercised;
    }

    /// Marks an item that there is; others are not counted.
    fn mark(&mut self, item: &Item) {
        if let Some(exercised) = self.items.get_mut(item) {
            *exercised = true;
        }
    }

    pub(super) fn asked_for(&mut self, catalog: &Catalog, relation: &RelationName) {
        self.mark(&Item::Relation(name_of(catalog, relation)));
    }

    pub(super) fn decided(&mut self, verdict: &Verdict) {
        for id in verdict.deciding.iter().chain(&verdict.failed) {
            self.mark(&Item::Rule(id.clone()));
        }
    }

    /// A row that was decided about, by this filter for this caller.
    pub(super) fn row(
        &mut self,
        catalog: &Catalog,
        principal: &Principal,
        relation: &RelationName,
        filter: &RowFilter,
        row: &Row,
    ) {
        self.values(catalog, relation, row);
        let RowFilter::Where(condition) = filter else { return };
        let name = name_of(catalog, relation);
        let mut found = Vec::new();
        conditions(condition, principal, "", Some(row), &mut found);
        for (condition, held) in found {
            for holds in [true, false] {
                let (relation, condition) = (name.clone(), condition.clone());
                let item = Item::Branch { relation, condition, holds };
                self.note(item, held == Some(holds));
            }
        }
    }

    fn values(&mut self, catalog: &Catalog, name: &RelationName, row: &Row) {
        for column in row.keys() {
            self.mark(&column_of(catalog, name, column));
        }
        for (attribute, parent) in row.parents() {
            let hop = self.hops.iter().find(|hop| {
                hop.name == attribute && parent.row.get(&hop.key) == row.get(&hop.column)
            });
            if let Some(relation) = hop.map(|hop| hop.parent.clone()) {
                self.values(catalog, &relation, &parent.row);
            }
        }
    }
}

fn name_of(catalog: &Catalog, relation: &RelationName) -> String {
    if relation.schema == catalog.default_schema {
        relation.name.clone()
    } else {
        relation.to_string()
    }
}

fn column_of(catalog: &Catalog, relation: &RelationName, column: &ColumnName) -> Item {
    Item::Column(format!("{}.{column}", name_of(catalog, relation)))
}

/// The conditions of a filter, each with whether a row meets it; of a parent that is missing nothing is met or failed.
fn conditions(
    predicate: &Predicate,
    principal: &Principal,
    path: &str,
    row: Option<&Row>,
    found: &mut Vec<(String, Option<bool>)>,
) {
    let held = row.map(|row| predicate.evaluate(row) == Some(true));
    let mut condition = |text: String| found.push((text, held));
    let value = |value: &Value| called(value, principal);
    let all = |values: &[Value]| values.iter().map(value).collect::<Vec<_>>().join(", ");
    let not = |negated: &bool| if *negated { "not " } else { "" };
    match predicate {
        Predicate::And(operands) | Predicate::Or(operands) => {
            for operand in operands {
                conditions(operand, principal, path, row, found);
            }
        }
        Predicate::Compare { column, op, value: other } => {
            condition(format!("{path}{column} {} {}", op.symbol(), value(other)));
        }
        Predicate::CompareColumns { left, op, right } => {
            condition(format!("{path}{left} {} {path}{right}", op.symbol()));
        }
        Predicate::In { column, values, negated } => {
            let values = match claimed(principal, values) {
                Some(claim) => claim.to_owned(),
                None => format!("({})", all(values)),
            };
            condition(format!("{path}{column} {}in {values}", not(negated)));
        }
        Predicate::Like { column, pattern, negated } => {
            let pattern: String = pattern
                .iter()
                .map(|element| match element {
                    PatternElement::Char(c) => *c,
                    PatternElement::AnyRun => '*',
                })
                .collect();
            condition(format!("{path}{column} {}like {pattern:?}", not(negated)));
        }
        Predicate::Elements { column, quantifier, values, negated } => {
            let quantifier = match quantifier {
                Quantifier::Some => "some",
                Quantifier::Every => "every",
            };
            let (not, values) = (not(negated), all(values));
            condition(format!("{not}{quantifier} of {path}{column} in ({values})"));
        }
        Predicate::IsNull { column, negated } => {
            condition(format!("{path}{column} is {}there", if *negated { "" } else { "not " }));
        }
        Predicate::Parent { hop, negated } => {
            condition(format!("{path}{} is {}there", hop.name, if *negated { "not " } else { "" }));
        }
        Predicate::Related { hop, predicate } => {
            let parent = row.and_then(|row| row.parent(&hop.name)).map(|parent| &parent.row);
            let path = format!("{path}{}.", hop.name);
            conditions(predicate, principal, &path, parent, found);
        }
    }
}

/// A constant; the caller's own values by their names, so that a condition is the same for all callers.
fn called(value: &Value, principal: &Principal) -> String {
    let tenant = match (&principal.tenant, value) {
        (Some(TenantId::Integer(id)), Value::Long(value)) => id == value,
        (Some(TenantId::Uuid(id) | TenantId::String(id)), Value::String(value)) => id == value,
        (
            Some(TenantId::Integer(_) | TenantId::Uuid(_) | TenantId::String(_)) | None,
            Value::Long(_) | Value::String(_) | Value::Bool(_) | Value::Datetime(_),
        ) => false,
    };
    let scope = principal
        .scope
        .as_ref()
        .is_some_and(|scope| matches!(value, Value::String(value) if value == scope.as_str()));
    let claim = claimed(principal, std::slice::from_ref(value));
    match value {
        _ if tenant => "tenant".to_owned(),
        _ if scope => "scope".to_owned(),
        _ if claim.is_some() => claim.unwrap_or_default().to_owned(),
        Value::Long(number) => number.to_string(),
        Value::String(text) => format!("{text:?}"),
        Value::Bool(truth) => truth.to_string(),
        Value::Datetime(milliseconds) => format!("{milliseconds} ms"),
    }
}

/// The claim whose value this is: the only one, or the members of a set. Truth values say nothing of where they are from.
fn claimed<'a>(principal: &'a Principal, values: &[Value]) -> Option<&'a str> {
    let is = |claim: &ClaimValue| match claim {
        ClaimValue::String(text) => values == [Value::String(text.clone())],
        ClaimValue::Integer(number) => values == [Value::Long(*number)],
        ClaimValue::Boolean(_) => false,
        ClaimValue::Strings(members) => {
            values.iter().eq(&members.iter().cloned().map(Value::String).collect::<Vec<_>>())
        }
        ClaimValue::Integers(members) => {
            values.iter().eq(&members.iter().copied().map(Value::Long).collect::<Vec<_>>())
        }
    };
    principal.claims.iter().find(|(_, claim)| is(claim)).map(|(name, _)| name)
}
