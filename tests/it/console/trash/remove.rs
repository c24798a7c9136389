//! Deleting permanently: by its name, and never what something keeps.

use super::*;

on_both! {
    fn the_name_has_to_be_typed_and_then_it_is_gone(app: &TestApp) {
        let id = app.sample_connection("Prod warehouse");
        let entry = app.delete_connection(&id);
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{entry}"));
        assert!(person.page.text.contains("data-dialog=\"delete-dialog\"") && person.page.text.contains("<dialog id=\"delete-dialog\" aria-labelledby=\"delete-title\">"));
        let path = format!("/console/trash/{entry}/delete");
        person.open(&path);
        assert!(person.reads("Type the name of the connection to confirm") && person.reads("It and 3 models and 4 pieces of content are removed for good."), "{}", person.text());
        for wrong in ["", "prod warehouse", "Prod", "Prod  warehouse"] {
            person.post(&path, &[("confirm", wrong)]);
            assert_eq!(person.page.status, 422, "{wrong}");
            assert!(person.reads("The name does not match. Type Prod warehouse exactly as shown."), "{}", person.text());
            assert!(person.page.text.contains("aria-describedby=\"confirm-error\"") && person.page.text.contains("id=\"confirm-error\""));
        }
        assert_eq!(state(app, &entry), "in_trash");
        person.post(&path, &[("confirm", " Prod warehouse ")]);
        assert_eq!(person.page.status, 200);
        assert!(person.reads("'Prod warehouse' was deleted permanently with 3 models and 4 pieces of content."), "{}", person.text());
        assert_eq!(state(app, &entry), "purged");
    }

    fn models_and_content_are_called_what_they_are(app: &TestApp) {
        let id = connection(app, "holder");
        let of_model = delete(app, &format!("models/{}", model(app, &id, "sales")));
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{of_model}/delete"));
        assert!(person.reads("Type the name of the model to confirm") && person.reads("It is removed for good."), "{}", person.text());
    }

    fn what_something_keeps_has_a_reason_in_the_place_of_the_button(app: &TestApp) {
        let (held, protected, braked) = (deleted(app, "held"), deleted(app, "protected"), deleted(app, "free"));
        app.admin.post(&format!("/v1/trash/{held}/holds"), &json!({"reason": "case 17"})).ok(201);
        let mut person = Person::admin(app);
        let mut kept = |app: &TestApp, entry: &str, name: &str, why: &str| {
            person.open(&format!("/console/trash/{entry}"));
            assert!(person.reads(&format!("This can't be done now. {why}")), "{}", person.text());
            assert!(!person.page.text.contains("data-dialog") && !person.page.text.contains("<dialog"));
            person.open(&format!("/console/trash/{entry}/delete"));
            assert!(person.page.status == 409 && person.reads(why), "{}", person.text());
            person.post(&format!("/console/trash/{entry}/delete"), &[("confirm", name)]);
            assert!(person.page.status == 409 && person.reads(why), "{}", person.text());
            assert_eq!(state(app, entry), "in_trash");
        };
        kept(app, &held, "held", "A hold keeps this entry.");
        app.sql().run(&format!("UPDATE trash_entries SET purge_protected = TRUE WHERE id = '{protected}'"));
        kept(app, &protected, "protected", "Nobody may purge this entry before its date.");
        app.sql().run("UPDATE organizations SET purge_protection = TRUE");
        kept(app, &braked, "free", "Nobody may purge this entry before its date.");
        app.sql().run("UPDATE organizations SET purge_protection = FALSE");
        person.open(&format!("/console/trash/{braked}"));
        assert!(person.page.text.contains("<dialog"), "{}", person.text());
    }
}

on_each! {
    fn the_floor_of_the_service_keeps_everything(backend: Backend) {
        let app = TestApp::start_with(backend, |config| config.purge.min_retention_days = 7);
        let entry = deleted(&app, "prod");
        let mut person = Person::admin(&app);
        person.open(&format!("/console/trash/{entry}"));
        assert!(person.reads("This can't be done now. This service keeps everything for 7 days at least."), "{}", person.text());
        person.post(&format!("/console/trash/{entry}/delete"), &[("confirm", "prod")]);
        assert_eq!(person.page.status, 409);
    }
}
