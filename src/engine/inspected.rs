//! What a live database holds and what its role may do, for `pull` and `check`.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, ColumnName, PRINCIPAL_TYPE, Relation, RelationName, Remarks};

/// What a live database holds.
#[derive(Debug)]
pub struct Introspected {
    /// Its relations.
    pub catalog: Catalog,
    /// What was left out, in words for the operator.
    pub notes: Vec<String>,
    /// The columns of every index of a relation, in the order of the index; expressions end the list of one. On MongoDB
    /// a relation whose indexes the role may not list is not among them.
    pub indexes: BTreeMap<RelationName, Vec<Vec<ColumnName>>>,
    /// Who the engine is to the server; none for an embedded database.
    pub role: Option<Role>,
    /// What there is to say about columns that were found in a sample.
    pub remarks: Remarks,
}

/// What the documents of a collection have for the columns that were asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// How many documents there are.
    pub documents: u64,
    /// How many of them do not have what the catalog says, by column and by what they have.
    pub misfits: BTreeMap<(ColumnName, Misfit), u64>,
}

/// What a document has instead of what the catalog says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misfit {
    /// Nothing, although the document that it should be in is there.
    Missing,
    /// null
    Null,
    /// An array where a value should be.
    Array,
    /// An array, and in it elements of other types.
    Elements,
    /// A value of this BSON type, as `$type` names it.
    Type(String),
}

/// The role that a connection has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The role's name as the server prints it.
    pub name: String,
    /// What it may do beyond reading what it must.
    pub powers: Vec<Power>,
    /// Statements that make a role which may do no more than read the catalog's relations.
    pub grants: Vec<String>,
}

/// Something that a role which only reads need not be able to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Everything: superuser, `SUPER`, `sysadmin`.
    Superuser,
    /// Passing by row-level security: `BYPASSRLS`, a table's owner without `FORCE`.
    BypassRowSecurity,
    /// Reading or writing the server's files: `FILE`, `pg_read_server_files`, `BULK INSERT`.
    Files,
    /// Making roles or granting what it has.
    Grants,
    /// Creating objects in a schema.
    Creates,
    /// MongoDB: reading other databases, or what the server does for others.
    ReadsElsewhere,
    /// Changing rows of these relations.
    Writes(Vec<RelationName>),
}

impl Power {
    /// The power in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Superuser => "may do everything on the server".to_owned(),
            Self::BypassRowSecurity => "passes by row-level security".to_owned(),
            Self::Files => "may read or write files of the server".to_owned(),
            Self::Grants => "may make roles or pass on what it may do".to_owned(),
            Self::Creates => "may create objects".to_owned(),
            Self::ReadsElsewhere => {
                "may look at other databases or at what the server does for others".to_owned()
            }
            Self::Writes(relations) => {
                let names: Vec<String> = relations.iter().map(ToString::to_string).collect();
                format!("may change rows of {}", names.join(", "))
            }
        }
    }
}

/// Makes entity types distinct: `a b` and `a_b` would both be `a_b` in policies.
pub(super) fn give_entity_types(relations: &mut [Relation]) {
    let mut taken = std::collections::BTreeSet::from([PRINCIPAL_TYPE.to_owned()]);
    for relation in relations {
        let wanted = relation.entity_type.clone();
        let mut number = 2;
        while !taken.insert(relation.entity_type.clone()) {
            relation.entity_type = format!("{wanted}_{number}");
            number += 1;
        }
    }
}
