//! How much there is of it at once, how long it may take, and what a stop or a crash leaves behind.

use std::fs;
use std::time::Duration;

use reprieve::config::Config;
use reprieve::jobs::housekeeping;

use super::source::{REVOKED, Source};
use super::{ended, make, oauth, secrets_of, stored};
use crate::support::*;

fn with(backend: Backend, change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::start_with(backend, change)
}

/// As if the process that had it had died so many seconds ago.
fn left_behind(app: &TestApp, entry: &str, seconds: u32) {
    let ago = match app.backend {
        Backend::Sqlite => {
            format!("strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-{seconds} seconds')")
        }
        Backend::Postgres => format!("now() - interval '{seconds} seconds'"),
    };
    app.sql().run(&format!(
        "UPDATE revocations SET outcome = 'pending', finished_at = NULL, created_at = {ago} WHERE entry_id = '{entry}'"
    ));
}

on_each! {
    fn what_is_beyond_the_room_there_is_fails_at_once(backend: Backend) {
        let app = with(backend, |config| config.revocation.held = [8, 2]);
        let source = Source::waiting(&[REVOKED]);
        let delete = |name: &str| {
            let mut connection = oauth(name, &source);
            connection["secrets"].as_object_mut().unwrap().remove("refresh_token");
            app.delete_connection(&make(&app, &connection))
        };
        let held = [delete("one"), delete("two")];
        let beyond = delete("three");
        assert_eq!(stored(&app, &beyond), ("too_many".to_owned(), 0));
        let told = secrets_of(&app, &beyond);
        assert_eq!(told["revocation"], "failed");
        assert!(told["revocation_detail"].as_str().unwrap().contains("too many were waiting"), "{told}");
        // Another organization has its own.
        let other = app.other_organization("other");
        let id = other.post("/v1/connections", &oauth("theirs", &source)).ok(201)["id"].as_str().unwrap().to_owned();
        let theirs = other.delete(&format!("/v1/connections/{id}")).ok(200);
        assert_eq!(theirs["secrets"]["revocation"], "pending");
        for _ in 0..4 {
            source.answer();
        }
        for entry in &held {
            assert_eq!(ended(&app, entry).0, "done");
        }
        // The room is free again.
        source.answer();
        assert_eq!(ended(&app, &delete("four")).0, "done");
        TestApp::wait_for("theirs", || app.sql().count("revocations WHERE finished_at IS NULL") == 0);
    }

    fn few_are_asked_at_once(backend: Backend) {
        let app = with(backend, |config| config.revocation.at_once = [8, 2]);
        let source = Source::answering(&[REVOKED]);
        let ids: Vec<String> = (0..8).map(|n| make(&app, &oauth(&format!("c{n}"), &source))).collect();
        app.admin.post("/v1/connections/delete", &json!({"ids": ids})).ok(200);
        TestApp::wait_for("all", || app.sql().count("revocations WHERE outcome = 'revoked'") == 8);
        assert_eq!(source.asked().len(), 16);
        assert!(source.most_at_once() <= 2, "{}", source.most_at_once());
    }

    fn a_source_that_never_answers_is_given_up(backend: Backend) {
        let app = with(backend, |config| config.revocation.total = Duration::from_millis(300));
        let source = Source::waiting(&[REVOKED]);
        let entry = app.delete_connection(&make(&app, &oauth("mail", &source)));
        let (state, sentence) = ended(&app, &entry);
        assert_eq!(state, "failed");
        assert!(sentence.contains("the minute that there is for it was over"), "{sentence}");
        assert_eq!(stored(&app, &entry), ("out_of_time".to_owned(), 1));
    }

    fn a_stop_waits_a_moment_for_what_runs(backend: Backend) {
        let mut app = with(backend, |_| {});
        let source = Source::waiting(&[REVOKED]);
        let entry = app.delete_connection(&make(&app, &oauth("mail", &source)));
        source.is_asked();
        source.answer();
        source.answer();
        app.halt();
        assert_eq!(stored(&app, &entry).0, "revoked");
    }

    fn a_stop_gives_up_what_does_not_end_and_says_so(backend: Backend) {
        let mut app = with(backend, |config| config.revocation.grace = Duration::from_millis(100));
        let source = Source::waiting(&[REVOKED]);
        let entry = app.delete_connection(&make(&app, &oauth("mail", &source)));
        source.is_asked();
        app.halt();
        assert_eq!(stored(&app, &entry), ("interrupted".to_owned(), 1));
        app.restart();
        let (state, sentence) = ended(&app, &entry);
        assert_eq!(state, "failed");
        assert!(sentence.contains("the service stopped before the source had answered"), "{sentence}");
        assert_eq!(app.sql().count("audit_events WHERE action = 'connection.revocation_failed'"), 1);
    }

    fn what_a_crash_left_open_is_closed_at_the_next_start_and_meanwhile(backend: Backend) {
        let mut app = with(backend, |_| {});
        let source = Source::answering(&[REVOKED]);
        let entries = ["one", "two"].map(|name| app.delete_connection(&make(&app, &oauth(name, &source))));
        for entry in &entries {
            ended(&app, entry);
        }
        left_behind(&app, &entries[0], 121);
        left_behind(&app, &entries[1], 60);
        app.restart();
        assert_eq!(stored(&app, &entries[0]), ("interrupted".to_owned(), 1));
        assert_eq!(ended(&app, &entries[0]).0, "failed");
        // Another process may still be at it.
        assert_eq!(secrets_of(&app, &entries[1])["revocation"], "pending");
        left_behind(&app, &entries[1], 121);
        housekeeping::round(&app.services);
        housekeeping::round(&app.services);
        assert_eq!(ended(&app, &entries[1]).0, "failed");
        assert_eq!(app.sql().count("audit_events WHERE announced AND action = 'connection.revocation_failed'"), 2);
        assert_eq!(source.asked().len(), 4);
    }

    fn without_the_key_the_deletion_goes_on(backend: Backend) {
        let mut app = with(backend, |_| {});
        let source = Source::answering(&[REVOKED]);
        let ids = ["one", "two", "three"].map(|name| make(&app, &oauth(name, &source)));
        app.halt();
        let (keys, away) = (app.data_dir().join("keys"), app.data_dir().join("keys-away"));
        fs::rename(&keys, &away).unwrap();
        app.restart();
        let entry = app.delete_connection(&ids[0]);
        assert_eq!(stored(&app, &entry), ("unreadable".to_owned(), 0));
        let told = secrets_of(&app, &entry);
        assert_eq!(told["revocation"], "failed");
        assert!(told["revocation_detail"].as_str().unwrap().contains("could not be opened"), "{told}");
        app.halt();
        fs::rename(&away, &keys).unwrap();
        app.restart();
        // One secret that does not open keeps nobody from deleting.
        app.sql().run("UPDATE secrets SET record_id = org_id WHERE field = 'refresh_token'");
        let entry = app.delete_connection(&ids[1]);
        assert_eq!(stored(&app, &entry), ("unreadable".to_owned(), 0));
        // Nor do settings that are damaged.
        app.sql().run(&format!("UPDATE connections SET settings = '[]' WHERE id = '{}'", ids[2]));
        let entry = app.delete_connection(&ids[2]);
        assert_eq!(stored(&app, &entry), ("no_address".to_owned(), 0));
        source.was_never_asked(&app);
    }
}
