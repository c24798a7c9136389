//! `reprieve purge`: what is due goes, now. Beside that what the purge is about to do, and the pause switch.

mod lines;
mod pause;
mod run;
mod status;

use std::process::ExitCode;

use clap::Subcommand;

use super::people::{Failure, finish};
use crate::config::Config;

#[derive(clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    run: run::RunArgs,
}

const EXIT_CODES: &str = "\
Purges on the database itself what is past its date and what nothing keeps: no hold, no brake, no pause. Several at once, \
beside servers that purge too, do no harm; one that is killed is gone on with by the next.

Exit code: 0 done; 1 the database can't be used; 2 an alarm stops it (a jump of the clock, a retention that is not valid; \
see `reprieve alarms list`), or the command line is wrong; 3 some entries could not be purged, and are tried again.";

#[derive(Subcommand)]
enum Action {
    /// What the purge is about to do, what keeps entries from it, and what could not be purged
    Status(status::Args),
    /// Let nothing of the organization be purged by date until `resume`; purging one entry by hand still works
    Pause(pause::PauseArgs),
    /// Let the purge of the organization go on
    Resume(pause::ResumeArgs),
}

pub(super) fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let Some(action) = args.action else {
        return run::run(&args.run, config);
    };
    if args.run.is_given() {
        return Ok(finish(Err(Failure::Usage(
            "options of the purge itself do not go with status, pause and resume; theirs come after that word".to_owned(),
        ))));
    }
    Ok(finish(match action {
        Action::Status(args) => status::run(&args, config),
        Action::Pause(args) => pause::pause(&args, config),
        Action::Resume(args) => pause::resume(&args, config),
    }))
}

/// What stops a purge, in words with what to do.
fn why(stop: &str) -> String {
    match stop {
        "clock_jump" => "the database's clock jumped: reprieve alarms list",
        "retention_invalid" => "the retention is not valid: reprieve retention set --days DAYS",
        "paused" => "paused: reprieve purge resume",
        "hourly_limit" => "as many as may go within an hour are gone; the rest goes later",
        "run_limit" => "as many as this run may take are gone; the rest goes with the next",
        // Of a server that is newer than this program.
        other => return super::output::plain(other),
    }
    .to_owned()
}
