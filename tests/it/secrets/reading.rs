//! Who may enter and read secrets, what a reading leaves behind, and that the wire is cut after it.

use super::database::texts;
use crate::support::*;

fn audit(app: &TestApp, action: &str) -> Vec<String> {
    let sql = format!(
        "SELECT actor_id || ' ' || coalesce(request_id, '') || ' ' || CAST(subject_id AS text) || ' ' || detail AS value \
         FROM audit_events WHERE action = '{action}' ORDER BY id"
    );
    texts(app, &sql)
}

on_both! {
    fn reading_needs_its_scope_and_leaves_an_audit_record(app: &TestApp) {
        let id = app.sample_connection("read");
        let path = format!("/v1/connections/{id}/secrets");
        for scopes in [&["connections:*"][..], &["secrets:write"], &["connections:*", "trash:*"]] {
            app.client(scopes).get(&path).problem(403, "missing_scope");
        }
        app.stranger().get(&path).problem(401, "unauthenticated");
        app.other_organization("others").get(&path).problem(404, "not_found");
        assert!(audit(app, "connection.secrets_read").is_empty());

        let reader = app.client(&["secrets:read", "actor:assert"]);
        let reply = reader.with("reprieve-actor", "id=ann").get(&path);
        assert_eq!(reply.ok(200), json!({"secrets": {"password": "correct horse battery staple"}}));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let request = reply.header("x-request-id").unwrap();
        assert_eq!(audit(app, "connection.secrets_read"), [format!("ann {request} {id} {{\"fields\":[\"password\"]}}")]);
        let events = texts(app, "SELECT action AS value FROM audit_events WHERE announced AND action LIKE '%secrets%'");
        assert!(events.is_empty(), "a reading is no change: {events:?}");

        app.delete_connection(&id);
        reader.get(&path).problem(404, "not_found");
        app.client(&["secrets:read", "trash:read"]).get(&path).problem(410, "in_trash");
        assert_eq!(audit(app, "connection.secrets_read").len(), 1);
    }

    fn entering_needs_its_scope_by_every_way_in(app: &TestApp) {
        let id = app.sample_connection("entered");
        let path = format!("/v1/connections/{id}");
        let writer = app.client(&["connections:*", "secrets:read"]);
        let secrets = json!({"password": "x"});
        let settings = &postgres_connection("x")["settings"];
        let upserted = json!({"connector": "postgres", "settings": settings, "secrets": secrets});
        for reply in [
            writer.post("/v1/connections", &postgres_connection("new")),
            writer.put(&format!("{path}/secrets"), &json!({ "secrets": secrets })),
            writer.patch(&path, &json!({ "secrets": secrets })),
            writer.patch(&path, &json!({"secrets": {"password": null}})),
            writer.patch(&path, &json!({"source_hints": {"password": "x"}})),
            writer.put("/v1/integrations/postgres/connections/ext-entered", &upserted),
            writer.put("/v1/integrations/postgres/connections/brand-new", &upserted),
        ] {
            reply.problem(403, "missing_scope");
        }
        assert_eq!(writer.get(&format!("{path}/secrets")).ok(200)["secrets"]["password"], "correct horse battery staple");
        let mut without = postgres_connection("new");
        without.as_object_mut().unwrap().remove("secrets");
        assert_eq!(writer.post("/v1/connections", &without).ok(201)["status"], "needs_credentials");
        let enterer = app.client(&["secrets:write"]);
        enterer.put(&format!("{path}/secrets"), &json!({ "secrets": secrets })).ok(200);
        assert!(audit(app, "connection.credentials_entered")[0].ends_with(r#"{"fields":["password"],"status":"untested"}"#));
    }

    fn the_wire_is_cut_after_a_request_that_carried_a_secret(app: &TestApp) {
        let id = app.sample_connection("cut");
        let path = format!("/v1/connections/{id}");
        let secrets = json!({"password": "x"});
        let mut unready = postgres_connection("unready");
        unready["settings"]["port"] = json!(0);
        let whole = json!({ "secrets": secrets });
        let carried = [
            app.admin.post("/v1/connections", &postgres_connection("other")),
            app.admin.put(&format!("{path}/secrets"), &whole),
            app.admin.patch(&path, &whole),
            app.admin.put("/v1/integrations/postgres/connections/ext-cut", &postgres_connection("cut")),
            app.admin.get(&format!("{path}/secrets")),
            // Refused, and yet it came in.
            app.admin.post("/v1/connections", &postgres_connection("other")),
            app.admin.post("/v1/connections", &unready),
            app.admin.post("/v1/connections", &json!({"nmae": "x", "secrets": secrets})),
            app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": ["x"]}})),
            app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"nonsense": "x"}})),
            app.admin.with("if-match", "\"99\"").send("PUT", &format!("{path}/secrets"), Some(whole.to_string())),
            app.admin.patch(&path, &json!({"settings": {"port": 0}, "secrets": secrets})),
            app.client(&["connections:*"]).put(&format!("{path}/secrets"), &whole),
        ];
        for reply in &carried {
            assert_eq!(reply.header("connection"), Some("close"), "{reply:#?}");
        }
        for reply in [app.admin.get(&path), app.admin.patch(&path, &json!({"name": "renamed"}))] {
            assert_ne!(reply.header("connection"), Some("close"), "{reply:#?}");
        }
    }
}
