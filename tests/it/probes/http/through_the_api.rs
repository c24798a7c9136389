//! The whole way through the service. The API that is signed in to is a real one: another Reprieve's.

use crate::probes::assert_outcome;
use crate::support::*;

on_both! {
    fn a_wrong_token_says_so_and_the_right_one_makes_the_connection_active(app: &TestApp) {
        let upstream = TestApp::start(Backend::Sqlite);
        let right = issue(&upstream.services, upstream.org, &["*"]);
        let wrong = format!("{}x", right.replace(|c: char| c.is_ascii_uppercase(), "a"));
        let settings = json!({"base_url": format!("http://{}/v1", upstream.address()), "test_path": "/whoami"});
        let id = app.admin.post("/v1/connections", &json!({
            "name": "upstream", "connector": "http-bearer", "settings": settings, "secrets": {"token": wrong},
        })).ok(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/connections/{id}");

        let test = app.admin.post(&format!("{path}/test"), &json!({})).ok(200);
        assert_outcome(&test, "auth_failed", "wrong, expired or revoked");
        assert_eq!(app.admin.get(&path).ok(200)["status"], "failing");

        let entered = app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"token": right}, "test": true})).ok(200);
        let shown = entered.to_string();
        assert!(shown.contains(r#""outcome":"ok""#), "{shown}");
        assert!(!shown.contains(&right));
        assert_eq!(app.admin.get(&path).ok(200)["status"], "active");

        // The paths that answer everybody, and none, are told from a sign-in.
        for (test_path, outcome, words) in [("/nowhere", "auth_failed", ""), ("/../healthz", "", "")] {
            let settings = json!({"base_url": format!("http://{}/v1", upstream.address()), "test_path": test_path});
            let body = json!({"settings": settings, "secrets": {"token": "wrong"}});
            let reply = app.admin.post("/v1/connectors/http-bearer/test", &body);
            if outcome.is_empty() {
                reply.problem(422, "invalid_input");
            } else {
                assert_outcome(&reply.ok(200), outcome, words);
            }
        }
        let open = json!({"settings": {"base_url": format!("http://{}/healthz", upstream.address())}, "secrets": {"token": "wrong"}});
        let test = app.admin.post("/v1/connectors/http-bearer/test", &open).ok(200);
        assert_outcome(&test, "unsupported", "Set Test path");
    }
}
