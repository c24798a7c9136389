//! Keyring and database at the start, through the whole service: what it makes, what it goes on without, what it
//! refuses (docs/security.md, "The keyring"). Files that are refused are in `key_files`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use reprieve::app::Application;
use reprieve::secrets::{KeySource, Vault, VaultError};
use reprieve::store::Store;

use super::database::{count, erasure_of, execute, texts};
use crate::support::*;

pub(crate) fn key_folder(app: &TestApp) -> PathBuf {
    app.data_dir().join("keys")
}

/// A key in a folder of its own, as the service wants it.
pub(super) fn write_key(folder: &Path, name: &str, key: &[u8]) {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .unwrap();
    let mut file = fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(folder.join(name))
        .unwrap();
    file.write_all(key).unwrap();
}

/// Why the service does not start.
#[track_caller]
pub(super) fn refusal(app: &TestApp) -> String {
    match Application::build(app.config.clone()) {
        Ok(_) => panic!("it started"),
        Err(error) => format!("{error:#}"),
    }
}

fn primary_epochs(app: &TestApp) -> Vec<String> {
    texts(
        app,
        "SELECT CAST(epoch AS text) AS value FROM key_epochs WHERE is_primary",
    )
}

/// A halted service whose database knows no key, as before the first start.
fn unclaimed(backend: Backend) -> TestApp {
    let mut app = TestApp::start(backend);
    app.halt();
    execute(&app, "DELETE FROM key_epochs");
    fs::remove_file(key_folder(&app).join("epoch-1.key")).unwrap();
    app
}

on_each! {
    fn the_first_start_makes_a_private_key_and_claims_its_epoch(backend: Backend) {
        let app = TestApp::start(backend);
        let folder = key_folder(&app);
        let key = folder.join("epoch-1.key");
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&key).unwrap().len(), 32);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no draft is left");
        assert_eq!(primary_epochs(&app), ["1"]);
        assert_eq!(app.stranger().get("/readyz").ok(200), json!({"ready": true, "problems": []}));
    }

    fn without_its_key_everything_works_but_secrets_until_the_key_is_back(backend: Backend) {
        let mut app = TestApp::start(backend);
        let id = app.sample_connection("locked");
        let kept = app.sample_connection("kept");
        let secrets = format!("/v1/connections/{kept}/secrets");
        app.halt();
        let away = app.data_dir().join("keys-away");
        fs::rename(key_folder(&app), &away).unwrap();
        app.restart();

        let ready = app.stranger().get("/readyz").ok(503);
        assert_eq!(ready["ready"], false);
        assert!(ready["problems"][0].as_str().unwrap().starts_with("locked:"), "{ready}");
        assert_eq!(app.stranger().get("/healthz").status, 200);
        assert!(!key_folder(&app).exists(), "a new key would hide that the old one is missing");

        let audited = count(&app, "audit_events WHERE action <> 'alarm.raised'");
        let entry = app.delete_connection(&id);
        assert_eq!(app.admin.get("/v1/trash").ok(200)["data"][0]["id"], json!(entry));
        TestApp::wait_for("the erasure", || erasure_of(&app, &entry) == "done");
        let restored = app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        assert_eq!(restored["needs_credentials"], json!(["password"]));
        let entry = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{entry}/purge"), &json!({"confirm": "locked"})).ok(200);
        assert_eq!(count(&app, "audit_events WHERE action <> 'alarm.raised'"), audited + 5);

        let mut without = postgres_connection("without");
        let with = postgres_connection("with");
        without.as_object_mut().unwrap().remove("secrets");
        assert_eq!(app.admin.post("/v1/connections", &without).ok(201)["status"], "needs_credentials");
        let entered = json!({"secrets": {"password": "cAnArY while locked"}});
        for reply in [
            app.admin.post("/v1/connections", &with),
            app.admin.put(&secrets, &entered),
            app.admin.patch(&format!("/v1/connections/{kept}"), &entered),
            app.admin.put("/v1/integrations/postgres/connections/ext-with", &with),
            app.admin.get(&secrets),
        ] {
            reply.problem(503, "locked");
            assert!(!reply.text.contains("cAnArY"), "{reply:#?}");
        }
        assert_eq!(app.admin.get("/v1/connections?name=with").ok(200)["data"], json!([]));

        let other = fs::read(away.join("epoch-1.key")).unwrap().iter().map(|byte| byte ^ 1).collect::<Vec<_>>();
        write_key(&key_folder(&app), "epoch-1.key", &other);
        let ready = app.stranger().get("/readyz").ok(503);
        assert!(ready["problems"][0].as_str().unwrap().contains("epoch 1"), "{ready}");
        fs::remove_dir_all(key_folder(&app)).unwrap();

        fs::rename(&away, key_folder(&app)).unwrap();
        assert_eq!(app.stranger().get("/readyz").ok(200), json!({"ready": true, "problems": []}));
        assert_eq!(app.admin.get(&secrets).ok(200)["secrets"]["password"], "correct horse battery staple");
        app.admin.put(&secrets, &entered).ok(200);
    }

    fn in_locked_mode_a_secret_can_still_be_shredded(backend: Backend) {
        let mut app = TestApp::start(backend);
        let id = app.sample_connection("locked");
        app.halt();
        fs::rename(key_folder(&app), app.data_dir().join("keys-away")).unwrap();
        app.restart();
        let path = format!("/v1/connections/{id}/secrets");
        let emptied = app.admin.put(&path, &json!({"secrets": {"password": null}})).ok(200);
        assert_eq!(emptied["status"], "needs_credentials");
        assert_eq!(count(&app, "secrets"), 0);
    }

    fn another_key_than_its_own_is_refused_by_the_number_of_its_epoch(backend: Backend) {
        let mut app = TestApp::start(backend);
        app.sample_connection("sealed");
        app.halt();
        let key = key_folder(&app).join("epoch-1.key");
        let own = fs::read(&key).unwrap();
        fs::write(&key, [7; 32]).unwrap();
        assert!(refusal(&app).contains("the key of epoch 1 is not the one this database was used with"));
        assert_eq!(primary_epochs(&app), ["1"]);
        fs::write(&key, own).unwrap();
        app.restart();
        app.stranger().get("/readyz").ok(200);
    }

    fn a_key_that_is_there_before_the_database_is_claimed_under_its_own_number(backend: Backend) {
        let source = TestApp::start(backend);
        let key = fs::read(key_folder(&source).join("epoch-1.key")).unwrap();
        for name in ["epoch-1.key", "epoch-7.key"] {
            let app = TestApp::start_with(backend, |config| write_key(&config.data_dir.join("keys"), name, &key));
            assert_eq!(fs::read(key_folder(&app).join(name)).unwrap(), key);
            assert_eq!(primary_epochs(&app), [name.trim_start_matches("epoch-").trim_end_matches(".key")]);
            let id = app.sample_connection("moved");
            app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200);
        }
        let app = TestApp::start_with(backend, |config| {
            let folder = config.data_dir.join("given");
            write_key(&folder, "key", &key);
            config.keys = KeySource::File(folder.join("key"));
        });
        assert_eq!(primary_epochs(&app), ["1"]);
        assert!(!key_folder(&app).exists());
        app.sample_connection("given");
    }

    fn a_given_key_file_that_is_missing_locks_a_used_database_and_is_never_made(backend: Backend) {
        let mut app = TestApp::start(backend);
        let id = app.sample_connection("given");
        app.halt();
        let given = app.data_dir().join("given");
        app.config.keys = KeySource::File(given.join("key"));
        app.restart();
        assert_eq!(app.stranger().get("/readyz").status, 503);
        let path = format!("/v1/connections/{id}/secrets");
        app.admin.get(&path).problem(503, "locked");
        write_key(&given, "key", &fs::read(key_folder(&app).join("epoch-1.key")).unwrap());
        assert_eq!(app.stranger().get("/readyz").status, 200);
        app.admin.get(&path).ok(200);
        app.halt();

        // The secret that is left belongs to no epoch now.
        app.leave_broken();
        execute(&app, "DELETE FROM key_epochs");
        fs::remove_dir_all(&given).unwrap();
        let said = refusal(&app);
        assert!(said.contains("given/key"), "{said}");
        assert!(!given.exists() && primary_epochs(&app).is_empty());
    }

    fn of_two_first_starts_on_one_database_one_wins_and_the_others_leave_no_key(backend: Backend) {
        let app = unclaimed(backend);
        let mut refused = 0;
        for round in 0..8 {
            execute(&app, "DELETE FROM key_epochs");
            let folders: Vec<PathBuf> = (0..3).map(|number| app.data_dir().join(format!("keys-{round}-{number}"))).collect();
            let barrier = Barrier::new(folders.len());
            let outcomes: Vec<Result<Vault, VaultError>> = std::thread::scope(|scope| {
                let open = |folder: &PathBuf| {
                    let store = Store::open(app.config.database.clone(), 2).unwrap();
                    barrier.wait();
                    Vault::open(&store, KeySource::Folder(folder.clone()))
                };
                let threads: Vec<_> = folders.iter().map(|folder| scope.spawn(move || open(folder))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let mut winners = 0;
            for (outcome, folder) in outcomes.iter().zip(&folders) {
                let has_key = folder.join("epoch-1.key").exists();
                match outcome {
                    Ok(vault) if vault.problem().is_none() => {
                        winners += 1;
                        assert!(has_key, "the winner's key is gone");
                        let again = Vault::open(&app.services.store, KeySource::Folder(folder.clone())).unwrap();
                        assert_eq!(again.problem(), None);
                    }
                    // Came so late that the epoch was known already.
                    Ok(_) => assert!(!has_key, "a loser's key would contradict the database"),
                    Err(error) => {
                        assert!(matches!(error, VaultError::LostRace), "{error}");
                        assert!(!has_key, "a loser's key would contradict the database");
                        refused += 1;
                    }
                }
            }
            assert_eq!((winners, count(&app, "key_epochs")), (1, 1), "{outcomes:?}");
        }
        assert!(refused > 0, "they never met");
    }

    fn first_starts_with_one_key_folder_leave_the_key_that_the_database_knows(backend: Backend) {
        let app = unclaimed(backend);
        for round in 0..12 {
            execute(&app, "DELETE FROM key_epochs");
            let folder = app.data_dir().join(format!("shared-{round}"));
            let source = KeySource::Folder(folder.clone());
            let key = folder.join("epoch-1.key");
            let open = || {
                let store = Store::open(app.config.database.clone(), 2).unwrap();
                store.read(reprieve::store::Conn::list_key_epochs).unwrap();
                move |source: &KeySource| drop(Vault::open(&store, source.clone()))
            };
            // Whoever loses may refuse; the next start has to find everything in order.
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    let second = open();
                    let (key, source) = (&key, &source);
                    scope.spawn(move || {
                        while !key.exists() {
                            std::hint::spin_loop();
                        }
                        second(source);
                    });
                }
                open()(&source);
            });
            let next = Vault::open(&app.services.store, source.clone()).unwrap();
            assert_eq!(next.problem(), None, "round {round}: the key is lost");
        }
    }
}
