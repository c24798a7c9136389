//! API keys, the actor behind a call, and organizations.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kit::*;
use crate::support::*;

on_both! {
    fn a_key_is_made_used_listed_and_revoked_at_once(app: &TestApp) {
        let made = app.admin.post("/v1/api-keys", &json!({"name": "ci", "scopes": ["trash:read", "connections:*", "trash:read"]})).sound();
        let view = made.ok(201);
        assert_eq!(view["scopes"], json!(["connections:*", "trash:read"]));
        let path = made.header("location").unwrap().to_owned();
        assert_eq!(path, format!("/v1/api-keys/{}", made.text_of("id")));
        let mut about = view.clone();
        about.as_object_mut().unwrap().remove("key");
        assert_eq!(app.admin.get(&path).sound().ok(200), about);
        let listed = app.admin.get("/v1/api-keys").sound();
        assert!(listed.ok(200)["data"].as_array().unwrap().contains(&about));

        let client = Client::new(app.address(), &made.text_of("key"));
        client.get("/v1/trash").sound().ok(200);
        client.get("/v1/api-keys").sound().problem(403, "missing_scope");
        let revoked = app.admin.delete(&path).sound().ok(200);
        assert!(revoked["revoked_at"].is_string());
        client.get("/v1/trash").sound().problem(401, "unauthenticated");
        assert_eq!(app.admin.delete(&path).sound().ok(200)["revoked_at"], revoked["revoked_at"]);
        assert_eq!(app.admin.get(&path).ok(200)["revoked_at"], revoked["revoked_at"]);
        for text in [listed.text, app.admin.get(&path).text] {
            assert!(!text.contains("rpv_") && !text.contains("digest"), "{text}");
        }
    }

    fn a_key_may_revoke_itself(app: &TestApp) {
        let client = app.client(&["keys:admin"]);
        let own = client.get("/v1/whoami").ok(200)["key_id"].clone();
        client.delete(&format!("/v1/api-keys/{}", own.as_str().unwrap())).sound().ok(200);
        client.get("/v1/whoami").sound().problem(401, "unauthenticated");
    }

    fn a_key_gives_nothing_that_it_does_not_hold(app: &TestApp) {
        let client = app.client(&["keys:admin", "trash:*", "connections:read"]);
        for (scopes, may) in [
            (json!(["keys:admin"]), true), (json!(["trash:read", "trash:restore"]), true), (json!(["trash:*"]), true),
            (json!(["connections:read"]), true), (json!(["trash:purge"]), false), (json!(["connections:*"]), false),
            (json!(["connections:read", "secrets:read"]), false), (json!(["*"]), false), (json!(["platform:admin"]), false),
            (json!(["actor:assert"]), false),
        ] {
            let reply = client.post("/v1/api-keys", &json!({"name": "k", "scopes": scopes})).sound();
            assert_eq!(reply.status, if may { 201 } else { 403 }, "{reply:#?}");
        }
        for word in ["trash:burn", "nothing:*", "", "*:*", "Trash:Read", "trash:read "] {
            let reply = client.post("/v1/api-keys", &json!({"name": "k", "scopes": ["trash:read", word]})).sound();
            assert_eq!(reply.field_errors(), [("/scopes".to_owned(), "unknown_scope".to_owned())], "{word}");
        }
    }

    fn a_key_stops_at_its_expiry(app: &TestApp) {
        let body = |at: &str| json!({"name": "k", "scopes": ["trash:read"], "expires_at": at});
        let made = app.admin.post("/v1/api-keys", &body("2999-01-01T02:00:00+02:00")).sound();
        assert_eq!(made.ok(201)["expires_at"], "2999-01-01T00:00:00.000000Z");
        let client = Client::new(app.address(), &made.text_of("key"));
        client.get("/v1/trash").sound().ok(200);
        run_sql(app, &format!("UPDATE api_keys SET expires_at = '2020-01-01T00:00:00.000000Z' WHERE id = '{}'", made.text_of("id")));
        client.get("/v1/trash").sound().problem(401, "unauthenticated");
        let soon = (chrono::DateTime::parse_from_rfc3339(&made.text_of("created_at")).unwrap() + chrono::Duration::seconds(3)).to_rfc3339();
        let brief = app.admin.post("/v1/api-keys", &body(&soon)).sound();
        let client = Client::new(app.address(), brief.ok(201)["key"].as_str().unwrap());
        TestApp::wait_for("the expiry", || client.get("/v1/trash").sound().status == 401);
    }

    fn only_a_digest_of_a_key_is_stored(app: &TestApp) {
        let made = app.admin.post("/v1/api-keys", &json!({"name": "k", "scopes": ["trash:read"]})).sound();
        let key = made.text_of("key");
        let secret = key.rsplit('_').next().unwrap();
        assert_eq!(secret.len(), 64);
        let digest = lines(app, &format!("SELECT digest AS line FROM api_keys WHERE id = '{}'", made.text_of("id"))).concat();
        assert_eq!(digest.len(), 64);
        for (table, rows) in dump(app, None) {
            assert!(rows.iter().all(|row| !row.contains(secret)), "{table} holds a key");
        }
        let parts: Vec<&str> = key.split('_').collect();
        let by_digest = format!("rpv_{}_{}_{digest}", parts[1], parts[2]);
        Client::new(app.address(), &by_digest).get("/v1/whoami").sound().problem(401, "unauthenticated");
    }

    fn the_last_use_is_written_down_in_batches(app: &TestApp) {
        let client = app.client(&["keys:admin"]);
        let own = client.get("/v1/whoami").ok(200)["key_id"].as_str().unwrap().to_owned();
        let path = format!("/v1/api-keys/{own}");
        settle(app);
        let before = dump(app, None);
        for _ in 0..20 {
            assert_eq!(client.get(&path).sound().ok(200)["last_used_at"], Value::Null);
        }
        assert_eq!(dump(app, None), before, "a read wrote something");
        reprieve::jobs::housekeeping::round(&app.services);
        let first = client.get(&path).sound().ok(200)["last_used_at"].clone();
        assert!(first.is_string());
        reprieve::jobs::housekeeping::round(&app.services);
        let second = client.get(&path).sound().ok(200)["last_used_at"].clone();
        assert!(second.as_str() > first.as_str(), "{first} {second}");
        // A refused call is no use.
        app.client(&["trash:read"]).get(&path).sound().problem(403, "missing_scope");
        let changed = dump(app, None)["audit_events"].len();
        assert_eq!(changed, before["audit_events"].len() + 1, "writing it down is no change of anyone's");
    }

    fn the_person_behind_a_call_is_who_the_caller_names(app: &TestApp) {
        let person = app.admin.with("reprieve-actor", "id=auth0%7C7; name=Zo%C3%AB Ode");
        let whoami = person.get("/v1/whoami").sound().ok(200);
        assert_eq!(whoami["actor"], json!({"id": "auth0|7", "name": "Zo\u{eb} Ode"}));
        assert_eq!(whoami["scopes"], json!(["*"]));
        let id = person.post("/v1/connections", &postgres_connection("x")).sound();
        assert_eq!(id.ok(201)["secrets"]["password"]["last_set_by"], "auth0|7");
        let entry = person.delete(&format!("/v1/connections/{}", id.text_of("id"))).sound();
        assert_eq!(entry.ok(200)["deleted_by"], json!({"id": "auth0|7", "name": "Zo\u{eb} Ode"}));
        assert_eq!(app.admin.get("/v1/trash?deleted_by=auth0%7C7").ok(200)["data"].as_array().unwrap().len(), 1);
        assert_eq!(app.admin.get("/v1/trash?deleted_by=auth0%7C8").ok(200)["data"], json!([]));
        let restored = app.admin.post(&format!("/v1/trash/{}/restore", entry.text_of("id")), &json!({})).sound();
        restored.ok(200);
        let closed = app.admin.get(&format!("/v1/trash/{}", entry.text_of("id"))).ok(200)["closed_by"].clone();
        assert_eq!(closed["id"], format!("key:{}", app.admin.get("/v1/whoami").ok(200)["key_id"].as_str().unwrap()));
        let actors = lines(app, "SELECT DISTINCT actor_id AS line FROM audit_events WHERE action = 'connection.trashed'");
        assert_eq!(actors, ["auth0|7"]);
    }

    fn naming_a_person_takes_a_scope_and_a_header_that_reads(app: &TestApp) {
        let plain = app.client(&["connections:*", "keys:admin"]);
        let refused = plain.with("reprieve-actor", "id=ana").get("/v1/connections").sound();
        assert_eq!(refused.problem(403, "missing_scope")["scope"], "actor:assert");
        let able = app.client(&["connections:read", "actor:assert"]);
        able.with("reprieve-actor", "id=ana").get("/v1/connections").sound().ok(200);
        for header in ["", "name=Ana", "id=", "id=a;id=b", "id=a;role=x", "id=%", "id=%ff", "id=a b", "id=\"a\"", "id=a;name=%0A", MARKER] {
            able.with("reprieve-actor", header).get("/v1/connections").sound().problem(400, "invalid_request");
        }
        let long = format!("id={MARKER}{}", "x".repeat(255));
        able.with("reprieve-actor", &long).get("/v1/connections").sound().problem(400, "invalid_request");
    }

    fn organizations_are_the_platforms_to_make(app: &TestApp) {
        let platform = app.client(&["platform:admin"]);
        let made = platform.post("/v1/organizations", &json!({"name": "north-1", "display_name": "North"})).sound();
        let view = made.ok(201);
        let path = format!("/v1/organizations/{}", view["organization"]["id"].as_str().unwrap());
        assert_eq!(made.header("location"), Some(path.as_str()));
        assert_eq!(made.header("etag"), Some("\"1\""));
        assert_eq!(view["organization"]["retention_days"], 30);
        assert_eq!(platform.get(&path).sound().ok(200), view["organization"]);
        let changed = platform.patch(&path, &json!({"display_name": "The North"})).sound().ok(200);
        assert_eq!((&changed["display_name"], &changed["name"], &changed["version"]), (&json!("The North"), &json!("north-1"), &json!(2)));
        platform.patch(&path, &json!({"name": "other"})).sound().problem(422, "invalid_input");
        platform.post("/v1/organizations", &json!({"name": "north-1"})).sound().problem(409, "name_taken");
        let second = platform.post("/v1/organizations", &json!({"name": "south"})).sound().ok(201);
        assert_eq!(second["organization"]["display_name"], "south");
        let names: Vec<Value> = platform.get("/v1/organizations").sound().ok(200)["data"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
        assert_eq!(names, ["default", "north-1", "south"]);
        platform.get(&format!("/v1/organizations/{}", unknown_id())).sound().problem(404, "not_found");

        let admin = Client::new(app.address(), view["admin_key"]["key"].as_str().unwrap());
        let whoami = admin.get("/v1/whoami").ok(200);
        assert_eq!(whoami["organization"]["name"], "north-1");
        let held: BTreeSet<&str> = whoami["scopes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let all = reprieve::domain::scopes::Scope::ALL.iter().map(|scope| scope.as_str());
        assert_eq!(held, all.filter(|scope| *scope != "platform:admin").collect());
        admin.get(&path).sound().problem(403, "missing_scope");
        admin.post("/v1/connections", &postgres_connection("x")).sound().ok(201);
    }
}
