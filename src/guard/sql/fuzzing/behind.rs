//! A third look at a printed text, made to be simple: a word at a time, no queries, no scopes.
//!
//! It knows that a relation is only ever printed as `FROM schema.name AS alias WHERE [(]alias.customer_id = bind`, and
//! looks for any that is not.

use super::super::Dialect;
use crate::catalog::{Catalog, RelationName};
use crate::predicate::{PredicateSet, RowFilter};

/// A word of a printed text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A keyword, a bare name or a number.
    Bare(String),
    /// A quoted name.
    Quoted(String),
    /// A literal's text.
    Text(String),
    Sign(char),
}

impl Word {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bare(_) | Self::Quoted(_) | Self::Sign(_) => None,
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Bare(name) | Self::Quoted(name) => Some(name),
            Self::Text(_) | Self::Sign(_) => None,
        }
    }

    fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Bare(word) if word == keyword)
    }
}

/// Cuts a printed text by the rule that its quotes are doubled, and on MySQL its backslashes.
pub(super) fn words(text: &str, dialect: Dialect) -> Vec<Word> {
    let (open, close) = dialect.identifier_quotes();
    let mut chars = text.chars().peekable();
    let mut words = Vec::new();
    while let Some(c) = chars.next() {
        let end = match c {
            '\'' => '\'',
            c if c == open => close,
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                words.push(Word::Bare(word));
                continue;
            }
            c if c.is_whitespace() => continue,
            c => {
                words.push(Word::Sign(c));
                continue;
            }
        };
        let mut inside = String::new();
        while let Some(c) = chars.next() {
            let doubled = chars.peek() == Some(&c);
            match c {
                c if c == end && !doubled => break,
                c if c == end || (c == '\\' && end == '\'' && dialect == Dialect::Mysql) => {
                    inside.push(c);
                    chars.next();
                }
                c => inside.push(c),
            }
        }
        words.push(if c == '\'' { Word::Text(inside) } else { Word::Quoted(inside) });
    }
    words
}

/// A relation that does not stand behind its filter.
pub(super) fn open_relation(
    text: &str,
    dialect: Dialect,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> Option<String> {
    let words = words(text, dialect);
    for at in 1..words.len() {
        let Some([before, schema, Word::Sign('.'), table, after, rest @ ..]) = words.get(at - 1..)
        else {
            continue;
        };
        let (Some(schema), Some(table)) = (schema.name(), table.name()) else { continue };
        let name = RelationName { schema: schema.to_owned(), name: table.to_owned() };
        let distinct = at >= 2 && words.get(at - 2).is_some_and(|word| word.is("DISTINCT"));
        let from = before.is("FROM") && !distinct;
        // A column of an alias that is named like the schema stands anywhere else, and has no alias after FROM.
        if catalog.relation(&name).is_none() || !(from || before.is("JOIN")) || !after.is("AS") {
            continue;
        }
        let behind = from
            && match filters.filter_for(&name) {
                RowFilter::NoRows => false,
                RowFilter::AllRows => true,
                RowFilter::Where(_) => is_filtered(rest),
            };
        if !behind {
            return Some(table.to_owned());
        }
    }
    None
}

/// Whether `alias WHERE [(][alias.]customer_id =` follows, with no OR beside it.
fn is_filtered(rest: &[Word]) -> bool {
    let [alias, filter, condition @ ..] = rest else { return false };
    let inside = match condition {
        [Word::Sign('('), inside @ ..] => inside,
        condition => condition,
    };
    let unqualified = match inside {
        [own, Word::Sign('.'), unqualified @ ..] if own.name() == alias.name() => unqualified,
        inside => inside,
    };
    let [column, Word::Sign('='), ..] = unqualified else { return false };
    let tenant = filter.is("WHERE") && column.name() == Some("customer_id");
    tenant && !has_or(condition) && !has_or(inside)
}

/// Whether a condition is true where only one side of an OR is.
fn has_or(condition: &[Word]) -> bool {
    const CLAUSES: [&str; 10] = [
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
    let (mut depth, mut cases) = (0_usize, 0_usize);
    for word in condition {
        match word {
            Word::Sign('(') => depth += 1,
            Word::Sign(')') if depth == 0 => return false,
            Word::Sign(')') => depth -= 1,
            word if word.is("CASE") => cases += 1,
            word if word.is("END") => cases = cases.saturating_sub(1),
            word if depth == 0 && CLAUSES.iter().any(|clause| word.is(clause)) => return false,
            word if depth == 0 && cases == 0 && word.is("OR") => return true,
            _ => {}
        }
    }
    false
}
