//! The commutation oracle on PostgreSQL: every fixture, guarded on the shared database and as it is on `D|p`.
//!
//! Starts a server of its own in a temporary folder. Without PostgreSQL's programs the test says that it left them
//! out, unless `DIALEKTAI_TEST_REQUIRE` names `postgresql`.
#![expect(clippy::disallowed_methods, reason = "an oracle runs what the service never would")]

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::Database;
use dialektai::predicate::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, SqlSafeStr as _, ValueRef as _};

use crate::tally::{Tally, sorted};
use crate::world::{self, Indexes, Outcome};

/// A server that is stopped when it is dropped.
struct Server {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where Debian keeps the programs, newest version last; or the PATH.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH")?));
    folders.sort();
    folders
        .into_iter()
        .rfind(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// A command as a user that PostgreSQL accepts: it refuses to run as root.
fn command(program: &Path) -> Command {
    if numeric_id("-u", None) != 0 {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn numeric_id(flag: &str, user: Option<&str>) -> u32 {
    let output = Command::new("id").arg(flag).args(user).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

impl Server {
    async fn start(programs: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("dialektai-postgresql-").tempdir().unwrap();
        if numeric_id("-u", None) == 0 {
            let owner = (numeric_id("-u", Some("postgres")), numeric_id("-g", Some("postgres")));
            chown(folder.path(), Some(owner.0), Some(owner.1)).unwrap();
        }
        let data = folder.path().join("data");
        let made = command(&programs.join("initdb"))
            .args([
                "--auth=trust",
                "--username=postgres",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "-D",
            ])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = command(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", "unix_socket_directories="])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port, _folder: folder };
        for _ in 0..100 {
            if server.options("postgres").connect().await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("PostgreSQL did not start");
    }

    fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username("postgres")
            .database(database)
            .ssl_mode(PgSslMode::Disable)
    }

    async fn connect(&self, database: &str) -> PgConnection {
        self.options(database).connect().await.unwrap()
    }
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    let result =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).execute(connection).await;
    result.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// Rows as the server writes them in text.
async fn run(connection: &mut PgConnection, sql: &str) -> Outcome {
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
    let Some(programs) = programs() else {
        let required = std::env::var("DIALEKTAI_TEST_REQUIRE").unwrap_or_default();
        assert!(!required.contains("postgresql"), "PostgreSQL is required and not installed");
        eprintln!(
            "left out: PostgreSQL is not installed, so its rewritings are compared in shape only"
        );
        return;
    };
    let server = Server::start(&programs).await;
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
