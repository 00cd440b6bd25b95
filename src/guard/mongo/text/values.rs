//! Values from words: a descent that counts its depth.

use std::iter::Peekable;
use std::vec::IntoIter;

use bson::document::Entry;
use bson::oid::ObjectId;
use bson::raw::CString;
use bson::{Bson, Document, Regex};

use super::words::Word;
use super::{Form, constructors, syntax, too_large};
use crate::guard::{Refusal, RefusalCode};

/// What reads values from words.
pub(super) struct Values<'t> {
    words: Peekable<IntoIter<Word<'t>>>,
    form: Form,
    depth: usize,
    max_depth: usize,
}

impl<'t> Values<'t> {
    pub(super) fn new(words: Vec<Word<'t>>, form: Form, max_depth: usize) -> Self {
        Self { words: words.into_iter().peekable(), form, depth: 0, max_depth }
    }

    /// Whether the next word is this mark; consumes it where it is.
    pub(super) fn take(&mut self, mark: char) -> bool {
        self.words.next_if(|word| matches!(word, Word::Mark(own) if *own == mark)).is_some()
    }

    pub(super) fn expect(&mut self, mark: char) -> Result<(), Refusal> {
        if self.take(mark) { Ok(()) } else { Err(syntax(format!("`{mark}` is missing"))) }
    }

    /// The next word where it is a name.
    pub(super) fn name(&mut self) -> Option<&'t str> {
        match self.words.next_if(|word| matches!(word, Word::Name(_))) {
            Some(Word::Name(name)) => Some(name),
            Some(_) | None => None,
        }
    }

    /// The next word, which must be a string.
    pub(super) fn text(&mut self) -> Result<String, Refusal> {
        match self.words.next() {
            Some(Word::Text(text)) => Ok(text.into_owned()),
            Some(_) | None => Err(syntax("a string is missing")),
        }
    }

    pub(super) fn end(&mut self) -> Result<(), Refusal> {
        if self.words.peek().is_none() {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalCode::NotOneStatement,
            "the text goes on after the query",
            "send one query",
        ))
    }

    /// Values up to a closing parenthesis; the opening one is behind.
    pub(super) fn arguments(&mut self) -> Result<Vec<Bson>, Refusal> {
        self.list(')')
    }

    fn list(&mut self, close: char) -> Result<Vec<Bson>, Refusal> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.value()?);
            if !self.separated(close)? {
                break;
            }
        }
        Ok(items)
    }

    /// Whether a further item may follow; consumes the closing bracket where none does.
    fn separated(&mut self, close: char) -> Result<bool, Refusal> {
        if self.take(',') {
            if self.form == Form::Json && self.words.peek() == Some(&Word::Mark(close)) {
                return Err(syntax("a comma has nothing after it"));
            }
            return Ok(true);
        }
        self.expect(close)?;
        Ok(false)
    }

    pub(super) fn value(&mut self) -> Result<Bson, Refusal> {
        match self.words.next() {
            Some(Word::Mark('{')) => self.deeper(Self::document),
            Some(Word::Mark('[')) => self.deeper(|values| values.list(']').map(Bson::Array)),
            Some(Word::Text(text)) => Ok(Bson::String(text.into_owned())),
            Some(Word::Number(digits)) => number(digits, false),
            Some(Word::Mark('-')) => match self.words.next() {
                Some(Word::Number(digits)) => number(digits, true),
                Some(_) | None => Err(syntax("`-` has no number after it")),
            },
            Some(Word::Name(name)) => match name {
                "true" => Ok(Bson::Boolean(true)),
                "false" => Ok(Bson::Boolean(false)),
                "null" => Ok(Bson::Null),
                _ if self.form == Form::Json => {
                    Err(syntax("a name stands where a value is expected"))
                }
                "new" => {
                    let name = self.name();
                    self.constructor(name.unwrap_or_default())
                }
                name => self.constructor(name),
            },
            Some(Word::Regex(found)) => regex(&found.pattern, found.options),
            Some(_) => Err(syntax("a value is missing")),
            None => Err(syntax("the query ends where a value is expected")),
        }
    }

    fn constructor(&mut self, name: &str) -> Result<Bson, Refusal> {
        if !self.take('(') {
            return Err(syntax(format!("`{name}` is a variable, and values must be literals")));
        }
        let args = self.deeper(Self::arguments)?;
        constructors::construct(name, &args)
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if self.depth == self.max_depth {
            let max = self.max_depth;
            return Err(too_large(format!("the query is nested more than {max} levels deep")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn document(&mut self) -> Result<Bson, Refusal> {
        let mut document = Document::new();
        while !self.take('}') {
            let key = match self.words.next() {
                Some(Word::Text(key)) => key.into_owned(),
                Some(Word::Name(key)) if self.form == Form::Shell => key.to_owned(),
                Some(_) | None => return Err(syntax("a key is missing")),
            };
            if key.is_empty() || key.contains('\0') || key == "__proto__" {
                return Err(syntax("a key is empty or cannot be a name"));
            }
            self.expect(':')?;
            let value = self.value()?;
            // INVARIANT (isolation): MongoDB joins two conditions of one name, its drivers drop the first.
            match document.entry(key) {
                Entry::Occupied(first) => {
                    return Err(Refusal::new(
                        RefusalCode::Syntax,
                        format!("the key `{}` is given twice in one document", first.key()),
                        "write each key once; join conditions on one field by `$and`",
                    ));
                }
                vacant @ Entry::Vacant(_) => vacant.or_insert(value),
            };
            if !self.separated('}')? {
                break;
            }
        }
        match self.form {
            Form::Shell => Ok(Bson::Document(document)),
            Form::Json => constructors::unwrap(document),
        }
    }
}

/// A number without loss: whole numbers as integers of 32 or 64 bits, others as doubles.
pub(super) fn number(digits: &str, negative: bool) -> Result<Bson, Refusal> {
    let signed = if negative { format!("-{digits}") } else { digits.to_owned() };
    if digits.bytes().all(|byte| byte.is_ascii_digit()) && signed != "-0" {
        let long: i64 =
            signed.parse().map_err(|_| syntax("a whole number does not fit into 64 bits"))?;
        return Ok(i32::try_from(long).map_or(Bson::Int64(long), Bson::Int32));
    }
    match signed.parse::<f64>() {
        Ok(double) if double.is_finite() => Ok(Bson::Double(double)),
        Ok(_) | Err(_) => Err(syntax("a number is too large")),
    }
}

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 512;

/// A regular expression. <https://www.mongodb.com/docs/manual/reference/operator/query/regex/>
pub(super) fn regex(pattern: &str, options: &str) -> Result<Bson, Refusal> {
    let known = options.chars().all(|option| "ims".contains(option));
    let mut sorted: Vec<char> = options.chars().collect();
    sorted.sort_unstable();
    let twice = sorted.windows(2).any(|pair| pair.first() == pair.last());
    if !known || twice || pattern.len() > MAX_PATTERN {
        return Err(syntax(
            "a regular expression is too long, or has other options than i, m and s",
        ));
    }
    let options: String = sorted.into_iter().collect();
    match (CString::try_from(pattern.to_owned()), CString::try_from(options)) {
        (Ok(pattern), Ok(options)) => Ok(Bson::RegularExpression(Regex { pattern, options })),
        _ => Err(syntax("a regular expression has a zero byte")),
    }
}

/// An ObjectId from its 24 digits.
pub(super) fn object_id(text: &str) -> Result<Bson, Refusal> {
    let id = if text.len() == 24 { ObjectId::parse_str(text).ok() } else { None };
    id.map(Bson::ObjectId).ok_or_else(|| syntax("an ObjectId has not 24 hexadecimal digits"))
}
