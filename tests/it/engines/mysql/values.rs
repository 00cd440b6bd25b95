//! Every type arrives as JSON without loss: what `docs/values.md` says, as a snapshot.

use axum::http::StatusCode;

use super::site::Site;

/// A type and a value on each line.
const VALUES: &str = include_str!("values.sql");

fn columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = VALUES.lines().filter(|line| !line.is_empty() && !line.starts_with("--"));
    lines.map(|line| line.split_once(" | ").unwrap())
}

/// Expressions, whose types are the server's choice.
const EXPRESSIONS: [&str; 11] = [
    "NULL",
    "1",
    "-1",
    "18446744073709551615",
    "9223372036854775808",
    "1.50",
    "1e0 / 3",
    "1 / 3",
    "1 = 1",
    "'text'",
    "count(*)",
];

fn told(
    expression: &str,
    fields: &std::collections::BTreeMap<String, Box<serde_json::value::RawValue>>,
) -> String {
    let name = fields["columns"].get().rsplit_once("\"type\":\"").unwrap().1;
    let name = name.trim_end_matches("\"}]");
    let rows = fields["rows"].get();
    let rows = rows.trim_start_matches("[[").trim_end_matches("]]");
    format!("{expression}\n    {name}: {rows}\n")
}

#[tokio::test]
async fn every_type_arrives_without_loss() {
    // Zero dates and values out of range of a strict mode are in old tables.
    let mut script = "SET sql_mode = 'NO_BACKSLASH_ESCAPES', time_zone = '+00:00';\n".to_owned();
    for (number, (of_type, value)) in columns().enumerate() {
        script.push_str(&format!(
            "CREATE TABLE t{number} (v {of_type}); INSERT INTO t{number} VALUES ({value});\n"
        ));
    }
    let Some(site) = Site::open(&script, "").await else { return };
    let http = site.http().await;
    let mut all = String::new();
    for (number, (of_type, value)) in columns().enumerate() {
        let (status, fields) = http.query(&format!("SELECT v FROM t{number}")).await;
        assert_eq!(status, StatusCode::OK, "{of_type} {value}: {fields:?}");
        all.push_str(&told(&format!("{of_type} {value}"), &fields));

        // Without a row, and behind a fence, a column is called the same.
        let (_, empty) = http.query(&format!("SELECT v FROM t{number} LIMIT 0")).await;
        assert_eq!(empty["columns"].get(), fields["columns"].get(), "{of_type}");
        assert_eq!(empty["rows"].get(), "[]");
        let text = format!("SELECT d.v FROM (SELECT v FROM t{number} LIMIT 10) AS d");
        let (_, derived) = http.query(&text).await;
        assert_eq!(derived["columns"].get(), fields["columns"].get(), "{of_type}");
        assert_eq!(derived["rows"].get(), fields["rows"].get(), "{of_type}");
    }
    for expression in EXPRESSIONS {
        let (status, fields) = http.query(&format!("SELECT {expression} AS v FROM t0")).await;
        assert_eq!(status, StatusCode::OK, "{expression}: {fields:?}");
        all.push_str(&told(expression, &fields));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../../snapshots/values");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("mariadb", all));
}
