//! Tests: what SQL compares with words, lists and queries.

use sqlparser::ast;

use super::super::tree::{BinaryOp, Expr, LikeKind, Literal, Truth};
use super::super::{Dialect, types};
use super::{Admit, Admitted, absent, mysql, unsupported};
use crate::guard::Refusal;

/// The most patterns of one `LIKE ANY`: each becomes a LIKE of its own.
const MAX_PATTERNS: usize = 50;

impl Admit {
    /// The tests that SQL writes with words.
    pub(super) fn predicate_or_call(&mut self, expr: &ast::Expr) -> Admitted<Expr> {
        use ast::Expr as Foreign;
        match expr {
            Foreign::IsNull(expr) => self.is(expr, Truth::Null, false),
            Foreign::IsNotNull(expr) => self.is(expr, Truth::Null, true),
            Foreign::IsTrue(expr) => self.is(expr, Truth::True, false),
            Foreign::IsNotTrue(expr) => self.is(expr, Truth::True, true),
            Foreign::IsFalse(expr) => self.is(expr, Truth::False, false),
            Foreign::IsNotFalse(expr) => self.is(expr, Truth::False, true),
            Foreign::IsUnknown(expr) => self.is(expr, Truth::Unknown, false),
            Foreign::IsNotUnknown(expr) => self.is(expr, Truth::Unknown, true),
            Foreign::IsDistinctFrom(..) | Foreign::IsNotDistinctFrom(..)
                if self.dialect == Dialect::Mysql =>
            {
                unsupported("IS DISTINCT FROM", "use NOT (a <=> b)")
            }
            Foreign::IsDistinctFrom(left, right) => self.distinct_from(left, right, false),
            Foreign::IsNotDistinctFrom(left, right) => self.distinct_from(left, right, true),
            Foreign::Between { expr, negated, low, high } => {
                self.clear([expr.as_ref(), low.as_ref(), high.as_ref()])?;
                Ok(Expr::Between {
                    expr: self.boxed(expr)?,
                    low: self.boxed(low)?,
                    high: self.boxed(high)?,
                    negated: *negated,
                })
            }
            Foreign::Like { negated, any, expr, pattern, escape_char } => {
                let escape = escape_char.as_deref();
                if *any {
                    return self.like_any(LikeKind::Like, *negated, expr, pattern, escape);
                }
                self.like(LikeKind::Like, *negated, expr, pattern, escape)
            }
            Foreign::ILike { negated, any, expr, pattern, escape_char } => {
                absent(
                    matches!(self.dialect, Dialect::Sqlite | Dialect::Mysql),
                    "ILIKE",
                    "use LIKE, which ignores ASCII case here",
                )?;
                let escape = escape_char.as_deref();
                if *any {
                    return self.like_any(LikeKind::ILike, *negated, expr, pattern, escape);
                }
                self.like(LikeKind::ILike, *negated, expr, pattern, escape)
            }
            Foreign::SimilarTo { .. } => unsupported("SIMILAR TO", "use LIKE, or several with OR"),
            Foreign::RLike { negated, expr, pattern, regexp: _ } => {
                self.regexp(*negated, expr, pattern)
            }
            Foreign::AnyOp { left, compare_op, right, is_some: _ } => {
                self.quantified(left, compare_op, right, false)
            }
            Foreign::AllOp { left, compare_op, right } => {
                self.quantified(left, compare_op, right, true)
            }
            _ => self.worded_call(expr),
        }
    }

    fn is(&mut self, expr: &ast::Expr, test: Truth, negated: bool) -> Admitted<Expr> {
        Ok(Expr::Is { expr: self.boxed(expr)?, test, negated })
    }

    pub(super) fn distinct_from(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        negated: bool,
    ) -> Admitted<Expr> {
        Ok(Expr::Distinct { left: self.boxed(left)?, right: self.boxed(right)?, negated })
    }

    pub(super) fn in_target(
        &mut self,
        expr: &ast::Expr,
        target: &ast::InTarget,
        negated: bool,
    ) -> Admitted<Expr> {
        self.clear([expr])?;
        let expr = self.boxed(expr)?;
        let test = match target {
            ast::InTarget::List(items) => {
                // An engine that cannot read `IN ()` must not be sent it.
                absent(items.is_empty(), "an empty IN list", "list at least one value")?;
                Expr::InList { expr, list: self.exprs(items)?, negated }
            }
            ast::InTarget::Subquery(query) => {
                Expr::InQuery { expr, query: Box::new(self.query(query)?), negated }
            }
            ast::InTarget::Unnest(_) => return unsupported("IN UNNEST", "use a list"),
            ast::InTarget::Table { name, args } => {
                absent(args.is_some(), "a table function", "read from tables")?;
                Expr::InQuery { expr, query: Box::new(self.in_table(name)?), negated }
            }
        };
        mysql::sought(self.dialect, test)
    }

    fn quantified(
        &mut self,
        left: &ast::Expr,
        op: &ast::BinaryOperator,
        right: &ast::Expr,
        all: bool,
    ) -> Admitted<Expr> {
        absent(self.dialect == Dialect::Sqlite, "ANY or ALL", "use IN, or min and max")?;
        let op = types::binary_op(op, self.dialect).filter(|op| op.is_comparison()).ok_or_else(
            || Refusal::unsupported("this operator with ANY or ALL", "use a comparison"),
        )?;
        self.clear([left])?;
        let right = self.boxed(right)?;
        match *right {
            Expr::Subquery(_) | Expr::Array(_) => {}
            _ => return unsupported("ANY or ALL over a value", "use a subquery or ARRAY[...]"),
        }
        mysql::sought(self.dialect, Expr::Quantified { left: self.boxed(left)?, op, all, right })
    }

    /// `a LIKE ANY (ARRAY[p, q])` is `a LIKE p OR a LIKE q`. `a` is written anew for each pattern, so it must be short.
    fn like_any(
        &mut self,
        kind: LikeKind,
        negated: bool,
        expr: &ast::Expr,
        patterns: &ast::Expr,
        escape: Option<&ast::Expr>,
    ) -> Admitted<Expr> {
        const HINT: &str = "write several LIKEs with OR";
        absent(self.dialect != Dialect::Postgresql, "LIKE ANY", HINT)?;
        let patterns = match patterns {
            ast::Expr::Nested(inner) => inner.as_ref(),
            patterns => patterns,
        };
        let ast::Expr::Array(ast::Array { elem, named: true }) = patterns else {
            return unsupported("LIKE ANY over other than ARRAY[...]", HINT);
        };
        absent(!is_short(expr), "LIKE ANY of a long expression", HINT)?;
        absent(elem.len() > MAX_PATTERNS, "LIKE ANY of that many patterns", HINT)?;
        let tests = elem.iter().map(|pattern| self.like(kind, negated, expr, pattern, escape));
        let tests = tests.collect::<Admitted<Vec<_>>>()?;
        let either = |left, right| Expr::Binary {
            op: BinaryOp::Or,
            left: Box::new(left),
            right: Box::new(right),
        };
        match tests.into_iter().reduce(either) {
            Some(test) => Ok(test),
            None => unsupported("LIKE ANY over no pattern", HINT),
        }
    }

    pub(super) fn like(
        &mut self,
        kind: LikeKind,
        negated: bool,
        expr: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
    ) -> Admitted<Expr> {
        self.clear([expr, pattern])?;
        let escape = escape.map(|escape| self.boxed(escape)).transpose()?;
        if let Some(escape) = &escape {
            match escape.as_ref() {
                Expr::Literal(Literal::String(text) | Literal::National(text))
                    if text.chars().count() == 1 => {}
                _ => {
                    return unsupported("ESCAPE with other than one character", "write ESCAPE '!'");
                }
            }
        }
        Ok(Expr::Like {
            kind,
            expr: self.boxed(expr)?,
            pattern: self.boxed(pattern)?,
            escape,
            negated,
        })
    }
}

/// A column, or a function of columns.
fn is_short(expr: &ast::Expr) -> bool {
    let is_column = |expr: &ast::Expr| {
        matches!(expr, ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_))
    };
    match expr {
        ast::Expr::Nested(inner) => is_short(inner),
        ast::Expr::Function(function) => match &function.args {
            ast::FunctionArguments::List(list) => list.args.iter().all(|arg| match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => is_column(expr),
                _ => false,
            }),
            ast::FunctionArguments::None | ast::FunctionArguments::Subquery(_) => false,
        },
        expr => is_column(expr),
    }
}
