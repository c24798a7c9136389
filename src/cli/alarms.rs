//! `reprieve alarms`: what somebody has to look at.

use std::process::ExitCode;

use clap::Subcommand;

use super::output::{plain, remark, say};
use super::people::answers::keeping::Alarm;
use super::people::moments::shown;
use super::people::pages::{self, Listed};
use super::people::words::{facts, person};
use super::people::{Failure, Outcome, Reach, finish};
use crate::config::Config;
use crate::domain::alarms::AlarmCode;
use crate::domain::ids::AlarmId;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the alarms of the organization and of the service itself, newest first, each with what to do next
    List(ListArgs),
    /// Take note of an alarm. Most end by themselves, when their cause does
    Acknowledge(AcknowledgeArgs),
}

#[derive(clap::Args)]
struct ListArgs {
    /// With those that have ended
    #[arg(long)]
    all: bool,
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As a JSON array of the API's alarms
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
struct AcknowledgeArgs {
    /// The alarm's id, as `reprieve alarms list` shows it
    #[arg(value_parser = alarm_id)]
    id: AlarmId,
    /// As the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

fn alarm_id(text: &str) -> anyhow::Result<AlarmId> {
    AlarmId::parse(text).ok_or_else(|| anyhow::anyhow!("expected the id of an alarm"))
}

pub(super) fn run(args: Args, config: &Config) -> ExitCode {
    finish(match args.action {
        Action::List(args) => list(&args, config),
        Action::Acknowledge(args) => acknowledge(&args, config),
    })
}

fn list(args: &ListArgs, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let listed = Listed::collect(args.limit, |page| backend.alarms(args.all, page))?;
    if args.json {
        say(&listed.json()?)?;
    } else {
        let alarms: Vec<Alarm> = listed.parsed()?;
        if alarms.is_empty() {
            remark(if args.all {
                "There was no alarm."
            } else {
                "There is no alarm."
            });
        } else {
            let parts: Vec<String> = alarms.iter().map(render).collect();
            say(&parts.join("\n"))?;
        }
    }
    listed.tell_more(args.limit);
    Ok(Outcome::Done)
}

fn acknowledge(args: &AcknowledgeArgs, config: &Config) -> Result<Outcome, Failure> {
    let text = args.reach.connect(config)?.acknowledge_alarm(args.id)?;
    if args.json {
        say(&text)?;
        return Ok(Outcome::Done);
    }
    let alarm: Alarm = pages::read(&text)?;
    let code = plain(&alarm.code);
    say(&if alarm.resolved_at.is_some() {
        format!("The alarm {code} is acknowledged and has ended.")
    } else {
        format!("The alarm {code} is acknowledged. It ends when its cause does.")
    })?;
    Ok(Outcome::Done)
}

fn render(alarm: &Alarm) -> String {
    let acknowledged = alarm.acknowledged_at.map(|at| {
        let by = alarm
            .acknowledged_by
            .as_ref()
            .map(person)
            .unwrap_or_default();
        format!("{} UTC by {by}", shown(at))
    });
    let lines = [
        ("id", Some(alarm.id.to_string())),
        ("since", Some(format!("{} UTC", shown(alarm.raised_at)))),
        (
            "last seen",
            Some(format!("{} UTC", shown(alarm.last_seen_at))),
        ),
        ("seen", Some(plain(&alarm.detail))),
        ("next", Some(plain(&alarm.next))),
        (
            "commands",
            alarm
                .resolved_at
                .is_none()
                .then(|| commands(alarm))
                .flatten(),
        ),
        ("acknowledged", acknowledged),
        (
            "ended",
            alarm.resolved_at.map(|at| format!("{} UTC", shown(at))),
        ),
    ];
    let of = if alarm.of_service {
        "the service"
    } else {
        "the organization"
    };
    format!(
        "{} of {of}: {}\n{}",
        plain(&alarm.code),
        plain(&alarm.title),
        facts(&lines)
    )
}

/// What to type next, where it is a command of this program.
fn commands(alarm: &Alarm) -> Option<String> {
    Some(match AlarmCode::parse(&alarm.code)? {
        AlarmCode::RetentionInvalid => "reprieve retention set --days DAYS".to_owned(),
        AlarmCode::ClockJump => format!("date -u; reprieve alarms acknowledge {}", alarm.id),
        AlarmCode::PurgeBlocked | AlarmCode::PurgeOverdue => "reprieve purge status".to_owned(),
        AlarmCode::ErasureOverdue => "reprieve erase".to_owned(),
        AlarmCode::Brake => "reprieve trash list; reprieve brakes list".to_owned(),
        _ => return None,
    })
}
