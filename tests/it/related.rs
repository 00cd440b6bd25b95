//! Whole queries over relations that are filtered through a key: guarded on everybody's rows, and as they are on the
//! caller's. And what would reach a parent's rows past its own filter.

use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::identity::{Principal, TenantId};
use dialektai::policy::{Database, Sources};

use crate::world;

const SETTINGS: &str = "engine = \"sqlite\"\nurl = \"sqlite:x.sqlite\"\ntenant_filter_column = \"customer_id\"\ntenant_id_type = \"integer\"\n";

const CATALOG: &str = r#"
default_schema = "main"

[[relation]]
name = "tasks"
primary_key = ["id"]
foreign_keys = [{ columns = ["next_id"], references = "tasks", referenced_columns = ["id"] }]
columns = [
    { name = "id", type = "integer", declared = "INTEGER", nullable = false },
    { name = "customer_id", type = "integer", declared = "INTEGER", nullable = false },
    { name = "title", type = "text", declared = "TEXT", nullable = false },
    { name = "next_id", type = "integer", declared = "INTEGER", nullable = true },
]

[[relation]]
name = "comments"
primary_key = ["id"]
foreign_keys = [{ columns = ["task_id"], references = "tasks", referenced_columns = ["id"] }]
columns = [
    { name = "id", type = "integer", declared = "INTEGER", nullable = false },
    { name = "task_id", type = "integer", declared = "INTEGER", nullable = true },
    { name = "text", type = "text", declared = "TEXT", nullable = false },
]
"#;

/// Of tasks only the first of a chain may be read: the parents of comments are others too, and are read all the same.
const POLICIES: &str = r#"
@id("comments")
permit (principal, action, resource is comments)
when { resource has task && resource.task.customer_id == principal.tenant };

@id("tasks")
permit (principal, action, resource is tasks)
when { resource.customer_id == principal.tenant && resource has next && resource.next.customer_id == principal.tenant };
"#;

const SCHEMA: &str = "
CREATE TABLE tasks (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, title TEXT NOT NULL, next_id INTEGER);
CREATE TABLE comments (id INTEGER PRIMARY KEY, task_id INTEGER, text TEXT NOT NULL);
";

const ROWS: &str = "
INSERT INTO tasks VALUES (1, 82, 'one', 2), (2, 82, 'two', 3), (3, 7, 'secret', 1), (4, 82, 'four', NULL),
    (5, 7, 'hidden', 5), (6, 82, 'six', 99), (7, 82, 'seven', 7);
INSERT INTO comments VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, NULL, 'd'), (5, 5, 'e'), (6, 99, 'f'),
    (7, 4, 'g'), (8, 1, 'h');
";

/// What tenant 82 may read, worked out by hand from the policies.
const OWN: &str = "
DELETE FROM comments WHERE id NOT IN (1, 2, 7, 8);
DELETE FROM tasks WHERE id NOT IN (1, 7);
";

fn database() -> Database {
    let sources = Sources {
        settings: SETTINGS.to_owned(),
        catalog: CATALOG.to_owned(),
        policies: vec![("p.cedar".to_owned(), POLICIES.to_owned())],
    };
    Database::from_sources("related".parse().unwrap(), &sources).unwrap_or_else(|e| panic!("{e}"))
}

fn caller() -> Principal {
    Principal::new(Some(TenantId::Integer(82)), None)
}

const QUERIES: [&str; 22] = [
    "SELECT * FROM comments",
    "SELECT * FROM comments ORDER BY id DESC LIMIT 2",
    "SELECT count(*), count(task_id) FROM comments",
    "SELECT task_id, count(*) FROM comments GROUP BY task_id HAVING count(*) > 1",
    "SELECT c.id, t.title FROM comments AS c LEFT JOIN tasks AS t ON t.id = c.task_id",
    "SELECT t.title FROM tasks AS t JOIN comments AS c ON c.task_id = t.id WHERE c.text <> 'a'",
    "SELECT id FROM comments AS related_1 WHERE related_1.task_id = 1",
    "SELECT id FROM tasks AS related_1",
    "SELECT RELATED_1.id FROM tasks AS RELATED_1",
    "SELECT base.id FROM comments AS base",
    "SELECT x.id FROM (SELECT id FROM comments) AS x",
    "WITH tasks AS (SELECT 1 AS id, 82 AS customer_id) SELECT * FROM comments, tasks",
    "WITH related_1 AS (SELECT 82 AS customer_id) SELECT comments.id FROM comments, related_1",
    "SELECT id, 82 AS customer_id FROM comments",
    "SELECT id, 82 AS task_id FROM comments",
    "SELECT id FROM comments AS c WHERE EXISTS (SELECT 1 FROM tasks AS t WHERE t.id = c.task_id)",
    "SELECT id FROM comments AS c WHERE NOT EXISTS (SELECT 1 FROM tasks AS t WHERE t.id = c.task_id)",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM main.tasks AS related_1 WHERE related_1.id = 3)",
    "SELECT (SELECT max(title) FROM tasks AS related_1 WHERE related_1.id = c.task_id) FROM comments AS c",
    "SELECT id FROM comments UNION SELECT id FROM tasks",
    "SELECT id FROM comments EXCEPT SELECT id FROM tasks",
    "SELECT abs(c.task_id - 9223372036854775807), t.id FROM comments AS c, tasks AS t WHERE abs(c.id) > 0",
];

#[tokio::test]
async fn guarded_on_all_rows_gives_what_is_given_on_ones_own() {
    let database = database();
    let filters = database.predicates_for(&caller()).unwrap();
    let mut shared = world::empty().await;
    let mut own = world::empty().await;
    for connection in [&mut shared, &mut own] {
        world::execute(connection, SCHEMA).await;
        world::execute(connection, ROWS).await;
    }
    world::execute(&mut own, OWN).await;
    for query in QUERIES {
        let guarded = guard_sql(query, Dialect::Sqlite, &database.catalog, &filters)
            .unwrap_or_else(|refusal| panic!("{refusal}: {query}"));
        let mut found = world::run_guarded(&mut shared, guarded.query()).await.unwrap();
        let mut expected = world::run_text(&mut own, query).await.unwrap();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{query}\n{}", guarded.query().text());
    }
}

#[test]
fn people_read_the_parents_name() {
    let database = database();
    let filters = database.predicates_for(&caller()).unwrap();
    let guarded =
        guard_sql("SELECT * FROM comments", Dialect::Sqlite, &database.catalog, &filters).unwrap();
    assert_eq!(
        guarded.query().readable(),
        "SELECT * FROM comments WHERE EXISTS (SELECT 1 FROM tasks WHERE tasks.id = comments.task_id AND tasks.customer_id = 82)"
    );
    // A name that people see and the parent's own are told apart.
    let guarded =
        guard_sql("SELECT id FROM comments AS tasks", Dialect::Sqlite, &database.catalog, &filters)
            .unwrap();
    assert_eq!(
        guarded.query().readable(),
        "SELECT id FROM comments AS tasks WHERE EXISTS (SELECT 1 FROM tasks AS related_1 WHERE related_1.id = tasks.task_id AND related_1.customer_id = 82)"
    );
    // The columns that the rules read: the key's own and the parents'.
    let task = &database.catalog.relations[0];
    let read: Vec<String> = database.columns_read(task).iter().map(ToString::to_string).collect();
    assert_eq!(read, ["customer_id", "id", "next_id"]);
    assert_eq!(database.keys_followed().len(), 2);
}

/// A rule over a related row says on MongoDB why it cannot be.
#[test]
fn mongodb_says_why() {
    let sources = Sources {
        settings: SETTINGS.replace("\"sqlite\"", "\"mongodb\"").replace("sqlite:x.sqlite", "env:X"),
        catalog: CATALOG
            .replace(" declared = \"INTEGER\",", "")
            .replace(" declared = \"TEXT\",", ""),
        policies: vec![("p.cedar".to_owned(), POLICIES.to_owned())],
    };
    let error = Database::from_sources("related".parse().unwrap(), &sources).err().unwrap();
    let text = error.to_string();
    assert!(text.contains("a filter of MongoDB runs on one collection"), "{text}");
    assert!(text.contains("keep a copy of the related field in the document"), "{text}");
}

/// What is no attribute, and why.
#[test]
fn keys_that_lead_nowhere_say_why() {
    let case = |from: &str, to: &str| {
        let catalog = CATALOG.replace(from, to);
        assert_ne!(catalog, CATALOG);
        let sources = Sources {
            settings: SETTINGS.to_owned(),
            catalog,
            policies: vec![("p.cedar".to_owned(), POLICIES.to_owned())],
        };
        Database::from_sources("related".parse().unwrap(), &sources).err().unwrap().to_string()
    };
    let key = "columns = [\"task_id\"], references = \"tasks\", referenced_columns = [\"id\"]";
    let composite = "columns = [\"task_id\", \"id\"], references = \"tasks\", referenced_columns = [\"id\", \"id\"]";
    assert!(case(key, composite).contains("foreign key of several columns"));
    assert!(case(key, &key.replace("\"tasks\"", "\"gone\"")).contains("the catalog does not list"));
    let other = key.replace("referenced_columns = [\"id\"]", "referenced_columns = [\"title\"]");
    assert!(case(key, &other).contains("neither the primary key nor unique"));
    let taken = format!("{key}, name = \"text\"");
    // The name is then `text`, and there is no `task` at all.
    assert!(case(key, &taken).contains("follows a column to another row"));
    let texts = "{ name = \"task_id\", type = \"integer\"";
    assert!(case(texts, "{ name = \"task_id\", type = \"float\"").contains("not both integers"));
}
