//! The filters and the refusals of the policies in `fixtures/policies`, as reviewed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dialektai::identity::{Principal, TenantId};
use dialektai::policy::{Database, LoadError, Sources};
use dialektai::predicate::{PatternElement, Predicate, Quantifier, RowFilter, Value};

use crate::policy_oracle::claims;

fn load(path: &Path) -> Result<Database, LoadError> {
    let sources = Sources {
        settings: include_str!("../../fixtures/policies/database.toml").to_owned(),
        catalog: include_str!("../../fixtures/policies/catalog.toml").to_owned(),
        policies: vec![(file_name(path), std::fs::read_to_string(path).unwrap())],
    };
    Database::from_sources("fixtures".parse().unwrap(), &sources)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Named after the fixture alone, so that adding one renames no other.
fn snapshot(folder: &str, path: &Path, reviewed: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.remove_snapshot_suffix();
    settings.set_snapshot_path(
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(folder),
    );
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.set_description(std::fs::read_to_string(path).unwrap());
    let name = path.file_stem().unwrap().to_str().unwrap();
    settings.bind(|| insta::assert_snapshot!(name, reviewed));
}

#[test]
fn predicates() {
    insta::glob!("../../fixtures/policies", "*.cedar", |path| {
        let database = load(path).unwrap_or_else(|error| panic!("{error}"));
        let mut text = String::new();
        let caller = |scope: Option<&str>| {
            let scope = scope.map(|id| id.parse().unwrap());
            Principal::new(Some(TenantId::Integer(82)), scope)
        };
        let mut callers = vec![
            ("scope none", caller(None)),
            ("scope user-john-456", caller(Some("user-john-456"))),
        ];
        if path.ends_with("claims.cedar") {
            callers.push(("claims", caller(None).with_claims(claims::some())));
        }
        for (name, principal) in callers {
            writeln!(text, "tenant 82, {name}").unwrap();
            for (relation, filter) in database.predicates_for(&principal).unwrap().iter() {
                writeln!(text, "  {relation}: {}", read_filter(filter)).unwrap();
            }
        }
        snapshot("predicates", path, &text);
    });
}

#[test]
fn refusals() {
    insta::glob!("../../fixtures/policies/refused", "*.cedar", |path| {
        let error = load(path).err().unwrap_or_else(|| panic!("{} was accepted", path.display()));
        snapshot("refusals/policy", path, &error.to_string());
    });
}

fn read_filter(filter: &RowFilter) -> String {
    match filter {
        RowFilter::AllRows => "all rows".to_owned(),
        RowFilter::NoRows => "no rows".to_owned(),
        RowFilter::Where(predicate) => read(predicate),
    }
}

/// A predicate for readers: no database reads this.
fn read(predicate: &Predicate) -> String {
    let list = |operands: &[Predicate], word: &str| {
        let operands: Vec<String> = operands.iter().map(read).collect();
        format!("({})", operands.join(word))
    };
    let not = |negated: bool| if negated { "not " } else { "" };
    match predicate {
        Predicate::And(operands) => list(operands, " and "),
        Predicate::Or(operands) => list(operands, " or "),
        Predicate::Compare { column, op, value } => {
            format!("{column} {} {}", op.symbol(), read_value(value))
        }
        Predicate::CompareColumns { left, op, right } => format!("{left} {} {right}", op.symbol()),
        Predicate::In { column, values, negated } => {
            let values: Vec<String> = values.iter().map(read_value).collect();
            format!("{column} {}in ({})", not(*negated), values.join(", "))
        }
        Predicate::Like { column, pattern, negated } => {
            let pattern: String = pattern
                .iter()
                .map(|element| match element {
                    PatternElement::Char('*') => "\\*".to_owned(),
                    PatternElement::Char(c) => c.to_string(),
                    PatternElement::AnyRun => "*".to_owned(),
                })
                .collect();
            format!("{column} {}like <{pattern}>", not(*negated))
        }
        Predicate::Elements { column, quantifier, values, negated } => {
            let values: Vec<String> = values.iter().map(read_value).collect();
            let of = match quantifier {
                Quantifier::Some => "some",
                Quantifier::Every => "every",
            };
            format!("{}{of} of {column} in ({})", not(*negated), values.join(", "))
        }
        Predicate::IsNull { column, negated } => format!("{column} is {}null", not(*negated)),
        Predicate::Related { hop, predicate } => format!("{} with {}", hop.name, read(predicate)),
        Predicate::Parent { hop, negated } => format!("{}{} exists", not(*negated), hop.name),
    }
}

fn read_value(value: &Value) -> String {
    match value {
        Value::Long(value) => value.to_string(),
        Value::String(value) => format!("{value:?}"),
        Value::Bool(value) => value.to_string(),
        Value::Datetime(milliseconds) => format!("{milliseconds} ms"),
    }
}
