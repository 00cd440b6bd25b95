//! How the live database differs from `catalog.toml`.

use std::collections::BTreeSet;

use super::{Finding, Matter};
use crate::catalog::{Catalog, Column, ColumnName, ForeignKey, Relation};
use crate::policy::settings::EngineKind;

/// Compares what is listed with what is there.
pub(super) fn check(engine: EngineKind, listed: &Catalog, live: &Catalog) -> Vec<Finding> {
    let mut findings = Vec::new();
    if listed.default_schema != live.default_schema {
        findings.push(Finding::of_database(Matter::DefaultSchema {
            listed: listed.default_schema.clone(),
            live: live.default_schema.clone(),
        }));
    }
    for relation in &listed.relations {
        match live.relation(&relation.name) {
            // A sample proves nothing about a field that is listed: documents are counted instead.
            Some(found) if engine == EngineKind::Mongodb => {
                Comparison { engine, listed: relation, live: found }.new_columns(&mut findings);
            }
            Some(found) => {
                Comparison { engine, listed: relation, live: found }.check(&mut findings);
            }
            None => findings.push(Finding::of_relation(&relation.name, Matter::RelationGone)),
        }
    }
    for relation in &live.relations {
        if listed.relation(&relation.name).is_none() {
            findings.push(Finding::of_relation(&relation.name, Matter::RelationNew));
        }
    }
    findings
}

/// One relation, as it is listed and as it is.
struct Comparison<'a> {
    engine: EngineKind,
    listed: &'a Relation,
    live: &'a Relation,
}

impl Comparison<'_> {
    fn check(&self, findings: &mut Vec<Finding>) {
        let name = &self.listed.name;
        let (listed, live) = (self.listed, self.live);
        if listed.kind != live.kind {
            let matter = Matter::Kind { listed: listed.kind, live: live.kind };
            findings.push(Finding::of_relation(name, matter));
        }
        for column in &listed.columns {
            match live.column(&column.name) {
                Some(found) => {
                    let matters = changes(self.engine, column, found).into_iter();
                    findings.extend(
                        matters.map(|matter| Finding::of_column(name, &column.name, matter)),
                    );
                }
                None => findings.push(Finding::of_column(name, &column.name, Matter::ColumnGone)),
            }
        }
        self.new_columns(findings);
        if self.reordered() {
            findings.push(Finding::of_relation(name, Matter::ColumnOrder));
        }
        if listed.primary_key != live.primary_key {
            let matter = Matter::PrimaryKey {
                listed: listed.primary_key.clone(),
                live: live.primary_key.clone(),
            };
            findings.push(Finding::of_relation(name, matter));
        }
        if keys(&listed.unique) != keys(&live.unique) {
            findings.push(Finding::of_relation(name, Matter::UniqueKeys));
        }
        if foreign_keys(&listed.foreign_keys) != foreign_keys(&live.foreign_keys) {
            findings.push(Finding::of_relation(name, Matter::ForeignKeys));
        }
    }

    fn new_columns(&self, findings: &mut Vec<Finding>) {
        for column in &self.live.columns {
            if self.listed.column(&column.name).is_none() {
                findings.push(Finding::of_column(
                    &self.listed.name,
                    &column.name,
                    Matter::ColumnNew,
                ));
            }
        }
    }

    /// Whether the columns that both have stand in another order.
    fn reordered(&self) -> bool {
        let shared = |of: &Relation, other: &Relation| -> Vec<ColumnName> {
            let names = of.columns.iter().map(|column| &column.name);
            names.filter(|name| other.column(name).is_some()).cloned().collect()
        };
        shared(self.listed, self.live) != shared(self.live, self.listed)
    }
}

/// What has changed about a column that is still there.
fn changes(engine: EngineKind, listed: &Column, live: &Column) -> Vec<Matter> {
    let mut matters = Vec::new();
    // A column whose type Cedar does not have is no attribute, so no policy can rely on it.
    let attribute = listed.is_attribute();
    if listed.column_type != live.column_type {
        matters.push(Matter::ColumnType { listed: listed.column_type, live: live.column_type });
    } else if listed.declared != live.declared {
        // Emission compares a `char` otherwise than a `varchar`; lengths are all the same to it.
        let renamed = without_lengths(&listed.declared) != without_lengths(&live.declared);
        let relied_on = renamed && attribute && engine != EngineKind::Sqlite;
        let (listed, live) = (listed.declared.clone(), live.declared.clone());
        matters.push(Matter::DeclaredType { listed, live, relied_on });
    }
    if listed.nullable != live.nullable {
        matters.push(Matter::Nullability { nullable: live.nullable, attribute });
    }
    if listed.collation != live.collation {
        let (listed, live) = (listed.collation.clone(), live.collation.clone());
        matters.push(Matter::Collation { listed, live });
    }
    matters
}

/// A declared type without what stands in parentheses, in lower case.
fn without_lengths(declared: &str) -> String {
    let mut depth = 0_usize;
    let mut kept = String::new();
    for c in declared.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => kept.extend(c.to_lowercase()),
            _ => {}
        }
    }
    kept.trim_end().to_owned()
}

/// Keys in any order, which is what they are declared in.
fn keys(keys: &[Vec<ColumnName>]) -> BTreeSet<&[ColumnName]> {
    keys.iter().map(Vec::as_slice).collect()
}

/// What the database says of keys; their names are the author's.
fn foreign_keys(keys: &[ForeignKey]) -> BTreeSet<(&[ColumnName], &str, &[ColumnName], bool)> {
    keys.iter()
        .map(|ForeignKey { columns, references, referenced_columns, name: _, enforced }| {
            (columns.as_slice(), references.as_str(), referenced_columns.as_slice(), *enforced)
        })
        .collect()
}
