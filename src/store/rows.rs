//! Rows as they are read and written. One struct a use, naming its columns.

use diesel::prelude::*;

use super::schema;
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::ids::{
    AccessTokenId, AlarmId, BrakeId, ConnectionId, DependentId, EntryId, HoldId, ImportId,
    IntegrationId, JobId, KeyId, OrgId, ReceiptKeyId, RecordId, ReplicaId, RootId, SessionId,
    SignInId, WebhookId,
};
use crate::domain::json::JsonText;
use crate::domain::kinds::{
    DeliveryOutcome, DeliveryState, EntryState, ImportSource, ImportState, OwnerKind, PurgeProblem,
    RevocationOutcome, RootKind, Status, WebhookFormat, WebhookState, WebhookStop,
};

/// An organization.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = schema::organizations)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
pub struct OrganizationRow {
    pub id: OrgId,
    pub name: String,
    pub display_name: String,
    pub retention_days: i32,
    pub purge_protection: bool,
    pub require_test_after_restore: bool,
    pub created_at: Ts,
    pub updated_at: Ts,
    pub version: i64,
    pub brake_deletions: i32,
    pub brake_percent: i32,
    pub brake_refuses: bool,
    pub purge_paused_at: Option<Ts>,
    pub purge_paused_by: Option<String>,
    pub purge_pause_reason: Option<String>,
    pub hold_while_used: bool,
}

/// An API key; only the digest of its secret is stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::api_keys, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct ApiKeyRow {
    pub org_id: OrgId,
    pub id: KeyId,
    pub name: String,
    pub scopes: String,
    pub digest: String,
    pub created_at: Ts,
    pub created_by: String,
    pub expires_at: Option<Ts>,
    pub revoked_at: Option<Ts>,
    pub last_used_at: Option<Ts>,
}

/// A live integration, or one in the trash (its mirror has the same columns).
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = schema::integrations, primary_key(org_id, id))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct IntegrationRow {
    pub org_id: OrgId,
    pub id: IntegrationId,
    pub key: String,
    pub name: String,
    pub connector: String,
    pub settings: JsonText,
    pub created_at: Ts,
    pub updated_at: Ts,
    pub version: i64,
    pub generation: i64,
    pub deletion_protection: bool,
    pub revoke_on_delete: bool,
}

/// A live connection, or one in the trash (its mirror has the same columns).
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = schema::connections, primary_key(org_id, id))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct ConnectionRow {
    pub org_id: OrgId,
    pub id: ConnectionId,
    pub name: String,
    pub name_key: String,
    pub connector: String,
    pub integration: String,
    pub integration_id: Option<IntegrationId>,
    pub external_id: Option<String>,
    pub settings: JsonText,
    pub tags: JsonText,
    pub metadata: JsonText,
    pub status: Status,
    pub generation: i64,
    pub deletion_protection: bool,
    pub last_test: Option<JsonText>,
    pub created_at: Ts,
    pub updated_at: Ts,
    pub version: i64,
}

/// A model or a piece of content. `parent` is the base model of a model, the model of content.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct DependentRow {
    pub org_id: OrgId,
    pub id: DependentId,
    pub connection_id: ConnectionId,
    pub parent: Option<DependentId>,
    pub name: String,
    pub kind: String,
    pub external_id: Option<String>,
    pub body: JsonText,
    pub deletion_protection: bool,
    pub created_at: Ts,
    pub updated_at: Ts,
    pub version: i64,
}

/// A model or a piece of content as lists show it: without its body.
#[derive(Debug, Clone, Queryable)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct DependentHead {
    pub id: DependentId,
    pub connection_id: ConnectionId,
    pub parent: Option<DependentId>,
    pub name: String,
    pub kind: String,
    pub external_id: Option<String>,
    pub deletion_protection: bool,
    pub created_at: Ts,
    pub updated_at: Ts,
    pub version: i64,
}

/// A reference from one piece of content to another.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::links)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct LinkRow {
    pub org_id: OrgId,
    pub from_id: DependentId,
    pub to_id: DependentId,
    pub created_at: Ts,
}

/// What is known of a secret; the value is in its slot.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::secrets, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct SecretRow {
    pub org_id: OrgId,
    pub owner_kind: OwnerKind,
    pub owner_id: RootId,
    pub field: String,
    pub slot_id: i64,
    pub record_id: RecordId,
    pub generation: i64,
    pub key_epoch: i32,
    pub source_hint: Option<String>,
    pub set_at: Ts,
    pub set_by: String,
}

/// What was known of a secret that left below the root of a deletion.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::shredded_secrets)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct ShreddedRow {
    pub owner_id: RootId,
    pub field: String,
    pub source_hint: Option<String>,
    pub set_at: Ts,
    pub set_by: String,
}

/// A trash entry.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::trash_entries, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct EntryRow {
    pub org_id: OrgId,
    pub id: EntryId,
    pub state: EntryState,
    pub root_kind: RootKind,
    pub root_id: RootId,
    pub root_name: String,
    pub root_name_key: String,
    pub root_external_id: Option<String>,
    pub connector: String,
    pub integration: String,
    pub connection_id: Option<ConnectionId>,
    pub model_id: Option<DependentId>,
    pub deleted_at: Ts,
    pub deleted_by: String,
    pub deleted_by_name: Option<String>,
    pub key_id: Option<KeyId>,
    pub reason: Option<String>,
    pub purge_at: Ts,
    pub purge_protected: bool,
    pub connections_count: i64,
    pub models_count: i64,
    pub content_count: i64,
    pub links_count: i64,
    pub references_count: i64,
    pub secret_shape: JsonText,
    pub secrets_shredded: i64,
    pub shredded_at: Option<Ts>,
    pub erased_at: Option<Ts>,
    pub key_epoch: Option<i32>,
    pub closed_at: Option<Ts>,
    pub closed_by: Option<String>,
    pub closed_by_name: Option<String>,
}

/// The stored answer to a request with an idempotency key.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::idempotency_keys, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct IdempotencyRow {
    pub org_id: OrgId,
    pub key_id: KeyId,
    pub key: String,
    pub fingerprint: String,
    pub status: i32,
    pub etag: Option<String>,
    pub location: Option<String>,
    pub body: Option<String>,
    pub shown_once: bool,
    pub created_at: Ts,
    pub expires_at: Ts,
}

/// An audit record.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::audit_events, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct AuditRow {
    pub org_id: OrgId,
    pub id: RecordId,
    pub at: Ts,
    pub actor_id: String,
    pub actor_name: Option<String>,
    pub key_id: Option<KeyId>,
    pub address: Option<String>,
    pub request_id: Option<String>,
    pub action: String,
    pub outcome: String,
    pub subject_kind: String,
    pub subject_id: Option<RootId>,
    pub entry_id: Option<EntryId>,
    pub detail: JsonText,
    pub announced: bool,
}

/// The seal of an audit record: its place in the organization's chain, once it has one.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::audit_seals, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct SealRow {
    pub org_id: OrgId,
    pub record_id: RecordId,
    pub announced: bool,
    pub tx_id: i64,
    pub recorded_at: Ts,
    pub seq: Option<i64>,
    pub hash: Option<String>,
}

/// The number and the hash that a record gets.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The record.
    pub record: RecordId,
    /// Its number within the organization.
    pub seq: i64,
    /// The hash over it and the one before.
    pub hash: String,
}

/// A shred that is not yet known to be erased from the database's files.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::erasure_jobs, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct ErasureJobRow {
    pub org_id: OrgId,
    pub id: JobId,
    pub entry_id: Option<EntryId>,
    pub created_at: Ts,
    pub finished_at: Option<Ts>,
    pub attempts: i64,
    pub last_problem: Option<String>,
}

/// A secret that was shredded: what a line of the shred log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::shreds, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct ShredRow {
    pub org_id: OrgId,
    pub record_id: RecordId,
    pub key_epoch: i32,
    pub shredded_at: Ts,
}

/// A live secret: organization, owner, record.
pub type LiveRecord = (OrgId, OwnerKind, RootId, RecordId);

/// A key epoch that the database knows of.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::key_epochs, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct KeyEpochRow {
    pub epoch: i32,
    pub check_value: String,
    pub is_primary: bool,
    pub created_at: Ts,
    pub destroyed_at: Option<Ts>,
    pub primary_since: Option<Ts>,
    pub retired_at: Option<Ts>,
}

/// A secret whose record was wrapped under another epoch: its row, and the record of the same size.
#[derive(Debug, Clone)]
pub struct Rewrapped {
    /// What kind of owner.
    pub owner_kind: OwnerKind,
    /// The owner.
    pub owner_id: RootId,
    /// The field.
    pub field: String,
    /// The slot that holds the record.
    pub slot_id: i64,
    /// The value that was seen: another one has another id.
    pub record_id: RecordId,
    /// The record.
    pub record: Vec<u8>,
}

/// A running service and the keys it has.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::key_replicas, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct KeyReplicaRow {
    pub id: ReplicaId,
    pub name: String,
    pub epochs: String,
    pub problem: Option<String>,
    pub started_at: Ts,
    pub seen_at: Ts,
}

/// What a deletion takes along, counted; and enough of it to tell whether it has changed since.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
#[expect(
    missing_docs,
    reason = "n: rows, v: sum of versions, c and u: newest creation and change, p: protected rows"
)]
pub struct ImpactRow {
    pub connections: i64,
    pub connections_v: i64,
    pub connections_u: Option<Ts>,
    pub connections_p: i64,
    pub models: i64,
    pub models_v: i64,
    pub models_c: Option<Ts>,
    pub models_u: Option<Ts>,
    pub models_p: i64,
    pub content: i64,
    pub content_v: i64,
    pub content_c: Option<Ts>,
    pub content_u: Option<Ts>,
    pub content_p: i64,
    pub links: i64,
    pub references: i64,
    pub integrations: i64,
    pub integrations_p: i64,
}

/// What only the moment of a deletion knows, for its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::receipts)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct ReceiptRow {
    pub org_id: OrgId,
    pub entry_id: EntryId,
    pub fields: JsonText,
    pub integrations_sha256: String,
    pub connections_sha256: String,
    pub models_sha256: String,
    pub content_sha256: String,
}

/// A key that receipts are signed with, the public half.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::receipt_keys, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct ReceiptKeyRow {
    pub org_id: OrgId,
    pub id: ReceiptKeyId,
    pub public_key: String,
    pub created_at: Ts,
    pub retired_at: Option<Ts>,
}

/// Where a row is that is not gone (promise 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Among the live rows.
    Live,
    /// In the trash, in this entry.
    Trash(EntryId),
}

impl From<Option<EntryId>> for Place {
    fn from(entry: Option<EntryId>) -> Self {
        entry.map_or(Self::Live, Self::Trash)
    }
}

/// Rows moved, by table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Queryable)]
pub struct Moved {
    /// Integrations.
    pub integrations: i64,
    /// Connections.
    pub connections: i64,
    /// Models.
    pub models: i64,
    /// Content.
    pub content: i64,
    /// Links.
    pub links: i64,
}

impl Moved {
    /// Adds the rows of one table.
    pub(super) fn count(&mut self, table: &str, rows: i64) {
        match table {
            "integrations" => self.integrations += rows,
            "connections" => self.connections += rows,
            "models" => self.models += rows,
            "content" => self.content += rows,
            _ => self.links += rows,
        }
    }
}

/// What was known of a secret that left below the root of a deletion, whole.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::shredded_secrets, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct TrashSecretRow {
    pub org_id: OrgId,
    pub entry_id: EntryId,
    pub owner_kind: OwnerKind,
    pub owner_id: RootId,
    pub field: String,
    pub source_hint: Option<String>,
    pub set_at: Ts,
    pub set_by: String,
}

/// A reason an entry must not be purged.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::holds, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct HoldRow {
    pub org_id: OrgId,
    pub id: HoldId,
    pub entry_id: EntryId,
    pub owner: String,
    pub reason: String,
    pub ends_at: Option<Ts>,
    pub created_at: Ts,
}

/// How often a caller used what is in an entry.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::trash_uses, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct UseRow {
    pub org_id: OrgId,
    pub entry_id: EntryId,
    pub actor_id: String,
    pub actor_name: Option<String>,
    pub key_id: Option<KeyId>,
    pub uses: i64,
    pub first_used_at: Ts,
    pub last_used_at: Ts,
}

/// Whose turn the standing check is, and what the last one found.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::canary_checks)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct CanaryRow {
    pub org_id: OrgId,
    pub run_id: Option<JobId>,
    pub seen_at: Option<Ts>,
    pub ended_at: Option<Ts>,
    pub checked_at: Option<Ts>,
    pub residue: i64,
}

/// An import through the API.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::imports, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct ImportRow {
    pub org_id: OrgId,
    pub id: ImportId,
    pub source: ImportSource,
    pub state: ImportState,
    pub validate_only: bool,
    pub bytes: i64,
    pub rows_read: i64,
    pub rows_total: Option<i64>,
    pub report: Option<JsonText>,
    pub problems: JsonText,
    pub created_at: Ts,
    pub created_by: String,
    pub alive_at: Ts,
    pub finished_at: Option<Ts>,
}

/// A link by which someone without an API key enters the secrets of one connection.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::connect_sessions, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct SessionRow {
    pub org_id: OrgId,
    pub id: SessionId,
    pub connection_id: ConnectionId,
    pub code_digest: String,
    pub cookie_digest: Option<String>,
    pub fields: String,
    pub created_at: Ts,
    pub created_by: String,
    pub expires_at: Ts,
    pub used_at: Option<Ts>,
    pub ended_at: Option<Ts>,
    pub redirect_uri: Option<String>,
    pub auth_digest: Option<String>,
    pub auth_expires_at: Option<Ts>,
}

/// What names a connection in a dialect.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::access_tokens)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct AccessTokenRow {
    pub org_id: OrgId,
    pub id: AccessTokenId,
    pub connection_id: ConnectionId,
    pub digest: String,
    pub registered: bool,
    pub created_at: Ts,
    pub created_by: String,
}

/// A token by which someone without an API key makes connections, or enters the secrets of one.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::connect_tokens, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct ConnectTokenRow {
    pub org_id: OrgId,
    pub id: SessionId,
    pub digest: String,
    pub connection_id: Option<ConnectionId>,
    pub context: JsonText,
    pub created_at: Ts,
    pub created_by: String,
    pub expires_at: Ts,
    pub ended_at: Option<Ts>,
    pub gone_at: Option<Ts>,
}

/// A person who is signed in to the console by an API key.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::sign_ins, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct SignInRow {
    pub org_id: OrgId,
    pub id: SignInId,
    pub digest: String,
    pub key_id: KeyId,
    pub actor_name: Option<String>,
    pub flash: Option<JsonText>,
    pub created_at: Ts,
    pub seen_at: Ts,
    pub expires_at: Ts,
}

/// What became of the credentials of one owner at the source.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::revocations, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct RevocationRow {
    pub org_id: OrgId,
    pub entry_id: EntryId,
    pub owner_kind: OwnerKind,
    pub owner_id: RootId,
    pub outcome: RevocationOutcome,
    pub tries: i32,
    pub created_at: Ts,
    pub finished_at: Option<Ts>,
}

/// An entry that could not be purged.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = schema::purge_failures, primary_key(org_id, entry_id))]
#[diesel(treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct PurgeFailureRow {
    pub org_id: OrgId,
    pub entry_id: EntryId,
    pub code: PurgeProblem,
    pub attempts: i64,
    pub failed_at: Ts,
    pub retry_at: Ts,
}

/// A brake on mass deletion.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::brakes, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct BrakeRow {
    pub org_id: OrgId,
    pub id: BrakeId,
    pub started_at: Ts,
    pub covers_from: Ts,
    pub connections: i64,
    pub of_connections: i64,
    pub released_at: Option<Ts>,
    pub released_by: Option<String>,
}

/// An alarm; [`crate::service::alarms::SERVICE`] stands for the service itself.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::alarms, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct AlarmRow {
    pub org_id: OrgId,
    pub id: AlarmId,
    pub code: AlarmCode,
    pub subject: String,
    pub detail: String,
    pub raised_at: Ts,
    pub last_seen_at: Ts,
    pub acknowledged_at: Option<Ts>,
    pub acknowledged_by: Option<String>,
    pub acknowledged_by_name: Option<String>,
    pub resolved_at: Option<Ts>,
}

/// What the clocks said at the last tick at which they agreed.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = schema::scheduler_ticks, primary_key(boot_id))]
#[diesel(treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct TickRow {
    pub boot_id: String,
    pub ticked_at: Ts,
    /// Microseconds since the machine was started.
    pub uptime: i64,
}

/// A webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = schema::webhook_endpoints, primary_key(org_id, id))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct WebhookRow {
    pub org_id: OrgId,
    pub id: WebhookId,
    pub url: String,
    pub description: String,
    pub format: WebhookFormat,
    pub types: String,
    pub state: WebhookState,
    pub stop: Option<WebhookStop>,
    pub position: i64,
    pub failures: i32,
    pub paused_until: Option<Ts>,
    pub last_delivered_at: Option<Ts>,
    pub previous_until: Option<Ts>,
    pub created_at: Ts,
    pub updated_at: Ts,
    pub version: i64,
}

/// An event on its way to a webhook endpoint.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = schema::webhook_deliveries, primary_key(org_id, endpoint_id, event_id))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
#[expect(missing_docs, reason = "the columns are documented in the migrations")]
pub struct DeliveryRow {
    pub org_id: OrgId,
    pub endpoint_id: WebhookId,
    pub event_id: RecordId,
    pub seq: i64,
    pub type_: String,
    pub body: String,
    pub state: DeliveryState,
    pub attempts: i32,
    pub outcome: Option<DeliveryOutcome>,
    pub status: Option<i32>,
    pub created_at: Ts,
    pub next_attempt_at: Ts,
    pub leased_until: Option<Ts>,
    pub attempted_at: Option<Ts>,
    pub finished_at: Option<Ts>,
}
