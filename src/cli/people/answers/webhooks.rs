//! What the commands read out of the API's documents about webhooks.

use serde::Deserialize;

use crate::domain::clock::Ts;
use crate::domain::ids::{RecordId, WebhookId};

/// A webhook endpoint, with its signing secret if that is new.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Webhook {
    pub(in crate::cli) id: WebhookId,
    pub(in crate::cli) signing_secret: Option<String>,
    pub(in crate::cli) url: String,
    pub(in crate::cli) description: String,
    pub(in crate::cli) format: String,
    pub(in crate::cli) types: Vec<String>,
    pub(in crate::cli) state: String,
    pub(in crate::cli) disabled_reason: Option<String>,
    pub(in crate::cli) failures: i32,
    pub(in crate::cli) paused_until: Option<Ts>,
    pub(in crate::cli) last_delivered_at: Option<Ts>,
    pub(in crate::cli) previous_secret_until: Option<Ts>,
    pub(in crate::cli) created_at: Ts,
}

/// An event on its way to an endpoint.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Delivery {
    pub(in crate::cli) event_id: RecordId,
    #[serde(rename = "type")]
    pub(in crate::cli) type_: String,
    pub(in crate::cli) state: String,
    pub(in crate::cli) attempts: i32,
    pub(in crate::cli) outcome: Option<String>,
    pub(in crate::cli) status: Option<i32>,
    pub(in crate::cli) attempted_at: Option<Ts>,
    pub(in crate::cli) next_attempt_at: Option<Ts>,
}

/// What a test came to.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Tested {
    pub(in crate::cli) outcome: String,
    pub(in crate::cli) detail: String,
    pub(in crate::cli) status: Option<u16>,
}

/// What is sent again.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Replayed {
    pub(in crate::cli) deliveries: i64,
}
