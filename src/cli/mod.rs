//! The command line: one file a subcommand, each a thin shell around the services.
//!
//! What must stay true: results go to stdout, everything else to stderr; a failure is a sentence and exit code 1
//! (2 when the command line itself is wrong); no secret appears anywhere but where it was asked for.

mod alarms;
mod audit;
mod backup;
mod brakes;
mod canary;
mod completions;
mod connection;
mod demo;
mod erase;
mod events;
mod export;
mod import;
mod key;
mod keys;
mod logging;
mod migrate;
mod org;
mod output;
mod people;
mod progress;
mod purge;
mod receipt;
mod retention;
mod serve;
#[cfg(test)]
mod tests;
mod trash;
mod verify;
mod webhook;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};

use crate::app;
use crate::config::{self, Config, Options, ServeOptions};
use crate::service::caller::Caller;
use crate::service::error::{Error, Result as ServiceResult};
use crate::service::pages::PageQuery;
use crate::service::views::Page;
use crate::service::{Services, organizations};
use crate::store::{Conn, DatabaseUrl};

/// Rows read at a time.
const PAGE: i64 = 200;

/// A trash for connections: delete safely, restore exactly, shred secrets at once
#[derive(Parser)]
#[command(
    name = "reprieve",
    version,
    after_help = "Every option can also be set by its environment variable, or in the TOML file named by --config \
                  (there with underscores: data_dir). The flag wins over the environment, the environment over \
                  the file, the file over the default."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service; on a bare machine it makes folder, database and keys first
    Serve(ServeOptions),
    /// Bring the database's tables up to this version
    Migrate(migrate::Args),
    /// Make and list organizations
    Org(org::Args),
    /// Make, list and revoke API keys (for encryption keys see `keys`)
    Key(key::Args),
    /// Look at the encryption keys, rotate, retire, destroy them (for API keys see `key`)
    Keys(keys::Args),
    /// Look into the trash, restore, hold, purge one entry
    Trash(trash::Args),
    /// Look at connections, delete them, enter their secrets
    Connection(connection::Args),
    /// Show and set how long deletions stay in the trash, and the brake on mass deletion
    Retention(retention::Args),
    /// Purge what is due, once: for cron and Kubernetes; or look at the purge, pause it, resume it
    Purge(purge::Args),
    /// List what somebody has to look at, and acknowledge it
    Alarms(alarms::Args),
    /// List brakes on mass deletion, and release them
    Brakes(brakes::Args),
    /// List what was done and what was refused, export the chain of records, check it
    Audit(audit::Args),
    /// Print what happened after a cursor, a JSON object a line
    Events(events::Args),
    /// Show what became of a deletion, signed, and check such a receipt anywhere
    Receipt(receipt::Args),
    /// Make webhook endpoints, which are told of events; see what was sent to them, send it again
    Webhook(webhook::Args),
    /// Write an organization to a file, to keep it elsewhere or to move it to another database
    Export(export::Args),
    /// Read an export of Reprieve, or connections and what is built on them from another tool's
    Import(import::Args),
    /// Copy the SQLite database into a file, beside a running server, and check the copy; keys are never in it
    Backup(backup::Args),
    /// Erase now from the database's files what was shredded
    Erase,
    /// Plant a secret, delete it and look whether anything is left of it; exit code 1 if something is
    #[command(after_help = canary::ABOUT)]
    Canary,
    /// Check the database against the promises; exit code 1 names what is broken
    Verify,
    /// Watch the whole story on a throw-away database with sample data
    Demo(demo::Args),
    /// Print completions for a shell
    Completions(completions::Args),
}

/// An option that several subcommands share.
#[derive(clap::Args)]
struct Organization {
    /// The organization to work in, by name [default: the only one there is]
    #[arg(long, value_name = "NAME", env = "REPRIEVE_ORGANIZATION")]
    organization: Option<String>,
}

/// Runs the program.
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(cli).unwrap_or_else(|error| {
            output::complain(&output::chain(&error));
            ExitCode::FAILURE
        }),
        Err(error) => refuse(&error),
    }
}

/// Says what is wrong with the command line; an API key that was given as an argument is not repeated.
fn refuse(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let shown = output::without_keys(&text);
    if shown == text {
        error.exit();
    }
    output::remark(&shown);
    ExitCode::from(2)
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Command::Completions(args) = &cli.command {
        return completions::run(args);
    }
    if let Command::Receipt(args) = &cli.command
        && let Some(verified) = args.verify()
    {
        return Ok(verified);
    }
    let serve = match &cli.command {
        Command::Serve(options) => options.clone(),
        Command::Keys(args) => ServeOptions {
            keys: args.options(),
            ..ServeOptions::default()
        },
        _ => ServeOptions::default(),
    };
    let options = match &cli.command {
        Command::Demo(_) => demo::options(cli.options),
        _ => cli.options,
    };
    let (config, log) = config::load(options, serve)?;
    logging::start(&log)?;
    match cli.command {
        Command::Serve(_) => serve::run(config, log.format),
        Command::Migrate(args) => migrate::run(&args, &config),
        Command::Org(args) => org::run(args, &config),
        Command::Key(args) => key::run(args, &config),
        Command::Keys(args) => keys::run(args, &config),
        Command::Trash(args) => Ok(trash::run(args, &config)),
        Command::Connection(args) => Ok(connection::run(args, &config)),
        Command::Retention(args) => Ok(retention::run(args, &config)),
        Command::Purge(args) => purge::run(args, &config),
        Command::Alarms(args) => Ok(alarms::run(args, &config)),
        Command::Webhook(args) => Ok(webhook::run(args, &config)),
        Command::Brakes(args) => Ok(brakes::run(args, &config)),
        Command::Audit(args) => Ok(audit::run(args, &config)),
        Command::Events(args) => Ok(events::run(&args, &config)),
        Command::Receipt(args) => Ok(receipt::run(args, &config)),
        Command::Completions(args) => completions::run(&args),
        Command::Export(args) => export::run(&args, &config),
        Command::Import(args) => import::run(&args, &config),
        Command::Backup(args) => backup::run(&args, &config),
        Command::Erase => erase::run(&config),
        Command::Canary => canary::run(&config),
        Command::Verify => verify::run(&config),
        Command::Demo(args) => demo::run(&args, config),
    }
}

/// The services on a database that is there already: a mistyped path must not make a new one.
fn open(config: &Config) -> anyhow::Result<Services> {
    require_database(config)?;
    app::open_services(config)
}

fn require_database(config: &Config) -> anyhow::Result<()> {
    match &config.database {
        DatabaseUrl::Sqlite(path) if !path.exists() => bail!(
            "there is no database at {}: `reprieve serve` or `reprieve migrate` makes one, --data-dir or --database-url names another",
            path.display()
        ),
        _ => Ok(()),
    }
}

impl Organization {
    /// The command line, working in this organization.
    fn caller(&self, services: &Services) -> anyhow::Result<Caller> {
        let name = self.organization.as_deref();
        let row = services
            .store
            .read(|conn| organizations::choose(conn, name))
            .in_words()?;
        Ok(Caller::command_line(row.id))
    }
}

/// All rows of a list that comes in pages.
fn all<T>(
    services: &Services,
    list: impl Fn(&mut Conn, &PageQuery) -> ServiceResult<Page<T>>,
) -> anyhow::Result<Vec<T>> {
    let mut rows = Vec::new();
    let mut token = None;
    loop {
        let query = PageQuery::new(Some(PAGE), token).in_words()?;
        let page = services.store.read(|conn| list(conn, &query)).in_words()?;
        rows.extend(page.data);
        token = page.next_page_token;
        if token.is_none() {
            return Ok(rows);
        }
    }
}

/// Turns what a service refused into a sentence for the terminal.
trait InWords<T> {
    fn in_words(self) -> anyhow::Result<T>;
}

impl<T> InWords<T> for ServiceResult<T> {
    fn in_words(self) -> anyhow::Result<T> {
        match self {
            Err(Error::Problem(problem)) if problem.errors.is_empty() => bail!(problem.detail),
            Err(Error::Problem(problem)) => {
                let fields: Vec<String> = problem
                    .errors
                    .iter()
                    .map(|error| {
                        format!(
                            "{}: {}",
                            error.pointer.trim_start_matches('/'),
                            error.detail
                        )
                    })
                    .collect();
                bail!(fields.join("; "))
            }
            other => other.context("the database or its contents refused"),
        }
    }
}
