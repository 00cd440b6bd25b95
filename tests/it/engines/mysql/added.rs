//! A function of the database's own that the operator added, from `database.toml` to the answer.

use super::site::Site;
use crate::engines::asked::added_functions;

const SCRIPT: &str = "
CREATE FUNCTION fiscal_quarter(n INT) RETURNS TEXT DETERMINISTIC NO SQL RETURN CONCAT('Q', 1 + n % 4);
CREATE TABLE n (i INT PRIMARY KEY);
INSERT INTO n VALUES (1), (2);
";

#[tokio::test]
async fn an_added_function_runs_and_one_that_is_gone_has_a_code() {
    let Some(site) = Site::open(SCRIPT, &added_functions("shop")).await else { return };
    let http = site.http().await;
    let (query, rows) = (
        "SELECT shop.fiscal_quarter(i) AS q FROM n WHERE shop.FISCAL_QUARTER(i) = 'Q2'",
        "[[\"Q2\"]]",
    );
    http.asks_added("shop", query, rows).await;
}
