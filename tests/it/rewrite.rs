//! What the guard makes of each fixture, pinned. These snapshots show shape; `commute` shows rows.

mod database;

use std::path::Path;
use std::sync::OnceLock;

use dialektai::guard::sql::{Dialect, SelectSql, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::Database;

use crate::world;
pub(crate) use database::database;

/// The same, loaded once: checking its policies takes longer than guarding every fixture.
fn loaded(dialect: Dialect) -> &'static Database {
    static LOADED: [OnceLock<Database>; 4] = [const { OnceLock::new() }; 4];
    LOADED[dialect as usize].get_or_init(|| database(dialect))
}

/// A rewritten query for people and for engines.
pub(crate) fn describe(query: &SelectSql) -> String {
    let binds: Vec<String> = query.binds().iter().map(|bind| format!("{bind:?}")).collect();
    let fence = query.fence().map_or(String::new(), |why| format!("\n\nfenced: {why}"));
    format!("{}\n\n{}\n\nbinds: {}{fence}", query.readable(), query.text(), binds.join(", "))
}

/// Guards the query of one fixture and compares the result with its snapshot. The folder says what must happen.
fn check(path: &Path, dialect: Dialect, principal: &Principal, suffix: &str) {
    let query = std::fs::read_to_string(path).unwrap();
    let database = loaded(dialect);
    let filters = database.predicates_for(principal).unwrap();
    let outcome = guard_sql(&query, dialect, &database.catalog, &filters);
    let refused = path.parent().unwrap().ends_with("refused");
    let (kind, text) = match &outcome {
        Ok(guarded) => ("rewrite", describe(guarded.query())),
        Err(refusal) => (
            "refusals",
            format!("{}\n{}\nhint: {}", refusal.code.as_str(), refusal.message, refusal.hint),
        ),
    };
    assert_eq!(outcome.is_err(), refused, "{}: {text}", path.display());
    let case = format!("{}{suffix}", path.file_stem().unwrap().to_str().unwrap());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(world::root().join("snapshots").join(kind).join(dialect.name()));
    settings.set_prepend_module_to_snapshot(false);
    settings.remove_snapshot_suffix();
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.set_description(query.chars().take(400).collect::<String>().trim().to_owned());
    settings.bind(|| insta::assert_snapshot!(case, text));
}

#[test]
fn sqlite_rewritings() {
    insta::glob!("../../fixtures/sql/sqlite/ok", "*.sql", |path| {
        check(path, Dialect::Sqlite, &world::principal(82, None), "");
    });
}

#[test]
fn postgresql_rewritings() {
    insta::glob!("../../fixtures/sql/postgresql/ok", "*.sql", |path| {
        check(path, Dialect::Postgresql, &world::principal(82, None), "");
    });
}

#[test]
fn sqlserver_rewritings() {
    insta::glob!("../../fixtures/sql/sqlserver/ok", "*.sql", |path| {
        check(path, Dialect::Mssql, &world::principal(82, None), "");
    });
}

#[test]
fn mysql_rewritings() {
    insta::glob!("../../fixtures/sql/mysql/ok", "*.sql", |path| {
        check(path, Dialect::Mysql, &world::principal(82, None), "");
    });
}

#[test]
fn sqlserver_refusals() {
    insta::glob!("../../fixtures/sql/sqlserver/refused", "*.sql", |path| {
        check(path, Dialect::Mssql, &world::principal(82, None), "");
    });
}

#[test]
fn mysql_refusals() {
    insta::glob!("../../fixtures/sql/mysql/refused", "*.sql", |path| {
        check(path, Dialect::Mysql, &world::principal(82, None), "");
    });
}

#[test]
fn sqlite_refusals() {
    insta::glob!("../../fixtures/sql/sqlite/refused", "*.sql", |path| {
        check(path, Dialect::Sqlite, &world::principal(82, None), "");
    });
}

#[test]
fn postgresql_refusals() {
    insta::glob!("../../fixtures/sql/postgresql/refused", "*.sql", |path| {
        check(path, Dialect::Postgresql, &world::principal(82, None), "");
    });
}

/// The vendor's page, both examples.
#[test]
fn the_documented_queries_come_out_as_printed() {
    let database = world::demo();
    let readable = |principal: &Principal, query: &str| {
        let filters = database.predicates_for(principal).unwrap();
        guard_sql(query, Dialect::Sqlite, &database.catalog, &filters)
            .unwrap()
            .query()
            .readable()
            .to_owned()
    };
    assert_eq!(
        readable(&world::principal(82, None), "SELECT * FROM projects"),
        "SELECT * FROM projects WHERE customer_id = 82",
    );
    assert_eq!(
        readable(&world::principal(82, Some("user-john-456")), "SELECT * FROM tasks"),
        "SELECT * FROM tasks WHERE customer_id = 82 AND assigned_to = 'user-john-456'",
    );
}

/// A relation that the caller may not read and one that does not exist: the same answer, but for the name asked for.
#[test]
fn denied_and_missing_relations_are_the_same() {
    let database = world::demo();
    let filters = database.predicates_for(&world::principal(82, None)).unwrap();
    let refuse = |relation: &str| {
        let query = format!("SELECT * FROM {relation}");
        guard_sql(&query, Dialect::Sqlite, &database.catalog, &filters).unwrap_err()
    };
    let (denied, missing) = (refuse("comments"), refuse("nonesuch"));
    assert_eq!(denied.code, missing.code);
    assert_eq!(denied.message.replace("comments", "nonesuch"), missing.message);
    assert_eq!(denied.hint, missing.hint);
}
