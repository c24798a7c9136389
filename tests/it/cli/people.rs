//! The commands for people, on a database and on a server: the same words do and print the same.

use reprieve::store::DatabaseUrl;

use crate::support::process::Machine;
use crate::support::*;

/// One service, reached in two ways.
pub(crate) struct Ways {
    /// On its database.
    pub(crate) database: Machine,
    /// By its API.
    pub(crate) server: Machine,
}

impl Ways {
    pub(crate) fn to(app: &TestApp) -> Self {
        let url = match &app.config.database {
            DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            DatabaseUrl::Postgres(url) => url.clone(),
        };
        Self {
            database: Machine::new()
                .with("REPRIEVE_DATA_DIR", app.data_dir().to_str().unwrap())
                .with("REPRIEVE_DATABASE_URL", &url),
            server: server(app, app.admin.key()),
        }
    }

    pub(crate) fn both(&self) -> [(&'static str, &Machine); 2] {
        [("database", &self.database), ("server", &self.server)]
    }

    /// What both print; they must agree.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let [on_database, on_server] = self.both().map(|(_, machine)| machine.run(args));
        assert_eq!(on_database.stderr, on_server.stderr, "{args:?}");
        let (on_database, on_server) = (on_database.ok(), on_server.ok());
        assert_eq!(on_database, on_server, "{args:?}");
        on_database
    }

    /// What both are refused with; they must agree.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, args: &[&str], words: &[&str]) -> String {
        let [on_database, on_server] = self.both().map(|(_, machine)| machine.run(args));
        on_database.refused(code, words);
        on_server.refused(code, words);
        assert_eq!(on_database.stderr, on_server.stderr, "{args:?}");
        on_database.stderr
    }
}

/// A machine with a key for the server of a test.
pub(super) fn server(app: &TestApp, key: &str) -> Machine {
    Machine::new()
        .with("REPRIEVE_URL", &format!("http://{}", app.address()))
        .with("REPRIEVE_API_KEY", key)
}

/// Waits until the entries change no more.
pub(super) fn settle(app: &TestApp) {
    TestApp::wait_for("the erasure", || {
        !app.admin
            .get("/v1/trash?state=any")
            .text
            .contains(r#""erasure":"pending""#)
    });
}

/// The text with ids and moments replaced, which differ from run to run.
fn alike(text: &str) -> String {
    let mut same = String::new();
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let shape = word.replace(|c: char| c.is_ascii_digit(), "0");
        let id = word.strip_prefix("key:").unwrap_or(word);
        let is_id = id.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        same += match shape.as_str() {
            "0000-00-00" => "<day>",
            "00:00" => "<time>",
            _ if is_id => "<id>",
            _ => word,
        };
        same += piece.strip_prefix(word).unwrap_or_default();
    }
    same
}

on_both! {
    fn a_database_and_a_server_show_the_same(app: &TestApp) {
        let kept = app.sample_connection("kept");
        let gone = app.sample_connection("gone");
        let alice = app.admin.with("reprieve-actor", "id=alice; name=Alice%20A");
        let path = format!("/v1/connections/{gone}?reason=moving%20house");
        let entry = alice.delete(&path).ok(200)["id"].as_str().unwrap().to_owned();
        settle(app);
        let ways = Ways::to(app);

        let list = ways.ok(&["trash", "list"]);
        let row = list.lines().nth(1).unwrap();
        for piece in [entry.as_str(), "connection", "gone", "3 models, 4 content", "alice", "in 30 days", "yes"] {
            assert!(row.contains(piece), "{piece} is not in {row}");
        }
        let show = ways.ok(&["trash", "show", &entry]);
        assert_eq!(show, ways.ok(&["trash", "show", "gone"]));
        for piece in [
            "by alice (Alice A)",
            "reason       moving house",
            "links        2 with it, 0 from elsewhere broken",
            "1 secret shredded",
            "no byte left in the database's files",
            "source       The credential is still valid at the source",
            "password  Password  yes",
            "Models (3):",
            "Content (4):",
            "overview",
            "m-extension",
        ] {
            assert!(show.contains(piece), "{piece} is not in\n{show}");
        }
        let own = app.admin.get(&format!("/v1/trash/{entry}")).text;
        assert_eq!(ways.ok(&["trash", "show", &entry, "--json"]), format!("{own}\n"));
        let listed: Vec<serde_json::Value> = serde_json::from_str(&ways.ok(&["trash", "list", "--json"])).unwrap();
        assert_eq!(json!(listed), app.admin.get("/v1/trash").ok(200)["data"]);

        let connections = ways.ok(&["connection", "list", "--tag", "env=prod"]);
        assert!(connections.contains("ext-kept") && connections.contains("env=prod"), "{connections}");
        let show = ways.ok(&["connection", "show", "kept"]);
        for piece in ["host=\"db.example.com\"", "3 models, 4 content, 2 links", "password  Password  set", &kept] {
            assert!(show.contains(piece), "{piece} is not in\n{show}");
        }
        assert!(!show.contains("correct horse"), "{show}");
        let own = app.admin.get(&format!("/v1/connections/{kept}")).text;
        assert_eq!(ways.ok(&["connection", "show", &kept, "--json"]), format!("{own}\n"));
        let impact = ways.ok(&["connection", "delete", "kept", "--dry-run"]);
        for piece in ["takes along 3 models, 4 content, 2 links", "model base (schema)", "Shredded at once, for good: password"] {
            assert!(impact.contains(piece), "{piece} is not in\n{impact}");
        }
        let plan = ways.ok(&["trash", "restore", "gone", "--dry-run", "--name", "back"]);
        assert_eq!(plan, "This would bring back 1 connection, 3 models, 4 content, 2 links as back.\n");
        assert!(ways.ok(&["trash", "restore", "gone", "--dry-run", "--json"]).contains("plan_token"));
    }

    fn a_database_and_a_server_do_the_same(app: &TestApp) {
        let ways = Ways::to(app);
        let mut said = Vec::new();
        for (way, machine) in ways.both() {
            let id = app.sample_connection("prod");
            let run = |args: &[&str]| machine.run(&[args, &["--as", "alice", "--as-name", "Alice"]].concat()).ok();
            let mut text = run(&["connection", "delete", "prod", "--yes", "--reason", "moving house"]);
            let entry = app.admin.get("/v1/trash").ok(200)["data"][0].clone();
            assert_eq!(entry["deleted_by"], json!({"id": "alice", "name": "Alice"}), "{way}");
            assert_eq!(entry["reason"], "moving house", "{way}");
            text += &run(&["trash", "restore", "prod"]);
            let back = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
            assert_eq!(back["status"], "needs_credentials", "{way}");
            assert!(text.contains(&format!("Enter them: reprieve connection secrets {id}\n")), "{text}");
            let entered = machine.run_with(&["connection", "secrets", "prod", "--as", "alice"], r#"{"password": "open sesame"}"#);
            text += &entered.ok();
            let secrets = app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200);
            assert_eq!(secrets["secrets"]["password"], "open sesame", "{way}");
            text += &run(&["connection", "delete", &id, "--yes"]);
            text += &run(&["trash", "purge", "prod", "--confirm", "prod"]);
            app.admin.get(&format!("/v1/connections/{id}")).problem(404, "not_found");
            said.push(alike(&text));
        }
        assert_eq!(said[0], said[1]);
        for piece in [
            "The connection prod is in the trash with 3 models, 4 content, 2 links, until <day>",
            "Restored 1 connection, 3 models, 4 content, 2 links, in the connection prod.",
            "It can't be used before its secrets are entered again:",
            "The connection prod has what it needs and is untested now.",
            "The connection prod is purged.",
        ] {
            assert!(said[0].contains(piece), "{piece} is not in\n{}", said[0]);
        }
    }

    fn a_list_is_narrowed_by_every_filter(app: &TestApp) {
        let (one, two) = (app.sample_connection("one"), app.sample_connection("two"));
        let models = app.admin.get(&format!("/v1/connections/{two}/models")).ok(200);
        let model = models["data"].as_array().unwrap().iter().find(|model| model["name"] == "empty").unwrap();
        let bob = app.admin.with("reprieve-actor", "id=bob");
        bob.delete(&format!("/v1/models/{}", model["id"].as_str().unwrap())).ok(200);
        app.delete_connection(&one);
        app.delete_connection(&two);
        app.admin.post(&format!("/v1/trash/{}/restore", app.admin.get("/v1/trash?q=one").ok(200)["data"][0]["id"].as_str().unwrap()), &json!({})).ok(200);
        settle(app);
        let ways = Ways::to(app);
        let names = |args: &[&str]| -> Vec<String> {
            let text = ways.ok(&[&["trash", "list", "--json"], args].concat());
            let entries: serde_json::Value = serde_json::from_str(&text).unwrap();
            entries.as_array().unwrap().iter().map(|entry| entry["root"]["name"].as_str().unwrap().to_owned()).collect()
        };
        for (args, expected) in [
            (&[][..], &["two", "empty"][..]),
            (&["--kind", "model"], &["empty"]),
            (&["--query", "TW"], &["two"]),
            (&["--deleted-by", "bob"], &["empty"]),
            (&["--after", "1h"], &["two", "empty"]),
            (&["--before", "1h"], &[]),
            (&["--after", "2999-01-01"], &[]),
            (&["--before", "2999-01-01 00:00"], &["two", "empty"]),
            (&["--purge-before", "60d"], &["two", "empty"]),
            (&["--purge-before", "1d"], &[]),
            (&["--held"], &[]),
            (&["--held=false"], &["two", "empty"]),
            (&["--restorable"], &["two"]),
            (&["--restorable=false"], &["empty"]),
            (&["--state", "restored"], &["one"]),
            (&["--state", "any"], &["two", "one", "empty"]),
            (&["--sort", "purge_at"], &["empty", "two"]),
        ] {
            assert_eq!(names(args), expected, "{args:?}");
        }
        for (_, machine) in ways.both() {
            let short = machine.run(&["trash", "list", "--limit", "1"]);
            assert_eq!(short.stderr, "There are more: --limit 2 shows them.\n");
            assert_eq!(short.ok().lines().count(), 2);
            let none = machine.run(&["trash", "list", "--held"]);
            assert_eq!((none.code, none.stdout.as_str(), none.stderr.as_str()), (Some(0), "", "Nothing in the trash fits.\n"));
            assert_eq!(machine.run(&["trash", "list", "--held", "--json"]).ok(), "[]\n");
        }
        let shown = ways.ok(&["trash", "show", "empty"]);
        assert!(shown.contains("In the way of a restore:") && shown.contains("--with-ancestors"), "{shown}");
    }
}

#[test]
fn a_shell_gets_its_completions() {
    let machine = Machine::new().with("REPRIEVE_CONFIG", "missing.toml");
    for shell in ["bash", "zsh", "fish"] {
        let script = machine.run(&["completions", shell]).ok();
        for word in ["with-ancestors", "api-key-file", "secrets"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn what_a_command_shreds_is_erased_without_a_server() {
    let machine = Machine::new();
    let served = machine.serve(&[]);
    let key = std::fs::read_to_string(machine.path("reprieve-data/admin.key")).unwrap();
    served
        .client(key.trim())
        .post("/v1/connections", &postgres_connection("prod"))
        .ok(201);
    served.stop();
    machine
        .run_with(
            &["connection", "secrets", "prod"],
            r#"{"password": "next"}"#,
        )
        .ok();
    assert_eq!(
        machine.run(&["erase"]).ok(),
        "Nothing waits to be erased.\n"
    );
    machine.run(&["connection", "delete", "prod", "--yes"]).ok();
    assert_eq!(
        machine.run(&["erase"]).ok(),
        "Nothing waits to be erased.\n"
    );
    assert!(
        machine
            .run(&["trash", "show", "prod"])
            .ok()
            .contains("no byte left in the database's files")
    );
    assert!(
        machine
            .run(&["verify"])
            .ok()
            .lines()
            .all(|line| line.starts_with("ok"))
    );
}
