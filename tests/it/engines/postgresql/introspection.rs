//! What `pull` and `check` are told about a database.

use dialektai::catalog::{Catalog, ColumnName};
use dialektai::engine::{Introspected, Power};

use super::site::{PASSWORD, Site, execute, introspect, settings, url};

const SCHEMA: &str = r#"
CREATE EXTENSION citext;
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION strict (provider = icu, locale = 'de');
CREATE DOMAIN code AS varchar(8) NOT NULL;
CREATE TYPE mood AS ENUM ('sad', 'happy');

CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, gone text, email citext UNIQUE);
ALTER TABLE customers DROP COLUMN gone;
CREATE TABLE people (
    id integer GENERATED ALWAYS AS IDENTITY, customer_id bigint NOT NULL REFERENCES customers,
    kind char(4) NOT NULL, loose text COLLATE loose, strict text COLLATE strict, own varchar(9) COLLATE "C",
    coded code, feeling mood, price numeric(10, 2), doubled numeric GENERATED ALWAYS AS (price * 2) STORED,
    born date, seen timestamptz NOT NULL, at time, flags boolean[] NOT NULL, extra jsonb, photo bytea,
    PRIMARY KEY (customer_id, id), UNIQUE (kind, born), UNIQUE (own) DEFERRABLE,
    UNIQUE (loose) INCLUDE (strict)
);
CREATE UNIQUE INDEX by_lower ON people (lower(own));
CREATE UNIQUE INDEX partial ON people (price) WHERE price > 1;
CREATE INDEX by_seen ON people (customer_id, seen DESC, lower(own), id);
CREATE INDEX by_extra ON people USING gin (extra);

CREATE TABLE events (id bigint, customer_id bigint NOT NULL, happened date NOT NULL, PRIMARY KEY (id, happened))
    PARTITION BY RANGE (happened);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE TABLE notes (id bigint PRIMARY KEY, event_id bigint, event_date date, body text,
    FOREIGN KEY (event_id, event_date) REFERENCES events);

CREATE TABLE animals (id integer PRIMARY KEY, name text NOT NULL, legs integer NOT NULL);
CREATE TABLE cats (lives integer) INHERITS (animals);
ALTER TABLE cats ALTER legs DROP NOT NULL;
CREATE TABLE toys (id integer PRIMARY KEY, animal_id integer REFERENCES animals);

CREATE VIEW adults AS SELECT id, customer_id, kind FROM people;
CREATE MATERIALIZED VIEW totals AS SELECT customer_id, count(*) AS n FROM people GROUP BY 1;
CREATE TABLE nothing ();
CREATE TABLE secrets (id integer PRIMARY KEY);
CREATE TABLE salaries (id integer PRIMARY KEY, amount numeric, customer_id bigint);

CREATE SCHEMA "Odd ""schema";
CREATE TABLE "Odd ""schema"."select" ("Mixed Case" integer PRIMARY KEY, "grün" text, "from" text,
    "a23456789012345678901234567890123456789012345678901234567890123" integer REFERENCES animals);
CREATE TABLE "Odd ""schema".line ("Mixed Case" integer REFERENCES "Odd ""schema"."select", customer bigint
    REFERENCES customers);
CREATE SCHEMA hidden;
CREATE TABLE hidden.treasure (id integer);
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE remote (id integer) SERVER far;
CREATE TEMP TABLE passing (id integer);
"#;

const GRANTS: &str = r#"
GRANT USAGE ON SCHEMA "Odd ""schema" TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA "Odd ""schema", hidden TO reader;
REVOKE SELECT ON secrets, salaries FROM reader;
GRANT SELECT (id, customer_id) ON salaries TO reader;
"#;

fn told(found: &Introspected) -> String {
    let mut text = found.catalog.to_toml();
    text.push_str("\n# notes\n");
    for note in &found.notes {
        text.push_str(&format!("{note}\n"));
    }
    text.push_str("\n# indexes\n");
    for (relation, indexes) in &found.indexes {
        for index in indexes {
            let columns: Vec<&str> = index.iter().map(ColumnName::as_str).collect();
            text.push_str(&format!("{relation}: {}\n", columns.join(", ")));
        }
    }
    let role = found.role.as_ref().unwrap();
    text.push_str(&format!("\n# role {}\n", role.name));
    for power in &role.powers {
        text.push_str(&format!("{}\n", power.describe()));
    }
    text.push_str(&role.grants.join("\n"));
    text
}

#[tokio::test]
async fn a_catalog_is_exact_about_null_collation_keys_and_rights() {
    let Some(site) = Site::open(SCHEMA, "").await else { return };
    execute(&mut site.admin().await, GRANTS).await;
    let address = url(site.server.port, PASSWORD, "sslmode=disable");
    let found = introspect(&settings(&address, "")).await.unwrap();
    assert_eq!(Catalog::parse(&found.catalog.to_toml()).unwrap(), found.catalog);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../../snapshots/introspection");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("postgresql", told(&found)));
    assert_eq!(site.connections().await, 0);
}

#[tokio::test]
async fn powers_of_a_role_are_told() {
    let script = "CREATE TABLE tasks (id integer, a text, b text); CREATE TABLE own (id integer);
                  CREATE TABLE more (id integer)";
    let Some(site) = Site::open(script, "").await else { return };
    let address = url(site.server.port, PASSWORD, "sslmode=disable");
    let settings = settings(&address, "");
    let powers = async || introspect(&settings).await.unwrap().role.unwrap().powers;
    assert_eq!(powers().await, []);
    let mut admin = site.admin().await;
    let names =
        |powers: Vec<Power>| -> Vec<String> { powers.iter().map(Power::describe).collect() };
    for (statement, expected) in [
        ("GRANT UPDATE (a) ON tasks TO reader", "may change rows of public.tasks"),
        ("GRANT TRUNCATE ON own TO PUBLIC", "may change rows of public.own, public.tasks"),
        ("GRANT CREATE ON SCHEMA public TO reader", "may create objects"),
        ("GRANT pg_read_server_files TO reader", "may read or write files of the server"),
        ("ALTER ROLE reader CREATEROLE", "may make roles or pass on what it may do"),
        ("ALTER ROLE reader BYPASSRLS", "passes by row-level security"),
        ("ALTER ROLE reader SUPERUSER", "may do everything on the server"),
        ("ALTER ROLE reader NOSUPERUSER NOBYPASSRLS", "may create objects"),
    ] {
        execute(&mut admin, statement).await;
        let told = names(powers().await);
        assert!(told.contains(&expected.to_owned()), "{statement}: {told:?}");
    }
    // An owner is not held by row-level security unless it is forced.
    assert!(!powers().await.contains(&Power::BypassRowSecurity));
    let own = "ALTER TABLE own OWNER TO reader; ALTER TABLE own ENABLE ROW LEVEL SECURITY";
    execute(&mut admin, own).await;
    assert!(powers().await.contains(&Power::BypassRowSecurity));
    execute(&mut admin, "ALTER TABLE own FORCE ROW LEVEL SECURITY").await;
    assert!(!powers().await.contains(&Power::BypassRowSecurity));
}

/// The statements make a role that reads all that is listed, and that has no power.
#[tokio::test]
async fn the_grants_would_do() {
    let Some(site) = Site::open(SCHEMA, "").await else { return };
    execute(&mut site.admin().await, GRANTS).await;
    let of = async |role: &str| {
        let address =
            format!("postgres://{role}@127.0.0.1:{}/shop?sslmode=disable", site.server.port);
        introspect(&settings(&address, "")).await.unwrap()
    };
    let superuser = of("postgres").await;
    let role = superuser.role.unwrap();
    assert_eq!(role.powers, [Power::Superuser]);
    for statement in &role.grants {
        execute(&mut site.admin().await, statement).await;
    }
    let reader = of("dialektai_reader").await;
    assert_eq!(reader.catalog, superuser.catalog);
    assert_eq!(reader.role.unwrap().powers, []);
}
