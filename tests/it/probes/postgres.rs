//! The PostgreSQL probe against a real PostgreSQL.

use super::{assert_outcome, but, connection, settings, trial};
use crate::support::servers::{CLEAR, CLOSED, EXPIRED, MD5, TLS_ONLY, other_ca, probed_postgres};
use crate::support::*;

on_both! {
    fn a_restored_connection_becomes_active_again_by_a_wrong_and_then_the_right_password(app: &TestApp) {
        let server = probed_postgres();
        let path = connection(app, "postgres", &settings(server), &server.password);
        let entry = app.delete_connection(path.rsplit('/').next().unwrap());
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        let refused = app.admin.post(&format!("{path}/test"), &json!({})).problem(409, "needs_credentials");
        assert_eq!(refused["missing"], json!(["password"]));
        assert!(app.network.dialled().is_empty());

        let wrong = app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "wrong"}, "test": true})).ok(200);
        assert_outcome(&wrong["test"], "auth_failed", "The secrets are saved.");
        assert_eq!((&wrong["status"], &wrong["secrets"]["password"]["set"]), (&json!("failing"), &json!(true)), "{wrong}");
        assert_eq!(app.admin.get(&path).ok(200)["last_test"]["outcome"], "auth_failed");
        // It is saved, and can be used and tested as it is.
        assert_eq!(app.admin.get(&format!("{path}/secrets")).ok(200)["secrets"]["password"], "wrong");

        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": server.password}})).ok(200);
        assert_eq!(app.admin.get(&path).ok(200)["status"], "untested");
        let actor = app.admin.with("reprieve-actor", "id=mia; name=Mia");
        let right = actor.post(&format!("{path}/test"), &json!({})).ok(200);
        assert_outcome(&right, "ok", "Signed in.");
        assert_eq!((&right["status"], &right["recorded"], &right["by"]), (&json!("active"), &json!(true), &json!("mia")), "{right}");
        assert!(right["server_version"].as_str().unwrap().starts_with(char::is_numeric), "{right}");
        let now = app.admin.get(&path).ok(200);
        assert_eq!((&now["status"], &now["version"]), (&json!("active"), &right["version"]));
        for member in ["outcome", "detail", "duration_ms", "server_version", "at", "by"] {
            assert_eq!(now["last_test"][member], right[member], "{member}");
        }
        // What changes what was tested forgets the test.
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "another"}})).ok(200);
        let changed = app.admin.get(&path).ok(200);
        assert_eq!((&changed["status"], &changed["last_test"]), (&json!("untested"), &json!(null)));
    }

    fn an_organization_may_want_what_came_back_to_be_tested_before_it_is_used(app: &TestApp) {
        let server = probed_postgres();
        let fresh = connection(app, "postgres", &settings(server), &server.password);
        let path = connection(app, "postgres", &settings(server), &server.password);
        let untestable = json!({"host": "db.example.com", "username": "bi", "service_name": "x"});
        let other = connection(app, "oracle", &untestable, "secret");
        for path in [&path, &other] {
            let entry = app.delete_connection(path.rsplit('/').next().unwrap());
            app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
            app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": server.password}})).ok(200);
            // Unless the organization says otherwise, untested is usable.
            app.admin.get(&format!("{path}/secrets")).ok(200);
        }
        let organization = format!("/v1/organizations/{}", app.org);
        let set = app.admin.patch(&organization, &json!({"require_test_after_restore": true})).ok(200);
        assert_eq!(set["require_test_after_restore"], true);
        app.admin.get(&format!("{path}/secrets")).problem(409, "test_required");
        // What never was in the trash, or can't be tested, is not concerned.
        for path in [&fresh, &other] {
            app.admin.get(&format!("{path}/secrets")).ok(200);
        }
        app.admin.post(&format!("{path}/test"), &json!({})).ok(200);
        app.admin.get(&format!("{path}/secrets")).ok(200);
    }

    fn what_is_wrong_is_told_apart(app: &TestApp) {
        let server = probed_postgres();
        let usual = settings(server);
        let plain = json!({"tls": "disable", "ca_certificate": null});
        let right = server.password.as_str();
        let cases = [
            (json!({}), right, "ok", "Signed in."),
            (json!({}), "wrong", "auth_failed", "refuses this user name and password"),
            (json!({"username": "nobody"}), right, "auth_failed", "user"),
            (json!({"username": EXPIRED}), right, "auth_failed", "may have expired"),
            (json!({"database": "nowhere"}), right, "protocol_error", "no database of this name"),
            (json!({"database": CLOSED}), right, "auth_failed", "no right to connect"),
            (json!({"username": MD5}), right, "ok", "Signed in."),
            (json!({"username": MD5}), "wrong", "auth_failed", "refuses"),
            // In clear text, but inside of TLS that has been verified.
            (json!({"username": CLEAR}), right, "ok", "Signed in."),
            (json!({"username": CLEAR}), "wrong", "auth_failed", "refuses"),
            (json!({"username": TLS_ONLY}), right, "ok", "Signed in."),
            (json!({"tls": "require", "ca_certificate": null}), right, "ok", "Signed in."),
            (json!({"tls": "require", "host": "localhost"}), right, "ok", "Signed in."),
            (json!({"tls": "prefer", "ca_certificate": null}), right, "ok", "Signed in."),
            (json!({"tls": "prefer", "username": CLEAR}), right, "refused_by_policy", "was not sent"),
            (plain.clone(), right, "ok", "Signed in."),
            (plain.clone(), "wrong", "auth_failed", "refuses"),
            (but(&plain, &json!({"username": MD5})), right, "ok", "Signed in."),
            (but(&plain, &json!({"username": CLEAR})), right, "refused_by_policy", "was not sent"),
            (but(&plain, &json!({"username": TLS_ONLY})), right, "auth_failed", "Check the user name, TLS"),
            (json!({"ca_certificate": null}), right, "tls_failed", "not signed by an authority that is trusted"),
            (json!({"ca_certificate": other_ca()}), right, "tls_failed", "not signed by an authority"),
            (json!({"host": "localhost"}), right, "tls_failed", "another host name"),
        ];
        app.network.name("localhost", &["127.0.0.1"]);
        for (changes, password, outcome, says) in cases {
            let mut settings = usual.clone();
            for (key, value) in changes.as_object().unwrap() {
                settings = but(&settings, &json!({key: value}));
            }
            println!("{changes} {password}");
            assert_outcome(&trial(&app.admin, "postgres", &settings, password), outcome, says);
        }
    }

    fn trying_a_connector_stores_nothing_but_an_audit_record(app: &TestApp) {
        let server = probed_postgres();
        let before = app.sql().count("secret_slots");
        let tried = trial(&app.admin, "postgres", &settings(server), &server.password);
        assert_outcome(&tried, "ok", "Signed in.");
        let mut sql = app.sql();
        assert_eq!((sql.count("connections"), sql.count("secrets"), sql.count("secret_slots")), (0, 0, before));
        let record = sql.lines("SELECT CAST(detail AS text) AS line FROM audit_events WHERE action = 'connector.tested'");
        assert_eq!(record, [r#"{"connector":"postgres","outcome":"ok"}"#]);
        // What can't be tested is refused before anything is dialled.
        let dialled = app.network.dialled().len();
        let missing = json!({"settings": settings(server)});
        let refused = app.admin.post("/v1/connectors/postgres/test", &missing).problem(409, "needs_credentials");
        assert_eq!(refused["missing"], json!(["password"]));
        app.admin.post("/v1/connectors/nothing/test", &json!({"settings": {}})).problem(404, "not_found");
        let unknown = json!({"settings": settings(server), "secrets": {"passwort": "x"}});
        app.admin.post("/v1/connectors/postgres/test", &unknown).problem(422, "invalid_input");
        assert_eq!(app.network.dialled().len(), dialled);
    }

    fn a_connector_without_a_probe_says_so_and_changes_no_status(app: &TestApp) {
        let settings = json!({"host": "db.example.com", "username": "bi", "service_name": "x"});
        let path = connection(app, "oracle", &settings, "secret");
        let tested = app.admin.post(&format!("{path}/test"), &json!({})).ok(200);
        assert_outcome(&tested, "unsupported", "can't be tested");
        assert_eq!(tested["status"], "untested");
        assert!(app.network.dialled().is_empty());
    }
}
