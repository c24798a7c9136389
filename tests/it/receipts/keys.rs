//! The keys that sign: made when they are needed, wrapped anew, lost, replaced, and never forgotten.

use std::fs;
use std::thread;
use std::time::Duration;

use reprieve::app;
use reprieve::service::caller::Caller;
use reprieve::service::rotation::{self, By};

use super::*;

const BY: By = Caller::command_line;

/// A service whose keykeeper takes up other keys soon and begins nothing by itself.
fn looking(backend: Backend) -> TestApp {
    TestApp::start_with(backend, |config| {
        config.key_times.look = Duration::from_millis(50);
    })
}

fn rotate(app: &TestApp) {
    let services = app::open_services(&app.config).unwrap();
    rotation::begin(&services).unwrap();
    TestApp::wait_for("the rotation", || {
        let _ = rotation::go_on(&services, BY);
        let epochs = rotation::status(&services, Duration::ZERO).unwrap().epochs;
        epochs
            .iter()
            .all(|epoch| matches!(epoch.state, "primary" | "retired" | "destroyed"))
    });
}

fn count(app: &TestApp, table: &str) -> i64 {
    app.sql().count(table)
}

on_both! {
    fn the_first_key_is_made_when_it_is_needed_and_kept_as_a_secret(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("prod"));
        assert_eq!((count(app, "receipt_keys"), count(app, "secrets")), (0, 0));
        let first = receipt(&app.admin, &entry);
        assert_eq!(count(app, "secrets WHERE owner_kind = 'signer'"), 1);
        let again = receipt(&app.admin, &entry);
        assert_eq!(first["key_id"], again["key_id"]);
        assert_eq!(keys(&app.admin)["data"][0]["id"], first["key_id"]);
        assert_eq!(count(app, "receipt_keys"), 1);
        assert_eq!(count(app, "audit_events WHERE action = 'receipt_key.created'"), 1);
    }

    fn an_auditor_can_have_the_key_before_anything_is_deleted(app: &TestApp) {
        let before = keys(&app.client(&["connections:read"]));
        let entry = app.delete_connection(&app.sample_connection("prod"));
        assert!(fits(&receipt(&app.admin, &entry), &before));
    }

    fn an_unknown_deletion_makes_no_key(app: &TestApp) {
        app.admin.get(&format!("/v1/receipts/{}", Uuid::now_v7())).problem(404, "not_found");
        assert_eq!(count(app, "receipt_keys"), 0);
    }

    fn however_many_ask_at_once_there_is_one_key(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("prod"));
        let ids: Vec<Value> = thread::scope(|scope| {
            let asked: Vec<_> = (0..8)
                .map(|number| {
                    let (client, entry) = (&app.admin, &entry);
                    scope.spawn(move || {
                        if number % 2 == 0 {
                            receipt(client, entry)["key_id"].clone()
                        } else {
                            keys(client)["data"][0]["id"].clone()
                        }
                    })
                })
                .collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(ids[0].is_string() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(count(app, "receipt_keys"), 1);
    }

    fn a_damaged_key_signs_nothing_and_nothing_false(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("prod"));
        receipt(&app.admin, &entry);
        let damage = match app.backend {
            Backend::Sqlite => "UPDATE secret_slots SET record = CAST(substr(record, 1, 200) || x'00' || substr(record, 202) AS BLOB) WHERE NOT free",
            Backend::Postgres => "UPDATE secret_slots SET record = set_byte(record, 200, get_byte(record, 200) # 1)",
        };
        app.sql().run(damage);
        let damaged = receipt(&app.admin, &entry);
        assert_eq!((&damaged["signature"], &damaged["key_id"], &damaged["unsigned"]), (&Value::Null, &Value::Null, &json!("key_unreadable")));
        assert!(matches!(checked(&damaged, &keys(&app.admin)), Err(Refusal::Unsigned(why)) if why == "key_unreadable"));
    }
}

on_each! {
    fn a_rotation_wraps_the_key_anew_and_it_signs_on(backend: Backend) {
        let app = looking(backend);
        let entry = app.delete_connection(&app.sample_connection("prod"));
        let before = receipt(&app.admin, &entry);
        rotate(&app);
        assert_eq!(count(&app, "secrets WHERE owner_kind = 'signer' AND key_epoch = 2"), 1);
        let after = receipt(&app.admin, &entry);
        assert_eq!(before["key_id"], after["key_id"]);
        let keys = keys(&app.admin);
        assert!(fits(&before, &keys) && fits(&after, &keys));
    }

    fn without_the_encryption_key_it_is_not_signed_until_that_is_back(backend: Backend) {
        let mut app = TestApp::start(backend);
        let first = app.delete_connection(&app.sample_connection("first"));
        let signed = receipt(&app.admin, &first);
        let second = app.sample_connection("second");
        app.halt();
        let (folder, away) = (app.data_dir().join("keys"), app.data_dir().join("keys-away"));
        fs::rename(&folder, &away).unwrap();
        app.restart();

        let second = app.delete_connection(&second);
        for entry in [&first, &second] {
            let locked = receipt(&app.admin, entry);
            assert_eq!((&locked["signature"], &locked["key_id"], &locked["unsigned"]), (&Value::Null, &Value::Null, &json!("locked")));
            assert_eq!(locked["receipt"]["deletion"]["id"], json!(entry));
            assert_eq!(locked["receipt"], serde_json::from_slice::<Value>(&payload(&locked)).unwrap());
            assert!(matches!(checked(&locked, &keys(&app.admin)), Err(Refusal::Unsigned(why)) if why == "locked"));
        }
        // Who is locked can still check what was signed before.
        assert!(fits(&signed, &keys(&app.admin)));
        // An organization that never had a key gets none, and says so.
        let other = app.other_organization("other");
        assert_eq!(keys(&other), json!({"data": []}));

        fs::rename(&away, &folder).unwrap();
        let mut both = Value::Null;
        TestApp::wait_for("the key", || {
            both = receipt(&app.admin, &second);
            !both["signature"].is_null()
        });
        assert_eq!(both["key_id"], signed["key_id"]);
        assert!(fits(&both, &keys(&app.admin)));
        assert_eq!(both["receipt"]["manifest"], hashes_with(&app, &second));
        assert_eq!(keys(&other)["data"].as_array().unwrap().len(), 1);
    }

    fn a_lost_key_is_replaced_and_what_it_signed_stays_good(backend: Backend) {
        let mut app = looking(backend);
        let entry = app.delete_connection(&app.sample_connection("prod"));
        let before = receipt(&app.admin, &entry);
        app.halt();
        fs::remove_file(app.data_dir().join("keys/epoch-1.key")).unwrap();
        let services = app::open_services(&app.config).unwrap();
        let given_up = rotation::give_up(&services, 1.try_into().unwrap(), BY).unwrap();
        assert_eq!((given_up.secrets, given_up.owners), (1, 1));
        assert_eq!(count(&app, "secrets"), 0);
        assert_eq!(count(&app, "audit_events WHERE action = 'receipt_key.retired'"), 1);
        app.restart();
        let after = receipt(&app.admin, &entry);
        let keys = keys(&app.admin);
        let [old, new] = &keys["data"].as_array().unwrap()[..] else { panic!("{keys}") };
        assert_eq!((&old["id"], &new["id"]), (&before["key_id"], &after["key_id"]));
        assert!(!old["retired_at"].is_null() && new["retired_at"].is_null(), "{keys}");
        assert!(fits(&before, &keys) && fits(&after, &keys));
        checked(&before, &keys).unwrap();
        checked(&after, &keys).unwrap();
        // Whoever knows the old list alone sees that it is too old.
        let old_list = json!({"data": [old]});
        assert!(matches!(checked(&after, &old_list), Err(Refusal::UnknownKey { .. })));
    }
}

fn hashes_with(app: &TestApp, entry: &str) -> Value {
    let mut hashes = manifest(&app.admin, entry).0;
    hashes["algorithm"] = said(&app.admin, entry)["manifest"]["algorithm"].clone();
    hashes
}
