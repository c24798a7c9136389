//! Moving a connection to the trash: what goes along, the typed name, and the press.
//!
//! The dialog and the page without scripts send the same form. It carries the plan that was shown: if anything of it has
//! changed, the new numbers are shown and asked about once more.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::settings::id_of;
use super::{Deletes, Head, Tab, Writes};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::ConnectionId;
use crate::domain::kinds::RootKind;
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::console::confirm::Confirm;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{Frame, Section, page};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::console::words::{called, day, number, number_of, rows};
use crate::service::connections::{self, ConnectionPatch};
use crate::service::delete::{self, DeleteRequest};
use crate::service::error::Error;
use crate::service::impact::{self, ImpactView, Target};
use crate::service::organizations;
use crate::service::views::ConnectionView;

/// Of what goes along so many names are told.
const NAMES: usize = 5;

#[derive(Template)]
#[template(path = "console/templates/connections/archive.html")]
struct ArchivePage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    head: Head,
    version: i64,
    impact: Impact,
    confirm: Confirm,
    protection: bool,
}

/// The page that asks, for whoever has no dialog.
#[derive(Template)]
#[template(path = "console/templates/connections/move_to_trash.html")]
struct AskPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    head: Head,
    impact: Impact,
    confirm: Confirm,
    notice: Option<&'static str>,
}

/// What a deletion takes along, as people read it.
struct Impact {
    /// In one sentence.
    sentence: String,
    branches: Vec<Branch>,
    secrets: Option<String>,
    references: Option<String>,
    until: String,
    days: String,
    plan: String,
    protected: Option<String>,
}

/// A kind of what goes along.
struct Branch {
    count: String,
    path: &'static str,
    names: Vec<String>,
    more: i64,
}

impl Impact {
    fn of(view: &ImpactView, days: i32, now: Ts) -> Self {
        let counts = view.impact;
        let branches = [
            ("model", counts.models, RootKind::Model, "models"),
            ("content", counts.content, RootKind::Content, "content"),
        ];
        let branches = branches
            .into_iter()
            .filter(|(_, count, ..)| *count > 0)
            .map(|(kind, count, called_so, path)| {
                let names: Vec<String> = view
                    .sample
                    .iter()
                    .filter(|row| row.kind.trim_end_matches('s') == kind)
                    .take(NAMES)
                    .map(|row| row.name.clone())
                    .collect();
                Branch {
                    count: called(called_so).number(count),
                    path,
                    more: count - i64::try_from(names.len()).unwrap_or(count),
                    names,
                }
            })
            .collect();
        Self {
            sentence: match rows(0, counts.models, counts.content) {
                Some(along) => format!("What goes along: {along}."),
                None => "Nothing else depends on this connection.".to_owned(),
            },
            branches,
            secrets: (view.secrets_count > 0).then(|| number(view.secrets_count, "secret")),
            references: (view.references > 0).then(|| {
                number_of(
                    view.references,
                    "link from content elsewhere breaks until it is restored",
                    "links from content elsewhere break until it is restored",
                )
            }),
            until: day(now.plus(chrono::Duration::days(i64::from(days)))),
            days: number(i64::from(days), "day"),
            plan: view.plan_token.clone(),
            protected: view.protected.as_ref().map(|row| {
                format!(
                    "The {} '{}' is protected against deletion.",
                    row.kind, row.name
                )
            }),
        }
    }
}

/// A connection with what its deletion would take along.
async fn look(person: &Person, id: ConnectionId) -> Result<(ConnectionView, Impact), Trouble> {
    let (view, impact, days) = person
        .read(move |conn, caller| {
            // Whoever deletes something does not use it.
            let view = connections::get(conn, &caller.deleting(), id)?;
            let impact = impact::of(conn, caller, &Target::Connection(id))?;
            let days = organizations::own(conn, caller)?.retention_days;
            Ok((view, impact, days))
        })
        .await?;
    Ok((view, Impact::of(&impact, days, person.frame.now)))
}

/// The form that asks, with the plan that was shown.
fn confirm(view: &ConnectionView, impact: &Impact) -> Confirm {
    let path = format!("/connections/{}", view.id);
    let (action, back) = (format!("{path}/move-to-trash"), format!("{path}/archive"));
    Confirm {
        fields: vec![("plan", impact.plan.clone())],
        ..Confirm::by_name(
            RootKind::Connection,
            &view.name,
            "Move to trash",
            action,
            back,
        )
    }
}

pub(in crate::http::console) async fn show(
    visit: Visit<needs::ConnectionsRead>,
) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let (view, impact) = look(&person, id_of(&person)?).await?;
    Ok(person.page(&ArchivePage {
        frame: &person.frame,
        section: Some(Section::Connections),
        tab: Tab::Archive,
        head: Head::of(&view),
        version: view.version,
        protection: view.deletion_protection,
        confirm: confirm(&view, &impact).in_dialog(),
        impact,
    }))
}

/// The same question as in the dialog, on a page of its own.
pub(in crate::http::console) async fn ask(visit: Visit<Deletes>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let (view, impact) = look(&person, id_of(&person)?).await?;
    Ok(person.page(&AskPage {
        frame: &person.frame,
        section: Some(Section::Connections),
        head: Head::of(&view),
        confirm: confirm(&view, &impact),
        impact,
        notice: None,
    }))
}

pub(in crate::http::console) async fn delete(
    visit: Visit<Deletes>,
) -> Result<HttpResponse, Trouble> {
    let (person, form) = visit.sent().await?;
    let id = id_of(&person)?;
    let (view, impact) = look(&person, id).await?;
    let again = |impact, confirm, status, notice| {
        let shown = AskPage {
            frame: &person.frame,
            section: Some(Section::Connections),
            head: Head::of(&view),
            impact,
            confirm,
            notice,
        };
        page(status, &shown)
    };
    let asked = confirm(&view, &impact);
    if !asked.is(form.text("confirm")) {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(again(impact, asked.wrong(), status, None));
    }
    let request = Arc::new(DeleteRequest {
        plan_token: form.given("plan").map(str::to_owned),
        ..DeleteRequest::default()
    });
    let deleted = person
        .write(move |tx| delete::delete(tx, &Target::Connection(id), &request))
        .await;
    let entry = match deleted {
        Ok(entry) => entry,
        Err(Error::Problem(problem)) if problem.code == Code::PlanStale => {
            let (_, impact) = look(&person, id).await?;
            let notice = "What goes along has changed since you looked. Nothing was moved: see the new numbers, and confirm \
                once more.";
            let asked = confirm(&view, &impact);
            return Ok(again(impact, asked, StatusCode::CONFLICT, Some(notice)));
        }
        Err(error) => return Err(person.trouble(&error)),
    };
    let counts = entry.impact.rows;
    let with = rows(0, counts.models, counts.content).map(|with| format!(" with {with}"));
    let mut flash = Flash::good(format!(
        "'{}' was moved to the trash{}. It will be purged on {}.",
        entry.root.name,
        with.unwrap_or_default(),
        day(entry.purge_at)
    ));
    if person.may_undo() {
        flash = flash.undo(entry.id);
    }
    if person.may(Scope::TrashRead) {
        flash = flash.link("View trash", "/trash?kind=connection");
    }
    Ok(person.see("/connections", &flash).await)
}

/// Puts the protection against deletion on or off.
pub(in crate::http::console) async fn protect(
    visit: Visit<Writes>,
) -> Result<HttpResponse, Trouble> {
    let (person, form) = visit.sent().await?;
    let (id, on) = (id_of(&person)?, form.text("protection") == "on");
    let Ok(version) = form.text("version").parse() else {
        return Err(person.trouble_of(Trouble::out_of_date()));
    };
    let changed = person
        .write(move |tx| {
            let patch = ConnectionPatch {
                deletion_protection: Some(on),
                ..ConnectionPatch::default()
            };
            connections::patch(tx, id, Some(version), &patch)
        })
        .await;
    let view = changed.map_err(|error| person.trouble(&error))?;
    let flash = Flash::good(if on {
        format!(
            "'{}' is protected: nothing can move it to the trash.",
            view.name
        )
    } else {
        format!("'{}' can be moved to the trash again.", view.name)
    });
    Ok(person
        .see(&format!("/connections/{id}/archive"), &flash)
        .await)
}
