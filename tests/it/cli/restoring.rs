//! Many entries with one command.

use serde_json::Value;

use super::people::{Ways, server};
use crate::support::*;

/// Deletes connections as a person does; the entries' ids.
fn delete_as(app: &TestApp, person: &str, names: &[String]) -> Vec<String> {
    let client = app.admin.with("reprieve-actor", &format!("id={person}"));
    names
        .iter()
        .map(|name| {
            let id = app.sample_connection(name);
            let entry = client.delete(&format!("/v1/connections/{id}")).ok(200);
            entry["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn names(list: &Value) -> Vec<String> {
    let rows = list["data"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            row["name"]
                .as_str()
                .or(row["root"]["name"].as_str())
                .unwrap()
                .to_owned()
        })
        .collect()
}

on_both! {
    fn ten_connections_of_a_colleague_come_back_with_one_command(app: &TestApp) {
        for way in 0..2 {
            let lost: Vec<String> = (0..10).map(|n| format!("lost {way} {n}")).collect();
            let entries = delete_as(app, "mallory", &lost);
            delete_as(app, "alice", &[format!("meant {way}")]);
            let machine = &Ways::to(app).both()[way].1.run(&["trash", "restore", "--deleted-by", "mallory", "--after", "1h", "--yes"]);
            assert_eq!(machine.code, Some(0), "{machine:#?}");
            for (name, entry) in lost.iter().zip(&entries) {
                let line = machine.stdout.lines().find(|line| line.starts_with(entry)).unwrap();
                for piece in [name.as_str(), "restored 1 connection, 3 models, 4 content, 2 links", "password"] {
                    assert!(line.contains(piece), "{piece} is not in {line}");
                }
                assert!(machine.stdout.contains(&format!("  # {name}\n")), "{machine:#?}");
            }
            assert_eq!(machine.stdout.matches("reprieve connection secrets ").count(), 10);
            let live = names(&app.admin.get("/v1/connections?page_size=200").ok(200));
            assert!(lost.iter().all(|name| live.contains(name)), "{live:?}");
        }
        let left = names(&app.admin.get("/v1/trash").ok(200));
        assert_eq!(left, ["meant 1", "meant 0"]);
    }

    fn what_is_in_the_way_of_one_keeps_no_other_back(app: &TestApp) {
        let [a, b, c] = ["a", "b", "c"].map(str::to_owned);
        let ways = Ways::to(app);
        for (way, machine) in ways.both() {
            let entries = delete_as(app, "mallory", &[a.clone(), b.clone(), c.clone()]);
            app.admin.post("/v1/connections", &json!({"name": "b", "connector": "postgres", "settings": {"host": "h", "database": "d", "username": "u"}})).ok(201);
            let done = machine.run(&["trash", "restore", "a", "b", "--yes"]);
            assert_eq!(done.code, Some(3), "{way}: {done:#?}");
            let line = |entry: &String| done.stdout.lines().find(|line| line.starts_with(entry)).unwrap().to_owned();
            assert!(line(&entries[0]).contains("restored 1 connection"), "{way}: {done:#?}");
            assert!(line(&entries[1]).contains("not restored"), "{way}: {done:#?}");
            assert!(done.stdout.contains(&format!("  {} b: A live connection has this name. Try --name 'b (2)'.", entries[1])), "{way}: {done:#?}");
            // Nothing of what is left can come back.
            let again = machine.run(&["trash", "restore", "b", &entries[0], "--yes", "--json"]);
            assert_eq!(again.code, Some(1), "{way}: {again:#?}");
            let outcomes: Value = serde_json::from_str(&again.stdout).unwrap();
            let codes: Vec<&Value> = outcomes.as_array().unwrap().iter().map(|outcome| &outcome["problem"]["code"]).collect();
            assert_eq!(codes.len(), 2);
            assert!(codes.contains(&&json!("name_taken")) && codes.contains(&&json!("entry_closed")), "{outcomes}");
            let rest = machine.run(&["trash", "restore", "c", "c", &entries[2], "--with-ancestors"]);
            assert_eq!(rest.code, Some(2), "{way}: one entry named three times is still asked about: {rest:#?}");
            for connection in app.admin.get("/v1/connections").ok(200)["data"].as_array().unwrap() {
                app.admin.delete(&format!("/v1/connections/{}", connection["id"].as_str().unwrap())).ok(200);
            }
            for entry in app.admin.get("/v1/trash").ok(200)["data"].as_array().unwrap() {
                let path = format!("/v1/trash/{}/purge", entry["id"].as_str().unwrap());
                app.admin.post(&path, &json!({"confirm": entry["root"]["name"]})).ok(200);
            }
        }
    }

    fn parents_come_back_before_what_was_deleted_from_them(app: &TestApp) {
        for (way, machine) in Ways::to(app).both() {
            let id = app.sample_connection("tree");
            let content = app.admin.get(&format!("/v1/connections/{id}/content?name=chart%202")).ok(200);
            let chart = content["data"][0]["id"].as_str().unwrap().to_owned();
            app.admin.delete(&format!("/v1/content/{chart}")).ok(200);
            let models = app.admin.get(&format!("/v1/connections/{id}/models?name=base")).ok(200);
            let base = models["data"][0]["id"].as_str().unwrap().to_owned();
            app.admin.delete(&format!("/v1/models/{base}")).ok(200);
            app.delete_connection(&id);
            let plan = machine.run(&["trash", "restore", "--all", "--dry-run"]).ok();
            let kinds: Vec<&str> = plan.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
            assert_eq!(kinds, ["connection", "model", "content"], "{way}");
            assert!(app.admin.get("/v1/connections").ok(200)["data"].as_array().unwrap().is_empty());
            let done = machine.run(&["trash", "restore", "--all", "--yes"]).ok();
            assert_eq!(done.matches("restored ").count(), 3, "{way}: {done}");
            app.admin.get(&format!("/v1/content/{chart}")).ok(200);
            // The model tells whose secrets are missing as the connection does; once is enough.
            assert_eq!(done.matches("reprieve connection secrets ").count(), 1, "{way}: {done}");
            let entry = app.delete_connection(&id);
            app.admin.post(&format!("/v1/trash/{entry}/purge"), &json!({"confirm": "tree"})).ok(200);
        }
    }

    fn several_connections_are_deleted_with_one_command(app: &TestApp) {
        for (way, machine) in Ways::to(app).both() {
            let ids = ["x", "y", "z"].map(|name| app.sample_connection(name));
            app.admin.patch(&format!("/v1/connections/{}", ids[1]), &json!({"deletion_protection": true})).ok(200);
            let done = machine.run(&["connection", "delete", "x", "y", &ids[2], &ids[2], "--yes", "--reason", "cleaning up"]);
            assert_eq!(done.code, Some(3), "{way}: {done:#?}");
            assert_eq!(done.stdout.matches("Bring it back: reprieve trash restore ").count(), 2, "{way}: {done:#?}");
            assert!(done.stderr.contains("y: The connection \"y\" is protected against deletion"), "{way}: {done:#?}");
            let entries = app.admin.get("/v1/trash").ok(200);
            assert!(entries["data"].as_array().unwrap().iter().all(|entry| entry["reason"] == "cleaning up"), "{way}");
            assert_eq!(names(&entries), ["z", "x"], "{way}");
            app.admin.patch(&format!("/v1/connections/{}", ids[1]), &json!({"deletion_protection": false})).ok(200);
            let one: Value = serde_json::from_str(&machine.run(&["connection", "delete", "y", "--yes", "--json"]).ok()).unwrap();
            assert_eq!(one["root"]["name"], "y", "{way}");
            machine.run(&["trash", "restore", "--query", "z", "--yes"]).ok();
            for entry in app.admin.get("/v1/trash").ok(200)["data"].as_array().unwrap() {
                let path = format!("/v1/trash/{}/purge", entry["id"].as_str().unwrap());
                app.admin.post(&path, &json!({"confirm": entry["root"]["name"]})).ok(200);
            }
            app.delete_connection(&ids[2]);
            app.admin.post(&format!("/v1/trash/{}/purge", app.admin.get("/v1/trash").ok(200)["data"][0]["id"].as_str().unwrap()), &json!({"confirm": "z"})).ok(200);
        }
    }

    fn a_key_that_may_only_restore_can_restore_by_id(app: &TestApp) {
        let id = app.sample_connection("prod");
        let entry = app.delete_connection(&id);
        let restorer = server(app, app.client(&["trash:restore"]).key());
        let done = restorer.run(&["trash", "restore", &entry]).ok();
        assert!(done.contains("Restored 1 connection") && done.contains("password  Password"), "{done}");
    }

    fn an_integration_comes_back_with_its_connections(app: &TestApp) {
        app.admin.post("/v1/integrations", &json!({"key": "crm", "connector": "postgres"})).ok(201);
        let mut connection = postgres_connection("prod");
        connection["integration"] = json!("crm");
        let id = app.admin.post("/v1/connections", &connection).ok(201)["id"].as_str().unwrap().to_owned();
        let ways = Ways::to(app);
        for (way, machine) in ways.both() {
            let entry = app.admin.delete("/v1/integrations/crm").ok(200)["id"].as_str().unwrap().to_owned();
            let list = machine.run(&["trash", "list", "--kind", "integration"]).ok();
            assert!(list.contains(&entry) && list.contains("1 connection"), "{way}: {list}");
            let shown = machine.run(&["trash", "show", &entry]).ok();
            assert!(shown.contains("Connections (1):") && shown.contains("ext-prod"), "{way}: {shown}");
            let done = machine.run(&["trash", "restore", &entry]).ok();
            assert!(done.contains("Restored 1 integration, 1 connection."), "{way}: {done}");
            assert!(done.contains("reprieve connection list --status needs_credentials"), "{way}: {done}");
            app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        }
    }
}
