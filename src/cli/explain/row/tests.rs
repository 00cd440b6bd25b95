use std::path::PathBuf;

use super::*;
use crate::catalog::RelationName;

fn demo() -> (PathBuf, Database) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/demo"));
    let database = Database::load(&folder).unwrap();
    (folder, database)
}

fn caller(database: &Database) -> Principal {
    service::identify(&database.settings, Some("82"), None, None).unwrap()
}

/// Explains a row of `projects` under these filters, which may be others than the policies'.
async fn explained(filters: &PredicateSet, key: &str) -> Result<RowEntry, Failed> {
    let (folder, database) = demo();
    let principal = caller(&database);
    let look = Look { database: &database, principal: &principal, filters };
    let projects = database.catalog.relations.iter().find(|own| own.name.name == "projects");
    look.up(&folder, projects.unwrap(), key).await
}

fn code<T>(explained: Result<T, Failed>) -> Option<&'static str> {
    explained.err().map(|failed| failed.code())
}

#[test]
fn whoever_differs_is_seen() {
    for cedar in [true, false] {
        for filter in [true, false] {
            for database in [None, Some(true), Some(false)] {
                let same = filter == cedar && database.is_none_or(|database| database == cedar);
                let expected = if same { None } else { Some("filter_disagrees") };
                assert_eq!(
                    code(agreed(cedar, filter, database)),
                    expected,
                    "{cedar} {filter} {database:?}"
                );
            }
        }
    }
}

/// Filters that were made of something else than the policies, wider and narrower.
#[tokio::test]
async fn a_filter_that_is_not_the_policies_is_seen() {
    let (_, database) = demo();
    let own = database.predicates_for(&caller(&database)).unwrap();
    let projects = RelationName { schema: "main".to_owned(), name: "projects".to_owned() };
    let (mine, other) = ("1", "8");
    for (key, visible) in [(mine, true), (other, false)] {
        let entry = explained(&own, key).await.ok().unwrap();
        assert_eq!((entry.found, entry.visible), (true, visible));
    }
    for (filter, wrong, right) in
        [(RowFilter::AllRows, other, mine), (RowFilter::NoRows, mine, other)]
    {
        let tampered = [(projects.clone(), filter)].into_iter().collect();
        assert_eq!(code(explained(&tampered, wrong).await), Some("filter_disagrees"));
        assert_eq!(code(explained(&tampered, right).await), None);
    }
}

#[test]
fn moments_are_read_as_engines_write_them() {
    for (text, expected) in [
        ("2024-02-29", Some(1_709_164_800_000)),
        ("2024-02-29 12:34:56.789", Some(1_709_210_096_789)),
        ("2024-02-29 12:34:56.7+00", Some(1_709_210_096_700)),
        ("infinity", None),
    ] {
        assert_eq!(cell::moment(text), expected, "{text}");
    }
}
