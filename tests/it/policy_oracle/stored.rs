//! The rows on each engine, where the emitted text must keep the same ones.

use std::collections::BTreeSet;

use dialektai::catalog::{Catalog, ColumnType, Relation, RelationName};
use dialektai::guard::RefusalCode;
use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::predicate::{Hop, Predicate, PredicateSet, Row, RowFilter, Value};
use tokio::runtime::Runtime;

use super::documents::Documents;
use crate::live::Live;
use crate::live::copies::{Servers, pinned};
use crate::world::{DEMO_SCHEMA, civil};

/// The relation `facts` on one engine. Rows with an instant that the engine's dates cannot hold are left out.
pub(super) struct Stored {
    runtime: Runtime,
    place: Place,
    pub(super) keys: BTreeSet<String>,
}

enum Place {
    Sql { live: Live, catalog: Catalog, _servers: Servers },
    Documents(Documents),
}

impl Stored {
    pub(super) fn on_every_engine(rows: &[(&'static str, String, Row)]) -> Vec<Self> {
        let engines = [Dialect::Sqlite, Dialect::Postgresql, Dialect::Mysql];
        let sql = engines.into_iter().filter_map(|dialect| Self::on(dialect, rows));
        sql.chain(Self::as_documents(rows)).collect()
    }

    fn as_documents(rows: &[(&'static str, String, Row)]) -> Option<Self> {
        // Its driver goes on by itself between the questions.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let (documents, keys) = runtime.block_on(Documents::start(rows))?;
        Some(Self { runtime, place: Place::Documents(documents), keys })
    }

    fn on(dialect: Dialect, rows: &[(&'static str, String, Row)]) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let catalog = Catalog::parse(&catalog_text(dialect)).unwrap();
        let (servers, live, keys) = runtime.block_on(async {
            let servers = Servers::bare(dialect).await?;
            let mut live = servers.empty("stored").await;
            let mut keys = BTreeSet::new();
            for relation in &catalog.relations {
                live.execute(&create_table(relation, dialect)).await;
            }
            for (of, key, row) in rows {
                let name = RelationName { name: (*of).to_owned(), ..facts(dialect) };
                let relation = catalog.relation(&name).unwrap();
                if let Some(insert) = insert(relation, row, dialect) {
                    live.execute(&insert).await;
                    if *of == "facts" {
                        keys.insert(key.clone());
                    }
                }
            }
            pinned(&mut live).await;
            if dialect == Dialect::Postgresql {
                // Each filter is asked for once, of a few rows.
                live.execute("SET jit = off").await;
            }
            Some((servers, live, keys))
        })?;
        Some(Self { runtime, place: Place::Sql { live, catalog, _servers: servers }, keys })
    }

    pub(super) fn name(&self) -> &'static str {
        match &self.place {
            Place::Sql { live, .. } => live.dialect().name(),
            Place::Documents(_) => "mongodb",
        }
    }

    /// Whether the engine has such filters: MongoDB's look at one collection.
    pub(super) fn takes(&self, filter: &RowFilter) -> bool {
        match (&self.place, filter) {
            (Place::Documents(_), RowFilter::Where(predicate)) => !predicate.follows_keys(),
            (Place::Documents(_) | Place::Sql { .. }, _) => true,
        }
    }

    /// The keys of `facts` that the guarded query gives.
    pub(super) fn visible(&mut self, filter: &RowFilter) -> BTreeSet<String> {
        let Self { runtime, place, .. } = self;
        let (live, catalog) = match place {
            Place::Sql { live, catalog, .. } => (live, catalog),
            Place::Documents(documents) => return runtime.block_on(documents.visible(filter)),
        };
        let dialect = live.dialect();
        let filter = match filter {
            RowFilter::Where(predicate) => RowFilter::Where(moved(predicate, schema(dialect))),
            RowFilter::AllRows | RowFilter::NoRows => filter.clone(),
        };
        let filters: PredicateSet = [(facts(dialect), filter)].into_iter().collect();
        let query = "SELECT id FROM facts";
        let guarded = match guard_sql(query, dialect, catalog, &filters) {
            Ok(guarded) => guarded,
            // Nothing is visible, so the relation does not exist.
            Err(refusal) if refusal.code == RefusalCode::UnknownRelation => return BTreeSet::new(),
            Err(refusal) => panic!("{refusal}: {filters:?}"),
        };
        let outcome = runtime.block_on(live.run_guarded(guarded.query())).outcome;
        let rows = outcome.unwrap_or_else(|error| panic!("{error}: {}", guarded.query().text()));
        rows.into_iter().map(|row| row[0].trim_matches('"').to_owned()).collect()
    }
}

/// The predicate with the parents in the schema that they are in here.
fn moved(predicate: &Predicate, schema: &str) -> Predicate {
    let all = |operands: &[Predicate]| operands.iter().map(|one| moved(one, schema)).collect();
    let elsewhere = |hop: &Hop| {
        let parent = RelationName { schema: schema.to_owned(), name: hop.parent.name.clone() };
        Hop { parent, ..hop.clone() }
    };
    match predicate {
        Predicate::And(operands) => Predicate::And(all(operands)),
        Predicate::Or(operands) => Predicate::Or(all(operands)),
        Predicate::Related { hop, predicate } => {
            let predicate = Box::new(moved(predicate, schema));
            Predicate::Related { hop: elsewhere(hop), predicate }
        }
        Predicate::Parent { hop, negated } => {
            Predicate::Parent { hop: elsewhere(hop), negated: *negated }
        }
        atom => atom.clone(),
    }
}

fn facts(dialect: Dialect) -> RelationName {
    RelationName { schema: schema(dialect).to_owned(), name: "facts".to_owned() }
}

fn schema(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "main",
        Dialect::Postgresql => "public",
        Dialect::Mysql => DEMO_SCHEMA,
        Dialect::Mssql => panic!("no SQL Server runs here"),
    }
}

/// The catalog as `pull` would write it on an engine: with the types declared there.
fn catalog_text(dialect: Dialect) -> String {
    let mut text = include_str!("../../../fixtures/policies/catalog.toml")
        .replace("default_schema = \"main\"", &format!("default_schema = \"{}\"", schema(dialect)));
    for column_type in ["integer", "text", "boolean", "timestamp", "date", "uuid", "bytes"] {
        let declared = declared(column_type, dialect).to_lowercase();
        text = text.replace(
            &format!("type = \"{column_type}\","),
            &format!("type = \"{column_type}\", declared = \"{declared}\","),
        );
    }
    if dialect == Dialect::Mysql {
        // What its columns have, and so what case and accents are to a plain `=` there.
        text = text.replace(
            "declared = \"text\",",
            "declared = \"text\", collation = \"utf8mb4_general_ci\",",
        );
    }
    text
}

fn declared(column_type: &str, dialect: Dialect) -> &'static str {
    match (column_type, dialect) {
        ("integer", Dialect::Sqlite) => "INTEGER",
        ("integer", _) => "BIGINT",
        ("boolean", Dialect::Mysql) => "TINYINT(1)",
        ("boolean", _) => "BOOLEAN",
        ("date", _) => "DATE",
        ("timestamp", Dialect::Mysql) => "DATETIME(6)",
        ("timestamp", Dialect::Postgresql) => "TIMESTAMP WITHOUT TIME ZONE",
        ("timestamp", _) => "TIMESTAMP",
        ("uuid", Dialect::Postgresql | Dialect::Mysql) => "UUID",
        ("bytes", Dialect::Postgresql) => "BYTEA",
        ("bytes", _) => "BLOB",
        _ => "TEXT",
    }
}

fn quoted(name: &str, dialect: Dialect) -> String {
    if dialect == Dialect::Mysql { format!("`{name}`") } else { format!("\"{name}\"") }
}

fn create_table(relation: &Relation, dialect: Dialect) -> String {
    let columns: Vec<String> = relation
        .columns
        .iter()
        .map(|column| {
            let name = quoted(column.name.as_str(), dialect);
            let null = if column.nullable { "" } else { " NOT NULL" };
            format!("{name} {}{null}", column.declared)
        })
        .collect();
    format!("CREATE TABLE {} ({})", quoted(&relation.name.name, dialect), columns.join(", "))
}

/// `INSERT` of one row; `None` for a value that no engine can hold.
fn insert(relation: &Relation, row: &Row, dialect: Dialect) -> Option<String> {
    let values: Option<Vec<String>> = relation
        .columns
        .iter()
        .map(|column| match row.get(&column.name) {
            None => Some("NULL".to_owned()),
            Some(Value::Long(i64::MIN)) => Some("(-9223372036854775807 - 1)".to_owned()),
            Some(Value::Long(value)) => Some(value.to_string()),
            Some(Value::Bool(value)) if dialect == Dialect::Postgresql => Some(value.to_string()),
            Some(Value::Bool(value)) => Some(i64::from(*value).to_string()),
            Some(Value::String(value)) => Some(format!("'{}'", value.replace('\'', "''"))),
            Some(Value::Datetime(value)) => {
                let (day, time) = civil(*value)?;
                let date = column.column_type == ColumnType::Date;
                Some(if date { format!("'{day}'") } else { format!("'{day} {time}'") })
            }
        })
        .collect();
    Some(format!("INSERT INTO {} VALUES ({})", relation.name.name, values?.join(", ")))
}
