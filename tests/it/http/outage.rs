//! Databases that are not there, or do not fit, and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::case::{self, Case};

async fn alter(case: &Case, database: &str, script: &'static str) {
    let path = case.database(database).join("data.sqlite");
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    run(&mut connection, script).await;
    connection.close().await.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a database for this test")]
async fn run(connection: &mut SqliteConnection, script: &'static str) {
    sqlx::raw_sql(script).execute(connection).await.unwrap();
}

/// Until the database answers, which it must within a few seconds and without anybody reading a folder again.
async fn recovers(case: &Case, database: &str) {
    let started = Instant::now();
    loop {
        let reply = case.titles(database).await;
        if reply.status == StatusCode::OK {
            assert_eq!(reply.json["rows"], json!([["one"], ["two"]]));
            return;
        }
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.json);
        assert!(started.elapsed() < Duration::from_secs(10), "{database} does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_database_that_comes_back_is_served_by_itself() {
    let case = Case::new().await;
    assert_eq!(case.titles("gone").await.json["code"], "database_unavailable");
    assert_eq!(case.entry("gone").await["problem"], "unreachable");
    std::fs::copy(
        case.database("acme").join("data.sqlite"),
        case.database("gone").join("data.sqlite"),
    )
    .unwrap();
    recovers(&case, "gone").await;
    let entry = case.entry("gone").await;
    assert_eq!((&entry["status"], &entry["problem"]), (&json!("ok"), &json!(null)));
}

#[tokio::test]
async fn a_database_that_fits_again_is_served_by_itself() {
    let case = Case::new().await;
    assert_eq!(case.titles("drifted").await.json["code"], "database_refused");
    // Its catalog says that a title may be NULL.
    alter(
        &case,
        "drifted",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, title TEXT, assigned_to TEXT);
         INSERT INTO t SELECT * FROM tasks; DROP TABLE tasks; ALTER TABLE t RENAME TO tasks;",
    )
    .await;
    recovers(&case, "drifted").await;
    assert_eq!(case.entry("drifted").await["status"], "ok");
}

/// What passed once is not looked at for every request; reading the folder again is what looks.
#[tokio::test]
async fn drift_is_refused_when_the_folder_is_read_again() {
    let case = Case::new().await;
    assert_eq!(case.titles("acme").await.status, StatusCode::OK);
    alter(&case, "acme", "ALTER TABLE tasks DROP COLUMN assigned_to").await;
    assert_eq!(case.titles("acme").await.status, StatusCode::OK);
    case.app.service.reload().await.unwrap();
    let reply = case.titles("acme").await;
    assert_eq!(
        (reply.status, &reply.json["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("database_refused"))
    );
    assert_eq!(case.entry("acme").await["problem"], "check_failed");
    assert_eq!(case.titles("open").await.json["code"], "scoping_not_enabled", "others go on");
}

/// What is looked at is what queries run on, even where connections to the old file are open.
#[tokio::test]
async fn a_file_that_was_replaced_is_served_after_a_reload() {
    let case = Case::new().await;
    assert_eq!(case.titles("acme").await.json["rows"], json!([["one"], ["two"]]));
    let file = case.database("acme").join("data.sqlite");
    let new = file.with_extension("new");
    std::fs::copy(&file, &new).unwrap();
    let mut connection = SqliteConnectOptions::new().filename(&new).connect().await.unwrap();
    run(&mut connection, "DELETE FROM tasks WHERE id = 1").await;
    connection.close().await.unwrap();
    std::fs::rename(&new, &file).unwrap();
    case.app.service.reload().await.unwrap();
    assert_eq!(case.titles("acme").await.json["rows"], json!([["two"]]));
}

/// A database that was served and is now down keeps its place when the folder is read again.
#[tokio::test]
async fn a_database_that_is_down_while_the_folder_is_read_stays() {
    let case = Case::new().await;
    let file = case.database("acme").join("data.sqlite");
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    case.app.service.reload().await.unwrap();
    assert_eq!(case.entry("acme").await["status"], "ok");
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(case.titles("acme").await.status, StatusCode::OK);
}

/// Many requests at once for a server that takes connections and says nothing: each is turned away in time, and they
/// share one look at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_look_is_for_everybody() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let looks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&looks);
    let silence = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            open.push(stream);
        }
    });
    let case = Arc::new(Case::new().await);
    let folder = case.database("silent");
    std::fs::create_dir(&folder).unwrap();
    for name in ["catalog.toml", "tenant.cedar"] {
        std::fs::copy(case.database("open").join(name), folder.join(name)).unwrap();
    }
    let settings = format!(
        "engine = \"postgresql\"\nurl = \"postgres://app@127.0.0.1:{port}/app?sslmode=disable\"\n\
         requires_organization_scoping = false\n[limits]\nmilliseconds = 300\n"
    );
    std::fs::write(folder.join("database.toml"), settings).unwrap();
    case.app.service.reload().await.unwrap();
    let started = Instant::now();
    let mut requests = tokio::task::JoinSet::new();
    for path in [case::MESSAGE, case::QUERY, "/api/v1/guard"].repeat(15) {
        let case = Arc::clone(&case);
        requests.spawn(async move {
            let started = Instant::now();
            let reply = case.send(case.request(path), &case::body_for(path, "silent")).await;
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {}", reply.json);
            started.elapsed()
        });
    }
    for elapsed in requests.join_all().await {
        assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    }
    assert_eq!(case.entry("silent").await["problem"], "unreachable");
    // One at first, and one for each pause that has passed since.
    let allowed = 3 + usize::try_from(started.elapsed().as_millis() / 500).unwrap();
    let looks = looks.load(Ordering::Relaxed);
    assert!((1..=allowed).contains(&looks), "{looks} looks, and at most {allowed} were due");
    silence.abort();
}

/// Many requests at once for a database that is down: each is answered in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hangs_on_a_database_that_is_down() {
    let case = Arc::new(Case::new().await);
    let started = Instant::now();
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let case = Arc::clone(&case);
        requests.spawn(async move { case.titles("gone").await.json["code"].clone() });
    }
    for code in requests.join_all().await {
        assert_eq!(code, "database_unavailable");
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    // Nothing about it is cached that would stand in the way of the guard's own answers.
    let request = case.request("/api/v1/guard").header("X-Tenant-Id", "82");
    let reply = case.send(request, &case::body_for("/api/v1/guard", "acme")).await;
    assert_eq!(reply.status, StatusCode::OK);
}
