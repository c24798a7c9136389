//! The schema model, which has the id of its connection: what is done to the one by its id is not done to the other.

use reprieve::service::receipts;
use serde_json::Value;

use super::kit::*;
use crate::support::*;
use crate::transfer;

/// Deletes the schema model alone, which only the native API does; the trash entry's id.
#[track_caller]
fn delete_schema(app: &TestApp, id: &str) -> String {
    app.admin.delete(&format!("/v1/models/{id}")).ok(200)["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The models that are live and those in the trash, by kind.
fn places(app: &TestApp) -> Vec<(String, bool)> {
    let mut all: Vec<(String, bool)> = walk(&app.admin, "/api/v1/models?includeDeleted=1", "id")
        .iter()
        .map(|model| {
            (
                model["modelKind"].as_str().unwrap().to_owned(),
                model["deletedAt"].is_string(),
            )
        })
        .collect();
    all.sort();
    all
}

fn state(app: &TestApp, entry: &str) -> Value {
    app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["state"].clone()
}

fn receipt_is_sound(app: &TestApp, entry: &str) {
    let receipt = app.admin.get(&format!("/v1/receipts/{entry}"));
    let keys = app.admin.get("/v1/receipt-keys");
    receipts::check(receipt.text.as_bytes(), keys.text.as_bytes()).unwrap();
}

on_both! {
    fn it_is_made_with_its_connection_and_goes_comes_and_is_purged_with_it(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let listed = walk(&app.admin, &format!("/api/v1/models?modelId={id}"), "id");
        assert_eq!((listed.len(), &listed[0]["connectionId"], &listed[0]["modelKind"], &listed[0]["name"]), (1, &json!(id), &json!("SCHEMA"), &json!("warehouse")));
        let row = app.admin.get(&format!("/v1/models/{id}")).ok(200);
        let model = format!("/api/v1/models/{id}");
        assert_eq!(refused(&app.admin.delete(&model), 400), "Bad Request: Cannot delete a model with kind SCHEMA");
        assert_eq!(refused(&app.admin.patch(&model, &json!({"name": "x"})), 400), "Bad Request: Cannot rename a model with kind SCHEMA: it has the name of its connection");
        let entry = app.delete_connection(&id);
        assert_eq!(places(app), [("SCHEMA".to_owned(), true)]);
        receipt_is_sound(app, &entry);
        app.admin.get(&format!("/v1/models/{id}")).problem(410, "in_trash");
        app.admin.post(&format!("/api/v1/connections/{id}/restore"), &json!({})).ok(200);
        assert_eq!(app.admin.get(&format!("/v1/models/{id}")).ok(200), row);
        assert_eq!(places(app), [("SCHEMA".to_owned(), false)]);
        let again = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{again}/purge"), &json!({"confirm": "warehouse"})).ok(200);
        assert_eq!(places(app), []);
        assert_eq!((state(app, &entry), state(app, &again)), (json!("restored"), json!("purged")));
        receipt_is_sound(app, &again);
        for path in [format!("/v1/models/{id}"), format!("/v1/connections/{id}")] {
            app.admin.get(&path).problem(404, "not_found");
        }
        refused(&app.admin.delete(&format!("/api/v1/connections/{id}")), 404);
    }

    fn deleting_a_model_takes_the_models_that_extend_it_and_leaves_the_schema(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let shared = model(&app.admin, &id, "SHARED", "shared", Some(&id));
        let extension = model(&app.admin, &id, "SHARED_EXTENSION", "extension", Some(&shared));
        content(&app.admin, &id, &json!({"name": "chart", "model_id": extension}));
        content(&app.admin, &id, &json!({"name": "of the schema", "model_id": id}));
        app.admin.delete(&format!("/api/v1/models/{shared}")).ok(200);
        assert_eq!(places(app), [("SCHEMA".to_owned(), false), ("SHARED".to_owned(), true), ("SHARED_EXTENSION".to_owned(), true)]);
        let documents = walk(&app.admin, "/api/v1/documents", "identifier");
        assert_eq!((documents.len(), &documents[0]["name"]), (1, &json!("of the schema")));
        app.admin.get(&format!("/v1/connections/{id}")).ok(200);
    }

    fn deleted_alone_it_comes_back_alone_and_its_connection_knows_nothing_of_it(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let shared = model(&app.admin, &id, "SHARED", "shared", Some(&id));
        let impact = app.admin.get(&format!("/v1/models/{id}/impact")).ok(200);
        assert_eq!((&impact["impact"]["connections"], &impact["impact"]["models"]), (&json!(0), &json!(2)));
        let of_schema = delete_schema(app, &id);
        receipt_is_sound(app, &of_schema);
        let connection = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        assert_eq!(connection["secrets"]["password"]["set"], true);
        assert_eq!(refused(&app.admin.post("/api/v1/models", &json!({"connectionId": id})), 409), "There is a model with this id, or there was one and it was deleted.");
        assert_eq!(refused(&app.admin.post(&format!("/api/v1/connections/{id}/restore"), &json!({})), 409), "This connection is not in the trash.");
        // Both are in the trash under one id, each in its own entry.
        let of_connection = app.delete_connection(&id);
        assert_eq!(places(app), [("SCHEMA".to_owned(), true), ("SHARED".to_owned(), true)]);
        app.admin.post(&format!("/v1/trash/{of_schema}/restore"), &json!({})).problem(409, "parent_in_trash");
        app.admin.post(&format!("/api/v1/connections/{id}/restore"), &json!({})).ok(200);
        assert_eq!((state(app, &of_connection), state(app, &of_schema)), (json!("restored"), json!("in_trash")));
        app.admin.post(&format!("/v1/trash/{of_schema}/restore"), &json!({})).ok(200);
        assert_eq!(places(app), [("SCHEMA".to_owned(), false), ("SHARED".to_owned(), false)]);
        assert_eq!(app.admin.get(&format!("/v1/models/{shared}")).ok(200)["base_model_id"], json!(id));
        // With its ancestors, in one call.
        let of_schema = delete_schema(app, &id);
        app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{of_schema}/restore"), &json!({"with_ancestors": true})).ok(200);
        assert_eq!(places(app), [("SCHEMA".to_owned(), false), ("SHARED".to_owned(), false)]);
        // Purged alone, it is not made again.
        let of_schema = delete_schema(app, &id);
        app.admin.post(&format!("/v1/trash/{of_schema}/purge"), &json!({"confirm": "warehouse"})).ok(200);
        app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        refused(&app.admin.post("/api/v1/models", &json!({"connectionId": id})), 409);
        assert_eq!(places(app), []);
    }

    fn its_own_purge_after_that_of_its_connection_leaves_a_list_that_still_answers(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        delete_schema(app, &id);
        let of_connection = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{of_connection}/purge"), &json!({"confirm": "warehouse"})).ok(200);
        assert_eq!(places(app), [("SCHEMA".to_owned(), true)]);
    }

    fn what_a_deletion_shredded_is_told_even_if_the_model_of_the_same_id_went_later(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let hint = "vault: kv/warehouse";
        app.admin.put(&format!("/v1/connections/{id}/secrets"), &json!({"secrets": {}, "source_hints": {"password": hint}})).ok(200);
        app.delete_connection(&id);
        app.admin.post(&format!("/api/v1/connections/{id}/restore"), &json!({})).ok(200);
        delete_schema(app, &id);
        let link = app.admin.send("POST", &format!("/v1/connections/{id}/reentry-session"), None).ok(201);
        let path = format!("/enter/{}", link["code"].as_str().unwrap());
        let pressed = app.stranger().with("content-type", "application/x-www-form-urlencoded").with("sec-fetch-site", "same-origin").send("POST", &path, Some(String::new()));
        let cookie = pressed.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let page = app.stranger().with("cookie", &cookie).get("/enter");
        assert!(page.text.contains(hint), "{page:#?}");
    }

    fn it_has_the_name_its_connection_has_now(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        app.admin.patch(&format!("/v1/connections/{id}"), &json!({"name": "lake"})).ok(200);
        let shown = |path: &str| walk(&app.admin, path, "id")[0]["name"].clone();
        assert_eq!(shown("/api/v1/models"), "lake");
        let answered = app.admin.post("/api/v1/models", &json!({"connectionId": id, "modelKind": "SCHEMA", "modelName": "mine"})).ok(200);
        assert_eq!(answered["model"], json!({"id": id, "modelKind": "SCHEMA", "name": "lake"}));
        app.delete_connection(&id);
        assert_eq!(shown("/api/v1/models?includeDeleted=true"), "lake");
    }

    fn a_connection_made_elsewhere_has_none_until_it_is_asked_for(app: &TestApp) {
        let id = app.admin.post("/v1/connections", &postgres_connection("native")).ok(201)["id"].as_str().unwrap().to_owned();
        assert_eq!(places(app), []);
        let made = app.admin.post("/api/v1/models", &json!({"connectionId": id})).ok(200);
        assert_eq!(made["model"], json!({"id": id, "modelKind": "SCHEMA", "name": "native"}));
        assert_eq!(places(app), [("SCHEMA".to_owned(), false)]);
    }

    fn it_goes_through_an_export_and_an_import_with_the_same_id(app: &TestApp) {
        let live = create(&app.admin, &postgres("live"));
        let gone = create(&app.admin, &postgres("gone"));
        let alone = create(&app.admin, &postgres("alone"));
        app.delete_connection(&gone);
        delete_schema(app, &alone);
        let other = transfer::other(app);
        transfer::import(&other.admin, &transfer::export(&app.admin));
        assert_eq!(places(&other), places(app));
        assert_eq!(transfer::export(&other.admin).lines().count(), transfer::export(&app.admin).lines().count());
        for id in [&live, &gone, &alone] {
            strict(&other.admin.get(&format!("/api/v1/connections/{id}")).ok(200)["connection"]);
        }
        other.admin.post(&format!("/api/v1/connections/{gone}/restore"), &json!({})).ok(200);
        other.admin.get(&format!("/v1/models/{gone}")).ok(200);
    }
}
