//! SQL Server: which expressions may fail.
//!
//! It converts between types where it is not asked to, towards the type that comes first in a fixed order
//! (<https://learn.microsoft.com/en-us/sql/t-sql/data-types/data-type-precedence-transact-sql>), and an error shows the
//! value that would not convert (message 245). Also a constant that fails does so only when a row is looked at. What is
//! total here needs no conversion, or one that has room for every value.

use super::super::Dialect;
use super::super::functions::Rule;
use super::super::tree::{Arguments, Expr, Literal, SqlType, UnaryOp};
use super::{Analysis, Kind, named_type};
use crate::catalog::ColumnType as T;

/// The longest pattern of LIKE, in characters: it takes 8,000 bytes.
const MAX_PATTERN: usize = 4_000;

const CONVERSION: &str = "it compares values of types that may need a conversion";
const MIXED: &str = "its values are of types that may need a conversion";
const ARGUMENT: &str = "an argument may be invalid";

/// The type of a literal. A text that is a date in every date type's own order may be compared with dates.
pub(super) fn literal(literal: &Literal) -> Kind {
    match literal {
        Literal::Null => Kind::Untyped,
        Literal::String(text) | Literal::National(text) if is_date(text) => Kind::Untyped,
        Literal::String(_) | Literal::National(_) => Kind::Known(T::Text),
        Literal::Bool(_) => Kind::Known(T::Boolean),
        // An INT as far as it reaches, then a NUMERIC; with an exponent a FLOAT.
        Literal::Number(digits) if digits.parse::<i32>().is_ok() => Kind::Known(T::Integer),
        Literal::Number(digits) if digits.contains(['e', 'E']) => Kind::Known(T::Float),
        Literal::Number(_) => Kind::Known(T::Decimal),
        Literal::Typed(data_type, _) => named_type(*data_type),
    }
}

/// Why comparing two values may fail.
///
/// Decimals of different scales may have no common type that holds both, and a DATE before 1753 is no DATETIME.
pub(super) fn comparison_fails(left: Kind, right: Kind) -> Option<&'static str> {
    let total = match (left, right) {
        (Kind::Unknown | Kind::DateText, _) | (_, Kind::Unknown | Kind::DateText) => false,
        (Kind::Untyped, Kind::Untyped) => true,
        (Kind::Untyped, Kind::Known(known)) | (Kind::Known(known), Kind::Untyped) => {
            matches!(known, T::Text | T::Date | T::Timestamp | T::Timestamptz)
        }
        (Kind::Known(left), Kind::Known(right)) if left == right => match left {
            T::Integer
            | T::Float
            | T::Boolean
            | T::Text
            | T::Bytes
            | T::Date
            | T::Timestamp
            | T::Timestamptz
            | T::Time
            | T::Uuid => true,
            T::Decimal | T::Interval | T::Json | T::Document | T::ObjectId | T::Other => false,
        },
        (Kind::Known(left), Kind::Known(right)) => matches!(
            (left, right),
            (T::Integer | T::Decimal | T::Boolean, T::Float)
                | (T::Float, T::Integer | T::Decimal | T::Boolean)
                | (T::Integer, T::Boolean)
                | (T::Boolean, T::Integer)
                | (T::Timestamp, T::Timestamptz)
                | (T::Timestamptz, T::Timestamp)
        ),
    };
    (!total).then_some(CONVERSION)
}

/// Whether `+` joins texts rather than adds.
pub(super) fn is_concatenation(left: Kind, right: Kind) -> bool {
    let text = |kind| matches!(kind, Kind::Known(T::Text) | Kind::Untyped);
    text(left) && text(right)
}

/// Why matching may fail: an unpaired escape matches nothing, but a pattern may be too long.
pub(super) fn like_fails(pattern: &Expr) -> Option<&'static str> {
    let short = match pattern {
        Expr::Literal(Literal::String(text) | Literal::National(text)) => text.len() <= MAX_PATTERN,
        _ => false,
    };
    (!short).then_some("the pattern may be too long")
}

/// Why a CASE may fail whose results are these: all are converted to one type.
pub(super) fn results_fail(results: &[(bool, Kind)]) -> Option<&'static str> {
    let mut typed = results.iter().filter(|(is_null, _)| !is_null).map(|(_, kind)| *kind);
    let first = typed.next()?;
    typed.any(|kind| comparison_fails(first, kind).is_some()).then_some(MIXED)
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(Literal::Null))
}

/// Why a cast may fail.
pub(super) fn cast_fails(operand: &Expr, kind: Kind, to: SqlType) -> Option<&'static str> {
    let name = to.name;
    let text =
        ["CHAR", "NCHAR", "VARCHAR", "NVARCHAR", "VARCHAR(MAX)", "NVARCHAR(MAX)"].contains(&name);
    // Without a length a cast makes 30 characters.
    let length = if name.ends_with("(MAX)") { u16::MAX } else { to.modifiers.0.unwrap_or(30) };
    let fits = match (operand, kind) {
        (Expr::Literal(Literal::Null), _) => true,
        (_, Kind::Untyped) => {
            text || ["DATE", "DATETIME", "DATETIME2", "DATETIMEOFFSET"].contains(&name)
        }
        // Cut to fit, without an error.
        (_, Kind::Known(T::Text)) => text,
        (_, Kind::Known(T::Boolean)) => {
            text || ["BIT", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "REAL"].contains(&name)
        }
        (_, Kind::Known(T::Integer)) => {
            ["BIT", "BIGINT", "FLOAT"].contains(&name) || (text && length >= 20)
        }
        (_, Kind::Known(T::Decimal)) => name == "FLOAT",
        (_, Kind::Known(T::Float)) => name == "FLOAT" || (text && length >= 30),
        (_, Kind::Known(T::Date)) => {
            ["DATE", "DATETIME2", "DATETIMEOFFSET"].contains(&name) || text
        }
        (_, Kind::Known(T::Timestamp)) => ["DATE", "TIME", "DATETIME2"].contains(&name) || text,
        (_, Kind::Known(T::Timestamptz)) => {
            ["DATE", "TIME", "DATETIME2", "DATETIMEOFFSET"].contains(&name) || text
        }
        (_, Kind::Known(T::Uuid)) => name == "UNIQUEIDENTIFIER" || (text && length >= 36),
        (
            _,
            Kind::Known(
                T::Bytes | T::Time | T::Interval | T::Json | T::Document | T::ObjectId | T::Other,
            )
            | Kind::DateText
            | Kind::Unknown,
        ) => false,
    };
    (!fits).then_some("a value may not fit the type it is cast to")
}

/// Why CONVERT with a style may fail. `TRY_CONVERT` and `TRY_CAST` give NULL instead.
pub(super) fn convert_fails(
    operand: &Expr,
    kind: Kind,
    to: SqlType,
    style: Option<u16>,
    safe: bool,
) -> Option<&'static str> {
    if safe {
        return None;
    }
    let Some(style) = style else { return cast_fails(operand, kind, to) };
    let date = matches!(kind, Kind::Known(T::Date | T::Timestamp | T::Timestamptz));
    let text = ["CHAR", "NCHAR", "VARCHAR", "NVARCHAR"].contains(&to.name);
    // Styles that every date type can be written in.
    let total = date && text && matches!(style, 23 | 101..=107 | 110..=112 | 120 | 121 | 126);
    (!total).then_some("a value may not have this style")
}

/// What is known of a call, once its arguments are.
pub(super) fn call(rule: &Rule, args: &Arguments, parts: &[Analysis]) -> Analysis {
    let usual = Dialect::Mssql.listed(rule, parts);
    let args = match args {
        Arguments::Star => &[],
        Arguments::List(args) => args.as_slice(),
    };
    let kind = |index: usize| parts.get(index).map_or(Kind::Unknown, |part| part.kind);
    let inherited = parts.iter().find_map(|part| part.fails);
    let judged = |kind: Kind, fails: Option<&'static str>| Analysis {
        kind,
        fails: inherited.or(fails),
        ..usual.clone()
    };
    let unless = |total: bool| (!total).then_some(ARGUMENT);
    match rule.name {
        "coalesce" | "greatest" | "least" | "nullif" => {
            let (kind, fails) = mixed(args, parts);
            judged(kind, fails)
        }
        "iif" | "choose" => {
            let (result, fails) =
                mixed(args.get(1..).unwrap_or_default(), parts.get(1..).unwrap_or_default());
            let index = rule.name == "choose" && kind(0) != Kind::Known(T::Integer);
            judged(result, fails.or(unless(!index)))
        }
        "isnull" => judged(kind(0), isnull_fails(args.get(1), kind(0), kind(1))),
        "left" | "right" => judged(usual.kind, unless(is_text(kind(0)) && is_whole(args.get(1)))),
        "substring" => {
            let total = is_text(kind(0)) && is_whole(args.get(1)) && is_whole(args.get(2));
            judged(usual.kind, unless(total))
        }
        "charindex" | "patindex" => {
            let constant = matches!(args.first(), Some(Expr::Literal(Literal::String(text) | Literal::National(text)))
                if text.len() <= MAX_PATTERN);
            let start = args.get(2).is_none() || is_whole(args.get(2));
            judged(usual.kind, unless(constant && start && is_text(kind(1))))
        }
        "lag" | "lead" => {
            let offset = args.get(1).is_none() || is_whole(args.get(1));
            let default = args.get(2).is_none_or(is_null)
                || isnull_fails(args.get(2), kind(0), kind(2)).is_none();
            judged(kind(0), unless(offset && default))
        }
        "ntile" => judged(usual.kind, unless(is_whole(args.first()))),
        "percentile_cont" | "percentile_disc" => {
            let constant = matches!(args.first(), Some(Expr::Literal(Literal::Number(_))));
            judged(usual.kind, unless(constant))
        }
        "floor" | "ceiling" => {
            judged(kind(0), unless(matches!(kind(0), Kind::Known(T::Integer | T::Float))))
        }
        "year" | "month" | "day" => judged(usual.kind, unless(is_date_kind(kind(0)))),
        "eomonth" => judged(usual.kind, unless(args.len() == 1 && is_date_kind(kind(0)))),
        "dateadd" => {
            let result = if is_date_kind(kind(2)) { kind(2) } else { Kind::Unknown };
            judged(result, unless(is_near_now(args)))
        }
        "datepart" | "datename" => judged(usual.kind, unless(has_part(args.first(), kind(1)))),
        "datediff" => {
            let wide = matches!(
                args.first(),
                Some(Expr::DatePart("year" | "quarter" | "month" | "week" | "day" | "hour"))
            );
            judged(usual.kind, unless(wide && is_date_or_text(kind(1)) && is_date_or_text(kind(2))))
        }
        "datediff_big" => {
            let fine = matches!(
                args.first(),
                Some(Expr::DatePart("nanosecond" | "tzoffset" | "iso_week"))
            );
            judged(
                usual.kind,
                unless(!fine && is_date_or_text(kind(1)) && is_date_or_text(kind(2))),
            )
        }
        _ => usual,
    }
}

/// The one type of several values, and why finding it may fail.
fn mixed(args: &[Expr], parts: &[Analysis]) -> (Kind, Option<&'static str>) {
    let results: Vec<(bool, Kind)> =
        args.iter().zip(parts).map(|(arg, part)| (is_null(arg), part.kind)).collect();
    let mut kinds = results.iter().filter(|(is_null, _)| !is_null).map(|(_, kind)| *kind);
    let first = kinds.next().unwrap_or(Kind::Untyped);
    let kind = if kinds.all(|kind| kind == first) { first } else { Kind::Unknown };
    (kind, results_fail(&results))
}

/// ISNULL converts its second argument to the type of the first, which for an integer may be a TINYINT.
fn isnull_fails(second: Option<&Expr>, first: Kind, kind: Kind) -> Option<&'static str> {
    let small = matches!(second, Some(Expr::Literal(Literal::Number(digits))) if digits.parse::<u8>().is_ok());
    let total = match first {
        Kind::Known(T::Integer | T::Boolean) => small,
        Kind::Known(T::Float) => {
            matches!(kind, Kind::Known(T::Integer | T::Decimal | T::Float | T::Boolean))
        }
        Kind::Known(T::Text) => is_text(kind),
        Kind::Known(T::Date) => kind == Kind::Untyped || kind == Kind::Known(T::Date),
        Kind::Known(T::Timestamp | T::Timestamptz) => kind == Kind::Untyped,
        Kind::Known(
            T::Decimal
            | T::Bytes
            | T::Time
            | T::Interval
            | T::Uuid
            | T::Json
            | T::Document
            | T::ObjectId
            | T::Other,
        )
        | Kind::Untyped
        | Kind::DateText
        | Kind::Unknown => false,
    };
    (!total).then_some(MIXED)
}

fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Known(T::Text) | Kind::Untyped)
}

fn is_date_kind(kind: Kind) -> bool {
    matches!(kind, Kind::Known(T::Date | T::Timestamp | T::Timestamptz))
}

fn is_date_or_text(kind: Kind) -> bool {
    is_date_kind(kind) || kind == Kind::Untyped
}

fn is_whole(expr: Option<&Expr>) -> bool {
    matches!(expr, Some(Expr::Literal(Literal::Number(digits))) if digits.parse::<i32>().is_ok())
}

/// Whether every value of the type has the part: a DATE has no hour, and only a DATETIMEOFFSET an offset.
fn has_part(part: Option<&Expr>, kind: Kind) -> bool {
    let Some(Expr::DatePart(part)) = part else { return false };
    let calendar = matches!(
        *part,
        "year" | "quarter" | "month" | "dayofyear" | "day" | "week" | "weekday" | "iso_week"
    );
    match kind {
        Kind::Known(T::Date) => calendar,
        Kind::Known(T::Timestamp) => *part != "tzoffset",
        Kind::Known(T::Timestamptz) => true,
        _ => false,
    }
}

/// `DATEADD(day, -30, GETDATE())` and its kin with a small literal: never out of range.
fn is_near_now(args: &[Expr]) -> bool {
    let [Expr::DatePart(part), number, base] = args else { return false };
    let number = match number {
        Expr::Unary { op: UnaryOp::Minus, expr } => expr.as_ref(),
        number => number,
    };
    let Expr::Literal(Literal::Number(digits)) = number else { return false };
    let most = if *part == "year" { 3 } else { 4 };
    // A date has no hours to add to.
    let whole_days = matches!(*part, "year" | "quarter" | "month" | "week" | "day");
    let small = digits.len() <= most && digits.bytes().all(|byte| byte.is_ascii_digit());
    let today =
        matches!(base, Expr::Cast { expr, to: SqlType { name: "DATE", .. } } if is_now(expr));
    small && (is_now(base) || (whole_days && today))
}

fn is_now(expr: &Expr) -> bool {
    match expr {
        Expr::Niladic(_) => true,
        Expr::Function(function) => matches!(
            function.name,
            "getdate" | "getutcdate" | "sysdatetime" | "sysutcdatetime" | "sysdatetimeoffset"
        ),
        _ => false,
    }
}

/// `2024-01-31`, `20240131`, `2024-01-31 10:20`, `2024-01-31T10:20:30`: read alike by every date type in the session that
/// the engine pins, and within the range of the smallest, 1900 to 2079.
fn is_date(text: &str) -> bool {
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let number = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten()
    };
    let parts = match (date.len(), date.as_bytes()) {
        (10, [_, _, _, _, b'-', _, _, b'-', _, _]) => {
            (date.get(..4), date.get(5..7), date.get(8..))
        }
        (8, _) if time.is_none() => (date.get(..4), date.get(4..6), date.get(6..)),
        _ => return false,
    };
    let (Some(year), Some(month), Some(day)) =
        (parts.0.and_then(number), parts.1.and_then(number), parts.2.and_then(number))
    else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    let in_range = (1900..=2078).contains(&year) && (1..=days).contains(&day);
    let clock = |time: &str| {
        let digits: Vec<&str> = time.split(':').collect();
        let two = |part: &&str, most: u8| {
            part.len() == 2 && part.parse::<u8>().is_ok_and(|part| part <= most)
        };
        match digits.as_slice() {
            [hours, minutes] => two(hours, 23) && two(minutes, 59) && !text.contains('T'),
            [hours, minutes, seconds] => two(hours, 23) && two(minutes, 59) && two(seconds, 59),
            _ => false,
        }
    };
    in_range && time.is_none_or(clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_that_every_type_reads_alike() {
        for text in [
            "2024-01-31",
            "20240131",
            "2024-01-31 10:20",
            "2024-01-31T10:20:30",
            "2024-02-29 00:00:00",
        ] {
            assert!(is_date(text), "{text}");
        }
        for text in [
            "",
            "2024-02-30",
            "2024-1-31",
            "31.01.2024",
            "01/31/2024",
            "1899-12-31",
            "2079-01-01",
            "2024-01-31 24:00",
            "2024-01-31 10:20:30.1234",
            "2024-01-31 ",
            "now",
            "+024-01-31",
            "2024-01-31T10:20",
            "0",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }

    #[test]
    fn only_comparisons_without_a_conversion_that_may_fail_are_total() {
        let total = |left, right| comparison_fails(left, right).is_none();
        let known = Kind::Known;
        assert!(total(known(T::Integer), known(T::Integer)));
        assert!(total(known(T::Text), Kind::Untyped));
        assert!(total(known(T::Timestamp), Kind::Untyped));
        assert!(total(known(T::Float), known(T::Decimal)));
        for (left, right) in [
            (T::Integer, T::Text),
            (T::Integer, T::Decimal),
            (T::Decimal, T::Decimal),
            (T::Date, T::Timestamp),
            (T::Date, T::Text),
            (T::Uuid, T::Text),
            (T::Boolean, T::Text),
            (T::Bytes, T::Text),
        ] {
            assert!(!total(known(left), known(right)), "{left:?} {right:?}");
            assert!(!total(known(right), known(left)), "{right:?} {left:?}");
        }
        assert!(!total(known(T::Integer), Kind::Untyped), "a date as a number");
    }
}
