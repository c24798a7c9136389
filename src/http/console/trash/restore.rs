//! Restoring one entry: what Undo does too. What is in the way is a form that says what to choose.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::options::{Given, Options};
use super::secrets;
use super::{Restores, entry_of, gone, path_of, path_of_restored, went_with};
use crate::domain::codes::Code;
use crate::domain::ids::EntryId;
use crate::domain::kinds::{EntryState, RootKind};
use crate::domain::scopes::Scope;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{self, Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::console::words::number_of;
use crate::service::error::{Error, Problem};
use crate::service::restore::{self, RestoreView};
use crate::service::trash;
use crate::service::views::{Counts, EntryView};

#[derive(Template)]
#[template(path = "console/templates/trash/restore.html")]
struct RestorePage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    back: String,
    options: Options,
}

pub(super) async fn send(visit: Visit<Restores>) -> Result<HttpResponse, Trouble> {
    let (person, form) = visit.sent().await?;
    let id = entry_of(&person)?;
    let mut given = Given::read(&form);
    let (found, given) = person
        .read(move |conn, caller| {
            let found = given.find(conn, caller);
            Ok((found, given))
        })
        .await?;
    let request = match found.and_then(|()| given.request()) {
        Ok(request) => request,
        Err(Error::Problem(problem)) => return again(&person, id, given, *problem).await,
        Err(error) => return Err(person.trouble(&error)),
    };
    let done = person
        .write(move |tx| {
            let done = restore::restore(tx, id, &request)?;
            Ok((done, trash::get(tx.conn, tx.caller, id)?))
        })
        .await;
    match done {
        Ok((done, entry)) => {
            let path = if person.may(Scope::ConnectionsRead) {
                let connection = done.connection.as_ref().map(|view| view.id);
                path_of_restored(entry.root.kind, connection)
            } else {
                path_of(id)
            };
            let new_name = given.name().filter(|name| *name != entry.root.name);
            let flash = Flash::good(told(&done, &entry, new_name));
            Ok(person.see(&path, &flash).await)
        }
        Err(Error::Problem(problem)) => match problem.code {
            Code::EntryClosed => Err(gone(&person, id).await?),
            Code::NameTaken
            | Code::ExternalIdTaken
            | Code::ParentInTrash
            | Code::ParentPurged
            | Code::ParentMoved
            | Code::InvalidInput => again(&person, id, given, *problem).await,
            _ => Err(person.trouble(&Error::Problem(problem))),
        },
        Err(error) => Err(person.trouble(&error)),
    }
}

/// The form once more, with what is in the way.
async fn again(
    person: &Person,
    id: EntryId,
    given: Given,
    problem: Problem,
) -> Result<HttpResponse, Trouble> {
    let status = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::CONFLICT);
    let options = person
        .read(move |conn, caller| {
            let entry = trash::get(conn, caller, id)?;
            if entry.state != EntryState::InTrash {
                return Ok(None);
            }
            Options::of(conn, caller, &entry, &given, Some(&problem)).map(Some)
        })
        .await?;
    let Some(options) = options else {
        return Err(gone(person, id).await?);
    };
    let page = RestorePage {
        frame: &person.frame,
        section: Some(Section::Trash),
        back: path_of(id),
        options,
    };
    Ok(frame::page(status, &page))
}

/// What came back, what could not, and what to do now.
fn told(done: &RestoreView, entry: &EntryView, new_name: Option<&str>) -> String {
    let restored = Counts {
        integrations: done.restored.integrations,
        connections: done.restored.connections,
        models: done.restored.models,
        content: done.restored.content,
        links: done.restored.links,
    };
    let name = match new_name {
        Some(new) => format!("'{}' was restored as '{new}'", entry.root.name),
        None => format!("'{}' was restored", entry.root.name),
    };
    let with = went_with(entry.root.kind, restored)
        .map_or_else(String::new, |went| format!(" with {went}"));
    let lost = done.not_restored.iter().map(|lost| {
        format!(
            "{} could not come back: {}.",
            number_of(lost.count, lost.kind, &format!("{}s", lost.kind)),
            lost.reason
        )
    });
    let sentences = [format!("{name}{with}.")].into_iter();
    let sentences: Vec<String> = sentences.chain(to_enter(done, entry)).chain(lost).collect();
    sentences.join(" ")
}

fn to_enter(done: &RestoreView, entry: &EntryView) -> Option<String> {
    const THEN: &str = "then update and test the connection.";
    let labels_of = |names: &[String]| -> Vec<String> {
        let known = done.connection.as_ref().map(|view| &view.secrets);
        names
            .iter()
            .map(|name| {
                let secret = known.and_then(|known| known.get(name));
                secret.map_or_else(|| name.clone(), |secret| secret.label.clone())
            })
            .collect()
    };
    let removed = |whose: &str, labels: &[String], then: &str| {
        let (was, it) = if labels.len() == 1 {
            ("was", "it")
        } else {
            ("were", "them")
        };
        format!(
            "{whose} {} {was} removed when it was deleted: enter {it} again{then}",
            secrets::listed(labels)
        )
    };
    match entry.root.kind {
        RootKind::Integration => {
            let own = secrets::labels(entry);
            let own = (!own.is_empty()).then(|| removed("Its", &own, "."));
            let theirs = (done.restored.connections > 0 && entry.secrets.shredded > 0).then(|| {
                "The passwords and keys of its connections were removed, too: enter them again, then test them."
                    .to_owned()
            });
            match (own, theirs) {
                (Some(own), Some(theirs)) => Some(format!("{own} {theirs}")),
                (own, theirs) => own.or(theirs),
            }
        }
        RootKind::Connection => {
            let labels = secrets::labels(entry);
            if !labels.is_empty() {
                return Some(removed("Its", &labels, &format!(", {THEN}")));
            }
            let missing = labels_of(&done.needs_credentials);
            (!missing.is_empty()).then(|| {
                format!(
                    "It needs its {} before it can be used.",
                    secrets::listed(&missing)
                )
            })
        }
        RootKind::Model | RootKind::Content => {
            let missing = labels_of(&done.needs_credentials);
            let connection = done.connection.as_ref()?;
            (done.restored.connections > 0 && !missing.is_empty()).then(|| {
                let whose = format!("Its connection '{}' came back, too; its", connection.name);
                removed(&whose, &missing, &format!(", {THEN}"))
            })
        }
    }
}
