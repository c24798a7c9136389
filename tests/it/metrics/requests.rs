//! Requests: how long they took, by labels that nobody outside can add to.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const COUNT: &str = "reprieve_http_request_duration_seconds_count";

/// Sends bytes as they are; the status of the answer.
fn raw(app: &TestApp, head: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address()).unwrap();
    stream.write_all(head).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}

on_each! {
    fn each_request_is_counted_by_method_template_and_class_of_status(backend: Backend) {
        let app = started(backend);
        let ids = [app.sample_connection("one"), app.sample_connection("two")];
        for id in &ids {
            app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        }
        app.stranger().get(&format!("/v1/connections/{}", ids[0])).problem(401, "unauthenticated");
        app.admin.get("/v1/connections/0199f000-0000-7000-8000-000000000000").problem(404, "not_found");
        let counted = scrape(&app);
        assert_value!(counted, "reprieve_http_request_duration_seconds_count" {method = "GET", route = "/v1/connections/{id}", status = "2xx"}, 2);
        assert_value!(counted, "reprieve_http_request_duration_seconds_count" {method = "GET", route = "/v1/connections/{id}", status = "4xx"}, 2);
        assert_value!(counted, "reprieve_http_request_duration_seconds_count" {method = "POST", route = "/v1/connections", status = "2xx"}, 2);
        assert_eq!(counted.find(COUNT, &[("method", "GET"), ("route", "/metrics"), ("status", "2xx")]), None, "a scrape is no request");
    }

    fn nothing_that_is_asked_for_makes_a_label(backend: Backend) {
        let app = started(backend);
        let ask = |round: usize| {
            for path in [format!("/nowhere{round}"), format!("/v1/nowhere/{round}"), format!("/v1/connections/x/y/{round}"), format!("/{}", "x".repeat(round * 20)), format!("/metrics?{round}")] {
                for method in ["GET", "POST", "DELETE", "BREW"] {
                    assert_eq!(app.admin.send(method, &path, None).status, 404, "{method} {path}");
                }
            }
            assert_eq!(app.admin.send(&format!("FOO{round}"), "/v1/connections", None).status, 405);
            for odd in ["%ff", "%00", "%2e%2e", "a%22b", "a%0Ab"] {
                app.admin.get(&format!("/v1/connections/{odd}{round}"));
                app.admin.get(&format!("/{odd}{round}"));
                app.admin.get(&format!("/v1/connections?{odd}={round}"));
            }
            let head = format!("GET /\"}}evil{round}{{x=\"{round} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            assert!(["404", "400"].contains(&raw(&app, head.as_bytes()).as_str()));
            raw(&app, format!("GET /\u{fc}\u{1}{round} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes());
        };
        ask(1);
        let before: BTreeSet<_> = scrape(&app).series(COUNT).into_iter().cloned().collect();
        for round in 2..12 {
            ask(round);
        }
        let counted = scrape(&app);
        let after: BTreeSet<_> = counted.series(COUNT).into_iter().cloned().collect();
        assert_eq!(before, after);
        assert!(counted.value(COUNT, &[("method", "GET"), ("route", "other"), ("status", "4xx")]) > 50.0);
        assert!(counted.value(COUNT, &[("method", "other"), ("route", "/v1/connections"), ("status", "4xx")]) > 9.0);
        let document = app.stranger().get("/openapi.json").ok(200);
        let mut routes: BTreeSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        routes.extend(["other", "/enter", "/enter/{code}"]);
        for labels in &after {
            assert!(routes.contains(labels["route"].as_str()), "{labels:?}");
            assert!(["GET", "POST", "DELETE", "other"].contains(&labels["method"].as_str()), "{labels:?}");
        }
    }

    fn how_long_requests_wait_for_the_database_is_told_and_who_goes_without(backend: Backend) {
        let app = started(backend);
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        let before = scrape(&app);
        app.admin.get(&path).ok(200);
        let counted = scrape(&app);
        let reads = |scrape: &Scrape| scrape.value("reprieve_database_wait_seconds_count", &[("work", "read")]);
        assert!(reads(&counted) > reads(&before));
        assert_value!(counted, "reprieve_database_busy_total" {work = "write"}, 0);

        // Whoever has the row keeps the others waiting, each with a turn; for the rest none is left.
        let (app, turns) = (&app, usize::try_from(app.services.store.capacity()).unwrap());
        let mut sql = app.sql();
        sql.run(if backend == Backend::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" });
        sql.run(&format!("UPDATE connections SET version = version WHERE id = '{id}'"));
        let told = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let change = || {
                while !told.load(Ordering::Relaxed) {
                    assert_eq!(app.admin.patch(&path, &json!({"tags": {}})).status, 503);
                }
            };
            for _ in 0..turns * 6 {
                scope.spawn(change);
            }
            TestApp::wait_for("somebody to go without a turn", || {
                scrape(app).value("reprieve_database_busy_total", &[("work", "write")]) > 0.0
            });
            told.store(true, Ordering::Relaxed);
        });
        sql.run("ROLLBACK");
        app.admin.patch(&path, &json!({"tags": {}})).ok(200);
    }
}
