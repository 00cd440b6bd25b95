//! Sessions: what they are set to whatever their defaults are, and that nothing of one query meets the next.

use dialektai::engine::{Cell, EngineError};

use super::site::{PASSWORD, ROLE, Site, execute, number};

const ITEMS: &str = r"
CREATE TABLE items (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO items VALUES (1, 'one'), (2, 'two'), (3, 'a\b');
CREATE VIEW modes AS SELECT name, setting FROM pg_settings;
CREATE VIEW prepared AS SELECT name FROM pg_prepared_statements;
CREATE VIEW held AS SELECT name FROM pg_cursors WHERE is_holdable;
";

/// Defaults under which the same text means something else.
const HOSTILE: &str = r"
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.always(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR evil.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.always);
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'evil'$$;
ALTER ROLE reader SET search_path = evil, pg_catalog, public;
ALTER ROLE reader SET standard_conforming_strings = off;
ALTER ROLE reader SET transform_null_equals = on;
ALTER ROLE reader SET row_security = off;
ALTER ROLE reader SET default_transaction_read_only = off;
ALTER ROLE reader SET DateStyle = 'German, DMY';
ALTER DATABASE shop SET IntervalStyle = 'sql_standard';
ALTER DATABASE shop SET bytea_output = 'escape';
ALTER DATABASE shop SET TimeZone = 'Asia/Tokyo';
ALTER DATABASE shop SET statement_timeout = 0;
ALTER DATABASE shop SET gin_fuzzy_search_limit = 1;
ALTER DATABASE shop SET client_min_messages = debug5;
ALTER DATABASE shop SET extra_float_digits = -15;
";

fn cell(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

#[tokio::test]
async fn hostile_defaults_change_nothing() {
    let Some(site) = Site::open(ITEMS, "").await else { return };
    execute(&mut site.admin().await, HOSTILE).await;

    // That they are hostile: a session that takes them as they come is fooled.
    let mut fooled = connect_as_role(&site).await;
    assert_eq!(number(&mut fooled, "SELECT count(*) FROM public.items WHERE id = 1").await, 3);

    let one = site.run("SELECT name FROM items WHERE id = 1").await.unwrap();
    assert_eq!(one.rows, [[cell("one")]]);
    let none = site.run("SELECT name FROM items WHERE name = NULL").await.unwrap();
    assert!(none.rows.is_empty());
    let lower = site.run("SELECT lower(name) FROM items WHERE id = 2").await.unwrap();
    assert_eq!(lower.rows, [[cell("two")]]);
    let backslash = site.run(r"SELECT id FROM items WHERE name = 'a\b'").await.unwrap();
    assert_eq!(backslash.rows, [[Cell::Integer(3)]]);

    let modes = site
        .run(
            "SELECT name, setting FROM modes WHERE name IN ('search_path', 'standard_conforming_strings', \
             'transform_null_equals', 'row_security', 'default_transaction_read_only', 'DateStyle', 'IntervalStyle', \
             'bytea_output', 'TimeZone', 'statement_timeout', 'lock_timeout', 'gin_fuzzy_search_limit', \
             'client_encoding', 'application_name', 'transaction_isolation', 'transaction_read_only', \
             'client_min_messages', 'extra_float_digits', 'client_connection_check_interval', \
             'idle_in_transaction_session_timeout', 'cursor_tuple_fraction') ORDER BY name",
        )
        .await
        .unwrap();
    let modes: Vec<String> = modes.rows.iter().map(|row| format!("{row:?}")).collect();
    insta::assert_snapshot!(modes.join("\n").replace("Text(", "").replace(')', ""), @r##"
    ["DateStyle", "ISO, YMD"]
    ["IntervalStyle", "iso_8601"]
    ["TimeZone", "UTC"]
    ["application_name", "dialektai"]
    ["bytea_output", "hex"]
    ["client_connection_check_interval", "1000"]
    ["client_encoding", "UTF8"]
    ["client_min_messages", "error"]
    ["cursor_tuple_fraction", "1"]
    ["default_transaction_read_only", "on"]
    ["extra_float_digits", "1"]
    ["gin_fuzzy_search_limit", "0"]
    ["idle_in_transaction_session_timeout", "15000"]
    ["lock_timeout", "5000"]
    ["row_security", "on"]
    ["search_path", "pg_catalog, pg_temp"]
    ["standard_conforming_strings", "on"]
    ["statement_timeout", "5000"]
    ["transaction_isolation", "repeatable read"]
    ["transaction_read_only", "on"]
    ["transform_null_equals", "off"]
    "##);
}

/// A plain connection with the engine's own role.
async fn connect_as_role(site: &Site) -> sqlx::postgres::PgConnection {
    let options = site.server.options("shop").username(ROLE).password(PASSWORD);
    sqlx::ConnectOptions::connect(&options).await.unwrap()
}

/// Everything that a query could leave behind in its session, here from within a view.
const LEAVE: &str = r"
CREATE FUNCTION leave() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    PERFORM set_config('search_path', 'evil', false), set_config('row_security', 'off', false);
    PERFORM set_config('default_transaction_read_only', 'off', false);
    PERFORM set_config('shop.secret', 'of another', false);
    PERFORM pg_advisory_lock(7);
    EXECUTE 'PREPARE mine AS SELECT 1';
    EXECUTE 'LISTEN mine';
    EXECUTE 'DECLARE mine CURSOR WITH HOLD FOR SELECT 1';
    RETURN pg_backend_pid()::text;
END $$;
CREATE VIEW leaving AS SELECT leave() AS done;
CREATE VIEW found AS SELECT coalesce(current_setting('shop.secret', true), '') AS secret,
    current_setting('row_security') AS security, current_setting('default_transaction_read_only') AS reading,
    pg_backend_pid()::text AS backend, (SELECT count(*) FROM pg_listening_channels()) AS channels;
";

#[tokio::test]
async fn nothing_of_one_query_meets_the_next() {
    let Some(site) = Site::open(&format!("{ITEMS}{LEAVE}"), "").await else { return };
    let left = site.run("SELECT done FROM leaving").await.unwrap();
    let [Cell::Text(left)] = left.rows[0].as_slice() else { panic!("{left:?}") };
    // Until the same connection has come round again: it is cleaned and not closed. As many at a time as the pool has
    // connections, since the one that was given back last is taken first.
    let mut met = false;
    for _ in 0..50 {
        let text = "SELECT backend, secret, security, reading, channels FROM found";
        let run = || site.run(text);
        let all = futures_util::future::join_all((0..8).map(|_| run()));
        for found in all.await.into_iter().map(Result::unwrap) {
            assert_eq!(found.rows[0][1..], [cell(""), cell("on"), cell("on"), Cell::Integer(0)]);
            met |= found.rows[0][0] == cell(left);
        }
        if met {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(met, "the connection was closed");
    assert!(site.run("SELECT name FROM prepared").await.unwrap().rows.is_empty());
    assert!(site.run("SELECT name FROM held").await.unwrap().rows.is_empty());
    let path = site.run("SELECT setting FROM modes WHERE name = 'search_path'").await.unwrap();
    assert_eq!(path.rows, [[cell("pg_catalog, pg_temp")]]);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    assert_eq!(number(&mut site.admin().await, locks).await, 0);
}

/// Functions that a view calls with the view's reader as the caller.
const WRITE: &str = "
CREATE TABLE log (line text);
GRANT ALL ON log TO PUBLIC;
CREATE SEQUENCE numbers;
GRANT ALL ON numbers TO PUBLIC;
CREATE FUNCTION write() RETURNS text LANGUAGE sql AS $$ INSERT INTO log VALUES ('x') RETURNING line $$;
CREATE FUNCTION write_definer() RETURNS text LANGUAGE sql SECURITY DEFINER
    AS $$ INSERT INTO log VALUES ('x') RETURNING line $$;
CREATE FUNCTION unlock() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    PERFORM set_config('transaction_read_only', 'off', true);
    INSERT INTO log VALUES ('x');
    RETURN 'x';
END $$;
CREATE VIEW writing AS SELECT write() AS done;
CREATE VIEW defining AS SELECT write_definer() AS done;
CREATE VIEW unlocking AS SELECT unlock() AS done;
CREATE VIEW counting AS SELECT nextval('public.numbers') AS done;
";

#[tokio::test]
async fn nothing_is_written() {
    let Some(site) = Site::open(WRITE, "").await else { return };
    for view in ["writing", "defining", "unlocking", "counting"] {
        let failed = site.run(&format!("SELECT done FROM {view}")).await;
        assert_eq!(failed, Err(EngineError::Failed), "{view}");
    }
    assert_eq!(number(&mut site.admin().await, "SELECT count(*) FROM log").await, 0);
    assert!(site.connections().await <= 4);
}
