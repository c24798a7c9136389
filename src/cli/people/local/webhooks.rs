//! Webhooks, on the database itself. A server that runs beside sends what is to be sent.

use anyhow::Context as _;

use super::super::backend::{Answer, PageAsk, Telling};
use super::{Local, page_query, refused};
use crate::domain::ids::{RecordId, WebhookId};
use crate::domain::kinds::{DeliveryState, WebhookState};
use crate::service::webhooks::deliveries::{self, ReplayRequest};
use crate::service::webhooks::{self, NewWebhook, WebhookPatch, testing};

const TEST: &str = "POST /v1/webhooks/{id}/test";

impl Telling for Local {
    fn webhooks(&self, page: PageAsk) -> Answer {
        let page = page_query(page)?;
        self.read(|conn, caller| webhooks::list(conn, caller, &page))
    }

    fn webhook(&self, id: WebhookId) -> Answer {
        self.read(|conn, caller| webhooks::get(conn, caller, id))
    }

    fn create_webhook(&self, new: &NewWebhook) -> Answer {
        self.write("POST /v1/webhooks", None, |tx| webhooks::create(tx, new))
    }

    fn set_webhook(&self, id: WebhookId, state: WebhookState) -> Answer {
        let patch = WebhookPatch {
            state: Some(state),
            ..WebhookPatch::default()
        };
        self.write("PATCH /v1/webhooks/{id}", None, |tx| {
            webhooks::patch(tx, id, None, &patch)
        })
    }

    fn delete_webhook(&self, id: WebhookId) -> Answer {
        let answer = self.write("DELETE /v1/webhooks/{id}", None, |tx| {
            webhooks::delete(tx, id)
        })?;
        self.erase();
        Ok(answer)
    }

    fn rotate_webhook(&self, id: WebhookId) -> Answer {
        let answer = self.write("POST /v1/webhooks/{id}/rotate-secret", None, |tx| {
            webhooks::rotate_secret(tx, id)
        })?;
        self.erase();
        Ok(answer)
    }

    fn test_webhook(&self, id: WebhookId) -> Answer {
        let begun = self.change(TEST, None, |tx| testing::begin(tx, id));
        let ticket = begun.map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the message can't be sent")?;
        let limit = self.services.deliverer.limits.answer;
        let view = runtime.block_on(ticket.send(self.services.prober.dialer(), limit));
        self.write(TEST, None, |tx| {
            testing::note(tx, &ticket, &view).map(|()| view.clone())
        })
    }

    fn deliveries(&self, id: WebhookId, state: Option<DeliveryState>, page: PageAsk) -> Answer {
        let page = page_query(page)?;
        self.read(|conn, caller| deliveries::list(conn, caller, id, state, &page))
    }

    fn replay_delivery(&self, id: WebhookId, event: RecordId) -> Answer {
        self.write(
            "POST /v1/webhooks/{id}/deliveries/{event}/replay",
            None,
            |tx| deliveries::replay(tx, id, event),
        )
    }

    fn replay_failed(&self, id: WebhookId, request: &ReplayRequest) -> Answer {
        self.write("POST /v1/webhooks/{id}/replay", None, |tx| {
            deliveries::replay_failed(tx, id, request)
        })
    }
}
