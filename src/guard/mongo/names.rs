//! MongoDB's names and what becomes of each: allow-lists as data, and why what is known is refused.
//!
//! What is on no list is refused too. The reasons are for people; the list of what is allowed is what counts.

mod expressions;

use crate::guard::{Refusal, RefusalCode};
pub(super) use expressions::{ACCUMULATORS, Accumulator, EXPRESSIONS, Form, Operator};

/// A name, and what it means to the guard or why it is refused.
pub(super) struct Name<T: 'static> {
    pub(super) name: &'static str,
    pub(super) verdict: Result<T, &'static str>,
}

const fn yes<T>(name: &'static str, what: T) -> Name<T> {
    Name { name, verdict: Ok(what) }
}

const fn no<T>(name: &'static str, why: &'static str) -> Name<T> {
    Name { name, verdict: Err(why) }
}

/// The entry of a name.
pub(super) fn find<T>(table: &'static [Name<T>], name: &str) -> Option<&'static Name<T>> {
    table.iter().find(|entry| entry.name == name)
}

/// What an allowed operator means, or the refusal.
pub(super) fn known<T: Copy>(
    table: &'static [Name<T>],
    name: &str,
    code: RefusalCode,
) -> Result<T, Refusal> {
    match find(table, name) {
        Some(Name { verdict: Ok(what), .. }) => Ok(*what),
        Some(Name { verdict: Err(why), .. }) => {
            Err(Refusal::new(code, format!("`{name}` is not supported: {why}"), "do without it"))
        }
        None => Err(Refusal::new(
            code,
            format!("`{name}` is not supported here"),
            "use the common stages and operators of MongoDB's manual",
        )),
    }
}

/// A field of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Filter,
    Projection,
    Sort,
    Skip,
    Limit,
    Pipeline,
    Key,
    /// Read, and not sent.
    Dropped,
}

const ORDER: &str = "which chooses what is looked at first";
const OURS: &str = "which is the guard's to set";
const INTERNAL: &str = "which is for the servers among themselves";
const FOREIGN: &str = "which tells of documents that are not the caller's";

/// <https://www.mongodb.com/docs/manual/reference/command/find/>
pub(super) const FIND: &[Name<Field>] = &[
    yes("filter", Field::Filter),
    yes("projection", Field::Projection),
    yes("sort", Field::Sort),
    yes("skip", Field::Skip),
    yes("limit", Field::Limit),
    yes("batchSize", Field::Dropped),
    yes("singleBatch", Field::Dropped),
    no("hint", ORDER),
    no("min", ORDER),
    no("max", ORDER),
    no("returnKey", "which gives keys of indexes for documents"),
    no("showRecordId", FOREIGN),
    no("tailable", "which keeps a cursor open"),
    no("awaitData", "which keeps a cursor open"),
    no("noCursorTimeout", "which keeps a cursor open"),
    no("oplogReplay", INTERNAL),
    no("allowPartialResults", "which hides that shards are down"),
    no("collation", OURS),
    no("let", "whose variables are not needed: write the values"),
    no("comment", OURS),
    no("maxTimeMS", OURS),
    no("readConcern", OURS),
    no("allowDiskUse", OURS),
    no("$db", OURS),
    no("lsid", OURS),
    no("$readPreference", OURS),
    no("options", INTERNAL),
    no("term", INTERNAL),
    no("readOnce", INTERNAL),
    no("$queryOptions", INTERNAL),
    no("$_requestResumeToken", INTERNAL),
    no("$_resumeAfter", INTERNAL),
    no("runtimeConstants", INTERNAL),
    no("collectionUUID", INTERNAL),
    no("ntoreturn", INTERNAL),
];

/// <https://www.mongodb.com/docs/manual/reference/command/aggregate/>
pub(super) const AGGREGATE: &[Name<Field>] = &[
    yes("pipeline", Field::Pipeline),
    yes("cursor", Field::Dropped),
    no("explain", FOREIGN),
    no("hint", ORDER),
    no("collation", OURS),
    no("let", "whose variables are not needed: write the values"),
    no("comment", OURS),
    no("maxTimeMS", OURS),
    no("readConcern", OURS),
    no("writeConcern", "and nothing is written"),
    no("bypassDocumentValidation", "and nothing is written"),
    no("allowDiskUse", OURS),
    no("$db", OURS),
    no("lsid", OURS),
    no("needsMerge", INTERNAL),
    no("fromMongos", INTERNAL),
    no("exchange", INTERNAL),
    no("runtimeConstants", INTERNAL),
    no("isMapReduceCommand", INTERNAL),
    no("collectionUUID", INTERNAL),
    no("$_passthroughToShard", INTERNAL),
    no("encryptionInformation", INTERNAL),
    no("$_externalDataSources", "which reads files"),
    no("sampleId", INTERNAL),
    no("$_requestReshardingResumeToken", INTERNAL),
];

/// <https://www.mongodb.com/docs/manual/reference/command/count/>
pub(super) const COUNT: &[Name<Field>] = &[
    yes("query", Field::Filter),
    yes("skip", Field::Skip),
    yes("limit", Field::Limit),
    no("hint", ORDER),
    no("collation", OURS),
    no("maxTimeMS", OURS),
    no("readConcern", OURS),
    no("comment", OURS),
];

/// <https://www.mongodb.com/docs/manual/reference/command/distinct/>
pub(super) const DISTINCT: &[Name<Field>] = &[
    yes("key", Field::Key),
    yes("query", Field::Filter),
    no("hint", ORDER),
    no("collation", OURS),
    no("maxTimeMS", OURS),
    no("readConcern", OURS),
    no("comment", OURS),
];

/// A stage that is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Match,
    Project,
    AddFields,
    Unset,
    Group,
    Sort,
    Limit,
    Skip,
    Count,
    Unwind,
    SortByCount,
    Bucket,
    Facet,
    Lookup,
    UnionWith,
    GraphLookup,
    ReplaceRoot,
    ReplaceWith,
    GeoNear,
    Documents,
}

const STATISTICS: &str = "it tells of other callers and of the whole collection";
const WRITES: &str = "nothing is written";
const SEARCH: &str = "the catalog does not say which fields a search index covers";

/// <https://www.mongodb.com/docs/manual/reference/operator/aggregation-pipeline/>
pub(super) const STAGES: &[Name<Stage>] = &[
    yes("$match", Stage::Match),
    yes("$project", Stage::Project),
    yes("$addFields", Stage::AddFields),
    yes("$set", Stage::AddFields),
    yes("$unset", Stage::Unset),
    yes("$group", Stage::Group),
    yes("$sort", Stage::Sort),
    yes("$limit", Stage::Limit),
    yes("$skip", Stage::Skip),
    yes("$count", Stage::Count),
    yes("$unwind", Stage::Unwind),
    yes("$sortByCount", Stage::SortByCount),
    yes("$bucket", Stage::Bucket),
    yes("$facet", Stage::Facet),
    yes("$lookup", Stage::Lookup),
    yes("$unionWith", Stage::UnionWith),
    yes("$graphLookup", Stage::GraphLookup),
    yes("$replaceRoot", Stage::ReplaceRoot),
    yes("$replaceWith", Stage::ReplaceWith),
    yes("$geoNear", Stage::GeoNear),
    yes("$documents", Stage::Documents),
    no("$out", WRITES),
    no("$merge", WRITES),
    no("$search", SEARCH),
    no("$searchMeta", "it counts documents of every caller"),
    no("$vectorSearch", SEARCH),
    no("$rankFusion", SEARCH),
    no("$scoreFusion", SEARCH),
    no("$rerank", "it sends documents to another service"),
    no("$score", SEARCH),
    no("$changeStream", "a deletion does not say whose it was"),
    no("$changeStreamSplitLargeEvent", "a deletion does not say whose it was"),
    no("$collStats", STATISTICS),
    no("$indexStats", STATISTICS),
    no("$planCacheStats", STATISTICS),
    no("$currentOp", STATISTICS),
    no("$listSessions", STATISTICS),
    no("$listLocalSessions", STATISTICS),
    no("$listSampledQueries", STATISTICS),
    no("$queryStats", STATISTICS),
    no("$querySettings", STATISTICS),
    no("$shardedDataDistribution", STATISTICS),
    no("$listSearchIndexes", STATISTICS),
    no("$listClusterCatalog", STATISTICS),
    no("$listCatalog", STATISTICS),
    no("$listMqlEntities", STATISTICS),
    no("$operationMetrics", STATISTICS),
    no("$backupCursor", STATISTICS),
    no("$backupCursorExtend", STATISTICS),
    no("$mergeCursors", "it is for the servers among themselves"),
    no("$exchange", "it is for the servers among themselves"),
    no("$setVariableFromSubPipeline", "it is for the servers among themselves"),
    no("$sample", "the answer would differ each time"),
    no("$redact", "`$match` and `$project` say the same"),
    no("$bucketAuto", "not yet"),
    no("$densify", "it makes documents without a bound"),
    no("$fill", "not yet"),
    no("$setWindowFields", "not yet"),
];

/// What a query operator takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Query {
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

const CODE: &str = "it runs JavaScript";
const NEAR: &str = "use the stage `$geoNear`, or `$geoWithin`";

/// <https://www.mongodb.com/docs/manual/reference/operator/query/>
pub(super) const QUERY: &[Name<Query>] = &[
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
    no("$near", NEAR),
    no("$nearSphere", NEAR),
    no("$where", CODE),
    no("$function", CODE),
    no("$text", SEARCH),
    no("$jsonSchema", "write the conditions themselves"),
    no("$comment", "comments are not sent"),
    no("$rand", "the answer would differ each time"),
    no("$sampleRate", "the answer would differ each time"),
    no("$and", "it stands beside fields and not inside of one"),
    no("$or", "it stands beside fields and not inside of one"),
    no("$nor", "it stands beside fields and not inside of one"),
    no("$expr", "it stands beside fields and not inside of one"),
];
