//! `PATCH /connections/{connectionId}` and metadata.

use super::*;

fn imported(app: &TestApp, ids: &[&str]) -> Client {
    let client = nango(app);
    integration(&client, "openai", "openai");
    for id in ids {
        import_key(&client, "openai", id);
    }
    client
}

on_both! {
    fn tags_and_the_end_user_are_changed_apart(app: &TestApp) {
        let client = imported(app, &["u"]);
        let path = at("openai", "u");
        let tags = || client.get(&path).ok(200)["tags"].clone();
        for (patch, expected) in [
            (json!({"end_user": {"id": "e-1", "email": "a@b.example", "tags": {"from": "user"}}}), json!({"end_user_email": "a@b.example", "end_user_id": "e-1", "from": "user"})),
            (json!({"tags": {"Env": "prod"}}), json!({"end_user_email": "a@b.example", "end_user_id": "e-1", "env": "prod"})),
            (json!({"end_user": {"id": "e-2", "organization": {"id": "o"}}}), json!({"end_user_id": "e-2", "env": "prod", "organization_id": "o"})),
            (json!({}), json!({"end_user_id": "e-2", "env": "prod", "organization_id": "o"})),
            (json!({"webhook_url_override": "https://hooks.example/x"}), json!({"end_user_id": "e-2", "env": "prod", "organization_id": "o"})),
            (json!({"tags": {}}), json!({"end_user_id": "e-2", "organization_id": "o"})),
        ] {
            assert_eq!(client.patch(&path, &patch).ok(200), json!({"success": true}));
            assert_eq!(tags(), expected, "{patch}");
        }
        assert_eq!(client.get(&path).ok(200)["credentials"]["apiKey"], "key-of-openai-u");
        assert_eq!(client.get(&path).ok(200)["end_user"], json!({"id": "e-2", "display_name": null, "email": null, "tags": {}, "organization": {"id": "o", "display_name": null}}));
    }

    fn a_patch_is_refused_as_the_original_does(app: &TestApp) {
        let client = imported(app, &["u"]);
        let patch = json!({"tags": {"a": "b"}});
        assert_eq!(code(&client.patch(&at("none", "u"), &patch), 400), "unknown_provider_config");
        assert_eq!(code(&client.patch(&at("openai", "v"), &patch), 404), "not_found");
        assert_eq!(place(&client.patch("/connections/u", &patch), 400).0, "invalid_query_params");
        assert_eq!(place(&client.patch(&at("openai", "u"), &json!({"metadata": {}})), 400).1, "unrecognized_keys");
        assert_eq!(code(&client.send("PATCH", &at("openai", "u"), Some("nope".into())), 400), "invalid_json");
        let eleven: serde_json::Map<String, serde_json::Value> = (0..11).map(|n| (format!("t{n}"), json!("x"))).collect();
        assert_eq!(place(&client.patch(&at("openai", "u"), &json!({"tags": eleven})), 400).2, "tags");
        let reader = app.client(&["environment:connections:read"]);
        assert_eq!(code(&reader.patch(&at("openai", "u"), &patch), 403), "forbidden");
    }

    fn metadata_is_replaced_or_merged_at_its_top_level(app: &TestApp) {
        let client = imported(app, &["a", "b"]);
        let metadata = |id: &str| client.get(&at("openai", id)).ok(200)["metadata"].clone();
        let body = json!({"connection_id": "a", "provider_config_key": "openai", "metadata": {"x": {"y": 1}, "z": null}});
        assert_eq!(client.post("/connections/metadata", &body).ok(201), body);
        assert_eq!(metadata("a"), json!({"x": {"y": 1}, "z": null}));
        let body = json!({"connection_id": ["b", "a", "a"], "provider_config_key": "openai", "metadata": {"x": {"w": 2}}});
        assert_eq!(client.patch("/connections/metadata", &body).ok(200), body);
        assert_eq!(metadata("a"), json!({"x": {"w": 2}, "z": null}));
        assert_eq!(metadata("b"), json!({"x": {"w": 2}}));
        // Numbers are not rounded.
        let text = r#"{"connection_id":"a","provider_config_key":"openai","metadata":{"n":123456789012345678901234567890,"m":0.1000}}"#;
        assert_eq!(client.send("POST", "/connection/metadata", Some(text.into())).status, 201);
        assert!(client.get(&at("openai", "a")).text.contains(r#""metadata":{"n":123456789012345678901234567890,"m":0.1000}"#));
    }

    fn of_several_connections_all_are_changed_or_none(app: &TestApp) {
        let client = imported(app, &["a"]);
        for method in ["POST", "PATCH"] {
            let body = json!({"connection_id": ["a", "zzz"], "provider_config_key": "openai", "metadata": {"x": 1}});
            assert_eq!(code(&client.send(method, "/connections/metadata", Some(body.to_string())), 404), "unknown_connection");
            assert_eq!(client.get(&at("openai", "a")).ok(200)["metadata"], json!({}));
            let body = json!({"connection_id": "a", "provider_config_key": "none", "metadata": {"x": 1}});
            assert_eq!(code(&client.send(method, "/connections/metadata", Some(body.to_string())), 404), "unknown_connection");
            let (refused, errors) = std_error(&client.send(method, "/connections/metadata", Some("{}".into())), 400);
            assert_eq!((refused.as_str(), errors.len()), ("invalid_body", 3));
            let body = json!({"connection_id": ["a", 7], "provider_config_key": "openai", "metadata": {}});
            assert_eq!(place(&client.send(method, "/connections/metadata", Some(body.to_string())), 400).2, "connection_id.1");
        }
    }
}
