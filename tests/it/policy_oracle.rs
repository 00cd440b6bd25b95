//! Filters against Cedar's own verdict, row by row: hand-written hostile policies and random ones.
//!
//! Nothing here says which rows a policy should give. That is Cedar's to say, and the filter must agree.

mod cases;
pub(crate) mod claims;
mod columns;
mod documents;
mod generator;
mod native;
mod related;
mod rows;
mod shrink;
mod stored;

use std::collections::{BTreeMap, BTreeSet};

use dialektai::catalog::RelationName;
use dialektai::identity::{Principal, TenantId};
use dialektai::policy::{Database, LoadError, Sources};
use dialektai::predicate::Row;
use rand::SeedableRng as _;

use cases::{CASES, Visible};
use generator::Generator;
pub(crate) use rows::rows;
use shrink::shrink;
use stored::Stored;

pub(crate) fn load(policies: &str) -> Result<Database, LoadError> {
    let sources = Sources {
        settings: include_str!("../../fixtures/policies/database.toml").to_owned(),
        catalog: include_str!("../../fixtures/policies/catalog.toml").to_owned(),
        policies: vec![("case.cedar".to_owned(), policies.to_owned())],
    };
    Database::from_sources("hostile".parse().unwrap(), &sources)
}

pub(crate) fn principals() -> Vec<Principal> {
    let principal = |tenant, scope: Option<&str>| {
        let scope = scope.map(|scope| scope.parse().unwrap());
        Principal::new(Some(TenantId::Integer(tenant)), scope)
    };
    vec![
        principal(82, None),
        principal(82, Some("ann")).with_claims(claims::some()),
        principal(1, Some("Ann")).with_claims(claims::empty_sets()),
        principal(i64::MAX, Some("100%_x")).with_claims(claims::hostile()),
    ]
}

fn main_relation(name: &str) -> RelationName {
    RelationName { schema: "main".to_owned(), name: name.to_owned() }
}

/// How many rows of each relation the principals see, together; or the first disagreement, with its principal and row.
fn compare(
    database: &Database,
    principals: &[Principal],
    rows: &[(&'static str, String, Row)],
    stored: &mut [Stored],
) -> Result<BTreeMap<&'static str, usize>, String> {
    let mut visible = BTreeMap::new();
    for principal in principals {
        let mut expected_keys = BTreeSet::new();
        let filters = database.predicates_for(principal).map_err(|error| error.to_string())?;
        for (name, key, row) in rows {
            let relation = main_relation(name);
            let filter = filters.filter_for(&relation);
            let expected = database.is_authorized(principal, &relation, key, row);
            if filter.keeps(row) != expected {
                return Err(format!(
                    "Cedar says {expected} of {relation} row {key} for {principal:?}\nrow: {row:?}\nfilter: {filter:?}"
                ));
            }
            *visible.entry(*name).or_default() += usize::from(expected);
            if expected && *name == "facts" {
                expected_keys.insert(key.clone());
            }
        }
        let filter = filters.filter_for(&main_relation("facts"));
        for engine in stored.iter_mut().filter(|engine| engine.takes(filter)) {
            let name = engine.name();
            let emitted = engine.visible(filter);
            let expected: BTreeSet<String> =
                expected_keys.intersection(&engine.keys).cloned().collect();
            if emitted != expected {
                return Err(format!(
                    "{name} keeps the rows {emitted:?}, and Cedar {expected:?}, for {principal:?}\nfilter: {filter:?}"
                ));
            }
        }
    }
    Ok(visible)
}

#[test]
fn rows_are_entities_of_the_catalog() {
    let open = "@id(\"open\") permit (principal, action, resource);";
    let database = load(open).unwrap();
    for (relation, key, row) in rows() {
        let principal = &principals()[0];
        assert!(
            database.is_authorized(principal, &main_relation(relation), &key, &row),
            "{relation} row {key} cannot be an entity"
        );
    }
}

#[test]
fn hostile_policies_give_what_cedar_gives() {
    let principals = principals();
    let rows = rows();
    let mut stored = Stored::on_every_engine(&rows);
    let mut degenerate = Vec::new();
    let own = CASES.iter().map(|(policies, visible)| ((*policies).to_owned(), visible.clone()));
    for (policies, expected) in related::cases().into_iter().chain(claims::cases()).chain(own) {
        let policies = policies.as_str();
        let database = load(policies).unwrap_or_else(|error| panic!("{error}\n{policies}"));
        // Principals see the same where no policy looks at them.
        let looks = policies.contains("principal.") || policies.contains("principal has");
        let asking = if looks { principals.as_slice() } else { &principals[..1] };
        let total =
            |relation: &str| asking.len() * rows.iter().filter(|(of, ..)| *of == relation).count();
        let visible = compare(&database, asking, &rows, &mut stored)
            .unwrap_or_else(|said| panic!("{said}\n{policies}"));
        // A filter that keeps nothing or everything agrees with many wrong ones.
        let fits = match expected {
            Visible::Some(relation) => (1..total(relation)).contains(&visible[relation]),
            Visible::Nothing(_) => visible["facts"] == 0,
            Visible::Everything(_) => visible["facts"] == total("facts"),
        };
        if !fits {
            degenerate.push(format!("{visible:?}: {policies}"));
        }
    }
    assert!(degenerate.is_empty(), "degenerate cases:\n{}", degenerate.join("\n"));
}

/// Every set is asked on every engine, and every second one in each test, so that two of them run at a time.
#[test]
fn random_policies_give_what_cedar_gives() {
    random_policies(0);
}

#[test]
fn other_random_policies_give_what_cedar_gives() {
    random_policies(1);
}

fn random_policies(half: usize) {
    const SEED: u64 = 20_261_124;
    const SETS: usize = 520;
    let mut generator = Generator::new(rand_chacha::ChaCha8Rng::seed_from_u64(SEED));
    let (mut policies, mut sets, mut refused, mut degenerate) = (0, 0, 0, 0);
    let principals = principals();
    let rows = rows();
    let mut stored = Stored::on_every_engine(&rows);
    let facts: Vec<_> = rows.into_iter().filter(|(of, ..)| *of == "facts").collect();
    for set in 0..SETS {
        let (text, count) = generator.policy_set();
        if set % 2 != half {
            continue;
        }
        // Two principals for each set: the oracle takes its time, and more policies find more than more principals.
        let other = set / 2 % 2;
        let asking = [&principals[other], &principals[2 + other]].map(Clone::clone);
        policies += count;
        sets += 1;
        match load(&text) {
            Ok(database) => {
                let visible = compare(&database, &asking, &facts, &mut stored);
                let visible = visible.unwrap_or_else(|said| {
                    let (small, said) = shrink(&text, said, &mut |text| {
                        let database = load(text).ok()?;
                        compare(&database, &asking, &facts, &mut stored).err()
                    });
                    panic!("{said}\n\npolicies, made small:\n{small}\n\nas they were:\n{text}")
                });
                degenerate += usize::from(visible["facts"] == 0);
            }
            Err(error) => {
                // The generator writes what is supported, so only the warning that a policy is idle may come.
                for problem in error.problems() {
                    assert!(
                        problem.to_string().contains("can satisfy the policy"),
                        "{error}\n{text}"
                    );
                }
                refused += 1;
            }
        }
    }
    println!(
        "seed {SEED}: {policies} policies in {sets} sets, {refused} sets refused, {degenerate} see nothing"
    );
    assert!(policies >= 1_000, "only {policies} policies");
    assert!(refused * 3 < sets, "{refused} of {sets} sets were refused");
    assert!(degenerate * 3 < sets * 2, "{degenerate} of {sets} sets see nothing");
}
