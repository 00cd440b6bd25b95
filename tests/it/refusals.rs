//! The words of refusals: they say what to change, and tell nothing of what the caller may not read.

use dialektai::guard::Refusal;
use dialektai::guard::sql::{Dialect, guard_sql};

use crate::{rewrite, world};

const DIALECTS: [Dialect; 4] =
    [Dialect::Sqlite, Dialect::Postgresql, Dialect::Mysql, Dialect::Mssql];

/// Every refused fixture of a dialect, with its refusal.
fn refused(dialect: Dialect) -> Vec<(String, Refusal)> {
    let folder = world::root().join("fixtures/sql").join(dialect.name()).join("refused");
    let database = rewrite::database(dialect);
    let filters = database.predicates_for(&world::principal(82, None)).unwrap();
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let refusal = guard_sql(&text, dialect, &database.catalog, &filters).unwrap_err();
            (path.file_name().unwrap().to_string_lossy().into_owned(), refusal)
        })
        .collect()
}

#[test]
fn hints_say_what_to_change() {
    for dialect in DIALECTS {
        for (file, Refusal { code: _, message, hint }) in refused(dialect) {
            let about = format!("{} {file}: {message} / {hint}", dialect.name());
            assert!(hint.len() > 3 && message.len() > 10, "{about}");
            assert!(
                !message.contains(hint.as_ref()) && !hint.contains(message.as_ref()),
                "{about}"
            );
            let stopped = |text: &str| text.ends_with('.') && !text.ends_with("..");
            assert!(!stopped(&hint) && !stopped(&message), "{about}");
            assert!(message.len() < 300 && hint.len() < 400, "{about}");
            // An instruction begins with a verb.
            assert!(hint.starts_with(|c: char| c.is_ascii_lowercase()), "{about}");
        }
    }
}

/// Queries that name `NAME` wherever a relation can be named.
const PLACES: [&str; 9] = [
    "SELECT * FROM NAME",
    "SELECT id FROM SCHEMA.NAME",
    "SELECT p.id FROM projects p JOIN NAME c ON c.id = p.id",
    "SELECT id FROM projects WHERE EXISTS (SELECT 1 FROM NAME)",
    "SELECT id FROM projects WHERE id IN (SELECT task_id FROM NAME)",
    "SELECT (SELECT MAX(id) FROM NAME) AS m FROM projects",
    "WITH a AS (SELECT id FROM NAME) SELECT id FROM a",
    "SELECT id FROM projects UNION ALL SELECT id FROM NAME",
    "SELECT NAME.id FROM projects",
];

/// A relation that the caller may not read, and the same database without it: the same words.
#[test]
fn a_hidden_relation_is_as_one_that_does_not_exist() {
    for dialect in DIALECTS {
        let database = rewrite::database(dialect);
        let mut without = database.catalog.clone();
        without.relations.retain(|relation| relation.name.name != "comments");
        assert_eq!(without.relations.len() + 1, database.catalog.relations.len());
        let filters = database.predicates_for(&world::principal(82, None)).unwrap();
        // Its own name, and names that are near it.
        for name in ["comments", "comment", "commets", "COMMENTS", "comments2"] {
            for place in PLACES {
                let schema = &database.catalog.default_schema;
                let query = place.replace("NAME", name).replace("SCHEMA", schema);
                let there = guard_sql(&query, dialect, &database.catalog, &filters).unwrap_err();
                let gone = guard_sql(&query, dialect, &without, &filters).unwrap_err();
                assert_eq!(there, gone, "{}: {query}", dialect.name());
                let offered = there.hint.replace("the column", "");
                assert!(!offered.contains("comments"), "{}: {query}: {offered}", dialect.name());
            }
        }
    }
}

/// What a caller of another scope may not read at all is not offered either.
#[test]
fn only_what_the_caller_may_read_is_offered() {
    let database = rewrite::database(Dialect::Sqlite);
    let scoped = database.predicates_for(&world::principal(82, Some("user-john-456"))).unwrap();
    let refuse = |query: &str| {
        guard_sql(query, Dialect::Sqlite, &database.catalog, &scoped).unwrap_err().hint.into_owned()
    };
    assert_eq!(
        refuse("SELECT * FROM project"),
        "query one of the relations that exist: countries, tasks"
    );
    assert_eq!(refuse("SELECT * FROM taks"), "query `tasks`");
}

/// What a hint names in place of a construct is accepted: the words of a hint, and a query as it says.
const INSTEAD: &[(Dialect, &str, &str)] = &[
    (Dialect::Sqlite, "strftime", "SELECT CAST(strftime('%Y', due_on) AS INTEGER) FROM tasks"),
    (
        Dialect::Sqlite,
        "date(x, 'start of month')",
        "SELECT date(due_on, 'start of month') FROM tasks",
    ),
    (
        Dialect::Sqlite,
        "or min and max",
        "SELECT id FROM tasks WHERE priority >= (SELECT max(priority) FROM tasks)",
    ),
    (
        Dialect::Sqlite,
        "use a window function",
        "SELECT id, row_number() OVER (PARTITION BY status ORDER BY id) FROM tasks",
    ),
    (
        Dialect::Sqlite,
        "put it into a subquery",
        "SELECT id FROM tasks UNION SELECT * FROM (SELECT id FROM users EXCEPT SELECT id FROM projects)",
    ),
    (
        Dialect::Postgresql,
        "to_char",
        "SELECT to_char(due_on, 'YYYY-MM'), date_trunc('month', due_on) FROM tasks",
    ),
    (
        Dialect::Postgresql,
        "least(a, b)",
        "SELECT id FROM tasks WHERE id BETWEEN least(3, 1) AND greatest(3, 1)",
    ),
    (Dialect::Postgresql, "generate_series(a, b)", "SELECT n FROM generate_series(1, 3) AS g (n)"),
    (Dialect::Postgresql, "unnest(ARRAY[...])", "SELECT u FROM unnest(ARRAY[1, 2]) AS u"),
    (
        Dialect::Postgresql,
        "a.start < b.end",
        "SELECT id FROM tasks WHERE created_at < '2024-03-31' AND '2024-03-01' < created_at",
    ),
    (
        Dialect::Postgresql,
        "several LIKEs with OR",
        "SELECT id FROM projects WHERE name LIKE 'a%' OR name LIKE 'b%'",
    ),
    (
        Dialect::Postgresql,
        "use left, substr and `||`",
        "SELECT 'x' || substr(name, 2), left(name, 1) FROM projects",
    ),
    (Dialect::Mysql, "a % b", "SELECT id % 2 FROM projects"),
    (
        Dialect::Mysql,
        "group_concat(x SEPARATOR",
        "SELECT group_concat(name SEPARATOR ', ') FROM projects",
    ),
    (Dialect::Mysql, "NOT (a <=> b)", "SELECT id FROM projects WHERE NOT (name <=> 'a')"),
    (Dialect::Mysql, "CONCAT(a, b)", "SELECT CONCAT(name, status) FROM projects"),
    (
        Dialect::Mysql,
        "UNION of a LEFT and a RIGHT JOIN",
        "SELECT p.id, t.id FROM projects p LEFT JOIN tasks t ON t.project_id = p.id UNION SELECT p.id, t.id FROM projects p RIGHT JOIN tasks t ON t.project_id = p.id",
    ),
    (
        Dialect::Mysql,
        "CAST(... AS BINARY)",
        "SELECT id FROM projects WHERE CAST(name AS BINARY) = 'a'",
    ),
    (
        Dialect::Mysql,
        "order by `column IS NULL` first",
        "SELECT id FROM tasks ORDER BY due_on IS NULL, due_on",
    ),
    (Dialect::Mysql, "JSON_EXTRACT", "SELECT JSON_EXTRACT(description, '$.a') FROM tasks"),
    (
        Dialect::Mysql,
        "(a AND NOT b) OR (NOT a AND b)",
        "SELECT id FROM projects WHERE (archived AND NOT id = 1) OR (NOT archived AND id = 1)",
    ),
    (Dialect::Mssql, "TOP (n)", "SELECT TOP (10) id FROM projects ORDER BY id"),
    (
        Dialect::Mssql,
        "OFFSET 0 ROWS FETCH NEXT n ROWS ONLY",
        "SELECT id FROM projects ORDER BY id OFFSET 0 ROWS FETCH NEXT 5 ROWS ONLY",
    ),
    (
        Dialect::Mssql,
        "CROSS APPLY",
        "SELECT t.id FROM projects p CROSS APPLY (SELECT x.id FROM tasks x WHERE x.project_id = p.id) AS t",
    ),
    (
        Dialect::Mssql,
        "a IS NOT NULL AND b IS NULL",
        "SELECT id FROM projects WHERE name <> status OR (name IS NULL AND status IS NOT NULL) OR (name IS NOT NULL AND status IS NULL)",
    ),
    (
        Dialect::Mssql,
        "(a IS NULL AND b IS NULL)",
        "SELECT id FROM projects WHERE name = status OR (name IS NULL AND status IS NULL)",
    ),
    (
        Dialect::Mssql,
        "CASE WHEN ... THEN 1 ELSE 0 END",
        "SELECT CASE WHEN id = 1 THEN 1 ELSE 0 END AS one FROM projects",
    ),
    (
        Dialect::Mssql,
        "CASE WHEN x IS NULL THEN 1 ELSE 0 END",
        "SELECT id FROM tasks ORDER BY CASE WHEN due_on IS NULL THEN 1 ELSE 0 END, due_on",
    ),
    (
        Dialect::Mssql,
        "(VALUES (1, 'a')) AS v(id, name)",
        "SELECT v.id FROM (VALUES (1, 'a')) AS v(id, name)",
    ),
    (
        Dialect::Mssql,
        "TRIM(x FROM y)",
        "SELECT LTRIM(name) AS a, TRIM('x' FROM name) AS b FROM projects",
    ),
    (Dialect::Mssql, "CAST('...' AS date)", "SELECT CAST('2024-01-31' AS date) AS d"),
    (
        Dialect::Mssql,
        "write ON a.x = b.x",
        "SELECT p.id FROM projects p JOIN tasks t ON t.project_id = p.id",
    ),
];

#[test]
fn what_hints_offer_is_accepted() {
    for (dialect, words, query) in INSTEAD {
        let database = rewrite::database(*dialect);
        let filters = database.predicates_for(&world::principal(82, None)).unwrap();
        if let Err(refusal) = guard_sql(query, *dialect, &database.catalog, &filters) {
            panic!("{words}: {query}: {refusal}");
        }
    }
    for dialect in DIALECTS {
        let refused = refused(dialect);
        let own = INSTEAD.iter().filter(|(of, _, _)| *of == dialect);
        let unused: Vec<&str> = own
            .map(|(_, words, _)| *words)
            .filter(|words| !refused.iter().any(|(_, refusal)| refusal.hint.contains(words)))
            .collect();
        // Words that no fixture is told say nothing.
        assert!(unused.is_empty(), "{}: {unused:?}", dialect.name());
    }
}
