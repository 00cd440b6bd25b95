//! The printed text cut into words: a reader of its own, which shares nothing with the parser.
//!
//! It reads only what the printer writes: no comments, no escapes other than doubled quotes. Anything else is `None`,
//! which the verifier refuses.

use std::borrow::Cow;

use super::super::Dialect;

/// One word of a printed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A keyword or a name without quotes, as written.
    Word(&'t str),
    /// A name in quotes, without them.
    Quoted(Cow<'t, str>),
    /// A text, without its quotes.
    Text(Cow<'t, str>),
    /// A number, as written.
    Number(&'t str),
    /// A placeholder, by the place of its value among the binds, from 0.
    Bind(usize),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `.` between names.
    Dot,
    /// A part of an operator.
    Symbol(char),
}

impl Token<'_> {
    /// Whether it is this keyword, written in capitals here.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// A name as it stands in the catalog, with or without quotes in the text.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) => Some(name),
            Self::Quoted(name) => Some(name),
            Self::Text(_)
            | Self::Number(_)
            | Self::Bind(_)
            | Self::Open
            | Self::Close
            | Self::Comma
            | Self::Dot
            | Self::Symbol(_) => None,
        }
    }

    /// Whether it is one of these keywords.
    pub(super) fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }
}

/// Cuts a text; `None` where something in it is not of the printer's.
pub(super) fn tokens(text: &str, dialect: Dialect) -> Option<Vec<Token<'_>>> {
    let mut reader = Reader { rest: text, dialect, binds: 0 };
    // About what a word and the space after it take.
    let mut tokens = Vec::with_capacity(text.len() / 4);
    loop {
        reader.rest = reader.rest.trim_start_matches([' ', '\n']);
        if reader.rest.is_empty() {
            return Some(tokens);
        }
        tokens.push(reader.token()?);
    }
}

struct Reader<'t> {
    rest: &'t str,
    dialect: Dialect,
    /// Placeholders without numbers seen so far.
    binds: usize,
}

impl<'t> Reader<'t> {
    fn token(&mut self) -> Option<Token<'t>> {
        let (open, close) = self.dialect.identifier_quotes();
        let mut chars = self.rest.chars();
        let (first, second) = (chars.next()?, chars.next());
        match first {
            _ if first == open => self.quoted(close).map(Token::Quoted),
            '\'' => self.quoted('\'').map(Token::Text),
            'N' if second == Some('\'') && self.dialect == Dialect::Mssql => {
                self.skip(1)?;
                self.quoted('\'').map(Token::Text)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                self.run(|c| c.is_ascii_alphanumeric() || c == '_').map(Token::Word)
            }
            '0'..='9' => self.number(),
            // Operators of documents: `?`, `@>`, `<@`.
            '?' | '@' if self.dialect == Dialect::Postgresql => self.single(Token::Symbol(first)),
            '?' | '$' | '@' => self.bind(),
            '(' => self.single(Token::Open),
            ')' => self.single(Token::Close),
            ',' => self.single(Token::Comma),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => self.number(),
            '.' => self.single(Token::Dot),
            // A comment, the end of a statement, an escape: the printer writes none of them.
            '-' if second == Some('-') => None,
            '/' if second == Some('*') => None,
            '*' | '+' | '-' | '/' | '%' | '<' | '>' | '=' | '!' | '~' | '^' | '&' | '|' | '#'
            | '[' | ']' | ':' => self.single(Token::Symbol(first)),
            _ => None,
        }
    }

    fn single(&mut self, token: Token<'t>) -> Option<Token<'t>> {
        self.skip(1)?;
        Some(token)
    }

    fn skip(&mut self, bytes: usize) -> Option<&'t str> {
        let (skipped, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(skipped)
    }

    /// The longest run of such characters.
    fn run(&mut self, belongs: impl Fn(char) -> bool) -> Option<&'t str> {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        self.skip(end)
    }

    /// What stands in quotes; the closing one is doubled inside.
    fn quoted(&mut self, close: char) -> Option<Cow<'t, str>> {
        let mut chars = self.rest.char_indices();
        let start = chars.next().map(|(at, c)| at + c.len_utf8())?;
        let mut doubled = false;
        while let Some((at, c)) = chars.next() {
            if c != close {
                continue;
            }
            let end = at + c.len_utf8();
            if self.rest.get(end..).is_some_and(|rest| rest.starts_with(close)) {
                doubled = true;
                chars.next();
                continue;
            }
            let inside = self.rest.get(start..at)?;
            self.skip(end)?;
            if !doubled {
                return Some(Cow::Borrowed(inside));
            }
            return Some(Cow::Owned(
                inside.replace(&format!("{close}{close}"), &close.to_string()),
            ));
        }
        None
    }

    fn number(&mut self) -> Option<Token<'t>> {
        let text = self.rest;
        self.run(|c| c.is_ascii_digit() || c == '.')?;
        if self.rest.starts_with(['e', 'E']) {
            self.skip(1)?;
            if self.rest.starts_with(['+', '-']) {
                self.skip(1)?;
            }
            self.run(|c| c.is_ascii_digit())?;
        }
        text.get(..text.len().checked_sub(self.rest.len())?).map(Token::Number)
    }

    fn bind(&mut self) -> Option<Token<'t>> {
        let mark = self.skip(1)?;
        if mark == "@" {
            self.rest = self.rest.strip_prefix('P')?;
        }
        let digits = self.run(|c| c.is_ascii_digit())?;
        if digits.is_empty() && mark == "?" {
            self.binds += 1;
            return Some(Token::Bind(self.binds - 1));
        }
        Some(Token::Bind(digits.parse::<usize>().ok()?.checked_sub(1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_as_the_dialect_reads_them() {
        let cut = tokens("SELECT `a``b`, 'it''s', 1.5e-3, ?2 FROM main.t", Dialect::Sqlite);
        let word = Token::Word;
        assert_eq!(
            cut.unwrap(),
            [
                word("SELECT"),
                Token::Quoted("a`b".into()),
                Token::Comma,
                Token::Text("it's".into()),
                Token::Comma,
                Token::Number("1.5e-3"),
                Token::Comma,
                Token::Bind(1),
                word("FROM"),
                word("main"),
                Token::Dot,
                word("t"),
            ]
        );
        let cut = tokens("[a]]b] = N'x' AND b = @P1", Dialect::Mssql).unwrap();
        assert_eq!(cut.first(), Some(&Token::Quoted("a]b".into())));
        assert_eq!(cut.last(), Some(&Token::Bind(0)));
        let cut = tokens("a @> b AND c ? 'd' AND e = $1", Dialect::Postgresql).unwrap();
        assert_eq!(cut.get(1), Some(&Token::Symbol('@')));
        assert_eq!(cut.last(), Some(&Token::Bind(0)));
        let cut = tokens("a = ? AND b = ?", Dialect::Mysql).unwrap();
        assert_eq!(cut.last(), Some(&Token::Bind(1)));
    }

    #[test]
    fn what_the_printer_never_writes_is_not_read() {
        for text in [
            "SELECT 1; SELECT 2",
            "SELECT 1 -- x",
            "SELECT /* x */ 1",
            "SELECT 'x",
            "SELECT \u{a0}1",
        ] {
            assert_eq!(tokens(text, Dialect::Sqlite), None, "{text}");
        }
    }
}
