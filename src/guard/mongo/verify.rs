//! A second pair of eyes: the bytes that are about to leave are read once more, by other means.
//!
//! It shares no code with the rewriter and knows no operator: it walks the raw command and asks, of whatever names a
//! collection, whether the very filter of that collection comes first there, and then the projection to the listed
//! columns: every column that the projection lets through has its own filter in that of the place, and a masked one is its
//! mask. What a filter or a mask is, is asked of `emit`, whose rows the oracles compare. It looks for stages everywhere, also
//! where none should be: in an expression a key like `$lookup` has no business, and is a disagreement.

mod columns;
mod shown;

use bson::raw::{CStr, RawArray, RawBsonRef, RawDocument, RawDocumentBuf};
use bson::{Bson, Document};

use super::sources::{Source, Sources};
use crate::catalog::Catalog;
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::PredicateSet;
use columns::{chosen, cut_to_columns, listed, listed_paths};
pub(super) use shown::Expected;
use shown::{Here, paths_of};

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
        let expected = self.expected_of(name.as_str()?)?;
        let relation = &expected.relation;
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
                expected.is_plain()?;
                chosen(field("projection")?.as_document()?, relation)?;
                listed_paths(field("sort"), relation)?;
                filtered(field("filter")?.as_document()?, expected.filter.as_ref())
            }
            "aggregate" => self.source(stages(field("pipeline")?.as_array()?)?, expected, None),
            "count" => {
                (!self.fence).then_some(())?;
                expected.is_plain()?;
                filtered(field("query")?.as_document()?, expected.filter.as_ref())
            }
            _ => {
                (!self.fence).then_some(())?;
                let key = field("key")?.as_str()?;
                listed(key, relation)?;
                Self::distinct(key, field("query")?.as_document()?, expected)
            }
        }
    }

    /// What the caller may read of a collection: as the catalog has it, not as another one had it.
    fn expected_of(&self, name: &str) -> Verified<&'a Expected> {
        let source: &Source = self.sources.get(name).ok()??;
        let relation = self.catalog.relation(&source.relation.name)?;
        (source.relation == *relation).then_some(&source.expected)
    }

    /// A `distinct`, which has no projection: its paths say what it sees.
    fn distinct(key: &str, query: &RawDocument, expected: &Expected) -> Verified<()> {
        if expected.is_plain().is_some() {
            return filtered(query, expected.filter.as_ref());
        }
        let filter = |own: Option<RawBsonRef<'_>>| {
            let mut paths = vec![key.to_owned()];
            own.into_iter().try_for_each(|own| paths_of(own, &mut paths))?;
            paths.iter().try_for_each(|path| expected.is_clear_at(path))?;
            expected.filter_seeing(&paths)
        };
        // The filter alone, the filter and a condition, or a condition where there is no filter.
        if let Some(filter) = filter(None)?
            && query.as_bytes() == filter.as_bytes()
        {
            return Some(());
        }
        if let Some(own) = beside(query)
            && let Some(Some(filter)) = filter(Some(own))
        {
            return filtered(query, Some(&filter));
        }
        match filter(Some(RawBsonRef::Document(query)))? {
            Some(_) => None,
            None => inert_document(query),
        }
    }

    /// A pipeline over a collection, maybe looked up `by` a field: filter, fence, projection, and then what the query says.
    fn source(&self, stages: Stages<'_>, expected: &Expected, by: Option<&str>) -> Verified<()> {
        let relation = &expected.relation;
        let near = match stages.first()? {
            ("$geoNear", near) => Some(near.as_document()?),
            _ => None,
        };
        let added = near.map(|near| near.get_str("distanceField")).transpose().ok()?;
        let Here { mut filter, columns } = expected.here(&stages, by, added)?;
        let mut stages = stages.into_iter();
        if let (Some(near), Some(distance)) = (near, added) {
            stages.next()?;
            only(near, &NEAR)?;
            // It looks at whole documents.
            expected.is_clear()?;
            filter = expected.filter_seeing_all()?;
            match near.get("query").ok()? {
                Some(query) => filtered(query.as_document()?, filter.as_deref())?,
                None => filter.is_none().then_some(())?,
            }
            listed(near.get_str("key").ok()?, relation)?;
            // What the distance is written to must not be what a rule looks at.
            let own = |path: &str| path.split('.').next() == Some(distance);
            (!relation.columns.iter().any(|column| own(column.name.as_str()))).then_some(())?;
        } else if let Some(filter) = &filter {
            let (name, value) = stages.next()?;
            (name == "$match").then_some(())?;
            bytes(value, filter)?;
        }
        if self.fence && filter.is_some() {
            let (name, value) = stages.next()?;
            (name == "$limit" && value.as_i64() == Some(i64::MAX)).then_some(())?;
        }
        let (name, value) = stages.next()?;
        (name == "$project").then_some(())?;
        match (added, columns) {
            (None, Some(columns)) => bytes(value, columns)?,
            (Some(added), _) if expected.is_plain().is_some() => {
                is(value, &Bson::Document(columns::all(relation, Some(added))))?;
            }
            // Looked at already.
            (_, _) => {}
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
                    let by = fields.get("foreignField").ok()?;
                    let by = match by {
                        Some(by) => Some(by.as_str()?),
                        None => None,
                    };
                    self.joined(fields.get("from").ok()?, inner, by)?;
                    if let Some(variables) = fields.get("let").ok()? {
                        inert(variables)?;
                    }
                }
                "$unionWith" => {
                    let fields = value.as_document()?;
                    only(fields, &["coll", "pipeline"])?;
                    let inner = self::stages(fields.get_array("pipeline").ok()?)?;
                    self.joined(fields.get("coll").ok()?, inner, None)?;
                }
                "$graphLookup" => {
                    let fields = value.as_document()?;
                    self.walked(fields)?;
                    let (next, cut) = stages.next()?;
                    (next == "$addFields").then_some(())?;
                    let relation = &self.expected_of(fields.get_str("from").ok()?)?.relation;
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
        by: Option<&str>,
    ) -> Verified<()> {
        if let Some(from) = from {
            let expected = self.expected_of(from.as_str()?)?;
            by.map_or(Some(()), |by| listed(by, &expected.relation))?;
            return self.source(stages, expected, by);
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
        let expected = self.expected_of(fields.get_str("from").ok()?)?;
        let relation = &expected.relation;
        // It looks at whole documents.
        expected.is_clear()?;
        let filter = expected.filter_seeing_all()?;
        listed(fields.get_str("connectFromField").ok()?, relation)?;
        listed(fields.get_str("connectToField").ok()?, relation)?;
        inert(fields.get("startWith").ok()??)?;
        match fields.get("restrictSearchWithMatch").ok()? {
            Some(condition) => filtered(condition.as_document()?, filter.as_deref()),
            None => filter.is_none().then_some(()),
        }
    }
}

/// A condition that is the filter, or `{$and: [filter, own]}`.
fn filtered(condition: &RawDocument, filter: Option<&RawDocumentBuf>) -> Verified<()> {
    let Some(filter) = filter else { return inert_document(condition) };
    if condition.as_bytes() == filter.as_bytes() {
        return Some(());
    }
    let own = beside(condition)?;
    let first = condition.iter().next()?.ok()?.1.as_array()?.into_iter().next()?.ok()?;
    bytes(first, filter)?;
    inert(own)
}

/// The second condition of `{$and: [.., ..]}`.
fn beside(condition: &RawDocument) -> Verified<RawBsonRef<'_>> {
    let mut parts = condition.iter();
    let (key, operands) = parts.next()?.ok()?;
    if key.as_str() != "$and" || parts.next().is_some() {
        return None;
    }
    let mut operands = operands.as_array()?.into_iter();
    operands.next()?.ok()?;
    let own = operands.next()?.ok()?;
    operands.next().is_none().then_some(own)
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
