//! The trash: the list, an entry, and what is done with one or with many: restore, keep, delete permanently.
//!
//! What must stay true: what has left the trash meanwhile is explained and linked on, never an error of ours; nothing is
//! deleted for good without something typed that only this deletion is called.

mod entry;
mod filter;
mod holds;
mod list;
mod options;
mod receipt;
mod remove;
mod restore;
mod secrets;
mod selected;
mod timeline;
mod tree;

use actix_web::http::StatusCode;
use actix_web::web;

use super::connections::path_of_content;
use super::trouble::Trouble;
use super::visit::{Person, encoded, needs_too};
use super::words::{called, day, rows, who};
use crate::connectors;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, EntryId};
use crate::domain::kinds::{DependentKind, EntryState, RootKind};
use crate::domain::scopes::Scope;
use crate::service::caller::Actor;
use crate::service::trash;
use crate::service::views::{Counts, EntryView};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/trash", web::get().to(list::show))
        .route("/trash/selected", web::post().to(selected::send))
        .route("/trash/selected/delete", web::post().to(selected::delete))
        .route("/trash/{id}", web::get().to(entry::show))
        .route("/trash/{id}/receipt", web::get().to(receipt::download))
        .route("/trash/{id}/restore", web::post().to(restore::send))
        .route("/trash/{id}/delete", web::get().to(remove::show))
        .route("/trash/{id}/delete", web::post().to(remove::send))
        .route("/trash/{id}/holds", web::post().to(holds::put))
        .route("/trash/{id}/holds/{hold}/end", web::post().to(holds::end));
}

// Whoever changes an entry here sees it, too: the pages say what it is.
needs_too! {
    Restores = TrashRestore, TrashRead;
    Purges = TrashPurge, TrashRead;
    Holds = TrashHold, TrashRead;
}

/// The entry in the address.
fn entry_of(person: &Person) -> Result<EntryId, Trouble> {
    person.input.entry().map_err(|error| person.trouble(&error))
}

/// What it is, with what it connects to: "Connection, PostgreSQL".
fn what(entry: &EntryView) -> String {
    let label =
        connectors::find(&entry.connector).map_or(entry.connector.as_str(), |found| &found.label);
    format!("{}, {label}", called(entry.root.kind).label)
}

/// What went with the root of an entry, or would come back with it.
fn went_with(kind: RootKind, counts: Counts) -> Option<String> {
    let own = |of| i64::from(kind == of);
    rows(
        counts.connections - own(RootKind::Connection),
        counts.models - own(RootKind::Model),
        counts.content - own(RootKind::Content),
    )
}

/// Where an entry has its page, below the console.
fn path_of(id: EntryId) -> String {
    format!("/trash/{id}")
}

/// Where one sees what a restore has brought back.
fn path_of_restored(kind: RootKind, connection: Option<ConnectionId>) -> String {
    match (kind, connection) {
        (RootKind::Connection, Some(id)) => format!("/connections/{id}"),
        (RootKind::Model, Some(id)) => path_of_content(id, DependentKind::Model),
        (RootKind::Content, Some(id)) => path_of_content(id, DependentKind::Content),
        _ => "/connections".to_owned(),
    }
}

/// The list narrowed to what one person or key has deleted.
fn path_by(actor: &Actor) -> String {
    format!("/trash?by={}", encoded(&actor.id))
}

/// The page for whoever wants something of an entry that has left the trash, say in another window.
async fn gone(person: &Person, id: EntryId) -> Result<Trouble, Trouble> {
    let entry = person
        .read(move |conn, caller| trash::get(conn, caller, id))
        .await?;
    let name = &entry.root.name;
    let by = entry
        .closed_by
        .as_ref()
        .map_or_else(String::new, |actor| format!(" by {}", who(actor)));
    let at = entry
        .closed_at
        .map_or_else(String::new, |at: Ts| format!(" on {}", day(at)));
    let trouble = match entry.state {
        EntryState::Restored => {
            let to = path_of_restored(entry.root.kind, entry.connection_id);
            let trouble = Trouble::new(
                StatusCode::CONFLICT,
                "Already restored",
                format!("'{name}' was already restored{by}{at}. Nothing was changed now."),
            );
            if person.may(Scope::ConnectionsRead) {
                trouble.link("See it", to)
            } else {
                trouble
            }
        }
        EntryState::Purged | EntryState::Purging => Trouble::new(
            StatusCode::GONE,
            "No longer in the trash",
            format!(
                "'{name}' is no longer in the trash: it was deleted permanently{by}{at} and can't come back."
            ),
        ),
        // It came and went between two looks.
        EntryState::InTrash => Trouble::new(
            StatusCode::CONFLICT,
            "Try again",
            format!("'{name}' was being changed by somebody else. Nothing was changed now."),
        ),
    };
    let trouble = trouble.link("See what became of it", path_of(id));
    Ok(person.trouble_of(trouble.link("Trash", "/trash")))
}
