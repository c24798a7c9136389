//! Requests that look more than once on PostgreSQL, where each look sees what was committed when it began: another
//! transaction changes the row between two of them, and is held there until the request waits for it.

use std::thread;

use super::id_of;
use crate::support::*;

/// A connection, and a transaction that holds its row.
fn held(app: &TestApp) -> (String, Sql) {
    let made = app
        .admin
        .post("/v1/connections", &postgres_connection("held"));
    let id = id_of(&made.ok(201));
    let mut other = app.sql();
    other.run("BEGIN");
    other.run(&format!(
        "SELECT 1 FROM connections WHERE id = '{id}' FOR NO KEY UPDATE"
    ));
    (id, other)
}

/// Sends a request that has to wait for `other`, which then does `more` and commits.
fn meanwhile(
    app: &TestApp,
    other: &mut Sql,
    more: &str,
    request: impl Fn() -> Reply + Send + Sync,
) -> Reply {
    let mut watcher = app.sql();
    thread::scope(|scope| {
        let waiting = scope.spawn(&request);
        TestApp::wait_for("the request to wait for the row", || {
            assert!(!waiting.is_finished(), "the request did not wait");
            let source =
                "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            watcher.count(source) == 1
        });
        other.run(more);
        other.run("COMMIT");
        waiting.join().unwrap()
    })
}

/// What a deletion and its restore do to the row, in one step: the row of before is gone, its like is new.
fn replace(id: &str) -> String {
    format!(
        "CREATE TEMPORARY TABLE kept AS SELECT * FROM connections WHERE id = '{id}'; \
         DELETE FROM connections WHERE id = '{id}'; INSERT INTO connections SELECT * FROM kept"
    )
}

#[test]
fn a_connection_that_came_back_between_two_looks_is_not_unknown_on_postgres() {
    let app = TestApp::start(Backend::Postgres);
    let (id, mut other) = held(&app);
    let path = format!("/v1/connections/{id}");
    let entered = json!({"secrets": {"password": "another"}});
    let reply = meanwhile(&app, &mut other, &replace(&id), || {
        app.admin.put(&format!("{path}/secrets"), &entered)
    });
    reply.ok(200);
}

#[test]
fn secrets_are_not_read_in_the_middle_of_a_change_on_postgres() {
    let app = TestApp::start(Backend::Postgres);
    let (id, mut other) = held(&app);
    let path = format!("/v1/connections/{id}/secrets");
    let reply = meanwhile(&app, &mut other, "SELECT 1", || app.admin.get(&path));
    assert_eq!(
        reply.ok(200)["secrets"]["password"],
        "correct horse battery staple"
    );
}
