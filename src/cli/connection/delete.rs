//! `reprieve connection delete`

use super::find;
use crate::cli::output::{complain, plain, remark, say};
use crate::cli::people::answers::{Counts, Entry, Impact};
use crate::cli::people::backend::Backend;
use crate::cli::people::moments::shown;
use crate::cli::people::words::{counted, counted_one, quoted};
use crate::cli::people::{Failure, Outcome, Reach, ask, pages};
use crate::config::Config;
use crate::domain::ids::ConnectionId;
use crate::service::delete::DeleteRequest;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The connection's id or name; several for several connections
    #[arg(value_name = "CONNECTION", required = true)]
    connections: Vec<String>,
    /// Why, in your words; it stands in the trash entry
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print the trash entry (with --dry-run what would go) as the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// What one deletion would take along.
struct Planned {
    id: ConnectionId,
    impact: Impact,
    text: String,
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let mut ids = Vec::new();
    for meant in &args.connections {
        let id = find(&*backend, meant)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let mut plans = Vec::new();
    for id in ids {
        let text = backend.impact(id)?;
        let impact = pages::read(&text)?;
        plans.push(Planned { id, impact, text });
    }
    if args.dry_run {
        let parts = plans.iter().map(|plan| {
            if args.json {
                plan.text.clone()
            } else {
                render(&plan.impact)
            }
        });
        let parts: Vec<String> = parts.collect();
        tell(args.json && plans.len() > 1, &parts)?;
        return Ok(Outcome::Done);
    }
    if !args.yes && !agreed(&plans)? {
        return Ok(Outcome::Nothing);
    }
    // One alone fails as the command does; of several each has its own outcome.
    let several = plans.len() > 1;
    let (mut texts, mut refused) = (Vec::new(), 0);
    for plan in &plans {
        match delete(&*backend, plan, args) {
            Ok(text) => texts.push(text),
            Err(Failure::Refused(refusal)) if several => {
                refused += 1;
                if args.json {
                    texts.push(refusal.json("connection_id", plan.id)?);
                } else {
                    let name = quoted(&plan.impact.root.name);
                    complain(&format!("{name}: {}", refusal.words()));
                }
            }
            Err(failure) => {
                // What is done is done: say so before the failure.
                tell(args.json && several, &texts)?;
                return failure.after(texts.len() - refused);
            }
        }
    }
    tell(args.json && several, &texts)?;
    Ok(match refused {
        0 => Outcome::Done,
        all if all == plans.len() => Outcome::Nothing,
        _ => Outcome::Partly,
    })
}

/// Shows what would go and asks: for one connection its name must be typed.
fn agreed(plans: &[Planned]) -> Result<bool, Failure> {
    ask::require_somebody()?;
    for plan in plans {
        remark(&render(&plan.impact));
    }
    let agreed = match plans {
        [one] => ask::line("Type its name to delete it:")? == one.impact.root.name,
        several => ask::agree(&format!("Delete {} connections?", several.len()), false)?,
    };
    if !agreed {
        remark("Nothing was deleted.");
    }
    Ok(agreed)
}

fn delete(backend: &dyn Backend, plan: &Planned, args: &Args) -> Result<String, Failure> {
    let request = DeleteRequest {
        reason: args.reason.clone(),
        // What was shown is what is deleted.
        plan_token: Some(plan.impact.plan_token.clone()),
        ..DeleteRequest::default()
    };
    let text = backend.delete(plan.id, &request)?;
    Ok(if args.json {
        text
    } else {
        done(&pages::read(&text)?)
    })
}

/// Prints one text after the other, or a JSON array of them.
fn tell(array: bool, texts: &[String]) -> Result<(), Failure> {
    if array {
        say(&format!("[\n  {}\n]", texts.join(",\n  ")))?;
    } else if !texts.is_empty() {
        say(&texts.join("\n"))?;
    }
    Ok(())
}

fn below(counts: &Counts) -> String {
    counted(&Counts {
        connections: 0,
        ..*counts
    })
}

fn render(impact: &Impact) -> String {
    let mut lines = vec![format!(
        "Deleting the connection {} takes along {}.",
        quoted(&impact.root.name),
        below(&impact.counts)
    )];
    lines.extend(impact.sample.iter().map(|row| {
        format!(
            "  {} {} ({})",
            plain(&row.what),
            quoted(&row.name),
            plain(&row.kind)
        )
    }));
    let sample = i64::try_from(impact.sample.len()).unwrap_or(i64::MAX);
    let rest = impact.counts.models + impact.counts.content - sample;
    if rest > 0 {
        lines.push(format!("  ... and {rest} more"));
    }
    if impact.references > 0 {
        lines.push(format!(
            "{} from content elsewhere would break:",
            counted_one(impact.references, "link", "links")
        ));
        lines.extend(impact.references_sample.iter().map(|link| {
            format!(
                "  {} of connection {}",
                quoted(&link.name),
                link.connection_id
            )
        }));
    }
    if !impact.secrets.is_empty() {
        let fields: Vec<String> = impact.secrets.iter().map(|field| plain(field)).collect();
        lines.push(format!(
            "Shredded at once, for good: {}.",
            fields.join(", ")
        ));
    }
    lines.join("\n")
}

fn done(entry: &Entry) -> String {
    format!(
        "The connection {} is in the trash with {}, until {} UTC.\nBring it back: reprieve trash restore {}\n",
        quoted(&entry.root.name),
        below(&entry.impact),
        shown(entry.purge_at),
        entry.id
    )
}
