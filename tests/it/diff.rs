//! Comparisons of policies: what is newly granted or denied is named, and what is not is proved.

mod masks;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dialektai::policy::{Database, Sources};
use dialektai::prove::{Answer, ColumnDifference, Difference, Example, NotProved, diff};

use crate::cli::run;
use crate::prove::has_solver;
use crate::world;

const SETTINGS: &str = "tenant_filter_column = \"customer_id\"\n";
const OWN: &str = "@id(\"own\") permit (principal, action, resource is tasks)
    when { resource.customer_id == principal.tenant };\n";
const OPEN: &str = "@id(\"open\") permit (principal, action, resource is tasks);\n";

fn catalog() -> String {
    let path = world::root().join("fixtures/leaks/or-true/catalog.toml");
    std::fs::read_to_string(path).unwrap()
}

fn database(settings: &str, catalog: &str, policies: &str) -> Database {
    let sources = Sources {
        settings: format!("engine = \"sqlite\"\nurl = \"sqlite:x\"\n{settings}"),
        catalog: catalog.to_owned(),
        policies: vec![("p.cedar".to_owned(), policies.to_owned())],
    };
    Database::from_sources("x".parse().unwrap(), &sources).unwrap_or_else(|error| panic!("{error}"))
}

fn compared(old: &Database, new: &Database) -> Vec<Difference> {
    diff(Some(old), Some(new), Duration::from_secs(20)).unwrap()
}

fn policies(old: &str, new: &str) -> Vec<Difference> {
    compared(&database(SETTINGS, &catalog(), old), &database(SETTINGS, &catalog(), new))
}

/// What is newly granted and denied, by relation; everything else must be proved.
fn told(differences: &[Difference]) -> Vec<String> {
    let mut told = Vec::new();
    for Difference { relation, granted, denied, columns } in differences {
        let mut answers = vec![("grants".to_owned(), granted), ("denies".to_owned(), denied)];
        for ColumnDifference { column, granted, denied } in columns {
            answers.push((format!("shows {column} in"), granted));
            answers.push((format!("masks {column} in"), denied));
        }
        for (word, answer) in answers {
            match answer {
                Answer::Proved => {}
                Answer::Refuted(example) => {
                    assert!(example.is_allowed(), "{example:?}");
                    told.push(format!("{word} {}", relation.name));
                }
                Answer::NotProved(reason) => panic!("{}: {reason}", relation.name),
            }
        }
    }
    told
}

fn of<'a>(differences: &'a [Difference], relation: &str) -> &'a Difference {
    differences.iter().find(|found| found.relation.name == relation).unwrap()
}

fn example(answer: &Answer) -> &Example {
    match answer {
        Answer::Refuted(example) => example,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_newly_granted_is_newly_denied_the_other_way() {
    if !has_solver() {
        return;
    }
    assert_eq!(told(&policies(OWN, OPEN)), ["grants tasks"]);
    assert_eq!(told(&policies(OPEN, OWN)), ["denies tasks"]);
    assert!(told(&policies(OWN, OWN)).is_empty());
    // Written otherwise, and the same.
    let same = "@id(\"a\") permit (principal, action, resource is tasks)
        when { resource.private && principal.tenant == resource.customer_id };
        @id(\"b\") permit (principal, action, resource is tasks)
        when { !resource.private } unless { resource.customer_id != principal.tenant };";
    assert!(told(&policies(OWN, same)).is_empty());
    let other = "@id(\"other\") permit (principal, action, resource is tasks)
        when { resource.billed_customer_id == principal.tenant };";
    assert_eq!(told(&policies(OWN, other)), ["grants tasks", "denies tasks"]);
}

/// Cedar would skip the failing forbid, and find the two alike.
#[test]
fn a_forbid_that_fails_on_one_side_denies_there() {
    if !has_solver() {
        return;
    }
    let failing = format!(
        "{OPEN}@id(\"fails\") forbid (principal, action, resource is tasks)
         when {{ 9223372036854775807 + principal.tenant > 0 }};"
    );
    assert_eq!(told(&policies(&failing, OPEN)), ["grants tasks"]);
    assert_eq!(told(&policies(OPEN, &failing)), ["denies tasks"]);
    assert!(told(&policies(&failing, &failing)).is_empty());
}

#[test]
fn callers_of_another_kind_are_not_compared() {
    let text = "tenant_filter_column = \"assigned_to\"\ntenant_id_type = \"string\"\n";
    let policy = "@id(\"a\") permit (principal, action, resource is countries);";
    let (old, new) = (database(SETTINGS, &catalog(), policy), database(text, &catalog(), policy));
    let differences = compared(&old, &new);
    assert_eq!(differences.len(), 4);
    for Difference { granted, denied, .. } in &differences {
        for answer in [granted, denied] {
            let Answer::NotProved(NotProved::Unsupported(reason)) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(reason, "`tenant_id_type` differs");
        }
    }
}

/// A column that one side lacks is there for the other alone.
#[test]
fn catalogs_that_differ_are_merged() {
    if !has_solver() {
        return;
    }
    let wide = catalog();
    let line = "    { name = \"private\", type = \"boolean\", nullable = false },\n";
    assert!(wide.contains(line));
    let narrow = wide.replace(line, "");
    let side = |catalog: &str, policies: &str| database(SETTINGS, catalog, policies);
    // The new column is one more that may be read; nothing that could be read before is hidden.
    let differences = compared(&side(&narrow, OWN), &side(&wide, OWN));
    assert_eq!(told(&differences), ["grants tasks"]);
    let example = example(&of(&differences, "tasks").granted);
    assert_eq!(example.touched.len(), 1);
    assert_eq!(example.touched[0].as_str(), "private");
    // What it says decides on the side that has it, and a rule on both is one that asks `has`.
    let rule = "@id(\"own\") permit (principal, action, resource) when { resource has customer_id
        && resource.customer_id == principal.tenant && !(resource has private) };";
    assert_eq!(told(&compared(&side(&wide, rule), &side(&narrow, rule))), ["grants tasks"]);
    let both = "@id(\"own\") permit (principal, action, resource) when { resource has customer_id
        && resource.customer_id == principal.tenant && !(resource has private && resource.private) };";
    let differences = compared(&side(&wide, both), &side(&narrow, both));
    assert_eq!(told(&differences), ["grants tasks", "denies tasks"]);
}

/// A row that lacks what one side requires is none of that side's rows.
#[test]
fn a_column_that_becomes_optional_admits_rows() {
    if !has_solver() {
        return;
    }
    let strict = catalog();
    let line = "{ name = \"private\", type = \"boolean\", nullable = false }";
    assert!(strict.contains(line));
    let loose = strict.replace(line, &line.replace("false }", "true }"));
    let side = |catalog: &str, policies: &str| database(SETTINGS, catalog, policies);
    let asks = "@id(\"own\") permit (principal, action, resource is tasks) when {
        resource.customer_id == principal.tenant && resource has private && !resource.private };";
    let reads = "@id(\"own\") permit (principal, action, resource is tasks) when {
        resource.customer_id == principal.tenant && !resource.private };";
    assert!(told(&compared(&side(&strict, reads), &side(&loose, asks))).is_empty());
    let differences = compared(&side(&strict, OWN), &side(&loose, OWN));
    assert_eq!(told(&differences), ["grants tasks"]);
    let example = example(&of(&differences, "tasks").granted);
    assert!(!example.row.keys().any(|column| column.as_str() == "private"), "{example:?}");
}

#[test]
fn types_and_keys_that_differ_are_not_compared() {
    let before = catalog();
    for (line, other, expected) in [
        (
            "name = \"priority\", type = \"integer\"",
            "name = \"priority\", type = \"text\"",
            "priority",
        ),
        (
            "name = \"tasks\"\nprimary_key = [\"id\"]",
            "name = \"tasks\"\nprimary_key = []",
            "primary key",
        ),
        ("name = \"tasks\"\n", "name = \"tasks\"\nentity_type = \"todo\"\n", "entity type"),
    ] {
        assert!(before.contains(line));
        let after = before.replace(line, other);
        let policy = "@id(\"a\") permit (principal, action, resource is countries);";
        let sides = [&before, &after].map(|catalog| database(SETTINGS, catalog, policy));
        let differences = compared(&sides[0], &sides[1]);
        let Answer::NotProved(reason) = &of(&differences, "tasks").granted else {
            panic!("{expected}")
        };
        assert!(reason.to_string().contains(expected), "{reason}");
    }
}

#[test]
fn a_relation_on_one_side_is_granted_or_denied_whole() {
    if !has_solver() {
        return;
    }
    let wide = catalog();
    let (narrow, _) = wide.split_once("[[relation]]\nname = \"tasks\"").unwrap();
    let shared = "@id(\"a\") permit (principal, action, resource is countries);";
    let both = format!("{shared}{OWN}");
    let (with, without) = (database(SETTINGS, &wide, &both), database(SETTINGS, narrow, shared));
    assert_eq!(told(&compared(&without, &with)), ["grants tasks"]);
    assert_eq!(told(&compared(&with, &without)), ["denies tasks"]);
    // One that nobody may read is no difference.
    assert!(told(&compared(&without, &database(SETTINGS, &wide, shared))).is_empty());
    let alone = diff(None, Some(&with), Duration::from_secs(20)).unwrap();
    assert_eq!(told(&alone), ["grants countries", "grants tasks"]);
    let gone = diff(Some(&with), None, Duration::from_secs(20)).unwrap();
    assert_eq!(told(&gone), ["denies countries", "denies tasks"]);
}

/// A column that is hidden no more is granted, to a query that touches it.
#[test]
fn hidden_columns_count() {
    if !has_solver() {
        return;
    }
    let hidden = format!(
        "{OWN}@id(\"hide\") forbid (principal, action, resource is tasks)
         when {{ context.columns.contains(\"priority\") }};"
    );
    let differences = policies(&hidden, OWN);
    assert_eq!(told(&differences), ["grants tasks"]);
    let example = example(&of(&differences, "tasks").granted);
    assert_eq!(example.touched.len(), 1);
    assert_eq!(example.touched[0].as_str(), "priority");
    assert_eq!(told(&policies(OWN, &hidden)), ["denies tasks"]);
    assert!(told(&policies(&hidden, &hidden)).is_empty());
}

/// A rule over related rows is compared where both sides mean the same rows.
#[test]
fn related_rows_are_compared() {
    if !has_solver() {
        return;
    }
    let comments = "\n[[relation]]\nname = \"comments\"\nprimary_key = [\"id\"]
        columns = [{ name = \"id\", type = \"integer\", nullable = false },
            { name = \"task_id\", type = \"integer\", nullable = false }]
        foreign_keys = [{ columns = [\"task_id\"], references = \"tasks\", referenced_columns = [\"id\"] }]\n";
    let catalog = format!("{}{comments}", catalog());
    let rule = "@id(\"comments\") permit (principal, action, resource is comments)
        when { resource has task && resource.task.customer_id == principal.tenant };\n";
    let open = "@id(\"comments\") permit (principal, action, resource is comments)
        when { resource has task };\n";
    let side = |policies: &str| database(SETTINGS, &catalog, policies);
    let differences = compared(&side(rule), &side(open));
    assert_eq!(told(&differences), ["grants comments"]);
    let example = example(&of(&differences, "comments").granted);
    assert!(example.row.parent("task").is_some());
    assert!(told(&compared(&side(rule), &side(rule))).is_empty());
    let other = catalog.replace(
        "\"priority\", type = \"integer\", nullable = false",
        "\"priority\", type = \"integer\", nullable = true",
    );
    assert_ne!(other, catalog);
    let differences = compared(&side(rule), &database(SETTINGS, &other, rule));
    let Answer::NotProved(reason) = &of(&differences, "comments").granted else { panic!() };
    assert!(reason.to_string().contains("`main.tasks`, which differs"), "{reason}");
}

#[test]
fn the_command_compares_folders() {
    if !has_solver() {
        return;
    }
    let (old, new) = ("fixtures/leaks/at-most", "fixtures/leaks/or-true");
    let (exit, text, errors) = run(world::root(), &["diff", old, new]);
    assert_eq!(exit, 1, "{text}{errors}");
    assert!(errors.contains("error[newly_granted]: 1 relation"), "{errors}");
    let expected = "or-true
  PROVED main.companies: grants and denies what the old policies did
  PROVED main.countries: grants and denies what the old policies did
  PROVED main.notes: grants and denies what the old policies did
  GRANTS main.tasks: what the old policies did not
    caller: tenant 82
    may now read row `7`: billed_customer_id = 7, customer_id = 83, id = 7, priority = 7, private = false
    permitted by: tenant
  PROVED main.tasks: denies nothing that the old policies did not
7 PROVED, 1 GRANTS, 0 DENIES, 0 NOT PROVED
";
    assert_eq!(masked(&text), masked(expected));
    // The other way something is denied, which fails where the two must be the same.
    let (exit, text, _) = run(world::root(), &["diff", new, old, "--require"]);
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("DENIES main.tasks") && text.contains("could read row"), "{text}");
    let (exit, _, errors) = run(world::root(), &["diff", new, old, "--same"]);
    assert_eq!(exit, 1);
    assert!(errors.contains("error[newly_denied]"), "{errors}");
    let (exit, text, _) = run(world::root(), &["diff", old, new, "--format", "json"]);
    assert_eq!(exit, 1);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let relations = document["databases"][0]["relations"].as_array().unwrap();
    let tasks = relations.iter().find(|found| found["relation"] == "main.tasks").unwrap();
    assert_eq!(tasks["granted"]["answer"], "refuted");
    assert_eq!(tasks["granted"]["example"]["tenant"], "82");
    assert_eq!(tasks["denied"]["answer"], "proved");
}

/// Numbers that are found by the solver, and may be others in another version.
fn masked(text: &str) -> String {
    text.split_inclusive(", ")
        .map(|part| match part.split_once("customer_id = ") {
            Some((before, _)) if !before.ends_with('_') => format!("{before}customer_id = .., "),
            _ => part.to_owned(),
        })
        .collect()
}

#[test]
fn without_a_solver_nothing_is_proved() {
    let arguments = ["diff", "policies", "policies", "--require"];
    let mut command = crate::cli::command(world::root(), &arguments);
    let output = command.env("CVC5", "/nonexistent/cvc5").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("NOT PROVED main.tasks: grants nothing"), "{text}");
    assert!(text.contains("there is no solver"), "{text}");
}

fn git(folder: &Path, arguments: &[&str]) {
    let identity =
        ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"];
    let output =
        Command::new("git").args(identity).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn write(folder: &Path, database: &str, rules: &str) {
    let folder = folder.join("policies").join(database);
    std::fs::create_dir_all(&folder).unwrap();
    let settings = format!("engine = \"sqlite\"\nurl = \"sqlite:x\"\n{SETTINGS}");
    for (name, text) in
        [("database.toml", settings.as_str()), ("catalog.toml", &catalog()), ("a.cedar", rules)]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

#[test]
fn revisions_are_read_and_the_checkout_is_left_alone() {
    if !has_solver() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    git(root, &["init", "--quiet", "--initial-branch=main"]);
    // `git archive` would leave the rules out, a forbid among them.
    std::fs::write(root.join(".gitattributes"), "*.cedar export-ignore\n").unwrap();
    write(root, "a", OWN);
    write(root, "b", OWN);
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "-m", "old"]);
    write(root, "a", OPEN);
    std::fs::remove_dir_all(root.join("policies/b")).unwrap();
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "-m", "new"]);
    let before = std::fs::read_to_string(root.join("policies/a/a.cedar")).unwrap();
    let (exit, text, errors) = run(root, &["diff", "HEAD~1", "HEAD"]);
    assert_eq!(exit, 1, "{text}{errors}");
    assert!(text.contains("a\n") && text.contains("GRANTS main.tasks"), "{text}");
    assert!(text.contains("b\n") && text.contains("DENIES main.tasks"), "{text}");
    let (exit, text, errors) = run(root, &["diff", "HEAD~1", "HEAD", "b", "--require"]);
    assert_eq!((exit, errors.as_str()), (0, ""), "{text}");
    let one = ["diff", "HEAD~1:policies/a", "policies/a"];
    let (exit, text, _) = run(root, &one);
    assert_eq!(exit, 1, "{text}");
    assert!(text.starts_with("a\n"), "{text}");
    let (exit, text, errors) =
        run(root, &["--policies", "policies/a", "diff", "HEAD", "main", "--require"]);
    assert_eq!((exit, errors.as_str()), (0, ""), "{text}");
    assert_eq!(std::fs::read_to_string(root.join("policies/a/a.cedar")).unwrap(), before);
    assert!(!root.join("policies/b").exists());

    for (old, new, expected) in [
        ("nope", "HEAD", "error[unknown_revision]: `nope`"),
        ("HEAD", "HEAD:nope", "error[unknown_revision]: `HEAD:nope`"),
        ("HEAD", "HEAD:policies/a/a.cedar", "error[unknown_revision]"),
        ("HEAD", "HEAD:policies/a", "error[no_databases]"),
        ("HEAD", ".git", "error[no_databases]"),
    ] {
        let (exit, _, errors) = run(root, &["diff", old, new]);
        assert_eq!(exit, 1, "{old} {new}");
        assert!(errors.contains(expected), "{old} {new}: {errors}");
    }
    let (exit, _, errors) = run(root, &["diff", "--", "--output=x", "HEAD"]);
    assert_eq!(exit, 1);
    assert!(errors.contains("error[unknown_revision]"), "{errors}");

    // A rule that leads elsewhere is not one that is left out.
    std::fs::remove_file(root.join("policies/a/a.cedar")).unwrap();
    std::os::unix::fs::symlink("/nonexistent", root.join("policies/a/a.cedar")).unwrap();
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "-m", "link"]);
    let (exit, _, errors) = run(root, &["diff", "HEAD~1", "HEAD"]);
    assert_eq!(exit, 1);
    assert!(errors.contains("error[invalid_policies]: `a.cedar`"), "{errors}");
}
