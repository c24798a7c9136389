//! `reprieve connection secrets`
//!
//! What must stay true: a value comes by a prompt, a file or stdin, never as an argument; no refusal repeats one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use zeroize::Zeroizing;

use super::{find, show::settings};
use crate::cli::output::{plain, remark, say};
use crate::cli::people::answers::Connection;
use crate::cli::people::words::quoted;
use crate::cli::people::{Failure, Outcome, Reach, ask, pages};
use crate::config::Config;
use crate::secrets::value::{MAX_SECRET_BYTES, SecretValue};
use crate::service::secrets::{PutSecrets, SecretInput};

/// The largest document on stdin; the API's bodies have the same limit.
const DOCUMENT: usize = 64 * 1024;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The connection's id or name
    connection: String,
    /// Ask for this field, set or not; several for several [default: the required ones that are missing]
    #[arg(long, value_name = "FIELD", conflicts_with = "from_files")]
    field: Vec<String>,
    /// Take a field from a file, without the line break at its end; the way for values of several lines
    #[arg(long = "from-file", id = "from_files", value_name = "FIELD=PATH", value_parser = from_file)]
    from_files: Vec<(String, PathBuf)>,
    /// Print the connection as the API's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

fn from_file(text: &str) -> anyhow::Result<(String, PathBuf)> {
    match text.split_once('=') {
        Some((field, path)) if !field.is_empty() && !path.is_empty() => {
            Ok((field.to_owned(), PathBuf::from(path)))
        }
        _ => Err(anyhow!(
            "expected a field and a file, such as password=/run/secrets/db"
        )),
    }
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let id = find(&*backend, &args.connection)?;
    let connection: Connection = pages::read(&backend.connection(id)?)?;
    let secrets = if !args.from_files.is_empty() {
        read_files(&args.from_files)?
    } else if ask::somebody_is_there() {
        let wanted = if args.field.is_empty() {
            connection.missing()
        } else {
            args.field.iter().map(String::as_str).collect()
        };
        if wanted.is_empty() {
            say(&format!(
                "No required secret of the connection {} is missing; --field FIELD enters one anew.",
                quoted(&connection.name)
            ))?;
            return Ok(Outcome::Done);
        }
        ask_for(&connection, &wanted)?
    } else {
        read_document(io::stdin().lock())?
    };
    if secrets.is_empty() {
        remark("Nothing was entered.");
        return Ok(Outcome::Nothing);
    }
    let put = PutSecrets {
        test: false,
        secrets,
        source_hints: BTreeMap::new(),
    };
    // For the connection as it was shown: its settings say where the secrets go.
    let text = backend.put_secrets(id, connection.version, &put)?;
    say(&if args.json {
        text
    } else {
        done(&pages::read(&text)?)
    })?;
    Ok(Outcome::Done)
}

fn ask_for(connection: &Connection, fields: &[&str]) -> Result<SecretInput, Failure> {
    remark(&format!(
        "Secrets of the connection {} ({}). They are not shown while you type; Enter alone leaves one out.\n  {}",
        quoted(&connection.name),
        plain(&connection.connector),
        settings(connection)
    ));
    let mut secrets = SecretInput::new();
    for field in fields.iter().collect::<BTreeSet<_>>() {
        let label = match connection.secrets.get(*field) {
            Some(secret) => format!("{} ({field})", secret.label),
            None => (*field).to_owned(),
        };
        if let Some(value) = ask::secret(&label)? {
            secrets.insert((*field).to_owned(), Some(value));
        }
    }
    Ok(secrets)
}

fn read_files(files: &[(String, PathBuf)]) -> Result<SecretInput, Failure> {
    let mut secrets = SecretInput::new();
    for (field, path) in files {
        if secrets
            .insert(field.clone(), Some(read_file(path)?))
            .is_some()
        {
            return Err(Failure::Usage(format!(
                "--from-file names the field {} twice",
                plain(field)
            )));
        }
    }
    Ok(secrets)
}

fn read_file(path: &Path) -> anyhow::Result<SecretValue> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown} can't be read"))?;
    let mut text = read_text(file, MAX_SECRET_BYTES + 2)
        .with_context(|| format!("{shown} can't be read as a secret"))?;
    // One line break only: what comes before it may be part of the secret.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    SecretValue::parse(std::mem::take(&mut text)).with_context(|| shown.to_string())
}

/// An object of fields and values; `null` shreds one.
fn read_document(stdin: impl Read) -> Result<SecretInput, Failure> {
    let text = read_text(stdin, DOCUMENT).context("stdin can't be read")?;
    if text.trim().is_empty() {
        return Err(Failure::Usage(
            "there is no terminal to ask at: use --from-file FIELD=PATH, or send {\"FIELD\": \"VALUE\"} to stdin"
                .to_owned(),
        ));
    }
    // The parser's words may repeat what it read.
    serde_json::from_str(&text).map_err(|error| {
        anyhow!(
            "stdin must hold one JSON object of fields and secrets, such as {{\"password\": \"...\"}}: line {}, column {} is something else",
            error.line(),
            error.column()
        )
        .into()
    })
}

/// Reads a text into memory that is overwritten afterwards, and never moved to a larger buffer before.
fn read_text(reader: impl Read, limit: usize) -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 64));
    let most = u64::try_from(limit + 1).unwrap_or(u64::MAX);
    reader.take(most).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(anyhow!("it is longer than {limit} bytes"));
    }
    match String::from_utf8(std::mem::take(&mut bytes)) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(anyhow!("it is not UTF-8 text"))
        }
    }
}

fn done(connection: &Connection) -> String {
    let name = quoted(&connection.name);
    let missing: Vec<String> = connection.missing().into_iter().map(plain).collect();
    if missing.is_empty() {
        format!(
            "The connection {name} has what it needs and is {} now.",
            plain(&connection.status)
        )
    } else {
        format!("The connection {name} still needs {}.", missing.join(", "))
    }
}
