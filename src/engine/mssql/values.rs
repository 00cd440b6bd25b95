//! Values as the driver decodes them, into cells. What would not arrive as it is does not arrive: the query fails.
//!
//! The table for users is in `docs/values.md`.

use tiberius::{ColumnData, ColumnType};

use super::calendar;
use crate::engine::Cell;

/// Money is counted in ten-thousandths.
const MONEY_UNITS: f64 = 10_000.0;

/// How the code pages of a database's texts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodePages {
    /// No text is in a `_UTF8` collation: the driver's tables hold.
    Known,
    /// Some text may be. The driver reads it in the code page of the collation's language, so that only what is the
    /// same in both, ASCII, is known to be right.
    MaybeUtf8,
}

impl CodePages {
    /// What a collation's name says.
    pub(super) fn of_collation(name: &str) -> Self {
        let utf8 = name
            .get(name.len().saturating_sub(5)..)
            .is_some_and(|end| end.eq_ignore_ascii_case("_UTF8"));
        if utf8 { Self::MaybeUtf8 } else { Self::Known }
    }

    fn trusts(self, column: ColumnType, text: &str) -> bool {
        let coded = matches!(
            column,
            ColumnType::BigVarChar | ColumnType::BigChar | ColumnType::Text | ColumnType::SSVariant
        );
        self == Self::Known || !coded || text.is_ascii()
    }
}

/// The word for a column's type in an answer: the catalog's where it has one.
pub(super) fn type_name(column: ColumnType) -> &'static str {
    match column {
        ColumnType::Null => "unknown",
        ColumnType::Bit | ColumnType::Bitn => "boolean",
        ColumnType::Int1
        | ColumnType::Int2
        | ColumnType::Int4
        | ColumnType::Int8
        | ColumnType::Intn => "integer",
        ColumnType::Float4 | ColumnType::Float8 | ColumnType::Floatn => "float",
        ColumnType::Money | ColumnType::Money4 | ColumnType::Decimaln | ColumnType::Numericn => {
            "decimal"
        }
        ColumnType::Daten => "date",
        ColumnType::Timen => "time",
        ColumnType::Datetime4
        | ColumnType::Datetime
        | ColumnType::Datetimen
        | ColumnType::Datetime2 => "timestamp",
        ColumnType::DatetimeOffsetn => "timestamptz",
        ColumnType::Guid => "uuid",
        ColumnType::BigVarBin | ColumnType::BigBinary | ColumnType::Image => "bytes",
        ColumnType::BigVarChar
        | ColumnType::BigChar
        | ColumnType::NVarchar
        | ColumnType::NChar
        | ColumnType::Text
        | ColumnType::NText => "text",
        ColumnType::Xml => "xml",
        ColumnType::Udt => "udt",
        ColumnType::SSVariant => "sql_variant",
    }
}

/// A value of a column. `None` where it cannot be told exactly.
pub(super) fn cell(column: ColumnType, pages: CodePages, data: &ColumnData<'_>) -> Option<Cell> {
    let cell = match data {
        ColumnData::Bit(value) => value.map(Cell::Bool),
        ColumnData::U8(value) => value.map(|value| Cell::Integer(value.into())),
        ColumnData::I16(value) => value.map(|value| Cell::Integer(value.into())),
        ColumnData::I32(value) => value.map(|value| Cell::Integer(value.into())),
        ColumnData::I64(value) => value.map(Cell::Integer),
        ColumnData::F32(value) => match value {
            // The shortest decimal that is this number, as SQL Server prints it, and not its 53-bit neighbour.
            Some(value) => Some(Cell::Real(value.to_string().parse().ok()?)),
            None => None,
        },
        ColumnData::F64(value) => match value {
            Some(value) => Some(float(column, *value)?),
            None => None,
        },
        ColumnData::Numeric(value) => {
            value.map(|value| Cell::Decimal(decimal(value.value(), usize::from(value.scale()))))
        }
        ColumnData::String(value) => match value {
            Some(text) if !pages.trusts(column, text) => return None,
            value => value.as_deref().map(|text| Cell::Text(text.to_owned())),
        },
        ColumnData::Xml(value) => {
            value.as_ref().map(|xml| Cell::Text(xml.as_ref().as_ref().to_owned()))
        }
        ColumnData::Guid(value) => value.map(|uuid| Cell::Text(uuid.hyphenated().to_string())),
        ColumnData::Binary(value) => value.as_deref().map(|bytes| Cell::Bytes(bytes.to_vec())),
        ColumnData::Date(value) => dated(*value, calendar::date)?,
        ColumnData::Time(value) => dated(*value, calendar::time)?,
        ColumnData::DateTime(value) => dated(*value, calendar::datetime)?,
        ColumnData::SmallDateTime(value) => dated(*value, calendar::smalldatetime)?,
        ColumnData::DateTime2(value) => dated(*value, calendar::datetime2)?,
        ColumnData::DateTimeOffset(value) => dated(*value, calendar::datetimeoffset)?,
    };
    Some(cell.unwrap_or(Cell::Null))
}

/// NULL, or the value in words; the outer `None` for a count that is no day or time.
#[expect(clippy::option_option, reason = "absent and impossible are two things")]
fn dated<T>(value: Option<T>, words: fn(T) -> Option<String>) -> Option<Option<Cell>> {
    match value {
        Some(value) => words(value).map(|text| Some(Cell::Text(text))),
        None => Some(None),
    }
}

/// A float, or money, which the driver has divided by ten thousand.
fn float(column: ColumnType, value: f64) -> Option<Cell> {
    match column {
        ColumnType::Money | ColumnType::Money4 => {
            Some(Cell::Decimal(decimal(i128::from(money(value)?), 4)))
        }
        // A `sql_variant` does not say whether it holds a float or money; where money would be exact, both are.
        ColumnType::SSVariant if money(value).is_none() && value.abs() >= 1.0 => None,
        _ => Some(Cell::Real(value)),
    }
}

/// The only count of ten-thousandths that the driver reads as this number. Beyond half a billion thousands
/// (2^39) two neighbours become one number, and then there is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "checked by dividing again: the very number or none"
)]
fn money(value: f64) -> Option<i64> {
    let near = (value * MONEY_UNITS).round();
    if near.abs() >= 9e18 {
        return None;
    }
    let near = near as i64;
    let mut fitting = (near - 2..=near + 2).filter(|count| *count as f64 / MONEY_UNITS == value);
    let count = fitting.next()?;
    fitting.next().is_none().then_some(count)
}

/// A count of units of ten to the minus `scale`, with all its digits.
fn decimal(count: i128, scale: usize) -> String {
    let sign = if count < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", count.unsigned_abs(), width = scale + 1);
    match digits.split_at_checked(digits.len() - scale) {
        Some((whole, fraction)) if !fraction.is_empty() => format!("{sign}{whole}.{fraction}"),
        _ => format!("{sign}{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_scale() {
        for (count, scale, expected) in [
            (0, 0, "0"),
            (0, 4, "0.0000"),
            (-1, 2, "-0.01"),
            (12_300, 4, "1.2300"),
            (-98_765, 0, "-98765"),
            (i128::from(u64::MAX), 38, "0.00000000000000000018446744073709551615"),
        ] {
            assert_eq!(decimal(count, scale), expected);
        }
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "as the driver does")]
    fn money_is_exact_or_refused() {
        for count in [0, 1, -1, 9_999, 12_345_678, -2_147_483_648, 5_497_558_138_879_999] {
            assert_eq!(money(count as f64 / MONEY_UNITS), Some(count), "{count}");
        }
        for count in [i64::MAX, i64::MIN, 90_071_992_547_409_931, 17_000_000_000_000_001] {
            assert_eq!(money(count as f64 / MONEY_UNITS), None, "{count}");
        }
        let near_the_end = (1_i64 << 39) * 10_000;
        for count in near_the_end - 20_000..near_the_end + 20_000 {
            let told = money(count as f64 / MONEY_UNITS);
            assert!(told.is_none() || told == Some(count), "{count} {told:?}");
        }
    }

    #[test]
    fn utf8_is_told_by_name() {
        for (name, expected) in [
            ("Latin1_General_100_CI_AS_SC_UTF8", CodePages::MaybeUtf8),
            ("latin1_general_100_bin2_utf8", CodePages::MaybeUtf8),
            ("SQL_Latin1_General_CP1_CI_AS", CodePages::Known),
            ("", CodePages::Known),
        ] {
            assert_eq!(CodePages::of_collation(name), expected, "{name}");
        }
    }
}
