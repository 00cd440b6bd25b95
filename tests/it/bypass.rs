//! The known ways around a row filter: `fixtures/bypass` has a file for each class, with the verdict that the guard must
//! give on each dialect.
//!
//! `live` runs them on engines: what is let through shows nothing of another tenant, and what a fixture calls a leak is
//! one where nothing guards. `table` writes them into docs/security.md.

mod fixture;
mod live;
mod live_mongodb;
mod mongodb;
mod table;

use std::collections::BTreeSet;

use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::guard::{Guarded, Refusal};
use dialektai::identity::Principal;

use crate::{rewrite, world};
use fixture::{Case, Fixture, Verdict};

/// How many rows each section of the catalogue has.
const SECTIONS: [(char, usize); 9] = [
    ('A', 26),
    ('B', 24),
    ('C', 28),
    ('D', 19),
    ('E', 9),
    ('F', 9),
    ('G', 20),
    ('H', 26),
    ('I', 10),
];

/// Sections that still lack rows.
const UNFINISHED: &[char] = &[];

/// Panics with everything that was found, since one wrong row seldom comes alone.
fn nothing_amiss(found: &[String]) {
    assert!(found.is_empty(), "{} amiss:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_row_of_the_catalogue_is_there_once() {
    assert_eq!(SECTIONS.iter().map(|(_, rows)| rows).sum::<usize>(), 171);
    let fixtures = fixture::all();
    let ids: BTreeSet<&str> = fixtures.iter().map(|fixture| fixture.id.as_str()).collect();
    let mut amiss = Vec::new();
    let mut known = BTreeSet::new();
    for (section, rows) in SECTIONS {
        let wanted: Vec<String> = (1..=rows).map(|row| format!("{section}{row}")).collect();
        let missing: Vec<&String> = wanted.iter().filter(|id| !ids.contains(id.as_str())).collect();
        if UNFINISHED.contains(&section) == missing.is_empty() {
            amiss.push(format!("section {section}: UNFINISHED is wrong, missing are {missing:?}"));
        }
        known.extend(wanted);
    }
    for fixture in &fixtures {
        let Fixture { stem, id, .. } = fixture;
        let (section, row) = id.split_at(1);
        let slug = stem.strip_prefix(&format!("{section}{row:0>2}-")).unwrap_or_default();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !known.contains(id) || slug.is_empty() || !slug.chars().all(plain) {
            amiss.push(format!("{stem}: its id is {id}"));
        }
        if fixtures.iter().filter(|other| other.id == *id).count() != 1 {
            amiss.push(format!("{stem}: another file has the id {id}"));
        }
    }
    nothing_amiss(&amiss);
}

#[test]
fn every_row_says_what_it_means() {
    let mut amiss = Vec::new();
    for fixture in fixture::all() {
        let Fixture { stem, id: _, class, attack, defence, cases, shown, absent } = &fixture;
        let texts =
            [class, attack, defence].into_iter().chain(shown.iter().map(|shown| &shown.how));
        if texts.chain(absent.iter().map(|absent| &absent.why)).any(|text| text.len() < 5) {
            amiss.push(format!("{stem}: an empty text"));
        }
        if cases.is_empty() && shown.is_empty() && absent.is_empty() {
            amiss.push(format!("{stem}: no case, no test, and no reason for having none"));
        }
        for case in cases {
            let coded = case.code.is_some();
            if case.dialects.is_empty() || coded != (case.verdict == Verdict::Refused) {
                amiss.push(format!(
                    "{stem}: no dialect, or not just refusals with a code: {case:?}"
                ));
            }
            if case.unguarded.is_none() && (case.naive.is_some() || case.setup.is_some()) {
                amiss.push(format!("{stem}: nothing is expected of what would run: {case:?}"));
            }
        }
        for shown in shown {
            if !fixture::is_a_test(&shown.test) {
                amiss.push(format!("{stem}: there is no test {}", shown.test));
            }
        }
    }
    nothing_amiss(&amiss);
}

/// The queries that are rewritten on a dialect, with who asks.
pub(crate) fn rewritten(dialect: Dialect) -> Vec<(String, Principal)> {
    let cases = fixture::all().into_iter().flat_map(|fixture| fixture.cases);
    let rewritten =
        cases.filter(|case| case.verdict == Verdict::Rewritten && case.dialects.contains(&dialect));
    rewritten.map(|case| (case.query.clone(), case.principal())).collect()
}

/// What the guard says to a case on one of its dialects.
fn guarded(case: &Case, dialect: Dialect) -> Result<Guarded<SelectSql>, Refusal> {
    let database = fixture::database(dialect);
    let filters = database.predicates_for(&case.principal()).unwrap();
    guard_sql(&case.query, dialect, &database.catalog, &filters)
}

#[test]
fn every_case_gets_its_verdict() {
    let mut amiss = Vec::new();
    for fixture in fixture::all() {
        for case in &fixture.cases {
            for dialect in &case.dialects {
                let outcome = guarded(case, *dialect);
                let (verdict, code, text) = match &outcome {
                    Ok(guarded) => (Verdict::Rewritten, None, guarded.query().text().to_owned()),
                    Err(refusal) => {
                        (Verdict::Refused, Some(refusal.code.as_str()), refusal.to_string())
                    }
                };
                if verdict != case.verdict || code != case.code.as_deref() {
                    amiss.push(format!(
                        "{} on {}: {}\n    {text}",
                        fixture.stem,
                        dialect.name(),
                        case.query
                    ));
                }
            }
        }
    }
    nothing_amiss(&amiss);
}

/// What the guard makes of a row's cases, for people to review.
fn described(fixture: &Fixture) -> String {
    let mut text = String::new();
    for case in &fixture.cases {
        for dialect in &case.dialects {
            let outcome = match guarded(case, *dialect) {
                Ok(guarded) => rewrite::describe(guarded.query()),
                Err(refusal) => format!(
                    "{}\n{}\nhint: {}",
                    refusal.code.as_str(),
                    refusal.message,
                    refusal.hint
                ),
            };
            let asked: String = case.query.chars().take(400).collect();
            text += &format!("==== {}: {}\n\n{outcome}\n\n", dialect.name(), asked.trim());
        }
    }
    text
}

#[test]
fn rewritings_and_refusals_are_pinned() {
    let fixtures = fixture::all();
    let asked = fixtures.iter().filter(|fixture| !fixture.cases.is_empty());
    let told = asked.map(|fixture| (&*fixture.stem, &*fixture.class, described(fixture)));
    pinned("bypass", told);
}

/// Compares what becomes of each fixture, which is told by its file's name, its class and a text, with its snapshot. No
/// other snapshots may be in the folder.
fn pinned<'f>(folder: &str, told: impl IntoIterator<Item = (&'f str, &'f str, String)>) {
    let folder = world::root().join("snapshots").join(folder);
    let mut stale: BTreeSet<String> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for (stem, class, text) in told {
        stale.remove(&format!("{stem}.snap"));
        stale.remove(&format!("{stem}.snap.new"));
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_description(class);
        settings.bind(|| insta::assert_snapshot!(stem, text));
    }
    assert!(stale.is_empty(), "snapshots without a fixture: {stale:?}");
}
