//! The clock guard: a clock that jumps stops the purge and raises an alarm; nothing goes early, then or afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::process::{Machine, Served};

use super::*;

/// Makes the clock so many hours ahead, or behind, of where the last tick was.
fn jump(app: &TestApp, hours: i64) {
    sql(
        app,
        &format!(
            "UPDATE scheduler_ticks SET ticked_at = '{}'",
            in_hours(-hours)
        ),
    );
}

fn acknowledge(client: &Client) {
    let alarm = client.get("/v1/alarms").ok(200)["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|alarm| alarm["code"] == "clock_jump")
        .map(id)
        .unwrap();
    client
        .post(&format!("/v1/alarms/{alarm}/acknowledge"), &json!({}))
        .ok(200);
}

on_both! {
    fn edge_case_22_a_clock_that_jumps_stops_the_purge_until_it_is_right_again(app: &TestApp) {
        let entry_id = expired(app, "prod");
        for hours in [40 * 24, -40 * 24, 2 * 365 * 24, -2] {
            jump(app, hours);
            let report = run(app);
            assert_eq!((report.purged, report.stopped), (0, vec![(None, Stop::ClockJump)]), "{hours}");
            assert_eq!(alarms(app), ["clock_jump"]);
            assert_eq!(app.admin.get("/v1/purge").ok(200)["stopped"], "clock_jump");
            let preview = app.admin.post("/v1/trash/purge", &json!({"validate_only": true})).ok(200);
            assert_eq!((&preview["purged"], &preview["stopped"]), (&json!(0), &json!("clock_jump")));
            assert_eq!(app.admin.post("/v1/trash/purge", &json!({})).ok(200)["purged"], 0);
            // Wrong still means wrong.
            assert_eq!(run(app).purged, 0);
        }
        assert_eq!(state(app, &entry_id), "in_trash");
        jump(app, 0);
        assert_eq!(run(app).purged, 1);
        assert!(alarms(app).is_empty());
    }

    fn a_jump_is_right_when_whoever_may_says_so(app: &TestApp) {
        expired(app, "prod");
        jump(app, 40 * 24);
        assert_eq!(run(app).purged, 0);
        acknowledge(&app.admin);
        assert!(alarms(app).is_empty());
        assert_eq!(run(app).purged, 1);
    }

    fn a_stop_over_a_weekend_is_no_jump_and_one_of_forty_days_is(app: &TestApp) {
        for (days, gone) in [(3, 1), (40, 0)] {
            expired(app, &format!("prod {days}"));
            // Another start of the machine: its uptime tells nothing.
            sql(app, &format!("UPDATE scheduler_ticks SET boot_id = 'an earlier start', ticked_at = '{}'", in_hours(-24 * days)));
            assert_eq!(run(app).purged, gone, "{days}");
            sql(app, "DELETE FROM scheduler_ticks WHERE boot_id <> 'an earlier start'");
        }
        assert_eq!(alarms(app), ["clock_jump"]);
    }
}

on_each! {
    fn what_is_deleted_by_a_clock_that_went_back_is_kept_as_long_as_by_a_right_one(backend: Backend) {
        let mut app = TestApp::start(backend);
        let id = connection_of(&app);
        app.halt();
        // The last tick was in ten days: seen from there, today is ten days back.
        sql(&app, &format!("UPDATE scheduler_ticks SET ticked_at = '{}'", in_hours(240)));
        app.restart();
        assert_eq!(alarms(&app), ["clock_jump"]);
        let entry_id = app.delete_connection(&id);
        let purge_at = entry(&app, &entry_id)["purge_at"].as_str().unwrap().to_owned();
        assert!(purge_at > in_hours(24 * 40 - 1), "{purge_at}");
    }
}

fn connection_of(app: &TestApp) -> String {
    id(&app
        .admin
        .post("/v1/connections", &postgres_connection("prod"))
        .ok(201))
}

/// Variables that put a program's clock where a file says; its uptime stays what it is.
fn faked(file: &Path) -> [(&'static str, String); 4] {
    let library = [
        "/usr/lib/x86_64-linux-gnu/faketime",
        "/usr/lib/aarch64-linux-gnu/faketime",
        "/usr/lib/faketime",
        "/usr/local/lib/faketime",
    ]
    .map(|folder| PathBuf::from(folder).join("libfaketimeMT.so.1"))
    .into_iter()
    .find(|path| path.exists())
    .expect("libfaketime is missing: scripts/test installs it (Debian's package faketime)");
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// Puts the clock so many days from where it belongs.
fn set_clock(file: &Path, days: i64) {
    fs::write(file, format!("{days:+}d\n")).unwrap();
}

/// The story of a clock that goes wrong by 40 days, in flight and at a start, and is set right again. `faked_machine` is
/// whose clock the database goes by.
fn a_clock_goes_wrong(place: &Machine, clock: &Path) {
    set_clock(clock, 0);
    place.run(&["migrate"]).ok();
    let key = place
        .run(&["key", "create", "--name", "admin", "--scope", "*"])
        .ok();
    let key = key.trim();
    let serve = || place.serve(&["--purge-schedule", "1s"]);
    let mut server = serve();
    let client = |server: &Served| Client::new(server.address, key);
    let delete = |client: &Client, name: &str| {
        let connection = id(&client
            .post("/v1/connections", &postgres_connection(name))
            .ok(201));
        id(&client
            .delete(&format!("/v1/connections/{connection}"))
            .ok(200))
    };
    let jumped = |client: &Client| {
        let list = client.get("/v1/alarms").ok(200);
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|alarm| alarm["code"] == "clock_jump")
    };
    let state = |client: &Client, entry: &str| {
        client.get(&format!("/v1/trash/{entry}")).ok(200)["state"].clone()
    };

    let first = delete(&client(&server), "first");
    let mut entries = vec![first];
    for days in [40, -40] {
        set_clock(clock, days);
        let caller = client(&server);
        TestApp::wait_for("the alarm", || jumped(&caller));
        // Deleted by a clock that is wrong.
        entries.push(delete(&caller, &format!("at {days:+}")));
        assert_eq!(
            caller.post("/v1/trash/purge", &json!({})).ok(200)["purged"],
            0,
            "{days:+} in flight"
        );
        set_clock(clock, 0);
        TestApp::wait_for("the end of the alarm", || !jumped(&caller));

        server.kill();
        set_clock(clock, days);
        server = serve();
        let caller = client(&server);
        assert!(jumped(&caller), "{days:+} at the start");
        assert_eq!(
            caller.post("/v1/trash/purge", &json!({})).ok(200)["purged"],
            0,
            "{days:+} at the start"
        );
        set_clock(clock, 0);
        TestApp::wait_for("the end of the alarm", || !jumped(&caller));
    }
    let caller = client(&server);
    // The clock is right: nothing is due, whatever clock it was deleted by.
    assert_eq!(
        caller.post("/v1/trash/purge", &json!({})).ok(200),
        json!({"validate_only": false, "purged": 0, "rows": 0, "failed": [], "stopped": null})
    );
    for entry in &entries {
        assert_eq!(state(&caller, entry), "in_trash");
        let purge_at = caller.get(&format!("/v1/trash/{entry}")).ok(200)["purge_at"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(purge_at > in_hours(24 * 30 - 1), "{purge_at}");
    }
    // Forty days later indeed: somebody says so.
    set_clock(clock, 40);
    TestApp::wait_for("the alarm", || jumped(&caller));
    acknowledge(&caller);
    TestApp::wait_for("the purge", || state(&caller, &entries[0]) == "purged");
    server.kill();
}

#[test]
fn the_clock_of_the_machine_goes_wrong_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    // West of UTC, where a date by local time would come too early.
    let mut machine = Machine::new().with("TZ", "America/Los_Angeles");
    for (name, value) in faked(&clock) {
        machine = machine.with(name, &value);
    }
    a_clock_goes_wrong(&machine, &clock);
}

#[test]
fn the_clock_of_the_database_goes_wrong_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    open_to_all(folder.path());
    let clock = folder.path().join("clock");
    set_clock(&clock, 0);
    let postgres = folder.path().join("postgres");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres");
    let started = Command::new(&script)
        .arg("start")
        .arg(&postgres)
        .envs(faked(&clock))
        .output()
        .unwrap();
    let settings = String::from_utf8_lossy(&started.stdout).into_owned();
    let url = settings
        .lines()
        .find_map(|line| line.strip_prefix("export REPRIEVE_TEST_POSTGRES="))
        .unwrap_or_else(|| panic!("no server: {started:#?}"));
    let stop = Stopped(script, postgres);
    a_clock_goes_wrong(&Machine::new().with("REPRIEVE_DATABASE_URL", url), &clock);
    drop(stop);
}

/// The service's own clock decides nothing where the database has another.
#[test]
fn the_clock_of_the_service_decides_nothing_on_postgres() {
    let database = TestDatabase::create_empty();
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    set_clock(&clock, 40);
    let mut machine = Machine::new().with("REPRIEVE_DATABASE_URL", &database.url);
    for (name, value) in faked(&clock) {
        machine = machine.with(name, &value);
    }
    machine.run(&["migrate"]).ok();
    let key = machine
        .run(&["key", "create", "--name", "admin", "--scope", "*"])
        .ok();
    let server = machine.serve(&["--purge-schedule", "1s"]);
    let client = Client::new(server.address, key.trim());
    let connection = id(&client
        .post("/v1/connections", &postgres_connection("prod"))
        .ok(201));
    let deleted = client
        .delete(&format!("/v1/connections/{connection}"))
        .ok(200);
    let purge_at = deleted["purge_at"].as_str().unwrap();
    assert!(
        purge_at > in_hours(24 * 30 - 1).as_str() && purge_at < in_hours(24 * 30 + 1).as_str(),
        "{purge_at}"
    );
    assert_eq!(
        client.post("/v1/trash/purge", &json!({})).ok(200)["purged"],
        0
    );
    assert_eq!(client.get("/v1/alarms").ok(200)["data"], json!([]));
    server.kill();
}

/// The server of another user reads it.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
}

/// Stops a server of its own when the test ends.
struct Stopped(PathBuf, PathBuf);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = Command::new(&self.0).arg("stop").arg(&self.1).output();
    }
}
