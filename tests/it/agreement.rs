//! Every engine shows each principal the rows that Cedar's own authorizer permits, and so all engines agree.

use std::collections::BTreeSet;

use dialektai::guard::RefusalCode;
use dialektai::guard::mongo::guard_mongo;
use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::identity::Principal;
use dialektai::policy::Database;

use crate::live::copies::{Permitted, Servers};
use crate::mongo_oracle::answer;
use crate::mongo_oracle::seed::{self, Awkward};
use crate::rewrite;
use crate::servers::mongodb::Server;
use crate::world::{self, Indexes};

/// How much of a relation a principal sees.
#[derive(Debug, PartialEq, Eq)]
enum Share {
    Nothing,
    Something,
    Everything,
}

fn share(principal: &Principal, relation: &str) -> Share {
    // No such tenant, no such assignee, no rule for comments, and a scope closes what it does not name.
    let none = *principal == world::principal(1, None)
        || *principal == world::principal(5_309, Some("nobody"))
        || relation == "comments"
        || (principal.scope.is_some() && relation != "tasks");
    match relation {
        "countries" => Share::Everything,
        _ if none => Share::Nothing,
        _ => Share::Something,
    }
}

/// The oracle itself must be able to tell: what a principal may read is neither nothing nor everything, unless said why.
#[tokio::test]
async fn the_oracle_is_not_degenerate() {
    let database = world::demo();
    let mut shared = world::shared(Indexes::Tenant).await;
    for principal in world::principals() {
        let permitted = Permitted::of(&database, &principal).await;
        for relation in &database.catalog.relations {
            let name = relation.name.name.as_str();
            let all = world::entities(&mut shared, relation).await.len();
            let found = match permitted.keys(relation).len() {
                0 => Share::Nothing,
                kept if kept == all => Share::Everything,
                _ => Share::Something,
            };
            assert_eq!(found, share(&principal, name), "{principal:?} {name}");
        }
    }
}

/// The same rows as documents, on a server of MongoDB's protocol.
struct Collections {
    policies: Database,
    database: mongodb::Database,
    _server: Server,
}

impl Collections {
    async fn start() -> Option<Self> {
        let server = Server::start(&[]).await?;
        let database = server.database("shared").await;
        let policies = seed::database();
        answer::fill(&database, &seed::seed(&policies, Awkward::No).await).await;
        Some(Self { policies, database, _server: server })
    }

    /// The keys of the documents that a principal sees.
    async fn keys(&self, principal: &Principal, collection: &str) -> Vec<String> {
        let filters = self.policies.predicates_for(principal).unwrap();
        let query = format!("db.{collection}.find({{}}, {{_id: 1}})");
        match guard_mongo(&query, &self.policies.catalog, &filters) {
            Ok(guarded) => {
                let found = answer::guarded(&self.database, guarded.query()).await.unwrap();
                found.iter().map(|own| answer::key(&own.as_document().unwrap()["_id"])).collect()
            }
            Err(refusal) => {
                assert_eq!(refusal.code, RefusalCode::UnknownRelation, "{query}");
                Vec::new()
            }
        }
    }
}

#[tokio::test]
async fn engines_agree_with_each_other_and_with_cedar() {
    let cedar = world::demo();
    let mut engines = Vec::new();
    for dialect in [Dialect::Sqlite, Dialect::Postgresql, Dialect::Mysql] {
        if let Some(servers) = Servers::start(dialect).await {
            let live = servers.shared(Indexes::Hostile).await;
            engines.push((rewrite::database(dialect), live, servers));
        }
    }
    let mongodb = Collections::start().await;
    let (mut compared, names) = (0, engines.iter().map(|(_, live, _)| live.dialect().name()));
    let names = names.chain(mongodb.iter().map(|_| "mongodb"));
    eprintln!("agreement between Cedar and {}", names.collect::<Vec<_>>().join(", "));
    for principal in world::principals() {
        let permitted = Permitted::of(&cedar, &principal).await;
        for relation in &cedar.catalog.relations {
            let expected: BTreeSet<String> = permitted.keys(relation).iter().cloned().collect();
            if let Some(mongodb) = &mongodb {
                let keys = mongodb.keys(&principal, &relation.name.name).await;
                compared += keys.len();
                assert_eq!(keys.len(), expected.len(), "mongodb: a document twice");
                let keys: BTreeSet<_> = keys.into_iter().collect();
                assert_eq!(keys, expected, "mongodb {principal:?} {}", relation.name.name);
            }
            let query = format!("SELECT {} FROM {}", relation.primary_key[0], relation.name.name);
            for (database, live, _) in &mut engines {
                let filters = database.predicates_for(&principal).unwrap();
                let name = live.dialect().name();
                let keys = match guard_sql(&query, live.dialect(), &database.catalog, &filters) {
                    Ok(guarded) => live.run_guarded(guarded.query()).await.outcome.unwrap(),
                    Err(refusal) => {
                        assert_eq!(refusal.code, RefusalCode::UnknownRelation, "{query}");
                        Vec::new()
                    }
                };
                compared += keys.len();
                let mut keys: Vec<String> = keys
                    .into_iter()
                    .map(|row| row[0].trim_start_matches("TEXT ").trim_matches('"').to_owned())
                    .collect();
                keys.sort();
                assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "{name}: a row twice");
                assert_eq!(
                    keys.into_iter().collect::<BTreeSet<_>>(),
                    expected,
                    "{name} {principal:?} {query}"
                );
            }
        }
    }
    let engines = engines.len() + usize::from(mongodb.is_some());
    assert!(compared > 100 * engines, "too few rows were compared");
}
