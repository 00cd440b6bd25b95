//! From the parser's tree to the guard's: every form is taken by name or refused.
//!
//! Each parser struct is destructured whole, so a field that a later parser version adds fails to compile here
//! instead of passing unread. The only wildcard arms refuse.

mod call;
mod expr;
mod mssql;
mod mysql;
mod precedence;
mod rows;
mod select;
mod test;

use std::sync::Arc;

use sqlparser::ast;

use super::text::Author;
use super::tree::{Body, Cte, Expr, Name, OrderItem, Query, Select, SelectItem, SetOp, With};
use super::{Dialect, tsql};
use crate::catalog::AddedFunction;
use crate::guard::{Refusal, RefusalCode};

/// How deep the tree may be. Engines have limits of their own near it (SQLite: 1,000 for expressions, 500 for
/// compound SELECTs); the guard's stack holds many times this depth.
const MAX_DEPTH: usize = 400;

/// Takes one query.
///
/// `added` are the functions that a query may call beside those of the lists.
pub(super) fn admit(
    query: &ast::Query,
    dialect: Dialect,
    author: Author,
    added: &Arc<[AddedFunction]>,
) -> Result<Query, Refusal> {
    Admit { dialect, author, depth: 0, added: Arc::clone(added) }.query(query)
}

struct Admit {
    dialect: Dialect,
    author: Author,
    depth: usize,
    added: Arc<[AddedFunction]>,
}

type Admitted<T> = Result<T, Refusal>;

fn unsupported<T>(what: &str, hint: &'static str) -> Admitted<T> {
    Err(Refusal::unsupported(what, hint))
}

/// Refuses a clause that is present.
fn absent(present: bool, what: &str, hint: &'static str) -> Admitted<()> {
    if present { unsupported(what, hint) } else { Ok(()) }
}

const REMOVE: &str = "remove it";

impl Admit {
    /// Runs `admit` one level deeper.
    fn deeper<T>(&mut self, admit: impl FnOnce(&mut Self) -> Admitted<T>) -> Admitted<T> {
        if self.depth >= MAX_DEPTH {
            return Err(Refusal::new(
                RefusalCode::TooLarge,
                "the query is nested too deeply",
                "use IN lists instead of long OR chains, and fewer nested queries",
            ));
        }
        self.depth += 1;
        let result = admit(self);
        self.depth -= 1;
        result
    }

    fn query(&mut self, query: &ast::Query) -> Admitted<Query> {
        self.deeper(|admit| admit.query_parts(query))
    }

    fn query_parts(&mut self, query: &ast::Query) -> Admitted<Query> {
        let ast::Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        absent(!locks.is_empty(), "a locking clause", REMOVE)?;
        absent(for_clause.is_some(), "FOR XML/JSON/BROWSE", REMOVE)?;
        absent(settings.is_some() || format_clause.is_some(), "SETTINGS or FORMAT", REMOVE)?;
        absent(!pipe_operators.is_empty(), "a pipe operator", "write a plain SELECT")?;
        let with = with.as_ref().map(|with| self.with(with)).transpose()?;
        if self.dialect == Dialect::Mssql {
            let (body, top) = match body.as_ref() {
                ast::SetExpr::Select(select) => {
                    let top = self.top(select)?;
                    (Body::Select(Box::new(self.select(select)?)), top)
                }
                body => (self.body(body)?, mssql::Top::default()),
            };
            let order_by = self.order_by(order_by.as_ref())?;
            let (offset, limit) = self.offset_fetch(limit_clause.as_ref(), fetch.as_ref())?;
            let twice = offset.is_some() && (top.limit.is_some() || top.with_ties.is_some());
            absent(twice, "both TOP and OFFSET", "use one of them")?;
            let limit = limit.or(top.limit);
            return Ok(Query {
                with,
                body,
                order_by,
                limit,
                offset,
                fetch_with_ties: top.with_ties,
            });
        }
        let body = self.body(body)?;
        let order_by = self.order_by(order_by.as_ref())?;
        let (mut limit, offset) = self.limit(limit_clause.as_ref())?;
        let mut fetch_with_ties = None;
        if let Some(ast::Fetch { with_ties, percent, quantity }) = fetch {
            absent(*percent, "FETCH PERCENT", "fetch a number of rows")?;
            absent(limit.is_some(), "both LIMIT and FETCH", "use one of them")?;
            let fetch = !matches!(self.dialect, Dialect::Sqlite | Dialect::Mysql);
            absent(!fetch, "FETCH", "use LIMIT")?;
            let quantity = match quantity {
                Some(quantity) => self.expr(quantity)?,
                None => Expr::Literal(super::tree::Literal::Number("1".to_owned())),
            };
            if *with_ties { fetch_with_ties = Some(quantity) } else { limit = Some(quantity) }
        }
        if self.dialect == Dialect::Mysql {
            mysql::check_bounds(limit.as_ref(), offset.as_ref())?;
        }
        Ok(Query { with, body, order_by, limit, offset, fetch_with_ties })
    }

    fn with(&mut self, with: &ast::With) -> Admitted<With> {
        let ast::With { with_token: _, recursive, cte_tables } = with;
        let ctes = cte_tables.iter().map(|cte| self.cte(cte)).collect::<Result<_, _>>()?;
        Ok(With { recursive: *recursive, ctes })
    }

    fn cte(&mut self, cte: &ast::Cte) -> Admitted<Cte> {
        let ast::Cte { alias, query, from, materialized, closing_paren_token: _ } = cte;
        absent(from.is_some(), "WITH ... FROM", REMOVE)?;
        let hint = materialized.is_some() && self.dialect == Dialect::Mysql;
        absent(hint, "MATERIALIZED", REMOVE)?;
        let super::tree::Alias { name, columns } = self.alias(alias)?;
        let materialized = materialized.as_ref().map(|materialized| match materialized {
            ast::CteAsMaterialized::Materialized => true,
            ast::CteAsMaterialized::NotMaterialized => false,
        });
        Ok(Cte { name, columns, materialized, query: self.query(query)? })
    }

    fn body(&mut self, body: &ast::SetExpr) -> Admitted<Body> {
        self.deeper(|admit| match body {
            ast::SetExpr::Select(select) => {
                let top = admit.top(select)?;
                Ok(top.arm(Body::Select(Box::new(admit.select(select)?))))
            }
            ast::SetExpr::Query(query) => admit.nested_body(query),
            ast::SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let all = match set_quantifier {
                    ast::SetQuantifier::All => true,
                    ast::SetQuantifier::Distinct | ast::SetQuantifier::None => false,
                    ast::SetQuantifier::ByName
                    | ast::SetQuantifier::AllByName
                    | ast::SetQuantifier::DistinctByName => {
                        return unsupported("a set operation BY NAME", "match columns by position");
                    }
                };
                let op = match op {
                    ast::SetOperator::Union => SetOp::Union,
                    ast::SetOperator::Intersect => SetOp::Intersect,
                    ast::SetOperator::Except => SetOp::Except,
                    ast::SetOperator::Minus => return unsupported("MINUS", "use EXCEPT"),
                };
                let (left, right) = (Box::new(admit.body(left)?), Box::new(admit.body(right)?));
                Ok(Body::Set { op, all, left, right })
            }
            ast::SetExpr::Values(values) => admit.values(values),
            ast::SetExpr::Table(table) => admit.table_command(table),
            ast::SetExpr::Insert(_)
            | ast::SetExpr::Update(_)
            | ast::SetExpr::Delete(_)
            | ast::SetExpr::Merge(_) => Err(Refusal::new(
                RefusalCode::NotAQuery,
                "the query changes data",
                "data can be read, not changed: use SELECT",
            )),
        })
    }

    /// Parentheses around a plain body mean nothing; around a whole query they scope its WITH, ORDER BY and LIMIT.
    fn nested_body(&mut self, query: &ast::Query) -> Admitted<Body> {
        let query = self.query(query)?;
        let plain = query.with.is_none()
            && query.order_by.is_empty()
            && query.limit.is_none()
            && query.offset.is_none()
            && query.fetch_with_ties.is_none();
        Ok(if plain { query.body } else { Body::Query(Box::new(query)) })
    }

    fn values(&mut self, values: &ast::Values) -> Admitted<Body> {
        let ast::Values { explicit_row, value_keyword, rows } = values;
        absent(*explicit_row || *value_keyword, "VALUES ROW(...)", "write VALUES (...), (...)")?;
        let rows = rows
            .iter()
            .map(|row| row.content.iter().map(|value| self.expr(value)).collect())
            .collect::<Result<Vec<Vec<Expr>>, _>>()?;
        absent(rows.iter().any(Vec::is_empty), "an empty VALUES row", REMOVE)?;
        // MySQL writes VALUES ROW(..), MariaDB VALUES (..).
        absent(self.dialect == Dialect::Mysql, "VALUES", "use SELECT ... UNION ALL SELECT ...")?;
        Ok(Body::Values(rows))
    }

    /// `TABLE t` is `SELECT * FROM t` (rule A1).
    fn table_command(&mut self, table: &ast::Table) -> Admitted<Body> {
        let ast::Table { table_name, schema_name } = table;
        let known = matches!(self.dialect, Dialect::Postgresql);
        absent(!known, "TABLE", "use SELECT * FROM")?;
        let Some(name) = table_name else { return unsupported("TABLE without a name", REMOVE) };
        let parts = schema_name.iter().chain([name]);
        let name = parts.map(|part| self.name(part)).collect::<Result<_, _>>()?;
        Ok(Self::select_star(name))
    }

    fn select_star(name: Vec<Name>) -> Body {
        let relation = super::tree::Factor::Named { name, alias: None };
        Body::Select(Box::new(Select {
            items: vec![SelectItem::Star],
            from: vec![super::tree::FromItem { relation, joins: Vec::new() }],
            ..Select::default()
        }))
    }

    fn order_by(&mut self, order_by: Option<&ast::OrderBy>) -> Admitted<Vec<OrderItem>> {
        let Some(ast::OrderBy { kind, interpolate }) = order_by else { return Ok(Vec::new()) };
        absent(interpolate.is_some(), "INTERPOLATE", REMOVE)?;
        match kind {
            ast::OrderByKind::Expressions(items) => self.order_items(items),
            ast::OrderByKind::All(_) => unsupported("ORDER BY ALL", "list the columns"),
        }
    }

    fn order_items(&mut self, items: &[ast::OrderByExpr]) -> Admitted<Vec<OrderItem>> {
        items.iter().map(|item| self.order_item(item)).collect()
    }

    fn order_item(&mut self, item: &ast::OrderByExpr) -> Admitted<OrderItem> {
        let ast::OrderByExpr { expr, options, with_fill } = item;
        let ast::OrderByOptions { sort, nulls_first } = options;
        absent(with_fill.is_some(), "WITH FILL", REMOVE)?;
        let descending = match sort {
            None | Some(ast::OrderBySort::Asc) => false,
            Some(ast::OrderBySort::Desc) => true,
            Some(ast::OrderBySort::Using(_)) => {
                return unsupported("ORDER BY ... USING", "use ASC or DESC");
            }
        };
        let nulls = nulls_first.is_some() && self.dialect == Dialect::Mysql;
        absent(nulls, "NULLS FIRST or LAST", "order by `column IS NULL` first")?;
        Ok(OrderItem { expr: self.expr(expr)?, descending, nulls_first: *nulls_first })
    }

    fn limit(
        &mut self,
        limit: Option<&ast::LimitClause>,
    ) -> Admitted<(Option<Expr>, Option<Expr>)> {
        match limit {
            None => Ok((None, None)),
            Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) => {
                absent(!limit_by.is_empty(), "LIMIT BY", REMOVE)?;
                let limit = limit.as_ref().map(|limit| self.expr(limit)).transpose()?;
                let offset = offset.as_ref().map(|ast::Offset { value, rows: _ }| self.expr(value));
                Ok((limit, offset.transpose()?))
            }
            Some(ast::LimitClause::OffsetCommaLimit { offset, limit }) => {
                Ok((Some(self.expr(limit)?), Some(self.expr(offset)?)))
            }
        }
    }

    fn alias(&mut self, alias: &ast::TableAlias) -> Admitted<super::tree::Alias> {
        let ast::TableAlias { explicit: _, name, columns, at } = alias;
        absent(at.is_some(), "AT in an alias", REMOVE)?;
        let columns = columns
            .iter()
            .map(|ast::TableAliasColumnDef { name, data_type }| {
                absent(data_type.is_some(), "a typed column alias", "leave out the type")?;
                self.name(name)
            })
            .collect::<Result<_, _>>()?;
        let name = self.name(name)?;
        if self.dialect == Dialect::Mssql && self.author == Author::Proposal {
            tsql::check_alias(name.as_str())?;
        }
        Ok(super::tree::Alias { name, columns })
    }

    fn object_name(&self, name: &ast::ObjectName) -> Admitted<Vec<Name>> {
        let ast::ObjectName(parts) = name;
        parts
            .iter()
            .map(|part| match part {
                ast::ObjectNamePart::Identifier(name) => self.name(name),
                ast::ObjectNamePart::Function(_) => {
                    unsupported("a computed name", "write the name")
                }
            })
            .collect()
    }

    /// Unquotes and folds an identifier as the dialect does.
    fn name(&self, ident: &ast::Ident) -> Admitted<Name> {
        let ast::Ident { value, quote_style, span: _ } = ident;
        if self.dialect == Dialect::Mssql {
            tsql::check_name(value, quote_style.is_some())?;
        }
        let text = match quote_style {
            None => self.dialect.fold(value),
            Some('\'' | '"') if self.dialect == Dialect::Mysql => {
                return unsupported("a text for a name", "quote names with backticks");
            }
            Some(open) => {
                let close = if *open == '[' { ']' } else { *open };
                unquote(value, close)?
            }
        };
        self.named(text)
    }

    /// A name that every engine keeps whole.
    fn named(&self, text: String) -> Admitted<Name> {
        let longest = self.dialect.max_name_bytes();
        if text.is_empty() || text.len() > longest || text.chars().any(char::is_control) {
            return Err(Refusal::new(
                RefusalCode::Syntax,
                format!(
                    "a name is empty, holds a control character or is longer than {longest} bytes"
                ),
                "use a shorter, plain name",
            ));
        }
        Ok(Name::new(text))
    }
}

impl Admit {
    /// Decodes the inside of a literal as the dialect reads it.
    fn text(&self, raw: &str, quote: char) -> Admitted<String> {
        match self.dialect {
            Dialect::Sqlite | Dialect::Postgresql | Dialect::Mssql => unquote(raw, quote),
            Dialect::Mysql => mysql::unescape(raw, quote),
        }
    }
}

/// Decodes the inside of quotes, in which the quote itself is doubled. A single one means that the parser and the
/// engine would disagree on where the text ends (rules H1 to H5), so it is refused.
fn unquote(raw: &str, quote: char) -> Admitted<String> {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c == quote && chars.next() != Some(quote) {
            return Err(Refusal::new(
                RefusalCode::Syntax,
                "a quoted text holds a single quote character",
                "double every quote character inside quotes",
            ));
        }
        text.push(c);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokenizer ends a text at a single quote; were it to go on, it and the engine would disagree.
    #[test]
    fn quotes_inside_quotes_are_doubled() {
        assert_eq!(unquote("it''s", '\'').unwrap(), "it's");
        assert_eq!(unquote("a]]b", ']').unwrap(), "a]b");
        for raw in ["it's", "'", "a''b'"] {
            assert_eq!(unquote(raw, '\'').unwrap_err().code, RefusalCode::Syntax, "{raw}");
        }
    }
}
