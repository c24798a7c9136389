//! Reads the archives in which Apache Superset exports databases and what is built on them.
//!
//! Bytes in, plain structures out: nothing here knows our database. What must stay true: an export is read whole or
//! refused whole, the same file always gives the same answer, no input makes this code panic or take more than the
//! limits in `archive.rs`, and no secret shows in an error or in `Debug`.

mod archive;
mod connector;
mod documents;
mod error;
mod fields;
mod scalar;
mod uri;
mod yaml;

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::mem;

use uuid::Uuid;
use zeroize::Zeroizing;

use archive::{Archive, Kind, Limits};
use fields::Fields;

pub use connector::{ParsedUri, SettingValue};
pub use documents::{Chart, Dashboard, Database, Dataset};
pub use error::{ImportError, Problem};

/// What an export holds, each kind sorted by the paths of the entries.
#[derive(Debug, Default)]
pub struct Export {
    /// The databases.
    pub databases: Vec<Database>,
    /// The datasets, each with its database among [`Export::databases`].
    pub datasets: Vec<Dataset>,
    /// The charts, each with its dataset among [`Export::datasets`].
    pub charts: Vec<Chart>,
    /// The dashboards, with the charts among [`Export::charts`].
    pub dashboards: Vec<Dashboard>,
    /// What the reader left out, in words for the person who uploaded the file.
    pub notices: Vec<String>,
}

/// Reads an export. The first problem found refuses it whole.
pub fn read<R: Read + Seek>(file: R) -> Result<Export, ImportError> {
    read_within(file, Limits::default())
}

fn read_within<R: Read + Seek>(file: R, limits: Limits) -> Result<Export, ImportError> {
    let mut archive = Archive::open(file, limits)?;
    let contents = archive.contents()?;
    check_metadata(&archive.json(&contents.metadata)?)
        .map_err(|problem| problem.at(&contents.metadata.entry))?;
    if contents.documents.is_empty() {
        return Err(ImportError::Empty);
    }

    let mut export = Export::default();
    for document in &contents.documents {
        let json = archive.json(document)?;
        export
            .add(document.kind, &document.entry, json)
            .map_err(|problem| problem.at(&document.entry))?;
    }
    export.check_links()?;
    if !contents.left_out.is_empty() {
        let (count, shown) = (contents.left_out.len(), first_few(&contents.left_out));
        export.notices.push(format!(
            "{count} of the files are left out, because they are no databases, datasets, charts or dashboards: {shown}"
        ));
    }
    Ok(export)
}

/// Superset names the types after its classes; people name them after what they see.
fn check_metadata(json: &str) -> Result<(), Problem> {
    let fields = Fields::of(json)?;
    let known = [
        "assets",
        "Database",
        "Dataset",
        "SqlaTable",
        "Chart",
        "Slice",
        "Dashboard",
    ];
    if !known.contains(&fields.text("type")?.as_str()) {
        return Err(Problem::UnknownType);
    }
    if !fields.text("version")?.starts_with("1.") {
        return Err(Problem::UnknownVersion);
    }
    Ok(())
}

impl Export {
    /// A body leaves the wiped text here; the text of a database stays in it.
    fn add(&mut self, kind: Kind, entry: &str, mut json: Zeroizing<String>) -> Result<(), Problem> {
        let mut body = || {
            json.shrink_to_fit();
            mem::take(&mut *json)
        };
        match kind {
            Kind::Metadata => {}
            Kind::Database => {
                self.databases
                    .push(documents::database(entry, &json, &mut self.notices)?);
            }
            Kind::Dataset => self.datasets.push(documents::dataset(entry, body())?),
            Kind::Chart => self.charts.push(documents::chart(entry, body())?),
            Kind::Dashboard => {
                self.dashboards
                    .push(documents::dashboard(entry, body(), &mut self.notices)?);
            }
        }
        Ok(())
    }

    /// Every id once, every parent in the file; charts that are not in the file leave their dashboards.
    fn check_links(&mut self) -> Result<(), ImportError> {
        let databases = unique_ids(
            self.databases
                .iter()
                .map(|database| (database.uuid, &database.entry)),
        )?;
        let datasets = unique_ids(
            self.datasets
                .iter()
                .map(|dataset| (dataset.uuid, &dataset.entry)),
        )?;
        let charts = unique_ids(self.charts.iter().map(|chart| (chart.uuid, &chart.entry)))?;
        unique_ids(
            self.dashboards
                .iter()
                .map(|dashboard| (dashboard.uuid, &dashboard.entry)),
        )?;

        for Dataset {
            database_uuid: uuid,
            entry,
            ..
        } in &self.datasets
        {
            if !databases.contains_key(uuid) {
                return Err(Problem::MissingParent {
                    kind: "database",
                    uuid: *uuid,
                }
                .at(entry));
            }
        }
        for Chart {
            dataset_uuid: uuid,
            entry,
            ..
        } in &self.charts
        {
            if !datasets.contains_key(uuid) {
                return Err(Problem::MissingParent {
                    kind: "dataset",
                    uuid: *uuid,
                }
                .at(entry));
            }
        }
        for Dashboard {
            chart_uuids, entry, ..
        } in &mut self.dashboards
        {
            let missing: Vec<_> = chart_uuids
                .extract_if(.., |uuid| !charts.contains_key(uuid))
                .collect();
            if !missing.is_empty() {
                let (count, shown) = (missing.len(), first_few(&missing));
                self.notices.push(format!(
                    "`{entry}`: {count} charts of its layout are not in the file, their links are left out: {shown}"
                ));
            }
        }
        Ok(())
    }
}

/// The ids of one kind of entries, each with the entry that has it.
fn unique_ids<'a>(
    entries: impl Iterator<Item = (Uuid, &'a String)>,
) -> Result<HashMap<Uuid, &'a String>, ImportError> {
    let mut seen: HashMap<Uuid, &String> = HashMap::new();
    for (uuid, entry) in entries {
        if let Some(other) = seen.insert(uuid, entry) {
            return Err(Problem::DuplicateUuid {
                uuid,
                other: other.clone(),
            }
            .at(entry));
        }
    }
    Ok(seen)
}

/// The first of many, so that a notice stays short.
fn first_few(things: &[impl ToString]) -> String {
    let mut shown: Vec<_> = things.iter().take(5).map(ToString::to_string).collect();
    if things.len() > shown.len() {
        shown.push("...".to_owned());
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests;
