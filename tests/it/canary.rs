//! The standing check: clean where everything is right, and it finds what is left where something is not.

use std::time::Duration;

use reprieve::domain::ids::JobId;
use reprieve::service::canary::{self, Check, Report, Sought, Wait, What};
use reprieve::service::error::Error;
use reprieve::store::{Conn, StoreError};

use crate::support::*;

const HOUR: Duration = Duration::from_hours(1);

/// A check, whenever the last one was.
fn look(app: &TestApp) -> Check {
    look_if_due(app, None)
}

fn look_if_due(app: &TestApp, every: Option<Duration>) -> Check {
    waiting(app, every, HOUR, &mut || {
        std::thread::sleep(Duration::from_millis(20));
        true
    })
}

fn waiting(
    app: &TestApp,
    every: Option<Duration>,
    patience: Duration,
    pause: &mut dyn FnMut() -> bool,
) -> Check {
    loop {
        match canary::check(
            &app.services,
            every,
            Wait {
                patience,
                pause: &mut *pause,
            },
        ) {
            // On PostgreSQL the eraser, which waits for a reader, has others wait behind it: whoever waited too long tries again.
            Err(Error::Store(StoreError::Unavailable(_) | StoreError::Conflict)) => {}
            ended => return ended.unwrap(),
        }
    }
}

#[track_caller]
fn made(check: Check) -> Report {
    match check {
        Check::Made(report) => report,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn clean(app: &TestApp) {
    let report = made(look(app));
    assert_eq!((report.residue(), report.places().as_str()), (0, ""));
}

fn count(app: &TestApp, what: &str) -> String {
    app.sql()
        .lines(&format!(
            "SELECT CAST(count(*) AS text) AS line FROM {what}"
        ))
        .remove(0)
}

const OWN: &str = "org_id = (SELECT id FROM organizations WHERE name = 'reprieve-canary')";

/// The codes of the open alarms of the service itself.
fn alarms(app: &TestApp) -> Vec<String> {
    app.sql().lines("SELECT code AS line FROM alarms WHERE resolved_at IS NULL AND org_id = '00000000-0000-0000-0000-000000000000' ORDER BY code")
}

/// A metric without labels.
fn metric(app: &TestApp, name: &str) -> f64 {
    let page = Client::new(app.metrics_address(), "").get("/metrics").text;
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name} is not in {page}"))
        .parse()
        .unwrap()
}

fn metric_becomes(app: &TestApp, name: &str, value: f64) {
    TestApp::wait_for(&format!("{name} to be {value}"), || {
        (metric(app, name) - value).abs() < 0.5
    });
}

fn with_metrics(backend: Backend) -> TestApp {
    TestApp::start_with(backend, |config| {
        config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
    })
}

/// Undoes what the deletion does to the slot, as if nothing overwrote or removed it.
fn undo_the_shredding(app: &TestApp) {
    app.sql().run(match app.backend {
        Backend::Sqlite => {
            "CREATE TRIGGER undo AFTER UPDATE OF record ON secret_slots WHEN NEW.free = 1 BEGIN \
             UPDATE secret_slots SET record = OLD.record WHERE id = NEW.id; END"
        }
        Backend::Postgres => {
            "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO secret_slots (org_id, id, size_class, free, record) OVERRIDING SYSTEM VALUE \
             VALUES (OLD.org_id, OLD.id, OLD.size_class, true, OLD.record); RETURN NULL; END $$; \
             CREATE TRIGGER undo AFTER DELETE ON secret_slots FOR EACH ROW EXECUTE FUNCTION undo()"
        }
    });
}

fn mend_the_shredding(app: &TestApp) {
    app.sql().run(match app.backend {
        Backend::Sqlite => "DROP TRIGGER undo; UPDATE secret_slots SET record = zeroblob(length(record)) WHERE free = 1",
        Backend::Postgres => "DROP TRIGGER undo ON secret_slots; DELETE FROM secret_slots WHERE free",
    });
}

/// Copies every record that is stored to where nobody looks for one.
fn leak(app: &TestApp, table: &str, copy: [&str; 2]) {
    let [on_sqlite, on_postgres] = copy;
    app.sql().run(&match app.backend {
        Backend::Sqlite => format!(
            "{table}; CREATE TRIGGER leak AFTER INSERT ON secret_slots BEGIN INSERT INTO leaks {on_sqlite}; END; \
             CREATE TRIGGER leak_too AFTER UPDATE ON secret_slots WHEN NEW.free = 0 BEGIN INSERT INTO leaks {on_sqlite}; END"
        ),
        Backend::Postgres => format!(
            "{table}; CREATE FUNCTION leak() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO leaks {on_postgres}; \
             RETURN NULL; END $$; CREATE TRIGGER leak AFTER INSERT ON secret_slots FOR EACH ROW EXECUTE FUNCTION leak()"
        ),
    });
}

/// Keeps the eraser from its work until it is dropped.
fn in_the_way(app: &TestApp) -> Conn {
    let mut reader = app.services.store.connect().unwrap();
    if app.backend == Backend::Postgres {
        reader
            .batch("SET idle_in_transaction_session_timeout = 0")
            .unwrap();
    }
    reader
        .batch("BEGIN; SELECT count(*) FROM secret_slots")
        .unwrap();
    reader
}

on_both! {
    fn a_healthy_service_is_clean_and_nothing_piles_up(app: &TestApp) {
        app.delete_connection(&app.sample_connection("of somebody else"));
        app.sample_connection("live");
        let report = made(look(app));
        assert_eq!((report.residue(), report.record), (0, 251));
        let tables = match app.backend {
            Backend::Sqlite => "sqlite_schema WHERE type = 'table'",
            Backend::Postgres => "pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
        };
        assert_eq!(report.seen.tables.to_string(), count(app, tables), "each table is looked at");
        assert!(report.seen.tables > 30 && report.seen.rows > 10, "{report:?}");
        assert_eq!(report.seen.file_bytes > 100_000, app.backend == Backend::Sqlite);
        clean(app);
        for table in ["connections", "trash_connections", "secrets", "shredded_secrets"] {
            assert_eq!(count(app, &format!("{table} WHERE {OWN}")), "0", "{table}");
        }
        assert_eq!(count(app, &format!("trash_entries WHERE {OWN} AND state = 'purged'")), "2");
        assert_eq!(count(app, &format!("secret_slots WHERE {OWN} AND NOT free")), "0");
        assert_eq!(alarms(app), [""; 0]);
    }

    fn a_check_is_made_when_it_is_due_and_by_one_at_a_time(app: &TestApp) {
        let mut reader = None;
        let mut meanwhile = None;
        made(look_if_due(app, Some(HOUR)));
        assert!(matches!(look_if_due(app, Some(HOUR)), Check::NotNow), "it was made just now");
        reader.replace(in_the_way(app));
        let report = waiting(app, None, HOUR, &mut || {
            // A second service finds that somebody is at it.
            meanwhile.get_or_insert_with(|| look(app));
            drop(reader.take());
            std::thread::sleep(Duration::from_millis(20));
            true
        });
        assert_eq!(made(report).residue(), 0);
        assert!(matches!(meanwhile, Some(Check::NotNow)), "{meanwhile:?}");

        // Whoever was killed has the turn no longer than five minutes.
        let run = JobId::mint();
        let killed = |ago: i64| {
            let at = reprieve::domain::clock::Ts::now().plus(-chrono::Duration::minutes(ago));
            app.sql().run(&format!("UPDATE canary_checks SET run_id = '{run}', seen_at = '{at}'"));
        };
        killed(4);
        assert!(matches!(look(app), Check::NotNow));
        killed(6);
        clean(app);
    }

    fn a_check_that_can_not_wait_for_the_erasure_tells_nothing(app: &TestApp) {
        let reader = in_the_way(app);
        assert!(matches!(waiting(app, None, Duration::ZERO, &mut || panic!("it does not wait")), Check::Overdue));
        assert!(matches!(waiting(app, None, HOUR, &mut || false), Check::Stopped));
        assert_eq!(app.sql().lines("SELECT CASE WHEN checked_at IS NULL THEN 'never' ELSE 'checked' END AS line FROM canary_checks"), ["never"]);
        assert_eq!(alarms(app), [""; 0]);
        drop(reader);
        // What was stopped is made again by whoever comes next; what was overdue counts as one that was made.
        app.sql().run("UPDATE canary_checks SET ended_at = NULL");
        made(look_if_due(app, Some(HOUR)));
        assert_eq!(count(app, &format!("trash_entries WHERE {OWN} AND state = 'in_trash'")), "0");
    }

    fn what_a_killed_check_left_behind_is_swept_by_the_next(app: &TestApp) {
        clean(app);
        let org: String = app.sql().lines("SELECT CAST(id AS text) AS line FROM organizations WHERE name = 'reprieve-canary'").remove(0);
        let org = reprieve::domain::ids::OrgId::parse(&org).unwrap();
        let client = Client::new(app.address(), &issue(&app.services, org, &["*"]));
        let left = client.post("/v1/connections", &postgres_connection("left")).ok(201)["id"].as_str().unwrap().to_owned();
        client.post("/v1/connections", &postgres_connection("live")).ok(201);
        client.delete(&format!("/v1/connections/{left}")).ok(200);
        clean(app);
        assert_eq!(client.get("/v1/connections").ok(200)["data"], json!([]));
        assert_eq!(client.get("/v1/trash").ok(200)["data"], json!([]));
    }

    fn a_record_that_does_not_open_makes_the_check_broken_and_not_clean(app: &TestApp) {
        app.sql().run(match app.backend {
            Backend::Sqlite => "CREATE TRIGGER lost AFTER INSERT ON secret_slots BEGIN UPDATE secret_slots SET record = zeroblob(length(record)) WHERE id = NEW.id; END",
            Backend::Postgres => "CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.record := decode(repeat('00', length(NEW.record)), 'hex'); RETURN NEW; END $$; \
                                  CREATE TRIGGER lost BEFORE INSERT ON secret_slots FOR EACH ROW EXECUTE FUNCTION lost()",
        });
        let Check::Broken(why) = look(app) else { panic!("it can't be believed") };
        assert!(why.contains("does not open to the planted secret"), "{why}");
        assert_eq!(alarms(app), ["canary_broken"]);
        app.sql().run(match app.backend {
            Backend::Sqlite => "DROP TRIGGER lost",
            Backend::Postgres => "DROP TRIGGER lost ON secret_slots",
        });
        clean(app);
        assert_eq!(alarms(app), [""; 0]);
    }

    fn the_organization_of_the_check_is_nobody_elses(app: &TestApp) {
        app.admin.post("/v1/organizations", &json!({"name": "reprieve-canary"})).problem(409, "name_taken");
        clean(app);
        app.admin.post("/v1/organizations", &json!({"name": "reprieve-canary"})).problem(409, "name_taken");
        let only = app.services.store.read(|conn| reprieve::service::organizations::choose(conn, None)).unwrap();
        assert_eq!(only.name, "default", "it does not count where a command takes the only organization");
        assert_eq!(reprieve::service::organizations::ensure_default(&app.services).unwrap().name, "default");
        let listed = app.admin.get("/v1/organizations").ok(200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 2, "it is not hidden");
    }
}

on_each! {
    fn what_nobody_overwrites_is_found_until_it_is_mended(backend: Backend) {
        let mut app = with_metrics(backend);
        clean(&app);
        metric_becomes(&app, "reprieve_residue_bytes", 0.0);
        let first = metric(&app, "reprieve_residue_checked_timestamp_seconds");
        undo_the_shredding(&app);
        let report = made(look(&app));
        assert!(report.residue() >= 2 * 251, "{report:?}");
        assert!(report.places().contains("the table secret_slots: 502 bytes of the sealed record"), "{}", report.places());
        assert_eq!(alarms(&app), ["residue"]);
        let shown = app.admin.get("/v1/alarms").ok(200)["data"][0].clone();
        assert_eq!((&shown["code"], &shown["of_service"]), (&json!("residue"), &json!(true)));
        assert!(shown["detail"].as_str().unwrap().contains("the table secret_slots"), "{shown}");
        metric_becomes(&app, "reprieve_residue_bytes", f64::from(u32::try_from(report.residue()).unwrap()));
        assert!(metric(&app, "reprieve_residue_checked_timestamp_seconds") >= first);

        mend_the_shredding(&app);
        clean(&app);
        assert_eq!(alarms(&app), [""; 0]);
        metric_becomes(&app, "reprieve_residue_bytes", 0.0);
        app.halt();
    }

    fn a_copy_in_a_table_that_nobody_knows_is_found_in_any_form(backend: Backend) {
        let of_organizations = ["(org_id, copy) VALUES (NEW.org_id, NEW.record)"; 2];
        let in_base64 = ["VALUES (hex(NEW.record))", "VALUES (encode(NEW.record, 'base64'))"];
        let [id, bytes, strict] = match backend {
            Backend::Sqlite => ["TEXT", "BLOB", " STRICT"],
            Backend::Postgres => ["uuid", "bytea", ""],
        };
        for (table, copy) in [
            (format!("CREATE TABLE leaks (org_id {id}, copy {bytes}){strict}"), of_organizations),
            (format!("CREATE TABLE leaks (copy TEXT){strict}"), in_base64),
        ] {
            let app = TestApp::start(backend);
            leak(&app, &table, copy);
            let report = made(look(&app));
            assert!(report.places().contains("the table leaks: "), "{copy:?}: {}", report.places());
            assert!(report.found["the table leaks"].record >= 251, "{report:?}");
            assert_eq!(alarms(&app), ["residue"]);
        }
    }

    fn the_check_is_made_by_itself_every_so_often(backend: Backend) {
        let app = TestApp::start_with(backend, |config| {
            config.canary_interval = Some(Duration::from_secs(1));
        });
        TestApp::wait_for("two checks", || {
            count(&app, "trash_entries WHERE state = 'purged'").parse::<u32>().unwrap() >= 2
        });
        assert_eq!(alarms(&app), [""; 0]);
    }

    fn in_locked_mode_it_is_not_made_and_says_so(backend: Backend) {
        let mut app = TestApp::start(backend);
        app.sample_connection("used");
        let (keys, away) = (app.data_dir().join("keys"), app.data_dir().join("away"));
        std::fs::rename(&keys, &away).unwrap();
        app.restart();
        let Check::Locked(problem) = look(&app) else { panic!("there is no key") };
        assert!(problem.contains("locked"), "{problem}");
        assert_eq!(count(&app, "organizations"), "1");
        std::fs::rename(&away, &keys).unwrap();
        app.restart();
        clean(&app);
    }

    fn where_everything_is_kept_for_a_time_the_checks_own_entries_go_by_their_date(backend: Backend) {
        let app = TestApp::start_with(backend, |config| config.purge.min_retention_days = 7);
        clean(&app);
        assert_eq!(count(&app, &format!("trash_entries WHERE {OWN} AND state = 'in_trash'")), "1");
        clean(&app);
    }
}

/// `secure_delete` is what wipes a page that is given up. The service never runs without it, but somebody else may write
/// into the file without: then a copy that was dropped is in no table and still in the file.
#[test]
fn on_sqlite_a_copy_in_a_page_that_is_free_again_is_found_in_the_file() {
    for (secure_delete, is_found) in [("OFF", true), ("ON", false)] {
        let app = TestApp::start(Backend::Sqlite);
        // Other writes take free pages meanwhile, the first to be freed first: the copy is in the last.
        leak(
            &app,
            "CREATE TABLE leaks (copy BLOB) STRICT; \
             INSERT INTO leaks WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) \
             SELECT zeroblob(3000) FROM n",
            ["VALUES (NEW.record)", ""],
        );
        let mut reader = Some(in_the_way(&app));
        let report = made(waiting(&app, None, HOUR, &mut || {
            // Dropped while nothing reaches the file yet: else the erasure might come first and the drop after the look.
            if let Some(_held) = reader.take() {
                app.sql().run(&format!(
                    "PRAGMA secure_delete = {secure_delete}; DROP TRIGGER leak; DROP TRIGGER leak_too; DROP TABLE leaks"
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
            true
        }));
        if is_found {
            assert_eq!(
                report.places(),
                "the file reprieve.db: 251 bytes of the sealed record"
            );
        } else {
            assert_eq!(report.residue(), 0, "{}", report.places());
        }
    }
}

/// A plaintext never reaches the database; if it did, in whatever column and form, it would be found.
#[test]
fn a_plaintext_in_any_column_is_found() {
    let secret = "q8Zr2LkPw5VnT7xYc3JdM9sBf4HgA6eU";
    let sought = Sought::new(&[(What::Plaintext, secret.as_bytes())]);
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = TestApp::start(backend);
        let other = app.other_organization("other");
        let entry = app.delete_connection(&app.sample_connection("gone"));
        let places = |org| {
            let (found, _) = canary::search(&app.services, org, &sought).unwrap();
            found
                .into_keys()
                .filter(|place| place.starts_with("the table"))
                .collect::<Vec<_>>()
        };
        assert_eq!(places(app.org), [""; 0]);
        for (table, column, value) in [
            (
                "trash_connections",
                "metadata",
                format!("{{\"a\": \"{secret}\\\"\"}}"),
            ),
            (
                "trash_entries",
                "reason",
                format!("see postgres://me:{secret}@db/x"),
            ),
            (
                "trash_models",
                "body",
                format!("{{\"n\": [\"{}\"]}}", secret.get(3..19).unwrap()),
            ),
        ] {
            app.sql().run(&format!(
                "UPDATE {table} SET {column} = '{value}' WHERE org_id = '{}'",
                app.org
            ));
            assert_eq!(
                places(app.org),
                [format!("the table {table}")],
                "{backend:?}"
            );
            let harmless = if column == "reason" { "NULL" } else { "'{}'" };
            app.sql().run(&format!(
                "UPDATE {table} SET {column} = {harmless} WHERE org_id = '{}'",
                app.org
            ));
        }
        assert_eq!(places(app.org), [""; 0]);
        drop((other, entry));
    }
}
