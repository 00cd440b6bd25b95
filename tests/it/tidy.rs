//! Rules of the house that no compiler checks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::world;

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
}

fn all(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&world::root().join(folder), extension, &mut found);
    assert!(!found.is_empty(), "{folder} has no {extension} files");
    found
}

#[test]
fn files_are_short_and_named_after_a_noun() {
    for path in all("src", "rs").into_iter().chain(all("tests", "rs")) {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 500, "{} has {lines} lines: look for the second noun", path.display());
        let name = path.file_stem().unwrap();
        assert!(name != "utils" && name != "helpers" && name != "misc", "{}", path.display());
    }
}

#[test]
fn drivers_are_named_by_engines_and_the_store_only() {
    for path in all("src", "rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let relative = path.strip_prefix(world::root().join("src")).unwrap();
        let allowed = relative.starts_with("engine") || relative.starts_with("store");
        let allowed =
            allowed || relative == Path::new("engine.rs") || relative == Path::new("store.rs");
        let drivers = ["sqlx::", "tiberius::", "mongodb::"];
        let driver = drivers.iter().any(|driver| text.contains(driver));
        assert!(allowed || !driver, "{} names a driver", path.display());
        let engine = relative.starts_with("engine");
        assert!(engine || !text.contains("AssertSqlSafe"), "{} runs built text", path.display());
    }
}

#[test]
fn every_policy_has_an_id() {
    for path in all("policies", "cedar") {
        let text = std::fs::read_to_string(&path).unwrap();
        let rules = text
            .lines()
            .filter(|line| line.starts_with("permit") || line.starts_with("forbid"))
            .count();
        let ids = text.lines().filter(|line| line.starts_with("@id(")).count();
        assert_eq!(rules, ids, "{}", path.display());
    }
}

/// Where a mutant's text stands: once, or the first time after another that stands once.
fn place(mutant: &toml::Table, text: &str) -> Option<(usize, usize)> {
    let field = |name: &str| mutant.get(name).map(|value| value.as_str().unwrap());
    let find = field("find").unwrap();
    let start = match field("after") {
        None => (text.matches(find).count() == 1).then(|| text.find(find))??,
        Some(after) => {
            let behind =
                (text.matches(after).count() == 1).then(|| text.find(after))?? + after.len();
            behind + text.get(behind..)?.find(find)?
        }
    };
    Some((start, start + find.len()))
}

/// `scripts/mutants` puts them in; a rule that moved must be found again there.
#[test]
fn every_mutant_finds_its_text() {
    let read = |name: &str| std::fs::read_to_string(world::root().join(name)).unwrap();
    let list: toml::Table = toml::from_str(&read("tests/mutants.toml")).unwrap();
    let mutants = list["mutant"].as_array().unwrap();
    assert!(mutants.len() > 120, "the list is short");
    let mut places: BTreeMap<&str, BTreeMap<(usize, usize), &str>> = BTreeMap::new();
    let mut missing = Vec::new();
    for mutant in mutants.iter().map(|mutant| mutant.as_table().unwrap()) {
        let (file, id) = (mutant["file"].as_str().unwrap(), mutant["id"].as_str().unwrap());
        assert!(mutant.values().all(toml::Value::is_str), "tests/mutants.toml: `{id}` holds texts");
        match place(mutant, &read(file)) {
            // Several of one text are put inside each other; those that are left out are put nowhere.
            Some(place) if !mutant.contains_key("equivalent") => {
                places.entry(file).or_default().insert(place, id);
            }
            Some(_) => {}
            None => missing.push(id),
        }
    }
    assert!(missing.is_empty(), "tests/mutants.toml: correct `find` of {missing:?}");
    for (file, places) in places {
        let mut before = (0, "");
        for ((start, end), id) in places {
            assert!(before.0 <= start, "{file}: the texts of `{}` and `{id}` overlap", before.1);
            before = (end, id);
        }
    }
}
