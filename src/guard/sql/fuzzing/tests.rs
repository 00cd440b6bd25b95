//! The corpus of each target, and the fixtures, through the same functions that a fuzzer runs.

use std::path::Path;

use super::*;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn the_corpus_keeps_every_promise() {
    for (name, target) in TARGETS {
        let mut seeds = Vec::new();
        files(&root().join("fuzz/corpus").join(name), &mut seeds);
        assert!(!seeds.is_empty(), "fuzz/corpus/{name} is empty");
        seeds.sort();
        for seed in seeds {
            eprintln!("{}", seed.display());
            target(&std::fs::read(&seed).unwrap());
        }
    }
}

/// Fixtures are seeds of every target and dialect: see `fuzz/seeds`.
#[test]
fn the_fixtures_keep_every_promise() {
    let mut fixtures = Vec::new();
    for folder in ["fixtures/sql", "fixtures/bypass"] {
        files(&root().join(folder), &mut fixtures);
    }
    fixtures.sort();
    for fixture in fixtures {
        for query in queries(&fixture) {
            for dialect in 0..4_u8 {
                let seed = [&[dialect], query.as_bytes()].concat();
                for (name, target) in TARGETS {
                    eprintln!("{name} {dialect} {}", fixture.display());
                    target(&seed);
                }
            }
        }
    }
}

/// The query of a fixture, or those of a class of bypass.
fn queries(fixture: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(fixture).unwrap();
    if fixture.extension().is_none_or(|extension| extension != "toml") {
        return vec![text];
    }
    let class: toml::Table = text.parse().unwrap();
    let cases = class.get("case").and_then(toml::Value::as_array).into_iter().flatten();
    cases.filter_map(|case| Some(case.get("query")?.as_str()?.to_owned())).collect()
}

#[test]
fn an_open_relation_is_seen() {
    let World { catalog, filters } = world(Dialect::Sqlite).unwrap();
    for (text, open) in [
        ("SELECT 1 FROM main.projects AS p WHERE p.customer_id = ?1", None),
        ("SELECT 1 FROM main.projects AS p WHERE (customer_id = ?1 AND id = 2)", None),
        ("SELECT 'FROM main.projects AS p' FROM main.countries AS c", None),
        (
            "SELECT main.projects FROM main.countries AS c WHERE id IS DISTINCT FROM main.projects AS x",
            None,
        ),
        (
            "SELECT 1 FROM main.projects AS p WHERE customer_id = ?1 AND (a OR b) UNION SELECT c OR d",
            None,
        ),
        ("SELECT 1 FROM main.projects AS p WHERE customer_id = ?1 AND a OR b", Some("projects")),
        ("SELECT 1 FROM main.projects AS p WHERE (customer_id = ?1) OR b", Some("projects")),
        ("SELECT 1 FROM main.projects AS p", Some("projects")),
        ("SELECT 1 FROM main.projects AS p WHERE id = 2", Some("projects")),
        ("SELECT 1 FROM main.projects AS p WHERE customer_id = ?1 OR id = 2", Some("projects")),
        (
            "SELECT 1 FROM main.countries AS c JOIN main.projects AS p WHERE customer_id = ?1",
            Some("projects"),
        ),
        ("SELECT 1 FROM `main`.`comments` AS p WHERE customer_id = ?1", Some("comments")),
    ] {
        let found = behind::open_relation(text, Dialect::Sqlite, catalog, filters);
        assert_eq!(found.as_deref(), open, "{text}");
    }
}
