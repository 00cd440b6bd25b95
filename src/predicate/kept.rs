//! What a guard makes of a caller's filters once, kept with them.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::PredicateSet;

/// A place for something made of filters. It is no part of what they say: copies begin without it, and are equal.
#[derive(Default)]
pub(super) struct Kept(OnceLock<Arc<dyn Any + Send + Sync>>);

impl PredicateSet {
    /// What `make` made of these filters, the first time that it was asked for.
    pub(crate) fn kept<T: Any + Send + Sync>(&self, make: impl Fn() -> T) -> Arc<T> {
        let kept = self.kept.0.get_or_init(|| Arc::new(make()));
        // There is one guard that keeps something; a second one would go without.
        Arc::clone(kept).downcast().unwrap_or_else(|_| Arc::new(make()))
    }
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Kept {}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}
