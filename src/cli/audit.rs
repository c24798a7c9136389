//! `reprieve audit`: what was done and what was refused, and whether any of it was changed afterwards.

mod file;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use serde::Deserialize;

use super::PAGE;
use super::output::{complain, count, plain, remark, say, table};
use super::people::backend::{AuditAsk, Backend, PageAsk};
use super::people::moments::shown;
use super::people::pages::{self, Listed};
use super::people::{Failure, Outcome, Reach, finish};
use crate::config::Config;
use crate::domain::ids::{EntryId, RootId};
use crate::service::audit::chain::{Break, Walk};
use crate::service::audit::{AuditView, DONE, Head, REFUSED};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List audit records, newest first
    List(Box<ListArgs>),
    /// Write the chain to a file, a JSON object a line, for whoever checks it elsewhere
    Export(ExportArgs),
    /// Check the chain: of the database, of a server, or of an exported file; exit code 1 says where it is broken
    Verify(VerifyArgs),
}

#[derive(clap::Args)]
struct ListArgs {
    /// An action, a family (`trash.*`), or the method and path of refused calls
    #[arg(long)]
    action: Option<String>,
    /// What it was done to, by its id
    #[arg(long, value_name = "ID", value_parser = root_id)]
    subject: Option<RootId>,
    /// The trash entry it concerns
    #[arg(long, value_name = "ID", value_parser = entry_id)]
    entry: Option<EntryId>,
    /// The id of whoever did it
    #[arg(long = "actor", value_name = "ID")]
    by: Option<String>,
    /// The id of the request
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// What was refused alone
    #[arg(long, conflicts_with = "done")]
    refused: bool,
    /// What was done alone
    #[arg(long)]
    done: bool,
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As a JSON array of the API's records
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
struct ExportArgs {
    /// The file to write; it must not be there yet
    file: PathBuf,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
struct VerifyArgs {
    /// An exported file; then nothing else is asked
    file: Option<PathBuf>,
    /// Number and hash of a record that you have noted before, as `audit verify` shows them: it must be in the chain
    #[arg(long, value_name = "SEQ:HASH", value_parser = noted)]
    head: Option<(i64, String)>,
    #[command(flatten)]
    reach: Reach,
}

fn root_id(text: &str) -> anyhow::Result<RootId> {
    RootId::parse(text).ok_or_else(|| anyhow!("expected an id"))
}

fn entry_id(text: &str) -> anyhow::Result<EntryId> {
    EntryId::parse(text).ok_or_else(|| anyhow!("expected the id of a trash entry"))
}

fn noted(text: &str) -> anyhow::Result<(i64, String)> {
    let parts = text.split_once(':');
    let (seq, hash) = parts.ok_or_else(|| anyhow!("expected a number, `:` and a hash"))?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    anyhow::ensure!(is_hash, "a hash has 64 hexadecimal digits");
    let seq = seq.parse().context("expected the number of a record")?;
    Ok((seq, hash.to_ascii_lowercase()))
}

pub(super) fn run(args: Args, config: &Config) -> ExitCode {
    finish(match args.action {
        Action::List(args) => list(&args, config),
        Action::Export(args) => export(&args, config),
        Action::Verify(args) => verify(&args, config),
    })
}

fn list(args: &ListArgs, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let outcome = match (args.refused, args.done) {
        (true, _) => Some(REFUSED),
        (_, true) => Some(DONE),
        _ => None,
    };
    let ask = AuditAsk {
        action: args.action.clone(),
        actor: args.by.clone(),
        outcome: outcome.map(str::to_owned),
        subject: args.subject,
        entry: args.entry,
        request: args.request.clone(),
    };
    let listed = Listed::collect(args.limit, |page| backend.audit(&ask, page))?;
    if args.json {
        say(&listed.json()?)?;
    } else {
        let records: Vec<AuditView> = listed.parsed()?;
        if records.is_empty() {
            remark("There is no such record.");
        } else {
            let head = ["SEQ", "AT (UTC)", "WHO", "WHAT", "TO", "OUTCOME"].map(str::to_owned);
            let rows: Vec<[String; 6]> = std::iter::once(head)
                .chain(records.iter().map(row))
                .collect();
            say(&table(&rows))?;
        }
    }
    listed.tell_more(args.limit);
    Ok(Outcome::Done)
}

fn row(record: &AuditView) -> [String; 6] {
    #[derive(Deserialize)]
    struct Refused {
        code: String,
    }
    let code = serde_json::from_str::<Refused>(record.detail.as_str());
    let subject = record.subject.id.map(|id| format!(" {id}"));
    [
        record.seq.map_or("-".to_owned(), |seq| seq.to_string()),
        shown(record.at),
        match &record.actor.name {
            Some(name) => plain(&format!("{} ({name})", record.actor.id)),
            None => plain(&record.actor.id),
        },
        plain(&record.action),
        format!(
            "{}{}",
            plain(&record.subject.kind),
            subject.unwrap_or_default()
        ),
        match code {
            Ok(refused) if record.outcome == REFUSED => {
                format!("refused: {}", plain(&refused.code))
            }
            _ => plain(&record.outcome),
        },
    ]
}

/// Goes along the chain of a backend up to its present end.
fn walk(
    backend: &dyn Backend,
    mut each: impl FnMut(&str, &AuditView) -> Result<(), Failure>,
) -> Result<Head, Failure> {
    let head: Head = pages::read(&backend.audit_head()?)?;
    let mut token = None;
    loop {
        let page = PageAsk { size: PAGE, token };
        let page: file::RawPage = pages::read(&backend.audit_chain(page)?)?;
        for line in &page.data {
            let record: AuditView = pages::read(line.get())?;
            if record.seq.is_some_and(|seq| seq > head.seq) {
                return Ok(head);
            }
            each(line.get(), &record)?;
        }
        token = page.next_page_token;
        if token.is_none() {
            return Ok(head);
        }
    }
}

fn export(args: &ExportArgs, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let mut out = file::Writer::create(&args.file)?;
    let head: Head = pages::read(&backend.audit_head()?)?;
    out.begin(head.organization_id)?;
    let head = walk(backend.as_ref(), |line, _| out.line(line))?;
    let records = out.end(&head)?;
    remark(&format!(
        "Exported {}; the end is {}:{}.",
        count(records, "record", "records"),
        head.seq,
        head.hash
    ));
    Ok(Outcome::Done)
}

fn verify(args: &VerifyArgs, config: &Config) -> Result<Outcome, Failure> {
    let mut checker = Checker {
        noted: args.head.clone(),
        walk: None,
        broken: None,
        met: false,
    };
    let head = if let Some(path) = &args.file {
        file::read(path, |org, record| checker.record(org, record))?
    } else {
        let backend = args.reach.connect(config)?;
        let head: Head = pages::read(&backend.audit_head()?)?;
        let org = head.organization_id;
        walk(backend.as_ref(), |_, record| {
            checker.record(org, record);
            Ok(())
        })?
    };
    let problems = checker.end(&head);
    if problems.is_empty() {
        say(&format!(
            "The chain of the organization {} is whole: {}, none changed, removed or added in between.\nIts end is {}:{}; note it, and check later with --head that it is still in the chain.",
            head.organization_id,
            count(
                usize::try_from(head.seq).unwrap_or(usize::MAX),
                "record",
                "records"
            ),
            head.seq,
            head.hash
        ))?;
        if head.unsealed > 0 {
            say(&format!(
                "Not sealed yet, and so not covered: {}.",
                count(
                    usize::try_from(head.unsealed).unwrap_or(usize::MAX),
                    "record",
                    "records"
                )
            ))?;
        }
        return Ok(Outcome::Done);
    }
    for problem in &problems {
        complain(problem);
    }
    Ok(Outcome::Nothing)
}

/// What is found along a chain.
struct Checker {
    noted: Option<(i64, String)>,
    walk: Option<Walk>,
    broken: Option<Break>,
    /// Whether the noted record was met.
    met: bool,
}

impl Checker {
    fn record(&mut self, org: crate::domain::ids::OrgId, record: &AuditView) {
        if self.broken.is_some() {
            return;
        }
        let walk = self.walk.get_or_insert_with(|| Walk::new(org));
        if let Err(fault) = walk.check(record) {
            self.broken = Some(fault);
            return;
        }
        if let Some((seq, hash)) = &self.noted {
            self.met |= walk.end() == (*seq, hash.as_str());
        }
    }

    fn end(self, head: &Head) -> Vec<String> {
        if let Some(fault) = self.broken {
            return vec![format!(
                "The chain is broken at {}: {}.",
                fault.seq, fault.fault
            )];
        }
        let mut problems = Vec::new();
        let end = self.walk.as_ref().map_or((0, ""), Walk::end);
        if end.0 != head.seq || (head.seq > 0 && end.1 != head.hash) {
            problems.push(format!(
                "The chain ends at {} and not at {}, as its head says: records are missing at its end.",
                end.0, head.seq
            ));
        }
        if let Some((seq, hash)) = self.noted.filter(|_| !self.met) {
            problems.push(format!(
                "Record {seq} with the hash {hash} is not in the chain: what was before it was changed or removed since you noted it."
            ));
        }
        problems
    }
}
