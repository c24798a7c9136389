//! Scope × route: what a key may do is what its scopes say, for every operation of the description.

use std::collections::BTreeSet;

use reprieve::domain::scopes::Scope;

use super::kit::*;
use super::routes::{self, Samples};
use crate::support::*;

fn is_refusal_of_the_key(reply: &Reply) -> bool {
    reply.status == 401 || reply.status == 403
}

on_both! {
    fn without_a_key_that_works_every_operation_answers_401_alike(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let (revoked, expired) = (app.client(&["*"]), app.client(&["*"]));
        let revoked_id = revoked.get("/v1/whoami").ok(200)["key_id"].clone();
        app.admin.delete(&format!("/v1/api-keys/{}", revoked_id.as_str().unwrap())).ok(200);
        let expired_id = expired.get("/v1/whoami").ok(200)["key_id"].clone();
        let past = "2020-01-01T00:00:00.000000Z";
        run_sql(app, &format!("UPDATE api_keys SET expires_at = '{past}' WHERE id = '{}'", expired_id.as_str().unwrap()));
        let whole = app.admin.key();
        let flipped = if whole.ends_with('0') { '1' } else { '0' };
        let (cut, _) = whole.split_at(whole.len() - 1);
        let wrong_secret = format!("{cut}{flipped}");
        let secret = whole.rsplit('_').next().unwrap();
        let org = whole.split('_').nth(1).unwrap();
        let unknown = format!("rpv_{org}_{}_{secret}", unknown_id().replace('-', ""));
        let elsewhere = whole.replacen(org, &unknown_id().replace('-', ""), 1);
        let clients = [
            app.stranger(),
            revoked,
            expired,
            Client::new(app.address(), "garbage"),
            Client::new(app.address(), cut),
            Client::new(app.address(), &wrong_secret),
            Client::new(app.address(), &unknown),
            Client::new(app.address(), &elsewhere),
            app.stranger().with("authorization", &format!("Basic {whole}")),
            app.stranger().with("authorization", whole),
        ];
        settle(app);
        let before = dump(app, None);
        for operation in routes::of_v1(app) {
            let refusals: BTreeSet<_> = clients
                .iter()
                .map(|client| {
                    let reply = samples.call(client, &operation);
                    reply.problem(401, "unauthenticated");
                    assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{reply:#?}");
                    reply.timeless()
                })
                .collect();
            assert_eq!(refusals.len(), 1, "{}: {refusals:#?}", operation.id);
        }
        assert_eq!(dump(app, None), before);
    }

    fn a_wrong_key_is_told_before_anything_else_that_is_wrong(app: &TestApp) {
        for client in [app.stranger(), Client::new(app.address(), &app.admin.key().replace("rpv_0", "rpv_1"))] {
            let client = client.with("idempotency-key", "not ascii: \u{e9}").with("if-match", "garbage").with("reprieve-actor", "garbage");
            client.delete("/v1/connections/nonsense?what=ever").sound().problem(401, "unauthenticated");
            client.send("POST", "/v1/connections", Some("{".to_owned())).sound().problem(401, "unauthenticated");
            client.get("/v1/trash?page_size=0").sound().problem(401, "unauthenticated");
        }
    }

    fn every_operation_of_v1_declares_its_scope_and_asks_for_exactly_that_one(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let known: BTreeSet<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        for operation in routes::of_v1(app) {
            let scope = operation.scope.as_deref().unwrap_or_else(|| panic!("{} declares no key", operation.id));
            if scope.is_empty() {
                assert!(["whoami", "list_receipt_keys"].contains(&operation.id.as_str()), "a route that any key may call: {}", operation.id);
                samples.call(&app.client(&["trash:read"]), &operation).ok(200);
                continue;
            }
            assert!(known.contains(scope), "{}: {scope}", operation.id);
            let others: Vec<&str> = known.iter().copied().filter(|other| *other != scope).collect();
            let refused = samples.call(&app.client(&others), &operation);
            let problem = refused.problem(403, "missing_scope");
            assert_eq!(problem["scope"], scope, "{refused:#?}");
            assert!(problem["detail"].as_str().unwrap().contains(scope), "{refused:#?}");

            let taken = samples.call(&app.client(&[scope]), &operation);
            assert!(!is_refusal_of_the_key(&taken), "{}: {taken:#?}", operation.id);
            if operation.id == "purge_trash_entry" {
                taken.problem(422, "confirm_mismatch");
            } else if ["acknowledge_alarm", "release_brake"].contains(&operation.id.as_str()) {
                taken.problem(404, "not_found");
            } else {
                assert!(matches!(taken.status, 200..=202), "{}: {taken:#?}", operation.id);
            }
        }
    }

    fn a_wildcard_opens_its_family_and_never_the_purge(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        for (granted, family) in [("*", ""), ("connections:*", "connections:"), ("secrets:*", "secrets:"), ("trash:*", "trash:")] {
            let client = app.client(&[granted]);
            for operation in routes::of_v1(app) {
                let scope = operation.scope.clone().unwrap();
                let may = scope.is_empty() || scope.starts_with(family) && (granted == "*" || scope != "trash:purge");
                let reply = samples.call(&client, &operation);
                assert_eq!(!is_refusal_of_the_key(&reply), may, "{granted} on {}: {reply:#?}", operation.id);
            }
        }
    }

    fn a_scope_on_top_is_asked_for_where_a_call_does_more(app: &TestApp) {
        let writer = app.client(&["connections:write", "connections:read", "connections:delete"]);
        let samples = Samples::make(&app.admin);
        let path = format!("/v1/connections/{}", samples.connection);

        let mut secret = postgres_connection("with a secret");
        let missing = |reply: Reply, scope: &str| assert_eq!(reply.sound().problem(403, "missing_scope")["scope"], scope);
        missing(writer.post("/v1/connections", &secret), "secrets:write");
        missing(writer.patch(&path, &json!({"secrets": {"password": "x"}})), "secrets:write");
        missing(writer.patch(&path, &json!({"source_hints": {"password": "kv/x"}})), "secrets:write");
        missing(writer.put("/v1/integrations/postgres/connections/ext-warehouse", &secret_only()), "secrets:write");

        for path in [path, format!("/v1/models/{}", samples.model), format!("/v1/content/{}", samples.content)] {
            writer.patch(&path, &json!({"deletion_protection": true})).ok(200);
            missing(writer.patch(&path, &json!({"deletion_protection": false})), "connections:protect");
            writer.delete(&path).sound().problem(409, "deletion_protected");
            app.client(&["connections:write", "connections:protect"]).patch(&path, &json!({"deletion_protection": false})).ok(200);
        }

        secret["name"] = "gone".into();
        secret["external_id"] = "ext-gone".into();
        secret["on_trashed"] = "restore".into();
        missing(app.client(&["connections:write", "secrets:write"]).post("/v1/connections", &secret), "trash:restore");
    }

    fn a_trashed_row_is_told_apart_from_an_unknown_one_only_to_who_may_read_the_trash(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let model = app.admin.get(&format!("/v1/connections/{id}/models")).ok(200)["data"][0]["id"].clone();
        let entry = app.delete_connection(&id);
        let reader = app.client(&["connections:read", "connections:delete", "connections:write"]);
        for (kind, id) in [("connections", id.as_str()), ("models", model.as_str().unwrap())] {
            let (path, unknown) = (format!("/v1/{kind}/{id}"), format!("/v1/{kind}/{}", unknown_id()));
            for method in ["GET", "DELETE"] {
                assert_eq!(app.admin.send(method, &path, None).sound().problem(410, "in_trash")["entry_id"], entry);
                let hidden = reader.send(method, &path, None).sound();
                hidden.problem(404, "not_found");
                assert_eq!(hidden.timeless(), reader.send(method, &unknown, None).timeless());
            }
        }
    }
}

fn secret_only() -> serde_json::Value {
    let settings = json!({"host": "db.example.com", "database": "sales", "username": "bi"});
    json!({"connector": "postgres", "settings": settings, "secrets": {"password": "x"}})
}
