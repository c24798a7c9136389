//! `reprieve backup`: the file, what it says, what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::support::process::Machine;

/// A served machine with an admin of its organization `default`.
fn machine() -> (Machine, process::Served, Client) {
    let machine = Machine::new();
    let served = machine.serve(&[]);
    let key = fs::read_to_string(machine.path("reprieve-data/admin.key")).unwrap();
    let admin = served.client(key.trim());
    (machine, served, admin)
}

#[test]
fn a_backup_beside_a_running_server_is_whole_private_and_holds_neither_secret_nor_key() {
    let (machine, served, admin) = machine();
    let secret = "cAnArY-oF-tHe-bAcKuP";
    let mut body = postgres_connection("sealed");
    body["secrets"]["password"] = json!(secret);
    admin.post("/v1/connections", &body).ok(201);
    let said = machine.run(&["backup", "copy.db"]).ok();
    assert!(
        said.contains("Backed up ") && said.contains("to copy.db: whole, "),
        "{said}"
    );
    assert!(
        said.contains("No key is in it: back up ./reprieve-data/keys apart from it."),
        "{said}"
    );
    let file = machine.path("copy.db");
    let content = fs::read(&file).unwrap();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let key = fs::read(machine.path("reprieve-data/keys/epoch-1.key")).unwrap();
    let found = |needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
    assert!(found(b"sealed"), "the search finds what is there");
    for window in key.windows(8).chain(secret.as_bytes().windows(8)) {
        assert!(!found(window), "a key or a secret is in the backup");
    }
    let beside: Vec<_> = fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(beside.len(), 2, "nothing else is left: {beside:?}");

    let answer: Value = serde_json::from_str(
        &machine
            .run(&["backup", "copy.db", "--force", "--json"])
            .ok(),
    )
    .unwrap();
    assert_eq!(answer["file"], "copy.db");
    assert_eq!(answer["bytes"], json!(fs::metadata(&file).unwrap().len()));
    assert_eq!(
        (
            &answer["checked"],
            &answer["problems"],
            &answer["holds_keys"]
        ),
        (&json!(true), &json!([]), &json!(false))
    );
    let rows = answer["rows"].as_i64().unwrap();
    assert!(rows > 5, "{answer}");

    // It is a database: with the keys a server starts on it.
    served.stop();
    let url = format!("sqlite:{}", file.display());
    let served = machine.serve(&["--database-url", &url]);
    let id = served.client(admin.key()).get("/v1/connections").ok(200)["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let secrets = served
        .client(admin.key())
        .get(&format!("/v1/connections/{id}/secrets"))
        .ok(200);
    assert_eq!(secrets["secrets"]["password"], secret);
    served.stop();
}

#[test]
fn what_is_in_the_way_or_in_the_wrong_place_is_refused() {
    let (machine, served, _) = machine();
    fs::write(machine.path("there"), "mine").unwrap();
    machine
        .run(&["backup", "there"])
        .refused(1, &["is there already", "--force"]);
    assert_eq!(fs::read(machine.path("there")).unwrap(), b"mine");
    std::os::unix::fs::symlink("reprieve-data/keys", machine.path("link")).unwrap();
    for inside in [
        "reprieve-data/keys/copy.db",
        "link/copy.db",
        "reprieve-data/keys/epoch-1.key",
    ] {
        machine
            .run(&["backup", inside, "--force"])
            .refused(1, &["in the folder of the keys"]);
    }
    for own in ["reprieve.db", "reprieve.db-wal", "reprieve.db.serve-lock"] {
        machine
            .run(&["backup", &format!("reprieve-data/{own}"), "--force"])
            .refused(1, &["a file of the service itself"]);
    }
    machine
        .run(&["backup", "nowhere/copy.db"])
        .refused(1, &["there is no folder nowhere"]);
    machine
        .run(&["backup", "copy.db", "--data-dir", "empty"])
        .refused(1, &["there is no database at"]);
    let left: Vec<_> = fs::read_dir(machine.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("partial")),
        "{left:?}"
    );
    served.stop();

    // What is wrong with the data is said, and kept: a backup of it is better than none.
    machine
        .database()
        .run("PRAGMA foreign_keys = OFF; INSERT INTO links VALUES ('a', 'b', 'c', 'd')");
    let broken = machine.run(&["backup", "broken.db"]);
    assert_eq!(broken.code, Some(1), "{broken:#?}");
    assert!(
        broken.stderr.contains("breaks promises") && machine.path("broken.db").exists(),
        "{broken:#?}"
    );
}

#[test]
fn a_database_that_waits_for_its_migrations_can_be_backed_up() {
    let machine = Machine::new();
    machine.run(&["migrate"]).ok();
    machine.database().run("DROP TABLE shreds; DELETE FROM __diesel_schema_migrations WHERE version = '20261122000009'");
    let said = machine.run(&["backup", "before-upgrade.db"]).ok();
    assert!(said.contains("migrations are pending"), "{said}");
}

#[test]
fn on_postgres_the_recipe_is_told_and_nothing_written() {
    let machine = Machine::new().with("REPRIEVE_DATABASE_URL", "postgres://me:hunter2@db/x");
    let refused = machine.run(&["backup", "copy.db"]);
    refused.refused(
        1,
        &[
            "pg_dump --format=custom",
            "pg_restore",
            "docs/operations.md",
        ],
    );
    assert!(!refused.stderr.contains("hunter2") && !machine.path("copy.db").exists());
}

/// Tells the writers to stop when it goes.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_while_writers_work_is_of_one_moment() {
    let app = TestApp::start(Backend::Sqlite);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..3 {
            let (app, stop) = (&app, &stop);
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let id = app.sample_connection(&format!("{writer} {number}"));
                    let entry = app.delete_connection(&id);
                    if number % 2 == 0 {
                        app.admin
                            .post(&format!("/v1/trash/{entry}/restore"), &json!({}))
                            .ok(200);
                    }
                }
            });
        }
        // Also when something below fails, or the writers would go on for ever.
        let _stop = Stop(&stop);
        // Each is checked against the promises as it is made.
        let mut entries = Vec::new();
        let deadline = Instant::now() + Duration::from_mins(1);
        while entries.len() < 6 || entries.last() < Some(&10) {
            let backup = Backup::of(&app);
            entries.push(Sql::open(&DatabaseUrl::Sqlite(backup.0)).count("trash_entries"));
            assert!(Instant::now() < deadline, "nobody writes: {entries:?}");
        }
    });
}
