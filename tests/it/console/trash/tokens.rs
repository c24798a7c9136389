//! Every form of the trash carries a token; without it nothing changes.

use super::*;

on_both! {
    fn no_form_changes_anything_without_its_token(app: &TestApp) {
        let (first, second) = (deleted(app, "first"), deleted(app, "second"));
        app.admin.post(&format!("/v1/trash/{second}/holds"), &json!({"reason": "case 17"})).ok(201);
        let hold = app.admin.get(&format!("/v1/trash/{second}")).ok(200)["holds"][0]["id"].as_str().unwrap().to_owned();
        let mut person = Person::admin(app);
        let other = Person::admin(app).token();
        let forms = [
            ("/console/trash/selected".to_owned(), vec![("act", "restore"), ("id", &*first)]),
            ("/console/trash/selected/delete".to_owned(), vec![("id", &*first), ("confirm", "delete 1 entry")]),
            (format!("/console/trash/{first}/restore"), vec![]),
            (format!("/console/trash/{first}/delete"), vec![("confirm", "first")]),
            (format!("/console/trash/{first}/holds"), vec![("reason", "why")]),
            (format!("/console/trash/{second}/holds/{hold}/end"), vec![]),
        ];
        let before = app.sql().count("audit_events");
        for (path, fields) in &forms {
            for wrong in ["", "x", &other] {
                let answered = person.send(path, wrong, fields);
                assert_eq!(answered.status, 403, "{path}: {answered:#?}");
                assert!(answered.text.contains("This page is out of date. Reload it and try again."), "{path}");
            }
        }
        assert_eq!((&*state(app, &first), app.sql().count("holds")), ("in_trash", 1));
        assert_eq!(app.sql().count("audit_events"), before);
        // With it each of them does.
        person.open("/console/trash");
        for (path, fields) in forms.iter().rev().filter(|(path, _)| !path.contains("selected")) {
            let answered = answer(&mut person, path, fields);
            assert!(matches!(answered.status, 303 | 409), "{path}: {answered:#?}");
        }
        assert!(app.sql().count("audit_events") > before);
    }
}
