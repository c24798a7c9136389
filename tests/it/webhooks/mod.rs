//! Webhooks: every event that an endpoint wants arrives there, signed, whatever the endpoint does meanwhile.

mod command_line;
mod endpoints;
mod failing;
mod killed;
mod messages;
pub(crate) mod receiver;
mod secrets;
mod together;

use std::collections::BTreeSet;

use serde_json::Value;

use self::receiver::{Got, Receiver, Say, TAKEN, status};
use crate::support::*;

/// An endpoint, and what its messages are signed by.
struct Endpoint {
    id: String,
    secret: String,
}

impl Endpoint {
    fn path(&self) -> String {
        format!("/v1/webhooks/{}", self.id)
    }

    fn deliveries(&self, client: &Client) -> Vec<Value> {
        let page = client
            .get(&format!("{}/deliveries?page_size=200", self.path()))
            .ok(200);
        page["data"].as_array().unwrap().clone()
    }

    fn view(&self, app: &TestApp) -> Value {
        app.admin.get(&self.path()).ok(200)
    }

    /// Waits until all its deliveries are in a state; them.
    #[track_caller]
    fn waits_until_all_are(&self, app: &TestApp, state: &str) -> Vec<Value> {
        TestApp::wait_for(state, || {
            let all = self.deliveries(&app.admin);
            !all.is_empty() && all.iter().all(|delivery| delivery["state"] == state)
        });
        self.deliveries(&app.admin)
    }

    /// Waits until its one delivery was tried so often; it.
    #[track_caller]
    fn waits_for_attempts(&self, app: &TestApp, attempts: i64) -> Value {
        TestApp::wait_for("a try that is written down", || {
            let all = self.deliveries(&app.admin);
            all.first().and_then(|one| one["attempts"].as_i64()) >= Some(attempts)
        });
        let all = self.deliveries(&app.admin);
        assert_eq!(all.len(), 1, "{all:#?}");
        all[0].clone()
    }
}

/// Makes an endpoint that is told of these types.
#[track_caller]
fn endpoint(client: &Client, receiver: &Receiver, types: &[&str]) -> Endpoint {
    endpoint_with(client, &json!({"url": receiver.url(), "types": types}))
}

#[track_caller]
fn endpoint_with(client: &Client, body: &Value) -> Endpoint {
    let made = client.post("/v1/webhooks", body).ok(201);
    Endpoint {
        id: made["id"].as_str().unwrap().to_owned(),
        secret: made["signing_secret"].as_str().unwrap().to_owned(),
    }
}

/// Makes a connection, which is one event; its id.
#[track_caller]
fn connect(client: &Client, name: &str) -> String {
    let made = client
        .post("/v1/connections", &postgres_connection(name))
        .ok(201);
    made["id"].as_str().unwrap().to_owned()
}

/// Lets the time pass until the next try.
fn make_due(app: &TestApp) {
    let mut sql = app.sql();
    sql.run("UPDATE webhook_endpoints SET paused_until = NULL");
    sql.run("UPDATE webhook_deliveries SET next_attempt_at = '2020-01-01T00:00:00.000000Z' WHERE finished_at IS NULL");
}

/// Waits until everything that happened is in the feed.
fn wait_until_sealed(app: &TestApp) {
    TestApp::wait_for("the seals", || {
        app.sql().count("audit_seals WHERE seq IS NULL") == 0
    });
}

/// The ids of all events in the feed, as messages have them.
fn feed(client: &Client) -> BTreeSet<String> {
    let page = client.get("/v1/events?page_size=200").ok(200);
    assert_eq!(page["has_more"], false);
    let ids = page["data"].as_array().unwrap().iter();
    ids.map(|event| format!("evt_{}", event["id"].as_str().unwrap()))
        .collect()
}

fn ids_of(got: &[Got]) -> BTreeSet<String> {
    got.iter().map(|got| got.id().to_owned()).collect()
}

/// The open alarms that tell of a disabled endpoint.
fn alarms(app: &TestApp) -> Vec<String> {
    app.sql().lines(
        "SELECT detail AS line FROM alarms WHERE code = 'webhook_disabled' AND resolved_at IS NULL",
    )
}
