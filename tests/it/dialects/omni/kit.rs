//! What the tests of this dialect share: its requests, the checks its clients make, and its wire as text.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use crate::support::*;

/// Every secret that a test of this dialect sends begins so: no answer may hold it.
pub(super) const SECRET: &str = "omni-secret-zq";

/// The keys that the Python client raises an error without.
pub(super) const KEYS: [&str; 14] = [
    "id",
    "name",
    "dialect",
    "database",
    "defaultSchema",
    "baseRole",
    "createdAt",
    "updatedAt",
    "deletedAt",
    "allowBranchConnectionEnvironments",
    "branchConnectionEnvironmentOverridesUserAttr",
    "environmentConnectionSwitchesSchemaModel",
    "userAttributeNameForConnectionEnvironments",
    "userAttributeValuesForDefaultEnvironment",
];

/// A create body for a PostgreSQL connection.
pub(super) fn postgres(name: &str) -> Value {
    json!({
        "dialect": "postgres", "name": name, "host": "db.example.com", "port": 6432, "database": "sales",
        "username": "bi", "passwordUnencrypted": format!("{SECRET}-{name}"), "defaultSchema": "public",
        "baseRole": "QUERIER", "queryTimeoutSeconds": 900, "includeSchemas": "public,raw",
    })
}

/// Creates a connection; its id.
#[track_caller]
pub(super) fn create(client: &Client, body: &Value) -> String {
    let created = client.post("/api/v1/connections", body).ok(201);
    assert_eq!(created["success"], true);
    created["data"].as_str().unwrap().to_owned()
}

/// Creates a model; its id.
#[track_caller]
pub(super) fn model(
    client: &Client,
    connection: &str,
    kind: &str,
    name: &str,
    base: Option<&str>,
) -> String {
    let body = json!({"connectionId": connection, "modelKind": kind, "modelName": name, "baseModelId": base});
    let created = client.post("/api/v1/models", &body).ok(200);
    assert_eq!(
        (&created["success"], &created["model"]["modelKind"]),
        (&json!(true), &json!(kind))
    );
    created["model"]["id"].as_str().unwrap().to_owned()
}

/// Creates content through `/v1`, the only way there is; its id.
#[track_caller]
pub(super) fn content(client: &Client, connection: &str, body: &Value) -> String {
    let path = format!("/v1/connections/{connection}/content");
    client.post(&path, body).ok(201)["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Reads a connection as the Python client does: all keys, a UUID, text where text has to be.
#[track_caller]
pub(super) fn strict(connection: &Value) -> &Value {
    let members: Vec<&String> = connection.as_object().unwrap().keys().collect();
    let (found, expected): (BTreeSet<&str>, BTreeSet<&str>) = (
        members.iter().map(|key| key.as_str()).collect(),
        KEYS.into(),
    );
    assert_eq!(found, expected);
    assert!(Uuid::try_parse(connection["id"].as_str().unwrap()).is_ok());
    for key in ["name", "dialect", "createdAt", "updatedAt"] {
        assert!(connection[key].is_string(), "{key}: {connection}");
    }
    for key in ["createdAt", "updatedAt", "deletedAt"] {
        let moment = &connection[key];
        assert!(
            moment
                .as_str()
                .is_none_or(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()),
            "{connection}"
        );
    }
    for key in [
        "database",
        "defaultSchema",
        "baseRole",
        "deletedAt",
        "userAttributeNameForConnectionEnvironments",
    ] {
        assert!(
            connection[key].is_string() || connection[key].is_null(),
            "{key}: {connection}"
        );
    }
    for key in [
        "allowBranchConnectionEnvironments",
        "environmentConnectionSwitchesSchemaModel",
    ] {
        assert!(
            connection[key].is_boolean() || connection[key].is_null(),
            "{key}: {connection}"
        );
    }
    assert_eq!(
        connection["branchConnectionEnvironmentOverridesUserAttr"],
        connection["allowBranchConnectionEnvironments"]
    );
    connection
}

/// Walks all pages of a list as `OmniKit` does, which rejects a page unless it keeps these rules; the records.
#[track_caller]
pub(super) fn walk(client: &Client, path: &str, id: &str) -> Vec<Value> {
    let mut records: Vec<Value> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut cursor: Option<String> = None;
    let mut total = None;
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let next = cursor
            .as_deref()
            .map(|cursor| format!("{separator}cursor={cursor}"));
        let page = client
            .get(&format!("{path}{}", next.unwrap_or_default()))
            .ok(200);
        for bad in ["error", "errors", "success", "ok"] {
            assert!(page.get(bad).is_none(), "{page}");
        }
        let info = &page["pageInfo"];
        let size = info["pageSize"].as_u64().unwrap();
        let all = info["totalRecords"].as_u64().unwrap();
        assert_eq!(
            *total.get_or_insert(all),
            all,
            "totalRecords is not constant"
        );
        assert!((1..=100).contains(&size), "{info}");
        let found = page["records"].as_array().unwrap();
        let count = u64::try_from(found.len()).unwrap();
        assert!(count <= size && count <= all, "{info}");
        for record in found {
            assert!(
                seen.insert(record[id].as_str().unwrap().to_owned()),
                "{record} is there twice"
            );
        }
        records.extend(found.iter().cloned());
        let more = info["hasNextPage"].as_bool().unwrap();
        assert_eq!(
            more,
            info["nextCursor"]
                .as_str()
                .is_some_and(|cursor| !cursor.trim().is_empty()),
            "{info}"
        );
        if !more {
            assert!(info["nextCursor"].is_null());
            assert_eq!(u64::try_from(records.len()).unwrap(), all);
            return records;
        }
        assert_eq!(count, size, "a page before the last is not full");
        cursor = info["nextCursor"].as_str().map(str::to_owned);
    }
}

/// The detail of a refusal, which has the two members of the dialect and no others.
#[track_caller]
pub(super) fn refused(reply: &Reply, status: u16) -> String {
    let body = reply.ok(status);
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["detail", "status"], "{reply:#?}");
    assert_eq!(body["status"], status, "{reply:#?}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/json"),
        "{reply:#?}"
    );
    assert!(!reply.text.contains(SECRET), "{reply:#?}");
    body["detail"].as_str().unwrap().to_owned()
}

/// Requests with their answers as text, without what differs from run to run.
#[derive(Default)]
pub(super) struct Wire(String);

impl Wire {
    /// Writes an answer down.
    #[track_caller]
    pub(super) fn note(&mut self, who: &str, reply: &Reply) {
        assert!(!reply.text.contains(SECRET), "{reply:#?}");
        let request = reply.request.split('{').next().unwrap().trim();
        let body = clean(reply.json());
        let request = without_ids(request);
        let lines = [
            format!("{who}: {request}\n"),
            format!("  {} {body}\n", reply.status),
        ];
        self.0.extend(lines);
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

fn clean(value: Value) -> Value {
    match value {
        Value::String(text) if chrono::DateTime::parse_from_rfc3339(&text).is_ok() => {
            "[time]".into()
        }
        Value::String(text) => without_ids(&text).into(),
        Value::Array(items) => items.into_iter().map(clean).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| match name.as_str() {
                "nextCursor" if value.is_string() => (name, "[cursor]".into()),
                "url" => (name, "[url]".into()),
                _ => (name, clean(value)),
            })
            .collect(),
        other => other,
    }
}

fn without_ids(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let id = rest
            .split_at_checked(36)
            .filter(|(id, _)| Uuid::try_parse(id).is_ok());
        rest = if let Some((_, after)) = id {
            out += "[id]";
            after
        } else {
            out.push(c);
            rest.split_at(c.len_utf8()).1
        };
    }
    out
}
