//! Typed values: the shell's constructors and the wrappers of extended JSON. The only place that knows either.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, Uuid};

use super::syntax;
use super::values::{number, object_id, regex};
use crate::guard::Refusal;

/// `ObjectId("..")` and its like. <https://www.mongodb.com/docs/mongodb-shell/reference/data-types/>
pub(super) fn construct(name: &str, args: &[Bson]) -> Result<Bson, Refusal> {
    match (name, args) {
        ("ObjectId", [Bson::String(text)]) => object_id(text),
        ("ISODate" | "Date", [Bson::String(text)]) => date(text),
        ("Date", [Bson::Int32(milliseconds)]) => Ok(instant(i64::from(*milliseconds))),
        ("Date", [Bson::Int64(milliseconds)]) => Ok(instant(*milliseconds)),
        ("NumberInt" | "Int32", [value]) => int32(&written(value)?),
        ("NumberLong" | "Long", [value]) => int64(&written(value)?),
        ("NumberDecimal" | "Decimal128", [Bson::String(text)]) => decimal(text),
        ("Double", [Bson::Int32(value)]) => Ok(Bson::Double(f64::from(*value))),
        ("Double", [Bson::Double(value)]) => Ok(Bson::Double(*value)),
        ("Double", [Bson::String(text)]) => double(text),
        ("UUID", [Bson::String(text)]) => uuid(text),
        ("RegExp", [Bson::String(pattern)]) => regex(pattern, ""),
        ("RegExp", [Bson::String(pattern), Bson::String(options)]) => regex(pattern, options),
        ("ISODate" | "Date", _) => Err(Refusal::unsupported(
            format!("`{name}` of other than a literal date"),
            "write the date, as `ISODate('2024-02-29')`, or compute it from `$$NOW`: `{ $expr: { $gte: ['$field', { $dateSubtract: { startDate: '$$NOW', unit: 'day', amount: 30 } }] } }`",
        )),
        (
            "ObjectId" | "NumberInt" | "Int32" | "NumberLong" | "Long" | "NumberDecimal"
            | "Decimal128" | "Double" | "UUID" | "RegExp",
            _,
        ) => Err(Refusal::unsupported(
            format!("`{name}` with other than one literal value"),
            "give the value itself, as a string",
        )),
        _ => Err(Refusal::unsupported(
            format!("`{name}(..)`"),
            "values are literals, or one of ObjectId, ISODate, NumberInt, NumberLong, NumberDecimal, Double, UUID and RegExp of a literal",
        )),
    }
}

/// The digits of a whole number, written or quoted.
fn written(value: &Bson) -> Result<String, Refusal> {
    match value {
        Bson::String(text) => Ok(text.clone()),
        Bson::Int32(value) => Ok(value.to_string()),
        Bson::Int64(value) => Ok(value.to_string()),
        _ => Err(syntax("a whole number is not written as one")),
    }
}

/// What extended JSON wraps types in, where the query may have such types.
const WRAPPERS: [&str; 8] = [
    "$oid",
    "$date",
    "$numberInt",
    "$numberLong",
    "$numberDouble",
    "$numberDecimal",
    "$uuid",
    "$regularExpression",
];

/// And the rest: code, references, and what no query needs.
const FORBIDDEN: [&str; 11] = [
    "$code",
    "$scope",
    "$symbol",
    "$undefined",
    "$dbPointer",
    "$ref",
    "$id",
    "$binary",
    "$timestamp",
    "$minKey",
    "$maxKey",
];

/// A document of extended JSON, or the value that it stands for.
/// <https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/>
pub(super) fn unwrap(document: Document) -> Result<Bson, Refusal> {
    if !document.keys().any(|key| key.starts_with('$')) {
        return Ok(Bson::Document(document));
    }
    if let Some(key) = document.keys().find(|key| FORBIDDEN.contains(&key.as_str())) {
        return Err(Refusal::unsupported(
            format!("`{key}`"),
            "use strings, numbers, booleans, null, dates, ObjectIds and UUIDs",
        ));
    }
    if !document.keys().any(|key| WRAPPERS.contains(&key.as_str())) {
        return Ok(Bson::Document(document));
    }
    let mut fields = document.iter();
    let (Some((key, value)), None) = (fields.next(), fields.next()) else {
        return Err(syntax("a typed value has more than one key"));
    };
    match (key.as_str(), value) {
        ("$oid", Bson::String(text)) => object_id(text),
        ("$date", Bson::String(text)) => date(text),
        // What was `{"$numberLong": ".."}` inside.
        ("$date", Bson::Int64(milliseconds)) => Ok(instant(*milliseconds)),
        ("$numberInt", Bson::String(text)) => int32(text),
        ("$numberLong", Bson::String(text)) => int64(text),
        ("$numberDouble", Bson::String(text)) => double(text),
        ("$numberDecimal", Bson::String(text)) => decimal(text),
        ("$uuid", Bson::String(text)) => uuid(text),
        ("$regularExpression", Bson::Document(parts)) => match parts.iter().collect::<Vec<_>>()[..]
        {
            [(first, Bson::String(pattern)), (second, Bson::String(options))]
                if first == "pattern" && second == "options" =>
            {
                regex(pattern, options)
            }
            _ => Err(syntax("`$regularExpression` has not a `pattern` and `options`")),
        },
        _ => Err(syntax(format!("`{key}` has not the value that extended JSON gives it"))),
    }
}

fn int32(text: &str) -> Result<Bson, Refusal> {
    let value: Option<i32> = text.parse().ok().filter(|value: &i32| value.to_string() == text);
    value.map(Bson::Int32).ok_or_else(|| syntax("a number is no whole number of 32 bits"))
}

fn int64(text: &str) -> Result<Bson, Refusal> {
    let value: Option<i64> = text.parse().ok().filter(|value: &i64| value.to_string() == text);
    value.map(Bson::Int64).ok_or_else(|| syntax("a number is no whole number of 64 bits"))
}

/// A finite double, by the grammar of JSON.
fn double(text: &str) -> Result<Bson, Refusal> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let grammar = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let parsed = text.parse::<f64>().ok().filter(|double| double.is_finite() && grammar);
    match parsed {
        Some(double) => Ok(Bson::Double(double)),
        None => number(digits, negative).and(Err(syntax("a number is no double"))),
    }
}

/// A decimal of at most 34 digits, so that nothing is rounded.
fn decimal(text: &str) -> Result<Bson, Refusal> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let grammar = text.bytes().all(|byte| byte.is_ascii_digit() || b".-+eE".contains(&byte));
    let value = text.parse::<Decimal128>().ok().filter(|_| grammar && digits <= 34);
    value
        .map(Bson::Decimal128)
        .ok_or_else(|| syntax("a decimal is none, or has more than 34 digits"))
}

fn uuid(text: &str) -> Result<Bson, Refusal> {
    // Only the hyphenated form, of 36 characters.
    let uuid = if text.len() == 36 { Uuid::parse_str(text).ok() } else { None };
    let uuid = uuid.ok_or_else(|| syntax("a UUID has not the hyphenated form"))?;
    Ok(Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: uuid.bytes().to_vec() }))
}

fn instant(milliseconds: i64) -> Bson {
    Bson::DateTime(DateTime::from_millis(milliseconds))
}

/// `2024-02-29`, or with a time and a zone as in RFC 3339; without a zone it is UTC. At most milliseconds.
fn date(text: &str) -> Result<Bson, Refusal> {
    let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let zoned = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ if text.ends_with('Z')
            || text.get(19..).is_some_and(|rest| rest.contains(['+', '-'])) =>
        {
            text.to_owned()
        }
        16 => format!("{text}:00Z"),
        _ => format!("{text}Z"),
    };
    let date = DateTime::parse_rfc3339_str(&zoned).ok().filter(|_| digits <= 3);
    date.map(Bson::DateTime).ok_or_else(|| {
        syntax("a date is not written as `2024-02-29` or `2024-02-29T12:34:56.789Z`")
    })
}
