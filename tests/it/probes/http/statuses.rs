//! What a status means, whoever answers it; and that a page for everybody proves nothing.

use reprieve::domain::kinds::Outcome;

use super::kit::{Server, answer, detail, outcome, test};
use crate::support::json;

/// A server that answers strangers and the holders of any token with these two.
fn server(stranger: u16, signed: u16) -> Server {
    Server::start(move |seen| {
        answer(if seen.header("authorization").is_empty() {
            stranger
        } else {
            signed
        })
    })
}

#[test]
fn each_status_has_its_outcome_and_a_sentence_that_says_what_to_do() {
    for (stranger, signed, expected, words) in [
        (401, 200, Outcome::Ok, ""),
        (401, 204, Outcome::Ok, ""),
        (403, 200, Outcome::Ok, ""),
        (404, 200, Outcome::Ok, ""),
        (302, 200, Outcome::Ok, ""),
        (400, 200, Outcome::Ok, ""),
        (401, 401, Outcome::AuthFailed, "wrong, expired or revoked"),
        (401, 403, Outcome::AuthFailed, "lack the rights"),
        (401, 301, Outcome::ProtocolError, "redirect"),
        (401, 302, Outcome::ProtocolError, "not followed"),
        (401, 307, Outcome::ProtocolError, "where the API really is"),
        (401, 304, Outcome::ProtocolError, "redirect"),
        (401, 404, Outcome::ProtocolError, "Set Test path"),
        (404, 404, Outcome::ProtocolError, "Set Test path"),
        (401, 405, Outcome::ProtocolError, "Set Test path"),
        (401, 410, Outcome::ProtocolError, "Set Test path"),
        (401, 400, Outcome::ProtocolError, "status 400"),
        (401, 418, Outcome::ProtocolError, "status 418"),
        (401, 429, Outcome::Unreachable, "Try again later"),
        (401, 408, Outcome::Unreachable, "Try again later"),
        (401, 500, Outcome::Unreachable, "status 500"),
        (401, 503, Outcome::Unreachable, "Try again later"),
        // A stranger who gets the page shows that it says nothing of who asks.
        (200, 200, Outcome::Unsupported, "Set Test path"),
        (204, 204, Outcome::Unsupported, "answers everybody"),
        (200, 401, Outcome::Unsupported, "Set Test path"),
        // What can't be compared proves nothing either, although the second answer is a success.
        (503, 200, Outcome::Unreachable, "Try again later"),
        (500, 200, Outcome::Unreachable, "status 500"),
        (429, 200, Outcome::Unreachable, "Try again later"),
    ] {
        let server = server(stranger, signed);
        let result = test(
            "http-bearer",
            &json!({"base_url": server.url()}),
            &json!({"token": "s3cr3t"}),
        );
        assert_eq!(outcome(&result), expected, "{stranger}, then {signed}");
        if expected != Outcome::Ok {
            assert!(
                detail(&result).contains(words),
                "{stranger}, then {signed}: {}",
                detail(&result)
            );
            assert!(result.unwrap_err().met);
        }
    }
}

#[test]
fn a_page_for_everybody_never_gets_the_secret() {
    let server = server(200, 200);
    for (connector, settings, secrets) in [
        ("http-bearer", json!({}), json!({"token": "s3cr3t"})),
        (
            "http-basic",
            json!({"username": "app"}),
            json!({"password": "s3cr3t"}),
        ),
        ("http-api-key", json!({}), json!({"api_key": "s3cr3t"})),
        (
            "http-api-key",
            json!({"placement": "query", "parameter": "key"}),
            json!({"api_key": "s3cr3t"}),
        ),
        ("oauth2", json!({}), json!({"access_token": "s3cr3t"})),
    ] {
        let mut settings = settings;
        settings["base_url"] = server.url().into();
        let result = test(connector, &settings, &secrets);
        assert_eq!(outcome(&result), Outcome::Unsupported, "{connector}");
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 5);
    for request in seen {
        assert!(!request.holds("s3cr3t"), "{request:?}");
        assert_eq!(request.header("authorization"), "");
    }
}

#[test]
fn a_version_and_the_words_of_the_server_stay_unread() {
    let server = Server::start(|_| {
        answer(401)
            .header("server", "Apache/9.9 hostile-header")
            .json(json!({"message": "hostile-body"}))
    });
    let result = test(
        "http-bearer",
        &json!({"base_url": server.url()}),
        &json!({"token": "s3cr3t"}),
    );
    assert!(!format!("{result:?}").contains("hostile"), "{result:?}");
}
