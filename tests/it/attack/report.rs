//! What an attack amounted to.

use std::collections::BTreeMap;
use std::time::Duration;

use dialektai::guard::RefusalCode;

use super::Kind;
use super::judge::Verdict;

#[derive(Default)]
pub(super) struct Report {
    pub(super) inputs: usize,
    pub(super) parsed: usize,
    pub(super) accepted: usize,
    accepted_of: BTreeMap<Kind, (usize, usize)>,
    refused: BTreeMap<&'static str, usize>,
    pub(super) same: usize,
    pub(super) rows: usize,
    failed: usize,
    ordered: usize,
    timed_out: usize,
    pub(super) gone: usize,
    pub(super) slowest: Duration,
    pub(super) leaks: Vec<String>,
    /// Printed texts that did not read back, and so were refused: an example.
    round_trip: Option<String>,
}

impl Report {
    pub(super) fn count(&mut self, kind: Kind, input: &str, verdict: &Verdict) {
        self.inputs += 1;
        let (of_kind, accepted) = self.accepted_of.entry(kind).or_default();
        *of_kind += 1;
        if let Verdict::Refused(code) = verdict {
            *self.refused.entry(code.as_str()).or_default() += 1;
            let unread = [RefusalCode::Syntax, RefusalCode::TooLarge].contains(code);
            self.parsed += usize::from(!unread);
            if *code == RefusalCode::RoundTrip && self.round_trip.is_none() {
                self.round_trip = Some(input.to_owned());
            }
            return;
        }
        self.parsed += 1;
        self.accepted += 1;
        *accepted += 1;
        match verdict {
            Verdict::Same(Ok(rows)) => {
                self.same += 1;
                self.rows += rows.len();
            }
            Verdict::Same(Err(_)) => {
                self.same += 1;
                self.failed += 1;
            }
            Verdict::Ordered => self.ordered += 1,
            Verdict::TimedOut => self.timed_out += 1,
            Verdict::Gone(_) => self.gone += 1,
            Verdict::Refused(_) | Verdict::Found(_) => {}
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.inputs += other.inputs;
        self.parsed += other.parsed;
        self.accepted += other.accepted;
        for (kind, (inputs, accepted)) in other.accepted_of {
            let own = self.accepted_of.entry(kind).or_default();
            *own = (own.0 + inputs, own.1 + accepted);
        }
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        self.same += other.same;
        self.rows += other.rows;
        self.failed += other.failed;
        self.ordered += other.ordered;
        self.timed_out += other.timed_out;
        self.gone += other.gone;
        self.slowest = self.slowest.max(other.slowest);
        self.leaks.extend(other.leaks);
        self.round_trip = self.round_trip.take().or(other.round_trip);
    }

    pub(super) fn print(&self, engine: &str) {
        let refused = self.inputs - self.accepted;
        let percent = |part: usize| part * 100 / self.inputs.max(1);
        eprintln!(
            "attack on {engine}: {} inputs, {} % parse, {} accepted ({} %), {} leaks; of the accepted {} gave the same \
             everywhere ({} of them failed everywhere, {} rows), {} depend on the clock or the order of the engine, {} took too \
             long, {} stopped the server; refused {refused} ({} %): {:?}; accepted by kind: {:?}; slowest guard {} ms",
            self.inputs,
            percent(self.parsed),
            self.accepted,
            percent(self.accepted),
            self.leaks.len(),
            self.same,
            self.failed,
            self.rows,
            self.ordered,
            self.timed_out,
            self.gone,
            percent(refused),
            self.refused,
            self.accepted_of,
            self.slowest.as_millis(),
        );
        if let Some(input) = &self.round_trip {
            eprintln!("attack on {engine}: refused since it did not read back: {input}");
        }
    }
}
