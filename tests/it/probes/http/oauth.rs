//! OAuth 2.0 by client credentials: a token for the secret, then the API with the token.

use std::sync::Arc;

use reprieve::connectors::probes::{Failure, Found};
use reprieve::domain::kinds::Outcome;
use serde_json::Value;

use super::kit::{Answer, Seen, Server, Wires, answer, detail, outcome, test, test_over};
use crate::support::json;
use crate::support::servers::{ca, certificate};

/// An authorization server and an API in one, as RFC 6749 has them.
fn door(seen: &Seen) -> Answer {
    match (seen.path(), seen.header("authorization")) {
        // base64("my+app:p%26w%3A+%C3%BC"): both parts form-encoded before they are joined (2.3.1).
        ("/token", "Basic bXkrYXBwOnAlMjZ3JTNBKyVDMyVCQw==") => answer(200).json(json!({
            "access_token": "t0k3n", "token_type": "Bearer", "expires_in": 3600,
        })),
        ("/token", _) => answer(401)
            .header("www-authenticate", "Basic")
            .json(json!({"error": "invalid_client", "error_description": "hostile words"})),
        ("/api/me", "Bearer t0k3n") | ("/api/open", _) => answer(200),
        ("/api/me", _) => answer(401),
        ("/api/forbidden", _) => answer(403),
        ("/api/redirect", _) => answer(302).header("location", "http://127.0.0.1:1/"),
        _ => answer(404),
    }
}

fn ask(server: &Server, secret: &str, more: Value) -> Result<Found, Failure> {
    let mut settings =
        json!({"token_url": format!("{}/token", server.url()), "client_id": "my app"});
    for (key, value) in more.as_object().unwrap() {
        settings[key] = match value.as_str().unwrap().strip_prefix("SERVER") {
            Some(path) => format!("{}{path}", server.url()).into(),
            None => value.clone(),
        };
    }
    test(
        "oauth2-client-credentials",
        &settings,
        &json!({"client_secret": secret}),
    )
}

#[test]
fn a_right_secret_gets_a_token_and_a_wrong_one_is_refused() {
    let server = Server::start(door);
    assert_eq!(ask(&server, "p&w: ü", json!({})), Ok(Found::default()));
    let asked = server.seen().pop().unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str()),
        ("POST", "/token")
    );
    assert_eq!(asked.body, "grant_type=client_credentials");
    assert_eq!(
        asked.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(asked.header("accept"), "application/json");

    ask(&server, "p&w: ü", json!({"scopes": "read write"})).unwrap();
    assert_eq!(
        server.seen().pop().unwrap().body,
        "grant_type=client_credentials&scope=read+write"
    );

    let result = ask(&server, "wr0ng", json!({}));
    assert_eq!(outcome(&result), Outcome::AuthFailed);
    assert!(detail(&result).contains("client ID and client secret"));
    assert!(!detail(&result).contains("hostile"));
}

#[test]
fn the_api_is_called_with_the_token_if_there_is_a_base_url() {
    let server = Server::start(door);
    for (path, test_path, expected, words) in [
        ("/api", Some("/me"), Outcome::Ok, ""),
        ("/api/me", None, Outcome::Ok, ""),
        ("/api/open", None, Outcome::Ok, ""),
        ("/api/forbidden", None, Outcome::AuthFailed, "Scopes"),
        (
            "/api/redirect",
            None,
            Outcome::ProtocolError,
            "not followed",
        ),
        (
            "/api",
            Some("/nothing"),
            Outcome::ProtocolError,
            "Set Test path",
        ),
    ] {
        let mut settings = json!({"base_url": format!("SERVER{path}")});
        if let Some(test_path) = test_path {
            settings["test_path"] = test_path.into();
        }
        let result = ask(&server, "p&w: ü", settings.clone());
        assert_eq!(outcome(&result), expected, "{settings}");
        if expected != Outcome::Ok {
            assert!(detail(&result).contains(words), "{}", detail(&result));
        }
        assert_eq!(
            server.seen().last().unwrap().header("authorization"),
            "Bearer t0k3n"
        );
    }
    let found = ask(&server, "p&w: ü", json!({"base_url": "SERVER/api"})).unwrap();
    assert!(found.remark.unwrap().contains("set Test path"));
    let before = server.seen().len();
    let result = ask(&server, "wr0ng", json!({"base_url": "SERVER/api/open"}));
    assert_eq!(outcome(&result), Outcome::AuthFailed);
    assert_eq!(
        server.seen().len(),
        before + 1,
        "the API is not asked without a token"
    );
}

#[test]
fn each_refusal_of_a_token_has_its_outcome() {
    for (status, body, expected, words) in [
        (
            400,
            r#"{"error":"invalid_client"}"#,
            Outcome::AuthFailed,
            "client secret",
        ),
        (
            401,
            r#"{"error":"invalid_client"}"#,
            Outcome::AuthFailed,
            "client secret",
        ),
        (
            400,
            r#"{"error":"unauthorized_client"}"#,
            Outcome::AuthFailed,
            "what the client may do",
        ),
        (
            400,
            r#"{"error":"invalid_scope"}"#,
            Outcome::ProtocolError,
            "Correct Scopes",
        ),
        (
            400,
            r#"{"error":"unsupported_grant_type"}"#,
            Outcome::ProtocolError,
            "Check Token URL",
        ),
        (
            503,
            r#"{"error":"temporarily_unavailable"}"#,
            Outcome::Unreachable,
            "Try again later",
        ),
        (
            400,
            r#"{"error":"invalid_request"}"#,
            Outcome::ProtocolError,
            "status 400",
        ),
        (400, "<html>", Outcome::ProtocolError, "status 400"),
        (401, "", Outcome::AuthFailed, "wrong, expired or revoked"),
        (404, "", Outcome::ProtocolError, "Check Token URL"),
        (302, "", Outcome::ProtocolError, "not followed"),
        (429, "", Outcome::Unreachable, "Try again later"),
        (500, "", Outcome::Unreachable, "status 500"),
        (200, "", Outcome::ProtocolError, "with no token"),
        (200, "<html>", Outcome::ProtocolError, "with no token"),
        (200, "[]", Outcome::ProtocolError, "with no token"),
        (200, "{}", Outcome::ProtocolError, "with no token"),
        (
            200,
            r#"{"access_token":""}"#,
            Outcome::ProtocolError,
            "with no token",
        ),
        (
            200,
            r#"{"access_token":7}"#,
            Outcome::ProtocolError,
            "with no token",
        ),
        (
            200,
            r#"{"access_token":null,"token_type":"bearer"}"#,
            Outcome::ProtocolError,
            "with no token",
        ),
        (
            200,
            r#"{"access_token":"t","token_type":"mac"}"#,
            Outcome::Unsupported,
            "another kind",
        ),
        (200, r#"{"access_token":"t"}"#, Outcome::Ok, ""),
        (
            200,
            r#"{"access_token":"t","token_type":"bEaReR"}"#,
            Outcome::Ok,
            "",
        ),
    ] {
        let server = Server::start(move |_| answer(status).text(body));
        let result = ask(&server, "s3cr3t", json!({}));
        assert_eq!(outcome(&result), expected, "{status} {body}");
        if expected != Outcome::Ok {
            assert!(
                detail(&result).contains(words),
                "{status} {body}: {}",
                detail(&result)
            );
        }
    }
}

#[test]
fn a_token_that_no_header_can_carry_goes_nowhere() {
    let server = Server::start(|seen| match seen.path() {
        "/token" => {
            answer(200).json(json!({"access_token": "a\r\nX-Evil: 1", "token_type": "bearer"}))
        }
        _ => answer(200),
    });
    let result = ask(&server, "s3cr3t", json!({"base_url": "SERVER/api"}));
    assert_eq!(outcome(&result), Outcome::AuthFailed);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_token_url_at_a_forbidden_host_is_not_dialled() {
    for url in [
        "https://169.254.169.254/token",
        "http://169.254.169.254/token",
        "https://[fd00:ec2::254]/token",
        "https://10.0.0.7/token",
        "https://[::ffff:10.0.0.7]/token",
    ] {
        let wires = Arc::new(Wires::default());
        let settings =
            json!({"token_url": url, "client_id": "app", "base_url": "https://127.0.0.1:1/"});
        let result = test_over(
            &wires,
            "oauth2-client-credentials",
            &settings,
            &json!({"client_secret": "s3cr3t"}),
        );
        assert_eq!(outcome(&result), Outcome::RefusedByPolicy, "{url}");
        assert_eq!(wires.dialled(), [], "{url}");
    }
}

#[test]
fn a_base_url_at_a_forbidden_host_never_sees_the_token() {
    let server = Server::start(door);
    let wires = Arc::new(Wires::default());
    let settings = json!({
        "token_url": format!("{}/token", server.url()), "client_id": "my app", "base_url": "https://169.254.169.254/",
    });
    let result = test_over(
        &wires,
        "oauth2-client-credentials",
        &settings,
        &json!({"client_secret": "p&w: ü"}),
    );
    assert_eq!(outcome(&result), Outcome::RefusedByPolicy);
    assert_eq!(wires.dialled().len(), 1, "the token URL alone");
}

#[test]
fn a_token_url_with_a_certificate_of_ones_own_authority_is_trusted_by_the_settings() {
    let server = Server::start(door);
    let port = server.behind_tls(&certificate("127.0.0.1"));
    let mut settings =
        json!({"token_url": format!("https://127.0.0.1:{port}/token"), "client_id": "my app"});
    let secrets = json!({"client_secret": "p&w: ü"});
    assert_eq!(
        outcome(&test("oauth2-client-credentials", &settings, &secrets)),
        Outcome::TlsFailed
    );
    settings["ca_certificate"] = ca().into();
    assert_eq!(
        outcome(&test("oauth2-client-credentials", &settings, &secrets)),
        Outcome::Ok
    );
}
