//! SQL Server: types and date parts.

use sqlparser::ast::{self, DataType as T};

use super::super::tree::SqlType;
use super::{numeric, plain, sized};

/// The types that CAST and CONVERT may name:
/// <https://learn.microsoft.com/en-us/sql/t-sql/data-types/data-types-transact-sql>. Left out: `xml`, `sql_variant`,
/// `geography` and what else runs code of its own, `rowversion`, and the binary types.
pub(super) fn cast_target(data_type: &T) -> Option<SqlType> {
    Some(match data_type {
        T::TinyInt(None) => plain("TINYINT"),
        T::SmallInt(None) => plain("SMALLINT"),
        T::Int(None) | T::Integer(None) => plain("INT"),
        T::BigInt(None) => plain("BIGINT"),
        T::Bit(None) => plain("BIT"),
        T::Numeric(info) | T::Decimal(info) | T::Dec(info) => {
            SqlType { name: "DECIMAL", ..numeric(info)? }
        }
        T::Float(ast::ExactNumberInfo::None) | T::DoublePrecision => plain("FLOAT"),
        T::Real => plain("REAL"),
        T::Char(length) | T::Character(length) => text("CHAR", "CHAR", length.as_ref())?,
        T::Varchar(length) | T::CharacterVarying(length) | T::CharVarying(length) => {
            text("VARCHAR", "VARCHAR(MAX)", length.as_ref())?
        }
        T::Nvarchar(length) => text("NVARCHAR", "NVARCHAR(MAX)", length.as_ref())?,
        T::Date => plain("DATE"),
        T::Time(precision, ast::TimezoneInfo::None) => with_precision("TIME", *precision)?,
        T::Datetime(None) => plain("DATETIME"),
        T::Uuid => plain("UNIQUEIDENTIFIER"),
        T::Custom(ast::ObjectName(parts), modifiers) => named(parts, modifiers)?,
        _ => return None,
    })
}

/// A type that the parser knows by its name only.
fn named(parts: &[ast::ObjectNamePart], modifiers: &[ast::TypeModifier]) -> Option<SqlType> {
    let [ast::ObjectNamePart::Identifier(ast::Ident { value, quote_style: None, span: _ })] = parts
    else {
        return None;
    };
    let modifier = match modifiers {
        [] => None,
        [ast::TypeModifier::Number(digits, false)] => Some(digits.parse().ok()?),
        _ => return None,
    };
    Some(match (value.to_ascii_uppercase().as_str(), modifier) {
        ("DATETIME2", precision) => with_precision("DATETIME2", precision)?,
        ("DATETIMEOFFSET", precision) => with_precision("DATETIMEOFFSET", precision)?,
        ("SMALLDATETIME", None) => plain("SMALLDATETIME"),
        ("MONEY", None) => plain("MONEY"),
        ("UNIQUEIDENTIFIER", None) => plain("UNIQUEIDENTIFIER"),
        ("NCHAR", None) => plain("NCHAR"),
        ("NCHAR", Some(length)) => {
            SqlType { name: "NCHAR", modifiers: (Some(u16::try_from(length).ok()?), None) }
        }
        _ => return None,
    })
}

fn with_precision(name: &'static str, precision: Option<u64>) -> Option<SqlType> {
    let precision = precision.map(u16::try_from).transpose().ok()?;
    (precision.unwrap_or(0) <= 7).then_some(SqlType { name, modifiers: (precision, None) })
}

fn text(
    name: &'static str,
    max: &'static str,
    length: Option<&ast::CharacterLength>,
) -> Option<SqlType> {
    match length {
        Some(ast::CharacterLength::Max) if name != max => Some(plain(max)),
        length => sized(name, length),
    }
}

/// The parts of a date, by every name they have, as one of them:
/// <https://learn.microsoft.com/en-us/sql/t-sql/functions/datepart-transact-sql#datepart>.
pub(in super::super) fn date_part(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "year" | "yy" | "yyyy" => "year",
        "quarter" | "qq" | "q" => "quarter",
        "month" | "mm" | "m" => "month",
        "dayofyear" | "dy" => "dayofyear",
        "day" | "dd" | "d" => "day",
        "week" | "wk" | "ww" => "week",
        "weekday" | "dw" => "weekday",
        "hour" | "hh" => "hour",
        "minute" | "mi" | "n" => "minute",
        "second" | "ss" | "s" => "second",
        "millisecond" | "ms" => "millisecond",
        "microsecond" | "mcs" => "microsecond",
        "nanosecond" | "ns" => "nanosecond",
        "tzoffset" | "tz" => "tzoffset",
        "iso_week" | "isowk" | "isoww" => "iso_week",
        // `y` and `w` stand for different parts in different functions.
        _ => return None,
    })
}
