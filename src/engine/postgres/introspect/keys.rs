//! Keys: primary, unique and foreign, and the indexes there are.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::catalog::{ColumnName, ForeignKey, Relation, RelationName};
use crate::engine::postgres::session;

/// The key columns of every index, one line each; an expression has no name.
const INDEXES: &str = "
SELECT i.indexrelid::int8, i.indrelid::int8, i.indisprimary,
    i.indisunique AND i.indimmediate AND NOT i.indisexclusion, i.indpred IS NULL, m.amname, a.attname
FROM pg_index AS i
JOIN pg_class AS x ON x.oid = i.indexrelid
JOIN pg_am AS m ON m.oid = x.relam
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place)
LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number AND a.attnum > 0
WHERE i.indisvalid AND k.place <= i.indnkeyatts
ORDER BY x.relname, i.indexrelid, k.place";

/// Foreign keys, one line a column. Those of partitions repeat their parent's; a temporal key (PostgreSQL 18) does not
/// compare for equality. One that is NOT VALID or NOT ENFORCED (PostgreSQL 18) holds for new rows or for none.
const FOREIGN: &str = "
SELECT c.oid::int8, c.conrelid::int8, c.confrelid::int8, own.attname, target.attname,
    n.nspname, t.relname,
    c.convalidated AND coalesce(to_jsonb(c) ->> 'conenforced', 'true') = 'true'
FROM pg_constraint AS c
CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS k (own, target, place)
JOIN pg_attribute AS own ON own.attrelid = c.conrelid AND own.attnum = k.own
JOIN pg_attribute AS target ON target.attrelid = c.confrelid AND target.attnum = k.target
JOIN pg_class AS t ON t.oid = c.confrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0
    AND coalesce(to_jsonb(c) ->> 'conperiod', 'false') = 'false'
ORDER BY c.conname, c.oid, k.place";

/// One index as it is read.
struct Index {
    relation: i64,
    primary: bool,
    unique: bool,
    whole: bool,
    method: String,
    parts: Vec<Option<ColumnName>>,
}

/// Gives relations their primary and unique keys, and tells of all indexes that find a value.
pub(super) async fn read(
    connection: &mut PgConnection,
    relations: &mut BTreeMap<i64, Relation>,
    inherited: &BTreeSet<i64>,
) -> Result<BTreeMap<RelationName, Vec<Vec<ColumnName>>>, sqlx::Error> {
    let mut found: Vec<(i64, Index)> = Vec::new();
    for row in session::rows(connection, INDEXES.to_owned()).await? {
        let oid: i64 = row.try_get(0)?;
        let part = row.try_get::<Option<String>, _>(6)?.map(ColumnName::new);
        match found.last_mut() {
            Some((last, index)) if *last == oid => index.parts.push(part),
            _ => {
                let index = Index {
                    relation: row.try_get(1)?,
                    primary: row.try_get(2)?,
                    unique: row.try_get(3)?,
                    whole: row.try_get(4)?,
                    method: row.try_get(5)?,
                    parts: vec![part],
                };
                found.push((oid, index));
            }
        }
    }
    let mut indexes: BTreeMap<RelationName, Vec<Vec<ColumnName>>> =
        relations.values().map(|relation| (relation.name.clone(), Vec::new())).collect();
    for (_, index) in found {
        let Some(relation) = relations.get_mut(&index.relation) else { continue };
        // A partial index knows some rows only.
        if !index.whole {
            continue;
        }
        let columns: Option<Vec<ColumnName>> = index.parts.iter().cloned().collect();
        let columns = columns.filter(|columns| listed(relation, columns));
        if let Some(columns) = columns
            && !inherited.contains(&index.relation)
        {
            if index.primary {
                relation.primary_key = columns;
            } else if index.unique && !relation.unique.contains(&columns) {
                relation.unique.push(columns);
            }
        }
        if matches!(index.method.as_str(), "btree" | "hash") {
            let columns: Vec<ColumnName> = index.parts.into_iter().map_while(|part| part).collect();
            let of_relation = indexes.entry(relation.name.clone()).or_default();
            of_relation.extend((!columns.is_empty()).then_some(columns));
        }
    }
    Ok(indexes)
}

/// Whether the role may read all of these columns.
fn listed(relation: &Relation, columns: &[ColumnName]) -> bool {
    columns.iter().all(|column| relation.column(column).is_some())
}

/// One foreign key as it is read.
struct Foreign {
    oid: i64,
    relation: i64,
    parent: i64,
    parent_name: RelationName,
    columns: Vec<ColumnName>,
    referenced: Vec<ColumnName>,
    enforced: bool,
}

/// Gives relations their foreign keys, as far as both ends are listed and one row at most is meant.
pub(super) async fn foreign(
    connection: &mut PgConnection,
    relations: &mut BTreeMap<i64, Relation>,
    inherited: &BTreeSet<i64>,
    default_schema: &str,
    notes: &mut Vec<String>,
) -> Result<(), sqlx::Error> {
    let mut found: Vec<Foreign> = Vec::new();
    for row in session::rows(connection, FOREIGN.to_owned()).await? {
        let oid: i64 = row.try_get(0)?;
        let column = ColumnName::new(row.try_get::<String, _>(3)?);
        let referenced = ColumnName::new(row.try_get::<String, _>(4)?);
        match found.last_mut() {
            Some(key) if key.oid == oid => {
                key.columns.push(column);
                key.referenced.push(referenced);
            }
            _ => found.push(Foreign {
                oid,
                relation: row.try_get(1)?,
                parent: row.try_get(2)?,
                parent_name: RelationName { schema: row.try_get(5)?, name: row.try_get(6)? },
                columns: vec![column],
                referenced: vec![referenced],
                enforced: row.try_get(7)?,
            }),
        }
    }
    for key in found {
        let Some(relation) = relations.get(&key.relation) else { continue };
        let parent = relations.get(&key.parent).filter(|_| !inherited.contains(&key.parent));
        let whole = !inherited.contains(&key.relation)
            && listed(relation, &key.columns)
            && parent.is_some_and(|parent| listed(parent, &key.referenced));
        if !whole {
            notes.push(format!(
                "a foreign key of `{}` to `{}` is left out: its columns are not all listed, or it names no one row",
                relation.name, key.parent_name
            ));
            continue;
        }
        let references = if key.parent_name.schema == default_schema {
            key.parent_name.name
        } else {
            key.parent_name.to_string()
        };
        let Some(relation) = relations.get_mut(&key.relation) else { continue };
        relation.foreign_keys.push(ForeignKey {
            columns: key.columns,
            references,
            referenced_columns: key.referenced,
            name: None,
            enforced: key.enforced,
        });
    }
    Ok(())
}
