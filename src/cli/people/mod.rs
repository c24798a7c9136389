//! What the commands for people share: where they work, how they ask, what they understand of the answers.
//!
//! What must stay true: a command does and prints the same on a database and on a server; API keys and secrets are
//! never arguments; what is shown before a question is what happens after it.

mod advice;
pub(super) mod answers;
pub(super) mod ask;
pub(super) mod backend;
mod local;
pub(super) mod moments;
pub(super) mod pages;
mod remote;
#[cfg(test)]
mod tests;
pub(super) mod words;

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use zeroize::Zeroizing;

use super::output::{chain, complain};
use super::{Organization, open};
use crate::config::{self, Config};
use crate::domain::text::{ActorId, Name};
use crate::service::caller::Actor;
pub(super) use advice::Refusal;
use backend::Backend;

/// The largest file that can hold a key.
const KEY_FILE_LIMIT: u64 = 4_096;

/// Why a command could not do what was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line itself is wrong.
    Usage(String),
    /// The service refused.
    Refused(Box<Refusal>),
    /// The service could not be asked, or its answer not be read.
    Broken(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

/// What a command came to, if nothing failed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All of it.
    Done,
    /// Nothing: the answer to a question was no.
    Nothing,
    /// Some of it.
    Partly,
}

impl Failure {
    /// Says what went wrong.
    fn tell(&self) {
        match self {
            Self::Usage(text) => complain(text),
            Self::Refused(refusal) => complain(&refusal.words()),
            Self::Broken(error) => complain(&chain(error)),
        }
    }

    /// The end of a command that has `done` something already, and has said what.
    pub(super) fn after(self, done: usize) -> Result<Outcome, Self> {
        if done == 0 {
            return Err(self);
        }
        self.tell();
        Ok(Outcome::Partly)
    }
}

/// Says what went wrong and gives the exit code.
pub(super) fn finish(result: Result<Outcome, Failure>) -> ExitCode {
    if let Err(failure) = &result {
        failure.tell();
    }
    ExitCode::from(match result {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Nothing) | Err(Failure::Refused(_) | Failure::Broken(_)) => 1,
        Err(Failure::Usage(_)) => 2,
        Ok(Outcome::Partly) => 3,
    })
}

/// Where a command works and for whom.
#[derive(clap::Args)]
#[command(next_help_heading = "Where and for whom")]
pub(super) struct Reach {
    /// Work by the API of a server, say `https://reprieve.example.com` [default: on the database itself]
    #[arg(long, value_name = "URL", env = "REPRIEVE_URL", hide_env_values = true)]
    url: Option<String>,
    /// File with the API key for --url, readable by you alone; `REPRIEVE_API_KEY` can hold the key too [default: none]
    #[arg(long, value_name = "FILE", env = "REPRIEVE_API_KEY_FILE")]
    api_key_file: Option<PathBuf>,
    /// PEM file with the certificates that --url is trusted by [default: the public authorities]
    #[arg(long, value_name = "FILE", env = "REPRIEVE_CA_FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    organization: Organization,
    /// Id of the person this is done for, as it shall stand in the records; with --url the key needs actor:assert
    #[arg(long = "as", value_name = "ID")]
    actor: Option<String>,
    /// Name of that person
    #[arg(long, value_name = "NAME", requires = "actor")]
    as_name: Option<String>,
}

impl Reach {
    /// Opens the database, or gets ready to call the server.
    pub(super) fn connect(&self, config: &Config) -> Result<Box<dyn Backend>, Failure> {
        let actor = self.actor()?;
        let Some(url) = self.url.as_deref().filter(|url| !url.is_empty()) else {
            let services = open(config)?;
            let mut caller = self.organization.caller(&services)?;
            if let Some(actor) = actor {
                caller.actor = actor;
            }
            return Ok(Box::new(local::Local::new(services, caller)));
        };
        let server = remote::Remote::new(url, self.api_key()?, self.ca_file.as_deref(), actor)?;
        if let Some(wanted) = &self.organization.organization {
            server.require_organization(wanted)?;
        }
        Ok(Box::new(server))
    }

    fn actor(&self) -> Result<Option<Actor>, Failure> {
        let Some(id) = &self.actor else {
            return Ok(None);
        };
        let refuse =
            |option: &str, detail: &str| Failure::Usage(format!("{option} is not valid: {detail}"));
        let id = ActorId::parse(id).map_err(|problem| refuse("--as", &problem.detail))?;
        let name = self.as_name.as_deref().map(Name::parse).transpose();
        let name = name.map_err(|problem| refuse("--as-name", &problem.detail))?;
        Ok(Some(Actor {
            id: id.into_string(),
            name: name.map(Name::into_string),
        }))
    }

    fn api_key(&self) -> Result<Zeroizing<String>, Failure> {
        match &self.api_key_file {
            Some(path) => Ok(read_private(path)?),
            None => config::api_key().ok_or_else(|| {
                Failure::Usage(
                    "--url needs an API key: put it into REPRIEVE_API_KEY, or into a file that --api-key-file names"
                        .to_owned(),
                )
            }),
        }
    }
}

/// Reads a key from a file that nobody else can read.
fn read_private(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let shown = path.display();
    let unreadable = || format!("the API key can't be read from {shown}");
    let file = File::open(path).with_context(unreadable)?;
    let mode = file
        .metadata()
        .with_context(unreadable)?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(anyhow!(
            "others can read the API key in {shown}: run `chmod 600 {shown}` first"
        ));
    }
    let mut text = Zeroizing::new(String::with_capacity(4_097));
    file.take(KEY_FILE_LIMIT)
        .read_to_string(&mut text)
        .with_context(unreadable)?;
    Ok(text)
}
