//! Random attack: mutated queries, token soups and crossovers of fixtures against the guard, on every engine.
//!
//! What the guard accepts is run on the shared database, on one whose foreign rows are all others, and on the caller's
//! own copy. Rows must be the same, nothing that only foreign rows or hidden columns hold may be seen, and a session
//! must stay as it was. The guard may not panic, take long, or disagree with itself, whatever it is asked.
//!
//! `DIALEKTAI_ATTACK_SECONDS=170 DIALEKTAI_ATTACK_SEED=7 cargo test --test it attack::random -- --test-threads=3` attacks
//! all engines side by side for so long, with other inputs. A finding is printed with the seed that gives it again.

mod alphabet;
mod crossover;
mod judge;
mod mutate;
mod pieces;
mod report;
mod shrink;
mod soup;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dialektai::guard::sql::Dialect;
use dialektai::identity::Principal;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::commute::generator::{Flavor, Generator};
use crate::commute::{from_env, tables};
use crate::live::copies::Servers;
use crate::rewrite;
use crate::world::{self, Indexes};
use crossover::Corpus;
use judge::{Judge, Verdict};
use mutate::Mutation;
use report::Report;

/// How long each engine is attacked; `DIALEKTAI_ATTACK_SECONDS` asks for more.
const SECONDS: u64 = 4;

/// Another seed is another attack: `DIALEKTAI_ATTACK_SEED`.
const SEED: u64 = 82;

/// Each caller's fewest inputs, however little time there is.
const LEAST: usize = 250;

/// From so many seconds on, there is time to prepare for more callers.
const LONG: u64 = 30;

/// How many inputs meet one plan.
const INPUTS_OF_A_PLAN: usize = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Mutated,
    Soup,
    Crossover,
}

/// An endless stream of inputs; a seed gives the same ones.
struct Inputs {
    dialect: Dialect,
    rng: ChaCha8Rng,
    generator: Generator,
    corpus: Corpus,
}

impl Inputs {
    fn new(dialect: Dialect, seed: u64, principal: &Principal) -> Self {
        let generator = Generator::new(Flavor::of(dialect), seed, tables(principal));
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { dialect, rng, generator, corpus: Corpus::of(dialect) }
    }

    fn next(&mut self) -> (Kind, String) {
        match self.rng.random_range(0..20) {
            0..=6 => {
                let query = if self.rng.random_ratio(1, 6) {
                    pieces::text(self.corpus.any(&mut self.rng))
                } else {
                    self.generator.query()
                };
                (Kind::Mutated, Mutation::of(self.dialect, &mut self.rng, &query))
            }
            7..=15 => (Kind::Soup, soup::soup(&mut self.rng)),
            _ => (Kind::Crossover, pieces::text(&self.corpus.cross(&mut self.rng))),
        }
    }
}

/// Says what was asked when something breaks in between.
struct Asking<'a>(&'a str);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("attack: it broke at this input: {}", self.0);
        }
    }
}

/// The callers, each with indexes of its own; the first two for a short attack.
fn callers(dialect: Dialect) -> Vec<(Principal, Indexes)> {
    let indexes = Indexes::of(dialect);
    let hostile = *indexes.last().unwrap();
    vec![
        (world::principal(82, None), hostile),
        (world::principal(82, Some("user-john-456")), indexes[indexes.len() / 2]),
        (world::principal(7, None), indexes[0]),
        (world::principal(9_007_199_254_740_993, None), hostile),
    ]
}

/// Attacks as one caller until the time is over or one of the callers has found something.
async fn attack_as(mut judge: Judge, mut inputs: Inputs, seed: u64, end: Arc<End>) -> Report {
    let mut report = Report::default();
    while !end.found.load(Ordering::Relaxed) && (Instant::now() < end.at || report.inputs < LEAST) {
        if report.inputs.is_multiple_of(INPUTS_OF_A_PLAN) {
            judge.plan(report.inputs / INPUTS_OF_A_PLAN).await;
        }
        let (kind, input) = inputs.next();
        let asking = Asking(&input);
        let verdict = judge.judge(&input).await;
        drop(asking);
        report.count(kind, &input, &verdict);
        match verdict {
            Verdict::Refused(_) | Verdict::Same(_) | Verdict::Ordered | Verdict::TimedOut => {}
            Verdict::Gone(error) => {
                eprintln!("attack: the server stopped ({error}) at {input}");
                break;
            }
            Verdict::Found(finding) => {
                end.found.store(true, Ordering::Relaxed);
                let (what, after) = (finding.what.clone(), end.begun.elapsed().as_secs());
                let (shortest, finding) = shrink::shrunk(&mut judge, &input, finding).await;
                report.leaks.push(format!(
                    "DIALEKTAI_ATTACK_SEED={seed}, input {} of {:?}, after {after} s: {what}\n input:    {input}\n shortest: {shortest}\n \
                     guarded:  {}\n found:    {}",
                    report.inputs,
                    judge.principal(),
                    finding.guarded,
                    finding.what
                ));
                break;
            }
        }
    }
    report.slowest = judge.slowest;
    report
}

/// When an attack is over.
struct End {
    begun: Instant,
    at: Instant,
    found: AtomicBool,
}

async fn attack(dialect: Dialect) {
    let begun = Instant::now();
    let Some(servers) = Servers::start(dialect).await else { return };
    let database = Arc::new(rewrite::database(dialect));
    let seed = from_env("DIALEKTAI_ATTACK_SEED").unwrap_or(SEED);
    let seconds = from_env("DIALEKTAI_ATTACK_SECONDS").unwrap_or(SECONDS);
    let mut callers = callers(dialect);
    callers.truncate(if seconds < LONG { 2 } else { callers.len() });
    let mut prepared = Vec::new();
    for (index, (principal, indexes)) in callers.into_iter().enumerate() {
        let own_seed = seed.wrapping_mul(1_000).wrapping_add(index as u64);
        let inputs = Inputs::new(dialect, own_seed, &principal);
        let judge = Judge::new(&servers, &database, principal, indexes, dialect).await;
        prepared.push((judge, inputs));
    }
    let end =
        End { begun, at: begun + Duration::from_secs(seconds), found: AtomicBool::new(false) };
    let end = Arc::new(end);
    let attacks: Vec<_> = prepared
        .into_iter()
        .map(|(judge, inputs)| tokio::spawn(attack_as(judge, inputs, seed, end.clone())))
        .collect();
    let mut report = Report::default();
    for attack in attacks {
        match attack.await {
            Ok(own) => report.add(own),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    report.print(dialect.name());
    assert!(report.leaks.is_empty(), "{}", report.leaks.join("\n\n"));
    assert!(report.accepted > 20 && report.rows > 20, "an attack that nothing passes shows little");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_attack_on_sqlite() {
    attack(Dialect::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_attack_on_postgresql() {
    attack(Dialect::Postgresql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_attack_on_mariadb() {
    attack(Dialect::Mysql).await;
}
