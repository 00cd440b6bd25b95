//! SQLite: any value anywhere, and few errors.

use super::super::Ty::{self, Big, Bool, Date, Int, Real, Text};
use super::super::{Generator, Source};

impl Generator {
    pub(super) fn sqlite_leaf(&mut self, ty: Ty, depth: usize, scope: &[Source]) -> String {
        match ty {
            Int => self.sqlite_integer(depth, scope),
            Text => self.sqlite_text(depth, scope),
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
            Bool | Date => self.literal(ty),
        }
    }

    fn sqlite_integer(&mut self, depth: usize, scope: &[Source]) -> String {
        let (left, right) = (self.expr(Int, depth - 1, scope), self.expr(Int, depth - 1, scope));
        match self.below(14) {
            9 => format!("iif({left} > 3, {right}, 0)"),
            10 => format!("max({left}, {right})"),
            11 => format!("instr({}, 'a')", self.column(Text, scope)),
            12 => format!("unicode({})", self.column(Text, scope)),
            13 => format!("nullif({left}, {right})"),
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

    fn sqlite_text(&mut self, depth: usize, scope: &[Source]) -> String {
        let (left, right) = (self.expr(Text, depth - 1, scope), self.expr(Text, depth - 1, scope));
        match self.below(14) {
            10 => format!("concat_ws('/', {left}, {right})"),
            11 => format!("hex({left})"),
            12 => format!("json_quote({left})"),
            13 => format!("ifnull({left}, {right})"),
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

    pub(super) fn sqlite_test(&mut self, depth: usize, scope: &[Source]) -> String {
        let ty = *self.pick(&[Int, Int, Text, Text, Big, Real]);
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
            10 if self.chance(30) => self.key(scope),
            _ => format!(
                "{left} {} {right}",
                self.pick(&["=", "<>", "<", "<=", ">", ">=", "==", "!="])
            ),
        }
    }
}
