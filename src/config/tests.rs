//! The layers, built from values: flags and environment are one layer here, since clap merges them (its part is
//! tested in `cli`).

use super::*;

fn options() -> Options {
    Options::default()
}

fn serve() -> ServeOptions {
    ServeOptions::default()
}

fn file(text: &str) -> File {
    File::parse(text, Path::new("reprieve.toml")).unwrap()
}

/// What the layers come to, in one comparable text.
fn resolved(options: Options, serve: ServeOptions, text: &str) -> String {
    match resolve(options, serve, file(text)) {
        Ok((config, log)) => format!("{config:?} {log:?}"),
        Err(error) => panic!("{error}"),
    }
}

fn refusal(options: Options, serve: ServeOptions, text: &str) -> String {
    let error = resolve(options, serve, file(text)).unwrap_err();
    format!("{:#}", anyhow::Error::from(error))
}

fn url(text: &str) -> DatabaseUrlText {
    text.to_owned().into()
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of cases reads best in one piece"
)]
fn the_first_layer_that_speaks_wins_for_every_option() {
    type Upper = fn(&mut Options, &mut ServeOptions);
    // The option, in the file, as it shows by default, from the file, and with a flag over the file.
    let table: [(&str, &str, &str, Upper, &str); 17] = [
        (
            "data_dir: \"./reprieve-data\"",
            "data_dir = 'f'",
            "data_dir: \"f\"",
            |o, _| o.data_dir = Some("u".into()),
            "data_dir: \"u\"",
        ),
        (
            "database: sqlite:./reprieve-data/reprieve.db",
            "database_url = 'sqlite:f.db'",
            "database: sqlite:f.db",
            |o, _| o.database_url = Some(url("postgres://db/u")),
            "database: postgres://db/u",
        ),
        (
            "keys: Folder(\"./reprieve-data/keys\")",
            "keys = 'f'",
            "keys: Folder(\"f\")",
            |o, _| o.keys = Some("u".into()),
            "keys: Folder(\"u\")",
        ),
        (
            "format: Text",
            "log_format = 'json'",
            "format: Json",
            |o, _| o.log_format = Some(LogFormat::Text),
            "format: Text",
        ),
        (
            "level: \"info,actix_server=warn\"",
            "log_level = 'warn'",
            "level: \"warn\"",
            |o, _| o.log_level = Some("trace".into()),
            "level: \"trace\"",
        ),
        (
            "served: {Nango, Omni, Trackstar}",
            "[dialects]\nserved = ['omni']",
            "served: {Omni}",
            |_, s| s.dialects.dialects = Some(vec!["none".to_owned()]),
            "served: {}",
        ),
        (
            "requests_per_minute: None",
            "[dialects]\nrequests_per_minute = 200",
            "requests_per_minute: Some(200)",
            |_, s| s.dialects.dialect_requests_per_minute = Some(0),
            "requests_per_minute: None",
        ),
        (
            "nango_gone: NotFound",
            "[dialects.nango]\ngone_status = 400",
            "nango_gone: BadRequest",
            |_, s| s.dialects.nango_gone_status = Some(404),
            "nango_gone: NotFound",
        ),
        (
            "omni_gone: Gone",
            "[dialects.omni]\ngone_status = 404",
            "omni_gone: NotFound",
            |_, s| s.dialects.omni_gone_status = Some(410),
            "omni_gone: Gone",
        ),
        (
            "listen: 127.0.0.1:3003",
            "listen = '[::1]:1'",
            "listen: [::1]:1",
            |_, s| s.listen = Some(([0, 0, 0, 0], 0).into()),
            "listen: 0.0.0.0:0",
        ),
        (
            "metrics_listen: None",
            "metrics_listen = '[::1]:1'",
            "metrics_listen: Some([::1]:1)",
            |_, s| s.metrics_listen = Some(([0, 0, 0, 0], 0).into()),
            "metrics_listen: Some(0.0.0.0:0)",
        ),
        (
            "public_url: None",
            "public_url = 'https://f'",
            "host: Some(Domain(\"f\"))",
            |_, s| s.public_url = Some("http://u/x".into()),
            "host: Some(Domain(\"u\"))",
        ),
        (
            "workers: ",
            "workers = 7",
            "workers: 7,",
            |_, s| s.workers = Some(8),
            "workers: 8,",
        ),
        (
            "pool_size: 10,",
            "pool_size = 7",
            "pool_size: 7,",
            |_, s| s.pool_size = Some(8),
            "pool_size: 8,",
        ),
        (
            "migrate: true",
            "no_migrate = true",
            "migrate: false",
            |_, s| s.no_migrate = Some(false),
            "migrate: true",
        ),
        (
            "erasure_interval: 3600s",
            "erasure_interval = '24h'",
            "erasure_interval: 86400s",
            |_, s| s.erasure_interval = "5m".parse().ok(),
            "erasure_interval: 300s",
        ),
        (
            "canary_interval: Some(21600s)",
            "canary_interval = '1h'",
            "canary_interval: Some(3600s)",
            |_, s| s.canary_interval = "off".parse().ok(),
            "canary_interval: None",
        ),
    ];
    for (default, text, from_file, set, from_flag) in table {
        let (mut options_set, mut serve_set) = (options(), serve());
        set(&mut options_set, &mut serve_set);
        for (found, expected) in [
            (resolved(options(), serve(), ""), default),
            (resolved(options(), serve(), text), from_file),
            (resolved(options_set, serve_set, text), from_flag),
        ] {
            assert!(found.contains(expected), "{expected} in {found}");
        }
    }
}

#[test]
fn database_and_keys_follow_the_data_folder() {
    let found = resolved(
        Options {
            data_dir: Some("/srv/r".into()),
            ..options()
        },
        serve(),
        "data_dir = 'f'",
    );
    assert!(
        found.contains("sqlite:/srv/r/reprieve.db") && found.contains("Folder(\"/srv/r/keys\")"),
        "{found}"
    );
}

#[test]
fn a_key_folder_and_a_key_file_contradict_each_other_in_one_layer_only() {
    let file_wins = Options {
        key_file: Some("u".into()),
        ..options()
    };
    assert!(resolved(file_wins, serve(), "keys = 'f'").contains("keys: File(\"u\")"));
    assert!(refusal(options(), serve(), "keys = 'f'\nkey_file = 'g'").contains("--keys"));
}

#[test]
fn values_out_of_range_are_refused_by_the_option() {
    let said = |text: &str| refusal(options(), serve(), text);
    for (text, option) in [
        ("erasure_interval = '25h'", "--erasure-interval"),
        ("pool_size = 0", "--pool-size"),
        ("workers = 0", "--workers"),
        ("data_dir = ''", "--data-dir"),
        ("public_url = 'ftp://x'", "--public-url"),
        ("public_url = 'https://me:pw@x'", "--public-url"),
        ("public_url = 'reprieve.example.com'", "--public-url"),
        ("database_url = 'mysql://db'", "--database-url"),
    ] {
        assert!(said(text).starts_with(option), "{}", said(text));
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_keys_there_are() {
    let text = "# ours\nlisten = '127.0.0.1:1'\nlisten_to = 'x'\n";
    let said = File::parse(text, Path::new("etc/reprieve.toml"))
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("etc/reprieve.toml, line 3: "), "{said}");
    for word in [
        "`listen_to`",
        "`listen`",
        "`data_dir`",
        "`erasure_interval`",
    ] {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_line() {
    for text in [
        "\nworkers = 'many'",
        "\nlisten = 'here'",
        "\nerasure_interval = '1 week'",
        "\nlog_format = 'xml'",
        "\nlisten = ",
    ] {
        let said = File::parse(text, Path::new("x.toml"))
            .unwrap_err()
            .to_string();
        assert!(said.starts_with("x.toml, line 2: "), "{said}");
    }
}

#[test]
fn a_password_shows_nowhere() {
    let with = |text: &str| Options {
        database_url: Some(url(text)),
        ..options()
    };
    let good = "postgres://u:hunter2@db/reprieve";
    assert!(!resolved(with(good), serve(), "").contains("hunter2"));
    assert!(
        !format!(
            "{:?} {:?}",
            with(good),
            file(&format!("database_url = '{good}'"))
        )
        .contains("hunter2")
    );
    // What libpq would take apart at the wrong place and then quote.
    for url in [
        "mysql://u:hunter2@db/x",
        "postgres://u:hunter2@x@db/reprieve",
        "postgres://u:hunter2/x@db/reprieve",
        "postgres://u:hunter2#@db/reprieve",
        "postgres://u:hunter2?@db/reprieve",
        "postgres://u:hunter2%zz@db/reprieve",
        "postgres://u:hunter2%@db/reprieve",
    ] {
        let said = refusal(with(url), serve(), "");
        assert!(
            said.starts_with("--database-url") && !said.contains("hunter2"),
            "{said}"
        );
    }
    let typo = "database_urll = 'postgres://u:hunter2@db/x'";
    assert!(
        !File::parse(typo, Path::new("x"))
            .unwrap_err()
            .to_string()
            .contains("hunter2")
    );
    for url in [
        "postgres://u:p%40ss%2F%25@db:5432/x?sslmode=disable",
        "postgres://db/x",
        "postgres:///x?host=/run/pg",
    ] {
        assert!(
            resolve(with(url), serve(), File::default()).is_ok(),
            "{url}"
        );
    }
}

#[test]
fn a_dialect_that_is_none_and_a_status_that_no_client_knows_are_refused() {
    for (text, expected) in [
        (
            "[dialects]\nserved = ['nango', 'airbyte']",
            "--dialects takes nango, omni, trackstar, or none",
        ),
        (
            "[dialects]\nserved = ['none', 'nango']",
            "--dialects takes nango, omni, trackstar, or none",
        ),
        (
            "[dialects.nango]\ngone_status = 410",
            "--nango-gone-status is 404 or 400",
        ),
        (
            "[dialects.omni]\ngone_status = 400",
            "--omni-gone-status is 410 or 404",
        ),
    ] {
        assert_eq!(refusal(options(), serve(), text), expected);
    }
}
