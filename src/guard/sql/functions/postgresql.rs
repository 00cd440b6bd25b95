//! PostgreSQL: <https://www.postgresql.org/docs/current/functions.html>.
//!
//! A function is total here only where no value of its argument types can make it fail. Where the types are not
//! known to fit, the analysis has already given up.

use super::{Check, Kind, MANY, Returns, Rule, aggregate, rule, scalar, window};
use crate::catalog::ColumnType as T;

const UNKNOWN: Returns = Returns::Unknown;
const FIRST: Returns = Returns::First;
const INTEGER: Returns = Returns::Of(T::Integer);
const FLOAT: Returns = Returns::Of(T::Float);
const TEXT: Returns = Returns::Of(T::Text);
const BOOLEAN: Returns = Returns::Of(T::Boolean);
const JSON: Returns = Returns::Of(T::Json);

const RANGE: &str = "the result may be out of range";
const ARGUMENT: &str = "an argument may be invalid";
const SIZE: &str = "the result may reach the size limit of a value";

pub(super) const RULES: &[Rule] = &[
    // Conditional.
    scalar("coalesce", 1, MANY, FIRST),
    scalar("nullif", 2, 2, FIRST),
    scalar("greatest", 1, MANY, FIRST),
    scalar("least", 1, MANY, FIRST),
    // Text.
    scalar("length", 1, 1, INTEGER),
    scalar("char_length", 1, 1, INTEGER),
    scalar("character_length", 1, 1, INTEGER),
    scalar("octet_length", 1, 1, INTEGER),
    scalar("lower", 1, 1, TEXT),
    scalar("upper", 1, 1, TEXT),
    scalar("initcap", 1, 1, TEXT),
    scalar("btrim", 1, 2, TEXT),
    scalar("ltrim", 1, 2, TEXT),
    scalar("rtrim", 1, 2, TEXT),
    scalar("substr", 2, 3, TEXT).fails(ARGUMENT),
    scalar("left", 2, 2, TEXT),
    scalar("right", 2, 2, TEXT),
    scalar("strpos", 2, 2, INTEGER),
    scalar("starts_with", 2, 2, BOOLEAN),
    scalar("replace", 3, 3, TEXT).fails(SIZE).grows(),
    scalar("concat", 1, MANY, TEXT).grows(),
    scalar("concat_ws", 2, MANY, TEXT).grows(),
    scalar("split_part", 3, 3, TEXT).fails(ARGUMENT),
    scalar("reverse", 1, 1, TEXT),
    scalar("lpad", 2, 3, TEXT).fails(SIZE).grows(),
    scalar("rpad", 2, 3, TEXT).fails(SIZE).grows(),
    scalar("regexp_replace", 3, 4, TEXT).fails(ARGUMENT).grows(),
    scalar("regexp_count", 2, 2, INTEGER).fails(ARGUMENT),
    scalar("regexp_like", 2, 3, BOOLEAN).fails(ARGUMENT),
    scalar("regexp_substr", 2, 2, TEXT).fails(ARGUMENT),
    scalar("md5", 1, 1, TEXT),
    scalar("to_char", 2, 2, TEXT).fails(ARGUMENT),
    scalar("to_number", 2, 2, Returns::Of(T::Decimal)).fails(ARGUMENT),
    // Numbers.
    scalar("abs", 1, 1, FIRST).fails(RANGE),
    scalar("sign", 1, 1, UNKNOWN),
    scalar("round", 1, 2, FIRST).fails(RANGE),
    scalar("ceil", 1, 1, FIRST).fails(RANGE),
    scalar("ceiling", 1, 1, FIRST).fails(RANGE),
    scalar("floor", 1, 1, FIRST).fails(RANGE),
    scalar("trunc", 1, 2, FIRST).fails(RANGE),
    scalar("mod", 2, 2, FIRST).fails("division by zero"),
    scalar("div", 2, 2, FIRST).fails("division by zero"),
    scalar("power", 2, 2, FLOAT).fails(RANGE),
    scalar("sqrt", 1, 1, FLOAT).fails(RANGE),
    scalar("exp", 1, 1, FLOAT).fails(RANGE),
    scalar("ln", 1, 1, FLOAT).fails(RANGE),
    scalar("log", 1, 2, FLOAT).fails(RANGE),
    scalar("width_bucket", 4, 4, INTEGER).fails(ARGUMENT),
    // Dates.
    scalar("now", 0, 0, Returns::Of(T::Timestamptz)),
    scalar("isfinite", 1, 1, BOOLEAN),
    scalar("date_trunc", 2, 2, UNKNOWN).check(Check::DateField).fails(RANGE),
    scalar("date_part", 2, 2, FLOAT).check(Check::DateField).fails(RANGE),
    scalar("age", 1, 2, Returns::Of(T::Interval)).fails(RANGE),
    scalar("make_date", 3, 3, Returns::Of(T::Date)).fails(RANGE),
    scalar("make_interval", 0, 7, Returns::Of(T::Interval)).fails(RANGE),
    scalar("to_date", 2, 2, Returns::Of(T::Date)).fails(ARGUMENT),
    scalar("to_timestamp", 1, 2, Returns::Of(T::Timestamptz)).fails(ARGUMENT),
    // JSON.
    scalar("jsonb_typeof", 1, 1, TEXT),
    scalar("json_typeof", 1, 1, TEXT),
    scalar("jsonb_array_length", 1, 1, INTEGER).fails("the value may not be an array"),
    scalar("json_array_length", 1, 1, INTEGER).fails("the value may not be an array"),
    scalar("jsonb_extract_path_text", 2, MANY, TEXT),
    scalar("json_extract_path_text", 2, MANY, TEXT),
    scalar("json_build_object", 0, MANY, JSON).fails(ARGUMENT).grows(),
    scalar("jsonb_build_object", 0, MANY, JSON).fails(ARGUMENT).grows(),
    scalar("json_build_array", 0, MANY, JSON).fails(ARGUMENT).grows(),
    scalar("jsonb_build_array", 0, MANY, JSON).fails(ARGUMENT).grows(),
    // Arrays.
    scalar("array_length", 2, 2, INTEGER),
    scalar("cardinality", 1, 1, INTEGER),
    scalar("array_to_string", 2, 3, TEXT).fails(SIZE).grows(),
    // Grouping sets.
    scalar("grouping", 1, MANY, INTEGER),
    // Aggregates.
    aggregate("count", 1, 1, INTEGER),
    aggregate("sum", 1, 1, UNKNOWN).fails(RANGE),
    aggregate("avg", 1, 1, UNKNOWN).fails(RANGE),
    aggregate("min", 1, 1, FIRST),
    aggregate("max", 1, 1, FIRST),
    aggregate("bool_and", 1, 1, BOOLEAN),
    aggregate("bool_or", 1, 1, BOOLEAN),
    aggregate("every", 1, 1, BOOLEAN),
    aggregate("string_agg", 2, 2, TEXT).fails(SIZE).grows(),
    aggregate("array_agg", 1, 1, UNKNOWN).fails(SIZE).grows(),
    aggregate("json_agg", 1, 1, JSON).fails(SIZE).grows(),
    aggregate("jsonb_agg", 1, 1, JSON).fails(SIZE).grows(),
    aggregate("json_object_agg", 2, 2, JSON).fails(ARGUMENT).grows(),
    aggregate("jsonb_object_agg", 2, 2, JSON).fails(ARGUMENT).grows(),
    aggregate("stddev", 1, 1, UNKNOWN).fails(RANGE),
    aggregate("stddev_pop", 1, 1, UNKNOWN).fails(RANGE),
    aggregate("stddev_samp", 1, 1, UNKNOWN).fails(RANGE),
    aggregate("variance", 1, 1, UNKNOWN).fails(RANGE),
    aggregate("var_pop", 1, 1, UNKNOWN).fails(RANGE),
    aggregate("var_samp", 1, 1, UNKNOWN).fails(RANGE),
    aggregate("corr", 2, 2, FLOAT).fails(RANGE),
    aggregate("covar_pop", 2, 2, FLOAT).fails(RANGE),
    aggregate("covar_samp", 2, 2, FLOAT).fails(RANGE),
    aggregate("regr_slope", 2, 2, FLOAT).fails(RANGE),
    aggregate("regr_intercept", 2, 2, FLOAT).fails(RANGE),
    aggregate("regr_r2", 2, 2, FLOAT).fails(RANGE),
    rule("percentile_cont", Kind::OrderedSet, 1, 1, UNKNOWN).fails(ARGUMENT),
    rule("percentile_disc", Kind::OrderedSet, 1, 1, UNKNOWN).fails(ARGUMENT),
    rule("mode", Kind::OrderedSet, 0, 0, UNKNOWN),
    // Windows.
    window("row_number", 0, 0, INTEGER),
    window("rank", 0, 0, INTEGER),
    window("dense_rank", 0, 0, INTEGER),
    window("percent_rank", 0, 0, FLOAT),
    window("cume_dist", 0, 0, FLOAT),
    window("ntile", 1, 1, INTEGER).fails("the number of buckets must be positive"),
    window("lag", 1, 3, FIRST),
    window("lead", 1, 3, FIRST),
    window("first_value", 1, 1, FIRST),
    window("last_value", 1, 1, FIRST),
    window("nth_value", 2, 2, FIRST).fails("the position must be positive"),
];
