//! Mutations of generated queries, each one that has broken some guard.

use dialektai::guard::sql::Dialect;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::alphabet::{self, COLUMNS, RELATIONS};
use super::pieces::{pieces, text};
use super::soup::{self, pick};
use crate::commute::generator::Flavor;

const TABLES: [&str; 6] = ["projects", "tasks", "users", "time_entries", "countries", "comments"];

/// The keys that name one row each, and values that do.
const KEYS: [(&str, &str); 6] = [
    ("id", "10"),
    ("id", "6"),
    ("id", "9"),
    ("id", "1"),
    ("customer_id", "99"),
    ("customer_id", "7"),
];

const JOINS: [&str; 9] = [
    "JOIN",
    "LEFT JOIN",
    "RIGHT JOIN",
    "FULL JOIN",
    "CROSS JOIN",
    "NATURAL JOIN",
    "NATURAL LEFT JOIN",
    "CROSS JOIN LATERAL",
    ",",
];

pub(super) struct Mutation<'a> {
    pub(super) dialect: Dialect,
    pub(super) rng: &'a mut ChaCha8Rng,
    pub(super) query: Vec<String>,
}

impl Mutation<'_> {
    /// Mutates a query once to three times.
    pub(super) fn of(dialect: Dialect, rng: &mut ChaCha8Rng, query: &str) -> String {
        let mut mutation = Mutation { dialect, rng, query: pieces(query) };
        for _ in 0..*pick(mutation.rng, &[1, 1, 1, 2, 2, 3]) {
            mutation.once();
        }
        text(&mutation.query)
    }

    fn once(&mut self) {
        match self.rng.random_range(0..17) {
            0 | 1 => self.swap_relation(),
            2 | 3 => self.shadow(),
            4..=7 => self.hazard(),
            8 => self.set_operation(),
            9 => self.join(),
            10 => self.loosen(),
            11 => self.nest(),
            12 => self.swap_column(),
            13 | 14 => self.rename_columns(),
            15 => self.correlate(),
            _ => self.piece(),
        }
    }

    fn schema(&self) -> &'static str {
        Flavor::of(self.dialect).schema()
    }

    fn word(&mut self, words: &[&'static str]) -> &'static str {
        pick::<&str>(self.rng, words)
    }

    /// Where a relation is named.
    fn relation(&mut self) -> Option<usize> {
        let named = |piece: &String| {
            let name = piece.trim_matches(['"', '`', '[', ']']).to_lowercase();
            TABLES.contains(&name.as_str())
        };
        self.place(named)
    }

    fn place(&mut self, wanted: impl Fn(&String) -> bool) -> Option<usize> {
        let places: Vec<usize> =
            (0..self.query.len()).filter(|&at| wanted(&self.query[at])).collect();
        if places.is_empty() { None } else { Some(*pick(self.rng, &places)) }
    }

    fn keyword(&mut self, keyword: &str) -> Option<usize> {
        self.place(|piece| piece.eq_ignore_ascii_case(keyword))
    }

    /// A relation in one of its spellings.
    fn spelled(&mut self) -> String {
        let name = self.word(&TABLES);
        let schema = self.schema();
        match self.rng.random_range(0..12) {
            0 => name.to_uppercase(),
            1 => format!("\"{name}\""),
            2 => format!("`{name}`"),
            3 => format!("[{name}]"),
            4 => format!("{schema}.{name}"),
            5 => format!("\"{schema}\".\"{name}\""),
            6 => format!("(TABLE {name})"),
            7 => format!("(SELECT * FROM {name})"),
            8 => format!("(SELECT * FROM {name} UNION ALL SELECT * FROM {schema}.{name})"),
            9 => self.word(&RELATIONS).to_owned(),
            10 => format!("({name})"),
            _ => name.to_owned(),
        }
    }

    fn swap_relation(&mut self) {
        if let Some(at) = self.relation() {
            let spelled = self.spelled();
            self.query.splice(at..=at, pieces(&spelled));
        }
    }

    /// A CTE that is named like a relation, in some scope and order.
    fn shadow(&mut self) {
        let (name, other, schema) = (self.word(&TABLES), self.word(&TABLES), self.schema());
        let ctes = match self.rng.random_range(0..9) {
            0 => format!("{name} AS (SELECT * FROM {name})"),
            1 => format!("{name} AS (SELECT * FROM {schema}.{name})"),
            2 => format!("z1 AS (SELECT * FROM {name}), {name} AS (SELECT * FROM {other})"),
            3 => format!("{name} AS (SELECT * FROM {other}), {other} AS (SELECT * FROM {name})"),
            4 => format!("\"{}\" AS (SELECT 1 AS id, 82 AS customer_id)", name.to_uppercase()),
            5 => format!(
                "{name} (id, customer_id) AS (SELECT customer_id, id FROM {schema}.{other})"
            ),
            6 => format!("z1 AS (WITH {name} AS (SELECT * FROM {other}) SELECT * FROM {name})"),
            7 => format!("{name} AS (SELECT * FROM {other} UNION ALL SELECT * FROM {name})"),
            _ => format!("{name} AS (TABLE {name})"),
        };
        let recursive = if self.rng.random_ratio(1, 4) { "RECURSIVE" } else { "" };
        // Before the whole, or before a query inside of it.
        let selects: Vec<usize> = (0..self.query.len())
            .filter(|&at| {
                self.query[at].eq_ignore_ascii_case("SELECT")
                    && (at == 0 || self.query[at - 1] == "(")
            })
            .collect();
        if self.query.first().is_some_and(|piece| piece.eq_ignore_ascii_case("WITH")) {
            let recursive = self.query.get(1).is_some_and(|p| p.eq_ignore_ascii_case("RECURSIVE"));
            let at = 1 + usize::from(recursive);
            self.query.splice(at..at, pieces(&format!("{ctes},")));
        } else if !selects.is_empty() {
            let at = *pick(self.rng, &selects);
            self.query.splice(at..at, pieces(&format!("WITH {recursive} {ctes}")));
        }
    }

    /// A column as the query names one: the table, a dot and the name.
    fn column(&mut self) -> Option<(String, String)> {
        let places: Vec<usize> = (1..self.query.len().saturating_sub(1))
            .filter(|&at| self.query[at] == "." && self.query[at + 1] != "*")
            .collect();
        if places.is_empty() {
            return None;
        }
        let at = *pick(self.rng, &places);
        Some((self.query[at - 1].clone(), self.query[at + 1].clone()))
    }

    /// What may fail on a row, next to what finds a row at once.
    fn hazard(&mut self) {
        let Some((table, column)) = self.column() else { return };
        let hazard = self.word(alphabet::hazards(self.dialect));
        let hazard = hazard.replace("COL", &format!("{table}.{column}"));
        let (key, value) = *pick(self.rng, &KEYS);
        let condition = match self.rng.random_range(0..6) {
            0 => hazard,
            1 => format!("({hazard}) AND {table}.{key} = {value}"),
            2 => format!("CASE WHEN {table}.{key} = {value} THEN {hazard} ELSE 1 = 1 END"),
            3 => format!("({table}.{key} = {value} OR {hazard})"),
            _ => format!("{table}.{key} = {value} AND {hazard}"),
        };
        match (self.keyword("WHERE"), self.keyword("ON")) {
            (Some(at), _) => {
                let with = self.word(&["AND", "AND", "OR"]);
                self.query.splice(at + 1..=at, pieces(&format!("{condition} {with}")));
            }
            (None, Some(at)) => {
                self.query.splice(at + 1..=at, pieces(&format!("{condition} AND")));
            }
            (None, None) => self.query.extend(pieces(&format!("WHERE {condition}"))),
        }
    }

    fn set_operation(&mut self) {
        let op = self.word(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]);
        let (relation, column) = (self.spelled(), self.word(&COLUMNS));
        let query = text(&self.query);
        let joined = match self.rng.random_range(0..5) {
            0 => format!("{query} {op} SELECT {column} FROM {relation} AS t1"),
            1 => format!("SELECT {column} FROM {relation} AS t1 {op} {query}"),
            2 => format!("{query} {op} TABLE {relation}"),
            3 => format!(
                "SELECT count(*) FROM ({query}) AS z9 {op} SELECT count(*) FROM {relation} AS t1"
            ),
            _ => format!("({query}) {op} (SELECT {column} FROM {relation} AS t1)"),
        };
        self.query = pieces(&joined);
    }

    fn join(&mut self) {
        let Some(at) = self.keyword("JOIN") else { return };
        let kinds = ["LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "OUTER"];
        let mut from = at;
        while from > 0 && kinds.contains(&self.query[from - 1].to_uppercase().as_str()) {
            from -= 1;
        }
        let join = self.word(&JOINS);
        self.query.splice(from..=at, pieces(join));
    }

    /// Lets a condition through that the query would not.
    fn loosen(&mut self) {
        if let Some(at) = self.keyword("AND").filter(|_| self.rng.random_ratio(1, 2)) {
            self.query[at] = self.word(&["OR", "XOR", "AND NOT"]).to_owned();
        } else if let Some(at) = self.keyword("WHERE") {
            let first =
                self.word(&["1 = 1 OR", "TRUE OR", "NOT (1 = 0) OR", "customer_id = 99 OR"]);
            self.query.splice(at + 1..=at, pieces(first));
        }
    }

    fn nest(&mut self) {
        let query = text(&self.query);
        let relation = self.word(&TABLES);
        let nested = match self.rng.random_range(0..8) {
            0 => format!("SELECT * FROM ({query}) AS {relation}"),
            1 => format!("SELECT (SELECT count(*) FROM ({query}) AS z8) FROM {relation}"),
            2 => format!("SELECT * FROM {relation} WHERE EXISTS ({query})"),
            3 => format!("WITH {relation} AS ({query}) SELECT * FROM {relation}"),
            4 => format!("SELECT z7.id FROM {relation} AS z7 CROSS JOIN LATERAL ({query}) AS z8"),
            5 => format!("SELECT z7.id, ({query}) FROM {relation} AS z7"),
            6 => format!("SELECT z7.id FROM {relation} AS z7 ORDER BY ({query})"),
            _ => format!("SELECT z7.id FROM {relation} AS z7 LEFT JOIN ({query}) AS z8 ON 1 = 1"),
        };
        self.query = pieces(&nested);
    }

    fn swap_column(&mut self) {
        let dots: Vec<usize> =
            (1..self.query.len().saturating_sub(1)).filter(|&at| self.query[at] == ".").collect();
        if dots.is_empty() {
            return;
        }
        let (at, column) = (*pick(self.rng, &dots), self.word(&COLUMNS));
        match self.rng.random_range(0..4) {
            0 => self.query.splice(at - 1..=at + 1, pieces(column)).for_each(drop),
            // The row as a value.
            1 => self.query.splice(at..=at + 1, []).for_each(drop),
            _ => self.query.splice(at + 1..=at + 1, pieces(column)).for_each(drop),
        }
    }

    /// A list of column names behind an alias, in another order.
    fn rename_columns(&mut self) {
        const NAMES: [&str; 8] =
            ["id", "customer_id", "name", "status", "title", "assigned_to", "x1", "x2"];
        let Some(at) = self.relation() else { return };
        let named_as = self.query.get(at + 1).is_some_and(|piece| piece.eq_ignore_ascii_case("AS"));
        let alias = at + 1 + usize::from(named_as);
        let mut names = NAMES.to_vec();
        for n in (1..names.len()).rev() {
            names.swap(n, self.rng.random_range(0..=n));
        }
        names.truncate(self.rng.random_range(1..=5));
        let list = pieces(&format!("({})", names.join(", ")));
        if alias < self.query.len() {
            self.query.splice(alias + 1..=alias, list);
        }
    }

    /// A relation that looks at its neighbours.
    fn correlate(&mut self) {
        let (Some(at), Some((table, column))) = (self.relation(), self.column()) else { return };
        let (relation, lateral) = (self.word(&TABLES), self.word(&["LATERAL", ""]));
        let key = self.word(&["id", "customer_id", "name", "status"]);
        let query = format!("{lateral} (SELECT * FROM {relation} WHERE {key} = {table}.{column})");
        self.query.splice(at..=at, pieces(&query));
    }

    fn piece(&mut self) {
        if self.query.is_empty() {
            return;
        }
        let length = self.query.len();
        let (at, other) = (self.rng.random_range(0..length), self.rng.random_range(0..length));
        match self.rng.random_range(0..5) {
            0 => drop(self.query.remove(at)),
            1 => self.query.insert(at, self.query[other].clone()),
            2 => self.query.swap(at, other),
            3 => self.query.insert(at, soup::fragment(self.rng).to_owned()),
            _ => self.query[at] = soup::fragment(self.rng).to_owned(),
        }
    }
}
