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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bson::{Document, doc, rawdoc};

    use super::*;
    use crate::guard::mongo::guard_mongo;
    use crate::identity::{Principal, TenantId};
    use crate::policy::{Database, Sources};

    const BOUNDS: Bounds = Bounds { milliseconds: 1_500, batch: 11 };

    fn sent(command: &RawDocument) -> Document {
        Document::try_from(&*bounded(command, BOUNDS).unwrap()).unwrap()
    }

    #[test]
    fn each_kind_is_bounded_where_it_can_be() {
        for (command, expected) in [
            (
                rawdoc! { "find": "c", "filter": {} },
                doc! { "find": "c", "filter": {}, "batchSize": 11, "maxTimeMS": 1_500 },
            ),
            (
                rawdoc! { "aggregate": "c", "pipeline": [], "cursor": {} },
                doc! { "aggregate": "c", "pipeline": [], "cursor": { "batchSize": 11 }, "maxTimeMS": 1_500 },
            ),
            (rawdoc! { "count": "c" }, doc! { "count": "c", "maxTimeMS": 1_500 }),
            (
                rawdoc! { "distinct": "c", "key": "k" },
                doc! { "distinct": "c", "key": "k", "maxTimeMS": 1_500 },
            ),
        ] {
            assert_eq!(sent(&command).to_string(), expected.to_string());
        }
        let never = Bounds { milliseconds: 0, batch: 1 };
        let shortest = bounded(&rawdoc! { "count": "c" }, never).unwrap();
        assert_eq!(shortest.get_i32("maxTimeMS").unwrap(), 1, "0 would be for ever");
        let ages = Bounds { milliseconds: u64::MAX, batch: u32::MAX };
        let longest = bounded(&rawdoc! { "find": "c" }, ages).unwrap();
        assert_eq!(longest.get_i32("maxTimeMS").unwrap(), i32::MAX);
    }

    #[test]
    fn what_is_bounded_already_is_not_sent() {
        for command in [
            rawdoc! { "find": "c", "maxTimeMS": 1 },
            rawdoc! { "find": "c", "batchSize": 1 },
            rawdoc! { "count": "c", "maxTimeMS": 1 },
        ] {
            assert_eq!(bounded(&command, BOUNDS), Err(EngineError::Failed));
        }
    }

    /// Without what is added, every guarded command of the fixtures is the guard's own, byte by byte.
    #[test]
    fn nothing_else_is_added_to_a_guarded_command() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mongo");
        let read = |name: &str| std::fs::read_to_string(fixtures.join(name)).unwrap();
        let policies = ["shared.cedar", "tenant.cedar"]
            .map(|name| (name.to_owned(), read(&format!("policies/{name}"))));
        let sources = Sources {
            settings: read("policies/database.toml"),
            catalog: read("policies/catalog.toml"),
            policies: policies.to_vec(),
        };
        let database = Database::from_sources("app".parse().unwrap(), &sources).unwrap();
        let principal = Principal::new(Some(TenantId::Integer(82)), None);
        let filters = database.predicates_for(&principal).unwrap();
        let mut compared = 0;
        for file in std::fs::read_dir(fixtures.join("ok")).unwrap() {
            let query = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let guarded = guard_mongo(&query, &database.catalog, &filters).unwrap();
            let command = guarded.query().command();
            let mut left = RawDocumentBuf::new();
            for element in &bounded(command, BOUNDS).unwrap() {
                match element.unwrap() {
                    (key, _) if key == "maxTimeMS" || key == "batchSize" => {}
                    (key, value) if key == "cursor" => {
                        assert_eq!(value.as_document(), Some(&*rawdoc! { "batchSize": 11 }));
                        left.append(key, RawDocumentBuf::new());
                    }
                    (key, value) => left.append(key, value),
                }
            }
            assert_eq!(left.as_bytes(), command.as_bytes(), "{query}");
            compared += 1;
        }
        assert!(compared > 40, "{compared}");
    }
}
