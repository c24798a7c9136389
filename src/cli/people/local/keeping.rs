//! Retention, holds, alarms and brakes, on the database itself.

use super::super::backend::{Answer, Keeping, PageAsk};
use super::{Local, document, page_query};
use crate::domain::ids::{AlarmId, BrakeId, EntryId, HoldId};
use crate::service::holds::{self, EntryPatch, NewHold};
use crate::service::purge::status;
use crate::service::retention::{self, PauseChange, RetentionChange};
use crate::service::{alarms, brakes, trash};

impl Keeping for Local {
    fn retention(&self) -> Answer {
        self.read(|conn, caller| retention::get(&self.services, conn, caller))
    }

    fn set_retention(&self, change: &RetentionChange) -> Answer {
        self.write("PUT /v1/retention", None, |tx| {
            retention::put(tx, None, change)
        })
    }

    fn purge_status(&self) -> Answer {
        document(status::status(&self.services, &self.caller))
    }

    fn pause_purge(&self, change: &PauseChange) -> Answer {
        self.write("PUT /v1/purge/pause", None, |tx| {
            retention::pause(tx, change)
        })
    }

    fn summary(&self) -> Answer {
        self.read(trash::summary)
    }

    fn hold(&self, entry: EntryId, new: &NewHold) -> Answer {
        self.write("POST /v1/trash/{id}/holds", Some(entry), |tx| {
            holds::hold(tx, entry, new)
        })
    }

    fn release_hold(&self, entry: EntryId, hold: HoldId) -> Answer {
        self.write("DELETE /v1/trash/{id}/holds/{hold}", Some(entry), |tx| {
            holds::release(tx, entry, hold)
        })
    }

    fn reschedule(&self, entry: EntryId, patch: &EntryPatch) -> Answer {
        self.write("PATCH /v1/trash/{id}", Some(entry), |tx| {
            holds::reschedule(tx, entry, patch)
        })
    }

    fn alarms(&self, all: bool, page: PageAsk) -> Answer {
        let (page, open) = (page_query(page)?, (!all).then_some(true));
        self.read(|conn, caller| alarms::list(conn, caller, open, &page))
    }

    fn acknowledge_alarm(&self, id: AlarmId) -> Answer {
        self.write("POST /v1/alarms/{id}/acknowledge", None, |tx| {
            alarms::acknowledge(tx, id)
        })
    }

    fn brakes(&self, page: PageAsk) -> Answer {
        let page = page_query(page)?;
        self.read(|conn, caller| brakes::list(conn, caller, &page))
    }

    fn release_brake(&self, id: BrakeId) -> Answer {
        self.write("DELETE /v1/brakes/{id}", None, |tx| brakes::release(tx, id))
    }
}
