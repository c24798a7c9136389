//! One webhook endpoint: what was sent to it, and what is done with it.

use actix_web::HttpResponse;
use askama::Template;

use super::{ChangeWebhooks, LIST, State, Tab, format_of, id_of, path, secret_page, types_of};
use crate::domain::clock::Ts;
use crate::domain::ids::RecordId;
use crate::domain::kinds::{DeliveryOutcome, DeliveryState, WebhookState};
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::console::words::{When, number_of};
use crate::http::probing;
use crate::service::error::Error;
use crate::service::pages::PageQuery;
use crate::service::webhooks::deliveries::{self, DeliveryView, ReplayRequest};
use crate::service::webhooks::{self, WebhookPatch, WebhookView};

const ON_A_PAGE: i64 = 25;

#[derive(Template)]
#[template(path = "console/templates/settings/webhook.html")]
struct OnePage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    id: String,
    view: &'a WebhookView,
    state: State,
    types: String,
    format: &'static str,
    delivered: Option<When>,
    waits: Option<When>,
    overlap: Option<When>,
    rows: Vec<Row>,
    filter: String,
    begin: String,
    next: Option<String>,
    first: bool,
}

impl OnePage<'_> {
    fn is_enabled(&self) -> bool {
        self.view.state == WebhookState::Enabled
    }
}

/// One delivery, as the list has it.
struct Row {
    event: String,
    type_: String,
    word: &'static str,
    tone: &'static str,
    detail: Option<&'static str>,
    status: Option<i32>,
    attempts: i32,
    attempted: Option<When>,
    next: Option<When>,
}

impl Row {
    fn of(view: DeliveryView, now: Ts) -> Self {
        let (word, tone) = match view.state {
            DeliveryState::Pending => ("Pending", "warn"),
            DeliveryState::Delivered => ("Delivered", "good"),
            DeliveryState::Failed => ("Failed", "bad"),
        };
        Self {
            event: view.event_id.to_string(),
            type_: view.type_,
            word,
            tone,
            detail: view
                .detail
                .filter(|_| view.state != DeliveryState::Delivered),
            status: view.status,
            attempts: view.attempts,
            attempted: view.attempted_at.map(|at| When::new(at, now)),
            next: view.next_attempt_at.map(|at| When::new(at, now)),
        }
    }
}

#[derive(Template)]
#[template(path = "console/templates/settings/webhook_ask.html")]
struct AskPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    url: &'a str,
    title: &'a str,
    texts: &'a [&'a str],
    button: &'a str,
    action: String,
    back: String,
}

pub(super) async fn show(visit: Visit<needs::WebhooksRead>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let (id, token) = (id_of(&person)?, person.query("page"));
    let first = token.is_none();
    let filter = person.query("state").unwrap_or_default();
    let state = DeliveryState::parse(&filter);
    let (view, page) = person
        .read_list(move |conn, caller| {
            let page = PageQuery::new(Some(ON_A_PAGE), token)?;
            let view = webhooks::get(conn, caller, id)?;
            Ok((view, deliveries::list(conn, caller, id, state, &page)?))
        })
        .await?;
    let now = person.frame.now;
    let begin = format!(
        "{}?state={}",
        path(id),
        state.map_or("", DeliveryState::as_str)
    );
    let rows = page.data.into_iter().map(|view| Row::of(view, now));
    Ok(person.page(&OnePage {
        frame: &person.frame,
        section: Some(Section::Settings),
        tab: Tab::Webhooks,
        id: id.to_string(),
        state: State::of(&view),
        types: types_of(&view.types),
        format: format_of(view.format),
        delivered: view.last_delivered_at.map(|at| When::new(at, now)),
        waits: view
            .paused_until
            .filter(|at| *at > now)
            .map(|at| When::new(at, now)),
        overlap: view.previous_secret_until.map(|at| When::new(at, now)),
        view: &view,
        rows: rows.collect(),
        filter: state.map_or("", DeliveryState::as_str).to_owned(),
        next: page
            .next_page_token
            .map(|token| format!("{begin}&page={token}")),
        begin,
        first,
    }))
}

pub(super) async fn set_state(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let (person, sent) = visit.sent().await?;
    let id = id_of(&person)?;
    let Some(state) = WebhookState::parse(sent.text("state")) else {
        return Err(person.trouble_of(Trouble::out_of_date()));
    };
    let patch = WebhookPatch {
        state: Some(state),
        ..WebhookPatch::default()
    };
    let done = person
        .write(move |tx| webhooks::patch(tx, id, None, &patch))
        .await;
    let told = match (done, state) {
        (Ok(_), WebhookState::Enabled) => {
            Flash::good("The endpoint is enabled: it goes on where it stopped.")
        }
        (Ok(_), WebhookState::Disabled) => {
            Flash::good("The endpoint is disabled: what happens meanwhile waits for it.")
        }
        (Err(error), _) => lost_secret(&person, error)?,
    };
    Ok(person.see(&path(id), &told).await)
}

/// Without its secret nothing can be signed: that is told on the endpoint's page.
fn lost_secret(person: &Person, error: Error) -> Result<Flash, Trouble> {
    match error {
        Error::Problem(problem) if problem.members.contains_key("missing") => Ok(Flash::bad(
            "The endpoint has lost its signing secret. Make a new one first.",
        )),
        error => Err(person.trouble(&error)),
    }
}

pub(super) async fn test(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let id = id_of(&person)?;
    let tested = probing::test_webhook(&person.state, person.caller(), id).await;
    let told = match tested {
        Ok(view) => {
            let status = view.status.map(|status| format!(" It answered {status}."));
            let text = format!(
                "{}{} It took {} ms.",
                view.detail,
                status.unwrap_or_default(),
                view.duration_ms
            );
            if view.outcome == DeliveryOutcome::Delivered {
                Flash::good(format!("The test message arrived. {text}"))
            } else {
                Flash::bad(format!("The test message did not arrive. {text}"))
            }
        }
        Err(error) => lost_secret(&person, error)?,
    };
    Ok(person.see(&path(id), &told).await)
}

async fn ask(
    person: &Person,
    what: &str,
    title: &str,
    texts: &[&str],
    button: &str,
) -> Result<HttpResponse, Trouble> {
    let id = id_of(person)?;
    let view = person
        .read(move |conn, caller| webhooks::get(conn, caller, id))
        .await?;
    Ok(person.page(&AskPage {
        frame: &person.frame,
        section: Some(Section::Settings),
        tab: Tab::Webhooks,
        url: &view.url,
        title,
        texts,
        button,
        action: format!("{}/{what}", path(id)),
        back: path(id),
    }))
}

pub(super) async fn ask_rotate(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let texts = [
        "The endpoint gets a new signing secret, which is shown once.",
        "For 24 hours messages carry two signatures, by the new secret and by the one before; so whoever verifies them can change without a gap.",
    ];
    let title = "Make a new signing secret";
    ask(&person, "rotate", title, &texts, "Make a new secret").await
}

pub(super) async fn rotate(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let id = id_of(&person)?;
    let done = person
        .write(move |tx| webhooks::rotate_secret(tx, id))
        .await;
    let made = done.map_err(|error| person.trouble(&error))?;
    let secret = made.signing_secret.unwrap_or_default();
    let before = made
        .webhook
        .previous_secret_until
        .map(|_| "The secret before it signs too for 24 hours, then it is shredded.");
    let title = "New signing secret";
    Ok(person.page(&secret_page(&person, id, title, &secret, before)))
}

pub(super) async fn ask_delete(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let texts = [
        "The endpoint is forgotten with all that is on its way to it, and its signing secret is shredded. There is no way back.",
        "To stop it for a while, disable it instead.",
    ];
    let title = "Delete webhook endpoint";
    ask(&person, "delete", title, &texts, "Delete endpoint").await
}

pub(super) async fn delete(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let id = id_of(&person)?;
    let done = person.write(move |tx| webhooks::delete(tx, id)).await;
    done.map_err(|error| person.trouble(&error))?;
    let told = Flash::good("The webhook endpoint was deleted.");
    Ok(person.see(LIST, &told).await)
}

pub(super) async fn replay(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let id = id_of(&person)?;
    let event = person.input.part("event").ok();
    let Some(event) = event.as_deref().and_then(RecordId::parse) else {
        return Err(person.trouble_of(Trouble::nothing_here()));
    };
    let done = person
        .write(move |tx| deliveries::replay(tx, id, event))
        .await;
    let delivery = done.map_err(|error| person.trouble(&error))?;
    let told = Flash::good(format!("{} is sent again.", delivery.type_));
    Ok(person.see(&path(id), &told).await)
}

pub(super) async fn replay_failed(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let id = id_of(&person)?;
    let all = ReplayRequest::default();
    let done = person
        .write(move |tx| deliveries::replay_failed(tx, id, &all))
        .await;
    let replayed = done.map_err(|error| person.trouble(&error))?;
    let count = i64::try_from(replayed.deliveries).unwrap_or(i64::MAX);
    let told = match count {
        0 => Flash::good("No delivery had failed: nothing is sent again."),
        _ => Flash::good(format!(
            "Sent again: {}.",
            number_of(count, "delivery", "deliveries")
        )),
    };
    Ok(person.see(&path(id), &told).await)
}
