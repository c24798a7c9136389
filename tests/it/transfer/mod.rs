//! Export and import of an organization.

mod bad_files;
mod behind_the_api;
mod jobs;
mod round_trip;

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::*;

/// The first line of a file.
pub(crate) const HEADER: &str = r#"{"type":"reprieve","format":1,"organization":{"id":"019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00","name":"elsewhere"},"exported_at":"2026-11-22T09:30:00.000000Z","live_only":false}"#;

/// A whole file with these lines between the first and the last.
pub(crate) fn file(lines: &[String]) -> String {
    let mut text = format!("{HEADER}\n");
    let mut counts = serde_json::Map::new();
    for line in lines {
        text.push_str(line);
        text.push('\n');
        if let Ok(value) = serde_json::from_str::<Value>(line)
            && let Some(kind) = value["type"].as_str()
        {
            let count = counts.get(kind).and_then(Value::as_u64).unwrap_or(0);
            counts.insert(kind.to_owned(), (count + 1).into());
        }
    }
    ended(&text, &counts)
}

/// A text with its last line.
fn ended(text: &str, counts: &serde_json::Map<String, Value>) -> String {
    let digest = Sha256::digest(text)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
    let end = json!({"type": "end", "counts": counts, "sha256": digest});
    format!("{text}{end}\n")
}

/// An id that is greater than those of smaller numbers.
pub(crate) fn id(number: u64) -> String {
    format!("019365f0-2b1c-7d3e-8f4a-{number:012x}")
}

const AT: &str = "2026-11-22T09:30:00.000000Z";

/// The line of an integration.
pub(crate) fn integration(number: u64, key: &str) -> Value {
    json!({
        "type": "integration", "id": id(number), "key": key, "name": key, "connector": "postgres", "settings": {},
        "deletion_protection": false, "created_at": AT, "updated_at": AT, "version": 1,
    })
}

/// The line of a connection.
pub(crate) fn connection(number: u64) -> Value {
    json!({
        "type": "connection", "id": id(number), "name": format!("connection {number}"), "connector": "postgres",
        "integration": "postgres", "integration_id": null, "external_id": format!("ext-{number}"),
        "settings": {"host": "db.example.com", "database": "sales", "username": "bi"}, "tags": {}, "metadata": {},
        "status": "untested", "deletion_protection": false, "created_at": AT, "updated_at": AT, "version": 1,
    })
}

/// The line of a model.
pub(crate) fn model(number: u64, connection: u64) -> Value {
    json!({
        "type": "model", "id": id(number), "connection_id": id(connection), "base_model_id": null,
        "name": format!("model {number}"), "kind": "model", "external_id": null, "body": {},
        "deletion_protection": false, "created_at": AT, "updated_at": AT, "version": 1,
    })
}

/// The line of a piece of content.
pub(crate) fn content(number: u64, connection: u64) -> Value {
    json!({
        "type": "content", "id": id(number), "connection_id": id(connection), "model_id": null,
        "name": format!("content {number}"), "kind": "content", "external_id": null, "body": {},
        "deletion_protection": false, "created_at": AT, "updated_at": AT, "version": 1,
    })
}

/// The line of the entry of a trashed piece of content.
pub(crate) fn entry(number: u64, root: u64, connection: u64) -> Value {
    json!({
        "type": "trash_entry", "id": id(number), "state": "in_trash", "root_kind": "content", "root_id": id(root),
        "root_name": format!("content {root}"), "root_external_id": null, "connector": "postgres",
        "integration": "postgres", "connection_id": id(connection), "model_id": null, "deleted_at": AT,
        "deleted_by": "somebody", "deleted_by_name": null, "reason": null, "purge_at": "2036-11-22T09:30:00.000000Z",
        "purge_protected": false, "connections_count": 0, "models_count": 0, "content_count": 1, "links_count": 0,
        "references_count": 0, "secret_shape": {}, "secrets_shredded": 0, "shredded_at": null, "erased_at": null,
        "closed_at": null, "closed_by": null, "closed_by_name": null,
    })
}

/// The line of a row, changed.
pub(crate) fn with(mut line: Value, field: &str, value: impl Into<Value>) -> Value {
    line[field] = value.into();
    line
}

/// The same row in the trash.
pub(crate) fn trashed(line: Value, entry: u64) -> Value {
    let kind = format!("trash_{}", line["type"].as_str().unwrap());
    with(with(line, "type", kind), "entry_id", id(entry))
}

pub(crate) fn lines(values: &[Value]) -> Vec<String> {
    values.iter().map(Value::to_string).collect()
}

/// Sends a file.
pub(crate) fn send(client: &Client, query: &str, text: &str) -> Reply {
    client.with("content-type", "application/x-ndjson").send(
        "POST",
        &format!("/v1/import{query}"),
        Some(text.to_owned()),
    )
}

/// Waits until an import is over.
#[track_caller]
pub(crate) fn over(client: &Client, accepted: &Value) -> Value {
    let path = format!("/v1/imports/{}", accepted["id"].as_str().unwrap());
    let mut last = Value::Null;
    TestApp::wait_for("the end of the import", || {
        last = client.get(&path).ok(200);
        last["state"] == "done" || last["state"] == "failed"
    });
    last
}

/// Imports a file, which succeeds.
#[track_caller]
pub(crate) fn import(client: &Client, text: &str) -> Value {
    let done = over(client, &send(client, "", text).ok(202));
    assert_eq!(done["state"], "done", "{done:#}");
    done
}

/// The problems of a file that is refused: line, pointer, code.
#[track_caller]
pub(crate) fn refused(client: &Client, query: &str, text: &str) -> Vec<(u64, String, String)> {
    let failed = over(client, &send(client, query, text).ok(202));
    assert_eq!(failed["state"], "failed", "{failed:#}");
    assert_eq!(failed["report"], Value::Null);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    failed["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| {
            assert!(!problem["detail"].as_str().unwrap().is_empty());
            (
                problem["line"].as_u64().unwrap_or(0),
                text(&problem["pointer"]),
                text(&problem["code"]),
            )
        })
        .collect()
}

/// The export of an organization.
#[track_caller]
pub(crate) fn export(client: &Client) -> String {
    let reply = client.get("/v1/export");
    assert_eq!(reply.status, 200, "{reply:#?}");
    reply.text
}

/// How many rows of each table an organization has.
pub(crate) fn rows(app: &TestApp) -> Vec<i64> {
    let mut sql = app.sql();
    [
        "connections",
        "models",
        "content",
        "links",
        "trash_entries",
        "trash_connections",
        "trash_models",
        "trash_content",
        "trash_links",
        "holds",
    ]
    .map(|table| sql.count(table))
    .to_vec()
}

/// A service on the other database.
pub(crate) fn other(app: &TestApp) -> TestApp {
    TestApp::start(match app.backend {
        Backend::Sqlite => Backend::Postgres,
        Backend::Postgres => Backend::Sqlite,
    })
}
