//! `dialektai pull`: the catalog and the Cedar schema of a live database, into its folder.

use std::io::Write;
use std::path::Path;

use super::output::{self, Failed};
use super::{folder, load};
use crate::catalog::{Catalog, PRINCIPAL_TYPE, Relation, Remarks, entity_type_for, keep_documents};
use crate::engine::{Engine, Introspected};
use crate::identity::DatabaseId;
use crate::policy::settings::{EngineKind, Settings};
use crate::policy::{generate, schema};

pub(super) async fn run(policies: &Path, id: &DatabaseId) -> Result<(), Failed> {
    let folder = folder(policies, id)?;
    let settings = Settings::load(&folder)
        .map_err(|error| Failed::new("invalid_settings", error.to_string()))?;
    let engine = Engine::open(&settings, &folder).await?;
    let Introspected { mut catalog, mut notes, mut remarks, .. } = engine.introspect().await?;
    if let Ok(text) = std::fs::read_to_string(folder.join("catalog.toml"))
        && let Ok(before) = Catalog::parse(&text)
    {
        keep_entity_types(&mut catalog, &before);
        keep_key_names(&mut catalog, &before);
        if settings.engine == EngineKind::Mongodb {
            keep_documents(&mut catalog, &before, &mut remarks);
        }
    }
    notes.extend(catalog.relations.iter().filter_map(|relation| offered(relation, &remarks)));
    // What cannot be read back is not written.
    let text = catalog.annotated(&remarks);
    Catalog::parse(&text).map_err(|error| Failed::new("invalid_catalog", error.to_string()))?;

    write(&folder, "catalog.toml", &text)?;
    write(&folder, "schema.cedarschema", &schema::cedarschema(&settings, &catalog))?;
    if !has_rules(&folder)? {
        create(&folder, "tenant.cedar", &generate::tenant_cedar(&settings, &catalog))?;
    }
    for note in notes {
        output::line(&format!("note: {note}"))?;
    }
    let count = catalog.relations.len();
    output::line(&format!("{count} relations in `{}`", folder.join("catalog.toml").display()))?;
    load(policies, id).map(drop)
}

/// The fields of a collection that are in the file as comments only.
fn offered(relation: &Relation, remarks: &Remarks) -> Option<String> {
    let offered = remarks.offered(&relation.name);
    let names: Vec<String> =
        offered.iter().map(|(column, _)| format!("`{}`", column.name)).collect();
    let name = &relation.name.name;
    (!names.is_empty()).then(|| {
        format!("fields of `{name}` stand in `catalog.toml` as comments: {}", names.join(", "))
    })
}

/// An author may have renamed an entity type, and policies use that name.
fn keep_entity_types(catalog: &mut Catalog, before: &Catalog) {
    let chosen = |relation: &Relation| {
        let old = before.relation(&relation.name)?;
        let derived = entity_type_for(&old.name, &before.default_schema);
        (old.entity_type != derived).then(|| old.entity_type.clone())
    };
    let names: Vec<String> = catalog
        .relations
        .iter()
        .map(|relation| chosen(relation).unwrap_or_else(|| relation.entity_type.clone()))
        .collect();
    // A new relation may have taken the name: then the derived ones stand, and loading says what is amiss.
    let mut distinct: Vec<&str> =
        names.iter().map(String::as_str).chain([PRINCIPAL_TYPE]).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != names.len() + 1 {
        return;
    }
    for (relation, name) in catalog.relations.iter_mut().zip(names) {
        relation.entity_type = name;
    }
}

/// An author may have named a foreign key, and policies use that name.
fn keep_key_names(catalog: &mut Catalog, before: &Catalog) {
    for relation in &mut catalog.relations {
        let Some(old) = before.relation(&relation.name) else { continue };
        for key in &mut relation.foreign_keys {
            let mut named = old.foreign_keys.iter().filter(|old| {
                old.columns == key.columns
                    && old.references == key.references
                    && old.referenced_columns == key.referenced_columns
            });
            key.name = named.find_map(|old| old.name.clone());
        }
    }
}

fn has_rules(folder: &Path) -> Result<bool, Failed> {
    for entry in std::fs::read_dir(folder)? {
        if entry?.path().extension().is_some_and(|extension| extension == "cedar") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Replaces a file as a whole, and leaves one alone that would stay the same.
fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failed> {
    let path = folder.join(name);
    if std::fs::read_to_string(&path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    temporary(folder, text)?.persist(&path).map_err(|error| error.error)?;
    output::line(&format!("wrote `{}`", path.display()))
}

/// Writes a file that is not there: someone's rules are never replaced, not even in a race.
fn create(folder: &Path, name: &str, text: &str) -> Result<(), Failed> {
    let path = folder.join(name);
    temporary(folder, text)?.persist_noclobber(&path).map_err(|error| error.error)?;
    output::line(&format!("wrote `{}`: a start for rules of your own", path.display()))
}

fn temporary(folder: &Path, text: &str) -> Result<tempfile::NamedTempFile, Failed> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".dialektai-");
    // A temporary file is private otherwise, and these are for everyone who may read the folder.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}
