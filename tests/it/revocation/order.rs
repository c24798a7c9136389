//! First the commit, then the call; and what happens to an entry in between.

use std::thread;

use super::source::{REVOKED, Source};
use super::{ended, make, oauth, secrets_of};
use crate::support::*;

on_both! {
    fn the_deletion_is_answered_and_seen_by_all_before_the_source_answers(app: &TestApp) {
        let source = Source::waiting(&[REVOKED]);
        let id = make(app, &oauth("mail", &source));
        let path = format!("/v1/connections/{id}");
        let (deleted, seen) = thread::scope(|scope| {
            // What the source would see, if it looked when it is asked.
            let seen = scope.spawn(|| {
                source.is_asked();
                app.admin.get(&path)
            });
            (app.admin.delete(&path).ok(200), seen.join().unwrap())
        });
        seen.problem(410, "in_trash");
        assert_eq!(deleted["secrets"]["revocation"], "pending");
        assert_eq!(deleted["secrets"]["revocation_detail"], "The source is being asked to revoke the credential.");
        let entry = deleted["id"].as_str().unwrap();
        // The source has not answered yet.
        assert_eq!(secrets_of(app, entry)["revocation"], "pending");
        source.answer();
        source.is_asked();
        source.answer();
        assert_eq!(ended(app, entry).0, "done");
    }

    fn an_entry_that_is_restored_or_purged_meanwhile_still_says_what_became_of_it(app: &TestApp) {
        for how in ["restore", "purge"] {
            let source = Source::waiting(&[REVOKED]);
            let entry = app.delete_connection(&make(app, &oauth(how, &source)));
            source.is_asked();
            app.admin.post(&format!("/v1/trash/{entry}/{how}"), &if how == "purge" { json!({"confirm": how}) } else { json!({}) }).ok(200);
            assert_eq!(secrets_of(app, &entry)["revocation"], "pending");
            source.answer();
            source.is_asked();
            source.answer();
            assert_eq!(ended(app, &entry).0, "done", "{how}");
        }
        let restored = app.admin.get("/v1/connections?name=restore").ok(200);
        assert_eq!(restored["data"][0]["status"], "needs_credentials");
    }

    fn a_deletion_that_is_not_made_asks_nobody(app: &TestApp) {
        let source = Source::answering(&[REVOKED]);
        let id = make(app, &oauth("mail", &source));
        let path = format!("/v1/connections/{id}");
        app.admin.delete(&format!("{path}?plan_token=stale")).problem(409, "plan_stale");
        app.admin.delete(&format!("{path}?validate_only=true")).ok(200);
        app.admin.with("if-match", "\"99\"").delete(&path).problem(412, "version_mismatch");
        app.client(&["connections:read"]).delete(&path).problem(403, "missing_scope");
        app.other_organization("other").delete(&path).problem(404, "not_found");
        app.admin.patch(&path, &json!({"deletion_protection": true})).ok(200);
        app.admin.delete(&path).problem(409, "deletion_protected");
        source.was_never_asked(app);
        assert_eq!(app.sql().count("revocations"), 0);
    }

    fn a_transaction_that_fails_at_its_end_asks_nobody(app: &TestApp) {
        use reprieve::service::caller::Caller;
        use reprieve::service::delete::{DeleteRequest, delete};
        use reprieve::service::error::{Error, Result};
        use reprieve::service::impact::Target;

        let source = Source::answering(&[REVOKED]);
        let id = make(app, &oauth("mail", &source));
        let target = Target::Connection(reprieve::domain::ids::ConnectionId::parse(&id).unwrap());
        let failed: Result<()> = app.services.write_once(&Caller::command_line(app.org), |tx| {
            delete(tx, &target, &DeleteRequest::default())?;
            Err(Error::Internal("the disk is full".to_owned()))
        });
        assert!(failed.is_err());
        source.was_never_asked(app);
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200)["secrets"]["access_token"], "access mail");
    }

    fn the_same_request_asks_once(app: &TestApp) {
        let source = Source::answering(&[REVOKED]);
        let id = make(app, &oauth("mail", &source));
        let client = app.admin.with("idempotency-key", "once");
        let first = client.delete(&format!("/v1/connections/{id}"));
        let entry = first.ok(200)["id"].as_str().unwrap().to_owned();
        ended(app, &entry);
        let second = client.delete(&format!("/v1/connections/{id}"));
        assert_eq!(second.header("idempotency-replayed"), Some("true"));
        assert_eq!(first.ok(200), second.ok(200));
        assert_eq!(source.asked().len(), 2);
        assert_eq!(app.sql().count("revocations"), 1);
    }

    fn secrets_that_are_replaced_or_cleared_are_not_revoked(app: &TestApp) {
        let source = Source::answering(&[REVOKED]);
        let path = format!("/v1/connections/{}", make(app, &oauth("mail", &source)));
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"access_token": "another", "refresh_token": null}})).ok(200);
        source.was_never_asked(app);
        // Whoever wants to keep a shared token clears it first.
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"access_token": null}})).ok(200);
        let deleted = app.admin.delete(&path).ok(200);
        assert_eq!(deleted["secrets"]["revocation"], "none");
        source.was_never_asked(app);
    }
}
