//! A backup from before a shred, put back: the secret does not come back with it.

use std::collections::BTreeSet;

use super::*;
use crate::secrets::{dump, wait_until_erased};

on_each! {
    fn a_secret_that_was_deleted_after_the_backup_is_shredded_again(backend: Backend) {
        let mut app = TestApp::start(backend);
        let (gone, kept) = (app.sample_connection("gone"), app.sample_connection("kept"));
        let (gone_path, kept_path) = (format!("/v1/connections/{gone}"), format!("/v1/connections/{kept}"));
        let before = app.admin.get(&gone_path).ok(200);
        let models = app.admin.get(&format!("{gone_path}/models")).ok(200);
        let sealed = records(&app);
        let backup = Backup::of(&app);
        app.delete_connection(&gone);
        wait_for_lines(&app, 1);
        let log = lines(&app);
        let (dead, _) = sealed.iter().find(|(id, _)| log[0].contains(id.as_str())).expect("the line names the record");

        backup.put_back(&mut app);
        let after = app.admin.get(&gone_path).ok(200);
        assert_eq!(after["status"], "needs_credentials");
        assert_eq!(after["secrets"]["password"]["set"], false, "{after}");
        assert_eq!(after["version"], json!(before["version"].as_i64().unwrap() + 1));
        assert_eq!(rest_of(after), rest_of(before));
        assert_eq!(app.admin.get(&format!("{gone_path}/models")).ok(200), models);
        app.admin.get(&format!("{gone_path}/secrets")).problem(409, "needs_credentials");
        assert_eq!(app.admin.get(&format!("{kept_path}/secrets")).ok(200)["secrets"]["password"], "correct horse battery staple");
        let [alarm] = &alarms(&app)[..] else { panic!("{:?}", alarms(&app)) };
        assert!(alarm.contains("secrets 1, of connections 1, of integrations 0"), "{alarm}");
        assert_eq!(actions(&app, "connection.shredded_again"), 1);
        let tables = dump(&app);
        for (id, record) in &sealed {
            assert_eq!(tables["secret_slots"].contains(record.as_str()), id != dead, "{id}");
        }
        wait_until_erased(&app);

        // The next start has nothing to do.
        app.restart();
        assert_eq!(actions(&app, "connection.shredded_again"), 1);
        assert_eq!(actions(&app, "organization.restored_from_backup"), 1);
        assert_eq!(lines(&app), log);
        app.admin.put(&format!("{gone_path}/secrets"), &json!({"secrets": {"password": "again"}})).ok(200);
        app.restart();
        assert_eq!(app.admin.get(&format!("{gone_path}/secrets")).ok(200)["secrets"]["password"], "again");
    }

    fn a_signing_key_that_was_given_up_after_the_backup_signs_no_more(backend: Backend) {
        let mut app = TestApp::start(backend);
        let entry = app.delete_connection(&app.sample_connection("gone"));
        let later = app.sample_connection("later");
        wait_for_lines(&app, 1);
        let receipt = format!("/v1/receipts/{entry}");
        let before = app.admin.get(&receipt).ok(200);
        let backup = Backup::of(&app);
        // As giving up a lost encryption key notes it; the next shred has it logged.
        let now = match backend {
            Backend::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
            Backend::Postgres => "now()",
        };
        app.sql().run(&format!(
            "INSERT INTO shreds (org_id, record_id, key_epoch, shredded_at) \
             SELECT org_id, record_id, key_epoch, {now} FROM secrets WHERE owner_kind = 'signer'"
        ));
        app.delete_connection(&later);
        wait_for_lines(&app, 3);

        backup.put_back(&mut app);
        assert_eq!(actions(&app, "receipt_key.retired"), 1);
        let after = app.admin.get(&receipt).ok(200);
        let keys = app.admin.get("/v1/receipt-keys").ok(200);
        let [old, new] = &keys["data"].as_array().unwrap()[..] else { panic!("{keys}") };
        assert_eq!((&old["id"], &new["id"]), (&before["key_id"], &after["key_id"]));
        assert!(!old["retired_at"].is_null() && new["retired_at"].is_null(), "{keys}");
        for receipt in [before, after] {
            let (receipt, keys) = (receipt.to_string(), keys.to_string());
            reprieve::service::receipts::check(receipt.as_bytes(), keys.as_bytes()).unwrap();
        }
    }

    fn a_webhook_endpoint_that_was_deleted_after_the_backup_comes_back_without_its_secret(backend: Backend) {
        let mut app = TestApp::start(backend);
        let body = json!({"url": "http://127.0.0.1:9/", "types": ["trash.held"]});
        let paths = [(); 2].map(|()| {
            let made = app.admin.post("/v1/webhooks", &body).ok(201);
            format!("/v1/webhooks/{}", made["id"].as_str().unwrap())
        });
        let [gone, kept] = &paths;
        let backup = Backup::of(&app);
        app.admin.delete(gone).ok(200);
        wait_for_lines(&app, 1);
        backup.put_back(&mut app);
        let after = app.admin.get(gone).ok(200);
        assert_eq!((&after["state"], &after["disabled_reason"]), (&json!("disabled"), &json!("secret_lost")));
        assert_eq!(app.admin.get(kept).ok(200)["state"], "enabled");
        assert_eq!(app.sql().count("secrets"), 1);
        let [alarm] = &alarms(&app)[..] else { panic!("{:?}", alarms(&app)) };
        assert!(alarm.contains("secrets 1, of connections 0, of integrations 0, of webhook endpoints 1"), "{alarm}");
        app.admin.patch(gone, &json!({"state": "enabled"})).problem(409, "needs_credentials");
        app.admin.delete(gone).ok(200);
    }

    fn what_was_replaced_or_removed_after_the_backup_is_shredded_again_and_nothing_else(backend: Backend) {
        let mut app = TestApp::start(backend);
        let create = |name: &str| {
            let mut body = postgres_connection(name);
            body["secrets"]["extra"] = json!(format!("extra of {name}"));
            app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned()
        };
        let (replaced, removed, both) = (create("replaced"), create("removed"), create("both"));
        let path = |id: &str| format!("/v1/connections/{id}/secrets");
        let backup = Backup::of(&app);
        app.admin.put(&path(&replaced), &json!({"secrets": {"password": "newer"}})).ok(200);
        app.admin.put(&path(&removed), &json!({"secrets": {"extra": null}})).ok(200);
        app.admin.put(&path(&both), &json!({"secrets": {"extra": null, "password": "newer"}})).ok(200);
        wait_for_lines(&app, 4);

        backup.put_back(&mut app);
        let shown = |id: &str| app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        for (id, status, password, extra) in [
            (&replaced, "needs_credentials", false, true),
            (&removed, "untested", true, false),
            (&both, "needs_credentials", false, false),
        ] {
            let connection = shown(id);
            assert_eq!(connection["status"], status, "{connection}");
            assert_eq!(connection["secrets"]["password"]["set"], password, "{connection}");
            assert_eq!(connection["secrets"]["extra"]["set"] == true, extra, "{connection}");
        }
        app.admin.get(&path(&replaced)).problem(409, "needs_credentials");
        let left = app.admin.get(&path(&removed)).ok(200);
        assert_eq!(left["secrets"], json!({"password": "correct horse battery staple"}));
        // What is left beside it still opens when the password is entered.
        app.admin.put(&path(&replaced), &json!({"secrets": {"password": "third"}})).ok(200);
        assert_eq!(
            app.admin.get(&path(&replaced)).ok(200)["secrets"],
            json!({"password": "third", "extra": "extra of replaced"})
        );
        assert_eq!(actions(&app, "connection.shredded_again"), 3);
    }

    fn an_integration_that_was_deleted_after_the_backup_loses_its_secrets_and_those_of_its_connections(backend: Backend) {
        let mut app = TestApp::start(backend);
        let crm = json!({"key": "crm", "connector": "oauth2", "secrets": {"client_secret": "of the client"}});
        app.admin.post("/v1/integrations", &crm).ok(201);
        let ids: Vec<String> = (0..3)
            .map(|number| {
                let member = json!({
                    "name": format!("member {number}"), "connector": "oauth2", "integration": "crm",
                    "secrets": {"access_token": "a token"},
                });
                app.admin.post("/v1/connections", &member).ok(201)["id"].as_str().unwrap().to_owned()
            })
            .collect();
        let backup = Backup::of(&app);
        app.admin.delete("/v1/integrations/crm").ok(200);
        wait_for_lines(&app, 4);

        backup.put_back(&mut app);
        assert_eq!(app.sql().count("secrets"), 0);
        let integration = app.admin.get("/v1/integrations/crm").ok(200);
        assert_eq!(integration["secrets"]["client_secret"]["set"], false, "{integration}");
        for id in &ids {
            assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["integration"], "crm");
        }
        assert_eq!(actions(&app, "connection.shredded_again"), 3);
        assert_eq!(actions(&app, "integration.shredded_again"), 1);
        assert!(alarms(&app)[0].contains("secrets 4, of connections 3, of integrations 1"), "{:?}", alarms(&app));
        // And can be used as before, once they are entered again.
        app.admin.delete("/v1/integrations/crm").ok(200);
    }

    fn a_restored_entry_with_new_secrets_keeps_them(backend: Backend) {
        let mut app = TestApp::start(backend);
        let id = app.sample_connection("back");
        let path = format!("/v1/connections/{id}/secrets");
        let entry = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        app.admin.put(&path, &json!({"secrets": {"password": "of after the restore"}})).ok(200);
        let backup = Backup::of(&app);
        let other = app.sample_connection("other");
        app.delete_connection(&other);
        wait_for_lines(&app, 2);
        backup.put_back(&mut app);
        assert_eq!(app.admin.get(&path).ok(200)["secrets"]["password"], "of after the restore");
        assert_eq!(alarms(&app), Vec::<String>::new());
    }

    fn sessions_and_stored_answers_of_an_older_database_are_void(backend: Backend) {
        let mut app = TestApp::start(backend);
        let open = app.sample_connection("open");
        let path = format!("/v1/connections/{open}/reentry-session");
        app.admin.send("POST", &path, None).ok(201);
        let create = |app: &TestApp| app.admin.with("idempotency-key", "once").post("/v1/connections", &postgres_connection("once"));
        create(&app).ok(201);
        let backup = Backup::of(&app);

        // Nothing was shredded since: it is as if it had been stopped.
        backup.put_back(&mut app);
        assert_eq!(create(&app).header("idempotency-replayed"), Some("true"));
        assert_eq!(app.sql().count("connect_sessions"), 1);

        let gone = app.sample_connection("gone");
        app.delete_connection(&gone);
        wait_for_lines(&app, 1);
        backup.put_back(&mut app);
        assert_eq!(app.sql().count("connect_sessions"), 0);
        create(&app).problem(409, "external_id_taken");
        assert_eq!(actions(&app, "organization.restored_from_backup"), 1);
        // The connection that was made and deleted after the backup is in neither.
        assert_eq!(alarms(&app), Vec::<String>::new());

        // What comes after is not.
        app.admin.send("POST", &path, None).ok(201);
        let fresh = app.admin.with("idempotency-key", "later");
        fresh.post("/v1/connections", &postgres_connection("later")).ok(201);
        app.restart();
        let fresh = app.admin.with("idempotency-key", "later");
        assert_eq!(fresh.post("/v1/connections", &postgres_connection("later")).header("idempotency-replayed"), Some("true"));
        assert_eq!(app.sql().count("connect_sessions"), 1);
    }

    fn an_access_token_of_a_connection_that_was_deleted_after_the_backup_works_never_again(backend: Backend) {
        let mut app = TestApp::start(backend);
        let (gone, kept) = (app.sample_connection("gone"), app.sample_connection("kept"));
        let issue = |app: &TestApp, id: &str| app.admin.send("POST", &format!("/v1/connections/{id}/access-tokens"), None).ok(201)["token"].as_str().unwrap().to_owned();
        let (dead, alive) = (issue(&app, &gone), issue(&app, &kept));
        let backup = Backup::of(&app);
        app.delete_connection(&gone);
        wait_for_lines(&app, 1);
        backup.put_back(&mut app);
        let delete = |token: &str| app.stranger().with("x-trackstar-api-key", app.admin.key()).with("x-trackstar-access-token", token).delete("/connections").status;
        assert_eq!((delete(&dead), delete(&alive)), (401, 200));
        app.admin.get(&format!("/v1/connections/{gone}")).ok(200);
    }

    fn each_organization_hears_of_its_own(backend: Backend) {
        let mut app = TestApp::start(backend);
        let other = app.other_organization("other");
        let mut ids = Vec::new();
        for client in [&app.admin, &other] {
            let made = client.post("/v1/connections", &postgres_connection("same name")).ok(201);
            ids.push(made["id"].as_str().unwrap().to_owned());
        }
        let backup = Backup::of(&app);
        other.delete(&format!("/v1/connections/{}", ids[1])).ok(200);
        wait_for_lines(&app, 1);
        backup.put_back(&mut app);
        let own = app.admin.get(&format!("/v1/connections/{}", ids[0])).ok(200);
        assert_eq!(own["status"], "untested");
        let told: BTreeSet<String> = app.sql().lines("SELECT CAST(org_id AS text) AS line FROM alarms").into_iter().collect();
        assert!(told.len() == 1 && !told.contains(&app.org.to_string()), "{told:?}");
    }
}
