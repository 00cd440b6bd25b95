//! From a predicate to an expression of the dialect. Values become binds.
//!
//! Each atom must be true, in the database, on exactly the rows on which [`Predicate::evaluate`] gives `Some(true)`.
//! What SQL comparison adds to that is taken away here: collations that call unequal strings equal, SQLite's
//! dynamic types, `LIKE` that ignores case, fractions of a millisecond that Cedar does not see.
//!
//! This file walks; how one engine compares is in the file of its name.

mod hash;
mod masks;
mod mssql;
mod mysql;
mod postgresql;
mod related;
mod sqlite;

use super::tree::{Arguments, BinaryOp, Expr, Function, Literal, Name, SqlType, Truth, UnaryOp};
use super::{Bind, Dialect};
use crate::catalog::{Catalog, Column, ColumnName, Relation};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{CmpOp, PatternElement, Predicate, Value};

/// How values are written.
#[derive(Debug)]
pub(super) enum Values<'a> {
    /// As placeholders; the values are collected.
    // INVARIANT (values are bound): what runs is printed in this mode only.
    Bound(&'a mut Vec<Bind>),
    /// As literals, for people.
    Written,
    /// As literals, in the conditions of native policies; but some stand for settings of the session.
    Native(&'a Given),
}

/// What is not read from the relation in a native policy, and what is written in its place.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) columns: Vec<(ColumnName, Expr)>,
    pub(super) values: Vec<(Value, Expr)>,
}

/// Emits predicates over one relation occurrence.
pub(super) struct Emit<'a, 'v> {
    pub(super) dialect: Dialect,
    pub(super) catalog: &'a Catalog,
    pub(super) relation: &'a Relation,
    /// Written before each column; absent where nothing else is in scope.
    pub(super) qualifier: Option<&'a Name>,
    /// The names of the rows around, where this is one that a key leads to.
    pub(super) above: &'a [Name],
    pub(super) values: Values<'v>,
}

type Emitted = Result<Expr, Refusal>;

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary { op, left: Box::new(left), right: Box::new(right) }
}

pub(super) fn and(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::And, left, right)
}

/// `condition AND a AND b` for `a AND b`: the same as with parentheses, and easier to read.
pub(super) fn in_front(condition: Expr, filter: Expr) -> Expr {
    match filter {
        Expr::Binary { op: BinaryOp::And, left, right } => and(in_front(condition, *left), *right),
        filter => and(condition, filter),
    }
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
            Predicate::Compare { column, op, value } => {
                let column = self.known(column)?;
                match self.dialect {
                    Dialect::Sqlite => sqlite::compare(self, &column, *op, value),
                    Dialect::Postgresql => postgresql::compare(self, &column, *op, value),
                    Dialect::Mysql => mysql::compare(self, &column, *op, value),
                    Dialect::Mssql => mssql::compare(self, &column, *op, value),
                }
            }
            Predicate::CompareColumns { left, op, right } => {
                let (left, right) = (self.known(left)?, self.known(right)?);
                match self.dialect {
                    Dialect::Sqlite => Ok(sqlite::compare_columns(self, &left, *op, &right)),
                    Dialect::Postgresql => {
                        Ok(postgresql::compare_columns(self, &left, *op, &right))
                    }
                    Dialect::Mysql => Ok(mysql::compare_columns(self, &left, *op, &right)),
                    Dialect::Mssql => Ok(mssql::compare_columns(self, &left, *op, &right)),
                }
            }
            Predicate::In { column, values, negated } => {
                let column = self.known(column)?;
                match self.dialect {
                    Dialect::Sqlite => Ok(sqlite::is_in(self, &column, values, *negated)),
                    Dialect::Postgresql => postgresql::is_in(self, &column, values, *negated),
                    Dialect::Mysql => Ok(mysql::is_in(self, &column, values, *negated)),
                    Dialect::Mssql => Ok(mssql::is_in(self, &column, values, *negated)),
                }
            }
            Predicate::Like { column, pattern, negated } => {
                let column = self.known(column)?;
                match self.dialect {
                    Dialect::Sqlite => Ok(sqlite::like(self, &column, pattern, *negated)),
                    Dialect::Postgresql => Ok(postgresql::like(self, &column, pattern, *negated)),
                    Dialect::Mysql => Ok(mysql::like(self, &column, pattern, *negated)),
                    Dialect::Mssql => mssql::like(self, &column, pattern, *negated),
                }
            }
            // No catalog of these engines lists an array.
            Predicate::Elements { .. } => Err(unknown("a set")),
            Predicate::IsNull { column, negated } => {
                let expr = Box::new(self.column(&self.known(column)?));
                Ok(Expr::Is { expr, test: Truth::Null, negated: *negated })
            }
            Predicate::Related { hop, predicate } => self.exists(hop, Some(predicate), false),
            Predicate::Parent { hop, negated } => self.exists(hop, None, *negated),
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
        if let Values::Native(given) = &self.values
            && let Some((_, expr)) = given.columns.iter().find(|(name, _)| name == &column.name)
        {
            return expr.clone();
        }
        let name = Name::new(column.name.as_str());
        Expr::Column(self.qualifier.cloned().into_iter().chain([name]).collect())
    }

    fn value(&mut self, value: &Value) -> Expr {
        match &mut self.values {
            Values::Bound(binds) => {
                let bind = numbered(binds, Bind::Value(value.clone()));
                match self.dialect {
                    Dialect::Postgresql => postgresql::bound(bind, value),
                    Dialect::Sqlite | Dialect::Mysql | Dialect::Mssql => Expr::Bind(bind),
                }
            }
            Values::Native(given) => {
                let given = given.values.iter().find(|(symbol, _)| symbol == value);
                given.map_or_else(|| written(self.dialect, value), |(_, expr)| expr.clone())
            }
            Values::Written => written(self.dialect, value),
        }
    }
}

/// The number of its placeholder, the same for what was bound before.
fn numbered(binds: &mut Vec<Bind>, bind: Bind) -> usize {
    if let Some(index) = binds.iter().position(|known| *known == bind) {
        return index + 1;
    }
    binds.push(bind);
    binds.len()
}

fn written(dialect: Dialect, value: &Value) -> Expr {
    match dialect {
        Dialect::Sqlite => sqlite::written(value),
        Dialect::Postgresql => postgresql::written(value),
        Dialect::Mysql => mysql::written(value),
        Dialect::Mssql => mssql::written(value),
    }
}

fn unknown(what: &str) -> Refusal {
    Refusal::new(RefusalCode::Unsupported, format!("the filter holds {what}"), "correct the policy")
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

/// An instant as `YYYY-MM-DD HH:MM:SS.fff` in UTC: days to civil date after Howard Hinnant's `civil_from_days`.
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
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}.{fraction:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_civil_dates() {
        assert_eq!(instant(0), "1970-01-01 00:00:00.000");
        assert_eq!(instant(-1), "1969-12-31 23:59:59.999");
        assert_eq!(instant(1_709_164_800_001), "2024-02-29 00:00:00.001");
    }

    #[test]
    fn patterns_escape_what_like_reads() {
        let pattern: Vec<PatternElement> =
            "a%_!*?[]".chars().map(PatternElement::Char).chain([PatternElement::AnyRun]).collect();
        assert_eq!(like_pattern(&pattern), "a!%!_!!*?[]%");
    }
}
