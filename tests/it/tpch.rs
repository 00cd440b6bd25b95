//! TPC-H: the 22 analytic queries that everybody knows, over the benchmark's schema with a tenant in each table. None is
//! refused, and each gives on the shared database what it gives on the tenant's own copy.
#![expect(clippy::disallowed_methods, reason = "an oracle runs what the service never would")]

mod seed;

use std::fmt::Debug;

use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::policy::{Database, Sources};
use dialektai::predicate::Value;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqlSafeStr as _};

use crate::servers;
use crate::world;

const TENANTS: [i64; 3] = [82, 7, 99];

const SCHEMA: &str = include_str!("../../fixtures/tpch/schema.sql");

const POLICY: &str = r#"@id("tenant") permit (principal, action == Action::"read", resource)
when { resource has tenant_id && resource.tenant_id == principal.tenant };"#;

/// The catalog of the schema, as `pull` would write it.
fn catalog(default_schema: &str) -> String {
    let mut text = format!("default_schema = \"{default_schema}\"\n");
    for line in SCHEMA.lines().filter(|line| line.starts_with("CREATE TABLE ")) {
        let line = line.strip_prefix("CREATE TABLE ").unwrap();
        let (name, columns) = line.split_once(" (").unwrap();
        text.push_str(&format!("\n[[relation]]\nname = \"{name}\"\n"));
        let mut key = Vec::new();
        let mut written = Vec::new();
        for column in columns.split(", ").filter(|column| column.contains(" NOT NULL")) {
            let mut words = column.split(' ');
            let (column_name, declared) = (words.next().unwrap(), words.next().unwrap());
            let word = match declared.split('(').next().unwrap() {
                "INTEGER" => "integer",
                "DECIMAL" => "decimal",
                "DATE" => "date",
                _ => "text",
            };
            written.push(format!(
                "{{ name = \"{column_name}\", type = \"{word}\", nullable = false }}"
            ));
            if column.contains("PRIMARY KEY") {
                key.push(format!("\"{column_name}\""));
            }
        }
        if let Some((_, composite)) = columns.split_once("PRIMARY KEY (") {
            let names = composite.trim_end_matches([')', ';']).split(", ");
            key.extend(names.map(|name| format!("\"{name}\"")));
        }
        text.push_str(&format!("primary_key = [{}]\n", key.join(", ")));
        text.push_str(&format!("columns = [{}]\n", written.join(", ")));
    }
    text
}

fn database(engine: &str, default_schema: &str) -> Database {
    let settings = format!(
        "engine = \"{engine}\"\nurl = \"env:UNUSED\"\ntenant_filter_column = \"tenant_id\"\n"
    );
    let policies = vec![("tenant.cedar".to_owned(), POLICY.to_owned())];
    let sources = Sources { settings, catalog: catalog(default_schema), policies };
    Database::from_sources("tpch".parse().unwrap(), &sources).unwrap()
}

/// A query of one tenant, as it is and guarded.
struct Case {
    name: String,
    tenant: i64,
    original: String,
    guarded: String,
    binds: Vec<Value>,
}

fn cases(dialect: Dialect, default_schema: &str) -> Vec<Case> {
    let database = database(dialect.name(), default_schema);
    let folder = world::root().join("fixtures/tpch").join(dialect.name());
    let mut cases = Vec::new();
    for number in 1..=22 {
        let name = format!("q{number:02}");
        let original = std::fs::read_to_string(folder.join(format!("{name}.sql"))).unwrap();
        for tenant in TENANTS {
            let filters = database.predicates_for(&world::principal(tenant, None)).unwrap();
            let guarded = guard_sql(&original, dialect, &database.catalog, &filters)
                .unwrap_or_else(|refusal| panic!("{name} is refused: {refusal}; {}", refusal.hint));
            let query = guarded.query();
            cases.push(Case {
                name: name.clone(),
                tenant,
                original: original.clone(),
                guarded: query.text().to_owned(),
                binds: query.binds().iter().map(world::value).cloned().collect(),
            });
        }
    }
    cases
}

/// What a case gave on the shared database, and what its original gives on the tenant's own copy.
struct Compared<T> {
    case: Case,
    guarded: Vec<Vec<T>>,
    own: Vec<Vec<T>>,
}

/// Every query has rows for some tenant: otherwise it compares nothing.
fn assert_same<T: Debug + PartialEq>(results: Vec<Compared<T>>, is_null: impl Fn(&T) -> bool) {
    let mut rows = std::collections::BTreeMap::new();
    for Compared { case, guarded, own } in results {
        let told = own.iter().filter(|row| !row.iter().all(&is_null)).count();
        *rows.entry(case.name.clone()).or_insert(0) += told;
        assert_eq!(guarded, own, "{} of {}\n{}", case.name, case.tenant, case.guarded);
    }
    eprintln!("TPC-H: rows compared for each query: {rows:?}");
    assert!(rows.len() == 22 && rows.values().all(|rows| *rows > 0), "{rows:?}");
}

#[tokio::test]
async fn on_sqlite() {
    let mut shared = world::empty().await;
    for text in [SCHEMA.to_owned(), seed::inserts(&TENANTS)] {
        world::execute(&mut shared, &text).await;
    }
    let mut results = Vec::new();
    let mut copies = std::collections::HashMap::new();
    for tenant in TENANTS {
        let mut own = world::empty().await;
        for text in [SCHEMA.to_owned(), seed::inserts(&[tenant])] {
            world::execute(&mut own, &text).await;
        }
        copies.insert(tenant, own);
    }
    for case in cases(Dialect::Sqlite, "main") {
        let [Value::Long(tenant)] = case.binds.as_slice() else { panic!("{:?}", case.binds) };
        let text = case.guarded.replace("?1", &tenant.to_string());
        let guarded = world::run_text(&mut shared, &text).await.unwrap();
        let own = copies.get_mut(&case.tenant).unwrap();
        let own = world::run_text(own, &case.original).await.unwrap();
        results.push(Compared { case, guarded, own });
    }
    assert_same(results, |cell| cell == "NULL");
}

#[tokio::test]
async fn on_postgresql() {
    let Some(server) = servers::postgresql::Server::start(&[]).await else { return };
    let mut shared = server.connect("postgres").await;
    let run = |text: String| AssertSqlSafe(text).into_sql_str();
    for text in [SCHEMA.to_owned(), seed::inserts(&TENANTS)] {
        sqlx::raw_sql(run(text)).execute(&mut shared).await.unwrap();
    }
    let mut results = Vec::new();
    for tenant in TENANTS {
        let database = format!("own_{tenant}");
        sqlx::raw_sql(run(format!("CREATE DATABASE {database}")))
            .execute(&mut shared)
            .await
            .unwrap();
        let mut own = server.connect(&database).await;
        for text in [SCHEMA.to_owned(), seed::inserts(&[tenant])] {
            sqlx::raw_sql(run(text)).execute(&mut own).await.unwrap();
        }
        let rows = |rows: Vec<sqlx::postgres::PgRow>| -> Vec<Vec<Option<String>>> {
            let text = |row: &sqlx::postgres::PgRow, at| row.get_unchecked::<Option<String>, _>(at);
            rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect()
        };
        for case in cases(Dialect::Postgresql, "public") {
            if case.tenant != tenant {
                continue;
            }
            let text = case.guarded.replace("$1", &tenant.to_string());
            let guarded = sqlx::raw_sql(run(text)).fetch_all(&mut shared).await.unwrap();
            let original =
                sqlx::raw_sql(run(case.original.clone())).fetch_all(&mut own).await.unwrap();
            results.push(Compared { case, guarded: rows(guarded), own: rows(original) });
        }
        own.close().await.unwrap();
    }
    assert_same(results, Option::is_none);
}

#[tokio::test]
async fn on_mariadb() {
    let Some(server) = servers::mariadb::Server::start(&[]).await else { return };
    let run = |text: String| AssertSqlSafe(text).into_sql_str();
    let mut root = server.connect("mysql").await;
    let mut databases: Vec<(String, Vec<i64>)> = vec![("shared".to_owned(), TENANTS.to_vec())];
    databases.extend(TENANTS.iter().map(|tenant| (format!("own_{tenant}"), vec![*tenant])));
    for (name, tenants) in &databases {
        sqlx::raw_sql(run(format!("CREATE DATABASE {name}"))).execute(&mut root).await.unwrap();
        let mut connection = server.connect(name).await;
        // One transaction: a commit for each row would wait for the disk each time.
        let seed = format!("START TRANSACTION; {} COMMIT", seed::inserts(tenants));
        for text in [SCHEMA.to_owned(), seed] {
            sqlx::raw_sql(run(text)).execute(&mut connection).await.unwrap();
        }
    }
    let rows = |rows: Vec<sqlx::mysql::MySqlRow>| -> Vec<Vec<Option<Vec<u8>>>> {
        let bytes = |row: &sqlx::mysql::MySqlRow, at| row.get_unchecked::<Option<Vec<u8>>, _>(at);
        rows.iter().map(|row| (0..row.len()).map(|at| bytes(row, at)).collect()).collect()
    };
    let mut shared = server.connect("shared").await;
    let mut results = Vec::new();
    for case in cases(Dialect::Mysql, "shared") {
        let mut own = server.connect(&format!("own_{}", case.tenant)).await;
        let text = case.guarded.replace('?', &case.tenant.to_string());
        let guarded = sqlx::raw_sql(run(text)).fetch_all(&mut shared).await.unwrap();
        let original = sqlx::raw_sql(run(case.original.clone())).fetch_all(&mut own).await.unwrap();
        results.push(Compared { case, guarded: rows(guarded), own: rows(original) });
    }
    assert_same(results, Option::is_none);
}
