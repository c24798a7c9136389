//! The signing secret: shown once, sealed like every secret, rotated with an overlap, shredded with its endpoint.

use std::time::Duration;

use reprieve::service::caller::Caller;
use reprieve::service::rotation;

use super::*;
use crate::secrets::{dump, key_folder};

/// What is known of their secrets, beside those of connections.
const WEBHOOK_SECRETS: &str = "secrets WHERE owner_kind = 'webhook'";

fn count(app: &TestApp, source: &str) -> i64 {
    app.sql().count(source)
}

on_both! {
    fn the_signing_secret_is_shown_once_and_stands_nowhere(app: &TestApp) {
        let log = log::record();
        let receiver = Receiver::start(&[TAKEN]);
        let body = json!({"url": receiver.url(), "types": ["connection.*"]});
        let client = app.admin.with("idempotency-key", "make-it");
        let made = client.post("/v1/webhooks", &body).ok(201);
        let secret = made["signing_secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
        client.post("/v1/webhooks", &body).problem(409, "secret_already_shown");
        let id = made["id"].as_str().unwrap();
        for path in ["/v1/webhooks".to_owned(), format!("/v1/webhooks/{id}"), "/v1/events".to_owned(), "/v1/audit".to_owned()] {
            assert!(!app.admin.get(&path).text.contains(&secret), "{path}");
        }
        let plain = secret.trim_start_matches("whsec_");
        for (table, content) in dump(app) {
            assert!(!content.contains(plain), "{table}");
        }
        assert!(!log.text().contains(plain));
        assert_eq!(app.sql().lines("SELECT owner_kind || ' ' || field AS line FROM secrets"), ["webhook signing_secret"]);
    }

    fn after_a_rotation_both_secrets_sign_for_a_day(app: &TestApp) {
        let receiver = Receiver::start(&[TAKEN]);
        let rotated = endpoint(&app.admin, &receiver, &["connection.*"]);
        let rotate = || app.admin.post(&format!("{}/rotate-secret", rotated.path()), &json!({})).ok(200);
        let first = rotate();
        let newer = first["signing_secret"].as_str().unwrap().to_owned();
        assert!(first["previous_secret_until"].is_string());
        connect(&app.admin, "one");
        let got = receiver.waits_for(1).remove(0);
        assert_eq!((got.signatures_by(&rotated.secret), got.signatures_by(&newer), got.signatures()), (1, 1, 2));

        // A second one within the day: of three secrets the last two sign.
        let newest = rotate()["signing_secret"].as_str().unwrap().to_owned();
        connect(&app.admin, "two");
        let got = receiver.waits_for(2).remove(1);
        assert_eq!((got.signatures_by(&rotated.secret), got.signatures_by(&newer), got.signatures_by(&newest)), (0, 1, 1));

        // The day is over: the earlier one signs no longer and is shredded.
        app.sql().run("UPDATE webhook_endpoints SET previous_until = '2020-01-01T00:00:00.000000Z'");
        connect(&app.admin, "three");
        let got = receiver.waits_for(3).remove(2);
        assert_eq!((got.signatures_by(&newer), got.signatures_by(&newest), got.signatures()), (0, 1, 1));
        TestApp::wait_for("the end of the earlier one", || count(app, WEBHOOK_SECRETS) == 1);
        assert!(rotated.view(app)["previous_secret_until"].is_null());
        assert_eq!(count(app, "shreds"), 4);
    }

    fn another_address_gets_another_secret_and_the_old_one_signs_nothing_there(app: &TestApp) {
        let (old, new) = (Receiver::start(&[TAKEN]), Receiver::start(&[TAKEN]));
        let moved = endpoint(&app.admin, &old, &["connection.*"]);
        app.admin.post(&format!("{}/rotate-secret", moved.path()), &json!({})).ok(200);
        let same = app.admin.patch(&moved.path(), &json!({"url": old.url(), "description": "the same"})).ok(200);
        assert!(same.get("signing_secret").is_none(), "{same}");
        let patched = app.admin.patch(&moved.path(), &json!({"url": new.url()})).ok(200);
        let secret = patched["signing_secret"].as_str().unwrap();
        connect(&app.admin, "one");
        let got = new.waits_for(1).remove(0);
        assert_eq!((got.signatures_by(secret), got.signatures_by(&moved.secret), got.signatures()), (1, 0, 1));
        assert!(old.got().is_empty());
        assert_eq!(count(app, WEBHOOK_SECRETS), 1);
    }

    fn a_deleted_endpoint_leaves_no_secret_and_nothing_on_its_way(app: &TestApp) {
        let receiver = Receiver::start(&[status(500)]);
        let gone = endpoint(&app.admin, &receiver, &["connection.*"]);
        app.admin.post(&format!("{}/rotate-secret", gone.path()), &json!({})).ok(200);
        connect(&app.admin, "one");
        gone.waits_for_attempts(app, 1);
        app.admin.delete(&gone.path()).ok(200);
        for table in ["secrets WHERE owner_kind = 'webhook'", "webhook_deliveries", "webhook_endpoints"] {
            assert_eq!(count(app, table), 0, "{table}");
        }
        app.admin.get(&gone.path()).problem(404, "not_found");
        TestApp::wait_for("the erasure", || count(app, "erasure_jobs WHERE finished_at IS NULL") == 0);
        wait_until_sealed(app);
        let deleted = app.admin.get("/v1/events?type=webhook.deleted").ok(200);
        assert_eq!(deleted["data"][0]["subject"]["id"], gone.id.as_str());
    }
}

on_each! {
    fn a_rotation_of_the_keys_wraps_it_anew_and_it_signs_as_before(backend: Backend) {
        let app = TestApp::start_with(backend, |config| config.key_times.look = Duration::from_millis(50));
        let receiver = Receiver::start(&[TAKEN]);
        let wrapped = endpoint(&app.admin, &receiver, &["connection.*"]);
        let services = reprieve::app::open_services(&app.config).unwrap();
        rotation::begin(&services).unwrap();
        TestApp::wait_for("the end of the rotation", || {
            rotation::go_on(&services, Caller::command_line).unwrap();
            count(&app, "key_epochs WHERE retired_at IS NOT NULL") == 1
        });
        assert_eq!(count(&app, "secrets WHERE key_epoch = 2 AND owner_kind = 'webhook'"), 1);
        connect(&app.admin, "one");
        assert_eq!(receiver.waits_for(1)[0].signatures_by(&wrapped.secret), 1);
    }

    fn without_the_key_deliveries_wait_and_go_out_when_it_is_back(backend: Backend) {
        let mut app = TestApp::start(backend);
        let receiver = Receiver::start(&[TAKEN]);
        let waiting = endpoint(&app.admin, &receiver, &["connection.created", "connection.trashed"]);
        let id = connect(&app.admin, "one");
        waiting.waits_until_all_are(&app, "delivered");
        app.halt();
        let away = app.data_dir().join("keys-away");
        std::fs::rename(key_folder(&app), &away).unwrap();
        app.restart();
        app.delete_connection(&id);
        TestApp::wait_for("the delivery", || waiting.deliveries(&app.admin).len() == 2);
        let delivery = waiting.deliveries(&app.admin)[0].clone();
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("pending"), &json!(0)));
        app.admin.post(&format!("{}/test", waiting.path()), &json!({})).problem(503, "locked");
        app.admin.post("/v1/webhooks", &json!({"url": receiver.url()})).problem(503, "locked");
        app.admin.post(&format!("{}/rotate-secret", waiting.path()), &json!({})).problem(503, "locked");
        assert_eq!((receiver.got().len(), &waiting.view(&app)["state"]), (1, &json!("enabled")));
        std::fs::rename(&away, key_folder(&app)).unwrap();
        assert_eq!(app.stranger().get("/readyz").status, 200);
        waiting.waits_until_all_are(&app, "delivered");
        let got = receiver.got();
        assert_eq!((got.len(), got[1].signatures_by(&waiting.secret)), (2, 1));
    }

    fn an_endpoint_whose_secret_is_lost_is_disabled_until_it_has_another(backend: Backend) {
        let app = TestApp::start(backend);
        let receiver = Receiver::start(&[TAKEN]);
        let lost = endpoint(&app.admin, &receiver, &["connection.*"]);
        // As a record that was damaged: it does not open.
        let other = match backend {
            Backend::Sqlite => "zeroblob(length(record))",
            Backend::Postgres => "decode(repeat('00', length(record)), 'hex')",
        };
        app.sql().run(&format!("UPDATE secret_slots SET record = {other} WHERE NOT free"));
        connect(&app.admin, "one");
        TestApp::wait_for("its end", || lost.view(&app)["state"] == "disabled");
        assert_eq!(lost.view(&app)["disabled_reason"], "secret_lost");
        assert_eq!(alarms(&app).len(), 1);
        app.admin.post(&format!("{}/test", lost.path()), &json!({})).problem(409, "needs_credentials");
        let rotated = app.admin.post(&format!("{}/rotate-secret", lost.path()), &json!({})).ok(200);
        assert_eq!((&rotated["state"], &rotated["previous_secret_until"]), (&json!("disabled"), &Value::Null));
        app.admin.patch(&lost.path(), &json!({"state": "enabled"})).ok(200);
        let got = receiver.waits_for(1).remove(0);
        assert_eq!(got.signatures_by(rotated["signing_secret"].as_str().unwrap()), 1);
        assert!(alarms(&app).is_empty());
    }
}
