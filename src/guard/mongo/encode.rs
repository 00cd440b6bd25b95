//! The bytes of a command: each value written once, where it stands.
//!
//! `bson` makes a buffer for every document in a document and copies it into the one around, as often as it is nested.
//! What is written here is read back by `bson` and compared with the tree, so a mistake is a refusal. <https://bsonspec.org/spec.html>

use bson::raw::{CStr, RawBson, RawDocumentBuf};
use bson::spec::ElementType;
use bson::{Bson, Document};

use super::tree::{Tree, mismatch};
use crate::guard::Refusal;

/// What is written so far.
pub(super) struct Encoder(Vec<u8>);

impl Encoder {
    /// The bytes of one document with these fields.
    pub(super) fn encode(fields: &[(&str, Tree<'_>)]) -> Result<RawDocumentBuf, Refusal> {
        // As long as most commands are.
        let mut encoder = Self(Vec::with_capacity(1_024));
        encoder.within(|encoder| encoder.trees(fields))?;
        RawDocumentBuf::from_bytes(encoder.0).map_err(|_| mismatch())
    }

    /// A document or an array: its length, its elements, and a zero.
    fn within(
        &mut self,
        elements: impl FnOnce(&mut Self) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let start = self.0.len();
        self.0.extend([0; 4]);
        elements(self)?;
        self.0.push(0);
        let length = i32::try_from(self.0.len() - start).map_err(|_| mismatch())?;
        let place = self.0.get_mut(start..start + 4).ok_or_else(mismatch)?;
        place.copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    fn trees(&mut self, fields: &[(&str, Tree<'_>)]) -> Result<(), Refusal> {
        fields.iter().try_for_each(|(key, value)| self.tree(key, value))
    }

    fn document(&mut self, document: &Document) -> Result<(), Refusal> {
        self.within(|encoder| {
            document.iter().try_for_each(|(key, value)| encoder.value(key, value))
        })
    }

    fn head(&mut self, kind: ElementType, key: &str) -> Result<(), Refusal> {
        if key.contains('\0') {
            return Err(mismatch());
        }
        self.0.push(kind as u8);
        self.0.extend(key.as_bytes());
        self.0.push(0);
        Ok(())
    }

    fn tree(&mut self, key: &str, tree: &Tree<'_>) -> Result<(), Refusal> {
        match tree {
            Tree::Own(value) => return self.value(key, value),
            Tree::Made(value) => return self.value(key, value),
            Tree::OwnDocument(document) => {
                self.head(ElementType::EmbeddedDocument, key)?;
                self.document(document)?;
            }
            Tree::Kept(kept) => {
                self.head(ElementType::EmbeddedDocument, key)?;
                self.0.extend(kept.bytes.as_bytes());
            }
            Tree::Document(fields) => {
                self.head(ElementType::EmbeddedDocument, key)?;
                self.within(|encoder| encoder.trees(fields))?;
            }
            Tree::Array(items) => {
                self.head(ElementType::Array, key)?;
                self.within(|encoder| {
                    let mut items = items.iter().enumerate();
                    items.try_for_each(|(at, item)| encoder.tree(&at.to_string(), item))
                })?;
            }
        }
        Ok(())
    }

    fn value(&mut self, key: &str, value: &Bson) -> Result<(), Refusal> {
        match value {
            Bson::String(text) => {
                self.head(ElementType::String, key)?;
                let length = i32::try_from(text.len() + 1).map_err(|_| mismatch())?;
                self.0.extend(length.to_le_bytes());
                self.0.extend(text.as_bytes());
                self.0.push(0);
            }
            Bson::Int32(number) => {
                self.head(ElementType::Int32, key)?;
                self.0.extend(number.to_le_bytes());
            }
            Bson::Document(document) => {
                self.head(ElementType::EmbeddedDocument, key)?;
                self.document(document)?;
            }
            Bson::Array(items) => {
                self.head(ElementType::Array, key)?;
                self.within(|encoder| {
                    let mut items = items.iter().enumerate();
                    items.try_for_each(|(at, item)| encoder.value(&at.to_string(), item))
                })?;
            }
            rarer => self.by_bson(key, rarer)?,
        }
        Ok(())
    }

    /// One element as `bson` writes it.
    fn by_bson(&mut self, key: &str, value: &Bson) -> Result<(), Refusal> {
        let mut alone = RawDocumentBuf::new();
        let key = <&CStr>::try_from(key).map_err(|_| mismatch())?;
        alone.append(key, RawBson::try_from(value.clone()).map_err(|_| mismatch())?);
        let bytes = alone.as_bytes();
        // Between the length and the zero.
        self.0.extend(bytes.get(4..bytes.len() - 1).ok_or_else(mismatch)?);
        Ok(())
    }
}
