//! Retention, holds, alarms and brakes, by the API of a server.

use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::super::backend::{Answer, Keeping, PageAsk};
use super::{Call, Remote, page_query};
use crate::domain::ids::{AlarmId, BrakeId, EntryId, HoldId};
use crate::service::holds::{EntryPatch, NewHold};
use crate::service::retention::{PauseChange, RetentionChange};

impl Keeping for Remote {
    fn retention(&self) -> Answer {
        self.call(&Call::get("/v1/retention"))
    }

    fn set_retention(&self, change: &RetentionChange) -> Answer {
        let brake = change.brake.as_ref().map(|brake| {
            given([
                ("connections", brake.connections.map(Value::from)),
                ("percent", brake.percent.map(Value::from)),
                ("refuse_deletions", brake.refuse_deletions.map(Value::from)),
            ])
        });
        let body = given([
            ("retention_days", change.retention_days.map(Value::from)),
            ("purge_protection", change.purge_protection.map(Value::from)),
            ("brake", brake),
        ]);
        self.send_json(Method::PUT, "/v1/retention".to_owned(), &body)
    }

    fn purge_status(&self) -> Answer {
        self.call(&Call::get("/v1/purge"))
    }

    fn pause_purge(&self, change: &PauseChange) -> Answer {
        let body = given([
            ("paused", Some(json!(change.paused))),
            ("reason", change.reason.clone().map(Value::from)),
        ]);
        self.send_json(Method::PUT, "/v1/purge/pause".to_owned(), &body)
    }

    fn summary(&self) -> Answer {
        self.call(&Call::get("/v1/trash/summary"))
    }

    fn hold(&self, entry: EntryId, new: &NewHold) -> Answer {
        let body = given([
            ("reason", Some(json!(new.reason))),
            ("ends_at", new.ends_at.clone().map(Value::from)),
        ]);
        self.post(format!("/v1/trash/{entry}/holds"), &body)
    }

    fn release_hold(&self, entry: EntryId, hold: HoldId) -> Answer {
        self.delete_row(format!("/v1/trash/{entry}/holds/{hold}"))
    }

    fn reschedule(&self, entry: EntryId, patch: &EntryPatch) -> Answer {
        let body = json!({ "purge_at": patch.purge_at });
        self.send_json(Method::PATCH, format!("/v1/trash/{entry}"), &body)
    }

    fn alarms(&self, all: bool, page: PageAsk) -> Answer {
        let mut query = page_query(page);
        query.push(("state", if all { "any" } else { "open" }.to_owned()));
        self.call(&Call {
            query,
            ..Call::get("/v1/alarms")
        })
    }

    fn acknowledge_alarm(&self, id: AlarmId) -> Answer {
        self.call(&Call {
            method: Method::POST,
            ..Call::get(format!("/v1/alarms/{id}/acknowledge"))
        })
    }

    fn brakes(&self, page: PageAsk) -> Answer {
        self.call(&Call {
            query: page_query(page),
            ..Call::get("/v1/brakes")
        })
    }

    fn release_brake(&self, id: BrakeId) -> Answer {
        self.delete_row(format!("/v1/brakes/{id}"))
    }
}

/// An object of what is given: what is left out stays as it is, and `null` is refused.
fn given<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let given = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<String, Value>>())
}
