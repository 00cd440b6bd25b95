//! The commutation oracle on PostgreSQL: every fixture, guarded on the shared database and as it is on `D|p`.
//!
//! Starts a server of its own, see `servers`.
#![expect(clippy::disallowed_methods, reason = "an oracle runs what the service never would")]

use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::Database;
use dialektai::predicate::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _, ValueRef as _};

use crate::servers::postgresql::Server;
use crate::tally::{Tally, sorted};
use crate::world::{self, Indexes, Outcome};

pub(crate) async fn execute(connection: &mut PgConnection, sql: &str) {
    let result =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).execute(connection).await;
    result.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// Rows as the server writes them in text.
pub(crate) async fn run(connection: &mut PgConnection, sql: &str) -> Outcome {
    let rows =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).fetch_all(connection).await;
    let rows = rows.map_err(|error| error.to_string())?;
    let value = |row: &sqlx::postgres::PgRow, index: usize| {
        let raw = row.try_get_raw(index).unwrap();
        if raw.is_null() { "NULL".to_owned() } else { format!("{:?}", raw.as_str().unwrap()) }
    };
    Ok(rows.iter().map(|row| (0..row.len()).map(|index| value(row, index)).collect()).collect())
}

/// Runs a guarded query as a prepared statement; the binds are literals of `EXECUTE`, outside of its text.
async fn run_guarded(connection: &mut PgConnection, query: &SelectSql) -> Outcome {
    let binds: Vec<String> = query
        .binds()
        .iter()
        .map(|bind| match bind {
            Value::Long(value) => value.to_string(),
            Value::String(value) => format!("'{}'", value.replace('\'', "''")),
            Value::Bool(value) => value.to_string(),
            Value::Datetime(value) => format!("to_timestamp({value} / 1000.0)"),
        })
        .collect();
    let prepared = run(connection, &format!("PREPARE guarded AS {}", query.text())).await;
    let arguments =
        if binds.is_empty() { String::new() } else { format!("({})", binds.join(", ")) };
    let outcome = match prepared {
        Ok(_) => run(connection, &format!("EXECUTE guarded{arguments}")).await,
        Err(error) => return Err(error),
    };
    execute(connection, "DEALLOCATE guarded").await;
    outcome
}

/// A copy of `shared` with only the rows that Cedar's own authorizer permits.
async fn restrict(
    server: &Server,
    name: &str,
    database: &Database,
    principal: &Principal,
) -> PgConnection {
    execute(
        &mut server.connect("postgres").await,
        &format!("CREATE DATABASE {name} TEMPLATE shared"),
    )
    .await;
    let mut connection = server.connect(name).await;
    execute(&mut connection, "SET session_replication_role = replica").await;
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
        execute(
            &mut connection,
            &format!("DELETE FROM {table} WHERE (CAST({key} AS TEXT) IN ({keys})) IS NOT TRUE"),
        )
        .await;
    }
    connection
}

#[tokio::test]
async fn fixtures_commute_on_postgresql() {
    let Some(server) = Server::start(&[]).await else { return };
    execute(&mut server.connect("postgres").await, "CREATE DATABASE shared").await;
    let mut shared = server.connect("shared").await;
    for file in ["schema.sql", "seed.sql"] {
        let text = std::fs::read_to_string(world::root().join("fixtures/demo").join(file)).unwrap();
        execute(&mut shared, &text).await;
    }
    drop(shared);
    let database = crate::rewrite::database(Dialect::Postgresql);
    let mut tally = Tally::default();
    for (index, principal) in world::principals().iter().enumerate() {
        let mut own = restrict(&server, &format!("own_{index}"), &database, principal).await;
        let mut shared = server.connect("shared").await;
        let filters = database.predicates_for(principal).unwrap();
        for query in world::fixture_queries("postgresql") {
            tally.queries += 1;
            let Ok(guarded) = guard_sql(&query, Dialect::Postgresql, &database.catalog, &filters)
            else {
                // A scoped caller has fewer relations.
                *tally.refused.entry("unknown_relation".to_owned()).or_default() += 1;
                continue;
            };
            let text = guarded.query().text();
            let expected = run(&mut own, &query).await;
            let actual = run_guarded(&mut shared, guarded.query()).await;
            if actual.is_err() != expected.is_err() {
                // See `commute`: which of the caller's own rows are looked at first is the engine's choice.
                tally.order_dependent += 1;
                let alone = run_guarded(&mut own, guarded.query()).await;
                assert_eq!(
                    sorted(&actual),
                    sorted(&alone),
                    "{principal:?}\n  query: {query}\n  guarded: {text}\n  {actual:?}\n  {alone:?}"
                );
                assert!(
                    guarded.query().fence().is_some(),
                    "{actual:?} {expected:?}\n  {query}\n  {text}"
                );
                continue;
            }
            assert_eq!(
                sorted(&actual),
                sorted(&expected),
                "{principal:?}\n  query: {query}\n  guarded: {text}"
            );
            match actual {
                Ok(rows) => tally.rows += rows.len(),
                Err(_) => tally.failed += 1,
            }
        }
    }
    tally.print("commutation on PostgreSQL");
    assert!(tally.rows > 1_000, "too few rows were compared");
}
