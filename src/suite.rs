//! Tests of policies: who asks, of which rows, and what must be seen. They live in `policies/<id>/tests/*.toml`, beside the
//! policies and no part of them: neither the version nor what is served depends on a test.
//!
//! Rows stand in the file. A test of a relation decides each of them by the filter and by Cedar; a test of a query or a
//! question runs it on a database that is made of them, or on the live one.

mod coverage;
mod given;
mod read;
mod rows;
mod run;
mod snapshot;
mod stand_in;

use std::collections::BTreeMap;

use tokio::sync::OnceCell;

use crate::catalog::RelationName;
use crate::engine::{Cell, Engine};
use crate::predicate::Row;
pub use coverage::{Coverage, Item, KINDS};
use given::Given;
pub(crate) use rows::{MAX_HOPS, instant};
pub(crate) use run::word;
pub use run::{Ran, Stage};
pub use snapshot::Snapshots;

/// The tests of one file, read against the catalog of their database.
pub struct Suite {
    /// In the order of the file.
    pub tests: Vec<Test>,
    rows: Keyed,
    tables: Tables,
    /// The rows as a database, once a test runs a query on it.
    engine: OnceCell<Engine>,
}

/// Rows as policies see them, by primary key.
type Keyed = BTreeMap<RelationName, Vec<(String, Row)>>;

/// Rows as an engine holds them, each with a value for every column.
type Tables = BTreeMap<RelationName, Vec<Vec<Cell>>>;

/// One test.
pub struct Test {
    /// What it shows, in its author's words.
    pub name: String,
    /// Where it starts in its file.
    pub line: usize,
    tenant: Option<String>,
    scope: Option<String>,
    /// A JSON object.
    claims: Option<String>,
    on: Source,
    expected: Expected,
}

impl Test {
    /// Whether it keeps a snapshot under this name.
    pub fn keeps(&self, name: &str) -> bool {
        self.name == name
            && matches!(&self.expected, Expected::Answer { expected, .. } if expected.snapshot)
    }
}

/// Which rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Those of the file.
    Rows,
    /// Those of the database that the folder's settings name.
    Live,
}

enum Expected {
    /// Of the rows of a relation, by primary key.
    Seen { relation: RelationName, visible: Vec<String>, hidden: Hidden },
    /// A query, or a caller, that is refused with this code.
    Refused { asked: Asked, code: String },
    /// A query that is guarded.
    Answer { asked: Asked, expected: Answer },
}

/// The rows that must not be seen.
enum Hidden {
    /// Every one that must not be visible.
    Others,
    /// These; of others nothing is said.
    Listed(Vec<String>),
}

/// What the caller asks.
enum Asked {
    /// In the language of the database.
    Query(String),
    /// In words; the generator that is built in makes a query of it.
    Question(String),
}

/// What must come of a query; at least one is there.
struct Answer {
    /// The query as the guard prints it for people.
    rewritten: Option<String>,
    /// What it gives.
    given: Option<Given>,
    /// Whether the printed query is kept in a file.
    snapshot: bool,
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
