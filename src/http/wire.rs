//! The JSON of requests and answers.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use crate::engine::{AnswerColumn, Cell, Rows};
use crate::guard::GuardedQuery;
use crate::guard::sql;
use crate::predicate::Value;

/// A request about one database.
pub(crate) trait Asking {
    /// The fields, as a hint.
    const FIELDS: &'static str;

    /// The database it is about.
    fn database_id(&self) -> &str;
}

/// `POST /api/v1/chat/message`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageRequest {
    pub(crate) message: String,
    pub(crate) database_id: String,
    pub(crate) conversation_id: Option<String>,
}

impl Asking for MessageRequest {
    const FIELDS: &'static str = "a JSON object with the strings `message`, `database_id` and, optionally, `conversation_id`, each once and nothing else";

    fn database_id(&self) -> &str {
        &self.database_id
    }
}

/// `POST /api/v1/query` and `POST /api/v1/guard`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryRequest {
    pub(crate) database_id: String,
    pub(crate) query: String,
}

impl Asking for QueryRequest {
    const FIELDS: &'static str =
        "a JSON object with the strings `database_id` and `query`, each once and nothing else";

    fn database_id(&self) -> &str {
        &self.database_id
    }
}

/// What runs, or would.
#[derive(Serialize)]
pub(crate) struct Query {
    language: &'static str,
    dialect: &'static str,
    text: String,
    binds: Vec<Bind>,
    readable: String,
}

/// One bound value.
#[derive(Serialize)]
pub(crate) struct Bind {
    r#type: &'static str,
    value: Json,
}

/// One column.
#[derive(Serialize)]
pub(crate) struct Column {
    name: String,
    r#type: Cow<'static, str>,
}

/// A value of an answer as JSON.
pub(crate) struct JsonCell(Cell);

/// A result. Rows are arrays in the order of the columns, since two columns can have one name.
#[derive(Serialize, Default)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<JsonCell>>,
    pub(crate) row_count: usize,
    pub(crate) truncated: bool,
}

#[derive(Serialize)]
pub(crate) struct MessageReply<'a> {
    pub(crate) conversation_id: String,
    pub(crate) message_id: String,
    pub(crate) answer: String,
    pub(crate) query: Option<Query>,
    #[serde(flatten)]
    pub(crate) table: Table,
    pub(crate) suggestions: Vec<String>,
    pub(crate) policy_version: &'a str,
}

#[derive(Serialize)]
pub(crate) struct QueryReply<'a> {
    pub(crate) query: Query,
    #[serde(flatten)]
    pub(crate) table: Table,
    pub(crate) policy_version: &'a str,
}

#[derive(Serialize)]
pub(crate) struct GuardReply<'a> {
    pub(crate) query: Query,
    pub(crate) policy_version: &'a str,
}

#[derive(Serialize)]
pub(crate) struct DatabasesReply<'a> {
    pub(crate) databases: Vec<DatabaseEntry<'a>>,
}

/// One database; a folder that does not load has only its name and its status.
#[derive(Serialize)]
pub(crate) struct DatabaseEntry<'a> {
    pub(crate) id: &'a str,
    pub(crate) status: &'static str,
    pub(crate) problem: Option<&'static str>,
    pub(crate) codes: Vec<&'static str>,
    pub(crate) engine: Option<&'static str>,
    pub(crate) requires_organization_scoping: Option<bool>,
    pub(crate) tenant_id_type: Option<&'static str>,
    pub(crate) tenant_filter_column: Option<&'a str>,
    pub(crate) scope: Option<&'static str>,
    pub(crate) policy_version: Option<&'a str>,
}

impl From<&GuardedQuery> for Query {
    fn from(query: &GuardedQuery) -> Self {
        Self {
            language: query.language().name(),
            dialect: query.language().dialect(),
            text: query.text().to_owned(),
            binds: binds(query.binds()),
            readable: query.readable().to_owned(),
        }
    }
}

pub(crate) fn binds(binds: &[sql::Bind]) -> Vec<Bind> {
    let bind = |bind: &sql::Bind| match bind {
        sql::Bind::Value(Value::Long(number)) => Bind { r#type: "long", value: json!(number) },
        sql::Bind::Value(Value::String(text)) => Bind { r#type: "string", value: json!(text) },
        sql::Bind::Value(Value::Bool(truth)) => Bind { r#type: "bool", value: json!(truth) },
        sql::Bind::Value(Value::Datetime(milliseconds)) => {
            Bind { r#type: "datetime", value: json!(milliseconds) }
        }
        sql::Bind::MaskKey(half) => Bind { r#type: "mask_key", value: json!(half.shown()) },
    };
    binds.iter().map(bind).collect()
}

impl From<Rows> for Table {
    fn from(rows: Rows) -> Self {
        let column = |AnswerColumn { name, type_name }| Column { name, r#type: type_name };
        Self {
            row_count: rows.rows.len(),
            truncated: rows.truncated,
            columns: rows.columns.into_iter().map(column).collect(),
            rows: rows
                .rows
                .into_iter()
                .map(|row| row.into_iter().map(JsonCell).collect())
                .collect(),
        }
    }
}

impl Serialize for JsonCell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        cell(&self.0, serializer)
    }
}

fn cell<S: Serializer>(cell: &Cell, serializer: S) -> Result<S::Ok, S::Error> {
    match cell {
        Cell::Null => serializer.serialize_unit(),
        Cell::Bool(truth) => serializer.serialize_bool(*truth),
        Cell::Integer(number) => serializer.serialize_i64(*number),
        Cell::Unsigned(number) => serializer.serialize_u64(*number),
        Cell::Real(number) if number.is_finite() => serializer.serialize_f64(*number),
        // JSON has no word for them.
        Cell::Real(number) if number.is_nan() => serializer.serialize_str("NaN"),
        Cell::Real(number) => {
            serializer.serialize_str(if *number > 0.0 { "Infinity" } else { "-Infinity" })
        }
        // As a string: a JSON number would lose digits, and its scale, in most readers.
        Cell::Decimal(text) | Cell::Text(text) => serializer.serialize_str(text),
        Cell::Bytes(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
        // As it is, every digit kept; what is not JSON after all is a string.
        Cell::Json(text) => match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => raw.serialize(serializer),
            Err(_) => serializer.serialize_str(text),
        },
        Cell::Array(cells) => serializer.collect_seq(cells.iter().map(Nested)),
        Cell::Document(fields) => {
            serializer.collect_map(fields.iter().map(|(name, cell)| (name, Nested(cell))))
        }
    }
}

/// A cell inside another.
struct Nested<'a>(&'a Cell);

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        cell(self.0, serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_json() {
        for (given, expected) in [
            (Cell::Null, "null"),
            (Cell::Bool(true), "true"),
            (Cell::Integer(i64::MIN), "-9223372036854775808"),
            (Cell::Unsigned(u64::MAX), "18446744073709551615"),
            (Cell::Real(1.5), "1.5"),
            (Cell::Real(f64::NAN), r#""NaN""#),
            (Cell::Real(f64::INFINITY), r#""Infinity""#),
            (Cell::Real(f64::NEG_INFINITY), r#""-Infinity""#),
            (Cell::Decimal("12.30".to_owned()), r#""12.30""#),
            (Cell::Text("\u{0}é".to_owned()), r#""\u0000é""#),
            (Cell::Bytes(vec![0, 255]), r#""AP8=""#),
            (Cell::Json(r#"{"n": 1.10}"#.to_owned()), r#"{"n": 1.10}"#),
            (Cell::Json("not json".to_owned()), r#""not json""#),
            (Cell::Array(vec![Cell::Integer(1), Cell::Null]), "[1,null]"),
            (
                Cell::Document(vec![
                    ("b".to_owned(), Cell::Decimal("1.10".to_owned())),
                    ("a".to_owned(), Cell::Array(vec![Cell::Real(f64::NAN)])),
                ]),
                r#"{"b":"1.10","a":["NaN"]}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&JsonCell(given)).unwrap(), expected);
        }
    }

    #[test]
    fn binds_say_their_type() {
        let values =
            [Value::Long(82), Value::String("a".to_owned()), Value::Bool(true), Value::Datetime(5)];
        let mut bound = values.map(sql::Bind::from).to_vec();
        bound.push(sql::Bind::MaskKey(sql::KeyHalf::Outer));
        assert_eq!(
            serde_json::to_value(binds(&bound)).unwrap(),
            json!([
                {"type": "long", "value": 82},
                {"type": "string", "value": "a"},
                {"type": "bool", "value": true},
                {"type": "datetime", "value": 5},
                {"type": "mask_key", "value": "<mask key, outer>"},
            ])
        );
    }
}
