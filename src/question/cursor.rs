//! A place in a question. Copied before a rule is tried, so that a rule that does not fit leaves no trace.

use super::words::{Token, same_word};

/// The tokens that are not accounted for yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'q> {
    tokens: &'q [Token],
}

impl<'q> Cursor<'q> {
    pub(super) fn new(tokens: &'q [Token]) -> Self {
        Self { tokens }
    }

    /// Whether every word is accounted for.
    pub(super) fn at_end(self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn remaining(self) -> usize {
        self.tokens.len()
    }

    /// This place, with only the next `count` tokens before its end.
    pub(super) fn first(self, count: usize) -> Self {
        Self { tokens: self.tokens.get(..count).unwrap_or(self.tokens) }
    }

    /// The place `count` tokens further on.
    pub(super) fn skip(self, count: usize) -> Self {
        Self { tokens: self.tokens.get(count..).unwrap_or_default() }
    }

    /// The next token, whatever it is.
    pub(super) fn peek(self) -> Option<&'q Token> {
        self.tokens.first()
    }

    /// The last word before the end, in lower case.
    pub(super) fn last(self) -> Option<&'q str> {
        match self.tokens.last()? {
            Token::Word { parts, .. } => parts.last().map(String::as_str),
            Token::Quoted(_) | Token::Comma | Token::Operator(_) => None,
        }
    }

    /// Takes the next token, whatever it is.
    pub(super) fn next(&mut self) -> Option<&'q Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    /// Takes a keyword or several in a row: `how many`.
    pub(super) fn eat(&mut self, keywords: &str) -> bool {
        let mut ahead = *self;
        for keyword in keywords.split(' ') {
            let found = match ahead.next() {
                Some(Token::Word { text, .. }) => is_keyword(text, keyword),
                Some(Token::Operator(operator)) => *operator == keyword,
                Some(Token::Comma) => keyword == ",",
                Some(Token::Quoted(_)) | None => false,
            };
            if !found {
                return false;
            }
        }
        *self = ahead;
        true
    }

    /// Takes the first of several that is there; longer ones must come before their beginnings.
    pub(super) fn eat_any(&mut self, choices: &[&str]) -> bool {
        choices.iter().any(|keywords| self.eat(keywords))
    }

    /// Takes as many of the choices as there are.
    pub(super) fn eat_all(&mut self, choices: &[&str]) {
        while self.eat_any(choices) {}
    }

    /// Whether a choice comes next.
    pub(super) fn sees_any(self, choices: &[&str]) -> bool {
        let mut ahead = self;
        ahead.eat_any(choices)
    }

    /// The place after a name of one or more words, if the name comes next: it must end where a token ends.
    pub(super) fn after_name(self, name: &[String]) -> Option<Self> {
        let mut ahead = self;
        let mut expected = name.iter();
        while expected.len() > 0 {
            let Some(Token::Word { parts, .. }) = ahead.next() else { return None };
            if parts.is_empty() {
                return None;
            }
            for part in parts {
                if !same_word(part, expected.next()?) {
                    return None;
                }
            }
        }
        (!name.is_empty()).then_some(ahead)
    }
}

/// Keywords are compared as wholes, so that a value such as `at-least` is not one.
fn is_keyword(text: &str, keyword: &str) -> bool {
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == '’' { '\'' } else { c })
        .eq(keyword.chars())
}
