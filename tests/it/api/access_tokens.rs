//! Access tokens: made or registered, shown once, gone with their connection.

use super::kit::*;
use crate::support::*;

const HELD: &str = "held-by-a-client-for-years";

fn path_of(connection: &str) -> String {
    format!("/v1/connections/{connection}/access-tokens")
}

fn issue(client: &Client, connection: &str) -> Reply {
    client.send("POST", &path_of(connection), None)
}

fn register(client: &Client, connection: &str, token: &str) -> Reply {
    client.post(&path_of(connection), &json!({ "token": token }))
}

on_both! {
    fn a_new_token_is_shown_once_and_stored_nowhere(app: &TestApp) {
        let id = app.sample_connection("issued");
        let client = app.admin.with("idempotency-key", "a-token");
        let made = issue(&client, &id);
        assert_eq!(made.header("connection"), Some("close"));
        assert_eq!(made.header("location"), Some(path_of(&id).as_str()));
        let made = made.ok(201);
        let token = made["token"].as_str().unwrap().to_owned();
        assert!(token.starts_with("rpt_") && token.len() == 4 + 32 + 1 + 32 + 1 + 64, "{made}");
        assert!(token.contains(&made["id"].as_str().unwrap().replace('-', "")), "the id stands in it, for people");
        assert_eq!(issue(&client, &id).problem(409, "secret_already_shown")["location"], path_of(&id));

        let listed = app.admin.get(&path_of(&id)).ok(200);
        insta::allow_duplicates! { insta::assert_snapshot!(serde_json::to_string_pretty(&redact(listed)).unwrap(), @r#"
        {
          "data": [
            {
              "connection_id": "[id]",
              "created_at": "[time]",
              "created_by": "key:[id]",
              "id": "[id]",
              "registered": false
            }
          ],
          "next_page_token": null
        }
        "#) };
        let secret = token.rsplit('_').next().unwrap();
        for (table, content) in crate::secrets::dump(app) {
            assert!(!content.contains(secret), "{table} holds the token");
        }
        let event = "audit_events WHERE announced AND action = 'connection.access_token_created'";
        assert_eq!(app.sql().count(event), 1);
    }

    fn a_token_that_a_client_holds_is_registered_for_one_connection(app: &TestApp) {
        let (one, other) = (app.sample_connection("one"), app.sample_connection("other"));
        let first = register(&app.admin, &one, HELD).ok(201);
        assert!(first.get("token").is_none() && first["registered"] == json!(true), "{first}");
        assert_eq!(register(&app.admin, &one, HELD).ok(200), first, "again is no other");
        register(&app.admin, &other, HELD).problem(409, "token_taken");
        assert_eq!(app.sql().count("access_tokens"), 1);

        // Another organization may hold the same; nobody can tell by the digests.
        let theirs = app.other_organization("theirs");
        let their_connection = theirs.post("/v1/connections", &postgres_connection("theirs")).ok(201);
        register(&theirs, their_connection["id"].as_str().unwrap(), HELD).ok(201);
        assert_eq!(app.sql().lines("SELECT DISTINCT digest AS line FROM access_tokens").len(), 2);

        let path = format!("{}/{}", path_of(&one), first["id"].as_str().unwrap());
        app.admin.delete(&path.replace(&one, &other)).problem(404, "not_found");
        assert_eq!(app.admin.delete(&path).ok(200), json!({"id": first["id"], "connection_id": one}));
        app.admin.delete(&path).problem(404, "not_found");
        register(&app.admin, &other, HELD).ok(201);
    }

    fn what_can_be_guessed_or_is_something_else_is_no_token(app: &TestApp) {
        let id = app.sample_connection("refused");
        let long = "x".repeat(513);
        let code = |reply: Reply| reply.problem(422, "invalid_input")["errors"][0]["code"].as_str().unwrap().to_owned();
        for token in ["fifteen-letters", long.as_str(), "with a space in it", "with a line\nin it....", "not only ascii \u{fc}\u{fc}"] {
            let reply = register(&app.admin, &id, token);
            assert!(!reply.text.contains(token), "{reply:#?}");
            assert_eq!(code(reply), "invalid_value", "{token}");
        }
        let issued = issue(&app.admin, &id).ok(201)["token"].as_str().unwrap().to_owned();
        for token in [app.admin.key(), issued.as_str()] {
            let reply = register(&app.admin, &id, token);
            assert!(!reply.text.contains(token), "{reply:#?}");
            assert_eq!(code(reply), "reserved");
        }
        for body in [json!({"token": null}), json!({"token": 7}), json!({"token": [HELD]}), json!({"tokn": HELD})] {
            let reply = app.admin.post(&path_of(&id), &body);
            reply.problem(422, "invalid_input");
            assert!(!reply.text.contains(HELD), "{reply:#?}");
        }
        for token in ["sixteen-letters!", "x".repeat(512).as_str()] {
            register(&app.admin, &id, token).ok(201);
        }
        assert_eq!(app.sql().count("access_tokens"), 3);
    }

    fn who_may_read_connections_sees_tokens_and_who_may_write_secrets_makes_them(app: &TestApp) {
        let id = app.sample_connection("scopes");
        let made = issue(&app.client(&["secrets:write"]), &id).ok(201);
        let path = format!("{}/{}", path_of(&id), made["id"].as_str().unwrap());
        let reader = app.client(&["connections:read", "connections:write", "secrets:read"]);
        assert_eq!(reader.get(&path_of(&id)).ok(200)["data"].as_array().unwrap().len(), 1);
        issue(&reader, &id).problem(403, "missing_scope");
        reader.delete(&path).problem(403, "missing_scope");
        app.client(&["secrets:write"]).get(&path_of(&id)).problem(403, "missing_scope");
        app.client(&["secrets:write"]).delete(&path).ok(200);
    }

    fn tokens_go_with_their_connection_and_a_restore_brings_none_back(app: &TestApp) {
        let (id, kept) = (app.sample_connection("mortal"), app.sample_connection("kept"));
        issue(&app.admin, &id).ok(201);
        register(&app.admin, &id, HELD).ok(201);
        issue(&app.admin, &kept).ok(201);
        let entry = app.delete_connection(&id);
        assert_eq!(app.sql().count("access_tokens"), 1, "the deletion forgets them in its own transaction");
        assert_eq!(issue(&app.admin, &id).problem(410, "in_trash")["entry_id"], entry);
        register(&app.admin, &id, "another-one-of-a-client").problem(410, "in_trash");
        app.admin.get(&path_of(&id)).problem(410, "in_trash");
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        assert_eq!(app.admin.get(&path_of(&id)).ok(200)["data"], json!([]));
        // Its owner may bring it again: that is an act of its own, and on record.
        register(&app.admin, &id, HELD).ok(201);
    }

    fn tokens_go_with_the_integration_of_their_connection(app: &TestApp) {
        app.admin.post("/v1/integrations", &json!({"key": "lake", "connector": "postgres"})).ok(201);
        let mut member = postgres_connection("member");
        member["integration"] = json!("lake");
        let id = app.admin.post("/v1/connections", &member).ok(201)["id"].as_str().unwrap().to_owned();
        let kept = app.sample_connection("kept");
        issue(&app.admin, &id).ok(201);
        issue(&app.admin, &kept).ok(201);
        let entry = app.admin.delete("/v1/integrations/lake").ok(200)["id"].as_str().unwrap().to_owned();
        assert_eq!(app.sql().count("access_tokens"), 1);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        assert_eq!(app.admin.get(&path_of(&id)).ok(200)["data"], json!([]));
    }

    fn no_token_is_made_beside_a_deletion(app: &TestApp) {
        for round in 0..8 {
            let id = app.sample_connection(&format!("raced {round}"));
            let barrier = std::sync::Barrier::new(4);
            let replies: Vec<Reply> = std::thread::scope(|scope| {
                let makers: Vec<_> = (0..3)
                    .map(|number| {
                        let (barrier, id) = (&barrier, &id);
                        scope.spawn(move || {
                            barrier.wait();
                            if number == 0 {
                                return register(&app.admin, id, &format!("a-token-of-round-{round}"));
                            }
                            issue(&app.admin, id)
                        })
                    })
                    .collect();
                barrier.wait();
                app.delete_connection(&id);
                makers.into_iter().map(|maker| maker.join().unwrap()).collect()
            });
            for reply in replies {
                assert!(matches!(reply.status, 201 | 410), "{reply:#?}");
            }
            assert_eq!(app.sql().count("access_tokens"), 0, "no token outlives its connection");
        }
    }

    fn of_many_that_register_one_token_at_once_one_connection_has_it(app: &TestApp) {
        let ids: Vec<String> = (0..4).map(|number| app.sample_connection(&format!("rival {number}"))).collect();
        let barrier = std::sync::Barrier::new(ids.len());
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let rivals: Vec<_> = ids
                .iter()
                .map(|id| {
                    scope.spawn(|| {
                        barrier.wait();
                        register(&app.admin, id, HELD).status
                    })
                })
                .collect();
            rivals.into_iter().map(|rival| rival.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 3, "{statuses:?}");
    }

    fn an_export_has_no_token(app: &TestApp) {
        let id = app.sample_connection("exported");
        let token = issue(&app.admin, &id).ok(201);
        let file = app.admin.get("/v1/export");
        assert_eq!(file.status, 200);
        assert!(file.text.contains(&id), "the connection is in it");
        for text in [token["id"].as_str().unwrap(), "access_token", "digest"] {
            assert!(!file.text.contains(text), "{text}");
        }
    }
}
