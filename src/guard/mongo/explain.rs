//! What a command reads, told to people: looked up in the very command that runs.

use std::fmt;

use bson::{Bson, Document};

use super::touch::Touch;
use super::{emit, print};
use crate::catalog::{Catalog, RelationName};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{PredicateSet, RowFilter};

/// One place where a command reads a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The collection.
    pub relation: RelationName,
    /// Where in the command that runs: `find`, `aggregate`, `pipeline[2].$lookup`.
    pub place: String,
    /// Its filter as shell text; absent where every document may be read.
    pub filter: Option<String>,
    /// Why it is fenced off from the query's own conditions, where it is.
    pub fence: Option<&'static str>,
}

impl super::MongoCommand {
    /// What the command reads, from the outside in, with the filter and the fence of each place.
    ///
    /// # Errors
    ///
    /// `catalog` and `filters` are not those that the query was guarded with.
    pub fn explain(
        &self,
        catalog: &Catalog,
        filters: &PredicateSet,
    ) -> Result<Vec<Explained>, Refusal> {
        let command = Document::try_from(self.command()).map_err(|_| other())?;
        let mut explain = Explain { catalog, filters, fence: self.fence, found: Vec::new() };
        let kind = self.kind.name();
        if let Some(stages) = command.get("pipeline").and_then(stages) {
            explain.source(self.collection(), kind, &stages, let_through(&stages))?;
            explain.within(&stages, "pipeline")?;
        } else {
            explain.source(self.collection(), kind, &[], named(&command))?;
        }
        Ok(explain.found)
    }
}

struct Explain<'a> {
    catalog: &'a Catalog,
    filters: &'a PredicateSet,
    fence: Option<&'static str>,
    found: Vec<Explained>,
}

impl Explain<'_> {
    /// A collection and the stages that its documents go through.
    fn source(
        &mut self,
        collection: &str,
        place: &str,
        stages: &[&Document],
        touched: impl FnOnce(&mut Touch<'_>),
    ) -> Result<(), Refusal> {
        let schema = self.catalog.default_schema.clone();
        let name = RelationName { schema, name: collection.to_owned() };
        let relation = self.catalog.relation(&name).ok_or_else(other)?;
        let mut touch = Touch::new(relation);
        touched(&mut touch);
        let columns = relation.columns.iter().map(|column| &column.name);
        let columns = columns.filter(|column| touch.sees(column));
        let filter = match &*self.filters.filter_touching(&name, columns) {
            RowFilter::AllRows => None,
            RowFilter::NoRows => return Err(other()),
            RowFilter::Where(predicate) => Some(print::inline(&Bson::Document(emit::joined(
                emit::readable(predicate, relation)?,
            )))),
        };
        // Right after the filter, or nowhere.
        let fenced = filter.is_some()
            && stages
                .get(1)
                .is_some_and(|stage| stage.get("$limit") == Some(&Bson::Int64(i64::MAX)));
        let fence = self.fence.filter(|_| fenced);
        let place = place.to_owned();
        self.found.push(Explained { relation: name, place, filter, fence });
        Ok(())
    }

    /// What stages read besides.
    fn within(&mut self, pipeline: &[&Document], above: &str) -> Result<(), Refusal> {
        for (index, stage) in pipeline.iter().enumerate() {
            let Some((name, value)) = stage.iter().next() else { continue };
            let Bson::Document(fields) = value else { continue };
            let place = format!("{above}[{index}].{name}");
            match name.as_str() {
                "$facet" => {
                    for (branch, inner) in fields {
                        let inner = stages(inner).ok_or_else(other)?;
                        self.within(&inner, &format!("{place}.{branch}"))?;
                    }
                }
                "$lookup" | "$unionWith" => {
                    let from = fields.get("from").or_else(|| fields.get("coll"));
                    let inner = fields.get("pipeline").and_then(stages).unwrap_or_default();
                    if let Some(from) = from.and_then(Bson::as_str) {
                        self.source(from, &place, &inner, let_through(&inner))?;
                    }
                    self.within(&inner, &format!("{place}.pipeline"))?;
                }
                "$graphLookup" => {
                    let from = fields.get("from").and_then(Bson::as_str).ok_or_else(other)?;
                    self.source(from, &place, &[], |touch| {
                        touch.all();
                    })?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What a command names that is no pipeline.
fn named(command: &Document) -> impl FnOnce(&mut Touch<'_>) {
    let query = command.get_document("query").ok();
    // The filter is an `$and`, and in one where it stands beside a condition.
    let own = match query.and_then(|query| query.get_array("$and").ok()).map(Vec::as_slice) {
        Some([Bson::Document(filter), Bson::Document(own)]) if filter.contains_key("$and") => {
            Some(own.clone())
        }
        Some(_) | None => None,
    };
    let key = command.get_str("key").ok().map(ToOwned::to_owned);
    move |touch| {
        if let Some(key) = key {
            touch.distinct(&key, &own.unwrap_or_default());
        }
    }
}

/// What the projection at a source names.
fn let_through(stages: &[&Document]) -> impl FnOnce(&mut Touch<'_>) {
    let projection = stages.iter().take(3).find_map(|stage| stage.get_document("$project").ok());
    let dropped = |value: &Bson| *value == Bson::Int32(0);
    let named = projection.into_iter().flatten().filter(move |(_, value)| !dropped(value));
    let paths: Vec<String> = named.map(|(path, _)| path.clone()).collect();
    move |touch| paths.iter().for_each(|path| touch.name(path))
}

fn stages(value: &Bson) -> Option<Vec<&Document>> {
    value.as_array()?.iter().map(Bson::as_document).collect()
}

fn other() -> Refusal {
    Refusal::new(RefusalCode::RoundTrip, "a collection is of another catalog", "report this")
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { relation, place, filter, fence } = self;
        write!(f, "{relation} in {place}: ")?;
        match (filter, fence) {
            (None, _) => f.write_str("every document may be read"),
            (Some(filter), None) => write!(f, "filtered by {filter}, no fence"),
            (Some(filter), Some(fence)) => {
                write!(f, "filtered by {filter}, fenced off from\n  {fence}")
            }
        }
    }
}
