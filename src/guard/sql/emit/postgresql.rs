//! PostgreSQL: what is equal under a column's own type or collation is made equal byte by byte, and stays on the index.
//!
//! Text comes in several types. Under `char(n)`, `citext` and collations that are not deterministic, unequal strings
//! compare equal: there a loose comparison that an index serves stands beside the exact one.
//! <https://www.postgresql.org/docs/current/collation.html>, <https://www.postgresql.org/docs/current/citext.html>

mod instants;
mod texts;

use super::super::tree::{BinaryOp, Expr, Literal, Truth};
use super::{Emit, Emitted, binary, cast, comparison, instant, like_pattern, number, text, typed};
use crate::catalog::{Column, ColumnType};
use crate::predicate::{CmpOp, PatternElement, Value};

pub(super) fn compare(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    op: CmpOp,
    value: &Value,
) -> Emitted {
    match (value, op) {
        (Value::Bool(value), CmpOp::Ne) => compare(emit, column, CmpOp::Eq, &Value::Bool(!value)),
        (Value::String(_), CmpOp::Eq) => is_in(emit, column, std::slice::from_ref(value), false),
        (Value::String(_), CmpOp::Ne) => is_in(emit, column, std::slice::from_ref(value), true),
        (Value::Datetime(at), _) => instants::compare(emit, column, op, *at),
        _ => Ok(binary(comparison(op), emit.column(column), emit.value(value))),
    }
}

pub(super) fn compare_columns(
    emit: &Emit<'_, '_>,
    left: &Column,
    op: CmpOp,
    right: &Column,
) -> Expr {
    match left.column_type {
        ColumnType::Text => {
            binary(comparison(op), texts::exact(emit, left), texts::exact(emit, right))
        }
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz => {
            instants::compare_columns(emit, left, op, right)
        }
        _ => binary(comparison(op), emit.column(left), emit.column(right)),
    }
}

/// That a parent's key is the row's.
pub(super) fn same_key(parent: (&Column, Expr), own: (&Column, Expr)) -> Expr {
    match parent.0.column_type {
        ColumnType::Text => texts::same(parent, own),
        _ => binary(BinaryOp::Eq, parent.1, own.1),
    }
}

pub(super) fn is_in(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    values: &[Value],
    negated: bool,
) -> Emitted {
    match column.column_type {
        ColumnType::Text => Ok(texts::is_in(emit, column, values, negated)),
        ColumnType::Uuid => {
            let uuid =
                |value: &&Value| matches!(value, Value::String(text) if is_canonical_uuid(text));
            let values = values.iter().filter(uuid);
            // Compared as UUIDs, so that an index serves.
            let list = values.map(|value| cast(emit.value(value), "UUID")).collect();
            Ok(among(emit.column(column), list, negated))
        }
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz => {
            instants::is_in(emit, column, values, negated)
        }
        _ => {
            let list = values.iter().map(|value| emit.value(value)).collect();
            Ok(among(emit.column(column), list, negated))
        }
    }
}

pub(super) fn like(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    pattern: &[PatternElement],
    negated: bool,
) -> Expr {
    if pattern.contains(&PatternElement::Char('\0')) {
        return among(emit.column(column), Vec::new(), negated);
    }
    texts::like(emit, column, like_pattern(pattern), negated)
}

/// `expr IN (list)`, or `expr = member`, or what an empty list comes to: no value is in it, and every value is not.
fn among(expr: Expr, mut list: Vec<Expr>, negated: bool) -> Expr {
    match (list.pop(), negated) {
        (None, false) => Expr::Literal(Literal::Bool(false)),
        (None, true) => Expr::Is { expr: Box::new(expr), test: Truth::Null, negated: true },
        (Some(only), _) if list.is_empty() => {
            binary(if negated { BinaryOp::NotEq } else { BinaryOp::Eq }, expr, only)
        }
        (Some(member), _) => {
            list.push(member);
            Expr::InList { expr: Box::new(expr), list, negated }
        }
    }
}

/// The placeholder of a value. Drivers differ in the type that they give an instant.
pub(super) fn bound(bind: usize, value: &Value) -> Expr {
    match value {
        Value::Datetime(_) => cast(Expr::Bind(bind), "TIMESTAMPTZ"),
        Value::Long(_) | Value::String(_) | Value::Bool(_) => Expr::Bind(bind),
    }
}

pub(super) fn written(value: &Value) -> Expr {
    match value {
        Value::Long(value) => number(*value),
        Value::String(value) => text(value),
        Value::Bool(value) => Expr::Literal(Literal::Bool(*value)),
        Value::Datetime(value) => typed("TIMESTAMPTZ", format!("{}+00", instant(*value))),
    }
}

pub(super) fn is_canonical_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|uuid| uuid.hyphenated().to_string() == text)
}
