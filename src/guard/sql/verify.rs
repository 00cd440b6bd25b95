//! A second pair of eyes: the text that is about to leave is read once more, by other means.
//!
//! It shares no code with the rewriter, nor with the parser: it cuts the text into words itself, follows the queries by
//! their parentheses, and asks of each name after FROM whether it is a CTE in scope or a relation. A relation must
//! stand alone in its SELECT, and that SELECT's WHERE must begin with the relation's own filter, word for word, with
//! nothing beside it that an OR could let through (rules B1 to B15). What the filter's words are is asked of `emit`,
//! whose rows the oracles compare.
//!
//! It trusts nothing about where things stand. A disagreement is a refusal, and an alarm in the log: one of the two
//! is wrong.

mod calls;
mod from;
mod lists;
mod tokens;

use super::emit::{Emit, Values};
use super::print;
use super::tree::Name;
use super::{Bind, Dialect};
use crate::catalog::{Catalog, Relation};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{Predicate, PredicateSet, RowFilter};
use from::From;
use tokens::{Token, tokens};

/// Words that begin what follows FROM and WHERE in a SELECT.
const CLAUSES: [&str; 11] = [
    "WHERE",
    "GROUP",
    "HAVING",
    "WINDOW",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "UNION",
    "INTERSECT",
    "EXCEPT",
];

/// Words that join two tables, or belong to such.
const JOINS: [&str; 9] =
    ["JOIN", "LEFT", "RIGHT", "FULL", "INNER", "OUTER", "CROSS", "NATURAL", "APPLY"];

/// Words that begin a query after a parenthesis.
const QUERIES: [&str; 3] = ["SELECT", "WITH", "VALUES"];

/// Checks that every relation in the text is behind its filter.
pub(super) fn verify(
    text: &str,
    binds: &[Bind],
    dialect: Dialect,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> Result<(), Refusal> {
    let verified = tokens(text, dialect).and_then(|tokens| {
        let mut verifier =
            Verifier { tokens: &tokens, at: 0, binds, dialect, catalog, filters, ctes: Vec::new() };
        verifier.calls()?;
        verifier.query(0)?;
        (verifier.at == tokens.len()).then_some(())
    });
    verified.ok_or_else(|| {
        tracing::error!("a rewritten query was not verified and is refused");
        Refusal::new(
            RefusalCode::Unverified,
            "the rewritten query could not be verified",
            "rephrase the query; this is worth a report",
        )
    })
}

struct Verifier<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    binds: &'a [Bind],
    dialect: Dialect,
    catalog: &'a Catalog,
    filters: &'a PredicateSet,
    /// The names of WITH that can be read here, innermost last.
    ctes: Vec<&'a str>,
}

/// `None` is a disagreement.
type Verified<T> = Option<T>;

impl<'a> Verifier<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    fn next_is(&self, keywords: &[&str]) -> bool {
        self.peek().is_some_and(|token| token.is_any(keywords))
    }

    fn take(&mut self, keywords: &[&str]) -> bool {
        let found = self.next_is(keywords);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, expected: &Token<'_>) -> Verified<()> {
        let found = self.peek()? == expected;
        self.at += 1;
        found.then_some(())
    }

    fn name(&mut self) -> Verified<&'a str> {
        let name = self.peek()?.name()?;
        self.at += 1;
        Some(name)
    }

    /// A query up to its closing parenthesis or the end. `outside` is how many SELECTs are around it, whose columns it
    /// could take for its own.
    fn query(&mut self, outside: usize) -> Verified<()> {
        let visible = self.ctes.len();
        if self.take(&["WITH"]) {
            self.with(outside)?;
        }
        let mut inside = outside;
        while let Some(token) = self.peek() {
            match token {
                Token::Close => break,
                // The arm of a set operation does not see the columns of another.
                Token::Open if self.follows_set_operator() => self.parenthesis(outside)?,
                Token::Open => self.parenthesis(inside)?,
                token if token.is("SELECT") => {
                    inside = outside + 1;
                    self.at += 1;
                    self.select(outside)?;
                }
                token if token.is("FROM") && self.is_distinct_from() => self.at += 1,
                token if token.is("WITH") && self.is_suffix_with() => self.at += 1,
                // What could name a relation, change something, or begin another statement.
                token if token.is_any(&["TABLE", "INTO", "FROM", "WHERE", "WITH"]) => return None,
                _ => self.at += 1,
            }
        }
        self.ctes.truncate(visible);
        Some(())
    }

    fn with(&mut self, outside: usize) -> Verified<()> {
        if self.dialect != Dialect::Mysql {
            return self.definitions(outside);
        }
        // What a nested WITH defines does not read an outer one on MariaDB: the name is a table's there.
        let mut readable = std::mem::take(&mut self.ctes);
        self.definitions(outside)?;
        readable.append(&mut self.ctes);
        self.ctes = readable;
        Some(())
    }

    fn definitions(&mut self, outside: usize) -> Verified<()> {
        let recursive = self.take(&["RECURSIVE"]);
        // SQL Server has no word for it; SQLite and it look into the whole list.
        let own = recursive || matches!(self.dialect, Dialect::Sqlite | Dialect::Mssql);
        loop {
            let name = self.name()?;
            if self.peek() == Some(&Token::Open) {
                self.parenthesis(outside)?;
            }
            if !self.take(&["AS"]) {
                return None;
            }
            self.take(&["NOT"]);
            self.take(&["MATERIALIZED"]);
            if own {
                self.ctes.push(name);
            }
            self.expect(&Token::Open)?;
            self.query(outside)?;
            self.expect(&Token::Close)?;
            if !own {
                self.ctes.push(name);
            }
            if self.peek() != Some(&Token::Comma) {
                return Some(());
            }
            self.at += 1;
        }
    }

    /// `( .. )`: a query, or anything else, which may hold queries.
    fn parenthesis(&mut self, outside: usize) -> Verified<()> {
        self.expect(&Token::Open)?;
        if self.next_is(&QUERIES) {
            self.query(outside)?;
        } else {
            loop {
                match self.peek()? {
                    Token::Close => break,
                    Token::Open => self.parenthesis(outside)?,
                    token if token.is_any(&["SELECT", "WITH", "TABLE", "INTO"]) => return None,
                    _ => self.at += 1,
                }
            }
        }
        self.expect(&Token::Close)
    }

    /// From after SELECT to where the next SELECT, a parenthesis or the end takes over.
    fn select(&mut self, outside: usize) -> Verified<()> {
        if let Some(list) = self.list_of_changed() {
            return self.select_visible(list, outside);
        }
        let mut aliases = Vec::new();
        while let Some(token) = self.peek() {
            match token {
                token if token.is("AS") => {
                    self.at += 1;
                    aliases.push(self.name()?);
                }
                Token::Open => self.parenthesis(outside + 1)?,
                Token::Close => return Some(()),
                token if token.is("FROM") && !self.is_distinct_from() => break,
                token if token.is_any(&CLAUSES) && !self.is_within_group() => break,
                token if token.is_any(&["SELECT", "TABLE", "INTO"]) => return None,
                _ => self.at += 1,
            }
        }
        let mut from = From::default();
        if self.take(&["FROM"]) {
            self.sources(outside, &mut from)?;
        }
        let filtered = match from.relations.as_slice() {
            [] => None,
            // Alone in its SELECT, so that no join can tell of a row before the filter, nor keep one after it.
            [only] if from.items == 1 => Some(*only),
            _ => return None,
        };
        if filtered.is_some_and(|(relation, _)| self.filters.changes_columns(&relation.name)) {
            return None;
        }
        let filter = filtered.map(|(relation, _)| self.filters.filter_for(&relation.name));
        match (filter, self.take(&["WHERE"])) {
            (Some(RowFilter::NoRows), _) | (Some(RowFilter::Where(_)), false) => None,
            (Some(RowFilter::AllRows) | None, false) => Some(()),
            (Some(RowFilter::AllRows) | None, true) => self.condition(outside + 1, false),
            (Some(RowFilter::Where(predicate)), true) => {
                let (relation, alias) = filtered?;
                let guarded = self.filter(relation, predicate, Some(alias))
                    // An unqualified column could be taken for one of a SELECT around it (rule B14), and on SQLite for a
                    // result column.
                    || (outside == 0 && !self.names_any(relation, &aliases) && self.filter(relation, predicate, None));
                if guarded { self.condition(outside + 1, true) } else { None }
            }
        }
    }

    /// Whether SQLite could take a result column of these names for a column of the relation that is gone.
    fn names_any(&self, relation: &Relation, aliases: &[&str]) -> bool {
        let named = |alias: &&str| {
            relation.columns.iter().any(|column| column.name.as_str().eq_ignore_ascii_case(alias))
        };
        self.dialect == Dialect::Sqlite && aliases.iter().any(named)
    }

    /// Whether the word so many steps before this one is among these.
    fn before(&self, steps: usize, keywords: &[&str]) -> bool {
        let token = self.at.checked_sub(steps).and_then(|at| self.tokens.get(at));
        token.is_some_and(|token| token.is_any(keywords))
    }

    /// `IS [NOT] DISTINCT FROM`, which begins no FROM clause.
    fn is_distinct_from(&self) -> bool {
        self.before(1, &["DISTINCT"]) && self.before(2, &["IS", "NOT"])
    }

    /// `WITHIN GROUP (ORDER BY ..)`, which groups nothing.
    fn is_within_group(&self) -> bool {
        self.before(1, &["WITHIN"])
    }

    /// `WITH TIES` and `WITH ROLLUP`, which define nothing.
    fn is_suffix_with(&self) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|token| token.is_any(&["TIES", "ROLLUP"]))
    }

    fn follows_set_operator(&self) -> bool {
        const OPERATORS: [&str; 3] = ["UNION", "INTERSECT", "EXCEPT"];
        self.before(1, &OPERATORS) || (self.before(1, &["ALL"]) && self.before(2, &OPERATORS))
    }

    /// Whether the word joins tables: `left(..)` and `right(..)` are functions.
    fn is_join(&self) -> bool {
        let called = self.tokens.get(self.at + 1) == Some(&Token::Open);
        self.next_is(&JOINS) && !(called && self.next_is(&["LEFT", "RIGHT"]))
    }

    /// Whether what stands after an opening parenthesis is a query that begins with a parenthesis of its own, and not
    /// a join: a clause or a set operator follows before the parenthesis is closed.
    fn is_query(&self) -> bool {
        if self.next_is(&QUERIES) {
            return true;
        }
        let mut depth = 0_usize;
        for token in self.tokens.iter().skip(self.at) {
            match token {
                Token::Open => depth += 1,
                Token::Close if depth == 0 => return false,
                Token::Close => depth -= 1,
                token if depth == 0 && token.is_any(&CLAUSES) => return true,
                _ => {}
            }
        }
        false
    }

    /// The rest of a WHERE clause. Beside a filter no OR may stand, which would let through what the filter does not.
    fn condition(&mut self, outside: usize, guarded: bool) -> Verified<()> {
        let mut cases = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Close => break,
                Token::Open => self.parenthesis(outside)?,
                token if token.is_any(&CLAUSES) => break,
                token if token.is("CASE") => {
                    cases += 1;
                    self.at += 1;
                }
                token if token.is("END") => {
                    cases = cases.checked_sub(1)?;
                    self.at += 1;
                }
                token if guarded && cases == 0 && token.is_any(&["OR", "XOR"]) => return None,
                token if token.is_any(&["SELECT", "WITH", "TABLE", "INTO"]) => return None,
                _ => self.at += 1,
            }
        }
        Some(())
    }

    /// Whether two texts have the same words, their values behind placeholders.
    fn same(&self, found: &[Token<'_>], expected: &[Token<'_>], values: &[Bind]) -> bool {
        found.len() == expected.len()
            && found.iter().zip(expected).all(|pair| match pair {
                (Token::Bind(found), Token::Bind(wanted)) => {
                    self.binds.get(*found).is_some()
                        && self.binds.get(*found) == values.get(*wanted)
                }
                (found, wanted) => found == wanted,
            })
    }

    /// Passes the words of a relation's filter, if they stand here: alone, or before an AND.
    fn filter(
        &mut self,
        relation: &Relation,
        predicate: &Predicate,
        qualifier: Option<&str>,
    ) -> bool {
        let mut values = Vec::new();
        let qualifier = qualifier.map(Name::new);
        let mut emit = Emit {
            dialect: self.dialect,
            catalog: self.catalog,
            relation,
            qualifier: qualifier.as_ref(),
            above: &[],
            values: Values::Bound(&mut values),
        };
        let printed =
            emit.predicate(predicate).and_then(|expr| print::expression(&expr, self.dialect));
        let Ok(printed) = printed else { return false };
        let Ok(values) = super::in_order(values, &printed.placeholders, self.dialect) else {
            return false;
        };
        let Some(expected) = tokens(&printed.text, self.dialect) else { return false };
        let Some(rest) = self.tokens.get(self.at..) else { return false };
        let same = |found: &[Token<'_>]| self.same(found, &expected, &values);
        let length = expected.len();
        let ends = |next: Option<&Token<'_>>| {
            next.is_none_or(|token| *token == Token::Close || token.is_any(&CLAUSES))
        };
        let bare = rest.get(..length).is_some_and(same)
            && (ends(rest.get(length))
                || (rest.get(length).is_some_and(|token| token.is("AND")) && !has_or(&expected)));
        if bare {
            self.at += length;
            return true;
        }
        let enclosed = rest.first() == Some(&Token::Open)
            && rest.get(1..=length).is_some_and(same)
            && rest.get(length + 1) == Some(&Token::Close)
            && (ends(rest.get(length + 2))
                || rest.get(length + 2).is_some_and(|token| token.is("AND")));
        if enclosed {
            self.at += length + 2;
        }
        enclosed
    }
}

/// Whether an OR stands outside of parentheses.
fn has_or(tokens: &[Token<'_>]) -> bool {
    let (mut depth, mut cases) = (0_i32, 0_i32);
    for token in tokens {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            token if token.is("CASE") => cases += 1,
            token if token.is("END") => cases -= 1,
            token if depth == 0 && cases == 0 && token.is_any(&["OR", "XOR"]) => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests;
