//! `GET /connections` and `PATCH /connections`: what a client sees, and where what it sends is kept.

use super::*;

on_both! {
    fn customer_and_webhooks_are_tags_that_everybody_sees(app: &TestApp) {
        let id = app.sample_connection("tagged");
        let client = of_connection(app, &app.admin, &issue(&app.admin, &id));
        let change = |body: Value| client.patch("/connections", &body).ok(200);
        let tags = || app.admin.get(&format!("/v1/connections/{id}")).ok(200)["tags"].clone();
        let seen = || client.get(&format!("/connections/{id}")).ok(200)["data"].clone();

        assert_eq!(change(json!({"customer_id": "acme", "webhooks_disabled": true})), json!({"id": id, "object": "connection", "updated": true}));
        assert_eq!(tags(), json!({"env": "prod", "customer_id": "acme", "webhooks_disabled": "true"}));
        assert_eq!((&seen()["customer_id"], &seen()["webhooks_disabled"]), (&json!("acme"), &json!(true)));
        let found = app.admin.get("/v1/connections?tag=customer_id%3Dacme").ok(200);
        assert_eq!(found["data"][0]["id"], id);

        change(json!({}));
        assert_eq!(tags()["customer_id"], "acme", "what is not named stays");
        change(json!({"customer_id": null, "webhooks_disabled": false}));
        assert_eq!(tags(), json!({"env": "prod"}));
        assert_eq!((&seen()["customer_id"], &seen()["webhooks_disabled"]), (&json!(null), &json!(false)));
        app.admin.patch(&format!("/v1/connections/{id}"), &json!({"tags": {"customer_id": "by /v1"}})).ok(200);
        assert_eq!(seen()["customer_id"], "by /v1");
    }

    fn a_change_that_is_not_valid_names_its_field_and_changes_nothing(app: &TestApp) {
        let id = app.sample_connection("unchanged");
        let client = of_connection(app, &app.admin, &issue(&app.admin, &id));
        let before = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        for (body, field) in [
            (json!({"customer_id": 7}), "json.customer_id"),
            (json!({"customer_id": "x".repeat(256)}), "json.customer_id"),
            (json!({"customer_id": "two\nlines"}), "json.customer_id"),
            (json!({"webhooks_disabled": "yes"}), "json.webhooks_disabled"),
            (json!({"webhooks_disabled": null}), "json.webhooks_disabled"),
            (json!({"nickname": "x"}), "json.nickname"),
            (json!({"tags": {"customer_id": "x"}}), "json.tags"),
            (json!([]), "json._schema"),
            (json!("x"), "json._schema"),
        ] {
            assert_eq!(fields(&client.patch("/connections", &body)), [field], "{body}");
        }
        for body in ["{", "{} {}", "{\"customer_id\": NaN}"] {
            refused(&client.send("PATCH", "/connections", Some(body.to_owned())), 400);
        }
        let large = json!({"customer_id": "x".repeat(70_000)});
        refused(&client.patch("/connections", &large), 413);
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200), before);
    }

    fn tags_have_their_limit_here_too(app: &TestApp) {
        let id = app.sample_connection("full");
        let many: serde_json::Map<String, Value> = (0..49).map(|number| (format!("tag-{number}"), json!("x"))).collect();
        app.admin.patch(&format!("/v1/connections/{id}"), &json!({"tags": many})).ok(200);
        let client = of_connection(app, &app.admin, &issue(&app.admin, &id));
        assert_eq!(fields(&client.patch("/connections", &json!({"customer_id": "one too many"}))), ["json.tags"]);
    }

    fn a_list_goes_on_page_by_page(app: &TestApp) {
        let rows: Vec<String> = (0..205)
            .map(|number| {
                let body = json!({"name": format!("many {number}"), "connector": "exasol", "settings": {"host": "exasol.example.com", "username": "bi"}});
                app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned()
            })
            .collect();
        let client = trackstar(app, &app.client(&["connections:read"]));
        let first = client.get("/connections?page_token=").ok(200);
        assert_eq!((first["data"].as_array().unwrap().len(), &first["total_count"]), (200, &json!(205)));
        let token = first["next_token"].as_str().unwrap();
        let second = client.get(&format!("/connections?page_token={token}")).ok(200);
        assert_eq!((&second["next_token"], &second["total_count"]), (&json!(null), &json!(205)));
        let ids: Vec<&str> = [&first, &second]
            .iter()
            .flat_map(|page| page["data"].as_array().unwrap())
            .map(|one| one["connection_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, rows);
        assert_eq!(fields(&client.get("/connections?page_token=nonsense")), ["query.page_token"]);
        assert_eq!(fields(&client.get("/connections?access_token=x")), ["query.access_token"]);
    }

    fn another_organization_and_a_hostile_id_are_as_unknown_as_any(app: &TestApp) {
        let (north, south) = (app.other_organization("north"), app.other_organization("south"));
        let theirs = south.post("/v1/connections", &postgres_connection("theirs")).ok(201)["id"].as_str().unwrap().to_owned();
        let client = trackstar(app, &north);
        assert_eq!(client.get("/connections").ok(200), json!({"data": [], "next_token": null, "total_count": 0}));
        let foreign = client.get(&format!("/connections/{theirs}"));
        let unknown = client.get(&format!("/connections/{}", uuid::Uuid::now_v7()));
        assert_eq!((refused(&foreign, 404), &foreign.text), (refused(&unknown, 404), &unknown.text));
        for id in ["%2e%2e", "..%2fx", "a%2Fb", "%20", "a%3Fb", &theirs.to_uppercase(), &theirs.replace('-', ""), &format!("%7B{theirs}%7D")] {
            assert_eq!(client.get(&format!("/connections/{id}")).text, unknown.text, "{id}");
        }
        south.delete(&format!("/v1/connections/{theirs}")).ok(200);
        assert_eq!(trackstar(app, &south).get(&format!("/connections/{theirs}")).text, unknown.text, "what is in the trash, too");
    }

    fn neither_credentials_nor_tokens_are_ever_shown(app: &TestApp) {
        let id = app.sample_connection("silent");
        let token = issue(&app.admin, &id);
        let body = json!({"secrets": {"password": "hunter2hunter2"}});
        app.admin.put(&format!("/v1/connections/{id}/secrets"), &body).ok(200);
        let client = of_connection(app, &app.admin, &token);
        for reply in [client.get("/connections"), client.get(&format!("/connections/{id}")), client.patch("/connections", &json!({}))] {
            for text in ["hunter2", "rpt_", token.as_str(), "db.example.com", "\"settings\""] {
                assert!(!reply.text.contains(text), "{text}: {reply:#?}");
            }
        }
    }

    fn what_keeps_a_connection_from_working_is_among_its_errors(app: &TestApp) {
        let id = app.sample_connection("broken");
        let client = trackstar(app, &app.admin);
        let errors = || client.get(&format!("/connections/{id}")).ok(200)["data"]["errors"].clone();
        assert_eq!(errors(), json!([]));
        let entry = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        assert_eq!(errors()[0]["error_message"], "Credentials are missing: Password. Enter them again.");

        app.admin.patch(&format!("/v1/connections/{id}"), &json!({"settings": {"host": "127.0.0.1", "port": 9}, "secrets": {"password": "x"}})).ok(200);
        assert_eq!(errors(), json!([]), "complete, and nobody has tried");
        let tested = app.admin.send("POST", &format!("/v1/connections/{id}/test"), None).ok(200);
        let error = errors()[0].clone();
        assert_eq!(tested["status"], "failing", "{tested}");
        assert_eq!(error["error_message"], tested["detail"]);
        assert_eq!((&error["first_seen"], &error["last_seen"]), (&tested["at"], &tested["at"]));
        assert_eq!(error["affected_endpoints"], json!([]));
    }
}
