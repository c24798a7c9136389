//! One service: what each step does, refuses and leaves.

use std::os::unix::fs::MetadataExt as _;

use super::super::database::{overwrite_record, record_of, wait_until_erased};
use super::*;
use crate::secrets::bytes::Sought;

/// The audit records of an action.
fn audited(app: &TestApp, action: &str) -> i64 {
    count(
        app,
        &format!("audit_events WHERE action = 'key_epoch.{action}'"),
    )
}

on_each! {
    fn after_a_rotation_every_secret_is_under_the_new_key_and_after_a_destruction_still_opens(backend: Backend) {
        let mut app = looking(backend, OFTEN);
        let mut live = create(&app, &["a", "b", "c"]);
        assert_eq!(epochs_in_use(&app), (vec![1], vec!["1".to_owned()]));
        let services = beside(&app);
        assert_eq!(rotate(&services), epoch(2));
        assert_eq!(states(&services), ["retired", "primary"]);
        assert_eq!(epochs_in_use(&app), (vec![2], vec!["2".to_owned()]));
        assert_eq!(key_files(&app), ["epoch-1.key", "epoch-2.key"]);
        let mode = std::fs::metadata(key_folder(&app).join("epoch-2.key")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        opens(&app.admin, &live);
        live.extend(create(&app, &["after the switch"]));
        assert_eq!(epochs_in_use(&app).0, [2]);

        rotation::destroy(&services, epoch(1), Duration::ZERO, BY).unwrap();
        assert_eq!(states(&services), ["destroyed", "primary"]);
        assert_eq!(key_files(&app), ["epoch-2.key"]);
        opens(&app.admin, &live);
        app.restart();
        opens(&app.admin, &live);
        app.stranger().get("/readyz").ok(200);
        for action in ["switched", "rewrapped", "retired", "destroyed"] {
            assert_eq!(audited(&app, action), 1, "{action}");
        }
    }

    fn by_itself_it_rotates_and_destroys_in_time(backend: Backend) {
        let app = TestApp::start_with(backend, |config| {
            config.key_times.rotation = Some(Duration::from_secs(1));
            config.key_times.destruction = Some(Duration::from_secs(1));
            config.key_times.look = OFTEN;
        });
        let live = create(&app, &["a", "b"]);
        TestApp::wait_for("the first two keys to be destroyed", || {
            count(&app, "key_epochs WHERE destroyed_at IS NOT NULL AND epoch <= 2") == 2
        });
        opens(&app.admin, &live);
        TestApp::wait_for("their files to go", || !key_files(&app).contains(&"epoch-2.key".to_owned()));
    }

    fn a_clock_that_has_jumped_destroys_no_key(backend: Backend) {
        use reprieve::domain::alarms::AlarmCode;
        use reprieve::service::alarms;
        let app = TestApp::start_with(backend, |config| {
            config.key_times.destruction = Some(Duration::from_secs(1));
            config.key_times.look = OFTEN;
        });
        let services = beside(&app);
        app.services.store.write(|conn| alarms::raise(conn, None, AlarmCode::ClockJump, "", "test")).unwrap();
        rotate(&services);
        // Rounds of the keykeeper: each takes up what it finds.
        let begun = rotation::begin(&services).unwrap();
        assert_eq!(begun, Begun::New(epoch(3)));
        TestApp::wait_for("the keykeeper's rounds", || states(&services)[2] == "primary" && states(&services)[1] == "retired");
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(count(&app, "key_epochs WHERE destroyed_at IS NOT NULL"), 0);
        app.services.store.write(|conn| alarms::resolve(conn, None, AlarmCode::ClockJump, "")).unwrap();
        TestApp::wait_for("the destruction", || count(&app, "key_epochs WHERE destroyed_at IS NOT NULL") == 2);
    }

    fn a_key_that_is_needed_or_retired_too_shortly_is_not_destroyed(backend: Backend) {
        let app = looking(backend, NEVER);
        let live = create(&app, &["a"]);
        let services = beside(&app);
        let refused = |grace| match rotation::destroy(&services, epoch(1), grace, BY) {
            Err(KeysError::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(refused(Duration::ZERO).contains("primary"));
        rotation::begin(&services).unwrap();
        // The running service looks when it is asked to, so that the switch waits for nobody.
        app.services.vault.reload(&app.services.store).unwrap();
        execute(&app, "UPDATE key_replicas SET epochs = '1 2'");
        execute(&app, "UPDATE key_epochs SET is_primary = (1 = 0) WHERE epoch = 1");
        execute(&app, "UPDATE key_epochs SET is_primary = (1 = 1) WHERE epoch = 2");
        assert!(refused(Duration::ZERO).contains("reprieve keys retire 1"));
        let progress = rotation::retire_by_hand(&services, epoch(1), BY).unwrap();
        assert_eq!((progress.rewrapped, progress.retired.as_slice()), (1, [epoch(1)].as_slice()));
        assert!(refused(Duration::from_hours(1)).contains("--now"));
        assert_eq!(key_files(&app), ["epoch-1.key", "epoch-2.key"]);
        // A service of an older version that seals under it all the same.
        execute(&app, "UPDATE secrets SET key_epoch = 1");
        assert!(refused(Duration::ZERO).contains("older version"));
        execute(&app, "UPDATE secrets SET key_epoch = 2");
        rotation::destroy(&services, epoch(1), Duration::ZERO, BY).unwrap();
        rotation::destroy(&services, epoch(1), Duration::ZERO, BY).unwrap();
        assert!(matches!(rotation::destroy(&services, epoch(9), Duration::ZERO, BY), Err(KeysError::Refused(_))));
        opens(&app.admin, &live);
    }

    fn a_retired_epoch_can_do_without_its_key_at_once(backend: Backend) {
        let mut app = looking(backend, OFTEN);
        let live = create(&app, &["a"]);
        rotate(&beside(&app));
        std::fs::remove_file(key_folder(&app).join("epoch-1.key")).unwrap();
        app.restart();
        app.stranger().get("/readyz").ok(200);
        opens(&app.admin, &live);
    }

    fn a_record_that_was_wrapped_anew_opens_at_its_own_place_only(backend: Backend) {
        let app = looking(backend, NEVER);
        let live = create(&app, &["mine", "other"]);
        execute(&app, "DELETE FROM key_replicas");
        rotate(&beside(&app));
        let ids: Vec<&String> = live.keys().collect();
        let (mine, other) = (record_of(&app, ids[0], "password"), record_of(&app, ids[1], "password"));
        overwrite_record(&app, ids[1], "password", &mine);
        let path = format!("/v1/connections/{}/secrets", ids[1]);
        app.admin.get(&path).problem(409, "needs_credentials");
        overwrite_record(&app, ids[1], "password", &other);
        opens(&app.admin, &live);
        // Nor is what was moved before wrapped anew: it stays where it does not open.
        overwrite_record(&app, ids[1], "password", &mine);
        let services = beside(&app);
        rotation::begin(&services).unwrap();
        let unreadable = rotation::go_on(&services, BY).unwrap().unreadable;
        assert_eq!(unreadable.len(), 1);
        assert_eq!((unreadable[0].owner.to_string(), unreadable[0].field.as_str()), (ids[1].clone(), "password"));
        assert_eq!(record_of(&app, ids[1], "password"), mine);
        assert_eq!(states(&services)[1..], ["in_use", "primary"]);
        overwrite_record(&app, ids[1], "password", &other);
        finish(&services);
        assert_eq!(states(&services)[1..], ["retired", "primary"]);
        opens(&app.admin, &live);
    }

    fn a_secret_that_does_not_open_keeps_its_key_until_it_is_given_up(backend: Backend) {
        let app = looking(backend, OFTEN);
        let live = create(&app, &["well", "damaged"]);
        let name = |id: &String| app.admin.get(&format!("/v1/connections/{id}")).ok(200)["name"].clone();
        let damaged = live.keys().find(|id| name(id) == "damaged").unwrap();
        let mut record = record_of(&app, damaged, "password");
        record[30] ^= 1;
        overwrite_record(&app, damaged, "password", &record);
        let services = beside(&app);
        rotation::begin(&services).unwrap();
        TestApp::wait_for("the alarm", || {
            let open = app.admin.get("/v1/alarms").ok(200);
            open["data"].as_array().unwrap().iter().any(|alarm| alarm["code"] == "rotation_waits" && alarm["resolved_at"].is_null())
        });
        assert_eq!(states(&services), ["in_use", "primary"]);
        let given_up = rotation::give_up(&services, epoch(1), BY).unwrap();
        assert_eq!((given_up.secrets, given_up.owners, given_up.retired), (1, 1, true));
        assert_eq!(states(&services), ["retired", "primary"]);
        let connection = app.admin.get(&format!("/v1/connections/{damaged}")).ok(200);
        assert_eq!(connection["status"], "needs_credentials");
        let well: BTreeMap<String, String> = live.iter().filter(|(id, _)| *id != damaged).map(|(id, text)| (id.clone(), text.clone())).collect();
        opens(&app.admin, &well);
        TestApp::wait_for("the end of the alarm", || {
            let open = app.admin.get("/v1/alarms").ok(200);
            open["data"].as_array().unwrap().iter().all(|alarm| alarm["code"] != "rotation_waits" || !alarm["resolved_at"].is_null())
        });
    }

    fn what_was_wrapped_under_the_old_key_is_erased_from_the_files(backend: Backend) {
        let app = looking(backend, OFTEN);
        let live = create(&app, &["a", "b", "c", "d"]);
        let files = |app: &TestApp| match app.backend {
            Backend::Sqlite => app.database_files(),
            Backend::Postgres => {
                execute(app, "CHECKPOINT");
                let oid = texts(app, "SELECT CAST(oid AS text) AS value FROM pg_database WHERE datname = current_database()");
                crate::secrets::bytes::files_of(&postgres_data_folder().join("base").join(&oid[0]))
            }
        };
        // The part that is wrapped: nonce, key and tag. The value's own bytes stay what they are.
        let mut old = Sought::default();
        for ((owner, field), record) in records(&app) {
            old.record(&format!("{owner} {field}"), &record[..65]);
        }
        assert_eq!(old.found_in(&files(&app)).len(), 4);
        rotate(&beside(&app));
        wait_until_erased(&app);
        TestApp::wait_for("the files to be clean", || old.found_in(&files(&app)).is_empty());
        let mut new = Sought::default();
        for ((owner, field), record) in records(&app) {
            new.record(&format!("{owner} {field}"), &record[..65]);
        }
        assert_eq!(new.found_in(&files(&app)).len(), 4, "nothing would be found of anything");
        opens(&app.admin, &live);
    }

    fn several_organizations_rotate_together(backend: Backend) {
        let app = looking(backend, OFTEN);
        let live = create(&app, &["a"]);
        let other = app.other_organization("acme");
        let id = other.post("/v1/connections", &postgres_connection("theirs")).ok(201)["id"].as_str().unwrap().to_owned();
        let integration = json!({"key": "crm", "connector": "oauth2", "settings": {"token_url": "https://a.example.com/t", "client_id": "c"}, "secrets": {"client_secret": "theirs"}});
        let made = other.post("/v1/integrations", &integration);
        assert_eq!(made.status, 201, "{made:#?}");
        rotate(&beside(&app));
        assert_eq!(epochs_in_use(&app), (vec![2], vec!["2".to_owned()]));
        opens(&app.admin, &live);
        other.get(&format!("/v1/connections/{id}/secrets")).ok(200);
        assert_eq!(audited(&app, "rewrapped"), 2);
        assert_eq!(audited(&app, "switched"), 2);
    }

    fn an_entry_says_since_when_no_backup_opens_its_secrets(backend: Backend) {
        let app = looking(backend, OFTEN);
        let live = create(&app, &["a", "b"]);
        let ids: Vec<&String> = live.keys().collect();
        let entry = app.delete_connection(ids[0]);
        let said = |entry: &str| app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["secrets"]["crypto_erased_at"].clone();
        assert!(said(&entry).is_null());
        let services = beside(&app);
        rotate(&services);
        let later = app.delete_connection(ids[1]);
        assert!(said(&entry).is_null());
        rotation::destroy(&services, epoch(1), Duration::ZERO, BY).unwrap();
        let at = said(&entry);
        assert!(at.is_string(), "{at}");
        assert!(said(&later).is_null(), "it was wrapped anew before it was shredded");
        let listed = app.admin.get("/v1/trash").ok(200);
        let told: Vec<&serde_json::Value> = listed["data"].as_array().unwrap().iter().map(|entry| &entry["secrets"]["crypto_erased_at"]).collect();
        assert!(told.contains(&&at) && told.contains(&&json!(null)), "{told:?}");
    }
}
