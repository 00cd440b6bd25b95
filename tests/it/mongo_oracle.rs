//! The oracles on a server that speaks MongoDB's protocol: guarded on the shared database is as unguarded on `D|p`; and
//! two databases that differ only in what the caller may not read give the same, byte for byte.

pub(crate) mod answer;
mod columns;
mod generator;
mod masks;
mod other;
mod rows;
pub(crate) mod seed;
mod somewhere;

use std::sync::Arc;

use bson::{Bson, Document, doc};
use dialektai::guard::mongo::guard_mongo;
use dialektai::identity::Principal;
use dialektai::policy::Database;
use dialektai::predicate::PredicateSet;
use tokio::task::JoinHandle;

use crate::commute::{from_env, tables};
use crate::servers::mongodb::{Server, all, insert, run};
use crate::tally::Tally;
use crate::world;
use answer::{Answer, json, unordered};
use generator::Generator;
use other::other_secrets;
use seed::{Awkward, Seed, seed};

/// Commands for each principal; `DIALEKTAI_ORACLE_QUERIES` asks for more.
const QUERIES: usize = 520;
const SEED: u64 = 82;

/// The server itself: it holds what it is told, past the first batch, and through a crash.
#[tokio::test]
async fn the_server_answers_and_starts_again() {
    // What was written last need not be there after a crash otherwise.
    let settings = ["--sync-on-commit"];
    let Some(mut server) = Server::start(&settings).await else { return };
    let database = server.database("smoke").await;
    let documents: Vec<_> = (0..700_i64).map(|n| doc! { "_id": n, "of": n % 7 }).collect();
    insert(&database, "numbers", &documents).await;
    let find = doc! { "find": "numbers", "filter": { "of": 3_i64 }, "batchSize": 10 };
    assert_eq!(all(&database, &find).await.unwrap().len(), 100);
    let wrong = doc! { "aggregate": "numbers", "pipeline": [{ "$nonesuch": 1 }], "cursor": {} };
    assert!(all(&database, &wrong).await.unwrap_err().contains("40324"));
    server.kill();
    server.restart(&settings).await;
    let database = server.database("smoke").await;
    let count = run(&database, doc! { "count": "numbers", "query": {} }).await;
    assert_eq!(count.get_i32("n").unwrap(), 700);
}

/// The shared database beside a principal's own copy of it.
struct Sides<'a> {
    policies: &'a Database,
    principal: &'a Principal,
    filters: Arc<PredicateSet>,
    shared: mongodb::Database,
    own: mongodb::Database,
}

/// What became of one command.
enum Look {
    Refused(&'static str),
    /// Refused, and the server does not run it either.
    Invalid,
    /// The same, so many documents.
    Same(usize),
    /// The same error.
    Fails,
    /// The same but for an order that nothing promises.
    ByOrder(usize),
    /// With all that there is to say of it.
    Differs(String),
}

impl Sides<'_> {
    async fn look(&self, command: &Document) -> Look {
        let Self { policies, principal, filters, shared, own } = self;
        let text = json(&Bson::Document(command.clone()));
        let guarded = match guard_mongo(&text, &policies.catalog, filters) {
            Ok(guarded) => guarded,
            Err(refusal) => {
                let ran = answer::plain(own, command).await;
                if std::env::var_os("DIALEKTAI_ORACLE_REFUSED").is_some() {
                    eprintln!("refused: {refusal}: {text}: {:?}", ran.as_ref().err());
                }
                // What the server would not run either is no loss.
                return if ran.is_ok() {
                    Look::Refused(refusal.code.as_str())
                } else {
                    Look::Invalid
                };
            }
        };
        let expected = answer::plain(own, command).await;
        let actual = answer::guarded(shared, guarded.query()).await;
        let differs = || {
            let guarded = guarded.query().text();
            Look::Differs(format!(
                "{principal:?}\n  query:    {text}\n  guarded:  {guarded}\n  shared:   {actual:?}\n  own copy: {expected:?}"
            ))
        };
        match (&actual, &expected) {
            (Ok(found), Ok(wanted)) if format!("{found:?}") == format!("{wanted:?}") => {
                Look::Same(found.len())
            }
            (Ok(found), Ok(wanted)) if unordered(found) == unordered(wanted) => {
                Look::ByOrder(found.len())
            }
            (Err(found), Err(wanted)) if found.code == wanted.code => {
                if std::env::var_os("DIALEKTAI_ORACLE_FAILED").is_some() {
                    eprintln!("fails: {found:?}: {text}");
                }
                Look::Fails
            }
            (Ok(_), Ok(_)) | (Err(_), Err(_)) => differs(),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => {
                // Which of the caller's own documents an expression meets before a later `$match` or `$limit` has
                // dropped them is the server's choice. It must not depend on documents of others.
                let alone = answer::guarded(own, guarded.query()).await;
                if same(&alone, &actual) { Look::ByOrder(0) } else { differs() }
            }
        }
    }

    async fn compare(&self, command: &Document, tally: &mut Tally) {
        tally.queries += 1;
        match self.look(command).await {
            Look::Refused(code) => *tally.refused.entry(code.to_owned()).or_default() += 1,
            Look::Invalid => tally.invalid += 1,
            Look::Same(found) => tally.rows += found,
            Look::Fails => tally.failed += 1,
            Look::ByOrder(found) => {
                tally.rows += found;
                tally.order_dependent += 1;
            }
            Look::Differs(about) => panic!("{}", self.smallest(command, about).await),
        }
    }

    /// The same with as few stages as show it.
    async fn smallest(&self, command: &Document, mut about: String) -> String {
        let mut smallest = command.clone();
        let mut at = 0;
        while let Ok(stages) = smallest.get_array("pipeline")
            && at < stages.len()
        {
            let mut fewer = smallest.clone();
            fewer.get_array_mut("pipeline").unwrap().remove(at);
            match self.look(&fewer).await {
                Look::Differs(smaller) => (smallest, about) = (fewer, smaller),
                _ => at += 1,
            }
        }
        about
    }
}

fn same(left: &Answer, right: &Answer) -> bool {
    match (left, right) {
        (Ok(left), Ok(right)) => unordered(left) == unordered(right),
        (Err(left), Err(right)) => left == right,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}

/// The commands of one principal.
fn generated(
    policies: &Database,
    seed: &Seed,
    index: usize,
    principal: &Principal,
) -> Vec<Document> {
    let number = from_env("DIALEKTAI_ORACLE_SEED").unwrap_or(SEED) + 8 * index as u64;
    let mut generator = Generator::new(&policies.catalog, seed, &tables(principal), number);
    let count = from_env("DIALEKTAI_ORACLE_QUERIES").unwrap_or(QUERIES);
    (0..count).map(|_| generator.command()).collect()
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

#[tokio::test(flavor = "multi_thread")]
async fn generated_commands_commute() {
    let Some(server) = Server::start(&[]).await else { return };
    let policies = Arc::new(seed::database());
    let seed = Arc::new(seed(&policies, Awkward::Yes).await);
    let shared = server.database("shared").await;
    answer::fill(&shared, &seed).await;
    let mut tasks = Vec::new();
    for (index, principal) in world::principals().into_iter().enumerate() {
        let (policies, seed, shared) = (policies.clone(), seed.clone(), shared.clone());
        let own = server.database(&format!("own_{index}")).await;
        tasks.push(tokio::spawn(async move {
            answer::fill(&own, &seed::own(&seed, &policies, &principal)).await;
            let filters = policies.predicates_for(&principal).unwrap();
            let sides = Sides { policies: &policies, principal: &principal, filters, shared, own };
            let mut tally = Tally::default();
            for command in generated(&policies, &seed, index, &principal) {
                sides.compare(&command, &mut tally).await;
            }
            tally
        }));
    }
    let tally = joined(tasks).await;
    tally.print("commutation on a server of MongoDB's protocol");
    let refused: usize = tally.refused.values().sum();
    assert!(tally.queries - refused - tally.invalid >= 3_000, "too few commands are accepted");
    assert!(refused * 10 < tally.queries, "more than a tenth of ordinary commands is refused");
    assert!(tally.failed * 10 < tally.queries, "more than a tenth fails, which compares little");
    assert!(tally.order_dependent * 50 < tally.queries, "too much depends on the server's order");
    assert!(tally.rows > tally.queries, "fewer than one document a command compares little");
}

/// What only documents and fields hold that no caller may read.
fn assert_nothing_hidden(answer: &Answer, about: &str) {
    let shown = format!("{answer:?}");
    assert!(!shown.contains("hidden ") && !shown.contains("\"secret\""), "{about}: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn paired_secrets_give_the_same_documents() {
    let Some(server) = Server::start(&[]).await else { return };
    let policies = Arc::new(seed::database());
    let seed = Arc::new(seed(&policies, Awkward::Yes).await);
    let shared = server.database("shared").await;
    answer::fill(&shared, &seed).await;
    let mut tasks = Vec::new();
    for (index, principal) in world::principals().into_iter().enumerate() {
        let (policies, seed, shared) = (policies.clone(), seed.clone(), shared.clone());
        let paired = server.database(&format!("paired_{index}")).await;
        tasks.push(tokio::spawn(async move {
            answer::fill(&paired, &other_secrets(&seed, &policies, &principal)).await;
            let filters = policies.predicates_for(&principal).unwrap();
            let mut tally = Tally::default();
            // Another set of commands than the one above.
            for command in generated(&policies, &seed, index + 4, &principal) {
                tally.queries += 1;
                let text = json(&Bson::Document(command));
                let Ok(guarded) = guard_mongo(&text, &policies.catalog, &filters) else {
                    *tally.refused.entry("any".to_owned()).or_default() += 1;
                    continue;
                };
                let first = answer::guarded(&shared, guarded.query()).await;
                let second = answer::guarded(&paired, guarded.query()).await;
                let about = format!(
                    "{principal:?}\n  query:   {text}\n  guarded: {}",
                    guarded.query().text()
                );
                assert_nothing_hidden(&first, &about);
                assert_nothing_hidden(&second, &about);
                // In the order in which they came, with the types of all values; of an error the code and the text.
                match (&first, &second) {
                    (Ok(first), Ok(second)) => assert_eq!(
                        bytes(first),
                        bytes(second),
                        "{about}\n  {first:?}\n  {second:?}"
                    ),
                    (first, second) => {
                        assert_eq!(first.as_ref().err(), second.as_ref().err(), "{about}");
                    }
                }
                tally.failed += usize::from(first.is_err());
                tally.rows += first.map_or(0, |own| own.len());
            }
            tally
        }));
    }
    let tally = joined(tasks).await;
    tally.print("paired secrets on a server of MongoDB's protocol");
    assert!(tally.rows > tally.queries, "fewer than one document a command compares little");
}

fn bytes(answer: &[Bson]) -> Vec<u8> {
    doc! { "answer": answer.to_vec() }.to_vec().unwrap()
}
