//! Sources that have a call of their own.

use super::source::{Answer, Source};
use super::{ended, make, stored};
use crate::support::*;

/// Deletes a connection of this connector with this token; what became of it.
fn deleted(app: &TestApp, connector: &str, source: &Source, token: &str) -> String {
    let connection = json!({
        "name": "code", "connector": connector, "settings": {"base_url": source.url("/api/v3/")}, "secrets": {"token": token},
    });
    let entry = app.delete_connection(&make(app, &connection));
    ended(app, &entry);
    stored(app, &entry).0
}

const NO: Answer = (422, "", r#"{"message": "Validation failed"}"#);

on_both! {
    fn github_is_told_the_token_and_nothing_else(app: &TestApp) {
        let source = Source::answering(&[(202, "", "")]);
        assert_eq!(deleted(app, "github", &source, "ghp_abc"), "revoked");
        let [asked] = &source.asked()[..] else { panic!("{:?}", source.asked()) };
        assert_eq!(asked.line, "POST /api/v3/credentials/revoke HTTP/1.1");
        assert_eq!(asked.body, r#"{"credentials":["ghp_abc"]}"#);
        // github.com answers 403 to who signs.
        assert_eq!(asked.header("authorization"), None);
        assert_eq!(asked.header("content-type"), Some("application/json"));
        assert_eq!(deleted(app, "github", &Source::answering(&[NO]), "ghp_abc"), "refused");
        assert_eq!(deleted(app, "github", &Source::answering(&[(200, "", "")]), "ghp_abc"), "refused");
    }

    fn an_enterprise_server_of_github_wants_a_signature(app: &TestApp) {
        let source = Source::answering(&[(401, "", ""), (202, "", "")]);
        assert_eq!(deleted(app, "github", &source, "github_pat_abc"), "revoked");
        assert_eq!(source.asked()[1].header("authorization"), Some("Bearer github_pat_abc"));
    }

    fn a_github_that_has_heard_too_much_is_asked_again(app: &TestApp) {
        let source = Source::answering(&[(403, "Retry-After: 1\r\n", ""), (202, "", "")]);
        assert_eq!(deleted(app, "github", &source, "gho_abc"), "revoked");
        assert_eq!(deleted(app, "github", &Source::answering(&[(403, "", "")]), "gho_abc"), "refused");
    }

    fn an_installation_token_of_github_revokes_itself(app: &TestApp) {
        let source = Source::answering(&[(204, "", "")]);
        assert_eq!(deleted(app, "github", &source, "ghs_abc"), "revoked");
        let [asked] = &source.asked()[..] else { panic!("{:?}", source.asked()) };
        assert_eq!(asked.line, "DELETE /api/v3/installation/token HTTP/1.1");
        assert_eq!(asked.header("authorization"), Some("Bearer ghs_abc"));
    }

    fn a_gitlab_token_revokes_itself(app: &TestApp) {
        let source = Source::answering(&[(204, "", "")]);
        assert_eq!(deleted(app, "gitlab", &source, "glpat-abc"), "revoked");
        let [asked] = &source.asked()[..] else { panic!("{:?}", source.asked()) };
        assert_eq!(asked.line, "DELETE /api/v3/api/v4/personal_access_tokens/self HTTP/1.1");
        assert_eq!(asked.header("private-token"), Some("glpat-abc"));
        assert_eq!(deleted(app, "gitlab", &Source::answering(&[(401, "", "")]), "glpat-abc"), "refused");
        // No header can have it, so nobody is asked.
        let source = Source::answering(&[(204, "", "")]);
        assert_eq!(deleted(app, "gitlab", &source, "two\nlines"), "refused");
        assert!(source.asked().is_empty());
    }
}
