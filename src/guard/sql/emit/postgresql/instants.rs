//! Dates and times. Cedar has milliseconds and PostgreSQL microseconds, so an instant of Cedar is a range here, and
//! every comparison with one is a comparison with a bound, which an index serves.
//!
//! `infinity` and `-infinity` are no instants: no comparison is true of them.
//! <https://www.postgresql.org/docs/current/datatype-datetime.html>

use super::super::super::tree::{BinaryOp, Expr, Literal};
use super::super::unknown;
use super::super::{
    Emit, Emitted, Values, and, binary, call, cast, comparison, instant, text, typed,
};
use crate::catalog::{Column, ColumnType};
use crate::predicate::{CmpOp, Value};

/// The first millisecond that a `timestamptz` holds, in 4714 BC, and the first after its last, 294277-01-01.
const FIRST_MS: i64 = -210_866_803_200_000;
const END_MS: i64 = 9_224_318_016_000_000;
const DAY_MS: i64 = 86_400_000;
/// 400 years: dates repeat.
const CYCLE_MS: i64 = 146_097 * DAY_MS;
/// The start of the year 1.
const COMMON_ERA_MS: i64 = -62_135_596_800_000;

pub(super) fn compare(emit: &mut Emit<'_, '_>, column: &Column, op: CmpOp, at: i64) -> Emitted {
    if at < FIRST_MS {
        return Ok(settled(emit, column, matches!(op, CmpOp::Ne | CmpOp::Gt | CmpOp::Ge)));
    }
    if column.column_type == ColumnType::Date {
        return day(emit, column, op, at);
    }
    if at >= END_MS {
        return Ok(settled(emit, column, matches!(op, CmpOp::Ne | CmpOp::Lt | CmpOp::Le)));
    }
    let next = at + 1;
    if next == END_MS {
        return Err(unknown("the last instant that the database holds"));
    }
    let mut bound = |op, at| {
        let value = constant(emit, column, at);
        binary(op, emit.column(column), value)
    };
    let test = match op {
        CmpOp::Eq => return Ok(and(bound(BinaryOp::GtEq, at), bound(BinaryOp::Lt, next))),
        CmpOp::Ne => binary(BinaryOp::Or, bound(BinaryOp::Lt, at), bound(BinaryOp::GtEq, next)),
        CmpOp::Lt => bound(BinaryOp::Lt, at),
        CmpOp::Le => bound(BinaryOp::Lt, next),
        CmpOp::Gt => bound(BinaryOp::GtEq, next),
        CmpOp::Ge => bound(BinaryOp::GtEq, at),
    };
    Ok(and(test, finite(emit, column)))
}

/// Days are compared as days: a day beyond the last `timestamptz` is a day all the same.
fn day(emit: &mut Emit<'_, '_>, column: &Column, op: CmpOp, at: i64) -> Emitted {
    if at >= END_MS || at.rem_euclid(DAY_MS) != 0 {
        return Err(unknown("an instant that is no day of the database"));
    }
    let value = constant(emit, column, at);
    let test = binary(comparison(op), emit.column(column), value);
    Ok(if op == CmpOp::Eq { test } else { and(test, finite(emit, column)) })
}

pub(super) fn compare_columns(
    emit: &Emit<'_, '_>,
    left: &Column,
    op: CmpOp,
    right: &Column,
) -> Expr {
    let operand = |column: &Column| match column.column_type {
        ColumnType::Date => emit.column(column),
        _ => call("date_trunc", vec![text("milliseconds"), emit.column(column)]),
    };
    let test = binary(comparison(op), operand(left), operand(right));
    and(and(test, finite(emit, left)), finite(emit, right))
}

pub(super) fn is_in(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    values: &[Value],
    negated: bool,
) -> Emitted {
    let (op, connective) =
        if negated { (CmpOp::Ne, BinaryOp::And) } else { (CmpOp::Eq, BinaryOp::Or) };
    let mut tests = values.iter().map(|value| match value {
        Value::Datetime(at) => compare(emit, column, op, *at),
        Value::Long(_) | Value::String(_) | Value::Bool(_) => {
            Err(unknown("an instant of another type"))
        }
    });
    let first = tests.next().unwrap_or_else(|| Err(unknown("an empty list")))?;
    tests.try_fold(first, |left, right| Ok(binary(connective, left, right?)))
}

/// A comparison with an instant that is before, or after, every one that the column can hold.
fn settled(emit: &Emit<'_, '_>, column: &Column, holds: bool) -> Expr {
    if holds { finite(emit, column) } else { Expr::Literal(Literal::Bool(false)) }
}

fn finite(emit: &Emit<'_, '_>, column: &Column) -> Expr {
    call("isfinite", vec![emit.column(column)])
}

/// The instant as a value of the column's type, whatever the session's time zone.
fn constant(emit: &mut Emit<'_, '_>, column: &Column, at: i64) -> Expr {
    if !matches!(emit.values, Values::Bound(_)) {
        let (day, time, era) = written(at);
        return match column.column_type {
            ColumnType::Date => typed("DATE", format!("{day}{era}")),
            ColumnType::Timestamp => typed("TIMESTAMP", format!("{day} {time}{era}")),
            _ => typed("TIMESTAMPTZ", format!("{day} {time}+00{era}")),
        };
    }
    let value = emit.value(&Value::Datetime(at));
    match column.column_type {
        ColumnType::Date => cast(utc(value), "DATE"),
        ColumnType::Timestamp => utc(value),
        _ => value,
    }
}

fn utc(expr: Expr) -> Expr {
    Expr::AtTimeZone { expr: Box::new(expr), zone: Box::new(text("UTC")) }
}

/// Day and time in UTC, and the mark of years before the first.
fn written(at: i64) -> (String, String, &'static str) {
    // Twelve cycles before: the earliest is 4714 BC.
    let era = at < COMMON_ERA_MS;
    let text = instant(if era { at + 12 * CYCLE_MS } else { at });
    let (day, time) = text.split_once(' ').unwrap_or((text.as_str(), ""));
    let (year, rest) = day.split_once('-').unwrap_or((day, ""));
    let day = match year.parse::<i64>() {
        Ok(year) if era => format!("{:04}-{rest}", 4_801 - year),
        Ok(_) | Err(_) => day.to_owned(),
    };
    (day, time.to_owned(), if era { " BC" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_before_the_year_one_are_of_the_other_era() {
        let text = |at| {
            let (day, time, era) = written(at);
            format!("{day} {time}{era}")
        };
        assert_eq!(text(0), "1970-01-01 00:00:00.000");
        assert_eq!(text(COMMON_ERA_MS), "0001-01-01 00:00:00.000");
        assert_eq!(text(COMMON_ERA_MS - 1), "0001-12-31 23:59:59.999 BC");
        assert_eq!(text(FIRST_MS), "4714-11-24 00:00:00.000 BC");
        assert_eq!(text(END_MS - 1), "294276-12-31 23:59:59.999");
    }
}
