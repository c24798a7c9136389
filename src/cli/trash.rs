//! `reprieve trash`: look into the trash, restore, keep, purge; on the database or on a server.

mod forecast;
mod hold;
mod list;
mod many;
mod purge;
mod reschedule;
mod restore;
mod selection;
mod show;

use std::process::ExitCode;

use anyhow::anyhow;
use clap::Subcommand;

use super::output::{plain, table};
use super::people::answers::{Entry, Secret};
use super::people::backend::Backend;
use super::people::moments::shown;
use super::people::pages::Listed;
use super::people::{Failure, finish};
use crate::config::Config;
use crate::domain::ids::EntryId;
use crate::domain::kinds::EntryState;
use crate::domain::text::Name;
use crate::store::filters::EntryFilter;

/// Beyond so many entries nobody means one of them by its name.
const NAMESAKES: u32 = 1_000;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List what is in the trash, newest deletion first
    List(list::Args),
    /// Show one entry: what went with it, who deleted it and why, the secrets to enter again, what is in the way
    Show(show::Args),
    /// Bring back exactly what a deletion removed: one entry, or many with one command
    Restore(Box<restore::Args>),
    /// What has its purge date when: a line for each of the next 30 days
    Forecast(forecast::Args),
    /// Put an entry on hold: it is not purged, whatever its date, until every hold has ended
    Hold(hold::HoldArgs),
    /// End a hold; the entry is not purged within a day of that
    Release(hold::ReleaseArgs),
    /// Move the purge date of one entry; not sooner where purge protection keeps it
    Reschedule(reschedule::Args),
    /// Remove one entry for good, before its date; asks for its name
    Purge(purge::Args),
}

pub(super) fn run(args: Args, config: &Config) -> ExitCode {
    finish(match args.action {
        Action::List(args) => list::run(&args, config),
        Action::Show(args) => show::run(&args, config),
        Action::Restore(args) => restore::run(&args, config),
        Action::Forecast(args) => forecast::run(&args, config),
        Action::Hold(args) => hold::hold(&args, config),
        Action::Release(args) => hold::release(&args, config),
        Action::Reschedule(args) => reschedule::run(&args, config),
        Action::Purge(args) => purge::run(&args, config),
    })
}

/// The entry that is meant: by its id, or by the name of what was deleted if one entry alone has it.
fn find(backend: &dyn Backend, meant: &str) -> Result<EntryId, Failure> {
    if let Some(id) = EntryId::parse(meant) {
        return Ok(id);
    }
    let filter = EntryFilter {
        state: Some(EntryState::InTrash),
        q: Some(Name::fold(meant)),
        ..EntryFilter::default()
    };
    let listed = Listed::collect(NAMESAKES, |page| backend.entries(&filter, false, page))?;
    let mut found: Vec<Entry> = listed.parsed()?;
    found.retain(|entry| entry.root.name == meant);
    match found.as_slice() {
        [one] if !listed.more => Ok(one.id),
        [] => Err(anyhow!(
            "nothing in the trash has the id or the name {}: reprieve trash list shows what there is",
            plain(meant)
        )
        .into()),
        several => {
            let lines: Vec<String> = several
                .iter()
                .map(|entry| {
                    let (kind, at) = (&entry.root.kind, shown(entry.deleted_at));
                    format!("\n  {}  {}, deleted {at}", entry.id, plain(kind))
                })
                .collect();
            Err(Failure::Usage(format!(
                "several entries have the name {}; give the id of one:{}",
                plain(meant),
                lines.concat()
            )))
        }
    }
}

/// The secrets that must be entered again, with where their owner keeps them.
fn shape<'a>(secrets: impl Iterator<Item = (&'a String, &'a Secret)>) -> String {
    let mut rows = vec![
        [
            "FIELD",
            "LABEL",
            "REQUIRED",
            "LAST SET (UTC)",
            "BY",
            "KEPT IN",
        ]
        .map(str::to_owned),
    ];
    rows.extend(secrets.map(|(field, secret)| {
        [
            plain(field),
            plain(&secret.label),
            if secret.required { "yes" } else { "no" }.to_owned(),
            secret.last_set_at.map(shown).unwrap_or_default(),
            secret.last_set_by.as_deref().map(plain).unwrap_or_default(),
            secret.source_hint.as_deref().map(plain).unwrap_or_default(),
        ]
    }));
    table(&rows)
}
