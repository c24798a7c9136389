//! The second reading of a file: batch by batch compared with what is there, and written.

use std::collections::BTreeMap;
use std::fs::File;

use super::{Imported, Stop, rewind};
use crate::domain::ids::DependentId;
use crate::domain::kinds::{RecordKind, Status};
use crate::service::error::Error;
use crate::service::transfer::check::{Checked, no_rows};
use crate::service::transfer::faults::{Fault, Faults};
use crate::service::transfer::lines::Stamp;
use crate::service::transfer::reader::{Line, Reader};
use crate::service::transfer::{Stage, Watch};
use crate::store::Conn;
use crate::store::records::{InUse, Record};
use crate::store::rows::ConnectionRow;

/// The most rows, and about the most bytes, that are in memory at once.
const BATCH_ROWS: usize = 500;
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// The second reading.
pub(super) struct Load<'a> {
    pub(super) checked: &'a Checked,
    pub(super) stamp: &'a Stamp,
    pub(super) watch: &'a dyn Watch,
    pub(super) write: bool,
}

/// Rows of one kind on their way in, with their lines.
#[derive(Default)]
struct Batch {
    kind: Option<RecordKind>,
    lines: Vec<u64>,
    rows: Vec<Record>,
    /// Models whose base comes after them: it is set when it is there.
    without_base: Vec<(DependentId, DependentId)>,
}

impl Load<'_> {
    pub(super) fn run(&mut self, conn: &mut Conn, file: &File) -> Result<Imported, Stop> {
        rewind(file)?;
        conn.allow_long_transaction()?;
        let total: u64 = self.checked.counts.values().sum();
        let mut reader = Reader::new(file);
        let (mut batch, mut faults) = (Batch::default(), Faults::default());
        let (mut counts, mut done, mut needs_credentials) = (no_rows(), 0, 0);
        let (mut begun_at, mut same) = (0, false);
        while let Some(outcome) = reader.next(self.stamp)? {
            match outcome {
                Ok(Line::Header) => {}
                Ok(Line::Row(record)) => {
                    let kind = record.kind();
                    if batch.kind.is_some_and(|other| other != kind)
                        || batch.rows.len() >= BATCH_ROWS
                        || reader.bytes() - begun_at > BATCH_BYTES
                    {
                        self.flush(conn, &mut batch, &mut faults)?;
                        self.watch.at(Stage::Writing, done, Some(total));
                        begun_at = reader.bytes();
                    }
                    *counts.entry(kind).or_default() += 1;
                    done += 1;
                    needs_credentials += u64::from(is_incomplete(&record));
                    batch.kind = Some(kind);
                    batch.lines.push(reader.number());
                    batch.rows.push(record);
                }
                Ok(Line::End { found, .. }) => {
                    same = found == self.checked.sha256;
                    break;
                }
                Err(_) => break,
            }
            if faults.is_full() {
                break;
            }
        }
        self.flush(conn, &mut batch, &mut faults)?;
        self.watch.at(Stage::Writing, done, Some(total));
        if !faults.is_empty() {
            return Err(Stop::Refused(faults.into_vec()));
        }
        if !same {
            let detail = "The file was changed while it was read: import it again.";
            return Err(Stop::Refused(vec![Fault::of_file("file_changed", detail)]));
        }
        if self.write {
            for (model, base) in batch.without_base {
                conn.set_base_model(self.stamp.org, model, base)?;
            }
        }
        Ok(Imported {
            validate_only: !self.write,
            counts,
            needs_credentials,
        })
    }

    /// Compares a batch with what is there, and writes it unless anything was in the way so far.
    fn flush(
        &mut self,
        conn: &mut Conn,
        batch: &mut Batch,
        faults: &mut Faults,
    ) -> Result<(), Stop> {
        if self.watch.stopped() {
            return Err(Stop::Interrupted);
        }
        let Some(kind) = batch.kind.take() else {
            return Ok(());
        };
        self.find_in_use(conn, kind, batch, faults)?;
        if kind == RecordKind::Integration {
            self.find_taken_keys(conn, batch, faults)?;
        }
        if kind == RecordKind::Connection {
            self.find_taken_names(conn, batch, faults)?;
        }
        if self.write && faults.is_empty() {
            for record in &mut batch.rows {
                // In the order of their ids, so what has the greater one is not there yet.
                if let Record::Model(row) = record
                    && let Some(base) = row.parent.filter(|base| *base > row.id)
                {
                    row.parent = None;
                    batch.without_base.push((row.id, base));
                }
            }
            let written = conn.insert_records(kind, &batch.rows)?;
            if written != batch.rows.len() {
                return Err(Error::Internal(format!(
                    "{written} of {} rows were written",
                    batch.rows.len()
                ))
                .into());
            }
        }
        batch.lines.clear();
        batch.rows.clear();
        Ok(())
    }

    fn find_in_use(
        &self,
        conn: &mut Conn,
        kind: RecordKind,
        batch: &Batch,
        faults: &mut Faults,
    ) -> Result<(), Stop> {
        let keys: Vec<_> = batch.rows.iter().map(Record::key).collect();
        let found: BTreeMap<_, _> = conn
            .records_in_use(kind, self.stamp.org, &keys)?
            .into_iter()
            .collect();
        if found.is_empty() {
            return Ok(());
        }
        for (line, key) in batch.lines.iter().zip(&keys) {
            match found.get(key) {
                Some(InUse::There) => faults.add(
                    *line,
                    "/id",
                    "id_taken",
                    "The organization has a row with this id.",
                ),
                Some(InUse::InTrash(_)) => {
                    faults.add(
                        *line,
                        "/id",
                        "in_trash",
                        "A row with this id is in the trash of the organization.",
                    );
                }
                None => {}
            }
        }
        Ok(())
    }

    fn find_taken_keys(
        &self,
        conn: &mut Conn,
        batch: &Batch,
        faults: &mut Faults,
    ) -> Result<(), Stop> {
        let key = |record: &Record| match record {
            Record::Integration(row) => row.key.clone(),
            _ => String::new(),
        };
        let keys: Vec<String> = batch.rows.iter().map(key).collect();
        let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
        let in_use = conn.integration_keys_in_use(self.stamp.org, &asked)?;
        for (line, key) in batch.lines.iter().zip(&keys) {
            if in_use.contains(key) {
                faults.add(
                    *line,
                    "/key",
                    "name_taken",
                    "A live integration has this key.",
                );
            }
        }
        Ok(())
    }

    fn find_taken_names(
        &self,
        conn: &mut Conn,
        batch: &Batch,
        faults: &mut Faults,
    ) -> Result<(), Stop> {
        let rows: Vec<_> = batch
            .rows
            .iter()
            .filter_map(|record| match record {
                Record::Connection(row) => Some(row),
                _ => None,
            })
            .collect();
        let integrations: Vec<&str> = rows.iter().map(|row| row.integration.as_str()).collect();
        let names: Vec<&str> = rows.iter().map(|row| row.name_key.as_str()).collect();
        let external_ids: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.external_id.as_deref())
            .collect();
        let org = self.stamp.org;
        let same_name = conn.connections_by_names(org, &integrations, &names)?;
        let same_external_id =
            conn.connections_by_external_ids(org, &integrations, &external_ids)?;
        for (line, row) in batch.lines.iter().zip(rows) {
            let same =
                |other: &ConnectionRow| other.integration == row.integration && other.id != row.id;
            if same_name
                .iter()
                .any(|other| same(other) && other.name_key == row.name_key)
            {
                faults.add(
                    *line,
                    "/name",
                    "name_taken",
                    "A live connection of the integration has this name.",
                );
            }
            if row.external_id.is_some()
                && same_external_id
                    .iter()
                    .any(|other| same(other) && other.external_id == row.external_id)
            {
                let detail = "A live connection of the integration has this external id.";
                faults.add(*line, "/external_id", "external_id_taken", detail);
            }
        }
        Ok(())
    }
}

fn is_incomplete(record: &Record) -> bool {
    matches!(record, Record::Connection(row) if row.status == Status::NeedsCredentials)
}
