//! What a server's defaults, or an earlier query, would change is set, verified and gone.

use dialektai::engine::{Cell, EngineError};

use super::site::{PASSWORD, Site, USER, execute, introspect, settings, url};
use crate::servers::mariadb::Server;

/// What a session is, seen from inside of a query: only a function in a view can look.
const PROBES: &str = "
CREATE VIEW session_modes AS SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS shown
    FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME IN ('sql_mode', 'character_set_client',
    'character_set_connection', 'character_set_results', 'collation_connection', 'time_zone', 'autocommit',
    'tx_read_only', 'tx_isolation', 'max_statement_time', 'sql_select_limit', 'sql_auto_is_null',
    'div_precision_increment', 'lc_time_names', 'group_concat_max_len', 'default_week_format', 'old_mode',
    'max_recursive_iterations', 'lock_wait_timeout', 'sql_big_selects', 'sql_safe_updates', 'max_sort_length');
CREATE VIEW clock AS SELECT YEAR(NOW()) > 2000 AS runs;
CREATE FUNCTION remembered() RETURNS TEXT
BEGIN
    DECLARE before_now TEXT DEFAULT concat_ws(' ', @left, @@div_precision_increment);
    SET @left = 'behind', SESSION div_precision_increment = 9;
    DO GET_LOCK('left', 0);
    RETURN before_now;
END;
CREATE VIEW memory AS SELECT remembered() AS shown;
CREATE FUNCTION written() RETURNS INT BEGIN INSERT INTO written_to VALUES (1); RETURN 1; END;
CREATE TABLE written_to (x INT);
CREATE VIEW writer AS SELECT 1 AS shown;
CREATE TABLE padded (id INT, c CHAR(4));
INSERT INTO padded VALUES (1, 'ab');
COMMIT;
";

const HOSTILE: [&str; 14] = [
    "--sql-mode=ANSI_QUOTES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH,HIGH_NOT_PRECEDENCE,IGNORE_SPACE,NO_UNSIGNED_SUBTRACTION",
    "--character-set-server=latin1",
    "--collation-server=latin1_swedish_ci",
    "--init-connect=SET sql_mode = 'ANSI_QUOTES', time_zone = '+05:00', sql_select_limit = 1, timestamp = 1, @left = 'over'",
    "--default-time-zone=-07:00",
    "--autocommit=0",
    "--div-precision-increment=0",
    "--group-concat-max-len=4",
    "--lc-time-names=de_DE",
    "--default-week-format=3",
    "--max-recursive-iterations=2",
    "--transaction-isolation=READ-UNCOMMITTED",
    "--old-mode=UTF8_IS_UTF8MB3,ZERO_DATE_TIME_CAST",
    "--local-infile=1",
];

fn text(cell: Cell) -> String {
    let Cell::Text(text) = cell else { panic!("{cell:?}") };
    text
}

#[tokio::test]
async fn hostile_defaults_are_overridden() {
    let Some(server) = Server::start(&HOSTILE).await else { return };
    let site = Site::on(server, PROBES, "milliseconds = 2500", "ssl-mode=disabled").await;
    let rows = site.run("SELECT name, shown FROM session_modes ORDER BY name").await.unwrap();
    let shown: Vec<String> = rows
        .rows
        .into_iter()
        .map(|row| row.into_iter().map(text).collect::<Vec<_>>().join(" = "))
        .collect();
    insta::assert_snapshot!("mariadb_session", shown.join("\n"));
    assert_eq!(site.one("SELECT runs FROM clock").await, Cell::Integer(1));
    assert_eq!(site.one("SELECT c FROM padded").await, Cell::Text("ab".to_owned()));
    assert_eq!(site.one("SELECT 'é🌲' AS t FROM padded").await, Cell::Text("é🌲".to_owned()));
    let rows = site.run("SELECT id FROM padded UNION ALL SELECT id FROM padded").await.unwrap();
    assert_eq!(rows.rows.len(), 2, "`sql_select_limit` cuts");
}

/// `init_connect` runs before the engine's own settings; what it can put out of their reach is a refusal.
#[tokio::test]
async fn a_session_that_is_not_as_it_must_be_is_not_used() {
    let Some(site) = Site::open(PROBES, "").await else { return };
    assert!(site.run("SELECT id FROM padded").await.is_ok());
    let mut admin = site.admin().await;
    execute(&mut admin, "GRANT SELECT ON mysql.* TO 'reader'@'%'").await;
    // The next connection is opened ahead of its query: it must be there, and no other on its way.
    let mut seen = 0;
    while seen < 10 {
        seen = if site.connections().await == 1 { seen + 1 } else { 0 };
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    execute(&mut admin, "SET GLOBAL init_connect = 'USE mysql'").await;
    // The one that was opened before is the last good one.
    assert!(site.run("SELECT id FROM padded").await.is_ok());
    for _ in 0..2 {
        assert_eq!(site.run("SELECT id FROM padded").await, Err(EngineError::Unavailable));
    }
    execute(&mut admin, "SET GLOBAL init_connect = ''").await;
    assert!(site.run("SELECT id FROM padded").await.is_ok());
}

/// A server can be started with bounds of its own, and to a SET beyond them it says yes.
#[tokio::test]
async fn a_setting_that_the_server_bounds_is_seen() {
    let Some(server) = Server::start(&["--maximum-group-concat-max-len=4096"]).await else {
        return;
    };
    let mut admin = server.connect("mysql").await;
    for text in [
        "CREATE DATABASE shop",
        &format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'"),
        &format!("GRANT SELECT ON shop.* TO '{USER}'@'%'"),
    ] {
        execute(&mut admin, text).await;
    }
    let settings = settings(&url(server.port, PASSWORD, "ssl-mode=disabled"), "");
    assert_eq!(introspect(&settings).await.err(), Some(EngineError::Unavailable));
}

#[tokio::test]
async fn nothing_of_a_session_is_left_for_the_next_query() {
    let Some(site) = Site::open(PROBES, "").await else { return };
    for _ in 0..20 {
        assert_eq!(text(site.one("SELECT shown FROM memory").await), "4");
    }
    assert!(site.connections().await <= 8);
}

#[tokio::test]
async fn nothing_is_written() {
    let Some(site) = Site::open(PROBES, "").await else { return };
    let mut admin = site.admin().await;
    execute(&mut admin, "CREATE OR REPLACE VIEW writer AS SELECT written() AS shown").await;
    assert_eq!(site.run("SELECT shown FROM writer").await, Err(EngineError::Failed));
    execute(&mut admin, "GRANT ALL PRIVILEGES ON *.* TO 'reader'@'%'").await;
    assert_eq!(site.run("SELECT shown FROM writer").await, Err(EngineError::Failed));
    assert_eq!(super::site::number(&mut admin, "SELECT count(*) FROM written_to").await, 0);
}
