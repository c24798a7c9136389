//! Trino's client protocol, as it is documented; no real server has been asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reprieve::connectors::probes::{Failure, Found};
use reprieve::domain::kinds::Outcome;
use serde_json::Value;

use super::kit::{Answer, Seen, Server, Wires, answer, detail, outcome, test_over};
use crate::support::json;
use crate::support::servers::{ca, certificate};

/// base64("ana:s3cr3t")
const PASSWORD: &str = "Basic YW5hOnMzY3IzdA==";

fn info() -> Answer {
    answer(200).json(json!({"nodeVersion": {"version": "476"}, "environment": "test", "coordinator": true, "starting": false}))
}

/// A coordinator with passwords and tokens on, whose query takes `parts` answers. What it says of itself is another host.
fn coordinator(parts: usize) -> impl Fn(&Seen) -> Answer + Send + Sync {
    move |seen| {
        let known = matches!(seen.header("authorization"), PASSWORD | "Bearer j.w.t");
        let part = |number: usize| {
            let next = format!("https://evil.example:9/v1/statement/queued/q1/token/{number}");
            answer(200).json(if number > parts {
                json!({"id": "q1", "stats": {"state": "FINISHED"}, "data": [[1]]})
            } else {
                json!({"id": "q1", "nextUri": next, "stats": {"state": "QUEUED"}})
            })
        };
        match (seen.method.as_str(), seen.path()) {
            ("GET", "/v1/info") => info(),
            _ if !known => answer(401).header("www-authenticate", "Basic realm=\"Trino\""),
            ("POST", "/v1/statement") => part(1),
            ("DELETE", _) => answer(204),
            (_, path) => part(path.rsplit('/').next().unwrap().parse::<usize>().unwrap() + 1),
        }
    }
}

fn ask_over(wires: &Arc<Wires>, port: u16, mode: &str, secrets: &Value) -> Result<Found, Failure> {
    let settings = json!({
        "host": "127.0.0.1", "port": port, "tls": mode, "ca_certificate": ca(), "username": "ana", "catalog": "tpch",
        "schema": "tiny",
    });
    test_over(wires, "trino", &settings, secrets)
}

fn ask(server: &Server, secrets: &Value) -> Result<Found, Failure> {
    let port = server.behind_tls(&certificate("127.0.0.1"));
    ask_over(&Arc::new(Wires::default()), port, "verify", secrets)
}

#[test]
fn a_query_is_followed_to_its_end_on_the_same_server() {
    let server = Server::start(coordinator(3));
    let port = server.behind_tls(&certificate("127.0.0.1"));
    let wires = Arc::new(Wires::default());
    for secrets in [json!({"password": "s3cr3t"}), json!({"token": "j.w.t"})] {
        let found = ask_over(&wires, port, "verify", &secrets).unwrap();
        assert_eq!(found.version.as_deref(), Some("476"));
        assert_eq!(found.remark, None);
    }
    assert!(
        wires
            .dialled()
            .iter()
            .all(|address| *address == ([127, 0, 0, 1], port).into()),
        "{:?}",
        wires.dialled()
    );
    let seen = server.seen();
    let first = seen
        .iter()
        .find(|seen| seen.header("authorization") == PASSWORD)
        .unwrap();
    assert_eq!(
        (first.method.as_str(), first.body.as_str()),
        ("POST", "SELECT 1")
    );
    assert_eq!(first.header("x-trino-user"), "ana");
    assert_eq!(first.header("x-trino-catalog"), "tpch");
    assert_eq!(first.header("x-trino-schema"), "tiny");
    let last = seen.iter().rev().find(|seen| seen.method == "GET").unwrap();
    assert_eq!(last.target, "/v1/statement/queued/q1/token/3");
}

#[test]
fn a_wrong_password_or_token_is_refused() {
    let server = Server::start(coordinator(1));
    for secrets in [json!({"password": "wr0ng"}), json!({"token": "x.y.z"})] {
        assert_eq!(
            outcome(&ask(&server, &secrets)),
            Outcome::AuthFailed,
            "{secrets}"
        );
    }
}

#[test]
fn nothing_is_sent_without_tls() {
    let server = Server::start(coordinator(1));
    let wires = Arc::new(Wires::default());
    let result = ask_over(
        &wires,
        server.port,
        "disable",
        &json!({"password": "s3cr3t"}),
    );
    assert_eq!(outcome(&result), Outcome::RefusedByPolicy);
    assert!(detail(&result).contains("require or verify"));
    assert_eq!(wires.dialled(), []);
}

#[test]
fn a_server_that_asks_nobody_is_said_to_and_gets_no_secret() {
    let server = Server::start(|seen| match seen.path() {
        "/v1/info" => info(),
        _ => {
            answer(200).json(json!({"id": "q1", "nextUri": "http://x/v1/statement/executing/q1/1"}))
        }
    });
    let found = ask(&server, &json!({"token": "s3cr3t"})).unwrap();
    assert!(found.remark.unwrap().contains("without asking"));
    let seen = server.seen();
    assert!(seen.iter().all(|seen| !seen.holds("s3cr3t")));
    assert_eq!(
        seen.last().unwrap().method,
        "DELETE",
        "the query is called off"
    );
}

#[test]
fn a_query_that_waits_for_ever_is_called_off() {
    let server = Server::start(coordinator(usize::MAX - 1));
    let found = ask(&server, &json!({"password": "s3cr3t"})).unwrap();
    assert!(found.remark.unwrap().contains("called off"));
    let seen = server.seen();
    assert_eq!(seen.last().unwrap().method, "DELETE");
    let parts = seen
        .iter()
        .filter(|seen| seen.path().starts_with("/v1/statement/") && seen.method == "GET")
        .count();
    assert!(parts <= 8, "{parts}");
}

#[test]
fn a_part_of_the_result_is_nowhere_but_below_the_statement() {
    for next in [
        "https://127.0.0.1/admin",
        "//evil.example/v1/statement/x",
        "file:///v1/statement",
        "/v1/statement/1",
        "x",
        "",
    ] {
        let server = Server::start(
            move |seen| match (seen.path(), seen.header("authorization")) {
                ("/v1/info", _) => info(),
                (_, "") => answer(401),
                _ => answer(200).json(json!({"id": "q1", "nextUri": next})),
            },
        );
        let result = ask(&server, &json!({"password": "s3cr3t"}));
        let asked = server.seen().len();
        if next.starts_with("file") {
            // A path like any other: it is asked for on this server.
            assert!(asked > 3, "{next}");
        } else {
            assert_eq!(
                outcome(&result),
                Outcome::ProtocolError,
                "{next}: {result:?}"
            );
            assert_eq!(asked, 3, "{next}");
        }
    }
}

#[test]
fn what_answers_otherwise_than_trino_gets_no_secret() {
    for body in ["<html>", "{}", r#"{"nodeVersion":7}"#, ""] {
        let server = Server::start(move |_| answer(200).text(body));
        let result = ask(&server, &json!({"password": "s3cr3t"}));
        assert_eq!(outcome(&result), Outcome::ProtocolError, "{body}");
        assert!(!result.unwrap_err().met);
        assert_eq!(server.seen().len(), 1, "{body}");
        assert!(!server.seen()[0].holds("YW5hOnMzY3IzdA"));
    }
}

#[test]
fn each_failure_of_the_query_has_its_outcome() {
    for (name, kind, expected, words) in [
        (
            "PERMISSION_DENIED",
            "USER_ERROR",
            Outcome::AuthFailed,
            "no right",
        ),
        (
            "CLUSTER_OUT_OF_MEMORY",
            "INSUFFICIENT_RESOURCES",
            Outcome::Unreachable,
            "Try again later",
        ),
        (
            "NO_NODES_AVAILABLE",
            "INSUFFICIENT_RESOURCES",
            Outcome::Unreachable,
            "Try again later",
        ),
        (
            "GENERIC_INTERNAL_ERROR",
            "INTERNAL_ERROR",
            Outcome::ProtocolError,
            "code 65536",
        ),
    ] {
        let turn = AtomicUsize::new(0);
        let server = Server::start(move |seen| {
            match (seen.path(), seen.header("authorization")) {
            ("/v1/info", _) => info(),
            (_, "") => answer(401),
            _ if turn.fetch_add(1, Ordering::SeqCst) == 0 => {
                answer(200).json(json!({"id": "q1", "nextUri": "http://127.0.0.1/v1/statement/q1/1"}))
            }
            _ => answer(200).json(json!({"id": "q1", "error": {
                "message": "hostile words", "errorCode": 65536, "errorName": name, "errorType": kind,
            }})),
        }
        });
        let result = ask(&server, &json!({"password": "s3cr3t"}));
        assert_eq!(outcome(&result), expected, "{name}");
        assert!(detail(&result).contains(words), "{}", detail(&result));
        assert!(!detail(&result).contains("hostile"));
    }
}
