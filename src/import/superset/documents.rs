//! What is read out of the documents of an export.
//!
//! What must stay true: a body is the whole document, nothing taken out and nothing changed; and of a database only
//! what is known to be harmless is kept in the open, everything else counts as secret.

use std::collections::HashSet;
use std::fmt;

use serde_json::value::RawValue;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::connector::{self, ParsedUri, names};
use super::error::Problem;
use super::fields::{Fields, object_text};

/// A database, which becomes a connection.
pub struct Database {
    /// Its id in Superset.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// How to reach it.
    pub uri: ParsedUri,
    /// What else may matter to connect, as JSON text under its name. It may hold secrets.
    pub options: Vec<(String, Zeroizing<String>)>,
    /// Its harmless flags: the text of a JSON object.
    pub metadata_json: String,
    /// The path of its entry in the archive.
    pub entry: String,
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Database")
            .field("uuid", &self.uuid)
            .field("name", &self.name)
            .field("uri", &self.uri)
            .field("options", &names(&self.options))
            .field("metadata_json", &self.metadata_json)
            .field("entry", &self.entry)
            .finish()
    }
}

/// A dataset, which becomes a model of its database.
#[derive(Debug)]
pub struct Dataset {
    /// Its id in Superset.
    pub uuid: Uuid,
    /// The name of its table.
    pub name: String,
    /// The database it reads.
    pub database_uuid: Uuid,
    /// The whole document as JSON text.
    pub body_json: String,
    /// The path of its entry in the archive.
    pub entry: String,
}

/// A chart, which becomes content of its dataset.
#[derive(Debug)]
pub struct Chart {
    /// Its id in Superset.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// The dataset it shows.
    pub dataset_uuid: Uuid,
    /// The whole document as JSON text.
    pub body_json: String,
    /// The path of its entry in the archive.
    pub entry: String,
}

/// A dashboard, which becomes content that refers to charts.
#[derive(Debug)]
pub struct Dashboard {
    /// Its id in Superset.
    pub uuid: Uuid,
    /// Its title.
    pub name: String,
    /// The charts of its layout that are in the file, each once, in the order in which they appear.
    pub chart_uuids: Vec<Uuid>,
    /// The whole document as JSON text.
    pub body_json: String,
    /// The path of its entry in the archive.
    pub entry: String,
}

/// Flags that only say yes, no or how much. With any other value they are not trusted.
const FLAGS: [&str; 9] = [
    "cache_timeout",
    "cancel_query_on_windows_unload",
    "cost_estimate_enabled",
    "disable_data_preview",
    "disable_drill_to_detail",
    "expose_in_sqllab",
    "impersonate_user",
    "is_managed_externally",
    "select_as_create_table_as",
];

/// Fields of any shape that are known to hold nothing secret.
const HARMLESS: [&str; 9] = [
    "configuration_method",
    "database_name",
    "force_ctas_schema",
    "metadata_cache_timeout",
    "schema_options",
    "schemas_allowed_for_csv_upload",
    "schemas_allowed_for_file_upload",
    "uuid",
    "version",
];

pub(super) fn database(
    entry: &str,
    json: &str,
    notices: &mut Vec<String>,
) -> Result<Database, Problem> {
    let fields = Fields::of(json)?;
    let uuid = fields.uuid("uuid")?;
    let name = fields.name("database_name")?;
    let uri = connector::sort(
        &fields.text("sqlalchemy_uri")?,
        fields.optional_text("password")?,
    )?;

    // An object in `extra` is taken apart; text there is too much of a riddle and stays whole.
    let extra = fields
        .get("extra")
        .and_then(|extra| Fields::of(extra.get()).ok());
    let (harmless_extra, rest_of_extra): (Vec<_>, Vec<_>) = extra
        .iter()
        .flat_map(Fields::iter)
        .partition(|(name, value)| is_harmless(name, value));
    let harmless_extra = object_text(
        harmless_extra
            .into_iter()
            .map(|(name, value)| (name, value.get())),
    );
    let rest_of_extra = object_text(
        rest_of_extra
            .into_iter()
            .map(|(name, value)| (name, value.get())),
    );

    let mut harmless = Vec::new();
    let mut options = Vec::new();
    for (name, value) in fields.iter() {
        let (harmless_text, text) = match name {
            "sqlalchemy_uri" | "password" => continue,
            "extra" if extra.is_some() => (harmless_extra.as_str(), rest_of_extra.as_str()),
            _ if is_harmless(name, value) => (value.get(), "null"),
            _ => ("{}", value.get()),
        };
        if harmless_text != "{}" {
            harmless.push((name, harmless_text));
        }
        if !matches!(text, "null" | "{}" | "[]" | "\"\"" | "\"{}\"") {
            options.push((name.to_owned(), Zeroizing::new(text.to_owned())));
        }
    }
    for (name, text) in &options {
        if text.contains("XXXXXXXXXX") {
            notices.push(format!("`{entry}`: Superset masked secrets inside of `{name}`: enter them again after the import"));
        }
    }
    let metadata_json = object_text(harmless).to_string();
    Ok(Database {
        uuid,
        name,
        uri,
        options,
        metadata_json,
        entry: entry.to_owned(),
    })
}

fn is_harmless(name: &str, value: &RawValue) -> bool {
    let is_flag = FLAGS.contains(&name)
        || name.starts_with("allow_")
        || name == "allows_virtual_table_explore";
    let says_little = || !value.get().starts_with(['"', '{', '[']);
    (is_flag && says_little()) || HARMLESS.contains(&name)
}

pub(super) fn dataset(entry: &str, json: String) -> Result<Dataset, Problem> {
    let fields = Fields::of(&json)?;
    Ok(Dataset {
        uuid: fields.uuid("uuid")?,
        name: fields.name("table_name")?,
        database_uuid: fields.uuid("database_uuid")?,
        entry: entry.to_owned(),
        body_json: json,
    })
}

pub(super) fn chart(entry: &str, json: String) -> Result<Chart, Problem> {
    let fields = Fields::of(&json)?;
    Ok(Chart {
        uuid: fields.uuid("uuid")?,
        name: fields.name("slice_name")?,
        dataset_uuid: fields.uuid("dataset_uuid")?,
        entry: entry.to_owned(),
        body_json: json,
    })
}

/// Reads a dashboard with all charts of its layout, whether they are in the file or not.
pub(super) fn dashboard(
    entry: &str,
    json: String,
    notices: &mut Vec<String>,
) -> Result<Dashboard, Problem> {
    let fields = Fields::of(&json)?;
    let mut chart_uuids = Vec::new();
    let mut seen = HashSet::new();
    let mut without_id = 0_usize;
    for (_, component) in fields.object("position")?.iter() {
        // Beside the components stands the version of the layout, which is text.
        let Ok(component) = Fields::of(component.get()) else {
            continue;
        };
        if component
            .get("type")
            .is_none_or(|kind| kind.get() != "\"CHART\"")
        {
            continue;
        }
        match chart_of(&component)? {
            Some(uuid) if seen.insert(uuid) => chart_uuids.push(uuid),
            Some(_) => {}
            None => without_id += 1,
        }
    }
    if without_id > 0 {
        notices.push(format!(
            "`{entry}`: {without_id} charts of its layout have no uuid, their links are left out"
        ));
    }
    Ok(Dashboard {
        uuid: fields.uuid("uuid")?,
        name: fields.name("dashboard_title")?,
        chart_uuids,
        entry: entry.to_owned(),
        body_json: json,
    })
}

fn chart_of(component: &Fields<'_>) -> Result<Option<Uuid>, Problem> {
    const FIELD: &str = "position.*.meta.uuid";
    let meta = component.object("meta")?;
    let Some(text) = meta.optional_text("uuid")? else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|_| Problem::BadUuid { field: FIELD })
}
