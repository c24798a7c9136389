//! Webhook endpoints, and the deliveries on their way to them.
//!
//! What spans organizations here is asked by the deliverer alone, no request does.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{OrgId, RecordId, WebhookId};
use crate::domain::kinds::{DeliveryState, WebhookState};
use crate::store::due::due_deliveries;
use crate::store::rows::{DeliveryRow, WebhookRow};
use crate::store::schema::{audit_seals as s, webhook_deliveries as d, webhook_endpoints as w};

/// The deliveries of one endpoint; a macro, for its type has no short name.
macro_rules! deliveries_of {
    ($org:expr, $id:expr) => {
        d::table
            .filter(d::org_id.eq($org))
            .filter(d::endpoint_id.eq($id))
    };
}

pub(in crate::store) fn insert_webhook(conn: &mut Conn, row: &WebhookRow) -> QueryResult<usize> {
    diesel::insert_into(w::table).values(row).execute(conn)
}

pub(in crate::store) fn update_webhook(conn: &mut Conn, row: &WebhookRow) -> QueryResult<usize> {
    diesel::update(w::table.find((row.org_id, row.id)))
        .set(row)
        .execute(conn)
}

pub(in crate::store) fn find_webhook(
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

pub(in crate::store) fn list_webhooks(
    conn: &mut Conn,
    org: OrgId,
    after: Option<WebhookId>,
    limit: i64,
) -> QueryResult<Vec<WebhookRow>> {
    let mut query = w::table
        .filter(w::org_id.eq(org))
        .order(w::id)
        .limit(limit)
        .select(WebhookRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(w::id.gt(after));
    }
    query.load(conn)
}

pub(in crate::store) fn count_webhooks(conn: &mut Conn, org: OrgId) -> QueryResult<i64> {
    w::table.filter(w::org_id.eq(org)).count().get_result(conn)
}

pub(in crate::store) fn delete_webhook(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
) -> QueryResult<usize> {
    diesel::delete(deliveries_of!(org, id)).execute(conn)?;
    diesel::delete(w::table.find((org, id))).execute(conn)
}

pub(in crate::store) fn webhooks_behind(conn: &mut Conn) -> QueryResult<Vec<(OrgId, WebhookId)>> {
    w::table
        .filter(w::state.eq(WebhookState::Enabled))
        .filter(exists(
            s::table
                .filter(s::org_id.eq(w::org_id))
                .filter(s::seq.gt(w::position.nullable()))
                .filter(s::announced),
        ))
        .order((w::org_id, w::id))
        .select((w::org_id, w::id))
        .load(conn)
}

pub(in crate::store) fn webhooks_due(
    conn: &mut Conn,
    now: Ts,
) -> QueryResult<Vec<(OrgId, WebhookId)>> {
    w::table
        .filter(w::state.eq(WebhookState::Enabled))
        .filter(w::paused_until.is_null().or(w::paused_until.le(now)))
        .filter(exists(
            due_deliveries!(now)
                .filter(d::org_id.eq(w::org_id))
                .filter(d::endpoint_id.eq(w::id)),
        ))
        .order((w::org_id, w::id))
        .select((w::org_id, w::id))
        .load(conn)
}

pub(in crate::store) fn webhooks_past_overlap(
    conn: &mut Conn,
    now: Ts,
) -> QueryResult<Vec<(OrgId, WebhookId)>> {
    w::table
        .filter(w::previous_until.le(now))
        .order((w::org_id, w::id))
        .select((w::org_id, w::id))
        .load(conn)
}

pub(in crate::store) fn insert_deliveries(
    conn: &mut Conn,
    rows: &[DeliveryRow],
) -> QueryResult<usize> {
    diesel::insert_into(d::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(conn)
}

pub(in crate::store) fn count_pending_deliveries(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
) -> QueryResult<i64> {
    deliveries_of!(org, id)
        .filter(d::finished_at.is_null())
        .count()
        .get_result(conn)
}

pub(in crate::store) fn lease_deliveries(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
    events: &[RecordId],
    until: Ts,
) -> QueryResult<usize> {
    diesel::update(deliveries_of!(org, id).filter(d::event_id.eq_any(events)))
        .set(d::leased_until.eq(until))
        .execute(conn)
}

pub(in crate::store) fn update_delivery(conn: &mut Conn, row: &DeliveryRow) -> QueryResult<usize> {
    diesel::update(d::table.find((row.org_id, row.endpoint_id, row.event_id)))
        .set(row)
        .execute(conn)
}

pub(in crate::store) fn list_deliveries(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
    state: Option<DeliveryState>,
    before: Option<RecordId>,
    limit: i64,
) -> QueryResult<Vec<DeliveryRow>> {
    let mut query = deliveries_of!(org, id)
        .order(d::event_id.desc())
        .limit(limit)
        .select(DeliveryRow::as_select())
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(d::state.eq(state));
    }
    if let Some(before) = before {
        query = query.filter(d::event_id.lt(before));
    }
    query.load(conn)
}

pub(in crate::store) fn replay_deliveries(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
    since: Ts,
    now: Ts,
) -> QueryResult<usize> {
    let failed = deliveries_of!(org, id).filter(d::state.eq(DeliveryState::Failed));
    diesel::update(failed.filter(d::created_at.ge(since)))
        .set((
            d::state.eq(DeliveryState::Pending),
            d::attempts.eq(0),
            d::next_attempt_at.eq(now),
            d::leased_until.eq(None::<Ts>),
            d::finished_at.eq(None::<Ts>),
        ))
        .execute(conn)
}

/// Leases stay: who sends one now goes on.
pub(in crate::store) fn revive_deliveries(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
    now: Ts,
) -> QueryResult<usize> {
    diesel::update(deliveries_of!(org, id).filter(d::finished_at.is_null()))
        .set((d::attempts.eq(0), d::next_attempt_at.eq(now)))
        .execute(conn)
}

pub(in crate::store) fn drop_deliveries(
    conn: &mut Conn,
    org: OrgId,
    id: WebhookId,
    before: Ts,
) -> QueryResult<usize> {
    diesel::delete(deliveries_of!(org, id).filter(d::finished_at.lt(before))).execute(conn)
}
