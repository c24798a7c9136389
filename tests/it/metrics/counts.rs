//! What was done is counted once, after its commit: not what was refused, rolled back or only answered again.

use reprieve::service::purge::{self, Ask};

use super::*;

/// All counters of what was done, added up.
fn done(scrape: &Scrape) -> f64 {
    [
        "deletions",
        "restores",
        "purges",
        "connection_tests",
        "reentry_links",
        "revocations",
    ]
    .iter()
    .map(|name| scrape.sum(&format!("reprieve_{name}_total")))
    .sum()
}

on_each! {
    fn tries_to_deliver_are_counted_by_what_they_came_to_and_what_is_pending(backend: Backend) {
        let app = started(backend);
        let body = json!({"url": "http://127.0.0.1:9/", "types": ["connection.created"]});
        app.admin.post("/v1/webhooks", &body).ok(201);
        assert_value!(scrape(&app), "reprieve_webhook_attempts_total" {outcome = "unreachable"}, 0);
        app.sample_connection("warehouse");
        wait_for(&app, "reprieve_webhook_attempts_total", &[("outcome", "unreachable")], 1.0);
        wait_for(&app, "reprieve_webhook_deliveries_pending", &[], 1.0);
        assert_value!(scrape(&app), "reprieve_webhook_attempts_total" {outcome = "delivered"}, 0);
    }

    fn deletion_restore_and_purge_are_counted_once_each_however_often_they_are_sent(backend: Backend) {
        let app = started(backend);
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        assert_value!(scrape(&app), "reprieve_deletions_total" {kind = "connection"}, 0);

        let deletion = app.admin.with("idempotency-key", "delete-it");
        let entry = deletion.delete(&path).ok(200)["id"].as_str().unwrap().to_owned();
        let again = deletion.delete(&path);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_value!(scrape(&app), "reprieve_deletions_total" {kind = "connection"}, 1);

        let restore = app.admin.with("idempotency-key", "restore-it");
        let restoring = format!("/v1/trash/{entry}/restore");
        for _ in 0..2 {
            restore.post(&restoring, &json!({})).ok(200);
        }
        assert_value!(scrape(&app), "reprieve_restores_total" {kind = "connection"}, 1);

        let entry = app.delete_connection(&id);
        let purge = app.admin.with("idempotency-key", "purge-it");
        for _ in 0..2 {
            purge.post(&format!("/v1/trash/{entry}/purge"), &json!({"confirm": "warehouse"})).ok(200);
        }
        let scrape = scrape(&app);
        assert_value!(scrape, "reprieve_deletions_total" {kind = "connection"}, 2);
        assert_value!(scrape, "reprieve_purges_total" {outcome = "by_hand"}, 1);
        assert!((done(&scrape) - 4.0).abs() < 1e-9, "nothing else: {}", scrape.text);
    }

    fn purges_by_date_are_counted_one_by_one_and_so_is_what_fails(backend: Backend) {
        let app = started(backend);
        let run = || purge::run(&app.services, None, &Ask::default(), &|_| ()).unwrap();
        for name in ["one", "two", "three"] {
            app.delete_connection(&app.sample_connection(name));
        }
        let past = "2020-01-01T00:00:00.000000Z";
        let due = format!("UPDATE trash_entries SET deleted_at = '{past}', purge_at = '{past}' WHERE root_name <> 'three'");
        app.sql().run(&due);
        app.sql().run("ALTER TABLE trash_content RENAME TO trash_content_aside");
        assert_eq!((run().purged, run().purged), (0, 0), "the second leaves alone what failed");
        let counted = scrape(&app);
        assert_value!(counted, "reprieve_purges_total" {outcome = "failed"}, 2);
        assert_value!(counted, "reprieve_purges_total" {outcome = "due"}, 0);
        wait_for(&app, "reprieve_purge_blocked_entries", &[("reason", "failed")], 2.0);

        app.sql().run("ALTER TABLE trash_content_aside RENAME TO trash_content");
        app.sql().run(&format!("UPDATE purge_failures SET retry_at = '{past}'"));
        assert_eq!(run().purged, 2);
        let counted = scrape(&app);
        assert_value!(counted, "reprieve_purges_total" {outcome = "due"}, 2);
        assert_value!(counted, "reprieve_purges_total" {outcome = "failed"}, 2);
        assert_value!(counted, "reprieve_purges_total" {outcome = "by_hand"}, 0);
        wait_for(&app, "reprieve_purge_blocked_entries", &[("reason", "failed")], 0.0);
    }

    fn a_large_entry_is_counted_once(backend: Backend) {
        let app = started(backend);
        let mut services = app.services.clone();
        let limits = purge::Limits { large: 3, batch_rows: 2, ..app.services.purging.limits.clone() };
        services.purging = std::sync::Arc::new(purge::Purging::new(limits, None));
        app.delete_connection(&app.sample_connection("large"));
        app.sql().run("UPDATE trash_entries SET deleted_at = '2020-01-01T00:00:00.000000Z', purge_at = '2020-01-01T00:00:00.000000Z'");
        assert_eq!(purge::run(&services, None, &Ask::default(), &|_| ()).unwrap().purged, 1);
        assert_value!(scrape(&app), "reprieve_purges_total" {outcome = "due"}, 1);
    }

    fn each_kind_is_counted_apart_and_many_at_once_one_by_one(backend: Backend) {
        let app = started(backend);
        let ids: Vec<String> = ["one", "two", "three"].map(|name| app.sample_connection(name)).to_vec();
        let models = app.admin.get(&format!("/v1/connections/{}/models", ids[0])).ok(200);
        let model = models["data"].as_array().unwrap().iter().find(|model| model["name"] == "base").unwrap()["id"].as_str().unwrap().to_owned();
        let model_entry = app.admin.delete(&format!("/v1/models/{model}")).ok(200)["id"].clone();
        let content = app.admin.get(&format!("/v1/connections/{}/content", ids[1])).ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        app.admin.delete(&format!("/v1/content/{content}")).ok(200);
        app.admin.post("/v1/connections/delete", &json!({"ids": ids})).ok(200);
        let counted = scrape(&app);
        assert_value!(counted, "reprieve_deletions_total" {kind = "connection"}, 3);
        assert_value!(counted, "reprieve_deletions_total" {kind = "model"}, 1);
        assert_value!(counted, "reprieve_deletions_total" {kind = "content"}, 1);
        assert_value!(counted, "reprieve_deletions_total" {kind = "integration"}, 0);

        // With its ancestor: two entries, one call.
        let path = format!("/v1/trash/{}/restore", model_entry.as_str().unwrap());
        app.admin.post(&path, &json!({"with_ancestors": true})).ok(200);
        let counted = scrape(&app);
        assert_value!(counted, "reprieve_restores_total" {kind = "connection"}, 1);
        assert_value!(counted, "reprieve_restores_total" {kind = "model"}, 1);
    }

    fn what_is_refused_or_only_looked_at_is_not_counted(backend: Backend) {
        let app = started(backend);
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        app.admin.delete(&format!("{path}?validate_only=true")).ok(200);
        app.admin.delete(&format!("{path}?plan_token=stale")).problem(409, "plan_stale");
        app.client(&["connections:read"]).delete(&path).problem(403, "missing_scope");
        app.stranger().delete(&path).problem(401, "unauthenticated");
        app.admin.delete("/v1/connections/0199f000-0000-7000-8000-000000000000").problem(404, "not_found");
        assert!(done(&scrape(&app)).abs() < 1e-9, "{}", scrape(&app).text);

        let entry = format!("/v1/trash/{}", app.delete_connection(&id));
        app.admin.delete(&path).problem(410, "in_trash");
        app.sample_connection("warehouse");
        app.admin.post(&format!("{entry}/restore"), &json!({})).problem(409, "external_id_taken");
        app.admin.post(&format!("{entry}/restore"), &json!({"name": "other", "external_id": "other", "validate_only": true})).ok(200);
        app.admin.post(&format!("{entry}/purge"), &json!({"confirm": "warehous"})).problem(422, "confirm_mismatch");
        let counted = scrape(&app);
        assert_value!(counted, "reprieve_deletions_total" {kind = "connection"}, 1);
        assert!((done(&counted) - 1.0).abs() < 1e-9, "{}", counted.text);
    }

    fn what_is_rolled_back_is_not_counted(backend: Backend) {
        let app = started(backend);
        let id = app.sample_connection("warehouse");
        let other = app.sample_connection("lake");
        let entry = app.delete_connection(&other);
        let before = done(&scrape(&app));
        // The record comes last: by then everything else is done.
        app.sql().run("ALTER TABLE audit_seals RENAME TO seals_aside");
        for reply in [
            app.admin.delete(&format!("/v1/connections/{id}")),
            app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})),
            app.admin.post(&format!("/v1/trash/{entry}/purge"), &json!({"confirm": "lake"})),
        ] {
            reply.problem(500, "internal_error");
        }
        app.sql().run("ALTER TABLE seals_aside RENAME TO audit_seals");
        assert!((done(&scrape(&app)) - before).abs() < 1e-9, "{}", scrape(&app).text);
        app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        app.delete_connection(&id);
        assert!((done(&scrape(&app)) - before - 1.0).abs() < 1e-9);
    }

    fn tests_of_connections_are_counted_by_what_they_came_to(backend: Backend) {
        let app = started(backend);
        app.network.name("db.example.com", &["10.0.0.1"]);
        let id = app.sample_connection("warehouse");
        let test = format!("/v1/connections/{id}/test");
        let keyed = app.admin.with("idempotency-key", "test-it");
        for _ in 0..2 {
            assert_eq!(keyed.post(&test, &json!({})).ok(200)["outcome"], "refused_by_policy");
        }
        let body = json!({"settings": {"host": "nowhere.example", "database": "x", "username": "x"}, "secrets": {"password": "x"}});
        assert_eq!(app.admin.post("/v1/connectors/postgres/test", &body).ok(200)["outcome"], "unreachable");
        let counted = scrape(&app);
        assert_value!(counted, "reprieve_connection_tests_total" {outcome = "refused_by_policy"}, 1);
        assert_value!(counted, "reprieve_connection_tests_total" {outcome = "unreachable"}, 1);
        assert_value!(counted, "reprieve_connection_tests_total" {outcome = "ok"}, 0);
    }

    fn links_are_counted_when_they_are_made_and_when_they_are_used(backend: Backend) {
        let app = started(backend);
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}/reentry-session");
        let codes: Vec<String> = (0..2)
            .map(|_| app.admin.send("POST", &path, None).ok(201)["code"].as_str().unwrap().to_owned())
            .collect();
        let browser = app.stranger().with("content-type", "application/x-www-form-urlencoded").with("sec-fetch-site", "same-origin");
        // The first was replaced by the second, which works once.
        for (code, status) in [(&codes[0], 410), (&codes[1], 303), (&codes[1], 410)] {
            assert_eq!(browser.send("POST", &format!("/enter/{code}"), Some(String::new())).status, status);
        }
        let counted = scrape(&app);
        assert_value!(counted, "reprieve_reentry_links_total" {step = "created"}, 2);
        assert_value!(counted, "reprieve_reentry_links_total" {step = "used"}, 1);
    }

    fn revocations_are_counted_by_how_they_ended(backend: Backend) {
        let app = started(backend);
        app.network.name("login.example.com", &["10.0.0.1"]);
        let oauth = |name: &str, settings: serde_json::Value| {
            let body = json!({"name": name, "connector": "oauth2", "settings": settings, "secrets": {"access_token": format!("access {name}")}});
            app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned()
        };
        for id in [oauth("nowhere", json!({})), oauth("private", json!({"revocation_url": "https://login.example.com/revoke"}))] {
            app.delete_connection(&id);
        }
        wait_for(&app, "reprieve_revocations_total", &[("outcome", "refused_by_policy")], 1.0);
        let counted = scrape(&app);
        assert_value!(counted, "reprieve_revocations_total" {outcome = "no_address"}, 1);
        assert!((counted.sum("reprieve_revocations_total") - 2.0).abs() < 1e-9, "{}", counted.text);
        assert_eq!(counted.find("reprieve_revocations_total", &[("outcome", "pending")]), None);
    }
}
