//! Whatever the root and whoever deletes: no deletion without its receipt, and its hashes are those of the rows that left.

use reprieve::store::DatabaseUrl;

use super::*;
use crate::retention::{allow, refuse};
use crate::support::process::Machine;
use crate::transfer::{self, file, lines};

#[track_caller]
fn check_manifest(app: &TestApp, entry: &str, counts: [usize; 4]) {
    let said = said(&app.admin, entry);
    let (manifest, found) = manifest(&app.admin, entry);
    assert_eq!(found, counts, "{said:#}");
    assert_eq!(hashes(&said), manifest, "{said:#}");
    let told = ["integrations", "connections", "models", "content"]
        .map(|kind| said["counts"][kind].as_i64().unwrap());
    assert_eq!(told, counts.map(|count| i64::try_from(count).unwrap()));
    assert_eq!(said["deletion"]["id"], entry);
}

/// An integration with two connections, a model and content; its key.
fn integration(app: &TestApp, key: &str) -> String {
    let body =
        json!({"key": key, "connector": "oauth2", "secrets": {"client_secret": "the client's"}});
    app.admin.post("/v1/integrations", &body).ok(201);
    for name in ["one", "two"] {
        let body = json!({"name": name, "connector": "oauth2", "integration": key, "secrets": {"access_token": format!("of {name}")}});
        let connection = id(&app.admin.post("/v1/connections", &body).ok(201));
        let path = format!("/v1/connections/{connection}");
        app.admin
            .post(&format!("{path}/models"), &json!({"name": "orders"}))
            .ok(201);
        app.admin
            .post(&format!("{path}/content"), &json!({"name": "revenue"}))
            .ok(201);
    }
    format!("/v1/integrations/{key}")
}

on_both! {
    fn every_kind_of_root_has_a_receipt_of_exactly_the_rows_that_left(app: &TestApp) {
        let connection = app.sample_connection("prod");
        let path = format!("/v1/connections/{connection}");
        let content = id(&app.admin.get(&format!("{path}/content")).ok(200)["data"][0]);
        let models = app.admin.get(&format!("{path}/models")).ok(200);
        let base = models["data"].as_array().unwrap().iter().find(|model| model["name"] == "base").map(id).unwrap();
        let delete = |path: &str| id(&app.admin.delete(path).ok(200));
        let of_content = delete(&format!("/v1/content/{content}"));
        let of_model = delete(&format!("/v1/models/{base}"));
        let of_connection = delete(&path);
        let of_integration = delete(&integration(app, "crm"));
        check_manifest(app, &of_content, [0, 0, 0, 1]);
        check_manifest(app, &of_model, [0, 0, 2, 2]);
        check_manifest(app, &of_connection, [0, 1, 1, 1]);
        check_manifest(app, &of_integration, [1, 2, 2, 2]);
    }

    fn a_large_deletion_has_the_hash_of_all_its_ids(app: &TestApp) {
        let connection = app.sample_connection("large");
        let path = format!("/v1/connections/{connection}/content/batch");
        for part in 0..3 {
            let items: Vec<Value> = (0..400).map(|n| json!({"name": format!("chart {part} {n}")})).collect();
            app.admin.post(&path, &json!({ "items": items })).ok(201);
        }
        let entry = app.delete_connection(&connection);
        check_manifest(app, &entry, [0, 1, 3, 1_204]);
    }

    fn many_at_once_have_a_receipt_each(app: &TestApp) {
        let ids = [app.sample_connection("a"), app.sample_connection("b")];
        let done = app.admin.post("/v1/connections/delete", &json!({ "ids": ids, "reason": "both" })).ok(200);
        for outcome in done["data"].as_array().unwrap() {
            let entry = text(&outcome["entry_id"]);
            check_manifest(app, &entry, [0, 1, 3, 4]);
            assert_eq!(said(&app.admin, &entry)["deletion"]["reason"], "both");
        }
    }

    fn the_command_line_leaves_one_too(app: &TestApp) {
        app.sample_connection("prod");
        let url = match &app.config.database {
            DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            DatabaseUrl::Postgres(url) => url.clone(),
        };
        let machine = Machine::new()
            .with("REPRIEVE_DATA_DIR", app.data_dir().to_str().unwrap())
            .with("REPRIEVE_DATABASE_URL", &url);
        machine.run(&["connection", "delete", "prod", "--yes"]).ok();
        let entry = id(&app.admin.get("/v1/trash").ok(200)["data"][0]);
        check_manifest(app, &entry, [0, 1, 3, 4]);
        let by = &said(&app.admin, &entry)["deletion"]["by"];
        assert_eq!(by["id"], "cli");
    }

    fn without_its_receipt_nothing_is_deleted(app: &TestApp) {
        let connection = app.sample_connection("prod");
        let path = format!("/v1/connections/{connection}");
        refuse(app, "receipts", "insert", "1 = 1");
        app.admin.delete(&path).problem(500, "internal_error");
        assert_eq!(app.admin.get(&path).ok(200)["status"], "untested");
        assert_eq!(app.admin.get(&format!("{path}/secrets")).ok(200)["secrets"]["password"], "correct horse battery staple");
        assert_eq!(app.admin.get("/v1/trash").ok(200)["data"], json!([]));
        allow(app, "receipts");
        let entry = app.delete_connection(&connection);
        check_manifest(app, &entry, [0, 1, 3, 4]);
    }

    fn a_deletion_that_was_imported_has_none_and_says_so(app: &TestApp) {
        let rows = [
            transfer::connection(1),
            transfer::entry(9, 3, 1),
            transfer::trashed(transfer::content(3, 1), 9),
        ];
        transfer::import(&app.admin, &file(&lines(&rows)));
        let entry = transfer::id(9);
        assert_eq!(app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["state"], "in_trash");
        app.admin.get(&format!("/v1/receipts/{entry}")).problem(404, "no_receipt");
        // Deleted again, it has one.
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        let again = id(&app.admin.delete(&format!("/v1/content/{}", transfer::id(3))).ok(200));
        check_manifest(app, &again, [0, 0, 0, 1]);
    }

    fn an_integrations_receipt_names_the_fields_of_all_it_took_along_even_after_the_purge(app: &TestApp) {
        let path = integration(app, "crm");
        let entry = app.admin.delete(&path).ok(200);
        let fields = json!(["access_token", "client_secret"]);
        assert_eq!(said(&app.admin, &id(&entry))["secrets"]["fields"], fields);
        let purge = json!({"confirm": entry["root"]["name"]});
        app.admin.post(&format!("/v1/trash/{}/purge", id(&entry)), &purge).ok(200);
        let purged = said(&app.admin, &id(&entry));
        assert_eq!((&purged["secrets"]["fields"], &purged["secrets"]["shredded"]), (&fields, &json!(3)));
    }
}
