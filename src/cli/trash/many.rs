//! `reprieve trash restore` for several entries: shows them, asks once, and says of each what became of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::list;
use crate::cli::output::{plain, remark, say, table};
use crate::cli::people::answers::{Entry, Restored};
use crate::cli::people::backend::Backend;
use crate::cli::people::pages::{self, Listed};
use crate::cli::people::words::{counted, counted_one, quoted};
use crate::cli::people::{Failure, Outcome, Refusal, ask};
use crate::domain::clock::Ts;
use crate::domain::ids::EntryId;
use crate::service::restore::RestoreRequest;
use crate::store::filters::EntryFilter;

/// How to go about it.
#[derive(clap::Args)]
pub(super) struct Manner {
    /// Restore the entries of trashed parents first
    #[arg(long)]
    pub(super) with_ancestors: bool,
    /// Only show what would happen
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask, for several entries
    #[arg(long)]
    pub(super) yes: bool,
}

/// What became of one entry.
struct Attempt<'a> {
    entry: &'a Entry,
    result: Result<(Restored, String), Refusal>,
}

/// The entries with these ids.
pub(super) fn of_ids(backend: &dyn Backend, ids: &[EntryId]) -> Result<Vec<Entry>, Failure> {
    let ids: BTreeSet<EntryId> = ids.iter().copied().collect();
    ids.into_iter()
        .map(|id| pages::read(&backend.entry(id)?))
        .collect()
}

/// The entries that a filter finds, all of them.
pub(super) fn of_filter(
    backend: &dyn Backend,
    filter: &EntryFilter,
) -> Result<Vec<Entry>, Failure> {
    Listed::collect(u32::MAX, |page| backend.entries(filter, false, page))?.parsed()
}

pub(super) fn restore(
    backend: &dyn Backend,
    mut entries: Vec<Entry>,
    manner: &Manner,
    as_json: bool,
) -> Result<Outcome, Failure> {
    if entries.is_empty() {
        remark("Nothing in the trash fits.");
        return Ok(Outcome::Nothing);
    }
    parents_first(&mut entries);
    let shown = list::render(&entries, Ts::now());
    if manner.dry_run {
        say(&shown)?;
        return Ok(Outcome::Done);
    }
    remark(&shown);
    let number = counted_one(
        i64::try_from(entries.len()).unwrap_or(i64::MAX),
        "entry",
        "entries",
    );
    if !ask::agree(&format!("Restore {number}?"), manner.yes)? {
        remark("Nothing was restored.");
        return Ok(Outcome::Nothing);
    }
    let (mut attempts, mut broken) = (Vec::new(), None);
    for entry in &entries {
        match attempt(backend, entry, manner.with_ancestors) {
            Ok(attempt) => attempts.push(attempt),
            Err(failure) => {
                broken = Some(failure);
                break;
            }
        }
    }
    if !attempts.is_empty() {
        say(&if as_json {
            json(&attempts)?
        } else {
            render(&attempts)
        })?;
    }
    let done = attempts
        .iter()
        .filter(|attempt| attempt.result.is_ok())
        .count();
    match (broken, done) {
        (Some(failure), done) => failure.after(done),
        (None, 0) => Ok(Outcome::Nothing),
        (None, done) if done == entries.len() => Ok(Outcome::Done),
        (None, _) => Ok(Outcome::Partly),
    }
}

/// What was deleted later was there when the earlier was deleted: integrations first, then the other way round in time.
fn parents_first(entries: &mut [Entry]) {
    let rank = |entry: &Entry| match entry.root.kind.as_str() {
        "integration" => 0,
        "connection" => 1,
        "model" => 2,
        _ => 3,
    };
    entries.sort_by_key(|entry| (rank(entry), std::cmp::Reverse((entry.deleted_at, entry.id))));
}

/// A refusal is what became of this entry; that nobody answers is the end of the command.
fn attempt<'a>(
    backend: &dyn Backend,
    entry: &'a Entry,
    with_ancestors: bool,
) -> Result<Attempt<'a>, Failure> {
    let request = RestoreRequest {
        with_ancestors,
        ..RestoreRequest::default()
    };
    let result = match backend.restore(entry.id, &request) {
        Ok(text) => Ok((pages::read(&text)?, text)),
        Err(Failure::Refused(refusal)) => Err(*refusal),
        Err(failure) => return Err(failure),
    };
    Ok(Attempt { entry, result })
}

fn render(attempts: &[Attempt<'_>]) -> String {
    let mut rows = vec![["ID", "KIND", "NAME", "OUTCOME", "SECRETS TO ENTER"].map(str::to_owned)];
    let (mut refused, mut next) = (Vec::new(), BTreeSet::new());
    for Attempt { entry, result } in attempts {
        let (outcome, secrets) = match result {
            Ok((restored, _)) => {
                if let Some(connection) = &restored.connection
                    && !restored.needs_credentials.is_empty()
                {
                    next.insert(format!(
                        "  reprieve connection secrets {}  # {}\n",
                        connection.id,
                        plain(&connection.name)
                    ));
                }
                let fields: Vec<String> = restored
                    .needs_credentials
                    .iter()
                    .map(|f| plain(f))
                    .collect();
                (
                    format!("restored {}", counted(&restored.counts)),
                    fields.join(", "),
                )
            }
            Err(refusal) => {
                refused.push(format!(
                    "  {} {}: {}\n",
                    entry.id,
                    quoted(&entry.root.name),
                    refusal.words()
                ));
                ("not restored".to_owned(), String::new())
            }
        };
        rows.push([
            entry.id.to_string(),
            plain(&entry.root.kind),
            plain(&entry.root.name),
            outcome,
            secrets,
        ]);
    }
    let mut text = table(&rows);
    if !refused.is_empty() {
        let _ = write!(text, "\nNot restored:\n{}", refused.concat());
    }
    if !next.is_empty() {
        let next: String = next.into_iter().collect();
        let _ = write!(text, "\nEnter the secrets before they can be used:\n{next}");
    }
    text
}

fn json(attempts: &[Attempt<'_>]) -> Result<String, Failure> {
    let lines: Result<Vec<String>, Failure> = attempts
        .iter()
        .map(|attempt| {
            Ok(match &attempt.result {
                Ok((_, text)) => text.clone(),
                Err(refusal) => refusal.json("entry_id", attempt.entry.id)?,
            })
        })
        .collect();
    Ok(format!("[\n  {}\n]", lines?.join(",\n  ")))
}
