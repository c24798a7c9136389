//! What is deleted here is in the trash like anything else, and comes back from both sides.

use super::kit::*;
use crate::support::*;

on_both! {
    fn a_deletion_is_found_in_the_trash_and_restored_through_the_native_api(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let shared = model(&app.admin, &id, "SHARED", "shared", Some(&id));
        content(&app.admin, &id, &json!({"name": "chart", "model_id": shared}));
        let before = app.admin.get(&format!("/v1/models/{shared}")).ok(200);
        let deleted = app.admin.delete(&format!("/api/v1/connections/{id}")).ok(200);
        assert_eq!(deleted, json!({"success": true, "message": "Connection moved to trash."}));
        let entries = app.admin.get("/v1/trash").ok(200);
        let entry = &entries["data"][0];
        assert_eq!((&entry["root"]["id"], &entry["root"]["kind"]), (&json!(id), &json!("connection")));
        assert_eq!((&entry["impact"]["models"], &entry["impact"]["content"], &entry["secrets"]["shredded"]), (&json!(2), &json!(1), &json!(1)));
        let back = app.admin.post(&format!("/v1/trash/{}/restore", entry["id"].as_str().unwrap()), &json!({})).ok(200);
        assert_eq!((&back["restored"]["models"], &back["restored"]["content"]), (&json!(2), &json!(1)));
        assert_eq!(back["needs_credentials"], json!(["password"]));
        assert_eq!(app.admin.get(&format!("/v1/models/{shared}")).ok(200), before);
        assert!(app.admin.get(&format!("/api/v1/connections/{id}")).ok(200)["connection"]["deletedAt"].is_null());
    }

    fn a_restore_here_brings_the_models_and_documents_back_and_a_patch_the_secrets(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let shared = model(&app.admin, &id, "SHARED", "shared", None);
        content(&app.admin, &id, &json!({"name": "chart", "model_id": shared, "external_id": "c"}));
        let path = format!("/api/v1/connections/{id}");
        let before = app.admin.get(&path).ok(200)["connection"].clone();
        app.admin.delete(&path).ok(200);
        assert_eq!(walk(&app.admin, "/api/v1/models", "id").len(), 0);
        assert_eq!(walk(&app.admin, "/api/v1/documents", "identifier").len(), 0);
        let reply = app.client(&["trash:restore"]).send("POST", &format!("{path}/restore"), None);
        let back = reply.ok(200);
        assert_eq!(back["success"], true);
        let mut after = back["connection"].clone();
        strict(&after);
        after["updatedAt"] = before["updatedAt"].clone();
        assert_eq!(after, before);
        assert_eq!(walk(&app.admin, "/api/v1/models", "id").len(), 2);
        assert_eq!(walk(&app.admin, "/api/v1/documents", "identifier").len(), 1);
        let native = format!("/v1/connections/{id}");
        app.admin.get(&format!("{native}/secrets")).problem(409, "needs_credentials");
        app.admin.patch(&path, &json!({"passwordUnencrypted": format!("{SECRET}-again")})).ok(200);
        assert_eq!(app.admin.get(&native).ok(200)["status"], "untested");
        assert_eq!(app.admin.get(&format!("{native}/secrets")).ok(200)["secrets"], json!({"password": format!("{SECRET}-again")}));
    }

    fn a_restore_that_can_not_be_is_refused_and_changes_nothing(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let path = format!("/api/v1/connections/{id}/restore");
        assert_eq!(refused(&app.admin.post(&path, &json!({})), 409), "This connection is not in the trash.");
        app.admin.delete(&format!("/api/v1/connections/{id}")).ok(200);
        let other = create(&app.admin, &postgres("warehouse"));
        assert_eq!(refused(&app.admin.post(&path, &json!({})), 409), "A live connection has this name. \"warehouse (2)\" is free.");
        assert!(app.admin.get(&format!("/api/v1/connections/{id}")).ok(200)["connection"]["deletedAt"].is_string());
        let unknown = uuid::Uuid::now_v7();
        assert_eq!(refused(&app.admin.post(&format!("/api/v1/connections/{unknown}/restore"), &json!({})), 404), format!("Connection with id {unknown} does not exist"));
        assert_eq!(refused(&app.admin.post("/api/v1/connections/warehouse/restore", &json!({})), 400), "Bad Request: id: Invalid uuid");
        assert_eq!(refused(&app.admin.post(&path, &json!({"nmae": "x"})), 400), "Bad Request: Unrecognized key: \"nmae\"");
        let back = app.admin.post(&path, &json!({"name": "warehouse old"})).ok(200);
        assert_eq!(strict(&back["connection"])["name"], "warehouse old");
        app.admin.delete(&format!("/api/v1/connections/{other}")).ok(200);
    }

    fn the_newest_deletion_of_a_connection_is_the_one_that_is_restored(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let path = format!("/api/v1/connections/{id}");
        let shared = model(&app.admin, &id, "SHARED", "shared", None);
        app.admin.delete(&path).ok(200);
        app.admin.post(&format!("{path}/restore"), &json!({})).ok(200);
        app.admin.delete(&format!("/api/v1/models/{shared}")).ok(200);
        app.admin.delete(&path).ok(200);
        app.admin.post(&format!("{path}/restore"), &json!({})).ok(200);
        let models = walk(&app.admin, "/api/v1/models", "id");
        assert_eq!(models.iter().map(|model| model["modelKind"].clone()).collect::<Vec<_>>(), ["SCHEMA"]);
        let all = walk(&app.admin, "/api/v1/models?includeDeleted=true", "id");
        assert_eq!(all.len(), 2);
    }

    fn what_went_with_its_integration_comes_back_with_it_alone(app: &TestApp) {
        app.admin.post("/v1/integrations", &json!({"key": "wh", "name": "Warehouses", "connector": "postgres"})).ok(201);
        let mut body = postgres_connection("a");
        body["integration"] = json!("wh");
        let id = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
        let entry = app.admin.delete("/v1/integrations/wh").ok(200)["id"].as_str().unwrap().to_owned();
        let detail = refused(&app.admin.post(&format!("/api/v1/connections/{id}/restore"), &json!({})), 409);
        assert_eq!(detail, "This connection was deleted with its integration: restore that.");
        assert!(app.admin.get(&format!("/api/v1/connections/{id}")).ok(200)["connection"]["deletedAt"].is_string());
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        app.admin.get(&format!("/api/v1/connections/{id}")).ok(200);
    }
}
