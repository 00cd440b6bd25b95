//! What the fuzz targets of MongoDB run, each on any bytes: it returns, or it panics where a promise is broken.
//!
//! Only with the feature `fuzzing`, which nothing has by default, and in unit tests, which replay the fixtures.

use std::sync::OnceLock;

use bson::raw::RawDocumentBuf;

use super::text::{self, Author};
use super::{STACK_BYTES, guard_mongo, tree, verify};
use crate::catalog::{Catalog, ColumnName};
use crate::guard::RefusalCode;
use crate::predicate::{CmpOp, Predicate, PredicateSet, RowFilter, Value};

/// Runs one target on some bytes.
pub type Target = fn(&[u8]);

/// The targets by their names.
pub const TARGETS: [(&str, Target); 4] =
    [("mongo_shell", shell), ("mongo_json", json), ("mongo_bson", raw), ("mongo_guard", guard)];

/// A database, and a caller's filters.
struct World {
    catalog: Catalog,
    filters: PredicateSet,
}

/// The fixtures' database, and the filters of a tenant: its own documents where there is a tenant field, all countries,
/// and nothing else.
fn world() -> Option<&'static World> {
    static WORLD: OnceLock<Option<World>> = OnceLock::new();
    let world = WORLD.get_or_init(|| {
        let text = include_str!("../../../fixtures/mongo/policies/catalog.toml");
        let catalog = Catalog::parse(text).ok()?;
        let tenant = ColumnName::new("customer_id");
        let filters = catalog.relations.iter().filter_map(|relation| {
            let filter = if relation.column(&tenant).is_some() {
                let (column, value) = (tenant.clone(), Value::Long(82));
                RowFilter::Where(Predicate::Compare { column, op: CmpOp::Eq, value })
            } else if relation.name.name == "countries" {
                RowFilter::AllRows
            } else {
                return None;
            };
            Some((relation.name.clone(), filter))
        });
        let filters = filters.collect();
        Some(World { catalog, filters })
    });
    world.as_ref()
}

/// Shell text, and the drop of what was read: no text aborts the process.
pub fn shell(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    stacker::grow(STACK_BYTES, || drop(text::parse(query)));
}

/// A document of extended JSON prints as one that reads as the same.
///
/// # Panics
///
/// Where it does not.
pub fn json(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    stacker::grow(STACK_BYTES, || {
        let Ok(document) = text::parse_json(query, Author::Proposal) else { return };
        let printed = super::print::json(&document);
        let read = text::parse_json(&printed, Author::Guard);
        let raw = RawDocumentBuf::try_from(&document);
        let same = read.is_ok_and(|read| raw.is_ok_and(|raw| tree::holds(&raw, &read)));
        assert!(same, "{query} became {printed}");
    });
}

/// Any bytes as a command: walking them neither panics nor aborts.
pub fn raw(data: &[u8]) {
    let Some(World { catalog, filters }) = world() else { return };
    let Ok(command) = RawDocumentBuf::from_bytes(data.to_vec()) else { return };
    for fence in [false, true] {
        stacker::grow(STACK_BYTES, || drop(verify::verify(&command, catalog, filters, fence)));
    }
}

/// A query is refused, or what comes of it is verified; the guard never disagrees with itself.
///
/// # Panics
///
/// Where the guard's own parts disagree.
pub fn guard(data: &[u8]) {
    let Some(World { catalog, filters }) = world() else { return };
    let Ok(query) = std::str::from_utf8(data) else { return };
    let first = guard_mongo(query, catalog, filters);
    assert_eq!(first, guard_mongo(query, catalog, filters), "{query}");
    match first {
        Err(refusal) => {
            let own = [RefusalCode::Unverified, RefusalCode::RoundTrip].contains(&refusal.code);
            assert!(!own, "{query}: {refusal}");
            assert!(!refusal.message.is_empty() && !refusal.hint.is_empty(), "{query}");
        }
        Ok(guarded) => {
            let command = guarded.query();
            // What people see is what runs.
            let read =
                stacker::grow(STACK_BYTES, || text::parse_json(command.text(), Author::Guard));
            assert!(read.is_ok_and(|read| tree::holds(command.command(), &read)), "{query}");
            let seen = command.text().contains("\"customer_id\":{\"$eq\":82}");
            assert!(seen || command.collection() == "countries", "{query}");
        }
    }
}

#[cfg(test)]
mod tests;
