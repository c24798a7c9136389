//! What keys may do: scopes, organizations, and how often.

use std::num::NonZeroU32;

use super::*;

const CALLS: &[(&str, &str)] = &[
    ("GET", "/connections"),
    ("GET", "/connections/u?provider_config_key=openai"),
    ("POST", "/connections"),
    ("PATCH", "/connections/u?provider_config_key=openai"),
    ("POST", "/connections/metadata"),
    ("PATCH", "/connections/metadata"),
    ("DELETE", "/connections/none?provider_config_key=openai"),
    ("DELETE", "/connections"),
    ("GET", "/integrations"),
    ("GET", "/integrations/openai"),
    ("POST", "/integrations"),
    ("PATCH", "/integrations/none"),
    ("DELETE", "/integrations/none"),
];

on_both! {
    fn each_word_of_nangos_admits_its_calls_and_no_other(app: &TestApp) {
        let all = nango(app);
        integration(&all, "openai", "openai");
        import_key(&all, "openai", "u");
        // `list` and `read` are one right here, and so are both with credentials as far as lists go.
        for (word, admitted) in [
            ("environment:connections:list", &[0, 1][..]),
            ("environment:connections:list_credentials", &[0, 1]),
            ("environment:connections:read", &[0, 1]),
            ("environment:connections:read_credentials", &[0, 1]),
            ("environment:connections:create", &[2, 3, 4, 5]),
            ("environment:connections:update", &[3, 4, 5]),
            ("environment:connections:delete", &[6, 7]),
            ("environment:integrations:list", &[8, 9]),
            ("environment:integrations:read", &[8, 9]),
            ("environment:integrations:create", &[10, 11]),
            ("environment:integrations:update", &[10, 11]),
            ("environment:integrations:delete", &[12]),
            ("environment:connect_sessions:write", &[]),
            ("trash:*", &[]),
        ] {
            let client = app.client(&[word]);
            for (index, (method, path)) in CALLS.iter().enumerate() {
                let body = matches!(*method, "POST" | "PATCH").then(|| "{}".to_owned());
                let reply = client.send(method, path, body);
                if admitted.contains(&index) {
                    assert_ne!(reply.status, 403, "{word} {method} {path}");
                } else {
                    assert_eq!(code(&reply, 403), "forbidden", "{word} {method} {path}");
                }
            }
        }
    }

    fn two_organizations_with_the_same_ids_never_meet(app: &TestApp) {
        let ours = nango(app);
        let theirs = app.other_organization("other");
        for client in [&ours, &theirs] {
            integration(client, "openai", "openai");
            import_key(client, "openai", "u");
        }
        theirs.patch(&at("openai", "u"), &json!({"tags": {"whose": "theirs"}})).ok(200);
        theirs.post("/connections/metadata", &json!({"connection_id": "u", "provider_config_key": "openai", "metadata": {"whose": "theirs"}})).ok(201);
        let before = ours.get(&at("openai", "u")).ok(200);
        assert_eq!((&before["tags"], &before["metadata"]), (&json!({}), &json!({})));
        theirs.delete(&at("openai", "u")).ok(200);
        theirs.delete("/integrations/openai").ok(200);
        assert_eq!(ours.get(&at("openai", "u")).ok(200), before);
        assert_eq!(ours.get("/integrations").ok(200)["data"].as_array().unwrap().len(), 1);
        assert_eq!(theirs.get("/connections").ok(200), json!({"connections": []}));
        // What another organization has is not there: not by its id either.
        let id = app.admin.get("/v1/connections").ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(code(&theirs.delete(&at("openai", &id)), 404), "unknown_connection");
    }

    fn no_secret_is_in_a_list_an_error_or_a_log_of_changes(app: &TestApp) {
        let client = nango(app);
        integration(&client, "slack", "slack");
        let body = json!({"provider_config_key": "slack", "connection_id": "u", "credentials": {"type": "OAUTH2", "access_token": "canary-access", "raw": {"x": "canary-raw"}}, "connection_config": {"k": "canary-config"}});
        client.post("/connections", &body).ok(201);
        let wrong = json!({"provider_config_key": "slack", "credentials": {"type": "OAUTH2", "access_token": "canary-wrong", "canary key with spaces": "canary-value"}});
        let refused = client.post("/connections", &wrong);
        assert_eq!(place(&refused, 400).1, "unrecognized_keys");
        for reply in [
            refused,
            client.get("/connections"),
            client.patch(&at("slack", "u"), &json!({"tags": {}})),
            app.client(&["environment:connections:read"]).get(&at("slack", "u")),
            app.admin.get("/v1/connections"),
            app.admin.get("/v1/audit"),
            app.admin.get("/v1/events"),
        ] {
            assert!(!reply.text.contains("canary"), "{reply:#?}");
        }
    }
}

on_each! {
    fn too_many_requests_are_told_when_to_come_again(backend: Backend) {
        let app = TestApp::start_with(backend, |config| config.dialects.requests_per_minute = NonZeroU32::new(2));
        let client = nango(&app);
        client.get("/connections").ok(200);
        client.get("/connections").ok(200);
        let refused = client.delete("/connections/a%25b");
        assert_eq!(code(&refused, 429), "too_many_request");
        assert_eq!(refused.header("x-ratelimit-limit"), Some("2"));
        assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
        assert!(refused.header("x-ratelimit-reset").is_some() && refused.header("retry-after").is_some());
        // 429 comes before the scope, and after the key.
        assert_eq!(code(&app.stranger().get("/connections"), 401), "missing_auth_header");
    }
}
