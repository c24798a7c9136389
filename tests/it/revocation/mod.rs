//! Revocation at the source: what it is asked, when, and what the entry says of it (edge case 17).

mod answers;
mod at_once;
mod order;
mod services;
pub(crate) mod source;
mod together;

use serde_json::Value;

use self::source::Source;
use crate::support::*;

/// An OAuth connection whose tokens are revoked at this source.
fn oauth(name: &str, source: &Source) -> Value {
    json!({
        "name": name,
        "connector": "oauth2",
        "settings": {"revocation_url": source.url("/revoke"), "client_id": "reprieve"},
        "secrets": {"access_token": format!("access {name}"), "refresh_token": format!("refresh {name}")},
    })
}

/// Makes it; its id.
#[track_caller]
fn make(app: &TestApp, connection: &Value) -> String {
    let made = app.admin.post("/v1/connections", connection).ok(201);
    made["id"].as_str().unwrap().to_owned()
}

/// What an entry says of its secrets.
#[track_caller]
fn secrets_of(app: &TestApp, entry: &str) -> Value {
    app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["secrets"].clone()
}

/// Waits until an entry's revocation has ended; what it says of it, and the sentence.
#[track_caller]
fn ended(app: &TestApp, entry: &str) -> (String, String) {
    TestApp::wait_for("the end of a revocation", || {
        secrets_of(app, entry)["revocation"] != "pending"
    });
    let secrets = secrets_of(app, entry);
    let text = |key: &str| secrets[key].as_str().unwrap().to_owned();
    (text("revocation"), text("revocation_detail"))
}

/// The one outcome of an entry as it is stored, and how often the source was asked.
#[track_caller]
fn stored(app: &TestApp, entry: &str) -> (String, i64) {
    let rows = app
        .sql()
        .rows(&format!("revocations WHERE entry_id = '{entry}'"));
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        rows[0]["finished_at"].is_null(),
        rows[0]["outcome"] == "pending"
    );
    let outcome = rows[0]["outcome"].as_str().unwrap().to_owned();
    (outcome, rows[0]["tries"].as_i64().unwrap())
}
