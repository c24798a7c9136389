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

    fn a_restored_model_leads_to_the_models_of_its_connection(app: &TestApp) {
        let id = connection(app, "holder");
        app.admin.post(&format!("/v1/connections/{id}/content"), &json!({"name": "a chart", "kind": "chart"})).ok(201);
        let entry = delete(app, &format!("models/{}", model(app, &id, "sales")));
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let answered = answer(&mut person, &format!("/console/trash/{entry}/restore"), &[]);
        assert_eq!(answered.header("location"), Some(&*format!("/console/connections/{id}/content?kind=models")));
        person.open(answered.header("location").unwrap());
        assert!(person.reads("'sales' was restored.") && person.page.text.contains("<bdi>sales</bdi>") && !person.reads("removed"), "{}", person.text());
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
        assert_eq!(answered.header("location"), Some(&*format!("/console/connections/{id}/content?kind=models")));
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
        assert_eq!(answered.header("location"), Some(&*format!("/console/connections/{other}/content?kind=models")));
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

    fn a_key_that_is_taken_is_said_to_be_of_the_integration_and_not_asked_for_here(app: &TestApp) {
        let below = |name: &str| {
            let mut new = postgres_connection(name);
            new["integration"] = json!("crm");
            super::id(&app.admin.post("/v1/connections", &new).ok(201))
        };
        let crm = |name: &str| app.admin.post("/v1/integrations", &json!({"key": "crm", "name": name, "connector": "postgres"})).ok(201);
        crm("Old <CRM>");
        let id = below("prod");
        let entry = app.delete_connection(&id);
        let of_integration = super::id(&app.admin.delete("/v1/integrations/crm").ok(200));
        crm("New CRM");
        let refused = app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({"with_ancestors": true})).problem(409, "external_id_taken");
        assert_eq!(refused["entry_id"], of_integration.as_str());
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let path = format!("/console/trash/{entry}/restore");
        person.post(&path, &[("with_ancestors", "on")]);
        assert_eq!(person.page.status, 409);
        assert!(person.reads("The key of the integration this belongs to is taken. Restore that by itself first") && person.reads("See “ Old <CRM> ” in the trash"), "{}", person.text());
        assert!(person.links().contains(&format!("/console/trash/{of_integration}")));
        assert!(!person.page.text.contains("name=\"external_id\"") && !person.page.text.contains("type=\"hidden\" name=\"with_ancestors\""), "{}", person.page.text);
        assert!(person.page.text.contains("name=\"with_ancestors\" value=\"on\" checked") && person.reads("Restore it without an integration"), "{}", person.page.text);
        // Both ways out that it offers are ways out.
        let answered = answer(&mut person, &path, &[("with_ancestors", "on"), ("integration", "postgres")]);
        assert_eq!(answered.header("location"), Some(&*format!("/console/connections/{id}")), "{answered:#?}");
        let again = app.delete_connection(&below("second"));
        let of_second = super::id(&app.admin.delete("/v1/integrations/crm").ok(200));
        crm("Third CRM");
        person.open(&format!("/console/trash/{of_second}"));
        person.post(&format!("/console/trash/{of_second}/restore"), &[("external_id", "crm-2")]);
        assert_eq!(answer(&mut person, &format!("/console/trash/{again}/restore"), &[("with_ancestors", "on")]).status, 303);
    }

    fn a_name_that_is_taken_is_said_to_be_of_the_connection_of_a_model(app: &TestApp) {
        let id = connection(app, "prod");
        let of_model = delete(app, &format!("models/{}", model(app, &id, "sales")));
        let of_connection = app.delete_connection(&id);
        let other = connection(app, "prod");
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let path = format!("/console/trash/{of_model}/restore");
        person.post(&path, &[("with_ancestors", "on")]);
        assert!(person.page.status == 409 && person.reads("The name of the connection this belongs to is taken."), "{}", person.text());
        assert!(person.links().contains(&format!("/console/trash/{of_connection}")));
        assert!(!person.page.text.contains("name=\"name\"") && person.reads("Or restore it into another connection"), "{}", person.text());
        let answered = answer(&mut person, &path, &[("with_ancestors", "on"), ("connection_id", &other)]);
        assert_eq!(answered.header("location"), Some(&*format!("/console/connections/{other}/content?kind=models")));
    }

    fn an_external_id_that_is_taken_may_be_of_a_parent_or_of_what_comes_back_beside(app: &TestApp) {
        let holder = super::id(&app.admin.post("/v1/connections", &postgres_connection("prod")).ok(201));
        let of_model = delete(app, &format!("models/{}", model(app, &holder, "sales")));
        let of_connection = app.delete_connection(&holder);
        let mut new = postgres_connection("other");
        new["external_id"] = json!("ext-prod");
        let other = super::id(&app.admin.post("/v1/connections", &new).ok(201));
        let mut person = Person::admin(app);
        person.open("/console/trash");
        person.post(&format!("/console/trash/{of_model}/restore"), &[("with_ancestors", "on")]);
        assert!(person.page.status == 409 && person.reads("The external id of the connection this belongs to is taken."), "{}", person.text());
        assert!(person.links().contains(&format!("/console/trash/{of_connection}")) && !person.page.text.contains("name=\"external_id\""), "{}", person.page.text);

        let base = model(app, &other, "base");
        let chart = json!({"name": "a chart", "kind": "chart", "external_id": "chart-1", "model_id": base});
        app.admin.post(&format!("/v1/connections/{other}/content"), &chart).ok(201);
        let of_base = delete(app, &format!("models/{base}"));
        app.admin.post(&format!("/v1/connections/{other}/content"), &json!({"name": "new", "kind": "chart", "external_id": "chart-1"})).ok(201);
        let path = format!("/console/trash/{of_base}/restore");
        for fields in [&[][..], &[("external_id", "free")]] {
            person.post(&path, fields);
            assert!(person.page.status == 409 && person.reads("A live row has the external id of a row that would come back with it."), "{}", person.text());
            assert!(!person.reads("taken, too") && person.reads("Restore it into the connection") && !person.page.text.contains("id=\"external_id\""), "{}", person.text());
        }
        let home = connection(app, "home");
        assert_eq!(answer(&mut person, &path, &[("connection_id", &home)]).status, 303);
    }

    fn it_can_be_restored_another_way_by_choice(app: &TestApp) {
        let entry = deleted(app, "prod");
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{entry}"));
        let (plain, other) = person.page.text.split_once("<summary>Restore it another way</summary>").unwrap();
        assert!(plain.contains(">Restore<span") && !plain.contains("id=\"name\""), "one click restores it as it was");
        assert!(other.contains("<label for=\"name\">Restore as</label>") && other.contains("value=\"prod\"") && !other.contains("connection_id"), "{other}");
        let path = format!("/console/trash/{entry}/restore");
        assert_eq!(answer(&mut person, &path, &[("name", "prod 2")]).status, 303);
        person.open("/console/trash");
        assert!(person.reads("'prod' was restored as 'prod 2'."), "{}", person.text());

        let (first, second) = (connection(app, "first"), connection(app, "second"));
        let entry = delete(app, &format!("models/{}", model(app, &first, "sales")));
        person.open(&format!("/console/trash/{entry}"));
        for once in ["id=\"name\"", "id=\"connection_id\""] {
            assert_eq!(person.page.text.matches(once).count(), 1, "{once}");
        }
        assert!(person.reads("Restore it into the connection") && person.page.text.contains(&format!("<option value=\"{second}\">second</option>")), "{}", person.page.text);
        let answered = answer(&mut person, &format!("/console/trash/{entry}/restore"), &[("name", "sales"), ("connection_id", &second)]);
        assert_eq!(answered.header("location"), Some(&*format!("/console/connections/{second}/content?kind=models")));
        person.open("/console/trash");
        assert!(person.reads("'sales' was restored.") && !person.reads("'sales' was restored as"), "{}", person.text());
    }

    fn of_many_connections_one_is_entered_by_its_name(app: &TestApp) {
        let entry = delete(app, &format!("models/{}", model(app, &connection(app, "old"), "sales")));
        let home = connection(app, "Home");
        app.admin.post("/v1/integrations", &json!({"key": "crm", "name": "CRM", "connector": "postgres"})).ok(201);
        let mut twins = Vec::new();
        for integration in ["postgres", "crm"] {
            let mut new = postgres_connection("twin");
            new["integration"] = json!(integration);
            twins.push(super::id(&app.admin.post("/v1/connections", &new).ok(201)));
        }
        for n in 0..200 {
            connection(app, &format!("c-{n:03}"));
        }
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{entry}"));
        assert!(person.page.text.contains("<label for=\"connection\">Restore it into the connection</label>") && !person.page.text.contains("id=\"connection_id\""), "{}", person.text());
        let path = format!("/console/trash/{entry}/restore");
        person.post(&path, &[("connection", "nowhere <b>")]);
        assert!(person.page.status == 422 && person.reads("There is no live connection with this name.") && person.page.text.contains("aria-describedby=\"connection-help connection-error\""), "{}", person.text());
        person.post(&path, &[("connection", "twin")]);
        assert!(person.page.status == 422 && person.reads("Several connections have this name: choose one of them."), "{}", person.text());
        assert!(person.page.text.contains(&format!("<option value=\"{}\">twin (postgres)</option>", twins[0])) && person.page.text.contains(&format!("<option value=\"{}\">twin (crm)</option>", twins[1])), "{}", person.page.text);
        let answered = answer(&mut person, &path, &[("connection", " home ")]);
        assert_eq!(answered.header("location"), Some(&*format!("/console/connections/{home}/content?kind=models")), "{answered:#?}");
    }

    fn what_was_restored_or_purged_in_another_window_is_explained(app: &TestApp) {
        let (back, gone) = (deleted(app, "back"), deleted(app, "gone"));
        let holds = [&back, &gone].map(|entry| super::id(&app.admin.post(&format!("/v1/trash/{entry}/holds"), &json!({"reason": "case 17"})).ok(201)));
        app.admin.delete(&format!("/v1/trash/{gone}/holds/{}", holds[1])).ok(200);
        let mut person = Person::admin(app);
        person.open("/console/trash");
        restore(app, &back);
        purge(app, &gone, "gone");
        let ends = holds.map(|hold| format!("holds/{hold}/end"));
        for (entry, end, status, words) in [(&back, &*ends[0], 409, "'back' was already restored by test"), (&gone, &*ends[1], 410, "'gone' is no longer in the trash")] {
            for (path, fields) in [("restore", vec![]), ("delete", vec![("confirm", "back"), ("confirm", "gone")]), ("holds", vec![("reason", "why")]), (end, vec![])] {
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
        assert!(person.reads("Purged just now") && person.reads("by test") && person.reads("Purged means deleted permanently."), "{}", person.text());
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
