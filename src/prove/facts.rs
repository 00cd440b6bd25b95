//! What is true of every row and cannot be said in a schema, as far as policies could tell.
//!
//! A UUID has one spelling, a day begins at midnight, and a row's id is the text of its key. Filters rest on it: they never
//! compare a UUID with what is none. Said of all texts and instants it would be no formula, so it is said of those that
//! policies and filters name.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::pst::{Clause, EntityOrSlot, Expr, Literal, ResourceConstraint, UnaryOp, Var};

use super::claims;
use super::print::{Place, literal};
use crate::catalog::{CedarType, Column, ColumnType, Relation};
use crate::identity::{Principal, TenantId};
use crate::policy::schema::quoted;
use crate::predicate::{Predicate, RowFilter, Value};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The constants of policies and filters.
#[derive(Debug, Default)]
pub(super) struct Named {
    longs: BTreeSet<i64>,
    texts: BTreeSet<String>,
    /// Instants that are no midnight, as they are written.
    times: BTreeSet<String>,
    /// The midnights.
    days: BTreeSet<i64>,
    /// By entity type.
    rows: BTreeMap<String, BTreeSet<String>>,
    /// The attributes of the principal that are asked for: claims are always optional.
    asked: BTreeSet<String>,
}

impl Named {
    /// Those of the policies on a relation, as far as they are written there.
    pub(super) fn of(policies: &[cedar_policy::Policy]) -> Self {
        let mut named = Self::default();
        for policy in policies.iter().filter_map(|policy| policy.to_pst().ok()) {
            match &policy.body().resource {
                ResourceConstraint::Eq(EntityOrSlot::Entity(uid))
                | ResourceConstraint::In(EntityOrSlot::Entity(uid))
                | ResourceConstraint::IsIn(_, EntityOrSlot::Entity(uid)) => named.row(uid),
                _ => {}
            }
            for clause in policy.body().clauses() {
                let (Clause::When(expr) | Clause::Unless(expr)) = clause;
                named.expression(expr);
            }
        }
        named
    }

    /// With those of a caller and of filters.
    pub(super) fn with<'a>(
        mut self,
        principal: &Principal,
        filters: impl IntoIterator<Item = &'a RowFilter>,
    ) -> Self {
        match &principal.tenant {
            Some(TenantId::Uuid(id) | TenantId::String(id)) => {
                self.texts.insert(id.clone());
            }
            Some(TenantId::Integer(_)) | None => {}
        }
        self.texts.extend(principal.scope.iter().map(|scope| scope.as_str().to_owned()));
        for value in claims::values(&principal.claims) {
            if let Value::String(text) = value {
                self.texts.insert(text);
            }
        }
        for filter in filters {
            if let RowFilter::Where(predicate) = filter {
                self.predicate(predicate);
            }
        }
        self
    }

    /// Numbers and texts that a policy may treat in a way of its own.
    pub(super) fn constants(&self) -> (&BTreeSet<i64>, &BTreeSet<String>) {
        (&self.longs, &self.texts)
    }

    /// The claims that policies read.
    pub(super) fn claims(&self) -> &BTreeSet<String> {
        &self.asked
    }

    fn row(&mut self, uid: &cedar_policy::pst::EntityUID) {
        let ids = self.rows.entry(uid.ty.to_string()).or_default();
        ids.insert(uid.eid.to_string());
        self.texts.insert(uid.eid.to_string());
    }

    fn expression(&mut self, expr: &Expr) {
        if let Expr::HasAttr { expr: of, attrs } = expr
            && matches!(**of, Expr::Var(Var::Principal))
        {
            self.asked.insert(attrs.head.to_string());
        }
        match expr {
            Expr::Literal(Literal::String(text)) => {
                self.texts.insert(text.to_string());
            }
            Expr::Literal(Literal::Long(value)) => {
                self.longs.insert(*value);
            }
            Expr::Literal(Literal::EntityUID(uid)) => self.row(uid),
            Expr::UnaryOp { op: UnaryOp::Datetime, expr } => {
                if let Expr::Literal(Literal::String(text)) = &**expr
                    && text.ends_with('Z')
                    && !text.contains("T00:00:00Z")
                    && !text.contains("T00:00:00.000Z")
                {
                    self.times.insert(text.to_string());
                }
            }
            Expr::UnaryOp { expr, .. }
            | Expr::GetAttr { expr, .. }
            | Expr::HasAttr { expr, .. }
            | Expr::Like { expr, .. } => self.expression(expr),
            Expr::BinaryOp { left, right, .. } => {
                self.expression(left);
                self.expression(right);
            }
            Expr::Is { expr, in_expr, .. } => {
                self.expression(expr);
                if let Some(ancestor) = in_expr {
                    self.expression(ancestor);
                }
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                for part in [cond, then_expr, else_expr] {
                    self.expression(part);
                }
            }
            Expr::Set(members) => {
                for member in members {
                    self.expression(member);
                }
            }
            // What is not found here is a fact less, and never a proof more.
            _ => {}
        }
    }

    fn predicate(&mut self, predicate: &Predicate) {
        let mut add = |value: &Value| match value {
            Value::Datetime(instant) => {
                self.days.insert(*instant);
            }
            Value::String(text) => {
                self.texts.insert(text.clone());
            }
            Value::Long(_) | Value::Bool(_) => {}
        };
        match predicate {
            Predicate::And(operands) | Predicate::Or(operands) => {
                for operand in operands {
                    self.predicate(operand);
                }
            }
            Predicate::Compare { value, .. } => add(value),
            Predicate::In { values, .. } | Predicate::Elements { values, .. } => {
                values.iter().for_each(add);
            }
            Predicate::Related { predicate, .. } => self.predicate(predicate),
            Predicate::CompareColumns { .. }
            | Predicate::Like { .. }
            | Predicate::IsNull { .. }
            | Predicate::Parent { .. } => {}
        }
    }

    /// The facts about a row and the rows that rules go on to from it.
    pub(super) fn facts(&self, place: Place<'_>) -> Vec<String> {
        let mut facts = self.own(place);
        let paths = place.database.paths_on(place.relation);
        let mut seen = BTreeSet::new();
        for path in &paths {
            self.beyond(place, path, &mut seen, &mut facts);
        }
        facts
    }

    fn beyond(
        &self,
        place: Place<'_>,
        path: &[String],
        seen: &mut BTreeSet<String>,
        facts: &mut Vec<String>,
    ) {
        let Some((name, behind)) = path.split_first() else { return };
        let Some(hop) = place.database.hop(place.relation, name) else { return };
        let Ok((at, relation)) = place.parent(&hop) else { return };
        let parent = Place { relation, path: &at, ..place };
        let mut own = Vec::new();
        if seen.insert(at.clone()) {
            own = self.own(parent);
        }
        self.beyond(parent, behind, seen, &mut own);
        let has = place.has_parent(&hop);
        facts.extend(own.into_iter().map(|fact| format!("(if {has} then {fact} else true)")));
    }

    fn own(&self, place: Place<'_>) -> Vec<String> {
        let mut facts = self.key(place);
        for column in &place.relation.columns {
            let name = &column.name;
            for text in self.texts.iter().filter(|text| !may_hold(column, text)) {
                facts.push(if_there(place, column, &differs(place, column, &quoted(text))));
            }
            if column.column_type == ColumnType::Date && !column.array {
                let read = place.access(name);
                for time in &self.times {
                    let time = format!("datetime({})", quoted(time));
                    facts.push(if_there(place, column, &format!("{read} != {time}")));
                }
                for day in &self.days {
                    let (day, next) = (Value::Datetime(*day), day.saturating_add(DAY_MS));
                    let next = literal(&Value::Datetime(next));
                    let fact = format!("({read} <= {} || {read} >= {next})", literal(&day));
                    facts.push(if_there(place, column, &fact));
                }
            }
        }
        facts
    }

    /// Which rows those are that policies name.
    fn key(&self, place: Place<'_>) -> Vec<String> {
        let Place { relation, path, .. } = place;
        let Some(ids) = self.rows.get(&relation.entity_type) else { return Vec::new() };
        let Some(column) = key_of(relation) else { return Vec::new() };
        let facts = ids.iter().map(|id| {
            let row = format!("{path} == {}::{}", relation.entity_type, quoted(id));
            let read = place.access(&column.name);
            match column.cedar() {
                Some(CedarType::String) => format!("(({row}) == ({read} == {}))", quoted(id)),
                _ => match id.parse::<i64>() {
                    Ok(value) if value.to_string() == *id => {
                        format!("(({row}) == ({read} == {value}))")
                    }
                    _ => format!("!({row})"),
                },
            }
        });
        facts.collect()
    }
}

fn key_of(relation: &Relation) -> Option<&Column> {
    let [name] = relation.primary_key.as_slice() else { return None };
    relation.column(name).filter(|column| {
        !column.nullable && matches!(column.cedar(), Some(CedarType::Long | CedarType::String))
    })
}

/// Whether a column of texts could hold this one.
fn may_hold(column: &Column, text: &str) -> bool {
    match column.column_type {
        ColumnType::Uuid => {
            uuid::Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == *text)
        }
        ColumnType::ObjectId => {
            text.len() == 24 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        }
        ColumnType::Integer
        | ColumnType::Float
        | ColumnType::Decimal
        | ColumnType::Boolean
        | ColumnType::Text
        | ColumnType::Bytes
        | ColumnType::Date
        | ColumnType::Timestamp
        | ColumnType::Timestamptz
        | ColumnType::Time
        | ColumnType::Interval
        | ColumnType::Json
        | ColumnType::Document
        | ColumnType::Other => true,
    }
}

/// That a column does not hold this text, and an array does not hold it as an element.
fn differs(place: Place<'_>, column: &Column, value: &str) -> String {
    let read = place.access(&column.name);
    if column.array { format!("!({read}.contains({value}))") } else { format!("{read} != {value}") }
}

fn if_there(place: Place<'_>, column: &Column, fact: &str) -> String {
    if column.nullable || column.name.as_str().contains('.') {
        format!("(if {} then {fact} else true)", place.has(column))
    } else {
        format!("({fact})")
    }
}
