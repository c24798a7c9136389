//! Questions at a terminal: a real one, by `script`.

use super::people::Ways;
use crate::support::*;

on_both! {
    fn a_deletion_is_confirmed_by_typing_the_name(app: &TestApp) {
        for (way, machine) in Ways::to(app).both() {
            let id = app.sample_connection(way);
            let ask = "Type its name to delete it:";
            let (code, screen) = machine.at_terminal(&["connection", "delete", &id], &[(ask, "prod")]);
            assert_eq!(code, Some(1), "{screen}");
            assert!(screen.contains("takes along 3 models, 4 content") && screen.contains("Nothing was deleted."), "{screen}");
            app.admin.get(&format!("/v1/connections/{id}")).ok(200);
            let (code, screen) = machine.at_terminal(&["connection", "delete", &id], &[(ask, way)]);
            assert_eq!(code, Some(0), "{screen}");
            app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");

            let ask = "Type its name to purge it:";
            let (code, screen) = machine.at_terminal(&["trash", "purge", way], &[(ask, "prod")]);
            assert_eq!(code, Some(1), "{screen}");
            assert!(screen.contains("Nothing was purged."), "{screen}");
            let (code, screen) = machine.at_terminal(&["trash", "purge", way], &[(ask, way)]);
            assert_eq!(code, Some(0), "{screen}");
            app.admin.get(&format!("/v1/connections/{id}")).problem(404, "not_found");
        }
    }

    fn several_entries_come_back_after_a_yes(app: &TestApp) {
        for (way, machine) in Ways::to(app).both() {
            let ids = ["a", "b"].map(|name| app.sample_connection(&format!("{way} {name}")));
            let ask = "Delete 2 connections? [y/N]";
            let (code, screen) = machine.at_terminal(&["connection", "delete", &ids[0], &ids[1]], &[(ask, "yes")]);
            assert_eq!(code, Some(0), "{screen}");
            let ask = "Restore 2 entries? [y/N]";
            let restore = ["trash", "restore", "--query", way];
            for no in ["n", "", "perhaps"] {
                let (code, screen) = machine.at_terminal(&restore, &[(ask, no)]);
                assert_eq!(code, Some(1), "{screen}");
                assert!(screen.contains("Nothing was restored."), "{screen}");
            }
            app.admin.get(&format!("/v1/connections/{}", ids[0])).problem(410, "in_trash");
            let (code, screen) = machine.at_terminal(&restore, &[(ask, "Y")]);
            assert_eq!(code, Some(0), "{screen}");
            for id in &ids {
                app.admin.get(&format!("/v1/connections/{id}")).ok(200);
            }
        }
    }

    fn a_secret_is_asked_for_and_not_shown(app: &TestApp) {
        for (way, machine) in Ways::to(app).both() {
            let id = app.sample_connection(way);
            let none = machine.at_terminal(&["connection", "secrets", way], &[]);
            assert_eq!(none.0, Some(0), "{none:?}");
            assert!(none.1.contains("No required secret") && none.1.contains("--field FIELD"), "{none:?}");
            let entry = app.delete_connection(&id);
            app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
            let ask = "Password (password):";
            let (code, screen) = machine.at_terminal(&["connection", "secrets", way], &[(ask, "")]);
            assert_eq!(code, Some(1), "{screen}");
            assert!(screen.contains("Nothing was entered."), "{screen}");
            let (code, screen) = machine.at_terminal(&["connection", "secrets", way], &[(ask, "hunter2 Zoë")]);
            assert_eq!(code, Some(0), "{screen}");
            assert!(screen.contains("host=\"db.example.com\"") && !screen.contains("hunter2"), "{screen}");
            let secrets = app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200);
            assert_eq!(secrets["secrets"]["password"], "hunter2 Zoë", "{way}");
            let (code, screen) = machine.at_terminal(&["connection", "secrets", way, "--field", "password"], &[(ask, "again")]);
            assert_eq!(code, Some(0), "{screen}");
            let secrets = app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200);
            assert_eq!(secrets["secrets"]["password"], "again", "{way}");
        }
    }

    fn what_changes_while_it_is_asked_about_is_left_alone(app: &TestApp) {
        for (way, machine) in Ways::to(app).both() {
            let id = app.sample_connection(way);
            let path = format!("/v1/connections/{id}");
            let (code, screen) = machine.at_terminal_while(
                &["connection", "delete", &id],
                &[("Type its name to delete it:", way)],
                || { app.admin.post(&format!("{path}/models"), &json!({"name": "late"})).ok(201); },
            );
            assert_eq!(code, Some(1), "{screen}");
            assert!(screen.contains("Nothing was done: look again and repeat the command."), "{screen}");
            app.admin.get(&path).ok(200);

            // Whoever sends the database elsewhere gets no secret that was meant for where it was.
            let (code, screen) = machine.at_terminal_while(
                &["connection", "secrets", &id, "--field", "password"],
                &[("Password (password):", "hunter2")],
                || {
                    let change = json!({"settings": {"host": "evil.example"}, "secrets": {"password": "theirs"}});
                    app.admin.patch(&path, &change).ok(200);
                },
            );
            assert_eq!(code, Some(1), "{screen}");
            assert!(screen.contains("It has changed since it was read."), "{screen}");
            assert_eq!(app.admin.get(&format!("{path}/secrets")).ok(200)["secrets"]["password"], "theirs");
        }
    }
}
