//! Changes: `ETag`s, merge patches, upserts.

use serde_json::Value;

use super::kit::*;
use super::routes::Samples;
use crate::support::*;

fn etag(reply: &Reply) -> String {
    reply
        .header("etag")
        .unwrap_or_else(|| panic!("no ETag: {reply:#?}"))
        .to_owned()
}

on_both! {
    fn an_etag_lets_a_change_through_once(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let organization = format!("/v1/organizations/{}", samples.organization);
        for (path, change) in [
            (format!("/v1/connections/{}", samples.connection), json!({"name": "a"})),
            (format!("/v1/models/{}", samples.model), json!({"name": "a"})),
            (format!("/v1/content/{}", samples.content), json!({"name": "a"})),
            (organization, json!({"display_name": "a"})),
        ] {
            let read = app.admin.get(&path);
            let seen = etag(&read);
            assert_eq!(seen, format!("\"{}\"", read.json()["version"]));
            let client = app.admin.with("if-match", &seen);
            let changed = client.patch(&path, &change).sound();
            assert_ne!(etag(&changed), seen);
            assert_eq!(etag(&changed), etag(&app.admin.get(&path)));
            let late = client.patch(&path, &change).sound();
            assert_eq!(late.problem(412, "version_mismatch")["version"], changed.ok(200)["version"]);
            app.admin.with("if-match", "*").patch(&path, &change).sound().ok(200);
        }
        let path = format!("/v1/connections/{}", samples.connection);
        let old = app.admin.with("if-match", "\"1\"");
        old.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "x"}})).sound().problem(412, "version_mismatch");
        for root in [path, format!("/v1/models/{}", samples.model), format!("/v1/content/{}", samples.content)] {
            old.delete(&root).sound().problem(412, "version_mismatch");
        }
    }

    fn an_etag_from_before_a_deletion_fails_after_the_restore(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        for path in [
            format!("/v1/content/{}", samples.content),
            format!("/v1/models/{}", samples.model),
            format!("/v1/connections/{}", samples.connection),
        ] {
            let seen = etag(&app.admin.get(&path));
            let entry = app.admin.delete(&path).sound().text_of("id");
            app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).sound().ok(200);
            let old = app.admin.with("if-match", &seen);
            old.patch(&path, &json!({"name": "late"})).sound().problem(412, "version_mismatch");
            old.delete(&path).sound().problem(412, "version_mismatch");
        }
    }

    fn a_change_that_changes_nothing_leaves_version_and_trail_alone(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let connection = format!("/v1/connections/{}", samples.connection);
        settle(app);
        let before = dump(app, None);
        let same = json!({"name": "warehouse", "tags": {"env": "prod"}, "metadata": {"owner": "data team"}, "settings": {"port": 5432}, "deletion_protection": false});
        for (path, body) in [
            (connection.clone(), json!({})),
            (connection.clone(), same),
            (format!("/v1/models/{}", samples.model), json!({"name": "orders"})),
            (format!("/v1/content/{}", samples.content), json!({"name": "revenue", "model_id": samples.model, "body": {}})),
        ] {
            let reply = app.admin.patch(&path, &body).sound();
            assert_eq!(reply.ok(200)["version"], 1, "{reply:#?}");
            assert_eq!(etag(&reply), "\"1\"");
        }
        app.admin.put(&format!("{connection}/models/m-1"), &json!({"name": "orders"})).sound().ok(200);
        app.admin.put(&format!("{connection}/content/c-1"), &json!({"name": "revenue"})).sound().ok(200);
        assert_eq!(dump(app, None), before);
    }

    fn a_merge_patch_changes_what_it_names_and_not_a_byte_more(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let (models, connection) = (format!("/v1/connections/{id}/models"), format!("/v1/connections/{id}"));
        let body = r#"{"z": 0.1000 ,"nest":{"a":1,"b":[1, 2],"c":"x"},"list":[1, {"k":null}],"big":123456789012345678901234567890}"#;
        let patch = r#"{"nest":{"a":null,"b":[3],"n":{"d":null,"e":1}},"gone":null,"list":[null, 2]}"#;
        let patched = r#""big":123456789012345678901234567890"#;
        let made = app.admin.send("POST", &models, Some(format!("{{\"name\":\"m\",\"body\":{body}}}"))).sound();
        let model = format!("/v1/models/{}", made.text_of("id"));
        let changed = app.admin.send("PATCH", &model, Some(format!("{{\"body\":{patch}}}"))).sound();
        assert_eq!(
            changed.ok(200)["body"],
            json!({"z": 0.1, "nest": {"b": [3], "c": "x", "n": {"e": 1}}, "list": [null, 2], "big": 123_456_789_012_345_678_901_234_567_890_f64})
        );
        for untouched in ["0.1000", patched, "\"c\":\"x\"", "[null, 2]"] {
            assert!(changed.text.contains(untouched), "{untouched} in {changed:#?}");
        }
        app.admin.patch(&model, &json!({"body": [1, null]})).sound().ok(200);
        assert_eq!(app.admin.patch(&model, &json!({"body": {"a": {"b": null, "c": 1}}})).sound().ok(200)["body"], json!({"a": {"c": 1}}));

        let patch = json!({
            "tags": {"env": null, "team": "bi"},
            "metadata": {"owner": null, "on call": {"mon": "ana", "tue": null}},
            "settings": {"port": null, "schema": "public"},
            "external_id": null,
        });
        // The port's default is the port it had: no destination changes.
        let changed = app.admin.patch(&connection, &patch).sound().ok(200);
        assert_eq!(changed["tags"], json!({"team": "bi"}));
        assert_eq!(changed["metadata"], json!({"on call": {"mon": "ana"}}));
        assert_eq!(changed["settings"], json!({"host": "db.example.com", "database": "sales", "username": "bi", "schema": "public"}));
        assert_eq!((&changed["external_id"], &changed["name"], &changed["version"]), (&Value::Null, &json!("warehouse"), &json!(2)));
        let required = app.admin.patch(&connection, &json!({"settings": {"host": null}})).sound();
        assert_eq!(required.field_errors(), [("/settings/host".to_owned(), "missing_setting".to_owned())]);
    }

    fn null_is_refused_where_a_member_cannot_be_removed(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let connection = format!("/v1/connections/{}", samples.connection);
        for member in ["name", "settings", "tags", "metadata", "deletion_protection"] {
            let reply = app.admin.patch(&connection, &json!({ member: null })).sound();
            reply.problem(422, "invalid_input");
            assert_eq!(reply.field_errors()[0].0, format!("/{member}"), "{reply:#?}");
        }
        for path in [format!("/v1/models/{}", samples.model), format!("/v1/content/{}", samples.content)] {
            for member in ["name", "kind", "deletion_protection"] {
                let reply = app.admin.patch(&path, &json!({ member: null })).sound();
                reply.problem(422, "invalid_input");
                assert_eq!(reply.field_errors()[0].0, format!("/{member}"), "{reply:#?}");
            }
        }
        let organization = format!("/v1/organizations/{}", samples.organization);
        let reply = app.admin.patch(&organization, &json!({"display_name": null})).sound();
        assert_eq!(reply.field_errors(), [("/display_name".to_owned(), "wrong_type".to_owned())]);

        let content = format!("/v1/content/{}", samples.content);
        app.admin.patch(&content, &json!({"body": {"a": 1}})).sound().ok(200);
        let without = app.admin.patch(&content, &json!({"body": null, "external_id": null, "model_id": null})).sound().ok(200);
        assert_eq!((&without["body"], &without["external_id"], &without["model_id"]), (&json!({}), &Value::Null, &Value::Null));
    }

    fn a_merge_patch_may_say_so_in_its_content_type(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let client = app.admin.with("content-type", "application/merge-patch+json");
        client.patch(&format!("/v1/connections/{id}"), &json!({"name": "renamed"})).sound().ok(200);
    }

    fn an_upsert_creates_then_changes(app: &TestApp) {
        let path = "/v1/integrations/postgres/connections/erp";
        let mut body = postgres_connection("erp");
        body["external_id"] = "erp".into();
        let made = app.admin.put(path, &body).sound();
        let id = made.ok(201)["id"].clone();
        assert_eq!(made.header("location"), Some(format!("/v1/connections/{}", id.as_str().unwrap()).as_str()));
        let settings = body["settings"].clone();
        let changed = app.admin.put(path, &json!({"connector": "postgres", "name": "erp 2", "settings": settings, "metadata": {"k": 1}})).sound();
        assert_eq!(changed.header("location"), None);
        let changed = changed.ok(200);
        assert_eq!((&changed["id"], &changed["name"], &changed["version"]), (&id, &json!("erp 2"), &json!(2)));
        assert_eq!((&changed["metadata"], &changed["tags"]), (&json!({"k": 1}), &json!({"env": "prod"})));
        assert_eq!(changed["secrets"]["password"]["set"], true);
        let kept = app.admin.put(path, &json!({"connector": "postgres", "tags": {"env": "dev"}})).sound().ok(200);
        assert_eq!((&kept["name"], &kept["settings"], &kept["version"]), (&json!("erp 2"), &body["settings"], &json!(3)));

        let connection = format!("/v1/connections/{}", id.as_str().unwrap());
        for (kind, parent) in [("models", "base_model_external_id"), ("content", "model_external_id")] {
            let path = format!("{connection}/{kind}/x%2F1");
            app.admin.put(&format!("{connection}/models/parent"), &json!({"name": "parent"})).sound();
            let made = app.admin.put(&path, &json!({"name": "a", "body": {"v": 1}, "kind": "chart"})).sound();
            assert_eq!(made.ok(201)["external_id"], "x/1");
            assert!(made.header("location").is_some_and(|location| location.ends_with(&made.text_of("id"))));
            let changed = app.admin.put(&path, &json!({"name": "b", parent: "parent", "body": {"w": 2}})).sound().ok(200);
            assert_eq!((&changed["id"], &changed["name"], &changed["kind"]), (&made.json()["id"], &json!("b"), &json!("chart")));
            assert_eq!((&changed["body"], &changed["version"]), (&json!({"w": 2}), &json!(2)));
            let kept = app.admin.put(&path, &json!({"name": "b"})).sound().ok(200);
            assert_eq!((&kept["body"], &kept["version"]), (&json!({"w": 2}), &json!(2)));
        }
    }

    fn an_upsert_never_revives_what_is_in_the_trash(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        app.delete_connection(&id);
        let path = "/v1/integrations/postgres/connections/ext-warehouse";
        let made = app.admin.put(path, &postgres_connection("warehouse")).sound().ok(201);
        assert_ne!(made["id"], id);
        app.delete_connection(made["id"].as_str().unwrap());
        let mut fail = postgres_connection("warehouse");
        fail["on_trashed"] = "fail".into();
        app.admin.put(path, &fail).sound().problem(409, "ambiguous");
    }

    fn an_external_id_may_move_but_not_onto_another(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let connection = format!("/v1/connections/{}", samples.connection);
        for (kind, path, taken) in [("models", format!("/v1/models/{}", samples.model), "m-2"), ("content", format!("/v1/content/{}", samples.content), "c-2")] {
            let other = app.admin.put(&format!("{connection}/{kind}/{taken}"), &json!({"name": "other"})).sound().ok(201);
            let refused = app.admin.patch(&path, &json!({"external_id": taken})).sound();
            assert_eq!(refused.problem(409, "external_id_taken")["id"], other["id"]);
            let again = app.admin.post(&format!("{connection}/{kind}"), &json!({"name": "x", "external_id": taken})).sound();
            assert_eq!(again.problem(409, "external_id_taken")["id"], other["id"]);
            app.admin.patch(&path, &json!({"external_id": null})).sound().ok(200);
            app.admin.patch(&path, &json!({"external_id": "moved"})).sound().ok(200);
        }
        let second = app.admin.post("/v1/connections", &postgres_connection("second")).sound().text_of("id");
        let refused = app.admin.patch(&format!("/v1/connections/{second}"), &json!({"external_id": "ext-warehouse"})).sound();
        assert_eq!(refused.problem(409, "external_id_taken")["id"], samples.connection);
    }
}
