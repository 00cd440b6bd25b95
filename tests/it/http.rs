//! The HTTP API, request by request, on policy folders made for it.

pub(crate) mod case;
mod claims;
mod hostile;
mod metrics;
mod mongodb;
mod outage;

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use case::{Case, MESSAGE, QUERY, redacted};

/// Who is turned away over the tenant, by database: headers sent, status, and the exact text.
#[tokio::test]
async fn tenants_are_read_as_documented() {
    const REQUIRED: &str = "X-Tenant-Id header is required when organization scoping is enabled.";
    const INTEGER: &str = "Invalid X-Tenant-Id format. Must be a positive integer.";
    const UUID: &str = "Invalid X-Tenant-Id format. Must be a UUID.";
    const STRING: &str = "Invalid X-Tenant-Id format. Must be a non-empty string.";
    const OFF: &str = "Organization scoping is not enabled for this database.";
    let case = Case::new().await;
    let good = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
    let refused: &[(&str, &[&[u8]], &str)] = &[
        ("acme", &[], REQUIRED),
        ("acme", &[b""], INTEGER),
        ("acme", &[b"invalid"], INTEGER),
        ("acme", &[b"customer-82"], INTEGER),
        ("acme", &[b"+82"], INTEGER),
        ("acme", &[b"-82"], INTEGER),
        ("acme", &[b"8 2"], INTEGER),
        ("acme", &[b"082"], INTEGER),
        ("acme", &[b"0"], INTEGER),
        ("acme", &[b"8.2e1"], INTEGER),
        ("acme", &[b"82.0"], INTEGER),
        ("acme", &["８２".as_bytes()], INTEGER),
        ("acme", &[b"\xff"], INTEGER),
        ("acme", &[b"9223372036854775808"], INTEGER),
        ("acme", &[b"82", b"82"], INTEGER),
        ("acme", &[b"82", b"7"], INTEGER),
        ("acme", &[b"82, 7"], INTEGER),
        ("uuids", &[], REQUIRED),
        ("uuids", &[b"82"], UUID),
        ("uuids", &[b""], UUID),
        ("uuids", &[b"6f9619ff8b86d011b42d00cf4fc964ff"], UUID),
        ("names", &[], REQUIRED),
        ("names", &[b""], STRING),
        ("names", &["zoë".as_bytes()], STRING),
        ("open", &[b"82"], OFF),
        ("open", &[b""], OFF),
        ("open", &[b"82", b"82"], OFF),
    ];
    for (database, tenants, text) in refused {
        for path in ["/api/v1/chat/message", "/api/v1/query", "/api/v1/guard"] {
            let mut request = case.request(path);
            for tenant in *tenants {
                request = request.header("X-Tenant-Id", *tenant);
            }
            let reply = case.send(request, &case::body_for(path, database)).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{database} {tenants:?}");
            assert_eq!(reply.json["error"], *text, "{database} {tenants:?}");
        }
    }
    for (database, tenant) in [
        ("acme", Some("82")),
        ("acme", Some("9223372036854775807")),
        ("uuids", Some(good)),
        ("uuids", Some("6F9619FF-8B86-D011-B42D-00CF4FC964FF")),
        ("names", Some("zo e")),
        ("open", None),
    ] {
        let mut request = case.request(QUERY);
        if let Some(tenant) = tenant {
            request = request.header("X-Tenant-Id", tenant);
        }
        let reply = case.send(request, &case::body_for(QUERY, database)).await;
        assert_eq!(reply.status, StatusCode::OK, "{database} {tenant:?}: {}", reply.json);
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_rows() {
    let case = Case::new().await;
    let rows = async |database: &str, tenant: &str, scope: Option<&str>| {
        let mut request = case.request(QUERY).header("X-Tenant-Id", tenant);
        if let Some(scope) = scope {
            request = request.header("X-Scope-Id", scope);
        }
        let body = json!({"database_id": database, "query": "SELECT title FROM tasks ORDER BY id"});
        let reply = case.send(request, &body.to_string()).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.json);
        reply.json["rows"].clone()
    };
    assert_eq!(rows("acme", "82", None).await, json!([["one"], ["two"]]));
    assert_eq!(rows("acme", "7", None).await, json!([["three"]]));
    assert_eq!(rows("acme", "1", None).await, json!([]));
    assert_eq!(rows("acme", "82", Some("ann")).await, json!([["one"]]));
    assert_eq!(rows("acme", "82", Some("o'neil")).await, json!([["two"]]));
    assert_eq!(rows("names", "zo e", None).await, json!([["named"]]));
}

#[tokio::test]
async fn scopes_are_printable_and_single() {
    let case = Case::new().await;
    let long = "x".repeat(257);
    let refused: &[&[&[u8]]] = &[
        &[b""],
        &[b"a", b"b"],
        &[b"a\tb"],
        &[b"\xff"],
        &["a\u{85}".as_bytes()],
        &[long.as_bytes()],
    ];
    for scopes in refused {
        let mut request = case.request(QUERY).header("X-Tenant-Id", "82");
        for scope in *scopes {
            request = request.header("X-Scope-Id", *scope);
        }
        let reply = case.send(request, &case::body_for(QUERY, "acme")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{scopes:?}");
        assert_eq!(reply.json["code"], "invalid_scope_id");
    }
    let request =
        case.request(QUERY).header("X-Tenant-Id", "82").header("X-Scope-Id", "zoë".as_bytes());
    assert_eq!(case.send(request, &case::body_for(QUERY, "acme")).await.status, StatusCode::OK);
    // Without a scope column, a scope is recorded and filters nothing.
    let request = case.request(QUERY).header("X-Tenant-Id", "zo e").header("X-Scope-Id", "ann");
    let reply = case.send(request, &case::body_for(QUERY, "names")).await;
    assert_eq!(reply.json["rows"], json!([["named"]]));
}

/// Names and values of headers, repetitions included.
type Headers<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn keys_are_required_everywhere_and_come_in_two_headers() {
    let case = Case::new().await;
    let key = case.key.as_str();
    let bearer = format!("Bearer {key}");
    let (lower, wrong) = (format!("bearer {key}"), format!("{key}x"));
    let wrong_bearer = format!("Bearer {wrong}");
    let basic = format!("Basic {key}");
    let table: &[(Headers<'_>, u16, &str)] = &[
        (&[], 401, "missing_api_key"),
        (&[("Authorization", "")], 401, "invalid_api_key"),
        (&[("Authorization", "Bearer ")], 401, "invalid_api_key"),
        (&[("Authorization", key)], 401, "invalid_api_key"),
        (&[("Authorization", &basic)], 401, "invalid_api_key"),
        (&[("Authorization", &wrong_bearer)], 401, "invalid_api_key"),
        (&[("X-API-Key", &wrong)], 401, "invalid_api_key"),
        (&[("X-API-Key", &bearer)], 401, "invalid_api_key"),
        (&[("Authorization", &bearer), ("X-API-Key", &wrong)], 400, "ambiguous_api_key"),
        (&[("Authorization", &bearer), ("Authorization", &bearer)], 400, "ambiguous_api_key"),
        (&[("X-API-Key", key), ("X-API-Key", key)], 400, "ambiguous_api_key"),
        (&[("Authorization", &bearer)], 200, ""),
        (&[("Authorization", &lower)], 200, ""),
        (&[("X-API-Key", key)], 200, ""),
        (&[("Authorization", &bearer), ("X-API-Key", key)], 200, ""),
    ];
    for (headers, status, code) in table {
        for path in [MESSAGE, QUERY, "/api/v1/guard", "/api/v1/databases"] {
            let mut request = case::bare(path).header("X-Tenant-Id", "82");
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            let reply = case.send(request, &case::body_for(path, "acme")).await;
            assert_eq!(reply.status.as_u16(), *status, "{path} {headers:?}: {}", reply.json);
            if !code.is_empty() {
                assert_eq!(reply.json["code"], *code, "{path} {headers:?}");
            }
            let challenged = reply.headers.contains_key("www-authenticate");
            assert_eq!(challenged, *status == 401);
        }
    }
    let id = case.app.store.verify_key(key).await.unwrap().unwrap();
    case.app.store.revoke_key(&id).await.unwrap();
    let reply = case.send(case.request(QUERY), "").await;
    assert_eq!(reply.json["code"], "invalid_api_key");
}

/// Nothing is said about a database to whoever has no key, and nothing is read before the key.
#[tokio::test]
async fn the_order_of_checks_is_key_body_database_tenant() {
    let case = Case::new().await;
    let nothing = case.send(case::bare(QUERY), "{").await;
    assert_eq!(nothing.json["code"], "missing_api_key");
    let body = case.send(case.request(QUERY), "{").await;
    assert_eq!(body.json["code"], "invalid_json");
    let database = case.send(case.request(QUERY), &case::body_for(QUERY, "nope")).await;
    assert_eq!(database.json["code"], "unknown_database");
    let tenant = case.send(case.request(QUERY), &case::body_for(QUERY, "acme")).await;
    assert_eq!(tenant.json["code"], "tenant_required");
}

#[tokio::test]
async fn a_database_that_does_not_load_does_not_stop_the_others() {
    let case = Case::new().await;
    for (database, code) in [
        ("broken", "database_refused"),
        ("drifted", "database_refused"),
        ("gone", "database_unavailable"),
    ] {
        for path in [MESSAGE, QUERY, "/api/v1/guard"] {
            let request = case.request(path).header("X-Tenant-Id", "82");
            let reply = case.send(request, &case::body_for(path, database)).await;
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path} {database}");
            assert_eq!(reply.json["code"], code, "{path} {database}");
        }
    }
    let list = case.send(case.get("/api/v1/databases"), "").await;
    let status = |entry: &Json| {
        let words = ["id", "status", "problem"].map(|key| entry[key].as_str().unwrap_or("-"));
        words.join(" ")
    };
    let all: Vec<String> = list.json["databases"].as_array().unwrap().iter().map(status).collect();
    let expected = [
        "acme ok -",
        "broken error invalid_policies",
        "drifted error check_failed",
        "gone error unreachable",
        "names ok -",
        "open ok -",
        "uuids ok -",
    ];
    assert_eq!(all, expected);
}

#[tokio::test]
async fn bodies_are_as_documented() {
    let case = Case::new().await;
    let tenant = |path: &str| case.request(path).header("X-Tenant-Id", "82");
    let message = |text: &str| json!({"message": text, "database_id": "acme"}).to_string();
    let query = |text: &str| json!({"query": text, "database_id": "acme"}).to_string();
    let scoped = || tenant(MESSAGE).header("X-Scope-Id", "ann");
    let values = "SELECT 1.5 AS x, 1e300 * 1e300 AS i, NULL AS n, 'é' AS a, 2 AS a";
    for (name, request, body) in [
        ("message", tenant(MESSAGE), message("Show all tasks")),
        ("message_scoped", scoped(), message("Show my tasks")),
        ("message_not_understood", tenant(MESSAGE), message("Wherefore art thou")),
        ("query", tenant(QUERY), query("SELECT * FROM tasks AS t WHERE t.title <> 'x'")),
        ("query_values", tenant(QUERY), query(values)),
        ("guard", tenant("/api/v1/guard"), query("SELECT count(*) FROM tasks")),
        ("refused_statement", tenant(QUERY), query("DELETE FROM tasks")),
        ("refused_relation", tenant(QUERY), query("SELECT * FROM sqlite_master")),
        ("refused_function", tenant(QUERY), query("SELECT load_extension('x')")),
        ("failed", tenant(QUERY), query("SELECT abs(-9223372036854775807 - 1)")),
        ("databases", case.get("/api/v1/databases"), String::new()),
        ("health", case::bare_get("/healthz"), String::new()),
        ("no_tenant", case.request(MESSAGE), message("Show all tasks")),
        ("no_key", case::bare(MESSAGE), message("Show all tasks")),
        ("unknown_database", tenant(QUERY), case::body_for(QUERY, "nope")),
    ] {
        let reply = case.send(request, &body).await;
        let shown = format!(
            "{}\n{}",
            reply.status,
            serde_json::to_string_pretty(&redacted(reply.json)).unwrap()
        );
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/http"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_description(body);
        settings.bind(|| insta::assert_snapshot!(name, shown));
    }
}

/// Over a real socket: the vendor's own requests, and a shutdown that lets a running request end.
#[tokio::test]
async fn serves_over_a_socket_and_stops_when_told() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let case = Case::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let router = dialektai::http::router(std::sync::Arc::clone(&case.app));
    let server = tokio::spawn(dialektai::http::serve(listener, router, async {
        drop(stopped.await);
    }));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = case::body_for(MESSAGE, "acme");
    let head = format!(
        "POST {MESSAGE} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nX-Tenant-Id: 82\r\nContent-Length: {}\r\n\r\n",
        case.key,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The request is under way when the signal comes.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    stop.send(()).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
    server.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
