//! Operators whose order the parser does not know as the engine does. They are refused until parentheses say what is
//! meant: read otherwise, the query would get an answer to another question (rule H22).
//!
//! The orders: <https://sqlite.org/lang_expr.html#operators_and_parse_affecting_attributes>,
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-PRECEDENCE>,
//! <https://dev.mysql.com/doc/refman/8.4/en/operator-precedence.html>,
//! <https://learn.microsoft.com/en-us/sql/t-sql/language-elements/operator-precedence-transact-sql>.
//!
//! What stands in parentheses is `Nested` in the parser's tree, and none of the kinds below.

use sqlparser::ast::{BinaryOperator as Op, Expr, UnaryOperator};

use super::super::Dialect;
use super::{Admit, Admitted, absent};

impl Admit {
    /// Refuses operands of LIKE, IN, BETWEEN and their kin that are tests themselves, where those do not all bind alike.
    pub(super) fn clear<'e>(&self, operands: impl IntoIterator<Item = &'e Expr>) -> Admitted<()> {
        match self.dialect {
            Dialect::Postgresql | Dialect::Mssql => Ok(()),
            Dialect::Sqlite | Dialect::Mysql => unclear_if(operands.into_iter().any(is_test)),
        }
    }

    /// Refuses a sign before an operation: engines apply it to the first operand, the parser to the result.
    pub(super) fn clear_prefix(&self, op: UnaryOperator, operand: &Expr) -> Admitted<()> {
        let test = self.dialect == Dialect::Mysql && is_test(operand);
        unclear_if(op != UnaryOperator::Not && (test || matches!(operand, Expr::BinaryOp { .. })))
    }

    /// Refuses `left op right` where the parser may have taken the operands by another order.
    pub(super) fn clear_binary(&self, left: &Expr, op: &Op, right: &Expr) -> Admitted<()> {
        let operands = [left, right];
        let any = |is: fn(&Expr) -> bool| operands.into_iter().any(is);
        if matches!(op, Op::And | Op::Or) {
            return Ok(());
        }
        unclear_if(match self.dialect {
            // MySQL: LIKE, IN and BETWEEN bind tighter than `=`, and `^ & |` have an order of their own.
            Dialect::Mysql => {
                !matches!(op, Op::PGOverlap)
                    && (any(is_test) || (is_bitwise(op) && any(is_operation)))
            }
            // SQLite: all tests bind alike, from the left, and `||` and the arrows tighter than `*`.
            Dialect::Sqlite => {
                any(is_test)
                    || match op {
                        Op::StringConcat => any(is_product),
                        Op::Arrow | Op::LongArrow => any(is_operation),
                        _ => false,
                    }
            }
            // PostgreSQL: a comparison is no operand of another, regular expressions match like `||`, and the sign `~`
            // takes in what follows it.
            Dialect::Postgresql => match op {
                Op::PGRegexMatch
                | Op::PGRegexIMatch
                | Op::PGRegexNotMatch
                | Op::PGRegexNotIMatch => any(is_operation) || any(is_bit_not),
                op if is_comparison(op) => any(compares),
                _ => any(is_bit_not),
            },
            // SQL Server: `& ^ |` bind like `+`, and a sign looser than `*`.
            Dialect::Mssql => match op {
                Op::Multiply | Op::Divide | Op::Modulo => ends_in_sign(left),
                op => is_bitwise(op) && any(is_operation),
            },
        })
    }
}

fn unclear_if(unclear: bool) -> Admitted<()> {
    absent(
        unclear,
        "operators whose order is not clear",
        "put parentheses around each operation and comparison inside another one",
    )
}

fn is_operation(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { .. })
}

fn is_product(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op: Op::Multiply | Op::Divide | Op::Modulo, .. })
}

fn is_bit_not(expr: &Expr) -> bool {
    matches!(expr, Expr::UnaryOp { op: UnaryOperator::BitwiseNot, .. })
}

fn compares(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op, .. } if is_comparison(op))
}

/// Whether it is a product whose last factor has a sign, as `a / -b`.
fn ends_in_sign(expr: &Expr) -> bool {
    let Expr::BinaryOp { op: Op::Multiply | Op::Divide | Op::Modulo, right, .. } = expr else {
        return false;
    };
    matches!(right.as_ref(), Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, .. })
}

fn is_bitwise(op: &Op) -> bool {
    matches!(
        op,
        Op::BitwiseAnd
            | Op::BitwiseOr
            | Op::BitwiseXor
            | Op::PGBitwiseShiftLeft
            | Op::PGBitwiseShiftRight
    )
}

fn is_comparison(op: &Op) -> bool {
    matches!(op, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq)
}

/// A test that stands without parentheses.
fn is_test(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp { op, .. } => {
            is_comparison(op)
                || matches!(
                    op,
                    Op::Spaceship
                        | Op::And
                        | Op::Or
                        | Op::Xor
                        | Op::PGOverlap
                        | Op::Is
                        | Op::IsNot
                        | Op::Glob
                )
        }
        Expr::UnaryOp { op: UnaryOperator::Not, .. }
        | Expr::Like { .. }
        | Expr::RLike { .. }
        | Expr::Between { .. }
        | Expr::In { .. }
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_) => true,
        _ => false,
    }
}
