//! Settings hold no secret: they are copied into places that are never shredded.

use serde_json::Value;

use crate::support::*;

/// Settings that are refused, with the code of the problem, and of the field where it differs.
fn refused() -> Vec<(
    &'static str,
    Value,
    &'static str,
    &'static str,
    &'static str,
)> {
    let postgres = |name: &str, value: Value| {
        let mut settings = postgres_connection("x")["settings"].clone();
        settings[name] = value;
        settings
    };
    let secret = "secret_in_settings";
    vec![
        (
            "postgres",
            postgres("password", json!("s3cr3t")),
            secret,
            secret,
            "/settings/password",
        ),
        (
            "postgres",
            postgres("extra", json!("s3cr3t")),
            secret,
            secret,
            "/settings/extra",
        ),
        (
            "postgres",
            postgres("database", json!("postgres://me:s3cr3t@db/x")),
            secret,
            secret,
            "/settings/database",
        ),
        (
            "postgres",
            postgres("schema", json!("x?password=s3cr3t")),
            secret,
            secret,
            "/settings/schema",
        ),
        (
            "postgres",
            postgres("host", json!("https://me:s3cr3t@db.example.com")),
            secret,
            secret,
            "/settings/host",
        ),
        (
            "http-bearer",
            json!({"base_url": "https://me:s3cr3t@api.example.com"}),
            secret,
            secret,
            "/settings/base_url",
        ),
        (
            "http-bearer",
            json!({"base_url": "https://s3cr3t@api.example.com"}),
            secret,
            secret,
            "/settings/base_url",
        ),
        (
            "http-bearer",
            json!({"base_url": "https://api.example.com/?api_key=s3cr3t"}),
            secret,
            secret,
            "/settings/base_url",
        ),
        (
            "http-bearer",
            json!({"base_url": "https://api.example.com", "token": "s3cr3t"}),
            secret,
            secret,
            "/settings/token",
        ),
        (
            "postgres",
            postgres("colour", json!("s3cr3t")),
            "invalid_input",
            "unknown_setting",
            "/settings/colour",
        ),
        (
            "postgres",
            postgres("host", json!("me:s3cr3t@db")),
            secret,
            secret,
            "/settings/host",
        ),
        (
            "postgres",
            postgres("host", json!("s3cr3t/db")),
            "invalid_input",
            "invalid_host",
            "/settings/host",
        ),
        (
            "postgres",
            postgres("tls", json!("s3cr3t")),
            "invalid_input",
            "not_allowed_value",
            "/settings/tls",
        ),
        (
            "postgres",
            json!("s3cr3t"),
            "invalid_input",
            "wrong_type",
            "/settings",
        ),
    ]
}

on_both! {
    fn a_secret_among_the_settings_is_refused_by_every_way_in(app: &TestApp) {
        for (connector, settings, problem, code, pointer) in refused() {
            let new = json!({"name": "x", "connector": connector, "settings": settings});
            let upsert = format!("/v1/integrations/{connector}/connections/new");
            for reply in [app.admin.post("/v1/connections", &new), app.admin.put(&upsert, &new)] {
                reply.problem(422, problem);
                assert!(reply.field_errors().contains(&(pointer.to_owned(), code.to_owned())), "{reply:#?}");
                assert!(!reply.text.contains("s3cr3t"), "the refusal repeats it: {reply:#?}");
            }
        }
        assert_eq!(app.admin.get("/v1/connections").ok(200)["data"], json!([]));
    }

    fn a_patch_or_upsert_brings_no_secret_into_the_settings_either(app: &TestApp) {
        let id = app.sample_connection("kept");
        let path = format!("/v1/connections/{id}");
        let before = app.admin.get(&path).ok(200);
        for (connector, settings, problem, code, pointer) in refused() {
            if connector != "postgres" || !settings.is_object() {
                continue;
            }
            let new = json!({"connector": connector, "settings": settings});
            for reply in [
                app.admin.patch(&path, &json!({ "settings": settings })),
                app.admin.put("/v1/integrations/postgres/connections/ext-kept", &new),
            ] {
                reply.problem(422, problem);
                assert!(reply.field_errors().contains(&(pointer.to_owned(), code.to_owned())), "{reply:#?}");
                assert!(!reply.text.contains("s3cr3t"), "the refusal repeats it: {reply:#?}");
            }
        }
        assert_eq!(app.admin.get(&path).ok(200), before);
    }
}
