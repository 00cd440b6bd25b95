//! Claims over HTTP: declared, typed, and filtering.

use axum::http::StatusCode;
use serde_json::json;

use super::QUERY;
use super::case::{self, Case};

/// The tasks of the tenant whose assignee is one of the caller's people.
const POLICY: &str = r#"
@id("people")
permit (principal, action, resource is tasks)
when { resource has customer_id && resource.customer_id == principal.tenant }
when { principal has people && resource has assigned_to && principal.people.contains(resource.assigned_to) };

@id("lead")
permit (principal, action, resource is tasks)
when { resource has customer_id && resource.customer_id == principal.tenant }
when { principal has lead && principal.lead };
"#;

const DECLARED: &str =
    "[claims]\npeople = \"set of string\"\nlead = \"boolean\"\nlevel = \"integer\"\n";

async fn claiming() -> Case {
    let case = Case::new().await;
    let folder = case.database("acme");
    let settings = folder.join("database.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let text = text.replace("scope_filter_column = \"assigned_to\"\n", "");
    std::fs::write(&settings, format!("{text}\n{DECLARED}")).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cedar") {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::write(folder.join("claims.cedar"), POLICY).unwrap();
    case.again().await
}

#[tokio::test]
async fn claims_say_which_rows_there_are() {
    let case = claiming().await;
    let rows = async |claims: &str| {
        let request = case.request(QUERY).header("X-Tenant-Id", "82").header("X-Claims", claims);
        let body = json!({"database_id": "acme", "query": "SELECT title FROM tasks ORDER BY id"});
        let reply = case.send(request, &body.to_string()).await;
        if reply.status == StatusCode::OK {
            reply.json["rows"].clone()
        } else {
            reply.json["code"].clone()
        }
    };
    assert_eq!(rows(r#"{"people": ["ann"]}"#).await, json!([["one"]]));
    assert_eq!(rows(r#"{"people": ["o'neil", "ann"]}"#).await, json!([["one"], ["two"]]));
    assert_eq!(rows(r#"{"people": ["zoë"], "lead": true}"#).await, json!([["one"], ["two"]]));
    assert_eq!(rows(r#"{"people": ["' OR 1=1 --"], "lead": false}"#).await, json!([]));
    // Who may read no row of it does not learn that there is such a relation.
    assert_eq!(rows(r#"{"people": []}"#).await, json!("unknown_relation"));
    assert_eq!(rows("{}").await, json!("unknown_relation"));
}

#[tokio::test]
async fn claims_are_one_object_of_declared_types() {
    let case = claiming().await;
    let refused: &[(&str, &[&[u8]])] = &[
        ("Must be one JSON object", &[b""]),
        ("Must be one JSON object", &[b"{}", b"{}"]),
        ("Must be one JSON object", &[br#"["lead"]"#]),
        ("Must be one JSON object", &[br#"{"lead": false, "lead": true}"#]),
        ("Must be one JSON object", &[b"{\"people\": [\"\xff\"]}"]),
        ("is not declared", &[br#"{"admin": true}"#]),
        ("`lead` must be true or false", &[br#"{"lead": "true"}"#]),
        ("`level` must be a whole number", &[br#"{"level": 1e3}"#]),
        ("`people` must be an array", &[br#"{"people": {"$ne": null}}"#]),
    ];
    for (why, claims) in refused {
        let mut request = case.request(QUERY).header("X-Tenant-Id", "82");
        for claims in *claims {
            request = request.header("X-Claims", *claims);
        }
        let reply = case.send(request, &case::body_for(QUERY, "acme")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{claims:?}");
        assert_eq!(reply.json["code"], "invalid_claims");
        assert!(reply.json["error"].as_str().unwrap().contains(why), "{}", reply.json);
    }
    // Nothing is declared there, so nothing may be claimed, and nobody has a claim who says nothing.
    let request = case.request(QUERY).header("X-Tenant-Id", "zo e");
    let request = request.header("X-Claims", r#"{"lead": true}"#);
    let reply = case.send(request, &case::body_for(QUERY, "names")).await;
    assert_eq!(reply.json["code"], "invalid_claims");
    let reply = case.titles("acme").await;
    assert_eq!(reply.json["code"], "unknown_relation");
}
