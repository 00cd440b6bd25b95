//! The guard's own serializer. Nothing else writes SQL.
//!
//! Identifiers are quoted unless they are plain words that no engine reserves; texts are quoted with doubled quotes,
//! which both dialects read alike under the session modes that the engines pin; operands that are not atoms are put
//! in parentheses, so that no engine's precedence matters.

mod expr;
mod window;

use super::tree::{
    Alias, Body, Cte, Distinct, Expr, Factor, FromItem, GroupItem, Join, JoinConstraint, JoinKind,
    Literal, Name, OrderItem, Query, Select, SelectItem, SetOp, With,
};
use super::{Dialect, tsql};
use crate::guard::{Refusal, RefusalCode};

/// A printed query.
pub(super) struct Text {
    pub(super) text: String,
    /// The numbers of the placeholders, in the order of the text.
    pub(super) placeholders: Vec<usize>,
}

/// Prints a rewritten query.
pub(super) fn print(
    query: &Query,
    dialect: Dialect,
    default_schema: Option<&str>,
) -> Result<Text, Refusal> {
    if dialect == Dialect::Mssql {
        tsql::check(query)?;
    }
    let mut printer = Printer::new(dialect, default_schema);
    printer.query(query)?;
    Ok(printer.text)
}

/// Prints an expression alone, as it stands in a query that an engine gets.
pub(super) fn expression(expr: &Expr, dialect: Dialect) -> Result<Text, Refusal> {
    let mut printer = Printer::new(dialect, None);
    printer.expr(expr)?;
    Ok(printer.text)
}

/// An expression of a query that is not rewritten yet, in few words, for people: nested queries are left out.
pub(super) fn outline(expr: &Expr, dialect: Dialect) -> Option<String> {
    const MAX_CHARS: usize = 160;
    let mut printer = Printer { elided: true, ..Printer::new(dialect, None) };
    printer.expr(expr).ok()?;
    let text = printer.text.text;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => Some(format!("{} ..", text.get(..end)?)),
        None => Some(text),
    }
}

struct Printer<'a> {
    dialect: Dialect,
    /// The schema that is left out, for people; an engine gets every relation qualified.
    default_schema: Option<&'a str>,
    /// Whether nested queries are left out. Such a text is no query.
    elided: bool,
    text: Text,
}

type Printed = Result<(), Refusal>;

impl<'a> Printer<'a> {
    fn new(dialect: Dialect, default_schema: Option<&'a str>) -> Self {
        let text = Text { text: String::with_capacity(512), placeholders: Vec::new() };
        Self { dialect, default_schema, elided: false, text }
    }
}

impl Printer<'_> {
    fn push(&mut self, text: &str) {
        self.text.text.push_str(text);
    }

    /// Prints items with `, ` between them.
    fn list<T>(&mut self, items: &[T], mut print: impl FnMut(&mut Self, &T) -> Printed) -> Printed {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            print(self, item)?;
        }
        Ok(())
    }

    fn query(&mut self, query: &Query) -> Printed {
        let Query { with, body, order_by, limit, offset, fetch_with_ties } = query;
        if let Some(With { recursive, ctes }) = with {
            self.push(if *recursive { "WITH RECURSIVE " } else { "WITH " });
            self.list(ctes, Self::cte)?;
            self.push(" ");
        }
        match body {
            Body::Select(select) => self.select(select, self.top(query).as_deref())?,
            body => self.body(body)?,
        }
        if !order_by.is_empty() {
            self.push(" ORDER BY ");
            self.list(order_by, Self::order_item)?;
        }
        if self.dialect == Dialect::Mssql {
            return self.offset_fetch(limit.as_ref(), offset.as_ref());
        }
        if let Some(limit) = limit {
            self.push(" LIMIT ");
            self.expr(limit)?;
        }
        if let Some(offset) = offset {
            // SQLite has no OFFSET without LIMIT.
            if limit.is_none() && self.dialect == Dialect::Sqlite {
                return Err(Refusal::unsupported(
                    "OFFSET without LIMIT",
                    "write LIMIT -1 OFFSET n",
                ));
            }
            self.push(" OFFSET ");
            self.expr(offset)?;
        }
        if let Some(fetch) = fetch_with_ties {
            self.push(" FETCH FIRST ");
            self.operand(fetch)?;
            self.push(" ROWS WITH TIES");
        }
        Ok(())
    }

    /// SQL Server's words for a limit without an offset, which stand after SELECT.
    fn top(&self, query: &Query) -> Option<String> {
        if self.dialect != Dialect::Mssql {
            return None;
        }
        match (&query.limit, &query.offset, &query.fetch_with_ties) {
            (Some(Expr::Literal(Literal::Number(rows))), None, None) => {
                Some(format!("TOP ({rows}) "))
            }
            (None, None, Some(Expr::Literal(Literal::Number(rows)))) => {
                Some(format!("TOP ({rows}) WITH TIES "))
            }
            _ => None,
        }
    }

    /// SQL Server's words for an offset, with or without a limit; they follow ORDER BY.
    fn offset_fetch(&mut self, limit: Option<&Expr>, offset: Option<&Expr>) -> Printed {
        let Some(offset) = offset else { return Ok(()) };
        self.push(" OFFSET ");
        self.expr(offset)?;
        self.push(" ROWS");
        if let Some(limit) = limit {
            self.push(" FETCH NEXT ");
            self.expr(limit)?;
            self.push(" ROWS ONLY");
        }
        Ok(())
    }

    fn cte(&mut self, cte: &Cte) -> Printed {
        let Cte { name, columns, materialized, query } = cte;
        self.alias(name, columns);
        self.push(match materialized {
            None => " AS (",
            Some(true) => " AS MATERIALIZED (",
            Some(false) => " AS NOT MATERIALIZED (",
        });
        self.query(query)?;
        self.push(")");
        Ok(())
    }

    fn body(&mut self, body: &Body) -> Printed {
        match body {
            Body::Select(select) => self.select(select, None),
            Body::Query(query) => self.parenthesised(query),
            Body::Set { op, all, left, right } => {
                self.left_arm(*op, left)?;
                self.push(match op {
                    SetOp::Union => " UNION ",
                    SetOp::Intersect => " INTERSECT ",
                    SetOp::Except => " EXCEPT ",
                });
                if *all {
                    self.push("ALL ");
                }
                self.arm(right, matches!(**right, Body::Set { .. }))
            }
            Body::Values(rows) => {
                self.push("VALUES ");
                self.list(rows, |printer, row| {
                    printer.push("(");
                    printer.list(row, Self::expr)?;
                    printer.push(")");
                    Ok(())
                })
            }
        }
    }

    /// INTERSECT binds tighter everywhere but on SQLite, which reads from left to right; parentheses say so.
    fn left_arm(&mut self, op: SetOp, left: &Body) -> Printed {
        let looser = op == SetOp::Intersect
            && matches!(left, Body::Set { op, .. } if *op != SetOp::Intersect);
        self.arm(left, looser && self.dialect != Dialect::Sqlite)
    }

    fn arm(&mut self, arm: &Body, parentheses: bool) -> Printed {
        if !parentheses {
            return self.body(arm);
        }
        if self.dialect == Dialect::Sqlite {
            return Err(Refusal::unsupported(
                "a set operation on the right of another",
                "put it into a subquery: SELECT * FROM (...)",
            ));
        }
        self.push("(");
        self.body(arm)?;
        self.push(")");
        Ok(())
    }

    fn parenthesised(&mut self, query: &Query) -> Printed {
        if self.elided {
            self.push("(SELECT ..)");
            return Ok(());
        }
        self.push("(");
        self.query(query)?;
        self.push(")");
        Ok(())
    }

    fn select(&mut self, select: &Select, top: Option<&str>) -> Printed {
        let Select { distinct, items, from, filter, group_by, determined: _, having, windows } =
            select;
        self.push("SELECT ");
        match distinct {
            Distinct::All => {}
            Distinct::Rows => self.push("DISTINCT "),
            Distinct::On(exprs) => {
                self.push("DISTINCT ON (");
                self.list(exprs, Self::expr)?;
                self.push(") ");
            }
        }
        self.push(top.unwrap_or_default());
        self.list(items, Self::select_item)?;
        if !from.is_empty() {
            self.push(" FROM ");
            self.list(from, Self::source)?;
        }
        if let Some(filter) = filter {
            self.push(" WHERE ");
            self.expr(filter)?;
        }
        if !group_by.is_empty() {
            self.push(" GROUP BY ");
            self.list(group_by, Self::group_item)?;
        }
        if let Some(having) = having {
            self.push(" HAVING ");
            self.expr(having)?;
        }
        if !windows.is_empty() {
            self.push(" WINDOW ");
            self.list(windows, |printer, (name, window)| {
                printer.name(name);
                printer.push(" AS (");
                printer.window(window)?;
                printer.push(")");
                Ok(())
            })?;
        }
        Ok(())
    }

    fn select_item(&mut self, item: &SelectItem) -> Printed {
        match item {
            SelectItem::Star => {
                self.push("*");
                Ok(())
            }
            SelectItem::TableStar(table) => {
                self.names(table);
                self.push(".*");
                Ok(())
            }
            SelectItem::Expr { expr, alias } => {
                self.expr(expr)?;
                if let Some(alias) = alias {
                    self.push(" AS ");
                    self.name(alias);
                }
                Ok(())
            }
        }
    }

    fn group_item(&mut self, item: &GroupItem) -> Printed {
        let (word, sets) = match item {
            GroupItem::Expr(expr) => return self.expr(expr),
            GroupItem::Rollup(sets) if self.dialect == Dialect::Mysql => {
                self.list(sets, |printer, set| printer.list(set, Self::expr))?;
                self.push(" WITH ROLLUP");
                return Ok(());
            }
            GroupItem::Rollup(sets) => ("ROLLUP", sets),
            GroupItem::Cube(sets) => ("CUBE", sets),
            GroupItem::GroupingSets(sets) => ("GROUPING SETS", sets),
        };
        self.push(word);
        self.push(" (");
        self.list(sets, |printer, set| {
            printer.push("(");
            printer.list(set, Self::expr)?;
            printer.push(")");
            Ok(())
        })?;
        self.push(")");
        Ok(())
    }

    fn order_item(&mut self, item: &OrderItem) -> Printed {
        let OrderItem { expr, descending, nulls_first } = item;
        self.expr(expr)?;
        if *descending {
            self.push(" DESC");
        }
        match nulls_first {
            None => {}
            Some(true) => self.push(" NULLS FIRST"),
            Some(false) => self.push(" NULLS LAST"),
        }
        Ok(())
    }

    fn source(&mut self, item: &FromItem) -> Printed {
        let FromItem { relation, joins } = item;
        self.factor(relation)?;
        for Join { kind, constraint, relation } in joins {
            self.push(if *constraint == JoinConstraint::Natural { " NATURAL" } else { "" });
            // SQL Server's LATERAL is a kind of join.
            let apply = self.dialect == Dialect::Mssql
                && matches!(relation, Factor::Derived { lateral: true, .. });
            self.push(match kind {
                JoinKind::Cross if apply => " CROSS APPLY ",
                JoinKind::Left if apply => " OUTER APPLY ",
                JoinKind::Inner => " JOIN ",
                JoinKind::Left => " LEFT JOIN ",
                JoinKind::Right => " RIGHT JOIN ",
                JoinKind::Full => " FULL JOIN ",
                JoinKind::Cross => " CROSS JOIN ",
            });
            self.factor(relation)?;
            match constraint {
                JoinConstraint::None | JoinConstraint::Natural => {}
                JoinConstraint::On(on) => {
                    self.push(" ON ");
                    self.expr(on)?;
                }
                JoinConstraint::Using(names) => {
                    self.push(" USING (");
                    self.list(names, |printer, name| {
                        printer.name(name);
                        Ok(())
                    })?;
                    self.push(")");
                }
            }
        }
        Ok(())
    }

    fn factor(&mut self, factor: &Factor) -> Printed {
        match factor {
            Factor::Named { name, alias } => {
                self.names(name);
                self.as_alias(alias.as_ref());
            }
            Factor::Base { relation, alias } => {
                if self.default_schema != Some(&relation.schema) {
                    self.quoted(&relation.schema);
                    self.push(".");
                }
                self.quoted(&relation.name);
                if self.default_schema.is_none() || relation.name != alias.as_str() {
                    self.push(" AS ");
                    self.name(alias);
                }
            }
            Factor::Derived { lateral, query, alias } => {
                let word = *lateral && self.dialect != Dialect::Mssql;
                self.push(if word { "LATERAL " } else { "" });
                self.parenthesised(query)?;
                self.as_alias(alias.as_ref());
            }
            Factor::Nested { from, alias } => {
                self.push("(");
                self.source(from)?;
                self.push(")");
                self.as_alias(alias.as_ref());
            }
            Factor::Rows { function, args, alias } => {
                self.push(function);
                self.push("(");
                self.exprs(args)?;
                self.push(")");
                self.as_alias(Some(alias));
            }
            // INVARIANT (isolation): an occurrence without its filter has no printed form.
            Factor::Occurrence { .. } => {
                return Err(Refusal::new(
                    RefusalCode::RoundTrip,
                    "a relation was not filtered",
                    "report this",
                ));
            }
        }
        Ok(())
    }

    fn as_alias(&mut self, alias: Option<&Alias>) {
        if let Some(Alias { name, columns }) = alias {
            self.push(" AS ");
            self.alias(name, columns);
        }
    }

    fn alias(&mut self, name: &Name, columns: &[Name]) {
        self.name(name);
        if columns.is_empty() {
            return;
        }
        for (index, column) in columns.iter().enumerate() {
            self.push(if index == 0 { " (" } else { ", " });
            self.name(column);
        }
        self.push(")");
    }

    fn names(&mut self, parts: &[Name]) {
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.push(".");
            }
            self.name(part);
        }
    }

    fn name(&mut self, name: &Name) {
        self.quoted(name.as_str());
    }

    fn quoted(&mut self, name: &str) {
        if self.dialect.is_plain_name(name) {
            self.push(name);
        } else {
            self.push(&self.dialect.quoted(name));
        }
    }

    fn order_items(&mut self, items: &[OrderItem]) -> Printed {
        self.list(items, Self::order_item)
    }

    fn exprs(&mut self, exprs: &[Expr]) -> Printed {
        self.list(exprs, Self::expr)
    }
}
