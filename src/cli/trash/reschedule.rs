//! `reprieve trash reschedule`

use super::find;
use crate::cli::output::{plain, say};
use crate::cli::people::answers::Entry;
use crate::cli::people::moments::{self, shown, until};
use crate::cli::people::words::quoted;
use crate::cli::people::{Failure, Outcome, Reach, pages};
use crate::config::Config;
use crate::domain::clock::Ts;
use crate::service::holds::EntryPatch;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The entry's id, or the name of what was deleted
    entry: String,
    /// The new date: 2026-12-31, '2026-12-31 17:00' (UTC), RFC 3339, or 90d for in ninety days
    #[arg(long, visible_alias = "in", value_name = "MOMENT", value_parser = moments::coming)]
    at: Ts,
    /// Print the entry as the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let id = find(&*backend, &args.entry)?;
    let patch = EntryPatch {
        purge_at: args.at.to_string(),
    };
    let text = backend.reschedule(id, &patch)?;
    if args.json {
        say(&text)?;
        return Ok(Outcome::Done);
    }
    let entry: Entry = pages::read(&text)?;
    say(&format!(
        "The {} {} is purged on {} UTC{}{}.",
        plain(&entry.root.kind),
        quoted(&entry.root.name),
        shown(entry.purge_at),
        match until(entry.purge_at, Ts::now()).as_str() {
            // Within the minute.
            "due" => String::new(),
            soon => format!(", {soon}"),
        },
        if entry.kept_by.is_empty() {
            ""
        } else {
            ", unless it is kept until then as it is now"
        }
    ))?;
    Ok(Outcome::Done)
}
