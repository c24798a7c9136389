//! Deleting, what it would take along, and what stops it.

use super::*;

/// A connection with a model, one that extends it, content on both and on none, and content of another connection
/// that links in.
struct Shop {
    connection: String,
    base: String,
    extension: String,
    on_base: String,
    on_extension: String,
    elsewhere: String,
    dashboard_elsewhere: String,
}

fn shop(app: &TestApp) -> Shop {
    let connection = connection(app, "shop");
    let base = model(app, &connection, "base", json!({"kind": "schema"}));
    let extension = model(
        app,
        &connection,
        "extension",
        json!({"base_model_id": base}),
    );
    model(app, &connection, "unrelated", json!({}));
    let on_base = content(
        app,
        &connection,
        "on base",
        json!({"model_id": base, "kind": "chart"}),
    );
    let on_extension = content(
        app,
        &connection,
        "on extension",
        json!({"model_id": extension}),
    );
    content(
        app,
        &connection,
        "on none",
        json!({"links": link_to(&[&on_base])}),
    );
    let elsewhere = super::connection(app, "elsewhere");
    let links = link_to(&[&on_base, &on_extension]);
    let dashboard_elsewhere = content(
        app,
        &elsewhere,
        "board",
        json!({"kind": "dashboard", "links": links}),
    );
    Shop {
        connection,
        base,
        extension,
        on_base,
        on_extension,
        elsewhere,
        dashboard_elsewhere,
    }
}

on_both! {
    fn the_impact_of_a_connection_counts_all_that_hangs_on_it(app: &TestApp) {
        let shop = shop(app);
        let impact = app.admin.get(&format!("/v1/connections/{}/impact", shop.connection)).ok(200);
        assert_eq!(impact["impact"], json!({"integrations": 0, "connections": 1, "models": 3, "content": 3, "links": 3}));
        assert_eq!(impact["references"], 2);
        assert_eq!(
            impact["references_sample"],
            json!([{"content_id": shop.dashboard_elsewhere, "name": "board", "connection_id": shop.elsewhere}])
        );
        assert_eq!(impact["secrets"], json!(["password"]));
        assert_eq!(impact["protected"], Value::Null);
        assert_eq!(impact["root"]["name"], "shop");
        let sample = impact["sample"].as_array().unwrap();
        assert_eq!(sample.len(), 6);
        assert!(sample.contains(&json!({"type": "content", "id": shop.on_base, "name": "on base", "kind": "chart"})));

        let entry = app.admin.delete(&format!("/v1/connections/{}", shop.connection)).ok(200);
        assert_eq!(entry["impact"], json!({"integrations": 0, "connections": 1, "models": 3, "content": 3, "links": 3, "references": 2}));
        assert_eq!(entry["secrets"]["shredded"], 1);
        assert_eq!(entry["secrets"]["shape"]["password"]["required"], true);
        assert_eq!(links_of(app, &shop.dashboard_elsewhere), [""; 0]);
    }

    fn a_model_takes_the_models_that_extend_it_and_their_content(app: &TestApp) {
        let shop = shop(app);
        let path = format!("/v1/models/{}", shop.base);
        let impact = app.admin.get(&format!("{path}/impact")).ok(200);
        assert_eq!(impact["impact"], json!({"integrations": 0, "connections": 0, "models": 2, "content": 2, "links": 3}));
        // Both the board of the other connection and the content on no model link in.
        assert_eq!(impact["references"], 3);
        assert_eq!(impact["secrets"], json!([]));
        let entry = app.admin.delete(&path).ok(200);
        assert_eq!(entry["impact"], json!({"integrations": 0, "connections": 0, "models": 2, "content": 2, "links": 3, "references": 3}));
        assert_eq!(entry["secrets"]["erasure"], "none");
        for gone in [format!("models/{}", shop.extension), format!("content/{}", shop.on_extension)] {
            assert_eq!(app.admin.get(&format!("/v1/{gone}")).problem(410, "in_trash")["entry_id"], entry["id"]);
        }
        let live = app.admin.get(&format!("/v1/connections/{}/models", shop.connection)).ok(200);
        assert_eq!(live["data"].as_array().unwrap().len(), 1);
        let secrets = app.admin.get(&format!("/v1/connections/{}/secrets", shop.connection)).ok(200);
        assert_eq!(secrets["secrets"]["password"], "correct horse battery staple");
    }

    fn content_goes_alone(app: &TestApp) {
        let shop = shop(app);
        let path = format!("/v1/content/{}", shop.on_base);
        let impact = app.admin.get(&format!("{path}/impact")).ok(200);
        assert_eq!(impact["impact"], json!({"integrations": 0, "connections": 0, "models": 0, "content": 1, "links": 2}));
        assert_eq!((&impact["references"], &impact["sample"][0]["id"]), (&json!(2), &json!(shop.on_base)));
        let entry = app.admin.delete(&path).ok(200);
        assert_eq!(entry["root"], json!({"kind": "content", "id": shop.on_base, "name": "on base", "external_id": null}));
        assert_eq!(entry["connection_id"], shop.connection);
        assert_eq!(links_of(app, &shop.dashboard_elsewhere), [shop.on_extension]);
        app.admin.get(&format!("/v1/models/{}", shop.base)).ok(200);
    }

    fn a_stale_plan_is_refused_with_the_new_one_and_changes_nothing(app: &TestApp) {
        let shop = shop(app);
        let path = format!("/v1/connections/{}", shop.connection);
        let token = |path: &str| {
            app.admin.get(&format!("{path}/impact")).ok(200)["plan_token"].as_str().unwrap().to_owned()
        };
        let changes: [&dyn Fn(); 4] = [
            &|| drop(app.admin.patch(&format!("/v1/content/{}", shop.on_base), &json!({"name": "renamed"})).ok(200)),
            &|| drop(content(app, &shop.connection, "one more", json!({}))),
            &|| drop(delete(app, &format!("models/{}", shop.extension))),
            &|| drop(app.admin.patch(&format!("/v1/content/{}", shop.dashboard_elsewhere), &json!({"links": []})).ok(200)),
        ];
        for change in changes {
            let stale = token(&path);
            change();
            let before = dump(app);
            let refused = app.admin.delete(&format!("{path}?plan_token={stale}")).problem(409, "plan_stale");
            app.admin.delete(&format!("{path}?plan_token={stale}&validate_only=true")).problem(409, "plan_stale");
            assert_eq!(refused["plan"], app.admin.get(&format!("{path}/impact")).ok(200));
            assert_ne!(refused["plan"]["plan_token"], stale);
            assert_eq!(dump(app), before);
        }
        app.admin.delete(&format!("{path}?plan_token={}", token(&path))).ok(200);
    }

    fn validate_only_answers_the_plan_and_changes_nothing(app: &TestApp) {
        let shop = shop(app);
        for path in [
            format!("/v1/connections/{}", shop.connection),
            format!("/v1/models/{}", shop.base),
            format!("/v1/content/{}", shop.on_base),
        ] {
            let before = dump(app);
            let audited = rows(app, "audit_events", "1 = 1");
            let plan = app.admin.delete(&format!("{path}?validate_only=true")).ok(200);
            assert_eq!(plan, app.admin.get(&format!("{path}/impact")).ok(200));
            assert_eq!(dump(app), before);
            assert_eq!(rows(app, "audit_events", "1 = 1"), audited);
        }
    }

    fn validate_only_refuses_what_the_deletion_would_refuse(app: &TestApp) {
        let id = connection(app, "prod");
        let path = format!("/v1/connections/{id}?validate_only=true");
        app.admin.with("if-match", "\"7\"").delete(&path).problem(412, "version_mismatch");
        app.admin.delete(&format!("{path}&reason={}", "x".repeat(4_000))).problem(422, "invalid_input");
        content(app, &id, "kept", json!({"deletion_protection": true}));
        app.admin.delete(&path).problem(409, "deletion_protected");
    }

    fn protection_stops_the_deletion_of_all_above_it(app: &TestApp) {
        let shop = shop(app);
        let protect = |path: &str, on: bool| app.admin.patch(path, &json!({ "deletion_protection": on })).ok(200);
        let connection = format!("/v1/connections/{}", shop.connection);
        let base = format!("/v1/models/{}", shop.base);
        for (protected, kind, id, refused) in [
            (connection.clone(), "connection", &shop.connection, vec![&connection]),
            (format!("/v1/models/{}", shop.extension), "model", &shop.extension, vec![&connection, &base]),
            (format!("/v1/content/{}", shop.on_extension), "content", &shop.on_extension, vec![&connection, &base]),
        ] {
            protect(&protected, true);
            let before = dump(app);
            for path in refused {
                let refusal = app.admin.delete(path).problem(409, "deletion_protected");
                assert_eq!((&refusal["protected"]["kind"], &refusal["protected"]["id"]), (&json!(kind), &json!(id)));
                assert_eq!(app.admin.get(&format!("{path}/impact")).ok(200)["protected"]["id"], **id);
            }
            app.admin.delete(&protected).problem(409, "deletion_protected");
            assert_eq!(dump(app), before);
            let secrets = app.admin.get(&format!("{connection}/secrets")).ok(200);
            assert_eq!(secrets["secrets"]["password"], "correct horse battery staple");
            protect(&protected, false);
        }
        // Protected rows beside the root stop nothing.
        protect(&format!("/v1/content/{}", shop.dashboard_elsewhere), true);
        app.admin.delete(&connection).ok(200);
    }

    fn lifting_protection_needs_its_own_scope(app: &TestApp) {
        let id = connection(app, "prod");
        let model = model(app, &id, "M", json!({}));
        let content = content(app, &id, "K", json!({}));
        let writer = app.client(&["connections:read", "connections:write", "connections:delete"]);
        let guard = app.client(&["connections:write", "connections:protect"]);
        for path in [format!("/v1/connections/{id}"), format!("/v1/models/{model}"), format!("/v1/content/{content}")] {
            writer.patch(&path, &json!({"deletion_protection": true})).ok(200);
            let refused = writer.patch(&path, &json!({"deletion_protection": false})).problem(403, "missing_scope");
            assert_eq!(refused["scope"], "connections:protect");
            writer.delete(&path).problem(409, "deletion_protected");
            guard.patch(&path, &json!({"deletion_protection": false})).ok(200);
        }
        writer.delete(&format!("/v1/connections/{id}")).ok(200);
    }

    fn a_deletion_goes_by_the_version_that_was_read(app: &TestApp) {
        let id = connection(app, "prod");
        let content = content(app, &id, "K", json!({}));
        for path in [format!("/v1/content/{content}"), format!("/v1/connections/{id}")] {
            let read = app.admin.get(&path).header("etag").unwrap().to_owned();
            app.admin.patch(&path, &json!({"name": "changed"})).ok(200);
            let refused = app.admin.with("if-match", &read).delete(&path).problem(412, "version_mismatch");
            assert_eq!(refused["version"], 2);
            app.admin.with("if-match", "\"2\"").delete(&path).ok(200);
        }
    }

    fn a_second_deletion_tells_the_entry_to_those_who_may_read_the_trash(app: &TestApp) {
        let shop = shop(app);
        let blind = app.client(&["connections:*"]);
        for path in [
            format!("/v1/content/{}", shop.on_base),
            format!("/v1/models/{}", shop.base),
            format!("/v1/connections/{}", shop.connection),
        ] {
            let entry = app.admin.delete(&path).ok(200);
            assert_eq!(app.admin.delete(&path).problem(410, "in_trash")["entry_id"], entry["id"]);
            assert_eq!(app.admin.get(&format!("{path}/impact")).problem(410, "in_trash")["entry_id"], entry["id"]);
            for answer in [blind.delete(&path), blind.get(&path), blind.get(&format!("{path}/impact"))] {
                assert_eq!(answer.problem(404, "not_found")["entry_id"], Value::Null);
            }
        }
    }

    fn an_entry_says_who_deleted_and_why(app: &TestApp) {
        let id = connection(app, "prod");
        let person = app.admin.with("reprieve-actor", "id=u-17; name=Ada");
        let path = format!("/v1/connections/{id}");
        let entry_id = super::id(&person.delete(&format!("{path}?reason=moved%20to%20%C3%84gypten")).ok(200));
        let entry = entry(app, &entry_id);
        assert_eq!(entry["reason"], "moved to Ägypten");
        assert_eq!(entry["deleted_by"], json!({"id": "u-17", "name": "Ada"}));
        assert_eq!(texts(app, "SELECT actor_id AS value FROM audit_events WHERE action = 'connection.trashed'"), ["u-17"]);
        app.client(&["connections:delete"]).with("reprieve-actor", "id=u-18").delete(&path).problem(403, "missing_scope");
    }
}
