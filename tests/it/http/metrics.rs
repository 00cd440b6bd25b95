//! What a monitoring system sees of the databases.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{StatusCode, header};
use dialektai::http::router;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::case::{self, Case};

/// The lines that are no comments.
async fn metrics(case: &Case) -> Vec<String> {
    let request = case.get("/metrics").body(Body::empty()).unwrap();
    let response = router(Arc::clone(&case.app)).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&bytes).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn has(metrics: &[String], line: &str) {
    assert!(metrics.iter().any(|metric| metric == line), "{line} is not in {metrics:#?}");
}

#[tokio::test]
async fn how_the_databases_stand_is_measured() {
    let case = Case::new().await;
    let version = case.entry("acme").await["policy_version"].as_str().unwrap().to_owned();
    let first = metrics(&case).await;
    for line in [
        "dialektai_database_serves{database=\"acme\"} 1",
        "dialektai_database_problem{database=\"acme\",problem=\"invalid_policies\"} 0",
        "dialektai_database_problem{database=\"acme\",problem=\"check_failed\"} 0",
        "dialektai_database_problem{database=\"acme\",problem=\"unreachable\"} 0",
        "dialektai_database_serves{database=\"broken\"} 0",
        "dialektai_database_problem{database=\"broken\",problem=\"invalid_policies\"} 1",
        "dialektai_database_serves{database=\"drifted\"} 0",
        "dialektai_database_problem{database=\"drifted\",problem=\"check_failed\"} 1",
        "dialektai_database_serves{database=\"gone\"} 0",
        "dialektai_database_problem{database=\"gone\",problem=\"unreachable\"} 1",
        "dialektai_policy_readings_total{result=\"whole\"} 1",
        "dialektai_policy_readings_total{result=\"failed\"} 0",
        &format!("dialektai_policy_version{{database=\"acme\",version=\"{version}\"}} 1"),
    ] {
        has(&first, line);
    }

    // A folder that breaks is told of while its last version serves; one that is gone leaves nothing behind.
    std::fs::write(case.database("acme").join("more.cedar"), "permit (").unwrap();
    std::fs::remove_dir_all(case.database("gone")).unwrap();
    case.app.service.reload().await.unwrap();
    let second = metrics(&case).await;
    for line in [
        "dialektai_database_serves{database=\"acme\"} 1",
        "dialektai_database_problem{database=\"acme\",problem=\"invalid_policies\"} 1",
        "dialektai_policy_readings_total{result=\"whole\"} 2",
        &format!("dialektai_policy_version{{database=\"acme\",version=\"{version}\"}} 1"),
    ] {
        has(&second, line);
    }
    assert!(!second.iter().any(|line| line.contains("\"gone\"")), "{second:#?}");

    let policies = case.database("");
    std::fs::rename(&policies, policies.with_file_name("aside")).unwrap();
    case.app.service.reload().await.unwrap_err();
    has(&metrics(&case).await, "dialektai_policy_readings_total{result=\"failed\"} 1");
}

/// The names of databases are for whoever has a key.
#[tokio::test]
async fn metrics_take_a_key() {
    let case = Case::new().await;
    let reply = case.send(case::bare_get("/metrics"), "").await;
    assert_eq!(
        (reply.status, &reply.json["code"]),
        (StatusCode::UNAUTHORIZED, &"missing_api_key".into())
    );
}
