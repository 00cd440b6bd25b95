//! What became of the tests, for people and for programs.

use serde::Serialize;

use crate::suite::{Coverage, KINDS};

/// What became of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fate {
    Passed,
    Failed,
    Skipped,
}

/// One test, or a mistake in a file that cannot be read.
#[derive(Serialize)]
pub(super) struct Outcome {
    pub(super) database: String,
    pub(super) file: String,
    pub(super) line: Option<usize>,
    /// Of a test; a mistake has none.
    pub(super) name: Option<String>,
    #[serde(rename = "outcome")]
    pub(super) fate: Fate,
    /// Why it did not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skipped: Option<String>,
    pub(super) differences: Vec<String>,
}

impl Outcome {
    pub(super) fn is_unread(&self) -> bool {
        self.name.is_none()
    }

    /// The test's name, also where there is none.
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("cannot be read")
    }

    /// Every line of what differs.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.differences.iter().flat_map(|difference| difference.lines())
    }
}

/// Everything that ran.
#[derive(Default)]
pub(super) struct Report {
    pub(super) outcomes: Vec<Outcome>,
    /// By folder.
    pub(super) coverage: Vec<(String, Coverage)>,
}

#[derive(Serialize)]
pub(super) struct Document<'a> {
    passed: usize,
    failed: usize,
    skipped: usize,
    tests: &'a [Outcome],
    coverage: Vec<Covered<'a>>,
}

#[derive(Serialize)]
struct Covered<'a> {
    database: &'a str,
    percent: usize,
    /// By kind, how many were exercised and how many there are.
    kinds: Vec<Kind>,
    not_exercised: Vec<String>,
}

#[derive(Serialize)]
struct Kind {
    #[serde(rename = "kind")]
    name: &'static str,
    exercised: usize,
    all: usize,
}

impl Report {
    pub(super) fn count(&self, fate: Fate) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.fate == fate).count()
    }

    fn covered(&self) -> Vec<Covered<'_>> {
        let covered = self.coverage.iter().map(|(database, coverage)| {
            let kinds = KINDS.map(|name| {
                let (exercised, all) = coverage.count(name);
                Kind { name, exercised, all }
            });
            let missing = coverage.items().filter(|(_, exercised)| !exercised);
            Covered {
                database,
                percent: coverage.percent(),
                kinds: kinds.into(),
                not_exercised: missing.map(|(item, _)| item.to_string()).collect(),
            }
        });
        covered.collect()
    }

    pub(super) fn as_document(&self) -> Document<'_> {
        let [passed, failed, skipped] =
            [Fate::Passed, Fate::Failed, Fate::Skipped].map(|fate| self.count(fate));
        Document { passed, failed, skipped, tests: &self.outcomes, coverage: self.covered() }
    }

    pub(super) fn as_text(&self) -> String {
        let mut text = String::new();
        for outcome in &self.outcomes {
            let Outcome { database, file, line, .. } = outcome;
            let place = line.map_or(String::new(), |line| format!(":{line}"));
            let word = match outcome.fate {
                Fate::Passed => "ok",
                Fate::Failed => "FAILED",
                Fate::Skipped => "skipped",
            };
            text.push_str(&format!("{word} {database}/{file}{place}: {}\n", outcome.name()));
            for line in outcome.skipped.iter().map(String::as_str).chain(outcome.lines()) {
                text.push_str(&format!("    {line}\n"));
            }
        }
        for Covered { database, percent, kinds, not_exercised } in self.covered() {
            let kinds: Vec<String> = kinds
                .iter()
                .map(|Kind { name, exercised, all }| format!("{exercised} of {all} {name}"))
                .collect();
            text.push_str(&format!("{database}: {percent} % exercised: {}\n", kinds.join(", ")));
            for item in not_exercised {
                text.push_str(&format!("    {item}\n"));
            }
        }
        let (passed, failed) = (self.count(Fate::Passed), self.count(Fate::Failed));
        text.push_str(&format!("{passed} passed, {failed} failed"));
        let skipped = self.count(Fate::Skipped);
        if skipped > 0 {
            text.push_str(&format!(", {skipped} skipped"));
        }
        text
    }
}
