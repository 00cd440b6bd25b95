//! The words of a text: brackets, names, strings, numbers, regular expressions. No recursion.

use std::borrow::Cow;
use std::str::Chars;

use super::{Form, syntax, too_large};
use crate::guard::Refusal;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word<'t> {
    /// A bracket, or one of `,`, `:`, `.`, `-` and `;`.
    Mark(char),
    /// An identifier, with `$` and `_`.
    Name(&'t str),
    /// A string without its quotes and escapes.
    Text(Cow<'t, str>),
    /// A number of JSON without its sign.
    Number(&'t str),
    /// A regular expression. In a box, since it is rare and would make every word larger.
    Regex(Box<Pattern<'t>>),
}

/// A regular expression without its slashes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern<'t> {
    pub(super) pattern: String,
    pub(super) options: &'t str,
}

/// Cuts a text into words.
pub(super) fn words(text: &str, form: Form, max: usize) -> Result<Vec<Word<'_>>, Refusal> {
    let mut reader = Reader { chars: text.chars(), form };
    // A word and what follows it are four bytes or more, as a rule.
    let mut words = Vec::with_capacity(max.min(text.len() / 4));
    while let Some(word) = reader.word()? {
        if words.len() == max {
            return Err(too_large(format!("the query has more than {max} words")));
        }
        words.push(word);
    }
    Ok(words)
}

struct Reader<'t> {
    chars: Chars<'t>,
    form: Form,
}

impl<'t> Reader<'t> {
    fn word(&mut self) -> Result<Option<Word<'t>>, Refusal> {
        loop {
            let start = self.chars.as_str();
            let Some(c) = self.chars.next() else { return Ok(None) };
            let word = match c {
                ' ' | '\t' | '\n' | '\r' => continue,
                '{' | '[' | '}' | ']' | ',' | ':' | '-' => Word::Mark(c),
                '"' => Word::Text(self.string('"')?),
                '0'..='9' => Word::Number(self.number(start, c)?),
                c if c.is_ascii_alphabetic() || c == '_' || c == '$' => {
                    self.run(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$');
                    Word::Name(self.since(start))
                }
                _ if self.form == Form::Json => return Err(unexpected(c)),
                '(' | ')' | '.' | ';' => Word::Mark(c),
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

    fn peek(&self) -> Option<char> {
        self.chars.clone().next()
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let next = self.peek().filter(|c| wanted(*c));
        if next.is_some() {
            self.chars.next();
        }
        next
    }

    /// The characters from here on whose bytes are wanted, which may be none: of those beyond ASCII all bytes or none.
    fn run(&mut self, wanted: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.chars.as_str();
        let end = rest.bytes().position(|byte| !wanted(byte)).unwrap_or(rest.len());
        let (run, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        self.chars = rest.chars();
        run
    }

    /// What was read since the rest of the text was `start`.
    fn since(&self, start: &'t str) -> &'t str {
        start.get(..start.len() - self.chars.as_str().len()).unwrap_or_default()
    }

    /// The grammar of JSON's numbers, which JavaScript reads alike.
    fn number(&mut self, start: &'t str, first: char) -> Result<&'t str, Refusal> {
        let digits = |reader: &mut Self| reader.run(|byte| byte.is_ascii_digit()).len();
        if digits(self) > 0 && first == '0' {
            return Err(syntax("a number begins with 0"));
        }
        if self.next_if(|c| c == '.').is_some() && digits(self) == 0 {
            return Err(syntax("a number ends with `.`"));
        }
        if self.next_if(|c| c == 'e' || c == 'E').is_some() {
            self.next_if(|c| c == '+' || c == '-');
            if digits(self) == 0 {
                return Err(syntax("a number has an exponent without digits"));
            }
        }
        if self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.') {
            return Err(syntax("a number is not decimal"));
        }
        Ok(self.since(start))
    }

    fn string(&mut self, quote: char) -> Result<Cow<'t, str>, Refusal> {
        let quoting = u8::try_from(quote).unwrap_or_default();
        let plain = |byte: u8| byte != quoting && byte != b'\\' && !byte.is_ascii_control();
        let run = self.run(plain);
        if self.next_if(|c| c == quote).is_some() {
            return Ok(Cow::Borrowed(run));
        }
        let mut text = run.to_owned();
        loop {
            match self.chars.next() {
                None => return Err(syntax("a string is not closed")),
                Some(c) if c == quote => return Ok(Cow::Owned(text)),
                Some('\\') => text.push(self.escape()?),
                Some(c) if c.is_ascii_control() => {
                    return Err(syntax("a string has a control character"));
                }
                Some(c) => {
                    text.push(c);
                    text.push_str(self.run(plain));
                }
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
    fn slash(&mut self) -> Result<Option<Word<'t>>, Refusal> {
        if self.next_if(|c| c == '/').is_some() {
            // JavaScript ends a line at these too.
            while self.next_if(|c| !['\n', '\r', '\u{2028}', '\u{2029}'].contains(&c)).is_some() {}
            return Ok(None);
        }
        if self.next_if(|c| c == '*').is_some() {
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
        let options = self.run(|byte| byte.is_ascii_alphabetic());
        Ok(Some(Word::Regex(Box::new(Pattern { pattern, options }))))
    }
}

fn unexpected(c: char) -> Refusal {
    syntax(format!("the query has a character that is not expected: U+{:04X}", u32::from(c)))
}
