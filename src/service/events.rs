//! Events: the audit records that are announced, as a feed.
//!
//! What must stay true: an event is its audit record, so there is none for what was rolled back and none is lost; the feed
//! shows sealed ones alone, so nothing ever appears behind a cursor (promise 10). Payloads are thin: ids, names, counts and
//! times, never a secret.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audit::{AuditView, Subject};
use super::caller::{Actor, Caller};
use super::error::{Error, Result};
use super::pages::PageQuery;
use crate::domain::actions;
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, RecordId};
use crate::domain::json::JsonText;
use crate::domain::scopes::Scope;
use crate::store::Conn;
use crate::store::rows::AuditRow;

/// An event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its id: the same wherever and however often it is seen.
    pub id: RecordId,
    /// Its place in the organization's feed. Numbers grow; some belong to records that are no events.
    pub seq: i64,
    /// What happened (docs/events.md).
    #[serde(rename = "type")]
    pub type_: String,
    /// When it happened.
    pub at: Ts,
    /// Who did it.
    pub actor: Actor,
    /// To what.
    pub subject: Subject,
    /// The trash entry it concerns.
    pub entry_id: Option<EntryId>,
    /// Counts and names.
    #[schema(value_type = Object)]
    pub detail: JsonText,
}

impl EventView {
    /// From a sealed record.
    pub fn new(record: (AuditRow, Option<i64>, Option<String>)) -> Self {
        let view = AuditView::new(record);
        Self {
            id: view.id,
            seq: view.seq.unwrap_or_default(),
            type_: view.action,
            at: view.at,
            actor: view.actor,
            subject: view.subject,
            entry_id: view.entry_id,
            detail: view.detail,
        }
    }
}

/// A page of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Feed {
    /// The events, in their order.
    pub data: Vec<EventView>,
    /// Send it as `after` for what comes next, also when there was nothing.
    pub cursor: String,
    /// Whether there is more already.
    pub has_more: bool,
}

/// Where a feed begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// After this number; 0 is the beginning.
    Seq(i64),
    /// After everything that there is.
    Now,
}

impl After {
    /// Reads a cursor, or `now`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "now" {
            return Some(Self::Now);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self::Seq)).flatten()
    }
}

/// What is no cursor of this feed.
pub fn no_cursor() -> Error {
    Error::field(
        "after",
        "unknown_cursor",
        "This cursor is not of this feed, or of a database that was put back to before it; begin again without it.",
    )
}

/// Reads the types of a filter: words and families (`trash.*`), separated by commas.
pub fn types(text: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for pattern in text.split(',') {
        let matching = actions::matching(pattern).ok_or_else(|| {
            Error::field(
                "type",
                "invalid_value",
                "type takes types of events and families like `trash.*`, separated by commas.",
            )
        })?;
        words.extend(matching.into_iter().map(str::to_owned));
    }
    Ok(words)
}

/// What happened after a cursor.
pub fn feed(
    conn: &mut Conn,
    caller: &Caller,
    after: After,
    types: Option<&[String]>,
    page: &PageQuery,
) -> Result<Feed> {
    caller.require(Scope::EventsRead)?;
    let head = conn.audit_head(caller.org)?.map_or(0, |(seq, _)| seq);
    let from = match after {
        After::Seq(seq) if seq <= head => seq,
        // As after a backup was put back: what comes next would be left out.
        After::Seq(_) => return Err(no_cursor()),
        After::Now => head,
    };
    let mut rows = conn.events_after(caller.org, from, types, page.limit() + 1)?;
    let has_more = page.cut(&mut rows);
    let data: Vec<EventView> = rows.into_iter().map(EventView::new).collect();
    // Without more the cursor moves on to the end, past what the filter leaves out. Both were read in one snapshot.
    let cursor = match data.last() {
        Some(last) if has_more => last.seq,
        _ => head,
    };
    Ok(Feed {
        data,
        cursor: cursor.to_string(),
        has_more,
    })
}
