//! Who still calls for what was deleted, on the command line: the same on a database and on a server.

use super::people::{Ways, settle};
use crate::support::*;

on_both! {
    fn the_list_and_the_entry_tell_who_still_calls(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let entry = app.delete_connection(&id);
        app.delete_connection(&app.sample_connection("quiet"));
        settle(app);
        let ways = Ways::to(app);
        assert!(!ways.ok(&["trash", "list"]).contains("USED"), "nobody does");
        assert!(!ways.ok(&["trash", "show", &entry]).contains("used since"));

        let ann = app.admin.with("reprieve-actor", "id=ann; name=Ann");
        for _ in 0..3 {
            ann.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
        }
        app.services.uses.flush(&app.services.store).unwrap();
        let list = ways.ok(&["trash", "list"]);
        assert!(list.lines().next().unwrap().ends_with("RESTORABLE  USED SINCE"), "{list}");
        let row = |name: &str| list.lines().find(|line| line.contains(name)).unwrap();
        assert!(row("warehouse").ends_with("  3 times") && row("quiet").ends_with("yes"), "{list}");
        let show = ways.ok(&["trash", "show", &entry]);
        assert!(show.contains("  used since   3 times, last "), "{show}");
        assert!(show.contains("Called for since it was deleted:\nCALLER     TIMES  FIRST (UTC)       LAST (UTC)\nann (Ann)  3      "), "{show}");

        assert!(ways.ok(&["retention", "show"]).contains("  hold while used   off\n"));
        let (_, machine) = ways.both()[0];
        machine.run(&["retention", "set", "--hold-while-used", "on"]).ok();
        assert!(ways.ok(&["retention", "show"]).contains("  hold while used   on: what somebody called for within a day"));
        assert!(ways.ok(&["trash", "show", &entry]).contains("; a use less than a day ago keeps it"));
        let past = "2020-01-01T00:00:00.000000Z";
        app.sql().run(&format!("UPDATE trash_entries SET deleted_at = '{past}', purge_at = '{past}' WHERE id = '{entry}'"));
        assert!(ways.ok(&["purge", "status"]).contains("  kept by use      1 entry: used within a day"), "{}", ways.ok(&["purge", "status"]));
        let (_, on_database) = ways.both()[0];
        let line = on_database.run(&["purge", "--validate-only", "--json"]).ok();
        assert!(line.contains(r#""held":0,"braked":0,"used":1"#), "{line}");
    }
}
