//! What is sent: the event as the feed has it, or a sentence about it.
//!
//! What must stay true: nothing but what the feed shows, which never holds a secret; in a sentence no name that a person
//! gave becomes a mention, a link or mark-up of a chat tool.

use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::clock::Ts;
use crate::domain::ids::RecordId;
use crate::domain::kinds::WebhookFormat;
use crate::domain::text::is_invisible;
use crate::service::error::Result;
use crate::service::events::EventView;
use crate::service::unit::to_json;
use crate::store::rows::AuditRow;

/// After so many characters names are cut, and what an alarm tells.
const LONGEST_NAME: usize = 80;
const LONGEST_DETAIL: usize = 500;

/// An event with its number and its hash.
pub(super) type Numbered = (AuditRow, Option<i64>, Option<String>);

/// The payload that Standard Webhooks describes.
#[derive(Serialize)]
struct Message<'a, T> {
    #[serde(rename = "type")]
    type_: &'a str,
    timestamp: Ts,
    data: T,
}

/// The id under which a message is known to its receiver, over all tries.
pub(super) fn id(event: RecordId) -> String {
    format!("evt_{event}")
}

/// The body for an event.
pub(super) fn body(format: WebhookFormat, event: &Numbered) -> Result<String> {
    let body = match format {
        WebhookFormat::Standard => {
            let event = EventView::new(event.clone());
            to_json(&Message {
                type_: &event.type_,
                timestamp: event.at,
                data: &event,
            })?
        }
        WebhookFormat::Text => to_json(&json!({ "text": sentence(&event.0) }))?,
    };
    Ok(body.as_str().to_owned())
}

/// The body of a test.
pub(super) fn test_body(format: WebhookFormat, at: Ts) -> Result<String> {
    let body = match format {
        WebhookFormat::Standard => to_json(&Message {
            type_: "webhook.test",
            timestamp: at,
            data: json!({}),
        })?,
        WebhookFormat::Text => to_json(&json!({ "text": "Reprieve can reach this channel." }))?,
    };
    Ok(body.as_str().to_owned())
}

/// An event in a sentence.
fn sentence(event: &AuditRow) -> String {
    let detail: Value = serde_json::from_str(event.detail.as_str()).unwrap_or_default();
    let who = plain(event.actor_name.as_deref().unwrap_or(&event.actor_id));
    let kind = plain(&event.subject_kind);
    let text = |key: &str| detail.get(key)?.as_str().map(plain);
    let number = |pointer: &str| {
        let found = detail.pointer(pointer).and_then(Value::as_i64);
        found.unwrap_or_default()
    };
    let name = text("name")
        .or_else(|| text("key"))
        .or_else(|| text("host"))
        .or_else(|| event.subject_id.map(|id| id.to_string()))
        .unwrap_or_default();
    let it = format!("the {kind} {name}");
    let date = |key: &str| text(key).map(|at| at.chars().take(10).collect::<String>());
    let until = date("purge_at").map_or(String::new(), |date| format!(" until {date}"));
    let (family, what) = event.action.split_once('.').unwrap_or((&event.action, ""));
    match (family, what) {
        ("trash", "purge_soon") => match date("purge_at") {
            Some(date) => {
                format!("On {date} {it} is purged for good. Until then it can be restored.")
            }
            None => format!("Soon {it} is purged for good."),
        },
        ("trash", "purged") => format!("{it} was purged for good.", it = capital(&it)),
        ("trash", "purging") => format!("{it} is being purged for good.", it = capital(&it)),
        ("trash", "held") => format!("{who} put {it} on hold: it is not purged."),
        ("trash", "hold_released") => format!("{who} ended a hold on {it}."),
        ("trash", "rescheduled") => format!("{who} moved the purge of {it}."),
        ("alarm", "raised") => match (
            text("title"),
            detail
                .get("detail")
                .and_then(Value::as_str)
                .map(|text| cut(text, LONGEST_DETAIL)),
        ) {
            (Some(title), Some(detail)) => format!("Alarm: {title}. {detail}"),
            (Some(only), None) | (None, Some(only)) => format!("Alarm: {only}"),
            (None, None) => format!("Alarm: {}", text("code").unwrap_or(name)),
        },
        ("alarm", "acknowledged") => format!(
            "{who} took note of an alarm: {}",
            text("code").unwrap_or(name)
        ),
        ("brake", "started") => format!(
            "A brake on mass deletion has started: {} of {} connections were deleted within an hour.",
            number("/connections"),
            number("/of_connections")
        ),
        (_, "trashed") => {
            // The rows of the entry, without the one it is about.
            let along: Vec<String> = [
                ("connection", "connections"),
                ("model", "models"),
                ("content", "content"),
            ]
            .into_iter()
            .map(|(kind, rows)| {
                let all = number(&format!("/rows/after/trash/{rows}"));
                (all - i64::from(kind == event.subject_kind), rows)
            })
            .filter(|(count, _)| *count > 0)
            .map(|(count, rows)| format!("{count} {rows}"))
            .collect();
            let along = if along.is_empty() {
                String::new()
            } else {
                format!(" It took along: {}.", along.join(", "))
            };
            format!("{who} deleted {it}. It is in the trash{until} and can be restored.{along}")
        }
        (_, "restored") => format!("{who} restored {it}."),
        (_, "created") => format!("{who} created {it}."),
        (_, "updated") => format!("{who} changed {it}."),
        (_, "deleted") => format!("{who} deleted {it}."),
        (_, "tested") => format!(
            "{who} tested {it}: {}.",
            text("outcome").unwrap_or_default()
        ),
        (_, "credentials_entered") => format!("{who} entered credentials of {it}."),
        (_, "secrets_shredded") => format!("The secrets of {it} are shredded."),
        (_, "revoked") => format!("The credentials of {it} are revoked at their source."),
        (_, "revocation_failed") => {
            format!(
                "The credentials of {it} could not be revoked: they are still valid at their source."
            )
        }
        _ => format!("{}: {it}, by {who}.", plain(&event.action)),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// A text that somebody chose, so that a chat tool shows it and does nothing else with it. What is not seen is made
/// seen; a space without width breaks mentions (`@all`), links (`https://`, `](`) and code.
fn plain(text: &str) -> String {
    cut(text, LONGEST_NAME)
}

fn cut(text: &str, longest: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars().take(longest) {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '@' | '/' | ']' | '`' | '#' => {
                shown.push(c);
                shown.push('\u{200b}');
            }
            c if c.is_control() || is_invisible(c) => shown.push('\u{fffd}'),
            c => shown.push(c),
        }
    }
    if text.chars().nth(longest).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{OrgId, RootId};

    fn event(action: &str, kind: &str, detail: Value) -> AuditRow {
        AuditRow {
            org_id: OrgId::mint(),
            id: RecordId::mint(),
            at: Ts::parse("2026-11-22T09:30:00Z").unwrap(),
            actor_id: "key:1".to_owned(),
            actor_name: Some("Zoë".to_owned()),
            key_id: None,
            address: None,
            request_id: None,
            action: action.to_owned(),
            outcome: "done".to_owned(),
            subject_kind: kind.to_owned(),
            subject_id: Some(RootId(uuid::Uuid::nil())),
            entry_id: None,
            detail: to_json(&detail).unwrap(),
            announced: true,
        }
    }

    #[test]
    fn a_deletion_is_told_in_a_sentence() {
        let detail = json!({"name": "Sales", "purge_at": "2026-12-22T09:30:00.000000Z", "rows": {"after": {"trash": {"connections": 1, "models": 3, "content": 4}}}});
        assert_eq!(
            sentence(&event("connection.trashed", "connection", detail)),
            "Zoë deleted the connection Sales. It is in the trash until 2026-12-22 and can be restored. It took along: 3 models, 4 content."
        );
        let detail = json!({"name": "Sales", "purge_at": "2026-12-22T09:30:00.000000Z"});
        assert_eq!(
            sentence(&event("trash.purge_soon", "connection", detail)),
            "On 2026-12-22 the connection Sales is purged for good. Until then it can be restored."
        );
        assert_eq!(
            sentence(&event("strange.thing", "robot", json!({}))),
            format!("strange.thing: the robot {}, by Zoë.", uuid::Uuid::nil())
        );
    }

    #[test]
    fn a_name_mentions_nobody_links_nowhere_and_hides_nothing() {
        let name = "<!channel> @all [x](https://evil.example) \u{202e}& `rm`";
        let text = sentence(&event(
            "connection.restored",
            "connection",
            json!({"name": name}),
        ));
        for bad in ["<!", "@all", "](", "://", "\u{202e}"] {
            assert!(!text.contains(bad), "{bad:?}: {text}");
        }
        assert!(
            text.contains("&lt;!channel&gt;") && text.contains("&amp;"),
            "{text}"
        );
        let long = sentence(&event(
            "connection.restored",
            "connection",
            json!({"name": "x".repeat(300)}),
        ));
        assert!(long.chars().count() < 130, "{long}");
    }
}
