//! `POST /connections`, and what `GET` then shows.

use super::*;

fn import(client: &Client, integration: &str, id: &str, more: serde_json::Value) -> Reply {
    let mut body = json!({"provider_config_key": integration, "connection_id": id});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    client.post("/connections", &body)
}

/// What varies from run to run.
fn shown(mut value: serde_json::Value) -> String {
    for member in ["created_at", "updated_at"] {
        let at = value[member].as_str().unwrap().to_owned();
        assert!(at.ends_with("+00:00"), "{at}");
        value[member] = json!("[time]");
    }
    assert!(value["id"].as_u64().unwrap() < 1 << 53);
    value["id"] = json!("[number]");
    for error in value["errors"].as_array_mut().unwrap() {
        error["log_id"] = json!("[id]");
    }
    serde_json::to_string_pretty(&value).unwrap()
}

on_both! {
    fn a_connection_is_imported_with_all_that_is_said_of_it(app: &TestApp) {
        let client = nango(app);
        integration(&client, "slack", "slack");
        let reply = import(&client, "slack", "user-1", json!({
            "credentials": {"type": "OAUTH2", "access_token": "xoxb-access", "refresh_token": "xoxe-refresh", "expires_at": "2027-01-02T03:04:05.000Z",
                "config_override": {"client_id": "own"}},
            "connection_config": {"team": "T1", "nested": {"a": 1.50}},
            "metadata": {"plan": "pro", "big": 123_456_789},
            "end_user": {"id": "eu-1", "email": "ann@example.com", "display_name": "Ann", "tags": {"Origin": "app"}, "organization": {"id": "org-1", "display_name": "Org"}},
            "tags": {"Env": "prod"},
        }));
        insta::allow_duplicates! { insta::assert_snapshot!(shown(reply.ok(201)), @r#"
        {
          "connection_config": {
            "nested": {
              "a": 1.5
            },
            "team": "T1"
          },
          "connection_id": "user-1",
          "created_at": "[time]",
          "credentials": {
            "access_token": "xoxb-access",
            "config_override": {
              "client_id": "own"
            },
            "expires_at": "2027-01-02T03:04:05.000Z",
            "raw": {
              "access_token": "xoxb-access",
              "config_override": {
                "client_id": "own"
              },
              "expires_at": "2027-01-02T03:04:05.000Z",
              "refresh_token": "xoxe-refresh",
              "type": "OAUTH2"
            },
            "refresh_token": "xoxe-refresh",
            "type": "OAUTH2"
          },
          "end_user": {
            "display_name": "Ann",
            "email": "ann@example.com",
            "id": "eu-1",
            "organization": {
              "display_name": "Org",
              "id": "org-1"
            },
            "tags": {
              "env": "prod",
              "origin": "app"
            }
          },
          "errors": [],
          "id": "[number]",
          "last_fetched_at": null,
          "metadata": {
            "big": 123456789,
            "plan": "pro"
          },
          "provider": "slack",
          "provider_config_key": "slack",
          "tags": {
            "end_user_display_name": "Ann",
            "end_user_email": "ann@example.com",
            "end_user_id": "eu-1",
            "env": "prod",
            "organization_display_name": "Org",
            "organization_id": "org-1",
            "origin": "app"
          },
          "updated_at": "[time]",
          "webhook_url_override": null
        }
        "#); }
        assert_eq!(reply.header("connection"), Some("close"));
        let read = client.get(&at("slack", "user-1"));
        assert_eq!(read.header("connection"), Some("close"));
        // Without refresh tokens, at any depth, unless they are asked for.
        assert!(!read.text.contains("xoxe-refresh"), "{read:#?}");
        let all = client.get(&format!("{}&refresh_token=true", at("slack", "user-1"))).ok(200);
        assert_eq!(all["credentials"]["refresh_token"], "xoxe-refresh");
        assert_eq!(all["credentials"]["raw"]["refresh_token"], "xoxe-refresh");
        // What nobody declared is a secret.
        let reader = app.client(&["environment:connections:read"]).get(&at("slack", "user-1")).ok(200);
        assert_eq!((&reader["connection_config"], &reader["credentials"]), (&json!({}), &json!({})));
        let native = app.admin.get("/v1/connections").ok(200);
        assert_eq!(native["data"][0]["settings"], json!({"expires_at": "2027-01-02T03:04:05.000Z"}));
        assert_eq!(native["data"][0]["tags"]["end_user_id"], "eu-1");
        assert_eq!(native["data"][0]["name"], "user-1");
    }

    fn every_type_of_credentials_comes_back_as_it_was_sent(app: &TestApp) {
        let client = nango(app);
        for (provider, credentials) in [
            ("openai", json!({"type": "API_KEY", "apiKey": "k-1"})),
            ("twilio", json!({"type": "BASIC", "username": "u", "password": "p"})),
            ("jira-basic", json!({"type": "BASIC", "username": "only-a-key", "password": ""})),
            ("trello", json!({"type": "OAUTH1", "oauth_token": "t", "oauth_token_secret": "s", "raw": {"a": 1}})),
            ("slack", json!({"type": "OAUTH2", "access_token": "a", "raw": {"x": [1, {"y": 2.50}]}})),
            ("zoominfo", json!({"type": "OAUTH2_CC", "token": "t", "client_id": "i", "client_secret": "s", "expires_at": "2027-01-01T00:00:00.000Z", "raw": {}})),
            ("netsuite-tba", json!({"type": "TBA", "token_id": "i", "token_secret": "s", "config_override": {"client_id": "c"}})),
            ("github-app", json!({"type": "APP", "access_token": "ghs_1", "jwtToken": "j", "raw": {}})),
            ("github-app-oauth", json!({"type": "CUSTOM", "app": {"a": 1}, "user": {"b": 2}, "raw": {"c": 3}})),
            ("ghost-admin", json!({"type": "JWT", "privateKey": {"id": "1", "secret": "s"}, "token": "t", "further": {"x": 1}})),
            ("tableau", json!({"type": "TWO_STEP", "pat_name": "n", "pat_secret": "s", "token": "t", "raw": {}})),
            ("bill", json!({"type": "BILL", "username": "u", "password": "p", "organization_id": "o", "dev_key": "d", "raw": {}})),
            ("emarsys", json!({"type": "SIGNATURE", "username": "u", "password": "p"})),
            ("aws", json!({"type": "AWS_SIGV4", "access_key_id": "i", "secret_access_key": "s", "region": "eu-1", "raw": {}})),
            ("github", json!({"type": "OAUTH2", "access_token": "gho_1", "raw": {}})),
            ("http-basic", json!({"type": "BASIC", "username": "u", "password": "p"})),
            ("gitlab", json!({"type": "OAUTH2", "access_token": "glpat"})),
        ] {
            integration(&client, provider, provider);
            let config = if provider == "http-basic" { json!({"base_url": "https://api.example.com"}) } else { json!({}) };
            let made = import(&client, provider, "one", json!({"credentials": credentials, "connection_config": config})).ok(201);
            let read = client.get(&at(provider, "one")).ok(200);
            assert_eq!((&made["provider"], &made["errors"]), (&json!(provider), &json!([])), "{provider}");
            let mut found = read["credentials"].clone();
            if !credentials.as_object().unwrap().contains_key("raw") {
                found.as_object_mut().unwrap().remove("raw");
            }
            assert_eq!(made["credentials"]["type"], credentials["type"], "{provider}");
            assert_eq!(found, credentials, "{provider}");
        }
        integration(&client, "unauthenticated", "open");
        let made = import(&client, "open", "one", json!({"credentials": {"type": "NONE"}})).ok(201);
        assert_eq!((&made["credentials"], &made["errors"]), (&json!({}), &json!([])));
    }

    fn importing_again_replaces_in_place_and_after_a_deletion_makes_a_new_one(app: &TestApp) {
        let client = nango(app);
        integration(&client, "slack", "slack");
        let first = import(&client, "slack", "u", json!({"credentials": {"type": "OAUTH2", "access_token": "first-token", "refresh_token": "first-refresh"}, "metadata": {"a": 1}, "connection_config": {"x": 1}})).ok(201);
        let second = import(&client, "slack", "u", json!({"credentials": {"type": "OAUTH2", "access_token": "second-token"}})).ok(201);
        assert_eq!((&first["id"], &first["metadata"]), (&second["id"], &second["metadata"]));
        assert_eq!(second["connection_config"], json!({"x": 1}));
        let read = client.get(&format!("{}&refresh_token=1", at("slack", "u")));
        assert!(!read.text.contains("first"), "{read:#?}");
        client.delete(&at("slack", "u")).ok(200);
        let third = import(&client, "slack", "u", json!({"credentials": {"type": "OAUTH2", "access_token": "third-token"}})).ok(201);
        assert_ne!(third["id"], first["id"]);
        assert_eq!((&third["metadata"], &third["connection_config"]), (&json!({}), &json!({})));
    }

    fn a_name_is_made_of_the_id_and_never_stands_in_the_way(app: &TestApp) {
        let client = nango(app);
        integration(&client, "openai", "openai");
        import_key(&client, "openai", "User");
        import_key(&client, "openai", "user");
        import_key(&client, "openai", " user ");
        import_key(&client, "openai", "   ");
        let names = app.admin.get("/v1/connections").ok(200);
        let names: Vec<&str> = names["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["User", "user (2)", "user (3)", "connection"]);
        let made = client.post("/connections", &json!({"provider_config_key": "openai", "credentials": {"type": "API_KEY", "apiKey": "k"}})).ok(201);
        let id = made["connection_id"].as_str().unwrap();
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'));
        client.get(&at("openai", id)).ok(200);
    }

    fn what_is_wrong_with_an_import_is_told_at_its_place(app: &TestApp) {
        let client = nango(app);
        for provider in ["slack", "openai", "algolia", "postgres"] {
            if provider != "postgres" {
                integration(&client, provider, provider);
            }
        }
        let oauth = json!({"type": "OAUTH2", "access_token": "a"});
        for (body, codes) in [
            (json!({}), vec![("invalid_type", "provider_config_key"), ("invalid_type", "credentials")]),
            (json!([]), vec![("invalid_type", ""), ("invalid_type", "provider_config_key"), ("invalid_type", "credentials")]),
            (json!({"provider_config_key": "slack", "credentials": "x"}), vec![("invalid_type", "credentials")]),
            (json!({"provider_config_key": "slack", "credentials": {"access_token": "x"}}), vec![("invalid_type", "credentials.type")]),
            (json!({"provider_config_key": "slack", "credentials": {"type": "OAUTH2"}}), vec![("invalid_type", "credentials.access_token")]),
            (json!({"provider_config_key": "slack", "credentials": {"type": "OAUTH2", "access_token": ""}}), vec![("too_small", "credentials.access_token")]),
            (json!({"provider_config_key": "slack", "credentials": {"type": "OAUTH2", "access_token": 7}}), vec![("invalid_type", "credentials.access_token")]),
            (json!({"provider_config_key": "slack", "credentials": {"type": "OAUTH2", "access_token": "a", "raw": []}}), vec![("invalid_type", "credentials.raw")]),
            (json!({"provider_config_key": "slack", "credentials": {"type": "OAUTH2", "access_token": "a", "expires_at": "soon"}}), vec![("invalid_type", "credentials.expires_at")]),
            (json!({"provider_config_key": "slack", "credentials": {"type": "OAUTH2", "access_token": "a", "colour": 1}}), vec![("unrecognized_keys", "credentials")]),
            (json!({"provider_config_key": "slack", "credentials": {"type": "OAUTH2", "access_token": "x".repeat(16_001)}}), vec![("too_big", "credentials.access_token")]),
            (json!({"provider_config_key": "slack", "connection_id": "é", "credentials": oauth}), vec![("invalid_format", "connection_id")]),
            (json!({"provider_config_key": "slack", "connection_id": "", "credentials": oauth}), vec![("invalid_format", "connection_id")]),
            (json!({"provider_config_key": "slack", "connection_id": "x".repeat(256), "credentials": oauth}), vec![("too_big", "connection_id")]),
            (json!({"provider_config_key": "slack", "credentials": oauth, "metadata": 1, "tags": {"1x": "y", "ok": ""}}), vec![("invalid_key", "tags.1x"), ("too_small", "tags.ok"), ("invalid_type", "metadata")]),
            (json!({"provider_config_key": "slack", "credentials": oauth, "end_user": {"email": "no"}}), vec![("invalid_type", "end_user.id"), ("invalid_format", "end_user.email")]),
            (json!({"provider_config_key": "slack", "credentials": oauth, "webhook_url_override": "no"}), vec![("invalid_format", "webhook_url_override")]),
            (json!({"provider_config_key": "algolia", "credentials": {"type": "API_KEY", "apiKey": "k"}}), vec![("custom", "connection_config.app_id")]),
            (json!({"provider_config_key": "algolia", "credentials": {"type": "API_KEY", "apiKey": "k"}, "connection_config": {"appId": "a/b"}}), vec![("custom", "connection_config.app_id")]),
        ] {
            let (code, errors) = std_error(&client.post("/connections", &body), 400);
            let errors: Vec<(&str, &str)> = errors.iter().map(|(code, path)| (code.as_str(), path.as_str())).collect();
            assert_eq!((code.as_str(), errors), ("invalid_body", codes), "{body}");
        }
        let mismatch = json!({"provider_config_key": "openai", "credentials": oauth});
        assert_eq!(code(&client.post("/connections", &mismatch), 400), "invalid_body");
        let database = json!({"provider_config_key": "postgres", "credentials": oauth});
        assert_eq!(code(&client.post("/connections", &database), 400), "invalid_body");
        let unknown = json!({"provider_config_key": "none", "credentials": oauth});
        assert_eq!(code(&client.post("/connections", &unknown), 404), "not_found");
        assert_eq!(code(&client.send("POST", "/connections", Some("{".into())), 400), "invalid_json");
        assert_eq!(place(&client.send("POST", "/connections", Some(r#"{"tags":{"a":"b","a":"c"}}"#.into())), 400).2, "tags.a");
        assert_eq!(place(&client.post("/connections?x=1", &mismatch), 400).0, "invalid_query_params");
        assert_eq!(client.send("POST", "/connections", Some("x".repeat(300 * 1024))).status, 413);
        assert_eq!(client.get("/connections").ok(200), json!({"connections": []}));
        // And what is right.
        let algolia = import(&client, "algolia", "a", json!({"credentials": {"type": "API_KEY", "apiKey": "k"}, "connection_config": {"appId": "APP1", "other": true}})).ok(201);
        assert_eq!(algolia["connection_config"], json!({"appId": "APP1", "other": true}));
        assert_eq!(app.admin.get("/v1/connections").ok(200)["data"][0]["settings"], json!({"app_id": "APP1"}));
    }

    fn a_key_that_may_import_and_not_read_sees_no_credentials(app: &TestApp) {
        integration(&nango(app), "openai", "openai");
        let importer = app.client(&["environment:connections:create"]);
        let made = import_key(&importer, "openai", "u");
        assert_eq!(made["credentials"], json!({}));
        assert_eq!(code(&importer.get(&at("openai", "u")), 403), "forbidden");
    }
}
