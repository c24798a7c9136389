//! Where a test may lead.

use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::thread;

use super::{assert_outcome, but, closed_port, connection, saying, server, settings, trial};
use crate::support::servers::probed_postgres;
use crate::support::*;

on_both! {
    fn without_a_setting_nothing_private_is_reached(app: &TestApp) {
        let strict = TestApp::start_with(app.backend, |config| config.allow_cidrs.clear());
        let server = probed_postgres();
        for host in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "192.168.7.7"] {
            let test = trial(&strict.admin, "postgres", &but(&settings(server), &json!({"host": host})), &server.password);
            assert_outcome(&test, "refused_by_policy", "allow_cidrs");
        }
        strict.network.name("inside.example", &["10.1.2.3", "fd00::1"]);
        let inside = but(&settings(server), &json!({"host": "inside.example"}));
        let test = trial(&strict.admin, "postgres", &inside, "x");
        assert_outcome(&test, "refused_by_policy", "allow_cidrs");
        // Which address the name has is not told.
        assert!(!test.to_string().contains("10.1"), "{test}");
        for host in ["169.254.169.254", "0.0.0.0", "fe80::1", "224.0.0.1"] {
            let test = trial(&strict.admin, "postgres", &but(&settings(server), &json!({"host": host})), "x");
            assert_outcome(&test, "refused_by_policy", "Reprieve never connects");
        }
        assert_eq!(strict.network.dialled(), []);

        let path = connection(&strict, "postgres", &settings(server), &server.password);
        let test = strict.admin.post(&format!("{path}/test"), &json!({})).ok(200);
        assert_eq!((&test["outcome"], &test["status"]), (&json!("refused_by_policy"), &json!("untested")));
    }

    fn the_service_and_its_database_are_never_reached(app: &TestApp) {
        let own = app.address().port();
        let mut ports = vec![own];
        ports.extend(app.config.database.servers().iter().map(|(_, port)| *port));
        for port in ports {
            for host in ["127.0.0.1", "127.7.7.7"] {
                let settings = json!({"host": host, "port": port, "database": "x", "username": "x", "tls": "disable"});
                assert_outcome(&trial(&app.admin, "postgres", &settings, "x"), "refused_by_policy", "Reprieve itself");
            }
        }
        assert_eq!(app.network.dialled(), []);
    }

    fn a_name_that_changes_its_address_leads_nowhere_else(app: &TestApp) {
        app.network.name("flips.example", &["8.8.8.8"]);
        app.network.name("flips.example", &["127.0.0.1"]);
        let settings = json!({"host": "flips.example", "database": "x", "username": "x"});
        assert_outcome(&trial(&app.admin, "postgres", &settings, "x"), "timeout", "");
        assert_eq!(app.network.dialled(), ["8.8.8.8:5432".parse().unwrap()]);
    }

    fn closed_filtered_and_foreign_ports_look_alike_to_who_may_not_change_connections(app: &TestApp) {
        app.network.name("filtered.example", &["8.8.8.8"]);
        let hosts = [
            ("127.0.0.1", closed_port()), ("filtered.example", 5432), ("127.0.0.1", saying(b"220 mail\r\n".to_vec())),
            ("127.0.0.1", saying(Vec::new())), ("127.0.0.1", server(drop)),
        ];
        let keeper = app.client(&["connections:read", "secrets:write"]);
        let mut answers = Vec::new();
        let mut exact = Vec::new();
        thread::scope(|scope| {
            let tests: Vec<_> = hosts
                .iter()
                .map(|(host, port)| {
                    let settings = json!({"host": host, "port": port, "database": "x", "username": "x"});
                    let path = connection(app, "postgres", &settings, "x");
                    let keeper = &keeper;
                    scope.spawn(move || {
                        let coarse = keeper.post(&format!("{path}/test"), &json!({})).ok(200);
                        let kept = keeper.get(&path).ok(200)["last_test"].clone();
                        assert_eq!(kept["detail"], coarse["detail"]);
                        (coarse, app.admin.post(&format!("{path}/test"), &json!({})).ok(200))
                    })
                })
                .collect();
            for test in tests {
                let (coarse, fine) = test.join().unwrap();
                answers.push((coarse["outcome"].clone(), coarse["detail"].clone()));
                // The answer takes as long as the longest test does.
                assert!(coarse["duration_ms"].as_u64().unwrap() >= 5_000, "{coarse}");
                exact.push(fine["outcome"].as_str().unwrap().to_owned());
            }
        });
        assert_eq!(answers[0].0, "unreachable");
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(exact, ["unreachable", "timeout", "protocol_error", "timeout", "protocol_error"]);
        // Who is refused by the real server learns that in any case: it is what the test is for.
        let server = probed_postgres();
        let path = connection(app, "postgres", &settings(server), "wrong");
        assert_outcome(&keeper.post(&format!("{path}/test"), &json!({})).ok(200), "auth_failed", "refuses");
        let path = connection(app, "postgres", &but(&settings(server), &json!({"database": "nowhere"})), &server.password);
        assert_outcome(&keeper.post(&format!("{path}/test"), &json!({})).ok(200), "protocol_error", "no database");
    }

    fn a_stored_password_never_reaches_a_host_that_a_patch_names(app: &TestApp) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        // It asks for the MD5 of the password with a known salt, so that what was sent can be told.
        let thief = server(move |mut stream| {
            let ears = Arc::clone(&ears);
            thread::spawn(move || {
                use std::io::Write as _;
                let mut buffer = [0; 1024];
                let _ = stream.read(&mut buffer);
                let _ = stream.write_all(&[b'R', 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4]);
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    ears.lock().unwrap().push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                }
            });
        });
        let probed = probed_postgres();
        let path = connection(app, "postgres", &settings(probed), &probed.password);
        let there = json!({"host": "127.0.0.1", "port": thief, "tls": "disable", "ca_certificate": null});
        app.admin.patch(&path, &json!({"settings": there})).problem(422, "secrets_required");
        assert_outcome(&app.admin.post(&format!("{path}/test"), &json!({})).ok(200), "ok", "");
        assert_eq!(*heard.lock().unwrap(), Vec::<String>::new());
        // With another password it goes there, and only that one does.
        app.admin.patch(&path, &json!({"settings": there, "secrets": {"password": "another"}})).ok(200);
        app.admin.post(&format!("{path}/test"), &json!({})).ok(200);
        let sent = |password: &str| {
            let hash = postgres_protocol::authentication::md5_hash(crate::support::servers::READER.as_bytes(), password.as_bytes(), [1, 2, 3, 4]);
            heard.lock().unwrap().iter().any(|text| text.contains(&hash))
        };
        assert!(sent("another") && !sent(&probed.password));
    }
}
