//! `dialektai explain`: which policies decide about a relation, a query and a row.

mod columns;
mod mongodb;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::cli::run;
use crate::http::case;

const ROWS: &str = "
    PRAGMA foreign_keys = OFF;
    CREATE TABLE tasks (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, title TEXT NOT NULL, assigned_to TEXT);
    INSERT INTO tasks VALUES (1, 82, 'one', 'ann'), (2, 82, 'two', NULL), (3, 7, 'three', 'ann');
    CREATE TABLE comments (task INTEGER NOT NULL, number INTEGER NOT NULL, task_id INTEGER REFERENCES tasks (id), PRIMARY KEY (task, number));
    INSERT INTO comments VALUES (1, 1, 1), (3, 1, 3), (3, 2, NULL), (9, 1, 9);
    CREATE TABLE names (id TEXT PRIMARY KEY NOT NULL, due DATE);
    INSERT INTO names VALUES ('o''neil', '2024-02-29'), ('zoe', NULL);
";

const POLICIES: &str = r#"@id("tenant")
permit (principal, action == Action::"read", resource is tasks)
when { principal has tenant && resource.customer_id == principal.tenant };

@id("scope")
forbid (principal, action == Action::"read", resource is tasks)
when { principal has scope }
unless { resource has assigned_to && resource.assigned_to == principal.scope };

@id("comments")
permit (principal, action == Action::"read", resource is comments)
when { principal has tenant && resource has task_id && resource has task_ && resource.task_.customer_id == principal.tenant };

@id("due")
permit (principal, action == Action::"read", resource is names)
when { resource has due && resource.due < datetime("2025-01-01") };
"#;

async fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    let settings =
        "tenant_filter_column = \"customer_id\"\nscope_filter_column = \"assigned_to\"\n";
    case::database(&policies, "acme", settings, ROWS).await;
    let catalog = policies.join("acme/catalog.toml");
    let text = std::fs::read_to_string(&catalog).unwrap();
    let named =
        text.replace("columns = [\"task_id\"]", "name = \"task_\", columns = [\"task_id\"]");
    assert_ne!(named, text);
    std::fs::write(&catalog, named).unwrap();
    std::fs::write(policies.join("acme/tenant.cedar"), POLICIES).unwrap();
    folder
}

fn explain(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    let caller = ["explain", "--database", "acme", "--tenant", "82"];
    run(folder.path(), &[&caller, arguments].concat())
}

fn document(folder: &TempDir, arguments: &[&str]) -> Json {
    let (exit, output, errors) = explain(folder, &[arguments, &["--format", "json"]].concat());
    assert_eq!(exit, 0, "{errors}");
    serde_json::from_str(&output).unwrap()
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/cli"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[tokio::test]
async fn relations_and_queries_are_explained() {
    let folder = folder().await;
    let texts = [
        vec!["tasks"],
        vec!["--scope", "ann", "main.tasks"],
        vec!["comments"],
        vec!["SELECT t.title FROM tasks AS t JOIN comments ON comments.task_id = t.id"],
    ]
    .map(|arguments| {
        let (exit, output, errors) = explain(&folder, &arguments);
        assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
        format!("$ explain {}\n{output}", arguments.join(" "))
    });
    snapshot("explain", &texts.join("\n"));

    let tasks = document(&folder, &["tasks"]);
    let relation = &tasks["relations"][0];
    assert_eq!(
        (&relation["rows"], &relation["filter"]),
        (&json!("some"), &json!("customer_id = 82")),
        "{tasks}"
    );
    let policies = relation["policies"].as_array().unwrap();
    assert_eq!((&policies[0]["id"], &policies[0]["effect"]), (&json!("tenant"), &json!("permit")));
    assert!(policies[0]["place"].as_str().unwrap().ends_with("tenant.cedar:2:1"), "{tasks}");
    assert_eq!((&policies[1]["id"], &policies[1]["residual"]), (&json!("scope"), &json!("no row")));
    assert_eq!(tasks["row"], json!(null));

    for (arguments, code) in [
        (vec!["task"], "unknown_relation"),
        (vec!["SELECT * FROM missing"], "unknown_relation"),
        (vec!["--row", "1", "SELECT * FROM tasks"], "row_of_a_query"),
    ] {
        let (exit, _, errors) = explain(&folder, &arguments);
        assert!(exit != 0 && errors.contains(&format!("error[{code}]")), "{errors}");
    }
}

#[tokio::test]
async fn a_row_is_decided_with_its_reason() {
    let folder = folder().await;
    for (arguments, found, visible, deciding) in [
        (vec!["tasks", "--row", "1"], true, true, vec!["tenant"]),
        (vec!["tasks", "--row", "3"], true, false, vec![]),
        (vec!["tasks", "--row", "4"], false, false, vec![]),
        (vec!["tasks", "--scope", "ann", "--row", "1"], true, true, vec!["tenant"]),
        (vec!["tasks", "--scope", "ann", "--row", "2"], true, false, vec!["scope"]),
        (vec!["comments", "--row", "1,1"], true, true, vec!["comments"]),
        (vec!["comments", "--row", "[3, 1]"], true, false, vec![]),
        (vec!["comments", "--row", "3,2"], true, false, vec![]),
        (vec!["comments", "--row", "9,1"], true, false, vec![]),
        (vec!["names", "--row", "o'neil"], true, true, vec!["due"]),
        (vec!["names", "--row", "zoe"], true, false, vec![]),
        (vec!["names", "--row", "x' OR 1 = 1 --"], false, false, vec![]),
    ] {
        let row = &document(&folder, &arguments)["row"];
        assert_eq!(
            (&row["found"], &row["visible"], &row["deciding"], &row["failed"]),
            (&json!(found), &json!(visible), &json!(deciding), &json!([])),
            "{arguments:?}"
        );
    }
    for key in ["1,2", "x", "[1, 2]"] {
        let (exit, _, errors) = explain(&folder, &["tasks", "--row", key]);
        assert!(exit == 1 && errors.contains("error[row_key]"), "{key}: {errors}");
    }
    let (_, output, _) = explain(&folder, &["tasks", "--row", "3"]);
    assert!(output.contains("row 3: hidden: no permit applies"), "{output}");
    assert!(!output.contains("three"), "values of rows are not shown: {output}");
}
