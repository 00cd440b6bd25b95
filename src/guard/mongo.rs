//! The MongoDB guard: caps, read, admit, rewrite, print, read back, and verify.

mod admit;
mod command;
mod emit;
mod explain;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod names;
mod print;
mod rewrite;
mod shape;
mod text;
mod verify;

use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use bson::{Bson, Document};

use crate::catalog::Catalog;
use crate::predicate::PredicateSet;

use super::printed::Printed;
use super::{Guarded, Refusal, RefusalCode};
use command::Request;
pub use explain::Explained;
pub use names::{Chapter, ListedName, chapters};
use rewrite::{Reader, Rewrite};

/// The stack that the guard recurses on, in bytes. The deepest tree that the caps let through needs a fraction of it.
///
/// On a thread that has less to spare, each call makes a stack of its own, which costs more than guarding a query.
pub const STACK_BYTES: usize = 32 * 1024 * 1024;

/// The commands that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    /// <https://www.mongodb.com/docs/manual/reference/command/find/>
    Find,
    /// <https://www.mongodb.com/docs/manual/reference/command/aggregate/>
    Aggregate,
    /// <https://www.mongodb.com/docs/manual/reference/command/count/>
    Count,
    /// <https://www.mongodb.com/docs/manual/reference/command/distinct/>
    Distinct,
}

impl CommandKind {
    /// The command's name, which is its first field.
    pub fn name(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Aggregate => "aggregate",
            Self::Count => "count",
            Self::Distinct => "distinct",
        }
    }
}

/// What was asked for, and so how the reply of the command is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The documents of a cursor.
    Documents,
    /// A number: the field `n` of a `count`, or of the one document of an `aggregate`, which gives none for 0.
    Count,
    /// The array `values` of a `distinct`.
    Values,
}

/// A command to run, as bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct MongoCommand {
    kind: CommandKind,
    reply: Reply,
    command: RawDocumentBuf,
    text: Printed<Document>,
    readable: Printed<Request>,
    fence: Option<&'static str>,
}

impl MongoCommand {
    /// Which command it is.
    pub fn kind(&self) -> CommandKind {
        self.kind
    }

    /// How its reply is to be read.
    pub fn reply(&self) -> Reply {
        self.reply
    }

    /// The collection that it names first.
    pub fn collection(&self) -> &str {
        &self.readable.tree.collection
    }

    /// What runs: the whole command but for `$db`, `lsid` and `maxTimeMS`, which the engine appends. Nothing else may be
    /// added, but for a `batchSize`.
    pub fn command(&self) -> &RawDocumentBuf {
        &self.command
    }

    /// The command as extended JSON: canonical, but for numbers of 32 bits, which are plain. Printed when it is first
    /// asked for: what runs are the bytes.
    pub fn text(&self) -> &str {
        self.text.text(STACK_BYTES, print::json)
    }

    /// The query with its filters as shell text, for people. Printed when it is first asked for.
    pub fn readable(&self) -> &str {
        self.readable.text(STACK_BYTES, print::shell)
    }

    /// Why filtered collections are fenced off from the query's own conditions, where they are.
    pub fn fence(&self) -> Option<&'static str> {
        self.fence
    }
}

/// Rewrites one query, shell text or a command in extended JSON, so that it reads only what `filters` keep.
///
/// # Errors
///
/// A [`Refusal`] for every query that is not known to be expressible exactly.
pub fn guard_mongo(
    query: &str,
    catalog: &Catalog,
    filters: &PredicateSet,
) -> Result<Guarded<MongoCommand>, Refusal> {
    // INVARIANT (no abort): whatever thread this is, the walks have `STACK_BYTES` to themselves.
    stacker::maybe_grow(STACK_BYTES, STACK_BYTES, || guard(query, catalog, filters)).map(Guarded)
}

fn guard(query: &str, catalog: &Catalog, filters: &PredicateSet) -> Result<MongoCommand, Refusal> {
    // INVARIANT (exact or refused): policies that hide fields of documents do not load.
    if filters.hides() {
        return Err(Refusal::unsupported("hidden fields", "take the field out of the catalog"));
    }
    let request = command::read(text::parse(query)?)?;
    let needs = admit::admit(&request, catalog, filters)?;
    let rewrite = |reader| Rewrite { catalog, filters, fence: needs.fence.is_some(), reader };
    let (kind, command) = rewrite(Reader::Engine).command(&request, needs.documents)?;
    let readable = rewrite(Reader::People).people(&request)?;
    let sent = bytes(&command)?;
    read_back(&sent, &command)?;
    verify::verify(&sent, catalog, filters, needs.fence.is_some())?;
    let (text, readable) = (Printed::of(command), Printed::of(readable));
    let reply = request.reply();
    Ok(MongoCommand { kind, reply, command: sent, text, readable, fence: needs.fence })
}

fn bytes(command: &Document) -> Result<RawDocumentBuf, Refusal> {
    command.to_vec().and_then(RawDocumentBuf::from_bytes).map_err(|_| mismatch())
}

// INVARIANT (only written bytes run): the bytes, read again, must give the very command that was rewritten.
fn read_back(sent: &RawDocumentBuf, command: &Document) -> Result<(), Refusal> {
    if holds(sent, command) { Ok(()) } else { Err(mismatch()) }
}

/// Whether bytes hold this document, its fields in this order: `Document`'s own equality compares maps.
fn holds(raw: &RawDocument, document: &Document) -> bool {
    let mut elements = raw.iter();
    let same = document.iter().all(|(key, value)| {
        let element = elements.next().and_then(Result::ok);
        element.is_some_and(|(own, raw)| own.as_str() == key && same(raw, value))
    });
    same && elements.next().is_none()
}

fn same(raw: RawBsonRef<'_>, value: &Bson) -> bool {
    match (raw, value) {
        (RawBsonRef::Document(raw), Bson::Document(document)) => holds(raw, document),
        (RawBsonRef::Array(raw), Bson::Array(values)) => {
            let mut elements = raw.into_iter();
            values.iter().all(|value| {
                elements.next().and_then(Result::ok).is_some_and(|raw| same(raw, value))
            }) && elements.next().is_none()
        }
        (RawBsonRef::Double(raw), Bson::Double(value)) => raw.to_bits() == value.to_bits(),
        (RawBsonRef::String(raw), Bson::String(value)) => raw == value,
        (RawBsonRef::Int32(raw), Bson::Int32(value)) => raw == *value,
        (RawBsonRef::Boolean(raw), Bson::Boolean(value)) => raw == *value,
        // Rarer types, by value.
        (raw, value) => Bson::try_from(raw).is_ok_and(|raw| raw == *value),
    }
}

fn mismatch() -> Refusal {
    Refusal::new(
        RefusalCode::RoundTrip,
        "the rewritten query does not read back as itself",
        "rephrase the query; this is worth a report",
    )
}

#[cfg(test)]
mod tests;
