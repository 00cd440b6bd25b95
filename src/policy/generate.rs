//! The rules that a folder starts with, written once for the author to own.

use crate::catalog::{Catalog, ColumnName};

use super::schema::{access, present};
use super::settings::Settings;

/// The text of the `tenant.cedar` that `pull` writes into a folder without policies.
///
/// It says in Cedar what `database.toml` says in settings, and loads without problems wherever those settings do.
pub fn tenant_cedar(settings: &Settings, catalog: &Catalog) -> String {
    let mut text = match &settings.tenant_filter_column {
        Some(column) => tenant(settings, &ColumnName::new(column), catalog),
        None => OPEN.to_owned(),
    };
    if let Some(column) = &settings.scope_filter_column {
        text.push('\n');
        text.push_str(&scope(settings, &ColumnName::new(column)));
    }
    text
}

const OPEN: &str = "\
// Every caller reads every row: `requires_organization_scoping` is off in database.toml.
// Narrow it by adding `when { .. }` here, or policies that forbid.
@id(\"open\")
permit (principal, action == Action::\"read\", resource);
";

fn tenant(settings: &Settings, column: &ColumnName, catalog: &Catalog) -> String {
    let without: Vec<&str> = catalog
        .relations
        .iter()
        .filter(|relation| relation.column(column).is_none())
        .map(|relation| relation.entity_type.as_str())
        .collect();
    let mut text = String::from(
        "// A caller reads the rows of its own tenant.\n\
         // A relation without the column is not readable until a policy permits it, for example\n\
         //   @id(\"currencies\") permit (principal, action == Action::\"read\", resource is currencies);\n",
    );
    if !without.is_empty() {
        text.push_str(&format!("// Not readable now: {}.\n", without.join(", ")));
    }
    text.push_str(&format!(
        "@id(\"tenant\")\n\
         permit (principal, action == Action::\"read\", resource)\n\
         when {{ resource has {} && {} == principal.tenant }};\n",
        present(settings, column),
        access(settings, column),
    ));
    text
}

fn scope(settings: &Settings, column: &ColumnName) -> String {
    format!(
        "// A caller with a scope reads the rows of that scope only.\n\
         // A relation without the column is closed to such callers. To open one, say currencies, write\n\
         //   unless {{ resource is currencies || resource has .. }}\n\
         @id(\"scope\")\n\
         forbid (principal, action == Action::\"read\", resource)\n\
         when {{ principal has scope }}\n\
         unless {{ resource has {} && {} == principal.scope }};\n",
        present(settings, column),
        access(settings, column),
    )
}
