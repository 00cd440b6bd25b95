//! The filter: which rows of each relation a principal may see. No Cedar, no dialect.
//!
//! # The law on NULL
//!
//! Cedar has no null: an absent attribute is an error to read, so a policy asks `resource has c` first. SQL has
//! three truth values. A [`Predicate`] joins the two because of how it is built:
//!
//! * it is in negation normal form: `AND` and `OR` over atoms, and negation lives inside the atoms;
//! * an atom over a column that is NULL is *unknown*, and a row is kept only where the whole is *true*.
//!
//! `AND` and `OR` are monotone in false < unknown < true, so an unknown atom can never make a row visible that a
//! false one would not. And wherever Cedar evaluates an expression without an error to true (or false), the
//! predicate lowered from it is true (or false) in SQL: an atom over NULL is only ever reached behind a failed
//! `has`, whose own atom [`Predicate::IsNull`] already decides the connective.
//!
//! # The law on related rows
//!
//! [`Predicate::Related`] asks something of the parent, the row that a foreign key names: it is true where the parent
//! exists and the predicate is true of it, and false everywhere else. It is never unknown, and it has no negation: that
//! something is *false* of the parent is a `Related` with the predicate of its being false. So neither a condition nor its
//! negation keeps a row whose parent is missing; only [`Predicate::Parent`], negated, asks for such rows.
//! As a row has one parent at most, `Related(a) AND Related(b)` by one key is `Related(a AND b)`, and so with `OR`.

mod comparison;
mod hidden;
mod kept;
mod masks;
mod related;
mod row;
mod touched;

use std::collections::BTreeMap;

use crate::catalog::{ColumnName, RelationName};
pub use comparison::CmpOp;
use hidden::Columns;
pub(crate) use hidden::gone;
use kept::Kept;
pub use masks::{Mask, Masked};
pub use related::Hop;
pub use row::{Parent, Row};

/// A constant in a filter. It reaches a database as a typed bind, never as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// A 64-bit integer.
    Long(i64),
    /// A string, compared byte by byte.
    String(String),
    /// A truth value.
    Bool(bool),
    /// An instant, in milliseconds since 1970-01-01T00:00:00Z, Cedar's own unit.
    Datetime(i64),
}

/// One element of a [`LikePattern`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PatternElement {
    /// This character and no other; matching is case-sensitive.
    Char(char),
    /// Any run of characters, the empty one included: Cedar's `*`.
    AnyRun,
}

/// Of which elements of an array something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quantifier {
    /// Of at least one; of an empty array it never holds.
    Some,
    /// Of each; of an empty array it always holds.
    Every,
}

/// A pattern of Cedar's `like`: literal characters and `*`.
pub type LikePattern = Vec<PatternElement>;

/// A boolean expression over one relation's columns, in negation normal form. See the module's law on NULL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Predicate {
    /// Both and more: at least two operands, none of them an `And`.
    And(Vec<Predicate>),
    /// Either or more: at least two operands, none of them an `Or`.
    Or(Vec<Predicate>),
    /// A column against a constant. Ordering only for `Long` and `Datetime`.
    Compare {
        /// The left side.
        column: ColumnName,
        /// The comparison.
        op: CmpOp,
        /// The right side.
        value: Value,
    },
    /// A column against a column of the same type.
    CompareColumns {
        /// The left side.
        left: ColumnName,
        /// The comparison.
        op: CmpOp,
        /// The right side.
        right: ColumnName,
    },
    /// A column among constants of one type: at least one, sorted, without duplicates.
    In {
        /// The column that is looked up.
        column: ColumnName,
        /// The constants.
        values: Vec<Value>,
        /// `true` for `NOT IN`.
        negated: bool,
    },
    /// A string column against a pattern.
    Like {
        /// The column that is matched, as a whole.
        column: ColumnName,
        /// The pattern.
        pattern: LikePattern,
        /// `true` for `NOT LIKE`.
        negated: bool,
    },
    /// Whether elements of an array are among constants of one type. An array that holds anything but values of the
    /// column's type is no array of the column's, and the atom is unknown on it.
    Elements {
        /// The column, which is an array.
        column: ColumnName,
        /// Of which elements it is asked.
        quantifier: Quantifier,
        /// The constants: sorted, without duplicates. None at all asks whether there are elements.
        values: Vec<Value>,
        /// `true` where it must not hold.
        negated: bool,
    },
    /// Whether a column is NULL: Cedar's `!(resource has c)`, or `resource has c` when negated.
    IsNull {
        /// The column.
        column: ColumnName,
        /// `true` for `IS NOT NULL`.
        negated: bool,
    },
    /// That the parent exists and the predicate is true of it. See the module's law on related rows.
    Related {
        /// To the parent.
        hop: Hop,
        /// Over the parent's columns.
        predicate: Box<Predicate>,
    },
    /// Whether the parent exists: Cedar's `resource has task`.
    Parent {
        /// To the parent.
        hop: Hop,
        /// `true` where it must be missing, or be named by NULL.
        negated: bool,
    },
}

/// The rows of one relation that a principal may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RowFilter {
    /// Every row.
    AllRows,
    /// No row: the relation does not exist for this principal.
    NoRows,
    /// The rows where the predicate is true.
    Where(Predicate),
}

impl RowFilter {
    /// The rows that both filters keep.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NoRows, _) | (_, Self::NoRows) => Self::NoRows,
            (Self::AllRows, filter) | (filter, Self::AllRows) => filter,
            (Self::Where(left), Self::Where(right)) => Self::Where(left.and(right)),
        }
    }

    /// The rows that either filter keeps.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::AllRows, _) | (_, Self::AllRows) => Self::AllRows,
            (Self::NoRows, filter) | (filter, Self::NoRows) => filter,
            (Self::Where(left), Self::Where(right)) => Self::Where(left.or(right)),
        }
    }

    /// Whether a row is kept.
    pub fn keeps(&self, row: &Row) -> bool {
        match self {
            Self::AllRows => true,
            Self::NoRows => false,
            Self::Where(predicate) => predicate.evaluate(row) == Some(true),
        }
    }
}

impl Predicate {
    /// Both predicates; nested conjunctions are flattened and an operand is not repeated.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut operands = self.into_conjuncts();
        for operand in other.into_conjuncts() {
            if !operands.contains(&operand) {
                operands.push(operand);
            }
        }
        Self::joined(operands, Self::And)
    }

    /// Either predicate; nested disjunctions are flattened and an operand is not repeated.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let mut operands = self.into_disjuncts();
        for operand in other.into_disjuncts() {
            if !operands.contains(&operand) {
                operands.push(operand);
            }
        }
        Self::joined(operands, Self::Or)
    }

    fn into_conjuncts(self) -> Vec<Self> {
        match self {
            Self::And(operands) => operands,
            other => vec![other],
        }
    }

    fn into_disjuncts(self) -> Vec<Self> {
        match self {
            Self::Or(operands) => operands,
            other => vec![other],
        }
    }

    /// One operand stays itself, so that a connective never has fewer than two.
    fn joined(mut operands: Vec<Self>, connective: fn(Vec<Self>) -> Self) -> Self {
        match operands.pop() {
            Some(only) if operands.is_empty() => only,
            Some(last) => {
                operands.push(last);
                connective(operands)
            }
            None => connective(operands),
        }
    }

    /// The predicate's truth value on a row; `None` is SQL's unknown. The law that the emitted text must follow.
    pub fn evaluate(&self, row: &Row) -> Option<bool> {
        match self {
            Self::And(operands) => connect(operands, row, false),
            Self::Or(operands) => connect(operands, row, true),
            Self::Compare { column, op, value } => {
                row.get(column).map(|left| op.holds(left, value))
            }
            Self::CompareColumns { left, op, right } => {
                Some(op.holds(row.get(left)?, row.get(right)?))
            }
            Self::In { column, values, negated } => {
                row.get(column).map(|value| values.contains(value) != *negated)
            }
            Self::Like { column, pattern, negated } => match row.get(column)? {
                Value::String(text) => Some(matches(text, pattern) != *negated),
                Value::Long(_) | Value::Bool(_) | Value::Datetime(_) => None,
            },
            Self::Elements { column, quantifier, values, negated } => {
                let mut elements = row.set(column)?.iter();
                let holds = match quantifier {
                    Quantifier::Some => elements.any(|element| values.contains(element)),
                    Quantifier::Every => elements.all(|element| values.contains(element)),
                };
                Some(holds != *negated)
            }
            Self::IsNull { column, negated } => Some(row.contains_key(column) == *negated),
            Self::Related { hop, predicate } => {
                let parent = row.parent(&hop.name);
                Some(parent.is_some_and(|parent| predicate.evaluate(&parent.row) == Some(true)))
            }
            Self::Parent { hop, negated } => Some(row.parent(&hop.name).is_some() != *negated),
        }
    }
}

/// `deciding` is the value that settles the connective: `false` for AND, `true` for OR.
fn connect(operands: &[Predicate], row: &Row, deciding: bool) -> Option<bool> {
    let mut result = Some(!deciding);
    for operand in operands {
        match operand.evaluate(row) {
            Some(value) if value == deciding => return Some(deciding),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

/// Greedy matching with one point of return: linear in the text for each `*`.
fn matches(text: &str, pattern: &[PatternElement]) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut element) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() || element < pattern.len() {
        match pattern.get(element) {
            Some(PatternElement::AnyRun) => {
                retry = Some((at, element));
                element += 1;
                continue;
            }
            Some(PatternElement::Char(expected)) if text.get(at) == Some(expected) => {
                at += 1;
                element += 1;
                continue;
            }
            Some(PatternElement::Char(_)) | None => {}
        }
        match retry {
            Some((from, star)) if from < text.len() => {
                retry = Some((from + 1, star));
                at = from + 1;
                element = star + 1;
            }
            _ => return false,
        }
    }
    true
}

/// One row filter for each relation, for one principal and the action `read`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PredicateSet {
    filters: BTreeMap<RelationName, RowFilter>,
    columns: Columns,
    kept: Kept,
}

impl PredicateSet {
    /// The filter for a relation. Total: a relation that no policy mentions has no visible rows.
    // INVARIANT (default deny): absence means no rows.
    pub fn filter_for(&self, relation: &RelationName) -> &RowFilter {
        self.filters.get(relation).unwrap_or(&RowFilter::NoRows)
    }

    /// Every relation that has a filter, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&RelationName, &RowFilter)> {
        self.filters.iter()
    }
}

impl FromIterator<(RelationName, RowFilter)> for PredicateSet {
    fn from_iter<I: IntoIterator<Item = (RelationName, RowFilter)>>(filters: I) -> Self {
        Self { filters: filters.into_iter().collect(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(column: &str, value: i64) -> Predicate {
        Predicate::Compare {
            column: ColumnName::new(column),
            op: CmpOp::Eq,
            value: Value::Long(value),
        }
    }

    #[test]
    fn unknown_is_neither_true_nor_false() {
        let row = Row::from([(ColumnName::new("a"), Value::Long(1))]);
        assert_eq!(atom("b", 1).evaluate(&row), None);
        assert_eq!(atom("a", 1).and(atom("b", 1)).evaluate(&row), None);
        assert_eq!(atom("a", 2).and(atom("b", 1)).evaluate(&row), Some(false));
        assert_eq!(atom("a", 1).or(atom("b", 1)).evaluate(&row), Some(true));
        assert!(!RowFilter::Where(atom("b", 1)).keeps(&row));
    }

    #[test]
    fn elements_of_an_empty_array_are_none_and_all() {
        let mut row = Row::new();
        let tags = ColumnName::new("tags");
        let asked = |row: &Row, quantifier, values: &[i64], negated| {
            let values = values.iter().copied().map(Value::Long).collect();
            let column = tags.clone();
            Predicate::Elements { column, quantifier, values, negated }.evaluate(row)
        };
        assert_eq!(asked(&row, Quantifier::Every, &[], false), None);
        row.insert(tags.clone(), Value::Long(1));
        assert_eq!(asked(&row, Quantifier::Some, &[1], false), None, "a value is no array");
        let mut row = Row::new();
        for (elements, some, every) in
            [(&[][..], false, true), (&[1], true, true), (&[1, 2, 2], true, false)]
        {
            row.insert_set(tags.clone(), elements.iter().copied().map(Value::Long));
            for negated in [false, true] {
                assert_eq!(asked(&row, Quantifier::Some, &[1], negated), Some(some != negated));
                assert_eq!(asked(&row, Quantifier::Every, &[1], negated), Some(every != negated));
            }
        }
    }

    #[test]
    fn connectives_flatten_and_never_have_one_operand() {
        assert_eq!(atom("a", 1).and(atom("a", 1)), atom("a", 1));
        let three = atom("a", 1).and(atom("b", 2)).and(atom("c", 3));
        assert!(matches!(three, Predicate::And(operands) if operands.len() == 3));
    }

    #[test]
    fn like_matches_as_cedar_does() {
        let pattern = |text: &str| -> LikePattern {
            text.chars()
                .map(|c| if c == '*' { PatternElement::AnyRun } else { PatternElement::Char(c) })
                .collect()
        };
        for (text, like, expected) in [
            ("", "", true),
            ("", "*", true),
            ("a", "", false),
            ("100%_x", "100%*", true),
            ("abc", "a*c", true),
            ("abcbc", "a*bc", true),
            ("abcb", "a*bc", false),
            ("ABC", "abc", false),
            ("a", "a**", true),
            ("xay", "*a*", true),
            ("xy", "*a*", false),
        ] {
            assert_eq!(super::matches(text, &pattern(like)), expected, "{text:?} like {like:?}");
        }
    }
}
