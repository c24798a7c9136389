//! Deleting many connections, with the plan first.

use super::*;

const PATH: &str = "/v1/connections/delete";

on_both! {
    fn the_plan_says_in_numbers_what_goes_and_the_call_does_that(app: &TestApp) {
        let [first, second] = ["first", "second"].map(|name| app.sample_connection(name));
        let ids = json!([first, second]);
        let plan = app.admin.post(PATH, &json!({"ids": ids, "validate_only": true})).ok(200);
        assert_eq!(outcomes(&plan), ["would_delete", "would_delete"]);
        assert_eq!(plan["impact"], json!({"integrations": 0, "connections": 2, "models": 6, "content": 8, "links": 4}));
        assert!(is_live(app, &first));
        let done = app.admin.post(PATH, &json!({"ids": ids, "plan_token": plan["plan_token"], "reason": "moved"})).ok(200);
        assert_eq!(outcomes(&done), ["deleted", "deleted"]);
        assert_eq!((&done["impact"], &done["deleted"]), (&plan["impact"], &json!(2)));
        let entry = done["data"][0]["entry_id"].as_str().unwrap();
        assert_eq!(app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["reason"], "moved");
        assert!(!is_live(app, &first) && !is_live(app, &second));
    }

    fn connections_that_link_to_each_other_go_by_one_plan(app: &TestApp) {
        let [first, second] = ["first", "second"].map(|name| app.sample_connection(name));
        let target = app.admin.get(&format!("/v1/connections/{first}/content")).ok(200)["data"][0]["id"].clone();
        let linking = json!({"name": "linking", "links": [{"content_id": target}]});
        app.admin.post(&format!("/v1/connections/{second}/content"), &linking).ok(201);
        for ids in [json!([first, second]), json!([second, first])] {
            let plan = app.admin.post(PATH, &json!({"ids": ids, "validate_only": true})).ok(200);
            let done = app.admin.post(PATH, &json!({"ids": ids, "plan_token": plan["plan_token"]})).ok(200);
            assert_eq!(outcomes(&done), ["deleted", "deleted"]);
            let entries: Vec<&Value> = done["data"].as_array().unwrap().iter().map(|row| &row["entry_id"]).collect();
            let back = app.admin.post("/v1/trash/restore", &json!({"ids": entries})).ok(200);
            assert_eq!(back["failed"], 0);
        }
    }

    fn a_stale_plan_deletes_nothing_and_shows_the_new_one(app: &TestApp) {
        let [first, second] = ["first", "second"].map(|name| app.sample_connection(name));
        let ids = json!([first, second]);
        let plan = app.admin.post(PATH, &json!({"ids": ids, "validate_only": true})).ok(200);
        app.admin.post(&format!("/v1/connections/{second}/models"), &json!({"name": "late"})).ok(201);
        let stale = app.admin.post(PATH, &json!({"ids": ids, "plan_token": plan["plan_token"]})).problem(409, "plan_stale");
        assert_eq!(stale["plan"]["impact"]["models"], 7);
        assert!(is_live(app, &first) && is_live(app, &second));
        let token = &stale["plan"]["plan_token"];
        assert_eq!(outcomes(&app.admin.post(PATH, &json!({"ids": ids, "plan_token": token})).ok(200)), ["deleted", "deleted"]);
    }

    fn a_protected_one_stays_and_the_others_go(app: &TestApp) {
        let [first, kept, third] = ["first", "kept", "third"].map(|name| connection(app, name));
        app.admin.patch(&format!("/v1/connections/{kept}"), &json!({"deletion_protection": true})).ok(200);
        let gone = connection(app, "gone");
        app.delete_connection(&gone);
        let done = app.admin.post(PATH, &json!({"ids": [first, kept, gone, third]})).ok(200);
        assert_eq!(outcomes(&done), ["deleted", "deletion_protected", "in_trash", "deleted"]);
        assert_eq!(done["data"][1]["problem"]["protected"]["id"], kept.as_str());
        assert!(is_live(app, &kept));
    }

    fn a_repetition_deletes_nothing_twice_even_with_the_plan_it_was_made_by(app: &TestApp) {
        let [first, second] = ["first", "second"].map(|name| connection(app, name));
        let ids = json!([first, second]);
        let plan = app.admin.post(PATH, &json!({"ids": ids, "validate_only": true})).ok(200);
        let keyed = app.admin.with("idempotency-key", "tidy");
        let call = json!({"ids": ids, "plan_token": plan["plan_token"]});
        let once = keyed.post(PATH, &call).ok(200);
        let entry = once["data"][0]["entry_id"].as_str().unwrap();
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        let twice = keyed.post(PATH, &call);
        assert_eq!(twice.ok(200), once);
        assert!(is_live(app, &first), "what was restored since stays");
    }

    fn wrong_ids_and_rights_are_refused_before_anything_goes(app: &TestApp) {
        let id = connection(app, "first");
        for (body, pointer, code) in [
            (json!({"ids": []}), "/ids", "out_of_range"),
            (json!({"ids": [id, id]}), "/ids/1", "duplicate"),
            (json!({"ids": [id], "reason": "a\u{0}"}), "/reason", "nul_character"),
        ] {
            let reply = app.admin.post(PATH, &body);
            reply.problem(422, "invalid_input");
            assert_eq!(reply.field_errors(), [(pointer.to_owned(), code.to_owned())]);
        }
        app.admin.post(PATH, &json!({"ids": ["x"]})).problem(422, "invalid_input");
        app.client(&["connections:write"]).post(PATH, &json!({"ids": [id]})).problem(403, "missing_scope");
        let stranger = app.other_organization("north").post(PATH, &json!({"ids": [id]})).ok(200);
        assert_eq!(outcomes(&stranger), ["not_found"]);
        assert!(is_live(app, &id));
    }
}
