//! A new connection: its kind first, then what the kind is asked for.

use std::sync::Arc;

use actix_web::HttpResponse;
use askama::Template;

use super::Writes;
use super::fields::{self, Field, Input};
use super::secrets::{self, Secret};
use crate::connectors::{self, Connector};
use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::domain::json::JsonText;
use crate::domain::kinds::{EntryState, RootKind};
use crate::domain::scopes::Scope;
use crate::domain::text::Name;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::form::Form;
use crate::service::connections::{self, NewConnection};
use crate::service::error::Error;
use crate::service::pages::PageQuery;
use crate::service::reentry::fields_of_new;
use crate::service::trash;
use crate::store::filters::EntryFilter;

/// Entries in the trash with the name in theirs that are looked through for one that has just this name.
const MOST: i64 = 200;
/// The kind that the form begins with.
const FIRST: &str = "postgres";

#[derive(Template)]
#[template(path = "console/templates/connections/new.html")]
struct NewPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    kinds: Vec<(&'static str, &'static str, bool)>,
    connector: &'static Connector,
    plain: Vec<Field>,
    secrets: Vec<Secret>,
    notice: Option<String>,
    in_trash: Option<String>,
}

impl<'a> NewPage<'a> {
    fn of(
        frame: &'a Frame,
        connector: &'static Connector,
        typed: Option<&Form>,
        errors: &[FieldError],
    ) -> Self {
        let text = |name: &str| typed.map_or("", |form| form.text(name));
        let name = Field::text("name", "Name", "What people call it.", text("name"));
        let own = "Your own id of it, if you have one.";
        let own = Field::text("external_id", "External id", own, text("external_id"));
        let mut plain = vec![
            name.required().told(errors, "/name"),
            own.optional().told(errors, "/external_id"),
        ];
        let nothing = JsonText::empty_object();
        plain.extend(fields::settings(connector, &nothing, typed, errors));
        Self {
            frame,
            section: Some(Section::Connections),
            kinds: connectors::all()
                .map(|one| (&*one.key, &*one.label, one.key == connector.key))
                .collect(),
            connector,
            plain,
            secrets: if frame.may(Scope::SecretsWrite) {
                later(secrets::all(&fields_of_new(connector), typed, errors))
            } else {
                Vec::new()
            },
            notice: None,
            in_trash: None,
        }
    }
}

/// A connection can be made before anybody has its secrets.
fn later(mut secrets: Vec<Secret>) -> Vec<Secret> {
    for secret in &mut secrets {
        if secret.field.mark == "(required)" {
            secret.field.mark = "(may be entered later)";
        }
    }
    secrets
}

fn connector_of(key: Option<&str>) -> Result<&'static Connector, Trouble> {
    let chosen = key.and_then(connectors::find);
    let chosen = chosen.or_else(|| connectors::find(FIRST));
    chosen.ok_or_else(Trouble::nothing_here)
}

pub(in crate::http::console) async fn show(visit: Visit<Writes>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let connector = connector_of(person.query("kind").as_deref())?;
    Ok(person.page(&NewPage::of(&person.frame, connector, None, &[])))
}

pub(in crate::http::console) async fn create(
    visit: Visit<Writes>,
) -> Result<HttpResponse, Trouble> {
    let (person, mut form) = visit.sent().await?;
    let connector = connector_of(form.given("kind"))?;
    // The fields are those of another kind than the one that is chosen by now.
    let other = form
        .given("shown")
        .is_some_and(|shown| shown != connector.key);
    if other || form.text("do") == "fields" {
        let mut page = NewPage::of(&person.frame, connector, Some(&form), &[]);
        if form.text("do") == "fields" {
            return Ok(person.page(&page));
        }
        page.notice = Some(format!(
            "Nothing was saved: the fields were those of another kind. These are the fields of {}.",
            connector.label
        ));
        return Ok(person.refused(&page));
    }
    let mut errors = std::mem::take(&mut form.errors);
    let settings = fields::json(connector, &form, false, &mut errors);
    let source_hints = secrets::beside(&mut form, &fields_of_new(connector), &mut errors);
    if errors.is_empty() {
        let new = Arc::new(NewConnection {
            name: Some(form.text("name").trim().to_owned()),
            connector: connector.key.clone(),
            integration: None,
            external_id: form.given("external_id").map(str::to_owned),
            settings: Some(settings),
            tags: None,
            metadata: None,
            secrets: std::mem::take(&mut form.secrets),
            source_hints,
            deletion_protection: false,
            on_trashed: None,
        });
        match person.write(move |tx| connections::create(tx, &new)).await {
            Ok(view) => {
                let mut flash = Flash::good(format!("'{}' was created.", view.name));
                // It is made by now: what can't be read here is no reason to say otherwise.
                if let Ok(Some(entry)) = same_name(&person, &view.name).await {
                    flash.text.push_str(
                        " A connection of this name is in the trash: restoring it later will ask for another name.",
                    );
                    flash = flash.link("See it in the trash", format!("/trash/{entry}"));
                }
                return Ok(person
                    .see(&format!("/connections/{}", view.id), &flash)
                    .await);
            }
            Err(Error::Problem(problem)) if !problem.errors.is_empty() => errors = problem.errors,
            Err(Error::Problem(problem))
                if matches!(problem.code, Code::NameTaken | Code::ExternalIdTaken) =>
            {
                let place = match problem.code {
                    Code::NameTaken => "/name",
                    _ => "/external_id",
                };
                let free = problem
                    .members
                    .get("suggested_name")
                    .and_then(|free| free.as_str());
                let free = free
                    .map(|free| format!(" {free} is free."))
                    .unwrap_or_default();
                errors.push(FieldError::new(
                    place,
                    "taken",
                    format!("{}{free}", problem.detail),
                ));
            }
            Err(error) => return Err(person.trouble(&error)),
        }
    }
    let mut page = NewPage::of(&person.frame, connector, Some(&form), &errors);
    page.in_trash = same_name(&person, form.text("name")).await?;
    let secrets = if page.secrets.is_empty() {
        ""
    } else {
        " Secrets must be entered again."
    };
    page.notice = Some(format!(
        "Nothing was saved. Please correct what is marked.{secrets} {}",
        elsewhere(&page, &errors)
    ));
    Ok(person.refused(&page))
}

/// What is wrong with something that has no field of its own.
fn elsewhere(page: &NewPage<'_>, errors: &[FieldError]) -> String {
    let shown = |error: &&FieldError| {
        let beside = page.secrets.iter().flat_map(Secret::fields);
        let mut fields = page.plain.iter().chain(beside);
        !fields.any(|field| field.error.as_deref() == Some(&*fields::sentence(&error.detail)))
    };
    let others: Vec<&str> = errors
        .iter()
        .filter(shown)
        .map(|error| error.detail.as_str())
        .collect();
    others.join(" ")
}

/// The trash entry of a connection of this name, for those who may see it.
async fn same_name(person: &Person, name: &str) -> Result<Option<String>, Trouble> {
    if !person.may(Scope::TrashRead) {
        return Ok(None);
    }
    let Ok(name) = Name::parse(name) else {
        return Ok(None);
    };
    let key = name.key();
    let filter = EntryFilter {
        kind: Some(RootKind::Connection),
        state: Some(EntryState::InTrash),
        q: Some(key.clone()),
        ..EntryFilter::default()
    };
    let entry = person
        .read(move |conn, caller| {
            let page = PageQuery::new(Some(MOST), None)?;
            let found = trash::list(conn, caller, &filter, false, &page)?;
            Ok(found
                .data
                .into_iter()
                .find(|entry| Name::fold(&entry.root.name) == key)
                .map(|entry| entry.id.to_string()))
        })
        .await?;
    Ok(entry)
}
