//! MySQL: nearly every value is converted to nearly every type, and what does not fit leaves a warning that quotes it
//! (rules G4 and G20). So only what needs no conversion is total.

use super::{Analysis, Kind};
use crate::catalog::ColumnType;
use crate::guard::sql::tree::{Expr, Literal, SqlType};

/// Whether comparing values of these kinds converts nothing that could fail.
pub(super) fn comparable(left: Kind, right: Kind) -> bool {
    const TEXT: Kind = Kind::Known(ColumnType::Text);
    let is_text = |kind| matches!(kind, TEXT | Kind::DateText);
    match (left, right) {
        (Kind::Unknown | Kind::Known(ColumnType::Json | ColumnType::Other), _)
        | (_, Kind::Unknown | Kind::Known(ColumnType::Json | ColumnType::Other)) => false,
        (Kind::Untyped, _) | (_, Kind::Untyped) => true,
        (left, right) => {
            left == right
                || (left.is_number() && right.is_number())
                || (is_text(left) && is_text(right))
                || (left.is_date() && right.is_date())
        }
    }
}

/// Why values of these kinds may fail to become one: most mixtures become texts, but a text does not become a UUID, nor
/// an address, without a warning where it is none.
pub(super) fn joins_fail(kinds: &[Kind]) -> Option<&'static str> {
    use ColumnType as T;
    let strict = |kind: &Kind| matches!(kind, Kind::Unknown | Kind::Known(T::Uuid | T::Other));
    let mut typed = kinds.iter().filter(|kind| **kind != Kind::Untyped);
    let first = typed.next()?;
    let mut others = typed.peekable();
    let mixed = others.peek().is_some() && kinds.iter().any(strict);
    let uuids = *first == Kind::Known(T::Uuid) && others.all(|kind| kind == first);
    (mixed && !uuids).then_some("its values are of types that may need a conversion")
}

/// Whether every value of a kind can be cast without a warning.
pub(super) fn fits(kind: Kind, to: SqlType) -> bool {
    use ColumnType as T;
    if kind == Kind::Untyped {
        return true;
    }
    match (to.name, to.modifiers) {
        ("DATE" | "DATETIME", _) => kind.is_date(),
        ("CHAR", (None, None)) => {
            kind.is_number()
                || kind.is_date()
                || matches!(kind, Kind::Known(T::Text | T::Uuid | T::Time))
        }
        ("BINARY", (None, None)) | ("UTF8MB4", _) => {
            matches!(kind, Kind::DateText | Kind::Known(T::Text))
        }
        ("SIGNED", _) => matches!(kind, Kind::Known(T::Boolean)),
        ("DOUBLE", _) => kind.is_number(),
        _ => false,
    }
}

/// The kind of what is written without parentheses; a unit is no value.
pub(super) fn niladic(name: &str) -> Kind {
    match name {
        "CURRENT_DATE" | "UTC_DATE" => Kind::Known(ColumnType::Date),
        "CURRENT_TIMESTAMP" | "LOCALTIMESTAMP" | "UTC_TIMESTAMP" => {
            Kind::Known(ColumnType::Timestamp)
        }
        "CURRENT_TIME" | "UTC_TIME" => Kind::Known(ColumnType::Time),
        _ => Kind::Untyped,
    }
}

/// `date + INTERVAL n unit` and its kin. Out of the range of dates it is NULL with a warning, so it is total only for
/// the present or a literal, and a small literal number.
pub(super) fn shifted(date: &Expr, left: &Analysis, interval: &Expr, right: &Analysis) -> Analysis {
    let kind = match left.kind {
        Kind::DateText => Kind::DateText,
        kind if kind.is_date() => Kind::Known(ColumnType::Timestamp),
        _ => Kind::Unknown,
    };
    let near = match date {
        Expr::Literal(_) => left.kind == Kind::DateText,
        Expr::Niladic(_) => left.kind.is_date(),
        Expr::Function(function) => matches!(function.name, "now" | "curdate"),
        _ => false,
    };
    let small = match interval {
        Expr::Interval { value, unit } => {
            let longest = if *unit == "YEAR" { 3 } else { 4 };
            matches!(value.as_ref(), Expr::Literal(Literal::Number(digits))
                if digits.len() <= longest && digits.bytes().all(|byte| byte.is_ascii_digit()))
        }
        _ => false,
    };
    let parts = [left.clone(), right.clone()];
    let why = (!(near && small)).then_some("the date may be out of range");
    Analysis::of_parts(kind, &parts).or_fails(why)
}

/// `YYYY-MM-DD`, alone or with ` HH:MM:SS` and a fraction: a day that exists, of years far from the ends of the range.
pub(super) fn reads_as_date(text: &str) -> bool {
    let (day, time) = match text.split_once(' ') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let fields = |text: &str, separator: char, lengths: [usize; 3]| -> Option<[u32; 3]> {
        let mut parts = text.split(separator);
        let mut read = |length: usize| {
            let part = parts.next()?;
            let plain = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse().ok())?
        };
        let read = [read(lengths[0])?, read(lengths[1])?, read(lengths[2])?];
        parts.next().is_none().then_some(read)
    };
    let Some([year, month, day]) = fields(day, '-', [4, 2, 2]) else { return false };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    let clock = time.is_none_or(|time| {
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let fraction =
            (1..=6).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
        fraction
            && fields(time, ':', [2, 2, 2])
                .is_some_and(|[hour, minute, second]| hour < 24 && minute < 60 && second < 60)
    });
    (1900..=2999).contains(&year) && (1..=length).contains(&day) && clock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_exist_read_as_dates() {
        for text in ["2024-02-29", "1999-12-31 23:59:59", "2024-01-01 00:00:00.123456"] {
            assert!(reads_as_date(text), "{text}");
        }
        for text in [
            "",
            "2023-02-29",
            "2024-1-1",
            "2024-13-01",
            "2024-00-10",
            "0000-00-00",
            "2024-01-01T00:00:00",
            "2024-01-01 24:00:00",
            "2024-01-01 00:00",
            "2024-01-01 00:00:00.",
            "2024-01-01 00:00:00.1234567",
            "9999-12-31",
            "2024-01-01x",
        ] {
            assert!(!reads_as_date(text), "{text}");
        }
    }
}
