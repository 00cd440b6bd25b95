//! What only Transact-SQL writes: TOP, OFFSET with FETCH, CONVERT, date parts, ROLLUP(..) as a call.

use sqlparser::ast;

use super::super::functions::FirstArgument;
use super::super::text::Author;
use super::super::text::mssql::{EMPTY_SET, GROUPING_SETS};
use super::super::tree::{
    Body, Expr, Factor, GroupItem, Join, JoinConstraint, JoinKind, Literal, Query,
};
use super::super::{Dialect, functions, types};
use super::{Admit, Admitted, REMOVE, absent, unsupported};
use crate::guard::{Refusal, RefusalCode};

/// The limits of a SELECT that TOP gives: of rows, and of rows with their ties.
#[derive(Default)]
pub(super) struct Top {
    pub(super) limit: Option<Expr>,
    pub(super) with_ties: Option<Expr>,
}

impl Top {
    /// The arm of a set operation that has a TOP of its own.
    pub(super) fn arm(self, body: Body) -> Body {
        let Self { limit, with_ties } = self;
        if limit.is_none() && with_ties.is_none() {
            return body;
        }
        Body::Query(Box::new(Query {
            with: None,
            body,
            order_by: Vec::new(),
            limit,
            offset: None,
            fetch_with_ties: with_ties,
        }))
    }
}

impl Admit {
    /// `SELECT TOP (n) [WITH TIES]`: the query's limit.
    pub(super) fn top(&mut self, select: &ast::Select) -> Admitted<Top> {
        let Some(ast::Top { with_ties, percent, quantity }) = &select.top else {
            return Ok(Top::default());
        };
        absent(self.dialect != Dialect::Mssql, "TOP", "use LIMIT")?;
        absent(*percent, "TOP ... PERCENT", "write a number of rows")?;
        let rows = match quantity {
            Some(ast::TopQuantity::Constant(rows)) => {
                Expr::Literal(Literal::Number(rows.to_string()))
            }
            Some(ast::TopQuantity::Expr(rows)) => self.expr(rows)?,
            None => return unsupported("TOP without a number", "write TOP (10)"),
        };
        Ok(if *with_ties {
            Top { limit: None, with_ties: Some(rows) }
        } else {
            Top { limit: Some(rows), with_ties: None }
        })
    }

    /// `OFFSET n ROWS [FETCH NEXT m ROWS ONLY]`: the offset and the limit.
    pub(super) fn offset_fetch(
        &mut self,
        clause: Option<&ast::LimitClause>,
        fetch: Option<&ast::Fetch>,
    ) -> Admitted<(Option<Expr>, Option<Expr>)> {
        const HINT: &str =
            "write SELECT TOP (n) ..., or ORDER BY ... OFFSET 0 ROWS FETCH NEXT n ROWS ONLY";
        let offset = match clause {
            None => None,
            Some(ast::LimitClause::LimitOffset { limit: None, offset: Some(offset), limit_by }) => {
                absent(!limit_by.is_empty(), "LIMIT BY", REMOVE)?;
                let ast::Offset { value, rows } = offset;
                absent(
                    *rows == ast::OffsetRows::None,
                    "OFFSET without ROWS",
                    "write OFFSET n ROWS",
                )?;
                Some(self.expr(value)?)
            }
            Some(_) => return unsupported("LIMIT", HINT),
        };
        let Some(ast::Fetch { with_ties, percent, quantity }) = fetch else {
            return Ok((offset, None));
        };
        absent(*with_ties || *percent, "FETCH with PERCENT or TIES", "use TOP (n) WITH TIES")?;
        absent(offset.is_none(), "FETCH without OFFSET", HINT)?;
        let Some(quantity) = quantity else {
            return unsupported("FETCH without a number", "write FETCH NEXT 1 ROWS ONLY");
        };
        Ok((offset, Some(self.expr(quantity)?)))
    }

    /// `@P1`, which the parser takes for a name.
    pub(super) fn variable(&self, ident: &ast::Ident) -> Admitted<Option<Expr>> {
        let ast::Ident { value, quote_style, span: _ } = ident;
        let variable =
            self.dialect == Dialect::Mssql && quote_style.is_none() && value.starts_with('@');
        match (variable, self.author) {
            (false, _) => Ok(None),
            (true, Author::Proposal) => unsupported("a variable", "write the value as a literal"),
            (true, Author::Guard) => {
                self.dialect.read_placeholder(value).map(Expr::Bind).map(Some).ok_or_else(|| {
                    Refusal::new(
                        RefusalCode::RoundTrip,
                        "a placeholder is not the guard's own",
                        "report this",
                    )
                })
            }
        }
    }

    /// `CONVERT(type, x)` is a cast; with a style, or as `TRY_CONVERT`, it is more.
    pub(super) fn convert(
        &mut self,
        expr: &ast::Expr,
        data_type: Option<&ast::DataType>,
        styles: &[ast::Expr],
        safe: bool,
    ) -> Admitted<Expr> {
        let Some(data_type) = data_type.filter(|_| self.dialect == Dialect::Mssql) else {
            return unsupported("CONVERT", "use CAST");
        };
        let own = match self.author {
            Author::Guard => types::guard_cast_target(data_type, self.dialect),
            Author::Proposal => None,
        };
        let to = own.map_or_else(|| types::cast_target(data_type, self.dialect), Ok)?;
        let expr = Box::new(self.expr(expr)?);
        let style = match styles {
            [] => None,
            [style] => Some(self.style(style)?),
            _ => return unsupported("CONVERT with several styles", REMOVE),
        };
        Ok(if style.is_none() && !safe {
            Expr::Cast { expr, to }
        } else {
            Expr::Convert { expr, to, style, safe }
        })
    }

    /// The number of a date and time style:
    /// <https://learn.microsoft.com/en-us/sql/t-sql/functions/cast-and-convert-transact-sql#date-and-time-styles>.
    fn style(&mut self, style: &ast::Expr) -> Admitted<u16> {
        let number = match self.expr(style)? {
            Expr::Literal(Literal::Number(digits)) => digits.parse().ok(),
            _ => None,
        };
        number
            .filter(|style| matches!(style, 0..=14 | 20..=25 | 100..=114 | 120 | 121 | 126 | 127))
            .ok_or_else(|| {
                Refusal::unsupported(
                    "CONVERT with this style",
                    "use a date style such as 23, 112, 120 or 126",
                )
            })
    }

    /// The first argument of `DATEADD` and its kin, which no column can be; `None` for every other argument.
    pub(super) fn date_part(&self, function: &str, index: usize, arg: &ast::Expr) -> Option<Expr> {
        let wanted = self.dialect == Dialect::Mssql
            && index == 0
            && functions::first_argument(function) == FirstArgument::DatePart;
        let ast::Expr::Identifier(ast::Ident { value, quote_style: None, span: _ }) = arg else {
            return None;
        };
        if wanted { types::date_part(value).map(Expr::DatePart) } else { None }
    }

    /// `CROSS APPLY` is a cross join with a lateral subquery, `OUTER APPLY` a left one without a condition.
    pub(super) fn apply(&mut self, kind: JoinKind, relation: &ast::TableFactor) -> Admitted<Join> {
        absent(self.dialect != Dialect::Mssql, "APPLY", "use LATERAL")?;
        let Factor::Derived { lateral: false, query, alias } = self.factor(relation)? else {
            return unsupported(
                "APPLY with other than a subquery",
                "write CROSS APPLY (SELECT ...) AS t",
            );
        };
        let relation = Factor::Derived { lateral: true, query, alias };
        Ok(Join { kind, constraint: JoinConstraint::None, relation })
    }

    /// The parser reads `GROUP BY ROLLUP (a, (b, c))` as a call, and is given GROUPING SETS as one.
    pub(super) fn called_grouping(&mut self, expr: &ast::Expr) -> Admitted<Option<GroupItem>> {
        let ast::Expr::Function(function) = expr else { return Ok(None) };
        if self.dialect != Dialect::Mssql {
            return Ok(None);
        }
        let ast::ObjectName(parts) = &function.name;
        let [ast::ObjectNamePart::Identifier(ast::Ident { value, quote_style: None, span: _ })] =
            parts.as_slice()
        else {
            return Ok(None);
        };
        let group = match value.to_ascii_lowercase().as_str() {
            "rollup" => GroupItem::Rollup,
            "cube" => GroupItem::Cube,
            GROUPING_SETS => GroupItem::GroupingSets,
            _ => return Ok(None),
        };
        let ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses,
        }) = &function.args
        else {
            return Ok(None);
        };
        let plain = function.over.is_none()
            && function.filter.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && !function.uses_odbc_syntax
            && function.parameters == ast::FunctionArguments::None
            && clauses.is_empty();
        absent(!plain, "a grouping set with more than columns", REMOVE)?;
        let sets = args
            .iter()
            .map(|arg| match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Tuple(set))) => {
                    self.exprs(set)
                }
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Identifier(
                    ast::Ident { value, quote_style: None, span: _ },
                ))) if value == EMPTY_SET => Ok(Vec::new()),
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => {
                    let nested = self.called_grouping(expr)?.is_some();
                    absent(nested, "a grouping set inside of another", "list each of the sets")?;
                    Ok(vec![self.expr(expr)?])
                }
                _ => unsupported("this argument of a grouping set", "name columns"),
            })
            .collect::<Result<_, _>>()?;
        Ok(Some(group(sets)))
    }
}
