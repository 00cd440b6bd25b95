//! The commutation oracle on MariaDB: every fixture, guarded on the shared database and as it is on `D|p`, with the
//! warnings and the session's state that each leaves.
//!
//! Starts two servers of its own, see `servers`: a schema of MySQL is a database, so that both have one named `demo`.
#![expect(clippy::disallowed_methods, reason = "an oracle runs what the service never would")]

mod emission;
mod grouping;

use dialektai::guard::RefusalCode;
use dialektai::guard::sql::{Dialect, MYSQL_SQL_MODE, SelectSql, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::Database;
use dialektai::predicate::Value;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _, ValueRef as _};

use crate::servers::mariadb::Server;
use crate::tally::{Tally, sorted};
use crate::world::{self, Indexes, Outcome};

async fn execute(connection: &mut MySqlConnection, sql: &str) {
    let result =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).execute(connection).await;
    result.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// Rows as the server writes them in text.
async fn run(connection: &mut MySqlConnection, sql: &str) -> Outcome {
    let rows =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).fetch_all(connection).await;
    let rows = rows.map_err(|error| error.to_string())?;
    let value = |row: &MySqlRow, index: usize| {
        if row.try_get_raw(index).unwrap().is_null() {
            return "NULL".to_owned();
        }
        let bytes: Vec<u8> = row.get_unchecked(index);
        format!("{:?}", String::from_utf8_lossy(&bytes))
    };
    Ok(rows.iter().map(|row| (0..row.len()).map(|index| value(row, index)).collect()).collect())
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Runs a guarded query as a prepared statement; the binds are literals of `EXECUTE`, outside of its text.
async fn run_guarded(connection: &mut MySqlConnection, query: &SelectSql) -> Outcome {
    let binds: Vec<String> = query
        .binds()
        .iter()
        .map(|bind| match world::value(bind) {
            Value::Long(value) | Value::Datetime(value) => value.to_string(),
            Value::String(value) => literal(value),
            Value::Bool(value) => value.to_string(),
        })
        .collect();
    run(connection, &format!("PREPARE guarded FROM {}", literal(query.text()))).await?;
    let using =
        if binds.is_empty() { String::new() } else { format!(" USING {}", binds.join(", ")) };
    run(connection, &format!("EXECUTE guarded{using}")).await
}

/// What a query leaves behind besides its rows.
async fn traces(connection: &mut MySqlConnection) -> Vec<Vec<String>> {
    let mut traces = run(connection, "SHOW WARNINGS").await.unwrap();
    // Each once: how often one is left is the plan's choice.
    traces.sort();
    traces.dedup();
    let state =
        "SELECT @z, LAST_INSERT_ID(), @@insert_id, @@sql_mode, @@time_zone, @@in_transaction";
    traces.extend(run(connection, state).await.unwrap());
    traces
}

/// A connection with the modes that the engine pins.
async fn connect(server: &Server, database: &str) -> MySqlConnection {
    let mut connection = server.connect(database).await;
    let modes = format!(
        "SET sql_mode = '{MYSQL_SQL_MODE}', time_zone = '+00:00'; SET NAMES utf8mb4 COLLATE utf8mb4_general_ci"
    );
    execute(&mut connection, &modes).await;
    connection
}

/// Makes the shared database anew.
async fn load(server: &Server, indexes: Indexes) -> MySqlConnection {
    let mut connection = server.connect("mysql").await;
    let modes =
        "SET sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES'; SET foreign_key_checks = 0";
    execute(&mut connection, modes).await;
    execute(&mut connection, "DROP DATABASE IF EXISTS demo; CREATE DATABASE demo; USE demo").await;
    for file in ["schema.mysql.sql", "seed.sql"] {
        let text = std::fs::read_to_string(world::root().join("fixtures/demo").join(file)).unwrap();
        execute(&mut connection, &text).await;
    }
    if indexes == Indexes::Hostile {
        for index in [
            "users_by_customer ON users",
            "projects_by_customer ON projects",
            "tasks_by_customer ON tasks",
            "tasks_by_project ON tasks",
            "time_entries_by_customer ON time_entries",
        ] {
            execute(&mut connection, &format!("DROP INDEX {index}")).await;
        }
        for relation in world::demo().catalog.relations {
            for column in relation.columns.iter().filter(|c| c.name.as_str() != "customer_id") {
                let (table, column) = (&relation.name.name, column.name.as_str());
                let length =
                    if ["description", "note", "body"].contains(&column) { "(50)" } else { "" };
                let index = format!("CREATE INDEX {table}_{column} ON {table} ({column}{length})");
                execute(&mut connection, &index).await;
            }
        }
    }
    connection
}

/// Leaves only the rows that Cedar's own authorizer permits.
async fn restrict(connection: &mut MySqlConnection, database: &Database, principal: &Principal) {
    // The seed is the same file, so its rows can be asked about where that is easy.
    let mut sqlite = world::shared(Indexes::Tenant).await;
    for relation in &database.catalog.relations {
        let rows = world::entities(&mut sqlite, relation).await;
        let allowed = rows
            .iter()
            .filter(|(_, key, row)| database.is_authorized(principal, &relation.name, key, row));
        let keys: Vec<String> = allowed.map(|(_, key, _)| format!("'{key}'")).collect();
        let keys = if keys.is_empty() { "NULL".to_owned() } else { keys.join(",") };
        let (table, key) = (&relation.name.name, relation.primary_key[0].as_str());
        let sql =
            format!("DELETE FROM {table} WHERE (CAST({key} AS CHAR) IN ({keys})) IS NOT TRUE");
        execute(connection, &sql).await;
    }
    execute(connection, "ANALYZE TABLE users, projects, tasks, time_entries, countries").await;
}

async fn commutes(own: &Server, shared: &Server, indexes: Indexes) {
    let database = crate::rewrite::database(Dialect::Mysql);
    let mut tally = Tally::default();
    let mut warned = 0;
    drop(load(shared, indexes).await);
    for principal in world::principals() {
        restrict(&mut load(own, indexes).await, &database, &principal).await;
        let (mut own, mut shared) = (connect(own, "demo").await, connect(shared, "demo").await);
        let filters = database.predicates_for(&principal).unwrap();
        let proposals = crate::questions::proposals(Dialect::Mysql);
        for query in world::fixture_queries("mysql").into_iter().chain(proposals) {
            tally.queries += 1;
            let guarded = match guard_sql(&query, Dialect::Mysql, &database.catalog, &filters) {
                Ok(guarded) => guarded,
                Err(refusal) => {
                    // A scoped caller has fewer relations.
                    assert_eq!(refusal.code, RefusalCode::UnknownRelation, "{query}: {refusal}");
                    *tally.refused.entry(refusal.code.as_str().to_owned()).or_default() += 1;
                    continue;
                }
            };
            let text = guarded.query().text();
            let context =
                format!("{principal:?}, {indexes:?}\n  query: {query}\n  guarded: {text}");
            let expected = run(&mut own, &query).await;
            let expected_traces = traces(&mut own).await;
            let actual = run_guarded(&mut shared, guarded.query()).await;
            let actual_traces = traces(&mut shared).await;
            // Nothing of what other callers own shows in rows, errors, warnings or the session.
            let alone = run_guarded(&mut own, guarded.query()).await;
            let alone_traces = traces(&mut own).await;
            assert_eq!(sorted(&actual), sorted(&alone), "{context}\n  {actual:?}\n  {alone:?}");
            assert_eq!(actual_traces, alone_traces, "{context}");
            warned += usize::from(actual_traces.len() > 1);
            if actual.is_err() != expected.is_err() || actual_traces != expected_traces {
                // See `commute`: which of the caller's own rows are looked at first is the engine's choice.
                tally.order_dependent += 1;
                assert!(
                    guarded.query().fence().is_some(),
                    "{context}\n  {actual:?} {expected:?}\n  {actual_traces:?} {expected_traces:?}"
                );
                if actual.is_err() != expected.is_err() {
                    continue;
                }
            }
            assert_eq!(sorted(&actual), sorted(&expected), "{context}");
            match actual {
                Ok(rows) => tally.rows += rows.len(),
                Err(error) => {
                    tally.failed += 1;
                    // Of the fixtures' own making, never of their syntax.
                    assert!(error.contains("1690") || error.contains("1242"), "{context}\n{error}");
                }
            }
        }
    }
    tally.print("commutation on MariaDB");
    eprintln!("{warned} left warnings on both sides");
    assert!(tally.rows > 1_000, "too few rows were compared");
    assert!(warned > 20, "too few warnings were compared");
}

#[tokio::test]
async fn fixtures_commute_on_mariadb() {
    let (Some(shared), Some(own)) = (Server::start(&[]).await, Server::start(&[]).await) else {
        return;
    };
    for indexes in [Indexes::Tenant, Indexes::Hostile] {
        commutes(&own, &shared, indexes).await;
    }
}
