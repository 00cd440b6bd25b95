//! The functions that a query may call, by dialect, with what the guard knows of each.
//!
//! An allow-list: a function that is not here is refused, whatever it does (rules D1 to D19). Left out on purpose:
//! whatever reads files, settings, catalogs or other sessions, changes state, runs SQL text, sleeps, or gives
//! different values to the same query (`random`), since then no two runs could be compared.

mod added;
mod check;
mod left_out;
mod listed;
mod mssql;
mod mysql;
mod postgresql;
mod sqlite;

use super::Dialect;
use super::tree::Arguments;
use crate::catalog::ColumnType;
use crate::guard::{Refusal, RefusalCode};
pub use added::may_be_added;
pub(super) use added::{added, judge};
use check::Check;
pub use left_out::{LeftOut, left_out};
pub use listed::{Listed, listed};

/// The functions that one page of a manual describes.
pub(super) struct Chapter {
    title: &'static str,
    /// The page.
    source: &'static str,
    rules: &'static [Rule],
}

/// What the guard knows of one function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    min_args: usize,
    max_args: usize,
    /// Why a call may fail, depending on the values it is given; `None` for a total function.
    pub(super) fails: Option<&'static str>,
    /// Why two statements may get different values for the same arguments; `None` for a function of its arguments
    /// alone. Within one statement the value is the same: a function of which that is not true is on no list.
    stable: Option<&'static str>,
    pub(super) returns: Returns,
    /// What it takes without a conversion that may fail, the last one again and again; empty where the analysis need
    /// not ask.
    pub(super) takes: &'static [Take],
    /// Whether the result may be longer than the arguments, so that repeated use reaches an engine's size limit.
    pub(super) grows: bool,
    check: Check,
}

/// Where a function may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One value for one row.
    Scalar,
    /// One value for a group; also over a window.
    Aggregate,
    /// Only over a window.
    Window,
    /// PostgreSQL's ordered-set aggregates: only with WITHIN GROUP.
    OrderedSet,
    /// SQL Server's `STRING_AGG`: an aggregate, with or without WITHIN GROUP, never over a window.
    AggregateMaybeOrdered,
    /// SQL Server's percentiles: only with WITHIN GROUP and over a window.
    OrderedWindow,
    /// SQLite's `min` and `max`: an aggregate with one argument, a scalar with more.
    AggregateIfSingle,
}

/// The type of a result, as far as the totality analysis asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returns {
    Of(ColumnType),
    /// The type of the first argument.
    First,
    /// The type that all arguments from this place on have.
    Common(usize),
    Unknown,
}

/// An argument that needs no conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    Any,
    Number,
    Date,
    /// A whole number: MariaDB cuts a larger one to its integers, with a warning.
    Whole,
    /// A date that is no text: one without a time of day is none that hours can be taken of.
    Moment,
    /// A text that is compared byte by byte.
    Text,
    /// JSON that has been read already: PostgreSQL's `jsonb`.
    Json,
    /// What compares with the first argument.
    Alike,
    /// What is of the very type of the first argument.
    Same,
}

const MANY: usize = 100;

/// MySQL's, whose separator is kept as a second argument.
pub(super) const GROUP_CONCAT: &str = "group_concat";

/// Joins texts, and takes NULL for none.
pub(super) const CONCAT: &str = "concat";

const fn rule(
    name: &'static str,
    kind: Kind,
    min_args: usize,
    max_args: usize,
    returns: Returns,
) -> Rule {
    Rule {
        name,
        kind,
        min_args,
        max_args,
        fails: None,
        stable: None,
        returns,
        takes: &[],
        grows: false,
        check: Check::None,
    }
}

const fn scalar(name: &'static str, min_args: usize, max_args: usize, returns: Returns) -> Rule {
    rule(name, Kind::Scalar, min_args, max_args, returns)
}

const fn aggregate(name: &'static str, min_args: usize, max_args: usize, returns: Returns) -> Rule {
    rule(name, Kind::Aggregate, min_args, max_args, returns)
}

const fn window(name: &'static str, min_args: usize, max_args: usize, returns: Returns) -> Rule {
    rule(name, Kind::Window, min_args, max_args, returns)
}

impl Rule {
    const fn fails(mut self, why: &'static str) -> Self {
        self.fails = Some(why);
        self
    }

    const fn stable(mut self, why: &'static str) -> Self {
        self.stable = Some(why);
        self
    }

    const fn takes(mut self, takes: &'static [Take]) -> Self {
        self.takes = takes;
        self
    }

    const fn grows(mut self) -> Self {
        self.grows = true;
        self
    }

    const fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// Whether a call with these arguments, outside a window, folds rows into one.
    pub(super) fn aggregates(&self, args: &Arguments) -> bool {
        match self.kind {
            Kind::Scalar | Kind::Window | Kind::OrderedWindow => false,
            Kind::Aggregate | Kind::OrderedSet | Kind::AggregateMaybeOrdered => true,
            Kind::AggregateIfSingle => matches!(args, Arguments::List(args) if args.len() == 1),
        }
    }
}

/// What SQL Server's grammar wants as the first argument of a function; everywhere else it is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstArgument {
    Value,
    /// As of `IIF(a = b, ..)`.
    Condition,
    /// As of `DATEADD(day, ..)`: a bare word.
    DatePart,
}

/// What SQL Server's function of this name begins with.
pub(super) fn first_argument(name: &str) -> FirstArgument {
    match name {
        "iif" => FirstArgument::Condition,
        "dateadd" | "datediff" | "datediff_big" | "datepart" | "datename" | "datetrunc" => {
            FirstArgument::DatePart
        }
        _ => FirstArgument::Value,
    }
}

/// The rule of a function, by its folded name.
pub(super) fn lookup(name: &str, dialect: Dialect) -> Option<&'static Rule> {
    rules(dialect).find(|rule| dialect.same_name(rule.name, name))
}

/// The rule of a function that only the guard's own text may call: what [`Mask::Hash`](crate::predicate::Mask::Hash) is
/// made of.
pub(super) fn of_masks(name: &str, dialect: Dialect) -> Option<&'static Rule> {
    use ColumnType::{Bytes, Text};
    const POSTGRESQL: &[Rule] = &[
        scalar("sha256", 1, 1, Returns::Of(Bytes)),
        scalar("decode", 2, 2, Returns::Of(Bytes)),
        scalar("encode", 2, 2, Returns::Of(Text)),
        scalar("convert_to", 2, 2, Returns::Of(Bytes)),
        scalar("getdatabaseencoding", 0, 0, Returns::Of(Text)),
    ];
    const MSSQL: &[Rule] = &[scalar("hashbytes", 2, 2, Returns::Of(Bytes))];
    let rules: &'static [Rule] = match dialect {
        Dialect::Postgresql => POSTGRESQL,
        Dialect::Mssql => MSSQL,
        // What MySQL's is made of, queries may call too; of SQLite's there is nothing.
        Dialect::Mysql | Dialect::Sqlite => &[],
    };
    rules.iter().find(|rule| dialect.same_name(rule.name, name))
}

/// The names of all functions of a dialect's list.
pub(super) fn names(dialect: Dialect) -> impl Iterator<Item = &'static str> {
    rules(dialect).map(|rule| rule.name)
}

fn rules(dialect: Dialect) -> impl Iterator<Item = &'static Rule> {
    chapters(dialect).iter().flat_map(|chapter| chapter.rules)
}

fn chapters(dialect: Dialect) -> &'static [Chapter] {
    match dialect {
        Dialect::Sqlite => sqlite::CHAPTERS,
        Dialect::Postgresql => postgresql::CHAPTERS,
        Dialect::Mysql => mysql::CHAPTERS,
        Dialect::Mssql => mssql::CHAPTERS,
    }
}

/// Functions that are written without parentheses.
pub(super) fn niladic(name: &str, dialect: Dialect) -> Option<&'static str> {
    let names: &[&str] = match dialect {
        Dialect::Sqlite => &["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"],
        Dialect::Postgresql => {
            &["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"]
        }
        Dialect::Mysql => &[
            "CURRENT_DATE",
            "CURRENT_TIME",
            "CURRENT_TIMESTAMP",
            "LOCALTIMESTAMP",
            "UTC_DATE",
            "UTC_TIME",
            "UTC_TIMESTAMP",
        ],
        Dialect::Mssql => &["CURRENT_TIMESTAMP"],
    };
    names.iter().copied().find(|known| known.eq_ignore_ascii_case(name))
}

/// The refusal of a function that is not on the list.
pub(super) fn unknown(name: &str) -> Refusal {
    Refusal::new(
        RefusalCode::UnknownFunction,
        format!("the function `{name}` is not on the list of functions that a query may call"),
        "use another function, or compute the value outside the query",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_fold_as_the_dialect_does() {
        assert!(lookup("COUNT", Dialect::Sqlite).is_some());
        assert!(lookup("count", Dialect::Postgresql).is_some());
        assert!(
            lookup("COUNT", Dialect::Postgresql).is_none(),
            "quoted upper case is another name"
        );
    }

    #[test]
    fn names_are_listed_once() {
        for dialect in Dialect::ALL {
            let mut names: Vec<&str> = rules(dialect).map(|rule| rule.name).collect();
            names.sort_unstable();
            let listed = names.len();
            names.dedup();
            assert_eq!(names.len(), listed);
        }
    }
}
