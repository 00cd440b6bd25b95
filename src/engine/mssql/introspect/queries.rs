//! The texts that read the catalog views, and a struct for the rows of each. They hold for SQL Server 2017 and later.

use std::collections::BTreeMap;

use tiberius::Row;

use crate::engine::EngineError;
use crate::engine::mssql::connection::{self, Connection};
use crate::engine::mssql::failure;

/// `object_id` of a database.
pub(super) type ObjectId = i32;

/// A table, view or what looks like one.
pub(super) struct Object {
    pub(super) id: ObjectId,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) kind: ObjectKind,
    /// Whether the login may change its rows.
    pub(super) writable: bool,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectKind {
    Table,
    View,
    Synonym,
    ChangeData,
    History,
    External,
    Graph,
    MemoryOptimized,
}

impl ObjectKind {
    /// From `type` of `sys.objects`, the schema, and what `sys.tables` says.
    fn of(kind: &str, schema: &str, row: &Row) -> Option<Self> {
        let is = |index: usize| row.try_get::<bool, _>(index).ok()?;
        let (history, memory, external, graph) = (is(4)?, is(5)?, is(6)?, is(7)?);
        Some(match kind {
            "V" => Self::View,
            "SN" => Self::Synonym,
            _ if schema == "cdc" => Self::ChangeData,
            _ if history => Self::History,
            _ if external || kind == "ET" => Self::External,
            _ if graph => Self::Graph,
            _ if memory => Self::MemoryOptimized,
            "U" => Self::Table,
            _ => return None,
        })
    }
}

/// <https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-tables-transact-sql>
const OBJECTS: &str = "SELECT o.object_id, s.name, o.name, CAST(RTRIM(o.type) AS nvarchar(2)), \
     CAST(CASE WHEN t.temporal_type = 1 THEN 1 ELSE 0 END AS bit), \
     CAST(COALESCE(t.is_memory_optimized, 0) AS bit), CAST(COALESCE(t.is_external, 0) AS bit), \
     CAST(CASE WHEN t.is_node = 1 OR t.is_edge = 1 THEN 1 ELSE 0 END AS bit), \
     CAST(CASE WHEN may.inserts = 1 OR may.updates = 1 OR may.deletes = 1 THEN 1 ELSE 0 END AS bit) \
     FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id \
     LEFT JOIN sys.tables AS t ON t.object_id = o.object_id \
     CROSS APPLY (SELECT QUOTENAME(s.name) + N'.' + QUOTENAME(o.name) AS name) AS quoted \
     CROSS APPLY (SELECT HAS_PERMS_BY_NAME(quoted.name, N'OBJECT', N'INSERT') AS inserts, \
     HAS_PERMS_BY_NAME(quoted.name, N'OBJECT', N'UPDATE') AS updates, \
     HAS_PERMS_BY_NAME(quoted.name, N'OBJECT', N'DELETE') AS deletes) AS may \
     WHERE o.type IN ('U', 'V', 'SN', 'ET') AND (o.is_ms_shipped = 0 OR s.name = N'cdc') \
     ORDER BY s.name, o.name";

pub(super) async fn objects(connection: &mut Connection) -> Result<Vec<Object>, EngineError> {
    read(connection, OBJECTS, |row| {
        let schema = text(row, 1)?;
        Some(Object {
            id: row.try_get(0).ok()??,
            kind: ObjectKind::of(&text(row, 3)?, &schema, row)?,
            schema,
            name: text(row, 2)?,
            writable: row.try_get(8).ok()??,
        })
    })
    .await
}

/// A column, as it is declared.
pub(super) struct ListedColumn {
    pub(super) name: String,
    /// The type, or the one that an alias type stands for.
    pub(super) type_name: String,
    /// In bytes; -1 for `max`.
    pub(super) max_length: i16,
    pub(super) precision: u8,
    pub(super) scale: u8,
    pub(super) nullable: bool,
    /// Present exactly for character types.
    pub(super) collation: Option<String>,
    pub(super) in_star: InStar,
    /// Always Encrypted.
    pub(super) encrypted: bool,
}

/// How a column stands in `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InStar {
    AsItself,
    /// Left out: a period column of a temporal table that says so.
    Hidden,
    /// In place of the table's sparse columns.
    ColumnSet,
}

/// <https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-columns-transact-sql>
const COLUMNS: &str = "SELECT c.object_id, c.name, \
     COALESCE(CASE WHEN t.is_user_defined = 1 AND t.is_assembly_type = 0 THEN TYPE_NAME(c.system_type_id) \
     ELSE t.name END, N''), \
     c.max_length, c.precision, c.scale, c.is_nullable, c.collation_name, CAST(c.is_hidden AS bit), \
     CAST(c.is_column_set AS bit), CAST(CASE WHEN c.encryption_type IS NULL THEN 0 ELSE 1 END AS bit) \
     FROM sys.columns AS c JOIN sys.objects AS o ON o.object_id = c.object_id \
     LEFT JOIN sys.types AS t ON t.user_type_id = c.user_type_id \
     WHERE o.type IN ('U', 'V', 'ET') ORDER BY c.object_id, c.column_id";

pub(super) async fn columns(
    connection: &mut Connection,
) -> Result<BTreeMap<ObjectId, Vec<ListedColumn>>, EngineError> {
    let all = read(connection, COLUMNS, |row| {
        let column = ListedColumn {
            name: text(row, 1)?,
            type_name: text(row, 2)?,
            max_length: row.try_get(3).ok()??,
            precision: row.try_get(4).ok()??,
            scale: row.try_get(5).ok()??,
            nullable: row.try_get(6).ok()??,
            collation: row.try_get::<&str, _>(7).ok()?.map(str::to_owned),
            in_star: match (row.try_get(8).ok()??, row.try_get(9).ok()??) {
                (true, _) => InStar::Hidden,
                (false, true) => InStar::ColumnSet,
                (false, false) => InStar::AsItself,
            },
            encrypted: row.try_get(10).ok()??,
        };
        Some((row.try_get(0).ok()??, column))
    });
    Ok(by_object(all.await?))
}

/// A column of an index's key.
pub(super) struct KeyColumn {
    pub(super) index: i32,
    pub(super) primary: bool,
    pub(super) unique: bool,
    pub(super) name: String,
}

/// Row-store indexes over all rows. A filtered index says nothing about the rows that it leaves out.
/// <https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-indexes-transact-sql>
const KEYS: &str = "SELECT i.object_id, i.index_id, i.is_primary_key, i.is_unique, c.name \
     FROM sys.indexes AS i \
     JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id \
     JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id \
     WHERE i.type IN (1, 2) AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.has_filter = 0 \
     AND k.key_ordinal > 0 ORDER BY i.object_id, i.index_id, k.key_ordinal";

pub(super) async fn keys(
    connection: &mut Connection,
) -> Result<BTreeMap<ObjectId, Vec<KeyColumn>>, EngineError> {
    let all = read(connection, KEYS, |row| {
        let column = KeyColumn {
            index: row.try_get(1).ok()??,
            primary: row.try_get(2).ok()??,
            unique: row.try_get(3).ok()??,
            name: text(row, 4)?,
        };
        Some((row.try_get(0).ok()??, column))
    });
    Ok(by_object(all.await?))
}

/// One column of a foreign key.
pub(super) struct ReferringColumn {
    pub(super) table: ObjectId,
    pub(super) key: ObjectId,
    pub(super) column: String,
    pub(super) referenced: ObjectId,
    pub(super) referenced_column: String,
    /// Neither disabled nor made without a look at the rows there were.
    pub(super) enforced: bool,
}

/// <https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-foreign-key-columns-transact-sql>
const FOREIGN_KEYS: &str = "SELECT f.parent_object_id, f.constraint_object_id, c.name, \
     f.referenced_object_id, r.name, k.is_disabled, k.is_not_trusted FROM sys.foreign_key_columns AS f \
     JOIN sys.foreign_keys AS k ON k.object_id = f.constraint_object_id \
     JOIN sys.columns AS c ON c.object_id = f.parent_object_id AND c.column_id = f.parent_column_id \
     JOIN sys.columns AS r ON r.object_id = f.referenced_object_id AND r.column_id = f.referenced_column_id \
     ORDER BY f.parent_object_id, f.constraint_object_id, f.constraint_column_id";

pub(super) async fn foreign_keys(
    connection: &mut Connection,
) -> Result<Vec<ReferringColumn>, EngineError> {
    read(connection, FOREIGN_KEYS, |row| {
        Some(ReferringColumn {
            table: row.try_get(0).ok()??,
            key: row.try_get(1).ok()??,
            column: text(row, 2)?,
            referenced: row.try_get(3).ok()??,
            referenced_column: text(row, 4)?,
            enforced: !row.try_get::<bool, _>(5).ok()?? && !row.try_get::<bool, _>(6).ok()??,
        })
    })
    .await
}

/// Runs one of the texts and reads every row of it; a row of another shape fails the whole.
pub(super) async fn read<T>(
    connection: &mut Connection,
    query: &'static str,
    one: impl Fn(&Row) -> Option<T>,
) -> Result<Vec<T>, EngineError> {
    let rows = connection::rows(connection, query).await;
    let rows = rows.map_err(|error| failure::of_statement(&error))?;
    rows.iter().map(one).collect::<Option<_>>().ok_or_else(|| {
        tracing::error!(query, "a catalog view gave a row of another shape");
        EngineError::Failed
    })
}

pub(super) fn text(row: &Row, index: usize) -> Option<String> {
    row.try_get::<&str, _>(index).ok()?.map(str::to_owned)
}

fn by_object<T>(all: Vec<(ObjectId, T)>) -> BTreeMap<ObjectId, Vec<T>> {
    let mut map: BTreeMap<ObjectId, Vec<T>> = BTreeMap::new();
    for (object, one) in all {
        map.entry(object).or_default().push(one);
    }
    map
}
