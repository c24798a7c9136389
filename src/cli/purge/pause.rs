//! `reprieve purge pause`, `reprieve purge resume`

use crate::cli::output::say;
use crate::cli::people::answers::keeping::Pause;
use crate::cli::people::moments::shown;
use crate::cli::people::{Failure, Outcome, Reach, pages};
use crate::config::Config;
use crate::service::retention::PauseChange;

#[derive(clap::Args)]
pub(super) struct PauseArgs {
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// As the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
pub(super) struct ResumeArgs {
    /// As the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn pause(args: &PauseArgs, config: &Config) -> Result<Outcome, Failure> {
    let change = PauseChange {
        paused: true,
        reason: args.reason.clone(),
    };
    set(&args.reach, config, &change, args.json)
}

pub(super) fn resume(args: &ResumeArgs, config: &Config) -> Result<Outcome, Failure> {
    let change = PauseChange {
        paused: false,
        reason: None,
    };
    set(&args.reach, config, &change, args.json)
}

fn set(
    reach: &Reach,
    config: &Config,
    change: &PauseChange,
    json: bool,
) -> Result<Outcome, Failure> {
    let text = reach.connect(config)?.pause_purge(change)?;
    if json {
        say(&text)?;
        return Ok(Outcome::Done);
    }
    let pause: Pause = pages::read(&text)?;
    say(&match pause.since {
        Some(since) => format!(
            "The purge is paused since {} UTC: nothing goes by its date.\nLet it go on: reprieve purge resume",
            shown(since)
        ),
        None => "The purge goes on.".to_owned(),
    })?;
    Ok(Outcome::Done)
}
