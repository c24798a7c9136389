//! `reprieve audit` and `reprieve events`, on a database and on a server.

use std::fs;

use super::*;
use crate::cli::people::Ways;

on_both! {
    fn the_chain_is_checked_exported_and_checked_elsewhere(app: &TestApp) {
        story(app, "prod");
        let head = sealed(app);
        let ways = Ways::to(app);
        let said = ways.ok(&["audit", "verify"]);
        assert!(said.contains(&format!("is whole: {} records", head["seq"])), "{said}");
        assert!(said.contains(&format!("{}:{}", head["seq"], head["hash"].as_str().unwrap())), "{said}");
        let folder = tempfile::tempdir().unwrap();
        let mut exports = Vec::new();
        for (name, machine) in ways.both() {
            let file = folder.path().join(name);
            let path = file.to_str().unwrap();
            machine.run(&["audit", "export", path]).ok();
            machine.run(&["audit", "export", path]).refused(1, &["can't be made"]);
            exports.push(fs::read_to_string(&file).unwrap());
            // Nothing but the file is needed.
            let elsewhere = crate::support::process::Machine::new();
            let said = elsewhere.run(&["audit", "verify", path]).ok();
            assert!(said.contains("is whole"), "{said}");
        }
        let lines = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&exports[0]), lines(&exports[1]));
        assert!(!exports[0].contains("again"), "a secret that was entered");
    }

    fn an_export_that_was_changed_anywhere_is_refused(app: &TestApp) {
        app.sample_connection("prod");
        sealed(app);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.ndjson");
        let path = file.to_str().unwrap();
        Ways::to(app).database.run(&["audit", "export", path]).ok();
        let whole = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        let elsewhere = crate::support::process::Machine::new();
        let refused = |text: String, what: &str| {
            fs::write(&file, text).unwrap();
            let run = elsewhere.run(&["audit", "verify", path]);
            assert_eq!(run.code, Some(1), "{what}: {}", run.stdout);
        };
        for number in 0..lines.len() {
            let mut fewer = lines.clone();
            fewer.remove(number);
            refused(fewer.join("\n"), &format!("without line {number}"));
            let mut swapped = lines.clone();
            swapped.swap(number, (number + 1) % lines.len());
            refused(swapped.join("\n"), &format!("line {number} swapped"));
        }
        let record = lines[3];
        for (at, byte) in record.bytes().enumerate().step_by(7) {
            if byte.is_ascii_alphanumeric() {
                let mut changed = record.as_bytes().to_vec();
                changed[at] = if byte == b'7' { b'3' } else { b'7' };
                let changed = String::from_utf8(changed).unwrap();
                let mut all = lines.clone();
                all[3] = &changed;
                refused(all.join("
"), &format!("byte {at} of a record: {changed}"));
            }
        }
        fs::write(&file, &whole).unwrap();
        elsewhere.run(&["audit", "verify", path]).ok();
    }

    fn records_and_events_are_listed(app: &TestApp) {
        let (id, entry) = story(app, "prod");
        app.client(&["trash:read"]).delete(&format!("/v1/connections/{id}")).problem(403, "missing_scope");
        sealed(app);
        let ways = Ways::to(app);
        let listed = ways.ok(&["audit", "list", "--entry", &entry]);
        assert!(listed.contains("connection.trashed") && listed.contains("connection.restored"), "{listed}");
        assert!(!listed.contains("connection.created"), "{listed}");
        let refused = ways.ok(&["audit", "list", "--refused"]);
        assert!(refused.contains("DELETE /v1/connections/{id}") && refused.contains("refused: missing_scope"), "{refused}");
        let read = ways.ok(&["audit", "list", "--action", "connection.secrets_read", "--json"]);
        assert_eq!(serde_json::from_str::<Value>(&read).unwrap().as_array().unwrap().len(), 1);

        let events = ways.ok(&["events", "--type", "connection.trashed,connection.restored"]);
        let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(types(&events), ["connection.trashed", "connection.restored"]);
        let after = events[0]["seq"].to_string();
        let rest = ways.ok(&["events", "--type", "connection.trashed,connection.restored", "--after", &after]);
        assert_eq!(rest.lines().count(), 1);
        ways.refused(1, &["events", "--after", "soon"], &["a cursor"]);
        ways.refused(1, &["events", "--type", "no.*"], &["type"]);
    }

    fn a_command_that_is_refused_on_the_database_is_written_down_as_on_a_server(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("prod"));
        app.admin.post(&format!("/v1/trash/{entry}/holds"), &json!({"reason": "audit"})).ok(201);
        let ways = Ways::to(app);
        for (_, machine) in ways.both() {
            machine.run(&["trash", "purge", &entry, "--confirm", "prod"]).refused(1, &["hold"]);
        }
        let of_entry = records(app, &format!("outcome=refused&entry_id={entry}"));
        let told: Vec<_> = of_entry.iter().map(|record| (record["action"].as_str().unwrap(), record["detail"]["code"].as_str().unwrap())).collect();
        assert_eq!(told, [("POST /v1/trash/{id}/purge", "held"); 2]);
    }
}
