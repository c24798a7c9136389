//! The calls behind the commands for people. A database and a server answer them alike: with the API's JSON.

use super::Failure;
use crate::domain::ids::{
    AlarmId, BrakeId, ConnectionId, EntryId, HoldId, RecordId, RootId, WebhookId,
};
use crate::domain::kinds::{DeliveryState, RootKind, WebhookState};
use crate::service::delete::DeleteRequest;
use crate::service::holds::{EntryPatch, NewHold};
use crate::service::restore::RestoreRequest;
use crate::service::retention::{PauseChange, RetentionChange};
use crate::service::secrets::PutSecrets;
use crate::service::webhooks::NewWebhook;
use crate::service::webhooks::deliveries::ReplayRequest;
use crate::store::filters::EntryFilter;

/// A JSON document as the API writes it.
pub(in crate::cli) type Answer = Result<String, Failure>;

/// Which page of a list.
#[derive(Debug, Clone)]
pub(in crate::cli) struct PageAsk {
    /// How many rows.
    pub(in crate::cli) size: i64,
    /// From the page before.
    pub(in crate::cli) token: Option<String>,
}

/// What a list of connections is narrowed to, in the API's words.
#[derive(Debug, Default, Clone)]
pub(in crate::cli) struct ConnectionQuery {
    pub(in crate::cli) name: Option<String>,
    pub(in crate::cli) connector: Option<String>,
    pub(in crate::cli) integration: Option<String>,
    pub(in crate::cli) external_id: Option<String>,
    pub(in crate::cli) status: Option<String>,
    pub(in crate::cli) tag: Option<String>,
}

/// A database or a server.
pub(in crate::cli) trait Backend: Keeping + Record + Telling {
    /// `GET /v1/trash`
    fn entries(&self, filter: &EntryFilter, by_purge_date: bool, page: PageAsk) -> Answer;
    /// `GET /v1/trash/{id}`
    fn entry(&self, id: EntryId) -> Answer;
    /// `GET /v1/trash/{id}/items`
    fn items(&self, id: EntryId, kind: RootKind, page: PageAsk) -> Answer;
    /// `POST /v1/trash/{id}/restore`
    fn restore(&self, id: EntryId, request: &RestoreRequest) -> Answer;
    /// `POST /v1/trash/{id}/purge`
    fn purge(&self, id: EntryId, confirm: &str) -> Answer;
    /// `GET /v1/connections`
    fn connections(&self, query: &ConnectionQuery, page: PageAsk) -> Answer;
    /// `GET /v1/connections/{id}`
    fn connection(&self, id: ConnectionId) -> Answer;
    /// `GET /v1/connections/{id}/impact`
    fn impact(&self, id: ConnectionId) -> Answer;
    /// `DELETE /v1/connections/{id}`
    fn delete(&self, id: ConnectionId, request: &DeleteRequest) -> Answer;
    /// `PUT /v1/connections/{id}/secrets`, for the version that was seen
    fn put_secrets(&self, id: ConnectionId, version: i64, secrets: &PutSecrets) -> Answer;
}

/// Which audit records a list is narrowed to, in the API's words.
#[derive(Debug, Default, Clone)]
pub(in crate::cli) struct AuditAsk {
    pub(in crate::cli) action: Option<String>,
    pub(in crate::cli) actor: Option<String>,
    pub(in crate::cli) outcome: Option<String>,
    pub(in crate::cli) subject: Option<RootId>,
    pub(in crate::cli) entry: Option<EntryId>,
    pub(in crate::cli) request: Option<String>,
}

/// The calls about what happened.
pub(in crate::cli) trait Record {
    /// `GET /v1/audit`
    fn audit(&self, ask: &AuditAsk, page: PageAsk) -> Answer;
    /// `GET /v1/audit?sort=seq`
    fn audit_chain(&self, page: PageAsk) -> Answer;
    /// `GET /v1/audit/head`
    fn audit_head(&self) -> Answer;
    /// `GET /v1/events`
    fn events(&self, after: Option<&str>, types: Option<&str>, size: i64) -> Answer;
    /// `GET /v1/receipts/{id}`
    fn receipt(&self, id: EntryId) -> Answer;
    /// `GET /v1/receipt-keys`
    fn receipt_keys(&self) -> Answer;
}

/// The calls about what is kept for how long, and about what is wrong with that.
pub(in crate::cli) trait Keeping {
    /// `GET /v1/retention`
    fn retention(&self) -> Answer;
    /// `PUT /v1/retention`
    fn set_retention(&self, change: &RetentionChange) -> Answer;
    /// `GET /v1/purge`
    fn purge_status(&self) -> Answer;
    /// `PUT /v1/purge/pause`
    fn pause_purge(&self, change: &PauseChange) -> Answer;
    /// `GET /v1/trash/summary`
    fn summary(&self) -> Answer;
    /// `POST /v1/trash/{id}/holds`
    fn hold(&self, entry: EntryId, new: &NewHold) -> Answer;
    /// `DELETE /v1/trash/{id}/holds/{hold}`
    fn release_hold(&self, entry: EntryId, hold: HoldId) -> Answer;
    /// `PATCH /v1/trash/{id}`
    fn reschedule(&self, entry: EntryId, patch: &EntryPatch) -> Answer;
    /// `GET /v1/alarms`, the open ones or all
    fn alarms(&self, all: bool, page: PageAsk) -> Answer;
    /// `POST /v1/alarms/{id}/acknowledge`
    fn acknowledge_alarm(&self, id: AlarmId) -> Answer;
    /// `GET /v1/brakes`
    fn brakes(&self, page: PageAsk) -> Answer;
    /// `DELETE /v1/brakes/{id}`
    fn release_brake(&self, id: BrakeId) -> Answer;
}

/// The calls about webhooks.
pub(in crate::cli) trait Telling {
    /// `GET /v1/webhooks`
    fn webhooks(&self, page: PageAsk) -> Answer;
    /// `GET /v1/webhooks/{id}`
    fn webhook(&self, id: WebhookId) -> Answer;
    /// `POST /v1/webhooks`
    fn create_webhook(&self, new: &NewWebhook) -> Answer;
    /// `PATCH /v1/webhooks/{id}`
    fn set_webhook(&self, id: WebhookId, state: WebhookState) -> Answer;
    /// `DELETE /v1/webhooks/{id}`
    fn delete_webhook(&self, id: WebhookId) -> Answer;
    /// `POST /v1/webhooks/{id}/rotate-secret`
    fn rotate_webhook(&self, id: WebhookId) -> Answer;
    /// `POST /v1/webhooks/{id}/test`
    fn test_webhook(&self, id: WebhookId) -> Answer;
    /// `GET /v1/webhooks/{id}/deliveries`
    fn deliveries(&self, id: WebhookId, state: Option<DeliveryState>, page: PageAsk) -> Answer;
    /// `POST /v1/webhooks/{id}/deliveries/{event}/replay`
    fn replay_delivery(&self, id: WebhookId, event: RecordId) -> Answer;
    /// `POST /v1/webhooks/{id}/replay`
    fn replay_failed(&self, id: WebhookId, request: &ReplayRequest) -> Answer;
}
