//! SQLite: <https://sqlite.org/lang_corefunc.html>, `lang_aggfunc`, `lang_datefunc`, `lang_mathfunc`, `json1`.

use super::{Chapter, Check, Kind, MANY, Returns, aggregate, rule, scalar, window};
use crate::catalog::ColumnType as T;

const UNKNOWN: Returns = Returns::Unknown;
const INTEGER: Returns = Returns::Of(T::Integer);
const FLOAT: Returns = Returns::Of(T::Float);
const TEXT: Returns = Returns::Of(T::Text);

const NOW: &str =
    "`'now'` is the time at which the statement began; `localtime` is the zone of the service";

const SIZE: &str = "the result may reach the size limit of a value";
const JSON: &str = "the text may not be JSON";

pub(super) const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Conditional",
        source: "https://sqlite.org/lang_corefunc.html",
        rules: &[
            scalar("coalesce", 2, MANY, UNKNOWN),
            scalar("ifnull", 2, 2, UNKNOWN),
            scalar("nullif", 2, 2, Returns::First),
            scalar("iif", 2, MANY, UNKNOWN),
            rule("min", Kind::AggregateIfSingle, 1, MANY, Returns::First),
            rule("max", Kind::AggregateIfSingle, 1, MANY, Returns::First),
        ],
    },
    Chapter {
        title: "Text",
        source: "https://sqlite.org/lang_corefunc.html",
        rules: &[
            scalar("length", 1, 1, INTEGER),
            scalar("octet_length", 1, 1, INTEGER),
            scalar("lower", 1, 1, TEXT),
            scalar("upper", 1, 1, TEXT),
            scalar("trim", 1, 2, TEXT),
            scalar("ltrim", 1, 2, TEXT),
            scalar("rtrim", 1, 2, TEXT),
            scalar("substr", 2, 3, TEXT),
            scalar("instr", 2, 2, INTEGER),
            scalar("replace", 3, 3, TEXT).fails(SIZE).grows(),
            scalar("unicode", 1, 1, INTEGER),
            scalar("char", 1, MANY, TEXT),
            scalar("hex", 1, 1, TEXT).grows(),
            scalar("quote", 1, 1, TEXT).grows(),
            scalar("soundex", 1, 1, TEXT),
            scalar("concat", 1, MANY, TEXT).grows(),
            scalar("concat_ws", 2, MANY, TEXT).grows(),
            scalar("printf", 1, MANY, TEXT).check(Check::ShortFormat).grows(),
            scalar("format", 1, MANY, TEXT).check(Check::ShortFormat).grows(),
            scalar("typeof", 1, 1, TEXT),
            scalar("unhex", 1, 2, UNKNOWN),
        ],
    },
    Chapter {
        title: "Numbers",
        source: "https://sqlite.org/lang_mathfunc.html",
        rules: &[
            scalar("abs", 1, 1, Returns::First).fails("the smallest integer has no absolute value"),
            scalar("sign", 1, 1, INTEGER),
            scalar("round", 1, 2, FLOAT),
            scalar("ceil", 1, 1, UNKNOWN),
            scalar("ceiling", 1, 1, UNKNOWN),
            scalar("floor", 1, 1, UNKNOWN),
            scalar("trunc", 1, 1, UNKNOWN),
            scalar("mod", 2, 2, FLOAT),
            scalar("pow", 2, 2, FLOAT),
            scalar("power", 2, 2, FLOAT),
            scalar("sqrt", 1, 1, FLOAT),
            scalar("exp", 1, 1, FLOAT),
            scalar("ln", 1, 1, FLOAT),
            scalar("log", 1, 2, FLOAT),
            scalar("log10", 1, 1, FLOAT),
            scalar("log2", 1, 1, FLOAT),
            scalar("sin", 1, 1, FLOAT),
            scalar("cos", 1, 1, FLOAT),
            scalar("tan", 1, 1, FLOAT),
            scalar("asin", 1, 1, FLOAT),
            scalar("acos", 1, 1, FLOAT),
            scalar("atan", 1, 1, FLOAT),
            scalar("atan2", 2, 2, FLOAT),
            scalar("radians", 1, 1, FLOAT),
            scalar("degrees", 1, 1, FLOAT),
            scalar("pi", 0, 0, FLOAT),
            scalar("sinh", 1, 1, FLOAT),
            scalar("cosh", 1, 1, FLOAT),
            scalar("tanh", 1, 1, FLOAT),
            scalar("asinh", 1, 1, FLOAT),
            scalar("acosh", 1, 1, FLOAT),
            scalar("atanh", 1, 1, FLOAT),
        ],
    },
    // NULL for what is not a date.
    Chapter {
        title: "Dates",
        source: "https://sqlite.org/lang_datefunc.html",
        rules: &[
            scalar("date", 0, MANY, TEXT).stable(NOW),
            scalar("time", 0, MANY, TEXT).stable(NOW),
            scalar("datetime", 0, MANY, TEXT).stable(NOW),
            scalar("julianday", 0, MANY, FLOAT).stable(NOW),
            scalar("unixepoch", 0, MANY, INTEGER).stable(NOW),
            scalar("strftime", 1, MANY, TEXT).stable(NOW),
            scalar("timediff", 2, 2, TEXT).stable(NOW),
        ],
    },
    Chapter {
        title: "JSON",
        source: "https://sqlite.org/json1.html",
        rules: &[
            scalar("json", 1, 1, TEXT).fails(JSON),
            scalar("json_valid", 1, 1, INTEGER),
            scalar("json_extract", 2, MANY, UNKNOWN).fails(JSON),
            scalar("json_array_length", 1, 2, INTEGER).fails(JSON),
            scalar("json_type", 1, 2, TEXT).fails(JSON),
            scalar("json_array", 0, MANY, TEXT).fails("a byte string cannot be JSON").grows(),
            scalar("json_object", 0, MANY, TEXT).fails("a label must be text").grows(),
            scalar("json_quote", 1, 1, TEXT).fails("a byte string cannot be JSON").grows(),
            scalar("json_set", 3, MANY, TEXT).fails(JSON).grows(),
            scalar("json_insert", 3, MANY, TEXT).fails(JSON).grows(),
            scalar("json_replace", 3, MANY, TEXT).fails(JSON).grows(),
            scalar("json_remove", 2, MANY, TEXT).fails(JSON).grows(),
            scalar("json_patch", 2, 2, TEXT).fails(JSON).grows(),
            scalar("json_pretty", 1, 2, TEXT).fails(JSON).grows(),
        ],
    },
    Chapter {
        title: "Aggregates",
        source: "https://sqlite.org/lang_aggfunc.html",
        rules: &[
            aggregate("count", 0, 1, INTEGER),
            aggregate("sum", 1, 1, UNKNOWN).fails("an integer sum may overflow"),
            aggregate("total", 1, 1, FLOAT),
            aggregate("avg", 1, 1, FLOAT),
            aggregate("group_concat", 1, 2, TEXT).fails(SIZE).grows(),
            aggregate("string_agg", 2, 2, TEXT).fails(SIZE).grows(),
            aggregate("json_group_array", 1, 1, TEXT).fails("a byte string cannot be JSON").grows(),
            aggregate("json_group_object", 2, 2, TEXT)
                .fails("a byte string cannot be JSON")
                .grows(),
        ],
    },
    Chapter {
        title: "Windows",
        source: "https://sqlite.org/windowfunctions.html#built_in_window_functions",
        rules: &[
            window("row_number", 0, 0, INTEGER),
            window("rank", 0, 0, INTEGER),
            window("dense_rank", 0, 0, INTEGER),
            window("percent_rank", 0, 0, FLOAT),
            window("cume_dist", 0, 0, FLOAT),
            window("ntile", 1, 1, INTEGER).fails("the number of buckets must be positive"),
            window("lag", 1, 3, Returns::First),
            window("lead", 1, 3, Returns::First),
            window("first_value", 1, 1, Returns::First),
            window("last_value", 1, 1, Returns::First),
            window("nth_value", 2, 2, Returns::First).fails("the position must be positive"),
        ],
    },
];
