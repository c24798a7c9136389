//! What gets into the shred log, and what never does.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::support::process::Machine;

fn machine_on(database: Option<&TestDatabase>) -> Machine {
    match database {
        Some(database) => Machine::new().with("REPRIEVE_DATABASE_URL", &database.url),
        None => Machine::new(),
    }
}

on_each! {
    fn a_deletion_is_logged_by_ids_and_time_alone(backend: Backend) {
        let app = TestApp::start(backend);
        assert!(!log_file(&app).exists(), "nothing was shredded");
        let id = app.sample_connection("logged");
        let record = records(&app).remove(0).0;
        app.delete_connection(&id);
        wait_for_lines(&app, 1);
        let line = lines(&app).remove(0);
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words.len(), 5, "{line}");
        assert_eq!(words[1..4], [&app.org.to_string(), record.as_str(), "1"], "{line}");
        let at = app.sql().count(&format!("shreds WHERE CAST(record_id AS text) = '{record}'"));
        assert_eq!(at, 1);
        assert_eq!(fs::metadata(log_file(&app)).unwrap().permissions().mode() & 0o777, 0o600);
        app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
    }

    fn a_deletion_that_is_rolled_back_is_never_logged(backend: Backend) {
        let mut app = TestApp::start(backend);
        let id = app.sample_connection("safe");
        let (make, drop) = match backend {
            Backend::Sqlite => (
                "CREATE TRIGGER no BEFORE INSERT ON audit_events WHEN NEW.action = 'connection.trashed' BEGIN SELECT RAISE(ABORT, 'no'); END",
                "DROP TRIGGER no",
            ),
            Backend::Postgres => (
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; \
                 CREATE TRIGGER no BEFORE INSERT ON audit_events FOR EACH ROW WHEN (NEW.action = 'connection.trashed') EXECUTE FUNCTION no()",
                "DROP TRIGGER no ON audit_events; DROP FUNCTION no",
            ),
        };
        app.sql().run(make);
        assert_eq!(app.admin.delete(&format!("/v1/connections/{id}")).status, 500, "it was to fail");
        app.sql().run(drop);
        let other = app.sample_connection("other");
        app.delete_connection(&other);
        wait_for_lines(&app, 1);
        app.restart();
        let secrets = app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200);
        assert_eq!(secrets["secrets"]["password"], "correct horse battery staple");
        assert_eq!(lines(&app).len(), 1);
    }

    fn nothing_is_said_to_be_erased_before_it_is_logged(backend: Backend) {
        let app = TestApp::start(backend);
        app.delete_connection(&app.sample_connection("first"));
        wait_for_lines(&app, 1);
        let second = app.sample_connection("second");
        let file = File::open(log_file(&app)).unwrap();
        file.lock().unwrap();
        let entry = app.delete_connection(&second);
        let erasure = |app: &TestApp| app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["secrets"]["erasure"].clone();
        TestApp::wait_for("the reason", || {
            let reasons = app.sql().lines("SELECT last_problem AS line FROM erasure_jobs WHERE last_problem IS NOT NULL");
            reasons.iter().any(|reason| reason.contains("shreds.log"))
        });
        assert_eq!(erasure(&app), "pending");
        assert_eq!(lines(&app).len(), 1);
        drop(file);
        TestApp::wait_for("the erasure", || erasure(&app) == "done");
        assert_eq!(lines(&app).len(), 2);
    }

    fn a_torn_last_line_is_cut_off_and_a_damaged_one_refused_by_its_number(backend: Backend) {
        let mut app = TestApp::start(backend);
        for name in ["one", "two", "three"] {
            app.delete_connection(&app.sample_connection(name));
        }
        wait_for_lines(&app, 3);
        app.halt();
        let whole = fs::read_to_string(log_file(&app)).unwrap();
        fs::write(log_file(&app), whole.get(..whole.len() - 30).unwrap()).unwrap();
        app.restart();
        TestApp::wait_for("the line that was torn", || lines(&app).len() == 3);
        assert_eq!(fs::read_to_string(log_file(&app)).unwrap(), whole);

        app.halt();
        fs::write(log_file(&app), whole.replacen(" 1 ", " 2 ", 1)).unwrap();
        let said = refusal(&app);
        assert!(said.contains("line 2") && said.contains("shreds.log") && said.contains("docs/operations.md"), "{said}");
        fs::write(log_file(&app), &whole).unwrap();
        app.restart();
    }

    fn a_second_replica_with_a_keyring_of_its_own_has_the_whole_log(backend: Backend) {
        let mut app = TestApp::start(backend);
        app.delete_connection(&app.sample_connection("one"));
        wait_for_lines(&app, 1);
        // The replica takes over with a copy of the keys alone.
        app.halt();
        let own = app.data_dir().join("own");
        fs::create_dir(&own).unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).unwrap();
        fs::copy(app.data_dir().join("keys/epoch-1.key"), own.join("epoch-1.key")).unwrap();
        app.config.keys = reprieve::secrets::KeySource::Folder(own.clone());
        app.restart();
        let log = own.join("shreds.log");
        TestApp::wait_for("the log of the replica", || lines_of(&log).len() == 1);
        assert_eq!(lines_of(&log), lines(&app));
        app.delete_connection(&app.sample_connection("two"));
        TestApp::wait_for("both lines", || lines_of(&log).len() == 2);
    }

    fn the_table_keeps_what_was_shredded_for_a_week_and_the_newest_of_all(backend: Backend) {
        let app = TestApp::start(backend);
        for name in ["one", "two", "three"] {
            app.delete_connection(&app.sample_connection(name));
        }
        wait_for_lines(&app, 3);
        let keep = |app: &TestApp, days: [i64; 3]| {
            let records = app.sql().lines("SELECT CAST(record_id AS text) AS line FROM shreds ORDER BY 1");
            for (record, days) in records.iter().zip(days) {
                let at = reprieve::domain::clock::Ts::now().plus(chrono::Duration::days(-days));
                app.sql().run(&format!("UPDATE shreds SET shredded_at = '{at}' WHERE CAST(record_id AS text) = '{record}'"));
            }
            reprieve::jobs::housekeeping::round(&app.services);
            app.sql().count("shreds")
        };
        assert_eq!(keep(&app, [6, 6, 6]), 3);
        assert_eq!(keep(&app, [8, 6, 6]), 2);
        assert_eq!(keep(&app, [30, 20, 0]), 1, "the newest stays however old it is");
        assert_eq!(keep(&app, [30, 0, 0]), 1);
        assert_eq!(lines(&app).len(), 3);
    }

    fn what_a_killed_process_did_not_log_the_next_one_does(backend: Backend) {
        let database = (backend == Backend::Postgres).then(TestDatabase::create_empty);
        let machine = machine_on(database.as_ref());
        let served = machine.serve(&[]);
        let key = machine.run(&["key", "create", "--name", "a", "--scope", "*"]).ok();
        let admin = served.client(key.trim());
        let create = |client: &Client, name: &str| client.post("/v1/connections", &postgres_connection(name)).ok(201)["id"].as_str().unwrap().to_owned();
        let log = machine.path("reprieve-data/keys/shreds.log");
        let first = create(&admin, "first");
        let second = create(&admin, "second");
        admin.delete(&format!("/v1/connections/{first}")).ok(200);
        TestApp::wait_for("the first line", || lines_of(&log).len() == 1);
        // Whoever holds the file keeps the line from being written.
        let file = File::open(&log).unwrap();
        file.lock().unwrap();
        admin.delete(&format!("/v1/connections/{second}")).ok(200);
        served.kill();
        assert_eq!(lines_of(&log).len(), 1, "it was to be killed before its line");
        drop(file);

        let served = machine.serve(&[]);
        TestApp::wait_for("the line of the killed process", || lines_of(&log).len() == 2);
        served.stop();
        assert!(machine.run(&["verify"]).ok().lines().all(|line| line.starts_with("ok")));
    }

    fn what_the_command_line_shreds_beside_no_server_is_logged(backend: Backend) {
        let database = (backend == Backend::Postgres).then(TestDatabase::create_empty);
        let machine = machine_on(database.as_ref());
        machine.serve(&[]).stop();
        let key = machine.run(&["key", "create", "--name", "a", "--scope", "*"]).ok();
        let served = machine.serve(&[]);
        served.client(key.trim()).post("/v1/connections", &postgres_connection("mine")).ok(201);
        served.stop();
        machine.run(&["connection", "delete", "mine", "--yes"]).ok();
        assert_eq!(lines_of(&machine.path("reprieve-data/keys/shreds.log")).len(), 1);
    }
}
