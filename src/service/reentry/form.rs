//! What a visitor is asked for: the fields, what is known of each, and what may be entered.

use std::collections::BTreeMap;

use super::super::error::{Error, Result};
use super::super::lost_secrets::lost;
use super::super::secrets::SecretInput;
use super::super::views::connector_of;
use crate::connectors::{Connector, EXTRA, SecretField};
use crate::domain::FieldError;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::json::child_pointer;
use crate::domain::kinds::OwnerKind;
use crate::service::error::Problem;
use crate::store::Conn;
use crate::store::rows::{ConnectionRow, SecretRow, SessionRow};

/// What a visitor sees of a connection.
pub struct Form {
    /// The connection's name.
    pub name: String,
    /// The kind of system, for people.
    pub connector: &'static str,
    /// Whether there is a way to test it.
    pub testable: bool,
    /// When the session stops working.
    pub expires_at: Ts,
    /// What can be entered, in the connector's order.
    pub fields: Vec<FormField>,
}

/// A secret to enter.
pub struct FormField {
    /// Its name in the form.
    pub key: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// One sentence for whoever fills it in.
    pub help: &'static str,
    /// Whether its line breaks matter.
    pub multiline: bool,
    /// Whether the connection lacks it. Of a group of which one is enough, each is lacking until one is set.
    pub missing: bool,
    /// The labels of the group of which one is enough.
    pub one_of: Vec<&'static str>,
    /// What became of its value.
    pub value: Value,
    /// Where its owner keeps it.
    pub source_hint: Option<String>,
    /// Whether a value is stored that the connection can do without.
    pub spare: bool,
}

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// It is stored.
    Stored,
    /// The last deletion shredded it.
    Lost,
    /// There is none.
    None,
}

/// The fields that a new session is for: what is not set; of a connection that lacks nothing, all. What a connector
/// does not declare (`extra`) is asked for only of whoever had it.
pub(super) fn to_enter(
    conn: &mut Conn,
    connector: &'static Connector,
    row: &ConnectionRow,
    stored: &[SecretRow],
) -> Result<Vec<&'static str>> {
    let lost = lost(conn, row)?;
    let is_set = |field: &SecretField| stored.iter().any(|row| row.field == field.key);
    let complete = super::missing_secrets(connector, stored).is_empty();
    Ok(connector
        .secrets_of_connections()
        .filter(|field| complete || !is_set(field))
        .filter(|field| field.key != EXTRA || is_set(field) || lost.contains_key(EXTRA))
        .map(|field| field.key.as_str())
        .collect())
}

impl Form {
    /// What a session asks for now. What has come to be missing since it was opened is asked for, too.
    pub(super) fn of(conn: &mut Conn, session: &SessionRow, row: &ConnectionRow) -> Result<Self> {
        let connector = connector_of(row)?;
        let stored = conn.secrets_of(row.org_id, OwnerKind::Connection, row.id.into())?;
        let lost = lost(conn, row)?;
        let fields = connector
            .secrets_of_connections()
            .map(|field| field_of(connector, field, &stored, &lost))
            .filter(|field| field.missing || session.fields.split(' ').any(|key| key == field.key))
            .collect();
        Ok(Self {
            name: row.name.clone(),
            connector: &connector.label,
            testable: connector.probe.is_some(),
            expires_at: session.expires_at,
            fields,
        })
    }

    /// Refuses fields that were not asked for, and an input that leaves something missing.
    pub(super) fn check(&self, entered: &SecretInput) -> Result<()> {
        if entered
            .iter()
            .any(|(key, value)| value.is_none() || self.fields.iter().all(|field| field.key != key))
        {
            return Err(
                Problem::new(Code::InvalidInput, "These are not the fields of this form.").into(),
            );
        }
        let errors = lacking(&self.fields, entered);
        if errors.is_empty() {
            return Ok(());
        }
        Err(Error::fields(errors))
    }
}

/// What is still missing if these are entered, at its field: of a group one is enough.
pub fn lacking(fields: &[FormField], entered: &SecretInput) -> Vec<FieldError> {
    let is_lacking = |field: &&FormField| {
        field.missing
            && !entered.contains_key(field.key)
            && !fields.iter().any(|other| {
                !field.one_of.is_empty()
                    && other.one_of == field.one_of
                    && entered.contains_key(other.key)
            })
    };
    fields
        .iter()
        .filter(is_lacking)
        .map(|field| {
            let detail = match field.one_of.as_slice() {
                [] => "This is missing: please enter it.".to_owned(),
                group => format!("Please enter one of these: {}.", group.join(", ")),
            };
            FieldError::new(child_pointer("/secrets", field.key), "required", detail)
        })
        .collect()
}

/// What can be entered for a live connection, in its connector's order; what is not declared only where there is or was some.
pub(super) fn fields(conn: &mut Conn, row: &ConnectionRow) -> Result<Vec<FormField>> {
    let connector = connector_of(row)?;
    let stored = conn.secrets_of(row.org_id, OwnerKind::Connection, row.id.into())?;
    let lost = lost(conn, row)?;
    Ok(connector
        .secrets_of_connections()
        .map(|field| field_of(connector, field, &stored, &lost))
        .filter(|field| field.key != EXTRA || field.value != Value::None)
        .collect())
}

/// The same for a connection that is not there yet.
pub fn fields_of_new(connector: &'static Connector) -> Vec<FormField> {
    connector
        .secrets_of_connections()
        .filter(|field| field.key != EXTRA)
        .map(|field| field_of(connector, field, &[], &BTreeMap::new()))
        .collect()
}

fn field_of(
    connector: &'static Connector,
    field: &'static SecretField,
    stored: &[SecretRow],
    lost: &BTreeMap<String, Option<String>>,
) -> FormField {
    let is_set = |key: &str| stored.iter().any(|row| row.field == key);
    let group = connector
        .require_one_of
        .iter()
        .find(|group| group.contains(&field.key));
    let missing = match group {
        Some(group) => !group.iter().any(|key| is_set(key)),
        None => field.required && !is_set(&field.key),
    };
    let own = stored.iter().find(|row| row.field == field.key);
    FormField {
        key: &field.key,
        label: &field.label,
        help: &field.help,
        multiline: field.multiline,
        missing,
        one_of: group
            .into_iter()
            .flatten()
            .filter_map(|key| connector.secret_field(key))
            .map(|field| field.label.as_str())
            .collect(),
        value: match own {
            Some(_) => Value::Stored,
            None if lost.contains_key(&field.key) => Value::Lost,
            None => Value::None,
        },
        source_hint: match own {
            Some(row) => row.source_hint.clone(),
            None => lost.get(&field.key).cloned().flatten(),
        },
        spare: match group {
            Some(group) => {
                own.is_some() && group.iter().any(|key| *key != field.key && is_set(key))
            }
            None => own.is_some() && !field.required,
        },
    }
}
