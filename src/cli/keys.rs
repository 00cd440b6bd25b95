//! `dialektai keys`: the secrets of the backends that call this service.

use std::path::Path;

use clap::Subcommand;

use super::output::{self, Failed};
use crate::store::Store;

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Makes a key and prints it: it is shown only now.
    Create {
        /// What to call it.
        #[arg(long, value_name = "NAME", default_value = "")]
        name: String,
    },
    /// Lists the keys.
    List,
    /// Ends a key.
    Revoke {
        /// As `list` shows it.
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(super) async fn run(store: &Path, command: KeysCommand) -> Result<(), Failed> {
    let store = Store::open(store).await?;
    match command {
        // The key alone, so that `KEY=$(dialektai keys create)` is all it takes.
        KeysCommand::Create { name } => output::line(&store.create_key(&name).await?.secret),
        KeysCommand::List => {
            for key in store.keys().await? {
                let state =
                    key.revoked_at.map_or("active".to_owned(), |at| format!("revoked {at}"));
                let name = key.name.escape_debug();
                output::line(&format!(
                    "{}\t{}...\t{}\t{state}\t{name}",
                    key.id, key.prefix, key.created_at
                ))?;
            }
            Ok(())
        }
        KeysCommand::Revoke { id } => Ok(store.revoke_key(&id).await?),
    }
}
