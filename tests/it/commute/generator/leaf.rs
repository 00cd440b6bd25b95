//! Operators, functions and tests of each engine: the leaves of an expression. Some fail on some rows.

mod mysql;
mod postgresql;
mod sqlite;

use super::{Flavor, Generator, Source, Ty};

impl Generator {
    /// A call or an operator that gives a value of a type.
    pub(super) fn leaf(&mut self, ty: Ty, depth: usize, scope: &[Source]) -> String {
        match self.flavor {
            Flavor::Sqlite => self.sqlite_leaf(ty, depth, scope),
            Flavor::Postgresql => self.postgresql_leaf(ty, depth, scope),
            Flavor::Mysql => self.mysql_leaf(ty, depth, scope),
        }
    }

    /// A condition without conditions inside.
    pub(super) fn test(&mut self, depth: usize, scope: &[Source]) -> String {
        let depth = depth.saturating_sub(1);
        match self.flavor {
            Flavor::Sqlite => self.sqlite_test(depth, scope),
            Flavor::Postgresql => self.postgresql_test(depth, scope),
            Flavor::Mysql => self.mysql_test(depth, scope),
        }
    }

    /// A key of the seed's rows: with a unique index, the row is at hand before anything else is asked of it.
    fn key(&mut self, scope: &[Source]) -> String {
        let keyed: Vec<String> = scope
            .iter()
            .filter(|source| source.keyed)
            .map(|source| format!("{}.{}", source.alias, source.cols[0].name))
            .collect();
        let number = 1 + self.below(39);
        if keyed.is_empty() {
            format!("{number} > 0")
        } else {
            format!("{} = {number}", self.pick(&keyed))
        }
    }

    /// A number that some rows make zero: of one tenant, or of one row.
    fn zero(&mut self, scope: &[Source]) -> String {
        let big = self.column(Ty::Big, scope);
        let int = self.column(Ty::Int, scope);
        match self.below(3) {
            0 => format!("({big} - {})", self.pick(&["99", "7", "417", "5000", "82"])),
            1 => format!("({int} - {})", 10 + self.below(30)),
            _ => format!("({big} + {})", self.pick(&["1", "9223372036854775807"])),
        }
    }
}
