//! A run of the purge: what goes, what stays, in which order, and how much at once.

use super::*;

on_both! {
    fn what_is_past_its_date_goes_with_all_its_rows_and_its_record(app: &TestApp) {
        let (gone, stays) = (expired(app, "gone"), deleted(app, "stays"));
        let report = run(app);
        assert_eq!((report.purged, report.failed.len()), (1, 0));
        assert_eq!(report.rows, 3);
        assert_eq!((state(app, &gone).as_str(), state(app, &stays).as_str()), ("purged", "in_trash"));
        let closed = entry(app, &gone);
        assert_eq!(closed["closed_by"]["id"], "reprieve");
        for table in ["trash_connections", "trash_models", "trash_content"] {
            assert_eq!(count(app, table, &format!("entry_id = '{gone}'")), 0, "{table}");
            assert_eq!(count(app, table, &format!("entry_id = '{stays}'")), 1, "{table}");
        }
        assert_eq!(count(app, "audit_events", "announced AND action = 'trash.purged'"), 1);
        assert_eq!(run(app).purged, 0);
    }

    fn edge_case_19_without_a_record_nothing_is_purged(app: &TestApp) {
        let entry_id = expired(app, "prod");
        refuse(app, "audit_events", "insert", "NEW.action = 'trash.purged'");
        let report = run(app);
        assert_eq!((report.purged, report.failed.len()), (0, 1));
        assert_eq!(state(app, &entry_id), "in_trash");
        assert_eq!(count(app, "trash_content", "1 = 1"), 1);
    }

    fn edge_case_23_one_bad_entry_never_stops_the_rest_and_is_listed_with_a_code(app: &TestApp) {
        let entries: Vec<String> = (0..12).map(|n| expired(app, &format!("c{n}"))).collect();
        refuse(app, "trash_content", "delete", &format!("OLD.entry_id = '{}'", entries[5]));
        let report = run(app);
        assert_eq!((report.purged, report.failed.len()), (11, 1));
        assert_eq!(report.failed[0].entry.to_string(), entries[5]);
        for (n, id) in entries.iter().enumerate() {
            assert_eq!(state(app, id), if n == 5 { "in_trash" } else { "purged" });
        }
        let status = app.admin.get("/v1/purge").ok(200);
        assert_eq!((&status["blocked_count"], &status["blocked"][0]["entry_id"]), (&json!(1), &json!(entries[5])));
        assert_eq!(status["blocked"][0]["code"], "database_error");
        assert_eq!(entry(app, &entries[5])["purge_problem"]["attempts"], 1);
        reprieve::service::watch::round(&app.services).unwrap();
        assert_eq!(alarms(app), ["purge_blocked"]);
        // It waits before it is tried again, and holds nobody up meanwhile.
        assert_eq!(run(app).failed.len(), 0);
        sql(app, &format!("UPDATE purge_failures SET retry_at = '{PAST}'"));
        assert_eq!(run(app).failed.len(), 1);
        assert_eq!(entry(app, &entries[5])["purge_problem"]["attempts"], 2);

        allow(app, "trash_content");
        sql(app, &format!("UPDATE purge_failures SET retry_at = '{PAST}'"));
        assert_eq!(run(app).purged, 1);
        reprieve::service::watch::round(&app.services).unwrap();
        assert!(alarms(app).is_empty());
        assert_eq!(app.admin.get("/v1/purge").ok(200)["blocked_count"], 0);
    }

    fn a_paused_purge_takes_nothing_but_a_hand_may(app: &TestApp) {
        let entry_id = expired(app, "prod");
        let paused = app.admin.put("/v1/purge/pause", &json!({"paused": true, "reason": "moving house"})).ok(200);
        assert_eq!((&paused["paused"], &paused["reason"]), (&json!(true), &json!("moving house")));
        let report = run(app);
        assert!(report.purged == 0 && report.stopped.iter().any(|(_, stop)| *stop == Stop::Paused));
        assert_eq!(app.admin.get("/v1/purge").ok(200)["stopped"], "paused");
        let by_hand = deleted(app, "by hand");
        app.admin.post(&format!("/v1/trash/{by_hand}/purge"), &json!({"confirm": "by hand"})).ok(200);
        app.client(&["retention:read"]).put("/v1/purge/pause", &json!({"paused": false})).problem(403, "missing_scope");
        app.admin.put("/v1/purge/pause", &json!({"paused": false})).ok(200);
        assert_eq!(run(app).purged, 1);
        assert_eq!(state(app, &entry_id), "purged");
    }

    fn one_organization_never_keeps_the_others_waiting(app: &TestApp) {
        for n in 0..30 {
            expired(app, &format!("c{n}"));
        }
        let other = app.other_organization("other");
        let connection = id(&other.post("/v1/connections", &postgres_connection("theirs")).ok(201));
        let theirs = id(&other.delete(&format!("/v1/connections/{connection}")).ok(200));
        expire(app, &theirs);
        let mut limits = app.services.purging.limits.clone();
        limits.batch = 5;
        let services = with_limits(app, limits);
        let ask = Ask { limit: Some(12), ..Ask::default() };
        let report = purge::run(&services, None, &ask, &|_| ()).unwrap();
        assert_eq!(report.purged, 12);
        assert_eq!(other.get(&format!("/v1/trash/{theirs}")).ok(200)["state"], "purged");
        assert!(report.stopped.contains(&(None, Stop::RunLimit)));
    }

    fn no_more_than_so_many_go_within_an_hour(app: &TestApp) {
        for n in 0..8 {
            expired(app, &format!("c{n}"));
        }
        let mut limits = app.services.purging.limits.clone();
        limits.hourly = Some(5);
        let services = with_limits(app, limits);
        let go = || purge::run(&services, None, &Ask::default(), &|_| ()).unwrap();
        let plan = purge::plan(&services, &Ask::default()).unwrap();
        assert_eq!(plan.would_purge, 5);
        let report = go();
        assert_eq!(report.purged, 5);
        assert!(report.stopped.iter().any(|(_, stop)| *stop == Stop::HourlyLimit));
        assert_eq!(go().purged, 0);
        sql(app, &format!("UPDATE trash_entries SET closed_at = '{}' WHERE state = 'purged'", in_hours(-2)));
        assert_eq!(go().purged, 3);
    }

    fn a_preview_counts_what_the_next_run_purges(app: &TestApp) {
        for n in 0..5 {
            expired(app, &format!("due {n}"));
        }
        deleted(app, "not due");
        let held = expired(app, "held");
        app.admin.post(&format!("/v1/trash/{held}/holds"), &json!({"reason": "why"})).ok(201);
        let restored = expired(app, "restored");
        app.admin.post(&format!("/v1/trash/{restored}/restore"), &json!({})).ok(200);
        for limit in [2, 1_000] {
            let preview = app.admin.post("/v1/trash/purge", &json!({"validate_only": true, "limit": limit})).ok(200);
            assert_eq!(preview["validate_only"], true);
            let done = app.admin.post("/v1/trash/purge", &json!({ "limit": limit })).ok(200);
            assert_eq!((&preview["purged"], &preview["rows"]), (&done["purged"], &done["rows"]), "{preview} {done}");
            assert_eq!(done["purged"], if limit == 2 { 2 } else { 3 });
        }
        let status = app.admin.get("/v1/purge").ok(200);
        assert_eq!((&status["past_date"], &status["held"], &status["would_purge"]), (&json!(1), &json!(1), &json!(0)));
    }

    fn what_waits_for_a_day_raises_an_alarm(app: &TestApp) {
        expired(app, "prod");
        reprieve::service::watch::round(&app.services).unwrap();
        assert_eq!(alarms(app), ["purge_overdue"]);
        run(app);
        reprieve::service::watch::round(&app.services).unwrap();
        assert!(alarms(app).is_empty());
    }
}

/// The services of a test with other limits of the purge.
pub(super) fn with_limits(app: &TestApp, limits: purge::Limits) -> reprieve::service::Services {
    let mut services = app.services.clone();
    services.purging = std::sync::Arc::new(purge::Purging::new(limits, None));
    services
}

/// Makes the database refuse a kind of change of some rows.
pub(crate) fn refuse(app: &TestApp, table: &str, change: &str, condition: &str) {
    let when = format!("BEFORE {change} ON {table}");
    let text = match app.backend {
        Backend::Sqlite => format!(
            "CREATE TRIGGER refuse_{table} {when} WHEN {condition} BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
        ),
        Backend::Postgres => format!(
            "CREATE FUNCTION refuse_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused by the test'; END $$; \
             CREATE TRIGGER refuse_{table} {when} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse_it()"
        ),
    };
    sql(app, &text);
}

/// Lets it again.
pub(crate) fn allow(app: &TestApp, table: &str) {
    sql(
        app,
        &match app.backend {
            Backend::Sqlite => format!("DROP TRIGGER refuse_{table}"),
            Backend::Postgres => format!("DROP TRIGGER refuse_{table} ON {table}"),
        },
    );
}
