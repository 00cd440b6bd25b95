//! A command as it is sent: the guard's bytes, and the two fields that bound them.
//!
//! The driver adds `$db`, `lsid`, `$clusterTime` and `$readPreference` to whatever it sends.

use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf, cstr};

use crate::engine::EngineError;

/// The most that `maxTimeMS` may be.
const LONGEST: u64 = i32::MAX as u64;

/// What bounds a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The server stops the command after so many milliseconds: at least one, since none would be for ever.
    pub(super) milliseconds: u64,
    /// Documents that the first reply may hold.
    pub(super) batch: u32,
}

/// The command with its bounds: `maxTimeMS` in every one, `batchSize` in a `find`, `cursor.batchSize` in an
/// `aggregate`. Everything else is taken over as it stands.
// INVARIANT (only printed text runs): what is sent is the guard's own bytes but for these fields, and a command that
// has one of them already is not sent.
pub(super) fn bounded(
    command: &RawDocument,
    bounds: Bounds,
) -> Result<RawDocumentBuf, EngineError> {
    let batch = i32::try_from(bounds.batch).unwrap_or(i32::MAX);
    let milliseconds = bounds.milliseconds.clamp(1, LONGEST);
    let mut sent = RawDocumentBuf::new();
    let mut name = None;
    for element in command {
        let (key, value) = element.map_err(|_| EngineError::Failed)?;
        let name = name.get_or_insert(key.as_str());
        match (key.as_str(), value) {
            ("maxTimeMS" | "batchSize", _) => return Err(EngineError::Failed),
            ("cursor", RawBsonRef::Document(cursor))
                if *name == "aggregate" && cursor.is_empty() =>
            {
                let mut cursor = RawDocumentBuf::new();
                cursor.append(cstr!("batchSize"), batch);
                sent.append(key, cursor);
            }
            (_, value) => sent.append(key, value),
        }
    }
    if name == Some("find") {
        sent.append(cstr!("batchSize"), batch);
    }
    sent.append(cstr!("maxTimeMS"), i32::try_from(milliseconds).unwrap_or(i32::MAX));
    Ok(sent)
}
