//! A real Superset export: imported, imported again, deleted, restored, compared, entered again.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use reprieve::service::caller::Caller;
use reprieve::service::superset::{self, Report};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::support::*;

const DATABASE: &str = "databases/examples.yaml";
const DATABASE_UUID: &str = "a2dc77af-e654-49bb-b321-40f6b559a1ee";
/// What an import writes.
const TABLES: [&str; 6] = [
    "connections",
    "models",
    "content",
    "links",
    "secrets",
    "trash_entries",
];

fn export() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/superset-export.zip")
}

fn import(app: &TestApp, path: &Path) -> Result<Report, String> {
    superset::import_file(&app.services, &Caller::command_line(app.org), path)
        .map_err(|error| error.to_string())
}

/// The export with its entries passed through `change`, which may drop one or give it another text.
fn repack(app: &TestApp, change: impl Fn(&str, String) -> Option<String>) -> PathBuf {
    let path = app.data_dir().join("changed.zip");
    let mut archive = ZipArchive::new(File::open(export()).unwrap()).unwrap();
    let mut writer = ZipWriter::new(File::create(&path).unwrap());
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        if let Some(text) = change(&name, text) {
            writer
                .start_file(name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
    }
    writer.finish().unwrap();
    path
}

/// The export with one piece of text replaced in the entries whose path ends like this.
fn replaced(app: &TestApp, entry: &str, old: &str, new: &str) -> PathBuf {
    repack(app, |name, text| {
        Some(if name.ends_with(entry) {
            assert!(text.contains(old), "{name} does not hold {old}");
            text.replace(old, new)
        } else {
            text
        })
    })
}

/// The uuids of the export's entries whose path has this part, as its files say.
fn uuids(part: &str) -> Vec<String> {
    let mut archive = ZipArchive::new(File::open(export()).unwrap()).unwrap();
    let mut uuids = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        if entry.name().unwrap().contains(part) {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let uuid = text
                .lines()
                .find_map(|line| line.strip_prefix("uuid: "))
                .unwrap();
            uuids.push(uuid.to_owned());
        }
    }
    uuids.sort();
    uuids
}

fn everything(app: &TestApp) -> Vec<Vec<Row>> {
    let mut sql = app.sql();
    TABLES.iter().map(|table| sql.rows(table)).collect()
}

/// Every table is as it was. Rows hold whole bodies, so of those that differ only the columns are named.
#[track_caller]
fn assert_same(now: &[Vec<Row>], before: &[Vec<Row>]) {
    for ((table, now), before) in TABLES.iter().zip(now).zip(before) {
        for (now, before) in now.iter().zip(before) {
            let differs: Vec<&String> = before
                .keys()
                .filter(|column| now.get(*column) != before.get(*column))
                .collect();
            assert!(
                differs.is_empty(),
                "{table} {:?} differs in {differs:?}",
                before.get("id")
            );
        }
        assert_eq!(now.len(), before.len(), "rows of {table}");
    }
}

fn external_ids(app: &TestApp, source: &str) -> Vec<String> {
    app.sql().lines(&format!(
        "SELECT external_id AS line FROM {source} ORDER BY external_id"
    ))
}

fn counts(report: &Report) -> [usize; 7] {
    [
        report.connections_created,
        report.connections_updated,
        report.models_created,
        report.models_updated,
        report.content_created,
        report.content_updated,
        report.skipped_in_trash,
    ]
}

on_both! {
    fn a_real_export_becomes_a_connection_with_models_and_content(app: &TestApp) {
        let report = import(app, &export()).unwrap();
        assert_eq!(counts(&report), [1, 0, 11, 0, 52, 0, 0], "{report:#?}");
        let [imported] = &report.connections[..] else { panic!("{report:#?}") };
        assert_eq!(imported.missing_secrets, ["password"]);
        let connection = app.admin.get(&format!("/v1/connections/{}", imported.id)).ok(200);
        assert_eq!(connection["name"], "examples");
        assert_eq!(connection["connector"], "postgres");
        assert_eq!(connection["external_id"], DATABASE_UUID);
        assert_eq!(connection["status"], "needs_credentials");
        assert_eq!(
            connection["settings"],
            json!({"host": "127.0.0.1", "port": 5432, "database": "examples", "username": "superset"})
        );
        assert_eq!(connection["secrets"]["password"]["set"], false);
        app.admin.get(&format!("/v1/connections/{}/secrets", imported.id)).problem(409, "needs_credentials");

        assert_eq!(external_ids(app, "models"), uuids("/datasets/"));
        assert_eq!(external_ids(app, "content WHERE kind = 'chart'"), uuids("/charts/"));
        assert_eq!(external_ids(app, "content WHERE kind = 'dashboard'"), uuids("/dashboards/"));
        let mut sql = app.sql();
        assert_eq!(sql.count("content WHERE kind = 'chart' AND model_id IS NULL"), 0);
        assert_eq!(sql.count("content WHERE kind = 'dashboard' AND model_id IS NOT NULL"), 0);
        // Every chart of this export but one is on a dashboard, and on one only.
        let ends = "links l JOIN content f ON f.id = l.from_id JOIN content t ON t.id = l.to_id \
                    WHERE f.kind = 'dashboard' AND t.kind = 'chart'";
        assert_eq!((sql.count(ends), sql.count("links")), (46, 46));
    }

    fn an_export_is_imported_twice_deleted_restored_compared_and_entered_again(app: &TestApp) {
        let first = import(app, &export()).unwrap();
        let id = first.connections[0].id;
        let path = format!("/v1/connections/{id}");
        let before = everything(app);
        assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [1, 11, 52, 46, 0, 0]);

        let second = import(app, &export()).unwrap();
        assert_eq!(counts(&second), [0; 7], "{second:#?}");
        assert_same(&everything(app), &before);

        // With a secret and with one that the file masks, it is the same.
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "hunter2"}})).ok(200);
        let before = everything(app);
        assert_eq!(counts(&import(app, &export()).unwrap()), [0; 7]);
        assert_same(&everything(app), &before);

        let entry = app.admin.delete(&path).ok(200);
        assert_eq!(entry["impact"], json!({"integrations": 0, "connections": 1, "models": 11, "content": 52, "links": 46, "references": 0}));
        let entry = entry["id"].as_str().unwrap();
        let trashed = app.sql().rows("trash_content");
        let third = import(app, &export()).unwrap();
        assert_eq!(counts(&third), [0, 0, 0, 0, 0, 0, 64], "{third:#?}");
        assert!(third.connections.is_empty());
        assert!(third.notices.iter().any(|notice| notice.contains(entry) && notice.contains("trash")), "{third:#?}");
        let mut sql = app.sql();
        for table in ["connections", "models", "content", "links", "secrets"] {
            assert_eq!(sql.count(table), 0, "{table}");
        }
        assert!(sql.rows("trash_content") == trashed, "the trash was written to");

        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        let after = everything(app);
        // Models, content and links byte for byte.
        for table in 1..4 {
            assert!(!before[table].is_empty() && after[table] == before[table], "{}", TABLES[table]);
        }
        let (mut root, mut was) = (after[0][0].clone(), before[0][0].clone());
        for (column, expected) in [
            ("status", Some(json!("needs_credentials"))), ("version", Some(json!(was["version"].as_i64().unwrap() + 2))),
            ("generation", Some(json!(was["generation"].as_i64().unwrap() + 2))), ("updated_at", None),
        ] {
            let (now, _) = (root.remove(column).unwrap(), was.remove(column).unwrap());
            assert!(expected.is_none_or(|expected| expected == now), "{column}: {now}");
        }
        assert_eq!(root, was);

        app.admin.get(&format!("{path}/secrets")).problem(409, "needs_credentials");
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "again"}})).ok(200);
        let before = everything(app);
        assert_eq!(counts(&import(app, &export()).unwrap()), [0; 7]);
        assert_same(&everything(app), &before);
        assert_eq!(app.admin.get(&format!("{path}/secrets")).ok(200)["secrets"]["password"], "again");

        let renamed = replaced(app, "charts/Boys_31.yaml", "slice_name: Boys", "slice_name: Boys and men");
        assert_eq!(counts(&import(app, &renamed).unwrap()), [0, 0, 0, 0, 0, 1, 0]);
        let changed: Vec<Row> = app.sql().rows("content").into_iter().filter(|row| !before[2].contains(row)).collect();
        let [chart] = &changed[..] else { panic!("{changed:#?}") };
        assert_eq!((&chart["name"], &chart["version"]), (&json!("Boys and men"), &json!(2)));
        let renamed = replaced(app, DATABASE, "database_name: examples", "database_name: warehouse");
        assert_eq!(import(app, &renamed).unwrap().connections_updated, 1);
        assert_eq!(app.admin.get(&path).ok(200)["name"], "warehouse");
    }

    fn what_was_deleted_by_itself_stays_in_the_trash(app: &TestApp) {
        let id = import(app, &export()).unwrap().connections[0].id;
        let model = app.sql().lines("SELECT CAST(id AS text) AS line FROM models WHERE name = 'birth_names'").remove(0);
        let entry = app.admin.delete(&format!("/v1/models/{model}")).ok(200);
        let charts = entry["impact"]["content"].as_i64().unwrap();
        assert!(charts > 5, "{entry}");
        let before = everything(app);
        let report = import(app, &export()).unwrap();
        let skipped = usize::try_from(charts).unwrap() + 1;
        assert_eq!(counts(&report), [0, 0, 0, 0, 0, 0, skipped], "{report:#?}");
        assert_same(&everything(app), &before);
        app.admin.post(&format!("/v1/trash/{}/restore", entry["id"].as_str().unwrap()), &json!({})).ok(200);
        assert_eq!(app.sql().count("links"), 46);
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}/impact")).ok(200)["impact"]["content"], 52);
    }

    fn a_bad_file_names_its_entry_and_leaves_nothing(app: &TestApp) {
        let long = format!("slice_name: {}", "x".repeat(300));
        let nul = "slice_name: \"Bo\\0ys\"".to_owned();
        let huge = format!("slice_name: Boys\nparams2: {}", "y".repeat(300_000));
        let cases: Vec<(PathBuf, &[&str])> = vec![
            (Path::new("no/such/file.zip").to_owned(), &["no/such/file.zip", "can't be opened"]),
            (app.config.data_dir.clone(), &[]),
            (copy(app, "empty", b""), &["not a readable zip"]),
            (copy(app, "text", b"database_name: x"), &["not a readable zip"]),
            (copy(app, "half", &half()), &["not a readable zip"]),
            (without(app, "metadata.yaml"), &["metadata.yaml", "not a Superset export"]),
            (without(app, DATABASE), &["datasets/examples/", "builds on the database", DATABASE_UUID]),
            (without(app, "datasets/examples/birth_names_42.yaml"), &["charts/", "builds on the dataset"]),
            (renamed(app, DATABASE, "postgresql+psycopg2", "dbase"), &[DATABASE, "dialect", "no connector"]),
            (renamed(app, DATABASE, "uuid: a2dc", "uuid: zz"), &[DATABASE, "`uuid`", "not a UUID"]),
            (renamed(app, DATABASE, ":5432/", ":99999/"), &[DATABASE, "sqlalchemy_uri"]),
            (renamed(app, "charts/Boys_31.yaml", "slice_name: Boys", &long), &["charts/Boys_31.yaml", "longer than"]),
            (renamed(app, "charts/Boys_31.yaml", "slice_name: Boys", &nul), &["charts/Boys_31.yaml", "control"]),
            (renamed(app, "charts/Boys_31.yaml", "slice_name: Boys", &huge), &["charts/Boys_31.yaml", "262144 bytes"]),
            (renamed(app, "charts/Boys_31.yaml", "slice_name: Boys", "slice_name: ["), &["charts/Boys_31.yaml", "line "]),
            // The last entry of all: everything before it has been looked at by then.
            (renamed(app, "dashboards/World_Bank_s_Data_62.yaml", "dashboard_title:", "dashboard_title: ''\nother:"),
                &["dashboards/World_Bank_s_Data_62.yaml", "dashboard_title"]),
        ];
        for (path, expected) in cases {
            let refusal = import(app, &path).err().unwrap_or_else(|| panic!("{expected:?} was imported"));
            for part in expected {
                assert!(refusal.contains(part), "{part:?} is not in: {refusal}");
            }
            assert!(!refusal.contains("XXXXXXXXXX") && refusal.len() < 1_000, "{refusal}");
        }
        let mut sql = app.sql();
        for table in ["connections", "models", "content", "links", "secrets", "trash_entries", "audit_events"] {
            // The organization and its key are what the harness made.
            let source = if table == "audit_events" { "audit_events WHERE action LIKE 'import%' OR action LIKE 'connection%'" } else { table };
            assert_eq!(sql.count(source), 0, "{table}");
        }
        assert_eq!(counts(&import(app, &export()).unwrap()), [1, 0, 11, 0, 52, 0, 0]);
    }
}

fn half() -> Vec<u8> {
    let bytes = std::fs::read(export()).unwrap();
    bytes.iter().take(bytes.len() / 2).copied().collect()
}

/// A file with these bytes.
fn copy(app: &TestApp, name: &str, bytes: &[u8]) -> PathBuf {
    let path = app.data_dir().join(format!("{name}.zip"));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Every case keeps a file of its own.
fn kept(app: &TestApp, path: &Path) -> PathBuf {
    let name = format!(
        "case-{}",
        std::fs::read_dir(app.data_dir()).unwrap().count()
    );
    copy(app, &name, &std::fs::read(path).unwrap())
}

fn renamed(app: &TestApp, entry: &str, old: &str, new: &str) -> PathBuf {
    kept(app, &replaced(app, entry, old, new))
}

fn without(app: &TestApp, entry: &str) -> PathBuf {
    kept(
        app,
        &repack(app, |name, text| (!name.ends_with(entry)).then_some(text)),
    )
}
