//! The audit log: one structured event for every decision, before anything leaves the process.
//!
//! It holds the texts of queries, never the values bound to them and never a value of a row. A command of MongoDB has no
//! binds: it is recorded as it runs, with the values of its filters, which are the caller's own.

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
        let claims =
            principal.map(|principal| &principal.claims).filter(|claims| !claims.is_empty());
        let claims = claims.and_then(|claims| serde_json::to_string(claims).ok());
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            target: TARGET,
            request_id = self.request_id,
            key_id = self.key_id,
            // As a string, which the human format quotes: a tenant's name must not pass for further fields.
            tenant = tenant.map(ToString::to_string),
            scope = scope.map(ScopeId::as_str),
            claims,
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::identity::TenantId;

    /// What a subscriber wrote.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn events(body: impl FnOnce()) -> Vec<serde_json::Value> {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(written.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, body);
        let bytes = written.0.lock().unwrap().clone();
        let lines = String::from_utf8(bytes).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn record() -> Record {
        let mut record = Record::begin("r1");
        record.key_id = Some("key_1".to_owned());
        let scope = "user-john-456".parse().unwrap();
        record.principal = Some(Principal::new(Some(TenantId::Integer(82)), Some(scope)));
        record.database = Some("demo".parse().unwrap());
        record.policy_version = Some("v1".to_owned());
        record.question = Some("Show my tasks".to_owned());
        record.query_before = Some("SELECT * FROM tasks".to_owned());
        record.query_after = Some("SELECT * FROM tasks WHERE customer_id = ?1".to_owned());
        record
    }

    #[test]
    fn an_event_holds_the_whole_decision() {
        let events = events(|| record().close(Outcome::Answered { rows: 3 }));
        let [event] = events.as_slice() else { panic!("one event: {events:?}") };
        for (field, expected) in [
            ("target", "dialektai::audit"),
            ("request_id", "r1"),
            ("key_id", "key_1"),
            ("tenant", "82"),
            ("scope", "user-john-456"),
            ("database", "demo"),
            ("policy_version", "v1"),
            ("question", "Show my tasks"),
            ("query_before", "SELECT * FROM tasks"),
            ("query_after", "SELECT * FROM tasks WHERE customer_id = ?1"),
            ("outcome", "answered"),
        ] {
            assert_eq!(event[field], expected, "{field}");
        }
        assert_eq!(event["row_count"], 3);
        assert!(event["elapsed_ms"].is_u64());
        assert!(event.get("code").is_none());
    }

    #[test]
    fn every_way_out_is_recorded_once() {
        let events = events(|| {
            record().close(Outcome::Refused { code: "unsupported" });
            record().close(Outcome::Denied { code: "tenant_required" });
            record().close(Outcome::Failed { code: "query_timeout" });
            record().close(Outcome::NotUnderstood);
            record().close(Outcome::Guarded);
            drop(record());
        });
        let outcomes: Vec<&str> =
            events.iter().map(|event| event["outcome"].as_str().unwrap()).collect();
        assert_eq!(
            outcomes,
            ["refused", "denied", "failed", "not_understood", "guarded", "abandoned"]
        );
        assert_eq!(events[0]["code"], "unsupported");
    }
}
