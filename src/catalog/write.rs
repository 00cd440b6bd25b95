//! `catalog.toml` as text.

use super::{Catalog, Column, ColumnName, Relation, RelationKind, Remarks};

impl Catalog {
    /// Writes the catalog as a `catalog.toml` that [`Catalog::parse`] reads back: one line a column, so that a
    /// changed column is one line of a diff.
    pub fn to_toml(&self) -> String {
        self.annotated(&Remarks::default())
    }

    /// As [`Catalog::to_toml`], with what there is to say about columns as comments.
    pub fn annotated(&self, remarks: &Remarks) -> String {
        let mut text = String::from(
            "# Written by `dialektai pull`. What is not here does not exist for any caller.\n",
        );
        text.push_str(&format!("default_schema = {}\n", quoted(&self.default_schema)));
        for relation in &self.relations {
            self.write(relation, remarks, &mut text);
        }
        text
    }

    fn write(&self, relation: &Relation, remarks: &Remarks, text: &mut String) {
        text.push_str(&format!("\n[[relation]]\nname = {}\n", quoted(&relation.name.name)));
        if relation.name.schema != self.default_schema {
            text.push_str(&format!("schema = {}\n", quoted(&relation.name.schema)));
        }
        if relation.kind == RelationKind::View {
            text.push_str("kind = \"view\"\n");
        }
        if relation.entity_type != relation.name.name {
            text.push_str(&format!("entity_type = {}\n", quoted(&relation.entity_type)));
        }
        if !relation.primary_key.is_empty() {
            text.push_str(&format!("primary_key = {}\n", names(&relation.primary_key)));
        }
        if !relation.unique.is_empty() {
            let keys: Vec<String> = relation.unique.iter().map(|key| names(key)).collect();
            text.push_str(&format!("unique = [{}]\n", keys.join(", ")));
        }
        if !relation.foreign_keys.is_empty() {
            text.push_str("foreign_keys = [\n");
            for key in &relation.foreign_keys {
                let named = key.name.as_deref().map(|name| format!(", name = {}", quoted(name)));
                text.push_str(&format!(
                    "    {{ columns = {}, references = {}, referenced_columns = {}{}{} }},\n",
                    names(&key.columns),
                    quoted(&key.references),
                    names(&key.referenced_columns),
                    named.unwrap_or_default(),
                    if key.enforced { ", enforced = true" } else { "" },
                ));
            }
            text.push_str("]\n");
        }
        text.push_str("columns = [\n");
        for column in &relation.columns {
            let remark = remarks.of(&relation.name, &column.name);
            let remark = remark.map_or(String::new(), |remark| format!("  # {remark}"));
            text.push_str(&format!("    {},{remark}\n", line(column)));
        }
        for (column, remark) in remarks.offered(&relation.name) {
            text.push_str(&format!("    # {},  # {remark}\n", line(column)));
        }
        text.push_str("]\n");
    }
}

fn line(column: &Column) -> String {
    let mut text = format!(
        "{{ name = {}, type = \"{}\", ",
        quoted(column.name.as_str()),
        column.column_type.name(),
    );
    if !column.declared.is_empty() {
        text.push_str(&format!("declared = {}, ", quoted(&column.declared)));
    }
    text.push_str(&format!("nullable = {}", column.nullable));
    if let Some(collation) = &column.collation {
        text.push_str(&format!(", collation = {}", quoted(collation)));
    }
    if column.array {
        text.push_str(", array = true");
    }
    text.push_str(" }");
    text
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn names(names: &[ColumnName]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name.as_str())).collect();
    format!("[{}]", names.join(", "))
}
