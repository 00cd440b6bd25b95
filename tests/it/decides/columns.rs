//! Columns that are hidden and masked, and the claims that rules over them read.

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::{document, explain, snapshot};
use crate::http::case;

const ROWS: &str = "
    CREATE TABLE staff (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, department TEXT NOT NULL,
        phone TEXT NOT NULL, salary INTEGER, public BOOLEAN NOT NULL);
    INSERT INTO staff VALUES (1, 82, 'sales', '5550001234', 100, 1), (2, 82, 'legal', '5550005678', 200, 0),
        (3, 7, 'sales', '5550009012', 300, 1);
    CREATE TABLE badges (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL);
    INSERT INTO badges VALUES (1, 82), (2, 7);
    CREATE TABLE cards (number TEXT PRIMARY KEY NOT NULL, customer_id INTEGER NOT NULL);
    INSERT INTO cards VALUES ('1111222233334444', 82), ('5555666677778888', 7);
";

const POLICIES: &str = r#"@id("tenant")
permit (principal, action == Action::"read", resource is badges)
when { resource.customer_id == principal.tenant };

@id("cards")
@mask("last4")
@columns("number")
permit (principal, action == Action::"read", resource is cards)
when { resource.customer_id == principal.tenant };

@id("colleagues")
@mask("null, last4")
@columns("salary, phone")
permit (principal, action == Action::"read", resource is staff)
when { resource.customer_id == principal.tenant };

@id("own department")
permit (principal, action == Action::"read", resource is staff)
when { resource.customer_id == principal.tenant }
when { principal has departments && principal.departments.contains(resource.department) };

@id("public")
forbid (principal, action == Action::"read", resource is staff)
when { context.columns.containsAny(["id", "department"]) }
unless { resource.public };

@id("badges")
forbid (principal, action == Action::"read", resource is badges)
when { context.columns.contains("id") };
"#;

const CLAIMS: [&str; 2] = ["--claims", "{\"departments\": [\"sales\"]}"];

async fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    let settings =
        "tenant_filter_column = \"customer_id\"\n[claims]\ndepartments = \"set of string\"\n";
    case::database(&policies, "acme", settings, ROWS).await;
    std::fs::write(policies.join("acme/tenant.cedar"), POLICIES).unwrap();
    folder
}

#[tokio::test]
async fn hidden_and_masked_columns_are_explained() {
    let folder = folder().await;
    let texts = [vec!["staff"], vec!["badges", "--row", "1"], vec!["staff", "--row", "2"]].map(
        |arguments| {
            let arguments = [&arguments[..], &CLAIMS].concat();
            let (exit, output, errors) = explain(&folder, &arguments);
            assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
            let kept = output.lines().filter(|line| !line.starts_with("    SELECT"));
            let kept: Vec<&str> = kept.collect();
            format!("$ explain {}\n{}\n", arguments.join(" "), kept.join("\n"))
        },
    );
    snapshot("explain_columns", &texts.join("\n"));

    let staff = document(&folder, &[&["staff"][..], &CLAIMS].concat());
    assert_eq!(staff["claims"], json!({"departments": ["sales"]}), "{staff}");
    assert_eq!(document(&folder, &["staff"])["claims"], json!({}));
    let of = |kind: &str, name: &str| {
        let columns = staff["relations"][0][kind].as_array().unwrap().clone();
        columns.into_iter().find(|column| column["column"] == name).unwrap()
    };
    let id = of("hidden_columns", "id");
    assert_eq!((&id["rows"], &id["filter"]), (&json!("some"), &json!("`public` = 1")), "{id}");
    assert_eq!(
        (&id["policies"][0]["id"], &id["policies"][0]["condition"]),
        (&json!("public"), &json!("!resource.public")),
        "{id}"
    );
    let phone = of("masked_columns", "phone");
    let shows: Vec<(&Json, &Json)> = phone["shows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shown| (&shown["shows"], &shown["rows"]))
        .collect();
    let expected = [(&json!("value"), &json!("some")), (&json!("last4"), &json!("all"))];
    assert_eq!(shows, expected, "{phone}");
}

/// A query that asks for the key touches it: where that is hidden or masked, the three still say the same.
#[tokio::test]
async fn a_row_is_decided_whose_key_is_hidden_or_masked() {
    let folder = folder().await;
    for (arguments, visible, deciding, hidden, masked) in [
        (["staff", "1"], true, json!(["colleagues", "own department"]), json!([]), json!({})),
        (
            ["staff", "2"],
            true,
            json!(["colleagues"]),
            json!(["id", "department"]),
            json!({"phone": "last4", "salary": "null"}),
        ),
        (["staff", "3"], false, json!([]), json!([]), json!({})),
        (["badges", "1"], true, json!(["tenant"]), json!(["id"]), json!({})),
        (["badges", "2"], false, json!([]), json!([]), json!({})),
        (
            ["cards", "1111222233334444"],
            true,
            json!(["cards"]),
            json!([]),
            json!({"number": "last4"}),
        ),
        (["cards", "5555666677778888"], false, json!([]), json!([]), json!({})),
    ] {
        let [relation, key] = arguments;
        let arguments = [&[relation, "--row", key][..], &CLAIMS].concat();
        let row = &document(&folder, &arguments)["row"];
        let expected = json!({
            "key": key, "found": true, "visible": visible, "deciding": deciding, "failed": [],
            "hidden_columns": hidden, "masked_columns": masked,
        });
        assert_eq!(*row, expected, "{arguments:?}");
    }
}
