//! What became of a test.

use super::{Expected, Suite, Test};
use crate::audit::Record;
use crate::policy::Database;
use crate::service;

impl Suite {
    /// Runs one test of the suite: what differs, a line each. Nothing where it passed.
    pub fn run(&self, test: &Test, database: &Database) -> Vec<String> {
        let principal =
            service::identify(&database.settings, test.tenant.as_deref(), test.scope.as_deref());
        let principal = match (principal, &test.expected) {
            (Ok(principal), _) => principal,
            (Err(denial), Expected::Refused { code, .. }) => return same(code, denial.code()),
            (Err(denial), Expected::Rows { .. } | Expected::Rewritten { .. }) => {
                return vec![format!("the caller is refused: {}", denial.code())];
            }
        };
        let guarded =
            |query: &str| service::guard_only(database, &principal, query, Record::begin("test"));
        match &test.expected {
            Expected::Refused { query, code } => match guarded(query) {
                Ok(query) => vec![format!("expected {code}, but it runs: {}", query.readable())],
                Err(failure) => same(code, failure.code()),
            },
            Expected::Rewritten { query, text } => match guarded(query) {
                Ok(query) => same(text.trim(), query.readable()),
                Err(failure) => vec![format!("refused: {}: {failure}", failure.code())],
            },
            Expected::Rows { relation, visible } => {
                let filters = match database.predicates_for(&principal) {
                    Ok(filters) => filters,
                    Err(unsupported) => return vec![unsupported.to_string()],
                };
                let filter = filters.filter_for(relation);
                let mut differences = Vec::new();
                for (key, row) in self.rows.get(relation).into_iter().flatten() {
                    let kept = filter.keeps(row);
                    let allowed = database.is_authorized(&principal, relation, key, row);
                    let expected = visible.contains(key);
                    // INVARIANT (isolation): what runs and what Cedar says are the same, or the test fails.
                    if kept != allowed {
                        let [kept, allowed] = [kept, allowed].map(word);
                        differences.push(format!(
                            "row {key}: the filter says {kept} and Cedar says {allowed}"
                        ));
                    } else if kept != expected {
                        let [kept, expected] = [kept, expected].map(word);
                        differences.push(format!("row {key}: expected {expected}, is {kept}"));
                    }
                }
                differences
            }
        }
    }
}

fn word(visible: bool) -> &'static str {
    if visible { "visible" } else { "hidden" }
}

fn same(expected: &str, found: &str) -> Vec<String> {
    if expected == found {
        return Vec::new();
    }
    vec![format!("- {expected}"), format!("+ {found}")]
}
