//! Entering, reading and shredding the secrets of a connection or an integration.
//!
//! What must stay true: a new value always gets a new slot; what it replaces is shredded in the same
//! transaction and erased after it; nothing here returns a value but [`read`], which is audited.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::connections::{absent, check_version};
use super::error::{Error, Problem, Result};
use super::lost_secrets::with_lost_hints;
use super::unit::{Tx, to_json};
use super::views::{ConnectionView, connector_of, missing_secrets};
use crate::connectors::Connector;
use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, OrgId, RecordId, RootId, WebhookId};
use crate::domain::json::child_pointer;
use crate::domain::kinds::{OwnerKind, Status};
use crate::domain::scopes::Scope;
use crate::domain::text::SourceHint;
use crate::secrets::envelope::{Binding, EnvelopeError};
use crate::secrets::keyring::Epoch;
use crate::secrets::value::SecretValue;
use crate::secrets::{SecretError, Vault, VaultError};
use crate::store::Conn;
use crate::store::rows::{ConnectionRow, IntegrationRow, ReceiptKeyRow, SecretRow};

/// Values by field; `null` shreds what is stored.
pub type SecretInput = BTreeMap<String, Option<SecretValue>>;
/// Hints by field; `null` forgets one.
pub type HintInput = BTreeMap<String, Option<String>>;

/// Secrets to enter: any subset of what the connector declares.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutSecrets {
    /// Values by field; `null` shreds what is stored.
    #[schema(value_type = BTreeMap<String, Option<String>>)]
    pub secrets: SecretInput,
    /// Where the owner keeps each, say a vault path: shown in the trash, when the value is gone.
    #[serde(default)]
    pub source_hints: HintInput,
    /// Test the connection afterwards; what was entered is kept whatever the test says.
    #[serde(default)]
    pub test: bool,
}

/// Secrets in plain text.
#[derive(Serialize, ToSchema)]
pub struct SecretsView {
    /// Values by field.
    pub secrets: BTreeMap<String, Plain>,
}

/// A value on its way to a caller who may read it.
#[derive(ToSchema)]
#[schema(value_type = String)]
pub struct Plain(SecretValue);

impl Plain {
    /// The text itself. Whoever calls this is answerable for every copy made of it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether it is this text.
    pub(super) fn is(&self, text: &str) -> bool {
        self.0.expose() == text
    }
}

impl Serialize for Plain {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

/// Whose secrets: a live row that is locked, or read in the same transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    org: OrgId,
    kind: OwnerKind,
    id: RootId,
    generation: i64,
}

impl From<&ConnectionRow> for Owner {
    fn from(row: &ConnectionRow) -> Self {
        Self {
            org: row.org_id,
            kind: OwnerKind::Connection,
            id: row.id.into(),
            generation: row.generation,
        }
    }
}

impl From<&IntegrationRow> for Owner {
    fn from(row: &IntegrationRow) -> Self {
        Self {
            org: row.org_id,
            kind: OwnerKind::Integration,
            id: row.id.into(),
            generation: row.generation,
        }
    }
}

impl From<&ReceiptKeyRow> for Owner {
    fn from(row: &ReceiptKeyRow) -> Self {
        Self {
            org: row.org_id,
            kind: OwnerKind::Signer,
            id: row.id.into(),
            generation: 1,
        }
    }
}

impl Owner {
    /// Of a webhook endpoint, which never comes back from anywhere: all its secrets are of its first generation.
    pub(super) fn of_webhook(org: OrgId, id: WebhookId) -> Self {
        Self {
            org,
            kind: OwnerKind::Webhook,
            id: id.into(),
            generation: 1,
        }
    }

    /// What is known of its secrets.
    pub(super) fn facts(self, tx: &mut Tx<'_>) -> Result<Vec<SecretRow>> {
        Ok(tx.conn.secrets_of(self.org, self.kind, self.id)?)
    }

    fn binding(self, field: &str, record: RecordId, generation: i64) -> Binding<'_> {
        Binding {
            organization: self.org.0,
            owner_kind: self.kind.as_str(),
            owner: self.id.0,
            field,
            record: record.0,
            generation,
        }
    }
}

/// Checks that the connector declares the fields for such an owner and that the hints are text.
pub(super) fn check(
    connector: &Connector,
    owner: OwnerKind,
    secrets: &SecretInput,
    hints: &HintInput,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut declared = |group: &str, field: &str| {
        let of_integrations = owner == OwnerKind::Integration;
        if connector
            .secret_field(field)
            .is_none_or(|field| field.integration_only && !of_integrations)
        {
            errors.push(FieldError::new(
                child_pointer(&format!("/{group}"), field),
                "unknown_secret",
                format!("The connector {} declares no such secret.", connector.key),
            ));
        }
    };
    for field in secrets.keys() {
        declared("secrets", field);
    }
    for field in hints.keys() {
        declared("source_hints", field);
    }
    for (field, hint) in hints {
        if let Some(Err(problem)) = hint.as_deref().map(SourceHint::parse) {
            errors.push(problem.at(child_pointer("/source_hints", field)));
        }
    }
    errors
}

/// Writes values and hints of an owner whose row is locked. Answers the facts of its secrets afterwards.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    owner: impl Into<Owner>,
    secrets: &SecretInput,
    hints: &HintInput,
) -> Result<Vec<SecretRow>> {
    let owner = owner.into();
    let before = owner.facts(tx)?;
    let replaced: Vec<&str> = before
        .iter()
        .map(|row| row.field.as_str())
        .filter(|field| secrets.contains_key(*field))
        .collect();
    shred(tx, owner, &replaced)?;
    let mut epoch = None;
    for (field, value) in secrets {
        let Some(value) = value else { continue };
        let key_epoch = match epoch {
            Some(epoch) => epoch,
            None => *epoch.insert(primary_epoch(tx)?),
        };
        let record_id = RecordId::mint();
        let binding = owner.binding(field, record_id, owner.generation);
        let record = seal(tx, key_epoch, &binding, value)?;
        let slot_id = tx.conn.fill_slot(owner.org, &record)?;
        let kept_hint = before
            .iter()
            .find(|row| row.field == *field)
            .and_then(|row| row.source_hint.clone());
        tx.conn.insert_secret(&SecretRow {
            org_id: owner.org,
            owner_kind: owner.kind,
            owner_id: owner.id,
            field: field.clone(),
            slot_id,
            record_id,
            generation: owner.generation,
            key_epoch: key_epoch.get(),
            source_hint: kept_hint,
            set_at: tx.at,
            set_by: tx.caller.actor.id.clone(),
        })?;
    }
    for (field, hint) in hints {
        if tx
            .conn
            .set_source_hint(owner.org, owner.kind, owner.id, field, hint.as_deref())?
            == 0
        {
            return Err(Error::field(
                child_pointer("/source_hints", field),
                "secret_not_set",
                "This is kept together with a secret, and there is none: enter both.",
            ));
        }
    }
    owner.facts(tx)
}

/// The epoch that secrets of this transaction are sealed under. Asked of the database and held until the commit: once a
/// rotation has switched to another one, nothing more comes under this.
pub(super) fn primary_epoch(tx: &mut Tx<'_>) -> Result<Epoch> {
    if tx.vault.problem().is_some() {
        return Err(refusal(SecretError::Locked));
    }
    tx.conn
        .share_primary_epoch()?
        .and_then(|number| Epoch::try_from(number).ok())
        .ok_or_else(|| Error::Internal("the database knows no primary key epoch".to_owned()))
}

fn seal(
    tx: &mut Tx<'_>,
    epoch: Epoch,
    binding: &Binding<'_>,
    value: &SecretValue,
) -> Result<Vec<u8>> {
    match tx.vault.seal(epoch, binding, value) {
        Err(SecretError::Envelope(EnvelopeError::UnknownEpoch(_))) => {
            read_keyring_again(tx.conn, tx.vault)?;
            tx.vault.seal(epoch, binding, value).map_err(refusal)
        }
        result => result.map_err(refusal),
    }
}

/// A rotation has switched to a key that this process has yet to read, or not to get at all.
fn read_keyring_again(conn: &mut Conn, vault: &Vault) -> Result<()> {
    match vault.reload_on(conn) {
        Ok(()) => Ok(()),
        Err(VaultError::Store(error)) => Err(error.into()),
        Err(error) => {
            tracing::error!(%error, "the keyring can't be used");
            Ok(())
        }
    }
}

/// Shreds single fields of a live owner; a deletion has its own way to all of them.
pub(super) fn shred(tx: &mut Tx<'_>, owner: impl Into<Owner>, fields: &[&str]) -> Result<()> {
    if fields.is_empty() {
        return Ok(());
    }
    let Owner { org, kind, id, .. } = owner.into();
    tx.conn.shred_fields(org, kind, id, fields, tx.at)?;
    tx.erase_after_commit(None)
}

/// Whether a field of a connection holds exactly this value: an import writes only what it changes. The value that
/// is stored stays in here. One that does not open counts as another.
pub(super) fn holds(
    tx: &mut Tx<'_>,
    connection: &ConnectionRow,
    stored: &[SecretRow],
    field: &str,
    value: &SecretValue,
) -> Result<bool> {
    let Some(row) = stored.iter().find(|row| row.field == field) else {
        return Ok(false);
    };
    match open(tx.conn, tx.vault, connection.into(), row) {
        Ok(found) => Ok(found
            .expose()
            .as_bytes()
            .ct_eq(value.expose().as_bytes())
            .into()),
        Err(Opening::Secret(SecretError::Locked)) => Err(refusal(SecretError::Locked)),
        Err(Opening::Secret(SecretError::Envelope(_))) => Ok(false),
        Err(Opening::Other(error)) => Err(error),
    }
}

/// Why a value can't be had.
pub(super) enum Opening {
    /// There is no key, or it does not open.
    Secret(SecretError),
    /// The database could not be read.
    Other(Error),
}

/// Opens one secret of an owner.
pub(super) fn open(
    conn: &mut Conn,
    vault: &Vault,
    owner: Owner,
    row: &SecretRow,
) -> std::result::Result<SecretValue, Opening> {
    let binding = owner.binding(&row.field, row.record_id, owner.generation);
    let look = |conn: &mut Conn| {
        let record = conn
            .read_slot(owner.org, row.slot_id)
            .map_err(|error| Opening::Other(error.into()))?
            .unwrap_or_default();
        vault
            .open_record(&binding, &record)
            .map_err(Opening::Secret)
    };
    match look(conn) {
        // Wrapped anew a moment ago, under a key that this process has yet to read; or its old key went meanwhile.
        Err(Opening::Secret(SecretError::Envelope(EnvelopeError::UnknownEpoch(_)))) => {
            read_keyring_again(conn, vault).map_err(Opening::Other)?;
            look(conn)
        }
        result => result,
    }
}

/// Opens all secrets of an owner for a caller who may read them; audited.
pub(super) fn open_all(
    tx: &mut Tx<'_>,
    owner: impl Into<Owner>,
    rows: &[SecretRow],
) -> Result<SecretsView> {
    let owner = owner.into();
    let values = open_values(tx, owner, rows)?;
    let detail = to_json(&json!({ "fields": values.keys().collect::<Vec<_>>() }))?;
    tx.audit(
        &format!("{}.secrets_read", owner.kind),
        owner.kind.as_str(),
        Some(owner.id),
        None,
        detail,
    )?;
    let plain = |(field, value)| (field, Plain(value));
    Ok(SecretsView {
        secrets: values.into_iter().map(plain).collect(),
    })
}

/// Opens all secrets of an owner for a use that ends within the service; one that does not open counts as missing.
pub(super) fn open_values(
    tx: &mut Tx<'_>,
    owner: impl Into<Owner>,
    rows: &[SecretRow],
) -> Result<BTreeMap<String, SecretValue>> {
    let owner = owner.into();
    let mut secrets = BTreeMap::new();
    let mut unreadable = Vec::new();
    for row in rows {
        match open(tx.conn, tx.vault, owner, row) {
            Ok(value) => {
                secrets.insert(row.field.clone(), value);
            }
            Err(Opening::Secret(SecretError::Locked)) => return Err(refusal(SecretError::Locked)),
            Err(Opening::Secret(error)) => {
                tracing::error!(kind = %owner.kind, owner = %owner.id, field = %row.field, %error, "a stored secret does not open");
                unreadable.push(row.field.clone());
            }
            Err(Opening::Other(error)) => return Err(error),
        }
    }
    if !unreadable.is_empty() {
        return Err(needs_credentials(&unreadable));
    }
    Ok(secrets)
}

/// The status that follows from what is set: complete means `untested` until a test passes.
pub(super) fn status_of(connector: &Connector, secrets: &[SecretRow]) -> Status {
    if missing_secrets(connector, secrets).is_empty() {
        Status::Untested
    } else {
        Status::NeedsCredentials
    }
}

/// Enters secrets of a live connection.
pub fn put(
    tx: &mut Tx<'_>,
    id: ConnectionId,
    if_match: Option<i64>,
    input: &PutSecrets,
) -> Result<ConnectionView> {
    let mut row = super::connections::lock(tx, id)?;
    check_version(row.version, if_match)?;
    let connector = connector_of(&row)?;
    let errors = check(
        connector,
        OwnerKind::Connection,
        &input.secrets,
        &input.source_hints,
    );
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let hints = with_lost_hints(tx.conn, &row, &input.secrets, &input.source_hints)?;
    let secrets = apply(tx, &row, &input.secrets, &hints)?;
    if !input.secrets.is_empty() {
        row.status = status_of(connector, &secrets);
        row.last_test = None;
    }
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_connection(&row)?;
    let fields: BTreeSet<&String> = input.secrets.keys().collect();
    tx.record(
        "connection.credentials_entered",
        "connection",
        id.into(),
        None,
        &json!({ "fields": fields, "status": row.status }),
    )?;
    ConnectionView::new(row, &secrets)
}

/// Reads the secrets of a live connection in plain text; audited.
pub fn read(tx: &mut Tx<'_>, id: ConnectionId) -> Result<SecretsView> {
    tx.caller.require(Scope::SecretsRead)?;
    // The connection, its secrets and their slots are three looks: meanwhile nobody may enter or shred one.
    let Some(row) = tx.conn.share_connection(tx.caller.org, id)? else {
        return Err(absent(tx.conn, tx.caller, id)?);
    };
    let connector = connector_of(&row)?;
    let rows = tx
        .conn
        .secrets_of(row.org_id, OwnerKind::Connection, id.into())?;
    let missing = missing_secrets(connector, &rows);
    if !missing.is_empty() {
        return Err(needs_credentials(&missing));
    }
    require_test(tx, &row, connector)?;
    open_all(tx, &row, &rows)
}

/// Promise 5: an organization may want a connection that came back (from the trash or by an import, which is what its
/// generation tells) to pass a test before it is used.
fn require_test(tx: &mut Tx<'_>, row: &ConnectionRow, connector: &Connector) -> Result<()> {
    if row.generation == 1 || row.status == Status::Active || connector.probe.is_none() {
        return Ok(());
    }
    let organization = tx.conn.find_organization(row.org_id)?;
    if organization.is_some_and(|organization| organization.require_test_after_restore) {
        return Err(Problem::new(
            Code::TestRequired,
            "The organization wants a connection that came back to pass a test before it is used.",
        )
        .with("connection_status", row.status)
        .into());
    }
    Ok(())
}

pub(super) fn needs_credentials(missing: &[String]) -> Error {
    Problem::new(Code::NeedsCredentials, "Required secrets are missing.")
        .with("missing", missing)
        .into()
}

fn refusal(error: SecretError) -> Error {
    match error {
        SecretError::Locked | SecretError::Envelope(EnvelopeError::UnknownEpoch(_)) => {
            Problem::new(
                Code::Locked,
                "The encryption key is missing, so secrets can't be entered or read now.",
            )
            .into()
        }
        SecretError::Envelope(error) => {
            Error::Internal(format!("a secret could not be sealed: {error}"))
        }
    }
}
