//! An entry: all that is known of a deletion.

use super::*;

on_both! {
    fn an_entry_tells_who_what_why_and_what_became_of_it(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let ann = app.admin.with("reprieve-actor", "id=ann; name=Ann");
        let deletion = ann.send("DELETE", &format!("/v1/connections/{id}?reason=moved%20to%20%3Cb%3E"), None).ok(200);
        let entry = super::id(&deletion);
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{entry}"));
        assert!(person.page.text.contains("<title>Warehouse - Reprieve</title>"), "{}", person.page.text);
        assert!(person.reads("Warehouse In trash"), "{}", person.text());
        assert!(person.reads("Deleted by Ann Through API key test"), "{}", person.text());
        assert!(person.reads("Reason moved to <b>") && person.reads("Will be purged in 29 days") && person.reads("External id ext-Warehouse"), "{}", person.text());
        assert!(person.reads("A restore brings back 1 connection, 3 models and 4 pieces of content, with the same ids. It does not bring back the password"), "{}", person.text());
        assert!(person.reads("3 models base extension empty 4 pieces of content chart 0 chart 1 chart 2 overview"), "{}", person.text());
        assert!(person.reads("1 secret was destroyed on") && person.reads("Rotate it there.") && person.reads("Password (required)"), "{}", person.text());
        assert!(person.reads("Signed (Ed25519)") && person.reads("SHA-256 over the ids"), "{}", person.text());
        TestApp::wait_for("the erasure", || {
            person.open(&format!("/console/trash/{entry}"));
            person.reads("No byte of it is left in the database's files since")
        });
    }

    fn what_is_deleted_permanently_is_said_to_be_purged_and_by_whom(app: &TestApp) {
        let entry = deleted(app, "prod");
        let path = format!("/console/trash/{entry}");
        let mut person = Person::admin(app);
        person.open(&path);
        assert_eq!(person.text().matches("Purged means deleted permanently.").count(), 1, "{}", person.text());
        app.sql().run(&format!("UPDATE trash_entries SET state = 'purged', closed_at = deleted_at, closed_by = 'reprieve' WHERE id = '{entry}'"));
        person.open(&path);
        assert!(person.reads("by Reprieve itself . Purged means deleted permanently."), "{}", person.text());
        app.sql().run(&format!("UPDATE trash_entries SET state = 'in_trash', closed_at = NULL, closed_by = NULL WHERE id = '{entry}'"));
    }

    fn the_name_of_the_key_is_for_those_who_see_keys(app: &TestApp) {
        let entry = deleted(app, "prod");
        let mut person = Person::signed_in(app, app.client(&["connections:read", "trash:read"]).key());
        person.open(&format!("/console/trash/{entry}"));
        assert!(person.reads("Through an API key"), "{}", person.text());
    }

    fn all_that_went_with_it_is_shown_page_by_page(app: &TestApp) {
        let id = connection(app, "prod");
        for n in 0..102 {
            model(app, &id, &format!("model {n:03}"));
        }
        let entry = app.delete_connection(&id);
        let path = format!("/console/trash/{entry}");
        let mut person = Person::admin(app);
        person.open(&path);
        assert!(person.reads("102 models model 000") && person.reads("model 004") && !person.reads("model 005") && person.reads("Show all 102 models"), "{}", person.text());
        person.open(&format!("{path}?show=model"));
        assert!(person.reads("model 099") && !person.reads("model 100") && person.reads("Next page"), "{}", person.text());
        let next = person.links().into_iter().find(|link| link.contains("page=")).unwrap().replace("&amp;", "&").replace("&#38;", "&");
        person.open(next.split('#').next().unwrap());
        assert!(person.reads("model 100") && person.reads("model 101") && !person.reads("model 099") && person.reads("First page"), "{}", person.text());
        person.open(&format!("{path}?show=model&page=x"));
        assert_eq!(person.page.status, 200);
        assert!(person.reads("Show all 102 models"), "{}", person.text());
    }

    fn a_model_is_not_among_what_went_with_it(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let models = app.admin.get(&format!("/v1/connections/{id}/models")).ok(200);
        let base = models["data"].as_array().unwrap().iter().find(|row| row["name"] == "base").unwrap()["id"].as_str().unwrap().to_owned();
        let entry = delete(app, &format!("models/{base}"));
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{entry}"));
        assert!(person.reads("What went with it base 1 model extension 3 pieces of content"), "{}", person.text());
        assert!(person.reads("Links that broke") && person.reads("overview"), "{}", person.text());
        assert!(person.reads("There were no secrets."), "{}", person.text());
    }

    fn whoever_still_calls_for_it_is_named(app: &TestApp) {
        let id = connection(app, "prod");
        let entry = app.delete_connection(&id);
        let ann = app.admin.with("reprieve-actor", "id=ann; name=Ann");
        ann.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
        app.services.uses.flush(&app.services.store).unwrap();
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{entry}"));
        assert!(person.reads("Still used 1 call named something in it") && person.reads("Ann : 1 call, last just now"), "{}", person.text());
    }

    fn a_hold_is_put_and_ended_with_its_reason(app: &TestApp) {
        let entry = deleted(app, "prod");
        let path = format!("/console/trash/{entry}");
        let mut person = Person::admin(app);
        person.open(&path);
        person.post(&format!("{path}/holds"), &[("reason", "case <17>"), ("ends", "")]);
        assert_eq!(person.page.status, 200);
        assert!(person.reads("The hold is on it") && person.reads("held case <17> by") && person.reads("End hold"), "{}", person.text());
        assert!(person.reads("This can't be done now. A hold keeps this entry."), "{}", person.text());
        let hold = app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["holds"][0]["id"].as_str().unwrap().to_owned();
        person.post(&format!("{path}/holds/{hold}/end"), &[]);
        assert!(person.reads("The hold has ended") && person.reads("ended case <17>") && !person.reads("End hold"), "{}", person.text());
        assert!(person.reads("A hold ended less than a day ago"), "{}", person.text());
        person.post(&format!("{path}/holds/x/end"), &[]);
        assert_eq!(person.page.status, 404);
    }

    fn a_hold_wants_a_reason_and_an_end_ahead(app: &TestApp) {
        let entry = deleted(app, "prod");
        let path = format!("/console/trash/{entry}");
        let mut person = Person::admin(app);
        for (reason, ends, words, place) in [
            (" ", "", "Say why it must not be purged.", "reason-error"),
            ("case 17", "2026-01-01", "It is in the past.", "ends-error"),
            ("case 17", "soon", "Expected a moment", "ends-error"),
        ] {
            person.open(&path);
            person.post(&format!("{path}/holds"), &[("reason", reason), ("ends", ends)]);
            assert_eq!(person.page.status, 422, "{words}");
            assert!(person.reads(words) && person.page.text.contains(&format!("aria-describedby=\"{place}\"")), "{}", person.text());
            assert!(person.page.text.contains(&format!("value=\"{reason}\"")), "what was entered is kept");
        }
        assert_eq!(app.sql().count("holds"), 0);
        person.post(&format!("{path}/holds"), &[("reason", "case 17"), ("ends", "2999-12-31")]);
        assert!(person.reads("31 Dec 2999, 23:59 UTC"), "{}", person.text());
    }

    fn the_receipt_is_a_file_that_can_be_checked(app: &TestApp) {
        let entry = deleted(app, "prod");
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{entry}/receipt"));
        assert_eq!(person.page.status, 200);
        assert_eq!(person.page.header("content-type"), Some("application/json"));
        assert_eq!(person.page.header("content-disposition"), Some(&*format!("attachment; filename=\"receipt-{entry}.json\"")));
        let receipt = person.page.json();
        assert_eq!(receipt["receipt"]["deletion"]["id"], entry.as_str());
        assert!(receipt["signature"].as_str().is_some());
        person.open("/console/trash/01890000-0000-7000-8000-000000000000/receipt");
        assert_eq!(person.page.status, 404);
    }
}
