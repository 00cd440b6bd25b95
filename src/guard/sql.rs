//! The SQL guard: caps, parse, admit, resolve, rewrite, print, read back, and verify.

mod admit;
mod binds;
mod dialect;
mod emit;
mod fence;
mod forms;
mod functions;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod native;
mod patterns;
mod print;
mod resolve;
mod rewrite;
mod scope;
mod suggest;
mod text;
mod totality;
mod tree;
mod tsql;
mod types;
mod used;
mod verify;

use crate::catalog::Catalog;
use crate::predicate::PredicateSet;

use super::printed::Printed;
use super::{Guarded, Refusal, RefusalCode};
use fence::{Hazards, Read};
use print::Text;
use resolve::Findings;
use rewrite::{Reader, Rewrite};
use text::Author;

/// The stack that the guard recurses on, in bytes. The deepest tree that the caps let through needs a fraction of it,
/// also in a debug build; only what is touched is ever committed.
///
/// On a thread that has less to spare each call takes a new stack and gives it back, which costs more than guarding a
/// short query. A host that guards often gives its threads this much, as `serve` does.
pub const STACK_BYTES: usize = 128 * 1024 * 1024;

pub use binds::{Bind, KeyHalf};
pub use dialect::{Dialect, MSSQL_SESSION, MYSQL_SQL_MODE};
pub use fence::{Explained, Hazard};
pub use forms::{CAST_TARGETS, CastTargets, FORMS, Form};
pub use functions::{LeftOut, Listed, left_out, listed, may_be_added};

/// A query to run: text and binds travel together.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectSql {
    dialect: Dialect,
    text: String,
    binds: Vec<Bind>,
    readable: Printed<People>,
    reads: Vec<Read>,
    hazards: Hazards,
}

/// A rewritten query as people read it.
#[derive(Debug, Clone, PartialEq)]
struct People {
    tree: tree::Query,
    /// The schema that they leave out.
    default_schema: String,
}

impl SelectSql {
    /// The dialect that the text is written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What runs: `?1` on SQLite, `$1` on PostgreSQL, `@P1` on SQL Server, numbered in the order of the binds; `?` on
    /// MySQL.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the placeholders stand for; on MySQL one for each, in the order of the text.
    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// The same query with its values written out, for people. Printed when it is first asked for.
    pub fn readable(&self) -> &str {
        self.readable.text(STACK_BYTES, |People { tree, default_schema }| {
            // What can be printed for an engine can be printed for people.
            print::print(tree, self.dialect, Some(default_schema))
                .map_or_else(|_| self.text.clone(), |printed| printed.text)
        })
    }

    /// Why filtered relations are fenced off from the query's own expressions, where some are: the first of the reasons
    /// that [`SelectSql::explain`] gives.
    pub fn fence(&self) -> Option<&'static str> {
        self.hazards.first()
    }
}

/// Rewrites one query so that it reads only what `filters` keep.
///
/// # Errors
///
/// A [`Refusal`] for every query that is not known to be expressible exactly.
pub fn guard_sql(
    query: &str,
    dialect: Dialect,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> Result<Guarded<SelectSql>, Refusal> {
    // INVARIANT (no abort): whatever thread this is, the walks have `STACK_BYTES` to themselves.
    stacker::maybe_grow(STACK_BYTES, STACK_BYTES, || rewrite(query, dialect, catalog, filters))
        .map(Guarded)
}

fn rewrite(
    query: &str,
    dialect: Dialect,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> Result<SelectSql, Refusal> {
    let parsed = text::parse(query, dialect)?;
    let mut resolved = admit::admit(&parsed, dialect, Author::Proposal, &catalog.functions)?;
    // INVARIANT (isolation): names are looked up where hidden columns do not exist.
    let visible = filters.visible(catalog);
    let Findings { hazards, used } = resolve::resolve(&mut resolved, dialect, &visible, filters)?;
    let mut readable = resolved.clone();
    let rewrite = |reader| Rewrite {
        dialect,
        catalog,
        visible: &visible,
        filters,
        hazards: &hazards,
        used: &used,
        reads: Vec::new(),
        reader,
        outside: 0,
    };
    let mut binds = Vec::new();
    let mut for_engine = rewrite(Reader::Engine(&mut binds));
    for_engine.query(&mut resolved)?;
    let reads = for_engine.reads;
    rewrite(Reader::People).query(&mut readable)?;
    let (text, binds) = sealed(&resolved, binds, dialect, catalog, filters)?;
    let people = People { tree: readable, default_schema: catalog.default_schema.clone() };
    let readable = Printed::of(people);
    Ok(SelectSql { dialect, text, binds, readable, reads, hazards })
}

/// The text of a rewritten query and its binds, once both of its readings agree that it is this query, and filtered.
fn sealed(
    tree: &tree::Query,
    binds: Vec<Bind>,
    dialect: Dialect,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> Result<(String, Vec<Bind>), Refusal> {
    let printed = print::print(tree, dialect, None)?;
    read_back(&printed, tree, dialect, catalog)?;
    let binds = in_order(binds, &printed.placeholders, dialect)?;
    verify::verify(&printed.text, &binds, dialect, catalog, filters)?;
    Ok((printed.text, binds))
}

// INVARIANT (only printed text runs): the text, read again, must give the very tree that was filtered. This catches
// what the parser or the printer might get wrong about each other (rules H1 to H26).
fn read_back(
    printed: &Text,
    tree: &tree::Query,
    dialect: Dialect,
    catalog: &Catalog,
) -> Result<(), Refusal> {
    // Parentheses that the printer adds count as depth.
    let refused = |refusal: Refusal| {
        if refusal.code == RefusalCode::TooLarge { refusal } else { mismatch() }
    };
    let parsed = text::parse_printed(&printed.text, dialect, &printed.placeholders);
    let parsed = parsed.map_err(refused)?;
    let admitted =
        admit::admit(&parsed, dialect, Author::Guard, &catalog.functions).map_err(refused)?;
    if &admitted == tree { Ok(()) } else { Err(mismatch()) }
}

/// The binds as the placeholders ask for them: MySQL's have no numbers, so each gets a value of its own.
fn in_order(
    binds: Vec<Bind>,
    placeholders: &[usize],
    dialect: Dialect,
) -> Result<Vec<Bind>, Refusal> {
    match dialect {
        Dialect::Sqlite | Dialect::Postgresql | Dialect::Mssql => Ok(binds),
        Dialect::Mysql => {
            let value = |number: &usize| binds.get(number.checked_sub(1)?).cloned();
            placeholders.iter().map(|number| value(number).ok_or_else(mismatch)).collect()
        }
    }
}

fn mismatch() -> Refusal {
    Refusal::new(
        RefusalCode::RoundTrip,
        "the rewritten query does not read back as itself",
        "rephrase the query; this is worth a report",
    )
}

#[cfg(test)]
mod tests;
