//! The operators of expressions, and of groups.
//! <https://www.mongodb.com/docs/manual/reference/operator/aggregation/>

use super::{CODE, Name, no, yes};

/// What an operator of expressions takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::guard::mongo) enum Form {
    /// One expression, or an array of them.
    Args,
    /// A document with some of these keys, each an expression.
    Named(&'static [&'static str]),
    /// A date, or a document with a date and a time zone.
    Dated,
    Literal,
    Let,
    Map,
    Filter,
    Reduce,
    Cond,
    Switch,
    In,
    SortArray,
}

/// An operator, and whether it fails on no value whatever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::guard::mongo) struct Operator {
    pub(in crate::guard::mongo) form: Form,
    pub(in crate::guard::mongo) total: bool,
}

/// Fails on no value of any type, if its operands do not.
const fn total(name: &'static str, form: Form) -> Name<Operator> {
    yes(name, Operator { form, total: true })
}

/// Fails on some values: of other types, out of range, or divided by zero.
const fn partial(name: &'static str, form: Form) -> Name<Operator> {
    yes(name, Operator { form, total: false })
}

const RANDOM: &str = "the answer would differ each time";
const BY_PATH: &str = "name the field by its path";

/// In expressions.
pub(in crate::guard::mongo) const EXPRESSIONS: &[Name<Operator>] = &[
    total("$eq", Form::Args),
    total("$ne", Form::Args),
    total("$gt", Form::Args),
    total("$gte", Form::Args),
    total("$lt", Form::Args),
    total("$lte", Form::Args),
    total("$cmp", Form::Args),
    total("$and", Form::Args),
    total("$or", Form::Args),
    total("$not", Form::Args),
    total("$ifNull", Form::Args),
    total("$type", Form::Args),
    total("$isNumber", Form::Args),
    total("$isArray", Form::Args),
    total("$literal", Form::Literal),
    total("$cond", Form::Cond),
    total("$switch", Form::Switch),
    total("$let", Form::Let),
    total("$in", Form::In),
    partial("$map", Form::Map),
    partial("$filter", Form::Filter),
    partial("$reduce", Form::Reduce),
    partial("$abs", Form::Args),
    partial("$add", Form::Args),
    partial("$ceil", Form::Args),
    partial("$divide", Form::Args),
    partial("$exp", Form::Args),
    partial("$floor", Form::Args),
    partial("$ln", Form::Args),
    partial("$log", Form::Args),
    partial("$log10", Form::Args),
    partial("$mod", Form::Args),
    partial("$multiply", Form::Args),
    partial("$pow", Form::Args),
    partial("$round", Form::Args),
    partial("$sqrt", Form::Args),
    partial("$subtract", Form::Args),
    partial("$trunc", Form::Args),
    partial("$sum", Form::Args),
    partial("$avg", Form::Args),
    partial("$min", Form::Args),
    partial("$max", Form::Args),
    partial("$stdDevPop", Form::Args),
    partial("$stdDevSamp", Form::Args),
    partial("$arrayElemAt", Form::Args),
    partial("$arrayToObject", Form::Args),
    partial("$concatArrays", Form::Args),
    partial("$first", Form::Args),
    partial("$last", Form::Args),
    partial("$firstN", Form::Named(&["input", "n"])),
    partial("$lastN", Form::Named(&["input", "n"])),
    partial("$maxN", Form::Named(&["input", "n"])),
    partial("$minN", Form::Named(&["input", "n"])),
    partial("$indexOfArray", Form::Args),
    partial("$objectToArray", Form::Args),
    partial("$range", Form::Args),
    partial("$reverseArray", Form::Args),
    partial("$size", Form::Args),
    partial("$slice", Form::Args),
    partial("$sortArray", Form::SortArray),
    partial("$zip", Form::Named(&["inputs", "useLongestLength", "defaults"])),
    partial("$allElementsTrue", Form::Args),
    partial("$anyElementTrue", Form::Args),
    partial("$setDifference", Form::Args),
    partial("$setEquals", Form::Args),
    partial("$setIntersection", Form::Args),
    partial("$setIsSubset", Form::Args),
    partial("$setUnion", Form::Args),
    partial("$mergeObjects", Form::Args),
    partial("$concat", Form::Args),
    partial("$indexOfBytes", Form::Args),
    partial("$indexOfCP", Form::Args),
    partial("$ltrim", Form::Named(&["input", "chars"])),
    partial("$rtrim", Form::Named(&["input", "chars"])),
    partial("$trim", Form::Named(&["input", "chars"])),
    partial("$regexFind", Form::Named(&["input", "regex", "options"])),
    partial("$regexFindAll", Form::Named(&["input", "regex", "options"])),
    partial("$regexMatch", Form::Named(&["input", "regex", "options"])),
    partial("$replaceOne", Form::Named(&["input", "find", "replacement"])),
    partial("$replaceAll", Form::Named(&["input", "find", "replacement"])),
    partial("$split", Form::Args),
    partial("$strLenBytes", Form::Args),
    partial("$strLenCP", Form::Args),
    partial("$strcasecmp", Form::Args),
    partial("$substr", Form::Args),
    partial("$substrBytes", Form::Args),
    partial("$substrCP", Form::Args),
    partial("$toLower", Form::Args),
    partial("$toUpper", Form::Args),
    partial("$convert", Form::Named(&["input", "to", "onError", "onNull"])),
    partial("$toBool", Form::Args),
    partial("$toDate", Form::Args),
    partial("$toDecimal", Form::Args),
    partial("$toDouble", Form::Args),
    partial("$toInt", Form::Args),
    partial("$toLong", Form::Args),
    partial("$toObjectId", Form::Args),
    partial("$toString", Form::Args),
    partial("$dateAdd", Form::Named(&["startDate", "unit", "amount", "timezone"])),
    partial("$dateSubtract", Form::Named(&["startDate", "unit", "amount", "timezone"])),
    partial("$dateDiff", Form::Named(&["startDate", "endDate", "unit", "timezone", "startOfWeek"])),
    partial("$dateTrunc", Form::Named(&["date", "unit", "binSize", "timezone", "startOfWeek"])),
    partial(
        "$dateFromParts",
        Form::Named(&[
            "year",
            "month",
            "day",
            "hour",
            "minute",
            "second",
            "millisecond",
            "timezone",
            "isoWeekYear",
            "isoWeek",
            "isoDayOfWeek",
        ]),
    ),
    partial(
        "$dateFromString",
        Form::Named(&["dateString", "format", "timezone", "onError", "onNull"]),
    ),
    partial("$dateToParts", Form::Named(&["date", "timezone", "iso8601"])),
    partial("$dateToString", Form::Named(&["date", "format", "timezone", "onNull"])),
    partial("$dayOfMonth", Form::Dated),
    partial("$dayOfWeek", Form::Dated),
    partial("$dayOfYear", Form::Dated),
    partial("$hour", Form::Dated),
    partial("$isoDayOfWeek", Form::Dated),
    partial("$isoWeek", Form::Dated),
    partial("$isoWeekYear", Form::Dated),
    partial("$millisecond", Form::Dated),
    partial("$minute", Form::Dated),
    partial("$month", Form::Dated),
    partial("$second", Form::Dated),
    partial("$week", Form::Dated),
    partial("$year", Form::Dated),
    no("$function", CODE),
    no("$accumulator", CODE),
    no("$where", CODE),
    no("$rand", RANDOM),
    no("$getField", BY_PATH),
    no("$setField", BY_PATH),
    no("$unsetField", BY_PATH),
    no("$meta", "it tells how a document was found"),
    no("$toHashedIndexKey", "it is for the servers among themselves"),
    no("$score", "it tells how a document was found"),
    no("$minMaxScaler", "not yet"),
];

/// What an accumulator takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::guard::mongo) enum Accumulator {
    /// One expression.
    Of,
    /// `{}`
    Nothing,
    /// A document with some of these keys, each an expression but `sortBy`.
    Named(&'static [&'static str]),
}

/// In `$group` and `$bucket`.
pub(in crate::guard::mongo) const ACCUMULATORS: &[Name<Accumulator>] = &[
    yes("$sum", Accumulator::Of),
    yes("$avg", Accumulator::Of),
    yes("$min", Accumulator::Of),
    yes("$max", Accumulator::Of),
    yes("$first", Accumulator::Of),
    yes("$last", Accumulator::Of),
    yes("$push", Accumulator::Of),
    yes("$addToSet", Accumulator::Of),
    yes("$mergeObjects", Accumulator::Of),
    yes("$stdDevPop", Accumulator::Of),
    yes("$stdDevSamp", Accumulator::Of),
    yes("$count", Accumulator::Nothing),
    yes("$firstN", Accumulator::Named(&["input", "n"])),
    yes("$lastN", Accumulator::Named(&["input", "n"])),
    yes("$maxN", Accumulator::Named(&["input", "n"])),
    yes("$minN", Accumulator::Named(&["input", "n"])),
    yes("$top", Accumulator::Named(&["sortBy", "output"])),
    yes("$bottom", Accumulator::Named(&["sortBy", "output"])),
    yes("$topN", Accumulator::Named(&["sortBy", "output", "n"])),
    yes("$bottomN", Accumulator::Named(&["sortBy", "output", "n"])),
    no("$accumulator", CODE),
    no("$median", "not yet"),
    no("$percentile", "not yet"),
];
