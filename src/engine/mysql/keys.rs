//! Primary, unique and foreign keys, and indexes.

use std::collections::BTreeMap;

use sqlx::mysql::MySqlConnection;

use super::introspect::required;
use super::session::{fetch_all, text_at};
use crate::catalog::{ColumnName, ForeignKey, Relation, RelationName};

/// The columns of every index of a relation, in its order.
type Indexes = BTreeMap<RelationName, Vec<Vec<ColumnName>>>;

/// Gives the relations their keys, and returns their indexes.
pub(super) async fn read(
    wire: &mut MySqlConnection,
    relations: &mut [Relation],
    notes: &mut Vec<String>,
) -> Result<Indexes, sqlx::Error> {
    let mut indexes = indexes(wire).await?;
    let mut foreign = foreign_keys(wire).await?;
    let listed: Vec<RelationName> =
        relations.iter().map(|relation| relation.name.clone()).collect();
    let mut all = BTreeMap::new();
    for relation in relations {
        let own = indexes.remove(&relation.name.name).unwrap_or_default();
        for index in &own {
            let Some(columns) = index.key(relation) else { continue };
            match index.name.as_str() {
                "PRIMARY" => relation.primary_key = columns,
                _ if !relation.unique.contains(&columns) => relation.unique.push(columns),
                _ => {}
            }
        }
        let leading = own.iter().map(Index::leading).filter(|columns| !columns.is_empty());
        all.insert(relation.name.clone(), leading.collect());
        for key in foreign.remove(&relation.name.name).unwrap_or_default() {
            let visible = key.columns.iter().all(|column| relation.column(column).is_some());
            let there =
                listed.iter().any(|name| name.schema == key.schema && name.name == key.references);
            if visible && there {
                relation.foreign_keys.push(ForeignKey {
                    columns: key.columns,
                    references: key.references,
                    referenced_columns: key.referenced_columns,
                    name: None,
                    // Rows that were loaded under `foreign_key_checks = 0`, as dumps are, were never looked at, and
                    // nothing tells of it: <https://mariadb.com/kb/en/foreign-keys/>.
                    enforced: false,
                });
            } else {
                notes.push(format!(
                    "a foreign key of `{}` to `{}` is left out: it names no key there",
                    relation.name.name, key.references
                ));
            }
        }
    }
    Ok(all)
}

/// One index; a part is `None` where the index holds an expression or the beginning of a column only.
struct Index {
    name: String,
    unique: bool,
    parts: Vec<Option<ColumnName>>,
}

impl Index {
    /// The columns that identify a row.
    fn key(&self, relation: &Relation) -> Option<Vec<ColumnName>> {
        let columns: Option<Vec<ColumnName>> = self.parts.iter().cloned().collect();
        columns
            .filter(|columns| self.unique && columns.iter().all(|c| relation.column(c).is_some()))
    }

    /// The columns that it can be searched by.
    fn leading(&self) -> Vec<ColumnName> {
        self.parts.iter().map_while(Clone::clone).collect()
    }
}

async fn indexes(wire: &mut MySqlConnection) -> Result<BTreeMap<String, Vec<Index>>, sqlx::Error> {
    let text = "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS \
                WHERE TABLE_SCHEMA = DATABASE() AND INDEX_TYPE IN ('BTREE', 'HASH') \
                ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";
    let mut indexes: BTreeMap<String, Vec<Index>> = BTreeMap::new();
    for row in fetch_all(wire, text).await? {
        let (table, name) = (required(&row, 0)?, required(&row, 1)?);
        let part = text_at(&row, 3)?.filter(|_| text_at(&row, 4).is_ok_and(|cut| cut.is_none()));
        let unique = required(&row, 2)? == "0";
        let of_table = indexes.entry(table).or_default();
        if of_table.last().is_none_or(|index| index.name != name) {
            of_table.push(Index { name, unique, parts: Vec::new() });
        }
        if let Some(index) = of_table.last_mut() {
            index.parts.push(part.map(ColumnName::new));
        }
    }
    Ok(indexes)
}

/// A foreign key as the server lists it, one line a column.
struct RawForeignKey {
    name: String,
    schema: String,
    references: String,
    columns: Vec<ColumnName>,
    referenced_columns: Vec<ColumnName>,
}

async fn foreign_keys(
    wire: &mut MySqlConnection,
) -> Result<BTreeMap<String, Vec<RawForeignKey>>, sqlx::Error> {
    let text = "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, \
                REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
                WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL \
                ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION";
    let mut keys: BTreeMap<String, Vec<RawForeignKey>> = BTreeMap::new();
    for row in fetch_all(wire, text).await? {
        let (table, name) = (required(&row, 0)?, required(&row, 1)?);
        let of_table = keys.entry(table).or_default();
        if of_table.last().is_none_or(|key| key.name != name) {
            of_table.push(RawForeignKey {
                name,
                schema: required(&row, 3)?,
                references: required(&row, 4)?,
                columns: Vec::new(),
                referenced_columns: Vec::new(),
            });
        }
        if let Some(key) = of_table.last_mut() {
            key.columns.push(ColumnName::new(required(&row, 2)?));
            key.referenced_columns.push(ColumnName::new(required(&row, 5)?));
        }
    }
    Ok(keys)
}
