//! The commutation oracle: the guarded query on the shared database gives what the original gives on `D|p`.
//!
//! And the paired secrets: on two databases that differ only in rows that the caller may not read, the guarded query
//! gives the same. On every engine that is installed; what is given includes warnings, and what a session keeps.

pub(crate) mod generator;
pub(crate) mod plans;
pub(crate) mod secrets;

use std::sync::Arc;

use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::Database;
use dialektai::predicate::PredicateSet;
use tokio::task::JoinHandle;

use crate::live::Live;
use crate::live::copies::{Permitted, Servers};
use crate::rewrite;
use crate::tally::{Tally, sorted};
use crate::useful;
use crate::world::{self, Indexes};
use generator::{Flavor, Generator};
use secrets::Secrets;

/// Queries for each principal; `DIALEKTAI_ORACLE_QUERIES` asks for more.
const QUERIES: usize = 1_000;

/// Where every query is a conversation with a server.
const QUERIES_ON_SERVERS: usize = 450;

/// Another seed is another set of queries: `DIALEKTAI_ORACLE_SEED`.
const SEED: u64 = 82;

pub(crate) fn from_env<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn queries(dialect: Dialect) -> usize {
    let few = if dialect == Dialect::Sqlite { QUERIES } else { QUERIES_ON_SERVERS };
    from_env("DIALEKTAI_ORACLE_QUERIES").unwrap_or(few)
}

fn seed() -> u64 {
    from_env("DIALEKTAI_ORACLE_SEED").unwrap_or(SEED)
}

/// The relations that a principal may read.
pub(crate) fn tables(principal: &Principal) -> Vec<&'static str> {
    match principal.scope {
        Some(_) => vec!["tasks", "countries"],
        None => vec!["projects", "tasks", "users", "time_entries", "countries"],
    }
}

/// The shared database beside a principal's own copy of it.
struct Sides<'a> {
    database: &'a Database,
    principal: &'a Principal,
    filters: Arc<PredicateSet>,
    shared: Live,
    own: Live,
    secrets: Secrets,
}

impl Sides<'_> {
    /// Queries under one plan after another.
    async fn compare_all(&mut self, queries: &[String], tally: &mut Tally) {
        let plans = plans::of(self.shared.dialect());
        let chunk = queries.len().div_ceil(plans.len()).max(1);
        for (queries, plan) in queries.chunks(chunk).zip(plans) {
            plans::choose(&mut self.shared, plan).await;
            let before = self.shared.session().await;
            for query in queries {
                self.compare(query, tally).await;
            }
            assert_eq!(self.shared.session().await, before, "a query left something behind");
        }
    }

    async fn compare(&mut self, query: &str, tally: &mut Tally) {
        let Self { database, principal, filters, shared, own, secrets } = self;
        tally.queries += 1;
        let guarded = match guard_sql(query, shared.dialect(), &database.catalog, filters) {
            Ok(guarded) => guarded,
            Err(refusal) => {
                // What the engine would not run either is no loss.
                match own.run(query).await {
                    Ok(_) => {
                        if std::env::var_os("DIALEKTAI_ORACLE_REFUSED").is_some() {
                            eprintln!("refused: {refusal}: {query}");
                        }
                        *tally.refused.entry(refusal.code.as_str().to_owned()).or_default() += 1;
                    }
                    Err(error) => {
                        if std::env::var_os("DIALEKTAI_ORACLE_REFUSED").is_some() {
                            eprintln!("invalid: {refusal}: {error}: {query}");
                        }
                        tally.invalid += 1;
                    }
                }
                return;
            }
        };
        let text = guarded.query().text();
        let expected = own.run(query).await;
        let actual = shared.run_guarded(guarded.query()).await;
        if !actual.warnings.is_empty() {
            // Which of the caller's rows an expression is asked about first is the plan's choice, and a warning quotes
            // one. It must not be of a row that the caller may not read.
            let alone = own.run_guarded(guarded.query()).await;
            tally.warned += 1;
            tally.warned_otherwise += usize::from(actual.warnings != alone.warnings);
            for warning in actual.warnings.iter().filter(|own| !alone.warnings.contains(own)) {
                assert_eq!(
                    secrets.quoted(warning, query),
                    None,
                    "{principal:?}: {warning}\n  query: {query}\n  guarded: {text}"
                );
            }
        }
        let actual = actual.outcome;
        if actual.is_err() != expected.is_err() {
            // An expression of the query's own fails on some of the caller's rows, and which rows an engine looks at
            // before a join or a LIMIT has dropped them is its own choice: it chose differently for the guarded text.
            // That must not depend on what the caller may not read, so the guarded text is asked on `D|p` as well,
            // where one of the plans must explain it.
            tally.order_dependent += 1;
            assert!(
                guarded.query().fence().is_some(),
                "no expression may fail: {:?} {:?}\n  query: {query}\n  guarded: {text}",
                actual.err(),
                expected.err()
            );
            let alone = plans::outcomes(own, guarded.query()).await;
            assert!(
                alone.iter().any(|alone| sorted(alone) == sorted(&actual)),
                "{principal:?}\n  query: {query}\n  guarded: {text}\n  {actual:?}\n  {expected:?}\n  {alone:?}"
            );
            return;
        }
        assert_eq!(
            sorted(&actual),
            sorted(&expected),
            "{principal:?}\n  query:    {query}\n  guarded:  {text}\n  shared:   {actual:?}\n  own copy: {expected:?}",
        );
        match actual {
            Ok(rows) => tally.rows += rows.len(),
            Err(error) => {
                if std::env::var_os("DIALEKTAI_ORACLE_FAILED").is_some() {
                    eprintln!("fails: {error}: {query}");
                }
                tally.failed += 1;
            }
        }
    }
}

/// What is asked for one principal, with one set of indexes.
type Make = fn(Dialect, usize, &Principal, Indexes) -> Vec<String>;

/// Compares the queries of `make` for every principal and every set of indexes. The principals are asked for side by
/// side: talking to a server is mostly waiting.
async fn commute(dialect: Dialect, make: Make) -> Option<Tally> {
    let servers = Arc::new(Servers::start(dialect).await?);
    let database = Arc::new(rewrite::database(dialect));
    let tasks: Vec<_> = world::principals()
        .into_iter()
        .enumerate()
        .map(|(index, principal)| {
            let (servers, database) = (servers.clone(), database.clone());
            tokio::spawn(async move {
                let mut tally = Tally::default();
                let permitted = Permitted::of(&database, &principal).await;
                for indexes in Indexes::of(dialect) {
                    let mut shared = servers.shared(*indexes).await;
                    let mut own = servers.own(&permitted, *indexes).await;
                    let secrets = Secrets::of(&database, &mut shared, &mut own).await;
                    let (database, principal) = (database.as_ref(), &principal);
                    let filters = database.predicates_for(principal).unwrap();
                    let mut sides = Sides { database, principal, filters, shared, own, secrets };
                    let queries = make(dialect, index, principal, *indexes);
                    sides.compare_all(&queries, &mut tally).await;
                }
                tally
            })
        })
        .collect();
    Some(joined(tasks).await)
}

async fn joined(tasks: Vec<JoinHandle<Tally>>) -> Tally {
    let mut tally = Tally::default();
    for task in tasks {
        match task.await {
            Ok(own) => tally.add(own),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    tally
}

/// The generated queries of one principal and one set of indexes.
fn generated(
    dialect: Dialect,
    index: usize,
    principal: &Principal,
    indexes: Indexes,
) -> Vec<String> {
    let seed = seed().wrapping_add(index as u64 * 8 + indexes as u64);
    let mut generator = Generator::new(Flavor::of(dialect), seed, tables(principal));
    (0..queries(dialect) / Indexes::of(dialect).len()).map(|_| generator.query()).collect()
}

async fn generated_queries_commute(dialect: Dialect) {
    let Some(tally) = commute(dialect, generated).await else { return };
    tally.print(&format!("commutation on {}", dialect.name()));
    let refused: usize = tally.refused.values().sum();
    assert!(refused * 10 < tally.queries, "more than a tenth of ordinary queries is refused");
    assert!(
        tally.failed * 10 < tally.queries,
        "more than a tenth of the queries fails, which compares little"
    );
    assert!(
        tally.order_dependent * 100 < tally.queries,
        "more than a hundredth depends on the engine's order"
    );
    assert!(tally.rows > tally.queries, "fewer than one row a query compares little");
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_queries_commute_on_sqlite() {
    generated_queries_commute(Dialect::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_queries_commute_on_postgresql() {
    generated_queries_commute(Dialect::Postgresql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_queries_commute_on_mariadb() {
    generated_queries_commute(Dialect::Mysql).await;
}

async fn hand_written_queries_commute(dialect: Dialect) {
    let make: Make = |dialect, _, _, _| world::fixture_queries(dialect.name());
    let Some(tally) = commute(dialect, make).await else { return };
    tally.print(&format!("commutation of fixtures on {}", dialect.name()));
    assert!(tally.rows > 1_000, "too few rows were compared");
}

#[tokio::test(flavor = "multi_thread")]
async fn hand_written_queries_commute_on_sqlite() {
    hand_written_queries_commute(Dialect::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hand_written_queries_commute_on_postgresql() {
    hand_written_queries_commute(Dialect::Postgresql).await;
}

/// Ordinary queries run: none of them fails, and what the guard refuses the engine runs.
async fn useful_queries_commute(dialect: Dialect) {
    let make: Make =
        |dialect, _, _, _| useful::corpus(dialect).into_iter().map(|own| own.text).collect();
    let Some(tally) = commute(dialect, make).await else { return };
    tally.print(&format!("commutation of ordinary queries on {}", dialect.name()));
    assert_eq!((tally.failed, tally.invalid), (0, 0), "a query of the corpus does not run");
    assert!(tally.rows > 2 * tally.queries, "too few rows were compared");
}

#[tokio::test(flavor = "multi_thread")]
async fn useful_queries_commute_on_sqlite() {
    useful_queries_commute(Dialect::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn useful_queries_commute_on_postgresql() {
    useful_queries_commute(Dialect::Postgresql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn useful_queries_commute_on_mariadb() {
    useful_queries_commute(Dialect::Mysql).await;
}

/// Compares the shared database with one of other secrets, for one principal.
async fn compare_secrets(
    dialect: Dialect,
    servers: &Servers,
    database: &Database,
    (index, principal): (usize, Principal),
) -> Tally {
    let mut tally = Tally::default();
    let indexes = *Indexes::of(dialect).last().unwrap();
    let filters = database.predicates_for(&principal).unwrap();
    let permitted = Permitted::of(database, &principal).await;
    let mut shared = servers.shared(indexes).await;
    let mut paired = servers.other_secrets(&permitted, indexes).await;
    let secrets = Secrets::between(database, &mut shared, &mut paired).await;
    let before = (shared.session().await, paired.session().await);
    let seed = seed().wrapping_mul(31).wrapping_add(index as u64);
    let mut generator = Generator::new(Flavor::of(dialect), seed, tables(&principal));
    let generated = (0..queries(dialect) / 4).map(|_| generator.query());
    for query in generated.chain(world::fixture_queries(dialect.name())) {
        tally.queries += 1;
        let Ok(guarded) = guard_sql(&query, dialect, &database.catalog, &filters) else {
            *tally.refused.entry("any".to_owned()).or_default() += 1;
            continue;
        };
        let mut first = shared.run_guarded(guarded.query()).await;
        let mut second = paired.run_guarded(guarded.query()).await;
        if dialect != Dialect::Sqlite {
            // Where a row lies on a page is not what a query asked for.
            for side in [&mut first, &mut second] {
                side.outcome.as_mut().into_iter().for_each(|rows| rows.sort());
            }
        }
        let about =
            format!("{principal:?}\n  query:   {query}\n  guarded: {}", guarded.query().text());
        assert_eq!(first.outcome, second.outcome, "{about}");
        // MariaDB plans by the statistics of whole tables, so which of the caller's own rows an expression meets may
        // differ; what a warning quotes may not be of any other row. Elsewhere even that is the same.
        let (first_warnings, second_warnings) = (&first.warnings, &second.warnings);
        assert!(dialect == Dialect::Mysql || first_warnings == second_warnings, "{about}");
        for warning in first_warnings.iter().chain(second_warnings) {
            if !(first_warnings.contains(warning) && second_warnings.contains(warning)) {
                assert_eq!(secrets.quoted(warning, &query), None, "{warning}: {about}");
            }
        }
        tally.failed += usize::from(first.outcome.is_err());
        tally.warned += usize::from(!first_warnings.is_empty());
        tally.warned_otherwise += usize::from(first_warnings != second_warnings);
        tally.rows += first.outcome.map_or(0, |rows| rows.len());
    }
    let after = (shared.session().await, paired.session().await);
    assert_eq!(after, before, "a query left something behind");
    tally
}

async fn paired_secrets_give_the_same(dialect: Dialect) {
    let Some(servers) = Servers::start(dialect).await else { return };
    let (servers, database) = (Arc::new(servers), Arc::new(rewrite::database(dialect)));
    let asked = world::principals().into_iter().enumerate().map(|asking| {
        let (servers, database) = (servers.clone(), database.clone());
        tokio::spawn(async move { compare_secrets(dialect, &servers, &database, asking).await })
    });
    let tally = joined(asked.collect()).await;
    tally.print(&format!("paired secrets on {}", dialect.name()));
}

#[tokio::test(flavor = "multi_thread")]
async fn paired_secrets_give_the_same_on_sqlite() {
    paired_secrets_give_the_same(Dialect::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paired_secrets_give_the_same_on_postgresql() {
    paired_secrets_give_the_same(Dialect::Postgresql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paired_secrets_give_the_same_on_mariadb() {
    paired_secrets_give_the_same(Dialect::Mysql).await;
}
