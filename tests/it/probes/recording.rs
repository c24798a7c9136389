//! What becomes of an outcome: it is written to what was tested, once, by who may.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;

use super::{assert_outcome, closed_port, connection, server, settings, trial};
use crate::support::servers::probed_postgres;
use crate::support::*;

/// A server that keeps a caller waiting until it is told to hang up. It tells when somebody has come.
fn waiting() -> (u16, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (came, coming) = mpsc::channel();
    let (go, going) = mpsc::channel::<()>();
    let going = Arc::new(Mutex::new(going));
    let port = server(move |stream| {
        came.send(()).unwrap();
        let going = Arc::clone(&going);
        thread::spawn(move || {
            let _ = going.lock().unwrap().recv();
            drop(stream);
        });
    });
    (port, coming, go)
}

on_both! {
    fn an_outcome_says_nothing_of_secrets_that_were_entered_meanwhile(app: &TestApp) {
        let (port, coming, go) = waiting();
        let there = json!({"host": "127.0.0.1", "port": port, "database": "x", "username": "x", "tls": "disable"});
        let path = connection(app, "postgres", &there, "first");
        let test = || app.admin.post(&format!("{path}/test"), &json!({})).ok(200);
        let told = thread::scope(|scope| {
            let tested = scope.spawn(test);
            coming.recv().unwrap();
            app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "second"}})).ok(200);
            go.send(()).unwrap();
            tested.join().unwrap()
        });
        assert_eq!((&told["outcome"], &told["recorded"], &told["status"]), (&json!("protocol_error"), &json!(false), &json!("untested")));
        assert_eq!(app.admin.get(&path).ok(200)["last_test"], json!(null));
        // A change of something else is no reason to forget it.
        let told = thread::scope(|scope| {
            let tested = scope.spawn(test);
            coming.recv().unwrap();
            app.admin.patch(&path, &json!({"name": "renamed"})).ok(200);
            go.send(()).unwrap();
            tested.join().unwrap()
        });
        assert_eq!((&told["recorded"], &told["status"]), (&json!(true), &json!("failing")));
        assert_eq!(app.admin.get(&path).ok(200)["name"], "renamed");
    }

    fn an_outcome_comes_too_late_for_a_connection_that_is_deleted_meanwhile(app: &TestApp) {
        let (port, coming, go) = waiting();
        let there = json!({"host": "127.0.0.1", "port": port, "database": "x", "username": "x", "tls": "disable"});
        let path = connection(app, "postgres", &there, "first");
        let entered = json!({"secrets": {"password": "second"}, "test": true});
        let (test, enter) = thread::scope(|scope| {
            let test = scope.spawn(|| app.admin.post(&format!("{path}/test"), &json!({})));
            coming.recv().unwrap();
            let enter = scope.spawn(|| app.admin.put(&format!("{path}/secrets"), &entered));
            coming.recv().unwrap();
            app.delete_connection(path.rsplit('/').next().unwrap());
            go.send(()).unwrap();
            go.send(()).unwrap();
            (test.join().unwrap(), enter.join().unwrap())
        });
        test.problem(410, "in_trash");
        // The secret was entered, which is what was asked first; that it is gone again is another story.
        assert_eq!(enter.ok(200)["test"], json!(null));
    }

    fn the_same_request_tests_once(app: &TestApp) {
        let probed = probed_postgres();
        let path = connection(app, "postgres", &settings(probed), &probed.password);
        let client = app.admin.with("idempotency-key", "a-test");
        let first = client.post(&format!("{path}/test"), &json!({}));
        let second = client.post(&format!("{path}/test"), &json!({}));
        assert_eq!(first.ok(200), second.ok(200));
        assert_eq!(second.header("idempotency-replayed"), Some("true"));
        assert_eq!(app.network.dialled().len(), 1);
    }

    fn a_test_needs_its_scope_and_leaves_an_audit_record_and_an_event(app: &TestApp) {
        let settings = json!({"host": "127.0.0.1", "port": closed_port(), "database": "x", "username": "x"});
        let path = connection(app, "postgres", &settings, "cAnArY of the audit");
        let reader = app.client(&["connections:read", "secrets:read", "connections:write"]);
        reader.post(&format!("{path}/test"), &json!({})).problem(403, "missing_scope");
        let body = json!({"settings": settings, "secrets": {"password": "x"}});
        app.client(&["secrets:write"]).post("/v1/connectors/postgres/test", &body).problem(403, "missing_scope");
        app.other_organization("other").post(&format!("{path}/test"), &json!({})).problem(404, "not_found");
        assert!(app.network.dialled().is_empty());
        app.admin.post(&format!("{path}/test"), &json!({})).ok(200);
        let mut sql = app.sql();
        let table = "audit_events WHERE announced AND action = 'connection.tested'";
        assert_eq!(sql.count(table), 1, "{table}");
        assert!(!format!("{:?}", sql.rows(table)).contains("cAnArY"));
        assert_outcome(&trial(&app.admin, "postgres", &settings, "x"), "unreachable", "Nobody answers");
    }
}
