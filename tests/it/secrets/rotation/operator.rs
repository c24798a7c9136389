//! The commands, as an operator runs them.

use serde_json::Value;

use super::*;
use crate::support::process::Machine;

fn status(machine: &Machine) -> Value {
    serde_json::from_str(&machine.run(&["keys", "status", "--json"]).ok()).unwrap()
}

#[test]
fn an_operator_rotates_retires_and_destroys_beside_a_running_service() {
    let machine = Machine::new();
    let served = machine.serve(&[]);
    let key = std::fs::read_to_string(machine.path("reprieve-data/admin.key")).unwrap();
    let client = served.client(key.trim());
    let id = client
        .post("/v1/connections", &postgres_connection("a"))
        .ok(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/connections/{id}/secrets");

    let table = machine.run(&["keys", "status"]).ok();
    assert!(
        table.starts_with("EPOCH") && table.contains("primary since") && table.contains("1 of 1"),
        "{table}"
    );
    let refused = machine.run(&["keys", "retire", "1"]);
    refused.refused(1, &["reprieve keys rotate"]);
    machine
        .run(&["keys", "destroy", "1", "--now", "--yes"])
        .refused(1, &["primary"]);
    machine
        .run(&["keys", "destroy", "7", "--yes"])
        .refused(1, &["there is no key epoch 7"]);

    let first = machine.run(&["keys", "rotate"]).ok();
    assert!(
        first.contains("waits for") || first.contains("New secrets are sealed under key epoch 2"),
        "{first}"
    );
    let done = machine.run(&["keys", "rotate", "--wait"]);
    // The service may have been faster: then this one was the next rotation.
    let primary = if done.stderr.contains("under way") {
        2
    } else {
        3
    };
    assert!(
        done.stdout
            .contains(&format!("sealed under key epoch {primary}")),
        "{done:?}"
    );
    client.get(&path).ok(200);
    let told = status(&machine);
    let epochs = told["epochs"].as_array().unwrap();
    assert_eq!(epochs[0]["state"], "retired");
    assert_eq!(
        (
            &epochs.last().unwrap()["state"],
            &epochs.last().unwrap()["secrets"]
        ),
        (&json!("primary"), &json!(1))
    );
    assert_eq!(told["replicas"][0]["alive"], true);

    machine.run(&["keys", "retire", "1"]).ok();
    machine
        .run(&["keys", "destroy", "1"])
        .refused(2, &["--yes"]);
    machine
        .run(&["keys", "destroy", "1", "--yes"])
        .refused(1, &["--now"]);
    assert!(machine.path("reprieve-data/keys/epoch-1.key").exists());
    let destroyed = machine.run(&["keys", "destroy", "1", "--now", "--yes"]);
    assert!(
        destroyed.stderr.contains("No copy of the database")
            && destroyed.stdout.contains("is destroyed"),
        "{destroyed:?}"
    );
    assert!(!machine.path("reprieve-data/keys/epoch-1.key").exists());
    client.get(&path).ok(200);
    assert_eq!(status(&machine)["epochs"][0]["state"], "destroyed");
    served.stop();
}

#[test]
fn the_question_says_what_a_destruction_means() {
    let machine = Machine::new();
    machine.serve(&[]).stop();
    machine.run(&["keys", "rotate", "--wait"]).ok();
    let (code, screen) = machine.at_terminal(
        &["keys", "destroy", "1", "--now"],
        &[("for good? [y/N]", "n")],
    );
    assert_eq!(code, Some(1), "{screen}");
    assert!(
        screen.contains("No copy of the database from before"),
        "{screen}"
    );
    assert!(machine.path("reprieve-data/keys/epoch-1.key").exists());
    let (code, screen) = machine.at_terminal(
        &["keys", "destroy", "1", "--now"],
        &[("for good? [y/N]", "y")],
    );
    assert_eq!(code, Some(0), "{screen}");
    assert!(!machine.path("reprieve-data/keys/epoch-1.key").exists());
}

#[test]
fn a_lost_key_has_a_way_out_on_the_command_line() {
    let machine = Machine::new();
    let served = machine.serve(&[]);
    let key = std::fs::read_to_string(machine.path("reprieve-data/admin.key")).unwrap();
    let id = served
        .client(key.trim())
        .post("/v1/connections", &postgres_connection("a"))
        .ok(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    served.stop();
    std::fs::remove_file(machine.path("reprieve-data/keys/epoch-1.key")).unwrap();
    machine.run(&["keys", "rotate"]).refused(1, &["locked"]);
    let table = machine.run(&["keys", "status"]).ok();
    assert!(table.contains("This keyring: locked"), "{table}");
    let done = machine.run(&["keys", "destroy", "1", "--lost", "--yes"]);
    assert!(
        done.stdout
            .contains("1 secret of 1 owner was shredded; key epoch 1 is destroyed"),
        "{done:?}"
    );
    assert!(
        done.stderr
            .contains("New secrets are sealed under key epoch 2"),
        "{done:?}"
    );
    let served = machine.serve(&[]);
    let client = served.client(key.trim());
    assert_eq!(
        client.get(&format!("/v1/connections/{id}")).ok(200)["status"],
        "needs_credentials"
    );
    served.stop();
    assert!(machine.run(&["verify"]).ok().contains("ok"));
}

#[test]
fn a_key_given_as_one_file_does_not_rotate_and_says_what_to_do() {
    let machine = Machine::new();
    machine.serve(&[]).stop();
    std::fs::rename(
        machine.path("reprieve-data/keys/epoch-1.key"),
        machine.path("given.key"),
    )
    .unwrap();
    let machine = machine.with("REPRIEVE_KEY_FILE", "given.key");
    machine
        .run(&["keys", "rotate"])
        .refused(1, &["--key-file", "epoch-1.key", "--keys"]);
    machine.run(&["keys", "status"]).ok();
    let served = machine.serve(&[]);
    assert!(served.stop().contains("never rotated"));
}
