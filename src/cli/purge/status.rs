//! `reprieve purge status`

use super::why;
use crate::cli::output::{plain, say, table};
use crate::cli::people::answers::keeping::{Blocked, Pause, Status};
use crate::cli::people::moments::shown;
use crate::cli::people::words::{counted_one, facts};
use crate::cli::people::{Failure, Outcome, Reach, pages};
use crate::config::Config;

#[derive(clap::Args)]
pub(super) struct Args {
    /// As the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let text = args.reach.connect(config)?.purge_status()?;
    if args.json {
        say(&text)?;
    } else {
        say(&render(&pages::read(&text)?))?;
    }
    Ok(Outcome::Done)
}

fn render(status: &Status) -> String {
    let schedule = status.schedule.as_deref().map_or_else(
        || {
            "none known here; `serve --purge-schedule` sets one, or run `reprieve purge` by cron"
                .to_owned()
        },
        plain,
    );
    let stopped = match (&status.stopped, status.pause.paused) {
        (_, true) => Some(paused(&status.pause)),
        (Some(stop), false) => Some(why(stop)),
        (None, false) => None,
    };
    let past_date = match status.oldest {
        Some(oldest) => format!(
            "{}, the oldest since {} UTC",
            entries(status.past_date),
            shown(oldest)
        ),
        None => "none".to_owned(),
    };
    let some = |number: u64| (number > 0).then(|| entries(number));
    let lines = [
        ("schedule", Some(schedule)),
        ("stopped", stopped),
        ("past their date", Some(past_date)),
        (
            "next run",
            Some(format!("purges {}", entries(status.would_purge))),
        ),
        ("kept by holds", some(status.held)),
        (
            "kept by a brake",
            some(status.braked).map(|text| format!("{text}: reprieve brakes list")),
        ),
        (
            "kept by use",
            some(status.used).map(|text| format!("{text}: used within a day")),
        ),
        (
            "being purged",
            some(u64::try_from(status.purging.len()).unwrap_or(u64::MAX)),
        ),
        ("blocked", some(status.blocked_count)),
    ];
    let mut text = facts(&lines);
    if !status.blocked.is_empty() {
        text.push_str("\nCould not be purged; they are tried again by themselves:\n");
        text.push_str(&blocked(&status.blocked));
    }
    text
}

fn entries(number: u64) -> String {
    counted_one(
        i64::try_from(number).unwrap_or(i64::MAX),
        "entry",
        "entries",
    )
}

fn paused(pause: &Pause) -> String {
    let since = pause.since.map(|at| format!(" since {} UTC", shown(at)));
    let by = pause.by.as_deref().map(|by| format!(" by {}", plain(by)));
    let reason = pause
        .reason
        .as_deref()
        .map(|reason| format!(" ({})", plain(reason)));
    let parts = [since, by, reason].into_iter().flatten();
    format!("paused{}: reprieve purge resume", parts.collect::<String>())
}

fn blocked(blocked: &[Blocked]) -> String {
    let mut rows = vec![["ENTRY", "WHY", "TRIED", "LAST (UTC)", "AGAIN (UTC)"].map(str::to_owned)];
    rows.extend(blocked.iter().map(|blocked| {
        [
            blocked.entry_id.to_string(),
            plain(&blocked.code),
            counted_one(blocked.attempts, "time", "times"),
            shown(blocked.failed_at),
            shown(blocked.retry_at),
        ]
    }));
    table(&rows)
}
