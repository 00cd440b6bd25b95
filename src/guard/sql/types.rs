//! What the dialects call things: cast targets, date fields, operators, collations. Allow-lists, all of them.

use sqlparser::ast;

mod mssql;

use super::Dialect;
use super::tree::{BinaryOp, Name, SqlType};
use crate::guard::{Refusal, RefusalCode};

pub(super) use mssql::date_part;

/// The types that only the guard's own text may name: PostgreSQL's `char(n)` without the length, and SQL Server's bytes.
pub(super) fn guard_cast_target(data_type: &ast::DataType, dialect: Dialect) -> Option<SqlType> {
    if let (ast::DataType::Varbinary(length), Dialect::Mssql) = (data_type, dialect) {
        return match length {
            Some(ast::BinaryLength::Max) => Some(plain("VARBINARY(MAX)")),
            Some(ast::BinaryLength::IntegerLength { length }) => {
                let modifiers = (Some(u16::try_from(*length).ok()?), None);
                Some(SqlType { name: "VARBINARY", modifiers })
            }
            None => None,
        };
    }
    let ast::DataType::Custom(ast::ObjectName(parts), modifiers) = data_type else { return None };
    let [ast::ObjectNamePart::Identifier(ast::Ident { value, quote_style: None, span: _ })] =
        parts.as_slice()
    else {
        return None;
    };
    let padded = dialect == Dialect::Postgresql && modifiers.is_empty() && value == "BPCHAR";
    padded.then(|| plain("BPCHAR"))
}

/// The type that a CAST may name. On SQLite a cast only applies an affinity (<https://sqlite.org/datatype3.html>
/// section 3.1), so the canonical name of that affinity is printed.
pub(super) fn cast_target(data_type: &ast::DataType, dialect: Dialect) -> Result<SqlType, Refusal> {
    let target = match dialect {
        Dialect::Sqlite => sqlite_affinity(data_type).map(plain),
        Dialect::Postgresql => postgresql_type(data_type),
        Dialect::Mysql => mysql_type(data_type),
        Dialect::Mssql => mssql::cast_target(data_type),
    };
    target.ok_or_else(|| {
        let hint = match dialect {
            Dialect::Sqlite | Dialect::Postgresql | Dialect::Mssql => {
                "cast to integer, bigint, numeric, real, text, boolean, date or timestamp"
            }
            Dialect::Mysql => {
                "cast to SIGNED, UNSIGNED, DECIMAL, DOUBLE, CHAR, BINARY, DATE, DATETIME or TIME"
            }
        };
        let message = "the query casts to a type that is not on the list";
        Refusal::new(RefusalCode::UnknownType, message, hint)
    })
}

fn plain(name: &'static str) -> SqlType {
    SqlType { name, modifiers: (None, None) }
}

fn sqlite_affinity(data_type: &ast::DataType) -> Option<&'static str> {
    use ast::DataType as T;
    Some(match data_type {
        T::Int(_)
        | T::Integer(_)
        | T::BigInt(_)
        | T::SmallInt(_)
        | T::TinyInt(_)
        | T::MediumInt(_)
        | T::Int2(_)
        | T::Int4(_)
        | T::Int8(_) => "INTEGER",
        T::Real | T::Float(_) | T::Double(_) | T::DoublePrecision => "REAL",
        T::Text
        | T::Varchar(_)
        | T::Char(_)
        | T::Character(_)
        | T::CharacterVarying(_)
        | T::CharVarying(_)
        | T::Clob(_)
        | T::Nvarchar(_) => "TEXT",
        T::Numeric(_)
        | T::Decimal(_)
        | T::Dec(_)
        | T::Boolean
        | T::Bool
        | T::Date
        | T::Datetime(None)
        | T::Timestamp(None, ast::TimezoneInfo::None) => "NUMERIC",
        T::Blob(_) => "BLOB",
        _ => return None,
    })
}

fn postgresql_type(data_type: &ast::DataType) -> Option<SqlType> {
    use ast::DataType as T;
    Some(match data_type {
        T::SmallInt(None) | T::Int2(None) => plain("SMALLINT"),
        T::Int(None) | T::Integer(None) | T::Int4(None) => plain("INTEGER"),
        T::BigInt(None) | T::Int8(None) => plain("BIGINT"),
        T::Real | T::Float4 => plain("REAL"),
        T::DoublePrecision | T::Float8 | T::Float(ast::ExactNumberInfo::None) => {
            plain("DOUBLE PRECISION")
        }
        T::Numeric(info) | T::Decimal(info) => numeric(info)?,
        T::Text => plain("TEXT"),
        T::Varchar(length) | T::CharacterVarying(length) | T::CharVarying(length) => {
            sized("VARCHAR", length.as_ref())?
        }
        T::Boolean | T::Bool => plain("BOOLEAN"),
        T::Uuid => plain("UUID"),
        T::JSON => plain("JSON"),
        T::JSONB => plain("JSONB"),
        T::Interval { fields: None, precision: None } => plain("INTERVAL"),
        other => return literal_type(other),
    })
}

/// What MySQL 8 and MariaDB both cast to (<https://dev.mysql.com/doc/refman/8.4/en/cast-functions.html>).
fn mysql_type(data_type: &ast::DataType) -> Option<SqlType> {
    use ast::{DataType as T, TimezoneInfo as Zone};
    let precise = |name, precision: &Option<u64>| {
        let precision = precision.map(u16::try_from).transpose().ok()?;
        Some(SqlType { name, modifiers: (precision, None) })
    };
    match data_type {
        T::Signed | T::SignedInteger => Some(plain("SIGNED")),
        T::Unsigned | T::UnsignedInteger => Some(plain("UNSIGNED")),
        T::Double(ast::ExactNumberInfo::None) => Some(plain("DOUBLE")),
        T::Decimal(info) => Some(SqlType { name: "DECIMAL", ..numeric(info)? }),
        T::Char(length) | T::Character(length) => sized("CHAR", length.as_ref()),
        T::Binary(length) => precise("BINARY", length),
        T::Date => Some(plain("DATE")),
        T::Datetime(precision) => precise("DATETIME", precision),
        T::Time(precision, Zone::None) => precise("TIME", precision),
        _ => None,
    }
}

fn numeric(info: &ast::ExactNumberInfo) -> Option<SqlType> {
    let modifiers = match info {
        ast::ExactNumberInfo::None => (None, None),
        ast::ExactNumberInfo::Precision(precision) => (Some(u16::try_from(*precision).ok()?), None),
        ast::ExactNumberInfo::PrecisionAndScale(precision, scale) => {
            (Some(u16::try_from(*precision).ok()?), Some(u16::try_from(*scale).ok()?))
        }
    };
    Some(SqlType { name: "NUMERIC", modifiers })
}

fn sized(name: &'static str, length: Option<&ast::CharacterLength>) -> Option<SqlType> {
    let length = match length {
        None => None,
        Some(ast::CharacterLength::IntegerLength { length, unit: None }) => {
            Some(u16::try_from(*length).ok()?)
        }
        Some(_) => return None,
    };
    Some(SqlType { name, modifiers: (length, None) })
}

/// The types of `DATE '...'` and its kin on PostgreSQL.
pub(super) fn literal_type(data_type: &ast::DataType) -> Option<SqlType> {
    use ast::{DataType as T, TimezoneInfo as Zone};
    Some(plain(match data_type {
        T::Date => "DATE",
        T::Time(None, Zone::None | Zone::WithoutTimeZone) => "TIME",
        T::Timestamp(None, Zone::None | Zone::WithoutTimeZone) => "TIMESTAMP",
        T::Timestamp(None, Zone::WithTimeZone | Zone::Tz) => "TIMESTAMPTZ",
        _ => return None,
    }))
}

/// The fields that EXTRACT may name.
pub(super) fn extract_field(field: &ast::DateTimeField) -> Option<&'static str> {
    use ast::DateTimeField as F;
    Some(match field {
        F::Century => "CENTURY",
        F::Decade => "DECADE",
        F::Year => "YEAR",
        F::Quarter => "QUARTER",
        F::Month => "MONTH",
        F::Week(None) => "WEEK",
        F::Day => "DAY",
        F::Dow => "DOW",
        F::Doy => "DOY",
        F::Isodow => "ISODOW",
        F::Isoyear => "ISOYEAR",
        F::Hour => "HOUR",
        F::Minute => "MINUTE",
        F::Second => "SECOND",
        F::Epoch => "EPOCH",
        F::Milliseconds => "MILLISECONDS",
        F::Microseconds => "MICROSECONDS",
        _ => return None,
    })
}

/// The units of `INTERVAL '3' DAY`.
pub(super) fn interval_unit(field: &ast::DateTimeField) -> Option<&'static str> {
    use ast::DateTimeField as F;
    Some(match field {
        F::Year | F::Years => "year",
        F::Month | F::Months => "month",
        F::Week(None) | F::Weeks => "week",
        F::Day | F::Days => "day",
        F::Hour | F::Hours => "hour",
        F::Minute | F::Minutes => "minute",
        F::Second | F::Seconds => "second",
        _ => return None,
    })
}

/// The operators on the list; operators are functions, and an unknown one could be anything (rule D7).
pub(super) fn binary_op(op: &ast::BinaryOperator, dialect: Dialect) -> Option<BinaryOp> {
    use ast::BinaryOperator as F;
    let postgresql = |op| (dialect == Dialect::Postgresql).then_some(op);
    Some(match op {
        F::Or => BinaryOp::Or,
        F::And => BinaryOp::And,
        F::Eq => BinaryOp::Eq,
        F::NotEq => BinaryOp::NotEq,
        F::Lt => BinaryOp::Lt,
        F::LtEq => BinaryOp::LtEq,
        F::Gt => BinaryOp::Gt,
        F::GtEq => BinaryOp::GtEq,
        F::Plus => BinaryOp::Plus,
        F::Minus => BinaryOp::Minus,
        F::Multiply => BinaryOp::Multiply,
        F::Divide => BinaryOp::Divide,
        F::Modulo => BinaryOp::Modulo,
        F::StringConcat => BinaryOp::Concat,
        F::BitwiseAnd => BinaryOp::BitAnd,
        F::BitwiseOr => BinaryOp::BitOr,
        F::PGBitwiseShiftLeft => BinaryOp::ShiftLeft,
        F::PGBitwiseShiftRight => BinaryOp::ShiftRight,
        F::Arrow => BinaryOp::Arrow,
        F::LongArrow => BinaryOp::LongArrow,
        F::HashArrow => return postgresql(BinaryOp::HashArrow),
        F::HashLongArrow => return postgresql(BinaryOp::HashLongArrow),
        F::AtArrow => return postgresql(BinaryOp::Contains),
        F::ArrowAt => return postgresql(BinaryOp::ContainedBy),
        F::Question => return postgresql(BinaryOp::HasKey),
        F::QuestionPipe => return postgresql(BinaryOp::HasAnyKey),
        F::QuestionAnd => return postgresql(BinaryOp::HasAllKeys),
        F::PGRegexMatch => return postgresql(BinaryOp::Regex),
        F::PGRegexIMatch => return postgresql(BinaryOp::RegexI),
        F::PGRegexNotMatch => return postgresql(BinaryOp::NotRegex),
        F::PGRegexNotIMatch => return postgresql(BinaryOp::NotRegexI),
        F::PGExp => return postgresql(BinaryOp::Power),
        _ => return None,
    })
}

/// The collations that may be named; on PostgreSQL those that every database has.
pub(super) fn collation(name: &[Name], dialect: Dialect) -> Result<Name, Refusal> {
    let known: &[&str] = match dialect {
        Dialect::Sqlite => &["BINARY", "NOCASE", "RTRIM"],
        Dialect::Postgresql => &["C", "POSIX"],
        // What both MySQL and MariaDB have of the character set of the session.
        Dialect::Mysql => &["utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_ci"],
        // Windows collations that every server since 2008 has, and the two that are the usual defaults.
        Dialect::Mssql => &[
            "DATABASE_DEFAULT",
            "Latin1_General_BIN2",
            "Latin1_General_100_BIN2",
            "Latin1_General_CI_AS",
            "Latin1_General_CS_AS",
            "Latin1_General_CI_AI",
            "Latin1_General_100_CI_AS",
            "Latin1_General_100_CS_AS",
            "Latin1_General_100_CI_AI",
            "SQL_Latin1_General_CP1_CI_AS",
            "SQL_Latin1_General_CP1_CS_AS",
        ],
    };
    if let [name] = name
        && let Some(known) = known.iter().find(|known| dialect.same_name(known, name.as_str()))
    {
        return Ok(Name::new(*known));
    }
    Err(Refusal::unsupported("this collation", format!("use {}", known.join(" or "))))
}
