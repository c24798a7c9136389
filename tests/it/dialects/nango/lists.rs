//! `GET /connections` and the options of `GET /connections/{connectionId}`.

use super::*;

fn ids(reply: &Reply) -> Vec<String> {
    let list = reply.ok(200);
    let rows = list["connections"].as_array().unwrap();
    rows.iter()
        .map(|row| row["connection_id"].as_str().unwrap().to_owned())
        .collect()
}

fn three(client: &Client) {
    for (key, id, user, tags) in [
        (
            "openai",
            "first",
            json!({"id": "u-1", "email": "Ann@Example.com", "display_name": "Ann É"}),
            json!({"env": "prod", "tier": "a:b"}),
        ),
        (
            "openai",
            "second",
            json!({"id": "u-2", "organization": {"id": "o-1"}}),
            json!({"env": "prod"}),
        ),
        ("sendgrid", "first", json!({"id": "u-1"}), json!({})),
    ] {
        let body = json!({"provider_config_key": key, "connection_id": id, "credentials": {"type": "API_KEY", "apiKey": "k"}, "end_user": user, "tags": tags});
        client.post("/connections", &body).ok(201);
    }
}

on_both! {
    fn a_list_is_narrowed_by_what_clients_know(app: &TestApp) {
        let client = nango(app);
        integration(&client, "openai", "openai");
        integration(&client, "sendgrid", "sendgrid");
        three(&client);
        for (query, expected) in [
            ("", vec!["first", "second", "first"]),
            ("?connectionId=first", vec!["first", "first"]),
            ("?connectionId=firs", vec![]),
            ("?search=FIR", vec!["first", "first"]),
            ("?search=ann@", vec!["first"]),
            ("?search=%C3%A9", vec!["first"]),
            ("?search=nobody", vec![]),
            ("?endUserId=u-1", vec!["first", "first"]),
            ("?endUserOrganizationId=o-1", vec!["second"]),
            ("?integrationId=openai", vec!["second", "first"]),
            ("?integrationId=openai,sendgrid", vec!["first", "second", "first"]),
            ("?integrationId=none", vec![]),
            ("?tags[env]=prod", vec!["second", "first"]),
            ("?tags%5Benv%5D=prod&tags[tier]=a:b", vec!["first"]),
            ("?tags[ENV]=prod&tags[tier]=a", vec![]),
            ("?limit=2", vec!["first", "second"]),
            ("?limit=2&page=1", vec!["first"]),
            ("?limit=2&page=2", vec![]),
            ("?search=first&limit=1&page=1", vec!["first"]),
            ("?search=first&limit=1&page=2", vec![]),
        ] {
            assert_eq!(ids(&client.get(&format!("/connections{query}"))), expected, "{query}");
            assert_eq!(ids(&client.get(&format!("/connection{query}"))), expected, "{query}");
        }
        let list = client.get("/connections?limit=1");
        assert!(!list.text.contains("apiKey"), "{list:#?}");
        let row = &list.ok(200)["connections"][0];
        let members: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(members, ["connection_id", "created", "end_user", "errors", "id", "metadata", "provider", "provider_config_key", "tags"]);
        assert!(row["created"].as_str().unwrap().ends_with('Z'));
        assert_eq!(row["end_user"], json!({"id": "u-1", "display_name": null, "email": null, "tags": {}, "organization": null}));
    }

    fn what_is_wrong_with_a_query_is_told_at_its_place(app: &TestApp) {
        let client = nango(app);
        for (query, code, path) in [
            ("?colour=1", "unrecognized_keys", ""),
            ("?limit=0", "too_small", "limit"),
            ("?limit=2001", "too_big", "limit"),
            ("?limit=ten", "invalid_type", "limit"),
            ("?page=-1", "too_small", "page"),
            ("?search=a&search=b", "invalid_type", "search"),
            ("?search=", "too_small", "search"),
            ("?tags[1x]=a", "invalid_key", "tags.1x"),
            ("?tags[]=a", "invalid_key", "tags."),
            ("?tags=a", "unrecognized_keys", ""),
        ] {
            let expected = ("invalid_query_params".to_owned(), code.to_owned(), path.to_owned());
            assert_eq!(place(&client.get(&format!("/connections{query}")), 400), expected, "{query}");
        }
    }

    fn reading_one_is_refused_as_the_original_does(app: &TestApp) {
        let client = nango(app);
        integration(&client, "openai", "openai");
        import_key(&client, "openai", "u");
        // The query before the path.
        assert_eq!(place(&client.get("/connections/a%25b"), 400).0, "invalid_query_params");
        assert_eq!(place(&client.get("/connections/a%25b?provider_config_key=openai"), 400).0, "invalid_uri_params");
        assert_eq!(code(&client.get(&at("none", "u")), 400), "unknown_provider_config");
        assert_eq!(code(&client.get(&at("openai", "v")), 404), "not_found");
        let path = at("openai", "u");
        assert_eq!(place(&client.get(&format!("{path}&force_refresh=maybe")), 400).2, "force_refresh");
        let reader = app.client(&["environment:connections:read"]);
        for option in ["force_refresh=true", "refresh_token=1", "refresh_github_app_jwt_token=yes"] {
            assert_eq!(code(&reader.get(&format!("{path}&{option}")), 403), "forbidden", "{option}");
        }
        let all_off = "force_refresh=false&refresh_token=false&refresh_github_app_jwt_token=false";
        assert_eq!(reader.get(&format!("{path}&{all_off}")).ok(200)["credentials"], json!({}));
        assert_eq!(client.get(&format!("{path}&{all_off}")).ok(200)["credentials"]["type"], "API_KEY");
        client.get("/connection/u?provider_config_key=openai").ok(200);
    }

    fn reading_credentials_is_on_record(app: &TestApp) {
        let client = nango(app);
        integration(&client, "openai", "openai");
        import_key(&client, "openai", "u");
        app.client(&["environment:connections:read"]).get(&at("openai", "u")).ok(200);
        let reads = || app.admin.get("/v1/audit?action=connection.secrets_read").ok(200)["data"].as_array().unwrap().len();
        let before = reads();
        client.get(&at("openai", "u")).ok(200);
        assert_eq!(reads(), before + 1);
    }

    fn whoever_names_what_is_in_the_trash_is_counted_as_its_user(app: &TestApp) {
        let client = nango(app);
        integration(&client, "openai", "openai");
        import_key(&client, "openai", "u");
        client.delete(&at("openai", "u")).ok(200);
        client.delete(&at("openai", "u"));
        client.get(&at("openai", "u"));
        app.services.uses.flush(&app.services.store).unwrap();
        let entry = app.admin.get("/v1/trash").ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        // The read counts, the second delete does not.
        assert_eq!(app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["uses"]["count"], 1);
    }
}
