//! Filters at the source of every pipeline, at every depth.
//!
//! What a collection's documents go through before anything of the query's sees them:
//!
//! ```text
//! {$match: filter}                      the filter, first: nothing is appended after the query's own stages, which
//!                                       could have changed what it looks at
//! {$limit: 9223372036854775807}         the fence, where a condition of the query may fail on a document: the server
//!                                       joins neighbouring $match stages and reorders their parts, but moves none
//!                                       across a $limit
//! {$project: {a: 1, b: 1, ..}}          the listed columns; a field that the catalog does not list does not exist
//! ```
//!
//! A `find` whose conditions fail on no value and see no whole documents stays a `find`, with the filter in an `$and`
//! beside the query's own condition. Where a stage must be first, or reads a collection by itself, the filter goes where
//! that stage takes one.

use bson::{Bson, Document, doc};

use super::CommandKind;
use super::admit::is_plain;
use super::command::{Body, Count, Find, Request, inner};
use super::emit;
use crate::catalog::{Catalog, ColumnName, ColumnType, Relation, RelationName};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{PredicateSet, RowFilter};

/// For whom a query is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Engine,
    /// The filters and nothing else that is added.
    People,
}

pub(super) struct Rewrite<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) filters: &'a PredicateSet,
    pub(super) fence: bool,
    pub(super) reader: Reader,
}

impl<'a> Rewrite<'a> {
    /// The command that runs. `documents` says that hidden fields must be gone before the query's own conditions.
    pub(super) fn command(
        &self,
        request: &Request,
        documents: bool,
    ) -> Result<(CommandKind, Document), Refusal> {
        let relation = self.relation(&request.collection)?;
        let name = request.collection.as_str();
        let (kind, mut command) = match &request.body {
            Body::Find(find) if !documents => (CommandKind::Find, self.find(find, name, relation)?),
            Body::Count(count) if !documents => {
                let mut command = doc! { "count": name };
                command.insert("query", self.beside(&count.query, relation)?);
                skip_and_limit(count.skip, count.limit, &mut command);
                (CommandKind::Count, command)
            }
            Body::Distinct { key, query } => {
                let query = self.beside(query, relation)?;
                (CommandKind::Distinct, doc! { "distinct": name, "key": key, "query": query })
            }
            Body::Find(find) => {
                (CommandKind::Aggregate, aggregate(name, self.stages(find, relation)?))
            }
            Body::Count(count) => {
                (CommandKind::Aggregate, aggregate(name, self.counted(count, relation)?))
            }
            Body::Aggregate(stages) => (
                CommandKind::Aggregate,
                aggregate(name, self.pipeline(&stages.iter().collect::<Vec<_>>(), relation)?),
            ),
        };
        // INVARIANT (isolation): no collation of a collection's may call another tenant's name this one's.
        if self.strings() {
            command.insert("collation", doc! { "locale": "simple" });
        }
        Ok((kind, command))
    }

    /// The request with its filters, for people.
    pub(super) fn people(&self, request: &Request) -> Result<Request, Refusal> {
        let relation = self.relation(&request.collection)?;
        let body = match &request.body {
            Body::Find(find) => {
                Body::Find(Find { filter: self.beside(&find.filter, relation)?, ..find.clone() })
            }
            Body::Count(count) => {
                Body::Count(Count { query: self.beside(&count.query, relation)?, ..count.clone() })
            }
            Body::Distinct { key, query } => {
                Body::Distinct { key: key.clone(), query: self.beside(query, relation)? }
            }
            Body::Aggregate(stages) => {
                Body::Aggregate(self.pipeline(&stages.iter().collect::<Vec<_>>(), relation)?)
            }
        };
        Ok(Request { collection: request.collection.clone(), body })
    }

    /// Whether any filter of the caller's compares strings.
    fn strings(&self) -> bool {
        self.filters.iter().any(|(_, filter)| match filter {
            RowFilter::Where(predicate) => emit::compares_strings(predicate),
            RowFilter::AllRows | RowFilter::NoRows => false,
        })
    }

    fn relation(&self, name: &str) -> Result<&'a Relation, Refusal> {
        let schema = self.catalog.default_schema.clone();
        let relation = self.catalog.relation(&RelationName { schema, name: name.to_owned() });
        relation.ok_or_else(|| lost("a collection that is not listed"))
    }

    /// The filter of a collection; `None` where every document is kept.
    fn filter(&self, relation: &Relation) -> Result<Option<Document>, Refusal> {
        match self.filters.filter_for(&relation.name) {
            RowFilter::AllRows => Ok(None),
            RowFilter::NoRows => Err(lost("a collection that may not be read")),
            RowFilter::Where(predicate) => match self.reader {
                Reader::Engine => emit::condition(predicate, relation).map(Some),
                Reader::People => {
                    emit::readable(predicate, relation).map(|parts| Some(emit::joined(parts)))
                }
            },
        }
    }

    /// A condition of the query's beside the filter.
    // INVARIANT (isolation): `{$and: [filter, own]}`, so that no key of the one can replace a key of the other.
    fn beside(&self, own: &Document, relation: &Relation) -> Result<Document, Refusal> {
        let Some(filter) = self.filter(relation)? else { return Ok(own.clone()) };
        if own.is_empty() {
            return Ok(filter);
        }
        match self.reader {
            Reader::Engine => Ok(doc! { "$and": [filter, own.clone()] }),
            Reader::People => Ok(emit::joined(filter.into_iter().chain(own.clone()).collect())),
        }
    }

    /// What comes before a pipeline that reads a collection.
    fn prelude(&self, relation: &Relation) -> Result<Vec<Document>, Refusal> {
        let mut stages = Vec::new();
        if let Some(filter) = self.filter(relation)? {
            stages.push(doc! { "$match": filter });
            self.push_fence(&mut stages);
        }
        if self.reader == Reader::Engine {
            stages.push(doc! { "$project": columns(relation)? });
        }
        Ok(stages)
    }

    fn push_fence(&self, stages: &mut Vec<Document>) {
        if self.fence && self.reader == Reader::Engine {
            stages.push(doc! { "$limit": i64::MAX });
        }
    }

    fn find(&self, find: &Find, name: &str, relation: &Relation) -> Result<Document, Refusal> {
        let mut command = doc! { "find": name, "filter": self.beside(&find.filter, relation)? };
        let projection = match &find.projection {
            Some(projection) if is_plain(projection, relation) => {
                let mut projection = projection.clone();
                if !lists_id(relation) {
                    projection.insert("_id", 0);
                }
                projection
            }
            Some(_) => return Err(lost("a projection that is not plain")),
            None => columns(relation)?,
        };
        command.insert("projection", projection);
        if let Some(sort) = &find.sort {
            command.insert("sort", sort.clone());
        }
        skip_and_limit(find.skip, find.limit, &mut command);
        Ok(command)
    }

    /// A `find` as a pipeline.
    fn stages(&self, find: &Find, relation: &Relation) -> Result<Vec<Document>, Refusal> {
        let mut stages = self.prelude(relation)?;
        if !find.filter.is_empty() {
            stages.push(doc! { "$match": find.filter.clone() });
        }
        if let Some(sort) = &find.sort {
            stages.push(doc! { "$sort": sort.clone() });
        }
        push_skip_and_limit(find.skip, find.limit, &mut stages);
        if let Some(projection) = &find.projection {
            stages.push(doc! { "$project": projection.clone() });
        }
        Ok(stages)
    }

    fn counted(&self, count: &Count, relation: &Relation) -> Result<Vec<Document>, Refusal> {
        let mut stages = self.prelude(relation)?;
        if !count.query.is_empty() {
            stages.push(doc! { "$match": count.query.clone() });
        }
        push_skip_and_limit(count.skip, count.limit, &mut stages);
        stages.push(doc! { "$count": "n" });
        Ok(stages)
    }

    /// A pipeline that reads a collection.
    fn pipeline(
        &self,
        stages: &[&Document],
        relation: &Relation,
    ) -> Result<Vec<Document>, Refusal> {
        let mut written;
        let mut rest = stages;
        if let Some((first, others)) = stages.split_first()
            && let Some(Bson::Document(near)) = first.get("$geoNear")
        {
            written = self.geo_near(near, relation)?;
            rest = others;
        } else {
            written = self.prelude(relation)?;
        }
        self.within(rest, &mut written)?;
        Ok(written)
    }

    /// Stages whose documents are filtered already.
    fn within(&self, stages: &[&Document], written: &mut Vec<Document>) -> Result<(), Refusal> {
        for stage in stages {
            let Some((name, value)) = stage.iter().next() else {
                return Err(lost("an empty stage"));
            };
            match (name.as_str(), value) {
                ("$facet", Bson::Document(branches)) => {
                    let mut facet = Document::new();
                    for (branch, stages) in branches {
                        let mut own = Vec::new();
                        self.within(&inner(stages)?, &mut own)?;
                        facet.insert(branch, own);
                    }
                    written.push(doc! { "$facet": facet });
                }
                ("$lookup", Bson::Document(fields)) => {
                    written.push(doc! { "$lookup": self.lookup(fields)? });
                }
                ("$unionWith", value) => {
                    written.push(doc! { "$unionWith": self.union_with(value)? });
                }
                ("$graphLookup", Bson::Document(fields)) => {
                    self.graph_lookup(fields, written)?;
                }
                ("$facet" | "$lookup" | "$graphLookup" | "$geoNear", _) => {
                    return Err(lost("a stage in a place that is not its own"));
                }
                _ => written.push((*stage).clone()),
            }
        }
        Ok(())
    }

    /// The pipeline of a join: of a collection, or of documents that it makes itself.
    fn joined(&self, from: Option<&str>, stages: Option<&Bson>) -> Result<Vec<Document>, Refusal> {
        let stages = stages.map(inner).transpose()?.unwrap_or_default();
        if let Some(from) = from {
            return self.pipeline(&stages, self.relation(from)?);
        }
        let mut written = Vec::new();
        self.within(&stages, &mut written)?;
        Ok(written)
    }

    /// `localField` and `foreignField` keep their meaning beside a `pipeline`, from MongoDB 5.0 on.
    fn lookup(&self, fields: &Document) -> Result<Document, Refusal> {
        let from = fields.get("from").and_then(Bson::as_str);
        let inner = self.joined(from, fields.get("pipeline"))?;
        let mut lookup = Document::new();
        for key in ["from", "localField", "foreignField", "let"] {
            if let Some(value) = fields.get(key) {
                lookup.insert(key, value.clone());
            }
        }
        if self.reader == Reader::Engine || !inner.is_empty() {
            lookup.insert("pipeline", inner);
        }
        if let Some(name) = fields.get("as") {
            lookup.insert("as", name.clone());
        }
        Ok(lookup)
    }

    fn union_with(&self, value: &Bson) -> Result<Document, Refusal> {
        let (from, stages) = match value {
            Bson::String(from) => (Some(from.as_str()), None),
            Bson::Document(fields) => {
                (fields.get("coll").and_then(Bson::as_str), fields.get("pipeline"))
            }
            _ => return Err(lost("a `$unionWith` of something else")),
        };
        let inner = self.joined(from, stages)?;
        let mut union = Document::new();
        if let Some(from) = from {
            union.insert("coll", from);
        }
        union.insert("pipeline", inner);
        Ok(union)
    }

    /// The filter applies to every hop, the first included. What is found is cut to the listed fields.
    fn graph_lookup(&self, fields: &Document, written: &mut Vec<Document>) -> Result<(), Refusal> {
        let (Some(from), Some(found)) =
            (fields.get("from").and_then(Bson::as_str), fields.get("as").and_then(Bson::as_str))
        else {
            return Err(lost("a `$graphLookup` without a collection"));
        };
        let relation = self.relation(from)?;
        let own = match fields.get("restrictSearchWithMatch") {
            Some(Bson::Document(own)) => own.clone(),
            Some(_) | None => Document::new(),
        };
        let mut walk = fields.clone();
        walk.remove("restrictSearchWithMatch");
        let restriction = self.beside(&own, relation)?;
        if !restriction.is_empty() {
            walk.insert("restrictSearchWithMatch", restriction);
        }
        let depth = fields.get("depthField").and_then(Bson::as_str);
        written.push(doc! { "$graphLookup": walk });
        if self.reader == Reader::Engine {
            written.push(doc! { "$addFields": { found: listed(relation, found, depth) } });
        }
        Ok(())
    }

    fn geo_near(&self, near: &Document, relation: &Relation) -> Result<Vec<Document>, Refusal> {
        let own = match near.get("query") {
            Some(Bson::Document(own)) => own.clone(),
            Some(_) | None => Document::new(),
        };
        let mut first = near.clone();
        first.remove("query");
        let query = self.beside(&own, relation)?;
        if !query.is_empty() {
            first.insert("query", query);
        }
        let mut stages = vec![doc! { "$geoNear": first }];
        if self.filter(relation)?.is_some() {
            self.push_fence(&mut stages);
        }
        if self.reader == Reader::Engine {
            let mut kept = columns(relation)?;
            if let Some(Bson::String(distance)) = near.get("distanceField") {
                kept.insert(distance, 1);
            }
            stages.push(doc! { "$project": kept });
        }
        Ok(stages)
    }
}

fn lists_id(relation: &Relation) -> bool {
    relation.column(&ColumnName::new("_id")).is_some()
}

/// The projection that keeps what the catalog lists: of documents whose fields are listed, those fields.
// INVARIANT (default deny): a field that is not listed does not exist.
fn columns(relation: &Relation) -> Result<Document, Refusal> {
    let mut kept = Document::new();
    for column in &relation.columns {
        if column.column_type != ColumnType::Document {
            kept.insert(column.name.as_str(), 1);
        }
    }
    // A projection that only drops keeps everything else.
    if kept.is_empty() {
        return Err(lost("a collection without columns"));
    }
    if !relation.columns.iter().any(|column| column.name.as_str().split('.').next() == Some("_id"))
    {
        kept.insert("_id", 0);
    }
    Ok(kept)
}

/// Found documents with their listed fields only, in their own order.
fn listed(relation: &Relation, found: &str, depth: Option<&str>) -> Document {
    let names: Vec<&str> =
        relation.columns.iter().map(|column| column.name.as_str()).chain(depth).collect();
    doc! { "$map": {
        "input": format!("${found}"),
        "as": "row",
        "in": { "$arrayToObject": { "$filter": {
            "input": { "$objectToArray": "$$row" },
            "as": "field",
            "cond": { "$in": ["$$field.k", { "$literal": names }] },
        } } },
    } }
}

fn aggregate(name: &str, stages: Vec<Document>) -> Document {
    doc! { "aggregate": name, "pipeline": stages, "cursor": {}, "allowDiskUse": false }
}

fn skip_and_limit(skip: Option<i64>, limit: Option<i64>, command: &mut Document) {
    if let Some(skip) = skip {
        command.insert("skip", skip);
    }
    if let Some(limit) = limit {
        command.insert("limit", limit);
    }
}

fn push_skip_and_limit(skip: Option<i64>, limit: Option<i64>, stages: &mut Vec<Document>) {
    if let Some(skip) = skip.filter(|skip| *skip > 0) {
        stages.push(doc! { "$skip": skip });
    }
    if let Some(limit) = limit {
        stages.push(doc! { "$limit": limit });
    }
}

/// What has been looked at before and cannot be met here.
fn lost(what: &str) -> Refusal {
    Refusal::new(
        RefusalCode::Unsupported,
        format!("the query holds {what}"),
        "rephrase the query; this is worth a report",
    )
}
