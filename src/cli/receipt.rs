//! `reprieve receipt`: what became of a deletion, signed; and the check that needs neither server nor database.

mod verify;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use serde::Deserialize;

use super::output::{plain, remark, say};
use super::people::{Failure, Outcome, Reach, finish, pages};
use crate::config::Config;
use crate::domain::ids::EntryId;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show the receipt of a deletion, as JSON to keep and to check later
    Show(ShowArgs),
    /// Show the public keys that receipts are checked with, as JSON to keep
    Keys(KeysArgs),
    /// Check a receipt and say what it says; needs no server, no database and no configuration
    Verify(verify::Args),
}

#[derive(clap::Args)]
struct ShowArgs {
    /// The id of the deletion, which is the trash entry's
    #[arg(value_parser = deletion_id)]
    deletion: EntryId,
    /// Write it to this new file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

#[derive(clap::Args)]
struct KeysArgs {
    /// Write them to this new file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

fn deletion_id(text: &str) -> anyhow::Result<EntryId> {
    EntryId::parse(text)
        .ok_or_else(|| anyhow::anyhow!("expected the id of a deletion: that of its trash entry"))
}

impl Args {
    /// Checks a receipt, if that is what is asked for: before any configuration is read.
    pub(super) fn verify(&self) -> Option<ExitCode> {
        match &self.action {
            Action::Verify(args) => Some(finish(verify::run(args))),
            Action::Show(_) | Action::Keys(_) => None,
        }
    }
}

pub(super) fn run(args: Args, config: &Config) -> ExitCode {
    finish(match args.action {
        Action::Show(args) => show(&args, config),
        Action::Keys(args) => keys(&args, config),
        Action::Verify(args) => verify::run(&args),
    })
}

#[derive(Deserialize)]
struct Signed {
    unsigned: Option<String>,
}

fn show(args: &ShowArgs, config: &Config) -> Result<Outcome, Failure> {
    let text = args.reach.connect(config)?.receipt(args.deletion)?;
    let signed: Signed = pages::read(&text)?;
    give(&text, args.output.as_deref())?;
    if let Some(why) = &signed.unsigned {
        remark(&format!(
            "This receipt is not signed ({}), so nobody can check it: {}.",
            plain(why),
            next_for(why)
        ));
    }
    Ok(Outcome::Done)
}

/// What to do about a receipt that is not signed.
fn next_for(why: &str) -> &'static str {
    match why {
        "locked" => {
            "the server has no encryption key at the moment; ask again when it has, and it is signed"
        }
        "key_unreadable" => {
            "the key that signs is damaged; rotate the encryption keys and give up what does not open, and the next receipt \
             is signed with a new one"
        }
        // Of a server that is newer than this program.
        _ => "ask again later",
    }
}

fn keys(args: &KeysArgs, config: &Config) -> Result<Outcome, Failure> {
    let text = args.reach.connect(config)?.receipt_keys()?;
    give(&text, args.output.as_deref())?;
    Ok(Outcome::Done)
}

/// Writes the answer where it was asked for. A file that is there stays as it is.
fn give(text: &str, output: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = output else {
        say(text)?;
        return Ok(());
    };
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        writeln!(file, "{}", text.trim_end())?;
        file.sync_all()
    };
    write().with_context(|| format!("{} can't be written", path.display()))?;
    remark(&format!("Written to {}.", path.display()));
    Ok(())
}
