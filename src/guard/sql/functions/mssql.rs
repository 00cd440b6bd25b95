//! SQL Server: <https://learn.microsoft.com/en-us/sql/t-sql/functions/functions>.
//!
//! Left out beside what every dialect leaves out: whatever tells of the server, the session or the catalog
//! (`HOST_NAME`, `SUSER_SNAME`, `SESSION_CONTEXT`, `OBJECT_DEFINITION`, `COL_NAME`, `IDENT_CURRENT`), what differs from
//! run to run (`NEWID`, `RAND`), what fills memory (`REPLICATE`, `SPACE`), and what stands in FROM (`OPENJSON`,
//! `STRING_SPLIT`).
//!
//! A function is total here where no value of its argument types can make it fail; `totality::mssql` knows the cases in
//! which one that may fail cannot.

use super::{Chapter, Kind, MANY, Returns, aggregate, rule, scalar, window};
use crate::catalog::ColumnType as T;

const UNKNOWN: Returns = Returns::Unknown;
const FIRST: Returns = Returns::First;
const INTEGER: Returns = Returns::Of(T::Integer);
const FLOAT: Returns = Returns::Of(T::Float);
const TEXT: Returns = Returns::Of(T::Text);
const DATE: Returns = Returns::Of(T::Date);
const TIMESTAMP: Returns = Returns::Of(T::Timestamp);
const TIMESTAMPTZ: Returns = Returns::Of(T::Timestamptz);

const CLOCK: &str = "read once for each place in the statement where it is written";
const LANGUAGE: &str =
    "depends on the session's language and first day of a week, which are pinned";

const RANGE: &str = "the result may be out of range";
const ARGUMENT: &str = "an argument may be invalid";
const SIZE: &str = "the result may reach the size limit of a value";

pub(super) const CHAPTERS: &[Chapter] = &[
    // Arguments of several types are converted to one of them, see `totality::mssql`.
    Chapter {
        title: "Conditional",
        source: "https://learn.microsoft.com/en-us/sql/t-sql/functions/logical-functions-choose-transact-sql",
        rules: &[
            scalar("coalesce", 2, MANY, FIRST),
            scalar("isnull", 2, 2, FIRST),
            scalar("nullif", 2, 2, FIRST),
            scalar("iif", 3, 3, UNKNOWN),
            scalar("choose", 2, MANY, UNKNOWN).fails(ARGUMENT),
            scalar("greatest", 1, MANY, FIRST),
            scalar("least", 1, MANY, FIRST),
        ],
    },
    Chapter {
        title: "Text",
        source: "https://learn.microsoft.com/en-us/sql/t-sql/functions/string-functions-transact-sql",
        rules: &[
            scalar("len", 1, 1, INTEGER),
            scalar("datalength", 1, 1, INTEGER),
            scalar("lower", 1, 1, TEXT),
            scalar("upper", 1, 1, TEXT),
            scalar("trim", 1, 1, TEXT),
            scalar("ltrim", 1, 1, TEXT),
            scalar("rtrim", 1, 1, TEXT),
            scalar("left", 2, 2, TEXT).fails(ARGUMENT),
            scalar("right", 2, 2, TEXT).fails(ARGUMENT),
            scalar("substring", 3, 3, TEXT).fails(ARGUMENT),
            scalar("charindex", 2, 3, INTEGER).fails(ARGUMENT),
            scalar("patindex", 2, 2, INTEGER).fails(ARGUMENT),
            scalar("replace", 3, 3, TEXT).fails(SIZE).grows(),
            scalar("stuff", 4, 4, TEXT).fails(SIZE).grows(),
            scalar("translate", 3, 3, TEXT).fails(ARGUMENT),
            scalar("concat", 2, MANY, TEXT).grows(),
            scalar("concat_ws", 3, MANY, TEXT).grows(),
            scalar("reverse", 1, 1, TEXT),
            scalar("format", 2, 2, TEXT).fails(ARGUMENT).stable(LANGUAGE),
            scalar("str", 1, 3, TEXT).fails(ARGUMENT),
            scalar("char", 1, 1, TEXT).fails(ARGUMENT),
            scalar("nchar", 1, 1, TEXT).fails(ARGUMENT),
            scalar("ascii", 1, 1, INTEGER),
            scalar("unicode", 1, 1, INTEGER),
            scalar("quotename", 1, 2, TEXT).fails(ARGUMENT),
            scalar("soundex", 1, 1, TEXT),
            scalar("difference", 2, 2, INTEGER),
            scalar("isnumeric", 1, 1, INTEGER),
            scalar("isdate", 1, 1, INTEGER).fails(ARGUMENT).stable(LANGUAGE),
        ],
    },
    Chapter {
        title: "Numbers",
        source: "https://learn.microsoft.com/en-us/sql/t-sql/functions/mathematical-functions-transact-sql",
        rules: &[
            scalar("abs", 1, 1, FIRST).fails(RANGE),
            scalar("sign", 1, 1, UNKNOWN).fails(RANGE),
            scalar("round", 2, 3, FIRST).fails(RANGE),
            scalar("ceiling", 1, 1, FIRST).fails(RANGE),
            scalar("floor", 1, 1, FIRST).fails(RANGE),
            scalar("power", 2, 2, FIRST).fails(RANGE),
            scalar("square", 1, 1, FLOAT).fails(RANGE),
            scalar("sqrt", 1, 1, FLOAT).fails(RANGE),
            scalar("exp", 1, 1, FLOAT).fails(RANGE),
            scalar("log", 1, 2, FLOAT).fails(RANGE),
            scalar("log10", 1, 1, FLOAT).fails(RANGE),
            scalar("pi", 0, 0, FLOAT),
            scalar("sin", 1, 1, FLOAT).fails(RANGE),
            scalar("cos", 1, 1, FLOAT).fails(RANGE),
            scalar("tan", 1, 1, FLOAT).fails(RANGE),
            scalar("cot", 1, 1, FLOAT).fails(RANGE),
            scalar("asin", 1, 1, FLOAT).fails(RANGE),
            scalar("acos", 1, 1, FLOAT).fails(RANGE),
            scalar("atan", 1, 1, FLOAT).fails(RANGE),
            scalar("atn2", 2, 2, FLOAT).fails(RANGE),
            scalar("degrees", 1, 1, FIRST).fails(RANGE),
            scalar("radians", 1, 1, FIRST).fails(RANGE),
        ],
    },
    // Those that begin with a date part are judged by it.
    Chapter {
        title: "Dates",
        source: "https://learn.microsoft.com/en-us/sql/t-sql/functions/date-and-time-data-types-and-functions-transact-sql",
        rules: &[
            scalar("getdate", 0, 0, TIMESTAMP).stable(CLOCK),
            scalar("getutcdate", 0, 0, TIMESTAMP).stable(CLOCK),
            scalar("sysdatetime", 0, 0, TIMESTAMP).stable(CLOCK),
            scalar("sysutcdatetime", 0, 0, TIMESTAMP).stable(CLOCK),
            scalar("sysdatetimeoffset", 0, 0, TIMESTAMPTZ).stable(CLOCK),
            scalar("dateadd", 3, 3, UNKNOWN).fails(RANGE),
            scalar("datediff", 3, 3, INTEGER).fails(RANGE),
            scalar("datediff_big", 3, 3, INTEGER).fails(RANGE),
            scalar("datepart", 2, 2, INTEGER).fails(ARGUMENT).stable(LANGUAGE),
            scalar("datename", 2, 2, TEXT).fails(ARGUMENT).stable(LANGUAGE),
            scalar("datetrunc", 2, 2, UNKNOWN).fails(ARGUMENT),
            scalar("year", 1, 1, INTEGER).fails(ARGUMENT),
            scalar("month", 1, 1, INTEGER).fails(ARGUMENT),
            scalar("day", 1, 1, INTEGER).fails(ARGUMENT),
            scalar("eomonth", 1, 2, DATE).fails(RANGE),
            scalar("datefromparts", 3, 3, DATE).fails(ARGUMENT),
            scalar("datetimefromparts", 7, 7, TIMESTAMP).fails(ARGUMENT),
            scalar("datetime2fromparts", 8, 8, TIMESTAMP).fails(ARGUMENT),
            scalar("switchoffset", 2, 2, TIMESTAMPTZ).fails(ARGUMENT),
            scalar("todatetimeoffset", 2, 2, TIMESTAMPTZ).fails(ARGUMENT),
            scalar("timefromparts", 5, 5, Returns::Of(T::Time)).fails(ARGUMENT),
            scalar("smalldatetimefromparts", 5, 5, TIMESTAMP).fails(ARGUMENT),
            scalar("datetimeoffsetfromparts", 10, 10, TIMESTAMPTZ).fails(ARGUMENT),
        ],
    },
    // Kept in texts.
    Chapter {
        title: "JSON",
        source: "https://learn.microsoft.com/en-us/sql/t-sql/functions/json-functions-transact-sql",
        rules: &[
            scalar("isjson", 1, 1, INTEGER),
            scalar("json_value", 2, 2, TEXT).fails("the value may not be JSON"),
            scalar("json_query", 1, 2, TEXT).fails("the value may not be JSON"),
            scalar("json_modify", 3, 3, TEXT).fails("the value may not be JSON").grows(),
            scalar("string_escape", 2, 2, TEXT).fails(SIZE).grows(),
        ],
    },
    Chapter {
        title: "Grouping sets",
        source: "https://learn.microsoft.com/en-us/sql/t-sql/functions/grouping-transact-sql",
        rules: &[scalar("grouping", 1, 1, INTEGER), scalar("grouping_id", 0, MANY, INTEGER)],
    },
    Chapter {
        title: "Aggregates",
        source: "https://learn.microsoft.com/en-us/sql/t-sql/functions/aggregate-functions-transact-sql",
        rules: &[
            aggregate("count", 1, 1, INTEGER),
            aggregate("count_big", 1, 1, INTEGER),
            aggregate("approx_count_distinct", 1, 1, INTEGER),
            aggregate("sum", 1, 1, UNKNOWN).fails(RANGE),
            aggregate("avg", 1, 1, UNKNOWN).fails(RANGE),
            aggregate("min", 1, 1, FIRST),
            aggregate("max", 1, 1, FIRST),
            aggregate("stdev", 1, 1, FLOAT).fails(RANGE),
            aggregate("stdevp", 1, 1, FLOAT).fails(RANGE),
            aggregate("var", 1, 1, FLOAT).fails(RANGE),
            aggregate("varp", 1, 1, FLOAT).fails(RANGE),
            rule("string_agg", Kind::AggregateMaybeOrdered, 2, 2, TEXT).fails(SIZE).grows(),
            rule("percentile_cont", Kind::OrderedWindow, 1, 1, FLOAT).fails(ARGUMENT),
            rule("percentile_disc", Kind::OrderedWindow, 1, 1, UNKNOWN).fails(ARGUMENT),
        ],
    },
    Chapter {
        title: "Windows",
        source: "https://learn.microsoft.com/en-us/sql/t-sql/functions/ranking-functions-transact-sql",
        rules: &[
            window("row_number", 0, 0, INTEGER),
            window("rank", 0, 0, INTEGER),
            window("dense_rank", 0, 0, INTEGER),
            window("percent_rank", 0, 0, FLOAT),
            window("cume_dist", 0, 0, FLOAT),
            window("ntile", 1, 1, INTEGER).fails("the number of buckets must be positive"),
            window("lag", 1, 3, FIRST).fails(ARGUMENT),
            window("lead", 1, 3, FIRST).fails(ARGUMENT),
            window("first_value", 1, 1, FIRST),
            window("last_value", 1, 1, FIRST),
        ],
    },
];
