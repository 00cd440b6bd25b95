//! A function of the database's own that the operator added, from `database.toml` to the answer.

use super::site::Site;

const SCRIPT: &str = "
CREATE FUNCTION fiscal_quarter(n INT) RETURNS TEXT DETERMINISTIC NO SQL RETURN CONCAT('Q', 1 + n % 4);
CREATE TABLE n (i INT PRIMARY KEY);
INSERT INTO n VALUES (1), (2);
";

const FUNCTIONS: &str = r#"
rows = 100
[[functions]]
name = "shop.fiscal_quarter"
arguments = [1, 2]
returns = "text"
total = true
reason = "reads no table"
[[functions]]
name = "shop.gone"
arguments = 1
reason = "was dropped since"
"#;

#[tokio::test]
async fn an_added_function_runs_and_one_that_is_gone_has_a_code() {
    let Some(site) = Site::open(SCRIPT, FUNCTIONS).await else { return };
    let http = site.http().await;
    let (query, rows) = (
        "SELECT shop.fiscal_quarter(i) AS q FROM n WHERE shop.FISCAL_QUARTER(i) = 'Q2'",
        "[[\"Q2\"]]",
    );
    let (status, fields) = http.query(query).await;
    assert_eq!(status.as_u16(), 200, "{fields:?}");
    assert_eq!(fields["rows"].get(), rows);
    let gone = http.code("SELECT shop.gone(i) AS q FROM n").await;
    assert_eq!(gone, (422, "query_failed".to_owned()));
    let unknown = http.code("SELECT shop.never(i) AS q FROM n").await;
    assert_eq!(unknown, (422, "unknown_function".to_owned()));
}
