//! What a source answers, and what becomes of it.

use super::source::{BUSY, REVOKED, Source};
use super::{ended, make, oauth, secrets_of, stored};
use crate::support::*;

on_both! {
    fn the_tokens_are_revoked_the_refresh_token_first(app: &TestApp) {
        let source = Source::answering(&[REVOKED]);
        let entry = app.delete_connection(&make(app, &oauth("mail", &source)));
        assert_eq!(ended(app, &entry), ("done".to_owned(), "The source has revoked the credential.".to_owned()));
        assert_eq!(stored(app, &entry), ("revoked".to_owned(), 1));
        let asked = source.asked();
        assert_eq!(asked.len(), 2, "{asked:#?}");
        for (asked, kind) in asked.iter().zip(["refresh", "access"]) {
            assert_eq!(asked.line, "POST /revoke HTTP/1.1");
            assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
            assert_eq!(asked.field("token").unwrap(), format!("{kind} mail"));
            assert_eq!(asked.field("token_type_hint").unwrap(), format!("{kind}_token"));
            // A public client says who it is in the form.
            assert_eq!((asked.field("client_id").as_deref(), asked.header("authorization")), (Some("reprieve"), None));
        }
        let mut sql = app.sql();
        let table = "audit_events WHERE announced AND action = 'connection.revoked'";
        assert_eq!(sql.count(table), 1, "{table}");
        assert_eq!(sql.count("audit_events WHERE action = 'connection.revoked' AND entry_id IS NOT NULL AND actor_id = 'reprieve'"), 1);
    }

    fn a_client_with_a_secret_signs_by_it(app: &TestApp) {
        let source = Source::answering(&[REVOKED]);
        let mut connection = oauth("mail", &source);
        connection["settings"]["client_id"] = json!("a:b");
        connection["secrets"]["client_secret"] = json!("c d/\u{fc}");
        let entry = app.delete_connection(&make(app, &connection));
        assert_eq!(ended(app, &entry).0, "done");
        for asked in source.asked() {
            // a%3Ab:c+d%2F%C3%BC, as RFC 6749 wants both parts.
            assert_eq!(asked.header("authorization"), Some("Basic YSUzQWI6YytkJTJGJUMzJUJD"));
            assert_eq!(asked.field("client_id"), None);
        }
    }

    fn a_source_that_is_busy_is_asked_again(app: &TestApp) {
        let source = Source::answering(&[BUSY, (429, "", ""), REVOKED]);
        let entry = app.delete_connection(&make(app, &oauth("mail", &source)));
        assert_eq!(ended(app, &entry).0, "done");
        assert_eq!(stored(app, &entry), ("revoked".to_owned(), 3));
        let tokens: Vec<String> = source.asked().iter().map(|asked| asked.field("token").unwrap()).collect();
        assert_eq!(tokens, ["refresh mail", "refresh mail", "refresh mail", "access mail"]);
    }

    fn after_three_tries_it_has_failed_and_says_what_to_do(app: &TestApp) {
        let source = Source::answering(&[(500, "", "oh <script>")]);
        let mut connection = oauth("mail", &source);
        connection["secrets"].as_object_mut().unwrap().remove("refresh_token");
        let entry = app.delete_connection(&make(app, &connection));
        let sentence = "The credential is still valid at the source: the source can't do it at the moment. Rotate it there.";
        assert_eq!(ended(app, &entry), ("failed".to_owned(), sentence.to_owned()));
        assert_eq!(stored(app, &entry), ("unavailable".to_owned(), 3));
        assert_eq!(source.asked().len(), 3);
        let mut sql = app.sql();
        let table = "audit_events WHERE announced AND action = 'connection.revocation_failed'";
        assert_eq!(sql.count(table), 1, "{table}");
    }

    fn a_wait_that_is_too_long_is_not_waited(app: &TestApp) {
        let source = Source::answering(&[(503, "Retry-After: 3600\r\n", "")]);
        let mut connection = oauth("mail", &source);
        connection["secrets"].as_object_mut().unwrap().remove("refresh_token");
        let entry = app.delete_connection(&make(app, &connection));
        assert_eq!(ended(app, &entry).0, "failed");
        assert_eq!(stored(app, &entry), ("unavailable".to_owned(), 1));
    }

    fn what_a_source_refuses_is_not_tried_again_and_keeps_the_rest_from_nothing(app: &TestApp) {
        let unsupported = (400, "", r#"{"error": "unsupported_token_type"}"#);
        for refusal in [unsupported, (401, "", ""), (302, "Location: http://127.0.0.1/\r\n", ""), (404, "", ""), (200, "", r#"{"ok": false, "error": "token_revoked_not"}"#)] {
            let source = Source::answering(&[refusal, REVOKED]);
            let entry = app.delete_connection(&make(app, &oauth("mail", &source)));
            let (state, sentence) = ended(app, &entry);
            assert_eq!(state, "failed", "{refusal:?}");
            assert_eq!(sentence, "The credential is still valid at the source: the source said no. Rotate it there.");
            assert_eq!(stored(app, &entry), ("refused".to_owned(), 1), "{refusal:?}");
            let tokens: Vec<String> = source.asked().iter().map(|asked| asked.field("token").unwrap()).collect();
            assert_eq!(tokens, ["refresh mail", "access mail"], "{refusal:?}");
        }
    }

    fn nobody_at_home_or_an_address_that_is_not_allowed_is_a_failure(app: &TestApp) {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for (url, outcome, tries, says) in [
            (format!("http://{closed}/"), "unreachable", 3, "does not answer"),
            ("http://unknown.example/".to_owned(), "unreachable", 3, "does not answer"),
            ("http://10.1.2.3/".to_owned(), "refused_by_policy", 1, "allow_cidrs"),
            ("http://169.254.169.254/".to_owned(), "refused_by_policy", 1, "may not connect"),
            (format!("http://{}/", app.address()), "refused_by_policy", 1, "may not connect"),
        ] {
            let connection = json!({
                "name": "mail", "connector": "oauth2", "settings": {"revocation_url": url}, "secrets": {"access_token": "a"},
            });
            let entry = app.delete_connection(&make(app, &connection));
            let (state, sentence) = ended(app, &entry);
            assert_eq!(state, "failed", "{url}");
            assert!(sentence.contains(says) && sentence.contains("still valid at the source"), "{sentence}");
            assert_eq!(stored(app, &entry), (outcome.to_owned(), tries), "{url}");
        }
        assert!(app.network.dialled().iter().all(|address| address.ip().is_loopback()));
    }

    fn what_can_not_be_revoked_says_so(app: &TestApp) {
        let none = json!({"name": "none", "connector": "postgres", "settings": {"host": "h", "database": "d", "username": "u"}});
        let secrets = secrets_of(app, &app.delete_connection(&make(app, &none)));
        assert_eq!((&secrets["revocation"], &secrets["revocation_detail"]), (&json!("none"), &json!(null)));
        let database = postgres_connection("database");
        let client = json!({
            "name": "client", "connector": "oauth2-client-credentials",
            "settings": {"token_url": "https://login.example.com", "client_id": "c"}, "secrets": {"client_secret": "s"},
        });
        let no_address = json!({"name": "no address", "connector": "oauth2", "secrets": {"access_token": "a"}});
        let no_token = json!({
            "name": "no token", "connector": "oauth2", "settings": {"revocation_url": "http://127.0.0.1:1/"}, "secrets": {"client_secret": "s"},
        });
        for (connection, says) in [
            (database, "can't revoke credentials of this connector"),
            (client, "can't revoke credentials of this connector"),
            (no_address, "do not say where"),
            (no_token, "no token that can be revoked"),
        ] {
            let secrets = secrets_of(app, &app.delete_connection(&make(app, &connection)));
            assert_eq!(secrets["revocation"], "not_offered", "{connection}");
            let sentence = secrets["revocation_detail"].as_str().unwrap();
            assert!(sentence.contains(says), "{sentence}");
            assert!(sentence.starts_with("The credential is still valid at the source:") && sentence.ends_with("Rotate it there."), "{sentence}");
        }
        assert!(app.network.dialled().is_empty());
        let listed = app.admin.get("/v1/trash").ok(200);
        let states: Vec<&str> = listed["data"].as_array().unwrap().iter().map(|entry| entry["secrets"]["revocation"].as_str().unwrap()).collect();
        assert_eq!(states, ["not_offered", "not_offered", "not_offered", "not_offered", "none"]);
    }
}
