//! A token that is revoked at the source leaves no trace here: not while it is under way, and not when it has failed.

use super::canary::Canary;
use super::database::dump;
use crate::revocation::source::{REVOKED, Source};
use crate::support::*;

on_both! {
    fn a_token_that_is_revoked_is_nowhere_but_at_the_source(app: &TestApp) {
        let log = log::record();
        let canary = Canary::new();
        let source = Source::waiting(&[REVOKED, (500, "", "")]);
        let mut replies = Vec::new();
        let mut entries = Vec::new();
        for (number, name) in [(1, "revoked"), (2, "failed")] {
            let new = json!({
                "name": name, "connector": "oauth2",
                "settings": {"revocation_url": source.url("/revoke"), "client_id": "c"},
                "secrets": {"access_token": canary.secret(number), "client_secret": canary.secret(number + 10)},
            });
            let id = app.admin.post("/v1/connections", &new).ok(201)["id"].as_str().unwrap().to_owned();
            let deleted = app.admin.with("idempotency-key", name).delete(&format!("/v1/connections/{id}"));
            entries.push(deleted.ok(200)["id"].as_str().unwrap().to_owned());
            replies.push(deleted);
            source.is_asked();
            // The source has it, and no table.
            for (table, content) in dump(app) {
                canary.must_not_be_in(&format!("while it is revoked, the table {table}"), &content);
            }
            for _ in 0..3 {
                source.answer();
                if number == 1 {
                    break;
                }
            }
            TestApp::wait_for("the end", || {
                let entry = app.admin.get(&format!("/v1/trash/{}", entries.last().unwrap()));
                let done = entry.ok(200)["secrets"]["revocation"] != "pending";
                replies.push(entry);
                done
            });
        }
        assert!(source.asked().iter().any(|asked| asked.field("token").unwrap() == canary.secret(1)), "the source was told");
        for (table, content) in dump(app) {
            canary.must_not_be_in(&format!("the table {table}"), &content);
        }
        for path in ["/v1/trash", "/v1/connectors"] {
            replies.push(app.admin.get(path));
        }
        for reply in &replies {
            canary.must_not_be_in("an answer", &format!("{:?} {}", reply.headers, reply.text));
        }
        let text = log.text();
        assert!(text.contains("a revocation has ended"), "the log was recorded");
        canary.must_not_be_in("the log", &text);
    }
}
