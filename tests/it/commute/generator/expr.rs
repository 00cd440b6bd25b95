//! Random expressions, often without the parentheses that would hide a difference in precedence.

use super::{Generator, Source, Ty};
use Ty::{Big, Int, Real, Text};

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

    fn literal(&mut self, ty: Ty) -> String {
        match ty {
            Int => self.below(9).to_string(),
            Big => {
                (*self.pick(&["82", "99", "7", "9223372036854775807", "-9223372036854775808", "0"]))
                    .to_owned()
            }
            Real => (*self.pick(&["0.5", "2.25", "1e2", "8.0"])).to_owned(),
            Text => (*self.pick(&[
                "''",
                "'open'",
                "'done'",
                "'%'",
                "'_'",
                "'O''Neill'",
                "'x\\'",
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
            return format!(
                "{}({left}, {right})",
                self.pick(&["coalesce", "ifnull", "nullif", "min", "max"])
            );
        }
        if self.chance(10) {
            return self.scalar_subquery(ty, depth, scope);
        }
        match ty {
            Int => self.integer(depth, scope),
            Text => self.text(depth, scope),
            Big => match self.below(4) {
                0 => format!("abs({})", self.column(Big, scope)),
                1 => format!("-{}", self.column(Big, scope)),
                _ => self.column(Big, scope),
            },
            Real => match self.below(3) {
                0 => format!("round({}, 1)", self.column(Real, scope)),
                1 => format!("{} * 2", self.column(Real, scope)),
                _ => format!("CAST({} AS REAL)", self.column(Int, scope)),
            },
        }
    }

    fn integer(&mut self, depth: usize, scope: &[Source]) -> String {
        let (left, right) = (self.expr(Int, depth - 1, scope), self.expr(Int, depth - 1, scope));
        match self.below(9) {
            0 => format!("{left} + {right} * 2"),
            1 => format!("{left} - {right}"),
            2 => format!("{left} / {right}"),
            3 => format!("{left} % {right}"),
            4 => format!("-{left}"),
            5 => format!("({left} & 7) | {right}"),
            6 => format!("length({})", self.column(Text, scope)),
            7 => format!("{left} << 1"),
            _ => format!("CAST({} AS INTEGER)", self.column(Text, scope)),
        }
    }

    fn text(&mut self, depth: usize, scope: &[Source]) -> String {
        let (left, right) = (self.expr(Text, depth - 1, scope), self.expr(Text, depth - 1, scope));
        match self.below(10) {
            0 => format!("{left} || {right}"),
            1 => format!("upper({left})"),
            2 => format!("substr({left}, 2, 3)"),
            3 => format!("trim({left})"),
            4 => format!("replace({left}, 'e', 'E')"),
            5 => format!("CAST({} AS TEXT)", self.column(Int, scope)),
            6 => format!("date({left})"),
            7 => format!("printf('%d-%s', {}, {left})", self.column(Int, scope)),
            8 => format!("{} || '-' || {left}", self.column(Int, scope)),
            _ => format!("lower({left})"),
        }
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
        let filter = if self.chance(15) {
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
            (Text, 0) => format!("group_concat({column}, ',' ORDER BY {column})"),
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

    fn test(&mut self, depth: usize, scope: &[Source]) -> String {
        let ty = *self.pick(&[Int, Int, Text, Text, Big, Real]);
        let depth = depth.saturating_sub(1);
        let (left, right) = (self.expr(ty, depth, scope), self.expr(ty, depth, scope));
        let not = *self.pick(&["", "", "NOT "]);
        match self.below(13) {
            0 => format!("{left} IS {not}NULL"),
            1 => format!("{left} {not}IN ({right}, {})", self.literal(ty)),
            2 => format!("{left} {not}BETWEEN {right} AND {}", self.literal(ty)),
            3 => format!(
                "{left} {not}LIKE {}",
                self.pick(&["'%a%'", "'O%'", "'_%'", "'%!%%' ESCAPE '!'", "'x\\'"])
            ),
            4 => format!("{left} GLOB {}", self.pick(&["'*a*'", "'[A-M]*'", "'?*'"])),
            5 => format!("{left} IS {not}DISTINCT FROM {right}"),
            6 => format!("({left}, 1) = ({right}, 1)"),
            7 => format!("{} COLLATE NOCASE = {right}", self.column(Text, scope)),
            // May fail: on the least integer, and on what is not JSON.
            // With an index that holds it, SQLite asks this before it reads the row that says whose it is.
            8 if self.chance(50) => {
                let column = self.column(Big, scope);
                format!("{column} < 0 AND abs({column}) > 5")
            }
            8 if self.chance(40) => {
                format!("json_extract({}, '$.a') IS NULL", self.column(Text, scope))
            }
            9 => format!("{} = TRUE", self.column(Int, scope)),
            _ => format!(
                "{left} {} {right}",
                self.pick(&["=", "<>", "<", "<=", ">", ">=", "==", "!="])
            ),
        }
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
                format!("{left} {not}IN ({})", self.full(depth - 1, scope, Some(&[ty])).0)
            }
            _ => {
                let subquery = self.scalar_subquery(Int, depth, scope);
                format!("{} >= {subquery}", self.column(Int, scope))
            }
        }
    }
}
