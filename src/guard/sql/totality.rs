//! Which expressions may fail, depending on the values of a row.
//!
//! Engines evaluate a user's expressions before our predicate when they please (rules G1 to G3, G19, G20), so an
//! expression that fails on another tenant's row tells of it. One that is *total* tells nothing. The analysis says
//! "total" only where it can name why; everything else may fail, and the rewriter fences the relations off.

mod mssql;
mod mysql;
pub(super) mod postgresql;

use super::Dialect;
use super::functions::{Returns, Rule, Take};
use super::tree::{Arguments, BinaryOp, Expr, LikeKind, Literal, Name, SqlType, UnaryOp};
use crate::catalog::{Column, ColumnType};

/// What is known of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Analysis {
    pub(super) kind: Kind,
    /// Why evaluation may fail; `None` for a total expression.
    pub(super) fails: Option<&'static str>,
    /// Whether the value was built by something that makes values longer: built upon again, it may reach a limit.
    pub(super) grown: bool,
}

/// The type of an expression, as far as comparisons ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Known(ColumnType),
    /// A literal whose type PostgreSQL takes from what it is compared with, before any row is read.
    Untyped,
    /// MySQL: texts that all read as a date, such as the literal '2024-01-31'.
    DateText,
    Unknown,
}

impl Kind {
    /// The kind of values that are of either kind.
    pub(super) fn joined(self, other: Self) -> Self {
        const TEXT: Kind = Kind::Known(ColumnType::Text);
        match (self, other) {
            (left, right) if left == right => left,
            (Self::DateText, TEXT) | (TEXT, Self::DateText) => TEXT,
            _ => Self::Unknown,
        }
    }

    /// The kind of values of any of these kinds; NULLs aside.
    pub(super) fn common(kinds: impl IntoIterator<Item = Self>) -> Self {
        let typed = kinds.into_iter().filter(|kind| *kind != Self::Untyped);
        typed.reduce(Self::joined).unwrap_or(Self::Untyped)
    }

    /// Whether MySQL takes it for a number without converting; its truth values are numbers.
    pub(super) fn is_number(self) -> bool {
        use ColumnType as T;
        matches!(self, Self::Known(T::Integer | T::Decimal | T::Float | T::Boolean))
    }

    /// Whether MySQL takes it for a date without fail.
    pub(super) fn is_date(self) -> bool {
        use ColumnType as T;
        matches!(self, Self::DateText | Self::Known(T::Date | T::Timestamp | T::Timestamptz))
    }
}

pub(super) const BOOLEAN: Kind = Kind::Known(ColumnType::Boolean);

impl Analysis {
    pub(super) fn total(kind: Kind) -> Self {
        Self { kind, fails: None, grown: false }
    }

    /// Joins what is known of the parts of an expression of type `kind`.
    pub(super) fn of_parts(kind: Kind, parts: &[Analysis]) -> Self {
        let fails = parts.iter().find_map(|part| part.fails);
        Self { kind, fails, grown: parts.iter().any(|part| part.grown) }
    }

    pub(super) fn or_fails(mut self, why: Option<&'static str>) -> Self {
        self.fails = self.fails.or(why);
        self
    }
}

fn literal(literal: &Literal) -> Kind {
    match literal {
        Literal::Null | Literal::String(_) | Literal::National(_) => Kind::Untyped,
        Literal::Bool(_) => BOOLEAN,
        // What is too long for one is a decimal.
        Literal::Number(digits) if digits.parse::<i64>().is_ok() => {
            Kind::Known(ColumnType::Integer)
        }
        Literal::Number(_) => Kind::Known(ColumnType::Decimal),
        Literal::Typed(data_type, _) => named_type(*data_type),
    }
}

/// The kind of values of a type that the guard prints.
pub(super) fn named_type(data_type: SqlType) -> Kind {
    Kind::Known(match data_type.name {
        "SMALLINT" | "INTEGER" | "BIGINT" | "INT" | "TINYINT" | "SIGNED" | "UNSIGNED" => {
            ColumnType::Integer
        }
        "NUMERIC" | "DECIMAL" | "MONEY" => ColumnType::Decimal,
        "REAL" | "DOUBLE PRECISION" | "DOUBLE" | "FLOAT" => ColumnType::Float,
        "TEXT" | "VARCHAR" | "NVARCHAR" | "CHAR" | "NCHAR" | "VARCHAR(MAX)" | "NVARCHAR(MAX)"
        | "UTF8MB4" => ColumnType::Text,
        "BINARY" => ColumnType::Bytes,
        "BOOLEAN" | "BIT" => ColumnType::Boolean,
        "DATE" => ColumnType::Date,
        "TIME" => ColumnType::Time,
        "TIMESTAMP" | "DATETIME" | "DATETIME2" | "SMALLDATETIME" => ColumnType::Timestamp,
        "TIMESTAMPTZ" | "DATETIMEOFFSET" => ColumnType::Timestamptz,
        "INTERVAL" => ColumnType::Interval,
        "UUID" | "UNIQUEIDENTIFIER" => ColumnType::Uuid,
        "JSONB" => ColumnType::Json,
        _ => return Kind::Unknown,
    })
}

impl Dialect {
    /// The kind of a column's values. PostgreSQL does not compare under every collation: a `LIKE` under one that is not
    /// deterministic fails on the first row that it meets.
    pub(super) fn kind_of(self, column: &Column) -> Kind {
        // A `json` is kept as it was sent, and what looks into it fails on an escape that is no character.
        let unread = column.column_type == ColumnType::Json && column.declared != "jsonb";
        if self == Self::Postgresql && (column.collation.is_some() || unread) {
            return Kind::Unknown;
        }
        Kind::Known(column.column_type)
    }

    /// The kind of a literal. PostgreSQL takes the type of a text from what it is compared with; on MySQL it is a text.
    pub(super) fn literal(self, value: &Literal) -> Kind {
        match (self, value) {
            (Self::Mssql, _) => mssql::literal(value),
            (Self::Mysql, Literal::String(text)) if mysql::reads_as_date(text) => Kind::DateText,
            (Self::Mysql, Literal::String(_)) => Kind::Known(ColumnType::Text),
            _ => literal(value),
        }
    }

    /// The kind of what is written without parentheses.
    pub(super) fn niladic(self, name: &str) -> Kind {
        match self {
            Self::Mysql => mysql::niladic(name),
            Self::Mssql => Kind::Known(ColumnType::Timestamp),
            Self::Postgresql => postgresql::niladic(name),
            Self::Sqlite => Kind::Unknown,
        }
    }

    /// Why comparing two values may fail. SQLite orders all values; PostgreSQL may have to convert one side first.
    pub(super) fn comparison_fails(
        self,
        left: &Analysis,
        right: &Analysis,
    ) -> Option<&'static str> {
        const WHY: &str = "it compares values of types that may need a conversion";
        match self {
            Self::Sqlite => None,
            Self::Mssql => mssql::comparison_fails(left.kind, right.kind),
            Self::Mysql => (!mysql::comparable(left.kind, right.kind)).then_some(WHY),
            Self::Postgresql => (!postgresql::comparable(left.kind, right.kind)).then_some(WHY),
        }
    }

    /// What is known of `left op right`, once both sides are.
    pub(super) fn binary(
        self,
        op: BinaryOp,
        operands: (&Expr, &Expr),
        parts: &[Analysis; 2],
    ) -> Analysis {
        let [left, right] = parts;
        let joined = |kind| Analysis::of_parts(kind, parts);
        match op {
            BinaryOp::And | BinaryOp::Or => {
                joined(BOOLEAN).or_fails(self.truth_fails(left)).or_fails(self.truth_fails(right))
            }
            op if op.is_comparison() => {
                joined(BOOLEAN).or_fails(self.comparison_fails(left, right))
            }
            BinaryOp::Plus
                if self == Self::Mssql && mssql::is_concatenation(left.kind, right.kind) =>
            {
                let why = (left.grown || right.grown)
                    .then_some("a text built from built texts may grow too long");
                Analysis { grown: true, ..joined(Kind::Known(ColumnType::Text)).or_fails(why) }
            }
            BinaryOp::BitAnd | BinaryOp::BitOr
                if self == Self::Mssql
                    && [left.kind, right.kind] == [Kind::Known(ColumnType::Integer); 2] =>
            {
                joined(left.kind)
            }
            BinaryOp::Concat => {
                // Within one expression the text cannot outgrow the query; built upon a built column, it can double
                // with every level.
                let why = (left.grown || right.grown)
                    .then_some("a text built from built texts may grow too long");
                let arrays = self == Self::Postgresql && parts.iter().any(postgresql::may_be_array);
                let arrays = arrays.then_some("arrays of other dimensions cannot be joined");
                let kind = Kind::Known(ColumnType::Text);
                Analysis { grown: true, ..joined(kind).or_fails(why).or_fails(arrays) }
            }
            BinaryOp::Arrow
            | BinaryOp::LongArrow
            | BinaryOp::HashArrow
            | BinaryOp::HashLongArrow
            | BinaryOp::Contains
            | BinaryOp::ContainedBy
            | BinaryOp::HasKey
            | BinaryOp::HasAnyKey
            | BinaryOp::HasAllKeys => {
                let total = self == Self::Postgresql && postgresql::looks_into(op, operands, parts);
                joined(postgresql::found(op))
                    .or_fails((!total).then_some("the value may not be JSON"))
            }
            _ if self == Self::Sqlite => joined(Kind::Unknown),
            BinaryOp::Plus | BinaryOp::Minus if matches!(operands.1, Expr::Interval { .. }) => {
                mysql::shifted(operands.0, left, operands.1, right)
            }
            BinaryOp::Plus | BinaryOp::Minus if is_now_and_interval(operands) => {
                joined(Kind::Known(ColumnType::Timestamptz))
            }
            BinaryOp::Plus
            | BinaryOp::Minus
            | BinaryOp::Multiply
            | BinaryOp::Divide
            | BinaryOp::IntegerDivide
            | BinaryOp::Modulo => joined(arithmetic(left.kind, right.kind))
                .or_fails(Some("arithmetic may overflow or divide by zero")),
            _ => joined(Kind::Unknown).or_fails(Some("the operator may fail on some values")),
        }
    }

    pub(super) fn unary(self, op: UnaryOp, operand: &Expr, part: &Analysis) -> Analysis {
        let joined = |kind| Analysis::of_parts(kind, std::slice::from_ref(part));
        match op {
            UnaryOp::Not => joined(BOOLEAN).or_fails(self.truth_fails(part)),
            UnaryOp::Plus => joined(part.kind),
            // Elsewhere there is no such operator of other types, which shows before any row is read.
            UnaryOp::BitNot => {
                let whole = matches!(part.kind, Kind::Known(ColumnType::Integer));
                let total = whole || matches!(self, Self::Sqlite | Self::Postgresql);
                joined(part.kind).or_fails((!total).then_some("the value may not be a number"))
            }
            UnaryOp::Minus => {
                let literal = matches!(operand, Expr::Literal(Literal::Number(_) | Literal::Null));
                let total = literal || self == Self::Sqlite;
                joined(part.kind)
                    .or_fails((!total).then_some("the smallest number has no opposite"))
            }
        }
    }

    /// Why using a value as a truth value may fail.
    pub(super) fn truth_fails(self, part: &Analysis) -> Option<&'static str> {
        match part.kind {
            _ if self == Self::Sqlite => None,
            kind if self == Self::Mysql && kind.is_number() => None,
            Kind::Known(ColumnType::Boolean) | Kind::Untyped => None,
            Kind::Known(_) | Kind::DateText | Kind::Unknown => {
                Some("it uses a value as a truth value")
            }
        }
    }

    /// Why matching may fail: on SQLite, for a pattern of more than 50,000 bytes; on MySQL, for an invalid regular
    /// expression.
    pub(super) fn like_fails(
        self,
        kind: LikeKind,
        pattern: &Expr,
        escape: Option<&Expr>,
    ) -> Option<&'static str> {
        const WHY: &str = "the pattern may be invalid";
        match (self, kind) {
            (Self::Mssql, _) => return mssql::like_fails(pattern),
            (Self::Mysql, LikeKind::Regexp) => return Some(WHY),
            // On PostgreSQL what could be invalid is refused, see `patterns`; on MySQL no pattern is, and values are
            // converted to texts without a warning.
            (Self::Postgresql, LikeKind::Like | LikeKind::ILike)
            | (Self::Mysql, LikeKind::Like | LikeKind::ILike | LikeKind::Glob) => return None,
            (Self::Sqlite | Self::Postgresql, _) => {}
        }
        let literal = matches!(pattern, Expr::Literal(Literal::String(_)))
            && escape.is_none_or(|escape| matches!(escape, Expr::Literal(Literal::String(_))));
        (!literal).then_some(WHY)
    }

    /// Why a cast may fail. SQLite's never does; on PostgreSQL a literal is read before any row, and some
    /// conversions have room for every value.
    pub(super) fn cast(self, operand: &Expr, part: &Analysis, to: SqlType) -> Analysis {
        use ColumnType as T;
        let joined = Analysis::of_parts(named_type(to), std::slice::from_ref(part));
        match self {
            Self::Mssql => return joined.or_fails(mssql::cast_fails(operand, part.kind, to)),
            Self::Mysql => {
                let why = "a value may not fit the type it is cast to";
                return joined.or_fails((!mysql::fits(part.kind, to)).then_some(why));
            }
            Self::Sqlite | Self::Postgresql => {}
        }
        if self == Self::Sqlite
            || matches!(operand, Expr::Literal(Literal::Null | Literal::String(_)))
        {
            return joined;
        }
        let fits = to.modifiers == (None, None)
            && matches!(
                (part.kind, to.name),
                (Kind::Known(_), "TEXT" | "VARCHAR")
                    | (Kind::Known(T::Integer), "BIGINT" | "NUMERIC" | "DOUBLE PRECISION")
                    | (Kind::Known(T::Timestamp | T::Timestamptz | T::Date), "DATE")
            );
        joined.or_fails((!fits).then_some("a value may not fit the type it is cast to"))
    }

    /// What is known of a call, once its arguments are.
    pub(super) fn call(self, rule: &Rule, args: &Arguments, parts: &[Analysis]) -> Analysis {
        match (self, args) {
            (Self::Mssql, _) => mssql::call(rule, args, parts),
            (Self::Mysql, Arguments::List(args)) => match (args.as_slice(), parts) {
                ([date, interval @ Expr::Interval { .. }], [left, right]) => {
                    mysql::shifted(date, left, interval, right)
                }
                _ => self.listed(rule, parts),
            },
            _ => self.listed(rule, parts),
        }
    }

    /// Why the results of a CASE may fail to become one type; each with whether it is NULL itself.
    pub(super) fn results_fail(self, results: &[(bool, Kind)]) -> Option<&'static str> {
        match self {
            Self::Mssql => mssql::results_fail(results),
            Self::Postgresql => {
                let kinds: Vec<Kind> = results.iter().map(|(_, kind)| *kind).collect();
                postgresql::joins_fail(&kinds)
            }
            Self::Mysql => {
                let kinds: Vec<Kind> = results.iter().map(|(_, kind)| *kind).collect();
                mysql::joins_fail(&kinds)
            }
            Self::Sqlite => None,
        }
    }

    /// Why the values of a list may fail to become one type before they are compared.
    pub(super) fn list_fails(self, kinds: &[Kind]) -> Option<&'static str> {
        match self {
            Self::Postgresql => postgresql::joins_fail(kinds),
            Self::Mysql => mysql::joins_fail(kinds),
            Self::Sqlite | Self::Mssql => None,
        }
    }

    /// The kind of values of any of these kinds; NULLs aside.
    pub(super) fn common(self, kinds: impl IntoIterator<Item = Kind>) -> Kind {
        match self {
            Self::Postgresql => postgresql::common(kinds),
            Self::Sqlite | Self::Mysql | Self::Mssql => Kind::common(kinds),
        }
    }

    /// What the list of functions says of a call.
    fn listed(self, rule: &Rule, parts: &[Analysis]) -> Analysis {
        let kind = match rule.returns {
            Returns::Common(from) => self.common(parts.iter().skip(from).map(|part| part.kind)),
            Returns::Of(column_type) => Kind::Known(column_type),
            Returns::First => parts.first().map_or(Kind::Unknown, |part| part.kind),
            Returns::Unknown => Kind::Unknown,
        };
        let grown = rule.grows && parts.iter().any(|part| part.grown);
        let joined = Analysis::of_parts(kind, parts);
        let unlike = match rule.returns {
            Returns::Common(from) => {
                let kinds: Vec<Kind> = parts.iter().skip(from).map(|part| part.kind).collect();
                self.list_fails(&kinds)
            }
            Returns::Of(_) | Returns::First | Returns::Unknown => None,
        };
        let joined = joined
            .or_fails(rule.fails)
            .or_fails(unlike)
            .or_fails(self.converts(rule, parts))
            .or_fails(grown.then_some("a text built from built texts may grow too long"));
        Analysis { grown: joined.grown || rule.grows, ..joined }
    }
}

impl Dialect {
    /// Why handing these values to a function may fail: an argument that is not of the kind that it takes is converted.
    fn converts(self, rule: &Rule, parts: &[Analysis]) -> Option<&'static str> {
        let last = rule.takes.last()?;
        let fits = |(index, part): (usize, &Analysis)| {
            let kind = part.kind;
            let before = parts.get(..index).unwrap_or_default();
            match rule.takes.get(index).unwrap_or(last) {
                Take::Any => true,
                _ if kind == Kind::Untyped => true,
                Take::Number => kind.is_number(),
                Take::Whole => {
                    matches!(kind, Kind::Known(ColumnType::Integer | ColumnType::Boolean))
                }
                Take::Date => kind.is_date(),
                Take::Moment => kind.is_date() && kind != Kind::DateText,
                Take::Text => kind == Kind::Known(ColumnType::Text),
                Take::Json => kind == Kind::Known(ColumnType::Json),
                Take::Same => parts.first().is_some_and(|first| first.kind == kind),
                Take::Alike => before.iter().all(|one| self.comparison_fails(one, part).is_none()),
            }
        };
        let all = parts.iter().enumerate().all(fits);
        (!all).then_some("an argument may need a conversion")
    }
}

fn arithmetic(left: Kind, right: Kind) -> Kind {
    if left == right { left } else { Kind::Unknown }
}

/// `now() - INTERVAL '30 days'` and its kin with a small literal: the same for all rows, and never out of range.
fn is_now_and_interval((left, right): (&Expr, &Expr)) -> bool {
    let now = match left {
        Expr::Niladic(name) => {
            matches!(*name, "CURRENT_DATE" | "CURRENT_TIMESTAMP" | "LOCALTIMESTAMP")
        }
        Expr::Function(function) => function.name == "now",
        _ => false,
    };
    let Expr::Literal(Literal::Typed(SqlType { name: "INTERVAL", .. }, text)) = right else {
        return false;
    };
    let mut words = text.split(' ');
    let count = words
        .next()
        .is_some_and(|n| n.len() <= 4 && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let unit = words.next().is_some_and(|unit| {
        let unit = unit.strip_suffix('s').unwrap_or(unit);
        ["second", "minute", "hour", "day", "week", "month", "year"].contains(&unit)
    });
    now && count && unit && words.next().is_none()
}

/// What is known of `CONVERT` with a style and of the casts that give NULL, both SQL Server's.
pub(super) fn convert(
    operand: &Expr,
    part: &Analysis,
    to: SqlType,
    style: Option<u16>,
    safe: bool,
) -> Analysis {
    Analysis::of_parts(named_type(to), std::slice::from_ref(part))
        .or_fails(mssql::convert_fails(operand, part.kind, to, style, safe))
}

/// The name that a result column gets from its expression, where the engine's rule for it is certain.
pub(super) fn derived_name(expr: &Expr, dialect: Dialect) -> Option<Name> {
    match (expr, dialect) {
        (Expr::Column(parts), _) => parts.last().cloned(),
        // Among expressions, whose names are their texts, the one that can be taken for a column.
        (Expr::Literal(Literal::String(text)), Dialect::Mysql) => Some(Name::new(text.clone())),
        (Expr::Function(function), Dialect::Postgresql) => Some(Name::new(function.name)),
        (Expr::Added { name, .. }, Dialect::Postgresql) => Some(name.clone()),
        (Expr::Cast { expr, .. }, Dialect::Postgresql) => match expr.as_ref() {
            Expr::Column(parts) => parts.last().cloned(),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
