//! The exported chain: a first line that says what it is, a line for each record, a last line with the end.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cli::people::Failure;
use crate::domain::clock::Ts;
use crate::domain::ids::OrgId;
use crate::service::audit::{AuditView, Head};

const FORMAT: &str = "reprieve-audit";

/// A page of the chain, its records as they were written.
#[derive(Deserialize)]
pub(super) struct RawPage {
    pub(super) data: Vec<Box<RawValue>>,
    pub(super) next_page_token: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    format: String,
    version: u32,
    organization_id: OrgId,
    exported_at: Ts,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    head: Head,
}

/// Writes an export.
pub(super) struct Writer {
    file: BufWriter<File>,
    records: usize,
}

impl Writer {
    /// A new file, for its owner alone.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("{} can't be made", path.display()))?;
        Ok(Self {
            file: BufWriter::new(file),
            records: 0,
        })
    }

    pub(super) fn begin(&mut self, org: OrgId) -> Result<(), Failure> {
        self.document(&First {
            format: FORMAT.to_owned(),
            version: 1,
            organization_id: org,
            exported_at: Ts::now(),
        })
    }

    pub(super) fn line(&mut self, record: &str) -> Result<(), Failure> {
        self.records += 1;
        writeln!(self.file, "{record}").context("the file can't be written")?;
        Ok(())
    }

    /// Writes the end; answers how many records there are.
    pub(super) fn end(mut self, head: &Head) -> Result<usize, Failure> {
        self.document(&Last { head: head.clone() })?;
        self.file.flush().context("the file can't be written")?;
        self.file
            .get_ref()
            .sync_all()
            .context("the file can't be written")?;
        Ok(self.records)
    }

    fn document(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(document).context("no JSON form")?;
        writeln!(self.file, "{text}").context("the file can't be written")?;
        Ok(())
    }
}

/// Reads an export, record by record; answers its end.
pub(super) fn read(path: &Path, mut each: impl FnMut(OrgId, &AuditView)) -> Result<Head, Failure> {
    let refuse = |number: usize, what: &str| {
        Failure::Broken(anyhow!("{}, line {number}: {what}", path.display()))
    };
    let file = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
    let mut first: Option<First> = None;
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.with_context(|| format!("{} can't be read", path.display()))?;
        let Some(first) = &first else {
            let known: First = serde_json::from_str(&line)
                .map_err(|_| refuse(number, "this is no export of audit records"))?;
            if known.format != FORMAT || known.version != 1 {
                return Err(refuse(number, "this is no export that this version knows"));
            }
            first = Some(known);
            continue;
        };
        if let Ok(last) = serde_json::from_str::<Last>(&line) {
            if last.head.organization_id != first.organization_id {
                return Err(refuse(number, "the end is of another organization"));
            }
            return Ok(last.head);
        }
        let record: AuditView =
            serde_json::from_str(&line).map_err(|_| refuse(number, "this is no audit record"))?;
        each(first.organization_id, &record);
    }
    Err(Failure::Broken(anyhow!(
        "{} has no end: it was cut off, or never finished",
        path.display()
    )))
}
