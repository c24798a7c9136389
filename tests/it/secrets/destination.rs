//! Promise 13: a stored secret leaves only to the destination it was entered for.

use super::database::{count, dump, hex, record_of};
use serde_json::Value;

use crate::support::*;

const UPSERT: &str = "/v1/integrations/postgres/connections/ext-db";

/// A connection with a required and an optional secret; the path of it.
fn create(app: &TestApp) -> String {
    let mut body = postgres_connection("db");
    body["secrets"] = json!({"password": "old password", "extra": "old extra"});
    format!(
        "/v1/connections/{}",
        app.admin.post("/v1/connections", &body).ok(201)["id"]
            .as_str()
            .unwrap()
    )
}

/// The same change by a patch and by an upsert.
fn change(app: &TestApp, by_upsert: bool, path: &str, settings: &Value, secrets: &Value) -> Reply {
    if !by_upsert {
        return app
            .admin
            .patch(path, &json!({"settings": settings, "secrets": secrets}));
    }
    let mut whole = app.admin.get(path).ok(200)["settings"].clone();
    for (name, value) in settings.as_object().unwrap() {
        whole[name] = value.clone();
    }
    app.admin.put(
        UPSERT,
        &json!({"connector": "postgres", "settings": whole, "secrets": secrets}),
    )
}

on_both! {
    fn a_new_destination_without_the_secrets_is_refused_and_changes_nothing(app: &TestApp) {
        let path = create(app);
        let before = app.admin.get(&path).ok(200);
        for settings in [
            json!({"host": "evil.example"}), json!({"port": 5433}), json!({"tls": "disable"}),
            json!({"ca_certificate": "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"}),
        ] {
            for by_upsert in [false, true] {
                for secrets in [json!({}), json!({"extra": "new extra"}), json!({"password": null})] {
                    let problem = change(app, by_upsert, &path, &settings, &secrets).problem(422, "secrets_required");
                    assert_eq!(problem["missing"], json!(["password"]), "{settings} {secrets}");
                }
            }
        }
        assert_eq!(app.admin.get(&path).ok(200), before);
        let kept = app.admin.get(&format!("{path}/secrets")).ok(200);
        assert_eq!(kept["secrets"], json!({"password": "old password", "extra": "old extra"}));
    }

    fn with_the_required_ones_in_the_same_call_it_works_and_the_others_are_shredded(app: &TestApp) {
        let path = create(app);
        let id = path.rsplit('/').next().unwrap();
        for (round, by_upsert) in [false, true].into_iter().enumerate() {
            app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"extra": "for the old place"}})).ok(200);
            let (password, extra) = (record_of(app, id, "password"), record_of(app, id, "extra"));
            let jobs = count(app, "erasure_jobs");
            let entered = json!({"password": format!("new {round}")});
            let host = format!("new{round}.example.com");
            let changed = change(app, by_upsert, &path, &json!({ "host": host }), &entered).ok(200);
            assert_eq!(changed["settings"]["host"], host);
            assert_eq!(changed["status"], "untested");
            assert!(changed["secrets"].get("extra").is_none(), "{changed}");
            assert_eq!(app.admin.get(&format!("{path}/secrets")).ok(200)["secrets"], entered);
            assert!(count(app, "erasure_jobs") > jobs, "what was shredded has to be erased");
            let slots = &dump(app)["secret_slots"];
            assert!(!slots.contains(&hex(&password)) && !slots.contains(&hex(&extra)), "an old record is still there");
        }
        let all = json!({"password": "again", "extra": "again too"});
        change(app, false, &path, &json!({"port": 6432}), &all).ok(200);
        assert_eq!(app.admin.get(&format!("{path}/secrets")).ok(200)["secrets"], all);
    }

    fn other_settings_and_written_out_defaults_need_no_secret(app: &TestApp) {
        let path = create(app);
        for by_upsert in [false, true] {
            for settings in [
                json!({"schema": format!("other {by_upsert}")}), json!({"username": format!("app {by_upsert}")}),
                json!({"port": 5432}), json!({"tls": "verify"}), json!({"host": "db.example.com"}),
            ] {
                change(app, by_upsert, &path, &settings, &json!({})).ok(200);
            }
        }
        app.admin.patch(&path, &json!({"name": "renamed", "tags": {"a": "b"}, "metadata": {"c": 1}})).ok(200);
        let kept = app.admin.get(&format!("{path}/secrets")).ok(200);
        assert_eq!(kept["secrets"], json!({"password": "old password", "extra": "old extra"}));
    }

    fn without_a_stored_secret_the_destination_is_free(app: &TestApp) {
        let path = create(app);
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": null, "extra": null}})).ok(200);
        for by_upsert in [false, true] {
            let changed = change(app, by_upsert, &path, &json!({"host": "free.example", "port": 7000}), &json!({})).ok(200);
            assert_eq!(changed["status"], "needs_credentials");
        }
        let entry = app.delete_connection(path.rsplit('/').next().unwrap());
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        change(app, false, &path, &json!({"host": "elsewhere.example"}), &json!({})).ok(200);
    }

    fn a_url_and_an_account_are_destinations_too(app: &TestApp) {
        for (connector, settings, secrets, new, missing) in [
            ("http-bearer", json!({"base_url": "https://api.example.com"}), json!({"token": "t"}), json!({"base_url": "https://evil.example"}), json!(["token"])),
            ("github", json!({}), json!({"token": "t"}), json!({"base_url": "https://evil.example"}), json!(["token"])),
            ("snowflake", json!({"account": "a", "username": "u"}), json!({"private_key": "k"}), json!({"account": "b"}), json!(["password"])),
        ] {
            let body = json!({"name": connector, "connector": connector, "settings": settings, "secrets": secrets});
            let id = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
            let path = format!("/v1/connections/{id}");
            let problem = app.admin.patch(&path, &json!({ "settings": new })).problem(422, "secrets_required");
            assert_eq!(problem["missing"], missing);
            app.admin.patch(&path, &json!({"settings": new, "secrets": secrets})).ok(200);
        }
    }
}
