//! Many at once: restoring entries, deleting connections. One's failure hides no other's success.

mod delete;
mod restore;

use serde_json::Value;

use crate::support::*;

#[track_caller]
fn connection(app: &TestApp, name: &str) -> String {
    let made = app
        .admin
        .post("/v1/connections", &postgres_connection(name))
        .ok(201);
    made["id"].as_str().unwrap().to_owned()
}

/// A client that acts for this person.
fn acting_as(app: &TestApp, person: &str) -> Client {
    app.admin
        .with("reprieve-actor", &format!("id={person}; name={person}"))
}

/// Deletes a connection in a person's name; the entry's id.
#[track_caller]
fn deleted_by(app: &TestApp, person: &str, id: &str) -> String {
    let entry = acting_as(app, person)
        .delete(&format!("/v1/connections/{id}"))
        .ok(200);
    entry["id"].as_str().unwrap().to_owned()
}

/// What became of each row: its outcome, or the code of its problem.
fn outcomes(answer: &Value) -> Vec<&str> {
    answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| match row["outcome"].as_str().unwrap() {
            "failed" => row["problem"]["code"].as_str().unwrap(),
            other => other,
        })
        .collect()
}

fn is_live(app: &TestApp, connection: &str) -> bool {
    app.admin
        .get(&format!("/v1/connections/{connection}"))
        .status
        == 200
}
