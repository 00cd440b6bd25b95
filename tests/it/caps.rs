//! No text aborts or hangs the process: chains and nests of every kind, at the caps and beyond them, on a small stack.

use std::time::{Duration, Instant};

use dialektai::guard::RefusalCode;
use dialektai::guard::sql::{Dialect, guard_sql};

use crate::{rewrite, world};

const DIALECTS: [Dialect; 4] =
    [Dialect::Sqlite, Dialect::Postgresql, Dialect::Mysql, Dialect::Mssql];

/// The stack of the thread that calls the guard, in bytes: that of a worker of a server.
const STACK: usize = 2 * 1024 * 1024;

/// In a debug build on a busy machine. What hangs takes for ever.
const BOUND: Duration = Duration::from_secs(20);

/// A text of `count` parts that stand one after another, before the last.
struct Shape {
    name: &'static str,
    before: &'static str,
    part: &'static str,
    middle: &'static str,
    closing: &'static str,
    after: &'static str,
}

const fn chain(
    name: &'static str,
    before: &'static str,
    part: &'static str,
    after: &'static str,
) -> Shape {
    Shape { name, before, part, middle: "", closing: "", after }
}

const fn nest(
    name: &'static str,
    before: &'static str,
    part: &'static str,
    middle: &'static str,
    closing: &'static str,
    after: &'static str,
) -> Shape {
    Shape { name, before, part, middle, closing, after }
}

const SHAPES: &[Shape] = &[
    chain("AND", "SELECT id FROM projects WHERE id = 1", " AND id = 1", ""),
    chain("OR", "SELECT id FROM projects WHERE id = 1", " OR id = 1", ""),
    chain("plus", "SELECT 1", "+1", " FROM projects"),
    chain("concat", "SELECT name", "||name", " FROM projects"),
    chain("comparison", "SELECT 1", "=1", " FROM projects"),
    chain("UNION ALL", "SELECT id FROM projects", " UNION ALL SELECT id FROM projects", ""),
    chain("INTERSECT", "SELECT id FROM projects", " INTERSECT SELECT id FROM projects", ""),
    chain("double colon", "SELECT id", "::int", " FROM projects"),
    chain("IS NULL", "SELECT id FROM projects WHERE id", " IS NULL", ""),
    chain("BETWEEN", "SELECT id FROM projects WHERE id", " BETWEEN 1 AND 2", ""),
    chain("COLLATE", "SELECT name", " COLLATE NOCASE", " FROM projects"),
    chain("AT TIME ZONE", "SELECT created_at", " AT TIME ZONE 'UTC'", " FROM tasks"),
    chain("subscript", "SELECT name", "[1]", " FROM projects"),
    chain("IN list", "SELECT id FROM projects WHERE id IN (1", ",1", ")"),
    chain("select list", "SELECT id", ",id", " FROM projects"),
    chain("CASE arms", "SELECT CASE", " WHEN id = 1 THEN 1", " END FROM projects"),
    chain("JOINs", "SELECT 1 FROM projects", " CROSS JOIN projects", ""),
    chain("commas in FROM", "SELECT 1 FROM projects", ", projects", ""),
    chain("CTEs", "WITH a AS (SELECT 1 AS n)", ", a AS (SELECT 1 AS n)", " SELECT 1 FROM a"),
    chain("rows", "VALUES (1)", ",(1)", ""),
    chain("names", "SELECT a", ".a", " FROM projects"),
    chain("JOIN ON", "SELECT 1 FROM projects", " JOIN projects ON 1 = 1", ""),
    chain("ORDER BY", "SELECT id FROM projects ORDER BY id", ", id", ""),
    chain("statements", "SELECT 1", "; SELECT 1", ""),
    chain("semicolons", "SELECT 1", ";", ""),
    chain("texts", "SELECT 'a'", " 'a'", ""),
    chain("comments", "SELECT 1 ", "/* a */", ""),
    chain("LIKE", "SELECT id FROM projects WHERE name", " LIKE 'a'", ""),
    nest("parentheses", "SELECT ", "(", "1", ")", ""),
    nest("parentheses of FROM", "SELECT 1 FROM ", "(", "projects", ")", ""),
    nest("nested joins", "SELECT 1 FROM ", "(", "projects", " CROSS JOIN countries)", ""),
    nest("derived tables", "SELECT 1 FROM ", "(SELECT 1 AS n FROM ", "projects", ") AS t", ""),
    nest(
        "doubled derived tables",
        "SELECT 1 FROM ",
        "((SELECT 1 AS n FROM ",
        "projects",
        ") AS t)",
        "",
    ),
    nest("subqueries", "SELECT ", "(SELECT ", "1", ")", ""),
    nest("doubled subqueries", "SELECT ", "((SELECT ", "1", "))", ""),
    nest(
        "EXISTS",
        "SELECT 1 FROM projects WHERE ",
        "EXISTS (SELECT 1 FROM projects WHERE ",
        "1 = 1",
        ")",
        "",
    ),
    nest(
        "IN",
        "SELECT 1 FROM projects WHERE ",
        "1 IN ((SELECT 1 FROM projects WHERE ",
        "1 = 1",
        "))",
        "",
    ),
    nest(
        "ANY",
        "SELECT 1 FROM projects WHERE ",
        "1 = ANY (SELECT 1 FROM projects WHERE ",
        "1 = 1",
        ")",
        "",
    ),
    nest("functions", "SELECT ", "abs(", "1", ")", ""),
    nest("functions of queries", "SELECT ", "abs((SELECT ", "1", "))", ""),
    nest("CASE", "SELECT ", "CASE WHEN 1 = 1 THEN ", "1", " END", ""),
    nest("CAST", "SELECT ", "CAST(", "1", " AS INTEGER)", ""),
    nest("SUBSTRING", "SELECT ", "SUBSTRING(", "'a'", " FROM 1)", ""),
    nest("POSITION", "SELECT ", "POSITION('a' IN ", "'a'", ")", ""),
    nest("arrays", "SELECT ", "ARRAY[", "1", "]", ""),
    nest("tuples", "SELECT ", "(1, ", "1", ")", ""),
    nest("WITH", "", "WITH a AS (", "SELECT 1 AS n", ") SELECT 1 AS n FROM a", ""),
    nest("set operations", "", "(SELECT 1 UNION ", "SELECT 1", ")", ""),
    nest(
        "APPLY",
        "SELECT 1 FROM ",
        "projects CROSS APPLY (SELECT 1 AS n FROM ",
        "projects",
        ") AS t",
        "",
    ),
    nest(
        "LATERAL",
        "SELECT 1 FROM ",
        "projects, LATERAL (SELECT 1 AS n FROM ",
        "projects",
        ") AS t",
        "",
    ),
    nest("windows", "SELECT ", "sum(1) OVER (ORDER BY ", "1", ")", ""),
    nest("LIMIT", "SELECT 1 LIMIT ", "(SELECT 1 LIMIT ", "1", ")", ""),
    nest("GROUPING SETS", "SELECT 1 FROM projects GROUP BY ", "GROUPING SETS (", "id", ")", ""),
    nest("comments inside", "SELECT 1 ", "/* ", "", " */", ""),
    nest("NOT", "SELECT id FROM projects WHERE ", "NOT ", "archived", "", ""),
    nest("minus", "SELECT ", "- ", "1", "", ""),
    nest("bits", "SELECT ", "~ ", "1", "", ""),
    nest("typed literals", "SELECT ", "DATE ", "'2024-01-01'", "", ""),
    nest("open parentheses", "SELECT ", "(", "", "", ""),
    nest("open queries", "SELECT 1 FROM ", "((SELECT 1 FROM ", "", "", ""),
    nest("open calls", "SELECT ", "abs(", "", "", ""),
    nest("open texts", "SELECT ", "'", "", "", ""),
];

impl Shape {
    fn text(&self, count: usize) -> String {
        let Self { name: _, before, part, middle, closing, after } = self;
        format!("{before}{}{middle}{}{after}", part.repeat(count), closing.repeat(count))
    }
}

/// Counts below every cap, near those of depth, near that of tokens, and beyond all.
const COUNTS: [usize; 7] = [3, 60, 130, 390, 1_300, 3_900, 30_000];

#[test]
fn chains_and_nests_are_answered() {
    let asked = std::thread::Builder::new().stack_size(STACK).spawn(|| {
        let mut answers = (0, 0);
        for dialect in DIALECTS {
            let database = rewrite::database(dialect);
            let filters = database.predicates_for(&world::principal(82, None)).unwrap();
            for shape in SHAPES {
                for count in COUNTS {
                    let text = shape.text(count);
                    let start = Instant::now();
                    let answer = guard_sql(&text, dialect, &database.catalog, &filters);
                    let took = start.elapsed();
                    let about = format!("{} of {count} on {}", shape.name, dialect.name());
                    assert!(took < BOUND, "{about}: {took:?}");
                    match answer {
                        Ok(guarded) => {
                            assert!(!guarded.query().readable().is_empty(), "{about}");
                            answers.0 += 1;
                        }
                        Err(refusal) => {
                            assert!(refusal.message.len() < 400, "{about}: {refusal}");
                            assert_ne!(refusal.code, RefusalCode::RoundTrip, "{about}");
                            answers.1 += 1;
                        }
                    }
                    if text.len() > 64 * 1024 {
                        break;
                    }
                }
            }
        }
        answers
    });
    let (accepted, refused) = asked.unwrap().join().unwrap();
    // Both ends of the scale are reached.
    assert!(accepted > 200 && refused > 400, "{accepted} accepted, {refused} refused");
}

/// A control character has no place in a query, whatever it stands in.
#[test]
fn control_characters_are_refused_everywhere() {
    let control = ('\0'..='\u{9f}').filter(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
    let control: Vec<char> = control.collect();
    assert_eq!(control.len(), 62);
    for dialect in DIALECTS {
        let database = rewrite::database(dialect);
        let filters = database.predicates_for(&world::principal(82, None)).unwrap();
        let (open, close) = if dialect == Dialect::Mysql { ('`', '`') } else { ('"', '"') };
        for c in &control {
            for text in [
                format!("SELECT id FROM projects WHERE name = 'a{c}b'"),
                format!("SELECT id AS {open}a{c}b{close} FROM projects"),
                format!("SELECT id FROM projects -- {c}"),
                format!("SELECT id /* {c} */ FROM projects"),
                format!("SELECT id{c}FROM projects"),
                format!("SELECT id FROM projects{c}"),
            ] {
                let refusal = guard_sql(&text, dialect, &database.catalog, &filters).unwrap_err();
                assert_eq!(refusal.code.as_str(), "syntax_error", "{text:?}");
            }
        }
    }
}

/// The longest name is kept whole, a longer one refused: quoted, with escapes inside, and of wide characters.
#[test]
fn long_names_are_kept_or_refused() {
    for (dialect, longest) in [
        (Dialect::Sqlite, 255),
        (Dialect::Postgresql, 63),
        (Dialect::Mysql, 64),
        (Dialect::Mssql, 128),
    ] {
        let database = rewrite::database(dialect);
        let filters = database.predicates_for(&world::principal(82, None)).unwrap();
        let quote = if dialect == Dialect::Mysql { '`' } else { '"' };
        let quoted = |name: &str| {
            let inside = name.replace(quote, &format!("{quote}{quote}"));
            format!("SELECT id AS {quote}{inside}{quote} FROM projects")
        };
        let ask = |text: &str| guard_sql(text, dialect, &database.catalog, &filters);
        let plain = "n".repeat(longest);
        // An escape is one character of the name and two of the text.
        let escaped = format!("{}{quote}", "n".repeat(longest - 1));
        for name in [&plain, &escaped] {
            assert!(ask(&quoted(name)).is_ok(), "{name}");
            assert!(ask(&quoted(&format!("{name}n"))).is_err(), "{name}n");
        }
        assert!(ask(&format!("SELECT id AS {plain} FROM projects")).is_ok());
        assert!(ask(&format!("SELECT id AS {plain}n FROM projects")).is_err());
        assert!(ask(&quoted(&"ü".repeat(longest))).is_err());
        assert!(ask(&quoted("")).is_err());
    }
}
