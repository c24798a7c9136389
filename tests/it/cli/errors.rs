//! What the commands for people are refused with: in words, with what to type next, and with an exit code.

use super::people::Ways;
use crate::support::*;

fn sql(app: &TestApp, statement: &str) {
    app.services
        .store
        .write(|conn| conn.batch(statement))
        .unwrap();
}

fn entry_of(app: &TestApp, name: &str) -> String {
    let found = app.admin.get(&format!("/v1/trash?q={name}")).ok(200);
    found["data"][0]["id"].as_str().unwrap().to_owned()
}

on_both! {
    fn a_refusal_says_what_to_type_next(app: &TestApp) {
        let ways = Ways::to(app);
        let old = app.sample_connection("prod");
        let entry = app.delete_connection(&old);
        let settings = json!({"host": "h", "database": "d", "username": "u"});
        app.admin.post("/v1/connections", &json!({"name": "prod", "connector": "postgres", "settings": settings})).ok(201);
        ways.refused(1, &["trash", "restore", "prod"], &["A live connection has this name. Try --name 'prod (2)'."]);
        let twin = json!({"name": "b", "connector": "postgres", "settings": settings, "external_id": "ext-prod"});
        app.admin.post("/v1/connections", &twin).ok(201);
        ways.refused(1, &["trash", "restore", &entry, "--name", "other"], &["Give it another one with --external-id."]);
        ways.refused(1, &["connection", "show", &old], &["is in the trash. Bring it back: reprieve trash restore", &entry]);

        let stray = app.sample_connection("stray");
        let models = app.admin.get(&format!("/v1/connections/{stray}/models")).ok(200);
        let model = models["data"].as_array().unwrap().iter().find(|model| model["name"] == "empty").unwrap();
        app.admin.delete(&format!("/v1/models/{}", model["id"].as_str().unwrap())).ok(200);
        let model = entry_of(app, "empty");
        let parent = app.delete_connection(&stray);
        ways.refused(1, &["trash", "restore", &model], &["--with-ancestors, or first the other: reprieve trash restore", &parent]);

        sql(app, &format!(
            "INSERT INTO holds (org_id, id, entry_id, owner, reason, ends_at, created_at) \
             VALUES ('{}', '{}', '{entry}', 'legal', 'case 17', NULL, '2026-01-01T00:00:00.000000Z')",
            app.org, uuid::Uuid::now_v7()
        ));
        ways.refused(1, &["trash", "purge", &entry, "--confirm", "prod"], &["A hold keeps this entry. Its holds must be released first: reprieve trash show lists them, reprieve trash release ends one."]);
        ways.refused(1, &["trash", "purge", &entry, "--confirm", "Prod"], &["Nothing was purged."]);
        sql(app, &format!("UPDATE trash_entries SET purge_protected = '1' WHERE id = '{parent}'"));
        ways.refused(1, &["trash", "purge", &parent, "--confirm", "stray"], &["before its date. That is 20", "UTC."]);
        sql(app, &format!("UPDATE trash_entries SET purge_protected = '0' WHERE id = '{parent}'"));
        app.admin.post(&format!("/v1/trash/{parent}/purge"), &json!({"confirm": "stray"})).ok(200);
        ways.refused(1, &["trash", "restore", &parent], &["This entry is purged."]);
        ways.refused(1, &["trash", "restore", &model], &["Say where it goes now: --target-connection"]);

        let held = app.sample_connection("held");
        app.admin.patch(&format!("/v1/connections/{held}"), &json!({"deletion_protection": true})).ok(200);
        ways.refused(1, &["connection", "delete", "held", "--yes"], &["\"held\" is protected against deletion. Its deletion protection must be lifted first"]);
        ways.refused(1, &["connection", "show", "nothing"], &["no live connection has the id or the name nothing"]);
        ways.refused(1, &["trash", "show", "nothing"], &["nothing in the trash has the id or the name nothing"]);
        ways.refused(1, &["trash", "show", &uuid::Uuid::now_v7().to_string()], &["There is no trash entry with this id. It may belong to another organization."]);
    }

    fn a_name_that_several_have_is_no_answer(app: &TestApp) {
        let entries = [0, 1].map(|_| {
            let id = app.sample_connection("twin");
            app.delete_connection(&id)
        });
        let ways = Ways::to(app);
        for args in [&["trash", "show", "twin"][..], &["trash", "restore", "twin"], &["trash", "purge", "twin", "--confirm", "twin"]] {
            ways.refused(2, args, &["several entries have the name twin", &entries[0], &entries[1]]);
        }
        // A part of the name is not the name.
        ways.refused(1, &["trash", "show", "twi"], &["nothing in the trash"]);
    }

    fn what_must_be_agreed_to_is_not_done_without_a_terminal(app: &TestApp) {
        let ids = ["one", "two"].map(|name| app.sample_connection(name));
        let ways = Ways::to(app);
        ways.refused(2, &["connection", "delete", "one"], &["--yes", "--dry-run"]);
        ways.refused(2, &["connection", "delete", "one", "two"], &["--yes", "--dry-run"]);
        for id in &ids {
            app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        }
        let entries = ids.map(|id| app.delete_connection(&id));
        for args in [&["trash", "restore", "one", "two"][..], &["trash", "restore", "--all"]] {
            let done = ways.database.run(args);
            done.refused(2, &["--yes", "--dry-run"]);
            // The plan is shown all the same.
            assert!(entries.iter().all(|entry| done.stderr.contains(entry)), "{done:#?}");
        }
        ways.refused(2, &["trash", "purge", "one"], &["--confirm"]);
        ways.refused(2, &["trash", "restore"], &["say which entries", "--all"]);
        ways.refused(2, &["trash", "restore", "one", "--all"], &["not both"]);
        ways.refused(2, &["trash", "restore", "one", "two", "--name", "x"], &["for one entry alone"]);
        ways.refused(2, &["trash", "restore", "--all", "--name", "x"], &["for one entry alone"]);
        ways.server.run(&["trash", "list", "--as-name", "Alice"]).refused(2, &["--as <ID>"]);
        ways.refused(2, &["trash", "list", "--as", ""], &["--as is not valid"]);
        assert_eq!(app.admin.get("/v1/trash").ok(200)["data"].as_array().unwrap().len(), 2);
    }
}
