//! Webhooks on SQLite: its one writer needs no row locks.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{OrgId, RecordId, WebhookId};
use crate::domain::kinds::WebhookState;
use crate::store::due::due_deliveries;
use crate::store::rows::{DeliveryRow, WebhookRow};
use crate::store::schema::{webhook_deliveries as d, webhook_endpoints as w};

/// The write transaction is exclusive already.
pub(in crate::store) fn lock_webhook(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
) -> QueryResult<Option<WebhookRow>> {
    w::table
        .find((org, id))
        .select(WebhookRow::as_select())
        .first(conn)
        .optional()
}

/// An enabled endpoint.
pub(in crate::store) fn claim_webhook(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
) -> QueryResult<Option<WebhookRow>> {
    w::table
        .find((org, id))
        .filter(w::state.eq(WebhookState::Enabled))
        .select(WebhookRow::as_select())
        .first(conn)
        .optional()
}

/// Deliveries that are due and that nobody sends.
pub(in crate::store) fn claim_deliveries(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
    now: Ts,
    limit: i64,
) -> QueryResult<Vec<DeliveryRow>> {
    due_deliveries!(now)
        .filter(d::org_id.eq(org))
        .filter(d::endpoint_id.eq(id))
        .order((d::next_attempt_at, d::event_id))
        .limit(limit)
        .select(DeliveryRow::as_select())
        .load(conn)
}

/// One delivery.
pub(in crate::store) fn lock_delivery(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
    event: RecordId,
) -> QueryResult<Option<DeliveryRow>> {
    d::table
        .find((org, id, event))
        .select(DeliveryRow::as_select())
        .first(conn)
        .optional()
}
