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
//! {$project: {a: 1, b: {$cond: ..}}}    the listed columns, a masked one as its mask; a field that the catalog does not
//!                                       list or that is hidden does not exist
//! ```
//!
//! A field that is hidden on some documents is let through only where the place touches it ([`super::touch`]), and takes
//! its documents away there. Where such a field or a mask is about, nothing of the query's stands before the projection.
//!
//! A `find` whose conditions fail on no value and see no whole documents stays a `find` otherwise, with the filter in an
//! `$and` beside the query's own condition. Where a stage must be first, or reads a collection by itself, the filter goes
//! where that stage takes one.

use std::borrow::Cow;

use bson::{Bson, Document, doc};

use super::CommandKind;
use super::admit::is_plain;
use super::command::{Body, Count, Find, Request, inner};
use super::emit;
use super::sources::{Source, Sources, View};
use super::tree::Tree;
use crate::catalog::{ColumnName, Relation};
use crate::guard::{Refusal, RefusalCode};

/// For whom a query is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Engine,
    /// The filters and nothing else that is added.
    People,
}

pub(super) struct Rewrite<'a> {
    pub(super) sources: &'a Sources,
    pub(super) fence: bool,
    pub(super) reader: Reader,
}

impl<'a> Rewrite<'a> {
    /// The command that runs. `documents` says that hidden fields must be gone before the query's own conditions.
    pub(super) fn command(
        &self,
        request: &'a Request,
        documents: bool,
    ) -> Result<(CommandKind, Tree<'a>), Refusal> {
        let view = self.seen(request)?;
        let name = || Tree::Made(Bson::String(request.collection.clone()));
        let (kind, mut command) = match &request.body {
            Body::Find(find) if !documents => (CommandKind::Find, self.find(find, name(), &view)?),
            Body::Count(count) if !documents => {
                let mut command =
                    vec![("count", name()), ("query", self.beside(&count.query, &view))];
                skip_and_limit(count.skip, count.limit, &mut command);
                (CommandKind::Count, command)
            }
            Body::Distinct { key, query } => {
                let query = self.beside(query, &view);
                let key = Tree::Made(Bson::String(key.clone()));
                (CommandKind::Distinct, vec![("distinct", name()), ("key", key), ("query", query)])
            }
            Body::Find(find) => {
                (CommandKind::Aggregate, aggregate(name(), self.stages(find, &view)))
            }
            Body::Count(count) => {
                (CommandKind::Aggregate, aggregate(name(), self.counted(count, &view)))
            }
            Body::Aggregate(stages) => {
                let stages = self.pipeline(&stages.iter().collect::<Vec<_>>(), &view)?;
                (CommandKind::Aggregate, aggregate(name(), stages))
            }
        };
        // INVARIANT (isolation): no collation of a collection's may call another tenant's name this one's.
        if self.sources.strings {
            command.push(("collation", doc! { "locale": "simple" }.into()));
        }
        Ok((kind, Tree::Document(command)))
    }

    /// The request with its filters, for people.
    pub(super) fn people(&self, request: &'a Request) -> Result<Request, Refusal> {
        let view = self.seen(request)?;
        let document = |tree: Tree<'_>| match tree.value() {
            Bson::Document(document) => Ok(document),
            _ => Err(lost("a condition that is no document")),
        };
        let stages = |stages: Vec<Tree<'_>>| -> Result<Body, Refusal> {
            Ok(Body::Aggregate(stages.into_iter().map(document).collect::<Result<_, _>>()?))
        };
        let body = match &request.body {
            // The masks stand between the filter and the query's own condition.
            Body::Find(find) if view.masks.is_some() => stages(self.stages(find, &view))?,
            Body::Count(count) if view.masks.is_some() => stages(self.counted(count, &view))?,
            Body::Find(find) => Body::Find(Find {
                filter: document(self.beside(&find.filter, &view))?,
                ..find.clone()
            }),
            Body::Count(count) => Body::Count(Count {
                query: document(self.beside(&count.query, &view))?,
                ..count.clone()
            }),
            Body::Distinct { key, query } => {
                let query = document(self.beside(query, &view))?;
                Body::Distinct { key: key.clone(), query }
            }
            Body::Aggregate(own) => stages(self.pipeline(&own.iter().collect::<Vec<_>>(), &view)?)?,
        };
        Ok(Request { collection: request.collection.clone(), body })
    }

    fn source(&self, name: &str) -> Result<&'a Source, Refusal> {
        self.sources.get(name)?.ok_or_else(|| lost("a collection that may not be read"))
    }

    /// The collection that a request names first, as the request sees it.
    fn seen(&self, request: &Request) -> Result<View<'a>, Refusal> {
        self.source(&request.collection)?.view(|touch| match &request.body {
            Body::Find(find) => {
                touch.find(find);
                Ok(())
            }
            Body::Count(count) => {
                touch.condition(&count.query);
                Ok(())
            }
            Body::Distinct { key, query } => {
                touch.distinct(key, query);
                Ok(())
            }
            Body::Aggregate(stages) => touch.pipeline(&stages.iter().collect::<Vec<_>>()),
        })
    }

    /// The filter of a collection; `None` where every document is kept.
    fn filter(&self, view: &View<'a>) -> Option<Tree<'a>> {
        view.filter.as_ref().map(|(engine, people)| match (self.reader, people) {
            (Reader::Engine, _) => engine.clone(),
            (Reader::People, Cow::Borrowed(people)) => Tree::OwnDocument(people),
            (Reader::People, Cow::Owned(people)) => people.clone().into(),
        })
    }

    /// A condition of the query's beside the filter.
    // INVARIANT (isolation): `{$and: [filter, own]}`, so that no key of the one can replace a key of the other.
    fn beside(&self, own: &'a Document, view: &View<'a>) -> Tree<'a> {
        let Some((filter, people)) = &view.filter else { return Tree::OwnDocument(own) };
        if own.is_empty() {
            return self.filter(view).unwrap_or(Tree::OwnDocument(own));
        }
        match self.reader {
            Reader::Engine => {
                let both = vec![filter.clone(), Tree::OwnDocument(own)];
                Tree::field("$and", Tree::Array(both))
            }
            Reader::People => {
                let people = Document::clone(people);
                emit::joined(people.into_iter().chain(own.clone()).collect()).into()
            }
        }
    }

    /// What comes before a pipeline that reads a collection.
    fn prelude(&self, view: &View<'a>) -> Vec<Tree<'a>> {
        let mut stages = Vec::new();
        if let Some(filter) = self.filter(view) {
            stages.push(Tree::field("$match", filter));
            self.push_fence(&mut stages);
        }
        match (self.reader, &view.masks) {
            (Reader::Engine, _) => stages.push(Tree::field("$project", view.columns.clone())),
            (Reader::People, Some(masks)) => {
                stages.push(Tree::field("$set", masks.clone().into()));
            }
            (Reader::People, None) => {}
        }
        stages
    }

    fn push_fence(&self, stages: &mut Vec<Tree<'a>>) {
        if self.fence && self.reader == Reader::Engine {
            stages.push(Tree::field("$limit", i64::MAX.into()));
        }
    }

    fn find(
        &self,
        find: &'a Find,
        name: Tree<'a>,
        view: &View<'a>,
    ) -> Result<Vec<(&'a str, Tree<'a>)>, Refusal> {
        let projection = match &find.projection {
            Some(projection) if is_plain(projection, view.relation) => {
                chosen(projection, lists_id(view.relation))
            }
            Some(_) => return Err(lost("a projection that is not plain")),
            None => view.columns.clone(),
        };
        let filter = self.beside(&find.filter, view);
        let mut command = vec![("find", name), ("filter", filter), ("projection", projection)];
        if let Some(sort) = &find.sort {
            command.push(("sort", Tree::OwnDocument(sort)));
        }
        skip_and_limit(find.skip, find.limit, &mut command);
        Ok(command)
    }

    /// A `find` as a pipeline.
    fn stages(&self, find: &'a Find, view: &View<'a>) -> Vec<Tree<'a>> {
        let mut stages = self.prelude(view);
        if !find.filter.is_empty() {
            stages.push(Tree::field("$match", Tree::OwnDocument(&find.filter)));
        }
        if let Some(sort) = &find.sort {
            stages.push(Tree::field("$sort", Tree::OwnDocument(sort)));
        }
        push_skip_and_limit(find.skip, find.limit, &mut stages);
        if let Some(projection) = &find.projection {
            stages.push(Tree::field("$project", Tree::OwnDocument(projection)));
        }
        stages
    }

    fn counted(&self, count: &'a Count, view: &View<'a>) -> Vec<Tree<'a>> {
        let mut stages = self.prelude(view);
        if !count.query.is_empty() {
            stages.push(Tree::field("$match", Tree::OwnDocument(&count.query)));
        }
        push_skip_and_limit(count.skip, count.limit, &mut stages);
        stages.push(doc! { "$count": "n" }.into());
        stages
    }

    /// A pipeline that reads a collection.
    fn pipeline(&self, stages: &[&'a Document], view: &View<'a>) -> Result<Vec<Tree<'a>>, Refusal> {
        let mut written;
        let mut rest = stages;
        if let Some((first, others)) = stages.split_first()
            && let Some(Bson::Document(near)) = first.get("$geoNear")
        {
            written = self.geo_near(near, view);
            rest = others;
        } else {
            written = self.prelude(view);
        }
        self.within(rest, &mut written)?;
        Ok(written)
    }

    /// Stages whose documents are filtered already.
    fn within(&self, stages: &[&'a Document], written: &mut Vec<Tree<'a>>) -> Result<(), Refusal> {
        for stage in stages {
            let Some((name, value)) = stage.iter().next() else {
                return Err(lost("an empty stage"));
            };
            match (name.as_str(), value) {
                ("$facet", Bson::Document(branches)) => {
                    let mut facet = Vec::new();
                    for (branch, stages) in branches {
                        let mut own = Vec::new();
                        self.within(&inner(stages)?, &mut own)?;
                        facet.push((branch.as_str(), Tree::Array(own)));
                    }
                    written.push(Tree::field("$facet", Tree::Document(facet)));
                }
                ("$lookup", Bson::Document(fields)) => {
                    written.push(Tree::field("$lookup", self.lookup(fields)?));
                }
                ("$unionWith", value) => {
                    written.push(Tree::field("$unionWith", self.union_with(value)?));
                }
                ("$graphLookup", Bson::Document(fields)) => {
                    self.graph_lookup(fields, written)?;
                }
                ("$facet" | "$lookup" | "$graphLookup" | "$geoNear", _) => {
                    return Err(lost("a stage in a place that is not its own"));
                }
                _ => written.push(Tree::OwnDocument(stage)),
            }
        }
        Ok(())
    }

    /// The pipeline of a join: of a collection, whose documents may be looked up by a field, or of documents that it makes
    /// itself.
    fn joined(
        &self,
        from: Option<&str>,
        by: Option<&str>,
        stages: Option<&'a Bson>,
    ) -> Result<Vec<Tree<'a>>, Refusal> {
        let stages = stages.map(inner).transpose()?.unwrap_or_default();
        if let Some(from) = from {
            let view = self.source(from)?.view(|touch| {
                if let Some(by) = by {
                    touch.name(by);
                }
                touch.pipeline(&stages)
            })?;
            return self.pipeline(&stages, &view);
        }
        let mut written = Vec::new();
        self.within(&stages, &mut written)?;
        Ok(written)
    }

    /// `localField` and `foreignField` keep their meaning beside a `pipeline`, from MongoDB 5.0 on.
    fn lookup(&self, fields: &'a Document) -> Result<Tree<'a>, Refusal> {
        let from = fields.get("from").and_then(Bson::as_str);
        let by = fields.get("foreignField").and_then(Bson::as_str);
        let inner = self.joined(from, by, fields.get("pipeline"))?;
        let mut lookup = Vec::new();
        for key in ["from", "localField", "foreignField", "let"] {
            if let Some(value) = fields.get(key) {
                lookup.push((key, Tree::Own(value)));
            }
        }
        if self.reader == Reader::Engine || !inner.is_empty() {
            lookup.push(("pipeline", Tree::Array(inner)));
        }
        if let Some(name) = fields.get("as") {
            lookup.push(("as", Tree::Own(name)));
        }
        Ok(Tree::Document(lookup))
    }

    fn union_with(&self, value: &'a Bson) -> Result<Tree<'a>, Refusal> {
        let (from, stages) = match value {
            Bson::String(_) => (Some(value), None),
            Bson::Document(fields) => (fields.get("coll"), fields.get("pipeline")),
            _ => return Err(lost("a `$unionWith` of something else")),
        };
        let inner = self.joined(from.and_then(Bson::as_str), None, stages)?;
        let mut union = Vec::new();
        if let Some(from) = from {
            union.push(("coll", Tree::Own(from)));
        }
        union.push(("pipeline", Tree::Array(inner)));
        Ok(Tree::Document(union))
    }

    /// The filter applies to every hop, the first included. What is found is cut to the listed fields.
    fn graph_lookup(
        &self,
        fields: &'a Document,
        written: &mut Vec<Tree<'a>>,
    ) -> Result<(), Refusal> {
        let (Some(from), Some(found)) =
            (fields.get("from").and_then(Bson::as_str), fields.get("as").and_then(Bson::as_str))
        else {
            return Err(lost("a `$graphLookup` without a collection"));
        };
        // It finds documents, whole as they are.
        let view = self.source(from)?.view(|touch| {
            touch.all();
            Ok(())
        })?;
        let walk = self.with_condition(fields, "restrictSearchWithMatch", &view);
        let depth = fields.get("depthField").and_then(Bson::as_str);
        written.push(Tree::field("$graphLookup", walk));
        if self.reader == Reader::Engine {
            let cut = doc! { found: listed(view.relation, found, depth) };
            written.push(Tree::field("$addFields", cut.into()));
        }
        Ok(())
    }

    fn geo_near(&self, near: &'a Document, view: &View<'a>) -> Vec<Tree<'a>> {
        let first = self.with_condition(near, "query", view);
        let mut stages = vec![Tree::field("$geoNear", first)];
        if view.filter.is_some() {
            self.push_fence(&mut stages);
        }
        if self.reader == Reader::Engine {
            let kept = match near.get("distanceField") {
                Some(Bson::String(distance)) => match view.columns.value() {
                    Bson::Document(mut kept) => {
                        kept.insert(distance, 1);
                        kept.into()
                    }
                    _ => view.columns.clone(),
                },
                Some(_) | None => view.columns.clone(),
            };
            stages.push(Tree::field("$project", kept));
        }
        stages
    }

    /// The fields of a stage that takes a condition, which comes last and has the filter in it.
    fn with_condition(&self, fields: &'a Document, key: &'a str, view: &View<'a>) -> Tree<'a> {
        let others = fields.iter().filter(|(name, _)| *name != key);
        let mut written: Vec<_> =
            others.map(|(name, value)| (name.as_str(), Tree::Own(value))).collect();
        let condition = match fields.get(key) {
            Some(Bson::Document(own)) if !own.is_empty() => Some(self.beside(own, view)),
            Some(_) | None => self.filter(view),
        };
        written.extend(condition.map(|condition| (key, condition)));
        Tree::Document(written)
    }
}

fn lists_id(relation: &Relation) -> bool {
    relation.column(&ColumnName::new("_id")).is_some()
}

/// A projection of the query's that does no more than choose columns. `_id` comes along unless it is dropped.
fn chosen(projection: &Document, lists_id: bool) -> Tree<'_> {
    if lists_id {
        return Tree::OwnDocument(projection);
    }
    let others = projection.iter().filter(|(key, _)| *key != "_id");
    let mut kept: Vec<_> = others.map(|(key, value)| (key.as_str(), Tree::Own(value))).collect();
    kept.push(("_id", Tree::Made(Bson::Int32(0))));
    Tree::Document(kept)
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

fn aggregate<'a>(name: Tree<'a>, stages: Vec<Tree<'a>>) -> Vec<(&'a str, Tree<'a>)> {
    vec![
        ("aggregate", name),
        ("pipeline", Tree::Array(stages)),
        ("cursor", Document::new().into()),
        ("allowDiskUse", Tree::Made(Bson::Boolean(false))),
    ]
}

fn skip_and_limit<'a>(
    skip: Option<i64>,
    limit: Option<i64>,
    command: &mut Vec<(&'a str, Tree<'a>)>,
) {
    command.extend(skip.map(|skip| ("skip", skip.into())));
    command.extend(limit.map(|limit| ("limit", limit.into())));
}

fn push_skip_and_limit(skip: Option<i64>, limit: Option<i64>, stages: &mut Vec<Tree<'_>>) {
    stages.extend(skip.filter(|skip| *skip > 0).map(|skip| Tree::field("$skip", skip.into())));
    stages.extend(limit.map(|limit| Tree::field("$limit", limit.into())));
}

/// What has been looked at before and cannot be met here.
fn lost(what: &str) -> Refusal {
    Refusal::new(
        RefusalCode::Unsupported,
        format!("the query holds {what}"),
        "rephrase the query; this is worth a report",
    )
}
