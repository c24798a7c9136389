//! Purging one entry by hand: for good, by its name, unless something keeps it.

use super::*;

on_both! {
    fn a_purge_needs_its_own_scope(app: &TestApp) {
        let id = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        let path = format!("/v1/trash/{entry_id}/purge");
        let all_but_purge = app.client(&["trash:*", "connections:*"]);
        let refused = all_but_purge.post(&path, &json!({"confirm": "prod"})).problem(403, "missing_scope");
        assert_eq!(refused["scope"], "trash:purge");
        assert_eq!(entry(app, &entry_id)["state"], "in_trash");
        app.client(&["trash:purge"]).post(&path, &json!({"confirm": "prod"})).ok(200);
    }

    fn a_purge_needs_the_exact_name(app: &TestApp) {
        let id = connection(app, "Prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        let path = format!("/v1/trash/{entry_id}/purge");
        let before = dump(app);
        for wrong in ["prod", "PROD", "", "Pro", "Prod 2", &entry_id] {
            app.admin.post(&path, &json!({ "confirm": wrong })).problem(422, "confirm_mismatch");
        }
        app.admin.post(&path, &json!({})).problem(422, "invalid_input");
        assert_eq!(dump(app), before);
        app.admin.post(&path, &json!({"confirm": "Prod"})).ok(200);
    }

    fn what_is_purged_is_gone_from_every_table(app: &TestApp) {
        let kept = app.sample_connection("kept");
        let id = app.sample_connection("prod");
        let live = whole(app, &kept);
        let gone: Vec<String> = ["models", "content"]
            .iter()
            .flat_map(|kind| ids(&app.admin.get(&format!("/v1/connections/{id}/{kind}")).ok(200)))
            .chain([id.clone()])
            .collect();
        assert_eq!(gone.len(), 8);
        let entry_id = delete(app, &format!("connections/{id}"));
        let purged = purge(app, &entry_id, "prod");
        assert_eq!(purged["state"], "purged");
        assert!(purged["closed_at"].is_string() && purged["closed_by"]["id"].is_string());
        assert_eq!((&purged["restorable"], &purged["impact"]["content"]), (&json!(false), &json!(4)));

        for table in ["connections", "models", "content"] {
            for table in [table.to_owned(), format!("trash_{table}")] {
                let mine = gone.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
                assert_eq!(rows(app, &table, &format!("id IN ({mine})")), 0, "{table}");
            }
        }
        assert_eq!(rows(app, "trash_links", "1 = 1"), 0);
        assert_eq!(rows(app, "links", "1 = 1"), 2);
        assert_eq!(rows(app, "secrets", "1 = 1"), 1);
        app.admin.get(&format!("/v1/connections/{id}")).problem(404, "not_found");
        app.admin.delete(&format!("/v1/connections/{id}")).problem(404, "not_found");
        assert_eq!(whole(app, &kept), live);
    }

    fn a_purged_entry_answers_and_cannot_be_used_again(app: &TestApp) {
        let id = app.sample_connection("prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        purge(app, &entry_id, "prod");
        let closed = entry(app, &entry_id);
        assert_eq!(closed["state"], "purged");
        assert_eq!(blocker_codes(&closed), ["entry_closed"]);
        for kind in ["connection", "model", "content"] {
            assert_eq!(app.admin.get(&format!("/v1/trash/{entry_id}/items?kind={kind}")).ok(200)["data"], json!([]));
        }
        let again = app.admin.post(&format!("/v1/trash/{entry_id}/purge"), &json!({"confirm": "prod"}));
        assert_eq!(again.problem(409, "entry_closed")["state"], "purged");
        assert_eq!(restore_with(app, &entry_id, json!({})).problem(409, "entry_closed")["state"], "purged");
    }

    fn a_restored_entry_is_not_purged(app: &TestApp) {
        let id = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        restore(app, &entry_id);
        let refused = app.admin.post(&format!("/v1/trash/{entry_id}/purge"), &json!({"confirm": "prod"}));
        assert_eq!(refused.problem(409, "entry_closed")["state"], "restored");
        app.admin.get(&format!("/v1/connections/{id}")).ok(200);
    }

    fn a_hold_keeps_an_entry_until_it_ends(app: &TestApp) {
        let id = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        hold(app, &entry_id, "NULL");
        hold(app, &entry_id, "'2020-01-01T00:00:00.000000Z'");
        let path = format!("/v1/trash/{entry_id}/purge");
        let before = dump(app);
        app.admin.post(&path, &json!({"confirm": "prod"})).problem(409, "held");
        assert_eq!(dump(app), before);
        assert_eq!(entry(app, &entry_id)["held"], true);

        sql(app, "UPDATE holds SET ends_at = '2999-01-01T00:00:00.000000Z' WHERE ends_at IS NULL");
        app.admin.post(&path, &json!({"confirm": "prod"})).problem(409, "held");
        sql(app, "UPDATE holds SET ends_at = '2020-01-01T00:00:00.000000Z'");
        assert_eq!(entry(app, &entry_id)["held"], false);
        app.admin.post(&path, &json!({"confirm": "prod"})).ok(200);
    }

    fn a_hold_does_not_stop_a_restore(app: &TestApp) {
        let id = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        hold(app, &entry_id, "NULL");
        restore(app, &entry_id);
        app.admin.get(&format!("/v1/connections/{id}")).ok(200);
    }

    fn purge_protection_keeps_an_entry_until_its_date(app: &TestApp) {
        let id = connection(app, "before");
        let unprotected = delete(app, &format!("connections/{id}"));
        sql(app, &format!("UPDATE organizations SET purge_protection = '1' WHERE id = '{}'", app.org));
        let id = connection(app, "prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        assert_eq!(entry(app, &entry_id)["purge_protected"], true);
        // Lifting it later does not reach back.
        sql(app, &format!("UPDATE organizations SET purge_protection = '0' WHERE id = '{}'", app.org));

        let path = format!("/v1/trash/{entry_id}/purge");
        let before = dump(app);
        let refused = app.admin.post(&path, &json!({"confirm": "prod"})).problem(409, "purge_protected");
        assert_eq!(refused["purge_at"], entry(app, &entry_id)["purge_at"]);
        assert_eq!(dump(app), before);
        purge(app, &unprotected, "before");
        sql(app, "UPDATE trash_entries SET deleted_at = '2020-01-01T00:00:00.000000Z', purge_at = '2020-02-01T00:00:00.000000Z'");
        app.admin.post(&path, &json!({"confirm": "prod"})).ok(200);
    }
}
