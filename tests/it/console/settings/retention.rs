//! Retention and protection.

use super::*;

const PAGE: &str = "/console/settings/retention";

/// The value of a field of the page that is open.
fn value(person: &Person, name: &str) -> String {
    let field = person.page.text.split(&format!("name=\"{name}\"")).nth(1);
    let field = field.unwrap_or_else(|| panic!("no {name}: {:#?}", person.page));
    let field = field.split('>').next().unwrap();
    field
        .split("value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

fn fields<'a>(version: &'a str, days: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("version", version),
        ("retention_days", days),
        ("brake_connections", "30"),
        ("brake_percent", "60"),
    ]
}

on_both! {
    fn a_change_is_for_later_deletions_and_the_page_says_so(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("one"));
        let purge_at = app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["purge_at"].clone();
        let mut person = Person::admin(app);
        person.open(PAGE);
        assert_eq!(value(&person, "retention_days"), "30");
        assert!(person.reads("what is in the trash already (1 entry) keeps the date that was written when it was deleted"), "{}", person.text());
        let version = value(&person, "version");
        let mut sent = fields(&version, "7");
        sent.extend([("purge_protection", "on"), ("hold_while_used", "on"), ("brake_refuse", "on")]);
        person.post(PAGE, &sent);
        assert!(person.reads("Saved. What is deleted from now on stays in the trash for 7 days"), "{}", person.text());
        let policy = app.admin.get("/v1/retention").ok(200);
        assert_eq!((&policy["retention_days"], &policy["purge_protection"], &policy["hold_while_used"]), (&json!(7), &json!(true), &json!(true)));
        assert_eq!(policy["brake"], json!({"connections": 30, "percent": 60, "refuse_deletions": true}));
        assert_eq!(app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["purge_at"], purge_at, "the date that was written stays");
        // What is not ticked is switched off.
        let version = value(&person, "version");
        person.post(PAGE, &fields(&version, "7"));
        let policy = app.admin.get("/v1/retention").ok(200);
        assert_eq!((&policy["purge_protection"], &policy["brake"]["refuse_deletions"]), (&json!(false), &json!(false)));
    }

    fn wrong_input_is_told_at_its_field_and_stays(app: &TestApp) {
        let mut person = Person::admin(app);
        for (days, said) in [("0", "It goes from 1 to 3650."), ("4000", "It goes from 1 to 3650."), ("many", "Enter a whole number."), ("", "Enter a whole number.")] {
            person.open(PAGE);
            let version = value(&person, "version");
            assert_eq!(person.post(PAGE, &fields(&version, days)).status, 422, "{days}");
            assert!(person.reads(said) && person.page.text.contains("id=\"days-error\""), "{days}: {}", person.text());
            assert_eq!((value(&person, "retention_days"), value(&person, "brake_percent")), (days.to_owned(), "60".to_owned()));
        }
        assert_eq!(app.admin.get("/v1/retention").ok(200)["retention_days"], 30);
    }

    fn a_page_that_is_out_of_date_changes_nothing_and_loses_nothing(app: &TestApp) {
        let mut person = Person::admin(app);
        person.open(PAGE);
        let version = value(&person, "version");
        app.admin.put("/v1/retention", &json!({"retention_days": 99})).ok(200);
        assert_eq!(person.post(PAGE, &fields(&version, "7")).status, 422);
        assert!(person.reads("This page is out of date. Reload it and try again."), "{}", person.text());
        assert_eq!(value(&person, "retention_days"), "7", "what was typed stays");
        assert!(person.reads("99 days"), "and what it is now is there: {}", person.text());
        assert_eq!(app.admin.get("/v1/retention").ok(200)["retention_days"], 99);
        // Sent again as it is, it is still out of date; reloaded it is taken.
        let version = value(&person, "version");
        assert_eq!(person.post(PAGE, &fields(&version, "7")).status, 422);
        person.open(PAGE);
        let version = value(&person, "version");
        person.post(PAGE, &fields(&version, "7"));
        assert_eq!(app.admin.get("/v1/retention").ok(200)["retention_days"], 7);
    }

    fn the_purge_is_paused_with_a_reason_and_goes_on(app: &TestApp) {
        let mut person = Person::admin(app);
        person.open(PAGE);
        assert!(person.reads("Not paused"));
        let long = "x".repeat(1_001);
        assert_eq!(person.post(&format!("{PAGE}/pause"), &[("reason", &long)]).status, 422);
        assert!(person.page.text.contains("id=\"reason-error\"") && person.page.text.contains(&long), "{}", person.text());
        person.post(&format!("{PAGE}/pause"), &[("reason", "audit <b>of</b> May")]);
        assert!(person.reads("The purge is paused") && person.reads("Reason: audit <b>of</b> May") && !person.page.text.contains("audit <b>"), "{}", person.text());
        assert_eq!(app.admin.get("/v1/purge").ok(200)["pause"]["paused"], true);
        person.post(&format!("{PAGE}/resume"), &[]);
        assert!(person.reads("The purge goes on") && person.reads("Not paused"), "{}", person.text());
        assert_eq!(app.admin.get("/v1/purge").ok(200)["pause"]["paused"], false);
    }

    fn a_brake_is_shown_and_released(app: &TestApp) {
        let all: Vec<String> = (0..21).map(|n| id_of(&app.admin.post("/v1/connections", &postgres_connection(&format!("c{n}"))).ok(201))).collect();
        for id in &all {
            app.delete_connection(id);
        }
        let mut reader = Person::signed_in(app, app.client(&["retention:read"]).key());
        reader.open(PAGE);
        assert!(reader.reads("The brake is on") && !reader.page.text.contains("/release\""), "{}", reader.text());
        let mut person = Person::admin(app);
        person.open(PAGE);
        assert!(person.reads("21 of 21 connections were deleted within an hour."), "{}", person.text());
        let path = person.page.text.split("action=\"").find(|part| part.contains("/release\"")).unwrap().split('"').next().unwrap().to_owned();
        person.post(&path, &[]);
        assert!(person.reads("The brake is released") && !person.reads("The brake is on") && person.reads("Earlier brakes"), "{}", person.text());
        assert!(app.admin.get("/v1/brakes").ok(200)["data"][0]["released_at"].is_string());
    }
}
