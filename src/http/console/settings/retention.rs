//! Retention and protection: how long deletions are kept, what keeps them longer, the pause of the purge, the brake.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::fields::Faults;
use super::{ChangeRetention, Tab};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::BrakeId;
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::console::words::{When, counted, number};
use crate::http::form::Form;
use crate::service::brakes::{self, BrakeView};
use crate::service::error::Error;
use crate::service::pages::PageQuery;
use crate::service::purge::LONGEST_RETENTION_DAYS;
use crate::service::purge::status;
use crate::service::retention::{
    self, BrakeChange, LEAST_BRAKE, PauseChange, PauseView, RetentionChange, RetentionView,
};
use crate::service::unit::Tx;

const PAGE: &str = "/settings/retention";
/// The brakes that are shown: the newest, of which one at most is open.
const BRAKES: i64 = 10;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/settings/retention", web::get().to(show))
        .route("/settings/retention", web::post().to(change))
        .route("/settings/retention/pause", web::post().to(pause))
        .route("/settings/retention/resume", web::post().to(resume))
        .route(
            "/settings/retention/brakes/{id}/release",
            web::post().to(release),
        );
}

#[derive(Template)]
#[template(path = "console/templates/settings/retention.html")]
struct RetentionPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    now: &'a Now,
    typed: &'a Typed,
    faults: &'a Faults,
    /// Somebody else changed it since the form was opened.
    stale: bool,
    /// What was typed as the reason of a pause that was not taken.
    reason: &'a str,
    least_days: i32,
    most_days: i32,
    least_brake: i32,
}

/// How it is at this moment.
struct Now {
    policy: RetentionView,
    pause: PauseView,
    paused_since: Option<When>,
    schedule: Option<String>,
    trashed: Option<i64>,
    open: Vec<Brake>,
    released: Vec<Brake>,
}

impl Now {
    /// What is in the trash, in words.
    fn entries(&self) -> String {
        match self.trashed {
            Some(1) => "1 entry".to_owned(),
            Some(count) => format!("{} entries", counted(count)),
            None => "all of it".to_owned(),
        }
    }

    fn days(&self) -> String {
        number(i64::from(self.policy.retention_days), "day")
    }
}

/// A brake, as the page has it.
struct Brake {
    id: String,
    started: When,
    covers_from: When,
    connections: i64,
    of_connections: i64,
    released: Option<(When, String)>,
}

impl Brake {
    fn of(view: BrakeView, now: Ts) -> Self {
        let by = view.released_by.unwrap_or_default();
        Self {
            id: view.id.to_string(),
            started: When::new(view.started_at, now),
            covers_from: When::new(view.covers_from, now),
            connections: view.connections,
            of_connections: view.of_connections,
            released: view.released_at.map(|at| (When::new(at, now), by)),
        }
    }
}

/// What the form holds.
struct Typed {
    version: String,
    days: String,
    protection: bool,
    while_used: bool,
    connections: String,
    percent: String,
    refuse: bool,
}

impl Typed {
    fn of(policy: &RetentionView) -> Self {
        Self {
            version: policy.version.to_string(),
            days: policy.retention_days.to_string(),
            protection: policy.purge_protection,
            while_used: policy.hold_while_used,
            connections: policy.brake.connections.to_string(),
            percent: policy.brake.percent.to_string(),
            refuse: policy.brake.refuse_deletions,
        }
    }

    fn sent(form: &Form) -> Self {
        let text = |name: &str| form.text(name).trim().to_owned();
        Self {
            version: text("version"),
            days: text("retention_days"),
            protection: form.ticked("purge_protection"),
            while_used: form.ticked("hold_while_used"),
            connections: text("brake_connections"),
            percent: text("brake_percent"),
            refuse: form.ticked("brake_refuse"),
        }
    }

    /// The change, with what is no number told at its field.
    fn change(&self, faults: &mut Faults) -> RetentionChange {
        let mut whole = |pointer: &str, text: &str| {
            let number = text.parse::<i32>().ok();
            if number.is_none() {
                faults.add(pointer, "invalid_format", "Enter a whole number.");
            }
            number
        };
        RetentionChange {
            retention_days: whole("/retention_days", &self.days),
            purge_protection: Some(self.protection),
            hold_while_used: Some(self.while_used),
            brake: Some(BrakeChange {
                connections: whole("/brake/connections", &self.connections),
                percent: whole("/brake/percent", &self.percent),
                refuse_deletions: Some(self.refuse),
            }),
        }
    }
}

async fn look(person: &Person) -> Result<Now, Trouble> {
    let (now, trashed) = (person.frame.now, person.frame.trashed);
    person
        .look(move |services, caller| {
            let purge = status::status(services, caller)?;
            services.store.read_snapshot(|conn| {
                let page = PageQuery::new(Some(BRAKES), None)?;
                let brakes = brakes::list(conn, caller, &page)?;
                let (open, released) = brakes
                    .data
                    .into_iter()
                    .map(|brake| Brake::of(brake, now))
                    .partition(|brake| brake.released.is_none());
                Ok::<_, Error>(Now {
                    policy: retention::get(services, conn, caller)?,
                    paused_since: purge.pause.since.map(|at| When::new(at, now)),
                    pause: purge.pause,
                    schedule: purge.schedule,
                    trashed,
                    open,
                    released,
                })
            })
        })
        .await
}

fn page<'a>(
    person: &'a Person,
    now: &'a Now,
    typed: &'a Typed,
    faults: &'a Faults,
) -> RetentionPage<'a> {
    RetentionPage {
        frame: &person.frame,
        section: Some(Section::Settings),
        tab: Tab::Retention,
        least_days: now.policy.min_retention_days.max(1),
        most_days: LONGEST_RETENTION_DAYS,
        least_brake: LEAST_BRAKE,
        now,
        typed,
        faults,
        stale: false,
        reason: "",
    }
}

async fn show(visit: Visit<needs::RetentionRead>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let now = look(&person).await?;
    let typed = Typed::of(&now.policy);
    Ok(person.page(&page(&person, &now, &typed, &Faults::default())))
}

async fn change(visit: Visit<ChangeRetention>) -> Result<HttpResponse, Trouble> {
    let (person, sent) = visit.sent().await?;
    let (typed, mut faults) = (Typed::sent(&sent), Faults::default());
    let change = typed.change(&mut faults);
    let Ok(version) = typed.version.parse::<i64>() else {
        return Err(person.trouble_of(Trouble::out_of_date()));
    };
    let mut stale = false;
    if faults.is_empty() {
        let put = move |tx: &mut Tx<'_>| retention::put(tx, Some(version), &change);
        match person.write(put).await {
            Ok(policy) => {
                let days = number(i64::from(policy.retention_days), "day");
                let told = format!(
                    "Saved. What is deleted from now on stays in the trash for {days}; what is in the trash already keeps its date."
                );
                return Ok(person.see(PAGE, &Flash::good(told)).await);
            }
            Err(Error::Problem(problem)) if problem.code == Code::VersionMismatch => stale = true,
            Err(error) => faults = Faults::of(error).map_err(|error| person.trouble(&error))?,
        }
    }
    let now = look(&person).await?;
    Ok(person.refused(&RetentionPage {
        stale,
        ..page(&person, &now, &typed, &faults)
    }))
}

async fn pause(visit: Visit<ChangeRetention>) -> Result<HttpResponse, Trouble> {
    let (person, sent) = visit.sent().await?;
    let reason = sent.given("reason").map(str::to_owned);
    let told = Flash::good("The purge is paused: nothing is purged by its date until it goes on.");
    set_pause(&person, true, reason, &told).await
}

async fn resume(visit: Visit<ChangeRetention>) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let told = Flash::good("The purge goes on: what is past its date goes with the next run.");
    set_pause(&person, false, None, &told).await
}

async fn set_pause(
    person: &Person,
    paused: bool,
    reason: Option<String>,
    told: &Flash,
) -> Result<HttpResponse, Trouble> {
    let change = PauseChange {
        paused,
        reason: reason.clone(),
    };
    match person.write(move |tx| retention::pause(tx, &change)).await {
        Ok(_) => Ok(person.see(PAGE, told).await),
        Err(error) => {
            let faults = Faults::of(error).map_err(|error| person.trouble(&error))?;
            let now = look(person).await?;
            let typed = Typed::of(&now.policy);
            Ok(person.refused(&RetentionPage {
                reason: reason.as_deref().unwrap_or_default(),
                ..page(person, &now, &typed, &faults)
            }))
        }
    }
}

async fn release(visit: Visit<ChangeRetention>) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let id = person.input.id("brake", BrakeId::parse);
    let id = id.map_err(|error| person.trouble(&error))?;
    let done = person.write(move |tx| brakes::release(tx, id)).await;
    done.map_err(|error| person.trouble(&error))?;
    let told = Flash::good(
        "The brake is released: the purge clock of what it covered goes on from where it stood.",
    );
    Ok(person.see(PAGE, &told).await)
}
