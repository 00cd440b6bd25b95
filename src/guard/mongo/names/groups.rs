//! What groups and windows compute.

use super::{CODE, Name, no_but, yes};

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

const OTHERS: &str = "use the other accumulators";

/// In `$group`, `$bucket` and `$bucketAuto`.
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
    yes("$concatArrays", Accumulator::Of),
    yes("$setUnion", Accumulator::Of),
    yes("$median", Accumulator::Named(&["input", "method"])),
    yes("$percentile", Accumulator::Named(&["input", "p", "method"])),
    no_but("$accumulator", CODE, OTHERS),
    no_but("$function", CODE, OTHERS),
];

/// What an operator over a window takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::guard::mongo) enum Window {
    /// What it takes in a group.
    Group,
    /// One expression.
    Of,
    /// `{}`
    Nothing,
    /// A document with some of these keys: `input` and `output` are expressions, the others literal values.
    Named(&'static [&'static str]),
}

/// In `$setWindowFields`.
pub(in crate::guard::mongo) const WINDOWS: &[Name<Window>] = &[
    yes("$sum", Window::Group),
    yes("$avg", Window::Group),
    yes("$min", Window::Group),
    yes("$max", Window::Group),
    yes("$first", Window::Group),
    yes("$last", Window::Group),
    yes("$push", Window::Group),
    yes("$addToSet", Window::Group),
    yes("$stdDevPop", Window::Group),
    yes("$stdDevSamp", Window::Group),
    yes("$count", Window::Group),
    yes("$firstN", Window::Group),
    yes("$lastN", Window::Group),
    yes("$maxN", Window::Group),
    yes("$minN", Window::Group),
    yes("$top", Window::Group),
    yes("$bottom", Window::Group),
    yes("$topN", Window::Group),
    yes("$bottomN", Window::Group),
    yes("$concatArrays", Window::Group),
    yes("$setUnion", Window::Group),
    yes("$median", Window::Group),
    yes("$percentile", Window::Group),
    yes("$covariancePop", Window::Of),
    yes("$covarianceSamp", Window::Of),
    yes("$linearFill", Window::Of),
    yes("$locf", Window::Of),
    yes("$denseRank", Window::Nothing),
    yes("$rank", Window::Nothing),
    yes("$documentNumber", Window::Nothing),
    yes("$derivative", Window::Named(&["input", "unit"])),
    yes("$integral", Window::Named(&["input", "unit"])),
    yes("$expMovingAvg", Window::Named(&["input", "N", "alpha"])),
    yes("$shift", Window::Named(&["output", "by", "default"])),
    yes("$minMaxScaler", Window::Named(&["input", "min", "max"])),
    no_but("$accumulator", CODE, OTHERS),
    no_but("$function", CODE, OTHERS),
];
