//! A server with a database, a policy folder for it, and the service over that folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialektai::engine::{Cell, EngineError, Rows};
use dialektai::http::App;
use dialektai::policy::Database;
use dialektai::policy::generate::tenant_cedar;
use dialektai::policy::settings::Settings;
use dialektai::service::{Served, Service};
use dialektai::store::Store;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, SqlSafeStr as _};
use tempfile::TempDir;

pub(super) use crate::engines::asked::{Http, introspect, run};
use crate::servers::mariadb::Server;

/// The user that the engine is, and its password.
pub(super) const USER: &str = "reader";
pub(super) const PASSWORD: &str = "s3cret/:@";

pub(super) struct Site {
    pub(super) server: Server,
    pub(super) served: Arc<Served>,
    folder: TempDir,
}

/// Runs statements, which the service never would.
#[expect(clippy::disallowed_methods, reason = "a test prepares its database")]
pub(super) async fn execute(connection: &mut MySqlConnection, sql: &str) {
    let result =
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).execute(connection).await;
    result.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// One number that a query gives to the superuser.
#[expect(clippy::disallowed_methods, reason = "a test looks into its server")]
pub(super) async fn number(connection: &mut MySqlConnection, sql: &str) -> i64 {
    let text = AssertSqlSafe(sql.to_owned()).into_sql_str();
    sqlx::query_scalar(text).fetch_one(connection).await.unwrap()
}

impl Site {
    /// A server with the database `shop`, made by `script`, that every caller may read, within `limits` of
    /// `database.toml`.
    pub(super) async fn open(script: &str, limits: &str) -> Option<Self> {
        let server = Server::start(&[]).await?;
        Some(Self::on(server, script, limits, "ssl-mode=disabled").await)
    }

    pub(super) async fn on(server: Server, script: &str, limits: &str, parameters: &str) -> Self {
        let mut connection = server.connect("mysql").await;
        let mode =
            "SET GLOBAL log_bin_trust_function_creators = 1; SET sql_mode = 'NO_BACKSLASH_ESCAPES'";
        execute(&mut connection, mode).await;
        execute(&mut connection, "CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop").await;
        let user = format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'");
        execute(&mut connection, &user).await;
        execute(&mut connection, &format!("GRANT SELECT, EXECUTE ON shop.* TO '{USER}'@'%'")).await;
        execute(&mut connection, script).await;
        let folder = tempfile::tempdir().unwrap();
        let url = url(server.port, PASSWORD, parameters);
        let settings = settings(&url, limits);
        let catalog = introspect(&settings).await.unwrap().catalog;
        let place = folder.path().join("policies/shop");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("database.toml"), &settings).unwrap();
        std::fs::write(place.join("catalog.toml"), catalog.to_toml()).unwrap();
        let parsed = Settings::parse(&settings).unwrap();
        std::fs::write(place.join("tenant.cedar"), tenant_cedar(&parsed, &catalog)).unwrap();
        let open = Arc::new(Served::open(Database::load(&place).unwrap(), &place).await);
        assert_eq!(open.problem(), None);
        Self { server, served: open, folder }
    }

    pub(super) fn policies(&self) -> PathBuf {
        self.folder.path().join("policies")
    }

    /// Runs a query through the guard.
    pub(super) async fn run(&self, text: &str) -> Result<Rows, EngineError> {
        run(&self.served, text).await
    }

    /// The one value that a query gives.
    pub(super) async fn one(&self, text: &str) -> Cell {
        self.run(text).await.unwrap_or_else(|error| panic!("{error}: {text}")).rows[0][0].clone()
    }

    /// A connection as the superuser to the database.
    pub(super) async fn admin(&self) -> MySqlConnection {
        self.server.connect("shop").await
    }

    /// How many connections the engine has.
    pub(super) async fn connections(&self) -> i64 {
        let text =
            format!("SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = '{USER}'");
        number(&mut self.admin().await, &text).await
    }

    /// How many connections of the engine do something. Inside of a routine, one is its definer's.
    pub(super) async fn at_work(&self) -> i64 {
        let text = "SELECT count(*) FROM information_schema.PROCESSLIST \
                    WHERE DB = 'shop' AND ID <> CONNECTION_ID() AND COMMAND NOT IN ('Sleep', 'Connect')";
        number(&mut self.admin().await, text).await
    }

    /// Waits until connections of the engine do something, or until none does.
    pub(super) async fn until_at_work(&self, wanted: bool) {
        let started = Instant::now();
        while (self.at_work().await > 0) != wanted {
            assert!(started.elapsed() < Duration::from_secs(5), "at work is still not {wanted}");
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

/// The user's address.
pub(super) fn url(port: u16, password: &str, parameters: &str) -> String {
    let password = password.replace('/', "%2F").replace(':', "%3A").replace('@', "%40");
    format!("mysql://{USER}:{password}@127.0.0.1:{port}/shop?{parameters}")
}

pub(super) fn settings(url: &str, limits: &str) -> String {
    format!(
        "engine = \"mysql\"\nurl = \"{url}\"\nrequires_organization_scoping = false\n\
         [limits]\n{limits}\n"
    )
}
