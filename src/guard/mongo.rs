//! The MongoDB guard: caps, read, admit, rewrite, print, read back, and verify.

mod admit;
mod command;
mod emit;
mod encode;
mod explain;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod names;
mod print;
mod rewrite;
mod shape;
mod sources;
mod text;
mod touch;
mod tree;
mod verify;

use std::fmt;
use std::sync::Arc;

use bson::Document;
use bson::raw::RawDocumentBuf;

use crate::catalog::Catalog;
use crate::predicate::PredicateSet;

use super::printed::Printed;
use super::{Guarded, Refusal};
pub use explain::Explained;
pub use names::{Chapter, ListedName, chapters};
use rewrite::{Reader, Rewrite};
use sources::Sources;
use tree::mismatch;

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
    command: Printed<RawDocumentBuf>,
    readable: Printed<Shown>,
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
        &self.command.tree
    }

    /// The command as extended JSON: canonical, but for numbers of 32 bits, which are plain. Printed when it is first
    /// asked for: what runs are the bytes.
    pub fn text(&self) -> &str {
        self.command.text(STACK_BYTES, |command| {
            Document::try_from(command).map(|command| print::json(&command)).unwrap_or_default()
        })
    }

    /// The query with its filters as shell text, for people. Printed when it is first asked for.
    pub fn readable(&self) -> &str {
        self.readable.text(STACK_BYTES, |shown| shown.text().unwrap_or_default())
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
    let sources = Sources::of(catalog, filters);
    let needs = admit::admit(&request, sources.visible(catalog), filters, &sources)?;
    let fence = needs.fence.is_some();
    let rewrite = Rewrite { sources: &sources, fence, reader: Reader::Engine };
    let (kind, tree) = rewrite.command(&request, needs.documents)?;
    let command = tree.encode()?;
    if !tree.is_document(&command) {
        return Err(mismatch());
    }
    verify::verify(&command, catalog, filters, fence)?;
    let reply = request.reply();
    let shown = Shown { query: query.to_owned(), sources: Arc::clone(&sources) };
    Ok(MongoCommand {
        kind,
        reply,
        command: Printed::of(command),
        readable: Printed::of(shown),
        fence: needs.fence,
        collection: request.collection.clone(),
    })
}

/// What the text for people is made of. Most queries run and are never shown, so it is made from the start.
#[derive(Clone)]
struct Shown {
    query: String,
    sources: Arc<Sources>,
}

impl Shown {
    fn text(&self) -> Result<String, Refusal> {
        let request = command::read(text::parse(&self.query)?)?;
        let rewrite = Rewrite { sources: &self.sources, fence: false, reader: Reader::People };
        rewrite.people(&request).map(|shown| print::shell(&shown))
    }
}

/// The command beside it says the rest.
impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        self.query == other.query
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.query.fmt(f)
    }
}

#[cfg(test)]
mod tests;
