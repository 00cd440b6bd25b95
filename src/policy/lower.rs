//! Lowering: what partial evaluation leaves of a policy -> the rows on which the policy is satisfied.
//!
//! # The rule
//!
//! A Cedar expression over a row is true, false or an error. [`lower`] is asked for one of the two truth values and
//! gives the rows on which the expression *evaluates to it without an error*. Write `T(e)` and `F(e)` for the two:
//!
//! ```text
//! T(a && b) = T(a) & T(b)              F(a && b) = F(a) | (T(a) & F(b))
//! T(a || b) = T(a) | (F(a) & T(b))     F(a || b) = F(a) & F(b)
//! T(!a)     = F(a)                     X(if c then a else b) = (T(c) & X(a)) | (F(c) & X(b))
//! T(error)  = F(error) = no rows
//! ```
//!
//! Where `a` cannot be an error, `F(a && b) = F(a) | F(b)` and `T(a || b) = T(a) | T(b)` say the same with less: on
//! every row either `F(a)` (or `T(a)`) already decides, or `b` is evaluated.
//!
//! An expression is *reached* on a row if evaluating the whole policy gets to it. Strict validation lets an optional
//! attribute be read only where a `has` of it was reached and true, so a reached atom never reads a NULL. On rows where
//! an atom is not reached it may be unknown in SQL, and then one of the connectives above it is already decided.
//!
//! # Errors that remain
//!
//! Of what can fail in Cedar, arithmetic, extension functions and tags are refused over the resource by the static check,
//! and over anything else they fold. So only [`Expr::ResidualError`] is an error here, and a related row that is missing.

mod presence;
mod related;
mod sets;

use std::cell::Cell;

use cedar_policy::pst::{BinaryOp, EntityUID, Expr, Literal, PatternElem, UnaryOp, Var};

use crate::catalog::{CedarType, Column, ColumnName, ColumnType, Relation};
use crate::predicate::{CmpOp, PatternElement, Predicate, RowFilter, Value};

use super::Unsupported;
use super::check::{column_name, is_var, key_column};
use super::related::Hops;

/// `if` in conditions and errors on the left double what they stand in, so the size is bounded and not the text.
const MAX_STEPS: usize = 20_000;

/// The rows of a relation on which a residual of the policy evaluates, without an error, to `want`.
pub(super) fn lower(
    residual: &Expr,
    want: bool,
    relation: &Relation,
    hops: &Hops,
    policy: &str,
) -> Result<RowFilter, Unsupported> {
    Lowering { relation, hops, policy, steps: &Cell::new(0) }.lower(residual, want)
}

struct Lowering<'a> {
    relation: &'a Relation,
    hops: &'a Hops,
    policy: &'a str,
    steps: &'a Cell<usize>,
}

/// A side of a comparison.
enum Term<'a> {
    Column(&'a Column),
    Constant(Value),
}

impl<'a> Lowering<'a> {
    fn lower(&self, expr: &Expr, want: bool) -> Result<RowFilter, Unsupported> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > MAX_STEPS {
            return Err(self.unsupported("more conditions than a filter may have"));
        }
        match expr {
            Expr::Literal(Literal::Bool(value)) => Ok(rows_if(*value == want)),
            Expr::ResidualError => Ok(RowFilter::NoRows),
            Expr::UnaryOp { op: UnaryOp::Not, expr } => self.lower(expr, !want),
            // `&&` is decided by false and `||` by true; apart from that they are the same.
            Expr::BinaryOp { op: BinaryOp::And, left, right } => {
                self.connective(left, right, false, want)
            }
            Expr::BinaryOp { op: BinaryOp::Or, left, right } => {
                self.connective(left, right, true, want)
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                let chosen = self.lower(cond, true)?.and(self.lower(then_expr, want)?);
                let other = self.lower(cond, false)?.and(self.lower(else_expr, want)?);
                Ok(chosen.or(other))
            }
            Expr::HasAttr { expr, attrs } if is_var(expr, &Var::Resource) => {
                let path: Vec<&str> = attrs.iter().map(AsRef::as_ref).collect();
                self.has_path(&path, want)
            }
            atom => match self.through(atom, want)? {
                Some(filter) => Ok(filter),
                None => self.atom(atom, want),
            },
        }
    }

    /// A condition that is no connective and looks at the row at hand.
    fn atom(&self, expr: &Expr, want: bool) -> Result<RowFilter, Unsupported> {
        match expr {
            Expr::UnaryOp { op: UnaryOp::IsEmpty, expr } => self.is_empty(expr, want),
            Expr::BinaryOp { op, left, right } => self.binary(*op, left, right, want),
            Expr::GetAttr { .. } => match self.term(expr)? {
                Term::Column(column) => self.compare(column, CmpOp::Eq, Value::Bool(true), want),
                Term::Constant(_) => Err(self.unsupported("a constant as a condition")),
            },
            Expr::HasAttr { expr, attrs } => match column_name(expr) {
                Some(document) => {
                    let path: Vec<&str> = attrs.iter().map(AsRef::as_ref).collect();
                    Ok(self.has_each(format!("{document}."), &path, want))
                }
                None => Err(self.unsupported("`has` over something other than a column")),
            },
            Expr::Like { expr, pattern } => self.like(expr, pattern, want),
            Expr::Is { expr, entity_type, in_expr } => {
                if !is_var(expr, &Var::Resource) {
                    return Err(self.unsupported("`is` over something other than the resource"));
                }
                let is_type = entity_type.to_string() == self.relation.entity_type;
                match in_expr {
                    Some(ancestors) if is_type => self.row(ancestors, want),
                    Some(_) | None => Ok(rows_if(is_type == want)),
                }
            }
            _ => Err(self.unsupported("a construct that is not a condition over columns")),
        }
    }

    /// `left && right` where `deciding` is false, `left || right` where it is true.
    fn connective(
        &self,
        left: &Expr,
        right: &Expr,
        deciding: bool,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        if want != deciding {
            return Ok(self.lower(left, want)?.and(self.lower(right, want)?));
        }
        let decided = self.lower(left, deciding)?;
        let mut otherwise = self.lower(right, deciding)?;
        if left.has_error() || self.may_lack_parent(left) {
            otherwise = self.lower(left, !deciding)?.and(otherwise);
        }
        Ok(decided.or(otherwise))
    }

    fn binary(
        &self,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        let op = match op {
            BinaryOp::Eq => CmpOp::Eq,
            BinaryOp::NotEq => CmpOp::Ne,
            BinaryOp::Less => CmpOp::Lt,
            BinaryOp::LessEq => CmpOp::Le,
            BinaryOp::Greater => CmpOp::Gt,
            BinaryOp::GreaterEq => CmpOp::Ge,
            // Entity types have no parents in the derived schema, so `in` is equality.
            BinaryOp::In if is_var(left, &Var::Resource) => return self.row(right, want),
            BinaryOp::Contains => return self.contains(left, right, want),
            BinaryOp::ContainsAny => return self.contains_any(left, right, want),
            BinaryOp::ContainsAll => return self.contains_all(left, right, want),
            _ => return Err(self.unsupported("an operator that has no exact filter")),
        };
        match op {
            CmpOp::Eq | CmpOp::Ne if is_var(left, &Var::Resource) => {
                self.row(right, want == (op == CmpOp::Eq))
            }
            CmpOp::Eq | CmpOp::Ne if is_var(right, &Var::Resource) => {
                self.row(left, want == (op == CmpOp::Eq))
            }
            CmpOp::Eq | CmpOp::Ne if self.array(left).or(self.array(right)).is_some() => {
                self.same_elements(left, right, want == (op == CmpOp::Eq))
            }
            _ => self.compare_terms(&self.term(left)?, op, &self.term(right)?, want),
        }
    }

    fn compare_terms(
        &self,
        left: &Term<'a>,
        op: CmpOp,
        right: &Term<'a>,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        match (left, right) {
            (Term::Column(left), Term::Column(right)) => {
                self.compare_columns(left, op, right, want)
            }
            (Term::Column(left), Term::Constant(right)) => {
                self.compare(left, op, right.clone(), want)
            }
            // The sides are swapped, so the operator is mirrored: `5 < x` is `x > 5`.
            (Term::Constant(left), Term::Column(right)) => {
                self.compare(right, op.mirror(), left.clone(), want)
            }
            (Term::Constant(left), Term::Constant(right)) => match op {
                CmpOp::Eq => Ok(rows_if((left == right) == want)),
                CmpOp::Ne => Ok(rows_if((left != right) == want)),
                CmpOp::Lt | CmpOp::Le | CmpOp::Gt | CmpOp::Ge => {
                    Err(self.unsupported("an order of constants that did not fold"))
                }
            },
        }
    }

    fn compare_columns(
        &self,
        left: &Column,
        op: CmpOp,
        right: &Column,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        // One type in Cedar can be several in the database, which compares them by rules of its own.
        if left.column_type != right.column_type {
            return Err(self.unsupported("columns of different types"));
        }
        self.check_order(left, op)?;
        let op = if want { op } else { op.negate() };
        let (left, right) = (left.name.clone(), right.name.clone());
        Ok(RowFilter::Where(Predicate::CompareColumns { left, op, right }))
    }

    fn compare(
        &self,
        column: &Column,
        op: CmpOp,
        value: Value,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        self.check_order(column, op)?;
        let mut op = if want { op } else { op.negate() };
        let value = match (op, possible(column, value)) {
            (_, Possible::Value(value)) => value,
            (CmpOp::Eq, Possible::Never | Possible::DayBefore(_)) => return Ok(RowFilter::NoRows),
            (CmpOp::Ne, Possible::Never | Possible::DayBefore(_)) => return Ok(RowFilter::AllRows),
            // No day begins after the midnight before and up to the instant.
            (CmpOp::Lt | CmpOp::Le, Possible::DayBefore(midnight)) => {
                op = CmpOp::Le;
                midnight
            }
            (CmpOp::Gt | CmpOp::Ge, Possible::DayBefore(midnight)) => {
                op = CmpOp::Gt;
                midnight
            }
            (CmpOp::Lt | CmpOp::Le | CmpOp::Gt | CmpOp::Ge, Possible::Never) => {
                return Err(self.unsupported("an order of values of different types"));
            }
        };
        // A truth value that is not one is the other, and `flag = FALSE` reads better than `flag <> TRUE`.
        let (op, value) = match (op, value) {
            (CmpOp::Ne, Value::Bool(value)) => (CmpOp::Eq, Value::Bool(!value)),
            unchanged => unchanged,
        };
        Ok(RowFilter::Where(Predicate::Compare { column: column.name.clone(), op, value }))
    }

    /// Cedar orders integers and instants only; validation refuses the rest, and so does this.
    fn check_order(&self, column: &Column, op: CmpOp) -> Result<(), Unsupported> {
        match (op, column.cedar()) {
            (CmpOp::Eq | CmpOp::Ne, Some(_)) | (_, Some(CedarType::Long | CedarType::Datetime)) => {
                Ok(())
            }
            (_, Some(CedarType::String | CedarType::Bool) | None) => {
                Err(self.unsupported("an order of values that have none"))
            }
        }
    }

    /// One of the members equals the operand.
    fn equals_one(
        &self,
        members: &[Term<'a>],
        operand: &Term<'a>,
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        let mut filter = rows_if(!want);
        for member in members {
            let equal = self.compare_terms(member, CmpOp::Eq, operand, want)?;
            filter = if want { filter.or(equal) } else { filter.and(equal) };
        }
        Ok(filter)
    }

    /// `resource ==` or `resource in`: the row with this key, or with one of these.
    fn row(&self, expr: &Expr, want: bool) -> Result<RowFilter, Unsupported> {
        let mut uids: Vec<&EntityUID> = Vec::new();
        match expr {
            Expr::Literal(Literal::EntityUID(uid)) => uids.push(uid),
            Expr::Set(members) => {
                for member in members {
                    let Expr::Literal(Literal::EntityUID(uid)) = &**member else {
                        return Err(self.unsupported("a row that is not named by its key"));
                    };
                    uids.push(uid);
                }
            }
            _ => return Err(self.unsupported("a row that is not named by its key")),
        }
        uids.retain(|uid| uid.ty.to_string() == self.relation.entity_type);
        if uids.is_empty() {
            return Ok(rows_if(!want));
        }
        let Some(column) = key_column(self.relation) else {
            return Err(self.unsupported("a row of a relation without a usable key"));
        };
        let values = uids.iter().filter_map(|uid| key_value(column, &uid.eid)).collect();
        Ok(membership(column, values, want))
    }

    fn like(
        &self,
        expr: &Expr,
        pattern: &[PatternElem],
        want: bool,
    ) -> Result<RowFilter, Unsupported> {
        let column = match self.term(expr)? {
            Term::Column(column) if column.column_type == ColumnType::Text => column.name.clone(),
            Term::Column(_) | Term::Constant(_) => {
                return Err(self.unsupported("`like` over something other than a text column"));
            }
        };
        let pattern = pattern
            .iter()
            .map(|element| match element {
                PatternElem::Char(c) => PatternElement::Char(*c),
                PatternElem::Wildcard => PatternElement::AnyRun,
            })
            .collect();
        Ok(RowFilter::Where(Predicate::Like { column, pattern, negated: !want }))
    }

    fn term(&self, expr: &Expr) -> Result<Term<'a>, Unsupported> {
        match expr {
            Expr::GetAttr { .. } => {
                let Some(name) = column_name(expr) else {
                    return Err(
                        self.unsupported("an attribute of something other than the resource")
                    );
                };
                let column = self.column(name.as_str());
                match column.filter(|column| column.cedar().is_some()) {
                    Some(column) => Ok(Term::Column(column)),
                    None => Err(self.unsupported("a column that policies cannot read")),
                }
            }
            Expr::Literal(Literal::Long(value)) => Ok(Term::Constant(Value::Long(*value))),
            Expr::Literal(Literal::Bool(value)) => Ok(Term::Constant(Value::Bool(*value))),
            Expr::Literal(Literal::String(value)) => {
                Ok(Term::Constant(Value::String(value.to_string())))
            }
            Expr::BinaryOp { op: BinaryOp::Offset, left, right } => match instant(left, right) {
                Some(milliseconds) => Ok(Term::Constant(Value::Datetime(milliseconds))),
                None => Err(self.unsupported("an instant that is not a constant")),
            },
            _ => Err(self.unsupported("an operand that is neither a column nor a constant")),
        }
    }

    /// On SQL a name is a name, dots and all; only documents make it a path.
    fn column(&self, path: &str) -> Option<&'a Column> {
        let relation = self.relation;
        relation.at_path(path).or_else(|| relation.column(&ColumnName::new(path)))
    }

    fn unsupported(&self, construct: &str) -> Unsupported {
        Unsupported { policy: self.policy.to_owned(), construct: construct.to_owned() }
    }
}

fn rows_if(all: bool) -> RowFilter {
    if all { RowFilter::AllRows } else { RowFilter::NoRows }
}

/// What a column can have to do with a constant.
enum Possible {
    /// It can hold it.
    Value(Value),
    /// It can never equal it.
    Never,
    /// The column holds days and the constant is an instant after this midnight and before the next.
    DayBefore(Value),
}

fn possible(column: &Column, value: Value) -> Possible {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    match (column.cedar(), value) {
        (Some(CedarType::String), Value::String(text))
            if column.column_type == ColumnType::ObjectId =>
        {
            let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            let canonical = text.len() == 24 && text.bytes().all(digit);
            if canonical { Possible::Value(Value::String(text)) } else { Possible::Never }
        }
        // A database would fail to read the text as a UUID, or read two spellings as one.
        (Some(CedarType::String), Value::String(text))
            if column.column_type == ColumnType::Uuid =>
        {
            let canonical = uuid::Uuid::try_parse(&text).map(|uuid| uuid.hyphenated().to_string());
            if canonical.as_ref() == Ok(&text) {
                Possible::Value(Value::String(text))
            } else {
                Possible::Never
            }
        }
        (Some(CedarType::Datetime), Value::Datetime(instant))
            if column.column_type == ColumnType::Date && instant.rem_euclid(DAY_MS) != 0 =>
        {
            // Saturating is exact too: no day is that early.
            Possible::DayBefore(Value::Datetime(instant.saturating_sub(instant.rem_euclid(DAY_MS))))
        }
        (Some(CedarType::Long), value @ Value::Long(_))
        | (Some(CedarType::String), value @ Value::String(_))
        | (Some(CedarType::Bool), value @ Value::Bool(_))
        | (Some(CedarType::Datetime), value @ Value::Datetime(_)) => Possible::Value(value),
        (
            Some(CedarType::Long | CedarType::String | CedarType::Bool | CedarType::Datetime)
            | None,
            Value::Long(_) | Value::String(_) | Value::Bool(_) | Value::Datetime(_),
        ) => Possible::Never,
    }
}

/// `column IN (values)` where `want`, otherwise `NOT IN`, with the values that the column can hold.
fn membership(column: &Column, values: Vec<Value>, want: bool) -> RowFilter {
    let mut values: Vec<Value> = values
        .into_iter()
        .filter_map(|value| match possible(column, value) {
            Possible::Value(value) => Some(value),
            Possible::Never | Possible::DayBefore(_) => None,
        })
        .collect();
    values.sort();
    values.dedup();
    let name = column.name.clone();
    match values.pop() {
        None => rows_if(!want),
        Some(value) if values.is_empty() => {
            let op = if want { CmpOp::Eq } else { CmpOp::Ne };
            RowFilter::Where(Predicate::Compare { column: name, op, value })
        }
        Some(last) => {
            values.push(last);
            RowFilter::Where(Predicate::In { column: name, values, negated: !want })
        }
    }
}

/// The value of the key column whose canonical text this is; no row has any other text.
fn key_value(column: &Column, text: &str) -> Option<Value> {
    match column.cedar() {
        Some(CedarType::Long) => {
            let value: i64 = text.parse().ok()?;
            (value.to_string() == text).then_some(Value::Long(value))
        }
        Some(CedarType::String) => Some(Value::String(text.to_owned())),
        Some(CedarType::Bool | CedarType::Datetime) | None => None,
    }
}

/// The canonical form of an instant: `datetime("1970-01-01").offset(duration("..ms"))`.
fn instant(start: &Expr, by: &Expr) -> Option<i64> {
    let Expr::UnaryOp { op: UnaryOp::Datetime, expr: start } = start else { return None };
    let Expr::UnaryOp { op: UnaryOp::Duration, expr: by } = by else { return None };
    let Expr::Literal(Literal::String(start)) = &**start else { return None };
    let Expr::Literal(Literal::String(by)) = &**by else { return None };
    // `i64` reads the whole of the number, or nothing.
    if start == "1970-01-01" { by.strip_suffix("ms")?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
