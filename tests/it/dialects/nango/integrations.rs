//! `/integrations` and `/providers`.

use super::*;

const OAUTH: &str = "client-secret-of-slack";

fn slack(client: &Client) -> serde_json::Value {
    let body = json!({
        "provider": "slack", "unique_key": "slack-eu", "display_name": "Slack (EU)",
        "credentials": {"type": "OAUTH2", "client_id": "id-1", "client_secret": OAUTH, "scopes": "chat:write,users:read"},
    });
    client.post("/integrations", &body).ok(200)
}

fn redacted(mut value: serde_json::Value) -> serde_json::Value {
    for member in ["created_at", "updated_at"] {
        if let Some(at) = value["data"].get_mut(member) {
            assert!(at.as_str().unwrap().ends_with('Z'));
            *at = json!("[time]");
        }
    }
    value
}

on_both! {
    fn an_integration_is_made_read_changed_and_listed(app: &TestApp) {
        let client = nango(app);
        let made = redacted(slack(&client));
        assert_eq!(made, json!({"data": {
            "unique_key": "slack-eu", "provider": "slack", "display_name": "Slack (EU)", "logo": "",
            "forward_webhooks": true, "created_at": "[time]", "updated_at": "[time]",
        }}));
        assert_eq!(redacted(client.get("/integrations/slack-eu").ok(200)), made);
        assert_eq!(client.get("/integrations").ok(200)["data"].as_array().unwrap().len(), 1);
        let whole = client.get("/integrations/slack-eu?include=webhook&include=credentials").ok(200);
        assert_eq!(whole["data"]["credentials"], json!({"type": "OAUTH2", "client_id": "id-1", "client_secret": OAUTH, "scopes": "chat:write,users:read"}));
        assert_eq!(whole["data"]["webhook_url"], json!(null));
        assert!(whole["data"].as_object().unwrap().contains_key("webhook_url"));

        let patch = json!({"display_name": "Slack", "forward_webhooks": false, "credentials": {"type": "OAUTH2", "client_id": "id-2", "client_secret": "another-client-secret"}});
        let changed = client.patch("/integrations/slack-eu", &patch).ok(200);
        assert_eq!((&changed["data"]["display_name"], &changed["data"]["forward_webhooks"]), (&json!("Slack"), &json!(false)));
        let credentials = &client.get("/integrations/slack-eu?include=credentials").ok(200)["data"]["credentials"];
        assert_eq!((&credentials["client_id"], &credentials["client_secret"]), (&json!("id-2"), &json!("another-client-secret")));
        // In /v1 it is an integration like any other, its client secret a secret.
        let native = app.admin.get("/v1/integrations/slack-eu").ok(200);
        assert_eq!(native["connector"], "nango-oauth2");
        assert_eq!(native["secrets"]["client_secret"]["set"], true);
        assert_eq!(native["settings"]["provider"], "slack");
    }

    fn without_the_scope_credentials_are_left_out_and_nothing_is_said(app: &TestApp) {
        slack(&nango(app));
        let reader = app.client(&["environment:integrations:read"]);
        let read = reader.get("/integrations/slack-eu?include=credentials").ok(200);
        assert!(!read["data"].as_object().unwrap().contains_key("credentials"));
        assert!(!read.to_string().contains(OAUTH));
        assert!(!nango(app).get("/integrations").text.contains(OAUTH));
    }

    fn what_is_wrong_with_an_integration_is_told_at_its_place(app: &TestApp) {
        let client = nango(app);
        slack(&client);
        let invalid = |code: &str, path: &str| ("invalid_body".to_owned(), code.to_owned(), path.to_owned());
        for (body, code, path) in [
            (json!({"unique_key": "x"}), "invalid_type", "provider"),
            (json!({"provider": "no-such", "unique_key": "x"}), "custom", "provider"),
            (json!({"provider": "slack"}), "invalid_type", "unique_key"),
            (json!({"provider": "slack", "unique_key": "a/b"}), "invalid_format", "unique_key"),
            (json!({"provider": "slack", "unique_key": "slack-eu"}), "custom", "unique_key"),
            (json!({"provider": "slack", "unique_key": "github"}), "custom", "unique_key"),
            (json!({"provider": "slack", "unique_key": "x", "colour": 1}), "unrecognized_keys", ""),
            (json!({"provider": "slack", "unique_key": "x", "credentials": {"type": "APP", "app_id": "1"}}), "custom", "credentials.type"),
            (json!({"provider": "slack", "unique_key": "x", "credentials": {"type": "OAUTH2", "client_id": "1"}}), "invalid_type", "credentials.client_secret"),
            (json!({"provider": "slack", "unique_key": "x", "forward_webhooks": "yes"}), "invalid_type", "forward_webhooks"),
        ] {
            assert_eq!(place(&client.post("/integrations", &body), 400), invalid(code, path), "{body}");
        }
        assert_eq!(place(&client.patch("/integrations/slack-eu", &json!({"unique_key": "other"})), 400), invalid("custom", "unique_key"));
        assert_eq!(code(&client.patch("/integrations/none", &json!({})), 404), "not_found");
        assert_eq!(code(&client.get("/integrations/none"), 404), "not_found");
        assert_eq!(code(&client.delete("/integrations/none"), 404), "not_found");
        assert_eq!(place(&client.get("/integrations/slack-eu?include=all"), 400).2, "include.0");
        assert_eq!(place(&client.get("/integrations?x=1"), 400).1, "unrecognized_keys");
    }

    fn deleting_an_integration_is_one_deletion_and_a_restore_brings_all_back(app: &TestApp) {
        let client = nango(app);
        slack(&client);
        for id in ["u-1", "u-2"] {
            let body = json!({"provider_config_key": "slack-eu", "connection_id": id, "credentials": {"type": "OAUTH2", "access_token": format!("access-token-{id}")}});
            client.post("/connections", &body).ok(201);
        }
        assert_eq!(client.delete("/integrations/slack-eu").ok(200), json!({"success": true}));
        assert_eq!(client.get("/connections").ok(200)["connections"], json!([]));
        assert_eq!(code(&client.get(&at("slack-eu", "u-1")), 400), "unknown_provider_config");
        assert_eq!(code(&client.delete(&at("slack-eu", "u-1")), 404), "unknown_connection");
        assert_eq!(code(&client.delete("/integrations/slack-eu"), 404), "not_found");
        let trash = app.admin.get("/v1/trash").ok(200);
        let [entry] = trash["data"].as_array().unwrap().as_slice() else { panic!("{trash}") };
        assert_eq!((&entry["root"]["kind"], &entry["impact"]["connections"]), (&json!("integration"), &json!(2)));
        let id = entry["id"].as_str().unwrap();
        app.admin.post(&format!("/v1/trash/{id}/restore"), &json!({})).ok(200);
        assert_eq!(client.get("/integrations/slack-eu").ok(200)["data"]["display_name"], "Slack (EU)");
        // The client id came back, its secret did not.
        let credentials = &client.get("/integrations/slack-eu?include=credentials").ok(200)["data"]["credentials"];
        assert_eq!(credentials, &json!({"type": "OAUTH2", "client_id": "id-1", "scopes": "chat:write,users:read"}));
        assert_eq!(client.get("/connections").ok(200)["connections"].as_array().unwrap().len(), 2);
        assert_eq!(code(&client.get(&at("slack-eu", "u-1")), 424), "invalid_credentials");
    }

    fn a_provider_that_is_a_connector_of_ours_uses_it(app: &TestApp) {
        let client = nango(app);
        integration(&client, "github", "github");
        assert_eq!(app.admin.get("/v1/integrations/github").ok(200)["connector"], "github");
        let body = json!({"provider_config_key": "github", "connection_id": "u-1", "credentials": {"type": "OAUTH2", "access_token": "gho_abc"}});
        client.post("/connections", &body).ok(201);
        let id = app.admin.get("/v1/connections").ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200)["secrets"], json!({"token": "gho_abc"}));
        assert_eq!(client.get(&at("github", "u-1")).ok(200)["credentials"]["access_token"], "gho_abc");
    }

    fn providers_are_there_for_any_key(app: &TestApp) {
        let client = app.client(&["trash:read"]);
        let all = client.get("/providers").ok(200);
        let mut modes: Vec<&str> = all["data"].as_array().unwrap().iter().map(|it| it["auth_mode"].as_str().unwrap()).collect();
        modes.sort_unstable();
        modes.dedup();
        assert_eq!(modes, ["API_KEY", "APP", "AWS_SIGV4", "BASIC", "BILL", "CUSTOM", "JWT", "NONE", "OAUTH1", "OAUTH2", "OAUTH2_CC", "SIGNATURE", "TBA", "TWO_STEP"]);
        let found = client.get("/providers?search=Algo").ok(200);
        assert_eq!(found["data"].as_array().unwrap().len(), 1);
        insta::allow_duplicates! { insta::assert_snapshot!(serde_json::to_string_pretty(&client.get("/providers/algolia").ok(200)).unwrap(), @r#"
        {
          "data": {
            "auth_mode": "API_KEY",
            "categories": [
              "dev-tools",
              "search"
            ],
            "connection_config": {
              "appId": {
                "description": "The ID of the application, part of the address of its API.",
                "optional": false,
                "title": "Application ID",
                "type": "string"
              },
              "ca_certificate": {
                "description": "The public certificate of the authority that signed the server's, in PEM form.",
                "optional": true,
                "title": "CA certificate",
                "type": "string"
              },
              "index": {
                "description": "The index to use when a request names none.",
                "optional": true,
                "title": "Index",
                "type": "string"
              }
            },
            "credentials": {
              "apiKey": {
                "description": "An API key with the rights that are needed.",
                "optional": false,
                "title": "API key",
                "type": "string"
              }
            },
            "display_name": "Algolia",
            "docs": "https://www.algolia.com/doc/",
            "name": "algolia"
          }
        }
        "#); }
        assert_eq!(code(&client.get("/providers/none"), 404), "not_found");
        assert_eq!(place(&client.get("/providers/a%2Fb"), 400).0, "invalid_uri_params");
        assert_eq!(place(&client.get("/providers?limit=1"), 400).1, "unrecognized_keys");
        assert_eq!(code(&app.stranger().get("/providers"), 401), "missing_auth_header");
    }
}

on_both! {
    fn what_belongs_to_an_integration_is_never_asked_of_a_connection(app: &TestApp) {
        let client = nango(app);
        slack(&client);
        let new = |extra: serde_json::Value| {
            let mut body = json!({"name": "n", "connector": "nango-oauth2", "integration": "slack-eu", "secrets": {"access_token": "a"}});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            app.admin.post("/v1/connections", &body)
        };
        assert_eq!(new(json!({"settings": {"provider": "x"}})).field_errors(), [("/settings/provider".to_owned(), "unknown_setting".to_owned())]);
        assert_eq!(new(json!({"secrets": {"client_secret": "x"}})).field_errors(), [("/secrets/client_secret".to_owned(), "unknown_secret".to_owned())]);
        let made = new(json!({})).ok(201);
        let fields: Vec<&String> = made["secrets"].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["access_token", "config_override", "raw", "refresh_token"]);
        let path = format!("/v1/connections/{}/secrets", made["id"].as_str().unwrap());
        app.admin.put(&path, &json!({"secrets": {"webhook_secret": "x"}})).problem(422, "invalid_input");
    }
}
