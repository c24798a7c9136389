//! `reprieve connection show`

use super::find;
use crate::cli::output::{plain, say, table};
use crate::cli::people::answers::{Connection, Counts, Impact};
use crate::cli::people::moments::shown;
use crate::cli::people::words::{counted, facts, quoted};
use crate::cli::people::{Failure, Outcome, Reach, pages};
use crate::config::Config;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The connection's id or name
    connection: String,
    /// As the API's JSON, without what hangs on it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let id = find(&*backend, &args.connection)?;
    let text = backend.connection(id)?;
    if args.json {
        say(&text)?;
        return Ok(Outcome::Done);
    }
    let connection: Connection = pages::read(&text)?;
    let impact: Impact = pages::read(&backend.impact(id)?)?;
    say(&render(&connection, &impact))?;
    Ok(Outcome::Done)
}

/// The settings on one line: whoever enters a secret sees where it will be sent.
pub(super) fn settings(connection: &Connection) -> String {
    let settings: Vec<String> = connection
        .settings
        .iter()
        .map(|(field, value)| plain(&format!("{field}={}", value.get())))
        .collect();
    settings.join(" ")
}

fn render(connection: &Connection, impact: &Impact) -> String {
    let below = Counts {
        connections: 0,
        ..impact.counts
    };
    let tags: Vec<String> = connection
        .tags
        .iter()
        .map(|(key, value)| plain(&format!("{key}={value}")))
        .collect();
    let lines = [
        ("id", Some(connection.id.to_string())),
        ("status", Some(plain(&connection.status))),
        ("connector", Some(plain(&connection.connector))),
        ("integration", Some(plain(&connection.integration))),
        ("external id", connection.external_id.as_deref().map(plain)),
        ("settings", Some(settings(connection))),
        ("tags", (!tags.is_empty()).then(|| tags.join(" "))),
        ("on it", Some(counted(&below))),
        (
            "protected",
            connection
                .deletion_protection
                .then(|| "no deletion may take it".to_owned()),
        ),
        (
            "made",
            Some(format!("{} UTC", shown(connection.created_at))),
        ),
        (
            "changed",
            Some(format!("{} UTC", shown(connection.updated_at))),
        ),
    ];
    let mut rows = vec![
        [
            "SECRET",
            "LABEL",
            "STATE",
            "LAST SET (UTC)",
            "BY",
            "KEPT IN",
        ]
        .map(str::to_owned),
    ];
    rows.extend(connection.secrets.iter().map(|(field, secret)| {
        let state = match (secret.set, secret.required) {
            (true, _) => "set",
            (false, true) => "missing",
            (false, false) => "not set",
        };
        [
            plain(field),
            plain(&secret.label),
            state.to_owned(),
            secret.last_set_at.map(shown).unwrap_or_default(),
            secret.last_set_by.as_deref().map(plain).unwrap_or_default(),
            secret.source_hint.as_deref().map(plain).unwrap_or_default(),
        ]
    }));
    let mut parts = vec![format!(
        "connection {}\n{}",
        quoted(&connection.name),
        facts(&lines)
    )];
    if !connection.secrets.is_empty() {
        parts.push(table(&rows));
    }
    if !connection.missing().is_empty() {
        parts.push(format!(
            "Enter what is missing: reprieve connection secrets {}\n",
            connection.id
        ));
    }
    parts.join("\n")
}
