//! Snapshots, coverage and JUnit.

use std::fs;

use super::{demo, demo_with, edit, failed, json};
use crate::cli::run;

#[test]
fn snapshots_are_shown_as_a_diff_and_accepted() {
    let folder = demo_with(&["tests/queries.toml"]);
    let place = folder.path().join("policies/demo/tests");
    let (exit, document, _) = json(folder.path());
    assert_eq!((exit, failed(&document).len()), (1, 2), "{document}");
    assert!(document.to_string().contains("there is no snapshot yet"), "{document}");
    assert_eq!(run(folder.path(), &["test", "--accept"]).0, 0);
    let first = fs::read_to_string(place.join("queries.snap")).unwrap();
    assert_eq!(
        first,
        fs::read_to_string(crate::world::root().join("policies/demo/tests/queries.snap")).unwrap()
    );
    // On a machine that ends its lines otherwise they are the same.
    fs::write(place.join("queries.snap"), first.replace('\n', "\r\n")).unwrap();
    assert_eq!(json(folder.path()).0, 0);
    // Another rule, another text.
    let rule = "resource.customer_id == principal.tenant";
    let narrower = format!("{rule} && resource.customer_id != 5");
    edit(folder.path(), "tenant.cedar", rule, &narrower);
    let (exit, output, _) = run(folder.path(), &["test"]);
    assert_eq!(exit, 1);
    for line in [
        "    - SELECT count(*) AS count FROM projects WHERE customer_id = 82",
        "    + SELECT count(*) AS count FROM projects WHERE customer_id = 82 AND (typeof(customer_id) = 'integer' AND customer_id <> 5)",
    ] {
        assert!(output.lines().any(|own| own == line), "no {line:?} in\n{output}");
    }
    // What did not run is kept, and what is no test any more is not.
    let accepted = run(folder.path(), &["test", "--accept", "--filter", "a count"]);
    assert_eq!(accepted.0, 0);
    let text = fs::read_to_string(place.join("queries.snap")).unwrap();
    assert!(text.contains("<> 5)\n") && text.contains("a join reaches"), "{text}");
    edit(folder.path(), "tests/queries.toml", "a join reaches", "a join does reach");
    run(folder.path(), &["test", "--accept", "--filter", "a count"]);
    let text = fs::read_to_string(place.join("queries.snap")).unwrap();
    assert!(text.contains("<> 5)\n") && !text.contains("a join reaches"), "{text}");
}

/// What no test exercises is listed, and `--min-coverage` holds the folder to a share.
#[test]
fn coverage_tells_what_no_test_exercises() {
    let folder = demo();
    let (exit, output, errors) = run(folder.path(), &["test", "--min-coverage", "90"]);
    assert_eq!(exit, 1, "{output}");
    assert!(errors.contains("error[coverage_too_low]: the tests of `demo` exercise 7"), "{errors}");
    for line in [
        "    relation `users`: nobody asked for it",
        "    `projects`: no row meets `customer_id = tenant`",
    ] {
        assert_eq!(output.lines().any(|own| own == line), line.contains("users"), "{output}");
    }
    assert_eq!(run(folder.path(), &["test", "--min-coverage", "50"]).0, 0);
    // Without the row of another tenant nothing shows that the condition takes anything away.
    let place = folder.path().join("policies/demo/tests/isolation.toml");
    let text = fs::read_to_string(&place).unwrap();
    let text = text.replace("customer_id = 7", "customer_id = 82").replace("hidden = [3]", "");
    let text = text.replace("visible = [1, 2]", "visible = [1, 2, 3]");
    let text = text
        .replace("visible = [1]", "visible = [1, 3]")
        .replace("tenant = 8\n", "tenant = 82\nscope = \"x\"\n");
    fs::write(&place, text).unwrap();
    let (exit, output, _) = run(folder.path(), &["test"]);
    assert_eq!(exit, 0, "{output}");
    assert!(output.contains("    `tasks`: no row fails `customer_id = tenant`\n"), "{output}");
    assert!(!output.contains("assigned_to"), "{output}");
    // A rule that nothing shows is named.
    fs::write(
        folder.path().join("policies/demo/old.cedar"),
        "@id(\"old\") forbid (principal, action, resource is tasks) when { resource.priority > 8 };",
    )
    .unwrap();
    let (_, document, _) = json(folder.path());
    let missing = document["coverage"][0]["not_exercised"].to_string();
    assert!(missing.contains("rule `old` decided about no row"), "{missing}");
    assert!(missing.contains("`tasks`: no row fails `priority <= 8`"), "{missing}");
}

#[test]
fn junit_is_for_machines() {
    let folder = demo();
    edit(folder.path(), "tests/isolation.toml", "hidden = [3]", "hidden = []");
    edit(folder.path(), "tests/isolation.toml", "visible = [1, 2]", "visible = [1, 2, 3]");
    edit(folder.path(), "tests/isolation.toml", "nothing is changed", "<nothing> & \\\"no\\\"");
    let path = folder.path().join("out.xml");
    let (exit, _, _) = run(folder.path(), &["test", "--junit", path.to_str().unwrap()]);
    assert_eq!(exit, 1);
    let text = fs::read_to_string(path).unwrap();
    for part in [
        "<testsuite name=\"demo/tests/isolation.toml\" tests=\"9\" failures=\"1\" errors=\"0\" skipped=\"0\">",
        "name=\"a tenant sees its own tasks\" file=\"tests/isolation.toml\" line=\"44\">\n      \
         <failure message=\"row 3: expected visible, is hidden\">",
        "name=\"&lt;nothing&gt; &amp; &quot;no&quot;\" file=\"tests/isolation.toml\" line=\"94\"/>",
        "</testsuites>\n",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}
