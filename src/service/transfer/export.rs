//! Export: all rows of an organization out of one snapshot.
//!
//! What must stay true: whoever waits for `out` waits inside the snapshot, so `out` is a file and never a client; a
//! page of rows is all that is in memory; no value of a secret is read.

use std::io::Write;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::check::no_rows;
use super::lines::{self, End, EndWord, From_, Header, HeaderWord};
use super::{Counts, FORMAT, Stage, Watch};
use crate::domain::ids::{OrgId, RootId};
use crate::domain::kinds::{OwnerKind, RecordKind};
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::{Error, Result};
use crate::service::tokens::hex;
use crate::service::unit::to_json;
use crate::store::Conn;
use crate::store::records::Record;
use crate::store::rows::SecretRow;

/// Rows of one page: even if each has the largest body, they are 50 MiB.
const PAGE: usize = 200;

/// What to export.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// Leave the trash out.
    pub live_only: bool,
}

/// What was exported.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The name of the organization.
    pub organization: String,
    /// Rows by kind.
    pub counts: Counts,
    /// Bytes of the file.
    pub bytes: u64,
    /// The checksum in its last line.
    pub sha256: String,
}

/// Writes an export to `out` and leaves an audit record.
pub fn export(
    services: &Services,
    caller: &Caller,
    options: ExportOptions,
    out: &mut dyn Write,
    watch: &dyn Watch,
) -> Result<Exported> {
    let exported = services.store.read_snapshot(|conn| {
        conn.allow_long_transaction()?;
        run(conn, caller.org, options, out, watch)
    })?;
    services.write_once(caller, |tx| {
        let detail = to_json(&exported)?;
        tx.audit(
            "organization.exported",
            "organization",
            Some(RootId(caller.org.0)),
            None,
            detail,
        )
    })?;
    Ok(exported)
}

fn run(
    conn: &mut Conn,
    org: OrgId,
    options: ExportOptions,
    out: &mut dyn Write,
    watch: &dyn Watch,
) -> Result<Exported> {
    let kinds: Vec<RecordKind> = RecordKind::ALL
        .iter()
        .copied()
        .filter(|kind| kind.is_live() || !options.live_only)
        .collect();
    let organization = conn
        .find_organization(org)?
        .ok_or_else(|| Error::not_found("organization"))?;
    let total = u64::try_from(conn.count_records(org, &kinds)?).ok();
    let mut out = Lines {
        out,
        line: Vec::new(),
        digest: Sha256::new(),
        bytes: 0,
    };
    out.put(&Header {
        r#type: HeaderWord::Reprieve,
        format: FORMAT,
        organization: From_ {
            id: org,
            name: organization.name.as_str().into(),
        },
        exported_at: conn.now()?,
        live_only: options.live_only,
    })?;
    let (mut counts, mut done) = (no_rows(), 0);
    for kind in kinds {
        let mut after = None;
        loop {
            let page =
                conn.page_records(kind, org, after, i64::try_from(PAGE).unwrap_or(i64::MAX))?;
            let secrets = secrets_of(conn, org, &page)?;
            for record in &page {
                out.put_row(record, &secrets)?;
                *counts.entry(kind).or_default() += 1;
                done += 1;
            }
            watch.at(Stage::Exporting, done, total);
            if watch.stopped() {
                return Err(Error::from(super::import::Stop::Interrupted));
            }
            after = page.last().map(Record::key);
            if page.len() < PAGE {
                break;
            }
        }
    }
    let sha256 = hex(&out.digest.clone().finalize());
    out.put(&End {
        r#type: EndWord::End,
        counts: counts
            .iter()
            .map(|(kind, count)| (kind.as_str().into(), *count))
            .collect(),
        sha256: sha256.as_str().into(),
    })?;
    Ok(Exported {
        organization: organization.name,
        counts,
        bytes: out.bytes,
        sha256,
    })
}

/// What is known of the secrets of live connections and integrations; never what they are.
fn secrets_of(conn: &mut Conn, org: OrgId, page: &[Record]) -> Result<Vec<SecretRow>> {
    let owners: Vec<(OwnerKind, RootId)> = page.iter().filter_map(owner).collect();
    let Some((kind, _)) = owners.first() else {
        return Ok(Vec::new());
    };
    let ids: Vec<RootId> = owners.iter().map(|(_, id)| *id).collect();
    Ok(conn.secrets_of_many(org, *kind, &ids)?)
}

/// A live row as the owner of secrets, if it can be one.
fn owner(record: &Record) -> Option<(OwnerKind, RootId)> {
    match record {
        Record::Integration(row) => Some((OwnerKind::Integration, RootId(row.id.0))),
        Record::Connection(row) => Some((OwnerKind::Connection, row.id.into())),
        _ => None,
    }
}

/// Lines on their way out, counted and summed.
struct Lines<'a> {
    out: &'a mut dyn Write,
    line: Vec<u8>,
    digest: Sha256,
    bytes: u64,
}

impl Lines<'_> {
    fn put(&mut self, line: &impl Serialize) -> Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line).map_err(|error| no_json(&error))?;
        self.end_line()
    }

    fn put_row(&mut self, record: &Record, secrets: &[SecretRow]) -> Result<()> {
        self.line.clear();
        let own: Vec<SecretRow> = match owner(record) {
            Some((_, id)) => secrets
                .iter()
                .filter(|secret| secret.owner_id == id)
                .cloned()
                .collect(),
            None => Vec::new(),
        };
        lines::write(&mut self.line, record, &own).map_err(|error| no_json(&error))?;
        self.end_line()
    }

    fn end_line(&mut self) -> Result<()> {
        self.line.push(b'\n');
        self.digest.update(&self.line);
        self.bytes += u64::try_from(self.line.len()).unwrap_or(u64::MAX);
        self.out
            .write_all(&self.line)
            .map_err(|error| Error::Internal(format!("the export can't be written: {error}")))
    }
}

fn no_json(error: &serde_json::Error) -> Error {
    Error::Internal(format!("a row has no JSON form: {error}"))
}
