//! Creating a connection of which one like it is in the trash: `on_trashed`.

use super::*;

fn creating(name: &str, on_trashed: &str) -> Value {
    let mut new = postgres_connection(name);
    new["on_trashed"] = json!(on_trashed);
    new
}

on_both! {
    fn a_new_connection_is_made_beside_the_trashed_one(app: &TestApp) {
        let old = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{old}"));
        let new = app.admin.post("/v1/connections", &creating("prod", "new")).ok(201);
        assert_ne!(id(&new), old);
        assert_eq!(entry(app, &entry_id)["state"], "in_trash");
        assert_eq!(blocker_codes(&entry(app, &entry_id)), ["external_id_taken"]);
    }

    fn failing_names_the_entry_to_those_who_may_read_the_trash(app: &TestApp) {
        let old = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{old}"));
        let before = dump(app);
        let new = creating("prod", "fail");
        assert_eq!(app.admin.post("/v1/connections", &new).problem(409, "already_in_trash")["entry_id"], entry_id);
        let blind = app.client(&["connections:*", "secrets:*"]);
        assert_eq!(blind.post("/v1/connections", &new).problem(409, "already_in_trash")["entry_id"], Value::Null);
        // By name, where there is no external id.
        let mut by_name = creating("PROD", "fail");
        by_name["external_id"] = Value::Null;
        app.admin.post("/v1/connections", &by_name).problem(409, "already_in_trash");
        assert_eq!(dump(app), before);
        // Another external id is another connection, whatever its name.
        let mut other = creating("prod", "fail");
        other["external_id"] = json!("another");
        app.admin.post("/v1/connections", &other).ok(201);
    }

    fn restoring_brings_the_trashed_one_back_and_applies_the_request(app: &TestApp) {
        let old = app.sample_connection("prod");
        let contents = app.admin.get(&format!("/v1/connections/{old}/content")).ok(200);
        let entry_id = delete(app, &format!("connections/{old}"));
        let mut new = creating("Renamed", "restore");
        new["external_id"] = json!("ext-prod");
        new["tags"] = json!({"env": "test"});
        new["settings"]["host"] = json!("new.example.com");
        new["secrets"] = json!({"password": "entered again"});
        let restored = app.admin.post("/v1/connections", &new).ok(201);
        assert_eq!(id(&restored), old);
        assert_eq!((&restored["name"], &restored["status"]), (&json!("Renamed"), &json!("untested")));
        assert_eq!((&restored["tags"]["env"], &restored["settings"]["host"]), (&json!("test"), &json!("new.example.com")));
        assert_eq!(app.admin.get(&format!("/v1/connections/{old}/content")).ok(200), contents);
        assert_eq!(entry(app, &entry_id)["state"], "restored");
        let secrets = app.admin.get(&format!("/v1/connections/{old}/secrets")).ok(200);
        assert_eq!(secrets["secrets"]["password"], "entered again");
    }

    fn restoring_without_secrets_needs_them(app: &TestApp) {
        let old = connection(app, "prod");
        delete(app, &format!("connections/{old}"));
        let mut new = creating("prod", "restore");
        new["secrets"] = json!({});
        assert_eq!(app.admin.post("/v1/connections", &new).ok(201)["status"], "needs_credentials");
        app.admin.get(&format!("/v1/connections/{old}/secrets")).problem(409, "needs_credentials");
    }

    fn restoring_takes_the_name_of_the_request(app: &TestApp) {
        let old = connection(app, "prod");
        delete(app, &format!("connections/{old}"));
        let mut namesake = postgres_connection("prod");
        namesake["external_id"] = json!("another");
        app.admin.post("/v1/connections", &namesake).ok(201);
        let mut new = creating("prod two", "restore");
        new["external_id"] = json!("ext-prod");
        let restored = app.admin.post("/v1/connections", &new).ok(201);
        assert_eq!((id(&restored), &restored["name"]), (old, &json!("prod two")));
    }

    fn restoring_creates_where_nothing_is_in_the_trash(app: &TestApp) {
        let new = app.admin.post("/v1/connections", &creating("prod", "restore")).ok(201);
        let of_another = app.client(&["connections:*", "secrets:*"]).post("/v1/connections", &creating("other", "restore")).ok(201);
        assert_ne!(id(&new), id(&of_another));
        app.admin.post("/v1/connections", &creating("prod", "restore")).problem(409, "external_id_taken");
    }

    fn several_twins_are_ambiguous(app: &TestApp) {
        let entries: Vec<String> = (0..2)
            .map(|_| {
                let twin = connection(app, "prod");
                delete(app, &format!("connections/{twin}"))
            })
            .collect();
        let before = dump(app);
        for choice in ["fail", "restore"] {
            let refused = app.admin.post("/v1/connections", &creating("prod", choice)).problem(409, "ambiguous");
            assert_eq!(refused["entries"], json!([entries[1], entries[0]]));
            let blind = app.client(&["connections:*", "secrets:*", "trash:restore"]);
            let refused = blind.post("/v1/connections", &creating("prod", choice)).problem(409, "ambiguous");
            assert_eq!(refused["entries"], Value::Null);
        }
        assert_eq!(dump(app), before);
        purge(app, &entries[1], "prod");
        let restored = app.admin.post("/v1/connections", &creating("prod", "restore")).ok(201);
        assert_eq!(entry(app, &entries[0])["root"]["id"], restored["id"]);
    }

    fn restoring_by_creating_needs_the_scope_to_restore(app: &TestApp) {
        let old = connection(app, "prod");
        delete(app, &format!("connections/{old}"));
        let before = dump(app);
        let writer = app.client(&["connections:*", "secrets:*", "trash:read"]);
        let refused = writer.post("/v1/connections", &creating("prod", "restore")).problem(403, "missing_scope");
        assert_eq!(refused["scope"], "trash:restore");
        assert_eq!(dump(app), before);
    }
}
