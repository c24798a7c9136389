//! A connection's settings and secrets: shown, changed, tested. After a restore this is where the secrets come back.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::fields::{self, Field, Input};
use super::secrets::{self, Secret};
use super::{Head, Tab, Writes};
use crate::connectors;
use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::domain::ids::ConnectionId;
use crate::domain::json::child_pointer;
use crate::domain::kinds::Outcome;
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{self, Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::console::words::When;
use crate::http::form::Form;
use crate::http::probing::test_connection;
use crate::service::connections::{self, ConnectionPatch};
use crate::service::error::Error;
use crate::service::probe::ConnectionTestView;
use crate::service::reentry::{self, FormField, Value};
use crate::service::unit::Written;
use crate::service::views::ConnectionView;

#[derive(Template)]
#[template(path = "console/templates/connections/settings.html")]
struct SettingsPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    head: Head,
    version: i64,
    plain: Vec<Field>,
    secrets: Vec<Secret>,
    facts: Vec<(&'static str, String)>,
    tested: Option<(When, String)>,
    testable: bool,
    writes: bool,
    /// The secrets that are missing, where the reader may not enter them.
    lacking: Option<String>,
    notice: Option<String>,
}

impl<'a> SettingsPage<'a> {
    fn of(
        frame: &'a Frame,
        view: &ConnectionView,
        known: &[FormField],
        typed: Option<&Form>,
        errors: &[FieldError],
    ) -> Self {
        let text = |name: &str, stored: &str| match typed {
            Some(form) => form.text(name).to_owned(),
            None => stored.to_owned(),
        };
        let own = view.external_id.as_deref().unwrap_or_default();
        let name = Field::text(
            "name",
            "Name",
            "What people call it.",
            &text("name", &view.name),
        );
        let help = "Your own id of it, if you have one.";
        let own = Field::text(
            "external_id",
            "External id",
            help,
            &text("external_id", own),
        );
        let mut plain = vec![
            name.required().told(errors, "/name"),
            own.optional().told(errors, "/external_id"),
        ];
        let connector = connectors::find(&view.connector);
        if let Some(connector) = connector {
            plain.extend(fields::settings(connector, &view.settings, typed, errors));
        }
        let writes = frame.may(Scope::ConnectionsWrite);
        let enters = writes && frame.may(Scope::SecretsWrite);
        let missing = known.iter().filter(|field| field.missing && !enters);
        let missing: Vec<&str> = missing.map(|field| field.label).collect();
        Self {
            frame,
            section: Some(Section::Connections),
            tab: Tab::Settings,
            head: Head::of(view),
            version: view.version,
            plain,
            lacking: (!missing.is_empty()).then(|| missing.join(", ")),
            secrets: if enters {
                secrets::all(known, typed, errors)
            } else {
                Vec::new()
            },
            facts: vec![
                ("Integration", view.integration.clone()),
                ("Id", view.id.to_string()),
            ],
            tested: last_test(view, frame),
            testable: connector.is_some_and(|connector| connector.probe.is_some()),
            writes,
            notice: None,
        }
    }
}

impl SettingsPage<'_> {
    /// What is missing is the first that one is asked for.
    fn begins_with_secrets(&self) -> bool {
        self.secrets.iter().any(|secret| secret.field.required)
    }
}

/// The last test: when, and what it came to.
fn last_test(view: &ConnectionView, frame: &Frame) -> Option<(When, String)> {
    let test: serde_json::Value = serde_json::from_str(view.last_test.as_ref()?.as_str()).ok()?;
    let at = super::list::tested_at(view)?;
    let detail = test.get("detail")?.as_str()?.to_owned();
    Some((When::new(at, frame.now), detail))
}

pub(in crate::http::console) async fn show(
    visit: Visit<needs::ConnectionsRead>,
) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let id = id_of(&person)?;
    let (view, known) = person
        .read(move |conn, caller| reentry::fields(conn, caller, id))
        .await?;
    Ok(person.page(&SettingsPage::of(&person.frame, &view, &known, None, &[])))
}

/// The connection in the address.
pub(super) fn id_of(person: &Person) -> Result<ConnectionId, Trouble> {
    person
        .input
        .connection()
        .map_err(|error| person.trouble(&error))
}

pub(in crate::http::console) async fn save(visit: Visit<Writes>) -> Result<HttpResponse, Trouble> {
    let (person, mut form) = visit.sent().await?;
    let id = id_of(&person)?;
    let (view, known) = person
        .read(move |conn, caller| reentry::fields(conn, caller, id))
        .await?;
    let mut errors = std::mem::take(&mut form.errors);
    let test = form.text("do") == "test" && person.may(Scope::SecretsWrite);
    if test {
        errors.extend(reentry::lacking(&known, &form.secrets));
    }
    let source_hints = secrets::beside(&mut form, &known, &mut errors);
    let settings = connectors::find(&view.connector)
        .map(|connector| fields::json(connector, &form, true, &mut errors));
    if errors.is_empty() {
        let patch = ConnectionPatch {
            name: Some(form.text("name").trim().to_owned()),
            external_id: Some(form.given("external_id").map(str::to_owned)),
            settings,
            secrets: std::mem::take(&mut form.secrets),
            source_hints,
            ..ConnectionPatch::default()
        };
        let Ok(version) = form.text("version").parse() else {
            return Err(person.trouble_of(Trouble::out_of_date()));
        };
        let patch = Arc::new(patch);
        let saved = person
            .write(move |tx| connections::patch(tx, id, Some(version), &patch))
            .await;
        match saved {
            Ok(view) => {
                let flash = if test {
                    tested(&person, id).await
                } else {
                    Flash::good(format!("'{}' was saved.", view.name))
                };
                return Ok(person.see(&format!("/connections/{id}"), &flash).await);
            }
            Err(Error::Problem(problem)) if !problem.errors.is_empty() => errors = problem.errors,
            Err(Error::Problem(problem)) if problem.code == Code::NameTaken => {
                errors.push(FieldError::new("/name", "taken", problem.detail));
            }
            Err(Error::Problem(problem)) if problem.code == Code::ExternalIdTaken => {
                errors.push(FieldError::new("/external_id", "taken", problem.detail));
            }
            Err(Error::Problem(problem)) if problem.code == Code::SecretsRequired => {
                let stored = known.iter().filter(|field| field.value == Value::Stored);
                errors.extend(stored.map(|field| {
                    let place = child_pointer("/secrets", field.key);
                    let detail = "Enter it again: what you changed sends it elsewhere.";
                    FieldError::new(place, "required", detail)
                }));
            }
            Err(Error::Problem(problem)) if problem.code == Code::VersionMismatch => {
                return overtaken(&person, id, &form).await;
            }
            Err(error) => return Err(person.trouble(&error)),
        }
    }
    let mut page = SettingsPage::of(&person.frame, &view, &known, Some(&form), &errors);
    let mut notice = "Nothing was saved. Please correct what is marked.".to_owned();
    if !page.secrets.is_empty() {
        notice.push_str(" Secrets must be entered again.");
    }
    for error in errors.iter().filter(|error| !is_shown(&page, error)) {
        notice.push(' ');
        notice.push_str(&error.detail);
    }
    page.notice = Some(notice);
    Ok(person.refused(&page))
}

/// Somebody changed the connection since the form was opened: it comes back as it was filled in, and may be sent again.
async fn overtaken(
    person: &Person,
    id: ConnectionId,
    form: &Form,
) -> Result<HttpResponse, Trouble> {
    let (view, known) = person
        .read(move |conn, caller| reentry::fields(conn, caller, id))
        .await?;
    let mut page = SettingsPage::of(&person.frame, &view, &known, Some(form), &[]);
    let secrets = if page.secrets.is_empty() {
        ""
    } else {
        " Secrets must be entered again."
    };
    page.notice = Some(format!(
        "This page is out of date. Reload it and try again. Or send it once more: what is below then takes the place of what \
         somebody saved meanwhile. Nothing was saved now.{secrets}"
    ));
    Ok(frame::page(StatusCode::FORBIDDEN, &page))
}

fn is_shown(page: &SettingsPage<'_>, error: &FieldError) -> bool {
    let beside = page.secrets.iter().flat_map(Secret::fields);
    let mut fields = page.plain.iter().chain(beside);
    fields.any(|field| field.error.as_deref() == Some(&*fields::sentence(&error.detail)))
}

/// Tests what was saved, and says both.
async fn tested(person: &Person, id: ConnectionId) -> Flash {
    const SAVED: &str = "What you entered is saved";
    let done = test_connection(&person.state, person.caller(), id, None, None).await;
    let view: ConnectionTestView = match done {
        Ok(Written::Fresh(view, _)) => view,
        Ok(Written::Replayed(_)) => return Flash::good(format!("{SAVED}.")),
        Err(error) => {
            let detail = error.told().detail;
            return Flash::bad(format!(
                "{SAVED}, but the connection could not be tested now. {detail}"
            ));
        }
    };
    let took = view.test.duration_ms.max(1);
    match view.test.outcome {
        Outcome::Ok if view.recorded => {
            Flash::good(format!("Connection test succeeded in {took} ms. {SAVED}."))
        }
        Outcome::Ok => Flash::bad(
            "Connection test succeeded, but somebody changed the connection meanwhile: test it once more.",
        ),
        Outcome::Unsupported => Flash::good(format!(
            "{SAVED}. A connection of this kind can't be tested."
        )),
        Outcome::AuthFailed
        | Outcome::Unreachable
        | Outcome::TlsFailed
        | Outcome::Timeout
        | Outcome::ProtocolError
        | Outcome::RefusedByPolicy => Flash::bad(format!(
            "Connection failed: {} It took {took} ms. {SAVED}.",
            view.test.detail
        )),
    }
}
