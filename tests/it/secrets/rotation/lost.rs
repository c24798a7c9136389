//! The way out for secrets whose key nobody has.

use super::super::database::wait_until_erased;
use super::*;

fn set_aside(app: &TestApp, name: &str) {
    std::fs::rename(key_folder(app).join(name), app.data_dir().join(name)).unwrap();
}

on_each! {
    fn secrets_whose_key_is_lost_are_given_up_and_asked_for_again(backend: Backend) {
        let mut app = looking(backend, OFTEN);
        let live = create(&app, &["a", "b"]);
        let with_extra = json!({"name": "extra", "connector": "postgres", "settings": {"host": "db.example.com", "database": "x", "username": "bi"}, "secrets": {"password": "p", "extra": "e"}});
        let extra = app.admin.post("/v1/connections", &with_extra).ok(201)["id"].as_str().unwrap().to_owned();
        let integration = json!({"key": "crm", "connector": "oauth2", "settings": {"token_url": "https://a.example.com/t", "client_id": "c"}, "secrets": {"client_secret": "theirs"}});
        assert_eq!(app.admin.post("/v1/integrations", &integration).status, 201);
        app.halt();
        set_aside(&app, "epoch-1.key");
        app.restart();
        assert_eq!(app.stranger().get("/readyz").status, 503);
        let services = beside(&app);
        assert!(matches!(rotation::begin(&services), Err(KeysError::Refused(_))), "a rotation needs the old key");
        let events = count(&app, "audit_events WHERE announced");
        let given_up = rotation::give_up(&services, epoch(1), BY).unwrap();
        assert_eq!((given_up.secrets, given_up.owners, given_up.primary, given_up.retired), (5, 4, Some(epoch(2)), false));
        assert_eq!(states(&services), ["destroyed", "primary"]);
        assert_eq!((count(&app, "secrets"), count(&app, "audit_events WHERE announced")), (0, events + 4));
        assert_eq!(count(&app, "audit_events WHERE action = 'connection.credentials_lost'"), 3);
        assert_eq!(count(&app, "audit_events WHERE action = 'integration.credentials_lost'"), 1);
        assert_eq!(key_files(&app), ["epoch-2.key"]);
        TestApp::wait_for("the running service", || app.stranger().get("/readyz").status == 200);
        for id in live.keys().chain([&extra]) {
            let connection = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
            assert_eq!((&connection["status"], &connection["version"]), (&json!("needs_credentials"), &json!(2)));
            app.admin.put(&format!("/v1/connections/{id}/secrets"), &json!({"secrets": {"password": "again"}})).ok(200);
        }
        wait_until_erased(&app);
        // Once more there is nothing to give up.
        assert!(matches!(rotation::give_up(&services, epoch(1), BY), Err(KeysError::Refused(_))));
    }

    fn a_webhook_endpoint_whose_key_is_lost_is_disabled_until_it_has_another_secret(backend: Backend) {
        let mut app = looking(backend, OFTEN);
        let body = json!({"url": "http://127.0.0.1:9/", "types": ["trash.held"]});
        let made = app.admin.post("/v1/webhooks", &body).ok(201);
        let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
        app.halt();
        set_aside(&app, "epoch-1.key");
        app.restart();
        let given_up = rotation::give_up(&beside(&app), epoch(1), BY).unwrap();
        assert_eq!((given_up.secrets, given_up.owners), (1, 1));
        TestApp::wait_for("the running service", || app.stranger().get("/readyz").status == 200);
        let after = app.admin.get(&path).ok(200);
        assert_eq!((&after["state"], &after["disabled_reason"]), (&json!("disabled"), &json!("secret_lost")));
        app.admin.patch(&path, &json!({"state": "enabled"})).problem(409, "needs_credentials");
        app.admin.post(&format!("{path}/rotate-secret"), &json!({})).ok(200);
        assert_eq!(app.admin.patch(&path, &json!({"state": "enabled"})).ok(200)["state"], "enabled");
    }

    fn giving_up_that_was_interrupted_goes_on(backend: Backend) {
        let mut app = looking(backend, NEVER);
        let live = create(&app, &["a", "b", "c"]);
        app.halt();
        set_aside(&app, "epoch-1.key");
        let services = beside(&app);
        // As far as a process came that was killed: the new key is the primary one, one connection is through.
        let first = live.keys().next().unwrap();
        execute(&app, "CREATE TABLE aside AS SELECT * FROM secrets");
        execute(&app, &format!("DELETE FROM secrets WHERE CAST(owner_id AS text) <> '{first}'"));
        rotation::give_up(&services, epoch(1), BY).unwrap();
        execute(&app, &format!("INSERT INTO secrets SELECT * FROM aside WHERE CAST(owner_id AS text) <> '{first}'"));
        execute(&app, "DROP TABLE aside");
        execute(&app, "UPDATE key_epochs SET destroyed_at = NULL WHERE epoch = 1");
        let again = beside(&app);
        assert!(again.vault.problem().is_some());
        let given_up = rotation::give_up(&again, epoch(1), BY).unwrap();
        assert_eq!((given_up.secrets, given_up.primary), (2, None));
        app.restart();
        for id in live.keys() {
            assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["status"], "needs_credentials");
        }
    }

    fn a_key_that_somebody_has_is_not_lost(backend: Backend) {
        let app = looking(backend, OFTEN);
        let live = create(&app, &["a"]);
        let services = beside(&app);
        let refused = |what: &str| match rotation::give_up(&services, epoch(1), BY) {
            Err(KeysError::Refused(why)) => assert!(why.contains(what), "{why}"),
            other => panic!("{other:?}"),
        };
        refused("new secrets are sealed under it");
        // Not in this keyring, but the running service has it.
        set_aside(&app, "epoch-1.key");
        refused("copy it from there");
        let back = key_folder(&app).join("epoch-1.key");
        std::fs::rename(app.data_dir().join("epoch-1.key"), back).unwrap();
        opens(&app.admin, &live);
        // Behind us, and all of it opens: nothing is given up.
        rotation::begin(&services).unwrap();
        finish(&services);
        let given_up = rotation::give_up(&services, epoch(1), BY).unwrap();
        assert_eq!((given_up.secrets, given_up.retired), (0, true));
        opens(&app.admin, &live);
    }

    fn a_rotation_whose_new_key_got_lost_is_called_off(backend: Backend) {
        let app = looking(backend, NEVER);
        let live = create(&app, &["a"]);
        let services = beside(&app);
        rotation::begin(&services).unwrap();
        std::fs::remove_file(key_folder(&app).join("epoch-2.key")).unwrap();
        let services = beside(&app);
        assert!(rotation::go_on(&services, BY).unwrap().waits.is_some());
        rotation::give_up(&services, epoch(2), BY).unwrap();
        assert_eq!(states(&services), ["primary", "destroyed"]);
        assert_eq!(rotation::begin(&services).unwrap(), Begun::New(epoch(3)));
        opens(&app.admin, &live);
    }
}
