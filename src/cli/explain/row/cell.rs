//! Values of an answer as policies see them.

use crate::catalog::CedarType;
use crate::engine::Cell;
use crate::predicate::Value;
use crate::suite::instant;

/// A cell of SQL as a value of the type that the catalog says; `None` for one that is none.
pub(super) fn value(cedar: CedarType, cell: &Cell) -> Option<Value> {
    match (cell, cedar) {
        (Cell::Integer(number), CedarType::Long) => Some(Value::Long(*number)),
        (Cell::Unsigned(number), CedarType::Long) => i64::try_from(*number).ok().map(Value::Long),
        (Cell::Bool(truth), CedarType::Bool) => Some(Value::Bool(*truth)),
        // Engines without truth values have integers for them.
        (Cell::Integer(number @ (0 | 1)), CedarType::Bool) => Some(Value::Bool(*number == 1)),
        (Cell::Text(text), CedarType::String) => Some(Value::String(text.clone())),
        (Cell::Text(text), CedarType::Datetime) => moment(text).map(Value::Datetime),
        (
            Cell::Null
            | Cell::Bool(_)
            | Cell::Integer(_)
            | Cell::Unsigned(_)
            | Cell::Real(_)
            | Cell::Decimal(_)
            | Cell::Text(_)
            | Cell::Bytes(_)
            | Cell::Json(_)
            | Cell::Array(_)
            | Cell::Document(_),
            CedarType::Long | CedarType::Bool | CedarType::String | CedarType::Datetime,
        ) => None,
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
