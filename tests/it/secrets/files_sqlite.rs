//! Edge case 14 where the database is a file: what was shredded is in none of the database's files.

use std::collections::BTreeMap;

use super::bytes::{Sought, random_text};
use super::database::{erasure_of, records, wait_until_erased};
use serde_json::Value;

use crate::support::*;

const SIZES: [usize; 6] = [20, 170, 400, 900, 3_500, 15_000];

/// A connection with a password and, beside it, a secret of this size.
fn create(app: &TestApp, name: &str, size: usize) -> (String, Value) {
    let secrets = json!({"password": random_text(24), "extra": random_text(size)});
    let mut body = postgres_connection(name);
    body["secrets"] = secrets.clone();
    (
        app.admin.post("/v1/connections", &body).ok(201)["id"]
            .as_str()
            .unwrap()
            .to_owned(),
        secrets,
    )
}

#[test]
fn edge_case_14_after_churn_no_window_of_a_shredded_secret_is_in_the_file_or_its_log() {
    let app = TestApp::start(Backend::Sqlite);
    let mut live = BTreeMap::new();
    for number in 0..40 {
        let (id, secrets) = create(
            &app,
            &format!("first {number}"),
            SIZES[number % SIZES.len()],
        );
        live.insert(id, secrets);
    }
    let first = records(&app);
    assert_eq!(first.len(), 80);
    let mut sought = Sought::default();
    let mut plain = Sought::default();
    for ((owner, field), record) in &first {
        sought.record(&format!("{owner} {field}"), record);
        plain.add(
            &format!("{owner} {field} in plain"),
            live[owner][field].as_str().unwrap().as_bytes(),
        );
    }
    assert_eq!(
        sought.found_in(&app.database_files()).len(),
        80,
        "the records are in the files as long as they live"
    );
    assert!(
        plain.found_in(&app.database_files()).is_empty(),
        "a secret was written in plain text"
    );

    let ids: Vec<String> = live.keys().cloned().collect();
    let mut entries = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        match number % 4 {
            0 => {
                let password = random_text(24);
                app.admin
                    .put(
                        &format!("/v1/connections/{id}/secrets"),
                        &json!({"secrets": {"password": password, "extra": null}}),
                    )
                    .ok(200);
                live.insert(id.clone(), json!({ "password": password }));
            }
            1 | 2 => {
                entries.push(app.delete_connection(id));
                live.remove(id);
            }
            _ => {}
        }
    }
    for number in 0..12 {
        let (id, secrets) = create(
            &app,
            &format!("second {number}"),
            SIZES[number % SIZES.len()],
        );
        live.insert(id, secrets);
    }
    let second = records(&app);
    let ids: Vec<String> = live.keys().cloned().collect();
    for id in ids.iter().step_by(2) {
        entries.push(app.delete_connection(id));
        live.remove(id);
    }

    for entry in &entries {
        TestApp::wait_for("the entry to say that its secrets are erased", || {
            erasure_of(&app, entry) == "done"
        });
    }
    wait_until_erased(&app);

    let left = records(&app);
    let (mut dead, mut alive) = (Sought::default(), Sought::default());
    for (secret, record) in first.iter().chain(&second) {
        let name = format!("{} {}", secret.0, secret.1);
        if left.get(secret) != Some(record) {
            dead.record(&name, record);
        }
    }
    for ((owner, field), record) in &left {
        alive.record(&format!("{owner} {field}"), record);
    }
    assert!(dead.len() >= 60, "{} secrets were shredded", dead.len());
    let files = app.database_files();
    assert_eq!(
        dead.found_in(&files),
        [].into(),
        "shredded, and still in the files"
    );
    assert!(plain.found_in(&files).is_empty());
    assert_eq!(
        alive.found_in(&files).len(),
        left.len(),
        "the search finds what is there"
    );
    for (id, secrets) in &live {
        assert_eq!(
            app.admin
                .get(&format!("/v1/connections/{id}/secrets"))
                .ok(200)["secrets"],
            *secrets
        );
    }
}

#[test]
fn erasure_stays_pending_while_a_reader_keeps_the_log_and_is_done_when_it_ends() {
    let app = TestApp::start(Backend::Sqlite);
    let (id, _) = create(&app, "read", 15_000);
    let mut sought = Sought::default();
    for ((_, field), record) in records(&app) {
        sought.record(&field, &record);
    }
    wait_until_erased(&app);
    let mut reader = app.services.store.connect().unwrap();
    reader.batch("BEGIN; SELECT count(*) FROM secrets").unwrap();

    let entry = app.delete_connection(&id);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(erasure_of(&app, &entry), "pending");
    assert!(
        !sought.found_in(&app.database_files()).is_empty(),
        "then there was nothing to wait for"
    );
    let other = app
        .admin
        .post("/v1/connections", &postgres_connection("meanwhile"));
    assert_eq!(other.status, 201, "writers do not wait for the eraser");

    reader.batch("COMMIT").unwrap();
    TestApp::wait_for("the erasure", || erasure_of(&app, &entry) == "done");
    assert_eq!(sought.found_in(&app.database_files()), [].into());
    let shown = app.admin.get(&format!("/v1/trash/{entry}")).ok(200);
    assert!(
        shown["secrets"]["erased_at"].as_str() > shown["secrets"]["shredded_at"].as_str(),
        "{shown}"
    );
}

#[test]
fn what_a_stopped_service_left_pending_is_erased_by_the_next() {
    let mut app = TestApp::start(Backend::Sqlite);
    let (id, _) = create(&app, "interrupted", 900);
    let mut sought = Sought::default();
    for ((_, field), record) in records(&app) {
        sought.record(&field, &record);
    }
    let mut reader = app.services.store.connect().unwrap();
    reader.batch("BEGIN; SELECT count(*) FROM secrets").unwrap();
    let entry = app.delete_connection(&id);
    app.halt();
    assert!(!sought.found_in(&app.database_files()).is_empty());
    drop(reader);
    app.restart();
    TestApp::wait_for("the erasure", || erasure_of(&app, &entry) == "done");
    assert_eq!(sought.found_in(&app.database_files()), [].into());
}
