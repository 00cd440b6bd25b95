//! What a SQL Server database holds, from its catalog views. A login sees there what it has some permission on.

mod queries;
mod role;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;

use queries::{InStar, KeyColumn, ListedColumn, Object, ObjectId, ObjectKind, ReferringColumn};

use super::connection::Connection;
use crate::catalog::{
    Catalog, Column, ColumnName, ForeignKey, Relation, RelationKind, RelationName, Remarks,
    entity_type_for,
};
use crate::engine::inspected::give_entity_types;
use crate::engine::{EngineError, Introspected};

/// Reads every table and view.
pub(super) async fn read(connection: &mut Connection) -> Result<Introspected, EngineError> {
    let me = role::Me::read(connection).await?;
    let default_schema = me.default_schema.clone();
    let mut notes = Vec::new();
    let mut kept: Vec<(Object, Relation)> = Vec::new();
    let mut columns = queries::columns(connection).await?;
    for object in queries::objects(connection).await? {
        let name = RelationName { schema: object.schema.clone(), name: object.name.clone() };
        let listed = columns.remove(&object.id).unwrap_or_default();
        if let Some(why) = left_out(&object, &listed) {
            notes.push(format!("`{name}` is left out: {why}"));
            continue;
        }
        let relation = Relation {
            entity_type: entity_type_for(&name, &default_schema),
            kind: if object.kind == ObjectKind::View {
                RelationKind::View
            } else {
                RelationKind::Table
            },
            columns: listed
                .iter()
                .filter(|column| column.in_star != InStar::Hidden)
                .map(|column| described(&object, column))
                .collect(),
            primary_key: Vec::new(),
            unique: Vec::new(),
            foreign_keys: Vec::new(),
            name,
        };
        kept.push((object, relation));
    }
    let indexes = add_keys(&mut kept, &queries::keys(connection).await?);
    add_foreign_keys(
        &mut kept,
        queries::foreign_keys(connection).await?,
        &default_schema,
        &mut notes,
    );
    let role = me.into_role(&kept);
    let mut relations: Vec<Relation> = kept.into_iter().map(|(_, relation)| relation).collect();
    give_entity_types(&mut relations);
    let catalog = Catalog { default_schema, relations, functions: Arc::default() };
    Ok(Introspected { catalog, notes, indexes, role: Some(role), remarks: Remarks::default() })
}

/// Why an object is no relation to ask about.
fn left_out(object: &Object, columns: &[ListedColumn]) -> Option<&'static str> {
    match object.kind {
        ObjectKind::Table | ObjectKind::View => {}
        ObjectKind::Synonym => return Some("it is a synonym"),
        ObjectKind::ChangeData => return Some("it belongs to change data capture"),
        ObjectKind::History => return Some("it is the history of another table"),
        ObjectKind::External => return Some("it is an external table"),
        ObjectKind::Graph => return Some("it is a graph table"),
        ObjectKind::MemoryOptimized => return Some("it is a memory-optimized table"),
    }
    if columns.iter().any(|column| column.in_star == InStar::ColumnSet) {
        return Some("it has a column set, for which `*` stands differently");
    }
    let empty = columns.iter().all(|column| column.in_star == InStar::Hidden);
    empty.then_some("it has no columns")
}

fn described(object: &Object, listed: &ListedColumn) -> Column {
    Column {
        name: ColumnName::new(&listed.name),
        column_type: if listed.encrypted {
            // The driver has no key: what arrives is the ciphertext.
            crate::catalog::ColumnType::Other
        } else {
            types::column_type(&listed.type_name)
        },
        declared: types::declared(listed),
        // A view says what its text allowed when it was made, not what its tables allow now.
        nullable: listed.nullable || object.kind == ObjectKind::View,
        collation: listed.collation.clone(),
        array: false,
    }
}

/// Adds primary and unique keys, and gives the columns of every index.
fn add_keys(
    kept: &mut [(Object, Relation)],
    keys: &BTreeMap<ObjectId, Vec<KeyColumn>>,
) -> BTreeMap<RelationName, Vec<Vec<ColumnName>>> {
    let mut indexes = BTreeMap::new();
    for (object, relation) in kept {
        let mut own: BTreeMap<i32, Vec<&KeyColumn>> = BTreeMap::new();
        for column in keys.get(&object.id).into_iter().flatten() {
            own.entry(column.index).or_default().push(column);
        }
        let mut all = Vec::new();
        for columns in own.into_values() {
            let names: Vec<ColumnName> =
                columns.iter().map(|column| ColumnName::new(&column.name)).collect();
            // A key over a hidden column is none to those who cannot name it.
            let whole = names.iter().all(|name| relation.column(name).is_some());
            if let Some(first) =
                columns.first().filter(|_| whole && object.kind != ObjectKind::View)
            {
                if first.primary {
                    relation.primary_key.clone_from(&names);
                } else if first.unique && !relation.unique.contains(&names) {
                    relation.unique.push(names.clone());
                }
            }
            all.push(names);
        }
        indexes.insert(relation.name.clone(), all);
    }
    indexes
}

fn add_foreign_keys(
    kept: &mut [(Object, Relation)],
    referring: Vec<ReferringColumn>,
    default_schema: &str,
    notes: &mut Vec<String>,
) {
    let names: BTreeMap<ObjectId, RelationName> =
        kept.iter().map(|(object, relation)| (object.id, relation.name.clone())).collect();
    let mut keys: BTreeMap<(ObjectId, ObjectId), Vec<ReferringColumn>> = BTreeMap::new();
    for column in referring {
        keys.entry((column.table, column.key)).or_default().push(column);
    }
    for ((table, _), columns) in keys {
        let Some((_, relation)) = kept.iter_mut().find(|(object, _)| object.id == table) else {
            continue;
        };
        let parent = columns.first().and_then(|column| names.get(&column.referenced));
        let whole = columns
            .iter()
            .all(|column| relation.column(&ColumnName::new(&column.column)).is_some());
        let (Some(parent), true) = (parent, whole) else {
            notes.push(format!(
                "a foreign key of `{}` is left out: it leads to what is not in the catalog",
                relation.name
            ));
            continue;
        };
        relation.foreign_keys.push(ForeignKey {
            columns: columns.iter().map(|column| ColumnName::new(&column.column)).collect(),
            references: if parent.schema == default_schema {
                parent.name.clone()
            } else {
                parent.to_string()
            },
            referenced_columns: columns
                .iter()
                .map(|column| ColumnName::new(&column.referenced_column))
                .collect(),
            name: None,
            enforced: columns.iter().all(|column| column.enforced),
        });
    }
}
