//! What a receipt says, and that it goes on saying it.

use std::time::Duration;

use reprieve::jobs::eraser;
use reprieve::service::caller::Caller;
use reprieve::service::rotation;

use super::*;

const DAY: Duration = Duration::from_hours(24);

on_both! {
    fn a_receipt_says_who_deleted_what_and_why_and_never_a_value(app: &TestApp) {
        let mut body = postgres_connection("Prod DWH");
        body["secrets"] = json!({"password": "cAnArY one", "extra": "cAnArY two"});
        let connection = app.admin.post("/v1/connections", &body).ok(201);
        let ana = app.admin.with("reprieve-actor", "id=ana@example.com; name=Ana");
        let entry = ana.delete(&format!("/v1/connections/{}?reason=left%20the%20vendor", id(&connection))).ok(200);
        let reply = app.admin.get(&format!("/v1/receipts/{}", id(&entry)));
        let said = said(&app.admin, &id(&entry));
        assert!(!reply.text.contains("cAnArY") && !said.to_string().contains("cAnArY"), "{said:#}");
        assert_eq!((&said["type"], &said["version"]), (&json!("reprieve.receipt"), &json!(1)));
        assert_eq!(said["organization"], json!({"id": app.org, "name": "default"}));
        assert_eq!(said["deletion"], json!({
            "id": entry["id"], "at": entry["deleted_at"], "by": {"id": "ana@example.com", "name": "Ana"},
            "api_key_id": app.admin.get("/v1/whoami").ok(200)["key_id"], "reason": "left the vendor",
        }));
        assert_eq!(said["deleted"], json!({
            "kind": "connection", "id": connection["id"], "name": "Prod DWH", "external_id": "ext-Prod DWH",
            "connector": "postgres", "integration": "postgres",
        }));
        assert_eq!(said["counts"], json!({"integrations": 0, "connections": 1, "models": 0, "content": 0, "links": 0}));
        let secrets = &said["secrets"];
        assert_eq!((&secrets["shredded"], &secrets["fields"]), (&json!(2), &json!(["extra", "password"])));
        assert_eq!((&secrets["shredded_at"], &secrets["key_epoch"]), (&entry["secrets"]["shredded_at"], &json!(1)));
        assert_eq!(secrets["revocation"], "not_offered");
        assert!(text(&secrets["revocation_detail"]).contains("Rotate it there"));
        assert_eq!((&said["state"], &said["purge_at"], &said["closed_at"]), (&json!("in_trash"), &entry["purge_at"], &Value::Null));
        let not_covered = said["not_covered"].to_string();
        for word in ["source", "write-ahead log", "standbys", "backups", "names, bodies, metadata and reasons"] {
            assert!(not_covered.contains(word), "{word}");
        }
    }

    fn what_is_there_to_be_read_is_what_is_signed(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("prod"));
        let receipt = receipt(&app.admin, &entry);
        let signed: Value = serde_json::from_slice(&payload(&receipt)).unwrap();
        assert_eq!(receipt["receipt"], signed);
    }

    fn it_outlives_a_restore_and_a_purge(app: &TestApp) {
        let connection = app.sample_connection("prod");
        let first = app.delete_connection(&connection);
        let before = said(&app.admin, &first);
        app.admin.post(&format!("/v1/trash/{first}/restore"), &json!({})).ok(200);
        let restored = said(&app.admin, &first);
        assert_eq!(restored["state"], "restored");
        assert!(!restored["closed_at"].is_null() && !restored["closed_by"].is_null());

        let second = app.delete_connection(&connection);
        let in_trash = said(&app.admin, &second);
        app.admin.post(&format!("/v1/trash/{second}/purge"), &json!({"confirm": "prod"})).ok(200);
        let purged = said(&app.admin, &second);
        assert_eq!(purged["state"], "purged");
        // Nobody can look at the rows any more, and the receipt still says which they were.
        assert_eq!(manifest(&app.admin, &second).1, [0; 4]);
        for (before, after) in [(&before, &restored), (&before, &in_trash), (&in_trash, &purged)] {
            assert_eq!(before["manifest"], after["manifest"]);
            assert_eq!((&before["deleted"], &before["counts"]), (&after["deleted"], &after["counts"]));
        }
        assert_eq!(in_trash["deletion"], purged["deletion"]);
        assert_ne!(before["deletion"]["id"], in_trash["deletion"]["id"]);
        // The connection was restored without its secrets: the second deletion had none to shred.
        assert_eq!((&before["secrets"]["fields"], &in_trash["secrets"]["fields"]), (&json!(["password"]), &json!([])));
        assert_eq!((&in_trash["secrets"]["shredded_at"], &in_trash["secrets"]["revocation"]), (&Value::Null, &json!("none")));
    }

    fn another_organization_learns_as_little_as_of_an_unknown_deletion(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("prod"));
        said(&app.admin, &entry);
        let other = app.other_organization("other");
        let without = |path: String| {
            let mut problem = other.get(&path).problem(404, "not_found");
            problem.as_object_mut().unwrap().remove("request_id");
            problem
        };
        let foreign = without(format!("/v1/receipts/{entry}"));
        assert_eq!(foreign, without(format!("/v1/receipts/{}", Uuid::now_v7())));
        assert_eq!(foreign, without("/v1/receipts/nonsense".to_owned()));
        app.client(&["connections:read"]).get(&format!("/v1/receipts/{entry}")).problem(403, "missing_scope");
        let (ours, theirs) = (keys(&app.admin), keys(&other));
        assert_ne!(ours["data"][0]["public_key"], theirs["data"][0]["public_key"]);
        assert_eq!(theirs["data"].as_array().unwrap().len(), 1);
    }

    fn without_a_rotation_it_says_why_nobody_knows_when_copies_die(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("prod"));
        let secrets = said(&app.admin, &entry)["secrets"].clone();
        assert_eq!(secrets["crypto_erase_by"], Value::Null);
        assert_eq!(secrets["crypto_erase_unknown"], "Encryption keys are destroyed by hand only.");
        assert_eq!(secrets["crypto_erased_at"], Value::Null);
        let content = app.sample_connection("other");
        let content = id(&app.admin.get(&format!("/v1/connections/{content}/content")).ok(200)["data"][0]);
        let entry = id(&app.admin.delete(&format!("/v1/content/{content}")).ok(200));
        assert_eq!(said(&app.admin, &entry)["secrets"]["crypto_erase_unknown"], Value::Null, "there were no secrets");
    }
}

on_each! {
    fn the_erasure_is_not_claimed_before_it_is_done(backend: Backend) {
        let app = TestApp::start_with(backend, |config| config.erasure_interval = DAY);
        let connection = app.sample_connection("prod");
        // What keeps SQLite's log from being cut; PostgreSQL's cycle is a day away.
        let mut reader = app.services.store.connect().unwrap();
        reader.batch("BEGIN; SELECT count(*) FROM connections").unwrap();
        let entry = app.delete_connection(&connection);
        let erased_at = || said(&app.admin, &entry)["secrets"]["erased_at"].clone();
        assert_eq!(erased_at(), Value::Null);
        reader.batch("COMMIT").unwrap();
        TestApp::wait_for("the erasure", || {
            // The first receipt made a key: its own bytes are no matter of this deletion.
            let _ = eraser::round(&app.services.store, &app.services.shreds);
            !erased_at().is_null()
        });
        let shown = app.admin.get(&format!("/v1/trash/{entry}")).ok(200);
        assert_eq!(erased_at(), shown["secrets"]["erased_at"]);
    }

    fn with_a_rotation_it_says_by_when_copies_die_and_then_that_they_did(backend: Backend) {
        let app = TestApp::start_with(backend, |config| {
            config.key_times.rotation = Some(30 * DAY);
            config.key_times.destruction = Some(7 * DAY);
        });
        let entry = app.delete_connection(&app.sample_connection("prod"));
        let secrets = || said(&app.admin, &entry)["secrets"].clone();
        let due = secrets();
        assert!(text(&due["crypto_erase_by"]) > text(&due["shredded_at"]), "{due}");
        assert_eq!((&due["crypto_erase_unknown"], &due["crypto_erased_at"]), (&Value::Null, &Value::Null));
        let by: fn(_) -> _ = Caller::command_line;
        rotation::begin(&app.services).unwrap();
        TestApp::wait_for("the rotation", || {
            let _ = rotation::go_on(&app.services, by);
            let epochs = rotation::status(&app.services, Duration::ZERO).unwrap().epochs;
            epochs.iter().any(|epoch| epoch.state == "retired")
        });
        let sooner = secrets();
        assert!(text(&sooner["crypto_erase_by"]) < text(&due["crypto_erase_by"]), "{sooner}");
        rotation::destroy(&app.services, 1.try_into().unwrap(), Duration::ZERO, by).unwrap();
        let gone = secrets();
        assert!(text(&gone["crypto_erased_at"]) > text(&gone["shredded_at"]), "{gone}");
        assert_eq!((&gone["crypto_erase_by"], &gone["crypto_erase_unknown"]), (&Value::Null, &Value::Null));
    }
}
