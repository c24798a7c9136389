//! Backups, and what becomes of what was shredded after one that is put back.

mod command;
mod log;
mod restored;
mod starts;

use std::path::{Path, PathBuf};
use std::process::Command;

use reprieve::app::Application;
use reprieve::service::backup;
use reprieve::store::DatabaseUrl;
use serde_json::Value;

use crate::support::*;

/// A backup, taken beside the running service.
struct Backup(PathBuf);

#[track_caller]
fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {done:?}");
}

impl Backup {
    #[track_caller]
    fn of(app: &TestApp) -> Self {
        let file = app
            .data_dir()
            .join(format!("{}.backup", uuid::Uuid::new_v4()));
        match &app.config.database {
            DatabaseUrl::Sqlite(_) => {
                let made = backup::make(&app.services.store, &file, false).unwrap();
                let report = made.report.unwrap();
                let problems: Vec<&String> = report
                    .checks
                    .iter()
                    .flat_map(|check| &check.problems)
                    .collect();
                assert!(problems.is_empty(), "{problems:#?}");
            }
            DatabaseUrl::Postgres(url) => {
                // As the operator's guide says: a dump that begins while the cycle empties the table of secrets lacks them.
                TestApp::wait_for("the erasure", || {
                    let open = "SELECT 'open' AS line FROM erasure_jobs WHERE finished_at IS NULL";
                    app.sql().lines(open).is_empty()
                });
                run(postgres_tool("pg_dump")
                    .args(["--format=custom", "--dbname", url, "--file"])
                    .arg(&file));
            }
        }
        Self(file)
    }

    /// A database made from it, for the next start.
    #[track_caller]
    fn restore(&self, app: &mut TestApp) {
        match app.backend {
            Backend::Sqlite => {
                // Never over one that somebody has open.
                let file = app.data_dir().join(format!("{}.db", uuid::Uuid::new_v4()));
                std::fs::copy(&self.0, &file).unwrap();
                app.config.database = DatabaseUrl::Sqlite(file);
            }
            Backend::Postgres => {
                let database = TestDatabase::create_empty();
                run(postgres_tool("pg_restore")
                    .args(["--exit-on-error", "--no-owner", "--dbname", &database.url])
                    .arg(&self.0));
                app.config.database = DatabaseUrl::parse(&database.url).unwrap();
                app.databases.push(database);
            }
        }
    }

    /// Stops the service, and starts it on a database made from this backup.
    fn put_back(&self, app: &mut TestApp) {
        app.halt();
        self.restore(app);
        app.restart();
    }
}

fn log_file(app: &TestApp) -> PathBuf {
    app.data_dir().join("keys/shreds.log")
}

/// The lines of a shred log but its first.
fn lines_of(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().skip(1).map(str::to_owned).collect()
}

fn lines(app: &TestApp) -> Vec<String> {
    lines_of(&log_file(app))
}

#[track_caller]
fn wait_for_lines(app: &TestApp, count: usize) {
    TestApp::wait_for("the shred log", || lines(app).len() >= count);
    assert_eq!(lines(app).len(), count);
}

/// Why the service does not start.
#[track_caller]
fn refusal(app: &TestApp) -> String {
    match Application::build(app.config.clone()) {
        Ok(_) => panic!("it started"),
        Err(error) => format!("{error:#}"),
    }
}

/// The open alarms that tell of an older database.
fn alarms(app: &TestApp) -> Vec<String> {
    app.sql().lines(
        "SELECT detail AS line FROM alarms WHERE code = 'backup_older_than_shred' AND resolved_at IS NULL",
    )
}

fn actions(app: &TestApp, action: &str) -> i64 {
    let events = app.sql().count(&format!(
        "audit_events WHERE announced AND action = '{action}'"
    ));
    let audited = app
        .sql()
        .count(&format!("audit_events WHERE action = '{action}'"));
    assert_eq!(events, audited, "{action}");
    audited
}

/// A connection as the API shows it, without what a lost secret changes.
fn rest_of(mut connection: Value) -> Value {
    for member in ["status", "version", "updated_at", "last_test", "secrets"] {
        assert!(
            connection.as_object_mut().unwrap().remove(member).is_some(),
            "{member}"
        );
    }
    connection
}

/// Sealed records by secret, to look for them later.
fn records(app: &TestApp) -> Vec<(String, String)> {
    let hex = match app.backend {
        Backend::Sqlite => "lower(hex(s.record))",
        Backend::Postgres => "encode(s.record, 'hex')",
    };
    let found = app.sql().lines(&format!(
        "SELECT CAST(x.record_id AS text) || ' ' || {hex} AS line FROM secrets x \
         JOIN secret_slots s ON s.id = x.slot_id AND s.org_id = x.org_id"
    ));
    let pair = |line: &String| {
        let (id, record) = line.split_once(' ').unwrap();
        (id.to_owned(), record.to_owned())
    };
    found.iter().map(pair).collect()
}
