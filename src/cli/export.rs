//! `reprieve export`: an organization as a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use super::output::{count, plain, remark};
use super::progress::Bar;
use super::{InWords as _, Organization, open};
use crate::config::Config;
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::transfer::{self, ExportOptions, Exported};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    format: Format,
}

#[derive(Subcommand)]
enum Format {
    /// Write all rows, live and in the trash, one JSON object a line; never a secret (docs/ndjson.md)
    Ndjson {
        /// The file to write; `-` writes to stdout
        #[arg(default_value = "-")]
        file: PathBuf,
        #[command(flatten)]
        organization: Organization,
        /// Leave the trash out
        #[arg(long)]
        live_only: bool,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
    },
}

pub(super) fn run(args: &Args, config: &Config) -> anyhow::Result<ExitCode> {
    let Format::Ndjson {
        file,
        organization,
        live_only,
        force,
    } = &args.format;
    let services = open(config)?;
    let caller = organization.caller(&services)?;
    let options = ExportOptions {
        live_only: *live_only,
    };
    let exported = if file == Path::new("-") {
        to_stdout(&services, &caller, options)?
    } else {
        to_file(&services, &caller, options, file, *force)?
    };
    remark(&summary(&exported));
    Ok(ExitCode::SUCCESS)
}

/// By way of a private file: a reader that takes its time would hold the snapshot, and what was shredded meanwhile
/// would stay in the database's files.
fn to_stdout(
    services: &Services,
    caller: &Caller,
    options: ExportOptions,
) -> anyhow::Result<Exported> {
    let mut file = services
        .spool
        .file()
        .context("a private file can't be made")?;
    let exported = write(services, caller, options, &file)?;
    io::Seek::rewind(&mut file)?;
    let mut stdout = io::stdout().lock();
    io::copy(&mut file, &mut stdout)
        .and_then(|_| stdout.flush())
        .context("stdout can't be written to")?;
    Ok(exported)
}

fn to_file(
    services: &Services,
    caller: &Caller,
    options: ExportOptions,
    path: &Path,
    force: bool,
) -> anyhow::Result<Exported> {
    if !force && path.exists() {
        bail!("{} is there already; --force replaces it", path.display());
    }
    // Under another name until it is whole: what has the name of an export is one.
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)
        .with_context(|| format!("{} can't be made", partial.display()))?;
    let written = write(services, caller, options, &file).and_then(|exported| {
        file.sync_all()?;
        if force {
            std::fs::rename(&partial, path)?;
        } else {
            // Fails if somebody made one meanwhile.
            std::fs::hard_link(&partial, path)?;
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(exported)
    });
    if written.is_err() || !force {
        // What went wrong before is what to tell.
        let _ = std::fs::remove_file(&partial);
    }
    written.with_context(|| format!("{} can't be written", path.display()))
}

fn write(
    services: &Services,
    caller: &Caller,
    options: ExportOptions,
    file: &File,
) -> anyhow::Result<Exported> {
    let bar = Bar::new();
    let mut out = BufWriter::with_capacity(256 * 1024, file);
    let exported = transfer::export(services, caller, options, &mut out, &bar);
    bar.clear();
    let exported = exported.in_words()?;
    out.flush()?;
    Ok(exported)
}

fn summary(exported: &Exported) -> String {
    let rows: u64 = exported.counts.values().sum();
    let rows = count(usize::try_from(rows).unwrap_or(usize::MAX), "row", "rows");
    format!(
        "Exported {rows} of the organization {}, {} bytes, sha256 {}.",
        plain(&exported.organization),
        exported.bytes,
        exported.sha256
    )
}
