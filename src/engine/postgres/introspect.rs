//! What a PostgreSQL database holds, from its catalogs
//! (<https://www.postgresql.org/docs/current/catalogs.html>): what the role may read of it, and nothing else.

mod columns;
mod keys;
mod role;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Row};
use tokio::time::timeout;

use super::client::Client;
use super::{failure, session};
use crate::catalog::{Catalog, Relation, RelationKind, RelationName, Remarks, entity_type_for};
use crate::engine::inspected::give_entity_types;
use crate::engine::{EngineError, Introspected};

/// How long a server may take to open a session.
const CONNECT: Duration = Duration::from_secs(10);

/// The schema of unqualified names where the role's own search path names none that exists.
const PUBLIC: &str = "public";

/// Every relation that holds rows. Names beginning with `pg_` are the server's own.
const RELATIONS: &str = "
SELECT c.oid::int8, n.nspname, c.relname, c.relkind::text,
    EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid),
    EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid),
    has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT'),
    has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
        OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'),
    c.relrowsecurity AND NOT c.relforcerowsecurity AND pg_has_role(c.relowner, 'USAGE')
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND left(n.nspname, 3) <> 'pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname";

/// One line of `pg_class`.
#[expect(clippy::struct_excessive_bools, reason = "as the catalogs have them")]
struct Listed {
    oid: i64,
    name: RelationName,
    kind: Kind,
    /// Whether it is a partition or inherits: its rows are read through its parent.
    child: bool,
    /// Whether others inherit from it.
    parent: bool,
    readable: bool,
    writable: bool,
    /// Whether row-level security is on and does not hold for the role, which owns it.
    unsecured: bool,
}

/// `relkind`, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    Partitioned,
    View,
    Foreign,
}

impl Listed {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let kind: String = row.try_get(3)?;
        Ok(Self {
            oid: row.try_get(0)?,
            name: RelationName { schema: row.try_get(1)?, name: row.try_get(2)? },
            kind: match kind.as_str() {
                "p" => Kind::Partitioned,
                "v" | "m" => Kind::View,
                "f" => Kind::Foreign,
                _ => Kind::Table,
            },
            child: row.try_get(4)?,
            parent: row.try_get(5)?,
            readable: row.try_get(6)?,
            writable: row.try_get(7)?,
            unsecured: row.try_get(8)?,
        })
    }

    /// Whether its keys hold for the rows of others too that are read through it.
    fn inherited(&self) -> bool {
        self.parent && self.kind != Kind::Partitioned
    }
}

/// Reads every relation that the role may read.
pub(super) async fn read(client: &Client) -> Result<Introspected, EngineError> {
    let connected = timeout(CONNECT, client.open()).await;
    let mut connection = connected.unwrap_or(Err(EngineError::Unavailable))?;
    let found = look(&mut connection).await.map_err(|error| failure::of_query(&error))?;
    drop(connection.close().await);
    Ok(found)
}

async fn look(connection: &mut PgConnection) -> Result<Introspected, sqlx::Error> {
    let default_schema = default_schema(connection).await?;
    begin(connection).await?;
    let rows = session::rows(connection, RELATIONS.to_owned()).await?;
    let all: Vec<Listed> = rows.iter().map(Listed::read).collect::<Result<_, _>>()?;
    let mut notes = Vec::new();
    let listed: Vec<&Listed> = all.iter().filter(|listed| admit(listed, &mut notes)).collect();

    let mut columns = columns::read(connection).await?;
    let (mut relations, mut partly) = (BTreeMap::new(), BTreeSet::new());
    for listed in listed {
        let described = columns.remove(&listed.oid).unwrap_or_default();
        let name = &listed.name;
        for column in &described.hidden {
            notes.push(format!(
                "column `{column}` of `{name}` is left out: the role may not read it"
            ));
        }
        if !described.hidden.is_empty() {
            partly.insert(name.clone());
        }
        if described.columns.is_empty() {
            notes.push(format!("`{name}` is left out: it has no columns"));
            continue;
        }
        let view = listed.kind == Kind::View;
        let mut columns = described.columns;
        for column in &mut columns {
            column.nullable |= view;
        }
        let relation = Relation {
            entity_type: entity_type_for(name, &default_schema),
            name: name.clone(),
            kind: if view { RelationKind::View } else { RelationKind::Table },
            columns,
            primary_key: Vec::new(),
            unique: Vec::new(),
            foreign_keys: Vec::new(),
        };
        relations.insert(listed.oid, relation);
    }
    let inherited: BTreeSet<i64> =
        all.iter().filter(|listed| listed.inherited()).map(|listed| listed.oid).collect();
    let indexes = keys::read(connection, &mut relations, &inherited).await?;
    keys::foreign(connection, &mut relations, &inherited, &default_schema, &mut notes).await?;
    // In the order of the names, as they were listed.
    let mut relations: Vec<Relation> = relations.into_values().collect();
    relations.sort_by(|left, right| left.name.cmp(&right.name));
    give_entity_types(&mut relations);
    let role = role::read(connection, &all, &relations, &partly).await?;
    session::simple(connection, "ROLLBACK".to_owned()).await?;
    let catalog = Catalog { default_schema, relations, functions: Arc::default() };
    Ok(Introspected { catalog, notes, indexes, role: Some(role), remarks: Remarks::default() })
}

async fn begin(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let text = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned();
    session::simple(connection, text).await
}

/// The first schema that exists in the search path that the role has of its own.
async fn default_schema(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    begin(connection).await?;
    // Until the rollback nothing but this one function is called, and that by its whole name.
    let text = "SET LOCAL search_path TO DEFAULT; SELECT pg_catalog.current_schemas(false)";
    let rows = session::rows(connection, text.to_owned()).await?;
    session::simple(connection, "ROLLBACK".to_owned()).await?;
    let schemas: Vec<String> = rows.first().map_or(Ok(Vec::new()), |row| row.try_get(0))?;
    let own = |schema: &String| !schema.starts_with("pg_") && schema != "information_schema";
    Ok(schemas.into_iter().find(own).unwrap_or_else(|| PUBLIC.to_owned()))
}

/// Whether a relation is listed; says why not where that is worth a word.
fn admit(listed: &Listed, notes: &mut Vec<String>) -> bool {
    let name = &listed.name;
    if listed.child {
        return false;
    }
    if listed.kind == Kind::Foreign {
        notes.push(format!("foreign table `{name}` is left out"));
        return false;
    }
    if !listed.readable {
        notes.push(format!("`{name}` is left out: the role may not read it"));
        return false;
    }
    if listed.inherited() {
        notes.push(format!(
            "`{name}` has no keys: other tables inherit from it, and keys do not hold across them"
        ));
    }
    true
}

/// A name as SQL has it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
