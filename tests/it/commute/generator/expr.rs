//! Random expressions, often without the parentheses that would hide a difference in precedence.

use super::{Flavor, Generator, Source, Ty};
use Ty::{Big, Bool, Date, Int, Real, Text};

impl Generator {
    /// A column of a type, or a literal where none is in scope.
    pub(super) fn column(&mut self, ty: Ty, scope: &[Source]) -> String {
        let fits = |own: Ty| own == ty || (ty == Big && own == Int);
        let found: Vec<(String, String)> = scope
            .iter()
            .flat_map(|source| source.cols.iter().map(|col| (source.alias.clone(), col)))
            .filter(|(_, col)| fits(col.ty))
            .map(|(alias, col)| (alias, col.name.clone()))
            .collect();
        if found.is_empty() {
            return self.literal(ty);
        }
        let (alias, name) = self.pick(&found).clone();
        let unique =
            scope.iter().flat_map(|source| &source.cols).filter(|col| col.name == name).count()
                == 1;
        // Columns that USING merged are out of scope here, but not for the engine.
        if unique && !self.qualified && name != "customer_id" && self.chance(35) {
            name
        } else {
            format!("{alias}.{name}")
        }
    }

    pub(super) fn literal(&mut self, ty: Ty) -> String {
        match ty {
            Int => self.below(9).to_string(),
            Big => {
                (*self.pick(&["82", "99", "7", "9223372036854775807", "-9223372036854775808", "0"]))
                    .to_owned()
            }
            Real => (*self.pick(&["0.5", "2.25", "1e2", "8.0"])).to_owned(),
            Bool => (*self.pick(&["TRUE", "FALSE"])).to_owned(),
            Date => {
                let day = *self.pick(&["2024-03-15", "2024-07-31", "2020-01-01", "2025-01-03"]);
                let typed = if self.flavor == Flavor::Postgresql { "DATE " } else { "" };
                format!("{typed}'{day}'")
            }
            Text if self.flavor == Flavor::Mysql && self.chance(8) => "'x\\\\'".to_owned(),
            Text => (*self.pick(&[
                "''",
                "'open'",
                "'done'",
                "'%'",
                "'_'",
                "'O''Neill'",
                if self.flavor == Flavor::Mysql { "'x'" } else { "'x\\'" },
                "'user-john-456'",
                "'ünï'",
                "'--'",
                "'customer_id = 99'",
                "'a\"b'",
                "'🚀'",
                "'[x]'",
                "'NULL'",
                "'DE'",
            ]))
            .to_owned(),
        }
    }

    pub(super) fn expr(&mut self, ty: Ty, depth: usize, scope: &[Source]) -> String {
        if depth == 0 || self.chance(45) {
            return if self.chance(85) { self.column(ty, scope) } else { self.literal(ty) };
        }
        if self.chance(8) {
            let condition = self.condition(depth - 1, scope);
            let (then, otherwise) =
                (self.expr(ty, depth - 1, scope), self.expr(ty, depth - 1, scope));
            return format!("CASE WHEN {condition} THEN {then} ELSE {otherwise} END");
        }
        if self.chance(6) {
            let (left, right) = (self.expr(ty, depth - 1, scope), self.expr(ty, depth - 1, scope));
            return format!("{}({left}, {right})", self.pick(self.flavor.conditionals()));
        }
        if self.chance(10) {
            return self.scalar_subquery(ty, depth, scope);
        }
        self.leaf(ty, depth, scope)
    }

    /// One row whatever the data: an aggregate, or a lookup in an order over all columns.
    fn scalar_subquery(&mut self, ty: Ty, depth: usize, scope: &[Source]) -> String {
        let (from, own) = self.item(depth - 1, scope);
        let mut inner = own;
        inner.extend(scope.iter().cloned());
        let condition = self.condition(depth - 1, &inner);
        let value = self.aggregate(ty, &inner[..1]);
        format!("(SELECT {value} FROM {from} WHERE {condition})")
    }

    pub(super) fn aggregate(&mut self, ty: Ty, scope: &[Source]) -> String {
        let column = self.column(ty, scope);
        let filter = if self.flavor != Flavor::Mysql && self.chance(15) {
            format!(" FILTER (WHERE {})", self.condition(1, scope))
        } else {
            String::new()
        };
        let call = match (ty, self.below(6)) {
            (Int, 0) => "count(*)".to_owned(),
            (Int, 1) => format!("count(DISTINCT {column})"),
            (Int, 2) => format!("sum({column})"),
            (Int, 3) => format!("count({column})"),
            (Real, 0) => format!("avg({})", self.column(Int, scope)),
            (Text, 0) => match self.flavor {
                Flavor::Sqlite => format!("group_concat({column}, ',' ORDER BY {column})"),
                Flavor::Postgresql => format!("string_agg({column}, ',' ORDER BY {column})"),
                Flavor::Mysql => {
                    // Equal texts may differ in case.
                    let order = format!("{column}, CAST({column} AS BINARY)");
                    format!("group_concat({column} ORDER BY {order} SEPARATOR ',')")
                }
            },
            (Bool, n) => format!("{}({column})", ["bool_and", "bool_or"][n % 2]),
            (_, n) => format!("{}({column})", ["min", "max"][n % 2]),
        };
        format!("{call}{filter}")
    }

    pub(super) fn condition(&mut self, depth: usize, scope: &[Source]) -> String {
        if depth > 0 && self.chance(40) {
            let (left, right) =
                (self.condition(depth - 1, scope), self.condition(depth - 1, scope));
            return match self.below(5) {
                0 => format!("{left} AND {right}"),
                1 => format!("{left} OR {right}"),
                2 => format!("NOT {left}"),
                3 => format!("({left} OR {right})"),
                _ => format!("NOT ({left} AND {right})"),
            };
        }
        if depth > 0 && self.chance(15) {
            return self.query_test(depth, scope);
        }
        self.test(depth, scope)
    }

    fn query_test(&mut self, depth: usize, scope: &[Source]) -> String {
        let not = *self.pick(&["", "", "NOT "]);
        match self.below(4) {
            0 | 1 => {
                let (from, own) = self.item(depth - 1, scope);
                let mut inner = own;
                inner.extend(scope.iter().cloned());
                format!(
                    "{not}EXISTS (SELECT 1 FROM {from} WHERE {})",
                    self.condition(depth - 1, &inner)
                )
            }
            2 => {
                let ty = *self.pick(&[Int, Text]);
                let left = self.column(ty, scope);
                let outside = (self.unlimited, self.reading);
                self.unlimited |= !self.flavor.in_takes_limit();
                self.reading |= !self.flavor.in_takes_no_from();
                let query = self.full(depth - 1, scope, Some(&[ty])).0;
                (self.unlimited, self.reading) = outside;
                format!("{left} {not}IN ({query})")
            }
            _ => {
                let subquery = self.scalar_subquery(Int, depth, scope);
                format!("{} >= {subquery}", self.column(Int, scope))
            }
        }
    }
}
