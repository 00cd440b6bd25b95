//! Servers that go away, refuse, or run out of room: each gives its code, and nothing is left behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialektai::engine::EngineError;

use super::site::{PASSWORD, Site, USER, execute, introspect, number, run, settings, url};

const TABLES: &str = "
CREATE TABLE n (i INT PRIMARY KEY);
INSERT INTO n SELECT seq FROM seq_1_to_2000;
CREATE VIEW sleeper AS SELECT SLEEP(60) AS slept;
CREATE FUNCTION fails(number INT) RETURNS INT
BEGIN
    SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = number, MESSAGE_TEXT = 'secret of a neighbour';
    RETURN 1;
END;
CREATE VIEW disk_full AS SELECT i, fails(1021) AS x FROM n WHERE i < 3;
CREATE VIEW table_full AS SELECT i, fails(1114) AS x FROM n;
CREATE VIEW sort_memory AS SELECT i, fails(1038) AS x FROM n;
CREATE VIEW interrupted AS SELECT i, fails(1317) AS x FROM n;
CREATE VIEW going_down AS SELECT i, fails(1053) AS x FROM n;
CREATE VIEW failing AS SELECT i, fails(1365) AS x FROM n;
";

#[tokio::test]
async fn the_servers_own_errors_have_codes() {
    let Some(site) = Site::open(TABLES, "").await else { return };
    let http = site.http().await;
    for (view, status, code) in [
        ("disk_full", 503, "database_full"),
        ("table_full", 503, "database_full"),
        ("sort_memory", 422, "query_out_of_memory"),
        ("interrupted", 504, "query_timeout"),
        ("going_down", 503, "database_unavailable"),
        ("failing", 422, "query_failed"),
    ] {
        let text = format!("SELECT i, x FROM {view}");
        assert_eq!(http.code(&text).await, (status, code.to_owned()), "{view}");
        let (_, fields) = http.query(&text).await;
        assert!(!format!("{fields:?}").contains("secret"), "{fields:?}");
        assert!(!fields.contains_key("rows"), "{fields:?}");
    }
    assert_eq!(http.code("SELECT i FROM n").await.0, 200);
    assert!(site.connections().await <= 8);
}

/// A temporary table that does not fit where the server keeps them.
#[tokio::test]
async fn a_full_disk_has_its_code() {
    let Some(site) = Site::open(TABLES, "milliseconds = 20000").await else { return };
    let mut admin = site.admin().await;
    // MEMORY tables are the disk that a test can fill.
    execute(
        &mut admin,
        "SET GLOBAL max_heap_table_size = 16384, GLOBAL tmp_memory_table_size = 16384, GLOBAL tmp_disk_table_size = 1024",
    )
    .await;
    let text = "SELECT a.i FROM n AS a UNION SELECT b.i + 1 FROM n AS b";
    assert_eq!(site.run(text).await, Err(EngineError::Full));
    execute(
        &mut admin,
        "SET GLOBAL max_heap_table_size = DEFAULT, GLOBAL tmp_memory_table_size = DEFAULT, GLOBAL tmp_disk_table_size = DEFAULT",
    )
    .await;
    assert!(site.run("SELECT i FROM n WHERE i = 1").await.is_ok());
}

#[tokio::test]
async fn a_server_that_dies_is_unavailable_until_it_is_back() {
    let Some(mut site) = Site::open(TABLES, "milliseconds = 20000").await else { return };
    let http = site.http().await;
    assert_eq!(http.code("SELECT i FROM n").await.0, 200);
    let served = Arc::clone(&site.served);
    let asked = tokio::spawn(async move { run(&served, "SELECT slept FROM sleeper").await });
    site.until_at_work(true).await;
    let killed = Instant::now();
    site.server.kill();
    assert_eq!(asked.await.unwrap(), Err(EngineError::Unavailable));
    for _ in 0..3 {
        let unavailable = (503, "database_unavailable".to_owned());
        assert_eq!(http.code("SELECT i FROM n").await, unavailable);
        assert_eq!(site.run("SELECT i FROM n").await, Err(EngineError::Unavailable));
    }
    assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
    site.server.restart(&[]).await;
    assert_eq!(http.code("SELECT i FROM n").await.0, 200);
    assert!(site.run("SELECT i FROM n").await.is_ok());
}

#[tokio::test]
async fn a_connection_that_is_cut_is_replaced() {
    let Some(site) = Site::open(TABLES, "milliseconds = 20000").await else { return };
    let mut admin = site.admin().await;
    let busy = format!(
        "SELECT cast(coalesce(max(ID), 0) AS SIGNED) FROM information_schema.PROCESSLIST \
         WHERE USER = '{USER}' AND INFO LIKE '%sleeper%'"
    );
    let served = Arc::clone(&site.served);
    let asked = tokio::spawn(async move { run(&served, "SELECT slept FROM sleeper").await });
    let started = Instant::now();
    let mut id = 0;
    while id == 0 {
        assert!(started.elapsed() < Duration::from_secs(5), "the query does not run");
        tokio::time::sleep(Duration::from_millis(20)).await;
        id = number(&mut admin, &busy).await;
    }
    execute(&mut admin, &format!("KILL CONNECTION {id}")).await;
    assert_eq!(asked.await.unwrap(), Err(EngineError::Unavailable));

    // Idle ones that the server closed meanwhile are not noticed by anybody.
    assert!(site.run("SELECT i FROM n").await.is_ok());
    for _ in 0..3 {
        execute(&mut admin, &format!("KILL USER '{USER}'@'%'")).await;
        assert!(site.run("SELECT i FROM n").await.is_ok());
    }
    assert!(site.connections().await <= 8);
}

#[tokio::test]
async fn logins_that_are_refused_have_codes() {
    let Some(site) = Site::open(TABLES, "").await else { return };
    let port = site.server.port;
    let refused =
        |address: String| async move { introspect(&settings(&address, "")).await.map(drop) };
    let wrong = url(port, "wrong", "ssl-mode=disabled");
    assert_eq!(refused(wrong).await, Err(EngineError::Login));
    let nobody = format!("mysql://nobody:x@127.0.0.1:{port}/shop");
    assert_eq!(refused(nobody).await, Err(EngineError::Login));
    let elsewhere = url(port, PASSWORD, "ssl-mode=disabled").replace("/shop", "/mysql");
    assert_eq!(refused(elsewhere).await, Err(EngineError::Login));
    let nowhere = url(1, PASSWORD, "ssl-mode=disabled");
    assert_eq!(refused(nowhere).await, Err(EngineError::Unavailable));
    let encrypted = url(port, PASSWORD, "ssl-mode=required");
    assert_eq!(refused(encrypted).await, Err(EngineError::Tls));

    let mut admin = site.admin().await;
    let http = site.http().await;
    let password = |text: &str| format!("ALTER USER '{USER}'@'%' IDENTIFIED BY '{text}'");
    execute(&mut admin, &password("changed")).await;
    assert_eq!(http.code("SELECT i FROM n").await, (503, "database_login_failed".to_owned()));
    execute(&mut admin, &password(PASSWORD)).await;
    assert_eq!(http.code("SELECT i FROM n").await, (200, String::new()));

    let limit = |most: u32| format!("ALTER USER '{USER}'@'%' WITH MAX_USER_CONNECTIONS {most}");
    execute(&mut admin, &limit(1)).await;
    let other = site.http().await;
    assert_eq!(other.code("SELECT i FROM n").await, (503, "database_busy".to_owned()));
    // The server counts by what was in force when the first of a user's connections was opened.
    execute(&mut admin, &limit(0)).await;
    let started = Instant::now();
    while other.code("SELECT i FROM n").await != (200, String::new()) {
        assert!(started.elapsed() < Duration::from_secs(5), "it stays busy");
        execute(&mut admin, &format!("KILL USER '{USER}'@'%'; FLUSH PRIVILEGES")).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A place where somebody accepts connections and says nothing.
#[tokio::test]
async fn a_silent_server_is_waited_for_within_the_limit() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let Some(site) = Site::open(TABLES, "milliseconds = 700").await else { return };
    let place = site.policies().join("shop/database.toml");
    let text = settings(&url(port, PASSWORD, "ssl-mode=disabled"), "milliseconds = 700");
    std::fs::write(place, text).unwrap();
    let http = site.http().await;
    let started = Instant::now();
    assert_eq!(http.code("SELECT i FROM n").await, (503, "database_unavailable".to_owned()));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}
