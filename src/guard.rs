//! The guard: an untrusted query goes in, a [`Guarded`] query or a [`Refusal`] comes out. No IO, nothing async.
//!
//! # The invariant
//!
//! For every query `q`, database `D` and principal `p`: either the guarded `q` run on `D` gives what `q` gives on
//! `D|p`, the database that holds only what `p` may read, or `q` is refused. "Gives" includes errors.

pub mod mongo;
mod printed;
mod query;
pub mod sql;

use std::borrow::Cow;
use std::fmt;

pub use query::{GuardedQuery, Language};

/// A query in which every relation occurrence is already filtered.
///
/// Nobody else can make one:
///
/// ```compile_fail
/// let forged = dialektai::guard::Guarded("SELECT * FROM secrets");
/// ```
// INVARIANT (isolation): only this module and its children construct a `Guarded`, so what holds one holds a query that
// the guard wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a guarded query does nothing until an engine runs it"]
pub struct Guarded<Q>(Q);

impl<Q> Guarded<Q> {
    /// The query, to be run or shown.
    pub fn query(&self) -> &Q {
        &self.0
    }
}

/// The guard's answer to a query that it cannot filter exactly. Quotes nothing but the query itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal.
    pub code: RefusalCode,
    /// What was found, in the query's own words.
    pub message: Cow<'static, str>,
    /// What to change, in words a language model can act on.
    pub hint: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(
        code: RefusalCode,
        message: impl Into<Cow<'static, str>>,
        hint: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code, message: short(message.into()), hint: hint.into() }
    }

    /// `what` is a form that the guard does not know to be safe.
    pub(crate) fn unsupported(what: impl fmt::Display, hint: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            RefusalCode::Unsupported,
            format!("the query uses {what}, which is not supported"),
            hint,
        )
    }
}

/// A message without the end of a name or text that fills it: the query is what may be long.
fn short(message: Cow<'static, str>) -> Cow<'static, str> {
    const MAX_CHARS: usize = 300;
    match message.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{} ..", message.get(..end).unwrap_or_default())),
        None => message,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Refusal {}

/// The kinds of refusal. Their texts are part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// Longer, deeper or with more tokens than the caps allow.
    TooLarge,
    /// Not SQL, shell text or extended JSON that the parser reads.
    Syntax,
    /// More than one statement, or none.
    NotOneStatement,
    /// A statement that is not a query.
    NotAQuery,
    /// A clause, expression or literal form that is not on the list.
    Unsupported,
    /// A function that is not on the list.
    UnknownFunction,
    /// A type that is not on the list.
    UnknownType,
    /// A stage of a pipeline that is not on the list, or stands in a place that is not its own.
    UnknownStage,
    /// An operator or a variable that is not on the list, or stands in a place that is not its own.
    UnknownOperator,
    /// A relation that does not exist, or that the caller may not read: the same answer.
    UnknownRelation,
    /// A column that does not exist or is hidden.
    UnknownColumn,
    /// A name that several relations in scope have.
    Ambiguous,
    /// The printed query did not read back as the same tree.
    RoundTrip,
    /// The printed query was read a second time, by other means, and a relation was not seen behind its filter.
    Unverified,
}

impl RefusalCode {
    /// The code as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "query_too_large",
            Self::Syntax => "syntax_error",
            Self::NotOneStatement => "not_one_statement",
            Self::NotAQuery => "not_a_query",
            Self::Unsupported => "unsupported",
            Self::UnknownFunction => "unknown_function",
            Self::UnknownType => "unknown_type",
            Self::UnknownStage => "unknown_stage",
            Self::UnknownOperator => "unknown_operator",
            Self::UnknownRelation => "unknown_relation",
            Self::UnknownColumn => "unknown_column",
            Self::Ambiguous => "ambiguous_name",
            Self::RoundTrip => "round_trip",
            Self::Unverified => "unverified",
        }
    }
}
