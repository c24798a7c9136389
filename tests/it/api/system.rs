//! What tells about the service itself, and the catalogue of connectors.

use std::collections::BTreeSet;

use super::kit::*;
use crate::support::*;

on_both! {
    fn a_service_that_runs_says_so_without_a_key(app: &TestApp) {
        let health = app.stranger().get("/healthz").sound();
        assert_eq!((health.status, health.text.as_str(), health.header("content-type")), (200, "ok\n", Some("text/plain")));
        assert_eq!(app.stranger().get("/readyz").sound().ok(200), json!({"ready": true, "problems": []}));
        assert!(app.stranger().get("/openapi.json").sound().ok(200)["paths"].is_object());
    }

    fn whoami_says_who_calls(app: &TestApp) {
        let whoami = app.client(&["trash:read", "connections:*"]).get("/v1/whoami").sound().ok(200);
        assert_eq!(whoami["organization"], json!({"id": app.org.to_string(), "name": "default"}));
        assert_eq!(whoami["scopes"], json!(["connections:*", "trash:read"]));
        let actor = json!({"id": format!("key:{}", whoami["key_id"].as_str().unwrap()), "name": "test"});
        assert_eq!(whoami["actor"], actor);
    }

    fn every_answer_has_its_own_request_id_and_is_kept_by_nobody(app: &TestApp) {
        let ids: BTreeSet<String> =
            (0..5).map(|_| app.admin.get("/v1/whoami").sound().header("x-request-id").unwrap().to_owned()).collect();
        assert_eq!(ids.len(), 5);
        let id = app.sample_connection("warehouse");
        for path in ["/v1/connections".to_owned(), format!("/v1/connections/{id}/secrets"), "/v1/trash".to_owned()] {
            let reply = app.admin.get(&path).sound();
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:#?}");
        }
        let own = app.admin.with("x-request-id", MARKER).get("/v1/nothing").sound();
        assert_ne!(own.header("x-request-id"), Some(MARKER));
    }

    fn an_answer_that_followed_a_secret_ends_its_connection(app: &TestApp) {
        let made = app.admin.post("/v1/connections", &postgres_connection("x")).sound();
        assert_eq!(made.header("connection"), Some("close"));
        let path = format!("/v1/connections/{}", made.text_of("id"));
        let closing = [
            app.admin.get(&format!("{path}/secrets")),
            app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "x"}})),
            app.admin.patch(&path, &json!({"secrets": {"password": "y"}})),
        ];
        for reply in closing {
            assert_eq!(reply.sound().header("connection"), Some("close"));
        }
        assert_eq!(app.admin.get(&path).sound().header("connection"), None);
    }

    fn the_catalogue_tells_what_each_connector_needs(app: &TestApp) {
        let connectors = app.admin.get("/v1/connectors").sound().ok(200)["data"].as_array().unwrap().clone();
        let keys: BTreeSet<&str> = connectors.iter().filter_map(|connector| connector["key"].as_str()).collect();
        for key in [
            "postgres", "mysql", "mariadb", "snowflake", "bigquery", "redshift", "databricks", "databricks_lakebase",
            "clickhouse", "mssql", "oracle", "trino", "athena", "exasol", "motherduck", "sap_hana", "starrocks",
            "http-bearer", "http-basic", "http-api-key", "oauth2", "oauth2-client-credentials", "github", "algolia",
        ] {
            assert!(keys.contains(key), "{key}");
        }
        for connector in &connectors {
            assert!(connector["label"].as_str().is_some_and(|label| !label.is_empty()), "{connector}");
            let secrets = connector["secrets"].as_array().unwrap();
            assert!(!secrets.is_empty(), "{connector}");
            for field in secrets {
                assert!(field["key"].is_string() && field["label"].is_string() && field["required"].is_boolean(), "{field}");
            }
            for field in connector["settings"].as_array().unwrap() {
                assert!(field["key"].is_string() && field["type"].is_string() && field["destination"].is_boolean(), "{field}");
                if ["host", "port", "tls", "base_url"].contains(&field["key"].as_str().unwrap()) {
                    assert_eq!(field["destination"], true, "{}: {field}", connector["key"]);
                }
            }
        }
    }
}
