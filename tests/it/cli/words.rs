//! What the program says of itself and of what is wrong.

use serde_json::Value;

use crate::support::process::Machine;

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
