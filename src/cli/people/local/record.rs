//! Audit records, events and receipts, on the database itself.

use super::super::backend::{Answer, AuditAsk, PageAsk, Record};
use super::{Local, document, page_query, refused};
use crate::domain::clock::Ts;
use crate::domain::ids::EntryId;
use crate::service::audit::{self, AuditQuery, seal};
use crate::service::error::Error;
use crate::service::events::{self, After};
use crate::service::receipts;
use crate::store::filters::AuditFilter;

impl Record for Local {
    fn audit(&self, ask: &AuditAsk, page: PageAsk) -> Answer {
        let page = page_query(page)?;
        let query = AuditQuery {
            action: ask.action.clone(),
            filter: AuditFilter {
                actions: None,
                actor: ask.actor.clone(),
                outcome: ask.outcome.clone(),
                subject: ask.subject,
                entry: ask.entry,
                request_id: ask.request.clone(),
                after: None::<Ts>,
                before: None,
            },
        };
        self.read(|conn, caller| audit::list(conn, caller, &query, &page))
    }

    fn audit_chain(&self, page: PageAsk) -> Answer {
        let page = page_query(page)?;
        self.read(|conn, caller| audit::in_order(conn, caller, &page))
    }

    fn audit_head(&self) -> Answer {
        // Without a server nobody else does it.
        seal::round(&self.services.store).map_err(|error| refused(Error::Store(error)))?;
        self.read(audit::head)
    }

    fn events(&self, after: Option<&str>, types: Option<&str>, size: i64) -> Answer {
        seal::round(&self.services.store).map_err(|error| refused(Error::Store(error)))?;
        let page = page_query(PageAsk { size, token: None })?;
        let after = match after.map(After::parse) {
            None => After::Seq(0),
            Some(Some(after)) => after,
            Some(None) => {
                let expected = "Expected a cursor of this feed or `now`.";
                return Err(refused(Error::field("after", "invalid_value", expected)));
            }
        };
        let types = types.map(events::types).transpose().map_err(refused)?;
        self.read(|conn, caller| events::feed(conn, caller, after, types.as_deref(), &page))
    }

    fn receipt(&self, id: EntryId) -> Answer {
        document(receipts::get(&self.services, &self.caller, id))
    }

    fn receipt_keys(&self) -> Answer {
        document(receipts::keys(&self.services, &self.caller))
    }
}
