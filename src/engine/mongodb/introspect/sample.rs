//! What a sample of documents has, path by path.

use std::collections::BTreeMap;

use bson::raw::{RawBsonRef, RawDocument};

use super::kind::Kind;
use crate::catalog::{MAX_PATH, is_field};

/// Fields of one document, over all documents of the sample, beyond which its names are taken for values.
const MAX_NAMES: usize = 100;

/// What stands at a path.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many values of each type.
    pub(super) kinds: BTreeMap<Kind, u64>,
    /// Of arrays, how many elements of each type.
    pub(super) elements: BTreeMap<Kind, u64>,
    /// How many documents stand here, elements of arrays included.
    pub(super) documents: u64,
    /// Their fields.
    pub(super) fields: BTreeMap<String, Seen>,
    /// Whether their names are not told apart: there are too many, they are no names of fields, or they lie too deep.
    pub(super) open: bool,
}

impl Seen {
    /// Adds a document that stands `depth` documents below the collection's own.
    pub(super) fn add(&mut self, document: &RawDocument, depth: usize) {
        self.documents += 1;
        for element in document {
            // What the driver cannot read ends the document.
            let Ok((name, value)) = element else { return };
            if depth >= MAX_PATH || !is_field(name.as_str()) {
                self.open = true;
                continue;
            }
            if !self.fields.contains_key(name.as_str()) && self.fields.len() >= MAX_NAMES {
                self.open = true;
                continue;
            }
            let field = self.fields.entry(name.as_str().to_owned()).or_default();
            field.value(value, depth + 1);
        }
    }

    fn value(&mut self, value: RawBsonRef<'_>, depth: usize) {
        *self.kinds.entry(Kind::of(value)).or_default() += 1;
        match value {
            RawBsonRef::Document(document) => self.add(document, depth),
            RawBsonRef::Array(array) => {
                for element in array {
                    let Ok(element) = element else { return };
                    *self.elements.entry(Kind::of(element)).or_default() += 1;
                    if let RawBsonRef::Document(document) = element {
                        self.add(document, depth);
                    }
                }
            }
            _ => {}
        }
    }
}
