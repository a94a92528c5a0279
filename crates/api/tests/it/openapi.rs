//! The OpenAPI document: what is committed is what is served.

use std::path::Path;

use serde_json::Value;

use crate::site::Site;

/// `UPDATE=1 cargo test -p api openapi` writes the file anew.
#[test]
fn the_committed_document_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, api::openapi_json()).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    // Not as an equality, which would print both.
    assert!(
        there == api::openapi_json(),
        "docs/openapi.json is stale; run with UPDATE=1"
    );
}

#[tokio::test]
async fn the_document_is_served_to_everybody_and_says_what_everything_is() {
    let site = Site::start().await;
    let served = site.request("GET /api/v1/openapi.json", &[], "").await;
    assert_eq!(served.status, 200);
    assert_eq!(served.body, api::openapi_json());
    let document = served.json();
    assert_eq!(document["openapi"].as_str().unwrap().get(..3), Some("3.1"));
    let mut operations = 0;
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{method} {path} has no words");
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            assert!(operation["responses"]["4XX"].is_object(), "{method} {path}");
        }
    }
    assert!(operations >= 35, "{operations}");
    undescribed(&document["components"]["schemas"], "schemas");
    let mut referred = Vec::new();
    references(&document, &mut referred);
    for reference in referred {
        let pointer = reference.trim_start_matches('#');
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}

fn references(of: &Value, found: &mut Vec<String>) {
    match of {
        Value::Object(map) => {
            let reference = map.get("$ref").and_then(Value::as_str);
            found.extend(reference.map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// Every property has words.
fn undescribed(schemas: &Value, at: &str) {
    for (name, schema) in schemas.as_object().unwrap() {
        for (property, of) in schema["properties"].as_object().into_iter().flatten() {
            let words =
                of["description"].is_string() || of["oneOf"].is_array() || of["$ref"].is_string();
            assert!(words, "{at}.{name}.{property} has no words: {of}");
        }
    }
}

/// Pages of the origins that the operator names may use REST with a token, others not.
#[tokio::test]
async fn pages_of_named_origins_may_use_rest_with_a_token() {
    let site = Site::start().await;
    let token = site.token("alice").await;
    let authorization = format!("Authorization: Bearer {token}");
    let ask = [
        "Origin: https://intranet.example",
        "Access-Control-Request-Method: PUT",
        "Access-Control-Request-Headers: authorization, content-type, idempotency-key",
    ];
    let asked = site.request("OPTIONS /api/v1/me", &ask, "").await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let header = |answer: &crate::site::Answer, name: &str| {
        let value = answer.header(&format!("Access-Control-{name}"));
        value.unwrap_or_default().to_ascii_lowercase()
    };
    assert_eq!(header(&asked, "Allow-Origin"), "https://intranet.example");
    assert_eq!(header(&asked, "Allow-Credentials"), "");
    assert!(header(&asked, "Allow-Methods").contains("put"));
    let headers = header(&asked, "Allow-Headers");
    assert!(headers.contains("authorization") && headers.contains("last-event-id"));
    assert!(
        !headers.contains("x-convoke"),
        "so that no session is renewed from there"
    );
    for (origin, allowed) in [
        ("https://intranet.example", "https://intranet.example"),
        ("https://evil.example", ""),
        ("null", ""),
    ] {
        let origin = format!("Origin: {origin}");
        let answer = site
            .request("GET /api/v1/me", &[&origin, &authorization], "")
            .await;
        assert_eq!(answer.status, 200);
        assert_eq!(header(&answer, "Allow-Origin"), allowed);
    }
}

/// So that a page knows a server that does not name its origin from one whose answers somebody in between gives.
#[tokio::test]
async fn the_document_is_readable_for_pages_of_every_origin() {
    let site = Site::start().await;
    for origin in ["https://intranet.example", "https://evil.example", "null"] {
        let origin = format!("Origin: {origin}");
        for method in ["GET", "HEAD"] {
            let request = format!("{method} /api/v1/openapi.json");
            let answer = site.request(&request, &[&origin], "").await;
            assert_eq!(answer.status, 200, "{method} {origin}");
            let allowed = answer.header("Access-Control-Allow-Origin");
            assert_eq!(allowed, Some("*"), "{method} {origin}");
            assert_eq!(answer.header("Access-Control-Allow-Credentials"), None);
        }
        let named = origin == "Origin: https://intranet.example";
        let refused = site.request("HEAD /api/v1/me", &[&origin], "").await;
        assert_eq!(refused.status, 401, "{origin}");
        let allowed = refused.header("Access-Control-Allow-Origin");
        assert_eq!(allowed.is_some(), named, "{origin}");
    }
}
