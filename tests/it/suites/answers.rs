//! Tests of queries and questions: on rows of the file, and on the live database.

use std::fs;

use super::{demo, demo_with, edit, failed, json};
use crate::cli::run;
use crate::world::root;

/// A folder of another engine, whose rows SQLite stands in for.
const POSTGRESQL: &str = r#"
engine = "postgresql"
url = "env:NOWHERE"
tenant_filter_column = "customer_id"
"#;

const CATALOG: &str = r#"
default_schema = "public"

[[relation]]
name = "tasks"
primary_key = ["id"]
columns = [
    { name = "id", type = "integer", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
    { name = "title", type = "text", nullable = false, collation = "citext" },
    { name = "at", type = "timestamptz", nullable = true },
    { name = "price", type = "integer", nullable = true },
]

[[relation]]
name = "comments"
primary_key = ["task_id", "place"]
foreign_keys = [
    { columns = ["task_id"], references = "tasks", referenced_columns = ["id"], enforced = true },
]
columns = [
    { name = "task_id", type = "integer", nullable = false },
    { name = "place", type = "integer", nullable = false },
    { name = "body", type = "text", nullable = false },
    { name = "code", type = "integer", nullable = true },
]
"#;

const RULES: &str = r#"
@id("tasks")
@mask("null")
@columns("price")
permit (principal, action == Action::"read", resource is tasks)
when { resource.customer_id == principal.tenant && resource has at && resource.at > datetime("2020-01-01") };

@id("codes")
forbid (principal, action == Action::"read", resource is comments)
when { context.columns.contains("code") }
unless { resource.place == 2 };

@id("comments")
permit (principal, action == Action::"read", resource is comments)
when { resource.task.customer_id == principal.tenant };
"#;

const TESTS: &str = r#"
[[rows.tasks]]
id = 1
customer_id = 82
title = "Mine"
at = 2026-01-05 09:00:00.250
price = 5

[[rows.tasks]]
id = 2
customer_id = 7
title = "Foreign"
at = 2026-01-05T09:00:00Z

[[rows.tasks]]
id = 3
customer_id = 82
title = "Old"
at = 2019-12-31

[[rows.comments]]
task_id = 1
place = 1
body = "mine"

[[rows.comments]]
task_id = 2
place = 1
body = "foreign"

[[test]]
name = "rows"
tenant = 82
query = "SELECT id, title, at FROM tasks"
rows = [{ id = 1, title = "Mine", at = 2026-01-05 09:00:00.250 }]

[[test]]
name = "masks"
tenant = 82
query = "SELECT id, price FROM tasks WHERE price IS NULL"
rows = [{ id = 1 }]

[[test]]
name = "a column that is hidden on some rows"
tenant = 82
query = "SELECT body, code FROM comments"
rows = []

[[test]]
name = "related rows"
tenant = 82
query = "SELECT body FROM comments"
rows = [{ body = "mine" }]

[[test]]
name = "keys of two columns"
tenant = 82
relation = "comments"
visible = ["1,1"]
hidden = ["2,1"]

[[test]]
name = "a query that only PostgreSQL reads"
tenant = 82
query = "SELECT DISTINCT ON (id) id FROM tasks"
rows = []

[[test]]
name = "a name that only PostgreSQL knows"
tenant = 82
query = "SELECT id FROM public.tasks"
rows = []
"#;

#[test]
fn sqlite_stands_in_for_other_engines() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("policies/demo");
    fs::create_dir_all(place.join("tests")).unwrap();
    for (name, text) in [
        ("database.toml", POSTGRESQL),
        ("catalog.toml", CATALOG),
        ("rules.cedar", RULES),
        ("tests/a.toml", TESTS),
    ] {
        fs::write(place.join(name), text).unwrap();
    }
    let (exit, document, _) = json(folder.path());
    assert_eq!(exit, 1);
    let red = ["a query that only PostgreSQL reads", "a name that only PostgreSQL knows"];
    assert_eq!(failed(&document), red, "{document}");
    assert!(document.to_string().contains("say `database = \\\"live\\\"`"), "{document}");
    // The rows are decided by what ran: another expectation is red.
    edit(folder.path(), "tests/a.toml", "body = \"mine\" }]", "body = \"foreign\" }]");
    let (_, document, _) = json(folder.path());
    assert!(failed(&document).contains(&"related rows"), "{document}");
}

/// Every kind of expectation of a query can fail, and says how.
#[test]
fn answers_that_differ_are_red() {
    for (from, to, name, line) in [
        ("n = 2, budget = 500", "n = 3, budget = 500", "a sum", "+ n = 2, budget = 500"),
        ("{ count = 2 }", "{ number = 2 }", "a count", "has no column `number`: it has count"),
        ("rows = []", "rows = [{ title = \"Lost\" }]", "a column of", "- title = \"Lost\""),
        ("{ id = 3, created", "{ id = 3, name = \"x\", created", "a join", "+ id = 3, created_at"),
        ("ORDER BY t.id", "ORDER BY t.id DESC", "a join", "the rows come in another order"),
        ("refused = \"not_un", "refused = \"un", "a question about nothing", "+ not_understood"),
        ("hours = 1.5 }", "hours = 2.5 }", "hours are", "+ name = \"John\", hours = 1.5"),
        ("'DE'\"\nrows", "'FR'\"\nrows", "countries in the live", "- code = \"DE\""),
        ("name = \"John\"\nhandle = \"user", "handle = \"user", "hours are", "lacks `name`"),
    ] {
        let folder = demo_with(&["tests/queries.toml", "tests/queries.snap"]);
        assert_eq!(json(folder.path()).0, 0);
        edit(folder.path(), "tests/queries.toml", from, to);
        let (exit, document, _) = json(folder.path());
        assert_eq!(exit, 1, "{to}");
        let tests = document["tests"].as_array().unwrap();
        let red = tests.iter().find(|test| {
            test["outcome"] == "failed"
                && test["differences"].to_string().contains(&line.replace('"', "\\\""))
        });
        let red = red.unwrap_or_else(|| panic!("{to}: {document}"));
        assert!(red["name"].as_str().is_none_or(|red| red.starts_with(name)), "{to}: {red}");
    }
}

/// A leak in a policy shows in the rows that a query gives, live or not.
#[test]
fn a_leak_shows_in_the_rows() {
    let folder = demo_with(&["tests/queries.toml", "tests/queries.snap"]);
    let (from, to) = ("resource.customer_id == principal.tenant", "(resource.customer_id > 0)");
    edit(folder.path(), "tenant.cedar", from, to);
    let (_, document, _) = json(folder.path());
    let red = failed(&document);
    for name in
        ["a sum has nothing of another tenant in it", "the live demo has no row of another tenant"]
    {
        assert!(red.contains(&name), "{document}");
    }
}

/// Rows of a live database are called by their keys; one that does not answer is left out only where that is asked for.
#[test]
fn live_rows() {
    let live = r#"
[[test]]
name = "seen"
tenant = 82
database = "live"
relation = "countries"
hidden = ["XX"]

[[test]]
name = "not seen"
tenant = 82
database = "live"
relation = "comments"
visible = []

[[test]]
name = "wrong"
tenant = 82
database = "live"
relation = "tasks"
visible = [1]
hidden = [1]
"#;
    let folder = demo();
    let place = folder.path().join("policies/demo");
    fs::write(place.join("tests/isolation.toml"), live).unwrap();
    let (_, document, _) = json(folder.path());
    assert_eq!(failed(&document), ["wrong"], "{document}");
    edit(folder.path(), "database.toml", "\"demo:\"", "\"sqlite:gone.sqlite\"");
    let (exit, document, _) = json(folder.path());
    assert_eq!((exit, failed(&document)), (1, vec!["seen", "wrong"]), "{document}");
    let (exit, output, _) = run(folder.path(), &["test", "--skip-unreachable"]);
    assert_eq!(exit, 0, "{output}");
    let skipped = "skipped demo/tests/isolation.toml:2: seen\n    the database is not available\n";
    assert!(output.contains(skipped), "{output}");
    assert!(output.ends_with("1 passed, 0 failed, 2 skipped\n"), "{output}");
}

/// Of MongoDB's documents relations are tested; commands run on the live database.
#[test]
fn documents_are_rows_too() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("policies/demo");
    fs::create_dir_all(place.join("tests")).unwrap();
    let catalog = r#"
default_schema = "app"
[[relation]]
name = "projects"
primary_key = ["_id"]
columns = [
    { name = "_id", type = "integer", nullable = false },
    { name = "customer_id", type = "integer", nullable = false },
    { name = "tags", type = "text", nullable = true, array = true },
    { name = "address", type = "document", nullable = true },
    { name = "address.city", type = "text", nullable = false },
]
"#;
    let rules = r#"
@id("tenant")
permit (principal, action == Action::"read", resource is projects)
when { resource.customer_id == principal.tenant };
@id("secret")
forbid (principal, action == Action::"read", resource is projects)
when { resource has tags && resource.tags.contains("secret") };
@id("city")
forbid (principal, action == Action::"read", resource is projects)
when { resource has address && resource.address.city == "Berlin" };
"#;
    let tests = r#"
[[rows.projects]]
_id = 1
customer_id = 82
tags = ["a", "b"]
address = { city = "Bonn" }
[[rows.projects]]
_id = 2
customer_id = 82
tags = ["a", "secret"]
[[rows.projects]]
_id = 3
customer_id = 82
address = { city = "Berlin" }
[[rows.projects]]
_id = 4
customer_id = 7
[[test]]
name = "documents"
tenant = 82
relation = "projects"
visible = [1]
[[test]]
name = "text"
tenant = 7
query = "db.projects.find({})"
refused = "unknown_relation"
"#;
    let settings =
        "engine = \"mongodb\"\nurl = \"env:NOWHERE\"\ntenant_filter_column = \"customer_id\"\n";
    for (name, text) in [
        ("database.toml", settings),
        ("catalog.toml", catalog),
        ("rules.cedar", rules),
        ("tests/a.toml", tests),
    ] {
        fs::write(place.join(name), text).unwrap();
    }
    let (_, document, _) = json(folder.path());
    assert_eq!(failed(&document), ["text"], "{document}");
    for (from, to, message) in [
        (
            "address = { city = \"Bonn\" }",
            "address = { town = \"Bonn\" }",
            "no column `address.town`",
        ),
        ("address = { city = \"Bonn\" }", "address = {}", "lacks `address.city`"),
        ("refused = \"unknown_relation\"", "rows = []", "say `database"),
    ] {
        fs::write(place.join("tests/a.toml"), tests.replacen(from, to, 1)).unwrap();
        let (_, document, _) = json(folder.path());
        assert!(document.to_string().contains(message), "{to}: {document}");
    }
    assert!(root().join("policies").is_dir());
}

/// A caller of a test has claims as a header gives them, and one without is another caller.
#[test]
fn callers_have_claims() {
    let folder = demo();
    let place = folder.path().join("policies/demo");
    let settings = fs::read_to_string(place.join("database.toml")).unwrap();
    let claims = "[claims]\nroles = \"set of string\"\nclearance = \"integer\"\n";
    fs::write(place.join("database.toml"), format!("{settings}\n{claims}")).unwrap();
    let rule = "@id(\"priority\") forbid (principal, action == Action::\"read\", resource is tasks)\n\
        unless { principal has clearance && resource.priority <= principal.clearance };";
    fs::write(place.join("claims.cedar"), rule).unwrap();
    let rows = fs::read_to_string(place.join("tests/isolation.toml")).unwrap();
    let (rows, _) = rows.split_once("[[test]]").unwrap();
    let tests = "[[test]]\nname = \"cleared\"\ntenant = 82\nclaims = { clearance = 1, roles = [\"a\"] }\n\
        relation = \"tasks\"\nvisible = [1]\n\
        [[test]]\nname = \"not cleared\"\ntenant = 82\nrelation = \"tasks\"\nvisible = []\n\
        [[test]]\nname = \"no claim\"\ntenant = 82\nclaims = { clearance = \"1\" }\n\
        query = \"SELECT 1\"\nrefused = \"invalid_claims\"\n";
    fs::write(place.join("tests/isolation.toml"), format!("{rows}{tests}")).unwrap();
    let (exit, document, errors) = json(folder.path());
    assert_eq!((exit, errors.as_str()), (0, ""), "{document}");
    // A condition is the same for all callers, whatever they claim.
    let missing = document["coverage"][0]["not_exercised"].to_string();
    assert!(!missing.contains("priority"), "{missing}");
    edit(folder.path(), "tests/isolation.toml", "clearance = 1,", "clearance = 2,");
    let (_, document, _) = json(folder.path());
    assert_eq!(failed(&document), ["cleared"], "{document}");
}
