//! From a predicate to an expression of the dialect. Values become binds.
//!
//! Each atom must be true, in the database, on exactly the rows on which [`Predicate::evaluate`] gives `Some(true)`.
//! What SQL comparison adds to that is taken away here: collations that call unequal strings equal, SQLite's
//! dynamic types, `LIKE` that ignores case, fractions of a millisecond that Cedar does not see.

use super::Dialect;
use super::tree::{
    Arguments, BinaryOp, Expr, Function, LikeKind, Literal, Name, SqlType, Truth, UnaryOp,
};
use crate::catalog::{Column, ColumnName, ColumnType, Relation};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{CmpOp, PatternElement, Predicate, Value};

/// How values are written.
#[derive(Debug)]
pub(super) enum Values<'a> {
    /// As placeholders; the values are collected.
    // INVARIANT (values are bound): what runs is printed in this mode only.
    Bound(&'a mut Vec<Value>),
    /// As literals, for people.
    Written,
}

/// Emits predicates over one relation occurrence.
pub(super) struct Emit<'a, 'v> {
    pub(super) dialect: Dialect,
    pub(super) relation: &'a Relation,
    /// Written before each column; absent where nothing else is in scope.
    pub(super) qualifier: Option<&'a Name>,
    pub(super) values: Values<'v>,
}

type Emitted = Result<Expr, Refusal>;

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary { op, left: Box::new(left), right: Box::new(right) }
}

pub(super) fn and(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::And, left, right)
}

fn text(value: &str) -> Expr {
    Expr::Literal(Literal::String(value.to_owned()))
}

fn number(value: i64) -> Expr {
    let digits = Expr::Literal(Literal::Number(value.unsigned_abs().to_string()));
    if value < 0 { Expr::Unary { op: UnaryOp::Minus, expr: Box::new(digits) } } else { digits }
}

fn call(name: &'static str, args: Vec<Expr>) -> Expr {
    Expr::Function(Box::new(Function {
        name,
        distinct: false,
        args: Arguments::List(args),
        order_by: Vec::new(),
        within_group: Vec::new(),
        filter: None,
        over: None,
    }))
}

fn cast(expr: Expr, name: &'static str) -> Expr {
    Expr::Cast { expr: Box::new(expr), to: SqlType { name, modifiers: (None, None) } }
}

fn typed(name: &'static str, value: String) -> Expr {
    Expr::Literal(Literal::Typed(SqlType { name, modifiers: (None, None) }, value))
}

fn comparison(op: CmpOp) -> BinaryOp {
    match op {
        CmpOp::Eq => BinaryOp::Eq,
        CmpOp::Ne => BinaryOp::NotEq,
        CmpOp::Lt => BinaryOp::Lt,
        CmpOp::Le => BinaryOp::LtEq,
        CmpOp::Gt => BinaryOp::Gt,
        CmpOp::Ge => BinaryOp::GtEq,
    }
}

impl Emit<'_, '_> {
    pub(super) fn predicate(&mut self, predicate: &Predicate) -> Emitted {
        match predicate {
            Predicate::And(operands) => self.joined(BinaryOp::And, operands),
            Predicate::Or(operands) => self.joined(BinaryOp::Or, operands),
            Predicate::Compare { column, op, value } => self.compare(column, *op, value),
            Predicate::CompareColumns { left, op, right } => self.compare_columns(left, *op, right),
            Predicate::In { column, values, negated } => self.is_in(column, values, *negated),
            Predicate::Like { column, pattern, negated } => self.like(column, pattern, *negated),
            Predicate::IsNull { column, negated } => {
                let expr = Box::new(self.column(&self.known(column)?));
                Ok(Expr::Is { expr, test: Truth::Null, negated: *negated })
            }
        }
    }

    fn joined(&mut self, op: BinaryOp, operands: &[Predicate]) -> Emitted {
        let mut emitted = operands.iter().map(|operand| self.predicate(operand));
        let first = emitted.next().unwrap_or_else(|| Err(unknown("an empty connective")))?;
        emitted.try_fold(first, |left, right| Ok(binary(op, left, right?)))
    }

    // INVARIANT (exact or refused): a predicate over a column that the catalog does not list is refused, so that a
    // typing error in a policy cannot become a comparison of constants (rule F8).
    fn known(&self, name: &ColumnName) -> Result<Column, Refusal> {
        self.relation
            .column(name)
            .cloned()
            .ok_or_else(|| unknown("a column that the catalog lacks"))
    }

    fn column(&self, column: &Column) -> Expr {
        let name = Name::new(column.name.as_str());
        Expr::Column(self.qualifier.cloned().into_iter().chain([name]).collect())
    }

    fn value(&mut self, value: &Value) -> Expr {
        match &mut self.values {
            Values::Bound(values) => {
                let bind = values.iter().position(|known| known == value).map_or_else(
                    || {
                        values.push(value.clone());
                        values.len()
                    },
                    |index| index + 1,
                );
                match (self.dialect, value) {
                    (Dialect::Postgresql, Value::Datetime(_)) => {
                        cast(Expr::Bind(bind), "TIMESTAMPTZ")
                    }
                    _ => Expr::Bind(bind),
                }
            }
            Values::Written => written(value, self.dialect),
        }
    }

    /// The column as a value that compares exactly like the Cedar attribute.
    fn operand(&self, column: &Column) -> Expr {
        let column_type = column.column_type;
        let collated = column.collation.is_some();
        let expr = self.column(column);
        match (self.dialect, column_type) {
            (
                Dialect::Sqlite,
                ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz,
            ) => sqlite_milliseconds(&expr),
            (Dialect::Postgresql, ColumnType::Timestamptz) => milliseconds(expr),
            (Dialect::Postgresql, ColumnType::Timestamp) => milliseconds(utc(expr)),
            (Dialect::Postgresql, ColumnType::Date) => utc(cast(expr, "TIMESTAMP")),
            (Dialect::Postgresql, ColumnType::Uuid) => cast(expr, "TEXT"),
            _ if collated => {
                let collation = if self.dialect == Dialect::Sqlite { "BINARY" } else { "C" };
                Expr::Collate { expr: Box::new(expr), collation: Name::new(collation) }
            }
            _ => expr,
        }
    }

    fn compare(&mut self, name: &ColumnName, op: CmpOp, value: &Value) -> Emitted {
        let column = self.known(name)?;
        if let (Value::Bool(value), CmpOp::Ne) = (value, op) {
            // SQLite keeps 2 in a boolean column: neither true nor false.
            return self.compare(name, CmpOp::Eq, &Value::Bool(!value));
        }
        if let (Dialect::Postgresql, ColumnType::Uuid, Value::String(text), CmpOp::Eq) =
            (self.dialect, column.column_type, value, op)
            && is_canonical_uuid(text)
        {
            // Compared as UUIDs, so that an index serves.
            let right = cast(self.value(value), "UUID");
            return Ok(binary(BinaryOp::Eq, self.column(&column), right));
        }
        let exact = binary(comparison(op), self.operand(&column), self.value(value));
        if op == CmpOp::Eq {
            if column.collation.is_some() && self.dialect == Dialect::Sqlite {
                // The loose comparison keeps every row that the exact one does, and an index serves it.
                let loose = binary(BinaryOp::Eq, self.column(&column), self.value(value));
                return Ok(and(loose, exact));
            }
            return Ok(exact);
        }
        Ok(self.of_type(&column, exact))
    }

    /// SQLite columns hold values of any type, and every text is greater than every number: only values of the
    /// column's own type are the Cedar attribute.
    fn of_type(&self, column: &Column, test: Expr) -> Expr {
        let stored = match (self.dialect, column.column_type) {
            (Dialect::Sqlite, ColumnType::Integer | ColumnType::Boolean) => "integer",
            (Dialect::Sqlite, ColumnType::Text | ColumnType::Uuid) => "text",
            _ => return test,
        };
        and(binary(BinaryOp::Eq, call("typeof", vec![self.column(column)]), text(stored)), test)
    }

    fn compare_columns(&mut self, left: &ColumnName, op: CmpOp, right: &ColumnName) -> Emitted {
        let (left, right) = (self.known(left)?, self.known(right)?);
        let test = binary(comparison(op), self.operand(&left), self.operand(&right));
        let test = self.of_type(&right, test);
        Ok(self.of_type(&left, test))
    }

    fn is_in(&mut self, name: &ColumnName, values: &[Value], negated: bool) -> Emitted {
        let column = self.known(name)?;
        let list = values.iter().map(|value| self.value(value)).collect();
        let test = Expr::InList { expr: Box::new(self.operand(&column)), list, negated };
        Ok(if negated { self.of_type(&column, test) } else { test })
    }

    fn like(&mut self, name: &ColumnName, pattern: &[PatternElement], negated: bool) -> Emitted {
        let column = self.known(name)?;
        let subject = Box::new(self.operand(&column));
        match self.dialect {
            Dialect::Sqlite => {
                let pattern = Box::new(self.value(&Value::String(glob(pattern))));
                let escape = None;
                let mut test = Expr::Like {
                    kind: LikeKind::Glob,
                    expr: subject,
                    pattern,
                    escape,
                    negated: false,
                };
                if negated {
                    // The parser does not read `NOT GLOB`.
                    test = Expr::Unary { op: UnaryOp::Not, expr: Box::new(test) };
                }
                // GLOB reads a text up to its first U+0000; such a text matches no pattern, nor its negation.
                let nul = call("instr", vec![self.column(&column), call("char", vec![number(0)])]);
                Ok(self.of_type(&column, and(binary(BinaryOp::Eq, nul, number(0)), test)))
            }
            Dialect::Postgresql | Dialect::Mysql | Dialect::Mssql => {
                let pattern = Box::new(self.value(&Value::String(like_pattern(pattern))));
                let escape = Some(Box::new(text("!")));
                Ok(Expr::Like { kind: LikeKind::Like, expr: subject, pattern, escape, negated })
            }
        }
    }
}

fn unknown(what: &str) -> Refusal {
    Refusal::new(RefusalCode::Unsupported, format!("the filter holds {what}"), "correct the policy")
}

fn written(value: &Value, dialect: Dialect) -> Expr {
    match (value, dialect) {
        (Value::Long(value), _)
        | (Value::Datetime(value), Dialect::Sqlite | Dialect::Mysql | Dialect::Mssql) => {
            number(*value)
        }
        (Value::String(value), _) => text(value),
        (Value::Bool(value), Dialect::Sqlite | Dialect::Mssql) => number(i64::from(*value)),
        (Value::Bool(value), Dialect::Postgresql | Dialect::Mysql) => Expr::Literal(Literal::Bool(*value)),
        (Value::Datetime(value), Dialect::Postgresql) => typed("TIMESTAMPTZ", instant(*value)),
    }
}

/// Milliseconds since 1970 of a text that starts with a date; NULL for any other (SQLite would read `now`, or a
/// Julian day number).
fn sqlite_milliseconds(column: &Expr) -> Expr {
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
    let milliseconds = binary(BinaryOp::Plus, seconds, cast(fraction, "INTEGER"));
    Expr::Case { operand: None, branches: vec![(shape, milliseconds)], otherwise: None }
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

/// A pattern for LIKE with `!` as the escape.
fn like_pattern(pattern: &[PatternElement]) -> String {
    let mut text = String::new();
    for element in pattern {
        match element {
            PatternElement::AnyRun => text.push('%'),
            PatternElement::Char(c @ ('%' | '_' | '!')) => text.extend(['!', *c]),
            PatternElement::Char(c) => text.push(*c),
        }
    }
    text
}

/// An instant as `YYYY-MM-DD HH:MM:SS.fff+00`: days to civil date after Howard Hinnant's `civil_from_days`.
fn instant(milliseconds: i64) -> String {
    let (days, rest) = (milliseconds.div_euclid(86_400_000), milliseconds.rem_euclid(86_400_000));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, fraction) = (rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}.{fraction:03}+00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_civil_dates() {
        assert_eq!(instant(0), "1970-01-01 00:00:00.000+00");
        assert_eq!(instant(-1), "1969-12-31 23:59:59.999+00");
        assert_eq!(instant(1_709_164_800_001), "2024-02-29 00:00:00.001+00");
    }

    #[test]
    fn patterns_escape_what_their_engine_reads() {
        let pattern: Vec<PatternElement> =
            "a%_!*?[]".chars().map(PatternElement::Char).chain([PatternElement::AnyRun]).collect();
        assert_eq!(glob(&pattern), "a%_![*][?][[]]*");
        assert_eq!(like_pattern(&pattern), "a!%!_!!*?[]%");
    }
}
