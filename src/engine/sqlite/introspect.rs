//! What a SQLite database holds, from its own pragmas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row};

use crate::catalog::{
    Catalog, Column, ColumnName, ForeignKey, Relation, RelationKind, RelationName, Remarks,
    entity_type_for,
};
use crate::engine::Introspected;
use crate::engine::declared::sqlite_type;
use crate::engine::inspected::give_entity_types;

/// The schema of a SQLite database's own relations.
const SCHEMA: &str = "main";

/// The collation of a column whose collation this connection does not know: treated like any that is not bytewise.
const UNKNOWN_COLLATION: &str = "UNKNOWN";

/// One line of `pragma_table_list`.
struct Listed {
    name: String,
    kind: String,
    without_rowid: bool,
}

/// Reads every table and view.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Introspected, sqlx::Error> {
    let mut relations = Vec::new();
    let mut notes = Vec::new();
    for listed in list(connection).await? {
        let kind = match listed.kind.as_str() {
            "table" => RelationKind::Table,
            "view" => RelationKind::View,
            "virtual" => {
                notes.push(format!("virtual table `{}` is left out", listed.name));
                continue;
            }
            // The tables behind a virtual table.
            "shadow" => continue,
            other => {
                notes.push(format!("`{}` is left out: it is a {other}", listed.name));
                continue;
            }
        };
        match relation(connection, &listed, kind).await {
            Ok(relation) if relation.columns.is_empty() => {
                notes.push(format!("`{}` is left out: it has no columns", listed.name));
            }
            Ok(relation) => relations.push(relation),
            Err(error) if kind == RelationKind::View && error.as_database_error().is_some() => {
                notes.push(format!("view `{}` is left out: it cannot be read", listed.name));
            }
            Err(error) => return Err(error),
        }
    }
    let parents: BTreeMap<String, (String, Vec<ColumnName>)> = relations
        .iter()
        .map(|relation| {
            let name = relation.name.name.clone();
            (name.to_ascii_lowercase(), (name, relation.primary_key.clone()))
        })
        .collect();
    for relation in &mut relations {
        relation.foreign_keys = foreign_keys(connection, relation, &parents, &mut notes).await?;
    }
    give_entity_types(&mut relations);
    let mut all = BTreeMap::new();
    for relation in &relations {
        all.insert(relation.name.clone(), indexes(connection, relation).await?);
    }
    let catalog =
        Catalog { default_schema: SCHEMA.to_owned(), relations, functions: Arc::default() };
    Ok(Introspected { catalog, notes, indexes: all, role: None, remarks: Remarks::default() })
}

/// The columns of every index, the primary key's included; an expression ends the list of one.
#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
async fn indexes(
    connection: &mut SqliteConnection,
    relation: &Relation,
) -> Result<Vec<Vec<ColumnName>>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pragma_index_list(?1, 'main') WHERE partial = 0 ORDER BY name",
    )
    .bind(relation.name.name.clone())
    .fetch_all(&mut *connection)
    .await?;
    let mut indexes = vec![relation.primary_key.clone()];
    for name in names {
        let parts = index_parts(connection, name).await?;
        indexes.push(parts.into_iter().map_while(|part| part.map(ColumnName::new)).collect());
    }
    indexes.retain(|columns| !columns.is_empty());
    Ok(indexes)
}

/// The key columns of an index; `None` for a key over an expression, which has no name.
#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
async fn index_parts(
    connection: &mut SqliteConnection,
    index: String,
) -> Result<Vec<Option<String>>, sqlx::Error> {
    // `key` is 0 for the columns that an index only carries.
    sqlx::query_scalar(
        "SELECT name FROM pragma_index_xinfo(?1, 'main') WHERE key = 1 ORDER BY seqno",
    )
    .bind(index)
    .fetch_all(connection)
    .await
}

#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
async fn list(connection: &mut SqliteConnection) -> Result<Vec<Listed>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT name, type, wr FROM pragma_table_list \
         WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Listed {
                name: row.try_get(0)?,
                kind: row.try_get(1)?,
                without_rowid: row.try_get(2)?,
            })
        })
        .collect()
}

/// One line of `pragma_table_xinfo`.
struct Described {
    name: String,
    declared: String,
    not_null: bool,
    key_position: i64,
}

async fn relation(
    connection: &mut SqliteConnection,
    listed: &Listed,
    kind: RelationKind,
) -> Result<Relation, sqlx::Error> {
    let described = describe(connection, &listed.name).await?;
    let mut key: Vec<&Described> = described.iter().filter(|c| c.key_position > 0).collect();
    key.sort_by_key(|column| column.key_position);
    let keys = unique_keys(connection, &listed.name).await?;
    // The one primary key without an index is the alias of the rowid, and the one in a rowid table that cannot be
    // NULL without saying so. Its declared type is not enough: `INTEGER PRIMARY KEY DESC` is no alias.
    let rowid_alias = match key.as_slice() {
        [only] if kind == RelationKind::Table && !listed.without_rowid && !keys.primary_indexed => {
            Some(only.name.clone())
        }
        _ => None,
    };
    let primary_key = key.iter().map(|column| ColumnName::new(&column.name)).collect();
    let mut columns = Vec::new();
    for column in &described {
        let nullable = kind == RelationKind::View
            || !(column.not_null || rowid_alias.as_ref() == Some(&column.name));
        columns.push(Column {
            name: ColumnName::new(&column.name),
            column_type: sqlite_type(&column.declared),
            declared: column.declared.clone(),
            nullable,
            collation: collation(connection, &listed.name, &column.name).await?,
            array: false,
        });
    }
    let name = RelationName { schema: SCHEMA.to_owned(), name: listed.name.clone() };
    Ok(Relation {
        entity_type: entity_type_for(&name, SCHEMA),
        name,
        kind,
        columns,
        primary_key,
        unique: keys.unique,
        foreign_keys: Vec::new(),
    })
}

#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
async fn describe(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<Vec<Described>, sqlx::Error> {
    // `hidden` is 1 for columns that `*` does not give, 2 and 3 for generated ones, which it does give.
    let rows = sqlx::query(
        "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
    )
    .bind(table.to_owned())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Described {
                name: row.try_get(0)?,
                declared: row.try_get(1)?,
                not_null: row.try_get(2)?,
                key_position: row.try_get(3)?,
            })
        })
        .collect()
}

/// The unique keys of a table besides its primary key.
struct UniqueKeys {
    unique: Vec<Vec<ColumnName>>,
    /// Whether the primary key has an index of its own.
    primary_indexed: bool,
}

#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
async fn unique_keys(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<UniqueKeys, sqlx::Error> {
    let indexes = sqlx::query(
        "SELECT name, origin FROM pragma_index_list(?1, 'main') \
         WHERE \"unique\" = 1 AND partial = 0 ORDER BY name",
    )
    .bind(table.to_owned())
    .fetch_all(&mut *connection)
    .await?;
    let mut keys = UniqueKeys { unique: Vec::new(), primary_indexed: false };
    for index in &indexes {
        let (name, origin): (String, String) = (index.try_get(0)?, index.try_get(1)?);
        if origin == "pk" {
            keys.primary_indexed = true;
            continue;
        }
        let parts = index_parts(connection, name).await?;
        let columns: Option<Vec<ColumnName>> =
            parts.into_iter().map(|part| part.map(ColumnName::new)).collect();
        keys.unique.extend(columns.filter(|columns| !keys.unique.contains(columns)));
    }
    Ok(keys)
}

/// The collation of a column, or `None` where strings compare byte by byte.
///
/// No pragma tells it. SQLite itself does: the program for `max(column)` names the collation it compares by, and that
/// holds for columns of views too. A view's own comparisons may add a name, never hide one.
#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
async fn collation(
    connection: &mut SqliteConnection,
    table: &str,
    column: &str,
) -> Result<Option<String>, sqlx::Error> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let text = format!("EXPLAIN SELECT max({}) FROM \"main\".{}", quoted(column), quoted(table));
    let program = match sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(connection).await {
        Ok(program) => program,
        // Of an extension that is not loaded: nothing can be said about it.
        Err(error) if error.as_database_error().is_some() => {
            return Ok(Some(UNKNOWN_COLLATION.to_owned()));
        }
        Err(error) => return Err(error),
    };
    let mut names = BTreeSet::new();
    for step in &program {
        if step.try_get::<String, _>("opcode")? == "CollSeq" {
            let shown: String = step.try_get("p4")?;
            // Shown as `NOCASE-8`: the name and the encoding.
            let name = shown.rsplit_once('-').map_or(shown.as_str(), |(name, _)| name);
            names.insert(name.to_ascii_uppercase());
        }
    }
    if names.is_empty() {
        return Ok(Some(UNKNOWN_COLLATION.to_owned()));
    }
    Ok(names.into_iter().find(|name| name != "BINARY"))
}

/// One key of `pragma_foreign_key_list`, whose lines are one column each.
#[derive(Default)]
struct RawForeignKey {
    parent: String,
    columns: Vec<ColumnName>,
    named: Vec<Option<ColumnName>>,
}

#[expect(clippy::disallowed_methods, reason = "the engine is where queries run")]
async fn foreign_keys(
    connection: &mut SqliteConnection,
    relation: &Relation,
    parents: &BTreeMap<String, (String, Vec<ColumnName>)>,
    notes: &mut Vec<String>,
) -> Result<Vec<ForeignKey>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, 'main') ORDER BY id, seq",
    )
    .bind(relation.name.name.clone())
    .fetch_all(connection)
    .await?;
    let mut by_id: BTreeMap<i64, RawForeignKey> = BTreeMap::new();
    for row in &rows {
        let (parent, from): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        let to: Option<String> = row.try_get(3)?;
        let key = by_id.entry(row.try_get(0)?).or_default();
        key.parent = parent;
        key.columns.push(ColumnName::new(from));
        key.named.push(to.map(ColumnName::new));
    }
    let mut keys = Vec::new();
    for key in by_id.into_values() {
        let known = parents.get(&key.parent.to_ascii_lowercase());
        let named: Option<Vec<ColumnName>> = key.named.into_iter().collect();
        // Without names, the parent's primary key is meant.
        let target = known.and_then(|(_, primary)| named.or_else(|| Some(primary.clone())));
        match (known, target) {
            (Some((references, _)), Some(target)) if target.len() == key.columns.len() => {
                keys.push(ForeignKey {
                    columns: key.columns,
                    references: references.clone(),
                    referenced_columns: target,
                    name: None,
                    // Each connection decides for itself whether it minds: <https://www.sqlite.org/foreignkeys.html#fk_enable>.
                    enforced: false,
                });
            }
            _ => notes.push(format!(
                "a foreign key of `{}` to `{}` is left out: it names no key there",
                relation.name.name, key.parent
            )),
        }
    }
    Ok(keys)
}
