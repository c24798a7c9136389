//! `reprieve key`: API keys.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;

use super::output::{remark, say, table, try_say};
use super::{InWords as _, Organization, all, open};
use crate::config::{Config, Span};
use crate::domain::clock::Ts;
use crate::domain::ids::KeyId;
use crate::domain::scopes::{Grants, Scope};
use crate::service::caller::Caller;
use crate::service::views::{ApiKeyView, NewKeyView};
use crate::service::{Services, keys, organizations};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a key and print it, alone, on stdout; it is not stored and can't be shown again
    Create(Create),
    /// List the keys of an organization, oldest first
    List {
        #[command(flatten)]
        organization: Organization,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key; it stops working at once
    Revoke {
        /// The key's id, as `reprieve key list` shows it
        #[arg(value_parser = parse_id)]
        id: KeyId,
        #[command(flatten)]
        organization: Organization,
    },
}

#[derive(clap::Args)]
#[command(after_help = scopes())]
struct Create {
    /// What the key is for
    #[arg(long)]
    name: String,
    /// What it may do; give it several times for several scopes
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = parse_scope)]
    scopes: Vec<String>,
    /// When it stops working by itself, say 90d [default: never]
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<Span>,
    #[command(flatten)]
    organization: Organization,
}

pub(super) fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let services = open(config)?;
    match args.action {
        Action::Create(create) => hand_out(&services, &create)?,
        Action::List { organization, json } => {
            let caller = organization.caller(&services)?;
            let found = all(&services, |conn, page| keys::list(conn, &caller, page))?;
            say(&if json {
                serde_json::to_string_pretty(&found)?
            } else {
                render(&found, Ts::now())
            })?;
        }
        Action::Revoke { id, organization } => {
            let caller = organization.caller(&services)?;
            let key = revoke(&services, &caller, id)?;
            say(&format!("Key {} ({}) is revoked.", key.id, key.name))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn hand_out(services: &Services, create: &Create) -> anyhow::Result<()> {
    // An empty database has no organization to choose; the first one makes itself.
    if create.organization.organization.is_none() {
        organizations::ensure_default(services).in_words()?;
    }
    let caller = create.organization.caller(services)?;
    let made = issue(services, &caller, create)?;
    if let Err(error) = try_say(&made.key) {
        // Nobody has seen it, and nobody will.
        revoke(services, &caller, made.about.id)?;
        return Err(error).context("the key can't be written to stdout and is revoked again");
    }
    remark(&format!(
        "Key {} ({}) is made. Keep it: it is not shown again.",
        made.about.id, made.about.name
    ));
    Ok(())
}

fn issue(services: &Services, caller: &Caller, create: &Create) -> anyhow::Result<NewKeyView> {
    let expires_at = create
        .expires_in
        .map(|span| chrono::Duration::from_std(span.get()).map(|span| Ts::now().plus(span)))
        .transpose()?;
    services
        .write_once(caller, |tx| {
            organizations::issue_key(tx, &create.name, &create.scopes, expires_at)
        })
        .in_words()
}

fn revoke(services: &Services, caller: &Caller, id: KeyId) -> anyhow::Result<ApiKeyView> {
    services
        .write_once(caller, |tx| keys::revoke(tx, id))
        .in_words()
}

fn render(keys: &[ApiKeyView], now: Ts) -> String {
    let mut rows =
        vec![["ID", "NAME", "SCOPES", "CREATED", "LAST USED", "STATE"].map(str::to_owned)];
    rows.extend(keys.iter().map(|key| {
        [
            key.id.to_string(),
            key.name.clone(),
            key.scopes.join(" "),
            key.created_at.to_string(),
            key.last_used_at
                .map_or_else(|| "never".to_owned(), |at| at.to_string()),
            state(key, now),
        ]
    }));
    table(&rows)
}

fn state(key: &ApiKeyView, now: Ts) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) if at <= now => format!("expired {at}"),
        (None, Some(at)) => format!("active until {at}"),
        (None, None) => "active".to_owned(),
    }
}

fn parse_id(text: &str) -> anyhow::Result<KeyId> {
    KeyId::parse(text)
        .ok_or_else(|| anyhow!("expected an id such as 019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00"))
}

fn parse_scope(text: &str) -> anyhow::Result<String> {
    match Grants::parse([text]) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(anyhow!(
            "expected `*`, a family such as `connections:*`, or one of {}",
            words().join(", ")
        )),
    }
}

fn words() -> Vec<&'static str> {
    Scope::ALL.iter().map(|scope| scope.as_str()).collect()
}

/// The closed list of scopes, for the help.
fn scopes() -> String {
    let mut rows = vec![["Scopes:".to_owned(), String::new()]];
    rows.push(["  *".to_owned(), "Everything".to_owned()]);
    rows.extend(
        Scope::ALL
            .iter()
            .map(|scope| [format!("  {scope}"), scope.meaning().to_owned()]),
    );
    format!(
        "{}A family is written connections:*; trash:* does not include trash:purge.",
        table(&rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(expires_at: Option<&str>, revoked_at: Option<&str>) -> ApiKeyView {
        ApiKeyView {
            id: KeyId::mint(),
            name: "ci".to_owned(),
            scopes: vec!["trash:read".to_owned(), "trash:restore".to_owned()],
            created_at: at("2026-11-22T09:30:00Z"),
            created_by: "cli".to_owned(),
            expires_at: expires_at.map(at),
            revoked_at: revoked_at.map(at),
            last_used_at: None,
        }
    }

    fn at(text: &str) -> Ts {
        Ts::parse(text).unwrap()
    }

    #[test]
    fn a_key_is_shown_with_its_state() {
        let now = at("2026-12-01T00:00:00Z");
        for (expires_at, revoked_at, state) in [
            (None, None, "active"),
            (
                Some("2027-01-01T00:00:00Z"),
                None,
                "active until 2027-01-01T00:00:00.000000Z",
            ),
            (
                Some("2026-12-01T00:00:00Z"),
                None,
                "expired 2026-12-01T00:00:00.000000Z",
            ),
            (
                Some("2026-11-30T00:00:00Z"),
                Some("2026-11-29T00:00:00Z"),
                "revoked 2026-11-29T00:00:00.000000Z",
            ),
        ] {
            let text = render(&[key(expires_at, revoked_at)], now);
            assert!(
                text.trim_end().ends_with(&format!(
                    "trash:read trash:restore  2026-11-22T09:30:00.000000Z  never      {state}"
                )),
                "{text}"
            );
        }
    }

    #[test]
    fn the_help_lists_every_scope_and_a_typo_gets_the_list() {
        let refusal = parse_scope("trash:burn").unwrap_err().to_string();
        for scope in Scope::ALL {
            assert!(
                scopes().contains(scope.as_str()) && refusal.contains(scope.as_str()),
                "{scope}"
            );
        }
        assert!(parse_scope("connections:*").is_ok());
    }
}
