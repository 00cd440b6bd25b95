//! The rows of MongoDB in docs/security.md.

use std::collections::BTreeSet;

use super::fixture::{self, Case, Fixture};
use crate::bypass::fixture::{Unguarded, Verdict};
use crate::bypass::table::written;

const BEGIN: &str =
    "<!-- written by tests/it/bypass/mongodb/table.rs from fixtures/bypass-mongodb -->\n";

fn verdict(fixture: &Fixture) -> String {
    let rewritten = fixture.cases.iter().any(|case| case.verdict == Verdict::Rewritten);
    let codes: BTreeSet<String> = fixture
        .cases
        .iter()
        .filter_map(|case| case.code.as_ref())
        .map(|code| format!("`{code}`"))
        .collect();
    let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
    let tests: Vec<String> =
        fixture.shown.iter().map(|shown| format!("`{}`", shown.test)).collect();
    let parts = [
        (rewritten, "rewritten".to_owned()),
        (!codes.is_empty(), format!("refused: {codes}")),
        (!tests.is_empty(), format!("shown by {}", tests.join(", "))),
    ];
    let parts = parts.into_iter().filter(|(applies, _)| *applies).map(|(_, text)| text);
    parts.collect::<Vec<_>>().join("; ")
}

fn unguarded(fixture: &Fixture) -> String {
    let seen: BTreeSet<Unguarded> =
        fixture.cases.iter().filter_map(|case| case.unguarded).collect();
    let words: Vec<&str> = seen.into_iter().map(Unguarded::word).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn table(fixtures: &[Fixture]) -> String {
    let mut text = "| row | class | verdict | unguarded |\n|---|---|---|---|\n".to_owned();
    for fixture in fixtures {
        let Fixture { stem, id, class, .. } = fixture;
        text += &format!(
            "| [{id}](../fixtures/bypass-mongodb/{stem}.toml) | {class} | {} | {} |\n",
            verdict(fixture),
            unguarded(fixture)
        );
    }
    let cases: usize = fixtures.iter().map(|fixture| fixture.cases.len()).sum();
    let count = |test: fn(&Case) -> bool| {
        fixtures.iter().filter(|fixture| fixture.cases.iter().any(test)).count()
    };
    text += &format!(
        "\n{} rows, {cases} cases: {} rows with rewritten ones, {} with refused ones. Of {} rows some attack was seen to \
         work where nothing guards.\n",
        fixtures.len(),
        count(|case| case.verdict == Verdict::Rewritten),
        count(|case| case.verdict == Verdict::Refused),
        count(|case| case.unguarded.is_some()),
    );
    text
}

#[test]
fn the_page_has_the_table_of_mongodb() {
    written(BEGIN, &table(&fixture::all()), "the_page_has_the_table");
}
