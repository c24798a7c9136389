//! Sending one message to an endpoint now, for whoever sets it up.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::signing::Signer;
use super::{SECRET, lock, message, sending};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{RecordId, WebhookId};
use crate::domain::kinds::DeliveryOutcome;
use crate::metrics::Fact;
use crate::outbound::Dialer;
use crate::service::error::{Problem, Result};
use crate::service::unit::{Tx, to_json};

/// What a test came to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WebhookTestView {
    /// In one word.
    pub outcome: DeliveryOutcome,
    /// In a sentence.
    pub detail: &'static str,
    /// The status that the endpoint answered.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// When it ended.
    pub at: Ts,
}

/// A message on its way.
pub struct Ticket {
    id: WebhookId,
    url: String,
    body: String,
    signers: Vec<Signer>,
}

/// Reads an endpoint, also a disabled one, and opens what signs.
pub fn begin(tx: &mut Tx<'_>, id: WebhookId) -> Result<Ticket> {
    let row = lock(tx, id)?;
    let now = tx.conn.now()?;
    let signers = sending::signers(tx, &row, now)?.ok_or_else(|| {
        Problem::new(
            Code::NeedsCredentials,
            "The endpoint has lost its signing secret: rotate it first (POST /v1/webhooks/{id}/rotate-secret).",
        )
        .with("missing", [SECRET])
    })?;
    Ok(Ticket {
        id,
        body: message::test_body(row.format, tx.at)?,
        url: row.url,
        signers,
    })
}

impl Ticket {
    /// Sends it, once.
    pub async fn send(&self, dialer: &Dialer, limit: Duration) -> WebhookTestView {
        let began = Instant::now();
        let id = message::id(RecordId::mint());
        let sent = sending::post(dialer, &self.url, &self.signers, &id, &self.body, limit).await;
        let detail = match sent.outcome {
            DeliveryOutcome::Gone => "The endpoint answers that it is gone (410).",
            outcome => outcome.detail(),
        };
        WebhookTestView {
            outcome: sent.outcome,
            detail,
            status: sent.status,
            duration_ms: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
            at: Ts::now(),
        }
    }
}

/// Writes down that it was sent. It changes nothing: neither the endpoint nor what is on its way.
pub fn note(tx: &mut Tx<'_>, ticket: &Ticket, view: &WebhookTestView) -> Result<()> {
    tx.count(Fact::WebhookTried(view.outcome));
    let detail = to_json(&json!({ "outcome": view.outcome, "status": view.status }))?;
    tx.audit(
        "webhook.tested",
        "webhook",
        Some(ticket.id.into()),
        None,
        detail,
    )
}
