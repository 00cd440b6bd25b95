//! FROM clauses of a text that is verified.

use super::super::Dialect;
use super::tokens::Token;
use super::{CLAUSES, JOINS, Verified, Verifier};
use crate::catalog::{Relation, RelationName};

/// What a FROM clause holds.
#[derive(Default)]
pub(super) struct From<'a> {
    /// Relations, each with the name that it goes by.
    pub(super) relations: Vec<(&'a Relation, &'a str)>,
    /// Everything that was joined, subqueries and CTEs too.
    pub(super) items: usize,
}

/// How an item of a FROM clause stands to the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joined {
    /// It sees nothing of it.
    Beside,
    /// SQL Server's APPLY: it does.
    Applied,
}

impl<'a> Verifier<'a> {
    /// The items of a FROM clause, up to the word that ends it.
    pub(super) fn sources(&mut self, outside: usize, from: &mut From<'a>) -> Verified<()> {
        let mut applied = false;
        loop {
            // It sees what stands to its left.
            let seen = usize::from(self.take(&["LATERAL"]) || applied);
            from.items += 1;
            let relation = if self.peek() == Some(&Token::Open) {
                self.at += 1;
                if self.is_query() {
                    self.query(outside + seen)?;
                } else {
                    self.sources(outside + seen, from)?;
                    // A join in parentheses is more than one item, whatever it holds.
                    from.items += 1;
                }
                self.expect(&Token::Close)?;
                None
            } else if self.makes_rows() {
                self.at += 1;
                self.parenthesis(outside + 1)?;
                None
            } else {
                self.named()?
            };
            let mut alias = None;
            if self.take(&["AS"]) {
                alias = Some(self.name()?);
                if self.peek() == Some(&Token::Open) {
                    self.parenthesis(outside)?;
                }
            }
            if let Some(relation) = relation {
                from.relations.push((relation, alias?));
            }
            let Some(joined) = self.joined(outside)? else { return Some(()) };
            applied = joined == Joined::Applied;
        }
    }

    /// Whether a function of PostgreSQL stands here that makes rows and reads none.
    fn makes_rows(&self) -> bool {
        self.dialect == Dialect::Postgresql
            && self.next_is(&["GENERATE_SERIES", "UNNEST"])
            && self.tokens.get(self.at + 1) == Some(&Token::Open)
    }

    /// A name in FROM: a CTE in scope, or a relation by its schema and its name, as they are in the catalog.
    fn named(&mut self) -> Verified<Option<&'a Relation>> {
        let first = self.name()?;
        if self.peek() != Some(&Token::Dot) {
            return self.ctes.contains(&first).then_some(None);
        }
        self.at += 1;
        let name = RelationName { schema: first.to_owned(), name: self.name()?.to_owned() };
        if self.peek() == Some(&Token::Dot) {
            return None;
        }
        self.catalog.relation(&name).map(Some)
    }

    /// Passes what stands between two items; nothing at the end of the FROM clause.
    fn joined(&mut self, outside: usize) -> Verified<Option<Joined>> {
        loop {
            match self.peek() {
                None | Some(Token::Close) => return Some(None),
                Some(Token::Comma) => {
                    self.at += 1;
                    return Some(Some(Joined::Beside));
                }
                Some(token) if token.is_any(&CLAUSES) => return Some(None),
                Some(_) if self.is_join() => {
                    let mut joined = Joined::Beside;
                    while self.next_is(&JOINS) {
                        if self.next_is(&["APPLY"]) {
                            joined = Joined::Applied;
                        }
                        self.at += 1;
                    }
                    return Some(Some(joined));
                }
                Some(token) if token.is_any(&["ON", "USING"]) => {
                    self.at += 1;
                    self.join_condition(outside + 1)?;
                }
                Some(_) => return None,
            }
        }
    }

    /// What follows ON or USING.
    fn join_condition(&mut self, outside: usize) -> Verified<()> {
        while let Some(token) = self.peek() {
            match token {
                Token::Close | Token::Comma => break,
                Token::Open => self.parenthesis(outside)?,
                token if token.is_any(&CLAUSES) || self.is_join() => break,
                token if token.is_any(&["SELECT", "WITH", "TABLE", "INTO", "ON"]) => return None,
                _ => self.at += 1,
            }
        }
        Some(())
    }
}
