//! `reprieve brakes`: brakes on mass deletion.

use std::process::ExitCode;

use clap::Subcommand;

use super::output::{plain, remark, say, table};
use super::people::answers::keeping::Brake;
use super::people::moments::shown;
use super::people::pages::{self, Listed};
use super::people::{Failure, Outcome, Reach, finish};
use crate::config::Config;
use crate::domain::ids::BrakeId;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the brakes of the organization, newest first, released ones with them
    List(ListArgs),
    /// Release a brake: what it covered is purged as much later as the brake was on
    Release(ReleaseArgs),
}

#[derive(clap::Args)]
struct ListArgs {
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As a JSON array of the API's brakes
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
struct ReleaseArgs {
    /// The brake's id, as `reprieve brakes list` shows it
    #[arg(value_parser = brake_id)]
    id: BrakeId,
    /// As the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

fn brake_id(text: &str) -> anyhow::Result<BrakeId> {
    BrakeId::parse(text).ok_or_else(|| anyhow::anyhow!("expected the id of a brake"))
}

pub(super) fn run(args: Args, config: &Config) -> ExitCode {
    finish(match args.action {
        Action::List(args) => list(&args, config),
        Action::Release(args) => release(&args, config),
    })
}

fn list(args: &ListArgs, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let listed = Listed::collect(args.limit, |page| backend.brakes(page))?;
    if args.json {
        say(&listed.json()?)?;
    } else {
        let brakes: Vec<Brake> = listed.parsed()?;
        if brakes.is_empty() {
            remark("There was no brake.");
        } else {
            say(&render(&brakes))?;
        }
    }
    listed.tell_more(args.limit);
    Ok(Outcome::Done)
}

fn release(args: &ReleaseArgs, config: &Config) -> Result<Outcome, Failure> {
    let text = args.reach.connect(config)?.release_brake(args.id)?;
    if args.json {
        say(&text)?;
    } else {
        let brake: Brake = pages::read(&text)?;
        say(&format!(
            "The brake is released: what was deleted since {} UTC is purged as much later as the brake was on.",
            shown(brake.covers_from)
        ))?;
    }
    Ok(Outcome::Done)
}

fn render(brakes: &[Brake]) -> String {
    let mut rows = vec![
        [
            "ID",
            "ON SINCE (UTC)",
            "KEEPS WHAT WAS DELETED FROM",
            "DELETED",
            "RELEASED",
        ]
        .map(str::to_owned),
    ];
    rows.extend(brakes.iter().map(|brake| {
        let by = brake.released_by.as_deref().map(plain).unwrap_or_default();
        [
            brake.id.to_string(),
            shown(brake.started_at),
            shown(brake.covers_from),
            format!(
                "{} of {} connections",
                brake.connections, brake.of_connections
            ),
            brake
                .released_at
                .map_or_else(|| "no".to_owned(), |at| format!("{} by {by}", shown(at))),
        ]
    }));
    table(&rows)
}
