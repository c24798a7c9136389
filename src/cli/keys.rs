//! `reprieve keys`: the encryption keys. API keys are `reprieve key`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anyhow::anyhow;
use clap::Subcommand;

use super::open;
use super::output::{complain, count, remark, say, table};
use super::people::{Failure, ask};
use crate::config::{Config, KeyOptions};
use crate::domain::ids::OrgId;
use crate::jobs::{eraser, keykeeper};
use crate::secrets::keyring::Epoch;
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::rotation::{self, Begun, By, EpochView, KeysView, Progress, Waiting};

/// How often `--wait` looks again.
const PAUSE: Duration = Duration::from_secs(1);
/// Whom the records name.
const BY: By = Caller::command_line;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show the key epochs, what is sealed under them, and which running services have their keys
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        options: KeyOptions,
    },
    /// Make a new key, seal under it from now on, and wrap all secrets anew; goes on with a rotation that is under way
    Rotate {
        /// Wait until every running service has the new key and all secrets are under it
        #[arg(long)]
        wait: bool,
    },
    /// Wrap all secrets under an earlier key anew, so that it can be destroyed
    Retire {
        /// The epoch, as `reprieve keys status` shows it
        #[arg(value_parser = parse_epoch)]
        epoch: Epoch,
    },
    /// Destroy a retired key for good: no copy of the database from before opens the secrets under it
    Destroy(Destroy),
}

#[derive(clap::Args)]
struct Destroy {
    /// The epoch, as `reprieve keys status` shows it
    #[arg(value_parser = parse_epoch)]
    epoch: Epoch,
    /// Do not wait for the time after the retirement
    #[arg(long)]
    now: bool,
    /// The key is lost for ever: give up the secrets that need it; their connections ask for new ones
    #[arg(long, conflicts_with = "now")]
    lost: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    options: KeyOptions,
}

impl Args {
    pub(super) fn options(&self) -> KeyOptions {
        match &self.action {
            Action::Status { options, .. } => *options,
            Action::Destroy(destroy) => destroy.options,
            Action::Rotate { .. } | Action::Retire { .. } => KeyOptions::default(),
        }
    }
}

pub(super) fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let services = open(config)?;
    let grace = config.key_times.destruction.unwrap_or(keykeeper::GRACE);
    match args.action {
        Action::Status { json, .. } => {
            let view = rotation::status(&services, grace)?;
            say(&if json {
                serde_json::to_string_pretty(&view)?
            } else {
                render(&view)
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Rotate { wait } => rotate(&services, wait),
        Action::Retire { epoch } => retire(&services, epoch),
        Action::Destroy(args) => destroy(&services, &args, grace),
    }
}

fn rotate(services: &Services, wait: bool) -> anyhow::Result<ExitCode> {
    let epoch = match rotation::begin(services)? {
        Begun::New(epoch) => {
            remark(&format!("Key epoch {epoch} is made."));
            epoch
        }
        Begun::UnderWay(epoch) => {
            remark(&format!("A rotation to key epoch {epoch} is under way."));
            epoch
        }
    };
    let (mut rewrapped, mut told) = (0, Vec::new());
    loop {
        let progress = match rotation::go_on(services, BY) {
            Ok(progress) => progress,
            // Others work on the database too; what was done is done, and the next round goes on.
            Err(error) if wait && error.is_passing() => {
                sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        rewrapped += progress.rewrapped;
        erase(services);
        if let Some(waiting) = &progress.waits {
            if !wait {
                say(&waits(waiting))?;
                return Ok(ExitCode::SUCCESS);
            }
            if told != waiting.lacking {
                remark(&waits(waiting));
                told.clone_from(&waiting.lacking);
            }
        } else if !progress.unreadable.is_empty() {
            complain(&unreadable(services, &progress));
            return Ok(ExitCode::FAILURE);
        } else if progress.busy == 0 || !wait {
            say(&format!(
                "New secrets are sealed under key epoch {epoch}; {} wrapped anew.",
                count(rewrapped, "secret was", "secrets were")
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        sleep(PAUSE);
    }
}

fn waits(waiting: &Waiting) -> String {
    format!(
        "The switch to key epoch {} waits for {}. A service reads its key folder every few seconds; one with a folder of its \
         own needs a copy of epoch-{}.key. The services go on by themselves then.",
        waiting.epoch,
        waiting.lacking.join(", "),
        waiting.epoch
    )
}

fn retire(services: &Services, epoch: Epoch) -> anyhow::Result<ExitCode> {
    let progress = rotation::retire_by_hand(services, epoch, BY)?;
    erase(services);
    if progress.rewrapped > 0 {
        remark(&format!(
            "{} wrapped anew.",
            count(progress.rewrapped, "secret was", "secrets were")
        ));
    }
    if !progress.unreadable.is_empty() {
        complain(&unreadable(services, &progress));
        return Ok(ExitCode::FAILURE);
    }
    if progress.busy > 0 {
        complain("somebody else works on some of these secrets: try again");
        return Ok(ExitCode::FAILURE);
    }
    say(&format!(
        "No secret is under key epoch {epoch}: it is retired."
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Which secrets do not open, by owner, and what to do.
fn unreadable(services: &Services, progress: &Progress) -> String {
    let mut owners: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for one in &progress.unreadable {
        let owner = format!(
            "{} {} of {}",
            one.kind,
            one.owner,
            organization(services, one.org)
        );
        owners.entry(owner).or_default().push(&one.field);
    }
    let lines: Vec<String> = owners
        .iter()
        .take(20)
        .map(|(owner, fields)| format!("  {owner}: {}", fields.join(", ")))
        .collect();
    format!(
        "{} not open under its key and can't be wrapped anew:\n{}\nEnter them again, or give them up with `reprieve keys destroy \
         EPOCH --lost`.",
        count(progress.unreadable.len(), "secret does", "secrets do"),
        lines.join("\n")
    )
}

fn organization(services: &Services, org: OrgId) -> String {
    let row = services.store.read(|conn| conn.find_organization(org));
    match row {
        Ok(Some(row)) => row.name,
        _ => org.to_string(),
    }
}

fn destroy(services: &Services, args: &Destroy, grace: Duration) -> anyhow::Result<ExitCode> {
    let epoch = args.epoch;
    let question = if args.lost {
        let view = rotation::status(services, grace)?;
        let secrets = view
            .epochs
            .iter()
            .find(|row| row.epoch == epoch)
            .map_or(0, |row| row.secrets);
        remark(&format!(
            "{secrets} secrets are under key epoch {epoch}. Those that can't be opened are shredded; their connections need \
             credentials then. A key that turns up later is of no use any more."
        ));
        format!("Give up the secrets under key epoch {epoch}?")
    } else {
        remark(&format!(
            "No copy of the database from before the retirement of key epoch {epoch} will open the secrets under it: neither \
             those that were shredded since, nor those that are live now and would have to be entered again after such a copy \
             was put back."
        ));
        format!("Destroy the key of epoch {epoch} for good?")
    };
    match ask::agree(&question, args.yes) {
        Ok(true) => {}
        Ok(false) | Err(Failure::Refused(_)) => return Ok(ExitCode::FAILURE),
        Err(Failure::Usage(text)) => {
            complain(&text);
            return Ok(ExitCode::from(2));
        }
        Err(Failure::Broken(error)) => return Err(error),
    }
    if !args.lost {
        let grace = if args.now { Duration::ZERO } else { grace };
        rotation::destroy(services, epoch, grace, BY)?;
        say(&format!(
            "Key epoch {epoch} is destroyed. Running services drop it within seconds; copies of the key elsewhere are yours to \
             destroy."
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let given_up = rotation::give_up(services, epoch, BY)?;
    erase(services);
    if let Some(primary) = given_up.primary {
        remark(&format!(
            "New secrets are sealed under key epoch {primary}."
        ));
    }
    say(&format!(
        "{} of {} shredded; key epoch {epoch} is {}.",
        count(given_up.secrets, "secret", "secrets"),
        count(given_up.owners, "owner was", "owners were"),
        if given_up.retired {
            "retired"
        } else {
            "destroyed"
        }
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What was wrapped under the old key is still in the files. A running service does the rest.
fn erase(services: &Services) {
    if services.store.sqlite_file().is_some()
        && let Err(error) = eraser::round(&services.store, &services.shreds)
    {
        tracing::debug!(%error, "the running service erases what is left");
    }
}

fn render(view: &KeysView) -> String {
    let mut rows =
        vec![["EPOCH", "STATE", "SECRETS", "MADE", "KEYRING", "SERVICES"].map(str::to_owned)];
    rows.extend(view.epochs.iter().map(|epoch| {
        [
            epoch.epoch.to_string(),
            state(epoch),
            epoch.secrets.to_string(),
            epoch.created_at.to_string(),
            if epoch.in_keyring { "has it" } else { "-" }.to_owned(),
            services_of(epoch),
        ]
    }));
    let mut lines = vec![table(&rows)];
    for replica in &view.replicas {
        let line = if replica.alive {
            format!("{} runs since {}", replica.name, replica.started_at)
        } else {
            format!("{} last heard of at {}", replica.name, replica.seen_at)
        };
        lines.push(match &replica.problem {
            Some(problem) => format!("{line}: {problem}"),
            None => line,
        });
    }
    lines.extend(
        view.problem
            .iter()
            .map(|problem| format!("This keyring: {problem}")),
    );
    lines.join("\n")
}

fn state(epoch: &EpochView) -> String {
    match (epoch.state, epoch.destroy_from, epoch.destroyed_at) {
        (_, _, Some(at)) => format!("destroyed {at}"),
        (_, Some(from), _) => format!("retired, destroyed from {from} on"),
        ("primary", ..) => format!(
            "primary since {}",
            epoch.primary_since.unwrap_or(epoch.created_at)
        ),
        ("next", ..) => "next: waits for the services".to_owned(),
        _ => "in use: secrets are being wrapped anew".to_owned(),
    }
}

fn services_of(epoch: &EpochView) -> String {
    match (epoch.known_by.len(), epoch.lacked_by.as_slice()) {
        (0, []) => "-".to_owned(),
        (have, []) => format!("{have} of {have}"),
        (have, lacking) => format!(
            "{have} of {}; not {}",
            have + lacking.len(),
            lacking.join(", ")
        ),
    }
}

fn parse_epoch(text: &str) -> anyhow::Result<Epoch> {
    text.parse::<i32>()
        .ok()
        .and_then(|number| Epoch::try_from(number).ok())
        .ok_or_else(|| anyhow!("expected the number of a key epoch, such as 1"))
}
