//! The Cedar schema that is derived from the catalog: what policies are validated against, and what editors read.

use std::fmt::Write as _;

use cedar_policy::Schema;

use crate::catalog::{
    Catalog, CedarType, Column, ColumnName, PRINCIPAL_TYPE, Relation, RelationName, entity_type_for,
};
use crate::identity::TenantIdType;

use super::problem::Reason;
use super::related::{Followed, Hops};
use super::settings::{EngineKind, Settings};

/// The only action.
pub(super) const ACTION: &str = "read";

/// The columns that a query touches, in the context of its action.
pub(crate) const COLUMNS: &str = "columns";

/// The text of `schema.cedarschema`.
///
/// A relation is an entity type and its columns are the attributes, required exactly where the column is NOT NULL.
/// Columns whose type Cedar does not have are left out: no policy can read them. A foreign key to one row is an attribute
/// of that row's type.
pub fn cedarschema(settings: &Settings, catalog: &Catalog) -> String {
    let mut text = String::from("// Derived from catalog.toml by `dialektai pull`.\n");
    text.push_str(&format!("entity {PRINCIPAL_TYPE} = {{\n"));
    if settings.requires_organization_scoping {
        let tenant = tenant_type(settings.tenant_id_type).name();
        text.push_str(&format!("  tenant: {tenant},\n"));
    }
    text.push_str("  scope?: String,\n");
    for (name, claim) in &settings.claims {
        text.push_str(&format!("  {name}?: {},\n", claim.cedar_name()));
    }
    text.push_str("};\n");
    let hops = Hops::of(catalog, settings.engine);
    for relation in &catalog.relations {
        text.push_str(&format!("\nentity {} = {{\n", relation.entity_type));
        let documents = settings.engine == EngineKind::Mongodb;
        for column in &relation.columns {
            if !(documents && column.name.as_str().contains('.')) {
                text.push_str(&declaration(relation, column, column.name.as_str(), "  "));
            }
        }
        for Followed { hop, required } in hops.from(&relation.name) {
            let Some(parent) = hops.parent(hop) else { continue };
            let attribute = attribute(&ColumnName::new(&hop.name));
            let optional = if *required { "" } else { "?" };
            text.push_str(&format!("  {attribute}{optional}: {},\n", parent.entity_type));
        }
        text.push_str("};\n");
    }
    let relations: Vec<&str> =
        catalog.relations.iter().map(|relation| relation.entity_type.as_str()).collect();
    text.push_str(&format!(
        "\naction \"{ACTION}\" appliesTo {{\n  principal: [{PRINCIPAL_TYPE}],\n  resource: [{}],\n  context: {{ columns: Set<String> }},\n}};\n",
        relations.join(", ")
    ));
    text
}

/// The attribute of a column, under its name in the document that holds it; of a document, a record, and of an array of
/// values, a set.
fn declaration(relation: &Relation, column: &Column, name: &str, indent: &str) -> String {
    let optional = if column.nullable { "?" } else { "" };
    let attribute = attribute(&ColumnName::new(name));
    if let Some(cedar) = column.cedar() {
        return format!("{indent}{attribute}{optional}: {},\n", cedar.name());
    }
    if let Some(element) = column.elements() {
        return format!("{indent}{attribute}{optional}: Set<{}>,\n", element.name());
    }
    if !column.is_document() {
        return String::new();
    }
    let inside = format!("{}.", column.name);
    let deeper = format!("{indent}  ");
    let fields: String = relation
        .columns
        .iter()
        .filter_map(|field| {
            let own = field.name.as_str().strip_prefix(&inside)?;
            (!own.contains('.')).then(|| declaration(relation, field, own, &deeper))
        })
        .collect();
    format!("{indent}{attribute}{optional}: {{\n{fields}{indent}}},\n")
}

/// The Cedar type of `principal.tenant`.
pub(super) fn tenant_type(id_type: TenantIdType) -> CedarType {
    match id_type {
        TenantIdType::Integer => CedarType::Long,
        TenantIdType::Uuid | TenantIdType::String => CedarType::String,
    }
}

/// The validated form of [`cedarschema`].
pub(super) fn derive(settings: &Settings, catalog: &Catalog) -> Result<Schema, Vec<Reason>> {
    if catalog.relations.is_empty() {
        return Err(vec![Reason::NoRelations]);
    }
    // Checked before the name is put into the schema's text.
    let unusable: Vec<Reason> = catalog
        .relations
        .iter()
        .filter(|relation| !is_entity_type(relation, &catalog.default_schema))
        .map(|relation| Reason::EntityType {
            relation: relation.name.clone(),
            entity_type: relation.entity_type.clone(),
        })
        .collect();
    if !unusable.is_empty() {
        return Err(unusable);
    }
    match Schema::from_cedarschema_str(&cedarschema(settings, catalog)) {
        Ok((schema, _warnings)) => Ok(schema),
        Err(error) => Err(vec![Reason::Schema(error.to_string())]),
    }
}

/// A name is usable where the derivation of names would leave it as it is.
fn is_entity_type(relation: &Relation, default_schema: &str) -> bool {
    let name = relation.entity_type.clone();
    let as_relation = RelationName { schema: default_schema.to_owned(), name };
    !relation.entity_type.is_empty()
        && entity_type_for(&as_relation, default_schema) == relation.entity_type
}

/// Whether the columns that the settings name exist, and can hold the ids that they are compared with.
pub fn check_filter_columns(settings: &Settings, catalog: &Catalog) -> Vec<Reason> {
    let tenant = (
        "tenant_filter_column",
        &settings.tenant_filter_column,
        tenant_type(settings.tenant_id_type),
        format!("tenants, each {}", settings.tenant_id_type.describe()),
    );
    let scope = (
        "scope_filter_column",
        &settings.scope_filter_column,
        CedarType::String,
        "scopes, each a string".to_owned(),
    );
    let mut reasons = Vec::new();
    for (setting, column, expected, ids) in [tenant, scope] {
        let Some(column) = column else { continue };
        let name = ColumnName::new(column);
        let mut exists = false;
        for relation in &catalog.relations {
            let Some(found) = relation.column(&name) else { continue };
            exists = true;
            if found.cedar() != Some(expected) {
                reasons.push(Reason::FilterColumnType {
                    setting,
                    relation: relation.name.clone(),
                    column: name.clone(),
                    found: if found.array { "array" } else { found.column_type.name() },
                    ids: ids.clone(),
                });
            }
        }
        if !exists {
            reasons.push(Reason::FilterColumnMissing { setting, column: column.clone() });
        }
    }
    reasons
}

/// A column's name as an attribute in a schema, after `has` and in a record: quoted where it is not an identifier.
pub(crate) fn attribute(column: &ColumnName) -> String {
    if is_identifier(column.as_str()) { column.to_string() } else { quoted(column.as_str()) }
}

/// A column's name after `has`; on MongoDB a path, `document.field`.
pub(crate) fn present(settings: &Settings, column: &ColumnName) -> String {
    if is_path(settings, column) { column.to_string() } else { attribute(column) }
}

fn is_path(settings: &Settings, column: &ColumnName) -> bool {
    settings.engine == EngineKind::Mongodb && column.as_str().split('.').all(is_identifier)
}

/// A column of the resource in an expression: `resource.name`, or `resource["odd name"]`.
pub(crate) fn access(settings: &Settings, column: &ColumnName) -> String {
    if is_identifier(column.as_str()) || is_path(settings, column) {
        format!("resource.{column}")
    } else {
        format!("resource[{}]", quoted(column.as_str()))
    }
}

/// Cedar's identifiers, less its reserved words.
/// <https://docs.cedarpolicy.com/policies/syntax-grammar.html#grammar-ident>
pub(super) fn is_identifier(text: &str) -> bool {
    const RESERVED: [&str; 10] =
        ["true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"];
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !RESERVED.contains(&text)
}

/// A string literal of Cedar, whose escapes are those of Rust.
pub(crate) fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            c if c.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(literal, "\\u{{{:x}}}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}
