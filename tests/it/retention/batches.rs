//! Large entries: no way back first, then the rows in batches, gone on with by whoever comes next.

use super::*;
use crate::history::Place;

/// Few rows are large here.
fn small_limits(app: &TestApp) -> reprieve::service::Services {
    let mut limits = app.services.purging.limits.clone();
    (limits.large, limits.batch_rows) = (3, 2);
    run::with_limits(app, limits)
}

on_both! {
    fn a_large_entry_goes_in_batches_and_nothing_brings_it_back(app: &TestApp) {
        let connection = app.sample_connection("prod");
        let entry_id = app.delete_connection(&connection);
        expire(app, &entry_id);
        let small = expired(app, "small");
        run::refuse(app, "trash_models", "delete", "1 = 1");
        let services = small_limits(app);
        let go = || purge::run(&services, None, &Ask::default(), &|_| ()).unwrap();
        let report = go();
        assert_eq!(report.failed.len(), 2, "{report:?}");
        assert_eq!((state(app, &entry_id).as_str(), state(app, &small).as_str()), ("purging", "in_trash"));
        let left = entry(app, &entry_id);
        assert_eq!((&left["restorable"], &left["purge_problem"]["code"]), (&json!(false), &json!("database_error")));
        assert_eq!(count(app, "trash_content", &format!("entry_id = '{entry_id}'")), 0, "children first");
        assert_eq!(count(app, "trash_models", &format!("entry_id = '{entry_id}'")), 3);
        let refused = app.admin.post(&format!("/v1/trash/{entry_id}/restore"), &json!({})).problem(409, "entry_closed");
        assert_eq!(refused["state"], "purging");
        app.admin.post(&format!("/v1/trash/{entry_id}/holds"), &json!({"reason": "too late"})).problem(409, "entry_closed");
        assert_eq!(app.admin.get("/v1/purge").ok(200)["purging"], json!([entry_id]));
        assert_eq!(ids(&app.admin.get("/v1/trash?state=purging").ok(200)), std::slice::from_ref(&entry_id));

        run::allow(app, "trash_models");
        sql(app, &format!("UPDATE purge_failures SET retry_at = '{PAST}'"));
        go();
        // The server's own purger may have gone on with it, too.
        TestApp::wait_for("the rest", || state(app, &entry_id) == "purged");
        assert_eq!(state(app, &small), "purged");
        for (action, times) in [("trash.purging", 1), ("trash.purged", 2)] {
            assert_eq!(count(app, "audit_events", &format!("announced AND action = '{action}'")), times, "{action}");
        }
    }

    fn a_large_entry_that_is_purged_by_hand_goes_by_itself(app: &TestApp) {
        let connection = id(&app.admin.post("/v1/connections", &postgres_connection("large")).ok(201));
        for batch in 0..11 {
            let items: Vec<Value> = (0..1_000).map(|n| json!({"name": format!("k {batch} {n}")})).collect();
            app.admin.post(&format!("/v1/connections/{connection}/content/batch"), &json!({ "items": items })).ok(201);
        }
        let entry_id = app.delete_connection(&connection);
        let purging = app.admin.post(&format!("/v1/trash/{entry_id}/purge"), &json!({"confirm": "large"})).ok(200);
        assert_eq!(purging["state"], "purging");
        TestApp::wait_for("the purge", || state(app, &entry_id) == "purged");
        assert_eq!(count(app, "trash_content", "1 = 1"), 0);
    }
}

/// The eraser has a row locked for a moment, too, when it notes what it erased.
#[test]
fn an_entry_that_somebody_has_locked_for_a_moment_is_not_left_lying() {
    let app = TestApp::start(Backend::Postgres);
    let entry_id = deleted(&app, "prod");
    let mut other = Sql::open(&app.config.database);
    other.run(&format!(
        "UPDATE trash_entries SET state = 'purging', closed_at = now(), closed_by = 'k' WHERE id = '{entry_id}'"
    ));
    other.run(&format!(
        "BEGIN; SELECT 1 FROM trash_entries WHERE id = '{entry_id}' FOR UPDATE"
    ));
    let services = app.services.clone();
    let going_on = std::thread::spawn(move || purge::go_on(&services).unwrap());
    std::thread::sleep(std::time::Duration::from_millis(300));
    other.run("COMMIT");
    assert_eq!(going_on.join().unwrap().purged, 1);
    assert_eq!(state(&app, &entry_id), "purged");
}

/// A server that is killed between two batches; the next one goes on.
fn killed_between_batches(place: &Place) {
    let mut met = 0;
    for round in 0..20 {
        if met == 3 {
            return;
        }
        let server = place.serve();
        let client = place.client(server.address);
        let connection = id(&client
            .post(
                "/v1/connections",
                &postgres_connection(&format!("large {round}")),
            )
            .ok(201));
        for batch in 0..11 {
            let items: Vec<Value> = (0..1_000)
                .map(|n| json!({"name": format!("k {batch} {n}")}))
                .collect();
            client
                .post(
                    &format!("/v1/connections/{connection}/content/batch"),
                    &json!({ "items": items }),
                )
                .ok(201);
        }
        let entry_id = id(&client
            .delete(&format!("/v1/connections/{connection}"))
            .ok(200));
        let name = format!("large {round}");
        client
            .post(
                &format!("/v1/trash/{entry_id}/purge"),
                &json!({ "confirm": name }),
            )
            .ok(200);
        let mut look = place.database();
        let mut rows = || {
            look.lines(&format!("SELECT CAST(count(*) AS text) AS line FROM trash_content WHERE entry_id = '{entry_id}'"))[0]
                .parse::<usize>()
                .unwrap()
        };
        TestApp::wait_for("the first batch", || rows() < 11_000);
        server.kill();
        let left = rows();
        met += usize::from(left > 0);
        let server = place.serve();
        let client = place.client(server.address);
        TestApp::wait_for("the rest", || {
            client.get(&format!("/v1/trash/{entry_id}")).ok(200)["state"] == "purged"
        });
        assert_eq!(rows(), 0);
        server.kill();
        place.verify();
    }
    assert!(met >= 3, "only {met} kills came between two batches");
}

#[test]
fn a_purge_killed_between_batches_is_gone_on_with_on_sqlite() {
    killed_between_batches(&Place::new(Backend::Sqlite));
}

#[test]
fn a_purge_killed_between_batches_is_gone_on_with_on_postgres() {
    killed_between_batches(&Place::new(Backend::Postgres));
}
