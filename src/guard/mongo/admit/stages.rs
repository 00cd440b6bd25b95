//! Pipelines: each stage by its place, and what paths its documents have after it.

use bson::{Bson, Document};

use super::expression::sort;
use super::windows::densify;
use super::{Admit, MAX_NESTING, MAX_STAGES, data, document, is_flag, string};
use crate::catalog::Relation;
use crate::guard::mongo::command::{inner, malformed, whole};
use crate::guard::mongo::names::{self, Stage};
use crate::guard::mongo::shape::{Shape, is_path};
use crate::guard::{Refusal, RefusalCode};

impl<'a> Admit<'a> {
    /// Looks at a pipeline and gives the shape of what it ends with. `source` is the collection that it reads itself:
    /// none in the branch of a `$facet`, nor where `$documents` must come first.
    pub(super) fn pipeline(
        &mut self,
        stages: &[&Document],
        mut shape: Shape<'a>,
        source: Option<&'a Relation>,
    ) -> Result<Shape<'a>, Refusal> {
        if self.nesting == MAX_NESTING {
            return Err(too_many(&format!("pipelines nested more than {MAX_NESTING} deep")));
        }
        self.nesting += 1;
        for (index, stage) in stages.iter().enumerate() {
            self.stages += 1;
            if self.stages > MAX_STAGES {
                return Err(too_many(&format!("more than {MAX_STAGES} stages")));
            }
            let Some((name, value)) = stage.iter().next() else { return Err(malformed("stage")) };
            let kind = names::known(names::STAGES, name, RefusalCode::UnknownStage)?;
            let first = index == 0;
            shape = match kind {
                Stage::GeoNear => match source.filter(|_| first) {
                    Some(relation) => self.geo_near(document(value, name)?, relation)?,
                    None => return Err(not_first(name)),
                },
                Stage::Documents => return Err(not_first(name)),
                kind => self.stage(kind, name, value, shape)?,
            };
        }
        self.nesting -= 1;
        Ok(shape)
    }

    fn stage(
        &mut self,
        kind: Stage,
        name: &str,
        value: &Bson,
        mut shape: Shape<'a>,
    ) -> Result<Shape<'a>, Refusal> {
        match kind {
            Stage::Match => {
                let look = self.query(document(value, name)?, &shape)?;
                self.may_fail(look);
            }
            Stage::Project => self.project(document(value, name)?, &mut shape)?,
            Stage::AddFields => {
                for (path, value) in document(value, name)? {
                    if !is_path(path) {
                        return Err(malformed(name));
                    }
                    self.expression(value, &shape)?;
                }
                document(value, name)?.keys().for_each(|path| shape.add(path));
            }
            Stage::Unset => match value {
                Bson::String(path) if is_path(path) => {}
                Bson::Array(paths) => {
                    let path = |path: &Bson| path.as_str().is_some_and(is_path);
                    if !paths.iter().all(path) {
                        return Err(malformed(name));
                    }
                }
                _ => return Err(malformed(name)),
            },
            Stage::Group => {
                let fields = document(value, name)?;
                self.expression(fields.get("_id").ok_or_else(|| malformed(name))?, &shape)?;
                self.accumulators(fields.iter().filter(|(key, _)| *key != "_id"), &shape)?;
                shape = Shape::Open;
            }
            Stage::Sort => {
                sort(document(value, name)?, &shape)?;
            }
            Stage::Limit => {
                if whole(value, name)? == 0 {
                    return Err(malformed(name));
                }
            }
            Stage::Skip => {
                whole(value, name)?;
            }
            Stage::Count => {
                field_name(string(value, name)?, name)?;
                shape = Shape::Open;
            }
            Stage::Unwind => unwind(value, &mut shape)?,
            Stage::Bucket => {
                self.bucket(document(value, name)?, &shape)?;
                shape = Shape::Open;
            }
            Stage::Facet => {
                for (branch, stages) in document(value, name)? {
                    field_name(branch, name)?;
                    self.pipeline(&inner(stages)?, shape.clone(), None)?;
                }
                shape = Shape::Open;
            }
            Stage::Lookup => self.lookup(document(value, name)?, &mut shape)?,
            Stage::UnionWith => {
                self.union_with(value)?;
                shape = Shape::Open;
            }
            Stage::GraphLookup => self.graph_lookup(document(value, name)?, &mut shape)?,
            Stage::ReplaceRoot => {
                let mut fields = document(value, name)?.iter();
                let (Some((key, value)), None) = (fields.next(), fields.next()) else {
                    return Err(malformed(name));
                };
                if key != "newRoot" {
                    return Err(malformed(name));
                }
                self.expression(value, &shape)?;
                shape = Shape::Open;
            }
            Stage::ReplaceWith | Stage::SortByCount => {
                self.expression(value, &shape)?;
                shape = Shape::Open;
            }
            Stage::Redact => self.redact(value)?,
            Stage::BucketAuto => {
                self.bucket_auto(document(value, name)?, &shape)?;
                shape = Shape::Open;
            }
            Stage::Window => self.windows(document(value, name)?, &mut shape)?,
            Stage::Fill => self.fill(document(value, name)?, &mut shape)?,
            Stage::Densify => densify(document(value, name)?, &shape)?,
            Stage::GeoNear | Stage::Documents => return Err(not_first(name)),
        }
        Ok(shape)
    }

    /// `$project`: fields that are kept, dropped or computed.
    pub(super) fn project(
        &mut self,
        fields: &Document,
        shape: &mut Shape<'_>,
    ) -> Result<(), Refusal> {
        if fields.is_empty() {
            return Err(malformed("$project"));
        }
        self.projected(fields, "", shape, 0)
    }

    fn projected(
        &mut self,
        fields: &Document,
        inside: &str,
        shape: &mut Shape<'_>,
        depth: usize,
    ) -> Result<(), Refusal> {
        let mut made = Vec::new();
        for (key, value) in fields {
            if !is_path(key) || depth > MAX_NESTING {
                return Err(malformed("$project"));
            }
            let path = format!("{inside}{key}");
            match value {
                value if is_flag(value).is_some() => {
                    if path != "_id" {
                        shape.find(&path)?;
                    }
                }
                // Other numbers keep a field too, but who writes 2 means something else.
                Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) => {
                    return Err(malformed("$project"));
                }
                Bson::Document(inner)
                    if !inner.is_empty() && inner.keys().all(|key| !key.starts_with('$')) =>
                {
                    self.projected(inner, &format!("{path}."), shape, depth + 1)?;
                    made.push(path);
                }
                value => {
                    self.expression(value, shape)?;
                    made.push(path);
                }
            }
        }
        for path in &made {
            shape.add(path);
        }
        Ok(())
    }

    fn bucket(&mut self, fields: &Document, shape: &Shape<'_>) -> Result<(), Refusal> {
        for (key, value) in fields {
            match key.as_str() {
                "groupBy" => {
                    self.expression(value, shape)?;
                }
                "boundaries" => {
                    data(value)?;
                    if value.as_array().is_none() {
                        return Err(malformed("$bucket"));
                    }
                }
                "default" => data(value)?,
                "output" => self.accumulators(document(value, "$bucket")?.iter(), shape)?,
                _ => return Err(malformed("$bucket")),
            }
        }
        Ok(())
    }
}

fn unwind(value: &Bson, shape: &mut Shape<'_>) -> Result<(), Refusal> {
    let path = match value {
        Bson::Document(options) => {
            for (key, value) in options {
                match (key.as_str(), value) {
                    ("path", Bson::String(_))
                    | ("preserveNullAndEmptyArrays", Bson::Boolean(_)) => {}
                    ("includeArrayIndex", Bson::String(field)) => {
                        field_name(field, "$unwind")?;
                        shape.add(field);
                    }
                    _ => return Err(malformed("$unwind")),
                }
            }
            options.get("path").ok_or_else(|| malformed("$unwind"))?
        }
        value => value,
    };
    let path = string(path, "$unwind")?.strip_prefix('$').ok_or_else(|| malformed("$unwind"))?;
    shape.find(path).map(|_| ())
}

/// A name that a stage gives to a field at the top of its documents.
pub(super) fn field_name(name: &str, place: &str) -> Result<(), Refusal> {
    if is_path(name) && !name.contains('.') { Ok(()) } else { Err(malformed(place)) }
}

fn too_many(what: &str) -> Refusal {
    Refusal::new(RefusalCode::TooLarge, format!("the query has {what}"), "shorten the query")
}

fn not_first(name: &str) -> Refusal {
    Refusal::new(
        RefusalCode::UnknownStage,
        format!("`{name}` is not supported in this place"),
        "put `$geoNear` first in the pipeline of a collection, and `$documents` first in a `$lookup` or `$unionWith` without a collection",
    )
}
