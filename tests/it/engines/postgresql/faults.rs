//! Faults: each gives its code in time, leaks no connection, and is over when its cause is.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialektai::engine::EngineError;
use sqlx::Connection as _;

use super::site::{self, PASSWORD, Site, execute, introspect, number, numbers, settings, url};
use crate::servers::postgresql::Server;

const VIEWS: &str = "
CREATE VIEW slow AS SELECT pg_sleep(30)::text AS done;
CREATE VIEW fine AS SELECT 1 AS one;
CREATE VIEW many AS SELECT i, md5(i::text) AS m FROM generate_series(1, 300000) AS i;
CREATE FUNCTION fail(state text) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'secret of a row' USING ERRCODE = state; END $$;
CREATE VIEW disk_full AS SELECT fail('53100') AS x;
CREATE VIEW out_of_memory AS SELECT fail('53200') AS x;
CREATE VIEW too_many AS SELECT fail('53300') AS x;
CREATE VIEW division AS SELECT 1 / (SELECT 0) AS x;
";

const FINE: &str = "SELECT one FROM fine";

async fn assert_fine(site: &Site) {
    assert_eq!(site.run(FINE).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_server_that_dies_gives_503_until_it_is_back() {
    let Some(mut site) = Site::open(VIEWS, "milliseconds = 4000").await else { return };
    let http = site.http().await;
    assert_eq!(http.code(FINE).await, (200, String::new()));
    assert_fine(&site).await;

    let served = Arc::clone(&site.served);
    let query = tokio::spawn(async move { site::run(&served, "SELECT done FROM slow").await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let started = Instant::now();
    site.server.kill();
    assert_eq!(query.await.unwrap(), Err(EngineError::Unavailable));
    for _ in 0..3 {
        assert_eq!(http.code(FINE).await, (503, "database_unavailable".to_owned()));
        assert_eq!(site.run(FINE).await, Err(EngineError::Unavailable));
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());

    site.server.start_again().await;
    assert_eq!(http.code(FINE).await, (200, String::new()));
    assert_fine(&site).await;
    site.quiet().await;
    assert!(site.connections().await <= 2);
}

#[tokio::test]
async fn connections_that_were_cut_are_replaced() {
    const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                       WHERE application_name = 'dialektai'";
    let Some(site) = Site::open(VIEWS, "").await else { return };
    // While they lie idle: nobody notices.
    for answer in futures_util::future::join_all((0..8).map(|_| site.run(FINE))).await {
        assert_eq!(answer.unwrap().rows.len(), 1);
    }
    site.quiet().await;
    assert!(number(&mut site.admin().await, CUT).await >= 1);
    for answer in futures_util::future::join_all((0..8).map(|_| site.run(FINE))).await {
        assert_eq!(answer.unwrap().rows.len(), 1);
    }
    // In the middle of a query: that one fails.
    let served = Arc::clone(&site.served);
    let query = tokio::spawn(async move { site::run(&served, "SELECT done FROM slow").await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    number(&mut site.admin().await, CUT).await;
    assert_eq!(query.await.unwrap(), Err(EngineError::Unavailable));
    assert_fine(&site).await;
    site.quiet().await;
    assert!(site.connections().await <= 8);
}

#[tokio::test]
async fn the_servers_own_limits_have_codes() {
    let Some(site) = Site::open(VIEWS, "").await else { return };
    let limits =
        "ALTER ROLE reader SET work_mem = '64kB'; ALTER ROLE reader SET temp_file_limit = '1MB'";
    execute(&mut site.admin().await, limits).await;
    let http = site.http().await;
    for (query, error, code) in [
        ("SELECT x FROM disk_full", EngineError::Full, (503, "database_full")),
        ("SELECT m FROM many ORDER BY m", EngineError::Full, (503, "database_full")),
        ("SELECT x FROM out_of_memory", EngineError::Memory, (422, "query_out_of_memory")),
        ("SELECT x FROM too_many", EngineError::Busy, (503, "database_busy")),
        ("SELECT x FROM division", EngineError::Failed, (422, "query_failed")),
    ] {
        assert_eq!(site.run(query).await, Err(error), "{query}");
        assert_eq!(http.code(query).await, (code.0, code.1.to_owned()), "{query}");
        let (_, fields) = http.query(query).await;
        assert!(!format!("{fields:?}").contains("secret"), "{fields:?}");
        assert_fine(&site).await;
    }
    site.quiet().await;
    // The errors cost no connection: two pools have those that they began with, one in use and one being cleaned.
    assert!(site.connections().await <= 4);
}

#[tokio::test]
async fn a_wrong_password_is_told_apart() {
    let Some(server) = Server::start(&[]).await else { return };
    server.write(
        "pg_hba.conf",
        "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
    );
    execute(&mut server.connect("postgres").await, "SELECT pg_reload_conf()").await;
    let site = Site::on(server, VIEWS, "", "sslmode=disable").await;
    assert_fine(&site).await;
    let port = site.server.port;
    for (address, expected) in [
        (url(port, "wrong", "sslmode=disable"), EngineError::Login),
        (url(port, "", "sslmode=disable"), EngineError::Login),
        (url(port, PASSWORD, "sslmode=disable&user=nobody"), EngineError::Login),
        (url(port, PASSWORD, "sslmode=disable&dbname=gone"), EngineError::Unavailable),
    ] {
        assert_eq!(introspect(&settings(&address, "")).await.err(), Some(expected), "{address}");
    }
    // While it is served, too: connections that are open go on, new ones are turned away.
    execute(&mut site.admin().await, "ALTER ROLE reader PASSWORD 'other'").await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE application_name = 'dialektai'";
    number(&mut site.admin().await, cut).await;
    assert_eq!(site.run(FINE).await, Err(EngineError::Login));
    let http = site.http().await;
    assert_eq!(http.code(FINE).await, (503, "database_login_failed".to_owned()));
    assert_eq!(site.connections().await, 0);
}

#[tokio::test]
async fn encryption_is_as_the_address_asks() {
    let Some(server) = Server::start(&[]).await else { return };
    let site = Site::on(server, VIEWS, "", "sslmode=disable").await;
    let port = site.server.port;
    let of = async |parameters: &str| {
        introspect(&settings(&url(port, PASSWORD, parameters), "")).await.err()
    };
    for parameters in ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full"] {
        assert_eq!(of(parameters).await, Some(EngineError::Tls), "{parameters}");
    }
    assert_eq!(of("sslmode=prefer").await, None);

    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    let Ok(made) = made else {
        eprintln!("left out: openssl is not installed, so no encrypted connection was made");
        return;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    site.server.write("server.key", &std::fs::read_to_string(key).unwrap());
    site.server.write("server.crt", &std::fs::read_to_string(&certificate).unwrap());
    let mut admin = site.admin().await;
    execute(&mut admin, "ALTER SYSTEM SET ssl = on").await;
    execute(&mut admin, "SELECT pg_reload_conf()").await;
    admin.close().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;

    assert_eq!(of("sslmode=require").await, None);
    assert_eq!(of("sslmode=verify-ca").await, Some(EngineError::Tls));
    assert_eq!(of("sslmode=verify-full").await, Some(EngineError::Tls));
    // The other way round: the server wants what the address rules out.
    let rules = "host all postgres 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 trust\n";
    site.server.write("pg_hba.conf", rules);
    execute(&mut site.admin().await, "SELECT pg_reload_conf()").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(of("sslmode=require").await, None);
    assert_eq!(of("sslmode=disable").await, Some(EngineError::Login));
}

/// A server that takes connections and never answers: new ones, and those that lay idle.
#[tokio::test]
async fn no_request_hangs_on_a_silent_server() {
    const ALL: &str =
        "SELECT array_agg(pid::int8) FROM pg_stat_activity WHERE application_name = 'dialektai'";
    let Some(site) = Site::open(VIEWS, "milliseconds = 1500").await else { return };
    assert_fine(&site).await;
    site.quiet().await;
    let backends = numbers(&mut site.admin().await, ALL).await;
    assert!(!backends.is_empty());
    site.server.signal("-STOP", &backends);
    let started = Instant::now();
    let first = site.run(FINE).await;
    let second = site.run(FINE).await;
    let took = started.elapsed();
    site.server.signal("-CONT", &backends);
    assert_eq!((first, second), (Err(EngineError::Unavailable), Err(EngineError::Unavailable)));
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert_fine(&site).await;
    site.quiet().await;
    assert!(site.connections().await <= 8);
}

/// A database that is down when the service starts is served once it is there.
#[tokio::test]
async fn a_server_that_comes_later_is_served_by_itself() {
    let Some(mut site) = Site::open(VIEWS, "milliseconds = 4000").await else { return };
    site.server.kill();
    let http = site.http().await;
    assert_eq!(http.code(FINE).await, (503, "database_unavailable".to_owned()));
    site.server.start_again().await;
    let started = Instant::now();
    while http.code(FINE).await.0 != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "it is not served");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
