//! Copies of the demo database on each engine: shared by all tenants, cut down to what one principal may read, and
//! with other secrets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use dialektai::catalog::{ColumnType, Relation};
use dialektai::guard::sql::{Dialect, MYSQL_SQL_MODE};
use dialektai::identity::Principal;
use dialektai::policy::Database;

use super::Live;
use crate::servers::{mariadb, postgresql};
use crate::world::{self, Indexes};

/// Where copies are made.
pub(crate) enum Servers {
    /// In memory.
    Sqlite,
    Postgresql(postgresql::Server),
    Mariadb(mariadb::Server),
}

static COPIES: AtomicUsize = AtomicUsize::new(0);

impl Servers {
    /// A server without databases; `None`, said aloud, where it is not installed.
    pub(crate) async fn bare(dialect: Dialect) -> Option<Self> {
        Some(match dialect {
            Dialect::Sqlite => Self::Sqlite,
            Dialect::Postgresql => {
                let settings = ["autovacuum=off", "shared_buffers=32MB", "max_connections=60"];
                Self::Postgresql(postgresql::Server::start(&settings).await?)
            }
            Dialect::Mysql => Self::Mariadb(mariadb::Server::start(&[]).await?),
            Dialect::Mssql => panic!("no SQL Server runs here"),
        })
    }

    /// A server with a shared database for each set of indexes.
    pub(crate) async fn start(dialect: Dialect) -> Option<Self> {
        let servers = Self::bare(dialect).await?;
        if matches!(servers, Self::Sqlite) {
            return Some(servers);
        }
        for indexes in Indexes::of(dialect) {
            let mut live = servers.empty(&shared(*indexes)).await;
            fill(&mut live, *indexes).await;
            if let (Self::Postgresql(server), name) = (&servers, shared(*indexes)) {
                // What is copied must have no connections.
                drop(live);
                let mut maintenance = Live::Postgresql(server.connect("postgres").await);
                let statement = format!("CREATE DATABASE {name}_template TEMPLATE {name}");
                maintenance.execute(&statement).await;
            }
        }
        Some(servers)
    }

    /// A new database without relations.
    pub(crate) async fn empty(&self, name: &str) -> Live {
        match self {
            Self::Sqlite => Live::Sqlite(world::empty().await),
            Self::Postgresql(server) => {
                let mut maintenance = Live::Postgresql(server.connect("postgres").await);
                maintenance.execute(&format!("CREATE DATABASE {name}")).await;
                Live::Postgresql(server.connect(name).await)
            }
            Self::Mariadb(server) => {
                let mut maintenance = Live::Mariadb(server.connect("mysql").await, name.to_owned());
                maintenance.execute(&format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).await;
                let mut live = Live::Mariadb(server.connect(name).await, name.to_owned());
                live.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES', foreign_key_checks = 0")
                    .await;
                live
            }
        }
    }

    /// The shared database, which nothing may change.
    pub(crate) async fn shared(&self, indexes: Indexes) -> Live {
        let name = shared(indexes);
        match self {
            Self::Sqlite => Live::Sqlite(world::shared(indexes).await),
            Self::Postgresql(server) => Live::Postgresql(server.connect(&name).await),
            Self::Mariadb(server) => {
                let mut live = Live::Mariadb(server.connect(&name).await, name);
                pinned(&mut live).await;
                live
            }
        }
    }

    /// A copy of the shared database, to be changed.
    pub(crate) async fn copy(&self, indexes: Indexes) -> Live {
        let name = format!("copy_{}", COPIES.fetch_add(1, Ordering::Relaxed));
        let shared = shared(indexes);
        match self {
            Self::Sqlite => self.shared(indexes).await,
            Self::Postgresql(server) => {
                let mut maintenance = Live::Postgresql(server.connect("postgres").await);
                let statement = format!("CREATE DATABASE {name} TEMPLATE {shared}_template");
                maintenance.execute(&statement).await;
                let mut live = Live::Postgresql(server.connect(&name).await);
                live.execute("SET session_replication_role = replica").await;
                live
            }
            Self::Mariadb(_) => {
                let mut live = self.empty(&name).await;
                for relation in world::demo().catalog.relations {
                    let table = relation.name.name;
                    live.execute(&format!("CREATE TABLE {table} LIKE {shared}.{table}")).await;
                    let rows = format!("INSERT INTO {table} SELECT * FROM {shared}.{table}");
                    live.execute(&rows).await;
                }
                live
            }
        }
    }

    /// `D|p`: a copy that holds only the rows that Cedar's own authorizer permits.
    pub(crate) async fn own(&self, permitted: &Permitted, indexes: Indexes) -> Live {
        let mut live = self.copy(indexes).await;
        for relation in &permitted.relations {
            let hidden = permitted.hidden(relation);
            live.execute(&format!("DELETE FROM {} WHERE {hidden}", relation.name.name)).await;
        }
        counted(&mut live, indexes).await;
        pinned(&mut live).await;
        live
    }

    /// A copy in which every row that the principal may not read is another: other values, fewer rows, new rows. PostgreSQL's
    /// statistics stay as they are, so that the plans are the same ones: which of the caller's own rows are looked at first
    /// is theirs to choose.
    pub(crate) async fn other_secrets(&self, permitted: &Permitted, indexes: Indexes) -> Live {
        let mut live = self.copy(indexes).await;
        for relation in &permitted.relations {
            for statement in other_rows(relation, &permitted.hidden(relation), live.dialect()) {
                live.execute(&statement).await;
            }
        }
        pinned(&mut live).await;
        live
    }
}

/// Makes the planner forget the rows that a copy no longer has. PostgreSQL estimates with values of its statistics, so a
/// copy that kept those of the shared database would fail as that does.
async fn counted(live: &mut Live, indexes: Indexes) {
    if live.dialect() == Dialect::Postgresql && indexes != Indexes::Tenant {
        live.execute("DELETE FROM pg_statistic; ANALYZE").await;
    }
}

/// Pins the modes that the engine pins.
pub(crate) async fn pinned(live: &mut Live) {
    if live.dialect() == Dialect::Mysql {
        live.execute(&format!(
            "SET sql_mode = '{MYSQL_SQL_MODE}', time_zone = '+00:00'; \
             SET NAMES utf8mb4 COLLATE utf8mb4_general_ci"
        ))
        .await;
    }
}

fn shared(indexes: Indexes) -> String {
    format!("shared_{indexes:?}").to_lowercase()
}

/// Schema, seed and indexes.
async fn fill(live: &mut Live, indexes: Indexes) {
    let read = |file: &str| {
        std::fs::read_to_string(world::root().join("fixtures/demo").join(file)).unwrap()
    };
    let schema = if live.dialect() == Dialect::Mysql { "schema.mysql.sql" } else { "schema.sql" };
    live.execute(&read(schema)).await;
    live.execute(&read("seed.sql")).await;
    if indexes == Indexes::Tenant {
        return;
    }
    let (own, drop) = match live.dialect() {
        Dialect::Postgresql => (
            "SELECT indexname, tablename FROM pg_indexes \
             WHERE schemaname = 'public' AND indexname LIKE '%!_by!_%' ESCAPE '!'",
            "DROP INDEX {index}",
        ),
        Dialect::Mysql => (
            "SELECT DISTINCT index_name, table_name FROM information_schema.statistics \
             WHERE table_schema = database() AND index_name LIKE '%!_by!_%' ESCAPE '!'",
            "ALTER TABLE {table} DROP INDEX {index}",
        ),
        Dialect::Sqlite | Dialect::Mssql => unreachable!("SQLite has its own"),
    };
    for row in live.run(own).await.unwrap() {
        let [index, table] = [0, 1].map(|n| row[n].trim_matches('"'));
        live.execute(&drop.replace("{index}", index).replace("{table}", table)).await;
    }
    for relation in world::demo().catalog.relations {
        let others = relation.columns.iter().filter(|own| own.name.as_str() != "customer_id");
        for column in others {
            let (table, name) = (&relation.name.name, column.name.as_str());
            let long = ["description", "note", "body"].contains(&name);
            let prefix = if long && live.dialect() == Dialect::Mysql { "(60)" } else { "" };
            let index = format!("INDEX {table}_{name} ON {table} ({name}{prefix})");
            // What has one row is read before anything else is asked.
            let unique = live.dialect() == Dialect::Mysql
                && live.run(&format!("CREATE UNIQUE {index}")).await.is_ok();
            if !unique {
                live.execute(&format!("CREATE {index}")).await;
            }
        }
    }
    if live.dialect() == Dialect::Postgresql {
        live.execute("ANALYZE").await;
    }
    if indexes == Indexes::Costly {
        // The planner asks the cheapest condition first, and now the filter's own are the dearest.
        live.execute(
            "UPDATE pg_proc SET procost = 100000 WHERE proname IN \
             ('int8eq', 'int84eq', 'int48eq', 'texteq', 'int84ne', 'int8ne', 'textne')",
        )
        .await;
    }
}

/// The rows that Cedar's own authorizer permits a principal to read: the seed is one for all engines, so they are asked
/// about on SQLite, and known elsewhere by their keys.
pub(crate) struct Permitted {
    relations: Vec<Relation>,
    keys: BTreeMap<String, Vec<String>>,
}

impl Permitted {
    pub(crate) async fn of(database: &Database, principal: &Principal) -> Self {
        let mut sqlite = world::shared(Indexes::Tenant).await;
        let mut keys = BTreeMap::new();
        for relation in &database.catalog.relations {
            let rows = world::entities(&mut sqlite, relation).await;
            let allowed = rows.into_iter().filter(|(_, key, row)| {
                database.is_authorized(principal, &relation.name, key, row)
            });
            keys.insert(relation.name.name.clone(), allowed.map(|(_, key, _)| key).collect());
        }
        Self { relations: database.catalog.relations.clone(), keys }
    }

    /// The keys of a relation's permitted rows.
    pub(crate) fn keys(&self, relation: &Relation) -> &[String] {
        &self.keys[&relation.name.name]
    }

    /// A condition that is true on the other rows.
    fn hidden(&self, relation: &Relation) -> String {
        let keys: Vec<String> = self.keys(relation).iter().map(|key| format!("'{key}'")).collect();
        let key = relation.primary_key[0].as_str();
        if keys.is_empty() {
            "1 = 1".to_owned()
        } else {
            format!("{key} NOT IN ({})", keys.join(", "))
        }
    }
}

/// Statements that change, remove and add hidden rows: first and last in every order, at the limits of their types, and
/// what no cast and no pattern can read.
fn other_rows(relation: &Relation, hidden: &str, dialect: Dialect) -> Vec<String> {
    let (table, key) = (&relation.name.name, relation.primary_key[0].as_str());
    if relation.name.name == "countries" {
        return Vec::new();
    }
    let mut assignments = Vec::new();
    let mut copied = Vec::new();
    for column in &relation.columns {
        let name = column.name.as_str();
        let whose = ["customer_id", "assigned_to"].contains(&name)
            || column.name == relation.primary_key[0];
        copied.push(if name == key { format!("{name} + 1000") } else { name.to_owned() });
        if whose || name == "country_code" {
            continue;
        }
        let narrow = column.declared == "INTEGER";
        let values: [&str; 4] = match column.column_type {
            ColumnType::Text => ["''", "'zzzz'", "'((('", "replace(upper(OWN), 'A', '5')"],
            ColumnType::Integer if narrow => ["0", "2147483647", "-1", "OWN"],
            ColumnType::Integer => ["0", "9223372036854775807", "-9223372036854775807", "OWN"],
            ColumnType::Decimal | ColumnType::Float => ["0", "-1.5", "99999.5", "OWN"],
            ColumnType::Boolean => ["NOT OWN", "NOT OWN", "OWN", "NOT OWN"],
            _ if dialect == Dialect::Postgresql => {
                ["DATE '1000-01-01'", "DATE '9999-12-31'", "DATE '2024-02-29'", "OWN"]
            }
            _ => ["'1000-01-01'", "'9999-12-31'", "'2024-02-29'", "OWN"],
        };
        let [first, second, third, fourth] = values.map(|value| value.replace("OWN", name));
        let null = if column.nullable { " WHEN 4 THEN NULL" } else { "" };
        assignments.push(format!(
            "{name} = CASE {key} % 5 WHEN 0 THEN {first} WHEN 1 THEN {second} WHEN 2 THEN {third}{null} \
             ELSE {fourth} END"
        ));
    }
    let ignore = if dialect == Dialect::Mysql { " IGNORE" } else { "" };
    let names: Vec<&str> = relation.columns.iter().map(|column| column.name.as_str()).collect();
    vec![
        format!("UPDATE{ignore} {table} SET {} WHERE {hidden}", assignments.join(", ")),
        format!("DELETE FROM {table} WHERE {hidden} AND {key} % 3 = 0"),
        format!(
            "INSERT{ignore} INTO {table} ({}) SELECT {} FROM {table} WHERE {hidden}",
            names.join(", "),
            copied.join(", ")
        ),
    ]
}
