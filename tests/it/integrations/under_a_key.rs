//! Create, read, list, change; secrets; which connections belong to one.

use super::*;

on_both! {
    fn an_integration_reads_as_it_was_made_without_its_secrets(app: &TestApp) {
        let reply = app.admin.post("/v1/integrations", &crm());
        assert_eq!(reply.header("location"), Some("/v1/integrations/crm%2Dprod"));
        let made = reply.ok(201);
        assert_eq!(made["key"], "crm-prod");
        assert_eq!(made["settings"], crm()["settings"]);
        assert_eq!(made["secrets"]["client_secret"]["set"], true);
        assert_eq!(made["secrets"]["client_secret"]["required"], false);
        assert_eq!(made["secrets"]["access_token"]["set"], false);
        assert!(!made.to_string().contains("the client's own secret"));
        assert_eq!(app.admin.get("/v1/integrations/crm-prod").ok(200), made);
        assert_eq!(app.admin.get("/v1/integrations?connector=oauth2").ok(200)["data"], json!([made]));
        assert_eq!(app.admin.get("/v1/integrations?connector=github").ok(200)["data"], json!([]));
        let secrets = app.admin.get("/v1/integrations/crm-prod/secrets").ok(200);
        assert_eq!(secrets["secrets"], json!({"client_secret": "the client's own secret"}));
    }

    fn keys_are_unique_and_the_key_of_another_connector_is_not_given_out(app: &TestApp) {
        app.admin.post("/v1/integrations", &crm()).ok(201);
        app.admin.post("/v1/integrations", &crm()).problem(409, "external_id_taken");
        for (key, connector, code) in [
            ("postgres", "oauth2", "reserved"),
            ("", "oauth2", "empty"),
            ("a/b", "oauth2", "invalid_format"),
            (" a", "oauth2", "invalid_format"),
            ("x", "nothing", "unknown_connector"),
        ] {
            let problem = app.admin.post("/v1/integrations", &json!({"key": key, "connector": connector})).problem(422, "invalid_input");
            assert_eq!(problem["errors"][0]["code"], code, "{key:?}");
        }
        app.admin.post("/v1/integrations", &json!({"key": "postgres", "connector": "postgres"})).ok(201);
        let secret = json!({"key": "y", "connector": "oauth2", "settings": {"client_secret": "x"}});
        app.admin.post("/v1/integrations", &secret).problem(422, "secret_in_settings");
    }

    fn a_connection_belongs_to_the_integration_it_names_and_names_are_unique_within_it(app: &TestApp) {
        let ids = crm_with(app, &["north", "south"]);
        let listed = app.admin.get("/v1/connections?integration=crm-prod").ok(200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 2);
        app.admin.post("/v1/connections", &member("north")).problem(409, "external_id_taken");
        let mut outside = member("north");
        outside.as_object_mut().unwrap().remove("integration");
        let outside = app.admin.post("/v1/connections", &outside).ok(201);
        assert_eq!(outside["integration"], "oauth2");
        let upserted = app.admin.put("/v1/integrations/crm-prod/connections/ext-north", &json!({"connector": "oauth2"})).ok(200);
        assert_eq!(upserted["id"], ids[0].as_str());
        for (integration, connector) in [("nowhere", "oauth2"), ("crm-prod", "http-bearer")] {
            let wrong = json!({"name": "x", "connector": connector, "integration": integration, "settings": {"base_url": "https://x.example.com"}});
            let problem = app.admin.post("/v1/connections", &wrong).problem(422, "invalid_input");
            assert_eq!(problem["errors"][0]["code"], "unknown_integration", "{problem}");
        }
    }

    fn connections_without_an_integration_belong_to_one_that_has_their_connectors_key(app: &TestApp) {
        let before = make(app, "/v1/connections", &postgres_connection("before"));
        make(app, "/v1/integrations", &json!({"key": "postgres", "connector": "postgres"}));
        make(app, "/v1/connections", &postgres_connection("after"));
        let entry = app.admin.delete("/v1/integrations/postgres").ok(200);
        assert_eq!(entry["impact"]["connections"], 1, "{entry}");
        app.admin.get(&format!("/v1/connections/{before}")).ok(200);
    }

    fn a_patch_changes_what_it_names_and_a_stale_one_nothing(app: &TestApp) {
        app.admin.post("/v1/integrations", &crm()).ok(201);
        let patched = app.admin.patch("/v1/integrations/crm-prod", &json!({"name": "CRM", "settings": {"scopes": "read"}})).ok(200);
        assert_eq!((patched["name"].as_str(), patched["version"].as_i64()), (Some("CRM"), Some(2)));
        assert_eq!(patched["settings"]["client_id"], "reprieve");
        let stale = app.admin.with("if-match", "\"1\"");
        stale.patch("/v1/integrations/crm-prod", &json!({"name": "other"})).problem(412, "version_mismatch");
        app.admin.patch("/v1/integrations/crm-prod", &json!({"key": "x"})).problem(422, "invalid_input");
        app.admin.get("/v1/integrations/nothing").problem(404, "not_found");
    }

    fn a_new_destination_asks_for_every_stored_secret_again(app: &TestApp) {
        app.admin.post("/v1/integrations", &crm()).ok(201);
        let elsewhere = json!({"settings": {"token_url": "https://elsewhere.example.com/token"}});
        let problem = app.admin.patch("/v1/integrations/crm-prod", &elsewhere).problem(422, "secrets_required");
        assert_eq!(problem["missing"], json!(["client_secret"]));
        let mut with_secret = elsewhere;
        with_secret["secrets"] = json!({"client_secret": "entered again"});
        app.admin.patch("/v1/integrations/crm-prod", &with_secret).ok(200);
        let secrets = app.admin.get("/v1/integrations/crm-prod/secrets").ok(200);
        assert_eq!(secrets["secrets"]["client_secret"], "entered again");
        let none = app.admin.put("/v1/integrations/crm-prod/secrets", &json!({"secrets": {"client_secret": null}})).ok(200);
        assert_eq!(none["secrets"]["client_secret"]["set"], false);
    }

    fn lifting_its_deletion_protection_needs_the_right_to(app: &TestApp) {
        let mut protected = crm();
        protected["deletion_protection"] = json!(true);
        app.admin.post("/v1/integrations", &protected).ok(201);
        let problem = app.admin.delete("/v1/integrations/crm-prod").problem(409, "deletion_protected");
        assert_eq!(problem["protected"]["kind"], "integration");
        let lift = json!({"deletion_protection": false});
        app.client(&["integrations:write"]).patch("/v1/integrations/crm-prod", &lift).problem(403, "missing_scope");
        app.admin.patch("/v1/integrations/crm-prod", &lift).ok(200);
        app.admin.delete("/v1/integrations/crm-prod").ok(200);
    }
}
