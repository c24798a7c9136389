//! `reprieve webhook`: endpoints that are told of events.

use std::io::stdin;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use clap::builder::PossibleValue;

use super::output::{plain, remark, say, table};
use super::people::answers::webhooks::{Delivery, Replayed, Tested, Webhook};
use super::people::ask;
use super::people::backend::Backend;
use super::people::moments::shown;
use super::people::pages::{self, Listed};
use super::people::words::{counted_one, facts};
use super::people::{Failure, Outcome, Reach, finish};
use crate::config::Config;
use crate::domain::clock::Ts;
use crate::domain::ids::{RecordId, WebhookId};
use crate::domain::kinds::{DeliveryState, WebhookFormat, WebhookState};
use crate::service::webhooks::NewWebhook;
use crate::service::webhooks::deliveries::ReplayRequest;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make an endpoint, which is told of what happens from now on; prints its signing secret, once
    Create(CreateArgs),
    /// List the endpoints
    List(ListArgs),
    /// Show an endpoint
    Show(OneArgs),
    /// Let a disabled endpoint go on where it stopped
    Enable(OneArgs),
    /// Stop an endpoint; its place in the feed stays
    Disable(OneArgs),
    /// Forget an endpoint with all that is on its way to it, and shred its secret
    Delete(DeleteArgs),
    /// Make a new signing secret and print it, once; the one before signs too for 24 hours
    Rotate(OneArgs),
    /// Send a test message now
    Test(OneArgs),
    /// List what was sent to an endpoint, or waits for it, the newest event first
    Deliveries(DeliveriesArgs),
    /// Send again what failed, or one delivery whatever became of it
    Replay(ReplayArgs),
}

#[derive(clap::Args)]
struct CreateArgs {
    /// Where to send: an https URL. `-` reads it from stdin: the address of a chat tool's webhook is a secret
    #[arg(value_name = "URL")]
    address: String,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// What is sent: events, or sentences as chat tools take them
    #[arg(long, value_name = "FORMAT", default_value = "standard", value_parser = format())]
    format: String,
    /// An event type (connection.trashed) or family (trash.*) to be told of; can be repeated [default: all]
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// As the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
struct ListArgs {
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As a JSON array of the API's endpoints
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
struct OneArgs {
    /// The endpoint's id, as `reprieve webhook list` shows it
    #[arg(value_parser = webhook_id)]
    id: WebhookId,
    /// As the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
struct DeleteArgs {
    #[command(flatten)]
    one: OneArgs,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(clap::Args)]
struct DeliveriesArgs {
    /// The endpoint's id, as `reprieve webhook list` shows it
    #[arg(value_parser = webhook_id)]
    id: WebhookId,
    /// Those in this state
    #[arg(long, value_name = "STATE", value_parser = state())]
    state: Option<String>,
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As a JSON array of the API's deliveries
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
struct ReplayArgs {
    #[command(flatten)]
    one: OneArgs,
    /// The event of one delivery, as `reprieve webhook deliveries` shows it [default: all that failed]
    #[arg(long, value_name = "ID", value_parser = event_id, conflicts_with = "since")]
    event: Option<RecordId>,
    /// What failed of those made at or after this moment (RFC 3339)
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    since: Option<Ts>,
}

fn webhook_id(text: &str) -> anyhow::Result<WebhookId> {
    WebhookId::parse(text).ok_or_else(|| anyhow::anyhow!("expected the id of a webhook endpoint"))
}

fn event_id(text: &str) -> anyhow::Result<RecordId> {
    RecordId::parse(text).ok_or_else(|| anyhow::anyhow!("expected the id of an event"))
}

fn moment(text: &str) -> anyhow::Result<Ts> {
    Ts::parse(text).ok_or_else(|| anyhow::anyhow!("expected a moment such as 2026-11-22T09:30:00Z"))
}

fn format() -> Vec<PossibleValue> {
    WebhookFormat::ALL
        .iter()
        .map(|format| PossibleValue::new(format.as_str()))
        .collect()
}

fn state() -> Vec<PossibleValue> {
    DeliveryState::ALL
        .iter()
        .map(|state| PossibleValue::new(state.as_str()))
        .collect()
}

pub(super) fn run(args: Args, config: &Config) -> ExitCode {
    finish(match args.action {
        Action::Create(args) => create(&args, config),
        Action::List(args) => list(&args, config),
        Action::Show(args) => one(&args, config, |backend, id| backend.webhook(id)),
        Action::Enable(args) => one(&args, config, |backend, id| {
            backend.set_webhook(id, WebhookState::Enabled)
        }),
        Action::Disable(args) => one(&args, config, |backend, id| {
            backend.set_webhook(id, WebhookState::Disabled)
        }),
        Action::Delete(args) => delete(&args, config),
        Action::Rotate(args) => one(&args, config, |backend, id| backend.rotate_webhook(id)),
        Action::Test(args) => test(&args, config),
        Action::Deliveries(args) => deliveries(&args, config),
        Action::Replay(args) => replay(&args, config),
    })
}

fn create(args: &CreateArgs, config: &Config) -> Result<Outcome, Failure> {
    let url = if args.address == "-" {
        let mut line = String::new();
        stdin()
            .read_line(&mut line)
            .context("the URL can't be read from stdin")?;
        line.trim_end().to_owned()
    } else {
        args.address.clone()
    };
    let new = NewWebhook {
        url,
        description: args.description.clone(),
        format: WebhookFormat::parse(&args.format).unwrap_or(WebhookFormat::Standard),
        types: args.types.clone(),
    };
    let text = args.reach.connect(config)?.create_webhook(&new)?;
    print(&text, args.json)
}

/// A call that answers with the endpoint.
fn one(
    args: &OneArgs,
    config: &Config,
    call: impl Fn(&dyn Backend, WebhookId) -> Result<String, Failure>,
) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let text = call(backend.as_ref(), args.id)?;
    print(&text, args.json)
}

fn print(text: &str, json: bool) -> Result<Outcome, Failure> {
    if json {
        say(text)?;
        return Ok(Outcome::Done);
    }
    let webhook: Webhook = pages::read(text)?;
    say(render(&webhook).trim_end())?;
    if webhook.signing_secret.is_some() {
        remark("Keep the signing secret: it is not shown again.");
    }
    Ok(Outcome::Done)
}

fn list(args: &ListArgs, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let listed = Listed::collect(args.limit, |page| backend.webhooks(page))?;
    if args.json {
        say(&listed.json()?)?;
    } else {
        let webhooks: Vec<Webhook> = listed.parsed()?;
        if webhooks.is_empty() {
            remark("There is no webhook endpoint.");
        } else {
            let mut rows =
                vec![["ID", "URL", "TYPES", "STATE", "LAST DELIVERED (UTC)"].map(str::to_owned)];
            rows.extend(webhooks.iter().map(|webhook| {
                [
                    webhook.id.to_string(),
                    plain(&webhook.url),
                    types(webhook),
                    stands(webhook),
                    webhook.last_delivered_at.map(shown).unwrap_or_default(),
                ]
            }));
            say(&table(&rows))?;
        }
    }
    listed.tell_more(args.limit);
    Ok(Outcome::Done)
}

fn delete(args: &DeleteArgs, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.one.reach.connect(config)?;
    let webhook: Webhook = pages::read(&backend.webhook(args.one.id)?)?;
    let question = format!(
        "Forget the endpoint at {} with all that is on its way to it?",
        plain(&webhook.url)
    );
    if !ask::agree(&question, args.yes)? {
        return Ok(Outcome::Nothing);
    }
    let text = backend.delete_webhook(args.one.id)?;
    say(if args.one.json {
        &text
    } else {
        "The endpoint is deleted and its secret is shredded."
    })?;
    Ok(Outcome::Done)
}

/// A test that the endpoint does not take is no success of the command either.
fn test(args: &OneArgs, config: &Config) -> Result<Outcome, Failure> {
    let text = args.reach.connect(config)?.test_webhook(args.id)?;
    let tested: Tested = pages::read(&text)?;
    if args.json {
        say(&text)?;
    } else {
        let status = tested
            .status
            .map_or(String::new(), |status| format!(" (status {status})"));
        say(&format!(
            "{}{status}: {}",
            plain(&tested.outcome),
            plain(&tested.detail)
        ))?;
    }
    Ok(if tested.outcome == "delivered" {
        Outcome::Done
    } else {
        Outcome::Nothing
    })
}

fn deliveries(args: &DeliveriesArgs, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let state = args.state.as_deref().and_then(DeliveryState::parse);
    let listed = Listed::collect(args.limit, |page| backend.deliveries(args.id, state, page))?;
    if args.json {
        say(&listed.json()?)?;
    } else {
        let deliveries: Vec<Delivery> = listed.parsed()?;
        if deliveries.is_empty() {
            remark("There is no such delivery.");
        } else {
            let mut rows = vec![
                [
                    "EVENT",
                    "TYPE",
                    "STATE",
                    "TRIES",
                    "LAST TRY (UTC)",
                    "OUTCOME",
                    "NEXT TRY (UTC)",
                ]
                .map(str::to_owned),
            ];
            rows.extend(deliveries.iter().map(|delivery| {
                let status = delivery
                    .status
                    .map_or(String::new(), |status| format!(" {status}"));
                [
                    delivery.event_id.to_string(),
                    plain(&delivery.type_),
                    plain(&delivery.state),
                    delivery.attempts.to_string(),
                    delivery.attempted_at.map(shown).unwrap_or_default(),
                    delivery.outcome.as_ref().map_or(String::new(), |outcome| {
                        format!("{}{status}", plain(outcome))
                    }),
                    delivery.next_attempt_at.map(shown).unwrap_or_default(),
                ]
            }));
            say(&table(&rows))?;
        }
    }
    listed.tell_more(args.limit);
    Ok(Outcome::Done)
}

fn replay(args: &ReplayArgs, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.one.reach.connect(config)?;
    let text = match args.event {
        Some(event) => backend.replay_delivery(args.one.id, event)?,
        None => backend.replay_failed(args.one.id, &ReplayRequest { since: args.since })?,
    };
    if args.one.json {
        say(&text)?;
    } else if args.event.is_some() {
        say("The delivery is sent again.")?;
    } else {
        let replayed: Replayed = pages::read(&text)?;
        let deliveries = counted_one(replayed.deliveries, "delivery", "deliveries");
        say(&format!("{deliveries} to send again."))?;
    }
    Ok(Outcome::Done)
}

fn types(webhook: &Webhook) -> String {
    if webhook.types.is_empty() {
        "all".to_owned()
    } else {
        plain(&webhook.types.join(" "))
    }
}

fn stands(webhook: &Webhook) -> String {
    match &webhook.disabled_reason {
        Some(reason) => plain(&format!("{} ({reason})", webhook.state)),
        None => plain(&webhook.state),
    }
}

fn render(webhook: &Webhook) -> String {
    let until = |at: Option<Ts>| at.map(|at| format!("{} UTC", shown(at)));
    let lines = [
        ("id", Some(webhook.id.to_string())),
        (
            "signing secret",
            webhook.signing_secret.as_deref().map(plain),
        ),
        (
            "earlier secret signs until",
            until(webhook.previous_secret_until),
        ),
        (
            "for",
            Some(plain(&webhook.description)).filter(|text| !text.is_empty()),
        ),
        ("format", Some(plain(&webhook.format))),
        ("types", Some(types(webhook))),
        ("state", Some(stands(webhook))),
        (
            "failures in a row",
            (webhook.failures > 0).then(|| webhook.failures.to_string()),
        ),
        ("left alone until", until(webhook.paused_until)),
        ("last delivered", until(webhook.last_delivered_at)),
        ("made", until(Some(webhook.created_at))),
    ];
    format!("{}\n{}", plain(&webhook.url), facts(&lines))
}
