//! Import: a whole file or nothing.
//!
//! The file is read twice: first for all that can be said without the database ([`super::check`]), then, inside one
//! transaction, to compare it with what is there and to write it. What must stay true: the second reading is of the
//! same bytes, nothing is written once something is in the way, and the audit record, the event and the import's own
//! record are part of the transaction.

mod load;

use std::fs::File;
use std::io::{self, Seek as _};

use load::Load;
use serde::Serialize;
use serde_json::{Value, json};

use super::check::check;
use super::faults::Fault;
use super::lines::Stamp;
use super::{Counts, Stage, Watch};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{ImportId, RootId};
use crate::domain::kinds::ImportSource;
use crate::import::superset as archive;
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::{Error, Problem, Result};
use crate::service::superset;
use crate::service::unit::Tx;
use crate::store::{Conn, StoreError};

/// Above so many new rows the database's planner should know of them.
const MANY: u64 = 1_000;

/// What an import came to.
#[derive(Debug, Serialize)]
pub struct Imported {
    /// Whether nothing was written, as asked.
    pub validate_only: bool,
    /// The rows of the file by kind.
    pub counts: Counts,
    /// Live connections to which secrets must be entered before they can be used.
    pub needs_credentials: u64,
}

/// Why an import was given up. In each case nothing of it was written.
#[derive(Debug)]
pub enum Stop {
    /// The file, or what is there already, is in the way.
    Refused(Vec<Fault>),
    /// It was told to stop.
    Interrupted,
    /// The service could not do it.
    Failed(Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(Error::Internal(format!("the file can't be read: {error}")))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// What goes into the transaction with the rows: for the API, that its record is closed.
pub type Finish<'a> = dyn Fn(&mut Tx<'_>, &Value, u64) -> Result<()> + 'a;

/// Imports one of our own exports.
pub fn import_ndjson(
    services: &Services,
    caller: &Caller,
    id: ImportId,
    file: &File,
    validate_only: bool,
    watch: &dyn Watch,
    finish: &Finish<'_>,
) -> std::result::Result<Imported, Stop> {
    let stamp = Stamp {
        org: caller.org,
        at: Ts::now(),
    };
    let bytes = file.metadata()?.len();
    rewind(file)?;
    let checked = check(file, Some(bytes), &stamp, watch)?;
    let mut load = Load {
        checked: &checked,
        stamp: &stamp,
        watch,
        write: !validate_only,
    };
    if validate_only {
        return services.store.read_snapshot(|conn| load.run(conn, file));
    }
    let mut stop = None;
    let written = services.write_once(caller, |tx| match load.run(tx.conn, file) {
        Ok(imported) => {
            let report = serde_json::to_value(&imported).unwrap_or_default();
            let rows = imported.counts.values().sum();
            record(
                tx,
                id,
                ImportSource::Ndjson,
                &json!({ "counts": imported.counts, "sha256": checked.sha256 }),
            )?;
            finish(tx, &report, rows)?;
            Ok(imported)
        }
        Err(Stop::Failed(error)) => Err(error),
        Err(other) => {
            stop = Some(other);
            Err(Error::Internal("rolled back".to_owned()))
        }
    });
    if let Some(stop) = stop {
        return Err(stop);
    }
    let imported = written?;
    if imported.counts.values().sum::<u64>() > MANY {
        refresh_statistics(services);
    }
    Ok(imported)
}

/// Imports a ZIP of Apache Superset the way `reprieve import superset` does.
pub fn import_superset(
    services: &Services,
    caller: &Caller,
    id: ImportId,
    file: &File,
    validate_only: bool,
    watch: &dyn Watch,
    finish: &Finish<'_>,
) -> std::result::Result<superset::Report, Stop> {
    rewind(file)?;
    watch.at(Stage::Validating, 0, None);
    let export = archive::read(io::BufReader::new(file)).map_err(|error| {
        Stop::Refused(vec![Fault::of_file("invalid_file", format!("{error}."))])
    })?;
    let rows = u64::try_from(
        export.databases.len()
            + export.datasets.len()
            + export.charts.len()
            + export.dashboards.len(),
    );
    let rows = rows.unwrap_or(u64::MAX);
    if watch.stopped() {
        return Err(Stop::Interrupted);
    }
    watch.at(Stage::Writing, 0, Some(rows));
    let mut planned = None;
    let written = services.write_once(caller, |tx| {
        let report = superset::import(tx, &export)?;
        if validate_only {
            // The way there is the only one to know what it would do: it is gone and then undone.
            planned = Some(report);
            return Err(Error::Internal("rolled back".to_owned()));
        }
        let value = serde_json::to_value(&report).unwrap_or_default();
        record(tx, id, ImportSource::Superset, &json!({ "rows": rows }))?;
        finish(tx, &value, rows)?;
        Ok(report)
    });
    if let Some(report) = planned {
        return Ok(report);
    }
    let report = match written {
        Ok(report) => report,
        Err(Error::Problem(problem)) if problem.code == Code::InvalidInput => {
            return Err(Stop::Refused(vec![Fault::of_file(
                problem.code.as_str(),
                problem.detail,
            )]));
        }
        Err(other) => return Err(other.into()),
    };
    if rows > MANY {
        refresh_statistics(services);
    }
    Ok(report)
}

fn record(tx: &mut Tx<'_>, id: ImportId, source: ImportSource, detail: &Value) -> Result<()> {
    let detail = json!({ "source": source, "of": detail });
    tx.record("import.done", "import", RootId(id.0), None, &detail)
}

fn rewind(mut file: &File) -> io::Result<()> {
    file.rewind()
}

fn refresh_statistics(services: &Services) {
    // The import is done; without this the next requests are only slower.
    if let Err(error) = services.store.read(Conn::refresh_statistics) {
        tracing::warn!(%error, "the planner's statistics could not be refreshed");
    }
}

/// What a refused or interrupted import says to who called it directly.
impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(faults) => {
                let detail = match faults.as_slice() {
                    [one] => match one.line {
                        Some(line) => format!("Line {line}: {}", one.detail),
                        None => one.detail.clone(),
                    },
                    many => format!("{} lines of the file can't be taken.", many.len()),
                };
                Problem::new(Code::InvalidInput, detail)
                    .with("problems", faults)
                    .into()
            }
            Stop::Interrupted => Problem::new(
                Code::Busy,
                "The import was interrupted; nothing was written.",
            )
            .into(),
            Stop::Failed(error) => error,
        }
    }
}
