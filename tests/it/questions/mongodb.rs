//! Questions to MongoDB: what becomes of each, and that its answer is the one that SQLite gives on the same rows.

use std::fmt::Write as _;
use std::path::Path;

use bson::{Bson, Document};
use dialektai::guard::Language;
use dialektai::guard::mongo::guard_mongo;
use dialektai::guard::sql::Dialect;
use dialektai::policy::Database;
use dialektai::question::{Readable, Understanding, propose};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::{ask, outside_quotes, questions};
use crate::demo;
use crate::mongo_oracle::answer;
use crate::mongo_oracle::seed::{self, Awkward};
use crate::servers::mongodb::Server;
use crate::world;

/// Asks the demo's collections as customer 82.
fn asked(question: &str, policies: &Database) -> Understanding {
    let filters = policies.predicates_for(&world::principal(82, None)).unwrap();
    let readable = Readable {
        catalog: &policies.catalog,
        filters: &filters,
        tenant_column: Some("customer_id"),
    };
    propose(question, Language::Mongo, &readable)
}

#[test]
fn understanding_on_mongodb() {
    insta::glob!("../../../fixtures", "questions/*.txt", |path| {
        check(path, &seed::database());
    });
}

fn check(path: &Path, policies: &Database) {
    let input = std::fs::read_to_string(path).unwrap();
    let filters = policies.predicates_for(&world::principal(82, None)).unwrap();
    let mut output = String::new();
    for line in input.lines() {
        writeln!(output, "{line}").unwrap();
        if line.starts_with('#') {
            continue;
        }
        match asked(line, policies) {
            Understanding::Query(proposal) => {
                // Every value of a question is still in its quotes.
                let outside = outside_quotes(&proposal.text.replace("\\\\", "").replace("\\'", ""));
                let plain = |c: char| c.is_ascii_alphanumeric() || " {}[]()$:.,_-".contains(c);
                assert!(outside.chars().all(plain), "{}", proposal.text);
                if let Err(refusal) = guard_mongo(&proposal.text, &policies.catalog, &filters) {
                    panic!("{line}: {refusal}: {}", proposal.text);
                }
                writeln!(output, "    {}", proposal.text).unwrap();
            }
            Understanding::NotUnderstood { .. } => writeln!(output, "    not understood").unwrap(),
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.remove_snapshot_suffix();
    settings.set_snapshot_path(world::root().join("snapshots/questions/mongodb"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    let name = path.file_stem().unwrap().to_str().unwrap();
    settings.bind(|| insta::assert_snapshot!(name, output));
}

/// A cell, so that the types of both engines are one.
type Cell = Option<String>;

/// A number as both have it: whole ones in their digits, others as far as doubles go.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.9}") }
}

fn cell(value: Option<&Bson>, date: bool) -> Cell {
    Some(match value? {
        Bson::Null => return None,
        Bson::String(text) => text.clone(),
        Bson::Boolean(flag) => i32::from(*flag).to_string(),
        Bson::Int32(value) => value.to_string(),
        Bson::Int64(value) => value.to_string(),
        Bson::Double(value) => number(*value),
        Bson::Decimal128(value) => number(value.to_string().parse().unwrap()),
        Bson::DateTime(value) => {
            let (day, time) = world::civil(value.timestamp_millis()).unwrap();
            if date { day } else { format!("{day} {}", time.split('.').next().unwrap()) }
        }
        other => panic!("{other:?}"),
    })
}

fn sql_cell(row: &SqliteRow, index: usize) -> Cell {
    let raw = row.try_get_raw(index).unwrap();
    if raw.is_null() {
        return None;
    }
    Some(match raw.type_info().name() {
        "INTEGER" | "BOOLEAN" => row.get_unchecked::<i64, _>(index).to_string(),
        "REAL" => number(row.get_unchecked::<f64, _>(index)),
        _ => row.get_unchecked::<String, _>(index),
    })
}

/// What both answer: their cells, row by row, in SQL's order of the columns.
async fn answers(
    question: &str,
    sql: &str,
    command: &str,
    policies: &Database,
    (sqlite, mongodb): (&mut SqliteConnection, &mongodb::Database),
) -> (Vec<Vec<Cell>>, Vec<Vec<Cell>>) {
    let rows = demo::rows(sqlite, sql).await.unwrap();
    let filters = policies.predicates_for(&world::principal(82, None)).unwrap();
    let guarded = guard_mongo(command, &policies.catalog, &filters).unwrap();
    let found = answer::guarded(mongodb, guarded.query()).await;
    let found = found.unwrap_or_else(|error| panic!("{question}: {error:?}: {command}"));
    let expected: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| (0..row.columns().len()).map(|index| sql_cell(row, index)).collect())
        .collect();
    let names: Vec<String> = rows.first().map_or(Vec::new(), |row| {
        row.columns().iter().map(|column| column.name().to_owned()).collect()
    });
    let cells = |document: &Document| -> Vec<Cell> {
        let cells = names.iter().enumerate().map(|(index, name)| {
            let stored = if name == "id" && !document.contains_key("id") { "_id" } else { name };
            let days = expected.iter().find_map(|row| row[index].as_ref());
            cell(document.get(stored), days.is_some_and(|day| day.len() == 10))
        });
        cells.collect()
    };
    let actual = found.iter().map(|own| match own {
        Bson::Document(document) => {
            // What was asked for and nothing else, unless it was everything.
            let whole = sql.starts_with("SELECT * ");
            assert!(whole || document.len() <= names.len(), "{question}: {document}");
            cells(document)
        }
        value => vec![cell(Some(value), false)],
    });
    let actual = actual.collect();
    (expected, actual)
}

/// The same question, the same answer.
#[tokio::test]
async fn answers_are_those_of_sqlite() {
    let Some(server) = Server::start(&[]).await else { return };
    let mongodb = server.database("shared").await;
    let policies = seed::database();
    answer::fill(&mongodb, &seed::seed(&policies, Awkward::No).await).await;
    let mut sqlite = demo::database_of_82().await;
    let (mut asked_both, mut compared) = (0, 0);
    let mut other = Vec::new();
    for question in questions() {
        // The schema has another name there.
        let there = asked(&question.replace("main.", "demo."), &policies);
        let (sql, command) = match (ask(&question, Dialect::Sqlite), there) {
            (Understanding::Query(sql), Understanding::Query(command)) => {
                assert_eq!(sql.summary, command.summary, "{question}");
                (sql.text, command.text)
            }
            (Understanding::NotUnderstood { .. }, Understanding::NotUnderstood { .. }) => continue,
            (sql, command) => panic!("{question}: {sql:?} {command:?}"),
        };
        asked_both += 1;
        let sides = (&mut sqlite, &mongodb);
        let (mut expected, mut actual) = answers(&question, &sql, &command, &policies, sides).await;
        // Where there is nothing to compute from, SQL says so in a row.
        if actual.is_empty() && expected == [[None]] {
            continue;
        }
        if !sql.contains("ORDER BY") {
            expected.sort();
            actual.sort();
        }
        compared += expected.len();
        if expected != actual {
            other.push(format!("{question}\n  {sql}\n  {command}\n  {expected:?}\n  {actual:?}"));
        }
    }
    assert!(other.is_empty(), "{} answers differ:\n{}", other.len(), other.join("\n"));
    assert!(asked_both > 100 && compared > 500, "{asked_both} questions, {compared} rows");
    eprintln!("{asked_both} questions, {compared} rows are the same on SQLite and MongoDB");
}
