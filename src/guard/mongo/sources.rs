//! What every command of a caller has in common: each collection's filter and listed columns, made and encoded once.

use std::collections::HashMap;
use std::sync::Arc;

use bson::Document;

use super::tree::Encoded;
use super::{emit, rewrite, verify};
use crate::catalog::{Catalog, Relation};
use crate::guard::Refusal;
use crate::predicate::{PredicateSet, RowFilter};

/// The collections that a caller may read.
pub(super) struct Sources {
    by_name: HashMap<String, Result<Source, Refusal>>,
    /// Whether any filter of the caller's compares strings.
    pub(super) strings: bool,
}

/// A collection as a caller may read it.
pub(super) struct Source {
    /// As the catalog has it.
    pub(super) relation: Relation,
    /// What its documents must be; absent where every document may be read.
    pub(super) filter: Option<Filter>,
    /// The projection to the listed columns.
    pub(super) columns: Encoded,
    /// Both, as the verifier expects them.
    pub(super) expected: verify::Expected,
}

/// A filter in its two forms.
pub(super) struct Filter {
    /// The condition that runs.
    pub(super) engine: Encoded,
    /// The condition for people.
    pub(super) people: Document,
}

impl Sources {
    /// Those of a caller's filters; made the first time.
    pub(super) fn of(catalog: &Catalog, filters: &PredicateSet) -> Arc<Self> {
        filters.kept(|| Self::new(catalog, filters))
    }

    fn new(catalog: &Catalog, filters: &PredicateSet) -> Self {
        let of_default = |relation: &&Relation| relation.name.schema == catalog.default_schema;
        let by_name = catalog.relations.iter().filter(of_default).filter_map(|relation| {
            let source = Source::new(relation, filters.filter_for(&relation.name)).transpose()?;
            Some((relation.name.name.clone(), source))
        });
        let strings = filters.iter().any(|(_, filter)| match filter {
            RowFilter::Where(predicate) => emit::compares_strings(predicate),
            RowFilter::AllRows | RowFilter::NoRows => false,
        });
        Self { by_name: by_name.collect(), strings }
    }

    /// A collection; absent where the caller may not read it.
    ///
    /// # Errors
    ///
    /// Its filter has no exact form.
    pub(super) fn get(&self, name: &str) -> Result<Option<&Source>, Refusal> {
        self.by_name.get(name).map(|source| source.as_ref().map_err(Clone::clone)).transpose()
    }
}

impl Source {
    fn new(relation: &Relation, filter: &RowFilter) -> Result<Option<Self>, Refusal> {
        let predicate = match filter {
            RowFilter::NoRows => return Ok(None),
            RowFilter::AllRows => None,
            RowFilter::Where(predicate) => Some(predicate),
        };
        let filter = predicate.map(|predicate| {
            let engine = Encoded::new(emit::condition(predicate, relation)?)?;
            let people = emit::joined(emit::readable(predicate, relation)?);
            Ok(Filter { engine, people })
        });
        Ok(Some(Self {
            filter: filter.transpose()?,
            columns: Encoded::new(rewrite::columns(relation)?)?,
            expected: verify::Expected::of(relation, predicate)?,
            relation: relation.clone(),
        }))
    }
}
