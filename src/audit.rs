//! The audit log: one structured event for every decision, before anything leaves the process.
//!
//! It holds the texts of queries, never the values bound to them and never a value of a row.

use std::time::Instant;

use crate::identity::{DatabaseId, Principal, ScopeId};

/// The `target` of every audit event.
pub const TARGET: &str = "dialektai::audit";

/// What is known of a request; becomes one event when it is closed.
///
/// A record that is dropped before it is closed (the caller went away, a bug) is written as `abandoned`, so that no
/// decision goes unrecorded.
#[derive(Debug)]
pub struct Record {
    started: Instant,
    closed: bool,
    request_id: String,
    /// The API key; none on the command line, or where there was no valid one.
    pub key_id: Option<String>,
    /// Who asks.
    pub principal: Option<Principal>,
    /// Of what.
    pub database: Option<DatabaseId>,
    /// By which policies.
    pub policy_version: Option<String>,
    /// The question in the caller's words.
    pub question: Option<String>,
    /// The query as it was proposed.
    pub query_before: Option<String>,
    /// The query as it runs, with placeholders.
    pub query_after: Option<String>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Rows go out, so many.
    Answered {
        /// How many.
        rows: usize,
    },
    /// A guarded text goes out; nothing ran.
    Guarded,
    /// The question was not understood.
    NotUnderstood,
    /// The guard refused the query.
    Refused {
        /// The refusal's code.
        code: &'static str,
    },
    /// The caller may not ask this: no key, no tenant.
    Denied {
        /// The denial's code.
        code: &'static str,
    },
    /// It was permitted and did not work.
    Failed {
        /// The error's code.
        code: &'static str,
    },
}

impl Record {
    /// Begins the record of one request.
    pub fn begin(request_id: impl Into<String>) -> Self {
        Self {
            started: Instant::now(),
            closed: false,
            request_id: request_id.into(),
            key_id: None,
            principal: None,
            database: None,
            policy_version: None,
            question: None,
            query_before: None,
            query_after: None,
        }
    }

    /// Writes the event.
    pub fn close(mut self, outcome: Outcome) {
        let (name, code, rows) = match outcome {
            Outcome::Answered { rows } => ("answered", None, Some(rows)),
            Outcome::Guarded => ("guarded", None, None),
            Outcome::NotUnderstood => ("not_understood", None, None),
            Outcome::Refused { code } => ("refused", Some(code), None),
            Outcome::Denied { code } => ("denied", Some(code), None),
            Outcome::Failed { code } => ("failed", Some(code), None),
        };
        self.write(name, code, rows);
    }

    fn write(&mut self, outcome: &'static str, code: Option<&'static str>, rows: Option<usize>) {
        self.closed = true;
        let principal = self.principal.as_ref();
        let tenant = principal.and_then(|principal| principal.tenant.as_ref());
        let scope = principal.and_then(|principal| principal.scope.as_ref());
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            target: TARGET,
            request_id = self.request_id,
            key_id = self.key_id,
            tenant = tenant.map(tracing::field::display),
            scope = scope.map(ScopeId::as_str),
            database = self.database.as_ref().map(DatabaseId::as_str),
            policy_version = self.policy_version,
            question = self.question,
            query_before = self.query_before,
            query_after = self.query_after,
            outcome,
            code,
            row_count = rows,
            elapsed_ms,
            "decision"
        );
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.closed {
            self.write("abandoned", None, None);
        }
    }
}
