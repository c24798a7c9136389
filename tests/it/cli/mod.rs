//! The program as its users run it: commands, answers on stdout, words on stderr, exit codes.

mod canary;
mod demo;
mod errors;
pub(crate) mod people;
mod purge;
mod receipts;
mod restoring;
mod retention;
mod secrets;
mod server;
mod terminal;
mod transfer;
mod uses;
mod words;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::process::Machine;
use crate::support::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn export() -> String {
    format!(
        "{}/tests/it/data/superset-export.zip",
        env!("CARGO_MANIFEST_DIR")
    )
}

#[test]
fn serve_in_an_empty_folder_is_all_a_newcomer_needs() {
    let machine = Machine::new();
    let served = machine.serve(&[]);
    let file = machine.path("reprieve-data/admin.key");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&machine.path("reprieve-data")), 0o700);
    let text = std::fs::read_to_string(&file).unwrap();
    let key = text.trim();
    let who = served.client(key).get("/v1/whoami").ok(200);
    assert_eq!(who["organization"]["name"], "default");
    assert_eq!(who["scopes"], json!(["*"]));
    let written = served.stop();
    let secret = key.rsplit('_').next().unwrap();
    assert!(
        secret.len() > 20 && !written.contains(secret),
        "the log tells the key"
    );
    assert!(
        written.contains("admin.key") && written.contains("/v1/whoami"),
        "{written}"
    );

    // The second start finds everything there.
    let served = machine.serve(&[]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    assert_eq!(served.client(key).get("/v1/whoami").status, 200);
    let keys: Value = serde_json::from_str(&machine.run(&["key", "list", "--json"]).ok()).unwrap();
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    machine
        .run(&["serve", "--listen", "127.0.0.1:0"])
        .refused(1, &["another `reprieve serve` runs on"]);
    served.stop();
}

#[test]
fn a_running_request_finishes_before_the_service_stops() {
    let machine = Machine::new();
    let served = machine.serve(&[]);
    let key = std::fs::read_to_string(machine.path("reprieve-data/admin.key")).unwrap();
    let body = postgres_connection("slow").to_string();
    let (first, rest) = body.split_at(20);
    let mut stream = TcpStream::connect(served.address).unwrap();
    write!(
        stream,
        "POST /v1/connections HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{first}",
        key.trim(),
        body.len()
    )
    .unwrap();
    thread::sleep(Duration::from_millis(500));
    let stopping = Instant::now();
    served.terminate();
    thread::sleep(Duration::from_secs(1));
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let (code, text) = served.wait();
    assert_eq!(code, Some(0), "{text}");
    assert!(
        stopping.elapsed() < Duration::from_secs(20),
        "{:?}",
        stopping.elapsed()
    );
    assert_eq!(machine.database().count("connections"), 1);
}

#[test]
fn organizations_and_keys_from_the_command_line() {
    let machine = Machine::new();
    machine.run(&["key", "list"]).refused(
        1,
        &[
            "there is no database at",
            "reprieve serve",
            "reprieve migrate",
        ],
    );
    assert!(machine.run(&["migrate"]).ok().contains("applied"));
    assert!(machine.run(&["migrate"]).ok().contains("up to date"));

    let made = machine.run(&[
        "key",
        "create",
        "--name",
        "ci",
        "--scope",
        "trash:read",
        "--scope",
        "connections:*",
    ]);
    let key = made.stdout.trim_end().to_owned();
    assert_eq!(made.stdout, format!("{key}\n"), "the key alone");
    assert!(
        key.starts_with("rpv_") && !made.stderr.contains(&key) && made.stderr.contains("ci"),
        "{made:#?}"
    );
    let served = machine.serve(&[]);
    let who = served.client(&key).get("/v1/whoami").ok(200);
    assert_eq!(who["scopes"], json!(["connections:*", "trash:read"]));

    assert!(
        machine
            .run(&["org", "create", "acme", "--display-name", "Acme Ltd"])
            .ok()
            .contains("acme")
    );
    machine
        .run(&["org", "create", "acme"])
        .refused(1, &["name"]);
    machine
        .run(&["org", "create", "No Good"])
        .refused(1, &["name"]);
    let listed = machine.run(&["org", "list"]).ok();
    assert!(
        listed.contains("default") && listed.contains("Acme Ltd"),
        "{listed}"
    );

    served.stop();
}

#[test]
fn keys_of_several_organizations_from_the_command_line() {
    let machine = Machine::new();
    machine.run(&["migrate"]).ok();
    let key = machine
        .run(&["key", "create", "--name", "ci", "--scope", "*"])
        .ok();
    let key = key.trim_end();
    machine.run(&["org", "create", "acme"]).ok();
    let served = machine.serve(&[]);

    // With two of them one must be chosen.
    machine
        .run(&["key", "create", "--name", "x", "--scope", "*"])
        .refused(1, &["--organization"]);
    machine
        .run(&["key", "list", "--organization", "nobody"])
        .refused(1, &["nobody"]);
    let acme = machine
        .run(&[
            "key",
            "create",
            "--name",
            "x",
            "--scope",
            "*",
            "--organization",
            "acme",
        ])
        .ok();
    let who = served.client(acme.trim()).get("/v1/whoami").ok(200);
    assert_eq!(who["organization"]["name"], "acme");

    let listed: Value = serde_json::from_str(
        &machine
            .run(&["key", "list", "--organization", "default", "--json"])
            .ok(),
    )
    .unwrap();
    let ci = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["name"] == "ci")
        .unwrap();
    let id = ci["id"].as_str().unwrap();
    machine
        .run(&["key", "revoke", id, "--organization", "acme"])
        .refused(1, &[]);
    assert_eq!(served.client(key).get("/v1/whoami").status, 200);
    assert!(
        machine
            .run(&["key", "revoke", id, "--organization", "default"])
            .ok()
            .contains("revoked")
    );
    served
        .client(key)
        .get("/v1/whoami")
        .problem(401, "unauthenticated");
    assert!(
        machine
            .run(&["key", "list", "--organization", "default"])
            .ok()
            .contains("revoked")
    );
    machine
        .run(&["key", "create", "--name", "x", "--scope", "trash:burn"])
        .refused(2, &["trash:burn", "trash:purge"]);
    served.stop();
}

#[test]
fn import_erase_and_verify_from_the_command_line() {
    let machine = Machine::new();
    let served = machine.serve(&[]);
    let key = std::fs::read_to_string(machine.path("reprieve-data/admin.key")).unwrap();
    let admin = served.client(key.trim());
    let summary = machine.run(&["import", "superset", &export()]).ok();
    for line in [
        "connections  1        0",
        "models       11       0",
        "content      52       0",
    ] {
        assert!(summary.contains(line), "{line:?} is not in\n{summary}");
    }
    assert!(
        summary.contains("examples")
            && summary.contains("password")
            && summary.contains("PUT /v1/"),
        "{summary}"
    );
    let again: Value = serde_json::from_str(
        &machine
            .run(&["import", "superset", &export(), "--json"])
            .ok(),
    )
    .unwrap();
    assert_eq!(
        (&again["models_created"], &again["models_updated"]),
        (&json!(0), &json!(0))
    );
    machine
        .run(&["import", "superset", "nothing.zip"])
        .refused(1, &["nothing.zip", "can't be opened"]);

    let id = again["connections"][0]["id"].as_str().unwrap();
    let path = format!("/v1/connections/{id}");
    admin
        .put(
            &format!("{path}/secrets"),
            &json!({"secrets": {"password": "correct horse"}}),
        )
        .ok(200);
    assert!(
        machine
            .run(&["verify"])
            .ok()
            .lines()
            .all(|line| line.starts_with("ok"))
    );
    admin.delete(&path).ok(200);
    served.stop();
    // The service erases before it stops.
    assert_eq!(
        machine.run(&["erase"]).ok(),
        "Nothing waits to be erased.\n"
    );
    let report = machine.run(&["verify"]).ok();
    assert!(
        report.lines().count() > 5 && report.lines().all(|line| line.starts_with("ok")),
        "{report}"
    );

    machine
        .database()
        .run("DELETE FROM trash_models WHERE name = 'birth_names'");
    let broken = machine.run(&["verify"]);
    assert_eq!(broken.code, Some(1), "{broken:#?}");
    assert!(
        broken.stdout.contains("BROKEN  entries hold what they say"),
        "{broken:#?}"
    );
    assert!(
        broken.stderr.contains("broken in") && broken.stderr.contains("reprieve.db"),
        "{broken:#?}"
    );
}

#[test]
fn on_postgres_the_tables_and_the_first_key_come_from_the_command_line() {
    let database = TestDatabase::create_empty();
    let machine = Machine::new().with("REPRIEVE_DATABASE_URL", &database.url);
    machine
        .run(&["verify"])
        .refused(1, &["pending", "reprieve migrate"]);
    machine
        .run(&["serve", "--no-migrate", "--listen", "127.0.0.1:0"])
        .refused(1, &["pending", "reprieve migrate"]);
    assert!(
        machine
            .run(&["migrate", "--status"])
            .ok()
            .contains("pending")
    );
    assert!(machine.run(&["migrate"]).ok().contains("applied"));
    let served = machine.serve(&[]);
    let note = served.stop();
    assert!(
        note.contains("reprieve key create --name admin --scope '*'"),
        "{note}"
    );
    assert!(!machine.path("reprieve-data/admin.key").exists());

    let key = machine
        .run(&["key", "create", "--name", "admin", "--scope", "*"])
        .ok();
    let served = machine.serve(&[]);
    let admin = served.client(key.trim());
    let id = admin
        .post("/v1/connections", &postgres_connection("warehouse"))
        .ok(201)["id"]
        .clone();
    let entry = admin
        .delete(&format!("/v1/connections/{}", id.as_str().unwrap()))
        .ok(200)["id"]
        .clone();
    assert_eq!(entry.as_str().map(str::len), Some(36));
    assert!(
        machine
            .run(&["verify"])
            .ok()
            .lines()
            .all(|line| line.starts_with("ok"))
    );
    assert_eq!(machine.run(&["erase"]).ok(), "1 erasure is done.\n");
    assert_eq!(
        machine.run(&["erase"]).ok(),
        "Nothing waits to be erased.\n"
    );
    served.stop();
}

#[test]
fn the_service_goes_on_and_stops_when_nobody_reads_its_log() {
    let machine = Machine::new();
    let (mut child, address) = machine.serve_unread();
    let stranger = Client::new(address, "");
    TestApp::wait_for("the server", || {
        std::net::TcpStream::connect(address).is_ok()
    });
    for _ in 0..3 {
        stranger.get("/readyz").ok(200);
        stranger.get("/v1/whoami").problem(401, "unauthenticated");
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    TestApp::wait_for("its end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
