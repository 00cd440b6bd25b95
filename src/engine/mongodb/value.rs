//! BSON values as cells, without loss. The table of what becomes what is in `docs/values.md`.
//! <https://bsonspec.org/spec.html>

use bson::raw::{RawBinaryRef, RawBsonRef, RawDocument};
use bson::spec::BinarySubtype;
use bson::{DateTime, Uuid};

use crate::engine::{Cell, EngineError};

/// Levels of documents and arrays in one value. MongoDB stores 100.
/// <https://www.mongodb.com/docs/manual/reference/limits/#mongodb-limit-Nested-Depth-for-BSON-Documents>
const LEVELS: usize = 200;

const DAY: i64 = 86_400_000;

/// A value as a cell.
pub(super) fn cell(value: RawBsonRef<'_>) -> Result<Cell, EngineError> {
    at(value, 0)
}

fn at(value: RawBsonRef<'_>, level: usize) -> Result<Cell, EngineError> {
    if level > LEVELS {
        return Err(EngineError::Failed);
    }
    Ok(match value {
        // A `dbPointer` was deprecated long before any server that is read here, and the driver hides what it holds.
        RawBsonRef::Null | RawBsonRef::Undefined | RawBsonRef::DbPointer(_) => Cell::Null,
        RawBsonRef::Boolean(truth) => Cell::Bool(truth),
        RawBsonRef::Int32(number) => Cell::Integer(number.into()),
        RawBsonRef::Int64(number) => Cell::Integer(number),
        RawBsonRef::Double(number) => Cell::Real(number),
        RawBsonRef::Decimal128(number) => Cell::Decimal(number.to_string()),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) | RawBsonRef::JavaScriptCode(text) => {
            Cell::Text(text.to_owned())
        }
        RawBsonRef::ObjectId(id) => Cell::Text(id.to_hex()),
        RawBsonRef::DateTime(instant) => Cell::Text(written(instant)),
        RawBsonRef::Binary(binary) => match uuid(binary) {
            Some(uuid) => Cell::Text(uuid.to_string()),
            None => Cell::Bytes(binary.bytes.to_vec()),
        },
        RawBsonRef::RegularExpression(regex) => {
            Cell::Text(format!("/{}/{}", regex.pattern.as_str(), regex.options.as_str()))
        }
        RawBsonRef::Timestamp(stamp) => Cell::Document(vec![
            ("t".to_owned(), Cell::Integer(stamp.time.into())),
            ("i".to_owned(), Cell::Integer(stamp.increment.into())),
        ]),
        RawBsonRef::MinKey => Cell::Text("MinKey".to_owned()),
        RawBsonRef::MaxKey => Cell::Text("MaxKey".to_owned()),
        RawBsonRef::Array(array) => {
            let cells = array
                .into_iter()
                .map(|item| at(item.map_err(|error| malformed(&error))?, level + 1));
            Cell::Array(cells.collect::<Result<_, _>>()?)
        }
        RawBsonRef::Document(document) => Cell::Document(fields(document, level + 1)?),
        RawBsonRef::JavaScriptCodeWithScope(code) => Cell::Text(code.code.to_owned()),
    })
}

/// The fields of a document, in its own order.
fn fields(document: &RawDocument, level: usize) -> Result<Vec<(String, Cell)>, EngineError> {
    let field = |element: bson::error::Result<(&bson::raw::CStr, RawBsonRef<'_>)>| {
        let (key, value) = element.map_err(|error| malformed(&error))?;
        Ok((key.as_str().to_owned(), at(value, level)?))
    };
    document.into_iter().map(field).collect()
}

/// A reply that is no BSON.
pub(super) fn malformed(error: &bson::error::Error) -> EngineError {
    tracing::debug!(%error, "the database sent a document that cannot be read");
    EngineError::Failed
}

/// What a column is called whose values are such: the catalog's word where it has one, otherwise MongoDB's.
/// <https://www.mongodb.com/docs/manual/reference/bson-types/>
pub(super) fn type_name(value: RawBsonRef<'_>) -> Option<&'static str> {
    Some(match value {
        RawBsonRef::Null | RawBsonRef::Undefined => return None,
        RawBsonRef::Boolean(_) => "boolean",
        RawBsonRef::Int32(_) | RawBsonRef::Int64(_) => "integer",
        RawBsonRef::Double(_) => "float",
        RawBsonRef::Decimal128(_) => "decimal",
        RawBsonRef::String(_) => "text",
        RawBsonRef::ObjectId(_) => "objectid",
        RawBsonRef::DateTime(_) => "timestamptz",
        RawBsonRef::Binary(binary) if uuid(binary).is_some() => "uuid",
        RawBsonRef::Binary(_) => "bytes",
        RawBsonRef::Array(_) => "array",
        RawBsonRef::Document(_) => "document",
        RawBsonRef::RegularExpression(_) => "regex",
        RawBsonRef::Symbol(_) => "symbol",
        RawBsonRef::JavaScriptCode(_) | RawBsonRef::JavaScriptCodeWithScope(_) => "javascript",
        // `timestamp` is the catalog's word for something else.
        RawBsonRef::Timestamp(_) => "bsontimestamp",
        RawBsonRef::MinKey => "minkey",
        RawBsonRef::MaxKey => "maxkey",
        RawBsonRef::DbPointer(_) => "dbpointer",
    })
}

/// A UUID of subtype 4. Those of subtype 3 were written in three orders of bytes.
fn uuid(binary: RawBinaryRef<'_>) -> Option<Uuid> {
    let bytes = <[u8; 16]>::try_from(binary.bytes).ok()?;
    (binary.subtype == BinarySubtype::Uuid).then(|| Uuid::from_bytes(bytes))
}

/// An instant in UTC: `2024-02-29 12:34:56.789+00`, without zeros at the end of the fraction. BSON counts milliseconds
/// in 64 bits, so years go far beyond four digits, and before the year 0 as ISO 8601 counts them.
fn written(instant: DateTime) -> String {
    let milliseconds = instant.timestamp_millis();
    let (days, clock) = (milliseconds.div_euclid(DAY), milliseconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let seconds = clock / 1_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let fraction = match clock % 1_000 {
        0 => String::new(),
        rest => format!(".{rest:03}").trim_end_matches('0').to_owned(),
    };
    let sign = if year < 0 { "-" } else { "" };
    let year = year.unsigned_abs();
    format!("{sign}{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}+00")
}

/// Year, month and day, so many days after 1970-01-01 in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years that begin in March end with the leap day, and 0000-03-01 is 719,468 days before 1970-01-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March on have 153 days, and so have the next five.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year_of_era + later, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_full() {
        for (milliseconds, text) in [
            (0, "1970-01-01 00:00:00+00"),
            (-1, "1969-12-31 23:59:59.999+00"),
            (1_709_210_096_789, "2024-02-29 12:34:56.789+00"),
            (1_709_210_096_700, "2024-02-29 12:34:56.7+00"),
            (253_402_300_800_000, "10000-01-01 00:00:00+00"),
            (-62_135_596_800_001, "0000-12-31 23:59:59.999+00"),
            (-62_198_755_200_000, "-0001-01-01 00:00:00+00"),
            (i64::MAX, "292278994-08-17 07:12:55.807+00"),
            (i64::MIN, "-292275055-05-16 16:47:04.192+00"),
        ] {
            assert_eq!(written(DateTime::from_millis(milliseconds)), text, "{milliseconds}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_no_answer() {
        let nested = |levels: usize| {
            (0..levels).fold(bson::Bson::Int32(1), |inner, _| bson::Bson::Array(vec![inner]))
        };
        let read = |levels: usize| {
            let document = bson::rawdoc! { "a": bson::RawBson::try_from(nested(levels)).unwrap() };
            cell(document.get("a").unwrap().unwrap())
        };
        assert!(read(LEVELS).is_ok());
        assert_eq!(read(LEVELS + 1), Err(EngineError::Failed));
    }
}
