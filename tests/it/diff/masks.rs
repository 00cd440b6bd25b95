//! Columns that one side masks and the other shows, on rows that both let a caller read.

use dialektai::catalog::ColumnName;
use dialektai::policy::{Database, Sources};
use dialektai::predicate::Value;

use super::{OWN, SETTINGS, catalog, compared, database, example, of, policies, told, write};
use crate::cli::run;
use crate::prove::has_solver;

fn hashing(policies: &str) -> Database {
    let settings =
        format!("engine = \"postgresql\"\nurl = \"env:URL\"\nmask_key = \"env:KEY\"\n{SETTINGS}");
    let policies = vec![("p.cedar".to_owned(), policies.to_owned())];
    let sources = Sources { settings, catalog: catalog(), policies };
    let loaded = Database::from_sources("x".parse().unwrap(), &sources);
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

/// A mask that is taken away shows more, of the same rows.
#[test]
fn masks_count() {
    if !has_solver() {
        return;
    }
    let masked = |mask: &str, column: &str| {
        format!(
            "@id(\"own\") @mask(\"{mask}\") @columns(\"{column}\")
             permit (principal, action, resource is tasks)
             when {{ resource.customer_id == principal.tenant }};"
        )
    };
    let (null, last4) = (masked("null", "assigned_to"), masked("last4", "assigned_to"));
    let (shows, masks) = ("shows assigned_to in tasks", "masks assigned_to in tasks");
    assert_eq!(told(&policies(&null, OWN)), [shows]);
    assert_eq!(told(&policies(OWN, &null)), [masks]);
    assert_eq!(told(&policies(&null, &last4)), [shows]);
    assert_eq!(told(&policies(&last4, OWN)), [shows]);
    assert_eq!(told(&policies(OWN, &last4)), [masks]);
    for same in [&last4, &null] {
        assert!(told(&policies(same, same)).is_empty());
    }
    // The strictest of two is shown, and nothing more than that is taken away with it.
    let both = format!("{null}{}", last4.replace("\"own\"", "\"more\""));
    assert_eq!(told(&policies(&both, &last4)), [shows]);
    assert_eq!(told(&policies(&last4, &both)), [masks]);
    assert!(told(&policies(&both, &null)).is_empty());
    assert!(told(&policies(&both, &both)).is_empty());
    // A hash and the end of a text tell different things.
    let hash = masked("hash", "assigned_to");
    let hashed = |old: &str, new: &str| told(&compared(&hashing(old), &hashing(new)));
    assert_eq!(hashed(&null, &hash), [shows]);
    assert_eq!(hashed(&hash, OWN), [shows]);
    assert!(hashed(&hash, &hash).is_empty());
    assert_eq!(hashed(&hash, &last4), [shows, masks]);
    assert_eq!(hashed(&last4, &hash), [shows, masks]);
    // The example is a row that both sides show, to a query that names the column.
    let differences = policies(&null, OWN);
    let found = example(&of(&differences, "tasks").columns[0].granted);
    assert_eq!(found.touched.iter().map(ColumnName::as_str).collect::<Vec<_>>(), ["assigned_to"]);
    let old = database(SETTINGS, &catalog(), &null);
    let verdict = found.verdict_of(&old, &of(&differences, "tasks").relation).unwrap();
    assert!(verdict.allowed, "{verdict:?}");
    // On some rows alone: those that are not private show what is masked on the others.
    let public = format!(
        "{null}@id(\"public\") permit (principal, action, resource is tasks)
         when {{ resource.customer_id == principal.tenant && !resource.private }};"
    );
    let differences = policies(&null, &public);
    assert_eq!(told(&differences), [shows]);
    let found = example(&of(&differences, "tasks").columns[0].granted);
    assert_eq!(found.row.get(&ColumnName::new("private")), Some(&Value::Bool(false)));
    assert_eq!(told(&policies(&public, &null)), [masks]);
    assert!(told(&policies(&public, &public)).is_empty());
    // Rows that only one side shows are granted, and say nothing of masks.
    let theirs = null.replace("==", "!=");
    assert_eq!(told(&policies(&null, &theirs)), ["grants tasks", "denies tasks"]);
    // Another column.
    let other = masked("null", "billed_customer_id");
    assert_eq!(told(&policies(&null, &other)), [shows, "masks billed_customer_id in tasks"]);
    // A column that is hidden shows nothing, whoever masks it.
    let hidden = "@id(\"hide\") forbid (principal, action, resource is tasks)
         when { context.columns.contains(\"assigned_to\") };";
    let both = |own: &str| format!("{own}{hidden}");
    assert!(told(&policies(&both(&null), &both(OWN))).is_empty());
    assert_eq!(told(&policies(&both(&null), OWN)), ["grants tasks"]);
    // A forbid that fails denies, so what it leaves of either side is compared.
    let failing = format!(
        "{null}@id(\"fails\") forbid (principal, action, resource is tasks)
         when {{ 9223372036854775807 + principal.tenant > 0 }};"
    );
    let both = failing.replace("@mask(\"null\") @columns(\"assigned_to\")", "");
    assert_ne!(both, failing);
    assert!(told(&policies(&failing, &both)).is_empty());
}

#[test]
fn the_command_shows_what_was_unmasked() {
    if !has_solver() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let masked = format!("@mask(\"last4\") @columns(\"assigned_to\") {OWN}");
    for (name, rules) in [("old", masked.as_str()), ("new", OWN)] {
        write(folder.path(), name, rules);
    }
    let with = |old: &str, new: &str, format: &str| {
        run(folder.path(), &["diff", old, new, "--format", format])
    };
    let (exit, text, errors) = with("policies/old", "policies/new", "text");
    assert_eq!(exit, 1, "{text}{errors}");
    assert!(errors.contains("error[newly_granted]: 1 relation"), "{errors}");
    let expected = [
        "PROVED main.tasks: grants nothing that the old policies did not",
        "GRANTS main.tasks: more of `assigned_to` than the old policies",
        "may now read more of `assigned_to` in row `7` (touching assigned_to): ",
        "permitted by: own",
        "on the other side masked by: own",
        "PROVED main.tasks: masks nothing of `assigned_to` that the old policies showed",
    ];
    for expected in expected {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let (exit, text, errors) = with("policies/new", "policies/old", "text");
    assert_eq!((exit, errors.as_str()), (0, ""), "{text}");
    assert!(text.contains("DENIES main.tasks: some of `assigned_to` that the old"), "{text}");
    let (_, text, _) = with("policies/old", "policies/new", "json");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let relations = document["databases"][0]["relations"].as_array().unwrap();
    let tasks = relations.iter().find(|found| found["relation"] == "main.tasks").unwrap();
    assert_eq!(tasks["granted"]["answer"], "proved");
    assert_eq!(tasks["columns"][0]["column"], "assigned_to");
    assert_eq!(tasks["columns"][0]["granted"]["answer"], "refuted");
    assert_eq!(tasks["columns"][0]["denied"]["answer"], "proved");
}
