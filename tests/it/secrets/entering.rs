//! Entering secrets: any subset of what the connector declares, what it refuses, and what is known of them later.

use super::database::{count, dump, hex, record_of};
use serde_json::Value;

use crate::support::*;

fn create(app: &TestApp, connector: &str, settings: Value, secrets: Value) -> Value {
    let body = json!({"name": "entering", "connector": connector, "settings": settings, "secrets": secrets});
    app.admin.post("/v1/connections", &body).ok(201)
}

/// A `postgres` connection with these secrets; its path.
fn postgres(app: &TestApp, secrets: Value) -> String {
    let settings = postgres_connection("x")["settings"].clone();
    format!(
        "/v1/connections/{}",
        create(app, "postgres", settings, secrets)["id"]
            .as_str()
            .unwrap()
    )
}

on_both! {
    fn any_subset_can_be_entered_and_the_status_follows(app: &TestApp) {
        let path = postgres(app, json!({}));
        let secrets = format!("{path}/secrets");
        let status = |body: Value| app.admin.put(&secrets, &json!({ "secrets": body })).ok(200)["status"].clone();
        assert_eq!(app.admin.get(&path).ok(200)["status"], "needs_credentials");
        assert_eq!(status(json!({"extra": "e"})), "needs_credentials");
        assert_eq!(app.admin.get(&secrets).problem(409, "needs_credentials")["missing"], json!(["password"]));
        assert_eq!(status(json!({"password": "p"})), "untested");
        assert_eq!(app.admin.get(&secrets).ok(200)["secrets"], json!({"extra": "e", "password": "p"}));
        assert_eq!(status(json!({})), "untested");
        assert_eq!(status(json!({"extra": "f"})), "untested");
        assert_eq!(app.admin.get(&secrets).ok(200)["secrets"], json!({"extra": "f", "password": "p"}));
        assert_eq!(status(json!({"password": null})), "needs_credentials");
        assert_eq!(app.admin.get(&secrets).problem(409, "needs_credentials")["missing"], json!(["password"]));
    }

    fn null_and_a_new_value_shred_what_was_there(app: &TestApp) {
        let path = postgres(app, json!({"password": "first", "extra": "first"}));
        let id = path.rsplit('/').next().unwrap();
        let old = [record_of(app, id, "password"), record_of(app, id, "extra")];
        let jobs = count(app, "erasure_jobs");
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "second", "extra": null}})).ok(200);
        let slots = &dump(app)["secret_slots"];
        assert!(old.iter().all(|record| !slots.contains(&hex(record))), "an old record is still there");
        assert!(slots.contains(&hex(&record_of(app, id, "password"))));
        assert!(count(app, "erasure_jobs") > jobs);
        assert!(app.admin.get(&path).ok(200)["secrets"].get("extra").is_none());
    }

    fn what_is_no_secret_of_the_connector_is_refused_at_its_place(app: &TestApp) {
        let path = postgres(app, json!({"password": "kept"}));
        let secrets = format!("{path}/secrets");
        let before = app.admin.get(&path).ok(200);
        for (body, pointer, code) in [
            (json!({"secrets": {"token": "x"}}), "/secrets/token", "unknown_secret"),
            (json!({"secrets": {"host": "x"}}), "/secrets/host", "unknown_secret"),
            (json!({"secrets": {"password": ""}}), "/secrets/password", "invalid_value"),
            (json!({"secrets": {"password": "x".repeat(16_001)}}), "/secrets/password", "invalid_value"),
            (json!({"secrets": {"password": "\u{fc}".repeat(8_001)}}), "/secrets/password", "invalid_value"),
            (json!({"secrets": {"password": "a\0b"}}), "/secrets/password", "nul_character"),
            (json!({"secrets": {"password": 4711}}), "/secrets/password", "wrong_type"),
            (json!({"secrets": {"password": ["x"]}}), "/secrets/password", "wrong_type"),
            (json!({"secrets": "x"}), "/secrets", "wrong_type"),
            (json!({}), "/secrets", "required"),
            (json!({"secrets": {}, "password": "x"}), "/password", "unknown_field"),
            (json!({"secrets": {}, "source_hints": {"token": "x"}}), "/source_hints/token", "unknown_secret"),
            (json!({"secrets": {}, "source_hints": {"extra": "x"}}), "/source_hints/extra", "secret_not_set"),
        ] {
            let reply = app.admin.put(&secrets, &body);
            reply.problem(422, "invalid_input");
            let errors = reply.field_errors();
            assert_eq!(errors.len(), 1, "{reply:#?}");
            assert_eq!(errors[0].0, pointer, "{reply:#?}");
            assert_eq!(errors[0].1, code, "{reply:#?}");
            assert!(!reply.text.contains("4711"), "{reply:#?}");
        }
        assert_eq!(app.admin.get(&path).ok(200), before);
        assert_eq!(app.admin.get(&secrets).ok(200)["secrets"], json!({"password": "kept"}));
        for value in ["x".repeat(16_000), " ".to_owned(), "-----BEGIN\r\nKEY\n\u{1f511}".to_owned()] {
            app.admin.put(&secrets, &json!({"secrets": {"password": value}})).ok(200);
            assert_eq!(app.admin.get(&secrets).ok(200)["secrets"]["password"], value);
        }
    }

    fn one_secret_of_a_group_is_enough(app: &TestApp) {
        let settings = json!({"account": "a", "username": "u"});
        let id = create(app, "snowflake", settings, json!({"private_key_passphrase": "p"}))["id"].clone();
        let path = format!("/v1/connections/{}", id.as_str().unwrap());
        let secrets = format!("{path}/secrets");
        let status = |body: Value| app.admin.put(&secrets, &json!({ "secrets": body })).ok(200)["status"].clone();
        assert_eq!(app.admin.get(&path).ok(200)["status"], "needs_credentials");
        assert_eq!(app.admin.get(&secrets).problem(409, "needs_credentials")["missing"], json!(["password"]));
        assert_eq!(status(json!({"private_key": "k"})), "untested");
        assert_eq!(status(json!({"password": "p"})), "untested");
        assert_eq!(status(json!({"private_key": null})), "untested");
        assert_eq!(status(json!({"password": null})), "needs_credentials");
    }

    fn edge_case_15_empty_required_secrets_do_not_block_the_restore_and_the_trash_keeps_their_shape(app: &TestApp) {
        let path = postgres(app, json!({}));
        let ann = app.admin.with("reprieve-actor", "id=ann; name=Ann");
        let entered = json!({
            "secrets": {"password": "shape of water", "extra": "options"},
            "source_hints": {"password": "vault:kv/db#password"},
        });
        let live = ann.put(&format!("{path}/secrets"), &entered).ok(200)["secrets"].clone();
        assert_eq!(live["password"]["set"], true);
        assert_eq!(live["password"]["required"], true);
        assert_eq!(live["password"]["last_set_by"], "ann");
        assert_eq!(live["password"]["source_hint"], "vault:kv/db#password");
        assert_eq!((&live["extra"]["set"], &live["extra"]["required"]), (&json!(true), &json!(false)));
        assert_eq!(live["extra"]["source_hint"], json!(null));

        // A later value keeps the hint; another person enters it.
        let later = app.admin.with("reprieve-actor", "id=bob").put(&format!("{path}/secrets"), &json!({"secrets": {"password": "other"}})).ok(200);
        assert_eq!(later["secrets"]["password"]["last_set_by"], "bob");
        assert_eq!(later["secrets"]["password"]["source_hint"], "vault:kv/db#password");

        let entry = app.delete_connection(path.rsplit('/').next().unwrap());
        let shown = app.admin.get(&format!("/v1/trash/{entry}")).ok(200);
        assert_eq!(shown["secrets"]["shape"], later["secrets"], "the shape is what was known of them");
        assert_eq!(shown["secrets"]["shredded"], 2);
        let facts = ["label", "last_set_at", "last_set_by", "required", "set", "source_hint"];
        for field in shown["secrets"]["shape"].as_object().unwrap().values() {
            assert_eq!(field.as_object().unwrap().keys().collect::<Vec<_>>(), facts, "nothing else is kept");
        }
        let hash = hex(&<sha2::Sha256 as sha2::Digest>::digest("other"));
        for (table, content) in dump(app) {
            assert!(!content.contains(&hash), "{table} holds a hash of the value");
        }

        assert_eq!(shown["restorable"], true);
        let restored = app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        assert_eq!(restored["needs_credentials"], json!(["password"]));
        assert_eq!(restored["connection"]["status"], "needs_credentials");
        assert_eq!(restored["connection"]["secrets"]["password"]["set"], false);
        assert!(restored["connection"]["secrets"].get("extra").is_none());
        app.admin.get(&format!("{path}/secrets")).problem(409, "needs_credentials");
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "again"}})).ok(200);
        assert_eq!(app.admin.get(&format!("{path}/secrets")).ok(200)["secrets"], json!({"password": "again"}));
        assert_eq!(app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["secrets"]["shape"], later["secrets"]);
    }

    fn a_value_that_is_entered_again_after_a_restore_keeps_the_hint_that_it_had(app: &TestApp) {
        let restored = || {
            let path = postgres(app, json!({"password": "p"}));
            app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {}, "source_hints": {"password": "kv/db"}})).ok(200);
            let entry = app.delete_connection(path.rsplit('/').next().unwrap());
            let body = json!({"name": path});
            app.admin.post(&format!("/v1/trash/{entry}/restore"), &body).ok(200);
            path
        };
        let hint = |path: &str| app.admin.get(path).ok(200)["secrets"]["password"]["source_hint"].clone();
        let path = restored();
        assert_eq!(hint(&path), json!(null), "what is not there has none");
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "q"}})).ok(200);
        assert_eq!(hint(&path), "kv/db");
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "r"}, "source_hints": {"password": null}})).ok(200);
        assert_eq!(hint(&path), json!(null));
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "s"}})).ok(200);
        assert_eq!(hint(&path), json!(null), "what was removed does not come back");

        let patched = restored();
        app.admin.patch(&patched, &json!({"secrets": {"password": "q"}})).ok(200);
        assert_eq!(hint(&patched), "kv/db");
        let other = restored();
        app.admin.put(&format!("{other}/secrets"), &json!({"secrets": {"password": "q"}, "source_hints": {"password": "elsewhere"}})).ok(200);
        assert_eq!(hint(&other), "elsewhere");
    }
}
