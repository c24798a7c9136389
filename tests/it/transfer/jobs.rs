//! Imports that are stopped, that wait, that nobody works on any more.

use reprieve::service::transfer;
use serde_json::Value;

use super::*;

/// A file whose import lasts a while.
fn large() -> String {
    let mut all = lines(&[connection(1)]);
    all.extend((2..8_000).map(|number| content(number, 1).to_string()));
    file(&all)
}

/// Waits until rows of an import are being written.
#[track_caller]
fn writing(client: &Client, accepted: &Value) {
    let path = format!("/v1/imports/{}", accepted["id"].as_str().unwrap());
    TestApp::wait_for("rows to be written", || {
        let view = client.get(&path).ok(200);
        assert!(
            view["state"] != "done" && view["state"] != "failed",
            "it was over too soon: {view:#}"
        );
        view["state"] == "writing" && view["rows_read"].as_i64() > Some(500)
    });
}

#[test]
fn a_stop_in_the_middle_leaves_nothing_and_is_on_record() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let mut app = TestApp::start(backend);
        let mut other = app.other_organization("north");
        let accepted = send(&app.admin, "", &large()).ok(202);
        writing(&app.admin, &accepted);
        // On SQLite an import has the one writer, so that nothing else is accepted meanwhile.
        let waiting = (backend == Backend::Postgres).then(|| send(&other, "", &file(&[])).ok(202));
        app.restart();
        let failed = over(&app.admin, &accepted);
        assert_eq!(
            (&failed["state"], &failed["problems"][0]["code"]),
            (&json!("failed"), &json!("interrupted")),
            "{failed:#}"
        );
        assert_eq!(rows(&app), [0; 10]);
        other.move_to(app.address());
        if let Some(waiting) = waiting {
            assert_eq!(over(&other, &waiting)["problems"][0]["code"], "interrupted");
        }
        // It may be sent again.
        assert_eq!(
            over(&app.admin, &send(&app.admin, "", &large()).ok(202))["state"],
            "done"
        );
        assert_eq!(rows(&app)[..3], [1, 0, 7_998]);
    }
}

#[test]
fn an_organization_has_one_import_at_a_time() {
    // On PostgreSQL alone: on SQLite nothing at all is accepted while the one writer is busy.
    let app = TestApp::start(Backend::Postgres);
    let accepted = send(&app.admin, "", &large()).ok(202);
    writing(&app.admin, &accepted);
    let problem = send(&app.admin, "", &file(&[])).problem(409, "import_running");
    assert_eq!(problem["import_id"], accepted["id"]);
    // Another organization learns nothing of it, and waits for its turn.
    let north = app.other_organization("north");
    let waiting = send(&north, "", &file(&[])).ok(202);
    assert_eq!(
        north
            .get(&format!("/v1/imports/{}", waiting["id"].as_str().unwrap()))
            .ok(200)["state"],
        "waiting"
    );
    assert_eq!(over(&app.admin, &accepted)["state"], "done");
    assert_eq!(over(&north, &waiting)["state"], "done");
}

#[test]
fn an_import_that_was_taken_for_dead_writes_nothing() {
    let app = TestApp::start(Backend::Postgres);
    let accepted = send(&app.admin, "", &large()).ok(202);
    writing(&app.admin, &accepted);
    app.sql().run(&format!(
        "UPDATE imports SET state = 'failed', problems = '[]', finished_at = alive_at WHERE id = '{}'",
        accepted["id"].as_str().unwrap()
    ));
    TestApp::wait_for("the turn to come back", || {
        send(&app.admin, "", &file(&[])).status == 202
    });
    assert_eq!(rows(&app), [0; 10]);
}

on_both! {
    fn an_import_whose_process_died_is_called_interrupted(app: &TestApp) {
        let open = |number: u64, alive_at: &str| {
            app.sql().run(&format!(
                "INSERT INTO imports (org_id, id, source, state, validate_only, bytes, rows_read, problems, created_at, created_by, alive_at) \
                 VALUES ('{}', '{}', 'ndjson', 'writing', false, 1, 1, '[]', '{AT}', 'x', {alive_at})",
                app.org, id(number),
            ));
        };
        open(1, "'2026-01-01T00:00:00.000000Z'");
        open(2, "'2099-01-01T00:00:00.000000Z'");
        transfer::interrupt_stale(&app.services).unwrap();
        let state = |number: u64| app.admin.get(&format!("/v1/imports/{}", id(number))).ok(200);
        let dead = state(1);
        assert_eq!((&dead["state"], &dead["problems"][0]["code"]), (&json!("failed"), &json!("interrupted")));
        // Another replica may be at work on this one.
        assert_eq!(state(2)["state"], "writing");
        assert_eq!(app.sql().count("audit_events WHERE action = 'import.failed'"), 1);
    }
}
