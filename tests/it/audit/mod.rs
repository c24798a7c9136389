//! The record: what is written down, in a chain that shows whether it was changed, and the feed of events that comes of it.

mod chain;
mod command;
mod feed;
mod order;
mod refusals;
mod role;
mod soon;
mod tampering;

use reprieve::service::audit::seal;
use serde_json::Value;

use crate::support::*;

/// Waits until every record has its number.
fn sealed(app: &TestApp) -> Value {
    TestApp::wait_for("the sealer", || {
        seal::round(&app.services.store).unwrap();
        app.admin.get("/v1/audit/head").ok(200)["unsealed"] == 0
    });
    app.admin.get("/v1/audit/head").ok(200)
}

/// The whole chain, page by page.
fn chain(app: &TestApp) -> Vec<Value> {
    sealed(app);
    let mut records = Vec::new();
    let mut path = "/v1/audit?sort=seq&page_size=7".to_owned();
    loop {
        let page = app.admin.get(&path).ok(200);
        records.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(token) = page["next_page_token"].as_str() else {
            return records;
        };
        path = format!("/v1/audit?sort=seq&page_size=7&page_token={token}");
    }
}

/// Records of these words, newest first.
fn records(app: &TestApp, query: &str) -> Vec<Value> {
    let page = app
        .admin
        .get(&format!("/v1/audit?page_size=200&{query}"))
        .ok(200);
    page["data"].as_array().unwrap().clone()
}

/// The feed from a cursor on to its end, and the cursor there.
fn feed(app: &TestApp, after: &str, more: &str) -> (Vec<Value>, String) {
    sealed(app);
    let (mut events, mut cursor) = (Vec::new(), after.to_owned());
    loop {
        let page = app
            .admin
            .get(&format!("/v1/events?after={cursor}&page_size=3{more}"))
            .ok(200);
        events.extend(page["data"].as_array().unwrap().iter().cloned());
        cursor = page["cursor"].as_str().unwrap().to_owned();
        if page["has_more"] == false {
            return (events, cursor);
        }
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

/// What happens in the life of a connection.
fn story(app: &TestApp, name: &str) -> (String, String) {
    let id = app.sample_connection(name);
    let entry = app.delete_connection(&id);
    app.admin
        .post(&format!("/v1/trash/{entry}/restore"), &json!({}))
        .ok(200);
    let secrets = json!({"secrets": {"password": "again"}});
    app.admin
        .put(&format!("/v1/connections/{id}/secrets"), &secrets)
        .ok(200);
    app.admin
        .get(&format!("/v1/connections/{id}/secrets"))
        .ok(200);
    (id, entry)
}
