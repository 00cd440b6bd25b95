//! `dialektai schema`: the Cedar schema that the settings and the catalog give, for editors. Needs no live database, and no
//! policies that load: an editor is where they are mended.

use std::path::Path;

use clap::Args;

use super::folder;
use super::output::{self, Failed};
use crate::catalog::Catalog;
use crate::identity::DatabaseId;
use crate::policy::schema;
use crate::policy::settings::Settings;

/// The file that editors look for, beside the policies.
const FILE: &str = "schema.cedarschema";

#[derive(Args)]
pub(super) struct SchemaArgs {
    /// The folder's name.
    #[arg(value_name = "DATABASE")]
    database: DatabaseId,
    /// Writes it into the folder as `schema.cedarschema`.
    #[arg(long)]
    write: bool,
}

pub(super) fn run(policies: &Path, args: &SchemaArgs) -> Result<(), Failed> {
    let folder = folder(policies, &args.database)?;
    let settings = Settings::load(&folder)
        .map_err(|error| Failed::new("invalid_settings", error.to_string()))?;
    let catalog = std::fs::read_to_string(folder.join("catalog.toml"))?;
    let catalog = Catalog::parse(&catalog)
        .map_err(|error| Failed::new("invalid_catalog", error.to_string()))?;
    let text = schema::cedarschema(&settings, &catalog);
    if !args.write {
        return output::line(text.trim_end());
    }
    let path = folder.join(FILE);
    std::fs::write(&path, text)?;
    output::line(&format!("wrote `{}`", path.display()))
}
