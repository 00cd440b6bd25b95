//! Masked columns: what a derived table lists in place of a column.
//!
//! Whatever stands around it compares, sorts and groups what is shown, and nothing else. So that it does as the column
//! itself would, the expression has the column's type and collation, which NULL alone has not. It never fails, on no row,
//! so it needs no fence of its own.

use super::super::tree::{BinaryOp, Body, Expr, Literal, Name, Query, Select, SelectItem, UnaryOp};
use super::{Dialect, Emit, Emitted, Values, and, binary, call, cast, hash, number, text};
use crate::catalog::{Column, ColumnName};
use crate::predicate::{Mask, Masked, RowFilter};

/// How many characters [`Mask::Last4`] shows.
const SHOWN: i64 = 4;

/// [`Mask::SHORTEST`].
const SHORTEST: i64 = 8;

impl Emit<'_, '_> {
    /// `CASE WHEN clear THEN c WHEN .. THEN .. ELSE mask END`.
    // INVARIANT (isolation): the mask has the last word. Where a condition is unknown, nothing is clear.
    pub(in crate::guard::sql) fn masked(&mut self, name: &ColumnName, masked: &Masked) -> Emitted {
        let column = self.known(name)?;
        let own = self.column(&column);
        let clear = match &masked.clear {
            RowFilter::AllRows => return Ok(own),
            RowFilter::NoRows => None,
            RowFilter::Where(predicate) => Some(self.predicate(predicate)?),
        };
        if masked.otherwise == Mask::Null {
            return Ok(self.or_null(&column, own, clear));
        }
        let mut branches: Vec<(Expr, Expr)> =
            clear.into_iter().map(|clear| (clear, own.clone())).collect();
        for (predicate, mask) in &masked.stricter {
            branches.push((self.predicate(predicate)?, self.shown(*mask, &column, &own)?));
        }
        let mut shown = self.shown(masked.otherwise, &column, &own)?;
        if !branches.is_empty() {
            shown = Expr::Case { operand: None, branches, otherwise: Some(Box::new(shown)) };
        }
        Ok(match (self.dialect, &self.values) {
            // Of a CAST it knows the affinity, and of CASE it does not.
            (Dialect::Sqlite, Values::Bound(_)) => collated(&column, cast(shown, "TEXT")),
            (Dialect::Sqlite | Dialect::Postgresql | Dialect::Mysql | Dialect::Mssql, _) => shown,
        })
    }

    /// The column where it is clear, otherwise a NULL of its type.
    fn or_null(&self, column: &Column, own: Expr, clear: Option<Expr>) -> Expr {
        let bound = matches!(self.values, Values::Bound(_));
        let condition = match clear {
            Some(clear) => clear,
            None if !bound => return Expr::Literal(Literal::Null),
            None => binary(BinaryOp::Eq, number(1), number(0)),
        };
        if bound && self.dialect == Dialect::Sqlite {
            // A query for one value has the affinity of its column, which no cast to its type keeps: a cast of
            // 'abc' to INTEGER is 0. <https://sqlite.org/datatype3.html> section 3.2
            return collated(column, one_value(own, condition));
        }
        let branches = vec![(condition, own)];
        Expr::Case { operand: None, branches, otherwise: None }
    }

    /// What a mask makes of a value.
    fn shown(&mut self, mask: Mask, column: &Column, own: &Expr) -> Emitted {
        Ok(match mask {
            Mask::Null => Expr::Literal(Literal::Null),
            Mask::Hash => hash::of(self, column, own)?,
            Mask::Last4 => {
                let own = || own.clone();
                let at_least = |length, least| binary(BinaryOp::GtEq, length, number(least));
                let (long, last) = match self.dialect {
                    Dialect::Sqlite => {
                        let is_text =
                            binary(BinaryOp::Eq, call("typeof", vec![own()]), text("text"));
                        let long = at_least(call("length", vec![own()]), SHORTEST);
                        let from =
                            Expr::Unary { op: UnaryOp::Minus, expr: Box::new(number(SHOWN)) };
                        (and(is_text, long), call("substr", vec![own(), from]))
                    }
                    Dialect::Postgresql | Dialect::Mysql => {
                        let length = call("char_length", vec![own()]);
                        (at_least(length, SHORTEST), call("right", vec![own(), number(SHOWN)]))
                    }
                    Dialect::Mssql => {
                        // LEN does not count spaces at the end.
                        let ended = binary(BinaryOp::Plus, own(), text("."));
                        let length = call("len", vec![ended]);
                        (at_least(length, SHORTEST + 1), call("right", vec![own(), number(SHOWN)]))
                    }
                };
                Expr::Case { operand: None, branches: vec![(long, last)], otherwise: None }
            }
        })
    }
}

/// `(SELECT expr WHERE condition)`: NULL where it has no row.
fn one_value(expr: Expr, condition: Expr) -> Expr {
    let select = Select {
        items: vec![SelectItem::Expr { expr, alias: None }],
        filter: Some(condition),
        ..Select::default()
    };
    Expr::Subquery(Box::new(Query {
        with: None,
        body: Body::Select(Box::new(select)),
        order_by: Vec::new(),
        limit: None,
        offset: None,
        fetch_with_ties: None,
    }))
}

/// An expression under the column's collation.
fn collated(column: &Column, expr: Expr) -> Expr {
    match &column.collation {
        Some(collation) => {
            Expr::Collate { expr: Box::new(expr), collation: Name::new(collation.as_str()) }
        }
        None => expr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_text_is_the_documented_one() {
        assert_eq!(usize::try_from(SHORTEST), Ok(Mask::SHORTEST));
    }
}
