//! From the feed to deliveries: each event that comes after an endpoint's place, and that its types let through, becomes
//! one.
//!
//! Any number of these at once are safe: the endpoint is locked, and its place moves in the transaction that adds the
//! deliveries. So none is left out and none is there twice, whoever dies when.

use super::input::lets_through;
use super::message;
use crate::domain::ids::{OrgId, WebhookId};
use crate::domain::kinds::DeliveryState;
use crate::service::Services;
use crate::service::error::Result;
use crate::store::rows::DeliveryRow;

/// Events that one transaction turns into deliveries.
const BATCH: i64 = 200;

/// Turns events into deliveries until none is left, or so many are pending as may be: then the rest waits in the feed.
pub fn run(services: &Services, org: OrgId, id: WebhookId, most_pending: i64) -> Result<()> {
    while batch(services, org, id, most_pending)? {}
    Ok(())
}

/// One transaction; whether there may be more.
fn batch(services: &Services, org: OrgId, id: WebhookId, most_pending: i64) -> Result<bool> {
    services.store.write(|conn| {
        let Some(mut webhook) = conn.claim_webhook(org, id)? else {
            return Ok(false);
        };
        let pending = conn.count_pending_deliveries(org, id)?;
        let limit = BATCH.min(most_pending - pending);
        if limit <= 0 {
            return Ok(false);
        }
        let events = conn.events_after(org, webhook.position, None, limit)?;
        let Some(last) = events.last().and_then(|(_, seq, _)| *seq) else {
            return Ok(false);
        };
        let more = i64::try_from(events.len()).is_ok_and(|found| found == limit);
        let now = conn.now()?;
        let mut deliveries = Vec::new();
        for event in events {
            if !lets_through(&webhook.types, &event.0.action) {
                continue;
            }
            let body = message::body(webhook.format, &event)?;
            let (event, seq, _) = event;
            deliveries.push(DeliveryRow {
                org_id: org,
                endpoint_id: id,
                event_id: event.id,
                seq: seq.unwrap_or_default(),
                type_: event.action,
                body,
                state: DeliveryState::Pending,
                attempts: 0,
                outcome: None,
                status: None,
                created_at: now,
                next_attempt_at: now,
                leased_until: None,
                attempted_at: None,
                finished_at: None,
            });
        }
        if !deliveries.is_empty() {
            conn.insert_deliveries(&deliveries)?;
        }
        webhook.position = last;
        conn.update_webhook(&webhook)?;
        Ok(more)
    })
}
