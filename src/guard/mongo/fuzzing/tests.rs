//! The fixtures, as they are and damaged, through the same functions that a fuzzer runs.

use std::path::Path;

use super::*;

fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mongo");
    let mut files = Vec::new();
    for kind in ["ok", "refused"] {
        for entry in std::fs::read_dir(folder.join(kind)).unwrap() {
            files.push(entry.unwrap().path());
        }
    }
    files.sort();
    files.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Every file of `fuzz/corpus`, through the target of its folder. What `cargo fuzz` found is among them.
#[test]
fn the_corpus_keeps_every_promise() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let mut seeds: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(seeds.len() >= 8, "fuzz/corpus/{name} is thin");
        seeds.sort();
        for seed in seeds {
            eprintln!("{}", seed.display());
            target(&std::fs::read(&seed).unwrap());
        }
    }
}

/// The seeds of bytes are what they are called: the verifier lets the guarded ones pass, and no other.
#[test]
fn seeds_of_bytes_are_walked_to_their_end() {
    let Some(World { catalog, filters }) = world() else { panic!() };
    let guarded = ["aggregate", "count", "distinct", "find", "graph", "near", "union"];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/mongo_bson");
    for name in guarded {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let command = RawDocumentBuf::from_bytes(bytes).unwrap();
        let verified = |fence| verify::verify(&command, catalog, filters, fence).is_ok();
        assert_eq!((verified(false), verified(true)), (name != "aggregate", name == "aggregate"));
    }
    for name in ["twice", "code"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let command = RawDocumentBuf::from_bytes(bytes).unwrap();
        assert!(verify::verify(&command, catalog, filters, false).is_err(), "{name}");
    }
}

/// What is put into texts.
const PIECES: [&str; 20] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "$",
    "'",
    "\"",
    "\\",
    "//",
    "/*",
    "-",
    "0",
    "1e9",
    ".",
    "null",
    "$$ROOT",
    "$lookup",
    "customer_id",
];

/// The next number of a sequence that is the same each time.
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 40).unwrap()
}

#[test]
fn fixtures_keep_every_promise_also_when_damaged() {
    let mut state = 82;
    for fixture in fixtures().into_iter().filter(|fixture| fixture.len() < 4_000) {
        for round in 0..24 {
            let mut text = fixture.clone();
            for _ in 0..round % 4 {
                let at = next(&mut state) % (text.len() + 1);
                let piece = PIECES[next(&mut state) % PIECES.len()];
                let end = (at + next(&mut state) % 4).min(text.len());
                text.splice(at..end, piece.bytes());
            }
            for (_, target) in TARGETS {
                target(&text);
            }
        }
    }
}

#[test]
fn damaged_bytes_are_walked() {
    let Some(World { catalog, filters }) = world() else { panic!() };
    let mut state = 99;
    for fixture in fixtures() {
        let text = String::from_utf8(fixture).unwrap();
        let Ok(guarded) = guard_mongo(&text, catalog, filters) else { continue };
        let bytes = guarded.query().command().as_bytes();
        for _ in 0..200 {
            let mut damaged = bytes.to_vec();
            let at = next(&mut state) % damaged.len();
            damaged[at] = u8::try_from(next(&mut state) % 256).unwrap();
            raw(&damaged);
        }
    }
}
