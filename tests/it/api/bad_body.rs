//! Requests that are wrong before their fields are looked at: JSON, sizes, types, headers, paths, slowness.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::kit::*;
use super::routes::{self, Samples};
use crate::support::*;

const JSON_TYPE: (&str, &[u8]) = ("Content-Type", b"application/json");

fn send(app: &TestApp, method: &str, path: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Reply {
    let length = body.len().to_string();
    let mut all = vec![("Content-Length", length.as_bytes())];
    all.extend_from_slice(headers);
    exchange(
        app.address(),
        &[&head(method, path, app.admin.key(), &all), body],
    )
    .sound()
}

/// A document, and the status and code it gets, with pointer and code of the one error.
type Refused = (Vec<u8>, u16, &'static str, Option<(String, &'static str)>);

/// Documents that no operation takes.
fn documents() -> Vec<Refused> {
    let nested = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    let malformed: [&[u8]; 14] = [
        b"",
        b" ",
        b"{",
        b"[1,",
        b"nul",
        b"{\"a\":1,}",
        b"{'a':1}",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"a\":\"\0\"}",
        b"{\"a\":01}",
        b"{\"a\":NaN}",
    ];
    let refused = [
        ("{\"a\":1,\"a\":2}".to_owned(), "/a", "duplicate_key"),
        ("{\"a\":1,\"\\u0061\":2}".to_owned(), "/a", "duplicate_key"),
        (
            "{\"metadata\":{\"b\":1,\"b\":2}}".to_owned(),
            "/metadata/b",
            "duplicate_key",
        ),
        (
            "{\"body\":[{\"b\":{\"c\":1,\"c\":1}}]}".to_owned(),
            "/body/0/b/c",
            "duplicate_key",
        ),
        (
            format!("{{\"name\":\"{MARKER}\\u0000\"}}"),
            "/name",
            "nul_character",
        ),
        (
            format!("{{\"a\":{{\"{MARKER}\\u0000\":1}}}}"),
            "/a",
            "nul_character",
        ),
        ("{\"a\":\"\\ud800\"}".to_owned(), "/a", "lone_surrogate"),
        (
            "{\"a\":[\"\\udc00x\"]}".to_owned(),
            "/a/0",
            "lone_surrogate",
        ),
        ("{\"a\":1e400}".to_owned(), "/a", "number_out_of_range"),
        (
            "{\"body\":{\"a\":-1e400}}".to_owned(),
            "/body/a",
            "number_out_of_range",
        ),
    ];
    let mut all: Vec<_> = malformed
        .into_iter()
        .map(|bytes| (bytes.to_vec(), 400, "malformed_json", None))
        .collect();
    all.extend(refused.into_iter().map(|(text, pointer, code)| {
        (
            text.into_bytes(),
            422,
            "invalid_input",
            Some((pointer.to_owned(), code)),
        )
    }));
    all.push((
        nested.into_bytes(),
        422,
        "invalid_input",
        Some((format!("/a{}", "/0".repeat(63)), "too_deep")),
    ));
    for whole in ["null", "7", "\"x\"", "true", "[]"] {
        all.push((
            whole.into(),
            422,
            "invalid_input",
            Some((String::new(), "wrong_type")),
        ));
    }
    all.push((
        b"{\"zq\":1}".to_vec(),
        422,
        "invalid_input",
        Some(("/zq".to_owned(), "unknown_field")),
    ));
    all
}

/// Whether a path is one that a pattern takes.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) =
        (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern
            .iter()
            .zip(&path)
            .all(|(part, own)| part.starts_with('{') || part == own)
}

/// The answers to every wrong document by every operation that takes a body.
fn answers(app: &TestApp) -> Vec<Value> {
    let samples = Samples::make(&app.admin);
    settle(app);
    let before = dump(app, None);
    let mut answers = Vec::new();
    for operation in routes::of_v1(app)
        .iter()
        .filter(|operation| operation.takes_json())
    {
        for (document, status, code, error) in documents() {
            let may_be_left_out = [
                "restore_trash_entry",
                "replay_webhook",
                "create_reentry_session",
                "create_access_token",
            ];
            if document.is_empty() && may_be_left_out.contains(&operation.id.as_str()) {
                continue;
            }
            let reply = send(
                app,
                &operation.method,
                &samples.path(operation),
                &[JSON_TYPE],
                &document,
            );
            let problem = reply.problem(status, code);
            if let Some((pointer, code)) = error {
                assert_eq!(
                    reply.field_errors(),
                    [(pointer, code.to_owned())],
                    "{reply:#?}"
                );
            }
            answers.push(json!([operation.id, redact(problem)]));
        }
    }
    assert_eq!(dump(app, None), before);
    answers
}

#[test]
fn a_wrong_document_gets_the_same_answer_from_every_operation_on_both_databases() {
    let (sqlite, postgres) = (
        answers(&TestApp::start(Backend::Sqlite)),
        answers(&TestApp::start(Backend::Postgres)),
    );
    assert!(sqlite.len() > 300, "{}", sqlite.len());
    for (one, other) in sqlite.iter().zip(&postgres) {
        assert_eq!(one, other);
    }
}

on_both! {
    fn what_reaches_a_limit_is_taken_whole(app: &TestApp) {
        let mut body = postgres_connection("x");
        body["name"] = "\u{1f600}".repeat(255).into();
        body["external_id"] = "\u{1f600}".repeat(255).into();
        body["tags"] = (0..50).map(|n| (format!("{n:064}"), Value::from("v".repeat(255)))).collect();
        body["secrets"]["password"] = "p".repeat(16_000).into();
        let made = app.admin.post("/v1/connections", &body).sound().ok(201);
        assert_eq!((&made["name"], &made["external_id"], &made["tags"]), (&body["name"], &body["external_id"], &body["tags"]));
        let path = format!("/v1/connections/{}", made["id"].as_str().unwrap());
        assert_eq!(app.admin.get(&format!("{path}/secrets")).ok(200)["secrets"], body["secrets"]);

        let filler = json!({"x": "y".repeat(256 * 1024 - 8)});
        let nested = format!("{}{}", "[".repeat(62), "]".repeat(62));
        for (number, kept) in [filler.to_string(), nested, "{\"n\":0.1000 ,\"big\":123456789012345678901234567890}".to_owned()].into_iter().enumerate() {
            let content = app.admin.send("POST", &format!("{path}/content"), Some(format!("{{\"name\":\"{number}\",\"body\":{kept}}}")));
            let id = content.sound().text_of("id");
            let read = app.admin.get(&format!("/v1/content/{id}"));
            assert!(read.text.contains(&format!("\"body\":{kept}")), "{}: not byte for byte", read.request);
        }
        let items: Vec<Value> = (0..1_000).map(|n| json!({"name": format!("n{n}"), "kind": "k".repeat(64)})).collect();
        let batch = app.admin.post(&format!("{path}/content/batch"), &json!({ "items": items })).sound().ok(201);
        assert_eq!(batch["data"].as_array().unwrap().len(), 1_000);
        let reason = "é\n".repeat(500);
        let entry = app.admin.delete(&format!("{path}?reason={}", segment(&reason))).sound().ok(200);
        assert_eq!(entry["reason"], reason);
    }

    fn metadata_and_bodies_cannot_grow_past_their_limit_by_patches(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        app.admin.patch(&path, &json!({"metadata": {"a": "x".repeat(40_000)}})).sound().ok(200);
        let refused = app.admin.patch(&path, &json!({"metadata": {"b": "x".repeat(40_000)}})).sound();
        refused.problem(422, "invalid_input");
        assert_eq!(refused.field_errors(), [("/metadata".to_owned(), "too_long".to_owned())]);
        let tags: Value = (0..49).map(|n| (format!("k{n}"), Value::from("v"))).collect();
        app.admin.patch(&path, &json!({ "tags": tags })).sound().ok(200);
        assert_eq!(app.admin.patch(&path, &json!({"tags": {"one": "more"}})).sound().field_errors(), [("/tags".to_owned(), "too_many_tags".to_owned())]);
        app.admin.patch(&path, &json!({"tags": {"one": "more", "k0": null}})).sound().ok(200);
    }

    fn a_body_of_another_type_is_refused_unread(app: &TestApp) {
        for (headers, method) in [
            (vec![], "POST"),
            (vec![("Content-Type", &b"text/plain"[..])], "POST"),
            (vec![("Content-Type", b"application/x-www-form-urlencoded")], "POST"),
            (vec![("Content-Type", b"application/jsonx")], "POST"),
            (vec![("Content-Type", b"application/merge-patch+json")], "POST"),
            (vec![("Content-Type", b"\xff")], "POST"),
            (vec![JSON_TYPE, ("Content-Encoding", b"gzip")], "POST"),
            (vec![JSON_TYPE, ("Content-Encoding", b"identity, br")], "POST"),
        ] {
            send(app, method, "/v1/connections", &headers, MARKER.as_bytes()).problem(415, "unsupported_media_type");
        }
        let body = postgres_connection("x").to_string();
        for (name, content_type) in [("a", "application/json; charset=utf-8"), ("b", "Application/JSON")] {
            let body = body.replace("\"x\"", &format!("\"{name}\"")).replace("ext-x", name);
            send(app, "POST", "/v1/connections", &[("Content-Type", content_type.as_bytes()), ("Content-Encoding", b"identity")], body.as_bytes()).ok(201);
        }
    }

    fn a_body_beyond_its_limit_is_refused_announced_or_not(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        for (path, limit) in [
            ("/v1/connections".to_owned(), 64 * 1024),
            ("/v1/api-keys".to_owned(), 64 * 1024),
            (format!("/v1/connections/{id}/models"), 384 * 1024),
            (format!("/v1/connections/{id}/content"), 384 * 1024),
            (format!("/v1/connections/{id}/models/batch"), 8 * 1024 * 1024),
            (format!("/v1/connections/{id}/content/batch"), 8 * 1024 * 1024),
        ] {
            let announced = head("POST", &path, app.admin.key(), &[JSON_TYPE, ("Content-Length", (limit + 1).to_string().as_bytes())]);
            let reply = exchange(app.address(), &[&announced]).sound();
            reply.problem(413, "body_too_large");
            assert!(reply.text.contains(&limit.to_string()), "{reply:#?}");
            assert_eq!(reply.header("connection"), Some("close"), "{reply:#?}");

            let chunked = head("POST", &path, app.admin.key(), &[JSON_TYPE, ("Transfer-Encoding", b"chunked")]);
            let chunk = [format!("{:x}\r\n", limit + 1).into_bytes(), vec![b' '; limit + 1], b"\r\n0\r\n\r\n".to_vec()].concat();
            let reply = exchange(app.address(), &[&chunked, &chunk]).sound();
            reply.problem(413, "body_too_large");

            let full = [b"{".to_vec(), vec![b' '; limit - 2], b"}".to_vec()].concat();
            send(app, "POST", &path, &[JSON_TYPE], &full).problem(422, "invalid_input");
        }
    }

    fn a_body_that_does_not_arrive_is_given_up(app: &TestApp) {
        let began = Instant::now();
        for framing in [("Content-Length", &b"100"[..]), ("Transfer-Encoding", b"chunked")] {
            let slow = head("POST", "/v1/connections", app.admin.key(), &[JSON_TYPE, framing]);
            let reply = exchange(app.address(), &[&slow]).sound();
            reply.problem(408, "request_timeout");
            assert_eq!(reply.header("connection"), Some("close"), "{reply:#?}");
        }
        let waited = began.elapsed();
        assert!(waited >= 2 * app.config.body_timeout && waited < Duration::from_secs(20), "{waited:?}");
        app.admin.get("/v1/whoami").ok(200);
    }

    fn a_method_that_a_path_does_not_take_is_answered_with_those_it_does(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let operations = routes::all(app);
        for operation in &operations {
            let path = samples.path(operation);
            let allowed: BTreeSet<&str> = operations
                .iter()
                .filter(|other| fits(&other.path, &path))
                .map(|other| other.method.as_str())
                .collect();
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
                if allowed.contains(method) {
                    continue;
                }
                let reply = exchange(app.address(), &[&head(method, &path, app.admin.key(), &[])]).sound();
                reply.problem(405, "method_not_allowed");
                let listed: BTreeSet<&str> = reply.header("allow").unwrap().split(", ").collect();
                assert_eq!(listed, allowed, "{reply:#?}");
            }
        }
    }

    fn a_path_that_is_none_is_a_problem_document_too(app: &TestApp) {
        for path in ["/nothing", "/v1", "/v1/", "/v1/connections/", "/v1//connections", "/V1/connections", "/v1/trash/x/y/z", "/%2e%2e/x"] {
            exchange(app.address(), &[&head("GET", path, app.admin.key(), &[])]).sound().problem(404, "not_found");
        }
        for path in ["/v1/connections/%00", "/v1/connections/a%ffb", "/%c3%28", "/v1/models/%0a", "/v1/content/%c2%85", "/%ed%a0%80"] {
            for key in [app.admin.key(), ""] {
                exchange(app.address(), &[&head("GET", path, key, &[])]).sound().problem(400, "invalid_request");
            }
        }
        send(app, "GET", "/v1/connections?name=%ff", &[], b"").problem(400, "invalid_request");
    }

    fn an_id_that_can_be_none_is_as_unknown_as_any_other(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        for operation in routes::of_v1(app).iter().filter(|operation| operation.path.contains("{id}")) {
            let path = samples.path(operation);
            let real = path.split('/').nth(3).unwrap();
            let unknown = app.admin.send("GET", &path, None);
            for nonsense in [MARKER, "0", "-1", "null", &real.replace('-', ""), &format!("%7B{real}%7D"), "a%2Fb", "%F0%9F%98%80", &"x".repeat(2_000)] {
                let body = operation.about.get("requestBody").map(|_| match operation.id.as_str() {
                    "purge_trash_entry" => json!({"confirm": "x"}),
                    "patch_trash_entry" => json!({"purge_at": "2031-01-01T00:00:00Z"}),
                    "create_hold" => json!({"reason": "x"}),
                    "put_connection_secrets" => json!({"secrets": {}}),
                    "create_models" | "create_contents" => json!({"items": [{"name": "x"}]}),
                    "patch_organization" | "restore_trash_entry" | "patch_webhook" | "replay_webhook" | "create_reentry_session" | "create_access_token" => json!({}),
                    _ => json!({"name": "x"}),
                });
                let reply = app.admin.send(&operation.method, &path.replace(real, nonsense), body.map(|body| body.to_string())).sound();
                assert!(reply.problem(404, "not_found").get("errors").is_none(), "{unknown:#?}");
            }
        }
    }

    fn headers_that_are_no_headers_of_ours_are_refused(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        let marked = format!("\"{MARKER}\"");
        for etag in [MARKER, &marked, "1", "W/\"1\"", "\"1\", \"2\"", "\"1", "\"\"", ""] {
            for (method, body) in [("PATCH", "{}"), ("DELETE", "")] {
                send(app, method, &path, &[JSON_TYPE, ("If-Match", etag.as_bytes())], body.as_bytes()).problem(400, "invalid_request");
            }
        }
        let long = format!("{MARKER}{}", "x".repeat(246));
        for key in [&b""[..], long.as_bytes(), b"a b", b"\xc3\xa9", b"\xff", b"a\tb"] {
            for (method, path, body) in [("PATCH", path.as_str(), "{}"), ("DELETE", &path, ""), ("POST", "/v1/connections", "{}")] {
                let body = if method == "POST" { postgres_connection("new").to_string() } else { body.to_owned() };
                send(app, method, path, &[JSON_TYPE, ("Idempotency-Key", key)], body.as_bytes()).problem(400, "invalid_request");
            }
        }
        send(app, "PATCH", &path, &[JSON_TYPE, ("If-Match", b"*"), ("Idempotency-Key", &[b'k'; 255])], b"{}").ok(200);
    }
}
