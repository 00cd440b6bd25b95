//! To-one foreign keys that rules follow.

use super::Predicate;
use crate::catalog::{ColumnName, RelationName};

/// One step from a row to the row that a foreign key names: its parent. A row has one parent at most by each key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hop {
    /// The attribute that leads there: `task` of `resource.task.customer_id`.
    pub name: String,
    /// The column of the row at hand; where it is NULL there is no parent.
    pub column: ColumnName,
    /// The relation that the parent is in. Its rows are read as they are, through no filter of their own.
    pub parent: RelationName,
    /// The parent's column that is equal. No two rows of it are equal there.
    pub key: ColumnName,
}

impl Predicate {
    /// Whether it asks for a parent, or something of one.
    pub fn follows_keys(&self) -> bool {
        match self {
            Self::And(operands) | Self::Or(operands) => operands.iter().any(Self::follows_keys),
            Self::Related { .. } | Self::Parent { .. } => true,
            Self::Compare { .. }
            | Self::CompareColumns { .. }
            | Self::In { .. }
            | Self::Like { .. }
            | Self::Elements { .. }
            | Self::IsNull { .. } => false,
        }
    }
}
