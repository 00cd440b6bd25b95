//! What a question asks for: typed, resolved against the catalog, and of no dialect.

use crate::catalog::{Column, Relation};
use crate::predicate::CmpOp;

use super::lexicon::{Link, is_temporal};

/// What a question asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Intent<'c> {
    /// Every readable relation and how many rows it has.
    Overview(Vec<&'c Relation>),
    /// Rows.
    List {
        selection: Selection<'c>,
        /// Empty for all of them.
        columns: Vec<&'c Column>,
        order: Option<Order<'c>>,
        limit: Option<u32>,
    },
    /// How many rows, in all or by group.
    Count { selection: Selection<'c>, group: Option<Group<'c>> },
    /// One number from a column, in all or by group.
    Aggregate {
        function: Function,
        column: &'c Column,
        selection: Selection<'c>,
        group: Option<Group<'c>>,
    },
}

/// The rows of one relation that meet every condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selection<'c> {
    pub(super) relation: &'c Relation,
    pub(super) conditions: Vec<Condition<'c>>,
}

/// A column and what must be true of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition<'c> {
    pub(super) column: &'c Column,
    pub(super) test: Test,
}

/// What must be true of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// Against one value. `Ne` also holds where there is no value: what nobody has is not Ann's.
    Compare(CmpOp, Literal),
    /// One of at least two values.
    OneOf(Vec<Literal>),
    /// Both bounds included.
    Between(Literal, Literal),
    /// From the first day on, and before the second; or outside of that.
    Within { from: Option<Literal>, before: Option<Literal>, negated: bool },
    /// A piece of text in a certain place, whatever its case.
    Like(Place, String),
    /// No value; an empty text counts as none, since people do not tell the two apart.
    Empty { negated: bool },
    /// SQL's own NULL.
    Null { negated: bool },
}

/// Where a piece of text is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    Start,
    End,
}

/// A checked constant of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    /// Digits with an optional sign and point, nothing else.
    Number(String),
    /// Anything, dates included; quoted when it is written.
    Text(String),
    Bool(bool),
}

/// How rows are ordered; ties by the primary key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order<'c> {
    /// None for the primary key alone.
    pub(super) column: Option<&'c Column>,
    pub(super) descending: bool,
}

/// What rows are grouped by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Group<'c> {
    /// A column of the relation itself.
    Column(&'c Column),
    /// The row that a foreign key names.
    Link(Link<'c>),
}

/// The aggregate functions of both dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Sum,
    Average,
    Minimum,
    Maximum,
}

impl Function {
    /// The function's name in answers: the least of several days is the earliest.
    pub(super) fn word(self, column: &Column) -> &'static str {
        match (self, is_temporal(column.column_type)) {
            (Self::Sum, _) => "total",
            (Self::Average, _) => "average",
            (Self::Minimum, false) => "minimum",
            (Self::Minimum, true) => "earliest",
            (Self::Maximum, false) => "maximum",
            (Self::Maximum, true) => "latest",
        }
    }
}
