//! What a caller sends to create or change a webhook endpoint, and its checks.

use serde::Deserialize;
use url::Url;
use utoipa::ToSchema;

use crate::connectors::is_url;
use crate::domain::kinds::{WebhookFormat, WebhookState};
use crate::domain::merge_patch::not_null;
use crate::domain::text::line;
use crate::domain::{FieldError, actions};

const MAX_URL: usize = 2_048;
const MAX_DESCRIPTION: usize = 255;
const MAX_TYPES: usize = 50;

/// A webhook endpoint to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Where to send, an `https` URL. `http` reaches only networks that the operator has listed in `allow_cidrs`.
    pub url: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What is sent: the event (`standard`), or a sentence for a chat tool (`text`).
    #[serde(default = "standard")]
    pub format: WebhookFormat,
    /// Event types (`connection.trashed`) and families (`trash.*`) that it is told of; all without one.
    #[serde(default)]
    pub types: Vec<String>,
}

fn standard() -> WebhookFormat {
    WebhookFormat::Standard
}

/// A merge patch (RFC 7396) of a webhook endpoint.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookPatch {
    /// Another address. It gets a secret of its own, which is in the answer.
    #[serde(default, deserialize_with = "not_null")]
    pub url: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "not_null")]
    pub description: Option<String>,
    /// What is sent; what is on its way stays as it is.
    #[serde(default, deserialize_with = "not_null")]
    pub format: Option<WebhookFormat>,
    /// Event types and families that it is told of from now on; all without one.
    #[serde(default, deserialize_with = "not_null")]
    pub types: Option<Vec<String>>,
    /// `disabled` stops it; `enabled` lets it go on where it stopped.
    #[serde(default, deserialize_with = "not_null")]
    pub state: Option<WebhookState>,
}

/// The address as it is stored.
pub(super) fn url(text: &str) -> Result<String, FieldError> {
    let fault = |code, detail| Err(FieldError::new("/url", code, detail));
    if text.len() > MAX_URL {
        return fault("too_long", "A URL has at most 2,048 characters.");
    }
    match Url::parse(text).ok().filter(|_| is_url(text)) {
        None => fault("invalid_format", "Expected an absolute https URL."),
        Some(url) if !url.username().is_empty() || url.password().is_some() => fault(
            "user_in_url",
            "A URL with user information is not taken: whoever receives knows us by the signature.",
        ),
        Some(url) if url.fragment().is_some() => {
            fault("invalid_format", "A URL with a fragment (#) is not taken.")
        }
        Some(url) => Ok(url.into()),
    }
}

/// What it is for, checked.
pub(super) fn description(text: &str) -> Result<String, FieldError> {
    line(text, MAX_DESCRIPTION).map_err(|problem| problem.at("/description"))
}

/// The types and families as they are stored. A family takes what a later version adds to it.
pub(super) fn types(types: &[String]) -> Result<String, FieldError> {
    if types.len() > MAX_TYPES {
        return Err(FieldError::new(
            "/types",
            "too_many",
            "At most 50 types and families.",
        ));
    }
    for (index, text) in types.iter().enumerate() {
        if actions::matching(text).is_none() {
            return Err(FieldError::new(
                format!("/types/{index}"),
                "unknown_type",
                "Expected an event type such as connection.trashed, or a family such as trash.* (docs/events.md).",
            ));
        }
    }
    Ok(types.join(" "))
}

/// Whether a filter as it is stored lets an event type through.
pub(super) fn lets_through(filters: &str, type_: &str) -> bool {
    let fits = |filter: &str| match filter.strip_suffix(".*") {
        Some(family) => type_.split('.').next() == Some(family),
        None => filter == type_,
    };
    filters.is_empty() || filters.split(' ').any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_absolute_web_url_without_a_user() {
        for good in [
            "https://hooks.example.com/services/T0/B0?x=1",
            "http://10.0.0.7:8080/",
            "https://[2001:db8::5]/in",
        ] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "hooks.example.com",
            "ftp://hooks.example.com/",
            "https://",
            "https://me:secret@hooks.example.com/",
            "https://me@hooks.example.com/",
            "https://hooks.example.com/#part",
            "https://hooks.example.com/a b",
            "https:\\\\hooks.example.com",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(
            url(&format!(
                "https://hooks.example.com/{}",
                "x".repeat(MAX_URL)
            ))
            .is_err()
        );
    }

    #[test]
    fn a_filter_names_types_or_whole_families() {
        let given = |list: &[&str]| types(&list.iter().map(|&t| t.to_owned()).collect::<Vec<_>>());
        let stored = given(&["trash.*", "connection.restored"]).unwrap();
        for (type_, through) in [
            ("trash.purged", true),
            ("connection.restored", true),
            ("connection.trashed", false),
            ("trashes.purged", false),
        ] {
            assert_eq!(lets_through(&stored, type_), through, "{type_}");
        }
        assert!(lets_through(&given(&[]).unwrap(), "anything.at_all"));
        for bad in [
            "*",
            "trash",
            "trash.",
            ".purged",
            "Trash.*",
            "trash.burnt",
            "trash.pur*",
        ] {
            assert!(given(&[bad]).is_err(), "{bad}");
        }
        assert!(given(&["trash.held"; MAX_TYPES + 1]).is_err());
    }
}
