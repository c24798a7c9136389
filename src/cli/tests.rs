//! The command line as clap has it: nothing here runs a subcommand.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clap::builder::Resettable;
use clap::{Arg, Command as Definition, CommandFactory as _, FromArgMatches as _};

use super::{Cli, Command, Options, ServeOptions, config};
use crate::config::File;

/// The command line without the environment of whoever runs the tests.
fn command() -> Definition {
    fn deaf(command: Definition) -> Definition {
        command
            .mut_args(|arg| arg.env(Resettable::Reset))
            .mut_subcommands(deaf)
    }
    deaf(Cli::command())
}

fn parse(command: Definition, args: &[&str]) -> Result<Cli, clap::Error> {
    let matches = command.try_get_matches_from([&["reprieve"], args].concat())?;
    Cli::from_arg_matches(&matches)
}

/// Every subcommand that does something, with the options it shows; one that has subcommands may do something itself.
fn leaves(mut command: Definition) -> Vec<Definition> {
    command.build();
    let inner: Vec<Definition> = command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
        .cloned()
        .collect();
    let own = (!command.is_subcommand_required_set()).then_some(command);
    own.into_iter()
        .chain(inner.into_iter().flat_map(leaves))
        .collect()
}

fn flags(command: &Definition) -> Vec<&Arg> {
    command
        .get_arguments()
        .filter(|arg| {
            arg.get_long()
                .is_some_and(|long| long != "help" && long != "version")
        })
        .collect()
}

#[test]
fn the_definitions_hold() {
    Cli::command().debug_assert();
}

#[test]
fn the_help_shows_every_option_with_its_variable_and_its_default() {
    let leaves = leaves(Cli::command());
    assert_eq!(leaves.len(), 59);
    for mut leaf in leaves {
        let help = leaf.render_long_help().to_string();
        let one_line = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for flag in flags(&leaf) {
            let long = flag.get_long().unwrap_or_default();
            assert!(help.contains(&format!("--{long}")), "--{long} in\n{help}");
            let Some(variable) = flag.get_env().and_then(|name| name.to_str()) else {
                continue;
            };
            assert_eq!(
                variable,
                format!("REPRIEVE_{}", long.to_uppercase().replace('-', "_"))
            );
            assert!(
                one_line.contains(&format!("[env: {variable}")),
                "{variable} in\n{help}"
            );
            assert!(
                flag.get_help()
                    .is_some_and(|help| help.to_string().contains("[default: ")),
                "--{long} names no default"
            );
        }
        for option in flags(&Cli::command()) {
            // The public keys of `receipt verify`, which reads no configuration and so needs no keyring.
            if flags(&leaf)
                .iter()
                .any(|own| own.get_id() == option.get_id() && own.get_env().is_none())
            {
                continue;
            }
            assert!(
                help.contains(&format!(
                    "[env: REPRIEVE_{}",
                    option.get_id().as_str().to_uppercase()
                )),
                "{} in\n{help}",
                option.get_id()
            );
        }
    }
}

#[test]
fn the_defaults_in_the_help_are_the_defaults() {
    let serve = leaves(Cli::command())
        .into_iter()
        .find(|leaf| leaf.get_name() == "serve")
        .unwrap();
    let (config, log) =
        config::resolve(Options::default(), ServeOptions::default(), File::default()).unwrap();
    let days = |span: Duration| format!("{}d", span.as_secs() / 86_400);
    let hours = config.erasure_interval.as_secs() / 3600;
    for (id, default) in [
        ("data_dir", config.data_dir.display().to_string()),
        ("listen", config.listen.to_string()),
        ("pool_size", config.pool_size.to_string()),
        ("no_migrate", (!config.migrate).to_string()),
        ("erasure_interval", format!("{hours}h")),
        (
            "canary_interval",
            format!("{}h", config.canary_interval.unwrap().as_secs() / 3600),
        ),
        (
            "key_rotation_interval",
            days(config.key_times.rotation.unwrap()),
        ),
        (
            "key_destroy_after",
            days(config.key_times.destruction.unwrap()),
        ),
        ("max_import_bytes", config.max_import_bytes.to_string()),
        ("log_level", format!("`{}`", log.level)),
        ("log_format", format!("{:?}", log.format).to_lowercase()),
    ] {
        let flag = serve
            .get_arguments()
            .find(|arg| arg.get_id() == id)
            .unwrap();
        let help = flag.get_help().unwrap().to_string();
        assert!(help.ends_with(&format!("[default: {default}]")), "{help}");
    }
}

#[test]
fn the_file_takes_every_option_of_serve_but_its_own_name() {
    let serve = leaves(Cli::command())
        .into_iter()
        .find(|leaf| leaf.get_name() == "serve")
        .unwrap();
    let options: BTreeSet<String> = flags(&serve)
        .iter()
        .map(|arg| match arg.get_id().as_str() {
            "dialects" => "dialects.served",
            "dialect_requests_per_minute" => "dialects.requests_per_minute",
            "nango_gone_status" => "dialects.nango.gone_status",
            "omni_gone_status" => "dialects.omni.gone_status",
            id => id,
        })
        .filter(|id| *id != "config")
        .map(str::to_owned)
        .collect();
    let keys: BTreeSet<String> = ["", "dialects", "dialects.nango", "dialects.omni"]
        .into_iter()
        .flat_map(|table| {
            let (head, prefix) = if table.is_empty() {
                (String::new(), String::new())
            } else {
                (format!("[{table}]\n"), format!("{table}."))
            };
            let text = format!("{head}nothing = 1");
            let refusal = File::parse(&text, Path::new("x")).unwrap_err().to_string();
            let known = refusal.split('`').skip(3).step_by(2);
            let known: Vec<String> = known.map(|key| format!("{prefix}{key}")).collect();
            known
        })
        // The tables themselves.
        .filter(|key| {
            !matches!(
                key.as_str(),
                "dialects" | "dialects.nango" | "dialects.omni"
            )
        })
        .collect();
    assert_eq!(keys, options);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "compares with what clap reads")]
fn the_flag_wins_over_the_environment_and_that_over_the_file() {
    let path = std::env::var_os("PATH").unwrap();
    let listening = |args: &[&str]| {
        let command = command().mut_arg("data_dir", |arg| arg.env("PATH"));
        let file = File::parse("data_dir = 'file'", Path::new("x")).unwrap();
        let cli = parse(command, args).unwrap();
        config::resolve(cli.options, ServeOptions::default(), file)
            .unwrap()
            .0
            .data_dir
    };
    assert_eq!(
        listening(&["erase", "--data-dir", "flag"]),
        Path::new("flag")
    );
    assert_eq!(
        listening(&["--data-dir", "flag", "erase"]),
        Path::new("flag")
    );
    assert_eq!(listening(&["erase"]), Path::new(&path));
}

#[test]
fn every_subcommand_takes_the_common_options_before_and_after_it() {
    for leaf in [
        &["serve"][..],
        &["migrate"],
        &["org", "list"],
        &["org", "create", "acme"],
        &["key", "list"],
        &["key", "create", "--name", "n", "--scope", "*"],
        &["key", "revoke", "019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00"],
        &["keys", "status"],
        &["keys", "rotate"],
        &["keys", "retire", "1"],
        &["keys", "destroy", "1"],
        &["trash", "list"],
        &["trash", "show", "x"],
        &["trash", "restore", "x"],
        &["trash", "purge", "x"],
        &["trash", "forecast"],
        &["trash", "hold", "x", "--reason", "y"],
        &["trash", "release", "x"],
        &["trash", "reschedule", "x", "--at", "90d"],
        &["retention", "show"],
        &["retention", "set", "--days", "7"],
        &["purge"],
        &["purge", "status"],
        &["purge", "pause"],
        &["purge", "resume"],
        &["alarms", "list"],
        &[
            "alarms",
            "acknowledge",
            "019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00",
        ],
        &["brakes", "list"],
        &["brakes", "release", "019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00"],
        &["audit", "list"],
        &["audit", "export", "x.ndjson"],
        &["audit", "verify"],
        &["events"],
        &["connection", "list"],
        &["connection", "show", "x"],
        &["connection", "delete", "x"],
        &["connection", "secrets", "x"],
        &["receipt", "show", "019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00"],
        &["receipt", "keys"],
        &["receipt", "verify", "r.json", "--keys", "k.json"],
        &["completions", "bash"],
        &["import", "superset", "x.zip"],
        &["import", "ndjson", "x.ndjson"],
        &["export", "ndjson"],
        &["erase"],
        &["verify"],
        &["backup", "x.db"],
    ] {
        for args in [
            [leaf, &["--data-dir", "d"]].concat(),
            [&["--data-dir", "d"], leaf].concat(),
        ] {
            let cli = parse(command(), &args).unwrap();
            assert_eq!(
                cli.options.data_dir.as_deref(),
                Some(Path::new("d")),
                "{args:?}"
            );
        }
    }
}

#[test]
fn migrations_are_switched_off_and_on_again() {
    for (args, expected) in [
        (&["serve"][..], None),
        (&["serve", "--no-migrate"], Some(true)),
        (&["serve", "--no-migrate=false"], Some(false)),
        (&["serve", "--no-migrate=1"], Some(true)),
    ] {
        let Command::Serve(serve) = parse(command(), args).unwrap().command else {
            panic!("{args:?}")
        };
        assert_eq!(serve.no_migrate, expected, "{args:?}");
    }
}

#[test]
fn what_it_does_not_know_is_a_usage_error_and_no_password_shows() {
    for args in [
        &["fly"][..],
        &["serve", "--fly"],
        &[],
        &["org"],
        &["key", "create", "--name", "n"],
        &["erase", "--listen", "127.0.0.1:1"],
        &["key", "create", "--name", "n", "--scope", "trash:burn"],
        &["key", "revoke", "1"],
        &["keys"],
        &["keys", "retire", "0"],
        &["keys", "destroy"],
        &["keys", "destroy", "1", "--now", "--lost"],
        &["serve", "--key-rotation-interval", "0"],
        &["serve", "--erasure-interval", "soon"],
        &["serve", "--listen", "here"],
        &["serve", "--log-format", "xml"],
        &["trash", "list", "--state", "gone"],
        &["trash", "list", "--after", "soon"],
        &["trash", "list", "--limit", "0"],
        &["trash", "restore", "x", "--target-connection", "y"],
        &["trash", "restore", "x", "--target-model", "y"],
        &["trash", "hold", "x"],
        &["trash", "hold", "x", "--reason", "y", "--until", "soon"],
        &["trash", "release", "x", "y"],
        &[
            "trash",
            "release",
            "x",
            "019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00",
            "--all",
        ],
        &["trash", "reschedule", "x"],
        &["retention", "set"],
        &["retention", "set", "--purge-protection", "perhaps"],
        &["purge", "--limit", "0"],
        &["purge", "--limit", "10001"],
        &["purge", "everything"],
        &["alarms", "acknowledge", "1"],
        &["brakes", "release", "1"],
        &["connection", "delete"],
        &["connection", "secrets", "x", "--from-file", "password"],
        &["completions", "csh"],
        &["backup"],
        &[
            "serve",
            "--database-url",
            "postgres://u:hunter2@db/x",
            "--workers",
            "many",
        ],
    ] {
        let Err(error) = parse(command(), args) else {
            panic!("{args:?}")
        };
        assert_eq!(error.exit_code(), 2, "{args:?}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn the_help_hides_the_database_url_of_the_environment() {
    for leaf in leaves(Cli::command()) {
        let url = leaf
            .get_arguments()
            .find(|arg| arg.get_id() == "database_url")
            .unwrap();
        assert!(url.is_hide_env_values_set());
    }
}
