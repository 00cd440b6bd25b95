//! Texts for people, printed when somebody asks for them.

use std::sync::{Arc, OnceLock};

/// What is printed, and its text once it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Printed<T> {
    pub(super) tree: Arc<T>,
    text: OnceLock<String>,
}

impl<T> Printed<T> {
    pub(super) fn of(tree: T) -> Self {
        Self { tree: Arc::new(tree), text: OnceLock::new() }
    }

    /// The text. `print` is the same in every call, and wants so many bytes of stack.
    // INVARIANT (no abort): the caller's thread may have a small stack, and the tree may be deep.
    pub(super) fn text(&self, stack: usize, print: impl FnOnce(&T) -> String) -> &str {
        self.text.get_or_init(|| stacker::maybe_grow(stack, stack, || print(&self.tree)))
    }
}

/// Whether it was printed yet makes no difference.
impl<T: PartialEq> PartialEq for Printed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.tree == other.tree
    }
}
