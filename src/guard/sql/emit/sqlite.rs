//! SQLite: columns hold values of any type, collations are the column's, `LIKE` ignores case.

use super::super::tree::{BinaryOp, Expr, LikeKind, Name, UnaryOp};
use super::{Emit, Emitted, and, binary, call, cast, comparison, number, text};
use crate::catalog::{Column, ColumnType};
use crate::predicate::{CmpOp, PatternElement, Value};

/// The column as a value that compares exactly like the Cedar attribute.
fn operand(column: &Column, expr: Expr) -> Expr {
    match column.column_type {
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz => milliseconds(&expr),
        _ if column.collation.is_some() => {
            Expr::Collate { expr: Box::new(expr), collation: Name::new("BINARY") }
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
        // 2 in a boolean column is neither true nor false.
        return compare(emit, column, CmpOp::Eq, &Value::Bool(!value));
    }
    let left = operand(column, emit.column(column));
    let exact = binary(comparison(op), left, emit.value(value));
    if op == CmpOp::Eq {
        if column.collation.is_some() {
            // The loose comparison keeps every row that the exact one does, and an index serves it.
            let loose = binary(BinaryOp::Eq, emit.column(column), emit.value(value));
            return Ok(and(loose, exact));
        }
        return Ok(exact);
    }
    Ok(of_type(emit, column, exact))
}

/// Every text is greater than every number: only values of the column's own type are the Cedar attribute.
fn of_type(emit: &Emit<'_, '_>, column: &Column, test: Expr) -> Expr {
    let stored = match column.column_type {
        ColumnType::Integer | ColumnType::Boolean => "integer",
        ColumnType::Text | ColumnType::Uuid => "text",
        _ => return test,
    };
    and(binary(BinaryOp::Eq, call("typeof", vec![emit.column(column)]), text(stored)), test)
}

pub(super) fn compare_columns(
    emit: &Emit<'_, '_>,
    left: &Column,
    op: CmpOp,
    right: &Column,
) -> Expr {
    let operands = (operand(left, emit.column(left)), operand(right, emit.column(right)));
    let test = binary(comparison(op), operands.0, operands.1);
    let test = of_type(emit, right, test);
    of_type(emit, left, test)
}

/// That a parent's key is the row's: values of one storage class are equal or not, whatever the columns are for. The
/// parent's collation decides on the left, and an index of it serves.
pub(super) fn same_key(parent: (&Column, Expr), own: (&Column, Expr)) -> Expr {
    let loose = binary(BinaryOp::Eq, parent.1.clone(), own.1.clone());
    if parent.0.collation.is_none() {
        return loose;
    }
    and(loose, binary(BinaryOp::Eq, operand(parent.0, parent.1), operand(own.0, own.1)))
}

pub(super) fn is_in(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    values: &[Value],
    negated: bool,
) -> Expr {
    let list = values.iter().map(|value| emit.value(value)).collect();
    let expr = Box::new(operand(column, emit.column(column)));
    let test = Expr::InList { expr, list, negated };
    if negated { of_type(emit, column, test) } else { test }
}

pub(super) fn like(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    pattern: &[PatternElement],
    negated: bool,
) -> Expr {
    let expr = Box::new(operand(column, emit.column(column)));
    let pattern = Box::new(emit.value(&Value::String(glob(pattern))));
    let mut test = Expr::Like { kind: LikeKind::Glob, expr, pattern, escape: None, negated: false };
    if negated {
        // The parser does not read `NOT GLOB`.
        test = Expr::Unary { op: UnaryOp::Not, expr: Box::new(test) };
    }
    // GLOB reads a text up to its first U+0000; such a text matches no pattern, nor its negation.
    let nul = call("instr", vec![emit.column(column), call("char", vec![number(0)])]);
    of_type(emit, column, and(binary(BinaryOp::Eq, nul, number(0)), test))
}

pub(super) fn written(value: &Value) -> Expr {
    match value {
        Value::Long(value) | Value::Datetime(value) => number(*value),
        Value::String(value) => text(value),
        Value::Bool(value) => number(i64::from(*value)),
    }
}

/// Milliseconds since 1970 of a text that starts with a date; NULL for any other (SQLite would read `now`, or a
/// Julian day number).
fn milliseconds(column: &Expr) -> Expr {
    let shape = Expr::Like {
        kind: LikeKind::Glob,
        expr: Box::new(column.clone()),
        pattern: Box::new(text("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*")),
        escape: None,
        negated: false,
    };
    let seconds = binary(BinaryOp::Multiply, call("unixepoch", vec![column.clone()]), number(1000));
    let fraction =
        call("substr", vec![call("strftime", vec![text("%f"), column.clone()]), number(4)]);
    let instant = binary(BinaryOp::Plus, seconds, cast(fraction, "INTEGER"));
    Expr::Case { operand: None, branches: vec![(shape, instant)], otherwise: None }
}

/// A pattern for SQLite's GLOB, which is case-sensitive: `*` is a run, and `* ? [` are literal inside brackets.
fn glob(pattern: &[PatternElement]) -> String {
    let mut text = String::new();
    for element in pattern {
        match element {
            PatternElement::AnyRun => text.push('*'),
            PatternElement::Char(c @ ('*' | '?' | '[')) => text.extend(['[', *c, ']']),
            PatternElement::Char(c) => text.push(*c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_escape_what_glob_reads() {
        let pattern: Vec<PatternElement> =
            "a%_!*?[]".chars().map(PatternElement::Char).chain([PatternElement::AnyRun]).collect();
        assert_eq!(glob(&pattern), "a%_![*][?][[]]*");
    }
}
