//! What SQLite's comparison adds to equality, and the emitted text takes away: collations, dynamic types, U+0000.

use std::collections::BTreeSet;

use dialektai::catalog::{Catalog, ColumnName, RelationName};
use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::predicate::{CmpOp, PatternElement, Predicate, PredicateSet, RowFilter, Value};

use crate::world;

const CATALOG: &str = r#"
default_schema = "main"

[[relation]]
name = "t"
columns = [
    { name = "id", type = "integer", nullable = false },
    { name = "n", type = "integer", nullable = true },
    { name = "s", type = "text", nullable = true },
    { name = "folded", type = "text", nullable = true, collation = "NOCASE" },
    { name = "padded", type = "text", nullable = true, collation = "RTRIM" },
    { name = "flag", type = "boolean", nullable = true },
    { name = "at", type = "timestamp", nullable = true },
]
"#;

/// Values that are not of their column's type, and texts that a collation calls equal.
const ROWS: &str = "
CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT, folded TEXT COLLATE NOCASE, padded TEXT COLLATE RTRIM,
                flag BOOLEAN, at TIMESTAMP);
INSERT INTO t VALUES
    (1, 5, 'a', 'a', 'a', 1, '2025-01-01 00:00:00'),
    (2, 'text', x'61', 'A', 'a ', 2, 'now'),
    (3, 5.5, 7, 'b', 'b', 'yes', 2460676.5),
    (4, x'05', 'a' || char(0) || 'b', NULL, NULL, NULL, 1735689600),
    (5, 6, 'ab', 'B', 'b  ', 0, '2024-12-31 23:59:59.999'),
    (6, NULL, NULL, 'c', 'c', NULL, NULL);
";

fn column(name: &str) -> ColumnName {
    ColumnName::new(name)
}

fn compare(name: &str, op: CmpOp, value: Value) -> Predicate {
    Predicate::Compare { column: column(name), op, value }
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

async fn visible(predicate: Predicate) -> BTreeSet<String> {
    let mut connection = world::empty().await;
    world::execute(&mut connection, ROWS).await;
    let catalog = Catalog::parse(CATALOG).unwrap();
    let name = RelationName { schema: "main".to_owned(), name: "t".to_owned() };
    let filters: PredicateSet = [(name, RowFilter::Where(predicate))].into_iter().collect();
    let guarded = guard_sql("SELECT id FROM t", Dialect::Sqlite, &catalog, &filters).unwrap();
    let rows = world::run_guarded(&mut connection, guarded.query()).await;
    rows.unwrap_or_else(|error| panic!("{error}: {}", guarded.query().text()))
        .into_iter()
        .map(|mut row| row.remove(0))
        .collect()
}

#[tokio::test]
async fn only_values_of_the_columns_type_match() {
    let like = |negated| Predicate::Like {
        column: column("s"),
        pattern: vec![PatternElement::Char('a'), PatternElement::AnyRun],
        negated,
    };
    let in_list = |name: &str, value: Value, negated| Predicate::In {
        column: column(name),
        values: vec![value.clone(), value],
        negated,
    };
    let new_year = Value::Datetime(1_735_689_600_000);
    let cases: Vec<(Predicate, &[&str])> = vec![
        (compare("n", CmpOp::Eq, Value::Long(5)), &["1"]),
        (compare("n", CmpOp::Ne, Value::Long(5)), &["5"]),
        (compare("n", CmpOp::Gt, Value::Long(4)), &["1", "5"]),
        (compare("n", CmpOp::Lt, Value::Long(6)), &["1"]),
        (in_list("n", Value::Long(5), true), &["5"]),
        (compare("s", CmpOp::Eq, text("a")), &["1"]),
        // 7 is stored as a text in a TEXT column; a byte string stays one.
        (compare("s", CmpOp::Ne, text("a")), &["3", "4", "5"]),
        (in_list("s", text("a"), true), &["3", "4", "5"]),
        (like(false), &["1", "5"]),
        (like(true), &["3"]),
        (compare("folded", CmpOp::Eq, text("a")), &["1"]),
        (compare("folded", CmpOp::Ne, text("a")), &["2", "3", "5", "6"]),
        (in_list("folded", text("A"), false), &["2"]),
        (compare("padded", CmpOp::Eq, text("a ")), &["2"]),
        (compare("padded", CmpOp::Ne, text("b")), &["1", "2", "5", "6"]),
        (compare("flag", CmpOp::Eq, Value::Bool(true)), &["1"]),
        (compare("flag", CmpOp::Ne, Value::Bool(true)), &["5"]),
        (compare("at", CmpOp::Ge, new_year.clone()), &["1"]),
        (compare("at", CmpOp::Lt, new_year.clone()), &["5"]),
        (compare("at", CmpOp::Ne, new_year), &["5"]),
        (
            Predicate::CompareColumns {
                left: column("folded"),
                op: CmpOp::Ne,
                right: column("padded"),
            },
            &["2", "5"],
        ),
        (
            Predicate::CompareColumns { left: column("n"), op: CmpOp::Eq, right: column("n") },
            &["1", "5"],
        ),
        (Predicate::IsNull { column: column("n"), negated: false }, &["6"]),
    ];
    for (predicate, expected) in cases {
        let expected: BTreeSet<String> = expected.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(visible(predicate.clone()).await, expected, "{predicate:?}");
    }
}

/// A predicate over a column that the catalog lacks is refused: SQLite could take the name for something else.
#[test]
fn unknown_columns_are_refused() {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let name = RelationName { schema: "main".to_owned(), name: "t".to_owned() };
    let predicate = compare("nonesuch", CmpOp::Eq, Value::Long(82));
    let filters: PredicateSet = [(name, RowFilter::Where(predicate))].into_iter().collect();
    assert!(guard_sql("SELECT id FROM t", Dialect::Sqlite, &catalog, &filters).is_err());
}

/// Beside the exact comparison stands a loose one, of the column's own collation, which its index serves.
#[tokio::test]
async fn exact_comparisons_stay_on_the_index() {
    let mut connection = world::empty().await;
    world::execute(&mut connection, ROWS).await;
    world::execute(&mut connection, "CREATE INDEX by_folded ON t (folded)").await;
    let catalog = Catalog::parse(CATALOG).unwrap();
    let name = RelationName { schema: "main".to_owned(), name: "t".to_owned() };
    let predicate = compare("folded", CmpOp::Eq, text("a"));
    let filters: PredicateSet = [(name, RowFilter::Where(predicate))].into_iter().collect();
    let guarded = guard_sql("SELECT id FROM t", Dialect::Sqlite, &catalog, &filters).unwrap();
    let written = guarded.query().text().replace("?1", "'a'");
    let plan = world::run_text(&mut connection, &format!("EXPLAIN QUERY PLAN {written}")).await;
    let served = plan.unwrap().iter().flatten().any(|cell| cell.contains("SEARCH t USING"));
    assert!(served, "{written}");
}
