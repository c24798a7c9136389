//! Integrations over HTTP: a connector under a key, with its own secrets, deleted and restored with all its connections.

mod together;
mod under_a_key;

use serde_json::Value;

use crate::support::*;

/// An OAuth client under a key.
fn crm() -> Value {
    json!({
        "key": "crm-prod",
        "name": "CRM, production",
        "connector": "oauth2",
        "settings": {"token_url": "https://login.example.com/token", "client_id": "reprieve"},
        "secrets": {"client_secret": "the client's own secret"},
        "source_hints": {"client_secret": "vault:crm/client"},
    })
}

/// A connection of it that needs nothing more.
fn member(name: &str) -> Value {
    json!({
        "name": name,
        "connector": "oauth2",
        "integration": "crm-prod",
        "external_id": format!("ext-{name}"),
        "settings": {"base_url": "https://crm.example.com"},
        "secrets": {"access_token": format!("token of {name}")},
        "source_hints": {"access_token": format!("vault:crm/{name}")},
    })
}

#[track_caller]
fn make(app: &TestApp, path: &str, body: &Value) -> String {
    let answer = app.admin.post(path, body).ok(201);
    answer["id"].as_str().unwrap().to_owned()
}

/// The integration with connections of these names, each with a model and content; the connections' ids.
#[track_caller]
fn crm_with(app: &TestApp, names: &[&str]) -> Vec<String> {
    make(app, "/v1/integrations", &crm());
    names
        .iter()
        .map(|name| {
            let connection = make(app, "/v1/connections", &member(name));
            let path = format!("/v1/connections/{connection}");
            let model = make(app, &format!("{path}/models"), &json!({"name": "deals", "external_id": "m"}));
            let content = json!({"name": "pipeline", "external_id": "c", "model_id": model, "body": {"n": 0.1000}});
            make(app, &format!("{path}/content"), &content);
            connection
        })
        .collect()
}

#[track_caller]
fn entry_of(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn restore(app: &TestApp, entry: &str, how: &Value) -> Reply {
    app.admin.post(&format!("/v1/trash/{entry}/restore"), how)
}
