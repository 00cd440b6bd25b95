//! Native row-level security on PostgreSQL: a plain role sees the rows that Cedar permits, and so the guard's.

use std::collections::BTreeSet;

use dialektai::catalog::{ColumnType, Relation};
use dialektai::guard::sql::{Dialect, guard_sql};
use dialektai::identity::{Principal, TenantId};
use dialektai::policy::{Database, Sources};
use dialektai::predicate::{Row, Value};
use dialektai::rls;
use rand::SeedableRng as _;
use sqlx::postgres::PgConnection;

use super::{CASES, Generator, claims, load, main_relation, principals, rows};
use crate::live::postgresql::{execute, run};
use crate::servers::postgresql::Server;
use crate::world;

fn on_postgresql(policies: &str) -> Result<Database, dialektai::policy::LoadError> {
    let settings = include_str!("../../../fixtures/policies/database.toml");
    let sources = Sources {
        settings: settings.replace("engine = \"sqlite\"", "engine = \"postgresql\""),
        catalog: include_str!("../../../fixtures/policies/catalog.toml").to_owned(),
        policies: vec![("case.cedar".to_owned(), policies.to_owned())],
    };
    Database::from_sources("hostile".parse().unwrap(), &sources)
}

fn create_table(relation: &Relation) -> String {
    let column = |column: &dialektai::catalog::Column| {
        let declared = match column.column_type {
            ColumnType::Integer => "bigint",
            ColumnType::Boolean => "boolean",
            ColumnType::Date => "date",
            ColumnType::Timestamp => "timestamp",
            ColumnType::Uuid => "uuid",
            ColumnType::Bytes => "bytea",
            _ => "text",
        };
        format!("\"{}\" {declared}", column.name)
    };
    let columns: Vec<String> = relation.columns.iter().map(column).collect();
    format!("CREATE TABLE main.\"{}\" ({})", relation.name.name, columns.join(", "))
}

/// `None` for an instant that PostgreSQL does not have.
fn insert(relation: &Relation, row: &Row) -> Option<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let value = |column: &dialektai::catalog::Column| match row.get(&column.name) {
        None => Some("NULL".to_owned()),
        Some(Value::Long(value)) => Some(format!("'{value}'")),
        Some(Value::Bool(value)) => Some(value.to_string()),
        Some(Value::String(value)) => Some(quoted(value)),
        Some(Value::Datetime(value)) if value.unsigned_abs() > 1 << 52 => None,
        Some(Value::Datetime(value)) => {
            let (seconds, rest) = (value.div_euclid(1_000), value.rem_euclid(1_000));
            Some(format!(
                "(to_timestamp({seconds}) AT TIME ZONE 'UTC') + interval '{rest} milliseconds'"
            ))
        }
    };
    let values: Option<Vec<String>> = relation.columns.iter().map(value).collect();
    Some(format!("INSERT INTO main.\"{}\" VALUES ({})", relation.name.name, values?.join(", ")))
}

/// What a role that owns nothing sees, for whom the settings say.
async fn seen(
    connection: &mut PgConnection,
    principal: Option<&Principal>,
    query: &str,
) -> BTreeSet<String> {
    let mut text = "BEGIN; SET LOCAL ROLE reader;".to_owned();
    if let Some(Principal { tenant, scope, claims: _ }) = principal {
        let quoted = |text: &str| text.replace('\'', "''");
        let tenant = tenant.as_ref().map_or(String::new(), TenantId::to_string);
        text.push_str(&format!("SET LOCAL dialektai.tenant = '{}';", quoted(&tenant)));
        let scope = scope.as_ref().map_or("", |scope| scope.as_str());
        text.push_str(&format!("SET LOCAL dialektai.scope = '{}';", quoted(scope)));
    }
    let outcome = run(connection, &format!("{text} {query}; ROLLBACK")).await;
    let rows = outcome.unwrap_or_else(|error| panic!("{error}: {text} {query}"));
    rows.into_iter().map(|row| format!("{row:?}")).collect()
}

async fn apply(connection: &mut PgConnection, database: &Database) -> rls::Script {
    let script = rls::script(database).unwrap();
    execute(connection, &script.text).await;
    script
}

async fn start(schema: &str, relations: &[Relation]) -> Option<(Server, PgConnection)> {
    let server = Server::start(&[]).await?;
    let mut connection = server.connect("postgres").await;
    execute(&mut connection, &format!("CREATE SCHEMA IF NOT EXISTS {schema}; CREATE ROLE reader"))
        .await;
    for relation in relations {
        execute(&mut connection, &create_table(relation)).await;
    }
    execute(
        &mut connection,
        &format!(
            "GRANT USAGE ON SCHEMA {schema} TO reader; \
             ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO reader; \
             GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader"
        ),
    )
    .await;
    Some((server, connection))
}

/// The keys of the hostile rows, as SQL and as the rows have them.
const KEYS: [(&str, &str); 3] =
    [("facts", "CAST(id AS text)"), ("labels", "code"), ("pairs", "\"left\" || ':' || \"right\"")];

#[tokio::test]
async fn native_policies_keep_what_cedar_permits() {
    const SEED: u64 = 20_261_125;
    let relations = load("").unwrap().catalog.relations;
    let Some((_server, mut connection)) = start("main", &relations).await else { return };
    let mut stored = Vec::new();
    for (name, key, row) in rows() {
        let relation = relations.iter().find(|relation| relation.name.name == name).unwrap();
        if let Some(insert) = insert(relation, &row) {
            execute(&mut connection, &insert).await;
            stored.push((name, key, row));
        }
    }
    let mut generator = Generator::new(rand_chacha::ChaCha8Rng::seed_from_u64(SEED));
    // The session says nothing of claims, so rules that read them are refused: see below.
    let random = std::iter::from_fn(|| Some(generator.policy_set().0));
    let random: Vec<String> =
        random.filter(|policies| !claims::read_by(policies)).take(25).collect();
    let written = CASES.iter().map(|(policies, _)| (*policies).to_owned());
    let (mut cases, mut refused, mut visible, mut hidden) = (0, 0, 0, 0);
    for policies in written.chain(random) {
        let Ok(database) = on_postgresql(&policies) else { continue };
        let script = apply(&mut connection, &database).await;
        cases += 1;
        for (name, key) in KEYS {
            let query = format!("SELECT {key} FROM main.{name}");
            let relation = main_relation(name);
            let closed =
                script.refused.iter().any(|reason| reason.starts_with(&format!("main.{name}:")));
            refused += usize::from(closed);
            for principal in principals() {
                let expected: BTreeSet<String> = stored
                    .iter()
                    .filter(|(of, key, row)| {
                        *of == name
                            && !closed
                            && database.is_authorized(&principal, &relation, key, row)
                    })
                    .map(|(_, key, _)| format!("{:?}", [format!("{key:?}")]))
                    .collect();
                let found = seen(&mut connection, Some(&principal), &query).await;
                assert_eq!(
                    found, expected,
                    "{name} for {principal:?}\n{policies}\n{}",
                    script.text
                );
                visible += found.len();
                hidden += stored.iter().filter(|(of, ..)| *of == name).count() - found.len();
            }
            // Nobody, and nobody in particular.
            let nobody = Principal::new(None, None);
            for principal in [None, Some(&nobody)] {
                let found = seen(&mut connection, principal, &query).await;
                assert!(found.is_empty(), "{name} for nobody\n{policies}\n{}", script.text);
            }
        }
    }
    println!(
        "{cases} policy sets, {refused} relations refused, {visible} rows visible, {hidden} hidden"
    );
    assert!(visible > 1_000 && hidden > 1_000, "{visible} visible, {hidden} hidden");
    // Arithmetic with the principal, and the principal compared with itself.
    assert!(refused * 5 < cases, "{refused} refused of {cases}");
}

#[tokio::test]
async fn native_policies_and_the_guard_give_the_same_rows_of_the_demo() {
    let Some((_server, mut connection)) = start("public", &[]).await else { return };
    for file in ["schema.sql", "seed.sql"] {
        let text = std::fs::read_to_string(world::root().join("fixtures/demo").join(file)).unwrap();
        execute(&mut connection, &text).await;
    }
    let database = crate::rewrite::database(Dialect::Postgresql);
    // Twice: a script replaces what it made before.
    for _ in 0..2 {
        assert_eq!(apply(&mut connection, &database).await.refused, Vec::<String>::new());
    }
    let mut compared = 0;
    for principal in world::principals() {
        let filters = database.predicates_for(&principal).unwrap();
        for relation in &database.catalog.relations {
            let query = format!("SELECT * FROM {}", relation.name.name);
            let guarded = guard_sql(&query, Dialect::Postgresql, &database.catalog, &filters);
            let expected: BTreeSet<String> = match guarded {
                Ok(guarded) => {
                    let rows = run(&mut connection, guarded.query().readable()).await.unwrap();
                    rows.into_iter().map(|row| format!("{row:?}")).collect()
                }
                Err(_) => BTreeSet::new(),
            };
            let found = seen(&mut connection, Some(&principal), &query).await;
            assert_eq!(found, expected, "{} for {principal:?}", relation.name);
            compared += found.len();
        }
    }
    assert!(compared > 100, "{compared} rows compared");
    // A policy of somebody else that would let more through stops the script.
    execute(&mut connection, "CREATE POLICY everything ON projects FOR SELECT USING (TRUE)").await;
    let error = run(&mut connection, &rls::script(&database).unwrap().text).await.unwrap_err();
    assert!(error.contains("lets further rows through"), "{error}");
}

#[test]
fn rules_that_read_claims_are_no_native_policies() {
    for (policies, _) in claims::cases() {
        let database = on_postgresql(&policies).unwrap();
        let relation = database.catalog.relation(&main_relation("facts")).unwrap();
        let refused = database.symbolic_rules(relation).map(|_| ()).unwrap_err();
        assert_eq!(
            refused.policy,
            if policies.contains("level\") forbid") { "level" } else { "claims" }
        );
        assert!(
            refused.construct.contains("claim") || refused.construct.contains("related"),
            "{refused}"
        );
    }
}
