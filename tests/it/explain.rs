//! What `guard --explain` tells: which relations are fenced, and which expressions are to blame.

use std::path::Path;

use dialektai::guard::mongo::guard_mongo;
use dialektai::guard::sql::{Dialect, guard_sql};

use crate::{mongo, rewrite, world};

fn explain(query: &str, dialect: Dialect) -> String {
    let database = rewrite::database(dialect);
    let filters = database.predicates_for(&world::principal(82, None)).unwrap();
    let guarded = guard_sql(query, dialect, &database.catalog, &filters).unwrap();
    let explained = guarded.query().explain(&database.catalog, &filters).unwrap();
    let fenced = explained.iter().any(|occurrence| occurrence.fenced);
    assert!(!fenced || guarded.query().fence().is_some(), "a fence without a reason: {query}");
    for occurrence in explained.iter().filter(|occurrence| occurrence.fenced) {
        assert!(!occurrence.hazards.is_empty(), "a fence without a reason: {query}");
    }
    explained.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn explain_mongo(query: &str) -> String {
    let database = mongo::database();
    let filters = database.predicates_for(&world::principal(82, None)).unwrap();
    let guarded = guard_mongo(query, &database.catalog, &filters).unwrap();
    let command = guarded.query();
    let reads = command.explain(&database.catalog, &filters).unwrap();
    let fenced = reads.iter().any(|occurrence| occurrence.fence.is_some());
    assert_eq!(fenced, command.fence().is_some(), "a fence without a reason: {query}");
    // What is told is what is sent.
    let sent = command.text().matches("9223372036854775807").count();
    let told = reads.iter().filter(|occurrence| occurrence.fence.is_some()).count();
    assert_eq!(sent, told, "{query}");
    reads.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn check(path: &Path, dialect: Dialect) {
    pinned(path, dialect.name(), |query| explain(query, dialect));
}

fn pinned(path: &Path, engine: &str, explained: impl Fn(&str) -> String) {
    let query = std::fs::read_to_string(path).unwrap();
    let case = path.file_stem().unwrap().to_str().unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(world::root().join("snapshots/explain").join(engine));
    settings.set_prepend_module_to_snapshot(false);
    settings.remove_snapshot_suffix();
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.set_description(query.trim());
    settings.bind(|| insta::assert_snapshot!(case, explained(&query)));
}

#[test]
fn postgresql_fences_are_explained() {
    insta::glob!("../../fixtures/explain/postgresql", "*.sql", |path| {
        check(path, Dialect::Postgresql);
    });
}

#[test]
fn mysql_fences_are_explained() {
    insta::glob!("../../fixtures/explain/mysql", "*.sql", |path| {
        check(path, Dialect::Mysql);
    });
}

#[test]
fn sqlite_fences_are_explained() {
    insta::glob!("../../fixtures/explain/sqlite", "*.sql", |path| {
        check(path, Dialect::Sqlite);
    });
}

#[test]
fn sqlserver_fences_are_explained() {
    insta::glob!("../../fixtures/explain/sqlserver", "*.sql", |path| {
        check(path, Dialect::Mssql);
    });
}

#[test]
fn mongodb_fences_are_explained() {
    insta::glob!("../../fixtures/explain/mongodb", "*.js", |path| {
        pinned(path, "mongodb", explain_mongo);
    });
}
