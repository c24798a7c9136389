//! Entries that share a link, or a parent, restored at the same moment.

use std::sync::Barrier;

use crate::support::*;

/// Restores two entries from two threads that start together.
fn restore_both(app: &TestApp, entries: [&str; 2], body: &serde_json::Value) -> [Reply; 2] {
    let barrier = Barrier::new(2);
    let restore = |entry: &str| {
        barrier.wait();
        app.admin.post(&format!("/v1/trash/{entry}/restore"), body)
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| restore(entries[0]));
        let second = scope.spawn(|| restore(entries[1]));
        [first.join().unwrap(), second.join().unwrap()]
    })
}

on_both! {
    fn a_link_returns_when_both_its_ends_are_restored_at_once(app: &TestApp) {
        let connection = app.admin.post("/v1/connections", &postgres_connection("linked")).ok(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/connections/{connection}/content");
        for round in 0..40 {
            let make = |name: &str, links: serde_json::Value| {
                app.admin.post(&path, &json!({"name": format!("{name} {round}"), "links": links})).ok(201)["id"].as_str().unwrap().to_owned()
            };
            let target = make("target", json!([]));
            let source = make("source", json!([{"content_id": target}]));
            let trash = |id: &str| app.admin.delete(&format!("/v1/content/{id}")).ok(200)["id"].as_str().unwrap().to_owned();
            let (first, second) = if round % 2 == 0 {
                (trash(&source), trash(&target))
            } else {
                (trash(&target), trash(&source))
            };
            for reply in restore_both(app, [&first, &second], &json!({})) {
                reply.ok(200);
            }
            let links = app.admin.get(&format!("/v1/content/{source}/links")).ok(200);
            assert_eq!(links["data"][0]["content_id"], target.as_str(), "round {round}");
        }
    }

    fn two_restores_with_the_same_ancestor_both_succeed(app: &TestApp) {
        for round in 0..15 {
            let name = format!("family {round}");
            let connection = app.admin.post("/v1/connections", &postgres_connection(&name)).ok(201)["id"].as_str().unwrap().to_owned();
            let path = format!("/v1/connections/{connection}/content");
            let entries: Vec<String> = ["a", "b"]
                .iter()
                .map(|name| {
                    let id = app.admin.post(&path, &json!({"name": name})).ok(201)["id"].as_str().unwrap().to_owned();
                    app.admin.delete(&format!("/v1/content/{id}")).ok(200)["id"].as_str().unwrap().to_owned()
                })
                .collect();
            app.delete_connection(&connection);
            for reply in restore_both(app, [&entries[0], &entries[1]], &json!({"with_ancestors": true})) {
                reply.ok(200);
            }
            assert_eq!(app.admin.get(&path).ok(200)["data"].as_array().unwrap().len(), 2);
        }
    }
}
