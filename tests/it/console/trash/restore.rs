//! Restore: what came back, what has to be entered again, and what to choose when something is in the way.

use super::*;

on_both! {
    fn a_restored_connection_is_opened_and_told_of_with_what_to_enter_again(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let entry = app.delete_connection(&id);
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let answered = answer(&mut person, &format!("/console/trash/{entry}/restore"), &[]);
        assert_eq!((answered.status, answered.header("location")), (303, Some(&*format!("/console/connections/{id}"))));
        person.open("/console/connections");
        assert!(person.reads("'Warehouse' was restored with 3 models and 4 pieces of content. Its password was removed when it was deleted: enter it again, then update and test the connection."), "{}", person.text());
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["status"], "needs_credentials");
    }

    fn a_restored_model_leads_to_the_content_of_its_connection(app: &TestApp) {
        let id = connection(app, "holder");
        let entry = delete(app, &format!("models/{}", model(app, &id, "sales")));
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let answered = answer(&mut person, &format!("/console/trash/{entry}/restore"), &[]);
        assert_eq!(answered.header("location"), Some(&*format!("/console/connections/{id}/content")));
        person.open("/console/connections");
        assert!(person.reads("'sales' was restored.") && !person.reads("removed"), "{}", person.text());
    }

    fn a_restored_integration_says_what_its_connections_need(app: &TestApp) {
        app.admin.post("/v1/integrations", &json!({"key": "crm", "name": "CRM", "connector": "postgres"})).ok(201);
        let mut new = postgres_connection("below");
        new["integration"] = json!("crm");
        app.admin.post("/v1/connections", &new).ok(201);
        let entry = id(&app.admin.delete("/v1/integrations/crm").ok(200));
        let mut person = Person::admin(app);
        person.open("/console/trash");
        person.post(&format!("/console/trash/{entry}/restore"), &[]);
        assert!(person.reads("'CRM' was restored with 1 connection. The passwords and keys of its connections were removed"), "{}", person.text());
    }

    fn a_taken_name_is_answered_with_a_free_one_filled_in(app: &TestApp) {
        let entry = deleted(app, "prod");
        connection(app, "prod");
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{entry}"));
        assert!(person.reads("It can't be restored as it is. A live connection has this name."), "{}", person.text());
        let path = format!("/console/trash/{entry}/restore");
        person.post(&path, &[]);
        assert_eq!(person.page.status, 409);
        assert!(person.reads("Restore as"), "{}", person.text());
        let free = person.page.text.split("name=\"name\" type=\"text\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert!(free != "prod" && free.starts_with("prod"), "{free}");
        person.post(&path, &[("name", "prod")]);
        assert_eq!(person.page.status, 409, "still taken");
        person.post(&path, &[("name", &"x".repeat(300))]);
        assert_eq!(person.page.status, 422);
        assert!(person.page.text.contains("aria-describedby=\"name-error\""), "{}", person.page.text);
        let answered = answer(&mut person, &path, &[("name", &free)]);
        assert_eq!(answered.status, 303, "{answered:#?}");
        person.open("/console/trash");
        assert!(person.reads(&format!("'prod' was restored as '{free}'.")), "{}", person.text());
    }

    fn a_taken_external_id_asks_for_another_one(app: &TestApp) {
        let id = super::id(&app.admin.post("/v1/connections", &postgres_connection("prod")).ok(201));
        let entry = app.delete_connection(&id);
        let mut other = postgres_connection("other");
        other["external_id"] = json!("ext-prod");
        app.admin.post("/v1/connections", &other).ok(201);
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let path = format!("/console/trash/{entry}/restore");
        person.post(&path, &[]);
        assert_eq!(person.page.status, 409);
        assert!(person.reads("A live row has this external id. It is “ext-prod”.") && person.reads("Restore with the external id"), "{}", person.text());
        person.post(&path, &[("external_id", "ext-prod")]);
        assert!(person.page.status == 409 && person.reads("This is taken, too."), "{}", person.text());
        assert_eq!(answer(&mut person, &path, &[("external_id", "ext-prod-2")]).status, 303);
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["external_id"], "ext-prod-2");
    }

    fn a_parent_in_the_trash_is_named_and_can_come_back_with_it(app: &TestApp) {
        let id = connection(app, "holder <i>");
        let model = model(app, &id, "sales");
        let of_model = delete(app, &format!("models/{model}"));
        let of_connection = app.delete_connection(&id);
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{of_model}"));
        assert!(person.reads("The connection this belongs to is in the trash."), "{}", person.text());
        let path = format!("/console/trash/{of_model}/restore");
        person.post(&path, &[]);
        assert_eq!(person.page.status, 409);
        assert!(person.reads("Restore what it belongs to as well: the connection “ holder <i> ”"), "{}", person.text());
        assert!(person.links().contains(&format!("/console/trash/{of_connection}")));
        assert_eq!((&*state(app, &of_model), &*state(app, &of_connection)), ("in_trash", "in_trash"));
        let answered = answer(&mut person, &path, &[("with_ancestors", "on")]);
        assert_eq!(answered.header("location"), Some(&*format!("/console/connections/{id}/content")));
        person.open("/console/trash");
        assert!(person.reads("'sales' was restored with 1 connection. Its connection 'holder <i>' came back, too; its password was removed when it was deleted: enter it again"), "{}", person.text());
    }

    fn what_lost_its_connection_for_good_goes_into_another_one(app: &TestApp) {
        let id = connection(app, "gone");
        let entry = delete(app, &format!("models/{}", model(app, &id, "sales")));
        let of_connection = app.delete_connection(&id);
        purge(app, &of_connection, "gone");
        let other = connection(app, "new home");
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let path = format!("/console/trash/{entry}/restore");
        person.post(&path, &[]);
        assert_eq!(person.page.status, 409);
        assert!(person.reads("is gone for good") && person.reads("Restore it into the connection"), "{}", person.text());
        assert!(person.page.text.contains(&format!("<option value=\"{other}\">new home</option>")), "{}", person.page.text);
        for wrong in ["x", &id] {
            person.post(&path, &[("connection_id", wrong)]);
            assert_eq!(person.page.status, 422, "{wrong}");
            assert!(person.reads("There is no live connection with this id."), "{}", person.text());
        }
        let answered = answer(&mut person, &path, &[("connection_id", &other)]);
        assert_eq!(answered.header("location"), Some(&*format!("/console/connections/{other}/content")));
        assert_eq!(state(app, &entry), "restored");
    }

    fn a_connection_whose_integration_is_gone_comes_back_without_one(app: &TestApp) {
        app.admin.post("/v1/integrations", &json!({"key": "crm", "name": "CRM", "connector": "postgres"})).ok(201);
        let mut new = postgres_connection("below");
        new["integration"] = json!("crm");
        let id = super::id(&app.admin.post("/v1/connections", &new).ok(201));
        let entry = app.delete_connection(&id);
        let of_integration = super::id(&app.admin.delete("/v1/integrations/crm").ok(200));
        purge(app, &of_integration, "CRM");
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let path = format!("/console/trash/{entry}/restore");
        person.post(&path, &[]);
        assert!(person.page.status == 409 && person.reads("Restore it without an integration"), "{}", person.text());
        assert_eq!(answer(&mut person, &path, &[("integration", "postgres")]).status, 303);
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["integration"], "postgres");
    }

    fn what_was_restored_or_purged_in_another_window_is_explained(app: &TestApp) {
        let (back, gone) = (deleted(app, "back"), deleted(app, "gone"));
        let mut person = Person::admin(app);
        person.open("/console/trash");
        restore(app, &back);
        purge(app, &gone, "gone");
        for (entry, status, words) in [(&back, 409, "'back' was already restored by test"), (&gone, 410, "'gone' is no longer in the trash")] {
            for (path, fields) in [("restore", vec![]), ("delete", vec![("confirm", "back"), ("confirm", "gone")]), ("holds", vec![("reason", "why")])] {
                let answered = answer(&mut person, &format!("/console/trash/{entry}/{path}"), &fields);
                assert_eq!(answered.status, status, "{path}: {answered:#?}");
                person.page = answered;
                assert!(person.reads(words), "{path}: {}", person.text());
                assert!(person.links().contains(&format!("/console/trash/{entry}")));
            }
            person.open(&format!("/console/trash/{entry}/delete"));
            assert!(person.page.status == status && person.reads(words), "{}", person.text());
        }
        person.open(&format!("/console/trash/{back}"));
        assert!(person.reads("Restored just now") && !person.reads("Put on hold") && !person.reads("Delete permanently"), "{}", person.text());
        person.open(&format!("/console/trash/{gone}"));
        assert!(person.reads("Purged just now") && person.reads("by test"), "{}", person.text());
    }

    fn what_is_no_entry_is_not_there(app: &TestApp) {
        let mut person = Person::admin(app);
        for id in ["x", "01890000-0000-7000-8000-000000000000", "%20"] {
            person.open("/console/trash");
            for (path, fields) in [("restore", vec![]), ("delete", vec![("confirm", "x")]), ("holds", vec![("reason", "why")])] {
                let answered = answer(&mut person, &format!("/console/trash/{id}/{path}"), &fields);
                assert_eq!(answered.status, 404, "{id}/{path}: {answered:#?}");
            }
            person.open(&format!("/console/trash/{id}"));
            assert_eq!(person.page.status, 404, "{id}");
        }
    }
}
