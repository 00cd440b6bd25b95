//! From a predicate to a condition of MongoDB.
//!
//! Each atom must be true, in the database, on exactly the documents on which [`Predicate::evaluate`] gives
//! `Some(true)`. What MongoDB's comparison adds to that is taken away here:
//!
//! * a path looks into arrays, so that `{k: 82}` matches `[82, 99]`: every atom asks that neither the value nor a
//!   document on the way to it is an array;
//! * `$ne`, `$nin` and `$not` match what is missing: they stand beside a `$type`, and never around a connective;
//! * `null` matches what is missing: that is what a missing value is here, too;
//! * what looks into an array looks at any element: where an array is meant, every element must be of its type;
//! * a collation calls unequal strings equal: the command carries the simple one wherever strings are compared
//!   ([`compares_strings`]).
//!
//! Numbers are equal where their values are, whatever their BSON types: 82 is 82 as int, long, double and decimal.
//! Values stand as literals in the language of conditions, never in an expression, where `$` would begin a path.
//! <https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/>

mod expression;

use bson::oid::ObjectId;
use bson::raw::CString;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, Regex, Uuid, doc};

use crate::catalog::{Column, ColumnName, ColumnType, Relation, ancestors};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{CmpOp, PatternElement, Predicate, Quantifier, Value};
pub(super) use expression::masked;

/// Whether comparing by this predicate is a matter of collation.
pub(super) fn compares_strings(predicate: &Predicate) -> bool {
    let string = |value: &Value| matches!(value, Value::String(_));
    match predicate {
        Predicate::And(operands) | Predicate::Or(operands) => operands.iter().any(compares_strings),
        Predicate::Compare { value, .. } => string(value),
        Predicate::In { values, .. } | Predicate::Elements { values, .. } => {
            values.iter().any(string)
        }
        Predicate::CompareColumns { .. } | Predicate::Like { .. } => true,
        Predicate::IsNull { .. } | Predicate::Related { .. } | Predicate::Parent { .. } => false,
    }
}

/// Whether a predicate needs an expression, which not every place takes.
pub(super) fn compares_columns(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::And(operands) | Predicate::Or(operands) => operands.iter().any(compares_columns),
        Predicate::CompareColumns { .. } => true,
        Predicate::Compare { .. }
        | Predicate::In { .. }
        | Predicate::Like { .. }
        | Predicate::Elements { .. }
        | Predicate::IsNull { .. }
        | Predicate::Related { .. }
        | Predicate::Parent { .. } => false,
    }
}

/// The condition that runs: a document of one key, `$and`.
pub(super) fn condition(predicate: &Predicate, relation: &Relation) -> Result<Document, Refusal> {
    let mut conjuncts: Vec<Bson> = Vec::new();
    atoms(predicate, relation, &mut conjuncts)?;
    Ok(doc! { "$and": conjuncts })
}

fn atoms(
    predicate: &Predicate,
    relation: &Relation,
    conjuncts: &mut Vec<Bson>,
) -> Result<(), Refusal> {
    let mut push = |condition: Document| {
        let condition = Bson::Document(condition);
        if !conjuncts.contains(&condition) {
            conjuncts.push(condition);
        }
    };
    match predicate {
        Predicate::And(operands) => {
            operands.iter().try_for_each(|operand| atoms(operand, relation, conjuncts))?;
        }
        Predicate::Or(operands) => {
            let operands: Vec<Document> = operands
                .iter()
                .map(|operand| condition(operand, relation))
                .collect::<Result<_, _>>()?;
            push(doc! { "$or": operands });
        }
        Predicate::Compare { column, op, value } => {
            let column = known(relation, column)?;
            let path = column.name.as_str();
            let value = literal(column, value)?;
            push(doc! { path: { operator(*op): value } });
            match op {
                // Only a value of the constant's type is equal to it, or on one side of it.
                CmpOp::Eq | CmpOp::Lt | CmpOp::Le | CmpOp::Gt | CmpOp::Ge => {}
                CmpOp::Ne => push(typed(column)),
            }
            no_arrays(path).for_each(push);
        }
        Predicate::In { column, values, negated } => {
            let column = known(relation, column)?;
            let path = column.name.as_str();
            let values: Vec<Bson> =
                values.iter().map(|value| literal(column, value)).collect::<Result<_, _>>()?;
            push(doc! { path: { if *negated { "$nin" } else { "$in" }: values } });
            if *negated {
                push(typed(column));
            }
            no_arrays(path).for_each(push);
        }
        Predicate::CompareColumns { left, op, right } => {
            let (left, right) = (known(relation, left)?, known(relation, right)?);
            push(typed(left));
            push(typed(right));
            no_arrays(left.name.as_str()).chain(no_arrays(right.name.as_str())).for_each(&mut push);
            let fields = [left, right].map(|column| format!("${}", column.name));
            push(doc! { "$expr": { operator(*op): fields.to_vec() } });
        }
        Predicate::Like { column, pattern, negated } => {
            let column = known(relation, column)?;
            let path = column.name.as_str();
            let regex = regex(pattern)?;
            // A regular expression also equals itself, where one is stored.
            push(if *negated {
                doc! { path: { "$not": regex } }
            } else {
                doc! { path: regex }
            });
            push(typed(column));
            no_arrays(path).for_each(push);
        }
        Predicate::Elements { column, quantifier, values, negated } => {
            let column = known_array(relation, column)?;
            let values: Vec<Bson> =
                values.iter().map(|value| literal(column, value)).collect::<Result<_, _>>()?;
            push(doc! { column.name.as_str(): among(*quantifier, values, *negated) });
            present(column).into_iter().for_each(push);
        }
        Predicate::Related { .. } | Predicate::Parent { .. } => return Err(unknown(RELATED)),
        Predicate::IsNull { column, negated } => {
            let column = attribute(relation, column)?;
            let path = column.name.as_str();
            if *negated {
                present(column).into_iter().for_each(&mut push);
            } else {
                push(doc! { path: { "$eq": Bson::Null } });
                no_arrays(path).for_each(&mut push);
                // Nothing is in a value that is no document, and that says nothing.
                for above in ancestors(path) {
                    let document = doc! { above: { "$type": "object" } };
                    push(doc! { "$or": [{ above: { "$eq": Bson::Null } }, document] });
                }
            }
        }
    }
    Ok(())
}

fn operator(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => "$eq",
        CmpOp::Ne => "$ne",
        CmpOp::Lt => "$lt",
        CmpOp::Le => "$lte",
        CmpOp::Gt => "$gt",
        CmpOp::Ge => "$gte",
    }
}

/// That nothing on the way to a value is an array, nor the value.
fn no_arrays(path: &str) -> impl Iterator<Item = Document> {
    ancestors(path).chain([path]).map(|path| doc! { path: { "$not": { "$type": "array" } } })
}

/// Which elements of an array are among the values. On what is no array of the column's this says nothing.
fn among(quantifier: Quantifier, mut values: Vec<Bson>, negated: bool) -> Document {
    match (quantifier, negated) {
        (Quantifier::Some, negated) if values.len() == 1 => {
            doc! { if negated { "$ne" } else { "$eq" }: values.remove(0) }
        }
        (Quantifier::Some, negated) => doc! { if negated { "$nin" } else { "$in" }: values },
        (Quantifier::Every, false) if values.is_empty() => doc! { "$size": 0 },
        (Quantifier::Every, false) => doc! { "$not": { "$elemMatch": { "$nin": values } } },
        (Quantifier::Every, true) => doc! { "$elemMatch": { "$nin": values } },
    }
}

/// That a column is there as policies take it: a value of its type, or an array of such values and of nothing else.
fn present(column: &Column) -> Vec<Document> {
    let path = column.name.as_str();
    if !column.array {
        return std::iter::once(typed(column)).chain(no_arrays(path)).collect();
    }
    let other = doc! { "$not": { "$type": type_name(column.column_type) } };
    let documents = ancestors(path).map(|path| doc! { path: { "$not": { "$type": "array" } } });
    [doc! { path: { "$type": "array" } }, doc! { path: { "$not": { "$elemMatch": other } } }]
        .into_iter()
        .chain(documents)
        .collect()
}

/// That a value is there, and of the type that policies take it for.
fn typed(column: &Column) -> Document {
    doc! { column.name.as_str(): { "$type": type_name(column.column_type) } }
}

fn type_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Integer | ColumnType::Float | ColumnType::Decimal => "number",
        ColumnType::Boolean => "bool",
        ColumnType::Text => "string",
        ColumnType::Timestamptz | ColumnType::Timestamp | ColumnType::Date => "date",
        ColumnType::Uuid | ColumnType::Bytes => "binData",
        ColumnType::ObjectId => "objectId",
        ColumnType::Document | ColumnType::Json => "object",
        // Policies do not read such columns.
        ColumnType::Time | ColumnType::Interval | ColumnType::Other => "minKey",
    }
}

// INVARIANT (exact or refused): a predicate over a column that the catalog does not list, or that policies cannot read,
// is refused.
fn known<'a>(relation: &'a Relation, name: &ColumnName) -> Result<&'a Column, Refusal> {
    let column = relation.column(name).filter(|column| column.cedar().is_some());
    column.ok_or_else(|| unknown("a column that the catalog lacks"))
}

fn known_array<'a>(relation: &'a Relation, name: &ColumnName) -> Result<&'a Column, Refusal> {
    let column = relation.column(name).filter(|column| column.elements().is_some());
    column.ok_or_else(|| unknown("an array that the catalog lacks"))
}

fn attribute<'a>(relation: &'a Relation, name: &ColumnName) -> Result<&'a Column, Refusal> {
    let column = relation.column(name).filter(|column| column.is_attribute());
    column.ok_or_else(|| unknown("a column that the catalog lacks"))
}

/// A constant as the column's BSON type has it.
fn literal(column: &Column, value: &Value) -> Result<Bson, Refusal> {
    match (value, column.column_type) {
        (Value::Long(value), ColumnType::Integer) => {
            Ok(i32::try_from(*value).map_or(Bson::Int64(*value), Bson::Int32))
        }
        (Value::Bool(value), ColumnType::Boolean) => Ok(Bson::Boolean(*value)),
        (Value::Datetime(value), ColumnType::Timestamptz) => {
            Ok(Bson::DateTime(DateTime::from_millis(*value)))
        }
        (Value::String(value), ColumnType::Text) => Ok(Bson::String(value.clone())),
        (Value::String(value), ColumnType::Uuid) => {
            let uuid = Uuid::parse_str(value).map_err(|_| unknown("a UUID that is none"))?;
            let bytes = uuid.bytes().to_vec();
            Ok(Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes }))
        }
        (Value::String(value), ColumnType::ObjectId) => ObjectId::parse_str(value)
            .map(Bson::ObjectId)
            .map_err(|_| unknown("an ObjectId that is none")),
        (Value::Long(_) | Value::Bool(_) | Value::Datetime(_) | Value::String(_), _) => {
            Err(unknown("a constant of another type than its column"))
        }
    }
}

/// A pattern as a regular expression over the whole text: anchored by `\A` and `\z`, since `$` matches before a line
/// break at the end; `s`, so that `.` matches one.
///
/// What stands between two runs is matched where it is first found, and never again (`(?>..)`): there is always room for
/// the rest then, if there is any. Without that a long text that nearly matches takes the square of its length, or more,
/// and the server gives up with an error.
fn regex(pattern: &[PatternElement]) -> Result<Bson, Refusal> {
    let mut texts: Vec<String> =
        pattern.split(|element| *element == PatternElement::AnyRun).map(literally).collect();
    let last = texts.pop().unwrap_or_default();
    let mut texts = texts.into_iter();
    let mut text = String::from("\\A");
    if let Some(first) = texts.next() {
        text.push_str(&first);
        let between: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
        match between.as_slice() {
            [only] if last.is_empty() => text.push_str(&format!(".*{only}")),
            between => {
                for part in between {
                    text.push_str(&format!("(?>.*?{part})"));
                }
            }
        }
        text.push_str(".*");
    }
    text.push_str(&last);
    text.push_str("\\z");
    let zero = |_| unknown("a pattern with a zero byte");
    let pattern = CString::try_from(text).map_err(zero)?;
    let options = CString::try_from("s").map_err(zero)?;
    Ok(Bson::RegularExpression(Regex { pattern, options }))
}

/// Characters as a regular expression has them.
fn literally(elements: &[PatternElement]) -> String {
    let mut text = String::new();
    for element in elements {
        match element {
            PatternElement::AnyRun => text.push_str(".*"),
            PatternElement::Char(c) if c.is_ascii_alphanumeric() || *c == ' ' => text.push(*c),
            PatternElement::Char(c) if c.is_ascii_punctuation() => text.extend(['\\', *c]),
            PatternElement::Char(c) if c.is_ascii() => {
                text.push_str(&format!("\\x{:02x}", u32::from(*c)));
            }
            PatternElement::Char(c) => text.push(*c),
        }
    }
    text
}

/// A filter runs on one collection, so no catalog of MongoDB has a key that rules follow.
const RELATED: &str = "a related row";

fn unknown(what: &str) -> Refusal {
    Refusal::new(RefusalCode::Unsupported, format!("the filter holds {what}"), "correct the policy")
}

/// The predicate as conditions for people, each on a field of its own: `customer_id: 82`.
pub(super) fn readable(
    predicate: &Predicate,
    relation: &Relation,
) -> Result<Vec<(String, Bson)>, Refusal> {
    let one = |column: &ColumnName, condition: Bson| vec![(column.to_string(), condition)];
    Ok(match predicate {
        Predicate::And(operands) => {
            let parts: Vec<_> = operands
                .iter()
                .map(|operand| readable(operand, relation))
                .collect::<Result<_, _>>()?;
            parts.concat()
        }
        Predicate::Or(operands) => {
            let parts: Vec<Document> = operands
                .iter()
                .map(|operand| Ok(joined(readable(operand, relation)?)))
                .collect::<Result<_, Refusal>>()?;
            vec![("$or".to_owned(), parts.into())]
        }
        Predicate::Compare { column, op: CmpOp::Eq, value } => {
            one(column, literal(known(relation, column)?, value)?)
        }
        Predicate::Compare { column, op, value } => {
            let value = literal(known(relation, column)?, value)?;
            one(column, doc! { operator(*op): value }.into())
        }
        Predicate::In { column, values, negated } => {
            let known = known(relation, column)?;
            let values: Vec<Bson> =
                values.iter().map(|value| literal(known, value)).collect::<Result<_, _>>()?;
            one(column, doc! { if *negated { "$nin" } else { "$in" }: values }.into())
        }
        Predicate::CompareColumns { left, op, right } => {
            let fields = [left, right].map(|column| format!("${column}"));
            vec![("$expr".to_owned(), doc! { operator(*op): fields.to_vec() }.into())]
        }
        Predicate::Like { column, pattern, negated: false } => one(column, regex(pattern)?),
        Predicate::Like { column, pattern, negated: true } => {
            one(column, doc! { "$not": regex(pattern)? }.into())
        }
        Predicate::Elements { column, quantifier, values, negated } => {
            let known = known_array(relation, column)?;
            let mut values: Vec<Bson> =
                values.iter().map(|value| literal(known, value)).collect::<Result<_, _>>()?;
            match (quantifier, values.pop()) {
                (Quantifier::Some, Some(only)) if values.is_empty() && !negated => {
                    one(column, only)
                }
                (_, last) => {
                    values.extend(last);
                    one(column, among(*quantifier, values, *negated).into())
                }
            }
        }
        Predicate::Related { .. } | Predicate::Parent { .. } => return Err(unknown(RELATED)),
        Predicate::IsNull { column, negated: false } => one(column, Bson::Null),
        Predicate::IsNull { column, negated: true } => {
            one(column, doc! { "$ne": Bson::Null }.into())
        }
    })
}

/// Conditions in one document; where two are on one field, in an `$and`.
pub(super) fn joined(conditions: Vec<(String, Bson)>) -> Document {
    let mut document = Document::new();
    let mut twice = false;
    for (key, condition) in &conditions {
        twice |= document.insert(key.clone(), condition.clone()).is_some();
    }
    if twice {
        let each: Vec<Document> =
            conditions.into_iter().map(|(key, condition)| doc! { key: condition }).collect();
        return doc! { "$and": each };
    }
    document
}

#[cfg(test)]
mod tests;
