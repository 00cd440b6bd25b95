//! A server with a database, a policy folder for it, and the service over that folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialektai::engine::{EngineError, Rows};
use dialektai::http::App;
use dialektai::policy::Database;
use dialektai::policy::generate::tenant_cedar;
use dialektai::policy::settings::Settings;
use dialektai::service::{Served, Service};
use dialektai::store::Store;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, SqlSafeStr as _};
use tempfile::TempDir;

pub(super) use crate::engines::asked::{Http, introspect, run};
use crate::servers::postgresql::Server;

/// The role that the engine has, and its password.
pub(super) const ROLE: &str = "reader";
pub(super) const PASSWORD: &str = "s3cret/:@";

pub(super) struct Site {
    pub(super) server: Server,
    pub(super) served: Arc<Served>,
    folder: TempDir,
}

/// Runs statements, which the service never would.
#[expect(clippy::disallowed_methods, reason = "a test prepares its database")]
pub(super) async fn execute(connection: &mut PgConnection, sql: &str) {
    let result =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).execute(connection).await;
    result.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// One number that a query gives to the superuser.
#[expect(clippy::disallowed_methods, reason = "a test looks into its server")]
pub(super) async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    let text = AssertSqlSafe(sql.to_owned()).into_sql_str();
    sqlx::query_scalar(text).fetch_one(connection).await.unwrap()
}

/// An array of numbers that a query gives to the superuser.
#[expect(clippy::disallowed_methods, reason = "a test looks into its server")]
pub(super) async fn numbers(connection: &mut PgConnection, sql: &str) -> Vec<i64> {
    let text = AssertSqlSafe(sql.to_owned()).into_sql_str();
    sqlx::query_scalar(text).fetch_one(connection).await.unwrap()
}

impl Site {
    /// A server with the database `shop`, made by `script`, that every caller may read, within `limits` of
    /// `database.toml`.
    pub(super) async fn open(script: &str, limits: &str) -> Option<Self> {
        let server = Server::start(&[]).await?;
        Some(Self::on(server, script, limits, "sslmode=disable").await)
    }

    pub(super) async fn on(server: Server, script: &str, limits: &str, parameters: &str) -> Self {
        let mut connection = server.connect("postgres").await;
        let role = format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'");
        execute(&mut connection, &role).await;
        execute(&mut connection, "CREATE DATABASE shop").await;
        let mut connection = server.connect("shop").await;
        execute(&mut connection, script).await;
        let grant = format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}");
        execute(&mut connection, &grant).await;
        let folder = tempfile::tempdir().unwrap();
        let url = url(server.port, PASSWORD, parameters);
        let settings = settings(&url, limits);
        let catalog = introspect(&settings).await.unwrap().catalog;
        let place = folder.path().join("policies/shop");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("database.toml"), &settings).unwrap();
        std::fs::write(place.join("catalog.toml"), catalog.to_toml()).unwrap();
        let rules = tenant_cedar(&Settings::parse(&settings).unwrap(), &catalog);
        std::fs::write(place.join("tenant.cedar"), rules).unwrap();
        let database = Database::load(&place).unwrap();
        let site = Self { server, served: Arc::new(Served::open(database, &place).await), folder };
        assert_eq!(site.served.problem(), None);
        site
    }

    pub(super) fn policies(&self) -> PathBuf {
        self.folder.path().join("policies")
    }

    /// Runs a query through the guard.
    pub(super) async fn run(&self, text: &str) -> Result<Rows, EngineError> {
        run(&self.served, text).await
    }

    /// A connection as the superuser to the database.
    pub(super) async fn admin(&self) -> PgConnection {
        self.server.connect("shop").await
    }

    /// How many connections the engine has.
    pub(super) async fn connections(&self) -> i64 {
        let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dialektai'";
        number(&mut self.admin().await, text).await
    }

    /// Waits until no connection of the engine does anything.
    pub(super) async fn quiet(&self) {
        let text = "SELECT count(*) FROM pg_stat_activity \
                    WHERE application_name = 'dialektai' AND state <> 'idle'";
        let mut admin = self.admin().await;
        let started = Instant::now();
        while number(&mut admin, text).await > 0 {
            assert!(started.elapsed() < Duration::from_secs(5), "the server still works");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The service over the same folder, behind its HTTP API.
    pub(super) async fn http(&self) -> Http {
        let store = Store::open(&self.folder.path().join("store.sqlite")).await.unwrap();
        let key = store.create_key("test").await.unwrap().secret;
        let service = Service::load(&self.policies()).await.unwrap();
        Http { app: Arc::new(App { service, store }), key }
    }
}

/// The role's address.
pub(super) fn url(port: u16, password: &str, parameters: &str) -> String {
    let password = password.replace('/', "%2F").replace(':', "%3A").replace('@', "%40");
    format!("postgres://{ROLE}:{password}@127.0.0.1:{port}/shop?{parameters}")
}

pub(super) fn settings(url: &str, limits: &str) -> String {
    format!(
        "engine = \"postgresql\"\nurl = \"{url}\"\nrequires_organization_scoping = false\n\
         [limits]\n{limits}\n"
    )
}
