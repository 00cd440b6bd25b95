//! Policies that change nothing, and how long many policies take.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{SETTINGS, cli, run};
use crate::http::case;

const IDLE: &str = r#"@id("wide") permit (principal, action, resource is tasks) when { resource.id > 0 };
@id("narrow") permit (principal, action, resource is tasks)
when { resource.title == "one" && resource.id > 0 };
@id("twin") permit (principal, action, resource is tasks) when { resource.id > 0 };
@id("dead") permit (principal, action, resource is tasks) when { principal has tenant && [1].isEmpty() };
@id("never") forbid (principal, action, resource is tasks) when { "a" like "b*" };
@id("alone") forbid (principal, action, resource is notes) when { resource.id == 1 };
@id("hides") forbid (principal, action, resource is tasks) when { context.columns.contains("title") };
@id("masks") permit (principal, action, resource is open) when { true };
@id("other") permit (principal, action, resource is open) when { resource.id == 1 };
"#;
const TABLES: &str = "
    CREATE TABLE tasks (id INTEGER PRIMARY KEY NOT NULL, customer_id INTEGER NOT NULL, title TEXT NOT NULL);
    CREATE TABLE notes (id INTEGER PRIMARY KEY NOT NULL, customer_id INTEGER NOT NULL);
    CREATE TABLE open (id INTEGER PRIMARY KEY NOT NULL, secret TEXT);
";

#[tokio::test]
async fn policies_that_change_nothing_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    case::database(&policies, "acme", SETTINGS, TABLES).await;
    let write = |text: &str| std::fs::write(policies.join("acme/tenant.cedar"), text).unwrap();
    let told = || {
        let (exit, output, errors) =
            run(folder.path(), &["check", "acme", "--offline", "--format", "json"]);
        let document: serde_json::Value = serde_json::from_str(&output).unwrap();
        let findings = document["databases"][0]["findings"].as_array().unwrap().clone();
        let told: Vec<String> = findings
            .iter()
            .map(|finding| {
                let text = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
                let line = finding["line"].as_u64().unwrap_or(0);
                format!("{} {} {line} {}", text("severity"), text("code"), text("policy"))
            })
            .collect();
        assert_eq!(exit, 0, "warnings are no errors: {errors}");
        told
    };
    write(IDLE);
    assert_eq!(
        told(),
        [
            "warning policy_shadowed 2 narrow",
            "warning policy_shadowed 4 twin",
            "warning policy_dead 5 dead",
            "warning policy_dead 6 never",
            "warning policy_unmatched 7 alone",
            "warning policy_shadowed 10 other",
            "note relations_denied 0 -",
        ]
    );
    // What masks makes nothing else idle: the other shows the value.
    write(&IDLE.replace("@id(\"masks\")", "@id(\"masks\") @mask(\"null\") @columns(\"secret\")"));
    assert!(!told().iter().any(|line| line.ends_with("other") || line.contains("void")));
    // The same rows without the mask, whichever stands first, are told.
    let masks = "@id(\"masks\") @mask(\"null\") @columns(\"secret\")";
    let void = |text: &str| {
        write(text);
        told().into_iter().filter(|line| line.contains("masks")).collect::<Vec<_>>()
    };
    let twin = IDLE
        .replace("@id(\"masks\")", masks)
        .replace("is open) when { resource.id == 1 }", "is open)");
    assert_eq!(void(&twin), ["warning policy_mask_void 9 masks"]);
    // Of one that masks something everywhere, on the relation that has the column.
    let open = "is open) when { true };\n@id(\"other\") permit (principal, action, resource is open) when { resource.id == 1 };";
    let everywhere = twin.replace("resource is open) when { true }", "resource)");
    assert_ne!(everywhere, twin);
    assert_eq!(void(&everywhere), ["warning policy_mask_void 9 masks"]);
    let first = IDLE.replace(
        open,
        &format!("is open);\n{masks} permit (principal, action, resource is open);"),
    );
    assert_ne!(first, IDLE);
    let first = first.replace("@id(\"masks\") permit", "@id(\"plain\") permit");
    assert_eq!(void(&first), ["warning policy_shadowed 10 masks"]);
}

/// 500 relations and 1,000 policies: what is promised is ten seconds of the program as it is shipped; this is not.
#[tokio::test]
async fn a_thousand_policies_are_checked_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    case::database(&policies, "acme", SETTINGS, cli::TASKS).await;
    let (mut catalog, mut rules) = ("default_schema = \"main\"\n".to_owned(), String::new());
    for n in 0..500 {
        writeln!(
            catalog,
            "[[relation]]\nname = \"r{n}\"\nprimary_key = [\"id\"]\ncolumns = [\n\
             {{ name = \"id\", type = \"integer\", declared = \"INTEGER\", nullable = false }},\n\
             {{ name = \"customer_id\", type = \"integer\", declared = \"INTEGER\", nullable = false }},\n\
             {{ name = \"title\", type = \"text\", declared = \"TEXT\", nullable = true }},\n]"
        )
        .unwrap();
        writeln!(
            rules,
            "@id(\"p{n}\") permit (principal, action, resource is r{n})\n\
             when {{ principal has tenant && resource.customer_id == principal.tenant }};\n\
             @id(\"f{n}\") forbid (principal, action, resource is r{n})\n\
             when {{ resource has title && resource.title like \"x*{n}\" }};"
        )
        .unwrap();
    }
    std::fs::write(policies.join("acme/catalog.toml"), catalog).unwrap();
    std::fs::write(policies.join("acme/tenant.cedar"), rules).unwrap();
    let since = Instant::now();
    let (exit, output, errors) = run(folder.path(), &["check", "acme", "--offline"]);
    let took = since.elapsed();
    println!("500 relations and 1,000 policies: {} ms", took.as_millis());
    assert_eq!(exit, 0, "{output}{errors}");
    assert!(took < Duration::from_mins(1), "{took:?}");
}
