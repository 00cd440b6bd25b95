//! What MySQL's comparison adds to equality, and the emitted text takes away: collations, padding, character sets,
//! unsigned integers, truth values that are neither, zero dates and microseconds.
#![expect(clippy::disallowed_methods, reason = "an oracle runs what the service never would")]

use std::collections::BTreeSet;

use dialektai::catalog::{Catalog, ColumnName, RelationName};
use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::predicate::{CmpOp, PatternElement, Predicate, PredicateSet, RowFilter, Value};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _};

use super::{connect, execute, run, traces};
use crate::servers::mariadb::Server;

const CATALOG: &str = r#"
default_schema = "mysql_emission"

[[relation]]
name = "t"
columns = [
    { name = "id", type = "integer", declared = "int(11)", nullable = false },
    { name = "s", type = "text", nullable = true, collation = "utf8mb4_general_ci" },
    { name = "padded", type = "text", nullable = true, collation = "utf8mb4_general_ci" },
    { name = "bin", type = "text", nullable = true, collation = "utf8mb4_bin" },
    { name = "latin", type = "text", nullable = true, collation = "latin1_swedish_ci" },
    { name = "n", type = "integer", declared = "bigint(20)", nullable = true },
    { name = "u", type = "integer", declared = "bigint(20) unsigned", nullable = true },
    { name = "unknown", type = "integer", nullable = true },
    { name = "flag", type = "boolean", declared = "tinyint(1)", nullable = true },
    { name = "at", type = "timestamp", nullable = true },
    { name = "zoned", type = "timestamptz", nullable = true },
    { name = "day", type = "date", nullable = true },
    { name = "guid", type = "uuid", nullable = true },
    { name = "packed", type = "text", nullable = true, collation = "ascii_general_ci" },
]
"#;

const ROWS: &str = r"
CREATE TABLE t (
    id INT PRIMARY KEY,
    s VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
    padded CHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
    bin VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    latin VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci,
    n BIGINT, u BIGINT UNSIGNED, unknown BIGINT UNSIGNED, flag TINYINT(1),
    at DATETIME(6), zoned TIMESTAMP(6) NULL, day DATE, guid UUID,
    packed CHAR(36) CHARACTER SET ascii COLLATE ascii_general_ci,
    KEY (s), KEY (latin), KEY (guid), KEY (n)
);
INSERT INTO t VALUES
    (1, 'a', 'a', 'a', 'é', 5, 18446744073709551615, 18446744073709551615, 1, '2025-01-01 00:00:00.000999',
     '2025-01-01 00:00:00.000999', '2025-01-01', '6f9619ff-8b86-d011-b42d-00cf4fc964ff', '6f9619ff-8b86-d011-b42d-00cf4fc964ff'),
    (2, 'A', 'A', 'A', 'e', 6, 5, 5, 2, '0000-00-00 00:00:00', '0000-00-00 00:00:00', '0000-00-00',
     '00000000-0000-0000-0000-000000000000', '6F9619FF-8B86-D011-B42D-00CF4FC964FF'),
    (3, 'a ', 'a', 'a ', 'É', -1, 6, 6, 0, '2024-12-31 23:59:59.999999', '2024-12-31 23:59:59.999999', '2024-00-00', NULL, ''),
    (4, 'á', 'á', 'á', 'E', 0, 0, 0, 0, '1969-12-31 23:59:59.999900', '2038-01-19 03:14:07', '1969-12-31', NULL, NULL),
    (5, 'a%_\b', 'x', '🚀', 'a!', 7, 7, 7, -1, '2025-01-01 00:00:00.001', NULL, '1000-01-01', NULL, NULL),
    (6, '🚀', '', 'a
b', '', 9223372036854775807, 9223372036854775807, 9223372036854775807, 1, '9999-12-31 23:59:59.999999', NULL, '9999-12-31', NULL, NULL),
    (7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
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

fn guard(predicate: Predicate) -> SelectSql {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let name = RelationName { schema: "mysql_emission".to_owned(), name: "t".to_owned() };
    let filters: PredicateSet = [(name, RowFilter::Where(predicate))].into_iter().collect();
    guard_sql("SELECT id FROM t", Dialect::Mysql, &catalog, &filters).unwrap().query().clone()
}

/// The ids that a filter keeps, over the binary protocol as the engine binds.
async fn visible(connection: &mut MySqlConnection, query: &SelectSql) -> BTreeSet<i32> {
    let mut prepared = sqlx::query(AssertSqlSafe(query.text().to_owned()).into_sql_str());
    for bind in query.binds() {
        prepared = match crate::world::value(bind) {
            Value::Long(value) | Value::Datetime(value) => prepared.bind(*value),
            Value::String(value) => prepared.bind(value.clone()),
            Value::Bool(value) => prepared.bind(*value),
        };
    }
    let rows = prepared.fetch_all(connection).await;
    rows.unwrap_or_else(|error| panic!("{error}: {}", query.text()))
        .iter()
        .map(|row| row.get_unchecked(0))
        .collect()
}

fn in_list(name: &str, values: &[Value], negated: bool) -> Predicate {
    Predicate::In { column: column(name), values: values.to_vec(), negated }
}

fn like(name: &str, pattern: &str, negated: bool) -> Predicate {
    let pattern = pattern
        .chars()
        .map(|c| if c == '*' { PatternElement::AnyRun } else { PatternElement::Char(c) })
        .collect();
    Predicate::Like { column: column(name), pattern, negated }
}

fn columns(left: &str, op: CmpOp, right: &str) -> Predicate {
    Predicate::CompareColumns { left: column(left), op, right: column(right) }
}

fn cases() -> Vec<(Predicate, &'static [i32])> {
    const GUID: &str = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
    let new_year = || Value::Datetime(1_735_689_600_000);
    vec![
        (compare("s", CmpOp::Eq, text("a")), &[1]),
        (compare("s", CmpOp::Eq, text("A")), &[2]),
        (compare("s", CmpOp::Eq, text("a ")), &[3]),
        (compare("s", CmpOp::Eq, text("á")), &[4]),
        (compare("s", CmpOp::Eq, text("👩")), &[]),
        (compare("s", CmpOp::Eq, text("a%_\\b")), &[5]),
        (compare("s", CmpOp::Ne, text("a")), &[2, 3, 4, 5, 6]),
        (in_list("s", &[text("A"), text("x")], false), &[2]),
        (in_list("s", &[text("A"), text("x")], true), &[1, 3, 4, 5, 6]),
        (like("s", "a*", false), &[1, 3, 5]),
        (like("s", "a%_\\*", false), &[5]),
        (like("s", "a*", true), &[2, 4, 6]),
        (like("s", "*", false), &[1, 2, 3, 4, 5, 6]),
        (like("s", "a", false), &[1]),
        (like("bin", "a*b", false), &[6]),
        (like("latin", "a!", false), &[5]),
        (like("latin", "é*", false), &[1]),
        (compare("padded", CmpOp::Eq, text("a")), &[1, 3]),
        (compare("padded", CmpOp::Eq, text("a ")), &[]),
        (compare("padded", CmpOp::Ne, text("a")), &[2, 4, 5, 6]),
        (compare("bin", CmpOp::Eq, text("a")), &[1]),
        (compare("bin", CmpOp::Eq, text("🚀")), &[5]),
        (compare("latin", CmpOp::Eq, text("é")), &[1]),
        (compare("latin", CmpOp::Eq, text("E")), &[4]),
        (compare("latin", CmpOp::Eq, text("🚀")), &[]),
        (compare("latin", CmpOp::Ne, text("é")), &[2, 3, 4, 5, 6]),
        (compare("n", CmpOp::Eq, Value::Long(5)), &[1]),
        (compare("n", CmpOp::Ne, Value::Long(5)), &[2, 3, 4, 5, 6]),
        (compare("n", CmpOp::Gt, Value::Long(i64::MAX - 1)), &[6]),
        (compare("u", CmpOp::Ne, Value::Long(5)), &[3, 4, 5, 6]),
        (compare("u", CmpOp::Gt, Value::Long(-1)), &[2, 3, 4, 5, 6]),
        (compare("u", CmpOp::Ge, Value::Long(i64::MAX)), &[6]),
        (compare("u", CmpOp::Lt, Value::Long(6)), &[2, 4]),
        (compare("u", CmpOp::Eq, Value::Long(-1)), &[]),
        (in_list("u", &[Value::Long(-1), Value::Long(5)], true), &[3, 4, 5, 6]),
        (compare("unknown", CmpOp::Ne, Value::Long(5)), &[3, 4, 5, 6]),
        (compare("flag", CmpOp::Eq, Value::Bool(true)), &[1, 6]),
        (compare("flag", CmpOp::Ne, Value::Bool(true)), &[3, 4]),
        (compare("flag", CmpOp::Ne, Value::Bool(false)), &[1, 6]),
        (in_list("flag", &[Value::Bool(true)], true), &[3, 4]),
        (columns("flag", CmpOp::Eq, "flag"), &[1, 3, 4, 6]),
        (compare("at", CmpOp::Eq, new_year()), &[1]),
        (compare("at", CmpOp::Le, new_year()), &[1, 3, 4]),
        (compare("at", CmpOp::Gt, new_year()), &[5, 6]),
        (compare("at", CmpOp::Lt, new_year()), &[3, 4]),
        (compare("at", CmpOp::Ne, new_year()), &[3, 4, 5, 6]),
        (compare("at", CmpOp::Eq, Value::Datetime(1_735_689_599_999)), &[3]),
        (compare("at", CmpOp::Eq, Value::Datetime(-1)), &[4]),
        (compare("at", CmpOp::Ge, Value::Datetime(i64::MAX)), &[]),
        (compare("at", CmpOp::Gt, Value::Datetime(i64::MIN)), &[1, 3, 4, 5, 6]),
        (compare("zoned", CmpOp::Eq, new_year()), &[1]),
        (compare("zoned", CmpOp::Ge, Value::Datetime(1_735_689_599_999)), &[1, 3, 4]),
        (compare("day", CmpOp::Eq, new_year()), &[1]),
        (compare("day", CmpOp::Lt, new_year()), &[4, 5]),
        (in_list("day", &[new_year(), Value::Datetime(0)], true), &[4, 5, 6]),
        (columns("at", CmpOp::Gt, "day"), &[4, 5, 6]),
        (columns("at", CmpOp::Eq, "day"), &[1]),
        (compare("guid", CmpOp::Eq, text(GUID)), &[1]),
        (compare("guid", CmpOp::Eq, text(&GUID.to_uppercase())), &[]),
        (compare("guid", CmpOp::Eq, text("no uuid")), &[]),
        (compare("guid", CmpOp::Ne, text(GUID)), &[2]),
        (in_list("guid", &[text(GUID), text("x")], false), &[1]),
        (in_list("guid", &[text(GUID)], true), &[2]),
        (compare("packed", CmpOp::Eq, text(GUID)), &[1]),
        (columns("s", CmpOp::Eq, "bin"), &[1, 2, 3, 4]),
        (columns("s", CmpOp::Eq, "padded"), &[1, 2, 4]),
        (columns("s", CmpOp::Ne, "padded"), &[3, 5, 6]),
        (columns("s", CmpOp::Eq, "latin"), &[]),
        (columns("n", CmpOp::Eq, "u"), &[4, 5, 6]),
        (columns("u", CmpOp::Ne, "n"), &[2, 3]),
        (Predicate::IsNull { column: column("s"), negated: false }, &[7]),
        (Predicate::IsNull { column: column("at"), negated: true }, &[1, 2, 3, 4, 5, 6]),
    ]
}

#[tokio::test]
async fn only_equal_values_match_on_mariadb() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut connection = server.connect("mysql").await;
    let setup =
        "SET sql_mode = 'NO_BACKSLASH_ESCAPES'; CREATE DATABASE mysql_emission; USE mysql_emission";
    execute(&mut connection, setup).await;
    execute(&mut connection, ROWS).await;
    let mut connection = connect(&server, "mysql_emission").await;
    for (predicate, expected) in cases() {
        let query = guard(predicate.clone());
        let found = visible(&mut connection, &query).await;
        assert_eq!(found, expected.iter().copied().collect(), "{predicate:?}\n{}", query.text());
        assert_eq!(traces(&mut connection).await.len(), 1, "warnings: {predicate:?}");
        // What people read means the same.
        let read = run(&mut connection, query.readable()).await.unwrap();
        let read: BTreeSet<i32> =
            read.iter().map(|row| row[0].trim_matches('"').parse().unwrap()).collect();
        assert_eq!(read, found, "{}", query.readable());
    }
    // The filler makes an index worth its while.
    let filler = "INSERT INTO t (id, s, latin, n) SELECT 100 + seq, CONCAT('v', seq), CONCAT('v', seq), seq FROM seq_1_to_2000; ANALYZE TABLE t";
    execute(&mut connection, filler).await;
    for (predicate, key) in [
        (compare("s", CmpOp::Eq, text("v7")), "s"),
        (in_list("s", &[text("v7"), text("v8")], false), "s"),
        (compare("latin", CmpOp::Eq, text("v7")), "latin"),
        (compare("guid", CmpOp::Eq, text("6f9619ff-8b86-d011-b42d-00cf4fc964ff")), "guid"),
        (compare("n", CmpOp::Eq, Value::Long(7)), "n"),
    ] {
        let query = guard(predicate);
        let plan = run(&mut connection, &format!("EXPLAIN {}", query.readable())).await.unwrap();
        assert_eq!(plan[0][5].trim_matches('"'), key, "{plan:?}\n{}", query.readable());
    }
}
