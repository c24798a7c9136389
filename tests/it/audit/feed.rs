//! The feed of events.

use super::*;

on_both! {
    fn what_happened_is_read_once_and_in_order(app: &TestApp) {
        let (_, start) = feed(app, "0", "");
        let (id, entry) = story(app, "prod");
        let (events, cursor) = feed(app, &start, "");
        assert_eq!(
            types(&events),
            [
                "connection.created", "model.created", "model.created", "model.created", "content.created", "content.created",
                "content.created", "content.created", "connection.trashed", "connection.secrets_shredded", "connection.restored",
                "connection.credentials_entered",
            ]
        );
        let trashed = &events[8];
        assert_eq!(trashed["subject"], json!({"kind": "connection", "id": id}));
        assert_eq!(trashed["entry_id"], json!(entry));
        assert_eq!(trashed["detail"]["rows"]["after"]["trash"]["content"], 4, "one event with counts, not one for each row");
        assert_eq!(events[9]["detail"]["secrets_shredded"], 1);
        let seqs: Vec<i64> = events.iter().map(|event| event["seq"].as_i64().unwrap()).collect();
        assert!(seqs.is_sorted() && seqs[0] > start.parse().unwrap());
        assert_eq!(feed(app, &cursor, ""), (Vec::new(), cursor));
        // Its id is that of its record.
        let record = &records(app, &format!("entry_id={entry}&action=connection.trashed"))[0];
        assert_eq!(record["id"], trashed["id"]);
    }

    fn it_can_be_narrowed_to_types_and_families(app: &TestApp) {
        let (_, start) = feed(app, "0", "");
        let (id, _) = story(app, "prod");
        let (events, cursor) = feed(app, &start, "&type=connection.trashed,model.*");
        assert_eq!(types(&events), ["model.created", "model.created", "model.created", "connection.trashed"]);
        // The cursor is past what was left out.
        assert_eq!(cursor, feed(app, &start, "").1);
        app.delete_connection(&id);
        let (events, _) = feed(app, &cursor, "&type=connection.trashed");
        assert_eq!(types(&events), ["connection.trashed"]);
        for wrong in ["connection", "no.*", "connection.trashed,", "*", ""] {
            let reply = app.admin.get(&format!("/v1/events?type={wrong}"));
            assert_eq!(reply.problem(422, "invalid_input")["errors"][0]["pointer"], "type", "{wrong}");
        }
    }

    fn it_begins_now_or_after_a_cursor_of_its_own(app: &TestApp) {
        let id = app.sample_connection("prod");
        sealed(app);
        let now = app.admin.get("/v1/events?after=now").ok(200);
        assert_eq!((&now["data"], &now["has_more"]), (&json!([]), &json!(false)));
        app.delete_connection(&id);
        let (events, _) = feed(app, now["cursor"].as_str().unwrap(), "");
        assert_eq!(types(&events), ["connection.trashed", "connection.secrets_shredded"]);
        for wrong in ["999999", "99999999999999999999", "-1", "x", ""] {
            let reply = app.admin.get(&format!("/v1/events?after={wrong}"));
            assert_eq!(reply.problem(422, "invalid_input")["errors"][0]["pointer"], "after", "{wrong}");
        }
    }

    fn what_was_refused_or_rolled_back_is_no_event(app: &TestApp) {
        let id = app.sample_connection("prod");
        let path = format!("/v1/connections/{id}");
        let reader = app.client(&["trash:read"]);
        let (_, start) = feed(app, "0", "");
        reader.delete(&path).problem(403, "missing_scope");
        app.admin.get(&format!("{path}/secrets")).ok(200);
        app.sql().run("ALTER TABLE erasure_jobs RENAME TO jobs_aside");
        app.admin.delete(&path).problem(500, "internal_error");
        app.sql().run("ALTER TABLE jobs_aside RENAME TO erasure_jobs");
        assert_eq!(feed(app, &start, "").0, Vec::<Value>::new());
    }

    fn an_alarm_is_an_event_of_its_organization_or_of_each(app: &TestApp) {
        use reprieve::domain::alarms::AlarmCode;
        use reprieve::service::alarms::raise;
        let other = app.other_organization("other");
        let (_, start) = feed(app, "0", "");
        let write = |org, code| app.services.store.write(|conn| raise(conn, org, code, "", "because")).unwrap();
        assert!(write(Some(app.org), AlarmCode::PurgeBlocked));
        assert!(!write(Some(app.org), AlarmCode::PurgeBlocked), "it stands already");
        assert!(write(None, AlarmCode::ErasureOverdue));
        let (events, _) = feed(app, &start, "&type=alarm.raised");
        let told: Vec<_> = events.iter().map(|event| (event["detail"]["code"].as_str().unwrap(), event["detail"]["of"].as_str().unwrap())).collect();
        assert_eq!(told, [("purge_blocked", "organization"), ("erasure_overdue", "service")]);
        assert_eq!(events[0]["actor"]["id"], "reprieve");
        TestApp::wait_for("the sealer", || {
            let theirs = other.get("/v1/events?type=alarm.raised").ok(200);
            theirs["data"].as_array().unwrap().len() == 1
        });
    }
}
