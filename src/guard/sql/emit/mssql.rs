//! SQL Server.
//!
//! # Texts
//!
//! No collation compares texts as they are. `_CI_`, `_AI_` and those without `_KS_` or `_WS_` call unequal texts equal, and
//! under each of them, binary ones too, the shorter text is padded with spaces: `'a' = 'a '`
//! (<https://learn.microsoft.com/en-us/sql/t-sql/language-elements/string-comparison-assignment>). So an equality is said
//! twice. Loosely, `c = @P1`: under the column's own collation every text equals itself, so this keeps all that matter,
//! and an index serves it. And exactly, with what collations add taken away:
//!
//! * `CAST(c AS NVARCHAR(MAX))` first. A VARCHAR holds bytes of its collation's code page, and naming another collation
//!   would translate them with loss; as Unicode every text is itself.
//! * `COLLATE Latin1_General_100_BIN2` compares code units
//!   (<https://learn.microsoft.com/en-us/sql/relational-databases/collations/collation-and-unicode-support#Binary-collations>).
//! * A full stop after both sides takes the padding away. Were `c` shorter than the value, its stop would stand where the
//!   value still has a character, and the value's stop would meet padding, which is a space: unequal, whatever the rest.
//!   The stop is joined to an NVARCHAR(MAX), as anything shorter is cut at 4,000 characters without a word. It is NULL
//!   where `c` is (`CONCAT_NULL_YIELDS_NULL`, which [`MSSQL_SESSION`](super::super::dialect::MSSQL_SESSION) pins).
//!
//! Casting both sides to VARBINARY was not taken: binaries are padded too, with zeros, and would need their lengths.
//!
//! Of a CHAR or NCHAR column the padding to its width is not part of the value.
//!
//! # Instants
//!
//! A bind is the milliseconds since 1970 as a BIGINT. `DATEDIFF_BIG` counts the boundaries between two instants, which
//! from a whole second is the number of whole milliseconds: what is finer is cut off, before 1970 too. A DATETIME has
//! thirds of a hundredth of a second, and is what it is written as: .000, .003 or .007.

use super::super::tree::{BinaryOp, Expr, LikeKind, Literal, Name, SqlType};
use super::{Emit, Emitted, and, binary, call, cast, comparison, number, text};
use crate::catalog::{Column, ColumnType};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{CmpOp, PatternElement, Value};

const CODE_UNITS: &str = "Latin1_General_100_BIN2";

/// The longest pattern that LIKE takes, in characters of two bytes; one beyond the BMP is two.
const MAX_PATTERN: usize = 4_000;

/// How a column is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// As it is.
    Plain,
    Text,
    Uuid,
    Instant,
}

fn kind(column: &Column) -> Comparison {
    match column.column_type {
        ColumnType::Text => Comparison::Text,
        ColumnType::Uuid => Comparison::Uuid,
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz => Comparison::Instant,
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
        | ColumnType::Other => Comparison::Plain,
    }
}

/// The name of the declared type: `nvarchar` of `nvarchar(20)`.
fn declared(column: &Column) -> String {
    let word =
        column.declared.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    word.to_ascii_lowercase()
}

fn national(text: &str) -> Expr {
    Expr::Literal(Literal::National(text.to_owned()))
}

fn sized(expr: Expr, name: &'static str, size: u16) -> Expr {
    Expr::Cast { expr: Box::new(expr), to: SqlType { name, modifiers: (Some(size), None) } }
}

/// A text with its end marked, so that no padding makes it another's equal.
fn ended(text: Expr) -> Expr {
    binary(BinaryOp::Plus, cast(text, "NVARCHAR(MAX)"), national("."))
}

fn by_code_units(expr: Expr) -> Expr {
    Expr::Collate { expr: Box::new(expr), collation: Name::new(CODE_UNITS) }
}

/// The column as a text.
fn as_text(column: &Column, expr: Expr) -> Expr {
    match (kind(column), declared(column).as_str()) {
        // SQL Server writes it in capitals.
        (Comparison::Uuid, _) => call("lower", vec![cast(expr, "NVARCHAR(MAX)")]),
        (_, "char" | "nchar") => call("rtrim", vec![expr]),
        _ => expr,
    }
}

/// The column as a value that compares exactly like the Cedar attribute.
fn operand(column: &Column, expr: Expr) -> Expr {
    match kind(column) {
        Comparison::Plain => expr,
        Comparison::Text | Comparison::Uuid => by_code_units(ended(as_text(column, expr))),
        Comparison::Instant => milliseconds(column, expr),
    }
}

/// Milliseconds since 1970, as Cedar counts them.
fn milliseconds(column: &Column, expr: Expr) -> Expr {
    let instant = match (column.column_type, declared(column).as_str()) {
        (ColumnType::Timestamptz, _) => {
            cast(call("switchoffset", vec![expr, text("+00:00")]), "DATETIME2")
        }
        (_, "datetime") => sized(expr, "DATETIME2", 3),
        _ => cast(expr, "DATETIME2"),
    };
    let epoch = cast(text("1970-01-01"), "DATETIME2");
    call("datediff_big", vec![Expr::DatePart("millisecond"), epoch, instant])
}

/// A value for the exact comparison.
fn exact_value(emit: &mut Emit<'_, '_>, column: &Column, value: &Value) -> Expr {
    let bind = emit.value(value);
    match kind(column) {
        Comparison::Text | Comparison::Uuid => ended(bind),
        Comparison::Plain | Comparison::Instant => bind,
    }
}

/// A value for the loose comparison, which an index serves. Beside an NVARCHAR a VARCHAR column would be converted, and
/// some collations then have no use for its index; an ASCII text is the same in every code page.
fn loose_value(emit: &mut Emit<'_, '_>, column: &Column, value: &Value) -> Option<Expr> {
    let Value::String(written) = value else { return None };
    match kind(column) {
        Comparison::Text => {
            let narrow = matches!(declared(column).as_str(), "varchar" | "char");
            let bind = emit.value(value);
            Some(if narrow && written.is_ascii() && written.len() <= 8_000 {
                sized(bind, "VARCHAR", 8_000)
            } else {
                bind
            })
        }
        // Only a text that is a UUID can be read as one.
        Comparison::Uuid if super::postgresql::is_canonical_uuid(written) => {
            Some(cast(emit.value(value), "UNIQUEIDENTIFIER"))
        }
        Comparison::Uuid | Comparison::Plain | Comparison::Instant => None,
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
    let subject = emit.column(column);
    let loose = if op == CmpOp::Eq { loose_value(emit, column, value) } else { None };
    let loose = loose.map(|value| binary(BinaryOp::Eq, subject.clone(), value));
    match (loose, kind(column)) {
        // A UUID is equal to itself and to nothing else.
        (Some(loose), Comparison::Uuid) => Ok(loose),
        (loose, _) => {
            let value = exact_value(emit, column, value);
            let exact = binary(comparison(op), operand(column, subject), value);
            Ok(loose.map_or(exact.clone(), |loose| and(loose, exact)))
        }
    }
}

pub(super) fn compare_columns(
    emit: &Emit<'_, '_>,
    left: &Column,
    op: CmpOp,
    right: &Column,
) -> Expr {
    let operands = (operand(left, emit.column(left)), operand(right, emit.column(right)));
    binary(comparison(op), operands.0, operands.1)
}

/// That a parent's key is the row's. Columns of unlike collations must not meet as they are, which is an error.
pub(super) fn same_key(parent: (&Column, Expr), own: (&Column, Expr)) -> Expr {
    let equal = binary(BinaryOp::Eq, parent.1.clone(), own.1.clone());
    if kind(parent.0) != Comparison::Text {
        return equal;
    }
    let alike = parent.0.collation.is_some() && parent.0.collation == own.0.collation;
    let exact = binary(BinaryOp::Eq, operand(parent.0, parent.1), operand(own.0, own.1));
    if alike { and(equal, exact) } else { exact }
}

pub(super) fn is_in(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    values: &[Value],
    negated: bool,
) -> Expr {
    let subject = emit.column(column);
    let among = |expr: Expr, list: Vec<Expr>, negated: bool| Expr::InList {
        expr: Box::new(expr),
        list,
        negated,
    };
    let loose: Option<Vec<Expr>> =
        values.iter().map(|value| loose_value(emit, column, value)).collect();
    match (loose, kind(column)) {
        (Some(loose), Comparison::Uuid) => among(subject, loose, negated),
        (loose, _) => {
            let list = values.iter().map(|value| exact_value(emit, column, value)).collect();
            let exact = among(operand(column, subject.clone()), list, negated);
            match loose.filter(|_| !negated) {
                Some(loose) => and(among(subject, loose, false), exact),
                None => exact,
            }
        }
    }
}

/// The end is marked in the pattern too: LIKE minds trailing spaces of some types and not of others.
pub(super) fn like(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    pattern: &[PatternElement],
    negated: bool,
) -> Emitted {
    let pattern = like_pattern(pattern);
    if pattern.encode_utf16().count() > MAX_PATTERN {
        return Err(Refusal::new(
            RefusalCode::Unsupported,
            "the filter holds a pattern that is too long",
            "correct the policy",
        ));
    }
    let expr = Box::new(operand(column, emit.column(column)));
    let pattern = Box::new(emit.value(&Value::String(pattern)));
    let escape = Some(Box::new(text("!")));
    Ok(Expr::Like { kind: LikeKind::Like, expr, pattern, escape, negated })
}

/// A pattern for LIKE with `!` as the escape, and with the end of the text in it. A bracket begins a class of characters:
/// <https://learn.microsoft.com/en-us/sql/t-sql/language-elements/like-transact-sql>.
fn like_pattern(pattern: &[PatternElement]) -> String {
    let mut text = String::new();
    for element in pattern {
        match element {
            PatternElement::AnyRun => text.push('%'),
            PatternElement::Char(c @ ('%' | '_' | '[' | '!')) => text.extend(['!', *c]),
            PatternElement::Char(c) => text.push(*c),
        }
    }
    text.push('.');
    text
}

pub(super) fn written(value: &Value) -> Expr {
    match value {
        Value::Long(value) | Value::Datetime(value) => number(*value),
        Value::String(value) if value.is_ascii() => text(value),
        Value::String(value) => national(value),
        Value::Bool(value) => number(i64::from(*value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQL Server compares: the shorter text is padded with spaces.
    fn padded_equal(left: &str, right: &str) -> bool {
        let (left, right): (Vec<char>, Vec<char>) =
            (left.chars().collect(), right.chars().collect());
        let at = |text: &[char], index: usize| text.get(index).copied().unwrap_or(' ');
        (0..left.len().max(right.len())).all(|index| at(&left, index) == at(&right, index))
    }

    /// The argument of the module's documentation, tried on every pair of short texts of the letters that could break it.
    #[test]
    fn a_marked_end_takes_the_padding_away() {
        let mut texts = vec![String::new()];
        for length in 0..3 {
            let longer: Vec<String> = texts
                .iter()
                .filter(|text| text.chars().count() == length)
                .flat_map(|text| ['a', ' ', '.', '\0', '\u{a0}'].map(|c| format!("{text}{c}")))
                .collect();
            texts.extend(longer);
        }
        assert!(padded_equal("a", "a  "), "without the mark they would be equal");
        for left in &texts {
            for right in &texts {
                let marked = padded_equal(&format!("{left}."), &format!("{right}."));
                assert_eq!(marked, left == right, "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn patterns_escape_what_like_reads_and_end() {
        let pattern: Vec<PatternElement> =
            "a%_!*?[]^".chars().map(PatternElement::Char).chain([PatternElement::AnyRun]).collect();
        assert_eq!(like_pattern(&pattern), "a!%!_!!*?![]^%.");
    }
}
