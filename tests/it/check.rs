//! `dialektai check`, as CI runs it.

mod idle;
mod mongodb;
mod servers;

use std::path::Path;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::cli::{self, run};
use crate::http::case;

const SETTINGS: &str = "tenant_filter_column = \"customer_id\"\n";

/// Replaces a text in a file, where it must stand.
fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// One database that is fine, one that has drifted, one whose folder does not load, one that is gone.
async fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    for id in ["acme", "broken", "drifted", "gone"] {
        case::database(&policies, id, SETTINGS, cli::TASKS).await;
    }
    let broken = "@id(\"a\")\npermit (principal, action, resource == tasks::\"1\")\nwhen { resource.titel == 1 };\n\npermit (principal, action, resource);\n";
    std::fs::write(policies.join("broken/more.cedar"), broken).unwrap();
    let catalog = policies.join("drifted/catalog.toml");
    edit(
        &catalog,
        "type = \"text\", declared = \"TEXT\", nullable = false",
        "type = \"decimal\", declared = \"NUMERIC\", nullable = true",
    );
    edit(
        &catalog,
        "columns = [",
        "columns = [\n    { name = \"budget\", type = \"float\", nullable = true },",
    );
    std::fs::remove_file(policies.join("gone/data.sqlite")).unwrap();
    folder
}

/// The verdict, without the log before it.
fn last_line(errors: &str) -> &str {
    errors.lines().last().unwrap()
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/cli"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[tokio::test]
async fn findings_are_written_for_people_and_for_programs() {
    let folder = folder().await;
    let (exit, output, errors) = run(folder.path(), &["check"]);
    assert_eq!(exit, 1);
    snapshot("check", &format!("{output}{}", last_line(&errors)));
    let (exit, output, errors) = run(folder.path(), &["check", "--format", "json"]);
    assert_eq!(exit, 1);
    let mut document: Json = serde_json::from_str(&output).unwrap();
    for entry in document["databases"].as_array_mut().unwrap() {
        if entry["policy_version"].is_string() {
            entry["policy_version"] = "[policy_version]".into();
        }
    }
    let document = serde_json::to_string_pretty(&document).unwrap();
    snapshot("check_json", &format!("{document}\n{}", last_line(&errors)));
}

#[tokio::test]
async fn exit_codes_say_what_to_do() {
    let folder = folder().await;
    let exit = |arguments: &[&str]| run(folder.path(), arguments).0;
    assert_eq!(exit(&["check", "acme"]), 0);
    assert_eq!(exit(&["check", "acme", "--strict"]), 1);
    assert_eq!(exit(&["check", "acme", "--deny-warnings"]), 1);
    assert_eq!(exit(&["check", "drifted"]), 1);
    assert_eq!(exit(&["check", "broken"]), 1);
    assert_eq!(exit(&["check", "gone"]), 4);
    assert_eq!(exit(&["check", "gone", "--strict"]), 4);
    assert_eq!(exit(&["check", "nope"]), 1);
    assert_eq!(exit(&["check", "no/pe"]), 2);

    let policies = folder.path().join("policies");
    for id in ["broken", "drifted"] {
        std::fs::remove_dir_all(policies.join(id)).unwrap();
    }
    assert_eq!(exit(&["check"]), 4, "nothing is wrong, and not everything was looked at");
    edit(
        &policies.join("gone/database.toml"),
        "sqlite:data.sqlite",
        "env:DIALEKTAI_NO_SUCH_VARIABLE",
    );
    assert_eq!(exit(&["check"]), 1, "that is the folder's fault");
    std::fs::remove_dir_all(&policies).unwrap();
    assert_eq!(exit(&["check"]), 1);
    std::fs::create_dir(&policies).unwrap();
    let (exit, _, errors) = run(folder.path(), &["check"]);
    assert!(exit == 1 && errors.starts_with("error[no_databases]"), "{errors}");
}

/// Files need no database: CI looks at them before there is one.
#[tokio::test]
async fn files_are_checked_without_a_database() {
    let folder = folder().await;
    let (exit, output, _) = run(folder.path(), &["check", "gone", "--offline"]);
    assert_eq!(exit, 0, "{output}");
    assert!(
        output.starts_with("gone: ok (offline: the live database was not looked at)\n"),
        "{output}"
    );
    let (exit, output, _) = run(folder.path(), &["check", "--offline", "--format", "json"]);
    let document: Json = serde_json::from_str(&output).unwrap();
    let entries = document["databases"].as_array().unwrap();
    assert!(entries.iter().all(|entry| entry["live"] == "skipped"), "{output}");
    let codes: Vec<&str> = entries
        .iter()
        .flat_map(|entry| entry["findings"].as_array().unwrap())
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    assert_eq!((exit, codes), (1, vec!["policy_invalid", "policy_without_id"]));
    assert!(!output.contains('\u{1b}'), "colour is for terminals");
}

/// A code is a name that somebody looks up.
#[test]
fn every_code_is_in_the_documentation() {
    let read = |path: &str| std::fs::read_to_string(crate::world::root().join(path)).unwrap();
    let documented = read("docs/operations.md");
    let mut codes = 0;
    for file in ["src/policy/problem.rs", "src/check/matter.rs"] {
        let source = read(file);
        let (_, body) = source.split_once("pub fn code(&self) -> &'static str {").unwrap();
        let (body, _) = body.split_once("\n    }\n").unwrap();
        for code in body.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(documented.contains(&format!("`{code}`")), "{code} is not documented");
            codes += 1;
        }
    }
    assert!(codes > 40, "{codes}");
}

/// What `pull` has just written has no errors, on every engine.
#[tokio::test]
async fn what_was_just_pulled_passes() {
    let folder = folder().await;
    for id in ["acme", "drifted"] {
        assert_eq!(run(folder.path(), &["pull", id]).0, 0);
        let (exit, output, errors) = run(folder.path(), &["check", id]);
        assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
    }
}

/// The demo has not even a warning, which would teach people to look away.
#[test]
fn the_demo_passes() {
    let (exit, output, errors) = run(crate::world::root(), &["check", "demo", "--strict"]);
    assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
}

/// A line that cannot be read is named by its number: what it says may be a password.
#[tokio::test]
async fn no_command_shows_a_password() {
    let folder = folder().await;
    let settings = folder.path().join("policies/acme/database.toml");
    for url in [
        "url = \"postgres://app:s3cret@db/app",
        "url = postgres://app:s3cret@db/app",
        "url = [\"postgres://app:s3cret@db/app\"]",
        "url = \"postgres://app:s3cret@db/app\"\nurl = \"x\"",
        "url = \"postgres://app:s3cret@db/app\"\nnope = 1",
        "url = \"sqlite:s3cret\"",
        "url = \"env:\"",
    ] {
        std::fs::write(&settings, format!("engine = \"sqlite\"\n{url}\n{SETTINGS}")).unwrap();
        for arguments in
            [&["pull", "acme"][..], &["check", "acme"], &["check", "acme", "--format", "json"]]
        {
            let (exit, output, errors) = run(folder.path(), arguments);
            assert_ne!(exit, 0, "{url}");
            // The log of the engine names the file that is not there.
            let said = errors.lines().filter(|line| !line.contains(" ERROR ")).collect::<String>();
            assert!(!output.contains("s3cret") && !said.contains("s3cret"), "{output}{errors}");
        }
    }
}
