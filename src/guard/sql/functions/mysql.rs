//! MySQL and MariaDB: what MySQL 8 and MariaDB 10.11 both have.
//! <https://dev.mysql.com/doc/refman/8.4/en/functions.html>, <https://mariadb.com/kb/en/built-in-functions/>.
//!
//! A function fails where it leaves a warning, since warnings quote values. Most do when an argument is not of the type
//! that they take and is converted; `takes` says which arguments those are.

use super::{Chapter, Check, GROUP_CONCAT, MANY, Returns, Take, aggregate, scalar, window};
use crate::catalog::ColumnType as T;

const FIRST: Returns = Returns::First;
const INTEGER: Returns = Returns::Of(T::Integer);
const DECIMAL: Returns = Returns::Of(T::Decimal);
const FLOAT: Returns = Returns::Of(T::Float);
const TEXT: Returns = Returns::Of(T::Text);
const BOOLEAN: Returns = Returns::Of(T::Boolean);
const DATE: Returns = Returns::Of(T::Date);
const TIMESTAMP: Returns = Returns::Of(T::Timestamp);
const TIME: Returns = Returns::Of(T::Time);
const JSON: Returns = Returns::Of(T::Json);

const RANGE: &str = "the result may be out of range";
const ARGUMENT: &str = "an argument may be invalid";
const SIZE: &str = "the result may reach the size limit of a value";

const CLOCK: &str = "the time at which the statement began";
const ZONE: &str = "depends on the session's time zone, which is pinned to UTC";
const NAMES: &str = "names are in the session's language, which is pinned to English";

const NUMBERS: &[Take] = &[Take::Number];
const DATES: &[Take] = &[Take::Date];
const ALIKE: &[Take] = &[Take::Alike];
/// A value, then whole numbers.
const COUNTED: &[Take] = &[Take::Any, Take::Whole];
const MOMENTS: &[Take] = &[Take::Moment];
/// A date, then whatever.
const DATED: &[Take] = &[Take::Date, Take::Any];
/// A date, then numbers.
const NUMBERED: &[Take] = &[Take::Date, Take::Number];

pub(super) const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Conditional",
        source: "https://dev.mysql.com/doc/refman/8.4/en/flow-control-functions.html",
        rules: &[
            scalar("if", 3, 3, Returns::Common(1)).takes(&[Take::Number, Take::Any]),
            scalar("ifnull", 2, 2, Returns::Common(0)),
            scalar("nullif", 2, 2, FIRST).takes(ALIKE),
            scalar("coalesce", 1, MANY, Returns::Common(0)),
            scalar("isnull", 1, 1, BOOLEAN),
            scalar("greatest", 2, MANY, Returns::Common(0)).takes(ALIKE),
            scalar("least", 2, MANY, Returns::Common(0)).takes(ALIKE),
        ],
    },
    Chapter {
        title: "Text",
        source: "https://dev.mysql.com/doc/refman/8.4/en/string-functions.html",
        rules: &[
            scalar("concat", 1, MANY, TEXT).fails(SIZE).grows(),
            scalar("concat_ws", 2, MANY, TEXT).fails(SIZE).grows(),
            scalar("char_length", 1, 1, INTEGER),
            scalar("character_length", 1, 1, INTEGER),
            scalar("length", 1, 1, INTEGER),
            scalar("octet_length", 1, 1, INTEGER),
            scalar("bit_length", 1, 1, INTEGER),
            scalar("lower", 1, 1, TEXT),
            scalar("lcase", 1, 1, TEXT),
            scalar("upper", 1, 1, TEXT),
            scalar("ucase", 1, 1, TEXT),
            scalar("left", 2, 2, TEXT).takes(COUNTED),
            scalar("right", 2, 2, TEXT).takes(COUNTED),
            scalar("substr", 2, 3, TEXT).takes(COUNTED),
            scalar("mid", 3, 3, TEXT).takes(COUNTED),
            scalar("substring_index", 3, 3, TEXT).takes(&[Take::Any, Take::Any, Take::Whole]),
            scalar("trim", 1, 1, TEXT),
            scalar("ltrim", 1, 1, TEXT),
            scalar("rtrim", 1, 1, TEXT),
            scalar("replace", 3, 3, TEXT).fails(SIZE).grows(),
            scalar("reverse", 1, 1, TEXT),
            scalar("locate", 2, 3, INTEGER).takes(&[Take::Any, Take::Any, Take::Whole]),
            scalar("instr", 2, 2, INTEGER),
            scalar("lpad", 3, 3, TEXT).fails(SIZE).grows(),
            scalar("rpad", 3, 3, TEXT).fails(SIZE).grows(),
            scalar("ascii", 1, 1, INTEGER),
            scalar("ord", 1, 1, INTEGER),
            scalar("hex", 1, 1, TEXT).fails(SIZE).grows(),
            scalar("strcmp", 2, 2, INTEGER),
            scalar("field", 2, MANY, INTEGER).takes(ALIKE),
            scalar("elt", 2, MANY, TEXT).takes(&[Take::Whole, Take::Any]),
            scalar("find_in_set", 2, 2, INTEGER),
            scalar("format", 2, 2, TEXT).takes(&[Take::Number, Take::Whole]),
            scalar("soundex", 1, 1, TEXT),
            scalar("md5", 1, 1, TEXT),
            scalar("sha1", 1, 1, TEXT),
            scalar("sha2", 2, 2, TEXT).fails(ARGUMENT),
            scalar("crc32", 1, 1, INTEGER),
            scalar("regexp_replace", 3, 3, TEXT).fails(ARGUMENT).grows(),
            scalar("regexp_substr", 2, 2, TEXT).fails(ARGUMENT),
            scalar("regexp_instr", 2, 2, INTEGER).fails(ARGUMENT),
            scalar("sha", 1, 1, TEXT),
            scalar("bin", 1, 1, TEXT).fails(ARGUMENT),
            scalar("oct", 1, 1, TEXT).fails(ARGUMENT),
            scalar("conv", 3, 3, TEXT).fails(ARGUMENT),
            scalar("unhex", 1, 1, TEXT).fails(ARGUMENT),
            scalar("to_base64", 1, 1, TEXT).fails(SIZE).grows(),
        ],
    },
    Chapter {
        title: "Numbers",
        source: "https://dev.mysql.com/doc/refman/8.4/en/mathematical-functions.html",
        rules: &[
            scalar("abs", 1, 1, FIRST).takes(NUMBERS).fails(RANGE),
            scalar("sign", 1, 1, INTEGER).takes(NUMBERS),
            scalar("round", 1, 2, DECIMAL).takes(NUMBERS).fails(RANGE),
            scalar("truncate", 2, 2, DECIMAL).takes(NUMBERS).fails(RANGE),
            scalar("ceil", 1, 1, DECIMAL).takes(NUMBERS).fails(RANGE),
            scalar("ceiling", 1, 1, DECIMAL).takes(NUMBERS).fails(RANGE),
            scalar("floor", 1, 1, DECIMAL).takes(NUMBERS).fails(RANGE),
            scalar("mod", 2, 2, DECIMAL).takes(NUMBERS).fails(RANGE),
            scalar("power", 2, 2, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("pow", 2, 2, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("sqrt", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("exp", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("ln", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("log", 1, 2, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("log2", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("log10", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("pi", 0, 0, FLOAT),
            scalar("degrees", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("radians", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("sin", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("cos", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("tan", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("cot", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("asin", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("acos", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("atan", 1, 2, FLOAT).takes(NUMBERS).fails(RANGE),
            scalar("atan2", 2, 2, FLOAT).takes(NUMBERS).fails(RANGE),
        ],
    },
    Chapter {
        title: "Dates",
        source: "https://dev.mysql.com/doc/refman/8.4/en/date-and-time-functions.html",
        rules: &[
            scalar("now", 0, 0, TIMESTAMP).stable(CLOCK),
            scalar("curdate", 0, 0, DATE).stable(CLOCK),
            scalar("curtime", 0, 0, TIME).stable(CLOCK),
            scalar("date", 1, 1, DATE).takes(DATES),
            scalar("time", 1, 1, TIME).takes(DATES).fails(ARGUMENT),
            scalar("year", 1, 1, INTEGER).takes(DATES),
            scalar("quarter", 1, 1, INTEGER).takes(DATES),
            scalar("month", 1, 1, INTEGER).takes(DATES),
            scalar("week", 1, 2, INTEGER)
                .takes(NUMBERED)
                .fails(ARGUMENT)
                .stable("the first day of a week is the session's, which is pinned"),
            scalar("weekofyear", 1, 1, INTEGER).takes(DATES).fails(ARGUMENT),
            scalar("yearweek", 1, 2, INTEGER).takes(NUMBERED).fails(ARGUMENT),
            scalar("day", 1, 1, INTEGER).takes(DATES),
            scalar("dayofmonth", 1, 1, INTEGER).takes(DATES),
            scalar("dayofweek", 1, 1, INTEGER).takes(DATES).fails(ARGUMENT),
            scalar("dayofyear", 1, 1, INTEGER).takes(DATES).fails(ARGUMENT),
            scalar("weekday", 1, 1, INTEGER).takes(DATES).fails(ARGUMENT),
            scalar("dayname", 1, 1, TEXT).takes(DATES).fails(ARGUMENT).stable(NAMES),
            scalar("monthname", 1, 1, TEXT).takes(DATES).fails(ARGUMENT).stable(NAMES),
            scalar("hour", 1, 1, INTEGER).takes(MOMENTS),
            scalar("minute", 1, 1, INTEGER).takes(MOMENTS),
            scalar("second", 1, 1, INTEGER).takes(MOMENTS),
            scalar("microsecond", 1, 1, INTEGER).takes(MOMENTS),
            scalar("date_format", 2, 2, TEXT).takes(DATED).stable(NAMES),
            scalar("time_format", 2, 2, TEXT).fails(ARGUMENT),
            scalar("date_add", 2, 2, TIMESTAMP).check(Check::Interval),
            scalar("date_sub", 2, 2, TIMESTAMP).check(Check::Interval),
            scalar("adddate", 2, 2, TIMESTAMP).check(Check::Interval),
            scalar("subdate", 2, 2, TIMESTAMP).check(Check::Interval),
            scalar("datediff", 2, 2, INTEGER).takes(DATES).fails(ARGUMENT),
            scalar("timediff", 2, 2, TIME).fails(ARGUMENT),
            scalar("timestampdiff", 3, 3, INTEGER).check(Check::Unit).takes(DATES).fails(ARGUMENT),
            scalar("timestampadd", 3, 3, TIMESTAMP).check(Check::Unit).fails(RANGE),
            scalar("last_day", 1, 1, DATE).takes(DATES).fails(ARGUMENT),
            scalar("makedate", 2, 2, DATE).fails(ARGUMENT),
            scalar("maketime", 3, 3, TIME).fails(ARGUMENT),
            scalar("str_to_date", 2, 2, TIMESTAMP).fails(ARGUMENT),
            scalar("from_unixtime", 1, 2, Returns::Unknown).fails(ARGUMENT).stable(ZONE),
            scalar("unix_timestamp", 0, 1, DECIMAL).fails(ARGUMENT).stable(CLOCK),
            scalar("to_days", 1, 1, INTEGER).takes(DATES).fails(ARGUMENT),
            scalar("from_days", 1, 1, DATE).fails(ARGUMENT),
            scalar("to_seconds", 1, 1, INTEGER).takes(DATES).fails(ARGUMENT),
            scalar("sec_to_time", 1, 1, TIME).fails(ARGUMENT),
            scalar("time_to_sec", 1, 1, INTEGER).fails(ARGUMENT),
            scalar("period_diff", 2, 2, INTEGER).fails(ARGUMENT),
            scalar("convert_tz", 3, 3, TIMESTAMP).fails(ARGUMENT).stable(ZONE),
            scalar("period_add", 2, 2, INTEGER).fails(ARGUMENT),
            scalar("addtime", 2, 2, Returns::Unknown).fails(ARGUMENT),
            scalar("subtime", 2, 2, Returns::Unknown).fails(ARGUMENT),
            scalar("timestamp", 1, 2, TIMESTAMP).fails(ARGUMENT),
        ],
    },
    // What is no JSON leaves a warning.
    Chapter {
        title: "JSON",
        source: "https://dev.mysql.com/doc/refman/8.4/en/json-functions.html",
        rules: &[
            scalar("json_extract", 2, MANY, JSON).fails(ARGUMENT),
            scalar("json_value", 2, 2, TEXT).fails(ARGUMENT),
            scalar("json_unquote", 1, 1, TEXT).fails(ARGUMENT),
            scalar("json_length", 1, 2, INTEGER).fails(ARGUMENT),
            scalar("json_type", 1, 1, TEXT).fails(ARGUMENT),
            scalar("json_valid", 1, 1, BOOLEAN).fails(ARGUMENT),
            scalar("json_keys", 1, 2, JSON).fails(ARGUMENT),
            scalar("json_contains", 2, 3, BOOLEAN).fails(ARGUMENT),
            scalar("json_object", 0, MANY, JSON).fails(ARGUMENT).grows(),
            scalar("json_array", 0, MANY, JSON).fails(ARGUMENT).grows(),
            scalar("json_contains_path", 3, MANY, BOOLEAN).fails(ARGUMENT),
            scalar("json_overlaps", 2, 2, BOOLEAN).fails(ARGUMENT),
            scalar("json_search", 3, MANY, JSON).fails(ARGUMENT),
            scalar("json_depth", 1, 1, INTEGER).fails(ARGUMENT),
            scalar("json_quote", 1, 1, TEXT).fails(ARGUMENT).grows(),
            scalar("json_set", 3, MANY, JSON).fails(ARGUMENT).grows(),
            scalar("json_insert", 3, MANY, JSON).fails(ARGUMENT).grows(),
            scalar("json_replace", 3, MANY, JSON).fails(ARGUMENT).grows(),
            scalar("json_remove", 2, MANY, JSON).fails(ARGUMENT).grows(),
            scalar("json_merge_patch", 2, MANY, JSON).fails(ARGUMENT).grows(),
            scalar("json_merge_preserve", 2, MANY, JSON).fails(ARGUMENT).grows(),
        ],
    },
    Chapter {
        title: "Aggregates",
        source: "https://dev.mysql.com/doc/refman/8.4/en/aggregate-functions.html",
        rules: &[
            aggregate("count", 1, MANY, INTEGER),
            aggregate("sum", 1, 1, DECIMAL).takes(NUMBERS).fails(RANGE),
            aggregate("avg", 1, 1, DECIMAL).takes(NUMBERS).fails(RANGE),
            aggregate("min", 1, 1, FIRST),
            aggregate("max", 1, 1, FIRST),
            aggregate(GROUP_CONCAT, 1, 1, TEXT)
                .fails(SIZE)
                .grows()
                .stable("its longest result is the session's, which is pinned"),
            aggregate("json_arrayagg", 1, 1, JSON).fails(SIZE).grows(),
            aggregate("json_objectagg", 2, 2, JSON).fails(SIZE).grows(),
            aggregate("std", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            aggregate("stddev", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            aggregate("stddev_pop", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            aggregate("stddev_samp", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            aggregate("variance", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            aggregate("var_pop", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            aggregate("var_samp", 1, 1, FLOAT).takes(NUMBERS).fails(RANGE),
            aggregate("bit_and", 1, 1, INTEGER).fails(ARGUMENT),
            aggregate("bit_or", 1, 1, INTEGER).fails(ARGUMENT),
            aggregate("bit_xor", 1, 1, INTEGER).fails(ARGUMENT),
        ],
    },
    Chapter {
        title: "Windows",
        source: "https://dev.mysql.com/doc/refman/8.4/en/window-function-descriptions.html",
        rules: &[
            window("row_number", 0, 0, INTEGER),
            window("rank", 0, 0, INTEGER),
            window("dense_rank", 0, 0, INTEGER),
            window("percent_rank", 0, 0, FLOAT),
            window("cume_dist", 0, 0, FLOAT),
            window("ntile", 1, 1, INTEGER).fails("the number of buckets must be positive"),
            window("lag", 1, 2, FIRST).takes(COUNTED),
            window("lead", 1, 2, FIRST).takes(COUNTED),
            window("first_value", 1, 1, FIRST),
            window("last_value", 1, 1, FIRST),
            window("nth_value", 2, 2, FIRST).fails("the position must be positive"),
        ],
    },
];
