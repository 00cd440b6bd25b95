//! A function of the database's own that the operator added, from `database.toml` to the answer.

use super::site::Site;

const SCRIPT: &str = "
CREATE SCHEMA app;
CREATE FUNCTION app.fiscal_quarter(n integer, shift integer DEFAULT 0) RETURNS text
    LANGUAGE sql IMMUTABLE AS 'SELECT $$Q$$ || (1 + (n + shift) % 4)::text';
GRANT USAGE ON SCHEMA app TO reader;
CREATE TABLE n (i integer PRIMARY KEY);
INSERT INTO n VALUES (1), (2);
";

const FUNCTIONS: &str = r#"
rows = 100
[[functions]]
name = "app.fiscal_quarter"
arguments = [1, 2]
returns = "text"
total = true
reason = "reads no table"
[[functions]]
name = "app.gone"
arguments = 1
reason = "was dropped since"
"#;

#[tokio::test]
async fn an_added_function_runs_and_one_that_is_gone_has_a_code() {
    let Some(site) = Site::open(SCRIPT, FUNCTIONS).await else { return };
    let http = site.http().await;
    let (query, rows) = (
        "SELECT app.fiscal_quarter(i, 1) AS q FROM n WHERE app.fiscal_quarter(i) = 'Q2'",
        "[[\"Q3\"]]",
    );
    let (status, fields) = http.query(query).await;
    assert_eq!(status.as_u16(), 200, "{fields:?}");
    assert_eq!(fields["rows"].get(), rows);
    let gone = http.code("SELECT app.gone(i) AS q FROM n").await;
    assert_eq!(gone, (422, "query_failed".to_owned()));
    let unknown = http.code("SELECT app.never(i) AS q FROM n").await;
    assert_eq!(unknown, (422, "unknown_function".to_owned()));
}
