//! Edge case 13: after a delete the secret is in no table, answer, stored answer, audit record, event or log line.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::database::{dump, hex, records};
use serde_json::Value;

use crate::support::*;

/// A text that stands nowhere else, in every form that something could have brought it into.
pub(super) struct Canary {
    stem: String,
    forms: BTreeSet<String>,
}

impl Canary {
    pub(super) fn new() -> Self {
        let stem = format!("cAnArY{}", uuid::Uuid::new_v4().simple());
        let mut forms = BTreeSet::from([
            stem.clone(),
            hex(stem.as_bytes()),
            hex(stem.as_bytes()).to_uppercase(),
        ]);
        let digits = hex(stem.as_bytes()).to_uppercase().into_bytes();
        forms.insert(
            digits
                .chunks(2)
                .map(|pair| format!("%{}", String::from_utf8_lossy(pair)))
                .collect::<Vec<_>>()
                .concat(),
        );
        forms.insert(
            stem.bytes()
                .map(|byte| byte.to_string())
                .collect::<Vec<_>>()
                .join(", "),
        );
        // What stands before it shifts the digits of Base64; the first and last mix with their neighbours.
        for shift in 0..3_usize {
            let shifted = format!("{}{stem}", " ".repeat(shift));
            for text in [
                STANDARD_NO_PAD.encode(&shifted),
                URL_SAFE_NO_PAD.encode(&shifted),
            ] {
                forms.insert(text.get(shift + 1..text.len() - 3).unwrap().to_owned());
            }
        }
        Self { stem, forms }
    }

    /// One secret of many: with characters that JSON and URLs write differently.
    pub(super) fn secret(&self, number: u32) -> String {
        format!("{}-{number}/+ \"\u{fc}\\?&", self.stem)
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form))
    }

    #[track_caller]
    pub(super) fn must_not_be_in(&self, place: &str, text: &str) {
        for form in &self.forms {
            if let Some(at) = text.find(form.as_str()) {
                let from = text.floor_char_boundary(at.saturating_sub(300));
                panic!(
                    "{place} holds the secret: {}",
                    text.get(from..at + form.len()).unwrap()
                );
            }
        }
    }
}

#[test]
fn the_canary_is_found_in_every_form() {
    let canary = Canary::new();
    let secret = canary.secret(1);
    for shift in 0..3 {
        let text = format!("{}{secret}", "x".repeat(shift));
        assert!(
            canary.is_in(&STANDARD_NO_PAD.encode(&text))
                && canary.is_in(&URL_SAFE_NO_PAD.encode(&text)),
            "{shift}"
        );
    }
    assert!(canary.is_in(&json!({ "a": secret }).to_string()));
    assert!(canary.is_in(&format!("{:?}", secret.as_bytes())));
    assert!(canary.is_in(&hex(secret.as_bytes())));
    assert!(!canary.is_in("cAnArY"));
}

/// Requests that carry a secret and are refused: what, the status, the request.
fn refused(app: &TestApp, id: &str, canary: &Canary) -> Vec<Reply> {
    let secret = canary.secret(90);
    let connection = format!("/v1/connections/{id}");
    let path = format!("{connection}/secrets");
    let put = |secrets: Value| {
        app.admin
            .with("idempotency-key", "refused")
            .put(&path, &json!({ "secrets": secrets }))
    };
    let with = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut body = postgres_connection(name);
        body["secrets"]["password"] = json!(secret);
        change(&mut body);
        app.admin
            .with("idempotency-key", "refused too")
            .post("/v1/connections", &body)
    };
    let text = |body: String| app.admin.send("PUT", &path, Some(body));
    let whole = json!({"secrets": {"password": secret}}).to_string();
    let reader = app.client(&["connections:read", "secrets:read"]);
    let stranger = app.other_organization("canary-watchers");
    vec![
        with("beside", &|body| body["settings"]["port"] = json!(0)),
        with("beside", &|body| body["colour"] = json!("red")),
        with("canary", &|_| {}),
        with("in settings", &|body| {
            body["settings"]["password"] = json!(secret);
        }),
        with("in a setting", &|body| {
            body["settings"]["tls"] = json!(secret);
        }),
        with("in a url", &|body| {
            body["settings"]["database"] = json!(format!("postgres://me:{}@db", canary.stem));
        }),
        with("as integer", &|body| {
            body["settings"]["port"] = json!(secret);
        }),
        with("as tags", &|body| body["tags"] = json!(secret)),
        with("as a word", &|body| body["on_trashed"] = json!(secret)),
        put(json!({"password": [secret]})),
        put(json!({"password": {"value": secret}})),
        put(json!({"password": secret.repeat(400)})),
        put(json!({"password": format!("{secret}\0")})),
        put(json!({"password": secret, "nonsense": secret})),
        put(json!(secret)),
        put(json!([secret])),
        text(json!(secret).to_string()),
        text(whole.replace('}', "")),
        text(format!("{whole} {whole}")),
        text(whole.replacen(
            '{',
            &format!("{{\"secrets\": {{\"password\": {}}}, ", json!(secret)),
            1,
        )),
        text(json!({"secrets": {"password": secret}, "more": "x".repeat(70_000)}).to_string()),
        app.admin
            .with("content-type", "text/plain")
            .send("PUT", &path, Some(whole.clone())),
        app.admin
            .with("if-match", "\"9999\"")
            .send("PUT", &path, Some(whole.clone())),
        app.admin.with("idempotency-key", "created").post(
            "/v1/connections",
            &json!({"name": "x", "connector": "postgres", "secrets": {"password": secret}}),
        ),
        app.admin.patch(
            &connection,
            &json!({"settings": {"port": "x"}, "secrets": {"password": secret}}),
        ),
        app.admin.patch(
            &connection,
            &json!({"settings": {"host": "other.example"}, "secrets": {"extra": secret}}),
        ),
        reader.send("PUT", &path, Some(whole.clone())),
        stranger.send("PUT", &path, Some(whole.clone())),
        app.stranger().send("PUT", &path, Some(whole.clone())),
        app.admin.send(
            "PUT",
            "/v1/connections/01890000-0000-7000-8000-000000000000/secrets",
            Some(whole.clone()),
        ),
        app.admin.send("PUT", &connection, Some(whole)),
        app.admin.post(
            &format!("{connection}/access-tokens"),
            &json!({"token": secret}),
        ),
        app.admin.post(
            &format!("{connection}/access-tokens"),
            &json!({"token": format!("rpv_{}", canary.stem)}),
        ),
        app.stranger()
            .with("x-trackstar-api-key", app.admin.key())
            .with("x-trackstar-access-token", &format!("{}x", canary.stem))
            .delete("/connections"),
        app.stranger()
            .with("x-trackstar-api-key", app.admin.key())
            .post("/link/exchange", &json!({"auth_code": canary.stem})),
    ]
}

/// An import that is refused, with a secret where none may be; its id.
fn refused_import(app: &TestApp, secret: &str) -> String {
    let lines = [
        json!({"type": "reprieve", "format": 1, "organization": secret}),
        json!({"type": "connection", "settings": {"password": secret}, "secrets": {"password": secret}}),
    ];
    let text = format!("{}\n{}\n", lines[0], lines[1]);
    let import = app
        .admin
        .with("content-type", "application/x-ndjson")
        .send("POST", "/v1/import", Some(text))
        .ok(202);
    let id = import["id"].as_str().unwrap().to_owned();
    TestApp::wait_for("the import", || {
        app.admin.get(&format!("/v1/imports/{id}")).ok(200)["state"] == "failed"
    });
    id
}

/// Every GET of the API description for the things of one deletion, with every filter that widens it.
fn every_get(app: &TestApp, connection: &str, entry: &str, import: &str) -> Vec<Reply> {
    let first = |kind: &str| {
        app.admin
            .get(&format!("/v1/trash/{entry}/items?kind={kind}"))
            .json()["data"][0]["id"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    };
    let (model, content) = (first("model"), first("content"));
    let key = app.admin.get("/v1/whoami").ok(200)["key_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let org = app.org.to_string();
    let webhook = app.admin.get("/v1/webhooks").ok(200)["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let document = app.admin.get("/openapi.json").ok(200);
    let mut replies = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        if item.get("get").is_none() {
            continue;
        }
        let segments: Vec<&str> = path.split('/').collect();
        let filled: Vec<&str> = segments
            .iter()
            .enumerate()
            .map(|(index, segment)| {
                if !segment.starts_with('{') {
                    return *segment;
                }
                match segments[index - 1] {
                    "integrations" => "canary-crm",
                    "connections" => connection,
                    "imports" => import,
                    "models" => &model,
                    "content" => &content,
                    "trash" | "receipts" => entry,
                    "api-keys" => &key,
                    "organizations" => &org,
                    "webhooks" => &webhook,
                    other => panic!("say what {path} takes after {other}"),
                }
            })
            .collect();
        if filled.contains(&"none") {
            continue;
        }
        let path = filled.join("/");
        let found: Vec<Reply> = [
            "",
            "?state=any",
            "?kind=connection",
            "?kind=model",
            "?kind=content",
            "?page_size=200",
        ]
        .iter()
        .map(|query| app.admin.get(&format!("{path}{query}")))
        .collect();
        assert!(found.iter().all(|reply| reply.status < 500), "{found:#?}");
        assert!(
            found
                .iter()
                .any(|reply| matches!(reply.status, 200 | 409 | 410)),
            "nothing to look at: {found:#?}"
        );
        replies.extend(found);
    }
    assert!(replies.iter().filter(|reply| reply.status == 200).count() >= 15);
    replies
}

on_both! {
    fn edge_case_13_after_a_delete_the_secret_is_nowhere(app: &TestApp) {
        let log = log::record();
        let canary = Canary::new();
        // It is told of everything that happens here; nobody answers there.
        app.admin.post("/v1/webhooks", &json!({"url": "http://127.0.0.1:9/"})).ok(201);
        let id = app.sample_connection("canary");
        let connection = format!("/v1/connections/{id}");
        let path = format!("{connection}/secrets");
        let upsert = "/v1/integrations/postgres/connections/ext-canary";
        let mut created = postgres_connection("canary two");
        created["secrets"] = json!({"password": canary.secret(1), "extra": canary.secret(2)});
        let mut changed = postgres_connection("canary");
        changed["secrets"] = json!({"password": canary.secret(6), "extra": canary.secret(7)});
        let writes: Vec<(&str, &str, String, Value)> = vec![
            ("created", "POST", "/v1/connections".to_owned(), created),
            ("put", "PUT", path.clone(), json!({"secrets": {"password": canary.secret(3), "extra": canary.secret(4)}, "source_hints": {"password": "vault:canary-hint"}})),
            ("patched", "PATCH", connection.clone(), json!({"settings": {"host": "new.example.com"}, "secrets": {"password": canary.secret(5)}})),
            ("upserted", "PUT", upsert.to_owned(), changed),
        ];
        let mut replies = Vec::new();
        for (key, method, path, body) in &writes {
            let reply = app.admin.with("idempotency-key", key).send(method, path, Some(body.to_string()));
            assert!(matches!(reply.status, 200 | 201), "{reply:#?}");
            replies.push(reply);
        }
        let tokens = format!("{connection}/access-tokens");
        let registered = app.admin.with("idempotency-key", "a-token").post(&tokens, &json!({"token": canary.stem}));
        registered.ok(201);
        replies.push(registered);
        let second = replies[0].json()["id"].as_str().unwrap().to_owned();
        let failures = refused(app, &id, &canary);
        for failure in &failures {
            assert!((400..500).contains(&failure.status), "{failure:#?}");
        }
        replies.extend(failures);

        let read = app.admin.get(&path).ok(200);
        assert_eq!(read["secrets"], json!({"password": canary.secret(6), "extra": canary.secret(7)}));
        assert!(canary.is_in(&read.to_string()), "the search finds what is there");
        let mut records = records(app);
        records.retain(|(_, field), _| field != "signing_secret");
        assert_eq!(records.len(), 4);
        let before = dump(app);
        for record in records.values() {
            assert!(before["secret_slots"].contains(&hex(record)), "the records are in the table as long as they live");
        }
        assert!(before["secrets"].contains("vault:canary-hint"));
        canary.must_not_be_in("the table of access tokens", &before["access_tokens"]);

        let entry = app.admin.with("idempotency-key", "deleted").delete(&connection).ok(200);
        let entry = entry["id"].as_str().unwrap().to_owned();
        let other = app.delete_connection(&second);
        let crm = json!({"key": "canary-crm", "connector": "oauth2", "secrets": {"client_secret": canary.secret(8)}});
        let member = json!({"name": "member", "connector": "oauth2", "integration": "canary-crm", "secrets": {"access_token": canary.secret(9)}});
        for (path, body) in [("/v1/integrations", crm), ("/v1/connections", member)] {
            let reply = app.admin.with("idempotency-key", path).post(path, &body);
            assert_eq!(reply.status, 201, "{reply:#?}");
            replies.push(reply);
        }
        replies.push(app.admin.delete("/v1/integrations/canary-crm"));
        let import = refused_import(app, &canary.secret(10));

        for (key, method, path, body) in &writes {
            let reply = app.admin.with("idempotency-key", key).send(method, path, Some(body.to_string()));
            assert_eq!(reply.header("idempotency-replayed"), Some("true"), "{reply:#?}");
            replies.push(reply);
        }
        replies.push(app.admin.with("idempotency-key", "deleted").delete(&connection));
        replies.push(app.admin.delete(&connection));
        replies.extend(every_get(app, &id, &entry, &import));
        replies.extend(every_get(app, &second, &other, &import));
        let look = |when: &str| {
            for (table, content) in dump(app) {
                canary.must_not_be_in(&format!("{when}, the table {table}"), &content);
                for record in records.values() {
                    assert!(!content.contains(&hex(record)), "{when}, {table} holds a shredded record");
                }
            }
        };
        look("after the delete");

        replies.push(app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})));
        replies.push(app.admin.get(&path));
        replies.push(app.admin.get(&connection));
        look("after the restore");
        for reply in &replies {
            canary.must_not_be_in("an answer", &format!("{:?} {}", reply.headers, reply.text));
        }

        let log = log.text();
        for reply in &replies {
            let id = reply.header("x-request-id").expect("every answer has its request's id");
            assert!(log.contains(id), "the log has no line for {}", reply.request);
        }
        canary.must_not_be_in("the log", &log);
    }
}
