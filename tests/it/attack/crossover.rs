//! Crossovers of pairs of fixtures: each is a text that once meant something to somebody.

use std::ffi::OsStr;
use std::path::Path;

use dialektai::guard::sql::Dialect;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::pieces::pieces;
use super::soup;
use crate::world;

/// The longest child, in pieces.
const LONGEST: usize = 400;

/// The fixtures, cut into pieces.
pub(super) struct Corpus(Vec<Vec<String>>);

impl Corpus {
    /// All fixtures, those of the dialect most of all.
    pub(super) fn of(dialect: Dialect) -> Self {
        let mut texts = Vec::new();
        let fixtures = world::root().join("fixtures");
        for folder in ["sql", "bypass"] {
            read(&fixtures.join(folder), dialect, &mut texts);
        }
        let often = |(own, text): (bool, String)| {
            std::iter::repeat_n(pieces(&text), if own { 6 } else { 1 })
        };
        let cut: Vec<_> = texts.into_iter().flat_map(often).collect();
        assert!(!cut.is_empty(), "no fixtures");
        Self(cut)
    }

    pub(super) fn any(&self, rng: &mut ChaCha8Rng) -> &[String] {
        let fixture: &Vec<String> = soup::pick(rng, &self.0);
        fixture
    }

    /// A child of two fixtures.
    pub(super) fn cross(&self, rng: &mut ChaCha8Rng) -> Vec<String> {
        let mut child = self.any(rng).to_vec();
        for _ in 0..rng.random_range(1..=3) {
            let other = self.any(rng);
            let (from, to) = range(rng, child.len());
            let (start, end) = range(rng, other.len());
            match rng.random_range(0..8) {
                0 => child.splice(from.., other[start..].iter().cloned()).for_each(drop),
                1 | 2 => child.splice(from..to, other[start..end].iter().cloned()).for_each(drop),
                3 => child.splice(from..from, other[start..end].iter().cloned()).for_each(drop),
                4 => child.drain(from..to).for_each(drop),
                5 => {
                    let twice = child[from..to].to_vec();
                    child.splice(to..to, twice).for_each(drop);
                }
                6 if from < child.len() => {
                    let at = rng.random_range(0..child.len());
                    child.swap(from, at);
                }
                _ => child.insert(from, soup::fragment(rng).to_owned()),
            }
            child.truncate(LONGEST);
        }
        child
    }
}

/// Two places in order, mostly near each other.
fn range(rng: &mut ChaCha8Rng, length: usize) -> (usize, usize) {
    let from = rng.random_range(0..=length);
    let most = if rng.random_ratio(3, 4) { 6 } else { length };
    (from, rng.random_range(from..=length.min(from + most)))
}

/// The queries below a folder, each with whether it is of the dialect.
fn read(folder: &Path, dialect: Dialect, texts: &mut Vec<(bool, String)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let kind = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_dir() {
            read(&path, dialect, texts);
        } else if kind == "sql" {
            let own = path.iter().any(|part| part == dialect.name());
            texts.push((own, std::fs::read_to_string(&path).unwrap()));
        } else if kind == "toml" {
            texts.extend(cases(&std::fs::read_to_string(&path).unwrap(), dialect));
        }
    }
    texts.retain(|(_, text)| text.len() < 4_000);
}

/// The queries of one class of bypass.
fn cases(text: &str, dialect: Dialect) -> Vec<(bool, String)> {
    let fixture: toml::Table = text.parse().unwrap();
    let cases = fixture.get("case").and_then(toml::Value::as_array).into_iter().flatten();
    let case = |case: &toml::Value| {
        let dialects = case.get("dialects").map(ToString::to_string).unwrap_or_default();
        let own = dialects.contains(dialect.name()) || dialects.contains("all");
        Some((own, case.get("query")?.as_str()?.to_owned()))
    };
    cases.filter_map(case).collect()
}
