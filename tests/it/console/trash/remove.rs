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

    fn a_name_is_the_same_however_its_accents_are_typed(app: &TestApp) {
        let composed = "Caf\u{e9} ware\u{308}house";
        let entry = deleted(app, composed);
        let mut person = Person::admin(app);
        let path = format!("/console/trash/{entry}/delete");
        person.open(&path);
        person.post(&path, &[("confirm", "Cafe ware\u{308}house")]);
        assert_eq!(person.page.status, 422, "an accent is a letter");
        person.post(&path, &[("confirm", "  Cafe\u{301} war\u{eb}house")]);
        assert_eq!((person.page.status, &*state(app, &entry)), (200, "purged"), "{}", person.text());
        let several = [deleted(app, "first"), deleted(app, "second")];
        person.open("/console/trash");
        person.post("/console/trash/selected/delete", &[("confirm", "\u{2003}delete 2 entries"), ("id", &several[0]), ("id", &several[1])]);
        assert!(person.reads("2 deleted permanently."), "{}", person.text());
    }

    fn the_dialog_and_the_page_ask_the_same_by_one_text_field(app: &TestApp) {
        let entry = deleted(app, "prod");
        let mut person = Person::admin(app);
        person.open(&format!("/console/trash/{entry}"));
        let dialog = person.page.text.split_once("<dialog").unwrap().1.split_once("</dialog>").unwrap().0.to_owned();
        assert!(dialog.contains("<button type=\"button\" data-cancel>Cancel</button>") && !dialog.contains("autofocus"), "{dialog}");
        person.open(&format!("/console/trash/{entry}/delete"));
        assert!(person.page.text.contains(&format!("<a class=\"button\" href=\"/console/trash/{entry}\">Cancel</a>")) && person.page.text.contains(" autofocus>"), "{}", person.page.text);
        for text in [&dialog, &person.page.text] {
            assert_eq!(text.matches("type=\"text\"").count(), 1, "{text}");
            assert!(text.contains(&format!("<form class=\"confirm\" method=\"post\" action=\"/console/trash/{entry}/delete\"")) && text.contains("Type the name of the connection to confirm") && text.contains("type=\"submit\">Delete permanently</button>"), "{text}");
        }
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
