//! What the fuzz targets in `fuzz/` run, each on any bytes: it returns, or it panics where a promise is broken.
//!
//! Only with the feature `fuzzing`, which nothing has by default, and in unit tests, which replay the corpus.

mod behind;

use std::sync::OnceLock;

use super::text::Author;
use super::tree::{Body, Expr, Literal, Name, Query, Select, SelectItem};
use super::{Bind, Dialect, STACK_BYTES, admit, guard_sql, print, text, verify};
use crate::catalog::{Catalog, ColumnName};
use crate::guard::RefusalCode;
use crate::predicate::{CmpOp, Predicate, PredicateSet, RowFilter, Value};

/// Runs one target on some bytes.
pub type Target = fn(&[u8]);

/// The targets by their names.
pub const TARGETS: [(&str, Target); 4] =
    [("parse", parse), ("guard", guard), ("print", printed), ("round_trip", round_trip)];

const DIALECTS: [Dialect; 4] =
    [Dialect::Sqlite, Dialect::Postgresql, Dialect::Mysql, Dialect::Mssql];

/// Whom the filters are for.
const TENANT: i64 = 82;

/// A database, and a caller's filters.
struct World {
    catalog: Catalog,
    filters: PredicateSet,
}

/// The demo database on each engine, and the filters of a tenant: its own rows where there is a tenant column, all
/// countries, and no comments.
fn world(dialect: Dialect) -> Option<&'static World> {
    static WORLDS: OnceLock<Vec<(Dialect, World)>> = OnceLock::new();
    let worlds = WORLDS.get_or_init(|| {
        let world = |dialect: Dialect| {
            let text = include_str!("../../../policies/demo/catalog.toml");
            let schema = match dialect {
                Dialect::Sqlite => "main",
                Dialect::Postgresql => "public",
                Dialect::Mysql => "demo",
                Dialect::Mssql => "dbo",
            };
            let catalog =
                Catalog::parse(&text.replace("\"main\"", &format!("\"{schema}\""))).ok()?;
            let tenant = ColumnName::new("customer_id");
            let filters = catalog.relations.iter().filter_map(|relation| {
                let filter = if relation.column(&tenant).is_some() {
                    let (column, value) = (tenant.clone(), Value::Long(TENANT));
                    RowFilter::Where(Predicate::Compare { column, op: CmpOp::Eq, value })
                } else if relation.name.name == "countries" {
                    RowFilter::AllRows
                } else {
                    return None;
                };
                Some((relation.name.clone(), filter))
            });
            let filters = filters.collect();
            Some((dialect, World { catalog, filters }))
        };
        DIALECTS.into_iter().filter_map(world).collect()
    });
    worlds.iter().find(|(own, _)| *own == dialect).map(|(_, world)| world)
}

/// The first byte chooses the dialect, the rest is the text.
fn input(data: &[u8]) -> Option<(Dialect, &str)> {
    let (first, rest) = data.split_first()?;
    let dialect = DIALECTS.get(usize::from(first % 4))?;
    Some((*dialect, std::str::from_utf8(rest).ok()?))
}

/// Caps, parser, and the drop of what it made: no text aborts the process.
pub fn parse(data: &[u8]) {
    let Some((dialect, query)) = input(data) else { return };
    stacker::grow(STACK_BYTES, || drop(text::parse(query, dialect)));
}

/// A text is refused, or what is printed holds each relation behind its filter; the guard never disagrees with itself.
///
/// # Panics
///
/// Where a relation is not behind its filter, or the guard's own parts disagree.
pub fn guard(data: &[u8]) {
    let Some((dialect, query)) = input(data) else { return };
    let Some(World { catalog, filters }) = world(dialect) else { return };
    match guard_sql(query, dialect, catalog, filters) {
        Err(refusal) => {
            assert_ne!(refusal.code, RefusalCode::Unverified, "{query}");
            assert!(!refusal.message.is_empty() && !refusal.hint.is_empty(), "{query}");
        }
        Ok(guarded) => {
            let sql = guarded.query();
            let verified = stacker::grow(STACK_BYTES, || {
                verify::verify(sql.text(), sql.binds(), dialect, catalog, filters)
            });
            assert!(verified.is_ok(), "{query} became {}", sql.text());
            let open = behind::open_relation(sql.text(), dialect, catalog, filters);
            assert_eq!(open, None, "{query} became {}", sql.text());
            let own = |bind: &Bind| *bind == Value::Long(TENANT).into();
            assert!(sql.binds().iter().all(own), "{query} became {}", sql.text());
        }
    }
}

/// A literal and a name, whatever they hold, read back as themselves: by the parser, and by the rule of doubling.
///
/// # Panics
///
/// Where they read back as anything else.
pub fn printed(data: &[u8]) {
    let Some((dialect, both)) = input(data) else { return };
    let (literal, name) = both.split_once('\n').unwrap_or((both, "x"));
    if both.chars().any(|c| c != '\n' && c.is_control()) || name.is_empty() || name.contains('\n') {
        // Refused wherever they come from.
        return;
    }
    if name.len() > dialect.max_name_bytes() {
        return;
    }
    let text = match dialect {
        Dialect::Mssql if !literal.is_ascii() => Literal::National(literal.to_owned()),
        _ => Literal::String(literal.to_owned()),
    };
    let items = vec![
        SelectItem::Expr { expr: Expr::Literal(text.clone()), alias: Some(Name::new(name)) },
        SelectItem::Expr {
            expr: Expr::Column(vec![Name::new(name), Name::new(name)]),
            alias: Some(Name::new("y")),
        },
        SelectItem::Expr { expr: Expr::Literal(text), alias: Some(Name::new("z")) },
    ];
    let select = Select { items, ..Select::default() };
    let tree = Query {
        with: None,
        body: Body::Select(Box::new(select)),
        order_by: Vec::new(),
        limit: None,
        offset: None,
        fetch_with_ties: None,
    };
    let Ok(printed) = print::print(&tree, dialect, None) else { return };
    let words = behind::words(&printed.text, dialect);
    let texts: Vec<&str> = words.iter().filter_map(behind::Word::text).collect();
    assert_eq!(texts, [literal, literal], "{}", printed.text);
    let read = text::parse_printed(&printed.text, dialect, &[]);
    let read = read
        .map(|parsed| admit::admit(&parsed, dialect, Author::Guard, &std::sync::Arc::default()));
    match read {
        Ok(Ok(read)) => assert_eq!(read, tree, "{}", printed.text),
        // Some names are no names to an engine, however they are quoted.
        Ok(Err(_)) | Err(_) => assert!(reserved(name, dialect), "{}", printed.text),
    }
}

/// Whether a quoted name is refused for what it says.
fn reserved(name: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Mssql => true,
        Dialect::Sqlite | Dialect::Postgresql | Dialect::Mysql => name.trim() != name,
    }
}

/// Guarding is the same each time, what is admitted prints as a text that is admitted as the same, and guarding that
/// text gives the same.
///
/// # Panics
///
/// Where one of the three is not so.
pub fn round_trip(data: &[u8]) {
    let Some((dialect, query)) = input(data) else { return };
    let Some(World { catalog, filters }) = world(dialect) else { return };
    let guard = |text: &str| guard_sql(text, dialect, catalog, filters);
    let first = guard(query);
    assert_eq!(first, guard(query), "{query}");
    let again = stacker::grow(STACK_BYTES, || {
        let read = |query: &str| {
            admit::admit(
                &*text::parse(query, dialect).ok()?,
                dialect,
                Author::Proposal,
                &std::sync::Arc::default(),
            )
            .ok()
        };
        let tree = read(query)?;
        let printed = print::print(&tree, dialect, None).ok()?.text;
        let fits = printed.len() <= text::MAX_BYTES;
        let same = read(&printed).is_some_and(|again| again == tree);
        assert!(same || !fits || first.is_err(), "{query} became {printed}");
        same.then_some(printed)
    });
    let (Some(again), Ok(first)) = (again, first) else { return };
    assert_eq!(
        guard(&again).map(|second| second.query().text().to_owned()),
        Ok(first.query().text().to_owned()),
        "{query}"
    );
}

#[cfg(test)]
mod tests;
