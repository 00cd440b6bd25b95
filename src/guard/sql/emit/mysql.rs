//! MySQL and MariaDB.

use super::super::tree::{Expr, LikeKind, Literal};
use super::{Emit, Emitted, binary, comparison, like_pattern, number, text};
use crate::catalog::Column;
use crate::predicate::{CmpOp, PatternElement, Value};

pub(super) fn compare(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    op: CmpOp,
    value: &Value,
) -> Emitted {
    Ok(binary(comparison(op), emit.column(column), emit.value(value)))
}

pub(super) fn compare_columns(
    emit: &Emit<'_, '_>,
    left: &Column,
    op: CmpOp,
    right: &Column,
) -> Emitted {
    Ok(binary(comparison(op), emit.column(left), emit.column(right)))
}

pub(super) fn is_in(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    values: &[Value],
    negated: bool,
) -> Emitted {
    let list = values.iter().map(|value| emit.value(value)).collect();
    Ok(Expr::InList { expr: Box::new(emit.column(column)), list, negated })
}

pub(super) fn like(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    pattern: &[PatternElement],
    negated: bool,
) -> Emitted {
    let expr = Box::new(emit.column(column));
    let pattern = Box::new(emit.value(&Value::String(like_pattern(pattern))));
    let escape = Some(Box::new(text("!")));
    Ok(Expr::Like { kind: LikeKind::Like, expr, pattern, escape, negated })
}

pub(super) fn written(value: &Value) -> Expr {
    match value {
        Value::Long(value) | Value::Datetime(value) => number(*value),
        Value::String(value) => text(value),
        Value::Bool(value) => Expr::Literal(Literal::Bool(*value)),
    }
}
