//! The demo with the real binary: what it tells is what happened, and nothing of it is left.

use std::path::PathBuf;

use super::mode;
use crate::support::process::Machine;

const HEADINGS: [&str; 11] = [
    "1. Something worth keeping",
    "2. Look before you delete",
    "3. Deleted, and its password shredded",
    "4. The name is free",
    "5. A script deletes nine more; one call undoes it all",
    "6. What came back is inert",
    "7. Its password again",
    "8. An integration goes and comes as one",
    "9. Gone for good, by whoever types its name",
    "10. No byte left",
    "11. The promises, checked",
];

/// A machine whose folder for temporary files is its own.
fn machine() -> Machine {
    let machine = Machine::new();
    let folder = machine.path("");
    machine.with("TMPDIR", folder.to_str().unwrap())
}

fn files(machine: &Machine) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(machine.path("")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// What the reader is told to export.
fn exported(text: &str, name: &str) -> String {
    let line = format!("export {name}=");
    let (_, rest) = text
        .split_once(&line)
        .unwrap_or_else(|| panic!("no {line} in {text}"));
    rest.lines().next().unwrap().to_owned()
}

#[test]
fn the_demo_tells_the_whole_story_and_leaves_nothing_behind() {
    // Neither a database nor a folder that the environment names is touched.
    let machine = machine()
        .with(
            "REPRIEVE_DATABASE_URL",
            "postgres://nobody:none@127.0.0.1:1/none",
        )
        .with("REPRIEVE_DATA_DIR", "mine");
    let done = machine.run(&["demo", "--no-wait", "--listen", "127.0.0.1:0"]);
    let stderr = done.stderr.clone();
    let text = done.ok();
    assert_eq!(stderr, "The demo's folder is removed.\n");
    let mut rest = text.as_str();
    for heading in HEADINGS {
        let (_, after) = rest
            .split_once(heading)
            .unwrap_or_else(|| panic!("{heading:?} is not told, or too early:\n{text}"));
        rest = after;
    }
    for line in [
        r#"impact: {"connections":1,"content":20,"integrations":0,"links":19,"models":3}"#,
        "trash_content          20    +20",
        "secret_slots not zero  12    -1",
        "    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n",
        r#"-> 410  code: "in_trash""#,
        "-> 200  restored: 9  failed: 1\n",
        "       warehouse      failed name_taken\n",
        "42 of 42 models",
        r#"missing: ["password"]"#,
        r#"name: "warehouse (2)"  status: "untested""#,
        r#"code: "confirm_mismatch""#,
        r#"state: "purged""#,
        "0 of 13 shredded secrets",
        "2 of 2 live ones",
        "0 of 15 secrets as they were typed",
        "ok      every row is in one place",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains("BROKEN"), "{text}");
    assert_eq!(files(&machine), Vec::<PathBuf>::new());
}

#[test]
fn the_demo_leaves_its_server_running_until_a_signal() {
    let machine = machine();
    let served = machine.demo();
    served.wait_for("Ctrl-C ends it and removes the folder");
    let text = served.written();
    let (key, demo) = (
        exported(&text, "KEY"),
        PathBuf::from(exported(&text, "DEMO")),
    );
    assert_eq!(exported(&text, "URL"), format!("http://{}", served.address));
    assert_eq!(mode(&demo), 0o700);
    assert_eq!(files(&machine), vec![demo]);

    let client = served.client(&key);
    let trash = client.get("/v1/trash").ok(200);
    assert_eq!(trash["data"].as_array().unwrap().len(), 1, "{trash}");
    assert_eq!(trash["data"][0]["root"]["name"], "shop-dresden");
    // What was typed is stored, and was nowhere shown.
    let found = client.get("/v1/connections?name=warehouse").ok(200);
    let id = found["data"][0]["id"].as_str().unwrap();
    let read = client.get(&format!("/v1/connections/{id}/secrets")).ok(200);
    let password = read["secrets"]["password"].as_str().unwrap();
    assert!(password.len() > 20 && !text.contains(password), "{text}");

    let text = served.stop();
    assert!(text.contains("The demo's folder is removed."), "{text}");
    assert_eq!(files(&machine), Vec::<PathBuf>::new());
}

#[test]
fn ctrl_c_in_the_middle_of_the_story_removes_the_folder_too() {
    let machine = machine();
    let (code, screen) = machine.at_terminal(
        &["demo", "--listen", "127.0.0.1:0"],
        &[("[Enter goes on]", "\u{3}")],
    );
    // The shell between them has got the signal as well, so the code is not the demo's own.
    assert_ne!(code, Some(0), "{screen}");
    assert!(screen.contains("stopped before its end"), "{screen}");
    assert_eq!(files(&machine), Vec::<PathBuf>::new());
}

#[test]
fn the_demo_waits_for_enter_between_its_steps() {
    let talk = vec![("[Enter goes on]", ""); HEADINGS.len() - 1];
    let (code, screen) =
        machine().at_terminal(&["demo", "--no-wait", "--listen", "127.0.0.1:0"], &talk);
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains(HEADINGS[10]), "{screen}");
}

#[test]
fn an_address_of_the_demo_that_is_none_is_refused() {
    Machine::new()
        .run(&["demo", "--listen", "here"])
        .refused(2, &["127.0.0.1:3003"]);
}
