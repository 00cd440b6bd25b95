//! Limits as a caller meets them: through the guard, on a guarded query.

use std::time::{Duration, Instant};

use dialektai::audit::Record;
use dialektai::engine::{Cell, EngineError};
use dialektai::policy::Database;
use dialektai::service::{self, Failure, Served};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::http::case;

const TASKS: &str = "
    CREATE TABLE tasks (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, title TEXT NOT NULL);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000)
    INSERT INTO tasks SELECT i, 82, 'task ' || i FROM n;
";

async fn served(limits: &str) -> (Served, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("tenant_filter_column = \"customer_id\"\n[limits]\n{limits}\n");
    case::database(folder.path(), "limited", &settings, TASKS).await;
    let path = folder.path().join("limited");
    let database = Database::load(&path).unwrap();
    (Served::open(database, &path).await, folder)
}

async fn run(served: &Served, text: &str) -> Result<(usize, bool), Failure> {
    let principal = service::identify(&served.database.settings, Some("82"), None, None).unwrap();
    let (_, rows) = service::query(served, &principal, text, Record::begin("test")).await?;
    Ok((rows.rows.len(), rows.truncated))
}

#[tokio::test]
async fn rows_and_bytes_are_cut() {
    let (by_rows, _folder) = served("rows = 10").await;
    assert_eq!(run(&by_rows, "SELECT * FROM tasks").await.unwrap(), (10, true));
    assert_eq!(run(&by_rows, "SELECT * FROM tasks LIMIT 10").await.unwrap(), (10, false));
    let (by_bytes, _folder) = served("bytes = 100").await;
    let (rows, truncated) = run(&by_bytes, "SELECT title FROM tasks").await.unwrap();
    assert!(truncated && (10..=20).contains(&rows), "{rows}");
}

#[tokio::test]
async fn runaway_queries_stop_in_time() {
    let (served, _folder) = served("milliseconds = 300").await;
    let aliases = ('a'..='j').map(|alias| format!("tasks {alias}")).collect::<Vec<_>>().join(", ");
    for text in [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
            .to_owned(),
        format!("SELECT count(*) FROM {aliases}"),
        format!("SELECT a.id FROM {aliases} ORDER BY a.title || j.title"),
    ] {
        let started = Instant::now();
        let failure = run(&served, &text).await.unwrap_err();
        assert!(matches!(failure, Failure::Engine(EngineError::Timeout)), "{text}: {failure}");
        assert!(started.elapsed() < Duration::from_secs(3), "{text}: {:?}", started.elapsed());
        assert_eq!(run(&served, "SELECT 1").await.unwrap(), (1, false));
    }
}

/// The demo answers, and its cells are what the seed says.
#[tokio::test]
async fn the_demo_database_builds_itself() {
    let folder = crate::world::root().join("policies/demo");
    let served = Served::open(Database::load(&folder).unwrap(), &folder).await;
    assert_eq!(served.problem(), None);
    let principal = service::identify(&served.database.settings, Some("82"), None, None).unwrap();
    let text = "SELECT DISTINCT customer_id FROM tasks";
    let (_, rows) = service::query(&served, &principal, text, Record::begin("test")).await.unwrap();
    assert_eq!(rows.rows, [[Cell::Integer(82)]]);
}

/// SQLite lets WHERE name a result column where the table has no such column.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test migrates its database")]
async fn a_tenant_column_that_is_gone_is_an_error_whatever_the_query_names_its_results() {
    let (served, folder) = served("rows = 10").await;
    let path = folder.path().join("limited/data.sqlite");
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let migration = "ALTER TABLE tasks RENAME COLUMN customer_id TO tenant";
    sqlx::query(migration).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    for text in [
        "SELECT 82 AS customer_id, title FROM tasks",
        "SELECT 82 AS Customer_ID, title FROM tasks",
        "WITH t AS (SELECT 82 AS customer_id, title FROM tasks) SELECT * FROM t",
        "SELECT (SELECT 82 AS customer_id FROM tasks)",
        "SELECT title FROM tasks",
    ] {
        let failure = run(&served, text).await.unwrap_err();
        assert!(matches!(failure, Failure::Engine(EngineError::Failed)), "{text}: {failure}");
    }
}
