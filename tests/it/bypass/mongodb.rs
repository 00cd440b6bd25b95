//! The same for MongoDB: `fixtures/bypass-mongodb` has a file for each row of the catalogue, C1 to C4 by what is
//! attacked, D by the stage that a pipeline begins with.
//!
//! `live` runs them on a server with the documents of `fixtures/mongo/seed.json`, in which whatever another tenant owns
//! says `zz`, and whatever is not listed `hidden`.

pub(super) mod fixture;
mod table;

use dialektai::guard::mongo::{MongoCommand, guard_mongo};
use dialektai::guard::{Guarded, Refusal};

use super::fixture::{Verdict, is_a_test};
use super::{nothing_amiss, pinned};
use crate::mongo;
use fixture::{Case, Fixture, database};

/// How many rows each section of the catalogue has.
const SECTIONS: [(&str, usize); 5] = [("C1.", 14), ("C2.", 16), ("C3.", 9), ("C4.", 4), ("D", 18)];

#[test]
fn every_row_is_there_once() {
    let wanted: Vec<String> = SECTIONS
        .iter()
        .flat_map(|(section, rows)| (1..=*rows).map(move |row| format!("{section}{row}")))
        .collect();
    let ids: Vec<String> = fixture::all().into_iter().map(|fixture| fixture.id).collect();
    assert_eq!(ids, wanted);
}

#[test]
fn every_row_says_what_it_means() {
    let mut amiss = Vec::new();
    for fixture in fixture::all() {
        let Fixture { stem, id, class, attack, defence, cases, shown } = &fixture;
        let (section, row) = id.rsplit_once('.').unwrap_or_else(|| id.split_at(1));
        let dot = if id.contains('.') { "." } else { "" };
        if !stem.starts_with(&format!("{section}{dot}{row:0>2}-")) {
            amiss.push(format!("{stem}: its id is {id}"));
        }
        let texts =
            [class, attack, defence].into_iter().chain(shown.iter().map(|shown| &shown.how));
        if texts.into_iter().any(|text| text.len() < 5) || (cases.is_empty() && shown.is_empty()) {
            amiss.push(format!("{stem}: an empty text, or neither a case nor a test"));
        }
        for case in cases {
            if case.code.is_some() != (case.verdict == Verdict::Refused) {
                amiss.push(format!("{stem}: not just refusals with a code: {case:?}"));
            }
            let runs = case.naive.as_ref().unwrap_or(&case.query).starts_with('{');
            let claimed = case.unguarded.is_some();
            if (claimed && !runs) || (case.naive.is_some() && !claimed) {
                amiss.push(format!("{stem}: what is run is a command, and is asked for: {case:?}"));
            }
        }
        for shown in shown.iter().filter(|shown| !is_a_test(&shown.test)) {
            amiss.push(format!("{stem}: there is no test {}", shown.test));
        }
    }
    nothing_amiss(&amiss);
}

/// What the guard says to a case.
fn guarded(case: &Case) -> Result<Guarded<MongoCommand>, Refusal> {
    let filters = database().predicates_for(&case.principal()).unwrap();
    guard_mongo(&case.query, &database().catalog, &filters)
}

#[test]
fn every_case_of_mongodb_gets_its_verdict() {
    let mut amiss = Vec::new();
    for fixture in fixture::all() {
        for case in &fixture.cases {
            let (verdict, code, text) = match guarded(case) {
                Ok(guarded) => (Verdict::Rewritten, None, guarded.query().readable().to_owned()),
                Err(refusal) => {
                    (Verdict::Refused, Some(refusal.code.as_str()), refusal.to_string())
                }
            };
            if verdict != case.verdict || code != case.code.as_deref() {
                amiss.push(format!("{}: {}\n    {code:?} {text}", fixture.stem, case.query));
            }
        }
    }
    nothing_amiss(&amiss);
}

/// What the guard makes of a row's cases, for people to review.
fn described(fixture: &Fixture) -> String {
    let mut text = String::new();
    for case in &fixture.cases {
        let outcome = match guarded(case) {
            Ok(guarded) => mongo::describe(guarded.query()),
            Err(Refusal { code, message, hint }) => {
                format!("{}\n{message}\nhint: {hint}", code.as_str())
            }
        };
        let asked: String = case.query.chars().take(400).collect();
        text += &format!("==== {}\n\n{outcome}\n\n", asked.trim());
    }
    text
}

#[test]
fn rewritings_and_refusals_of_mongodb_are_pinned() {
    let fixtures = fixture::all();
    let asked = fixtures.iter().filter(|fixture| !fixture.cases.is_empty());
    let told = asked.map(|fixture| (&*fixture.stem, &*fixture.class, described(fixture)));
    pinned("bypass-mongodb", told);
}
