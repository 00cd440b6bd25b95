//! Every type arrives as JSON without loss: what `docs/values.md` says, as a snapshot.

use axum::http::StatusCode;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::site::Site;

/// Types that a database may have besides the server's own.
const TYPES: &str = "
CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree;
CREATE TYPE mood AS ENUM ('sad', 'so so');
CREATE DOMAIN quantity AS numeric(6, 2) CHECK (VALUE >= 0);
CREATE DOMAIN quantities AS quantity[];
CREATE TYPE pair AS (number integer, note text);
CREATE TYPE span AS RANGE (subtype = float8);
";

/// One expression a line.
const VALUES: &str = include_str!("values.sql");

fn expressions() -> impl Iterator<Item = &'static str> {
    VALUES.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("--"))
}

#[tokio::test]
async fn every_type_arrives_without_loss() {
    let mut script = TYPES.to_owned();
    for (number, expression) in expressions().enumerate() {
        script.push_str(&format!("CREATE VIEW v{number} AS SELECT {expression} AS v;\n"));
    }
    let Some(site) = Site::open(&script, "").await else { return };
    let http = site.http().await;
    let mut told = String::new();
    for (number, expression) in expressions().enumerate() {
        let (status, fields) = http.query(&format!("SELECT v FROM v{number}")).await;
        assert_eq!(status, StatusCode::OK, "{expression}: {fields:?}");
        let types = fields["columns"].get();
        let columns: Json = serde_json::from_str(types).unwrap();
        let name = columns[0]["type"].as_str().unwrap();
        // As it was sent: a parser would drop digits.
        let rows: Vec<Vec<Box<RawValue>>> = serde_json::from_str(fields["rows"].get()).unwrap();
        let value = &rows[0][0];
        told.push_str(&format!("{expression}\n    {name}: {value}\n"));

        // Without a row, a column is called the same.
        let (status, empty) = http.query(&format!("SELECT v FROM v{number} LIMIT 0")).await;
        assert_eq!(status, StatusCode::OK, "{expression}: {empty:?}");
        assert_eq!((empty["columns"].get(), empty["rows"].get()), (types, "[]"), "{expression}");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../../snapshots/values");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("postgresql", told));
    assert!(site.connections().await <= 8);
}
