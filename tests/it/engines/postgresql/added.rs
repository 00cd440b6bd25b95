//! A function of the database's own that the operator added, from `database.toml` to the answer.

use super::site::Site;
use crate::engines::asked::added_functions;

const SCRIPT: &str = "
CREATE SCHEMA app;
CREATE FUNCTION app.fiscal_quarter(n integer, shift integer DEFAULT 0) RETURNS text
    LANGUAGE sql IMMUTABLE AS 'SELECT $$Q$$ || (1 + (n + shift) % 4)::text';
GRANT USAGE ON SCHEMA app TO reader;
CREATE TABLE n (i integer PRIMARY KEY);
INSERT INTO n VALUES (1), (2);
";

#[tokio::test]
async fn an_added_function_runs_and_one_that_is_gone_has_a_code() {
    let Some(site) = Site::open(SCRIPT, &added_functions("app")).await else { return };
    let http = site.http().await;
    let (query, rows) = (
        "SELECT app.fiscal_quarter(i, 1) AS q FROM n WHERE app.fiscal_quarter(i) = 'Q2'",
        "[[\"Q3\"]]",
    );
    http.asks_added("app", query, rows).await;
}
