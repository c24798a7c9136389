//! SQLite: its settings, its files, its one server, its transactions.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Text;
use reprieve::app::{self, Application};
use reprieve::service::caller::Caller;
use reprieve::store::{Conn, DatabaseUrl, Store, StoreError, StoreResult};

use crate::support::*;

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// How a connection of the service is set.
fn settings(conn: &mut Conn) -> StoreResult<Vec<(&'static str, String)>> {
    let Conn::Sqlite(conn) = conn else {
        panic!("not SQLite")
    };
    [
        ("secure_delete", "secure_delete"),
        ("foreign_keys", "foreign_keys"),
        ("journal_mode", "journal_mode"),
        ("synchronous", "synchronous"),
        ("busy_timeout", "timeout"),
        ("trusted_schema", "trusted_schema"),
        ("journal_size_limit", "journal_size_limit"),
        ("temp_store", "temp_store"),
    ]
    .into_iter()
    .map(|(pragma, column)| {
        let query = format!("SELECT CAST({column} AS TEXT) AS value FROM pragma_{pragma}");
        let setting: Setting = diesel::sql_query(query)
            .get_result(conn)
            .map_err(StoreError::from)?;
        Ok((pragma, setting.value))
    })
    .collect()
}

#[test]
fn every_connection_has_the_settings_that_erasing_relies_on() {
    let app = TestApp::start(Backend::Sqlite);
    let expected: Vec<(&str, String)> = [
        ("secure_delete", "1"),
        ("foreign_keys", "1"),
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("busy_timeout", "5000"),
        ("trusted_schema", "0"),
        ("journal_size_limit", "0"),
        ("temp_store", "2"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec();
    let store = &app.services.store;
    let readers = usize::try_from(store.capacity()).unwrap();
    assert!(readers > 1);
    // All of them at once, so that none is looked at twice.
    let barrier = Barrier::new(readers);
    thread::scope(|scope| {
        for _ in 0..readers {
            scope.spawn(|| {
                let found = store.read(|conn| {
                    barrier.wait();
                    settings(conn)
                });
                assert_eq!(found.unwrap(), expected);
            });
        }
    });
    assert_eq!(store.write(settings).unwrap(), expected);
    assert_eq!(settings(&mut store.connect().unwrap()).unwrap(), expected);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_and_folders_are_for_their_owner_alone() {
    let mut app = TestApp::start_with(Backend::Sqlite, |config| {
        let root = config.data_dir.join("fresh");
        config.data_dir = root.join("data");
        config.database = DatabaseUrl::Sqlite(root.join("db/reprieve.db"));
        config.keys = reprieve::secrets::KeySource::Folder(root.join("data/keys"));
    });
    let id = app.sample_connection("warehouse");
    app.delete_connection(&id);
    let root = app.data_dir().join("fresh");
    let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    let names: Vec<_> = files
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for expected in ["reprieve.db", "reprieve.db-wal", "reprieve.db-shm"] {
        assert!(
            names.iter().any(|name| name == expected),
            "{expected} is not in {names:?}"
        );
    }
    assert!(
        files
            .iter()
            .any(|path| path.starts_with(root.join("data/keys"))),
        "{files:?}"
    );
    for path in &files {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
    app.restart();
}

#[test]
fn a_second_server_on_the_file_is_refused_and_everything_else_works_beside_it() {
    let mut app = TestApp::start(Backend::Sqlite);
    let refusal = format!(
        "{:#}",
        Application::build(app.config.clone()).err().unwrap()
    );
    assert!(
        refusal.contains("another `reprieve serve` runs on") && refusal.contains("reprieve.db"),
        "{refusal}"
    );
    assert!(refusal.contains("--data-dir"), "{refusal}");

    let beside = app::open_services(&app.config).unwrap();
    let key = issue(&beside, app.org, &["*"]);
    assert_eq!(
        Client::new(app.address(), &key).get("/v1/whoami").status,
        200
    );
    // The refused one took nothing from the one that runs.
    app.sample_connection("warehouse");
    drop(beside);
    app.halt();
    assert!(Application::build(app.config.clone()).is_ok());
}

#[test]
fn a_new_file_that_another_connection_sets_up_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("reprieve.db"));
    let mut other = Sql::open(&url);
    // Switching to write-ahead logging fails at once here, whatever the busy timeout.
    other.run("CREATE TABLE t (x); BEGIN IMMEDIATE");
    thread::scope(|scope| {
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(300));
            other.run("COMMIT");
        });
        let store = Store::open(url.clone(), 2).unwrap();
        assert_eq!(
            settings(&mut store.connect().unwrap()).unwrap()[2],
            ("journal_mode", "wal".to_owned())
        );
    });
}

#[test]
fn a_deferred_transaction_fails_where_an_immediate_one_waits() {
    let app = TestApp::start(Backend::Sqlite);
    let (mut first, mut second) = (app.sql(), app.sql());
    first.run("BEGIN; SELECT count(*) FROM organizations");
    second.run("UPDATE organizations SET display_name = 'second'");
    let error = first
        .try_run("UPDATE organizations SET display_name = 'first'")
        .unwrap_err();
    assert!(error.to_string().contains("database is locked"), "{error}");
}

on_both! {
    fn eight_writers_that_read_first_all_get_through(app: &TestApp) {
        const WRITERS: i64 = 8;
        const ROUNDS: i64 = 50;
        let id = app.sample_connection("warehouse");
        let id = reprieve::domain::ids::ConnectionId::parse(&id).unwrap();
        let barrier = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    // Its own pool, as another process has: within one pool SQLite has a single writer.
                    let services = app::open_services(&app.config).unwrap();
                    let caller = Caller::command_line(app.org);
                    barrier.wait();
                    for round in 0..ROUNDS {
                        let done = services.write_once(&caller, |tx| {
                            let mut row = tx.conn.lock_connection(app.org, id)?.unwrap();
                            thread::yield_now();
                            row.version += 1;
                            tx.conn.update_connection(&row)?;
                            Ok(())
                        });
                        done.unwrap_or_else(|error| panic!("round {round}: {error}"));
                    }
                });
            }
        });
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["version"], 1 + WRITERS * ROUNDS);
    }
}
