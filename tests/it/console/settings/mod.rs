//! Settings: tabs by what the key may see; every change by a form of a page of ours and by who may.

mod alarms;
mod keys;
mod retention;
mod webhooks;

use reprieve::domain::alarms::AlarmCode;
use reprieve::service::alarms as service;

use super::*;

/// Raises an alarm; its id.
fn raise(app: &TestApp, ours: bool, code: AlarmCode, detail: &str) -> String {
    let org = ours.then_some(app.org);
    let raised = |conn: &mut reprieve::store::Conn| service::raise(conn, org, code, "", detail);
    assert!(app.services.store.write(raised).unwrap());
    let list = app.admin.get("/v1/alarms").ok(200);
    let all = list["data"].as_array().unwrap();
    let found = all.iter().find(|alarm| alarm["detail"] == detail).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

fn id_of(answer: &serde_json::Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

/// What the next pages have to tell, as it is stored.
fn kept_to_tell(app: &TestApp) -> String {
    app.sql()
        .lines("SELECT coalesce(CAST(flash AS text), '') AS line FROM sign_ins")
        .concat()
}

/// What stands between the tags of the element with this id.
fn shown(person: &Person, id: &str) -> String {
    let found = person.page.text.split(&format!("id=\"{id}\">")).nth(1);
    let found = found.unwrap_or_else(|| panic!("no {id}: {:#?}", person.page));
    found.split('<').next().unwrap().to_owned()
}

/// Every POST of the settings, with what its form holds.
fn posts(app: &TestApp) -> Vec<(String, Vec<(&'static str, String)>)> {
    let key = id_of(
        &app.admin
            .post(
                "/v1/api-keys",
                &json!({"name": "bot", "scopes": ["trash:read"]}),
            )
            .ok(201),
    );
    let hook = id_of(
        &app.admin
            .post(
                "/v1/webhooks",
                &json!({"url": "https://hooks.example.com/a"}),
            )
            .ok(201),
    );
    let alarm = raise(app, true, AlarmCode::PurgeBlocked, "one entry");
    let version = app.admin.get("/v1/retention").ok(200)["version"].to_string();
    let text = |pairs: &[(&'static str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect::<Vec<_>>()
    };
    let retention = text(&[
        ("version", &version),
        ("retention_days", "40"),
        ("brake_connections", "20"),
        ("brake_percent", "50"),
    ]);
    let unknown = "00000000-0000-7000-8000-000000000000";
    vec![
        ("/console/settings/retention".to_owned(), retention),
        (
            "/console/settings/retention/pause".to_owned(),
            text(&[("reason", "why")]),
        ),
        ("/console/settings/retention/resume".to_owned(), Vec::new()),
        (
            format!("/console/settings/retention/brakes/{unknown}/release"),
            Vec::new(),
        ),
        (
            "/console/settings/webhooks".to_owned(),
            text(&[("url", "https://hooks.example.com/b")]),
        ),
        (
            format!("/console/settings/webhooks/{hook}/edit"),
            text(&[
                ("version", "1"),
                ("url", "https://hooks.example.com/a"),
                ("description", "x"),
            ]),
        ),
        (
            format!("/console/settings/webhooks/{hook}/state"),
            text(&[("state", "disabled")]),
        ),
        (
            format!("/console/settings/webhooks/{hook}/test"),
            Vec::new(),
        ),
        (
            format!("/console/settings/webhooks/{hook}/rotate"),
            Vec::new(),
        ),
        (
            format!("/console/settings/webhooks/{hook}/replay"),
            Vec::new(),
        ),
        (
            format!("/console/settings/webhooks/{hook}/deliveries/{unknown}/replay"),
            Vec::new(),
        ),
        (
            format!("/console/settings/webhooks/{hook}/delete"),
            Vec::new(),
        ),
        (
            "/console/settings/keys".to_owned(),
            text(&[("name", "new"), ("scope", "trash:read")]),
        ),
        (format!("/console/settings/keys/{key}/revoke"), Vec::new()),
        (
            format!("/console/settings/alarms/{alarm}/acknowledge"),
            Vec::new(),
        ),
    ]
}

fn pairs<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

on_both! {
    fn a_form_without_the_token_of_the_sign_in_changes_nothing(app: &TestApp) {
        let all = posts(app);
        let (mut person, other) = (Person::admin(app), Person::admin(app).token());
        let token = person.token();
        for (path, fields) in &all {
            let before = app.sql().count("audit_events");
            for wrong in ["", "x", &other] {
                let sent = person.send(path, wrong, &pairs(fields));
                assert_eq!(sent.status, 403, "{path}: {sent:#?}");
                assert!(sent.text.contains("This page is out of date. Reload it and try again."), "{path}");
            }
            assert_eq!(app.sql().count("audit_events"), before, "{path}");
            // With it the same form is taken: it is the token that was missing.
            let sent = person.send(path, &token, &pairs(fields));
            assert!([200, 303, 404].contains(&sent.status), "{path}: {sent:#?}");
            assert_eq!(sent.status == 404, path.contains("00000000"), "{path}");
        }
        person.open("/console/settings/keys");
        assert!(person.reads("new"), "{}", person.text());
    }

    fn what_the_key_may_not_do_is_not_shown_and_refused(app: &TestApp) {
        let all = posts(app);
        let mut person = Person::signed_in(app, app.client(&["retention:read", "webhooks:read", "alarms:read"]).key());
        for path in ["/console/settings/retention", "/console/settings/webhooks", "/console/settings/alarms"] {
            assert_eq!(person.open(path).status, 200, "{path}");
            assert!(!person.page.text.contains("action=\"/console/settings"), "{path}: {}", person.page.text);
            assert!(!person.links().iter().any(|link| link.ends_with("/new")), "{path}");
        }
        let hook = id_of(&app.admin.get("/v1/webhooks").ok(200)["data"][0]);
        person.open(&format!("/console/settings/webhooks/{hook}"));
        assert!(!person.page.text.contains("action=\"/console/settings") && !person.reads("Delete"), "{}", person.text());
        for (path, fields) in &all {
            assert_eq!(person.post(path, &pairs(fields)).status, 403, "{path}");
            assert!(person.reads("Your key may not do this"), "{path}: {}", person.text());
        }
        for path in [format!("/console/settings/webhooks/{hook}/edit"), format!("/console/settings/webhooks/{hook}/delete"), "/console/settings/webhooks/new".to_owned(), "/console/settings/keys".to_owned(), "/console/settings/keys/new".to_owned()] {
            assert_eq!(person.open(&path).status, 403, "{path}");
        }
        assert_eq!(app.admin.get("/v1/retention").ok(200)["retention_days"], 30);
        assert_eq!(app.admin.get("/v1/webhooks").ok(200)["data"].as_array().unwrap().len(), 1);
    }

    fn settings_begin_with_the_first_tab_that_the_key_may_see(app: &TestApp) {
        for (scope, title) in [("retention:read", "Retention and protection"), ("webhooks:read", "Webhooks"), ("keys:admin", "API keys"), ("alarms:read", "Alarms")] {
            let mut person = Person::signed_in(app, app.client(&[scope]).key());
            person.open("/console/settings");
            assert!(person.page.text.contains(&format!("<title>{title} - Reprieve</title>")), "{scope}: {}", person.text());
            let tabs = person.page.text.split("aria-label=\"Settings\"").nth(1).unwrap().split("</nav>").next().unwrap();
            assert_eq!(tabs.matches("<a ").count(), 1, "{tabs}");
            assert!(tabs.contains("aria-current=\"page\""));
        }
        let mut person = Person::signed_in(app, app.client(&["connections:read"]).key());
        assert!(!person.reads("Settings"));
        assert_eq!(person.open("/console/settings").status, 403);
    }

    fn what_another_organization_has_is_not_there(app: &TestApp) {
        let all = posts(app);
        let mut person = Person::signed_in(app, app.other_organization("other").key());
        let own: Vec<_> = all.iter().filter(|(path, _)| path.matches('-').count() > 3).collect();
        assert!(own.len() > 8);
        for (path, fields) in own {
            assert_eq!(person.post(path, &pairs(fields)).status, 404, "{path}");
        }
    }
}
