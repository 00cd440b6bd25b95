//! The guard's own syntax tree: exactly the SQL that may leave it.
//!
//! `admit` builds it from the parser's tree, `resolve` rewrites it, `print` writes it. A form that is not here cannot
//! be printed, so what reaches a database is bounded by these types and not by a list of forbidden things.
//! Parentheses are not kept: the tree's shape is the meaning, and `print` writes them where the shape needs them.

use std::sync::Arc;

use crate::catalog::RelationName;

/// An identifier, unquoted and already folded as the dialect folds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name(Arc<str>);

impl Name {
    pub(super) fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    pub(super) with: Option<With>,
    pub(super) body: Body,
    pub(super) order_by: Vec<OrderItem>,
    pub(super) limit: Option<Expr>,
    pub(super) offset: Option<Expr>,
    /// `FETCH FIRST n ROWS WITH TIES`; a plain FETCH is read as LIMIT.
    pub(super) fetch_with_ties: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct With {
    pub(super) recursive: bool,
    pub(super) ctes: Vec<Cte>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cte {
    pub(super) name: Name,
    pub(super) columns: Vec<Name>,
    /// `MATERIALIZED` or `NOT MATERIALIZED`, where written.
    pub(super) materialized: Option<bool>,
    pub(super) query: Query,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    Select(Box<Select>),
    Query(Box<Query>),
    Set { op: SetOp, all: bool, left: Box<Body>, right: Box<Body> },
    Values(Vec<Vec<Expr>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetOp {
    Union,
    Intersect,
    Except,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Select {
    pub(super) distinct: Distinct,
    pub(super) items: Vec<SelectItem>,
    pub(super) from: Vec<FromItem>,
    pub(super) filter: Option<Expr>,
    pub(super) group_by: Vec<GroupItem>,
    /// Columns that the keys in GROUP BY determine, for `rewrite` to name there; none is left when it is done.
    pub(super) determined: Vec<Expr>,
    pub(super) having: Option<Expr>,
    pub(super) windows: Vec<(Name, WindowSpec)>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Distinct {
    #[default]
    All,
    Rows,
    On(Vec<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum SelectItem {
    Expr {
        expr: Expr,
        alias: Option<Name>,
    },
    /// `*`
    Star,
    /// `t.*`, `schema.t.*`
    TableStar(Vec<Name>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct FromItem {
    pub(super) relation: Factor,
    pub(super) joins: Vec<Join>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Join {
    pub(super) kind: JoinKind,
    pub(super) constraint: JoinConstraint,
    pub(super) relation: Factor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Cross,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum JoinConstraint {
    None,
    On(Expr),
    Using(Vec<Name>),
    Natural,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Factor {
    /// A name as written: a relation or a CTE. None is left of these for relations when `resolve` is done.
    Named {
        name: Vec<Name>,
        alias: Option<Alias>,
    },
    /// A relation occurrence that `resolve` has recognised and `rewrite` has yet to filter. Cannot be printed.
    Occurrence {
        relation: RelationName,
        alias: Alias,
        /// In [`Used`](super::used::Used).
        number: usize,
    },
    /// A base relation, by its catalog name: only ever inside its own filter.
    // INVARIANT (isolation): `rewrite` alone constructs this, next to the row filter.
    Base {
        relation: RelationName,
        alias: Name,
    },
    Derived {
        lateral: bool,
        query: Box<Query>,
        alias: Option<Alias>,
    },
    Nested {
        from: Box<FromItem>,
        alias: Option<Alias>,
    },
    /// PostgreSQL: a function that makes rows of its arguments, one column of them, which the alias names. It sees what
    /// stands left of it, as LATERAL does.
    Rows {
        function: &'static str,
        args: Vec<Expr>,
        alias: Alias,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alias {
    pub(super) name: Name,
    pub(super) columns: Vec<Name>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum GroupItem {
    Expr(Expr),
    Rollup(Vec<Vec<Expr>>),
    Cube(Vec<Vec<Expr>>),
    GroupingSets(Vec<Vec<Expr>>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct OrderItem {
    pub(super) expr: Expr,
    pub(super) descending: bool,
    pub(super) nulls_first: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct WindowSpec {
    pub(super) base: Option<Name>,
    pub(super) partition_by: Vec<Expr>,
    pub(super) order_by: Vec<OrderItem>,
    pub(super) frame: Option<Frame>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    pub(super) units: FrameUnits,
    pub(super) start: FrameBound,
    pub(super) end: Option<FrameBound>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameUnits {
    Rows,
    Range,
    Groups,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum FrameBound {
    CurrentRow,
    UnboundedPreceding,
    UnboundedFollowing,
    Preceding(Box<Expr>),
    Following(Box<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    /// One to three parts as written; after `resolve`, one or two that name a column in scope.
    Column(Vec<Name>),
    Literal(Literal),
    /// A placeholder of ours, counted from 1. User text has none.
    Bind(usize),
    Unary {
        op: UnaryOp,
        expr: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Is {
        expr: Box<Expr>,
        test: Truth,
        negated: bool,
    },
    /// `IS [NOT] DISTINCT FROM`; `negated` is the form with NOT.
    Distinct {
        left: Box<Expr>,
        right: Box<Expr>,
        negated: bool,
    },
    Between {
        expr: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
    },
    InList {
        expr: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    InQuery {
        expr: Box<Expr>,
        query: Box<Query>,
        negated: bool,
    },
    Exists {
        query: Box<Query>,
        negated: bool,
    },
    Subquery(Box<Query>),
    Quantified {
        left: Box<Expr>,
        op: BinaryOp,
        all: bool,
        right: Box<Expr>,
    },
    Like {
        kind: LikeKind,
        expr: Box<Expr>,
        pattern: Box<Expr>,
        escape: Option<Box<Expr>>,
        negated: bool,
    },
    Case {
        operand: Option<Box<Expr>>,
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Cast {
        expr: Box<Expr>,
        to: SqlType,
    },
    /// SQL Server: `CONVERT` with a style, `TRY_CAST` and `TRY_CONVERT`, which give NULL where `safe`.
    Convert {
        expr: Box<Expr>,
        to: SqlType,
        style: Option<u16>,
        safe: bool,
    },
    Extract {
        field: &'static str,
        expr: Box<Expr>,
    },
    AtTimeZone {
        expr: Box<Expr>,
        zone: Box<Expr>,
    },
    Collate {
        expr: Box<Expr>,
        collation: Name,
    },
    /// `left OPERATOR(schema.=) CAST(right AS schema.citext)`: PostgreSQL's equality without case, of an extension that
    /// is not in the search path. Only the guard writes it.
    FoldedEq {
        left: Box<Expr>,
        schema: Name,
        right: Box<Expr>,
    },
    Function(Box<Function>),
    /// `schema.name(..)`: a function of the database's own that the operator added, by the catalog's names.
    Added {
        schema: Name,
        name: Name,
        args: Vec<Expr>,
    },
    /// `CURRENT_DATE` and its kin: functions written without parentheses. On MySQL also the unit of `TIMESTAMPDIFF`.
    Niladic(&'static str),
    /// SQL Server: the bare word that begins the arguments of `DATEADD` and its kin. Never a column.
    DatePart(&'static str),
    /// MySQL's `INTERVAL value unit`, which is no value of its own: it is added to a date or taken from one.
    Interval {
        value: Box<Expr>,
        unit: &'static str,
    },
    Row(Vec<Expr>),
    Array(Vec<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    /// Decimal digits with an optional point and exponent.
    Number(String),
    /// The decoded text.
    String(String),
    /// SQL Server: the decoded text of `N'...'`, or of a text that is not ASCII.
    National(String),
    /// `DATE '...'`, `TIMESTAMP '...'`, `INTERVAL '...'`.
    Typed(SqlType, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnaryOp {
    Plus,
    Minus,
    Not,
    BitNot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinaryOp {
    Or,
    And,
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    Plus,
    Minus,
    Multiply,
    Divide,
    Modulo,
    /// MySQL `DIV`
    IntegerDivide,
    Concat,
    BitAnd,
    BitOr,
    ShiftLeft,
    ShiftRight,
    Arrow,
    LongArrow,
    HashArrow,
    HashLongArrow,
    Contains,
    ContainedBy,
    /// PostgreSQL `?`
    HasKey,
    /// PostgreSQL `?|`
    HasAnyKey,
    /// PostgreSQL `?&`
    HasAllKeys,
    /// PostgreSQL `~`
    Regex,
    /// PostgreSQL `~*`
    RegexI,
    /// PostgreSQL `!~`
    NotRegex,
    /// PostgreSQL `!~*`
    NotRegexI,
    /// PostgreSQL `^`
    Power,
}

impl BinaryOp {
    /// Whether it compares two values and gives a truth value.
    pub(super) fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::NotEq | Self::Lt | Self::LtEq | Self::Gt | Self::GtEq)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LikeKind {
    Like,
    ILike,
    /// SQLite
    Glob,
    /// MySQL
    Regexp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Null,
    True,
    False,
    Unknown,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) distinct: bool,
    pub(super) args: Arguments,
    pub(super) order_by: Vec<OrderItem>,
    pub(super) within_group: Vec<OrderItem>,
    pub(super) filter: Option<Expr>,
    pub(super) over: Option<Over>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Arguments {
    /// `count(*)`
    Star,
    List(Vec<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Over {
    Named(Name),
    Spec(WindowSpec),
}

/// A type that may be cast to, or that a typed literal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SqlType {
    pub(super) name: &'static str,
    pub(super) modifiers: (Option<u16>, Option<u16>),
}
