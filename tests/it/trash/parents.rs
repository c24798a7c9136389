//! Entries whose parents are in the trash themselves.

use super::*;

/// Content on a model that extends another, and one entry for each of them and the connection, innermost first.
struct Chain {
    connection: String,
    base: String,
    extension: String,
    content: String,
    entries: [String; 4],
}

fn chain(app: &TestApp) -> Chain {
    let connection = connection(app, "prod");
    let base = model(app, &connection, "base", json!({}));
    let extension = model(
        app,
        &connection,
        "extension",
        json!({"base_model_id": base}),
    );
    let content = content(app, &connection, "chart", json!({"model_id": extension}));
    super::content(
        app,
        &connection,
        "left with the base",
        json!({"model_id": base}),
    );
    let entries = [
        delete(app, &format!("content/{content}")),
        delete(app, &format!("models/{extension}")),
        delete(app, &format!("models/{base}")),
        delete(app, &format!("connections/{connection}")),
    ];
    Chain {
        connection,
        base,
        extension,
        content,
        entries,
    }
}

on_both! {
    fn a_parent_in_the_trash_is_named_with_its_entry(app: &TestApp) {
        let Chain { entries: [of_content, of_extension, of_base, of_connection], .. } = chain(app);
        let before = dump(app);
        for entry_id in [&of_content, &of_extension, &of_base] {
            let refused = restore_with(app, entry_id, json!({})).problem(409, "parent_in_trash");
            assert_eq!(refused["entry_id"], of_connection);
        }
        assert_eq!(dump(app), before);
        restore(app, &of_connection);
        // Then the next parent stands in the way.
        for (entry_id, parent) in [(&of_content, &of_extension), (&of_extension, &of_base)] {
            let refused = restore_with(app, entry_id, json!({})).problem(409, "parent_in_trash");
            assert_eq!(refused["entry_id"], *parent);
            assert_eq!(entry(app, entry_id)["blockers"][0]["entry_id"], *parent);
        }
        for entry_id in [&of_base, &of_extension, &of_content] {
            assert_eq!(entry(app, entry_id)["restorable"], true);
            restore(app, entry_id);
        }
    }

    fn with_ancestors_brings_back_the_whole_chain_at_once(app: &TestApp) {
        let chain = chain(app);
        let [of_content, of_extension, of_base, of_connection] = &chain.entries;
        let plan = restore_with(app, of_content, json!({"with_ancestors": true, "validate_only": true})).ok(200);
        assert_eq!(plan["ancestors"], json!([of_connection, of_base, of_extension]));

        let done = restore_with(app, of_content, json!({"with_ancestors": true, "plan_token": plan["plan_token"]})).ok(200);
        assert_eq!(done["ancestors"], plan["ancestors"]);
        assert_eq!(done["restored"], json!({"integrations": 0, "connections": 1, "models": 2, "content": 2, "links": 0}));
        assert_eq!(done["restored"], plan["restores"]);
        assert_eq!(done["needs_credentials"], json!(["password"]));
        assert_eq!(app.admin.get(&format!("/v1/content/{}", chain.content)).ok(200)["model_id"], chain.extension);
        assert_eq!(app.admin.get(&format!("/v1/models/{}", chain.extension)).ok(200)["base_model_id"], chain.base);
        assert_eq!(done["connection"]["id"], chain.connection);
        for entry_id in &chain.entries {
            assert_eq!(entry(app, entry_id)["state"], "restored");
        }
        assert_eq!(rows(app, "audit_events", "action IN ('connection.restored', 'model.restored', 'content.restored')"), 4);
    }

    fn an_ancestor_that_cannot_come_back_stops_all(app: &TestApp) {
        let chain = chain(app);
        let [of_content, ..] = &chain.entries;
        let mut namesake = postgres_connection("prod");
        namesake["external_id"] = json!("another");
        app.admin.post("/v1/connections", &namesake).ok(201);
        let before = dump(app);
        restore_with(app, of_content, json!({"with_ancestors": true})).problem(409, "name_taken");
        assert_eq!(dump(app), before);
    }

    fn a_purged_ancestor_is_told_and_a_target_helps(app: &TestApp) {
        let chain = chain(app);
        let [of_content, of_extension, of_base, of_connection] = &chain.entries;
        purge(app, of_base, "base");
        for entry_id in [of_content, of_extension] {
            restore_with(app, entry_id, json!({"with_ancestors": true})).problem(409, "parent_purged");
        }
        restore(app, of_connection);
        assert_eq!(blocker_codes(&entry(app, of_extension)), ["parent_purged"]);
        restore_with(app, of_extension, json!({"target": {"connection_id": chain.connection}})).ok(200);
        assert_eq!(app.admin.get(&format!("/v1/models/{}", chain.extension)).ok(200)["base_model_id"], Value::Null);
        restore(app, of_content);
        assert_eq!(app.admin.get(&format!("/v1/content/{}", chain.content)).ok(200)["model_id"], chain.extension);
    }

    fn a_parent_restored_into_another_connection_is_told(app: &TestApp) {
        let one = connection(app, "one");
        let two = connection(app, "two");
        let model = model(app, &one, "M", json!({}));
        let row = content(app, &one, "K", json!({"model_id": model}));
        let of_content = delete(app, &format!("content/{row}"));
        let of_model = delete(app, &format!("models/{model}"));
        restore_with(app, &of_model, json!({"target": {"connection_id": two}})).ok(200);

        let before = dump(app);
        assert_eq!(blocker_codes(&entry(app, &of_content)), ["parent_moved"]);
        assert_eq!(listed(app, "restorable=true"), [""; 0]);
        for request in [json!({}), json!({"with_ancestors": true}), json!({"validate_only": true})] {
            restore_with(app, &of_content, request).problem(409, "parent_moved");
        }
        assert_eq!(dump(app), before);
        restore_with(app, &of_content, json!({"target": {"connection_id": two, "model_id": model}})).ok(200);
    }
}
