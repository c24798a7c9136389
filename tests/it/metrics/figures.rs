//! What a scrape looks up: the trash, erasure, alarms, the pool, the keys; and that it answers without a database.

use reprieve::domain::alarms::AlarmCode;
use reprieve::domain::clock::Ts;
use reprieve::service::alarms;
use reprieve::store::{Conn, StoreResult};

use super::*;

const CONNECTIONS: &str = "reprieve_database_connections";

/// The pool that requests read with.
fn pool(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "readers",
        Backend::Postgres => "all",
    }
}

/// A moment so many hours ago, as SQL has it.
fn ago(hours: i64) -> String {
    format!("'{}'", Ts::now().plus(-chrono::Duration::hours(hours)))
}

/// Lets an entry be due since so many hours.
fn overdue(app: &TestApp, entry: &str, hours: i64) {
    app.sql().run(&format!(
        "UPDATE trash_entries SET deleted_at = {}, purge_at = {} WHERE id = '{entry}'",
        ago(hours + 24 * 30),
        ago(hours)
    ));
}

fn hold(app: &TestApp, entry: &str, ends_at: &str) {
    app.sql().run(&format!(
        "INSERT INTO holds (org_id, id, entry_id, owner, reason, ends_at, created_at) VALUES ('{}', '{}', '{entry}', 'legal', 'case 7', {ends_at}, '2026-01-01T00:00:00.000000Z')",
        app.org, uuid::Uuid::now_v7()
    ));
}

on_each! {
    fn the_trash_is_counted_by_what_may_be_purged_and_what_keeps_the_rest(backend: Backend) {
        let app = started(backend);
        assert_value!(scrape(&app), "reprieve_trash_entries" {state = "in_trash"}, 0);
        assert_value!(scrape(&app), "reprieve_purge_oldest_overdue_seconds" {}, 0);
        let other = app.other_organization("other");
        let entries: Vec<String> = (0..6).map(|n| app.delete_connection(&app.sample_connection(&format!("c{n}")))).collect();
        let foreign = other.post("/v1/connections", &postgres_connection("foreign")).ok(201)["id"].clone();
        other.delete(&format!("/v1/connections/{}", foreign.as_str().unwrap())).ok(200);
        wait_for(&app, "reprieve_trash_entries", &[("state", "in_trash")], 7.0);
        assert_value!(scrape(&app), "reprieve_purge_eligible_entries" {}, 0);

        // One that is not due, one held, one held until lately, one that was held long ago, one that failed, one that is due.
        for (entry, hours) in entries.iter().skip(1).zip([50, 40, 30, 20, 10]) {
            overdue(&app, entry, hours);
        }
        hold(&app, &entries[1], "NULL");
        hold(&app, &entries[2], &ago(2));
        hold(&app, &entries[3], &ago(48));
        app.sql().run(&format!(
            "INSERT INTO purge_failures (org_id, entry_id, code, attempts, failed_at, retry_at) VALUES ('{}', '{}', 'out_of_time', 1, {now}, {now})",
            app.org, entries[4], now = ago(1)
        ));
        wait_for(&app, "reprieve_purge_eligible_entries", &[], 2.0);
        let found = scrape(&app);
        assert_value!(found, "reprieve_purge_blocked_entries" {reason = "hold"}, 2);
        assert_value!(found, "reprieve_purge_blocked_entries" {reason = "failed"}, 1);
        assert_value!(found, "reprieve_purge_blocked_entries" {reason = "brake"}, 0);
        assert_value!(found, "reprieve_trash_entries" {state = "in_trash"}, 7);
        // The third: due for 30 hours, and nothing keeps it any more.
        let oldest = found.value("reprieve_purge_oldest_overdue_seconds", &[]);
        assert!((30.0 * 3600.0..30.9 * 3600.0).contains(&oldest), "{oldest}");

        app.sql().run(&format!("UPDATE organizations SET purge_paused_at = {} WHERE id = '{}'", ago(1), app.org));
        wait_for(&app, "reprieve_purge_blocked_entries", &[("reason", "paused")], 2.0);
        assert_value!(scrape(&app), "reprieve_purge_eligible_entries" {}, 0);
        app.sql().run(&format!(
            "INSERT INTO brakes (org_id, id, started_at, covers_from, connections, of_connections) VALUES ('{}', '{}', {now}, '2020-01-01T00:00:00.000000Z', 9, 10)",
            app.org, uuid::Uuid::now_v7(), now = ago(1)
        ));
        wait_for(&app, "reprieve_purge_blocked_entries", &[("reason", "brake")], 3.0);
        app.sql().run("UPDATE brakes SET released_at = started_at");
        app.sql().run("UPDATE organizations SET purge_paused_at = NULL, retention_days = 0 WHERE name = 'default'");
        wait_for(&app, "reprieve_purge_blocked_entries", &[("reason", "retention_invalid")], 2.0);
        app.sql().run("UPDATE organizations SET retention_days = 30");
        wait_for(&app, "reprieve_purge_eligible_entries", &[], 2.0);

        app.admin.post(&format!("/v1/trash/{}/restore", entries[5]), &json!({})).ok(200);
        wait_for(&app, "reprieve_purge_eligible_entries", &[], 1.0);
        assert_value!(scrape(&app), "reprieve_trash_entries" {state = "in_trash"}, 6);
    }

    fn an_erasure_that_is_pending_is_seen_until_it_is_done(backend: Backend) {
        let app = TestApp::start_with(backend, |config| {
            config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
            config.erasure_interval = std::time::Duration::from_hours(24);
        });
        let id = app.sample_connection("warehouse");
        // On SQLite a reader is in the way, on PostgreSQL the cycle comes tomorrow.
        let mut reader = app.sql();
        reader.run("BEGIN; SELECT * FROM connections;");
        let _ = reader.count("connections");
        app.delete_connection(&id);
        wait_for(&app, "reprieve_erasure_jobs_pending", &[], 1.0);
        TestApp::wait_for("its age", || scrape(&app).value("reprieve_erasure_oldest_pending_seconds", &[]) > 0.0);
        reader.run("ROLLBACK");
        TestApp::wait_for("the erasure", || {
            reprieve::jobs::eraser::round(&app.services.store, &app.services.shreds).unwrap().problem.is_none()
        });
        wait_for(&app, "reprieve_erasure_jobs_pending", &[], 0.0);
        assert_value!(scrape(&app), "reprieve_erasure_oldest_pending_seconds" {}, 0);
    }

    fn an_alarm_shows_as_long_as_it_is_open(backend: Backend) {
        let app = started(backend);
        for code in AlarmCode::ALL {
            assert_value!(scrape(&app), "reprieve_alarm" {code = code.as_str()}, 0);
        }
        let write = |work: &dyn Fn(&mut Conn) -> StoreResult<bool>| app.services.store.write(|conn| work(conn)).unwrap();
        for subject in ["one", "two"] {
            write(&|conn| alarms::raise(conn, Some(app.org), AlarmCode::PurgeBlocked, subject, "nothing goes"));
        }
        write(&|conn| alarms::raise(conn, None, AlarmCode::ClockJump, "", "forty days"));
        wait_for(&app, "reprieve_alarm", &[("code", "purge_blocked")], 2.0);
        assert_value!(scrape(&app), "reprieve_alarm" {code = "clock_jump"}, 1);
        assert_value!(scrape(&app), "reprieve_alarm" {code = "brake"}, 0);
        write(&|conn| alarms::resolve(conn, Some(app.org), AlarmCode::PurgeBlocked, "one"));
        wait_for(&app, "reprieve_alarm", &[("code", "purge_blocked")], 1.0);
        write(&|conn| alarms::resolve(conn, Some(app.org), AlarmCode::PurgeBlocked, "two"));
        wait_for(&app, "reprieve_alarm", &[("code", "purge_blocked")], 0.0);
    }

    fn the_records_that_have_no_number_yet_are_counted(backend: Backend) {
        let mut app = started(backend);
        // `verify` finds the seal that this test makes up.
        app.leave_broken();
        app.sample_connection("warehouse");
        wait_for(&app, "reprieve_audit_unsealed", &[], 0.0);
        // Of an organization that nobody knows, which nobody seals either.
        let id = uuid::Uuid::now_v7();
        let columns = "(org_id, record_id, announced, tx_id, recorded_at)";
        app.sql().run(&format!(
            "INSERT INTO audit_seals {columns} SELECT '{id}', '{id}', announced, tx_id, recorded_at FROM audit_seals LIMIT 1"
        ));
        wait_for(&app, "reprieve_audit_unsealed", &[], 1.0);
    }

    fn the_pool_shows_who_holds_its_connections_and_a_scrape_needs_none_of_them(backend: Backend) {
        let app = started(backend);
        let (pool, most) = (pool(backend), app.services.store.capacity());
        let in_use = |count: u32| wait_for(&app, CONNECTIONS, &[("pool", pool), ("state", "in_use")], f64::from(count));
        in_use(0);
        assert_value!(scrape(&app), "reprieve_database_connections_limit" {pool = pool}, most);
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        std::thread::scope(|scope| {
            for held in 1..=most {
                let (store, wait) = (&app.services.store, &wait);
                scope.spawn(move || {
                    store.read(|conn| {
                        conn.now()?;
                        let _ = wait.lock().unwrap().recv();
                        StoreResult::Ok(())
                    })
                });
                in_use(held);
            }
            // Nothing is left: a request is told so, a scrape finds all it looks for.
            app.admin.get("/v1/whoami").problem(503, "busy");
            let found = scrape(&app);
            assert_value!(found, "reprieve_database_up" {}, 1);
            assert_value!(found, "reprieve_trash_entries" {state = "in_trash"}, 0);
            assert!(found.value("reprieve_database_connection_timeouts_total", &[("pool", pool)]) > 0.0);
            drop(done);
        });
        in_use(0);
        let idle = scrape(&app).value(CONNECTIONS, &[("pool", pool), ("state", "idle")]);
        assert!((1.0..=f64::from(most)).contains(&idle), "{idle}");
    }

    fn a_scrape_answers_while_the_database_does_not(backend: Backend) {
        let app = started(backend);
        let id = app.sample_connection("warehouse");
        app.delete_connection(&id);
        wait_for(&app, "reprieve_trash_entries", &[("state", "in_trash")], 1.0);
        let mut door = (backend == Backend::Postgres).then(|| Door::of(&app));
        match &mut door {
            Some(door) => door.close(),
            None => app.sql().run("ALTER TABLE trash_entries RENAME TO trash_entries_aside"),
        }
        wait_for(&app, "reprieve_database_up", &[], 0.0);
        let found = scrape(&app);
        assert_value!(found, "reprieve_deletions_total" {kind = "connection"}, 1);
        assert_value!(found, "reprieve_database_connections_limit" {pool = pool(backend)}, app.services.store.capacity());
        // What nobody knows is not said to be nothing.
        for name in ["reprieve_trash_entries", "reprieve_alarm", "reprieve_erasure_jobs_pending"] {
            assert!(!found.families.contains_key(name), "{}", found.text);
        }
        match &mut door {
            Some(door) => door.open(),
            None => app.sql().run("ALTER TABLE trash_entries_aside RENAME TO trash_entries"),
        }
        wait_for(&app, "reprieve_database_up", &[], 1.0);
        assert_value!(scrape(&app), "reprieve_trash_entries" {state = "in_trash"}, 1);
    }

    fn locked_mode_shows(backend: Backend) {
        let mut app = started(backend);
        assert_value!(scrape(&app), "reprieve_vault_ready" {}, 1);
        let (keys, aside) = (app.data_dir().join("keys"), app.data_dir().join("aside"));
        app.halt();
        std::fs::rename(&keys, &aside).unwrap();
        app.restart();
        assert_value!(scrape(&app), "reprieve_vault_ready" {}, 0);
        std::fs::rename(&aside, &keys).unwrap();
        app.stranger().get("/readyz").ok(200);
        assert_value!(scrape(&app), "reprieve_vault_ready" {}, 1);
    }

    fn what_the_process_is_is_told(backend: Backend) {
        let app = started(backend);
        let found = scrape(&app);
        assert_value!(found, "reprieve_build_info" {version = env!("CARGO_PKG_VERSION")}, 1);
        assert!(found.value("reprieve_process_start_time_seconds", &[]) > 1.7e9);
        assert!(found.value("reprieve_process_resident_memory_bytes", &[]) > 1e6);
    }
}
