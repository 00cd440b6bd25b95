//! MySQL and MariaDB: few errors, many warnings, and conversions of everything to everything.

use super::super::Ty::{self, Big, Bool, Date, Int, Real, Text};
use super::super::{Generator, Source};

impl Generator {
    pub(super) fn mysql_leaf(&mut self, ty: Ty, depth: usize, scope: &[Source]) -> String {
        match ty {
            Int => self.mysql_integer(depth, scope),
            Text => self.mysql_text(depth, scope),
            Big => match self.below(12) {
                0 => format!("abs({})", self.column(Big, scope)),
                1 => format!("- {}", self.column(Big, scope)),
                2 => format!("1000 DIV {}", self.zero(scope)),
                3 => format!("CAST({} AS SIGNED)", self.column(Int, scope)),
                _ => self.column(Big, scope),
            },
            Real => match self.below(3) {
                0 => format!("round({}, 1)", self.column(Real, scope)),
                1 => format!("{} * 2", self.column(Real, scope)),
                _ => format!("CAST({} AS DECIMAL(20, 2))", self.column(Int, scope)),
            },
            Date => match self.below(4) {
                0 => format!("date({})", self.column(Date, scope)),
                1 => format!("last_day({})", self.column(Date, scope)),
                _ => self.column(Date, scope),
            },
            Bool => self.literal(ty),
        }
    }

    fn mysql_integer(&mut self, depth: usize, scope: &[Source]) -> String {
        let (left, right) = (self.expr(Int, depth - 1, scope), self.expr(Int, depth - 1, scope));
        match self.below(11) {
            0 => format!("{left} + {right} * 2"),
            1 => format!("{left} - {right}"),
            2 => format!("{left} DIV {right}"),
            3 => format!("{left} % {right}"),
            4 => format!("- {left}"),
            5 => format!("char_length({})", self.column(Text, scope)),
            6 => format!("({} & 7) | 1", self.column(Int, scope)),
            7 => format!("locate('a', {})", self.column(Text, scope)),
            8 => format!("year({})", self.column(Date, scope)),
            9 => format!("CAST({} AS SIGNED)", self.column(Text, scope)),
            _ => format!("coalesce({left}, {right})"),
        }
    }

    fn mysql_text(&mut self, depth: usize, scope: &[Source]) -> String {
        let (left, right) = (self.expr(Text, depth - 1, scope), self.expr(Text, depth - 1, scope));
        match self.below(11) {
            0 => format!("concat({left}, {right})"),
            1 => format!("upper({left})"),
            2 => format!("substring({left}, 2, 3)"),
            3 => format!("trim({left})"),
            4 => format!("replace({left}, 'e', 'E')"),
            5 => format!("CAST({} AS CHAR)", self.column(Int, scope)),
            6 => format!("date_format({}, '%Y-%m')", self.column(Date, scope)),
            7 => format!("concat_ws('-', {}, {left})", self.column(Int, scope)),
            8 => format!("reverse({left})"),
            9 => format!("left({left}, 2)"),
            _ => format!("lower({left})"),
        }
    }

    pub(super) fn mysql_test(&mut self, depth: usize, scope: &[Source]) -> String {
        if self.chance(12) {
            let fallible = self.mysql_fallible(scope);
            return if self.chance(50) {
                format!("{} AND {fallible}", self.key(scope))
            } else {
                fallible
            };
        }
        let ty = *self.pick(&[Int, Int, Text, Text, Big, Real, Date]);
        let (left, right) = (self.expr(ty, depth, scope), self.expr(ty, depth, scope));
        let not = *self.pick(&["", "", "NOT "]);
        match self.below(12) {
            0 => format!("{left} IS {not}NULL"),
            1 => format!("{left} {not}IN ({right}, {})", self.literal(ty)),
            2 => format!("{left} {not}BETWEEN {right} AND {}", self.literal(ty)),
            3 => format!(
                "{} {not}LIKE {}",
                self.column(Text, scope),
                self.pick(&["'%a%'", "'O%'", "'_%'", "'%!%%' ESCAPE '!'", "'u%!' ESCAPE '!'"])
            ),
            4 => format!("{} REGEXP {}", self.column(Text, scope), self.pick(&["'a'", "'^[A-M]'"])),
            5 => format!("{left} <=> {right}"),
            6 => format!("({left}, 1) = ({right}, 1)"),
            7 | 8 => self.key(scope),
            9 => format!("{} = {}", self.column(Text, scope), self.literal(Text)),
            10 => format!("{} IS {not}TRUE", self.column(Int, scope)),
            _ => format!("{left} {} {right}", self.pick(&["=", "<>", "<", "<=", ">", ">=", "!="])),
        }
    }

    /// A condition that fails or warns on some rows: on which ones tells of their values.
    fn mysql_fallible(&mut self, scope: &[Source]) -> String {
        let (text, big) = (self.column(Text, scope), self.column(Big, scope));
        match self.below(11) {
            0 => format!("100 / {} > 5", self.zero(scope)),
            1 => format!("{text} = 0"),
            2 => format!("{text} IN (1, 2)"),
            3 => format!("{text} <=> 0"),
            4 => format!("{text} < {}", self.column(Date, scope)),
            5 => format!("CAST({text} AS SIGNED) > 5"),
            6 => format!("{text} REGEXP {text}"),
            7 => format!("abs({big}) > 5"),
            8 => format!("{} < {text}", self.column(Real, scope)),
            9 => format!("CAST({text} AS DATE) > '2024-01-01'"),
            _ => {
                // More than one row, for some values.
                let (from, own) = self.item(0, scope);
                let mut inner = own.clone();
                inner.extend(scope.iter().cloned());
                let condition = self.mysql_test(0, &inner);
                format!("(SELECT {} FROM {from} WHERE {condition}) > 3", self.column(Int, &own))
            }
        }
    }
}
