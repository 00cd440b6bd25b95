//! Who the engine is to the server, what it may do beyond reading, and a role that may do no more.

use std::collections::BTreeSet;

use bson::{Bson, Document};
use serde_json::{Value, json};

use crate::catalog::{Relation, RelationName};
use crate::engine::{Power, Role};

/// What the role that does no more is called.
const READER: &str = "dialektai_reader";

/// The actions that change documents.
/// <https://www.mongodb.com/docs/manual/reference/privilege-actions/>
const WRITES: [&str; 4] = ["insert", "update", "remove", "bypassDocumentValidation"];

/// The actions that change what there is besides documents.
const CREATES: [&str; 12] = [
    "createCollection",
    "createIndex",
    "dropCollection",
    "dropDatabase",
    "dropIndex",
    "collMod",
    "convertToCapped",
    "renameCollectionSameDB",
    "enableSharding",
    "createSearchIndexes",
    "dropSearchIndex",
    "updateSearchIndex",
];

/// The actions that make users and roles, or give them rights.
const GRANTS: [&str; 9] = [
    "createUser",
    "createRole",
    "grantRole",
    "revokeRole",
    "dropUser",
    "dropRole",
    "changePassword",
    "changeCustomData",
    "setAuthenticationRestriction",
];

/// Built-in roles by what they may do beyond reading a database; `restore` may write wherever it likes.
/// <https://www.mongodb.com/docs/manual/reference/built-in-roles/>
const EVERYTHING: [&str; 3] = ["root", "__system", "restore"];
const WRITERS: [&str; 3] = ["readWrite", "readWriteAnyDatabase", "dbOwner"];
const CREATORS: [&str; 3] = ["dbAdmin", "dbAdminAnyDatabase", "dbOwner"];
const GRANTERS: [&str; 3] = ["userAdmin", "userAdminAnyDatabase", "dbOwner"];
const ELSEWHERE: [&str; 9] = [
    "readAnyDatabase",
    "readWriteAnyDatabase",
    "dbAdminAnyDatabase",
    "userAdminAnyDatabase",
    "clusterAdmin",
    "clusterManager",
    "clusterMonitor",
    "hostManager",
    "backup",
];

/// Reads the reply of `connectionStatus`.
pub(super) fn read(status: &Document, database: &str, relations: &[Relation]) -> Role {
    let collections: Vec<&str> =
        relations.iter().map(|relation| relation.name.name.as_str()).collect();
    let grants = vec![format!(
        "db.getSiblingDB({}).runCommand({})",
        Value::from(database),
        command(database, &collections)
    )];
    let documents = |key: &str| -> Vec<&Document> {
        let found = status.get_document("authInfo").and_then(|info| info.get_array(key));
        found.map_or(Vec::new(), |found| found.iter().filter_map(Bson::as_document).collect())
    };
    let users = documents("authenticatedUsers");
    let Some(user) = users.first().and_then(|user| user.get_str("user").ok()) else {
        // The server answered all the same: it asks nobody for a login.
        let powers = vec![Power::Superuser];
        return Role { name: "nobody".to_owned(), powers, grants };
    };
    let mut found =
        Found { database, relations, powers: BTreeSet::new(), written: BTreeSet::new() };
    for role in documents("authenticatedUserRoles") {
        if let Ok(role) = role.get_str("role") {
            found.role(role);
        }
    }
    // The privileges say the same of built-in roles, and of others what they are.
    for privilege in documents("authenticatedUserPrivileges") {
        found.privilege(privilege);
    }
    Role { name: user.to_owned(), powers: found.powers(), grants }
}

/// What was found that a role may do.
struct Found<'a> {
    database: &'a str,
    relations: &'a [Relation],
    powers: BTreeSet<Power>,
    written: BTreeSet<RelationName>,
}

impl Found<'_> {
    fn role(&mut self, name: &str) {
        if WRITERS.contains(&name) {
            self.writes_everywhere();
        }
        let powers = [
            (EVERYTHING.contains(&name), Power::Superuser),
            (CREATORS.contains(&name), Power::Creates),
            (GRANTERS.contains(&name), Power::Grants),
            (ELSEWHERE.contains(&name), Power::ReadsElsewhere),
        ];
        self.powers.extend(powers.into_iter().filter_map(|(has, power)| has.then_some(power)));
    }

    fn privilege(&mut self, privilege: &Document) {
        let Ok(resource) = privilege.get_document("resource") else { return };
        let actions: BTreeSet<&str> = privilege
            .get_array("actions")
            .map(|actions| actions.iter().filter_map(Bson::as_str).collect())
            .unwrap_or_default();
        let any = |of: &[&str]| of.iter().any(|action| actions.contains(action));
        let anywhere = resource.get_bool("anyResource").unwrap_or(false);
        let of = resource.get_str("db").ok();
        // What has no database is the server itself: its operations, and so the queries of others.
        let elsewhere = (anywhere || of != Some(self.database)) && !actions.is_empty();
        let powers = [
            (any(&["anyAction"]), Power::Superuser),
            (any(&CREATES), Power::Creates),
            (any(&GRANTS), Power::Grants),
            (elsewhere, Power::ReadsElsewhere),
        ];
        self.powers.extend(powers.into_iter().filter_map(|(has, power)| has.then_some(power)));
        if any(&WRITES) {
            let collection = resource.get_str("collection").unwrap_or_default();
            if anywhere || collection.is_empty() {
                self.writes_everywhere();
            } else {
                let schema = of.filter(|of| !of.is_empty()).unwrap_or(self.database).to_owned();
                self.written.insert(RelationName { schema, name: collection.to_owned() });
            }
        }
    }

    fn writes_everywhere(&mut self) {
        self.written.extend(self.relations.iter().map(|relation| relation.name.clone()));
    }

    fn powers(mut self) -> Vec<Power> {
        if self.powers.contains(&Power::Superuser) {
            // It includes every other.
            return vec![Power::Superuser];
        }
        if !self.written.is_empty() {
            self.powers.insert(Power::Writes(self.written.into_iter().collect()));
        }
        self.powers.into_iter().collect()
    }
}

/// The command that makes a role which reads these collections and does nothing else, as JSON.
pub(in crate::engine) fn create_role(database: &str, collections: &[&str]) -> String {
    format!("{:#}", command(database, collections))
}

/// <https://www.mongodb.com/docs/manual/reference/command/createRole/>
fn command(database: &str, collections: &[&str]) -> Value {
    let privileges: Vec<Value> = collections
        .iter()
        .map(|collection| {
            json!({ "resource": { "db": database, "collection": collection }, "actions": ["find"] })
        })
        .collect();
    // The name of a command comes first, as it does in the alphabet.
    json!({ "createRole": READER, "privileges": privileges, "roles": [] })
}
