//! Every engine shows each principal the rows that Cedar's own authorizer permits, and so all engines agree.

use std::collections::BTreeSet;

use dialektai::guard::RefusalCode;
use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::identity::Principal;

use crate::live::copies::{Permitted, Servers};
use crate::rewrite;
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
    let (mut compared, names) = (0, engines.iter().map(|(_, live, _)| live.dialect().name()));
    eprintln!("agreement between Cedar and {}", names.collect::<Vec<_>>().join(", "));
    for principal in world::principals() {
        let permitted = Permitted::of(&cedar, &principal).await;
        for relation in &cedar.catalog.relations {
            let expected: BTreeSet<String> = permitted.keys(relation).iter().cloned().collect();
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
    assert!(compared > 100 * engines.len(), "too few rows were compared");
}
