//! How a secret gets into a request, and where it may not go.

use std::sync::Arc;

use reprieve::connectors::{Settings, find};
use reprieve::domain::kinds::Outcome;

use super::kit::{
    Answer, Seen, Server, Wires, answer, detail, outcome, test, test_listing, test_over,
};
use crate::support::json;

/// Lets in who has this header.
fn only(name: &'static str, value: &'static str) -> impl Fn(&Seen) -> Answer + Send + Sync {
    move |seen| answer(if seen.header(name) == value { 200 } else { 401 })
}

#[test]
fn a_bearer_token_is_sent_as_rfc_6750_says() {
    let server = Server::start(only("authorization", "Bearer r1ght"));
    for (token, expected) in [("r1ght", Outcome::Ok), ("wr0ng", Outcome::AuthFailed)] {
        let settings = json!({"base_url": server.url()});
        let result = test("http-bearer", &settings, &json!({"token": token}));
        assert_eq!(outcome(&result), expected, "{token}");
        let result = test("oauth2", &settings, &json!({"access_token": token}));
        assert_eq!(outcome(&result), expected, "oauth2 {token}");
    }
    // Compressed answers could unpack to more than was counted.
    assert_eq!(server.seen()[0].header("accept-encoding"), "");
    assert_eq!(
        server.seen()[0].header("user-agent"),
        concat!("Reprieve/", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_user_name_and_a_password_are_sent_as_rfc_7617_says() {
    // The example of its section 2.
    let server = Server::start(only("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    let settings = json!({"base_url": server.url(), "username": "Aladdin"});
    for (password, expected) in [("open sesame", Outcome::Ok), ("shut", Outcome::AuthFailed)] {
        let result = test("http-basic", &settings, &json!({"password": password}));
        assert_eq!(outcome(&result), expected, "{password}");
    }
    let colon = json!({"base_url": server.url(), "username": "Ala:ddin"});
    let result = test("http-basic", &colon, &json!({"password": "open sesame"}));
    assert_eq!(outcome(&result), Outcome::Unsupported);
    assert_eq!(
        server.seen().len(),
        4,
        "nothing was asked with a user name that can't be sent"
    );
}

#[test]
fn an_api_key_is_sent_in_the_header_or_the_parameter_of_the_settings() {
    let server = Server::start(|seen| {
        let ours = seen.header("x-api-key") == "a/b c&d" || seen.header("x-mine") == "a/b c&d";
        answer(if ours || seen.target == "/v1/?a=1&api+key=a%2Fb+c%26d" {
            200
        } else {
            401
        })
    });
    for (settings, key, expected) in [
        (json!({}), "a/b c&d", Outcome::Ok),
        (json!({}), "wr0ng", Outcome::AuthFailed),
        (json!({"parameter": "X-Mine"}), "a/b c&d", Outcome::Ok),
        (
            json!({"placement": "query", "parameter": "api key"}),
            "a/b c&d",
            Outcome::Ok,
        ),
        (
            json!({"placement": "query", "parameter": "api key"}),
            "wr0ng",
            Outcome::AuthFailed,
        ),
    ] {
        let mut settings = settings;
        settings["base_url"] = format!("{}/v1/?a=1", server.url()).into();
        let result = test("http-api-key", &settings, &json!({"api_key": key}));
        assert_eq!(outcome(&result), expected, "{settings} {key}");
    }
}

#[test]
fn an_api_key_can_not_stand_in_a_header_that_says_where_a_request_goes_or_ends() {
    let server = Server::start(|_| answer(401));
    for parameter in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "a b",
        "a:b",
        "ü",
    ] {
        let settings = json!({"base_url": server.url(), "parameter": parameter});
        let result = test("http-api-key", &settings, &json!({"api_key": "s3cr3t"}));
        assert_eq!(outcome(&result), Outcome::Unsupported, "{parameter}");
        assert!(detail(&result).contains("Parameter name"));
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_secret_with_a_line_break_is_not_sent_and_smuggles_no_header() {
    let server = Server::start(|_| answer(401));
    for secret in ["s3cr3t\n", "s3cr3t\r\nX-Evil: 1", "\u{7f}s3cr3t"] {
        let settings = json!({"base_url": server.url()});
        let result = test("http-bearer", &settings, &json!({"token": secret}));
        assert_eq!(outcome(&result), Outcome::AuthFailed);
        assert!(detail(&result).contains("Enter it again"));
    }
    assert!(server.seen().iter().all(|seen| !seen.holds("s3cr3t")));
}

#[test]
fn the_test_path_is_asked_for_below_the_base_url() {
    let server = Server::start(|seen| {
        answer(if seen.header("authorization").is_empty() {
            401
        } else {
            200
        })
    });
    for (base, path, expected) in [
        ("", None, "/"),
        ("/v1/", None, "/v1/"),
        ("/v1?a=1#f", None, "/v1?a=1"),
        ("/v1", Some("/me"), "/v1/me"),
        ("/v1/", Some("/me"), "/v1/me"),
        ("", Some("/me?fields=id"), "/me?fields=id"),
        ("/v1?a=1", Some("/me"), "/v1/me"),
        ("/v1", Some("/a%20b"), "/v1/a%20b"),
    ] {
        let mut settings = json!({"base_url": format!("{}{base}", server.url())});
        if let Some(path) = path {
            settings["test_path"] = path.into();
        }
        let result = test("http-bearer", &settings, &json!({"token": "s3cr3t"}));
        assert_eq!(outcome(&result), Outcome::Ok, "{settings}");
        assert_eq!(server.seen().last().unwrap().target, expected, "{settings}");
    }
}

#[test]
fn a_test_path_that_could_lead_away_from_the_base_url_is_no_setting() {
    let connector = find("http-bearer").unwrap();
    for path in [
        "me",
        "//evil.example/me",
        "/..//evil.example",
        "/\\evil.example",
        "/../admin",
        "/a/%2e%2e/b",
        "/%2f/evil.example",
        "https://evil.example/",
        "@evil.example",
        ":80/",
        "/a b",
        "/a#b",
    ] {
        let settings = json!({"base_url": "https://api.example.com/v1", "test_path": path});
        let errors = Settings::parse(connector, &settings.to_string()).unwrap_err();
        assert_eq!(errors[0].pointer, "/settings/test_path", "{path}");
    }
    let settings = json!({"base_url": "https://api.example.com/v1", "test_path": "/me"});
    let with = Settings::parse(connector, &settings.to_string()).unwrap();
    let without =
        Settings::parse(connector, r#"{"base_url": "https://api.example.com/v1"}"#).unwrap();
    assert!(
        !without.destination_changed(connector, &with),
        "it can't lead the secret anywhere else"
    );
}

#[test]
fn no_secret_goes_out_in_clear_text_but_into_a_listed_network() {
    let server = Server::start(|_| answer(401));
    let wires = Wires::public("api.example.com", server.port);
    for url in [
        "http://api.example.com",
        "http://8.8.8.8:8080/v1",
        "http://[::ffff:8.8.8.8]",
    ] {
        let settings = json!({"base_url": url});
        let secrets = json!({"token": "s3cr3t"});
        let result = test_listing(&["127.0.0.0/8"], &wires, "http-bearer", &settings, &secrets);
        assert_eq!(outcome(&result), Outcome::RefusedByPolicy, "{url}");
        assert!(detail(&result).contains("https://") && detail(&result).contains("allow_cidrs"));
        assert_eq!(server.seen().len(), 0, "{url}");
    }
    let settings = json!({"base_url": "http://api.example.com"});
    let secrets = json!({"token": "s3cr3t"});
    let result = test_listing(&["8.8.8.0/24"], &wires, "http-bearer", &settings, &secrets);
    assert_eq!(outcome(&result), Outcome::AuthFailed);
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn the_connector_without_a_base_url_has_nothing_to_ask() {
    let wires = Arc::new(Wires::default());
    let result = test_over(
        &wires,
        "oauth2",
        &json!({}),
        &json!({"access_token": "s3cr3t"}),
    );
    assert_eq!(outcome(&result), Outcome::Unsupported);
    assert!(detail(&result).contains("Set Base URL"));
    assert_eq!(wires.dialled(), []);
}
