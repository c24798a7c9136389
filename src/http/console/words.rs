//! How numbers and moments read on a page.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::domain::clock::Ts;
use crate::domain::kinds::RootKind;
use crate::service::caller::Actor;

/// A moment as people read it, with the exact one beside it.
pub(super) struct When {
    at: Ts,
    now: Ts,
}

impl When {
    pub(super) fn new(at: Ts, now: Ts) -> Self {
        Self { at, now }
    }

    /// Whether it lies less than three days ahead, or behind.
    pub(super) fn is_soon(&self) -> bool {
        self.at.utc() - self.now.utc() < chrono::Duration::days(3)
    }

    /// "in 29 days", "2 hours ago".
    pub(super) fn words(&self) -> String {
        let ahead = self.at.utc() - self.now.utc();
        let seconds = ahead.num_seconds().abs();
        let (count, unit) = match seconds {
            0..60 => {
                return if ahead.num_seconds() > 0 {
                    "in less than a minute"
                } else {
                    "just now"
                }
                .to_owned();
            }
            60..3_600 => (seconds / 60, "minute"),
            3_600..86_400 => (seconds / 3_600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        let span = number(count, unit);
        if ahead.num_seconds() > 0 {
            format!("in {span}")
        } else {
            format!("{span} ago")
        }
    }

    /// "21 Dec 2026, 10:04 UTC".
    pub(super) fn exact(&self) -> String {
        self.at.utc().format("%-d %b %Y, %H:%M UTC").to_string()
    }
}

/// "21 Dec 2026".
pub(super) fn day(at: Ts) -> String {
    at.utc().format("%-d %b %Y").to_string()
}

/// Digits and words of this file alone, so that nothing of it needs escaping.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<time datetime=\"{}\">{}</time> <span class=\"exact\">{}</span>",
            self.at,
            self.words(),
            self.exact()
        )
    }
}

impl HtmlSafe for When {}

/// A number with its noun: "1 model", "12 models"; a noun whose plural is another brings it.
pub(super) fn number(count: i64, one: &str) -> String {
    number_of(count, one, &format!("{one}s"))
}

/// The same with the plural.
pub(super) fn number_of(count: i64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// What people call things of a kind.
pub(super) struct Called {
    /// "Model", "Content".
    pub(super) label: &'static str,
    /// "Models", "Content": over a list.
    pub(super) heading: &'static str,
    /// "model", "piece of content".
    pub(super) one: &'static str,
    /// "models", "pieces of content".
    pub(super) many: &'static str,
}

/// What people call things of this kind.
pub(super) fn called(kind: RootKind) -> Called {
    let (label, heading, one, many) = match kind {
        RootKind::Integration => ("Integration", "Integrations", "integration", "integrations"),
        RootKind::Connection => ("Connection", "Connections", "connection", "connections"),
        RootKind::Model => ("Model", "Models", "model", "models"),
        RootKind::Content => (
            "Content",
            "Content",
            "piece of content",
            "pieces of content",
        ),
    };
    Called {
        label,
        heading,
        one,
        many,
    }
}

impl Called {
    /// "12 models".
    pub(super) fn number(&self, count: i64) -> String {
        number_of(count, self.one, self.many)
    }
}

/// Who did something: the name to show of a person or a key, or the service by itself.
pub(super) fn who(actor: &Actor) -> String {
    match &actor.name {
        Some(name) if actor.id != SERVICE => name.clone(),
        _ => who_by_id(&actor.id),
    }
}

/// The same where nothing but the id is known.
pub(super) fn who_by_id(id: &str) -> String {
    match id {
        SERVICE => "Reprieve itself".to_owned(),
        "cli" => "the command line".to_owned(),
        key if key.starts_with("key:") => "an API key".to_owned(),
        id => id.strip_prefix("console:").unwrap_or(id).to_owned(),
    }
}

/// The id of the service as an actor.
const SERVICE: &str = "reprieve";

/// "12,345".
pub(super) fn grouped(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if count < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How far is counted for a number that stands beside a link.
const COUNTED: i64 = 1_000;
/// What to ask for to know whether there are more.
pub(super) const TO_COUNT: i64 = COUNTED + 1;

/// A number that was counted up to [`TO_COUNT`]: "12", "1,000", "1,000+".
pub(super) fn counted(count: i64) -> String {
    let more = if count > COUNTED { "+" } else { "" };
    format!("{}{more}", grouped(count.min(COUNTED)))
}

/// What goes along with something, in numbers: "12 models and 340 pieces of content"; `None` if nothing does.
pub(super) fn rows(connections: i64, models: i64, content: i64) -> Option<String> {
    let parts: Vec<String> = [
        (connections, RootKind::Connection),
        (models, RootKind::Model),
        (content, RootKind::Content),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, kind)| called(kind).number(count))
    .collect();
    match parts.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        [first @ .., last] => Some(format!("{} and {last}", first.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_from_now() {
        let now = Ts::parse("2026-11-21T10:00:00Z").unwrap();
        for (at, words) in [
            ("2026-12-21T10:00:00Z", "in 30 days"),
            ("2026-12-21T09:59:59Z", "in 29 days"),
            ("2026-11-22T10:00:00Z", "in 1 day"),
            ("2026-11-21T12:30:00Z", "in 2 hours"),
            ("2026-11-21T10:01:00Z", "in 1 minute"),
            ("2026-11-21T10:00:30Z", "in less than a minute"),
            ("2026-11-21T10:00:00Z", "just now"),
            ("2026-11-21T08:59:00Z", "1 hour ago"),
            ("2025-11-21T10:00:00Z", "365 days ago"),
        ] {
            let when = When::new(Ts::parse(at).unwrap(), now);
            assert_eq!(when.words(), words, "{at}");
        }
        let soon = When::new(Ts::parse("2026-11-24T09:00:00Z").unwrap(), now);
        assert!(soon.is_soon());
        assert_eq!(
            soon.to_string(),
            "<time datetime=\"2026-11-24T09:00:00.000000Z\">in 2 days</time> <span class=\"exact\">24 Nov 2026, 09:00 UTC</span>"
        );
    }

    #[test]
    fn whoever_did_it_is_told_by_name_or_by_what_their_id_says() {
        let who = |id: &str, name: Option<&str>| {
            who(&Actor {
                id: id.to_owned(),
                name: name.map(str::to_owned),
            })
        };
        assert_eq!(who("key:1", Some("etl")), "etl");
        assert_eq!(who("key:1", None), "an API key");
        assert_eq!(who("console:Ada_Lovelace", None), "Ada_Lovelace");
        assert_eq!(who("cli", None), "the command line");
        assert_eq!(who("reprieve", Some("reprieve")), "Reprieve itself");
        assert_eq!(who("ada@example.com", None), "ada@example.com");
    }

    #[test]
    fn numbers_carry_their_noun() {
        assert_eq!(rows(0, 0, 0), None);
        assert_eq!(rows(0, 1, 0).unwrap(), "1 model");
        assert_eq!(
            rows(0, 12, 340).unwrap(),
            "12 models and 340 pieces of content"
        );
        assert_eq!(
            rows(2, 12, 1_234_567).unwrap(),
            "2 connections, 12 models and 1,234,567 pieces of content"
        );
        assert_eq!(grouped(-1_000), "-1,000");
        for (count, words) in [
            (0, "0"),
            (1_000, "1,000"),
            (TO_COUNT, "1,000+"),
            (9_999, "1,000+"),
        ] {
            assert_eq!(counted(count), words);
        }
    }
}
