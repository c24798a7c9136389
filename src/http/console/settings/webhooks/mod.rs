//! Webhooks: the endpoints, one of them with its deliveries, and what is done with it. A signing secret is in the answer
//! that made it and nowhere else.

mod edit;
mod list;
mod one;

use actix_web::web;
use askama::Template;

use super::fields::Faults;
use super::{ChangeWebhooks, Tab};
use crate::domain::ids::WebhookId;
use crate::domain::kinds::{WebhookFormat, WebhookState, WebhookStop};
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::Person;
use crate::service::webhooks::WebhookView;

const LIST: &str = "/settings/webhooks";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/settings/webhooks", web::get().to(list::show))
        .route("/settings/webhooks", web::post().to(edit::create))
        .route("/settings/webhooks/new", web::get().to(edit::new))
        .route("/settings/webhooks/{id}", web::get().to(one::show))
        .route("/settings/webhooks/{id}/edit", web::get().to(edit::edit))
        .route("/settings/webhooks/{id}/edit", web::post().to(edit::change))
        .route(
            "/settings/webhooks/{id}/state",
            web::post().to(one::set_state),
        )
        .route("/settings/webhooks/{id}/test", web::post().to(one::test))
        .route(
            "/settings/webhooks/{id}/rotate",
            web::get().to(one::ask_rotate),
        )
        .route(
            "/settings/webhooks/{id}/rotate",
            web::post().to(one::rotate),
        )
        .route(
            "/settings/webhooks/{id}/delete",
            web::get().to(one::ask_delete),
        )
        .route(
            "/settings/webhooks/{id}/delete",
            web::post().to(one::delete),
        )
        .route(
            "/settings/webhooks/{id}/replay",
            web::post().to(one::replay_failed),
        )
        .route(
            "/settings/webhooks/{id}/deliveries/{event}/replay",
            web::post().to(one::replay),
        );
}

#[derive(Template)]
#[template(path = "console/templates/settings/webhook_secret.html")]
struct SecretPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    title: &'a str,
    secret: &'a str,
    /// What becomes of the secret before it.
    before: Option<&'a str>,
    back: String,
}

/// The page that shows a signing secret, this once.
fn secret_page<'a>(
    person: &'a Person,
    id: WebhookId,
    title: &'a str,
    secret: &'a str,
    before: Option<&'a str>,
) -> SecretPage<'a> {
    SecretPage {
        frame: &person.frame,
        section: Some(Section::Settings),
        tab: Tab::Webhooks,
        title,
        secret,
        before,
        back: path(id),
    }
}

/// The page of an endpoint, below the console.
fn path(id: WebhookId) -> String {
    format!("{LIST}/{id}")
}

fn id_of(person: &Person) -> Result<WebhookId, Trouble> {
    let id = person.input.id("webhook endpoint", WebhookId::parse);
    id.map_err(|error| person.trouble(&error))
}

/// Whether an endpoint is told anything, as people read it.
struct State {
    word: &'static str,
    tone: &'static str,
}

impl State {
    fn of(view: &WebhookView) -> Self {
        let (word, tone) = match (view.state, view.disabled_reason) {
            (WebhookState::Enabled, _) if view.failures > 0 => ("Failing", "warn"),
            (WebhookState::Enabled, _) => ("Enabled", "good"),
            (WebhookState::Disabled, Some(WebhookStop::Gone)) => ("Disabled: it is gone", "bad"),
            (WebhookState::Disabled, Some(WebhookStop::Failing)) => {
                ("Disabled: it took nothing for three days", "bad")
            }
            (WebhookState::Disabled, Some(WebhookStop::SecretLost)) => {
                ("Disabled: its secret is lost", "bad")
            }
            (WebhookState::Disabled, Some(WebhookStop::ByHand) | None) => ("Disabled", "plain"),
        };
        Self { word, tone }
    }
}

/// What is sent, as people read it.
fn format_of(format: WebhookFormat) -> &'static str {
    match format {
        WebhookFormat::Standard => "The event as JSON",
        WebhookFormat::Text => "A sentence for a chat tool",
    }
}

/// Of what it is told, as people read it.
fn types_of(types: &[String]) -> String {
    match types {
        [] => "Everything".to_owned(),
        types => types.join(", "),
    }
}
