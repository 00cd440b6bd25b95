//! Limits, and queries that nobody waits for any more: the server's own thread really stops.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialektai::engine::{Cell, EngineError};

use super::site::{Site, execute, run};

const ROWS: &str = "
CREATE TABLE n (i INT PRIMARY KEY);
INSERT INTO n SELECT seq FROM seq_1_to_5000;
CREATE VIEW sleeper AS SELECT SLEEP(60) AS slept;
CREATE FUNCTION deaf() RETURNS INT
BEGIN
    DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END;
    RETURN SLEEP(60);
END;
CREATE VIEW stubborn AS SELECT deaf() AS slept;
CREATE VIEW wide AS SELECT i, repeat('x', 1000) AS x FROM n;
";

const RUNAWAY: &str = "SELECT count(*) FROM n AS a, n AS b, n AS c WHERE a.i + b.i + c.i = 7";

#[tokio::test]
async fn rows_and_bytes_are_cut_and_the_answer_says_so() {
    let Some(site) = Site::open(ROWS, "rows = 10\nbytes = 5000").await else { return };
    let rows = site.run("SELECT i FROM n").await.unwrap();
    assert_eq!((rows.rows.len(), rows.truncated), (10, true));
    let rows = site.run("SELECT i FROM n LIMIT 10").await.unwrap();
    assert_eq!((rows.rows.len(), rows.truncated), (10, false));
    let rows = site.run("SELECT x FROM wide").await.unwrap();
    assert_eq!((rows.rows.len(), rows.truncated), (5, true));
    // The rest of a long answer is not read: the server is told to stop.
    let rows = site.run("SELECT a.i FROM n AS a, n AS b, n AS c").await.unwrap();
    assert_eq!((rows.rows.len(), rows.truncated), (10, true));
    site.until_at_work(false).await;
}

#[tokio::test]
async fn the_time_limit_stops_the_server() {
    let Some(site) = Site::open(ROWS, "milliseconds = 400").await else { return };
    for text in [RUNAWAY, "SELECT slept FROM sleeper", "SELECT slept FROM stubborn"] {
        let started = Instant::now();
        assert_eq!(site.run(text).await, Err(EngineError::Timeout), "{text}");
        assert!(started.elapsed() < Duration::from_secs(2), "{text}: {:?}", started.elapsed());
        let started = Instant::now();
        site.until_at_work(false).await;
        assert!(started.elapsed() < Duration::from_secs(1), "{text}: {:?}", started.elapsed());
        assert_eq!(site.one("SELECT 1 AS one").await, Cell::Integer(1));
    }
}

#[tokio::test]
async fn a_caller_that_leaves_stops_the_server() {
    let Some(site) = Site::open(ROWS, "milliseconds = 60000").await else { return };
    for text in [RUNAWAY, "SELECT slept FROM sleeper"] {
        let served = Arc::clone(&site.served);
        let asked = tokio::spawn(async move { run(&served, text).await });
        site.until_at_work(true).await;
        asked.abort();
        let left = Instant::now();
        site.until_at_work(false).await;
        assert!(left.elapsed() < Duration::from_secs(1), "{text}: {:?}", left.elapsed());
    }
    assert!(site.connections().await <= 8);
}

/// Inside of a routine that runs with its definer's rights, a connection is the definer's, and the engine's user may
/// not end it: the server's own limit does.
#[tokio::test]
async fn what_a_definer_runs_ends_at_the_servers_own_limit() {
    let Some(site) = Site::open(ROWS, "milliseconds = 3000").await else { return };
    let served = Arc::clone(&site.served);
    let asked = tokio::spawn(async move { run(&served, "SELECT slept FROM stubborn").await });
    site.until_at_work(true).await;
    let begun = Instant::now();
    asked.abort();
    site.until_at_work(false).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(site.one("SELECT 1 AS one").await, Cell::Integer(1));
}

#[tokio::test]
async fn connections_are_bounded_and_come_back() {
    let Some(site) = Site::open(ROWS, "milliseconds = 1500").await else { return };
    let mut asked = Vec::new();
    for _ in 0..20 {
        let served = Arc::clone(&site.served);
        asked.push(tokio::spawn(async move { run(&served, "SELECT slept FROM sleeper").await }));
    }
    let mut most = 0;
    for _ in 0..10 {
        most = most.max(site.connections().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(most, 8);
    let mut busy = 0;
    for asked in asked {
        match asked.await.unwrap() {
            Err(EngineError::Busy) => busy += 1,
            Err(EngineError::Timeout) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(busy, 12, "who waits for as long as a query may run is told so");
    for _ in 0..10 {
        assert_eq!(site.one("SELECT 1 AS one").await, Cell::Integer(1));
    }
    assert!(site.connections().await <= 8);
}

/// Tables that somebody holds: a read waits for them, and no longer than it may.
#[tokio::test]
async fn a_lock_is_waited_for_within_the_limit() {
    let Some(site) = Site::open(ROWS, "milliseconds = 500").await else { return };
    let mut admin = site.admin().await;
    execute(&mut admin, "LOCK TABLES n WRITE").await;
    let started = Instant::now();
    assert_eq!(site.run("SELECT i FROM n").await, Err(EngineError::Timeout));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    execute(&mut admin, "UNLOCK TABLES").await;
    assert!(site.run("SELECT i FROM n").await.is_ok());
}
