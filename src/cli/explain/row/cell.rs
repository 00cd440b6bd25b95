//! Values of an answer as policies see them.

use crate::catalog::CedarType;
use crate::engine::Cell;
use crate::predicate::Value;
use crate::suite::instant;

/// A cell of SQL as a value of the type that the catalog says; `None` for one that is none.
pub(super) fn value(cedar: CedarType, cell: &Cell) -> Option<Value> {
    match (cedar, cell) {
        (CedarType::Long, Cell::Integer(number)) => Some(Value::Long(*number)),
        (CedarType::Long, Cell::Unsigned(number)) => i64::try_from(*number).ok().map(Value::Long),
        (CedarType::Bool, Cell::Bool(truth)) => Some(Value::Bool(*truth)),
        // Engines without truth values have integers for them.
        (CedarType::Bool, Cell::Integer(number @ (0 | 1))) => Some(Value::Bool(*number == 1)),
        (CedarType::String, Cell::Text(text)) => Some(Value::String(text.clone())),
        (CedarType::Datetime, Cell::Text(text)) => moment(text).map(Value::Datetime),
        (CedarType::Long | CedarType::Bool | CedarType::String | CedarType::Datetime, _) => None,
    }
}

/// An instant as engines write it: `2024-02-29 12:34:56.7`, in UTC with `+00` where it has a zone.
pub(super) fn moment(text: &str) -> Option<i64> {
    let utc = text.strip_suffix("+00").map(|text| format!("{text}Z"));
    instant(&utc.as_deref().unwrap_or(text).replacen(' ', "T", 1).parse().ok()?)
}

/// A part of a key, as tests write it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Long(number) | Value::Datetime(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
    }
}
