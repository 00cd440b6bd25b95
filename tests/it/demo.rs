//! The demo database: its fixture files load, and its catalog and policies fit them.

use std::collections::BTreeSet;
use std::path::Path;

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use dialektai::catalog::{Catalog, ColumnType, PRINCIPAL_TYPE};
use dialektai::policy::settings::{EngineKind, Settings};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

const SCHEMA: &str = include_str!("../../fixtures/demo/schema.sql");
const SEED: &str = include_str!("../../fixtures/demo/seed.sql");
const SETTINGS: &str = include_str!("../../policies/demo/database.toml");
const CATALOG: &str = include_str!("../../policies/demo/catalog.toml");

/// The customers of the seed.
const TENANTS: [i64; 7] = [7, 82, 99, 417, 5309, 9_007_199_254_740_992, 9_007_199_254_740_993];

pub(crate) fn catalog() -> Catalog {
    Catalog::parse(CATALOG).unwrap()
}

/// The whole demo database, in memory.
pub(crate) async fn database() -> SqliteConnection {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for text in [SCHEMA, SEED] {
        execute(&mut connection, text).await;
    }
    connection
}

/// What customer 82 sees of it, made without the guard: everything else is deleted.
pub(crate) async fn database_of_82() -> SqliteConnection {
    let mut connection = database().await;
    execute(&mut connection, "PRAGMA foreign_keys = OFF").await;
    for relation in ["users", "projects", "tasks", "time_entries"] {
        execute(&mut connection, &format!("DELETE FROM {relation} WHERE customer_id <> 82")).await;
    }
    connection
}

#[expect(clippy::disallowed_methods, reason = "tests look at the demo database without the guard")]
async fn execute(connection: &mut SqliteConnection, text: &str) {
    sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(connection).await.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "tests look at the demo database without the guard")]
pub(crate) async fn rows(
    connection: &mut SqliteConnection,
    text: &str,
) -> Result<Vec<sqlx::sqlite::SqliteRow>, sqlx::Error> {
    sqlx::query(AssertSqlSafe(text.to_owned())).fetch_all(connection).await
}

async fn integers(connection: &mut SqliteConnection, text: &str) -> Vec<i64> {
    rows(connection, text).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn the_catalog_is_as_pull_writes_it() {
    assert_eq!(catalog().to_toml(), CATALOG);
}

#[test]
fn the_settings_are_read() {
    let settings = Settings::parse(SETTINGS).unwrap();
    assert_eq!(settings.engine, EngineKind::Sqlite);
    assert_eq!(settings.url, "demo:");
    assert_eq!(settings.tenant_filter_column.as_deref(), Some("customer_id"));
    assert_eq!(settings.scope_filter_column.as_deref(), Some("assigned_to"));
}

#[tokio::test]
async fn the_catalog_describes_the_schema() {
    let mut connection = database().await;
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let tables: Vec<String> =
        rows(&mut connection, tables).await.unwrap().iter().map(|row| row.get(0)).collect();
    let catalog = catalog();
    let listed: Vec<&str> = catalog.relations.iter().map(|r| r.name.name.as_str()).collect();
    assert_eq!(tables, listed);
    for relation in &catalog.relations {
        let text = format!("PRAGMA table_info({})", relation.name.name);
        let found: Vec<(String, String, bool)> = rows(&mut connection, &text)
            .await
            .unwrap()
            .iter()
            .map(|row| {
                (
                    row.get("name"),
                    row.get("type"),
                    row.get::<i64, _>("notnull") == 0 && row.get::<i64, _>("pk") == 0,
                )
            })
            .collect();
        let expected: Vec<(String, String, bool)> = relation
            .columns
            .iter()
            .map(|column| (column.name.to_string(), column.declared.clone(), column.nullable))
            .collect();
        assert_eq!(found, expected, "{}", relation.name);
    }
}

#[tokio::test]
async fn every_tenant_has_rows_everywhere() {
    let mut connection = database().await;
    for relation in ["users", "projects", "tasks", "time_entries"] {
        let text = format!("SELECT DISTINCT customer_id FROM {relation} ORDER BY 1");
        assert_eq!(integers(&mut connection, &text).await, TENANTS, "{relation}");
    }
    let comments = "SELECT DISTINCT tasks.customer_id FROM comments JOIN tasks ON tasks.id = task_id ORDER BY 1";
    assert_eq!(integers(&mut connection, comments).await, TENANTS);
    let broken = rows(&mut connection, "PRAGMA foreign_key_check").await.unwrap();
    assert!(broken.is_empty(), "every key names a row that is there");
    let lists = [
        ("SELECT id FROM tasks WHERE customer_id = 82 AND assigned_to = 'user-john-456'", 5),
        ("SELECT id FROM tasks WHERE customer_id <> 82 AND assigned_to = 'user-john-456'", 8),
        (
            "SELECT t.id FROM tasks t JOIN projects p ON p.id = t.project_id WHERE p.customer_id <> t.customer_id",
            5,
        ),
    ];
    for (text, expected) in lists {
        assert_eq!(integers(&mut connection, text).await.len(), expected, "{text}");
    }
}

/// The schema that `dialektai pull` derives, as far as the demo's policies need it.
fn cedar_schema(catalog: &Catalog) -> Schema {
    let mut text = format!("entity {PRINCIPAL_TYPE} = {{ tenant: Long, scope?: String }};\n");
    let mut types = Vec::new();
    for relation in &catalog.relations {
        let attributes: Vec<String> = relation
            .columns
            .iter()
            .filter_map(|column| {
                let optional = if column.nullable { "?" } else { "" };
                Some(format!(
                    "\"{}\"{optional}: {}",
                    column.name,
                    column.column_type.cedar()?.name()
                ))
            })
            .collect();
        text.push_str(&format!(
            "entity {} = {{ {} }};\n",
            relation.entity_type,
            attributes.join(", ")
        ));
        types.push(relation.entity_type.clone());
    }
    text.push_str(&format!(
        "action read appliesTo {{ principal: [{PRINCIPAL_TYPE}], resource: [{}], context: {{ columns: Set<String> }} }};",
        types.join(", ")
    ));
    Schema::from_cedarschema_str(&text).unwrap().0
}

#[test]
fn the_policies_have_ids_and_are_strictly_typed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/demo");
    let schema = cedar_schema(&catalog());
    let mut ids = BTreeSet::new();
    for file in ["tenant.cedar", "shared.cedar"] {
        let policies: PolicySet =
            std::fs::read_to_string(folder.join(file)).unwrap().parse().unwrap();
        for policy in policies.policies() {
            assert!(ids.insert(policy.annotation("id").unwrap().to_owned()), "{file}");
        }
        let result = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        assert!(result.validation_passed_without_warnings(), "{file}: {result}");
    }
    assert_eq!(ids, BTreeSet::from(["scope", "shared-countries", "tenant"].map(str::to_owned)));
    assert!(
        catalog()
            .relations
            .iter()
            .flat_map(|r| &r.columns)
            .all(|c| c.column_type != ColumnType::Other)
    );
}
