//! From untrusted text to values: shell text (`db.c.find({ .. })`) or a command in extended JSON.
//!
//! Caps hold before anything recurses: bytes and control characters before the words, words before the values, and
//! values count their own depth. Duplicate keys, numbers that would be rounded and whatever is code are refused here,
//! on the text, because the drivers' decoders let them pass (`bson` keeps the last of two keys, and aborts the process
//! on 20,000 levels). Both forms are read by the same code into the same tree, which keeps the order of fields.

mod constructors;
mod values;
mod words;

use bson::{Bson, Document};

use crate::guard::{Refusal, RefusalCode};
use values::Values;
use words::{Word, words};

/// The longest query, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The most words of a query, white space and comments aside.
const MAX_WORDS: usize = 8_000;
/// How deep documents and arrays may nest.
const MAX_DEPTH: usize = 32;

/// Whose text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// Untrusted: capped.
    Proposal,
    /// Printed by the guard: longer and deeper than what was read. Tests ask that such a text is what runs.
    #[cfg(any(test, feature = "fuzzing"))]
    Guard,
}

impl Author {
    /// How many times longer than a proposal a text may be: each occurrence of a collection grows by its columns and its
    /// filter.
    fn growth(self) -> usize {
        match self {
            Self::Proposal => 1,
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Guard => 64,
        }
    }

    fn max_depth(self) -> usize {
        match self {
            Self::Proposal => MAX_DEPTH,
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Guard => MAX_DEPTH * 4,
        }
    }
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// JavaScript's literals, comments and constructors.
    Shell,
    /// JSON and nothing else.
    Json,
}

/// A query as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Written {
    /// `db.collection.method(..).further(..)`
    Shell { collection: String, method: String, args: Vec<Bson>, chain: Vec<(String, Vec<Bson>)> },
    /// A command.
    Json(Document),
}

/// Reads one untrusted query.
pub(super) fn parse(text: &str) -> Result<Written, Refusal> {
    if text.trim_start().starts_with('{') {
        return parse_json(text, Author::Proposal).map(Written::Json);
    }
    let words = read(text, Form::Shell, Author::Proposal)?;
    let mut values = Values::new(words, Form::Shell, MAX_DEPTH);
    let written = shell(&mut values)?;
    values.end()?;
    Ok(written)
}

/// Reads a document in extended JSON.
pub(super) fn parse_json(text: &str, author: Author) -> Result<Document, Refusal> {
    let words = read(text, Form::Json, author)?;
    let mut values = Values::new(words, Form::Json, author.max_depth());
    let Bson::Document(document) = values.value()? else {
        return Err(syntax("the command is not a document"));
    };
    values.end()?;
    Ok(document)
}

fn read(text: &str, form: Form, author: Author) -> Result<Vec<Word<'_>>, Refusal> {
    let (max_bytes, max_words) = (MAX_BYTES * author.growth(), MAX_WORDS * author.growth());
    if text.len() > max_bytes {
        return Err(too_large(format!("the query is longer than {max_bytes} bytes")));
    }
    words(text, form, max_words)
}

/// `db`, a collection, a method, and what is called on its result.
fn shell(values: &mut Values<'_>) -> Result<Written, Refusal> {
    if values.name() != Some("db") {
        return Err(syntax("the query does not begin with `db.` or `{`"));
    }
    let mut path: Vec<String> = Vec::new();
    let (method, args) = loop {
        if values.take('[') {
            path.push(values.text()?);
            values.expect(']')?;
            continue;
        }
        values.expect('.')?;
        let name = values.name().ok_or_else(|| syntax("a name is missing after `.`"))?;
        if !values.take('(') {
            path.push(name.to_owned());
            continue;
        }
        if path.is_empty() && ["getCollection", "collection"].contains(&name) {
            path.push(values.text()?);
            values.expect(')')?;
            continue;
        }
        if path.is_empty() && name == "getSiblingDB" {
            return Err(Refusal::unsupported("another database", "name a collection of this one"));
        }
        break (name.to_owned(), values.arguments()?);
    };
    let mut chain = Vec::new();
    while values.take('.') {
        let name = values.name().ok_or_else(|| syntax("a name is missing after `.`"))?;
        values.expect('(')?;
        chain.push((name.to_owned(), values.arguments()?));
    }
    values.take(';');
    Ok(Written::Shell { collection: path.join("."), method, args, chain })
}

/// A text that is not of the language.
fn syntax(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(
        RefusalCode::Syntax,
        message,
        "write `db.collection.find({ .. })` or `db.collection.aggregate([ .. ])` with literal values, or one command in extended JSON",
    )
}

fn too_large(message: String) -> Refusal {
    Refusal::new(RefusalCode::TooLarge, message, "shorten the query")
}

#[cfg(test)]
mod tests;
