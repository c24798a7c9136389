//! The pages as text, and the headers of all of them.
//!
//! What must stay true: nothing that was entered is ever on a page, no page runs a script or loads anything, and none
//! is kept by a browser or told to another site.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::domain::json::child_pointer;
use crate::service::error::{Error, Problem};
use crate::service::reentry::{Form, FormField, Leave, Value};

/// The style is in the page: allowed by its hash, it needs no address of its own.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = include_str!("templates/style.css").trim_end();
    format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        STANDARD.encode(Sha256::digest(style))
    )
});

#[derive(Template)]
#[template(path = "reentry/templates/link.html")]
struct LinkPage;

#[derive(Template)]
#[template(path = "reentry/templates/form.html")]
struct FormPage<'a> {
    form: &'a Form,
    fields: Vec<Field<'a>>,
    notice: Option<&'a str>,
    token: &'a str,
    until: String,
}

struct Field<'a> {
    about: &'a FormField,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "reentry/templates/thanks.html")]
struct ThanksPage<'a> {
    name: &'a str,
    outcome: &'a str,
    leave: Option<&'a Leave>,
}

#[derive(Template)]
#[template(path = "reentry/templates/message.html")]
struct MessagePage<'a> {
    title: &'a str,
    text: &'a str,
    more: Option<&'a str>,
}

impl Field<'_> {
    fn name(&self) -> String {
        format!("{}{}", crate::http::form::FIELD, self.about.key)
    }

    fn mark(&self) -> &'static str {
        match (self.about.missing, self.about.one_of.is_empty()) {
            (true, true) => "(required)",
            (true, false) => "(one of these is required)",
            (false, _) if self.about.value == Value::Stored => "",
            (false, _) => "(optional)",
        }
    }

    fn value(&self) -> &'static str {
        match self.about.value {
            Value::Stored => "Stored. Leave empty to keep it.",
            Value::Lost => "Removed when this connection was deleted.",
            Value::None => "",
        }
    }

    fn described_by(&self) -> String {
        let key = self.about.key;
        match self.error {
            Some(_) => format!("{key}-error {key}-help"),
            None => format!("{key}-help"),
        }
    }
}

/// Asks whether to go on; knows nothing of the connection, and uses nothing up.
pub(super) fn link() -> HttpResponse {
    page(StatusCode::OK, LinkPage.render())
}

/// The fields to fill in, with what is wrong with each.
pub(super) fn form(
    status: StatusCode,
    form: &Form,
    token: &str,
    notice: Option<&str>,
    errors: &[FieldError],
) -> HttpResponse {
    let error_of = |field: &FormField| {
        let pointer = child_pointer("/secrets", field.key);
        errors
            .iter()
            .find(|error| error.pointer == pointer)
            .map(|error| error.detail.as_str())
    };
    let shown = FormPage {
        form,
        fields: form
            .fields
            .iter()
            .map(|about| Field {
                about,
                error: error_of(about),
            })
            .collect(),
        notice,
        token,
        until: form.expires_at.utc().format("%H:%M").to_string(),
    };
    page(status, shown.render())
}

/// The end: what became of it, in words, and the way from here. That is a link and no redirect: browsers hold what follows
/// a form against `form-action`, and whoever has entered a password should see where he is led.
pub(super) fn thanks(name: &str, outcome: &str, leave: Option<&Leave>) -> HttpResponse {
    let shown = ThanksPage {
        name,
        outcome,
        leave,
    };
    page(StatusCode::OK, shown.render())
}

/// What can't be used any more looks the same whatever it was.
pub(super) fn gone() -> HttpResponse {
    refusal(
        StatusCode::GONE,
        "This link can't be used any more",
        "This link can't be used any more. Ask for a new one.",
        Some(
            "A link works once and for 30 minutes, in a browser that keeps cookies, and ends when the connection is \
             deleted.",
        ),
    )
}

/// A form that no page of ours sent, or an old one.
pub(super) fn out_of_date() -> HttpResponse {
    refusal(
        StatusCode::FORBIDDEN,
        "Not saved",
        "This page is out of date. Reload it and try again.",
        None,
    )
}

/// Why something failed, for people.
pub(super) fn problem(error: &Error, request_id: &str) -> HttpResponse {
    let told: Problem = error.told();
    if let Error::Internal(_) | Error::Store(_) = error {
        tracing::error!(request_id, cause = %error, "a page failed");
    }
    let (title, text) = match told.code {
        Code::NotFound | Code::InTrash => return gone(),
        Code::Locked => (
            "Not saved",
            "Secrets can't be entered now, because the service's encryption key is missing. Tell whoever runs it, and \
             try again later.",
        ),
        Code::BodyTooLarge => ("Not saved", "This is more than can be entered here."),
        Code::RequestTimeout => (
            "Not saved",
            "What you sent took too long to arrive. Try again.",
        ),
        Code::Busy | Code::ConcurrentChange => (
            "Not saved",
            "There is more to do than the service can at the moment. Try again shortly.",
        ),
        Code::InternalError => (
            "Not saved",
            "Something went wrong here. Try again; if it stays, tell whoever runs the service.",
        ),
        _ => return out_of_date(),
    };
    let status =
        StatusCode::from_u16(told.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let number = format!("The number of this request is {request_id}.");
    let mut response = refusal(status, title, text, Some(&number));
    if told.code == Code::Busy {
        response.headers_mut().insert(
            RETRY_AFTER,
            actix_web::http::header::HeaderValue::from_static("1"),
        );
    }
    response
}

fn refusal(status: StatusCode, title: &str, text: &str, more: Option<&str>) -> HttpResponse {
    let shown = MessagePage { title, text, more };
    page(status, shown.render())
}

/// The headers that no answer of these pages lacks.
pub(super) fn protect(response: &mut actix_web::HttpResponseBuilder) {
    response
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()));
}

fn page(status: StatusCode, text: askama::Result<String>) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    protect(&mut response);
    match text {
        Ok(text) => response
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .body(text),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            response.status(StatusCode::INTERNAL_SERVER_ERROR).finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_exactly_the_style_that_is_in_the_page() {
        let page = LinkPage.render().unwrap();
        let style = page
            .split("<style>")
            .nth(1)
            .unwrap()
            .split("</style>")
            .next()
            .unwrap();
        assert!(style.len() > 500);
        let hash = STANDARD.encode(Sha256::digest(style));
        assert!(
            POLICY.contains(&format!("style-src 'sha256-{hash}'")),
            "{}",
            *POLICY
        );
        assert!(!page.contains("<script") && !page.contains("style="));
    }
}
