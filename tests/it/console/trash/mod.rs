//! The trash as people see it: find it again, bring it back, keep it, be rid of it.

mod entry;
mod list;
mod many;
mod remove;
mod restore;
mod selected;
mod tokens;

use serde_json::Value;

use super::person::Person;
use crate::support::*;

const HOSTILE: &str = "\"><script>alert('x')</script>& co";

/// A connection with one secret and no external id; its id.
#[track_caller]
fn connection(app: &TestApp, name: &str) -> String {
    let mut new = postgres_connection(name);
    new.as_object_mut().unwrap().remove("external_id");
    id(&app.admin.post("/v1/connections", &new).ok(201))
}

#[track_caller]
fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

/// A connection that is in the trash; the entry's id.
#[track_caller]
fn deleted(app: &TestApp, name: &str) -> String {
    app.delete_connection(&connection(app, name))
}

/// A model of a connection; its id.
#[track_caller]
fn model(app: &TestApp, connection: &str, name: &str) -> String {
    let path = format!("/v1/connections/{connection}/models");
    id(&app.admin.post(&path, &json!({ "name": name })).ok(201))
}

/// Deletes `models/ID` or the like; the entry's id.
#[track_caller]
fn delete(app: &TestApp, what: &str) -> String {
    id(&app.admin.delete(&format!("/v1/{what}")).ok(200))
}

#[track_caller]
fn state(app: &TestApp, entry: &str) -> String {
    let entry = app.admin.get(&format!("/v1/trash/{entry}")).ok(200);
    entry["state"].as_str().unwrap().to_owned()
}

#[track_caller]
fn purge(app: &TestApp, entry: &str, name: &str) {
    let path = format!("/v1/trash/{entry}/purge");
    app.admin.post(&path, &json!({ "confirm": name })).ok(200);
}

#[track_caller]
fn restore(app: &TestApp, entry: &str) {
    let path = format!("/v1/trash/{entry}/restore");
    app.admin.post(&path, &json!({})).ok(200);
}

/// Sends a form and stays at the answer, without the page that it leads to.
#[track_caller]
fn answer(person: &mut Person, path: &str, fields: &[(&str, &str)]) -> Reply {
    let token = person.token();
    person.send(path, &token, fields)
}
