//! Reading whole archives, packed by the tests.

mod hostile;

use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const DATABASE: &str = "\
database_name: Sales
sqlalchemy_uri: postgresql+psycopg2://ann:hunter2@db.example:5432/sales?sslmode=verify-full&options=hunter2
cache_timeout: null
expose_in_sqllab: true
allow_dml: hunter2
extra:
  allows_virtual_table_explore: true
  metadata_cache_timeout: {schema_cache_timeout: 600}
  engine_params: {connect_args: {key: hunter2}}
encrypted_extra: '{\"key\": \"hunter2\"}'
ssh_tunnel: {password: XXXXXXXXXX, port: 22}
uuid: a2dc77af-e654-49bb-b321-40f6b559a1ee
version: 1.0.0
";
const DATASET: &str = "\
table_name: orders
database_uuid: a2dc77af-e654-49bb-b321-40f6b559a1ee
offset: 123456789012345678901234567890
uuid: 14f48794-ebfa-4f60-a26a-582c49132f1b
version: 1.0.0
";
const CHART: &str = "\
slice_name: Orders per day
params: {limit: '25', ratio: 1.10}
dataset_uuid: 14f48794-ebfa-4f60-a26a-582c49132f1b
uuid: 2a58a195-f5eb-4a08-a061-cbe49168eb24
version: 1.0.0
";
const DASHBOARD: &str = "\
dashboard_title: Overview
position:
  DASHBOARD_VERSION_KEY: v2
  CHART-b: {type: CHART, meta: {uuid: 2a58a195-f5eb-4a08-a061-cbe49168eb24}}
  ROW-a: {type: ROW, meta: {uuid: 00000000-0000-0000-0000-000000000001}}
  CHART-a: {type: CHART, meta: {uuid: 2A58A195-F5EB-4A08-A061-CBE49168EB24}}
  CHART-gone: {type: CHART, meta: {uuid: 00000000-0000-0000-0000-000000000002}}
  CHART-none: {type: CHART, meta: {}}
uuid: 02543e07-662c-46be-bb04-fe5afbe1a86c
version: 1.0.0
";
const METADATA: &str = "version: 1.0.0\ntype: assets\ntimestamp: '2026-11-21T00:00:00+00:00'\n";

/// The files of a small export, to be changed by a test.
fn files() -> Vec<(String, Vec<u8>)> {
    [
        ("top/metadata.yaml", METADATA),
        ("top/databases/sales.yaml", DATABASE),
        ("top/datasets/sales/orders.yaml", DATASET),
        ("top/charts/orders.yaml", CHART),
        ("top/dashboards/overview.yaml", DASHBOARD),
    ]
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .to_vec()
}

fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        writer
            .start_file(path.as_str(), SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn with(path: &str, text: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = files();
    files.retain(|(other, _)| other != path);
    files.push((path.to_owned(), text.as_bytes().to_vec()));
    files
}

fn refusal(files: &[(String, Vec<u8>)]) -> String {
    let error = read(Cursor::new(zip(files))).unwrap_err();
    let message = error.to_string();
    assert!(
        !format!("{error:?}{message}").contains("hunter2"),
        "{message}"
    );
    message
}

/// Replaces text in one of the files and expects the export to be refused.
fn assert_refused_after(path: &str, old: &str, new: &str, expected: &str) {
    let files = files();
    let bytes = files
        .iter()
        .find(|(other, _)| other == path)
        .map(|(_, bytes)| bytes)
        .unwrap();
    let text = String::from_utf8_lossy(bytes);
    assert!(text.contains(old));
    let message = refusal(&with(path, &text.replace(old, new)));
    assert!(
        message.starts_with(&format!("`{path}`: {expected}")),
        "{message}"
    );
}

#[test]
fn an_export_is_read_whole() {
    let export = read(Cursor::new(zip(&files()))).unwrap();
    let database = &export.databases[0];
    assert_eq!(database.name, "Sales");
    assert_eq!(database.uri.connector, "postgres");
    assert_eq!(database.uri.secrets[0].1.as_str(), "hunter2");
    assert_eq!(
        database.metadata_json,
        r#"{"database_name":"Sales","cache_timeout":null,"expose_in_sqllab":true,"extra":{"allows_virtual_table_explore":true,"metadata_cache_timeout":{"schema_cache_timeout":600}},"uuid":"a2dc77af-e654-49bb-b321-40f6b559a1ee","version":"1.0.0"}"#
    );
    let options: Vec<_> = database
        .options
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    assert_eq!(
        options,
        [
            ("allow_dml", r#""hunter2""#),
            (
                "extra",
                r#"{"engine_params":{"connect_args":{"key":"hunter2"}}}"#
            ),
            ("encrypted_extra", r#""{\"key\": \"hunter2\"}""#),
            ("ssh_tunnel", r#"{"password":"XXXXXXXXXX","port":22}"#),
        ]
    );
    assert_eq!(export.datasets[0].database_uuid, database.uuid);
    assert!(
        export.datasets[0]
            .body_json
            .contains(r#""offset":123456789012345678901234567890,"#)
    );
    assert_eq!(export.charts[0].dataset_uuid, export.datasets[0].uuid);
    assert!(
        export.charts[0]
            .body_json
            .contains(r#""params":{"limit":"25","ratio":1.10}"#)
    );
    assert_eq!(export.dashboards[0].chart_uuids, [export.charts[0].uuid]);
}

#[test]
fn what_is_left_out_is_said() {
    let mut files = files();
    files.push(("top/queries/q.yaml".to_owned(), b"a: 1".to_vec()));
    files.push(("__MACOSX/top/._metadata.yaml".to_owned(), Vec::new()));
    let notices = read(Cursor::new(zip(&files))).unwrap().notices.join("\n");
    assert!(
        notices.contains("Superset masked secrets inside of `ssh_tunnel`"),
        "{notices}"
    );
    assert!(
        notices.contains("1 charts of its layout have no uuid"),
        "{notices}"
    );
    assert!(notices.contains(
        "not in the file, their links are left out: 00000000-0000-0000-0000-000000000002"
    ));
    assert!(
        notices.contains("1 of the files are left out") && notices.contains("top/queries/q.yaml"),
        "{notices}"
    );
}

#[test]
fn the_order_follows_the_paths_whatever_the_archive_says() {
    let mut files = files();
    for name in ["c", "a", "b"] {
        let uuid = format!("00000000-0000-0000-0000-00000000000{name}");
        let text = CHART.replace("2a58a195-f5eb-4a08-a061-cbe49168eb24", &uuid);
        files.push((format!("top/charts/{name}.yaml"), text.into_bytes()));
    }
    files.reverse();
    let export = read(Cursor::new(zip(&files))).unwrap();
    let entries: Vec<_> = export
        .charts
        .iter()
        .map(|chart| chart.entry.as_str())
        .collect();
    assert_eq!(
        entries,
        [
            "top/charts/a.yaml",
            "top/charts/b.yaml",
            "top/charts/c.yaml",
            "top/charts/orders.yaml"
        ]
    );
}

#[test]
fn an_export_without_its_top_folder_is_read_too() {
    let bare: Vec<_> = files()
        .into_iter()
        .map(|(path, bytes)| (path.replacen("top/", "", 1), bytes))
        .collect();
    assert_eq!(read(Cursor::new(zip(&bare))).unwrap().charts.len(), 1);
}

#[test]
fn debug_shows_no_secret() {
    let export = read(Cursor::new(zip(&files()))).unwrap();
    assert!(!format!("{export:?}").contains("hunter2"));
}

#[test]
fn every_problem_of_a_database_names_its_entry_and_what_is_wrong() {
    let path = "top/databases/sales.yaml";
    for (old, new, expected) in [
        (
            "postgresql+",
            "sqlite+",
            "the dialect `sqlite` of its `sqlalchemy_uri` has no connector",
        ),
        (":5432", ":hunter2", "its `sqlalchemy_uri` has a port"),
        ("cache_timeout: null", "cache_timeout: 'hunter2", "line 4: "),
        (
            "cache_timeout: null",
            "uuid: hunter2",
            "line 12: a key that its mapping already has",
        ),
        (
            "a2dc77af-e654-49bb-b321-40f6b559a1ee",
            "hunter2",
            "the field `uuid` is not a UUID",
        ),
        (
            "sqlalchemy_uri: ",
            "uri: ",
            "the field `sqlalchemy_uri` is missing",
        ),
        (
            "Sales",
            "[hunter2]",
            "the field `database_name` must be text, but is a list",
        ),
    ] {
        assert_refused_after(path, old, new, expected);
    }
}

#[test]
fn every_problem_of_a_dataset_names_its_entry_and_what_is_wrong() {
    let path = "top/datasets/sales/orders.yaml";
    let long = "x".repeat(256);
    for (old, new, expected) in [
        ("orders", "~", "the field `table_name` is missing or empty"),
        (
            "orders",
            "2020",
            "the field `table_name` must be text, but is a number",
        ),
        (
            "orders",
            "\"a\\0b\"",
            "the name in `table_name` holds a control character",
        ),
        (
            "orders",
            &long,
            "the name in `table_name` is longer than 255 characters",
        ),
        (
            "a2dc77af",
            "b2dc77af",
            "builds on the database b2dc77af-e654-49bb-b321-40f6b559a1ee, which is not in",
        ),
    ] {
        assert_refused_after(path, old, new, expected);
    }
}

#[test]
fn every_problem_of_another_file_names_its_entry_and_what_is_wrong() {
    let (chart, dashboard) = ("top/charts/orders.yaml", "top/dashboards/overview.yaml");
    let metadata = "top/metadata.yaml";
    for (path, old, new, expected) in [
        (
            chart,
            "14f48794",
            "24f48794",
            "builds on the dataset 24f48794-ebfa-4f60-a26a-582c49132f1b, which is not in",
        ),
        (
            chart,
            "1.10",
            ".inf",
            "line 2: a number that JSON can't hold",
        ),
        (
            dashboard,
            "000000000002",
            "hunter2",
            "the field `position.*.meta.uuid` is not a UUID",
        ),
        (
            dashboard,
            "position:",
            "position: hunter2\nother:",
            "the field `position` must be a mapping, but is text",
        ),
        (metadata, "assets", "SavedQuery", "the `type` is unknown"),
        (metadata, "1.0.0", "2.0.0", "the `version` is not 1.x"),
        (metadata, "type: assets", "", "the field `type` is missing"),
    ] {
        assert_refused_after(path, old, new, expected);
    }
    assert!(
        refusal(&with(chart, "- 1\n"))
            .contains("`top/charts/orders.yaml`: is not a mapping of named fields")
    );
}

#[test]
fn one_uuid_in_two_entries_is_refused() {
    let mut files = files();
    files.push(("top/charts/zz.yaml".to_owned(), CHART.as_bytes().to_vec()));
    let message = refusal(&files);
    assert!(
        message.starts_with("`top/charts/zz.yaml`: has the same uuid 2a58a195"),
        "{message}"
    );
    assert!(message.contains("`top/charts/orders.yaml`"), "{message}");
}

#[test]
fn a_file_that_is_no_export_is_refused() {
    assert!(
        read(Cursor::new(b"PK or so".to_vec()))
            .unwrap_err()
            .to_string()
            .contains("not a readable zip archive")
    );
    assert!(refusal(&files()[1..]).contains("no `metadata.yaml`"));
    assert!(refusal(&files()[..1]).contains("holds no databases"));
    assert!(
        refusal(&with("other/databases/x.yaml", DATABASE))
            .contains("`other/databases/x.yaml`: lies outside")
    );
}

#[test]
fn the_real_export_is_read() {
    let bytes = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/data/superset-export.zip"
    ));
    let export = read(Cursor::new(bytes.as_slice())).unwrap();
    let counts = [
        export.databases.len(),
        export.datasets.len(),
        export.charts.len(),
        export.dashboards.len(),
    ];
    assert_eq!(counts, [1, 11, 47, 5]);
    let database = &export.databases[0];
    assert_eq!(
        (database.name.as_str(), database.uri.connector),
        ("examples", "postgres")
    );
    assert!(database.uri.secrets.is_empty() && database.options.is_empty());
    let linked: usize = export
        .dashboards
        .iter()
        .map(|dashboard| dashboard.chart_uuids.len())
        .sum();
    assert_eq!(linked, 46);
    assert_eq!(export.notices, Vec::<String>::new());
    let bodies = export.datasets.iter().map(|dataset| &dataset.body_json);
    let bodies = bodies.chain(export.charts.iter().map(|chart| &chart.body_json));
    for body in bodies.chain(
        export
            .dashboards
            .iter()
            .map(|dashboard| &dashboard.body_json),
    ) {
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
