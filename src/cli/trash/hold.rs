//! `reprieve trash hold`, `reprieve trash release`

use chrono::Duration;

use super::find;
use crate::cli::output::{plain, remark, say};
use crate::cli::people::answers::Entry;
use crate::cli::people::answers::keeping::Hold;
use crate::cli::people::backend::Backend;
use crate::cli::people::moments::{self, shown};
use crate::cli::people::words::{counted_one, quoted};
use crate::cli::people::{Failure, Outcome, Reach, pages};
use crate::config::Config;
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, HoldId};
use crate::service::holds::NewHold;

#[derive(clap::Args)]
pub(super) struct HoldArgs {
    /// The entry's id, or the name of what was deleted
    entry: String,
    /// Why it must not be purged, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// When the hold ends by itself; 90d is in ninety days [default: when somebody releases it]
    #[arg(long, value_name = "MOMENT", value_parser = moments::coming)]
    until: Option<Ts>,
    /// Print the hold as the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
pub(super) struct ReleaseArgs {
    /// The entry's id, or the name of what was deleted
    entry: String,
    /// The hold's id, as `reprieve trash show` has it [default: the only one that holds]
    #[arg(value_parser = hold_id)]
    hold: Option<HoldId>,
    /// All holds of the entry
    #[arg(long, conflicts_with = "hold")]
    all: bool,
    /// Print the hold as the API's JSON, with --all an array of them
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

fn hold_id(text: &str) -> anyhow::Result<HoldId> {
    HoldId::parse(text).ok_or_else(|| anyhow::anyhow!("expected the id of a hold"))
}

pub(super) fn hold(args: &HoldArgs, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let id = find(&*backend, &args.entry)?;
    let new = NewHold {
        reason: args.reason.clone(),
        ends_at: args.until.map(|until| until.to_string()),
    };
    let text = backend.hold(id, &new)?;
    if args.json {
        say(&text)?;
        return Ok(Outcome::Done);
    }
    let hold: Hold = pages::read(&text)?;
    let entry: Entry = pages::read(&backend.entry(id)?)?;
    let until = match hold.ends_at {
        Some(end) => format!(
            "until {} UTC, and is not purged within a day of that",
            shown(end)
        ),
        None => "until somebody releases it".to_owned(),
    };
    say(&format!(
        "The {} {} is on hold {until}.\nRelease it: reprieve trash release {id} {}",
        plain(&entry.root.kind),
        quoted(&entry.root.name),
        hold.id
    ))?;
    Ok(Outcome::Done)
}

pub(super) fn release(args: &ReleaseArgs, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let id = find(&*backend, &args.entry)?;
    let holds = match args.hold {
        Some(hold) => vec![hold],
        None => meant(&*backend, id, args.all)?,
    };
    if holds.is_empty() {
        remark("No hold is on it.");
        return Ok(Outcome::Nothing);
    }
    let mut released = Vec::new();
    for hold in &holds {
        match backend.release_hold(id, *hold) {
            Ok(text) => released.push(text),
            Err(failure) => {
                tell(&*backend, id, args, &released)?;
                return failure.after(released.len());
            }
        }
    }
    tell(&*backend, id, args, &released)?;
    Ok(Outcome::Done)
}

/// The holds that are on the entry: all of them, or the only one.
fn meant(backend: &dyn Backend, id: EntryId, all: bool) -> Result<Vec<HoldId>, Failure> {
    let entry: Entry = pages::read(&backend.entry(id)?)?;
    let active: Vec<&Hold> = entry.holds.iter().filter(|hold| hold.active).collect();
    if !all && active.len() > 1 {
        let lines = active.iter().map(|hold| {
            format!(
                "\n  {}  by {}: {}",
                hold.id,
                plain(&hold.owner),
                plain(&hold.reason)
            )
        });
        return Err(Failure::Usage(format!(
            "several holds are on it; give the id of one, or --all:{}",
            lines.collect::<String>()
        )));
    }
    Ok(active.into_iter().map(|hold| hold.id).collect())
}

fn tell(
    backend: &dyn Backend,
    id: EntryId,
    args: &ReleaseArgs,
    released: &[String],
) -> Result<(), Failure> {
    if released.is_empty() {
        return Ok(());
    }
    if args.json {
        let lines = released.join(",\n  ");
        say(&if args.all {
            format!("[\n  {lines}\n]")
        } else {
            lines
        })?;
        return Ok(());
    }
    let holds: Result<Vec<Hold>, Failure> = released.iter().map(|text| pages::read(text)).collect();
    let mut lines: Vec<String> = holds?
        .iter()
        .map(|hold| {
            format!(
                "The hold of {} ({}) has ended.",
                plain(&hold.owner),
                plain(&hold.reason)
            )
        })
        .collect();
    let entry: Entry = pages::read(&backend.entry(id)?)?;
    lines.push(left(&entry));
    say(&lines.join("\n"))?;
    Ok(())
}

/// What becomes of the entry now.
fn left(entry: &Entry) -> String {
    if !entry.in_trash() {
        return String::new();
    }
    let what = format!(
        "The {} {}",
        plain(&entry.root.kind),
        quoted(&entry.root.name)
    );
    let active = entry.holds.iter().filter(|hold| hold.active).count();
    if active > 0 {
        let number = counted_one(
            i64::try_from(active).unwrap_or(i64::MAX),
            "other hold",
            "other holds",
        );
        return format!("{what} is kept by {number}.");
    }
    let ended = entry.holds.iter().filter_map(|hold| hold.ends_at).max();
    let earliest = ended.map_or(entry.purge_at, |end| {
        entry.purge_at.max(end.plus(Duration::days(1)))
    });
    format!(
        "{what} is not purged by its date before {} UTC.",
        shown(earliest)
    )
}
