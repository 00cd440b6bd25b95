//! Bodies, methods and addresses that nobody well-meaning sends.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use super::case::{self, Case, MESSAGE, QUERY};

#[tokio::test]
async fn bodies_that_are_no_request() {
    let case = Case::new().await;
    let deep = "[".repeat(100_000);
    let deep_value = format!("{{\"query\":{}1{}", "[".repeat(200), "]".repeat(200));
    let table: &[(&str, &[u8], &str)] = &[
        (QUERY, b"", "invalid_json"),
        (QUERY, b"{", "invalid_json"),
        (QUERY, b"null", "invalid_request"),
        (QUERY, b"[]", "invalid_request"),
        (QUERY, b"82", "invalid_request"),
        (QUERY, b"\"SELECT 1\"", "invalid_request"),
        (QUERY, b"{}", "invalid_request"),
        (QUERY, deep.as_bytes(), "invalid_request"),
        (QUERY, deep_value.as_bytes(), "invalid_request"),
        (QUERY, b"{\"query\":\"SELECT \xff\",\"database_id\":\"acme\"}", "invalid_json"),
        (QUERY, b"\xef\xbb\xbf{\"query\":\"SELECT 1\",\"database_id\":\"acme\"}", "invalid_json"),
        (QUERY, b"{\"query\":\"SELECT \0 1\",\"database_id\":\"acme\"}", "invalid_json"),
        (QUERY, br#"{"query":"\ud800","database_id":"acme"}"#, "invalid_json"),
        (QUERY, br#"{"query":1,"database_id":"acme"}"#, "invalid_request"),
        (QUERY, br#"{"query":"SELECT 1","database_id":1}"#, "invalid_request"),
        (QUERY, br#"{"query":["SELECT 1"],"database_id":"acme"}"#, "invalid_request"),
        (
            QUERY,
            br#"{"query":"SELECT 1","query":"SELECT 2","database_id":"acme"}"#,
            "invalid_request",
        ),
        (
            QUERY,
            br#"{"query":"SELECT 1","database_id":"acme","database_id":"open"}"#,
            "invalid_request",
        ),
        (QUERY, br#"{"query":"SELECT 1","database_id":"acme","tenant_id":7}"#, "invalid_request"),
        (QUERY, br#"{"query":"SELECT 1","database_id":"acme"} x"#, "invalid_json"),
        (QUERY, b"database_id=acme&query=SELECT+1", "invalid_json"),
        (MESSAGE, br#"{"message":"","database_id":"acme"}"#, "invalid_message"),
        (MESSAGE, br#"{"message":" \n ","database_id":"acme"}"#, "invalid_message"),
        (MESSAGE, br#"{"message":"a\u0000b","database_id":"acme"}"#, "invalid_message"),
        (MESSAGE, br#"{"message":"a\u001bb","database_id":"acme"}"#, "invalid_message"),
        (MESSAGE, br#"{"message":"a\u0085b","database_id":"acme"}"#, "invalid_message"),
        (MESSAGE, br#"{"message":null,"database_id":"acme"}"#, "invalid_request"),
        (
            MESSAGE,
            br#"{"message":"hi","database_id":"acme","conversation_id":"1"}"#,
            "invalid_conversation_id",
        ),
        (
            MESSAGE,
            br#"{"message":"hi","database_id":"acme","conversation_id":7}"#,
            "invalid_request",
        ),
    ];
    for (path, body, code) in table {
        let request = case.request(path).header("X-Tenant-Id", "82");
        let reply = case.send_bytes(request, Body::from(body.to_vec())).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{shown}: {}", reply.json);
        assert_eq!(reply.json["code"], *code, "{shown}");
    }
}

#[tokio::test]
async fn lengths_are_bounded() {
    let case = Case::new().await;
    for (chars, status) in [(4_000, StatusCode::OK), (4_001, StatusCode::BAD_REQUEST)] {
        let body = json!({"message": "é".repeat(chars), "database_id": "acme"}).to_string();
        let request = case.request(MESSAGE).header("X-Tenant-Id", "82");
        assert_eq!(case.send(request, &body).await.status, status, "{chars}");
    }
    let ten_megabytes = vec![b' '; 10 * 1024 * 1024];
    let announced = case.request(QUERY).header("Content-Length", ten_megabytes.len());
    let reply = case.send_bytes(announced, Body::from(ten_megabytes.clone())).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    let chunks =
        ten_megabytes.chunks(64 * 1024).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()));
    let chunks: Vec<_> = chunks.collect();
    let unannounced = Body::from_stream(futures_util::stream::iter(chunks));
    let reply = case.send_bytes(case.request(QUERY), unannounced).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reply.json["code"], "body_too_large");
    let broken = vec![Ok(b"{".to_vec()), Err(std::io::Error::other("the client left"))];
    let body = Body::from_stream(futures_util::stream::iter(broken));
    let reply = case.send_bytes(case.request(QUERY), body).await;
    assert_eq!(reply.json["code"], "body_incomplete");
}

#[tokio::test]
async fn hostile_queries_and_databases_get_an_answer() {
    let case = Case::new().await;
    for query in [
        String::new(),
        ";".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "\0".to_owned(),
        "SELECT '\0'; ATTACH 'x' AS y".to_owned(),
        "ATTACH '/etc/passwd' AS y".to_owned(),
        "PRAGMA query_only = OFF".to_owned(),
        "SELECT * FROM pragma_database_list".to_owned(),
        "SELECT * FROM tasks UNION ALL SELECT * FROM api_key".to_owned(),
        "(".repeat(50_000),
        format!("SELECT {}1", "-".repeat(50_000)),
        format!("SELECT {}", vec!["1"; 50_000].join("+")),
    ] {
        let body = json!({"query": query, "database_id": "acme"}).to_string();
        let request = case.request(QUERY).header("X-Tenant-Id", "82");
        let reply = case.send(request, &body).await;
        let shown: String = query.chars().take(40).collect();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{shown}: {}", reply.json);
    }
    for database in ["", ".", "..", "../acme", "acme/", "ACME", "acme\0", "é", "nope"] {
        let request = case.request(QUERY).header("X-Tenant-Id", "82");
        let reply = case.send(request, &case::body_for(QUERY, database)).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{database:?}");
        assert_eq!(reply.json["code"], "unknown_database");
    }
}

#[tokio::test]
async fn addresses_and_methods() {
    let case = Case::new().await;
    for path in ["/", "/api", "/api/v1/chat", "/api/v1/query/", "/api/v1/%2e%2e/query", "//"] {
        let reply = case.send(case.request(path), "").await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    for (method, path, allow) in [
        (Method::GET, MESSAGE, "POST"),
        (Method::DELETE, QUERY, "POST"),
        (Method::PUT, "/api/v1/guard", "POST"),
        (Method::OPTIONS, QUERY, "POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::POST, "/api/v1/databases", "GET,HEAD"),
        (Method::POST, "/metrics", "GET,HEAD"),
    ] {
        let request = Request::builder().method(&method).uri(path).header("X-API-Key", &case.key);
        let reply = case.send(request, "").await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(reply.headers["allow"], allow);
    }
}
