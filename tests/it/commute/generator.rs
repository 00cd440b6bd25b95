//! Random queries over the demo database: seeded, mostly valid, and in every form that the guard admits.
//!
//! Each engine has its flavour: the types it keeps apart, the forms it has, and expressions that fail on some rows.
//! Only what has one answer is generated: LIMIT stands behind an ORDER BY over all columns, windows are ordered by
//! something whose ties do not matter, and floating point is never summed.

mod expr;
mod flavor;
mod from;
mod leaf;
mod tables;

pub(crate) use flavor::Flavor;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Types, as far as an expression must keep them apart to be worth running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ty {
    /// Small integers, safe to add up.
    Int,
    /// Integers up to the limits of 64 bits.
    Big,
    Text,
    Real,
    /// Where truth values are a type of their own.
    Bool,
    /// Days and instants, where they are.
    Date,
}

#[derive(Debug, Clone)]
pub(super) struct Col {
    pub(super) name: String,
    pub(super) ty: Ty,
}

/// A table in scope.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) alias: String,
    pub(super) cols: Vec<Col>,
    /// Whether the first column is a unique key.
    pub(super) keyed: bool,
}

pub(crate) struct Generator {
    flavor: Flavor,
    rng: ChaCha8Rng,
    tables: Vec<&'static str>,
    ctes: Vec<Source>,
    fresh: usize,
    /// Whether columns are written with their table: SQLite looks for the names of an ON clause also to its right.
    qualified: bool,
    /// Whether LIMIT has no place here.
    unlimited: bool,
    /// Whether every SELECT has a FROM.
    reading: bool,
}

use Ty::{Int, Text};

impl Generator {
    /// `tables` are the relations that the caller may read; others would only be refused.
    pub(crate) fn new(flavor: Flavor, seed: u64, tables: Vec<&'static str>) -> Self {
        Self {
            flavor,
            rng: ChaCha8Rng::seed_from_u64(seed),
            tables,
            ctes: Vec::new(),
            fresh: 0,
            qualified: false,
            unlimited: false,
            reading: false,
        }
    }

    /// One query.
    pub(crate) fn query(&mut self) -> String {
        self.ctes.clear();
        self.fresh = 0;
        self.full(3, &[], None).0
    }

    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    pub(super) fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.rng.random_range(0..items.len())]
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n)
    }

    fn name(&mut self, prefix: &str) -> String {
        self.fresh += 1;
        format!("{prefix}{}", self.fresh)
    }

    /// WITH, body, ORDER BY and LIMIT; the columns have the types of `like`, if given.
    pub(super) fn full(
        &mut self,
        depth: usize,
        outer: &[Source],
        like: Option<&[Ty]>,
    ) -> (String, Vec<Col>) {
        let visible = self.ctes.len();
        let mut sql = String::new();
        if depth > 1 && self.chance(15) {
            sql = self.with(depth, outer);
        }
        let (body, cols) = self.body(depth, outer, like);
        sql.push_str(&body);
        if self.chance(30) {
            let ordinals: Vec<String> = (1..=cols.len())
                .map(|n| {
                    let direction = *self.pick(self.flavor.orders());
                    format!("{n}{direction}")
                })
                .collect();
            sql.push_str(&format!(" ORDER BY {}", ordinals.join(", ")));
            if !self.unlimited && self.chance(60) {
                sql.push_str(&format!(" LIMIT {}", self.below(7)));
                if self.chance(30) {
                    sql.push_str(&format!(" OFFSET {}", self.below(3)));
                }
            }
        }
        self.ctes.truncate(visible);
        (sql, cols)
    }

    fn with(&mut self, depth: usize, outer: &[Source]) -> String {
        let mut parts = Vec::new();
        let recursive = self.chance(30);
        let outside = self.ctes.clone();
        if self.flavor == Flavor::Mysql {
            // MariaDB's nested definitions read tables where outer CTEs are named, so they must not name any.
            self.ctes.iter_mut().for_each(|cte| cte.cols.clear());
        }
        for _ in 0..=self.below(2) {
            // A name that hides a table, now and then.
            let shadow = *self.pick(&self.tables.clone());
            let taken = self.ctes.iter().any(|cte| cte.alias == shadow);
            let name = if !taken && self.chance(25) { shadow.to_owned() } else { self.name("c") };
            // Its own name is in scope inside it, and SQLite calls that circular.
            self.ctes.push(Source { alias: name.clone(), cols: Vec::new(), keyed: false });
            let own = self.ctes.len() - 1;
            let steps = recursive && self.chance(60);
            let (query, mut cols) = if steps {
                self.recursive(&name, depth)
            } else {
                self.full(depth - 1, outer, None)
            };
            let mut list = String::new();
            if !steps && self.chance(40) {
                for col in &mut cols {
                    col.name = self.name("k");
                }
                list = format!(
                    "({})",
                    cols.iter().map(|c| c.name.clone()).collect::<Vec<_>>().join(", ")
                );
            }
            self.ctes.truncate(own);
            self.ctes.push(Source { alias: name.clone(), cols, keyed: false });
            parts.push(format!("{name}{list} AS ({query})"));
        }
        self.ctes.splice(..outside.len(), outside);
        format!("WITH {}{} ", if recursive { "RECURSIVE " } else { "" }, parts.join(", "))
    }

    /// A counter, and a walk from task to task.
    fn recursive(&mut self, name: &str, depth: usize) -> (String, Vec<Col>) {
        let column = self.name("n");
        let cols = vec![Col { name: column.clone(), ty: Int }];
        let stop = 1 + self.below(6);
        let (base, first) = self.select(depth - 1, &[], Some(&[Int]));
        let union = *self.pick(&["UNION", "UNION ALL"]);
        let sql = if self.chance(50) {
            format!(
                "SELECT 1 AS {column} {union} SELECT {column} + 1 FROM {name} WHERE {column} < {stop}"
            )
        } else {
            // UNION, not UNION ALL: a remainder comes round.
            let first = &first[0].name;
            format!(
                "SELECT x.{first} AS {column} FROM ({base}) AS x \
                 UNION SELECT {column} % 5 FROM {name} WHERE {column} > {stop}"
            )
        };
        (sql, cols)
    }

    fn body(&mut self, depth: usize, outer: &[Source], like: Option<&[Ty]>) -> (String, Vec<Col>) {
        if depth > 1 && self.chance(15) {
            let (mut sql, cols) = self.select(depth - 1, outer, like);
            let types: Vec<Ty> = cols.iter().map(|col| col.ty).collect();
            for _ in 0..=self.below(2) {
                let op = *self.pick(self.flavor.set_operations());
                let right = if self.chance(10) {
                    self.values(&types, outer).0
                } else {
                    self.select(depth - 1, outer, Some(&types)).0
                };
                // The parser reads INTERSECT as binding tighter, and the guard refuses what SQLite reads otherwise.
                let mixed = sql.contains(" UNION ") || sql.contains(" EXCEPT ");
                let sqlite = self.flavor == Flavor::Sqlite;
                let op = if op == "INTERSECT" && mixed && sqlite { "EXCEPT" } else { op };
                sql = format!("{sql} {op} {right}");
            }
            return (sql, cols);
        }
        self.select(depth, outer, like)
    }

    fn values(&mut self, types: &[Ty], outer: &[Source]) -> (String, Vec<Col>) {
        let rows: Vec<String> = (0..=self.below(3))
            .map(|_| {
                let row: Vec<String> = types.iter().map(|ty| self.expr(*ty, 0, outer)).collect();
                format!("({})", row.join(", "))
            })
            .collect();
        let cols = types
            .iter()
            .enumerate()
            .map(|(n, ty)| Col { name: format!("column{}", n + 1), ty: *ty });
        (format!("VALUES {}", rows.join(", ")), cols.collect())
    }

    /// One SELECT block. Its result columns all have names of their own.
    pub(super) fn select(
        &mut self,
        depth: usize,
        outer: &[Source],
        like: Option<&[Ty]>,
    ) -> (String, Vec<Col>) {
        if (depth == 0 || self.chance(3)) && !self.reading {
            let types = like.map_or_else(|| vec![Int, Text], <[Ty]>::to_vec);
            let items = types.iter().map(|ty| (self.expr(*ty, 1, outer), *ty)).collect::<Vec<_>>();
            let (items, cols) = self.named(items);
            return (format!("SELECT {items}"), cols);
        }
        let (from, own) = self.from(depth, outer);
        let mut scope = own.clone();
        scope.extend(outer.iter().cloned());
        let mut tail = String::new();
        if self.chance(60) {
            tail.push_str(&format!(" WHERE {}", self.condition(depth.min(2), &scope)));
        }
        if self.chance(25) {
            // An aggregate of outer columns belongs to the outer query, and cannot stand in its WHERE.
            let seen = if self.flavor == Flavor::Sqlite { &scope } else { &own };
            return self.grouped(&from, &tail, seen, like);
        }
        if like.is_none() && self.chance(20) {
            return self.starred(&from, &tail, &own);
        }
        let types = like.map_or_else(|| self.some_types(), <[Ty]>::to_vec);
        let mut items: Vec<(String, Ty)> =
            types.iter().map(|ty| (self.expr(*ty, depth.min(2), &scope), *ty)).collect();
        let mut windows = String::new();
        if self.chance(15) {
            let (item, named) = self.window(&own);
            if let Some(place) = items.iter_mut().find(|(_, ty)| *ty == Int) {
                place.0 = item;
                windows = named;
            }
        }
        let (items, cols) = self.named(items);
        if self.flavor == Flavor::Postgresql && own.len() == 1 && own[0].keyed && self.chance(6) {
            // Which row stands for its group is told by the key.
            let (on, key) = (self.column(Text, &own), &own[0].cols[0].name);
            let order = format!("{on}, {}.{key}", own[0].alias);
            let sql = format!(
                "SELECT DISTINCT ON ({on}) {items} FROM {from}{tail}{windows} ORDER BY {order}"
            );
            return (format!("SELECT * FROM ({sql}) AS {}", self.name("o")), cols);
        }
        let distinct = if self.chance(15) { "DISTINCT " } else { "" };
        (format!("SELECT {distinct}{items} FROM {from}{tail}{windows}"), cols)
    }

    fn some_types(&mut self) -> Vec<Ty> {
        (0..=self.below(3)).map(|_| *self.pick(self.flavor.types())).collect()
    }

    fn named(&mut self, items: Vec<(String, Ty)>) -> (String, Vec<Col>) {
        let mut texts = Vec::new();
        let mut cols = Vec::new();
        for (text, ty) in items {
            let name = self.name("r");
            texts.push(format!("{text}{}{name}", if self.chance(80) { " AS " } else { " " }));
            cols.push(Col { name, ty });
        }
        (texts.join(", "), cols)
    }

    /// `*` and `t.*`: only where their column names differ.
    fn starred(&mut self, from: &str, tail: &str, own: &[Source]) -> (String, Vec<Col>) {
        let source = self.pick(own).clone();
        let mut names: Vec<String> =
            own.iter().flat_map(|s| s.cols.iter().map(|c| c.name.clone())).collect();
        names.sort();
        let all = names.len();
        names.dedup();
        if own.len() == 1 || names.len() < all {
            return (format!("SELECT {}.* FROM {from}{tail}", source.alias), source.cols);
        }
        let cols = own.iter().flat_map(|source| source.cols.clone()).collect();
        (format!("SELECT * FROM {from}{tail}"), cols)
    }

    fn grouped(
        &mut self,
        from: &str,
        tail: &str,
        scope: &[Source],
        like: Option<&[Ty]>,
    ) -> (String, Vec<Col>) {
        let types = like.map_or_else(|| self.some_types(), <[Ty]>::to_vec);
        let mut keys: Vec<(String, Ty)> = (0..self.below(3))
            .map(|_| {
                let ty = *self.pick(&[Int, Text, Text]);
                (self.column(ty, scope), ty)
            })
            .collect();
        // Elsewhere a literal is an ordinal, or an error.
        keys.retain(|(text, _)| {
            self.flavor == Flavor::Sqlite || text.starts_with(char::is_alphabetic)
        });
        let items: Vec<(String, Ty)> = types
            .iter()
            .map(|ty| {
                let key = keys.iter().find(|(_, own)| own == ty).cloned();
                match key {
                    Some((text, _)) if self.chance(50) => (text, *ty),
                    _ => (self.aggregate(*ty, scope), *ty),
                }
            })
            .collect();
        let (items, cols) = self.named(items);
        let mut sql = format!("SELECT {items} FROM {from}{tail}");
        if !keys.is_empty() {
            let keys: Vec<&str> = keys.iter().map(|(text, _)| text.as_str()).collect();
            let keys = keys.join(", ");
            let by = match (self.flavor, self.below(8)) {
                (Flavor::Postgresql, 0) => format!("ROLLUP ({keys})"),
                (Flavor::Postgresql, 1) => format!("CUBE ({keys})"),
                (Flavor::Postgresql, 2) => format!("GROUPING SETS (({keys}), ())"),
                (Flavor::Mysql, 0) => format!("{keys} WITH ROLLUP"),
                _ => keys,
            };
            sql.push_str(&format!(" GROUP BY {by}"));
            if self.chance(40) {
                let (left, right) = (self.aggregate(Int, scope), self.below(4));
                let op = *self.pick(&[">", ">=", "<>", "<"]);
                sql.push_str(&format!(" HAVING {left} {op} {right}"));
            }
        }
        (sql, cols)
    }

    /// A window call over the sources' own columns, and the WINDOW clause that it may need.
    fn window(&mut self, own: &[Source]) -> (String, String) {
        let partition = self.column(Text, own);
        let order = self.column(Int, own);
        let mut spec = format!("PARTITION BY {partition} ORDER BY {order}");
        if self.flavor != Flavor::Mysql && self.chance(30) {
            spec.push_str(" GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW");
        } else if self.chance(20) {
            spec.push_str(" RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW");
        }
        let count = self.column(Int, own);
        let keyed = own.len() == 1 && own[0].keyed;
        let call = match self.below(if keyed { 6 } else { 4 }) {
            // MariaDB counts what an outer join did not find, if the column is NOT NULL.
            0 if self.flavor == Flavor::Mysql => "count(*)".to_owned(),
            0 => format!("count({count})"),
            1 => "rank()".to_owned(),
            2 => "dense_rank()".to_owned(),
            3 => format!("max({count})"),
            _ => {
                // With a unique order, every row has its place.
                let key = format!("{}.{}", own[0].alias, own[0].cols[0].name);
                spec = format!("ORDER BY {key} DESC");
                (*self.pick(&["row_number()", "ntile(3)"])).to_owned()
            }
        };
        if self.chance(30) {
            return (format!("{call} OVER w"), format!(" WINDOW w AS ({spec})"));
        }
        (format!("{call} OVER ({spec})"), String::new())
    }
}
