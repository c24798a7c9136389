//! Several at once: each on its own, told one by one.

use super::*;

const PATH: &str = "/console/trash/selected";

on_both! {
    fn what_is_selected_comes_back_and_each_that_could_not_is_told(app: &TestApp) {
        let (first, second, taken) = (deleted(app, "first"), deleted(app, "second"), deleted(app, "taken"));
        connection(app, "taken");
        let mut person = Person::admin(app);
        person.open("/console/trash");
        person.post(PATH, &[("act", "restore"), ("id", &first), ("id", &second)]);
        assert!(person.reads("2 restored. Their passwords and keys were removed when they were deleted: enter them again"), "{}", person.text());
        let third = deleted(app, "third");
        person.post(PATH, &[("act", "restore"), ("id", &third), ("id", &taken), ("id", &taken), ("q", "t"), ("sort", "newest")]);
        assert!(person.page.text.contains("role=\"alert\""));
        assert!(person.reads("1 restored, 1 could not be: 'taken': its name is taken."), "{}", person.text());
        assert!(person.reads("See taken") && person.links().contains(&format!("/console/trash/{taken}")));
        assert!(person.page.text.contains("name=\"q\" type=\"search\" value=\"t\""), "the list is as it was");
        assert_eq!(state(app, &taken), "in_trash");
    }

    fn without_a_selection_nothing_changes_and_it_is_explained(app: &TestApp) {
        let entry = deleted(app, "prod");
        let mut person = Person::admin(app);
        for (path, fields) in [(PATH, vec![("act", "restore")]), (PATH, vec![("act", "delete"), ("id", "x")]), ("/console/trash/selected/delete", vec![("confirm", "delete 0 entries")])] {
            person.open("/console/trash");
            person.post(path, &fields);
            assert_eq!(person.page.status, 422, "{}", person.text());
            assert!(person.reads("Nothing is selected"), "{}", person.text());
        }
        assert_eq!(state(app, &entry), "in_trash");
    }

    fn deleting_several_wants_something_typed_and_tells_what_stayed(app: &TestApp) {
        let (first, second, held) = (deleted(app, "first"), deleted(app, "second <b>"), deleted(app, "held"));
        app.admin.post(&format!("/v1/trash/{held}/holds"), &json!({"reason": "case 17"})).ok(201);
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let ids = [("id", &*first), ("id", &*second), ("id", &*held)];
        person.post(PATH, &[&[("act", "delete"), ("q", "e")][..], &ids[..]].concat());
        assert_eq!(person.page.status, 200);
        assert!(person.reads("first") && person.reads("second <b>") && person.reads("stays A hold keeps this entry.") && person.reads("Type “delete 3 entries” to confirm"), "{}", person.text());
        for wrong in ["", "delete", "delete 2 entries"] {
            person.post("/console/trash/selected/delete", &[&[("confirm", wrong)][..], &ids[..]].concat());
            assert_eq!(person.page.status, 422, "{wrong}");
            assert!(person.reads("The text does not match. Type delete 3 entries exactly as shown."), "{}", person.text());
            assert!(person.page.text.contains("aria-describedby=\"confirm-error\""));
        }
        assert_eq!(state(app, &first), "in_trash");
        person.post("/console/trash/selected/delete", &[&[("confirm", "delete 3 entries"), ("q", "e")][..], &ids[..]].concat());
        assert!(person.reads("2 deleted permanently, 1 could not be: 'held': a hold keeps it."), "{}", person.text());
        assert_eq!((&*state(app, &first), &*state(app, &second), &*state(app, &held)), ("purged", "purged", "in_trash"));
    }

    fn one_that_is_selected_to_be_deleted_is_asked_for_by_its_name(app: &TestApp) {
        let entry = deleted(app, "prod");
        let mut person = Person::admin(app);
        person.open("/console/trash");
        let answered = answer(&mut person, PATH, &[("act", "delete"), ("id", &entry)]);
        assert_eq!((answered.status, answered.header("location")), (303, Some(&*format!("/console/trash/{entry}/delete"))));
    }

    fn ids_of_another_organization_change_nothing_and_name_nothing(app: &TestApp) {
        let (first, second) = (deleted(app, "secret project"), deleted(app, "secret plan"));
        let mut person = Person::signed_in(app, app.other_organization("other").key());
        let ids = [("id", &*first), ("id", &*second)];
        let sent = [
            (PATH, vec![("act", "restore"), ids[0], ids[1]], 200, "0 restored, 2 could not be: 'an unknown entry': there is no such entry"),
            (PATH, vec![("act", "delete"), ids[0], ids[1]], 404, "There is nothing here"),
            (PATH, vec![("act", "delete"), ids[0]], 404, "There is nothing here"),
            ("/console/trash/selected/delete", vec![("confirm", "delete 2 entries"), ids[0], ids[1]], 200, "0 deleted permanently, 2 could not be: 'an unknown entry': there is no such entry"),
            ("/console/trash/selected/delete", vec![("confirm", "delete 1 entry"), ids[0], ids[1]], 404, "There is nothing here"),
        ];
        for (path, fields, status, words) in sent {
            person.open("/console/trash");
            person.post(path, &fields);
            assert_eq!(person.page.status, status, "{path} {fields:?}: {}", person.text());
            assert!(person.reads(words) && !person.reads("secret p"), "{path} {fields:?}: {}", person.text());
        }
        assert_eq!((&*state(app, &first), &*state(app, &second)), ("in_trash", "in_trash"));
    }

    fn a_stale_selection_is_told_one_by_one(app: &TestApp) {
        let (back, gone, there) = (deleted(app, "back"), deleted(app, "gone"), deleted(app, "there"));
        let mut person = Person::admin(app);
        person.open("/console/trash");
        restore(app, &back);
        purge(app, &gone, "gone");
        let unknown = "01890000-0000-7000-8000-000000000000";
        person.post(PATH, &[("act", "restore"), ("id", &back), ("id", &gone), ("id", &there), ("id", unknown)]);
        assert!(person.reads("1 restored, 3 could not be:") && person.reads("'back': it is no longer in the trash") && person.reads("'gone': it is no longer in the trash") && person.reads("'an unknown entry': there is no such entry"), "{}", person.text());
    }
}
