//! MySQL: what its texts, units and operators mean, and what must be clear before it is printed.

use sqlparser::ast;

use super::super::tree::{BinaryOp, Body, Expr, LikeKind, Literal, Query, SelectItem, SqlType};
use super::super::{Dialect, types};
use super::{Admit, Admitted, REMOVE, absent, unsupported};
use crate::guard::{Refusal, RefusalCode};

impl Admit {
    /// The operators that MySQL reads in a way of its own; `None` for the others.
    pub(super) fn mysql_binary(
        &mut self,
        left: &ast::Expr,
        op: &ast::BinaryOperator,
        right: &ast::Expr,
    ) -> Admitted<Option<Expr>> {
        use ast::BinaryOperator as F;
        let op = match op {
            F::Spaceship => return self.distinct_from(left, right, true).map(Some),
            F::MyIntegerDivide => BinaryOp::IntegerDivide,
            F::PGOverlap => BinaryOp::And,
            F::StringConcat => return unsupported("`||`, which is OR here", "use CONCAT(a, b)"),
            F::Xor => return unsupported("XOR", "write (a AND NOT b) OR (NOT a AND b)"),
            F::Arrow | F::LongArrow => {
                return unsupported("`->`", "use JSON_EXTRACT(column, '$.path')");
            }
            _ => return Ok(None),
        };
        let (left, right) = (Box::new(self.expr(left)?), Box::new(self.expr(right)?));
        Ok(Some(Expr::Binary { op, left, right }))
    }

    /// `INTERVAL value unit`.
    pub(super) fn mysql_interval(&mut self, interval: &ast::Interval) -> Admitted<Expr> {
        let ast::Interval {
            value,
            leading_field,
            leading_precision,
            last_field,
            fractional_seconds_precision,
        } = interval;
        let plain = leading_precision.is_none()
            && last_field.is_none()
            && fractional_seconds_precision.is_none();
        absent(!plain, "a qualified INTERVAL", "write INTERVAL 3 DAY")?;
        let unit = leading_field.as_ref().and_then(types::extract_field).and_then(unit);
        let Some(unit) = unit else {
            return unsupported("this INTERVAL", "write INTERVAL 3 DAY, or MONTH, YEAR, HOUR ..");
        };
        Ok(Expr::Interval { value: Box::new(self.expr(value)?), unit })
    }

    /// `CONVERT(value USING utf8mb4)`, and `CONVERT(value, type)`, which is CAST.
    pub(super) fn mysql_convert(
        &mut self,
        expr: &ast::Expr,
        data_type: Option<&ast::DataType>,
        charset: Option<&ast::ObjectName>,
    ) -> Admitted<Expr> {
        let to = match (data_type, charset) {
            (Some(data_type), None) => types::cast_target(data_type, self.dialect)?,
            (None, Some(charset)) => match self.object_name(charset)?.as_slice() {
                [charset] if charset.as_str() == "utf8mb4" => {
                    SqlType { name: "UTF8MB4", modifiers: (None, None) }
                }
                _ => return unsupported("this character set", "use utf8mb4"),
            },
            _ => return unsupported("this CONVERT", "use CAST"),
        };
        Ok(Expr::Cast { expr: Box::new(self.expr(expr)?), to })
    }

    pub(super) fn regexp(
        &mut self,
        negated: bool,
        expr: &ast::Expr,
        pattern: &ast::Expr,
    ) -> Admitted<Expr> {
        absent(self.dialect != Dialect::Mysql, "REGEXP", REMOVE)?;
        self.like(LikeKind::Regexp, negated, expr, pattern, None)
    }
}

/// Decodes the inside of a literal: a doubled quote is one, and a backslash begins an escape sequence
/// (<https://dev.mysql.com/doc/refman/8.4/en/string-literals.html>). Those of control characters are refused.
pub(super) fn unescape(raw: &str, quote: char) -> Admitted<String> {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c == quote {
            if chars.next() != Some(quote) {
                return Err(unclear("a quoted text holds a single quote character"));
            }
            text.push(c);
            continue;
        }
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            // For patterns: elsewhere too, the backslash stays.
            Some(wildcard @ ('%' | '_')) => text.extend(['\\', wildcard]),
            Some('0' | 'b' | 'Z') => {
                return Err(unclear("a text holds the escape sequence of a control character"));
            }
            Some(other) => text.push(other),
            None => return Err(unclear("a text ends in a backslash")),
        }
    }
    Ok(text)
}

fn unclear(message: &'static str) -> Refusal {
    Refusal::new(RefusalCode::Syntax, message, "double every quote and backslash inside quotes")
}

/// LIMIT and OFFSET take plain numbers, and no OFFSET stands alone.
pub(super) fn check_bounds(limit: Option<&Expr>, offset: Option<&Expr>) -> Admitted<()> {
    let plain = |bound: &Expr| matches!(bound, Expr::Literal(Literal::Number(digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()));
    if !limit.into_iter().chain(offset).all(plain) {
        return unsupported("a computed LIMIT or OFFSET", "write the number");
    }
    if limit.is_none() && offset.is_some() {
        return unsupported("OFFSET without LIMIT", "write LIMIT n OFFSET m");
    }
    Ok(())
}

/// The units of an INTERVAL, of `TIMESTAMPDIFF` and of EXTRACT.
pub(super) fn unit(name: &str) -> Option<&'static str> {
    const UNITS: [&str; 9] =
        ["MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"];
    UNITS.iter().copied().find(|unit| unit.eq_ignore_ascii_case(name))
}

/// Refuses to look for a value in a SELECT that reads no table. MariaDB puts such a subquery's expression in its place,
/// looks for the columns a second time when it runs the prepared statement, and stops, the whole server, where they are
/// of a derived table, as every filtered relation is (seen on 10.11.19; of the kind of
/// <https://github.com/MariaDB/server/pull/5441>).
pub(super) fn sought(dialect: Dialect, test: Expr) -> Admitted<Expr> {
    let bare = match &test {
        Expr::InQuery { query, .. } => is_bare(query),
        // A list of one subquery is read as that subquery.
        Expr::InList { list, .. } => {
            matches!(list.as_slice(), [Expr::Subquery(query)] if is_bare(query))
        }
        Expr::Quantified { right, .. } => {
            matches!(right.as_ref(), Expr::Subquery(query) if is_bare(query))
        }
        _ => false,
    };
    absent(
        bare && dialect == Dialect::Mysql,
        "IN, ANY or ALL with a SELECT that has no FROM",
        "compare with the value itself: a = b",
    )?;
    Ok(test)
}

/// Whether it is a SELECT of something that is no literal, from nothing.
fn is_bare(query: &Query) -> bool {
    let is_literal =
        |item: &SelectItem| matches!(item, SelectItem::Expr { expr: Expr::Literal(_), alias: _ });
    match &query.body {
        Body::Select(select) => select.from.is_empty() && !select.items.iter().all(is_literal),
        Body::Query(query) => is_bare(query),
        Body::Set { .. } | Body::Values(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded_as_the_server_reads_them() {
        for (raw, text) in [
            ("plain", "plain"),
            ("it''s", "it's"),
            (r"it\'s", "it's"),
            (r"a\\b", r"a\b"),
            (r"50\%\_", r"50\%\_"),
            (r#"\"\q"#, r#""q"#),
            (r"a\nb\tc\r", "a\nb\tc\r"),
        ] {
            assert_eq!(unescape(raw, '\'').unwrap(), text, "{raw}");
        }
        assert_eq!(unescape(r#"a""b'c"#, '"').unwrap(), r#"a"b'c"#);
        for raw in ["a'b", r"a\", r"a\0", r"\b", r"\Z", r"\\'"] {
            assert!(unescape(raw, '\'').is_err(), "{raw}");
        }
    }
}
