//! What every command of a caller has in common: each collection's filter and listed columns, made and encoded once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bson::{Bson, Document};

use super::touch::{Touch, is_dropped, is_within};
use super::tree::{Encoded, Tree};
use super::{emit, verify};
use crate::catalog::{Catalog, Column, ColumnName, ColumnType, Relation};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{Masked, Predicate, PredicateSet, RowFilter};

/// The collections that a caller may read.
pub(super) struct Sources {
    by_name: HashMap<String, Result<Source, Refusal>>,
    /// The catalog without what is hidden, where something is.
    visible: Option<Catalog>,
    /// Whether any filter or mask of the caller's compares strings.
    pub(super) strings: bool,
}

/// A collection as a caller may read it.
pub(super) struct Source {
    /// As the catalog has it: what filters and masks read.
    pub(super) relation: Relation,
    /// As the caller knows it: what queries name.
    pub(super) visible: Relation,
    /// What its documents must be for a query that touches no field; absent where every document may be read.
    filter: Option<Filter>,
    /// The projection to the columns that may be seen, each masked one as its mask.
    columns: Encoded,
    /// What is shown of masked columns.
    masks: BTreeMap<ColumnName, Bson>,
    /// What of this depends on the columns that are touched.
    somewhere: Option<Somewhere>,
    /// What the verifier expects.
    pub(super) expected: verify::Expected,
}

/// A filter in its two forms.
struct Filter {
    /// The condition that runs.
    engine: Encoded,
    /// The condition for people.
    people: Document,
}

/// Columns that are hidden on some documents, each with the documents that touching it leaves.
struct Somewhere {
    rows: RowFilter,
    left: BTreeMap<ColumnName, RowFilter>,
}

/// A collection as one place of a query sees it.
#[derive(Clone)]
pub(super) struct View<'a> {
    /// As the caller knows it.
    pub(super) relation: &'a Relation,
    /// The condition that runs, and the one for people; absent where every document may be read.
    pub(super) filter: Option<(Tree<'a>, Cow<'a, Document>)>,
    /// The projection to the columns that are seen.
    pub(super) columns: Tree<'a>,
    /// What is shown of the masked ones among them, for people.
    pub(super) masks: Option<Document>,
}

impl Sources {
    /// Those of a caller's filters; made the first time.
    pub(super) fn of(catalog: &Catalog, filters: &PredicateSet) -> Arc<Self> {
        filters.kept(|| Self::new(catalog, filters))
    }

    fn new(catalog: &Catalog, filters: &PredicateSet) -> Self {
        let visible = filters.visible(catalog);
        let of_default =
            |(relation, _): &(&Relation, _)| relation.name.schema == catalog.default_schema;
        let by_name = catalog
            .relations
            .iter()
            .zip(&visible.relations)
            .filter(of_default)
            .filter_map(|(relation, visible)| {
                let source = Source::new(relation, visible, filters).transpose()?;
                Some((relation.name.name.clone(), source))
            })
            .collect();
        let asks = |filter: &RowFilter| match filter {
            RowFilter::Where(predicate) => emit::compares_strings(predicate),
            RowFilter::AllRows | RowFilter::NoRows => false,
        };
        let masks = |masked: &Masked| {
            let stricter = |(predicate, _): &(Predicate, _)| emit::compares_strings(predicate);
            asks(&masked.clear) || masked.stricter.iter().any(stricter)
        };
        let strings = filters.iter().any(|(relation, filter)| {
            asks(filter)
                || filters.touched_of(relation).is_some_and(|left| left.values().any(asks))
                || filters.masks_of(relation).is_some_and(|own| own.values().any(masks))
        });
        let visible = match visible {
            Cow::Borrowed(_) => None,
            Cow::Owned(visible) => Some(visible),
        };
        Self { by_name, visible, strings }
    }

    /// A collection; absent where the caller may not read it.
    ///
    /// # Errors
    ///
    /// Its filter has no exact form.
    pub(super) fn get(&self, name: &str) -> Result<Option<&Source>, Refusal> {
        self.by_name.get(name).map(|source| source.as_ref().map_err(Clone::clone)).transpose()
    }

    /// The catalog as the caller may know it.
    pub(super) fn visible<'c>(&'c self, catalog: &'c Catalog) -> &'c Catalog {
        self.visible.as_ref().unwrap_or(catalog)
    }
}

impl Source {
    fn new(
        relation: &Relation,
        visible: &Relation,
        filters: &PredicateSet,
    ) -> Result<Option<Self>, Refusal> {
        let name = &relation.name;
        let rows = filters.filter_for(name);
        if *rows == RowFilter::NoRows || visible.columns.is_empty() {
            return Ok(None);
        }
        let mut masks = BTreeMap::new();
        for (column, masked) in filters.masks_of(name).into_iter().flatten() {
            if let Some(column) = visible.column(column) {
                masks.insert(column.name.clone(), emit::masked(column, masked, relation)?);
            }
        }
        let left = filters.touched_of(name).into_iter().flatten();
        let left: BTreeMap<ColumnName, RowFilter> = left
            .filter(|(column, _)| visible.column(column).is_some())
            .map(|(column, rows)| (column.clone(), rows.clone()))
            .collect();
        let somewhere = (!left.is_empty()).then(|| Somewhere { rows: rows.clone(), left });
        Ok(Some(Self {
            filter: Filter::of(rows, relation)?,
            columns: Encoded::new(columns(visible, &masks, |_| true)?)?,
            masks,
            somewhere,
            expected: verify::Expected::of(relation, filters)?,
            relation: relation.clone(),
            visible: visible.clone(),
        }))
    }

    /// Whether what a query sees is more than a filter and a choice of columns, so that it must stand before the query's
    /// own conditions.
    pub(super) fn changes(&self) -> bool {
        self.somewhere.is_some() || !self.masks.is_empty()
    }

    pub(super) fn is_masked(&self) -> bool {
        !self.masks.is_empty()
    }

    /// Whether a place that touches these columns touches a masked one.
    pub(super) fn shows_masks(&self, touch: &Touch<'_>) -> bool {
        self.masks.keys().any(|column| touch.sees(column))
    }

    /// The collection as a place sees it that touches what `touched` finds.
    // INVARIANT (isolation): a column that is hidden on some documents is let through only where its own filter is there.
    pub(super) fn view(
        &self,
        touched: impl FnOnce(&mut Touch<'_>) -> Result<(), Refusal>,
    ) -> Result<View<'_>, Refusal> {
        let masks = |seen: &dyn Fn(&Column) -> bool| {
            let seen = |(name, _): &(&ColumnName, _)| self.visible.column(name).is_some_and(seen);
            let masks = self.masks.iter().filter(seen);
            let masks: Document =
                masks.map(|(name, shown)| (name.to_string(), shown.clone())).collect();
            (!masks.is_empty()).then_some(masks)
        };
        let Some(Somewhere { rows, left }) = &self.somewhere else {
            let filter = self.filter.as_ref();
            return Ok(View {
                relation: &self.visible,
                filter: filter.map(|own| (Tree::Kept(&own.engine), Cow::Borrowed(&own.people))),
                columns: Tree::Kept(&self.columns),
                masks: masks(&|_| true),
            });
        };
        let mut touch = Touch::new(&self.visible);
        touched(&mut touch)?;
        let seen = |column: &Column| !is_dropped(&column.name, &touch, left.keys());
        let shown = |column: &Column| column.column_type != ColumnType::Document && seen(column);
        if !self.visible.columns.iter().any(shown) {
            // Something must be chosen, so that everything else is not.
            touch.all();
        }
        let seen = |column: &Column| !is_dropped(&column.name, &touch, left.keys());
        let is_shown = |hidden: &ColumnName| {
            let (hidden, own) = (hidden.as_str(), self.visible.columns.iter());
            own.filter(|column| column.column_type != ColumnType::Document).any(|column| {
                let own = column.name.as_str();
                is_within(own, hidden) || is_within(hidden, own)
            })
        };
        let own = left.iter().filter(|(column, _)| touch.sees(column) && is_shown(column));
        let rows = own.fold(rows.clone(), |rows, (_, left)| rows.and(left.clone()));
        let filter = Filter::of(&rows, &self.relation)?.map(|filter| {
            (Tree::Made(Bson::Document(filter.engine.document)), Cow::Owned(filter.people))
        });
        Ok(View {
            relation: &self.visible,
            filter,
            columns: columns(&self.visible, &self.masks, seen)?.into(),
            masks: masks(&seen),
        })
    }
}

impl Filter {
    fn of(rows: &RowFilter, relation: &Relation) -> Result<Option<Self>, Refusal> {
        match rows {
            RowFilter::AllRows => Ok(None),
            RowFilter::NoRows => Err(nothing("no documents")),
            RowFilter::Where(predicate) => Ok(Some(Self {
                engine: Encoded::new(emit::condition(predicate, relation)?)?,
                people: emit::joined(emit::readable(predicate, relation)?),
            })),
        }
    }
}

/// The projection that keeps columns: of documents whose fields are listed, those fields; of a masked column, its mask.
// INVARIANT (default deny): a field that is not listed does not exist.
fn columns(
    relation: &Relation,
    masks: &BTreeMap<ColumnName, Bson>,
    seen: impl Fn(&Column) -> bool,
) -> Result<Document, Refusal> {
    let mut kept = Document::new();
    for column in relation.columns.iter().filter(|column| seen(column)) {
        if column.column_type != ColumnType::Document {
            let shown = masks.get(&column.name).cloned().unwrap_or(Bson::Int32(1));
            kept.insert(column.name.as_str(), shown);
        }
    }
    // A projection that only drops keeps everything else.
    if kept.is_empty() {
        return Err(nothing("a collection without columns"));
    }
    if !kept.keys().any(|path| is_within(path, "_id")) {
        kept.insert("_id", 0);
    }
    Ok(kept)
}

fn nothing(what: &str) -> Refusal {
    Refusal::new(
        RefusalCode::Unsupported,
        format!("the query holds {what}"),
        "rephrase the query; this is worth a report",
    )
}
