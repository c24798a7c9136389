//! The program as its users run it: commands, answers on stdout, words on stderr, exit codes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use reprieve::store::DatabaseUrl;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::*;

/// A machine with nothing on it but the program.
struct Machine {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a command came to.
#[derive(Debug)]
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Done {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }

    /// A refusal with these words in it, and no more than words.
    #[track_caller]
    fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {self:#?}");
        }
        assert!(
            !self.stderr.contains("panicked") && !self.stderr.contains("Error {"),
            "{self:#?}"
        );
        assert_eq!(self.stdout, "", "{self:#?}");
    }
}

impl Machine {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Done {
        let output = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Done {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    fn serve(&self, args: &[&str]) -> Served {
        Served::start(self.command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat()))
    }

    fn database(&self) -> Sql {
        Sql::open(&DatabaseUrl::Sqlite(self.path("reprieve-data/reprieve.db")))
    }
}

/// A running server, and all that it wrote.
struct Served {
    child: Child,
    address: SocketAddr,
    written: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Served {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let written = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        let readers = streams
            .into_iter()
            .map(|stream| {
                let written = Arc::clone(&written);
                thread::spawn(move || {
                    for line in BufReader::new(stream).lines() {
                        *written.lock().unwrap() += &(line.unwrap() + "\n");
                    }
                })
            })
            .collect();
        let deadline = Instant::now() + Duration::from_secs(30);
        let address = loop {
            let text = written.lock().unwrap().clone();
            let after = text
                .split_once("http://127.0.0.1:")
                .map(|(_, rest)| rest.to_owned());
            let port: String = after
                .unwrap_or_default()
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            if let (Ok(port), true) = (port.parse::<u16>(), text.ends_with('\n')) {
                break SocketAddr::from(([127, 0, 0, 1], port));
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended: {text}");
            assert!(Instant::now() < deadline, "it names no address: {text}");
            thread::sleep(Duration::from_millis(20));
        };
        let served = Self {
            child,
            address,
            written,
            readers,
        };
        while TcpStream::connect(address).is_err() {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(Client::new(address, "").get("/readyz").status, 200);
        served
    }

    fn client(&self, key: &str) -> Client {
        Client::new(self.address, key)
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for the end: exit code and everything written.
    fn wait(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + Duration::from_secs(25);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "it does not stop: {}",
                self.written.lock().unwrap()
            );
            thread::sleep(Duration::from_millis(20));
        };
        for reader in std::mem::take(&mut self.readers) {
            reader.join().unwrap();
        }
        let text = self.written.lock().unwrap().clone();
        (status.code(), text)
    }

    fn stop(self) -> String {
        self.terminate();
        let (code, text) = self.wait();
        assert_eq!(code, Some(0), "{text}");
        text
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
    assert_eq!(served.client(&key).get("/v1/whoami").status, 200);
    assert!(
        machine
            .run(&["key", "revoke", id, "--organization", "default"])
            .ok()
            .contains("revoked")
    );
    served
        .client(&key)
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
        broken.stderr.contains("found in") && broken.stderr.contains("reprieve.db"),
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
fn what_is_wrong_is_said_in_words_and_no_password_is_repeated() {
    let machine = Machine::new();
    std::fs::write(
        machine.path("bad.toml"),
        "data_dir = 'd'\ndatabase_urls = 'postgres://u:hunter2@db/x'\n",
    )
    .unwrap();
    machine
        .run(&["migrate", "--config", "bad.toml"])
        .refused(1, &["bad.toml", "line 2", "database_urls"]);
    machine
        .run(&["migrate", "--config", "none.toml"])
        .refused(1, &["none.toml", "can't be read"]);
    for url in [
        "mysql://u:hunter2@db/x",
        "postgres://u:hunter2@127.0.0.1:1/x",
        "postgres://u:hunter2@nowhere.invalid/x",
        "postgres://u:hunter2@hunter2@db/x",
        "postgres://u:hunter2%@db/x",
        "postgres://u:hunter2@db/x?sslmode=require",
        "postgres://u:hunter2@db:port/x",
        "hunter2",
    ] {
        for args in [&["migrate"][..], &["serve"], &["verify"]] {
            let by_flag = machine.run(&[args, &["--database-url", url]].concat());
            let by_variable = Machine::new().with("REPRIEVE_DATABASE_URL", url).run(args);
            for done in [by_flag, by_variable] {
                assert_eq!(done.code, Some(1), "{url}: {done:#?}");
                assert!(
                    done.stderr.contains("reprieve: ") && !done.stderr.contains("hunter2"),
                    "{url}: {done:#?}"
                );
            }
        }
    }
    machine
        .run(&["serve", "--listen", "here"])
        .refused(2, &["--listen"]);
    machine.run(&["fly"]).refused(2, &["fly"]);
    machine.run(&["serve", "--fly"]).refused(2, &["--fly"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    machine
        .run(&["serve", "--listen", &address])
        .refused(1, &["can't listen on", &address, "--listen"]);
    std::fs::write(machine.path("file"), "").unwrap();
    machine
        .run(&["serve", "--data-dir", "file/below"])
        .refused(1, &["file/below"]);
}

#[test]
fn every_option_is_in_the_help_with_its_variable_and_works_by_it() {
    let machine = Machine::new();
    let help = machine.run(&["serve", "--help"]).ok();
    for option in [
        "data-dir",
        "database-url",
        "keys",
        "key-file",
        "config",
        "log-format",
        "log-level",
        "listen",
        "public-url",
        "workers",
        "pool-size",
        "no-migrate",
        "erasure-interval",
    ] {
        let variable = format!("REPRIEVE_{}", option.to_uppercase().replace('-', "_"));
        assert!(
            help.contains(&format!("--{option}")),
            "--{option} is not in\n{help}"
        );
        assert!(help.contains(&variable), "{variable} is not in\n{help}");
    }
    assert!(machine.run(&["--help"]).ok().contains("serve"));
    assert!(machine.run(&["--version"]).ok().starts_with("reprieve "));

    std::fs::write(
        machine.path("set.toml"),
        "data_dir = 'by-file'\nworkers = 1\n",
    )
    .unwrap();
    let machine = machine
        .with("REPRIEVE_CONFIG", "set.toml")
        .with("REPRIEVE_LOG_FORMAT", "json")
        .with("REPRIEVE_LOG_LEVEL", "debug")
        .with("REPRIEVE_KEYS", "keys-apart");
    let served = machine.serve(&[]);
    let key = std::fs::read_to_string(machine.path("by-file/admin.key")).unwrap();
    assert_eq!(served.client(key.trim()).get("/v1/whoami").status, 200);
    assert!(machine.path("keys-apart").read_dir().unwrap().count() > 0);
    let written = served.stop();
    for line in written.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            line["timestamp"].is_string() && line["level"].is_string(),
            "{line}"
        );
    }
    // The environment beats the file, the flag beats both.
    let moved = machine.with("REPRIEVE_DATA_DIR", "by-variable");
    moved.run(&["migrate"]).ok();
    assert!(moved.path("by-variable/reprieve.db").exists());
    moved.run(&["migrate", "--data-dir", "by-flag"]).ok();
    assert!(moved.path("by-flag/reprieve.db").exists());
}
