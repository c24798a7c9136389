//! The list: what it says of each entry, and how one finds it.

use chrono::Duration;
use reprieve::domain::clock::Ts;

use super::*;

on_both! {
    fn an_entry_says_what_went_with_it_who_did_it_and_when_it_goes(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("Warehouse"));
        let mut person = Person::admin(app);
        person.open("/console/trash");
        assert!(person.page.text.contains("<title>Trash - Reprieve</title>") && person.page.text.contains("<h1>Trash</h1>"));
        assert!(person.reads("Things in the trash are purged 30 days after deletion. Secrets were destroyed when they were deleted."), "{}", person.text());
        assert!(person.reads("Warehouse Connection, PostgreSQL 3 models and 4 pieces of content test just now"), "{}", person.text());
        assert!(person.reads("in 29 days") && person.reads("Restore Warehouse") && person.reads("Select Warehouse"), "{}", person.text());
        assert!(person.links().contains(&format!("/console/trash/{entry}")));
        assert!(person.page.text.contains("data-label=\"Will be purged\""));
        assert!(!person.reads(" soon "), "{}", person.text());
    }

    fn tabs_count_by_kind_and_an_integration_is_among_all(app: &TestApp) {
        let holder = connection(app, "holder");
        deleted(app, "a connection");
        delete(app, &format!("models/{}", model(app, &holder, "a model")));
        let content = id(&app.admin.post(&format!("/v1/connections/{holder}/content"), &json!({"name": "a chart", "kind": "chart"})).ok(201));
        delete(app, &format!("content/{content}"));
        app.admin.post("/v1/integrations", &json!({"key": "crm", "name": "an integration", "connector": "postgres"})).ok(201);
        app.admin.delete("/v1/integrations/crm").ok(200);
        let mut person = Person::admin(app);
        person.open("/console/trash");
        assert!(person.reads("All 4 Connections 1 Models 1 Content 1"), "{}", person.text());
        assert!(person.reads("an integration Integration, PostgreSQL"), "{}", person.text());
        for (kind, shown) in [("connection", "a connection"), ("model", "a model"), ("content", "a chart")] {
            person.open(&format!("/console/trash?kind={kind}"));
            assert!(person.page.text.contains(&format!("href=\"/console/trash?kind={kind}\" aria-current=\"page\"")), "{}", person.page.text);
            for name in ["a connection", "a model", "a chart", "an integration"] {
                assert_eq!(person.reads(&format!("Select {name}")), name == shown, "{kind}: {name}");
            }
        }
    }

    fn search_and_filters_are_in_the_address_and_an_unknown_word_is_none(app: &TestApp) {
        deleted(app, "Prod warehouse");
        deleted(app, "Staging");
        let ann = app.admin.with("reprieve-actor", "id=ann; name=Ann");
        let anns = connection(app, "Anns own");
        ann.delete(&format!("/v1/connections/{anns}")).ok(200);
        let mut person = Person::admin(app);
        person.open("/console/trash?q=WAREh");
        assert!(person.reads("Select Prod warehouse") && !person.reads("Select Staging"), "{}", person.text());
        person.open("/console/trash?q=foo&kind=connection");
        assert!(person.reads("No connections match “ foo ”.") && person.reads("Clear search"), "{}", person.text());
        assert!(person.links().contains(&"/console/trash?kind=connection".to_owned()));
        person.open("/console/trash?q=foo&kind=content");
        assert!(person.reads("No content matches “ foo ”."), "{}", person.text());
        person.open("/console/trash?q=foo");
        assert!(person.reads("No entries match “ foo ”."), "{}", person.text());
        person.open("/console/trash?by=ann");
        assert!(person.reads("Select Anns own") && !person.reads("Select Staging"), "{}", person.text());
        assert!(person.page.text.contains("<option value=\"ann\" selected>Ann</option>"));
        person.open("/console/trash");
        assert!(person.links().contains(&"/console/trash?by=ann".to_owned()), "who did it leads to what they did");
        person.open("/console/trash?since=today");
        assert!(person.reads("Select Staging"));
        app.sql().run("UPDATE trash_entries SET deleted_at = '2026-01-02T00:00:00.000000Z' WHERE root_name = 'Staging'");
        for since in ["today", "week"] {
            person.open(&format!("/console/trash?since={since}"));
            assert!(!person.reads("Select Staging") && person.reads("Select Anns own"), "{since}");
        }
        person.open("/console/trash?since=never&sort=up&kind=thing&unknown=1");
        assert!(person.reads("Select Staging") && person.reads("Select Anns own") && person.reads("Select Prod warehouse"));
    }

    fn whoever_deleted_something_that_is_there_can_be_chosen(app: &TestApp) {
        let by = |id: &str, name: &str, what: &str| {
            let actor = app.admin.with("reprieve-actor", &format!("id={id}; name={name}"));
            super::id(&actor.delete(&format!("/v1/connections/{}", connection(app, what))).ok(200))
        };
        by("zoe", "Zoe", "by zoe");
        by("ann", "Ann", "by ann");
        by("ann", "Ann%20Lee", "by ann again");
        let gone = by("bob", "Bob", "by bob");
        restore(app, &gone);
        let other = app.other_organization("other");
        let theirs = super::id(&other.post("/v1/connections", &postgres_connection("theirs")).ok(201));
        other.with("reprieve-actor", "id=eve; name=Eve").delete(&format!("/v1/connections/{theirs}")).ok(200);
        deleted(app, "by my own key");
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let chosen = "<option value=\"\">Anyone</option><option value=\"me\">Me</option><option value=\"ann\">Ann Lee</option><option value=\"zoe\">Zoe</option></select>";
        assert!(person.page.text.contains(chosen), "{}", person.page.text);
        person.open("/console/trash?by=ann");
        assert!(person.reads("Select by ann again") && person.reads("Select by ann ") && !person.reads("Select by zoe"), "{}", person.text());
        assert!(person.page.text.contains("<option value=\"ann\" selected>Ann Lee</option>"), "{}", person.page.text);
        let own = format!("key:{}", app.admin.get("/v1/whoami").ok(200)["key_id"].as_str().unwrap());
        person.open(&format!("/console/trash?by={own}"));
        assert!(person.reads("Select by my own key") && person.page.text.contains("<option value=\"me\" selected>"), "{}", person.page.text);
    }

    fn what_i_deleted_is_found_by_me(app: &TestApp) {
        deleted(app, "by the test's key");
        let mine = app.client(&["*"]);
        let id = connection(app, "by my key");
        mine.delete(&format!("/v1/connections/{id}")).ok(200);
        let mut person = Person::signed_in(app, mine.key());
        person.open("/console/trash?by=me");
        assert!(person.reads("Select by my key") && !person.reads("Select by the test's key"), "{}", person.text());
    }

    fn the_soonest_to_go_is_first_unless_asked_otherwise(app: &TestApp) {
        let first = deleted(app, "late");
        deleted(app, "early");
        app.sql().run(&format!("UPDATE trash_entries SET purge_at = '2999-01-01T00:00:00.000000Z' WHERE id = '{first}'"));
        let order = |person: &Person| person.text().find("Select late") < person.text().find("Select early");
        let mut person = Person::admin(app);
        person.open("/console/trash");
        assert!(!order(&person), "{}", person.text());
        person.open("/console/trash?sort=newest");
        assert!(!order(&person), "{}", person.text());
        app.sql().run(&format!("UPDATE trash_entries SET purge_at = '2026-01-01T00:00:00.000000Z', deleted_at = '2025-12-01T00:00:00.000000Z' WHERE id = '{first}'"));
        person.open("/console/trash");
        assert!(order(&person), "{}", person.text());
        person.open("/console/trash?sort=newest");
        assert!(!order(&person), "{}", person.text());
    }

    fn pages_keep_what_was_asked_and_a_page_of_another_list_begins_again(app: &TestApp) {
        for n in 0..53 {
            deleted(app, &format!("c-{n:02}"));
        }
        deleted(app, "other");
        let mut person = Person::admin(app);
        person.open("/console/trash?q=c-&sort=newest");
        let seen = |person: &Person| person.page.text.matches("name=\"id\"").count();
        assert_eq!(seen(&person), 50);
        let next = person.links().into_iter().find(|link| link.contains("page=")).unwrap().replace("&amp;", "&").replace("&#38;", "&");
        assert!(next.starts_with("/console/trash?q=c-&sort=newest&page="), "{next}");
        person.open(&next);
        assert_eq!(seen(&person), 3, "{}", person.text());
        assert!(person.reads("First page") && !person.reads("Next page") && !person.reads("Select other"));
        person.open(&next.replace("q=c-", "q=oth"));
        assert_eq!(seen(&person), 1, "{}", person.text());
    }

    fn an_empty_trash_says_how_long_things_stay(app: &TestApp) {
        app.sql().run("UPDATE organizations SET retention_days = 7");
        let mut person = Person::admin(app);
        person.open("/console/trash");
        assert!(person.reads("The trash is empty. Deleted connections stay here for 7 days."), "{}", person.text());
        person.open("/console/trash?kind=model");
        assert!(person.reads("No models in the trash."), "{}", person.text());
        person.open("/console/trash?by=nobody");
        assert!(person.reads("No entries match these filters."), "{}", person.text());
    }

    fn what_goes_soon_and_what_is_kept_says_so(app: &TestApp) {
        let (soon, held, due) = (deleted(app, "first"), deleted(app, "kept"), deleted(app, "past"));
        app.admin.post(&format!("/v1/trash/{held}/holds"), &json!({"reason": "case 17"})).ok(201);
        app.sql().run("UPDATE trash_entries SET purge_protected = TRUE");
        let at = |id: &str, days: i64| {
            let at = Ts::now().plus(Duration::days(days));
            app.sql().run(&format!("UPDATE trash_entries SET deleted_at = '2026-01-01T00:00:00.000000Z', purge_at = '{at}' WHERE id = '{id}'"));
        };
        at(&soon, 2);
        at(&held, 1);
        at(&due, -1);
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let text = person.text();
        assert!(text.contains("protected soon in 1 day") && text.contains("held protected"), "{text}");
        assert_eq!(text.matches(" soon ").count(), 1, "{text}");
        assert_eq!(text.matches("protected due").count(), 1, "{text}");
    }

    fn a_picture_says_in_words_too_what_goes_when(app: &TestApp) {
        let held = deleted(app, "a");
        deleted(app, "b");
        app.admin.post(&format!("/v1/trash/{held}/holds"), &json!({"reason": "case 17"})).ok(201);
        let at = Ts::now().plus(Duration::days(5)).utc().date_naive();
        app.sql().run(&format!("UPDATE trash_entries SET purge_at = '{at}T12:00:00.000000Z'"));
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let words = format!("2 entries on {}, 1 of them on hold", at.format("%-d %b %Y"));
        assert!(person.reads("To be purged in the next 30 days: 2 entries") && person.reads(&words), "{}", person.text());
        assert!(person.page.text.contains("<svg") && !person.page.text.contains("style="));
        person.open("/console/trash?q=a");
        assert!(!person.page.text.contains("<svg"), "it is of the whole trash");
    }

    fn a_name_is_text_whatever_it_holds(app: &TestApp) {
        let entry = deleted(app, HOSTILE);
        let mut person = Person::admin(app);
        for path in ["/console/trash".to_owned(), format!("/console/trash/{entry}"), format!("/console/trash/{entry}/delete")] {
            person.open(&path);
            assert_eq!(person.page.status, 200, "{path}");
            assert!(person.reads(HOSTILE), "{path}: {}", person.text());
            assert!(!person.page.text.contains("<script>"), "{path}");
        }
        person.open("/console/trash?q=%22%3E%3Cscript%3E&by=%22%3E%3Cscript%3E");
        assert!(!person.page.text.contains("\"><script>"));
    }

    fn another_organization_sees_its_own_trash_alone(app: &TestApp) {
        let entry = deleted(app, "ours");
        let mut person = Person::signed_in(app, app.other_organization("other").key());
        person.open("/console/trash");
        assert!(person.reads("The trash is empty."), "{}", person.text());
        person.open("/console/trash?q=our");
        assert!(!person.reads("Select ours"));
        for path in ["", "/delete", "/receipt"] {
            person.open(&format!("/console/trash/{entry}{path}"));
            assert_eq!(person.page.status, 404, "{path}: {}", person.text());
        }
    }

    fn what_the_key_may_not_do_is_not_shown_and_refused(app: &TestApp) {
        let entry = deleted(app, "prod");
        let mut person = Person::signed_in(app, app.client(&["connections:read", "trash:read"]).key());
        person.open("/console/trash");
        assert!(person.reads("prod") && !person.reads("Restore") && !person.reads("Select") && !person.reads("Delete permanently"), "{}", person.text());
        person.open(&format!("/console/trash/{entry}"));
        assert!(!person.reads("Restore") && !person.reads("Put on hold") && !person.reads("Delete permanently"), "{}", person.text());
        for (path, fields) in [
            (format!("/console/trash/{entry}/restore"), vec![]),
            (format!("/console/trash/{entry}/delete"), vec![("confirm", "prod")]),
            (format!("/console/trash/{entry}/holds"), vec![("reason", "why")]),
            ("/console/trash/selected".to_owned(), vec![("act", "restore"), ("id", &entry)]),
            ("/console/trash/selected".to_owned(), vec![("act", "delete"), ("id", &entry)]),
            ("/console/trash/selected/delete".to_owned(), vec![("id", &entry), ("confirm", "delete 1 entry")]),
        ] {
            let refused = answer(&mut person, &path, &fields);
            assert_eq!(refused.status, 403, "{path}: {refused:#?}");
            assert!(refused.text.contains("Your key may not do this"), "{path}");
        }
        assert_eq!(state(app, &entry), "in_trash");
        person.open(&format!("/console/trash/{entry}/delete"));
        assert_eq!(person.page.status, 403);
        let mut nobody = Person::signed_in(app, app.client(&["connections:read", "trash:restore"]).key());
        nobody.open("/console/trash");
        assert_eq!(nobody.page.status, 403);
    }
}
