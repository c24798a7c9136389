//! Trackstar: connections named by access tokens, and the link by which a user enters their secrets again.

mod answers;
mod deletion;
mod link;
mod reading;

use serde_json::Value;

use crate::support::*;

const KEY: &str = "x-trackstar-api-key";
const TOKEN: &str = "x-trackstar-access-token";

/// A client of Trackstar with the key of another client.
fn trackstar(app: &TestApp, keyed: &Client) -> Client {
    app.stranger().with(KEY, keyed.key())
}

/// The same for one connection.
fn of_connection(app: &TestApp, keyed: &Client, token: &str) -> Client {
    trackstar(app, keyed).with(TOKEN, token)
}

/// A new access token.
#[track_caller]
fn issue(client: &Client, connection: &str) -> String {
    let path = format!("/v1/connections/{connection}/access-tokens");
    let made = client.send("POST", &path, None).ok(201);
    made["token"].as_str().unwrap().to_owned()
}

/// The refusal's text.
#[track_caller]
fn refused(reply: &Reply, status: u16) -> String {
    assert_eq!(reply.status, status, "{reply:#?}");
    let body = reply.json();
    assert_eq!(body["origin"], "trackstar", "{reply:#?}");
    assert!(reply.header("x-request-id").is_some());
    body["error"].as_str().unwrap().to_owned()
}

/// The fields that a 422 names, `location.field`.
#[track_caller]
fn fields(reply: &Reply) -> Vec<String> {
    refused(reply, 422);
    let detail = reply.json()["detail"].clone();
    let mut named = Vec::new();
    for (location, fields) in detail.as_object().unwrap() {
        for (field, messages) in fields.as_object().unwrap() {
            assert!(!messages.as_array().unwrap().is_empty(), "{reply:#?}");
            named.push(format!("{location}.{field}"));
        }
    }
    named
}

/// An answer as it is on the wire, without what differs from run to run.
fn wire(reply: &Reply) -> String {
    let body = serde_json::to_string_pretty(&redact(reply.json())).unwrap();
    format!("{} {body}", reply.status)
}

fn redact(value: Value) -> Value {
    match value {
        Value::String(text) if uuid::Uuid::try_parse(&text).is_ok() => "[id]".into(),
        Value::String(text) if chrono::DateTime::parse_from_rfc3339(&text).is_ok() => {
            "[time]".into()
        }
        Value::String(text) if text.starts_with("rpt_") => "[access token]".into(),
        Value::String(text) if text.starts_with("rpe_") => "[link token]".into(),
        Value::Array(items) => items.into_iter().map(redact).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, redact(value)))
            .collect(),
        other => other,
    }
}

/// How many live connections there are.
fn live(app: &TestApp) -> i64 {
    app.sql().count("connections")
}
