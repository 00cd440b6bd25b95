//! The SQL Server engine against a double of the server, and against a real one where there is one.

mod faults;
mod introspection;
mod live;
mod session;
mod values;

use std::sync::Arc;

use dialektai::engine::{Engine, EngineError, Rows};
use dialektai::guard::Guarded;
use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::policy::Database;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::servers::tds::Double;
use crate::servers::tds::script::Script;
use crate::world;

const CATALOG: &str = r#"
default_schema = "dbo"
[[relation]]
name = "things"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
    { name = "region", type = "text", declared = "nvarchar(20)", nullable = false, collation = "Latin1_General_100_CI_AS" },
    { name = "active", type = "boolean", nullable = false },
    { name = "payload", type = "other", nullable = true },
]
"#;

/// A double, and an engine that was opened for it.
struct Case {
    double: Double,
    engine: Arc<Engine>,
    database: Arc<Database>,
    folder: TempDir,
}

/// What differs between cases besides the script.
struct Differing {
    limits: &'static str,
    login: &'static str,
    parameters: &'static str,
    catalog: String,
}

impl Default for Differing {
    fn default() -> Self {
        Self {
            limits: "milliseconds = 3000",
            login: "reader:p%40ss%20word",
            parameters: "encrypt=danger_plaintext",
            catalog: CATALOG.to_owned(),
        }
    }
}

impl Case {
    async fn new(script: Script) -> Self {
        Self::with(script, Differing::default()).await
    }

    async fn with(script: Script, differing: Differing) -> Self {
        let double = Double::start(script).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop");
        std::fs::create_dir(&path).unwrap();
        let Differing { limits, login, parameters, catalog } = differing;
        let port = double.port;
        let settings = format!(
            "engine = \"sqlserver\"\nurl = \"sqlserver://{login}@127.0.0.1:{port}/shop?{parameters}\"\n\
             tenant_filter_column = \"customer_id\"\n[limits]\n{limits}\n"
        );
        std::fs::write(path.join("database.toml"), settings).unwrap();
        std::fs::write(path.join("catalog.toml"), catalog).unwrap();
        let policy = "@id(\"tenant\")\npermit (principal, action == Action::\"read\", resource)\n\
             when { resource has customer_id && resource.customer_id == principal.tenant };";
        std::fs::write(path.join("tenant.cedar"), policy).unwrap();
        let database = Arc::new(Database::load(&path).unwrap());
        let engine = Arc::new(Engine::open(&database.settings, &path).await.unwrap());
        Self { double, engine, database, folder }
    }

    /// Replaces the one policy.
    fn policy(&mut self, policy: &str) {
        let path = self.folder.path().join("shop");
        std::fs::write(path.join("tenant.cedar"), policy).unwrap();
        self.database = Arc::new(Database::load(&path).unwrap());
    }

    fn guard(&self, query: &str) -> Guarded<SelectSql> {
        let filters = self.database.predicates_for(&world::principal(82, None)).unwrap();
        guard_sql(query, Dialect::Mssql, &self.database.catalog, &filters)
            .unwrap_or_else(|refusal| panic!("{query}: {refusal}"))
    }

    async fn ask(&self, query: &str) -> Result<Rows, EngineError> {
        self.engine.run(&self.guard(query), &self.database.catalog).await
    }

    /// Runs a query whose answer the script holds.
    async fn run(&self) -> Result<Rows, EngineError> {
        self.ask("SELECT payload FROM things").await
    }

    /// The same, by somebody who may be made to leave.
    fn run_apart(&self) -> JoinHandle<Result<Rows, EngineError>> {
        let (engine, database) = (Arc::clone(&self.engine), Arc::clone(&self.database));
        let guarded = self.guard("SELECT payload FROM things");
        tokio::spawn(async move { engine.run(&guarded, &database.catalog).await })
    }
}
