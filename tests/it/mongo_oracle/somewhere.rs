//! Columns that are hidden on some documents: a guarded command gives what it gives on the documents that Cedar leaves to
//! whoever touches what it lets through, and what is hidden changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use bson::{Bson, Document};
use dialektai::catalog::ColumnName;
use dialektai::guard::mongo::guard_mongo;
use dialektai::identity::Principal;
use dialektai::policy::Database;

use super::answer::{self, json};
use super::columns::{callers, commands, database};
use super::other::another;
use super::seed::{self, Awkward, Seed, Stored, seed};
use super::{Sides, joined};
use crate::servers::mongodb::Server;
use crate::tally::Tally;

/// Hidden on some documents.
const SOMEWHERE: &str = r#"
@id("shared-countries")
permit (principal, action, resource is countries);

@id("tenant")
permit (principal, action, resource)
when { resource has customer_id && resource.customer_id == principal.tenant };

@id("emails")
forbid (principal, action, resource is users)
when { context.columns.contains("email") }
unless { resource.active && resource.handle like "*e*" };

@id("descriptions")
forbid (principal, action, resource is tasks)
when { context.columns.contains("description") && resource.priority > 2 };

@id("budgets")
forbid (principal, action, resource is projects)
when { context.columns.contains("budget") && resource.archived };

@id("cities")
forbid (principal, action, resource is projects)
when { context.columns.contains("address.city") && resource.status == "active" };
"#;

/// The columns that are hidden on some documents.
const CONDITIONAL: [(&str, &str); 4] = [
    ("users", "email"),
    ("tasks", "description"),
    ("projects", "budget"),
    ("projects", "address.city"),
];

/// Which of them the command that runs lets through; `None` where two places differ.
fn let_through(command: &Document, named: &str) -> Option<[bool; 4]> {
    let mut places: Vec<[Option<bool>; 4]> = Vec::new();
    let (kind, collection) = command.iter().next().unwrap();
    let collection = collection.as_str().unwrap();
    if let Ok(stages) = command.get_array("pipeline") {
        source(collection, stages, &mut places);
    } else {
        let asked = |(relation, column): (&str, &str)| {
            (relation == collection).then(|| {
                let top = column.split('.').next().unwrap();
                let paths =
                    [column, top].map(|path| (format!("\"{path}\""), format!("\"${path}\"")));
                kind == "distinct"
                    && paths.iter().any(|(path, own)| named.contains(path) || named.contains(own))
            })
        };
        places.push(CONDITIONAL.map(asked));
    }
    let mut all = [false; 4];
    for (index, flag) in all.iter_mut().enumerate() {
        let mut told = places.iter().filter_map(|place| place[index]);
        let Some(first) = told.next() else { continue };
        if told.any(|other| other != first) {
            return None;
        }
        *flag = first;
    }
    Some(all)
}

fn source(collection: &str, stages: &[Bson], places: &mut Vec<[Option<bool>; 4]>) {
    let project =
        stages.iter().take(3).find_map(|stage| stage.as_document()?.get_document("$project").ok());
    let project = project.unwrap();
    places.push(
        CONDITIONAL.map(|(relation, column)| {
            (relation == collection).then(|| project.contains_key(column))
        }),
    );
    within(stages, places);
}

fn within(stages: &[Bson], places: &mut Vec<[Option<bool>; 4]>) {
    for stage in stages {
        let Some((name, Bson::Document(fields))) = stage.as_document().unwrap().iter().next()
        else {
            continue;
        };
        let from = fields.get_str("from").or_else(|_| fields.get_str("coll"));
        match (name.as_str(), from) {
            ("$lookup" | "$unionWith", Ok(from)) => {
                source(from, fields.get_array("pipeline").unwrap(), places);
            }
            ("$graphLookup", Ok(from)) => {
                places.push(CONDITIONAL.map(|(relation, _)| (relation == from).then_some(true)));
            }
            ("$facet", _) => {
                fields.values().for_each(|branch| within(branch.as_array().unwrap(), places));
            }
            _ => {}
        }
    }
}

/// The documents that Cedar lets the principal read while it touches these columns.
fn leaving(seed: &Seed, policies: &Database, principal: &Principal, touched: [bool; 4]) -> Seed {
    let mut own = Seed::new();
    for relation in &policies.catalog.relations {
        let columns: Vec<ColumnName> = CONDITIONAL
            .iter()
            .zip(touched)
            .filter(|((name, _), touched)| *touched && *name == relation.name.name)
            .map(|((_, column), _)| ColumnName::new(*column))
            .collect();
        let permitted = seed[&relation.name.name].iter().filter(|stored| {
            stored.row.as_ref().is_some_and(|row| {
                policies.is_authorized_to_touch(
                    principal,
                    &relation.name,
                    &stored.key,
                    row,
                    &columns,
                )
            })
        });
        let cut = permitted.map(|stored| Stored {
            document: seed::cut(&stored.document, relation),
            ..stored.clone()
        });
        own.insert(relation.name.name.clone(), cut.collect());
    }
    own
}

/// Another value of each column on the documents where it is hidden.
fn elsewhere(seed: &Seed, policies: &Database, principal: &Principal) -> (Seed, usize) {
    let (mut other, mut changed) = (seed.clone(), 0);
    for (number, (name, column)) in CONDITIONAL.into_iter().enumerate() {
        let relation = policies.catalog.relations.iter().find(|own| own.name.name == name).unwrap();
        for (place, stored) in other.get_mut(name).unwrap().iter_mut().enumerate() {
            let touched = [ColumnName::new(column)];
            let Some(row) = &stored.row else { continue };
            let hidden = stored.is_permitted(policies, principal, relation)
                && !policies.is_authorized_to_touch(
                    principal,
                    &relation.name,
                    &stored.key,
                    row,
                    &touched,
                );
            let document = match column.split_once('.') {
                Some((top, _)) => stored.document.get_document_mut(top).ok(),
                None => Some(&mut stored.document),
            };
            if let Some(document) = document.filter(|_| hidden) {
                let field = column.rsplit('.').next().unwrap();
                let value = document.remove(field).unwrap_or(Bson::Int32(7));
                document.insert(field, another(&value, number + place));
                changed += 1;
            }
        }
    }
    (other, changed)
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_hidden_on_some_documents_commute() {
    let Some(server) = Server::start(&[]).await else { return };
    let policies = Arc::new(database(SOMEWHERE));
    let seed = Arc::new(seed(&policies, Awkward::Yes).await);
    let server = Arc::new(server);
    let shared = server.database("shared").await;
    answer::fill(&shared, &seed).await;
    let mut tasks = Vec::new();
    for (index, principal) in callers().into_iter().take(3).enumerate() {
        let (policies, seed, shared, server) =
            (policies.clone(), seed.clone(), shared.clone(), server.clone());
        tasks.push(tokio::spawn(async move {
            let filters = policies.predicates_for(&principal).unwrap();
            let paired = server.database(&format!("paired_{index}")).await;
            let (documents, changed) = elsewhere(&seed, &policies, &principal);
            assert!(changed > 0);
            answer::fill(&paired, &documents).await;
            let mut copies: BTreeMap<[bool; 4], mongodb::Database> = BTreeMap::new();
            let mut tally = Tally::default();
            for command in commands(&policies.catalog, &seed, index, &principal) {
                let text = json(&Bson::Document(command.clone()));
                let Ok(guarded) = guard_mongo(&text, &policies.catalog, &filters) else {
                    tally.queries += 1;
                    tally.invalid += 1;
                    continue;
                };
                let first = answer::guarded(&shared, guarded.query()).await;
                let second = answer::guarded(&paired, guarded.query()).await;
                assert_eq!(
                    format!("{first:?}"),
                    format!("{second:?}"),
                    "{principal:?}\n  {text}\n  {}",
                    guarded.query().text()
                );
                let ran = Document::try_from(&**guarded.query().command()).unwrap();
                let Some(touched) = let_through(&ran, &text) else {
                    tally.queries += 1;
                    tally.invalid += 1;
                    continue;
                };
                if !copies.contains_key(&touched) {
                    let own = server.database(&format!("own_{index}_{}", copies.len())).await;
                    answer::fill(&own, &leaving(&seed, &policies, &principal, touched)).await;
                    copies.insert(touched, own);
                }
                let sides = Sides {
                    policies: &policies,
                    principal: &principal,
                    filters: filters.clone(),
                    shared: shared.clone(),
                    own: copies[&touched].clone(),
                };
                sides.compare(&command, &mut tally).await;
            }
            assert!(copies.len() > 4, "only {} ways to touch fields", copies.len());
            tally
        }));
    }
    let tally = joined(tasks).await;
    tally.print("fields hidden on some documents, on a server of MongoDB's protocol");
    assert!(tally.invalid * 3 < tally.queries, "too few commands are compared");
    assert!(tally.rows > tally.queries, "fewer than one document a command compares little");
}
