//! `hash`: HMAC-SHA-256 of a text, `H(outer || H(inner || text))` with the two halves that the key makes
//! (<https://www.rfc-editor.org/rfc/rfc2104#section-2>).
//!
//! The halves are bound as hexadecimal digits, which every driver and every version binds alike, where bytes become texts of
//! this or that character set. What is hashed are the bytes of the text: in the database's own encoding on PostgreSQL, as a
//! conversion to another may fail on a row; in UTF-8 on MySQL; in UTF-16, low byte first, on SQL Server, where VARCHAR and
//! NVARCHAR of the same text then hash alike. Unequal texts have unequal bytes in each. None of it fails on any row.

use super::super::binds::KeyHalf;
use super::super::tree::{BinaryOp, Expr, SqlType, Truth};
use super::{Bind, Dialect, Emit, Emitted, Values, binary, call, cast, mysql, number, numbered};
use super::{text, unknown};
use crate::catalog::Column;

/// The hash of a column; NULL where the column is.
pub(super) fn of(emit: &mut Emit<'_, '_>, column: &Column, own: &Expr) -> Emitted {
    let Values::Bound(binds) = &mut emit.values else {
        // For people.
        return Ok(call("hash", vec![own.clone()]));
    };
    let mut half = |half| Expr::Bind(numbered(binds, Bind::MaskKey(half)));
    let (inner, outer) = (half(KeyHalf::Inner), half(KeyHalf::Outer));
    let hashed = match emit.dialect {
        Dialect::Postgresql => {
            let bytes = |half| call("decode", vec![half, text("hex")]);
            let sha256 =
                |half, more| call("sha256", vec![binary(BinaryOp::Concat, bytes(half), more)]);
            let encoding = call("getdatabaseencoding", Vec::new());
            let own = call("convert_to", vec![own.clone(), encoding]);
            call("encode", vec![sha256(outer, sha256(inner, own)), text("hex")])
        }
        Dialect::Mysql => {
            let sha256 = |half, more| {
                let all = call("concat", vec![call("unhex", vec![half]), more]);
                call("sha2", vec![all, number(256)])
            };
            let inside = sha256(inner, mysql::exactly(column, own.clone()));
            sha256(outer, call("unhex", vec![inside]))
        }
        Dialect::Mssql => {
            let sha256 = |half, more| {
                let half = converted(half, "VARBINARY");
                let all = binary(BinaryOp::Plus, half, more);
                call("hashbytes", vec![text("SHA2_256"), all])
            };
            let own = cast(cast(own.clone(), "NVARCHAR(MAX)"), "VARBINARY(MAX)");
            call("lower", vec![converted(sha256(outer, sha256(inner, own)), "VARCHAR")])
        }
        Dialect::Sqlite => {
            return Err(unknown("a mask by `hash`, for which SQLite has no function"));
        }
    };
    // Beside the column, the hash has its type and collation.
    let is_there = Expr::Is { expr: Box::new(own.clone()), test: Truth::Null, negated: true };
    let otherwise = Some(Box::new(own.clone()));
    Ok(Expr::Case { operand: None, branches: vec![(is_there, hashed)], otherwise })
}

/// Digits as the bytes of a half, or the bytes of a hash as digits: style 2 of
/// <https://learn.microsoft.com/en-us/sql/t-sql/functions/cast-and-convert-transact-sql#binary-styles>. 64 of either.
fn converted(expr: Expr, name: &'static str) -> Expr {
    let to = SqlType { name, modifiers: (Some(64), None) };
    Expr::Convert { expr: Box::new(expr), to, style: Some(2), safe: false }
}
