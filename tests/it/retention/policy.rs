//! `GET` and `PUT /v1/retention`: the policy and its floor.

use super::*;

/// How many days after its deletion an entry goes.
fn days(entry: &Value) -> i64 {
    let moment =
        |field: &str| chrono::DateTime::parse_from_rfc3339(entry[field].as_str().unwrap()).unwrap();
    (moment("purge_at") - moment("deleted_at")).num_days()
}

on_both! {
    fn the_retention_is_read_and_changed(app: &TestApp) {
        let reply = app.admin.get("/v1/retention");
        let before = reply.ok(200);
        assert_eq!(before["retention_days"], 30);
        assert_eq!((&before["valid"], &before["purge_protection"]), (&json!(true), &json!(false)));
        assert_eq!(before["brake"], json!({"connections": 20, "percent": 50, "refuse_deletions": false}));
        let etag = format!("\"{}\"", before["version"]);

        let after = app.admin.with("if-match", &etag).put("/v1/retention", &json!({"retention_days": 7, "brake": {"percent": 25}})).ok(200);
        assert_eq!(after["retention_days"], 7);
        assert_eq!(after["brake"], json!({"connections": 20, "percent": 25, "refuse_deletions": false}));
        app.admin.with("if-match", &etag).put("/v1/retention", &json!({"retention_days": 9})).problem(412, "version_mismatch");
        assert_eq!(days(&entry(app, &deleted(app, "prod"))), 7);
        assert_eq!(count(app, "audit_events", "action = 'retention.updated'"), 1);
    }

    fn a_shorter_retention_does_not_reach_back(app: &TestApp) {
        let first = deleted(app, "first");
        let promised = entry(app, &first)["purge_at"].clone();
        app.admin.put("/v1/retention", &json!({"retention_days": 1})).ok(200);
        assert_eq!(entry(app, &first)["purge_at"], promised);
        assert_eq!(run(app).purged, 0);
    }

    fn what_is_no_retention_is_refused(app: &TestApp) {
        let before = app.admin.get("/v1/retention").ok(200);
        for (body, pointer) in [
            (json!({"retention_days": 0}), "/retention_days"),
            (json!({"retention_days": -1}), "/retention_days"),
            (json!({"retention_days": 3651}), "/retention_days"),
            (json!({"retention_days": 2_147_483_648_i64}), "/retention_days"),
            (json!({"retention_days": null}), "/retention_days"),
            (json!({"retention_days": "unlimited"}), "/retention_days"),
            (json!({"retention_days": 1.5}), "/retention_days"),
            (json!({"brake": {"connections": 19}}), "/brake/connections"),
            (json!({"brake": {"percent": 0}}), "/brake/percent"),
            (json!({"brake": {"percent": 101}}), "/brake/percent"),
            (json!({"min_retention_days": 1}), "/min_retention_days"),
        ] {
            let refused = app.admin.put("/v1/retention", &body).problem(422, "invalid_input");
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}");
        }
        assert_eq!(app.admin.get("/v1/retention").ok(200), before);
    }

    fn edge_case_20_a_retention_that_is_none_purges_nothing_and_raises_an_alarm(app: &TestApp) {
        let entry_id = expired(app, "prod");
        for wrong in [0, -1, i32::MIN, 3_651, i32::MAX] {
            sql(app, &format!("UPDATE organizations SET retention_days = {wrong}"));
            let report = run(app);
            assert_eq!(report.purged, 0, "{wrong}");
            assert!(report.stopped.iter().any(|(_, stop)| *stop == Stop::RetentionInvalid));
            assert_eq!(state(app, &entry_id), "in_trash");
            assert_eq!(alarms(app), ["retention_invalid"]);
            assert_eq!(app.admin.get("/v1/purge").ok(200)["stopped"], "retention_invalid");
            assert_eq!(app.admin.get("/v1/retention").ok(200)["valid"], false);
        }
        app.admin.put("/v1/retention", &json!({"retention_days": 30})).ok(200);
        assert!(alarms(app).is_empty());
        assert_eq!(run(app).purged, 1);
    }

    fn edge_case_21_purge_protection_is_on_for_everything_at_once_and_off_only_for_later_deletions(app: &TestApp) {
        let before = deleted(app, "before");
        app.admin.put("/v1/retention", &json!({"purge_protection": true})).ok(200);
        let during = deleted(app, "during");
        app.admin.put("/v1/retention", &json!({"purge_protection": false})).ok(200);
        let after = deleted(app, "after");
        for (entry_id, name) in [(&before, "before"), (&during, "during")] {
            assert_eq!(entry(app, entry_id)["purge_protected"], true);
            let path = format!("/v1/trash/{entry_id}");
            app.admin.post(&format!("{path}/purge"), &json!({ "confirm": name })).problem(409, "purge_protected");
            app.admin.patch(&path, &json!({"purge_at": in_hours(1)})).problem(409, "purge_protected");
            app.admin.patch(&path, &json!({"purge_at": in_hours(24 * 60)})).ok(200);
        }
        app.admin.post(&format!("/v1/trash/{after}/purge"), &json!({"confirm": "after"})).ok(200);
        // Protection is no hold: what is due goes.
        expire(app, &before);
        assert_eq!(run(app).purged, 1);
    }

    fn the_purge_date_is_moved_later_by_one_right_and_sooner_by_another(app: &TestApp) {
        let entry_id = deleted(app, "prod");
        let path = format!("/v1/trash/{entry_id}");
        let (holder, purger) = (app.client(&["trash:hold", "trash:read"]), app.client(&["trash:purge", "trash:read"]));
        let (later, sooner) = (in_hours(24 * 90), in_hours(24));
        assert_eq!(purger.patch(&path, &json!({"purge_at": later})).problem(403, "missing_scope")["scope"], "trash:hold");
        assert_eq!(holder.patch(&path, &json!({"purge_at": later})).ok(200)["purge_at"], later);
        assert_eq!(holder.patch(&path, &json!({"purge_at": sooner})).problem(403, "missing_scope")["scope"], "trash:purge");
        assert_eq!(purger.patch(&path, &json!({"purge_at": sooner})).ok(200)["purge_at"], sooner);
        assert_eq!(entry(app, &entry_id)["purge_at"], sooner);
        app.client(&["trash:read"]).patch(&path, &json!({"purge_at": later})).problem(403, "missing_scope");

        for wrong in [json!({"purge_at": in_hours(-1)}), json!({"purge_at": in_hours(24 * 3_652)}), json!({"purge_at": "tomorrow"}),
            json!({"purge_at": null}), json!({}), json!({"purge_at": "9999-12-31T23:59:59Z"})] {
            app.admin.patch(&path, &wrong).problem(422, "invalid_input");
        }
        app.admin.post(&format!("{path}/restore"), &json!({})).ok(200);
        app.admin.patch(&path, &json!({"purge_at": later})).problem(409, "entry_closed");
    }
}

on_each! {
    fn nothing_goes_below_the_floor_that_was_set_at_start(backend: Backend) {
        let mut app = TestApp::start(backend);
        app.admin.put("/v1/retention", &json!({"retention_days": 3})).ok(200);
        let early = deleted(&app, "early");
        app.config.purge.min_retention_days = 10;
        app.restart();
        let entry_id = deleted(&app, "prod");
        assert_eq!(days(&entry(&app, &entry_id)), 10, "the policy of 3 days is older than the floor");
        assert_eq!(app.admin.get("/v1/retention").ok(200)["min_retention_days"], 10);
        app.admin.put("/v1/retention", &json!({"retention_days": 9})).problem(422, "invalid_input");
        app.admin.put("/v1/retention", &json!({"retention_days": 10})).ok(200);
        for (id, name) in [(&entry_id, "prod"), (&early, "early")] {
            let path = format!("/v1/trash/{id}");
            let refused = app.admin.post(&format!("{path}/purge"), &json!({ "confirm": name })).problem(409, "min_retention");
            assert!(refused["keep_until"].is_string());
            app.admin.patch(&path, &json!({"purge_at": in_hours(48)})).problem(409, "min_retention");
        }
        expire(&app, &entry_id);
        app.admin.post(&format!("/v1/trash/{entry_id}/purge"), &json!({"confirm": "prod"})).ok(200);
    }
}
