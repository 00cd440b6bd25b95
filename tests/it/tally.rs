//! What an oracle run compared.

use std::collections::BTreeMap;

use crate::world::Outcome;

/// What became of the queries of one run.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) queries: usize,
    pub(crate) refused: BTreeMap<String, usize>,
    pub(crate) invalid: usize,
    pub(crate) failed: usize,
    pub(crate) order_dependent: usize,
    pub(crate) warned: usize,
    /// About other rows of the caller's than the same query warns on its own copy.
    pub(crate) warned_otherwise: usize,
    pub(crate) rows: usize,
}

impl Tally {
    /// Adds what another run compared.
    pub(crate) fn add(&mut self, other: Self) {
        let Self {
            queries,
            refused,
            invalid,
            failed,
            order_dependent,
            warned,
            warned_otherwise,
            rows,
        } = other;
        self.queries += queries;
        self.invalid += invalid;
        self.failed += failed;
        self.order_dependent += order_dependent;
        self.warned += warned;
        self.warned_otherwise += warned_otherwise;
        self.rows += rows;
        for (code, count) in refused {
            *self.refused.entry(code).or_default() += count;
        }
    }

    /// Says what was compared, so that a run that compared little is seen.
    pub(crate) fn print(&self, name: &str) {
        let refused: usize = self.refused.values().sum();
        eprintln!(
            "{name}: {} queries, {refused} refused ({} per mille), {} refused that the engine refuses \
             too, {} fail on both sides, {} fail or not by the engine's order, \
             {} warn, {} of them of other rows, {} rows compared; refusals: {:?}",
            self.queries,
            refused * 1_000 / self.queries.max(1),
            self.invalid,
            self.failed,
            self.order_dependent,
            self.warned,
            self.warned_otherwise,
            self.rows,
            self.refused,
        );
    }
}

/// Rows in any order: neither side promises one unless every column is ordered by, and then ties are equal rows.
pub(crate) fn sorted(outcome: &Outcome) -> Result<Vec<Vec<String>>, ()> {
    outcome.clone().map_err(drop).map(|mut rows| {
        rows.sort();
        rows
    })
}
