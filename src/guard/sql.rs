//! The SQL guard: caps, parse, admit, resolve, rewrite, print, and read back.

use crate::catalog::Catalog;
use crate::predicate::{PredicateSet, Value};

use super::{Guarded, Refusal};

/// An SQL dialect; what differs between dialects is data on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgresql,
}

impl Dialect {
    /// The dialect's name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgresql => "postgresql",
        }
    }
}

/// A query to run: text and binds travel together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectSql {
    dialect: Dialect,
    text: String,
    binds: Vec<Value>,
    readable: String,
}

impl SelectSql {
    /// The dialect that the text is written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What runs: `?1` on SQLite, `$1` on PostgreSQL, numbered in the order of the binds.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values of the placeholders.
    pub fn binds(&self) -> &[Value] {
        &self.binds
    }

    /// The same query with its values written out, for people.
    pub fn readable(&self) -> &str {
        &self.readable
    }
}

/// Rewrites one query so that it reads only what `filters` keep.
pub fn guard_sql(
    _query: &str,
    _dialect: Dialect,
    _catalog: &Catalog,
    _filters: &PredicateSet,
) -> Result<Guarded<SelectSql>, Refusal> {
    unimplemented!()
}
