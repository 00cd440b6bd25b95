//! A server with a database of two tenants, policies for it, and the engine.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::{Document, doc};
use dialektai::engine::{Engine, EngineError, Rows};
use dialektai::guard::mongo::guard_mongo;
use dialektai::policy::{Database, Sources};

use crate::servers::mongodb::{Server, insert, run};
use crate::world;

/// The tenants of the documents, by turns.
pub(super) const TENANTS: [i64; 2] = [82, 7];

const CATALOG: &str = r#"
default_schema = "shop"

[[relation]]
name = "n"
primary_key = ["_id"]
columns = [
    { name = "_id", type = "integer", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
    { name = "i", type = "integer", nullable = false },
    { name = "x", type = "text", nullable = false },
    { name = "kind", type = "other", nullable = true },
    { name = "tags", type = "text", nullable = true, array = true },
]
"#;

const TENANT: &str = r#"
@id("tenant")
permit (principal, action == Action::"read", resource)
when { resource has customer_id && resource.customer_id == principal.tenant };
"#;

/// Runs for ever, as far as a test is concerned.
pub(super) const RUNAWAY: &str = "db.n.find({ $expr: { $lt: [{ $reduce: { input: { $range: [0, 100000] }, \
     initialValue: 0, in: { $add: ['$$value', '$$this'] } } }, 0] } })";

pub(super) struct Site {
    pub(super) server: Server,
    pub(super) database: Arc<Database>,
    pub(super) engine: Arc<Engine>,
}

/// The policies of the database at an address, within limits of `database.toml`.
pub(super) fn database(url: &str, limits: &str) -> Database {
    let settings = format!(
        "engine = \"mongodb\"\nurl = \"{url}\"\ntenant_filter_column = \"customer_id\"\n[limits]\n{limits}\n"
    );
    let policies = vec![("tenant.cedar".to_owned(), TENANT.to_owned())];
    let sources = Sources { settings, catalog: CATALOG.to_owned(), policies };
    Database::from_sources("shop".parse().unwrap(), &sources).unwrap()
}

pub(super) async fn engine(database: &Database) -> Result<Engine, EngineError> {
    Engine::open(&database.settings, Path::new(".")).await
}

/// Four thousand documents, whose `i` count up through both tenants.
pub(super) async fn fill(server: &Server) {
    let documents: Vec<Document> = (0..4_000_i32)
        .map(|i| {
            let tenant = TENANTS[usize::from(i % 2 == 1)];
            let mut document =
                doc! { "_id": i, "customer_id": tenant, "i": i, "x": "x".repeat(100) };
            if i % 3 == 0 {
                document.insert("kind", i % 9);
            }
            if i < 8 {
                document.insert("tags", vec!["all".to_owned(), format!("of {tenant}")]);
            }
            document
        })
        .collect();
    insert(&server.database("shop").await, "n", &documents).await;
}

impl Site {
    pub(super) async fn open(limits: &str) -> Option<Self> {
        let server = Server::start(&["--sync-on-commit"]).await?;
        fill(&server).await;
        let database = database(&server.url("shop"), limits);
        let engine = engine(&database).await.unwrap();
        Some(Self { server, database: Arc::new(database), engine: Arc::new(engine) })
    }

    /// Runs a query of a tenant through the guard.
    pub(super) async fn run_as(&self, tenant: i64, text: &str) -> Result<Rows, EngineError> {
        ask(&self.engine, &self.database, tenant, text).await
    }

    pub(super) async fn run(&self, text: &str) -> Result<Rows, EngineError> {
        self.run_as(TENANTS[0], text).await
    }

    /// The server's open cursors, once they are none or after a while.
    pub(super) async fn cursors(&self) -> i64 {
        let admin = self.server.database("admin").await;
        let started = Instant::now();
        loop {
            let status = run(&admin, doc! { "serverStatus": 1 }).await;
            let cursor = status.get_document("metrics").unwrap().get_document("cursor").unwrap();
            let total = cursor.get_document("open").unwrap().get("total").unwrap().clone();
            let total = total.as_i64().or(total.as_i32().map(i64::from)).unwrap();
            if total == 0 || started.elapsed() > Duration::from_secs(3) {
                return total;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

pub(super) async fn ask(
    engine: &Engine,
    database: &Database,
    tenant: i64,
    text: &str,
) -> Result<Rows, EngineError> {
    let filters = database.predicates_for(&world::principal(tenant, None)).unwrap();
    let guarded = guard_mongo(text, &database.catalog, &filters);
    let guarded = guarded.unwrap_or_else(|refusal| panic!("{refusal}: {text}"));
    engine.command(&guarded).await
}
