//! The tree of a command that is written: the query's own values where they stand, and what was made once for the caller.

use bson::raw::{RawArray, RawBsonRef, RawDocument, RawDocumentBuf};
use bson::{Bson, Document};

use super::encode::Encoder;
use crate::guard::{Refusal, RefusalCode};

/// A node.
#[derive(Debug, Clone)]
pub(super) enum Tree<'a> {
    /// A value of the query's.
    Own(&'a Bson),
    /// A document of the query's.
    OwnDocument(&'a Document),
    /// A value that is made for this command.
    Made(Bson),
    /// A document that was made for all commands.
    Kept(&'a Encoded),
    /// A document with fields of either kind; no name is there twice.
    Document(Vec<(&'a str, Tree<'a>)>),
    /// An array with items of either kind.
    Array(Vec<Tree<'a>>),
}

/// A document and its bytes.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) document: Document,
    pub(super) bytes: RawDocumentBuf,
}

impl Encoded {
    pub(super) fn new(document: Document) -> Result<Self, Refusal> {
        let bytes = RawDocumentBuf::try_from(&document).map_err(|_| mismatch())?;
        Ok(Self { document, bytes })
    }
}

impl<'a> Tree<'a> {
    /// A document of one field.
    pub(super) fn field(key: &'a str, value: Self) -> Self {
        Self::Document(vec![(key, value)])
    }

    /// The bytes of a command.
    pub(super) fn encode(&self) -> Result<RawDocumentBuf, Refusal> {
        Encoder::encode(self.fields())
    }

    fn fields(&self) -> &[(&'a str, Self)] {
        match self {
            Self::Document(fields) => fields,
            Self::Own(_)
            | Self::OwnDocument(_)
            | Self::Made(_)
            | Self::Kept(_)
            | Self::Array(_) => &[],
        }
    }

    /// The tree as one value.
    pub(super) fn value(&self) -> Bson {
        match self {
            Self::Own(value) => (*value).clone(),
            Self::Made(value) => value.clone(),
            Self::OwnDocument(document) => Bson::Document((*document).clone()),
            Self::Kept(kept) => Bson::Document(kept.document.clone()),
            Self::Document(fields) => {
                let fields = fields.iter().map(|(key, value)| ((*key).to_owned(), value.value()));
                Bson::Document(fields.collect())
            }
            Self::Array(items) => Bson::Array(items.iter().map(Self::value).collect()),
        }
    }

    /// Whether bytes hold this very tree, its fields in this order.
    // INVARIANT (only written bytes run): what is sent, read again, must give the very command that was rewritten.
    pub(super) fn is(&self, raw: RawBsonRef<'_>) -> bool {
        match (self, raw) {
            (Self::Own(value), raw) => same(raw, value),
            (Self::Made(value), raw) => same(raw, value),
            (Self::OwnDocument(document), RawBsonRef::Document(raw)) => holds(raw, document),
            (Self::Kept(kept), RawBsonRef::Document(raw)) => {
                raw.as_bytes() == kept.bytes.as_bytes()
            }
            (Self::Document(_), RawBsonRef::Document(raw)) => self.is_document(raw),
            (Self::Array(items), RawBsonRef::Array(raw)) => {
                let mut elements = raw.into_iter();
                items.iter().all(|item| {
                    elements.next().and_then(Result::ok).is_some_and(|raw| item.is(raw))
                }) && elements.next().is_none()
            }
            (Self::OwnDocument(_) | Self::Kept(_) | Self::Document(_) | Self::Array(_), _) => false,
        }
    }

    pub(super) fn is_document(&self, raw: &RawDocument) -> bool {
        let mut elements = raw.iter();
        let same = self.fields().iter().all(|(key, value)| {
            let element = elements.next().and_then(Result::ok);
            element.is_some_and(|(own, raw)| own.as_str() == *key && value.is(raw))
        });
        same && elements.next().is_none()
    }
}

impl From<i64> for Tree<'_> {
    fn from(number: i64) -> Self {
        Self::Made(Bson::Int64(number))
    }
}

impl From<Document> for Tree<'_> {
    fn from(document: Document) -> Self {
        Self::Made(Bson::Document(document))
    }
}

/// Whether bytes hold this document, its fields in this order: `Document`'s own equality compares maps.
pub(super) fn holds(raw: &RawDocument, document: &Document) -> bool {
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
        (RawBsonRef::Array(raw), Bson::Array(values)) => items(raw, values),
        (RawBsonRef::Double(raw), Bson::Double(value)) => raw.to_bits() == value.to_bits(),
        (RawBsonRef::String(raw), Bson::String(value)) => raw == value,
        (RawBsonRef::Int32(raw), Bson::Int32(value)) => raw == *value,
        (RawBsonRef::Boolean(raw), Bson::Boolean(value)) => raw == *value,
        // Rarer types, by value.
        (raw, value) => Bson::try_from(raw).is_ok_and(|raw| raw == *value),
    }
}

fn items(raw: &RawArray, values: &[Bson]) -> bool {
    let mut elements = raw.into_iter();
    values
        .iter()
        .all(|value| elements.next().and_then(Result::ok).is_some_and(|raw| same(raw, value)))
        && elements.next().is_none()
}

/// The command is not what was written.
pub(super) fn mismatch() -> Refusal {
    Refusal::new(
        RefusalCode::RoundTrip,
        "the rewritten query does not read back as itself",
        "rephrase the query; this is worth a report",
    )
}
