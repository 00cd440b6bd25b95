//! `catalog.toml` read, written and refused.

use super::*;

const ODD: &str = r#"
default_schema = "main"

[[relation]]
name = "order items"
primary_key = ["id"]
unique = [["sku", "line"]]
foreign_keys = [
    { columns = ["sku"], references = "skus", referenced_columns = ["id"] },
    { columns = ["line"], references = "lines", referenced_columns = ["id"], name = "the line", enforced = true },
]
columns = [
    { name = "id", type = "integer", declared = "INTEGER", nullable = false },
    { name = "line", type = "integer", nullable = true },
    { name = "sku", type = "text", nullable = false, collation = "NOCASE" },
    { name = 'say "hi"', type = "other", nullable = true },
]

[[relation]]
name = "Principal"
kind = "view"
schema = "other"
columns = [{ name = "x", type = "timestamp", nullable = true }]
"#;

#[test]
fn reads_back_what_it_writes() {
    let catalog = Catalog::parse(ODD).unwrap();
    assert_eq!(Catalog::parse(&catalog.to_toml()).unwrap(), catalog);
    let types: Vec<&str> = catalog.relations.iter().map(|r| r.entity_type.as_str()).collect();
    assert_eq!(types, ["order_items", "other_Principal"]);
}

#[test]
fn refuses_what_would_be_ambiguous() {
    let twice = ODD.replace("\"line\"", "\"id\"");
    assert!(matches!(Catalog::parse(&twice), Err(CatalogError::DuplicateColumn { .. })));
    let taken = ODD.replace("kind = \"view\"", "entity_type = \"order_items\"");
    assert!(matches!(Catalog::parse(&taken), Err(CatalogError::DuplicateEntityType { .. })));
    let unknown = ODD.replace("primary_key = [\"id\"]", "primary_key = [\"nope\"]");
    assert!(matches!(Catalog::parse(&unknown), Err(CatalogError::UnknownKeyColumn { .. })));
    let typo = ODD.replace("nullable = true }", "nulable = true }");
    assert!(matches!(Catalog::parse(&typo), Err(CatalogError::Toml(_))));
}
