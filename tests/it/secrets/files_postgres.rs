//! Edge case 14 on a database server: after an erasure cycle, what was shredded is in no file of its database: neither
//! heap nor TOAST nor statistics. The server's write-ahead log is not promised.

use std::path::PathBuf;

use super::bytes::{Sought, files_of, random_text};
use super::database::{erasure_of, execute, records, texts, wait_until_erased};
use serde_json::Value;

use crate::support::*;

/// The files of this test's database.
fn files(app: &TestApp) -> Vec<PathBuf> {
    let oid = texts(
        app,
        "SELECT CAST(oid AS text) AS value FROM pg_database WHERE datname = current_database()",
    );
    files_of(&postgres_data_folder().join("base").join(&oid[0]))
}

struct Stored {
    doomed: Vec<String>,
    kept: Vec<(String, Value)>,
    dead: Sought,
    alive: Sought,
    plain: Sought,
}

/// Sixty secrets of several sizes, proved to be in the files; half of them are doomed.
fn store(app: &TestApp) -> Stored {
    let (mut doomed, mut kept) = (Vec::new(), Vec::new());
    let mut plain = Sought::default();
    for number in 0..30 {
        let secrets = json!({"password": random_text(24), "extra": random_text([20, 400, 3_500, 15_000][number % 4])});
        let mut body = postgres_connection(&format!("pg {number}"));
        body["secrets"] = secrets.clone();
        let id = app.admin.post("/v1/connections", &body).ok(201)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        for (field, value) in secrets.as_object().unwrap() {
            plain.add(
                &format!("{id} {field} in plain"),
                value.as_str().unwrap().as_bytes(),
            );
        }
        if number % 2 == 0 {
            doomed.push(id);
        } else {
            kept.push((id, secrets));
        }
    }
    let (mut dead, mut alive) = (Sought::default(), Sought::default());
    for ((owner, field), record) in records(app) {
        let group = if doomed.contains(&owner) {
            &mut dead
        } else {
            &mut alive
        };
        group.record(&format!("{owner} {field}"), &record);
    }
    execute(app, "ANALYZE");
    execute(app, "CHECKPOINT");
    assert_eq!((dead.len(), alive.len()), (30, 30));
    assert_eq!(
        dead.found_in(&files(app)).len(),
        30,
        "the records are in the files as long as they live"
    );
    assert!(
        plain.found_in(&files(app)).is_empty(),
        "a secret was written in plain text"
    );
    Stored {
        doomed,
        kept,
        dead,
        alive,
        plain,
    }
}

impl Stored {
    fn delete_and_wait(&self, app: &TestApp) {
        let entries: Vec<String> = self
            .doomed
            .iter()
            .map(|id| app.delete_connection(id))
            .collect();
        for entry in entries {
            TestApp::wait_for("the entry to say that its secrets are erased", || {
                erasure_of(app, &entry) == "done"
            });
        }
        wait_until_erased(app);
    }

    fn check(&self, app: &TestApp) {
        assert_eq!(
            self.dead.found_in(&files(app)),
            [].into(),
            "shredded, and still in the files"
        );
        execute(app, "CHECKPOINT");
        assert_eq!(
            self.dead.found_in(&files(app)),
            [].into(),
            "shredded, and written again"
        );
        assert!(self.plain.found_in(&files(app)).is_empty());
        assert_eq!(
            self.alive.found_in(&files(app)).len(),
            30,
            "the search finds what is there"
        );
        for (id, secrets) in &self.kept {
            assert_eq!(
                app.admin
                    .get(&format!("/v1/connections/{id}/secrets"))
                    .ok(200)["secrets"],
                *secrets
            );
        }
    }
}

#[test]
fn edge_case_14_after_an_erasure_cycle_no_window_of_a_shredded_secret_is_in_the_databases_files() {
    let app = TestApp::start(Backend::Postgres);
    let stored = store(&app);
    stored.delete_and_wait(&app);
    stored.check(&app);
}

#[test]
fn an_old_snapshot_in_another_session_keeps_no_shredded_secret_in_the_files() {
    let app = TestApp::start(Backend::Postgres);
    let stored = store(&app);
    let mut old = app.services.store.connect().unwrap();
    old.batch("SET idle_in_transaction_session_timeout = 0")
        .unwrap();
    old.batch("BEGIN ISOLATION LEVEL REPEATABLE READ").unwrap();
    old.batch("SELECT count(*) FROM organizations").unwrap();
    stored.delete_and_wait(&app);
    stored.check(&app);
    old.batch("COMMIT").unwrap();
}

#[test]
fn erasure_stays_pending_while_a_session_holds_the_table_and_is_done_when_it_ends() {
    let app = TestApp::start(Backend::Postgres);
    let id = app.sample_connection("read");
    let mut reader = app.services.store.connect().unwrap();
    reader
        .batch("SET idle_in_transaction_session_timeout = 0")
        .unwrap();
    reader
        .batch("BEGIN; SELECT count(*) FROM secret_slots")
        .unwrap();
    let entry = app.delete_connection(&id);
    TestApp::wait_for("a failed cycle", || {
        texts(
            &app,
            "SELECT coalesce(last_problem, '') AS value FROM erasure_jobs",
        )[0]
        .contains("could not be rewritten")
    });
    assert_eq!(erasure_of(&app, &entry), "pending");
    reader.batch("COMMIT").unwrap();
    TestApp::wait_for("the erasure", || erasure_of(&app, &entry) == "done");
}
