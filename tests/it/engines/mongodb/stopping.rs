//! Limits, and commands that nobody waits for any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialektai::engine::{Cell, EngineError};
use rand::{Rng as _, SeedableRng as _};

use super::site::{RUNAWAY, Site, TENANTS, ask};

#[tokio::test]
async fn rows_and_bytes_are_cut_and_the_answer_says_so() {
    let Some(site) = Site::open("rows = 10\nbytes = 5000").await else { return };
    for (query, rows, truncated) in [
        ("db.n.find({}, { i: 1, _id: 0 })", 10, true),
        ("db.n.find({}, { i: 1, _id: 0 }).limit(11)", 10, true),
        ("db.n.find({}, { i: 1, _id: 0 }).limit(10)", 10, false),
        ("db.n.aggregate([{ $project: { i: 1 } }])", 10, true),
        ("db.n.aggregate([{ $limit: 10 }, { $project: { i: 1 } }])", 10, false),
        ("db.n.distinct('i')", 10, true),
        ("db.n.distinct('kind')", 3, false),
        // A hundred and sixteen bytes each, of 464.
        (
            "db.n.aggregate([{ $project: { _id: 0, x: { $concat: ['$x', '$x', '$x', '$x'] }, i: 1 } }])",
            10,
            true,
        ),
        (
            "db.n.aggregate([{ $project: { _id: 0, x: { $concat: ['$x', '$x', '$x', '$x', '$x'] }, i: 1 } }])",
            9,
            true,
        ),
    ] {
        let answer = site.run(query).await.unwrap_or_else(|error| panic!("{error}: {query}"));
        assert_eq!((answer.rows.len(), answer.truncated), (rows, truncated), "{query}");
    }
    assert_eq!(site.cursors().await, 0, "what is not read is closed");
}

#[tokio::test]
async fn the_time_limit_stops_a_command() {
    let Some(site) = Site::open("milliseconds = 400").await else { return };
    let counted = RUNAWAY.replace(".find(", ".countDocuments(");
    for text in [RUNAWAY, &counted] {
        let started = Instant::now();
        assert_eq!(site.run(text).await, Err(EngineError::Timeout), "{text}");
        assert!(started.elapsed() < Duration::from_secs(2), "{text}: {:?}", started.elapsed());
        assert!(site.run("db.n.findOne({ i: 2 })").await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_bounded_in_number() {
    let Some(site) = Site::open("milliseconds = 1500").await else { return };
    let mut asked = Vec::new();
    for _ in 0..20 {
        let (engine, database) = (Arc::clone(&site.engine), Arc::clone(&site.database));
        asked.push(tokio::spawn(async move { ask(&engine, &database, 82, RUNAWAY).await }));
    }
    let mut busy = 0;
    for asked in asked {
        match asked.await.unwrap() {
            Err(EngineError::Busy) => busy += 1,
            Err(EngineError::Timeout) => {}
            other => panic!("{other:?}"),
        }
    }
    // Eight run, and twelve wait for as long as a query may run; one of these may get a place at the very end.
    assert!((6..=12).contains(&busy), "{busy} were told that the database is busy");
    assert!(site.run("db.n.findOne({ i: 2 })").await.is_ok());
}

/// Commands whose callers left count as running for a while, and only for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_leaves_gives_its_place_back() {
    let Some(site) = Site::open("milliseconds = 20000").await else { return };
    let mut asked = Vec::new();
    for _ in 0..8 {
        let (engine, database) = (Arc::clone(&site.engine), Arc::clone(&site.database));
        asked.push(tokio::spawn(async move { ask(&engine, &database, 82, RUNAWAY).await }));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    for asked in asked {
        asked.abort();
    }
    let left = Instant::now();
    assert!(site.run("db.n.findOne({ i: 2 })").await.is_ok());
    let waited = left.elapsed();
    assert!(waited > Duration::from_millis(800), "{waited:?}: they would pile up");
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

/// Commands of two tenants on the same connections, most of them abandoned at a moment of their own: no reply meets
/// another's command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned_commands_leave_no_reply_behind() {
    const ROUNDS: usize = 120;
    let Some(site) = Site::open("rows = 3000").await else { return };
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(82);
    let texts = [
        "db.n.find({}, { customer_id: 1 })",
        "db.n.aggregate([{ $project: { customer_id: 1 } }, { $sort: { _id: -1 } }])",
        "db.n.find({ i: { $lt: 1000 } }, { customer_id: 1 })",
        "db.n.distinct('customer_id')",
    ];
    let mut takes = [Duration::ZERO; 4];
    for (text, takes) in texts.iter().zip(&mut takes) {
        let begun = Instant::now();
        site.run(text).await.unwrap();
        *takes = begun.elapsed();
    }
    let (mut answered, mut abandoned) = (0, 0);
    for round in 0..ROUNDS {
        let tenant = TENANTS[round % 2];
        let which = random.random_range(0..texts.len());
        let text = texts[which];
        let (engine, database) = (Arc::clone(&site.engine), Arc::clone(&site.database));
        let asked = tokio::spawn(async move { ask(&engine, &database, tenant, text).await });
        if random.random_bool(0.5) {
            tokio::time::sleep(takes[which].mul_f64(random.random_range(0.0..1.0))).await;
            asked.abort();
        }
        let Ok(outcome) = asked.await else {
            abandoned += 1;
            continue;
        };
        let answer = outcome.unwrap_or_else(|error| panic!("{error}: {text}"));
        let column = answer.columns.iter().position(|column| column.name == "customer_id").unwrap();
        let own = answer.rows.iter().all(|row| row[column] == Cell::Integer(tenant));
        assert!(own && !answer.rows.is_empty(), "{tenant}: {text}");
        answered += 1;
    }
    eprintln!("{answered} commands were answered, {abandoned} abandoned");
    assert!(answered >= 40 && abandoned >= 10, "{answered} {abandoned}");
    assert_eq!(site.cursors().await, 0);
}
