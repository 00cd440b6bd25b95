//! A rewritten query for people, printed when somebody asks.

use std::sync::{Arc, OnceLock};

use super::tree::Query;
use super::{Dialect, STACK_BYTES, print};

/// The tree for people, and its text once it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Readable {
    tree: Arc<Query>,
    /// The schema that people leave out.
    default_schema: Arc<str>,
    text: OnceLock<Option<String>>,
}

impl Readable {
    pub(super) fn new(tree: Query, default_schema: &str) -> Self {
        let (tree, default_schema) = (Arc::new(tree), default_schema.into());
        Self { tree, default_schema, text: OnceLock::new() }
    }

    /// Nothing where the tree cannot be printed, which one whose other form runs can.
    pub(super) fn text(&self, dialect: Dialect) -> Option<&str> {
        let print = || print::print(&self.tree, dialect, Some(&self.default_schema));
        // INVARIANT (no abort): the caller's thread may have a small stack, and the tree may be deep.
        let text = self.text.get_or_init(|| {
            stacker::maybe_grow(STACK_BYTES, STACK_BYTES, print).ok().map(|printed| printed.text)
        });
        text.as_deref()
    }
}

/// Whether it was printed yet makes no difference.
impl PartialEq for Readable {
    fn eq(&self, other: &Self) -> bool {
        self.tree == other.tree && self.default_schema == other.default_schema
    }
}
