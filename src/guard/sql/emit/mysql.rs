//! MySQL and MariaDB: collations ignore case, accents and trailing spaces, a boolean is a small integer, integers may be
//! unsigned, and a date may be zero.
//!
//! Texts are compared twice: as the column's collation does, which an index serves and which keeps every row that is
//! exactly equal, and byte by byte in UTF-8. Instants are compared in milliseconds since 1970, with the session's
//! `time_zone` at `+00:00`; a zero date is NULL there.

use super::super::tree::{BinaryOp, Expr, LikeKind, Literal};
use super::postgresql::is_canonical_uuid;
use super::{Emit, Emitted, and, binary, call, cast, comparison, like_pattern, number, text};
use crate::catalog::{Column, ColumnType};
use crate::predicate::{CmpOp, PatternElement, Value};

/// Seconds from the year 0, where `TO_SECONDS` begins, to 1970.
const EPOCH: i64 = 62_167_219_200;

/// The column as a value that compares exactly like the Cedar attribute.
fn operand(emit: &Emit<'_, '_>, column: &Column) -> Expr {
    exactly(column, emit.column(column))
}

pub(super) fn exactly(column: &Column, expr: Expr) -> Expr {
    match column.column_type {
        ColumnType::Text => cast(unicode(column, expr), "BINARY"),
        // MariaDB's: its bytes are not those of its text.
        ColumnType::Uuid => cast(cast(expr, "CHAR"), "BINARY"),
        ColumnType::Date => seconds(expr),
        ColumnType::Timestamp | ColumnType::Timestamptz => {
            let fraction = call("microsecond", vec![expr.clone()]);
            let fraction = binary(BinaryOp::IntegerDivide, fraction, number(1_000));
            binary(BinaryOp::Plus, seconds(expr), fraction)
        }
        ColumnType::Integer
        | ColumnType::Float
        | ColumnType::Decimal
        | ColumnType::Boolean
        | ColumnType::Bytes
        | ColumnType::Time
        | ColumnType::Interval
        | ColumnType::Json
        | ColumnType::Document
        | ColumnType::ObjectId
        | ColumnType::Other => expr,
    }
}

/// Milliseconds since 1970 of the whole seconds.
fn seconds(expr: Expr) -> Expr {
    let seconds = binary(BinaryOp::Minus, call("to_seconds", vec![expr]), number(EPOCH));
    binary(BinaryOp::Multiply, seconds, number(1_000))
}

/// A text in the characters of the policies' values.
fn unicode(column: &Column, expr: Expr) -> Expr {
    const SAME_BYTES: [&str; 4] = ["utf8mb4_", "utf8mb3_", "utf8_", "ascii_"];
    let collation = column.collation.as_deref().unwrap_or_default();
    if SAME_BYTES.iter().any(|prefix| collation.starts_with(prefix)) {
        expr
    } else {
        cast(expr, "UTF8MB4")
    }
}

/// The value as `operand` compares with it.
fn exact(emit: &mut Emit<'_, '_>, value: &Value) -> Expr {
    let expr = emit.value(value);
    match value {
        Value::String(_) => cast(expr, "BINARY"),
        Value::Long(_) | Value::Bool(_) | Value::Datetime(_) => expr,
    }
}

/// Whether the column's own comparison keeps every row that the exact one keeps, and quietly so.
fn has_loose(column: &Column, value: &Value) -> bool {
    match (column.column_type, value) {
        // The value is converted to the column's character set, with an error where that lacks a character.
        (ColumnType::Text, Value::String(text)) => {
            let collation = column.collation.as_deref().unwrap_or_default();
            text.is_ascii() || collation.starts_with("utf8mb4_")
        }
        // Any other text makes MariaDB warn.
        (ColumnType::Uuid, Value::String(text)) => is_canonical_uuid(text),
        _ => false,
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
    let loose = (op == CmpOp::Eq && has_loose(column, value))
        .then(|| binary(BinaryOp::Eq, emit.column(column), emit.value(value)));
    let test = binary(comparison(op), operand(emit, column), exact(emit, value));
    Ok(match (loose, op) {
        (Some(loose), _) => and(loose, test),
        (None, CmpOp::Eq | CmpOp::Lt | CmpOp::Le) => test,
        (None, CmpOp::Ne | CmpOp::Gt | CmpOp::Ge) => of_type(emit, column, test),
    })
}

/// Keeps only what Cedar can see: truth values, and integers of 64 bits with a sign.
fn of_type(emit: &Emit<'_, '_>, column: &Column, test: Expr) -> Expr {
    let declared = column.declared.to_ascii_lowercase();
    match column.column_type {
        ColumnType::Boolean => {
            let list = vec![number(0), number(1)];
            let expr = Box::new(emit.column(column));
            and(Expr::InList { expr, list, negated: false }, test)
        }
        // A type that is known to have a sign needs no bound; one that is not known may have none.
        ColumnType::Integer if declared.is_empty() || declared.contains("unsigned") => {
            and(binary(BinaryOp::LtEq, emit.column(column), number(i64::MAX)), test)
        }
        _ => test,
    }
}

pub(super) fn compare_columns(
    emit: &Emit<'_, '_>,
    left: &Column,
    op: CmpOp,
    right: &Column,
) -> Expr {
    let test = binary(comparison(op), operand(emit, left), operand(emit, right));
    let test = of_type(emit, right, test);
    of_type(emit, left, test)
}

/// That a parent's key is the row's. Columns of unlike collations must not meet as they are, which is an error.
pub(super) fn same_key(parent: (&Column, Expr), own: (&Column, Expr)) -> Expr {
    let equal = binary(BinaryOp::Eq, parent.1.clone(), own.1.clone());
    if parent.0.column_type != ColumnType::Text {
        return equal;
    }
    let alike = parent.0.collation.is_some() && parent.0.collation == own.0.collation;
    let exact = binary(BinaryOp::Eq, exactly(parent.0, parent.1), exactly(own.0, own.1));
    if alike { and(equal, exact) } else { exact }
}

pub(super) fn is_in(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    values: &[Value],
    negated: bool,
) -> Expr {
    let loose = (!negated && values.iter().all(|value| has_loose(column, value))).then(|| {
        let list = values.iter().map(|value| emit.value(value)).collect();
        Expr::InList { expr: Box::new(emit.column(column)), list, negated: false }
    });
    let list = values.iter().map(|value| exact(emit, value)).collect();
    let test = Expr::InList { expr: Box::new(operand(emit, column)), list, negated };
    match loose {
        Some(loose) => and(loose, test),
        None if negated => of_type(emit, column, test),
        None => test,
    }
}

pub(super) fn like(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    pattern: &[PatternElement],
    negated: bool,
) -> Expr {
    let expr = Box::new(operand(emit, column));
    // Byte by byte: the pattern has no `_`, and no character of UTF-8 begins inside another.
    let pattern = Box::new(exact(emit, &Value::String(like_pattern(pattern))));
    let escape = Some(Box::new(text("!")));
    Expr::Like { kind: LikeKind::Like, expr, pattern, escape, negated }
}

pub(super) fn written(value: &Value) -> Expr {
    match value {
        Value::Long(value) | Value::Datetime(value) => number(*value),
        Value::String(value) => text(value),
        Value::Bool(value) => Expr::Literal(Literal::Bool(*value)),
    }
}
