//! `reprieve events`: the feed of events, a JSON line each.

use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::PAGE;
use super::output::{remark, say};
use super::people::{Failure, Outcome, Reach, finish, pages};
use crate::config::Config;

/// How often it is looked for more.
const PERIOD: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(super) struct Args {
    /// After this cursor; `now` for what comes from now on [default: from the beginning]
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Types and families, separated by commas: `connection.trashed,trash.*` [default: all]
    #[arg(long = "type", value_name = "TYPES")]
    types: Option<String>,
    /// Go on with what comes, until it is interrupted
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Deserialize)]
struct Feed {
    data: Vec<Box<RawValue>>,
    cursor: String,
    has_more: bool,
}

pub(super) fn run(args: &Args, config: &Config) -> ExitCode {
    finish(show(args, config))
}

fn show(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let mut after = args.after.clone();
    loop {
        let text = backend.events(after.as_deref(), args.types.as_deref(), PAGE)?;
        let feed: Feed = pages::read(&text)?;
        for event in &feed.data {
            say(event.get())?;
        }
        after = Some(feed.cursor);
        if feed.has_more {
            continue;
        }
        if !args.follow {
            break;
        }
        std::thread::sleep(PERIOD);
    }
    if let Some(cursor) = after {
        remark(&format!("The next begin with --after {cursor}."));
    }
    Ok(Outcome::Done)
}
