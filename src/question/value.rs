//! Values: text of a question read as a constant of a column's type, or not at all.

use crate::catalog::{Column, ColumnType};

use super::cursor::Cursor;
use super::intent::Literal;
use super::words::Token;

/// Words of the grammar. None of them is a value unless it is quoted, so that a rule that half fits never takes the
/// words of another one for a value.
const KEYWORDS: [&str; 87] = [
    "a", "above", "after", "all", "am", "an", "and", "any", "anybody", "anyone", "are", "as", "at",
    "be", "before", "below", "between", "blank", "by", "contains", "count", "do", "does", "during",
    "each", "empty", "equal", "equals", "every", "for", "from", "group", "grouped", "had", "has",
    "have", "having", "her", "him", "i", "in", "is", "it", "least", "less", "me", "mine",
    "missing", "more", "most", "my", "myself", "no", "nobody", "none", "not", "null", "of", "on",
    "or", "order", "ordered", "our", "over", "per", "please", "set", "since", "someone", "sort",
    "sorted", "than", "thanks", "that", "the", "their", "them", "there", "to", "under", "until",
    "us", "we", "where", "which", "who", "with",
];

/// A value as the question has it.
pub(super) struct Raw {
    text: String,
}

/// Takes one value: what is quoted, one word, or a name of several capitalised words.
pub(super) fn raw(cursor: &mut Cursor<'_>) -> Option<Raw> {
    let mut text = match cursor.next()? {
        Token::Quoted(text) => return Some(Raw { text: text.clone() }),
        Token::Word { text, .. } if !is_keyword(text) => text.clone(),
        Token::Word { .. } | Token::Comma | Token::Operator(_) => return None,
    };
    if text.starts_with(char::is_uppercase) {
        while let Some(Token::Word { text: word, .. }) = cursor.peek() {
            let continues = word.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
            if is_keyword(word) || !continues {
                break;
            }
            text.push(' ');
            text.push_str(word);
            cursor.next();
        }
    }
    Some(Raw { text })
}

fn is_keyword(text: &str) -> bool {
    KEYWORDS.contains(&text.to_lowercase().as_str())
}

/// A value in a column's own type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// A constant.
    Constant(Literal),
    /// A day of a column that holds days or points in time.
    Day(Day),
}

/// Reads a value as the column's type has it. `None` for what the type does not have, and for types that questions
/// cannot compare.
pub(super) fn typed(raw: &Raw, column: &Column) -> Option<Typed> {
    let text = raw.text.as_str();
    match column.column_type {
        ColumnType::Integer => {
            text.parse::<i64>().ok().map(|n| Typed::Constant(Literal::Number(n.to_string())))
        }
        ColumnType::Float | ColumnType::Decimal => {
            is_decimal(text).then(|| Typed::Constant(Literal::Number(text.to_owned())))
        }
        ColumnType::Text => Some(Typed::Constant(Literal::Text(text.to_owned()))),
        ColumnType::Uuid => {
            let uuid = uuid::Uuid::try_parse(text).ok()?;
            Some(Typed::Constant(Literal::Text(uuid.hyphenated().to_string())))
        }
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz => {
            Day::parse(text).map(Typed::Day)
        }
        // Truth values have words of their own, "yes" and "no".
        ColumnType::Boolean
        | ColumnType::Bytes
        | ColumnType::Time
        | ColumnType::Interval
        | ColumnType::Json
        | ColumnType::Document
        | ColumnType::ObjectId
        | ColumnType::Other => None,
    }
}

/// The text of a value, for columns whose text is searched.
pub(super) fn text(raw: Raw) -> String {
    raw.text
}

/// A month or a year as its first day and the first day after it.
pub(super) fn period(raw: &Raw) -> Option<(Day, Day)> {
    let parts: Vec<&str> = raw.text.split('-').collect();
    match parts.as_slice() {
        [year] => {
            let year = digits(year, 4)?;
            Some((Day::new(year, 1, 1)?, Day::new(year + 1, 1, 1)?))
        }
        [year, month] => {
            let (year, month) = (digits(year, 4)?, digits(month, 2)?);
            let after =
                if month == 12 { Day::new(year + 1, 1, 1)? } else { Day::new(year, month + 1, 1)? };
            Some((Day::new(year, month, 1)?, after))
        }
        _ => None,
    }
}

/// An optional sign, digits, and an optional point with digits: the numbers that every dialect writes alike.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| {
        !text.is_empty() && text.len() <= 30 && text.bytes().all(|b| b.is_ascii_digit())
    };
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

/// A number of exactly so many ASCII digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    let valid = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.parse().ok()).flatten()
}

/// A day of the proleptic Gregorian calendar, from year 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    year: u32,
    month: u32,
    of_month: u32,
}

impl Day {
    fn new(year: u32, month: u32, of_month: u32) -> Option<Self> {
        let valid = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&of_month);
        valid.then_some(Self { year, month, of_month })
    }

    /// Reads `YYYY-MM-DD`.
    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts.as_slice() else { return None };
        Self::new(digits(year, 4)?, digits(month, 2)?, digits(day, 2)?)
    }

    /// The day after; none after the last day of 9999.
    pub(super) fn next(self) -> Option<Self> {
        Self::new(self.year, self.month, self.of_month + 1)
            .or_else(|| Self::new(self.year, self.month + 1, 1))
            .or_else(|| Self::new(self.year + 1, 1, 1))
    }

    /// The day as every dialect reads it.
    pub(super) fn literal(self) -> Literal {
        Literal::Text(format!("{:04}-{:02}-{:02}", self.year, self.month, self.of_month))
    }
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_calendar() {
        let after = |text: &str| Day::parse(text).and_then(Day::next).map(Day::literal);
        for (day, next) in [
            ("2024-02-28", "2024-02-29"),
            ("2023-02-28", "2023-03-01"),
            ("1900-02-28", "1900-03-01"),
            ("2000-02-29", "2000-03-01"),
            ("2024-04-30", "2024-05-01"),
            ("2024-12-31", "2025-01-01"),
        ] {
            assert_eq!(after(day), Some(Literal::Text(next.to_owned())));
        }
        assert_eq!(after("9999-12-31"), None);
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "24-01-01",
            "2024-1-1",
            "+024-01-01",
            "２024-01-01",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_digits() {
        for text in ["0", "-1", "12.50", "007"] {
            assert!(is_decimal(text), "{text}");
        }
        for text in ["", "-", "1.", ".5", "1e5", "0x10", "1_000", "--1", "1.2.3", "NaN", "１"] {
            assert!(!is_decimal(text), "{text}");
        }
    }
}
