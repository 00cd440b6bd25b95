//! Who the login is and what it may do beyond reading.

use super::queries::{self, Object};
use crate::catalog::{Relation, RelationName};
use crate::engine::mssql::connection::Connection;
use crate::engine::{EngineError, Power, Role};

/// What a session may do beyond reading, as the server tells it. A question that a server does not know gives NULL.
/// <https://learn.microsoft.com/sql/t-sql/functions/has-perms-by-name-transact-sql>
const ME: &str = "SELECT COALESCE(SUSER_SNAME(), USER_NAME()), COALESCE(SCHEMA_NAME(), N'dbo'), \
     CAST(CASE WHEN IS_SRVROLEMEMBER(N'sysadmin') = 1 OR IS_ROLEMEMBER(N'db_owner') = 1 \
     OR HAS_PERMS_BY_NAME(NULL, NULL, N'CONTROL SERVER') = 1 \
     OR HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CONTROL') = 1 THEN 1 ELSE 0 END AS bit), \
     CAST(CASE WHEN HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ALTER ANY SECURITY POLICY') = 1 \
     THEN 1 ELSE 0 END AS bit), \
     CAST(CASE WHEN IS_SRVROLEMEMBER(N'bulkadmin') = 1 \
     OR HAS_PERMS_BY_NAME(NULL, NULL, N'ADMINISTER BULK OPERATIONS') = 1 \
     OR HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ADMINISTER DATABASE BULK OPERATIONS') = 1 \
     THEN 1 ELSE 0 END AS bit), \
     CAST(CASE WHEN IS_SRVROLEMEMBER(N'securityadmin') = 1 OR IS_ROLEMEMBER(N'db_securityadmin') = 1 \
     OR IS_ROLEMEMBER(N'db_accessadmin') = 1 \
     OR HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ALTER ANY USER') = 1 \
     OR HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ALTER ANY ROLE') = 1 THEN 1 ELSE 0 END AS bit), \
     CAST(CASE WHEN IS_ROLEMEMBER(N'db_ddladmin') = 1 \
     OR HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE') = 1 \
     OR HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE VIEW') = 1 \
     OR HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ALTER ANY SCHEMA') = 1 THEN 1 ELSE 0 END AS bit)";

/// The login of a session.
pub(super) struct Me {
    name: String,
    /// Where unqualified names are looked for first.
    pub(super) default_schema: String,
    /// In the order of the text: everything, security policies, files, grants, creating.
    powers: [bool; 5],
}

impl Me {
    pub(super) async fn read(connection: &mut Connection) -> Result<Self, EngineError> {
        let told = queries::read(connection, ME, |row| {
            let flag = |index: usize| row.try_get::<bool, _>(index).ok()?;
            Some(Self {
                name: queries::text(row, 0)?,
                default_schema: queries::text(row, 1)?,
                powers: [flag(2)?, flag(3)?, flag(4)?, flag(5)?, flag(6)?],
            })
        });
        told.await?.pop().ok_or(EngineError::Failed)
    }

    pub(super) fn into_role(self, kept: &[(Object, Relation)]) -> Role {
        let [everything, policies, files, grants, creates] = self.powers;
        let written: Vec<RelationName> = kept
            .iter()
            .filter(|(object, _)| object.writable)
            .map(|(_, relation)| relation.name.clone())
            .collect();
        let mut powers: Vec<Power> = [
            (everything, Power::Superuser),
            (policies, Power::BypassRowSecurity),
            (files, Power::Files),
            (grants, Power::Grants),
            (creates, Power::Creates),
        ]
        .into_iter()
        .filter_map(|(has, power)| has.then_some(power))
        .collect();
        if !written.is_empty() {
            powers.push(Power::Writes(written));
        }
        Role { name: self.name, powers, grants: grants_of(kept) }
    }
}

/// Statements for an administrator: a login that reads the catalog's relations and nothing else.
fn grants_of(kept: &[(Object, Relation)]) -> Vec<String> {
    let quoted = |name: &str| format!("[{}]", name.replace(']', "]]"));
    let mut grants = vec![
        "CREATE LOGIN [dialektai] WITH PASSWORD = N'<choose one>';".to_owned(),
        "CREATE USER [dialektai] FOR LOGIN [dialektai];".to_owned(),
    ];
    grants.extend(kept.iter().map(|(_, relation)| {
        let (schema, name) = (quoted(&relation.name.schema), quoted(&relation.name.name));
        format!("GRANT SELECT, VIEW DEFINITION ON {schema}.{name} TO [dialektai];")
    }));
    grants
}
