//! PostgreSQL: strict types, and many errors.

use super::super::Ty::{self, Big, Bool, Date, Int, Real, Text};
use super::super::{Generator, Source};

impl Generator {
    pub(super) fn postgresql_leaf(&mut self, ty: Ty, depth: usize, scope: &[Source]) -> String {
        match ty {
            Int => self.postgresql_integer(depth, scope),
            Text => self.postgresql_text(depth, scope),
            Big => match self.below(12) {
                0 => format!("abs({})", self.column(Big, scope)),
                1 => format!("- {}", self.column(Big, scope)),
                2 => format!("1000 / {}", self.zero(scope)),
                3 => format!("CAST({} AS BIGINT)", self.column(Int, scope)),
                _ => self.column(Big, scope),
            },
            Real => match self.below(3) {
                0 => format!("round(CAST({} AS NUMERIC), 1)", self.column(Real, scope)),
                1 => format!("{} * 2", self.column(Real, scope)),
                _ => format!("CAST({} AS NUMERIC)", self.column(Int, scope)),
            },
            Bool => format!("({})", self.condition(depth - 1, scope)),
            Date => match self.below(5) {
                0 => format!("{} + INTERVAL '1 month'", self.column(Date, scope)),
                1 => format!("date_trunc('month', {})", self.column(Date, scope)),
                2 => format!("CAST({} AS DATE)", self.column(Date, scope)),
                _ => self.column(Date, scope),
            },
        }
    }

    fn postgresql_integer(&mut self, depth: usize, scope: &[Source]) -> String {
        let (left, right) = (self.expr(Int, depth - 1, scope), self.expr(Int, depth - 1, scope));
        match self.below(18) {
            12 => format!("CASE WHEN {left} > 3 THEN {right} END"),
            13 => format!("greatest({left}, {right}, {})", self.literal(Int)),
            14 => format!("cardinality(string_to_array({}, ' '))", self.column(Text, scope)),
            15 => format!("CAST(date_part('epoch', {}) AS BIGINT) % 7", self.column(Date, scope)),
            16 => format!("bit_length({})", self.column(Text, scope)),
            17 => format!("nullif({left}, {})", self.literal(Int)),
            0 => format!("{left} + {right} * 2"),
            1 => format!("{left} - {right}"),
            2 => format!("{left} / ({} * 2 + 1)", self.column(Int, scope)),
            3 if self.chance(40) => format!("100 / {}", self.zero(scope)),
            3 => format!("{left} % 3"),
            4 => format!("- {left}"),
            5 => format!("length({})", self.column(Text, scope)),
            6 => format!("({} & 7) | 1", self.column(Int, scope)),
            7 => format!("strpos({}, 'a')", self.column(Text, scope)),
            8 => format!("CAST(extract(year FROM {}) AS INTEGER)", self.column(Date, scope)),
            9 => format!(
                "CAST(CASE WHEN {0} ~ '^[0-9]+$' THEN {0} ELSE '0' END AS INTEGER)",
                self.column(Text, scope)
            ),
            10 if self.chance(20) => format!("CAST({} AS INTEGER)", self.column(Big, scope)),
            _ => format!("coalesce({left}, {right})"),
        }
    }

    fn postgresql_text(&mut self, depth: usize, scope: &[Source]) -> String {
        let (left, right) = (self.expr(Text, depth - 1, scope), self.expr(Text, depth - 1, scope));
        match self.below(20) {
            13 => format!("translate({left}, 'aeiou', '12345')"),
            14 => format!("format('%s-%5s', {}, {left})", self.column(Int, scope)),
            15 => format!("regexp_replace({left}, '[aeiou]', '*')"),
            16 => format!("to_hex({})", self.column(Int, scope)),
            17 => format!("concat_ws('/', {left}, {right})"),
            18 => format!("jsonb_build_object('k', {left}) ->> 'k'"),
            19 => format!("nullif({left}, {right})"),
            0 => format!("{left} || {right}"),
            1 => format!("upper({left})"),
            2 => format!("substr({left}, 2, 3)"),
            3 => format!("trim({left})"),
            4 => format!("replace({left}, 'e', 'E')"),
            5 => format!("CAST({} AS TEXT)", self.column(Int, scope)),
            6 => format!("to_char({}, 'YYYY-MM')", self.column(Date, scope)),
            7 => format!("concat({}, '-', {left})", self.column(Int, scope)),
            8 => format!("CAST({} AS VARCHAR(3))", self.column(Text, scope)),
            9 => format!("split_part({left}, ' ', 1)"),
            10 => format!("md5({left})"),
            11 => format!("left({left}, 2)"),
            _ => format!("lower({left})"),
        }
    }

    pub(super) fn postgresql_test(&mut self, depth: usize, scope: &[Source]) -> String {
        if self.chance(8) {
            let fallible = self.postgresql_fallible(scope);
            return if self.chance(40) {
                format!("{} AND {fallible}", self.key(scope))
            } else {
                fallible
            };
        }
        let ty = *self.pick(&[Int, Int, Text, Text, Big, Real, Bool, Date]);
        let (left, right) = (self.expr(ty, depth, scope), self.expr(ty, depth, scope));
        let not = *self.pick(&["", "", "NOT "]);
        match self.below(12) {
            0 => format!("{left} IS {not}NULL"),
            1 => format!("{left} {not}IN ({right}, {})", self.literal(ty)),
            2 => format!("{left} {not}BETWEEN {right} AND {}", self.literal(ty)),
            3 => format!(
                "{} {not}{} {}",
                self.column(Text, scope),
                self.pick(&["LIKE", "ILIKE"]),
                self.pick(&["'%a%'", "'O%'", "'_%'", "'%!%%' ESCAPE '!'", "'u%\\%'"])
            ),
            4 => format!(
                "{} {} {}",
                self.column(Text, scope),
                self.pick(&["~", "~*", "!~"]),
                self.pick(&["'a'", "'^[A-M]'", "'.+'"])
            ),
            5 => format!("{left} IS {not}DISTINCT FROM {right}"),
            6 => format!("({left}, 1) = ({right}, 1)"),
            7 => {
                format!("{} COLLATE \"C\" < {}", self.column(Text, scope), self.column(Text, scope))
            }
            8 => self.key(scope),
            9 => self.column(Bool, scope),
            10 => format!("{} IS {not}TRUE", self.column(Bool, scope)),
            _ => format!("{left} {} {right}", self.pick(&["=", "<>", "<", "<=", ">", ">=", "!="])),
        }
    }

    /// A condition that fails on some rows: on which ones tells of their values.
    fn postgresql_fallible(&mut self, scope: &[Source]) -> String {
        let (text, big) = (self.column(Text, scope), self.column(Big, scope));
        match self.below(18) {
            13 => format!("chr({}) = 'a'", self.column(Int, scope)),
            14 => format!("CAST({text} AS JSONB) ? 'a'"),
            15 => format!("gcd({big}, {}) > 1", self.zero(scope)),
            16 => format!("coalesce({}, CAST({big} AS NUMERIC)) > 5", self.column(Real, scope)),
            17 => format!("make_time({}, 0, 0) > TIME '03:00'", self.column(Int, scope)),
            0 | 1 => format!("100 / {} > 5", self.zero(scope)),
            2 => format!("{text} !~ ('^' || {text})"),
            3 => format!("{text} ~ {text}"),
            4 => format!("{} ~ {text}", self.literal(Text)),
            5 => format!("sqrt({}) > 2", self.column(Int, scope)),
            6 => format!("CAST({text} AS INTEGER) > 5"),
            7 => format!("CAST({big} AS INTEGER) > 5"),
            8 => format!("abs({big}) > 5"),
            9 => format!("substr({text}, 1, {} + 3) = 'Exf'", self.column(Int, scope)),
            10 => format!("make_date(2024, {}, 1) > DATE '2024-03-01'", self.column(Int, scope)),
            11 => format!("CAST({text} AS DATE) > DATE '2024-01-01'"),
            _ => {
                // More than one row, for some values.
                let (from, own) = self.item(0, scope);
                let mut inner = own.clone();
                inner.extend(scope.iter().cloned());
                let condition = self.postgresql_test(0, &inner);
                format!("(SELECT {} FROM {from} WHERE {condition}) > 3", self.column(Int, &own))
            }
        }
    }
}
