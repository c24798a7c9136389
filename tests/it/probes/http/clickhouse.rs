//! ClickHouse's HTTP interface: as it is documented, and a real server if there is one.

use reprieve::connectors::probes::{Failure, Found};
use reprieve::domain::kinds::Outcome;
use serde_json::Value;

use super::kit::{Answer, Seen, Server, answer, detail, outcome, test};
use crate::support::json;

/// A server of today, which says the number of an exception in a header.
fn today(seen: &Seen) -> Answer {
    let exception = |status: u16, code: &str| {
        answer(status)
            .header("x-clickhouse-exception-code", code)
            .text("hostile words")
    };
    match (
        seen.header("x-clickhouse-user"),
        seen.header("x-clickhouse-key"),
    ) {
        ("reader", "r1ght") if seen.target.ends_with("&database=none") => exception(404, "81"),
        ("reader", "r1ght") if seen.target.ends_with("&database=closed") => exception(403, "497"),
        ("reader", "r1ght") => answer(200).text("24.8.4.13\n"),
        ("busy", _) => exception(500, "202"),
        ("strange", _) => exception(500, "999"),
        ("afar", _) => exception(500, "195"),
        ("page", _) => answer(200).text("<html>24.8</html>"),
        ("proxy", _) => answer(502).text("<html>"),
        _ => exception(403, "516"),
    }
}

fn ask(port: u16, user: &str, password: &str, more: &Value) -> Result<Found, Failure> {
    let mut settings =
        json!({"host": "127.0.0.1", "port": port, "tls": "disable", "username": user});
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    test("clickhouse", &settings, &json!({ "password": password }))
}

#[test]
fn a_server_of_today_says_its_version_or_the_number_of_what_is_wrong() {
    let server = Server::start(today);
    let found = ask(server.port, "reader", "r1ght", &json!({})).unwrap();
    assert_eq!(found.version.as_deref(), Some("24.8.4.13"));
    let asked = server.seen().pop().unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str()),
        ("GET", "/?query=SELECT+version%28%29")
    );
    for (user, password, more, expected, words) in [
        (
            "reader",
            "r1ght",
            json!({"database": "sales"}),
            Outcome::Ok,
            "",
        ),
        (
            "reader",
            "wr0ng",
            json!({}),
            Outcome::AuthFailed,
            "user name and password",
        ),
        (
            "nobody",
            "r1ght",
            json!({}),
            Outcome::AuthFailed,
            "user name and password",
        ),
        ("afar", "r1ght", json!({}), Outcome::AuthFailed, "from here"),
        (
            "reader",
            "r1ght",
            json!({"database": "closed"}),
            Outcome::AuthFailed,
            "no right",
        ),
        (
            "reader",
            "r1ght",
            json!({"database": "none"}),
            Outcome::ProtocolError,
            "no database of this name",
        ),
        (
            "busy",
            "r1ght",
            json!({}),
            Outcome::Unreachable,
            "Try again later",
        ),
        (
            "strange",
            "r1ght",
            json!({}),
            Outcome::ProtocolError,
            "code 999",
        ),
        (
            "page",
            "r1ght",
            json!({}),
            Outcome::ProtocolError,
            "not as a ClickHouse server",
        ),
        (
            "proxy",
            "r1ght",
            json!({}),
            Outcome::ProtocolError,
            "not as a ClickHouse server",
        ),
    ] {
        let result = ask(server.port, user, password, &more);
        assert_eq!(outcome(&result), expected, "{user} {more}");
        if expected != Outcome::Ok {
            assert!(detail(&result).contains(words), "{}", detail(&result));
            assert!(!detail(&result).contains("hostile"));
        }
    }
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| !seen.target.contains("r1ght")),
        "no password in a URL"
    );
}

/// `REPRIEVE_TEST_CLICKHOUSE` is `host:port` of the HTTP interface of a server with the user `reader`, its password
/// `right horse`, and no database `none`. Run it with `cargo test --test it -- --ignored clickhouse`.
#[test]
#[ignore = "needs a ClickHouse server, which REPRIEVE_TEST_CLICKHOUSE names"]
fn a_real_server_lets_in_with_the_right_password_only() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the tests are told of this server"
    )]
    let server = std::env::var("REPRIEVE_TEST_CLICKHOUSE").unwrap();
    let port = server.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
    let found = ask(
        port,
        "reader",
        "right horse",
        &json!({"database": "default"}),
    )
    .unwrap();
    assert!(found.version.is_some(), "{found:?}");
    for (user, password, database, expected) in [
        ("reader", "wr0ng horse", "default", Outcome::AuthFailed),
        ("nobody", "right horse", "default", Outcome::AuthFailed),
        ("reader", "right horse", "none", Outcome::ProtocolError),
    ] {
        let result = ask(port, user, password, &json!({"database": database}));
        assert_eq!(outcome(&result), expected, "{user} {database}: {result:?}");
    }
}
