//! Limits: what is cut, what is stopped, and that the server really lets go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialektai::engine::{Cell, EngineError};

use super::site::{self, Site, execute};

const VIEWS: &str = "
CREATE VIEW slow AS SELECT pg_sleep(30)::text AS done;
CREATE VIEW busy AS SELECT count(*) AS n FROM generate_series(1, 100000) AS a, generate_series(1, 100000) AS b;
CREATE VIEW many AS SELECT i FROM generate_series(1, 1000000) AS i;
CREATE VIEW wide AS SELECT repeat('x', 100) AS x FROM generate_series(1, 1000000);
CREATE VIEW fine AS SELECT 1 AS one;
CREATE VIEW later AS SELECT i, CASE WHEN i > 300 THEN pg_sleep(30)::text END AS done FROM generate_series(1, 400) AS i;
";

const FINE: &str = "SELECT one FROM fine";

#[tokio::test]
async fn rows_and_bytes_are_cut_and_the_connection_goes_on() {
    let Some(site) = Site::open(VIEWS, "rows = 600\nbytes = 20000").await else { return };
    for (query, expected) in [
        ("SELECT i FROM many", (600, true)),
        ("SELECT i FROM many LIMIT 600", (600, false)),
        ("SELECT i FROM many LIMIT 601", (600, true)),
        ("SELECT i FROM many LIMIT 16", (16, false)),
        ("SELECT i FROM many LIMIT 0", (0, false)),
        ("SELECT x FROM wide", (200, true)),
        ("SELECT x FROM wide LIMIT 200", (200, false)),
    ] {
        let rows = site.run(query).await.unwrap();
        assert_eq!((rows.rows.len(), rows.truncated), expected, "{query}");
    }
    let rows = site.run("SELECT i FROM many LIMIT 300").await.unwrap();
    let numbers: Vec<Vec<Cell>> = (1..=300).map(|i| vec![Cell::Integer(i)]).collect();
    assert_eq!(rows.rows, numbers);
    site.quiet().await;
    assert!(site.connections().await <= 4);
}

#[tokio::test]
async fn the_time_limit_stops_the_server() {
    let Some(site) = Site::open(VIEWS, "milliseconds = 1500").await else { return };
    for query in ["SELECT done FROM slow", "SELECT n FROM busy", "SELECT done FROM later"] {
        let started = Instant::now();
        assert_eq!(site.run(query).await, Err(EngineError::Timeout), "{query}");
        assert!(started.elapsed() < Duration::from_secs(5), "{query}: {:?}", started.elapsed());
        site.quiet().await;
        assert_eq!(site.run(FINE).await.unwrap().rows.len(), 1);
    }
    assert!(site.connections().await <= 4);
}

/// The time limit is a minute, so nothing but the cancel can stop the server this soon.
#[tokio::test]
async fn a_caller_that_leaves_stops_the_server() {
    let Some(site) = Site::open(VIEWS, "milliseconds = 150000").await else { return };
    let started = Instant::now();
    for query in ["SELECT done FROM slow", "SELECT n FROM busy"] {
        let all = (0..8).map(|_| tokio::time::timeout(Duration::from_millis(400), site.run(query)));
        for left in futures_util::future::join_all(all).await {
            assert!(left.is_err());
        }
        site.quiet().await;
        // Every permit is back, and every connection with it.
        let all = (0..8).map(|_| site.run(FINE));
        for answer in futures_util::future::join_all(all).await {
            assert_eq!(answer.unwrap().rows.len(), 1);
        }
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(site.connections().await <= 8);
}

/// Where no second connection can be had to ask for the stop, closing the first one is noticed by the server.
#[tokio::test]
async fn a_stop_needs_no_second_connection() {
    let Some(site) = Site::open(VIEWS, "milliseconds = 150000").await else { return };
    execute(&mut site.admin().await, "ALTER ROLE reader CONNECTION LIMIT 1").await;
    let left = tokio::time::timeout(Duration::from_millis(400), site.run("SELECT n FROM busy"));
    assert!(left.await.is_err());
    // One of one connection is taken.
    assert_eq!(site.run(FINE).await, Err(EngineError::Busy));
    site.quiet().await;
    assert_eq!(site.run(FINE).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_full_pool_is_busy() {
    let Some(site) = Site::open(VIEWS, "milliseconds = 1500").await else { return };
    let started = Instant::now();
    let all = (0..16).map(|_| {
        let served = Arc::clone(&site.served);
        tokio::spawn(async move { site::run(&served, "SELECT done FROM slow").await })
    });
    let mut busy = 0;
    for answer in futures_util::future::join_all(all).await {
        match answer.unwrap() {
            Err(EngineError::Busy) => busy += 1,
            Err(EngineError::Timeout) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(busy >= 1, "nobody had to wait");
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    site.quiet().await;
    assert!(site.connections().await <= 8);
    assert_eq!(site.run(FINE).await.unwrap().rows.len(), 1);
}
