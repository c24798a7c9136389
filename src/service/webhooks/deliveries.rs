//! Deliveries as callers see them, and sending them again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{find, lock, record};
use crate::domain::clock::Ts;
use crate::domain::ids::{RecordId, WebhookId};
use crate::domain::kinds::{DeliveryOutcome, DeliveryState};
use crate::service::caller::Caller;
use crate::service::error::{Error, Result};
use crate::service::pages::{Cursor, PageQuery};
use crate::service::unit::Tx;
use crate::service::views::Page;
use crate::store::Conn;
use crate::store::rows::DeliveryRow;

/// An event on its way to a webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The event, and so the delivery; the message's `webhook-id` is `evt_` and this.
    pub event_id: RecordId,
    /// The event's number in the feed.
    pub seq: i64,
    /// The event's type.
    #[serde(rename = "type")]
    pub type_: String,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i32,
    /// What the last try came to.
    pub outcome: Option<DeliveryOutcome>,
    /// The same in a sentence.
    pub detail: Option<&'static str>,
    /// The status that the endpoint answered then.
    pub status: Option<i32>,
    /// When it was made.
    pub created_at: Ts,
    /// When it was last tried.
    pub attempted_at: Option<Ts>,
    /// When it is tried next, if it is pending; later if the endpoint is disabled or paused.
    pub next_attempt_at: Option<Ts>,
    /// When it was delivered or given up.
    pub finished_at: Option<Ts>,
}

impl From<DeliveryRow> for DeliveryView {
    fn from(row: DeliveryRow) -> Self {
        Self {
            event_id: row.event_id,
            seq: row.seq,
            type_: row.type_,
            state: row.state,
            attempts: row.attempts,
            outcome: row.outcome,
            detail: row.outcome.map(DeliveryOutcome::detail),
            status: row.status,
            created_at: row.created_at,
            attempted_at: row.attempted_at,
            next_attempt_at: (row.state == DeliveryState::Pending).then_some(row.next_attempt_at),
            finished_at: row.finished_at,
        }
    }
}

/// What to send again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Failed deliveries that were made at this moment or later; all without one.
    pub since: Option<Ts>,
}

/// What is sent again.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayView {
    /// How many deliveries.
    pub deliveries: usize,
}

/// A page of the deliveries of an endpoint, the newest event first.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    id: WebhookId,
    state: Option<DeliveryState>,
    page: &PageQuery,
) -> Result<Page<DeliveryView>> {
    find(conn, caller.org, id)?;
    let filter = (id, state);
    let cursor: Option<Cursor<RecordId>> = page.cursor("webhook_deliveries", &filter)?;
    let mut rows =
        conn.list_deliveries(caller.org, id, state, cursor.map(|c| c.0), page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.event_id));
    Ok(Page {
        next_page_token: page.next("webhook_deliveries", &filter, more, last),
        data: rows.into_iter().map(DeliveryView::from).collect(),
    })
}

/// Sends one again, whatever became of it: under the same id, with the same bytes, and with all its tries.
pub fn replay(tx: &mut Tx<'_>, id: WebhookId, event: RecordId) -> Result<DeliveryView> {
    let webhook = lock(tx, id)?;
    let mut row = tx
        .conn
        .lock_delivery(webhook.org_id, id, event)?
        .ok_or_else(|| Error::not_found("delivery"))?;
    let was = row.state;
    row.state = DeliveryState::Pending;
    row.attempts = 0;
    row.next_attempt_at = tx.conn.now()?;
    row.finished_at = None;
    tx.conn.update_delivery(&row)?;
    record(
        tx,
        "webhook.replayed",
        &webhook,
        &json!({ "event_id": event, "was": was }),
    )?;
    Ok(row.into())
}

/// Sends again what failed.
pub fn replay_failed(
    tx: &mut Tx<'_>,
    id: WebhookId,
    request: &ReplayRequest,
) -> Result<ReplayView> {
    let webhook = lock(tx, id)?;
    let now = tx.conn.now()?;
    let since = request
        .since
        .unwrap_or_else(|| DateTime::<Utc>::UNIX_EPOCH.into());
    let deliveries = tx.conn.replay_deliveries(webhook.org_id, id, since, now)?;
    if deliveries > 0 {
        record(
            tx,
            "webhook.replayed",
            &webhook,
            &json!({ "deliveries": deliveries, "since": request.since }),
        )?;
    }
    Ok(ReplayView { deliveries })
}
