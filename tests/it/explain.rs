//! What `guard --explain` tells: which relations are fenced, and which expressions are to blame.

use std::path::Path;

use dialektai::guard::sql::{Dialect, guard_sql};

use crate::{rewrite, world};

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

fn check(path: &Path, dialect: Dialect) {
    let query = std::fs::read_to_string(path).unwrap();
    let case = path.file_stem().unwrap().to_str().unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(world::root().join("snapshots/explain").join(dialect.name()));
    settings.set_prepend_module_to_snapshot(false);
    settings.remove_snapshot_suffix();
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.set_description(query.trim());
    settings.bind(|| insta::assert_snapshot!(case, explain(&query, dialect)));
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
