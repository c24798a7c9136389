//! Audit records, events and receipts, by the API of a server.

use super::super::backend::{Answer, AuditAsk, PageAsk, Record};
use super::{Call, Remote, given, page_query};
use crate::domain::ids::EntryId;

impl Record for Remote {
    fn audit(&self, ask: &AuditAsk, page: PageAsk) -> Answer {
        let mut query = page_query(page);
        query.extend(given([
            ("action", ask.action.clone()),
            ("actor", ask.actor.clone()),
            ("outcome", ask.outcome.clone()),
            ("subject_id", ask.subject.map(|id| id.to_string())),
            ("entry_id", ask.entry.map(|id| id.to_string())),
            ("request_id", ask.request.clone()),
        ]));
        self.call(&Call {
            query,
            ..Call::get("/v1/audit")
        })
    }

    fn audit_chain(&self, page: PageAsk) -> Answer {
        let mut query = page_query(page);
        query.push(("sort", "seq".to_owned()));
        self.call(&Call {
            query,
            ..Call::get("/v1/audit")
        })
    }

    fn audit_head(&self) -> Answer {
        self.call(&Call::get("/v1/audit/head"))
    }

    fn events(&self, after: Option<&str>, types: Option<&str>, size: i64) -> Answer {
        let mut query = vec![("page_size", size.to_string())];
        query.extend(given([
            ("after", after.map(str::to_owned)),
            ("type", types.map(str::to_owned)),
        ]));
        self.call(&Call {
            query,
            ..Call::get("/v1/events")
        })
    }

    fn receipt(&self, id: EntryId) -> Answer {
        self.call(&Call::get(format!("/v1/receipts/{id}")))
    }

    fn receipt_keys(&self) -> Answer {
        self.call(&Call::get("/v1/receipt-keys"))
    }
}
