//! Whose path is whose, and what is answered where there is nothing.

use reprieve::http::dialects::Dialect;

use serde_json::Value;

use crate::support::*;

/// The shape of a refusal: its members, and those of the one within.
fn shape(reply: &Reply) -> String {
    let body = reply.json();
    let members = |value: &Value| {
        let members: Vec<&String> = value.as_object().unwrap().keys().collect();
        format!("{members:?}")
    };
    match &body["error"] {
        Value::Object(_) => format!("error: {}", members(&body["error"])),
        _ => members(&body),
    }
}

on_each! {
    fn where_nothing_is_the_dialect_of_the_path_says_so_in_its_form(backend: Backend) {
        let app = TestApp::start(backend);
        let marked = app.stranger().with("x-trackstar-anything", "x");
        for (client, path, expected) in [
            (&app.admin, "/connections/a/b/c", r#"error: ["code", "message"]"#),
            (&app.admin, "/providers/a/b", r#"error: ["code", "message"]"#),
            (&marked, "/connections/a/b/c", r#"["error", "origin"]"#),
            (&app.admin, "/api/v1/nothing", r#"["detail", "status"]"#),
            (&app.admin, "/v1/nothing", r#"["code", "detail", "next", "request_id", "status", "title", "type"]"#),
            (&marked, "/v1/nothing", r#"["code", "detail", "next", "request_id", "status", "title", "type"]"#),
            (&app.admin, "/api/v2/connections", r#"["code", "detail", "next", "request_id", "status", "title", "type"]"#),
        ] {
            let reply = client.get(path);
            assert_eq!((reply.status, shape(&reply).as_str()), (404, expected), "{path}");
        }
    }

    fn a_path_that_is_no_clean_text_is_refused_in_the_form_of_its_dialect(backend: Backend) {
        let app = TestApp::start(backend);
        for (path, expected) in [
            ("/connections/a%00b", r#"error: ["code", "message"]"#),
            ("/connections/a%ff", r#"error: ["code", "message"]"#),
            ("/api/v1/connections/%ff", r#"["detail", "status"]"#),
        ] {
            let reply = app.admin.delete(path);
            assert_eq!((reply.status, shape(&reply).as_str()), (400, expected), "{path}");
        }
    }

    fn a_dialect_that_is_switched_off_is_not_there(backend: Backend) {
        let app = TestApp::start_with(backend, |config| {
            config.dialects.served.remove(&Dialect::Nango);
            config.dialects.served.remove(&Dialect::Omni);
        });
        for path in ["/connections", "/api/v1/connections", "/dialects/nango/openapi.json"] {
            app.admin.get(path).problem(404, "not_found");
        }
        app.stranger().get("/dialects/trackstar/openapi.json").ok(200);
    }
}
