//! `reprieve migrate`: the database's tables.

use std::process::ExitCode;

use super::output::say;
use super::require_database;
use crate::config::Config;
use crate::store::{Store, migrate};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Only print which migrations are pending
    #[arg(long)]
    status: bool,
}

pub(super) fn run(args: &Args, config: &Config) -> anyhow::Result<ExitCode> {
    if args.status {
        require_database(config)?;
    }
    let store = Store::open(config.database.clone(), 1)?;
    let (versions, heading, nothing) = if args.status {
        (migrate::pending(&store)?, "pending", "Nothing is pending.")
    } else {
        (
            migrate::up(&store)?,
            "applied",
            "The database is up to date.",
        )
    };
    if versions.is_empty() {
        say(nothing)?;
    } else {
        let lines: Vec<String> = versions
            .iter()
            .map(|version| format!("{heading} {version}"))
            .collect();
        say(&lines.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
