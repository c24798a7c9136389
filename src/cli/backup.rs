//! `reprieve backup`: the SQLite database as a file of its own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::output::{complain, count, plain, say};
use super::require_database;
use crate::config::Config;
use crate::secrets::KeySource;
use crate::secrets::shred_log::ShredLog;
use crate::service::backup::{self, Backup};
use crate::store::{DatabaseUrl, Store};

/// What to do on PostgreSQL; docs/operations.md shows it with its output.
const POSTGRES: &str = "PostgreSQL is backed up with its own tools: \
    `pg_dump --format=custom --file=FILE \"$REPRIEVE_DATABASE_URL\"`; and put back into a new database: `createdb NEW`, \
    `pg_restore --exit-on-error --no-owner --dbname=URL_OF_NEW FILE` (docs/operations.md, \"Backup and restore\")";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The file to write
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, config: &Config) -> anyhow::Result<ExitCode> {
    let DatabaseUrl::Sqlite(database) = &config.database else {
        bail!(POSTGRES);
    };
    require_database(config)?;
    let file = target(&args.file)?;
    refuse_own(&file, database, config)?;
    let store = Store::open(config.database.clone(), 1)?;
    let made = backup::make(&store, &file, args.force)?;
    let problems: Vec<&String> = made
        .report
        .iter()
        .flat_map(|report| &report.checks)
        .flat_map(|check| &check.problems)
        .collect();
    if args.json {
        let document = json!({
            "file": args.file, "bytes": made.bytes, "rows": made.rows, "checked": made.report.is_some(),
            "problems": problems, "holds_keys": false,
        });
        say(&document.to_string())?;
    } else {
        say(&sentence(&args.file, &made, &config.keys))?;
    }
    if problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let told: Vec<String> = problems.iter().map(|problem| plain(problem)).collect();
    complain(&format!(
        "the copy is whole, but what is in it breaks promises, as `reprieve verify` says of {}:\n  {}",
        config.database,
        told.join("\n  ")
    ));
    Ok(ExitCode::FAILURE)
}

/// The file by its real folder, so that no link hides where it is.
fn target(file: &Path) -> anyhow::Result<PathBuf> {
    let name = file
        .file_name()
        .with_context(|| format!("{} is no name for a file", file.display()))?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let folder = folder
        .canonicalize()
        .with_context(|| format!("there is no folder {}", folder.display()))?;
    Ok(folder.join(name))
}

/// Keys and backup must not lie together, and nothing that is in use may be replaced.
fn refuse_own(file: &Path, database: &Path, config: &Config) -> anyhow::Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if let KeySource::Folder(folder) = &config.keys
        && file.starts_with(real(folder))
    {
        bail!(
            "{} is in the folder of the keys: whoever gets both has the secrets; write the backup elsewhere",
            file.display()
        );
    }
    let mut own = vec![real(database)];
    for suffix in ["-wal", "-shm", "-journal", ".serve-lock"] {
        let mut beside = real(database).into_os_string();
        beside.push(suffix);
        own.push(beside.into());
    }
    own.push(real(
        ShredLog::beside(&config.keys, &config.data_dir).path(),
    ));
    if let KeySource::File(key) = &config.keys {
        own.push(real(key));
    }
    if own.contains(&file.to_owned()) || file.canonicalize().is_ok_and(|file| own.contains(&file)) {
        bail!(
            "{} is a file of the service itself: name another for the backup",
            file.display()
        );
    }
    Ok(())
}

fn sentence(file: &Path, made: &Backup, keys: &KeySource) -> String {
    let rows = count(
        usize::try_from(made.rows).unwrap_or(usize::MAX),
        "row",
        "rows",
    );
    let checked = match &made.report {
        Some(report) => format!(
            "whole, {} made",
            count(report.checks.len(), "check", "checks")
        ),
        None => "whole; migrations are pending, so nothing else was checked".to_owned(),
    };
    let (KeySource::Folder(keys) | KeySource::File(keys)) = keys;
    format!(
        "Backed up {rows}, {} bytes, to {}: {checked}.\nNo key is in it: back up {} apart from it.",
        made.bytes,
        plain(&file.display().to_string()),
        plain(&keys.display().to_string()),
    )
}
