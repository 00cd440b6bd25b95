//! A document of MongoDB as policies see it. Each field is asked for with its BSON type: an answer writes an ObjectId, a
//! UUID and a string alike, and only one of them is what the catalog says.

use serde_json::{Map, Value as Json, json};

use super::cell::moment;
use super::key::{Condition, matching};
use crate::catalog::{Column, ColumnType, Relation};
use crate::cli::output::Failed;
use crate::engine::{Cell, Rows};
use crate::predicate::{Row, Value};

/// The fields that policies can read, of the documents that meet the conditions.
pub(super) fn aggregate(
    relation: &Relation,
    columns: &[&Column],
    conditions: &[Condition<'_>],
) -> Result<String, Failed> {
    let mut fields = Map::from_iter([("_id".to_owned(), json!(0))]);
    for (place, column) in columns.iter().enumerate() {
        let path = format!("${}", column.name);
        if column.array {
            let each = json!({"$map": {"input": path, "as": "each", "in": {"$type": "$$each"}}});
            let types = json!({"$cond": [{"$isArray": path}, each, null]});
            fields.insert(Part::Elements.name(place), types);
        }
        fields.insert(Part::Type.name(place), json!({"$type": path}));
        fields.insert(Part::Value.name(place), json!(path));
    }
    let pipeline = json!([{"$match": matching(conditions)?}, {"$project": Json::Object(fields)}]);
    Ok(json!({"aggregate": relation.name.name, "pipeline": pipeline, "cursor": {}}).to_string())
}

/// What is asked of a field.
#[derive(Clone, Copy)]
enum Part {
    Value,
    Type,
    Elements,
}

impl Part {
    /// The field of the answer to what is asked of the column at this place.
    fn name(self, place: usize) -> String {
        match self {
            Self::Value => format!("value_{place}"),
            Self::Type => format!("type_{place}"),
            Self::Elements => format!("elements_{place}"),
        }
    }
}

/// A document of the answer to [`aggregate`], or the column that it has something else in than the catalog says.
pub(super) fn row<'c>(
    columns: &[&'c Column],
    answer: &Rows,
    cells: &[Cell],
) -> Result<Row, &'c Column> {
    let part = |part: Part, place: usize| {
        let name = part.name(place);
        let at = answer.columns.iter().position(|column| column.name == name);
        at.and_then(|at| cells.get(at)).unwrap_or(&Cell::Null)
    };
    let mut row = Row::new();
    for (place, column) in columns.iter().enumerate() {
        let (value, bson) = (part(Part::Value, place), part(Part::Type, place));
        let Cell::Text(bson) = bson else { return Err(column) };
        let is_absent = ["missing", "null", "undefined"].contains(&bson.as_str());
        if is_absent {
            continue;
        }
        let name = column.name.clone();
        if column.array {
            let types = part(Part::Elements, place);
            row.insert_set(name, elements(column, value, types).ok_or(*column)?);
        } else if column.is_document() {
            // It is there; what it holds are columns of their own.
            let truth = (bson == "object").then_some(Value::Bool(true));
            row.insert(name, truth.ok_or(*column)?);
        } else {
            row.insert(name, typed(column.column_type, bson, value).ok_or(*column)?);
        }
    }
    Ok(row)
}

fn elements(column: &Column, values: &Cell, types: &Cell) -> Option<Vec<Value>> {
    let (Cell::Array(values), Cell::Array(types)) = (values, types) else { return None };
    let each = values.iter().zip(types).map(|(value, bson)| match bson {
        Cell::Text(bson) => typed(column.column_type, bson, value),
        Cell::Null
        | Cell::Bool(_)
        | Cell::Integer(_)
        | Cell::Unsigned(_)
        | Cell::Real(_)
        | Cell::Decimal(_)
        | Cell::Bytes(_)
        | Cell::Json(_)
        | Cell::Array(_)
        | Cell::Document(_) => None,
    });
    each.collect()
}

/// A value of this BSON type as one of the catalog's; numbers by what they are, whichever type holds them.
fn typed(column_type: ColumnType, bson: &str, cell: &Cell) -> Option<Value> {
    match (column_type, bson, cell) {
        (ColumnType::Integer, "int" | "long", Cell::Integer(number)) => Some(Value::Long(*number)),
        (ColumnType::Integer, "double", Cell::Real(number)) => whole(&number.to_string()),
        (ColumnType::Integer, "decimal", Cell::Decimal(text)) => whole(text),
        (ColumnType::Boolean, "bool", Cell::Bool(truth)) => Some(Value::Bool(*truth)),
        (ColumnType::Text, "string", Cell::Text(text))
        | (ColumnType::ObjectId, "objectId", Cell::Text(text))
        // Bytes that are no UUID are bytes.
        | (ColumnType::Uuid, "binData", Cell::Text(text)) => Some(Value::String(text.clone())),
        (ColumnType::Timestamptz, "date", Cell::Text(text)) => moment(text).map(Value::Datetime),
        (
            ColumnType::Integer
            | ColumnType::Float
            | ColumnType::Decimal
            | ColumnType::Boolean
            | ColumnType::Text
            | ColumnType::Bytes
            | ColumnType::Date
            | ColumnType::Timestamp
            | ColumnType::Timestamptz
            | ColumnType::Time
            | ColumnType::Interval
            | ColumnType::Uuid
            | ColumnType::Json
            | ColumnType::Document
            | ColumnType::ObjectId
            | ColumnType::Other,
            ..,
        ) => None,
    }
}

/// A number without a fraction, of digits alone: `82`, `82.0`.
fn whole(text: &str) -> Option<Value> {
    let (number, fraction) = text.split_once('.').unwrap_or((text, ""));
    let exact = fraction.bytes().all(|digit| digit == b'0');
    number.parse().ok().filter(|_| exact).map(Value::Long)
}
