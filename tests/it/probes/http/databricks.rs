//! Databricks, as it is documented; the real one has not been asked.

use reprieve::connectors::probes::{Failure, Found};
use reprieve::domain::kinds::Outcome;
use serde_json::Value;

use super::kit::{Answer, Seen, Server, Wires, answer, detail, outcome, test_over};
use crate::support::json;
use crate::support::servers::{ca, certificate};

const HOST: &str = "dbc-1.cloud.databricks.com";

fn workspace(seen: &Seen) -> Answer {
    match (seen.target.as_str(), seen.header("authorization")) {
        // base64("app-1:s3cr3t")
        ("/oidc/v1/token", "Basic YXBwLTE6czNjcjN0") => answer(200).json(json!({
            "access_token": "short", "token_type": "Bearer", "expires_in": 3600, "scope": "all-apis",
        })),
        ("/oidc/v1/token", _) => answer(401).json(json!({"error": "invalid_client"})),
        ("/api/2.0/preview/scim/v2/Me", "Bearer dapi-r1ght" | "Bearer short") => {
            answer(200).json(json!({"userName": "ana@example.com", "active": true}))
        }
        ("/api/2.0/preview/scim/v2/Me", "Bearer dapi-page") => answer(200).text("<html>"),
        ("/api/2.0/preview/scim/v2/Me", "Bearer dapi-old") => {
            answer(403).json(json!({"error_code": 403, "message": "Invalid access token."}))
        }
        ("/api/2.0/preview/scim/v2/Me", _) => answer(401),
        _ => answer(404),
    }
}

fn ask(server: &Server, settings: Value, secrets: &Value) -> Result<Found, Failure> {
    let wires = Wires::public(HOST, server.behind_tls(&certificate(HOST)));
    let mut all =
        json!({"host": HOST, "http_path": "/sql/1.0/warehouses/abc", "ca_certificate": ca()});
    for (key, value) in settings.as_object().unwrap() {
        all[key] = value.clone();
    }
    test_over(&wires, "databricks", &all, secrets)
}

#[test]
fn a_token_is_asked_whose_it_is() {
    let server = Server::start(workspace);
    for (token, expected) in [
        ("dapi-r1ght", Outcome::Ok),
        ("dapi-wr0ng", Outcome::AuthFailed),
        ("dapi-old", Outcome::AuthFailed),
        ("dapi-page", Outcome::ProtocolError),
    ] {
        let result = ask(&server, json!({}), &json!({ "token": token }));
        assert_eq!(outcome(&result), expected, "{token}");
    }
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.path() == "/api/2.0/preview/scim/v2/Me")
    );
}

#[test]
fn a_service_principal_fetches_a_token_first() {
    let server = Server::start(workspace);
    let principal = json!({"client_id": "app-1"});
    ask(
        &server,
        principal.clone(),
        &json!({"client_secret": "s3cr3t"}),
    )
    .unwrap();
    assert_eq!(
        server.seen()[0].body,
        "grant_type=client_credentials&scope=all-apis"
    );
    let result = ask(&server, principal, &json!({"client_secret": "wr0ng"}));
    assert_eq!(outcome(&result), Outcome::AuthFailed);
    let result = ask(&server, json!({}), &json!({"client_secret": "s3cr3t"}));
    assert_eq!(outcome(&result), Outcome::Unsupported);
    assert!(detail(&result).contains("client ID"));
}
