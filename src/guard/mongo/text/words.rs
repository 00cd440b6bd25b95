//! The words of a text: brackets, names, strings, numbers, regular expressions. No recursion.

use std::iter::Peekable;
use std::str::Chars;

use super::{Form, syntax, too_large};
use crate::guard::Refusal;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    Open(char),
    Close(char),
    Comma,
    Colon,
    Dot,
    Minus,
    Semicolon,
    /// An identifier, with `$` and `_`.
    Name(String),
    /// A string without its quotes and escapes.
    Text(String),
    /// A number of JSON without its sign.
    Number(String),
    Regex {
        pattern: String,
        options: String,
    },
}

/// Cuts a text into words.
pub(super) fn words(text: &str, form: Form, max: usize) -> Result<Vec<Word>, Refusal> {
    let mut reader = Reader { chars: text.chars().peekable(), form };
    let mut words = Vec::new();
    while let Some(word) = reader.word()? {
        if words.len() == max {
            return Err(too_large(format!("the query has more than {max} words")));
        }
        words.push(word);
    }
    Ok(words)
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    form: Form,
}

impl Reader<'_> {
    fn word(&mut self) -> Result<Option<Word>, Refusal> {
        loop {
            let Some(c) = self.chars.next() else { return Ok(None) };
            let word = match c {
                ' ' | '\t' | '\n' | '\r' => continue,
                '{' | '[' => Word::Open(c),
                '}' | ']' => Word::Close(c),
                ',' => Word::Comma,
                ':' => Word::Colon,
                '-' => Word::Minus,
                '"' => Word::Text(self.string('"')?),
                '0'..='9' => Word::Number(self.number(c)?),
                c if c.is_ascii_alphabetic() || c == '_' || c == '$' => Word::Name(self.name(c)),
                _ if self.form == Form::Json => return Err(unexpected(c)),
                '(' => Word::Open(c),
                ')' => Word::Close(c),
                '.' => Word::Dot,
                ';' => Word::Semicolon,
                '\'' => Word::Text(self.string('\'')?),
                '/' => match self.slash()? {
                    Some(word) => word,
                    None => continue,
                },
                '`' => return Err(syntax("the query has a template literal")),
                _ => return Err(unexpected(c)),
            };
            return Ok(Some(word));
        }
    }

    fn name(&mut self, first: char) -> String {
        let mut name = String::from(first);
        let inside = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == '$';
        while let Some(c) = self.chars.next_if(inside) {
            name.push(c);
        }
        name
    }

    /// The grammar of JSON's numbers, which JavaScript reads alike.
    fn number(&mut self, first: char) -> Result<String, Refusal> {
        let mut number = String::from(first);
        self.digits(&mut number);
        if number.len() > 1 && first == '0' {
            return Err(syntax("a number begins with 0"));
        }
        if self.chars.next_if_eq(&'.').is_some() {
            number.push('.');
            if self.digits(&mut number) == 0 {
                return Err(syntax("a number ends with `.`"));
            }
        }
        if let Some(e) = self.chars.next_if(|c| *c == 'e' || *c == 'E') {
            number.push(e);
            if let Some(sign) = self.chars.next_if(|c| *c == '+' || *c == '-') {
                number.push(sign);
            }
            if self.digits(&mut number) == 0 {
                return Err(syntax("a number has an exponent without digits"));
            }
        }
        if self.chars.peek().is_some_and(|c| c.is_alphanumeric() || *c == '_' || *c == '.') {
            return Err(syntax("a number is not decimal"));
        }
        Ok(number)
    }

    fn digits(&mut self, number: &mut String) -> usize {
        let mut count = 0;
        while let Some(digit) = self.chars.next_if(char::is_ascii_digit) {
            number.push(digit);
            count += 1;
        }
        count
    }

    fn string(&mut self, quote: char) -> Result<String, Refusal> {
        let mut text = String::new();
        loop {
            match self.chars.next() {
                None => return Err(syntax("a string is not closed")),
                Some(c) if c == quote => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(c) if c.is_ascii_control() => {
                    return Err(syntax("a string has a control character"));
                }
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        let bad = || syntax("a string has an escape that is not of JSON");
        Ok(match self.chars.next() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let first = self.hex()?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    if self.chars.next() != Some('\\') || self.chars.next() != Some('u') {
                        return Err(bad());
                    }
                    let second = self.hex()?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return Err(bad());
                    }
                    0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(bad)?
            }
            Some('\'') if self.form == Form::Shell => '\'',
            Some(_) | None => return Err(bad()),
        })
    }

    fn hex(&mut self) -> Result<u32, Refusal> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.chars.next().and_then(|c| c.to_digit(16));
            code = code * 16 + digit.ok_or_else(|| syntax("a `\\u` has not four digits"))?;
        }
        Ok(code)
    }

    /// What a slash begins: a comment, which is no word, or a regular expression. There is no division.
    fn slash(&mut self) -> Result<Option<Word>, Refusal> {
        if self.chars.next_if_eq(&'/').is_some() {
            // JavaScript ends a line at these too.
            let ends = ['\n', '\r', '\u{2028}', '\u{2029}'];
            while self.chars.next_if(|c| !ends.contains(c)).is_some() {}
            return Ok(None);
        }
        if self.chars.next_if_eq(&'*').is_some() {
            let mut last = ' ';
            loop {
                match self.chars.next() {
                    None => return Err(syntax("a comment is not closed")),
                    Some('/') if last == '*' => return Ok(None),
                    Some(c) => last = c,
                }
            }
        }
        let (mut pattern, mut class) = (String::new(), false);
        loop {
            match self.chars.next() {
                None => return Err(syntax("a regular expression is not closed")),
                Some(c) if c.is_control() => {
                    return Err(syntax("a regular expression has a control character"));
                }
                Some('/') if !class => break,
                Some('\\') => match self.chars.next() {
                    // The slash needs its escape in JavaScript only.
                    Some('/') => pattern.push('/'),
                    Some(c) if !c.is_control() => pattern.extend(['\\', c]),
                    Some(_) | None => return Err(syntax("a regular expression is not closed")),
                },
                Some(c) => {
                    class = (class || c == '[') && c != ']';
                    pattern.push(c);
                }
            }
        }
        let mut options = String::new();
        while let Some(c) = self.chars.next_if(char::is_ascii_alphabetic) {
            options.push(c);
        }
        Ok(Some(Word::Regex { pattern, options }))
    }
}

fn unexpected(c: char) -> Refusal {
    syntax(format!("the query has a character that is not expected: U+{:04X}", u32::from(c)))
}
