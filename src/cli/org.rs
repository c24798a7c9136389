//! `reprieve org`: organizations.

use std::process::ExitCode;

use clap::Subcommand;

use super::output::{say, table};
use super::{InWords as _, all, open};
use crate::config::Config;
use crate::domain::ids::OrgId;
use crate::service::caller::Caller;
use crate::service::organizations::{self, NewOrganization};
use crate::service::views::OrganizationView;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make an organization; `reprieve key create --organization NAME` makes its first key
    Create {
        /// Its short name: lower case letters, digits and hyphens
        name: String,
        /// A name to show [default: the short name]
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
    },
    /// List the organizations, oldest first
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let services = open(config)?;
    // Minted before it is written, since the caller of the unit of work belongs to it.
    let caller = Caller::command_line(OrgId::mint());
    match args.action {
        Action::Create { name, display_name } => {
            let new = NewOrganization { name, display_name };
            let made = services
                .write_once(&caller, |tx| organizations::create_bare(tx, &new))
                .in_words()?;
            say(&format!(
                "Organization {} is made, id {}.",
                made.name, made.id
            ))?;
        }
        Action::List { json } => {
            let found = all(&services, |conn, page| {
                organizations::list(conn, &caller, page)
            })?;
            say(&if json {
                serde_json::to_string_pretty(&found)?
            } else {
                render(&found)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn render(organizations: &[OrganizationView]) -> String {
    let mut rows = vec![["NAME", "SHOWN AS", "RETENTION", "CREATED", "ID"].map(str::to_owned)];
    rows.extend(organizations.iter().map(|organization| {
        [
            organization.name.clone(),
            organization.display_name.clone(),
            format!("{} days", organization.retention_days),
            organization.created_at.to_string(),
            organization.id.to_string(),
        ]
    }));
    table(&rows)
}
