//! What an earlier copy of the database is worth after a destruction (docs/promises.md, promise 4; RELIABILITY's P6).

use reprieve::domain::ids::{ConnectionId, RecordId};
use reprieve::secrets::envelope::{self, Binding};
use reprieve::secrets::keyring::Keyring;

use super::super::database::hex;
use super::*;

/// A stored secret with all that it takes to open it, but the key.
struct Copied {
    owner: String,
    field: String,
    record_id: RecordId,
    generation: i64,
    record: Vec<u8>,
}

/// Every secret, as a copy of the database holds it.
fn copy(app: &TestApp) -> Vec<Copied> {
    let rows = texts(
        app,
        "SELECT CAST(owner_id AS text) || ' ' || field || ' ' || CAST(record_id AS text) || ' ' || CAST(generation AS text) AS value FROM secrets",
    );
    let mut records = records(app);
    rows.iter()
        .map(|row| {
            let parts: Vec<&str> = row.split(' ').collect();
            let (owner, field) = (parts[0].to_owned(), parts[1].to_owned());
            let record = records.remove(&(owner.clone(), field.clone())).unwrap();
            Copied {
                owner,
                field,
                record_id: RecordId::parse(parts[2]).unwrap(),
                generation: parts[3].parse().unwrap(),
                record,
            }
        })
        .collect()
}

/// Who of a copy can be opened with all keys that are in the folder.
fn openable(app: &TestApp, copy: &[Copied]) -> Vec<String> {
    let ring = Keyring::read(&key_folder(app)).unwrap().unwrap();
    let opens = |one: &&Copied| {
        let binding = Binding {
            organization: app.org.0,
            owner_kind: "connection",
            owner: ConnectionId::parse(&one.owner).unwrap().0,
            field: &one.field,
            record: one.record_id.0,
            generation: one.generation,
        };
        envelope::open(&ring, &binding, &one.record).is_ok()
    };
    copy.iter()
        .filter(opens)
        .map(|one| one.owner.clone())
        .collect()
}

on_each! {
    fn after_a_destruction_no_secret_of_an_earlier_copy_opens_and_every_live_one_does(backend: Backend) {
        let app = looking(backend, OFTEN);
        let mut live = create(&app, &["a", "b", "c", "d", "e", "f"]);
        let before = copy(&app);
        let doomed: Vec<String> = live.keys().take(3).cloned().collect();
        for id in &doomed {
            app.delete_connection(id);
            live.remove(id);
        }
        assert_eq!(openable(&app, &before).len(), 6, "until then a copy gives everything away");
        let services = beside(&app);
        rotate(&services);
        let between = copy(&app);
        assert_eq!(openable(&app, &before).len(), 6, "while the old key is there");
        let late = live.keys().next().unwrap().clone();
        app.delete_connection(&late);
        live.remove(&late);
        rotation::destroy(&services, epoch(1), Duration::ZERO, BY).unwrap();
        TestApp::wait_for("the file to go", || key_files(&app) == ["epoch-2.key"]);
        assert_eq!(openable(&app, &before), Vec::<String>::new());
        // What was deleted after it had been wrapped anew goes with the next key.
        assert_eq!(openable(&app, &between).len(), 3);
        rotate(&services);
        rotation::destroy(&services, epoch(2), Duration::ZERO, BY).unwrap();
        assert_eq!(openable(&app, &between), Vec::<String>::new());
        let now = copy(&app);
        assert_eq!(openable(&app, &now).len(), live.len());
        opens(&app.admin, &live);
    }
}

#[test]
fn an_earlier_copy_of_the_file_that_is_put_back_is_locked_until_its_secrets_are_given_up() {
    let mut app = looking(Backend::Sqlite, OFTEN);
    let live = create(&app, &["deleted since", "kept"]);
    let copy = app.data_dir().join("copy.db");
    execute(&app, &format!("VACUUM INTO '{}'", copy.display()));
    for name in key_files(&app) {
        let key = std::fs::read(key_folder(&app).join(name)).unwrap();
        let file = std::fs::read(&copy).unwrap();
        assert!(
            !file.windows(32).any(|window| window == key),
            "a copy holds a key: {}",
            hex(&key[..2])
        );
    }
    let gone = live.keys().next().unwrap();
    app.delete_connection(gone);
    let services = beside(&app);
    rotate(&services);
    rotation::destroy(&services, epoch(1), Duration::ZERO, BY).unwrap();
    drop(services);
    app.halt();
    for file in app.database_files() {
        if !file.to_string_lossy().ends_with("lock") {
            std::fs::remove_file(file).unwrap();
        }
    }
    std::fs::rename(&copy, app.data_dir().join("reprieve.db")).unwrap();
    app.restart();
    let ready = app.stranger().get("/readyz").ok(503);
    assert!(
        ready["problems"][0].as_str().unwrap().contains("epoch 1"),
        "{ready}"
    );
    for id in live.keys() {
        let reply = app.admin.get(&format!("/v1/connections/{id}/secrets"));
        if id == gone {
            // The shred log knows better than the copy.
            reply.problem(409, "needs_credentials");
        } else {
            reply.problem(503, "locked");
        }
    }
    let alarms = app.admin.get("/v1/alarms").ok(200);
    let raised = |code: &str| {
        let mut all = alarms["data"].as_array().unwrap().iter();
        all.any(|alarm| alarm["code"] == code)
    };
    assert!(
        raised("key_missing") && raised("backup_older_than_shred"),
        "{alarms}"
    );

    let services = beside(&app);
    let given_up = rotation::give_up(&services, epoch(1), BY).unwrap();
    assert_eq!(
        (given_up.secrets, given_up.owners, given_up.primary),
        (1, 1, Some(epoch(2)))
    );
    TestApp::wait_for("the service to see it", || {
        app.stranger().get("/readyz").status == 200
    });
    for id in live.keys() {
        let path = format!("/v1/connections/{id}");
        assert_eq!(app.admin.get(&path).ok(200)["status"], "needs_credentials");
        app.admin
            .put(
                &format!("{path}/secrets"),
                &json!({"secrets": {"password": "again"}}),
            )
            .ok(200);
        assert_eq!(
            app.admin.get(&format!("{path}/secrets")).ok(200)["secrets"]["password"],
            "again"
        );
    }
}
