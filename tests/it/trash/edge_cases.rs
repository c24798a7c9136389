//! The edge cases that trash and restore are known to get wrong elsewhere, each by its number and name.

use super::*;

on_both! {
    fn edge_01_an_earlier_deletion_stays_in_its_own_entry(app: &TestApp) {
        let connection = connection(app, "prod");
        let first = content(app, &connection, "K1", json!({}));
        let second = content(app, &connection, "K2", json!({}));
        let earlier = delete(app, &format!("content/{first}"));
        let promised = entry(app, &earlier)["purge_at"].clone();
        let later = delete(app, &format!("connections/{connection}"));

        let restored = restore(app, &later);
        assert_eq!(restored["restored"], json!({"integrations": 0, "connections": 1, "models": 0, "content": 1, "links": 0}));
        app.admin.get(&format!("/v1/content/{second}")).ok(200);
        assert_eq!(app.admin.get(&format!("/v1/content/{first}")).problem(410, "in_trash")["entry_id"], earlier);
        let still = entry(app, &earlier);
        assert_eq!((&still["state"], &still["purge_at"]), (&json!("in_trash"), &promised));
        assert_eq!(listed(app, ""), [earlier]);
    }

    fn edge_02_closeness_in_time_is_not_membership(app: &TestApp) {
        let connection = connection(app, "prod");
        let contents: Vec<String> = (0..20).map(|n| content(app, &connection, &format!("K{n}"), json!({}))).collect();
        let earlier = delete(app, &format!("content/{}", contents[0]));
        let later = delete(app, &format!("connections/{connection}"));
        // Both deletions at the same microsecond: only the deletion's id can tell their rows apart.
        let at = "2026-11-20T10:00:00.000000Z";
        sql(app, &format!("UPDATE trash_entries SET deleted_at = '{at}'"));
        sql(app, &format!("UPDATE trash_content SET updated_at = '{at}', created_at = '{at}'"));

        assert_eq!(restore(app, &later)["restored"]["content"], 19);
        let live = ids(&app.admin.get(&format!("/v1/connections/{connection}/content")).ok(200));
        assert_eq!(live, contents[1..]);
        assert_eq!(entry(app, &earlier)["state"], "in_trash");
        assert_eq!(restore(app, &earlier)["restored"]["content"], 1);
    }

    fn edge_03_what_went_with_a_model_comes_back_with_that_model_only(app: &TestApp) {
        let connection = connection(app, "prod");
        let model = model(app, &connection, "M", json!({}));
        let content = content(app, &connection, "K", json!({"model_id": model}));
        let of_model = delete(app, &format!("models/{model}"));
        let of_connection = delete(app, &format!("connections/{connection}"));

        assert_eq!(restore(app, &of_connection)["restored"], json!({"integrations": 0, "connections": 1, "models": 0, "content": 0, "links": 0}));
        for path in [format!("/v1/models/{model}"), format!("/v1/content/{content}")] {
            assert_eq!(app.admin.get(&path).problem(410, "in_trash")["entry_id"], of_model);
        }
        assert_eq!(restore(app, &of_model)["restored"], json!({"integrations": 0, "connections": 0, "models": 1, "content": 1, "links": 0}));
        assert_eq!(app.admin.get(&format!("/v1/content/{content}")).ok(200)["model_id"], model);
    }

    fn edge_04_a_child_trashed_first_survives_the_deletion_of_its_parent(app: &TestApp) {
        let connection = connection(app, "prod");
        let model = model(app, &connection, "M", json!({}));
        let of_model = delete(app, &format!("models/{model}"));
        assert_eq!(entry(app, &of_model)["restorable"], true);
        let of_connection = delete(app, &format!("connections/{connection}"));

        assert_eq!(listed(app, ""), [of_connection.as_str(), of_model.as_str()]);
        let orphaned = entry(app, &of_model);
        assert_eq!(orphaned["restorable"], false);
        assert_eq!(blocker_codes(&orphaned), ["parent_in_trash"]);
        assert_eq!(orphaned["blockers"][0]["entry_id"], of_connection);
        assert_eq!(ids(&app.admin.get(&format!("/v1/trash/{of_model}/items?kind=model")).ok(200)), [model]);
    }

    fn edge_05_a_child_whose_parent_is_purged_lives_on_to_its_own_date(app: &TestApp) {
        let connection = connection(app, "prod");
        let model = model(app, &connection, "M", json!({}));
        let of_model = delete(app, &format!("models/{model}"));
        let promised = entry(app, &of_model)["purge_at"].clone();
        let of_connection = delete(app, &format!("connections/{connection}"));
        purge(app, &of_connection, "prod");

        let orphan = entry(app, &of_model);
        assert_eq!((&orphan["state"], &orphan["purge_at"]), (&json!("in_trash"), &promised));
        assert_eq!(blocker_codes(&orphan), ["parent_purged"]);
        restore_with(app, &of_model, json!({})).problem(409, "parent_purged");
        restore_with(app, &of_model, json!({"with_ancestors": true})).problem(409, "parent_purged");

        let other = super::connection(app, "other");
        restore_with(app, &of_model, json!({"target": {"connection_id": other}})).ok(200);
        assert_eq!(app.admin.get(&format!("/v1/models/{model}")).ok(200)["connection_id"], other);
    }

    fn edge_06_a_name_taken_meanwhile_is_refused_with_a_free_one(app: &TestApp) {
        let old = connection(app, "Prod");
        let entry_id = delete(app, &format!("connections/{old}"));
        let mut namesake = postgres_connection("PROD");
        namesake["external_id"] = json!("another");
        app.admin.post("/v1/connections", &namesake).ok(201);
        assert_eq!(blocker_codes(&entry(app, &entry_id)), ["name_taken"]);

        let before = dump(app);
        let refused = restore_with(app, &entry_id, json!({})).problem(409, "name_taken");
        assert_eq!(refused["suggested_name"], "Prod (2)");
        assert_eq!(dump(app), before);
        let restored = restore_with(app, &entry_id, json!({"name": refused["suggested_name"]})).ok(200);
        assert_eq!(restored["connection"]["name"], "Prod (2)");
        assert_eq!(restored["connection"]["id"], old);
    }

    fn edge_07_two_trashed_twins_are_told_apart_by_their_entries(app: &TestApp) {
        let mut twins = Vec::new();
        for comment in ["first", "second"] {
            let twin = connection(app, "prod");
            content(app, &twin, comment, json!({}));
            let entry = delete(app, &format!("connections/{twin}"));
            twins.push((twin, entry));
        }
        let [(first, first_entry), (_, second_entry)] = twins.as_slice() else { panic!() };
        assert_eq!(listed(app, "q=prod"), [second_entry.as_str(), first_entry.as_str()]);

        let mut by_name = postgres_connection("prod");
        by_name["on_trashed"] = json!("restore");
        by_name["external_id"] = Value::Null;
        let refused = app.admin.post("/v1/connections", &by_name).problem(409, "ambiguous");
        assert_eq!(refused["entries"].as_array().unwrap().len(), 2);

        assert_eq!(restore(app, first_entry)["connection"]["id"], *first);
        let live = app.admin.get(&format!("/v1/connections/{first}/content")).ok(200);
        assert_eq!(live["data"][0]["name"], "first");
        assert_eq!(listed(app, ""), [second_entry.as_str()]);
    }

    fn edge_08_a_new_namesake_inherits_nothing(app: &TestApp) {
        let old = app.sample_connection("prod");
        let entry_id = delete(app, &format!("connections/{old}"));
        let mut bare = postgres_connection("prod");
        bare["secrets"] = json!({});
        bare["tags"] = json!({});
        bare["metadata"] = json!({});
        let new = app.admin.post("/v1/connections", &bare).ok(201);
        assert_ne!(id(&new), old);
        assert_eq!(new["status"], "needs_credentials");
        assert_eq!(new["secrets"]["password"]["set"], false);
        assert_eq!((&new["tags"], &new["metadata"], &new["version"]), (&json!({}), &json!({}), &json!(1)));
        for kind in ["models", "content"] {
            assert_eq!(app.admin.get(&format!("/v1/connections/{}/{kind}", id(&new))).ok(200)["data"], json!([]));
        }
        assert_eq!(entry(app, &entry_id)["state"], "in_trash");
    }

    fn edge_09_the_same_external_id_deleted_twice_leaves_two_entries(app: &TestApp) {
        let mut entries = Vec::new();
        for host in ["one.example.com", "two.example.com"] {
            let mut new = postgres_connection("prod");
            new["settings"]["host"] = json!(host);
            let made = id(&app.admin.put("/v1/integrations/postgres/connections/ext-prod", &new).ok(201));
            entries.push((delete(app, &format!("connections/{made}")), host));
        }
        assert_eq!(listed(app, "q=prod").len(), 2);
        for (entry_id, host) in &entries {
            let items = app.admin.get(&format!("/v1/trash/{entry_id}/items?kind=connection")).ok(200);
            assert_eq!(items["data"][0]["external_id"], "ext-prod");
            assert_eq!(items["data"][0]["settings"]["host"], *host);
        }
        restore(app, &entries[0].0);
        let refused = restore_with(app, &entries[1].0, json!({"name": "prod 2"})).problem(409, "external_id_taken");
        assert!(refused["id"].is_string());
        restore_with(app, &entries[1].0, json!({"name": "prod 2", "external_id": "ext-prod-2"})).ok(200);
    }

    fn edge_11_a_refusal_in_mid_cascade_moves_nothing(app: &TestApp) {
        let connection = connection(app, "prod");
        for n in 0..6 {
            content(app, &connection, &format!("K{n}"), json!({}));
        }
        let seventh = content(app, &connection, "the seventh", json!({"deletion_protection": true}));
        let before = dump(app);
        let refused = app.admin.delete(&format!("/v1/connections/{connection}")).problem(409, "deletion_protected");
        assert_eq!(refused["protected"], json!({"kind": "content", "id": seventh, "name": "the seventh"}));
        assert_eq!(dump(app), before);
        let secrets = app.admin.get(&format!("/v1/connections/{connection}/secrets")).ok(200);
        assert_eq!(secrets["secrets"]["password"], "correct horse battery staple");
    }

    fn edge_12_a_restore_is_complete_or_not_at_all(app: &TestApp) {
        let connection = app.sample_connection("prod");
        let entry_id = delete(app, &format!("connections/{connection}"));
        // One of the rows is lost: whatever did that, half a connection is not what the entry promised.
        sql(app, "DELETE FROM trash_content WHERE name = 'chart 1'");
        let before = dump(app);
        restore_with(app, &entry_id, json!({})).problem(500, "internal_error");
        assert_eq!(dump(app), before);
        assert_eq!(rows(app, "connections", "1 = 1"), 0);
        assert_eq!(rows(app, "trash_models", "1 = 1"), 3);
        sql(app, "UPDATE trash_entries SET content_count = 3");
        assert_eq!(restore(app, &entry_id)["restored"]["content"], 3);
    }

    fn edge_15_empty_required_secrets_do_not_block_the_restore(app: &TestApp) {
        let connection = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{connection}"));
        let restored = restore(app, &entry_id);
        assert_eq!(restored["needs_credentials"], json!(["password"]));
        assert_eq!(restored["connection"]["status"], "needs_credentials");
        assert_eq!(restored["connection"]["secrets"]["password"]["set"], false);
        let missing = app.admin.get(&format!("/v1/connections/{connection}/secrets")).problem(409, "needs_credentials");
        assert_eq!(missing["missing"], json!(["password"]));
    }

    fn edge_24_the_deleter_is_gone_and_a_reader_may_not_restore(app: &TestApp) {
        let connection = connection(app, "prod");
        let deleter = app.client(&["connections:delete", "connections:read", "trash:read"]);
        let entry_id = id(&deleter.delete(&format!("/v1/connections/{connection}")).ok(200));
        let key = deleter.get("/v1/whoami").ok(200)["key_id"].as_str().unwrap().to_owned();
        let revoked = app.admin.delete(&format!("/v1/api-keys/{key}"));
        assert!((200..300).contains(&revoked.status), "{revoked:#?}");
        deleter.get("/v1/trash").problem(401, "unauthenticated");

        // Whoever may read, write and delete, but not restore, finds no other way in.
        let reader = app.client(&["connections:*", "secrets:*", "trash:read"]);
        let before = dump(app);
        reader.post(&format!("/v1/trash/{entry_id}/restore"), &json!({})).problem(403, "missing_scope");
        reader.post(&format!("/v1/trash/{entry_id}/restore"), &json!({"validate_only": true})).problem(403, "missing_scope");
        let mut new = postgres_connection("prod");
        new["on_trashed"] = json!("restore");
        reader.post("/v1/connections", &new).problem(403, "missing_scope");
        reader.put("/v1/integrations/postgres/connections/ext-prod", &new).problem(403, "missing_scope");
        reader.patch(&format!("/v1/connections/{connection}"), &json!({"name": "mine"})).problem(410, "in_trash");
        assert_eq!(dump(app), before);

        assert_eq!(entry(app, &entry_id)["deleted_by"]["id"], format!("key:{key}"));
        let restorer = app.client(&["trash:restore"]);
        restorer.post(&format!("/v1/trash/{entry_id}/restore"), &json!({})).ok(200);
    }
}
