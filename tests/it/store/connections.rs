//! A database that goes away, and what the program needs from the machine it runs on.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::*;

#[test]
fn without_its_database_the_service_is_busy_and_recovers() {
    let app = TestApp::start(Backend::Postgres);
    let id = app.sample_connection("warehouse");
    let path = format!("/v1/connections/{id}");
    // So that several connections of the pool are in use before they are cut.
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| app.admin.get(&path).ok(200));
        }
    });
    let mut door = Door::of(&app);
    door.close();
    for _ in 0..8 {
        for reply in [
            app.admin.get(&path),
            app.admin.delete(&path),
            app.admin.post(
                "/v1/connections",
                &json!({"name": "n", "connector": "postgres"}),
            ),
        ] {
            let problem = reply.problem(503, "busy");
            assert_eq!(reply.header("retry-after"), Some("1"));
            assert!(
                !problem.to_string().contains("FATAL") && !problem.to_string().contains("terminat"),
                "{problem}"
            );
        }
    }
    let started = Instant::now();
    let ready = app.stranger().get("/readyz").ok(503);
    assert_eq!(ready["ready"], false);
    assert_eq!(ready["problems"], json!(["the database does not answer"]));
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(app.stranger().get("/healthz").status, 200);

    door.open();
    TestApp::wait_for("the service to recover", || {
        app.admin.get(&path).status == 200
    });
    app.stranger().get("/readyz").ok(200);
    let entry = app.delete_connection(&id);
    app.admin
        .post(&format!("/v1/trash/{entry}/restore"), &json!({}))
        .ok(200);
}

#[test]
fn the_program_needs_no_library_of_a_database() {
    let program = env!("CARGO_BIN_EXE_reprieve");
    let output = Command::new("readelf")
        .args(["--dynamic", program])
        .output()
        .unwrap_or_else(|error| {
            panic!("readelf (of binutils, which rustc's linker needs too) can't be run: {error}")
        });
    let text = String::from_utf8(output.stdout).unwrap();
    let needed: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .collect();
    assert!(
        needed.iter().any(|line| line.contains("libc.so")),
        "readelf says nothing of what is needed: {text}"
    );
    for library in ["libpq", "libsqlite3", "libssl", "libcrypto", "libmysql"] {
        assert!(
            !needed.iter().any(|line| line.contains(library)),
            "{library} is needed: {needed:#?}"
        );
    }
}
