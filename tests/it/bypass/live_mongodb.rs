//! The cases of MongoDB on a server, on the documents of every tenant and on the caller's own.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use dialektai::catalog::{Catalog, ColumnName, ColumnType, Relation, RelationKind};
use dialektai::guard::mongo::{MongoCommand, Reply, guard_mongo};
use dialektai::identity::{Principal, TenantId};
use dialektai::predicate::{PredicateSet, RowFilter};
use mongodb::Database;

use super::fixture::{Unguarded, Verdict};
use super::mongodb::fixture::{Case, all, database};
use super::nothing_amiss;
use crate::mongo::useful;
use crate::servers::mongodb::{Server, insert, run};
use crate::world;

/// The only key of an `_id` that nobody may see.
const NOT_LISTED: &str = "not listed";

type Contents = BTreeMap<String, Vec<Document>>;

/// What all tenants share.
fn seed() -> Contents {
    let path = world::root().join("fixtures/mongo/seed.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What a caller may read of it, by the sentence of the policies and not by their filters: the documents whose tenant is
/// the caller's number, those assigned to its scope, and all countries; of them the listed fields.
fn own(principal: &Principal, catalog: &Catalog) -> Contents {
    let Some(TenantId::Integer(tenant)) = principal.tenant else { panic!("tenants are numbers") };
    let numbered = |value: &Bson| match value {
        Bson::Int32(value) => i64::from(*value) == tenant,
        Bson::Int64(value) => *value == tenant,
        Bson::Double(value) => {
            let number = f64::from(i32::try_from(tenant).unwrap_or(0));
            value.total_cmp(&number).is_eq()
        }
        _ => false,
    };
    let readable = |name: &str, document: &Document| {
        let scoped = principal.scope.as_ref().is_none_or(|scope| {
            document.get_str("assigned_to").is_ok_and(|own| own == scope.as_str())
        });
        name == "countries" || (document.get("customer_id").is_some_and(numbered) && scoped)
    };
    let mut contents = seed();
    for (name, documents) in &mut contents {
        let relation = catalog.relations.iter().find(|relation| relation.name.name == *name);
        documents.retain(|document| readable(name, document));
        for document in documents {
            *document = listed(document, "", relation.unwrap());
        }
    }
    contents
}

fn listed(document: &Document, above: &str, relation: &Relation) -> Document {
    let mut kept = Document::new();
    for (key, value) in document {
        let path = format!("{above}{key}");
        let Some(column) = relation.column(&ColumnName::new(path.as_str())) else { continue };
        let inside = |value: &Bson| match value {
            Bson::Document(inner) if column.column_type == ColumnType::Document => {
                listed(inner, &format!("{path}."), relation).into()
            }
            value => value.clone(),
        };
        let value = match value {
            Bson::Array(items) => items.iter().map(inside).collect(),
            value => inside(value),
        };
        kept.insert(key, value);
    }
    kept
}

/// Makes the collections, and the view over one of them, in an empty database.
async fn fill(database: &Database, contents: &Contents) {
    for (name, documents) in contents {
        run(database, doc! { "create": name }).await;
        // A place without an `_id` would get one of the server's.
        let numbered = documents.iter().enumerate().map(|(index, document)| {
            let mut document = document.clone();
            if !document.contains_key("_id") {
                document.insert("_id", doc! { NOT_LISTED: i32::try_from(index).unwrap() });
            }
            document
        });
        insert(database, name, &numbered.collect::<Vec<_>>()).await;
    }
    let near = doc! { "key": { "location": "2dsphere" }, "name": "near" };
    run(database, doc! { "createIndexes": "places", "indexes": [near] }).await;
    let total = doc! { "$project": { "customer_id": 1, "total": "$budget" } };
    run(database, doc! { "create": "totals", "viewOn": "projects", "pipeline": [total] }).await;
}

/// What a command answers, in an order of its own; or the text of its error.
async fn answer(
    database: &Database,
    command: Document,
    reply: Reply,
) -> Result<Vec<String>, String> {
    let answer = database.run_command(command).await.map_err(|error| error.to_string())?;
    let batch = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    let mut items = match (reply, batch) {
        (Reply::Count, Ok(batch)) => {
            let counted = batch.first().and_then(|first| first.as_document()?.get("n").cloned());
            vec![counted.unwrap_or(Bson::Int32(0))]
        }
        (Reply::Count, Err(_)) => vec![answer.get("n").unwrap().clone()],
        (Reply::Values, _) => answer.get_array("values").unwrap().clone(),
        (Reply::Documents, Ok(batch)) => batch.clone(),
        // A command of another kind.
        (Reply::Documents, Err(_)) => vec![answer.into()],
    };
    items.iter_mut().for_each(sort_keys);
    let mut items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.sort();
    Ok(items)
}

/// Fields in the order of their names: which order an inclusion gives them is the server's.
fn sort_keys(value: &mut Bson) {
    match value {
        Bson::Document(document) => {
            let mut fields: Vec<(String, Bson)> = std::mem::take(document).into_iter().collect();
            fields.retain(|(_, value)| {
                value.as_document().is_none_or(|id| !id.contains_key(NOT_LISTED))
            });
            fields.sort_by(|(left, _), (right, _)| left.cmp(right));
            for (_, value) in &mut *fields {
                sort_keys(value);
            }
            document.extend(fields);
        }
        Bson::Array(items) => items.iter_mut().for_each(sort_keys),
        _ => {}
    }
}

/// A command as somebody wrote it, which nothing guards.
fn written(text: &str) -> (Document, Reply) {
    let command: Document = serde_json::from_str(text).unwrap();
    let reply = match command.keys().next().unwrap().as_str() {
        "count" => Reply::Count,
        "distinct" => Reply::Values,
        _ => Reply::Documents,
    };
    (command, reply)
}

fn sent(command: &MongoCommand) -> (Document, Reply) {
    (Document::try_from(command.command()).unwrap(), command.reply())
}

/// What a query gives where there is nothing to filter: itself, or of shell text what the guard reads it as.
fn alone(query: &str, filters: &PredicateSet) -> (Document, Reply) {
    if query.starts_with('{') {
        return written(query);
    }
    let open: PredicateSet = filters
        .iter()
        .filter(|(_, filter)| !matches!(filter, RowFilter::NoRows))
        .map(|(name, _)| (name.clone(), RowFilter::AllRows))
        .collect();
    sent(guard_mongo(query, &database().catalog, &open).unwrap().query())
}

struct Sides<'a> {
    server: &'a Server,
    principal: Principal,
    shared: Database,
    own: Database,
}

impl<'a> Sides<'a> {
    async fn new(server: &'a Server, principal: Principal, number: usize) -> Self {
        let shared = server.database(&format!("shared_{number}")).await;
        fill(&shared, &seed()).await;
        let alone = server.database(&format!("own_{number}")).await;
        fill(&alone, &own(&principal, &database().catalog)).await;
        Self { server, principal, shared, own: alone }
    }

    /// The guarded command gives what the query gives on the caller's own documents.
    async fn check(&self, query: &str, unsupported: bool, amiss: &mut Vec<String>) {
        let filters = database().predicates_for(&self.principal).unwrap();
        let guarded = guard_mongo(query, &database().catalog, &filters).unwrap();
        let (command, reply) = sent(guarded.query());
        let about = format!("{query}\n    guarded: {}", guarded.query().text());
        let actual = answer(&self.shared, command, reply).await;
        if unsupported {
            if actual.is_ok() {
                amiss.push(format!("{about}\n    is supported"));
            }
            return;
        }
        let (command, reply) = alone(query, &filters);
        let expected = answer(&self.own, command, reply).await;
        if actual.is_err() || actual != expected {
            amiss.push(format!("{about}\n    {actual:?}\n    is not\n    {expected:?}"));
        }
        // The caller's own constants may come back.
        if !query.contains("zz") && shows(&actual) {
            amiss.push(format!("{about}\n    shows what is not the caller's: {actual:?}"));
        }
    }

    /// Whether the attack works where nothing guards.
    async fn is_real(&self, case: &Case, unguarded: Unguarded, number: usize) -> bool {
        let (command, reply) = written(case.naive.as_ref().unwrap_or(&case.query));
        match unguarded {
            Unguarded::Leaks if case.verdict == Verdict::Refused => {
                // It may change something beside.
                let copy = self.copy(number).await;
                shows(&answer(&copy, command, reply).await)
            }
            Unguarded::Leaks => shows(&answer(&self.shared, command, reply).await),
            Unguarded::Tells => {
                let seen = answer(&self.shared, command.clone(), reply).await;
                seen != answer(&self.own, command, reply).await
            }
            Unguarded::Changes => {
                let copy = self.copy(number).await;
                let before = everything(&copy).await;
                let _ = answer(&copy, command, reply).await;
                before != everything(&copy).await
            }
        }
    }

    async fn copy(&self, number: usize) -> Database {
        let copy = self.server.database(&format!("copy_{number}")).await;
        fill(&copy, &seed()).await;
        copy
    }
}

/// Whether an answer quotes what is another tenant's, or in no listed field.
fn shows(answer: &Result<Vec<String>, String>) -> bool {
    let said = match answer {
        Ok(items) => items.join("\n"),
        Err(error) => error.clone(),
    };
    said.contains("zz") || said.contains("hidden")
}

async fn everything(database: &Database) -> Vec<String> {
    let mut names = database.list_collection_names().await.unwrap();
    names.sort();
    let mut contents = Vec::new();
    for name in names {
        let find = doc! { "find": &name, "filter": {} };
        contents.push(name);
        contents.extend(answer(database, find, Reply::Documents).await.unwrap());
    }
    contents
}

#[tokio::test]
async fn cases_hold_on_mongodb() {
    let Some(server) = Server::start(&[]).await else { return };
    assert!(database().catalog.relations.iter().any(|own| own.kind == RelationKind::View));
    let mut sides: Vec<Sides> = Vec::new();
    let mut amiss = Vec::new();
    let (mut checked, mut real, mut number) = (0, 0, 0);
    for fixture in all() {
        for case in &fixture.cases {
            number += 1;
            let principal = case.principal();
            if !sides.iter().any(|sides| sides.principal == principal) {
                sides.push(Sides::new(&server, principal.clone(), sides.len()).await);
            }
            let sides = sides.iter().find(|sides| sides.principal == principal).unwrap();
            let known = amiss.len();
            if case.verdict == Verdict::Rewritten {
                checked += usize::from(case.unsupported.is_none());
                sides.check(&case.query, case.unsupported.is_some(), &mut amiss).await;
            }
            if let Some(unguarded) = case.unguarded {
                real += 1;
                if !sides.is_real(case, unguarded, number).await {
                    amiss.push(format!("{unguarded:?} was not seen: {}", case.query));
                }
            }
            for found in &mut amiss[known..] {
                *found = format!("{}: {found}", fixture.stem);
            }
        }
    }
    eprintln!("bypasses on MongoDB: {checked} guarded queries run, {real} attacks work unguarded");
    nothing_amiss(&amiss);
}

#[tokio::test]
async fn ordinary_queries_hold_on_mongodb() {
    let Some(server) = Server::start(&[]).await else { return };
    let sides = Sides::new(&server, world::principal(82, None), 0).await;
    let mut amiss = Vec::new();
    for query in useful::corpus().iter().filter(|query| query.refused.is_none()) {
        sides.check(&query.text, query.unsupported, &mut amiss).await;
    }
    nothing_amiss(&amiss);
}
