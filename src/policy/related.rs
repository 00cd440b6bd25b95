//! Which foreign keys are attributes: a key of one column to one row of a relation in the catalog.
//!
//! The attribute is called as the column without `_id`, or as `name` of the key says. Its type is the parent's entity type.
//! It is there exactly where the parent row exists, whatever the key's column holds. It is required where the database
//! vouches for the parent: the column is NOT NULL, and the key is upheld for every row and by the very equality that filters
//! use. Should the parent be missing all the same, the attribute is absent, and to read it is an error: no permit allows
//! such a row, and a forbid that gets there denies it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use crate::catalog::{Catalog, Column, ColumnName, ColumnType, ForeignKey, Relation, RelationName};
use crate::predicate::Hop;

use super::settings::EngineKind;

/// A foreign key that is an attribute.
#[derive(Debug, Clone)]
pub(super) struct Followed {
    pub(super) hop: Hop,
    /// Whether the attribute is required.
    pub(super) required: bool,
}

/// Why a foreign key is no attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfollowed {
    /// MongoDB: a filter looks at the documents of one collection.
    OneCollection,
    /// Several columns.
    Composite,
    /// A relation that the catalog does not list.
    Unlisted,
    /// A column that is neither the primary key nor unique.
    NotUnique,
    /// Two columns that are not compared exactly.
    Types,
    /// A name that a column or another key has.
    Taken,
}

impl fmt::Display for Unfollowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneCollection => "follows a key to another collection, and a filter of MongoDB runs on one collection",
            Self::Composite => "follows a foreign key of several columns",
            Self::Unlisted => "follows a foreign key to a relation that the catalog does not list",
            Self::NotUnique => "follows a foreign key to a column that is neither the primary key nor unique",
            Self::Types => "follows a foreign key between columns that are not both integers, texts or UUIDs",
            Self::Taken => "follows a foreign key whose name a column or another key has",
        })
    }
}

impl Unfollowed {
    /// What to do instead.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::OneCollection => {
                "keep a copy of the related field in the document itself, and compare that"
            }
            Self::Composite => {
                "give the related rows a key of one column, or compare a column of the row itself"
            }
            Self::Unlisted => "run `dialektai pull` with a role that may read the relation",
            Self::NotUnique => "make the column unique, and run `dialektai pull`",
            Self::Types => "declare both columns with one type, and run `dialektai pull`",
            Self::Taken => "give the foreign key a `name` in `catalog.toml`",
        }
    }
}

/// The foreign keys of a catalog that are attributes, and the relations that they lead to.
#[derive(Debug, Default)]
pub(super) struct Hops {
    followed: HashMap<RelationName, Vec<Followed>>,
    unfollowed: HashMap<RelationName, Vec<(String, Unfollowed)>>,
    parents: HashMap<RelationName, Relation>,
}

impl Hops {
    pub(super) fn of(catalog: &Catalog, engine: EngineKind) -> Self {
        let mut hops = Self::default();
        let by_name: HashMap<String, &Relation> = catalog
            .relations
            .iter()
            .map(|relation| (relation.name.to_string(), relation))
            .collect();
        for relation in &catalog.relations {
            let names: Vec<String> = relation.foreign_keys.iter().map(name_of).collect();
            for (key, name) in relation.foreign_keys.iter().zip(&names) {
                let in_default = format!("{}.{}", catalog.default_schema, key.references);
                let parent = match (by_name.get(&in_default), by_name.get(&key.references)) {
                    (Some(parent), None) | (None, Some(parent)) => Some(*parent),
                    // A name with a dot in it could be either.
                    (Some(_), Some(_)) | (None, None) => None,
                };
                let taken = relation.column(&ColumnName::new(name)).is_some()
                    || names.iter().filter(|other| *other == name).count() > 1;
                match follow(relation, key, name, parent, engine) {
                    Err(why) => hops.note(relation, name, why),
                    Ok(_) if taken => hops.note(relation, name, Unfollowed::Taken),
                    Ok((followed, parent)) => {
                        hops.parents.insert(parent.name.clone(), parent.clone());
                        hops.followed.entry(relation.name.clone()).or_default().push(followed);
                    }
                }
            }
        }
        hops
    }

    fn note(&mut self, relation: &Relation, name: &str, why: Unfollowed) {
        let noted = self.unfollowed.entry(relation.name.clone()).or_default();
        noted.push((name.to_owned(), why));
    }

    /// The attributes of a relation's entities that lead to parents.
    pub(super) fn from(&self, relation: &RelationName) -> &[Followed] {
        self.followed.get(relation).map_or(&[], Vec::as_slice)
    }

    /// The key of this name.
    pub(super) fn named(&self, relation: &RelationName, name: &str) -> Option<&Followed> {
        self.from(relation).iter().find(|followed| followed.hop.name == name)
    }

    /// Why the key of this name is no attribute, where there is one.
    pub(super) fn unfollowed(&self, relation: &RelationName, name: &str) -> Option<Unfollowed> {
        let noted = self.unfollowed.get(relation)?;
        noted.iter().find(|(other, _)| other == name).map(|(_, why)| *why)
    }

    /// Where a hop leads.
    pub(super) fn parent(&self, hop: &Hop) -> Option<&Relation> {
        self.parents.get(&hop.parent)
    }
}

/// The name of a key's attribute: its own, or its column's without `_id`.
fn name_of(key: &ForeignKey) -> String {
    let column = key.columns.first().map_or("", ColumnName::as_str);
    let derived = column.strip_suffix("_id").filter(|name| !name.is_empty()).unwrap_or(column);
    key.name.clone().unwrap_or_else(|| derived.to_owned())
}

fn follow<'a>(
    relation: &Relation,
    key: &ForeignKey,
    name: &str,
    parent: Option<&'a Relation>,
    engine: EngineKind,
) -> Result<(Followed, &'a Relation), Unfollowed> {
    if engine == EngineKind::Mongodb {
        return Err(Unfollowed::OneCollection);
    }
    let ([column], [target]) = (key.columns.as_slice(), key.referenced_columns.as_slice()) else {
        return Err(Unfollowed::Composite);
    };
    let parent = parent.ok_or(Unfollowed::Unlisted)?;
    let alone = std::slice::from_ref(target);
    // INVARIANT (exact or refused): a key that several rows could answer would lead to any of them.
    if parent.primary_key != alone && !parent.unique.iter().any(|unique| unique == alone) {
        return Err(Unfollowed::NotUnique);
    }
    let (Some(own), Some(other)) = (relation.column(column), parent.column(target)) else {
        return Err(Unfollowed::Unlisted);
    };
    if own.column_type != other.column_type || own.array || other.array {
        return Err(Unfollowed::Types);
    }
    let same_equality = match own.column_type {
        ColumnType::Integer | ColumnType::Uuid => true,
        // Elsewhere, and under a collation, the database takes unequal texts for a key and its row.
        ColumnType::Text => {
            let by_bytes = |column: &Column| column.collation.is_none();
            engine == EngineKind::Postgresql && by_bytes(own) && by_bytes(other)
        }
        ColumnType::Float
        | ColumnType::Decimal
        | ColumnType::Boolean
        | ColumnType::Bytes
        | ColumnType::Date
        | ColumnType::Timestamp
        | ColumnType::Timestamptz
        | ColumnType::Time
        | ColumnType::Interval
        | ColumnType::Json
        | ColumnType::Document
        | ColumnType::ObjectId
        | ColumnType::Other => return Err(Unfollowed::Types),
    };
    let hop = Hop {
        name: name.to_owned(),
        column: column.clone(),
        parent: parent.name.clone(),
        key: target.clone(),
    };
    let required = !own.nullable && key.enforced && same_equality;
    Ok((Followed { hop, required }, parent))
}

/// What filters may read of every relation.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) columns: BTreeSet<(RelationName, ColumnName)>,
    pub(super) hops: BTreeSet<Hop>,
}

impl Reads {
    /// Adds what is read at a path of attributes from a row of the relation on, as far as it leads anywhere.
    pub(super) fn add(&mut self, hops: &Hops, relation: &Relation, path: &[String]) {
        let mut at = relation;
        let mut rest = path;
        while let Some((name, behind)) = rest.split_first()
            && let Some(followed) = hops.named(&at.name, name)
            && let Some(parent) = hops.parent(&followed.hop)
        {
            let Hop { column, key, .. } = &followed.hop;
            self.columns.insert((at.name.clone(), column.clone()));
            self.columns.insert((parent.name.clone(), key.clone()));
            self.hops.insert(followed.hop.clone());
            (at, rest) = (parent, behind);
        }
        let column = ColumnName::new(rest.join("."));
        if at.column(&column).is_some() {
            self.columns.insert((at.name.clone(), column));
        }
    }
}
