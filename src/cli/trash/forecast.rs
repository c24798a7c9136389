//! `reprieve trash forecast`: what goes when.

use crate::cli::output::{plain, say, table};
use crate::cli::people::answers::keeping::{Kinds, Summary};
use crate::cli::people::words::counted_one;
use crate::cli::people::{Failure, Outcome, Reach, pages};
use crate::config::Config;
use crate::domain::clock::Ts;

#[derive(clap::Args)]
pub(super) struct Args {
    /// As the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let text = args.reach.connect(config)?.summary()?;
    if args.json {
        say(&text)?;
    } else {
        say(&render(&pages::read(&text)?, Ts::now()))?;
    }
    Ok(Outcome::Done)
}

fn render(summary: &Summary, now: Ts) -> String {
    let today = now.utc().date_naive().to_string();
    let entries = |number: i64| counted_one(number, "entry", "entries");
    let all = match summary.entries.all {
        0 => return "The trash is empty.".to_owned(),
        all => format!(
            "In the trash: {} ({}).",
            entries(all),
            kinds(&summary.entries)
        ),
    };
    let coming: i64 = summary.purges.iter().map(|day| day.entries).sum();
    if coming == 0 {
        return format!("{all} None of them has its date within 30 days.");
    }
    let mut rows = vec![["DAY (UTC)", "ENTRIES", "ON HOLD"].map(str::to_owned)];
    rows.extend(summary.purges.iter().map(|day| {
        let past = if day.date < today { " (past)" } else { "" };
        [
            format!("{}{past}", plain(&day.date)),
            day.entries.to_string(),
            day.held.to_string(),
        ]
    }));
    format!(
        "{all} Those with their date within 30 days:\n{}Which they are: reprieve trash list --sort purge_at --purge-before 30d",
        table(&rows)
    )
}

fn kinds(kinds: &Kinds) -> String {
    let parts = [
        (kinds.integration, "integration", "integrations"),
        (kinds.connection, "connection", "connections"),
        (kinds.model, "model", "models"),
        (kinds.content, "content", "content"),
    ];
    let parts = parts.into_iter().filter(|(number, ..)| *number > 0);
    parts
        .map(|(number, one, many)| counted_one(number, one, many))
        .collect::<Vec<_>>()
        .join(", ")
}
