//! Proofs: the planted leaks of `fixtures/leaks` are each named by a tool, and the demo's policies are proved.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dialektai::policy::tenancy::Tenancy;
use dialektai::policy::{Database, Sources};
use dialektai::prove::{Answer, Claim, Finding, NotProved, prove};

use crate::cli::run;
use crate::servers;
use crate::world;

/// Whether there is a solver; a run without says what it leaves out.
pub(crate) fn has_solver() -> bool {
    let program = std::env::var_os("CVC5").unwrap_or_else(|| "cvc5".into());
    let found = std::process::Command::new(program).arg("--version").output().is_ok();
    if !found {
        servers::left_out("cvc5", "cvc5");
    }
    found
}

fn proved(database: &Database) -> Vec<Finding> {
    prove(&[database], Duration::from_secs(20)).unwrap().pop().unwrap()
}

fn leaks() -> Vec<PathBuf> {
    let folder = world::root().join("fixtures/leaks");
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(found.len() >= 20, "{}", found.len());
    found
}

fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

/// What a refuted claim is called in the docs.
fn told(finding: &Finding) -> Option<String> {
    let Answer::Refuted(example) = &finding.answer else { return None };
    let word = match &finding.claim {
        Claim::Isolated => "LEAK",
        Claim::NeverFails(_) => "MAY FAIL",
        Claim::Shared => "NOT SHARED",
        Claim::Filter { .. } | Claim::Column { .. } => "WRONG FILTER",
    };
    assert!(example.verdict.is_some());
    Some(format!("{word} `{}`", finding.relation.name))
}

/// What `check` says of a folder that does not load.
fn checked(folder: &Path) -> (Option<Database>, Vec<String>) {
    match Database::load(folder) {
        Ok(database) => (Some(database), Vec::new()),
        Err(error) => {
            let codes = error.problems().iter().map(|problem| problem.reason.code());
            (None, codes.map(|code| format!("`{code}`")).collect())
        }
    }
}

/// The tests of a folder that fail, where it has some.
fn tested(folder: &Path) -> Vec<String> {
    if !folder.join("tests").is_dir() {
        return Vec::new();
    }
    let arguments = ["--policies", "fixtures/leaks", "test", name(folder), "--format", "json"];
    let (_, text, _) = run(world::root(), &arguments);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let tests = report["tests"].as_array().unwrap().iter();
    let failed = tests.filter(|test| test["outcome"] == "failed");
    failed.map(|test| format!("\"{}\"", test["name"].as_str().unwrap())).collect()
}

/// What the solver refutes.
fn found(database: &Database, folder: &Path) -> Vec<String> {
    let findings = proved(database);
    for finding in &findings {
        let open = matches!(finding.answer, Answer::NotProved(_));
        assert!(!open, "{}: {finding:?}", name(folder));
        if let (Claim::Isolated, Answer::Refuted(example)) = (&finding.claim, &finding.answer) {
            let relation = database.catalog.relation(&finding.relation).unwrap();
            let own = Tenancy::of(&database.settings, &database.catalog, relation);
            assert!(example.is_allowed(), "{example:?}");
            assert!(!own.holds(&example.principal, &example.row), "{example:?}");
        }
    }
    findings.iter().filter_map(told).collect()
}

/// Each is caught by the tool that its `leak.toml` names, and the table of the docs is the one that comes out.
#[test]
fn planted_leaks_are_named() {
    if !has_solver() {
        return;
    }
    let mut table =
        "| mistake | what | `check` | `test` | `prove` |\n|---|---|---|---|---|\n".to_owned();
    for folder in leaks() {
        let text = std::fs::read_to_string(folder.join("leak.toml")).unwrap();
        let leak: toml::Table = toml::from_str(&text).unwrap();
        let (database, problems) = checked(&folder);
        let failing = if database.is_some() { tested(&folder) } else { Vec::new() };
        let refuted = database.map(|database| found(&database, &folder)).unwrap_or_default();
        let by_tool = [("check", problems), ("test", failing), ("prove", refuted)];
        let expected = leak["caught_by"].as_str().unwrap();
        let found = by_tool.iter().any(|(tool, said)| *tool == expected && !said.is_empty());
        assert!(found, "{}: {by_tool:?}", name(&folder));
        let mistake = leak["mistake"].as_str().unwrap().replace('|', "\\|");
        let cells: Vec<String> = by_tool.iter().map(|(_, said)| said.join(", ")).collect();
        table.push_str(&format!("| `{}` | {mistake} | {} |\n", name(&folder), cells.join(" | ")));
    }
    let path = world::root().join("docs/proofs.md");
    let docs = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = docs.split_once("<!-- leaks -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of leaks -->").unwrap();
    let written = format!("{before}<!-- leaks -->\n{table}<!-- end of leaks -->{after}");
    if std::env::var_os("DIALEKTAI_BLESS").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    assert!(docs == written || std::env::var_os("DIALEKTAI_BLESS").is_some(), "{table}");
}

fn sources(settings: &str, policies: &str) -> Sources {
    let catalog = world::root().join("fixtures/leaks/or-true/catalog.toml");
    Sources {
        settings: format!("engine = \"sqlite\"\nurl = \"sqlite:x\"\n{settings}"),
        catalog: std::fs::read_to_string(catalog).unwrap(),
        policies: vec![("p.cedar".to_owned(), policies.to_owned())],
    }
}

fn database(settings: &str, policies: &str) -> Database {
    Database::from_sources("x".parse().unwrap(), &sources(settings, policies))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn refuted(findings: &[Finding]) -> Vec<String> {
    findings.iter().filter_map(told).collect()
}

/// Cedar skips a forbid that fails, and would show every row; here it denies, and the proof knows.
#[test]
fn a_forbid_that_always_fails_isolates() {
    if !has_solver() {
        return;
    }
    let policies = "@id(\"open\") permit (principal, action, resource is tasks);\n\
        @id(\"fails\") forbid (principal, action, resource is tasks)\n\
        when { 9223372036854775807 + principal.tenant > 0 };";
    let findings = proved(&database("tenant_filter_column = \"customer_id\"", policies));
    assert_eq!(refuted(&findings), ["MAY FAIL `tasks`"]);
    assert!(!findings.iter().any(|found| matches!(found.answer, Answer::NotProved(_))));
}

/// Tenants are positive: a rule that opens to others opens to nobody.
#[test]
fn callers_that_there_are_not_leak_nothing() {
    if !has_solver() {
        return;
    }
    let settings = "tenant_filter_column = \"customer_id\"";
    let rule = |condition| {
        format!("@id(\"a\") permit (principal, action, resource is tasks) when {{ {condition} }};")
    };
    let nobody = proved(&database(settings, &rule("principal.tenant == 0")));
    assert!(refuted(&nobody).is_empty(), "{nobody:?}");
    assert!(nobody.iter().all(|finding| matches!(finding.answer, Answer::Proved)));
    let first = proved(&database(settings, &rule("principal.tenant == 1")));
    assert_eq!(refuted(&first), ["LEAK `tasks`"]);
}

#[test]
fn what_is_declared_shared_must_be_open() {
    if !has_solver() {
        return;
    }
    let settings = "tenant_filter_column = \"customer_id\"\nscope_filter_column = \"assigned_to\"\n\
        shared_relations = [\"countries\"]\n";
    let policies = "@id(\"open\") permit (principal, action, resource is countries);\n\
        @id(\"scope\") forbid (principal, action, resource) when { principal has scope };";
    assert_eq!(refuted(&proved(&database(settings, policies))), ["NOT SHARED `countries`"]);
}

#[test]
fn without_a_solver_nothing_is_proved_and_nothing_is_silent() {
    let folder = world::root();
    let mut command = crate::cli::command(folder, &["prove", "demo", "--require"]);
    let output = command.env("CVC5", "/nonexistent/cvc5").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("NOT PROVED main.tasks"), "{text}");
    assert!(text.contains("there is no solver"), "{text}");
    assert_eq!(NotProved::NoSolver.to_string().lines().count(), 1);
}

#[test]
fn the_demo_is_proved_and_a_leak_fails_the_command() {
    if !has_solver() {
        return;
    }
    let folder = world::root();
    let (exit, text, errors) = run(folder, &["prove", "demo", "--require"]);
    assert_eq!((exit, errors.as_str()), (0, ""), "{text}");
    let (exit, text, errors) = run(folder, &["--policies", "fixtures/leaks", "prove", "or-true"]);
    assert_eq!(exit, 1);
    assert!(errors.contains("error[leak]"), "{errors}");
    let expected = "  LEAK main.tasks: whatever a caller reads is its own\n    caller: tenant 82\n    \
        may read row `7`: billed_customer_id = 7, customer_id = 7, id = 7, priority = 7, private = false\n    \
        decided by: tenant\n";
    assert!(text.contains(expected), "{text}");
    let arguments = ["--policies", "fixtures/leaks", "prove", "or-true", "--format", "json"];
    let (_, text, _) = run(folder, &arguments);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let findings = document["databases"][0]["findings"].as_array().unwrap();
    let leak = findings.iter().find(|found| found["answer"] == "refuted").unwrap();
    assert_eq!(leak["claim"], "isolated");
    assert_eq!(leak["example"]["row"]["customer_id"], 7);
}

/// Each setting that says whose rows are is checked against the catalog.
#[test]
fn declarations_that_cannot_be_are_refused() {
    let base = "tenant_filter_column = \"customer_id\"\n";
    for (settings, expected) in [
        ("shared_relations = [\"nope\"]", "which the catalog does not list"),
        ("shared_relations = [\"notes\"]", "which has the tenant column"),
        ("unscoped_relations = [\"notes\"]", "there is no `scope_filter_column`"),
        ("[tenant_columns]\nnope = \"id\"", "which the catalog does not list"),
        ("[tenant_columns]\ncompanies = \"nope\"", "a column that it does not have"),
        ("[tenant_columns]\ncompanies = \"name\"", "a column that cannot hold tenants"),
        ("[tenant_columns]\nnotes = \"task.customer_id\"", "a column that it does not have"),
        ("[scope_columns]\ntasks = \"assigned_to\"", "there is no `scope_filter_column`"),
        (
            "shared_relations = [\"companies\"]\n[tenant_columns]\ncompanies = \"id\"",
            "which `shared_relations` names too",
        ),
    ] {
        let settings = format!("{base}{settings}\n");
        let policies = "@id(\"a\") permit (principal, action, resource is countries);";
        let loaded = Database::from_sources("x".parse().unwrap(), &sources(&settings, policies));
        let error = loaded.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Whatever tenants are called, own rows are proved and others are shown.
#[test]
fn tenants_of_every_kind() {
    if !has_solver() {
        return;
    }
    let catalog = |tenants: &str| {
        format!(
            "default_schema = \"main\"\n[[relation]]\nname = \"tasks\"\nprimary_key = [\"id\"]\n\
             columns = [{{ name = \"id\", type = \"uuid\", nullable = false }},\n\
             {{ name = \"tenant\", type = \"{tenants}\", nullable = true }}]\n"
        )
    };
    let own = "@id(\"own\") permit (principal, action, resource)
        when { resource has tenant && resource.tenant == principal.tenant };";
    let others = "@id(\"others\") permit (principal, action, resource)
        when { resource has tenant && resource.tenant != principal.tenant };";
    for (engine, id_type, tenants, shown) in [
        ("postgresql", "uuid", "uuid", "00000000-0000-4000-8000-000000000082"),
        ("sqlite", "string", "text", "acme"),
        ("mongodb", "uuid", "uuid", "00000000-0000-4000-8000-000000000082"),
        ("mongodb", "integer", "integer", "82"),
    ] {
        let load = |policies: &str| {
            let settings = format!(
                "engine = \"{engine}\"\nurl = \"env:X\"\ntenant_filter_column = \"tenant\"\n\
                 tenant_id_type = \"{id_type}\"\n"
            );
            let policies = vec![("p.cedar".to_owned(), policies.to_owned())];
            let sources = Sources { settings, catalog: catalog(tenants), policies };
            Database::from_sources("x".parse().unwrap(), &sources).unwrap()
        };
        let findings = proved(&load(own));
        let all = findings.iter().all(|found| matches!(found.answer, Answer::Proved));
        assert!(all, "{engine} {id_type}: {findings:?}");
        let findings = proved(&load(others));
        assert_eq!(refuted(&findings), ["LEAK `tasks`"]);
        let Answer::Refuted(example) = &findings[0].answer else { panic!() };
        assert_eq!(example.principal.tenant.as_ref().unwrap().to_string(), shown);
    }
}

/// A field of a document says whose it is, and an array who may read it.
#[test]
fn documents_are_proved() {
    if !has_solver() {
        return;
    }
    let settings =
        "engine = \"mongodb\"\nurl = \"env:X\"\ntenant_filter_column = \"of.customer\"\n";
    let catalog =
        "default_schema = \"app\"\n[[relation]]\nname = \"tasks\"\nprimary_key = [\"_id\"]
        columns = [{ name = \"_id\", type = \"objectid\", nullable = false },
            { name = \"of\", type = \"document\", nullable = true },
            { name = \"of.customer\", type = \"integer\", nullable = false },
            { name = \"readers\", type = \"integer\", nullable = true, array = true }]\n";
    let load = |policies: &str| {
        let policies = vec![("p.cedar".to_owned(), policies.to_owned())];
        let (settings, catalog) = (settings.to_owned(), catalog.to_owned());
        let sources = Sources { settings, catalog, policies };
        Database::from_sources("x".parse().unwrap(), &sources)
            .unwrap_or_else(|error| panic!("{error}"))
    };
    let own = "@id(\"own\") permit (principal, action, resource)
        when { resource has of && resource.of.customer == principal.tenant };";
    let findings = proved(&load(own));
    assert!(refuted(&findings).is_empty());
    assert!(findings.iter().all(|found| matches!(found.answer, Answer::Proved)), "{findings:?}");
    let shared = "@id(\"readers\") permit (principal, action, resource)
        when { resource has readers && resource.readers.contains(principal.tenant) };";
    let findings = proved(&load(shared));
    assert_eq!(refuted(&findings), ["LEAK `tasks`"]);
    let Answer::Refuted(example) = &findings[0].answer else { panic!() };
    assert_eq!(
        example.row.set(&dialektai::catalog::ColumnName::new("readers")).unwrap().len(),
        1,
        "{example:?}"
    );
}

/// Hidden columns take rows from queries that touch them, and give none to anybody.
#[test]
fn hidden_columns_are_proved() {
    if !has_solver() {
        return;
    }
    let hide = "@id(\"hide\") forbid (principal, action, resource is tasks)
        when { context.columns.contains(\"priority\") } unless { principal has scope };\n";
    let settings = "tenant_filter_column = \"customer_id\"";
    let own = "@id(\"own\") permit (principal, action, resource is tasks)
        when { resource.customer_id == principal.tenant };\n";
    let findings = proved(&database(settings, &format!("{own}{hide}")));
    assert!(findings.iter().all(|found| matches!(found.answer, Answer::Proved)), "{findings:?}");
    let open = "@id(\"open\") permit (principal, action, resource is tasks);\n";
    let findings = proved(&database(settings, &format!("{open}{hide}")));
    assert_eq!(refuted(&findings), ["LEAK `tasks`"]);
}

/// Whose a row is may be said by the row that it belongs to.
#[test]
fn tenants_and_scopes_of_related_rows() {
    if !has_solver() {
        return;
    }
    let catalog = world::root().join("fixtures/leaks/related-any-parent/catalog.toml");
    let load = |condition: &str| {
        let settings = "engine = \"sqlite\"\nurl = \"sqlite:x\"\ntenant_filter_column = \"customer_id\"\n\
            scope_filter_column = \"assigned_to\"\n[tenant_columns]\ncomments = \"task.customer_id\"\n\
            [scope_columns]\ncomments = \"task.assigned_to\"\n";
        let policies = format!(
            "@id(\"c\") permit (principal, action, resource is comments) when {{ {condition} }};"
        );
        let policies = vec![("p.cedar".to_owned(), policies)];
        let catalog = std::fs::read_to_string(&catalog).unwrap();
        let sources = Sources { settings: settings.to_owned(), catalog, policies };
        Database::from_sources("x".parse().unwrap(), &sources)
            .unwrap_or_else(|error| panic!("{error}"))
    };
    let tenant = "resource has task && resource.task.customer_id == principal.tenant";
    let scope = "(if principal has scope then resource.task has assigned_to
        && resource.task.assigned_to == principal.scope else true)";
    let findings = proved(&load(&format!("{tenant} && {scope}")));
    assert!(findings.iter().all(|found| matches!(found.answer, Answer::Proved)), "{findings:?}");
    let any_scope = format!("{tenant} && (principal has scope || true)");
    let any_tenant =
        "if principal has scope then resource has task && resource.task has assigned_to
        && resource.task.assigned_to == principal.scope else false";
    for wrong in [any_scope.as_str(), any_tenant] {
        let findings = proved(&load(wrong));
        assert_eq!(refuted(&findings), ["LEAK `comments`"], "{wrong}");
        let isolated = findings.iter().find(|found| told(found).is_some()).unwrap();
        let Answer::Refuted(example) = &isolated.answer else { panic!() };
        assert!(example.row.parent("task").is_some(), "{example:?}");
    }
}

/// 200 policies take well under a minute.
#[test]
fn two_hundred_policies() {
    if !has_solver() {
        return;
    }
    let mut policies = String::new();
    for n in 0..200 {
        let word = if n % 4 == 3 { "forbid" } else { "permit" };
        policies.push_str(&format!(
            "@id(\"p{n}\") {word} (principal, action, resource is tasks)\n\
             when {{ resource.customer_id == principal.tenant && resource.priority == {n} }};\n"
        ));
    }
    let begun = std::time::Instant::now();
    let findings = proved(&database("tenant_filter_column = \"customer_id\"", &policies));
    assert!(findings.iter().all(|finding| matches!(finding.answer, Answer::Proved)));
    assert!(findings.len() > 200);
    eprintln!("200 policies: {} ms", begun.elapsed().as_millis());
    assert!(begun.elapsed() < Duration::from_mins(1));
}
