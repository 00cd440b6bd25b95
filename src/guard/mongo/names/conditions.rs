//! The operators of conditions.

use super::{CODE, Name, RANDOM, SEARCH, no, no_but, yes};

/// What a query operator takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::guard::mongo) enum Query {
    /// One value.
    Value,
    /// An array of values.
    Values,
    /// An array of values or patterns.
    Members,
    /// `true`, `false` or a number.
    Flag,
    /// Names or numbers of types.
    Types,
    /// A whole number.
    Whole,
    /// Divisor and remainder.
    Modulo,
    /// A condition on the elements of an array.
    Elements,
    /// Operators, or a pattern.
    Negated,
    /// A pattern.
    Pattern,
    /// Letters beside `$regex`.
    Options,
    /// Bits, by number or by position.
    Bits,
    /// A shape on a map.
    Geometry,
}

impl Query {
    /// Whether it may fail, or give up, on a document.
    pub(super) fn may_fail(self) -> bool {
        match self {
            // A pattern that repeats nothing does not: see `admit::regex`.
            Self::Pattern | Self::Geometry => true,
            Self::Value
            | Self::Values
            | Self::Members
            | Self::Flag
            | Self::Types
            | Self::Whole
            | Self::Modulo
            | Self::Elements
            | Self::Negated
            | Self::Options
            | Self::Bits => false,
        }
    }
}

const NEAR: &str = "it has no place in a pipeline, and its order depends on an index";
const BESIDE: &str = "it stands beside fields and not inside of one";
const OUTSIDE: &str =
    "write `{ $or: [{ field: .. }, { field: .. }] }`, and so for `$and`, `$nor` and `$expr`";

/// <https://www.mongodb.com/docs/manual/reference/operator/query/>
pub(in crate::guard::mongo) const QUERY: &[Name<Query>] = &[
    yes("$eq", Query::Value),
    yes("$ne", Query::Value),
    yes("$gt", Query::Value),
    yes("$gte", Query::Value),
    yes("$lt", Query::Value),
    yes("$lte", Query::Value),
    yes("$in", Query::Members),
    yes("$nin", Query::Members),
    yes("$all", Query::Values),
    yes("$exists", Query::Flag),
    yes("$type", Query::Types),
    yes("$size", Query::Whole),
    yes("$mod", Query::Modulo),
    yes("$elemMatch", Query::Elements),
    yes("$not", Query::Negated),
    yes("$regex", Query::Pattern),
    yes("$options", Query::Options),
    yes("$bitsAllSet", Query::Bits),
    yes("$bitsAllClear", Query::Bits),
    yes("$bitsAnySet", Query::Bits),
    yes("$bitsAnyClear", Query::Bits),
    yes("$geoWithin", Query::Geometry),
    yes("$geoIntersects", Query::Geometry),
    no_but("$near", NEAR, "use the stage `$geoNear`, or `$geoWithin`"),
    no_but("$nearSphere", NEAR, "use the stage `$geoNear`, or `$geoWithin`"),
    no_but("$where", CODE, "use `$expr`"),
    no_but("$function", CODE, "use `$expr`"),
    no_but("$text", SEARCH, "use `$regex` on a field, with option `i` to ignore case"),
    no_but(
        "$jsonSchema",
        "it is a language of its own",
        "write the conditions with `$type`, `$exists` and comparisons",
    ),
    no_but("$comment", "comments are not sent", "leave it out"),
    no("$rand", RANDOM),
    no_but("$sampleRate", RANDOM, "use `$sort` and `$limit`"),
    no_but("$and", BESIDE, OUTSIDE),
    no_but("$or", BESIDE, OUTSIDE),
    no_but("$nor", BESIDE, OUTSIDE),
    no_but("$expr", BESIDE, OUTSIDE),
];
