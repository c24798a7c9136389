//! Deleting one entry permanently, by whoever types its name.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::{Purges, entry_of, gone, path_of, went_with};
use crate::domain::codes::Code;
use crate::domain::ids::EntryId;
use crate::domain::kinds::EntryState;
use crate::http::console::confirm::Confirm;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::service::error::Error;
use crate::service::trash::{self, PurgeRequest};
use crate::service::views::EntryView;

#[derive(Template)]
#[template(path = "console/templates/trash/remove.html")]
struct RemovePage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    name: &'a str,
    went: Option<String>,
    confirm: Confirm,
}

/// The form that asks for the name of what was deleted.
pub(super) fn confirm(entry: &EntryView) -> Confirm {
    let back = path_of(entry.id);
    let (root, action) = (&entry.root, format!("{back}/delete"));
    Confirm::by_name(root.kind, &root.name, "Delete permanently", action, back)
}

fn page<'a>(person: &'a Person, entry: &'a EntryView, confirm: Confirm) -> RemovePage<'a> {
    RemovePage {
        frame: &person.frame,
        section: Some(Section::Trash),
        name: &entry.root.name,
        went: went_with(entry.root.kind, entry.impact.rows),
        confirm,
    }
}

/// The form, for those whose browser opens no dialog.
pub(super) async fn show(visit: Visit<Purges>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let id = entry_of(&person)?;
    let entry = open_entry(&person, id).await?;
    let kept = person
        .look(move |services, caller| {
            services
                .store
                .read_snapshot(|conn| trash::why_kept(services, conn, caller, id))
        })
        .await?;
    if let Some(problem) = kept {
        return Err(kept_by(&person, id, problem.detail));
    }
    Ok(person.page(&page(&person, &entry, confirm(&entry))))
}

/// Does it.
pub(super) async fn send(visit: Visit<Purges>) -> Result<HttpResponse, Trouble> {
    let (person, form) = visit.sent().await?;
    let id = entry_of(&person)?;
    let request = PurgeRequest {
        confirm: form.text("confirm").to_owned(),
    };
    let done = person.write(move |tx| trash::purge(tx, id, &request)).await;
    match done {
        Ok(entry) => Ok(person.see("/trash", &told(&entry)).await),
        Err(Error::Problem(problem)) if problem.code == Code::ConfirmMismatch => {
            let entry = open_entry(&person, id).await?;
            let again = confirm(&entry).wrong();
            Ok(person.refused(&page(&person, &entry, again)))
        }
        Err(Error::Problem(problem)) if problem.code == Code::EntryClosed => {
            Err(gone(&person, id).await?)
        }
        Err(Error::Problem(problem))
            if matches!(
                problem.code,
                Code::Held | Code::PurgeProtected | Code::MinRetention | Code::Braked
            ) =>
        {
            Err(kept_by(&person, id, problem.detail))
        }
        Err(error) => Err(person.trouble(&error)),
    }
}

async fn open_entry(person: &Person, id: EntryId) -> Result<EntryView, Trouble> {
    let entry = person
        .read(move |conn, caller| trash::get(conn, caller, id))
        .await?;
    match entry.state {
        EntryState::InTrash => Ok(entry),
        _ => Err(gone(person, id).await?),
    }
}

fn kept_by(person: &Person, id: EntryId, why: String) -> Trouble {
    let trouble = Trouble::new(StatusCode::CONFLICT, "Not deleted", why);
    person.trouble_of(trouble.link("Back to the entry", path_of(id)))
}

fn told(entry: &EntryView) -> Flash {
    let with = went_with(entry.root.kind, entry.impact.rows)
        .map_or_else(String::new, |went| format!(" with {went}"));
    let done = match entry.state {
        EntryState::Purging => "is being deleted permanently",
        _ => "was deleted permanently",
    };
    Flash::good(format!("'{}' {done}{with}.", entry.root.name))
        .link("See the record", path_of(entry.id))
}
