//! Certificates: every filter of our fixtures is proved, and a filter that was tampered with is not.

mod masks;

use std::path::PathBuf;
use std::time::Duration;

use dialektai::catalog::ColumnName;
use dialektai::identity::Principal;
use dialektai::policy::Database;
use dialektai::predicate::{CmpOp, PatternElement, Predicate, Row, RowFilter, Value};
use dialektai::prove::{Answer, Finding, certify, certify_filter, representatives};

use crate::cli::run;
use crate::policy_oracle;
use crate::prove::has_solver;
use crate::world;

const LIMIT: Duration = Duration::from_secs(20);

/// The folders of this repository that load, and each file of `fixtures/policies` by itself.
fn fixtures() -> Vec<(String, Database)> {
    let mut folders: Vec<PathBuf> = vec!["fixtures/documents/library".into()];
    for folder in ["policies", "fixtures/leaks"] {
        let entries = std::fs::read_dir(world::root().join(folder)).unwrap();
        folders.extend(entries.map(|entry| entry.unwrap().path()));
    }
    folders.sort();
    let folders = folders.into_iter().map(|folder| world::root().join(folder));
    let mut all: Vec<(String, Database)> = folders
        .filter_map(|folder| Some((folder.display().to_string(), Database::load(&folder).ok()?)))
        .collect();
    let mut files: Vec<PathBuf> = std::fs::read_dir(world::root().join("fixtures/policies"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cedar"))
        .collect();
    files.sort();
    for file in files {
        let policies = std::fs::read_to_string(&file).unwrap();
        let database = policy_oracle::load(&policies).unwrap_or_else(|error| panic!("{error}"));
        all.push((file.display().to_string(), database));
    }
    all
}

/// What is not proved, in words.
fn open(findings: &[Finding]) -> Vec<String> {
    let open = findings.iter().filter_map(|Finding { relation, claim, answer, .. }| match answer {
        Answer::Proved => None,
        Answer::Refuted(example) => Some(format!("{relation} {claim:?}: {example:?}")),
        Answer::NotProved(reason) => Some(format!("{relation} {claim:?}: {reason}")),
    });
    open.collect()
}

#[test]
fn every_filter_of_the_fixtures_is_proved() {
    if !has_solver() {
        return;
    }
    let (mut proved, mut not) = (0, Vec::new());
    for (name, database) in fixtures() {
        let principals = representatives(&database);
        assert!(!principals.is_empty(), "{name}");
        let findings = certify(&database, &principals, LIMIT).unwrap();
        assert!(findings.len() >= principals.len(), "{name}");
        let open = open(&findings);
        proved += findings.len() - open.len();
        not.extend(open.into_iter().map(|open| format!("{name}: {open}")));
    }
    eprintln!("certificates: {proved}");
    assert!(not.is_empty(), "{} of {proved}:\n{}", not.len(), not.join("\n"));
    assert!(proved > 200, "{proved}");
}

/// Each filter with one thing changed: a part dropped, a negation flipped, another operator, another constant.
fn tampered(predicate: &Predicate) -> Vec<Predicate> {
    let mut all = Vec::new();
    match predicate {
        Predicate::And(operands) | Predicate::Or(operands) => {
            let and = matches!(predicate, Predicate::And(_));
            let join = |operands: Vec<Predicate>, and: bool| {
                operands
                    .into_iter()
                    .reduce(if and { Predicate::and } else { Predicate::or })
                    .unwrap()
            };
            all.push(join(operands.clone(), !and));
            for (index, operand) in operands.iter().enumerate() {
                let mut without = operands.clone();
                without.remove(index);
                all.push(join(without, and));
                for other in tampered(operand) {
                    let mut changed = operands.clone();
                    changed[index] = other;
                    all.push(join(changed, and));
                }
            }
        }
        Predicate::Compare { column, op, value } => {
            let compare = |op, value| Predicate::Compare { column: column.clone(), op, value };
            all.push(compare(op.negate(), value.clone()));
            all.push(compare(*op, another(value)));
            if matches!(value, Value::Long(_) | Value::Datetime(_)) && *op != CmpOp::Le {
                all.push(compare(CmpOp::Le, value.clone()));
            }
        }
        Predicate::CompareColumns { left, op, right } => {
            let (left, right) = (left.clone(), right.clone());
            all.push(Predicate::CompareColumns { left, op: op.negate(), right });
        }
        Predicate::In { column, values, negated } => {
            let list = |values, negated| Predicate::In { column: column.clone(), values, negated };
            all.push(list(values.clone(), !negated));
            all.push(list(values[1..].to_vec(), *negated));
        }
        Predicate::Like { column, pattern, negated } => {
            let like =
                |pattern, negated| Predicate::Like { column: column.clone(), pattern, negated };
            all.push(like(pattern.clone(), !negated));
            all.push(like([pattern.as_slice(), &[PatternElement::Char('x')]].concat(), *negated));
        }
        Predicate::Elements { column, quantifier, values, negated } => {
            let (column, values) = (column.clone(), values.clone());
            let (quantifier, negated) = (*quantifier, !negated);
            all.push(Predicate::Elements { column, quantifier, values, negated });
        }
        Predicate::IsNull { column, negated } => {
            all.push(Predicate::IsNull { column: column.clone(), negated: !negated });
        }
        Predicate::Related { hop, predicate } => {
            let related = |predicate: Predicate| Predicate::Related {
                hop: hop.clone(),
                predicate: Box::new(predicate),
            };
            all.extend(tampered(predicate).into_iter().map(related));
            all.push(Predicate::Parent { hop: hop.clone(), negated: false });
        }
        Predicate::Parent { hop, negated } => {
            all.push(Predicate::Parent { hop: hop.clone(), negated: !negated });
        }
    }
    all
}

fn another(value: &Value) -> Value {
    match value {
        Value::Long(value) => Value::Long(value.wrapping_add(1)),
        Value::String(value) => Value::String(format!("{value}x")),
        Value::Bool(value) => Value::Bool(!value),
        Value::Datetime(value) => Value::Datetime(value.wrapping_add(86_400_000)),
    }
}

/// What rows tell apart from the policies is never proved; of the rest most is refuted by a row that nobody thought of.
#[test]
fn a_filter_that_was_tampered_with_is_not_proved() {
    if !has_solver() {
        return;
    }
    // A required parent is there, as the schema has it; filters also know what to do where it is not.
    let mut rows = policy_oracle::rows();
    rows.retain(|(of, _, row)| complete(of, row));
    let (mut told_apart, mut refuted, mut proved) = (0, 0, Vec::new());
    for (name, database) in fixtures().into_iter().filter(|(name, _)| is_policy_file(name)) {
        for principal in &policy_oracle::principals()[1..2] {
            let filters = database.predicates_for(principal).unwrap();
            for relation in &database.catalog.relations {
                let RowFilter::Where(predicate) = filters.filter_for(&relation.name) else {
                    continue;
                };
                let own = tampered(predicate).into_iter().map(RowFilter::Where);
                let coarse = [RowFilter::AllRows, RowFilter::NoRows];
                for filter in own.take(6).chain(coarse) {
                    let wrong = rows.iter().any(|(of, key, row)| {
                        relation.name.name == *of
                            && database.is_authorized(principal, &relation.name, key, row)
                                != filter.keeps(row)
                    });
                    let answer =
                        certify_filter(&database, principal, relation, &filter, LIMIT).unwrap();
                    told_apart += usize::from(wrong);
                    match answer {
                        Answer::Proved => {
                            assert!(!wrong, "{name} {principal:?}: {filter:?}");
                            proved.push(format!("{name} {principal:?}: {filter:?}"));
                        }
                        Answer::Refuted(_) => refuted += 1,
                        Answer::NotProved(_) => assert!(wrong, "{name}: {filter:?}"),
                    }
                }
            }
        }
    }
    eprintln!(
        "tampered: {told_apart} told apart by rows, {refuted} refuted, {} the same",
        proved.len()
    );
    assert!(told_apart > 40 && refuted >= told_apart * 9 / 10, "{told_apart} {refuted}");
    assert!(proved.len() * 5 < refuted, "{}", proved.join("\n"));
}

/// Whether the parents that the catalog requires are there, of the row and of those that it leads to.
fn complete(relation: &str, row: &Row) -> bool {
    let required = match relation {
        "facts" => "account",
        "accounts" => "place",
        _ => return true,
    };
    let of = |name: &str| match name {
        "boss" => "facts",
        "account" | "the backup" | "parent" => "accounts",
        _ => "others",
    };
    row.parent(required).is_some()
        && row.parents().all(|(name, parent)| complete(of(name), &parent.row))
}

fn column(name: &str) -> ColumnName {
    ColumnName::new(name)
}

fn refuted(policies: &str, principal: &Principal, relation: &str, filter: Predicate) {
    let database = policy_oracle::load(policies).unwrap_or_else(|error| panic!("{error}"));
    let relation =
        database.catalog.relations.iter().find(|found| found.name.name == relation).unwrap();
    let right = database.predicates_for(principal).unwrap();
    let right = right.filter_for(&relation.name);
    let answer = certify_filter(&database, principal, relation, right, LIMIT).unwrap();
    assert!(matches!(answer, Answer::Proved), "{right:?}: {answer:?}");
    let wrong = RowFilter::Where(filter);
    assert_ne!(*right, wrong);
    let answer = certify_filter(&database, principal, relation, &wrong, LIMIT).unwrap();
    let Answer::Refuted(example) = answer else { panic!("{wrong:?}: {answer:?}") };
    assert_ne!(example.is_allowed(), wrong.keeps(&example.row));
    assert_eq!(example.principal, *principal);
}

#[test]
fn what_is_dropped_or_changed_is_found() {
    if !has_solver() {
        return;
    }
    let permit = |condition: &str| {
        format!("@id(\"p\") permit (principal, action, resource is facts) when {{ {condition} }};")
    };
    let principal = &policy_oracle::principals()[1];
    let equals = |name: &str, value: i64| Predicate::Compare {
        column: column(name),
        op: CmpOp::Eq,
        value: Value::Long(value),
    };
    let is_null = |name: &str, negated| Predicate::IsNull { column: column(name), negated };
    // A conjunct that is lost, and another constant.
    let own = "resource has customer_id && resource.customer_id == principal.tenant";
    let both = permit(&format!("{own} && resource.n == 5"));
    refuted(&both, principal, "facts", equals("customer_id", 82));
    refuted(&both, principal, "facts", equals("customer_id", 83).and(equals("n", 5)));
    refuted(&both, principal, "facts", equals("customer_id", 82).or(equals("n", 5)));
    // A `has` that is lost shows rows in which there is nothing to compare.
    let open = permit("if resource has m then resource.m == 5 else true");
    refuted(&open, principal, "facts", equals("m", 5));
    refuted(&open, principal, "facts", is_null("m", true).or(equals("m", 5)));
    let other = permit("resource has m && resource.n == 5");
    refuted(&other, principal, "facts", equals("n", 5));
    // Days begin at midnight, and not at noon.
    let day = permit("resource has day && resource.day < datetime(\"2025-01-01T12:00:00Z\")");
    let midnight = 1_735_689_600_000;
    let before =
        |op, value| Predicate::Compare { column: column("day"), op, value: Value::Datetime(value) };
    refuted(&day, principal, "facts", before(CmpOp::Lt, midnight));
    refuted(&day, principal, "facts", before(CmpOp::Le, midnight + 86_400_000));
    // A related row.
    let boss = permit("resource has boss && resource.boss.n == 5");
    let filters = policy_oracle::load(&boss).unwrap().predicates_for(principal).unwrap();
    let found = filters.iter().find_map(|(_, filter)| match filter {
        RowFilter::Where(Predicate::Related { hop, .. }) => Some(hop.clone()),
        _ => None,
    });
    let hop = found.unwrap();
    refuted(&boss, principal, "facts", Predicate::Parent { hop: hop.clone(), negated: false });
    refuted(&boss, principal, "facts", equals("n", 5));
    let predicate = Box::new(equals("n", 6));
    refuted(&boss, principal, "facts", Predicate::Related { hop, predicate });
}

#[test]
fn the_command_certifies() {
    if !has_solver() {
        return;
    }
    let arguments = ["prove", "demo", "--certificates", "--require"];
    let (exit, text, errors) = run(world::root(), &arguments);
    assert_eq!((exit, errors.as_str()), (0, ""), "{text}");
    assert!(text.contains(" PROVED, 0 LEAK, 0 MAY FAIL, 0 NOT SHARED, 0 WRONG FILTER"), "{text}");
    let arguments =
        ["prove", "demo", "--certificates", "--tenant", "82", "--scope", "x", "--format", "json"];
    let (exit, text, errors) = run(world::root(), &arguments);
    assert_eq!((exit, errors.as_str()), (0, ""), "{text}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let findings = document["databases"][0]["findings"].as_array().unwrap();
    let filters: Vec<_> = findings.iter().filter(|found| found["claim"] == "filter").collect();
    assert!(!filters.is_empty());
    assert!(filters.iter().all(|found| found["answer"] == "proved"));
    assert!(filters.iter().all(|found| found["caller"]["scope"] == "x"));
    let (exit, _, errors) = run(world::root(), &["prove", "demo", "--tenant", "82"]);
    assert_eq!(exit, 2, "{errors}");
}

#[test]
fn without_a_solver_no_filter_is_proved() {
    let arguments = ["prove", "demo", "--certificates", "--require"];
    let mut command = crate::cli::command(world::root(), &arguments);
    let output = command.env("CVC5", "/nonexistent/cvc5").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("NOT PROVED main.tasks: the filter of tenant 82 keeps"), "{text}");
}

/// Whether a fixture is one file of policies, and no folder.
fn is_policy_file(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|extension| extension == "cedar")
}
