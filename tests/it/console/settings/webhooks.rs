//! Webhooks.

use super::*;
use crate::webhooks::receiver::{Receiver, TAKEN, status};

const HOOKS: &str = "/console/settings/webhooks";

/// Makes an endpoint through the form; its path in the console, and the secret.
fn made(person: &mut Person, fields: &[(&str, &str)]) -> (String, String) {
    person.open(&format!("{HOOKS}/new"));
    person.post(HOOKS, fields);
    assert_eq!(person.page.status, 200, "{}", person.text());
    let secret = shown(person, "secret");
    assert!(secret.starts_with("whsec_"), "{secret}");
    let back = person
        .links()
        .into_iter()
        .rfind(|link| link.starts_with(HOOKS) && link.len() > HOOKS.len());
    (back.unwrap(), secret)
}

on_both! {
    fn the_secret_of_an_endpoint_is_shown_once(app: &TestApp) {
        let mut person = Person::admin(app);
        person.open(HOOKS);
        assert!(person.reads("No webhooks yet."));
        let url = "https://hooks.example.com/a?x=1&y=<b>";
        let (path, secret) = made(&mut person, &[("url", url), ("description", "Team <b>chat</b>"), ("format", "text"), ("type", "connection.*"), ("type", "trash.*")]);
        assert_eq!(person.page.header("cache-control"), Some("no-store"));
        assert!(!kept_to_tell(app).contains("whsec_"));
        let view = app.admin.get("/v1/webhooks").ok(200)["data"][0].clone();
        assert_eq!((&view["types"], &view["format"]), (&json!(["connection.*", "trash.*"]), &json!("text")));
        for page in [HOOKS, &path, &format!("{path}/edit"), "/console/activity"] {
            person.open(page);
            assert_eq!(person.page.status, 200, "{page}");
            assert!(!person.page.text.contains(&secret) && !person.page.text.contains("whsec_"), "{page}");
            assert!(!person.page.text.contains("<b>"), "{page}: a text is text");
        }
        person.open(HOOKS);
        assert!(person.reads("Team <b>chat</b>") && person.reads("connection.*, trash.*") && person.reads("A sentence for a chat tool") && person.reads("None yet"), "{}", person.text());

        // Another one, in the place of the first.
        person.open(&format!("{path}/rotate"));
        assert!(person.reads("For 24 hours messages carry two signatures"));
        person.post(&format!("{path}/rotate"), &[]);
        let other = shown(&person, "secret");
        assert!(other.starts_with("whsec_") && other != secret && person.reads("signs too for 24 hours"), "{}", person.text());
        assert!(!kept_to_tell(app).contains("whsec_"));
        person.open(&path);
        assert!(person.reads("Signs too until") && !person.page.text.contains("whsec_"), "{}", person.text());
    }

    fn wrong_input_is_told_at_its_field_and_stays(app: &TestApp) {
        let mut person = Person::admin(app);
        for (fields, field, said) in [
            ([("url", "hooks"), ("description", "d"), ("type", "trash.*")], "url", "Expected an absolute https URL."),
            ([("url", "https://me:pw@h.example/"), ("description", "d"), ("type", "trash.*")], "url", "A URL with user information is not taken"),
            ([("url", "https://h.example/"), ("description", "d"), ("type", "trash.burnt")], "types", "Expected an event type"),
        ] {
            person.open(&format!("{HOOKS}/new"));
            assert_eq!(person.post(HOOKS, &fields).status, 422, "{said}");
            assert!(person.reads(said) && person.page.text.contains(&format!("id=\"{field}-error\"")), "{}", person.text());
            assert!(fields.iter().all(|(_, value)| person.page.text.contains(&format!("value=\"{value}\""))), "{said}");
            assert_eq!(person.page.text.matches("type=\"checkbox\"").count() - person.page.text.matches("type=\"checkbox\" name=\"type\" value=\"").count(), 0);
            assert!(person.page.text.contains("\" checked>"));
        }
        assert_eq!(app.sql().count("webhook_endpoints"), 0);
    }

    fn an_endpoint_is_edited_and_another_address_has_another_secret(app: &TestApp) {
        let mut person = Person::admin(app);
        let (path, secret) = made(&mut person, &[("url", "https://hooks.example.com/a"), ("type", "trash.*")]);
        app.admin.patch(&path.replace("/console/settings", "/v1"), &json!({"types": ["connection.trashed", "trash.*"]})).ok(200);
        person.open(&format!("{path}/edit"));
        assert!(person.page.text.contains("value=\"connection.trashed\" checked"), "a single type chosen elsewhere stays");
        person.post(&format!("{path}/edit"), &[("version", "2"), ("url", "https://hooks.example.com/a"), ("description", "now with words"), ("format", "standard"), ("type", "connection.trashed")]);
        assert!(person.reads("Saved.") && person.reads("now with words") && person.reads("connection.trashed"), "{}", person.text());
        person.open(&format!("{path}/edit"));
        person.post(&format!("{path}/edit"), &[("version", "3"), ("url", "https://hooks.example.com/other"), ("format", "standard")]);
        let other = shown(&person, "secret");
        assert!(other != secret && person.reads("the one before signs nothing any more"), "{}", person.text());
        let view = app.admin.get("/v1/webhooks").ok(200)["data"][0].clone();
        assert_eq!((&view["url"], &view["types"], &view["description"]), (&json!("https://hooks.example.com/other"), &json!([]), &json!("")));
    }

    fn a_form_that_is_out_of_date_changes_nothing_and_loses_nothing(app: &TestApp) {
        let mut person = Person::admin(app);
        let (path, _) = made(&mut person, &[("url", "https://hooks.example.com/a")]);
        person.open(&format!("{path}/edit"));
        app.admin.patch(&path.replace("/console/settings", "/v1"), &json!({"description": "theirs"})).ok(200);
        let sent = person.post(&format!("{path}/edit"), &[("version", "1"), ("url", "https://hooks.example.com/a"), ("description", "mine")]);
        assert_eq!(sent.status, 422);
        assert!(person.reads("This page is out of date. Reload it and try again.") && person.page.text.contains("value=\"mine\""), "{}", person.text());
        assert_eq!(app.admin.get("/v1/webhooks").ok(200)["data"][0]["description"], "theirs");
    }

    fn a_test_message_is_sent_and_its_outcome_told(app: &TestApp) {
        let receiver = Receiver::start(&[TAKEN]);
        let mut person = Person::admin(app);
        let (path, secret) = made(&mut person, &[("url", &receiver.url()), ("type", "retention.*")]);
        person.open(&path);
        person.post(&format!("{path}/test"), &[]);
        assert!(person.reads("The test message arrived.") && person.reads("It answered 204."), "{}", person.text());
        assert_eq!(receiver.waits_for(1)[0].signatures_by(&secret), 1);
        receiver.says(&[status(500)]);
        person.post(&format!("{path}/test"), &[]);
        assert!(person.reads("The test message did not arrive.") && person.reads("It answered 500."), "{}", person.text());
        assert!(person.page.text.contains("role=\"alert\""));
        assert!(!kept_to_tell(app).contains("127.0.0.1"), "the address is a secret");
    }

    fn an_endpoint_is_disabled_enabled_and_deleted(app: &TestApp) {
        let mut person = Person::admin(app);
        let (path, _) = made(&mut person, &[("url", "https://hooks.example.com/a"), ("type", "retention.*")]);
        person.open(&path);
        person.post(&format!("{path}/state"), &[("state", "disabled")]);
        assert!(person.reads("The endpoint is disabled") && person.reads("Enable"), "{}", person.text());
        assert_eq!(app.admin.get("/v1/webhooks").ok(200)["data"][0]["state"], "disabled");
        person.post(&format!("{path}/state"), &[("state", "enabled")]);
        assert!(person.reads("it goes on where it stopped"), "{}", person.text());
        assert_eq!(person.post(&format!("{path}/state"), &[("state", "asleep")]).status, 403);
        person.open(&format!("{path}/delete"));
        assert!(person.reads("There is no way back.") && person.reads("https://hooks.example.com/a"));
        person.post(&format!("{path}/delete"), &[]);
        assert!(person.reads("The webhook endpoint was deleted.") && person.reads("No webhooks yet."), "{}", person.text());
        assert_eq!(person.open(&path).status, 404);
    }

    fn deliveries_tell_what_came_of_them_and_are_sent_again(app: &TestApp) {
        let receiver = Receiver::start(&[status(500)]);
        let mut person = Person::admin(app);
        let (path, _) = made(&mut person, &[("url", &receiver.url()), ("type", "retention.*")]);
        app.admin.put("/v1/retention", &json!({"retention_days": 31})).ok(200);
        TestApp::wait_for("a try that is written down", || {
            person.open(&path);
            person.reads("Status 500")
        });
        assert!(person.reads("retention.updated") && person.reads("Pending"), "{}", person.text());
        person.open(&format!("{path}?state=delivered"));
        assert!(person.reads("No deliveries in this state."), "{}", person.text());
        receiver.says(&[TAKEN]);
        app.sql().run("UPDATE webhook_endpoints SET paused_until = NULL");
        person.open(&path);
        let replay = person.page.text.split("action=\"").find(|part| part.contains("/deliveries/")).unwrap().split('"').next().unwrap().to_owned();
        person.post(&replay, &[]);
        assert!(person.reads("retention.updated is sent again."), "{}", person.text());
        TestApp::wait_for("the delivery", || {
            person.open(&format!("{path}?state=delivered"));
            person.reads("retention.updated")
        });
        person.post(&format!("{path}/replay"), &[]);
        assert!(person.reads("No delivery had failed"), "{}", person.text());
    }
}
