//! What is let through: every command, stage and operator by its place, every name by the catalog.
//!
//! Nothing is changed here. What is found out beside is whether some condition may fail on a document, which fences the
//! collections off (see [`super::rewrite`]), and whether one looks at whole documents, hidden fields and all. The catalog is
//! the one that the caller may know of.

mod expression;
mod joins;
mod query;
mod regex;
mod stages;
mod windows;

use bson::{Bson, Document};

use super::command::{Body, Request};
use super::shape::{Found, Shape};
use super::sources::{Source, Sources};
use super::touch::Touch;
use crate::catalog::{Catalog, Relation, RelationName};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{PredicateSet, RowFilter};

/// How deep pipelines may nest.
const MAX_NESTING: usize = 5;
/// The most stages of a query, nested ones included.
const MAX_STAGES: usize = 60;
/// The most joins of a query.
const MAX_JOINS: usize = 10;

/// What a query needs beside its filters.
pub(super) struct Needs {
    /// Why collections are fenced off.
    pub(super) fence: Option<&'static str>,
    /// Whether hidden fields must be gone before the query's own conditions are looked at.
    pub(super) documents: bool,
}

/// What looking at a condition or an expression found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Look {
    /// Why it may fail on a document.
    pub(super) fails: Option<&'static str>,
    /// Whether it sees a whole document of which not all fields are listed.
    pub(super) whole: bool,
}

impl Look {
    fn fails(why: &'static str) -> Self {
        Self { fails: Some(why), whole: false }
    }

    fn at(found: Found) -> Self {
        Self { fails: None, whole: found == Found::Document }
    }

    #[must_use]
    fn and(self, other: Self) -> Self {
        Self { fails: self.fails.or(other.fails), whole: self.whole || other.whole }
    }
}

pub(super) struct Admit<'a> {
    catalog: &'a Catalog,
    filters: &'a PredicateSet,
    sources: &'a Sources,
    fence: Option<&'static str>,
    /// The variables in scope, innermost last.
    variables: Vec<String>,
    nesting: usize,
    stages: usize,
    joins: usize,
}

/// Looks at everything in a request.
pub(super) fn admit(
    request: &Request,
    catalog: &Catalog,
    filters: &PredicateSet,
    sources: &Sources,
) -> Result<Needs, Refusal> {
    let mut admit = Admit {
        catalog,
        filters,
        sources,
        fence: None,
        variables: Vec::new(),
        nesting: 0,
        stages: 0,
        joins: 0,
    };
    let relation = admit.relation(&request.collection)?;
    let shape = Shape::of(relation);
    let mut documents = false;
    match &request.body {
        Body::Find(find) => {
            let look = admit.query(&find.filter, &shape)?;
            admit.may_fail(look);
            documents = look.whole;
            if let Some(sort) = &find.sort {
                documents |= expression::sort(sort, &shape)?.whole;
            }
            if let Some(projection) = &find.projection
                && !is_plain(projection, relation)
            {
                documents = true;
                no_slices(projection)?;
                admit.project(projection, &mut shape.clone())?;
            }
        }
        Body::Count(count) => {
            let look = admit.query(&count.query, &shape)?;
            admit.may_fail(look);
            documents = look.whole;
        }
        Body::Distinct { key, query } => {
            let look = admit.query(query, &shape)?.and(Look::at(shape.find(key)?));
            if look.whole || look.fails.is_some() {
                return Err(Refusal::unsupported(
                    "`distinct` with a condition that may fail or of whole documents",
                    "use `aggregate` with `$match` and `$group`",
                ));
            }
            let masked = sources.get(&request.collection)?.filter(|source| source.is_masked());
            let shows = |source: &Source| {
                let mut touch = Touch::new(relation);
                touch.distinct(key, query);
                source.shows_masks(&touch)
            };
            if masked.is_some_and(shows) {
                return Err(Refusal::unsupported(
                    "`distinct` with a field of which some values are masked",
                    "use `aggregate` with `$match` and `$group`",
                ));
            }
        }
        Body::Aggregate(stages) => {
            admit.pipeline(&stages.iter().collect::<Vec<_>>(), shape, Some(relation))?;
        }
    }
    // What is masked, or hidden on some documents, must not be looked at either.
    documents |= sources.get(&request.collection)?.is_some_and(Source::changes);
    Ok(Needs { fence: admit.fence, documents: documents || admit.fence.is_some() })
}

/// Whether a projection of `find` does no more than choose listed fields, so that it can stand where hidden fields are
/// dropped.
pub(super) fn is_plain(projection: &Document, relation: &Relation) -> bool {
    let shape = Shape::of(relation);
    let chosen = |value: &Bson| is_flag(value) == Some(true);
    // It comes along unasked.
    if shape.find("_id") == Ok(Found::Document) {
        return false;
    }
    projection.iter().any(|(key, value)| key != "_id" && chosen(value))
        && projection.iter().all(|(key, value)| {
            let listed = relation.column(&crate::catalog::ColumnName::new(key.as_str())).is_some();
            let dropped = key == "_id" && is_flag(value) == Some(false);
            dropped || (chosen(value) && listed && shape.find(key) == Ok(Found::Value))
        })
}

/// `{ field: { $slice: 5 } }` is a language of `find`'s own, and another one in the pipeline that it would become.
fn no_slices(projection: &Document) -> Result<(), Refusal> {
    let number = |value: &Bson| matches!(value, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_));
    let sliced = |value: &Bson| {
        let slice = value.as_document().and_then(|value| value.get("$slice"));
        slice.is_some_and(|slice| {
            number(slice) || slice.as_array().is_some_and(|of| of.first().is_some_and(number))
        })
    };
    match projection.iter().find(|(_, value)| sliced(value)) {
        None => Ok(()),
        Some((path, _)) => Err(Refusal::unsupported(
            "`$slice` of a number in a projection",
            format!("write `{{ $slice: ['${path}', 5] }}`"),
        )),
    }
}

/// What `1`, `0`, `true` and `false` say in a projection.
pub(super) fn is_flag(value: &Bson) -> Option<bool> {
    match value {
        Bson::Boolean(flag) => Some(*flag),
        Bson::Int32(0) | Bson::Int64(0) => Some(false),
        Bson::Int32(1) | Bson::Int64(1) => Some(true),
        Bson::Double(number) if *number == 0.0 => Some(false),
        Bson::Double(number) if (*number - 1.0).abs() == 0.0 => Some(true),
        _ => None,
    }
}

impl<'a> Admit<'a> {
    /// A collection that the caller may read.
    // INVARIANT (default deny): one that is not listed and one that nothing permits get the same answer.
    fn relation(&self, name: &str) -> Result<&'a Relation, Refusal> {
        let schema = self.catalog.default_schema.clone();
        let relation = self.catalog.relation(&RelationName { schema, name: name.to_owned() });
        let readable = |relation: &&Relation| match self.filters.filter_for(&relation.name) {
            RowFilter::AllRows | RowFilter::Where(_) => true,
            RowFilter::NoRows => false,
        };
        relation.filter(readable).ok_or_else(|| {
            Refusal::new(
                RefusalCode::UnknownRelation,
                format!("`{name}` does not exist"),
                "use only collections that the caller may read",
            )
        })
    }

    /// Remembers that a condition may fail. The server moves conditions, also between stages, so one is enough to fence
    /// every collection.
    fn may_fail(&mut self, look: Look) {
        self.fence = self.fence.or(look.fails);
    }

    fn variable(&mut self, name: &str) -> Result<(), Refusal> {
        let usable = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !usable {
            return Err(Refusal::unsupported(
                format!("the variable name `{name}`"),
                "begin names of variables with a small letter",
            ));
        }
        self.variables.push(name.to_owned());
        Ok(())
    }
}

/// A document where one must be.
fn document<'v>(value: &'v Bson, place: &str) -> Result<&'v Document, Refusal> {
    value.as_document().ok_or_else(|| super::command::malformed(place))
}

/// A string where one must be.
fn string<'v>(value: &'v Bson, place: &str) -> Result<&'v str, Refusal> {
    value.as_str().ok_or_else(|| super::command::malformed(place))
}

/// Values that hold no operators.
fn data(value: &Bson) -> Result<(), Refusal> {
    match value {
        Bson::Document(document) => document.iter().try_for_each(|(key, value)| {
            if key.starts_with('$') {
                return Err(Refusal::new(
                    RefusalCode::UnknownOperator,
                    format!("`{key}` stands where a value is expected"),
                    "write a literal value",
                ));
            }
            data(value)
        }),
        Bson::Array(items) => items.iter().try_for_each(data),
        Bson::Double(_)
        | Bson::String(_)
        | Bson::Boolean(_)
        | Bson::Null
        | Bson::RegularExpression(_)
        | Bson::Int32(_)
        | Bson::Int64(_)
        | Bson::Binary(_)
        | Bson::ObjectId(_)
        | Bson::DateTime(_)
        | Bson::Decimal128(_) => Ok(()),
        _ => Err(Refusal::unsupported("a value of this type", "use strings, numbers and dates")),
    }
}
