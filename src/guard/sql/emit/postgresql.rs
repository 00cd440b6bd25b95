//! PostgreSQL.

use super::super::tree::{BinaryOp, Expr, LikeKind, Literal, Name};
use super::{
    Emit, Emitted, binary, call, cast, comparison, instant, like_pattern, number, text, typed,
};
use crate::catalog::{Column, ColumnType};
use crate::predicate::{CmpOp, PatternElement, Value};

/// The column as a value that compares exactly like the Cedar attribute.
fn operand(column: &Column, expr: Expr) -> Expr {
    match column.column_type {
        ColumnType::Timestamptz => milliseconds(expr),
        ColumnType::Timestamp => milliseconds(utc(expr)),
        ColumnType::Date => utc(cast(expr, "TIMESTAMP")),
        ColumnType::Uuid => cast(expr, "TEXT"),
        _ if column.collation.is_some() => {
            Expr::Collate { expr: Box::new(expr), collation: Name::new("C") }
        }
        _ => expr,
    }
}

pub(super) fn compare(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    op: CmpOp,
    value: &Value,
) -> Emitted {
    if let (Value::Bool(value), CmpOp::Ne) = (value, op) {
        return compare(emit, column, CmpOp::Eq, &Value::Bool(!value));
    }
    if let (ColumnType::Uuid, Value::String(text), CmpOp::Eq) = (column.column_type, value, op)
        && is_canonical_uuid(text)
    {
        // Compared as UUIDs, so that an index serves.
        let right = cast(emit.value(value), "UUID");
        return Ok(binary(BinaryOp::Eq, emit.column(column), right));
    }
    Ok(binary(comparison(op), operand(column, emit.column(column)), emit.value(value)))
}

pub(super) fn compare_columns(
    emit: &Emit<'_, '_>,
    left: &Column,
    op: CmpOp,
    right: &Column,
) -> Emitted {
    let operands = (operand(left, emit.column(left)), operand(right, emit.column(right)));
    Ok(binary(comparison(op), operands.0, operands.1))
}

pub(super) fn is_in(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    values: &[Value],
    negated: bool,
) -> Emitted {
    let list = values.iter().map(|value| emit.value(value)).collect();
    Ok(Expr::InList { expr: Box::new(operand(column, emit.column(column))), list, negated })
}

pub(super) fn like(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    pattern: &[PatternElement],
    negated: bool,
) -> Emitted {
    let expr = Box::new(operand(column, emit.column(column)));
    let pattern = Box::new(emit.value(&Value::String(like_pattern(pattern))));
    let escape = Some(Box::new(text("!")));
    Ok(Expr::Like { kind: LikeKind::Like, expr, pattern, escape, negated })
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

/// Cedar's datetime has milliseconds, PostgreSQL's microseconds.
fn milliseconds(expr: Expr) -> Expr {
    call("date_trunc", vec![text("milliseconds"), expr])
}

fn utc(expr: Expr) -> Expr {
    Expr::AtTimeZone { expr: Box::new(expr), zone: Box::new(text("UTC")) }
}

fn is_canonical_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|uuid| uuid.hyphenated().to_string() == text)
}
