//! Organizations are sealed off from each other: a foreign id answers as an unknown one, on every route.

use serde_json::Value;

use super::kit::*;
use super::routes::{self, Operation, Samples};
use crate::support::*;

/// Two organizations with the same names and external ids.
struct Two {
    north: Client,
    ours: Samples,
    south: Client,
    theirs: Samples,
}

impl Two {
    fn make(app: &TestApp) -> Self {
        let (north, south) = (
            app.other_organization("north"),
            app.other_organization("south"),
        );
        let (ours, theirs) = (Samples::make(&north), Samples::make(&south));
        settle(app);
        Self {
            north,
            ours,
            south,
            theirs,
        }
    }
}

/// Whether the path names a row by its id, or an integration by its key; an upsert names what need not be there.
fn names_a_row(path: &str) -> bool {
    path.contains("{id}") || (path.contains("{key}") && !path.contains("{external_id}"))
}

type Body = fn(&Samples) -> Value;
type Call = fn(&Client, &Operation, &Samples) -> Reply;

/// A call that would change something, were the row there.
fn harmful(client: &Client, operation: &Operation, samples: &Samples) -> Reply {
    let settings = json!({"host": "db.example.com", "database": "sales", "username": "bi"});
    let body = operation
        .about
        .get("requestBody")
        .map(|_| match operation.id.as_str() {
            "create_connection" => {
                json!({"name": "new", "connector": "postgres", "settings": settings})
            }
            "upsert_connection" => {
                json!({"name": "renamed", "connector": "postgres", "settings": settings})
            }
            "create_integration" => json!({"key": "new", "connector": "postgres"}),
            "put_connection_secrets" | "put_integration_secrets" => {
                json!({"secrets": {"password": "stolen"}})
            }
            "create_models" | "create_contents" => json!({"items": [{"name": "planted"}]}),
            "patch_connection" => json!({"name": "renamed", "secrets": {"password": "stolen"}}),
            "restore_trash_entries" | "purge_due_entries" => json!({"ids": [samples.entry]}),
            "delete_connections" => json!({"ids": [samples.connection]}),
            "restore_trash_entry" => json!({"name": "revived"}),
            "purge_trash_entry" => json!({"confirm": "gone"}),
            "put_retention" => json!({"retention_days": 1}),
            "put_purge_pause" => json!({"paused": true}),
            "create_hold" => json!({"reason": "planted"}),
            "patch_trash_entry" => json!({"purge_at": "2031-01-01T00:00:00Z"}),
            "patch_webhook" => json!({"url": "https://planted.example.com/"}),
            "replay_webhook" | "create_reentry_session" => json!({}),
            "create_access_token" => json!({"token": "planted-planted-planted"}),
            "create_api_key" => json!({"name": "k", "scopes": ["trash:read"]}),
            _ => json!({"name": "planted"}),
        });
    client
        .send(
            &operation.method,
            &samples.path(operation),
            body.map(|body| body.to_string()),
        )
        .sound()
}

on_both! {
    fn a_foreign_id_answers_byte_for_byte_as_an_unknown_one_and_nothing_changes(app: &TestApp) {
        let Two { north, theirs, .. } = Two::make(app);
        let before = dump(app, Some(&theirs.organization));
        let mut tried = 0;
        for operation in routes::of_v1(app) {
            if operation.is_of_the_platform() || !names_a_row(&operation.path) {
                continue;
            }
            let harmless: Call = |client, operation, samples| samples.call(client, operation);
            for call in [harmful, harmless] {
                let foreign = call(&north, &operation, &theirs);
                foreign.problem(404, "not_found");
                let unknown = call(&north, &operation, &Samples::unknown());
                assert_eq!(foreign.timeless(), unknown.timeless(), "{}", operation.id);
            }
            tried += 1;
        }
        assert!(tried >= 25, "only {tried} operations have an id");
        assert_eq!(dump(app, Some(&theirs.organization)), before);
    }

    fn an_id_in_a_body_or_a_query_is_as_foreign_as_one_in_the_path(app: &TestApp) {
        let Two { north, ours, theirs, .. } = Two::make(app);
        let before = dump(app, Some(&theirs.organization));
        let connection = format!("/v1/connections/{}", ours.connection);
        let model_entry = north.delete(&format!("/v1/models/{}", ours.model)).ok(200)["id"].clone();
        let model_entry = format!("/v1/trash/{}/restore", model_entry.as_str().unwrap());
        let calls: Vec<(&str, String, Body)> = vec![
            ("POST", format!("{connection}/models"), |s| json!({"name": "x", "base_model_id": s.model})),
            ("POST", format!("{connection}/models/batch"), |s| json!({"items": [{"name": "x", "base_model_id": s.model}]})),
            ("PUT", format!("{connection}/models/new"), |s| json!({"name": "x", "base_model_id": s.model})),
            ("POST", format!("{connection}/content"), |s| json!({"name": "x", "model_id": s.model})),
            ("POST", format!("{connection}/content"), |s| json!({"name": "x", "links": [{"content_id": s.content}]})),
            ("PUT", format!("{connection}/content/new"), |s| json!({"name": "x", "links": [{"content_id": s.content}]})),
            ("POST", model_entry.clone(), |s| json!({"target": {"connection_id": s.connection}})),
            ("POST", model_entry, |s| json!({"target": {"connection_id": s.connection}, "validate_only": true})),
        ];
        for (method, path, body) in calls {
            let foreign = north.send(method, &path, Some(body(&theirs).to_string())).sound();
            foreign.problem(422, "invalid_input");
            let unknown = north.send(method, &path, Some(body(&Samples::unknown()).to_string())).sound();
            assert_eq!(foreign.timeless(), unknown.timeless(), "{method} {path}");
        }
        for query in [format!("content?model_id={}", theirs.model), format!("models?base_model_id={}", theirs.model)] {
            assert_eq!(north.get(&format!("{connection}/{query}")).ok(200)["data"], json!([]));
        }
        assert_eq!(dump(app, Some(&theirs.organization)), before);
    }

    fn no_read_ever_shows_a_foreign_row(app: &TestApp) {
        let Two { north, ours, south, theirs } = Two::make(app);
        for (client, own, other) in [(&north, &ours, &theirs), (&south, &theirs, &ours)] {
            let mut seen = String::new();
            for operation in routes::of_v1(app) {
                if operation.is_write() || operation.is_of_the_platform() {
                    continue;
                }
                let reply = own.call(client, &operation);
                assert_eq!(reply.status, 200, "{reply:#?}");
                for id in other.ids().into_iter().chain([other.organization.as_str()]) {
                    assert!(!reply.text.contains(id), "{} shows {id}: {reply:#?}", operation.id);
                }
                seen.push_str(&reply.text);
            }
            assert!(own.ids().iter().all(|id| seen.contains(id)), "the reads show too little to prove anything");
        }
        let counted = |client: &Client| client.get("/v1/trash/summary").ok(200)["entries"]["all"].clone();
        assert_eq!((counted(&north), counted(&south)), (json!(1), json!(1)));
    }

    fn a_foreign_page_token_leads_to_no_foreign_row(app: &TestApp) {
        let Two { north, ours, south, theirs } = Two::make(app);
        for (client, samples) in [(&north, &ours), (&south, &theirs)] {
            client.post("/v1/connections", &postgres_connection("second")).ok(201);
            client.delete(&format!("/v1/content/{}", samples.content)).ok(200);
            client.post(&format!("/v1/connections/{}/models", samples.connection), &json!({"name": "second"})).ok(201);
        }
        let lists = |samples: &Samples| {
            let models = format!("/v1/connections/{}/models", samples.connection);
            ["/v1/connections".to_owned(), "/v1/trash".to_owned(), "/v1/api-keys".to_owned(), models]
        };
        for (their_list, our_list) in lists(&theirs).into_iter().zip(lists(&ours)) {
            let page = south.get(&format!("{their_list}?page_size=1"));
            let token = page.ok(200)["next_page_token"].as_str().unwrap_or_else(|| panic!("{page:#?}")).to_owned();
            let reply = north.get(&format!("{our_list}?page_token={token}")).sound();
            assert!(matches!(reply.status, 200 | 422), "{reply:#?}");
            let foreign = south.get(&their_list).ok(200)["data"].as_array().unwrap().clone();
            for row in foreign {
                assert!(!reply.text.contains(row["id"].as_str().unwrap()), "{reply:#?}");
            }
        }
    }

    fn the_same_names_external_ids_and_idempotency_keys_live_side_by_side(app: &TestApp) {
        let Two { north, south, ours, theirs } = Two::make(app);
        let body = postgres_connection("twin");
        let [one, other] =
            [&north, &south].map(|client| client.with("idempotency-key", "same").post("/v1/connections", &body));
        assert_ne!(one.ok(201)["id"], other.ok(201)["id"]);
        assert!(other.header("idempotency-replayed").is_none());

        // What is in the other's trash is nobody's twin here.
        let entry = south.delete(&format!("/v1/connections/{}", theirs.connection)).ok(200);
        assert_eq!(entry["impact"]["models"], 1);
        let mut again = postgres_connection("warehouse");
        again["on_trashed"] = "fail".into();
        north.delete(&format!("/v1/connections/{}", ours.connection)).ok(200);
        north.post("/v1/connections", &again).sound().problem(409, "already_in_trash");
        let west = app.other_organization("west");
        west.post("/v1/connections", &again).ok(201);
    }

    fn an_organizations_own_admin_is_nobody_on_the_platform(app: &TestApp) {
        let Two { north, theirs, ours, .. } = Two::make(app);
        for operation in routes::of_v1(app).iter().filter(|operation| operation.is_of_the_platform()) {
            for samples in [&ours, &theirs, &Samples::unknown()] {
                assert_eq!(samples.call(&north, operation).problem(403, "missing_scope")["scope"], "platform:admin");
            }
        }
        north.post("/v1/api-keys", &json!({"name": "more", "scopes": ["platform:admin"]})).sound().problem(403, "missing_scope");
        north.post("/v1/api-keys", &json!({"name": "more", "scopes": ["*"]})).sound().problem(403, "missing_scope");
    }
}
