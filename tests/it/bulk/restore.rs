//! The undo of a mass deletion is one call.

use super::*;

const PATH: &str = "/v1/trash/restore";

on_both! {
    fn what_one_person_deleted_in_an_evening_comes_back_by_one_call(app: &TestApp) {
        let ids: Vec<String> = (0..10).map(|n| connection(app, &format!("c{n}"))).collect();
        let others = connection(app, "others");
        deleted_by(app, "alice", &others);
        let before = app.admin.get("/v1/trash?sort=deleted_at").ok(200)["data"][0]["deleted_at"].clone();
        for id in &ids {
            deleted_by(app, "mallory", id);
        }
        let filter = json!({"filter": {"deleted_by": "mallory", "deleted_after": before, "kind": "connection"}});
        let mut plan = filter.clone();
        plan["validate_only"] = json!(true);
        let plan = app.admin.post(PATH, &plan).ok(200);
        assert_eq!((outcomes(&plan), &plan["restored"]), (vec!["would_restore"; 10], &json!(10)));
        assert!(!is_live(app, &ids[0]));
        let done = app.admin.post(PATH, &filter).ok(200);
        assert_eq!((outcomes(&done), &done["failed"]), (vec!["restored"; 10], &json!(0)));
        assert_eq!(done["data"][0]["name"], "c9", "the newest deletion comes first");
        assert_eq!(done["data"][0]["needs_credentials"], json!(["password"]));
        assert!(ids.iter().all(|id| is_live(app, id)));
        assert!(!is_live(app, &others), "somebody else's deletion stays");
        assert_eq!(app.admin.post(PATH, &filter).ok(200)["data"], json!([]));
    }

    fn one_entry_that_fails_hides_no_other_that_succeeds(app: &TestApp) {
        let [first, second, third] = ["first", "second", "third"].map(|name| connection(app, name));
        let entries = [&first, &second, &third].map(|id| app.delete_connection(id));
        let holder = connection(app, "second");
        let unknown = "01890000-0000-7000-8000-000000000000";
        app.admin.post(&format!("/v1/trash/{}/restore", entries[0]), &json!({})).ok(200);
        let ids = json!({"ids": [entries[0], unknown, entries[1], entries[2]]});
        let mut plan = ids.clone();
        plan["validate_only"] = json!(true);
        let planned = app.admin.post(PATH, &plan).ok(200);
        let done = app.admin.post(PATH, &ids).ok(200);
        assert_eq!(outcomes(&done), ["restored", "external_id_taken", "entry_closed", "not_found"]);
        assert_eq!(outcomes(&planned), ["would_restore", "external_id_taken", "entry_closed", "not_found"]);
        assert_eq!((&done["restored"], &done["failed"]), (&json!(1), &json!(3)));
        assert_eq!(done["data"][1]["problem"]["id"], holder.as_str());
        assert!(is_live(app, &third) && !is_live(app, &second));
    }

    fn of_two_with_one_name_the_newest_deletion_gets_it_and_the_plan_knows(app: &TestApp) {
        let older = connection(app, "prod");
        app.delete_connection(&older);
        let newer = connection(app, "prod");
        app.delete_connection(&newer);
        for (validate_only, fine) in [(true, "would_restore"), (false, "restored")] {
            let answer = app.admin.post(PATH, &json!({"filter": {"q": "PROD"}, "validate_only": validate_only})).ok(200);
            assert_eq!(outcomes(&answer), [fine, "external_id_taken"]);
        }
        assert!(is_live(app, &newer) && !is_live(app, &older));
    }

    fn what_was_deleted_before_its_parent_follows_it_in_the_same_call(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let content = app.admin.get(&format!("/v1/connections/{id}/content")).ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        let me = acting_as(app, "mallory");
        me.delete(&format!("/v1/content/{content}")).ok(200);
        me.delete(&format!("/v1/connections/{id}")).ok(200);
        for (validate_only, fine) in [(true, "would_restore"), (false, "restored")] {
            let answer = app.admin.post(PATH, &json!({"filter": {"deleted_by": "mallory"}, "validate_only": validate_only})).ok(200);
            assert_eq!(outcomes(&answer), [fine, fine]);
        }
        app.admin.get(&format!("/v1/content/{content}")).ok(200);
    }

    fn rows_of_other_connections_do_not_stand_in_each_others_way_in_a_plan(app: &TestApp) {
        let models = ["first", "second"].map(|name| {
            let id = app.sample_connection(name);
            app.admin.get(&format!("/v1/connections/{id}/models")).ok(200)["data"][0]["id"].as_str().unwrap().to_owned()
        });
        for model in &models {
            app.admin.delete(&format!("/v1/models/{model}")).ok(200);
        }
        for (validate_only, fine) in [(true, "would_restore"), (false, "restored")] {
            let answer = app.admin.post(PATH, &json!({"filter": {"kind": "model"}, "validate_only": validate_only})).ok(200);
            assert_eq!(outcomes(&answer), [fine, fine]);
        }
    }

    fn ancestors_come_back_first_only_if_asked_for(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let content = app.admin.get(&format!("/v1/connections/{id}/content")).ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        let of_content = app.admin.delete(&format!("/v1/content/{content}")).ok(200)["id"].clone();
        let of_connection = app.delete_connection(&id);
        for validate_only in [true, false] {
            let answer = app.admin.post(PATH, &json!({"ids": [of_content], "validate_only": validate_only})).ok(200);
            assert_eq!(outcomes(&answer), ["parent_in_trash"]);
            assert_eq!(answer["data"][0]["problem"]["entry_id"], of_connection.as_str());
        }
        let plan = app.admin.post(PATH, &json!({"ids": [of_content], "with_ancestors": true, "validate_only": true})).ok(200);
        let done = app.admin.post(PATH, &json!({"ids": [of_content], "with_ancestors": true})).ok(200);
        assert_eq!(outcomes(&done), ["restored"]);
        assert_eq!(done["data"][0]["ancestors"], json!([of_connection]));
        assert_eq!(plan["data"][0]["restored"], done["data"][0]["restored"]);
    }

    fn the_same_call_with_the_same_key_has_one_effect_and_tries_again_only_what_failed(app: &TestApp) {
        let [first, second] = ["first", "second"].map(|name| connection(app, name));
        let entries = [&first, &second].map(|id| deleted_by(app, "mallory", id));
        let holder = connection(app, "second");
        let call = json!({"filter": {"deleted_by": "mallory"}});
        let keyed = app.admin.with("idempotency-key", "undo-1");
        let once = keyed.post(PATH, &call);
        assert_eq!(outcomes(&once.ok(200)), ["external_id_taken", "restored"]);
        assert_eq!(once.header("idempotency-replayed"), None);
        // Deleted again since: a repetition must not take that for its own.
        let again = deleted_by(app, "mallory", &first);
        app.delete_connection(&holder);
        let twice = keyed.post(PATH, &call);
        assert_eq!(twice.header("idempotency-replayed"), Some("true"));
        assert_eq!(outcomes(&twice.ok(200)), ["restored", "restored"]);
        assert_eq!(twice.json()["data"][1]["entry_id"], entries[0].as_str());
        assert!(!is_live(app, &first) && is_live(app, &second));
        assert_eq!(app.admin.get(&format!("/v1/trash/{again}")).ok(200)["state"], "in_trash");
        keyed.post(PATH, &json!({"filter": {"deleted_by": "alice"}})).problem(422, "idempotency_key_reused");
    }

    fn a_request_that_names_nothing_or_too_much_is_refused(app: &TestApp) {
        let id = "01890000-0000-7000-8000-000000000000";
        let many: Vec<String> = (0..1_001).map(|_| uuid::Uuid::now_v7().to_string()).collect();
        for (body, pointer, code) in [
            (json!({}), "", "ambiguous"),
            (json!({"ids": [id], "filter": {"q": "x"}}), "", "ambiguous"),
            (json!({"ids": []}), "/ids", "out_of_range"),
            (json!({"ids": many}), "/ids", "out_of_range"),
            (json!({"ids": [id, id]}), "/ids/1", "duplicate"),
            (json!({"filter": {}}), "/filter", "required"),
            (json!({"filter": {"q": ""}}), "/filter", "required"),
            (json!({"filter": {"deleted_after": "yesterday"}}), "/filter/deleted_after", "invalid_value"),
            (json!({"filter": {"deleted_by": "a\u{0}"}}), "/filter/deleted_by", "nul_character"),
            (json!({"ids": [id], "page_token": "x"}), "/page_token", "not_allowed"),
        ] {
            let reply = app.admin.post(PATH, &body);
            reply.problem(422, "invalid_input");
            assert_eq!(reply.field_errors(), [(pointer.to_owned(), code.to_owned())]);
        }
        app.admin.post(PATH, &json!({"filter": {"color": "red"}})).problem(422, "invalid_input");
        app.client(&["trash:read"]).post(PATH, &json!({"ids": [id]})).problem(403, "missing_scope");
    }
}
