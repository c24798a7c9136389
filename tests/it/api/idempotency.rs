//! One Idempotency-Key, one effect, however often and however concurrently the request comes.

use std::sync::Barrier;

use serde_json::Value;

use super::kit::*;
use super::routes::Samples;
use crate::support::*;

/// Rows that a change leaves: with a replay there are no more of them.
fn traces(app: &TestApp) -> usize {
    let all = dump(app, None);
    all["audit_events"].len()
}

/// Sends a request twice with one key: the second answer is the first one again, and nothing happened.
#[track_caller]
fn replays(app: &TestApp, client: &Client, method: &str, path: &str, body: Option<Value>) -> Reply {
    let client = client.with("idempotency-key", &unknown_id());
    let body = body.map(|body| body.to_string());
    let first = client.send(method, path, body.clone()).sound();
    assert!(matches!(first.status, 200 | 201), "{first:#?}");
    assert_eq!(first.header("idempotency-replayed"), None);
    settle(app);
    let before = dump(app, None);
    let second = client.send(method, path, body).sound();
    assert_eq!(
        second.header("idempotency-replayed"),
        Some("true"),
        "{second:#?}"
    );
    assert_eq!((second.status, &second.text), (first.status, &first.text));
    for header in ["etag", "location", "content-type"] {
        assert_eq!(second.header(header), first.header(header), "{header}");
    }
    assert_eq!(
        dump(app, None),
        before,
        "{method} {path} had a second effect"
    );
    first
}

on_both! {
    fn fifty_identical_requests_at_once_have_one_effect(app: &TestApp) {
        let body = postgres_connection("once");
        let barrier = Barrier::new(50);
        let replies: Vec<Reply> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..50)
                .map(|_| {
                    let client = app.admin.with("idempotency-key", "fifty");
                    let (barrier, body) = (&barrier, &body);
                    scope.spawn(move || {
                        barrier.wait();
                        client.post("/v1/connections", body)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap().sound()).collect()
        });
        let done: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 201).collect();
        let fresh = done.iter().filter(|reply| reply.header("idempotency-replayed").is_none()).count();
        assert_eq!(fresh, 1, "{done:#?}");
        for reply in &replies {
            if reply.status == 201 {
                assert_eq!(reply.text, done[0].text);
            } else {
                reply.problem(409, "request_in_progress");
                assert_eq!(reply.header("retry-after"), Some("1"));
            }
        }
        let rows = app.admin.get("/v1/connections").ok(200)["data"].clone();
        assert_eq!(rows, json!([done[0].json()]));
        let created = lines(app, "SELECT action AS line FROM audit_events WHERE action = 'connection.created'");
        assert_eq!(created.len(), 1);
        let later = app.admin.with("idempotency-key", "fifty").post("/v1/connections", &body);
        assert_eq!((later.status, &later.text), (201, &done[0].text));
        assert_eq!(later.header("idempotency-replayed"), Some("true"));
    }

    fn every_kind_of_write_is_replayed_and_done_once(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let connection = format!("/v1/connections/{}", samples.connection);
        let (model, content) = (format!("/v1/models/{}", samples.model), format!("/v1/content/{}", samples.content));
        let settings = json!({"host": "db.example.com", "database": "sales", "username": "bi"});
        let writes = [
            ("POST", "/v1/connections".to_owned(), Some(postgres_connection("new"))),
            ("PUT", "/v1/integrations/postgres/connections/up".to_owned(), Some(json!({"connector": "postgres", "settings": settings}))),
            ("PATCH", connection.clone(), Some(json!({"name": "renamed", "secrets": {"password": "other"}}))),
            ("PUT", format!("{connection}/secrets"), Some(json!({"secrets": {"password": "third"}}))),
            ("POST", format!("{connection}/models"), Some(json!({"name": "m"}))),
            ("POST", format!("{connection}/models/batch"), Some(json!({"items": [{"name": "a"}, {"name": "b"}]}))),
            ("PUT", format!("{connection}/models/m-9"), Some(json!({"name": "m9"}))),
            ("PATCH", model.clone(), Some(json!({"name": "renamed"}))),
            ("POST", format!("{connection}/content"), Some(json!({"name": "c"}))),
            ("POST", format!("{connection}/content/batch"), Some(json!({"items": [{"name": "a"}]}))),
            ("PUT", format!("{connection}/content/c-9"), Some(json!({"name": "c9"}))),
            ("PATCH", content.clone(), Some(json!({"body": {"a": 1}, "links": [{"external_id": "c-9"}]}))),
            ("DELETE", content, None),
            ("DELETE", model, None),
            ("POST", format!("/v1/trash/{}/restore", samples.entry), Some(json!({}))),
            ("DELETE", format!("/v1/api-keys/{}", samples.key), None),
            ("PATCH", format!("/v1/organizations/{}", samples.organization), Some(json!({"display_name": "D"}))),
        ];
        for (method, path, body) in writes {
            let before = traces(app);
            replays(app, &app.admin, method, &path, body);
            let after = traces(app);
            assert!(after > before, "{method} {path} left no trace");
        }
        let entry = replays(app, &app.admin, "DELETE", &format!("{connection}?reason=done"), None).text_of("id");
        app.admin.get(&connection).problem(410, "in_trash");
        replays(app, &app.admin, "POST", &format!("/v1/trash/{entry}/purge"), Some(json!({"confirm": "renamed"})));
        assert_eq!(app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["state"], "purged");
    }

    fn a_key_is_bound_to_its_request(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let path = format!("/v1/connections/{}", samples.connection);
        let client = app.admin.with("idempotency-key", "bound").with("if-match", "\"1\"");
        client.patch(&path, &json!({"name": "renamed"})).sound().ok(200);
        let before = traces(app);
        let others = [
            client.patch(&path, &json!({"name": "other"})),
            client.send("PATCH", &path, Some("{\"name\": \"renamed\"}".to_owned())),
            client.patch(&format!("/v1/models/{}", samples.model), &json!({"name": "renamed"})),
            client.put(&format!("{path}/secrets"), &json!({"secrets": {}})),
            client.delete(&path),
            app.admin.with("idempotency-key", "bound").patch(&path, &json!({"name": "renamed"})),
            app.admin.with("idempotency-key", "bound").with("if-match", "\"2\"").patch(&path, &json!({"name": "renamed"})),
        ];
        for reply in others {
            reply.sound().problem(422, "idempotency_key_reused");
        }
        assert_eq!(traces(app), before);
        let deletion = app.admin.with("idempotency-key", "deletion");
        deletion.delete(&format!("{path}?reason=a")).sound().ok(200);
        deletion.delete(&format!("{path}?reason=b")).sound().problem(422, "idempotency_key_reused");
        assert_eq!(client.patch(&path, &json!({"name": "renamed"})).sound().header("idempotency-replayed"), Some("true"));
    }

    fn two_callers_never_meet_in_one_key(app: &TestApp) {
        let (one, other) = (app.client(&["connections:write"]), app.client(&["connections:write"]));
        let body = |name: &str| {
            let mut body = postgres_connection(name);
            body.as_object_mut().unwrap().remove("secrets");
            body
        };
        let first = one.with("idempotency-key", "same").post("/v1/connections", &body("a")).sound().ok(201);
        let taken = other.with("idempotency-key", "same").post("/v1/connections", &body("a")).sound();
        taken.problem(409, "external_id_taken");
        let second = other.with("idempotency-key", "same").post("/v1/connections", &body("b")).sound();
        assert_ne!(second.ok(201)["id"], first["id"]);
        assert_eq!(second.header("idempotency-replayed"), None);
    }

    fn a_refusal_is_not_remembered(app: &TestApp) {
        let id = app.sample_connection("taken");
        let mut body = postgres_connection("taken");
        body["external_id"] = "another".into();
        let client = app.admin.with("idempotency-key", "again");
        client.post("/v1/connections", &body).sound().problem(409, "name_taken");
        client.post("/v1/connections", &json!({"nmae": 1})).sound().problem(422, "invalid_input");
        assert!(lines(app, "SELECT key AS line FROM idempotency_keys").is_empty());
        app.delete_connection(&id);
        let made = client.post("/v1/connections", &body).sound();
        made.ok(201);
        assert_eq!(made.header("idempotency-replayed"), None);
        assert_eq!(client.post("/v1/connections", &body).sound().header("idempotency-replayed"), Some("true"));
    }

    fn what_is_only_looked_at_is_not_remembered(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let client = app.admin.with("idempotency-key", "look");
        let path = format!("/v1/connections/{id}");
        client.delete(&format!("{path}?validate_only=true")).sound().ok(200);
        client.delete(&path).sound().ok(200);
        client.delete(&path).sound().ok(200);
        app.admin.get(&path).problem(410, "in_trash");
    }

    fn a_secret_that_is_shown_once_is_stored_nowhere(app: &TestApp) {
        for (path, body, key_of) in [
            ("/v1/api-keys", json!({"name": "k", "scopes": ["trash:read"]}), "/key"),
            ("/v1/organizations", json!({"name": "north"}), "/admin_key/key"),
        ] {
            let client = app.admin.with("idempotency-key", path);
            let made = client.post(path, &body).sound();
            let key = made.ok(201).pointer(key_of).unwrap().as_str().unwrap().to_owned();
            assert_eq!(made.header("connection"), Some("close"));
            let again = client.post(path, &body).sound();
            assert_eq!(again.problem(409, "secret_already_shown")["location"], made.header("location").unwrap());
            let secret = key.rsplit('_').next().unwrap();
            for (table, rows) in dump(app, None) {
                assert!(rows.iter().all(|row| !row.contains(secret)), "{table} holds the secret of a key");
            }
            Client::new(app.address(), &key).get("/v1/whoami").ok(200);
        }
        let keys = app.admin.get("/v1/api-keys").ok(200)["data"].as_array().unwrap().clone();
        assert_eq!(keys.iter().filter(|key| key["name"] == "k").count(), 1);
    }

    fn no_value_of_a_secret_is_kept_for_a_replay(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}/secrets");
        replays(app, &app.admin, "PUT", &path, Some(json!({"secrets": {"password": "canary in a replay"}})));
        for (table, rows) in dump(app, None) {
            assert!(rows.iter().all(|row| !row.contains("canary")), "{table} holds the secret");
        }
    }

    fn an_answer_is_forgotten_after_its_day(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}/models");
        let client = app.admin.with("idempotency-key", "day");
        let first = client.post(&path, &json!({"name": "m"})).sound().ok(201);
        let kept = if app.backend == Backend::Sqlite { "julianday(expires_at) - julianday(created_at)" } else { "EXTRACT(EPOCH FROM expires_at - created_at) / 86400" };
        assert_eq!(lines(app, &format!("SELECT CAST(ROUND({kept}) AS text) AS line FROM idempotency_keys")).concat().trim_end_matches(".0"), "1");
        run_sql(app, "UPDATE idempotency_keys SET expires_at = '2020-01-01T00:00:00.000000Z'");
        let second = client.post(&path, &json!({"name": "other"})).sound();
        assert_ne!(second.ok(201)["id"], first["id"]);
        assert_eq!(client.post(&path, &json!({"name": "other"})).sound().text, second.text);
        run_sql(app, "UPDATE idempotency_keys SET expires_at = '2020-01-01T00:00:00.000000Z'");
        reprieve::jobs::housekeeping::round(&app.services);
        assert!(lines(app, "SELECT key AS line FROM idempotency_keys").is_empty());
    }

    fn a_revoked_key_gets_no_replay(app: &TestApp) {
        let client = app.client(&["*"]).with("idempotency-key", "mine");
        client.post("/v1/connections", &postgres_connection("x")).sound().ok(201);
        let own = client.get("/v1/whoami").ok(200)["key_id"].clone();
        app.admin.delete(&format!("/v1/api-keys/{}", own.as_str().unwrap())).ok(200);
        client.post("/v1/connections", &postgres_connection("x")).sound().problem(401, "unauthenticated");
    }
}
