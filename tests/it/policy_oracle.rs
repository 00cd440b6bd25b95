//! Filters against Cedar's own verdict, row by row: hand-written hostile policies and random ones.
//!
//! Nothing here says which rows a policy should give. That is Cedar's to say, and the filter must agree.

mod cases;
mod generator;
mod rows;

use std::collections::BTreeSet;

use dialektai::catalog::RelationName;
use dialektai::identity::{Principal, TenantId};
use dialektai::policy::{Database, LoadError, Sources};
use rand::SeedableRng as _;

use cases::{CASES, Visible};
use generator::Generator;
use rows::rows;

fn load(policies: &str) -> Result<Database, LoadError> {
    let sources = Sources {
        settings: include_str!("../../fixtures/policies/database.toml").to_owned(),
        catalog: include_str!("../../fixtures/policies/catalog.toml").to_owned(),
        policies: vec![("case.cedar".to_owned(), policies.to_owned())],
    };
    Database::from_sources("hostile".parse().unwrap(), &sources)
}

fn principals() -> Vec<Principal> {
    let principal = |tenant, scope: Option<&str>| Principal {
        tenant: Some(TenantId::Integer(tenant)),
        scope: scope.map(|scope| scope.parse().unwrap()),
    };
    vec![
        principal(82, None),
        principal(82, Some("ann")),
        principal(1, Some("Ann")),
        principal(i64::MAX, Some("100%_x")),
    ]
}

fn main_relation(name: &str) -> RelationName {
    RelationName { schema: "main".to_owned(), name: name.to_owned() }
}

/// Every disagreement, and the rows of `facts` or `labels` that some principal sees.
fn compare(database: &Database, policies: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut facts, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for principal in principals() {
        let filters = database.predicates_for(&principal).unwrap_or_else(|error| {
            panic!("{error}\n{policies}");
        });
        for (relation, key, row) in rows() {
            let relation = main_relation(relation);
            let filter = filters.filter_for(&relation);
            let expected = database.is_authorized(&principal, &relation, &key, &row);
            assert_eq!(
                filter.keeps(&row),
                expected,
                "{relation} row {key} for {principal:?}\nrow: {row:?}\nfilter: {filter:?}\n{policies}"
            );
            if expected {
                match relation.name.as_str() {
                    "facts" => facts.insert(key),
                    "labels" => labels.insert(key),
                    _ => true,
                };
            }
        }
    }
    (facts, labels)
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
    let total = |relation| rows().into_iter().filter(|(of, ..)| *of == relation).count();
    for (policies, visible) in CASES.iter() {
        let database = load(policies).unwrap_or_else(|error| panic!("{error}\n{policies}"));
        let (facts, labels) = compare(&database, policies);
        // A filter that keeps nothing or everything agrees with many wrong ones.
        let (seen, all) = match visible {
            Visible::Facts => (facts.len(), total("facts")),
            Visible::Labels => (labels.len(), total("labels")),
            Visible::Nothing(_) => {
                assert!(facts.is_empty(), "rows are visible\n{policies}");
                continue;
            }
            Visible::Everything(_) => {
                assert_eq!(facts.len(), total("facts"), "rows are hidden\n{policies}");
                continue;
            }
        };
        assert!(0 < seen && seen < all, "degenerate: {seen} of {all} rows\n{policies}");
    }
}

#[test]
fn random_policies_give_what_cedar_gives() {
    const SEED: u64 = 20_261_124;
    const SETS: usize = 1_000;
    let mut generator = Generator::new(rand_chacha::ChaCha8Rng::seed_from_u64(SEED));
    let (mut policies, mut refused, mut degenerate) = (0, 0, 0);
    for _ in 0..SETS {
        let (text, count) = generator.policy_set();
        policies += count;
        match load(&text) {
            Ok(database) => {
                let (facts, _) = compare(&database, &text);
                degenerate += usize::from(facts.is_empty());
            }
            Err(error) => {
                // The generator writes what is supported, so only the warning that a policy is idle may come.
                for problem in error.problems() {
                    assert!(problem.to_string().contains("can never apply"), "{error}\n{text}");
                }
                refused += 1;
            }
        }
    }
    println!(
        "seed {SEED}: {policies} policies in {SETS} sets, {refused} sets refused, {degenerate} see nothing"
    );
    assert!(policies >= 2_000, "only {policies} policies");
    assert!(refused * 3 < SETS, "{refused} of {SETS} sets were refused");
    assert!(degenerate * 3 < SETS * 2, "{degenerate} of {SETS} sets see nothing");
}
