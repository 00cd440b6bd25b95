//! `dialektai test`: tests that live with the policies.

use std::fs;
use std::path::Path;

use dialektai::policy::Database;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::cli::run;
use crate::world::root;

mod answers;
mod mongodb;
mod reports;

/// A copy of the demo's folder with one of its files of tests. All of it may be changed.
fn demo_with(tests: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("policies/demo");
    fs::create_dir_all(to.join("tests")).unwrap();
    let from = root().join("policies/demo");
    let names = ["database.toml", "catalog.toml", "shared.cedar", "tenant.cedar"];
    for name in names.iter().chain(tests) {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    folder
}

fn demo() -> TempDir {
    demo_with(&["tests/isolation.toml"])
}

fn edit(folder: &Path, name: &str, from: &str, to: &str) {
    let path = folder.join("policies/demo").join(name);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

fn json(folder: &Path) -> (i32, Json, String) {
    let (exit, output, errors) = run(folder, &["test", "demo", "--format", "json"]);
    (exit, serde_json::from_str(&output).unwrap(), errors)
}

fn failed(document: &Json) -> Vec<&str> {
    let tests = document["tests"].as_array().unwrap();
    let failed = tests.iter().filter(|test| test["outcome"] == "failed");
    failed.map(|test| test["name"].as_str().unwrap_or("cannot be read")).collect()
}

#[test]
fn every_example_database_passes_its_tests() {
    let arguments = ["test", "--require-tests", "--min-coverage", "100"];
    let (exit, output, errors) = run(root(), &arguments);
    assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
    assert!(output.contains("ok demo/tests/isolation.toml:"), "{output}");
    assert!(output.ends_with(" passed, 0 failed\n"), "{output}");
}

#[test]
fn a_leak_in_a_policy_turns_its_tests_red() {
    for (from, to, red) in [
        (
            "resource.customer_id == principal.tenant",
            "(resource.customer_id == principal.tenant || true)",
            "a tenant sees its own tasks",
        ),
        (
            "resource.assigned_to == principal.scope }",
            "resource.assigned_to != principal.scope }",
            "a scope sees what is assigned to it, in its own tenant",
        ),
        ("&& !(resource is countries)", "", "countries are everybody's, with a scope too"),
    ] {
        let folder = demo();
        edit(folder.path(), "tenant.cedar", from, to);
        let (exit, document, errors) = json(folder.path());
        assert_eq!(exit, 1, "{errors}");
        assert!(errors.contains("tests_failed"), "{errors}");
        assert!(failed(&document).contains(&red), "{from}: {document}");
    }
}

/// A relation's rows are those that a query sees which touches no column; what is hidden shows in a query's test.
#[test]
fn a_hidden_column_takes_no_row_away() {
    let folder = demo();
    let place = folder.path().join("policies/demo");
    let rule = r#"@id("titles")
forbid (principal, action == Action::"read", resource is tasks)
when { context.columns.contains("title") };
"#;
    fs::write(place.join("columns.cedar"), rule).unwrap();
    let hidden = r#"[[test]]
name = "titles are hidden"
tenant = 82
query = "SELECT title FROM tasks"
refused = "unknown_column"
"#;
    fs::write(place.join("tests/columns.toml"), hidden).unwrap();
    let (exit, document, errors) = json(folder.path());
    assert_eq!((exit, errors.as_str()), (0, ""), "{document}");
    // Without the rule the column is there, and the test is red.
    fs::remove_file(place.join("columns.cedar")).unwrap();
    let (exit, document, _) = json(folder.path());
    assert_eq!((exit, failed(&document)), (1, vec!["titles are hidden"]), "{document}");
}

#[test]
fn a_wrong_expectation_says_what_differs() {
    let folder = demo();
    edit(folder.path(), "tests/isolation.toml", "hidden = [3]", "hidden = []");
    edit(folder.path(), "tests/isolation.toml", "visible = [1, 2]", "visible = [1, 2, 3]");
    edit(folder.path(), "tests/isolation.toml", "customer_id = 82\"", "customer_id = 7\"");
    edit(folder.path(), "tests/isolation.toml", "\"not_a_query\"", "\"syntax_error\"");
    let (exit, output, errors) = run(folder.path(), &["test"]);
    assert_eq!(exit, 1, "{errors}");
    for line in [
        "    row 3: expected visible, is hidden",
        "    - SELECT * FROM projects WHERE customer_id = 7",
        "    + SELECT * FROM projects WHERE customer_id = 82",
        "    - syntax_error",
        "    + not_a_query",
        "6 passed, 3 failed",
    ] {
        assert!(output.lines().any(|own| own == line), "no {line:?} in\n{output}");
    }
    let (exit, output, _) = run(folder.path(), &["test", "--filter", "comments"]);
    assert_eq!((exit, output.lines().last()), (0, Some("2 passed, 0 failed")));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    for (from, to, line, message) in [
        ("title = \"Mine\"", "titel = \"Mine\"", 3, "has no column `titel`"),
        ("title = \"Mine\"\n", "", 3, "lacks `title`, which is NOT NULL"),
        ("title = \"Mine\"", "title = 1", 3, "`tasks.title` must be a string"),
        ("[[rows.comments]]", "[[rows.remarks]]", 32, "no relation `remarks`"),
        ("id = 2\n", "id = 1\n", 13, "has the key `1` twice"),
        ("visible = [1, 2]", "visible = [1, 4]", 44, "no row `4`"),
        ("hidden = [3]", "hidden = []", 44, "row `3` must be in `visible` or in `hidden`"),
        ("visible = [1]", "visibel = [1]", 0, "unknown field `visibel`"),
        ("rewritten = ", "refused = \"x\"\nrewritten = ", 0, "must have either"),
        ("query = ", "question = \"x\"\nquery = ", 0, "must have one of"),
        ("visible = [1]", "visible = [1]\nsnapshot = true", 0, "nothing of a query"),
        ("rewritten = ", "visible = []\nrewritten = ", 0, "without a `relation`"),
        ("rewritten = ", "ordered = true\nrewritten = ", 0, "`ordered` is said of `rows`"),
    ] {
        let folder = demo();
        edit(folder.path(), "tests/isolation.toml", from, to);
        let (exit, document, errors) = json(folder.path());
        assert_eq!(exit, 1, "{document}");
        assert!(errors.contains("invalid_tests"), "{errors}");
        let wrong = document["tests"].as_array().unwrap();
        let wrong: Vec<_> = wrong.iter().filter(|test| test["name"].is_null()).collect();
        let found = wrong.iter().any(|test| {
            let at = test["line"].as_u64().unwrap();
            test["differences"].to_string().contains(message) && (line == 0 || at == line)
        });
        assert!(found, "{to}: {document}");
    }
}

/// Neither what is served nor the version depends on a test.
#[test]
fn tests_are_no_part_of_the_policies() {
    let folder = demo();
    let place = folder.path().join("policies/demo");
    let version = Database::load(&place).unwrap().version().to_owned();
    fs::write(place.join("tests/isolation.toml"), "nonsense =").unwrap();
    assert_eq!(Database::load(&place).unwrap().version(), version);
    fs::remove_dir_all(place.join("tests")).unwrap();
    assert_eq!(Database::load(&place).unwrap().version(), version);
    assert_eq!(run(folder.path(), &["test"]).0, 0);
    let (exit, _, errors) = run(folder.path(), &["test", "--require-tests"]);
    assert_eq!(exit, 1);
    assert!(errors.contains("no_tests"), "{errors}");
}
