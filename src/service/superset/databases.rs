//! Databases become connections.
//!
//! Settings and secrets go together. While a secret is stored that the file does not bring itself, settings that the
//! file states otherwise stay as they are: the secret was entered for them, and a file must not lead it elsewhere
//! (promise 13) nor beside another user name. Shredding it instead would take from a person what only a person can
//! enter again, for a file in which Superset masks every password. So the old settings stay, a notice names those that
//! differ, and the file's secrets, which are for the file's settings, are not taken either. Where no such secret is
//! stored, as after a first import or a restore, the file decides, and what it does not mention stays.

use std::collections::{BTreeMap, HashMap};

use crate::connectors::{self, Connector, EXTRA, SettingValue, Settings};
use crate::domain::FieldError;
use crate::domain::ids::{ConnectionId, EntryId};
use crate::domain::json::JsonText;
use crate::domain::kinds::OwnerKind;
use crate::domain::merge_patch;
use crate::domain::scopes::Scope;
use crate::domain::text::Name;
use crate::import::superset::{Database, Export, SettingValue as Given};
use crate::secrets::value::SecretValue;
use crate::service::connections::{self, ConnectionPatch, MAX_METADATA, NewConnection};
use crate::service::error::{Error, Result};
use crate::service::secrets::{self, HintInput, SecretInput};
use crate::service::unit::Tx;
use crate::service::views::ConnectionView;
use crate::store::StoreError;
use crate::store::rows::{ConnectionRow, SecretRow};

use super::extra::extra;
use super::{CHUNK, Homes, ImportedConnection, Report, at, fault, name_of};

/// Creates and changes the connections of a file.
pub(super) fn import(tx: &mut Tx<'_>, export: &Export, report: &mut Report) -> Result<Homes> {
    let (mut found, trashed) = look_up(tx, &export.databases)?;
    let mut homes = Homes {
        live: HashMap::new(),
        before: Vec::new(),
        with_trash: Vec::new(),
    };
    let mut gone = Vec::new();
    for database in &export.databases {
        let stated = Stated::of(database)?;
        let external_id = database.uuid.to_string();
        // One that another tool made for another connector has no claim to this database if ours is there too.
        let row = found.remove(&external_id).and_then(|mut rows| {
            let ours = rows
                .iter()
                .position(|row| row.connector == stated.connector.key)
                .unwrap_or_default();
            (ours < rows.len()).then(|| rows.swap_remove(ours))
        });
        let trashed = trashed
            .get(&external_id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let view = match (row, trashed) {
            (Some(row), _) => {
                homes.before.push(row.id);
                let version = row.version;
                let view = update(tx, row.id, stated, report)?;
                report.connections_updated += usize::from(view.version != version);
                view
            }
            (None, []) => {
                report.connections_created += 1;
                create(tx, stated, report)?
            }
            (None, [(_, newest), ..]) => {
                gone.extend(trashed.iter().map(|(id, _)| *id));
                report.skipped_in_trash += 1;
                report.notices.push(in_trash(tx, database, *newest));
                continue;
            }
        };
        homes.live.insert(database.uuid, view.id);
        let missing = view
            .secrets
            .into_iter()
            .filter(|(_, secret)| secret.required && !secret.set);
        report.connections.push(ImportedConnection {
            id: view.id,
            name: view.name,
            missing_secrets: missing.map(|(field, _)| field).collect(),
        });
    }
    for chunk in [homes.before.as_slice(), gone.as_slice()]
        .concat()
        .chunks(CHUNK)
    {
        homes.with_trash.extend(
            tx.conn
                .connections_with_trash(tx.caller.org, chunk)?
                .into_iter()
                .flatten(),
        );
    }
    Ok(homes)
}

type Found = HashMap<String, Vec<ConnectionRow>>;
type Trashed = HashMap<String, Vec<(ConnectionId, EntryId)>>;

/// The connections that have the databases' ids, live and in the trash, of whichever connector: a database may have
/// changed its dialect since.
fn look_up(tx: &mut Tx<'_>, databases: &[Database]) -> Result<(Found, Trashed)> {
    let org = tx.caller.org;
    let integrations: Vec<&str> = connectors::all()
        .map(|connector| connector.key.as_str())
        .collect();
    let ids: Vec<String> = databases
        .iter()
        .map(|database| database.uuid.to_string())
        .collect();
    let (mut found, mut trashed) = (Found::new(), Trashed::new());
    for chunk in ids.chunks(CHUNK) {
        let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
        for row in tx
            .conn
            .connections_by_external_ids(org, &integrations, &chunk)?
        {
            found
                .entry(row.external_id.clone().unwrap_or_default())
                .or_default()
                .push(row);
        }
        for (external_id, id, entry) in
            tx.conn
                .trashed_connections_by_external_ids(org, &integrations, &chunk)?
        {
            trashed
                .entry(external_id.unwrap_or_default())
                .or_default()
                .push((id, entry));
        }
    }
    Ok((found, trashed))
}

fn in_trash(tx: &Tx<'_>, database: &Database, entry: EntryId) -> String {
    let which = if tx.caller.may(Scope::TrashRead) {
        format!(" (entry {entry})")
    } else {
        String::new()
    };
    format!(
        "`{}`: its connection is in the trash{which} and stays there, so it is left out with all that is built on it: \
         restore it and import again to bring it up to date",
        database.entry
    )
}

/// What a file says of a connection, in our words.
struct Stated<'a> {
    entry: &'a str,
    external_id: String,
    connector: &'static Connector,
    name: Name,
    settings: JsonText,
    metadata: JsonText,
    secrets: BTreeMap<String, SecretValue>,
    /// The names of what is in the secret field `extra`, and whether Superset masked some of it.
    extra: Option<(String, bool)>,
}

impl<'a> Stated<'a> {
    fn of(database: &'a Database) -> Result<Self> {
        let entry = &database.entry;
        let uri = &database.uri;
        let connector = connectors::find(uri.connector)
            .ok_or_else(|| Error::Internal(format!("there is no connector {}", uri.connector)))?;
        let mut settings = serde_json::Map::new();
        let mut undeclared: Vec<(&str, String)> = Vec::new();
        for (name, value) in &uri.settings {
            match (connector.declares(name), value) {
                (true, Given::Text(text)) => {
                    _ = settings.insert(name.clone(), text.as_str().into());
                }
                (true, Given::Integer(number)) => {
                    _ = settings.insert(name.clone(), (*number).into());
                }
                (false, Given::Text(text)) => undeclared.push((name, text.clone())),
                (false, Given::Integer(number)) => undeclared.push((name, number.to_string())),
            }
        }
        let mut leftovers: Vec<(&str, &str)> = undeclared
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        leftovers.extend(
            uri.undeclared
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str())),
        );
        let mut secrets = BTreeMap::new();
        for (field, value) in &uri.secrets {
            if connector.secret_field(field).is_none() {
                leftovers.push((field, value));
                continue;
            }
            let value = SecretValue::parse(value.as_str().to_owned())
                .map_err(|error| fault(entry, &format!("its `{field}` can't be kept: {error}")))?;
            secrets.insert(field.clone(), value);
        }
        let extra = extra(&leftovers, &database.options)
            .map_err(|what| fault(entry, &what))?
            .map(|extra| {
                secrets.insert(EXTRA.to_owned(), extra.value);
                (extra.names, extra.masked)
            });
        Ok(Self {
            entry,
            external_id: database.uuid.to_string(),
            connector,
            name: name_of(entry, &database.name)?,
            settings: JsonText::from_trusted(serde_json::Value::Object(settings).to_string()),
            metadata: metadata(database)?,
            secrets,
            extra,
        })
    }

    fn say_what_is_extra(&self, report: &mut Report) {
        if let Some((names, _)) = &self.extra {
            report.notices.push(format!(
                "`{}`: the connector {} declares no field for these, so they are kept together in its secret field `{EXTRA}`: {names}",
                self.entry, self.connector.key
            ));
        }
    }

    /// Says of the settings what a person who reads a URI understands.
    fn misfit(&self, errors: Vec<FieldError>) -> Error {
        let error = at(self.entry, Error::fields(errors));
        let Error::Problem(mut problem) = error else {
            return error;
        };
        problem.detail = format!(
            "{} (The settings are taken from its `sqlalchemy_uri`.)",
            problem.detail
        );
        Error::Problem(problem)
    }
}

/// The file's flags as metadata: a merge into nothing, so that a later merge of the same changes nothing.
fn metadata(database: &Database) -> Result<JsonText> {
    let entry = &database.entry;
    let given = JsonText::parse(&database.metadata_json)
        .map_err(|problem| fault(entry, &format!("it holds what can't be stored ({problem})")))?;
    let merged = merge_patch::apply(&JsonText::empty_object(), &given)
        .map_err(|error| Error::Internal(format!("checked metadata can't be read: {error}")))?;
    if merged.len() > MAX_METADATA {
        return Err(fault(
            entry,
            &format!("its flags have more than {MAX_METADATA} bytes: leave out what is not needed"),
        ));
    }
    Ok(merged)
}

fn create(tx: &mut Tx<'_>, stated: Stated<'_>, report: &mut Report) -> Result<ConnectionView> {
    Settings::parse(stated.connector, stated.settings.as_str())
        .map_err(|errors| stated.misfit(errors))?;
    stated.say_what_is_extra(report);
    let name = free_name(tx, &stated, None, report)?;
    let new = NewConnection {
        name: Some(name),
        connector: stated.connector.key.clone(),
        integration: None,
        external_id: Some(stated.external_id),
        settings: Some(stated.settings),
        tags: None,
        metadata: Some(stated.metadata),
        secrets: stated
            .secrets
            .into_iter()
            .map(|(field, value)| (field, Some(value)))
            .collect(),
        source_hints: HintInput::new(),
        deletion_protection: false,
        on_trashed: None,
    };
    connections::create(tx, &new).map_err(|error| at(stated.entry, error))
}

fn update(
    tx: &mut Tx<'_>,
    id: ConnectionId,
    mut stated: Stated<'_>,
    report: &mut Report,
) -> Result<ConnectionView> {
    let org = tx.caller.org;
    // It was live a moment ago: gone meanwhile means to look again.
    let row = tx
        .conn
        .lock_connection(org, id)?
        .ok_or(StoreError::Conflict)?;
    let stored = tx.conn.secrets_of(org, OwnerKind::Connection, id.into())?;
    let mut patch = ConnectionPatch {
        name: Some(free_name(tx, &stated, Some(&row), report)?),
        metadata: Some(stated.metadata.clone()),
        ..ConnectionPatch::default()
    };
    if row.connector == stated.connector.key {
        forget_masked(&mut stated, &stored);
        let old: Settings = serde_json::from_str(row.settings.as_str())
            .map_err(|_| Error::Internal(format!("connection {id} has damaged settings")))?;
        let bound = stored
            .iter()
            .any(|secret| !stated.secrets.contains_key(&secret.field));
        let differing = differing(&stated, &old);
        if bound && !differing.is_empty() {
            report.notices.push(format!(
                "`{}`: these settings differ from those of the connection \"{}\", which keeps its own with the secrets that are stored for them: {}",
                stated.entry,
                row.name,
                differing.join(", ")
            ));
        } else {
            let elsewhere = old.destination_changed(stated.connector, &merged(&row, &stated)?);
            patch.settings = (!bound).then(|| stated.settings.clone());
            (patch.secrets, patch.source_hints) =
                to_enter(tx, &row, &stored, &mut stated, elsewhere)?;
            if patch.secrets.contains_key(EXTRA) {
                stated.say_what_is_extra(report);
            }
        }
    } else {
        report.notices.push(format!(
            "`{}`: its connection \"{}\" has the connector {}, and a connection can't change to {}: settings and secrets stay as they are",
            stated.entry, row.name, row.connector, stated.connector.key
        ));
    }
    connections::patch(tx, id, None, &patch).map_err(|error| at(stated.entry, error))
}

/// Options that Superset masked in part are no match for those that are stored, which a person may have completed.
fn forget_masked(stated: &mut Stated<'_>, stored: &[SecretRow]) {
    let masked = stated.extra.as_ref().is_some_and(|(_, masked)| *masked);
    if masked && stored.iter().any(|secret| secret.field == EXTRA) {
        stated.secrets.remove(EXTRA);
    }
}

/// The settings of a connection as they are when the file has its way.
fn merged(row: &ConnectionRow, stated: &Stated<'_>) -> Result<Settings> {
    let merged = merge_patch::apply(&row.settings, &stated.settings)
        .map_err(|_| Error::Internal(format!("connection {} has damaged settings", row.id)))?;
    Settings::parse(stated.connector, merged.as_str()).map_err(|errors| stated.misfit(errors))
}

/// The settings that the file states otherwise than the connection has them.
fn differing(stated: &Stated<'_>, old: &Settings) -> Vec<String> {
    let given: BTreeMap<String, SettingValue> =
        serde_json::from_str(stated.settings.as_str()).unwrap_or_default();
    let differs =
        |(key, value): &(String, SettingValue)| old.effective(stated.connector, key) != Some(value);
    given
        .into_iter()
        .filter(differs)
        .map(|(key, _)| key)
        .collect()
}

/// The secrets to write: those that the file changes. For a new destination all of them, those for the old one being
/// shredded first; their hints stay.
fn to_enter(
    tx: &mut Tx<'_>,
    row: &ConnectionRow,
    stored: &[SecretRow],
    stated: &mut Stated<'_>,
    elsewhere: bool,
) -> Result<(SecretInput, HintInput)> {
    let (mut values, mut hints) = (SecretInput::new(), HintInput::new());
    for (field, value) in std::mem::take(&mut stated.secrets) {
        if elsewhere
            || !secrets::holds(tx, row, stored, &field, &value)
                .map_err(|error| at(stated.entry, error))?
        {
            values.insert(field, Some(value));
        }
    }
    if elsewhere {
        let fields: Vec<&str> = stored.iter().map(|secret| secret.field.as_str()).collect();
        let of =
            |secret: &SecretRow| Some((secret.field.clone(), Some(secret.source_hint.clone()?)));
        hints = stored.iter().filter_map(of).collect();
        secrets::shred(tx, row, &fields)?;
    }
    Ok((values, hints))
}

/// The file's name for a connection; if another one has it, the name it has already, or a new one that is free.
fn free_name(
    tx: &mut Tx<'_>,
    stated: &Stated<'_>,
    own: Option<&ConnectionRow>,
    report: &mut Report,
) -> Result<String> {
    let integration = own.map_or(stated.connector.key.as_str(), |row| {
        row.integration.as_str()
    });
    let holder = tx
        .conn
        .find_connection_by_name(tx.caller.org, integration, &stated.name.key())?;
    if holder.is_none_or(|holder| own.is_some_and(|row| row.id == holder.id)) {
        return Ok(stated.name.as_str().to_owned());
    }
    let name = match own {
        Some(row) => row.name.clone(),
        None => {
            connections::free_name(tx.conn, tx.caller, integration, &stated.name)?.into_string()
        }
    };
    report.notices.push(format!(
        "`{}`: another connection is named \"{}\", so this one is \"{name}\"",
        stated.entry,
        stated.name.as_str()
    ));
    Ok(name)
}
