//! Moving a connection to the trash from its Archive tab.

use super::*;

const DIFFERS: &str = "The name does not match.";

/// What the form of the page carries besides what is typed.
fn plan(person: &Person) -> String {
    person
        .page
        .text
        .split("name=\"plan\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

on_both! {
    fn a_connection_goes_to_the_trash_once_its_name_is_typed(app: &TestApp) {
        let id = app.sample_connection("Ware <house>");
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{id}/archive"));
        assert!(person.reads("What goes along: 3 models and 4 pieces of content.") && person.reads("must be entered again after a restore"), "{}", person.text());
        assert!(person.reads("base, extension, empty") || person.reads("base , extension , empty"), "{}", person.text());
        // The dialog, and the page for whoever has none, ask the same.
        let plan_of_dialog = plan(&person);
        person.open(&format!("/console/connections/{id}/move-to-trash"));
        assert!(person.reads("Move connection to trash?") && person.reads("Ware <house>") && person.reads("3 models and 4 pieces of content"));
        assert_eq!(plan(&person), plan_of_dialog);

        let path = format!("/console/connections/{id}/move-to-trash");
        for wrong in ["", "ware <house>", "Ware", "Ware <house>x"] {
            person.post(&path, &[("plan", &plan_of_dialog), ("confirm", wrong)]);
            assert_eq!(person.page.status, 422, "{wrong}");
            assert!(person.reads(DIFFERS) && person.reads("Type Ware <house> exactly as shown."), "{}", person.text());
        }
        app.admin.get(&format!("/v1/connections/{id}")).ok(200);

        person.post(&path, &[("plan", &plan_of_dialog), ("confirm", "  Ware <house> ")]);
        assert_eq!(person.page.status, 200);
        assert!(person.reads("'Ware <house>' was moved to the trash with 3 models and 4 pieces of content. It will be purged on "), "{}", person.text());
        assert!(person.reads("Undo") && person.reads("View trash") && person.reads("No connections yet."));
        let entry = app.admin.get("/v1/trash").ok(200)["data"][0].clone();
        assert_eq!(entry["deleted_by"]["id"], format!("key:{}", app.admin.get("/v1/whoami").ok(200)["key_id"].as_str().unwrap()));

        // Its old address leads on.
        person.open(&format!("/console/connections/{id}"));
        assert_eq!(person.page.status, 404);
        assert!(person.reads("This is in the trash") && person.links().contains(&format!("/console/trash/{}", entry["id"].as_str().unwrap())), "{}", person.text());
        // Pressed once more in another window.
        person.post(&path, &[("plan", &plan_of_dialog), ("confirm", "Ware <house>")]);
        assert_eq!(person.page.status, 404);
        assert!(person.reads("This is in the trash"));
    }

    fn a_name_is_the_same_however_its_accents_are_typed(app: &TestApp) {
        let id = app.sample_connection("Cafe\u{301} <b>");
        let mut person = Person::admin(app);
        let path = format!("/console/connections/{id}/move-to-trash");
        person.open(&path);
        let seen = plan(&person);
        person.post(&path, &[("plan", &seen), ("confirm", "Cafe <b>")]);
        assert!(person.page.status == 422 && person.page.text.contains("aria-describedby=\"confirm-error\""), "{}", person.text());
        person.post(&path, &[("plan", &seen), ("confirm", " Cafe\u{301} <b>\u{3000}")]);
        assert!(person.page.status == 200 && person.reads("was moved to the trash"), "{}", person.text());
    }

    fn the_dialog_has_one_text_field_and_two_buttons(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{id}/archive"));
        let dialog = person.page.text.split_once("<dialog").unwrap().1.split_once("</dialog>").unwrap().0.to_owned();
        assert_eq!(dialog.matches("type=\"text\"").count(), 1, "{dialog}");
        for part in ["<label for=\"confirm\">Type the name of the connection to confirm</label>", "type=\"submit\">Move to trash</button>", "<button type=\"button\" data-cancel>Cancel</button>", "data-name=\"Warehouse\""] {
            assert!(dialog.contains(part), "{part}: {dialog}");
        }
        person.open(&format!("/console/connections/{id}/move-to-trash"));
        assert!(person.page.text.contains(&format!("<a class=\"button\" href=\"/console/connections/{id}/archive\">Cancel</a>")), "{}", person.page.text);
    }

    fn numbers_that_changed_meanwhile_are_asked_about_once_more(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{id}/archive"));
        let seen = plan(&person);
        app.admin.post(&format!("/v1/connections/{id}/models"), &json!({"name": "late"})).ok(201);
        let path = format!("/console/connections/{id}/move-to-trash");
        person.post(&path, &[("plan", &seen), ("confirm", "Warehouse")]);
        assert_eq!(person.page.status, 409);
        assert!(person.reads("has changed since you looked") && person.reads("4 models and 4 pieces of content"), "{}", person.text());
        app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        let now = plan(&person);
        person.post(&path, &[("plan", &now), ("confirm", "Warehouse")]);
        assert!(person.reads("with 4 models and 4 pieces of content"), "{}", person.text());
    }

    fn a_protected_connection_says_why_it_stays(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let mut person = Person::admin(app);
        let (archive, path) = (format!("/console/connections/{id}/archive"), format!("/console/connections/{id}/move-to-trash"));
        person.open(&archive);
        let seen = plan(&person);
        person.post(&format!("/console/connections/{id}/protection"), &[("protection", "on"), ("version", "1")]);
        assert!(person.reads("'Warehouse' is protected") && person.reads("It can't be moved to the trash before that is lifted."), "{}", person.text());
        assert!(!person.page.text.contains("data-dialog") && !person.page.text.contains("<dialog"));
        person.post(&path, &[("plan", &seen), ("confirm", "Warehouse")]);
        assert_eq!(person.page.status, 409, "{}", person.text());
        assert!(person.reads("protected against deletion"), "{}", person.text());
        person.open(&archive);
        person.post(&format!("/console/connections/{id}/protection"), &[("protection", "off"), ("version", "1")]);
        assert!(person.page.status == 403 && person.reads("This page is out of date."), "somebody changed it: {}", person.text());
        person.open(&archive);
        person.post(&format!("/console/connections/{id}/protection"), &[("protection", "off"), ("version", "2")]);
        assert!(person.page.text.contains("data-dialog"));
    }

    fn a_connection_on_which_nothing_hangs_says_so(app: &TestApp) {
        let id = app.admin.post("/v1/connections", &postgres_connection("alone")).ok(201)["id"].as_str().unwrap().to_owned();
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{id}/archive"));
        assert!(person.reads("Nothing else depends on this connection."), "{}", person.text());
        let seen = plan(&person);
        person.post(&format!("/console/connections/{id}/move-to-trash"), &[("plan", &seen), ("confirm", "alone")]);
        assert!(person.reads("'alone' was moved to the trash. It will be purged on "), "{}", person.text());
    }
}
