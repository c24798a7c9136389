//! `reprieve connection`: look at connections, delete them, enter their secrets; on the database or on a server.

mod delete;
mod list;
mod secrets;
mod show;

use std::process::ExitCode;

use anyhow::anyhow;
use clap::Subcommand;

use super::output::plain;
use super::people::answers::Connection;
use super::people::backend::{Backend, ConnectionQuery};
use super::people::pages::Listed;
use super::people::{Failure, finish};
use crate::config::Config;
use crate::domain::ids::ConnectionId;

/// A name is unique within an integration; more of them are not worth a look.
const NAMESAKES: u32 = 200;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List live connections, oldest first
    List(list::Args),
    /// Show one connection, what hangs on it and which secrets are set; never a secret itself
    Show(show::Args),
    /// Move connections with all that hangs on them into the trash and shred their secrets; shows what would go first
    Delete(delete::Args),
    /// Enter the secrets of a connection: asks for them, or reads them from files or stdin
    Secrets(secrets::Args),
}

pub(super) fn run(args: Args, config: &Config) -> ExitCode {
    finish(match args.action {
        Action::List(args) => list::run(&args, config),
        Action::Show(args) => show::run(&args, config),
        Action::Delete(args) => delete::run(&args, config),
        Action::Secrets(args) => secrets::run(&args, config),
    })
}

/// The connection that is meant: by its id, or by its name if one alone has it.
fn find(backend: &dyn Backend, meant: &str) -> Result<ConnectionId, Failure> {
    if let Some(id) = ConnectionId::parse(meant) {
        return Ok(id);
    }
    let query = ConnectionQuery {
        name: Some(meant.to_owned()),
        ..ConnectionQuery::default()
    };
    let listed = Listed::collect(NAMESAKES, |page| backend.connections(&query, page))?;
    let mut found: Vec<Connection> = listed.parsed()?;
    found.retain(|connection| connection.name == meant);
    match found.as_slice() {
        [one] if !listed.more => Ok(one.id),
        [] => Err(anyhow!(
            "no live connection has the id or the name {}: reprieve connection list shows what there is",
            plain(meant)
        )
        .into()),
        several => {
            let lines: Vec<String> = several
                .iter()
                .map(|found| format!("\n  {}  integration {}", found.id, plain(&found.integration)))
                .collect();
            Err(Failure::Usage(format!(
                "several connections have the name {}; give the id of one:{}",
                plain(meant),
                lines.concat()
            )))
        }
    }
}
