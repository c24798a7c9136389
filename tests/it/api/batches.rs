//! Batches are all or nothing; models and content hang together as their connection says.

use serde_json::Value;

use super::kit::*;
use super::routes::Samples;
use crate::support::*;

fn items(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| json!({"name": format!("n{number}"), "external_id": format!("e{number}")}))
        .collect()
}

on_both! {
    fn one_bad_item_of_a_thousand_leaves_none(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let connection = format!("/v1/connections/{}", samples.connection);
        settle(app);
        let before = dump(app, None);
        for (kind, taken, parent) in [("models", "m-1", "base_model_external_id"), ("content", "c-1", "model_external_id")] {
            let path = format!("{connection}/{kind}/batch");
            let send = |member: &str, value: Value| {
                let mut items = items(1_000);
                items[700][member] = value;
                app.admin.post(&path, &json!({ "items": items })).sound()
            };
            for (member, value, pointer, code) in [
                ("name", json!(" "), "/items/700/name", "surrounding_whitespace"),
                ("name", Value::Null, "/items/700/name", "wrong_type"),
                ("kind", json!("NO"), "/items/700/kind", "invalid_format"),
                (parent, json!("nothing"), &format!("/items/700/{parent}"), "unknown_model"),
                ("external_id", json!("e3"), "/items/700/external_id", "duplicate"),
                ("nmae", json!("x"), "/items/700/nmae", "unknown_field"),
            ] {
                let reply = send(member, value);
                reply.problem(422, "invalid_input");
                assert_eq!(reply.field_errors(), [(pointer.to_owned(), code.to_owned())]);
            }
            send("external_id", json!(taken)).problem(409, "external_id_taken");
        }
        let mut linked = items(1_000);
        linked[700]["links"] = json!([{"external_id": "e699"}, {"external_id": "nothing"}]);
        let reply = app.admin.post(&format!("{connection}/content/batch"), &json!({ "items": linked })).sound();
        assert_eq!(reply.field_errors(), [("/items/700/links/1".to_owned(), "unknown_content".to_owned())]);
        assert_eq!(dump(app, None), before);
    }

    fn everything_wrong_in_a_batch_is_told_at_once(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let batch = json!({"items": [{"name": ""}, {"name": "fine"}, {"name": "x", "kind": "NO", "external_id": ""}]});
        let reply = app.admin.post(&format!("/v1/connections/{id}/content/batch"), &batch).sound();
        let expected = [("/items/0/name", "empty"), ("/items/2/kind", "invalid_format"), ("/items/2/external_id", "empty")];
        assert_eq!(reply.field_errors(), expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    }

    fn a_batch_makes_its_rows_in_order_with_bases_and_links_among_themselves(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        let mut models = items(1_000);
        for (number, model) in models.iter_mut().enumerate().skip(1) {
            model["base_model_external_id"] = format!("e{}", number - 1).into();
        }
        models[0]["base_model_external_id"] = "m-base".into();
        let made = app.admin.post(&format!("{path}/models/batch"), &json!({ "items": models })).sound().ok(201);
        let made = made["data"].as_array().unwrap();
        assert_eq!((made.len(), &made[999]["external_id"]), (1_000, &json!("e999")));
        let last = app.admin.get(&format!("/v1/models/{}", made[999]["id"].as_str().unwrap())).ok(200);
        assert_eq!(last["base_model_id"], made[998]["id"]);

        let content = json!({"items": [
            {"name": "a", "external_id": "a", "model_external_id": "e5", "links": [{"external_id": "b"}]},
            {"name": "b", "external_id": "b", "links": [{"external_id": "a"}, {"external_id": "c-0"}]},
        ]});
        let made = app.admin.post(&format!("{path}/content/batch"), &content).sound().ok(201)["data"].clone();
        let links = app.admin.get(&format!("/v1/content/{}/links", made[0]["id"].as_str().unwrap())).ok(200);
        assert_eq!(links["data"][0]["content_id"], made[1]["id"]);
        let impact = app.admin.get(&format!("{path}/impact")).ok(200)["impact"].clone();
        assert_eq!(impact, json!({"integrations": 0, "connections": 1, "models": 1_003, "content": 6, "links": 5}));
    }

    fn a_base_must_come_before_what_extends_it(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let batch = json!({"items": [{"name": "a", "base_model_external_id": "later"}, {"name": "b", "external_id": "later"}]});
        let reply = app.admin.post(&format!("/v1/connections/{id}/models/batch"), &batch).sound();
        assert_eq!(reply.field_errors(), [("/items/0/base_model_external_id".to_owned(), "unknown_model".to_owned())]);
    }

    fn a_model_extends_neither_itself_nor_what_extends_it(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let batch = json!({"items": [
            {"name": "a", "external_id": "a"},
            {"name": "b", "external_id": "b", "base_model_external_id": "a"},
            {"name": "c", "base_model_external_id": "b"},
        ]});
        let path = format!("/v1/connections/{id}/models");
        let made = app.admin.post(&format!("{path}/batch"), &batch).sound().ok(201)["data"].clone();
        let cycle = [("/base_model_id".to_owned(), "cycle".to_owned())];
        for base in 0..3 {
            let body = json!({"base_model_id": made[base]["id"]});
            let reply = app.admin.patch(&format!("/v1/models/{}", made[0]["id"].as_str().unwrap()), &body).sound();
            assert_eq!(reply.field_errors(), cycle);
        }
        let reply = app.admin.put(&format!("{path}/a"), &json!({"name": "a", "base_model_external_id": "b"})).sound();
        assert_eq!(reply.field_errors(), cycle);
    }

    fn a_model_of_another_connection_is_no_parent(app: &TestApp) {
        let (one, other) = (Samples::make(&app.admin), app.sample_connection("other"));
        let path = format!("/v1/connections/{other}");
        let expected = |pointer: &str| vec![(pointer.to_owned(), "unknown_model".to_owned())];
        for (kind, field) in [("models", "base_model_id"), ("content", "model_id")] {
            let body = json!({"name": "x", field: one.model});
            let reply = app.admin.post(&format!("{path}/{kind}"), &body).sound();
            assert_eq!(reply.field_errors(), expected(&format!("/{field}")));
            let own = app.admin.get(&format!("{path}/{kind}")).ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
            let kind = if kind == "models" { "models" } else { "content" };
            let reply = app.admin.patch(&format!("/v1/{kind}/{own}"), &json!({field: one.model})).sound();
            assert_eq!(reply.field_errors(), expected(&format!("/{field}")));
            let field = field.replace("_id", "_external_id");
            let reply = app.admin.post(&format!("{path}/{kind}"), &json!({"name": "x", field.clone(): "m-1"})).sound();
            assert_eq!(reply.field_errors(), expected(&format!("/{field}")));
        }
        // What is in the trash is no parent and no end of a link either.
        app.admin.delete(&format!("/v1/models/{}", one.model)).ok(200);
        let path = format!("/v1/connections/{}", one.connection);
        let reply = app.admin.post(&format!("{path}/content"), &json!({"name": "x", "model_id": one.model})).sound();
        assert_eq!(reply.field_errors(), expected("/model_id"));
        let reply = app.admin.post(&format!("{path}/content"), &json!({"name": "x", "links": [{"content_id": one.content}]})).sound();
        assert_eq!(reply.field_errors(), [("/links/0".to_owned(), "unknown_content".to_owned())]);
    }

    fn a_link_may_lead_to_another_connection_by_id(app: &TestApp) {
        let (one, other) = (Samples::make(&app.admin), app.sample_connection("other"));
        let path = format!("/v1/connections/{other}/content");
        let made = app.admin.post(&path, &json!({"name": "x", "links": [{"content_id": one.content}]})).sound().text_of("id");
        let links = app.admin.get(&format!("/v1/content/{made}/links")).ok(200)["data"].clone();
        assert_eq!(links, json!([{"content_id": one.content, "name": "revenue", "connection_id": one.connection}]));
        let impact = app.admin.get(&format!("/v1/connections/{}/impact", one.connection)).ok(200);
        assert_eq!((&impact["references"], &impact["references_sample"][0]["content_id"]), (&json!(1), &json!(made)));
    }
}
