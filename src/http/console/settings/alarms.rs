//! Alarms: what somebody has to look at, what it means and what to do about it.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::{ChangeAlarms, Tab};
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::ids::AlarmId;
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::Visit;
use crate::http::console::words::When;
use crate::service::alarms::{self, AlarmView};
use crate::service::pages::PageQuery;

/// Open alarms are one for a cause: so many at once nobody has.
const OPEN: i64 = 200;
const ENDED: i64 = 25;
const LIST: &str = "/settings/alarms";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/settings/alarms", web::get().to(list)).route(
        "/settings/alarms/{id}/acknowledge",
        web::post().to(acknowledge),
    );
}

#[derive(Template)]
#[template(path = "console/templates/settings/alarms.html")]
struct ListPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    open: Vec<Alarm>,
    ended: Vec<Alarm>,
    begin: String,
    next: Option<String>,
    first: bool,
}

/// One alarm, as the page has it.
struct Alarm {
    id: String,
    code: AlarmCode,
    detail: String,
    /// What to do next, in parts: whether it is something to type, and the text.
    next: Vec<(bool, &'static str)>,
    /// Where in the console one does it: what the link says, and where it leads.
    here: Option<(&'static str, &'static str)>,
    of_service: bool,
    raised: When,
    seen: When,
    ended: Option<When>,
    acknowledged: Option<(When, String)>,
    /// Whether it ends when somebody takes note of it.
    ends_with_a_word: bool,
}

impl Alarm {
    fn of(view: AlarmView, now: Ts, frame: &Frame) -> Self {
        let by = view.acknowledged_by.map(|by| by.name.unwrap_or(by.id));
        Self {
            id: view.id.to_string(),
            code: view.code,
            detail: view.detail,
            next: parts(next(view.code)),
            here: here(view.code, frame),
            of_service: view.of_service,
            raised: When::new(view.raised_at, now),
            seen: When::new(view.last_seen_at, now),
            ended: view.resolved_at.map(|at| When::new(at, now)),
            acknowledged: view
                .acknowledged_at
                .map(|at| (When::new(at, now), by.unwrap_or_default())),
            ends_with_a_word: view.code.ends_with_a_word(),
        }
    }
}

/// What to do next. Some is done in the console, the rest by whoever runs the service.
fn next(code: AlarmCode) -> &'static str {
    match code {
        AlarmCode::RetentionInvalid => "Set a retention from 1 to 3650 days.",
        AlarmCode::Brake => {
            "Look who deleted what and restore what should not be in the trash; or release the brake."
        }
        AlarmCode::PurgeBlocked => {
            "They are tried again by themselves. Whoever runs the service finds the database's answer in its log."
        }
        AlarmCode::PurgeOverdue => {
            "Whoever runs the service has to see that the purge runs and that its limits let enough through."
        }
        AlarmCode::WebhookDisabled => {
            "See why, repair it, and enable the webhook: it goes on where it stopped."
        }
        AlarmCode::BackupOlderThanShred => {
            "Enter the secrets of the connections that need credentials, or delete the connections again; then acknowledge."
        }
        code => code.next(),
    }
}

/// A text with backquotes around what is to be typed.
fn parts(text: &str) -> Vec<(bool, &str)> {
    let parts = text.split('`').enumerate();
    parts.map(|(index, part)| (index % 2 == 1, part)).collect()
}

/// The page of the console on which something can be done about an alarm, for those who may see it.
fn here(code: AlarmCode, frame: &Frame) -> Option<(&'static str, &'static str)> {
    let (scope, label, path) = match code {
        AlarmCode::RetentionInvalid => (
            Scope::RetentionRead,
            "Retention and protection",
            "/settings/retention",
        ),
        AlarmCode::Brake => (
            Scope::RetentionRead,
            "See the brake",
            "/settings/retention#brakes",
        ),
        AlarmCode::PurgeBlocked | AlarmCode::PurgeOverdue => {
            (Scope::TrashRead, "See the trash", "/trash")
        }
        AlarmCode::WebhookDisabled => (
            Scope::WebhooksRead,
            "See the webhooks",
            "/settings/webhooks",
        ),
        AlarmCode::BackupOlderThanShred => (
            Scope::ConnectionsRead,
            "See the connections",
            "/connections",
        ),
        AlarmCode::ClockJump
        | AlarmCode::ErasureOverdue
        | AlarmCode::KeyMissing
        | AlarmCode::RotationWaits
        | AlarmCode::Residue
        | AlarmCode::CanaryBroken => return None,
    };
    frame.may(scope).then_some((label, path))
}

async fn list(visit: Visit<needs::AlarmsRead>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let token = person.query("page");
    let first = token.is_none();
    let (open, ended) = person
        .read_list(move |conn, caller| {
            let open = PageQuery::new(Some(OPEN), None)?;
            let open = alarms::list(conn, caller, Some(true), &open)?;
            let ended = PageQuery::new(Some(ENDED), token)?;
            Ok((open, alarms::list(conn, caller, Some(false), &ended)?))
        })
        .await?;
    let (now, frame) = (person.frame.now, &person.frame);
    let shown = |alarms: Vec<AlarmView>| -> Vec<Alarm> {
        let alarms = alarms.into_iter();
        alarms.map(|view| Alarm::of(view, now, frame)).collect()
    };
    Ok(person.page(&ListPage {
        frame,
        section: Some(Section::Settings),
        tab: Tab::Alarms,
        open: shown(open.data),
        ended: shown(ended.data),
        begin: LIST.to_owned(),
        next: ended
            .next_page_token
            .map(|token| format!("{LIST}?page={token}")),
        first,
    }))
}

async fn acknowledge(visit: Visit<ChangeAlarms>) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let id = person.input.id("alarm", AlarmId::parse);
    let id = id.map_err(|error| person.trouble(&error))?;
    let done = person.write(move |tx| alarms::acknowledge(tx, id)).await;
    let alarm = done.map_err(|error| person.trouble(&error))?;
    let ends = if alarm.resolved_at.is_some() {
        "it has ended"
    } else {
        "it ends by itself when its cause does"
    };
    let told = format!("You took note of it: “{}”; {ends}.", alarm.code.title());
    Ok(person.see(LIST, &Flash::good(told)).await)
}
