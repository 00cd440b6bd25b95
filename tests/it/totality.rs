//! What the analysis calls total is total: every function, operator and cast on the lists, with every type of column
//! and some literals for operands, on rows that hold the ends of each type.
//!
//! An expression that the guard would not fence must do on those rows what it does on none: no error, and no warning.
//! A list entry that is wrongly called total is a leak, and shows here. `DIALEKTAI_TOTALITY_SHARE=1` tries every choice of
//! operands, which takes long; without it one of sixteen is tried, on MariaDB, which sends all rows, one of sixty-four.
//! `DIALEKTAI_TOTALITY_SEED` says which.

mod values;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use dialektai::catalog::{Catalog, RelationName};
use dialektai::guard::sql::{CAST_TARGETS, Dialect, FORMS, Listed, guard_sql, listed};
use dialektai::predicate::{PredicateSet, RowFilter};

use crate::live::Live;
use crate::live::copies::{Servers, pinned};
use values::Values;

/// The most operands that are tried; what takes more takes them all alike.
const OPERANDS: usize = 3;

/// What was asked, and of how much there was something to see.
#[derive(Default)]
struct Asked {
    /// Refused by the guard.
    refused: usize,
    fenced: usize,
    /// Left for another run.
    skipped: usize,
    /// Refused by the engine, before any row.
    meaningless: usize,
    /// Total, and seen so.
    total: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

struct Oracle {
    dialect: Dialect,
    /// One of so many choices of operands is tried.
    share: u64,
    seed: u64,
    catalog: Catalog,
    filters: PredicateSet,
    live: Live,
    asked: Asked,
}

impl Oracle {
    async fn of(dialect: Dialect, servers: &Servers) -> Self {
        let values = Values::of(dialect);
        let mut live = servers.empty("demo").await;
        values.fill(&mut live).await;
        pinned(&mut live).await;
        let catalog = Catalog::parse(&values.catalog()).unwrap();
        let of = |name: &str| RelationName {
            schema: catalog.default_schema.clone(),
            name: name.to_owned(),
        };
        let filters =
            ["extremes", "vacant"].map(|name| (of(name), RowFilter::AllRows)).into_iter().collect();
        let number = |name: &str, default: u64| {
            std::env::var(name).map_or(default, |text| text.parse().unwrap())
        };
        let usual = if dialect == Dialect::Mysql { 64 } else { 16 };
        let share = number("DIALEKTAI_TOTALITY_SHARE", usual);
        let seed = number("DIALEKTAI_TOTALITY_SEED", 1);
        Self { dialect, share, seed, catalog, filters, live, asked: Asked::default() }
    }

    /// Whether the guard lets the expression be computed before a filter.
    fn is_unfenced(&mut self, expr: &str) -> bool {
        let query = format!(
            "SELECT count(*) FROM (SELECT {expr} AS v FROM extremes AS a, extremes AS b) AS q"
        );
        match guard_sql(&query, self.dialect, &self.catalog, &self.filters) {
            Ok(guarded) if guarded.query().fence().is_none() => true,
            Ok(_) => {
                self.asked.fenced += 1;
                false
            }
            Err(_) => {
                self.asked.refused += 1;
                false
            }
        }
    }

    /// What the engine does with the expression on the rows of a table: whether it fails, and its warnings.
    async fn outcome(&mut self, expr: &str, table: &str) -> Result<Vec<Vec<String>>, String> {
        let inner = format!("SELECT {expr} AS v FROM {table} AS a, {table} AS b");
        if self.dialect == Dialect::Mysql {
            // It does not compute what it only counts.
            self.live.run(&inner).await?;
            return self.live.run("SHOW WARNINGS").await;
        }
        self.live.run(&format!("SELECT count(v) FROM ({inner}) AS q")).await.map(|_| Vec::new())
    }

    /// Of the forms with two operands and more, a part is asked about in each run: which one is the seed's choice.
    fn is_asked(&mut self, entry: &str, expr: &str, operands: usize) -> bool {
        let seen = self.asked.total.contains_key(entry);
        let share = if operands < 2 || !seen { 1 } else { self.share };
        let mut hasher = DefaultHasher::new();
        (expr, self.seed).hash(&mut hasher);
        let asked = hasher.finish().is_multiple_of(share);
        self.asked.skipped += usize::from(!asked);
        asked
    }

    async fn ask(&mut self, entry: &str, expr: &str, operands: usize) {
        if !self.is_asked(entry, expr, operands) || !self.is_unfenced(expr) {
            return;
        }
        let Ok(expected) = self.outcome(expr, "vacant").await else {
            self.asked.meaningless += 1;
            return;
        };
        match self.outcome(expr, "extremes").await {
            Ok(actual) if actual == expected => {
                *self.asked.total.entry(entry.to_owned()).or_default() += 1;
            }
            Ok(warnings) => {
                let first = warnings.first().map(|row| row.join(" ")).unwrap_or_default();
                self.asked.wrong.push(format!("{expr}: {first}"));
            }
            Err(error) => self.asked.wrong.push(format!("{expr}: {error}")),
        }
    }

    /// Every choice of operands for a form with `count` of them.
    fn choices(&self, count: usize) -> Vec<Vec<String>> {
        let values = Values::of(self.dialect);
        let mut choices = vec![Vec::new()];
        for place in 0..count {
            let operands = values.operands(place, count);
            choices = choices
                .iter()
                .flat_map(|begun: &Vec<String>| {
                    operands.iter().map(move |operand| {
                        let mut choice = begun.clone();
                        choice.push(operand.clone());
                        choice
                    })
                })
                .collect();
        }
        choices
    }

    async fn function(&mut self, function: &Listed) {
        // A fence in any case, which others test.
        if function.fails.is_some() {
            return;
        }
        let (least, most) = function.arguments;
        let most = most.unwrap_or(OPERANDS).min(OPERANDS).max(least);
        for count in least..=most {
            if count > OPERANDS {
                continue;
            }
            for operands in self.choices(count) {
                let call = format!("{}({})", function.name, operands.join(", "));
                let exprs = match function.kind {
                    "window" => vec![format!("{call} OVER (ORDER BY a.id, b.id)")],
                    "aggregate, with WITHIN GROUP" => Values::of(self.dialect)
                        .columns()
                        .map(|column| format!("{call} WITHIN GROUP (ORDER BY a.{column})"))
                        .collect(),
                    _ => vec![call],
                };
                for expr in exprs {
                    self.ask(function.name, &expr, count).await;
                }
            }
        }
    }

    async fn form(&mut self, template: &str) {
        let count = (0..OPERANDS).filter(|n| template.contains(&format!("{{{n}}}"))).count();
        for operands in self.choices(count) {
            let mut expr = template.to_owned();
            for (place, operand) in operands.iter().enumerate() {
                expr = expr.replace(&format!("{{{place}}}"), operand);
            }
            self.ask(template, &expr, count).await;
        }
    }

    async fn everything(mut self) {
        for function in listed(self.dialect) {
            self.function(&function).await;
        }
        let dialect = self.dialect;
        for form in FORMS.iter().filter(|form| form.dialects.contains(&dialect)) {
            self.form(form.template).await;
        }
        let targets = CAST_TARGETS.iter().find(|targets| targets.dialect == dialect).unwrap();
        for target in targets.types {
            self.form(&format!("CAST({{0}} AS {target})")).await;
        }
        let Asked { refused, fenced, skipped, meaningless, total, wrong } = self.asked;
        let seen: usize = total.values().sum();
        eprintln!(
            "totality on {}: {seen} total of {} entries, {fenced} fenced, {refused} refused, {meaningless} meaningless, {skipped} not asked",
            dialect.name(),
            total.len()
        );
        assert!(wrong.is_empty(), "{} are not total:\n{}", wrong.len(), wrong.join("\n"));
        let unseen: Vec<&str> = listed(dialect)
            .filter(|function| function.fails.is_none() && !total.contains_key(function.name))
            .map(|function| function.name)
            .filter(|name| !Values::of(dialect).unseen().contains(name))
            .collect();
        assert!(unseen.is_empty(), "nothing was seen of {unseen:?}");
    }
}

async fn check(dialect: Dialect) {
    let Some(servers) = Servers::bare(dialect).await else { return };
    Oracle::of(dialect, &servers).await.everything().await;
}

#[tokio::test]
async fn what_is_called_total_is_total_on_sqlite() {
    check(Dialect::Sqlite).await;
}

#[tokio::test]
async fn what_is_called_total_is_total_on_postgresql() {
    check(Dialect::Postgresql).await;
}

#[tokio::test]
async fn what_is_called_total_is_total_on_mariadb() {
    check(Dialect::Mysql).await;
}
