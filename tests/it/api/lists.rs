//! Lists: filters, and pages without a gap or a double whatever is added or deleted meanwhile.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kit::*;
use super::routes::Samples;
use crate::support::*;

fn names(reply: &Value) -> Vec<String> {
    reply["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Walks a list page by page; `between` runs after each page with its number.
fn walk(app: &TestApp, list: &str, size: usize, mut between: impl FnMut(usize)) -> Vec<String> {
    let (mut seen, mut token) = (Vec::new(), None::<String>);
    for number in 0.. {
        let separator = if list.contains('?') { '&' } else { '?' };
        let token_part = token
            .map(|token| format!("&page_token={token}"))
            .unwrap_or_default();
        let page = app
            .admin
            .get(&format!("{list}{separator}page_size={size}{token_part}"))
            .sound()
            .ok(200);
        let rows = names(&page);
        assert!(rows.len() <= size);
        seen.extend(rows.iter().cloned());
        token = page["next_page_token"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
        assert_eq!(rows.len(), size, "a page before the last is full");
        between(number);
    }
    seen
}

on_both! {
    fn connections_are_found_by_each_of_their_filters(app: &TestApp) {
        app.sample_connection("alpha");
        let mut other = postgres_connection("beta");
        other["connector"] = "mysql".into();
        other["tags"] = json!({"env": "dev", "team=1": "no"});
        app.admin.post("/v1/connections", &other).sound().problem(422, "invalid_input");
        other["tags"] = json!({"env": "dev", "team": "a=b\"\\"});
        other["secrets"] = json!({});
        app.admin.post("/v1/connections", &other).sound().ok(201);
        let all = |query: &str| names(&app.admin.get(&format!("/v1/connections?{query}")).sound().ok(200));
        assert_eq!(all(""), ["alpha", "beta"]);
        for (query, found) in [
            ("name=ALPHA", "alpha"), ("name=alph", ""), ("connector=mysql", "beta"), ("connector=nothing", ""),
            ("integration=postgres", "alpha"), ("external_id=ext-beta", "beta"), ("external_id=EXT-BETA", ""),
            ("status=untested", "alpha"), ("status=needs_credentials", "beta"), ("status=active", ""),
            ("tag=env%3Ddev", "beta"), ("tag=env%3Dde", ""), ("tag=env%3D", ""), ("tag=nv%3Ddev", ""),
            ("tag=team%3Da%3Db%22%5C", "beta"), ("tag=team%3D%25", ""),
            ("connector=mysql&status=needs_credentials&tag=env%3Ddev", "beta"), ("connector=mysql&status=untested", ""),
        ] {
            assert_eq!(all(query).join(","), found, "{query}");
        }
        for wrong in ["tag=env", "tag=", "tag=%3Dx"] {
            let reply = app.admin.get(&format!("/v1/connections?{wrong}")).sound();
            assert_eq!(reply.problem(422, "invalid_input")["errors"][0]["pointer"], "tag", "{wrong}");
        }
    }

    fn models_and_content_are_found_by_each_of_their_filters(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        let models = app.admin.get(&format!("{path}/models")).ok(200);
        assert_eq!(names(&models), ["base", "extension", "empty"]);
        let base = models["data"][0]["id"].as_str().unwrap();
        app.admin.post(&format!("{path}/content"), &json!({"name": "caf\u{e9}"})).sound().ok(201);
        let found = |query: &str| names(&app.admin.get(&format!("{path}/{query}")).sound().ok(200)).join(",");
        for (query, expected) in [
            (format!("models?base_model_id={base}"), "extension"), ("models?kind=schema".to_owned(), "base"),
            ("models?kind=model".to_owned(), "extension,empty"), ("models?name=empty".to_owned(), "empty"),
            ("models?external_id=m-base".to_owned(), "base"), ("models?external_id=M-BASE".to_owned(), ""),
            (format!("content?model_id={base}"), "chart 0,chart 1"), ("content?kind=dashboard".to_owned(), "overview"),
            ("content?name=chart%202".to_owned(), "chart 2"), ("content?name=chart+2".to_owned(), "chart 2"),
            ("content?external_id=c-1".to_owned(), "chart 1"), (format!("content?model_id={base}&kind=chart&name=chart%201"), "chart 1"),
            ("content?name=cafe%CC%81".to_owned(), "caf\u{e9}"),
        ] {
            assert_eq!(found(&query), expected, "{query}");
        }
        for list in ["models", "content"] {
            let text = app.admin.get(&format!("{path}/{list}")).text;
            assert!(!text.contains("\"body\""), "lists leave bodies out");
            app.admin.get(&format!("/v1/connections/{}/{list}", unknown_id())).sound().problem(404, "not_found");
        }
    }

    fn links_are_listed_from_both_of_their_ends(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let content = app.admin.get(&format!("/v1/connections/{id}/content")).ok(200)["data"].clone();
        let of = |name: &str| content.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap()["id"].as_str().unwrap().to_owned();
        let links = |name: &str, query: &str| names(&app.admin.get(&format!("/v1/content/{}/links?{query}", of(name))).sound().ok(200));
        assert_eq!(links("overview", ""), ["chart 0", "chart 2"]);
        assert_eq!(links("overview", "direction=to&page_size=1"), ["chart 0"]);
        assert_eq!(links("chart 2", "direction=from"), ["overview"]);
        assert!(links("chart 2", "direction=to").is_empty() && links("chart 1", "direction=from").is_empty());
        app.admin.patch(&format!("/v1/content/{}", of("overview")), &json!({"links": [{"content_id": of("chart 1")}]})).sound().ok(200);
        assert_eq!(links("overview", ""), ["chart 1"]);
    }

    fn pages_have_no_gap_and_no_double_while_rows_come_and_go(app: &TestApp) {
        let make = |name: &str| app.admin.post("/v1/connections", &postgres_connection(name)).sound().text_of("id");
        let ids: Vec<String> = (0..9).map(|number| make(&format!("n{number}"))).collect();
        let mut gone = Vec::new();
        let seen = walk(app, "/v1/connections", 2, |page| {
            // One that was seen, one that was not, one that is new.
            let (before, after) = (page, 8 - page);
            for index in [before, after] {
                if !gone.contains(&index) && page < 2 {
                    app.delete_connection(&ids[index]);
                    gone.push(index);
                }
            }
            make(&format!("new {page}"));
            assert!(page < 50, "it must end");
            if page > 4 {
                app.delete_connection(&make("shortlived"));
            }
        });
        let unique: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(unique.len(), seen.len(), "a double: {seen:?}");
        for index in (0..9).filter(|index| !gone.contains(index)) {
            assert!(unique.contains(&format!("n{index}")), "a gap: n{index} in {seen:?}");
        }
        assert!(!unique.contains(&"n8".to_owned()) && !unique.contains(&"n7".to_owned()), "{seen:?}");
    }

    fn pages_of_dependents_have_no_gap_and_no_double(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        for kind in ["models", "content"] {
            let path = format!("/v1/connections/{id}/{kind}");
            let before = names(&app.admin.get(&path).ok(200));
            let items: Vec<Value> = (0..23).map(|number| json!({"name": format!("i{number}"), "kind": "paged"})).collect();
            app.admin.post(&format!("{path}/batch"), &json!({ "items": items })).sound().ok(201);
            let all: Vec<String> = before.into_iter().chain((0..23).map(|number| format!("i{number}"))).collect();
            for size in [1, 7, 13, 200] {
                assert_eq!(walk(app, &path, size, |_| {}), all);
            }
            assert_eq!(walk(app, &format!("{path}?kind=paged"), 5, |_| {}).len(), 23);
        }
    }

    fn a_page_token_belongs_to_its_list_and_filter(app: &TestApp) {
        let samples = Samples::make(&app.admin);
        let connection = format!("/v1/connections/{}", samples.connection);
        for name in ["a", "b"] {
            app.admin.post("/v1/connections", &postgres_connection(name)).sound().ok(201);
            app.admin.post(&format!("{connection}/models"), &json!({ "name": name })).sound().ok(201);
            app.admin.post(&format!("{connection}/content"), &json!({ "name": name })).sound().ok(201);
        }
        let second = app.admin.get("/v1/connections?name=b").ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        let lists = [
            "/v1/connections?status=untested".to_owned(),
            "/v1/connections?connector=postgres".to_owned(),
            format!("{connection}/models?kind=model"),
            format!("{connection}/content?kind=content"),
        ];
        for list in &lists {
            let token = app.admin.get(&format!("{list}&page_size=1")).sound().text_of("next_page_token");
            app.admin.get(&format!("{list}&page_token={token}")).sound().ok(200);
            let others = lists.iter().filter(|other| *other != list).map(|other| format!("{other}&page_token={token}"));
            let plain = format!("{}?page_token={token}", list.split('?').next().unwrap());
            let elsewhere = format!("/v1/connections/{second}/models?kind=model&page_token={token}");
            for wrong in others.chain([plain, elsewhere, format!("/v1/trash?page_token={token}"), format!("{list}&page_token={token}x")]) {
                let reply = app.admin.get(&wrong).sound();
                assert_eq!(reply.problem(422, "invalid_input")["errors"][0]["code"], "invalid_page_token", "{wrong}");
            }
        }
    }
}
