//! PostgreSQL 12 to 17.
//!
//! A function is total here only where no value of its argument types can make it fail. Where the types are not
//! known to fit, the analysis has already given up: `takes` says what is asked of them.

use super::{Chapter, Check, Kind, MANY, Returns, Take, aggregate, rule, scalar, window};
use crate::catalog::ColumnType as T;

const UNKNOWN: Returns = Returns::Unknown;
const FIRST: Returns = Returns::First;
const COMMON: Returns = Returns::Common(0);
const INTEGER: Returns = Returns::Of(T::Integer);
const DECIMAL: Returns = Returns::Of(T::Decimal);
const FLOAT: Returns = Returns::Of(T::Float);
const TEXT: Returns = Returns::Of(T::Text);
const BOOLEAN: Returns = Returns::Of(T::Boolean);
const DATE: Returns = Returns::Of(T::Date);
const TIME: Returns = Returns::Of(T::Time);
const TIMESTAMP: Returns = Returns::Of(T::Timestamp);
const TIMESTAMPTZ: Returns = Returns::Of(T::Timestamptz);
const INTERVAL: Returns = Returns::Of(T::Interval);
/// `jsonb`, whose values have all been read. What gives `json` is of an unknown type: a value of it may fail when it is
/// looked into.
const JSONB: Returns = Returns::Of(T::Json);

const RANGE: &str = "the result may be out of range";
const ARGUMENT: &str = "an argument may be invalid";
const ZERO: &str = "division by zero";
const SIZE: &str = "the result may reach the size limit of a value";
const PATTERN: &str = "the pattern may be invalid";
const PATH: &str = "the path may not fit the value";
const BUILD: &str = "the server may be built without it, which shows on the first row";
/// `json_in` does not look at escapes, what reads the value does: `'{"a": "\u0000"}'`.
const ESCAPES: &str = "a `json` text may hold an escape that is no character";
const ARRAY: &str = "the value may not be an array";
const BUCKETS: &str = "the number of buckets must be positive";
const POSITION: &str = "the position must be positive";

/// Texts that are compared byte by byte: under a collation that is not deterministic a search fails.
const TEXTS: &[Take] = &[Take::Text];
const JSONBS: &[Take] = &[Take::Json, Take::Any];
/// A value, an offset, and a value of the very same type.
const OFFSET: &[Take] = &[Take::Any, Take::Any, Take::Same];

const CLOCK: &str = "the time at which the transaction began";
const TODAY: &str = "reads the clock where it has one argument, as of when the transaction began";
const ZONE: &str = "depends on the session's time zone and locale, which are pinned";
const OUTPUT: &str = "depends on how the session writes dates and numbers, which is pinned";

pub(super) const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Conditional",
        source: "https://www.postgresql.org/docs/current/functions-conditional.html",
        rules: &[
            scalar("coalesce", 1, MANY, COMMON),
            scalar("nullif", 2, 2, COMMON).takes(&[Take::Alike]),
            scalar("greatest", 1, MANY, COMMON),
            scalar("least", 1, MANY, COMMON),
        ],
    },
    Chapter {
        title: "Text",
        source: "https://www.postgresql.org/docs/current/functions-string.html",
        rules: &[
            scalar("length", 1, 1, INTEGER),
            scalar("char_length", 1, 1, INTEGER),
            scalar("character_length", 1, 1, INTEGER),
            scalar("octet_length", 1, 1, INTEGER),
            scalar("bit_length", 1, 1, INTEGER),
            scalar("lower", 1, 1, TEXT),
            scalar("upper", 1, 1, TEXT),
            scalar("initcap", 1, 1, TEXT),
            scalar("btrim", 1, 2, TEXT),
            scalar("ltrim", 1, 2, TEXT),
            scalar("rtrim", 1, 2, TEXT),
            scalar("substr", 2, 3, TEXT).fails(ARGUMENT),
            scalar("left", 2, 2, TEXT),
            scalar("right", 2, 2, TEXT),
            scalar("strpos", 2, 2, INTEGER).takes(TEXTS),
            scalar("starts_with", 2, 2, BOOLEAN).takes(TEXTS),
            scalar("ascii", 1, 1, INTEGER).fails("the first character may have no such code"),
            scalar("chr", 1, 1, TEXT).fails("the number may be no character"),
            scalar("replace", 3, 3, TEXT).fails(SIZE).grows(),
            scalar("translate", 3, 3, TEXT).fails(SIZE).grows(),
            scalar("concat", 1, MANY, TEXT).grows().stable(OUTPUT),
            scalar("concat_ws", 2, MANY, TEXT).grows().stable(OUTPUT),
            scalar("format", 1, MANY, TEXT)
                .check(Check::TextFormat)
                .fails(SIZE)
                .grows()
                .stable(OUTPUT),
            scalar("split_part", 3, 3, TEXT).fails(ARGUMENT),
            scalar("string_to_array", 2, 3, UNKNOWN).fails(SIZE).grows(),
            scalar("reverse", 1, 1, TEXT),
            scalar("lpad", 2, 3, TEXT).fails(SIZE).grows(),
            scalar("rpad", 2, 3, TEXT).fails(SIZE).grows(),
            scalar("md5", 1, 1, TEXT).fails(BUILD),
            scalar("to_hex", 1, 1, TEXT),
        ],
    },
    Chapter {
        title: "Regular expressions",
        source: "https://www.postgresql.org/docs/current/functions-matching.html#FUNCTIONS-POSIX-REGEXP",
        rules: &[
            scalar("regexp_replace", 3, 6, TEXT).fails(PATTERN).grows(),
            scalar("regexp_count", 2, 4, INTEGER).fails(PATTERN),
            scalar("regexp_like", 2, 3, BOOLEAN).fails(PATTERN),
            scalar("regexp_substr", 2, 6, TEXT).fails(PATTERN),
            scalar("regexp_instr", 2, 7, INTEGER).fails(PATTERN),
            scalar("regexp_match", 2, 3, UNKNOWN).fails(PATTERN),
            scalar("regexp_split_to_array", 2, 3, UNKNOWN).fails(PATTERN).grows(),
        ],
    },
    Chapter {
        title: "Formatting",
        source: "https://www.postgresql.org/docs/current/functions-formatting.html",
        rules: &[
            scalar("to_char", 2, 2, TEXT).fails(ARGUMENT).stable(ZONE),
            scalar("to_number", 2, 2, DECIMAL).fails(ARGUMENT).stable(ZONE),
            scalar("to_date", 2, 2, DATE).fails(ARGUMENT).stable(ZONE),
            scalar("to_timestamp", 1, 2, TIMESTAMPTZ).fails(ARGUMENT).stable(ZONE),
        ],
    },
    Chapter {
        title: "Numbers",
        source: "https://www.postgresql.org/docs/current/functions-math.html",
        rules: &[
            scalar("abs", 1, 1, FIRST).fails(RANGE),
            scalar("sign", 1, 1, UNKNOWN),
            scalar("round", 1, 2, FIRST).fails(RANGE),
            scalar("ceil", 1, 1, FIRST).fails(RANGE),
            scalar("ceiling", 1, 1, FIRST).fails(RANGE),
            scalar("floor", 1, 1, FIRST).fails(RANGE),
            scalar("trunc", 1, 2, FIRST).fails(RANGE),
            scalar("mod", 2, 2, FIRST).fails(ZERO),
            scalar("div", 2, 2, FIRST).fails(ZERO),
            scalar("gcd", 2, 2, FIRST).fails(RANGE),
            scalar("lcm", 2, 2, FIRST).fails(RANGE),
            scalar("power", 2, 2, FLOAT).fails(RANGE),
            scalar("pow", 2, 2, FLOAT).fails(RANGE),
            scalar("sqrt", 1, 1, FLOAT).fails(RANGE),
            scalar("cbrt", 1, 1, FLOAT).fails(RANGE),
            scalar("exp", 1, 1, FLOAT).fails(RANGE),
            scalar("ln", 1, 1, FLOAT).fails(RANGE),
            scalar("log", 1, 2, FLOAT).fails(RANGE),
            scalar("log10", 1, 1, FLOAT).fails(RANGE),
            scalar("pi", 0, 0, FLOAT),
            scalar("degrees", 1, 1, FLOAT).fails(RANGE),
            scalar("radians", 1, 1, FLOAT).fails(RANGE),
            scalar("sin", 1, 1, FLOAT).fails(RANGE),
            scalar("cos", 1, 1, FLOAT).fails(RANGE),
            scalar("tan", 1, 1, FLOAT).fails(RANGE),
            scalar("asin", 1, 1, FLOAT).fails(RANGE),
            scalar("acos", 1, 1, FLOAT).fails(RANGE),
            scalar("atan", 1, 1, FLOAT).fails(RANGE),
            scalar("atan2", 2, 2, FLOAT).fails(RANGE),
            scalar("width_bucket", 4, 4, INTEGER).fails(ARGUMENT),
        ],
    },
    Chapter {
        title: "Dates",
        source: "https://www.postgresql.org/docs/current/functions-datetime.html",
        rules: &[
            scalar("now", 0, 0, TIMESTAMPTZ).stable(CLOCK),
            scalar("transaction_timestamp", 0, 0, TIMESTAMPTZ).stable(CLOCK),
            scalar("isfinite", 1, 1, BOOLEAN),
            scalar("date_trunc", 2, 3, UNKNOWN).check(Check::DateField).fails(RANGE).stable(ZONE),
            scalar("date_part", 2, 2, FLOAT).check(Check::DateField).fails(RANGE).stable(ZONE),
            scalar("date_bin", 3, 3, UNKNOWN).fails(RANGE),
            scalar("age", 1, 2, INTERVAL).fails(RANGE).stable(TODAY),
            scalar("justify_days", 1, 1, INTERVAL).fails(RANGE),
            scalar("justify_hours", 1, 1, INTERVAL).fails(RANGE),
            scalar("justify_interval", 1, 1, INTERVAL).fails(RANGE),
            scalar("make_date", 3, 3, DATE).fails(RANGE),
            scalar("make_time", 3, 3, TIME).fails(RANGE),
            scalar("make_timestamp", 6, 6, TIMESTAMP).fails(RANGE),
            scalar("make_timestamptz", 6, 7, TIMESTAMPTZ).fails(RANGE).stable(ZONE),
            scalar("make_interval", 0, 7, INTERVAL).fails(RANGE),
        ],
    },
    Chapter {
        title: "JSON",
        source: "https://www.postgresql.org/docs/current/functions-json.html",
        rules: &[
            scalar("jsonb_typeof", 1, 1, TEXT),
            scalar("json_typeof", 1, 1, TEXT).fails(ESCAPES),
            scalar("jsonb_array_length", 1, 1, INTEGER).fails(ARRAY),
            scalar("json_array_length", 1, 1, INTEGER).fails(ARRAY),
            scalar("jsonb_extract_path", 2, MANY, JSONB).takes(JSONBS),
            scalar("json_extract_path", 2, MANY, UNKNOWN).fails(ESCAPES),
            scalar("jsonb_extract_path_text", 2, MANY, TEXT).takes(JSONBS),
            scalar("json_extract_path_text", 2, MANY, TEXT).fails(ESCAPES),
            scalar("jsonb_exists", 2, 2, BOOLEAN).takes(JSONBS),
            scalar("jsonb_path_exists", 2, 2, BOOLEAN).fails(PATH),
            scalar("jsonb_path_match", 2, 2, BOOLEAN).fails(PATH),
            scalar("jsonb_path_query_first", 2, 2, JSONB).fails(PATH),
            scalar("jsonb_path_query_array", 2, 2, JSONB).fails(PATH).grows(),
            scalar("jsonb_set", 3, 4, JSONB).fails(PATH).grows(),
            scalar("jsonb_insert", 3, 4, JSONB).fails(PATH).grows(),
            scalar("jsonb_strip_nulls", 1, 1, JSONB).fails(SIZE),
            scalar("jsonb_pretty", 1, 1, TEXT).fails(SIZE).grows(),
            scalar("to_json", 1, 1, UNKNOWN).fails(ARGUMENT).grows().stable(OUTPUT),
            scalar("to_jsonb", 1, 1, JSONB).fails(ARGUMENT).grows().stable(OUTPUT),
            scalar("json_build_object", 0, MANY, UNKNOWN).fails(ARGUMENT).grows().stable(OUTPUT),
            scalar("jsonb_build_object", 0, MANY, JSONB).fails(ARGUMENT).grows().stable(OUTPUT),
            scalar("json_build_array", 0, MANY, UNKNOWN).fails(ARGUMENT).grows().stable(OUTPUT),
            scalar("jsonb_build_array", 0, MANY, JSONB).fails(ARGUMENT).grows().stable(OUTPUT),
        ],
    },
    Chapter {
        title: "Arrays",
        source: "https://www.postgresql.org/docs/current/functions-array.html",
        rules: &[
            scalar("array_length", 2, 2, INTEGER),
            scalar("array_lower", 2, 2, INTEGER),
            scalar("array_upper", 2, 2, INTEGER),
            scalar("array_ndims", 1, 1, INTEGER),
            scalar("cardinality", 1, 1, INTEGER),
            scalar("array_position", 2, 3, INTEGER).fails(ARGUMENT),
            scalar("array_append", 2, 2, UNKNOWN).fails(SIZE).grows(),
            scalar("array_prepend", 2, 2, UNKNOWN).fails(SIZE).grows(),
            scalar("array_cat", 2, 2, UNKNOWN).fails(SIZE).grows(),
            scalar("array_remove", 2, 2, UNKNOWN).fails(ARGUMENT),
            scalar("array_replace", 3, 3, UNKNOWN).fails(SIZE).grows(),
            scalar("array_to_string", 2, 3, TEXT).fails(SIZE).grows().stable(OUTPUT),
        ],
    },
    Chapter {
        title: "Aggregates",
        source: "https://www.postgresql.org/docs/current/functions-aggregate.html",
        rules: &[
            scalar("grouping", 1, MANY, INTEGER),
            aggregate("count", 1, 1, INTEGER),
            aggregate("sum", 1, 1, UNKNOWN).fails(RANGE),
            aggregate("avg", 1, 1, UNKNOWN).fails(RANGE),
            aggregate("min", 1, 1, FIRST),
            aggregate("max", 1, 1, FIRST),
            aggregate("any_value", 1, 1, FIRST),
            aggregate("bool_and", 1, 1, BOOLEAN),
            aggregate("bool_or", 1, 1, BOOLEAN),
            aggregate("every", 1, 1, BOOLEAN),
            aggregate("bit_and", 1, 1, FIRST).fails(ARGUMENT),
            aggregate("bit_or", 1, 1, FIRST).fails(ARGUMENT),
            aggregate("string_agg", 2, 2, TEXT).fails(SIZE).grows(),
            aggregate("array_agg", 1, 1, UNKNOWN).fails(SIZE).grows(),
            aggregate("json_agg", 1, 1, UNKNOWN).fails(SIZE).grows().stable(OUTPUT),
            aggregate("jsonb_agg", 1, 1, JSONB).fails(SIZE).grows().stable(OUTPUT),
            aggregate("json_object_agg", 2, 2, UNKNOWN).fails(ARGUMENT).grows().stable(OUTPUT),
            aggregate("jsonb_object_agg", 2, 2, JSONB).fails(ARGUMENT).grows().stable(OUTPUT),
            aggregate("stddev", 1, 1, UNKNOWN).fails(RANGE),
            aggregate("stddev_pop", 1, 1, UNKNOWN).fails(RANGE),
            aggregate("stddev_samp", 1, 1, UNKNOWN).fails(RANGE),
            aggregate("variance", 1, 1, UNKNOWN).fails(RANGE),
            aggregate("var_pop", 1, 1, UNKNOWN).fails(RANGE),
            aggregate("var_samp", 1, 1, UNKNOWN).fails(RANGE),
            aggregate("corr", 2, 2, FLOAT).fails(RANGE),
            aggregate("covar_pop", 2, 2, FLOAT).fails(RANGE),
            aggregate("covar_samp", 2, 2, FLOAT).fails(RANGE),
            aggregate("regr_avgx", 2, 2, FLOAT).fails(RANGE),
            aggregate("regr_avgy", 2, 2, FLOAT).fails(RANGE),
            aggregate("regr_count", 2, 2, INTEGER).fails(RANGE),
            aggregate("regr_intercept", 2, 2, FLOAT).fails(RANGE),
            aggregate("regr_r2", 2, 2, FLOAT).fails(RANGE),
            aggregate("regr_slope", 2, 2, FLOAT).fails(RANGE),
            aggregate("regr_sxx", 2, 2, FLOAT).fails(RANGE),
            aggregate("regr_sxy", 2, 2, FLOAT).fails(RANGE),
            aggregate("regr_syy", 2, 2, FLOAT).fails(RANGE),
            rule("percentile_cont", Kind::OrderedSet, 1, 1, UNKNOWN).fails(ARGUMENT),
            rule("percentile_disc", Kind::OrderedSet, 1, 1, UNKNOWN).fails(ARGUMENT),
            rule("mode", Kind::OrderedSet, 0, 0, UNKNOWN),
        ],
    },
    Chapter {
        title: "Windows",
        source: "https://www.postgresql.org/docs/current/functions-window.html",
        rules: &[
            window("row_number", 0, 0, INTEGER),
            window("rank", 0, 0, INTEGER),
            window("dense_rank", 0, 0, INTEGER),
            window("percent_rank", 0, 0, FLOAT),
            window("cume_dist", 0, 0, FLOAT),
            window("ntile", 1, 1, INTEGER).fails(BUCKETS),
            window("lag", 1, 3, FIRST).takes(OFFSET),
            window("lead", 1, 3, FIRST).takes(OFFSET),
            window("first_value", 1, 1, FIRST),
            window("last_value", 1, 1, FIRST),
            window("nth_value", 2, 2, FIRST).fails(POSITION),
        ],
    },
];
