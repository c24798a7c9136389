//! `reprieve trash purge`

use super::{find, list::with_it};
use crate::cli::output::{plain, remark, say};
use crate::cli::people::answers::Entry;
use crate::cli::people::{Failure, Outcome, Reach, ask, pages, words::quoted};
use crate::config::Config;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The entry's id, or the name of what was deleted
    entry: String,
    /// The exact name of what was deleted, instead of typing it when asked
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Print the closed entry as the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let id = find(&*backend, &args.entry)?;
    let typed = match &args.confirm {
        Some(name) => name.clone(),
        None if ask::somebody_is_there() => {
            let entry: Entry = pages::read(&backend.entry(id)?)?;
            remark(&format!(
                "The {} {} with {} will be gone for good; no restore brings it back.",
                plain(&entry.root.kind),
                quoted(&entry.root.name),
                with_it(&entry)
            ));
            ask::line("Type its name to purge it:")?
        }
        None => {
            return Err(Failure::Usage(
                "there is no terminal to ask at: give the exact name with --confirm".to_owned(),
            ));
        }
    };
    let text = backend.purge(id, &typed)?;
    if args.json {
        say(&text)?;
    } else {
        let entry: Entry = pages::read(&text)?;
        say(&format!(
            "The {} {} is {}.",
            plain(&entry.root.kind),
            quoted(&entry.root.name),
            // A large one loses its rows in batches.
            if entry.state == "purging" {
                "being purged"
            } else {
                "purged"
            }
        ))?;
    }
    Ok(Outcome::Done)
}
