//! `reprieve retention`: how long deletions stay in the trash, and what keeps them longer.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Subcommand};

use super::output::say;
use super::people::answers::keeping::Retention;
use super::people::words::{counted_one, facts};
use super::people::{Failure, Outcome, Reach, finish, pages};
use crate::config::Config;
use crate::service::retention::{BrakeChange, RetentionChange};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show the policy of an organization
    Show(ShowArgs),
    /// Change it; what is not given stays as it is
    Set(Box<SetArgs>),
}

#[derive(clap::Args)]
struct ShowArgs {
    /// As the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
#[command(group = ArgGroup::new("change").multiple(true).required(true).args([
    "days", "purge_protection", "hold_while_used", "brake_connections", "brake_percent", "brake_refuses_deletions",
]))]
struct SetArgs {
    /// How many days a deletion stays in the trash, 1 to 3650; for deletions from now on
    #[arg(long, value_name = "DAYS")]
    days: Option<i32>,
    /// Whether nobody may purge anything before its date: on for all that is in the trash, off for deletions from now on
    #[arg(long, value_name = "on|off", value_parser = on_off())]
    purge_protection: Option<String>,
    /// Whether an entry that somebody called for within a day is not purged by its date
    #[arg(long, value_name = "on|off", value_parser = on_off())]
    hold_while_used: Option<String>,
    /// The brake comes on when more connections than this are deleted within an hour, 20 at least
    #[arg(long, value_name = "NUMBER")]
    brake_connections: Option<i32>,
    /// And more than this part of all connections of the organization, 1 to 100
    #[arg(long, value_name = "PERCENT")]
    brake_percent: Option<i32>,
    /// Whether further deletions are refused while a brake is on
    #[arg(long, value_name = "on|off", value_parser = on_off())]
    brake_refuses_deletions: Option<String>,
    /// As the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

fn on_off() -> PossibleValuesParser {
    PossibleValuesParser::new(["on", "off"])
}

pub(super) fn run(args: Args, config: &Config) -> ExitCode {
    finish(match args.action {
        Action::Show(args) => show(&args, config),
        Action::Set(args) => set(&args, config),
    })
}

fn show(args: &ShowArgs, config: &Config) -> Result<Outcome, Failure> {
    let text = args.reach.connect(config)?.retention()?;
    tell(&text, args.json)
}

fn set(args: &SetArgs, config: &Config) -> Result<Outcome, Failure> {
    let is_on = |word: &Option<String>| word.as_deref().map(|word| word == "on");
    let brake = BrakeChange {
        connections: args.brake_connections,
        percent: args.brake_percent,
        refuse_deletions: is_on(&args.brake_refuses_deletions),
    };
    let about_brake =
        brake.connections.is_some() || brake.percent.is_some() || brake.refuse_deletions.is_some();
    let change = RetentionChange {
        retention_days: args.days,
        purge_protection: is_on(&args.purge_protection),
        hold_while_used: is_on(&args.hold_while_used),
        brake: about_brake.then_some(brake),
    };
    let text = args.reach.connect(config)?.set_retention(&change)?;
    tell(&text, args.json)
}

fn tell(text: &str, json: bool) -> Result<Outcome, Failure> {
    if json {
        say(text)?;
    } else {
        say(&render(&pages::read(text)?))?;
    }
    Ok(Outcome::Done)
}

fn render(retention: &Retention) -> String {
    let days = |number: i32| counted_one(i64::from(number), "day", "days");
    let kept = if retention.valid {
        format!(
            "{} in the trash, for deletions from now on",
            days(retention.days)
        )
    } else {
        format!(
            "{} IS NOT VALID: nothing is purged; set 1 to 3650 with --days",
            retention.days
        )
    };
    let floor = (retention.min_days > 0).then(|| {
        format!(
            "{}, whoever asks (--min-retention-days)",
            days(retention.min_days)
        )
    });
    let protection = if retention.purge_protection {
        "on: nobody may purge anything before its date"
    } else {
        "off"
    };
    let hold_while_used = if retention.hold_while_used {
        "on: what somebody called for within a day is not purged by its date"
    } else {
        "off"
    };
    let brake = &retention.brake;
    let deletions = if brake.refuse_deletions {
        "refused until it is released"
    } else {
        "go on"
    };
    facts(&[
        ("kept", Some(kept)),
        ("at least", floor),
        ("purge protection", Some(protection.to_owned())),
        ("hold while used", Some(hold_while_used.to_owned())),
        (
            "brake",
            Some(format!(
                "above {} connections and {} % of all, deleted within an hour; deletions {deletions}",
                brake.connections, brake.percent
            )),
        ),
    ])
}
