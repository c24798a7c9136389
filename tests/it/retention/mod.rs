//! Retention: how long deletions are kept, what keeps them longer, and the purge.

mod alarms;
mod batches;
mod brake;
mod clock;
mod due;
mod holds;
mod policy;
mod run;
mod statements;
mod storm;

pub(crate) use run::{allow, refuse};

use reprieve::domain::clock::Ts;
use reprieve::service::purge::{self, Ask, Report, Stop};
use serde_json::Value;

use crate::support::*;

/// Long ago.
const PAST: &str = "2020-01-01T00:00:00.000000Z";

/// Runs statements behind the service's back.
fn sql(app: &TestApp, sql: &str) {
    Sql::open(&app.config.database).run(sql);
}

/// What a query answers in its one text column, `line`.
fn lines(app: &TestApp, sql: &str) -> Vec<String> {
    Sql::open(&app.config.database).lines(sql)
}

/// How many rows of a table fit.
fn count(app: &TestApp, table: &str, condition: &str) -> usize {
    let found = lines(
        app,
        &format!("SELECT CAST(count(*) AS text) AS line FROM {table} WHERE {condition}"),
    );
    found[0].parse().unwrap()
}

fn id(answer: &Value) -> String {
    answer["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {answer}"))
        .to_owned()
}

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(id).collect()
}

/// A deleted connection with a model and a piece of content; its entry.
fn deleted(app: &TestApp, name: &str) -> String {
    let connection = id(&app
        .admin
        .post("/v1/connections", &postgres_connection(name))
        .ok(201));
    let path = format!("/v1/connections/{connection}");
    app.admin
        .post(&format!("{path}/models"), &json!({"name": "orders"}))
        .ok(201);
    app.admin
        .post(&format!("{path}/content"), &json!({"name": "revenue"}))
        .ok(201);
    app.delete_connection(&connection)
}

/// Lets the date of an entry pass.
fn expire(app: &TestApp, entry: &str) {
    sql(
        app,
        &format!(
            "UPDATE trash_entries SET deleted_at = '{PAST}', purge_at = '{PAST}' WHERE id = '{entry}'"
        ),
    );
}

/// A deleted connection whose date has passed; its entry.
fn expired(app: &TestApp, name: &str) -> String {
    let entry = deleted(app, name);
    expire(app, &entry);
    entry
}

fn entry(app: &TestApp, entry: &str) -> Value {
    app.admin.get(&format!("/v1/trash/{entry}")).ok(200)
}

fn state(app: &TestApp, id: &str) -> String {
    entry(app, id)["state"].as_str().unwrap().to_owned()
}

/// One run of the purge over everything.
fn run(app: &TestApp) -> Report {
    purge::run(&app.services, None, &Ask::default(), &|_| ()).unwrap()
}

/// The open alarms, by code.
fn alarms(app: &TestApp) -> Vec<String> {
    let list = app.admin.get("/v1/alarms").ok(200);
    let mut codes: Vec<String> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alarm| alarm["code"].as_str().unwrap().to_owned())
        .collect();
    codes.sort();
    codes
}

/// A moment so many hours from now, as the API takes it.
fn in_hours(hours: i64) -> String {
    let at = Ts::now().utc() + chrono::Duration::hours(hours);
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
