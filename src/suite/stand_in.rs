//! A database that is not SQLite's, on SQLite: the same relations, filters and rows, so that a query runs on rows of a file.
//!
//! The query is guarded for its own database first. What runs is the same query, guarded for SQLite; a query that SQLite
//! reads otherwise, or not at all, is for the live database.

use crate::catalog::{Catalog, ColumnType, Relation, RelationName};
use crate::predicate::{Hop, Masked, Predicate, PredicateSet, RowFilter};

/// SQLite's own schema.
const SCHEMA: &str = "main";

/// The relations of the default schema, as SQLite can hold them. Relations of other schemas are not there.
pub(super) fn catalog(catalog: &Catalog) -> Catalog {
    let own = |relation: &&Relation| relation.name.schema == catalog.default_schema;
    let relations = catalog.relations.iter().filter(own).cloned().map(|mut relation| {
        relation.name = moved(catalog, &relation.name);
        for column in &mut relation.columns {
            column.collation = None;
            if column.column_type == ColumnType::Timestamptz {
                column.column_type = ColumnType::Timestamp;
            }
        }
        relation
    });
    Catalog {
        default_schema: SCHEMA.to_owned(),
        relations: relations.collect(),
        functions: catalog.functions.clone(),
    }
}

/// The name of a relation there.
pub(super) fn moved(catalog: &Catalog, name: &RelationName) -> RelationName {
    let own = name.schema == catalog.default_schema;
    let schema = if own { SCHEMA.to_owned() } else { name.schema.clone() };
    RelationName { schema, name: name.name.clone() }
}

/// The same filters, hidden columns (on all rows or on some) and masks, of the relations by their names there.
pub(super) fn filters(catalog: &Catalog, filters: &PredicateSet) -> PredicateSet {
    let moved_filters =
        filters.iter().map(|(name, filter)| (moved(catalog, name), row_filter(catalog, filter)));
    let mut result: PredicateSet = moved_filters.collect();
    for (name, _) in filters.iter() {
        if let Some(hidden) = filters.hidden_of(name) {
            result.hide(moved(catalog, name), hidden.clone());
        }
        if let Some(touched) = filters.touched_of(name) {
            let touched = touched.iter();
            let touched = touched.map(|(column, left)| (column.clone(), row_filter(catalog, left)));
            result.leave(moved(catalog, name), touched.collect());
        }
        if let Some(masks) = filters.masks_of(name) {
            let masks = masks.iter().map(|(column, mask)| (column.clone(), masked(catalog, mask)));
            result.mask(moved(catalog, name), masks.collect());
        }
    }
    result
}

fn row_filter(catalog: &Catalog, filter: &RowFilter) -> RowFilter {
    match filter {
        RowFilter::AllRows => RowFilter::AllRows,
        RowFilter::NoRows => RowFilter::NoRows,
        RowFilter::Where(condition) => RowFilter::Where(predicate(catalog, condition)),
    }
}

fn masked(catalog: &Catalog, masked: &Masked) -> Masked {
    let stricter = masked.stricter.iter();
    Masked {
        clear: row_filter(catalog, &masked.clear),
        stricter: stricter.map(|(asked, mask)| (predicate(catalog, asked), *mask)).collect(),
        otherwise: masked.otherwise,
    }
}

fn predicate(catalog: &Catalog, condition: &Predicate) -> Predicate {
    let all = |operands: &[Predicate]| {
        operands.iter().map(|operand| predicate(catalog, operand)).collect()
    };
    let hop = |hop: &Hop| Hop { parent: moved(catalog, &hop.parent), ..hop.clone() };
    match condition {
        Predicate::And(operands) => Predicate::And(all(operands)),
        Predicate::Or(operands) => Predicate::Or(all(operands)),
        Predicate::Related { hop: by, predicate: asked } => {
            Predicate::Related { hop: hop(by), predicate: Box::new(predicate(catalog, asked)) }
        }
        Predicate::Parent { hop: by, negated } => {
            Predicate::Parent { hop: hop(by), negated: *negated }
        }
        Predicate::Compare { .. }
        | Predicate::CompareColumns { .. }
        | Predicate::In { .. }
        | Predicate::Like { .. }
        | Predicate::Elements { .. }
        | Predicate::IsNull { .. } => condition.clone(),
    }
}
