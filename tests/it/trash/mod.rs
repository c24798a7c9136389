//! The trash over HTTP: delete, look, restore, purge.

mod delete;
mod edge_cases;
mod links;
mod list;
mod list_pages;
mod parents;
mod purge;
mod restore;
mod restore_plans;
mod retention;
mod target;
mod twins;

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::Text;
use reprieve::store::{Conn, StoreError};
use serde_json::Value;

use crate::support::*;

/// The tables of what is live and of what is in the trash.
const ROWS: [&str; 15] = [
    "integrations",
    "connections",
    "models",
    "content",
    "links",
    "secrets",
    "secret_slots",
    "shredded_secrets",
    "trash_entries",
    "trash_integrations",
    "trash_connections",
    "trash_models",
    "trash_content",
    "trash_links",
    "holds",
];

/// The id in an answer.
#[track_caller]
fn id(answer: &Value) -> String {
    answer["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {answer}"))
        .to_owned()
}

/// The ids of a list's rows, in its order.
#[track_caller]
fn ids(list: &Value) -> Vec<String> {
    list["data"]
        .as_array()
        .unwrap_or_else(|| panic!("no list: {list}"))
        .iter()
        .map(id)
        .collect()
}

/// A connection with its one secret; its id.
fn connection(app: &TestApp, name: &str) -> String {
    id(&app
        .admin
        .post("/v1/connections", &postgres_connection(name))
        .ok(201))
}

/// A model of a connection with these further fields; its id.
fn model(app: &TestApp, connection: &str, name: &str, more: Value) -> String {
    id(&app
        .admin
        .post(
            &format!("/v1/connections/{connection}/models"),
            &with_name(name, more),
        )
        .ok(201))
}

/// A piece of content of a connection with these further fields; its id.
fn content(app: &TestApp, connection: &str, name: &str, more: Value) -> String {
    id(&app
        .admin
        .post(
            &format!("/v1/connections/{connection}/content"),
            &with_name(name, more),
        )
        .ok(201))
}

fn with_name(name: &str, mut more: Value) -> Value {
    more["name"] = json!(name);
    more
}

fn link_to(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({ "content_id": id })).collect()
}

/// Deletes `connections/ID`, `models/ID` or `content/ID`; the entry's id.
#[track_caller]
fn delete(app: &TestApp, what: &str) -> String {
    id(&app.admin.delete(&format!("/v1/{what}")).ok(200))
}

#[track_caller]
fn entry(app: &TestApp, entry: &str) -> Value {
    app.admin.get(&format!("/v1/trash/{entry}")).ok(200)
}

/// The answer of a restore with this request.
fn restore_with(app: &TestApp, entry: &str, request: Value) -> Reply {
    app.admin
        .post(&format!("/v1/trash/{entry}/restore"), &request)
}

#[track_caller]
fn restore(app: &TestApp, entry: &str) -> Value {
    restore_with(app, entry, json!({})).ok(200)
}

#[track_caller]
fn purge(app: &TestApp, entry: &str, name: &str) -> Value {
    app.admin
        .post(
            &format!("/v1/trash/{entry}/purge"),
            &json!({ "confirm": name }),
        )
        .ok(200)
}

/// The content that a piece of content links to.
#[track_caller]
fn links_of(app: &TestApp, content: &str) -> Vec<String> {
    let list = app
        .admin
        .get(&format!("/v1/content/{content}/links"))
        .ok(200);
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["content_id"].as_str().unwrap().to_owned())
        .collect()
}

/// The ids of the entries that a list of the trash with this query shows.
#[track_caller]
fn listed(app: &TestApp, query: &str) -> Vec<String> {
    ids(&app.admin.get(&format!("/v1/trash?{query}")).ok(200))
}

fn blocker_codes(entry: &Value) -> Vec<&str> {
    entry["blockers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|blocker| blocker["code"].as_str().unwrap())
        .collect()
}

/// A connection with all that hangs on it, as the API answers it: the text of every answer by its path.
fn whole(app: &TestApp, connection: &str) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    let mut keep = |path: String| {
        let reply = app.admin.get(&path);
        assert_eq!(reply.status, 200, "{reply:#?}");
        answers.insert(path, reply.text.clone());
        reply.json()
    };
    keep(format!("/v1/connections/{connection}"));
    for kind in ["models", "content"] {
        let list = keep(format!("/v1/connections/{connection}/{kind}?page_size=200"));
        for row in ids(&list) {
            keep(format!("/v1/{kind}/{row}"));
            if kind == "content" {
                keep(format!("/v1/content/{row}/links?direction=to"));
                keep(format!("/v1/content/{row}/links?direction=from"));
            }
        }
    }
    answers
}

/// Changes the database behind the service's back, for what has no endpoint.
fn sql(app: &TestApp, statement: &str) {
    app.services
        .store
        .write(|conn| conn.batch(statement))
        .unwrap();
}

/// The column `value` of a query, as text.
fn texts(app: &TestApp, query: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        value: String,
    }
    let read = |conn: &mut Conn| -> Result<Vec<Row>, StoreError> {
        Ok(match conn {
            Conn::Sqlite(conn) => diesel::sql_query(query).load(conn).unwrap(),
            Conn::Pg(conn) => diesel::sql_query(query).load(conn).unwrap(),
        })
    };
    app.services
        .store
        .read(read)
        .unwrap()
        .into_iter()
        .map(|row| row.value)
        .collect()
}

/// How many rows a table has that fulfil a condition.
fn rows(app: &TestApp, table: &str, condition: &str) -> i64 {
    let query = format!("SELECT CAST(count(*) AS text) AS value FROM {table} WHERE {condition}");
    texts(app, &query)[0].parse().unwrap()
}

/// Every row of what is live and of what is in the trash, with all columns, once no erasure is under way any more.
fn dump(app: &TestApp) -> Vec<String> {
    TestApp::wait_for("the erasure", || {
        rows(app, "erasure_jobs", "finished_at IS NULL") == 0
    });
    let mut lines = Vec::new();
    for table in ROWS {
        let row = match app.backend {
            Backend::Postgres => format!("CAST({table} AS text)"),
            Backend::Sqlite => texts(
                app,
                &format!("SELECT name AS value FROM pragma_table_info('{table}')"),
            )
            .iter()
            .map(|column| format!("quote({column})"))
            .collect::<Vec<_>>()
            .join(" || ', ' || "),
        };
        let query = format!("SELECT {row} AS value FROM {table} ORDER BY 1");
        lines.extend(
            texts(app, &query)
                .into_iter()
                .map(|row| format!("{table}: {row}")),
        );
    }
    lines
}

/// Puts a hold on an entry.
fn hold(app: &TestApp, entry: &str, ends_at: &str) {
    let now = "2026-01-01T00:00:00.000000Z";
    let hold = uuid::Uuid::now_v7();
    sql(
        app,
        &format!(
            "INSERT INTO holds (org_id, id, entry_id, owner, reason, ends_at, created_at) \
             VALUES ('{}', '{hold}', '{entry}', 'legal', 'case 17', {ends_at}, '{now}')",
            app.org
        ),
    );
}
