//! Imports what Apache Superset exports: databases become connections, datasets their models, charts and dashboards
//! their content.
//!
//! Superset's uuids are the external ids, so a second import finds what the first one made. What must stay true:
//!
//! * One file is one transaction: a problem in one entry, and nothing of the file is there.
//! * What is in the trash stays there, with all that the file builds on it; only a restore brings it back.
//! * A live row is changed where it is, never doubled: it keeps its connection, whatever the file says since. What
//!   the file says as before is not written again.
//! * A stored secret never goes to a destination that a file names (promise 13); see [`databases`].

mod dashboards;
mod databases;
mod extra;
mod rows;
#[cfg(test)]
pub(super) mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::Services;
use super::caller::Caller;
use super::error::{Error, Problem, Result};
use super::unit::Tx;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, RootId};
use crate::domain::kinds::DependentKind;
use crate::domain::text::Name;
use crate::import::superset::{self, Export, ImportError};
use crate::store::Conn;

use rows::{Item, Place, Sort};

/// How many rows are looked up at once: their bodies, and those of the file, are in memory together.
const CHUNK: usize = 200;

/// Above so many new rows the database's planner should know of them.
const MANY: usize = 1_000;

const DATASETS: Sort = Sort {
    kind: DependentKind::Model,
    word: "dataset",
    built_on: Some("database"),
};
const CHARTS: Sort = Sort {
    kind: DependentKind::Content,
    word: "chart",
    built_on: Some("dataset"),
};
const DASHBOARDS: Sort = Sort {
    kind: DependentKind::Content,
    word: "dashboard",
    built_on: None,
};

/// What an import did.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Connections that are new.
    pub connections_created: usize,
    /// Connections that the file changed.
    pub connections_updated: usize,
    /// Models that are new.
    pub models_created: usize,
    /// Models that the file changed.
    pub models_updated: usize,
    /// Content that is new.
    pub content_created: usize,
    /// Content that the file changed.
    pub content_updated: usize,
    /// Things of the file that were left out, because they or what they are built on are in the trash.
    pub skipped_in_trash: usize,
    /// What else the person who imported should know.
    pub notices: Vec<String>,
    /// The connections of the file that are live now.
    pub connections: Vec<ImportedConnection>,
}

/// A connection of the file.
#[derive(Debug, Serialize)]
pub struct ImportedConnection {
    /// Its id.
    pub id: ConnectionId,
    /// Its name.
    pub name: String,
    /// The required secrets that nobody has entered yet.
    pub missing_secrets: Vec<String>,
}

/// Imports an export from a file.
pub fn import_file(services: &Services, caller: &Caller, path: &Path) -> Result<Report> {
    let file = File::open(path).map_err(|error| {
        Problem::new(
            Code::InvalidInput,
            format!("The file {} can't be opened: {error}.", path.display()),
        )
    })?;
    let export = superset::read(BufReader::new(file)).map_err(|error| refused(&error))?;
    let report = services.write_once(caller, |tx| import(tx, &export))?;
    if report.models_created + report.content_created > MANY {
        // The import is done; without this the next requests are only slower.
        if let Err(error) = services.store.read(Conn::refresh_statistics) {
            tracing::warn!(%error, "the planner's statistics could not be refreshed");
        }
    }
    Ok(report)
}

/// Imports an export that has been read.
pub fn import(tx: &mut Tx<'_>, export: &Export) -> Result<Report> {
    // A large file takes longer than a request usually may.
    tx.conn.allow_long_statements()?;
    let mut report = Report {
        notices: export.notices.clone(),
        ..Report::default()
    };
    let homes = databases::import(tx, export, &mut report)?;

    let items: Vec<Item<'_>> = export
        .datasets
        .iter()
        .map(|dataset| {
            let connection = homes.live.get(&dataset.database_uuid);
            let place = connection.map(|connection| Place {
                connection: *connection,
                model: None,
            });
            Item {
                uuid: dataset.uuid,
                entry: &dataset.entry,
                name: &dataset.name,
                body: &dataset.body_json,
                place,
            }
        })
        .collect();
    let datasets = rows::import(tx, &homes, &DATASETS, &items, &mut report)?;
    report.models_created = datasets.created;
    report.models_updated = datasets.updated;

    let items: Vec<Item<'_>> = export
        .charts
        .iter()
        .map(|chart| {
            let model = datasets.live.get(&chart.dataset_uuid);
            let place = model.map(|model| Place {
                connection: model.connection,
                model: Some(model.id),
            });
            Item {
                uuid: chart.uuid,
                entry: &chart.entry,
                name: &chart.name,
                body: &chart.body_json,
                place,
            }
        })
        .collect();
    let charts = rows::import(tx, &homes, &CHARTS, &items, &mut report)?;

    let items = dashboards::items(export, &homes, &mut report)?;
    let mut boards = rows::import(tx, &homes, &DASHBOARDS, &items, &mut report)?;
    dashboards::link(tx, export, &charts.live, &mut boards)?;
    report.content_created = charts.created + boards.created;
    report.content_updated = charts.updated + boards.updated;
    record(tx, &report)?;
    Ok(report)
}

/// One record for the whole file, beside those of its connections.
fn record(tx: &mut Tx<'_>, report: &Report) -> Result<()> {
    let detail = json!({
        "connections_created": report.connections_created,
        "connections_updated": report.connections_updated,
        "models_created": report.models_created,
        "models_updated": report.models_updated,
        "content_created": report.content_created,
        "content_updated": report.content_updated,
        "skipped_in_trash": report.skipped_in_trash,
        "connections": report.connections.iter().map(|connection| connection.id).collect::<Vec<_>>(),
    });
    tx.record(
        "import.superset",
        "organization",
        RootId(tx.caller.org.0),
        None,
        &detail,
    )
}

/// Where the things of a file are or belong.
struct Homes {
    /// The live connection of each database; none for one that is in the trash.
    live: HashMap<Uuid, ConnectionId>,
    /// The live connections that were there before, so that they may hold rows of the file.
    before: Vec<ConnectionId>,
    /// Those of them and of the trashed ones that have anything in the trash.
    with_trash: Vec<ConnectionId>,
}

fn refused(error: &ImportError) -> Problem {
    let problem = Problem::new(Code::InvalidInput, format!("{error}."));
    match error.entry() {
        Some(entry) => problem.with("entry", entry),
        None => problem,
    }
}

/// The refusal of a file for the sake of one entry.
fn fault(entry: &str, what: &str) -> Error {
    Problem::new(Code::InvalidInput, format!("`{entry}`: {what}."))
        .with("entry", entry)
        .into()
}

/// A problem that a service function has with what an entry says, with the entry's path in it.
fn at(entry: &str, error: Error) -> Error {
    let Error::Problem(mut problem) = error else {
        return error;
    };
    // The pointers lead into a request body that nobody sent.
    let errors = std::mem::take(&mut problem.errors);
    if errors.is_empty() {
        problem.detail = format!("`{entry}`: {}", problem.detail);
    } else {
        let details: Vec<&str> = errors
            .iter()
            .map(|error| error.detail.trim_end_matches('.'))
            .collect();
        problem.detail = format!(
            "`{entry}`: {}: correct it in Superset and export again.",
            details.join("; ")
        );
    }
    problem.with("entry", entry).into()
}

/// A name as Superset has it. White space around it, which Superset allows, is no part of ours.
fn name_of(entry: &str, name: &str) -> Result<Name> {
    Name::parse(name.trim()).map_err(|problem| {
        fault(
            entry,
            &format!(
                "its name {}: rename it in Superset and export again",
                problem.detail
            ),
        )
    })
}

/// Paths of entries for a notice, the first few of many.
fn some_of(entries: &[&str]) -> String {
    let mut shown: Vec<String> = entries
        .iter()
        .take(5)
        .map(|entry| format!("`{entry}`"))
        .collect();
    if entries.len() > shown.len() {
        shown.push("...".to_owned());
    }
    shown.join(", ")
}
