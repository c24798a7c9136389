//! `reprieve purge` as cron and people run it: what it prints, and the exit code.

use reprieve::domain::clock::Ts;
use serde_json::Value;

use super::people::Ways;
use super::retention::{deleted, expire, expired, refuse_to_delete};
use crate::support::process::{Done, Machine};
use crate::support::*;

/// The lines of a run, the total last.
#[track_caller]
fn lines(done: &Done) -> Vec<Value> {
    let lines = done.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {done:#?}")))
        .collect()
}

/// Runs the purge; its exit code must be this.
#[track_caller]
fn purge(machine: &Machine, args: &[&str], code: i32) -> (Vec<Value>, String) {
    let done = machine.run(&[&["purge"], args].concat());
    assert_eq!(done.code, Some(code), "{done:#?}");
    (lines(&done), done.stderr)
}

fn state(app: &TestApp, entry: &str) -> String {
    let entry = app.admin.get(&format!("/v1/trash/{entry}")).ok(200);
    entry["state"].as_str().unwrap().to_owned()
}

on_both! {
    fn a_run_says_of_each_organization_what_went_and_what_stays(app: &TestApp) {
        let gone: Vec<String> = ["a", "b", "c"].iter().map(|name| expired(app, name)).collect();
        let held = expired(app, "held");
        app.admin.post(&format!("/v1/trash/{held}/holds"), &json!({"reason": "case 17"})).ok(201);
        let stays = deleted(app, "stays");
        let other = app.other_organization("other");
        let theirs = other.post("/v1/connections", &postgres_connection("theirs")).ok(201)["id"].as_str().unwrap().to_owned();
        let theirs = other.delete(&format!("/v1/connections/{theirs}")).ok(200)["id"].as_str().unwrap().to_owned();
        app.other_organization("empty");
        let machine = Ways::to(app).database;

        let (plan, words) = purge(&machine, &["--validate-only"], 0);
        assert_eq!((plan.len(), words.as_str()), (2, ""), "{plan:?}");
        assert_eq!((&plan[0]["organization"], &plan[0]["organization_id"]), (&json!("default"), &json!(app.org)));
        assert_eq!((&plan[0]["purged"], &plan[0]["rows"], &plan[0]["past_date"]), (&json!(3), &json!(24), &json!(4)));
        assert_eq!(state(app, &gone[0]), "in_trash");
        let (run, words) = purge(&machine, &[], 0);
        assert_eq!(words, "");
        for member in ["purged", "rows", "held", "braked", "used", "blocked", "stopped"] {
            assert_eq!((&run[0][member], &run[1][member]), (&plan[0][member], &plan[1][member]), "{member}");
        }
        assert_eq!(run[1], json!({
            "organizations": 1, "validate_only": false, "purged": 3, "rows": 24, "failed": 0, "past_date": 1,
            "held": 1, "braked": 0, "used": 0, "blocked": 0, "stopped": null,
        }));
        for entry in &gone {
            assert_eq!(state(app, entry), "purged");
        }
        assert_eq!((state(app, &held).as_str(), state(app, &stays).as_str()), ("in_trash", "in_trash"));
        assert_eq!(other.get(&format!("/v1/trash/{theirs}")).ok(200)["state"], "in_trash");
        let (again, _) = purge(&machine, &[], 0);
        assert_eq!((&again[1]["purged"], &again[1]["past_date"]), (&json!(0), &json!(1)));
    }

    fn a_run_is_limited_to_so_many_and_to_one_organization(app: &TestApp) {
        for name in ["a", "b", "c"] {
            expired(app, name);
        }
        app.other_organization("other");
        let machine = Ways::to(app).database;
        let (none, _) = purge(&machine, &["--organization", "other"], 0);
        assert_eq!((none.len(), &none[0]["purged"], &none[0]["organizations"]), (1, &json!(0), &json!(0)));
        let (some, _) = purge(&machine, &["--organization", "default", "--limit", "2"], 0);
        assert_eq!((&some[0]["purged"], &some[0]["past_date"], &some[0]["stopped"]), (&json!(2), &json!(1), &json!("run_limit")));
        assert_eq!(some[1]["stopped"], "run_limit");
        // The last one goes, and then nothing was stopped.
        let (rest, _) = purge(&machine, &["--limit", "1"], 0);
        assert_eq!((&rest[0]["purged"], &rest[0]["stopped"]), (&json!(1), &json!(null)));

        for name in ["d", "e"] {
            expired(app, name);
        }
        let hourly = machine.run(&["purge", "--purge-hourly-limit", "4"]);
        assert_eq!((hourly.code, &lines(&hourly)[0]["purged"], &lines(&hourly)[0]["stopped"]), (Some(0), &json!(1), &json!("hourly_limit")));
        machine.run(&["purge", "--organization", "nobody"]).refused(1, &["no organization named nobody"]);
        machine.run(&["purge", "--limit", "0"]).refused(2, &["--limit"]);
        machine.run(&["purge", "--limit", "2", "status"]).refused(2, &["do not go with status"]);
        // It works on the database alone.
        Ways::to(app).server.run(&["purge"]).refused(1, &["there is no database at"]);
    }

    fn a_clock_that_jumped_stops_it_with_exit_code_2(app: &TestApp) {
        let entry = expired(app, "prod");
        let then = (Ts::now().utc() - chrono::Duration::days(40)).format("%Y-%m-%dT%H:%M:%S%.6fZ");
        app.sql().run(&format!("UPDATE scheduler_ticks SET ticked_at = '{then}'"));
        let machine = Ways::to(app).database;
        for args in [&["--validate-only"][..], &[]] {
            let (lines, words) = purge(&machine, args, 2);
            assert_eq!((&lines[0]["stopped"], &lines[1]["stopped"]), (&json!("clock_jump"), &json!("clock_jump")));
            assert_eq!((&lines[1]["purged"], &lines[1]["past_date"]), (&json!(0), &json!(1)));
            assert!(words.contains("reprieve: nothing is purged, the database's clock jumped: reprieve alarms list"), "{words}");
        }
        assert_eq!(state(app, &entry), "in_trash");
        let ways = Ways::to(app);
        let shown = ways.ok(&["alarms", "list"]);
        let id = shown.lines().find_map(|line| line.strip_prefix("  id        ")).unwrap_or_else(|| panic!("{shown}")).trim();
        // By that clock the entry is overdue as well; one alarm is enough.
        assert!(shown.starts_with("clock_jump of the service: ") && shown.contains(" days ahead of where it was"), "{shown}");
        assert_eq!(shown.matches("\n  id ").count(), 1, "{shown}");
        assert!(shown.contains(&format!("date -u; reprieve alarms acknowledge {id}")), "{shown}");
        let done = machine.run(&["alarms", "acknowledge", id]).ok();
        assert_eq!(done, "The alarm clock_jump is acknowledged and has ended.\n");
        let (lines, _) = purge(&machine, &[], 0);
        assert_eq!(lines[1]["purged"], 1);
        assert!(ways.ok(&["alarms", "list", "--all"]).contains("by cli (command line)"));
    }

    fn a_retention_that_is_not_valid_stops_its_organization_with_exit_code_2(app: &TestApp) {
        let entry = expired(app, "prod");
        let other = app.other_organization("other");
        let theirs = other.post("/v1/connections", &postgres_connection("theirs")).ok(201)["id"].as_str().unwrap().to_owned();
        let theirs = other.delete(&format!("/v1/connections/{theirs}")).ok(200)["id"].as_str().unwrap().to_owned();
        expire(app, &theirs);
        app.sql().run("UPDATE organizations SET retention_days = 0 WHERE name = 'default'");
        let machine = Ways::to(app).database;
        for (args, code) in [(&["--validate-only"][..], 2), (&[], 2)] {
            let (lines, words) = purge(&machine, args, code);
            let found = lines.iter().find(|line| line["organization"] == "default").unwrap();
            assert_eq!((&found["stopped"], &found["purged"]), (&json!("retention_invalid"), &json!(0)));
            assert_eq!((&lines[2]["stopped"], &lines[2]["purged"]), (&json!("retention_invalid"), &json!(1)));
            assert!(words.contains("nothing of default is purged, its retention is not valid: reprieve retention set --organization default --days DAYS"), "{words}");
        }
        assert_eq!(other.get(&format!("/v1/trash/{theirs}")).ok(200)["state"], "purged");
        assert!(!machine.run(&["alarms", "list", "--organization", "default"]).ok().contains("purge_overdue"));
        // Also while nothing of it is due: the next deletion would stay for ten years.
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        for args in [&["--validate-only"][..], &[]] {
            assert_eq!(purge(&machine, args, 2).0.len(), 2);
        }
        let shown = machine.run(&["retention", "show", "--organization", "default"]).ok();
        assert!(shown.contains("0 IS NOT VALID: nothing is purged"), "{shown}");
        machine.run(&["retention", "set", "--organization", "default", "--days", "30"]).ok();
        purge(&machine, &[], 0);
    }

    fn what_can_not_be_purged_is_listed_with_exit_code_3(app: &TestApp) {
        let (bad, good) = (expired(app, "bad"), expired(app, "good"));
        refuse_to_delete(app, &bad);
        let machine = Ways::to(app).database;
        let (lines, words) = purge(&machine, &[], 3);
        assert_eq!((&lines[0]["purged"], &lines[0]["failed"], &lines[0]["blocked"]), (&json!(1), &json!(1), &json!(1)));
        assert_eq!(lines[0]["failures"][0]["entry_id"], json!(bad));
        assert!(words.contains("1 of default could not be purged and will be tried again: reprieve purge status"), "{words}");
        assert_eq!((state(app, &bad).as_str(), state(app, &good).as_str()), ("in_trash", "purged"));
        // It is not tried again at once, and not forgotten.
        for args in [&["--validate-only"][..], &[]] {
            let (lines, _) = purge(&machine, args, 3);
            assert_eq!((&lines[0]["purged"], &lines[0]["failed"], &lines[0]["blocked"]), (&json!(0), &json!(0), &json!(1)));
        }
        let ways = Ways::to(app);
        let status = ways.ok(&["purge", "status"]);
        assert!(status.contains("blocked          1 entry") && status.contains(&bad) && status.contains("1 time"), "{status}");
        let shown = ways.ok(&["trash", "show", "bad"]);
        assert!(shown.contains("not purged   ") && shown.contains("tried 1 time, again 20"), "{shown}");
        assert!(ways.ok(&["alarms", "list"]).contains("purge_blocked of the organization: "));
    }

    fn at_a_terminal_a_run_prints_a_table(app: &TestApp) {
        for name in ["a", "b"] {
            expired(app, name);
        }
        let machine = Ways::to(app).database;
        let (code, screen) = machine.at_terminal(&["purge", "--validate-only"], &[]);
        assert_eq!(code, Some(0), "{screen}");
        assert!(screen.contains("WOULD PURGE") && screen.contains("Would purge 2 entries with 16 rows."), "{screen}");
        let (code, screen) = machine.at_terminal(&["purge", "--json", "--validate-only"], &[]);
        assert!(code == Some(0) && screen.contains(r#"{"organization":"default""#), "{screen}");
        let (code, screen) = machine.at_terminal(&["purge", "--limit", "1"], &[]);
        assert_eq!(code, Some(0), "{screen}");
        for words in ["ORGANIZATION", "Purged 1 entry with 8 rows.", "the rest goes with the next"] {
            assert!(screen.contains(words), "{words} is not in {screen}");
        }
        assert!(!screen.contains('{'), "{screen}");
        machine.at_terminal(&["purge"], &[]);
        let (_, screen) = machine.at_terminal(&["purge"], &[]);
        assert!(screen.contains("Nothing was due."), "{screen}");
    }

    fn a_large_entry_that_is_purged_by_hand_goes_to_its_end_without_a_server(app: &TestApp) {
        let entry = deleted(app, "large");
        // More than goes in one transaction, if it were true.
        app.sql().run(&format!("UPDATE trash_entries SET content_count = 20000 WHERE id = '{entry}'"));
        let done = Ways::to(app).database.run(&["trash", "purge", "large", "--confirm", "large"]).ok();
        assert_eq!(done, "The connection large is purged.\n");
        assert_eq!((state(app, &entry).as_str(), app.sql().count("trash_content")), ("purged", 0));
        for record in ["trash.purging", "trash.purged"] {
            assert_eq!(app.sql().count(&format!("audit_events WHERE action = '{record}'")), 1, "{record}");
        }
    }

    fn what_a_killed_purge_left_behind_is_gone_on_with(app: &TestApp) {
        let entry = deleted(app, "large");
        app.sql().run(&format!(
            "UPDATE trash_entries SET state = 'purging', closed_at = deleted_at, closed_by = 'cli' WHERE id = '{entry}'"
        ));
        let (lines, _) = purge(&Ways::to(app).database, &[], 0);
        assert_eq!((&lines[0]["purged"], &lines[0]["rows"]), (&json!(1), &json!(8)), "{lines:?}");
        assert_eq!(state(app, &entry), "purged");
    }
}

#[test]
fn organization_and_server_of_the_environment_are_no_options_of_a_run() {
    let app = TestApp::start(Backend::Sqlite);
    expired(&app, "prod");
    let machine = Ways::to(&app)
        .database
        .with("REPRIEVE_ORGANIZATION", "default");
    assert!(
        machine
            .run(&["purge", "status"])
            .ok()
            .contains("purges 1 entry")
    );
    let (lines, _) = purge(&machine, &[], 0);
    assert_eq!(lines[1]["purged"], 1);
}

#[test]
fn a_job_makes_no_key_for_a_database_that_nobody_uses_yet() {
    let machine = Machine::new();
    machine
        .run(&["purge"])
        .refused(1, &["there is no database at", "reprieve serve"]);
    let database = TestDatabase::create_empty();
    let machine = Machine::new().with("REPRIEVE_DATABASE_URL", &database.url);
    machine
        .run(&["purge"])
        .refused(1, &["pending", "reprieve migrate"]);
    machine.run(&["migrate"]).ok();
    let (lines, _) = purge(&machine, &[], 0);
    assert_eq!((lines.len(), &lines[0]["purged"]), (1, &json!(0)));
    assert!(!machine.path("reprieve-data/keys").exists());
    // The service makes it, and then the job works without it.
    let served = Machine::new().with("REPRIEVE_DATABASE_URL", &database.url);
    served.serve(&[]).stop();
    let (lines, words) = purge(&machine, &[], 0);
    assert_eq!((lines.len(), &lines[0]["purged"]), (1, &json!(0)));
    assert!(words.contains("everything else works"), "{words}");
    served.serve(&[]).stop();
}
