//! Restoring to another place.

use super::*;

on_both! {
    fn content_moves_to_another_connection_and_model(app: &TestApp) {
        let one = connection(app, "one");
        let two = connection(app, "two");
        let old_model = model(app, &one, "old", json!({}));
        let new_model = model(app, &two, "new", json!({}));
        let row = content(app, &one, "K", json!({"model_id": old_model, "external_id": "k"}));
        for (target, model) in [
            (json!({"connection_id": two, "model_id": new_model}), json!(new_model)),
            (json!({"connection_id": two}), Value::Null),
            (json!({"connection_id": one, "model_id": old_model}), json!(old_model)),
            (json!({"connection_id": one}), Value::Null),
        ] {
            let entry_id = delete(app, &format!("content/{row}"));
            let done = restore_with(app, &entry_id, json!({ "target": target })).ok(200);
            assert_eq!(done["connection"]["id"], target["connection_id"]);
            let live = app.admin.get(&format!("/v1/content/{row}")).ok(200);
            assert_eq!((&live["connection_id"], &live["model_id"]), (&target["connection_id"], &model));
            assert_eq!(live["external_id"], "k");
        }
    }

    fn a_model_takes_all_of_its_entry_to_another_connection(app: &TestApp) {
        let one = app.sample_connection("one");
        let two = connection(app, "two");
        let models = ids(&app.admin.get(&format!("/v1/connections/{one}/models")).ok(200));
        let entry_id = delete(app, &format!("models/{}", models[0]));
        let done = restore_with(app, &entry_id, json!({"target": {"connection_id": two}})).ok(200);
        assert_eq!(done["restored"], json!({"integrations": 0, "connections": 0, "models": 2, "content": 3, "links": 2}));

        let live = app.admin.get(&format!("/v1/connections/{two}/models")).ok(200);
        assert_eq!(ids(&live), models[..2]);
        assert_eq!(live["data"][1]["base_model_id"], models[0]);
        let moved = app.admin.get(&format!("/v1/connections/{two}/content")).ok(200);
        assert_eq!(moved["data"].as_array().unwrap().len(), 3);
        assert!(moved["data"].as_array().unwrap().iter().all(|row| row["connection_id"] == two));
        assert_eq!(moved["data"][2]["model_id"], models[1]);
        // The dashboard stayed, and links into the other connection now.
        let stayed = ids(&app.admin.get(&format!("/v1/connections/{one}/content")).ok(200));
        assert_eq!(stayed.len(), 1);
        assert_eq!(links_of(app, &stayed[0]).len(), 2);
    }

    fn a_model_may_get_another_base(app: &TestApp) {
        let one = connection(app, "one");
        let two = connection(app, "two");
        let base = model(app, &two, "base", json!({}));
        let row = model(app, &one, "M", json!({}));
        let entry_id = delete(app, &format!("models/{row}"));
        restore_with(app, &entry_id, json!({"target": {"connection_id": two, "model_id": base}})).ok(200);
        let live = app.admin.get(&format!("/v1/models/{row}")).ok(200);
        assert_eq!((&live["connection_id"], &live["base_model_id"]), (&json!(two), &json!(base)));
        assert_eq!(entry(app, &entry_id)["connection_id"], one);
    }

    fn an_external_id_taken_at_the_target_is_refused(app: &TestApp) {
        let one = connection(app, "one");
        let two = connection(app, "two");
        let base = model(app, &one, "base", json!({"external_id": "m"}));
        content(app, &one, "K", json!({"model_id": base, "external_id": "k"}));
        content(app, &two, "K", json!({"external_id": "k"}));
        let entry_id = delete(app, &format!("models/{base}"));
        let before = dump(app);
        restore_with(app, &entry_id, json!({"target": {"connection_id": two}})).problem(409, "external_id_taken");
        assert_eq!(dump(app), before);
        restore(app, &entry_id);
        assert_eq!(app.admin.get(&format!("/v1/models/{base}")).ok(200)["connection_id"], one);
    }

    fn an_unknown_target_is_refused(app: &TestApp) {
        let one = connection(app, "one");
        let two = connection(app, "two");
        let of_two = model(app, &two, "of two", json!({}));
        let row = content(app, &one, "K", json!({}));
        let entry_id = delete(app, &format!("content/{row}"));
        let trashed = connection(app, "trashed");
        delete(app, &format!("connections/{trashed}"));
        let foreign = app.other_organization("foreign");
        let foreign = id(&foreign.post("/v1/connections", &postgres_connection("x")).ok(201));

        let before = dump(app);
        let nobody = uuid::Uuid::now_v7().to_string();
        for connection_id in [&nobody, &trashed, &foreign] {
            let refused = restore_with(app, &entry_id, json!({"target": {"connection_id": connection_id}}));
            refused.problem(422, "invalid_input");
            assert_eq!(refused.field_errors(), [("/target/connection_id".to_owned(), "unknown_connection".to_owned())]);
        }
        for model_id in [&nobody, &of_two] {
            let refused = restore_with(app, &entry_id, json!({"target": {"connection_id": one, "model_id": model_id}}));
            assert_eq!(refused.field_errors(), [("/target/model_id".to_owned(), "unknown_model".to_owned())]);
        }
        restore_with(app, &entry_id, json!({"target": {}})).problem(422, "invalid_input");
        assert_eq!(dump(app), before);
    }

    fn a_connection_has_no_target(app: &TestApp) {
        let one = connection(app, "one");
        let two = connection(app, "two");
        let entry_id = delete(app, &format!("connections/{one}"));
        let refused = restore_with(app, &entry_id, json!({"target": {"connection_id": two}}));
        refused.problem(422, "invalid_input");
        assert_eq!(refused.field_errors(), [("/target".to_owned(), "not_allowed".to_owned())]);
    }
}
