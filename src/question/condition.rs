//! Conditions: "whose status is open", "with more than 5 hours", "due before 2025-01-01".

use crate::catalog::{Column, ColumnType, Relation};
use crate::predicate::CmpOp;

use super::cursor::Cursor;
use super::intent::{Condition, Literal, Place, Test};
use super::lexicon::{adjective_at, column_at, is_amount, is_temporal, label};
use super::value::{Day, Typed, period, raw, text, typed};

const ARTICLES: [&str; 5] = ["the", "a", "an", "their", "its"];
const ABSENCE: [&str; 9] = [
    "without any",
    "without",
    "with no",
    "having no",
    "have no",
    "has no",
    "do not have",
    "don't have",
    "does not have",
];

/// How a column stands to the values after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Compare(CmpOp),
    Between,
    Like(Place),
    During,
}

/// Longer phrases before their beginnings.
const OPERATORS: [(&str, Operator); 49] = [
    ("equal to", Operator::Compare(CmpOp::Eq)),
    ("equals", Operator::Compare(CmpOp::Eq)),
    ("exactly", Operator::Compare(CmpOp::Eq)),
    ("one of", Operator::Compare(CmpOp::Eq)),
    ("either", Operator::Compare(CmpOp::Eq)),
    ("=", Operator::Compare(CmpOp::Eq)),
    ("of", Operator::Compare(CmpOp::Eq)),
    ("other than", Operator::Compare(CmpOp::Ne)),
    ("different from", Operator::Compare(CmpOp::Ne)),
    ("does not equal", Operator::Compare(CmpOp::Ne)),
    ("!=", Operator::Compare(CmpOp::Ne)),
    ("<>", Operator::Compare(CmpOp::Ne)),
    ("no less than", Operator::Compare(CmpOp::Ge)),
    ("not less than", Operator::Compare(CmpOp::Ge)),
    ("at least", Operator::Compare(CmpOp::Ge)),
    (">=", Operator::Compare(CmpOp::Ge)),
    ("no more than", Operator::Compare(CmpOp::Le)),
    ("not more than", Operator::Compare(CmpOp::Le)),
    ("at most", Operator::Compare(CmpOp::Le)),
    ("up to", Operator::Compare(CmpOp::Le)),
    ("<=", Operator::Compare(CmpOp::Le)),
    ("more than", Operator::Compare(CmpOp::Gt)),
    ("greater than", Operator::Compare(CmpOp::Gt)),
    ("larger than", Operator::Compare(CmpOp::Gt)),
    ("bigger than", Operator::Compare(CmpOp::Gt)),
    ("higher than", Operator::Compare(CmpOp::Gt)),
    ("exceeding", Operator::Compare(CmpOp::Gt)),
    ("above", Operator::Compare(CmpOp::Gt)),
    ("over", Operator::Compare(CmpOp::Gt)),
    (">", Operator::Compare(CmpOp::Gt)),
    ("less than", Operator::Compare(CmpOp::Lt)),
    ("fewer than", Operator::Compare(CmpOp::Lt)),
    ("smaller than", Operator::Compare(CmpOp::Lt)),
    ("lower than", Operator::Compare(CmpOp::Lt)),
    ("below", Operator::Compare(CmpOp::Lt)),
    ("under", Operator::Compare(CmpOp::Lt)),
    ("<", Operator::Compare(CmpOp::Lt)),
    ("between", Operator::Between),
    ("contains", Operator::Like(Place::Anywhere)),
    ("containing", Operator::Like(Place::Anywhere)),
    ("contain", Operator::Like(Place::Anywhere)),
    ("includes", Operator::Like(Place::Anywhere)),
    ("including", Operator::Like(Place::Anywhere)),
    ("starts with", Operator::Like(Place::Start)),
    ("starting with", Operator::Like(Place::Start)),
    ("begins with", Operator::Like(Place::Start)),
    ("beginning with", Operator::Like(Place::Start)),
    ("ends with", Operator::Like(Place::End)),
    ("ending with", Operator::Like(Place::End)),
];

/// What stands only to times, as above.
const OF_TIME: [(&str, Operator); 13] = [
    ("on or after", Operator::Compare(CmpOp::Ge)),
    ("on or before", Operator::Compare(CmpOp::Le)),
    // After a column whose own name ends in "on".
    ("or after", Operator::Compare(CmpOp::Ge)),
    ("or before", Operator::Compare(CmpOp::Le)),
    ("on", Operator::Compare(CmpOp::Eq)),
    ("since", Operator::Compare(CmpOp::Ge)),
    ("until", Operator::Compare(CmpOp::Le)),
    ("later than", Operator::Compare(CmpOp::Gt)),
    ("after", Operator::Compare(CmpOp::Gt)),
    ("earlier than", Operator::Compare(CmpOp::Lt)),
    ("before", Operator::Compare(CmpOp::Lt)),
    ("during", Operator::During),
    ("in", Operator::During),
];

/// Takes one condition on a relation's rows.
pub(super) fn condition<'c>(
    relation: &'c Relation,
    cursor: &mut Cursor<'_>,
) -> Option<Condition<'c>> {
    let mut at = *cursor;
    at.eat_any(&["where", "that", "which", "who", "whose", "when"]);
    let (condition, after) = absence(relation, at)
        .or_else(|| named(relation, at))
        .or_else(|| amount_first(relation, at))
        .or_else(|| column_first(relation, at))
        .or_else(|| adjective(relation, at))?;
    *cursor = after;
    Some(condition)
}

/// "without a description"
fn absence<'c, 'q>(
    relation: &'c Relation,
    mut at: Cursor<'q>,
) -> Option<(Condition<'c>, Cursor<'q>)> {
    if !at.eat_any(&ABSENCE) {
        return None;
    }
    at.eat_all(&ARTICLES);
    let (column, after) = column_at(relation, at)?;
    Some((Condition { column, test: Test::Empty { negated: false } }, after))
}

/// "named Acme"
fn named<'c, 'q>(
    relation: &'c Relation,
    mut at: Cursor<'q>,
) -> Option<(Condition<'c>, Cursor<'q>)> {
    at.eat_any(&["are", "is"]);
    let column = label(relation).filter(|_| at.eat_any(&["named", "called", "titled"]))?;
    let value = constant(column, &mut at)?;
    Some((Condition { column, test: Test::Compare(CmpOp::Eq, value) }, at))
}

/// "with more than 5 hours"
fn amount_first<'c, 'q>(
    relation: &'c Relation,
    mut at: Cursor<'q>,
) -> Option<(Condition<'c>, Cursor<'q>)> {
    at.eat_any(&["with", "having", "have", "has", "of"]);
    let Operator::Compare(op @ (CmpOp::Lt | CmpOp::Le | CmpOp::Gt | CmpOp::Ge)) =
        operator(&mut at)?
    else {
        return None;
    };
    let number = raw(&mut at)?;
    let (column, after) = column_at(relation, at)?;
    let value = typed(&number, column).filter(|_| is_amount(relation, column))?;
    Some((Condition { column, test: comparison(column, op, &value)? }, after))
}

/// "status is open", "with a description", "not assigned to ann"
fn column_first<'c, 'q>(
    relation: &'c Relation,
    mut at: Cursor<'q>,
) -> Option<(Condition<'c>, Cursor<'q>)> {
    let has = at.eat_any(&["with", "having", "have", "has", "had"]);
    let negated = !has && negation(&mut at);
    at.eat_all(&ARTICLES);
    let (column, after) = column_at(relation, at)?;
    let mut end = after;
    if let Some(test) = test(column, &mut end) {
        return Some((Condition { column, test: if negated { negate(test)? } else { test } }, end));
    }
    let alone = after.at_end() || after.sees_any(&["and", ","]);
    let present = has && alone && column.column_type != ColumnType::Boolean;
    present.then_some((Condition { column, test: Test::Empty { negated: true } }, after))
}

/// "archived", "are not archived"
fn adjective<'c, 'q>(
    relation: &'c Relation,
    mut at: Cursor<'q>,
) -> Option<(Condition<'c>, Cursor<'q>)> {
    let negated = negation(&mut at);
    let (condition, after) = adjective_at(relation, at)?;
    Some((if negated { opposite(condition)? } else { condition }, after))
}

/// The condition that holds where this one does not.
pub(super) fn opposite(condition: Condition<'_>) -> Option<Condition<'_>> {
    Some(Condition { column: condition.column, test: negate(condition.test)? })
}

/// Takes "are", "are not", "aren't" or "not", and says whether it negates.
fn negation(at: &mut Cursor<'_>) -> bool {
    const NEGATIVE: [&str; 4] = ["aren't", "isn't", "wasn't", "weren't"];
    if at.eat_any(&NEGATIVE) {
        return true;
    }
    at.eat_any(&["are", "is", "were", "was"]);
    at.eat("not")
}

/// What the words after a column say of it.
fn test(column: &Column, cursor: &mut Cursor<'_>) -> Option<Test> {
    let mut at = *cursor;
    let negated = negation(&mut at);
    let test = if at.eat_any(&["empty", "blank", "missing", "unset", "nobody", "no one"]) {
        Test::Empty { negated: false }
    } else if at.eat("set") {
        Test::Empty { negated: true }
    } else if at.eat("null") {
        Test::Null { negated: false }
    } else {
        let operator = operator_for(column, &mut at).unwrap_or(Operator::Compare(CmpOp::Eq));
        values(column, operator, &mut at)?
    };
    *cursor = at;
    if negated { negate(test) } else { Some(test) }
}

fn operator(at: &mut Cursor<'_>) -> Option<Operator> {
    OPERATORS.iter().find(|(phrase, _)| at.eat(phrase)).map(|(_, operator)| *operator)
}

/// "in", "on" and "after" say something of a time only: a status "on hold" is not the status "hold".
fn operator_for(column: &Column, at: &mut Cursor<'_>) -> Option<Operator> {
    if is_temporal(column.column_type)
        && let Some((_, operator)) = OF_TIME.iter().find(|(phrase, _)| at.eat(phrase))
    {
        return Some(*operator);
    }
    operator(at)
}

fn values(column: &Column, operator: Operator, at: &mut Cursor<'_>) -> Option<Test> {
    match operator {
        Operator::Compare(CmpOp::Eq) if column.column_type == ColumnType::Boolean => {
            let yes = at.eat_any(&["true", "yes"]);
            let answered = yes || at.eat_any(&["false", "no"]);
            answered.then_some(Test::Compare(CmpOp::Eq, Literal::Bool(yes)))
        }
        Operator::Compare(CmpOp::Eq) => {
            let first = typed(&raw(at)?, column)?;
            let mut all = vec![first.clone()];
            while at.eat("or") {
                all.push(typed(&raw(at)?, column)?);
            }
            match all.as_slice() {
                [only] => comparison(column, CmpOp::Eq, only),
                several => several.iter().map(exact).collect::<Option<_>>().map(Test::OneOf),
            }
        }
        Operator::Compare(op) => comparison(column, op, &typed(&raw(at)?, column)?),
        Operator::Between => {
            let low = typed(&raw(at)?, column)?;
            let high = at.eat("and").then(|| raw(at)).flatten()?;
            between(column, &low, &typed(&high, column)?)
        }
        Operator::Like(place) => {
            let piece = raw(at).map(text).filter(|piece| !piece.is_empty())?;
            (column.column_type == ColumnType::Text).then_some(Test::Like(place, piece))
        }
        Operator::During => {
            let (first, after) = period(&raw(at)?).filter(|_| is_temporal(column.column_type))?;
            Some(within(Some(first), Some(after)))
        }
    }
}

/// A constant that equals one value of the column exactly.
fn constant(column: &Column, at: &mut Cursor<'_>) -> Option<Literal> {
    exact(&typed(&raw(at)?, column)?)
}

fn exact(value: &Typed) -> Option<Literal> {
    match value {
        Typed::Constant(literal) => Some(literal.clone()),
        Typed::Day(_) => None,
    }
}

/// A comparison with one value. A day is a span of time to a column of points in time, so "after" it means from the
/// next day on.
fn comparison(column: &Column, op: CmpOp, value: &Typed) -> Option<Test> {
    let day = match value {
        Typed::Constant(literal) => {
            let ordered = matches!(
                column.column_type,
                ColumnType::Integer | ColumnType::Float | ColumnType::Decimal
            );
            let fits = ordered || matches!(op, CmpOp::Eq | CmpOp::Ne);
            return fits.then(|| Test::Compare(op, literal.clone()));
        }
        Typed::Day(day) => *day,
    };
    if column.column_type == ColumnType::Date {
        return Some(Test::Compare(op, day.literal()));
    }
    Some(match op {
        CmpOp::Eq => within(Some(day), Some(day.next()?)),
        CmpOp::Ne => negate(within(Some(day), Some(day.next()?)))?,
        CmpOp::Lt => within(None, Some(day)),
        CmpOp::Le => within(None, Some(day.next()?)),
        CmpOp::Gt => within(Some(day.next()?), None),
        CmpOp::Ge => within(Some(day), None),
    })
}

fn between(column: &Column, low: &Typed, high: &Typed) -> Option<Test> {
    match (low, high) {
        (Typed::Constant(low), Typed::Constant(high)) => {
            let numbers = matches!((low, high), (Literal::Number(_), Literal::Number(_)));
            numbers.then(|| Test::Between(low.clone(), high.clone()))
        }
        (Typed::Day(low), Typed::Day(high)) if column.column_type == ColumnType::Date => {
            Some(Test::Between(low.literal(), high.literal()))
        }
        (Typed::Day(low), Typed::Day(high)) => Some(within(Some(*low), Some(high.next()?))),
        (Typed::Constant(_), Typed::Day(_)) | (Typed::Day(_), Typed::Constant(_)) => None,
    }
}

fn within(from: Option<Day>, before: Option<Day>) -> Test {
    Test::Within { from: from.map(Day::literal), before: before.map(Day::literal), negated: false }
}

/// The opposite, where it has a plain form.
fn negate(test: Test) -> Option<Test> {
    match test {
        Test::Compare(CmpOp::Eq, Literal::Bool(value)) => {
            Some(Test::Compare(CmpOp::Eq, Literal::Bool(!value)))
        }
        Test::Compare(op, literal) => Some(Test::Compare(op.negate(), literal)),
        Test::Within { from: Some(from), before: Some(before), negated } => {
            Some(Test::Within { from: Some(from), before: Some(before), negated: !negated })
        }
        Test::Empty { negated } => Some(Test::Empty { negated: !negated }),
        Test::Null { negated } => Some(Test::Null { negated: !negated }),
        Test::OneOf(_) | Test::Between(..) | Test::Within { .. } | Test::Like(..) => None,
    }
}
