//! `reprieve export` and `reprieve import ndjson`.

use serde_json::Value;

use super::*;
use crate::transfer::{connection, content, file, lines, model, with};

/// A machine with a connection, a model and some content in its database.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.run(&["migrate"]).ok();
    std::fs::write(machine.path("in.ndjson"), good(3)).unwrap();
    machine
        .run(&["key", "create", "--name", "first", "--scope", "*"])
        .ok();
    machine.run(&["import", "ndjson", "in.ndjson"]).ok();
    machine
}

fn good(rows: u64) -> String {
    let mut values = vec![connection(1), model(2, 1)];
    values.extend((3..=rows).map(|number| content(number, 1)));
    file(&lines(&values))
}

#[test]
fn an_export_is_a_private_file_that_is_never_overwritten_by_accident() {
    let machine = machine();
    let done = machine.run(&["export", "ndjson", "out.ndjson"]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), ""),
        "{done:#?}"
    );
    assert!(
        done.stderr
            .contains("Exported 3 rows of the organization default"),
        "{done:#?}"
    );
    assert_eq!(done.stderr.lines().count(), 1, "a bar was drawn: {done:#?}");
    let path = machine.path("out.ndjson");
    assert_eq!(mode(&path), 0o600);
    let first = std::fs::read_to_string(&path).unwrap();
    assert_eq!(first.lines().count(), 5);

    std::fs::write(&path, "mine").unwrap();
    machine
        .run(&["export", "ndjson", "out.ndjson"])
        .refused(1, &["out.ndjson is there already", "--force"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    machine
        .run(&["export", "ndjson", "out.ndjson", "--force"])
        .ok();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 5);
    machine
        .run(&["export", "ndjson", "no/folder/out.ndjson"])
        .refused(1, &["no/folder/out.ndjson"]);

    let printed = machine.run(&["export", "ndjson", "-", "--live-only"]).ok();
    assert!(printed.contains("\"live_only\":true"));
    assert_eq!(printed.lines().count(), 5);
    let files: Vec<_> = std::fs::read_dir(machine.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files.len(), 3, "something was left behind: {files:?}");
}

#[test]
fn an_import_says_what_it_did_and_what_is_wrong() {
    let machine = Machine::new();
    machine.run(&["migrate"]).ok();
    machine
        .run(&["key", "create", "--name", "first", "--scope", "*"])
        .ok();
    std::fs::write(machine.path("in.ndjson"), good(30)).unwrap();
    let planned = machine
        .run(&["import", "ndjson", "in.ndjson", "--validate-only"])
        .ok();
    assert!(
        planned.contains("content     28") && planned.contains("Nothing was written"),
        "{planned}"
    );
    assert_eq!(machine.database().count("connections"), 0);

    let done = machine.run(&["import", "ndjson", "in.ndjson"]).ok();
    assert!(
        done.contains("connection  1") && done.contains("PUT /v1/connections/{id}/secrets"),
        "{done}"
    );
    assert_eq!(machine.database().count("content"), 28);
    assert_eq!(
        machine
            .database()
            .count("audit_events WHERE action = 'import.done' AND actor_id = 'cli'"),
        1
    );
    machine
        .run(&["import", "ndjson", "in.ndjson"])
        .refused(1, &["nothing was written", "line 2, id:", "(id_taken)"]);

    let wrong = [with(connection(50), "version", 0), connection(51)];
    let wrong = file(&lines(&wrong)).replace("\"ext-51\"", "\"ext-1\"");
    std::fs::write(machine.path("wrong.ndjson"), wrong).unwrap();
    machine.run(&["import", "ndjson", "wrong.ndjson"]).refused(
        1,
        &[
            "line 2, version: must be 1 or more (out_of_range)",
            "(checksum_mismatch)",
        ],
    );
    let told = machine.run(&["import", "ndjson", "wrong.ndjson", "--json"]);
    assert_eq!(told.code, Some(1));
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(
        (&told["problems"][0]["line"], &told["problems"][0]["code"]),
        (&json!(2), &json!("out_of_range"))
    );
    machine
        .run(&["import", "ndjson", "nothing.ndjson"])
        .refused(1, &["nothing.ndjson can't be opened"]);
    assert!(
        machine
            .run(&["verify"])
            .ok()
            .lines()
            .all(|line| line.starts_with("ok"))
    );
}

#[test]
fn an_export_goes_through_a_pipe_into_the_import() {
    let machine = machine();
    let exported = machine.run(&["export", "ndjson"]).ok();
    let other = Machine::new();
    other.run(&["migrate"]).ok();
    other
        .run(&["key", "create", "--name", "first", "--scope", "*"])
        .ok();
    let done = other.run_with(&["import", "ndjson", "-", "--json"], &exported);
    let done: Value = serde_json::from_str(&done.ok()).unwrap();
    assert_eq!(done["counts"]["connection"], 1);
    assert_eq!(other.database().count("content"), 1);
    let nothing = Machine::new();
    nothing
        .run(&["export", "ndjson", "x"])
        .refused(1, &["there is no database at"]);
}

#[test]
fn a_service_that_is_killed_in_an_import_has_written_nothing() {
    let machine = Machine::new();
    let served = machine.serve(&[]);
    let key = std::fs::read_to_string(machine.path("reprieve-data/admin.key")).unwrap();
    let admin = served.client(key.trim());
    let accepted = crate::transfer::send(&admin, "", &good(8_000)).ok(202);
    let path = format!("/v1/imports/{}", accepted["id"].as_str().unwrap());
    TestApp::wait_for("rows to be written", || {
        let view = admin.get(&path).ok(200);
        assert_ne!(view["state"], "done", "it was over too soon");
        view["state"] == "writing" && view["rows_read"].as_i64() > Some(500)
    });
    served.kill();
    let served = machine.serve(&[]);
    let view = served.client(key.trim()).get(&path).ok(200);
    assert_eq!(
        (&view["state"], &view["problems"][0]["code"]),
        (&json!("failed"), &json!("interrupted")),
        "{view:#}"
    );
    for table in ["connections", "models", "content"] {
        assert_eq!(machine.database().count(table), 0, "{table}");
    }
    served.stop();
}
