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
    content(&app.admin, &id, &json!({"name": "chart", "external_id": "slug", "model_id": shared}));
    let gone = create(&app.admin, &postgres("gone"));
    app.admin.delete(&format!("/api/v1/connections/{gone}")).ok(200);
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
        insta::allow_duplicates! { insta::assert_snapshot!(wire.text(), @"") };
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
        insta::allow_duplicates! { insta::assert_snapshot!(wire.text(), @"") };
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
        insta::allow_duplicates! { insta::assert_snapshot!(wire.text(), @"") };
    }
}
