//! How many tests an organization may make.

use reprieve::service::probe::Allowance;

use super::{closed_port, connection, trial};
use crate::support::*;

on_both! {
    fn an_organization_that_tests_too_much_is_told_when_to_go_on_and_others_are_not_held_up(app: &TestApp) {
        let app = TestApp::start_with(app.backend, |config| {
            config.tests = Allowance { at_once: 2, a_minute: 3 };
        });
        let settings = json!({"host": "127.0.0.1", "port": closed_port(), "database": "x", "username": "x"});
        let path = connection(&app, "postgres", &settings, "first");
        for _ in 0..3 {
            assert_eq!(app.admin.post(&format!("{path}/test"), &json!({})).ok(200)["outcome"], "unreachable");
        }
        let refused = app.admin.post(&format!("{path}/test"), &json!({}));
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        refused.problem(429, "too_many_tests");
        let body = json!({"settings": settings, "secrets": {"password": "x"}});
        app.admin.post("/v1/connectors/postgres/test", &body).problem(429, "too_many_tests");
        assert_eq!(app.network.dialled().len(), 3);

        // Entering with a test is refused as a whole; without one it is not.
        let version = app.admin.get(&path).ok(200)["version"].clone();
        let entered = json!({"secrets": {"password": "second"}, "test": true});
        app.admin.put(&format!("{path}/secrets"), &entered).problem(429, "too_many_tests");
        assert_eq!(app.admin.get(&path).ok(200)["version"], version);
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "second"}})).ok(200);

        let other = app.other_organization("other");
        assert_eq!(trial(&other, "postgres", &settings, "x")["outcome"], "unreachable");
    }
}
