//! Imports through the API: what arrives, who may send it, what is on record.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::*;

fn small() -> String {
    file(&lines(&[connection(1), model(2, 1), content(3, 1)]))
}

/// Sends a request byte for byte; the head and body of the answer.
fn raw(app: &TestApp, headers: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address()).unwrap();
    let head = format!(
        "POST /v1/import HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer {}\r\n{headers}\r\n",
        app.admin.key()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A service that has answered already may have closed its end.
    let _ = stream.write_all(body);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

on_both! {
    fn an_import_is_accepted_and_says_what_became_of_it(app: &TestApp) {
        let reply = send(&app.admin, "", &small());
        let accepted = reply.ok(202);
        let path = format!("/v1/imports/{}", accepted["id"].as_str().unwrap());
        assert_eq!(reply.header("location"), Some(path.as_str()));
        assert_eq!((&accepted["state"], &accepted["source"], &accepted["bytes"]), (&json!("waiting"), &json!("ndjson"), &json!(small().len())));
        let done = over(&app.admin, &accepted);
        assert_eq!((&done["state"], &done["rows_read"], &done["rows_total"]), (&json!("done"), &json!(3), &json!(3)));
        assert_eq!(done["report"]["counts"]["content"], 1);
        assert_eq!(done["report"]["needs_credentials"], 1);
        assert_eq!(done["problems"], json!([]));
        let mut sql = app.sql();
        for action in ["import.accepted", "import.done"] {
            assert_eq!(sql.count(&format!("audit_events WHERE action = '{action}'")), 1);
            assert_eq!(sql.count(&format!("audit_events WHERE announced AND action = '{action}'")), 1);
        }
        assert_eq!(std::fs::read_dir(app.data_dir().join("spool")).unwrap().count(), 0);
    }

    fn a_refused_file_is_on_record_with_what_is_wrong(app: &TestApp) {
        let text = file(&lines(&[connection(1), with(model(2, 1), "kind", "A B"), content(3, 9)]));
        assert_eq!(refused(&app.admin, "", &text), [(3, "/kind".to_owned(), "invalid_format".to_owned())]);
        assert_eq!(rows(app), [0; 10]);
        assert_eq!(app.sql().count("audit_events WHERE action = 'import.failed'"), 1);
    }

    fn a_validation_says_what_would_happen_and_writes_nothing(app: &TestApp) {
        let done = over(&app.admin, &send(&app.admin, "?validate_only=true", &small()).ok(202));
        assert_eq!((&done["state"], &done["validate_only"], &done["report"]["validate_only"]), (&json!("done"), &json!(true), &json!(true)));
        assert_eq!(done["report"]["counts"]["model"], 1);
        assert_eq!(rows(app), [0; 10]);
        import(&app.admin, &small());
        assert_eq!(refused(&app.admin, "?validate_only=true", &small())[0].2, "id_taken");
        send(&app.admin, "?validate_only=perhaps", &small()).problem(422, "invalid_input");
        // A refusal gives the organization's turn back.
        over(&app.admin, &send(&app.admin, "?validate_only=true", &file(&[])).ok(202));
    }

    fn the_same_request_imports_once(app: &TestApp) {
        let client = app.admin.with("idempotency-key", "one");
        let first = send(&client, "", &small()).ok(202);
        over(&app.admin, &first);
        let again = send(&client, "", &small());
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.header("location"), Some(format!("/v1/imports/{}", first["id"].as_str().unwrap()).as_str()));
        assert_eq!(again.ok(202), first);
        send(&client, "", &file(&[])).problem(422, "idempotency_key_reused");
        send(&client, "?validate_only=true", &small()).problem(422, "idempotency_key_reused");
        assert_eq!(app.sql().count("imports"), 1);
        assert_eq!(rows(app)[..3], [1, 1, 1]);
    }

    fn a_zip_of_superset_comes_the_same_way(app: &TestApp) {
        let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/data/superset-export.zip")).unwrap();
        let post = |query: &str, key: &str, bytes: &[u8]| {
            let head = format!(
                "POST /v1/import{query} HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
                 content-type: application/zip\r\ncontent-length: {}\r\n\r\n",
                bytes.len()
            );
            let mut stream = TcpStream::connect(app.address()).unwrap();
            stream.write_all(&[head.as_bytes(), bytes].concat()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            (head.to_owned(), serde_json::from_str::<Value>(body).unwrap())
        };
        let importer = app.client(&["data:import"]);
        let (head, problem) = post("", importer.key(), &bytes);
        assert!(head.starts_with("HTTP/1.1 403"), "{head}");
        assert_eq!(problem["scope"], "connections:write");

        let (_, accepted) = post("?validate_only=true", app.admin.key(), &bytes);
        let planned = over(&app.admin, &accepted);
        assert_eq!((&planned["state"], &planned["report"]["content_created"]), (&json!("done"), &json!(52)), "{planned:#}");
        assert_eq!(rows(app), [0; 10]);

        let key = app.client(&["data:import", "connections:write"]);
        let (_, accepted) = post("", key.key(), &bytes);
        let done = over(&key, &accepted);
        assert_eq!((&done["state"], &done["source"]), (&json!("done"), &json!("superset")), "{done:#}");
        assert_eq!((&done["report"]["connections_created"], &done["report"]["models_created"]), (&json!(1), &json!(11)));
        assert_eq!(rows(app)[..3], [1, 11, 52]);

        let (_, accepted) = post("", app.admin.key(), &bytes[..1_000]);
        let failed = over(&app.admin, &accepted);
        assert_eq!(failed["state"], "failed");
        assert!(failed["problems"][0].get("line").is_none() && failed["problems"][0]["detail"].is_string(), "{failed:#}");
    }

    fn a_body_of_another_type_or_size_is_refused(app: &TestApp) {
        for headers in ["", "content-type: application/json\r\n", "content-type: text/plain\r\n", "content-type: application/x-ndjson\r\ncontent-encoding: gzip\r\n"] {
            let answer = raw(app, &format!("{headers}content-length: 2\r\n"), b"{}");
            assert!(answer.starts_with("HTTP/1.1 415") && answer.contains("unsupported_media_type"), "{headers}: {answer}");
        }
        let limit = app.config.max_import_bytes;
        let announced = raw(app, &format!("content-type: application/x-ndjson\r\ncontent-length: {}\r\n", limit + 1), b"");
        assert!(announced.starts_with("HTTP/1.1 413") && announced.contains(&limit.to_string()), "{announced}");
        let silent = raw(app, "content-type: application/x-ndjson\r\ncontent-length: 100\r\n", b"{");
        assert!(silent.starts_with("HTTP/1.1 408"), "{silent}");
        assert_eq!(app.sql().count("imports"), 0);
        import(&app.admin, &small());
    }

    fn rows_go_to_the_organization_of_the_key_whatever_the_file_says(app: &TestApp) {
        let north = app.other_organization("north");
        app.sample_connection("warehouse");
        let exported = export(&app.admin);
        let done = import(&north, &exported);
        let listed = north.get("/v1/connections").ok(200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        assert_eq!(app.admin.get("/v1/connections").ok(200)["data"].as_array().unwrap().len(), 1);
        app.admin.get(&format!("/v1/imports/{}", done["id"].as_str().unwrap())).problem(404, "not_found");
    }
}

#[test]
fn a_body_beyond_the_limit_is_refused_though_nobody_announced_it() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.max_import_bytes = 300_000);
    let piece = [
        format!("{:x}\r\n", 300_001).into_bytes(),
        vec![b' '; 300_001],
        b"\r\n0\r\n\r\n".to_vec(),
    ]
    .concat();
    let answer = raw(
        &app,
        "content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n",
        &piece,
    );
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("300000"),
        "{answer}"
    );
}
