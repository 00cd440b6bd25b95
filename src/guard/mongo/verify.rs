//! A second pair of eyes: the bytes that are about to leave are read once more, by other means.
//!
//! It shares no code with the rewriter and knows no operator: it walks the raw command and asks, of whatever names a
//! collection, whether the very filter of that collection comes first there, and then the projection to the listed
//! columns. What the filter is, is asked of `emit`, whose rows the oracles compare. It looks for stages everywhere, also
//! where none should be: in an expression a key like `$lookup` has no business, and is a disagreement.

mod columns;

use bson::raw::{CStr, RawArray, RawBsonRef, RawDocument, RawDocumentBuf};
use bson::{Bson, Document};

use super::emit;
use super::sources::{Source, Sources};
use crate::catalog::{Catalog, Relation};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{Predicate, PredicateSet};
use columns::{chosen, cut_to_columns, listed, listed_paths};

/// The fields that commands may have; the first names the command.
const FIELDS: [(&str, &[&str]); 4] = [
    ("find", &["filter", "projection", "sort", "skip", "limit", "collation"]),
    ("aggregate", &["pipeline", "cursor", "allowDiskUse", "collation"]),
    ("count", &["query", "skip", "limit", "collation"]),
    ("distinct", &["key", "query", "collation"]),
];

/// The stages that read nothing but what came before them.
const STAGES: [&str; 20] = [
    "$match",
    "$project",
    "$addFields",
    "$set",
    "$unset",
    "$group",
    "$sort",
    "$limit",
    "$skip",
    "$count",
    "$unwind",
    "$sortByCount",
    "$bucket",
    "$replaceRoot",
    "$replaceWith",
    "$redact",
    "$bucketAuto",
    "$setWindowFields",
    "$fill",
    "$densify",
];

/// The fields of `$geoNear`.
const NEAR: [&str; 8] = [
    "near",
    "key",
    "distanceField",
    "query",
    "spherical",
    "maxDistance",
    "minDistance",
    "distanceMultiplier",
];

/// Keys that nothing may have anywhere, but in the place where a stage is expected.
const READERS: [&str; 20] = [
    "$lookup",
    "$unionWith",
    "$graphLookup",
    "$facet",
    "$geoNear",
    "$documents",
    "$out",
    "$merge",
    "$search",
    "$searchMeta",
    "$vectorSearch",
    "$rankFusion",
    "$scoreFusion",
    "$where",
    "$function",
    "$accumulator",
    "$text",
    "$near",
    "$nearSphere",
    "$collStats",
];

/// Checks that every collection in the command is behind its filter.
pub(super) fn verify(
    command: &RawDocument,
    catalog: &Catalog,
    filters: &PredicateSet,
    fence: bool,
) -> Result<(), Refusal> {
    let sources = Sources::of(catalog, filters);
    let verified = Verifier { catalog, sources: &sources, fence }.command(command);
    verified.ok_or_else(|| {
        tracing::error!("a rewritten command was not verified and is refused");
        Refusal::new(
            RefusalCode::Unverified,
            "the rewritten query could not be verified",
            "rephrase the query; this is worth a report",
        )
    })
}

struct Verifier<'a> {
    catalog: &'a Catalog,
    sources: &'a Sources,
    fence: bool,
}

/// What must come first where a collection is read: made here, not where it is written, and once for a caller.
#[derive(Debug)]
pub(super) struct Expected {
    /// The filter; absent where every document may be read.
    filter: Option<RawDocumentBuf>,
    /// The projection to the listed columns.
    columns: RawDocumentBuf,
}

impl Expected {
    pub(super) fn of(relation: &Relation, predicate: Option<&Predicate>) -> Result<Self, Refusal> {
        let encode = |document: &Document| {
            RawDocumentBuf::try_from(document).map_err(|_| super::tree::mismatch())
        };
        let filter = predicate.map(|predicate| encode(&emit::condition(predicate, relation)?));
        Ok(Self { filter: filter.transpose()?, columns: encode(&columns::all(relation, None))? })
    }
}

/// `None` is a disagreement.
type Verified<T> = Option<T>;

type Stages<'c> = Vec<(&'c str, RawBsonRef<'c>)>;

impl<'a> Verifier<'a> {
    fn command(&self, command: &RawDocument) -> Verified<()> {
        let fields: Vec<(&str, RawBsonRef<'_>)> = command
            .iter()
            .map(|field| field.ok().map(|(key, value)| (key.as_str(), value)))
            .collect::<Option<_>>()?;
        unique(fields.iter().map(|(key, _)| *key).collect())?;
        let field = |wanted: &str| fields.iter().find(|(key, _)| *key == wanted).map(|(_, it)| *it);
        let ((kind, name), others) = fields.split_first()?;
        let source = self.source_of(name.as_str()?)?;
        let relation = &source.relation;
        let (_, allowed) = FIELDS.iter().find(|(name, _)| name == kind)?;
        for (key, value) in others {
            allowed.contains(key).then_some(())?;
            match *key {
                "collation" => is(*value, &Bson::Document(simple()))?,
                // Looked at below.
                "pipeline" | "projection" | "sort" | "filter" | "query" => {}
                // Nothing in the fields of a command reads a collection.
                _ => inert(*value)?,
            }
        }
        (self.sources.strings == field("collation").is_some()).then_some(())?;
        match *kind {
            "find" => {
                // Beside the query's own condition there is no fence.
                (!self.fence).then_some(())?;
                chosen(field("projection")?.as_document()?, relation)?;
                listed_paths(field("sort"), relation)?;
                Self::filtered(field("filter")?.as_document()?, source)
            }
            "aggregate" => self.source(stages(field("pipeline")?.as_array()?)?, source),
            "count" => {
                (!self.fence).then_some(())?;
                Self::filtered(field("query")?.as_document()?, source)
            }
            _ => {
                (!self.fence).then_some(())?;
                listed(field("key")?.as_str()?, relation)?;
                Self::filtered(field("query")?.as_document()?, source)
            }
        }
    }

    /// A collection that the caller may read: as the catalog has it, not as another one had it.
    fn source_of(&self, name: &str) -> Verified<&'a Source> {
        let source = self.sources.get(name).ok()??;
        let relation = self.catalog.relation(&source.relation.name)?;
        (source.relation == *relation).then_some(source)
    }

    /// A condition that is the filter, or `{$and: [filter, own]}`.
    fn filtered(condition: &RawDocument, source: &Source) -> Verified<()> {
        let Some(filter) = &source.expected.filter else { return inert_document(condition) };
        if condition.as_bytes() == filter.as_bytes() {
            return Some(());
        }
        let mut parts = condition.iter();
        let (key, operands) = parts.next()?.ok()?;
        if key.as_str() != "$and" || parts.next().is_some() {
            return None;
        }
        let mut operands = operands.as_array()?.into_iter();
        bytes(operands.next()?.ok()?, filter)?;
        inert(operands.next()?.ok()?)?;
        operands.next().is_none().then_some(())
    }

    /// A pipeline over a collection: filter, fence, projection, and then what the query says.
    fn source(&self, stages: Stages<'_>, source: &Source) -> Verified<()> {
        let mut stages = stages.into_iter();
        let Source { relation, expected, .. } = source;
        let filter = &expected.filter;
        let (name, value) = stages.next()?;
        let mut added = None;
        let mut projection = None;
        if name == "$geoNear" {
            let near = value.as_document()?;
            only(near, &NEAR)?;
            match near.get("query").ok()? {
                Some(query) => Self::filtered(query.as_document()?, source)?,
                None => filter.is_none().then_some(())?,
            }
            listed(near.get_str("key").ok()?, relation)?;
            let distance = near.get_str("distanceField").ok()?;
            // What the distance is written to must not be what a rule looks at.
            let own = |path: &str| path.split('.').next() == Some(distance);
            (!relation.columns.iter().any(|column| own(column.name.as_str()))).then_some(())?;
            added = Some(distance);
        } else if let Some(filter) = filter {
            (name == "$match").then_some(())?;
            bytes(value, filter)?;
        } else {
            projection = Some((name, value));
        }
        if self.fence && filter.is_some() {
            let (name, value) = stages.next()?;
            (name == "$limit" && value.as_i64() == Some(i64::MAX)).then_some(())?;
        }
        let (name, value) = match projection {
            Some(first) => first,
            None => stages.next()?,
        };
        (name == "$project").then_some(())?;
        match added {
            None => bytes(value, &expected.columns)?,
            Some(added) => is(value, &Bson::Document(columns::all(relation, Some(added))))?,
        }
        self.within(stages.collect())
    }

    /// Stages after a source.
    fn within(&self, stages: Stages<'_>) -> Verified<()> {
        let mut stages = stages.into_iter().peekable();
        while let Some((name, value)) = stages.next() {
            match name {
                "$lookup" => {
                    let fields = value.as_document()?;
                    only(fields, &["from", "localField", "foreignField", "let", "pipeline", "as"])?;
                    let inner = self::stages(fields.get_array("pipeline").ok()?)?;
                    self.joined(fields.get("from").ok()?, inner, |relation| {
                        match fields.get("foreignField").ok()? {
                            Some(path) => listed(path.as_str()?, relation),
                            None => Some(()),
                        }
                    })?;
                    if let Some(variables) = fields.get("let").ok()? {
                        inert(variables)?;
                    }
                }
                "$unionWith" => {
                    let fields = value.as_document()?;
                    only(fields, &["coll", "pipeline"])?;
                    let inner = self::stages(fields.get_array("pipeline").ok()?)?;
                    self.joined(fields.get("coll").ok()?, inner, |_| Some(()))?;
                }
                "$graphLookup" => {
                    let fields = value.as_document()?;
                    self.walked(fields)?;
                    let (next, cut) = stages.next()?;
                    (next == "$addFields").then_some(())?;
                    let relation = &self.source_of(fields.get_str("from").ok()?)?.relation;
                    let depth = fields.get("depthField").ok()?.map(bson::RawBsonRef::as_str);
                    is(
                        cut,
                        &cut_to_columns(fields.get_str("as").ok()?, relation, depth.flatten()),
                    )?;
                }
                "$facet" => {
                    for branch in value.as_document()? {
                        self.within(self::stages(branch.ok()?.1.as_array()?)?)?;
                    }
                }
                name => {
                    STAGES.contains(&name).then_some(())?;
                    inert(value)?;
                }
            }
        }
        Some(())
    }

    fn joined(
        &self,
        from: Option<RawBsonRef<'_>>,
        stages: Stages<'_>,
        check: impl Fn(&Relation) -> Verified<()>,
    ) -> Verified<()> {
        if let Some(from) = from {
            let source = self.source_of(from.as_str()?)?;
            check(&source.relation)?;
            return self.source(stages, source);
        }
        let mut stages = stages.into_iter();
        let (name, value) = stages.next()?;
        (name == "$documents").then_some(())?;
        inert(value)?;
        self.within(stages.collect())
    }

    fn walked(&self, fields: &RawDocument) -> Verified<()> {
        const KEYS: [&str; 8] = [
            "from",
            "startWith",
            "connectFromField",
            "connectToField",
            "as",
            "maxDepth",
            "depthField",
            "restrictSearchWithMatch",
        ];
        only(fields, &KEYS)?;
        let source = self.source_of(fields.get_str("from").ok()?)?;
        let relation = &source.relation;
        listed(fields.get_str("connectFromField").ok()?, relation)?;
        listed(fields.get_str("connectToField").ok()?, relation)?;
        inert(fields.get("startWith").ok()??)?;
        match fields.get("restrictSearchWithMatch").ok()? {
            Some(condition) => Self::filtered(condition.as_document()?, source),
            None => source.expected.filter.is_none().then_some(()),
        }
    }
}

fn simple() -> Document {
    Document::from_iter([("locale".to_owned(), Bson::String("simple".to_owned()))])
}

/// The stages of a pipeline, each with its only key.
fn stages(pipeline: &RawArray) -> Verified<Stages<'_>> {
    pipeline
        .into_iter()
        .map(|stage| {
            let RawBsonRef::Document(stage) = stage.ok()? else { return None };
            let mut fields = stage.iter();
            let (name, value) = fields.next()?.ok()?;
            fields.next().is_none().then_some((name.as_str(), value))
        })
        .collect()
}

fn only(fields: &RawDocument, keys: &[&str]) -> Verified<()> {
    fields
        .iter()
        .all(|field| field.is_ok_and(|(key, _)| keys.contains(&key.as_str())))
        .then_some(())
}

/// Whether a raw value is this document, byte by byte.
fn bytes(raw: RawBsonRef<'_>, expected: &RawDocument) -> Verified<()> {
    (raw.as_document()?.as_bytes() == expected.as_bytes()).then_some(())
}

/// Whether a raw value is this one, field by field in the same order.
fn is(raw: RawBsonRef<'_>, expected: &Bson) -> Verified<()> {
    match (raw, expected) {
        (RawBsonRef::Document(raw), Bson::Document(expected)) => {
            let mut expected = expected.iter();
            for field in raw {
                let (key, value) = field.ok()?;
                let (own, wanted) = expected.next()?;
                (key.as_str() == own).then_some(())?;
                is(value, wanted)?;
            }
            expected.next().is_none().then_some(())
        }
        (RawBsonRef::Array(raw), Bson::Array(expected)) => {
            let mut expected = expected.iter();
            for item in raw {
                is(item.ok()?, expected.next()?)?;
            }
            expected.next().is_none().then_some(())
        }
        (raw, expected) => (Bson::try_from(raw).ok()? == *expected).then_some(()),
    }
}

/// That nothing in a value reads a collection, writes or runs code, and that no key is there twice.
fn inert(value: RawBsonRef<'_>) -> Verified<()> {
    match value {
        RawBsonRef::Document(document) => inert_document(document),
        RawBsonRef::Array(items) => items.into_iter().try_for_each(|item| inert(item.ok()?)),
        RawBsonRef::JavaScriptCode(_)
        | RawBsonRef::JavaScriptCodeWithScope(_)
        | RawBsonRef::Symbol(_)
        | RawBsonRef::DbPointer(_)
        | RawBsonRef::Undefined => None,
        _ => Some(()),
    }
}

fn inert_document(document: &RawDocument) -> Verified<()> {
    let mut fields = document.iter();
    let Some(first) = fields.next() else { return Some(()) };
    let first = inert_field(first.ok()?)?;
    // Most documents of a query have one field.
    let Some(second) = fields.next() else { return Some(()) };
    let mut keys = vec![first, inert_field(second.ok()?)?];
    for field in fields {
        keys.push(inert_field(field.ok()?)?);
    }
    unique(keys)
}

/// The name of a field that does nothing.
fn inert_field<'d>((key, value): (&'d CStr, RawBsonRef<'d>)) -> Verified<&'d str> {
    let key = key.as_str();
    let reads = key.starts_with('$') && READERS.contains(&key);
    (!reads && !key.starts_with("$_")).then_some(())?;
    inert(value)?;
    Some(key)
}

fn unique(mut keys: Vec<&str>) -> Verified<()> {
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    (keys.len() == all).then_some(())
}

#[cfg(test)]
mod tests;
