//! `DELETE /connections`: the token says which one, the trash has it afterwards, and the token is dead.

use std::num::NonZeroU32;

use super::*;

on_both! {
    fn a_deletion_by_token_lands_in_the_trash_and_is_restored_without_its_token(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let token = issue(&app.admin, &id);
        let client = of_connection(app, &app.client(&["connections:delete", "connections:write"]), &token);
        assert_eq!(client.delete("/connections").ok(200), json!({"id": id, "object": "connection", "deleted": true}));

        let trash = app.admin.get("/v1/trash").ok(200);
        let entry = &trash["data"][0];
        assert_eq!((&entry["root"]["id"], entry["root"]["kind"].as_str()), (&json!(id), Some("connection")));
        assert_eq!(refused(&client.delete("/connections"), 401), "The access token is not valid.");

        let entry = entry["id"].as_str().unwrap();
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        let restored = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        assert_eq!(restored["status"], "needs_credentials");
        refused(&client.delete("/connections"), 401);
        refused(&client.patch("/connections", &json!({"customer_id": "x"})), 401);
        assert_eq!(live(app), 1, "a dead token deletes nothing, restored or not");
    }

    fn a_token_that_a_client_holds_already_deletes_once_it_is_registered(app: &TestApp) {
        let id = app.sample_connection("moved here");
        let client = of_connection(app, &app.admin, "a1b2c3d4-e5f6-7890-abcd-ef0123456789");
        refused(&client.delete("/connections"), 401);
        let held = json!({"token": "a1b2c3d4-e5f6-7890-abcd-ef0123456789"});
        app.admin.post(&format!("/v1/connections/{id}/access-tokens"), &held).ok(201);
        assert_eq!(client.delete("/connections").ok(200)["id"], id);
    }

    fn a_token_names_a_connection_of_its_own_organization_alone(app: &TestApp) {
        let (north, south) = (app.other_organization("north"), app.other_organization("south"));
        let make = |client: &Client| client.post("/v1/connections", &postgres_connection("same")).ok(201)["id"].as_str().unwrap().to_owned();
        let (ours, theirs) = (make(&north), make(&south));
        let (our_token, their_token) = (issue(&north, &ours), issue(&south, &theirs));
        let foreign = of_connection(app, &north, &their_token);
        refused(&foreign.delete("/connections"), 401);
        refused(&foreign.patch("/connections", &json!({"customer_id": "stolen"})), 401);
        // Nor does a token that was made to look like one of ours.
        let org = |key: &str| key.split('_').nth(1).unwrap().to_owned();
        let forged = their_token.replace(&org(south.key()), &org(north.key()));
        refused(&of_connection(app, &north, &forged).delete("/connections"), 401);
        assert_eq!(live(app), 2);
        // The same text, registered by both, is two tokens.
        let held = json!({"token": "the-same-text-in-both"});
        for (client, id) in [(&north, &ours), (&south, &theirs)] {
            client.post(&format!("/v1/connections/{id}/access-tokens"), &held).ok(201);
        }
        assert_eq!(of_connection(app, &south, "the-same-text-in-both").delete("/connections").ok(200)["id"], theirs);
        assert_eq!(of_connection(app, &north, &our_token).delete("/connections").ok(200)["id"], ours);
    }

    fn whatever_is_wrong_with_the_headers_deletes_nothing(app: &TestApp) {
        let id = app.sample_connection("stays");
        let token = issue(&app.admin, &id);
        let nobody = app.stranger().with("x-trackstar-anything", "x");
        assert_eq!(fields(&nobody.delete("/connections")), [format!("headers.{TOKEN}"), format!("headers.{KEY}")]);
        assert_eq!(fields(&trackstar(app, &app.admin).delete("/connections")), [format!("headers.{TOKEN}")]);
        assert_eq!(fields(&app.admin.with(TOKEN, &token).delete("/connections")), [format!("headers.{KEY}")], "a bearer is no key here");
        let wrong_key = app.stranger().with(TOKEN, &token);
        let last = app.admin.key().chars().last().unwrap();
        let (cut, other) = (app.admin.key().trim_end_matches(last), if last == '0' { '1' } else { '0' });
        let flipped = format!("{cut}{}", other.to_string().repeat(app.admin.key().len() - cut.len()));
        for key in ["", "nonsense", &flipped, &token] {
            assert_eq!(refused(&wrong_key.with(KEY, key).delete("/connections"), 401), "The API key is not valid.", "{key}");
        }
        for text in ["", "nonsense", app.admin.key(), &id, token.strip_suffix(|_: char| true).unwrap()] {
            let client = trackstar(app, &app.admin).with(TOKEN, text);
            assert_eq!(refused(&client.delete("/connections"), 401), "The access token is not valid.", "{text}");
        }
        let twice = of_connection(app, &app.admin, &token).with(TOKEN, "another");
        refused(&twice.delete("/connections"), 401);
        let reader = app.client(&["connections:read", "secrets:write"]);
        assert_eq!(refused(&of_connection(app, &reader, &token).delete("/connections"), 403), "This needs the scope connections:delete.");
        assert_eq!(app.sql().count("audit_events WHERE action = 'DELETE /connections'"), 1, "the one who may not is on record");
        assert_eq!(live(app), 1);
    }

    fn a_path_that_is_not_exactly_this_one_deletes_nothing(app: &TestApp) {
        let id = app.sample_connection("stays");
        let client = of_connection(app, &app.admin, &issue(&app.admin, &id));
        for path in ["/connections/", "/connections//", "//connections", "/connections/x/..", "/Connections", &format!("/connections/{id}/")] {
            assert!(matches!(client.delete(path).status, 404 | 405), "{path}");
        }
        let by_id = client.delete(&format!("/connections/{id}"));
        assert_eq!((refused(&by_id, 405), by_id.header("allow")), ("This path takes GET.".to_owned(), Some("GET")));
        assert_eq!(fields(&client.delete("/connections?access_token=x")), ["query.access_token"]);
        assert_eq!(live(app), 1);
    }

    fn with_a_header_of_trackstar_no_route_of_nango_answers(app: &TestApp) {
        let id = app.sample_connection("ext");
        for header in [KEY, TOKEN, "x-trackstar-", "X-Trackstar-Whatever"] {
            let client = app.admin.with(header, "x");
            for path in [
                "/connections/ext-ext?provider_config_key=postgres".to_owned(),
                format!("/connections/{id}?provider_config_key=postgres"),
                "/connections".to_owned(),
                "/connection/ext-ext?provider_config_key=postgres".to_owned(),
                "/integrations/postgres".to_owned(),
                "/connect/session".to_owned(),
            ] {
                let reply = client.delete(&path);
                assert!(matches!(reply.status, 404 | 405 | 422), "{header} {path}: {reply:#?}");
                assert_eq!(reply.json()["origin"], "trackstar", "{header} {path}");
            }
            for path in ["/integrations", "/providers", "/connect/session"] {
                assert_eq!(client.get(path).json()["origin"], "trackstar", "{header} {path}");
            }
        }
        assert_eq!(live(app), 1);
    }

    fn of_some_that_delete_by_one_token_at_once_one_does(app: &TestApp) {
        for round in 0..6 {
            let id = app.sample_connection(&format!("twice {round}"));
            let client = of_connection(app, &app.admin, &issue(&app.admin, &id));
            let barrier = std::sync::Barrier::new(3);
            let mut statuses: Vec<u16> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..3)
                    .map(|_| {
                        scope.spawn(|| {
                            barrier.wait();
                            client.delete("/connections").status
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 401, 401]);
        }
    }

    fn a_protected_connection_stays(app: &TestApp) {
        let id = app.sample_connection("protected");
        app.admin.patch(&format!("/v1/connections/{id}"), &json!({"deletion_protection": true})).ok(200);
        let client = of_connection(app, &app.admin, &issue(&app.admin, &id));
        refused(&client.delete("/connections"), 403);
        assert_eq!(live(app), 1);
    }

    fn only_the_connection_of_the_token_goes(app: &TestApp) {
        let ids: Vec<String> = (0..3).map(|number| app.sample_connection(&format!("one of many {number}"))).collect();
        let tokens: Vec<String> = ids.iter().map(|id| issue(&app.admin, id)).collect();
        of_connection(app, &app.admin, &tokens[1]).delete("/connections").ok(200);
        let list = trackstar(app, &app.admin).get("/connections").ok(200);
        let left: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|one| &one["connection_id"]).collect();
        assert_eq!(left, [&json!(ids[0]), &json!(ids[2])]);
        assert_eq!(list["total_count"], 2);
        refused(&trackstar(app, &app.admin).get(&format!("/connections/{}", ids[1])), 404);
        of_connection(app, &app.admin, &tokens[0]).delete("/connections").ok(200);
    }
}

on_each! {
    fn without_the_encryption_keys_a_token_deletes_all_the_same(backend: Backend) {
        let mut app = TestApp::start(backend);
        let id = app.sample_connection("locked");
        let (issued, held) = (issue(&app.admin, &id), "a-token-that-is-registered");
        let other = app.sample_connection("locked too");
        app.admin.post(&format!("/v1/connections/{other}/access-tokens"), &json!({"token": held})).ok(201);
        app.halt();
        let (keys, away) = (app.data_dir().join("keys"), app.data_dir().join("keys-away"));
        std::fs::rename(&keys, &away).unwrap();
        app.restart();
        for (token, id) in [(issued.as_str(), &id), (held, &other)] {
            assert_eq!(of_connection(&app, &app.admin, token).delete("/connections").ok(200)["id"], *id);
        }
        app.halt();
        std::fs::rename(&away, &keys).unwrap();
        app.restart();
    }

    fn beyond_the_limit_of_a_minute_nothing_is_deleted(backend: Backend) {
        let app = TestApp::start_with(backend, |config| {
            config.dialects.requests_per_minute = NonZeroU32::new(2);
        });
        let id = app.sample_connection("limited");
        let client = of_connection(&app, &app.admin, &issue(&app.admin, &id));
        for _ in 0..2 {
            trackstar(&app, &app.admin).get("/connections").ok(200);
        }
        let limited = client.delete("/connections");
        assert_eq!(refused(&limited, 429), "Rate limit exceeded.");
        let header = |name: &str| limited.header(name).unwrap().parse::<u64>().unwrap();
        assert_eq!((header("x-ratelimit-limit"), header("x-ratelimit-remaining")), (2, 0));
        assert!((1..=60).contains(&header("retry-after")), "{limited:#?}");
        assert!(header("x-ratelimit-reset") > 1_700_000_000, "{limited:#?}");
        assert_eq!(live(&app), 1);
        // Another key has requests of its own.
        let other = app.client(&["connections:delete"]);
        let token = issue(&app.admin, &id);
        of_connection(&app, &other, &token).delete("/connections").ok(200);
    }
}
