//! Every operation of the API description, and how to call each on real rows.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::kit::*;
use crate::support::*;

/// An operation as the description has it.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    /// The scope it asks for: `Some("")` for any key, `None` for an operation that declares no key.
    pub(super) scope: Option<String>,
    pub(super) about: Value,
}

impl Operation {
    /// Whether its body is JSON, if it has one.
    pub(super) fn takes_json(&self) -> bool {
        let content = &self.about["requestBody"]["content"];
        content.as_object().is_some_and(|types| {
            types
                .keys()
                .all(|name| name.ends_with("json") && !name.contains("ndjson"))
        })
    }

    pub(super) fn is_write(&self) -> bool {
        self.method != "GET"
    }

    /// The platform's own administration, which spans organizations.
    pub(super) fn is_of_the_platform(&self) -> bool {
        self.scope.as_deref() == Some("platform:admin")
    }
}

/// Every operation of the served description.
pub(super) fn all(app: &TestApp) -> Vec<Operation> {
    let document = app.stranger().get("/openapi.json").ok(200);
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, about) in item.as_object().unwrap() {
            operations.push(Operation {
                id: about["operationId"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{method} {path} has no id"))
                    .to_owned(),
                method: method.to_ascii_uppercase(),
                path: path.clone(),
                scope: scope_of(about),
                about: about.clone(),
            });
        }
    }
    operations
}

/// The operations that need a key.
pub(super) fn of_v1(app: &TestApp) -> Vec<Operation> {
    all(app)
        .into_iter()
        .filter(|operation| operation.path.starts_with("/v1/"))
        .collect()
}

fn scope_of(about: &Value) -> Option<String> {
    let scopes = about["security"].get(0)?.get("api_key")?.as_array()?;
    Some(
        scopes
            .first()
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    )
}

/// One row of everything that a path can name.
#[derive(Debug, Clone)]
pub(super) struct Samples {
    pub(super) connection: String,
    pub(super) model: String,
    pub(super) content: String,
    pub(super) entry: String,
    pub(super) key: String,
    pub(super) import: String,
    pub(super) organization: String,
    /// The key of an integration; every organization has another one.
    pub(super) integration: String,
    pub(super) hold: String,
    pub(super) alarm: String,
    pub(super) brake: String,
    /// The id of an access token of the connection.
    pub(super) access_token: String,
    pub(super) webhook: String,
    /// The event of its one delivery.
    pub(super) event: String,
}

impl Samples {
    /// Makes them with this key; the same names and external ids every time.
    pub(super) fn make(client: &Client) -> Self {
        let connection = client
            .post("/v1/connections", &postgres_connection("warehouse"))
            .ok(201)["id"]
            .clone();
        let path = format!("/v1/connections/{}", connection.as_str().unwrap());
        let model = client
            .post(
                &format!("{path}/models"),
                &json!({"name": "orders", "external_id": "m-1"}),
            )
            .ok(201);
        let content = json!({"name": "revenue", "external_id": "c-1", "model_id": model["id"]});
        let content = client.post(&format!("{path}/content"), &content).ok(201);
        let gone = client
            .post("/v1/connections", &postgres_connection("gone"))
            .ok(201);
        let gone = format!("/v1/connections/{}", gone["id"].as_str().unwrap());
        client
            .post(&format!("{gone}/models"), &json!({"name": "old orders"}))
            .ok(201);
        let entry = client.delete(&gone).ok(200);
        let key = client
            .post(
                "/v1/api-keys",
                &json!({"name": "spare", "scopes": ["trash:read"]}),
            )
            .ok(201);
        let import = import_of_nothing(client, "?validate_only=true").ok(202);
        let import_path = format!("/v1/imports/{}", import["id"].as_str().unwrap());
        TestApp::wait_for("the import", || {
            client.get(&import_path).ok(200)["state"] == "done"
        });
        let integration = json!({"key": fresh_name(), "connector": "postgres"});
        let integration = client.post("/v1/integrations", &integration).ok(201);
        let hold = json!({"reason": "still looking"});
        let entry_path = format!("/v1/trash/{}", entry["id"].as_str().unwrap());
        let hold = client.post(&format!("{entry_path}/holds"), &hold).ok(201);
        let token = client
            .send("POST", &format!("{path}/access-tokens"), None)
            .ok(201);
        let (webhook, event) = webhook(client);
        let whoami = client.get("/v1/whoami").ok(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            connection: text(&connection),
            model: text(&model["id"]),
            content: text(&content["id"]),
            entry: text(&entry["id"]),
            key: text(&key["id"]),
            import: text(&import["id"]),
            organization: text(&whoami["organization"]["id"]),
            integration: text(&integration["key"]),
            hold: text(&hold["id"]),
            // Nobody can make these by a call alone: the tests of `retention` have some.
            alarm: unknown_id(),
            brake: unknown_id(),
            access_token: text(&token["id"]),
            webhook,
            event,
        }
    }

    /// Ids that nothing has.
    pub(super) fn unknown() -> Self {
        Self {
            connection: unknown_id(),
            model: unknown_id(),
            content: unknown_id(),
            entry: unknown_id(),
            key: unknown_id(),
            import: unknown_id(),
            organization: unknown_id(),
            integration: unknown_id(),
            hold: unknown_id(),
            alarm: unknown_id(),
            brake: unknown_id(),
            access_token: unknown_id(),
            webhook: unknown_id(),
            event: unknown_id(),
        }
    }

    pub(super) fn ids(&self) -> BTreeSet<&str> {
        [
            &self.connection,
            &self.model,
            &self.content,
            &self.entry,
            &self.key,
            &self.import,
            &self.webhook,
        ]
        .map(String::as_str)
        .into()
    }

    /// The path of an operation on these rows.
    pub(super) fn path(&self, operation: &Operation) -> String {
        let id = match operation.path.split('/').nth(2) {
            Some("connections") => &self.connection,
            Some("models") => &self.model,
            Some("content") => &self.content,
            Some("trash" | "receipts") => &self.entry,
            Some("api-keys") => &self.key,
            Some("imports") => &self.import,
            Some("organizations") => &self.organization,
            Some("alarms") => &self.alarm,
            Some("brakes") => &self.brake,
            Some("webhooks") => &self.webhook,
            _ => "",
        };
        let external_id = if operation.path.contains("/models/") {
            "m-1"
        } else {
            "c-1"
        };
        let external_id = if operation.path.contains("/integrations/") {
            "ext-warehouse"
        } else {
            external_id
        };
        let key = if operation.path.contains("{external_id}") {
            "postgres"
        } else {
            &self.integration
        };
        let path = operation
            .path
            .replace("{key}", key)
            .replace("{connector}", "postgres")
            .replace("{external_id}", external_id)
            .replace("{hold}", &self.hold)
            .replace("{event}", &self.event)
            .replace("{token}", &self.access_token)
            .replace("{id}", id);
        assert!(
            !path.contains('{') && !path.contains("//"),
            "how is {} {} called?",
            operation.method,
            operation.path
        );
        path
    }

    /// Calls an operation so that it succeeds and takes nothing away that another call needs; a purge is refused for
    /// the name.
    pub(super) fn call(&self, client: &Client, operation: &Operation) -> Reply {
        if operation.id == "import_file" {
            let reply = import_of_nothing(client, "").sound();
            if reply.status == 202 {
                let id = reply.json()["id"].as_str().unwrap().to_owned();
                TestApp::wait_for("the import", || {
                    client.get(&format!("/v1/imports/{id}")).ok(200)["state"] == "done"
                });
            }
            return reply;
        }
        let mut path = self.path(operation);
        if operation.id == "delete_webhook" {
            // Whoever may delete the sample deletes one of its own: others need that.
            if client.patch(&path, &json!({})).status == 200 {
                let made = client
                    .post("/v1/webhooks", &json!({"url": NOWHERE}))
                    .ok(201);
                path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
            }
        }
        if operation.id == "remove_access_token" {
            // Likewise.
            let tokens = format!("/v1/connections/{}/access-tokens", self.connection);
            let made = client.send("POST", &tokens, None);
            if made.status == 201 {
                path = format!("{tokens}/{}", made.json()["id"].as_str().unwrap());
            }
        }
        if operation.method == "DELETE"
            && ![
                "revoke_api_key",
                "end_reentry_session",
                "remove_access_token",
                "release_hold",
                "release_brake",
                "delete_webhook",
            ]
            .contains(&operation.id.as_str())
        {
            path.push_str("?validate_only=true");
        }
        client
            .send(
                &operation.method,
                &path,
                harmless_body(operation).map(|body| body.to_string()),
            )
            .sound()
    }
}

/// An address at which nobody answers.
const NOWHERE: &str = "http://127.0.0.1:9/";

/// A webhook endpoint that has been told of one event in vain, and is disabled: nothing about it changes by itself.
fn webhook(client: &Client) -> (String, String) {
    let body = json!({"url": NOWHERE, "types": ["webhook.created"]});
    let made = client.post("/v1/webhooks", &body).ok(201);
    let id = made["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/webhooks/{id}");
    let delivery = || client.get(&format!("{path}/deliveries")).ok(200)["data"][0].clone();
    TestApp::wait_for("a try", || delivery()["attempts"].as_i64() > Some(0));
    client.patch(&path, &json!({"state": "disabled"})).ok(200);
    (id, delivery()["event_id"].as_str().unwrap().to_owned())
}

/// An import of a file that holds no row.
fn import_of_nothing(client: &Client, query: &str) -> Reply {
    client.with("content-type", "application/x-ndjson").send(
        "POST",
        &format!("/v1/import{query}"),
        Some(crate::transfer::file(&[])),
    )
}

fn fresh_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("fresh-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn settings() -> Value {
    json!({"host": "db.example.com", "port": 5432, "database": "sales", "username": "bi"})
}

fn harmless_body(operation: &Operation) -> Option<Value> {
    operation.about.get("requestBody")?;
    Some(match operation.id.as_str() {
        "create_connection" => {
            json!({"name": fresh_name(), "connector": "postgres", "settings": settings()})
        }
        "upsert_connection" => json!({"connector": "postgres", "settings": settings()}),
        "create_integration" => json!({"key": fresh_name(), "connector": "postgres"}),
        "put_connection_secrets" | "put_integration_secrets" => {
            json!({"secrets": {"password": "another"}})
        }
        "test_connector" => json!({"settings": settings(), "secrets": {"password": "tried"}}),
        "create_model" | "create_content" | "create_organization" => json!({"name": fresh_name()}),
        "create_models" | "create_contents" => json!({"items": [{"name": fresh_name()}]}),
        "upsert_model" | "upsert_content" => json!({"name": "the same"}),
        "patch_integration"
        | "patch_connection"
        | "patch_model"
        | "patch_content"
        | "patch_organization"
        | "patch_webhook"
        | "put_retention"
        | "purge_due_entries"
        | "replay_webhook"
        | "create_reentry_session"
        | "create_access_token" => json!({}),
        "restore_trash_entry" => json!({"validate_only": true}),
        "restore_trash_entries" | "delete_connections" => {
            json!({"ids": [unknown_id()], "validate_only": true})
        }
        "create_webhook" => json!({"url": NOWHERE}),
        "put_purge_pause" => json!({"paused": false}),
        "create_hold" => json!({"reason": "still looking"}),
        "patch_trash_entry" => json!({"purge_at": "2031-01-01T00:00:00Z"}),
        "purge_trash_entry" => json!({"confirm": "not its name"}),
        "create_api_key" => json!({"name": "k", "scopes": ["keys:admin"]}),
        other => panic!("the tests don't know a body for {other}: add one here"),
    })
}
