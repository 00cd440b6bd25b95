//! Columns that are neither grouped nor aggregated: MariaDB refuses them of a table, and takes them of a derived table that
//! it merges. Every row is the caller's, so that a query and its guarded form must fare alike.

use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::policy::{Database, Sources};

use super::{connect, execute, run, run_guarded};
use crate::servers::mariadb::Server;
use crate::tally::sorted;
use crate::world::principal;

const ROWS: &str = "CREATE DATABASE firm; USE firm;
    CREATE TABLE people (id INT PRIMARY KEY, customer_id INT NOT NULL, team INT NOT NULL, name VARCHAR(20) NOT NULL, salary INT);
    INSERT INTO people VALUES (1, 82, 1, 'ann', 100), (2, 82, 1, 'bob', 200), (3, 82, 2, 'cid', 300);
    CREATE TABLE teams (id INT PRIMARY KEY, title VARCHAR(20) NOT NULL, city VARCHAR(20) NOT NULL);
    INSERT INTO teams VALUES (1, 'sales', 'Oslo'), (2, 'legal', 'Oslo');";

const CATALOG: &str = r#"default_schema = "firm"
[[relation]]
name = "people"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", declared = "int", nullable = false },
    { name = "customer_id", type = "integer", declared = "int", nullable = false },
    { name = "team", type = "integer", declared = "int", nullable = false },
    { name = "name", type = "text", declared = "varchar(20)", nullable = false },
    { name = "salary", type = "integer", declared = "int", nullable = true },
]
[[relation]]
name = "teams"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", declared = "int", nullable = false },
    { name = "title", type = "text", declared = "varchar(20)", nullable = false },
    { name = "city", type = "text", declared = "varchar(20)", nullable = false },
]
"#;

const TEAMS: &str =
    "@id(\"teams\") permit (principal, action == Action::\"read\", resource is teams);\n";
const PEOPLE: &str = "permit (principal, action == Action::\"read\", resource is people) when { resource.customer_id == principal.tenant";

/// As they are, with a mask, and with a column that does not exist: in every case a relation is a derived table.
fn databases() -> [Database; 3] {
    let plain = format!("@id(\"people\") {PEOPLE} }};\n");
    let masked = format!(
        "@id(\"own\") {PEOPLE} && resource.name == \"ann\" }};\n@id(\"people\") @mask(\"null\") @columns(\"salary\") {PEOPLE} }};\n"
    );
    let hidden = format!(
        "{plain}@id(\"hidden\") forbid (principal, action, resource is people) when {{ context.columns.contains(\"salary\") }};\n"
    );
    [plain, masked, hidden].map(|policies| {
        let settings =
            "engine = \"mysql\"\nurl = \"env:URL\"\ntenant_filter_column = \"customer_id\"\n";
        let policies = vec![("a.cedar".to_owned(), format!("{TEAMS}{policies}"))];
        let (settings, catalog) = (settings.to_owned(), CATALOG.to_owned());
        Database::from_sources("x".parse().unwrap(), &Sources { settings, catalog, policies })
            .unwrap_or_else(|error| panic!("{error}"))
    })
}

fn guard(database: &Database, query: &str) -> SelectSql {
    let filters = database.predicates_for(&principal(82, None)).unwrap();
    let guarded = guard_sql(query, Dialect::Mysql, &database.catalog, &filters);
    guarded.unwrap_or_else(|refusal| panic!("{refusal}: {query}")).query().clone()
}

/// What MariaDB refuses of tables.
const REFUSED: [&str; 14] = [
    "SELECT team, name FROM people GROUP BY team",
    "SELECT name, COUNT(*) FROM people",
    "SELECT p.team, p.name FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team",
    "SELECT p.team, t.title FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team",
    "SELECT t.city, t.title, COUNT(*) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY t.city",
    "SELECT MAX(p.id), t.title FROM people AS p JOIN teams AS t ON t.id = p.team",
    "SELECT p.team, CASE WHEN p.team = 1 THEN p.name ELSE '' END AS c FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team",
    "SELECT p.team, (SELECT MAX(x.city) FROM teams AS x WHERE x.title = p.name) AS c FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team",
    "SELECT p.name, SUM(p.id) + p.team FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.name",
    "SELECT t.* FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team",
    "SELECT t.city FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY t.city, p.team HAVING MAX(p.id) > 1 AND t.title > ''",
    "SELECT DISTINCT t.city, t.title FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY t.city",
    "SELECT t.city, t.title FROM teams AS t JOIN people AS p USING (id) GROUP BY t.city WITH ROLLUP",
    "SELECT x.team FROM (SELECT p.team, p.name FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team) AS x",
];

/// What it takes.
const TAKEN: [&str; 14] = [
    "SELECT team, COUNT(*) FROM people GROUP BY team ORDER BY team",
    "SELECT p.team, t.title, COUNT(*) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team, t.title ORDER BY p.team",
    "SELECT p.team + 1 AS next, COUNT(*) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team + 1 ORDER BY next",
    "SELECT p.team + 1 AS next, COUNT(*) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY next ORDER BY next",
    "SELECT p.team + 1, COUNT(*) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY 1 ORDER BY 1",
    "SELECT UPPER(t.title) AS u, MAX(p.id) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY UPPER(t.title) ORDER BY u",
    "SELECT t.city, COUNT(*) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY t.city HAVING COUNT(*) > 1",
    "SELECT COUNT(*), MAX(t.title) FROM people AS p JOIN teams AS t ON t.id = p.team",
    "SELECT t.city, COUNT(*) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY t.city WITH ROLLUP",
    "SELECT p.id, t.title FROM people AS p JOIN teams AS t ON t.id = p.team ORDER BY p.id",
    "SELECT p.id, SUM(p.id) OVER (ORDER BY p.id) AS s FROM people AS p JOIN teams AS t ON t.id = p.team ORDER BY p.id",
    "SELECT p.name, (SELECT COUNT(*) FROM teams AS x WHERE x.id >= p.team) AS c FROM people AS p JOIN teams AS t ON t.id = p.team ORDER BY p.id",
    "SELECT id, COUNT(*) FROM people JOIN teams USING (id) GROUP BY id ORDER BY id",
    "SELECT DISTINCT t.city, COUNT(*) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY t.city",
];

/// What it takes of a table, and of a derived table that it merges it refuses the first and answers the second wrongly.
const NESTED: [&str; 4] = [
    "SELECT p.team, (SELECT MAX(x.title) FROM teams AS x WHERE x.id = p.team) AS c FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team ORDER BY p.team",
    "SELECT p.team, COUNT(*) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team HAVING EXISTS (SELECT 1 FROM teams AS x WHERE x.id = p.team) ORDER BY p.team",
    "SELECT t.city FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY t.city HAVING MAX(p.id) IN (SELECT x.id FROM people AS x WHERE t.city = 'Oslo')",
    "SELECT p.team FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY p.team ORDER BY (SELECT MAX(x.title) FROM teams AS x WHERE x.id = p.team), p.team",
];

#[tokio::test]
async fn what_is_not_grouped_is_refused_as_it_is_of_tables() {
    let Some(server) = Server::start(&[]).await else { return };
    execute(&mut server.connect("mysql").await, ROWS).await;
    let mut connection = connect(&server, "firm").await;
    for database in databases() {
        for query in REFUSED {
            let expected = run(&mut connection, query).await.unwrap_err();
            let grouping =
                ["1055", "1140", "1054", "1463"].iter().any(|own| expected.contains(own));
            assert!(grouping, "{query}: {expected}");
            let guarded = guard(&database, query);
            let found = run_guarded(&mut connection, &guarded).await;
            assert!(found.is_err(), "{query}\n{}\n{found:?}", guarded.text());
        }
        for query in TAKEN {
            let expected = run(&mut connection, query).await;
            assert!(expected.is_ok(), "{query}: {expected:?}");
            let guarded = guard(&database, query);
            // Nothing keeps the planner from an index.
            assert!(!guarded.text().contains("LIMIT"), "{query}\n{}", guarded.text());
            let found = run_guarded(&mut connection, &guarded).await;
            assert_eq!(sorted(&found), sorted(&expected), "{query}\n{}", guarded.text());
        }
        for query in NESTED {
            let expected = run(&mut connection, query).await;
            assert!(expected.as_ref().is_ok_and(|rows| !rows.is_empty()), "{query}: {expected:?}");
            let guarded = guard(&database, query);
            let found = run_guarded(&mut connection, &guarded).await;
            assert_eq!(found, expected, "{query}\n{}", guarded.text());
        }
        // The key determines the rest of its row: any row of the group is the only one.
        let keyed = "SELECT t.id, t.title, COUNT(*) FROM people AS p JOIN teams AS t ON t.id = p.team GROUP BY t.id ORDER BY t.id";
        let guarded = guard(&database, keyed);
        assert!(!guarded.text().contains("LIMIT"), "{}", guarded.text());
        let named = keyed.replace("GROUP BY t.id", "GROUP BY t.id, t.title");
        let expected = run(&mut connection, &named).await;
        assert_eq!(run_guarded(&mut connection, &guarded).await, expected, "{}", guarded.text());
    }
}

/// Of a column that is masked, no row's value is given in place of the error.
#[tokio::test]
async fn a_masked_column_that_is_not_grouped_is_refused() {
    let Some(server) = Server::start(&[]).await else { return };
    execute(&mut server.connect("mysql").await, ROWS).await;
    let mut connection = connect(&server, "firm").await;
    let [_, masked, hidden] = databases();
    for (database, query) in [
        (&masked, "SELECT team, salary FROM people GROUP BY team"),
        (&masked, "SELECT salary, COUNT(*) FROM people"),
        (&masked, "SELECT people.* FROM people GROUP BY team"),
        (&hidden, "SELECT team, name FROM people GROUP BY team"),
        (&hidden, "SELECT name, MAX(id) FROM people"),
    ] {
        let guarded = guard(database, query);
        let found = run_guarded(&mut connection, &guarded).await;
        let error = found.expect_err(guarded.text());
        assert!(error.contains("1055") || error.contains("1140"), "{query}: {error}");
    }
}
