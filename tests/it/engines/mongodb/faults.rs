//! Servers that go away, refuse or say nothing: each gives its code, and is found again.

use std::time::{Duration, Instant};

use bson::doc;
use dialektai::engine::EngineError;

use super::site::{Site, ask, database, engine, fill};
use crate::servers::mongodb::{Server, run};

const FIRST: &str = "db.n.findOne({ i: 2 })";

async fn outcome(url: &str, limits: &str) -> Result<(), EngineError> {
    let database = database(url, limits);
    let engine = engine(&database).await?;
    ask(&engine, &database, 82, FIRST).await.map(drop)
}

#[tokio::test]
async fn a_server_that_dies_is_unavailable_until_it_is_back() {
    let Some(mut site) = Site::open("milliseconds = 20000").await else { return };
    assert!(site.run(FIRST).await.is_ok());
    site.server.kill();
    let killed = Instant::now();
    for _ in 0..2 {
        assert_eq!(site.run(FIRST).await, Err(EngineError::Unavailable));
    }
    assert!(killed.elapsed() < Duration::from_secs(8), "{:?}", killed.elapsed());
    site.server.restart(&["--sync-on-commit"]).await;
    assert_eq!(site.run(FIRST).await.unwrap().rows.len(), 1);
    assert_eq!(site.run("db.n.countDocuments()").await.unwrap().rows.len(), 1);
}

/// A restart between two commands: every connection is gone, and nobody notices.
#[tokio::test]
async fn a_restart_between_two_commands_is_not_seen() {
    let Some(mut site) = Site::open("milliseconds = 20000").await else { return };
    for query in [FIRST, "db.n.countDocuments()", "db.n.distinct('kind')"] {
        assert!(site.run(query).await.is_ok());
        site.server.kill();
        site.server.restart(&["--sync-on-commit"]).await;
        assert!(site.run(query).await.is_ok(), "{query}");
    }
}

/// A server that goes away in the middle of an answer: not half an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_during_a_command_is_unavailable() {
    let Some(mut site) = Site::open("milliseconds = 20000").await else { return };
    let (engine, database) = (site.engine.clone(), site.database.clone());
    let asked =
        tokio::spawn(async move { ask(&engine, &database, 82, super::site::RUNAWAY).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    site.server.kill();
    assert_eq!(asked.await.unwrap(), Err(EngineError::Unavailable));
}

#[tokio::test]
async fn logins_that_are_refused_have_codes() {
    let Some(mut server) = Server::start(&["--sync-on-commit"]).await else { return };
    fill(&server).await;
    let roles = [("reader", "shop"), ("elsewhere", "other")];
    for (user, of) in roles {
        let roles = vec![doc! { "role": "read", "db": of }];
        let command = doc! { "createUser": user, "pwd": "s3cret/:@", "roles": roles };
        run(&server.database("shop").await, command).await;
    }
    server.kill();
    server.restart(&["--auth", "--sync-on-commit"]).await;
    let port = server.port;
    let login = |login: &str| {
        format!("mongodb://{login}127.0.0.1:{port}/shop?directConnection=true&authSource=shop")
    };
    let limits = "milliseconds = 4000";
    assert_eq!(outcome(&login("reader:s3cret%2F%3A%40@"), limits).await, Ok(()));
    for wrong in ["reader:wrong@", "nobody:s3cret@"] {
        assert_eq!(outcome(&login(wrong), limits).await, Err(EngineError::Login), "{wrong}");
    }
    let nobody = format!("mongodb://127.0.0.1:{port}/shop?directConnection=true");
    assert_eq!(outcome(&nobody, limits).await, Err(EngineError::Login));
    // A login that may not read this is no wrong login.
    let other = login("elsewhere:s3cret%2F%3A%40@");
    assert_eq!(outcome(&other, limits).await, Err(EngineError::Failed));
}

#[tokio::test]
async fn places_without_a_server_are_unavailable() {
    let nowhere = "mongodb://127.0.0.1:1/shop?directConnection=true";
    let started = Instant::now();
    assert_eq!(outcome(nowhere, "").await, Err(EngineError::Unavailable));
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());

    // Somebody who accepts connections and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = format!("mongodb://127.0.0.1:{port}/shop?directConnection=true");
    for limits in ["", "milliseconds = 700"] {
        let started = Instant::now();
        assert_eq!(outcome(&silent, limits).await, Err(EngineError::Unavailable), "{limits}");
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    }
}
