//! Integrations, and many at once.

use serde_json::Value;

use super::source::{Answer, REVOKED, Source};
use super::{ended, make, oauth, secrets_of};
use crate::support::*;
use crate::transfer::{file, import, integration as line, lines, with};

const REFUSED: Answer = (400, "", r#"{"error": "invalid_request"}"#);

/// An integration whose client revokes at this source.
fn integration(source: &Source, changes: &Value) -> Value {
    let mut new = json!({
        "key": "crm", "connector": "oauth2",
        "settings": {"revocation_url": source.url("/revoke"), "client_id": "the-client"},
        "secrets": {"client_secret": "the-secret"},
    });
    for (key, value) in changes.as_object().unwrap() {
        new[key] = value.clone();
    }
    new
}

/// A connection of it with an access token alone.
fn member(name: &str, settings: &Value) -> Value {
    json!({
        "name": name, "connector": "oauth2", "integration": "crm", "settings": settings,
        "secrets": {"access_token": format!("access {name}")},
    })
}

fn create(app: &TestApp, integration: &Value) -> Value {
    app.admin.post("/v1/integrations", integration).ok(201)
}

on_both! {
    fn an_integration_goes_with_the_tokens_of_all_its_connections(app: &TestApp) {
        let (source, deaf) = (Source::answering(&[REVOKED]), Source::answering(&[REFUSED]));
        create(app, &integration(&source, &json!({"secrets": {}})));
        let at = |source: &Source| json!({"revocation_url": source.url("/revoke")});
        let ids = [
            make(app, &member("one", &at(&source))),
            make(app, &member("two", &at(&source))),
            make(app, &member("refused", &at(&deaf))),
            make(app, &member("nowhere", &json!({}))),
        ];
        // It has no tokens, so there is nothing to say of it.
        make(app, &json!({"name": "empty", "connector": "oauth2", "integration": "crm"}));
        // Under the same key, but of no integration.
        let entry = app.admin.delete("/v1/integrations/crm").ok(200)["id"].as_str().unwrap().to_owned();
        let (state, sentence) = ended(app, &entry);
        assert_eq!(state, "failed");
        let expected = "Of 4 credentials the source has revoked 2. Still valid there, rotate them there: \
                        1 (the settings do not say where to revoke it), 1 (the source said no).";
        assert_eq!(sentence, expected);
        let mut tokens: Vec<String> = source.asked().iter().map(|asked| asked.field("token").unwrap()).collect();
        tokens.sort_unstable();
        assert_eq!(tokens, ["access one", "access two"]);
        // Which ones, the items say.
        let items = app.admin.get(&format!("/v1/trash/{entry}/items?kind=connection")).ok(200);
        for (id, state) in ids.iter().zip(["done", "done", "failed", "not_offered"]) {
            let item = items["data"].as_array().unwrap().iter().find(|item| item["id"] == *id).unwrap();
            assert_eq!(item["revocation"], state, "{item}");
            assert!(item["revocation_detail"].is_string());
        }
        assert!(items["data"].as_array().unwrap().iter().any(|item| item["name"] == "empty" && item["revocation"].is_null()));
    }

    fn an_integration_can_opt_out(app: &TestApp) {
        let source = Source::answering(&[REVOKED]);
        let settings = json!({"revocation_url": source.url("/revoke")});
        let made = create(app, &integration(&source, &json!({"revoke_on_delete": false, "secrets": {}})));
        assert_eq!(made["revoke_on_delete"], false);
        let one = make(app, &member("one", &settings));
        make(app, &member("two", &settings));
        let entry = app.delete_connection(&one);
        let told = secrets_of(app, &entry);
        assert_eq!(told["revocation"], "not_offered");
        let sentence = "The credential is still valid at the source: its integration has revoke_on_delete off. Rotate it there.";
        assert_eq!(told["revocation_detail"], sentence);
        let entry = app.admin.delete("/v1/integrations/crm").ok(200);
        assert_eq!(entry["secrets"]["revocation"], "not_offered");
        source.was_never_asked(app);
        // It comes back as it was, and can be switched on again.
        app.admin.post(&format!("/v1/trash/{}/restore", entry["id"].as_str().unwrap()), &json!({})).ok(200);
        assert_eq!(app.admin.get("/v1/integrations/crm").ok(200)["revoke_on_delete"], false);
        let patched = app.admin.patch("/v1/integrations/crm", &json!({"revoke_on_delete": true})).ok(200);
        assert_eq!(patched["revoke_on_delete"], true);
        let changed = app.sql().rows("audit_events WHERE action = 'integration.updated'");
        assert!(changed[0]["detail"].as_str().unwrap().contains("revoke_on_delete"), "{changed:?}");
        app.admin.patch("/v1/integrations/crm", &json!({"revoke_on_delete": null})).problem(422, "invalid_input");
        let entry = app.delete_connection(&make(app, &member("three", &settings)));
        assert_eq!(ended(app, &entry).0, "done");
    }

    fn the_client_of_an_integration_signs_where_the_integration_says_so(app: &TestApp) {
        let (source, other) = (Source::answering(&[REVOKED]), Source::answering(&[REVOKED]));
        create(app, &integration(&source, &json!({})));
        let entry = app.delete_connection(&make(app, &member("one", &json!({"revocation_url": source.url("/revoke")}))));
        assert_eq!(ended(app, &entry).0, "done");
        assert_eq!(source.asked()[0].header("authorization"), Some("Basic dGhlLWNsaWVudDp0aGUtc2VjcmV0"));
        // The secret was entered for that address. Another one gets the connection's own token, and nothing of it.
        let entry = app.delete_connection(&make(app, &member("two", &json!({"revocation_url": other.url("/revoke")}))));
        assert_eq!(ended(app, &entry).0, "done");
        let asked = &other.asked()[0];
        assert_eq!((asked.header("authorization"), asked.field("client_id")), (None, None));
        // Nor does a token go where its own connection does not say.
        let entry = app.delete_connection(&make(app, &member("three", &json!({}))));
        assert_eq!(secrets_of(app, &entry)["revocation"], "not_offered");
        assert_eq!(source.asked().len(), 1);
    }

    fn a_token_of_the_integration_itself_is_revoked_with_it(app: &TestApp) {
        let source = Source::answering(&[REVOKED]);
        create(app, &integration(&source, &json!({"secrets": {"access_token": "of all"}})));
        let entry = app.admin.delete("/v1/integrations/crm").ok(200)["id"].as_str().unwrap().to_owned();
        assert_eq!(ended(app, &entry).0, "done");
        assert_eq!(source.asked()[0].field("token").unwrap(), "of all");
        assert_eq!(app.sql().count("audit_events WHERE announced AND action = 'integration.revoked'"), 1);
    }

    fn many_at_once_are_each_revoked(app: &TestApp) {
        let source = Source::answering(&[REVOKED]);
        let mut ids: Vec<String> = ["one", "two", "three"].map(|name| make(app, &oauth(name, &source))).into();
        let protected = make(app, &oauth("protected", &source));
        app.admin.patch(&format!("/v1/connections/{protected}"), &json!({"deletion_protection": true})).ok(200);
        ids.push(protected);
        let request = json!({"ids": ids});
        let client = app.admin.with("idempotency-key", "many");
        let deleted = client.post("/v1/connections/delete", &request).ok(200);
        assert_eq!((&deleted["deleted"], &deleted["failed"]), (&json!(3), &json!(1)));
        for outcome in &deleted["data"].as_array().unwrap()[..3] {
            assert_eq!(ended(app, outcome["entry_id"].as_str().unwrap()).0, "done");
        }
        client.post("/v1/connections/delete", &request).ok(200);
        assert_eq!(source.asked().len(), 6);
        assert!(source.asked().iter().all(|asked| !asked.body.contains("protected")));
    }

    fn an_export_of_before_the_opt_out_was_there_comes_in_without_it(app: &TestApp) {
        let text = file(&lines(&[line(9, "older"), with(line(10, "newer"), "revoke_on_delete", false)]));
        import(&app.admin, &text);
        for (key, revokes) in [("older", true), ("newer", false)] {
            assert_eq!(app.admin.get(&format!("/v1/integrations/{key}")).ok(200)["revoke_on_delete"], revokes);
        }
    }

    fn an_address_is_a_destination(app: &TestApp) {
        let (source, thief) = (Source::answering(&[REVOKED]), Source::answering(&[REVOKED]));
        let mut connection = oauth("mail", &source);
        connection["settings"].as_object_mut().unwrap().remove("revocation_url");
        let path = format!("/v1/connections/{}", make(app, &connection));
        let theft = json!({"settings": {"revocation_url": thief.url("/revoke")}});
        app.admin.patch(&path, &theft).problem(422, "secrets_required");
        app.admin.delete(&path).ok(200);
        thief.was_never_asked(app);
    }
}
