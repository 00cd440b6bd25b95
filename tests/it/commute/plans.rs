//! Settings under which an engine prefers other plans, and so evaluates in another order.

use dialektai::guard::sql::{Dialect, SelectSql};

use crate::live::Live;
use crate::world::Outcome;

const POSTGRESQL: [&str; 5] = [
    "SET jit = off",
    "SET jit = off; SET enable_seqscan = off; SET random_page_cost = 0.1; \
     SET plan_cache_mode = force_generic_plan",
    "SET jit = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; \
     SET cpu_operator_cost = 100; SET plan_cache_mode = force_custom_plan",
    "SET jit = off; SET join_collapse_limit = 1; SET from_collapse_limit = 1; SET enable_nestloop = off; \
     SET enable_hashagg = off; SET enable_sort = off; SET plan_cache_mode = force_generic_plan",
    "SET jit = off; SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_nestloop = off; \
     SET enable_mergejoin = off; SET enable_memoize = off",
];

const MARIADB: [&str; 4] = [
    "SET optimizer_switch = DEFAULT, join_cache_level = 2, optimizer_search_depth = 62",
    "SET optimizer_switch = 'condition_pushdown_for_derived=on,mrr=on,mrr_sort_keys=on', join_cache_level = 8, \
     optimizer_search_depth = 1",
    "SET optimizer_switch = 'derived_merge=off,materialization=off,semijoin=off,index_merge=off', \
     join_cache_level = 0",
    "SET optimizer_switch = 'firstmatch=off,loosescan=off,subquery_cache=off,split_materialized=off', \
     optimizer_use_condition_selectivity = 1, optimizer_search_depth = 0",
];

/// The plans of an engine; one for SQLite, whose indexes choose.
pub(crate) fn of(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &[""],
        Dialect::Postgresql => &POSTGRESQL,
        Dialect::Mysql => &MARIADB,
        Dialect::Mssql => panic!("no SQL Server runs here"),
    }
}

pub(crate) async fn choose(live: &mut Live, plan: &str) {
    match live.dialect() {
        Dialect::Sqlite | Dialect::Mssql => {}
        Dialect::Postgresql => live.execute(&format!("RESET ALL; {plan}")).await,
        Dialect::Mysql => {
            live.execute(MARIADB[0]).await;
            live.execute(plan).await;
        }
    }
}

/// Has MariaDB plan as though the tables were as large as another copy's; without one, as they are.
pub(crate) async fn size_as(live: &mut Live, other: Option<&Live>) {
    let Live::Mariadb(_, own) = &*live else { return };
    let mut statements = format!("DELETE FROM mysql.table_stats WHERE db_name = '{own}'; ");
    if let Some(Live::Mariadb(_, other)) = other {
        statements.push_str(&format!(
            "INSERT INTO mysql.table_stats (db_name, table_name, cardinality) \
             SELECT '{own}', table_name, table_rows FROM information_schema.tables WHERE table_schema = '{other}'; "
        ));
    }
    live.execute(&format!("{statements}FLUSH TABLES")).await;
}

/// What a guarded query gives under each plan.
pub(crate) async fn outcomes(live: &mut Live, query: &SelectSql) -> Vec<Outcome> {
    let plans = of(live.dialect());
    let mut outcomes = Vec::new();
    for plan in plans {
        choose(live, plan).await;
        outcomes.push(live.run_guarded(query).await.outcome);
    }
    choose(live, plans[0]).await;
    outcomes
}
