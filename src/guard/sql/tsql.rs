//! What Transact-SQL asks of a query beyond the guard's tree, which is that of all dialects.
//!
//! Its conditions and its values are two kinds: `a = b` is no value (in a select list `a = 1` even names a column), and
//! a bit is no condition. WITH stands at the start of the statement only. ORDER BY in a subquery needs TOP or OFFSET,
//! OFFSET needs ORDER BY, and a set operation has no TOP. What it has no word for is refused here, before printing.
//!
//! <https://learn.microsoft.com/en-us/sql/t-sql/queries/select-transact-sql>,
//! <https://learn.microsoft.com/en-us/sql/t-sql/queries/search-condition-transact-sql>

mod words;

use super::functions;
use super::tree::{
    Alias, Arguments, BinaryOp, Body, Distinct, Expr, Factor, Frame, FrameUnits, FromItem,
    Function, GroupItem, Join, JoinConstraint, JoinKind, LikeKind, Literal, Name, OrderItem, Over,
    Query, Select, SelectItem, SetOp, Truth, UnaryOp, WindowSpec, With,
};
use crate::guard::Refusal;
pub(super) use words::{check_alias, check_name, is_reserved};

/// The most rows that TOP can be told: what the fence keeps.
pub(super) const ALL_ROWS: i64 = i64::MAX;

type Checked = Result<(), Refusal>;

fn unsupported(what: &'static str, hint: &'static str) -> Checked {
    Err(Refusal::unsupported(what, hint))
}

fn absent(present: bool, what: &'static str, hint: &'static str) -> Checked {
    if present { unsupported(what, hint) } else { Ok(()) }
}

/// Where a query stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outermost,
    /// In parentheses: a subquery, a derived table, the body of a CTE.
    Nested,
    /// In parentheses, between set operators.
    Arm,
}

/// Refuses a query that has no text in Transact-SQL.
pub(super) fn check(whole: &Query) -> Checked {
    query(whole, Place::Outermost)
}

fn query(query: &Query, place: Place) -> Checked {
    let Query { with, body, order_by, limit, offset, fetch_with_ties } = query;
    if let Some(with) = with {
        absent(
            place != Place::Outermost,
            "WITH inside of a query",
            "move it to the start of the statement",
        )?;
        ctes(with)?;
    }
    for bound in [limit, offset, fetch_with_ties].into_iter().flatten() {
        let digits = matches!(bound, Expr::Literal(Literal::Number(text)) if is_whole(text));
        absent(!digits, "a computed number of rows", "write the number itself")?;
    }
    let bounded = limit.is_some() || offset.is_some() || fetch_with_ties.is_some();
    absent(limit.is_some() && fetch_with_ties.is_some(), "two limits", "use one TOP")?;
    absent(
        offset.is_some() && fetch_with_ties.is_some(),
        "OFFSET with TIES",
        "use TOP (n) WITH TIES alone",
    )?;
    let sorted = offset.is_some() || fetch_with_ties.is_some();
    absent(sorted && order_by.is_empty(), "OFFSET or WITH TIES without ORDER BY", "add ORDER BY")?;
    match place {
        Place::Outermost => {}
        Place::Nested => absent(
            !order_by.is_empty() && !bounded,
            "ORDER BY in a subquery without TOP",
            "order the outer query, or add TOP (n)",
        )?,
        Place::Arm => absent(
            !order_by.is_empty(),
            "ORDER BY inside of a set operation",
            "put the sorted query into a subquery: SELECT * FROM (SELECT TOP (n) ... ORDER BY ...) AS t",
        )?,
    }
    match body {
        Body::Select(select) => self::select(select)?,
        Body::Set { .. } => {
            let top = bounded && offset.is_none();
            absent(
                top,
                "TOP on a set operation",
                "add ORDER BY ... OFFSET 0 ROWS FETCH NEXT n ROWS ONLY",
            )?;
            arm(body)?;
        }
        Body::Query(_) => {
            unsupported("parentheses around a whole query", "write the query without them")?;
        }
        Body::Values(_) => unsupported(
            "VALUES as a query",
            "give it a name and columns: SELECT * FROM (VALUES (1), (2)) AS v(n)",
        )?,
    }
    order_items(order_by)
}

fn ctes(With { recursive, ctes }: &With) -> Checked {
    absent(
        *recursive,
        "RECURSIVE",
        "leave the word out: a WITH query may read itself after UNION ALL",
    )?;
    for cte in ctes {
        absent(cte.materialized.is_some(), "MATERIALIZED", "leave the word out")?;
        query(&cte.query, Place::Nested)?;
        if let Body::Set { right, .. } = &cte.query.body {
            let limited = reads(right, &cte.name) && holds_top(right);
            absent(
                limited,
                "TOP, or an expression that may fail, in a WITH query that reads itself over a table",
                "read the table in a WITH query of its own, and compute nothing in the recursion",
            )?;
        }
    }
    Ok(())
}

/// Whether the recursive part of a CTE reads it: it may do so in its own FROM clause only.
fn reads(body: &Body, cte: &Name) -> bool {
    let Body::Select(select) = body else { return false };
    factors(&select.from).any(|factor| {
        matches!(factor, Factor::Named { name, .. }
            if matches!(name.as_slice(), [name] if name.as_str().eq_ignore_ascii_case(cte.as_str())))
    })
}

/// Whether a TOP stands in a FROM clause: SQL Server has none in the recursive part of a CTE (message 460 and its kin),
/// and the guard's fence is one.
fn holds_top(body: &Body) -> bool {
    let Body::Select(select) = body else { return false };
    factors(&select.from).any(|factor| match factor {
        Factor::Derived { query, .. } => query.limit.is_some() || holds_top(&query.body),
        Factor::Named { .. }
        | Factor::Occurrence { .. }
        | Factor::Base { .. }
        | Factor::Rows { .. }
        | Factor::Nested { .. } => false,
    })
}

fn factors(from: &[FromItem]) -> impl Iterator<Item = &Factor> {
    from.iter().flat_map(|item| {
        std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation))
    })
}

fn arm(body: &Body) -> Checked {
    match body {
        Body::Select(select) => self::select(select),
        Body::Query(arm) => {
            absent(
                arm.offset.is_some(),
                "OFFSET inside of a set operation",
                "put it into a subquery",
            )?;
            query(arm, Place::Arm)
        }
        Body::Set { op, all, left, right } => {
            absent(*all && *op != SetOp::Union, "INTERSECT ALL or EXCEPT ALL", "leave out ALL")?;
            arm(left)?;
            arm(right)
        }
        Body::Values(_) => {
            unsupported("VALUES in a set operation", "write SELECT 1 UNION ALL SELECT 2")
        }
    }
}

fn select(select: &Select) -> Checked {
    let Select { distinct, items, from, filter, group_by, determined: _, having, windows } = select;
    absent(
        matches!(distinct, Distinct::On(_)),
        "DISTINCT ON",
        "number the rows with ROW_NUMBER()",
    )?;
    absent(!windows.is_empty(), "a named window", "write the window after each OVER")?;
    for item in items {
        match item {
            SelectItem::Expr { expr, alias: _ } => value(expr)?,
            SelectItem::Star | SelectItem::TableStar(_) => {}
        }
    }
    // Engines differ in whether ON sees the tables before the comma.
    let mixed = from.len() > 1 && from.iter().any(|item| !item.joins.is_empty());
    absent(mixed, "a comma beside a JOIN", "use CROSS JOIN in place of the comma")?;
    from.iter().try_for_each(source)?;
    filter.iter().chain(having).try_for_each(condition)?;
    group_by.iter().try_for_each(|item| match item {
        GroupItem::Expr(Expr::Literal(_)) => {
            unsupported("a number in GROUP BY", "repeat the expression of the select list")
        }
        GroupItem::Expr(expr) => value(expr),
        GroupItem::Rollup(sets) | GroupItem::Cube(sets) | GroupItem::GroupingSets(sets) => {
            sets.iter().flatten().try_for_each(value)
        }
    })
}

fn source(FromItem { relation, joins }: &FromItem) -> Checked {
    factor(relation, false)?;
    for Join { kind, constraint, relation } in joins {
        let apply =
            matches!(kind, JoinKind::Cross | JoinKind::Left) && *constraint == JoinConstraint::None;
        factor(relation, apply)?;
        match constraint {
            JoinConstraint::On(on) => condition(on)?,
            JoinConstraint::None => {}
            JoinConstraint::Using(_) | JoinConstraint::Natural => {
                unsupported("USING or NATURAL", "write ON a.x = b.x")?;
            }
        }
    }
    Ok(())
}

fn factor(factor: &Factor, may_apply: bool) -> Checked {
    match factor {
        Factor::Named { name: _, alias } => {
            let listed = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
            absent(listed, "a column list on a table alias", "alias the columns inside a subquery")
        }
        Factor::Occurrence { .. } | Factor::Base { .. } => Ok(()),
        Factor::Rows { .. } => unsupported("a table function", "read from tables and subqueries"),
        Factor::Derived { lateral, query: inner, alias } => {
            absent(*lateral && !may_apply, "LATERAL", "use CROSS APPLY or OUTER APPLY")?;
            let Some(Alias { columns, .. }) = alias else {
                return unsupported(
                    "a subquery in FROM without an alias",
                    "name it: (SELECT ...) AS t",
                );
            };
            match &inner.body {
                Body::Values(rows) => {
                    let bare =
                        inner.with.is_none() && inner.order_by.is_empty() && inner.limit.is_none();
                    let fits = rows.iter().all(|row| row.len() == columns.len());
                    absent(
                        !bare || !fits,
                        "VALUES without a name for each column",
                        "name the columns: (VALUES (1, 'a')) AS v(id, name)",
                    )?;
                    rows.iter().flatten().try_for_each(value)
                }
                _ => query(inner, Place::Nested),
            }
        }
        Factor::Nested { from, alias } => {
            absent(
                alias.is_some(),
                "an alias on a join in parentheses",
                "alias the tables inside",
            )?;
            source(from)
        }
    }
}

fn order_items(items: &[OrderItem]) -> Checked {
    items.iter().try_for_each(|OrderItem { expr, descending: _, nulls_first }| {
        absent(
            nulls_first.is_some(),
            "NULLS FIRST or NULLS LAST",
            "order by CASE WHEN x IS NULL THEN 1 ELSE 0 END first",
        )?;
        value(expr)
    })
}

/// What may stand after WHERE, ON, HAVING and WHEN.
fn condition(expr: &Expr) -> Checked {
    match expr {
        Expr::Unary { op: UnaryOp::Not, expr } => condition(expr),
        Expr::Binary { op: BinaryOp::And | BinaryOp::Or, left, right } => {
            condition(left)?;
            condition(right)
        }
        Expr::Binary { op, left, right } if op.is_comparison() => {
            value(left)?;
            value(right)
        }
        Expr::Is { expr, test: Truth::Null, negated: _ } => value(expr),
        Expr::Is { .. } => {
            unsupported("IS TRUE, IS FALSE or IS UNKNOWN", "compare a bit with 1 or 0")
        }
        Expr::Distinct { left: _, right: _, negated: true } => {
            unsupported("IS NOT DISTINCT FROM", "write a = b OR (a IS NULL AND b IS NULL)")
        }
        Expr::Distinct { left: _, right: _, negated: false } => unsupported(
            "IS DISTINCT FROM",
            "write a <> b OR (a IS NULL AND b IS NOT NULL) OR (a IS NOT NULL AND b IS NULL)",
        ),
        Expr::Between { expr, low, high, negated: _ } => {
            [expr, low, high].into_iter().try_for_each(|expr| value(expr))
        }
        Expr::InList { expr, list, negated: _ } => {
            value(expr)?;
            list.iter().try_for_each(value)
        }
        Expr::InQuery { expr, query: inner, negated: _ } => {
            value(expr)?;
            query(inner, Place::Nested)
        }
        Expr::Exists { query: inner, negated: _ } => query(inner, Place::Nested),
        Expr::Quantified { left, op: _, all: _, right } => {
            value(left)?;
            match right.as_ref() {
                Expr::Subquery(inner) => query(inner, Place::Nested),
                _ => unsupported("ANY or ALL over a list", "use IN, or a subquery"),
            }
        }
        Expr::Like { kind, expr, pattern, escape, negated: _ } => {
            absent(*kind != LikeKind::Like, "ILIKE", "use LIKE")?;
            value(expr)?;
            value(pattern)?;
            escape.iter().try_for_each(|escape| value(escape))
        }
        Expr::Column(_)
        | Expr::Literal(_)
        | Expr::Bind(_)
        | Expr::Unary { .. }
        | Expr::Binary { .. }
        | Expr::Subquery(_)
        | Expr::Case { .. }
        | Expr::Cast { .. }
        | Expr::Convert { .. }
        | Expr::Extract { .. }
        | Expr::AtTimeZone { .. }
        | Expr::Collate { .. }
        | Expr::Function(_)
        | Expr::Added { .. }
        | Expr::Niladic(_)
        | Expr::DatePart(_)
        | Expr::FoldedEq { .. }
        | Expr::Interval { .. }
        | Expr::Row(_)
        | Expr::Array(_) => {
            unsupported("a value as a condition", "compare it: a bit with 1, a number with 0")
        }
    }
}

/// What may stand wherever a value is wanted.
fn value(expr: &Expr) -> Checked {
    match expr {
        Expr::Literal(Literal::Bool(_)) => unsupported("TRUE or FALSE", "write 1 or 0"),
        Expr::Literal(Literal::Typed(..)) => {
            unsupported("a typed literal", "use CAST('...' AS date)")
        }
        Expr::Column(_)
        | Expr::Literal(
            Literal::Null | Literal::Number(_) | Literal::String(_) | Literal::National(_),
        )
        | Expr::Bind(_)
        | Expr::Niladic(_) => Ok(()),
        Expr::Unary { op: UnaryOp::Plus | UnaryOp::Minus | UnaryOp::BitNot, expr }
        | Expr::Cast { expr, to: _ }
        | Expr::Convert { expr, to: _, style: _, safe: _ }
        | Expr::Collate { expr, collation: _ } => value(expr),
        Expr::Binary { op, left, right } => {
            arithmetic(*op)?;
            value(left)?;
            value(right)
        }
        Expr::AtTimeZone { expr, zone } => {
            value(expr)?;
            value(zone)
        }
        Expr::Subquery(inner) => query(inner, Place::Nested),
        Expr::Case { operand, branches, otherwise } => {
            for (test, result) in branches {
                if operand.is_some() {
                    value(test)?;
                } else {
                    condition(test)?;
                }
                value(result)?;
            }
            operand.iter().chain(otherwise).try_for_each(|expr| value(expr))
        }
        Expr::Function(function) => call(function),
        Expr::Added { schema: _, name: _, args } => args.iter().try_for_each(value),
        Expr::Unary { op: UnaryOp::Not, .. }
        | Expr::Is { .. }
        | Expr::Distinct { .. }
        | Expr::Between { .. }
        | Expr::InList { .. }
        | Expr::InQuery { .. }
        | Expr::Exists { .. }
        | Expr::Quantified { .. }
        | Expr::FoldedEq { .. }
        | Expr::Like { .. } => unsupported(CONDITION, AS_CASE),
        Expr::Extract { .. } => unsupported("EXTRACT", "use DATEPART(year, x)"),
        Expr::Interval { .. } => unsupported("INTERVAL", "use DATEADD(day, 3, x)"),
        Expr::DatePart(_) => {
            unsupported("a date part alone", "use it inside of DATEPART or DATEADD")
        }
        Expr::Row(_) | Expr::Array(_) => {
            unsupported("a row or an array", "compare the columns one by one")
        }
    }
}

const CONDITION: &str = "a condition as a value";
const AS_CASE: &str = "write CASE WHEN ... THEN 1 ELSE 0 END";

fn arithmetic(op: BinaryOp) -> Checked {
    match op {
        BinaryOp::Plus
        | BinaryOp::Minus
        | BinaryOp::Multiply
        | BinaryOp::Divide
        | BinaryOp::Modulo
        | BinaryOp::BitAnd
        | BinaryOp::BitOr => Ok(()),
        BinaryOp::Or
        | BinaryOp::And
        | BinaryOp::IntegerDivide
        | BinaryOp::Eq
        | BinaryOp::NotEq
        | BinaryOp::Lt
        | BinaryOp::LtEq
        | BinaryOp::Gt
        | BinaryOp::GtEq => unsupported(CONDITION, AS_CASE),
        BinaryOp::Concat => unsupported("`||`", "use CONCAT or +"),
        BinaryOp::ShiftLeft
        | BinaryOp::ShiftRight
        | BinaryOp::Arrow
        | BinaryOp::LongArrow
        | BinaryOp::HashArrow
        | BinaryOp::HashLongArrow
        | BinaryOp::Contains
        | BinaryOp::ContainedBy
        | BinaryOp::Regex
        | BinaryOp::RegexI
        | BinaryOp::NotRegex
        | BinaryOp::NotRegexI
        | BinaryOp::HasKey
        | BinaryOp::HasAnyKey
        | BinaryOp::HasAllKeys
        | BinaryOp::Power => unsupported("an operator of another database", "use another operator"),
    }
}

fn call(function: &Function) -> Checked {
    let Function { name, distinct, args, order_by, within_group, filter, over } = function;
    absent(!order_by.is_empty(), "ORDER BY inside of a call", "write WITHIN GROUP (ORDER BY ...)")?;
    absent(filter.is_some(), "FILTER", "aggregate a CASE expression")?;
    absent(*distinct && over.is_some(), "DISTINCT over a window", "aggregate in a subquery")?;
    if let Arguments::List(args) = args {
        let mut args = args.iter();
        match functions::first_argument(name) {
            functions::FirstArgument::Value => {}
            functions::FirstArgument::Condition => args.next().map_or(Ok(()), condition)?,
            functions::FirstArgument::DatePart => match args.next() {
                Some(Expr::DatePart(_)) => {}
                _ => unsupported(
                    "this date part",
                    "write year, month, day, hour or the like, without quotes",
                )?,
            },
        }
        args.try_for_each(value)?;
    }
    order_items(within_group)?;
    match over {
        None => Ok(()),
        Some(Over::Named(_)) => unsupported("a named window", "write the window after each OVER"),
        Some(Over::Spec(spec)) => window(spec),
    }
}

fn window(WindowSpec { base, partition_by, order_by, frame }: &WindowSpec) -> Checked {
    absent(base.is_some(), "a named window", "write the window after each OVER")?;
    partition_by.iter().try_for_each(value)?;
    order_items(order_by)?;
    match frame {
        Some(Frame { units: FrameUnits::Groups, .. }) => unsupported("GROUPS", "use ROWS or RANGE"),
        Some(Frame { units: FrameUnits::Rows | FrameUnits::Range, .. }) | None => Ok(()),
    }
}

fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
