//! What `pull` has to say about columns, for the author of a catalog to correct it.

use std::collections::BTreeMap;

#[cfg(feature = "server")]
use super::Catalog;
use super::{Column, ColumnName, RelationName};

/// Comments of a `catalog.toml`. They decide nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remarks {
    beside: BTreeMap<(RelationName, ColumnName), String>,
    offered: BTreeMap<RelationName, Vec<(Column, String)>>,
}

impl Remarks {
    /// Says something about a column, in one line.
    pub fn say(&mut self, relation: &RelationName, column: &ColumnName, remark: String) {
        self.beside.insert((relation.clone(), column.clone()), remark);
    }

    /// Offers a column that is not listed, and says why it is not.
    pub fn offer(&mut self, relation: &RelationName, column: Column, remark: String) {
        let offered = self.offered.entry(relation.clone()).or_default();
        let place = offered.partition_point(|(other, _)| other.name < column.name);
        offered.insert(place, (column, remark));
    }

    pub(super) fn of(&self, relation: &RelationName, column: &ColumnName) -> Option<&str> {
        self.beside.get(&(relation.clone(), column.clone())).map(String::as_str)
    }

    /// The columns that are offered for a relation, and why they are not listed.
    pub fn offered(&self, relation: &RelationName) -> &[(Column, String)] {
        self.offered.get(relation).map_or(&[], Vec::as_slice)
    }
}

/// Takes over from an earlier catalog what its author says of documents: a sample knows less. Fields that are new are
/// offered and not listed, as a field may have been taken out of the catalog to hide it.
// INVARIANT (default deny): what an author has taken out of a catalog does not come back by itself.
#[cfg(feature = "server")]
pub(crate) fn keep_documents(catalog: &mut Catalog, before: &Catalog, remarks: &mut Remarks) {
    for relation in &mut catalog.relations {
        let Some(old) = before.relation(&relation.name) else { continue };
        let seen = std::mem::replace(&mut relation.columns, old.columns.clone());
        relation.primary_key.clone_from(&old.primary_key);
        relation.unique.clone_from(&old.unique);
        relation.foreign_keys.clone_from(&old.foreign_keys);
        for column in &relation.columns {
            let now = seen.iter().find(|seen| seen.name == column.name);
            let same =
                |now: &Column| (now.column_type, now.array) == (column.column_type, column.array);
            match now {
                Some(now) if same(now) => {}
                Some(now) => {
                    let array = if now.array { "an array of " } else { "" };
                    let remark = format!("the sample says {array}`{}`", now.column_type.name());
                    remarks.say(&relation.name, &column.name, remark);
                }
                None => {
                    remarks.say(&relation.name, &column.name, "not in the sample".to_owned());
                }
            }
        }
        for column in seen {
            if old.column(&column.name).is_none() {
                let remark = remarks.of(&relation.name, &column.name).unwrap_or_default();
                let remark = format!("not listed before: {remark}");
                remarks.offer(&relation.name, column, remark);
            }
        }
    }
}
