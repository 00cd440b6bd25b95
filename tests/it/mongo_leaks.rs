//! Every rewriting of `fixtures/mongo` on a server that holds other tenants' documents: it gives what the query gives
//! where only the caller's documents are, and nothing of anybody else's. The same queries, where nothing filters, are
//! seen to leak; those that are fenced, without their fence, are seen to fail on a document of somebody else.

mod seed;

use std::collections::BTreeSet;
use std::path::Path;

use bson::{Bson, Document, doc};
use dialektai::engine::{Cell, Engine, EngineError, Rows};
use dialektai::guard::Guarded;
use dialektai::guard::mongo::{MongoCommand, guard_mongo};
use dialektai::identity::Principal;
use dialektai::policy::{Database, Sources};

use crate::servers::mongodb::{Server, all, insert, run};
use crate::world;

/// What no answer to tenant 82 may hold: parts of texts, and the ids of documents that are not its own.
const FOREIGN: [&str; 5] =
    ["FOREIGN", "UNLISTED", "DENIED", "\"_id\", Integer(77", "\n_id: Integer(77"];

/// Who reads every document.
const EVERYBODY: &str = "@id(\"all\")\npermit (principal, action == Action::\"read\", resource);\n";

/// The fixtures' database at an address, with its own policies or with none that filter.
fn database(url: &str, filtered: bool) -> Database {
    let folder = world::root().join("fixtures/mongo/policies");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (settings, policies) = if filtered {
        let names = ["shared.cedar", "tenant.cedar"];
        let policies = names.map(|name| (name.to_owned(), read(name))).to_vec();
        (read("database.toml").replace("env:MONGODB_URL", url), policies)
    } else {
        let settings =
            format!("engine = \"mongodb\"\nurl = \"{url}\"\nrequires_organization_scoping = false");
        (settings, vec![("all.cedar".to_owned(), EVERYBODY.to_owned())])
    };
    let sources = Sources { settings, catalog: read("catalog.toml"), policies };
    Database::from_sources("app".parse().unwrap(), &sources).unwrap()
}

/// One side: policies, caller, and the engine of a database.
struct Side {
    database: Database,
    principal: Principal,
    engine: Engine,
}

impl Side {
    async fn new(url: &str, filtered: bool) -> Self {
        let database = database(url, filtered);
        let nobody = Principal::new(None, None);
        let principal = if filtered { world::principal(82, None) } else { nobody };
        let engine = Engine::open(&database.settings, Path::new(".")).await.unwrap();
        Self { database, principal, engine }
    }

    fn guard(&self, query: &str) -> Guarded<MongoCommand> {
        let filters = self.database.predicates_for(&self.principal).unwrap();
        guard_mongo(query, &self.database.catalog, &filters)
            .unwrap_or_else(|refusal| panic!("{refusal}: {query}"))
    }

    async fn rows(&self, query: &str) -> Result<Rows, EngineError> {
        self.engine.command(&self.guard(query)).await
    }
}

/// Rows that can be compared: in their order only where the query asks for one.
fn told(outcome: &Result<Rows, EngineError>, query: &str) -> Result<Vec<String>, EngineError> {
    let rows = outcome.as_ref().map_err(|error| *error)?;
    let names = |row: &Vec<Cell>| {
        let mut fields: Vec<String> = rows
            .columns
            .iter()
            .zip(row)
            .filter(|(_, cell)| **cell != Cell::Null)
            .map(|(column, cell)| format!("{}: {cell:?}", column.name))
            .collect();
        fields.sort();
        fields.join(", ")
    };
    let mut told: Vec<String> = rows.rows.iter().map(names).collect();
    if !query.contains("sort") && !query.contains("$geoNear") {
        told.sort();
    }
    Ok(told)
}

fn foreign(outcome: &Result<Rows, EngineError>, query: &str) -> Option<&'static str> {
    // An id is the first field of its line.
    let shown = format!("\n{}", told(outcome, query).unwrap_or_default().join("\n"));
    FOREIGN.into_iter().find(|mark| shown.contains(mark))
}

/// The command of a fence as a planner may run it, which sorts the conditions of neighbouring `$match` stages: without
/// the fence, and the query's own condition first.
fn unfenced(command: &MongoCommand) -> Option<Document> {
    let command = Document::try_from(&**command.command()).unwrap();
    let stages = command.get_array("pipeline").ok()?;
    let matched = |stage: &Bson| Some(stage.as_document()?.get_document("$match").ok()?.clone());
    let (filter, own) = (matched(stages.first()?)?, matched(stages.get(3)?)?);
    let mut reordered = vec![Bson::Document(doc! { "$match": { "$and": [own, filter] } })];
    reordered.push(stages.get(2)?.clone());
    reordered.extend(stages.iter().skip(4).cloned());
    let mut sent = command.clone();
    sent.insert("pipeline", reordered);
    Some(sent)
}

fn fixtures() -> Vec<(String, String)> {
    let folder = world::root().join("fixtures/mongo/ok");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut fixtures: Vec<(String, String)> = files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    fixtures.sort();
    fixtures
}

/// Both databases: everybody's, and one that holds what tenant 82 may read and nothing else.
async fn fill(server: &Server) {
    for (name, own) in [("everybody", false), ("own", true)] {
        let database = server.database(name).await;
        for (collection, documents) in seed::collections(own) {
            if !documents.is_empty() {
                insert(&database, collection, &documents).await;
            }
        }
        let view = doc! { "create": "totals", "viewOn": "projects", "pipeline": [
            { "$group": { "_id": "$customer_id", "total": { "$sum": "$budget" } } },
            { "$project": { "customer_id": "$_id", "total": 1 } },
        ] };
        run(&database, view).await;
        let index = doc! { "createIndexes": "places", "indexes": [{ "key": { "location": "2dsphere" }, "name": "l" }] };
        run(&database, index).await;
    }
}

#[tokio::test]
async fn rewritten_fixtures_show_nothing_of_anybody_else() {
    let Some(server) = Server::start(&[]).await else { return };
    fill(&server).await;
    let guarded = Side::new(&server.url("everybody"), true).await;
    let naive = Side::new(&server.url("everybody"), false).await;
    let own = Side::new(&server.url("own"), false).await;
    let raw = server.database("everybody").await;
    let (mut compared, mut rows, mut amiss) = (0, 0, Vec::new());
    let (mut not_run, mut leaks, mut fails) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (name, query) in fixtures() {
        let actual = guarded.rows(&query).await;
        let expected = own.rows(&query).await;
        if told(&actual, &query) != told(&expected, &query) {
            amiss.push(format!("{name}: {actual:?}\n    is not\n    {expected:?}"));
        }
        if let Some(mark) = foreign(&actual, &query) {
            amiss.push(format!("{name}: shows {mark}: {actual:?}"));
        }
        match &actual {
            Ok(answer) => {
                compared += 1;
                rows += answer.rows.len();
            }
            Err(_) => not_run.push(name.clone()),
        }
        let unfiltered = naive.rows(&query).await;
        if foreign(&unfiltered, &query).is_some()
            || told(&unfiltered, &query) != told(&expected, &query)
        {
            leaks.insert(name.clone());
        }
        let command = guarded.guard(&query);
        if command.query().fence().is_some()
            && let Some(command) = unfenced(command.query())
            && actual.is_ok()
            && all(&raw, &command).await.is_err()
        {
            fails.insert(name);
        }
    }
    eprintln!(
        "{compared} fixtures give what they give on the caller's own documents, {rows} rows; {} leak where nothing \
         filters; without their fence {fails:?} fail on a document of somebody else; not run by this server: {not_run:?}",
        leaks.len()
    );
    assert!(amiss.is_empty(), "{} amiss:\n{}", amiss.len(), amiss.join("\n"));
    assert!(compared >= 50 && rows >= 100, "{compared} compared, {rows} rows");
    assert!(leaks.len() >= 45, "only {leaks:?} leak where nothing filters");
    for fenced in ["count_fenced", "fence_divide_oracle"] {
        assert!(fails.contains(fenced), "{fenced} does not fail without its fence");
    }
}
