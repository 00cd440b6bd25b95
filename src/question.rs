//! Questions: from a person's words to a [`Proposal`], the text of a query that nothing trusts.

use crate::catalog::Catalog;
use crate::guard::sql::Dialect;
use crate::predicate::PredicateSet;

/// What a caller can ask about.
#[derive(Debug, Clone, Copy)]
pub struct Readable<'a> {
    /// The database.
    pub catalog: &'a Catalog,
    /// The caller's filters: a relation without rows does not exist.
    pub filters: &'a PredicateSet,
    /// The column that holds the tenant, `tenant_filter_column`.
    pub tenant_column: Option<&'a str>,
}

/// The text of a query for the guard, and what to say of its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Untrusted SQL.
    pub text: String,
    /// What its result will hold.
    pub summary: Summary,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Understanding {
    /// It asks for this.
    Query(Proposal),
    /// Some of it could not be accounted for.
    NotUnderstood {
        /// Questions that would be understood.
        suggestions: Vec<String>,
    },
}

/// What a proposal's result will hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Summary {
    /// Every table, with how many rows it has.
    Overview,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The rows in hand.
    pub rows: usize,
    /// Whether there were more, which a limit cut off.
    pub truncated: bool,
    /// The only cell of a result of one row and one column; `None` for NULL and for other results.
    pub only: Option<&'a str>,
}

/// Reads a question, without a model.
pub fn propose(_question: &str, _dialect: Dialect, _readable: &Readable<'_>) -> Understanding {
    Understanding::NotUnderstood { suggestions: Vec::new() }
}

/// One sentence for the reply.
pub fn answer_text(_summary: &Summary, outcome: &Outcome<'_>) -> String {
    format!("Found {} rows.", outcome.rows)
}
