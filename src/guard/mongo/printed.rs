//! Texts that are printed when somebody asks for them.

use std::sync::OnceLock;

use super::STACK_BYTES;

/// What is printed, and its text once it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Printed<T> {
    pub(super) tree: Box<T>,
    text: OnceLock<String>,
}

impl<T> Printed<T> {
    pub(super) fn of(tree: T) -> Self {
        Self { tree: Box::new(tree), text: OnceLock::new() }
    }

    /// The text; `print` is the same in every call.
    pub(super) fn get(&self, print: impl FnOnce(&T) -> String) -> &str {
        // INVARIANT (no abort): the caller's thread may have a small stack, and the tree may be deep.
        let print = || stacker::maybe_grow(STACK_BYTES, STACK_BYTES, || print(&self.tree));
        self.text.get_or_init(print)
    }
}

/// Whether it was printed yet makes no difference.
impl<T: PartialEq> PartialEq for Printed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.tree == other.tree
    }
}
