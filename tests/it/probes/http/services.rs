//! GitHub and Algolia, as they are documented; the real ones have not been asked.

use reprieve::domain::kinds::Outcome;

use super::kit::{PUBLIC, Server, Wires, answer, detail, outcome, test, test_over};
use crate::support::json;
use crate::support::servers::{ca, certificate};

#[test]
fn github_is_asked_who_the_token_belongs_to() {
    let server = Server::start(|seen| {
        let token = seen.header("authorization");
        match (seen.target.as_str(), token) {
            ("/api/v3/user", "Bearer ghp_r1ght") => answer(200)
                .header("x-github-enterprise-version", "3.19.1")
                .json(json!({"login": "octocat", "id": 1})),
            ("/api/v3/installation/repositories?per_page=1", "Bearer ghs_r1ght") => {
                answer(200).json(json!({"total_count": 1, "repositories": []}))
            }
            (_, "Bearer ghp_limited") => answer(403).header("x-ratelimit-remaining", "0"),
            (_, "Bearer ghp_slow") => answer(403).header("retry-after", "60"),
            (_, "Bearer ghp_weak") => answer(403).json(json!({"message": "hostile words"})),
            (_, "Bearer ghp_busy") => answer(429),
            (_, "Bearer ghp_page") => answer(200).text("<html>"),
            (_, "Bearer ghp_other") => answer(200).json(json!({"name": "another service"})),
            (path, _) if path.starts_with("/api/v3/") => {
                answer(401).json(json!({"message": "Bad credentials"}))
            }
            _ => answer(404),
        }
    });
    let ask = |path: &str, token: &str| {
        let settings = json!({"base_url": format!("{}{path}", server.url())});
        test("github", &settings, &json!({ "token": token }))
    };
    let found = ask("/api/v3", "ghp_r1ght").unwrap();
    assert_eq!(found.version.as_deref(), Some("3.19.1"));
    let asked = server.seen().pop().unwrap();
    assert_eq!(asked.header("x-github-api-version"), "2022-11-28");
    assert_eq!(asked.header("accept"), "application/vnd.github+json");
    for (path, token, expected, words) in [
        ("/api/v3/", "ghp_r1ght", Outcome::Ok, ""),
        ("/api/v3", "ghs_r1ght", Outcome::Ok, ""),
        (
            "/api/v3",
            "ghp_wr0ng",
            Outcome::AuthFailed,
            "wrong, expired or revoked",
        ),
        (
            "/api/v3",
            "ghs_wr0ng",
            Outcome::AuthFailed,
            "wrong, expired or revoked",
        ),
        (
            "/api/v3",
            "ghp_weak",
            Outcome::AuthFailed,
            "lack the rights",
        ),
        (
            "/api/v3",
            "ghp_limited",
            Outcome::Unreachable,
            "Try again later",
        ),
        (
            "/api/v3",
            "ghp_slow",
            Outcome::Unreachable,
            "Try again later",
        ),
        (
            "/api/v3",
            "ghp_busy",
            Outcome::Unreachable,
            "Try again later",
        ),
        (
            "/api/v3",
            "ghp_page",
            Outcome::ProtocolError,
            "not as GitHub does",
        ),
        (
            "/api/v3",
            "ghp_other",
            Outcome::ProtocolError,
            "not as GitHub does",
        ),
        ("", "ghp_r1ght", Outcome::ProtocolError, "/api/v3"),
    ] {
        let result = ask(path, token);
        assert_eq!(outcome(&result), expected, "{path} {token}");
        if expected != Outcome::Ok {
            assert!(detail(&result).contains(words), "{}", detail(&result));
        }
    }
}

#[test]
fn without_another_address_it_is_github_com_that_is_asked() {
    let server = Server::start(|_| answer(401));
    let wires = Wires::public(
        "api.github.com",
        server.behind_tls(&certificate("api.github.com")),
    );
    let settings = json!({"ca_certificate": ca()});
    let result = test_over(&wires, "github", &settings, &json!({"token": "ghp_x9"}));
    assert_eq!(outcome(&result), Outcome::AuthFailed);
    assert_eq!(wires.dialled(), [(PUBLIC, 443).into()]);
    assert_eq!(server.seen()[0].header("host"), "api.github.com");
}

#[test]
fn algolia_is_asked_what_the_key_may_do() {
    let server = Server::start(|seen| {
        let key = seen.header("x-algolia-api-key");
        let good = key == "r1ght/key" && seen.target == "/1/keys/r1ght%2Fkey";
        if good && seen.header("x-algolia-application-id") == "AB12CD34" {
            answer(200).json(json!({"acl": ["search"], "description": "<redacted>", "validity": 0}))
        } else if key == "page" {
            answer(200).text("<html>")
        } else {
            answer(403).json(json!({"message": "Invalid Application-ID or API key", "status": 403}))
        }
    });
    let port = server.behind_tls(&certificate("ab12cd34-dsn.algolia.net"));
    for (application, key, expected) in [
        ("AB12CD34", "r1ght/key", Outcome::Ok),
        ("AB12CD34", "wr0ng", Outcome::AuthFailed),
        ("AB12CD34", "page", Outcome::ProtocolError),
        ("UNKNOWN", "r1ght/key", Outcome::Unreachable),
    ] {
        let wires = Wires::public("ab12cd34-dsn.algolia.net", port);
        let settings = json!({"app_id": application, "ca_certificate": ca()});
        let result = test_over(&wires, "algolia", &settings, &json!({"api_key": key}));
        assert_eq!(outcome(&result), expected, "{application} {key}");
    }
}
