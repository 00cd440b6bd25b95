//! The commutation oracle: the guarded query on the shared database gives what the original gives on `D|p`.
//!
//! And the paired secrets: on two databases that differ only in rows that the caller may not read, the guarded query
//! gives the same bytes.

mod generator;

use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::Database;
use sqlx::sqlite::SqliteConnection;

use crate::tally::{Tally, sorted};
use crate::world::{self, Indexes};
use generator::Generator;

/// Queries for each principal; `DIALEKTAI_ORACLE_QUERIES` asks for more.
const QUERIES: usize = 1_000;

/// Another seed is another set of queries: `DIALEKTAI_ORACLE_SEED`.
const SEED: u64 = 82;

fn from_env<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The relations that a principal may read.
fn tables(principal: &Principal) -> Vec<&'static str> {
    match principal.scope {
        Some(_) => vec!["tasks", "countries"],
        None => vec!["projects", "tasks", "users", "time_entries", "countries"],
    }
}

async fn compare(
    database: &Database,
    principal: &Principal,
    indexes: Indexes,
    queries: impl Iterator<Item = String>,
    tally: &mut Tally,
) {
    let filters = database.predicates_for(principal).unwrap();
    let mut shared = world::shared(indexes).await;
    let mut own = world::restricted(database, principal, indexes).await;
    for query in queries {
        tally.queries += 1;
        let guarded = match guard_sql(&query, Dialect::Sqlite, &database.catalog, &filters) {
            Ok(guarded) => guarded,
            Err(refusal) => {
                // What the engine would not run either is no loss.
                if world::run_text(&mut own, &query).await.is_ok() {
                    if std::env::var_os("DIALEKTAI_ORACLE_REFUSED").is_some() {
                        eprintln!("refused: {refusal}: {query}");
                    }
                    *tally.refused.entry(refusal.code.as_str().to_owned()).or_default() += 1;
                } else {
                    tally.invalid += 1;
                }
                continue;
            }
        };
        let text = guarded.query().text();
        let expected = world::run_text(&mut own, &query).await;
        let actual = world::run_guarded(&mut shared, guarded.query()).await;
        if actual.is_err() != expected.is_err() {
            // An expression of the query's own fails on some of the caller's rows, and which rows an engine looks at
            // before a join or a LIMIT has dropped them is its own choice: it chose differently for the guarded text.
            // That must not depend on what the caller may not read, so the guarded text is asked on `D|p` as well.
            tally.order_dependent += 1;
            let alone = world::run_guarded(&mut own, guarded.query()).await;
            assert!(
                guarded.query().fence().is_some(),
                "no expression may fail: {:?} {:?}\n  query: {query}\n  guarded: {text}",
                actual.err(),
                expected.err()
            );
            assert_eq!(
                sorted(&actual),
                sorted(&alone),
                "{principal:?}\n  query: {query}\n  guarded: {text}"
            );
            continue;
        }
        assert_eq!(
            sorted(&actual),
            sorted(&expected),
            "{principal:?}\n  query:    {query}\n  guarded:  {text}\n  shared:   {actual:?}\n  own copy: {expected:?}",
        );
        match actual {
            Ok(rows) => tally.rows += rows.len(),
            Err(_) => tally.failed += 1,
        }
    }
}

#[tokio::test]
async fn generated_queries_commute() {
    let database = world::demo();
    let mut tally = Tally::default();
    let seed = from_env("DIALEKTAI_ORACLE_SEED", SEED);
    for (index, principal) in world::principals().iter().enumerate() {
        let mut generator = Generator::new(seed.wrapping_add(index as u64), tables(principal));
        for indexes in [Indexes::Tenant, Indexes::Hostile] {
            let queries =
                (0..from_env("DIALEKTAI_ORACLE_QUERIES", QUERIES) / 2).map(|_| generator.query());
            compare(&database, principal, indexes, queries, &mut tally).await;
        }
    }
    tally.print("commutation");
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

#[tokio::test]
async fn hand_written_queries_commute() {
    let database = world::demo();
    let mut tally = Tally::default();
    for principal in world::principals() {
        for indexes in [Indexes::Tenant, Indexes::Hostile] {
            compare(&database, &principal, indexes, fixture_queries(), &mut tally).await;
        }
    }
    tally.print("commutation of fixtures");
}

fn fixture_queries() -> impl Iterator<Item = String> {
    world::fixture_queries("sqlite").into_iter()
}

/// Changes every row that the principal may not read: other values, fewer rows, new rows.
async fn other_secrets(database: &Database, principal: &Principal) -> SqliteConnection {
    let mut connection = world::shared(Indexes::Hostile).await;
    for relation in &database.catalog.relations {
        let kept = world::permitted(&mut connection, database, principal, relation).await;
        let kept = kept.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let table = &relation.name.name;
        let mut assignments = Vec::new();
        for column in &relation.columns {
            let name = column.name.as_str();
            let fixed = relation.primary_key.contains(&column.name)
                || ["customer_id", "assigned_to"].contains(&name);
            if !fixed {
                assignments.push(format!(
                    "{name} = CASE typeof({name}) WHEN 'text' THEN 'secret' || hex({name}) \
                     WHEN 'integer' THEN ~{name} WHEN 'real' THEN {name} * 3 + 1 ELSE 'was null' END"
                ));
            }
        }
        let hidden = format!("rowid NOT IN ({kept})");
        let assignments = assignments.join(", ");
        let statements = [
            format!("UPDATE {table} SET {assignments} WHERE {hidden}"),
            format!("DELETE FROM {table} WHERE {hidden} AND rowid % 3 = 0"),
        ];
        for statement in statements {
            world::execute(&mut connection, &statement).await;
        }
    }
    connection
}

#[tokio::test]
async fn paired_secrets_give_the_same_bytes() {
    let database = world::demo();
    let mut tally = Tally::default();
    let seed = from_env("DIALEKTAI_ORACLE_SEED", SEED).wrapping_mul(31);
    for (index, principal) in world::principals().iter().enumerate() {
        let filters = database.predicates_for(principal).unwrap();
        let mut shared = world::shared(Indexes::Hostile).await;
        let mut paired = other_secrets(&database, principal).await;
        let mut generator = Generator::new(seed.wrapping_add(index as u64), tables(principal));
        let generated =
            (0..from_env("DIALEKTAI_ORACLE_QUERIES", QUERIES) / 4).map(|_| generator.query());
        for query in generated.chain(fixture_queries()) {
            tally.queries += 1;
            let Ok(guarded) = guard_sql(&query, Dialect::Sqlite, &database.catalog, &filters)
            else {
                *tally.refused.entry("any".to_owned()).or_default() += 1;
                continue;
            };
            let first = world::run_guarded(&mut shared, guarded.query()).await;
            let second = world::run_guarded(&mut paired, guarded.query()).await;
            assert_eq!(
                first,
                second,
                "{principal:?}\n  query:   {query}\n  guarded: {}",
                guarded.query().text()
            );
            tally.rows += first.map_or(0, |rows| rows.len());
        }
    }
    tally.print("paired secrets");
}

/// The oracle itself must be able to tell: what the principal may read is neither nothing nor everything.
#[tokio::test]
async fn the_oracle_is_not_degenerate() {
    let database = world::demo();
    let mut shared = world::shared(Indexes::Tenant).await;
    for principal in world::principals() {
        for relation in &database.catalog.relations {
            let name = relation.name.name.as_str();
            let all = world::entities(&mut shared, relation).await.len();
            let kept = world::permitted(&mut shared, &database, &principal, relation).await.len();
            // No such tenant, no such assignee, no rule for comments, and a scope closes what it does not name.
            let none = principal == world::principal(1, None)
                || principal == world::principal(5_309, Some("nobody"))
                || name == "comments"
                || (principal.scope.is_some() && name != "tasks");
            match name {
                "countries" => assert_eq!(kept, all, "{principal:?} {name}"),
                _ if none => assert_eq!(kept, 0, "{principal:?} {name}"),
                _ => assert!(0 < kept && kept < all, "{principal:?} {name}: {kept} of {all}"),
            }
        }
    }
}
