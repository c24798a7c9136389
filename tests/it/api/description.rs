//! The API description: what is served is what is in the repository, whole, and of the catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reprieve::domain::codes::Code;
use serde_json::Value;

use super::routes;
use crate::support::*;

/// Problems that belong to no operation: they are what no operation takes.
const TIED_TO_NONE: [Code; 1] = [Code::MethodNotAllowed];

#[expect(
    clippy::disallowed_methods,
    reason = "how whoever changes the API says that it was meant"
)]
fn is_update() -> bool {
    std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1")
}

/// The codes that a problem response names, with its status.
fn codes_of(operation: &Value) -> BTreeMap<String, u16> {
    let mut codes = BTreeMap::new();
    for (status, response) in operation["responses"].as_object().unwrap() {
        if response["content"]
            .get("application/problem+json")
            .is_none()
        {
            continue;
        }
        let words = response["description"]
            .as_str()
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2);
        // The words of a code may quote members and headers: a code is what a colon follows.
        for word in words.filter(|word| {
            response["description"]
                .as_str()
                .unwrap()
                .contains(&format!("`{word}`: "))
        }) {
            codes.insert(word.to_owned(), status.parse().unwrap());
        }
    }
    codes
}

on_both! {
    fn the_served_description_is_the_one_in_the_repository(app: &TestApp) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/api/openapi.json");
        let reply = app.stranger().get("/openapi.json");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let served = reply.text + "\n";
        if is_update() {
            std::fs::write(&path, &served).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap();
        let difference = served.lines().zip(kept.lines()).position(|(served, kept)| served != kept);
        assert!(
            served == kept,
            "the API changed, first in line {:?} of {}; if that is meant: UPDATE_SNAPSHOTS=1 cargo test api::description",
            difference.map(|line| line + 1),
            path.display()
        );
    }

    fn every_operation_says_what_it_does_and_what_can_go_wrong(app: &TestApp) {
        let document = app.stranger().get("/openapi.json").ok(200);
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["components"]["securitySchemes"]["api_key"], json!({"type": "http", "scheme": "bearer"}));
        let mut ids = BTreeSet::new();
        for operation in routes::all(app) {
            let (id, about) = (&operation.id, &operation.about);
            assert!(ids.insert(id.clone()), "{id} is there twice");
            assert!(about["summary"].as_str().or(about["description"].as_str()).is_some_and(|text| text.len() > 10), "{id}");
            assert!(about["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{id}");
            let responses = about["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{id}");
            let in_path: BTreeSet<&str> = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let described: BTreeSet<&str> = about["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "path")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            assert_eq!(in_path, described, "{id}");

            let declared = about["x-error-codes"].as_array().unwrap_or_else(|| panic!("{id} says no codes"));
            let codes = codes_of(about);
            for code in declared.iter().map(|code| code.as_str().unwrap()) {
                let known = Code::parse(code).unwrap_or_else(|| panic!("{id}: {code} is not of the catalogue"));
                assert_eq!(codes.get(code), Some(&known.status()), "{id} does not describe {code}");
            }
            for (code, status) in &codes {
                assert_eq!(Code::parse(code).map(Code::status), Some(*status), "{id}: {code}");
            }
            if operation.path.starts_with("/v1/") {
                for code in ["unauthenticated", "missing_scope", "invalid_request"] {
                    assert!(codes.contains_key(code), "{id} does not describe {code}");
                }
                assert_eq!(codes.contains_key("idempotency_key_reused"), operation.is_write(), "{id}");
                assert_eq!(codes.contains_key("malformed_json"), operation.takes_json(), "{id}");
            } else {
                assert_eq!(about["security"], json!([{}]), "{id}");
            }
        }
    }

    fn every_code_of_the_catalogue_is_of_some_operation(app: &TestApp) {
        let described: BTreeSet<String> =
            routes::all(app).iter().flat_map(|operation| codes_of(&operation.about).into_keys()).collect();
        for code in Code::ALL {
            assert_eq!(described.contains(code.as_str()), !TIED_TO_NONE.contains(code), "{}", code.as_str());
        }
    }

    fn every_reference_leads_somewhere(app: &TestApp) {
        let document = app.stranger().get("/openapi.json").ok(200);
        let mut references = BTreeSet::new();
        collect_references(&document, &mut references);
        assert!(references.len() > 20, "{references:?}");
        for reference in references {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    fn what_is_answered_is_what_is_described(app: &TestApp) {
        let samples = routes::Samples::make(&app.admin);
        let document = app.stranger().get("/openapi.json").ok(200);
        for operation in routes::of_v1(app).into_iter().filter(|operation| !operation.is_write()) {
            let reply = samples.call(&app.admin, &operation);
            let content = &operation.about["responses"]["200"]["content"];
            if let Some(lines) = content.get("application/x-ndjson") {
                assert!(lines.is_object() && reply.text.lines().count() > 2, "{}", operation.id);
                continue;
            }
            let schema = &content["application/json"]["schema"];
            let described = members(&document, schema);
            let answered: BTreeSet<String> = reply.ok(200).as_object().unwrap().keys().cloned().collect();
            let undescribed: Vec<_> = answered.difference(&described).collect();
            assert!(undescribed.is_empty(), "{}: {undescribed:?} of {schema}", operation.id);
        }
    }
}

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, found)),
        Value::Object(members) => {
            found.extend(
                members
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            members
                .values()
                .for_each(|member| collect_references(member, found));
        }
        _ => {}
    }
}

/// The members that a schema names, through references and compositions.
fn members(document: &Value, schema: &Value) -> BTreeSet<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return members(
            document,
            document.pointer(reference.trim_start_matches('#')).unwrap(),
        );
    }
    let mut names: BTreeSet<String> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    for group in ["allOf", "oneOf", "anyOf"] {
        for part in schema[group].as_array().into_iter().flatten() {
            names.extend(members(document, part));
        }
    }
    names
}
