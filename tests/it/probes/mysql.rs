//! The MySQL probe against a real MariaDB.

use super::{assert_outcome, but, connection, settings, trial};
use crate::support::servers::{
    ANALYST, CLOSED, EXPIRED, LOCKED, OLD, TLS_ONLY, other_ca, probed_mariadb, probed_postgres,
};
use crate::support::*;

on_both! {
    fn a_connection_to_mariadb_fails_and_works_as_its_password_does(app: &TestApp) {
        let server = probed_mariadb();
        let path = connection(app, "mariadb", &settings(server), "wrong");
        let wrong = app.admin.post(&format!("{path}/test"), &json!({})).ok(200);
        assert_outcome(&wrong, "auth_failed", "refuses this user name and password");
        assert_eq!(wrong["status"], "failing");
        let entered = json!({"secrets": {"password": server.password}, "test": true});
        let right = app.admin.put(&format!("{path}/secrets"), &entered).ok(200);
        assert_outcome(&right["test"], "ok", "Signed in.");
        assert_eq!(right["status"], "active");
        let version = right["test"]["server_version"].as_str().unwrap();
        assert!(version.contains("MariaDB") && !version.starts_with("5.5.5-"), "{version}");
    }

    fn what_is_wrong_with_mariadb_is_told_apart(app: &TestApp) {
        let server = probed_mariadb();
        let usual = settings(server);
        let plain = json!({"tls": "disable", "ca_certificate": null});
        let right = server.password.as_str();
        let cases = [
            (json!({}), right, "ok", "Signed in."),
            (json!({"database": null}), right, "ok", "Signed in."),
            (json!({}), "wrong", "auth_failed", "refuses this user name and password"),
            (json!({"username": EXPIRED}), right, "auth_failed", "has expired"),
            (json!({"username": EXPIRED}), "wrong", "auth_failed", "refuses this user name and password"),
            (json!({"username": LOCKED}), right, "auth_failed", "locked this user"),
            (json!({"username": OLD}), right, "unsupported", "another way of signing in"),
            // Who may not see every database doesn't learn which there are.
            (json!({"database": "nowhere"}), right, "auth_failed", "or the server has none of this name"),
            (json!({"database": CLOSED}), right, "auth_failed", "no right to this database"),
            (json!({"database": "nowhere", "username": ANALYST}), right, "protocol_error", "no database of this name"),
            (json!({"database": CLOSED, "username": ANALYST}), right, "ok", "Signed in."),
            (json!({"username": TLS_ONLY}), right, "ok", "Signed in."),
            (json!({"tls": "require", "ca_certificate": null}), right, "ok", "Signed in."),
            (json!({"tls": "require", "host": "localhost"}), right, "ok", "Signed in."),
            (json!({"tls": "prefer", "ca_certificate": null, "username": TLS_ONLY}), right, "ok", "Signed in."),
            (plain.clone(), right, "ok", "Signed in."),
            (plain.clone(), "wrong", "auth_failed", "refuses"),
            (but(&plain, &json!({"username": EXPIRED})), right, "auth_failed", "has expired"),
            (but(&plain, &json!({"username": TLS_ONLY})), right, "auth_failed", "not without TLS"),
            (json!({"ca_certificate": null}), right, "tls_failed", "not signed by an authority that is trusted"),
            (json!({"ca_certificate": other_ca()}), right, "tls_failed", "not signed by an authority"),
            (json!({"host": "localhost"}), right, "tls_failed", "another host name"),
        ];
        app.network.name("localhost", &["127.0.0.1"]);
        for (changes, password, outcome, says) in cases {
            println!("{changes} {password}");
            let test = trial(&app.admin, "mysql", &but(&usual, &changes), password);
            assert_outcome(&test, outcome, says);
            assert_eq!(test["server_version"].is_string(), outcome == "ok", "{test}");
        }
    }

    fn a_user_that_mariadb_does_not_know_looks_like_a_wrong_password(app: &TestApp) {
        let server = probed_mariadb();
        let usual = settings(server);
        for tls in [json!({}), json!({"tls": "disable", "ca_certificate": null})] {
            let settings = but(&usual, &tls);
            let wrong = trial(&app.admin, "mysql", &settings, "wrong");
            let stranger = but(&settings, &json!({"username": "nobody"}));
            let unknown = trial(&app.admin, "mysql", &stranger, &server.password);
            assert_outcome(&unknown, "auth_failed", "");
            assert_eq!(unknown["detail"], wrong["detail"]);
        }
    }

    fn starrocks_signs_in_alike_and_has_no_version_of_mysql(app: &TestApp) {
        let server = probed_mariadb();
        let test = trial(&app.admin, "starrocks", &settings(server), &server.password);
        assert_outcome(&test, "ok", "Signed in.");
        assert_eq!(test["server_version"], json!(null));
    }

    fn each_of_two_kinds_of_servers_is_told_from_the_other(app: &TestApp) {
        let (mariadb, postgres) = (probed_mariadb(), probed_postgres());
        // PostgreSQL waits to be addressed, and so do we.
        let test = trial(&app.admin, "mysql", &settings(postgres), &postgres.password);
        assert_outcome(&test, "timeout", "Check the host and the port");
        let test = trial(&app.admin, "postgres", &settings(mariadb), &mariadb.password);
        assert_outcome(&test, "protocol_error", "not as a PostgreSQL server does");
    }
}
