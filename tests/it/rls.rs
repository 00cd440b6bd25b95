//! The scripts of native row-level security for the demo, pinned. Rows are compared in `policy_oracle`.

use std::process::Command;

use dialektai::guard::sql::Dialect;
use dialektai::policy::{Database, Sources};
use dialektai::rls;

use crate::world;

fn check(dialect: Dialect) -> String {
    let database = crate::rewrite::database(dialect);
    let script = rls::script(&database).unwrap();
    assert!(script.refused.is_empty(), "{:?}", script.refused);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(world::root().join("snapshots/rls"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // A hash of every file of the folder.
    let text = script.text.replace(database.version().split_at(16).0, "[HASH]");
    settings.bind(|| insta::assert_snapshot!(dialect.name(), text));
    script.text
}

#[test]
fn postgresql_script() {
    check(Dialect::Postgresql);
}

/// No SQL Server runs here: another parser reads what it would run, where Python has sqlglot.
#[test]
fn sqlserver_script() {
    let text = check(Dialect::Mssql);
    let parse = "import sqlglot, sys\n\
                 for batch in sys.argv[1].split('\\nGO\\n'):\n    sqlglot.parse(batch, read='tsql')";
    let there = Command::new("python3").args(["-c", "import sqlglot"]).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("left out: sqlglot is not installed, so the script was not parsed");
        return;
    }
    let output = Command::new("python3").args(["-c", parse, &text]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const CATALOG: &str = r#"
default_schema = "public"

[[relation]]
name = "notes"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", nullable = false },
    { name = "customer_id", type = "uuid", nullable = false },
    { name = "owner", type = "uuid", nullable = true },
    { name = "slug", type = "text", declared = "character(8)", nullable = false, collation = "bpchar" },
]

[[relation]]
name = "shown"
kind = "view"
columns = [{ name = "customer_id", type = "uuid", nullable = false }]
"#;

fn script(policies: &str) -> rls::Script {
    let sources = Sources {
        settings:
            "engine = \"postgresql\"\nurl = \"env:URL\"\ntenant_filter_column = \"customer_id\"\n\
                   tenant_id_type = \"uuid\"\n"
                .to_owned(),
        catalog: CATALOG.to_owned(),
        policies: vec![("case.cedar".to_owned(), policies.to_owned())],
    };
    let database = Database::from_sources("case".parse().unwrap(), &sources).unwrap();
    rls::script(&database).unwrap()
}

/// What has no exact form closes its relation, and says so.
#[test]
fn what_cannot_be_expressed_shows_no_row() {
    let own = "@id(\"own\") permit (principal, action, resource is notes) \
               when { resource.customer_id == principal.tenant };";
    let exact = script(own);
    assert_eq!(exact.refused, Vec::<String>::new());
    assert!(
        exact.text.contains("CREATE POLICY \"dialektai 1: own\" ON \"public\".notes"),
        "{}",
        exact.text
    );
    for (policy, reason) in [
        (
            "forbid (principal, action, resource is notes) when { resource has owner && principal has scope && resource.owner == principal.scope }",
            "a UUID that is not",
        ),
        (
            "forbid (principal, action, resource is notes) when { resource.slug == principal.tenant && principal has scope && principal.scope == principal.tenant }",
            "itself",
        ),
        (
            "forbid (principal, action, resource is notes) when { resource.slug == \"\\u{1f511} principal.scope\" }",
            "stands for the principal",
        ),
        ("permit (principal, action, resource is shown)", "view"),
    ] {
        let script = script(&format!("{own}\n@id(\"hard\\nCREATE POLICY\") {policy};"));
        assert_eq!(script.refused.len(), 1, "{policy}\n{}", script.text);
        assert!(script.refused[0].contains(reason), "{}", script.refused[0]);
        // A line break in an id does not end a comment.
        assert!(
            !script
                .text
                .lines()
                .any(|line| line.starts_with("CREATE POLICY") && line.contains("hard"))
        );
        if reason != "view" {
            assert!(!script.text.contains("CREATE POLICY \"dialektai"), "{}", script.text);
            assert!(script.text.contains("ALTER TABLE \"public\".notes ENABLE ROW LEVEL SECURITY"));
        }
    }
}
