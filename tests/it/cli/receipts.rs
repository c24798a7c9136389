//! `reprieve receipt`: kept as files, and checked on a machine that has nothing else.

use std::fs;

use serde_json::Value;

use super::people::{Ways, server, settle};
use crate::support::process::Machine;
use crate::support::*;

const VERIFY: [&str; 5] = ["receipt", "verify", "receipt.json", "--keys", "keys.json"];

/// A machine with these two files and nothing that could be asked. What it is told of a configuration is no matter.
fn auditor(receipt: &Value, keys: &Value) -> Machine {
    let machine = Machine::new()
        .with("REPRIEVE_CONFIG", "/nowhere/reprieve.toml")
        .with("REPRIEVE_DATABASE_URL", "nonsense");
    fs::write(machine.path("receipt.json"), receipt.to_string()).unwrap();
    fs::write(machine.path("keys.json"), keys.to_string()).unwrap();
    machine
}

fn json_of(machine: &Machine, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(machine.path(name)).unwrap()).unwrap()
}

on_both! {
    fn a_receipt_is_kept_and_checked_where_nothing_else_is(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("prod"));
        settle(app);
        for (way, machine) in Ways::to(app).both() {
            let show = ["receipt", "show", &entry, "-o", "receipt.json"];
            let done = machine.run(&show);
            assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""), "{way}: {done:#?}");
            assert_eq!(done.stderr, "Written to receipt.json.\n");
            machine.run(&["receipt", "keys", "--output", "keys.json"]).ok();
            machine.run(&show).refused(1, &["receipt.json can't be written"]);
            let printed: Value = serde_json::from_str(&machine.run(&["receipt", "show", &entry]).ok()).unwrap();
            assert_eq!(printed["receipt"]["deletion"]["id"], json!(entry));
            let listed: Value = serde_json::from_str(&machine.run(&["receipt", "keys"]).ok()).unwrap();
            assert_eq!(listed, json_of(machine, "keys.json"));

            let bare = auditor(&json_of(machine, "receipt.json"), &listed);
            let said = bare.run(&VERIFY).ok();
            for words in [
                "Good: this receipt is as it was signed.",
                "the deletion of the connection prod",
                &entry,
                "1 connection, 3 models, 4 content, 2 links",
                "in the trash",
                "1 (password)",
                "no byte left in the database's files",
                "Rotate it there",
                "It does not cover",
                "Not checked: whether the key is the organization's",
            ] {
                assert!(said.contains(words), "{way}: {words:?} is not in\n{said}");
            }
            assert_eq!(fs::read_dir(bare.path("")).unwrap().count(), 2, "it made something");
        }
    }

    fn each_thing_that_is_wrong_has_its_sentence(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("prod"));
        let receipt = app.admin.get(&format!("/v1/receipts/{entry}")).ok(200);
        let keys = app.admin.get("/v1/receipt-keys").ok(200);
        let with = |member: &str, value: Value| {
            let mut altered = receipt.clone();
            altered[member] = value;
            altered
        };
        let payload = receipt["payload"].as_str().unwrap();
        let altered = with("payload", json!(format!("f{}", payload.strip_prefix('e').unwrap())));
        auditor(&altered, &keys).run(&VERIFY).refused(1, &["the signature does not fit", "altered"]);
        let mut lies = receipt.clone();
        lies["receipt"]["secrets"]["erased_at"] = json!("2020-01-01T00:00:00.000000Z");
        auditor(&lies, &keys).run(&VERIFY).refused(1, &["there to be read", "altered"]);
        auditor(&receipt, &json!({"data": []})).run(&VERIFY).refused(1, &["not among the 0 public keys given"]);
        let mut unsigned = with("signature", Value::Null);
        unsigned["unsigned"] = json!("locked");
        auditor(&unsigned, &keys).run(&VERIFY).refused(1, &["not signed (locked)", "ask again when it has"]);
        auditor(&json!([]), &keys).run(&VERIFY).refused(1, &["receipt.json: it is no receipt"]);
        auditor(&receipt, &json!("none")).run(&VERIFY).refused(1, &["keys.json: it is no list of public keys"]);
        Machine::new().run(&VERIFY).refused(1, &["receipt.json can't be read"]);
        Machine::new().run(&VERIFY[..3]).refused(2, &["--keys"]);

        let machine = server(app, app.admin.key());
        machine.run(&["receipt", "show", "prod"]).refused(2, &["expected the id of a deletion"]);
        let unknown = "019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00";
        Ways::to(app).refused(1, &["receipt", "show", unknown], &["There is no deletion with this id"]);
    }
}

on_each! {
    fn an_unsigned_receipt_is_written_with_a_word_of_warning(backend: Backend) {
        let mut app = TestApp::start(backend);
        let entry = app.delete_connection(&app.sample_connection("prod"));
        app.halt();
        fs::rename(app.data_dir().join("keys"), app.data_dir().join("keys-away")).unwrap();
        app.restart();
        let done = server(&app, app.admin.key()).run(&["receipt", "show", &entry]);
        assert!(done.stderr.contains("This receipt is not signed (locked)"), "{done:#?}");
        let shown: Value = serde_json::from_str(&done.ok()).unwrap();
        assert_eq!(shown["unsigned"], "locked");
    }
}
