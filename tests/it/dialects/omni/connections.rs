//! Connections: create, list, get, patch, delete.

use super::kit::*;
use crate::support::*;

fn names(reply: &Reply) -> Vec<String> {
    let list = reply.ok(200);
    let found = list["connections"].as_array().unwrap();
    found
        .iter()
        .map(|one| strict(one)["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Copies of the one connection there is, straight into the database.
fn copies(app: &TestApp, numbers: std::ops::Range<u32>) {
    let uuid = match app.backend {
        Backend::Sqlite => "text",
        Backend::Postgres => "uuid",
    };
    let last = numbers.end - 1;
    app.sql().run(&format!(
        "INSERT INTO connections (org_id, id, name, name_key, connector, integration, settings, tags, metadata, status,
            generation, deletion_protection, created_at, updated_at, version)
         WITH RECURSIVE n(i) AS (SELECT {} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
         SELECT org_id, CAST(substr(CAST(id AS text), 1, 19) || '0000-0000000' || i AS {uuid}), 'copy ' || i, 'copy ' || i, connector, integration,
            settings, tags, metadata, 'needs_credentials', generation, deletion_protection, created_at, updated_at, version
         FROM connections, n WHERE name = 'warehouse'",
        numbers.start
    ));
}

on_both! {
    fn what_is_created_has_every_key_and_none_of_its_secrets(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let reply = app.admin.get(&format!("/api/v1/connections/{id}"));
        let found = reply.ok(200)["connection"].clone();
        strict(&found);
        for (key, expected) in [("id", json!(id)), ("name", json!("warehouse")), ("dialect", json!("postgres")), ("database", json!("sales")),
            ("defaultSchema", json!("public")), ("baseRole", json!("QUERIER")), ("deletedAt", json!(null))] {
            assert_eq!(found[key], expected, "{key}");
        }
        assert!(!reply.text.contains(SECRET));
        let native = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        assert_eq!(native["settings"], json!({"host": "db.example.com", "port": 6432, "database": "sales", "username": "bi", "schema": "public"}));
        assert_eq!(native["metadata"], json!({"omni": {"baseRole": "QUERIER", "queryTimeoutSeconds": 900, "includeSchemas": "public,raw"}}));
        assert_eq!((&native["status"], &native["secrets"]["password"]["set"]), (&json!("untested"), &json!(true)));
        let secrets = app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200);
        assert_eq!(secrets["secrets"], json!({"password": format!("{SECRET}-warehouse")}));
    }

    fn a_list_is_narrowed_sorted_and_shows_what_is_deleted_when_asked(app: &TestApp) {
        for (name, database, dialect) in [("Beta", "Sales", "postgres"), ("alpha", "sales", "redshift"), ("gamma", "stock", "mysql")] {
            let mut body = postgres(name);
            body["database"] = json!(database);
            body["dialect"] = json!(dialect);
            create(&app.admin, &body);
        }
        app.admin.post("/v1/connections", &json!({"name": "repo", "connector": "github"})).ok(201);
        for (query, expected) in [
            ("", &["Beta", "alpha", "gamma", "repo"][..]),
            ("?sortDirection=desc", &["repo", "gamma", "alpha", "Beta"]),
            ("?sortField=database", &["repo", "Beta", "alpha", "gamma"]),
            ("?sortField=dialect&sortDirection=asc", &["repo", "gamma", "Beta", "alpha"]),
            ("?name=AL", &["alpha"]),
            ("?database=SALE", &["Beta", "alpha"]),
            ("?dialect=mysql,%20redshift", &["alpha", "gamma"]),
            ("?dialect=github", &["repo"]),
            ("?name=nothing", &[]),
            ("?includeDeleted=false&name=&database=", &["Beta", "alpha", "gamma", "repo"]),
        ] {
            assert_eq!(names(&app.admin.get(&format!("/api/v1/connections{query}"))), expected, "{query}");
        }
        let id = app.admin.get("/api/v1/connections?name=alpha").ok(200)["connections"][0]["id"].as_str().unwrap().to_owned();
        app.admin.delete(&format!("/api/v1/connections/{id}")).ok(200);
        assert_eq!(names(&app.admin.get("/api/v1/connections")), ["Beta", "gamma", "repo"]);
        let all = app.admin.get("/api/v1/connections?includeDeleted=true").ok(200);
        let deleted: Vec<bool> = all["connections"].as_array().unwrap().iter().map(|one| strict(one)["deletedAt"].is_string()).collect();
        assert_eq!(deleted, [false, true, false, false]);
        let blind = app.client(&["connections:read"]);
        assert_eq!(refused(&blind.get("/api/v1/connections?includeDeleted=true"), 403), "Forbidden: This needs the scope trash:read.");
        assert_eq!(names(&blind.get("/api/v1/connections")), ["Beta", "gamma", "repo"]);
    }

    fn more_connections_than_one_answer_holds_are_refused_until_the_list_is_narrowed(app: &TestApp) {
        create(&app.admin, &postgres("warehouse"));
        // 9,999 more: as many as there may be.
        copies(app, 10_000..19_999);
        assert_eq!(names(&app.admin.get("/api/v1/connections")).len(), 10_000);
        copies(app, 19_999..20_000);
        let too_many = "Bad Request: There are more than 10000 connections: narrow the list by name, database or dialect.";
        assert_eq!(refused(&app.admin.get("/api/v1/connections"), 400), too_many);
        assert_eq!(refused(&app.admin.get("/api/v1/connections?includeDeleted=true"), 400), too_many);
        let blind = app.client(&["connections:read"]);
        assert_eq!(refused(&blind.get("/api/v1/connections?includeDeleted=true"), 403), "Forbidden: This needs the scope trash:read.");
        assert_eq!(names(&app.admin.get("/api/v1/connections?name=10001")), ["copy 10001"]);
    }

    fn a_deleted_connection_is_shown_to_those_who_may_read_the_trash(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let path = format!("/api/v1/connections/{id}");
        app.admin.delete(&path).ok(200);
        let found = app.admin.get(&path).ok(200);
        assert!(strict(&found["connection"])["deletedAt"].is_string());
        let blind = app.client(&["connections:*"]);
        assert_eq!(refused(&blind.get(&path), 404), format!("Connection with id {id} does not exist"));
        assert_eq!(refused(&blind.delete(&path), 404), format!("Connection with id {id} does not exist"));
        assert_eq!(refused(&app.admin.delete(&path), 410), format!("Connection with id {id} is in the trash"));
        assert_eq!(refused(&app.admin.patch(&path, &json!({"baseRole": "VIEWER"})), 410), format!("Connection with id {id} is in the trash"));
    }

    fn a_patch_changes_what_it_names_and_nothing_else(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let path = format!("/api/v1/connections/{id}");
        let attribute = json!({"attributeName": "tenant", "defaultValues": ["a", "b"]});
        app.admin.patch(&path, &json!({"environmentUserAttribute": attribute})).ok(200);
        let seen = |app: &TestApp| {
            let found = app.admin.get(&path).ok(200)["connection"].clone();
            strict(&found);
            [found["baseRole"].clone(), found["userAttributeNameForConnectionEnvironments"].clone(), found["userAttributeValuesForDefaultEnvironment"].clone()]
        };
        assert_eq!(seen(app), [json!("QUERIER"), json!("tenant"), json!(["a", "b"])]);
        app.admin.patch(&path, &json!({"baseRole": "VIEWER", "environmentUserAttribute": {"attributeName": "team", "defaultValues": null}})).ok(200);
        assert_eq!(seen(app), [json!("VIEWER"), json!("team"), json!(null)]);
        app.admin.patch(&path, &json!({"environmentUserAttribute": null})).ok(200);
        assert_eq!(seen(app), [json!("VIEWER"), json!(null), json!(null)]);
        let native = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        assert_eq!(native["metadata"]["omni"], json!({"baseRole": "VIEWER", "queryTimeoutSeconds": 900, "includeSchemas": "public,raw"}));
        assert_eq!(native["secrets"]["password"]["set"], true);
    }

    fn a_body_that_is_wrong_is_refused_by_the_name_of_its_field(app: &TestApp) {
        let with = |change: serde_json::Value| {
            let mut body = postgres("warehouse");
            for (name, value) in change.as_object().unwrap() {
                body[name] = value.clone();
            }
            body
        };
        let mut without_password = postgres("warehouse");
        without_password.as_object_mut().unwrap().remove("passwordUnencrypted");
        let mut without_database = postgres("warehouse");
        without_database.as_object_mut().unwrap().remove("database");
        for (body, expected) in [
            (without_password, "Bad Request: passwordUnencrypted: Required"),
            (without_database, "Bad Request: database: Required"),
            (json!({"dialect": "postgres"}), "Bad Request: name: Required"),
            (with(json!({"dialect": "fabric"})), "Bad Request: dialect: Invalid enum value"),
            (with(json!({"dialect": "github"})), "Bad Request: dialect: Invalid enum value"),
            (with(json!({"nmae": 1})), "Bad Request: Unrecognized key: \"nmae\""),
            (with(json!({"port": "5432"})), "Bad Request: port: Expected a whole number."),
            (with(json!({"port": 0})), "Bad Request: port: Port must be between 1 and 65535."),
            (with(json!({"hostOverride": "other.example.com"})), "Bad Request: hostOverride: Excludes host"),
            (with(json!({"host": "a/b"})), "Bad Request: host: Host must be one host name or IP address, nothing else."),
            (with(json!({"host": format!("me:{SECRET}@db.example.com")})), "Bad Request: host: Host must not contain a user, a password or a token."),
            (with(json!({"queryTimeoutSeconds": 3_601})), "Bad Request: queryTimeoutSeconds: Must be from 1 to 3600"),
            (with(json!({"externalOauthTokenUrl": "http://idp.example.com"})), "Bad Request: externalOauthTokenUrl: Must be an https URL"),
            (with(json!({"externalOauthTokenUrl": format!("https://me:{SECRET}@idp.example.com")})), "Bad Request: externalOauthTokenUrl: Must be an https URL"),
            (with(json!({"passwordUnencrypted": 7})), "Bad Request: passwordUnencrypted: Expected a string."),
            (with(json!({"passwordUnencrypted": ""})), "Bad Request: passwordUnencrypted: a secret must not be empty"),
            (with(json!({"name": ""})), "Bad Request: name: must not be empty"),
            (json!([]), "Bad Request: Expected an object."),
        ] {
            let detail = refused(&app.admin.post("/api/v1/connections", &body), 400);
            assert_eq!(detail, expected);
        }
        for (body, expected) in [
            ("{", "Bad Request: Invalid JSON"),
            ("", "Bad Request: Invalid JSON"),
            (r#"{"name":"a","name":"b"}"#, "Bad Request: name: "),
            (r#"{"name":"a\u0000b"}"#, "Bad Request: name: "),
        ] {
            let detail = refused(&app.admin.send("POST", "/api/v1/connections", Some(body.to_owned())), 400);
            assert!(detail.starts_with(expected), "{detail}");
        }
        assert_eq!(names(&app.admin.get("/api/v1/connections")), Vec::<String>::new());
        let id = create(&app.admin, &postgres("warehouse"));
        assert_eq!(refused(&app.admin.post("/api/v1/connections", &postgres("warehouse")), 409), "A live connection has this name. \"warehouse (2)\" is free.");
        let path = format!("/api/v1/connections/{id}");
        for (body, expected) in [
            (json!({}), "Bad Request: At least one field must be provided"),
            (json!({"name": "other"}), "Bad Request: Unrecognized key: \"name\""),
            (json!({"environmentUserAttribute": {"attributeName": "a"}}), "Bad Request: environmentUserAttribute.defaultValues: Required"),
        ] {
            assert_eq!(refused(&app.admin.patch(&path, &body), 400), expected);
        }
    }

    fn each_call_needs_its_scope(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let path = format!("/api/v1/connections/{id}");
        let reader = app.client(&["connections:read"]);
        let writer = app.client(&["connections:write"]);
        for (reply, scope) in [
            (reader.post("/api/v1/connections", &postgres("b")), "connections:write"),
            (writer.post("/api/v1/connections", &postgres("b")), "secrets:write"),
            (reader.patch(&path, &json!({"baseRole": "VIEWER"})), "connections:write"),
            (writer.patch(&path, &json!({"passwordUnencrypted": SECRET})), "secrets:write"),
            (reader.delete(&path), "connections:delete"),
            (writer.get(&path), "connections:read"),
            (writer.get("/api/v1/connections"), "connections:read"),
            (writer.get("/api/v1/models"), "connections:read"),
            (writer.get("/api/v1/documents"), "connections:read"),
            (reader.get("/api/v1/models?includeDeleted=1"), "trash:read"),
            (reader.get("/api/v1/documents?include=includeDeleted"), "trash:read"),
            (reader.post("/api/v1/models", &json!({"connectionId": id})), "connections:write"),
            (reader.patch(&format!("/api/v1/models/{id}"), &json!({"name": "x"})), "connections:write"),
            (reader.delete(&format!("/api/v1/models/{id}")), "connections:delete"),
            (reader.delete(&format!("/api/v1/documents/{id}")), "connections:delete"),
            (app.client(&["trash:read"]).post(&format!("{path}/restore"), &json!({})), "trash:restore"),
        ] {
            assert_eq!(refused(&reply, 403), format!("Forbidden: This needs the scope {scope}."), "{}", reply.request);
        }
        writer.patch(&path, &json!({"baseRole": "VIEWER"})).ok(200);
        for (method, path) in [("GET", "/api/v1/connections"), ("DELETE", path.as_str()), ("GET", "/api/v1/whoami")] {
            refused(&app.stranger().send(method, path, None), 401);
            refused(&app.stranger().with("authorization", "Bearer omni_osk_x").send(method, path, None), 401);
            refused(&app.stranger().with("authorization", &app.admin.key().replace("rpv_", "Basic ")).send(method, path, None), 401);
        }
    }
}

on_each! {
    fn a_second_delete_answers_404_where_the_setting_says_so(backend: Backend) {
        use reprieve::http::dialects::OmniGone;
        let app = TestApp::start_with(backend, |config| config.dialects.omni_gone = OmniGone::NotFound);
        let id = create(&app.admin, &postgres("warehouse"));
        let shared = model(&app.admin, &id, "SHARED", "shared", None);
        app.admin.delete(&format!("/api/v1/models/{shared}")).ok(200);
        assert_eq!(refused(&app.admin.delete(&format!("/api/v1/models/{shared}")), 404), format!("Model with id {shared} does not exist"));
        app.admin.delete(&format!("/api/v1/connections/{id}")).ok(200);
        assert_eq!(refused(&app.admin.delete(&format!("/api/v1/connections/{id}")), 404), format!("Connection with id {id} does not exist"));
    }

    fn requests_beyond_the_limit_are_told_how_long_to_wait(backend: Backend) {
        let app = TestApp::start_with(backend, |config| config.dialects.requests_per_minute = std::num::NonZeroU32::new(3));
        let client = app.client(&["connections:read"]);
        for _ in 0..3 {
            client.get("/api/v1/connections").ok(200);
        }
        let reply = client.get("/api/v1/connections");
        assert_eq!(refused(&reply, 429), "Too Many Requests: wait for the seconds in Retry-After.");
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait));
        app.admin.get("/api/v1/connections").ok(200);
    }
}
