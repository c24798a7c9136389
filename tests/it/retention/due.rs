//! `POST /v1/trash/purge`: the purge on demand, of what is due and of nothing else.

use super::*;

on_both! {
    fn only_what_is_due_goes_whoever_asks(app: &TestApp) {
        let (due, not_due) = (expired(app, "due"), deleted(app, "not due"));
        let done = app.admin.post("/v1/trash/purge", &json!({"ids": [due, not_due]})).ok(200);
        assert_eq!((&done["purged"], &done["rows"]), (&json!(1), &json!(3)));
        assert_eq!((state(app, &due).as_str(), state(app, &not_due).as_str()), ("purged", "in_trash"));
        let actor = entry(app, &due)["closed_by"]["id"].as_str().unwrap().to_owned();
        assert!(actor.starts_with("key:"), "{actor}");
    }

    fn edge_case_25_a_stale_list_purges_nothing_at_all(app: &TestApp) {
        let (first, second, restored) = (expired(app, "first"), expired(app, "second"), expired(app, "restored"));
        let back = app.admin.post(&format!("/v1/trash/{restored}/restore"), &json!({})).ok(200);
        let live = id(&back["connection"]);
        for stale in [&restored, &live] {
            let refused = app.admin.post("/v1/trash/purge", &json!({"ids": [first, stale, second]})).problem(409, "not_in_trash");
            assert_eq!(refused["ids"], json!([stale]));
            app.admin.post("/v1/trash/purge", &json!({"ids": [first, stale], "validate_only": true})).problem(409, "not_in_trash");
        }
        assert_eq!((state(app, &first).as_str(), state(app, &second).as_str()), ("in_trash", "in_trash"));
        app.admin.get(&format!("/v1/connections/{live}")).ok(200);
    }

    fn a_filter_narrows_what_goes(app: &TestApp) {
        let (mine, other) = (expired(app, "mine"), expired(app, "other"));
        assert_eq!(app.admin.post("/v1/trash/purge", &json!({"filter": {"q": "MIN"}})).ok(200)["purged"], 1);
        assert_eq!((state(app, &mine).as_str(), state(app, &other).as_str()), ("purged", "in_trash"));
        app.admin.post("/v1/trash/purge", &json!({"filter": {}})).problem(422, "invalid_input");
        app.admin.post("/v1/trash/purge", &json!({"filter": {"q": "o"}, "ids": [other]})).problem(422, "invalid_input");
        app.admin.post("/v1/trash/purge", &json!({"limit": 0})).problem(422, "invalid_input");
        app.admin.post("/v1/trash/purge", &json!({"limit": 1001})).problem(422, "invalid_input");
        app.admin.post("/v1/trash/purge", &json!({"ids": []})).problem(422, "invalid_input");
        app.client(&["trash:*"]).post("/v1/trash/purge", &json!({})).problem(403, "missing_scope");
    }

    fn a_repeated_request_takes_no_more(app: &TestApp) {
        expired(app, "first");
        let client = app.admin.with("idempotency-key", "tonight");
        let first = client.post("/v1/trash/purge", &json!({})).ok(200);
        assert_eq!(first["purged"], 1);
        let second = expired(app, "second");
        assert_eq!(client.post("/v1/trash/purge", &json!({})).ok(200), first);
        assert_eq!(state(app, &second), "in_trash");
    }

    fn a_foreign_entry_is_neither_purged_nor_told_of(app: &TestApp) {
        let theirs = expired(app, "theirs");
        let other = app.other_organization("other");
        other.post("/v1/trash/purge", &json!({"ids": [theirs]})).problem(409, "not_in_trash");
        assert_eq!(other.post("/v1/trash/purge", &json!({})).ok(200)["purged"], 0);
        assert_eq!(state(app, &theirs), "in_trash");
    }

    fn edge_case_24_what_a_person_deleted_who_is_gone_is_purged_all_the_same(app: &TestApp) {
        let connection = id(&app.admin.post("/v1/connections", &postgres_connection("prod")).ok(201));
        let gone = app.client(&["connections:delete", "trash:read"]);
        let key = gone.get("/v1/whoami").ok(200)["key_id"].as_str().unwrap().to_owned();
        let entry_id = id(&gone.delete(&format!("/v1/connections/{connection}")).ok(200));
        app.admin.delete(&format!("/v1/api-keys/{key}")).ok(200);
        expire(app, &entry_id);
        assert_eq!(run(app).purged, 1);
        assert_eq!(entry(app, &entry_id)["deleted_by"]["id"], format!("key:{key}"));
    }
}
