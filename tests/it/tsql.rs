//! Transact-SQL as somebody else reads it: every text that the guard prints for SQL Server goes through sqlglot, a parser
//! that shares nothing with ours, and its tree is asked whether the rewriting is right.
//!
//! No SQL Server runs on the development machines. Python with sqlglot is looked for as `$DIALEKTAI_TEST_PYTHON`, else as
//! `python3`; without it the check is left out, unless `DIALEKTAI_TEST_REQUIRE` names `sqlglot`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use dialektai::catalog::Catalog;
use dialektai::guard::Language;
use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::identity::{Principal, TenantId};
use dialektai::policy::{Database, Sources};
use dialektai::predicate::{Predicate, PredicateSet, RowFilter};
use dialektai::question::{Readable, Understanding, propose};
use serde_json::{Value, json};

use crate::policy_oracle::claims;
use crate::{bypass, questions, rewrite, servers, useful, world};

const CHECK: &str = include_str!("tsql/check.py");

/// What sqlglot has against each text; `None`, said aloud, where there is no sqlglot.
fn complaints(cases: &[Value]) -> Option<Vec<Vec<String>>> {
    let python = std::env::var("DIALEKTAI_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let ready = Command::new(&python)
        .args(["-c", "import sqlglot"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !ready {
        servers::left_out("sqlglot", "sqlglot");
        return None;
    }
    let mut lines = String::new();
    for case in cases {
        lines.push_str(&case.to_string());
        lines.push('\n');
    }
    let mut process = Command::new(&python)
        .args(["-c", CHECK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "the checker stopped");
    let answers: Vec<Vec<String>> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), cases.len());
    Some(answers)
}

/// A text with what may be read in it: filtered relations, which must be behind a test of `tenant` where it is known,
/// and those that are open to all.
fn case(text: &str, catalog: &Catalog, filters: &PredicateSet, tenant: Option<&str>) -> Value {
    let (mut filtered, mut shared, mut parents) = (Vec::new(), Vec::new(), Vec::new());
    for relation in &catalog.relations {
        let name = relation.name.to_string();
        match filters.filter_for(&relation.name) {
            RowFilter::AllRows => shared.push(name),
            RowFilter::Where(predicate) => {
                filtered.push(name);
                add_parents(predicate, &mut parents);
            }
            RowFilter::NoRows => {}
        }
    }
    json!({
        "text": text, "filtered": filtered, "shared": shared, "tenant": tenant, "parents": parents
    })
}

/// The relations that a filter reads beside its own.
fn add_parents(predicate: &Predicate, parents: &mut Vec<String>) {
    match predicate {
        Predicate::And(operands) | Predicate::Or(operands) => {
            for operand in operands {
                add_parents(operand, parents);
            }
        }
        Predicate::Related { hop, predicate } => {
            parents.push(hop.parent.to_string());
            add_parents(predicate, parents);
        }
        Predicate::Parent { hop, .. } => parents.push(hop.parent.to_string()),
        _ => {}
    }
}

fn assert_accepted(cases: &[Value]) {
    let Some(answers) = complaints(cases) else { return };
    let wrong: Vec<String> = cases
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| !answer.is_empty())
        .map(|(case, answer)| format!("{}\n    {}", case["text"], answer.join("\n    ")))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn demo() -> (Database, Arc<PredicateSet>) {
    let database = rewrite::database(Dialect::Mssql);
    let filters = database.predicates_for(&world::principal(82, None)).unwrap();
    (database, filters)
}

#[test]
fn sqlglot_reads_every_fixture_as_it_is_meant() {
    let (database, filters) = demo();
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(world::root().join("fixtures/sql/sqlserver/ok")).unwrap() {
        let query = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let guarded = guard_sql(&query, Dialect::Mssql, &database.catalog, &filters).unwrap();
        let text = guarded.query().text();
        cases.push(case(text, &database.catalog, &filters, Some("customer_id")));
    }
    for useful::Useful { text, refused } in useful::corpus(Dialect::Mssql) {
        if refused.is_none() {
            let guarded = guard_sql(&text, Dialect::Mssql, &database.catalog, &filters).unwrap();
            let text = guarded.query().text();
            cases.push(case(text, &database.catalog, &filters, Some("customer_id")));
        }
    }
    for (query, caller) in bypass::rewritten(Dialect::Mssql) {
        let filters = database.predicates_for(&caller).unwrap();
        let guarded = guard_sql(&query, Dialect::Mssql, &database.catalog, &filters).unwrap();
        let text = guarded.query().text();
        let column = caller.scope.is_none().then_some("customer_id");
        cases.push(case(text, &database.catalog, &filters, column));
    }
    assert!(cases.len() > 300, "{}", cases.len());
    assert_accepted(&cases);
}

#[test]
fn sqlglot_reads_every_proposal_as_it_is_meant() {
    let (database, filters) = demo();
    let catalog = &database.catalog;
    let readable = Readable { catalog, filters: &filters, tenant_column: Some("customer_id") };
    let mut cases = Vec::new();
    for question in questions::questions() {
        let Understanding::Query(proposal) =
            propose(&question, Language::Sql(Dialect::Mssql), &readable)
        else {
            continue;
        };
        let guarded = guard_sql(&proposal.text, Dialect::Mssql, catalog, &filters)
            .unwrap_or_else(|refusal| panic!("{question}: {}: {refusal}", proposal.text));
        cases.push(case(guarded.query().text(), catalog, &filters, Some("customer_id")));
    }
    assert!(cases.len() > 50);
    assert_accepted(&cases);
}

/// A policy of the fixtures as it is on SQL Server, with texts declared so.
fn policy(path: &Path, declared: &str) -> Database {
    let folder = world::root().join("fixtures/policies");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let declare = |line: &str| {
        let declared = format!("type = \"text\", declared = \"{declared}\",");
        line.replace("type = \"text\",", &declared)
    };
    let catalog = read(&folder.join("catalog.toml"));
    let catalog: Vec<String> = catalog.lines().map(declare).collect();
    let sources = Sources {
        settings: read(&folder.join("database.toml")).replace("\"sqlite\"", "\"sqlserver\""),
        catalog: catalog.join("\n"),
        policies: vec![("p.cedar".to_owned(), read(path))],
    };
    Database::from_sources("fixtures".parse().unwrap(), &sources).unwrap()
}

/// The text of `SELECT id` over each relation of a database, with what may be read in it.
fn filter_cases(database: &Database) -> Vec<Value> {
    let caller = |scope: Option<&str>| {
        let scope = scope.map(|scope| scope.parse().unwrap());
        Principal::new(Some(TenantId::Integer(82)), scope)
    };
    let mut callers = vec![caller(None), caller(Some("user-john-456"))];
    // Rules over claims permit nothing to whoever has none.
    let permits = |filters: &PredicateSet| filters.iter().any(|(_, to)| *to != RowFilter::NoRows);
    if !permits(&database.predicates_for(&callers[0]).unwrap()) {
        callers.push(caller(None).with_claims(claims::some()));
    }
    let mut cases = Vec::new();
    for principal in callers {
        let filters = database.predicates_for(&principal).unwrap();
        for (name, _) in filters.iter().filter(|(_, filter)| **filter != RowFilter::NoRows) {
            let relation = database.catalog.relation(name).unwrap();
            let first = relation.columns[0].name.as_str();
            let query = format!("SELECT [{first}] FROM [{}].[{}]", name.schema, name.name);
            let guarded = guard_sql(&query, Dialect::Mssql, &database.catalog, &filters).unwrap();
            cases.push(case(guarded.query().text(), &database.catalog, &filters, None));
        }
    }
    cases
}

/// The filters of every policy of the fixtures, pinned.
#[test]
fn filters_for_sql_server() {
    insta::glob!("../../fixtures/policies", "*.cedar", |path| {
        let mut text = String::new();
        for declared in ["nvarchar(40)", "varchar(40)", "nchar(40)"] {
            let cases = filter_cases(&policy(path, declared));
            let texts: Vec<&str> =
                cases.iter().map(|case| case["text"].as_str().unwrap()).collect();
            text.push_str(&format!("{declared}\n{}\n\n", texts.join("\n")));
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(world::root().join("snapshots/predicates/sqlserver"));
        settings.set_prepend_module_to_snapshot(false);
        settings.remove_snapshot_suffix();
        settings.set_omit_expression(true);
        settings.remove_input_file();
        let name = path.file_stem().unwrap().to_str().unwrap();
        settings.bind(|| insta::assert_snapshot!(name, text));
    });
}

/// The same, as somebody else reads them.
#[test]
fn sqlglot_reads_every_filter() {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(world::root().join("fixtures/policies")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cedar") {
            for declared in ["nvarchar(40)", "varchar(40)", "nchar(40)"] {
                cases.extend(filter_cases(&policy(&path, declared)));
            }
        }
    }
    assert!(cases.len() > 50, "{}", cases.len());
    assert_accepted(&cases);
}

/// The check sees what a broken rewriter might print.
#[test]
fn sqlglot_sees_what_is_wrong() {
    let (database, filters) = demo();
    let texts = [
        "SELECT id FROM dbo.projects AS projects",
        "SELECT id FROM dbo.projects AS projects WHERE customer_id = 82",
        "SELECT id FROM dbo.projects AS projects WHERE customer_id = @P1 OR 1 = 1",
        "SELECT id FROM dbo.projects AS p WHERE q.customer_id = @P1",
        "SELECT id FROM dbo.projects AS p WHERE NOT (customer_id = @P1)",
        "SELECT p.id FROM dbo.projects AS p JOIN dbo.tasks AS t ON 1 = 1 WHERE p.customer_id = @P1",
        "SELECT p.id FROM dbo.projects AS p, dbo.tasks AS t WHERE p.customer_id = @P1",
        "SELECT id FROM dbo.comments AS c WHERE customer_id = @P1",
        "SELECT id FROM other.dbo.projects AS p WHERE customer_id = @P1",
        "SELECT id FROM projects WHERE customer_id = @P1",
        "SELECT a.id FROM (SELECT id FROM dbo.projects AS p) AS a WHERE customer_id = @P1",
        "SELECT 1 AS one; SELECT 2 AS two",
        "DELETE FROM dbo.projects WHERE customer_id = @P1",
        "SELECT id INTO dbo.copy FROM dbo.projects AS p WHERE customer_id = @P1",
        "SELECT code AS revert FROM dbo.countries AS c",
        "SELECT code FROM dbo.countries AS shutdown",
        "SELECT FROM",
    ];
    let cases: Vec<Value> = texts
        .iter()
        .map(|text| case(text, &database.catalog, &filters, Some("customer_id")))
        .collect();
    let Some(answers) = complaints(&cases) else { return };
    for (text, answer) in texts.iter().zip(answers) {
        assert!(!answer.is_empty(), "nothing was found in {text}");
    }
}
