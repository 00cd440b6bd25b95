//! Hidden columns: what a query sees where a column does not exist for the caller, on every dialect.

use dialektai::catalog::{Catalog, ColumnName};
use dialektai::guard::Refusal;
use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::{Database, Sources};

use crate::live::copies::{Servers, pinned};
use crate::world::{
    Outcome, dialects, empty, entities, execute, principal, root, run_guarded, run_text,
};

const TENANT: &str = "@id(\"tenant\") permit (principal, action, resource)
    when { resource.customer_id == principal.tenant };\n";
const HIDING: &str = "@id(\"salaries\") forbid (principal, action, resource is users)
    when { context.columns.contains(\"salary\") } unless { principal has scope };\n";
const SCOPED: &str = "@id(\"scope\") forbid (principal, action, resource)
    when { principal has scope && principal.scope == \"nobody\" };\n";

/// What tries to see `users.salary`, and what must not be hindered.
const QUERIES: [&str; 32] = [
    "SELECT * FROM users ORDER BY id",
    "SELECT u.* FROM users AS u ORDER BY u.id",
    "SELECT name FROM users ORDER BY id",
    "SELECT COUNT(*) AS n FROM users",
    "SELECT salary FROM users",
    "SELECT SALARY FROM users",
    "SELECT users.salary FROM users",
    "SELECT salry FROM users",
    "SELECT nothing FROM users",
    "SELECT name FROM users WHERE salary > 150",
    "SELECT name FROM users ORDER BY salary",
    "SELECT COUNT(salary) AS n FROM users",
    "SELECT name FROM users GROUP BY name, salary",
    "SELECT name FROM users GROUP BY name HAVING MAX(salary) > 1",
    "SELECT CASE WHEN salary > 150 THEN 1 ELSE 0 END AS c FROM users",
    "SELECT SUM(id) OVER (ORDER BY salary) AS s FROM users",
    "SELECT name AS salary FROM users ORDER BY salary",
    "SELECT name AS salary FROM users WHERE salary = 'Ann'",
    "SELECT MAX(name) AS salary FROM users GROUP BY salary",
    "SELECT name AS salary, COUNT(*) AS n FROM users GROUP BY salary ORDER BY n, salary",
    "SELECT name AS salary FROM users GROUP BY name HAVING salary = 'Ann'",
    "SELECT note FROM users NATURAL JOIN pay ORDER BY note",
    "SELECT note FROM users JOIN pay USING (salary)",
    "SELECT note FROM users JOIN pay USING (id) ORDER BY note",
    "SELECT note FROM users JOIN pay ON users.id = pay.id WHERE salary > 1 ORDER BY note",
    "SELECT note FROM pay WHERE EXISTS (SELECT 1 AS one FROM users WHERE users.salary = pay.salary)",
    // Where the inner table has no such column, the outer one is meant.
    "SELECT note, (SELECT MAX(salary) FROM users WHERE users.id = pay.id) AS m FROM pay ORDER BY note",
    "SELECT note FROM pay WHERE 1 IN (SELECT users.id FROM users WHERE salary > 150) ORDER BY note",
    "WITH w AS (SELECT * FROM users) SELECT w.salary FROM w",
    "WITH w AS (SELECT * FROM users) SELECT * FROM w ORDER BY id",
    "SELECT users FROM users",
    "SELECT x.a FROM users AS x (a, b, c, d)",
];

fn database(engine: &str, schema: &str, salary: bool) -> Database {
    database_that_hides(engine, schema, salary, if salary { HIDING } else { "" })
}

fn database_that_hides(engine: &str, schema: &str, salary: bool, hiding: &str) -> Database {
    let column = |name: &str, of: &str, declared: &str| {
        format!(
            "{{ name = \"{name}\", type = \"{of}\", declared = \"{declared}\", nullable = false }},\n"
        )
    };
    let keys = column("id", "integer", "INTEGER") + &column("customer_id", "integer", "INTEGER");
    let pay = column("salary", "integer", "INTEGER");
    let users =
        format!("{keys}{}{}", column("name", "text", "TEXT"), if salary { &pay } else { "" });
    let pay = format!("{keys}{}{pay}", column("note", "text", "TEXT"));
    let catalog = format!(
        "default_schema = \"{schema}\"\n[[relation]]\nname = \"users\"\nprimary_key = [\"id\"]\ncolumns = [\n{users}]\n\
         [[relation]]\nname = \"pay\"\nprimary_key = [\"id\"]\ncolumns = [\n{pay}]\n"
    );
    let settings = format!(
        "engine = \"{engine}\"\nurl = \"env:URL\"\ntenant_filter_column = \"customer_id\"\ntenant_id_type = \"integer\"\n"
    );
    let policies = vec![("a.cedar".to_owned(), format!("{TENANT}{SCOPED}{hiding}"))];
    Database::from_sources("x".parse().unwrap(), &Sources { settings, catalog, policies })
        .unwrap_or_else(|error| panic!("{error}"))
}

fn guard(
    database: &Database,
    dialect: Dialect,
    caller: &Principal,
    query: &str,
) -> Result<SelectSql, Refusal> {
    let filters = database.predicates_for(caller).unwrap();
    guard_sql(query, dialect, &database.catalog, &filters).map(|guarded| guarded.query().clone())
}

/// Law 3: hidden and absent are one.
#[test]
fn a_hidden_column_is_answered_as_one_that_does_not_exist() {
    let caller = principal(82, None);
    for (dialect, engine, schema) in dialects() {
        let (hiding, without) = (database(engine, schema, true), database(engine, schema, false));
        let (mut answered, mut refused) = (0, 0);
        for query in QUERIES {
            match (
                guard(&hiding, dialect, &caller, query),
                guard(&without, dialect, &caller, query),
            ) {
                (Ok(found), Ok(_)) => {
                    answered += 1;
                    // Only the other relation's, and aliases, may be called so.
                    assert!(!found.text().contains("base.salary"), "{query}\n{}", found.text());
                }
                (Err(found), Err(expected)) => {
                    refused += 1;
                    assert_eq!(found, expected, "{dialect:?}: {query}");
                    assert!(
                        !found.hint.contains("salary") || query.contains("pay"),
                        "{query}: {}",
                        found.hint
                    );
                }
                (found, expected) => panic!("{dialect:?}: {query}\n{found:?}\n{expected:?}"),
            }
        }
        assert!(answered >= 8 && refused >= 8, "{dialect:?}: {answered} {refused}");
    }
}

const SEED: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, name TEXT NOT NULL, salary INTEGER NOT NULL);
    CREATE TABLE pay (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, note TEXT NOT NULL, salary INTEGER NOT NULL);
    INSERT INTO users VALUES (1, 82, 'Ann', 100), (2, 82, 'Bob', 200), (3, 7, 'Cid', 300), (4, 82, 'Dan', 50);
    INSERT INTO pay VALUES (1, 82, 'a', 100), (2, 82, 'b', 999), (3, 7, 'c', 300), (4, 82, 'd', 160);";

/// The database that holds only what Cedar lets the caller read, row by row and column by column.
async fn own_copy(policies: &Database, caller: &Principal) -> sqlx::sqlite::SqliteConnection {
    let mut copy = empty().await;
    execute(&mut copy, SEED).await;
    for relation in &policies.catalog.relations {
        let mut seen = Vec::new();
        for (rowid, key, row) in entities(&mut copy, relation).await {
            if policies.is_authorized(caller, &relation.name, &key, &row) {
                seen.push((key, row));
            } else {
                let table = &relation.name.name;
                execute(&mut copy, &format!("DELETE FROM {table} WHERE rowid = {rowid}")).await;
            }
        }
        for column in &relation.columns {
            let touched = std::slice::from_ref(&column.name);
            let shown = seen.iter().any(|(key, row)| {
                policies.is_authorized_to_touch(caller, &relation.name, key, row, touched)
            });
            if !shown && !seen.is_empty() {
                let table = &relation.name.name;
                execute(&mut copy, &format!("ALTER TABLE {table} DROP COLUMN {}", column.name))
                    .await;
            }
        }
    }
    copy
}

#[tokio::test]
async fn guarded_on_the_shared_database_is_the_query_on_the_own_copy() {
    let policies = database("sqlite", "main", true);
    let mut shared = empty().await;
    execute(&mut shared, SEED).await;
    // Everything that is hidden is another.
    let mut other = empty().await;
    execute(&mut other, SEED).await;
    execute(&mut other, "UPDATE users SET salary = 1000 - salary * id").await;
    let mut hidden = 0;
    for (caller, hides) in [
        (principal(82, None), true),
        (principal(82, Some("ann")), false),
        (principal(7, None), true),
    ] {
        let mut copy = own_copy(&policies, &caller).await;
        for query in QUERIES {
            let Ok(guarded) = guard(&policies, Dialect::Sqlite, &caller, query) else { continue };
            let expected: Outcome = run_text(&mut copy, query).await;
            let found = run_guarded(&mut shared, &guarded).await;
            assert_eq!(found, expected, "{caller:?}: {query}\n{}", guarded.text());
            if hides {
                hidden += 1;
                assert_eq!(run_guarded(&mut other, &guarded).await, found, "{query}");
            }
        }
    }
    assert!(hidden > 20, "{hidden}");
}

/// The same on a server, whose copies hold what the one on SQLite does.
async fn the_same_on_a_server(dialect: Dialect, engine: &str, schema: &str) {
    let Some(servers) = Servers::bare(dialect).await else { return };
    let policies = database(engine, schema, true);
    let seed =
        SEED.replace("name TEXT", "name VARCHAR(20)").replace("note TEXT", "note VARCHAR(20)");
    let mut shared = servers.empty("demo").await;
    shared.execute(&seed).await;
    pinned(&mut shared).await;
    for (number, (caller, hides)) in
        [(principal(82, None), true), (principal(82, Some("ann")), false)].into_iter().enumerate()
    {
        let mut judged = own_copy(&database("sqlite", "main", true), &caller).await;
        let mut copy = servers.empty(&format!("own{number}")).await;
        copy.execute(&seed).await;
        for table in ["users", "pay"] {
            let ids = run_text(&mut judged, &format!("SELECT id FROM {table}")).await.unwrap();
            let ids: Vec<String> = ids.into_iter().flatten().collect();
            copy.execute(&format!("DELETE FROM {table} WHERE id NOT IN ({})", ids.join(", ")))
                .await;
        }
        assert_eq!(run_text(&mut judged, "SELECT salary FROM users").await.is_err(), hides);
        if hides {
            copy.execute("ALTER TABLE users DROP COLUMN salary").await;
        }
        pinned(&mut copy).await;
        let mut answered = 0;
        for query in QUERIES {
            let Ok(guarded) = guard(&policies, dialect, &caller, query) else { continue };
            // Rows without an ORDER BY come in any order.
            let in_order = |outcome: Outcome| {
                outcome.map(|mut rows| {
                    if !query.contains("ORDER BY") {
                        rows.sort();
                    }
                    rows
                })
            };
            let found = in_order(shared.run_guarded(&guarded).await.outcome);
            let expected = in_order(copy.run(query).await);
            assert_eq!(found, expected, "{caller:?}: {query}\n{}", guarded.text());
            answered += 1;
        }
        assert!(answered > 8, "{answered}");
    }
}

#[tokio::test]
async fn on_postgresql_too() {
    the_same_on_a_server(Dialect::Postgresql, "postgresql", "public").await;
}

#[tokio::test]
async fn on_mariadb_too() {
    the_same_on_a_server(Dialect::Mysql, "mysql", "demo").await;
}

/// Everybody's own salary, and no names of those that came late.
const SOMEWHERE: &str = "@id(\"own\") forbid (principal, action, resource is users)
    when { context.columns.contains(\"salary\") } unless { principal has scope && resource.name == principal.scope };
    @id(\"late\") forbid (principal, action, resource is users)
    when { context.columns.contains(\"name\") && resource.id > 3 };\n";

/// Queries, each with the columns of `users` that it touches.
const TOUCHING: [(&str, &[&str]); 19] = [
    ("SELECT * FROM users ORDER BY id", &["id", "customer_id", "name", "salary"]),
    ("SELECT id FROM users ORDER BY id", &["id"]),
    ("SELECT id, customer_id FROM users WHERE id > 1 ORDER BY id", &["id", "customer_id"]),
    ("SELECT COUNT(*) AS n FROM users", &[]),
    ("SELECT COUNT(salary) AS n, SUM(salary) AS s FROM users", &["salary"]),
    ("SELECT COUNT(name) AS n FROM users", &["name"]),
    ("SELECT id, name FROM users ORDER BY id", &["id", "name"]),
    ("SELECT id FROM users WHERE salary > 60 ORDER BY id", &["id", "salary"]),
    ("SELECT id FROM users ORDER BY salary", &["id", "salary"]),
    ("SELECT COUNT(*) AS n FROM users GROUP BY salary ORDER BY n", &["salary"]),
    ("SELECT COUNT(*) AS n FROM users GROUP BY name HAVING MAX(salary) > 1", &["name", "salary"]),
    ("SELECT 100 / (salary - 200) AS d FROM users", &["salary"]),
    ("SELECT pay.note FROM pay JOIN users ON users.id = pay.id ORDER BY pay.note", &["id"]),
    (
        "SELECT pay.note FROM pay JOIN users ON users.salary = pay.salary ORDER BY pay.note",
        &["salary"],
    ),
    (
        "SELECT note FROM pay WHERE EXISTS (SELECT 1 AS x FROM users WHERE users.id = pay.id AND users.name <> 'x') ORDER BY note",
        &["id", "name"],
    ),
    // What both have, and what `*` shows.
    ("SELECT note FROM pay NATURAL JOIN users ORDER BY note", &["id", "customer_id", "salary"]),
    (
        "SELECT * FROM pay NATURAL JOIN users ORDER BY note",
        &["id", "customer_id", "name", "salary"],
    ),
    (
        "SELECT a.note FROM pay AS a JOIN pay AS b USING (id, customer_id, salary) NATURAL JOIN (SELECT id FROM users) AS c ORDER BY id",
        &["id"],
    ),
    (
        "WITH w AS (SELECT id AS i, name AS n FROM users) SELECT COUNT(i) AS c FROM w",
        &["id", "name"],
    ),
];

/// The same in what PostgreSQL alone reads. An alias comes before a column there.
const TOUCHING_POSTGRESQL: [(&str, &[&str]); 3] = [
    ("SELECT DISTINCT ON (name) id AS name, customer_id FROM users", &["id", "customer_id"]),
    ("SELECT DISTINCT ON (name) name, customer_id FROM users", &["name", "customer_id"]),
    ("SELECT DISTINCT ON (name) customer_id FROM users", &["name", "customer_id"]),
];

/// A query that touches a column reads the rows that Cedar lets it touch, and another query all of the caller's.
async fn what_is_touched_decides(dialect: Dialect, engine: &str, schema: &str) {
    let Some(servers) = Servers::bare(dialect).await else { return };
    let policies = database_that_hides(engine, schema, true, SOMEWHERE);
    let judge = database_that_hides("sqlite", "main", true, SOMEWHERE);
    let seed =
        SEED.replace("name TEXT", "name VARCHAR(20)").replace("note TEXT", "note VARCHAR(20)");
    let (tables, rows) = seed.split_at(seed.find("INSERT").unwrap());
    let mut sqlite = empty().await;
    execute(&mut sqlite, SEED).await;
    let mut shared = servers.empty("demo").await;
    shared.execute(&seed).await;
    let mut copy = servers.empty("own").await;
    copy.execute(tables).await;
    pinned(&mut shared).await;
    pinned(&mut copy).await;
    let (mut fewer, mut refused) = (0, 0);
    for caller in [principal(82, Some("Ann")), principal(82, Some("Dan")), principal(82, None)] {
        let own = if dialect == Dialect::Postgresql { &TOUCHING_POSTGRESQL[..] } else { &[] };
        for (query, touched) in TOUCHING.iter().chain(own).copied() {
            let guarded = match guard(&policies, dialect, &caller, query) {
                Ok(guarded) => guarded,
                // There it is hidden altogether.
                Err(_) if caller.scope.is_none() && touched.contains(&"salary") => {
                    refused += 1;
                    continue;
                }
                Err(refusal) => panic!("{dialect:?}: {query}: {refusal:?}"),
            };
            if caller.scope.is_none() && touched.contains(&"salary") {
                // Its copy has no such column.
                continue;
            }
            copy.execute("DELETE FROM users").await;
            copy.execute("DELETE FROM pay").await;
            copy.execute(rows).await;
            for relation in &judge.catalog.relations {
                let touched: Vec<_> = touched.iter().copied().map(ColumnName::new).collect();
                let touched = if relation.name.name == "users" { &touched[..] } else { &[] };
                for (_, key, row) in entities(&mut sqlite, relation).await {
                    let own = judge.is_authorized(&caller, &relation.name, &key, &row);
                    let left =
                        judge.is_authorized_to_touch(&caller, &relation.name, &key, &row, touched);
                    fewer += usize::from(own && !left);
                    if !left {
                        let table = &relation.name.name;
                        copy.execute(&format!("DELETE FROM {table} WHERE id = {key}")).await;
                    }
                }
            }
            let sorted = |outcome: Outcome| {
                outcome.map(|mut rows| {
                    rows.sort();
                    rows
                })
            };
            let observed = shared.run_guarded(&guarded).await;
            let expected = sorted(copy.run(query).await);
            assert_eq!(
                sorted(observed.outcome),
                expected,
                "{caller:?}: {query}\n{}",
                guarded.text()
            );
            assert!(expected.is_ok() && observed.warnings.is_empty(), "{query}: {expected:?}");
        }
    }
    assert!(fewer > 20 && refused > 3, "{fewer} {refused}");
}

#[tokio::test]
async fn what_is_touched_decides_on_sqlite() {
    what_is_touched_decides(Dialect::Sqlite, "sqlite", "main").await;
}

#[tokio::test]
async fn what_is_touched_decides_on_postgresql() {
    what_is_touched_decides(Dialect::Postgresql, "postgresql", "public").await;
}

#[tokio::test]
async fn what_is_touched_decides_on_mariadb() {
    what_is_touched_decides(Dialect::Mysql, "mysql", "demo").await;
}

/// Which names are one, a server decides: where it may fold letters that we do not, NATURAL touches all.
#[test]
fn natural_joins_of_other_letters_touch_everything() {
    let query = "SELECT COUNT(*) AS n FROM pay NATURAL JOIN users";
    let caller = principal(82, Some("Ann"));
    for (dialect, engine, schema) in dialects() {
        if dialect == Dialect::Mssql {
            continue;
        }
        let mut database = database(engine, schema, true);
        let text = guard(&database, dialect, &caller, query).unwrap().text().to_owned();
        assert!(!text.contains("note") && !text.contains("name"), "{text}");
        for relation in &mut database.catalog.relations {
            for column in relation.columns.iter_mut().filter(|own| own.name.as_str() == "note") {
                column.name = ColumnName::new("noté");
            }
        }
        let text = guard(&database, dialect, &caller, query).unwrap().text().to_owned();
        assert!(text.contains("noté") && text.contains("name"), "{text}");
    }
}

#[test]
fn a_count_touches_nothing() {
    let rule = |columns: &str| {
        format!(
            "@id(\"few\") forbid (principal, action, resource is users)
             when {{ context.columns.containsAny([{columns}]) && resource.id > 2 }};\n"
        )
    };
    let count = |columns: &str| {
        let database = database_that_hides("sqlite", "main", true, &rule(columns));
        guard(&database, Dialect::Sqlite, &principal(82, None), "SELECT COUNT(*) AS n FROM users")
    };
    let text = count("\"id\"").unwrap().text().to_owned();
    assert!(
        text.contains(
            "(SELECT base.customer_id FROM main.users AS base WHERE base.customer_id = ?1)"
        ),
        "{text}"
    );
    // Where nothing is left to list, it is refused.
    assert!(count("\"id\", \"customer_id\", \"name\", \"salary\"").is_err());
}

#[test]
fn rows_are_filtered_by_what_is_touched() {
    let shown: Vec<String> = dialects()
        .into_iter()
        .flat_map(|(dialect, engine, schema)| {
            let database = database_that_hides(engine, schema, true, SOMEWHERE);
            let caller = principal(82, Some("Ann"));
            [
                "SELECT COUNT(*) AS n FROM users",
                "SELECT id, salary FROM users",
                "SELECT a.id FROM users AS a JOIN users AS b ON a.id = b.id AND b.name = 'Bob'",
            ]
            .map(|query| guard(&database, dialect, &caller, query).unwrap().text().to_owned())
        })
        .collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots/rewrite"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("touched_columns", shown.join("\n")));
}

#[test]
fn what_is_hidden_is_not_listed() {
    let shown: Vec<String> = dialects()
        .into_iter()
        .flat_map(|(dialect, engine, schema)| {
            let database = database(engine, schema, true);
            [principal(82, None), principal(82, Some("ann"))].map(|caller| {
                let guarded = guard(&database, dialect, &caller, "SELECT * FROM users").unwrap();
                guarded.text().to_owned()
            })
        })
        .collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots/rewrite"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("hidden_columns", shown.join("\n")));
}

#[test]
fn a_catalog_without_the_column_is_another() {
    // The two databases of the comparison do differ.
    let columns = |catalog: &Catalog| catalog.relations[0].columns.len();
    let (with, without) = (database("sqlite", "main", true), database("sqlite", "main", false));
    assert_eq!(columns(&with.catalog), columns(&without.catalog) + 1);
    let caller = principal(82, Some("ann"));
    assert!(guard(&with, Dialect::Sqlite, &caller, "SELECT salary FROM users").is_ok());
}
