//! Tests of policies: who asks, of which rows, and what must be seen. They live in `policies/<id>/tests/*.toml`, beside the
//! policies and no part of them: neither the version nor what is served depends on a test.

mod read;
mod run;

use std::collections::BTreeMap;

use crate::catalog::RelationName;
use crate::predicate::Row;

/// The tests of one file, read against the catalog of their database.
pub struct Suite {
    /// In the order of the file.
    pub tests: Vec<Test>,
    rows: BTreeMap<RelationName, Vec<(String, Row)>>,
}

/// One test.
pub struct Test {
    /// What it shows, in its author's words.
    pub name: String,
    /// Where it starts in its file.
    pub line: usize,
    tenant: Option<String>,
    scope: Option<String>,
    expected: Expected,
}

enum Expected {
    /// Of the rows of a relation, those that are seen: by primary key, and every other one is hidden.
    Rows { relation: RelationName, visible: Vec<String> },
    /// A query, or a caller, that is refused with this code.
    Refused { query: String, code: String },
    /// A query, as the guard prints it for people.
    Rewritten { query: String, text: String },
}

/// What is wrong with a file of tests, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct SuiteError {
    /// The line, counted from 1, where there is one.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}
