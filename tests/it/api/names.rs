//! Names are unique whatever their case and their encoding; external ids are kept byte for byte.

use super::kit::*;
use crate::support::*;

fn named(name: &str, connector: &str) -> serde_json::Value {
    let mut body = postgres_connection("x");
    body["name"] = name.into();
    body["connector"] = connector.into();
    body.as_object_mut().unwrap().remove("external_id");
    body
}

on_both! {
    fn a_name_is_taken_in_every_case_and_encoding_of_its_connector_alone(app: &TestApp) {
        for (name, same, free) in [
            ("prod", "PROD", "PROD (2)"),
            ("caf\u{e9}", "CAFE\u{301}", "CAF\u{c9} (2)"),
            ("stra\u{df}e", "STRASSE", "STRASSE (2)"),
            ("\u{39f}\u{394}\u{39f}\u{3a3}", "\u{3bf}\u{3b4}\u{3bf}\u{3c2}", "\u{3bf}\u{3b4}\u{3bf}\u{3c2} (2)"),
        ] {
            let first = app.admin.post("/v1/connections", &named(name, "postgres")).sound().ok(201);
            let twin = app.admin.post("/v1/connections", &named(same, "postgres")).sound();
            assert_eq!(twin.problem(409, "name_taken")["suggested_name"], free);
            app.admin.post("/v1/connections", &named(free, "postgres")).sound().ok(201);
            app.admin.post("/v1/connections", &named(same, "mysql")).sound().ok(201);

            let path = format!("/v1/connections/{}", first["id"].as_str().unwrap());
            app.admin.patch(&path, &json!({ "name": same })).sound().ok(200);
            let found = app.admin.get(&format!("/v1/connections?connector=postgres&name={}", segment(name))).ok(200);
            assert_eq!((found["data"].as_array().unwrap().len(), &found["data"][0]["id"]), (1, &first["id"]));
        }
    }

    fn a_name_is_stored_composed_and_otherwise_as_it_came(app: &TestApp) {
        for (name, stored) in [
            ("e\u{301}", "\u{e9}"),
            ("\u{202e}dorp", "\u{202e}dorp"),
            ("'; DROP TABLE connections; --", "'; DROP TABLE connections; --"),
            ("%_\\", "%_\\"),
            ("שלום \u{1f468}\u{200d}\u{1f469}", "שלום \u{1f468}\u{200d}\u{1f469}"),
        ] {
            let made = app.admin.post("/v1/connections", &named(name, "postgres")).sound().ok(201);
            assert_eq!(made["name"], stored);
            assert_eq!(app.admin.get(&format!("/v1/connections/{}", made["id"].as_str().unwrap())).ok(200)["name"], stored);
        }
        // What looks alike is not the same.
        for name in ["I", "\u{131}", "a", "a\u{200b}", "\u{430}"] {
            app.admin.post("/v1/connections", &named(name, "postgres")).sound().ok(201);
        }
    }

    fn the_trash_frees_a_name_and_an_external_id(app: &TestApp) {
        let id = app.sample_connection("prod");
        let twin = app.admin.post("/v1/connections", &postgres_connection("PROD")).sound();
        twin.problem(409, "name_taken");
        app.delete_connection(&id);
        assert_ne!(app.sample_connection("prod"), id);
    }

    fn external_ids_differ_by_every_byte_and_travel_in_the_path(app: &TestApp) {
        let settings = json!({"host": "db.example.com", "database": "sales", "username": "bi"});
        let ids = [
            "a/b", "a%2Fb", "..", ".", "a b", "a+b", "a?b#c", "caf\u{e9}", "cafe\u{301}", "CAF\u{c9}", " x ", "日本語",
            "a\\b", "%", "a;b=c", "\u{1f600}",
        ];
        for external_id in ids {
            let path = format!("/v1/integrations/postgres/connections/{}", segment(external_id));
            let body = json!({"connector": "postgres", "name": format!("n{}", segment(external_id)), "settings": settings});
            let made = app.admin.put(&path, &body).sound();
            assert_eq!(made.ok(201)["external_id"], external_id);
            let again = app.admin.put(&path, &body).sound().ok(200);
            assert_eq!((&again["id"], &again["version"]), (&made.json()["id"], &json!(1)));
            let found = app.admin.get(&format!("/v1/connections?external_id={}", segment(external_id))).ok(200);
            assert_eq!((found["data"].as_array().unwrap().len(), &found["data"][0]["id"]), (1, &made.json()["id"]));

            for kind in ["models", "content"] {
                let path = format!("/v1/connections/{}/{kind}/{}", made.text_of("id"), segment(external_id));
                let row = app.admin.put(&path, &json!({"name": "x"})).sound();
                assert_eq!(row.ok(201)["external_id"], external_id);
                assert_eq!(app.admin.put(&path, &json!({"name": "y"})).sound().ok(200)["id"], row.json()["id"]);
            }
        }
    }

    fn an_upsert_without_a_name_takes_the_external_id(app: &TestApp) {
        let settings = json!({"host": "db.example.com", "database": "sales", "username": "bi"});
        let made = app.admin.put("/v1/integrations/postgres/connections/prod-1", &json!({"connector": "postgres", "settings": settings}));
        assert_eq!(made.ok(201)["name"], "prod-1");
        assert_eq!(made.header("location"), Some(format!("/v1/connections/{}", made.text_of("id")).as_str()));
        assert_eq!(made.header("etag"), Some("\"1\""));
    }
}
