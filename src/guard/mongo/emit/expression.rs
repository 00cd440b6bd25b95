//! From a predicate to an expression, and masks: what a projection shows in place of a column.
//!
//! An expression reads a path otherwise than a condition does: a missing value is less than null, an array is a value like
//! any other, order goes across types and NaN comes before all numbers. Each atom is *true* on the very documents on which
//! its condition matches ([`super::condition`]), and false on all others, so that connectives stay what they are.
//!
//! * `$a.b` through an array is an array: no scalar is equal to it, and its type is no scalar's;
//! * an order, `!=` and whatever is negated ask for the type first, and an order upwards for no NaN;
//! * nothing fails, on no document: what takes strings or arrays only is given an empty one in place of anything else,
//!   and does not rely on the order in which operands are evaluated;
//! * every constant is in a `$literal`, where `$` begins no path.
//!
//! <https://www.mongodb.com/docs/manual/reference/operator/aggregation/>

use bson::{Bson, Document, doc};

use super::{RELATED, attribute, known, known_array, literal, operator, regex, unknown};
use crate::catalog::{Column, ColumnType, Relation, ancestors};
use crate::guard::Refusal;
use crate::predicate::{CmpOp, Mask, Masked, Predicate, Quantifier, RowFilter};

/// How many characters [`Mask::Last4`] shows.
const SHOWN: i32 = 4;

/// [`Mask::SHORTEST`].
const SHORTEST: i32 = 8;

/// What is shown of a column: its value where it is clear, otherwise the mask.
///
/// A value that is not there and is masked shows null, so that nothing tells whether it is there.
// INVARIANT (isolation): the mask has the last word. Where a condition is not true, nothing is clear.
pub(in crate::guard::mongo) fn masked(
    column: &Column,
    masked: &Masked,
    relation: &Relation,
) -> Result<Bson, Refusal> {
    let own = Bson::String(format!("${}", column.name));
    let mut shown = mask(masked.otherwise, column)?;
    for (predicate, stricter) in masked.stricter.iter().rev() {
        shown = either(holds(predicate, relation)?, mask(*stricter, column)?, shown);
    }
    Ok(match &masked.clear {
        RowFilter::AllRows => own,
        RowFilter::NoRows => shown,
        RowFilter::Where(predicate) => either(holds(predicate, relation)?, own, shown),
    })
}

/// What a mask makes of a value.
fn mask(mask: Mask, column: &Column) -> Result<Bson, Refusal> {
    let null = || Bson::from(doc! { "$literal": Bson::Null });
    Ok(match mask {
        Mask::Null => null(),
        // No policy that asks for one is loaded.
        Mask::Hash => return Err(unknown("a mask by `hash`")),
        Mask::Last4 => {
            let text = text(column);
            let length = doc! { "$strLenCP": &text };
            let from = doc! { "$max": [0, { "$subtract": [&length, SHOWN] }] };
            // What is no text is taken for an empty one.
            let long = doc! { "$gte": [&length, SHORTEST] };
            either(long.into(), doc! { "$substrCP": [text, from, SHOWN] }.into(), null())
        }
    })
}

fn either(condition: Bson, then: Bson, otherwise: Bson) -> Bson {
    doc! { "$cond": [condition, then, otherwise] }.into()
}

/// An expression that is true where the predicate is, and false everywhere else.
fn holds(predicate: &Predicate, relation: &Relation) -> Result<Bson, Refusal> {
    let all = |operands: &[Predicate]| -> Result<Vec<Bson>, Refusal> {
        operands.iter().map(|operand| holds(operand, relation)).collect()
    };
    Ok(match predicate {
        Predicate::And(operands) => doc! { "$and": all(operands)? },
        Predicate::Or(operands) => doc! { "$or": all(operands)? },
        Predicate::Compare { column, op, value } => {
            let column = known(relation, column)?;
            let constant = doc! { "$literal": literal(column, value)? };
            let compared = doc! { operator(*op): [path(column), constant] };
            match op {
                // Only a value of the constant's type is equal to it.
                CmpOp::Eq => compared,
                // NaN comes before all numbers.
                CmpOp::Lt | CmpOp::Le if column.column_type == ColumnType::Integer => {
                    let least = doc! { "$literal": f64::NEG_INFINITY };
                    let number = doc! { "$gte": [path(column), least] };
                    doc! { "$and": [typed(column), number, compared] }
                }
                CmpOp::Ne | CmpOp::Lt | CmpOp::Le | CmpOp::Gt | CmpOp::Ge => {
                    doc! { "$and": [typed(column), compared] }
                }
            }
        }
        Predicate::CompareColumns { left, op, right } => {
            let (left, right) = (known(relation, left)?, known(relation, right)?);
            let compared = doc! { operator(*op): [path(left), path(right)] };
            doc! { "$and": [typed(left), typed(right), compared] }
        }
        Predicate::In { column, values, negated } => {
            let column = known(relation, column)?;
            let values: Vec<Bson> =
                values.iter().map(|value| literal(column, value)).collect::<Result<_, _>>()?;
            let among = doc! { "$in": [path(column), { "$literal": values }] };
            if *negated {
                doc! { "$and": [typed(column), { "$not": [among] }] }
            } else {
                among
            }
        }
        Predicate::Like { column, pattern, negated } => {
            let column = known(relation, column)?;
            let matched =
                doc! { "$regexMatch": { "input": text(column), "regex": regex(pattern)? } };
            let matched = if *negated {
                doc! { "$not": [matched] }
            } else {
                matched
            };
            doc! { "$and": [typed(column), matched] }
        }
        Predicate::Elements { column, quantifier, values, negated } => {
            let column = known_array(relation, column)?;
            let values: Vec<Bson> =
                values.iter().map(|value| literal(column, value)).collect::<Result<_, _>>()?;
            let values = doc! { "$literal": values };
            let asked = match quantifier {
                Quantifier::Some => {
                    let both = doc! { "$setIntersection": [elements(column), values] };
                    doc! { "$gt": [{ "$size": both }, 0] }
                }
                Quantifier::Every => doc! { "$setIsSubset": [elements(column), values] },
            };
            let asked = if *negated {
                doc! { "$not": [asked] }
            } else {
                asked
            };
            let mut parts = array(column);
            parts.push(asked);
            doc! { "$and": parts }
        }
        Predicate::IsNull { column, negated } => {
            let column = attribute(relation, column)?;
            match (negated, column.array) {
                (true, true) => doc! { "$and": array(column) },
                (true, false) => typed(column),
                (false, _) => {
                    // Nothing is in a value that is no document, and that says nothing.
                    let above = ancestors(column.name.as_str())
                        .map(|above| of_types(above, &["missing", "null", "object"]));
                    let own = of_types(column.name.as_str(), &["missing", "null"]);
                    doc! { "$and": above.chain([own]).collect::<Vec<_>>() }
                }
            }
        }
        Predicate::Related { .. } | Predicate::Parent { .. } => return Err(unknown(RELATED)),
    }
    .into())
}

fn path(column: &Column) -> Bson {
    Bson::String(format!("${}", column.name))
}

fn of_types(path: &str, types: &[&str]) -> Document {
    doc! { "$in": [{ "$type": format!("${path}") }, types.to_vec()] }
}

/// That a value is there, and of the type that policies take it for.
fn typed(column: &Column) -> Document {
    of_types(column.name.as_str(), types(column.column_type))
}

/// The text, or an empty one where there is none.
fn text(column: &Column) -> Bson {
    either(typed(column).into(), path(column), "".into())
}

/// An array of values of the column's type and of nothing else: what that asks for.
fn array(column: &Column) -> Vec<Document> {
    let name = column.name.as_str();
    let above = ancestors(name).map(|above| of_types(above, &["object"]));
    let own = doc! { "$in": [{ "$type": "$$element" }, types(column.column_type).to_vec()] };
    let each = doc! { "$map": { "input": elements(column), "as": "element", "in": own } };
    above
        .chain([doc! { "$isArray": [path(column)] }, doc! { "$allElementsTrue": [each] }])
        .collect()
}

/// The elements, or none where there is no array.
fn elements(column: &Column) -> Bson {
    let none = Bson::Array(Vec::new());
    either(doc! { "$isArray": [path(column)] }.into(), path(column), none)
}

/// As `$type` of expressions names them.
fn types(column_type: ColumnType) -> &'static [&'static str] {
    match column_type {
        ColumnType::Integer | ColumnType::Float | ColumnType::Decimal => {
            &["int", "long", "double", "decimal"]
        }
        ColumnType::Boolean => &["bool"],
        ColumnType::Text => &["string"],
        ColumnType::Timestamptz | ColumnType::Timestamp | ColumnType::Date => &["date"],
        ColumnType::Uuid | ColumnType::Bytes => &["binData"],
        ColumnType::ObjectId => &["objectId"],
        ColumnType::Document | ColumnType::Json => &["object"],
        // Policies do not read such columns.
        ColumnType::Time | ColumnType::Interval | ColumnType::Other => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_text_is_the_documented_one() {
        assert_eq!(usize::try_from(SHORTEST), Ok(Mask::SHORTEST));
    }
}
