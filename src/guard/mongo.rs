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

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document};

use crate::catalog::Catalog;
use crate::predicate::PredicateSet;

use super::{Guarded, Refusal, RefusalCode};
pub use explain::Explained;
pub use names::{Chapter, ListedName, chapters};
use rewrite::{Reader, Rewrite};
use text::Author;

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
    collection: String,
    command: RawDocumentBuf,
    text: String,
    readable: String,
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
        &self.collection
    }

    /// What runs: the whole command but for `$db`, `lsid` and `maxTimeMS`, which the engine appends. Nothing else may be
    /// added, but for a `batchSize`.
    pub fn command(&self) -> &RawDocumentBuf {
        &self.command
    }

    /// The command as extended JSON: canonical, but for numbers of 32 bits, which are plain.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The query with its filters as shell text, for people.
    pub fn readable(&self) -> &str {
        &self.readable
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
    let request = command::read(text::parse(query)?)?;
    let needs = admit::admit(&request, catalog, filters)?;
    let rewrite = |reader| Rewrite { catalog, filters, fence: needs.fence.is_some(), reader };
    let (kind, command) = rewrite(Reader::Engine).command(&request, needs.documents)?;
    let readable = print::shell(&rewrite(Reader::People).people(&request)?);
    let text = print::json(&command);
    read_back(&text, &command)?;
    let command = bytes(&command)?;
    verify::verify(&command, catalog, filters, needs.fence.is_some())?;
    let reply = request.reply();
    let collection = request.collection;
    Ok(MongoCommand { kind, reply, collection, command, text, readable, fence: needs.fence })
}

fn bytes(command: &Document) -> Result<RawDocumentBuf, Refusal> {
    command.to_vec().and_then(RawDocumentBuf::from_bytes).map_err(|_| mismatch())
}

// INVARIANT (only printed text runs): the text, read again, must give the very command that runs.
fn read_back(text: &str, command: &Document) -> Result<(), Refusal> {
    let read = text::parse_json(text, Author::Guard).map_err(|_| mismatch())?;
    if same_documents(&read, command) { Ok(()) } else { Err(mismatch()) }
}

/// Equality in which the order of fields counts: `Document`'s own compares maps.
fn same_documents(left: &Document, right: &Document) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|((own, left), (other, right))| own == other && same(left, right))
}

fn same(left: &Bson, right: &Bson) -> bool {
    match (left, right) {
        (Bson::Document(left), Bson::Document(right)) => same_documents(left, right),
        (Bson::Array(left), Bson::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Bson::Double(left), Bson::Double(right)) => left.to_bits() == right.to_bits(),
        (left, right) => left == right,
    }
}

fn mismatch() -> Refusal {
    Refusal::new(
        RefusalCode::RoundTrip,
        "the rewritten query does not read back as itself",
        "rephrase the query; this is worth a report",
    )
}
