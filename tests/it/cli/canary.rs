//! `reprieve canary`: one check from the command line, with an answer for people and an exit code for programs.

use super::people::Ways;
use crate::support::*;

on_both! {
    fn it_says_that_nothing_is_left_or_where_something_is(app: &TestApp) {
        let machine = Ways::to(app).database;
        let said = machine.run(&["canary"]).ok();
        assert!(said.starts_with("Clean: nothing is left of the deleted secret.\n  before     all 251 bytes of its sealed record were found where they should be\n"), "{said}");
        assert!(said.contains("looked at  ") && said.contains(" tables"), "{said}");
        assert_eq!(said.contains("of the database file and its write-ahead log"), app.backend == Backend::Sqlite);
        // Commands that take the only organization there is still do.
        machine.run(&["key", "list"]).ok();
        machine.run(&["verify"]).ok();

        app.sql().run(match app.backend {
            Backend::Sqlite => "CREATE TRIGGER undo AFTER UPDATE OF record ON secret_slots WHEN NEW.free = 1 BEGIN \
                                UPDATE secret_slots SET record = OLD.record WHERE id = NEW.id; END",
            Backend::Postgres => "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                                  INSERT INTO secret_slots (org_id, id, size_class, free, record) OVERRIDING SYSTEM VALUE \
                                  VALUES (OLD.org_id, OLD.id, OLD.size_class, true, OLD.record); RETURN NULL; END $$; \
                                  CREATE TRIGGER undo AFTER DELETE ON secret_slots FOR EACH ROW EXECUTE FUNCTION undo()",
        });
        let found = machine.run(&["canary"]);
        assert_eq!(found.code, Some(1), "{found:#?}");
        assert!(found.stdout.starts_with("RESIDUE: ") && found.stdout.contains("\nthe table secret_slots: 502 bytes of the sealed record\n"), "{found:#?}");
        let listed = machine.run(&["alarms", "list"]).ok();
        assert!(listed.contains("residue"), "{listed}");
        app.sql().run(match app.backend {
            Backend::Sqlite => "DROP TRIGGER undo; UPDATE secret_slots SET record = zeroblob(length(record)) WHERE free = 1",
            Backend::Postgres => "DROP TRIGGER undo ON secret_slots; DELETE FROM secret_slots WHERE free",
        });

        app.sql().run("UPDATE canary_checks SET run_id = org_id, seen_at = '2999-01-01T00:00:00.000000Z'");
        machine.run(&["canary"]).refused(3, &["another check is running"]);
        app.sql().run("UPDATE canary_checks SET run_id = NULL");
        std::fs::rename(app.data_dir().join("keys"), app.data_dir().join("away")).unwrap();
        machine.run(&["canary"]).refused(3, &["the check is not made: locked"]);
        std::fs::rename(app.data_dir().join("away"), app.data_dir().join("keys")).unwrap();
        machine.run(&["canary"]).ok();
    }
}
