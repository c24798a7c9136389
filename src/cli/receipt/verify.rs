//! `reprieve receipt verify`: two files in, plain words out. Reads no configuration, opens no database, calls nobody.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::next_for;
use crate::cli::output::{plain, say};
use crate::cli::people::answers::{Actor, Counts};
use crate::cli::people::words::{counted, facts, person, quoted};
use crate::cli::people::{Failure, Outcome};
use crate::domain::clock::Ts;
use crate::domain::kinds::EntryState;
use crate::service::caller;
use crate::service::receipts::{Checked, Receipt, Refusal, VerifyingKey, check};

/// No receipt and no list of keys is larger.
const LIMIT: u64 = 4 * 1024 * 1024;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The receipt, as `reprieve receipt show` or `GET /v1/receipts/{id}` gave it
    file: PathBuf,
    /// The public keys, as `reprieve receipt keys` or `GET /v1/receipt-keys` gave them: best those that you fetched yourself
    /// before the deletion
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let (receipt, keys) = (read(&args.file)?, read(&args.keys)?);
    let checked = check(&receipt, &keys).map_err(|refusal| told(args, refusal))?;
    say(&words(&checked))?;
    Ok(Outcome::Done)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LIMIT).read_to_end(&mut bytes))
        .with_context(|| format!("{} can't be read", path.display()))?;
    Ok(bytes)
}

/// What is wrong, in a sentence with the file's name.
fn told(args: &Args, refusal: Refusal) -> anyhow::Error {
    let file = match &refusal {
        Refusal::NoKeys(_) => &args.keys,
        _ => &args.file,
    };
    let next = match &refusal {
        Refusal::Unsigned(why) => format!(": {}", next_for(why)),
        _ => String::new(),
    };
    anyhow!("{}: {}{next}", file.display(), plain(&refusal.to_string()))
}

fn words(Checked { receipt, key }: &Checked) -> String {
    let checked = [
        (
            "signature",
            Some("Ed25519, over every byte of the payload".to_owned()),
        ),
        ("key", Some(key_of(key))),
        ("issued", Some(moment(receipt.issued_at))),
    ];
    let deletion = &receipt.deletion;
    let about = [
        ("deletion", Some(deletion.id.to_string())),
        (
            "organization",
            Some(format!(
                "{} ({})",
                plain(&receipt.organization.name),
                receipt.organization.id
            )),
        ),
        ("id", Some(receipt.deleted.id.to_string())),
        ("connector", Some(plain(&receipt.deleted.connector))),
        (
            "deleted",
            Some(format!(
                "{} by {}",
                moment(deletion.at),
                actor(&deletion.by)
            )),
        ),
        ("reason", deletion.reason.as_deref().map(plain)),
        ("rows", Some(counted(&counts(receipt)))),
        ("state", Some(state(receipt))),
    ];
    let manifest = &receipt.manifest;
    let hashes = [
        ("integrations", Some(plain(&manifest.integrations))),
        ("connections", Some(plain(&manifest.connections))),
        ("models", Some(plain(&manifest.models))),
        ("content", Some(plain(&manifest.content))),
    ];
    let not_covered: Vec<String> = receipt
        .not_covered
        .iter()
        .map(|sentence| format!("  * {}", plain(sentence)))
        .collect();
    format!(
        "Good: this receipt is as it was signed.\n{}\nIt says of the deletion of the {} {}\n{}\nOf the secrets\n{}\n\
         Of the ids that left: {}\n{}\nIt does not cover\n{}\n\n\
         Not checked: whether the key is the organization's (compare it with one that you fetched yourself), and whether what \
         the server said was true.",
        facts(&checked),
        receipt.deleted.kind,
        quoted(&receipt.deleted.name),
        facts(&about),
        facts(&secrets(receipt)),
        plain(&manifest.algorithm),
        facts(&hashes),
        not_covered.join("\n"),
    )
}

fn secrets(receipt: &Receipt) -> Vec<(&'static str, Option<String>)> {
    let secrets = &receipt.secrets;
    let Some(shredded_at) = secrets.shredded_at else {
        return vec![("shredded", Some("none: there were none".to_owned()))];
    };
    let names: Vec<String> = secrets.fields.iter().map(|name| plain(name)).collect();
    let erased = secrets.erased_at.map_or_else(
        || "not yet: bytes may still be in the database's files".to_owned(),
        |at| format!("{}: no byte left in the database's files", moment(at)),
    );
    let of_copies = match (secrets.crypto_erased_at, secrets.crypto_erase_by) {
        (Some(at), _) => format!("{}: no copy of the database opens them", moment(at)),
        (None, Some(at)) => format!(
            "due {}; copies made before the deletion open them until then",
            moment(at)
        ),
        (None, None) => format!(
            "nobody can say when; copies made before the deletion open them until then. {}",
            plain(secrets.crypto_erase_unknown.as_deref().unwrap_or_default())
        ),
    };
    vec![
        (
            "shredded",
            Some(format!(
                "{}: {} ({})",
                moment(shredded_at),
                secrets.shredded,
                names.join(", ")
            )),
        ),
        ("erased", Some(erased)),
        (
            "key epoch",
            secrets.key_epoch.map(|epoch| epoch.to_string()),
        ),
        ("key destroyed", Some(of_copies.trim_end().to_owned())),
        (
            "at the source",
            secrets.revocation_detail.as_deref().map(plain),
        ),
    ]
}

fn key_of(key: &VerifyingKey) -> String {
    let since = moment(key.created_at);
    key.retired_at.map_or_else(
        || format!("{}, in use since {since}", key.id),
        |at| format!("{}, in use from {since} to {}", key.id, moment(at)),
    )
}

fn state(receipt: &Receipt) -> String {
    let closed = receipt.closed_at.map(moment).unwrap_or_default();
    let by = receipt
        .closed_by
        .as_ref()
        .map(|by| format!(" by {}", actor(by)))
        .unwrap_or_default();
    match receipt.state {
        EntryState::InTrash => format!("in the trash, to be purged {}", moment(receipt.purge_at)),
        EntryState::Purging => format!("being purged since {closed}{by}"),
        EntryState::Restored => format!("restored {closed}{by}, without the secrets"),
        EntryState::Purged => format!("purged {closed}{by}"),
    }
}

/// To the second: what is compared is in the file.
fn moment(at: Ts) -> String {
    at.utc().format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn actor(actor: &caller::Actor) -> String {
    person(&Actor {
        id: actor.id.clone(),
        name: actor.name.clone(),
    })
}

fn counts(receipt: &Receipt) -> Counts {
    let counts = receipt.counts;
    Counts {
        integrations: counts.integrations,
        connections: counts.connections,
        models: counts.models,
        content: counts.content,
        links: counts.links,
        ..Counts::default()
    }
}
