//! Calls by a schema.

use super::{Token, Verified, Verifier};

impl Verifier<'_> {
    /// A call by a schema is one of a function that the operator added.
    pub(super) fn calls(&self) -> Verified<()> {
        for window in self.tokens.windows(4) {
            let [schema, Token::Dot, name, Token::Open] = window else { continue };
            let (Some(schema), Some(name)) = (schema.name(), name.name()) else { continue };
            let functions = &self.catalog.functions;
            if !functions.iter().any(|added| added.schema == schema && added.name == name) {
                return None;
            }
        }
        Some(())
    }
}
