//! Columns that are hidden, and masks: a guarded command gives what it gives where nothing else is, and what it does not
//! show changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bson::{Bson, Document, doc};
use dialektai::catalog::{Catalog, Relation};
use dialektai::guard::mongo::guard_mongo;
use dialektai::identity::Principal;
use dialektai::policy::{Database, Sources};
use dialektai::predicate::PredicateSet;

use super::answer::{self, json};
use super::generator::Generator;
use super::other::another;
use super::seed::{self, Awkward, Seed, Stored, seed};
use super::{SEED, Sides, joined};
use crate::commute::{from_env, tables};
use crate::servers::mongodb::Server;
use crate::tally::Tally;
use crate::world;

/// Commands for each principal.
const QUERIES: usize = 300;

/// Hidden from everybody or from those without a scope, and masked on some documents.
const SHOWN: &str = r#"
@id("shared-countries")
permit (principal, action, resource is countries);

@id("tenant")
@mask("null, last4, null, null, last4, null, last4, null")
@columns("budget, title, due_on, hours, email, meta, note, leads")
permit (principal, action, resource)
when { resource has customer_id && resource.customer_id == principal.tenant };

@id("late")
permit (principal, action, resource is tasks)
when { resource.customer_id == principal.tenant && resource has due_on && resource.due_on > datetime("2024-03-01") };

@id("active")
permit (principal, action, resource is projects)
when { resource.customer_id == principal.tenant && resource.status == "active" };

@id("leaders")
@mask("null")
@columns("email")
permit (principal, action, resource is users)
when { resource.customer_id == principal.tenant && resource has email && resource.email like "*e*" };

@id("own")
permit (principal, action, resource is users)
when { resource.customer_id == principal.tenant && resource.active && resource has country_code };

@id("hidden")
forbid (principal, action, resource)
when { context.columns.containsAny(["role", "address.zip", "tags", "steps.name", "population"]) };

@id("scoped")
forbid (principal, action, resource is tasks)
when { context.columns.contains("description") }
unless { principal has scope };
"#;

/// What the annotations say, by hand: of each permit, the columns with their masks.
const MASKED: [(&str, &[(&str, Shown)]); 5] = [
    (
        "tenant",
        &[
            ("budget", Shown::Null),
            ("title", Shown::Last4),
            ("due_on", Shown::Null),
            ("hours", Shown::Null),
            ("email", Shown::Last4),
            ("meta", Shown::Null),
            ("note", Shown::Last4),
            ("leads", Shown::Null),
        ],
    ),
    ("late", &[]),
    ("active", &[]),
    ("leaders", &[("email", Shown::Null)]),
    ("own", &[]),
];

/// The strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    Null,
    Last4,
}

impl Shown {
    fn of(self, value: Option<&Bson>) -> Bson {
        match (self, value) {
            (Self::Last4, Some(Bson::String(text))) if text.chars().count() >= 8 => {
                let skipped = text.chars().count() - 4;
                Bson::String(text.chars().skip(skipped).collect())
            }
            (Self::Null | Self::Last4, _) => Bson::Null,
        }
    }
}

/// The demo database under other rules.
pub(super) fn database(rules: &str) -> Database {
    let demo = seed::database();
    let read = |path: &str| std::fs::read_to_string(world::root().join(path)).unwrap();
    let settings = read("policies/demo/database.toml")
        .replace("\"sqlite\"", "\"mongodb\"")
        .replace("\"demo:\"", "\"env:MONGODB_URL\"")
        .replace("scope_filter_column", "# scope_filter_column");
    let catalog = read("fixtures/mongo/demo/catalog.toml");
    // A scope is for the rules over columns alone.
    let scope = "@id(\"scope\") forbid (principal, action, resource) when { principal has scope && principal.scope == \"nobody\" };\n";
    let policies = vec![("a.cedar".to_owned(), format!("{scope}{rules}"))];
    let database =
        Database::from_sources("demo".parse().unwrap(), &Sources { settings, catalog, policies })
            .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(database.catalog, demo.catalog);
    database
}

fn hidden_from(principal: &Principal) -> BTreeSet<&'static str> {
    let mut hidden = BTreeSet::from(["role", "address.zip", "tags", "steps.name", "population"]);
    if principal.scope.is_none() {
        hidden.insert("description");
    }
    hidden
}

fn without(relation: &Relation, hidden: &BTreeSet<&str>) -> Relation {
    let mut relation = relation.clone();
    relation.columns.retain(|column| !hidden.contains(column.name.as_str()));
    relation
}

/// What each column of a document shows where it is not its value.
fn masks_of(
    policies: &Database,
    principal: &Principal,
    relation: &Relation,
    stored: &Stored,
) -> BTreeMap<String, Shown> {
    let row = stored.row.as_ref().unwrap();
    let verdict = policies.verdict(principal, &relation.name, &stored.key, row, &[]).unwrap();
    let applied: Vec<_> =
        MASKED.iter().filter(|(id, _)| verdict.deciding.iter().any(|own| own == id)).collect();
    let masked = relation.columns.iter().filter_map(|column| {
        let mask = |(_, masks): &&(&str, &[(&str, Shown)])| {
            masks.iter().find(|(name, _)| *name == column.name.as_str()).map(|(_, mask)| *mask)
        };
        // One that does not mask it makes all of this nothing.
        let masks: Option<Vec<Shown>> = applied.iter().map(mask).collect();
        Some((column.name.to_string(), masks?.into_iter().min()?))
    });
    masked.collect()
}

/// `D|p`: fields that are hidden are not there, and those that are masked somewhere come last, as they are shown.
fn own(
    seed: &Seed,
    policies: &Database,
    principal: &Principal,
    filters: &PredicateSet,
) -> (Seed, usize) {
    let (mut own, mut changed) = (Seed::new(), 0);
    for relation in &policies.catalog.relations {
        let visible = without(relation, &hidden_from(principal));
        let mut kept = Vec::new();
        for stored in &seed[&relation.name.name] {
            if !stored.is_permitted(policies, principal, relation) {
                continue;
            }
            let masks = masks_of(policies, principal, relation, stored);
            let mut document = seed::cut(&stored.document, &visible);
            for column in &visible.columns {
                let name = column.name.as_str();
                if filters.mask_of(&relation.name, &column.name).is_none() {
                    assert!(!masks.contains_key(name), "{name} is masked by hand alone");
                    continue;
                }
                let value = document.remove(name);
                changed += usize::from(masks.contains_key(name));
                let shown = match masks.get(name) {
                    Some(mask) => Some(mask.of(value.as_ref())),
                    None => value,
                };
                if let Some(shown) = shown {
                    document.insert(name, shown);
                }
            }
            kept.push(Stored { document, ..stored.clone() });
        }
        own.insert(relation.name.name.clone(), kept);
    }
    (own, changed)
}

/// The same for the principal, and another in everything that it does not see.
fn others(seed: &Seed, policies: &Database, principal: &Principal) -> Seed {
    let mut others = Seed::new();
    for relation in &policies.catalog.relations {
        let hidden = hidden_from(principal);
        let mut stored = Vec::new();
        for (number, own) in seed[&relation.name.name].iter().enumerate() {
            let mut document = own.document.clone();
            if own.is_permitted(policies, principal, relation) {
                // Policies read these: who sees what stays as it is.
                let read = ["due_on", "email"];
                for (name, mask) in masks_of(policies, principal, relation, own) {
                    let value = document.get(&name);
                    let other = match (mask, mask.of(value), value) {
                        _ if read.contains(&name.as_str()) => continue,
                        (_, Bson::String(last), _) => Bson::String(format!("another {last}")),
                        (Shown::Last4, _, _) => "short".into(),
                        (Shown::Null, _, Some(value)) if number % 3 > 0 => another(value, number),
                        (Shown::Null, _, Some(_)) => {
                            document.remove(&name);
                            continue;
                        }
                        (Shown::Null, _, None) => "there now".into(),
                    };
                    document.insert(name, other);
                }
                for name in hidden.iter().filter(|name| !name.contains('.')) {
                    if let Some(value) = document.get(*name) {
                        // The document's place of it, too.
                        let other = another(value, number);
                        document.remove(*name);
                        document.insert(*name, other);
                    }
                }
            }
            stored.push(Stored { document, ..own.clone() });
        }
        others.insert(relation.name.name.clone(), stored);
    }
    others
}

/// The catalog as a caller knows it, by hand.
fn known(policies: &Database, principal: &Principal) -> Catalog {
    let mut catalog = policies.catalog.clone();
    for relation in &mut catalog.relations {
        *relation = without(relation, &hidden_from(principal));
    }
    catalog
}

pub(super) fn commands(
    catalog: &Catalog,
    seed: &Seed,
    index: usize,
    principal: &Principal,
) -> Vec<Document> {
    let number = from_env("DIALEKTAI_ORACLE_SEED").unwrap_or(SEED) + 100 + 8 * index as u64;
    // A scope closes no collection here.
    let unscoped = Principal { scope: None, ..principal.clone() };
    let mut generator = Generator::new(catalog, seed, &tables(&unscoped), number);
    let count = from_env("DIALEKTAI_ORACLE_QUERIES").unwrap_or(QUERIES);
    // A `find` of this server has no `$slice` of an expression: the field is not there. In a pipeline it is.
    let sliced = |command: &Document| {
        command.contains_key("find")
            && json(&Bson::Document(command.clone())).contains("\"$slice\"")
    };
    let commands = std::iter::repeat_with(|| generator.command());
    commands.filter(|command| !sliced(command)).take(count).collect()
}

pub(super) fn callers() -> Vec<Principal> {
    vec![
        world::principal(82, None),
        world::principal(82, Some("user-john-456")),
        world::principal(7, None),
        world::principal(99, Some("x")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_and_masked_fields_commute() {
    let Some(server) = Server::start(&[]).await else { return };
    let policies = Arc::new(database(SHOWN));
    let seed = Arc::new(seed(&policies, Awkward::Yes).await);
    let shared = server.database("shared").await;
    answer::fill(&shared, &seed).await;
    let mut tasks = Vec::new();
    for (index, principal) in callers().into_iter().enumerate() {
        let (policies, seed, shared) = (policies.clone(), seed.clone(), shared.clone());
        let copy = server.database(&format!("own_{index}")).await;
        let paired = server.database(&format!("paired_{index}")).await;
        tasks.push(tokio::spawn(async move {
            let filters = policies.predicates_for(&principal).unwrap();
            let (documents, changed) = own(&seed, &policies, &principal, &filters);
            assert!(changed > 10, "only {changed} values are masked");
            answer::fill(&copy, &documents).await;
            answer::fill(&paired, &others(&seed, &policies, &principal)).await;
            let known = known(&policies, &principal);
            let sides = Sides {
                policies: &policies,
                principal: &principal,
                filters: filters.clone(),
                shared: shared.clone(),
                own: copy,
            };
            let mut tally = Tally::default();
            for command in commands(&known, &seed, index, &principal) {
                sides.compare(&command, &mut tally).await;
                let text = json(&Bson::Document(command));
                let Ok(guarded) = guard_mongo(&text, &policies.catalog, &filters) else { continue };
                let first = answer::guarded(&shared, guarded.query()).await;
                let second = answer::guarded(&paired, guarded.query()).await;
                let about = || format!("{principal:?}\n  {text}\n  {}", guarded.query().text());
                match (&first, &second) {
                    (Ok(first), Ok(second)) => {
                        let bytes =
                            |own: &[Bson]| doc! { "answer": own.to_vec() }.to_vec().unwrap();
                        assert_eq!(
                            bytes(first),
                            bytes(second),
                            "{}\n{first:?}\n{second:?}",
                            about()
                        );
                    }
                    (first, second) => {
                        assert_eq!(first.as_ref().err(), second.as_ref().err(), "{}", about());
                    }
                }
            }
            tally
        }));
    }
    let tally = joined(tasks).await;
    tally.print("hidden and masked fields on a server of MongoDB's protocol");
    let refused: usize = tally.refused.values().sum();
    assert!(refused * 6 < tally.queries, "more than a sixth of ordinary commands is refused");
    assert!(tally.rows > tally.queries, "fewer than one document a command compares little");
}
