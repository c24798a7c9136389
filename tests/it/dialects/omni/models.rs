//! Models: list, create, rename, delete.

use serde_json::Value;

use super::kit::*;
use crate::support::*;

fn names(records: &[Value]) -> Vec<&str> {
    records
        .iter()
        .map(|record| record["name"].as_str().unwrap())
        .collect()
}

on_both! {
    fn a_model_is_created_renamed_and_deleted(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let grants = json!([{"name": "team", "n": 1}]);
        let body = json!({"connectionId": id, "modelKind": "SHARED", "modelName": "shared", "accessGrants": grants, "allowAsWorkbookBase": true, "usesIsolatedBranches": false});
        let created = app.admin.post("/api/v1/models", &body).ok(200);
        let shared = created["model"]["id"].as_str().unwrap().to_owned();
        assert_eq!(created, json!({"success": true, "model": {"id": shared, "modelKind": "SHARED", "name": "shared"}}));
        let native = app.admin.get(&format!("/v1/models/{shared}")).ok(200);
        assert_eq!((&native["kind"], &native["body"]), (&json!("shared"), &json!({"omni": {"accessGrants": grants, "allowAsWorkbookBase": true, "usesIsolatedBranches": false}})));
        let path = format!("/api/v1/models/{shared}");
        assert_eq!(app.admin.patch(&path, &json!({"name": "renamed"})).ok(200), json!({"success": true, "model": {"id": shared, "name": "renamed"}}));
        assert_eq!(app.admin.delete(&path).ok(200), json!({"success": true}));
        assert_eq!(refused(&app.admin.delete(&path), 410), format!("Model with id {shared} is in the trash"));
        assert_eq!(refused(&app.admin.patch(&path, &json!({"name": "x"})), 410), format!("Model with id {shared} is in the trash"));
        assert_eq!(refused(&app.client(&["connections:*"]).delete(&path), 404), format!("Model with id {shared} does not exist"));
        let entry = app.admin.get("/v1/trash?kind=model").ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        assert_eq!(app.admin.get(&format!("/v1/models/{shared}")).ok(200)["name"], "renamed");
    }

    fn a_model_that_can_not_be_is_refused_by_the_name_of_its_field(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let other = create(&app.admin, &postgres("other"));
        let unknown = uuid::Uuid::now_v7();
        for (body, expected) in [
            (json!({}), "Bad Request: connectionId: Required"),
            (json!({"connectionId": "x"}), "Bad Request: connectionId: Invalid uuid"),
            (json!({"connectionId": id, "modelKind": "WORKBOOK"}), "Bad Request: modelKind: Expected one of `SCHEMA`, `SHARED`, `SHARED_EXTENSION`, `BRANCH`."),
            (json!({"connectionId": id, "modelKind": "BRANCH"}), "Bad Request: baseModelId: Required"),
            (json!({"connectionId": id, "modelKind": "SHARED_EXTENSION", "modelName": "x"}), "Bad Request: baseModelId: Required"),
            (json!({"connectionId": id, "baseModelId": id}), "Bad Request: baseModelId: A model with kind SCHEMA has none"),
            (json!({"connectionId": id, "modelKind": "SHARED", "baseModelId": other}), "Bad Request: baseModelId: The connection has no live model like this."),
            (json!({"connectionId": id, "modelKind": "SHARED", "modelName": ""}), "Bad Request: modelName: must not be empty"),
            (json!({"connectionId": id, "x": 1}), "Bad Request: Unrecognized key: \"x\""),
        ] {
            assert_eq!(refused(&app.admin.post("/api/v1/models", &body), 400), expected);
        }
        let shared = json!({"connectionId": unknown, "modelKind": "SHARED"});
        assert_eq!(refused(&app.admin.post("/api/v1/models", &shared), 404), format!("Connection with id {unknown} does not exist"));
        app.delete_connection(&other);
        let shared = json!({"connectionId": other, "modelKind": "SHARED"});
        assert_eq!(refused(&app.admin.post("/api/v1/models", &shared), 410), format!("Connection with id {other} is in the trash"));
        let unnamed = app.admin.post("/api/v1/models", &json!({"connectionId": id, "modelKind": "SHARED"})).ok(200);
        assert_eq!(unnamed["model"]["name"], "warehouse");
        let path = format!("/api/v1/models/{}", unnamed["model"]["id"].as_str().unwrap());
        for (body, expected) in [
            (json!({}), "Bad Request: name: Required"),
            (json!({"name": ""}), "Bad Request: name: must not be empty"),
            (json!({"name": "x", "y": 1}), "Bad Request: Unrecognized key: \"y\""),
        ] {
            assert_eq!(refused(&app.admin.patch(&path, &body), 400), expected);
        }
    }

    fn only_shared_models_and_extensions_are_deleted(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let shared = model(&app.admin, &id, "SHARED", "shared", None);
        let branch = model(&app.admin, &id, "BRANCH", "branch", Some(&shared));
        let native = |kind: &str| app.admin.post(&format!("/v1/connections/{id}/models"), &json!({"name": kind, "kind": kind})).ok(201)["id"].as_str().unwrap().to_owned();
        for (model, kind) in [(id.clone(), "SCHEMA"), (branch, "BRANCH"), (native("schema"), "SCHEMA"), (native("workbook"), "WORKBOOK"), (native("model"), "MODEL")] {
            assert_eq!(refused(&app.admin.delete(&format!("/api/v1/models/{model}")), 400), format!("Bad Request: Cannot delete a model with kind {kind}"));
        }
        assert_eq!(walk(&app.admin, "/api/v1/models", "id").len(), 6);
        app.admin.delete(&format!("/api/v1/models/{shared}")).ok(200);
        assert_eq!(walk(&app.admin, "/api/v1/models", "id").len(), 4);
    }

    fn every_order_walks_all_pages_of_live_and_deleted_models_once(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let base = model(&app.admin, &id, "SHARED", "base", Some(&id));
        let mut extensions = Vec::new();
        for index in 0..12 {
            // Some share a name, so that the id has to decide between them.
            let name = format!("m-{}", index / 3);
            extensions.push(model(&app.admin, &id, "SHARED_EXTENSION", &name, Some(&base)));
        }
        for id in extensions.iter().step_by(2) {
            app.admin.delete(&format!("/api/v1/models/{id}")).ok(200);
        }
        let gone = create(&app.admin, &postgres("gone"));
        model(&app.admin, &gone, "SHARED", "of the gone", None);
        app.delete_connection(&gone);
        for sort in ["name", "modelKind", "connectionId", "baseModelId", "createdAt", "updatedAt"] {
            let mut orders = Vec::new();
            for direction in ["asc", "desc"] {
                for size in [1, 3, 100] {
                    let path = format!("/api/v1/models?includeDeleted=true&sortField={sort}&sortDirection={direction}&pageSize={size}");
                    let ids: Vec<Value> = walk(&app.admin, &path, "id").iter().map(|model| model["id"].clone()).collect();
                    assert_eq!(ids.len(), 16, "{path}");
                    orders.push(ids);
                }
                let keys: Vec<String> = walk(&app.admin, &format!("/api/v1/models?includeDeleted=true&sortField={sort}&sortDirection={direction}"), "id")
                    .iter().map(|model| model[sort].as_str().unwrap_or_default().to_owned()).collect();
                let mut sorted = keys.clone();
                sorted.sort();
                if direction == "desc" {
                    sorted.reverse();
                }
                assert_eq!(keys, sorted, "{sort} {direction}");
            }
            let (up, down) = orders.split_at(3);
            assert!(up.iter().all(|ids| *ids == up[0]), "{sort}");
            let backwards: Vec<Value> = up[0].iter().rev().cloned().collect();
            assert!(down.iter().all(|ids| *ids == backwards), "{sort}");
        }
        assert_eq!(walk(&app.admin, "/api/v1/models?pageSize=2", "id").len(), 8);
    }

    fn a_list_is_narrowed_by_what_it_is_asked(app: &TestApp) {
        let id = create(&app.admin, &postgres("a"));
        let other = create(&app.admin, &postgres("b"));
        let shared = model(&app.admin, &id, "SHARED", "shared", Some(&id));
        let extension = model(&app.admin, &id, "SHARED_EXTENSION", "extension", Some(&shared));
        model(&app.admin, &other, "SHARED", "shared", None);
        for (query, expected) in [
            (format!("connectionId={id}&sortField=name&sortDirection=asc"), &["a", "extension", "shared"][..]),
            (format!("baseModelId={shared}"), &["extension"]),
            (format!("modelId={extension}"), &["extension"]),
            ("modelKind=SHARED".to_owned(), &["shared", "shared"]),
            ("modelKind=schema&sortField=name".to_owned(), &["b", "a"]),
            (format!("name=shared&connectionId={other}"), &["shared"]),
            ("name=share".to_owned(), &[]),
            (format!("modelId={}", uuid::Uuid::now_v7()), &[]),
        ] {
            assert_eq!(names(&walk(&app.admin, &format!("/api/v1/models?{query}"), "id")), expected, "{query}");
        }
        let with = walk(&app.admin, "/api/v1/models?include=activeBranches", "id");
        assert!(with.iter().all(|model| model["branches"] == json!([])));
        assert!(walk(&app.admin, "/api/v1/models", "id").iter().all(|model| model.get("branches").is_none()));
        for (query, expected) in [
            ("pageSize=0", "Bad Request: pageSize: Expected a number from 1 to 100."),
            ("pageSize=101", "Bad Request: pageSize: Expected a number from 1 to 100."),
            ("pageSize=x", "Bad Request: pageSize: Expected a number from 1 to 100."),
            ("modelId=x", "Bad Request: modelId: Invalid uuid"),
            ("includeDeleted=yes", "Bad Request: includeDeleted: Expected one of: false, 0, true, 1."),
            ("sortField=size", "Bad Request: sortField: Expected one of: updatedAt, name, modelKind, connectionId, baseModelId, createdAt."),
            ("sortDirection=up", "Bad Request: sortDirection: Expected one of: desc, asc."),
            ("include=branches", "Bad Request: include: Expected some of: activeBranches."),
            ("colour=red", "Bad Request: Unrecognized key: \"colour\""),
            ("cursor=x", "Bad Request: cursor: This page_token is not one of this list and filter; begin again without it."),
        ] {
            assert_eq!(refused(&app.admin.get(&format!("/api/v1/models?{query}")), 400), expected, "{query}");
        }
        let cursor = app.admin.get("/api/v1/models?pageSize=1").ok(200)["pageInfo"]["nextCursor"].as_str().unwrap().to_owned();
        for other in ["sortField=name", "includeDeleted=1", "modelKind=SHARED", "sortDirection=asc"] {
            refused(&app.admin.get(&format!("/api/v1/models?pageSize=1&{other}&cursor={cursor}")), 400);
        }
        refused(&app.admin.get(&format!("/api/v1/documents?cursor={cursor}")), 400);
    }
}
