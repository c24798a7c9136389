//! What the page says of the test, with a real PostgreSQL behind the connection.

use super::*;
use crate::support::servers::{OPEN, READER, probed_postgres};

/// A restored connection to a real server, or to another port of its host; its id.
#[track_caller]
fn to_postgres(app: &TestApp, port: Option<u16>) -> String {
    let server = probed_postgres();
    let settings = json!({
        "host": server.host, "port": port.unwrap_or(server.port), "database": OPEN, "username": READER,
        "ca_certificate": server.ca,
    });
    let name = format!("sales {}", uuid::Uuid::new_v4());
    let body = json!({"name": name, "connector": "postgres", "settings": settings, "secrets": {"password": "old"}});
    let made = app.admin.post("/v1/connections", &body).ok(201);
    let id = made["id"].as_str().unwrap().to_owned();
    let entry = app.delete_connection(&id);
    app.admin
        .post(&format!("/v1/trash/{entry}/restore"), &json!({}))
        .ok(200);
    id
}

on_both! {
    fn a_wrong_password_says_so_and_the_right_one_makes_the_connection_active(app: &TestApp) {
        let id = to_postgres(app, None);
        assert_eq!(status_of(app, &id), "needs_credentials");
        let link = link(&app.admin, &id);
        let cookie = follow(app, &link);
        assert!(look(app, &cookie).text.contains("Update and test connection"));
        assert!(app.network.dialled().is_empty(), "looking dials nobody");

        let wrong = enter(app, &cookie, &[("password", "wrong")]);
        assert_eq!(wrong.status, 200);
        for words in ["role=\"alert\">Connection failed: ", "refuses this user name and password", "What you entered is saved.", "Stored. Leave empty to keep it."] {
            assert!(wrong.text.contains(words), "{words}: {wrong:#?}");
        }
        assert_eq!(status_of(app, &id), "failing");
        assert_eq!(secrets_of(app, &id).ok(200)["secrets"]["password"], "wrong", "a failed test keeps the secret");

        let right = enter(app, &cookie, &[("password", &probed_postgres().password)]);
        assert_eq!(right.status, 200);
        assert!(right.text.contains("Thank you") && right.text.contains("role=\"status\">Connection test succeeded."), "{right:#?}");
        let shown = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        assert_eq!(shown["status"], "active");
        assert_eq!(shown["last_test"]["by"], format!("reentry:{}", link.id));
        is_gone(&look(app, &cookie));
    }

    fn a_test_can_be_repeated_with_what_is_stored(app: &TestApp) {
        let id = to_postgres(app, None);
        let cookie = follow(app, &link(&app.admin, &id));
        enter(app, &cookie, &[("password", "wrong")]);
        let again = enter(app, &cookie, &[("password", "")]);
        assert!(again.text.contains("Connection failed: "), "{again:#?}");
        app.admin.put(&format!("/v1/connections/{id}/secrets"), &json!({"secrets": {"password": probed_postgres().password}})).ok(200);
        assert!(enter(app, &cookie, &[("password", "")]).text.contains("Connection test succeeded."));
        assert_eq!(status_of(app, &id), "active");
    }

    fn whoever_has_a_link_learns_nothing_of_the_network(app: &TestApp) {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = foreign.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in foreign.incoming() {
                let _ = std::io::Write::write_all(&mut stream.unwrap(), b"SSH-2.0-OpenSSH_9.2\r\n");
            }
        });
        let notice = |port: u16| {
            let id = to_postgres(app, Some(port));
            let cookie = follow(app, &link(&app.admin, &id));
            let page = enter(app, &cookie, &[("password", "x")]).text;
            page.split("role=\"alert\">").nth(1).unwrap().split("</p>").next().unwrap().to_owned()
        };
        let said = notice(closed);
        assert!(said.contains("could not be reached as it is configured"), "{said}");
        assert_eq!(notice(port), said);
    }

    fn what_is_changed_during_a_test_is_not_judged_by_it(app: &TestApp) {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let id = to_postgres(app, Some(silent.local_addr().unwrap().port()));
        let cookie = follow(app, &link(&app.admin, &id));
        let page = std::thread::scope(|scope| {
            let entering = scope.spawn(|| enter(app, &cookie, &[("password", "first")]));
            TestApp::wait_for("the test to begin", || !app.network.dialled().is_empty());
            app.admin.put(&format!("/v1/connections/{id}/secrets"), &json!({"secrets": {"password": "second"}})).ok(200);
            entering.join().unwrap()
        });
        assert!(page.text.contains("the connection could not be tested now"), "{page:#?}");
        let shown = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        assert_eq!((&shown["status"], &shown["last_test"]), (&json!("untested"), &json!(null)));
        assert_eq!(look(app, &cookie).status, 200, "the session goes on");
    }

    fn a_deletion_during_a_test_ends_all_of_it(app: &TestApp) {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let id = to_postgres(app, Some(silent.local_addr().unwrap().port()));
        let cookie = follow(app, &link(&app.admin, &id));
        let page = std::thread::scope(|scope| {
            let entering = scope.spawn(|| enter(app, &cookie, &[("password", "gone again")]));
            TestApp::wait_for("the test to begin", || !app.network.dialled().is_empty());
            app.delete_connection(&id);
            entering.join().unwrap()
        });
        is_gone(&page);
        assert_eq!(app.sql().count("secrets"), 0);
    }
}

#[test]
fn what_may_not_be_reached_is_saved_untested_and_the_page_names_no_address() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = TestApp::start_with(backend, |config| config.allow_cidrs = Vec::new());
        let id = to_postgres(&app, None);
        let cookie = follow(&app, &link(&app.admin, &id));
        let page = enter(&app, &cookie, &[("password", "kept")]);
        assert!(
            page.text.contains("Thank you")
                && page
                    .text
                    .contains("Reprieve may not reach this system to test it."),
            "{page:#?}"
        );
        assert!(
            !page.text.contains("127.0.0.1") && !page.text.contains("allow_cidrs"),
            "{page:#?}"
        );
        assert_eq!(secrets_of(&app, &id).ok(200)["secrets"]["password"], "kept");
        assert!(app.network.dialled().is_empty());
        is_gone(&look(&app, &cookie));
    }
}

#[test]
fn when_too_much_is_tested_the_secret_is_saved_and_the_page_says_what_to_do() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = TestApp::start_with(backend, |config| config.tests.a_minute = 1);
        let id = to_postgres(&app, None);
        let cookie = follow(&app, &link(&app.admin, &id));
        enter(&app, &cookie, &[("password", "wrong")]);
        let page = enter(&app, &cookie, &[("password", &probed_postgres().password)]);
        assert!(
            page.text
                .contains("What you entered is saved, but the connection could not be tested now."),
            "{page:#?}"
        );
        assert_eq!(
            secrets_of(&app, &id).ok(200)["secrets"]["password"],
            probed_postgres().password.as_str()
        );
        assert_eq!(look(&app, &cookie).status, 200, "the session goes on");
    }
}
