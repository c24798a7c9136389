//! `reprieve import`: what Reprieve or another tool exported.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use super::output::{complain, count, plain, say, table};
use super::progress::Bar;
use super::{InWords as _, Organization, open};
use crate::config::Config;
use crate::domain::ids::ImportId;
use crate::service::superset::{self, Report};
use crate::service::transfer::{self, Fault, Imported, Stop};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    source: Source,
}

#[derive(Subcommand)]
enum Source {
    /// Read an export of Reprieve, under the ids it has; nothing of it may be there already
    Ndjson {
        /// The file; `-` reads stdin
        file: PathBuf,
        #[command(flatten)]
        organization: Organization,
        /// Only say what would happen
        #[arg(long)]
        validate_only: bool,
        /// Print what was done, or what is wrong with the file, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Read an export of Apache Superset: databases, datasets, charts and dashboards
    Superset {
        /// The .zip file as Superset exported it
        file: PathBuf,
        #[command(flatten)]
        organization: Organization,
        /// Print what was done as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(args: &Args, config: &Config) -> anyhow::Result<ExitCode> {
    let (file, organization, json) = match &args.source {
        Source::Ndjson {
            file,
            organization,
            validate_only,
            json,
        } => return ndjson(config, file, organization, *validate_only, *json),
        Source::Superset {
            file,
            organization,
            json,
        } => (file, organization, json),
    };
    let services = open(config)?;
    let caller = organization.caller(&services)?;
    let report = superset::import_file(&services, &caller, file).in_words()?;
    say(&if *json {
        serde_json::to_string_pretty(&report)?
    } else {
        render(&report)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn ndjson(
    config: &Config,
    path: &Path,
    organization: &Organization,
    validate_only: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let services = open(config)?;
    let caller = organization.caller(&services)?;
    let file = if path == Path::new("-") {
        // A file is read twice, stdin once.
        let mut file = services
            .spool
            .file()
            .context("a private file can't be made")?;
        io::copy(&mut io::stdin().lock(), &mut file).context("stdin can't be read")?;
        file
    } else {
        File::open(path).with_context(|| format!("{} can't be opened", path.display()))?
    };
    let bar = Bar::new();
    let outcome = transfer::import_ndjson(
        &services,
        &caller,
        ImportId::mint(),
        &file,
        validate_only,
        &bar,
        &|_, _, _| Ok(()),
    );
    bar.clear();
    match outcome {
        Ok(imported) => {
            say(&if json {
                serde_json::to_string_pretty(&imported)?
            } else {
                summary(&imported)
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(Stop::Refused(faults)) => {
            if json {
                say(&serde_json::to_string_pretty(
                    &json!({ "problems": faults }),
                )?)?;
            } else {
                complain(&refusal(path, &faults));
            }
            Ok(ExitCode::FAILURE)
        }
        Err(stop) => Err(stop.into()).in_words(),
    }
}

fn summary(imported: &Imported) -> String {
    let mut rows = vec![["", "ROWS"].map(str::to_owned)];
    let kinds = imported.counts.iter().filter(|(_, rows)| **rows > 0);
    rows.extend(kinds.map(|(kind, rows)| [kind.to_string(), rows.to_string()]));
    let mut parts = vec![table(&rows)];
    if imported.validate_only {
        parts.push("Nothing was written: this would be imported.\n".to_owned());
    }
    if imported.needs_credentials > 0 {
        let connections = usize::try_from(imported.needs_credentials).unwrap_or(usize::MAX);
        let need = count(
            connections,
            "connection needs its",
            "connections need their",
        );
        parts.push(format!(
            "{need} secrets: enter them with PUT /v1/connections/{{id}}/secrets.\n"
        ));
    }
    parts.join("\n")
}

fn refusal(path: &Path, faults: &[Fault]) -> String {
    let mut lines = vec![format!(
        "{} was not imported; nothing was written:",
        path.display()
    )];
    lines.extend(faults.iter().map(|fault| {
        let place = match fault.line {
            Some(line) => format!("line {line}{}: ", plain(&pointer(fault))),
            None => String::new(),
        };
        format!("  {place}{} ({})", plain(&fault.detail), fault.code)
    }));
    lines.join("\n")
}

fn pointer(fault: &Fault) -> String {
    if fault.pointer.is_empty() {
        String::new()
    } else {
        format!(", {}", fault.pointer.trim_start_matches('/'))
    }
}

fn render(report: &Report) -> String {
    let row = |what: &str, created: usize, updated: usize| {
        [what.to_owned(), created.to_string(), updated.to_string()]
    };
    let mut parts = vec![table(&[
        ["", "CREATED", "UPDATED"].map(str::to_owned),
        row(
            "connections",
            report.connections_created,
            report.connections_updated,
        ),
        row("models", report.models_created, report.models_updated),
        row("content", report.content_created, report.content_updated),
    ])];
    if report.skipped_in_trash > 0 {
        let left = count(report.skipped_in_trash, "row is", "rows are");
        parts.push(format!("{left} in the trash and stayed there.\n"));
    }
    if !report.connections.is_empty() {
        let mut rows = vec![["CONNECTION", "ID", "SECRETS TO ENTER"].map(str::to_owned)];
        rows.extend(report.connections.iter().map(|connection| {
            let missing = connection.missing_secrets.join(", ");
            let missing = if missing.is_empty() {
                "none".to_owned()
            } else {
                missing
            };
            [plain(&connection.name), connection.id.to_string(), missing]
        }));
        parts.push(table(&rows));
    }
    if report
        .connections
        .iter()
        .any(|connection| !connection.missing_secrets.is_empty())
    {
        parts.push("Enter them with PUT /v1/connections/{id}/secrets.\n".to_owned());
    }
    if !report.notices.is_empty() {
        let notices: Vec<String> = report
            .notices
            .iter()
            .map(|notice| format!("  {}", plain(notice)))
            .collect();
        parts.push(format!("Notices:\n{}\n", notices.join("\n")));
    }
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ConnectionId;
    use crate::service::superset::ImportedConnection;

    #[test]
    fn a_report_names_what_is_still_to_enter() {
        let connection = |name: &str, missing: &[&str]| ImportedConnection {
            id: ConnectionId::mint(),
            name: name.to_owned(),
            missing_secrets: missing.iter().map(|field| (*field).to_owned()).collect(),
        };
        let report = Report {
            connections_created: 2,
            connections_updated: 0,
            models_created: 3,
            models_updated: 1,
            content_created: 20,
            content_updated: 0,
            skipped_in_trash: 1,
            notices: vec!["the role `\u{1b}[2J` was left out".to_owned()],
            connections: vec![
                connection("examples", &["password"]),
                connection("lake", &[]),
            ],
        };
        let text = render(&report);
        let [examples, lake] = [0, 1].map(|n| report.connections[n].id);
        for line in [
            "             CREATED  UPDATED",
            "models       3        1",
            "1 row is in the trash and stayed there.",
            &format!("examples    {examples}  password"),
            &format!("lake        {lake}  none"),
            "Enter them with PUT /v1/connections/{id}/secrets.",
            "  the role `\\u{1b}[2J` was left out",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line:?} in\n{text}"
            );
        }
    }
}
