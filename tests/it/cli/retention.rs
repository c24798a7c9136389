//! Policy, holds, dates, alarms and brakes from the command line: the same on a database and on a server.

use reprieve::domain::clock::Ts;
use serde_json::Value;

use super::people::{Ways, server, settle};
use crate::support::*;

/// A deleted connection with three models and four pieces of content; its entry.
pub(super) fn deleted(app: &TestApp, name: &str) -> String {
    let entry = app.delete_connection(&app.sample_connection(name));
    settle(app);
    entry
}

/// Lets the date of an entry pass.
pub(super) fn expire(app: &TestApp, entry: &str) {
    let past = "2020-01-01T00:00:00.000000Z";
    app.sql().run(&format!(
        "UPDATE trash_entries SET deleted_at = '{past}', purge_at = '{past}' WHERE id = '{entry}'"
    ));
}

/// A deleted connection whose date has passed; its entry.
pub(super) fn expired(app: &TestApp, name: &str) -> String {
    let entry = deleted(app, name);
    expire(app, &entry);
    entry
}

/// Makes the database refuse to remove the models of an entry.
pub(super) fn refuse_to_delete(app: &TestApp, entry: &str) {
    let condition = format!("OLD.entry_id = '{entry}'");
    app.sql().run(&match app.backend {
        Backend::Sqlite => format!(
            "CREATE TRIGGER refuse_it BEFORE DELETE ON trash_models WHEN {condition} BEGIN SELECT RAISE(ABORT, 'refused'); END"
        ),
        Backend::Postgres => format!(
            "CREATE FUNCTION refuse_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$; \
             CREATE TRIGGER refuse_it BEFORE DELETE ON trash_models FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse_it()"
        ),
    });
}

fn holds(app: &TestApp, entry: &str) -> Vec<Value> {
    let entry = app.admin.get(&format!("/v1/trash/{entry}")).ok(200);
    entry["holds"].as_array().unwrap().clone()
}

fn in_days(days: i64) -> String {
    (Ts::now().utc() + chrono::Duration::days(days))
        .format("%Y-%m-%d")
        .to_string()
}

on_both! {
    fn the_policy_is_shown_and_set(app: &TestApp) {
        let ways = Ways::to(app);
        assert_eq!(
            ways.ok(&["retention", "show"]),
            "  kept              30 days in the trash, for deletions from now on\n  \
               purge protection  off\n  \
               hold while used   off\n  \
               brake             above 20 connections and 50 % of all, deleted within an hour; deletions go on\n"
        );
        for (days, (_, machine)) in [7, 90].iter().zip(ways.both()) {
            let said = machine.run(&["retention", "set", "--days", &days.to_string()]).ok();
            assert!(said.contains(&format!("  kept              {days} days in the trash")), "{said}");
            let policy = app.admin.get("/v1/retention").ok(200);
            assert_eq!((&policy["retention_days"], &policy["purge_protection"]), (&json!(days), &json!(false)));
        }
        for (_, machine) in ways.both() {
            machine.run(&["retention", "set", "--purge-protection", "on", "--brake-connections", "40", "--brake-refuses-deletions", "on"]).ok();
            let policy = app.admin.get("/v1/retention").ok(200);
            assert_eq!((&policy["retention_days"], &policy["purge_protection"]), (&json!(90), &json!(true)));
            assert_eq!(policy["brake"], json!({"connections": 40, "percent": 50, "refuse_deletions": true}));
            machine.run(&["retention", "set", "--purge-protection", "off", "--brake-percent", "10", "--brake-refuses-deletions", "off"]).ok();
            let policy = app.admin.get("/v1/retention").ok(200);
            assert_eq!((&policy["purge_protection"], &policy["brake"]), (&json!(false), &json!({"connections": 40, "percent": 10, "refuse_deletions": false})));
            machine.run(&["retention", "set", "--brake-percent", "50"]).ok();
        }
        assert_eq!(ways.ok(&["retention", "show", "--json"]), app.admin.get("/v1/retention").text + "\n");
        for days in ["0", "-1", "3651"] {
            ways.refused(1, &["retention", "set", &format!("--days={days}")], &["retention_days: It goes from 1 to 3650."]);
        }
        ways.refused(1, &["retention", "set", "--brake-connections", "5"], &["brake/connections: It goes from 20 to 1000000."]);
        ways.database.run(&["retention", "set"]).refused(2, &["--days"]);
        ways.database.run(&["retention", "set", "--purge-protection", "perhaps"]).refused(2, &["on", "off"]);
    }

    fn the_purge_is_paused_and_goes_on(app: &TestApp) {
        expired(app, "prod");
        let ways = Ways::to(app);
        let status = ways.ok(&["purge", "status"]);
        for words in ["schedule         none known here", "past their date  1 entry, the oldest since 2020-01-01 00:00 UTC", "next run         purges 1 entry"] {
            assert!(status.contains(words), "{words} is not in\n{status}");
        }
        assert!(!status.contains("stopped"), "{status}");
        for (way, machine) in ways.both() {
            let said = machine.run(&["purge", "pause", "--reason", "moving house", "--as", way]).ok();
            assert!(said.contains("Let it go on: reprieve purge resume"), "{said}");
            let status = ways.ok(&["purge", "status"]);
            assert!(status.contains("stopped          paused since 20") && status.contains(&format!("by {way} (moving house): reprieve purge resume")), "{status}");
            assert!(status.contains("next run         purges 0 entries"), "{status}");
            let run = ways.database.run(&["purge"]).ok();
            assert!(run.contains(r#""purged":0"#) && run.contains(r#""stopped":"paused""#), "{run}");
            assert_eq!(machine.run(&["purge", "resume"]).ok(), "The purge goes on.\n");
        }
        let json = ways.ok(&["purge", "status", "--json"]);
        assert_eq!(json, app.admin.get("/v1/purge").text + "\n");
        let paused = ways.server.run(&["purge", "pause", "--json"]).ok();
        assert!(paused.contains(r#""paused":true"#), "{paused}");
        ways.database.run(&["purge", "resume", "--json"]).ok();
        assert!(ways.database.run(&["purge"]).ok().contains(r#""purged":1"#));
    }

    fn a_hold_keeps_an_entry_until_it_is_released(app: &TestApp) {
        let entry = deleted(app, "prod");
        let ways = Ways::to(app);
        for (way, machine) in ways.both() {
            let said = machine.run(&["trash", "hold", "prod", "--reason", "case 17", "--as", way]).ok();
            assert!(said.starts_with("The connection prod is on hold until somebody releases it.\n"), "{said}");
            let said = machine.run(&["trash", "hold", &entry, "--reason", "audit", "--until", "90d"]).ok();
            assert!(said.contains(&format!("until {}", in_days(90))), "{said}");
            let (first, second) = (holds(app, &entry)[0].clone(), holds(app, &entry)[1].clone());
            assert_eq!((&first["owner"], &first["reason"], &first["ends_at"]), (&json!(way), &json!("case 17"), &json!(null)));
            assert!(said.contains(&format!("reprieve trash release {entry} {}", second["id"].as_str().unwrap())), "{said}");

            let shown = ways.ok(&["trash", "show", "prod"]);
            for words in ["; a hold keeps it", "HOLD ", "case 17", "when it is released", &in_days(90)] {
                assert!(shown.contains(words), "{words} is not in\n{shown}");
            }
            ways.refused(1, &["trash", "purge", "prod", "--confirm", "prod"], &["reprieve trash show lists them, reprieve trash release ends one"]);
            // Which of the two?
            let words = ways.refused(2, &["trash", "release", "prod"], &["several holds are on it", "--all"]);
            assert!(words.contains(first["id"].as_str().unwrap()) && words.contains("audit"), "{words}");
            let said = machine.run(&["trash", "release", "prod", first["id"].as_str().unwrap()]).ok();
            assert_eq!(said, format!("The hold of {way} (case 17) has ended.\nThe connection prod is kept by 1 other hold.\n"));
            // Now it is the only one.
            let said = machine.run(&["trash", "release", "prod"]).ok();
            assert!(said.contains("The connection prod is not purged by its date before "), "{said}");
            let shown = ways.ok(&["trash", "show", "prod"]);
            assert!(shown.contains("a hold ended less than a day ago") && shown.contains("ended 20"), "{shown}");
            let none = machine.run(&["trash", "release", "prod"]);
            assert_eq!((none.code, none.stderr.as_str()), (Some(1), "No hold is on it.\n"));
            app.sql().run("DELETE FROM holds");
        }
        for (_, machine) in ways.both() {
            for reason in ["one", "two", "three"] {
                machine.run(&["trash", "hold", "prod", "--reason", reason]).ok();
            }
            let said = machine.run(&["trash", "release", "prod", "--all", "--json"]).ok();
            let released: Vec<Value> = serde_json::from_str(&said).unwrap();
            assert!(released.len() == 3 && released.iter().all(|hold| hold["active"] == false), "{said}");
            app.sql().run("DELETE FROM holds");
        }
        ways.refused(1, &["trash", "hold", "prod", "--reason", ""], &["reason: "]);
        ways.refused(1, &["trash", "hold", "prod", "--reason", "x", "--until", "2020-01-01"], &["ends_at: It is in the past."]);
        ways.database.run(&["trash", "hold", "prod"]).refused(2, &["--reason"]);
        ways.refused(1, &["trash", "release", "prod", &uuid::Uuid::now_v7().to_string()], &["There is no hold with this id."]);
    }

    fn a_date_is_moved_and_not_past_protection(app: &TestApp) {
        let entry = deleted(app, "prod");
        let ways = Ways::to(app);
        let date = || app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["purge_at"].as_str().unwrap().get(..10).unwrap().to_owned();
        for (_, machine) in ways.both() {
            let said = machine.run(&["trash", "reschedule", "prod", "--in", "90d"]).ok();
            assert!(said.contains(&format!("The connection prod is purged on {}", in_days(90))) && said.contains("in 90 days."), "{said}");
            assert_eq!(date(), in_days(90));
            machine.run(&["trash", "reschedule", &entry, "--at", &format!("{} 12:00", in_days(5))]).ok();
            assert_eq!(date(), in_days(5));
        }
        let json: Value = serde_json::from_str(&ways.server.run(&["trash", "reschedule", "prod", "--in", "20d", "--json"]).ok()).unwrap();
        assert_eq!(json["id"], json!(entry));
        ways.refused(1, &["trash", "reschedule", "prod", "--in", "4000d"], &["purge_at: It is more than 3650 days from now."]);
        ways.refused(1, &["trash", "reschedule", "prod", "--at", "2020-01-01"], &["purge_at: It is in the past; purge the entry instead."]);
        ways.database.run(&["retention", "set", "--purge-protection", "on"]).ok();
        ways.refused(1, &["trash", "reschedule", "prod", "--in", "1d"], &["Nobody may purge this entry before its date. That is 20", "UTC."]);
        assert!(ways.ok(&["trash", "show", "prod"]).contains("; nobody may purge it sooner"));
        app.admin.post(&format!("/v1/trash/{entry}/holds"), &json!({"reason": "case 17"})).ok(201);
        let said = ways.server.run(&["trash", "reschedule", "prod", "--in", "100d"]).ok();
        assert!(said.contains("unless it is kept until then as it is now"), "{said}");
    }

    fn a_forecast_says_what_goes_when(app: &TestApp) {
        let ways = Ways::to(app);
        assert_eq!(ways.ok(&["trash", "forecast"]), "The trash is empty.\n");
        let entries: Vec<String> = ["a", "b", "c"].iter().map(|name| deleted(app, name)).collect();
        let (past, soon, late) = (in_days(-2), in_days(3), in_days(40));
        for (entry, day) in entries.iter().zip([&past, &soon, &late]) {
            app.sql().run(&format!(
                "UPDATE trash_entries SET deleted_at = '2020-01-01T00:00:00.000000Z', purge_at = '{day}T12:00:00.000000Z' WHERE id = '{entry}'"
            ));
        }
        app.admin.post(&format!("/v1/trash/{}/holds", entries[1]), &json!({"reason": "case 17"})).ok(201);
        assert_eq!(
            ways.ok(&["trash", "forecast"]),
            format!(
                "In the trash: 3 entries (3 connections). Those with their date within 30 days:\n\
                 DAY (UTC)          ENTRIES  ON HOLD\n{past} (past)  1        0\n{soon}         1        1\n\
                 Which they are: reprieve trash list --sort purge_at --purge-before 30d\n"
            )
        );
        assert_eq!(ways.ok(&["trash", "forecast", "--json"]), app.admin.get("/v1/trash/summary").text + "\n");
        app.sql().run(&format!("UPDATE trash_entries SET purge_at = '{late}T12:00:00.000000Z'"));
        assert_eq!(ways.ok(&["trash", "forecast"]), "In the trash: 3 entries (3 connections). None of them has its date within 30 days.\n");
    }

    fn a_brake_and_its_alarm_are_seen_and_released(app: &TestApp) {
        let ways = Ways::to(app);
        for list in [["brakes", "list"], ["alarms", "list"]] {
            assert_eq!(ways.ok(&list), "");
            assert_eq!(ways.ok(&[&list[..], &["--json"]].concat()), "[]\n");
        }
        let kept = app.sample_connection("kept");
        for (way, machine) in ways.both() {
            // Past the service's own check, which wants 20 at least.
            app.sql().run("UPDATE organizations SET brake_deletions = 1, brake_refuses = '1'");
            for name in ["one", "two"] {
                deleted(app, &format!("{way} {name}"));
            }
            let listed = ways.ok(&["brakes", "list"]);
            let row = listed.lines().nth(1).unwrap();
            let id = row.split_whitespace().next().unwrap();
            assert!(row.contains("2 of 3 connections") && row.ends_with("no"), "{listed}");
            let alarms = ways.ok(&["alarms", "list"]);
            for words in ["brake of the organization: ", "2 of 3 connections were deleted", "reprieve trash list; reprieve brakes list"] {
                assert!(alarms.contains(words), "{words} is not in\n{alarms}");
            }
            let release = format!("then release the brake: reprieve brakes release {id}");
            ways.refused(1, &["connection", "delete", "kept", "--yes"], &["deletions are stopped until somebody looks", &release]);
            let name = format!("{way} two");
            ways.refused(1, &["trash", "purge", &name, "--confirm", &name], &[&release]);
            assert!(ways.ok(&["trash", "show", &name]).contains("; a brake keeps it: reprieve brakes list"));
            assert!(ways.ok(&["purge", "status"]).contains("past their date  none"));

            let alarm = alarms.lines().find_map(|line| line.strip_prefix("  id         ")).unwrap_or_else(|| panic!("{alarms}")).trim().to_owned();
            let said = machine.run(&["alarms", "acknowledge", &alarm, "--as", "alice", "--as-name", "Alice"]).ok();
            assert_eq!(said, "The alarm brake is acknowledged. It ends when its cause does.\n");
            assert!(ways.ok(&["alarms", "list"]).contains("by alice (Alice)"));
            let said = machine.run(&["brakes", "release", id]).ok();
            assert!(said.starts_with("The brake is released: what was deleted since "), "{said}");
            assert_eq!(ways.ok(&["alarms", "list"]), "");
            let all = ways.ok(&["alarms", "list", "--all"]);
            assert!(all.contains("  ended ") && !all.contains("  commands "), "{all}");
            assert!(ways.ok(&["brakes", "list"]).lines().nth(1).unwrap().contains(" by "));
            app.sql().run("DELETE FROM alarms; DELETE FROM brakes; UPDATE trash_entries SET deleted_at = '2020-01-01T00:00:00.000000Z'");
        }
        app.admin.get(&format!("/v1/connections/{kept}")).ok(200);
        for word in ["alarms acknowledge", "brakes release"] {
            let args: Vec<&str> = word.split(' ').chain(["019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00"]).collect();
            ways.refused(1, &args, &["There is no"]);
        }
    }

    fn lists_say_when_there_is_more(app: &TestApp) {
        let ways = Ways::to(app);
        for n in 0..2 {
            app.sql().run(&format!(
                "INSERT INTO alarms (org_id, id, code, subject, detail, raised_at, last_seen_at) \
                 VALUES ('{}', '{}', 'purge_blocked', '{n}', 'case', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')",
                app.org, uuid::Uuid::now_v7()
            ));
        }
        for (_, machine) in ways.both() {
            let short = machine.run(&["alarms", "list", "--limit", "1"]);
            assert_eq!(short.stderr, "There are more: --limit 2 shows them.\n");
        }
        let listed: Vec<Value> = serde_json::from_str(&ways.ok(&["alarms", "list", "--json"])).unwrap();
        assert_eq!(json!(listed), app.admin.get("/v1/alarms").ok(200)["data"]);
    }

    fn foreign_words_can_not_move_the_cursor(app: &TestApp) {
        let entry = expired(app, "prod");
        app.admin.post(&format!("/v1/trash/{entry}/holds"), &json!({"reason": "why"})).ok(201);
        let escape = if app.backend == Backend::Sqlite { "char(27)" } else { "chr(27)" };
        let word = format!("'a' || {escape} || '[2J'");
        app.sql().run(&format!(
            "UPDATE trash_entries SET root_name = {word}; UPDATE holds SET owner = {word}, reason = {word}; \
             INSERT INTO alarms (org_id, id, code, subject, detail, raised_at, last_seen_at, acknowledged_at, acknowledged_by) \
             VALUES ('{0}', '{1}', 'purge_blocked', '', {word}, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z', \
             '2026-01-01T00:00:00.000000Z', {word}); \
             INSERT INTO brakes (org_id, id, started_at, covers_from, connections, of_connections, released_at, released_by) \
             VALUES ('{0}', '{1}', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z', 1, 1, '2026-01-01T00:00:00.000000Z', {word}); \
             UPDATE organizations SET purge_paused_at = '2026-01-01T00:00:00.000000Z', purge_paused_by = {word}, purge_pause_reason = {word}",
            app.org, uuid::Uuid::now_v7()
        ));
        let ways = Ways::to(app);
        for args in [
            &["trash", "show", &entry][..],
            &["trash", "list"],
            &["alarms", "list"],
            &["brakes", "list"],
            &["purge", "status"],
        ] {
            let said = ways.ok(args);
            assert!(said.contains("a\\u{1b}[2J") && !said.contains('\u{1b}'), "{args:?}: {said:?}");
        }
        for args in [
            &["trash", "hold", &entry, "--reason", "x"][..],
            &["trash", "reschedule", &entry, "--in", "1d"],
            &["trash", "release", &entry, "--all"],
        ] {
            let said = ways.database.run(args).ok();
            assert!(said.contains("a\\u{1b}[2J") && !said.contains('\u{1b}'), "{args:?}: {said:?}");
        }
        // What verifies the database knows the names of the rows.
        app.sql().run("UPDATE trash_entries SET root_name = 'prod'");
    }

    fn each_command_needs_its_scope(app: &TestApp) {
        let entry = deleted(app, "prod");
        let id = "019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00";
        for (args, scope) in [
            (&["retention", "show"][..], "retention:read"),
            (&["retention", "set", "--days", "7"], "retention:write"),
            (&["purge", "status"], "retention:read"),
            (&["purge", "pause"], "retention:write"),
            (&["purge", "resume"], "retention:write"),
            (&["trash", "forecast"], "trash:read"),
            (&["trash", "hold", &entry, "--reason", "x"], "trash:hold"),
            (&["trash", "release", &entry, id], "trash:hold"),
            (&["trash", "reschedule", &entry, "--in", "90d"], "trash:hold"),
            (&["alarms", "list"], "alarms:read"),
            (&["alarms", "acknowledge", id], "alarms:write"),
            (&["brakes", "list"], "retention:read"),
            (&["brakes", "release", id], "retention:write"),
        ] {
            let without = server(app, app.client(&["connections:read"]).key());
            without.run(args).refused(1, &[&format!("reprieve key create --name NAME --scope {scope}")]);
        }
    }
}
