//! Connect sessions: `/connect/...` and what the browser client calls.

use super::*;

/// Opens a session for an end user; its token.
fn open(client: &Client, body: &serde_json::Value) -> String {
    let reply = client.post("/connect/sessions", body).ok(201);
    reply["data"]["token"].as_str().unwrap().to_owned()
}

fn reconnect(client: &Client, integration: &str, id: &str) -> serde_json::Value {
    let body = json!({"connection_id": id, "integration_id": integration});
    client.post("/connect/sessions/reconnect", &body).ok(201)["data"].clone()
}

/// A client that has the token and nothing else.
fn visitor(app: &TestApp, token: &str) -> Client {
    app.stranger()
        .with("authorization", &format!("Bearer {token}"))
}

/// What the browser client sends.
fn enter(app: &TestApp, path: &str, token: &str, more: &str, body: &serde_json::Value) -> Reply {
    app.stranger()
        .post(&format!("{path}?connect_session_token={token}{more}"), body)
}

fn ann() -> serde_json::Value {
    json!({"end_user": {"id": "user-1", "email": "ann@example.com", "display_name": "Ann"}})
}

on_both! {
    fn a_session_is_opened_read_and_ended_by_its_own_token(app: &TestApp) {
        let client = nango(app);
        integration(&client, "algolia", "algolia");
        let body = json!({
            "end_user": {"id": "user-1", "email": "ann@example.com"},
            "organization": {"id": "org-1", "display_name": "Org"},
            "tags": {"Team": "red"},
            "allowed_integrations": ["algolia"],
            "integrations_config_defaults": {"algolia": {"connection_config": {"app_id": "APP"}}},
        });
        let opened = client.post("/connect/sessions", &body).ok(201);
        let token = opened["data"]["token"].as_str().unwrap();
        let digits = token.strip_prefix("nango_connect_session_").unwrap();
        assert!(digits.len() == 64 && digits.bytes().all(|c| c.is_ascii_hexdigit()));
        assert!(opened["data"]["expires_at"].is_string());
        assert!(opened["data"].get("connect_link").is_none(), "there is no page for new connections");
        let visitor = visitor(app, token);
        insta::allow_duplicates! { insta::assert_snapshot!(serde_json::to_string_pretty(&visitor.get("/connect/session").ok(200)).unwrap(), @r##"
        {
          "data": {
            "allowed_integrations": [
              "algolia"
            ],
            "connectUISettings": {
              "defaultTheme": "system",
              "showWatermark": false,
              "theme": {
                "dark": {
                  "primary": "#00B2E3"
                },
                "light": {
                  "primary": "#00B2E3"
                }
              }
            },
            "endUser": {
              "display_name": null,
              "email": "ann@example.com",
              "id": "user-1",
              "organization": {
                "display_name": "Org",
                "id": "org-1"
              },
              "tags": {
                "team": "red"
              }
            },
            "integrations_config_defaults": {
              "algolia": {
                "connection_config": {
                  "app_id": "APP"
                }
              }
            }
          }
        }
        "##) };
        let gone = visitor.delete("/connect/session");
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        assert_eq!(code(&visitor.get("/connect/session"), 401), "unknown_connect_session_token");
        assert_eq!(code(&visitor.delete("/connect/session"), 401), "unknown_connect_session_token");
    }

    fn nothing_but_the_token_of_a_session_is_taken_there(app: &TestApp) {
        let client = nango(app);
        let token = open(&client, &ann());
        for send in [|client: &Client| client.get("/connect/session"), |client: &Client| client.delete("/connect/session")] {
            assert_eq!(code(&send(&app.stranger()), 401), "missing_auth_header");
            assert_eq!(code(&send(&app.stranger().with("authorization", "")), 401), "malformed_auth_header");
            assert_eq!(code(&send(&app.admin), 401), "invalid_connect_session_token_format");
            let other = token.replacen(|c: char| c.is_ascii_digit(), "f", 1);
            assert_eq!(code(&send(&visitor(app, &other)), 401), "unknown_connect_session_token");
            let typed = visitor(app, &token).with("content-type", "text/plain");
            assert_eq!(code(&send(&typed), 415), "invalid_content_type");
        }
        // And it opens nothing else.
        let visitor = visitor(app, &token);
        for path in ["/connections", "/v1/connections", "/v1/whoami"] {
            assert_eq!(visitor.get(path).status, 401, "{path}");
        }
        assert_eq!(code(&visitor.post("/connect/sessions", &ann()), 401), "invalid_secret_key_format");
        visitor.get("/connect/session").ok(200);
    }

    fn a_query_or_a_body_keeps_the_session(app: &TestApp) {
        let visitor = visitor(app, &open(&nango(app), &ann()));
        let with_query = visitor.delete("/connect/session?all=true");
        assert_eq!(place(&with_query, 400), ("invalid_query_params".into(), "unrecognized_keys".into(), String::new()));
        let with_body = visitor.send("DELETE", "/connect/session", Some(r#"{"id": 1}"#.to_owned()));
        assert_eq!(place(&with_body, 400), ("invalid_body".into(), "unrecognized_keys".into(), String::new()));
        let broken = visitor.send("DELETE", "/connect/session", Some("{".to_owned()));
        assert_eq!(code(&broken, 400), "invalid_json");
        visitor.get("/connect/session").ok(200);
        assert_eq!(visitor.send("DELETE", "/connect/session", Some("{}".to_owned())).status, 204);
    }

    fn a_session_expires(app: &TestApp) {
        let visitor = visitor(app, &open(&nango(app), &ann()));
        app.sql().run("UPDATE connect_tokens SET expires_at = '2020-01-01T00:00:00.000000Z'");
        assert_eq!(code(&visitor.get("/connect/session"), 401), "unknown_connect_session_token");
        assert_eq!(code(&visitor.delete("/connect/session"), 401), "unknown_connect_session_token");
    }

    fn what_is_wrong_with_a_new_session_is_said_at_its_place(app: &TestApp) {
        let client = nango(app);
        integration(&client, "algolia", "algolia");
        for (body, expected) in [
            (json!({}), ("invalid_type", "end_user")),
            (json!({"end_user": {}}), ("invalid_type", "end_user.id")),
            (json!({"end_user": {"id": ""}}), ("too_small", "end_user.id")),
            (json!({"end_user": {"id": "a", "email": "no"}}), ("invalid_format", "end_user.email")),
            (json!({"end_user": {"id": "a"}, "other": 1}), ("unrecognized_keys", "")),
            (json!({"tags": {"1a": "x"}}), ("invalid_key", "tags.1a")),
            (json!({"end_user": {"id": "a"}, "allowed_integrations": ["algolia", "nothing"]}), ("custom", "allowed_integrations.1")),
            (json!({"end_user": {"id": "a"}, "integrations_config_defaults": {"nothing": {}}}), ("custom", "integrations_config_defaults.nothing")),
            (json!({"end_user": {"id": "a"}, "overrides": {"nothing": {}}}), ("custom", "overrides.nothing")),
        ] {
            let reply = client.post("/connect/sessions", &body);
            assert_eq!(place(&reply, 400), ("invalid_body".into(), expected.0.into(), expected.1.into()), "{body}");
        }
        assert_eq!(app.sql().count("connect_tokens"), 0);
        client.post("/connect/sessions", &json!({"tags": {"a": "b"}})).ok(201);
        let both = std_error(&client.post("/connect/sessions/reconnect", &json!({})), 400);
        assert_eq!(both, ("invalid_body".into(), vec![("invalid_type".into(), "connection_id".into()), ("invalid_type".into(), "integration_id".into())]));
        let unknown = client.post("/connect/sessions/reconnect", &json!({"connection_id": "a", "integration_id": "algolia"}));
        assert_eq!(code(&unknown, 400), "invalid_body");
    }

    fn sessions_are_opened_by_those_who_may(app: &TestApp) {
        for scope in ["environment:connect_sessions:write", "connect_sessions:write"] {
            let client = app.client(&[scope]);
            let token = open(&client, &json!({"end_user": {"id": "a"}}));
            visitor(app, &token).get("/connect/session").ok(200);
        }
        let client = app.client(&["environment:connections:*"]);
        for path in ["/connect/sessions", "/connect/sessions/reconnect"] {
            let reply = client.post(path, &ann());
            assert_eq!(code(&reply, 403), "forbidden");
            assert!(reply.text.contains("environment:connect_sessions:write"), "{reply:#?}");
        }
    }

    fn an_end_user_makes_a_connection_in_a_session(app: &TestApp) {
        let client = nango(app);
        integration(&client, "algolia", "search");
        let token = open(&client, &ann());
        let made = enter(app, "/api-auth/api-key/search", &token, "&params[appId]=APP7", &json!({"apiKey": "secret-of-ann"})).ok(200);
        assert_eq!(made["providerConfigKey"], "search");
        let id = made["connectionId"].as_str().unwrap();
        let read = client.get(&at("search", id)).ok(200);
        assert_eq!(read["credentials"], json!({"type": "API_KEY", "apiKey": "secret-of-ann"}));
        assert_eq!(read["connection_config"], json!({"appId": "APP7"}));
        assert_eq!(read["end_user"]["email"], "ann@example.com");
        // Who did it is written down; so is who opened the session.
        let records = app.admin.get("/v1/audit?action=connection.created").ok(200);
        assert!(records["data"][0]["actor"]["id"].as_str().unwrap().starts_with("connect:"), "{records}");
        // The session goes on.
        enter(app, "/api-auth/api-key/search", &token, "&params[appId]=APP8", &json!({"apiKey": "another"})).ok(200);
        assert_eq!(client.get("/connections").ok(200)["connections"].as_array().unwrap().len(), 2);
    }

    fn each_type_that_a_person_can_enter_has_its_call(app: &TestApp) {
        let client = nango(app);
        let token = open(&client, &ann());
        for (provider, path, body, expected) in [
            ("freshdesk", "/api-auth/basic", json!({"username": "u", "password": "p"}), json!({"type": "BASIC", "username": "u", "password": "p"})),
            ("netsuite-tba", "/auth/tba", json!({"token_id": "i", "token_secret": "s", "oauth_client_id_override": "c", "oauth_client_secret_override": "d"}), json!({"type": "TBA", "token_id": "i", "token_secret": "s", "config_override": {"client_id": "c", "client_secret": "d"}})),
            ("unauthenticated", "/auth/unauthenticated", json!({}), json!({})),
        ] {
            let key = format!("of-{provider}");
            integration(&client, provider, &key);
            let made = enter(app, &format!("{path}/{key}"), &token, "", &body).ok(200);
            let read = client.get(&at(&key, made["connectionId"].as_str().unwrap())).ok(200);
            assert_eq!(read["credentials"], expected, "{provider}");
        }
        for (provider, path, body) in [
            ("ghost-admin", "/auth/jwt", json!({"privateKey": {"id": "k", "secret": "s"}, "issuerId": "i"})),
            ("tableau", "/auth/two-step", json!({"type": "TWO_STEP", "username": "u", "password": "p"})),
            ("bill", "/auth/bill", json!({"username": "u", "password": "p", "organization_id": "o", "dev_key": "k"})),
            ("emarsys", "/auth/signature", json!({"type": "SIGNATURE", "username": "u", "password": "p"})),
            ("zoominfo", "/oauth2/auth", json!({"client_id": "c", "client_secret": "s"})),
        ] {
            let key = format!("of-{provider}");
            integration(&client, provider, &key);
            let made = enter(app, &format!("{path}/{key}"), &token, "", &body).ok(200);
            let read = client.get(&at(&key, made["connectionId"].as_str().unwrap())).ok(200);
            for (member, value) in body.as_object().unwrap() {
                assert_eq!(read["credentials"][member], *value, "{provider} {member}");
            }
        }
    }

    fn a_session_allows_what_it_was_opened_for_and_no_more(app: &TestApp) {
        let client = nango(app);
        integration(&client, "algolia", "algolia");
        integration(&client, "algolia", "other");
        let token = open(&client, &json!({"end_user": {"id": "a"}, "allowed_integrations": ["algolia"]}));
        let body = json!({"apiKey": "k"});
        let more = "&params[appId]=APP";
        for (path, token, more, status, expected) in [
            ("/api-auth/api-key/other", token.as_str(), more, 400, "integration_not_allowed"),
            ("/api-auth/api-key/nothing", &open(&client, &ann()), more, 400, "unknown_provider_config"),
            ("/api-auth/basic/algolia", &token, more, 400, "invalid_auth_mode"),
            ("/api-auth/other/algolia", &token, more, 404, "not_found"),
            ("/auth/other/algolia", &token, more, 404, "not_found"),
            ("/api-auth/api-key/algolia", "nango_connect_session_x", more, 401, "invalid_connect_session_token_format"),
            ("/api-auth/api-key/algolia", app.admin.key(), more, 401, "invalid_connect_session_token_format"),
        ] {
            assert_eq!(code(&enter(app, path, token, more, &body), status), expected, "{path}");
        }
        let named = enter(app, "/api-auth/api-key/algolia", &token, "&connection_id=mine", &body);
        assert_eq!(place(&named, 400), ("invalid_query_params".into(), "custom".into(), "connection_id".into()));
        let missing = enter(app, "/api-auth/api-key/algolia", &token, more, &json!({}));
        assert_eq!(place(&missing, 400), ("invalid_body".into(), "invalid_type".into(), "apiKey".into()));
        let typed = app.stranger().with("content-type", "text/plain").get("/integrations");
        assert_eq!(code(&typed, 415), "invalid_content_type");
        let bare = app.admin.post("/api-auth/api-key/algolia", &body);
        assert_eq!(code(&bare, 401), "missing_connect_session_token");
        assert_eq!(app.sql().count("connections"), 0);
        let seen = visitor(app, &token).get("/integrations").ok(200);
        assert_eq!(seen["data"].as_array().unwrap().len(), 1, "a session sees the integrations that it allows: {seen}");
        visitor(app, &token).get("/providers/algolia").ok(200);
    }

    fn a_restored_connection_gets_its_credentials_back_from_its_end_user(app: &TestApp) {
        let client = nango(app);
        integration(&client, "algolia", "algolia");
        let token = open(&client, &ann());
        let made = enter(app, "/api-auth/api-key/algolia", &token, "&params[appId]=APP", &json!({"apiKey": "first-key-of-ann"})).ok(200);
        let id = made["connectionId"].as_str().unwrap().to_owned();
        client.delete(&at("algolia", &id)).ok(200);
        let entry = app.admin.get("/v1/trash").ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        let gone = client.post("/connect/sessions/reconnect", &json!({"connection_id": id, "integration_id": "algolia"}));
        assert_eq!(code(&gone, 400), "invalid_body");
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        assert_eq!(code(&client.get(&at("algolia", &id)), 424), "invalid_credentials");
        let session = reconnect(&client, "algolia", &id);
        let token = session["token"].as_str().unwrap();
        let seen = visitor(app, token).get("/connect/session").ok(200);
        assert_eq!(seen["data"]["isReconnecting"], true);
        assert_eq!(seen["data"]["endUser"]["id"], "user-1");
        assert_eq!(seen["data"]["allowed_integrations"], json!(["algolia"]));
        // A page of ours, where the same can be done without a client.
        let link = session["connect_link"].as_str().unwrap();
        let page = app.stranger().get(&link.replacen(&format!("http://{}", app.address()), "", 1));
        assert_eq!(page.status, 200);
        let again = enter(app, "/api-auth/api-key/algolia", token, "", &json!({"apiKey": "second-key-of-ann"})).ok(200);
        assert_eq!(again["connectionId"], id.as_str());
        let read = client.get(&at("algolia", &id)).ok(200);
        assert_eq!(read["credentials"]["apiKey"], "second-key-of-ann");
        assert_eq!(read["connection_config"], json!({"appId": "APP"}), "what nobody entered stays");
        assert_eq!(app.sql().count("connections"), 1);
    }

    fn the_session_of_a_connection_dies_with_it_and_no_restore_brings_it_back(app: &TestApp) {
        let client = nango(app);
        integration(&client, "openai", "openai");
        for integration_too in [false, true] {
            let id = format!("of-{integration_too}");
            import_key(&client, "openai", &id);
            let session = reconnect(&client, "openai", &id);
            let token = session["token"].as_str().unwrap();
            let visitor = visitor(app, token);
            visitor.get("/connect/session").ok(200);
            if integration_too {
                client.delete("/integrations/openai").ok(200);
            } else {
                client.delete(&at("openai", &id)).ok(200);
            }
            let entry = app.admin.get("/v1/trash?state=in_trash").ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
            for restored in [false, true] {
                if restored {
                    app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
                }
                assert_eq!(code(&visitor.get("/connect/session"), 404), "not_found");
                assert_eq!(code(&visitor.delete("/connect/session"), 404), "not_found");
                let entered = enter(app, "/api-auth/api-key/openai", token, "", &json!({"apiKey": "of nobody"}));
                assert_eq!(code(&entered, 400), "invalid_connection");
            }
        }
    }

    fn the_token_of_one_organization_reaches_nothing_of_another(app: &TestApp) {
        let (client, other) = (nango(app), app.other_organization("other"));
        for client in [&client, &other] {
            integration(client, "openai", "openai");
            import_key(client, "openai", "same");
        }
        let session = reconnect(&client, "openai", "same");
        enter(app, "/api-auth/api-key/openai", session["token"].as_str().unwrap(), "", &json!({"apiKey": "a-new-key"})).ok(200);
        assert_eq!(client.get(&at("openai", "same")).ok(200)["credentials"]["apiKey"], "a-new-key");
        assert_eq!(other.get(&at("openai", "same")).ok(200)["credentials"]["apiKey"], "key-of-openai-same");
    }

    fn pages_of_other_sites_may_make_these_calls_and_no_others(app: &TestApp) {
        let page = app.stranger().with("origin", "https://app.example.com");
        let asking = page.with("access-control-request-method", "POST");
        for path in ["/api-auth/api-key/a", "/auth/tba/a", "/oauth2/auth/a", "/connect/session", "/integrations", "/providers/github"] {
            let answer = asking.send("OPTIONS", path, None);
            assert_eq!(answer.status, 204, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
        }
        let refused = page.post("/api-auth/api-key/a", &json!({}));
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("*")));
        for path in ["/connections", "/connect/sessions", "/v1/connections", "/api/v1/connections", "/enter"] {
            let answer = asking.send("OPTIONS", path, None);
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
            assert_eq!(page.get(path).header("access-control-allow-origin"), None, "{path}");
        }
    }
}
