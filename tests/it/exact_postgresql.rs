//! What PostgreSQL's comparison adds to equality, and the emitted text takes away: `char(n)`, `citext`, collations that
//! are not deterministic, `name`, enums, domains, microseconds, infinities. And that an index still serves.
//!
//! [`Predicate::evaluate`] says which rows a filter keeps; the server must keep the same ones.

use std::collections::BTreeSet;

use dialektai::catalog::{Catalog, ColumnName, RelationName};
use dialektai::guard::RefusalCode;
use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::predicate::{CmpOp, PatternElement, Predicate, PredicateSet, Row, RowFilter, Value};
use sqlx::postgres::PgConnection;

use crate::live::postgresql::{execute, run};
use crate::servers::postgresql::Server;

const CATALOG: &str = r#"
default_schema = "public"

[[relation]]
name = "t"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", declared = "integer", nullable = false },
    { name = "plain", type = "text", declared = "text", nullable = true },
    { name = "varying", type = "text", declared = "character varying(20)", nullable = true },
    { name = "padded", type = "text", declared = "character(20)", nullable = true, collation = "bpchar" },
    { name = "folded", type = "text", declared = "extra.citext", nullable = true, collation = "citext" },
    { name = "collated", type = "text", declared = "text", nullable = true, collation = "ci" },
    { name = "mixed", type = "text", declared = "character(20)", nullable = true, collation = "ci" },
    { name = "named", type = "text", declared = "name", nullable = true },
    { name = "domain", type = "text", declared = "label", nullable = true },
    { name = "domain_padded", type = "text", declared = "code", nullable = true, collation = "bpchar" },
    { name = "domain_folded", type = "text", declared = "email", nullable = true, collation = "citext" },
    { name = "mood", type = "text", declared = "mood", nullable = true },
    { name = "token", type = "uuid", declared = "uuid", nullable = true },
    { name = "small", type = "integer", declared = "smallint", nullable = true },
    { name = "middle", type = "integer", declared = "integer", nullable = true },
    { name = "large", type = "integer", declared = "bigint", nullable = true },
    { name = "at", type = "timestamptz", declared = "timestamp with time zone", nullable = true },
    { name = "local", type = "timestamp", declared = "timestamp without time zone", nullable = true },
    { name = "day", type = "date", declared = "date", nullable = true },
    { name = "until", type = "timestamptz", declared = "timestamp with time zone", nullable = true },
]
"#;

const SCHEMA: &str = "
CREATE SCHEMA extra;
CREATE EXTENSION citext SCHEMA extra;
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
CREATE TYPE mood AS ENUM ('a', 'A', 'ä', 'b');
CREATE DOMAIN label AS text;
CREATE DOMAIN code AS char(20);
CREATE DOMAIN email AS extra.citext;
CREATE TABLE t (
    id integer PRIMARY KEY, plain text, varying varchar(20), padded char(20), folded extra.citext,
    collated text COLLATE ci, mixed char(20) COLLATE ci, named name, domain label, domain_padded code,
    domain_folded email, mood mood, token uuid, small smallint, middle integer, large bigint,
    at timestamptz, local timestamp, day date, until timestamptz
);
";

/// Texts that some collation or type takes for each other.
const TEXTS: [&str; 14] =
    ["a", "A", "ä", "Ä", "a\u{308}", "a ", "A  ", " a", "b", "", " ", "100%_x!", "a\\b", "it's"];

/// Their column types. A `char(n)` is its text without the padding.
const TEXT_COLUMNS: [(&str, bool); 11] = [
    ("plain", false),
    ("varying", false),
    ("padded", true),
    ("folded", false),
    ("collated", false),
    ("mixed", true),
    ("named", false),
    ("domain", false),
    ("domain_padded", true),
    ("domain_folded", false),
    ("mood", false),
];

const INSTANT_COLUMNS: [&str; 3] = ["at", "local", "day"];
const DAY: i64 = 86_400_000;
const NEW_YEAR: i64 = 1_735_689_600_000;

/// Instants as PostgreSQL writes them, and the millisecond that Cedar sees; none where it sees no instant.
const INSTANTS: [(&str, Option<i64>); 10] = [
    ("2025-01-01 00:00:00", Some(NEW_YEAR)),
    ("2025-01-01 00:00:00.000999", Some(NEW_YEAR)),
    ("2025-01-01 00:00:00.001", Some(NEW_YEAR + 1)),
    ("2024-12-31 23:59:59.999999", Some(NEW_YEAR - 1)),
    ("1969-12-31 23:59:59.9995", Some(-1)),
    ("0001-01-01 00:00:00 BC", Some(-62_167_219_200_000)),
    ("4713-01-01 00:00:00 BC", Some(-210_863_520_000_000)),
    ("294276-12-31 00:00:00", Some(9_224_317_929_600_000)),
    ("infinity", None),
    ("-infinity", None),
];

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn column(name: &str) -> ColumnName {
    ColumnName::new(name)
}

/// The rows: a text or an instant each, in every column that takes it; the rest is NULL.
fn rows() -> Vec<(i64, String, Row)> {
    let quoted = |value: &str| format!("'{}'", value.replace('\'', "''"));
    let mut rows = Vec::new();
    let mut row = |columns: &[&str], values: &[String], row: Row| {
        let id = i64::try_from(rows.len()).unwrap() + 1;
        let (columns, values) = (columns.join(", "), values.join(", "));
        rows.push((id, format!("INSERT INTO t (id, {columns}) VALUES ({id}, {values})"), row));
    };
    for value in TEXTS {
        let columns: Vec<(&str, bool)> = TEXT_COLUMNS
            .into_iter()
            .filter(|(name, _)| *name != "mood" || ["a", "A", "ä", "b"].contains(&value))
            .collect();
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let seen = columns.iter().map(|(name, padded)| {
            (column(name), text(if *padded { value.trim_end_matches(' ') } else { value }))
        });
        row(&names, &vec![quoted(value); names.len()], seen.collect());
    }
    for (value, seen) in INSTANTS {
        // The columns without a zone are read as UTC, whatever the session's.
        let zone = if seen.is_some() { "+00" } else { "" };
        let at = value
            .strip_suffix(" BC")
            .map_or(format!("{value}{zone}"), |at| format!("{at}{zone} BC"));
        let values = [quoted(&at), quoted(value), quoted(value)];
        let days = seen.map(|seen| Value::Datetime(seen.div_euclid(DAY) * DAY));
        let seen = seen.map(Value::Datetime);
        let seen = [("at", seen.clone()), ("local", seen), ("day", days)];
        let seen = seen.into_iter().filter_map(|(name, value)| Some((column(name), value?)));
        row(&INSTANT_COLUMNS, &values, seen.collect());
    }
    // One millisecond, and not the same microsecond.
    let same = [quoted("2025-01-01 00:00:00.0001+00"), quoted("2025-01-01 00:00:00.0009+00")];
    let seen = ["at", "until"].map(|name| (column(name), Value::Datetime(NEW_YEAR)));
    row(&["at", "until"], &same, seen.into_iter().collect());
    row(
        &["day"],
        &[quoted("5874897-12-31")],
        Row::from([(
            column("day"),
            // Beyond what a `timestamptz` holds, and a day all the same.
            Value::Datetime(185_331_720_297_600_000),
        )]),
    );
    for token in ["6f9619ff-8b86-d011-b42d-00cf4fc964ff", "00000000-0000-0000-0000-000000000000"] {
        row(&["token"], &[quoted(token)], Row::from([(column("token"), text(token))]));
    }
    for (small, middle, large) in [
        (0, 0, 0),
        (82, 82, 82),
        (-1, -1, -1),
        (32_767, 2_147_483_647, i64::MAX),
        (-32_768, 7, i64::MIN),
    ] {
        let values = [small, middle, large];
        let names = ["small", "middle", "large"];
        let seen = names.iter().zip(values).map(|(name, value)| (column(name), Value::Long(value)));
        row(&names, &values.map(|value| format!("'{value}'")), seen.collect());
    }
    rows
}

fn atoms(name: &str, constants: &[Value], ordered: bool) -> Vec<Predicate> {
    let mut atoms = Vec::new();
    let operators: &[CmpOp] = if ordered {
        &[CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge]
    } else {
        &[CmpOp::Eq, CmpOp::Ne]
    };
    for (index, value) in constants.iter().enumerate() {
        for op in operators {
            atoms.push(Predicate::Compare { column: column(name), op: *op, value: value.clone() });
        }
        let mut values = vec![value.clone(), constants[(index + 1) % constants.len()].clone()];
        values.sort();
        values.dedup();
        for negated in [false, true] {
            let values = values.clone();
            atoms.push(Predicate::In { column: column(name), values, negated });
        }
    }
    atoms
}

fn predicates() -> Vec<Predicate> {
    let mut predicates = Vec::new();
    let constants: Vec<Value> = TEXTS.into_iter().chain(["nonesuch", "a\0"]).map(text).collect();
    let patterns = ["a", "a*", "*", "*a", "a ", "A*", "ä", "100%*", "*!", "a\\b", "", "a_", "a\0*"];
    for (name, _) in TEXT_COLUMNS {
        predicates.extend(atoms(name, &constants, false));
        for pattern in patterns {
            let pattern: Vec<PatternElement> = pattern
                .chars()
                .map(|c| if c == '*' { PatternElement::AnyRun } else { PatternElement::Char(c) })
                .collect();
            for negated in [false, true] {
                let pattern = pattern.clone();
                predicates.push(Predicate::Like { column: column(name), pattern, negated });
            }
        }
        for (other, _) in TEXT_COLUMNS {
            for op in [CmpOp::Eq, CmpOp::Ne] {
                let (left, right) = (column(name), column(other));
                predicates.push(Predicate::CompareColumns { left, op, right });
            }
        }
    }
    let whole: Vec<Value> = [
        NEW_YEAR,
        NEW_YEAR - DAY,
        0,
        -62_167_219_200_000,
        -210_863_520_000_000,
        9_224_317_929_600_000,
        -210_866_803_200_000,
        i64::MIN,
    ]
    .map(Value::Datetime)
    .to_vec();
    let mut any = whole.clone();
    any.extend([NEW_YEAR + 1, NEW_YEAR - 1, -1, i64::MAX].map(Value::Datetime));
    for name in INSTANT_COLUMNS {
        predicates.extend(atoms(name, if name == "day" { &whole } else { &any }, true));
        for op in [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Ge] {
            let (left, right) = (column(name), column(name));
            predicates.push(Predicate::CompareColumns { left, op, right });
        }
    }
    for op in [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Ge] {
        let (left, right) = (column("at"), column("until"));
        predicates.push(Predicate::CompareColumns { left, op, right });
    }
    let tokens =
        ["6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "x", ""];
    predicates.extend(atoms("token", &tokens.map(text), false));
    let numbers = [0, 82, -1, 32_768, i64::MAX, i64::MIN].map(Value::Long);
    for name in ["small", "middle", "large"] {
        predicates.extend(atoms(name, &numbers, true));
    }
    predicates
}

fn filters(predicate: Predicate) -> PredicateSet {
    let name = RelationName { schema: "public".to_owned(), name: "t".to_owned() };
    [(name, RowFilter::Where(predicate))].into_iter().collect()
}

fn guarded(catalog: &Catalog, predicate: &Predicate) -> SelectSql {
    let filters = filters(predicate.clone());
    let guarded = guard_sql("SELECT id FROM t", Dialect::Postgresql, catalog, &filters);
    guarded.unwrap_or_else(|refusal| panic!("{refusal}: {predicate:?}")).query().clone()
}

/// `PREPARE` with the types that a driver declares, and its arguments.
fn prepare(query: &SelectSql) -> (String, String) {
    let typed = query.binds().iter().map(|bind| match crate::world::value(bind) {
        Value::Long(value) => ("int8", format!("'{value}'")),
        Value::String(value) => ("text", format!("'{}'", value.replace('\'', "''"))),
        Value::Bool(value) => ("bool", value.to_string()),
        Value::Datetime(value) => {
            let (seconds, rest) = (value.div_euclid(1_000), value.rem_euclid(1_000));
            ("timestamptz", format!("to_timestamp({seconds}) + interval '{rest} milliseconds'"))
        }
    });
    let (declared, arguments): (Vec<&str>, Vec<String>) = typed.unzip();
    let list = |items: String| if items.is_empty() { items } else { format!("({items})") };
    let prepare = format!("PREPARE guarded{} AS {}", list(declared.join(", ")), query.text());
    (prepare, format!("EXECUTE guarded{}", list(arguments.join(", "))))
}

async fn start() -> Option<(Server, PgConnection)> {
    let server = Server::start(&[]).await?;
    execute(
        &mut server.connect("postgres").await,
        "CREATE DATABASE exact TEMPLATE template0 ENCODING 'UTF8'",
    )
    .await;
    let mut connection = server.connect("exact").await;
    execute(&mut connection, SCHEMA).await;
    // As the engine's sessions have it; and a zone in which midnight is another day.
    execute(
        &mut connection,
        "SET search_path = pg_catalog, pg_temp; SET timezone = 'Pacific/Auckland'",
    )
    .await;
    Some((server, connection))
}

#[tokio::test]
async fn comparisons_are_exact_on_postgresql() {
    let Some((_server, mut connection)) = start().await else { return };
    let (catalog, rows) = (Catalog::parse(CATALOG).unwrap(), rows());
    execute(&mut connection, "SET search_path = public, extra").await;
    for (_, insert, _) in &rows {
        execute(&mut connection, insert).await;
    }
    execute(&mut connection, "SET search_path = pg_catalog, pg_temp").await;
    let (mut told_apart, mut compared) = (0, 0);
    for predicate in predicates() {
        let expected: BTreeSet<i64> = rows
            .iter()
            .filter(|(_, _, row)| predicate.evaluate(row) == Some(true))
            .map(|(id, ..)| *id)
            .collect();
        let query = guarded(&catalog, &predicate);
        let (prepare, run_it) = prepare(&query);
        execute(&mut connection, &prepare).await;
        let bound = run(&mut connection, &run_it)
            .await
            .unwrap_or_else(|error| panic!("{error}: {prepare}"));
        execute(&mut connection, "DEALLOCATE guarded").await;
        let ids = |rows: Vec<Vec<String>>| -> BTreeSet<i64> {
            rows.iter().map(|row| row[0].trim_matches('"').parse().unwrap()).collect()
        };
        assert_eq!(ids(bound), expected, "{predicate:?}\n{prepare}\n{run_it}");
        // What people read, and what native policies hold, keeps the same rows.
        if !format!("{predicate:?}").contains("\\0") {
            let readable = query.readable().replace("FROM t", "FROM public.t");
            let written = run(&mut connection, &readable).await;
            let written = written.unwrap_or_else(|error| panic!("{error}: {readable}"));
            assert_eq!(ids(written), expected, "{predicate:?}\n{readable}");
        }
        compared += 1;
        told_apart += usize::from(!expected.is_empty() && expected.len() < rows.len());
    }
    println!("{compared} comparisons, {told_apart} keep some rows and drop others");
    assert!(told_apart > 400, "{told_apart} of {compared} comparisons tell rows apart");
}

/// The index that serves each comparison: on a table where reading all of it costs more.
#[tokio::test]
async fn exact_comparisons_stay_on_the_index() {
    let Some((_server, mut connection)) = start().await else { return };
    execute(
        &mut connection,
        "INSERT INTO public.t SELECT n, 'k' || n, 'k' || n, 'k' || n, ('k' || n)::text, 'k' || n, 'k' || n, 'k' || n, \
             'k' || n, 'k' || n, ('k' || n)::text, 'a', \
             md5(n::text)::uuid, n % 30000, n, n, \
             '2025-01-01 00:00:00+00'::timestamptz + n * '1 minute'::interval, \
             '2025-01-01 00:00:00'::timestamp + n * '1 minute'::interval, '2025-01-01'::date + n \
         FROM generate_series(1, 40000) AS n",
    )
    .await;
    let columns: Vec<&str> = TEXT_COLUMNS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| *name != "mood" && *name != "domain_folded")
        .chain(["token", "small", "middle", "large"])
        .chain(INSTANT_COLUMNS)
        .collect();
    for name in &columns {
        execute(&mut connection, &format!("CREATE INDEX t_{name} ON public.t ({name}, id)")).await;
    }
    execute(&mut connection, "ANALYZE public.t").await;
    let catalog = Catalog::parse(CATALOG).unwrap();
    let mut unserved = Vec::new();
    for name in columns {
        let constant = |n: i64| match name {
            "token" => text(&format!("{n:08}-0000-0000-0000-000000000000")),
            "small" | "middle" | "large" => Value::Long(n),
            "at" | "local" => Value::Datetime(NEW_YEAR + n * 60_000),
            "day" => Value::Datetime(NEW_YEAR + n * DAY),
            _ => text(&format!("k{n}")),
        };
        let mut tried = vec![
            Predicate::Compare { column: column(name), op: CmpOp::Eq, value: constant(7) },
            Predicate::In {
                column: column(name),
                values: vec![constant(7), constant(8)],
                negated: false,
            },
        ];
        if INSTANT_COLUMNS.contains(&name) {
            let value = constant(39_990);
            tried.push(Predicate::Compare { column: column(name), op: CmpOp::Gt, value });
        }
        for predicate in tried {
            let (prepare, run_it) = prepare(&guarded(&catalog, &predicate));
            execute(&mut connection, &prepare).await;
            for mode in ["force_custom_plan", "force_generic_plan"] {
                // Without statistics on the value a generic plan expects a third of the rows in a range.
                if mode == "force_generic_plan"
                    && !matches!(
                        predicate,
                        Predicate::In { .. } | Predicate::Compare { op: CmpOp::Eq, .. }
                    )
                {
                    continue;
                }
                execute(&mut connection, &format!("SET plan_cache_mode = {mode}")).await;
                let plan = run(&mut connection, &format!("EXPLAIN {run_it}")).await.unwrap();
                let plan: Vec<String> = plan.into_iter().flatten().collect();
                let plan = plan.join("\n");
                let served = plan.contains(&format!("t_{name}")) && plan.contains("Index Cond");
                if !served {
                    unserved.push(format!("{name}: {mode}\n{prepare}\n{plan}"));
                }
            }
            execute(&mut connection, "DEALLOCATE guarded").await;
        }
    }
    assert!(unserved.is_empty(), "{}", unserved.join("\n\n"));
}

/// A `LIKE` under a collation that is not deterministic fails on the first row that it meets, so it must not meet
/// another tenant's.
#[test]
fn what_fails_under_a_collation_is_fenced() {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let own = Predicate::Compare { column: column("large"), op: CmpOp::Eq, value: Value::Long(82) };
    let filters = filters(own);
    for (query, fenced) in [
        ("SELECT id FROM t WHERE collated LIKE 'a%'", true),
        ("SELECT id FROM t WHERE collated = plain", true),
        ("SELECT id FROM t WHERE plain LIKE 'a%'", false),
    ] {
        let guarded = guard_sql(query, Dialect::Postgresql, &catalog, &filters).unwrap();
        assert_eq!(guarded.query().fence().is_some(), fenced, "{query}");
    }
    // The types of the guard's own casts are not for proposals.
    for query in [
        "SELECT CAST(plain AS bpchar) FROM t",
        "SELECT CAST(plain AS BPCHAR) FROM t",
        "SELECT plain::citext FROM t",
        "SELECT CAST(plain AS extra.citext) FROM t",
    ] {
        let refusal = guard_sql(query, Dialect::Postgresql, &catalog, &filters).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::UnknownType, "{query}");
    }
    // Nor is its operator.
    let query = "SELECT id FROM t WHERE folded OPERATOR(extra.=) CAST('a' AS extra.citext)";
    let refusal = guard_sql(query, Dialect::Postgresql, &catalog, &filters).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Unsupported);
}
