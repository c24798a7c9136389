//! Races of the purge on PostgreSQL: which statements remove what was restored or put on hold a moment before. A fact of
//! the database that the purge is built on; an upgrade could change it.

use std::thread;

use super::*;

/// What somebody else does and has not committed yet when the purge runs.
const MEANWHILE: [(&str, &str); 2] = [
    (
        "restored",
        "UPDATE race SET state = 'restored' WHERE id = 1",
    ),
    ("held", "UPDATE race SET held = true WHERE id = 1"),
];

const DUE: &str = "state = 'in_trash' AND NOT held AND purge_at < now()";

/// Each statement, and whether it removes the row all the same.
fn statements() -> [(&'static str, String, bool); 6] {
    let pick = format!("SELECT id FROM race WHERE {DUE} ORDER BY id LIMIT 10");
    [
        (
            "a subquery with a limit",
            format!("DELETE FROM race WHERE id IN ({pick})"),
            true,
        ),
        (
            "a CTE and USING",
            format!(
                "WITH picked AS MATERIALIZED ({pick}) DELETE FROM race r USING picked p WHERE r.id = p.id"
            ),
            true,
        ),
        (
            "SKIP LOCKED",
            format!(
                "WITH picked AS MATERIALIZED ({pick} FOR UPDATE SKIP LOCKED) DELETE FROM race WHERE id IN (SELECT id FROM picked)"
            ),
            false,
        ),
        (
            "FOR UPDATE",
            format!("DELETE FROM race WHERE id IN ({pick} FOR UPDATE)"),
            false,
        ),
        (
            "conditions on the row",
            format!("DELETE FROM race WHERE {DUE}"),
            false,
        ),
        (
            "conditions in and out",
            format!("DELETE FROM race WHERE id IN ({pick}) AND {DUE}"),
            false,
        ),
    ]
}

/// Runs the purge while the other session has not committed; whether the row was removed.
fn removes(app: &TestApp, meanwhile: &str, purge: &str, isolation: &str) -> Result<bool, String> {
    let open = || Sql::open(&app.config.database);
    let (mut other, mut look) = (open(), open());
    other.run("TRUNCATE race, race_holds; INSERT INTO race VALUES (1, 'in_trash', false, now() - interval '1 day'), (2, 'restored', false, now())");
    other.run(&format!("BEGIN; {meanwhile}"));
    let mut purger = open();
    let text = format!("BEGIN ISOLATION LEVEL {isolation}; {purge}; COMMIT");
    let running = thread::spawn(move || purger.try_run(&text).map_err(|error| error.to_string()));
    // Of this database alone: the tests beside this one wait for locks, too.
    let waits = "SELECT query AS line FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock' AND query LIKE '%race%'";
    TestApp::wait_for("the purge to end or to wait for the lock", || {
        running.is_finished() || !look.lines(waits).is_empty()
    });
    other.run("COMMIT");
    running.join().unwrap()?;
    Ok(look.lines("SELECT CAST(count(*) AS text) AS line FROM race WHERE id = 1")[0] == "0")
}

fn scratch() -> TestApp {
    let app = TestApp::start(Backend::Postgres);
    sql(
        &app,
        "CREATE TABLE race (id int PRIMARY KEY, state text, held boolean, purge_at timestamptz); CREATE TABLE race_holds (id int)",
    );
    app
}

#[test]
fn only_a_statement_that_asks_again_behind_the_lock_keeps_what_was_restored_or_held() {
    let app = scratch();
    for (what, meanwhile) in MEANWHILE {
        for (name, statement, removed) in statements() {
            let found = removes(&app, meanwhile, &statement, "READ COMMITTED");
            assert_eq!(found, Ok(removed), "{name}, {what} meanwhile");
        }
    }
}

#[test]
fn under_repeatable_read_whoever_waited_is_refused() {
    let app = scratch();
    for (what, meanwhile) in MEANWHILE {
        for (name, statement, _) in statements() {
            let found = removes(&app, meanwhile, &statement, "REPEATABLE READ");
            let kept = found.as_ref() == Ok(&false) || found.is_err();
            assert!(kept, "{name}, {what} meanwhile: {found:?}");
            assert_eq!(
                found.is_ok(),
                name == "SKIP LOCKED",
                "{name}, {what} meanwhile: {found:?}"
            );
        }
    }
}

/// A hold is a row of another table, put there by whoever has locked the entry: nothing of the entry changes, so a claim
/// that waited for the lock is not asked again.
#[test]
fn a_hold_in_another_table_has_to_be_asked_for_behind_the_lock() {
    let app = scratch();
    let hold = "SELECT 1 FROM race WHERE id = 1 FOR UPDATE; INSERT INTO race_holds VALUES (1)";
    let due = "state = 'in_trash' AND NOT EXISTS (SELECT 1 FROM race_holds h WHERE h.id = race.id)";
    let claimed = format!("SELECT id FROM race WHERE {due} ORDER BY id LIMIT 10 FOR UPDATE");
    let in_one = format!("DELETE FROM race WHERE id IN ({claimed})");
    assert_eq!(removes(&app, hold, &in_one, "READ COMMITTED"), Ok(true));
    let skipping = format!("DELETE FROM race WHERE id IN ({claimed} SKIP LOCKED)");
    assert_eq!(removes(&app, hold, &skipping, "READ COMMITTED"), Ok(false));
    let asking_again = format!(
        "CREATE TEMP TABLE mine ON COMMIT DROP AS {claimed}; DELETE FROM race WHERE id IN (SELECT id FROM mine) AND {due}"
    );
    assert_eq!(
        removes(&app, hold, &asking_again, "READ COMMITTED"),
        Ok(false)
    );
}
