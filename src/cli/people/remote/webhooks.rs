//! Webhooks, by the API of a server.

use serde_json::json;
use ureq::http::Method;

use super::super::backend::{Answer, PageAsk, Telling};
use super::{Call, Remote, page_query};
use crate::domain::ids::{RecordId, WebhookId};
use crate::domain::kinds::{DeliveryState, WebhookState};
use crate::service::webhooks::NewWebhook;
use crate::service::webhooks::deliveries::ReplayRequest;

impl Remote {
    /// A call without a body.
    fn tell(&self, path: String) -> Answer {
        self.call(&Call {
            method: Method::POST,
            ..Call::get(path)
        })
    }
}

impl Telling for Remote {
    fn webhooks(&self, page: PageAsk) -> Answer {
        self.call(&Call {
            query: page_query(page),
            ..Call::get("/v1/webhooks")
        })
    }

    fn webhook(&self, id: WebhookId) -> Answer {
        self.call(&Call::get(format!("/v1/webhooks/{id}")))
    }

    fn create_webhook(&self, new: &NewWebhook) -> Answer {
        let body = json!({
            "url": new.url,
            "description": new.description,
            "format": new.format,
            "types": new.types,
        });
        self.post("/v1/webhooks".to_owned(), &body)
    }

    fn set_webhook(&self, id: WebhookId, state: WebhookState) -> Answer {
        let body = json!({ "state": state });
        self.send_json(Method::PATCH, format!("/v1/webhooks/{id}"), &body)
    }

    fn delete_webhook(&self, id: WebhookId) -> Answer {
        self.delete_row(format!("/v1/webhooks/{id}"))
    }

    fn rotate_webhook(&self, id: WebhookId) -> Answer {
        self.tell(format!("/v1/webhooks/{id}/rotate-secret"))
    }

    fn test_webhook(&self, id: WebhookId) -> Answer {
        self.tell(format!("/v1/webhooks/{id}/test"))
    }

    fn deliveries(&self, id: WebhookId, state: Option<DeliveryState>, page: PageAsk) -> Answer {
        let mut query = page_query(page);
        if let Some(state) = state {
            query.push(("state", state.to_string()));
        }
        self.call(&Call {
            query,
            ..Call::get(format!("/v1/webhooks/{id}/deliveries"))
        })
    }

    fn replay_delivery(&self, id: WebhookId, event: RecordId) -> Answer {
        self.tell(format!("/v1/webhooks/{id}/deliveries/{event}/replay"))
    }

    fn replay_failed(&self, id: WebhookId, request: &ReplayRequest) -> Answer {
        let body = match request.since {
            Some(since) => json!({ "since": since }),
            None => json!({}),
        };
        self.post(format!("/v1/webhooks/{id}/replay"), &body)
    }
}
