//! Holds: several on one entry, each with its owner; what they keep, and for how long after they end.

use super::*;

fn hold(app: &TestApp, entry: &str, body: &Value) -> Value {
    app.admin
        .post(&format!("/v1/trash/{entry}/holds"), body)
        .ok(201)
}

on_both! {
    fn what_is_on_hold_is_not_purged_until_a_day_after_the_last_hold_ended(app: &TestApp) {
        let entry_id = expired(app, "prod");
        let legal = hold(app, &entry_id, &json!({"reason": "case 4711"}));
        let second = app.admin.with("reprieve-actor", "id=ann; name=Ann")
            .post(&format!("/v1/trash/{entry_id}/holds"), &json!({"reason": "still looking", "ends_at": in_hours(5)})).ok(201);
        assert_eq!((&second["owner"], &second["active"]), (&json!("ann"), &json!(true)));
        let shown = entry(app, &entry_id);
        assert_eq!((&shown["held"], &shown["kept_by"]), (&json!(true), &json!(["hold"])));
        assert_eq!(shown["holds"].as_array().unwrap().len(), 2);
        assert_eq!(run(app).purged, 0);
        app.admin.post(&format!("/v1/trash/{entry_id}/purge"), &json!({"confirm": "prod"})).problem(409, "held");

        let ended = app.admin.delete(&format!("/v1/trash/{entry_id}/holds/{}", id(&legal))).ok(200);
        assert_eq!(ended["active"], false);
        assert_eq!(entry(app, &entry_id)["kept_by"], json!(["hold"]), "the other one holds");
        app.admin.delete(&format!("/v1/trash/{entry_id}/holds/{}", id(&second))).ok(200);
        assert_eq!(entry(app, &entry_id)["kept_by"], json!(["ended_hold"]));
        assert_eq!(entry(app, &entry_id)["held"], false);
        assert_eq!(run(app).purged, 0, "a hold ended less than a day ago");

        let hours_ago = |hours: i64| format!("UPDATE holds SET ends_at = '{}'", in_hours(-hours));
        sql(app, &hours_ago(23));
        assert_eq!(run(app).purged, 0);
        sql(app, &hours_ago(25));
        // The erasure may have it locked for a moment: a run leaves out what is.
        TestApp::wait_for("the purge", || run(app).purged == 1);
    }

    fn a_hold_with_an_end_ends_by_itself(app: &TestApp) {
        let entry_id = expired(app, "prod");
        hold(app, &entry_id, &json!({"reason": "until the audit", "ends_at": in_hours(1)}));
        assert_eq!(entry(app, &entry_id)["held"], true);
        sql(app, &format!("UPDATE holds SET ends_at = '{}'", in_hours(-1)));
        assert_eq!(entry(app, &entry_id)["held"], false);
        assert_eq!(run(app).purged, 0);
    }

    fn ending_a_hold_again_changes_nothing(app: &TestApp) {
        let entry_id = deleted(app, "prod");
        let held = hold(app, &entry_id, &json!({"reason": "why"}));
        let path = format!("/v1/trash/{entry_id}/holds/{}", id(&held));
        let ended = app.admin.delete(&path).ok(200);
        assert_eq!(app.admin.delete(&path).ok(200), ended);
        assert_eq!(count(app, "audit_events", "action = 'trash.hold_released'"), 1);
    }

    fn a_hold_is_for_what_is_in_the_trash_and_of_the_organization(app: &TestApp) {
        let entry_id = deleted(app, "prod");
        let held = hold(app, &entry_id, &json!({"reason": "why"}));
        let path = format!("/v1/trash/{entry_id}/holds");
        let other = app.other_organization("other");
        other.post(&path, &json!({"reason": "not mine"})).problem(404, "not_found");
        other.delete(&format!("{path}/{}", id(&held))).problem(404, "not_found");
        let second = deleted(app, "second");
        app.admin.delete(&format!("/v1/trash/{second}/holds/{}", id(&held))).problem(404, "not_found");
        app.client(&["trash:*"]).post(&path, &json!({"reason": "may"})).ok(201);
        app.client(&["trash:read", "trash:purge"]).post(&path, &json!({"reason": "may not"})).problem(403, "missing_scope");
        for wrong in [json!({}), json!({"reason": ""}), json!({"reason": "a\u{0}b"}), json!({"reason": "r", "ends_at": in_hours(-1)}),
            json!({"reason": "r", "ends_at": "soon"}), json!({"reason": "r", "ends_at": null}), json!({"reason": "r", "owner": "else"})] {
            app.admin.post(&path, &wrong).problem(422, "invalid_input");
        }
        app.admin.post(&format!("/v1/trash/{entry_id}/restore"), &json!({})).ok(200);
        app.admin.post(&path, &json!({"reason": "too late"})).problem(409, "entry_closed");
        app.admin.delete(&format!("{path}/{}", id(&held))).ok(200);
    }
}
