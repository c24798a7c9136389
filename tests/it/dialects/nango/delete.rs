//! `DELETE /connections/{connectionId}`, and what the trash then holds.

use reprieve::http::dialects::NangoGone;

use super::*;

on_both! {
    fn what_a_client_deletes_is_found_in_the_trash_and_comes_back_without_its_secrets(app: &TestApp) {
        let client = nango(app);
        integration(&client, "openai", "openai-prod");
        let before = import_key(&client, "openai-prod", "user-1");
        let path = at("openai-prod", "user-1");
        assert_eq!(client.get(&path).ok(200)["credentials"], json!({"type": "API_KEY", "apiKey": "key-of-openai-prod-user-1"}));

        assert_eq!(client.delete(&path).ok(200), json!({"success": true}));
        assert_eq!(code(&client.get(&path), 404), "not_found");
        assert_eq!(code(&client.delete(&path), 404), "unknown_connection");
        assert_eq!(client.get("/connections").ok(200), json!({"connections": []}));

        let trash = app.admin.get("/v1/trash").ok(200);
        assert_eq!(trash["data"][0]["root"]["external_id"], "user-1");
        let entry = trash["data"][0]["id"].as_str().unwrap();
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);

        assert_eq!(code(&client.get(&path), 424), "invalid_credentials");
        let reader = app.client(&["environment:connections:read"]);
        let after = reader.get(&path).ok(200);
        assert_eq!(after["credentials"], json!({}));
        assert_eq!(after["errors"][0]["type"], "auth");
        assert_eq!(after["id"], before["id"]);
        // Bringing the credentials again is what makes it usable.
        import_key(&client, "openai-prod", "user-1");
        assert_eq!(client.get(&path).ok(200)["credentials"]["apiKey"], "key-of-openai-prod-user-1");
    }

    fn a_connection_of_v1_is_seen_and_deleted(app: &TestApp) {
        let client = nango(app);
        let id = app.sample_connection("warehouse");
        let list = client.get("/connections").ok(200);
        assert_eq!(list["connections"][0]["connection_id"], "ext-warehouse");
        assert_eq!(list["connections"][0]["provider"], "postgres");
        assert_eq!(client.get(&at("postgres", "ext-warehouse")).ok(200)["credentials"], json!({}));
        // It has an external id, so that is what it is called.
        assert_eq!(code(&client.delete(&at("postgres", &id)), 404), "unknown_connection");
        client.delete(&at("postgres", "ext-warehouse")).ok(200);
        let trash = app.admin.get("/v1/trash").ok(200);
        assert_eq!(trash["data"][0]["root"]["id"], json!(id));
        assert_eq!(trash["data"][0]["impact"]["models"], 3);
    }

    fn a_connection_without_an_external_id_is_called_by_its_id(app: &TestApp) {
        let client = nango(app);
        let body = json!({"name": "plain", "connector": "http-bearer", "settings": {"base_url": "https://api.example.com"}, "secrets": {"token": "plain token"}});
        let id = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
        let read = client.get(&at("http-bearer", &id)).ok(200);
        assert_eq!((&read["connection_id"], &read["credentials"]["apiKey"]), (&json!(id), &json!("plain token")));
        for other in [at("http-basic", &id), at("http-bearer", &id.to_uppercase()), at("http-bearer", &id.replace('-', ""))] {
            assert_eq!(code(&client.delete(&other), 404), "unknown_connection", "{other}");
        }
        client.delete(&at("http-bearer", &id)).ok(200);
        assert_eq!(code(&client.get(&at("http-bearer", &id)), 404), "not_found");
    }

    fn delete_without_an_id_deletes_nothing(app: &TestApp) {
        let client = nango(app);
        integration(&client, "openai", "openai-prod");
        import_key(&client, "openai-prod", "user-1");
        for path in ["/connections", "/connections/", "/connection", "/connection/"] {
            for query in ["", "?provider_config_key=openai-prod", "?connectionId=user-1&provider_config_key=openai-prod"] {
                let refused = place(&client.delete(&format!("{path}{query}")), 400);
                assert_eq!(refused, ("invalid_uri_params".into(), "invalid_type".into(), "connectionId".into()));
            }
        }
        assert_eq!(client.get("/connections").ok(200)["connections"].as_array().unwrap().len(), 1);
    }

    fn the_checks_come_in_the_order_of_the_original(app: &TestApp) {
        let gone = at("no-such", "x");
        let bad_path = "/connections/a%25b?provider_config_key=";
        let other = app.client(&["environment:connections:read"]);
        let client = nango(app);
        // 415 before 401, 401 before 403, 403 before the path, the path before the query, the query before the look-up.
        assert_eq!(code(&app.stranger().with("content-type", "text/plain").delete(bad_path), 415), "invalid_content_type");
        assert_eq!(code(&app.stranger().delete(bad_path), 401), "missing_auth_header");
        assert_eq!(code(&other.delete(bad_path), 403), "forbidden");
        assert_eq!(place(&client.delete(bad_path), 400), ("invalid_uri_params".into(), "invalid_format".into(), "connectionId".into()));
        let bad_query = "/connections/x?provider_config_key=%C3%A9";
        assert_eq!(place(&client.delete(bad_query), 400), ("invalid_query_params".into(), "invalid_format".into(), "provider_config_key".into()));
        assert_eq!(code(&client.delete(&gone), 404), "unknown_connection");
        assert_eq!(client.with("content-type", "application/json").delete(&gone).status, 404);
        let message = other.delete(&gone).json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("environment:connections:delete"), "{message}");
    }

    fn keys_that_are_none_are_told_apart(app: &TestApp) {
        let path = at("openai", "x");
        for (header, expected) in [
            ("Bearer ", "malformed_auth_header"),
            ("", "malformed_auth_header"),
            ("Bearer nango_connect_session_abc", "invalid_secret_key_format"),
            ("Bearer 7f1d3c9e-58a5-4d6b-8f55-1f8f7b6a2a11", "invalid_secret_key_format"),
        ] {
            let reply = app.stranger().with("authorization", header).delete(&path);
            assert_eq!(code(&reply, 401), expected, "{header:?}");
        }
        let key = app.admin.key();
        let secret = key.rsplit('_').next().unwrap();
        let changed: String = secret.chars().rev().collect();
        let unknown = app.stranger().with("authorization", &format!("Bearer {}", key.replace(secret, &changed)));
        assert_eq!(code(&unknown.delete(&path), 401), "unknown_account");
        // The word Bearer may be left out.
        assert_eq!(code(&app.stranger().with("authorization", key).delete(&path), 404), "unknown_connection");
    }
}

on_each! {
    fn the_status_of_the_server_can_be_had_instead_of_the_documents(backend: Backend) {
        let app = TestApp::start_with(backend, |config| config.dialects.nango_gone = NangoGone::BadRequest);
        let client = nango(&app);
        assert_eq!(code(&client.delete(&at("openai", "x")), 400), "unknown_connection");
        integration(&client, "openai", "openai");
        assert_eq!(code(&client.get(&at("openai", "x")), 404), "not_found");
    }
}
