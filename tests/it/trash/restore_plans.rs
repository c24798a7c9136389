//! What a restore says it would do, and whether it then does that.

use super::*;

on_both! {
    fn validate_only_answers_what_the_restore_then_does(app: &TestApp) {
        let id = app.sample_connection("prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        let before = dump(app);
        let plan = restore_with(app, &entry_id, json!({"validate_only": true, "name": "new"})).ok(200);
        assert_eq!((&plan["entry_id"], &plan["name"]), (&json!(entry_id), &json!("new")));
        assert_eq!(plan["ancestors"], json!([]));
        assert_eq!(dump(app), before);

        let request = json!({"name": "new", "plan_token": plan["plan_token"]});
        let done = restore_with(app, &entry_id, request).ok(200);
        assert_eq!(done["restored"], plan["restores"]);
    }

    fn a_stale_plan_of_a_restore_is_refused(app: &TestApp) {
        let id = app.sample_connection("prod");
        let models = ids(&app.admin.get(&format!("/v1/connections/{id}/models")).ok(200));
        let of_model = delete(app, &format!("models/{}", models[2]));
        let of_connection = delete(app, &format!("connections/{id}"));
        let plan = restore_with(app, &of_model, json!({"validate_only": true, "with_ancestors": true})).ok(200);
        assert_eq!(plan["ancestors"], json!([of_connection]));
        restore(app, &of_connection);

        let before = dump(app);
        let request = json!({"with_ancestors": true, "plan_token": plan["plan_token"]});
        let refused = restore_with(app, &of_model, request.clone()).problem(409, "plan_stale");
        let mut asked = request;
        asked["validate_only"] = json!(true);
        restore_with(app, &of_model, asked).problem(409, "plan_stale");
        assert_eq!(dump(app), before);
        restore_with(app, &of_model, json!({"with_ancestors": true, "plan_token": refused["plan_token"]})).ok(200);
    }

    fn a_plan_holds_for_the_request_it_was_made_for(app: &TestApp) {
        let id = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        let plan = restore_with(app, &entry_id, json!({"validate_only": true})).ok(200);
        let renamed = json!({"name": "other", "plan_token": plan["plan_token"]});
        restore_with(app, &entry_id, renamed).problem(409, "plan_stale");
        restore_with(app, &entry_id, json!({"plan_token": plan["plan_token"]})).ok(200);
    }

    fn validate_only_refuses_what_the_restore_would_refuse(app: &TestApp) {
        let id = connection(app, "prod");
        let content = content(app, &id, "K", json!({}));
        let of_content = delete(app, &format!("content/{content}"));
        let of_connection = delete(app, &format!("connections/{id}"));
        let asked = |entry: &str, mut request: Value| {
            request["validate_only"] = json!(true);
            restore_with(app, entry, request)
        };
        assert_eq!(asked(&of_content, json!({})).problem(409, "parent_in_trash")["entry_id"], of_connection);
        connection(app, "prod");
        asked(&of_connection, json!({"external_id": "free"})).problem(409, "name_taken");
        asked(&of_connection, json!({"name": "free"})).problem(409, "external_id_taken");
        // Whose it is stands there, both times.
        for request in [json!({"with_ancestors": true, "validate_only": true}), json!({"with_ancestors": true})] {
            let refused = restore_with(app, &of_content, request).problem(409, "external_id_taken");
            assert_eq!((&refused["entry_id"], &refused["detail"]), (&json!(of_connection), &json!("The external id of the connection this belongs to is taken.")));
        }
        purge(app, &of_connection, "prod");
        asked(&of_connection, json!({})).problem(409, "entry_closed");
        asked(&of_content, json!({})).problem(409, "parent_purged");
    }

    fn validate_only_sees_what_an_ancestor_would_bring_into_the_way(app: &TestApp) {
        let id = connection(app, "prod");
        let first = content(app, &id, "first", json!({"external_id": "k"}));
        let of_first = delete(app, &format!("content/{first}"));
        content(app, &id, "second", json!({"external_id": "k"}));
        let of_connection = delete(app, &format!("connections/{id}"));

        let before = dump(app);
        restore_with(app, &of_first, json!({"with_ancestors": true})).problem(409, "external_id_taken");
        assert_eq!(dump(app), before);
        restore_with(app, &of_first, json!({"with_ancestors": true, "validate_only": true})).problem(409, "external_id_taken");
        let request = json!({"with_ancestors": true, "external_id": "k2"});
        let done = restore_with(app, &of_first, request).ok(200);
        assert_eq!(done["ancestors"], json!([of_connection]));
        assert_eq!(done["restored"]["content"], 2);
    }

    fn validate_only_sees_what_is_live_beside_a_model_in_the_trash(app: &TestApp) {
        let id = connection(app, "prod");
        let model = model(app, &id, "M", json!({}));
        let row = content(app, &id, "K", json!({"external_id": "k", "model_id": model}));
        let of_content = delete(app, &format!("content/{row}"));
        delete(app, &format!("models/{model}"));
        content(app, &id, "K again", json!({"external_id": "k"}));
        for validate_only in [true, false] {
            let request = json!({"with_ancestors": true, "validate_only": validate_only});
            restore_with(app, &of_content, request).problem(409, "external_id_taken");
        }
    }
}
