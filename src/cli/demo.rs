//! `dialektai demo`: everything at once, and nothing that stays.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::output::{self, Failed};
use super::serve;
use crate::http::App;
use crate::policy::{Database, Sources};
use crate::service::{Served, Service};
use crate::store::Store;

/// The demo's policies as they are in the repository, for a binary that was installed without it.
const SETTINGS: &str = include_str!("../../policies/demo/database.toml");
const CATALOG: &str = include_str!("../../policies/demo/catalog.toml");
const POLICIES: [(&str, &str); 2] = [
    ("shared.cedar", include_str!("../../policies/demo/shared.cedar")),
    ("tenant.cedar", include_str!("../../policies/demo/tenant.cedar")),
];

pub(super) async fn run(policies: &Path, listen: SocketAddr) -> Result<(), Failed> {
    let folder = policies.join("demo");
    let served = Served::open(database(&folder)?, &folder).await;
    if let Some(problem) = served.problem() {
        return Err(problem.into());
    }
    // Held until the end: the keys of a demo go away with it.
    let temporary = tempfile::Builder::new().prefix("dialektai-demo-store-").tempdir()?;
    let store = Store::open(&temporary.path().join("store.sqlite")).await?;
    let key = store.create_key("demo").await?.secret;
    let listener = serve::bind(listen).await?;
    output::line(&welcome(listener.local_addr()?, &key))?;
    serve::until_told(listener, Arc::new(App { service: Service::of(served), store })).await
}

/// The folder on disk, where an operator may be trying things; otherwise the embedded files.
fn database(folder: &Path) -> Result<Database, Failed> {
    let loaded = if folder.join("database.toml").is_file() {
        Database::load(folder)
    } else {
        let id = "demo".parse().map_err(|_| Failed::new("internal_error", "the demo has no id"))?;
        let policies =
            POLICIES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let sources =
            Sources { settings: SETTINGS.to_owned(), catalog: CATALOG.to_owned(), policies };
        Database::from_sources(id, &sources)
    };
    loaded.map_err(|error| Failed::new("invalid_policies", error.to_string()))
}

fn welcome(address: SocketAddr, key: &str) -> String {
    let curl = |tenant: &str, scope: &str, message: &str| {
        let scope = if scope.is_empty() {
            String::new()
        } else {
            format!("  -H 'X-Scope-Id: {scope}' \\\n")
        };
        format!(
            "curl -X POST http://{address}/api/v1/chat/message \\\n\
             \x20 -H 'Authorization: Bearer {key}' \\\n\
             \x20 -H 'X-Tenant-Id: {tenant}' \\\n\
             {scope}\
             \x20 -H 'Content-Type: application/json' \\\n\
             \x20 -d '{{\"message\": \"{message}\", \"database_id\": \"demo\"}}'"
        )
    };
    format!(
        "listening on http://{address}\n\
         key: {key}\n\
         \n\
         # The projects of tenant 82:\n{}\n\
         \n\
         # The tasks of one of its users:\n{}\n",
        curl("82", "", "Show all projects"),
        curl("82", "user-john-456", "Show my tasks"),
    )
}
