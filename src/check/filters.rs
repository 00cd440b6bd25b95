//! Whether the live columns that tenants and scopes are compared with can hold them, and whether an index serves.

use std::sync::Arc;

use super::{Finding, Matter};
use crate::catalog::{Catalog, ColumnName, ColumnType, Relation, RelationKind};
use crate::engine::Introspected;
use crate::guard::sql::Dialect;
use crate::identity::TenantIdType;
use crate::policy::Database;
use crate::policy::problem::Reason;
use crate::policy::schema::check_filter_columns;
use crate::policy::settings::{EngineKind, Settings};
use crate::predicate::Hop;

/// Looks at the live form of the relations that are listed: the others do not exist for any query.
pub(super) fn check(settings: &Settings, listed: &Catalog, live: &Introspected) -> Vec<Finding> {
    // Documents have what types they like, and a sample has some of them: the catalog says what filters are written for.
    let (of, other) = match settings.engine {
        EngineKind::Mongodb => (listed, &live.catalog),
        EngineKind::Sqlite | EngineKind::Postgresql | EngineKind::Mysql | EngineKind::Sqlserver => {
            (&live.catalog, listed)
        }
    };
    let served = Catalog {
        default_schema: of.default_schema.clone(),
        relations: of
            .relations
            .iter()
            .filter(|relation| other.relation(&relation.name).is_some())
            .cloned()
            .collect(),
        functions: Arc::default(),
    };
    let mut findings: Vec<Finding> =
        check_filter_columns(settings, &served).into_iter().map(placed).collect();
    let Some(column) = settings.tenant_filter_column.as_deref().map(ColumnName::new) else {
        return findings;
    };
    for relation in &served.relations {
        let Some(found) = relation.column(&column) else { continue };
        if uuid_as_text(settings, found.column_type) {
            findings.push(Finding::of_column(&relation.name, &column, Matter::UuidAsText));
        }
        let unseen =
            settings.engine == EngineKind::Mongodb && !live.indexes.contains_key(&relation.name);
        if unseen {
            findings.push(Finding::of_column(&relation.name, &column, Matter::IndexesUnseen));
        } else if relation.kind == RelationKind::Table && !is_indexed(relation, &column, live) {
            let statement = create_index(settings.engine, relation, &column);
            findings.push(Finding::of_column(
                &relation.name,
                &column,
                Matter::NoIndex { statement },
            ));
        }
    }
    findings
}

/// The parents' keys without an index: each row asks for its parent by it.
pub(super) fn keys(database: &Database, live: &Introspected) -> Vec<Finding> {
    let unindexed = |Hop { parent, key, .. }: Hop| {
        let relation = live.catalog.relation(&parent)?;
        // A key is an index, and on SQLite perhaps the table itself.
        let alone = std::slice::from_ref(&key);
        let indexed = relation.kind == RelationKind::View
            || relation.primary_key == alone
            || relation.unique.iter().any(|unique| unique == alone)
            || is_indexed(relation, &key, live);
        let statement = create_index(database.settings.engine, relation, &key);
        (!indexed).then(|| Finding::of_column(&parent, &key, Matter::NoKeyIndex { statement }))
    };
    let mut findings: Vec<Finding> = Vec::new();
    for finding in database.keys_followed().into_iter().filter_map(unindexed) {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

fn placed(reason: Reason) -> Finding {
    let (relation, column) = match &reason {
        Reason::FilterColumnType { relation, column, .. } => {
            (Some(relation.clone()), Some(column.clone()))
        }
        _ => (None, None),
    };
    Finding { relation, column, matter: Matter::FilterColumn(Box::new(reason)) }
}

/// Engines with a type for UUIDs keep one spelling of each; text keeps whatever was written.
fn uuid_as_text(settings: &Settings, found: ColumnType) -> bool {
    let has_type = match settings.engine {
        EngineKind::Postgresql | EngineKind::Sqlserver => true,
        EngineKind::Sqlite | EngineKind::Mysql | EngineKind::Mongodb => false,
    };
    settings.tenant_id_type == TenantIdType::Uuid && found == ColumnType::Text && has_type
}

fn is_indexed(relation: &Relation, column: &ColumnName, live: &Introspected) -> bool {
    let indexes = live.indexes.get(&relation.name).into_iter().flatten();
    indexes.into_iter().any(|columns| columns.first() == Some(column))
}

/// The statement that makes the index, in the engine's own quotes.
fn create_index(engine: EngineKind, relation: &Relation, column: &ColumnName) -> String {
    let dialect = match engine {
        EngineKind::Sqlite => Dialect::Sqlite,
        EngineKind::Postgresql => Dialect::Postgresql,
        EngineKind::Mysql => Dialect::Mysql,
        EngineKind::Sqlserver => Dialect::Mssql,
        EngineKind::Mongodb => {
            let collection = serde_json::Value::from(relation.name.name.as_str());
            let field = serde_json::Value::from(column.as_str());
            return format!("db.getCollection({collection}).createIndex({{ {field}: 1 }})");
        }
    };
    let (schema, name) = (&relation.name.schema, &relation.name.name);
    let index = dialect.quoted(&index_name(name, column));
    let (schema, table) = (dialect.quoted(schema), dialect.quoted(name));
    let declared = relation.column(column).map(|column| column.declared.to_ascii_lowercase());
    let mut column = dialect.quoted(column.as_str());
    if dialect == Dialect::Mysql && declared.is_some_and(|declared| declared.ends_with("text")) {
        // MySQL does not index the whole of such a column.
        column.push_str("(255)");
    }
    match dialect {
        // SQLite takes the schema with the index, whose table must be in the same one.
        Dialect::Sqlite => format!("CREATE INDEX {schema}.{index} ON {table} ({column});"),
        Dialect::Postgresql | Dialect::Mysql | Dialect::Mssql => {
            format!("CREATE INDEX {index} ON {schema}.{table} ({column});")
        }
    }
}

/// No engine's names are shorter than PostgreSQL's, of 63 bytes, and PostgreSQL cuts what is longer.
fn index_name(table: &str, column: &ColumnName) -> String {
    let mut name = format!("{table}_{column}");
    while name.len() > 63 {
        name.pop();
    }
    name
}
