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

        // A path that is not there and one that answers everybody are told from a sign-in; one that leads up is none.
        let trial = |test_path: &str| {
            let settings = json!({"base_url": format!("http://{}/v1", upstream.address()), "test_path": test_path});
            let body = json!({"settings": settings, "secrets": {"token": "wrong"}});
            app.admin.post("/v1/connectors/http-bearer/test", &body)
        };
        assert_outcome(&trial("/nowhere").ok(200), "protocol_error", "Set Test path");
        trial("/../healthz").problem(422, "invalid_input");
        let open = json!({"settings": {"base_url": format!("http://{}/healthz", upstream.address())}, "secrets": {"token": "wrong"}});
        let test = app.admin.post("/v1/connectors/http-bearer/test", &open).ok(200);
        assert_outcome(&test, "unsupported", "Set Test path");
    }
}
