//! Nango's contract.

mod changes;
mod delete;
mod hostile;
mod imports;
mod integrations;
mod keys;
mod lists;
mod sessions;
mod wire;

use crate::support::*;

/// A key of Nango's scopes, all of them.
pub(super) fn nango(app: &TestApp) -> Client {
    app.client(&["environment:*"])
}

/// An integration of a provider.
pub(super) fn integration(client: &Client, provider: &str, key: &str) {
    client
        .post(
            "/integrations",
            &json!({"provider": provider, "unique_key": key}),
        )
        .ok(200);
}

/// Imports a connection with an API key.
pub(super) fn import_key(client: &Client, integration: &str, id: &str) -> serde_json::Value {
    let body = json!({
        "provider_config_key": integration,
        "connection_id": id,
        "credentials": {"type": "API_KEY", "apiKey": format!("key-of-{integration}-{id}")},
    });
    client.post("/connections", &body).ok(201)
}

/// The path of a connection with the key of its integration.
pub(super) fn at(integration: &str, id: &str) -> String {
    format!("/connections/{id}?provider_config_key={integration}")
}

/// An error with nothing but what the published schema has; its code, and the places with their codes.
#[track_caller]
pub(super) fn std_error(reply: &Reply, status: u16) -> (String, Vec<(String, String)>) {
    let body = reply.ok(status);
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["error"], "{reply:#?}");
    for member in body["error"].as_object().unwrap().keys() {
        assert!(
            ["code", "message", "errors"].contains(&member.as_str()),
            "{reply:#?}"
        );
    }
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let errors = body["error"]["errors"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let errors = errors
        .iter()
        .map(|error| {
            let path: Vec<String> = error["path"].as_array().unwrap().iter().map(text).collect();
            assert!(error["message"].is_string(), "{reply:#?}");
            (text(&error["code"]), path.join("."))
        })
        .collect();
    (text(&body["error"]["code"]), errors)
}

/// The code of a refusal without places.
#[track_caller]
pub(super) fn code(reply: &Reply, status: u16) -> String {
    let (code, errors) = std_error(reply, status);
    assert!(errors.is_empty(), "{reply:#?}");
    code
}

/// The code of a refusal with one place, and that place with its code.
#[track_caller]
pub(super) fn place(reply: &Reply, status: u16) -> (String, String, String) {
    let (code, errors) = std_error(reply, status);
    let [(issue, path)] = errors.as_slice() else {
        panic!("not one place: {reply:#?}");
    };
    (code, issue.clone(), path.clone())
}
