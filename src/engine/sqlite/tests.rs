//! The engine on raw texts, which only this crate's own tests can hand it.

use std::sync::Arc;
use std::time::Instant as Clock;

use super::*;
use crate::catalog::ColumnType;

const SCHEMA: &str = r#"
CREATE TABLE people (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, born DATE, active BOOLEAN NOT NULL DEFAULT 1,
    photo BLOB, upper_name TEXT GENERATED ALWAYS AS (upper(name)) STORED, UNIQUE (name, born)
);
CREATE TABLE codes (code TEXT PRIMARY KEY, note);
CREATE TABLE descending (id INTEGER PRIMARY KEY DESC);
CREATE TABLE bare (a TEXT, b INTEGER, PRIMARY KEY (b, a)) WITHOUT ROWID;
CREATE TABLE rigid (a TEXT PRIMARY KEY, b ANY) STRICT;
CREATE TABLE "odd ""name" ("a b" INTEGER REFERENCES People, c TEXT REFERENCES codes (code), d TEXT REFERENCES gone);
CREATE TABLE odd__name (x INTEGER);
CREATE VIEW adults AS SELECT id, name, born FROM people;
CREATE VIEW broken AS SELECT * FROM gone;
CREATE VIRTUAL TABLE search USING fts5(body);
CREATE UNIQUE INDEX by_note ON codes (note);
CREATE UNIQUE INDEX by_length ON codes (length(note));
CREATE UNIQUE INDEX some_notes ON codes (note) WHERE note > 'm';
INSERT INTO people (id, name, born, photo) VALUES (1, 'Ann', '1990-01-02', x'00ff'), (2, 'ann', NULL, NULL);
"#;

struct Case {
    folder: TempDir,
    sqlite: Sqlite,
}

#[expect(clippy::disallowed_methods, reason = "a database for this test")]
async fn create(path: &std::path::Path, schema: &'static str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(schema).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn open(limits: Limits) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.sqlite");
    create(&path, SCHEMA).await;
    let sqlite = Sqlite::open(Place::File(path), limits).await.unwrap();
    Case { folder, sqlite }
}

impl Case {
    async fn run(&self, text: &str) -> Result<Rows, EngineError> {
        let empty = Catalog {
            default_schema: "main".to_owned(),
            relations: Vec::new(),
            functions: Arc::default(),
        };
        self.sqlite.run(text, &[], &empty).await
    }

    fn job(&self, text: &str) -> Job {
        Job {
            text: text.to_owned(),
            binds: Vec::new(),
            limits: self.sqlite.limits,
            deadline: Instant::now() + self.sqlite.limits.timeout(),
            stop: Arc::default(),
        }
    }

    /// Runs a text past the second lock as well.
    async fn run_unchecked(&self, text: &str) -> Result<RawRows, EngineError> {
        let mut connection = connect(&self.sqlite.options).await?;
        self.job(text).run(&mut connection).await
    }

    async fn one(&self, text: &str) -> Cell {
        self.run(text).await.unwrap().rows[0][0].clone()
    }
}

fn limits(rows: usize, bytes: usize, milliseconds: u64) -> Limits {
    Limits { rows, bytes, milliseconds }
}

#[tokio::test]
async fn values_keep_their_kind() {
    let case = open(Limits::default()).await;
    let text =
        "SELECT 9223372036854775807, 0.5, 9e999, 'é', x'00ff', NULL, CAST(x'ff' AS TEXT), '', x''";
    let rows = case.run(text).await.unwrap();
    assert_eq!(
        rows.rows,
        [[
            Cell::Integer(i64::MAX),
            Cell::Real(0.5),
            Cell::Real(f64::INFINITY),
            Cell::Text("é".to_owned()),
            Cell::Bytes(vec![0, 255]),
            Cell::Null,
            Cell::Bytes(vec![255]),
            Cell::Text(String::new()),
            Cell::Bytes(Vec::new()),
        ]]
    );
    let types: Vec<&str> = rows.columns.iter().map(|column| &*column.type_name).collect();
    assert_eq!(
        types,
        ["integer", "float", "float", "text", "bytes", "unknown", "bytes", "text", "bytes"]
    );
}

#[tokio::test]
async fn columns_are_typed_by_the_catalog_even_without_rows() {
    let case = open(Limits::default()).await;
    let catalog = case.sqlite.introspect().await.unwrap().catalog;
    let text = "SELECT p.active AS on_duty, born, count(*) FROM (SELECT * FROM people) AS p WHERE id > ?1 GROUP BY 1, 2";
    let rows = case.sqlite.run(text, &[Value::Long(99)], &catalog).await.unwrap();
    assert!(rows.rows.is_empty());
    let columns: Vec<(&str, &str)> =
        rows.columns.iter().map(|column| (column.name.as_str(), &*column.type_name)).collect();
    assert_eq!(columns, [("on_duty", "boolean"), ("born", "date"), ("count(*)", "unknown")]);
}

#[tokio::test]
async fn binds_are_typed() {
    let case = open(Limits::default()).await;
    let empty = Catalog {
        default_schema: "main".to_owned(),
        relations: Vec::new(),
        functions: Arc::default(),
    };
    let binds = [
        Value::Long(7),
        Value::String("7".to_owned()),
        Value::Bool(true),
        Value::Datetime(1_700_000_000_000),
    ];
    let text = "SELECT typeof(?1), typeof(?2), ?3, ?4, ?1 = ?2";
    let rows = case.sqlite.run(text, &binds, &empty).await.unwrap();
    let expected = [
        Cell::Text("integer".to_owned()),
        Cell::Text("text".to_owned()),
        Cell::Integer(1),
        Cell::Integer(1_700_000_000_000),
        Cell::Integer(0),
    ];
    assert_eq!(rows.rows, [expected]);
}

#[tokio::test]
async fn rows_and_bytes_are_cut_and_the_answer_says_so() {
    const COUNT: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let case = open(limits(10, 1_000, 5_000)).await;
    let rows = case.run(COUNT).await.unwrap();
    assert_eq!((rows.rows.len(), rows.truncated), (10, true));
    let rows = case.run(&format!("{COUNT} LIMIT 10")).await.unwrap();
    assert_eq!((rows.rows.len(), rows.truncated), (10, false));
    let rows =
        case.run(&format!("SELECT printf('%400d', i) FROM ({COUNT} LIMIT 5)")).await.unwrap();
    assert_eq!((rows.rows.len(), rows.truncated), (2, true));
    assert_eq!(case.one("SELECT 1").await, Cell::Integer(1));
}

#[tokio::test]
async fn runaway_queries_stop_and_the_connection_goes_on() {
    let case = open(limits(10, 1_000, 200)).await;
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let ten = (0..10).map(|i| format!("n AS t{i}")).collect::<Vec<_>>().join(", ");
    let cross = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100) SELECT sum(t0.i) FROM {ten}"
    );
    let cross_without_result = cross.replace("sum(t0.i)", "t0.i") + " WHERE t9.i + t0.i = 0";
    let sorted = endless.replace("count(*)", "i") + " ORDER BY i DESC";
    for text in [endless, &cross, &cross_without_result, &sorted] {
        let started = Clock::now();
        assert_eq!(case.run(text).await, Err(EngineError::Timeout), "{text}");
        assert!(started.elapsed() < Duration::from_secs(2), "{text}: {:?}", started.elapsed());
        assert_eq!(case.one("SELECT 1").await, Cell::Integer(1));
    }
}

/// Work that ends by its own weight: the limit on time is far off, also on a machine that is busy.
#[tokio::test]
async fn memory_bombs_end_in_a_code() {
    let case = open(limits(10, 1_000, 60_000)).await;
    let doubling = (0..30).fold("'x'".to_owned(), |text, _| format!("replace({text}, 'x', 'xx')"));
    let joined = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000) \
                  SELECT length(group_concat(printf('%1000000d', i))) FROM n";
    for text in [
        format!("SELECT length({doubling})"),
        joined.to_owned(),
        "SELECT length(zeroblob(900000000) || 'x')".to_owned(),
        "SELECT length(hex(randomblob(400000000)))".to_owned(),
        "SELECT zeroblob(400000000) || 'x'".to_owned(),
    ] {
        assert_eq!(case.run(&text).await, Err(EngineError::Memory), "{text}");
        assert_eq!(case.one("SELECT 1").await, Cell::Integer(1));
    }
}

#[tokio::test]
async fn a_waiter_that_leaves_stops_the_work() {
    let case = open(limits(10, 1_000, 60_000)).await;
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let started = Clock::now();
    for _ in 0..CONNECTIONS {
        let left = tokio::time::timeout(Duration::from_millis(20), case.run(endless)).await;
        assert!(left.is_err());
    }
    let all = u32::try_from(CONNECTIONS).unwrap();
    let free = case.sqlite.permits.acquire_many(all);
    let _all = tokio::time::timeout(Duration::from_secs(5), free)
        .await
        .expect("every permit comes back")
        .unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn nothing_is_written_attached_or_loaded() {
    let case = open(Limits::default()).await;
    for text in [
        "ATTACH ':memory:' AS other",
        "SELECT 1; SELECT 2",
        "PRAGMA query_only = OFF",
        "INSERT INTO codes VALUES ('a', 'b')",
        "SELECT load_extension('libm.so.6')",
    ] {
        assert_eq!(case.run(text).await, Err(EngineError::Failed), "{text}");
    }
    let other = case.folder.path().join("new.sqlite");
    // A read-only connection would create this file: only the second lock is in its way.
    let vacuum = format!("VACUUM INTO '{}'", other.display());
    assert_eq!(case.run(&vacuum).await, Err(EngineError::Failed));
    assert!(!other.exists());
    for text in [
        "SELECT load_extension('libm.so.6')".to_owned(),
        "INSERT INTO codes VALUES ('a', 'b')".to_owned(),
        "WITH x AS (SELECT 1) INSERT INTO codes SELECT 'a', 'b'".to_owned(),
        "CREATE TABLE t (x)".to_owned(),
        "CREATE TEMP TABLE t (x)".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
    ] {
        assert!(case.run_unchecked(&text).await.is_err(), "{text}");
    }
    // Past the second lock, ATTACH still creates nothing.
    drop(case.run_unchecked(&format!("ATTACH '{}' AS other", other.display())).await);
    assert!(!other.exists());
    assert_eq!(case.one("SELECT count(*) FROM codes").await, Cell::Integer(0));
}

/// What holds when the other locks are open.
#[tokio::test]
async fn each_lock_holds_alone() {
    let case = open(Limits::default()).await;
    let mut connection = connect(&case.sqlite.options).await.unwrap();
    for (pragma, value) in [("query_only", 1), ("trusted_schema", 0)] {
        let shown = case.job(&format!("PRAGMA {pragma}")).run(&mut connection).await;
        assert_eq!(shown.unwrap_or_else(|_| panic!("{pragma}")).rows, [[Cell::Integer(value)]]);
    }
    assert!(case.job("PRAGMA query_only = OFF").run(&mut connection).await.is_ok());
    let written = case.job("INSERT INTO codes VALUES ('a', 'b')").run(&mut connection).await;
    assert!(written.is_err(), "the file is opened read-only");
}

/// Nobody waits for this one, so nobody else stops it.
#[tokio::test]
async fn a_query_stops_itself_at_its_deadline() {
    let case = open(limits(10, 1_000, 200)).await;
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let run = tokio::time::timeout(Duration::from_secs(20), case.run_unchecked(endless));
    assert!(matches!(run.await, Ok(Err(EngineError::Timeout))));
}

#[tokio::test]
async fn only_existing_databases_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.sqlite");
    let opened = Sqlite::open(Place::File(missing.clone()), Limits::default()).await;
    assert_eq!(opened.err(), Some(EngineError::Unavailable));
    assert!(!missing.exists());
    let text = folder.path().join("text.sqlite");
    std::fs::write(
        &text,
        "this is not a database, but it is long enough to have a header".repeat(20),
    )
    .unwrap();
    let opened = Sqlite::open(Place::File(text), Limits::default()).await;
    assert_eq!(opened.err(), Some(EngineError::Unavailable));
}

#[tokio::test]
async fn text_in_utf16_databases_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.sqlite");
    create(&path, "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (x TEXT COLLATE RTRIM); INSERT INTO t VALUES ('gr\u{fc}n \u{1f332}');").await;
    let sqlite = Sqlite::open(Place::File(path), Limits::default()).await.unwrap();
    let case = Case { folder, sqlite };
    assert_eq!(case.one("SELECT x FROM t").await, Cell::Text("gr\u{fc}n \u{1f332}".to_owned()));
    let catalog = case.sqlite.introspect().await.unwrap().catalog;
    assert_eq!(catalog.relations[0].columns[0].collation.as_deref(), Some("RTRIM"));
}

#[tokio::test]
async fn introspection_is_exact_about_null_collation_and_keys() {
    let case = open(Limits::default()).await;
    let Introspected { catalog, notes, .. } = case.sqlite.introspect().await.unwrap();
    assert_eq!(Catalog::parse(&catalog.to_toml()).unwrap(), catalog);
    insta::assert_snapshot!(catalog.to_toml(), @r##"
    # Written by `dialektai pull`. What is not here does not exist for any caller.
    default_schema = "main"

    [[relation]]
    name = "adults"
    kind = "view"
    columns = [
        { name = "id", type = "integer", declared = "INTEGER", nullable = true },
        { name = "name", type = "text", declared = "TEXT", nullable = true, collation = "NOCASE" },
        { name = "born", type = "date", declared = "DATE", nullable = true },
    ]

    [[relation]]
    name = "bare"
    primary_key = ["b", "a"]
    columns = [
        { name = "a", type = "text", declared = "TEXT", nullable = false },
        { name = "b", type = "integer", declared = "INTEGER", nullable = false },
    ]

    [[relation]]
    name = "codes"
    primary_key = ["code"]
    unique = [["note"]]
    columns = [
        { name = "code", type = "text", declared = "TEXT", nullable = true },
        { name = "note", type = "other", nullable = true },
    ]

    [[relation]]
    name = "descending"
    primary_key = ["id"]
    columns = [
        { name = "id", type = "integer", declared = "INTEGER", nullable = true },
    ]

    [[relation]]
    name = 'odd "name'
    entity_type = "odd__name"
    foreign_keys = [
        { columns = ["c"], references = "codes", referenced_columns = ["code"] },
        { columns = ["a b"], references = "people", referenced_columns = ["id"] },
    ]
    columns = [
        { name = "a b", type = "integer", declared = "INTEGER", nullable = true },
        { name = "c", type = "text", declared = "TEXT", nullable = true },
        { name = "d", type = "text", declared = "TEXT", nullable = true },
    ]

    [[relation]]
    name = "odd__name"
    entity_type = "odd__name_2"
    columns = [
        { name = "x", type = "integer", declared = "INTEGER", nullable = true },
    ]

    [[relation]]
    name = "people"
    primary_key = ["id"]
    unique = [["name", "born"]]
    columns = [
        { name = "id", type = "integer", declared = "INTEGER", nullable = false },
        { name = "name", type = "text", declared = "TEXT", nullable = false, collation = "NOCASE" },
        { name = "born", type = "date", declared = "DATE", nullable = true },
        { name = "active", type = "boolean", declared = "BOOLEAN", nullable = false },
        { name = "photo", type = "bytes", declared = "BLOB", nullable = true },
        { name = "upper_name", type = "text", declared = "TEXT", nullable = true },
    ]

    [[relation]]
    name = "rigid"
    primary_key = ["a"]
    columns = [
        { name = "a", type = "text", declared = "TEXT", nullable = false },
        { name = "b", type = "other", declared = "ANY", nullable = true },
    ]
    "##);
    insta::assert_snapshot!(notes.join("\n"), @r##"
    view `broken` is left out: it cannot be read
    virtual table `search` is left out
    a foreign key of `odd "name` to `gone` is left out: it names no key there
    "##);
    let id = catalog.relations.iter().find(|r| r.name.name == "people").unwrap();
    assert_eq!(id.columns[0].column_type, ColumnType::Integer);
}
