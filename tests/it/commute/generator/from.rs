//! FROM clauses: joins of every kind, derived tables, CTEs and relations in all their spellings.

use super::tables::columns;
use super::{Flavor, Generator, Source, Ty};
use Ty::{Int, Text};

impl Generator {
    /// A relation's name in one of the spellings that mean the same.
    fn spell(&mut self, name: &str) -> String {
        match (self.below(24), self.flavor) {
            (0, Flavor::Sqlite | Flavor::Postgresql) => format!("\"{name}\""),
            (1, Flavor::Sqlite) => format!("[{name}]"),
            (2, Flavor::Sqlite | Flavor::Mysql) => format!("`{name}`"),
            // On Linux, a relation of MySQL is a file, and its name has one case.
            (3, Flavor::Sqlite | Flavor::Postgresql) => name.to_uppercase(),
            _ => name.to_owned(),
        }
    }

    pub(super) fn from(&mut self, depth: usize, outer: &[Source]) -> (String, Vec<Source>) {
        let (mut sql, mut sources) = self.item(depth, outer);
        let joins = [0, 0, 0, 1, 1, 2][self.below(6)];
        for join in 0..joins {
            let last = join + 1 == joins;
            if self.flavor == Flavor::Postgresql && depth > 1 && self.chance(8) {
                let (lateral, added) = self.lateral(depth, &sources, outer);
                sql.push_str(&lateral);
                sources.push(added);
                continue;
            }
            let (right, added) = self.item(depth, outer);
            let mut scope = sources.clone();
            scope.extend(added.iter().cloned());
            match self.below(10) {
                0 if last || self.flavor.comma_is_a_join() => sql.push_str(&format!(", {right}")),
                0 | 1 => sql.push_str(&format!(" CROSS JOIN {right}")),
                2 | 3 if Self::shared(&sources, &added, "customer_id") => {
                    let kind = *self.pick(self.flavor.using_joins());
                    sql.push_str(&format!(" {kind} {right} USING (customer_id)"));
                    // From here on, the column is one, and only its bare name is sure to mean the same.
                    for source in &mut scope {
                        source.cols.retain(|col| col.name != "customer_id");
                    }
                }
                _ => {
                    let mut kind = *self.pick(self.flavor.joins());
                    let ty = *self.pick(&[Int, Int, Text]);
                    self.qualified = self.chance(95) || self.flavor != Flavor::Sqlite;
                    let (left_key, right_key) =
                        (self.column(ty, &sources), self.column(ty, &added));
                    let strict = self.flavor == Flavor::Postgresql && kind == "FULL JOIN";
                    if strict && !(left_key.contains('.') && right_key.contains('.')) {
                        // PostgreSQL joins fully by equal columns only.
                        kind = "LEFT JOIN";
                    }
                    let extra = if self.chance(25) && !(strict && kind == "FULL JOIN") {
                        format!(" AND {}", self.condition(1, &scope))
                    } else {
                        String::new()
                    };
                    self.qualified = false;
                    sql.push_str(&format!(" {kind} {right} ON {left_key} = {right_key}{extra}"));
                }
            }
            sources = scope;
        }
        (sql, sources)
    }

    /// A derived table that sees its neighbours to the left.
    fn lateral(&mut self, depth: usize, left: &[Source], outer: &[Source]) -> (String, Source) {
        let mut scope = left.to_vec();
        scope.extend(outer.iter().cloned());
        let (query, cols) = self.full(depth - 1, &scope, None);
        let alias = self.name("l");
        let join = *self.pick(&["CROSS JOIN LATERAL", "LEFT JOIN LATERAL"]);
        let on = if join == "LEFT JOIN LATERAL" { " ON TRUE" } else { "" };
        (format!(" {join} ({query}) AS {alias}{on}"), Source { alias, cols, keyed: false })
    }

    fn shared(left: &[Source], right: &[Source], name: &str) -> bool {
        let has = |sources: &[Source]| {
            sources.iter().flat_map(|s| &s.cols).filter(|col| col.name == name).count() == 1
        };
        has(left) && has(right)
    }

    pub(super) fn item(&mut self, depth: usize, outer: &[Source]) -> (String, Vec<Source>) {
        if depth > 1 && self.chance(20) {
            let seen = if self.flavor.derived_sees_outer() { outer } else { &[] };
            let (query, cols) = self.full(depth - 1, seen, None);
            let alias = self.name("d");
            let source = Source { alias: alias.clone(), cols, keyed: false };
            return (format!("({query}) AS {alias}"), vec![source]);
        }
        if depth > 1 && self.chance(6) {
            let (left, mut sources) = self.item(0, outer);
            let (right, added) = self.item(0, outer);
            self.qualified = self.flavor != Flavor::Sqlite;
            let on = format!("{} = {}", self.column(Int, &sources), self.column(Int, &added));
            self.qualified = false;
            sources.extend(added);
            return (format!("({left} JOIN {right} ON {on})"), sources);
        }
        let usable: Vec<Source> =
            self.ctes.iter().filter(|cte| !cte.cols.is_empty()).cloned().collect();
        if !usable.is_empty() && self.chance(50) {
            let mut source = self.pick(&usable).clone();
            let alias = self.name("a");
            let sql = format!("{} AS {alias}", source.alias);
            source.alias = alias;
            return (sql, vec![source]);
        }
        let table = *self.pick(&self.tables.clone());
        let hidden = self.ctes.iter().any(|cte| cte.alias == table);
        let spelled = self.spell(table);
        let qualified = if hidden || self.chance(12) {
            format!("{}.{spelled}", self.flavor.schema())
        } else {
            spelled
        };
        let alias = self.name("t");
        let keyed = table != "countries";
        let cols = columns(table, self.flavor);
        let source = Source { alias: alias.clone(), cols, keyed };
        (format!("{qualified}{}{alias}", if self.chance(60) { " AS " } else { " " }), vec![source])
    }
}
