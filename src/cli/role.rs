//! `dialektai check --role`: what makes a role that may do no more than it must.

use std::path::Path;

use super::load;
use super::output::{self, Failed};
use crate::catalog::Relation;
use crate::engine::{Engine, create_role};
use crate::identity::DatabaseId;
use crate::policy::settings::EngineKind;

/// On MongoDB a command, from the folder alone; on the servers of SQL statements, which depend on what is there.
pub(super) async fn run(policies: &Path, id: &DatabaseId) -> Result<(), Failed> {
    let (database, folder) = load(policies, id)?;
    if database.settings.engine == EngineKind::Mongodb {
        let permitted = |relation: &&Relation| database.is_permitted(relation);
        let collections: Vec<&str> = database
            .catalog
            .relations
            .iter()
            .filter(permitted)
            .map(|relation| relation.name.name.as_str())
            .collect();
        return output::line(&create_role(&database.catalog.default_schema, &collections));
    }
    let engine = Engine::open(&database.settings, &folder).await?;
    let Some(role) = engine.introspect().await?.role else {
        let message = "the database is a file and has no roles: give the service a file that it may only read";
        return Err(Failed::new("no_roles", message));
    };
    role.grants.iter().try_for_each(|statement| output::line(statement))
}
