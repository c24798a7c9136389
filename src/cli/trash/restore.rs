//! `reprieve trash restore`

use std::fmt::Write as _;

use super::many::{self, Manner};
use super::selection::Selection;
use super::{find, shape};
use crate::cli::output::{plain, say};
use crate::cli::people::answers::{Entry, RestorePlan, Restored, Secret};
use crate::cli::people::backend::Backend;
use crate::cli::people::words::{counted, counted_one, quoted};
use crate::cli::people::{Failure, Outcome, Reach, pages};
use crate::config::Config;
use crate::domain::ids::{ConnectionId, DependentId, EntryId};
use crate::service::restore::{RestoreRequest, RestoreTarget};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The entry's id, or the name of what was deleted; several for several entries
    #[arg(value_name = "ENTRY")]
    entries: Vec<String>,
    /// Everything in the trash
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    manner: Manner,
    /// Print what was done as the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    overrides: Overrides,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    reach: Reach,
}

/// What comes back otherwise than it was.
#[derive(clap::Args)]
#[command(next_help_heading = "One entry, otherwise than it was")]
struct Overrides {
    /// Another name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Another external id
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Another connection for a model or content
    #[arg(long, value_name = "ID", value_parser = connection_id)]
    target_connection: Option<ConnectionId>,
    /// A model of that connection: the content's model, or the model's base
    #[arg(long, value_name = "ID", requires = "target_connection", value_parser = dependent_id)]
    target_model: Option<DependentId>,
    /// Another integration for a connection, by its key
    #[arg(long, value_name = "KEY", conflicts_with = "target_connection")]
    target_integration: Option<String>,
}

fn connection_id(text: &str) -> anyhow::Result<ConnectionId> {
    ConnectionId::parse(text).ok_or_else(|| anyhow::anyhow!("expected the id of a connection"))
}

fn dependent_id(text: &str) -> anyhow::Result<DependentId> {
    DependentId::parse(text).ok_or_else(|| anyhow::anyhow!("expected the id of a model"))
}

impl Overrides {
    fn any(&self) -> bool {
        self.name.is_some() || self.external_id.is_some() || self.has_target()
    }

    fn has_target(&self) -> bool {
        self.target_connection.is_some() || self.target_integration.is_some()
    }

    fn request(&self, with_ancestors: bool, validate_only: bool) -> RestoreRequest {
        RestoreRequest {
            name: self.name.clone(),
            external_id: self.external_id.clone(),
            target: self.has_target().then(|| RestoreTarget {
                connection_id: self.target_connection,
                model_id: self.target_model,
                integration: self.target_integration.clone(),
            }),
            with_ancestors,
            validate_only,
            plan_token: None,
        }
    }
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let selecting = args.all || !args.selection.is_empty();
    let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
    match (args.entries.as_slice(), selecting) {
        ([], false) => usage(
            "say which entries: ids or names, or --deleted-by, --after, --before, --kind, --query, or --all",
        ),
        ([_, ..], true) => usage("give either entries or what narrows the trash down, not both"),
        ([meant], false) => {
            let backend = args.reach.connect(config)?;
            let id = find(&*backend, meant)?;
            one(&*backend, id, args)
        }
        _ if args.overrides.any() => {
            usage("--name, --external-id and --target-connection are for one entry alone")
        }
        (meant, _) => {
            let backend = args.reach.connect(config)?;
            let entries = if selecting {
                many::of_filter(&*backend, &args.selection.filter())?
            } else {
                let ids: Result<Vec<EntryId>, Failure> =
                    meant.iter().map(|meant| find(&*backend, meant)).collect();
                many::of_ids(&*backend, &ids?)?
            };
            many::restore(&*backend, entries, &args.manner, args.json)
        }
    }
}

fn one(backend: &dyn Backend, id: EntryId, args: &Args) -> Result<Outcome, Failure> {
    let request = args
        .overrides
        .request(args.manner.with_ancestors, args.manner.dry_run);
    let text = backend.restore(id, &request)?;
    if args.json {
        say(&text)?;
    } else if args.manner.dry_run {
        say(&plan(&pages::read(&text)?))?;
    } else {
        // Only to say where the secrets are kept: a key that may not look has restored all the same.
        let entry = backend
            .entry(id)
            .ok()
            .and_then(|text| pages::read(&text).ok());
        say(&done(&pages::read(&text)?, entry.as_ref()))?;
    }
    Ok(Outcome::Done)
}

fn plan(plan: &RestorePlan) -> String {
    let mut text = format!(
        "This would bring back {} as {}.\n",
        counted(&plan.restores),
        quoted(&plan.name)
    );
    for ancestor in &plan.ancestors {
        let _ = writeln!(text, "It would restore the entry {ancestor} first.");
    }
    text
}

fn done(restored: &Restored, entry: Option<&Entry>) -> String {
    let place = match &restored.connection {
        Some(connection) => format!(", in the connection {}", quoted(&connection.name)),
        None => String::new(),
    };
    let mut parts = vec![format!("Restored {}{place}.\n", counted(&restored.counts))];
    for ancestor in &restored.ancestors {
        parts.push(format!("The entry {ancestor} is restored with it.\n"));
    }
    for lost in &restored.lost {
        let kind = plain(&lost.kind);
        parts.push(format!(
            "Not restored: {}, since {}.\n",
            counted_one(lost.count, &kind, &format!("{kind}s")),
            plain(&lost.reason)
        ));
    }
    if !restored.needs_credentials.is_empty() {
        let known = |field: &str| -> Option<&Secret> {
            entry
                .and_then(|entry| entry.secrets.shape.get(field))
                .or_else(|| restored.connection.as_ref()?.secrets.get(field))
        };
        let missing = restored
            .needs_credentials
            .iter()
            .filter_map(|field| Some((field, known(field)?)));
        parts.push(format!(
            "\nIt can't be used before its secrets are entered again:\n{}\n",
            shape(missing)
        ));
        parts.push(match &restored.connection {
            Some(connection) => {
                format!(
                    "Enter them: reprieve connection secrets {}\n",
                    connection.id
                )
            }
            None => "Enter them with PUT /v1/integrations/{key}/secrets.\n".to_owned(),
        });
    }
    if restored.connection.is_none() && restored.counts.connections > 0 {
        parts.push(
            "\nIts connections may need theirs: reprieve connection list --status needs_credentials\n"
                .to_owned(),
        );
    }
    parts.concat()
}
