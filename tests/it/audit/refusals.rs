//! What is refused is written down, too: who, what, and why not.

use super::*;

/// The refused calls and their codes, oldest first.
fn refused(app: &TestApp) -> Vec<(String, String)> {
    let mut all: Vec<_> = records(app, "outcome=refused")
        .iter()
        .map(|record| {
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            (word(&record["action"]), word(&record["detail"]["code"]))
        })
        .collect();
    all.reverse();
    all
}

on_both! {
    fn whoever_lacks_a_right_is_written_down_whatever_they_asked_for(app: &TestApp) {
        let id = app.sample_connection("prod");
        let reader = app.client(&["connections:read"]);
        reader.get(&format!("/v1/connections/{id}/secrets")).problem(403, "missing_scope");
        reader.delete(&format!("/v1/connections/{id}")).problem(403, "missing_scope");
        reader.with("reprieve-actor", "id=mallory").get("/v1/connections").problem(403, "missing_scope");
        assert_eq!(
            refused(app),
            [
                ("GET /v1/connections/{id}/secrets".to_owned(), "missing_scope".to_owned()),
                ("DELETE /v1/connections/{id}".to_owned(), "missing_scope".to_owned()),
                ("GET /v1/connections".to_owned(), "missing_scope".to_owned()),
            ]
        );
        let record = &records(app, &format!("outcome=refused&subject_id={id}"))[0];
        assert_eq!(record["subject"], json!({"kind": "connections", "id": id}));
        assert_eq!(record["detail"], json!({"code": "missing_scope", "status": 403, "scope": "connections:delete"}));
        assert_eq!(record["address"], "127.0.0.1");
        assert!(record["actor"]["id"].as_str().unwrap().starts_with("key:"), "{record}");
        assert!(record["request_id"].is_string());
        assert_eq!(record["announced"], false);
    }

    fn a_change_that_a_rule_refuses_is_written_down(app: &TestApp) {
        let id = app.sample_connection("prod");
        let path = format!("/v1/connections/{id}");
        app.admin.patch(&path, &json!({"deletion_protection": true})).ok(200);
        app.admin.delete(&path).problem(409, "deletion_protected");
        app.admin.patch(&path, &json!({"deletion_protection": false})).ok(200);
        app.admin.with("if-match", "\"1\"").patch(&path, &json!({"name": "x"})).problem(412, "version_mismatch");
        let entry = app.delete_connection(&id);
        app.admin.patch(&path, &json!({"name": "x"})).problem(410, "in_trash");
        app.admin.post(&format!("{path}/test"), &json!({})).problem(410, "in_trash");
        app.admin.post(&format!("/v1/trash/{entry}/holds"), &json!({"reason": "audit"})).ok(201);
        app.admin.post(&format!("/v1/trash/{entry}/purge"), &json!({"confirm": "prod"})).problem(409, "held");
        app.admin.post(&format!("/v1/trash/{entry}/purge"), &json!({"confirm": "dev"})).problem(422, "confirm_mismatch");
        let codes: Vec<String> = refused(app).into_iter().map(|(_, code)| code).collect();
        assert_eq!(codes, ["deletion_protected", "version_mismatch", "in_trash", "in_trash", "held", "confirm_mismatch"]);
        let of_entry = records(app, &format!("outcome=refused&entry_id={entry}"));
        assert_eq!(of_entry.len(), 2);
    }

    fn mistakes_looks_and_strangers_are_no_refusals(app: &TestApp) {
        let id = app.sample_connection("prod");
        let path = format!("/v1/connections/{id}");
        app.admin.patch(&path, &json!({"nothing": 1})).problem(422, "invalid_input");
        app.admin.post("/v1/connections", &json!([])).problem(422, "invalid_input");
        app.admin.patch(&path, &json!({"name": ""})).problem(422, "invalid_input");
        app.admin.delete(&format!("/v1/connections/{}", uuid::Uuid::now_v7())).problem(404, "not_found");
        app.admin.get(&format!("/v1/connections/{}", uuid::Uuid::now_v7())).problem(404, "not_found");
        app.delete_connection(&id);
        app.admin.get(&path).problem(410, "in_trash");
        app.stranger().get(&path).problem(401, "unauthenticated");
        assert_eq!(refused(app), []);
    }

    fn nothing_of_a_refused_request_is_written_down_but_ids(app: &TestApp) {
        let id = app.sample_connection("prod");
        app.delete_connection(&id);
        let canary = "Canary-7f3e9a";
        let path = format!("/v1/connections/{id}/secrets");
        app.admin.put(&path, &json!({"secrets": {"password": canary}})).problem(410, "in_trash");
        let reader = app.client(&["connections:read"]);
        reader.get(&format!("/v1/trash/{canary}")).problem(403, "missing_scope");
        reader.get(&format!("/v1/audit?actor={canary}")).problem(403, "missing_scope");
        assert_eq!(refused(app).len(), 3);
        let text = app.admin.get("/v1/audit?page_size=200").text;
        assert!(!text.contains(canary), "{text}");
    }

    fn the_answer_stays_when_a_refusal_cannot_be_written_down(app: &TestApp) {
        let id = app.sample_connection("prod");
        let reader = app.client(&["trash:read"]);
        app.sql().run("ALTER TABLE audit_seals RENAME TO seals_aside");
        reader.delete(&format!("/v1/connections/{id}")).problem(403, "missing_scope");
        app.sql().run("ALTER TABLE seals_aside RENAME TO audit_seals");
        assert_eq!(refused(app), []);
    }
}
