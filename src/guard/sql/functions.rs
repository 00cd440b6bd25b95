//! The functions that a query may call, by dialect, with what the guard knows of each.
//!
//! An allow-list: a function that is not here is refused, whatever it does (rules D1 to D19). Left out on purpose:
//! whatever reads files, settings, catalogs or other sessions, changes state, runs SQL text, sleeps, or gives
//! different values to the same query (`random`), since then no two runs could be compared.

mod mssql;
mod mysql;
mod postgresql;
mod sqlite;

use super::Dialect;
use super::tree::{Arguments, Expr, Literal};
use crate::catalog::ColumnType;
use crate::guard::{Refusal, RefusalCode};

/// What the guard knows of one function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    min_args: usize,
    max_args: usize,
    /// Why a call may fail, depending on the values it is given; `None` for a total function.
    pub(super) fails: Option<&'static str>,
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
    /// What compares with the first argument.
    Alike,
}

/// What an argument must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    None,
    /// The first argument is one of PostgreSQL's date fields, as a literal: then no value can make the call fail.
    DateField,
    /// The first argument is a unit, such as MySQL's DAY.
    Unit,
    /// The second argument is MySQL's INTERVAL.
    Interval,
    /// The first argument is a format literal whose widths are plain and short, so that it cannot fill memory.
    ShortFormat,
}

const MANY: usize = 100;

/// MySQL's, whose separator is kept as a second argument.
pub(super) const GROUP_CONCAT: &str = "group_concat";

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

    /// Whether the first argument is a word and not a value.
    pub(super) fn takes_unit(&self) -> bool {
        self.check == Check::Unit
    }

    /// Refuses a call with a wrong number or a wrong form of arguments.
    pub(super) fn check_arguments(&self, args: &[Expr]) -> Result<(), Refusal> {
        if args.len() < self.min_args || args.len() > self.max_args {
            return Err(Refusal::new(
                RefusalCode::UnknownFunction,
                format!("the function `{}` does not take {} arguments", self.name, args.len()),
                "correct the number of arguments",
            ));
        }
        let first = match args.first() {
            Some(Expr::Literal(Literal::String(text))) => Some(text.as_str()),
            _ => None,
        };
        match self.check {
            Check::None => Ok(()),
            Check::DateField if first.is_some_and(is_date_field) => Ok(()),
            Check::DateField => Err(Refusal::unsupported(
                format_args!("`{}` with this field", self.name),
                "name the field as a literal: 'year', 'quarter', 'month', 'week', 'day', 'hour' or 'minute'",
            )),
            Check::Unit if matches!(args.first(), Some(Expr::Niladic(_))) => Ok(()),
            Check::Unit => Err(Refusal::unsupported(
                format_args!("`{}` without a unit", self.name),
                "write DAY, HOUR, MINUTE, SECOND, WEEK, MONTH, QUARTER or YEAR first",
            )),
            Check::Interval if matches!(args.get(1), Some(Expr::Interval { .. })) => Ok(()),
            Check::Interval => Err(Refusal::unsupported(
                format_args!("`{}` without an INTERVAL", self.name),
                "write INTERVAL 3 DAY second",
            )),
            Check::ShortFormat if first.is_some_and(is_short_format) => Ok(()),
            Check::ShortFormat => Err(Refusal::unsupported(
                format_args!("`{}` with this format", self.name),
                "write the format as a literal with widths of at most two digits, such as '%.2f'",
            )),
        }
    }

    /// Refuses a call in a place where this kind of function means nothing.
    pub(super) fn check_position(
        &self,
        over: bool,
        aggregates: bool,
        ordered_set: bool,
    ) -> Result<(), Refusal> {
        let fits = match self.kind {
            Kind::Scalar => !over && !aggregates,
            Kind::Aggregate | Kind::AggregateIfSingle => !ordered_set,
            Kind::Window => over && !aggregates,
            Kind::OrderedSet => ordered_set && !over,
            Kind::AggregateMaybeOrdered => !over,
            Kind::OrderedWindow => ordered_set && over,
        };
        if fits {
            return Ok(());
        }
        Err(Refusal::unsupported(
            format_args!(
                "`{}` with or without OVER, DISTINCT, FILTER or WITHIN GROUP as written",
                self.name
            ),
            "call scalar functions plainly, and window functions with OVER (...)",
        ))
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
    rules(dialect).iter().find(|rule| dialect.same_name(rule.name, name))
}

/// The names of all functions of a dialect's list.
pub(super) fn names(dialect: Dialect) -> impl Iterator<Item = &'static str> {
    rules(dialect).iter().map(|rule| rule.name)
}

fn rules(dialect: Dialect) -> &'static [Rule] {
    match dialect {
        Dialect::Sqlite => sqlite::RULES,
        Dialect::Postgresql => postgresql::RULES,
        Dialect::Mysql => mysql::RULES,
        Dialect::Mssql => mssql::RULES,
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

fn is_date_field(text: &str) -> bool {
    const FIELDS: [&str; 14] = [
        "year",
        "quarter",
        "month",
        "week",
        "day",
        "hour",
        "minute",
        "second",
        "decade",
        "century",
        "dow",
        "doy",
        "isodow",
        "milliseconds",
    ];
    FIELDS.iter().any(|field| field.eq_ignore_ascii_case(text))
}

/// `%d %i %s %f %e %g %x %%` with flags, a width of up to two digits and a precision of up to two.
fn is_short_format(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            continue;
        }
        while chars.next_if(|c| matches!(c, '-' | '+' | ' ' | '0' | ',' | '#')).is_some() {}
        let mut digits = 0;
        while chars.next_if(char::is_ascii_digit).is_some() {
            digits += 1;
        }
        let mut precision = 0;
        if chars.next_if_eq(&'.').is_some() {
            while chars.next_if(char::is_ascii_digit).is_some() {
                precision += 1;
            }
        }
        let conversion =
            matches!(chars.next(), Some('d' | 'i' | 's' | 'f' | 'e' | 'g' | 'x' | 'X' | '%'));
        if digits > 2 || precision > 2 || !conversion {
            return false;
        }
    }
    true
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
    fn nothing_dangerous_is_on_the_lists() {
        let refused = [
            "load_extension",
            "readfile",
            "writefile",
            "edit",
            "fts3_tokenizer",
            "random",
            "randomblob",
            "zeroblob",
            "sqlite_compileoption_get",
            "pg_read_file",
            "query_to_xml",
            "set_config",
            "current_setting",
            "pg_sleep",
            "dblink",
            "lo_get",
            "nextval",
            "currval",
            "generate_series",
            "repeat",
            "ts_stat",
            "version",
            "pg_notify",
            "txid_current",
            "has_table_privilege",
            "row_to_json",
            "json_populate_record",
            "xpath",
            "host_name",
            "suser_sname",
            "suser_sid",
            "original_login",
            "session_context",
            "context_info",
            "object_definition",
            "object_id",
            "object_name",
            "col_name",
            "db_name",
            "ident_current",
            "scope_identity",
            "newid",
            "newsequentialid",
            "rand",
            "replicate",
            "space",
            "openjson",
            "openquery",
            "openrowset",
            "opendatasource",
            "string_split",
            "xp_cmdshell",
            "sp_executesql",
            "has_perms_by_name",
            "connectionproperty",
            "serverproperty",
            "current_user",
            "user_name",
            "app_name",
            "fn_get_sql",
            "checksum",
            "compress",
            "sleep",
            "benchmark",
            "load_file",
            "get_lock",
            "release_lock",
            "is_free_lock",
            "last_insert_id",
            "uuid",
            "user",
            "session_user",
            "database",
            "schema",
            "connection_id",
            "found_rows",
            "row_count",
            "extractvalue",
            "updatexml",
            "name_const",
            "master_pos_wait",
            "sys_eval",
            "lastval",
            "setval",
            "sysdate",
            "values",
        ];
        for dialect in [Dialect::Sqlite, Dialect::Postgresql, Dialect::Mysql, Dialect::Mssql] {
            for name in refused {
                assert!(lookup(name, dialect).is_none(), "{name} is allowed on {}", dialect.name());
            }
        }
    }

    #[test]
    fn names_are_listed_once() {
        for rules in [sqlite::RULES, postgresql::RULES, mysql::RULES, mssql::RULES] {
            let mut names: Vec<&str> = rules.iter().map(|rule| rule.name).collect();
            names.sort_unstable();
            let listed = names.len();
            names.dedup();
            assert_eq!(names.len(), listed);
        }
    }

    #[test]
    fn formats_are_short() {
        for text in ["%.2f", "%d%%", "%05d", "plain", "%-10s", "%,d"] {
            assert!(is_short_format(text), "{text}");
        }
        for text in ["%100d", "%*d", "%.999f", "%n", "%", "%.*c", "%q"] {
            assert!(!is_short_format(text), "{text}");
        }
    }
}
