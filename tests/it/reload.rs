//! The policy folder read again, while requests run.

mod watch;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use dialektai::policy::Database;
use serde_json::{Value as Json, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::cli;
use crate::http::case::{self, Case};

/// A further rule: one task is nobody's.
const FORBID: &str = "@id(\"not-one\") forbid (principal, action == Action::\"read\", resource is tasks) \
    when { resource.title == \"one\" };\n";

#[tokio::test]
async fn folders_are_taken_as_they_are() {
    let case = Case::new().await;
    let service = &case.app.service;
    let before = service.find("acme").unwrap().unwrap();
    let names = service.find("names").unwrap().unwrap();
    let (first, all) = (case.titles("acme").await, json!([["one"], ["two"]]));
    assert_eq!(first.json["rows"], all);

    // Nothing has changed: the same engine.
    service.reload().await.unwrap();
    assert!(Arc::ptr_eq(&before, &service.find("acme").unwrap().unwrap()));

    // A further rule is another version; what is under way keeps the one it began with.
    std::fs::write(case.database("acme").join("more.cedar"), FORBID).unwrap();
    assert_eq!(case.titles("acme").await.json["policy_version"], first.json["policy_version"]);
    service.reload().await.unwrap();
    let second = case.titles("acme").await;
    assert_eq!(second.json["rows"], json!([["two"]]));
    assert_ne!(second.json["policy_version"], first.json["policy_version"]);
    assert_eq!(before.database.version(), first.json["policy_version"].as_str().unwrap());
    assert!(
        Arc::ptr_eq(&names, &service.find("names").unwrap().unwrap()),
        "others are not opened anew"
    );

    // A folder that does not load leaves the last version that did, and says so.
    std::fs::write(case.database("acme").join("more.cedar"), "permit (").unwrap();
    service.reload().await.unwrap();
    let third = case.titles("acme").await;
    assert_eq!(
        (&third.json["rows"], &third.json["policy_version"]),
        (&second.json["rows"], &second.json["policy_version"])
    );
    let entry = case.entry("acme").await;
    assert_eq!((&entry["status"], &entry["problem"]), (&json!("ok"), &json!("invalid_policies")));
    assert_eq!(entry["policy_version"], second.json["policy_version"]);
    assert_eq!(entry["codes"], json!(["policy_syntax"]), "codes, and no texts");

    // Nor does one whose database does not fit take its place.
    let catalog = case.database("acme").join("catalog.toml");
    let fits = std::fs::read_to_string(&catalog).unwrap();
    std::fs::remove_file(case.database("acme").join("more.cedar")).unwrap();
    std::fs::write(&catalog, fits.replace("name = \"title\"", "name = \"headline\"")).unwrap();
    service.reload().await.unwrap();
    let fourth = case.titles("acme").await;
    assert_eq!(fourth.json["rows"], second.json["rows"], "{}", fourth.json);
    let entry = case.entry("acme").await;
    assert_eq!((&entry["status"], &entry["problem"]), (&json!("ok"), &json!("check_failed")));
    assert_eq!(entry["policy_version"], second.json["policy_version"]);
    assert!(entry["codes"].as_array().unwrap().contains(&json!("column_gone")), "{entry}");
    // Read again, it still waits. Once the database fits it, it is in service by itself.
    service.reload().await.unwrap();
    assert_eq!(case.titles("acme").await.json["policy_version"], second.json["policy_version"]);
    migrate(&case, "ALTER TABLE tasks RENAME COLUMN title TO headline").await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while case.entry("acme").await["problem"] != json!(null) {
        assert!(Instant::now() < deadline, "it is never looked at again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_ne!(case.entry("acme").await["policy_version"], second.json["policy_version"]);
    // The one before it is not taken up again where that one's database drifts.
    migrate(&case, "ALTER TABLE tasks RENAME COLUMN headline TO title").await;
    service.reload().await.unwrap();
    assert_eq!(case.titles("acme").await.json["code"], "database_refused");
    std::fs::write(&catalog, fits).unwrap();

    // Repaired, with another new folder, and one that is gone.
    case::database(
        case.database("").as_path(),
        "late",
        "tenant_filter_column = \"customer_id\"\n",
        cli::TASKS,
    )
    .await;
    std::fs::remove_dir_all(case.database("names")).unwrap();
    assert_eq!(case.titles("late").await.status, StatusCode::NOT_FOUND);
    service.reload().await.unwrap();
    assert_eq!(case.titles("acme").await.json["rows"], all);
    let entry = case.entry("acme").await;
    assert_eq!((&entry["problem"], &entry["codes"]), (&json!(null), &json!([])));
    let drifted = case.entry("drifted").await;
    assert_eq!(
        (&drifted["problem"], &drifted["codes"]),
        (&json!("check_failed"), &json!(["nullability_changed"]))
    );
    assert_eq!(case.titles("late").await.json["rows"], all);
    assert_eq!(case.titles("names").await.json["code"], "unknown_database");

    // Without the policy folder, nothing changes.
    let policies = case.database("");
    std::fs::rename(&policies, policies.with_file_name("aside")).unwrap();
    service.reload().await.unwrap_err();
    assert_eq!(case.titles("acme").await.json["rows"], all);
}

/// Changes the database of `acme`.
#[expect(clippy::disallowed_methods, reason = "a test migrates its database")]
async fn migrate(case: &Case, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(case.database("acme").join("data.sqlite"));
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// No answer is half of one version and half of another: the version it names is the one whose rule its rows follow.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_answer_is_of_one_version() {
    let case = Arc::new(Case::new().await);
    let folder = case.database("acme");
    let version = || Database::load(&folder).unwrap().version().to_owned();
    let mut rows_of: BTreeMap<String, Json> = BTreeMap::new();
    rows_of.insert(version(), json!([["one"], ["two"]]));
    std::fs::write(folder.join("more.cedar"), FORBID).unwrap();
    rows_of.insert(version(), json!([["two"]]));
    let rows_of = Arc::new(rows_of);

    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (case, stop, rows_of) = (Arc::clone(&case), Arc::clone(&stop), Arc::clone(&rows_of));
        readers.spawn(async move {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            while !stop.load(Ordering::Relaxed) {
                let reply = case.titles("acme").await;
                assert_eq!(reply.status, StatusCode::OK, "{}", reply.json);
                let version = reply.json["policy_version"].as_str().unwrap().to_owned();
                assert_eq!(Some(&reply.json["rows"]), rows_of.get(&version), "{version}");
                *seen.entry(version).or_default() += 1;
            }
            seen
        });
    }
    for turn in 0..10 {
        if turn % 2 == 0 {
            std::fs::write(folder.join("more.cedar"), FORBID).unwrap();
        } else {
            std::fs::remove_file(folder.join("more.cedar")).unwrap();
        }
        case.app.service.reload().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(reader) = readers.join_next().await {
        for (version, count) in reader.unwrap() {
            *seen.entry(version).or_default() += count;
        }
    }
    assert!(seen.len() == 2 && seen.values().all(|count| *count > 0), "{seen:?}");
}

/// A request to a process: status and body.
fn ask(address: &str, key: &str) -> (u16, Json) {
    let body = r#"{"query":"SELECT title FROM tasks ORDER BY id","database_id":"acme"}"#;
    send(
        address,
        &format!(
            "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\nX-Tenant-Id: 82\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    )
}

fn get(address: &str, key: &str, path: &str) -> Json {
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\nConnection: close\r\n\r\n");
    send(address, &head).1
}

fn send(address: &str, request: &str) -> (u16, Json) {
    let (head, body) = exchange(address, request);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

/// A request to a process as it is, which closes the connection: head and body of the answer.
pub(crate) fn exchange(address: &str, request: &str) -> (String, String) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what} does not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn signal(child: &std::process::Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
}

#[cfg(unix)]
#[tokio::test]
async fn a_process_reads_its_folder_again_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    case::database(&policies, "acme", "tenant_filter_column = \"customer_id\"\n", cli::TASKS).await;
    let (_, key, _) = cli::run(folder.path(), &["keys", "create"]);
    let key = key.trim();
    let arguments = ["serve", "--no-watch", "--listen", "127.0.0.1:0", "--log-format", "json"];
    let mut command = cli::command(folder.path(), &arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let address = first.strip_prefix("listening on http://").unwrap();
    let (status, reply) = ask(address, key);
    assert_eq!((status, &reply["rows"]), (200, &json!([["one"], ["two"]])), "{reply}");

    let more = policies.join("acme/more.cedar");
    std::fs::write(&more, FORBID).unwrap();
    signal(&child, "-HUP");
    until("the new rule", || ask(address, key).1["rows"] == json!([["two"]]));

    broken_is_reported_and_the_last_version_stays(&child, &more, || {
        ask(address, key).1["rows"].clone()
    });

    std::fs::remove_file(policies.join("acme/database.toml")).unwrap();
    signal(&child, "-HUP");
    until("the database's end", || ask(address, key).0 == 404);
    signal(&child, "-TERM");
    assert!(child.wait().unwrap().success());

    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let events: Vec<Json> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_checks = |code: &str| {
        events
            .iter()
            .filter(|event| event["target"] == "dialektai::check" && event["code"] == code)
            .count()
    };
    assert_eq!(of_checks("policy_syntax"), 1, "{log}");
    // Once for each version, and not for each reading.
    assert_eq!(of_checks("tenant_index_missing"), 2, "{log}");
}

fn broken_is_reported_and_the_last_version_stays(
    child: &std::process::Child,
    file: &Path,
    rows: impl Fn() -> Json,
) {
    std::fs::write(file, "permit (").unwrap();
    signal(child, "-HUP");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(rows(), json!([["two"]]));
}
