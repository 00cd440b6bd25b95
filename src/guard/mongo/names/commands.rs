//! The fields of commands.

use super::{Name, no, yes};

/// A field of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::guard::mongo) enum Field {
    Filter,
    Projection,
    Sort,
    Skip,
    Limit,
    Pipeline,
    Key,
    /// How the server is to work, and not what it is to find: read, and not sent.
    Dropped,
}

const ORDER: &str = "which chooses what is looked at first";
const OURS: &str = "which is the guard's to set";
const INTERNAL: &str = "which is for the servers among themselves";
const FOREIGN: &str = "which tells of documents that are not the caller's";

/// <https://www.mongodb.com/docs/manual/reference/command/find/>
pub(in crate::guard::mongo) const FIND: &[Name<Field>] = &[
    yes("filter", Field::Filter),
    yes("projection", Field::Projection),
    yes("sort", Field::Sort),
    yes("skip", Field::Skip),
    yes("limit", Field::Limit),
    yes("batchSize", Field::Dropped),
    yes("singleBatch", Field::Dropped),
    yes("allowDiskUse", Field::Dropped),
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
pub(in crate::guard::mongo) const AGGREGATE: &[Name<Field>] = &[
    yes("pipeline", Field::Pipeline),
    yes("cursor", Field::Dropped),
    yes("allowDiskUse", Field::Dropped),
    no("explain", FOREIGN),
    no("hint", ORDER),
    no("collation", OURS),
    no("let", "whose variables are not needed: write the values"),
    no("comment", OURS),
    no("maxTimeMS", OURS),
    no("readConcern", OURS),
    no("writeConcern", "and nothing is written"),
    no("bypassDocumentValidation", "and nothing is written"),
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
pub(in crate::guard::mongo) const COUNT: &[Name<Field>] = &[
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
pub(in crate::guard::mongo) const DISTINCT: &[Name<Field>] = &[
    yes("key", Field::Key),
    yes("query", Field::Filter),
    no("hint", ORDER),
    no("collation", OURS),
    no("maxTimeMS", OURS),
    no("readConcern", OURS),
    no("comment", OURS),
];
