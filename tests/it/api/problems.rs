//! Problem documents: one of each kind that a caller can bring about, as it is on the wire.

use serde_json::Value;

use super::kit::*;
use crate::support::*;

/// A problem without what is the same for every occurrence of its code, which the catalogue's own test covers.
#[track_caller]
fn of(reply: &Reply, status: u16, code: &str) -> Value {
    let reply = reply.clone().sound();
    let Value::Object(mut members) = redact(reply.problem(status, code)) else {
        panic!("{reply:#?}")
    };
    for name in ["type", "title", "next", "status", "code", "request_id"] {
        assert!(members.remove(name).is_some(), "{name}: {reply:#?}");
    }
    Value::Object(members)
}

on_both! {
    fn a_problem_document_has_its_members(app: &TestApp) {
        let reply = app.admin.get("/v1/trash?page_size=0");
        assert_eq!(
            redact(reply.ok(422)),
            json!({
                "type": "urn:reprieve:problem:invalid_input",
                "title": "Some input is not valid",
                "status": 422,
                "code": "invalid_input",
                "detail": "page_size: page_size goes from 1 to 200.",
                "next": "Correct what `errors` points at.",
                "request_id": "[id]",
                "errors": [{"pointer": "page_size", "code": "out_of_range", "detail": "page_size goes from 1 to 200."}],
            })
        );
    }

    fn refusals_of_the_request_itself(app: &TestApp) {
        let post = |body: &str| app.admin.send("POST", "/v1/connections", Some(body.to_owned()));
        assert_eq!(of(&post("{"), 400, "malformed_json"), json!({"detail": "The body is not JSON at line 1, column 1."}));
        assert_eq!(
            of(&app.admin.with("if-match", "x").delete(&format!("/v1/content/{}", unknown_id())), 400, "invalid_request"),
            json!({"detail": "If-Match must be one ETag of ours, such as \"3\"."})
        );
        assert_eq!(
            of(&app.stranger().get("/v1/whoami"), 401, "unauthenticated"),
            json!({"detail": "There is no valid API key in the Authorization header."})
        );
        assert_eq!(
            of(&app.client(&["trash:read"]).get("/v1/connections"), 403, "missing_scope"),
            json!({"detail": "This needs the scope connections:read.", "scope": "connections:read"})
        );
        let unknown = format!("/v1/connections/{}", unknown_id());
        assert_eq!(of(&app.admin.get(&unknown), 404, "not_found"), json!({"detail": "There is no connection with this id."}));
        assert_eq!(of(&app.admin.get("/v1/nothing"), 404, "not_found"), json!({"detail": "There is nothing at this path."}));
        assert_eq!(
            of(&app.admin.put(&unknown, &json!({})), 405, "method_not_allowed"),
            json!({"detail": "This path takes DELETE, GET, PATCH."})
        );
        assert_eq!(
            of(&app.admin.with("content-type", "text/plain").post("/v1/connections", &json!({})), 415, "unsupported_media_type"),
            json!({"detail": "The body must be application/json."})
        );
        assert_eq!(
            of(&post(&format!("\"{}\"", "x".repeat(65_536))), 413, "body_too_large"),
            json!({"detail": "A body here has up to 65536 bytes."})
        );
        assert_eq!(
            of(&post("{}"), 422, "invalid_input"),
            json!({
                "detail": "/connector: This field is required.",
                "errors": [{"pointer": "/connector", "code": "required", "detail": "This field is required."}],
            })
        );
    }

    fn refusals_of_a_connection(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        let mut twin = postgres_connection("WAREHOUSE");
        twin["external_id"] = "other".into();
        assert_eq!(
            of(&app.admin.post("/v1/connections", &twin), 409, "name_taken"),
            json!({"detail": "A live connection has this name.", "suggested_name": "WAREHOUSE (2)"})
        );
        twin["external_id"] = "ext-warehouse".into();
        assert_eq!(
            of(&app.admin.post("/v1/connections", &twin), 409, "external_id_taken"),
            json!({"detail": "A live row has this external id.", "id": "[id]"})
        );
        assert_eq!(
            of(&app.admin.with("if-match", "\"9\"").patch(&path, &json!({})), 412, "version_mismatch"),
            json!({"detail": "It has changed since it was read.", "version": 1})
        );
        assert_eq!(
            of(&app.admin.patch(&path, &json!({"settings": {"host": "elsewhere.example.com"}})), 422, "secrets_required"),
            json!({"detail": "A change of where the secrets are sent needs them again in the same call.", "missing": ["password"]})
        );
        assert_eq!(
            of(&app.admin.patch(&path, &json!({"settings": {"password": "x"}})), 422, "secret_in_settings"),
            json!({
                "detail": "/settings/password: Password is a secret: send it in secrets.",
                "errors": [{"pointer": "/settings/password", "code": "secret_in_settings", "detail": "Password is a secret: send it in secrets."}],
            })
        );
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": null}})).ok(200);
        assert_eq!(
            of(&app.admin.get(&format!("{path}/secrets")), 409, "needs_credentials")["missing"],
            json!(["password"])
        );
        app.admin.patch(&path, &json!({"deletion_protection": true})).ok(200);
        assert_eq!(
            of(&app.admin.delete(&path), 409, "deletion_protected"),
            json!({
                "detail": "The connection \"warehouse\" is protected against deletion.",
                "protected": {"kind": "connection", "id": "[id]", "name": "warehouse"},
            })
        );
        app.admin.patch(&path, &json!({"deletion_protection": false})).ok(200);
        let stale = of(&app.admin.delete(&format!("{path}?plan_token=old")), 409, "plan_stale");
        assert_eq!(stale["plan"]["impact"], json!({"integrations": 0, "connections": 1, "models": 3, "content": 4, "links": 2}));
        assert_eq!(stale["plan"]["plan_token"], "[token]");
    }

    fn refusals_of_the_trash(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        let model = app.admin.get(&format!("{path}/models")).ok(200)["data"][2]["id"].clone();
        let child = app.admin.delete(&format!("/v1/models/{}", model.as_str().unwrap())).ok(200)["id"].clone();
        let child = format!("/v1/trash/{}", child.as_str().unwrap());
        let entry = format!("/v1/trash/{}", app.delete_connection(&id));
        let restore = |entry: &str| app.admin.post(&format!("{entry}/restore"), &json!({}));
        assert_eq!(
            of(&app.admin.get(&path), 410, "in_trash"),
            json!({"detail": "This connection is in the trash.", "entry_id": "[id]"})
        );
        assert_eq!(
            of(&restore(&child), 409, "parent_in_trash"),
            json!({"detail": "The connection this belongs to is in the trash.", "entry_id": "[id]"})
        );
        let mut twin = postgres_connection("warehouse");
        twin["on_trashed"] = "fail".into();
        assert_eq!(
            of(&app.admin.post("/v1/connections", &twin), 409, "already_in_trash"),
            json!({"detail": "A connection like this one is in the trash.", "entry_id": "[id]"})
        );
        twin["on_trashed"] = "new".into();
        let second = app.admin.post("/v1/connections", &twin).sound().ok(201)["id"].clone();
        app.delete_connection(second.as_str().unwrap());
        twin["on_trashed"] = "restore".into();
        assert_eq!(
            of(&app.admin.post("/v1/connections", &twin), 409, "ambiguous"),
            json!({"detail": "Several trash entries fit this connection.", "entries": ["[id]", "[id]"]})
        );
        let purge = |name: &str| app.admin.post(&format!("{entry}/purge"), &json!({"confirm": name}));
        assert_eq!(
            of(&purge("Warehouse"), 422, "confirm_mismatch"),
            json!({"detail": "`confirm` is not the name of what was deleted."})
        );
        run_sql(app, "UPDATE trash_entries SET purge_protected = (1 = 1)");
        assert_eq!(
            of(&purge("warehouse"), 409, "purge_protected"),
            json!({"detail": "Nobody may purge this entry before its date.", "purge_at": "[time]"})
        );
        run_sql(app, "UPDATE trash_entries SET purge_protected = (1 = 0)");
        purge("warehouse").sound().ok(200);
        assert_eq!(
            of(&purge("warehouse"), 409, "entry_closed"),
            json!({"detail": "This entry is purged.", "state": "purged"})
        );
        assert_eq!(
            of(&restore(&child), 409, "parent_purged"),
            json!({"detail": "The connection this belonged to is gone for good."})
        );
    }

    fn refusals_of_a_repetition(app: &TestApp) {
        let client = app.admin.with("idempotency-key", "once");
        let key = json!({"name": "k", "scopes": ["trash:read"]});
        let location = client.post("/v1/api-keys", &key).header("location").unwrap().to_owned();
        assert_eq!(
            of(&client.post("/v1/api-keys", &key), 409, "secret_already_shown"),
            json!({"detail": "This request was answered before; the secret in its answer is not stored.", "location": location})
        );
        assert_eq!(
            of(&client.post("/v1/connections", &postgres_connection("x")), 422, "idempotency_key_reused"),
            json!({"detail": "This Idempotency-Key was used for a request with another method, path or body."})
        );
    }
}
