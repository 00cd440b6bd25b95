//! Who the engine is to the server, and what it may do beyond reading.

use std::collections::BTreeSet;

use sqlx::postgres::PgConnection;
use sqlx::{Error, Row};

use super::{Listed, quoted};
use crate::catalog::{Relation, RelationName};
use crate::engine::postgres::session;
use crate::engine::{Power, Role};

/// <https://www.postgresql.org/docs/current/role-attributes.html>,
/// <https://www.postgresql.org/docs/current/predefined-roles.html>.
const ROLE: &str = "
SELECT r.rolname, current_database(), r.rolsuper, r.rolbypassrls,
    EXISTS (
        SELECT FROM pg_roles AS p
        WHERE p.rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
            AND pg_has_role(p.oid, 'MEMBER')),
    r.rolcreaterole
        OR EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = r.oid AND m.admin_option),
    r.rolcreatedb OR has_database_privilege(current_database(), 'CREATE')
        OR EXISTS (
            SELECT FROM pg_namespace AS n
            WHERE left(n.nspname, 3) <> 'pg_' AND n.nspname <> 'information_schema'
                AND has_schema_privilege(n.oid, 'CREATE'))
FROM pg_roles AS r WHERE r.rolname = current_user";

/// What the role that does no more is called in the statements that make it.
const READER: &str = "dialektai_reader";

/// Reads what the role may do. `all` are the relations of the database, `relations` those that are listed, and
/// `partly` those with columns that are not.
pub(super) async fn read(
    connection: &mut PgConnection,
    all: &[Listed],
    relations: &[Relation],
    partly: &BTreeSet<RelationName>,
) -> Result<Role, Error> {
    let rows = session::rows(connection, ROLE.to_owned()).await?;
    let row = rows.first().ok_or(Error::RowNotFound)?;
    let superuser: bool = row.try_get(2)?;
    let powers = if superuser {
        // It includes every other.
        vec![Power::Superuser]
    } else {
        let unsecured = all.iter().any(|listed| listed.unsecured);
        let bypass = row.try_get::<bool, _>(3)? || unsecured;
        let written: Vec<RelationName> =
            all.iter().filter(|listed| listed.writable).map(|listed| listed.name.clone()).collect();
        let writes = !written.is_empty();
        [
            (bypass, Power::BypassRowSecurity),
            (row.try_get(4)?, Power::Files),
            (row.try_get(5)?, Power::Grants),
            (row.try_get(6)?, Power::Creates),
            (writes, Power::Writes(written)),
        ]
        .into_iter()
        .filter_map(|(has, power)| has.then_some(power))
        .collect()
    };
    let database: String = row.try_get(1)?;
    Ok(Role { name: row.try_get(0)?, powers, grants: grants(&database, relations, partly) })
}

/// Statements for a role that reads what is listed and does nothing else.
fn grants(database: &str, relations: &[Relation], partly: &BTreeSet<RelationName>) -> Vec<String> {
    let mut statements = vec![
        format!(
            "CREATE ROLE {READER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;"
        ),
        format!("GRANT CONNECT ON DATABASE {} TO {READER};", quoted(database)),
    ];
    let mut schemas: Vec<&str> =
        relations.iter().map(|relation| relation.name.schema.as_str()).collect();
    schemas.dedup();
    for schema in schemas {
        statements.push(format!("GRANT USAGE ON SCHEMA {} TO {READER};", quoted(schema)));
        // Every role has it in `public` before PostgreSQL 15.
        statements.push(format!("REVOKE CREATE ON SCHEMA {} FROM PUBLIC;", quoted(schema)));
    }
    for Relation { name, columns, .. } in relations {
        let columns = if partly.contains(name) {
            let columns: Vec<String> =
                columns.iter().map(|column| quoted(column.name.as_str())).collect();
            format!(" ({})", columns.join(", "))
        } else {
            String::new()
        };
        let relation = format!("{}.{}", quoted(&name.schema), quoted(&name.name));
        statements.push(format!("GRANT SELECT{columns} ON {relation} TO {READER};"));
    }
    statements
}
