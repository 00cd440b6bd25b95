//! The table of all rows in docs/security.md.

use std::collections::BTreeSet;

use dialektai::guard::sql::Dialect;

use super::fixture::{self, DIALECTS, Fixture, Unguarded, Verdict};
use crate::world;

const BEGIN: &str = "<!-- written by tests/it/bypass/table.rs from fixtures/bypass -->\n";
const END: &str = "<!-- end of what is written -->\n";

/// The dialects of a row's cases, as people call them.
fn dialects(fixture: &Fixture) -> String {
    let of_cases = |dialect| fixture.cases.iter().any(|case| case.dialects.contains(dialect));
    let titles: Vec<&str> = DIALECTS
        .iter()
        .filter(|dialect| of_cases(*dialect))
        .map(|dialect| match dialect {
            Dialect::Sqlite => "SQLite",
            Dialect::Postgresql => "PostgreSQL",
            Dialect::Mysql => "MySQL",
            Dialect::Mssql => "SQL Server",
        })
        .collect();
    match titles.len() {
        0 => "-".to_owned(),
        4 => "all".to_owned(),
        _ => titles.join(", "),
    }
}

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
        (!fixture.absent.is_empty(), "absent by design".to_owned()),
    ];
    let parts = parts.into_iter().filter(|(applies, _)| *applies).map(|(_, text)| text);
    parts.collect::<Vec<_>>().join("; ")
}

fn unguarded(fixture: &Fixture) -> String {
    let seen: BTreeSet<Unguarded> =
        fixture.cases.iter().flat_map(|case| [case.unguarded, case.unfenced]).flatten().collect();
    let words = seen.into_iter().map(Unguarded::word).collect::<Vec<_>>().join(", ");
    if words.is_empty() { "-".to_owned() } else { words }
}

fn table(fixtures: &[Fixture]) -> String {
    let mut text =
        "| row | class | dialects | verdict | unguarded |\n|---|---|---|---|---|\n".to_owned();
    for fixture in fixtures {
        let Fixture { stem, id, class, .. } = fixture;
        text += &format!(
            "| [{id}](../fixtures/bypass/{stem}.toml) | {class} | {} | {} | {} |\n",
            dialects(fixture),
            verdict(fixture),
            unguarded(fixture)
        );
    }
    let cases: usize =
        fixtures.iter().flat_map(|fixture| &fixture.cases).map(|case| case.dialects.len()).sum();
    let count = |test: fn(&Fixture) -> bool| fixtures.iter().filter(|row| test(row)).count();
    let has = |row: &Fixture, verdict| row.cases.iter().any(|case| case.verdict == verdict);
    let rewritten = fixtures.iter().filter(|row| has(row, Verdict::Rewritten)).count();
    let refused = fixtures.iter().filter(|row| has(row, Verdict::Refused)).count();
    text += &format!(
        "\n{} rows, {cases} cases: {rewritten} rows with rewritten ones, {refused} with refused ones, {} shown by a test \
         elsewhere, {} absent by design. Of {} rows some attack was seen to work where nothing guards.\n",
        fixtures.len(),
        count(|row| !row.shown.is_empty()),
        count(|row| !row.absent.is_empty()),
        count(|row| row.cases.iter().any(|case| case.unguarded.or(case.unfenced).is_some())),
    );
    text
}

/// Asks that the page has a table behind a mark, or puts it there with `DIALEKTAI_BLESS`.
pub(super) fn written(begin: &str, table: &str, test: &str) {
    let path = world::root().join("docs/security.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{begin}\n{table}\n{END}{after}");
    if page != wanted && std::env::var_os("DIALEKTAI_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(
        page == wanted,
        "docs/security.md is stale: run `DIALEKTAI_BLESS=1 cargo test --test it {test}`"
    );
}

#[test]
fn the_page_has_the_table() {
    written(BEGIN, &table(&fixture::all()), "the_page_has_the_table");
}
