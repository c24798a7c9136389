//! `reprieve trash list`

use clap::builder::PossibleValuesParser;

use super::selection::Selection;
use crate::cli::output::{plain, remark, say, table};
use crate::cli::people::answers::{Counts, Entry};
use crate::cli::people::moments::{self, shown, until};
use crate::cli::people::pages::Listed;
use crate::cli::people::words::{counted, counted_one};
use crate::cli::people::{Failure, Outcome, Reach};
use crate::config::Config;
use crate::domain::clock::Ts;
use crate::domain::kinds::EntryState;
use crate::store::filters::EntryFilter;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// To be purged before this moment; 7d is in seven days
    #[arg(long, value_name = "MOMENT", value_parser = moments::coming)]
    purge_before: Option<Ts>,
    /// Whether a hold is on it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    held: Option<bool>,
    /// Whether a restore without more options would bring it back
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    restorable: Option<bool>,
    /// Where it stands
    #[arg(
        long, value_name = "STATE", default_value = "in_trash",
        value_parser = PossibleValuesParser::new(["in_trash", "purging", "restored", "purged", "any"])
    )]
    state: String,
    /// Newest deletion first, or next to be purged first
    #[arg(
        long, value_name = "ORDER", default_value = "deleted_at",
        value_parser = PossibleValuesParser::new(["deleted_at", "purge_at"])
    )]
    sort: String,
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As a JSON array of the API's entries
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let filter = EntryFilter {
        state: EntryState::parse(&args.state),
        purge_before: args.purge_before,
        held: args.held,
        restorable: args.restorable,
        ..args.selection.filter()
    };
    let by_purge_date = args.sort == "purge_at";
    let listed = Listed::collect(args.limit, |page| {
        backend.entries(&filter, by_purge_date, page)
    })?;
    if args.json {
        say(&listed.json()?)?;
    } else {
        let entries: Vec<Entry> = listed.parsed()?;
        if entries.is_empty() {
            remark("Nothing in the trash fits.");
        } else {
            say(&render(&entries, Ts::now()))?;
        }
    }
    listed.tell_more(args.limit);
    Ok(Outcome::Done)
}

/// A table of entries.
pub(super) fn render(entries: &[Entry], now: Ts) -> String {
    let mut rows = vec![
        [
            "ID",
            "KIND",
            "NAME",
            "WITH IT",
            "DELETED BY",
            "DELETED (UTC)",
            "PURGE",
            "RESTORABLE",
            // Most tables do without.
            if entries.iter().any(|entry| entry.uses.count > 0) {
                "USED SINCE"
            } else {
                ""
            },
        ]
        .map(str::to_owned),
    ];
    rows.extend(entries.iter().map(|entry| {
        [
            entry.id.to_string(),
            plain(&entry.root.kind),
            plain(&entry.root.name),
            with_it(entry),
            plain(&entry.deleted_by.id),
            shown(entry.deleted_at),
            purge(entry, now),
            restorable(entry),
            used(entry),
        ]
    }));
    table(&rows)
}

/// What went besides the root.
pub(super) fn with_it(entry: &Entry) -> String {
    let counts = entry.impact;
    let own = |kind: &str| i64::from(entry.root.kind == kind);
    counted(&Counts {
        integrations: counts.integrations - own("integration"),
        connections: counts.connections - own("connection"),
        models: counts.models - own("model"),
        content: counts.content - own("content"),
        links: 0,
        references: 0,
    })
}

fn purge(entry: &Entry, now: Ts) -> String {
    if !entry.in_trash() {
        String::new()
    } else if entry.held {
        "held".to_owned()
    } else {
        until(entry.purge_at, now)
    }
}

/// Whether somebody still calls for it.
fn used(entry: &Entry) -> String {
    match entry.uses.count {
        0 => String::new(),
        count => counted_one(count, "time", "times"),
    }
}

fn restorable(entry: &Entry) -> String {
    match (entry.in_trash(), entry.restorable) {
        (false, _) => plain(&entry.state),
        (true, true) => "yes".to_owned(),
        (true, false) => "no".to_owned(),
    }
}
