//! Restoring: exactly what was deleted, with the secrets still to be entered.

use super::*;

/// JSON as people send it: odd spacing, numbers that no float holds, keys that differ in case alone.
const ODD_BODY: &str = "{ \"n\" :123456789012345678901234567890,\t\"ratio\":0.1000, \"Key\":1,\"key\":2 ,\"KEY\":[ ],\
    \"e\":1E+2,\"zero\":-0.0,\"text\":\"\\u00e9 é 漢字 \\uD83D\\uDE00 \\/ \", \"nested\": {\n  \"b\":null,\"a\":true } }";

fn without(answers: &BTreeMap<String, String>, path: &str) -> BTreeMap<String, String> {
    answers
        .iter()
        .filter(|(other, _)| *other != path)
        .map(|(path, text)| (path.clone(), text.clone()))
        .collect()
}

on_both! {
    fn a_connection_comes_back_byte_for_byte(app: &TestApp) {
        let new = format!(
            "{{\"name\":\"prod\",\"connector\":\"postgres\",\"external_id\":\"ext\",\"tags\":{{\"b\":\"2\",\"a\":\"1\"}},\
              \"settings\":{{\"host\":\"db.example.com\",\"database\":\"d\",\"username\":\"u\"}},\"metadata\":{ODD_BODY},\
              \"secrets\":{{\"password\":\"x\"}}}}"
        );
        let connection = id(&app.admin.send("POST", "/v1/connections", Some(new)).ok(201));
        let path = format!("/v1/connections/{connection}");
        let base = model(app, &connection, "base", json!({}));
        for kind in ["models", "content"] {
            let parent = if kind == "models" { "base_model_id" } else { "model_id" };
            let row = format!(
                "{{\"name\":\"Ünïcode 漢字\",\"kind\":\"odd\",\"external_id\":\"{kind}/é ?\",\"{parent}\":\"{base}\",\"body\":{ODD_BODY}}}"
            );
            app.admin.send("POST", &format!("{path}/{kind}"), Some(row)).ok(201);
        }
        let linked = content(app, &connection, "linked", json!({}));
        content(app, &connection, "board", json!({"links": link_to(&[&linked])}));
        let before = whole(app, &connection);
        assert!(before.values().filter(|text| text.contains(ODD_BODY)).count() >= 3);
        let link_dates = texts(app, "SELECT CAST(created_at AS text) AS value FROM links");

        restore(app, &delete(app, &format!("connections/{connection}")));

        let after = whole(app, &connection);
        assert_eq!(without(&after, &path), without(&before, &path));
        assert_eq!(texts(app, "SELECT CAST(created_at AS text) AS value FROM links"), link_dates);
        // The root is as it was but for what a deletion and a restore change.
        let (was, mut is) = (parsed(&before[&path]), parsed(&after[&path]));
        assert!(after[&path].contains(ODD_BODY));
        assert_eq!((&is["status"], &is["version"]), (&json!("needs_credentials"), &json!(3)));
        assert!(is["updated_at"].as_str() > was["updated_at"].as_str());
        assert_eq!(is["secrets"]["password"]["set"], false);
        for field in ["status", "version", "updated_at", "secrets"] {
            is[field] = was[field].clone();
        }
        assert_eq!(is, was);
    }

    fn a_model_and_content_come_back_byte_for_byte(app: &TestApp) {
        let connection = app.sample_connection("prod");
        let models = ids(&app.admin.get(&format!("/v1/connections/{connection}/models")).ok(200));
        let contents = ids(&app.admin.get(&format!("/v1/connections/{connection}/content")).ok(200));
        for root in [format!("/v1/models/{}", models[0]), format!("/v1/content/{}", contents[0])] {
            let before = whole(app, &connection);
            let entry_id = id(&app.admin.delete(&root).ok(200));
            restore(app, &entry_id);
            let after = whole(app, &connection);
            let mut changed: Vec<&String> = before.keys().filter(|path| after[*path] != before[*path]).collect();
            // The lists hold the root too.
            changed.retain(|path| !path.contains("page_size"));
            assert_eq!(changed, [&root]);
            let (was, mut is) = (parsed(&before[&root]), parsed(&after[&root]));
            assert_eq!(is["version"], was["version"].as_i64().unwrap() + 2);
            for field in ["version", "updated_at"] {
                is[field] = was[field].clone();
            }
            assert_eq!(is, was);
        }
    }

    fn an_old_version_no_longer_fits_after_a_restore(app: &TestApp) {
        let connection = connection(app, "prod");
        let path = format!("/v1/connections/{connection}");
        let old = app.admin.get(&path).header("etag").unwrap().to_owned();
        let entry_id = delete(app, &format!("connections/{connection}"));
        restore(app, &entry_id);
        app.admin.with("if-match", &old).patch(&path, &json!({"name": "x"})).problem(412, "version_mismatch");
        app.admin.with("if-match", "\"2\"").patch(&path, &json!({"name": "x"})).problem(412, "version_mismatch");
        app.admin.with("if-match", "\"3\"").patch(&path, &json!({"name": "x"})).ok(200);
    }

    fn a_restore_may_rename_the_root(app: &TestApp) {
        let connection = app.sample_connection("prod");
        let path = format!("/v1/connections/{connection}");
        let contents = ids(&app.admin.get(&format!("{path}/content")).ok(200));
        for root in [format!("content/{}", contents[0]), format!("connections/{connection}")] {
            let entry_id = delete(app, &root);
            let request = json!({"name": "Ne\u{75}\u{308} name", "external_id": "new-id"});
            restore_with(app, &entry_id, request).ok(200);
            let live = app.admin.get(&format!("/v1/{root}")).ok(200);
            assert_eq!((&live["name"], &live["external_id"]), (&json!("Neü name"), &json!("new-id")));
            // The entry keeps saying what was deleted.
            assert_ne!(entry(app, &entry_id)["root"]["name"], live["name"]);
        }
        let found = app.admin.get("/v1/connections?name=NE%C3%9C%20NAME").ok(200);
        assert_eq!(ids(&found), [connection]);
    }

    fn a_wrong_override_is_refused_by_its_field(app: &TestApp) {
        let id = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        let before = dump(app);
        let refused = restore_with(app, &entry_id, json!({"name": "", "external_id": ""}));
        refused.problem(422, "invalid_input");
        let pointers: Vec<String> = refused.field_errors().into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["/name", "/external_id"]);
        restore_with(app, &entry_id, json!({"names": "x"})).problem(422, "invalid_input");
        restore_with(app, &uuid::Uuid::now_v7().to_string(), json!({})).problem(404, "not_found");
        restore_with(app, "prod", json!({})).problem(404, "not_found");
        assert_eq!(dump(app), before);
    }

    fn a_suggested_name_is_free_however_many_there_are(app: &TestApp) {
        let id = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        for taken in ["prod", "Prod (2)", "PROD (3)"] {
            connection(app, taken);
        }
        let request = json!({"external_id": "free"});
        let refused = restore_with(app, &entry_id, request).problem(409, "name_taken");
        assert_eq!(refused["suggested_name"], "prod (4)");
        // An override is in conflict like any other name.
        restore_with(app, &entry_id, json!({"external_id": "free", "name": "PROD (2)"})).problem(409, "name_taken");
        let request = json!({"external_id": "free", "name": refused["suggested_name"]});
        restore_with(app, &entry_id, request).ok(200);
    }

    fn an_external_id_taken_meanwhile_is_refused_with_its_holder(app: &TestApp) {
        let id = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        let mut new = postgres_connection("other");
        new["external_id"] = json!("ext-prod");
        let holder = super::id(&app.admin.post("/v1/connections", &new).ok(201));
        let before = dump(app);
        let refused = restore_with(app, &entry_id, json!({})).problem(409, "external_id_taken");
        assert_eq!(refused["id"], holder);
        assert_eq!(blocker_codes(&entry(app, &entry_id)), ["external_id_taken"]);
        restore_with(app, &entry_id, json!({"name": "another"})).problem(409, "external_id_taken");
        assert_eq!(dump(app), before);
        restore_with(app, &entry_id, json!({"external_id": "ext-prod-2"})).ok(200);
    }

    fn an_external_id_taken_beside_a_model_or_content_is_refused(app: &TestApp) {
        let id = connection(app, "prod");
        for kind in ["models", "content"] {
            let new = json!({"name": "x", "external_id": "x"});
            let path = format!("/v1/connections/{id}/{kind}");
            let row = super::id(&app.admin.post(&path, &new).ok(201));
            let entry_id = delete(app, &format!("{kind}/{row}"));
            app.admin.post(&path, &new).ok(201);
            let before = dump(app);
            restore_with(app, &entry_id, json!({})).problem(409, "external_id_taken");
            restore_with(app, &entry_id, json!({"external_id": "x"})).problem(409, "external_id_taken");
            assert_eq!(blocker_codes(&entry(app, &entry_id)), ["external_id_taken"]);
            assert_eq!(dump(app), before);
            restore_with(app, &entry_id, json!({"external_id": "y"})).ok(200);
            assert_eq!(app.admin.get(&format!("/v1/{kind}/{row}")).ok(200)["external_id"], "y");
        }
    }

    fn an_external_id_taken_beside_a_nested_row_is_refused(app: &TestApp) {
        let id = connection(app, "prod");
        let base = model(app, &id, "base", json!({}));
        let extension = model(app, &id, "extension", json!({"base_model_id": base, "external_id": "m"}));
        content(app, &id, "K", json!({"model_id": extension, "external_id": "k"}));
        let entry_id = delete(app, &format!("models/{base}"));
        for (kind, external_id) in [("models", "m"), ("content", "k")] {
            let path = format!("/v1/connections/{id}/{kind}");
            let taker = super::id(&app.admin.post(&path, &json!({"name": "x", "external_id": external_id})).ok(201));
            let before = dump(app);
            restore_with(app, &entry_id, json!({})).problem(409, "external_id_taken");
            // The root's override does not help a nested row.
            restore_with(app, &entry_id, json!({"external_id": "new"})).problem(409, "external_id_taken");
            assert_eq!(dump(app), before);
            app.admin.patch(&format!("/v1/{kind}/{taker}"), &json!({"external_id": null})).ok(200);
        }
        assert_eq!(restore(app, &entry_id)["restored"], json!({"integrations": 0, "connections": 0, "models": 2, "content": 1, "links": 0}));
    }

    fn a_restored_entry_says_so_and_is_closed(app: &TestApp) {
        let id = app.sample_connection("prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        app.admin.with("reprieve-actor", "id=u-5; name=Grace").post(&format!("/v1/trash/{entry_id}/restore"), &json!({})).ok(200);
        let closed = entry(app, &entry_id);
        assert_eq!((&closed["state"], &closed["restorable"]), (&json!("restored"), &json!(false)));
        assert_eq!(closed["closed_by"], json!({"id": "u-5", "name": "Grace"}));
        assert!(closed["closed_at"].as_str() >= closed["deleted_at"].as_str());
        assert_eq!(closed["impact"]["content"], 4);
        assert_eq!(closed["secrets"]["shape"]["password"]["set"], true);
        let before = dump(app);
        assert_eq!(restore_with(app, &entry_id, json!({})).problem(409, "entry_closed")["state"], "restored");
        assert_eq!(dump(app), before);
        assert_eq!(texts(app, "SELECT actor_id AS value FROM audit_events WHERE action = 'connection.restored'"), ["u-5"]);
    }

    fn either_of_two_secrets_may_be_entered_again(app: &TestApp) {
        let new = json!({
            "name": "trino", "connector": "trino", "settings": {"host": "trino.example.com", "username": "bi"},
            "secrets": {"token": "t"},
        });
        let id = super::id(&app.admin.post("/v1/connections", &new).ok(201));
        let entry_id = delete(app, &format!("connections/{id}"));
        let restored = restore(app, &entry_id);
        assert_eq!(restored["connection"]["status"], "needs_credentials");
        assert_eq!(restored["needs_credentials"].as_array().unwrap().len(), 1);
        let entered = app.admin.put(&format!("/v1/connections/{id}/secrets"), &json!({"secrets": {"token": "u"}})).ok(200);
        assert_eq!(entered["status"], "untested");
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
