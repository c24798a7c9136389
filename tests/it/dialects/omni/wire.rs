//! The wire of every endpoint, status by status.

use super::kit::*;
use crate::support::*;

/// A connection with a model and a document, and another that is in the trash.
struct Scene {
    id: String,
    gone: String,
    shared: String,
    unknown: String,
    blind: Client,
    nobody: Client,
}

fn scene(app: &TestApp) -> Scene {
    let id = create(&app.admin, &postgres("warehouse"));
    let shared = model(&app.admin, &id, "SHARED", "shared", Some(&id));
    content(
        &app.admin,
        &id,
        &json!({"name": "chart", "external_id": "slug", "model_id": shared}),
    );
    let gone = create(&app.admin, &postgres("gone"));
    app.admin
        .delete(&format!("/api/v1/connections/{gone}"))
        .ok(200);
    Scene {
        id,
        gone,
        shared,
        unknown: uuid::Uuid::now_v7().to_string(),
        blind: app.client(&["events:read"]),
        nobody: app.stranger(),
    }
}

on_both! {
    fn connections(app: &TestApp) {
        let scene = scene(app);
        let at = |id: &str| format!("/api/v1/connections/{id}");
        let mut wire = Wire::default();
        wire.note("admin", &app.admin.get("/api/v1/connections"));
        wire.note("admin", &app.admin.get("/api/v1/connections?includeDeleted=maybe"));
        wire.note("nobody", &scene.nobody.get("/api/v1/connections"));
        wire.note("blind", &scene.blind.get("/api/v1/connections"));
        wire.note("admin", &app.admin.get(&at(&scene.gone)));
        wire.note("admin", &app.admin.get(&at("x")));
        wire.note("admin", &app.admin.get(&at(&scene.unknown)));
        wire.note("nobody", &scene.nobody.get(&at(&scene.id)));
        wire.note("blind", &scene.blind.get(&at(&scene.id)));
        wire.note("admin", &app.admin.post("/api/v1/connections", &postgres("new")));
        wire.note("admin", &app.admin.post("/api/v1/connections", &postgres("new")));
        wire.note("admin", &app.admin.post("/api/v1/connections", &json!({"dialect": "postgres", "name": "x"})));
        wire.note("nobody", &scene.nobody.post("/api/v1/connections", &postgres("x")));
        wire.note("blind", &scene.blind.post("/api/v1/connections", &postgres("x")));
        let role = json!({"baseRole": "VIEWER"});
        wire.note("admin", &app.admin.patch(&at(&scene.id), &role));
        wire.note("admin", &app.admin.patch(&at(&scene.id), &json!({})));
        wire.note("admin", &app.admin.patch(&at(&scene.unknown), &role));
        wire.note("admin", &app.admin.patch(&at(&scene.gone), &role));
        wire.note("nobody", &scene.nobody.patch(&at(&scene.id), &role));
        wire.note("blind", &scene.blind.patch(&at(&scene.id), &role));
        wire.note("admin", &app.admin.delete(&at("x")));
        wire.note("nobody", &scene.nobody.delete(&at(&scene.id)));
        wire.note("blind", &scene.blind.delete(&at(&scene.id)));
        wire.note("admin", &app.admin.delete(&at(&scene.unknown)));
        app.admin.patch(&format!("/v1/connections/{}", scene.id), &json!({"deletion_protection": true})).ok(200);
        wire.note("admin", &app.admin.delete(&at(&scene.id)));
        app.admin.patch(&format!("/v1/connections/{}", scene.id), &json!({"deletion_protection": false})).ok(200);
        wire.note("admin", &app.admin.delete(&at(&scene.id)));
        wire.note("admin", &app.admin.delete(&at(&scene.id)));
        let restore = |id: &str| format!("/api/v1/connections/{id}/restore");
        wire.note("admin", &app.admin.post(&restore("x"), &json!({})));
        wire.note("nobody", &scene.nobody.post(&restore(&scene.id), &json!({})));
        wire.note("blind", &scene.blind.post(&restore(&scene.id), &json!({})));
        wire.note("admin", &app.admin.post(&restore(&scene.unknown), &json!({})));
        wire.note("admin", &app.admin.post(&restore(&scene.id), &json!({})));
        wire.note("admin", &app.admin.post(&restore(&scene.id), &json!({})));
        wire.note("admin", &app.admin.send("PUT", &at(&scene.id), None));
        insta::allow_duplicates! { insta::assert_snapshot!(wire.text(), @r#"
        admin: GET /api/v1/connections
          200 {"connections":[{"allowBranchConnectionEnvironments":null,"baseRole":"QUERIER","branchConnectionEnvironmentOverridesUserAttr":null,"createdAt":"[time]","database":"sales","defaultSchema":"public","deletedAt":null,"dialect":"postgres","environmentConnectionSwitchesSchemaModel":null,"id":"[id]","name":"warehouse","updatedAt":"[time]","userAttributeNameForConnectionEnvironments":null,"userAttributeValuesForDefaultEnvironment":null}]}
        admin: GET /api/v1/connections?includeDeleted=maybe
          400 {"detail":"Bad Request: includeDeleted: Expected one of: false, 0, true, 1.","status":400}
        nobody: GET /api/v1/connections
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: GET /api/v1/connections
          403 {"detail":"Forbidden: This needs the scope connections:read.","status":403}
        admin: GET /api/v1/connections/[id]
          200 {"connection":{"allowBranchConnectionEnvironments":null,"baseRole":"QUERIER","branchConnectionEnvironmentOverridesUserAttr":null,"createdAt":"[time]","database":"sales","defaultSchema":"public","deletedAt":"[time]","dialect":"postgres","environmentConnectionSwitchesSchemaModel":null,"id":"[id]","name":"gone","updatedAt":"[time]","userAttributeNameForConnectionEnvironments":null,"userAttributeValuesForDefaultEnvironment":null}}
        admin: GET /api/v1/connections/x
          400 {"detail":"Bad Request: id: Invalid uuid","status":400}
        admin: GET /api/v1/connections/[id]
          404 {"detail":"Connection with id [id] does not exist","status":404}
        nobody: GET /api/v1/connections/[id]
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: GET /api/v1/connections/[id]
          403 {"detail":"Forbidden: This needs the scope connections:read.","status":403}
        admin: POST /api/v1/connections
          201 {"data":"[id]","success":true}
        admin: POST /api/v1/connections
          409 {"detail":"A live connection has this name. \"new (2)\" is free.","status":409}
        admin: POST /api/v1/connections
          400 {"detail":"Bad Request: passwordUnencrypted: Required","status":400}
        nobody: POST /api/v1/connections
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: POST /api/v1/connections
          403 {"detail":"Forbidden: This needs the scope connections:write.","status":403}
        admin: PATCH /api/v1/connections/[id]
          200 {"message":"Connection updated.","success":true}
        admin: PATCH /api/v1/connections/[id]
          400 {"detail":"Bad Request: At least one field must be provided","status":400}
        admin: PATCH /api/v1/connections/[id]
          404 {"detail":"Connection with id [id] does not exist","status":404}
        admin: PATCH /api/v1/connections/[id]
          410 {"detail":"Connection with id [id] is in the trash","status":410}
        nobody: PATCH /api/v1/connections/[id]
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: PATCH /api/v1/connections/[id]
          403 {"detail":"Forbidden: This needs the scope connections:write.","status":403}
        admin: DELETE /api/v1/connections/x
          400 {"detail":"Bad Request: id: Invalid uuid","status":400}
        nobody: DELETE /api/v1/connections/[id]
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: DELETE /api/v1/connections/[id]
          403 {"detail":"Forbidden: This needs the scope connections:delete.","status":403}
        admin: DELETE /api/v1/connections/[id]
          404 {"detail":"Connection with id [id] does not exist","status":404}
        admin: DELETE /api/v1/connections/[id]
          409 {"detail":"The connection \"warehouse\" is protected against deletion.","status":409}
        admin: DELETE /api/v1/connections/[id]
          200 {"message":"Connection moved to trash.","success":true}
        admin: DELETE /api/v1/connections/[id]
          410 {"detail":"Connection with id [id] is in the trash","status":410}
        admin: POST /api/v1/connections/x/restore
          400 {"detail":"Bad Request: id: Invalid uuid","status":400}
        nobody: POST /api/v1/connections/[id]/restore
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: POST /api/v1/connections/[id]/restore
          403 {"detail":"Forbidden: This needs the scope trash:restore.","status":403}
        admin: POST /api/v1/connections/[id]/restore
          404 {"detail":"Connection with id [id] does not exist","status":404}
        admin: POST /api/v1/connections/[id]/restore
          200 {"connection":{"allowBranchConnectionEnvironments":null,"baseRole":"VIEWER","branchConnectionEnvironmentOverridesUserAttr":null,"createdAt":"[time]","database":"sales","defaultSchema":"public","deletedAt":null,"dialect":"postgres","environmentConnectionSwitchesSchemaModel":null,"id":"[id]","name":"warehouse","updatedAt":"[time]","userAttributeNameForConnectionEnvironments":null,"userAttributeValuesForDefaultEnvironment":null},"message":"Connection restored. Enter its secrets again: PATCH passwordUnencrypted or privateKey.","success":true}
        admin: POST /api/v1/connections/[id]/restore
          409 {"detail":"This connection is not in the trash.","status":409}
        admin: PUT /api/v1/connections/[id]
          405 {"detail":"This path takes DELETE, GET, PATCH.","status":405}
        "#) };
    }

    fn models(app: &TestApp) {
        let scene = scene(app);
        let at = |id: &str| format!("/api/v1/models/{id}");
        let mut wire = Wire::default();
        wire.note("admin", &app.admin.get("/api/v1/models?include=activeBranches&pageSize=1"));
        wire.note("admin", &app.admin.get(&format!("/api/v1/models?includeDeleted=1&modelId={}", scene.gone)));
        wire.note("admin", &app.admin.get("/api/v1/models?pageSize=0"));
        wire.note("nobody", &scene.nobody.get("/api/v1/models"));
        wire.note("blind", &scene.blind.get("/api/v1/models"));
        let new = |connection: &str, kind: &str| json!({"connectionId": connection, "modelKind": kind, "modelName": "new"});
        wire.note("admin", &app.admin.post("/api/v1/models", &new(&scene.id, "SHARED")));
        wire.note("admin", &app.admin.post("/api/v1/models", &new(&scene.id, "SCHEMA")));
        wire.note("admin", &app.admin.post("/api/v1/models", &new(&scene.id, "BRANCH")));
        wire.note("admin", &app.admin.post("/api/v1/models", &new(&scene.unknown, "SHARED")));
        wire.note("admin", &app.admin.post("/api/v1/models", &new(&scene.gone, "SHARED")));
        wire.note("nobody", &scene.nobody.post("/api/v1/models", &new(&scene.id, "SHARED")));
        wire.note("blind", &scene.blind.post("/api/v1/models", &new(&scene.id, "SHARED")));
        let name = json!({"name": "renamed"});
        wire.note("admin", &app.admin.patch(&at(&scene.shared), &name));
        wire.note("admin", &app.admin.patch(&at(&scene.shared), &json!({})));
        wire.note("admin", &app.admin.patch(&at(&scene.unknown), &name));
        wire.note("admin", &app.admin.patch(&at(&scene.gone), &name));
        wire.note("nobody", &scene.nobody.patch(&at(&scene.shared), &name));
        wire.note("blind", &scene.blind.patch(&at(&scene.shared), &name));
        wire.note("admin", &app.admin.delete(&at("x")));
        wire.note("admin", &app.admin.delete(&at(&scene.id)));
        wire.note("admin", &app.admin.delete(&at(&scene.unknown)));
        wire.note("nobody", &scene.nobody.delete(&at(&scene.shared)));
        wire.note("blind", &scene.blind.delete(&at(&scene.shared)));
        app.admin.patch(&format!("/v1/models/{}", scene.shared), &json!({"deletion_protection": true})).ok(200);
        wire.note("admin", &app.admin.delete(&at(&scene.shared)));
        app.admin.patch(&format!("/v1/models/{}", scene.shared), &json!({"deletion_protection": false})).ok(200);
        wire.note("admin", &app.admin.delete(&at(&scene.shared)));
        wire.note("admin", &app.admin.delete(&at(&scene.shared)));
        insta::allow_duplicates! { insta::assert_snapshot!(wire.text(), @r#"
        admin: GET /api/v1/models?include=activeBranches&pageSize=1
          200 {"pageInfo":{"hasNextPage":true,"nextCursor":"[cursor]","pageSize":1,"totalRecords":2},"records":[{"baseModelId":"[id]","branches":[],"connectionId":"[id]","createdAt":"[time]","deletedAt":null,"id":"[id]","modelKind":"SHARED","name":"shared","updatedAt":"[time]"}]}
        admin: GET /api/v1/models?includeDeleted=1&modelId=[id]
          200 {"pageInfo":{"hasNextPage":false,"nextCursor":null,"pageSize":20,"totalRecords":1},"records":[{"baseModelId":null,"connectionId":"[id]","createdAt":"[time]","deletedAt":"[time]","id":"[id]","modelKind":"SCHEMA","name":"gone","updatedAt":"[time]"}]}
        admin: GET /api/v1/models?pageSize=0
          400 {"detail":"Bad Request: pageSize: Expected a number from 1 to 100.","status":400}
        nobody: GET /api/v1/models
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: GET /api/v1/models
          403 {"detail":"Forbidden: This needs the scope connections:read.","status":403}
        admin: POST /api/v1/models
          200 {"model":{"id":"[id]","modelKind":"SHARED","name":"new"},"success":true}
        admin: POST /api/v1/models
          200 {"model":{"id":"[id]","modelKind":"SCHEMA","name":"warehouse"},"success":true}
        admin: POST /api/v1/models
          400 {"detail":"Bad Request: baseModelId: Required","status":400}
        admin: POST /api/v1/models
          404 {"detail":"Connection with id [id] does not exist","status":404}
        admin: POST /api/v1/models
          410 {"detail":"Connection with id [id] is in the trash","status":410}
        nobody: POST /api/v1/models
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: POST /api/v1/models
          403 {"detail":"Forbidden: This needs the scope connections:write.","status":403}
        admin: PATCH /api/v1/models/[id]
          200 {"model":{"id":"[id]","name":"renamed"},"success":true}
        admin: PATCH /api/v1/models/[id]
          400 {"detail":"Bad Request: name: Required","status":400}
        admin: PATCH /api/v1/models/[id]
          404 {"detail":"Model with id [id] does not exist","status":404}
        admin: PATCH /api/v1/models/[id]
          410 {"detail":"Model with id [id] is in the trash","status":410}
        nobody: PATCH /api/v1/models/[id]
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: PATCH /api/v1/models/[id]
          403 {"detail":"Forbidden: This needs the scope connections:write.","status":403}
        admin: DELETE /api/v1/models/x
          400 {"detail":"Bad Request: modelId: Invalid uuid","status":400}
        admin: DELETE /api/v1/models/[id]
          400 {"detail":"Bad Request: Cannot delete a model with kind SCHEMA","status":400}
        admin: DELETE /api/v1/models/[id]
          404 {"detail":"Model with id [id] does not exist","status":404}
        nobody: DELETE /api/v1/models/[id]
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: DELETE /api/v1/models/[id]
          403 {"detail":"Forbidden: This needs the scope connections:delete.","status":403}
        admin: DELETE /api/v1/models/[id]
          409 {"detail":"The model \"renamed\" is protected against deletion.","status":409}
        admin: DELETE /api/v1/models/[id]
          200 {"success":true}
        admin: DELETE /api/v1/models/[id]
          410 {"detail":"Model with id [id] is in the trash","status":410}
        "#) };
    }

    fn documents_and_whoami(app: &TestApp) {
        let scene = scene(app);
        let mut wire = Wire::default();
        wire.note("admin", &app.admin.get("/api/v1/documents?include=_count,labels"));
        wire.note("admin", &app.admin.get("/api/v1/documents?folderId=x&pageSize=5"));
        wire.note("admin", &app.admin.get("/api/v1/documents?sortField=size"));
        wire.note("nobody", &scene.nobody.get("/api/v1/documents"));
        wire.note("blind", &scene.blind.get("/api/v1/documents"));
        wire.note("nobody", &scene.nobody.delete("/api/v1/documents/slug"));
        wire.note("blind", &scene.blind.delete("/api/v1/documents/slug"));
        wire.note("admin", &app.admin.delete("/api/v1/documents/slug"));
        wire.note("admin", &app.admin.delete("/api/v1/documents/slug"));
        wire.note("admin", &app.admin.get("/api/v1/documents?include=includeDeleted"));
        wire.note("blind", &scene.blind.get("/api/v1/whoami"));
        wire.note("nobody", &scene.nobody.get("/api/v1/whoami"));
        insta::allow_duplicates! { insta::assert_snapshot!(wire.text(), @r#"
        admin: GET /api/v1/documents?include=_count,labels
          200 {"pageInfo":{"hasNextPage":false,"nextCursor":null,"pageSize":20,"totalRecords":1},"records":[{"_count":{"favorites":0,"views":0},"connectionId":"[id]","deleted":false,"folder":null,"hasDashboard":false,"identifier":"slug","labels":[],"name":"chart","owner":{"id":"[id]","name":"default"},"scope":"organization","type":"document","updatedAt":"[time]","url":"[url]"}]}
        admin: GET /api/v1/documents?folderId=x&pageSize=5
          200 {"pageInfo":{"hasNextPage":false,"nextCursor":null,"pageSize":5,"totalRecords":0},"records":[]}
        admin: GET /api/v1/documents?sortField=size
          400 {"detail":"Bad Request: sortField: Expected one of: updatedAt, name, favorites, visits.","status":400}
        nobody: GET /api/v1/documents
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: GET /api/v1/documents
          403 {"detail":"Forbidden: This needs the scope connections:read.","status":403}
        nobody: DELETE /api/v1/documents/slug
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        blind: DELETE /api/v1/documents/slug
          403 {"detail":"Forbidden: This needs the scope connections:delete.","status":403}
        admin: DELETE /api/v1/documents/slug
          200 {"success":true}
        admin: DELETE /api/v1/documents/slug
          404 {"detail":"Document with id slug does not exist","status":404}
        admin: GET /api/v1/documents?include=includeDeleted
          200 {"pageInfo":{"hasNextPage":false,"nextCursor":null,"pageSize":20,"totalRecords":1},"records":[{"connectionId":"[id]","deleted":true,"folder":null,"hasDashboard":false,"identifier":"slug","name":"chart","owner":{"id":"[id]","name":"default"},"scope":"organization","type":"document","updatedAt":"[time]","url":"[url]"}]}
        blind: GET /api/v1/whoami
          200 {"key":{"id":"[id]","scopes":["events:read"]},"organization":{"id":"[id]","name":"default"}}
        nobody: GET /api/v1/whoami
          401 {"detail":"Unauthorized: there is no valid API key in the Authorization header.","status":401}
        "#) };
    }
}
