//! Deleting an integration is one deletion of all its connections; a restore brings all of them back.

use super::*;

on_both! {
    fn deleting_an_integration_takes_its_connections_along_as_one_entry_and_shreds_all_secrets(app: &TestApp) {
        let ids = crm_with(app, &["north", "south"]);
        let other = app.sample_connection("unrelated");
        let impact = app.admin.get("/v1/integrations/crm-prod/impact").ok(200);
        assert_eq!(impact["impact"], json!({"integrations": 1, "connections": 2, "models": 2, "content": 2, "links": 0}));
        assert_eq!(impact["secrets"], json!(["access_token", "client_secret"]));
        assert_eq!(impact["secrets_count"], 3);
        assert_eq!(impact["sample"][0]["type"], "connection");
        let token = impact["plan_token"].as_str().unwrap();
        let entry = app.admin.delete(&format!("/v1/integrations/crm-prod?plan_token={token}&reason=migration")).ok(200);
        assert_eq!(entry["root"]["kind"], "integration");
        assert_eq!(entry["root"]["external_id"], "crm-prod");
        assert_eq!(entry["connection_id"], Value::Null);
        assert_eq!(entry["impact"], json!({"integrations": 1, "connections": 2, "models": 2, "content": 2, "links": 0, "references": 0}));
        assert_eq!(entry["secrets"]["shredded"], 3);
        assert_eq!(entry["secrets"]["shape"]["client_secret"]["source_hint"], "vault:crm/client");
        let gone = app.admin.get("/v1/integrations/crm-prod").problem(410, "in_trash");
        assert_eq!(gone["entry_id"], entry["id"]);
        app.admin.delete("/v1/integrations/crm-prod").problem(410, "in_trash");
        for id in &ids {
            let gone = app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
            assert_eq!(gone["entry_id"], entry["id"]);
        }
        app.admin.post("/v1/connections", &member("west")).problem(422, "invalid_input");
        app.admin.get(&format!("/v1/connections/{other}/secrets")).ok(200);
        assert_eq!(app.admin.get("/v1/trash/summary").ok(200)["entries"]["integration"], 1);
        assert_eq!(app.admin.get("/v1/trash?kind=integration").ok(200)["data"].as_array().unwrap().len(), 1);
    }

    fn the_entry_shows_the_shape_of_what_its_connections_lost(app: &TestApp) {
        let ids = crm_with(app, &["north", "south", "west"]);
        let entry = entry_of(&app.admin.delete("/v1/integrations/crm-prod").ok(200));
        let page = app.admin.get(&format!("/v1/trash/{entry}/items?kind=connection&page_size=2")).ok(200);
        assert_eq!(page["data"][0]["id"], ids[0].as_str());
        let field = &page["data"][0]["secrets"]["access_token"];
        assert_eq!((&field["set"], &field["required"], &field["source_hint"]), (&json!(false), &json!(true), &json!("vault:crm/north")));
        assert!(field["last_set_at"].is_string(), "{field}");
        let token = page["next_page_token"].as_str().unwrap();
        let rest = app.admin.get(&format!("/v1/trash/{entry}/items?kind=connection&page_size=2&page_token={token}")).ok(200);
        assert_eq!(rest["data"][0]["id"], ids[2].as_str());
        let own = app.admin.get(&format!("/v1/trash/{entry}/items?kind=integration")).ok(200);
        assert_eq!(own["data"][0]["key"], "crm-prod");
    }

    fn a_restore_brings_all_back_and_every_connection_needs_its_credentials(app: &TestApp) {
        let ids = crm_with(app, &["north", "south"]);
        let before = app.admin.get(&format!("/v1/connections/{}", ids[0])).ok(200);
        let entry = entry_of(&app.admin.delete("/v1/integrations/crm-prod").ok(200));
        let plan = restore(app, &entry, &json!({"validate_only": true})).ok(200);
        assert_eq!(plan["restores"], json!({"integrations": 1, "connections": 2, "models": 2, "content": 2, "links": 0}));
        let done = restore(app, &entry, &json!({"plan_token": plan["plan_token"]})).ok(200);
        assert_eq!(done["restored"], plan["restores"]);
        assert_eq!(done["connection"], Value::Null);
        assert_eq!(done["integration"]["key"], "crm-prod");
        assert_eq!(done["integration"]["version"], 3);
        assert_eq!(done["needs_credentials"], json!(["client_secret"]));
        for id in &ids {
            let after = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
            assert_eq!(after["status"], "needs_credentials");
            assert_eq!(after["integration"], "crm-prod");
            app.admin.get(&format!("/v1/connections/{id}/secrets")).problem(409, "needs_credentials");
        }
        // An old ETag must not pass for the row that lost its secrets.
        let after = app.admin.get(&format!("/v1/connections/{}", ids[0])).ok(200);
        assert!(after["version"].as_i64() > before["version"].as_i64());
        app.admin.put(&format!("/v1/connections/{}/secrets", ids[0]), &json!({"secrets": {"access_token": "again"}})).ok(200);
        app.admin.put("/v1/integrations/crm-prod/secrets", &json!({"secrets": {"client_secret": "again"}})).ok(200);
        assert_eq!(app.admin.get("/v1/integrations/crm-prod/secrets").ok(200)["secrets"]["client_secret"], "again");
        let again = app.admin.delete("/v1/integrations/crm-prod").ok(200);
        assert_eq!(again["secrets"]["shredded"], 2);
    }

    fn a_connection_that_left_before_stays_in_its_own_entry_and_waits_for_its_integration(app: &TestApp) {
        let ids = crm_with(app, &["north", "south"]);
        let first = app.delete_connection(&ids[0]);
        let entry = app.admin.delete("/v1/integrations/crm-prod").ok(200);
        assert_eq!(entry["impact"]["connections"], 1);
        let entry = entry_of(&entry);
        let blocked = restore(app, &first, &json!({})).problem(409, "parent_in_trash");
        assert_eq!(blocked["entry_id"], entry.as_str());
        let shown = app.admin.get(&format!("/v1/trash/{first}")).ok(200);
        assert_eq!((&shown["restorable"], &shown["blockers"][0]["code"]), (&json!(false), &json!("parent_in_trash")));
        let listed = app.admin.get("/v1/trash?restorable=true").ok(200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        let done = restore(app, &first, &json!({"with_ancestors": true})).ok(200);
        assert_eq!(done["ancestors"], json!([entry]));
        assert_eq!(done["restored"]["connections"], 2);
        app.admin.get(&format!("/v1/connections/{}", ids[0])).ok(200);
    }

    fn content_brings_back_its_connection_and_that_its_integration(app: &TestApp) {
        let ids = crm_with(app, &["north"]);
        let content = app.admin.get(&format!("/v1/connections/{}/content", ids[0])).ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        let of_content = entry_of(&app.admin.delete(&format!("/v1/content/{content}")).ok(200));
        let of_connection = app.delete_connection(&ids[0]);
        let of_integration = entry_of(&app.admin.delete("/v1/integrations/crm-prod").ok(200));
        let done = restore(app, &of_content, &json!({"with_ancestors": true})).ok(200);
        assert_eq!(done["ancestors"], json!([of_integration, of_connection]));
        assert_eq!(done["restored"], json!({"integrations": 1, "connections": 1, "models": 1, "content": 1, "links": 0}));
    }

    fn a_connection_whose_integration_is_gone_for_good_comes_back_under_another(app: &TestApp) {
        let ids = crm_with(app, &["north"]);
        let first = app.delete_connection(&ids[0]);
        let entry = entry_of(&app.admin.delete("/v1/integrations/crm-prod").ok(200));
        app.admin.post(&format!("/v1/trash/{entry}/purge"), &json!({"confirm": "CRM, production"})).ok(200);
        restore(app, &first, &json!({})).problem(409, "parent_purged");
        for (target, code) in [
            (json!({"integration": "nowhere"}), "unknown_integration"),
            (json!({"connection_id": ids[0]}), "not_allowed"),
            (json!({}), "required"),
        ] {
            let problem = restore(app, &first, &json!({"target": target})).problem(422, "invalid_input");
            assert_eq!(problem["errors"][0]["code"], code, "{problem}");
        }
        let done = restore(app, &first, &json!({"target": {"integration": "oauth2"}})).ok(200);
        assert_eq!(done["connection"]["integration"], "oauth2");
    }

    fn a_key_that_is_taken_meanwhile_blocks_and_another_key_in_the_call_wins(app: &TestApp) {
        let ids = crm_with(app, &["north"]);
        let earlier = app.admin.post("/v1/connections", &member("south")).ok(201)["id"].as_str().unwrap().to_owned();
        let of_earlier = app.delete_connection(&earlier);
        let entry = entry_of(&app.admin.delete("/v1/integrations/crm-prod").ok(200));
        make(app, "/v1/integrations", &crm());
        restore(app, &entry, &json!({})).problem(409, "external_id_taken");
        let shown = app.admin.get(&format!("/v1/trash/{entry}")).ok(200);
        assert_eq!(shown["restorable"], false);
        let wrong = restore(app, &entry, &json!({"external_id": "postgres"})).problem(422, "invalid_input");
        assert_eq!(wrong["errors"][0]["pointer"], "/external_id");
        let done = restore(app, &entry, &json!({"external_id": "crm-old", "name": "CRM, old"})).ok(200);
        assert_eq!((&done["integration"]["key"], &done["integration"]["name"]), (&json!("crm-old"), &json!("CRM, old")));
        assert_eq!(app.admin.get(&format!("/v1/connections/{}", ids[0])).ok(200)["integration"], "crm-old");
        // One that left earlier follows its integration to the new key.
        assert_eq!(restore(app, &of_earlier, &json!({})).ok(200)["connection"]["integration"], "crm-old");
    }

    fn a_live_connection_with_the_name_of_one_that_would_come_back_blocks(app: &TestApp) {
        make(app, "/v1/integrations", &json!({"key": "postgres", "connector": "postgres"}));
        make(app, "/v1/connections", &postgres_connection("sales"));
        let entry = entry_of(&app.admin.delete("/v1/integrations/postgres").ok(200));
        let mut same_name = postgres_connection("sales");
        same_name["external_id"] = json!("another");
        let holder = make(app, "/v1/connections", &same_name);
        let problem = restore(app, &entry, &json!({})).problem(409, "name_taken");
        assert_eq!(problem["id"], holder.as_str());
        assert_eq!(app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["restorable"], false);
        app.delete_connection(&holder);
        restore(app, &entry, &json!({})).ok(200);
    }

    fn a_preview_with_ancestors_sees_the_name_that_comes_back_first(app: &TestApp) {
        let ids = crm_with(app, &["north"]);
        let first = app.delete_connection(&ids[0]);
        make(app, "/v1/connections", &member("north"));
        let entry = entry_of(&app.admin.delete("/v1/integrations/crm-prod").ok(200));
        for how in [json!({"with_ancestors": true, "validate_only": true}), json!({"with_ancestors": true})] {
            restore(app, &first, &how).problem(409, "external_id_taken");
        }
        assert_eq!(app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["state"], "in_trash");
        let how = json!({"with_ancestors": true, "name": "north again", "external_id": "ext-2"});
        let plan = {
            let mut only = how.clone();
            only["validate_only"] = json!(true);
            restore(app, &first, &only).ok(200)
        };
        let done = restore(app, &first, &how).ok(200);
        assert_eq!(done["restored"], plan["restores"]);
    }

    fn a_protected_connection_keeps_its_integration(app: &TestApp) {
        let ids = crm_with(app, &["north", "south"]);
        app.admin.patch(&format!("/v1/connections/{}", ids[1]), &json!({"deletion_protection": true})).ok(200);
        let problem = app.admin.delete("/v1/integrations/crm-prod").problem(409, "deletion_protected");
        assert_eq!((&problem["protected"]["kind"], &problem["protected"]["id"]), (&json!("connection"), &json!(ids[1])));
        app.admin.get(&format!("/v1/connections/{}/secrets", ids[0])).ok(200);
    }

    fn a_create_that_would_restore_a_twin_does_not_bring_back_a_whole_integration(app: &TestApp) {
        make(app, "/v1/integrations", &json!({"key": "postgres", "connector": "postgres"}));
        make(app, "/v1/connections", &postgres_connection("sales"));
        let entry = entry_of(&app.admin.delete("/v1/integrations/postgres").ok(200));
        let mut again = postgres_connection("sales");
        again["on_trashed"] = json!("restore");
        let problem = app.admin.post("/v1/connections", &again).problem(409, "already_in_trash");
        assert_eq!(problem["entry_id"], entry.as_str());
    }

    fn a_connection_that_joins_after_the_plan_makes_it_stale(app: &TestApp) {
        crm_with(app, &["north"]);
        let token = app.admin.get("/v1/integrations/crm-prod/impact").ok(200)["plan_token"].as_str().unwrap().to_owned();
        make(app, "/v1/connections", &member("south"));
        let problem = app.admin.delete(&format!("/v1/integrations/crm-prod?plan_token={token}")).problem(409, "plan_stale");
        assert_eq!(problem["plan"]["impact"]["connections"], 2);
    }

    fn a_purged_integration_leaves_nothing_but_its_entry(app: &TestApp) {
        crm_with(app, &["north", "south"]);
        let entry = entry_of(&app.admin.delete("/v1/integrations/crm-prod").ok(200));
        app.admin.post(&format!("/v1/trash/{entry}/purge"), &json!({"confirm": "CRM, production"})).ok(200);
        for table in ["trash_integrations", "trash_connections", "trash_models", "trash_content", "shredded_secrets"] {
            assert_eq!(app.sql().lines(&format!("SELECT 'x' AS line FROM {table}")).len(), 0, "{table}");
        }
        app.admin.get("/v1/integrations/crm-prod").problem(404, "not_found");
    }
}
