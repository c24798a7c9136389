//! TLS: `https` is verified, against the public authorities or the one in the settings; databases do as `tls` says.

use reprieve::domain::kinds::Outcome;
use serde_json::Value;

use super::kit::{Answer, Seen, Server, answer, detail, outcome, test};
use crate::support::json;
use crate::support::servers::{ca, certificate, expired_certificate, other_ca};

fn door(seen: &Seen) -> Answer {
    match (
        seen.header("authorization"),
        seen.header("x-clickhouse-key"),
    ) {
        ("Bearer s3cr3t", _) => answer(200),
        (_, "s3cr3t") => answer(200).text("24.8.4.13\n"),
        _ => answer(401),
    }
}

fn bearer(url: &str, authority: Option<&str>) -> (Outcome, String) {
    let mut settings = json!({ "base_url": url });
    if let Some(pem) = authority {
        settings["ca_certificate"] = pem.into();
    }
    let result = test("http-bearer", &settings, &json!({"token": "s3cr3t"}));
    (
        outcome(&result),
        result.map_or_else(|failure| failure.detail, |_| String::new()),
    )
}

#[test]
fn https_is_verified_and_what_is_wrong_with_the_certificate_is_said() {
    let server = Server::start(door);
    let good = server.behind_tls(&certificate("127.0.0.1"));
    let other_name = server.behind_tls(&certificate("db.example.com"));
    let expired = server.behind_tls(&expired_certificate("127.0.0.1"));
    let (ours, other) = (ca(), other_ca());
    let https = |port: u16| format!("https://127.0.0.1:{port}");

    assert_eq!(bearer(&https(good), Some(&ours)).0, Outcome::Ok);
    let trusted = server.seen().len();
    for (port, authority, words) in [
        (good, None, "not signed by an authority that is trusted"),
        (
            good,
            Some(other.as_str()),
            "not signed by an authority that is trusted",
        ),
        (other_name, Some(ours.as_str()), "for another host name"),
        (expired, Some(ours.as_str()), "expired"),
        (server.port, Some(ours.as_str()), "whether it expects TLS"),
    ] {
        let (outcome, detail) = bearer(&https(port), authority);
        assert_eq!(outcome, Outcome::TlsFailed, "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
    let (outcome, detail) = bearer(&https(good), Some("no certificate"));
    assert_eq!(outcome, Outcome::TlsFailed);
    assert!(
        detail.contains("must be a certificate in PEM form"),
        "{detail}"
    );
    assert_eq!(
        server.seen().len(),
        trusted,
        "nobody was asked anything who is not trusted"
    );
}

#[test]
fn a_server_that_speaks_tls_on_a_url_without_it_is_no_success() {
    let server = Server::start(door);
    let port = server.behind_tls(&certificate("127.0.0.1"));
    let (outcome, _) = bearer(&format!("http://127.0.0.1:{port}"), None);
    assert_eq!(outcome, Outcome::ProtocolError);
}

#[test]
fn a_database_over_http_does_as_its_setting_tls_says() {
    let server = Server::start(door);
    let tls = server.behind_tls(&certificate("elsewhere.example"));
    let ask = |port: u16, mode: &str, authority: Option<String>| {
        let mut settings: Value =
            json!({"host": "127.0.0.1", "port": port, "username": "reader", "tls": mode});
        if let Some(pem) = authority {
            settings["ca_certificate"] = pem.into();
        }
        test("clickhouse", &settings, &json!({"password": "s3cr3t"}))
    };
    // Only `verify` looks at who answers.
    assert_eq!(outcome(&ask(tls, "require", None)), Outcome::Ok);
    assert_eq!(outcome(&ask(tls, "prefer", None)), Outcome::Ok);
    let result = ask(tls, "verify", Some(ca()));
    assert_eq!(outcome(&result), Outcome::TlsFailed);
    assert!(detail(&result).contains("another host name"));
    assert_eq!(outcome(&ask(server.port, "disable", None)), Outcome::Ok);
    // There is nothing in HTTP to ask whether a server speaks TLS: no mode but `disable` goes without.
    let before = server.seen().len();
    for mode in ["prefer", "require", "verify"] {
        assert_eq!(
            outcome(&ask(server.port, mode, None)),
            Outcome::TlsFailed,
            "{mode}"
        );
    }
    assert_eq!(server.seen().len(), before);
}
