//! Input that breaks a rule: where and which, the same on both databases, and nothing changes.

mod fields;
mod relations;

use serde_json::Value;

use super::kit::*;
use super::routes::Samples;
use crate::support::*;

/// A request that is refused with 422, and what its `errors` say.
struct Row {
    method: &'static str,
    path: String,
    body: Option<Value>,
    errors: Vec<(String, &'static str)>,
}

/// Where one rule applies: the request around the value, and the pointer to it.
struct Place {
    method: &'static str,
    path: String,
    body: Value,
    pointer: &'static str,
}

fn place(method: &'static str, path: &str, body: Value, pointer: &'static str) -> Place {
    Place {
        method,
        path: path.to_owned(),
        body,
        pointer,
    }
}

impl Place {
    /// The request with this value in its place.
    fn holding(&self, value: Value, code: &'static str) -> Row {
        let mut body = self.body.clone();
        let (parent, member) = self.pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[member] = value;
        Row {
            method: self.method,
            path: self.path.clone(),
            body: Some(body),
            errors: vec![(self.pointer.to_owned(), code)],
        }
    }
}

fn connection() -> Value {
    let mut body = postgres_connection("fine");
    body["secrets"] = json!({});
    body
}

fn eighth(item: Value) -> Value {
    let mut items = vec![json!({"name": "fine"}); 7];
    items.push(item);
    json!({ "items": items })
}

struct Paths {
    connection: String,
    model: String,
    content: String,
    entry: String,
    organization: String,
}

impl Paths {
    fn of(samples: &Samples) -> Self {
        Self {
            connection: format!("/v1/connections/{}", samples.connection),
            model: format!("/v1/models/{}", samples.model),
            content: format!("/v1/content/{}", samples.content),
            entry: format!("/v1/trash/{}", samples.entry),
            organization: format!("/v1/organizations/{}", samples.organization),
        }
    }

    /// Everywhere that creates or changes a model or content, with a body that is fine.
    fn dependents(&self, pointer: &'static str, in_batch: &'static str) -> Vec<Place> {
        let (models, content) = (
            format!("{}/models", self.connection),
            format!("{}/content", self.connection),
        );
        let fine = json!({"name": "fine"});
        vec![
            place("POST", &models, fine.clone(), pointer),
            place("POST", &content, fine.clone(), pointer),
            place("PATCH", &self.model, json!({}), pointer),
            place("PATCH", &self.content, json!({}), pointer),
            place(
                "POST",
                &format!("{models}/batch"),
                eighth(fine.clone()),
                in_batch,
            ),
            place("POST", &format!("{content}/batch"), eighth(fine), in_batch),
        ]
    }
}

/// Sends every request of the table; the answers without ids, and what the table expects.
fn answers(app: &TestApp) -> Vec<(String, Value)> {
    let samples = Samples::make(&app.admin);
    let paths = Paths::of(&samples);
    settle(app);
    let before = dump(app, None);
    let rows = [
        fields::texts(&paths),
        fields::objects(&paths),
        relations::dependents(&paths),
        relations::the_rest(&paths),
    ]
    .into_iter()
    .flatten();
    let mut answers = Vec::new();
    for row in rows {
        let reply = app
            .admin
            .send(row.method, &row.path, row.body.map(|body| body.to_string()))
            .sound();
        assert_eq!(reply.status, 422, "expected {:?}: {reply:#?}", row.errors);
        let found: Vec<(String, String)> = reply.field_errors();
        let expected: Vec<_> = row
            .errors
            .into_iter()
            .map(|(pointer, code)| (pointer, code.to_owned()))
            .collect();
        assert_eq!(found, expected, "{reply:#?}");
        let request: String = reply
            .request
            .chars()
            .filter(|c| !c.is_ascii_hexdigit())
            .take(200)
            .collect();
        answers.push((request, redact(reply.json())));
    }
    assert_eq!(dump(app, None), before);
    answers
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_place_alike_on_both_databases() {
    let (sqlite, postgres) = (
        answers(&TestApp::start(Backend::Sqlite)),
        answers(&TestApp::start(Backend::Postgres)),
    );
    assert!(sqlite.len() > 400, "{}", sqlite.len());
    for (one, other) in sqlite.iter().zip(&postgres) {
        assert_eq!(one, other);
    }
}
