//! Activity: who did what to what, and what was refused.

use super::*;

/// The rows of the table, as text.
fn rows(person: &Person) -> Vec<String> {
    let body = person.page.text.split("<tbody>").nth(1);
    let Some(body) = body else { return Vec::new() };
    let rows = body.split("</tbody>").next().unwrap().split("</tr>");
    rows.filter(|row| row.contains("<th"))
        .map(str::to_owned)
        .collect()
}

on_both! {
    fn a_deletion_tells_who_what_and_leads_to_its_entry(app: &TestApp) {
        let id = app.sample_connection("Warehouse <b>");
        let entry = app.delete_connection(&id);
        let mut person = Person::admin(app);
        person.open("/console/activity");
        assert!(person.reads("A connection was deleted: it is in the trash with its models and content"), "{}", person.text());
        assert!(person.reads("Warehouse <b>") && !person.page.text.contains("Warehouse <b>"), "a name is text");
        assert!(person.links().contains(&format!("/console/trash/{entry}")), "{:#?}", person.links());
        assert!(person.reads("test"), "who did it");
        // What happened to it before, and what does not hold its name, has name and link, too.
        let made = rows(&person).into_iter().find(|row| row.contains("A connection was made")).unwrap();
        assert!(made.contains(&format!("/console/trash/{entry}")), "{made}");
        let shredded = rows(&person).into_iter().find(|row| row.contains("were shredded with its deletion")).unwrap();
        assert!(shredded.contains("Warehouse &#60;b&#62;"), "{shredded}");

        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        person.open("/console/activity?what=deletions");
        assert_eq!(rows(&person).len(), 2, "{}", person.text());
        assert!(rows(&person)[0].contains("A connection was restored") && rows(&person)[0].contains(&format!("/console/connections/{id}")));
        assert!(rows(&person)[1].contains(&format!("/console/trash/{entry}")), "of a deletion the entry is what one looks for");
    }

    fn what_was_refused_has_a_badge_and_its_code(app: &TestApp) {
        app.client(&["trash:read"]).get("/v1/webhooks").problem(403, "missing_scope");
        let mut person = Person::admin(app);
        person.open("/console/activity?what=refused");
        let all = rows(&person);
        assert_eq!(all.len(), 1, "{}", person.text());
        assert!(all[0].contains("GET /v1/webhooks") && all[0].contains("badge bad") && person.reads("Refused: missing scope"), "{}", all[0]);
        person.open("/console/activity?what=done");
        assert!(!rows(&person).is_empty() && !person.reads("Refused: missing scope"), "{}", person.text());
    }

    fn what_a_key_is_called_is_told_to_who_may_see_keys(app: &TestApp) {
        app.client(&["trash:read"]);
        let actor = app.admin.with("reprieve-actor", "id=ada@example.com; name=Ada");
        actor.post("/v1/connections", &postgres_connection("two")).ok(201);
        for (scopes, told) in [(&["audit:read"][..], false), (&["audit:read", "keys:admin"], true)] {
            let mut person = Person::signed_in(app, app.client(scopes).key());
            person.open("/console/activity?who=ada%40example.com");
            assert!(person.reads("Ada"), "{}", person.text());
            assert_eq!(person.reads("by the key test"), told, "{scopes:?}: {}", person.text());
        }
    }

    fn the_list_is_narrowed_by_kind_person_and_day(app: &TestApp) {
        app.sample_connection("one");
        let actor = app.admin.with("reprieve-actor", "id=ada@example.com; name=Ada%20Lovelace");
        actor.post("/v1/connections", &postgres_connection("two")).ok(201);
        app.admin.post("/v1/api-keys", &json!({"name": "bot", "scopes": ["trash:read"]})).ok(201);
        let mut person = Person::admin(app);
        person.open("/console/activity?what=keys");
        assert!(person.reads("An API key was made") && person.reads("Somebody signed in to the console") && !person.reads("A connection was made"));
        person.open("/console/activity?who=ada%40example.com");
        assert_eq!(rows(&person).len(), 1, "{}", person.text());
        assert!(person.reads("Ada Lovelace by the key test") && person.reads("two"), "{}", person.text());
        person.open("/console/activity?from=2099-01-01");
        assert!(rows(&person).is_empty() && person.reads("No records match."), "{}", person.text());
        person.open("/console/activity?to=2020-01-01");
        assert!(rows(&person).is_empty());
        person.open("/console/activity?from=2020-01-01&to=2099-01-01&what=changes");
        assert!(person.reads("A connection was made"), "{}", person.text());
        for (query, said) in [("from=yesterday", "Write the day as year-month-day"), ("from=2026-01-02&to=2026-01-01", "This day is before the first one.")] {
            person.open(&format!("/console/activity?{query}"));
            assert!(person.reads(said) && person.page.text.contains("aria-invalid=\"true\"") && rows(&person).is_empty(), "{query}: {}", person.text());
        }
    }

    fn a_name_is_found_whatever_its_case_and_wherever_it_stands(app: &TestApp) {
        let id = app.sample_connection("Größe");
        app.sample_connection("other");
        let secrets = json!({"secrets": {"password": "another one"}});
        app.admin.put(&format!("/v1/connections/{id}/secrets"), &secrets);
        let entry = app.delete_connection(&id);
        let mut person = Person::admin(app);
        person.open("/console/activity?q=GR%C3%96SSE");
        let all = rows(&person);
        assert!(all.len() >= 3 && all.iter().all(|row| row.contains("Größe")), "{all:#?}");
        assert!(all.iter().any(|row| row.contains(&format!("/console/trash/{entry}"))));
        person.open("/console/activity?q=nobody");
        assert!(rows(&person).is_empty() && person.reads("No records match."));
        person.open("/console/activity?q=%22%3E%3Cscript%3E&who=%22%3E%3Cscript%3E");
        assert!(!person.page.text.contains("\"><script>"), "{}", person.page.text);
    }

    fn pages_follow_each_other_and_keep_the_filter(app: &TestApp) {
        for n in 0..60 {
            app.admin.post("/v1/api-keys", &json!({"name": format!("key {n}"), "scopes": ["trash:read"]})).ok(201);
        }
        let mut person = Person::admin(app);
        for filter in ["what=keys", "q=key"] {
            person.open(&format!("/console/activity?{filter}"));
            let first = rows(&person);
            assert_eq!(first.len(), 50, "{filter}");
            let next = person.links().into_iter().find(|link| link.contains("page=")).unwrap().replace("&amp;", "&").replace("&#38;", "&");
            assert!(next.contains(filter), "{next}");
            person.open(&next);
            let second = rows(&person);
            assert!(second.len() >= 10 && second.iter().all(|row| !first.contains(row)), "{filter}: {}", second.len());
        }
    }

    fn a_key_that_may_not_read_elsewhere_gets_no_links_and_no_looked_up_names(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        app.delete_connection(&id);
        let mut person = Person::signed_in(app, app.client(&["audit:read"]).key());
        person.open("/console/activity");
        assert!(person.reads("A connection was deleted"), "{}", person.text());
        assert!(!person.links().iter().any(|link| link.contains("/trash/") || link.contains("/connections/")));
        let shredded = rows(&person).into_iter().find(|row| row.contains("were shredded with its deletion")).unwrap();
        assert!(!shredded.contains("Warehouse"), "the record does not hold the name: {shredded}");
    }

    fn only_those_who_may_read_the_record_see_it_and_only_their_own(app: &TestApp) {
        app.sample_connection("Warehouse");
        let mut person = Person::signed_in(app, app.client(&["connections:read"]).key());
        assert!(!person.reads("Activity"));
        assert_eq!(person.open("/console/activity").status, 403);
        let mut person = Person::signed_in(app, app.other_organization("other").key());
        person.open("/console/activity");
        assert!(!rows(&person).is_empty() && !person.reads("Warehouse"), "{}", person.text());
    }
}
