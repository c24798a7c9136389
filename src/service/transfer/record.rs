//! The record of an import through the API: made when the file has arrived, closed by the import's own transaction.
//!
//! What must stay true: a record that says `done` was closed together with its rows; one whose process died says
//! `failed` with `interrupted` before long, and none of its rows are there.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::faults::Fault;
use super::import::Stop;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{ImportId, OrgId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{ImportSource, ImportState};
use crate::domain::scopes::Scope;
use crate::jobs::importer::{Importer, Progress};
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::{Error, Result};
use crate::service::unit::{Tx, to_json};
use crate::store::rows::ImportRow;
use crate::store::{Conn, StoreResult};

/// How long nobody says that an import goes on before it counts as interrupted, on a database that others may use.
const SILENCE: chrono::Duration = chrono::Duration::seconds(60);

/// An import.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportView {
    /// Its id.
    pub id: ImportId,
    /// What the file is.
    pub source: ImportSource,
    /// How far it is.
    pub state: ImportState,
    /// Whether it only says what would happen.
    pub validate_only: bool,
    /// Bytes of the file.
    pub bytes: i64,
    /// Rows that were read for writing so far; while the file is validated, its bytes.
    pub rows_read: i64,
    /// Of so many, once that is known.
    pub rows_total: Option<i64>,
    /// When it arrived.
    pub created_at: Ts,
    /// Who sent it.
    pub created_by: String,
    /// When it was done or failed.
    pub finished_at: Option<Ts>,
    /// What was written, or would be.
    #[schema(value_type = Option<Object>)]
    pub report: Option<JsonText>,
    /// What is wrong, if it failed: the first hundred, in the order of their lines. Nothing was written then.
    #[schema(value_type = Vec<Fault>)]
    pub problems: JsonText,
}

impl From<ImportRow> for ImportView {
    fn from(row: ImportRow) -> Self {
        Self {
            id: row.id,
            source: row.source,
            state: row.state,
            validate_only: row.validate_only,
            bytes: row.bytes,
            rows_read: row.rows_read,
            rows_total: row.rows_total,
            created_at: row.created_at,
            created_by: row.created_by,
            finished_at: row.finished_at,
            report: row.report,
            problems: row.problems,
        }
    }
}

/// A file that has arrived.
#[derive(Debug, Clone, Copy)]
pub struct NewImport {
    /// What it will be known by.
    pub id: ImportId,
    /// What it is.
    pub source: ImportSource,
    /// Whether only to say what would happen.
    pub validate_only: bool,
    /// Its size.
    pub bytes: u64,
}

/// Makes the record of an import that will begin when this is committed.
pub fn accept(tx: &mut Tx<'_>, importer: &Importer, new: &NewImport) -> Result<ImportView> {
    tx.caller.require(Scope::DataImport)?;
    if new.source == ImportSource::Superset {
        // It changes what is there already.
        tx.caller.require(Scope::ConnectionsWrite)?;
    }
    importer.reserve(tx.caller.org, new.id)?;
    let row = ImportRow {
        org_id: tx.caller.org,
        id: new.id,
        source: new.source,
        state: ImportState::Waiting,
        validate_only: new.validate_only,
        bytes: i64::try_from(new.bytes).unwrap_or(i64::MAX),
        rows_read: 0,
        rows_total: None,
        report: None,
        problems: JsonText::from_trusted("[]".to_owned()),
        created_at: tx.at,
        created_by: tx.caller.actor.id.clone(),
        alive_at: tx.conn.now()?,
        finished_at: None,
    };
    tx.conn.insert_import(&row)?;
    let detail =
        json!({ "source": row.source, "bytes": row.bytes, "validate_only": row.validate_only });
    tx.record("import.accepted", "import", RootId(row.id.0), None, &detail)?;
    Ok(row.into())
}

/// An import as it stands, with the progress that only the process that runs it knows.
pub fn get(
    conn: &mut Conn,
    caller: &Caller,
    importer: &Importer,
    id: ImportId,
) -> Result<ImportView> {
    let progress = importer.progress(caller.org, id);
    let row = conn
        .find_import(caller.org, id)?
        .ok_or_else(|| Error::not_found("import"))?;
    let open = row.finished_at.is_none();
    let mut view = ImportView::from(row);
    if let (true, Some(progress)) = (open, progress) {
        view.state = progress.state;
        view.rows_read = progress.done;
        view.rows_total = progress.total;
    }
    Ok(view)
}

/// Says in the database that an import goes on; answers whether it still may.
pub fn touch(
    services: &Services,
    org: OrgId,
    id: ImportId,
    progress: Progress,
) -> StoreResult<bool> {
    services.store.write(|conn| {
        let touched = conn.touch_import(org, id, progress.state, progress.done, progress.total)?;
        Ok(touched == 1)
    })
}

/// Closes the record of an import that is done, in the transaction of its rows.
pub fn close(tx: &mut Tx<'_>, id: ImportId, report: &Value, rows: u64) -> Result<()> {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let closed = closing(tx, id, ImportState::Done, rows, Some(report), &[])?;
    if closed {
        return Ok(());
    }
    // Another process took this one for dead. It has said that nothing was written, so nothing is.
    Err(Error::Internal(format!(
        "import {id} was closed by another process"
    )))
}

/// Closes the record of an import that only looked.
pub fn close_validated(
    services: &Services,
    caller: &Caller,
    id: ImportId,
    report: &Value,
    rows: u64,
) -> Result<()> {
    services.write_once(caller, |tx| {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        if closing(tx, id, ImportState::Done, rows, Some(report), &[])? {
            tx.record(
                "import.validated",
                "import",
                RootId(id.0),
                None,
                &json!({ "report": report }),
            )?;
        }
        Ok(())
    })
}

/// Closes the record of an import that failed. Nothing, if it is closed already.
pub fn fail(services: &Services, caller: &Caller, id: ImportId, stop: Stop) -> Result<()> {
    let faults = match stop {
        Stop::Refused(faults) => faults,
        Stop::Interrupted => vec![interruption()],
        Stop::Failed(Error::Problem(problem)) => {
            vec![Fault::of_file(problem.code.as_str(), problem.detail)]
        }
        Stop::Failed(error) => {
            tracing::error!(import = %id, %error, "an import failed");
            let detail =
                "The service could not do it; the reason is in its log. Nothing was written.";
            vec![Fault::of_file(Code::InternalError.as_str(), detail)]
        }
    };
    services.write_once(caller, |tx| {
        let detail =
            json!({ "problems": faults.len(), "code": faults.first().map(|fault| &fault.code) });
        if closing(tx, id, ImportState::Failed, 0, None, &faults)? {
            tx.record("import.failed", "import", RootId(id.0), None, &detail)?;
        }
        Ok(())
    })
}

/// Closes the records of imports that no process works on any more.
pub fn interrupt_stale(services: &Services) -> Result<()> {
    // A process has its SQLite file for itself; on PostgreSQL the others say every few seconds that they go on.
    let alone = services.store.sqlite_file().is_some();
    let stale = services.store.read(|conn| {
        let now = conn.now()?;
        conn.stale_imports(if alone {
            now.plus(SILENCE)
        } else {
            now.plus(-SILENCE)
        })
    })?;
    for row in stale {
        if services.importer.progress(row.org_id, row.id).is_none() {
            tracing::warn!(import = %row.id, "an import was interrupted; nothing of it was written");
            fail(
                services,
                &Caller::service(row.org_id),
                row.id,
                Stop::Interrupted,
            )?;
        }
    }
    Ok(())
}

fn interruption() -> Fault {
    Fault::of_file(
        "interrupted",
        "The service stopped before the import was done. Nothing was written: send it again.",
    )
}

fn closing(
    tx: &mut Tx<'_>,
    id: ImportId,
    state: ImportState,
    rows: i64,
    report: Option<&Value>,
    faults: &[Fault],
) -> Result<bool> {
    let Some(mut row) = tx.conn.find_import(tx.caller.org, id)? else {
        return Ok(false);
    };
    row.state = state;
    row.rows_read = rows;
    row.rows_total = (state == ImportState::Done).then_some(rows);
    row.report = report.map(to_json).transpose()?;
    row.problems = to_json(&faults)?;
    row.finished_at = Some(tx.conn.now()?);
    Ok(tx.conn.finish_import(&row)? == 1)
}
