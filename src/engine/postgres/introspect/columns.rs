//! Columns: their types, whether they may hold NULL, and how they compare.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use crate::catalog::{Column, ColumnName, ColumnType};
use crate::engine::postgres::{session, types};

/// Every column of every relation.
///
/// NOT NULL counts where it holds for all rows that are read through the relation: a table that inherits may have
/// dropped it, and a constraint may not have been validated. A domain's NOT NULL does not count: a value that comes
/// from an empty subquery passes by it
/// (<https://www.postgresql.org/docs/current/sql-createdomain.html>, "Notes").
const COLUMNS: &str = "
WITH RECURSIVE below (root, oid) AS (
    SELECT i.inhparent, i.inhrelid FROM pg_inherits AS i
    UNION SELECT b.root, i.inhrelid FROM below AS b JOIN pg_inherits AS i ON i.inhparent = b.oid
), domains (domain, base) AS (
    SELECT t.oid, t.typbasetype FROM pg_type AS t WHERE t.typtype = 'd'
    UNION ALL SELECT d.domain, t.typbasetype
    FROM domains AS d JOIN pg_type AS t ON t.oid = d.base WHERE t.typtype = 'd'
)
SELECT a.attrelid::int8, a.attname, format_type(a.atttypid, a.atttypmod),
    b.oid::int8, b.typname,
    a.attnotnull
        AND NOT EXISTS (
            SELECT FROM below JOIN pg_attribute AS d ON d.attrelid = below.oid
            WHERE below.root = a.attrelid AND d.attname = a.attname AND NOT d.attisdropped
                AND NOT d.attnotnull)
        AND NOT EXISTS (
            SELECT FROM pg_constraint AS n
            WHERE n.conrelid = a.attrelid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum]
                AND NOT n.convalidated),
    CASE WHEN l.collname <> 'default' THEN l.collname END,
    has_column_privilege(a.attrelid, a.attnum, 'SELECT')
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm')
JOIN pg_namespace AS s ON s.oid = c.relnamespace
    AND left(s.nspname, 3) <> 'pg_' AND s.nspname <> 'information_schema'
LEFT JOIN (
    SELECT d.domain, d.base FROM domains AS d JOIN pg_type AS t ON t.oid = d.base
    WHERE t.typtype <> 'd'
) AS over ON over.domain = a.atttypid
JOIN pg_type AS b ON b.oid = coalesce(over.base, a.atttypid)
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum";

/// `character(n)` in `pg_type`.
const BPCHAR: u32 = 1042;

/// The type of the extension that compares without case; its number differs from database to database.
const CITEXT: &str = "citext";

/// The columns of one relation.
#[derive(Default)]
pub(super) struct Described {
    /// Those that the role may read, in the order of the table.
    pub(super) columns: Vec<Column>,
    /// The others.
    pub(super) hidden: Vec<ColumnName>,
}

/// Reads the columns of every relation, by its number.
pub(super) async fn read(
    connection: &mut PgConnection,
) -> Result<BTreeMap<i64, Described>, sqlx::Error> {
    let mut found: BTreeMap<i64, Described> = BTreeMap::new();
    for row in session::rows(connection, COLUMNS.to_owned()).await? {
        let described = found.entry(row.try_get(0)?).or_default();
        let name = ColumnName::new(row.try_get::<String, _>(1)?);
        if row.try_get(7)? {
            described.columns.push(column(&row, name)?);
        } else {
            described.hidden.push(name);
        }
    }
    Ok(found)
}

fn column(row: &PgRow, name: ColumnName) -> Result<Column, sqlx::Error> {
    let (oid, type_name): (i64, String) = (row.try_get(3)?, row.try_get(4)?);
    let oid = u32::try_from(oid).unwrap_or(0);
    let own = types::answer_type(oid).is_none();
    let not_null: bool = row.try_get(5)?;
    // Case, padding and equivalence in this order: what compares without case does so under any collation.
    let nondeterministic: Option<String> = row.try_get(6)?;
    let (column_type, collation) = if own && type_name == CITEXT {
        (ColumnType::Text, Some(CITEXT.to_owned()))
    } else if oid == BPCHAR {
        (ColumnType::Text, nondeterministic.or_else(|| Some("bpchar".to_owned())))
    } else {
        (types::column_type(oid), nondeterministic)
    };
    let (declared, nullable) = (row.try_get(2)?, !not_null);
    Ok(Column { name, column_type, declared, nullable, collation, array: false })
}
